//! Blocks of rows that are elsewhere: questions go there and answers come back, as bytes, and the factors have the bits of a fit here.
//!
//! `cargo run --release -p partwise --example remote`. `partwise-mpi` and the Python package carry the bytes to other processes.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::remote::{Partition, Transport, piece};
use partwise::{Error, Matrix, Nmf, Start};

const ROWS: usize = 600;
const COLS: usize = 40;
const WORKERS: usize = 3;

/// What a worker has: rows of V, and what it remembers of their rows of W from one question to the next.
struct Worker {
    rows: Vec<f64>,
    partition: Partition<f64>,
}

impl Worker {
    fn answer(&mut self, question: &[u8]) -> Result<Vec<u8>, Error> {
        let v = Matrix::row_major(&self.rows, self.rows.len() / COLS, COLS)?;
        self.partition.answer(&v, question)
    }
}

/// Workers in this process, who could be anywhere: nothing but bytes goes to them and comes from them.
struct Elsewhere {
    workers: Vec<Worker>,
    questions: usize,
    bytes: usize,
    /// That of the rows of W that the fit ended with.
    version: u64,
}

impl Transport for Elsewhere {
    fn partitions(&self) -> usize {
        self.workers.len()
    }

    fn ask_each(&mut self, _: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        self.questions += 1;
        // A worker is lost on the way. Another one gets its rows of V, but those of W are gone: they are made again.
        if self.questions == 40 {
            self.workers[1].partition = Partition::new(1, None);
        }
        let mut answers = Vec::new();
        for (worker, question) in self.workers.iter_mut().zip(questions) {
            let answer = worker.answer(question).map_err(|error| error.to_string())?;
            self.bytes += question.len() + answer.len();
            answers.push(answer);
        }
        Ok(answers)
    }

    fn ended(&mut self, version: u64) {
        self.version = version;
    }
}

fn main() -> Result<(), Error> {
    let wave = |at: usize, t: usize| ((at / COLS * (t + 3) + at % COLS * (t + 1)) % 9) as f64;
    let values = (0..ROWS * COLS).map(|at| (0..4).map(|t| wave(at, t)).sum());
    let values: Vec<f64> = values.collect();
    let pieces = (0..WORKERS).map(|index| piece(ROWS, WORKERS, index));
    let blocks: Vec<&[f64]> = pieces
        .map(|rows| &values[rows.start * COLS..rows.end * COLS])
        .collect();

    let workers = blocks.iter().enumerate().map(|(index, block)| Worker {
        rows: block.to_vec(),
        partition: Partition::new(index, None),
    });
    let mut elsewhere = Elsewhere {
        workers: workers.collect(),
        questions: 0,
        bytes: 0,
        version: 0,
    };
    let nmf = Nmf::new(5);
    let there = nmf.fit_remote(&mut elsewhere, Start::<f64>::default(), &mut ())?;
    println!(
        "elsewhere: relative error {:.4}, {} questions, {} bytes",
        there.relative_error, elsewhere.questions, elsewhere.bytes
    );
    assert!(elsewhere.questions > 40, "a worker was lost");

    let matrices = blocks
        .iter()
        .map(|&block| Matrix::row_major(block, block.len() / COLS, COLS))
        .collect::<Result<Vec<_>, _>>()?;
    let here = nmf.fit_with(&matrices, Start::default(), &mut ())?;
    println!("here: relative error {:.4}", here.relative_error);
    assert_eq!(there.h.as_slice(), here.h.as_slice(), "H has the same bits");
    // W has stayed with the workers.
    let mut w = Vec::new();
    for worker in &elsewhere.workers {
        let rows = worker.partition.rows_of(elsewhere.version);
        w.extend_from_slice(rows.expect("no worker was lost since").as_slice());
    }
    assert_eq!(w, here.w.as_slice(), "W has the same bits");
    Ok(())
}
