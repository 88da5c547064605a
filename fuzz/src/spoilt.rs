//! Bytes that the engine wrote itself, with something wrong in them: what is kept of many fits, and messages between processes.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use partwise::remote::{Partition, Transport};
use partwise::{Float, Matrix, SurveyObserver, SurveyProgress};

use crate::checked;

/// Changes a few bytes, or cuts some off.
pub fn spoil(input: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..input.int_in_range(0..=3)? {
        if let Some(last) = bytes.len().checked_sub(1) {
            let at = input.int_in_range(0..=last)?;
            bytes[at] = input.arbitrary()?;
        }
    }
    if input.arbitrary()? {
        bytes.truncate(input.int_in_range(0..=bytes.len())?);
    }
    Ok(())
}

/// Keeps the records of many fits, and ends them after some iterations.
#[derive(Debug)]
pub struct Records {
    /// What was kept.
    pub kept: Vec<Vec<u8>>,
    /// Iterations that are left.
    pub left: usize,
}

impl SurveyObserver for Records {
    fn observe(&mut self, _: &SurveyProgress) -> ControlFlow<()> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep(&mut self, record: &[u8]) {
        self.kept.push(record.to_vec());
    }
}

/// Partitions in this process, one message of which is spoilt on its way.
#[derive(Debug)]
pub struct Tampering<'a, 'b, T: Float> {
    v: Matrix<'a, T>,
    partitions: Vec<Partition<T>>,
    input: Unstructured<'b>,
    /// Rounds until then.
    left: usize,
}

impl<'a, 'b, T: Float> Tampering<'a, 'b, T> {
    /// A V of the same block twice.
    pub fn new(v: Matrix<'a, T>, input: &mut Unstructured<'b>) -> Result<Self> {
        let left = input.int_in_range(0..=20)?;
        let length = input.len();
        let partition = |index| Partition::new(index, Some(NonZeroUsize::MIN));
        Ok(Self {
            v,
            partitions: (0..2).map(partition).collect(),
            input: Unstructured::new(input.bytes(length)?),
            left,
        })
    }
}

impl<T: Float> Transport for Tampering<'_, '_, T> {
    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn ask_each(
        &mut self,
        _: &str,
        questions: &[&[u8]],
    ) -> std::result::Result<Vec<Vec<u8>>, String> {
        let here = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        let mut questions: Vec<Vec<u8>> = questions.iter().map(|asked| asked.to_vec()).collect();
        let in_question = self.input.arbitrary().unwrap_or(true);
        if here && in_question {
            let _ = spoil(&mut self.input, &mut questions[0]);
        }
        let mut answers = Vec::new();
        for (partition, question) in self.partitions.iter_mut().zip(&questions) {
            let answer = partition.answer(&self.v, question);
            answers.push(checked(answer).ok_or("refused")?);
        }
        if here && !in_question {
            let _ = spoil(&mut self.input, &mut answers[0]);
        }
        Ok(answers)
    }
}
