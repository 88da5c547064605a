//! Flags of `joint`.

use std::path::PathBuf;

use clap::{Arg, Args, ValueHint};
use partwise::JointNmf;

use super::solving::OF_ONE_FIT;
use super::{ReadingArguments, ReportingArguments, SolvingArguments};

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise joint genes.npz proteins.csv -k 15 -o cells/
  partwise joint words.npz tags.npz -k 30 --loss kl --weights 1,2 -o topics/

For each matrix there is a model of its name, as genes.npz: W, which all share, and the components as that matrix \
has them, for info, transform and reconstruct. run.json says how well each is explained.";

#[derive(Debug, Args)]
pub(crate) struct JointArguments {
    /// The matrices, the same samples in their rows; folders of .npy files with the rows of one; FILE#ARRAY for one of several in a file
    #[arg(value_name = "V", required = true, num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// What each matrix counts for, above 0, beside that they count alike [default: 1 each]
    #[arg(
        long,
        value_name = "WEIGHT,...",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) weights: Vec<f64>,
    /// Count matrices as they are, the large ones for more, rather than alike
    #[arg(long)]
    pub(crate) unbalanced: bool,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// The flags of solving as several matrices have them.
pub(super) fn flags(flag: Arg) -> Arg {
    let hidden = OF_ONE_FIT.contains(&flag.get_id().as_str());
    flag.hide(hidden)
}

impl JointArguments {
    /// The factorisation that the flags ask for, checked as far as that can be done without the matrices.
    ///
    /// # Errors
    /// The engine's; flags that belong to one matrix; another number of weights than of matrices.
    pub(crate) fn joint(&self) -> anyhow::Result<JointNmf> {
        self.solving
            .refuse_of_one_fit("belongs to one matrix; these are several")?;
        let (weights, matrices) = (self.weights.len(), self.inputs.len());
        if weights > 0 && weights != matrices {
            anyhow::bail!(
                "--weights: {weights} given; expected one for each of the {matrices} matrices"
            );
        }
        let joint = JointNmf::new(self.solving.nmf()?)
            .balanced(!self.unbalanced)
            .weights(&self.weights[..]);
        joint.check()?;
        Ok(joint)
    }
}
