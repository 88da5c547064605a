//! Flags of `parts`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use super::{PageArguments, ReportingArguments, SolvingArguments};

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise parts faces/ -k 49 -o faces-49/
  partwise parts digits.npy --shape 28x28 -k 40 -o digits-40/
  partwise parts faces/ -k 49 --alpha-w 0.001 --l1-ratio 1 -o sparse-codes/";

#[derive(Debug, Args)]
pub(crate) struct PartsArguments {
    /// A folder of equally large pictures, which are read as grey; or, with --shape, a matrix with one picture a row
    #[arg(value_name = "FOLDER", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// Height and width of the pictures in the rows of a matrix, such as 28x28
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    pub(crate) shape: Option<Shape>,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
    #[command(flatten)]
    pub(crate) page: PageArguments,
}

/// Height and width of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', '×']).and_then(|(height, width)| {
            let side = |text: &str| text.trim().parse().ok().filter(|&side: &usize| side > 0);
            Some((side(height)?, side(width)?))
        });
        let (height, width) = sides.ok_or("expected height and width in pixels, such as 28x28")?;
        Ok(Self { height, width })
    }
}
