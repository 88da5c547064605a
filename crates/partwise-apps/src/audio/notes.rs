//! Notes from activations: when a component begins to sound, how long, and how strongly.
//!
//! A note begins where the activation rises by a good part of the component's own loud level, out of silence or out of a
//! dip, and ends where it has fallen to a small part of the note's peak or the next begins. The time of the onset is that of
//! the steepest rise: frames are centred, so that is where the sound begins.

/// A note of one row of activations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// Frame of the steepest rise.
    pub onset: usize,
    /// Frame from which it does not sound any more, above `onset`.
    pub end: usize,
    /// The highest activation.
    pub strength: f32,
}

/// A component's loud level: all but this share of the frames in which it sounds lie below.
const LOUD_SHARE: f64 = 0.05;
/// Least rise of an onset, in terms of the loud level.
const RISE: f32 = 0.25;
/// A note ends at this part of its peak.
const FALL: f32 = 0.1;
/// Least peak in terms of `loudest`: quieter ones are leaks of other components.
const AUDIBLE: f32 = 0.05;
/// Seconds over which a rise counts as one.
const RISE_SECONDS: f64 = 0.06;
/// Two onsets are at least this far apart, in seconds.
const APART_SECONDS: f64 = 0.05;
/// A note is at least this long, in seconds.
const SHORTEST_SECONDS: f64 = 0.04;

/// The notes of one row of activations, in order.
///
/// `frame_seconds` is the time from frame to frame; `loudest` the highest activation of any component with templates of
/// equal size, against which leaks are told.
pub fn notes(activations: &[f32], frame_seconds: f64, loudest: f32) -> Vec<Note> {
    let frames = |seconds: f64| ((seconds / frame_seconds).round() as usize).max(1);
    let (reach, apart, shortest) = (
        frames(RISE_SECONDS),
        frames(APART_SECONDS),
        frames(SHORTEST_SECONDS),
    );
    let loud = loud_level(activations);
    if loud <= 0.0 || activations.len() < 2 {
        return Vec::new();
    }
    let at = |frame: usize| activations[frame];
    // How far each frame stands above the lowest of the frames shortly before; the sound is silent before its beginning.
    let rise = |frame: usize| {
        let lowest = (frame.saturating_sub(reach)..frame)
            .map(at)
            .fold(at(frame), f32::min);
        at(frame) - if frame < reach { 0.0 } else { lowest }
    };
    let rises: Vec<f32> = (0..activations.len()).map(rise).collect();
    let mut onsets: Vec<(usize, usize)> = Vec::new();
    let mut frame = 0;
    while frame < rises.len() {
        if rises[frame] < RISE * loud {
            frame += 1;
            continue;
        }
        // The whole stretch of rising is one onset; its top is where the rise ends.
        let mut top = frame;
        while top + 1 < rises.len() && at(top + 1) > at(top) {
            top += 1;
        }
        let from = frame.saturating_sub(reach);
        let step = |f: usize| at(f) - if f == 0 { 0.0 } else { at(f - 1) };
        let steepest = (from..=top)
            .max_by(|a, b| step(*a).total_cmp(&step(*b)))
            .unwrap_or(frame);
        let is_new = onsets
            .last()
            .is_none_or(|(last, _)| steepest >= last + apart);
        if is_new && at(top) >= AUDIBLE * loudest {
            onsets.push((steepest, top));
        }
        frame = top + 1;
        while frame < rises.len() && rises[frame] >= RISE * loud && at(frame) <= at(frame - 1) {
            frame += 1;
        }
    }
    let mut found = Vec::with_capacity(onsets.len());
    for (number, (onset, top)) in onsets.iter().enumerate() {
        let limit = onsets
            .get(number + 1)
            .map_or(activations.len(), |next| next.0);
        let strength = (*onset..limit).map(at).fold(0.0, f32::max);
        let end = (*top..limit)
            .find(|&frame| at(frame) < FALL * strength)
            .unwrap_or(limit);
        if end >= onset + shortest {
            found.push(Note {
                onset: *onset,
                end,
                strength,
            });
        }
    }
    found
}

/// The level that the component reaches when it sounds.
fn loud_level(activations: &[f32]) -> f32 {
    let most = activations
        .iter()
        .fold(0.0_f32, |most, value| most.max(*value));
    let mut sounding: Vec<f32> = activations
        .iter()
        .copied()
        .filter(|value| *value > FALL * most)
        .collect();
    if sounding.is_empty() {
        return 0.0;
    }
    let place = ((sounding.len() - 1) as f64 * (1.0 - LOUD_SHARE)) as usize;
    *sounding.select_nth_unstable_by(place, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strokes that decay, at given frames with given strengths, rising over three frames.
    fn strokes(places: &[(usize, f32)], count: usize) -> Vec<f32> {
        let mut row = vec![0.0_f32; count];
        for &(place, strength) in places {
            for (frame, value) in row.iter_mut().enumerate().skip(place.saturating_sub(1)) {
                let age = frame as f32 - place as f32;
                let level = match age {
                    ..-0.5 => 0.2,
                    ..0.5 => 0.7,
                    _ => (-0.04 * (age - 1.0)).exp(),
                };
                *value = value.max(strength * level);
            }
        }
        row
    }

    #[test]
    fn strokes_are_found_at_their_frames() {
        let places = [(20, 1.0), (60, 0.8), (75, 1.0), (130, 0.5)];
        let found = notes(&strokes(&places, 200), 0.0116, 1.0);
        let onsets: Vec<usize> = found.iter().map(|note| note.onset).collect();
        assert_eq!(onsets.len(), places.len());
        for (onset, (place, _)) in onsets.iter().zip(places) {
            // Out of a sound that still decays the steepest rise is a frame late.
            assert!(onset.abs_diff(place) <= 1, "{onsets:?}");
        }
        assert!((found[1].strength - 0.8).abs() < 1e-6);
        assert_eq!(found[1].end, found[2].onset);
        assert!(found[3].end > 150 && found[3].end <= 200);
    }

    #[test]
    fn a_note_at_the_very_beginning_counts() {
        let found = notes(&strokes(&[(0, 1.0)], 100), 0.0116, 1.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].onset <= 1);
    }

    #[test]
    fn leaks_ripples_and_silence_are_no_notes() {
        assert!(notes(&[0.0; 50], 0.0116, 1.0).is_empty());
        assert!(notes(&strokes(&[(10, 0.02)], 100), 0.0116, 1.0).is_empty());
        let ripple: Vec<f32> = (0..300)
            .map(|i| {
                if i < 20 {
                    0.0
                } else {
                    1.0 + 0.1 * (i as f32 * 0.4).sin()
                }
            })
            .collect();
        assert_eq!(notes(&ripple, 0.0116, 1.0).len(), 1);
        let click: Vec<f32> = (0..100).map(|i| if i == 40 { 1.0 } else { 0.0 }).collect();
        assert!(notes(&click, 0.0116, 1.0).is_empty());
    }
}
