//! Parquet, Arrow, HDF5 and Zarr as pyarrow, h5py, AnnData and zarr write them.

use std::path::{Path, PathBuf};

use partwise_io::{Description, convert, describe, for_each_batch, read};
use partwise_io::{Dtype, Format, MatrixDescription, Precision, ReadOptions, Stored};
use serde_json::Value;

use crate::common::{assert_canonical, dense, same};

/// A file made by scripts/make_store_fixtures.py.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/formats")
        .join(name)
}

/// Whether the format of that file was built in.
fn is_known(name: &str) -> bool {
    let file = name.split('#').next().unwrap();
    Format::by_extension(Path::new(file)).is_some()
}

struct Expected {
    name: String,
    values: Vec<f64>,
    more: Value,
}

fn expected() -> Vec<Expected> {
    let text = |name| std::fs::read_to_string(fixture(name)).unwrap();
    let hex = |line: &str| -> Vec<f64> {
        let byte = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..line.len()).step_by(2).map(byte).collect();
        let words = bytes.chunks(8);
        words
            .map(|word| f64::from_le_bytes(word.try_into().unwrap()))
            .collect()
    };
    let values: Vec<Vec<f64>> = text("values.txt").lines().map(hex).collect();
    let all: serde_json::Map<String, Value> = serde_json::from_str(&text("expected.json")).unwrap();
    let all = all.into_iter().map(|(name, more)| Expected {
        values: values[more["values"].as_u64().unwrap() as usize].clone(),
        name,
        more,
    });
    all.filter(|one| is_known(&one.name)).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let names = value.as_array()?.iter();
    Some(
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
    )
}

impl Expected {
    fn shape(&self) -> (usize, usize) {
        let length = |at: usize| self.more["shape"][at].as_u64().unwrap() as usize;
        (length(0), length(1))
    }

    fn check(&self, table: &partwise_io::Table) {
        let name = &self.name;
        assert_eq!(table.matrix.shape(), self.shape(), "{name}");
        for (at, (found, &wanted)) in dense(&table.matrix)
            .into_iter()
            .zip(&self.values)
            .enumerate()
        {
            assert!(
                same(found, wanted),
                "{name}: entry {at} is {found} for {wanted}"
            );
        }
        assert_canonical(&table.matrix);
        assert_eq!(
            table.matrix.is_sparse(),
            self.more["sparse"] == true,
            "{name}"
        );
        assert_eq!(table.row_names, texts(&self.more["row_names"]), "{name}");
        assert_eq!(table.col_names, texts(&self.more["col_names"]), "{name}");
        let dtype = self.more["dtype"].as_str().unwrap_or("float64");
        assert_eq!(table.matrix.precision().name(), dtype, "{name}");
        if let Some(stored_as) = self.more["stored_as"].as_str() {
            assert_eq!(table.stored_as, stored_as, "{name}");
        }
    }
}

#[test]
fn every_matrix_is_read_as_it_was_written() {
    let all = expected();
    for one in &all {
        let table = read(fixture(&one.name), &ReadOptions::default());
        one.check(&table.unwrap_or_else(|error| panic!("{error}")));
    }
    let formats = Format::all().count();
    assert!(
        formats < 12 || all.len() > 50,
        "only {} matrices",
        all.len()
    );
}

#[test]
fn a_store_of_every_matrix_holds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("v.pws");
    for one in &expected() {
        let options = ReadOptions {
            memory_limit: Some(64 << 20),
            ..ReadOptions::default()
        };
        let made = convert(fixture(&one.name), &store, &options, true, &mut |_| true);
        assert!(
            !made.unwrap_or_else(|error| panic!("{error}")).held,
            "{}",
            one.name
        );
        one.check(&read(&store, &ReadOptions::default()).unwrap());
    }
}

#[test]
fn rows_come_in_batches() {
    for one in &expected() {
        let mut rows = 0;
        for_each_batch(
            fixture(&one.name),
            &ReadOptions::default(),
            8,
            &mut |batch| {
                rows += batch.rows;
                assert_eq!(batch.cols, one.shape().1);
                true
            },
        )
        .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rows, one.shape().0, "{}", one.name);
    }
}

/// A fit of a matrix that stays in its file has the bits of one in memory, in either precision.
#[test]
fn a_fit_on_disk_is_one_in_memory() {
    let nmf = partwise::Nmf::new(2)
        .max_iter(4)
        .solver("hals".parse().unwrap());
    for one in &expected() {
        if one.values.iter().any(|&value| value < 0.0) {
            continue;
        }
        for dtype in [Dtype::F32, Dtype::F64] {
            let options = ReadOptions {
                dtype,
                ..ReadOptions::default()
            };
            let Some(stored) = Stored::open_with(fixture(&one.name), &options).unwrap() else {
                // Columns of a sparse matrix are no rows.
                assert!(one.name.ends_with("#layers/counts"), "{}", one.name);
                continue;
            };
            assert_eq!(stored.shape(), one.shape(), "{}", one.name);
            assert_eq!(
                stored.is_sparse(),
                one.more["sparse"] == true,
                "{}",
                one.name
            );
            assert_eq!(
                stored.names().0.map(<[String]>::to_vec),
                texts(&one.more["row_names"])
            );
            assert_eq!(
                stored.names().1.map(<[String]>::to_vec),
                texts(&one.more["col_names"])
            );
            let table = read(fixture(&one.name), &options).unwrap();
            match (stored.precision(), &table.matrix) {
                (Precision::F32, partwise_io::AnyMatrix::F32(matrix)) => {
                    let (there, here) = (
                        nmf.fit(&stored.view::<f32>()),
                        nmf.fit(&matrix.view().unwrap()),
                    );
                    let (there, here) = (there.unwrap(), here.unwrap());
                    assert_eq!(there.w.as_slice(), here.w.as_slice(), "{}", one.name);
                    assert_eq!(there.h.as_slice(), here.h.as_slice(), "{}", one.name);
                }
                (Precision::F64, partwise_io::AnyMatrix::F64(matrix)) => {
                    let (there, here) = (
                        nmf.fit(&stored.view::<f64>()),
                        nmf.fit(&matrix.view().unwrap()),
                    );
                    let (there, here) = (there.unwrap(), here.unwrap());
                    assert_eq!(there.w.as_slice(), here.w.as_slice(), "{}", one.name);
                    assert_eq!(there.h.as_slice(), here.h.as_slice(), "{}", one.name);
                }
                other => panic!("{}: {other:?}", one.name),
            }
        }
    }
}

#[test]
fn a_description_names_the_format() {
    for (name, format) in [
        ("index.parquet", "parquet"),
        ("every.feather", "arrow"),
        ("cells.h5ad", "hdf5"),
        ("cells.zarr", "zarr"),
    ] {
        if is_known(name) {
            let described = describe(fixture(name), &ReadOptions::default()).unwrap();
            let Description::Matrix(MatrixDescription { format: found, .. }) = described else {
                panic!("{name} is no model");
            };
            assert_eq!(found, format);
        }
    }
}

/// The message, without the folder.
fn refusal(name: &str) -> String {
    let error = read(fixture(name), &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.replace(&fixture("").display().to_string(), "")
}

/// A field of the footer that no reader knows: a list of more booleans than anybody counts.
#[test]
fn a_parquet_file_with_a_list_of_booleans_is_refused() {
    if !is_known("index.parquet") {
        return;
    }
    let whole = std::fs::read(fixture("index.parquet")).unwrap();
    let (file, end) = whole.split_at(whole.len() - 8);
    let length = u32::from_le_bytes(end[..4].try_into().unwrap());
    let claim = [0x09, 40, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
    let (last, file) = file.split_last().unwrap();
    assert_eq!(*last, 0, "the end of the footer");
    let length = length + claim.len() as u32 - 1;
    let file = [file, &claim, &length.to_le_bytes(), b"PAR1"].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.parquet");
    std::fs::write(&path, file).unwrap();
    let error = read(&path, &ReadOptions::default()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("the footer has a list of booleans at byte "),
        "{error}"
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (name, wanted) in [
        (
            "bad_null.parquet",
            "bad_null.parquet: column 'gap' has no value (null) in row 2 (counted from 0); every entry must be a number",
        ),
        (
            "bad_null.feather",
            "bad_null.feather: column 'gap' has no value (null) in row 2 (counted from 0); every entry must be a number",
        ),
        (
            "bad_text.parquet",
            "bad_text.parquet: column 'kind' is of type Utf8; expected integers, floating point or booleans in every column but the first, which may have text, the names of rows",
        ),
        ("bad_lists.parquet", "column 'lists' is of type List"),
        (
            "bad_index.parquet",
            "bad_index.parquet: has an index of 2 columns; expected one at most",
        ),
        (
            "bad_no_numbers.parquet",
            "bad_no_numbers.parquet: holds no numbers",
        ),
        (
            "bad_feather1.feather",
            "bad_feather1.feather: is a Feather file of version 1; write it as version 2, which is Arrow's",
        ),
        (
            "bad_truncated_index.parquet",
            "bad_truncated_index.parquet: damaged or not what it seems: ",
        ),
        (
            "bad_truncated_every.feather",
            "bad_truncated_every.feather: damaged or not what it seems: has no end: it was cut off, or is still being written",
        ),
        (
            "index.parquet#X",
            "index.parquet: holds one matrix, and no array 'X'",
        ),
        (
            "cells.h5ad#layers/nothing",
            "cells.h5ad: holds no array 'layers/nothing'; it holds X, layers/counts, layers/dense, obsm/X_pca, raw/X",
        ),
        (
            "cells.zarr#layers/nothing",
            "cells.zarr: holds no array 'layers/nothing'; it holds X, layers/counts, layers/dense, obsm/X_pca, raw/X",
        ),
        (
            "cells.zarr#../only.zarr",
            "cells.zarr: holds no array '../only.zarr'; it holds X, ",
        ),
        (
            "chunked.h5",
            "chunked.h5: holds several arrays (grown, gzip, lzf); name the one to read, as in chunked.h5#grown",
        ),
        (
            "chunked.h5#flat",
            "chunked.h5: the array 'flat' is 1-d: expected 2-d (samples in rows, features in columns)",
        ),
        (
            "chunked.h5#texts",
            "chunked.h5: the array 'texts' holds texts, no numbers",
        ),
        (
            "chunked.h5#complex",
            "chunked.h5: the array 'complex' holds ",
        ),
        ("bad_truncated.h5", "bad_truncated.h5: "),
        (
            "bad_latest.h5",
            "bad_latest.h5#v: is HDF5 of a kind that cannot be read here (invalid data layout version: 5); \
             written with libver='v110' or older it could",
        ),
        (
            "group.zarr#flat",
            "group.zarr: the array 'flat' is 1-d: expected 2-d (samples in rows, features in columns)",
        ),
        (
            "group.zarr#blosc",
            "is Zarr of a kind that cannot be read here (codec blosc ",
        ),
    ] {
        if is_known(name) {
            let error = refusal(name);
            assert!(error.contains(wanted), "{error}\n  for {wanted}");
        }
    }
}

/// An array that a path names behind a `#`, in numpy's archives too; and a file with that sign in its name.
#[test]
fn a_path_may_name_an_array() {
    let folder = tempfile::tempdir().unwrap();
    let archive = crate::common::data("bad_ambiguous.npz");
    let named = |name: &str| format!("{}#{name}", archive.display());
    let left = read(named("left"), &ReadOptions::default()).unwrap();
    assert_eq!(left.matrix.shape(), (3, 2));
    let error = read(named("up"), &ReadOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("holds no array 'up'; it holds left, right"),
        "{error}"
    );
    let odd = folder.path().join("a#b.csv");
    std::fs::write(&odd, "1,2\n").unwrap();
    assert_eq!(
        read(&odd, &ReadOptions::default()).unwrap().matrix.shape(),
        (1, 2)
    );
    let error = read(folder.path().join("none.h5#X"), &ReadOptions::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("none.h5#X: no such file"),
        "{error}"
    );
}
