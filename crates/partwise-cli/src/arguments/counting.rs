//! The flags that say which entries of V count, and how much.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// Which entries of V are not known.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct MissingArguments {
    /// The value of entries that are not known: they do not count
    #[arg(long, value_name = "VALUE")]
    pub(crate) missing_values: Option<MissingValue>,
    /// What a sparse V does not store, as a matrix of ratings does not store what nobody rated
    #[arg(long, value_name = "WHAT", default_value = "data")]
    pub(crate) zeros: Zeros,
}

/// What entries of V count for. Each line has sums of its own then, which takes about k/2 times as long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What counts")]
pub(crate) struct CountingArguments {
    #[command(flatten)]
    pub(crate) missing: MissingArguments,
    /// What the divergence of each entry is multiplied by: a matrix of V's shape; what a sparse one does not store counts nothing
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) entry_weights: Option<PathBuf>,
    /// What the divergence of each row of V is multiplied by: m numbers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) row_weights: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MissingValue {
    /// Not a number
    Nan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Zeros {
    /// Zeros
    Data,
    /// Entries that are not known; neither are those that are NaN
    Missing,
}

impl MissingArguments {
    /// Whether every entry is known.
    pub(crate) fn is_none(self) -> bool {
        self.missing_values.is_none() && self.zeros == Zeros::Data
    }
}

impl CountingArguments {
    /// Whether every entry counts, and as much as any other.
    pub(crate) fn is_even(&self) -> bool {
        self.missing.is_none() && self.entry_weights.is_none() && self.row_weights.is_none()
    }

    /// Refuses what a fit cannot do with entries that do not count alike; `what` is a flag that is given, and what it does.
    ///
    /// # Errors
    /// If they do not.
    pub(crate) fn check_even(&self, what: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.is_even(),
            "{what}; it does not go with --missing-values, --zeros missing, --entry-weights and --row-weights"
        );
        Ok(())
    }
}
