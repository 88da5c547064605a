//! What is known already stays as it is: one component is given and held, and the others are found beside it.
//!
//! `cargo run --release -p partwise --example held`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Dense, Matrix, Nmf, Start};

const ROWS: usize = 60;
const COLS: usize = 40;

/// A line of a spectrum.
fn line(j: usize, at: f64) -> f64 {
    (-((j as f64 - at) / 3.0).powi(2)).exp()
}

fn main() -> Result<(), partwise::Error> {
    let much = |i: usize, t: usize| (i * (3 + 2 * t) % 11) as f64;
    let spectrum = |i: usize, j: usize| {
        much(i, 0) * line(j, 8.0) + much(i, 1) * line(j, 20.0) + much(i, 2) * line(j, 30.0)
    };
    let values: Vec<f64> = (0..ROWS * COLS)
        .map(|at| spectrum(at / COLS, at % COLS))
        .collect();
    let v = Matrix::row_major(&values, ROWS, COLS)?;

    // The first row of H is known; the others begin as anything.
    let h = (0..3 * COLS).map(|at| match at / COLS {
        0 => line(at, 8.0),
        _ => 0.5 + (at * 37 % 101) as f64 / 101.0,
    });
    let h = Dense::from_rows(h.collect(), 3, COLS)?;
    let w = Dense::from_rows(vec![1.0; ROWS * 3], ROWS, 3)?;
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        held_h: &[0],
        ..Start::default()
    };
    let model = Nmf::new(3)
        .max_iter(2000)
        .tol(1e-8)
        .fit_with(&[v], start, &mut ())?;
    println!("relative error {:.1e}", model.relative_error);
    assert_eq!(model.h.row(0), h.row(0), "what is held is not touched");
    assert!(model.relative_error < 1e-2, "the others are found");
    for t in 1..3 {
        let row = model.h.row(t).iter().enumerate();
        let top = row.max_by(|a, b| a.1.total_cmp(b.1)).map(|(j, _)| j);
        println!("component {t} is largest at {top:?}");
        assert!(matches!(top, Some(19..=21 | 29..=31)));
    }
    Ok(())
}
