//! A V in partitions that are elsewhere, as far as anyone can tell: in this process, but nothing but bytes passes between.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use super::{Storage, Stored, bits, uniform};
use partwise::remote::{FAN_IN, Partition, Slices, Transport, add};
use partwise::{Dense, Error, Factorization, Float, Nmf, Progress, Start};
use rand_chacha::ChaCha8Rng;

/// Blocks of rows in this process, asked as if they were elsewhere: nothing but bytes passes between.
pub struct Elsewhere<'a, T: Float> {
    blocks: &'a [Stored<T>],
    pub partitions: Vec<Partition<T>>,
    pub checkpoint: Option<usize>,
    /// What befalls the partitions, and how often; none if there is nobody to draw it.
    pub fate: Option<ChaCha8Rng>,
    pub losses: usize,
    pub names: Vec<String>,
    /// Refuses every question from this one on.
    pub refuses: Option<usize>,
    /// Whether the rows of W come to the driver.
    pub gathers: bool,
    /// Whether partitions may be lost, and what leads to their rows is kept.
    pub loses: bool,
    /// Processes that H is cut for, and steps that were taken in slices.
    pub processes: usize,
    pub sliced: usize,
    /// That of the rows that the last fit ended with.
    version: Option<u64>,
}

impl<'a, T: Float> Elsewhere<'a, T> {
    pub fn new(blocks: &'a [Stored<T>]) -> Self {
        let partitions = (0..blocks.len()).map(Self::empty);
        Self {
            blocks,
            partitions: partitions.collect(),
            checkpoint: Some(4),
            fate: None,
            losses: 0,
            names: Vec::new(),
            refuses: None,
            gathers: false,
            loses: true,
            processes: 1,
            sliced: 0,
            version: None,
        }
    }

    fn empty(index: usize) -> Partition<T> {
        Partition::new(index, NonZeroUsize::new(1))
    }

    /// A partition is lost, before or after it answers, or goes on in another place; or is asked twice.
    fn answer(&mut self, index: usize, question: &[u8]) -> Result<Vec<u8>, String> {
        let block = self.blocks[index].matrix();
        let fate = self.fate.as_mut().map_or(1.0, uniform);
        if fate < 0.04 {
            self.partitions[index] = Self::empty(index);
            self.losses += 1;
        } else if fate < 0.1
            && let Some(saved) = self.partitions[index].save()
        {
            self.partitions[index] = Self::empty(index);
            self.partitions[index].load(&saved).unwrap();
        }
        let answer = self.partitions[index].answer(&block, question);
        if (0.1..0.14).contains(&fate) {
            self.partitions[index] = Self::empty(index);
            self.losses += 1;
        } else if (0.14..0.2).contains(&fate) {
            return self.partitions[index]
                .answer(&block, question)
                .map_err(|e| e.to_string());
        }
        answer.map_err(|error| error.to_string())
    }

    /// W, from the partitions that have it.
    pub fn w(&self, rank: usize) -> Dense<T> {
        let rows = self.partitions.iter().map(|partition| match self.version {
            Some(version) => partition.rows_of(version).unwrap(),
            None => partition.rows().unwrap(),
        });
        let values: Vec<T> = rows.flat_map(|rows| rows.as_slice().to_vec()).collect();
        let count = values.len() / rank;
        Dense::from_rows(values, count, rank).unwrap()
    }
}

impl<T: Float> Transport for Elsewhere<'_, T> {
    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn ask_each(&mut self, name: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        self.names.push(name.to_owned());
        if self.refuses.is_some_and(|from| self.names.len() > from) {
            return Err("the cluster is gone".to_owned());
        }
        let questions = questions.iter().enumerate();
        questions
            .map(|(index, question)| self.answer(index, question))
            .collect()
    }

    fn ask(&mut self, name: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        in_groups(self.ask_each(name, &vec![question; self.partitions.len()])?)
    }

    fn processes(&self) -> usize {
        self.processes
    }

    /// Adds each slice alone, as processes do that answer for one.
    fn ask_in_slices(
        &mut self,
        name: &str,
        question: &[u8],
        slices: &Slices,
    ) -> Result<Vec<Vec<u8>>, String> {
        self.sliced += 1;
        let answers = self.ask_each(name, &vec![question; self.partitions.len()])?;
        let cut = answers.iter().map(|answer| slices.cut(answer).unwrap());
        let cut: Vec<_> = cut.collect();
        let step = |index: usize| {
            let sum = in_groups(cut.iter().map(|parts| parts[index].clone()).collect())?;
            let step = slices.step(index, question, &sum, NonZeroUsize::new(1));
            step.map_err(|error| error.to_string())
        };
        (0..slices.count()).map(step).collect()
    }

    fn checkpoint(&self) -> Option<usize> {
        self.checkpoint
    }

    fn ended(&mut self, version: u64) {
        self.version = Some(version);
    }

    fn loses(&self) -> bool {
        self.loses
    }

    fn gathers(&self) -> bool {
        self.gathers
    }
}

/// Adds answers in groups, as those who share the work do.
fn in_groups(mut answers: Vec<Vec<u8>>) -> Result<Vec<u8>, String> {
    loop {
        let groups = answers.chunks(FAN_IN).map(|group| {
            let group: Vec<_> = group.iter().map(Vec::as_slice).collect();
            add(&group).map_err(|error| error.to_string())
        });
        answers = groups.collect::<Result<_, _>>()?;
        if answers.len() == 1 {
            return Ok(answers.remove(0));
        }
    }
}

pub fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Rows of a matrix in blocks of these lengths.
pub fn blocks<T: Float>(v: &Dense<T>, lengths: &[usize], storage: Storage) -> Vec<Stored<T>> {
    let mut from = 0;
    let blocks = lengths.iter().map(|&length| {
        let values = v.as_slice()[from * v.cols()..(from + length) * v.cols()].to_vec();
        from += length;
        Stored::of(
            &Dense::from_rows(values, length, v.cols()).unwrap(),
            storage,
        )
    });
    let blocks = blocks.collect();
    assert_eq!(from, v.rows());
    blocks
}

pub fn here<T: Float>(nmf: &Nmf, blocks: &[Stored<T>], start: Start<'_, T>) -> Factorization<T> {
    // Only partitions may be empty.
    let full = blocks.iter().filter(|block| block.rows > 0);
    let matrices: Vec<_> = full.map(Stored::matrix).collect();
    nmf.fit_with(&matrices, start, &mut go_on).unwrap()
}

pub fn there<T: Float>(
    nmf: &Nmf,
    transport: &mut Elsewhere<'_, T>,
    start: Start<'_, T>,
) -> Result<Factorization<T>, Error> {
    nmf.fit_remote(transport, start, &mut go_on)
}

/// Fits here and there, and fails unless every bit agrees.
pub fn check<T: Float>(
    nmf: &Nmf,
    blocks: &[Stored<T>],
    start: Start<'_, T>,
    rank: usize,
    what: &str,
) {
    let expected = here(nmf, blocks, start);
    let mut transport = Elsewhere::new(blocks);
    let mut found = there(nmf, &mut transport, start).unwrap();
    assert_eq!((found.w.rows(), found.w.cols()), (0, rank), "{what}");
    found.w = transport.w(rank);
    assert!(bits(&found) == bits(&expected), "{what}");
    assert_eq!(
        (found.solver, found.init, found.stop),
        (expected.solver, expected.init, expected.stop)
    );
}
