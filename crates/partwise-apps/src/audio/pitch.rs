//! The pitch of a template: the fundamental whose harmonics hold what the template holds.
//!
//! Each candidate, a tenth of a semitone apart, collects the template at its harmonics with weights that fall (harmonic
//! summation, Hermes 1988), less what lies half way between them, which tells a pitch from its octave below and from noise.
//! The best candidate is refined by parabolas through the peaks of its harmonics.

/// Lowest and highest fundamental as MIDI numbers: a little beyond a piano's.
const LOWEST_MIDI: f64 = 21.0;
const HIGHEST_MIDI: f64 = 108.0;
/// Steps a semitone.
const STEPS: usize = 10;
/// Harmonics that are looked at.
const HARMONICS: usize = 12;
/// Weight of each harmonic over that of the one below.
const DECAY: f64 = 0.84;
/// Share of a template's energy that must lie at the harmonics, beyond what chance puts there, for it to have a pitch.
const LEAST_HARMONICITY: f64 = 0.6;
/// Half the width of a harmonic in bins: the main lobe of a Hann window.
const LOBE_BINS: f64 = 2.0;

/// A pitch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    /// The fundamental in hertz.
    pub hertz: f64,
    /// The same as a MIDI number with a fraction: 69 is A4, 440 Hz; a semitone is 1.
    pub midi: f64,
    /// Share of the template's energy at the harmonics beyond chance, up to 1.
    pub harmonicity: f64,
}

impl Pitch {
    /// The nearest key.
    pub fn key(&self) -> u8 {
        self.midi.round().clamp(0.0, 127.0) as u8
    }

    /// Hundredths of a semitone above the nearest key, −50..50.
    pub fn cents(&self) -> f64 {
        100.0 * (self.midi - self.midi.round())
    }
}

/// The name of a key: 60 is "C4".
pub fn note_name(key: u8) -> String {
    const NAMES: [&str; 12] = [
        "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
    ];
    format!(
        "{}{}",
        NAMES[usize::from(key % 12)],
        i32::from(key / 12) - 1
    )
}

fn hertz_of(midi: f64) -> f64 {
    440.0 * 2_f64.powf((midi - 69.0) / 12.0)
}

fn midi_of(hertz: f64) -> f64 {
    69.0 + 12.0 * (hertz / 440.0).log2()
}

/// The pitch of a template over bins (magnitudes, from 0 Hz in steps of `bin_hertz`), if it has one.
pub fn pitch(template: &[f32], bin_hertz: f64) -> Option<Pitch> {
    let energy: f64 = template.iter().map(|x| f64::from(*x).powi(2)).sum();
    if energy <= 0.0 || !energy.is_finite() {
        return None;
    }
    // Between two bins as a straight line: a lobe is wider than a bin.
    let at = |bins: f64| -> f64 {
        let below = bins as usize;
        match (template.get(below), template.get(below + 1)) {
            (Some(a), Some(b)) => {
                let share = bins - below as f64;
                f64::from(*a) * (1.0 - share) + f64::from(*b) * share
            }
            _ => 0.0,
        }
    };
    // The strongest point within a quarter of a semitone: strings are a little sharp up there.
    let peak_near = |bins: f64| -> f64 {
        let reach = bins * 0.0145;
        [-1.0, -0.5, 0.0, 0.5, 1.0]
            .iter()
            .map(|step| at(bins + step * reach))
            .fold(0.0, f64::max)
    };
    let salience = |hertz: f64| -> f64 {
        let fundamental = hertz / bin_hertz;
        let mut sum = 0.0;
        let mut weight = 1.0;
        for harmonic in 1..=HARMONICS {
            let bins = fundamental * harmonic as f64;
            if bins >= (template.len() - 1) as f64 {
                break;
            }
            sum += weight * (peak_near(bins) - at(bins - 0.5 * fundamental));
            weight *= DECAY;
        }
        sum
    };
    // Below two lobes a bin's neighbours are all harmonics.
    let lowest = midi_of(1.5 * LOBE_BINS * bin_hertz).max(LOWEST_MIDI);
    let steps = ((HIGHEST_MIDI - lowest).max(0.0) * STEPS as f64) as usize;
    let best = (0..=steps)
        .map(|step| lowest + step as f64 / STEPS as f64)
        .map(|midi| (midi, salience(hertz_of(midi))))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let fundamental = refined(template, hertz_of(best.0) / bin_hertz);
    let harmonicity = harmonicity(template, fundamental, energy);
    (best.1 > 0.0 && harmonicity >= LEAST_HARMONICITY).then(|| {
        let hertz = fundamental * bin_hertz;
        Pitch {
            hertz,
            midi: midi_of(hertz),
            harmonicity,
        }
    })
}

/// The fundamental in bins, as the peaks near its lower harmonics say, each by its strength.
fn refined(template: &[f32], fundamental: f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for harmonic in 1..=5 {
        let place = fundamental * f64::from(harmonic);
        let near = place.round() as usize;
        let reach = 1 + (place * 0.015) as usize;
        let from = near.saturating_sub(reach).max(1);
        let to = (near + reach).min(template.len().saturating_sub(2));
        let peak = (from..=to).max_by(|a, b| template[*a].total_cmp(&template[*b]));
        let Some(peak) = peak else { break };
        let [left, centre, right] =
            [peak - 1, peak, peak + 1].map(|bin| f64::from(template[bin]).max(1e-30).ln());
        let curvature = left - 2.0 * centre + right;
        if template[peak] <= 0.0 || curvature >= 0.0 {
            continue;
        }
        let offset = (0.5 * (left - right) / curvature).clamp(-0.5, 0.5);
        let weight = f64::from(template[peak]);
        sum += weight * (peak as f64 + offset) / f64::from(harmonic);
        total += weight;
    }
    if total > 0.0 {
        sum / total
    } else {
        fundamental
    }
}

/// Share of the energy within a lobe of a harmonic, beyond the share of the bins that lie there.
fn harmonicity(template: &[f32], fundamental: f64, energy: f64) -> f64 {
    let mut held = 0.0;
    let mut covered = 0.0;
    for (bin, value) in template.iter().enumerate() {
        let harmonic = (bin as f64 / fundamental).round();
        let lobe = LOBE_BINS + 0.01 * bin as f64;
        if harmonic >= 1.0
            && (bin as f64 - harmonic * fundamental).abs() <= lobe.min(0.3 * fundamental)
        {
            held += f64::from(*value).powi(2);
            covered += 1.0;
        }
    }
    let chance: f64 = covered / template.len() as f64;
    if chance >= 1.0 {
        return 0.0;
    }
    (held / energy - chance) / (1.0 - chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lobes at the harmonics of a fundamental, as a Hann window draws them.
    fn tone(hertz: f64, strengths: &[f64], bin_hertz: f64) -> Vec<f32> {
        (0..1025)
            .map(|bin| {
                let lobe = |harmonic: usize| {
                    let distance = bin as f64 - (harmonic + 1) as f64 * hertz / bin_hertz;
                    (-0.55 * distance * distance).exp()
                };
                let sum: f64 = strengths
                    .iter()
                    .enumerate()
                    .map(|(harmonic, strength)| strength * lobe(harmonic))
                    .sum();
                sum as f32
            })
            .collect()
    }

    #[test]
    fn tones_have_their_pitch_within_a_few_cents() {
        let shapes: [&[f64]; 4] = [
            &[1.0, 0.5, 0.3, 0.2, 0.1],
            &[0.3, 1.0, 0.8, 0.4, 0.2, 0.2],
            &[1.0, 0.0, 0.5, 0.0, 0.3],
            &[1.0],
        ];
        for key in 48..96_u8 {
            for shape in shapes {
                for cents in [0.0, 30.0] {
                    let midi = f64::from(key) + cents / 100.0;
                    let template = tone(hertz_of(midi), shape, 21.53);
                    let found = pitch(&template, 21.53).expect("a pitch");
                    assert!(
                        (found.midi - midi).abs() < 0.12,
                        "{midi} with {shape:?}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn noise_and_nothing_have_no_pitch() {
        assert_eq!(pitch(&[0.0; 1025], 21.5), None);
        assert_eq!(pitch(&[1.0; 1025], 21.5), None);
        let falling: Vec<f32> = (0..1025).map(|bin| (-0.01 * bin as f32).exp()).collect();
        assert_eq!(pitch(&falling, 21.5), None);
        let noise: Vec<f32> = (0..1025_u32)
            .map(|bin| (bin.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32)
            .collect();
        assert_eq!(pitch(&noise, 21.5), None);
    }

    #[test]
    fn keys_have_names_and_cents() {
        assert_eq!(note_name(60), "C4");
        assert_eq!(note_name(69), "A4");
        assert_eq!(note_name(21), "A0");
        let found = Pitch {
            hertz: 442.0,
            midi: midi_of(442.0),
            harmonicity: 1.0,
        };
        assert_eq!(found.key(), 69);
        assert!((found.cents() - 7.85).abs() < 0.01);
    }
}
