//! The work space of a row: its line of V, and the rows of the other factor that it needs, transposed.

use super::LineProblem;
use crate::Float;
use crate::kernel::{self, PADDING};
use crate::matrix::Dense;

/// A factor (n × k) transposed: a padded row for each component.
#[derive(Debug)]
pub(crate) struct Turned<T> {
    pub(super) values: Vec<T>,
    pub(super) stride: usize,
}

impl<T: Float> Turned<T> {
    pub(crate) fn of(factor: &Dense<T>) -> Self {
        let (length, k) = (factor.rows(), factor.cols());
        let stride = kernel::stride::<T>(length);
        let mut values = vec![T::ZERO; stride * k];
        let rows = factor.as_slice();
        kernel::turn(&mut values, stride, rows, k, (0, k), length, |place| place);
        Self { values, stride }
    }
}

/// The work space for one line at a time, in scaled units: v/c, x/c and y/c, where c is the scale of the data.
pub(super) struct Room<'a, T: Float> {
    pub(super) problem: &'a LineProblem<'a, T>,
    pub(super) k: usize,
    /// Σ h of each component with the L1 penalty, and the L2 penalty.
    pub(super) linear: Vec<f64>,
    pub(super) l2: f64,
    pub(super) scale: T,
    pub(super) inverse: T,
    pub(super) floor: T,
    /// Places of the entries; empty where the line is taken whole.
    pub(super) places: Vec<usize>,
    pub(super) v: Vec<T>,
    pub(super) y: Vec<T>,
    /// The rows of H for these entries, transposed: `loaded` of the components.
    pub(super) copy: Vec<T>,
    pub(super) copy_stride: usize,
    pub(super) loaded: (usize, usize),
    pub(super) x: Vec<T>,
    /// Not to be moved.
    pub(super) held: Vec<bool>,
    /// Held, or at zero and best there when last looked at.
    pub(super) settled: Vec<bool>,
    pub(super) copy_values: usize,
}

impl<'a, T: Float> Room<'a, T> {
    pub(super) fn new(problem: &'a LineProblem<'a, T>, copy_values: usize) -> Self {
        let k = problem.other.rows.cols();
        let (scale, inverse, floor) = problem.elementwise.units();
        let columns = problem.other.sums.columns.iter();
        Self {
            problem,
            k,
            linear: columns
                .enumerate()
                .map(|(t, sum)| sum + problem.terms.l1(&problem.terms.penalty, t))
                .collect(),
            l2: problem.terms.penalty.l2 * scale.to_f64(),
            scale,
            inverse,
            floor,
            places: Vec::new(),
            v: Vec::new(),
            y: Vec::new(),
            copy: Vec::new(),
            copy_stride: 0,
            loaded: (0, 0),
            x: vec![T::ZERO; k],
            held: match &problem.terms.movable {
                None => vec![false; k],
                Some(movable) => (0..k).map(|t| !movable.contains(&t)).collect(),
            },
            settled: vec![false; k],
            copy_values,
        }
    }

    /// Takes Σ ω h over the entries of a line for the sums over all columns, and the line's own penalty.
    pub(super) fn weigh(&mut self, line: usize, sums: &[T]) {
        let terms = self.problem.terms;
        let penalty = terms.penalty_at(line);
        for (t, (linear, sum)) in self.linear.iter_mut().zip(sums).enumerate() {
            *linear = sum.to_f64() + terms.l1(&penalty, t);
        }
        self.l2 = penalty.l2 * self.scale.to_f64();
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.v.clear();
        self.loaded = (0, 0);
    }

    #[inline(always)]
    pub(super) fn take(&mut self, place: usize, value: T) {
        if value > T::ZERO {
            self.places.push(place);
            self.push(value);
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        self.v.push(value * self.inverse);
    }

    pub(super) fn take_all(&mut self, line: &[T]) {
        let inverse = self.inverse;
        self.v.extend(line.iter().map(|&value| value * inverse));
    }

    /// Pads the line; returns how many components are copied at a time.
    pub(super) fn open(&mut self) -> usize {
        let padded = self.v.len().next_multiple_of(PADDING);
        self.v.resize(padded, T::ZERO);
        self.y.clear();
        self.y.resize(padded, T::ZERO);
        match self.problem.turned {
            Some(turned) if self.places.is_empty() => {
                self.loaded = (0, self.k);
                self.copy_stride = turned.stride;
                self.k
            }
            _ => {
                self.copy_stride = kernel::stride::<T>(self.places.len());
                (self.copy_values / self.copy_stride).clamp(1, self.k)
            }
        }
    }

    /// Makes components `from..to` ready.
    #[inline(always)]
    pub(super) fn load(&mut self, from: usize, to: usize) {
        if self.loaded.0 <= from && to <= self.loaded.1 {
            return;
        }
        let size = self.copy_stride * (to - from);
        if self.copy.len() < size {
            self.copy.resize(size, T::ZERO);
        }
        let copy = &mut self.copy[..size];
        let (count, padded) = (self.places.len(), self.v.len());
        for component in copy.chunks_exact_mut(self.copy_stride) {
            component[count..padded].fill(T::ZERO);
        }
        let rows = self.problem.other.rows.as_slice();
        let place = |entry: usize| self.places[entry];
        kernel::turn(
            copy,
            self.copy_stride,
            rows,
            self.k,
            (from, to),
            count,
            place,
        );
        self.loaded = (from, to);
    }
}
