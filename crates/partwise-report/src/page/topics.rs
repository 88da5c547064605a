//! A corpus as a mixture of topics.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Content, Kind, check};
use crate::ReportError;

/// Topics and the documents that they are in.
#[derive(Debug, Clone)]
pub struct TopicsSection {
    /// The topics, in the components' order; at least one.
    pub topics: Vec<Topic>,
    /// The documents, or some of them; may be empty.
    pub documents: Vec<DocumentTopics>,
    /// How many documents the corpus has, at least as many as are handed over.
    pub total_documents: usize,
    /// Mean of the topics' coherence (NPMI), −1..1; `None` if no topic has one.
    pub coherence: Option<f64>,
    /// Share of the topics' strongest terms that belong to one topic only, 0..1.
    pub diversity: f64,
    /// Sizes of the topics over a field of the documents, such as the year.
    pub field: Option<FieldSizes>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its first terms.
    pub name: String,
    /// Its terms with their weights, strongest first, not negative.
    pub terms: Vec<(String, f64)>,
    /// Its share of the corpus, 0..1.
    pub share: f64,
    /// Its coherence (normalised pointwise mutual information), −1..1; `None` if it has but one term.
    pub npmi: Option<f64>,
    /// Its place on a map on which similar topics are near each other; any scale.
    pub position: [f64; 2],
    /// Its most typical documents: indices into [`TopicsSection::documents`].
    pub typical: Vec<usize>,
}

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentTopics {
    /// What it is called.
    pub id: String,
    /// Its opening, at most about 300 characters.
    pub text: String,
    /// Its value of the field, if there is one.
    pub field: Option<String>,
    /// Topics and their shares of the document (0..1), strongest first.
    pub weights: Vec<(usize, f64)>,
}

/// How large the topics are for each value of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldSizes {
    /// The field's name.
    pub field: String,
    /// Its values, in the order to show.
    pub values: Vec<String>,
    /// For each value the share of every topic, values × topics; rows sum to 1, or are all zero.
    pub shares: Vec<Vec<f64>>,
}

/// Terms of a topic that the page holds.
const TERMS: usize = 50;
/// Topics of a document that the page holds.
const WEIGHTS: usize = 8;
/// Letters of a document's opening that the page holds.
const LETTERS: usize = 300;
/// Bytes that the documents may take.
const BYTES: usize = 2_800_000;
/// Bytes of JSON around a document's words.
const OVERHEAD: usize = 120;

impl TopicsSection {
    /// What the page's script draws.
    pub(super) fn content(&self) -> Result<Content, ReportError> {
        self.check()?;
        let kept = self.kept();
        // BTreeSet is in order: a document's place is where it stands among the kept ones.
        let place = |document: &usize| kept.binary_search(document).ok();
        let topic = |topic: &Topic| {
            json!({
                "name": topic.name,
                "terms": topic.terms.iter().take(TERMS).collect::<Vec<_>>(),
                "share": topic.share,
                "npmi": topic.npmi,
                "position": topic.position,
                "typical": topic.typical.iter().filter_map(place).collect::<Vec<_>>(),
            })
        };
        let document = |&number: &usize| {
            let document = &self.documents[number];
            json!({
                "id": document.id,
                "text": opening(&document.text),
                "field": document.field,
                "weights": document.weights.iter().take(WEIGHTS).collect::<Vec<_>>(),
            })
        };
        let field = self.field.as_ref().map(
            |sizes| json!({ "name": sizes.field, "values": sizes.values, "shares": sizes.shares }),
        );
        Ok(Content {
            kind: Kind::Topics,
            name: None,
            data: json!({
                "topics": self.topics.iter().map(topic).collect::<Vec<Value>>(),
                "documents": kept.iter().map(document).collect::<Vec<Value>>(),
                "totalDocuments": self.total_documents,
                "coherence": self.coherence,
                "diversity": self.diversity,
                "field": field,
            }),
        })
    }

    /// The documents that the page holds, in order: typical ones first of all, then as many of the others as there
    /// is room for, evenly spread.
    fn kept(&self) -> Vec<usize> {
        let bytes = |number: usize| {
            let document = &self.documents[number];
            OVERHEAD + document.id.len() + opening(&document.text).len()
        };
        let mut kept = BTreeSet::new();
        let mut room = BYTES;
        let mut keep = |number: usize| {
            if kept.contains(&number) {
                return true;
            }
            let Some(left) = room.checked_sub(bytes(number)) else {
                return false;
            };
            room = left;
            kept.insert(number);
            true
        };
        let longest = self.topics.iter().map(|topic| topic.typical.len()).max();
        for rank in 0..longest.unwrap_or(0) {
            for topic in &self.topics {
                if let Some(&number) = topic.typical.get(rank) {
                    keep(number);
                }
            }
        }
        let all: usize = (0..self.documents.len()).map(bytes).sum();
        let step = (all.div_ceil(BYTES)).max(1);
        for start in 0..step {
            for number in (start..self.documents.len()).step_by(step) {
                if !keep(number) {
                    return kept.into_iter().collect();
                }
            }
        }
        kept.into_iter().collect()
    }

    /// Refuses what the page could not show.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let topics = self.topics.len();
        check::at_least_one("number of topics", topics)?;
        if self.total_documents < self.documents.len() {
            return Err(ReportError::Value {
                place: "total_documents".to_owned(),
                value: self.total_documents.to_string(),
                expected: format!("at least the {} handed over", self.documents.len()),
            });
        }
        check::finite("coherence", self.coherence.as_slice())?;
        check::finite("diversity", &[self.diversity])?;
        for (number, topic) in self.topics.iter().enumerate() {
            let place = |field: &str| format!("topics[{number}].{field}");
            for (index, (_, weight)) in topic.terms.iter().enumerate() {
                check::non_negative(&place(&format!("terms[{index}]")), &[*weight])?;
            }
            check::non_negative(&place("share"), &[topic.share])?;
            check::finite(&place("npmi"), topic.npmi.as_slice())?;
            check::finite(&place("position"), &topic.position)?;
            for &document in &topic.typical {
                check::index(&place("typical"), document, self.documents.len())?;
            }
        }
        for (number, document) in self.documents.iter().enumerate() {
            let place = format!("documents[{number}].weights");
            for &(topic, weight) in &document.weights {
                check::index(&place, topic, topics)?;
                check::non_negative(&place, &[weight])?;
            }
        }
        if let Some(FieldSizes { values, shares, .. }) = &self.field {
            check::length("field.shares", shares.len(), "values", &[values.len()])?;
            for (number, row) in shares.iter().enumerate() {
                check::length("a row of field.shares", row.len(), "topics", &[topics])?;
                check::non_negative(&format!("field.shares[{number}]"), row)?;
            }
        }
        Ok(())
    }
}

/// The first [`LETTERS`] letters.
fn opening(text: &str) -> &str {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
