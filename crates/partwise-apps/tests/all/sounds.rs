//! The kinds of sound files, each read back as the sound that libsndfile, or FFmpeg for MP4, wrote into it.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

use partwise_apps::AppError;
use partwise_apps::audio::{SampleFormat, WaveFile, load};

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
    // Coders of MP3 and AAC add silence before the sound, and not all readers know how much.
    for (name, most_delay, most_distance) in [
        ("two-tones.wav", 0, 0.02),
        ("two-tones.flac", 0, 1e-4),
        ("two-tones.ogg", 0, 0.02),
        ("two-tones.mp3", 2500, 0.02),
        ("two-tones-aac.m4a", 2500, 0.02),
        ("two-tones-alac.m4a", 0, 1e-4),
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

/// Where the frames of an MP3 of MPEG-2 begin.
fn frames(mp3: &[u8]) -> Vec<usize> {
    const KILOBITS: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let mut found = Vec::new();
    let mut at = mp3
        .windows(2)
        .position(|pair| pair[0] == 0xff && pair[1] >> 4 == 0xf)
        .unwrap();
    while at + 4 < mp3.len() && mp3[at] == 0xff {
        found.push(at);
        let (rate, padding) = (
            KILOBITS[usize::from(mp3[at + 2] >> 4)],
            mp3[at + 2] >> 1 & 1,
        );
        at += 72_000 * rate / RATE as usize + usize::from(padding);
    }
    found
}

#[test]
fn pieces_that_cannot_be_decoded_are_silent_and_keep_their_time() {
    const FRAME: usize = 576;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mp3");
    let whole = std::fs::read(fixture("two-tones.mp3")).unwrap();
    let sound = load(&fixture("two-tones.mp3"), 1 << 30).unwrap();
    let frames = frames(&whole);
    for lost in [vec![1], vec![1, 2], vec![9], vec![1, 9, 10]] {
        let mut bytes = whole.clone();
        for &frame in &lost {
            // More large values than a frame holds.
            bytes[frames[frame] + 6] |= 0x03;
            bytes[frames[frame] + 7] |= 0xfe;
        }
        std::fs::write(&path, &bytes).unwrap();
        let damaged = load(&path, 1 << 30).unwrap();
        assert_eq!(damaged.damaged(), lost.len() as u64, "{lost:?}");
        assert_eq!(damaged.length(), sound.length(), "{lost:?}");
        for (channel, before) in damaged.channels().iter().zip(sound.channels()) {
            // Frames may hang on one that is lost. Their place is told from that a frame before.
            let later = LENGTH - 3000;
            let whole: Vec<f64> = before[later..].iter().map(|&x| x.into()).collect();
            let from = |place: usize| distance(&whole, &channel[place..], 0);
            assert!(from(later) < 0.5 * from(later - FRAME), "{lost:?}");
        }
    }
}

#[test]
fn more_channels_than_a_file_holds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.wav");
    let found = WaveFile::create(&path, 70_000, RATE, SampleFormat::Pcm16);
    assert!(matches!(found.unwrap_err(), AppError::WriteSound { .. }));
    assert!(!path.exists());
}
