//! Sums in an order that depends on the number of terms alone, and that several machines can share.

use crate::Error;

/// Terms in a row of which a transport may make one, and of as many of those sums in a row another, and so on. Sums are made of pairs,
/// and so groups of any power of two come to the same.
pub const FAN_IN: usize = 8;

/// A sum in the making: of every two terms in a row, of every two of those sums, and so on. Holds one sum a level, whatever
/// the number of terms.
pub(crate) struct Tree<S, A> {
    levels: Vec<Option<S>>,
    add: A,
}

impl<S, A: FnMut(&mut S, S) -> Result<(), Error>> Tree<S, A> {
    pub(crate) fn new(add: A) -> Self {
        Self {
            levels: Vec::new(),
            add,
        }
    }

    pub(crate) fn push(&mut self, mut term: S) -> Result<(), Error> {
        for level in &mut self.levels {
            match level.take() {
                None => {
                    *level = Some(term);
                    return Ok(());
                }
                Some(mut sum) => {
                    (self.add)(&mut sum, term)?;
                    term = sum;
                }
            }
        }
        self.levels.push(Some(term));
        Ok(())
    }

    /// The sum of all terms; `None` if there was none.
    pub(crate) fn finish(mut self) -> Result<Option<S>, Error> {
        let mut rest: Option<S> = None;
        for level in self.levels {
            rest = match (level, rest) {
                (Some(mut sum), Some(rest)) => {
                    (self.add)(&mut sum, rest)?;
                    Some(sum)
                }
                (level, rest) => level.or(rest),
            };
        }
        Ok(rest)
    }
}

/// The sum of what each of the blocks of a matrix says.
pub(crate) fn sum<S>(mut parts: impl Iterator<Item = S>, add: impl Fn(&mut S, S)) -> S {
    let mut tree = Tree::new(|total: &mut S, part| {
        add(total, part);
        Ok(())
    });
    let total = parts.try_for_each(|part| tree.push(part));
    let total = total
        .and_then(|()| tree.finish())
        .expect("adding does not fail");
    total.expect("a matrix has at least one block")
}

/// Adds sums; those of no row at all are empty.
pub(crate) fn add_sums(total: &mut Vec<f64>, sums: &[f64]) {
    if total.is_empty() {
        total.extend(sums);
        return;
    }
    for (total, x) in total.iter_mut().zip(sums) {
        *total += x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of the terms in brackets.
    fn tree(terms: impl Iterator<Item = String>) -> Option<String> {
        let mut tree = Tree::new(|sum: &mut String, next: String| {
            *sum = format!("({sum}{next})");
            Ok(())
        });
        terms.for_each(|term| tree.push(term).unwrap());
        tree.finish().unwrap()
    }

    #[test]
    fn a_tree_of_groups_is_the_tree_of_all() {
        for count in [
            0, 1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 71, 72, 73, 130, 512, 600,
        ] {
            let mut terms: Vec<_> = (0..count).map(|i| format!("{i},")).collect();
            let whole = tree(terms.iter().cloned());
            while terms.len() > 1 {
                let groups = terms.chunks(FAN_IN);
                terms = groups
                    .filter_map(|group| tree(group.iter().cloned()))
                    .collect();
            }
            assert_eq!(whole, terms.pop(), "{count}");
        }
    }

    #[test]
    fn terms_are_added_in_pairs() {
        assert_eq!(tree((0..4).map(|i| i.to_string())).unwrap(), "((01)(23))");
        assert_eq!(
            tree((0..7).map(|i| i.to_string())).unwrap(),
            "(((01)(23))((45)6))"
        );
    }
}
