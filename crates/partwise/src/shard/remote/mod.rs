//! A V whose blocks of rows are in other processes: the driver's side.
//!
//! The loop asks one shard, as ever. [`Remote`] puts what it asks into a message, a [`Transport`] carries that to every
//! [`Partition`], and what these answer is added in the order of a [`Tree`], as the answers of blocks in this process are:
//! the same blocks give the same bits. H goes out and statistics come back; V and W stay where they are.
//!
//! **Loss.** A partition may vanish at any time, and its block of V appear somewhere else without its rows of W. It says so
//! when it is asked. It then gets its rows as they were at the last checkpoint with all that was asked of it since, and does
//! that again: the rows are the same to the last bit, and so is the fit. The driver keeps those rows and questions; every
//! [`Transport::checkpoint`] changes it fetches the rows anew and forgets the questions. A transport that loses no partition
//! without ending the fit ([`Transport::loses`]) spares it that.

mod message;
mod partition;
pub(crate) mod wire;

pub use super::tree::FAN_IN;
pub use partition::Partition;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use message::{Answer, Answered, Begin, Described, Divergence, Kept, Order, Pass, different};
use wire::Wire;

use super::piece::Rows;
use super::tree::Tree;
use super::{Request, Shard, Stats};
use crate::archive::Archive;
use crate::loss::Elementwise;
use crate::matrix::{Dense, Summary, bad_entry};
use crate::pass::{Fixed, Problem};
use crate::threads;
use crate::update::LinesMet;
use crate::{Error, Float};

/// Rounds of questions before a partition that is lost in each of them is given up.
const ROUNDS: usize = 20;
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

    /// Changes of W after which its rows are fetched, so that those of a lost partition need not be made from the first one
    /// on; `None` never fetches them, and leaves every row of W where it is.
    fn checkpoint(&self) -> Option<usize> {
        Some(CHECKPOINT)
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
                    found.number,
                    T::NAME
                ));
            }
            if let Some((value, (row, col))) = found.bad {
                return Err(bad_entry("V", value, row + seen.rows, col));
            }
            seen.summary.append(found.summary, seen.rows);
            seen.first.push(seen.rows);
            seen.dense.push(found.dense);
            seen.rows += found.rows;
            seen.walked += found.walked;
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

/// Where the rows of W begin.
pub(crate) enum Beginning<T> {
    /// As they are given.
    Given(Dense<T>),
    /// |N(0, 1)| times a size, from a seed.
    Drawn(f64, u64),
    /// One value everywhere.
    Flat(f64),
}

/// All partitions as one shard.
pub(crate) struct Remote<'a, T: Float>(Mutex<Driver<'a, T>>);

/// What the driver knows of the partitions.
struct Driver<'a, T: Float> {
    transport: &'a mut dyn Transport,
    /// The shape of each partition's rows.
    shapes: Vec<(usize, usize)>,
    /// Changes of W so far, those of fits of the same partitions before this one among them: no version comes again.
    version: &'a mut u64,
    /// Questions so far.
    number: u64,
    /// The rows of each partition as they were at the last checkpoint.
    base: Vec<Option<Kept<T>>>,
    /// What changed them since.
    log: Vec<(u64, Order<T>)>,
    /// Passes so far.
    passes: usize,
}

impl<'a, T: Float> Remote<'a, T> {
    /// Partitions with their rows of W to begin with, `rank` to a row. `version` counts changes of W, from 0 at the first fit of
    /// these partitions.
    pub(crate) fn new(
        transport: &'a mut dyn Transport,
        seen: &Seen,
        (rank, version): (usize, &'a mut u64),
        beginning: Beginning<T>,
    ) -> Self {
        let mut driver = Driver {
            version,
            number: 0,
            base: Vec::new(),
            log: Vec::new(),
            passes: 0,
            shapes: seen.lengths().map(|length| (length, rank)).collect(),
            transport,
        };
        let (size, seed) = match beginning {
            Beginning::Given(w) => {
                driver.give(&w, seen);
                return Self(Mutex::new(driver));
            }
            Beginning::Drawn(size, seed) => (size, Some(seed)),
            Beginning::Flat(size) => (size, None),
        };
        driver.base.resize_with(seen.first.len(), || None);
        driver.ask(
            "begin",
            Order::Begin(Begin {
                rank,
                size,
                seed,
                first: seen.first.clone(),
            }),
        );
        Self(Mutex::new(driver))
    }

    fn ask(&self, name: &str, order: Order<T>) -> Answer<T> {
        let mut driver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        driver.ask(name, order)
    }

    fn sums(&self, name: &str, order: Order<T>) -> Vec<f64> {
        match self.ask(name, order) {
            Answer::Sums(sums) => sums,
            _ => threads::end(wire::malformed("an answer without sums")),
        }
    }
}

impl<T: Float> Driver<'_, T> {
    /// Takes given rows as those of a checkpoint, which every partition lacks at first.
    fn give(&mut self, w: &Dense<T>, seen: &Seen) {
        *self.version += 1;
        let rows = seen.first.iter().zip(seen.lengths()).map(|(&from, count)| {
            let values = w.row_range(from, from + count).to_vec();
            let rows = Dense::from_rows(values, count, w.cols()).expect("a range of whole rows");
            let (version, rows) = (*self.version, Rows::new(rows));
            Some(Kept { version, rows })
        });
        self.base = rows.collect();
    }

    /// Writes the rows of all partitions, or takes those of a state as the rows of a checkpoint, which every partition lacks.
    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<(), Error> {
        if archive.fills() {
            *self.version += 1;
            let version = *self.version;
            let empty = self.shapes.iter().map(|&(rows, k)| {
                let rows = Rows::new(Dense::zeros(rows, k));
                Some(Kept { version, rows })
            });
            self.base = empty.collect();
            self.log.clear();
        } else {
            self.fetch()?;
        }
        for base in self.base.iter_mut().flatten() {
            base.rows.archive(archive);
        }
        if !archive.fills() && !self.transport.loses() {
            self.forget();
        }
        Ok(())
    }

    /// Forgets how the rows came about.
    fn forget(&mut self) {
        self.log.clear();
        self.base.iter_mut().for_each(|base| *base = None);
    }

    /// Asks all partitions; ends the fit if that cannot be done.
    fn ask(&mut self, name: &str, order: Order<T>) -> Answer<T> {
        self.try_ask(name, order)
            .unwrap_or_else(|error| threads::end(error))
    }

    fn try_ask(&mut self, name: &str, order: Order<T>) -> Result<Answer<T>, Error> {
        let changes = order.changes();
        self.number += 1;
        self.log.push((*self.version, order));
        let question = self.question(None);
        let answer = asked(name, self.transport.ask(name, &question))?;
        let mut answer = self.opened(&answer)?;
        if let Answer::Lost(lost) = answer {
            answer = sum(&self.ask_again(name, &lost)?)?.answer;
        }
        if changes {
            *self.version += 1;
            if !self.transport.loses() {
                self.forget();
            } else if self
                .transport
                .checkpoint()
                .is_some_and(|most| self.log.len() >= most.max(1))
            {
                self.fetch()?;
            }
        } else {
            self.log.pop();
        }
        Ok(answer)
    }

    /// An answer to the latest question.
    fn opened(&self, answer: &[u8]) -> Result<Answer<T>, Error> {
        let Answered { number, answer } = wire::body::<T, _>(answer)?;
        if number == self.number {
            Ok(answer)
        } else {
            Err(different())
        }
    }

    /// The latest order as a question, to a partition that has lost its rows with what leads to them.
    fn question(&self, lost: Option<usize>) -> Vec<u8> {
        let (latest, history) = self.log.split_last().expect("an order");
        let base = lost.and_then(|partition| self.base[partition].as_ref());
        let orders = if lost.is_some() { history } else { &[] };
        // As an `Asked`, whose parts are only lent here.
        let mut out = wire::header(T::NAME);
        self.number.write(&mut out);
        base.is_some().write(&mut out);
        if let Some(base) = base {
            base.write(&mut out);
        }
        (orders.len() + 1).write(&mut out);
        orders.iter().for_each(|order| order.write(&mut out));
        latest.write(&mut out);
        out
    }

    /// Asks each partition until all have answered, those that have lost their rows with what leads to them.
    fn ask_again(&mut self, name: &str, lost: &[usize]) -> Result<Vec<Vec<u8>>, Error> {
        let mut lost = lost.to_vec();
        for _ in 0..ROUNDS {
            let plain = self.question(None);
            let full: Vec<_> = (0..self.base.len())
                .map(|partition| {
                    lost.contains(&partition)
                        .then(|| self.question(Some(partition)))
                })
                .collect();
            let questions: Vec<_> = full
                .iter()
                .map(|full| full.as_deref().unwrap_or(&plain))
                .collect();
            let answers = asked(name, self.transport.ask_each(name, &questions))?;
            lost.clear();
            for answer in &answers {
                if let Answer::Lost(more) = self.opened(answer)? {
                    lost.extend(more);
                }
            }
            if lost.is_empty() {
                return Ok(answers);
            }
        }
        Err(Error::Transport {
            question: name.to_owned(),
            reason: format!("partition {} was lost again and again", lost[0]),
        })
    }

    /// Fetches the rows of all partitions, and forgets how they came about.
    fn fetch(&mut self) -> Result<(), Error> {
        self.number += 1;
        self.log.push((*self.version, Order::Rows));
        let answers = self.ask_again("rows", &[])?;
        let kept = answers.iter().map(|answer| match self.opened(answer)? {
            Answer::Rows(kept) => Ok(Some(kept)),
            _ => Err(wire::malformed("an answer without rows")),
        });
        self.base = kept.collect::<Result<_, _>>()?;
        self.log.clear();
        Ok(())
    }
}

impl<T: Float> Shard<T> for Remote<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let driver = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        driver.passes += usize::from(request.update);
        let name = if request.update { "pass" } else { "look" };
        let name = format!("{name}-{}", driver.passes);
        match driver.ask(&name, Order::Pass(Box::new(Pass::of(request)))) {
            Answer::Stats(mut stats) => {
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
        self.ask("restore", Order::Restore);
    }

    fn squares(&self) -> Vec<f64> {
        self.sums("squares", Order::Squares)
    }

    fn scale(&mut self, factors: &[T]) {
        self.ask("scale", Order::Scale(factors.to_vec()));
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        let driver = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = driver.archive(archive) {
            threads::end(error);
        }
    }

    /// No rows where they stay with the partitions.
    fn into_rows(self: Box<Self>) -> Dense<T> {
        let mut driver = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !driver.transport.gathers() {
            return Dense::zeros(0, driver.shapes[0].1);
        }
        if let Err(error) = driver.fetch() {
            threads::end(error);
        }
        let (rows, cols) = (
            driver.shapes.iter().map(|shape| shape.0).sum(),
            driver.shapes[0].1,
        );
        let blocks = driver.base.into_iter().flatten();
        let values = blocks.flat_map(|block| block.rows.now.into_values());
        Dense::from_rows(values.collect(), rows, cols).expect("blocks of equal width stack")
    }
}
