//! Factors a small matrix with every solver and prints how each one ends.
//!
//! `cargo run --release -p partwise --example factor`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Loss, Matrix, Nmf, Solver};

fn main() -> Result<(), partwise::Error> {
    // A matrix that three overlapping bumps add up to.
    let (rows, cols) = (60, 40);
    let bump = |x: f64, centre: f64| (-(x - centre).powi(2) / 0.02).exp();
    let values: Vec<f64> = (0..rows * cols)
        .map(|entry| {
            let (i, j) = ((entry / cols) as f64 / 60.0, (entry % cols) as f64 / 40.0);
            [0.2, 0.5, 0.8]
                .iter()
                .map(|&c| bump(i, c) * bump(j, 1.0 - c))
                .sum()
        })
        .collect();
    let v = Matrix::row_major(&values, rows, cols)?;
    for solver in Solver::all() {
        for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
            if !solver.handles(loss) {
                continue;
            }
            let model = Nmf::new(3).solver(solver).loss(loss).fit(&v)?;
            println!(
                "{solver:5} {loss:17} objective {:.3e}, relative error {:.4}, {} iterations, {}",
                model.objective, model.relative_error, model.iterations, model.stop
            );
            assert!(model.relative_error < 0.1, "the bumps are found");
        }
    }
    Ok(())
}
