//! A recording as the sum of its components.

use serde_json::{Value, json};

use super::{Content, Kind, check, data};
use crate::ReportError;

/// A mixture, and the factors of its spectrogram V = |X|^exponent (bins × frames).
///
/// X is the short-time Fourier transform with a window of `frame` samples; frame t is centred on the sample t · `hop`, and
/// beyond its ends the signal is taken as zero. The page computes X, the masks and the sound of any set of components itself.
/// A component's part of V is Σ over τ of W\[f, τ, c\] H\[c, t − τ\].
#[derive(Debug, Clone)]
pub struct AudioSection {
    /// What the recording is called, such as its file's name.
    pub name: String,
    /// Samples a second, at least 1.
    pub sample_rate: u32,
    /// The mixture, mono, nominally −1..1; at a rate of at most about 22 kHz, or the page grows large.
    pub samples: Vec<f32>,
    /// Samples in a window: an even number, at least 2; a power of two is quicker.
    pub frame: usize,
    /// Samples from one window to the next, at least 1 and at most half a frame.
    pub hop: usize,
    /// Number of components, k, at least 1.
    pub rank: usize,
    /// The power of the magnitudes that was factored, above 0.
    pub exponent: f64,
    /// The window, `frame` weights, not negative; the same before and after.
    pub window: Vec<f32>,
    /// Frames that a component lasts, at least 1.
    pub taps: usize,
    /// W, (taps × k) × (frame / 2 + 1), row-major, not negative: the components' spectra, those of one frame after another.
    pub w: Vec<f32>,
    /// H, k × frames, row-major, not negative: when they sound. frames = ⌊samples / hop⌋ + 1, or a few more.
    pub h: Vec<f32>,
    /// The power of the sources' models by which they share the mixture, above 0.
    pub power: f64,
    /// How strokes were set aside before the rest was factored, if they were.
    pub strokes: Option<Strokes>,
    /// Groups of components that sound like one source; may be empty.
    pub sources: Vec<Source>,
    /// Notes found in the components; may be empty.
    pub notes: Vec<Note>,
    /// What the listener should know, such as "the first 60 s of 600 s".
    pub note: Option<String>,
}

/// Strokes told from tones by medians of V along frequency and along time (FitzGerald 2010).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strokes {
    /// Frames before and after that a median along time takes in.
    pub along_time: usize,
    /// Bins below and above that a median along frequency takes in.
    pub along_frequency: usize,
}

/// Components that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What it is called.
    pub name: String,
    /// Its components.
    pub components: Vec<usize>,
}

/// One note.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The component that sounds it.
    pub component: usize,
    /// When it begins, in seconds.
    pub onset: f64,
    /// When it ends, in seconds.
    pub end: f64,
    /// Its pitch as a MIDI number (69 is 440 Hz), if it has one.
    pub midi: Option<f64>,
    /// How loud it is, not negative, on any scale.
    pub strength: f64,
}

/// Most samples that the page holds; of a longer recording the page has the beginning.
const SAMPLES: usize = 1_400_000;
/// Most bytes of exact factors; larger ones are kept in 16 bits.
const EXACT_BYTES: usize = 250_000;

impl AudioSection {
    /// What the page's script draws and plays.
    pub(super) fn content(&self) -> Result<Content, ReportError> {
        self.check()?;
        let rate = f64::from(self.sample_rate);
        let kept = self.samples.len().min(SAMPLES);
        // The frames centred in what is kept, and one more whose first half reaches into it.
        let frames = self.frames().min(kept / self.hop + 2);
        let h: Vec<f32> = self
            .h
            .chunks_exact(self.frames())
            .flat_map(|row| row[..frames].iter().copied())
            .collect();
        let cut = (kept < self.samples.len()).then(|| {
            let seconds = |samples: usize| samples as f64 / rate;
            format!(
                "This page holds the first {:.0} s of {:.0} s.",
                seconds(kept),
                seconds(self.samples.len())
            )
        });
        let remarks: Vec<&str> = self
            .note
            .as_deref()
            .into_iter()
            .chain(cut.as_deref())
            .collect();
        let end = kept as f64 / rate;
        let notes: Vec<Value> = self
            .notes
            .iter()
            .filter(|note| note.onset < end)
            .map(|note| {
                json!([
                    note.component,
                    note.onset,
                    note.end.min(end),
                    note.midi,
                    note.strength
                ])
            })
            .collect();
        let source =
            |source: &Source| json!({ "name": source.name, "components": source.components });
        let strokes = self
            .strokes
            .map(|s| json!({ "alongTime": s.along_time, "alongFrequency": s.along_frequency }));
        Ok(Content {
            kind: Kind::Audio,
            name: Some(self.name.clone()),
            data: json!({
                "sampleRate": self.sample_rate,
                "samples": data::sound(&self.samples[..kept]),
                "frame": self.frame,
                "hop": self.hop,
                "rank": self.rank,
                "frames": frames,
                "exponent": self.exponent,
                "power": self.power,
                "strokes": strokes,
                "window": data::numbers(&self.window, self.frame, EXACT_BYTES),
                "taps": self.taps,
                "w": data::numbers(&self.w, self.bins(), EXACT_BYTES),
                "h": data::numbers(&h, frames, EXACT_BYTES),
                "sources": self.sources.iter().map(source).collect::<Vec<_>>(),
                "notes": notes,
                "remarks": remarks,
            }),
        })
    }

    /// Frequencies of a spectrum.
    pub(super) fn bins(&self) -> usize {
        self.frame / 2 + 1
    }

    /// Columns of H.
    pub(super) fn frames(&self) -> usize {
        self.h.len() / self.rank.max(1)
    }

    /// Refuses what the page could not show.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let refuse = |place: &str, value: String, expected: String| {
            Err(ReportError::Value {
                place: place.to_owned(),
                value,
                expected,
            })
        };
        check::at_least_one("rank", self.rank)?;
        check::at_least_one("sample_rate", self.sample_rate as usize)?;
        check::at_least_one("number of samples", self.samples.len())?;
        if self.frame < 2 || !self.frame.is_multiple_of(2) {
            let expected = "an even number, at least 2".to_owned();
            return refuse("frame", self.frame.to_string(), expected);
        }
        if self.hop == 0 || self.hop > self.frame / 2 {
            let expected = format!("1 to half a frame, {}", self.frame / 2);
            return refuse("hop", self.hop.to_string(), expected);
        }
        for (name, value) in [("exponent", self.exponent), ("power", self.power)] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(name, value.to_string(), "above 0".to_owned());
            }
        }
        check::at_least_one("taps", self.taps)?;
        check::length("the window", self.window.len(), "frame", &[self.frame])?;
        let sizes = [self.taps, self.rank, self.bins()];
        check::length("W", self.w.len(), "taps × rank × (frame / 2 + 1)", &sizes)?;
        let sizes = [self.rank, self.frames()];
        check::length("H", self.h.len(), "rank × frames", &sizes)?;
        // A centred frame whose middle lies in the signal; less would leave sound without a mask.
        let needed = self.samples.len().div_ceil(self.hop);
        if self.frames() < needed {
            let expected = format!("at least {needed}, so that they cover the samples");
            return refuse("number of frames", self.frames().to_string(), expected);
        }
        check::finite("samples", &self.samples)?;
        check::non_negative("the window", &self.window)?;
        check::non_negative("W", &self.w)?;
        check::non_negative("H", &self.h)?;
        for source in &self.sources {
            for &component in &source.components {
                check::index(&format!("source {:?}", source.name), component, self.rank)?;
            }
        }
        for (number, note) in self.notes.iter().enumerate() {
            let place = |field: &str| format!("notes[{number}].{field}");
            check::index(&place("component"), note.component, self.rank)?;
            let times = [note.onset, note.end, note.midi.unwrap_or_default()];
            check::finite(&place("times and pitch"), &times)?;
            check::non_negative(&place("strength"), &[note.strength])?;
        }
        Ok(())
    }
}
