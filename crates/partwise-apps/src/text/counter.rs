//! The terms of one block of documents.
//!
//! Each different word is looked at once: whether it is left out, and what its stem is. A term of n words is a node
//! under the term of its first n − 1, so that a longer one costs one look-up by two numbers.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use rust_stemmers::Stemmer;

use super::corpus::Document;
use super::texts::Numbered;
use super::{Analysis, Texts, WordRule};
use crate::AppError;

/// What stands for a word that is left out.
const LEFT_OUT: u32 = u32::MAX;

/// What all blocks have in common.
pub(super) struct Shared {
    rule: WordRule,
    stop_words: HashSet<String>,
    stemmer: Option<Stemmer>,
    fewest: usize,
    most: usize,
    hasher: RandomState,
}

impl Shared {
    pub(super) fn new(analysis: &Analysis, hasher: RandomState) -> Result<Self, AppError> {
        let mut stop_words = HashSet::new();
        for entry in &analysis.stop_words {
            let mut words = Vec::new();
            analysis
                .words
                .each(entry, |word| words.push(word.to_owned()));
            // What an apostrophe takes apart in the texts is taken apart here; other entries of several words say nothing of each.
            let apart = |letter: char| "'’".contains(letter);
            let is_one = !entry.trim().contains(char::is_whitespace);
            if is_one && (words.len() == 1 || entry.contains(apart)) {
                stop_words.extend(words);
            }
        }
        Ok(Self {
            rule: analysis.words,
            stop_words,
            stemmer: analysis.language()?.and_then(|language| language.stemmer()),
            fewest: analysis.ngrams.0,
            most: analysis.ngrams.1,
            hasher,
        })
    }
}

/// Counts the documents of a block.
pub(super) struct Counter<'a> {
    shared: &'a Shared,
    /// Words as they stand in the texts.
    words: Numbered,
    /// The node of each word, or [`LEFT_OUT`].
    node_of_word: Vec<u32>,
    /// Nodes of one word, found by their text: needed where several words have one stem.
    stems: Numbered,
    node_of_stem: Vec<u32>,
    nodes: Nodes,
    /// The nodes of the terms that end at the present word, by their number of words.
    ending: Vec<u32>,
    counts: Vec<u32>,
    touched: Vec<u32>,
    found: Counted,
}

/// Terms, and those whose beginnings terms are.
#[derive(Default)]
struct Nodes {
    texts: Texts,
    children: HashMap<(u32, u32), u32, RandomState>,
}

/// What was found in a block.
#[derive(Default)]
pub(super) struct Counted {
    /// Every node, terms or not.
    nodes: Texts,
    /// Hash of each node.
    hashes: Vec<u64>,
    /// (node, count) of every document, one after the other.
    pub(super) entries: Vec<(u32, u32)>,
    /// End of each document's entries.
    pub(super) ends: Vec<usize>,
    pub(super) ids: Texts,
    pub(super) labels: Vec<Option<String>>,
    pub(super) words: u64,
    /// Stop words, each time they occur.
    pub(super) stopped: u64,
    /// Whether a node is a term.
    is_term: Vec<bool>,
}

impl Counted {
    /// The nodes' texts and hashes; `None` for a text that is no term.
    pub(super) fn terms(&self) -> impl Iterator<Item = Option<(&str, u64)>> {
        (0..self.nodes.len())
            .map(|node| self.is_term[node].then(|| (self.nodes.get(node), self.hashes[node])))
    }
}

impl<'a> Counter<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            words: Numbered::with_hasher(shared.hasher.clone()),
            node_of_word: Vec::new(),
            stems: Numbered::with_hasher(shared.hasher.clone()),
            node_of_stem: Vec::new(),
            nodes: Nodes::default(),
            ending: Vec::new(),
            counts: Vec::new(),
            touched: Vec::new(),
            found: Counted::default(),
        }
    }

    pub(super) fn document(&mut self, document: &Document<'_>) {
        self.ending.clear();
        let rule = self.shared.rule;
        rule.each(document.text, |word| self.word(word));
        for node in self.touched.drain(..) {
            let count = std::mem::take(&mut self.counts[node as usize]);
            self.found.entries.push((node, count));
        }
        self.found.ends.push(self.found.entries.len());
        self.found.ids.push(document.id);
        self.found.labels.push(document.label.map(str::to_owned));
    }

    fn word(&mut self, word: &str) {
        let (number, is_new) = self.words.number(word);
        if is_new {
            let node = self.node_of(word);
            self.node_of_word.push(node);
        }
        let node = self.node_of_word[number as usize];
        if node == LEFT_OUT {
            self.found.stopped += 1;
            return;
        }
        self.found.words += 1;
        let Shared { fewest, most, .. } = *self.shared;
        if most == 1 {
            self.touch(node);
            return;
        }
        // Longer terms end here that begin with the terms that ended at the word before.
        if self.ending.len() < most {
            self.ending.push(0);
        }
        for length in (1..self.ending.len()).rev() {
            let beginning = self.ending[length - 1];
            let longer = self.child(beginning, node, length + 1);
            self.ending[length] = longer;
            if length + 1 >= fewest {
                self.touch(longer);
            }
        }
        self.ending[0] = node;
        if fewest == 1 {
            self.touch(node);
        }
    }

    /// The node of a word that was not met before.
    fn node_of(&mut self, word: &str) -> u32 {
        if self.shared.stop_words.contains(word) {
            return LEFT_OUT;
        }
        let is_term = self.shared.fewest == 1;
        let Some(stemmer) = &self.shared.stemmer else {
            return self.add_node(|texts| texts.push(word), is_term);
        };
        let stem = stemmer.stem(word);
        let (number, is_new) = self.stems.number(&stem);
        if is_new {
            let node = self.add_node(|texts| texts.push(&stem), is_term);
            self.node_of_stem.push(node);
        }
        self.node_of_stem[number as usize]
    }

    /// The node of a term that has `beginning` and one word more.
    fn child(&mut self, beginning: u32, word: u32, length: usize) -> u32 {
        if let Some(&node) = self.nodes.children.get(&(beginning, word)) {
            return node;
        }
        let is_term = length >= self.shared.fewest;
        let join = |texts: &mut Texts| texts.push_joined(beginning as usize, word as usize);
        let node = self.add_node(join, is_term);
        self.nodes.children.insert((beginning, word), node);
        node
    }

    fn add_node(&mut self, push: impl FnOnce(&mut Texts), is_term: bool) -> u32 {
        let node = self.nodes.texts.len();
        push(&mut self.nodes.texts);
        self.counts.push(0);
        self.found.is_term.push(is_term);
        node as u32
    }

    #[inline]
    fn touch(&mut self, node: u32) {
        let count = &mut self.counts[node as usize];
        if *count == 0 {
            self.touched.push(node);
        }
        *count = count.saturating_add(1);
    }

    pub(super) fn finish(self) -> Counted {
        let mut found = self.found;
        found.nodes = self.nodes.texts;
        let hasher = &self.shared.hasher;
        found.hashes = found
            .nodes
            .iter()
            .map(|text| hasher.hash_one(text))
            .collect();
        found
    }
}
