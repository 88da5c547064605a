//! The flags of `partwise convert`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::ReadingArguments;
use crate::memory::Size;

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise convert counts.mtx -o counts.pws              in one reading, in any order
  partwise convert tfidf.npz -o tfidf.pws
  partwise convert pbmc.h5ad#layers/counts -o pbmc.pws
  partwise convert shards/ -o big.pws                    the rows of .npy files
  zcat big.tsv.gz | partwise convert - --format tsv -o big.pws
  partwise fit counts.pws -k 20 --memory 2G -o topics/   larger than memory, sparse or not

Ctrl-C ends the conversion and leaves nothing of the file; a second one ends the program at once.";

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath, help = super::A_MATRIX)]
    pub(crate) input: PathBuf,
    /// File for the store: .pws
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Compress no blocks, as those are that this at least halves: a larger file that costs less to read
    #[arg(long)]
    pub(crate) no_compression: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    /// Memory to take at most, as in 512M, 2G or 1.5GiB [default: what the machine can give]
    #[arg(long, value_name = "SIZE", help_heading = "Reading")]
    pub(crate) memory: Option<Size>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
