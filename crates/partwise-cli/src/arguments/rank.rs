//! Flags of `rank`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Arg, Args, ValueHint};
use partwise::{RankMethod, RankSurvey};

use super::solving::of_many_fits;
use super::{PageArguments, ReadingArguments, ReportingArguments, SolvingArguments};
use crate::choice::FromTable;

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise rank spectra.npy --ranks 2..30 -o ranks/
  partwise rank counts.mtx --ranks 5,10,20..40 --loss kl --methods bcv,stability -o ranks/
  partwise rank expression.npy --ranks 2..6 --methods consensus --starts 50 -o ranks/

The first method decides. report.html goes through the ranks: their components, how sure these are, and \
which samples move. survey.csv has every figure, rank.png the curves, consensus.png how often \
samples are grouped together at the chosen rank, model.npz the model of that rank. Ctrl-C writes what \
is known of the ranks that are done. The same command goes on where it was stopped or killed, to the same \
bits (survey.part keeps what is done).";

#[derive(Debug, Args)]
pub(crate) struct RankArguments {
    #[arg(value_name = "V", value_hint = ValueHint::AnyPath, help = super::A_MATRIX)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// The ranks: numbers and ranges, both ends included, such as 2..30 or 2,4,8..12
    #[arg(long, value_name = "RANKS")]
    pub(crate) ranks: Ranks,
    /// How ranks are judged; the first decides [default: all that handle the loss; cv decides, but no more than stability says]
    #[arg(
        long, value_name = "METHODS", value_delimiter = ',', value_parser = FromTable::<RankMethod>::new()
    )]
    pub(crate) methods: Option<Vec<RankMethod>>,
    /// Fits from drawn starts that are compared at each rank
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) starts: usize,
    /// Folds of single entries, each held out once
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) folds: usize,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// The flags of solving as a survey has them, which chooses the rank.
pub(super) fn flags(flag: Arg) -> Arg {
    if flag.get_id() == "rank" {
        return flag.required(false).default_value("0").hide(true);
    }
    of_many_fits(flag)
}

impl RankArguments {
    /// The survey that the flags ask for, checked as far as that can be done without V.
    ///
    /// # Errors
    /// The engine's; flags that belong to one rank, or one fit.
    pub(crate) fn survey(&self) -> anyhow::Result<RankSurvey> {
        let solving = &self.solving;
        anyhow::ensure!(
            solving.rank == 0,
            "-k belongs to a fit of one rank; rank looks at those of --ranks"
        );
        solving.refuse_of_one_start(
            "belongs to one fit; rank draws the starts of its fits of all --ranks",
        )?;
        let mut survey = RankSurvey::new(self.ranks.0.iter().copied())
            .nmf(solving.nmf_of(1)?)
            .starts(self.starts)
            .folds(self.folds);
        if let Some(methods) = &self.methods {
            survey = survey.methods(methods.iter().copied());
        }
        survey.check()?;
        Ok(survey)
    }
}

/// Ranks in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranks(pub(crate) Vec<usize>);

/// Ranks that a survey looks at at most; nobody waits for more.
const MOST: usize = 10_000;

impl FromStr for Ranks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ranks = Vec::new();
        for part in text.split(',') {
            let rank = |word: &str| {
                let refused = |_| {
                    format!(
                        "'{word}' is no rank; expected numbers and ranges such as 2..30 or 2,4,8..12"
                    )
                };
                word.trim().parse::<usize>().map_err(refused)
            };
            let (first, last) = match part.split_once("..") {
                Some((first, last)) => (rank(first)?, rank(last.trim_start_matches('='))?),
                None => (rank(part)?, rank(part)?),
            };
            if first > last {
                return Err(format!(
                    "the range {part} is empty; expected the smaller rank first, {last}..{first}"
                ));
            }
            if last - first >= MOST || ranks.len() + (last - first) >= MOST {
                return Err(format!("expected at most {MOST} ranks"));
            }
            ranks.extend(first..=last);
        }
        Ok(Self(ranks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_numbers_and_ranges_with_both_ends() {
        let ranks = |text: &str| text.parse::<Ranks>().map(|ranks| ranks.0);
        assert_eq!(ranks("2..5"), Ok(vec![2, 3, 4, 5]));
        assert_eq!(ranks("7, 2,4..=5"), Ok(vec![7, 2, 4, 5]));
        assert!(
            ranks("5..2")
                .unwrap_err()
                .contains("the range 5..2 is empty")
        );
        for text in ["", "x", "2..", "..3", "-1", "2;3", "1..99999999999"] {
            assert!(ranks(text).is_err(), "{text}");
        }
    }
}
