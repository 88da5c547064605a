//! Components that last several rows: strokes of two kinds, which move and fade, each at moments of its own.
//!
//! `cargo run --release -p partwise --example convolutive`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{ConvolutiveNmf, Loss, Matrix, Nmf};

const ROWS: usize = 80;
const COLS: usize = 16;
/// When strokes begin: those that go to the right, and those that go to the left.
const MOMENTS: [[usize; 5]; 2] = [[3, 17, 30, 44, 65], [8, 23, 36, 50, 70]];
const KINDS: usize = MOMENTS.len();
/// Rows that a stroke lasts, and rows that a component may last.
const LAST: usize = 4;
const TAPS: usize = 6;

/// The column of a stroke, some rows after it began.
fn place(kind: usize, row: usize) -> usize {
    match kind {
        0 => 2 + 2 * row,
        _ => COLS - 3 - 2 * row,
    }
}

fn main() -> Result<(), partwise::Error> {
    let mut values = vec![0.0; ROWS * COLS];
    for (kind, moments) in MOMENTS.iter().enumerate() {
        for (number, moment) in moments.iter().enumerate() {
            for row in 0..LAST {
                let level = (1 + number % 3) as f64 * (-0.5 * row as f64).exp();
                for col in 0..COLS {
                    let distance = col.abs_diff(place(kind, row)) as f64;
                    values[(moment + row) * COLS + col] += level * (-0.5 * distance.powi(2)).exp();
                }
            }
        }
    }
    let v = Matrix::row_major(&values, ROWS, COLS)?;
    let nmf = Nmf::new(KINDS)
        .loss(Loss::KULLBACK_LEIBLER)
        .max_iter(500)
        .tol(1e-6);
    let plain = nmf.fit(&v)?;
    println!("of one row: relative error {:.2}", plain.relative_error);

    // Not every start comes to the strokes; the best fit has them.
    let fits = (0..5).map(|seed| {
        let nmf = nmf.clone().seed(seed);
        ConvolutiveNmf::new(nmf, TAPS).fit(&v, &mut ())
    });
    let fits = fits.collect::<Result<Vec<_>, _>>()?;
    for (seed, fit) in fits.iter().enumerate() {
        let error = fit.relative_error;
        println!("of {TAPS} rows, from seed {seed}: relative error {error:.1e}");
    }
    let best = fits
        .iter()
        .min_by(|a, b| a.objective.total_cmp(&b.objective))
        .expect("there are fits");
    assert!(best.relative_error < 0.01, "the strokes are all there is");
    assert!(plain.relative_error > 0.3, "a row is not a stroke");

    let mut found = Vec::new();
    for component in 0..KINDS {
        let rows = (0..TAPS).map(|tap| best.h.row(tap * KINDS + component));
        let rows: Vec<_> = rows.map(|row| (row.iter().sum::<f64>(), row)).collect();
        let most = rows.iter().fold(0.0_f64, |most, (sum, _)| most.max(*sum));
        // A stroke may begin later than its component does.
        let heard = rows.iter().filter(|(sum, _)| *sum > 0.1 * most);
        let places: Vec<usize> = heard
            .filter_map(|(_, row)| (0..COLS).max_by(|&a, &b| row[a].total_cmp(&row[b])))
            .collect();
        println!("component {component} is at the columns {places:?}, one after another");
        found.push(places);
    }
    found.sort_unstable();
    for (kind, places) in found.iter().enumerate() {
        let stroke: Vec<usize> = (0..LAST).map(|row| place(kind, row)).collect();
        assert_eq!(places, &stroke, "each component is a stroke");
    }
    Ok(())
}
