//! The two sides of a question: the process that asks, and those that answer.

use std::ops::Range;

use partwise::remote::{Transport, add};

use crate::job::Job;
use crate::tree::{self, Answer, Place, Wires};

/// Answers a question, in bytes, for a piece that this process holds.
pub type Answers<'a> = dyn FnMut(usize, &[u8]) -> Result<Vec<u8>, String> + Send + 'a;

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
}

/// The process that asks, with the pieces that it holds itself. Dropped, it lets the others go.
pub struct Lead<'a> {
    job: &'a Job,
    pieces: usize,
    answers: &'a mut Answers<'a>,
}

impl<'a> Lead<'a> {
    /// Asks all processes, which must [`serve`], for so many pieces.
    pub fn new(job: &'a Job, pieces: usize, answers: &'a mut Answers<'a>) -> Self {
        Self {
            job,
            pieces,
            answers,
        }
    }

    fn tell(&self, kind: Kind, question: &[u8]) {
        // The kind comes behind, so that the question need not move.
        let mut message = Vec::with_capacity(question.len() + 1);
        message.extend_from_slice(question);
        message.push(kind as u8);
        self.job.broadcast(&mut message);
    }

    /// Where each piece is.
    fn shares(&self) -> Vec<Range<usize>> {
        let size = self.job.size();
        let shares = (0..size).map(|rank| share(rank, size, self.pieces));
        shares.collect()
    }

    fn received(&self, rank: usize) -> Answer {
        let answer = self.job.receive_answer(rank);
        answer.map_err(|reason| format!("the process of rank {rank}: {reason}"))
    }
}

impl Transport for Lead<'_> {
    fn partitions(&self) -> usize {
        self.pieces
    }

    fn ask_each(&mut self, _: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        let same = questions.windows(2).all(|pair| pair[0] == pair[1]);
        let mut found: Vec<Answer> = vec![Ok(Vec::new()); self.pieces];
        let shares = self.shares();
        if same {
            self.tell(Kind::Each, questions[0]);
            for piece in shares[0].clone() {
                found[piece] = (self.answers)(piece, questions[0]);
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
                    found[piece] = (self.answers)(piece, questions[piece]);
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
        self.tell(Kind::Sum, question);
        let sum = summed(self.job, self.pieces, self.answers, question);
        sum.expect("the sum comes to the lead")
    }

    fn checkpoint(&self) -> Option<usize> {
        None
    }

    fn loses(&self) -> bool {
        false
    }

    fn gathers(&self) -> bool {
        true
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
pub fn serve(job: &Job, pieces: usize, answers: &mut Answers<'_>) {
    let share = share(job.rank(), job.size(), pieces);
    let mut question = Vec::new();
    loop {
        job.broadcast(&mut question);
        match question.pop() {
            Some(kind) if kind == Kind::Sum as u8 => {
                summed(job, pieces, answers, &question);
            }
            Some(kind) if kind == Kind::Each as u8 => {
                for piece in share.clone() {
                    job.send_answer(0, &answers(piece, &question));
                }
            }
            Some(kind) if kind == Kind::Own as u8 => {
                for piece in share.clone() {
                    let question = job.receive(0);
                    job.send_answer(0, &answers(piece, &question));
                }
            }
            _ => return,
        }
    }
}

/// The sum of all answers, at the lead.
fn summed(job: &Job, pieces: usize, answers: &mut Answers<'_>, question: &[u8]) -> Option<Answer> {
    let (rank, size) = (job.rank(), job.size());
    let place = Place { rank, size, pieces };
    let own = share(rank, size, pieces).map(|piece| {
        let answer = answers(piece, question);
        answer.map_err(|reason| format!("the process of rank {rank}: {reason}"))
    });
    let own = job.at_work(|| own.collect());
    let add = |parts: &[&[u8]]| job.at_work(|| add(parts).map_err(|error| error.to_string()));
    tree::sum(place, own, add, job)
}

/// A byte behind an answer says whether it is one.
impl Wires for Job {
    fn send(&self, to: usize, answer: &Answer) {
        self.send_answer(to, answer);
    }

    fn receive(&self, from: usize) -> Answer {
        self.receive_answer(from)
    }
}

impl Job {
    fn send_answer(&self, to: usize, answer: &Answer) {
        let (bytes, good) = match answer {
            Ok(bytes) => (&bytes[..], 1),
            Err(reason) => (reason.as_bytes(), 0),
        };
        Self::send(self, to, bytes);
        Self::send(self, to, &[good]);
    }

    fn receive_answer(&self, from: usize) -> Answer {
        let bytes = Self::receive(self, from);
        if Self::receive(self, from) == [1] {
            Ok(bytes)
        } else {
            Err(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}
