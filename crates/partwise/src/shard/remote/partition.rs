//! The partition's side: a block of V and its rows of W, which answer what they are asked.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::message::{Answer, Answered, Asked, Begin, Described, Kept, Order};
use super::wire::{self, malformed};
use crate::init::{W_STREAMS, draw_rows};
use crate::matrix::{Dense, Matrix, Signs, Source, Summary, Twin};
use crate::shard::piece::Rows;
use crate::shard::{Local, Shard};
use crate::threads::Threads;
use crate::{Error, Float};

/// A block of rows of a V whose other rows are elsewhere, without the block itself, which whoever asks hands over.
///
/// It remembers its rows of W from one question to the next. They have a version, the number of changes that led to them,
/// and a question says for which version it is: so a partition that was lost and begun anew, copied, or asked twice never
/// gives a wrong answer. It answers a question that it has answered before from memory, and one for rows that it does not
/// have by saying so. The driver then sends what leads to them.
pub struct Partition<T: Float> {
    index: usize,
    threads: Threads,
    twin: Option<Arc<Twin<T>>>,
    state: Option<State<T>>,
}

/// The rows as they are.
struct State<T> {
    version: u64,
    rows: Rows<T>,
    /// V Hᵀ for an H that is held, once computed.
    cross: Option<Dense<T>>,
    /// What was answered to the order that led to this version.
    answer: Vec<u8>,
}

impl<T: Float> Partition<T> {
    /// Partition `index`, counted from 0, which works with so many threads (`None`: all processors).
    pub fn new(index: usize, threads: Option<NonZeroUsize>) -> Self {
        Self {
            index,
            threads: Threads::new(threads),
            twin: None,
            state: None,
        }
    }

    /// The rows of W; `None` before the first question, and where they were lost.
    pub fn rows(&self) -> Option<&Dense<T>> {
        self.state.as_ref().map(|state| &state.rows.now)
    }

    /// The rows of W with what is remembered of them, to go on elsewhere; `None` as in [`Self::rows`].
    pub fn save(&self) -> Option<Vec<u8>> {
        let state = self.state.as_ref()?;
        let saved = (state.kept(), state.answer.clone());
        Some(wire::message(T::NAME, &saved))
    }

    /// Goes on from what [`Self::save`] gave.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no such thing, or that of another version or number type.
    pub fn load(&mut self, saved: &[u8]) -> Result<(), Error> {
        let (kept, answer) = wire::body::<T, (Kept<T>, Vec<u8>)>(saved)?;
        self.state = Some(State {
            answer,
            ..kept.into()
        });
        Ok(())
    }

    /// Answers a question about the block `v`, which must be the same each time.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the message is none, or comes from another version of this program.
    pub fn answer(&mut self, v: &Matrix<'_, T>, question: &[u8]) -> Result<Vec<u8>, Error> {
        T::answer(self, v, question)
    }

    pub(crate) fn answer_here(
        &mut self,
        v: &Matrix<'_, T>,
        question: &[u8],
    ) -> Result<Vec<u8>, Error> {
        if wire::open(question)?.1.is_empty() {
            return Ok(wire::message("", &self.describe(v)));
        }
        let asked: Asked<T> = wire::body::<T, _>(question)?;
        if let Some(base) = asked.base
            && self.version().is_none_or(|version| version < base.version)
        {
            self.state = Some(base.into());
        }
        let mut answer = None;
        for (version, order) in asked.orders {
            answer = Some(self.follow(v, asked.number, version, &order)?);
        }
        answer.ok_or_else(|| malformed("a question without an order"))
    }

    /// A partition without rows of W may begin.
    fn version(&self) -> Option<u64> {
        self.state.as_ref().map(|state| state.version)
    }

    /// Does one thing with the rows of a version, unless it is done.
    fn follow(
        &mut self,
        v: &Matrix<'_, T>,
        number: u64,
        version: u64,
        order: &Order<T>,
    ) -> Result<Vec<u8>, Error> {
        let now = self.version().unwrap_or(0);
        let index = self.index;
        let message = |answer| wire::message(T::NAME, &Answered::<T> { number, answer });
        let lost = || message(Answer::Lost(vec![index]));
        if now != version {
            let again = order.changes() && now == version + 1;
            let answered = self.state.as_ref().filter(|_| again);
            return Ok(answered.map_or_else(lost, |state| state.answer.clone()));
        }
        // Work that fails half done leaves nothing behind.
        let (state, answer) = match (order, self.state.take()) {
            (Order::Begin(begin), _) => (self.begin(v, begin)?, Answer::Done),
            (_, Some(state)) => self.work(v, state, order)?,
            (_, None) => return Ok(lost()),
        };
        let (mut state, answer) = (state, message(answer));
        if order.changes() {
            state.version = version + 1;
            state.answer.clone_from(&answer);
        }
        self.state = Some(state);
        Ok(answer)
    }

    fn begin(&self, v: &Matrix<'_, T>, begin: &Begin) -> Result<State<T>, Error> {
        let (count, k) = (v.rows(), begin.rank);
        let first = begin.first.get(self.index).copied();
        let first = first.ok_or_else(|| malformed("fewer partitions than there are"))?;
        let rows = match begin.seed {
            Some(seed) => draw_rows((first, first + count), k, begin.size, seed, W_STREAMS),
            None => Dense::filled(count, k, T::from_f64(begin.size)),
        };
        Ok(State::new(0, Rows::new(rows)))
    }

    fn work(
        &mut self,
        v: &Matrix<'_, T>,
        state: State<T>,
        order: &Order<T>,
    ) -> Result<(State<T>, Answer<T>), Error> {
        let (k, version) = (state.rows.now.cols(), state.version);
        let source = self.source(v);
        if state.rows.now.rows() != v.rows() {
            return Err(malformed(format!(
                "{} rows of W for {} rows of V",
                state.rows.now.rows(),
                v.rows()
            )));
        }
        let other_of = |rows: usize, cols: usize| {
            let legal = rows == v.cols() && cols == k;
            let text = format!(
                "the other factor is {rows} × {cols}, not {} × {k}",
                v.cols()
            );
            if legal { Ok(()) } else { Err(malformed(text)) }
        };
        let mut local = Local::resume(&source, state.rows, state.cross, self.threads.clone());
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
            Order::Scale(factors) if factors.len() == k => {
                local.scale(factors);
                Answer::Done
            }
            Order::Scale(_) => return Err(malformed("another number of factors than columns")),
            Order::Divergence(divergence) => {
                other_of(divergence.right.rows.rows(), divergence.right.rows.cols())?;
                let elementwise = divergence.elementwise()?;
                Answer::Sums(vec![local.divergence(&elementwise, &divergence.right)])
            }
            Order::Squares => Answer::Sums(local.squares()),
            Order::Begin(_) | Order::Rows => Answer::Done,
        };
        let (rows, cross) = local.pause();
        let state = State {
            version,
            rows,
            cross,
            answer: state.answer,
        };
        let answer = match order {
            Order::Rows => Answer::Rows(state.kept()),
            _ => answer,
        };
        Ok((state, answer))
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
            walked: if dense { v.stored() } else { summary.positive },
            dense,
            summary,
            bad,
        }
    }
}

impl<T: Float> State<T> {
    fn new(version: u64, rows: Rows<T>) -> Self {
        Self {
            version,
            rows,
            cross: None,
            answer: Vec::new(),
        }
    }

    fn kept(&self) -> Kept<T> {
        Kept {
            version: self.version,
            rows: self.rows.clone(),
        }
    }
}

impl<T: Float> From<Kept<T>> for State<T> {
    fn from(kept: Kept<T>) -> Self {
        Self::new(kept.version, kept.rows)
    }
}
