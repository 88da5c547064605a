//! Steps of rows of W under the Kullback–Leibler divergence, several of each row one after the other: the rows of H that
//! its line needs lie in cache meanwhile, transposed, so that all sums run over the entries of the line in vectors.

use pulp::{Simd, WithSimd};

use super::rule::{Change, Rule};
use crate::Float;
use crate::kernel::{self, PADDING};
use crate::loss::Elementwise;
use crate::matrix::{Compressed, Row};

/// Values of the transposed copy at most, 8 MB in double precision: a longer line is copied a part at a time, in every step.
const COPY_VALUES: usize = 1 << 20;

/// Takes `steps` of the rows (r × k) that belong to the lines from `from` on; `other` are the rows of Hᵀ and `down` their sums.
/// Returns how far each step has moved the rows.
pub(super) fn advance<T: Float>(
    (elementwise, rule): (&Elementwise<T>, &Rule),
    (lines, from): (&Compressed<'_, T>, usize),
    (other, down): (&[T], &[T]),
    rows: &mut [T],
    steps: usize,
) -> Vec<Change> {
    kernel::narrow_machine().dispatch(Advance {
        elementwise,
        rule,
        lines,
        from,
        other,
        down,
        rows,
        steps,
        copy_values: COPY_VALUES,
    })
}

struct Advance<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    rule: &'a Rule,
    lines: &'a Compressed<'a, T>,
    from: usize,
    other: &'a [T],
    down: &'a [T],
    rows: &'a mut [T],
    steps: usize,
    copy_values: usize,
}

impl<T: Float> WithSimd for Advance<'_, T> {
    type Output = Vec<Change>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<Change> {
        let k = self.down.len();
        let most = (self.copy_values / k).max(PADDING) / PADDING * PADDING;
        let (_, inverse, floor) = self.elementwise.units();
        let mut room = Room::default();
        let [mut scaled, mut up, mut next] = [(); 3].map(|()| vec![T::ZERO; k]);
        let mut lanes = vec![T::ZERO; k * T::count::<S>()];
        // A row for each step.
        let [mut differences, mut sizes] = [(); 2].map(|()| vec![0.0; self.steps * k]);
        for (i, x) in self.rows.chunks_exact_mut(k).enumerate() {
            let line = self.lines.row(self.from + i);
            let length = line.values.len();
            let squares = differences
                .chunks_exact_mut(k)
                .zip(sizes.chunks_exact_mut(k));
            for (step, (differences, sizes)) in squares.enumerate() {
                for (scaled, &x) in scaled.iter_mut().zip(&*x) {
                    *scaled = x * inverse;
                }
                lanes.fill(T::ZERO);
                for first in (0..length).step_by(most) {
                    if step == 0 || length > most {
                        let part = line.range(first, (first + most).min(length));
                        room.take(part, inverse, self.other, k);
                    }
                    let turned = (&room.turned[..], room.stride);
                    kernel::add_ratios(simd, &room.v, &scaled, turned, floor, &mut lanes);
                }
                kernel::totals(simd, &lanes, &mut up);
                self.rule.advance_row(simd, [&up, self.down, x], &mut next);
                for ((x, &next), (difference, size)) in x
                    .iter_mut()
                    .zip(&next)
                    .zip(differences.iter_mut().zip(sizes))
                {
                    let (old, new) = (x.to_f64(), next.to_f64());
                    *difference += (new - old) * (new - old);
                    *size += new * new;
                    *x = next;
                }
            }
        }
        let squares = differences.chunks_exact(k).zip(sizes.chunks_exact(k));
        squares
            .map(|(differences, sizes)| Change::of_squares(differences, sizes))
            .collect()
    }
}

/// Some entries of a line, and the rows of H for them.
struct Room<T> {
    places: Vec<usize>,
    /// In scaled units, and padded with zeros.
    v: Vec<T>,
    turned: Vec<T>,
    stride: usize,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            v: Vec::new(),
            turned: Vec::new(),
            stride: 0,
        }
    }
}

impl<T: Float> Room<T> {
    #[inline(always)]
    fn take(&mut self, entries: Row<'_, T>, inverse: T, other: &[T], k: usize) {
        self.places.clear();
        self.v.clear();
        kernel::for_each_entry(entries, |place, value| {
            self.places.push(place);
            self.v.push(value * inverse);
        });
        let count = self.v.len();
        self.v.resize(count.next_multiple_of(PADDING), T::ZERO);
        self.stride = kernel::stride::<T>(count);
        self.turned.resize(self.stride * k, T::ZERO);
        for component in self.turned.chunks_exact_mut(self.stride) {
            component[count..].fill(T::ZERO);
        }
        let place = |entry: usize| self.places[entry];
        kernel::turn(
            &mut self.turned,
            self.stride,
            other,
            k,
            (0, k),
            count,
            place,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Weights};
    use crate::matrix::Twin;

    #[test]
    fn a_line_too_long_for_the_copy_takes_the_same_steps() {
        let (n, k) = (530, 5);
        let numbers = |count: usize, start: f64| -> Vec<f64> {
            let numbers = (0..count).map(|i| (i as f64 * 0.618_033_988_75 + start).fract());
            numbers.collect()
        };
        let v: Vec<f64> = (0..2 * n)
            .zip(numbers(2 * n, 0.3))
            .map(|(i, x)| if i % 3 == 0 { 0.0 } else { 4.0 * x })
            .collect();
        let lines = Twin::of_dense(faer::MatRef::from_row_major_slice(&v, 2, n));
        let (other, down) = (numbers(n * k, 0.2), vec![250.0; k]);
        let rule = Rule {
            beta: 1.0,
            penalty: Weights { l1: 0.5, l2: 0.25 },
        };
        let elementwise = Elementwise::new(Loss::KULLBACK_LEIBLER, 1.5);
        let solved = |copy_values| {
            let mut rows = numbers(2 * k, 0.7);
            let moved = kernel::narrow_machine().dispatch(Advance {
                elementwise: &elementwise,
                rule: &rule,
                lines: &lines.view(),
                from: 0,
                other: &other,
                down: &down,
                rows: &mut rows,
                steps: 6,
                copy_values,
            });
            (rows, moved.iter().map(Change::relative).collect::<Vec<_>>())
        };
        let whole = solved(COPY_VALUES);
        for copy_values in [1, 300 * k] {
            let parts = solved(copy_values);
            let pairs = whole
                .0
                .iter()
                .zip(&parts.0)
                .chain(whole.1.iter().zip(&parts.1));
            for (a, b) in pairs {
                assert!(
                    (a - b).abs() <= 1e-12 * a.abs(),
                    "{copy_values}: {a} against {b}"
                );
            }
        }
    }
}
