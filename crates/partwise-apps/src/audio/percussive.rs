//! What strikes against what sustains.
//!
//! A tone is a line along time, a stroke a line along frequency. The median along one direction keeps lines along it and
//! wipes out those across (FitzGerald 2010, "Harmonic/percussive separation using median filtering"). Of both medians comes a
//! soft mask, P² / (H² + P²).

use rayon::prelude::*;

use super::Spectrogram;

/// Length of the median along time in seconds.
const SECONDS: f64 = 0.2;
/// Length of the median along frequency in hertz.
const HERTZ: f64 = 500.0;

/// Frames on each side that the median along time takes in, and bins that the one along frequency does.
pub fn percussive_reach(frame_seconds: f64, bin_hertz: f64) -> (usize, usize) {
    let half = |length: f64| ((length / 2.0).round() as usize).max(1);
    (half(SECONDS / frame_seconds), half(HERTZ / bin_hertz))
}

/// The percussive share of the magnitude of every entry of a spectrogram, frames × bins, 0..1.
///
/// `exponent` says what of magnitudes the entries are, 1 or 2. `frame_seconds` is the time from frame to frame, `bin_hertz` the distance
/// of two bins.
pub fn percussive_mask(
    v: &Spectrogram,
    exponent: f32,
    frame_seconds: f64,
    bin_hertz: f64,
) -> Vec<f32> {
    let (frames, bins) = (v.frames, v.bins);
    let (along_time, along_frequency) = percussive_reach(frame_seconds, bin_hertz);
    // Columns are filtered as rows of the transposed matrix: a tile of columns at a time, so that reads stay in cache.
    const TILE: usize = 16;
    let tiles: Vec<Vec<f32>> = (0..bins.div_ceil(TILE))
        .into_par_iter()
        .map(|tile| {
            let columns = (tile * TILE..bins.min((tile + 1) * TILE)).collect::<Vec<_>>();
            let mut column = vec![0.0; frames];
            let mut filtered = Vec::with_capacity(columns.len() * frames);
            for bin in columns {
                for (value, row) in column.iter_mut().zip(v.values.chunks_exact(bins)) {
                    *value = row[bin];
                }
                filtered.extend(running_median(&column, along_time));
            }
            filtered
        })
        .collect();
    let mut mask = vec![0.0_f32; frames * bins];
    mask.par_chunks_mut(bins)
        .enumerate()
        .for_each(|(frame, out)| {
            let row = &v.values[frame * bins..(frame + 1) * bins];
            let percussive = running_median(row, along_frequency);
            for (bin, out) in out.iter_mut().enumerate() {
                let harmonic = tiles[bin / TILE][bin % TILE * frames + frame];
                // The median of a power is the power of the median.
                let square = |median: f32| match exponent {
                    1.0 => median * median,
                    _ => median.powf(2.0 / exponent),
                };
                let (h, p) = (square(harmonic), square(percussive[bin]));
                *out = if h + p > 0.0 { p / (h + p) } else { 0.5 };
            }
        });
    mask
}

/// The median of the values up to `half` places away, fewer at the ends.
fn running_median(values: &[f32], half: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = Vec::with_capacity((2 * half + 1).min(values.len() + 1));
    let place = |sorted: &[f32], value: f32| sorted.partition_point(|other| *other < value);
    let mut medians = Vec::with_capacity(values.len());
    for value in &values[..half.min(values.len())] {
        sorted.insert(place(&sorted, *value), *value);
    }
    for index in 0..values.len() {
        if let Some(value) = values.get(index + half) {
            sorted.insert(place(&sorted, *value), *value);
        }
        medians.push(sorted[sorted.len() / 2]);
        if let Some(past) = index.checked_sub(half) {
            sorted.remove(place(&sorted, values[past]));
        }
    }
    medians
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_medians_are_those_of_sorted_windows() {
        let values: Vec<f32> = (0..50).map(|i| ((i * 37) % 23) as f32).collect();
        for half in [1, 3, 30, 60] {
            let found = running_median(&values, half);
            for (index, median) in found.iter().enumerate() {
                let (from, to) = (index.saturating_sub(half), (index + half + 1).min(50));
                let mut window = values[from..to].to_vec();
                window.sort_by(f32::total_cmp);
                assert_eq!(*median, window[window.len() / 2], "{index}, {half}");
            }
        }
    }

    #[test]
    fn lines_along_time_are_tones_and_lines_along_frequency_strokes() {
        let (frames, bins) = (60, 80);
        let mut v = Spectrogram {
            frames,
            bins,
            values: vec![0.01; frames * bins],
        };
        for frame in 0..frames {
            v.values[frame * bins + 20] = 1.0;
        }
        for bin in 0..bins {
            v.values[30 * bins + bin] = 1.0;
        }
        let mask = percussive_mask(&v, 1.0, 0.012, 21.5);
        let mut squares = v.clone();
        squares.values.iter_mut().for_each(|value| *value *= *value);
        let of_squares = percussive_mask(&squares, 2.0, 0.012, 21.5);
        let pairs = mask.iter().zip(&of_squares);
        assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(mask[5 * bins + 20] < 0.01);
        assert!(mask[30 * bins + 60] > 0.99);
        assert!(mask.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
