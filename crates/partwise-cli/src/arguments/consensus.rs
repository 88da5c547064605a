//! Flags of `consensus`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use partwise::ConsensusNmf;

use super::{ReadingArguments, ReportingArguments, SolvingArguments};

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise consensus counts.mtx -k 20 -o sure/
  partwise consensus mutations.npy -k 25 --loss kl --runs 50 --bootstrap 100 -o signatures/
  partwise consensus expression.npy -k 3 --threshold 0.2 --polish -o groups/

consensus.csv says of each component how often it was found and how sure it is, runs.csv what each fit \
came to, consensus.png how alike the components of all fits are, model.npz is a model for transform and \
reconstruct, intervals.csv (with --bootstrap) how far the entries of the components are known. Ctrl-C \
makes the consensus of the fits that are done, if these are at least two. The same command goes on where it \
was stopped or killed, to the same bits (consensus.part keeps what is done).";

#[derive(Debug, Args)]
pub(crate) struct ConsensusArguments {
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath, help = super::A_MATRIX)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// Fits from drawn starts
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) runs: usize,
    /// Mean distance to its nearest neighbours above which a component is an outlier and left out, between components of
    /// length 1: 0.5 is a cosine of 0.875, 2 leaves out none
    #[arg(
        long,
        value_name = "DISTANCE",
        default_value_t = 0.5,
        allow_hyphen_values = true
    )]
    pub(crate) threshold: f64,
    /// Share of the runs that count as the neighbours of a component
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.3,
        allow_hyphen_values = true
    )]
    pub(crate) neighbours: f64,
    /// Fits of rows drawn anew, from the consensus on, for intervals of 95 %; 0 makes none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) bootstrap: usize,
    /// Fit both factors from the consensus on; else its components are medians, and only W is fitted
    #[arg(long)]
    pub(crate) polish: bool,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

impl ConsensusArguments {
    /// The consensus that the flags ask for, checked as far as that can be done without V.
    ///
    /// # Errors
    /// The engine's; flags that belong to one fit.
    pub(crate) fn consensus(&self) -> anyhow::Result<ConsensusNmf> {
        let solving = &self.solving;
        solving.refuse_of_one_start(
            "belongs to one fit; consensus draws the start of each of its --runs",
        )?;
        let consensus = ConsensusNmf::new(solving.nmf()?)
            .runs(self.runs)
            .threshold(self.threshold)
            .neighbours(self.neighbours)
            .bootstrap(self.bootstrap)
            .polish(self.polish);
        consensus.check()?;
        Ok(consensus)
    }
}
