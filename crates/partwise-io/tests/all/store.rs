//! Stores of row blocks: whatever is converted reads back as it was, and what is torn or changed is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{assert_canonical, data, dense};
use partwise_io::{
    Converted, Description, Dtype, Error, ReadOptions, Stored, Table, convert, describe, read,
};

fn converted(
    input: &Path,
    output: &Path,
    options: &ReadOptions,
    compress: bool,
) -> Result<Converted, Error> {
    convert(input, output, options, compress, &mut |_| true)
}

/// The same numbers, bit by bit, names and precision.
fn assert_same(found: &Table, expected: &Table, what: &str) {
    let bits = |table: &Table| -> Vec<u64> {
        dense(&table.matrix).into_iter().map(f64::to_bits).collect()
    };
    assert_eq!(found.matrix.shape(), expected.matrix.shape(), "{what}");
    assert_eq!(
        found.matrix.is_sparse(),
        expected.matrix.is_sparse(),
        "{what}"
    );
    assert_eq!(
        found.matrix.precision(),
        expected.matrix.precision(),
        "{what}"
    );
    assert!(bits(found) == bits(expected), "{what}: other numbers");
    assert_eq!(found.row_names, expected.row_names, "{what}");
    assert_eq!(found.col_names, expected.col_names, "{what}");
    assert_eq!(found.stored_as, expected.stored_as, "{what}");
    assert_canonical(&found.matrix);
}

fn stored_entries(table: &Table) -> usize {
    match &table.matrix {
        partwise_io::AnyMatrix::F32(matrix) => matrix.stored().len(),
        partwise_io::AnyMatrix::F64(matrix) => matrix.stored().len(),
    }
}

#[test]
fn every_file_that_can_be_read_comes_back_from_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("v.pws");
    let again = folder.path().join("again.pws");
    let mut names: Vec<_> = fs::read_dir(data(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("expected.json"))
        .collect();
    names.sort();
    let mut held = Vec::new();
    let mut count = 0;
    for input in names {
        let name = input.file_name().unwrap().to_string_lossy().into_owned();
        for dtype in [Dtype::Auto, Dtype::F32] {
            let options = ReadOptions {
                dtype,
                ..ReadOptions::default()
            };
            let Ok(expected) = read(&input, &options) else {
                let error = converted(&input, &output, &options, true).unwrap_err();
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                assert!(!output.exists(), "{name} left a store");
                continue;
            };
            let (rows, cols) = expected.matrix.shape();
            let made = match converted(&input, &output, &options, dtype == Dtype::Auto) {
                Ok(made) => made,
                Err(error) => {
                    assert!(rows == 0 || cols == 0, "{name}: {error}");
                    continue;
                }
            };
            assert_eq!((made.rows, made.cols), (rows, cols), "{name}");
            assert_eq!(made.stored, stored_entries(&expected), "{name}");
            assert_eq!(made.bytes, fs::metadata(&output).unwrap().len(), "{name}");
            if made.held && dtype == Dtype::Auto {
                held.push(name.clone());
            }
            let back = ReadOptions::default();
            assert_same(&read(&output, &back).unwrap(), &expected, &name);
            converted(&output, &again, &back, dtype == Dtype::F32).unwrap();
            assert_same(&read(&again, &back).unwrap(), &expected, &name);
            fs::remove_file(&output).unwrap();
            count += 1;
        }
    }
    assert!(count > 120, "{count} files");
    // All else is never in memory as a whole.
    let through_memory = |name: &String| {
        ["png", "pgm"].iter().any(|end| name.ends_with(end))
            || ["array.mtx", "symmetric_array.mtx", "fortran.npy"].contains(&&name[..])
            || ["bsr", "dia", "coo_array"]
                .iter()
                .any(|part| name.contains(part))
    };
    assert!(held.iter().all(through_memory), "{held:?}");
}

/// Row, column and value.
type Entry = (usize, usize, u32);

/// A matrix that takes several blocks: its entries, in order.
fn large() -> (usize, usize, Vec<Entry>) {
    let (rows, cols) = (3_000, 1_500);
    let mut entries = Vec::new();
    let mut state = 12_345u64;
    for row in 0..rows {
        // A stretch of empty rows, and one row that is full.
        if (900..1_300).contains(&row) || row % 7 == 2 {
            continue;
        }
        for col in 0..cols {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            if (state >> 33).is_multiple_of(8) || row == 2_000 || col == cols - 1 && row % 2 == 0 {
                entries.push((row, col, (state >> 40) as u32 % 300 + 1));
            }
        }
    }
    (rows, cols, entries)
}

fn market(rows: usize, cols: usize, entries: &[Entry]) -> String {
    let mut text = format!(
        "%%MatrixMarket matrix coordinate integer general\n{rows} {cols} {}\n",
        entries.len()
    );
    for (row, col, value) in entries {
        writeln!(text, "{} {} {value}", row + 1, col + 1).unwrap();
    }
    text
}

#[test]
fn entries_in_any_order_are_sorted_outside_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, cols, entries) = large();
    let input = folder.path().join("v.mtx");
    let output = folder.path().join("v.pws");
    fs::write(&input, market(rows, cols, &entries)).unwrap();
    let expected = read(&input, &ReadOptions::default()).unwrap();
    let mut by_columns = entries.clone();
    by_columns.sort_by_key(|entry| (entry.1, entry.0));
    let mut mixed = entries.clone();
    mixed.sort_by_key(|entry| (entry.0 * 7_919 + entry.1 * 104_729) % 1_000_003);
    for (what, entries) in [("rows", entries), ("columns", by_columns), ("mixed", mixed)] {
        fs::write(&input, market(rows, cols, &entries)).unwrap();
        // Room for a few thousand of the entries.
        let options = ReadOptions {
            memory_limit: Some(200_000),
            ..ReadOptions::default()
        };
        let mut blocks = Vec::new();
        let made = convert(&input, &output, &options, true, &mut |state| {
            blocks.push(state);
            true
        });
        let made = made.unwrap();
        assert!(made.sparse && !made.held, "{what}");
        assert!(
            blocks.iter().filter(|state| state.rows > 0).count() > 1,
            "{what}"
        );
        assert_same(
            &read(&output, &ReadOptions::default()).unwrap(),
            &expected,
            what,
        );
        // Gaps of a byte, counts of a byte or two, and none of it twice.
        assert!(
            made.bytes < 3 * made.stored as u64,
            "{what}: {} bytes",
            made.bytes
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    // What asks for figures gets those of the text.
    let figures = |path: &Path| match describe(path, &ReadOptions::default()).unwrap() {
        Description::Matrix(figures) => figures,
        Description::Model(_) => panic!("a model"),
    };
    let (of_store, of_text) = (figures(&output), figures(&input));
    assert_eq!(of_store.format, "pws");
    assert_eq!(
        partwise_io::MatrixDescription {
            format: "mtx",
            ..of_store
        },
        of_text
    );
}

#[test]
fn nasty_shapes_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("v.mtx");
    let output = folder.path().join("v.pws");
    let cases: [(usize, usize, &[Entry]); 8] = [
        (1, 1, &[]),
        (1, 1, &[(0, 0, 7)]),
        (1, 70_000, &[(0, 0, 1), (0, 69_999, 2)]),
        (70_000, 1, &[(0, 0, 1), (69_999, 0, 70_000)]),
        (300, 300, &[]),
        (256, 3, &[(255, 2, 1)]),
        (257, 3, &[(256, 0, 1)]),
        (512, 20_000_000, &[(511, 19_999_999, 4_000_000_000)]),
    ];
    for (rows, cols, entries) in cases {
        fs::write(&input, market(rows, cols, entries)).unwrap();
        for compress in [false, true] {
            let what = format!("{rows} × {cols}");
            converted(&input, &output, &ReadOptions::default(), compress).unwrap();
            let found = read(&output, &ReadOptions::default()).unwrap();
            let expected = read(&input, &ReadOptions::default()).unwrap();
            assert_eq!(found.matrix.shape(), (rows, cols), "{what}");
            let places = |table: &Table| match &table.matrix {
                partwise_io::AnyMatrix::F64(partwise_io::Matrix::Sparse(sparse)) => {
                    sparse.entries().collect::<Vec<_>>()
                }
                _ => panic!("{what} is not sparse"),
            };
            assert_eq!(places(&found), places(&expected), "{what}");
        }
    }
}

#[test]
fn blocks_are_compressed_where_that_halves_them() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("v.csv"), folder.path().join("v.pws"));
    let bytes = |text: &str, compress| {
        fs::write(&input, text).unwrap();
        converted(&input, &output, &ReadOptions::default(), compress).unwrap();
        let found = read(&output, &ReadOptions::default()).unwrap();
        let expected = read(&input, &ReadOptions::default()).unwrap();
        assert_eq!(found.matrix, expected.matrix);
        fs::metadata(&output).unwrap().len()
    };
    let rows = |entry: fn(u64) -> u64| -> String {
        let row = |i: u64| {
            let row: Vec<_> = (0..10).map(|j| entry(10 * i + j).to_string()).collect();
            format!("{}\n", row.join(","))
        };
        (0..1000).map(row).collect()
    };
    let few = rows(|at| u64::from(at.is_multiple_of(50)));
    assert!(2 * bytes(&few, true) < bytes(&few, false));
    // Seven bits that are not to be foreseen (the finaliser of SplitMix64), and one that is.
    let many = rows(|at| {
        let mixed = (at ^ (at << 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 0x7f
    });
    assert_eq!(bytes(&many, true), bytes(&many, false));
}

#[test]
fn faults_of_the_input_are_those_of_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("v.pws");
    for (name, text) in [
        (
            "twice.mtx",
            "%%MatrixMarket matrix coordinate real general\n3 3 3\n3 3 1\n1 1 2\n3 3 4\n",
        ),
        (
            "outside.mtx",
            "%%MatrixMarket matrix coordinate real general\n3 3 1\n4 1 2\n",
        ),
        (
            "short.mtx",
            "%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 2\n",
        ),
        ("word.csv", "a,b\n1,2\n3,x\n"),
        ("ragged.txt", "1 2\n3 4 5\n"),
        ("empty.csv", ""),
        ("header.csv", "a,b\n"),
    ] {
        let input = folder.path().join(name);
        fs::write(&input, text).unwrap();
        let options = ReadOptions::default();
        let expected = read(&input, &options).unwrap_err().to_string();
        let found = converted(&input, &output, &options, true)
            .unwrap_err()
            .to_string();
        assert_eq!(found, expected);
        fs::remove_file(&input).unwrap();
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "something is left"
    );
}

#[test]
fn a_conversion_that_is_stopped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, cols, entries) = large();
    let input = folder.path().join("v.mtx");
    let output = folder.path().join("v.pws");
    fs::write(&input, market(rows, cols, &entries)).unwrap();
    for calls in [0, 3, 6] {
        let mut left = calls;
        let result = convert(&input, &output, &ReadOptions::default(), true, &mut |_| {
            left -= 1;
            left >= 0
        });
        assert!(matches!(result, Err(Error::Stopped { .. })), "{result:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

/// A fixture, or zeros.csv, made in a folder: the one whose block is compressed.
fn input(folder: &Path, name: &str) -> PathBuf {
    if name != "zeros.csv" {
        return data(name);
    }
    let path = folder.join(name);
    fs::write(&path, "0,0,0,0,0,0,0,0\n".repeat(32)).unwrap();
    path
}

/// Reads a store to its end; how it is refused.
fn refusal(path: &Path) -> Option<String> {
    let error = read(path, &ReadOptions::default()).err()?.to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    Some(error)
}

#[test]
fn a_store_that_was_cut_or_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (output, torn) = (folder.path().join("v.pws"), folder.path().join("torn.pws"));
    for name in ["scipy_csr_matrix.npz", "both.csv", "f8.npy", "zeros.csv"] {
        for compress in [false, true] {
            let input = input(folder.path(), name);
            converted(&input, &output, &ReadOptions::default(), compress).unwrap();
            let whole = fs::read(&output).unwrap();
            for length in 0..whole.len() {
                fs::write(&torn, &whole[..length]).unwrap();
                assert!(refusal(&torn).is_some(), "{name} cut to {length} bytes");
            }
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1 << (at % 8);
                fs::write(&torn, &changed).unwrap();
                assert!(
                    refusal(&torn).is_some(),
                    "{name} changed at {at} of {}",
                    whole.len()
                );
            }
            let mut longer = whole.clone();
            longer.push(0);
            fs::write(&torn, &longer).unwrap();
            assert!(refusal(&torn).is_some(), "{name} with a byte more");
        }
    }
    // Cut off while it was written, and not a store at all.
    fs::write(&torn, &fs::read(&output).unwrap()[..100]).unwrap();
    let text = refusal(&torn).unwrap();
    assert!(text.contains("has no end: it was cut off"), "{text}");
    fs::write(&torn, "1 2\n3 4\n").unwrap();
    assert!(Stored::open(&torn, Dtype::Auto).unwrap().is_none());
    let text = refusal(&torn).unwrap();
    assert!(text.contains("does not begin as a store"), "{text}");
    // A block that is found out only when it is read.
    converted(&data("f8.npy"), &output, &ReadOptions::default(), false).unwrap();
    let mut changed = fs::read(&output).unwrap();
    changed[17] ^= 4;
    fs::write(&torn, &changed).unwrap();
    let stored = Stored::open(&torn, Dtype::Auto).unwrap().unwrap();
    let error = partwise::Nmf::new(1)
        .fit(&stored.view::<f64>())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("block 0, from row 0 and byte 16 on: its checksum is wrong"),
        "{error}"
    );
}

#[test]
fn rows_of_several_arrays_become_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("parts");
    let output = folder.path().join("v.pws");
    fs::create_dir(&parts).unwrap();
    fs::copy(data("f8.npy"), parts.join("v-2.npy")).unwrap();
    fs::copy(data("f8.npy"), parts.join("v-10.npy")).unwrap();
    let made = converted(&parts, &output, &ReadOptions::default(), true).unwrap();
    let one = read(data("f8.npy"), &ReadOptions::default()).unwrap();
    let (rows, cols) = one.matrix.shape();
    assert_eq!((made.rows, made.cols, made.held), (2 * rows, cols, false));
    let both = read(&output, &ReadOptions::default()).unwrap();
    let twice = [dense(&one.matrix), dense(&one.matrix)].concat();
    assert_eq!(dense(&both.matrix), twice);
}

/// Makes all checksums of a store of one block fit again.
fn with_checksums(mut bytes: Vec<u8>, block_sum: u32) -> Vec<u8> {
    const TAIL: usize = 96;
    let tail = bytes.len() - TAIL;
    let at = |place: usize| {
        let eight: [u8; 8] = bytes[tail + place..tail + place + 8].try_into().unwrap();
        u64::from_le_bytes(eight) as usize
    };
    let index = at(32);
    if (16..tail).contains(&index) {
        let sum = crc32fast::hash(&bytes[16..index]).to_le_bytes();
        let place = bytes[index..tail]
            .windows(4)
            .position(|four| four == block_sum.to_le_bytes());
        if let Some(place) = place {
            bytes[index + place..index + place + 4].copy_from_slice(&sum);
        }
        let sum = crc32fast::hash(&bytes[index..tail]).to_le_bytes();
        bytes[tail + 48..tail + 52].copy_from_slice(&sum);
    }
    let sum = crc32fast::hash(&bytes[tail..tail + 84]).to_le_bytes();
    bytes[tail + 84..tail + 88].copy_from_slice(&sum);
    bytes
}

#[test]
fn a_store_that_lies_with_the_right_checksums_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (output, torn) = (folder.path().join("v.pws"), folder.path().join("torn.pws"));
    let options = ReadOptions {
        memory_limit: Some(1 << 20),
        ..ReadOptions::default()
    };
    let mut refused = 0;
    for (name, compress) in [
        ("scipy_csr_matrix.npz", false),
        ("scipy_csr_matrix.npz", true),
        ("both.csv", false),
        ("zeros.csv", true),
    ] {
        let input = input(folder.path(), name);
        converted(&input, &output, &ReadOptions::default(), compress).unwrap();
        let whole = fs::read(&output).unwrap();
        let index = u64::from_le_bytes(
            whole[whole.len() - 64..whole.len() - 56]
                .try_into()
                .unwrap(),
        );
        let sum = crc32fast::hash(&whole[16..index as usize]);
        assert_eq!(with_checksums(whole.clone(), sum), whole);
        for at in 16..whole.len() - 12 {
            for byte in [0, 0x80, 0xff, whole[at].wrapping_add(1)] {
                let mut changed = whole.clone();
                changed[at] = byte;
                fs::write(&torn, with_checksums(changed, sum)).unwrap();
                match read(&torn, &options) {
                    Ok(table) => {
                        let (rows, cols) = table.matrix.shape();
                        assert_canonical(&table.matrix);
                        assert!(table.row_names.is_none_or(|names| names.len() == rows));
                        assert!(table.col_names.is_none_or(|names| names.len() == cols));
                    }
                    Err(error) => {
                        refused += 1;
                        assert_eq!(error.to_string().lines().count(), 1, "{error}");
                    }
                }
                // A matrix of billions of columns is legal, and a factor of it large.
                let small = |stored: &Stored| stored.shape().1 < 1_000;
                if let Some(stored) = Stored::open(&torn, Dtype::F64).ok().flatten().filter(small) {
                    let _ = partwise::Nmf::new(1).max_iter(1).fit(&stored.view::<f64>());
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn an_index_and_its_names_count_as_memory() {
    let folder = tempfile::tempdir().unwrap();
    let memory = |name: &dyn Fn(usize) -> String| {
        let rows = (0..3_000).map(|row| format!("{}{},1\n", name(row), 5 + row % 7));
        let (table, store) = (folder.path().join("v.csv"), folder.path().join("v.pws"));
        fs::write(&table, rows.collect::<String>()).unwrap();
        converted(&table, &store, &ReadOptions::default(), true).unwrap();
        let stored = Stored::open(&store, Dtype::Auto).unwrap().unwrap();
        let (shape, names) = (stored.shape(), stored.names().0.map(<[String]>::len));
        assert_eq!(shape, (3_000, 2));
        (stored.memory(), names)
    };
    let (plain, no_names) = memory(&|_| String::new());
    let (named, names) = memory(&|row| format!("row{row:0>37},"));
    assert_eq!((no_names, names), (None, Some(3_000)));
    // The index, and a block of two numbers a row, packed and not.
    assert!(
        (6_000..13_000).contains(&plain),
        "{plain} bytes of one block"
    );
    // In the index and in a model, as they are allocated.
    let name = 2 * (40 + size_of::<String>()) as u64;
    let each = (named - plain) / 3_000;
    assert!((name..name + 96).contains(&each), "{each} bytes a name");
}

/// What a view hands over is counted, whole readings of it, dense and sparse.
#[test]
fn readings_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("v.pws");
    let nmf = partwise::Nmf::new(2)
        .solver("hals".parse().unwrap())
        .init("random".parse().unwrap())
        .max_iter(4)
        .tol(0.0);
    let row = |i: usize| format!("{},{},{}\n", 1 + i % 7, i % 5, i * i % 13);
    let dense: String = (0..600).map(row).collect();
    let entry = |i: usize| format!("{} {} {}\n", i + 1, 1 + i % 3, 1 + i % 5);
    let sparse: String = (0..600).map(entry).collect();
    let sparse = format!("%%MatrixMarket matrix coordinate real general\n600 3 600\n{sparse}");
    for (name, text) in [("v.csv", dense), ("v.mtx", sparse)] {
        let table = folder.path().join(name);
        fs::write(&table, text).unwrap();
        converted(&table, &store, &ReadOptions::default(), true).unwrap();
        let stored = Stored::open(&store, Dtype::F64).unwrap().unwrap();
        assert_eq!(stored.readings(), 0, "{name}");
        nmf.fit(&stored.view::<f64>()).unwrap();
        // The first look, four iterations and the last look.
        assert_eq!(stored.readings(), 6, "{name}");
    }
}
