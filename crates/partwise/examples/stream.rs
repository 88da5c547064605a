//! Rows that come once, a batch at a time: each is seen, taken into account and gone.
//!
//! `cargo run --release -p partwise --example stream`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Dense, Matrix, MiniBatchMemory, MiniBatchNmf, Nmf};

const COLS: usize = 30;
const BATCH: usize = 50;
/// What is left of the old statistics after a batch.
const KEEP: f64 = 0.9;

/// A row that three bumps add up to.
fn row(index: usize) -> impl Iterator<Item = f64> {
    let bump =
        |j: usize, t: usize| (-(j as f64 / 30.0 - 0.2 - 0.3 * t as f64).powi(2) / 0.01).exp();
    let much = move |t: usize| (index * (7 + 4 * t) % 17) as f64 / 17.0;
    (0..COLS).map(move |j| (0..3).map(|t| much(t) * bump(j, t)).sum())
}

fn main() -> Result<(), partwise::Error> {
    let batches = MiniBatchNmf::new(Nmf::new(3));
    // Any start that is not zero: here, components that each know of everything.
    let start = (0..3 * COLS)
        .map(|at| 0.5 + (at * 37 % 101) as f64 / 101.0)
        .collect();
    let mut memory = MiniBatchMemory::new(&Dense::from_rows(start, 3, COLS)?);
    let mut costs = Vec::new();
    for step in 0..200 {
        let rows: Vec<f64> = (step * BATCH..(step + 1) * BATCH).flat_map(row).collect();
        let batch = Matrix::row_major(&rows, BATCH, COLS)?;
        costs.push(batches.partial_fit(&batch, &mut memory, KEEP, &mut ())?);
        if step % 40 == 0 || step == 199 {
            println!("batch {step}: a row costs {:.2e}", costs[step]);
        }
    }
    assert!(costs[199] < 0.05 * costs[0], "the components are learned");

    let late: Vec<f64> = (20_000..20_005).flat_map(row).collect();
    let w = batches.transform(&Matrix::row_major(&late, 5, COLS)?, &memory.h(), &mut ())?;
    for i in 0..5 {
        println!("new row {i} in terms of the components: {:.2?}", w.row(i));
    }
    Ok(())
}
