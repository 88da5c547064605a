//! Pitches of templates, notes of activations, and the tables of both.

use std::fmt::Write as _;

use partwise_apps::audio::{Note, Pitch, note_name, notes, pitch};
use serde_json::{Value, json};

use super::Analysis;
use super::factors::Factors;
use crate::table::counted;

/// A note with the components that play it.
#[derive(Debug)]
pub(super) struct Played {
    /// The components of this pitch, the strongest first.
    pub(super) components: Vec<usize>,
    pub(super) onset: f64,
    pub(super) end: f64,
    pub(super) strength: f32,
}

/// What is played.
#[derive(Debug)]
pub(super) struct Notes {
    /// The pitch of each component, if it has one.
    pub(super) pitches: Vec<Option<Pitch>>,
    pub(super) notes: Vec<Played>,
    /// The highest activation.
    loudest: f32,
}

impl Notes {
    /// Components of one pitch play together: their activations are added before notes are looked for. Those without a
    /// pitch play alone.
    pub(super) fn of(factors: &Factors, analysis: &Analysis) -> Self {
        let magnitudes = |component: usize| -> Vec<f32> {
            let template = factors.template(component).into_iter();
            template
                .map(|value| value.powf(1.0 / analysis.exponent))
                .collect()
        };
        let pitches: Vec<Option<Pitch>> = (0..factors.rank)
            .map(|component| pitch(&magnitudes(component), analysis.bin_hertz()))
            .collect();
        let mut voices: Vec<(Option<u8>, Vec<usize>)> = Vec::new();
        for (component, pitch) in pitches.iter().enumerate() {
            let key = pitch.map(|pitch| pitch.key());
            let voice = voices
                .iter_mut()
                .find(|(other, _)| key.is_some() && *other == key);
            match voice {
                Some((_, components)) => components.push(component),
                None => voices.push((key, vec![component])),
            }
        }
        let seconds = analysis.frame_seconds();
        let rows: Vec<Vec<f32>> = voices
            .iter()
            .map(|(_, components)| {
                let mut sum = vec![0.0_f32; factors.fit.w.rows()];
                for component in components {
                    for (sum, value) in sum.iter_mut().zip(factors.activation(*component)) {
                        *sum += value;
                    }
                }
                // Power becomes magnitude, so that thresholds mean the same.
                sum.iter_mut()
                    .for_each(|value| *value = value.powf(1.0 / analysis.exponent));
                sum
            })
            .collect();
        let loudest = rows
            .iter()
            .flatten()
            .fold(0.0_f32, |most, value| most.max(*value));
        let mut played: Vec<Played> = Vec::new();
        for ((_, components), row) in voices.iter().zip(&rows) {
            for Note {
                onset,
                end,
                strength,
            } in notes(row, seconds, loudest)
            {
                played.push(Played {
                    components: components.clone(),
                    onset: onset as f64 * seconds,
                    end: end as f64 * seconds,
                    strength,
                });
            }
        }
        played.sort_by(|a, b| a.onset.total_cmp(&b.onset));
        Self {
            pitches,
            notes: played,
            loudest,
        }
    }

    /// One line a note.
    pub(super) fn notes_csv(&self) -> String {
        let mut table = String::from("onset_s,end_s,midi,name,cents,strength,components\n");
        for note in &self.notes {
            let components: Vec<String> = note
                .components
                .iter()
                .map(|k| (k + 1).to_string())
                .collect();
            let (midi, name, cents) = match self.pitch_of(note) {
                Some(pitch) => (
                    pitch.key().to_string(),
                    note_name(pitch.key()),
                    format!("{:.0}", pitch.cents()),
                ),
                None => Default::default(),
            };
            let strength = note.strength / self.loudest.max(f32::MIN_POSITIVE);
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{:.4},{:.4},{midi},{name},{cents},{strength:.4},{}",
                note.onset,
                note.end,
                components.join(" ")
            );
        }
        table
    }

    pub(super) fn pitch_of(&self, note: &Played) -> Option<Pitch> {
        self.pitches[note.components[0]]
    }

    /// A name for each component: its number, and its note if it has one.
    pub(super) fn labels(&self) -> Vec<String> {
        let label = |(component, pitch): (usize, &Option<Pitch>)| match pitch {
            Some(pitch) => format!("{} · {}", component + 1, note_name(pitch.key())),
            None => (component + 1).to_string(),
        };
        self.pitches.iter().enumerate().map(label).collect()
    }

    pub(super) fn components_json(&self) -> Value {
        self.pitches
            .iter()
            .map(|pitch| match pitch {
                Some(pitch) => json!({
                    "hertz": pitch.hertz,
                    "midi": pitch.midi,
                    "note": note_name(pitch.key()),
                    "cents": pitch.cents(),
                    "harmonicity": pitch.harmonicity,
                }),
                None => Value::Null,
            })
            .collect()
    }

    pub(super) fn summary(&self) -> String {
        let mut keys: Vec<u8> = self.pitches.iter().flatten().map(Pitch::key).collect();
        keys.sort_unstable();
        keys.dedup();
        let names: Vec<String> = keys.into_iter().map(note_name).collect();
        let count = counted(self.notes.len() as u64, "note");
        if names.is_empty() {
            count
        } else {
            format!("{count}; pitches {}", names.join(", "))
        }
    }
}

/// One line a frame: its time, and the activation of each component.
pub(super) fn activations_csv(factors: &Factors, analysis: &Analysis) -> String {
    let mut table = String::from("time_s");
    for component in 1..=factors.rank {
        let _ = write!(table, ",component_{component}");
    }
    table.push('\n');
    let rows = factors.model().activations.chunks_exact(factors.rank);
    for (frame, row) in rows.enumerate() {
        let _ = write!(table, "{:.4}", frame as f64 * analysis.frame_seconds());
        for value in row {
            let _ = write!(table, ",{value:.5e}");
        }
        table.push('\n');
    }
    table
}
