//! A sketch of V: V ≈ Q B with an orthonormal Q (m × l) and l far below n, found by a randomised range finder with a power
//! step (Halko, Martinsson & Tropp 2011, SIAM Review 53:2, doi 10.1137/090771806). A fit that begins on a sketch walks over
//! l (m + n) entries instead of m n (Erichson et al. 2018, Pattern Recognition Letters 104,
//! doi 10.1016/j.patrec.2018.01.007).

use faer::{Mat, MatRef, Side};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::Float;
use crate::float::power_of_two_near;
use crate::kernel;
use crate::matrix::{Blocks, Dense};
use crate::pass::Sums;
use crate::shard::{add_sums, sum};
use crate::stop::StopRule;
use crate::threads::Threads;

/// Columns of a sketch for each component.
const WIDTH: usize = 2;
/// Columns beyond k at least.
const LEAST_EXTRA: usize = 4;
/// Power steps: what factors of rank k can reach of V need not be known better.
const STEPS: usize = 1;
/// Rows in a task.
const ROWS: usize = 256;

/// Columns of a sketch for factors of rank `k`.
pub(crate) fn width(rows: usize, cols: usize, k: usize) -> usize {
    let wanted = k.saturating_mul(WIDTH).max(k.saturating_add(LEAST_EXTRA));
    wanted.min(rows).min(cols)
}

/// Whether iterations on a sketch of a dense V, and then a few on V, come cheaper than those on V alone. For a sparse V no
/// shape was found for which they do.
pub(crate) fn pays(rows: usize, cols: usize, k: usize) -> bool {
    /// Price of an iteration on the sketch, in iterations on V, up to which it pays: some thirty of the former, and a making
    /// that costs about two of the latter, take the place of about a dozen.
    const PRICE: f64 = 0.35;
    let (m, n, k) = (rows as f64, cols as f64, k as f64);
    // Two products an iteration, sweeps for as much again, and one sweep more.
    let price = |walked: f64| 8.0 * walked * k + 2.0 * (m + n) * k * k;
    let width = width(rows, cols, k as usize) as f64;
    price(width * (m + n)) <= PRICE * price(m * n)
}

/// The squared error relative to ‖V‖² below which sums over a sketch do not tell it well enough for [`rule`], in single precision, too.
pub(crate) const CANCELLATION: f64 = 1e-5;

/// When iterations on a sketch end, and the tolerance: what it cannot tell of V soon outweighs what they still gain.
pub(crate) fn rule(brief: bool) -> (StopRule, f64) {
    if brief {
        StopRule::brief(1e-3)
    } else {
        (StopRule::SHORT_PLATEAU, 1e-2)
    }
}

/// Iterations on a sketch at most, of `max_iter` in all.
pub(crate) fn iterations(max_iter: usize) -> usize {
    /// Where the rule has never been seen to wait that long.
    const MOST: usize = 100;
    (max_iter / 2).min(MOST)
}

/// A matrix of a few columns, wherever its rows are.
pub(crate) trait Columns<T: Float> {
    /// YᵀY.
    fn gram(&mut self) -> Vec<f64>;
    /// Y · turn in the place of Y (m × l), for a turn (l × r) with r ≤ l.
    fn turn(&mut self, turn: Dense<T>);
}

/// Products with V/c for a power of two c near the mean of V, and the matrix Y (m × l) that the last one made, its rows beside those of
/// V: in this process ([`Held`]) or in others.
pub(crate) trait Range<T: Float>: Columns<T> {
    /// (V/c) x in the place of Y, for an x (n × l).
    fn forward(&mut self, x: Dense<T>);
    /// (V/c)ᵀY, n × l.
    fn backward(&mut self) -> Dense<T>;
}

/// A [`Sketch`] of V whose Q takes the place of Y: Bᵀ = VᵀQ (n × `width`).
pub(crate) fn project<T: Float>(
    blocks: &Blocks<'_, T>,
    range: &mut dyn Range<T>,
    width: usize,
    seed: u64,
    threads: &Threads,
) -> Dense<T> {
    range.forward(noise(blocks.cols, width, seed));
    orthonormalise(range);
    for _ in 0..STEPS {
        let mut turned = Near(range.backward(), threads);
        orthonormalise(&mut turned);
        range.forward(turned.0);
        orthonormalise(range);
    }
    let mut projected = range.backward();
    let unit = T::from_f64(unit(blocks));
    projected.as_mut_slice().iter_mut().for_each(|x| *x *= unit);
    projected
}

/// V ≈ Q B in memory.
pub(crate) struct Sketch<T> {
    /// Q, m × l: the rows of each block of V.
    pub(crate) basis: Vec<Dense<T>>,
    /// Bᵀ = VᵀQ, n × l.
    pub(crate) projected: Dense<T>,
}

impl<T: Float> Sketch<T> {
    /// A sketch with `width` columns.
    pub(crate) fn of(blocks: &Blocks<'_, T>, width: usize, seed: u64, threads: &Threads) -> Self {
        let mut held = Held::new(blocks, threads);
        let projected = project(blocks, &mut held, width, seed, threads);
        Self {
            basis: held.parts,
            projected,
        }
    }

    /// Two factors (lines × l, in blocks, and length × l) whose product stands for V, or for Vᵀ if it is `transposed`.
    pub(crate) fn lines(&self, transposed: bool) -> (&[Dense<T>], &Dense<T>) {
        match &self.basis[..] {
            [basis] if transposed => (std::slice::from_ref(&self.projected), basis),
            basis => (basis, &self.projected),
        }
    }
}

/// Normal values (n × `width`), drawn column by column.
pub(crate) fn noise<T: Float>(n: usize, width: usize, seed: u64) -> Dense<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = Dense::zeros(n, width);
    for column in 0..width {
        for row in noise.as_mut_slice().chunks_exact_mut(width) {
            let draw: f64 = StandardNormal.sample(&mut rng);
            row[column] = T::from_f64(draw);
        }
    }
    noise
}

/// The power of two near the mean of V that keeps products with V away from the ends of the range.
pub(crate) fn unit<T: Float>(blocks: &Blocks<'_, T>) -> f64 {
    power_of_two_near::<T>(blocks.mean())
}

/// What `product` makes of x/c. x is scaled where it stands and back again, which is exact as far as it matters: c is a power of two.
pub(crate) fn scaled<T: Float, R>(
    x: &mut Dense<T>,
    unit: f64,
    product: impl FnOnce(&Dense<T>) -> R,
) -> R {
    if unit == 1.0 {
        return product(x);
    }
    let scale = |x: &mut Dense<T>, by: T| x.as_mut_slice().iter_mut().for_each(|x| *x *= by);
    scale(x, T::from_f64(1.0 / unit));
    let out = product(x);
    scale(x, T::from_f64(unit));
    out
}

/// Products with V/c of a V in this process.
pub(crate) struct Products<'a, 'v, T: Float> {
    blocks: &'a Blocks<'v, T>,
    pub(crate) unit: f64,
    threads: &'a Threads,
}

impl<'a, 'v, T: Float> Products<'a, 'v, T> {
    pub(crate) fn new(blocks: &'a Blocks<'v, T>, threads: &'a Threads) -> Self {
        Self {
            blocks,
            unit: unit(blocks),
            threads,
        }
    }

    /// V (m × n) · x (n × l).
    pub(crate) fn forward(&self, x: &mut Dense<T>) -> Dense<T> {
        scaled(x, self.unit, |x| self.blocks.times(x, self.threads))
    }

    /// Vᵀ (n × m) · y (m × l).
    pub(crate) fn backward(&self, y: &mut Dense<T>) -> Dense<T> {
        scaled(y, self.unit, |y| {
            self.blocks.transposed_times(y, self.threads)
        })
    }
}

/// A matrix in one piece in this process.
pub(crate) struct Near<'a, T>(pub(crate) Dense<T>, pub(crate) &'a Threads);

impl<T: Float> Columns<T> for Near<'_, T> {
    fn gram(&mut self) -> Vec<f64> {
        Sums::over(&self.0, self.1).gram
    }

    fn turn(&mut self, turn: Dense<T>) {
        let columns = std::mem::replace(&mut self.0, Dense::zeros(0, 0));
        self.0 = turned(columns, &turn, self.1);
    }
}

/// The [`Range`] of a V in this process.
pub(crate) struct Held<'a, 'v, T: Float> {
    products: Products<'a, 'v, T>,
    /// The rows of Y of each block.
    parts: Vec<Dense<T>>,
}

impl<'a, 'v, T: Float> Held<'a, 'v, T> {
    pub(crate) fn new(blocks: &'a Blocks<'v, T>, threads: &'a Threads) -> Self {
        Self {
            products: Products::new(blocks, threads),
            parts: Vec::new(),
        }
    }

    /// The rows of Y of each block.
    pub(crate) fn into_parts(self) -> Vec<Dense<T>> {
        self.parts
    }
}

impl<T: Float> Columns<T> for Held<'_, '_, T> {
    fn gram(&mut self) -> Vec<f64> {
        let parts = self.parts.iter();
        let grams = parts.map(|part| Sums::over(part, self.products.threads).gram);
        sum(grams, |total, gram| add_sums(total, &gram))
    }

    fn turn(&mut self, turn: Dense<T>) {
        let threads = self.products.threads;
        let parts = self.parts.drain(..);
        self.parts = parts.map(|part| turned(part, &turn, threads)).collect();
    }
}

impl<T: Float> Range<T> for Held<'_, '_, T> {
    fn forward(&mut self, mut x: Dense<T>) {
        // Room for the next ones: they have a row for each of V.
        self.parts.clear();
        let Products {
            blocks,
            unit,
            threads,
        } = self.products;
        let count = blocks.sources.len();
        self.parts = scaled(&mut x, unit, |x| {
            let parts = (0..count).map(|index| blocks.times_of(index, x, threads));
            parts.collect()
        });
    }

    fn backward(&mut self) -> Dense<T> {
        let Products {
            blocks,
            unit,
            threads,
        } = self.products;
        let parts = self.parts.iter_mut().enumerate();
        let products = parts.map(|(index, part)| {
            scaled(part, unit, |part| {
                blocks.transposed_times_of(index, part, threads)
            })
        });
        sum(products, |total, product| total.add(&product))
    }
}

/// Turns columns into an orthonormal basis of what they span, where they stand. Directions that the rest drowns are left
/// out, as columns of zeros.
fn orthonormalise<T: Float, C: Columns<T> + ?Sized>(columns: &mut C) {
    // The first time gets near, the second time there.
    for _ in 0..2 {
        if let Some(turn) = Turn::of(&columns.gram()) {
            columns.turn(turn.matrix);
        }
    }
}

/// X = Q Λ^½ Uᵀ with an orthonormal Q, from the eigenvalues of the Gram matrix XᵀX = U Λ Uᵀ. Small singular values of X, and
/// their columns of Q, are known to half the digits only.
pub(crate) struct Turn<T> {
    /// Λ: squared singular values of X, rising.
    pub(crate) values: Vec<f64>,
    /// U Λ^(−½), l × l: X times this is Q.
    pub(crate) matrix: Dense<T>,
}

impl<T: Float> Turn<T> {
    /// For the Gram matrix of X (l × l). `None` only if the eigenvalues do not converge, which no finite matrix is known to cause.
    pub(crate) fn of(gram: &[f64]) -> Option<Self> {
        let width = gram.len().isqrt();
        let gram = MatRef::from_row_major_slice(gram, width, width);
        let eigen = gram.self_adjoint_eigen(Side::Lower).ok()?;
        let values: Vec<f64> = (0..width).map(|i| eigen.S()[i]).collect();
        let drowned =
            values[width - 1] * width as f64 * f64::EPSILON.max(T::EPSILON.to_f64().powi(2));
        let turn: Mat<T> = Mat::from_fn(width, width, |i, j| match values[j] {
            value if value > drowned => T::from_f64(eigen.U()[(i, j)] / value.sqrt()),
            _ => T::ZERO,
        });
        Some(Self {
            values,
            matrix: Dense::copy_of(turn.as_ref()),
        })
    }
}

/// The rows of X times a matrix with no more columns, in the memory of X, a run of rows after the other.
pub(crate) fn turned<T: Float>(x: Dense<T>, turn: &Dense<T>, threads: &Threads) -> Dense<T> {
    /// Pieces of a run.
    const PIECES: usize = 64;
    let (count, width, k) = (x.rows(), x.cols(), turn.cols());
    let mut rows = x.into_values();
    let mut run = vec![T::ZERO; (PIECES * ROWS).min(count) * k];
    for first in (0..count).step_by(PIECES * ROWS) {
        let last = (first + PIECES * ROWS).min(count);
        let run = &mut run[..(last - first) * k];
        threads.map_chunks(run, ROWS * k, |index, out| {
            let (from, lines) = (first + index * ROWS, out.len() / k);
            let before = &rows[from * width..(from + lines) * width];
            let before = MatRef::from_row_major_slice(before, lines, width);
            kernel::times(out, before, turn.view());
        });
        // No further than the rows that have been read.
        rows[first * k..last * k].copy_from_slice(run);
    }
    rows.truncate(count * k);
    rows.shrink_to_fit();
    Dense::from_rows(rows, count, k).expect("whole rows")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;
    use crate::matrix::{Signs, Wanted};

    /// A matrix of rank 3, 40 × 30.
    fn low_rank<T: Float>() -> Vec<T> {
        let entry = |i: usize, j: usize| {
            let wave = |t: usize, x: usize| 1.0 + (((t + 2) * x) as f64 * 0.37).sin();
            (0..3).map(|t| wave(t, i) * wave(t + 3, j)).sum::<f64>()
        };
        let entries = (0..40).flat_map(|i| (0..30).map(move |j| (i, j)));
        entries.map(|(i, j)| T::from_f64(entry(i, j))).collect()
    }

    fn check<T: Float>(tolerance: f64) {
        let values = low_rank::<T>();
        let v = Matrix::row_major(&values, 40, 30).unwrap();
        let threads = Threads::new(None);
        let blocks = Blocks::new(
            std::slice::from_ref(&v),
            Wanted::Sums,
            Signs::NonNegative,
            &threads,
        )
        .unwrap();
        // Wider than the rank: the columns beyond it have nothing to hold.
        let sketch = Sketch::of(&blocks, 8, 5, &threads);
        for (i, row) in values.chunks(30).enumerate() {
            for (j, v) in row.iter().enumerate() {
                let pairs = sketch.basis[0].row(i).iter().zip(sketch.projected.row(j));
                let found: f64 = pairs.map(|(q, b)| q.to_f64() * b.to_f64()).sum();
                assert!(
                    (found - v.to_f64()).abs() < tolerance,
                    "{i},{j}: {found} for {v:?}"
                );
            }
        }
        let gram = Sums::over(&sketch.basis[0], &threads).gram;
        for (index, g) in gram.iter().enumerate() {
            let (i, j) = (index / 8, index % 8);
            let near = |x: f64| (g - x).abs() < tolerance;
            assert!(near(0.0) || i == j && near(1.0), "{i},{j}: {g}");
        }
    }

    #[test]
    fn holds_all_of_a_matrix_of_low_rank() {
        check::<f64>(1e-10);
        check::<f32>(1e-3);
    }

    #[test]
    fn pays_for_pictures_and_not_for_short_lines() {
        assert!(pays(512, 512, 32));
        assert!(pays(60_000, 784, 30));
        assert!(!pays(1797, 64, 16));
        assert!(!pays(5, 4, 2));
    }
}
