//! Flags of `transform`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{MissingArguments, format_names, threads};
use crate::memory::Size;

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise transform topics/model.npz new.mtx -o w.npy
  partwise transform topics/model.npz new.csv -o w.csv     names of rows are kept";

#[derive(Debug, Args)]
pub(crate) struct TransformArguments {
    /// The model, as written by fit
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) model: PathBuf,
    /// The new samples in rows, with the columns that the model was fitted on; a folder of .npy files with the rows of one matrix;
    /// FILE#ARRAY for one of several in a file; - for standard input
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// File for W: .npy, .csv, ...
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// File for the class of each new sample, a .csv, by a model that was fitted with the constraint labels
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) classes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) missing: MissingArguments,
    /// Format of NEW, if its first bytes and its name should not decide
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<String>,
    /// Memory to take at most, as in 512M, 2G or 1.5GiB; a file that gives its rows (.pws, .npy, Parquet, HDF5, ...) and
    /// does not fit stays on disk [default: what the machine can give]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Size>,
    /// Threads to work with [default: all]; the answer has the same bits for any number
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
