//! Components that belong together.
//!
//! Two components are alike as their envelopes are, the coarse shapes of their templates in decibels over mel bands (the
//! timbre, whatever the note; Spiertz & Gnann 2009), or as their activations rise and fall together (the partials of one
//! stroke). Groups are joined from the most alike on, by the mean over all pairs (average linkage).

use super::{Bands, Scale, Spectrogram};
use crate::AppError;

/// Bands of an envelope: wide enough that single harmonics do not show.
const ENVELOPE_BANDS: usize = 20;
/// Parts of a template this far below its maximum count as silent.
const RANGE_DECIBEL: f32 = 50.0;

/// How alike the components are, −1..1: rank × rank, row after row.
///
/// `templates` is rank × bins, `activations` frames × rank.
///
/// # Errors
///
/// [`AppError::Parameter`] for no components, and templates of fewer than two bins.
pub fn similarity(
    activations: &[f32],
    templates: &[f32],
    rank: usize,
    rate: u32,
) -> Result<Vec<f64>, AppError> {
    let bins = templates.len().checked_div(rank).unwrap_or(0);
    let bands = Bands::new(Scale::Mel, ENVELOPE_BANDS.min(bins), bins, rate)?;
    let envelopes = bands.gathered(&Spectrogram {
        frames: rank,
        bins,
        values: templates.to_vec(),
    });
    let count = envelopes.bins;
    let shapes: Vec<Vec<f64>> = envelopes
        .values
        .chunks_exact(count)
        .map(|row| {
            let most = row.iter().fold(0.0_f32, |most, x| most.max(*x));
            let least = (most * 10_f32.powf(-RANGE_DECIBEL / 20.0)).max(f32::MIN_POSITIVE);
            centred(row.iter().map(|x| f64::from(x.max(least).ln())).collect())
        })
        .collect();
    let courses: Vec<Vec<f64>> = (0..rank)
        .map(|component| {
            let column = activations.chunks_exact(rank).map(|row| row[component]);
            centred(column.map(|x| f64::from(x).sqrt()).collect())
        })
        .collect();
    let mut alike = vec![1.0; rank * rank];
    for a in 0..rank {
        for b in 0..a {
            let value = cosine(&shapes[a], &shapes[b]).max(cosine(&courses[a], &courses[b]));
            alike[a * rank + b] = value;
            alike[b * rank + a] = value;
        }
    }
    Ok(alike)
}

/// Joins `rank` components into `count` groups by their similarity (rank × rank), the groups in the order of their first
/// components.
pub fn group_by_similarity(similarity: &[f64], rank: usize, count: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..rank).map(|component| vec![component]).collect();
    while groups.len() > count.max(1) {
        let mean = |a: &[usize], b: &[usize]| {
            let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y)));
            let sum: f64 = pairs.map(|(x, y)| similarity[x * rank + y]).sum();
            sum / (a.len() * b.len()) as f64
        };
        let mut best = (f64::NEG_INFINITY, 0, 1);
        for a in 0..groups.len() {
            for b in a + 1..groups.len() {
                let value = mean(&groups[a], &groups[b]);
                if value > best.0 {
                    best = (value, a, b);
                }
            }
        }
        let joined = groups.remove(best.2);
        groups[best.1].extend(joined);
        groups[best.1].sort_unstable();
    }
    groups
}

fn centred(mut values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|value| *value -= mean);
    values
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
    let size = (product(a, a) * product(b, b)).sqrt();
    if size > 0.0 {
        product(a, b) / size
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_are_joined_first() {
        let alike = [
            1.0, 0.1, 0.9, 0.0, //
            0.1, 1.0, 0.2, 0.7, //
            0.9, 0.2, 1.0, 0.1, //
            0.0, 0.7, 0.1, 1.0,
        ];
        assert_eq!(group_by_similarity(&alike, 4, 2), [vec![0, 2], vec![1, 3]]);
        assert_eq!(group_by_similarity(&alike, 4, 4).len(), 4);
        assert_eq!(group_by_similarity(&alike, 4, 1), [vec![0, 1, 2, 3]]);
    }

    #[test]
    fn notes_of_one_timbre_are_alike_and_of_another_not() {
        // Dark and bright instruments, two notes each, sounding by turns.
        let bins = 513;
        let template = |fundamental: usize, slope: f32| -> Vec<f32> {
            (0..bins)
                .map(|bin| {
                    let at = bin % fundamental == 0 && bin > 0;
                    let level = (slope * bin as f32).exp();
                    level * if at { 1.0 } else { 0.02 }
                })
                .collect()
        };
        let templates = [
            template(11, -0.03),
            template(11, 0.002),
            template(14, -0.03),
            template(14, 0.002),
        ]
        .concat();
        let activations: Vec<f32> = (0..400)
            .flat_map(|frame| (0..4).map(move |k| f32::from(u8::from(frame / 10 % 4 == k))))
            .collect();
        let alike = similarity(&activations, &templates, 4, 22_050).unwrap();
        assert_eq!(group_by_similarity(&alike, 4, 2), [vec![0, 2], vec![1, 3]]);
        assert!(alike.iter().all(|value| (-1.001..=1.001).contains(value)));
    }
}
