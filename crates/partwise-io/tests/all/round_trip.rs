//! What is written reads back, to the last bit; and a file is there whole or not at all.

use std::io::Write;
use std::path::Path;

use crate::common::{data, dense, same};
use partwise_io::{
    AnyDense, Classes, Dense, Description, Error, Format, MatrixToWrite, Model, Order, Precision,
    ReadOptions, Values, describe, read, read_model, write, write_atomically, write_model,
};
use proptest::prelude::*;

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Any number: all bit patterns, and often those that people use.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<f64>(),
        (0_u32..1000).prop_map(|count| f64::from(count) / 8.0),
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::MIN_POSITIVE / 8.0),
    ]
}

/// Names with everything that a table could trip over, but no line breaks.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ \t,;\"#'.0-9a-zß☃-]{0,6}",
        Just("nan".into()),
        Just("1".into()),
        Just("-inf".into())
    ]
}

#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    cols: usize,
    values: Vec<f64>,
    row_names: Option<Vec<String>>,
    col_names: Option<Vec<String>>,
}

fn case() -> impl Strategy<Value = Case> {
    (1_usize..6, 1_usize..6).prop_flat_map(|(rows, cols)| {
        (
            prop::collection::vec(number(), rows * cols),
            prop::option::of(prop::collection::vec(name(), rows)),
            prop::option::of(prop::collection::vec(name(), cols)),
        )
            .prop_map(move |(values, row_names, col_names)| Case {
                rows,
                cols,
                values,
                row_names,
                col_names,
            })
    })
}

impl Case {
    fn to_write<'a>(&'a self, values: Values<'a>) -> MatrixToWrite<'a> {
        MatrixToWrite {
            rows: self.rows,
            cols: self.cols,
            values,
            row_names: self.row_names.as_deref(),
            col_names: self.col_names.as_deref(),
        }
    }
}

fn writable() -> Vec<&'static str> {
    Format::all()
        .filter(|format| format.can_write())
        .flat_map(|format| format.extensions())
        .copied()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_survive_every_format(case in case()) {
        let folder = tempfile::tempdir().unwrap();
        let floats: Vec<f32> = case.values.iter().map(|value| *value as f32).collect();
        for extension in writable() {
            let path = folder.path().join(format!("v.{extension}"));
            for values in [Values::F64(&case.values), Values::F32(&floats)] {
                write(&path, &case.to_write(values)).unwrap();
                let table = read(&path, &ReadOptions {
                    dtype: match values { Values::F32(_) => partwise_io::Dtype::F32, Values::F64(_) => partwise_io::Dtype::F64 },
                    ..ReadOptions::default()
                }).unwrap();
                prop_assert_eq!(table.matrix.shape(), (case.rows, case.cols));
                let wanted: Vec<f64> = match values {
                    Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
                    Values::F64(values) => values.to_vec(),
                };
                for (found, wanted) in dense(&table.matrix).into_iter().zip(wanted) {
                    prop_assert!(same(found, wanted), "{}: {:?} became {:?}", extension, wanted, found);
                }
            }
        }
    }

    #[test]
    fn names_survive_tables_and_archives(case in case()) {
        let folder = tempfile::tempdir().unwrap();
        for extension in ["csv", "tsv", "npz"] {
            let path = folder.path().join(format!("v.{extension}"));
            write(&path, &case.to_write(Values::F64(&case.values))).unwrap();
            let options = ReadOptions {
                header: Some(case.col_names.is_some()),
                row_names: Some(case.row_names.is_some()),
                ..ReadOptions::default()
            };
            let found_out = read(&path, &ReadOptions::default()).unwrap();
            let table = read(&path, &options).unwrap();
            prop_assert_eq!(&table.row_names, &case.row_names);
            prop_assert_eq!(&table.col_names, &case.col_names);
            // Without being told: sure whenever an empty name does not look like an empty corner.
            let blank = case.row_names.iter().chain(&case.col_names).flatten().any(String::is_empty);
            if !blank {
                prop_assert_eq!(found_out.row_names, table.row_names, "{}", extension);
                prop_assert_eq!(found_out.col_names, table.col_names, "{}", extension);
            }
        }
    }

    #[test]
    fn models_survive(case in case(), rank in 1_usize..4, single in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.npz");
        let factor = |rows: usize, cols: usize, order| {
            let data: Vec<f64> = (0..rows * cols).map(|place| place as f64 / 3.0).collect();
            if single {
                AnyDense::F32(Dense { rows, cols, order, data: data.into_iter().map(|value| value as f32).collect() })
            } else {
                AnyDense::F64(Dense { rows, cols, order, data })
            }
        };
        let mut model = Model {
            w: factor(case.rows, rank, Order::RowMajor),
            h: factor(rank, case.cols, Order::RowMajor),
            c: (case.cols % 2 == 0).then(|| factor(rank, case.rows, Order::RowMajor)),
            classes: (case.rows % 2 == 0).then(|| Classes {
                parts: factor(rank, 2, Order::RowMajor),
                names: vec!["Ähre".to_owned(), String::new()],
            }),
            meta: serde_json::json!({"k": rank, "text": case.row_names.clone()}),
            row_names: case.row_names.clone(),
            col_names: case.col_names.clone(),
        };
        write_model(&path, &model).unwrap();
        prop_assert_eq!(&read_model(&path).unwrap(), &model);
        prop_assert_eq!(describe(&path, &ReadOptions::default()).unwrap(), Description::Model(Box::new(model.clone())));
        // A factor laid out by columns is the same factor.
        if let (AnyDense::F64(h), false) = (&mut model.h, single) {
            let rows = h.rows;
            let cols = h.cols;
            let by_rows = h.data.clone();
            h.order = Order::ColumnMajor;
            h.data = (0..rows * cols).map(|place| by_rows[(place % rows) * cols + place / rows]).collect();
            let wanted = Dense { rows, cols, order: Order::RowMajor, data: by_rows };
            write_model(&path, &model).unwrap();
            prop_assert_eq!(read_model(&path).unwrap().h, AnyDense::F64(wanted));
        }
    }
}

#[test]
fn a_matrix_whose_parts_do_not_fit_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.csv");
    let names = ["a".to_owned()];
    let broken = ["a\nb".to_owned(), "c".to_owned()];
    let values = [1.0, 2.0];
    let matrix = MatrixToWrite {
        rows: 1,
        cols: 2,
        values: values[..].into(),
        row_names: None,
        col_names: None,
    };
    for (matrix, problem) in [
        (
            MatrixToWrite { rows: 2, ..matrix },
            "2 values given for a matrix of 2 × 2",
        ),
        (
            MatrixToWrite {
                col_names: Some(&names),
                ..matrix
            },
            "1 column names given for 2 columns",
        ),
        (
            MatrixToWrite {
                col_names: Some(&broken),
                ..matrix
            },
            "the name \"a\\nb\" holds a line break, for which a table of text has no place",
        ),
    ] {
        let error = write(&path, &matrix).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {problem}", path.display()));
    }
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn a_failure_half_way_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    write_atomically(&path, |out| {
        out.write_all(b"old")
            .map_err(|source| failed(&path, source))
    })
    .unwrap();
    let outcome: Result<(), Error> = write_atomically(&path, |out| {
        out.write_all(&[b'x'; 1 << 20])
            .map_err(|source| failed(&path, source))?;
        Err(failed(&path, std::io::Error::other("the fit was stopped")))
    });
    assert!(outcome.is_err());
    assert_eq!(names_in(folder.path()), ["run.json"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        file: path.display().to_string(),
        source,
    }
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept_and_devices_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.txt");
    let put = |path: &Path, bytes: &'static [u8]| {
        write_atomically(path, |out| {
            out.write_all(bytes).map_err(|source| failed(path, source))
        })
        .unwrap();
    };
    put(&path, b"1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(folder.path().join("plain"), "").unwrap();
    assert_eq!(
        mode(&path),
        mode(&folder.path().join("plain")),
        "a new file is as readable as any"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.txt");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    put(&link, b"2");
    assert_eq!(std::fs::read(&path).unwrap(), b"2");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&path), 0o640);
    put(Path::new("/dev/null"), b"3");
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_file_without_an_extension_is_known_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("f8.npy", "npy"),
        ("one.npz", "npz"),
        ("real.mtx.gz", "mtx"),
        ("grey8.png", "image"),
        ("grey.pgm", "image"),
        ("both.csv", "csv"),
        ("both.tsv", "tsv"),
        ("comments.txt", "text"),
        ("blanks.txt.gz", "text"),
    ] {
        let path = folder.path().join("anything");
        std::fs::copy(data(name), &path).unwrap();
        let Description::Matrix(found) = describe(&path, &ReadOptions::default()).unwrap() else {
            panic!("{name}")
        };
        // One of the rows of comments.txt has a comma, but in a comment.
        assert_eq!(found.format, format, "{name}");
        let Description::Matrix(mut wanted) =
            describe(data(name), &ReadOptions::default()).unwrap()
        else {
            panic!()
        };
        wanted.format = found.format;
        assert_eq!(found, wanted);
    }
}

#[test]
fn a_description_counts_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.csv");
    std::fs::write(&path, "a,b,c\n0,-2,nan\n4,inf,0\n").unwrap();
    let Description::Matrix(dense) = describe(&path, &ReadOptions::default()).unwrap() else {
        panic!()
    };
    assert_eq!(
        (dense.rows, dense.cols, dense.stored, dense.nonzeros),
        (2, 3, 6, 4)
    );
    assert_eq!((dense.negatives, dense.nans, dense.infinities), (1, 1, 1));
    assert_eq!(
        (dense.min, dense.max, dense.mean),
        (Some(-2.0), Some(f64::INFINITY), Some(f64::INFINITY))
    );
    assert_eq!(
        (dense.zeros_share, dense.precision, dense.sparse),
        (1.0 / 3.0, Precision::F64, false)
    );
    assert_eq!(dense.col_names.unwrap(), ["a", "b", "c"]);

    let path = folder.path().join("v.mtx");
    std::fs::write(
        &path,
        "%%MatrixMarket matrix coordinate integer general\n2 4 3\n1 1 3\n1 2 0\n2 4 5\n",
    )
    .unwrap();
    let Description::Matrix(sparse) = describe(&path, &ReadOptions::default()).unwrap() else {
        panic!()
    };
    assert_eq!(
        (sparse.stored, sparse.nonzeros, sparse.zeros_share),
        (3, 2, 0.75)
    );
    assert_eq!(
        (sparse.min, sparse.max, sparse.mean),
        (Some(0.0), Some(5.0), Some(1.0))
    );
    assert_eq!(
        (sparse.stored_as.as_str(), sparse.format, sparse.sparse),
        ("integer", "mtx", true)
    );
}

#[test]
fn a_line_longer_than_any_buffer_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.txt");
    let cols = 400_000;
    for separator in [" ", ", ", ","] {
        let mut text = String::from("# long\n");
        for row in 0..3 {
            let numbers: Vec<String> = (0..cols)
                .map(|col| format!("{}.5", row * cols + col))
                .collect();
            text += &numbers.join(separator);
            text += if row == 1 { "\r\n" } else { "\n" };
        }
        text.push_str(&format!("# {}\n", "1, 2 ".repeat(cols)));
        std::fs::write(&path, &text).unwrap();
        for path in [&path, &folder.path().join("v.csv")] {
            std::fs::write(path, &text).unwrap();
            if separator == " " && path.extension().unwrap() == "csv" {
                continue;
            }
            let table = read(path, &ReadOptions::default()).unwrap();
            assert_eq!(table.matrix.shape(), (3, cols));
            assert!(
                dense(&table.matrix)
                    .into_iter()
                    .enumerate()
                    .all(|(place, value)| value == place as f64 + 0.5)
            );
        }
    }
}
