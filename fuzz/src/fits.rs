//! Small fits that states are kept of and gone on from.

use std::io;
use std::ops::ControlFlow;

use partwise::{Loss, Matrix, Nmf, Observer, Progress, Solver, State};

/// Six samples of five features.
pub fn small_matrix() -> Vec<f64> {
    let value =
        |i: usize| (i * 7919 % 101) as f64 / 20.0 + if i.is_multiple_of(7) { 0.0 } else { 0.5 };
    (0..30).map(value).collect()
}

/// These as a V, by rows or, by the fourth bit of what chooses the fit, by columns: the factors then change their places.
pub fn small_v(values: &[f64], choice: u8) -> Matrix<'_, f64> {
    let v = match choice & 8 {
        0 => Matrix::row_major(values, 6, 5),
        _ => Matrix::column_major(values, 6, 5),
    };
    v.expect("six samples of five features")
}

/// One of the kinds of fits whose states differ.
pub fn small_fit(choice: u8) -> Nmf {
    let (solver, loss, starts) = match choice & 7 {
        0 => ("hals", Loss::FROBENIUS, 1),
        1 => ("cd", Loss::FROBENIUS, 1),
        2 => ("mu", Loss::KULLBACK_LEIBLER, 1),
        3 => ("newton", Loss::KULLBACK_LEIBLER, 1),
        4 => ("hals", Loss::FROBENIUS, 3),
        5 => ("sketched", Loss::FROBENIUS, 2),
        6 => ("apg", Loss::FROBENIUS, 1),
        _ => ("auto", Loss::beta_divergence(1.5).expect("a known loss"), 1),
    };
    let solver: Solver = solver.parse().expect("a known solver");
    Nmf::new(2)
        .solver(solver)
        .loss(loss)
        .init("random".parse().expect("a known start"))
        .n_init(starts.try_into().expect("some"))
        .max_iter(12)
        .tol(0.0)
        .threads(Some(std::num::NonZeroUsize::MIN))
}

/// Goes on whatever happens.
pub fn observer(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Keeps the state after an iteration.
#[derive(Debug)]
pub struct Keeper {
    /// Iterations until then.
    pub until: usize,
    /// The state.
    pub state: Vec<u8>,
    seen: usize,
}

impl Keeper {
    /// Keeps the state after that many iterations, of all starts together.
    pub fn after(until: usize) -> Self {
        Self {
            until,
            state: Vec::new(),
            seen: 0,
        }
    }
}

impl Observer for Keeper {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        self.seen += 1;
        ControlFlow::Continue(())
    }

    fn wants_state(&mut self) -> bool {
        self.seen == self.until
    }

    fn keep(&mut self, state: &mut State<'_>) {
        let kept: io::Result<()> = state.write(&mut self.state);
        kept.expect("memory takes it");
    }
}
