//! Flags of `tree`.

use std::path::PathBuf;

use clap::{Arg, Args, ValueHint};
use partwise::{NmfTree, SplitRule};

use super::solving::OF_ONE_FIT;
use super::{ReadingArguments, ReportingArguments, SolvingArguments};
use crate::choice::FromTable;

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise tree tfidf.npz --vocabulary terms.txt --rule terms --leaves 20 -o tree/
  partwise tree counts.npz --leaves 12 --loss kl -o kinds/
  partwise tree cells.h5ad --leaves 15 --outliers 0.1 -o cells/

tree.png shows the tree with the columns that stand for each node, tree.csv has its nodes, \
assignments.csv the leaf of each row of V, model.npz the components of the leaves, for transform and \
reconstruct. Ctrl-C ends the tree and writes the splits so far.";

#[derive(Debug, Args)]
pub(crate) struct TreeArguments {
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath, help = super::A_MATRIX)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// What makes a split good: the leaf with the best is split next
    #[arg(long, default_value_t = SplitRule::usual(), value_parser = FromTable::<SplitRule>::new())]
    pub(crate) rule: SplitRule,
    /// Set aside rows that are less than this share of a node and no topic of their own; at most below 0.5, 0 sets none aside
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub(crate) outliers: f64,
    /// Names of the columns of V, one a line, if V has none or others
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) vocabulary: Option<PathBuf>,
    /// Columns that are named of each node
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) top_terms: usize,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// The flags of solving as a tree has them: the number of components is that of its leaves.
pub(super) fn flags(flag: Arg) -> Arg {
    let name = flag.get_id().as_str();
    if name == "rank" {
        return flag
            .long("leaves")
            .help("Leaves of the tree; fewer where no leaf can be split");
    }
    let hidden = OF_ONE_FIT.contains(&name);
    flag.hide(hidden)
}

impl TreeArguments {
    /// The tree that the flags ask for, checked as far as that can be done without V.
    ///
    /// # Errors
    /// The engine's; flags that belong to one fit.
    pub(crate) fn tree(&self) -> anyhow::Result<NmfTree> {
        let solving = &self.solving;
        solving.refuse_of_one_fit("belongs to one fit; a tree makes many")?;
        let tree = NmfTree::new(solving.rank)
            .nmf(solving.nmf_of(2)?)
            .rule(self.rule)
            .outliers(self.outliers);
        tree.check()?;
        Ok(tree)
    }
}
