//! The truncated singular value decomposition: the best that any matrix of rank k could do, and the basis of the
//! NNDSVD starts.
//!
//! A randomised range finder with power steps (Halko, Martinsson & Tropp 2011, SIAM Review 53:2,
//! doi 10.1137/090771806): V is only multiplied, from the left and from the right.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use faer::linalg::solvers::{Qr, Svd};

use crate::error::refuse;
use crate::loss::Elementwise;
use crate::matrix::{Blocks, Dense, Signs, Wanted};
use crate::pass::{self, Fixed};
use crate::sketch::{self, Columns, Held, Near, Range, Turn};
use crate::threads::Threads;
use crate::{Error, Float, Loss, Matrix};

/// Columns beyond k in the range finder.
pub(crate) const OVERSAMPLING: usize = 10;
/// Power steps for a start: as many as scikit-learn takes for few components.
pub(crate) const START_STEPS: usize = 7;
/// Power steps at most where the singular values themselves are the result.
const RESULT_STEPS: usize = 60;
/// The result stands when the energy Σσ² of the first k moves by less than this share.
const SETTLED: f64 = 1e-10;
/// Lines in a task.
const LINES: usize = 256;

/// V ≈ U Σ Vᵀ with k singular triplets, the largest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TruncatedSvd<T> {
    /// Left singular vectors, m × k.
    pub left: Dense<T>,
    /// Singular values, k, falling.
    pub values: Vec<f64>,
    /// Right singular vectors, n × k.
    pub right: Dense<T>,
    /// ‖V − U Σ Vᵀ‖ / ‖V‖: no matrix of rank k comes closer (Eckart & Young 1936). Zero for an all-zero V.
    pub relative_error: f64,
}

/// The first `rank` singular triplets of a matrix (m × n, with entries of any sign), by a randomised range finder with power steps until
/// they settle (Halko, Martinsson & Tropp 2011, doi 10.1137/090771806). The same seed gives the same bits, for any number of threads;
/// `None` takes all processors.
///
/// # Errors
/// [`Error::Parameter`] if `rank` is 0 or above the smaller side of V; [`Error::Empty`]; [`Error::NotFinite`];
/// [`Error::Read`] where V is read.
pub fn truncated_svd<T: Float>(
    matrix: &Matrix<'_, T>,
    rank: usize,
    seed: u64,
    threads: Option<NonZeroUsize>,
) -> Result<TruncatedSvd<T>, Error> {
    T::triplets(matrix, rank, seed, threads)
}

pub(crate) fn truncated_here<T: Float>(
    matrix: &Matrix<'_, T>,
    rank: usize,
    seed: u64,
    threads: Option<NonZeroUsize>,
) -> Result<TruncatedSvd<T>, Error> {
    let threads = Threads::new(threads);
    threads.until_ended(|| {
        let blocks = looked_at(matrix, &threads)?;
        truncated_on(&blocks, rank, seed, &threads)
    })
}

/// ‖V‖², and the relative error that no matrix of the rank is below: 0 from a rank on that is no smaller than V.
pub(crate) fn least_error_here<T: Float>(
    matrix: &Matrix<'_, T>,
    rank: usize,
    threads: Option<NonZeroUsize>,
    interrupt: Option<Arc<AtomicBool>>,
) -> Result<(f64, f64), Error> {
    /// Any: singular values are found to their last digits but a few.
    const SEED: u64 = 0;
    let threads = Threads::new(threads).interruptible(interrupt);
    threads.until_ended(|| {
        let blocks = looked_at(matrix, &threads)?;
        let least = if rank < blocks.rows.min(blocks.cols) {
            truncated_on(&blocks, rank, SEED, &threads)?.relative_error
        } else {
            0.0
        };
        Ok((blocks.summary.squares, least))
    })
}

/// V with entries of any sign, looked at.
fn looked_at<'a, T: Float>(
    matrix: &Matrix<'a, T>,
    threads: &Threads,
) -> Result<Blocks<'a, T>, Error> {
    let given = std::slice::from_ref(matrix);
    Blocks::new(given, Wanted::Sums, Signs::Any, threads)
}

fn truncated_on<T: Float>(
    blocks: &Blocks<'_, T>,
    rank: usize,
    seed: u64,
    threads: &Threads,
) -> Result<TruncatedSvd<T>, Error> {
    let most = blocks.rows.min(blocks.cols);
    if rank == 0 || rank > most {
        return refuse(
            "rank",
            rank,
            format!("expected 1 to {most}, the smaller side of V"),
        );
    }
    let mut held = Held::new(blocks, threads);
    let found = decompose(blocks, &mut held, rank, seed, RESULT_STEPS, threads);
    held.turn(found.turn);
    let mut svd = TruncatedSvd {
        left: Dense::stacked(held.into_parts()),
        values: found.values,
        right: found.right,
        relative_error: found.relative_error,
    };
    if svd.relative_error.powi(2) <= T::CANCELLATION && blocks.summary.squares > 0.0 {
        // The difference of the energies has lost its digits.
        let squares = blocks.summary.squares;
        svd.relative_error = (squared_residual(blocks, &svd, threads) / squares).sqrt();
    }
    Ok(svd)
}

/// ‖V − U Σ Vᵀ‖², entry by entry.
fn squared_residual<T: Float>(
    blocks: &Blocks<'_, T>,
    svd: &TruncatedSvd<T>,
    threads: &Threads,
) -> f64 {
    let k = svd.values.len();
    let mut left = svd.left.clone();
    for row in left.as_mut_slice().chunks_exact_mut(k) {
        for (x, &value) in row.iter_mut().zip(&svd.values) {
            *x *= T::from_f64(value);
        }
    }
    let right = Fixed::new(svd.right.clone(), threads);
    // A V that is held transposed is walked so: Vᵀ ≈ V Σ Uᵀ.
    let (left, right) = if blocks.transposed {
        (right.rows, Fixed::new(left, threads))
    } else {
        (left, right)
    };
    let squared = Elementwise::new(Loss::FROBENIUS, 0.0);
    let mut total = 0.0;
    let mut before = 0;
    for source in &blocks.sources {
        source.walk(source.cut().run, |first, lines| {
            let count = lines.count();
            let parts = threads.map(count.div_ceil(LINES), |task| {
                let (from, to) = (task * LINES, ((task + 1) * LINES).min(count));
                let start = before + first;
                let rows = left.row_range(start + from, start + to);
                pass::divergence(&squared, (&lines, None), (from, to), rows, &right)
            });
            total += 2.0 * parts.iter().sum::<f64>();
        });
        before += source.count();
    }
    total
}

/// V ≈ (Y · turn) Σ Vᵀ with k singular triplets, the largest first, where Y (m × l) is wherever its rows are ([`Range`]).
pub(crate) struct Triplets<T> {
    /// l × k.
    pub(crate) turn: Dense<T>,
    /// Singular values, k, falling.
    pub(crate) values: Vec<f64>,
    /// Right singular vectors, n × k.
    pub(crate) right: Dense<T>,
    relative_error: f64,
}

/// The decomposition after at most `steps` power steps, with an orthonormal basis in the place of Y.
pub(crate) fn decompose<T: Float>(
    blocks: &Blocks<'_, T>,
    range: &mut dyn Range<T>,
    k: usize,
    seed: u64,
    steps: usize,
    threads: &Threads,
) -> Triplets<T> {
    let width = (k + OVERSAMPLING).min(blocks.rows).min(blocks.cols);
    let exact = width == blocks.rows.min(blocks.cols);
    let nothing = || Triplets::none(blocks.cols, width, k);
    range.forward(sketch::noise(blocks.cols, width, seed));
    let mut energy = 0.0;
    for step in 0.. {
        let Some(turn) = Turn::of(&range.gram()) else {
            return nothing();
        };
        range.turn(turn.matrix);
        let mut projected = Near(range.backward(), threads);
        let Some(turn) = Turn::of(&projected.gram()) else {
            return nothing();
        };
        let found: f64 = turn.values.iter().rev().take(k).sum();
        let settled = (found - energy).abs() <= SETTLED * found;
        if step < steps && !settled && !exact {
            energy = found;
            projected.turn(turn.matrix);
            range.forward(projected.0);
            continue;
        }
        // Once more, now that it is the result: what turns the basis turns its product.
        if let Some(turn) = Turn::of(&range.gram()) {
            range.turn(turn.matrix.clone());
            projected.turn(turn.matrix);
        }
        let squares = blocks.summary.squares;
        let unit = sketch::unit(blocks);
        let small = Small::of(&projected.0);
        return small.map_or_else(nothing, |small| small.finish(k, squares, unit));
    }
    unreachable!("the last step ends the loop")
}

/// The decomposition of what a sketch of V holds, Bᵀ of which is `projected`, with its Q in the place of Y.
pub(crate) fn of_sketch<T: Float>(
    projected: &Dense<T>,
    blocks: &Blocks<'_, T>,
    k: usize,
) -> Triplets<T> {
    let unit = sketch::unit(blocks);
    let inverse = T::from_f64(1.0 / unit);
    let mut projected = projected.clone();
    projected
        .as_mut_slice()
        .iter_mut()
        .for_each(|x| *x *= inverse);
    Small::of(&projected).map_or_else(
        || Triplets::none(blocks.cols, projected.cols(), k),
        |small| small.finish(k, blocks.summary.squares, unit),
    )
}

/// Bᵀ = Q₂ R and R = U Σ Wᵀ, so that Q B = (Q W) Σ (Q₂ U)ᵀ.
struct Small<T: Float> {
    qr: Qr<T>,
    svd: Svd<T>,
}

impl<T: Float> Small<T> {
    /// `None` only if it does not converge, which no finite matrix is known to cause.
    fn of(projected: &Dense<T>) -> Option<Self> {
        let qr = projected.view().qr();
        let svd = qr.thin_R().thin_svd().ok()?;
        Some(Self { qr, svd })
    }

    fn values(&self, k: usize) -> impl Iterator<Item = f64> {
        (0..k).map(|i| self.svd.S()[i].to_f64())
    }

    /// Σσ² of the first k.
    fn energy(&self, k: usize) -> f64 {
        self.values(k).map(|x| x * x).sum()
    }

    /// The triplets of Q B · `unit`, for a V with ‖V‖² = `squares`.
    fn finish(&self, k: usize, squares: f64, unit: f64) -> Triplets<T> {
        let right = self.qr.compute_thin_Q() * self.svd.U().subcols(0, k);
        let total = squares / unit / unit;
        let rest = ((total - self.energy(k)) / total).max(0.0);
        Triplets {
            turn: Dense::copy_of(self.svd.V().subcols(0, k)),
            values: self.values(k).map(|x| x * unit).collect(),
            right: Dense::copy_of(right.as_ref()),
            relative_error: if total > 0.0 { rest.sqrt() } else { 0.0 },
        }
    }
}

impl<T: Float> Triplets<T> {
    /// What is known of a V of n columns whose decomposition does not converge, for a basis of l columns.
    fn none(n: usize, l: usize, k: usize) -> Self {
        Self {
            turn: Dense::zeros(l, k),
            values: vec![0.0; k],
            right: Dense::zeros(n, k),
            relative_error: 1.0,
        }
    }
}
