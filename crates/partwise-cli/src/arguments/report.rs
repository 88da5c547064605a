//! Flags of `partwise report`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

pub(crate) const EXAMPLES: &str = "\
Examples:
  partwise report photo-20/run.json                    writes photo-20/report.html
  partwise report topics/run.json -o share/topics.html

Figures, convergence, parameters and the command are in every run.json. What the page of a picture, of parts, topics or a \
sound shows beside them is in page.json.gz, which such runs leave beside it, with or without a page.";

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The record of a run
    #[arg(value_name = "RUN.json", value_hint = ValueHint::FilePath)]
    pub(crate) run: PathBuf,
    /// File for the page [default: report.html beside RUN.json]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
