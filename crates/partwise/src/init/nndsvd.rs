//! `nndsvd`, `nndsvda`, `nndsvdar`: the non-negative halves of singular vectors.
//!
//! Of each singular pair (u, v) the positive or the negative parts are taken, whichever have the larger product of
//! norms. Zeros stay (`nndsvd`), become the mean of V (`nndsvda`) or small random values (`nndsvdar`).
//! (Boutsidis & Gallopoulos 2008, Pattern Recognition 41:4, doi 10.1016/j.patcog.2007.09.010.)

use super::random::{STREAM_ROWS, W_STREAMS, draw_rows};
use super::{Input, Pair};
use crate::Float;
use crate::matrix::{Blocks, Dense};
use crate::shard::sum;
use crate::sketch::{Columns, Held, Near};
use crate::svd::{self, START_STEPS, Triplets};

/// Entries below this become zero, as in scikit-learn...
const NEGLIGIBLE: f64 = 1e-6;
/// ...or, in a factor without an entry above this, entries below the same share of the largest.
const ORDINARY: f64 = 1e-3;

/// The mean of V as a fill, as in scikit-learn, up to this multiple of the largest entry of the factors. Entries of V are
/// products of two factors', so where V is of the order of 1e6 or more, a mean of V would drown the rest.
const LARGE_FILL: f64 = 1e3;

/// The first stream of what fills H; W is filled from its own streams. (The singular vectors use the first of all.)
const H_STREAMS: u64 = 1 << 39;

/// What zeros become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// They stay. Solvers that multiply cannot leave them.
    Zeros,
    /// The mean of V.
    Mean,
    /// |N(0, 1)| · mean(V) / 100.
    Noise,
}

/// Zeros stay zero.
pub(super) fn with_zeros<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    start(input, Fill::Zeros)
}

/// Zeros become the mean of V.
pub(super) fn with_mean<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    start(input, Fill::Mean)
}

/// Zeros become small random values.
pub(super) fn with_noise<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    start(input, Fill::Noise)
}

fn start<T: Float>(input: &Input<'_, '_, T>, fill: Fill) -> Pair<T> {
    let (blocks, threads) = (input.blocks, input.threads);
    let (triplets, mut left) = if let Some(sketch) = input.sketch {
        let triplets = svd::of_sketch(&sketch.projected, blocks, input.k);
        let parts = sketch.basis.iter().map(|part| {
            let mut part = Near(part.clone(), threads);
            part.turn(triplets.turn.clone());
            part.0
        });
        let parts = parts.collect();
        (triplets, parts)
    } else {
        let mut held = Held::new(blocks, threads);
        let (k, seed) = (input.k, input.seed);
        let triplets = svd::decompose(blocks, &mut held, k, seed, START_STEPS, threads);
        held.turn(triplets.turn.clone());
        (triplets, held.into_parts())
    };
    let spreads = left.iter().map(Spread::of);
    let spread = sum(spreads, |total, spread| Spread::join(total, &spread));
    let (w, ht) = halves::<T>(blocks, triplets, &spread, (fill, input.seed));
    let mut first = 0;
    for part in &mut left {
        w.apply(part, first);
        first += part.rows();
    }
    Pair {
        w: Dense::stacked(left),
        ht,
        picked: Vec::new(),
    }
}

/// How singular vectors on the left become W, for how their entries spread; and Hᵀ, of those on the right.
pub(crate) fn halves<T: Float>(
    blocks: &Blocks<'_, T>,
    triplets: Triplets<T>,
    left: &[Spread],
    (fill, seed): (Fill, u64),
) -> (Halved, Dense<T>) {
    let Triplets {
        values,
        right: mut ht,
        ..
    } = triplets;
    let (k, right) = (values.len(), Spread::of(&ht));
    let halves: Vec<Half> = (0..k)
        .map(|t| {
            if t == 0 {
                // The leading pair of a non-negative matrix has one sign.
                return Half::Both;
            }
            let size = |half| left[t].norm(half) * right[t].norm(half);
            if size(Half::Positive) > size(Half::Negative) {
                Half::Positive
            } else {
                Half::Negative
            }
        })
        .collect();
    let columns = |side: &[Spread]| -> Vec<Column> {
        let column = |(t, &half): (usize, &Half)| {
            let (left, right) = (left[t].norm(half), right[t].norm(half));
            Column {
                half,
                share: (values[t] * left * right).sqrt(),
                norm: side[t].norm(half),
            }
        };
        halves.iter().enumerate().map(column).collect()
    };
    let (w, h) = (columns(left), columns(&right));
    let largest = |columns: &[Column], side: &[Spread]| {
        let entries = columns.iter().zip(side);
        let entries = entries.map(|(column, side)| column.entry::<T>(side.largest(column.half)));
        entries.fold(0.0, |max: f64, x| max.max(x.to_f64()))
    };
    let (w_largest, h_largest) = (largest(&w, left), largest(&h, &right));
    let mean = blocks.mean();
    let size = if mean > LARGE_FILL * w_largest.max(h_largest) {
        (mean / k as f64).sqrt()
    } else {
        mean
    };
    let halved = |columns, largest: f64, stream| Halved {
        columns,
        threshold: if largest >= ORDINARY {
            NEGLIGIBLE
        } else {
            largest * NEGLIGIBLE / ORDINARY
        },
        fill: match fill {
            Fill::Zeros => 0.0,
            Fill::Mean => size,
            Fill::Noise => size / 100.0,
        },
        drawn: (fill == Fill::Noise).then_some((seed, stream)),
    };
    halved(h, h_largest, H_STREAMS).apply(&mut ht, 0);
    (halved(w, w_largest, W_STREAMS), ht)
}

/// How singular vectors become a factor: of each the part of one sign, at a length that both factors share.
pub(crate) struct Halved {
    pub(crate) columns: Vec<Column>,
    /// Entries below this are zero.
    pub(crate) threshold: f64,
    /// What zeros become, or with a seed and a first stream |N(0, 1)| times that.
    pub(crate) fill: f64,
    pub(crate) drawn: Option<(u64, u64)>,
}

/// What becomes of a singular vector: its part of a sign, whose norm is `norm`, at the length `share`.
pub(crate) struct Column {
    pub(crate) half: Half,
    pub(crate) share: f64,
    pub(crate) norm: f64,
}

impl Column {
    /// What becomes of an entry of the part.
    fn entry<T: Float>(&self, part: f64) -> T {
        if self.norm > 0.0 {
            T::from_f64(self.share * part / self.norm)
        } else {
            T::ZERO
        }
    }
}

impl Halved {
    /// Makes rows of the factor of rows of the vectors, the first of which is row `first`.
    pub(crate) fn apply<T: Float>(&self, vectors: &mut Dense<T>, first: usize) {
        let (count, k) = (vectors.rows(), self.columns.len());
        let mut from = 0;
        while from < count {
            let to = ((first + from) / STREAM_ROWS + 1) * STREAM_ROWS - first;
            let to = to.min(count);
            let rows = &mut vectors.as_mut_slice()[from * k..to * k];
            for row in rows.chunks_exact_mut(k) {
                for (x, column) in row.iter_mut().zip(&self.columns) {
                    let entry: T = column.entry(column.half.of(x.to_f64()));
                    let negligible = entry.to_f64() < self.threshold;
                    *x = if negligible { T::ZERO } else { entry };
                }
            }
            let drawn = self.drawn.map(|(seed, stream)| {
                let span = (first + from, first + to);
                draw_rows::<T>(span, k, self.fill, seed, stream).into_values()
            });
            for (i, x) in rows.iter_mut().enumerate() {
                if *x == T::ZERO {
                    let fill = || T::from_f64(self.fill);
                    *x = drawn.as_ref().map_or_else(fill, |drawn| drawn[i]);
                }
            }
            from = to;
        }
    }
}

/// The part of a singular vector that a factor gets.
#[derive(Clone, Copy)]
pub(crate) enum Half {
    Both,
    Positive,
    Negative,
}

impl Half {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Both => x.abs(),
            Self::Positive => x.max(0.0),
            Self::Negative => (-x).max(0.0),
        }
    }
}

/// Σ x² and the largest |x| of the positive and of the negative entries of a column.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) squares: (f64, f64),
    pub(crate) most: (f64, f64),
}

impl Spread {
    /// Of each column of some rows.
    pub(crate) fn of<T: Float>(vectors: &Dense<T>) -> Vec<Self> {
        let mut spreads = vec![Self::default(); vectors.cols()];
        for row in vectors.as_slice().chunks_exact(vectors.cols()) {
            for (spread, x) in spreads.iter_mut().zip(row) {
                let (up, down) = (x.to_f64().max(0.0), (-x.to_f64()).max(0.0));
                spread.squares.0 += up.powi(2);
                spread.squares.1 += down.powi(2);
                spread.most = (spread.most.0.max(up), spread.most.1.max(down));
            }
        }
        spreads
    }

    /// Joins those of more rows.
    pub(crate) fn join(total: &mut [Self], more: &[Self]) {
        for (total, more) in total.iter_mut().zip(more) {
            total.squares.0 += more.squares.0;
            total.squares.1 += more.squares.1;
            total.most.0 = total.most.0.max(more.most.0);
            total.most.1 = total.most.1.max(more.most.1);
        }
    }

    fn norm(&self, half: Half) -> f64 {
        let (up, down) = (self.squares.0.sqrt(), self.squares.1.sqrt());
        match half {
            Half::Both => up.hypot(down),
            Half::Positive => up,
            Half::Negative => down,
        }
    }

    fn largest(&self, half: Half) -> f64 {
        match half {
            Half::Both => self.most.0.max(self.most.1),
            Half::Positive => self.most.0,
            Half::Negative => self.most.1,
        }
    }
}
