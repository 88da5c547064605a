//! What the report page plays with.

use partwise_apps::audio::{Sound, decimated, decimation, percussive_reach};
use partwise_report::{AudioSection, Note, Section, Source as PageSource, Strokes};

use super::factors::Factors;
use super::notes::Notes;
use super::{Analysis, Source};
use crate::arguments::AudioArguments;

/// Samples a second on the page at most.
const HIGHEST_RATE: u32 = 24_000;
/// Samples on the page at most: about a minute.
const SAMPLES: usize = 1_400_000;

/// The sound with its factors at a lower rate, the beginning of a long one.
pub(super) fn section(
    arguments: &AudioArguments,
    analysis: &Analysis,
    sound: &Sound,
    factors: &Factors,
    sources: &[Source],
    found: &Notes,
) -> Section {
    let framing = analysis.framing;
    let factor = decimation(analysis.rate, HIGHEST_RATE, framing.frame, framing.hop);
    let hop = framing.hop / factor;
    let mono = sound.mono();
    let kept = mono.len().min(SAMPLES * factor);
    let samples = decimated(&mono[..kept], factor);
    let frames = samples.len().div_ceil(hop) + 1;
    let frame = framing.frame / factor;
    let bins = frame / 2 + 1;
    let rank = factors.rank;
    let mut w = Vec::with_capacity(factors.taps * rank * bins);
    for tap in 0..factors.taps {
        for component in 0..rank {
            w.extend_from_slice(&factors.tap(component, tap)[..bins]);
        }
    }
    let mut h = Vec::with_capacity(rank * frames);
    for component in 0..rank {
        h.extend(factors.activation(component).into_iter().take(frames));
    }
    let strokes = arguments.parts.percussive.then(|| {
        let reach = percussive_reach(analysis.frame_seconds(), analysis.bin_hertz());
        let (along_time, along_frequency) = reach;
        Strokes {
            along_time,
            along_frequency,
        }
    });
    let seconds = kept as f64 / f64::from(analysis.rate);
    let notes = found.notes.iter().filter(|note| note.onset < seconds);
    let notes = notes.map(|note| Note {
        component: note.components[0],
        onset: note.onset,
        end: note.end.min(seconds),
        midi: found.pitch_of(note).map(|pitch| pitch.midi),
        strength: f64::from(note.strength),
    });
    let sources = sources.iter().map(|source| PageSource {
        name: source.name.clone(),
        components: source.components.clone(),
    });
    let name = arguments.input.file_name().unwrap_or_default();
    Section::Audio(AudioSection {
        name: name.to_string_lossy().into_owned(),
        sample_rate: analysis.rate / factor as u32,
        samples,
        frame,
        hop,
        rank,
        exponent: f64::from(analysis.exponent),
        window: framing.window.weights(frame),
        taps: factors.taps,
        w,
        h,
        power: f64::from(arguments.parts.mask_power),
        strokes,
        sources: sources.collect(),
        notes: notes.collect(),
        note: (kept < mono.len())
            .then(|| format!("The first {seconds:.0} s of {:.0} s.", sound.seconds())),
    })
}
