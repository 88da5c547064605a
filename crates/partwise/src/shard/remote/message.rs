//! What is asked of a partition, and what it answers.

use super::wire::{Reader, Wire, malformed, wire};
use crate::init::{Halved, Spread};
use crate::loss::Elementwise;
use crate::matrix::{Dense, Summary};
use crate::pass::{Fixed, Problem, Terms};
use crate::shard::{Request, Stats, add_sums, piece::Rows};
use crate::{Error, Float, Loss, Solver};

/// A request: what leads to what the question is about, in case it was lost, and the question itself as the last step.
pub(super) struct Asked<T> {
    /// The number of the question, which its answers repeat.
    pub(super) number: u64,
    /// Whether it may be asked again, so that answers are kept.
    pub(super) again: bool,
    pub(super) steps: Vec<Step<T>>,
}
wire!(Asked<T> { number, again, steps } where T);

/// What a partition holds of a fit beside its rows of V. What is there has a version, the number of changes of any of them until it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Rows of what V made of a smaller matrix: see [`crate::sketch::Range`].
    Basis,
    /// Rows of W.
    Rows,
    /// Rows of the W of an earlier start.
    Aside,
}

/// A version for each [`Slot`]; 0 where there is nothing, or it does not matter.
pub(super) type Versions = [u64; 3];

/// An order with the versions of what it reads, and of what it makes.
pub(super) struct Step<T> {
    pub(super) reads: Versions,
    pub(super) makes: u64,
    pub(super) order: Order<T>,
}
wire!(Step<T> { reads, makes, order } where T);

/// One thing to do.
pub(super) enum Order<T> {
    /// Make the rows.
    Begin(Begin),
    /// Take these rows.
    Take(Rows<T>),
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
    /// Make the basis: V times this.
    Forward(Dense<T>),
    /// Multiply the basis by this.
    Turn(Dense<T>),
    /// (V/c)ᵀ times the basis.
    Backward(f64),
    /// The products of the columns of the basis.
    Gram,
    /// Make rows: the basis times this.
    Narrow(Narrow<T>),
    /// How the entries of each column of the rows spread.
    Spread,
    /// Make rows of W of those of singular vectors.
    Halve(Halve),
    /// Leave the basis.
    Leave,
    /// Keep a copy of the rows aside.
    SetAside,
    /// Go back to the rows that were kept aside.
    TakeBack,
}

/// The basis times a matrix, as the rows.
pub(super) struct Narrow<T> {
    pub(super) turn: Dense<T>,
    /// Whether the basis stays.
    pub(super) keep: bool,
}
wire!(Narrow<T> { turn, keep } where T);

/// How singular vectors become W.
pub(super) struct Halve {
    pub(super) halved: Halved,
    /// The first row of each partition, counted from the top of V.
    pub(super) first: Vec<usize>,
}
wire!(Halve { halved, first });

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
    /// Walk over the basis in the place of V.
    sketched: bool,
}
wire!(Pass<T> {
    solver, beta, scale, left, right_terms, right, update, statistics, right_unchanged, keep, lead, sweeps, sketched,
} where T);

impl<T: Float> Pass<T> {
    pub(super) fn of(request: &Request<'_, T>, sketched: bool) -> Self {
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
            sketched,
        }
    }

    /// The problem that the request is about. A power of two near a power of two is that one.
    ///
    /// # Errors
    /// An unknown solver or loss; terms of another number of components.
    pub(super) fn problem(&self) -> Result<Problem<T>, Error> {
        let k = self.right.rows.cols();
        if !self.left.fits(k) || !self.right_terms.fits(k) {
            return Err(malformed(format!("terms that are none of {k} components")));
        }
        let (solver, loss): (Solver, _) = (self.solver.parse()?, Loss::beta_divergence(self.beta)?);
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
            step: false,
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
        Ok(Elementwise::new(
            Loss::beta_divergence(self.beta)?,
            self.scale,
        ))
    }
}

impl<T> Order<T> {
    /// What it needs of what there is.
    pub(super) fn reads(&self) -> &'static [Slot] {
        match self {
            Self::Begin(_) | Self::Take(_) | Self::Forward(_) | Self::Leave => &[],
            Self::Turn(_) | Self::Backward(_) | Self::Gram | Self::Narrow(_) => &[Slot::Basis],
            Self::TakeBack => &[Slot::Aside],
            Self::Pass(pass) if pass.sketched => &[Slot::Rows, Slot::Basis],
            Self::Pass(_)
            | Self::Restore
            | Self::Scale(_)
            | Self::Divergence(_)
            | Self::Squares
            | Self::Rows
            | Self::Spread
            | Self::Halve(_)
            | Self::SetAside => &[Slot::Rows],
        }
    }

    /// What may differ afterwards.
    pub(super) fn writes(&self) -> Option<Slot> {
        match self {
            Self::Forward(_) | Self::Turn(_) | Self::Leave => Some(Slot::Basis),
            Self::SetAside => Some(Slot::Aside),
            Self::Begin(_)
            | Self::Take(_)
            | Self::Restore
            | Self::Scale(_)
            | Self::Narrow(_)
            | Self::Halve(_)
            | Self::TakeBack => Some(Slot::Rows),
            Self::Pass(pass) => (pass.update || pass.keep).then_some(Slot::Rows),
            Self::Divergence(_)
            | Self::Squares
            | Self::Rows
            | Self::Backward(_)
            | Self::Gram
            | Self::Spread => None,
        }
    }

    /// What is gone afterwards.
    pub(super) fn ends(&self) -> Option<Slot> {
        match self {
            Self::Leave => Some(Slot::Basis),
            Self::Narrow(narrow) if !narrow.keep => Some(Slot::Basis),
            Self::TakeBack => Some(Slot::Aside),
            _ => None,
        }
    }
}

impl<T: Float> Order<T> {
    const TAKE: u8 = 1;

    /// Writes [`Order::Take`] of rows that are only lent.
    pub(super) fn write_take(rows: &Rows<T>, out: &mut Vec<u8>) {
        Self::TAKE.write(out);
        rows.write(out);
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
            Self::Take(rows) => Self::write_take(rows, out),
            Self::Pass(pass) => tagged(2, &|out| pass.write(out)),
            Self::Restore => tagged(3, &|_| ()),
            Self::Scale(factors) => tagged(4, &|out| factors.write(out)),
            Self::Divergence(divergence) => tagged(5, &|out| divergence.write(out)),
            Self::Squares => tagged(6, &|_| ()),
            Self::Rows => tagged(7, &|_| ()),
            Self::Forward(x) => tagged(8, &|out| x.write(out)),
            Self::Turn(turn) => tagged(9, &|out| turn.write(out)),
            Self::Backward(unit) => tagged(10, &|out| unit.write(out)),
            Self::Gram => tagged(11, &|_| ()),
            Self::Narrow(narrow) => tagged(12, &|out| narrow.write(out)),
            Self::Spread => tagged(13, &|_| ()),
            Self::Halve(halve) => tagged(14, &|out| halve.write(out)),
            Self::Leave => tagged(15, &|_| ()),
            Self::SetAside => tagged(16, &|_| ()),
            Self::TakeBack => tagged(17, &|_| ()),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            0 => Self::Begin(Wire::read(from)?),
            Self::TAKE => Self::Take(Wire::read(from)?),
            2 => Self::Pass(Box::new(Wire::read(from)?)),
            3 => Self::Restore,
            4 => Self::Scale(Wire::read(from)?),
            5 => Self::Divergence(Box::new(Wire::read(from)?)),
            6 => Self::Squares,
            7 => Self::Rows,
            8 => Self::Forward(Wire::read(from)?),
            9 => Self::Turn(Wire::read(from)?),
            10 => Self::Backward(Wire::read(from)?),
            11 => Self::Gram,
            12 => Self::Narrow(Wire::read(from)?),
            13 => Self::Spread,
            14 => Self::Halve(Wire::read(from)?),
            15 => Self::Leave,
            16 => Self::SetAside,
            17 => Self::TakeBack,
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
    Product(Dense<T>),
    Spread(Vec<Spread>),
    Rows(Rows<T>),
}

impl<T: Float> Answer<T> {
    /// Takes the answer for the columns that follow. A lost partition is all that matters then.
    pub(super) fn join(&mut self, following: Self) -> Result<(), Error> {
        match (&mut *self, following) {
            (Self::Lost(_), _) => (),
            (_, lost @ Self::Lost(_)) => *self = lost,
            (Self::Stats(stats), Self::Stats(more)) => {
                let (step, more) = (stats.step.as_mut(), more.step);
                let (step, more) = step.zip(more).ok_or_else(different)?;
                step.join(more);
            }
            _ => return Err(different()),
        }
        Ok(())
    }

    /// Adds the answer of the partitions that follow. A lost partition is all that matters then.
    pub(super) fn add(&mut self, following: Self) -> Result<(), Error> {
        match (&mut *self, following) {
            (Self::Lost(lost), Self::Lost(more)) => lost.extend(more),
            (Self::Lost(_), _) | (Self::Done, Self::Done) => (),
            (_, lost @ Self::Lost(_)) => *self = lost,
            (Self::Stats(total), Self::Stats(stats)) => total.add(&stats),
            (Self::Sums(total), Self::Sums(sums)) => add_sums(total, &sums),
            (Self::Product(total), Self::Product(product)) => total.add(&product),
            (Self::Spread(total), Self::Spread(more)) => Spread::join(total, &more),
            _ => return Err(different()),
        }
        Ok(())
    }
}

impl<T: Float> Wire for Answer<T> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut tagged = |tag: u8, body: &dyn Fn(&mut Vec<u8>)| {
            tag.write(out);
            body(out);
        };
        match self {
            Self::Lost(partitions) => tagged(0, &|out| partitions.write(out)),
            Self::Done => tagged(1, &|_| ()),
            Self::Stats(stats) => tagged(2, &|out| stats.write(out)),
            Self::Sums(sums) => tagged(3, &|out| sums.write(out)),
            Self::Product(product) => tagged(4, &|out| product.write(out)),
            Self::Spread(spread) => tagged(5, &|out| spread.write(out)),
            Self::Rows(rows) => tagged(6, &|out| rows.write(out)),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            0 => Self::Lost(Wire::read(from)?),
            1 => Self::Done,
            2 => Self::Stats(Wire::read(from)?),
            3 => Self::Sums(Wire::read(from)?),
            4 => Self::Product(Wire::read(from)?),
            5 => Self::Spread(Wire::read(from)?),
            6 => Self::Rows(Wire::read(from)?),
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
