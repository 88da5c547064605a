//! The partition's side: a block of V and its rows of W, which answer what they are asked.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::message::{Answer, Answered, Asked, Begin, Described, Halve, Order, Slot, Step};
use super::wire::{self, malformed, same, wire};
use crate::archive::LARGEST_COUNT;
use crate::init::{Spread, W_STREAMS, draw_rows};
use crate::matrix::{Dense, Matrix, Signs, Source, Summary, Twin};
use crate::pass::Sums;
use crate::shard::piece::Rows;
use crate::shard::{Local, Shard};
use crate::sketch::{scaled, turned};
use crate::threads::Threads;
use crate::{Error, Float};

/// A block of rows of a V whose other rows are elsewhere, without the block itself, which whoever asks hands over.
///
/// It remembers its rows of W, and others that lead to them or are kept beside them, from one question to the next. All have a version, the
/// number of changes that led to them, and a question says for which versions it is: so a partition that was lost and begun anew,
/// copied, or asked twice never gives a wrong answer. It answers a question that it has answered before from memory, and one about what
/// it does not have by saying so. The driver then sends what leads to that.
pub struct Partition<T: Float> {
    index: usize,
    threads: Threads,
    twin: Option<Arc<Twin<T>>>,
    /// What there is in each [`Slot`].
    held: [Option<Held<T>>; 3],
    /// V Hᵀ for an H that is held, once computed for the rows as they are.
    cross: Option<Dense<T>>,
}

/// Rows as they are.
#[derive(Clone)]
struct Held<T> {
    version: u64,
    rows: Rows<T>,
    /// What was answered to the order that led to this version, if it may be asked again.
    answer: Vec<u8>,
}
wire!(Held<T> { version, rows, answer } where T);

impl<T: Float> std::fmt::Debug for Partition<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows().map(|rows| (rows.rows(), rows.cols()));
        let mut shown = f.debug_struct("Partition");
        shown.field("index", &self.index).field("rows", &rows);
        shown.finish_non_exhaustive()
    }
}

impl<T: Float> Partition<T> {
    /// Partition `index`, counted from 0, which works with so many threads (`None`: all processors).
    pub fn new(index: usize, threads: Option<NonZeroUsize>) -> Self {
        Self {
            index,
            threads: Threads::new(threads),
            twin: None,
            held: [None, None, None],
            cross: None,
        }
    }

    /// The rows of W; `None` before the first question, and where they were lost.
    pub fn rows(&self) -> Option<&Dense<T>> {
        let held = self.held[Slot::Rows as usize].as_ref();
        held.map(|held| &held.rows.now)
    }

    /// The rows of W as a fit left them ([`Transport::ended`](super::Transport::ended)); `None` where they were lost, and in a copy
    /// that was not asked what led to them.
    pub fn rows_of(&self, version: u64) -> Option<&Dense<T>> {
        self.rows().filter(|_| self.version(Slot::Rows) == version)
    }

    /// The rows of W with what is remembered of them, to go on elsewhere; `None` as in [`Self::rows`].
    pub fn save(&self) -> Option<Vec<u8>> {
        self.rows()?;
        Some(wire::message(T::NAME, &self.held.to_vec()))
    }

    /// Goes on from what [`Self::save`] gave.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no such thing, or that of another version or number type.
    pub fn load(&mut self, saved: &[u8]) -> Result<(), Error> {
        let held: Vec<Option<Held<T>>> = wire::body::<T, _>(saved)?;
        let held = <[_; 3]>::try_from(held);
        self.held = held.map_err(|held| malformed(format!("{} parts", held.len())))?;
        self.cross = None;
        Ok(())
    }

    /// Answers a question about the block `v`, which must be the same each time.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the message is none, or comes from another version of this program; [`Error::Read`] if `v` is read on the
    /// way and cannot be: what was half done is then lost, and said to be so when it is asked for.
    pub fn answer(&mut self, v: &Matrix<'_, T>, question: &[u8]) -> Result<Vec<u8>, Error> {
        T::answer(self, v, question)
    }

    pub(crate) fn answer_here(
        &mut self,
        v: &Matrix<'_, T>,
        question: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let threads = self.threads.clone();
        threads.until_ended(|| {
            if wire::open(question)?.1.is_empty() {
                return Ok(wire::message("", &self.describe(v)));
            }
            let asked: Asked<T> = wire::body::<T, _>(question)?;
            let mut answer = None;
            for step in &asked.steps {
                answer = Some(self.follow(v, &asked, step)?);
            }
            answer.ok_or_else(|| malformed("a question without an order"))
        })
    }

    /// The version of what is there, 0 for nothing.
    fn version(&self, slot: Slot) -> u64 {
        let held = self.held[slot as usize].as_ref();
        held.map_or(0, |held| held.version)
    }

    /// Does one thing with what has the right versions, unless it is done.
    fn follow(
        &mut self,
        v: &Matrix<'_, T>,
        asked: &Asked<T>,
        step: &Step<T>,
    ) -> Result<Vec<u8>, Error> {
        let (index, number, order) = (self.index, asked.number, &step.order);
        let message = |answer| wire::message(T::NAME, &Answered::<T> { number, answer });
        let lost = || message(Answer::Lost(vec![index]));
        let made = order.writes();
        let now = made.map_or(0, |slot| self.version(slot));
        if let (Some(slot), true) = (made, now >= step.makes) {
            let held = self.held[slot as usize].as_ref();
            let again = held.filter(|held| now == step.makes && !held.answer.is_empty());
            return Ok(again.map_or_else(lost, |held| held.answer.clone()));
        }
        let there = |&slot: &Slot| self.version(slot) == step.reads[slot as usize];
        if !order.reads().iter().all(there) {
            return Ok(lost());
        }
        let answer = message(self.work(v, order)?);
        if let Some(held) = made.and_then(|slot| self.held[slot as usize].as_mut()) {
            held.version = step.makes;
            // It has the statistics of H, as many numbers as H itself.
            held.answer = match asked.again {
                true => answer.clone(),
                false => Vec::new(),
            };
        }
        Ok(answer)
    }

    /// Takes what is there, so that work that fails half done leaves nothing behind.
    fn take(&mut self, slot: Slot) -> Result<Held<T>, Error> {
        let held = self.held[slot as usize].take();
        held.ok_or_else(|| malformed(format!("an order for what is not there: {slot:?}")))
    }

    fn put(&mut self, slot: Slot, rows: Rows<T>) {
        if slot == Slot::Rows {
            self.cross = None;
        }
        let (version, answer) = (0, Vec::new());
        let held = Held {
            version,
            rows,
            answer,
        };
        self.held[slot as usize] = Some(held);
    }

    /// The rows of this partition among those of all, for the first row of each partition.
    fn span(&self, v: &Matrix<'_, T>, first: &[usize]) -> Result<(usize, usize), Error> {
        let first = first.get(self.index).copied();
        let first = first.ok_or_else(|| malformed("fewer partitions than there are"))?;
        let end = first
            .checked_add(v.rows())
            .filter(|&end| (end as u64) < LARGEST_COUNT);
        let end =
            end.ok_or_else(|| malformed(format!("a partition whose first row is {first}")))?;
        Ok((first, end))
    }

    fn work(&mut self, v: &Matrix<'_, T>, order: &Order<T>) -> Result<Answer<T>, Error> {
        match order {
            Order::Begin(begin) => {
                let rows = self.begin(v, begin)?;
                self.put(Slot::Rows, Rows::new(rows));
            }
            Order::Take(rows) => self.put(Slot::Rows, rows.clone()),
            Order::Forward(x) => {
                same("rows of a product", x.rows(), v.cols())?;
                some_columns(x)?;
                // Room for the next one: it has a row for each of V.
                self.held[Slot::Basis as usize] = None;
                let basis = self.source(v).times(x, &self.threads);
                self.put(Slot::Basis, Rows::new(basis));
            }
            Order::Leave => self.put(Slot::Basis, Rows::new(Dense::zeros(0, 0))),
            Order::Turn(turn) => {
                let basis = self.take(Slot::Basis)?.rows.now;
                check_turn(turn, &basis)?;
                self.put(Slot::Basis, Rows::new(turned(basis, turn, &self.threads)));
            }
            Order::Backward(unit) => {
                let source = self.source(v);
                let mut basis = self.take(Slot::Basis)?;
                same("rows of a basis", basis.rows.now.rows(), v.rows())?;
                some_columns(&basis.rows.now)?;
                let product = scaled(&mut basis.rows.now, *unit, |y| {
                    source.transposed_times(y, &self.threads)
                });
                self.held[Slot::Basis as usize] = Some(basis);
                return Ok(Answer::Product(product));
            }
            Order::Gram => {
                let basis = self.take(Slot::Basis)?;
                some_columns(&basis.rows.now)?;
                let gram = Sums::over(&basis.rows.now, &self.threads).gram;
                self.held[Slot::Basis as usize] = Some(basis);
                return Ok(Answer::Sums(gram));
            }
            Order::Narrow(narrow) => {
                let basis = self.take(Slot::Basis)?;
                check_turn(&narrow.turn, &basis.rows.now)?;
                if narrow.keep {
                    self.held[Slot::Basis as usize] = Some(basis.clone());
                }
                let rows = turned(basis.rows.now, &narrow.turn, &self.threads);
                self.put(Slot::Rows, Rows::new(rows));
            }
            Order::Spread => {
                let held = self.held[Slot::Rows as usize].as_ref();
                let spread = held.map_or(Vec::new(), |held| Spread::of(&held.rows.now));
                return Ok(Answer::Spread(spread));
            }
            Order::Halve(Halve { halved, first }) => {
                let (first, _) = self.span(v, first)?;
                let mut rows = self.take(Slot::Rows)?.rows.now;
                same("singular vectors", halved.columns.len(), rows.cols())?;
                halved.apply(&mut rows, first);
                self.put(Slot::Rows, Rows::new(rows));
            }
            Order::SetAside => {
                let rows = self.take(Slot::Rows)?;
                self.put(Slot::Aside, Rows::new(rows.rows.now.clone()));
                self.held[Slot::Rows as usize] = Some(rows);
            }
            Order::TakeBack => {
                let aside = self.take(Slot::Aside)?;
                self.put(Slot::Rows, aside.rows);
            }
            Order::Rows => {
                let rows = self.take(Slot::Rows)?;
                let copy = rows.rows.clone();
                self.held[Slot::Rows as usize] = Some(rows);
                return Ok(Answer::Rows(copy));
            }
            Order::Pass(_)
            | Order::Restore
            | Order::Scale(_)
            | Order::Divergence(_)
            | Order::Squares => return self.with_rows(v, order),
        }
        Ok(Answer::Done)
    }

    fn begin(&self, v: &Matrix<'_, T>, begin: &Begin) -> Result<Dense<T>, Error> {
        let span = self.span(v, &begin.first)?;
        let numbers = begin.rank.checked_mul(v.rows().max(1));
        // Asked for and given back: an allocation that fails later would end the process.
        let room = |numbers| Vec::<T>::new().try_reserve_exact(numbers).is_ok();
        if begin.rank == 0 || !numbers.is_some_and(room) {
            let rank = begin.rank;
            return Err(malformed(format!("a start with {rank} components")));
        }
        Ok(match begin.seed {
            Some(seed) => draw_rows(span, begin.rank, begin.size, seed, W_STREAMS),
            None => Dense::filled(v.rows(), begin.rank, T::from_f64(begin.size)),
        })
    }

    /// What a [`Shard`] is asked, of V or of what stands for it.
    fn with_rows(&mut self, v: &Matrix<'_, T>, order: &Order<T>) -> Result<Answer<T>, Error> {
        let on_basis = order.reads().contains(&Slot::Basis);
        let basis = on_basis.then(|| self.take(Slot::Basis)).transpose()?;
        let source = match &basis {
            Some(basis) => Source::Dense(basis.rows.now.view()),
            None => self.source(v),
        };
        let mut held = self.take(Slot::Rows)?;
        let k = held.rows.now.cols();
        same("rows of W", held.rows.now.rows(), source.count())?;
        some_columns(&held.rows.now)?;
        let other_of = |rows: usize, cols: usize| {
            same("rows of the other factor", rows, source.length())?;
            same("columns of the other factor", cols, k)
        };
        let cross = self.cross.take();
        let mut local = Local::resume(&source, held.rows, cross, self.threads.clone());
        let answer = match order {
            Order::Pass(pass) => {
                other_of(pass.right().rows(), pass.right().cols())?;
                let problem = pass.problem()?;
                Answer::Stats(local.pass(&pass.request(&problem)))
            }
            Order::Restore => {
                local.restore();
                Answer::Done
            }
            Order::Scale(factors) => {
                same("factors of columns", factors.len(), k)?;
                local.scale(factors);
                Answer::Done
            }
            Order::Divergence(divergence) => {
                other_of(divergence.right.rows.rows(), divergence.right.rows.cols())?;
                let elementwise = divergence.elementwise()?;
                Answer::Sums(vec![local.divergence(&elementwise, &divergence.right)])
            }
            _ => Answer::Sums(local.squares()),
        };
        (held.rows, self.cross) = local.pause();
        drop(source);
        self.held[Slot::Rows as usize] = Some(held);
        if basis.is_some() {
            self.held[Slot::Basis as usize] = basis;
        }
        Ok(answer)
    }

    /// The block with its twin, which is made once.
    fn source<'v>(&mut self, v: &Matrix<'v, T>) -> Source<'v, T> {
        let source = Source::with_twin(*v, self.twin.take());
        self.twin = source.twin();
        source
    }

    fn describe(&self, v: &Matrix<'_, T>) -> Described {
        let (rows, cols) = (v.rows(), v.cols());
        let dense = !v.is_sparse();
        let (summary, bad) = match Summary::look(v, Signs::NonNegative, &self.threads) {
            Ok(summary) => (summary, None),
            Err(bad) => (Summary::default(), Some(bad)),
        };
        Described {
            number: T::NAME.to_owned(),
            rows,
            cols,
            walked: if dense { v.stored() } else { summary.nonzeros },
            dense,
            summary,
            bad,
        }
    }
}

/// Refuses what a basis cannot be turned by.
fn check_turn<T: Float>(turn: &Dense<T>, basis: &Dense<T>) -> Result<(), Error> {
    same("rows of a turn", turn.rows(), basis.cols())?;
    if (1..=basis.cols()).contains(&turn.cols()) {
        return Ok(());
    }
    Err(malformed(format!(
        "a turn to {} columns of a basis of {}",
        turn.cols(),
        basis.cols()
    )))
}

/// Refuses a matrix without columns.
fn some_columns<T: Float>(x: &Dense<T>) -> Result<(), Error> {
    match x.cols() {
        0 => Err(malformed("a matrix without columns")),
        _ => Ok(()),
    }
}
