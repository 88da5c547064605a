//! Sums in an order that depends on the number of terms alone, and that several machines can share.

use crate::Error;

/// Terms that are added one after another; their sums are the terms of the next level.
pub const FAN_IN: usize = 8;

/// A sum in the making: of every [`FAN_IN`] terms in a row, of every [`FAN_IN`] of those sums, and so on. Holds one
/// sum a level, whatever the number of terms.
pub(crate) struct Tree<S, A> {
    levels: Vec<Option<(S, usize)>>,
    add: A,
}

impl<S, A: FnMut(&mut S, S) -> Result<(), Error>> Tree<S, A> {
    pub(crate) fn new(add: A) -> Self {
        Self {
            levels: Vec::new(),
            add,
        }
    }

    pub(crate) fn push(&mut self, term: S) -> Result<(), Error> {
        let mut term = Some(term);
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(None);
            }
            let slot = &mut self.levels[level];
            match (slot.as_mut(), term.take()) {
                (_, None) => break,
                (None, Some(first)) => *slot = Some((first, 1)),
                (Some((sum, count)), Some(next)) => {
                    (self.add)(sum, next)?;
                    *count += 1;
                    if *count == FAN_IN {
                        term = slot.take().map(|(sum, _)| sum);
                    }
                }
            }
        }
        Ok(())
    }

    /// The sum of all terms; `None` if there was none.
    pub(crate) fn finish(mut self) -> Result<Option<S>, Error> {
        let mut rest: Option<S> = None;
        for level in self.levels {
            rest = match (level, rest) {
                (Some((mut sum, _)), Some(rest)) => {
                    (self.add)(&mut sum, rest)?;
                    Some(sum)
                }
                (level, rest) => level.map(|(sum, _)| sum).or(rest),
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
    fn few_terms_are_added_one_after_another() {
        assert_eq!(tree((0..4).map(|i| i.to_string())).unwrap(), "(((01)2)3)");
    }
}
