//! Factors counts and measurements of the same samples together and each alone, and prints how near the true weights each comes.
//!
//! `cargo run --release -p partwise --example joint`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Dense, JointNmf, Matrix, Nmf, reconstruct};

fn main() -> Result<(), partwise::Error> {
    let (samples, k) = (200, 4);
    let truth = drawn(samples, k, 1)?;
    // Many columns with much noise, and few with little, in other units.
    let counts = noisy(&reconstruct(&truth, &drawn(k, 60, 2)?), 0.5, 100.0)?;
    let measured = noisy(&reconstruct(&truth, &drawn(k, 6, 3)?), 0.02, 0.001)?;
    let nmf = Nmf::new(k).max_iter(1000).tol(1e-6);
    let mut alone: f64 = 0.0;
    for (name, v) in [("counts alone", &counts), ("measurements alone", &measured)] {
        let model = nmf.fit(&Matrix::from(v))?;
        let near = cosine(&truth, &model.w);
        println!("{name:20} cosine to the true weights {near:.3}");
        alone = alone.max(near);
    }
    let matrices = [Matrix::from(&counts), Matrix::from(&measured)];
    let model = JointNmf::new(nmf).fit(&matrices)?;
    let near = cosine(&truth, model.w());
    println!("{:20} cosine to the true weights {near:.3}", "both");
    assert!(near > alone, "together they say more");
    for (name, part) in ["counts", "measurements"].iter().zip(&model.parts) {
        let (error, weight) = (part.relative_error, part.weight);
        println!("    {name}: relative error {error:.3}, counts for {weight:.3e}");
    }
    Ok(())
}

/// Numbers from 0 to 1 without an order to them, a third of them zero.
fn drawn(rows: usize, cols: usize, seed: u64) -> Result<Dense<f64>, partwise::Error> {
    let value = |at: usize| match hash(seed, at) {
        x if x < 0.33 => 0.0,
        x => (x - 0.33) / 0.67,
    };
    Dense::from_rows((0..rows * cols).map(value).collect(), rows, cols)
}

/// A matrix with noise of this share of its mean, times a scale.
fn noisy(v: &Dense<f64>, noise: f64, scale: f64) -> Result<Dense<f64>, partwise::Error> {
    let values = v.as_slice();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let entry = |(at, v): (usize, &f64)| scale * (v + noise * mean * 2.0 * hash(9, at));
    Dense::from_rows(
        values.iter().enumerate().map(entry).collect(),
        v.rows(),
        v.cols(),
    )
}

/// A number from 0 to 1 (SplitMix64; Steele, Lea & Flood 2014).
fn hash(seed: u64, at: usize) -> f64 {
    let mut z = (seed << 40 ^ at as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) as f64 / u64::MAX as f64
}

/// The mean cosine of each true column and the nearest one found.
fn cosine(truth: &Dense<f64>, found: &Dense<f64>) -> f64 {
    let (truth, found) = (truth.transposed(), found.transposed());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let between = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let nearest = |i| {
        let cosines = (0..found.rows()).map(|t| between(truth.row(i), found.row(t)));
        cosines.fold(0.0, f64::max)
    };
    (0..truth.rows()).map(nearest).sum::<f64>() / truth.rows() as f64
}
