//! Flags of a factorisation, which most commands share, and what some of them change in these.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum, ValueHint};
use partwise::{Constraint, Factor, Init, Loss, Nmf, Penalty, Solver};

use crate::choice::FromTable;
use crate::classes::ClassFile;

/// Iterations at most, unless others are asked for.
pub(crate) const MAX_ITER: usize = 200;

/// The problem and how it is solved.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Factorisation")]
pub(crate) struct SolvingArguments {
    /// Number of components
    #[arg(short = 'k', long, value_name = "K", allow_negative_numbers = true)]
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
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Tolerance of the solver's stopping rule; 0 runs to the limit on iterations
    #[arg(long, default_value_t = 1e-4, allow_hyphen_values = true)]
    pub(crate) tol: f64,
    /// Iterations at most
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_ITER,
        allow_negative_numbers = true
    )]
    pub(crate) max_iter: usize,
    /// Strength of the penalty on W, for each entry that is known
    #[arg(
        long,
        value_name = "ALPHA",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub(crate) alpha_w: f64,
    /// Strength of the penalty on H, for each entry that is known [default: that on W]
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
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// Flags of a fit that is alone with its matrix.
pub(super) const OF_ONE_FIT: [&str; 6] = [
    "constraint",
    "graph",
    "labels",
    "start_w",
    "start_h",
    "hold",
];

/// Flags of a start that is made.
const OF_ONE_START: [&str; 2] = ["init", "n_init"];

/// Refuses the first of the flags that is given.
fn refuse_given<const N: usize>(
    flags: [&str; N],
    given: [bool; N],
    why: &str,
) -> anyhow::Result<()> {
    if let Some(at) = given.iter().position(|given| *given) {
        let flag = flags[at].replace('_', "-");
        anyhow::bail!("--{flag} {why}");
    }
    Ok(())
}

impl SolvingArguments {
    /// Refuses what [`of_many_fits`] hides.
    ///
    /// # Errors
    /// With the flag and why.
    pub(super) fn refuse_of_one_start(&self, why: &str) -> anyhow::Result<()> {
        let given = [self.init != Init::auto(), self.n_init.get() != 1];
        refuse_given(OF_ONE_START, given, why)?;
        self.refuse_of_one_fit(why)
    }

    /// Refuses those flags where there is more than one fit, or one matrix.
    ///
    /// # Errors
    /// With the flag and why.
    pub(super) fn refuse_of_one_fit(&self, why: &str) -> anyhow::Result<()> {
        let given = [
            !self.constraint.is_empty(),
            self.graph.is_some(),
            self.labels.is_some(),
            self.start_w.is_some(),
            self.start_h.is_some(),
            self.hold.is_some(),
        ];
        refuse_given(OF_ONE_FIT, given, why)
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
            .tol(self.tol)
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

/// The rank is asked for unless a model has one.
pub(super) fn rank_unless_applied(rank: clap::Arg) -> clap::Arg {
    rank.required(false)
        .required_unless_present("apply")
        .default_value_if("apply", ArgPredicate::IsPresent, "0")
}

/// Nobody sees or hears what topics and sounds gain between 1e-3 and 1e-4, some hundred-thousandths of the objective. The
/// rules of `cd`, and of `mu`, which minimises the other losses, look at other things.
pub(super) fn tolerance_of_uses(tol: clap::Arg) -> clap::Arg {
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
    .hide_default_value(true)
    .help(
        "Tolerance of the solver's stopping rule; 0 runs to the limit on iterations [default: 1e-3; 1e-4 with cd, mu and \
         losses other than frobenius and kl]",
    )
}

/// Hides the flags of a start, and those of a fit that is alone with its matrix, where many fits draw their starts.
pub(super) fn of_many_fits(flag: clap::Arg) -> clap::Arg {
    let name = flag.get_id().as_str();
    let hidden = OF_ONE_START.contains(&name) || OF_ONE_FIT.contains(&name);
    flag.hide(hidden)
}
