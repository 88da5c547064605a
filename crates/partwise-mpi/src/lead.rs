//! The two sides of a question: the process that asks, and those that answer.

use std::num::NonZeroUsize;
use std::ops::Range;

use partwise::remote::{Slices, Transport, add};

use crate::job::Job;
use crate::tree::{self, Answer, Nodes, Place, Wires};

/// Answers a question, in bytes, for a piece that this process holds.
pub type Answers<'a> = dyn FnMut(usize, &[u8]) -> Result<Vec<u8>, String> + Send + 'a;

/// A process's part in a fit.
pub struct Held<'a> {
    /// Pieces that V is cut into; [`share`] says which of them are here.
    pub pieces: usize,
    /// Threads to work with beside what `answers` does; `None` takes all processors.
    pub threads: Option<NonZeroUsize>,
    /// What the pieces here say.
    pub answers: &'a mut Answers<'a>,
}

/// The pieces that the process of a rank holds: as many as any other or one more, and at rank 0 the first.
pub fn share(rank: usize, processes: usize, pieces: usize) -> Range<usize> {
    let bound = |rank: usize| (pieces * rank).div_ceil(processes);
    bound(rank)..bound(rank + 1)
}

/// What the lead broadcasts before a question.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// There are no more questions.
    End,
    /// A question to all pieces, whose answers are added.
    Sum,
    /// A question to all pieces, whose answers come one by one.
    Each,
    /// Questions of their own to all pieces, which come one by one, as their answers do.
    Own,
    /// A question to all pieces, whose answers are added in slices of H. Behind it are the columns and rows of H.
    Slices,
}

/// The process that asks, with the pieces that it holds itself. Dropped, it lets the others go.
pub struct Lead<'a> {
    job: &'a Job,
    held: Held<'a>,
    gathers: bool,
}

impl<'a> Lead<'a> {
    /// Asks all processes, which must [`serve`]. W comes here if it `gathers`, and else its rows stay where those of V are.
    pub fn new(job: &'a Job, held: Held<'a>, gathers: bool) -> Self {
        Self { job, held, gathers }
    }

    fn tell(&self, kind: Kind, question: &[&[u8]]) {
        // The kind comes behind, so that the question need not move.
        let mut message = question.concat();
        message.push(kind as u8);
        self.job.broadcast(&mut message);
    }

    /// Where each piece is.
    fn shares(&self) -> Vec<Range<usize>> {
        let size = self.job.size();
        let shares = (0..size).map(|rank| share(rank, size, self.held.pieces));
        shares.collect()
    }

    fn received(&self, rank: usize) -> Answer {
        let answer = self.job.receive_answer(rank);
        answer.map_err(|reason| format!("the process of rank {rank}: {reason}"))
    }
}

impl Transport for Lead<'_> {
    fn partitions(&self) -> usize {
        self.held.pieces
    }

    fn ask_each(&mut self, _: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let same = questions.windows(2).all(|pair| pair[0] == pair[1]);
        let mut found: Vec<Answer> = vec![Ok(Vec::new()); self.held.pieces];
        let shares = self.shares();
        if same {
            self.tell(Kind::Each, &[questions[0]]);
            for piece in shares[0].clone() {
                found[piece] = (self.held.answers)(piece, questions[0]);
            }
            for (rank, share) in shares.iter().enumerate().skip(1) {
                for piece in share.clone() {
                    found[piece] = self.received(rank);
                }
            }
        } else {
            self.tell(Kind::Own, &[]);
            let most = shares.iter().map(Range::len).max().unwrap_or(0);
            // Its own last, while the others are at work.
            let others = || shares.iter().enumerate().skip(1);
            for place in 0..most {
                let at = |share: &Range<usize>| share.clone().nth(place);
                for (rank, share) in others() {
                    if let Some(piece) = at(share) {
                        self.job.send(rank, questions[piece]);
                    }
                }
                if let Some(piece) = at(&shares[0]) {
                    found[piece] = (self.held.answers)(piece, questions[piece]);
                }
                for (rank, share) in others() {
                    if let Some(piece) = at(share) {
                        found[piece] = self.received(rank);
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    fn ask(&mut self, _: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        self.tell(Kind::Sum, &[question]);
        let sum = tree::sum(nodes(self.job, &mut self.held, question), self.job);
        sum.expect("the sum comes to the lead")
    }

    fn processes(&self) -> usize {
        self.job.size()
    }

    fn ask_in_slices(
        &mut self,
        _: &str,
        question: &[u8],
        slices: &Slices,
    ) -> Result<Vec<Vec<u8>>, String> {
        let (columns, rank) = slices.shape();
        let shape = [columns, rank].map(|length| (length as u64).to_le_bytes());
        self.tell(Kind::Slices, &[question, shape.as_flattened()]);
        let own = step(self.job, &mut self.held, question, slices);
        let others = (1..slices.count()).map(|rank| self.received(rank));
        own.into_iter().chain(others).collect()
    }

    fn checkpoint(&self) -> Option<usize> {
        None
    }

    fn loses(&self) -> bool {
        false
    }

    fn gathers(&self) -> bool {
        self.gathers
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // On a panic the job ends without a word.
        if !std::thread::panicking() {
            self.tell(Kind::End, &[]);
        }
    }
}

/// Answers the questions of the lead until there are no more.
pub fn serve(job: &Job, mut held: Held<'_>) {
    let share = share(job.rank(), job.size(), held.pieces);
    let mut question = Vec::new();
    loop {
        job.broadcast(&mut question);
        match question.pop() {
            Some(kind) if kind == Kind::Sum as u8 => {
                tree::sum(nodes(job, &mut held, &question), job);
            }
            Some(kind) if kind == Kind::Slices as u8 => {
                let [rank, columns] = [0; 2].map(|_: u64| length_off(&mut question));
                let slices = Slices::of(columns, rank, job.size());
                let slices = slices.expect("the lead has cut such an H");
                if let Some(step) = step(job, &mut held, &question, &slices) {
                    job.send_answer(0, &step);
                }
            }
            Some(kind) if kind == Kind::Each as u8 => {
                for piece in share.clone() {
                    job.send_answer(0, &(held.answers)(piece, &question));
                }
            }
            Some(kind) if kind == Kind::Own as u8 => {
                for piece in share.clone() {
                    let question = job.receive(0);
                    job.send_answer(0, &(held.answers)(piece, &question));
                }
            }
            _ => return,
        }
    }
}

/// Takes a length off the end of a message.
fn length_off(message: &mut Vec<u8>) -> usize {
    let length = message.split_off(message.len() - size_of::<u64>());
    let length = length.try_into().map(u64::from_le_bytes);
    length.expect("as many bytes as were taken") as usize
}

/// The answers of the pieces here, added as far as these say.
fn nodes<'j>(
    job: &'j Job,
    held: &mut Held<'_>,
    question: &[u8],
) -> Nodes<Answer, impl Fn(Answer, Answer) -> Answer + use<'j>> {
    let (rank, size, pieces) = (job.rank(), job.size(), held.pieces);
    let mut nodes = Nodes::new(Place { rank, size, pieces }, |first, second| {
        let (first, second): (Vec<u8>, Vec<u8>) = (first?, second?);
        let sum = job.at_work(|| add(&[&first, &second]));
        sum.map_err(|error| error.to_string())
    });
    for piece in share(rank, size, pieces) {
        let answer = job.at_work(|| (held.answers)(piece, question));
        let answer = answer.map_err(|reason| format!("the process of rank {rank}: {reason}"));
        nodes.put((0, piece), answer);
    }
    nodes
}

/// The step of the columns of this process's slice, if it has one.
fn step(job: &Job, held: &mut Held<'_>, question: &[u8], slices: &Slices) -> Option<Answer> {
    let cut = |answer: &[u8]| {
        let parts = job.at_work(|| slices.cut(answer));
        parts.map_err(|error| error.to_string())
    };
    let nodes = nodes(job, held, question);
    let sum = tree::sum_in_slices(nodes, slices.count(), cut, job)?;
    let step = |sum: Vec<u8>| {
        let step = || slices.step(job.rank(), question, &sum, held.threads);
        job.at_work(step).map_err(|error| error.to_string())
    };
    Some(sum.and_then(step))
}

/// A byte behind an answer says whether it is one.
impl Wires for Job {
    fn send(&self, to: usize, answer: &Answer) {
        self.send_answer(to, answer);
    }

    fn receive(&self, from: usize) -> Answer {
        self.receive_answer(from)
    }

    fn exchange(&self, to: usize, answer: &Answer, from: usize) -> Answer {
        let (bytes, good) = flat(answer);
        let received = Self::exchange(self, to, bytes, from);
        let good = Self::exchange(self, to, &[good], from);
        answer_of(received, &good)
    }
}

fn flat(answer: &Answer) -> (&[u8], u8) {
    match answer {
        Ok(bytes) => (bytes, 1),
        Err(reason) => (reason.as_bytes(), 0),
    }
}

fn answer_of(bytes: Vec<u8>, good: &[u8]) -> Answer {
    match good {
        [1] => Ok(bytes),
        _ => Err(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

impl Job {
    fn send_answer(&self, to: usize, answer: &Answer) {
        let (bytes, good) = flat(answer);
        Self::send(self, to, bytes);
        Self::send(self, to, &[good]);
    }

    fn receive_answer(&self, from: usize) -> Answer {
        let bytes = Self::receive(self, from);
        answer_of(bytes, &Self::receive(self, from))
    }
}
