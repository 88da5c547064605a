//! Components that do not depend on luck: many fits from drawn starts, what they agree on, and how sure one can be of each part.
//!
//! `cargo run --release -p partwise --example consensus`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::ops::ControlFlow;

use partwise::{ConsensusNmf, Loss, Matrix, Nmf, SurveyProgress};

const ROWS: usize = 90;
const COLS: usize = 24;

fn main() -> Result<(), partwise::Error> {
    // Each sample is of one of three kinds, a third of the columns each, with some counts anywhere.
    let count = |at: usize| {
        let (i, j) = (at / COLS, at % COLS);
        let own = if j / 8 == i % 3 { 4 + i * 7 % 9 } else { 0 };
        (own + usize::from((at * 31).is_multiple_of(17))) as f64
    };
    let values: Vec<f64> = (0..ROWS * COLS).map(count).collect();
    let v = Matrix::row_major(&values, ROWS, COLS)?;

    let nmf = Nmf::new(3).loss(Loss::KULLBACK_LEIBLER);
    // Breaking ends it; what is agreed on is then that of the runs that are done.
    let mut patient = |progress: &SurveyProgress| match progress.seconds {
        0.0..60.0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let found = ConsensusNmf::new(nmf).runs(20).run(&v, &mut patient)?;
    let found = found.expect("two runs take less than a minute");
    println!("part  share  found by  silhouette");
    for (t, part) in found.parts.iter().enumerate() {
        let (share, runs) = (100.0 * part.share, 100.0 * part.found);
        println!("{t:4} {share:5.0}% {runs:8.0}% {:11.2}", part.silhouette);
        assert!(part.found >= 0.8, "the kinds are found again and again");
    }
    let mut blocks: Vec<usize> = (0..3)
        .map(|t| found.fit.h.row(t).iter().copied())
        .map(|part| {
            let largest = part.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            largest.map_or(0, |(j, _)| j / 8)
        })
        .collect();
    blocks.sort_unstable();
    assert_eq!(blocks, [0, 1, 2], "each part is a kind");
    Ok(())
}
