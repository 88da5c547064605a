//! Every command and flag, once: parsing, help, completions and the man page all follow from here.

mod audio;
mod compress;
mod consensus;
mod convert;
mod counting;
mod joint;
mod parts;
mod rank;
pub(crate) mod report;
mod topics;
mod tree;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::ArgPredicate;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use partwise::{Constraint, Factor, Init, Loss, Nmf, Penalty, Solver};
use partwise_io::{Dtype, Format};

pub(crate) use audio::{AudioArguments, Example};
pub(crate) use compress::{CompressArguments, DecompressArguments};
pub(crate) use consensus::ConsensusArguments;
pub(crate) use convert::ConvertArguments;
pub(crate) use counting::{CountingArguments, MissingArguments, MissingValue, Zeros};
pub(crate) use joint::JointArguments;
pub(crate) use parts::{PartsArguments, Shape};
pub(crate) use rank::RankArguments;
pub(crate) use topics::{
    DocumentArguments, MATRIX, TermArguments, TopicsArguments, WeightingName, Width, Words,
};
pub(crate) use tree::TreeArguments;

use crate::checkpoint::Every;
use crate::choice::FromTable;
use crate::classes::ClassFile;
use crate::memory::Size;

const EXAMPLES: &str = "\
Examples:
  partwise fit counts.mtx -k 20 -o topics/               factor a matrix
  partwise rank counts.mtx --ranks 2..30 -o ranks/       how many components
  partwise consensus counts.mtx -k 20 -o sure/           what a hundred fits agree on
  partwise tree counts.mtx --leaves 20 -o tree/          groups within groups
  partwise transform topics/model.npz new.mtx -o w.npy   new rows in the same components
  partwise reconstruct topics/model.npz -o v.csv         multiply the factors
  partwise convert counts.mtx -o counts.pws              for fits larger than memory
  partwise info counts.mtx                               what is in a file
  partwise image photo.png -k 20 -o photo-20/            a picture from 20 layers
  partwise compress photo.png -o photo.pwz               a picture in a small file
  partwise parts faces/ -k 49 -o faces-49/               pictures as sums of parts
  partwise report photo-20/run.json                      the page of a run again
  partwise topics corpus.jsonl -k 20 -o topics/          what documents are about
  partwise audio piano.wav -k 4 -o piano/                the notes of a recording, each as a sound

Exit codes: 0 done, 1 failed (as on a full disk), 2 wrong use or unusable input,
130 stopped by Ctrl-C.";

const FIT_EXAMPLES: &str = "\
Examples:
  partwise fit faces.npy -k 49 -o faces/
  partwise fit counts.mtx -k 20 --loss kl -o topics/
  partwise fit data.csv -k 5 --init random --seed 7 --alpha-w 0.01 --l1-ratio 1 -o sparse/
  partwise fit ratings.mtx -k 10 --zeros missing --alpha-w 0.005 -o tastes/   what is not stored is not known
  partwise fit spectra.npy -k 4 --constraint min-volume --max-iter 1000 -o pure/
  partwise fit friends.mtx -k 10 --constraint symmetric -o groups/
  partwise fit spectra.npy -k 4 --start-h endmembers.npy --hold h -o abundances/
  partwise fit pbmc.h5ad#layers/counts -k 20 --loss kl -o out/
  partwise fit big.pws -k 20 --memory 2G -o out/     a file larger than memory; or .npy, or a folder of them
  partwise fit v.npy -k 50 --checkpoint kept/ --resume -o out/   goes on where it was killed
  zcat big.tsv.gz | partwise fit - --format tsv -k 10 -o out/
  sensor | partwise fit - --format csv --stream --half-life 1e6 -k 10 -o out/   learns from rows as they come

Ctrl-C ends the fit and writes the best factors so far; a second one ends the program at once.";

const TRANSFORM_EXAMPLES: &str = "\
Examples:
  partwise transform topics/model.npz new.mtx -o w.npy
  partwise transform topics/model.npz new.csv -o w.csv     names of rows are kept";

const RECONSTRUCT_EXAMPLES: &str = "\
Examples:
  partwise reconstruct topics/model.npz -o v.npy
  partwise reconstruct topics/model.npz -o v.csv     names of rows and columns are kept";

const INFO_EXAMPLES: &str = "\
Examples:
  partwise info counts.mtx
  partwise info pbmc.h5ad#raw/X
  partwise info topics/model.npz --json";

const IMAGE_EXAMPLES: &str = "\
Examples:
  partwise image photo.png -k 20 -o photo-20/
  partwise image photo.jpg --color -k 40 -o photo-40/
  partwise image photo.png -k 20 --init random --seed 1 --solver anls -o other-start/";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  partwise completions bash > ~/.local/share/bash-completion/completions/partwise
  partwise completions fish > ~/.config/fish/completions/partwise.fish";

/// Non-negative matrix factorisation: V (m × n, samples in rows) ≈ W (m × k) H (k × n), nothing below zero.
#[derive(Debug, Parser)]
#[command(name = "partwise", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = false)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Factor a matrix: writes model.npz, run.json and convergence.png
    #[command(after_help = FIT_EXAMPLES)]
    Fit(FitArguments),
    /// Survey ranks: writes what several methods say of each, and the model of the chosen one
    #[command(after_help = rank::EXAMPLES, mut_arg("rank", rank_unless_chosen))]
    Rank(RankArguments),
    /// Fit many times: writes the components that the fits agree on, and how sure each is
    #[command(after_help = consensus::EXAMPLES, mut_args(of_one_fit))]
    Consensus(ConsensusArguments),
    /// Grow a tree of samples: split them in two by what they hold, again and again
    #[command(after_help = tree::EXAMPLES, mut_args(tree::flags))]
    Tree(TreeArguments),
    /// Factor several matrices of the same samples with one W: writes a model for each
    #[command(after_help = joint::EXAMPLES, mut_args(joint::flags))]
    Joint(JointArguments),
    /// Express new samples in the components of a model
    #[command(after_help = TRANSFORM_EXAMPLES)]
    Transform(TransformArguments),
    /// Multiply the factors of a model
    #[command(after_help = RECONSTRUCT_EXAMPLES)]
    Reconstruct(ReconstructArguments),
    /// Make a store of row blocks of a matrix, which a fit reads without room for all of it
    #[command(after_help = convert::EXAMPLES)]
    Convert(ConvertArguments),
    /// Say what a file of a matrix or a model holds
    #[command(after_help = INFO_EXAMPLES)]
    Info(InfoArguments),
    /// Factor a picture: writes what its components make of it, and how well
    #[command(after_help = IMAGE_EXAMPLES)]
    Image(ImageArguments),
    /// Compress a picture into a small .pwz file
    #[command(after_help = compress::COMPRESS_EXAMPLES)]
    Compress(CompressArguments),
    /// Make a picture of a .pwz file again
    #[command(after_help = compress::DECOMPRESS_EXAMPLES)]
    Decompress(DecompressArguments),
    /// Factor many pictures: writes their parts, and how each is a sum of some
    #[command(after_help = parts::PARTS_EXAMPLES)]
    Parts(PartsArguments),
    /// Write the page of a run again, from its run.json and the files beside it
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArguments),
    /// Find the topics of documents: writes them, their documents, and how good they are
    #[command(
        after_help = topics::EXAMPLES,
        mut_arg("rank", rank_unless_applied),
        mut_arg("tol", tolerance_of_uses)
    )]
    Topics(Box<TopicsArguments>),
    /// Factor a sound: writes the sounds of its parts, their notes and pictures
    #[command(
        after_help = audio::EXAMPLES,
        mut_arg("loss", |loss| loss.default_value("kullback-leibler")),
        mut_arg("tol", |tol| tolerance_of_uses(tol.default_value_if("convolutive", ArgPredicate::IsPresent, "1e-4")))
    )]
    Audio(AudioArguments),
    /// Print completions for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    /// The matrix, samples in rows; a folder of .npy files with the rows of one; FILE#ARRAY for one of several in a file; - for
    /// standard input
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath)]
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
    /// an iteration, or twice, with the same results [default: what the machine can give]
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

#[derive(Debug, Args)]
pub(crate) struct TransformArguments {
    /// The model, as written by fit
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) model: PathBuf,
    /// The new samples in rows, with the columns that the model was fitted on; - for standard input
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
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

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

#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// The matrix or model; FILE#ARRAY for one of several in a file; - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Format of the file, if its first bytes and its name should not decide
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    /// The picture, of any common format
    #[arg(value_name = "PHOTO", value_hint = ValueHint::FilePath)]
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

/// The problem and how it is solved.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Factorisation")]
pub(crate) struct SolvingArguments {
    /// Number of components
    #[arg(short = 'k', long, value_name = "K")]
    pub(crate) rank: usize,
    /// How the loss is minimised
    #[arg(long, default_value_t = Solver::auto(), value_parser = FromTable::<Solver>::new())]
    pub(crate) solver: Solver,
    /// What is minimised: frobenius, kullback-leibler (kl), itakura-saito (is), or a number: the beta of a
    /// beta-divergence
    #[arg(long, default_value_t = Loss::FROBENIUS, allow_hyphen_values = true)]
    pub(crate) loss: Loss,
    /// Where to begin
    #[arg(long, default_value_t = Init::auto(), value_parser = FromTable::<Init>::new())]
    pub(crate) init: Init,
    /// Starts to try for a few iterations each, the best of which is carried on
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    pub(crate) n_init: NonZeroUsize,
    /// Seed of all random draws; of several starts each has the next seed
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Tolerance of the solver's stopping rule; 0 runs to the limit on iterations
    #[arg(long, default_value_t = 1e-4, allow_hyphen_values = true)]
    pub(crate) tol: f64,
    /// Iterations at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) max_iter: usize,
    /// Strength of the penalty on W
    #[arg(
        long,
        value_name = "ALPHA",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub(crate) alpha_w: f64,
    /// Strength of the penalty on H [default: that on W]
    #[arg(long, value_name = "ALPHA", allow_hyphen_values = true)]
    pub(crate) alpha_h: Option<f64>,
    /// Share of L1 in the penalties, the rest is squared L2
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub(crate) l1_ratio: f64,
    /// What a factor must be besides non-negative, as in orthogonal, h:orthogonal or w:hoyer=0.7: on another factor than the usual
    /// one, and with a number; once for each factor
    #[arg(
        long,
        value_name = "[FACTOR:]NAME[=NUMBER]",
        value_parser = FromTable::<Constraint>::new()
    )]
    pub(crate) constraint: Vec<Constraint>,
    /// Who is a neighbour of whom for the constraint graph: a symmetric matrix of weights of the rows of V (of its columns for
    /// h:graph), dense or sparse [default: each with the 5 nearest by angle]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "constraint")]
    pub(crate) graph: Option<PathBuf>,
    /// The classes of the rows of V for the constraint labels (of its columns for h:labels): a line for each with its name, or an
    /// empty one where it is not known
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "constraint")]
    pub(crate) labels: Option<ClassFile>,
    /// W to begin with, m × k, instead of a drawn one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) start_w: Option<PathBuf>,
    /// H to begin with, k × n, instead of a drawn one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) start_h: Option<PathBuf>,
    /// Leave this factor as its start gives it
    #[arg(long, value_name = "FACTOR")]
    pub(crate) hold: Option<Hold>,
    /// Threads to work with [default: all]; the answer has the same bits for any number
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// Flags of a fit that is alone with its matrix.
const OF_ONE_FIT: [&str; 6] = [
    "constraint",
    "graph",
    "labels",
    "start_w",
    "start_h",
    "hold",
];

impl SolvingArguments {
    /// Refuses those flags where there is more than one fit, or one matrix.
    ///
    /// # Errors
    /// With the flag and why.
    fn refuse_of_one_fit(&self, why: &str) -> anyhow::Result<()> {
        let given = [
            !self.constraint.is_empty(),
            self.graph.is_some(),
            self.labels.is_some(),
            self.start_w.is_some(),
            self.start_h.is_some(),
            self.hold.is_some(),
        ];
        if let Some(at) = given.iter().position(|given| *given) {
            let flag = OF_ONE_FIT[at].replace('_', "-");
            anyhow::bail!("--{flag} {why}");
        }
        Ok(())
    }

    /// The engine's builder with these parameters, checked as far as that can be done without V.
    ///
    /// # Errors
    /// The engine's own, with the value and what would be right.
    pub(crate) fn nmf(&self) -> Result<Nmf, partwise::Error> {
        self.nmf_of(self.rank)
    }

    /// As [`Self::nmf`], with another number of components.
    ///
    /// # Errors
    /// As [`Self::nmf`].
    pub(crate) fn nmf_of(&self, rank: usize) -> Result<Nmf, partwise::Error> {
        let nmf = Nmf::new(rank)
            .loss(self.loss)
            .solver(self.solver)
            .init(self.init)
            .n_init(self.n_init)
            .seed(self.seed)
            .tolerance(self.tol)
            .max_iter(self.max_iter)
            .penalty(self.penalty())
            .threads(self.threads);
        let nmf = self
            .constraint
            .iter()
            .fold(nmf, |nmf, &x| nmf.constraint(x));
        nmf.check()?;
        Ok(nmf)
    }

    /// Checks the parameters where the factors are parts to look at or to listen to, which have nothing below zero.
    ///
    /// # Errors
    /// As [`Self::nmf`]; a constraint that allows entries of any sign.
    pub(crate) fn check_parts(&self) -> anyhow::Result<()> {
        self.nmf()?;
        let signed = |constraint: &&Constraint| constraint.is_signed() && !constraint.mixes();
        match self.constraint.iter().find(signed) {
            None => Ok(()),
            Some(constraint) => anyhow::bail!(
                "--constraint {constraint} allows entries below zero, which are no parts; fit takes it"
            ),
        }
    }

    /// The penalties; that on H is that on W unless it is given.
    pub(crate) fn penalty(&self) -> Penalty {
        Penalty {
            alpha_w: self.alpha_w,
            alpha_h: self.alpha_h.unwrap_or(self.alpha_w),
            l1_ratio: self.l1_ratio,
        }
    }
}

/// How the input is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadingArguments {
    /// Precision to work in
    #[arg(long, value_name = "TYPE", default_value = "auto")]
    pub(crate) dtype: Precision,
    /// Format of V, if its first bytes and its name should not decide
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<String>,
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
    pub(crate) batch: NonZeroUsize,
    /// Rows after which what was learnt counts half [default: all rows count alike]
    #[arg(long, value_name = "ROWS", requires = "stream", value_parser = half_life)]
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

/// Whether a command that has a page writes it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct PageArguments {
    /// Do not write report.html, the results as one page to look at and to play with
    #[arg(long)]
    pub(crate) no_report: bool,
}

/// What is said about the results.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct ReportingArguments {
    /// Print nothing but errors, and what --json asks for
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print run.json instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hold {
    /// W, m × k
    W,
    /// H, k × n
    H,
}

impl From<Hold> for Factor {
    fn from(hold: Hold) -> Self {
        match hold {
            Hold::W => Self::W,
            Hold::H => Self::H,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// 32 bits if the file holds 32-bit floats, else 64
    Auto,
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

impl From<Precision> for Dtype {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Auto => Self::Auto,
            Precision::F32 => Self::F32,
            Precision::F64 => Self::F64,
        }
    }
}

/// The rank is asked for unless a model has one.
fn rank_unless_applied(rank: clap::Arg) -> clap::Arg {
    rank.required(false)
        .required_unless_present("apply")
        .default_value_if("apply", ArgPredicate::IsPresent, "0")
}

/// Nobody sees or hears what topics and sounds gain between 1e-3 and 1e-4, some hundred-thousandths of the objective. The
/// rules of `cd`, and of `mu`, which minimises the other losses, look at other things.
fn tolerance_of_uses(tol: clap::Arg) -> clap::Arg {
    let is = |value: &'static str| ArgPredicate::Equals(value.into());
    tol.default_value_ifs([
        ("solver", is("cd"), "1e-4"),
        ("solver", is("mu"), "1e-4"),
        ("loss", is("frobenius"), "1e-3"),
        ("loss", is("kullback-leibler"), "1e-3"),
        ("loss", is("kl"), "1e-3"),
        ("loss", ArgPredicate::IsPresent, "1e-4"),
    ])
    .default_value("1e-3")
}

/// A survey chooses the rank.
fn rank_unless_chosen(rank: clap::Arg) -> clap::Arg {
    rank.required(false).default_value("0").hide(true)
}

/// The starts of many fits are drawn: flags of one start are not offered.
fn of_one_fit(flag: clap::Arg) -> clap::Arg {
    let one = [
        "init", "n_init", "graph", "labels", "start_w", "start_h", "hold",
    ];
    let hidden = one.contains(&flag.get_id().as_str());
    flag.hide(hidden)
}

/// The formats that can be read, as the table of the readers has them.
fn format_names() -> clap::builder::PossibleValuesParser {
    Format::all().map(Format::name).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_of_flags_is_sound() {
        Arguments::command().debug_assert();
    }
}
