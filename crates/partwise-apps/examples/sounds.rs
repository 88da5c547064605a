//! A recording as the sum of its notes: the spectrogram is factored, and each component becomes a sound.
//!
//! `cargo run --release -p partwise-apps --example sounds -- piano.wav` leaves a WAV file for each component in the folder
//! `partwise-sounds` for temporary files.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::fs;

use partwise::{Loss, Matrix, Nmf};
use partwise_apps::audio::{
    Framing, Model, SampleFormat, Separation, Spectrogram, Transform, WaveFile, load, note_name,
    pitch,
};

const COMPONENTS: usize = 4;
/// Most bytes of decoded samples.
const LIMIT_BYTES: u64 = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/mary-piano.flac");
    let path = std::env::args().nth(1).unwrap_or_else(|| ours.to_owned());
    let sound = load(path.as_ref(), LIMIT_BYTES)?;
    println!("{path}: {:.1} s at {} Hz", sound.seconds(), sound.rate());

    let framing = Framing::usual(sound.rate());
    let transform = Transform::new(framing)?;
    let v = Spectrogram::new(&sound, &transform, 1.0)?;
    let matrix = Matrix::row_major(&v.values, v.frames, v.bins)?;
    let fit = Nmf::new(COMPONENTS)
        .loss(Loss::KULLBACK_LEIBLER)
        .fit(&matrix)?;
    let bin_hertz = f64::from(sound.rate()) / framing.frame as f64;
    let mut keys = Vec::new();
    for component in 0..COMPONENTS {
        let found = pitch(fit.h.row(component), bin_hertz);
        keys.extend(found.map(|pitch| pitch.key()));
        match found {
            Some(pitch) => println!(
                "component {component}: {} ({:.1} Hz)",
                note_name(pitch.key()),
                pitch.hertz
            ),
            None => println!("component {component}: no pitch"),
        }
    }

    let folder = std::env::temp_dir().join("partwise-sounds");
    fs::create_dir_all(&folder)?;
    let channels = sound.channels().len();
    let file = |component| {
        let path = folder.join(format!("component-{component}.wav"));
        WaveFile::create(&path, channels, sound.rate(), SampleFormat::Float32)
    };
    // Beside its file, each component keeps its samples for a look at their sum.
    let mut outputs = (0..COMPONENTS)
        .map(|component| Ok((file(component)?, Vec::new())))
        .collect::<Result<Vec<(WaveFile, Vec<f32>)>, Box<dyn Error>>>()?;
    let separation = Separation {
        transform: &transform,
        model: Model {
            activations: fit.w.as_slice(),
            templates: fit.h.as_slice(),
            rank: COMPONENTS,
            taps: 1,
        },
        sources: &(0..COMPONENTS)
            .map(|component| vec![component])
            .collect::<Vec<_>>(),
        power: 1.0,
        first: None,
    };
    separation.run(&sound, &mut outputs, |(file, kept), samples| {
        kept.extend_from_slice(&samples[0]);
        file.append(samples)
    })?;
    let mut furthest = 0.0_f32;
    for (at, sample) in sound.channels()[0].iter().enumerate() {
        let sum: f32 = outputs.iter().map(|(_, kept)| kept[at]).sum();
        furthest = furthest.max((sum - sample).abs());
    }
    for (file, _) in outputs {
        file.finish()?;
    }
    println!("the sounds sum to the recording within {furthest:.0e}");
    println!("sounds: {}", folder.display());
    assert!(furthest < 1e-4, "nothing is lost");
    if path == ours {
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), COMPONENTS, "each component is a key");
    }
    Ok(())
}
