//! Many short texts in one piece of memory, and the same with a number for each different one.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// A list of texts that lie one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text with this number, from 0.
    ///
    /// # Panics
    /// If there is none.
    pub fn get(&self, index: usize) -> &str {
        let start = match index {
            0 => 0,
            index => self.ends[index - 1],
        };
        &self.bytes[start..self.ends[index]]
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// Adds `first`, a blank and `second` as one text.
    pub(super) fn push_joined(&mut self, first: usize, second: usize) {
        let start = |index: usize| match index {
            0 => 0,
            index => self.ends[index - 1],
        };
        let (first, second) = (
            start(first)..self.ends[first],
            start(second)..self.ends[second],
        );
        self.bytes.extend_from_within(first);
        self.bytes.push(' ');
        self.bytes.extend_from_within(second);
        self.ends.push(self.bytes.len());
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The texts as strings of their own.
    pub fn to_strings(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut list = Self::default();
        for text in texts {
            list.push(text.as_ref());
        }
        list
    }
}

/// Different texts, numbered in the order in which they came first.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    texts: Texts,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Numbered {
    /// A list whose hashes are those of `hasher`.
    pub(super) fn with_hasher(hasher: RandomState) -> Self {
        Self {
            hasher,
            ..Self::default()
        }
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// The number of a text, if it is in the list.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.find_hashed(text, self.hash(text))
    }

    /// As [`Self::find`], with the text's hash at hand.
    pub(super) fn find_hashed(&self, text: &str, hash: u64) -> Option<u32> {
        let same = |number: &u32| self.texts.get(*number as usize) == text;
        self.table.find(hash, same).copied()
    }

    /// The number of a text, and whether it is new.
    pub(super) fn number(&mut self, text: &str) -> (u32, bool) {
        let hash = self.hash(text);
        self.number_hashed(text, hash)
    }

    /// As [`Self::number`], with the text's hash at hand.
    pub(super) fn number_hashed(&mut self, text: &str, hash: u64) -> (u32, bool) {
        let texts = &mut self.texts;
        if let Some(&number) = self
            .table
            .find(hash, |number| texts.get(*number as usize) == text)
        {
            return (number, false);
        }
        let number = texts.len() as u32;
        texts.push(text);
        let hasher = &self.hasher;
        self.table.insert_unique(hash, number, |number| {
            hasher.hash_one(texts.get(*number as usize))
        });
        (number, true)
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn into_texts(self) -> Texts {
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_places_and_numbers() {
        let mut list = Numbered::default();
        let numbers = ["ab", "", "c", "ab", "", "ß"].map(|text| list.number(text));
        assert_eq!(
            numbers,
            [
                (0, true),
                (1, true),
                (2, true),
                (0, false),
                (1, false),
                (3, true)
            ]
        );
        assert_eq!(list.find("ß"), Some(3));
        assert_eq!(list.find("a"), None);
        let mut texts = list.into_texts();
        texts.push_joined(0, 3);
        assert_eq!(texts.to_strings(), ["ab", "", "c", "ß", "ab ß"]);
    }
}
