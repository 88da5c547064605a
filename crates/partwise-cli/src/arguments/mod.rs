//! Every command and flag, once: parsing, help, completions and the man page all follow from here.

mod audio;
mod compress;
mod consensus;
mod convert;
mod counting;
mod fit;
mod image;
mod info;
mod joint;
mod parts;
mod rank;
mod reconstruct;
pub(crate) mod report;
mod solving;
mod topics;
mod transform;
mod tree;

use std::num::NonZeroUsize;
use std::path::Path;

use clap::builder::ArgPredicate;
use clap::{ArgMatches, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use partwise_io::{Dtype, Format};

// A crate that the tests use has the same name.
pub(crate) use self::image::ImageArguments;
pub(crate) use audio::{AudioArguments, Example};
pub(crate) use compress::{CompressArguments, DecompressArguments};
pub(crate) use consensus::ConsensusArguments;
pub(crate) use convert::ConvertArguments;
pub(crate) use counting::{CountingArguments, MissingArguments, MissingValue, Zeros};
pub(crate) use fit::{CheckpointArguments, FitArguments};
pub(crate) use info::InfoArguments;
pub(crate) use joint::JointArguments;
pub(crate) use parts::{PartsArguments, Shape};
pub(crate) use rank::RankArguments;
pub(crate) use reconstruct::ReconstructArguments;
pub(crate) use solving::{MAX_ITER, SolvingArguments};
use solving::{of_many_fits, rank_unless_applied, tolerance_of_uses};
pub(crate) use topics::{
    DocumentArguments, MATRIX, TermArguments, TopicsArguments, WeightingName, Width, Words,
};
pub(crate) use transform::TransformArguments;
pub(crate) use tree::TreeArguments;

use crate::outputs;

const EXAMPLES: &str = "\
Examples:
  partwise fit counts.mtx -k 20 -o topics/               factor a matrix
  partwise rank counts.mtx --ranks 2..30 -o ranks/       how many components
  partwise consensus counts.mtx -k 20 -o sure/           what a hundred fits agree on
  partwise tree counts.mtx --leaves 20 -o tree/          groups within groups
  partwise joint genes.npz proteins.csv -k 15 -o cells/  several matrices of the same samples
  partwise transform topics/model.npz new.mtx -o w.npy   new rows in the same components
  partwise reconstruct topics/model.npz -o v.csv         multiply the factors
  partwise convert counts.mtx -o counts.pws              for fits larger than memory
  partwise info counts.mtx                               what is in a file
  partwise image photo.png -k 20 -o photo-20/            a picture from 20 layers
  partwise compress photo.png -o photo.pwz               a picture in a small file
  partwise decompress photo.pwz -o back.png              and back
  partwise parts faces/ -k 49 -o faces-49/               pictures as sums of parts
  partwise topics corpus.jsonl -k 20 -o topics/          what documents are about
  partwise audio piano.wav -k 4 -o piano/                the notes of a recording, each as a sound
  partwise report photo-20/run.json                      the page of a run again

Exit codes: 0 done, 1 failed (as on a full disk), 2 wrong use or unusable input, \
130 stopped by Ctrl-C.";

/// The help of a matrix that a command reads.
const A_MATRIX: &str = "The matrix, samples in rows; a folder of .npy files with the rows of one; FILE#ARRAY for one of several in \
                        a file; - for standard input";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  partwise completions bash > ~/.local/share/bash-completion/completions/partwise
  partwise completions fish > ~/.config/fish/completions/partwise.fish";

/// Columns of the widest help.
const WIDEST: usize = 100;

/// Non-negative matrix factorisation: V (m × n, samples in rows) ≈ W (m × k) H (k × n), nothing below zero.
#[derive(Debug, Parser)]
#[command(name = "partwise", version, after_help = EXAMPLES, max_term_width = WIDEST)]
#[command(subcommand_required = true, arg_required_else_help = false)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Factor a matrix: writes model.npz, run.json and convergence.png
    #[command(after_help = fit::EXAMPLES)]
    Fit(FitArguments),
    /// Survey ranks: writes what several methods say of each, and the model of the chosen one
    #[command(after_help = rank::EXAMPLES, mut_args(rank::flags))]
    Rank(RankArguments),
    /// Fit many times: writes the components that the fits agree on, and how sure each is
    #[command(after_help = consensus::EXAMPLES, mut_args(of_many_fits))]
    Consensus(ConsensusArguments),
    /// Grow a tree of samples: split them in two by what they hold, again and again
    #[command(after_help = tree::EXAMPLES, mut_args(tree::flags))]
    Tree(TreeArguments),
    /// Factor several matrices of the same samples with one W: writes a model for each
    #[command(after_help = joint::EXAMPLES, mut_args(joint::flags))]
    Joint(JointArguments),
    /// Express new samples in the components of a model
    #[command(after_help = transform::EXAMPLES)]
    Transform(TransformArguments),
    /// Multiply the factors of a model
    #[command(after_help = reconstruct::EXAMPLES)]
    Reconstruct(ReconstructArguments),
    /// Make a store of row blocks of a matrix, which a fit reads without room for all of it
    #[command(after_help = convert::EXAMPLES)]
    Convert(ConvertArguments),
    /// Say what a file of a matrix or a model holds
    #[command(after_help = info::EXAMPLES)]
    Info(InfoArguments),
    /// Factor a picture: writes what its components make of it, and how well
    #[command(after_help = image::EXAMPLES)]
    Image(ImageArguments),
    /// Compress a picture into a small .pwz file
    #[command(
        after_help = compress::COMPRESS_EXAMPLES,
        mut_arg("json", |flag| flag.help("Print the figures as JSON instead of a table")),
    )]
    Compress(CompressArguments),
    /// Make a picture of a .pwz file again
    #[command(after_help = compress::DECOMPRESS_EXAMPLES)]
    Decompress(DecompressArguments),
    /// Factor many pictures: writes their parts, and how each is a sum of some
    #[command(after_help = parts::EXAMPLES)]
    Parts(PartsArguments),
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
    /// Write the page of a run again, from its run.json and the files beside it
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArguments),
    /// Print completions for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, of all commands or of one
    Man {
        /// The command
        command: Option<String>,
    },
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

/// How many threads are to work.
fn threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    let count = text.parse().ok();
    let count = count.filter(|count: &NonZeroUsize| count.get() <= MOST);
    count.ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
}

/// The formats that can be read, as the table of the readers has them.
fn format_names() -> clap::builder::PossibleValuesParser {
    Format::all().map(Format::name).collect::<Vec<_>>().into()
}

/// Notes the files among what was given that are read: nothing that the command writes may replace them.
pub(crate) fn spare_inputs(matches: &ArgMatches) {
    /// What is written, and starts, which the results of a fit may take the place of.
    const OTHERS: [&str; 5] = ["output", "classes", "checkpoint", "start_w", "start_h"];
    let Some((_, matches)) = matches.subcommand() else {
        return;
    };
    let ids = matches.ids().map(clap::Id::as_str);
    for id in ids {
        let values = matches.try_get_raw(id).ok().flatten();
        for value in values.into_iter().flatten() {
            if OTHERS.contains(&id) {
                outputs::settle(Path::new(value));
                continue;
            }
            outputs::spare(Path::new(value));
            // FILE#ARRAY and FILE=K.
            let text = value.to_str().unwrap_or_default();
            for (path, _) in ['#', '='].iter().filter_map(|at| text.split_once(*at)) {
                outputs::spare(Path::new(path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_of_flags_is_sound() {
        Arguments::command().debug_assert();
    }

    /// A longer one would be broken where the help is as wide as it gets.
    #[test]
    fn examples_fit_on_a_line() {
        let program = Arguments::command();
        for command in program.get_subcommands().chain([&program]) {
            let help = command.get_after_help().map(ToString::to_string);
            for line in help.iter().flat_map(|help| help.lines()) {
                let length = line.chars().count();
                assert!(!line.starts_with("  ") || length <= WIDEST, "{line}");
            }
        }
    }

    /// What shows a command, as one would type it: up to two blanks or a redirection, behind a pipe.
    fn typed(line: &str) -> Option<Vec<&str>> {
        let line = line.trim_start().trim_start_matches("$ ");
        let line = line.rsplit_once(" | ").map_or(line, |(_, command)| command);
        let ends = ["  ", " >", " &&", " #"].map(|end| line.find(end).unwrap_or(line.len()));
        let words: Vec<&str> = line[..ends.into_iter().min()?].split(' ').collect();
        (words[0] == "partwise").then_some(words)
    }

    fn assert_taken(line: &str, words: &[&str]) {
        let parsed = Arguments::command().try_get_matches_from(words);
        let helps = |error: &clap::Error| !error.use_stderr();
        if let Some(error) = parsed.err().filter(|error| !helps(error)) {
            panic!("{line}\n{error}");
        }
    }

    #[test]
    fn examples_are_commands() {
        let program = Arguments::command();
        let mut count = 0;
        for command in program.get_subcommands().chain([&program]) {
            let help = command.get_after_help().or(command.get_after_long_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter(|line| line.starts_with("  ")) {
                if let Some(words) = typed(line) {
                    assert_taken(line, &words);
                    count += 1;
                }
            }
        }
        assert!(count > 40, "{count} examples");
    }

    #[test]
    fn commands_in_the_documentation_are_commands() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let folders = ["", "docs", "docs/tutorials"];
        let pages = folders.map(|folder| std::fs::read_dir(format!("{root}/{folder}")).unwrap());
        let pages = pages
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path());
        let mut count = 0;
        for page in pages.filter(|path| path.extension().is_some_and(|is| is == "md")) {
            let text = std::fs::read_to_string(&page).unwrap();
            // A command may go on in the next line.
            let text = text.replace("\\\n", " ");
            for line in text.lines().filter(|line| line.starts_with("$ partwise ")) {
                let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some(words) = typed(&line) {
                    assert_taken(&format!("{}: {line}", page.display()), &words);
                    count += 1;
                }
            }
        }
        assert!(count > 30, "{count} commands");
    }
}
