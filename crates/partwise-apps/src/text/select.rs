//! Which terms are kept: neither too rare nor too common, and at most so many. As scikit-learn's CountVectorizer does it.

use std::cmp::Reverse;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::count::pool;
use super::{TermRows, Texts};
use crate::AppError;

/// A number of documents: a whole number as it stands, one with a point as a share of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So many documents.
    Documents(u64),
    /// This share of the documents, 0 to 1.
    Share(f64),
}

impl Bound {
    fn documents(self, all: usize) -> f64 {
        match self {
            Self::Documents(count) => count as f64,
            Self::Share(share) => share * all as f64,
        }
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(count) = text.parse() {
            return Ok(Self::Documents(count));
        }
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self::Share(share)),
            _ => Err(
                "expected a whole number of documents, or a share of them from 0.0 to 1.0"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Documents(count) => write!(formatter, "{count}"),
            Self::Share(share) => write!(formatter, "{share:?}"),
        }
    }
}

/// Which terms are kept.
///
/// | name | default | purpose |
/// |---|---|---|
/// | `min_df` | 1 | documents that a term must be in |
/// | `max_df` | 1.0 | documents that a term may be in |
/// | `max_features` | `None` | most terms; those of the largest sums over all documents are kept, of equal ones the first by name |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filters {
    /// Documents that a term must be in.
    pub min_df: Bound,
    /// Documents that a term may be in.
    pub max_df: Bound,
    /// Most terms.
    pub max_features: Option<NonZeroUsize>,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            min_df: Bound::Documents(1),
            max_df: Bound::Share(1.0),
            max_features: None,
        }
    }
}

/// How many terms each filter took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// In fewer documents than `min_df`.
    pub too_rare: usize,
    /// In more documents than `max_df`.
    pub too_common: usize,
    /// Beyond `max_features`.
    pub beyond_limit: usize,
}

impl Removed {
    /// All of them.
    pub fn total(&self) -> usize {
        self.too_rare + self.too_common + self.beyond_limit
    }
}

/// The terms that were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// The terms in the order of their Unicode code points: the columns.
    pub terms: Texts,
    /// Documents that each term is in.
    pub frequencies: Vec<u32>,
    /// Number of documents.
    pub documents: usize,
    /// What was taken away.
    pub removed: Removed,
}

/// Keeps the terms that pass the filters, in the order of their names, in place.
///
/// `name` is the corpus in messages. Entries of `rows` must not be zero.
///
/// # Errors
/// [`AppError::Parameter`] if no number of documents can pass both bounds; [`AppError::EmptyVocabulary`].
pub fn select<V: Copy + Into<f64> + Send + Sync>(
    rows: &mut TermRows<V>,
    terms: Texts,
    filters: &Filters,
    name: &str,
    threads: Option<NonZeroUsize>,
) -> Result<Vocabulary, AppError> {
    let documents = rows.rows();
    let (least, most) = (
        filters.min_df.documents(documents),
        filters.max_df.documents(documents),
    );
    if most < least {
        return Err(AppError::Parameter {
            name: "min_df",
            value: filters.min_df.to_string(),
            expected: format!(
                "at most as many of the {documents} documents as max_df {}",
                filters.max_df
            ),
        });
    }
    let frequencies = rows.frequencies();
    let mut removed = Removed::default();
    let mut kept: Vec<u32> = Vec::new();
    for (column, frequency) in frequencies.iter().enumerate() {
        let frequency = f64::from(*frequency);
        if frequency < least {
            removed.too_rare += 1;
        } else if frequency > most {
            removed.too_common += 1;
        } else {
            kept.push(column as u32);
        }
    }
    kept.sort_unstable_by_key(|column| terms.get(*column as usize));
    if let Some(limit) = filters.max_features.map(NonZeroUsize::get)
        && kept.len() > limit
    {
        removed.beyond_limit = kept.len() - limit;
        keep_largest(rows, &mut kept, limit);
    }
    if kept.is_empty() {
        return Err(AppError::EmptyVocabulary {
            name: name.to_owned(),
            terms: terms.len(),
            reason: reason(&removed, filters),
        });
    }
    let mut places = vec![None; terms.len()];
    for (place, column) in kept.iter().enumerate() {
        places[*column as usize] = Some(place as i32);
    }
    let vocabulary = Vocabulary {
        terms: kept
            .iter()
            .map(|column| terms.get(*column as usize))
            .collect(),
        frequencies: kept
            .iter()
            .map(|column| frequencies[*column as usize])
            .collect(),
        documents,
        removed,
    };
    drop(terms);
    pool(threads)?.install(|| rows.rearrange(&places, vocabulary.terms.len()));
    Ok(vocabulary)
}

/// Leaves the columns of the largest sums, in the order in which they stand.
fn keep_largest<V: Copy + Into<f64>>(rows: &TermRows<V>, kept: &mut Vec<u32>, limit: usize) {
    let mut sums = vec![0.0; rows.cols];
    for (column, value) in rows.indices.iter().zip(&rows.values) {
        sums[*column as usize] += (*value).into();
    }
    let mut order: Vec<usize> = (0..kept.len()).collect();
    let sum = |place: &usize| sums[kept[*place] as usize];
    order.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    order.truncate(limit);
    order.sort_unstable();
    *kept = order.into_iter().map(|place| kept[place]).collect();
}

fn reason(removed: &Removed, filters: &Filters) -> String {
    let mut reasons = [
        (
            removed.too_rare,
            format!("in fewer documents than --min-df {}", filters.min_df),
        ),
        (
            removed.too_common,
            format!("in more documents than --max-df {}", filters.max_df),
        ),
    ];
    if removed.too_rare + removed.too_common == 0 {
        return "there are none to begin with".to_owned();
    }
    reasons.sort_by_key(|(count, _)| Reverse(*count));
    let said: Vec<_> = reasons
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} are {what}"))
        .collect();
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four documents; b is everywhere, c and a tie in number.
    fn rows() -> (TermRows<u32>, Texts) {
        let rows = TermRows {
            cols: 4,
            offsets: vec![0, 2, 4, 6, 7],
            indices: vec![0, 1, 0, 2, 0, 3, 0],
            values: vec![1, 2, 1, 2, 1, 1, 1],
        };
        (rows, ["b", "c", "a", "d"].into_iter().collect())
    }

    fn kept(min_df: &str, max_df: &str, limit: usize) -> Result<Vec<String>, AppError> {
        let (mut rows, terms) = rows();
        let filters = Filters {
            min_df: min_df.parse().unwrap(),
            max_df: max_df.parse().unwrap(),
            max_features: NonZeroUsize::new(limit),
        };
        let vocabulary = select(&mut rows, terms, &filters, "x", None)?;
        Ok(vocabulary.terms.to_strings())
    }

    #[test]
    fn bounds_are_numbers_or_shares() {
        assert_eq!(kept("1", "1.0", 0).unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(kept("2", "1.0", 0).unwrap(), ["b"]);
        assert_eq!(kept("1", "3", 0).unwrap(), ["a", "c", "d"]);
        assert_eq!(kept("0.25", "0.5", 0).unwrap(), ["a", "c", "d"]);
        assert!("1.5".parse::<Bound>().is_err() && "-1".parse::<Bound>().is_err());
    }

    #[test]
    fn of_equal_sums_the_first_names_are_kept() {
        assert_eq!(kept("1", "1.0", 2).unwrap(), ["a", "b"]);
        assert_eq!(kept("1", "1.0", 3).unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn an_empty_vocabulary_says_which_filter_took_what() {
        let error = kept("2", "3", 0).unwrap_err().to_string();
        assert!(
            error.contains("3 are in fewer documents than --min-df 2")
                && error.contains("1 are in more documents than --max-df 3"),
            "{error}"
        );
        let error = kept("4", "3", 0).unwrap_err().to_string();
        assert!(
            error.contains("max_df 3") && error.contains("min_df is 4"),
            "{error}"
        );
    }
}
