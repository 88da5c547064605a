//! No content of a file, however mangled, makes a reader panic or take much memory; it is read, or refused in one line.

use std::path::{Path, PathBuf};

use crate::common::{assert_canonical, data};
use partwise_io::{Format, ReadOptions, Stored, describe, read, read_model};
use proptest::prelude::*;

/// Enough for every honest fixture.
const LIMIT: u64 = 1 << 20;

fn survives(bytes: &[u8], name: &str, format: Option<Format>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions {
        format,
        memory_limit: Some(LIMIT),
        ..ReadOptions::default()
    };
    match read(&path, &options) {
        Ok(table) => {
            let (rows, cols) = table.matrix.shape();
            assert_canonical(&table.matrix);
            assert!(table.row_names.is_none_or(|names| names.len() == rows));
            assert!(table.col_names.is_none_or(|names| names.len() == cols));
        }
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
    if let Err(error) = Stored::open_with(&path, &options) {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    if let Err(error) = describe(&path, &options) {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

/// Files of all formats.
fn fixtures() -> Vec<PathBuf> {
    let folders = [data(""), data("../formats")];
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !["expected.json", "values.txt"].contains(&name(path)))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Changes to a file: (place, new byte), and where it is cut or doubled.
#[derive(Debug, Clone)]
enum Change {
    Byte(prop::sample::Index, u8),
    Digit(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Drop(prop::sample::Index),
    Double(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(place, byte)| Change::Byte(place, byte)),
        (any::<prop::sample::Index>(), b'0'..=b'9')
            .prop_map(|(place, byte)| Change::Digit(place, byte)),
        any::<prop::sample::Index>().prop_map(Change::Cut),
        any::<prop::sample::Index>().prop_map(Change::Drop),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(from, to)| Change::Double(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match change {
        Change::Byte(place, byte) => bytes[place.index(length)] = *byte,
        Change::Digit(place, digit) => {
            // The next digit from there on: sizes, indices and shapes, rather than anything.
            let start = place.index(length);
            if let Some(digit_at) = (start..length).find(|at| bytes[*at].is_ascii_digit()) {
                bytes[digit_at] = *digit;
                bytes.insert(digit_at, *digit);
            }
        }
        Change::Cut(place) => bytes.truncate(place.index(length)),
        Change::Drop(place) => drop(bytes.remove(place.index(length))),
        Change::Double(from, to) => {
            let (from, to) = (from.index(length), to.index(length));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::all() {
            survives(&bytes, "v", Some(format));
        }
        survives(&bytes, "v", None);
    }

    #[test]
    fn random_text(text in "[0-9 ,;\t\r\n\"#%a-e.+-]{0,80}") {
        for format in Format::all() {
            survives(text.as_bytes(), "v", Some(format));
        }
        let market = format!("%%MatrixMarket matrix coordinate real general\n{text}");
        survives(market.as_bytes(), "v.mtx", None);
        let npy = [b"\x93NUMPY\x01\x00\x60\x00{'descr': '<f8', ", text.as_bytes(), &[b' '; 80], b"}\n"].concat();
        survives(&npy, "v.npy", None);
    }

    #[test]
    fn mangled_files(which in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..5)) {
        let files = fixtures();
        let file = &files[which.index(files.len())];
        let mut bytes = std::fs::read(file).unwrap();
        for change in &changes {
            apply(&mut bytes, change);
        }
        survives(&bytes, name(file), None);
    }

    #[test]
    fn mangled_models(changes in prop::collection::vec(change(), 1..4)) {
        let mut bytes = std::fs::read(data("model.npz")).unwrap();
        for change in &changes {
            apply(&mut bytes, change);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.npz");
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = read_model(&path) {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
    }
}

/// Every file of every kind, cut at every place.
#[test]
fn files_cut_anywhere() {
    for file in fixtures() {
        let whole = std::fs::read(&file).unwrap();
        let step = (whole.len() / 60).max(1);
        for length in (0..whole.len()).step_by(step) {
            survives(&whole[..length], name(&file), None);
        }
    }
}

/// Brackets by the thousand must not exhaust the stack.
#[test]
fn a_header_of_nested_brackets() {
    let nested = format!("{{'descr': {}", "(".repeat(60_000));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(nested.len() as u16).to_le_bytes());
    bytes.extend_from_slice(nested.as_bytes());
    survives(&bytes, "v.npy", None);
    let path = Path::new("/dev/null");
    if path.exists() {
        assert!(read(path, &ReadOptions::default()).is_err());
    }
}

/// Room for a chunk that is longer than its file is not made.
#[test]
fn a_chunk_longer_than_its_file() {
    let mut bytes = std::fs::read(data("../formats/chunked.h5")).unwrap();
    let trees: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(b"TREE\x01"))
        .collect();
    assert!(!trees.is_empty());
    for tree in trees {
        // Behind the head of a leaf, its first chunk's stored bytes.
        bytes[tree + 24..][..4].copy_from_slice(&(800_u32 << 20).to_le_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    std::fs::write(&path, bytes).unwrap();
    let error = read(&path, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a chunk of 838860800 bytes") && error.contains("ends behind the file"),
        "{error}"
    );
}
