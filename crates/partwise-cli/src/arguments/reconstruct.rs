//! Flags of `reconstruct`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise reconstruct topics/model.npz -o v.npy
  partwise reconstruct topics/model.npz -o v.csv     names of rows and columns are kept";

#[derive(Debug, Args)]
pub(crate) struct ReconstructArguments {
    /// The model, as written by fit
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) model: PathBuf,
    /// File for W H: .npy, .csv, ...
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
