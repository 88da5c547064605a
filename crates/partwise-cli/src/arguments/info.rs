//! Flags of `info`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::format_names;

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise info counts.mtx
  partwise info pbmc.h5ad#raw/X
  partwise info topics/model.npz --json";

#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// The matrix or model; a folder of .npy files with the rows of a matrix; FILE#ARRAY for one of several in a file; - for standard
    /// input
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) file: PathBuf,
    /// Format of the file, if its first bytes and its name should not decide
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
