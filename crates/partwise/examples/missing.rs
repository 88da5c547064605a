//! Fills in the entries of a matrix that are not known, and prints how far off they are.
//!
//! `cargo run --release -p partwise --example missing`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Matrix, Missing, Nmf, Start, Weighting};

fn main() -> Result<(), partwise::Error> {
    // Ratings of 60 people for 25 films, of two kinds; two in five are not known.
    let (people, films) = (60, 25);
    let taste = |x: usize, kind: usize| 1.0 + (x * (3 + 4 * kind) % 11) as f64 / 5.0;
    let rating = |i: usize, j: usize| (0..2).map(|kind| taste(i, kind) * taste(j, kind)).sum();
    let truth: Vec<f64> = (0..people * films)
        .map(|at| rating(at / films, at % films))
        .collect();
    let hidden = |at: usize| (at * 7919 + at / films * 31) % 5 < 2;
    let known = |(at, &value): (usize, &f64)| if hidden(at) { f64::NAN } else { value };
    let known: Vec<f64> = truth.iter().enumerate().map(known).collect();

    let v = Matrix::row_major(&known, people, films)?;
    let weighting = Weighting {
        missing: Missing::Nan,
        ..Weighting::default()
    };
    let nmf = Nmf::new(2).max_iter(500).tol(1e-8);
    let model = nmf.fit_weighted(&v, &weighting, Start::default(), &mut ())?;

    let guesses = model.reconstruct();
    let (mut count, mut worst) = (0, 0.0f64);
    for at in (0..truth.len()).filter(|&at| hidden(at)) {
        let off = guesses.get(at / films, at % films) / truth[at] - 1.0;
        (count, worst) = (count + 1, worst.max(off.abs()));
    }
    println!(
        "{count} of {} ratings were missing; the worst guess is off by {:.1e} %",
        truth.len(),
        100.0 * worst
    );
    assert!(worst < 0.05, "two kinds explain these ratings");
    Ok(())
}
