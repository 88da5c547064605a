//! The flags of `partwise topics`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum, ValueHint};
use partwise_apps::text::{Bound, CorpusFormat};

use super::{PageArguments, ReportingArguments, SolvingArguments};

pub(super) const EXAMPLES: &str = "\
Examples:
  partwise topics corpus.jsonl.gz -k 20 -o topics/ --stop-words english --min-df 5 --max-df 0.5
  partwise topics reviews.csv --text-field body --label-field year -k 15 -o reviews/
  partwise topics notes/ -k 8 --stem german --stop-words german -o notes-8/
  partwise topics counts.npz --vocabulary terms.txt -k 20 --loss kl --weighting counts -o kl/
  zcat lines.txt.gz | partwise topics - --format lines -k 10 --ngrams 1..2 -o lines/
  partwise topics --apply topics/model.npz new.jsonl -o new/

topics.csv has the terms of each topic, documents.csv the topics of each document, typical.csv the \
documents that hold most of a topic, sizes.csv the topics over --label-field. A topic's weights are its row \
of H divided by its sum; a document holds W times that sum of the topic.";

/// Flags that a model has decided already.
const DECIDED: &[&str] = &[
    "rank",
    "solver",
    "loss",
    "init",
    "n_init",
    "seed",
    "tol",
    "max_iter",
    "alpha_w",
    "alpha_h",
    "l1_ratio",
    "constraint",
    "graph",
    "labels",
    "start_w",
    "start_h",
    "hold",
    "words",
    "stop_words",
    "stem",
    "ngrams",
    "min_df",
    "max_df",
    "max_features",
    "weighting",
    "sublinear",
    "binary",
    "top_terms",
    "dtype",
    "no_report",
];
/// Flags that only documents can have.
const OF_DOCUMENTS: &[&str] = &[
    "text_field",
    "id_field",
    "label_field",
    "words",
    "stop_words",
    "stem",
    "ngrams",
];

#[derive(Debug, Args)]
pub(crate) struct TopicsArguments {
    /// Documents: a folder of .txt and .md, JSON lines, CSV, TSV, or one document a line, all also .gz; or a matrix of
    /// counts, documents in rows; - for standard input
    #[arg(value_name = "CORPUS", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,
    /// Folder for the results; made if it is not there
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// Find the topics of this model in new documents, instead of learning topics
    #[arg(long, value_name = "MODEL", value_hint = ValueHint::FilePath, conflicts_with_all = DECIDED)]
    pub(crate) apply: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) documents: DocumentArguments,
    #[command(flatten)]
    pub(crate) terms: TermArguments,
    /// Terms of each topic in topics.csv
    #[arg(long, value_name = "N", default_value = "25")]
    pub(crate) top_terms: NonZeroUsize,
    #[command(flatten)]
    pub(crate) page: PageArguments,
    #[command(flatten)]
    pub(crate) solving: SolvingArguments,
    #[command(flatten)]
    pub(crate) reporting: ReportingArguments,
}

/// How documents are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Documents")]
pub(crate) struct DocumentArguments {
    /// How documents are stored, if the name should not decide
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<String>,
    /// Field or column that holds the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub(crate) text_field: Option<String>,
    /// Field or column that names a document [default: id if it is there, else the number of the line]
    #[arg(long, value_name = "NAME")]
    pub(crate) id_field: Option<String>,
    /// Field or column of a date or label over which topics are compared; for files in folders: folder
    #[arg(long, value_name = "NAME")]
    pub(crate) label_field: Option<String>,
    /// Terms of a matrix's columns, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = OF_DOCUMENTS)]
    pub(crate) vocabulary: Option<PathBuf>,
}

/// How documents become rows of V.
#[derive(Debug, Args)]
#[command(next_help_heading = "Terms")]
pub(crate) struct TermArguments {
    /// What a word is [default: runs]
    #[arg(long, value_name = "RULE")]
    pub(crate) words: Option<Words>,
    /// Leave the stop words of these languages out, or the lines of these files [default: none]
    #[arg(long, value_name = "LANGUAGE|FILE", value_delimiter = ',')]
    pub(crate) stop_words: Vec<String>,
    /// Cut words down to their stems in this language [default: none]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) stem: Option<String>,
    /// Neighbouring words that make a term: 2, or 1..2 for single words and pairs [default: 1]
    #[arg(long, value_name = "FROM..TO")]
    pub(crate) ngrams: Option<Ngrams>,
    /// Drop terms in fewer documents: a number of them, or a share if there is a point in it
    #[arg(
        long,
        value_name = "N|SHARE",
        default_value = "1",
        allow_hyphen_values = true
    )]
    pub(crate) min_df: Bound,
    /// Drop terms in more documents: a number of them, or a share if there is a point in it
    #[arg(
        long,
        value_name = "N|SHARE",
        default_value = "1.0",
        allow_hyphen_values = true
    )]
    pub(crate) max_df: Bound,
    /// Keep so many terms at most, those that occur most often [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) max_features: Option<NonZeroUsize>,
    /// What the entries of V are
    #[arg(long, value_name = "WEIGHT", default_value = "tfidf")]
    pub(crate) weighting: WeightingName,
    /// For tf-idf, 1 + ln(count) instead of the count
    #[arg(long)]
    pub(crate) sublinear: bool,
    /// Whether a term occurs, instead of how often
    #[arg(long)]
    pub(crate) binary: bool,
    /// Precision to work in
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    pub(crate) dtype: Width,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Words {
    /// Runs of two or more letters, numbers and underscores, as scikit-learn has it
    Runs,
    /// The words of Unicode Standard Annex #29
    Unicode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightingName {
    /// Tf-idf with smooth idf, rows of length 1, as scikit-learn's TfidfVectorizer has it
    Tfidf,
    /// Counts as they are
    Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Width {
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

/// Fewest and most words of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ngrams(pub(crate) usize, pub(crate) usize);

impl FromStr for Ngrams {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a number of words or two as in 1..2";
        let number = |text: &str| text.parse().map_err(|_| expected);
        match text.split_once("..") {
            None => number(text).map(|count| Self(count, count)),
            Some((from, to)) => Ok(Self(number(from)?, number(to)?)),
        }
    }
}

/// The format of a matrix of counts, beside those of documents.
pub(crate) const MATRIX: &str = "matrix";

fn format_names() -> clap::builder::PossibleValuesParser {
    let names = CorpusFormat::ALL.iter().map(|(name, _)| *name);
    names.chain([MATRIX]).collect::<Vec<_>>().into()
}
