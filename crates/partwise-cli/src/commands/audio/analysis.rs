//! How a sound, and the examples beside it, become matrices.

use std::path::Path;

use anyhow::bail;
use partwise_apps::AppError;
use partwise_apps::audio::{Bands, Framing, Scale, Sound, Spectrogram, Transform, load};
use serde_json::json;

use crate::arguments::{AudioArguments, Example};
use crate::table::counted;
use crate::{input, memory, terminal};

/// Bytes of a decoded sound and of its spectrogram, together, at most this share of the memory there is.
const SHARE_OF_MEMORY: u64 = 2;

/// A sound from a file, with a word on what could not be decoded.
pub(super) fn read(path: &Path, channel: Option<usize>, quiet: bool) -> anyhow::Result<Sound> {
    let sound = load(path, memory::available() / (2 * SHARE_OF_MEMORY))?;
    if sound.damaged() > 0 && !quiet {
        terminal::warning(&format!(
            "{}: {} cannot be decoded; there is silence instead",
            input::name(path),
            counted(sound.damaged(), "piece")
        ));
    }
    Ok(match channel {
        Some(number) => sound.channel(number)?,
        None => sound,
    })
}

/// How sounds become matrices in this run.
#[derive(Debug)]
pub(super) struct Analysis {
    pub(super) rate: u32,
    pub(super) framing: Framing,
    pub(super) transform: Transform,
    pub(super) exponent: f32,
    scale: Scale,
    pub(super) bands: Option<Bands>,
    /// Whether the loss needs entries above zero.
    lift: bool,
}

impl Analysis {
    pub(super) fn new(arguments: &AudioArguments, sound: &Sound) -> anyhow::Result<Self> {
        let flags = &arguments.spectrum;
        let usual = Framing::usual(sound.rate());
        let frame = flags.frame.unwrap_or(usual.frame);
        let framing = Framing {
            frame,
            hop: flags.hop.unwrap_or(frame / 4),
            window: flags.window,
        };
        let transform = Transform::new(framing)?;
        let bins = transform.bins();
        let frames = transform.frames(sound.length());
        let bands = match flags.scale {
            Scale::Linear => None,
            scale => {
                let usual = scale.usual_bands(f64::from(sound.rate()) / 2.0).min(bins);
                let count = flags.bands.unwrap_or(usual);
                Some(Bands::new(scale, count, bins, sound.rate())?)
            }
        };
        let loss = arguments.solving.loss;
        let itakura_saito = loss.beta() <= 0.0;
        let exponent = flags
            .exponent
            .map_or(if itakura_saito { 2.0 } else { 1.0 }, f32::from);
        // The spectrogram, and with --percussive the mask and what comes between.
        let copies = if arguments.parts.percussive { 3 } else { 1 };
        let banded = bands.as_ref().map_or(0, Bands::count);
        let entries = (frames as u64).saturating_mul((copies * bins + banded) as u64);
        memory::require(
            &format!("a spectrogram of {frames} × {bins}"),
            entries.saturating_mul(size_of::<f32>() as u64),
        )?;
        Ok(Self {
            rate: sound.rate(),
            framing,
            transform,
            exponent,
            scale: flags.scale,
            bands,
            lift: loss.needs_positive(),
        })
    }

    pub(super) fn frame_seconds(&self) -> f64 {
        self.framing.hop as f64 / f64::from(self.rate)
    }

    pub(super) fn bin_hertz(&self) -> f64 {
        f64::from(self.rate) / self.framing.frame as f64
    }

    pub(super) fn spectrogram(&self, sound: &Sound) -> Result<Spectrogram, AppError> {
        Spectrogram::new(sound, &self.transform, self.exponent)
    }

    /// V itself: in bands, and above zero, where that was asked for.
    pub(super) fn columns(&self, spectrogram: Spectrogram) -> Spectrogram {
        let mut v = match &self.bands {
            Some(bands) => bands.gathered(&spectrogram),
            None => spectrogram,
        };
        if self.lift {
            v.lift(partwise_apps::audio::FLOOR);
        }
        v
    }

    /// V of an example, which must have the rate of the sound.
    pub(super) fn example(&self, example: &Example, quiet: bool) -> anyhow::Result<Spectrogram> {
        let sound = read(&example.path, None, quiet)?;
        if sound.rate() != self.rate {
            bail!(
                "{} has {} samples a second, the sound to be taken apart {}; they must agree",
                example.path.display(),
                sound.rate(),
                self.rate
            );
        }
        Ok(self.columns(self.spectrogram(&sound)?))
    }

    pub(super) fn record(&self, run: &mut partwise_report::Run, arguments: &AudioArguments) {
        let parts = &arguments.parts;
        let like: Vec<String> = parts
            .like
            .iter()
            .map(|example| example.path.display().to_string())
            .collect();
        let parameters = [
            ("rate", json!(self.rate)),
            ("channel", json!(arguments.channel)),
            ("frame", json!(self.framing.frame)),
            ("hop", json!(self.framing.hop)),
            ("window", json!(self.framing.window.to_string())),
            ("scale", json!(self.scale.to_string())),
            ("bands", json!(self.bands.as_ref().map(Bands::count))),
            ("exponent", json!(self.exponent)),
            ("percussive", json!(parts.percussive)),
            ("mask_power", json!(parts.mask_power)),
            ("convolutive", json!(parts.convolutive)),
            ("like", json!(like)),
            ("free", json!(parts.free)),
        ];
        for (name, value) in parameters {
            run.parameters.insert(name.to_owned(), value);
        }
    }
}
