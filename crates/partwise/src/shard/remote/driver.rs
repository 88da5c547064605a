//! What the driver asks the partitions in the course of a fit, and what it remembers so that they can do it again.

use std::sync::Mutex;

use super::message::{Answer, Answered, Begin, Halve, Narrow, Order, Slot, Versions, different};
use super::wire::{self, Wire};
use super::{Remote, Seen, Slices, Transport, asked, expect, sum};
use crate::archive::Archive;
use crate::float::power_of_two_near;
use crate::init::{Halved, Spread};
use crate::matrix::Dense;
use crate::shard::piece::Rows;
use crate::sketch::{Columns, Range, scaled};
use crate::threads;
use crate::{Error, Float};

/// Rounds of questions before a partition that is lost in each of them is given up.
const ROUNDS: usize = 20;
/// What the driver knows of the partitions, and asks them in the course of a fit.
pub(crate) struct Driver<'a, T: Float> {
    transport: &'a mut dyn Transport,
    /// The first row of each partition, and how many it has.
    first: Vec<usize>,
    lengths: Vec<usize>,
    cols: usize,
    pub(super) rank: usize,
    /// Columns of the basis.
    width: usize,
    /// The power of two in whose units products with V are made.
    unit: f64,
    /// Changes so far, and the last one of each slot.
    changes: u64,
    versions: Versions,
    /// What is still needed of what the slots hold.
    needed: [bool; 3],
    /// Questions so far.
    number: u64,
    /// What led to what is still needed, in the order in which it was asked; the latest question at the end.
    log: Vec<Logged<T>>,
    /// Changes of the rows of W since they were fetched.
    since: usize,
    /// Passes so far.
    pub(super) passes: usize,
}

/// A [`Step`](super::message::Step) that partitions may have to do again.
struct Logged<T> {
    reads: Versions,
    makes: u64,
    what: What<T>,
}

enum What<T> {
    Order(Order<T>),
    /// Each partition has its own rows to take.
    Rows(Vec<Rows<T>>),
}

impl<T> Logged<T> {
    fn reads(&self) -> &'static [Slot] {
        match &self.what {
            What::Order(order) => order.reads(),
            What::Rows(_) => &[],
        }
    }

    fn writes(&self) -> Option<Slot> {
        match &self.what {
            What::Order(order) => order.writes(),
            What::Rows(_) => Some(Slot::Rows),
        }
    }
}

impl<'a, T: Float> Driver<'a, T> {
    /// Asks partitions that have been looked at about `rank` components.
    pub(crate) fn new(transport: &'a mut dyn Transport, seen: &Seen, rank: usize) -> Self {
        Self {
            first: seen.first.clone(),
            lengths: seen.lengths().collect(),
            cols: seen.cols,
            rank,
            width: 0,
            unit: power_of_two_near::<T>(seen.summary.mean()),
            changes: 0,
            versions: Versions::default(),
            needed: [false; 3],
            number: 0,
            log: Vec::new(),
            since: 0,
            passes: 0,
            transport,
        }
    }

    /// Tells the transport which rows are those of the fit.
    pub(crate) fn end(&mut self) {
        self.transport.ended(self.versions[Slot::Rows as usize]);
    }

    /// Whether the rows of W come to the driver.
    pub(crate) fn gathers(&self) -> bool {
        self.transport.gathers()
    }

    /// Rows of one value, or with a seed of |N(0, 1)| times that.
    pub(crate) fn begin(&mut self, size: f64, seed: Option<u64>) {
        let begin = Begin {
            rank: self.rank,
            size,
            seed,
            first: self.first.clone(),
        };
        self.ask("begin", Order::Begin(begin));
    }

    /// The rows of a W that is here, which every partition lacks at first.
    pub(crate) fn give(&mut self, w: &Dense<T>) {
        let spans = self.first.iter().zip(&self.lengths);
        let rows = spans.map(|(&from, &count)| {
            let values = w.row_range(from, from + count).to_vec();
            let rows = Dense::from_rows(values, count, w.cols()).expect("a range of whole rows");
            Rows::new(rows)
        });
        self.changes += 1;
        let (version, rows) = (self.changes, rows.collect());
        self.note_rows(version, rows);
    }

    /// The basis (m × l) times a matrix (l × k), as the rows; the basis goes unless it is to `keep`.
    pub(crate) fn narrow(&mut self, turn: Dense<T>, keep: bool) {
        self.ask("narrow", Order::Narrow(Narrow { turn, keep }));
    }

    /// How the entries of each column of the rows spread.
    pub(crate) fn spread(&mut self) -> Vec<Spread> {
        match self.ask("spread", Order::Spread) {
            Answer::Spread(spread) => {
                expect("spreads in an answer", spread.len(), self.rank);
                spread
            }
            _ => threads::end(wire::malformed("an answer without a spread")),
        }
    }

    /// Rows of W of those of singular vectors.
    pub(crate) fn halve(&mut self, halved: Halved) {
        let first = self.first.clone();
        self.ask("halve", Order::Halve(Halve { halved, first }));
    }

    /// Lets go of the basis.
    pub(crate) fn leave_basis(&mut self) {
        self.ask("leave", Order::Leave);
    }

    /// Keeps the rows beside those of the starts that follow.
    pub(crate) fn set_aside(&mut self) {
        self.ask("set-aside", Order::SetAside);
    }

    /// Goes back to the rows that were kept so.
    pub(crate) fn take_back(&mut self) {
        self.ask("take-back", Order::TakeBack);
    }

    /// All partitions as one shard: blocks of V, or of the basis in its place. Where `gathers` its rows come here in the end.
    pub(crate) fn shard(&mut self, sketched: bool, gathers: bool) -> Remote<'_, 'a, T> {
        Remote {
            driver: Mutex::new(self),
            sketched,
            gathers,
        }
    }

    /// Writes the rows of all partitions, or takes those of a state, which every partition lacks.
    pub(super) fn archive(&mut self, archive: &mut Archive<'_>) -> Result<(), Error> {
        let (version, mut rows) = if archive.fills() {
            self.changes += 1;
            let lengths = self.lengths.iter();
            let empty = lengths.map(|&rows| Rows::new(Dense::zeros(rows, self.rank)));
            (self.changes, empty.collect())
        } else {
            let rows = self.fetch()?;
            (self.versions[Slot::Rows as usize], rows)
        };
        rows.iter_mut().for_each(|rows| rows.archive(archive));
        if archive.fills() || self.transport.loses() {
            self.note_rows(version, rows);
        }
        Ok(())
    }

    /// Notes that these are the rows of a version: how they came about need not be known any more.
    fn note_rows(&mut self, version: u64, rows: Vec<Rows<T>>) {
        self.versions[Slot::Rows as usize] = version;
        self.needed[Slot::Rows as usize] = true;
        self.since = 0;
        self.log.push(Logged {
            reads: Versions::default(),
            makes: version,
            what: What::Rows(rows),
        });
        self.forget();
    }

    /// Forgets what led to nothing that is still needed.
    fn forget(&mut self) {
        let mut needed = self.needed;
        let mut kept = Vec::with_capacity(self.log.len());
        for logged in self.log.drain(..).rev() {
            let made = logged.writes().filter(|&slot| needed[slot as usize]);
            if let Some(slot) = made {
                needed[slot as usize] = false;
                for &slot in logged.reads() {
                    needed[slot as usize] = true;
                }
                kept.push(logged);
            }
        }
        kept.reverse();
        self.log = kept;
    }

    /// Asks all partitions; ends the fit if that cannot be done.
    pub(super) fn ask(&mut self, name: &str, order: Order<T>) -> Answer<T> {
        self.ask_in(name, order, None)
    }

    /// The same, where the step of these columns is taken in slices.
    pub(super) fn ask_in(
        &mut self,
        name: &str,
        order: Order<T>,
        slices: Option<Slices>,
    ) -> Answer<T> {
        self.try_ask(name, order, slices)
            .unwrap_or_else(|error| threads::end(error))
    }

    /// How H is cut for the processes that partitions are in, if at all.
    pub(super) fn slices(&self, columns: usize) -> Option<Slices> {
        Slices::of(columns, self.rank, self.transport.processes())
    }

    fn try_ask(
        &mut self,
        name: &str,
        order: Order<T>,
        slices: Option<Slices>,
    ) -> Result<Answer<T>, Error> {
        let (made, ends) = (order.writes(), order.ends());
        let on_rows = made == Some(Slot::Rows) || order.reads().contains(&Slot::Rows);
        self.push(order);
        let question = self.question(None);
        let mut answer = match slices {
            None => {
                let answer = asked(name, self.transport.ask(name, &question))?;
                self.opened(&answer)?
            }
            Some(slices) => {
                let answers = self.transport.ask_in_slices(name, &question, &slices);
                self.joined(&asked(name, answers)?)?
            }
        };
        if let Answer::Lost(lost) = answer {
            answer = sum(&self.ask_again(name, &lost)?)?.answer;
        }
        let Some(slot) = made else {
            self.log.pop();
            return Ok(answer);
        };
        self.changes += 1;
        self.versions[slot as usize] = self.changes;
        self.needed[slot as usize] = true;
        if let Some(gone) = ends {
            self.needed[gone as usize] = false;
        }
        if !self.transport.loses() {
            // Rows that are given are taken with the first order that is about rows.
            let given = |logged: &Logged<T>| matches!(logged.what, What::Rows(_));
            self.log.retain(|logged| !on_rows && given(logged));
            return Ok(answer);
        }
        self.forget();
        self.since += usize::from(slot == Slot::Rows);
        let most = self.transport.checkpoint();
        if slot == Slot::Rows && most.is_some_and(|most| self.since >= most.max(1)) {
            let rows = self.fetch()?;
            self.note_rows(self.versions[Slot::Rows as usize], rows);
        }
        Ok(answer)
    }

    /// Notes an order as the latest question.
    fn push(&mut self, order: Order<T>) {
        self.number += 1;
        let mut reads = Versions::default();
        for &slot in order.reads() {
            reads[slot as usize] = self.versions[slot as usize];
        }
        self.log.push(Logged {
            reads,
            makes: order.writes().map_or(0, |_| self.changes + 1),
            what: What::Order(order),
        });
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

    /// Answers to the latest question for one slice of H after another.
    fn joined(&self, answers: &[Vec<u8>]) -> Result<Answer<T>, Error> {
        let mut answers = answers.iter().map(|answer| self.opened(answer));
        let none = || wire::malformed("no answer");
        let mut whole = answers.next().ok_or_else(none)??;
        answers.try_for_each(|answer| whole.join(answer?))?;
        Ok(whole)
    }

    /// The latest order as a question, to a partition that has lost what it is about with what leads to that.
    fn question(&self, lost: Option<usize>) -> Vec<u8> {
        let latest = self.log.len() - 1;
        let steps = &self.log[if lost.is_some() { 0 } else { latest }..];
        // As an `Asked`, whose parts are only lent here.
        let mut out = wire::header(T::NAME);
        self.number.write(&mut out);
        self.transport.loses().write(&mut out);
        steps.len().write(&mut out);
        for step in steps {
            step.reads.write(&mut out);
            step.makes.write(&mut out);
            match &step.what {
                What::Order(order) => order.write(&mut out),
                What::Rows(rows) => Order::write_take(&rows[lost.unwrap_or(0)], &mut out),
            }
        }
        out
    }

    /// Asks each partition until all have answered, those that have lost their rows with what leads to them.
    fn ask_again(&mut self, name: &str, lost: &[usize]) -> Result<Vec<Vec<u8>>, Error> {
        let mut lost = lost.to_vec();
        for _ in 0..ROUNDS {
            let plain = self.question(None);
            let full: Vec<_> = (0..self.lengths.len())
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

    /// The rows of all partitions.
    pub(super) fn fetch(&mut self) -> Result<Vec<Rows<T>>, Error> {
        self.push(Order::Rows);
        let answers = self.ask_again("rows", &[])?;
        let answers = answers.iter().zip(&self.lengths);
        let rows = answers.map(|(answer, &length)| match self.opened(answer)? {
            Answer::Rows(rows) if (rows.now.rows(), rows.now.cols()) == (length, self.rank) => {
                Ok(rows)
            }
            _ => Err(wire::malformed("an answer without the rows")),
        });
        let rows = rows.collect::<Result<_, _>>()?;
        self.log.pop();
        Ok(rows)
    }

    pub(super) fn sums(&mut self, name: &str, order: Order<T>) -> Vec<f64> {
        match self.ask(name, order) {
            Answer::Sums(sums) => sums,
            _ => threads::end(wire::malformed("an answer without sums")),
        }
    }
}

impl<T: Float> Columns<T> for Driver<'_, T> {
    fn gram(&mut self) -> Vec<f64> {
        let gram = self.sums("gram", Order::Gram);
        expect(
            "products of columns in an answer",
            gram.len(),
            self.width * self.width,
        );
        gram
    }

    fn turn(&mut self, turn: Dense<T>) {
        self.width = turn.cols();
        self.ask("turn", Order::Turn(turn));
    }
}

impl<T: Float> Range<T> for Driver<'_, T> {
    fn forward(&mut self, mut x: Dense<T>) {
        let x = scaled(&mut x, self.unit, Dense::clone);
        self.width = x.cols();
        self.ask("forward", Order::Forward(x));
    }

    fn backward(&mut self) -> Dense<T> {
        match self.ask("backward", Order::Backward(self.unit)) {
            Answer::Product(product) => {
                expect("rows of a product in an answer", product.rows(), self.cols);
                expect(
                    "columns of a product in an answer",
                    product.cols(),
                    self.width,
                );
                product
            }
            _ => threads::end(wire::malformed("an answer without a product")),
        }
    }
}
