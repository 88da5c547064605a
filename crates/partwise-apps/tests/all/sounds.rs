//! The kinds of sound files, each read back as the sound that libsndfile wrote into it.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

use partwise_apps::AppError;
use partwise_apps::audio::load;

const RATE: u32 = 22_050;
const LENGTH: usize = 11_025;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/sound")
        .join(name)
}

/// 440 Hz on the left, 660 Hz on the right, half a second with soft ends.
fn tone(hertz: f64) -> Vec<f64> {
    let sample = |i: usize| {
        let t = i as f64 / f64::from(RATE);
        0.4 * (TAU * hertz * t).sin() * (t.min(0.5 - t) / 0.05).min(1.0)
    };
    (0..LENGTH).map(sample).collect()
}

/// ‖a − b‖ / ‖a‖ where b begins `delay` samples late.
fn distance(a: &[f64], b: &[f32], delay: usize) -> f64 {
    let at = |i: usize| b.get(i + delay).map_or(0.0, |&x| f64::from(x));
    let apart: f64 = a.iter().enumerate().map(|(i, x)| (x - at(i)).powi(2)).sum();
    (apart / a.iter().map(|x| x * x).sum::<f64>()).sqrt()
}

#[test]
fn every_kind_holds_the_sound_that_was_written() {
    // Coders of MP3 add silence before the sound, and not all readers know how much.
    for (name, most_delay, most_distance) in [
        ("two-tones.wav", 0, 0.02),
        ("two-tones.flac", 0, 1e-4),
        ("two-tones.ogg", 0, 0.02),
        ("two-tones.mp3", 2500, 0.02),
    ] {
        let sound = load(&fixture(name), 1 << 30).unwrap();
        assert_eq!((sound.rate(), sound.channels().len()), (RATE, 2), "{name}");
        assert_eq!(sound.damaged(), 0, "{name}");
        let spare = sound.length() - LENGTH;
        assert!(spare <= 2 * most_delay, "{name}: {spare} samples more");
        let apart = |delay: usize| {
            let side = |channel: usize, hertz: f64| {
                distance(&tone(hertz), &sound.channels()[channel], delay)
            };
            side(0, 440.0).max(side(1, 660.0))
        };
        let least = (0..=most_delay).map(apart).fold(f64::INFINITY, f64::min);
        assert!(least < most_distance, "{name}: {least}");
    }
}

#[test]
fn an_unknown_codec_is_refused_with_the_known_ones() {
    let error = load(&fixture("two-tones.opus"), 1 << 30).unwrap_err();
    assert!(matches!(error, AppError::UnknownSound { .. }), "{error}");
    assert!(error.to_string().contains("Ogg Vorbis"), "{error}");
}
