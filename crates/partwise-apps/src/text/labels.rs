//! Dates or labels of documents.

use super::Texts;
use super::texts::Numbered;

/// The label of each document, every different one kept once. Dates are kept to the day.
#[derive(Debug, Default)]
pub struct Labels {
    values: Numbered,
    of: Vec<u32>,
}

/// What stands for no label.
const NONE: u32 = u32::MAX;

impl Labels {
    pub(super) fn push(&mut self, label: Option<&str>) {
        let day = |label: &str| if is_date(label) { 10 } else { label.len() };
        let number = label.map(|label| self.values.number(&label[..day(label)]).0);
        self.of.push(number.unwrap_or(NONE));
    }

    /// Whether no document has a label.
    pub(super) fn is_empty(&self) -> bool {
        self.values.texts().is_empty()
    }

    /// The label of a document.
    pub fn of(&self, document: usize) -> Option<&str> {
        self.number(document)
            .map(|number| self.values.texts().get(number))
    }

    /// The number of a document's label among [`Self::values`].
    pub fn number(&self, document: usize) -> Option<usize> {
        Some(self.of[document])
            .filter(|number| *number != NONE)
            .map(|number| number as usize)
    }

    /// The different labels, in the order in which they came first.
    pub fn values(&self) -> &Texts {
        self.values.texts()
    }
}

/// Whether a label begins like 2024-05-13, alone or with a time behind.
pub(super) fn is_date(label: &str) -> bool {
    let bytes = label.as_bytes();
    let digits = |from: usize, to: usize| bytes[from..to].iter().all(u8::is_ascii_digit);
    bytes.len() >= 10
        && digits(0, 4)
        && digits(5, 7)
        && digits(8, 10)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes.get(10).is_none_or(|byte| matches!(byte, b'T' | b' '))
}
