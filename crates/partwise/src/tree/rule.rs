//! The table of rules: what makes a split good. The leaf whose split scores best is split next.

use super::terms;
use crate::named::named;

/// What is known of a split.
pub(super) struct Seen<'a> {
    /// The components of the node and of its children, as vectors of length 1.
    pub(super) node: &'a [f64],
    pub(super) children: [&'a [f64]; 2],
    /// What the best fit with one component misses of the node's rows, and what that with two misses.
    pub(super) missed: [f64; 2],
    /// What the best fit with one component misses of all of V.
    pub(super) of_all: f64,
}

struct Spec {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    score: fn(&Seen<'_>) -> f64,
}

/// Every rule there is.
static RULES: &[Spec] = &[
    Spec {
        name: "error",
        title: "how much of what one component misses of V the second component of the node explains",
        source: "Gillis, Kuang & Park 2015",
        score: explained,
    },
    Spec {
        name: "terms",
        title: "whether the features that lead in the node lead in one of its children each; for texts of many words",
        source: "Kuang & Park 2013",
        score: |seen| terms::score(seen.node, seen.children),
    },
];

/// How a split is judged, by its name in the table.
#[derive(Clone, Copy)]
pub struct SplitRule(&'static Spec);

impl SplitRule {
    /// Every rule, the usual one first.
    pub fn all() -> impl Iterator<Item = Self> {
        RULES.iter().map(Self)
    }

    /// The usual rule.
    pub fn usual() -> Self {
        Self(&RULES[0])
    }

    /// The short name, as given to [`str::parse`].
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it asks, in a line.
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The paper it is from.
    pub fn source(self) -> &'static str {
        self.0.source
    }

    /// The score of a split, 0 to 1.
    pub(super) fn score(self, seen: &Seen<'_>) -> f64 {
        (self.0.score)(seen).clamp(0.0, 1.0)
    }
}

named!(SplitRule, "rule");

fn explained(seen: &Seen<'_>) -> f64 {
    let [one, two] = seen.missed;
    if seen.of_all > 0.0 {
        (one - two) / seen.of_all
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_of_an_error_is_a_share_of_all() {
        let rule = SplitRule::usual();
        let seen = |missed, of_all| Seen {
            node: &[],
            children: [&[], &[]],
            missed,
            of_all,
        };
        assert_eq!(rule.score(&seen([8.0, 2.0], 12.0)), 0.5);
        assert_eq!(rule.score(&seen([2.0, 2.5], 12.0)), 0.0);
        assert_eq!(rule.score(&seen([0.0, 0.0], 0.0)), 0.0);
        assert!("errors".parse::<SplitRule>().is_err());
        assert!(SplitRule::all().all(|rule| rule.name().parse() == Ok(rule)));
    }
}
