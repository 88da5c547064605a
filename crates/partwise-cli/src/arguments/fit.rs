//! Flags of `fit`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{CountingArguments, ReadingArguments, ReportingArguments, SolvingArguments};
use crate::checkpoint::Every;
use crate::memory::Size;

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise fit faces.npy -k 49 -o faces/
  partwise fit counts.mtx -k 20 --loss kl -o topics/
  partwise fit data.csv -k 5 --init random --seed 7 --alpha-w 0.01 --l1-ratio 1 -o sparse/
  partwise fit ratings.mtx -k 10 --zeros missing -o tastes/      what is not stored is not known
  partwise fit spectra.npy -k 4 --constraint min-volume --max-iter 1000 -o pure/
  partwise fit friends.mtx -k 10 --constraint symmetric -o groups/
  partwise fit spectra.npy -k 4 --start-h endmembers.npy --hold h -o abundances/
  partwise fit pbmc.h5ad#layers/counts -k 20 --loss kl -o out/
  partwise fit big.pws -k 20 --memory 2G -o out/                 larger than memory
  partwise fit v.npy -k 50 --checkpoint kept/ --resume -o out/   goes on where it was killed
  zcat big.tsv.gz | partwise fit - --format tsv -k 10 -o out/
  sensor | partwise fit - --format csv --stream -k 10 -o out/    learns from rows as they come

Ctrl-C ends the fit and writes the best factors so far; a second one ends the program at once.";

#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath, help = super::A_MATRIX)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) counting: CountingArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    /// Memory to take at most, as in 512M, 2G or 1.5GiB; a file that gives its rows (.pws, .npy, Parquet, HDF5, ...) and does not fit stays on disk and is read once
    /// an iteration, or twice, with the same results but for Kullback–Leibler with auto or newton [default: what the machine can give]
    #[arg(long, value_name = "SIZE", help_heading = "Reading")]
    pub(crate) memory: Option<Size>,
    /// Cut V into this many pieces of rows, whose statistics are added in a fixed order: the bits depend on it and not on the
    /// processes of MPI that hold the pieces [default there: one for 2048 rows, at most 64]
    #[arg(
        long,
        value_name = "N",
        help_heading = "Several processes",
        conflicts_with = "stream"
    )]
    pub(crate) pieces: Option<NonZeroUsize>,
    /// Leave W out of model.npz, in the folder W of .npy files, one a piece: each process writes its own rows, and none needs
    /// room for all
    #[arg(
        long,
        help_heading = "Several processes",
        conflicts_with_all = ["stream", "checkpoint", "labels"]
    )]
    pub(crate) split_w: bool,
    #[command(flatten)]
    pub(crate) streaming: StreamArguments,
    #[command(flatten)]
    pub(crate) keeping: CheckpointArguments,
    /// Say how far the loss is above the least of any matrix of this rank, by a truncated SVD of V: up to 122 more walks
    /// over it, mostly far fewer
    #[arg(long, help_heading = "Reporting", conflicts_with_all = ["stream", "pieces"])]
    pub(crate) quality: bool,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// How components are learnt from rows as they come.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows as they come")]
pub(crate) struct StreamArguments {
    /// Read V once, take a step for each batch of rows and keep none of them: the model is H, with a W of no rows
    #[arg(long)]
    pub(crate) stream: bool,
    /// Rows in a batch
    #[arg(long, value_name = "ROWS", default_value = "1024", requires = "stream")]
    pub(crate) batch_size: NonZeroUsize,
    /// Rows after which what was learnt counts half [default: all rows count alike]
    #[arg(long, value_name = "ROWS", requires = "stream", value_parser = half_life, allow_hyphen_values = true)]
    pub(crate) half_life: Option<f64>,
}

fn half_life(text: &str) -> Result<f64, String> {
    let rows: f64 = text.parse().unwrap_or(f64::NAN);
    if rows > 0.0 && rows.is_finite() {
        return Ok(rows);
    }
    Err("expected a number of rows above 0".to_owned())
}

/// What is kept of a fit on its way.
#[derive(Debug, Args)]
#[command(next_help_heading = "Long fits")]
pub(crate) struct CheckpointArguments {
    /// Keep the state of the fit in this folder, so that --resume can go on if the program is killed
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) checkpoint: Option<PathBuf>,
    /// How often
    #[arg(
        long,
        value_name = "TIME",
        default_value = "60s",
        requires = "checkpoint"
    )]
    pub(crate) every: Every,
    /// Go on from the checkpoint, if there is one yet; the results are those of a fit that was never interrupted
    #[arg(long, requires = "checkpoint")]
    pub(crate) resume: bool,
}
