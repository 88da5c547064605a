//! Some lines of V with their rows of W, wherever they are: the seam between the loop and the data.
//!
//! A [`Shard`] never gives V away. H comes in, and statistics go out and are added: the loop sees one shard, which may
//! be one matrix in memory ([`Local`]), several blocks of rows ([`Many`]) or blocks in other processes ([`Remote`]).

mod local;
mod many;
mod piece;
pub(crate) mod remote;
mod sketched;
mod tree;
mod weighted;

pub(crate) use local::Local;
pub(crate) use many::Many;
pub(crate) use remote::wire::Wire;
pub(crate) use sketched::Sketched;
pub(crate) use tree::{add_sums, sum};
pub(crate) use weighted::Weighted;

use piece::BlockStats;

use crate::Float;
use crate::archive::Archive;
use crate::loss::Elementwise;
use crate::matrix::Dense;
use crate::pass::{Fixed, Parts, Problem, Step, Sums, Terms};
use crate::update::LinesMet;

/// What is asked of a pass.
pub(crate) struct Request<'a, T: Float> {
    pub(crate) problem: &'a Problem<T>,
    /// The other factor, which stands still.
    pub(crate) right: &'a Fixed<T>,
    /// Improve the rows, or only look.
    pub(crate) update: bool,
    /// Gather the parts of the other factor's half-step.
    pub(crate) statistics: bool,
    /// The other factor is the same as in the last pass, so what does not depend on the rows may be kept.
    pub(crate) right_unchanged: bool,
    /// Remember the rows as they are before they change.
    pub(crate) keep: bool,
    /// Carry the rows on beyond their step by this share of it.
    pub(crate) lead: Option<f64>,
    /// Sweeps over a row at most.
    pub(crate) sweeps: usize,
    /// Whether the statistics are for a step of the other factor ([`crate::pass::step`]), which the shard may take itself.
    pub(crate) step: bool,
}

impl<T: Float> Request<'_, T> {
    /// The same, of rows that do not change.
    pub(crate) fn only_looking(&self) -> Self {
        Self {
            update: false,
            keep: false,
            lead: None,
            ..*self
        }
    }
}

/// What a pass leaves behind. Added over shards.
#[derive(Clone, Debug)]
pub(crate) struct Stats<T> {
    /// The parts of the other factor's half-step (n × k), if asked for and not used up by a step.
    pub(crate) parts: Parts<T>,
    /// The step of the other factor, if the shard took it.
    pub(crate) step: Option<Step<T>>,
    /// Sums of the rows as they are now.
    pub(crate) sums: Sums,
    /// Σ |projected gradient| met, and Σ of the data's part of the gradient.
    pub(crate) violation: f64,
    pub(crate) magnitude: f64,
    /// Squared loss: ⟨V Hᵀ, W⟩ with both factors as they are now.
    pub(crate) inner: f64,
}

impl<T: Float> Stats<T> {
    /// Nothing met yet.
    pub(crate) fn new(parts: Parts<T>) -> Self {
        Self {
            parts,
            step: None,
            sums: Sums::default(),
            violation: 0.0,
            magnitude: 0.0,
            inner: 0.0,
        }
    }

    pub(crate) fn archive(archive: &mut Archive<'_>, stats: &mut Self) {
        stats.parts.archive(archive);
        stats.sums.archive(archive);
        let figures = [&mut stats.violation, &mut stats.magnitude, &mut stats.inner];
        figures.into_iter().for_each(|figure| archive.float(figure));
    }

    fn add_block(&mut self, block: &BlockStats) {
        self.sums.add(&block.sums);
        self.violation += block.violation;
        self.magnitude += block.magnitude;
        self.inner += block.inner;
    }

    /// Ends the addition of shards, each of which has the same share of what all have in common.
    fn finish(&mut self, request: &Request<'_, T>) {
        if request.statistics {
            let (parts, columns) = (&mut self.parts, &self.sums.columns);
            parts.set_common_denominator(request.problem, columns);
        }
    }

    fn add(&mut self, other: &Self) {
        let add = |to: &mut [T], from: &[T]| {
            for (to, &from) in to.iter_mut().zip(from) {
                *to += from;
            }
        };
        add(&mut self.parts.numerator, &other.parts.numerator);
        add(&mut self.parts.denominator, &other.parts.denominator);
        self.sums.add(&other.sums);
        self.violation += other.violation;
        self.magnitude += other.magnitude;
        self.inner += other.inner;
    }
}

/// Lines of V and their rows of the left factor.
pub(crate) trait Shard<T: Float>: Sync {
    /// One walk over V.
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T>;
    /// Σ D(V, WH) over the shard's entries, entry by entry, in scaled units.
    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64;
    /// Whether every entry of V counts, and as much as any other, so that sums over all of them mean something.
    fn counts_all(&self) -> bool {
        true
    }
    /// The penalty of the rows, of which these are the sums.
    fn penalty(&self, terms: &Terms, sums: &Sums) -> f64 {
        terms.penalty_of(sums)
    }
    /// Whether the shard holds whole columns of V, so that it can improve the other factor from them.
    fn holds_columns(&self) -> bool;
    /// Improves the other factor (n × k) from the columns of V, with at most so many sweeps over a row, or only looks at it.
    fn meet_columns(
        &mut self,
        problem: &Problem<T>,
        sweeps: usize,
        right: &mut [T],
        update: bool,
    ) -> LinesMet;
    /// Goes back to the rows that were kept, if any were.
    fn restore(&mut self);
    /// Σ x² of each column of the rows.
    fn squares(&self) -> Vec<f64>;
    /// Multiplies each column of the rows.
    fn scale(&mut self, factors: &[T]);
    /// Writes the rows and what is remembered of them, or fills them.
    fn archive(&mut self, archive: &mut Archive<'_>);
    /// Ends the work and hands over the rows.
    fn into_rows(self: Box<Self>) -> Dense<T>;
}
