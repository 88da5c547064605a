//! The first part of a fit in double precision, which is done in single precision: half of the bytes to walk over, and twice as many
//! numbers in a vector.
//!
//! What rounding does to a half-step changes the objective by its square, so iterations gain what they would gain in double
//! precision for as long as the objective itself has the digits that the rule to stop needs. From there the fit goes on in double
//! precision, and takes over what the rule remembers: mostly an iteration or two are left.

use super::ready::Prepared;
use super::task::Task;
use super::{Nmf, Start};
use crate::course::Course;
use crate::init::Init;
use crate::matrix::{Blocks, Dense, Matrix, Rounded, Summary};
use crate::threads::Threads;
use crate::{Error, Float, Solver};

/// The least tolerance for which the objective in single precision has the digits.
const TOLERANCE: f64 = 1e-5;
/// Entries of V and of a start, and penalties, are between its inverse and this.
const LARGEST: f64 = (1u64 << 40) as f64;
/// Of so many iterations one is left for double precision at least; and fits that may take no more are not worth a copy of V.
const SHARE: usize = 20;

/// The share of ‖V‖² below which a squared error in single precision has no digits for a rule with this tolerance. What sums of products
/// in single precision err by, as a share of ‖V‖², was 1e-8 to 2e-7 on six data sets.
pub(super) fn cancellation<T: Float>(tolerance: f64) -> f64 {
    const ERROR: f64 = 1e-7;
    T::CANCELLATION.max(ERROR / tolerance)
}

impl Nmf {
    /// Whether fits of V may begin in single precision: where `auto` chooses the solver, and nothing else than V and the penalty
    /// has a say.
    pub(super) fn rounds<T: Float>(&self, v: &Matrix<'_, T>) -> bool {
        let narrower = size_of::<T::Single>() < size_of::<T>();
        let solver = self.solver.road(self.loss, false);
        let strong = solver.is_ok_and(Solver::extrapolates);
        let chosen = self.solver == Solver::auto() && self.max_iter > SHARE;
        narrower && self.is_free() && strong && chosen && Rounded::fits(v)
    }

    /// V in single precision, if fits of it may begin so.
    pub(crate) fn rounded<'v, T: Float>(
        &self,
        v: &Matrix<'v, T>,
        threads: &Threads,
    ) -> Option<Rounded<'v, T>> {
        self.rounds(v).then(|| Rounded::of(v, threads))
    }

    /// Whether nothing is held, and nothing of V, the start and the penalty leaves the range of single precision.
    pub(super) fn fits_in_single<T: Float>(&self, v: &Summary, start: &Start<'_, T>) -> bool {
        let factors = start.w.into_iter().chain(start.h);
        let mut entries = factors.flat_map(|factor| factor.as_slice());
        let (mean, largest) = (v.mean(), v.largest);
        start.is_free()
            && mean >= LARGEST.recip()
            && largest <= LARGEST
            && self.penalty.alpha_w.max(self.penalty.alpha_h) <= LARGEST
            && entries.all(|x| x.to_f64() <= LARGEST)
    }

    /// What fits of V that begin in single precision walk over at first; `blocks` is V, looked at.
    ///
    /// # Errors
    /// [`Error::Malformed`] if V is streamed and too large.
    pub(super) fn in_single<'r, T: Float>(
        &self,
        (v, rounded): (&Matrix<'r, T>, &'r Rounded<'r, T>),
        blocks: &Blocks<'_, T>,
    ) -> Result<Prepared<'r, T::Single>, Error> {
        Ok(Prepared {
            blocks: Blocks::rounded(blocks, rounded.matrix(v)?, self.wanted()),
            sketch: None,
        })
    }
}

impl<S: Float> Prepared<'_, S> {
    /// The left and the right factor from which a fit in double precision goes on.
    pub(super) fn first_part<T: Float<Single = S>>(
        &self,
        nmf: &Nmf,
        (start, init, solver): (&Start<'_, T>, Option<Init>, Solver),
        threads: &Threads,
        course: &mut Course<'_, T>,
    ) -> (Dense<T>, Dense<T>) {
        let rounded = |factor: &Dense<T>| factor.converted::<S>();
        let (w, h) = (start.w.map(rounded), start.h.map(rounded));
        let given = Start {
            w: w.as_ref(),
            h: h.as_ref(),
            ..Start::default()
        };
        let task = Task {
            nmf: &Nmf {
                max_iter: nmf.max_iter - nmf.max_iter.div_ceil(SHARE),
                tol: nmf.tol.max(TOLERANCE),
                ..nmf.clone()
            },
            blocks: &self.blocks,
            given: &given,
            init,
            solver,
            sketch: self.sketch.as_ref(),
            constant: 0.0,
            beside: None,
            goes_on: true,
            threads,
        };
        let outcome = course.in_single(|course| task.descend(None, course));
        if nmf.tol >= TOLERANCE {
            course.stopper = Some(outcome.stopper);
        }
        (outcome.left.converted(), outcome.right.converted())
    }
}
