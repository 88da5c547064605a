//! A matrix that stays in its file: the engine asks for rows, and has a few blocks of them in memory.
//!
//! `cargo run --release -p partwise --example disk`. `partwise-io` does this for many kinds of files.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use partwise::{Matrix, Nmf, RowBlocks};

const ROWS: usize = 4000;
const COLS: usize = 50;

/// Rows of numbers of eight bytes, one after another.
struct OnDisk(Mutex<File>);

impl RowBlocks<f64> for OnDisk {
    fn rows(&self) -> usize {
        ROWS
    }

    fn cols(&self) -> usize {
        COLS
    }

    fn read(&self, first: usize, out: &mut [f64]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut bytes = vec![0; size_of_val(out)];
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start((first * COLS * size_of::<f64>()) as u64))?;
        file.read_exact(&mut bytes)?;
        for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *value = f64::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let wave = |at: usize, t: usize| ((at / COLS * (t + 3) + at % COLS * (t + 1)) % 9) as f64;
    let values = (0..ROWS * COLS).map(|at| (0..3).map(|t| wave(at, t)).sum());
    let values: Vec<f64> = values.collect();
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut file = tempfile::tempfile()?;
    file.write_all(&bytes)?;

    let nmf = Nmf::new(5).max_iter(20);
    let read = nmf.fit(&Matrix::streamed(&OnDisk(Mutex::new(file))))?;
    println!("from the file: relative error {:.4}", read.relative_error);
    let held = nmf.fit(&Matrix::row_major(&values, ROWS, COLS)?)?;
    assert_eq!(read.w.as_slice(), held.w.as_slice(), "the bits of memory");
    Ok(())
}
