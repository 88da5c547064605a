//! Documents into counts of terms, block by block.
//!
//! Blocks are cut by bytes alone and counted each by itself, several at a time; what they found is put together in their
//! order. So the counts, and the order of terms, are the same for any number of threads. Beside the matrix and the
//! vocabulary there are only the blocks at work.

use std::num::NonZeroUsize;

use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::counter::{Counted, Counter, Shared};
use super::labels::Labels;
use super::texts::Numbered;
use super::{Analysis, Corpus, Ids, TermRows, Texts};
use crate::AppError;

/// Blocks that are counted at a time, for each thread.
const BLOCKS: usize = 2;

/// What a corpus holds.
#[derive(Debug)]
pub struct Counts {
    /// How often each term occurs in each document; columns in the order in which terms came first.
    pub rows: TermRows<u32>,
    /// The terms: the columns.
    pub terms: Texts,
    /// What the documents are called: the rows.
    pub ids: Ids,
    /// Their labels, if a field of them was asked for.
    pub labels: Option<Labels>,
    /// Words of all documents, stop words left out.
    pub words: u64,
    /// For [`known`]: words that are no part of any term of the model.
    pub unknown: u64,
}

/// Counts every term.
///
/// # Errors
/// A document that cannot be read, with its place; [`AppError::Corpus`] if there are none; [`AppError::EmptyVocabulary`] if
/// they hold no term; unfit parameters.
pub fn count(
    corpus: &Corpus,
    analysis: &Analysis,
    threads: Option<NonZeroUsize>,
) -> Result<Counts, AppError> {
    run(corpus, analysis, None, threads)
}

/// Counts the terms of a model: the columns are those of `terms`, other words are only counted.
///
/// # Errors
/// As [`count`].
pub fn known(
    corpus: &Corpus,
    analysis: &Analysis,
    terms: &Texts,
    threads: Option<NonZeroUsize>,
) -> Result<Counts, AppError> {
    run(corpus, analysis, Some(terms), threads)
}

fn run(
    corpus: &Corpus,
    analysis: &Analysis,
    terms: Option<&Texts>,
    threads: Option<NonZeroUsize>,
) -> Result<Counts, AppError> {
    analysis.check()?;
    let hasher = RandomState::default();
    let shared = Shared::new(analysis, hasher.clone())?;
    let mut vocabulary = Numbered::with_hasher(hasher);
    for term in terms.into_iter().flat_map(Texts::iter) {
        vocabulary.number(term);
    }
    let mut sum = Sum {
        vocabulary,
        is_closed: terms.is_some(),
        rows: TermRows::new(0),
        ids: Ids::default(),
        labels: corpus.has_labels().then(Labels::default),
        words: 0,
        stopped: 0,
        unknown: 0,
    };
    let pool = pool(threads)?;
    pool.install(|| {
        let mut blocks = corpus.blocks()?;
        let most = BLOCKS * rayon::current_num_threads();
        let mut read = || {
            let mut some = Vec::with_capacity(most);
            while some.len() < most
                && let Some(block) = blocks.next()?
            {
                some.push(block);
            }
            Ok::<_, AppError>(some)
        };
        let mut present = read()?;
        while !present.is_empty() {
            let count = || -> Vec<_> {
                present
                    .par_iter()
                    .map(|block| {
                        let mut counter = Counter::new(&shared);
                        block.each(corpus, |_| true, |document| counter.document(&document))?;
                        Ok(counter.finish())
                    })
                    .collect()
            };
            let (counted, next) = rayon::join(count, &mut read);
            for block in counted {
                sum.add(block?);
            }
            present = next?;
        }
        Ok::<_, AppError>(())
    })?;
    if sum.ids.is_empty() {
        return Err(corpus.empty());
    }
    if !sum.is_closed && sum.vocabulary.texts().is_empty() {
        return Err(AppError::EmptyVocabulary {
            name: corpus.name().to_owned(),
            terms: 0,
            reason: sum.why_empty(analysis),
        });
    }
    pool.install(|| sum.finish(corpus))
}

pub(super) fn pool(threads: Option<NonZeroUsize>) -> Result<rayon::ThreadPool, AppError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, NonZeroUsize::get))
        .build()
        .map_err(|source| AppError::Threads { source })
}

/// What the blocks so far found.
struct Sum {
    vocabulary: Numbered,
    /// Whether terms that are not in the vocabulary stay out.
    is_closed: bool,
    rows: TermRows<u32>,
    ids: Ids,
    labels: Option<Labels>,
    words: u64,
    stopped: u64,
    unknown: u64,
}

impl Sum {
    fn add(&mut self, block: Counted) {
        let numbers: Vec<Option<i32>> = block
            .terms()
            .map(|term| {
                let (text, hash) = term?;
                match self.is_closed {
                    true => self.vocabulary.find_hashed(text, hash),
                    false => Some(self.vocabulary.number_hashed(text, hash).0),
                }
            })
            .map(|number| number.map(|number| number as i32))
            .collect();
        let mut start = 0;
        for &end in &block.ends {
            for (term, count) in &block.entries[start..end] {
                match numbers[*term as usize] {
                    Some(number) => {
                        self.rows.indices.push(number);
                        self.rows.values.push(*count);
                    }
                    None => self.unknown += u64::from(*count),
                }
            }
            start = end;
            self.rows.offsets.push(self.rows.indices.len() as i64);
        }
        for id in block.ids.iter() {
            self.ids.push(id);
        }
        if let Some(labels) = &mut self.labels {
            for label in &block.labels {
                labels.push(label.as_deref());
            }
        }
        self.words += block.words;
        self.stopped += block.stopped;
    }

    /// Why there is no term at all.
    fn why_empty(&self, analysis: &Analysis) -> String {
        let documents = self.ids.len();
        match (self.words, self.stopped) {
            (0, 0) => format!("the {documents} documents hold no words, single letters left out"),
            (0, stopped) => {
                format!("all {stopped} words of the {documents} documents are stop words")
            }
            (words, _) => format!(
                "none of the {documents} documents has {} words for a term; there are {words} words",
                analysis.ngrams.0
            ),
        }
    }

    fn finish(mut self, corpus: &Corpus) -> Result<Counts, AppError> {
        if let Some(labels) = &self.labels
            && labels.is_empty()
        {
            return Err(corpus.without_label());
        }
        self.rows.cols = self.vocabulary.texts().len();
        if self.is_closed {
            self.rows.sort();
        }
        Ok(Counts {
            rows: self.rows,
            terms: self.vocabulary.into_texts(),
            ids: self.ids,
            labels: self.labels,
            words: self.words,
            unknown: self.unknown,
        })
    }
}
