//! Topics and documents as CSV, written row by row.

use std::io::{self, Write};

use super::labels::Labels;
use super::over::SizesOver;
use super::topics::Sizes;
use super::{Ids, Texts, Topics, Weight};

/// One topic as tables list it.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicRow {
    /// Its first terms.
    pub name: String,
    /// Strongest terms (columns) and their parts of the topic's sum.
    pub terms: Vec<(usize, f64)>,
    /// Share of the corpus.
    pub share: f64,
    /// Coherence; `None` for fewer than two terms.
    pub npmi: Option<f64>,
    /// The strongest documents (rows), and the beginnings of their texts where there are any.
    pub typical: Vec<usize>,
}

/// `topics.csv`: one line a term: topic (from 1), share, npmi, rank (from 1), term, weight.
///
/// # Errors
/// What writing meets.
pub fn write_topics(out: impl Write, topics: &[TopicRow], terms: &Texts) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["topic", "share", "npmi", "rank", "term", "weight"])?;
    for (number, topic) in (1..).zip(topics) {
        let npmi = topic
            .npmi
            .map(|npmi| format!("{npmi:.6}"))
            .unwrap_or_default();
        for (rank, (term, weight)) in (1..).zip(&topic.terms) {
            table.write_record([
                &format!("{number}"),
                &decimal(topic.share),
                &npmi,
                &format!("{rank}"),
                terms.get(*term),
                &decimal(*weight),
            ])?;
        }
    }
    table.flush()
}

/// `documents.csv`: one line a document: its name, its label if there are labels, and its share of each topic.
///
/// # Errors
/// What writing meets.
pub fn write_documents<T: Weight>(
    out: impl Write,
    topics: &Topics<'_, T>,
    sizes: &Sizes,
    ids: &Ids,
    labels: Option<(&str, &Labels)>,
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    let field = labels.map(|(name, _)| name.to_owned());
    let numbers = (1..=topics.rank()).map(|number| format!("topic {number}"));
    table.write_record(
        std::iter::once("document".to_owned())
            .chain(field)
            .chain(numbers),
    )?;
    let (mut shares, mut number) = (Vec::new(), String::new());
    for document in 0..topics.documents() {
        table.write_field(&*ids.get(document))?;
        if let Some((_, labels)) = labels {
            table.write_field(labels.of(document).unwrap_or_default())?;
        }
        topics.of_document(document, sizes, &mut shares);
        for share in &shares {
            number.clear();
            push_decimal(&mut number, *share);
            table.write_field(&number)?;
        }
        table.write_record(None::<&[u8]>)?;
    }
    table.flush()
}

/// `typical.csv`: topic, rank, document, how much of the topic it holds (what the ranks are by), the share of the document that this
/// is, and the beginning of its text.
///
/// `openings` has a text for every row of `documents`, which are sorted.
///
/// # Errors
/// What writing meets.
pub fn write_typical<T: Weight>(
    out: impl Write,
    rows: &[TopicRow],
    topics: &Topics<'_, T>,
    sizes: &Sizes,
    ids: &Ids,
    opening: impl Fn(usize) -> String,
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["topic", "rank", "document", "amount", "share", "text"])?;
    let mut shares = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        for (rank, document) in (1..).zip(&row.typical) {
            topics.of_document(*document, sizes, &mut shares);
            table.write_record([
                &*format!("{}", number + 1),
                &format!("{rank}"),
                &*ids.get(*document),
                &decimal(topics.amount(*document, number, sizes)),
                &decimal(shares[number]),
                &opening(*document),
            ])?;
        }
    }
    table.flush()
}

/// `sizes.csv`: one line a label: its name, its number of documents, and its share of each topic.
///
/// # Errors
/// What writing meets.
pub fn write_sizes(out: impl Write, field: &str, over: &SizesOver) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    let rank = over.shares.first().map_or(0, Vec::len);
    let numbers = (1..=rank).map(|number| format!("topic {number}"));
    let names = [field.to_owned(), "documents".to_owned()];
    table.write_record(names.into_iter().chain(numbers))?;
    for ((value, documents), shares) in over.values.iter().zip(&over.documents).zip(&over.shares) {
        let shares = shares.iter().map(|share| decimal(*share));
        let first = [value.clone(), documents.to_string()];
        table.write_record(first.into_iter().chain(shares))?;
    }
    table.flush()
}

fn decimal(share: f64) -> String {
    let mut text = String::new();
    push_decimal(&mut text, share);
    text
}

/// A number of zero or more to six places, zeros at the end left out.
fn push_decimal(text: &mut String, share: f64) {
    let millionths = (share * 1e6).round() as u64;
    let (whole, mut rest) = (millionths / 1_000_000, millionths % 1_000_000);
    match whole {
        0 => text.push('0'),
        1 => text.push('1'),
        more => text.push_str(&more.to_string()),
    }
    if rest == 0 {
        return;
    }
    text.push('.');
    let mut unit = 100_000;
    while rest > 0 {
        text.push(char::from(b'0' + (rest / unit) as u8));
        rest %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_short_and_right() {
        for (share, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (0.012_345_6, "0.012346"),
            (1e-9, "0"),
            (0.999_999_9, "1"),
            (0.000_001, "0.000001"),
            (2.0, "2"),
            (12.5, "12.5"),
            (1_093.355_1, "1093.3551"),
        ] {
            assert_eq!(decimal(share), text);
        }
    }

    #[test]
    fn documents_are_quoted_where_they_must_be() {
        let mut labels = Labels::default();
        labels.push(Some("a,b"));
        labels.push(None);
        let topics = Topics::new(&[1.0, 3.0, 0.0, 0.0], &[1.0, 1.0], 2);
        let ids = ["x", "y \"z\""].into_iter().collect();
        let mut out = Vec::new();
        let labels = Some(("kind", &labels));
        write_documents(&mut out, &topics, &topics.sizes(), &ids, labels).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "document,kind,topic 1,topic 2\nx,\"a,b\",0.25,0.75\n\"y \"\"z\"\"\",,0,0\n"
        );
    }
}
