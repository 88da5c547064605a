//! Files of several bands, pages, batches, chunks and runs, made here: a fit that leaves them on disk has the bits of memory.
//!
//! Zarr, whose files need no writer, is in the tests of the program.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use hdf5_pure::{AttrValue, FileBuilder};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use partwise::{Matrix, Nmf};
use partwise_io::{AnyMatrix, Dtype, ReadOptions, Stored, read};

const ROWS: usize = 40_000;
const COLS: usize = 40;

/// Something above zero that does not repeat soon.
fn entry(i: usize) -> f64 {
    0.05 + (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4
}

/// That a fit of a file gives the same on disk as in memory.
fn same_bits(file: &Path, sparse: bool) {
    let name = file.display();
    let options = ReadOptions {
        dtype: Dtype::F64,
        ..ReadOptions::default()
    };
    let stored = Stored::open_with(file, &options).unwrap().unwrap();
    assert_eq!(stored.is_sparse(), sparse, "{name}");
    let (held, all) = (stored.memory(), stored.bytes_in_memory());
    assert!(held < all, "{name}: {held} of {all} bytes on the way");
    let AnyMatrix::F64(table) = read(file, &options).unwrap().matrix else {
        panic!("{name}: another precision");
    };
    for (solver, loss) in [("hals", "frobenius"), ("mu", "kl")] {
        let nmf = Nmf::new(4)
            .solver(solver.parse().unwrap())
            .loss(loss.parse().unwrap())
            .init("random".parse().unwrap())
            .max_iter(3)
            .tol(0.0);
        let fit = |matrix: &Matrix<'_, f64>| nmf.fit(matrix).unwrap();
        let (there, here) = (fit(&stored.view()), fit(&table.view().unwrap()));
        assert!(
            there.w.as_slice() == here.w.as_slice(),
            "{name}: another W of {solver}"
        );
        assert!(
            there.h.as_slice() == here.h.as_slice(),
            "{name}: another H of {solver}"
        );
        assert_eq!(there.objective, here.objective, "{name}: {solver}");
    }
}

/// Some rows of a table.
fn rows(schema: &Arc<Schema>, first: usize, count: usize) -> RecordBatch {
    let column = |col: usize| -> ArrayRef {
        let entries = (first..first + count).map(|row| entry(row * COLS + col));
        Arc::new(Float64Array::from_iter_values(entries))
    };
    RecordBatch::try_new(schema.clone(), (0..COLS).map(column).collect()).unwrap()
}

#[test]
fn a_table_of_many_groups_and_batches() {
    let folder = tempfile::tempdir().unwrap();
    let fields = (0..COLS).map(|col| Field::new(format!("c{col}"), DataType::Float64, false));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    // Bands of rows and groups of them end at other places.
    let batches = (0..ROWS)
        .step_by(3_000)
        .map(|first| rows(&schema, first, 3_000.min(ROWS - first)));

    let path = folder.path().join("v.parquet");
    let how = WriterProperties::builder()
        .set_max_row_group_row_count(Some(9_001))
        .set_data_page_row_count_limit(1_000)
        .build();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(how)).unwrap();
    for batch in batches.clone() {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    same_bits(&path, false);

    let path = folder.path().join("v.feather");
    let file = File::create(&path).unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new_buffered(file, &schema).unwrap();
    for batch in batches {
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    same_bits(&path, false);
}

#[test]
fn an_array_of_many_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f64> = (0..ROWS * COLS).map(entry).collect();
    for (name, packed) in [("plain.h5", false), ("packed.h5", true)] {
        let path = folder.path().join(name);
        let mut file = FileBuilder::new();
        let array = file.create_dataset("v").with_f64_data(&values);
        array.with_shape(&[ROWS as u64, COLS as u64]);
        if packed {
            array.with_chunks(&[700, COLS as u64]).with_deflate(1);
        }
        file.write(&path).unwrap();
        same_bits(&path, false);
    }
}

/// An array whose header is damaged does not stand in the way of the one that is named.
#[test]
fn an_array_beside_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.h5");
    let mut file = FileBuilder::new();
    for (name, rows) in [("good", 3), ("damaged", 12_345)] {
        let values: Vec<f64> = (0..rows * 4).map(entry).collect();
        let array = file.create_dataset(name).with_f64_data(&values);
        array.with_shape(&[rows as u64, 4]);
    }
    file.write(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let shape = 12_345_u64.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == shape).unwrap();
    bytes[at] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    let named = |name: &str| {
        let path = format!("{}#{name}", path.display());
        read(path, &ReadOptions::default())
    };
    assert_eq!(named("good").unwrap().matrix.shape(), (3, 4));
    let error = named("damaged").unwrap_err().to_string();
    assert!(error.contains("two.h5#damaged: "), "{error}");
}

/// A million entries by rows, as AnnData keeps them.
#[test]
fn a_sparse_matrix_of_many_chunks_and_runs() {
    const WIDTH: usize = 400;
    const PER_ROW: usize = 25;
    const GAP: usize = WIDTH / PER_ROW;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5ad");
    let stored = ROWS * PER_ROW;
    let index = |i: usize| {
        let (row, place) = (i / PER_ROW, i % PER_ROW);
        (place * GAP + (row * 31 + place * 17) % GAP) as i32
    };
    let mut file = FileBuilder::new();
    let mut x = file.create_group("X");
    x.set_attr("encoding-type", AttrValue::String("csr_matrix".into()));
    let shape = vec![ROWS as i64, WIDTH as i64];
    x.set_attr("shape", AttrValue::I64Array(shape));
    let values: Vec<f64> = (0..stored).map(entry).collect();
    x.create_dataset("data")
        .with_f64_data(&values)
        .with_shape(&[stored as u64])
        .with_chunks(&[70_000]);
    let indices: Vec<i32> = (0..stored).map(index).collect();
    x.create_dataset("indices")
        .with_i32_data(&indices)
        .with_shape(&[stored as u64])
        .with_chunks(&[90_000]);
    let bounds: Vec<i64> = (0..=ROWS).map(|row| (row * PER_ROW) as i64).collect();
    x.create_dataset("indptr")
        .with_i64_data(&bounds)
        .with_shape(&[ROWS as u64 + 1]);
    file.add_group(x.finish());
    file.write(&path).unwrap();
    same_bits(&path, true);
}
