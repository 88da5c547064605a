//! Fewer samples a second, by a whole factor.

use std::f64::consts::PI;

use rayon::prelude::*;

/// Zero crossings of the filter on each side: steep enough that the lost band is a few percent wide.
const CROSSINGS: usize = 16;
/// Where the filter lets half through, in terms of the new rate's half.
const CUTOFF: f64 = 0.94;

/// The smallest power of two that brings `rate` down to at most `highest` samples a second while it divides both `frame`
/// (and leaves it even) and `hop`.
pub fn decimation(rate: u32, highest: u32, frame: usize, hop: usize) -> usize {
    let mut factor = 1;
    while u64::from(rate) > u64::from(highest) * factor as u64
        && frame.is_multiple_of(4 * factor)
        && hop.is_multiple_of(2 * factor)
    {
        factor *= 2;
    }
    factor
}

/// Every `factor`th sample after a low-pass filter (a sinc under a Blackman window) that keeps what the new rate can hold.
pub fn decimated(samples: &[f32], factor: usize) -> Vec<f32> {
    if factor <= 1 {
        return samples.to_vec();
    }
    let half = CROSSINGS * factor;
    let weight = |place: usize| {
        let x = (place as f64 - half as f64) / factor as f64 * CUTOFF;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        };
        let angle = PI * place as f64 / half as f64;
        sinc * (0.42 - 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos())
    };
    let weights: Vec<f64> = (0..=2 * half).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f32> = weights
        .iter()
        .map(|weight| (weight / total) as f32)
        .collect();
    (0..samples.len().div_ceil(factor))
        .into_par_iter()
        .map(|index| {
            let centre = index * factor;
            let from = centre.saturating_sub(half);
            let to = (centre + half + 1).min(samples.len());
            let skipped = from + half - centre;
            samples[from..to]
                .iter()
                .zip(&weights[skipped..])
                .map(|(sample, weight)| sample * weight)
                .sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(hertz: f64, factor: usize) -> f32 {
        let tone: Vec<f32> = (0..44_100)
            .map(|i| (2.0 * PI * hertz * f64::from(i) / 44_100.0).sin() as f32)
            .collect();
        let small = decimated(&tone, factor);
        assert_eq!(small.len(), 44_100_usize.div_ceil(factor));
        let middle = &small[small.len() / 4..small.len() * 3 / 4];
        (middle.iter().map(|x| x * x).sum::<f32>() / middle.len() as f32 * 2.0).sqrt()
    }

    #[test]
    fn low_tones_stay_and_those_beyond_the_new_rate_go() {
        assert!((level(1000.0, 2) - 1.0).abs() < 0.01);
        assert!((level(9000.0, 2) - 1.0).abs() < 0.02);
        assert!(level(13_000.0, 2) < 0.001);
        assert!(level(8000.0, 4) < 0.001);
        assert_eq!(decimated(&[1.0, 2.0], 1), [1.0, 2.0]);
    }

    #[test]
    fn the_factor_keeps_frame_and_hop_whole() {
        assert_eq!(decimation(44_100, 24_000, 2048, 512), 2);
        assert_eq!(decimation(96_000, 24_000, 4096, 1024), 4);
        assert_eq!(decimation(22_050, 24_000, 1024, 256), 1);
        assert_eq!(decimation(44_100, 24_000, 2048, 441), 1);
        assert_eq!(decimation(192_000, 24_000, 2000, 500), 4);
    }
}
