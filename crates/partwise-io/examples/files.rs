//! From a file to a model in a file: whatever kind of matrix it is, in memory and where it lies.
//!
//! `cargo run --release -p partwise-io --example files`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use partwise::Nmf;
use partwise_io::{
    AnyDense, AnyMatrix, Dense, Dtype, MatrixToWrite, Model, Order, ReadOptions, Stored, convert,
    describe, read, read_model, write, write_model,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("counts.csv");
    let values: Vec<f64> = (0..60 * 20).map(|at| (at * 7 % 11) as f64).collect();
    let names: Vec<String> = (0..20).map(|j| format!("gene {j}")).collect();
    write(
        &path,
        &MatrixToWrite {
            rows: 60,
            cols: 20,
            values: values[..].into(),
            row_names: None,
            col_names: Some(&names),
        },
    )?;

    let options = ReadOptions {
        dtype: Dtype::F64,
        ..ReadOptions::default()
    };
    println!("{:?}", describe(&path, &options)?);
    let table = read(&path, &options)?;
    let AnyMatrix::F64(matrix) = &table.matrix else {
        unreachable!("f64 was asked for");
    };
    let nmf = Nmf::new(4).max_iter(50);
    let fit = nmf.fit(&matrix.view()?)?;

    // The same from a store, of which a few blocks of rows are in memory at a time.
    let store = folder.path().join("counts.pws");
    convert(&path, &store, &options, true, &mut |_| true)?;
    let stored = Stored::open(&store, Dtype::F64)?.expect("a store stays where it is");
    let there = nmf.fit(&stored.view::<f64>())?;
    assert_eq!(fit.w.as_slice(), there.w.as_slice(), "the bits of memory");

    let factor = |factor: &partwise::Dense<f64>| {
        AnyDense::F64(Dense {
            rows: factor.rows(),
            cols: factor.cols(),
            order: Order::RowMajor,
            data: factor.as_slice().to_vec(),
        })
    };
    let saved = folder.path().join("model.npz");
    let model = Model {
        w: factor(&fit.w),
        h: factor(&fit.h),
        c: None,
        classes: None,
        meta: serde_json::json!({ "seed": 0 }),
        row_names: None,
        col_names: table.col_names,
    };
    write_model(&saved, &model)?;
    assert_eq!(read_model(&saved)?, model);
    println!(
        "relative error {:.3}, kept in {}",
        fit.relative_error,
        saved.display()
    );
    Ok(())
}
