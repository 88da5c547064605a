//! Whatever is wrong with a file is said in one line that names the file, the place and what would be right.

use std::path::Path;

use crate::common::data;
use partwise_io::{
    Dtype, MatrixToWrite, ReadOptions, describe, read, read_model, write, write_atomically,
};

fn message(path: &Path, options: &ReadOptions) -> String {
    let error = read(path, options)
        .expect_err(&format!("{} was read", path.display()))
        .to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn fixture(name: &str) -> String {
    let path = data(name);
    let error = message(&path, &ReadOptions::default());
    error
        .strip_prefix(path.to_str().unwrap())
        .unwrap_or_else(|| panic!("does not begin with the file: {error}"))
        .to_owned()
}

/// What is said of a file of that name and content, without the folder.
fn content(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = message(&path, &ReadOptions::default());
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn text() {
    assert_eq!(
        content("v.txt", "1 2\n# no\n\n3 4 5\n"),
        "v.txt: line 4 has 3 columns; expected 2 as in line 1"
    );
    assert_eq!(
        content("v.csv", "a,b\n1,2\n3\n"),
        "v.csv: line 3 has 1 columns; expected 2 as in line 2"
    );
    assert_eq!(
        content("v.csv", "a,b,c\n1,2\n3,4\n"),
        "v.csv: line 2 has 2 columns; expected 3 as in line 1"
    );
    assert_eq!(
        content("v.txt", "1 2\n3 4x\n"),
        "v.txt: line 2, column 2: '4x' is not a number"
    );
    assert_eq!(
        content("v.csv", "id,a,b\nx,1,2\ny,3,4.5.6\n"),
        "v.csv: line 3, column 3: '4.5.6' is not a number"
    );
    // Decimal commas, as a separator, in names and elsewhere.
    let points = "write decimal points, not commas";
    let between = "where ';' stands between numbers, a ',' is no decimal point";
    for (text, place, hint) in [
        ("1;2,5\n4;5,5\n7;8,25\n", "line 1, column 1: '1;2'", between),
        ("a;b;c\n1,5;2;3\n4;5;6\n", "line 2, column 1: '1,5'", points),
        ("a;b;c\n1;2,5;3\n4;5;6\n", "line 2, column 2: '2,5'", points),
    ] {
        assert_eq!(
            content("v.csv", text),
            format!("v.csv: {place} is not a number; {hint}")
        );
    }
    // A header that has no name for the first column says what it holds.
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.csv");
    std::fs::write(&named, ";b;c\n1,5;2;3\n1,6;5;6\n").unwrap();
    let table = read(&named, &ReadOptions::default()).unwrap();
    assert_eq!(table.row_names.unwrap(), ["1,5", "1,6"]);
    assert_eq!(
        content("v.csv", "1,2\n3,\n"),
        "v.csv: line 2, column 2: '' is not a number; write nan where it is not known"
    );
    for row in ["1,NA", "1,", "1,null,3"] {
        let error = content("v.csv", format!("{row}\n4,5\n"));
        assert!(error.starts_with("v.csv: line 1, column 2: '"), "{error}");
        assert!(
            error.ends_with("; write nan where it is not known"),
            "{error}"
        );
    }
    assert_eq!(
        content("v.csv", "1,2\n,3\n"),
        "v.csv: line 2, column 1: '' is not a number; write nan where it is not known"
    );
    assert_eq!(
        content("v.txt", "1,2\n3 4\n"),
        "v.txt: line 2, column 1: '3 4' is not a number"
    );
    assert_eq!(
        content("v.txt", "1_000 2"),
        "v.txt: line 1, column 1: '1_000' is not a number"
    );
    assert_eq!(
        content("v.txt", "0x10 2"),
        "v.txt: line 1, column 1: '0x10' is not a number"
    );
    assert_eq!(
        content("v.txt", format!("1 {}", "z".repeat(100))),
        format!(
            "v.txt: line 1, column 2: '{}…' is not a number",
            "z".repeat(40)
        )
    );
    assert_eq!(
        content("v.csv", "a,b\n\"1,2\n"),
        "v.csv: line 2: a quoted field does not end on its line"
    );
    let empty = "holds no numbers; expected a matrix of at least one row and one column";
    for name in ["v.txt", "v.csv", "v", "v.mtx"] {
        assert_eq!(content(name, ""), format!("{name}: {empty}"));
    }
    assert_eq!(
        content("v.txt", "# only\n\n  \n"),
        format!("v.txt: {empty}")
    );
    assert_eq!(content("v.csv", "a,b,c\n"), format!("v.csv: {empty}"));
    assert_eq!(
        content("v.csv", b"\xff\xfe1\0,\x002\0"),
        "v.csv: is UTF-16 text; save it as UTF-8"
    );
    assert_eq!(
        content("v.txt", vec![b'7'; 2_000_000]),
        "v.txt: line 1: a field of more than 1048576 bytes; expected a number"
    );
}

#[test]
fn arrays() {
    let wanted = "expected real numbers";
    assert_eq!(
        fixture("bad_objects.npy"),
        format!(
            ": holds Python objects, which could run any code when unpickled (numpy type '|O'); {wanted}"
        )
    );
    assert_eq!(
        fixture("bad_complex.npy"),
        format!(": holds complex numbers (numpy type '<c16'); {wanted}")
    );
    assert_eq!(
        fixture("bad_records.npy"),
        format!(": holds structured records; {wanted}")
    );
    assert_eq!(
        fixture("bad_dates.npy"),
        format!(": holds dates or durations (numpy type '<M8[D]'); {wanted}")
    );
    assert_eq!(
        fixture("bad_text.npy"),
        format!(": holds <U1; {wanted} (save it as float64)")
    );
    for (name, dimensions) in [("bad_0d.npy", 0), ("bad_1d.npy", 1), ("bad_3d.npy", 3)] {
        assert_eq!(
            fixture(name),
            format!(": {dimensions}-d array: expected 2-d (samples in rows, features in columns)")
        );
    }
    assert_eq!(
        fixture("bad_truncated.npy"),
        ": truncated: expected 224 bytes, found 214"
    );
    assert_eq!(
        fixture("bad_claim.npy"),
        ": truncated: expected 8000000000128 bytes, found 144"
    );
    assert_eq!(
        content("v.npy", "1 2"),
        "v.npy: damaged or not what it seems: the header of the .npy array is truncated"
    );
    assert_eq!(
        content("v.npy", "12345678"),
        "v.npy: damaged or not what it seems: does not begin as a .npy array"
    );
}

#[test]
fn archives() {
    let error = fixture("bad_truncated.npz");
    assert!(
        error.starts_with(
            ": damaged or not what it seems: cannot be read as an .npz archive, perhaps truncated"
        ),
        "{error}"
    );
    let error = fixture("bad_ambiguous.npz");
    assert!(
        error.starts_with(": holds several arrays (left, right); name the one to read, as in ")
            && error.ends_with("bad_ambiguous.npz#left"),
        "{error}"
    );
    let error = fixture("bad_checksum.npz");
    assert!(
        error.starts_with("[anything]: damaged or not what it seems: "),
        "{error}"
    );
    assert_eq!(
        fixture("bad_scipy_index.npz"),
        "[indices]: damaged or not what it seems: entry 1 is 2; expected 0 to 1"
    );
    assert_eq!(
        fixture("model.npz"),
        ": is a fitted model (arrays w and h); expected a matrix"
    );
    let named = |array: &str| ReadOptions {
        array: Some(array.into()),
        ..ReadOptions::default()
    };
    assert_eq!(
        read(data("bad_ambiguous.npz"), &named("right"))
            .unwrap()
            .matrix
            .shape(),
        (2, 2)
    );
    let error = message(&data("bad_ambiguous.npz"), &named("up"));
    assert!(
        error.ends_with("bad_ambiguous.npz: holds no array 'up'; it holds left, right"),
        "{error}"
    );
    let error = read_model(data("one.npz")).unwrap_err().to_string();
    assert!(
        error.ends_with("one.npz: is no model; expected an .npz with the arrays w, h and meta"),
        "{error}"
    );
}

#[test]
fn gzip() {
    assert_eq!(
        fixture("bad_truncated.txt.gz"),
        ": damaged or not what it seems: the data ends too early (truncated)"
    );
}

#[test]
fn matrix_market() {
    assert_eq!(
        content(
            "v.mtx",
            "%%MatrixMarket matrix coord\x1b[2Jinate real general\n"
        ),
        "v.mtx: line 1: format 'coord\\u{1b}[2jinate'; expected coordinate or array"
    );
    let market =
        |kind: &str, rest: &str| content("v.mtx", format!("%%MatrixMarket matrix {kind}\n{rest}"));
    let coordinate = |rest: &str| market("coordinate real general", rest);
    assert_eq!(
        coordinate("2 2 1\n3 1 5\n"),
        "v.mtx: line 3: row index 3 is out of range; expected 1 to 2"
    );
    assert_eq!(
        coordinate("2 2 1\n1 0 5\n"),
        "v.mtx: line 3: column index 0 is out of range; expected 1 to 2"
    );
    assert_eq!(
        coordinate("2 2 1\n1 -1 5\n"),
        "v.mtx: line 3: expected a column index, found '-1'"
    );
    let second = "a second entry for the same place; expected at most one";
    assert_eq!(
        coordinate("2 2 3\n1 1 5\n2 1 5\n% no\n1 1 6\n"),
        format!("v.mtx: line 6: {second}")
    );
    assert_eq!(
        coordinate("2 2 3\n1 1 5\n\n1 1 6\n2 2 1\n"),
        format!("v.mtx: line 5: {second}")
    );
    assert_eq!(
        market("coordinate real symmetric", "2 2 2\n2 1 5\n1 2 5\n"),
        format!("v.mtx: line 4: {second}")
    );
    assert_eq!(
        coordinate("2 2 1\n1 1 5\n2 2 5\n"),
        "v.mtx: line 4: one entry more than the 1 declared"
    );
    assert_eq!(
        coordinate("2 2 3\n1 1 5\n"),
        "v.mtx: damaged or not what it seems: holds 1 entries; 3 are declared"
    );
    assert_eq!(
        coordinate("2 2 1\n1 1 x\n"),
        "v.mtx: line 3: 'x' is not a number"
    );
    assert_eq!(
        coordinate("2 2 1\n1 1\n"),
        "v.mtx: line 3: an entry without a value; expected row, column, value"
    );
    assert_eq!(
        coordinate("2 2 1\n1 1 1 1\n"),
        "v.mtx: line 3: '1' behind the entry; expected the end of the line"
    );
    assert_eq!(
        coordinate("2 2\n"),
        "v.mtx: line 2: expected 3 sizes, found '2 2'"
    );
    assert_eq!(
        coordinate("% only\n"),
        "v.mtx: line 1: the line of sizes is missing"
    );
    assert_eq!(
        market("coordinate complex general", ""),
        "v.mtx: line 1: holds complex numbers; expected real, integer or pattern"
    );
    assert_eq!(
        market("coordinate real skew-symmetric", ""),
        "v.mtx: line 1: skew-symmetric: every entry has its negative across the diagonal, and a factored matrix has none; \
         expected general or symmetric"
    );
    assert_eq!(
        market("array real symmetric", "2 3\n"),
        "v.mtx: line 2: a symmetric matrix of 2 × 3; expected a square one"
    );
    assert_eq!(
        market("array real general", "1 2\n1\nx\n"),
        "v.mtx: line 4: expected one number, found 'x'"
    );
    assert_eq!(
        content("v.mtx", "1 2 3\n"),
        "v.mtx: line 1: expected '%%MatrixMarket matrix FORMAT FIELD SYMMETRY', found '1 2 3'"
    );
}

#[test]
fn pictures() {
    let error = fixture("bad_truncated.png");
    assert!(
        error.starts_with(": damaged or not what it seems: "),
        "{error}"
    );
    let error = fixture("bad_huge.png");
    assert_eq!(
        error,
        ": needs 38.0 GB (38025000000 bytes) of memory; allowed are 4.29 GB (4294967296 bytes)"
    );
    let error = content("v.exr", tiled_exr());
    assert!(error.contains("needs 13.2 TB"), "{error}");
}

/// An OpenEXR header of 4 by 3 pixels, cut into tiles of a million pixels a side, and nothing behind it but the place of the first tile,
/// which claims two thousand million bytes.
fn tiled_exr() -> Vec<u8> {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let mut channels = Vec::new();
    for name in ["B", "G", "R"] {
        channels.extend([name.as_bytes(), &[0], &words(&[2, 0, 1, 1])].concat());
    }
    channels.push(0);
    let window = words(&[0, 0, 3, 2]);
    let mut file = vec![0x76, 0x2f, 0x31, 1, 2, 2, 0, 0];
    let one = 1f32.to_le_bytes();
    let attributes: [(&str, &str, &[u8]); 9] = [
        ("channels", "chlist", &channels),
        ("compression", "compression", &[0]),
        ("dataWindow", "box2i", &window),
        ("displayWindow", "box2i", &window),
        ("lineOrder", "lineOrder", &[0]),
        ("pixelAspectRatio", "float", &one),
        ("screenWindowCenter", "v2f", &[0; 8]),
        ("screenWindowWidth", "float", &one),
        ("tiles", "tiledesc", &[0, 0, 16, 0, 0, 0, 16, 0, 0]),
    ];
    for (name, kind, value) in attributes {
        let length = words(&[value.len() as u32]);
        file.extend([name.as_bytes(), &[0], kind.as_bytes(), &[0], &length, value].concat());
    }
    file.push(0);
    let tile = file.len() as u32 + 8;
    file.extend(words(&[tile, 0, 0, 0, 0, 0, 2_000_000_000]));
    file
}

#[test]
fn memory_is_refused_before_it_is_taken() {
    let limited = |limit| ReadOptions {
        memory_limit: Some(limit),
        ..ReadOptions::default()
    };
    for (name, needed) in [
        ("f8.npy", 96),
        ("blanks.txt", 72),
        ("one.npz", 48),
        ("both.csv", 48),
        ("array.mtx", 96),
    ] {
        let path = data(name);
        assert!(
            read(&path, &limited(needed)).is_ok(),
            "{name} needs no more than {needed}"
        );
        let error = message(&path, &limited(needed - 1));
        let wanted = format!(
            ": needs {needed} bytes of memory; allowed are {} bytes",
            needed - 1
        );
        assert!(error.ends_with(&wanted), "{error}");
    }
    for name in [
        "scipy_csr_matrix.npz",
        "scipy_coo_matrix.npz",
        "scipy_bsr_array.npz",
        "real.mtx",
        "grey8.png",
        "real.mtx.gz",
    ] {
        let error = message(&data(name), &limited(100));
        assert!(
            error.contains("of memory; allowed are 100 bytes"),
            "{error}"
        );
        assert!(read(data(name), &limited(2000)).is_ok());
    }
    // Of a compressed file it shows only on the way.
    let error = message(&data("blanks.txt.gz"), &limited(64));
    assert!(
        error.ends_with("needs at least 72 bytes of memory; allowed are 64 bytes"),
        "{error}"
    );
    let halved = ReadOptions {
        dtype: Dtype::F32,
        ..limited(48)
    };
    assert!(read(data("f8.npy"), &halved).is_ok());
}

#[test]
fn places() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.csv");
    assert_eq!(
        message(&missing, &ReadOptions::default()),
        format!("{}: no such file", missing.display())
    );
    assert_eq!(
        message(folder.path(), &ReadOptions::default()),
        format!(
            "{}: is a folder without .npy files; expected a file, or the rows of one matrix in them",
            folder.path().display()
        )
    );
    assert!(describe(&missing, &ReadOptions::default()).is_err());
    let known = ".npy .npz .pws .mtx .mm .png";
    for (name, bytes) in [("v.xyz", &b"1 2"[..]), ("v", &b"\x01\x02\x03"[..])] {
        let error = content(name, bytes);
        assert!(
            error.starts_with(&format!("{name}: unknown format; known are {known}")),
            "{error}"
        );
    }

    let one = [1.0];
    let matrix = MatrixToWrite {
        rows: 1,
        cols: 1,
        values: one[..].into(),
        row_names: None,
        col_names: None,
    };
    let refused = |path: &Path| write(path, &matrix).unwrap_err().to_string();
    assert_eq!(
        refused(&folder.path().join("v.xyz")),
        format!(
            "{}/v.xyz: unknown format; known are .npy .npz .pws .mtx .mm .csv .tsv .tab .txt .dat",
            folder.path().display()
        )
    );
    assert_eq!(
        refused(&folder.path().join("v.png")),
        format!(
            "{}/v.png: image cannot be written; choose one of .npy .npz .pws .mtx .mm .csv .tsv .tab .txt .dat",
            folder.path().display()
        )
    );
    assert_eq!(
        refused(&folder.path().join("none/v.npy")),
        format!(
            "{}/none/v.npy: cannot write: the folder does not exist",
            folder.path().display()
        )
    );
    std::fs::create_dir(folder.path().join("v.npy")).unwrap();
    let error = refused(&folder.path().join("v.npy"));
    assert!(
        error.ends_with("v.npy: is a folder; expected a file"),
        "{error}"
    );
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = refused(&folder.path().join("file/v.npy"));
    assert!(error.contains("file/v.npy: cannot write: "), "{error}");
}

/// Even the superuser cannot make files in this folder.
#[cfg(target_os = "linux")]
#[test]
fn an_unwritable_folder() {
    let written = write_atomically("/proc/v.npy", |_| Ok::<(), partwise_io::Error>(()));
    let error = written.unwrap_err().to_string();
    assert!(error.starts_with("/proc/v.npy: cannot write: "), "{error}");
    assert_eq!(error.lines().count(), 1);
}

/// What is said of a file of that name and content where 512 kB may be taken.
fn within_half_a_megabyte(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions {
        memory_limit: Some(1 << 19),
        ..ReadOptions::default()
    };
    message(&path, &options)
}

/// An array of numpy's first version with that header, and nothing behind it.
fn npy(header: &str) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
}

#[test]
fn a_few_bytes_take_no_more_than_may_be_taken() {
    use std::io::Write as _;

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&vec![b','; 4 << 20]).unwrap();
    packed.write_all(b"\n1").unwrap();
    let error = within_half_a_megabyte("v.csv.gz", &packed.finish().unwrap());
    assert!(error.contains("of memory; allowed are"), "{error}");

    let count = 3_000_000;
    let numbers = npy(&format!(
        "{{'descr': '<f8', 'fortran_order': False, 'shape': ({count}, 0), }}"
    ));
    let names = [
        npy(&format!(
            "{{'descr': '|S1', 'fortran_order': False, 'shape': ({count},), }}"
        )),
        vec![b'a'; count],
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [("v.npy", numbers), ("row_names.npy", names.concat())] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let error = within_half_a_megabyte("v.npz", &zip.finish().unwrap().into_inner());
    assert!(error.contains("of memory; allowed are"), "{error}");
}

#[test]
fn rows_that_cannot_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let half = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808, 0), }");
    for name in ["a.npy", "b.npy"] {
        std::fs::write(folder.path().join(name), &half).unwrap();
    }
    let opened = partwise_io::Stored::open_with(folder.path(), &ReadOptions::default());
    let error = opened.unwrap_err().to_string();
    assert!(
        error.ends_with("has more rows than can be counted"),
        "{error}"
    );
}

/// A folder of Zarr 3 with these arrays, none of which has a chunk: (path, shape, type, fill value).
fn absent_chunks(root: &Path, attributes: &str, arrays: &[(&str, &[u64], &str, &str)]) {
    let put = |path: &str, text: String| {
        let folder = root.join(path);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("zarr.json"), text).unwrap();
    };
    let group = |attributes: &str| {
        format!(r#"{{"zarr_format": 3, "node_type": "group", "attributes": {attributes}}}"#)
    };
    for (path, shape, kind, fill) in arrays {
        let codec = match *kind {
            "string" => r#"{"name": "vlen-utf8"}"#,
            _ => r#"{"name": "bytes", "configuration": {"endian": "little"}}"#,
        };
        let array = format!(
            r#"{{"zarr_format": 3, "node_type": "array", "shape": {shape:?}, "data_type": "{kind}", "fill_value": {fill},
            "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": {shape:?}}}}},
            "chunk_key_encoding": {{"name": "default"}}, "codecs": [{codec}]}}"#
        );
        put(path, array);
        if let Some((above, _)) = path.rsplit_once('/') {
            put(above, group(if above == "X" { attributes } else { "{}" }));
        }
    }
    put("", group("{}"));
}

#[test]
fn names_that_are_in_no_chunk_take_memory_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("v.zarr");
    let long = format!("\"{}\"", "x".repeat(100_000));
    let arrays: &[(&str, &[u64], &str, &str)] = &[
        ("X", &[100_000, 1], "float64", "1.0"),
        ("obs/_index", &[100_000], "string", &long),
    ];
    absent_chunks(&root, "{}", arrays);
    let options = ReadOptions {
        memory_limit: Some(64 << 20),
        ..ReadOptions::default()
    };
    let error = message(&root, &options);
    assert!(error.contains("memory"), "{error}");
}

/// What a chunk of two numbers holds, and what is said of it; empty if nothing is.
#[test]
fn chunks_that_hold_more_than_their_array() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let good = [1.5_f64, 2.5].map(f64::to_le_bytes).concat();
    let large = vec![7_u8; 64 << 20];
    let deflated = |bytes: &[u8], zlib: bool| {
        let level = flate2::Compression::fast();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        let mut plain = flate2::write::ZlibEncoder::new(Vec::new(), level);
        gzip.write_all(bytes).unwrap();
        plain.write_all(bytes).unwrap();
        match zlib {
            true => plain.finish().unwrap(),
            false => gzip.finish().unwrap(),
        }
    };
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    // A frame of nothing that says it holds nearly 4 GiB.
    let claim = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0xa0],
        &[0xff_u8; 4][..],
        &[1, 0, 0],
    ]
    .concat();
    let more = "a chunk holds more than the 16 bytes";
    for (codec, chunk, expected) in [
        ("gzip", deflated(&good, false), ""),
        ("gzip", deflated(&large, false), more),
        ("numcodecs.zlib", deflated(&good, true), ""),
        ("numcodecs.zlib", deflated(&large, true), more),
        ("zstd", zstd(&good), ""),
        ("zstd", zstd(&large), more),
        ("zstd", claim, "too much memory"),
    ] {
        let root = folder.path().join("v.zarr");
        let codecs = format!(
            r#"[{{"name": "bytes", "configuration": {{"endian": "little"}}}}, {{"name": "{codec}", "configuration": {{"level": 1}}}}]"#
        );
        let array = format!(
            r#"{{"zarr_format": 3, "node_type": "array", "shape": [1, 2], "data_type": "float64", "fill_value": 0.0,
            "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": [1, 2]}}}},
            "chunk_key_encoding": {{"name": "default"}}, "codecs": {codecs}}}"#
        );
        std::fs::create_dir_all(root.join("c/0")).unwrap();
        std::fs::write(root.join("zarr.json"), array).unwrap();
        std::fs::write(root.join("c/0/0"), chunk).unwrap();
        let options = ReadOptions::default();
        if expected.is_empty() {
            let table = partwise_io::read(&root, &options).unwrap();
            assert_eq!(table.matrix.shape(), (1, 2), "{codec}");
        } else {
            let error = message(&root, &options);
            assert!(error.contains(expected), "{codec}: {error}");
        }
    }
}

#[test]
fn places_that_are_no_whole_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let sparse = r#"{"encoding-type": "csr_matrix", "shape": [2, 4]}"#;
    for (name, indptr, indices, expected) in [
        (
            "pointers",
            "0.5",
            "1.0",
            "indptr: entry 0 is 0.5; expected a whole number, 0 or more",
        ),
        (
            "indices",
            "0.0",
            "0.7",
            "indices: entry 0 is 0.7; expected a whole number from 0 to 3",
        ),
    ] {
        let root = folder.path().join(format!("{name}.zarr"));
        let arrays: &[(&str, &[u64], &str, &str)] = &[
            ("X/data", &[2], "float64", "1.0"),
            ("X/indices", &[2], "float64", indices),
            ("X/indptr", &[3], "float64", indptr),
        ];
        absent_chunks(&root, sparse, arrays);
        if name == "indices" {
            let bounds = [0.0_f64, 1.0, 2.0].map(f64::to_le_bytes).concat();
            std::fs::create_dir_all(root.join("X/indptr/c")).unwrap();
            std::fs::write(root.join("X/indptr/c/0"), bounds).unwrap();
        }
        let error = message(&root, &ReadOptions::default());
        assert!(error.contains(expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn groups_within_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("v.zarr");
    std::fs::create_dir(&root).unwrap();
    let group = r#"{"zarr_format": 3, "node_type": "group", "attributes": {}}"#;
    std::fs::write(root.join("zarr.json"), group).unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        std::os::unix::fs::symlink(".", root.join(name)).unwrap();
    }
    let error = message(&root, &ReadOptions::default());
    assert!(
        error.contains("holds more than 32768 groups and arrays"),
        "{error}"
    );
}
