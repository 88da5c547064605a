//! New rows in terms of components that are known: a fit of some days, and a transform of later ones.
//!
//! `cargo run --release -p partwise --example transform`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Matrix, Nmf};

/// Hours of a day, in which a house takes power for heating, cooking and light.
const HOURS: usize = 24;

/// The power of each hour of a day.
fn day(index: usize) -> Vec<f64> {
    let peak = |hour: usize, centre: f64| (-(hour as f64 - centre).powi(2) / 6.0).exp();
    let much = |use_of: usize| 0.5 + (index * (5 + 2 * use_of) % 13) as f64 / 13.0;
    let power = |hour| {
        let heating = 0.5 + peak(hour, 6.0);
        let cooking = peak(hour, 12.0) + peak(hour, 18.0);
        much(0) * heating + much(1) * cooking + much(2) * peak(hour, 21.0)
    };
    (0..HOURS).map(power).collect()
}

fn main() -> Result<(), partwise::Error> {
    let known: Vec<f64> = (0..40).flat_map(day).collect();
    let nmf = Nmf::new(3).max_iter(1000).tol(1e-7);
    let model = nmf.fit(&Matrix::row_major(&known, 40, HOURS)?)?;
    println!("40 days: relative error {:.1e}", model.relative_error);

    let new: Vec<f64> = (100..107).flat_map(day).collect();
    let seen = nmf.transform(&Matrix::row_major(&new, 7, HOURS)?, &model.h)?;
    println!("7 later days: relative error {:.1e}", seen.relative_error);
    for i in 0..7 {
        let shares: Vec<String> = seen.w.row(i).iter().map(|x| format!("{x:.2}")).collect();
        println!("day {}: {}", 100 + i, shares.join("  "));
    }
    assert!(
        seen.relative_error < 0.02,
        "the later days are made of the same three"
    );
    Ok(())
}
