//! The flags of `partwise audio`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum, ValueHint};
use partwise_apps::audio::{SampleFormat, Scale, Window};

use super::{PageArguments, ReportingArguments, SolvingArguments};

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise audio piano.wav -k 4 -o piano/                   one sound a component, and their notes
  partwise audio song.mp3 -k 30 --sources 3 -o song/        what is alike in three sounds
  partwise audio song.flac -k 20 --like drums.wav --like bass.wav=10 -o song/
                                                            parts that sound like examples
  partwise audio song.ogg -k 8 --percussive -o song/        strokes set aside first
  partwise audio drums.wav -k 3 --convolutive 16 -o drums/  templates that change over 16 frames

The sounds sum to the one that came in. Ctrl-C ends the fit and writes the best factors so far.";

#[derive(Debug, Args)]
pub(crate) struct AudioArguments {
    /// The sound: WAV, FLAC, OGG, MP3, or AAC or ALAC in MP4
    #[arg(value_name = "SOUND", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// Take one channel alone, from 1 [default: all; their mean is factored, and each is taken apart]
    #[arg(long, value_name = "N")]
    pub(crate) channel: Option<usize>,
    #[command(flatten)]
    pub(crate) spectrum: SpectrumArguments,
    #[command(flatten)]
    pub(crate) parts: PartsArguments,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
    #[command(flatten)]
    pub(crate) page: PageArguments,
}

/// How the sound becomes a matrix.
#[derive(Debug, Args)]
#[command(next_help_heading = "Spectrogram")]
pub(crate) struct SpectrumArguments {
    /// Samples a frame [default: a power of two near 46 ms]
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) frame: Option<usize>,
    /// Samples from frame to frame, at most half a frame [default: a quarter of a frame]
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) hop: Option<usize>,
    /// Weights within a frame: hann, sine, hamming or blackman
    #[arg(long, default_value_t = Window::Hann)]
    pub(crate) window: Window,
    /// Spacing of the frequencies: linear, mel or log
    #[arg(long, default_value_t = Scale::Linear)]
    pub(crate) scale: Scale,
    /// Bands of the mel or log scale [default: 128 in mel, 36 an octave in log]
    #[arg(long, value_name = "N")]
    pub(crate) bands: Option<usize>,
    /// V is the magnitude (1) or the power (2) of the spectrum [default: 2 for the loss itakura-saito, else 1]
    #[arg(long, value_name = "N", value_parser = exponent)]
    pub(crate) exponent: Option<u8>,
}

fn exponent(text: &str) -> Result<u8, String> {
    match text {
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err("expected 1 or 2".to_owned()),
    }
}

/// What parts come out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Parts")]
pub(crate) struct PartsArguments {
    /// Join components that are alike into this many sounds
    #[arg(long, value_name = "N", conflicts_with = "like")]
    pub(crate) sources: Option<NonZeroUsize>,
    /// A part that sounds like this example: K components (else as many as -k says) are learned from it and held fixed;
    /// may be given several times
    #[arg(long, value_name = "FILE[=K]")]
    pub(crate) like: Vec<Example>,
    /// Components for what no example covers, learned from the sound itself: one more sound, called rest
    #[arg(long, value_name = "N", requires = "like")]
    pub(crate) free: Option<NonZeroUsize>,
    /// Components that last this many frames and change while they sound, as strokes of a drum do
    #[arg(long, value_name = "FRAMES", conflicts_with = "like")]
    pub(crate) convolutive: Option<NonZeroUsize>,
    /// Set aside first what is percussive, and factor what sustains
    #[arg(long)]
    pub(crate) percussive: bool,
    /// Exponent of the masks: 1 shares V as it adds up, 2 on magnitudes is the Wiener filter
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        allow_hyphen_values = true
    )]
    pub(crate) mask_power: f32,
    /// How samples are written
    #[arg(long, default_value = "32")]
    pub(crate) bits: Bits,
}

/// An example and its number of components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) path: PathBuf,
    pub(crate) rank: Option<NonZeroUsize>,
}

impl FromStr for Example {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, rank) = match text.rsplit_once('=') {
            Some((path, rank)) if !rank.contains(['/', '.']) => {
                let rank = rank.parse().map_err(|_| {
                    format!(
                        "'{rank}' is no number of components; expected FILE or FILE=K, K at least 1"
                    )
                })?;
                (path, Some(rank))
            }
            _ => (text, None),
        };
        if path.is_empty() {
            return Err("expected the name of a file".to_owned());
        }
        Ok(Self {
            path: path.into(),
            rank,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bits {
    /// Whole numbers of 16 bits, clipped at full scale
    #[value(name = "16")]
    Sixteen,
    /// Whole numbers of 24 bits, clipped at full scale
    #[value(name = "24")]
    TwentyFour,
    /// Floating point of 32 bits: nothing is lost
    #[value(name = "32")]
    ThirtyTwo,
}

impl From<Bits> for SampleFormat {
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::Sixteen => Self::Pcm16,
            Bits::TwentyFour => Self::Pcm24,
            Bits::ThirtyTwo => Self::Float32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_may_say_its_number_of_components() {
        let example = |text: &str| text.parse::<Example>();
        let rank = |count| NonZeroUsize::new(count);
        assert_eq!(example("drums.wav").unwrap().rank, None);
        let named = example("a=b/drums.wav=12").unwrap();
        assert_eq!((named.path, named.rank), ("a=b/drums.wav".into(), rank(12)));
        assert_eq!(example("a=b/drums.wav").unwrap().rank, None);
        assert!(example("drums.wav=0").unwrap_err().contains("'0'"));
        assert!(example("drums.wav=x").unwrap_err().contains("'x'"));
        assert!(example("=3").is_err());
    }
}
