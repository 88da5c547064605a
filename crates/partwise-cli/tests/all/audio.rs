//! `audio` on small sounds, and on the piano recording that comes with the project.

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};

use crate::common::Place;
use partwise_apps::audio::{SampleFormat, Sound, WaveFile, load};

const RATE: u32 = 8000;
const FILES: [&str; 9] = [
    "spectrogram.png",
    "templates.png",
    "activations.png",
    "convergence.png",
    "notes.csv",
    "activations.csv",
    "model.npz",
    "run.json",
    "report.html",
];

/// Tones of a hertz and a shape of partials, each from a time for a while: (hertz, seconds, seconds).
fn melody(notes: &[(f32, f32, f32)], partials: &[f32], seconds: f32) -> Vec<f32> {
    let mut samples = vec![0.0; (seconds * RATE as f32) as usize];
    for &(hertz, from, length) in notes {
        let begin = (from * RATE as f32) as usize;
        for place in 0..(length * RATE as f32) as usize {
            let age = place as f32 / RATE as f32;
            let level = 0.2 * (age * 100.0).min(1.0) * (-3.0 * age).exp();
            if let Some(sample) = samples.get_mut(begin + place) {
                for (index, partial) in partials.iter().enumerate() {
                    let turns = hertz * (index + 1) as f32 * age;
                    *sample += level * partial * (TAU * turns).sin();
                }
            }
        }
    }
    samples
}

const DARK: [f32; 3] = [1.0, 0.2, 0.05];
const BRIGHT: [f32; 8] = [0.2, 0.3, 0.6, 1.0, 0.9, 0.7, 0.5, 0.3];

/// Two instruments, with a first bar each alone: (dark, bright).
fn two_instruments() -> (Vec<f32>, Vec<f32>) {
    let low = [
        (220.0, 0.0, 0.4),
        (262.0, 0.5, 0.4),
        (196.0, 1.0, 0.4),
        (262.0, 1.5, 0.4),
        (220.0, 2.0, 0.4),
    ];
    let high = [
        (311.0, 0.25, 0.5),
        (370.0, 0.7, 0.5),
        (311.0, 1.25, 0.5),
        (370.0, 1.75, 0.5),
        (311.0, 2.2, 0.4),
    ];
    (melody(&low, &DARK, 2.6), melody(&high, &BRIGHT, 2.6))
}

fn write(path: &Path, channels: &[Vec<f32>]) {
    let mut file = WaveFile::create(path, channels.len(), RATE, SampleFormat::Float32).unwrap();
    file.append(channels).unwrap();
    file.finish().unwrap();
}

fn read(place: &Place, name: &str) -> Sound {
    load(&place.path(name), u64::MAX).unwrap()
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// That the sounds of `names` in out/ sum to the channels of `sound`.
fn assert_sum(place: &Place, names: &[&str], sound: &[Vec<f32>]) {
    let sounds: Vec<Sound> = names
        .iter()
        .map(|name| read(place, &format!("out/{name}.wav")))
        .collect();
    for (number, channel) in sound.iter().enumerate() {
        for (index, sample) in channel.iter().enumerate() {
            let sum: f32 = sounds
                .iter()
                .map(|sound| sound.channels()[number][index])
                .sum();
            assert!(
                (sum - sample).abs() < 1e-4,
                "{number}, {index}: {sum} of {sample}"
            );
        }
        assert!(
            sounds
                .iter()
                .all(|sound| sound.channels()[number].len() == channel.len())
        );
    }
}

/// Scale-invariant signal-to-distortion ratio in decibels.
fn si_sdr(reference: &[f32], estimate: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let scale = product(estimate, reference) / product(reference, reference);
    let target = scale * scale * product(reference, reference);
    10.0 * (target / (product(estimate, estimate) - target).max(1e-12)).log10()
}

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../assets")
        .join(name)
}

#[test]
fn stereo_components_sum_to_the_sound() {
    let place = Place::new();
    let (dark, bright) = two_instruments();
    let quiet: Vec<f32> = bright.iter().map(|sample| 0.3 * sample).collect();
    let channels = [sum(&dark, &quiet), sum(&dark, &bright)];
    write(&place.path("mix.wav"), &channels);
    let table = place.succeed("audio mix.wav -k 3 -o out");
    assert!(
        table.contains("2 channels") && table.contains("kullback-leibler"),
        "{table}"
    );
    for name in FILES {
        assert!(place.path(&format!("out/{name}")).is_file(), "{name}");
    }
    assert_sum(
        &place,
        &["component-1", "component-2", "component-3"],
        &channels,
    );
    for name in ["spectrogram.png", "templates.png", "activations.png"] {
        let picture = image::open(place.path(&format!("out/{name}"))).unwrap();
        assert!(picture.width() > 1000 && picture.height() > 600, "{name}");
    }
    let run = place.json("out/run.json");
    assert_eq!(run["parameters"]["frame"], 512);
    assert_eq!(run["sources"].as_array().unwrap().len(), 3);
    let model = place.model("out/model.npz");
    assert_eq!((model.w.shape().1, model.h.shape()), (3, (3, 257)));
    let activations = std::fs::read_to_string(place.path("out/activations.csv")).unwrap();
    assert_eq!(activations.lines().count(), model.w.shape().0 + 1);
    assert!(activations.starts_with("time_s,component_1,component_2,component_3\n"));
}

#[test]
fn every_way_of_taking_apart_sums_to_the_sound() {
    let (dark, bright) = two_instruments();
    let mix = [sum(&dark, &bright)];
    let cases: [(&str, &[&str]); 6] = [
        ("-k 4 --sources 2 --mask-power 1", &["source-1", "source-2"]),
        (
            "-k 2 --percussive",
            &["component-1", "component-2", "percussive"],
        ),
        (
            "-k 2 --convolutive 6 --max-iter 20",
            &["component-1", "component-2"],
        ),
        (
            "-k 2 --loss is --max-iter 20",
            &["component-1", "component-2"],
        ),
        (
            "-k 2 --loss frobenius --scale mel --bands 60",
            &["component-1", "component-2"],
        ),
        (
            "-k 2 --frame 600 --hop 150 --window sine --scale log",
            &["component-1", "component-2"],
        ),
    ];
    for (flags, names) in cases {
        let place = Place::new();
        write(&place.path("mix.wav"), &mix);
        place.succeed(&format!("audio mix.wav {flags} -o out"));
        assert_sum(&place, names, &mix);
        assert!(place.path("out/report.html").is_file(), "{flags}");
    }
}

#[test]
fn a_convolutive_model_multiplies_like_any_other() {
    let place = Place::new();
    write(&place.path("mix.wav"), &[two_instruments().0]);
    place.succeed("audio mix.wav -k 2 --convolutive 5 --max-iter 10 -o out --no-report");
    assert!(!place.path("out/report.html").exists());
    let model = place.model("out/model.npz");
    assert_eq!((model.w.shape().1, model.h.shape()), (10, (10, 257)));
    place.succeed("reconstruct out/model.npz -o v.npy");
    let run = place.json("out/run.json");
    assert_eq!(
        (&run["rank"], &run["parameters"]["convolutive"]),
        (&2.into(), &5.into())
    );
}

#[test]
fn examples_of_two_instruments_take_them_apart() {
    let place = Place::new();
    let (dark, bright) = two_instruments();
    // Other melodies of the same instruments.
    let notes = [196.0, 220.0, 262.0, 311.0, 370.0];
    let scale = |partials: &[f32]| {
        let notes: Vec<_> = notes
            .iter()
            .enumerate()
            .map(|(i, hertz)| (*hertz, 0.3 * i as f32, 0.3))
            .collect();
        melody(&notes, partials, 1.6)
    };
    write(&place.path("dark.wav"), &[scale(&DARK)]);
    write(&place.path("bright.wav"), &[scale(&BRIGHT)]);
    let mix = sum(&dark, &bright);
    write(&place.path("mix.wav"), std::slice::from_ref(&mix));
    place.succeed("audio mix.wav -k 6 --like dark.wav --like bright.wav=5 -o out");
    assert_sum(&place, &["dark", "bright"], std::slice::from_ref(&mix));
    for (name, stem) in [("dark", &dark), ("bright", &bright)] {
        let found = read(&place, &format!("out/{name}.wav"));
        let (before, after) = (si_sdr(stem, &mix), si_sdr(stem, &found.channels()[0]));
        assert!(after > before + 8.0, "{name}: {before} to {after}");
    }
    let run = place.json("out/run.json");
    assert_eq!(run["rank"], 11);
    assert_eq!(
        run["sources"][1]["components"],
        serde_json::json!([6, 7, 8, 9, 10])
    );
}

#[test]
fn what_no_example_covers_is_the_rest() {
    let place = Place::new();
    let notes = [(262.0, 0.0, 0.3), (330.0, 0.5, 0.3), (392.0, 1.0, 0.3)];
    let known = melody(&notes, &DARK, 1.6);
    let unknown = melody(&[(196.0, 0.2, 0.4), (196.0, 0.9, 0.4)], &BRIGHT, 1.6);
    write(&place.path("known.wav"), std::slice::from_ref(&known));
    let mix = sum(&known, &unknown);
    write(&place.path("mix.wav"), std::slice::from_ref(&mix));
    place.succeed("audio mix.wav -k 6 --like known.wav --free 2 -o out");
    assert_sum(&place, &["known", "rest"], std::slice::from_ref(&mix));
    for (name, stem) in [("known", &known), ("rest", &unknown)] {
        let found = read(&place, &format!("out/{name}.wav"));
        let (before, after) = (si_sdr(stem, &mix), si_sdr(stem, &found.channels()[0]));
        assert!(after > before + 8.0, "{name}: {before} to {after}");
    }
    let run = place.json("out/run.json");
    assert_eq!(run["sources"][1]["components"], serde_json::json!([6, 7]));
    place.fails("audio mix.wav -k 2 --free 2 -o again", 2, &["--like"]);
}

#[test]
fn the_notes_of_the_piano_are_found() {
    let place = Place::new();
    let sound = asset("mary-piano.flac");
    place.succeed(&format!(
        "audio {} -k 4 -o out --no-report",
        sound.display()
    ));
    let truth = std::fs::read_to_string(asset("mary-piano-notes.tsv")).unwrap();
    let column = |line: &str, at: usize, separator: char| -> f64 {
        line.split(separator).nth(at).unwrap().parse().unwrap()
    };
    let truth: Vec<(f64, f64)> = truth
        .lines()
        .skip(1)
        .map(|line| (column(line, 1, '\t'), column(line, 3, '\t')))
        .collect();
    let found = std::fs::read_to_string(place.path("out/notes.csv")).unwrap();
    assert!(found.starts_with("onset_s,end_s,midi,name,cents,strength,components\n"));
    let found: Vec<(f64, f64)> = found
        .lines()
        .skip(1)
        .filter(|line| !line.split(',').nth(2).unwrap().is_empty())
        .map(|line| (column(line, 0, ','), column(line, 2, ',')))
        .collect();
    let mut left = found.clone();
    let hits = truth.iter().filter(|(onset, key)| {
        let hit = left
            .iter()
            .position(|(other, note)| (other - onset).abs() <= 0.05 && note == key);
        hit.map(|place| left.swap_remove(place)).is_some()
    });
    let hits = hits.count() as f64;
    let score = 2.0 * hits / (truth.len() + found.len()) as f64;
    assert!(score >= 0.9, "F1 {score} of {found:?}");
    let run = place.json("out/run.json");
    let names: Vec<&str> = run["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["note"].as_str())
        .collect();
    for name in ["C4", "D4", "E4", "G4"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn whole_numbers_and_one_channel() {
    let place = Place::new();
    let (dark, bright) = two_instruments();
    write(&place.path("two.wav"), &[dark, bright.clone()]);
    place.succeed("audio two.wav --channel 2 -k 2 --bits 24 -o out --quiet");
    let sounds =
        ["component-1", "component-2"].map(|name| read(&place, &format!("out/{name}.wav")));
    assert_eq!(sounds[0].channels().len(), 1);
    let both = sum(&sounds[0].channels()[0], &sounds[1].channels()[0]);
    assert!(both.iter().zip(&bright).all(|(a, b)| (a - b).abs() < 1e-4));
    place.succeed("audio two.wav -k 1 --bits 16 -o sixteen --quiet");
    let found = read(&place, "sixteen/component-1.wav");
    assert!(
        found.channels()[1]
            .iter()
            .zip(&bright)
            .all(|(a, b)| (a - b).abs() < 1e-3)
    );
}

#[test]
fn bad_sounds_are_refused_with_the_place() {
    let place = Place::new();
    let (tone, _) = two_instruments();
    write(&place.path("tone.wav"), std::slice::from_ref(&tone));
    write(&place.path("silent.wav"), &[vec![0.0; 4000]]);
    write(&place.path("short.wav"), &[vec![0.5; 100]]);
    let mut broken = tone.clone();
    broken[4000] = f32::NAN;
    write(&place.path("nan.wav"), &[broken]);
    place.file(
        "text.mp3",
        "this is no sound at all, whatever its name says",
    );
    place.file("empty.wav", "");
    let mut opus = b"OggS\0\x02".to_vec();
    opus.extend([0; 20]);
    opus.extend(b"\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
    place.file("speech.opus", opus);
    let fast = WaveFile::create(&place.path("fast.wav"), 1, 16_000, SampleFormat::Float32);
    let mut fast = fast.unwrap();
    fast.append(std::slice::from_ref(&tone)).unwrap();
    fast.finish().unwrap();
    std::fs::create_dir(place.path("again")).unwrap();
    write(&place.path("again/tone.wav"), std::slice::from_ref(&tone));
    let cases: &[(&str, &[&str])] = &[
        ("silent.wav -k 2", &["silent.wav is silent"]),
        ("short.wav -k 2", &["100 samples", "512"]),
        ("nan.wav -k 2", &["NaN", "0.5", "channel 1"]),
        ("text.mp3 -k 2", &["text.mp3", "not a readable sound"]),
        ("empty.wav -k 2", &["empty.wav"]),
        ("speech.opus -k 2", &["speech.opus"]),
        ("missing.wav -k 2", &["missing.wav"]),
        (". -k 2", &["is a folder"]),
        (
            "tone.wav -k 2 --channel 2",
            &["no channel 2", "expected 1 to 1"],
        ),
        ("tone.wav -k 2 --channel 0", &["channel 0"]),
        ("tone.wav -k 0", &["rank"]),
        ("tone.wav -k 2 --like silent.wav", &["silent.wav is silent"]),
        ("tone.wav -k 2 --like missing.wav", &["missing.wav"]),
        ("tone.wav -k 2 --like fast.wav", &["16000", "8000"]),
        ("tone.wav -k 2 --like tone.wav=0", &["'0'"]),
        (
            "tone.wav -k 2 --like tone.wav --like again/tone.wav",
            &["'tone'"],
        ),
        ("tone.wav -k 2 --like tone.wav --hold h", &["--hold"]),
        ("tone.wav -k 2 --frame 15", &["frame", "even"]),
        ("tone.wav -k 2 --hop 400", &["hop", "256"]),
        ("tone.wav -k 2 --window flat", &["blackman"]),
        ("tone.wav -k 2 --scale mel --bands 1000", &["bands", "257"]),
        ("tone.wav -k 2 --bands 10", &["--scale"]),
        (
            "tone.wav -k 2 --like percussive.wav --percussive",
            &["'percussive'"],
        ),
        ("tone.wav -k 2 --sources 3", &["--sources 3"]),
        ("tone.wav -k 2 --mask-power 0", &["--mask-power"]),
        (
            "tone.wav -k 2 --convolutive 4 --loss is",
            &["kullback-leibler"],
        ),
        (
            "tone.wav -k 2 --convolutive 100000",
            &["--convolutive = 100000"],
        ),
        (
            "tone.wav -k 2 --exponent 3",
            &["--exponent", "expected 1 or 2"],
        ),
    ];
    for (arguments, words) in cases {
        place.refused(&format!("audio {arguments} -o out"), words);
    }
    // Their sounds would take the place of the examples.
    place.refused(
        "audio tone.wav -k 2 --like again/tone.wav -o again",
        &["again/tone.wav", "reads"],
    );
    place.refused(
        "audio again/tone.wav -k 2 --like tone.wav=1 -o .",
        &["tone.wav", "reads"],
    );
}

#[test]
fn short_frames_have_bands_enough_for_groups() {
    let place = Place::new();
    let (dark, bright) = two_instruments();
    write(
        &place.path("two.wav"),
        &[sum(&dark, &bright), vec![0.0; dark.len()]],
    );
    place.succeed("audio two.wav -k 3 --sources 2 --frame 32 -o out --quiet");
    place.refused(
        "audio two.wav -k 2 --channel 2 -o silent",
        &["two.wav (channel 2) is silent"],
    );
}

#[test]
fn masks_of_any_power_share_by_size() {
    let place = Place::new();
    let (dark, _) = two_instruments();
    write(&place.path("one.wav"), std::slice::from_ref(&dark));
    // Of this loss sizes are powers, whose tenth powers no single precision holds.
    place.succeed("audio one.wav -k 2 --loss is --frame 8192 --mask-power 10 -o out --quiet");
    let names = ["component-1", "component-2"];
    let energies = names.map(|name| {
        let sound = read(&place, &format!("out/{name}.wav"));
        sound.channels()[0]
            .iter()
            .map(|x| f64::from(x * x))
            .sum::<f64>()
    });
    let share = energies[0].min(energies[1]) / energies[0].max(energies[1]);
    assert!(share < 0.9, "{energies:?}");
    assert_sum(&place, &names, &[dark]);
}
