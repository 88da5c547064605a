//! What documents are called. Most are called by the numbers of their lines, of which only the runs are held.

use std::borrow::Cow;

use super::Texts;

/// The names of documents, in their order.
#[derive(Debug, Clone)]
pub struct Ids(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Runs of numbers, each one more than the last: the place of a run's first document, and its number.
    Numbers {
        runs: Vec<(usize, u64)>,
        len: usize,
    },
    Names(Texts),
}

impl Default for Ids {
    fn default() -> Self {
        Self(Kind::Numbers {
            runs: Vec::new(),
            len: 0,
        })
    }
}

impl Ids {
    /// Number of documents.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Numbers { len, .. } => *len,
            Kind::Names(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the document in this place, from 0.
    ///
    /// # Panics
    /// If there is none.
    pub fn get(&self, place: usize) -> Cow<'_, str> {
        match &self.0 {
            Kind::Numbers { runs, len } => {
                assert!(place < *len, "document {place} of {len}");
                let (first, number) = runs[runs.partition_point(|run| run.0 <= place) - 1];
                Cow::Owned((number + (place - first) as u64).to_string())
            }
            Kind::Names(texts) => Cow::Borrowed(texts.get(place)),
        }
    }

    /// Adds a document.
    pub fn push(&mut self, name: &str) {
        /// Documents of a run, on the average: below that, texts take little more.
        const RUN: usize = 4;
        match &mut self.0 {
            Kind::Names(texts) => return texts.push(name),
            Kind::Numbers { runs, len } => {
                let next = runs
                    .last()
                    .map(|(first, number)| number + (*len - first) as u64);
                match number(name) {
                    Some(number) if next == Some(number) => return *len += 1,
                    Some(number) if RUN * runs.len() <= *len => {
                        runs.push((*len, number));
                        return *len += 1;
                    }
                    _ => {}
                }
            }
        }
        let mut texts: Texts = (0..self.len()).map(|place| self.get(place)).collect();
        texts.push(name);
        self.0 = Kind::Names(texts);
    }

    /// All names, in order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|place| self.get(place))
    }
}

/// A number that is written as this says it, with one more left to count.
fn number(name: &str) -> Option<u64> {
    let plain = name.len() <= 19 && name.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (name == "0" || !name.starts_with('0'));
    name.parse().ok().filter(|_| canonical)
}

impl<T: AsRef<str>> FromIterator<T> for Ids {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut ids = Self::default();
        for name in names {
            ids.push(name.as_ref());
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(names: &[&str]) -> Ids {
        let ids: Ids = names.iter().collect();
        let found: Vec<_> = ids.iter().collect();
        assert_eq!(found, names);
        assert_eq!(ids.len(), names.len());
        ids
    }

    #[test]
    fn names_come_back_as_they_were() {
        assert!(kept(&[]).is_empty());
        kept(&["a", "", "a"]);
        kept(&["007", "8"]);
        kept(&["1", "2", "+3"]);
        kept(&[
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
        ]);
        kept(&["3", "2", "1"]);
        kept(&["5", "6", "7", "8", "20", "21", "x", "22"]);
    }

    #[test]
    fn numbers_of_lines_take_no_texts() {
        let lines = (1..=20_000_u32).filter(|line| line % 500 != 0);
        let ids: Ids = lines.clone().map(|line| line.to_string()).collect();
        assert!(ids.iter().eq(lines.map(|line| line.to_string())));
        let Kind::Numbers { runs, .. } = &ids.0 else {
            panic!("texts");
        };
        assert_eq!(runs.len(), 40);
    }
}
