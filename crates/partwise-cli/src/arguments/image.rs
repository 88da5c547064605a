//! Flags of `image`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{PageArguments, ReportingArguments, SolvingArguments};

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise image photo.png -k 20 -o photo-20/
  partwise image photo.jpg --color -k 40 -o photo-40/
  partwise image photo.png -k 20 --init random --seed 1 --solver anls -o other-start/";

#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    /// The picture, of any common format
    #[arg(value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// Factor red, green and blue side by side as one matrix, instead of grey
    #[arg(long, visible_alias = "colour")]
    pub(crate) color: bool,
    /// Do not compress the picture at several sizes to compare with the truncated SVD and JPEG
    #[arg(long)]
    pub(crate) no_rate_distortion: bool,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
    #[command(flatten)]
    pub(crate) page: PageArguments,
}
