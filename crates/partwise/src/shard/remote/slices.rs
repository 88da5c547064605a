//! H in slices: runs of columns, whose statistics come together in a process each, which takes their step there.
//!
//! Once the Gram matrix of W is known every column of H is a problem of its own. So where k·n is large no process need
//! gather all statistics: those of a slice are added by one, which takes the step of its columns and answers with them, as
//! they are. The step is made of blocks ([`crate::pass::step`]), and a slice of whole blocks: their bits do not depend on the cut.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::message::{Answer, Answered, Asked, Order};
use super::wire::{self, malformed};
use crate::pass::{self, BLOCK_ROWS, Parts, Step};
use crate::shard::Stats;
use crate::threads::Threads;
use crate::{Error, Float};

/// Numbers in H from which on its step is worth the messages.
const WORTH: usize = 1 << 17;

/// A cut of the columns of H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    columns: usize,
    rank: usize,
    count: usize,
}

impl Slices {
    /// The cut of an H (`rank` × `columns`) for so many processes; `None` where that costs more than it gains: H is small, or so many
    /// processes have to say something to each slice that a tree of pairs has all of it sooner.
    pub fn of(columns: usize, rank: usize, processes: usize) -> Option<Self> {
        let count = processes.min(columns.div_ceil(BLOCK_ROWS));
        let levels = processes.max(1).ilog2() as usize;
        let worth = columns.saturating_mul(rank) >= WORTH && processes <= count * levels;
        (worth && count > 1).then_some(Self {
            columns,
            rank,
            count,
        })
    }

    /// Columns and rows of H.
    pub fn shape(&self) -> (usize, usize) {
        (self.columns, self.rank)
    }

    /// Number of slices, at most one for each process.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where a slice is among the numbers of H, whose columns lie together.
    fn numbers(&self, index: usize) -> Range<usize> {
        let blocks = self.columns.div_ceil(BLOCK_ROWS);
        let bound = |index: usize| (blocks * index / self.count * BLOCK_ROWS).min(self.columns);
        bound(index) * self.rank..bound(index + 1) * self.rank
    }

    /// What an answer says of the columns of each slice, and of W.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no answer about such an H.
    pub fn cut(&self, answer: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        match &wire::open(answer)?.1[..] {
            f32::NAME => self.cut_here::<f32>(answer),
            _ => self.cut_here::<f64>(answer),
        }
    }

    fn cut_here<T: Float>(&self, answer: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let found: Answered<T> = wire::body::<T, _>(answer)?;
        let number = found.number;
        let Answer::Stats(stats) = found.answer else {
            return Ok(vec![answer.to_vec(); self.count]);
        };
        self.check(stats.parts.numerator.len(), 0..self.columns * self.rank)?;
        let part = |index| {
            let span = self.numbers(index);
            let Parts {
                numerator,
                denominator,
            } = &stats.parts;
            let own = denominator.len() == numerator.len();
            let all = if own {
                span.clone()
            } else {
                0..denominator.len()
            };
            let parts = Parts {
                numerator: numerator[span].to_vec(),
                denominator: denominator[all].to_vec(),
            };
            let sums = stats.sums.clone();
            let answer = Answer::Stats(Stats {
                parts,
                step: None,
                sums,
                ..stats
            });
            wire::message(T::NAME, &Answered { number, answer })
        };
        Ok((0..self.count).map(part).collect())
    }

    /// The answer for a slice, counted from 0, made of the sum of what was cut for it; `question` is the one that was
    /// answered, and so many threads (`None`: all processors) do the work.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they do not belong together.
    pub fn step(
        &self,
        index: usize,
        question: &[u8],
        sum: &[u8],
        threads: Option<NonZeroUsize>,
    ) -> Result<Vec<u8>, Error> {
        let threads = Threads::new(threads);
        match &wire::open(question)?.1[..] {
            f32::NAME => self.step_here::<f32>(index, question, sum, &threads),
            _ => self.step_here::<f64>(index, question, sum, &threads),
        }
    }

    fn step_here<T: Float>(
        &self,
        index: usize,
        question: &[u8],
        sum: &[u8],
        threads: &Threads,
    ) -> Result<Vec<u8>, Error> {
        let found: Answered<T> = wire::body::<T, _>(sum)?;
        let number = found.number;
        let Answer::Stats(mut stats) = found.answer else {
            return Ok(sum.to_vec());
        };
        let asked: Asked<T> = wire::body::<T, _>(question)?;
        let Some(Order::Pass(pass)) = asked.steps.last().map(|step| &step.order) else {
            return Err(malformed("a step after no pass"));
        };
        let (k, span) = (self.rank, self.numbers(index));
        let right = pass.right().as_slice();
        self.check(right.len(), 0..self.columns * k)?;
        self.check(stats.parts.numerator.len(), span.clone())?;
        let problem = pass.problem()?;
        let lengths = Parts::lengths(&problem, span.len() / k, k);
        if pass.right().cols() != k
            || !stats.sums.fits(k)
            || stats.parts.denominator.len() != lengths.1
        {
            return Err(malformed(format!(
                "statistics that are none of {k} components"
            )));
        }
        let request = pass.request(&problem);
        stats.finish(&request);
        let mut rows = right[span].to_vec();
        let both = (&stats.parts.numerator[..], &stats.parts.denominator[..]);
        let (gram, how) = (&stats.sums.gram, (request.sweeps, true));
        let blocks = pass::step(&problem, how, gram, both, (&mut rows, k), threads);
        stats.step = Some(Step { rows, blocks });
        stats.parts = Parts::default();
        let answer = Answer::Stats(stats);
        Ok(wire::message(T::NAME, &Answered { number, answer }))
    }

    /// Refuses another number of entries than this part of H has.
    fn check(&self, found: usize, span: Range<usize>) -> Result<(), Error> {
        if found == span.len() {
            return Ok(());
        }
        let (columns, rank) = (self.columns, self.rank);
        let wanted = span.len();
        Err(malformed(format!(
            "{found} numbers for {wanted} of an H of {rank} × {columns}"
        )))
    }
}
