//! The table of methods: what each looks at, what it measures, and how it comes to a rank.

use super::choose::{self, Rule};
use super::score::Score;
use super::work::Evidence;
use super::{consensus, fitted, relevance, stability};
use crate::Loss;
use crate::named::named;

/// What fits a method looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Fits of all of V from several starts.
    Starts,
    /// Fits without some entries, one a fold.
    Entries,
    /// Fits without some rows and columns.
    Blocks,
    /// One fit that prunes its components.
    Pruned,
}

struct Spec {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    measure: &'static str,
    look: Look,
    /// Whether it is shown for comparison only.
    weak: bool,
    /// Whether the rank that all methods together choose is no larger than what it says.
    limits: bool,
    handles: fn(Loss) -> bool,
    score: fn(&Evidence) -> Option<Score>,
    rule: Rule,
}

/// Every method there is.
static METHODS: &[Spec] = &[
    Spec {
        name: "cv",
        title: "cross-validation, single entries held out",
        source: "Wold 1978; Owen & Perry 2009",
        measure: "held-out error",
        look: Look::Entries,
        weak: false,
        limits: false,
        handles: |_| true,
        score: |seen| Score::mean(&seen.entries),
        rule: choose::within_one_error,
    },
    Spec {
        name: "bcv",
        title: "bi-cross-validation, blocks of rows and columns held out",
        source: "Owen & Perry 2009",
        measure: "held-out error",
        look: Look::Blocks,
        weak: false,
        limits: false,
        handles: |_| true,
        score: |seen| Score::mean(&seen.blocks),
        rule: choose::within_one_error,
    },
    Spec {
        name: "consensus",
        title: "cophenetic correlation of the samples' groups over starts",
        source: "Brunet et al. 2004",
        measure: "cophenetic corr.",
        look: Look::Starts,
        weak: false,
        limits: false,
        handles: |_| true,
        score: |seen| consensus::cophenetic(&seen.groupings()),
        rule: choose::highest,
    },
    Spec {
        name: "dispersion",
        title: "how sure the samples' groups are over starts",
        source: "Kim & Park 2007",
        measure: "dispersion",
        look: Look::Starts,
        weak: false,
        limits: false,
        handles: |_| true,
        score: |seen| consensus::dispersion(&seen.groupings()),
        rule: choose::highest,
    },
    Spec {
        name: "stability",
        title: "silhouette of the least stable component over starts",
        source: "Alexandrov et al. 2013",
        measure: "worst silhouette",
        look: Look::Starts,
        weak: false,
        limits: true,
        handles: |_| true,
        score: |seen| stability::score(&seen.directions(), seen.best_start()),
        rule: choose::last_stable,
    },
    Spec {
        name: "relevance",
        title: "components left when a fit prunes those without relevance",
        source: "Tan & Févotte 2013",
        measure: "components left",
        look: Look::Pruned,
        weak: false,
        limits: false,
        handles: |_| true,
        score: |seen| relevance::score(seen.left),
        rule: choose::left,
    },
    Spec {
        name: "bic",
        title: "Bayesian information criterion of the best fit",
        source: "Schwarz 1978",
        measure: "BIC an entry",
        look: Look::Starts,
        weak: true,
        limits: false,
        handles: fitted::has_likelihood,
        score: |seen| fitted::information(&seen.size, seen.rank, &seen.divergences()),
        rule: choose::lowest,
    },
    Spec {
        name: "elbow",
        title: "where the error of the best fit bends",
        source: "Satopää et al. 2011",
        measure: "relative error",
        look: Look::Starts,
        weak: true,
        limits: false,
        handles: |_| true,
        score: |seen| fitted::error(&seen.relative_errors()),
        rule: choose::elbow,
    },
];

/// A way to judge ranks, by its name in the table.
#[derive(Clone, Copy)]
pub struct RankMethod(&'static Spec);

impl RankMethod {
    /// Every method, the one that decides first.
    pub fn all() -> impl Iterator<Item = Self> {
        METHODS.iter().map(Self)
    }

    /// The short name, as given to [`str::parse`].
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it looks at, in a few words.
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The papers it follows.
    pub fn source(self) -> &'static str {
        self.0.source
    }

    /// What its figure is called.
    pub fn measure(self) -> &'static str {
        self.0.measure
    }

    /// Whether it is shown for comparison and should not decide.
    pub fn is_weak(self) -> bool {
        self.0.weak
    }

    /// Whether the rank that all methods together choose is no larger than what it says.
    pub(super) fn limits(self) -> bool {
        self.0.limits
    }

    /// Whether it has a figure for this loss.
    pub fn handles(self, loss: Loss) -> bool {
        (self.0.handles)(loss)
    }

    pub(super) fn look(self) -> Look {
        self.0.look
    }

    pub(super) fn score(self, seen: &Evidence) -> Option<Score> {
        (self.0.score)(seen)
    }

    pub(super) fn rule(self) -> Rule {
        self.0.rule
    }
}

named!(RankMethod, "method");

impl Eq for RankMethod {}
