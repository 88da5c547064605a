//! A fit that is cut off and goes on: an observer keeps its state, and from there it ends in the same bits.
//!
//! `cargo run --release -p partwise --example resume`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::ops::ControlFlow;

use partwise::{Matrix, Nmf, Observer, Progress, Start, State};

/// Keeps the state of every tenth iteration, and ends the fit after a number of them.
struct Keeper {
    iteration: usize,
    last: usize,
    state: Vec<u8>,
}

impl Observer for Keeper {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.iteration = progress.iteration;
        match progress.iteration < self.last {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn wants_state(&mut self) -> bool {
        self.iteration.is_multiple_of(10)
    }

    fn keep(&mut self, state: &mut State<'_>) {
        self.state.clear();
        state.write(&mut self.state).expect("memory takes it");
    }
}

fn main() -> Result<(), partwise::Error> {
    let entry = |at: usize| 0.1 + (at * 7919 % 1009) as f64 / 1009.0;
    let values: Vec<f64> = (0..200 * 80).map(entry).collect();
    let v = [Matrix::row_major(&values, 200, 80)?];
    let nmf = Nmf::new(6).tol(0.0).max_iter(60);

    let mut keeper = Keeper {
        iteration: 0,
        last: 37,
        state: Vec::new(),
    };
    nmf.fit_with(&v, Start::default(), &mut keeper)?;
    let bytes = keeper.state.len();
    println!("ended after {} iterations; {bytes} bytes kept", keeper.last);

    let mut state = &keeper.state[..];
    let resumed = nmf.resume(&v, Start::default(), &mut state, &mut ())?;
    let whole = nmf.fit(&v[0])?;
    println!("gone on to iteration {}", resumed.iterations);
    assert_eq!(resumed.iterations, 60);
    assert_eq!(resumed.w.as_slice(), whole.w.as_slice(), "the same bits");
    assert_eq!(resumed.h.as_slice(), whole.h.as_slice(), "the same bits");
    Ok(())
}
