//! A V whose blocks of rows are in other processes: the driver's side.
//!
//! The loop asks one shard, as ever. [`Remote`] puts what it asks into a message, a [`Transport`] carries that to every
//! [`Partition`], and what these answer is added in the order of a [`Tree`], as the answers of blocks in this process are:
//! the same blocks give the same bits. H goes out and statistics come back; V and W stay where they are.
//!
//! What a start or a sketch needs of V beyond that, products with matrices of a few columns, is asked in the same way: the driver is
//! the [`Range`](crate::sketch::Range) of a V elsewhere. Rows of these products are a basis, from which the partitions make their rows of W.
//!
//! **Loss.** A partition may vanish at any time, and its block of V appear somewhere else without its rows of W. It says so
//! when it is asked. It then gets its rows as they were at the last checkpoint with all that was asked of it since, and does
//! that again: the rows are the same to the last bit, and so is the fit. The driver keeps those rows and questions, as long as
//! something that is still needed comes of them; every [`Transport::checkpoint`] changes it fetches the rows anew. A transport
//! that loses no partition without ending the fit ([`Transport::loses`]) spares it that.

mod driver;
mod message;
mod partition;
mod slices;
pub(crate) mod wire;

pub use super::tree::FAN_IN;
pub(crate) use driver::Driver;
pub use partition::Partition;
pub use slices::Slices;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use message::{Answer, Answered, Described, Divergence, Order, Pass};

use super::tree::Tree;
use super::{Request, Shard, Stats};
use crate::archive::{Archive, shown};
use crate::loss::Elementwise;
use crate::matrix::{Dense, Summary, bad_entry};
use crate::pass::{Fixed, Parts, Problem};
use crate::threads;
use crate::update::LinesMet;
use crate::{Error, Float};

/// Changes of W after which its rows are fetched, unless the transport says otherwise.
const CHECKPOINT: usize = 20;

/// Carries questions to partitions and their answers back. Both are bytes that mean nothing to it.
pub trait Transport: Send {
    /// Number of partitions: each is asked by its place, from 0, in the order of the rows of V.
    fn partitions(&self) -> usize;

    /// Gives each partition a question of its own ([`Partition::answer`]); the answers in the order of partitions. `name`
    /// says what it is about, as in `pass-12`.
    ///
    /// # Errors
    /// Why it could not be done. A partition that is gone and can be had again is no error: it begins anew and is asked.
    fn ask_each(&mut self, name: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String>;

    /// Gives all partitions the same question; their answers, added. A transport may have [`FAN_IN`] answers in a row added
    /// where they are, then as many of those sums, and so on.
    ///
    /// # Errors
    /// As [`Self::ask_each`].
    fn ask(&mut self, name: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        let answers = self.ask_each(name, &vec![question; self.partitions()])?;
        let answers: Vec<_> = answers.iter().map(Vec::as_slice).collect();
        add(&answers).map_err(|error| error.to_string())
    }

    /// Processes that can each take the step of H of some columns, if they are asked in slices.
    fn processes(&self) -> usize {
        1
    }

    /// Gives all partitions the same question; what it comes to for the columns of each slice, in order. Every answer is cut
    /// ([`Slices::cut`]), the parts of a slice are added where it is decided, as [`Self::ask`] adds answers, and
    /// their sum becomes its step ([`Slices::step`]).
    ///
    /// # Errors
    /// As [`Self::ask_each`].
    fn ask_in_slices(
        &mut self,
        name: &str,
        question: &[u8],
        slices: &Slices,
    ) -> Result<Vec<Vec<u8>>, String> {
        let sum = self.ask(name, question)?;
        let parts = slices.cut(&sum).map_err(|error| error.to_string())?;
        let steps = parts.iter().enumerate();
        let steps = steps.map(|(index, sum)| slices.step(index, question, sum, None));
        let steps: Result<_, Error> = steps.collect();
        steps.map_err(|error| error.to_string())
    }

    /// Changes of W after which its rows are fetched, so that those of a lost partition need not be made from the first one
    /// on; `None` never fetches them, and leaves every row of W where it is.
    fn checkpoint(&self) -> Option<usize> {
        Some(CHECKPOINT)
    }

    /// Told at the end of a fit: the version of the rows of W in the partitions ([`Partition::rows_of`]).
    fn ended(&mut self, version: u64) {
        let _ = version;
    }

    /// Whether a partition may vanish while the fit goes on. Else nothing is kept to make its rows again.
    fn loses(&self) -> bool {
        true
    }

    /// Whether the rows of W come to the driver: at the end, for the states that an observer keeps, and of the best of several
    /// starts. Else they stay where they are.
    fn gathers(&self) -> bool {
        false
    }
}

/// The rows of piece `index` of `pieces`, which differ by one row at most.
pub fn piece(rows: usize, pieces: usize, index: usize) -> Range<usize> {
    let bound = |index: usize| (rows as u128 * index as u128 / pieces as u128) as usize;
    bound(index)..bound(index + 1)
}

/// Adds answers in the order of partitions.
///
/// # Errors
/// [`Error::Malformed`] if they are none, or answer different questions.
pub fn add(answers: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let first = answers
        .first()
        .ok_or_else(|| wire::malformed("no answer"))?;
    let (_, number) = wire::open(first)?;
    if number == f32::NAME {
        Ok(wire::message(f32::NAME, &sum::<f32, _>(answers)?))
    } else {
        Ok(wire::message(f64::NAME, &sum::<f64, _>(answers)?))
    }
}

fn sum<T: Float, B: AsRef<[u8]>>(answers: &[B]) -> Result<Answered<T>, Error> {
    let mut tree = Tree::new(|total: &mut Answered<T>, answer| total.add(answer));
    for answer in answers {
        tree.push(wire::body::<T, _>(answer.as_ref())?)?;
    }
    tree.finish()?.ok_or_else(|| wire::malformed("no answer"))
}

/// A V that is elsewhere, looked at once.
pub(crate) struct Seen {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Entries that a walk has to look at.
    pub(crate) walked: usize,
    pub(crate) summary: Summary,
    /// The first row of each partition.
    first: Vec<usize>,
    /// Whether every entry of a partition is stored.
    pub(crate) dense: Vec<bool>,
}

impl Seen {
    /// Asks every partition what it holds.
    ///
    /// # Errors
    /// Partitions of different widths or number types, by their numbers; the first illegal entry; an empty V.
    pub(crate) fn of<T: Float>(transport: &mut dyn Transport) -> Result<Self, Error> {
        let question = wire::header("");
        let count = transport.partitions();
        let questions = vec![question.as_slice(); count];
        let answers = asked("describe", transport.ask_each("describe", &questions))?;
        let mut seen = Self {
            rows: 0,
            cols: 0,
            walked: 0,
            summary: Summary::default(),
            first: Vec::new(),
            dense: Vec::new(),
        };
        for (partition, answer) in answers.iter().enumerate() {
            let found: Described = wire::body::<T, _>(answer)?;
            if partition == 0 {
                seen.cols = found.cols;
            }
            let differs = |what: String| {
                Err(Error::Malformed {
                    what: "V in partitions",
                    reason: format!("partition {partition} (counted from 0) {what}"),
                })
            };
            if found.cols != seen.cols {
                let (here, there) = (found.cols, seen.cols);
                return differs(format!("has {here} columns, and partition 0 has {there}"));
            }
            if found.number != T::NAME {
                return differs(format!(
                    "holds {}, and {} is expected",
                    shown(&found.number),
                    T::NAME
                ));
            }
            if let Some((value, (row, col))) = found.bad {
                return Err(bad_entry("V", value, row.saturating_add(seen.rows), col));
            }
            seen.summary.append(found.summary, seen.rows);
            seen.first.push(seen.rows);
            seen.dense.push(found.dense);
            let rows = seen.rows.checked_add(found.rows);
            let walked = seen.walked.checked_add(found.walked);
            let Some((rows, walked)) = rows.zip(walked) else {
                return differs(format!("has {} rows", found.rows));
            };
            (seen.rows, seen.walked) = (rows, walked);
        }
        if seen.rows == 0 || seen.cols == 0 {
            let (rows, cols) = (seen.rows, seen.cols);
            return Err(Error::Empty { rows, cols });
        }
        seen.summary.check_scale()?;
        Ok(seen)
    }

    /// Rows of each partition.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        let ends = self.first.iter().skip(1).chain([&self.rows]);
        self.first.iter().zip(ends).map(|(from, to)| to - from)
    }
}

fn asked<R>(question: &str, answer: Result<R, String>) -> Result<R, Error> {
    answer.map_err(|reason| Error::Transport {
        question: question.to_owned(),
        reason,
    })
}

/// Ends the fit unless an answer has as many numbers as there must be.
fn expect(what: &str, found: usize, expected: usize) {
    wire::same(what, found, expected).unwrap_or_else(|error| threads::end(error));
}

/// All partitions as one shard.
pub(crate) struct Remote<'d, 'a, T: Float> {
    driver: Mutex<&'d mut Driver<'a, T>>,
    sketched: bool,
    gathers: bool,
}

impl<'d, 'a, T: Float> Remote<'d, 'a, T> {
    fn driver(&mut self) -> &mut Driver<'a, T> {
        self.driver
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn sums(&self, name: &str, order: Order<T>) -> Vec<f64> {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        driver.sums(name, order)
    }
}

impl<T: Float> Shard<T> for Remote<'_, '_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let order = Order::Pass(Box::new(Pass::of(request, self.sketched)));
        let place = if self.sketched { "sketched-" } else { "" };
        let driver = self.driver();
        driver.passes += usize::from(request.update);
        let name = if request.update { "pass" } else { "look" };
        let name = format!("{place}{name}-{}", driver.passes);
        let columns = request.right.rows.rows();
        let slices = request.step.then(|| driver.slices(columns)).flatten();
        match driver.ask_in(&name, order, slices) {
            Answer::Stats(mut stats) => {
                let k = request.right.rows.cols();
                let lengths = Parts::lengths(request.problem, columns, k);
                let found = (stats.parts.numerator.len(), stats.parts.denominator.len());
                let fits = stats.sums.fits(k)
                    && match &stats.step {
                        Some(step) => {
                            step.rows.len() == columns * k
                                && step.blocks.iter().all(|block| block.sums.fits(k))
                        }
                        None => !request.statistics || found == lengths,
                    };
                if !fits {
                    threads::end(wire::malformed("statistics of another shape"));
                }
                stats.finish(request);
                stats
            }
            _ => threads::end(wire::malformed("an answer without statistics")),
        }
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let order = Order::Divergence(Box::new(Divergence::of(elementwise, right)));
        self.sums("divergence", order).iter().sum()
    }

    fn holds_columns(&self) -> bool {
        false
    }

    fn meet_columns(&mut self, _: &Problem<T>, _: usize, _: &mut [T], _: bool) -> LinesMet {
        unreachable!("blocks of rows hold no whole columns")
    }

    fn restore(&mut self) {
        self.driver().ask("restore", Order::Restore);
    }

    fn squares(&self) -> Vec<f64> {
        let squares = self.sums("squares", Order::Squares);
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        expect("squares in an answer", squares.len(), driver.rank);
        squares
    }

    fn scale(&mut self, factors: &[T]) {
        self.driver().ask("scale", Order::Scale(factors.to_vec()));
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        if let Err(error) = self.driver().archive(archive) {
            threads::end(error);
        }
    }

    /// No rows where they stay with the partitions.
    fn into_rows(mut self: Box<Self>) -> Dense<T> {
        let gathers = self.gathers;
        let driver = self.driver();
        if !gathers {
            return Dense::zeros(0, driver.rank);
        }
        let blocks = driver.fetch().unwrap_or_else(|error| threads::end(error));
        let blocks = blocks.into_iter().map(|rows| rows.now);
        Dense::stacked(blocks.collect())
    }
}
