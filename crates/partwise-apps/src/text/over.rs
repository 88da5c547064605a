//! Topic sizes over the dates or labels of documents.

use std::collections::BTreeMap;

use super::labels::{Labels, is_date};
use super::topics::Sizes;
use super::{Topics, Weight};

/// What documents without a label are listed under.
pub const WITHOUT_LABEL: &str = "(none)";
/// Dates are taken by day, month or year: the finest of these with at most so many values.
const MOST_PERIODS: usize = 60;

/// Topic sizes, one row a label.
#[derive(Debug, Clone, PartialEq)]
pub struct SizesOver {
    /// The labels: numbers and dates ascending, others by name.
    pub values: Vec<String>,
    /// Documents of each label.
    pub documents: Vec<usize>,
    /// For each label the topics' shares, which sum to 1; all zero if its documents hold nothing.
    pub shares: Vec<Vec<f64>>,
}

/// Sums what the documents of each label hold of each topic. Dates (2024-05-13, a time behind it is ignored) are taken by
/// day, month or year, so that there are not too many.
pub fn sizes_over<T: Weight>(topics: &Topics<'_, T>, sizes: &Sizes, labels: &Labels) -> SizesOver {
    let names: Vec<&str> = labels.values().iter().map(shown).collect();
    let length = period(&names);
    let key = |name: &str| -> (bool, Order, String) {
        if name == WITHOUT_LABEL {
            return (true, Order(0.0), WITHOUT_LABEL.to_owned());
        }
        let short = &name[..length.unwrap_or(name.len())];
        (false, Order::of(short), short.to_owned())
    };
    let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
    let none = key(WITHOUT_LABEL);
    let mut groups: BTreeMap<&(bool, Order, String), (usize, Vec<f64>)> = BTreeMap::new();
    let mut shares = Vec::new();
    for document in 0..topics.documents() {
        let key = labels
            .number(document)
            .map_or(&none, |number| &keys[number]);
        let (count, sums) = groups
            .entry(key)
            .or_insert_with(|| (0, vec![0.0; topics.rank()]));
        *count += 1;
        topics.of_document(document, sizes, &mut shares);
        for (sum, share) in sums.iter_mut().zip(&shares) {
            *sum += share;
        }
    }
    let mut over = SizesOver {
        values: Vec::new(),
        documents: Vec::new(),
        shares: Vec::new(),
    };
    for (key, (count, mut sums)) in groups {
        let all: f64 = sums.iter().sum();
        if all > 0.0 {
            sums.iter_mut().for_each(|sum| *sum /= all);
        }
        over.values.push(key.2.clone());
        over.documents.push(count);
        over.shares.push(sums);
    }
    over
}

fn shown(label: &str) -> &str {
    match label.trim() {
        "" => WITHOUT_LABEL,
        label => label,
    }
}

/// How many characters of dates to keep; `None` if not all labels that there are are dates.
fn period(names: &[&str]) -> Option<usize> {
    let names = names.iter().filter(|name| **name != WITHOUT_LABEL);
    let names: Vec<&str> = names.copied().collect();
    if names.is_empty() || !names.iter().all(|name| is_date(name)) {
        return None;
    }
    let different = |length: usize| {
        let mut short: Vec<_> = names.iter().map(|name| &name[..length]).collect();
        short.sort_unstable();
        short.dedup();
        short.len()
    };
    [10, 7]
        .into_iter()
        .find(|length| different(*length) <= MOST_PERIODS)
        .or(Some(4))
}

/// Numbers before texts, by size.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Order(f64);

impl Order {
    fn of(label: &str) -> Self {
        let number = label
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        Self(number.unwrap_or(f64::INFINITY))
    }
}

impl Eq for Order {}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(given: &[Option<&str>]) -> SizesOver {
        let mut labels = Labels::default();
        for label in given {
            labels.push(*label);
        }
        let w: Vec<f64> = (0..given.len()).flat_map(|i| [1.0, i as f64]).collect();
        let topics = Topics::new(&w, &[1.0, 1.0], 2);
        sizes_over(&topics, &topics.sizes(), &labels)
    }

    #[test]
    fn a_blank_among_dates_leaves_them_dates() {
        let days: Vec<String> = (0..90)
            .map(|day| format!("2024-0{}-{:02}", 1 + day / 30, 1 + day % 29))
            .collect();
        let mut given: Vec<Option<&str>> = days.iter().map(|day| Some(day.as_str())).collect();
        given.push(Some(" "));
        let found = over(&given);
        assert_eq!(
            found.values,
            ["2024-01", "2024-02", "2024-03", WITHOUT_LABEL]
        );
    }

    #[test]
    fn numbers_ascend_and_shares_sum_to_one() {
        let found = over(&[
            Some(" "),
            Some("10"),
            Some("9"),
            None,
            Some("b"),
            Some("a"),
            Some("9"),
        ]);
        assert_eq!(found.values, ["9", "10", "a", "b", WITHOUT_LABEL]);
        assert_eq!(found.documents, [2, 1, 1, 1, 2]);
        assert!(
            found.shares[1][0] > found.shares[2][0],
            "{:?}",
            found.shares
        );
        for shares in &found.shares {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn many_days_become_months_and_many_months_years() {
        let days: Vec<String> = (0..90)
            .map(|day| format!("2024-{:02}-{:02}T10:00:00Z", day / 28 + 1, day % 28 + 1))
            .collect();
        let some: Vec<_> = days.iter().map(|day| Some(day.as_str())).collect();
        assert_eq!(over(&some[..20]).values[0], "2024-01-01");
        assert_eq!(
            over(&some).values,
            ["2024-01", "2024-02", "2024-03", "2024-04"]
        );
        let years: Vec<String> = (0..90)
            .map(|month| format!("{}-{:02}-01", 2000 + month / 12, month % 12 + 1))
            .collect();
        let some: Vec<_> = years.iter().map(|day| Some(day.as_str())).collect();
        assert_eq!(over(&some).values.len(), 8);
    }
}
