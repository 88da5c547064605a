//! Matrices whose rank is known: products of sparse random factors, with Gaussian noise or as Poisson counts.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "tests and an example take what they need"
)]

use partwise::{Dense, Loss};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal, StandardUniform};

/// What is done to the product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Normal noise, of which the standard deviation is this share of the product's root mean square; what falls below zero
    /// is zero.
    Gaussian(f64),
    /// Counts with the product, scaled to this mean, as their rates.
    Poisson(f64),
}

impl Noise {
    /// Those of the table in `docs/rank.md`.
    pub const ALL: [Self; 4] = [
        Self::Gaussian(0.1),
        Self::Gaussian(0.4),
        Self::Poisson(10.0),
        Self::Poisson(2.0),
    ];

    /// The loss that goes with it.
    pub fn loss(self) -> Loss {
        match self {
            Self::Gaussian(_) => Loss::FROBENIUS,
            Self::Poisson(_) => Loss::KULLBACK_LEIBLER,
        }
    }
}

/// The ranks that are looked at where this one is planted.
pub fn around(rank: usize) -> std::ops::RangeInclusive<usize> {
    rank.saturating_sub(4).max(1)..=rank + 4
}

/// W (rows × rank) H (rank × cols) with noise. Half of the entries of a factor are zero, the others exponential.
pub fn planted(rows: usize, cols: usize, rank: usize, noise: Noise, seed: u64) -> Dense<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut factor = |count: usize| -> Vec<f64> {
        let entry = |_| {
            let draw: f64 = StandardUniform.sample(&mut rng);
            let size: f64 = Exp1.sample(&mut rng);
            if draw < 0.5 { 0.0 } else { size }
        };
        (0..count).map(entry).collect()
    };
    let (w, h) = (factor(rows * rank), factor(rank * cols));
    let entry = |i: usize, j: usize| (0..rank).map(|t| w[i * rank + t] * h[t * cols + j]).sum();
    let mut values: Vec<f64> = (0..rows * cols)
        .map(|at| entry(at / cols, at % cols))
        .collect();
    let count = values.len() as f64;
    match noise {
        Noise::Gaussian(share) => {
            let squares: f64 = values.iter().map(|x| x * x).sum();
            let size = share * (squares / count).sqrt();
            for value in &mut values {
                let draw: f64 = StandardNormal.sample(&mut rng);
                *value = (*value + size * draw).max(0.0);
            }
        }
        Noise::Poisson(mean) => {
            let scale = mean * count / values.iter().sum::<f64>();
            for value in &mut values {
                let rate = *value * scale;
                *value = if rate > 0.0 {
                    Poisson::new(rate)
                        .expect("a positive rate")
                        .sample(&mut rng)
                } else {
                    0.0
                };
            }
        }
    }
    Dense::from_rows(values, rows, cols).expect("as many values as entries")
}
