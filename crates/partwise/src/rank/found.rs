//! What a survey gives back.

use super::RankMethod;
use super::consensus;
use crate::matrix::Dense;

/// The figure of one rank by one method.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RankPoint {
    /// The rank.
    pub rank: usize,
    /// The figure.
    pub value: f64,
    /// The standard error of the figure, where it is a mean of held-out errors.
    pub error: Option<f64>,
    /// The figures of the folds, blocks or starts; empty where the figure is of all together.
    pub repeats: Vec<f64>,
}

/// The rank that a method proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proposal {
    /// The rank.
    pub rank: usize,
    /// Why, as the end of a sentence about it.
    pub reason: String,
}

/// What one method says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Criterion {
    /// The method.
    pub method: RankMethod,
    /// Its figures by rising rank; a rank without a figure, as rank 1 of methods that compare groups, has no point.
    pub points: Vec<RankPoint>,
    /// Its rank; `None` if there is too little to go by.
    pub proposal: Option<Proposal>,
}

/// The rank that a survey chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankChoice {
    /// The rank.
    pub rank: usize,
    /// The method that decided.
    pub method: RankMethod,
    /// Why, in one sentence.
    pub reason: String,
}

/// How often samples are in one group, over starts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Consensus {
    /// The samples, rows of V counted from 0, in the order of the leaves of the tree: those often together lie together.
    pub samples: Vec<usize>,
    /// The share of starts in which two samples have the same strongest component, in that order.
    pub shares: Dense<f64>,
}

/// A component of the best fit of a rank.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RankPart {
    /// Its strongest features, columns of V counted from 0, up to [`Self::STRONGEST`]: each with its share of the component, the
    /// largest first.
    pub strongest: Vec<(usize, f64)>,
    /// Its mean silhouette over starts, −1 to 1: near 1, every start finds it again. `None` at rank 1, or with one start.
    pub stability: Option<f64>,
}

impl RankPart {
    /// Features that are told of a component at most.
    pub const STRONGEST: usize = 12;
}

/// What a survey found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Survey {
    /// The ranks that were looked at, rising.
    pub ranks: Vec<usize>,
    /// What each method says, in the order they were asked for.
    pub criteria: Vec<Criterion>,
    /// The rank that the first method proposes. Where nobody chose the methods, another of them may lower it. `None` if there is none.
    pub choice: Option<RankChoice>,
    /// Whether all ranks were looked at.
    pub complete: bool,
    /// Seconds of the survey.
    pub seconds: f64,
    /// The samples whose groups were looked at.
    pub(super) samples: Vec<usize>,
    /// The groups of the samples by each start, for each rank; none if no method compares starts.
    pub(super) groups: Vec<Vec<Vec<u32>>>,
    /// For each rank its best start, and the components of that; none if no method compares starts.
    pub(super) parts: Vec<(usize, Vec<RankPart>)>,
}

impl Survey {
    /// The samples whose groups were looked at, rows of V counted from 0: all, or 1000 that were drawn.
    pub fn samples(&self) -> &[usize] {
        &self.samples
    }

    /// The strongest component of each of those samples, by each start; `None` if the rank or starts were not looked at.
    pub fn groups(&self, rank: usize) -> Option<&[Vec<u32>]> {
        let at = self.ranks.iter().position(|&one| one == rank)?;
        Some(&self.groups[at][..]).filter(|groups| !groups.is_empty())
    }

    /// The components of the best start of a rank, that with the least divergence; `None` if the rank or starts were not looked at.
    pub fn parts(&self, rank: usize) -> Option<&[RankPart]> {
        let at = self.ranks.iter().position(|&one| one == rank)?;
        Some(&self.parts[at].1[..]).filter(|parts| !parts.is_empty())
    }

    /// The strongest of these components in each of [`Self::samples`].
    pub fn best_groups(&self, rank: usize) -> Option<&[u32]> {
        let at = self.ranks.iter().position(|&one| one == rank)?;
        let groups = self.groups[at].get(self.parts[at].0)?;
        Some(&groups[..])
    }

    /// The consensus of the samples at a rank; `None` if the rank or starts were not looked at. Of more than 1000 samples, so
    /// many are drawn.
    pub fn consensus(&self, rank: usize) -> Option<Consensus> {
        Some(Consensus::of(&self.samples, self.groups(rank)?))
    }
}

impl Consensus {
    /// The consensus of some samples, rows of V counted from 0, from the group of each, in their order, by each start.
    ///
    /// # Panics
    /// Unless every start has a group for each sample.
    pub fn of(samples: &[usize], groups: &[Vec<u32>]) -> Self {
        let n = samples.len();
        let groupings: Vec<&[u32]> = groups.iter().map(|groups| &groups[..]).collect();
        assert!(
            groupings.iter().all(|groups| groups.len() == n),
            "a group for each of {n} samples"
        );
        if groupings.is_empty() || n == 0 {
            return Self {
                samples: Vec::new(),
                shares: Dense::zeros(0, 0),
            };
        }
        let shares = consensus::matrix(&groupings);
        let (_, tree) = consensus::tree(&shares, n);
        let (order, shares) = (&tree.order, &shares);
        let sorted = order
            .iter()
            .flat_map(|i| order.iter().map(move |j| shares[i * n + j]));
        Self {
            samples: order.iter().map(|&i| samples[i]).collect(),
            shares: Dense::from_rows(sorted.collect(), n, n).expect("a square of samples"),
        }
    }
}
