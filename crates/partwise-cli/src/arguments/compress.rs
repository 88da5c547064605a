//! Flags of `compress` and `decompress`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use partwise_apps::compress::Target;

use super::ReportingArguments;
use crate::memory::Size;

pub(crate) const COMPRESS_EXAMPLES: &str = "\
Examples:
  partwise compress photo.png -o photo.pwz                  at quality 50
  partwise compress photo.png -o photo.pwz --quality 75
  partwise compress photo.png -o photo.pwz --psnr 36        the smallest file of 36 dB
  partwise compress photo.png -o photo.pwz --size 20k       the best picture in 20 kB
  partwise decompress photo.pwz -o back.png";

pub(crate) const DECOMPRESS_EXAMPLES: &str = "\
Examples:
  partwise decompress photo.pwz -o back.png
  partwise decompress unknown.pwz -o back.png --memory 500M";

/// What is compressed for which neither a quality, a PSNR nor a size is asked.
const DEFAULT_QUALITY: f64 = 50.0;

#[derive(Debug, Args)]
pub(crate) struct CompressArguments {
    /// The picture, of any common format: grey or colour, 8 or 16 bits
    #[arg(value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// File for the compressed picture
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    goal: GoalArguments,
    /// Threads that factor with [default: all]; the file is the same for any number
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// How good or how small the file is to be.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct GoalArguments {
    /// From 0, smallest, to 100, best: one step is 2^(-Q / 12.5) of the range from black to white [default: 50]
    #[arg(long, value_name = "Q", allow_hyphen_values = true)]
    quality: Option<f64>,
    /// The smallest file whose peak signal-to-noise ratio is at least this, in decibels
    #[arg(long, value_name = "DB", allow_hyphen_values = true)]
    psnr: Option<f64>,
    /// The best picture in at most this many bytes, as in 20000 or 20k
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
}

impl CompressArguments {
    /// What was asked for.
    pub(crate) fn target(&self) -> Target {
        let GoalArguments {
            quality,
            psnr,
            size,
        } = self.goal;
        match (psnr, size) {
            (Some(db), _) => Target::PsnrDb(db),
            (None, Some(size)) => Target::Bytes(size.bytes()),
            (None, None) => Target::Quality(quality.unwrap_or(DEFAULT_QUALITY)),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DecompressArguments {
    /// The compressed picture, as written by compress
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// PNG file for the picture
    #[arg(short, long, value_name = "PNG", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Memory that decoding may take, as in 500M or 1.5GiB [default: what the machine can give]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Size>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
