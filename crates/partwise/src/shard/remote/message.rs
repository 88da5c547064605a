//! What is asked of a partition, and what it answers.

use super::wire::{Reader, Wire, malformed, wire};
use crate::loss::Elementwise;
use crate::matrix::{Dense, Summary};
use crate::pass::{Fixed, Problem, Terms};
use crate::shard::{Request, Stats, piece::Rows};
use crate::{Error, Float, Loss, Solver};

/// A request: what the partition's rows of W were like at some time, in case they were lost since, and what has been
/// asked of them from then on, the question itself last.
pub(super) struct Asked<T> {
    /// The number of the question, which its answers repeat.
    pub(super) number: u64,
    /// The rows as they were, with their version.
    pub(super) base: Option<Kept<T>>,
    /// Orders, each with the version of the rows that it is for.
    pub(super) orders: Vec<(u64, Order<T>)>,
}
wire!(Asked<T> { number, base, orders } where T);

/// Rows of W with the number of changes that led to them.
pub(super) struct Kept<T> {
    pub(super) version: u64,
    pub(super) rows: Rows<T>,
}
wire!(Kept<T> { version, rows } where T);

/// One thing to do.
pub(super) enum Order<T> {
    /// Make the rows.
    Begin(Begin),
    Pass(Box<Pass<T>>),
    /// Go back to the rows that were kept.
    Restore,
    /// Multiply each column of the rows.
    Scale(Vec<T>),
    /// Σ D(V, WH) over the partition.
    Divergence(Box<Divergence<T>>),
    /// Σ x² of each column of the rows.
    Squares,
    /// Hand over a copy of the rows.
    Rows,
}

/// Rows of |N(0, 1)| · size, or of `size` itself without a seed.
pub(super) struct Begin {
    pub(super) rank: usize,
    pub(super) size: f64,
    pub(super) seed: Option<u64>,
    /// The first row of each partition, counted from the top of V.
    pub(super) first: Vec<usize>,
}
wire!(Begin {
    rank,
    size,
    seed,
    first
});

/// A [`Request`] that owns what it is about.
pub(super) struct Pass<T> {
    solver: String,
    beta: f64,
    scale: f64,
    left: Terms,
    right_terms: Terms,
    right: Fixed<T>,
    update: bool,
    statistics: bool,
    right_unchanged: bool,
    keep: bool,
    lead: Option<f64>,
    sweeps: usize,
}
wire!(Pass<T> {
    solver, beta, scale, left, right_terms, right, update, statistics, right_unchanged, keep, lead, sweeps,
} where T);

impl<T: Float> Pass<T> {
    pub(super) fn of(request: &Request<'_, T>) -> Self {
        let problem = request.problem;
        Self {
            solver: problem.solver.name().to_owned(),
            beta: problem.elementwise.beta,
            scale: problem.elementwise.scale(),
            left: problem.left.clone(),
            right_terms: problem.right.clone(),
            right: request.right.clone(),
            update: request.update,
            statistics: request.statistics,
            right_unchanged: request.right_unchanged,
            keep: request.keep,
            lead: request.lead,
            sweeps: request.sweeps,
        }
    }

    /// The problem that the request is about. A power of two near a power of two is that one.
    pub(super) fn problem(&self) -> Result<Problem<T>, Error> {
        let (solver, loss): (Solver, _) = (self.solver.parse()?, Loss::beta(self.beta)?);
        let terms = (self.left.clone(), self.right_terms.clone());
        Ok(Problem::new(solver, loss, self.scale, terms))
    }

    pub(super) fn request<'a>(&'a self, problem: &'a Problem<T>) -> Request<'a, T> {
        Request {
            problem,
            right: &self.right,
            update: self.update,
            statistics: self.statistics,
            right_unchanged: self.right_unchanged,
            keep: self.keep,
            lead: self.lead,
            sweeps: self.sweeps,
        }
    }

    pub(super) fn right(&self) -> &Dense<T> {
        &self.right.rows
    }
}

/// The loss and the other factor of a divergence.
pub(super) struct Divergence<T> {
    beta: f64,
    scale: f64,
    pub(super) right: Fixed<T>,
}
wire!(Divergence<T> { beta, scale, right } where T);

impl<T: Float> Divergence<T> {
    pub(super) fn of(elementwise: &Elementwise<T>, right: &Fixed<T>) -> Self {
        Self {
            beta: elementwise.beta,
            scale: elementwise.scale(),
            right: right.clone(),
        }
    }

    pub(super) fn elementwise(&self) -> Result<Elementwise<T>, Error> {
        Ok(Elementwise::new(Loss::beta(self.beta)?, self.scale))
    }
}

impl<T> Order<T> {
    /// Whether the rows may differ afterwards.
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Begin(_) | Self::Restore | Self::Scale(_) => true,
            Self::Pass(pass) => pass.update || pass.keep,
            Self::Divergence(_) | Self::Squares | Self::Rows => false,
        }
    }
}

impl<T: Float> Wire for Order<T> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut tagged = |tag: u8, body: &dyn Fn(&mut Vec<u8>)| {
            tag.write(out);
            body(out);
        };
        match self {
            Self::Begin(begin) => tagged(0, &|out| begin.write(out)),
            Self::Pass(pass) => tagged(1, &|out| pass.write(out)),
            Self::Restore => tagged(2, &|_| ()),
            Self::Scale(factors) => tagged(3, &|out| factors.write(out)),
            Self::Divergence(divergence) => tagged(4, &|out| divergence.write(out)),
            Self::Squares => tagged(5, &|_| ()),
            Self::Rows => tagged(6, &|_| ()),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            0 => Self::Begin(Wire::read(from)?),
            1 => Self::Pass(Box::new(Wire::read(from)?)),
            2 => Self::Restore,
            3 => Self::Scale(Wire::read(from)?),
            4 => Self::Divergence(Box::new(Wire::read(from)?)),
            5 => Self::Squares,
            6 => Self::Rows,
            tag => return Err(malformed(format!("no order has the number {tag}"))),
        })
    }
}

/// An answer with the number of its question.
pub(super) struct Answered<T> {
    pub(super) number: u64,
    pub(super) answer: Answer<T>,
}
wire!(Answered<T> { number, answer } where T);

impl<T: Float> Answered<T> {
    /// As [`Answer::add`]; both must be about the same question.
    pub(super) fn add(&mut self, following: Self) -> Result<(), Error> {
        if self.number != following.number {
            return Err(different());
        }
        self.answer.add(following.answer)
    }
}

/// The error for answers that do not belong together.
pub(super) fn different() -> Error {
    malformed("answers to different questions")
}

/// What comes back.
pub(super) enum Answer<T> {
    /// The rows of these partitions were lost.
    Lost(Vec<usize>),
    Done,
    Stats(Stats<T>),
    Sums(Vec<f64>),
    Rows(Kept<T>),
}

impl<T: Float> Answer<T> {
    /// Adds the answer of the partitions that follow. A lost partition is all that matters then.
    pub(super) fn add(&mut self, following: Self) -> Result<(), Error> {
        match (&mut *self, following) {
            (Self::Lost(lost), Self::Lost(more)) => lost.extend(more),
            (Self::Lost(_), _) | (Self::Done, Self::Done) => (),
            (_, lost @ Self::Lost(_)) => *self = lost,
            (Self::Stats(total), Self::Stats(stats)) => total.add(&stats),
            (Self::Sums(total), Self::Sums(sums)) => add_sums(total, &sums),
            _ => return Err(different()),
        }
        Ok(())
    }
}

/// Adds sums; those of no row at all are empty.
fn add_sums(total: &mut Vec<f64>, sums: &[f64]) {
    if total.is_empty() {
        total.extend(sums);
        return;
    }
    for (total, x) in total.iter_mut().zip(sums) {
        *total += x;
    }
}

impl<T: Float> Wire for Answer<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lost(partitions) => {
                0u8.write(out);
                partitions.write(out);
            }
            Self::Done => 1u8.write(out),
            Self::Stats(stats) => {
                2u8.write(out);
                stats.write(out);
            }
            Self::Sums(sums) => {
                3u8.write(out);
                sums.write(out);
            }
            Self::Rows(kept) => {
                4u8.write(out);
                kept.write(out);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            0 => Self::Lost(Wire::read(from)?),
            1 => Self::Done,
            2 => Self::Stats(Wire::read(from)?),
            3 => Self::Sums(Wire::read(from)?),
            4 => Self::Rows(Wire::read(from)?),
            tag => return Err(malformed(format!("no answer has the number {tag}"))),
        })
    }
}

/// What a look at every entry of a partition found.
pub(super) struct Described {
    pub(super) number: String,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Entries that a walk has to look at.
    pub(super) walked: usize,
    pub(super) dense: bool,
    pub(super) summary: Summary,
    /// The first illegal entry: its value, row and column.
    pub(super) bad: Option<(f64, (usize, usize))>,
}
wire!(Described {
    number,
    rows,
    cols,
    walked,
    dense,
    summary,
    bad
});
