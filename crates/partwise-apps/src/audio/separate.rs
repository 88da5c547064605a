//! Sounds of parts: each source is the sound's own spectrum through a mask.
//!
//! With λ_s(t, f) the model of source s, its mask is λ_s^p / Σ λ^p: p = 2 on magnitudes is the Wiener filter for sources whose
//! spectra do not correlate (Benaroya et al. 2003; Févotte et al. 2009), p = 1 shares magnitudes as they add up. Where the
//! whole model is zero all sources share equally, so masks sum to one everywhere, and the sounds to the sound.
//!
//! The sound is worked off in blocks of frames: memory does not grow with its length, nor do spectra of all sources exist
//! at once.

use rayon::prelude::*;
use realfft::num_complex::Complex;

use super::{Sound, Transform};
use crate::AppError;

/// Frames worked on at once.
const FRAMES_A_BLOCK: usize = 128;

/// What a fit made of the spectrogram: V(t, f) ≈ Σ_k Σ_τ activations(t − τ, k) · templates(τ, k, f).
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// frames × rank, row after row.
    pub activations: &'a [f32],
    /// taps × rank × bins: one row a component and tap; plain factorisations have one tap.
    pub templates: &'a [f32],
    /// Components, at least 1.
    pub rank: usize,
    /// Frames that a template is long, at least 1.
    pub taps: usize,
}

impl Model<'_> {
    fn check(&self, frames: usize, bins: usize) -> Result<(), AppError> {
        let refuse = |what, found, rows, columns| {
            Err(AppError::Shape {
                what,
                found,
                rows,
                columns,
            })
        };
        if self.activations.len() != frames * self.rank {
            return refuse("the activations", self.activations.len(), frames, self.rank);
        }
        if self.templates.len() != self.taps * self.rank * bins {
            let rows = self.taps * self.rank;
            return refuse("the templates", self.templates.len(), rows, bins);
        }
        Ok(())
    }

    /// Adds component `component`'s share of frame `frame` of the model to `row` (bins values).
    pub fn add_component(&self, frame: usize, component: usize, row: &mut [f32]) {
        let bins = row.len();
        for tap in 0..self.taps.min(frame + 1) {
            let strength = self.activations[(frame - tap) * self.rank + component];
            if strength > 0.0 {
                let begin = (tap * self.rank + component) * bins;
                let template = &self.templates[begin..begin + bins];
                for (sum, value) in row.iter_mut().zip(template) {
                    *sum += strength * value;
                }
            }
        }
    }
}

/// How a sound is taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Separation<'a> {
    /// The transform that the model's spectrogram came from.
    pub transform: &'a Transform,
    /// The model.
    pub model: Model<'a>,
    /// The components of each source; together all of them, each once.
    pub sources: &'a [Vec<usize>],
    /// p of the masks, above 0.
    pub power: f32,
    /// Share that one more source, the last, takes before the others (frames × bins, 0..1).
    pub first: Option<&'a [f32]>,
}

impl Separation<'_> {
    /// How many sounds come out.
    pub fn count(&self) -> usize {
        self.sources.len() + usize::from(self.first.is_some())
    }

    /// Takes `sound` apart; each of the `sinks`, one a source, is given the samples of its source in order, piece by piece:
    /// as many of each channel. Sources are served at the same time.
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if the model does not fit the sound's spectrogram, or the sinks not the sources; whatever
    /// `write` returns.
    pub fn run<S: Send>(
        &self,
        sound: &Sound,
        sinks: &mut [S],
        write: impl Fn(&mut S, &[Vec<f32>]) -> Result<(), AppError> + Sync,
    ) -> Result<(), AppError> {
        let transform = self.transform;
        let (frame, hop) = (transform.framing().frame, transform.framing().hop);
        let (frames, bins) = (transform.frames(sound.length()), transform.bins());
        self.model.check(frames, bins)?;
        if let Some(mask) = self.first
            && mask.len() != frames * bins
        {
            return Err(AppError::Shape {
                what: "the mask",
                found: mask.len(),
                rows: frames,
                columns: bins,
            });
        }
        let (count, channels) = (self.count(), sound.channels().len());
        if sinks.len() != count {
            return Err(AppError::Shape {
                what: "the sinks",
                found: sinks.len(),
                rows: count,
                columns: 1,
            });
        }
        // A block's samples, and what its frames leave behind for those of the next one.
        let room = FRAMES_A_BLOCK * hop + frame;
        let mut sums = vec![vec![0.0_f32; room]; count * channels];
        let mut squares = vec![0.0_f32; room];
        let mut spectra = vec![Complex::default(); channels * FRAMES_A_BLOCK * bins];
        let mut masks = vec![0.0_f32; FRAMES_A_BLOCK * count * bins];
        for begin in (0..frames).step_by(FRAMES_A_BLOCK) {
            let block = (frames - begin).min(FRAMES_A_BLOCK);
            spectra
                .par_chunks_mut(bins)
                .enumerate()
                .filter(|(row, _)| row % FRAMES_A_BLOCK < block)
                .for_each_init(
                    || transform.workspace(),
                    |workspace, (row, spectrum)| {
                        let channel = &sound.channels()[row / FRAMES_A_BLOCK];
                        let index = begin + row % FRAMES_A_BLOCK;
                        transform.analyse(channel, index, spectrum, workspace);
                    },
                );
            masks
                .par_chunks_mut(count * bins)
                .take(block)
                .enumerate()
                .for_each(|(row, masks)| self.masks(begin + row, bins, masks));
            sums.par_iter_mut().enumerate().for_each_init(
                || transform.workspace(),
                |workspace, (output, sum)| {
                    let (source, channel) = (output / channels, output % channels);
                    for row in 0..block {
                        let spectrum = (channel * FRAMES_A_BLOCK + row) * bins;
                        let mask = (row * count + source) * bins;
                        transform.synthesise(
                            &spectra[spectrum..spectrum + bins],
                            masks[mask..mask + bins].iter().copied(),
                            &mut sum[row * hop..row * hop + frame],
                            workspace,
                        );
                    }
                },
            );
            for row in 0..block {
                transform.add_squared_window(&mut squares[row * hop..row * hop + frame]);
            }
            // Sample i of the room is sample begin·hop + i − frame/2 of the sound.
            let is_last = begin + block == frames;
            let finished = if is_last { room } else { block * hop };
            let before = frame / 2;
            let to = (sound.length() + before - begin * hop).min(finished);
            let from = before.saturating_sub(begin * hop).min(to);
            sinks
                .par_iter_mut()
                .zip(sums.par_chunks(channels))
                .try_for_each(|(sink, sums)| {
                    let pieces: Vec<Vec<f32>> = sums
                        .iter()
                        .map(|sum| {
                            let pairs = sum[from..to].iter().zip(&squares[from..to]);
                            pairs.map(|(sum, square)| sum / square).collect()
                        })
                        .collect();
                    write(sink, &pieces)
                })?;
            for sum in sums.iter_mut().chain([&mut squares]) {
                sum.copy_within(finished.., 0);
                let kept = room - finished;
                sum[kept..].fill(0.0);
            }
        }
        Ok(())
    }

    /// The masks of all sources at one frame, source after source.
    fn masks(&self, frame: usize, bins: usize, masks: &mut [f32]) {
        masks.fill(0.0);
        let (parts, first) = masks.split_at_mut(self.sources.len() * bins);
        for (components, row) in self.sources.iter().zip(parts.chunks_exact_mut(bins)) {
            for &component in components {
                self.model.add_component(frame, component, row);
            }
        }
        let mut totals = vec![0.0_f32; bins];
        if self.power != 1.0 {
            // Powers of shares of the largest, which are in range where those of the sizes may not be.
            let largest = &mut totals;
            for row in parts.chunks_exact(bins) {
                for (largest, value) in largest.iter_mut().zip(row) {
                    *largest = largest.max(*value);
                }
            }
            for row in parts.chunks_exact_mut(bins) {
                for (value, &largest) in row.iter_mut().zip(largest.iter()) {
                    *value = match largest >= f32::MIN_POSITIVE {
                        true if self.power == 2.0 => (*value / largest).powi(2),
                        true => (*value / largest).powf(self.power),
                        false => 0.0,
                    };
                }
            }
            totals.fill(0.0);
        }
        for row in parts.chunks_exact(bins) {
            for (total, value) in totals.iter_mut().zip(row) {
                *total += value;
            }
        }
        if let Some(mask) = self.first {
            first.copy_from_slice(&mask[frame * bins..(frame + 1) * bins]);
        }
        let equal = 1.0 / self.sources.len() as f32;
        for row in parts.chunks_exact_mut(bins) {
            for (bin, value) in row.iter_mut().enumerate() {
                let total = totals[bin];
                let share = if total >= f32::MIN_POSITIVE && total.is_finite() {
                    *value / total
                } else {
                    equal
                };
                *value = match self.first {
                    Some(_) => share * (1.0 - first[bin]),
                    None => share,
                };
            }
        }
    }
}
