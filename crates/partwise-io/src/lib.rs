//! Matrices and models in and out of files, atomically.
//!
//! - [`read`] takes a matrix V (samples in rows, features in columns) with the names of its rows and columns out of a file
//!   of any known [`Format`]: `.npy`, `.npz` (numpy's and scipy's), Matrix Market, CSV, TSV, plain text, pictures; text
//!   also through gzip and from standard input; behind the features `parquet`, `arrow`, `hdf5` and `zarr` those formats. What memory it
//!   takes is checked first.
//! - [`write`](write()) puts a matrix into a file, [`write_model`] and [`read_model`] a whole factorisation,
//!   [`write_atomically`] whatever you like: the file appears whole or not at all.
//! - [`Stored`] leaves a matrix in its files, from which a fit reads it a run of rows at a time: dense in `.npy` files and tables, dense
//!   or sparse in a store (`.pws`), HDF5 and Zarr.
//! - [`convert`](convert()) makes a store of any matrix, in one reading and with little memory where its format allows that.
//! - [`for_each_batch`] hands over the rows of a matrix while it is read.
//! - [`write_checkpoint`] and [`read_checkpoint`] keep what a program that may be killed has done so far.
//! - [`RecordFile`] keeps the same piece by piece.
//! - [`describe`] says what a file holds.
//!
//! Nothing here panics on any content of a file ([`panics_are_errors`]), and nothing in a file is ever executed.
//!
//! ```
//! use partwise_io::{MatrixToWrite, ReadOptions, read, write};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("v.csv");
//! let names = ["red".to_string(), "green".to_string()];
//! let matrix = MatrixToWrite {
//!     rows: 3,
//!     cols: 2,
//!     values: [1.0, 0.5, 0.0, 2.0, 0.1, 0.2][..].into(),
//!     row_names: None,
//!     col_names: Some(&names),
//! };
//! write(&path, &matrix)?;
//! let table = read(&path, &ReadOptions::default())?;
//! assert_eq!(table.matrix.shape(), (3, 2));
//! assert_eq!(table.col_names.as_deref(), Some(&names[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod atomic;
mod checkpoint;
mod convert;
mod delimited;
mod describe;
mod engine;
mod error;
mod format;
mod lines;
mod matrix;
mod memory;
mod model;
mod numpy;
mod real;
mod records;
mod rows;
mod scipy;
mod shared;
mod sorter;
mod source;
mod sparse;
mod store;
mod stored;
mod write;

pub use atomic::{remove_unfinished, write_atomically};
pub use checkpoint::{read_checkpoint, remove_checkpoint, write_checkpoint};
pub use convert::{Converted, Converting, convert, for_each_batch};
pub use describe::{Description, MatrixDescription, describe};
pub use error::Error;
pub use format::{Format, ReadOptions, check_writable, read, write};
pub use matrix::{
    AnyDense, AnyMatrix, Dense, Indices, Layout, Matrix, Order, Precision, Sparse, Table,
};
pub use model::{Classes, Model, read_model, write_model};
pub use real::Dtype;
pub use records::RecordFile;
pub use rows::panics_are_errors;
pub use store::Batch;
pub use stored::{Stored, Streams};
pub use write::{MatrixToWrite, Values};
