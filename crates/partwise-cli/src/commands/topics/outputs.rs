//! The files that `partwise topics` writes beside those of every fit.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use partwise_apps::text::{
    Sizes, SizesOver, Texts, TopicRow, Topics, Weight, write_documents, write_sizes, write_topics,
    write_typical,
};
use partwise_report::{
    BarPanel, Bars, DocumentTopics, FieldSizes, Run, Section, Topic, TopicsSection, bars, decimal,
    percent,
};

use super::Found;
use super::data::Prepared;
use crate::outputs::Staged;

/// Letters of a document's beginning.
const LETTERS: usize = 300;
/// Documents of the page: the typical ones, and others from all over the corpus.
const PAGE_DOCUMENTS: usize = 1000;
/// Bars of a topic in the picture.
const BARS: usize = 10;
/// Topics of a document on the page, and the least share that is worth a place.
const PAGE_TOPICS: usize = 8;
const LEAST_SHARE: f64 = 0.01;

/// The beginnings of some documents' texts.
pub(super) struct Openings {
    /// Rows, ascending.
    pub(super) documents: Vec<usize>,
    texts: Vec<String>,
}

impl Openings {
    /// Reads those that are shown: typical documents, and others at even distances.
    pub(super) fn read<T>(prepared: &Prepared<T>, rows: &[TopicRow]) -> anyhow::Result<Self> {
        let mut wanted: BTreeSet<usize> = rows
            .iter()
            .flat_map(|row| row.typical.iter().copied())
            .collect();
        let all = prepared.ids.len();
        let more = PAGE_DOCUMENTS.saturating_sub(wanted.len()).min(all);
        wanted.extend((0..more).map(|place| place * all / more));
        let documents: Vec<usize> = wanted.into_iter().collect();
        let texts = match &prepared.corpus {
            Some(corpus) => corpus.openings(&documents, LETTERS)?,
            None => vec![String::new(); documents.len()],
        };
        Ok(Self { documents, texts })
    }

    fn text(&self, document: usize) -> &str {
        let place = self.documents.binary_search(&document);
        place.map_or("", |place| &self.texts[place])
    }
}

/// What tables are written from.
pub(super) struct Written<'a, T> {
    pub(super) prepared: &'a Prepared<T>,
    pub(super) topics: Topics<'a, T>,
    pub(super) sizes: &'a Sizes,
    pub(super) over: Option<&'a SizesOver>,
    pub(super) field: Option<&'a str>,
}

impl<T: Weight> Written<'_, T> {
    pub(super) fn topics(&self, staged: &mut Staged, rows: &[TopicRow]) -> anyhow::Result<()> {
        stage(staged, "topics.csv", |out| {
            write_topics(out, rows, &self.prepared.terms)
        })
    }

    pub(super) fn documents(&self, staged: &mut Staged) -> anyhow::Result<()> {
        let labels = self.field.zip(self.prepared.labels.as_ref());
        stage(staged, "documents.csv", |out| {
            write_documents(out, &self.topics, self.sizes, &self.prepared.ids, labels)
        })
    }

    pub(super) fn typical(
        &self,
        staged: &mut Staged,
        rows: &[TopicRow],
        openings: &Openings,
    ) -> anyhow::Result<()> {
        let opening = |document| openings.text(document).to_owned();
        let ids = &self.prepared.ids;
        stage(staged, "typical.csv", |out| {
            write_typical(out, rows, &self.topics, self.sizes, ids, opening)
        })
    }

    pub(super) fn sizes_over(&self, staged: &mut Staged) -> anyhow::Result<()> {
        let Some((field, over)) = self.field.zip(self.over) else {
            return Ok(());
        };
        stage(staged, "sizes.csv", |out| write_sizes(out, field, over))
    }

    /// What the page shows of the topics.
    pub(super) fn section(&self, found: &Found, openings: &Openings) -> Section {
        let place = |document: &usize| openings.documents.binary_search(document).ok();
        let topic = |(row, position): (&TopicRow, &[f64; 2])| Topic {
            name: row.name.clone(),
            terms: (row.terms.iter())
                .map(|(term, weight)| (self.prepared.terms.get(*term).to_owned(), *weight))
                .collect(),
            share: row.share,
            npmi: row.npmi,
            position: *position,
            typical: row.typical.iter().filter_map(place).collect(),
        };
        let labels = self.prepared.labels.as_ref();
        let mut shares = Vec::new();
        let mut document = |row: &usize| {
            self.topics.of_document(*row, self.sizes, &mut shares);
            let mut weights: Vec<(usize, f64)> = (shares.iter().copied().enumerate())
                .filter(|(_, share)| *share >= LEAST_SHARE)
                .collect();
            weights.sort_by(|a, b| b.1.total_cmp(&a.1));
            weights.truncate(PAGE_TOPICS);
            DocumentTopics {
                id: self.prepared.ids.get(*row).into_owned(),
                text: openings.text(*row).to_owned(),
                field: labels.and_then(|labels| labels.of(*row)).map(str::to_owned),
                weights,
            }
        };
        Section::Topics(TopicsSection {
            topics: found.rows.iter().zip(&found.positions).map(topic).collect(),
            documents: openings.documents.iter().map(&mut document).collect(),
            total_documents: self.prepared.ids.len(),
            coherence: found.coherence,
            diversity: found.diversity,
            field: self.field.zip(self.over).map(|(field, over)| FieldSizes {
                field: field.to_owned(),
                values: over.values.clone(),
                shares: over.shares.clone(),
            }),
        })
    }
}

/// The strongest terms of each topic as bars.
pub(super) fn picture(run: &Run, found: &Found, terms: &Texts) -> anyhow::Result<Vec<u8>> {
    let panel = |(number, row): (usize, &TopicRow)| BarPanel {
        title: format!("Topic {number}"),
        note: format!(
            "{} of the corpus, NPMI {}",
            percent(row.share),
            row.npmi
                .map_or_else(|| "–".to_owned(), |npmi| decimal(npmi, 2))
        ),
        bars: (row.terms.iter().take(BARS))
            .map(|(term, weight)| (terms.get(*term).to_owned(), *weight))
            .collect(),
    };
    let panels: Vec<_> = (1..).zip(&found.rows).map(panel).collect();
    let input = run.extra.get("input").and_then(|input| input.as_str());
    let file = input.map(|input| input.rsplit('/').next().unwrap_or(input));
    let [documents, _] = run.shape;
    let figure = bars(&Bars {
        title: &format!(
            "{} topics of {}",
            found.rows.len(),
            file.unwrap_or_default()
        ),
        note: &format!(
            "The strongest terms of each topic, to the scale of its strongest; the largest topics first; {documents} documents, {} loss.",
            run.loss
        ),
        panels: &panels,
    })?;
    Ok(figure.to_png()?)
}

/// Stages a file that is written piece by piece.
fn stage(
    staged: &mut Staged,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> anyhow::Result<()> {
    staged.write_with(name, |path| {
        partwise_io::write_atomically(path, |out| {
            write(out).and_then(|()| out.flush()).map_err(|source| {
                let file = path.display().to_string();
                partwise_io::Error::Write { file, source }
            })
        })
    })
}
