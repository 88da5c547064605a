//! Files of other programs: Parquet, Arrow, HDF5 and Zarr, in memory and where they lie.

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::Arc;

use crate::common::{Place, failed, npy_f64, scipy_npz};

/// A file that scripts/make_store_fixtures.py made.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../partwise-io/tests/formats")
        .join(name)
}

/// Something above zero that does not repeat soon.
fn entry(i: usize) -> f64 {
    0.05 + (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4
}

/// A Zarr array of "float64" or "int64", its rows in chunks that are not compressed. The last chunk may reach beyond its end.
fn zarr_array(
    folder: &Path,
    (shape, chunk): (&[usize], usize),
    kind: &str,
    entry: impl Fn(usize) -> [u8; 8],
) {
    let mut chunks = shape.to_vec();
    chunks[0] = chunk;
    let fill = if kind == "float64" { "0.0" } else { "0" };
    let meta = format!(
        r#"{{"zarr_format": 3, "node_type": "array", "shape": {shape:?}, "data_type": "{kind}",
        "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": {chunks:?}}}}},
        "chunk_key_encoding": {{"name": "default", "configuration": {{"separator": "/"}}}},
        "fill_value": {fill}, "codecs": [{{"name": "bytes", "configuration": {{"endian": "little"}}}}], "attributes": {{}}}}"#
    );
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("zarr.json"), meta).unwrap();
    let each: usize = chunks.iter().product();
    for number in 0..shape[0].div_ceil(chunk) {
        let mut file = folder.join(format!("c/{number}"));
        file.extend(shape[1..].iter().map(|_| "0"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let bytes: Vec<u8> = (number * each..(number + 1) * each)
            .flat_map(&entry)
            .collect();
        fs::write(file, bytes).unwrap();
    }
}

/// A Zarr array of doubles.
pub(crate) fn zarr(folder: &Path, (rows, cols, chunk): (usize, usize, usize)) {
    let entry = |i| entry(i).to_le_bytes();
    zarr_array(folder, (&[rows, cols], chunk), "float64", entry);
}

/// A sparse X in Zarr as AnnData keeps it, by rows or by columns, `per_line` entries in each of these lines.
fn zarr_sparse(folder: &Path, encoding: &str, (rows, cols): (usize, usize), per_line: usize) {
    let (lines, length) = match encoding {
        "csr_matrix" => (rows, cols),
        _ => (cols, rows),
    };
    let group = |folder: &Path, attributes: &str| {
        let meta = format!(
            r#"{{"zarr_format": 3, "node_type": "group", "attributes": {{{attributes}}}}}"#
        );
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("zarr.json"), meta).unwrap();
    };
    let x = folder.join("X");
    group(folder, "");
    group(
        &x,
        &format!(r#""encoding-type": "{encoding}", "shape": [{rows}, {cols}]"#),
    );
    let (stored, gap) = (lines * per_line, length / per_line);
    let index = |i: usize| {
        let (line, place) = (i / per_line, i % per_line);
        place * gap + (line * 31 + place * 17) % gap
    };
    let whole = |number: usize| (number as i64).to_le_bytes();
    let array = |name, count, kind, entry: &dyn Fn(usize) -> [u8; 8]| {
        zarr_array(&x.join(name), (&[count], 100_000), kind, entry);
    };
    array("data", stored, "float64", &|i| entry(i).to_le_bytes());
    array("indices", stored, "int64", &|i| whole(index(i)));
    array("indptr", lines + 1, "int64", &|i| whole(i * per_line));
}

#[test]
fn every_format_fits_converts_and_transforms() {
    let place = Place::new();
    for name in [
        "index.parquet",
        "zstd.feather",
        "category.arrows",
        "chunked.h5#gzip",
        "cells.h5ad",
        "cells.h5ad#layers/counts",
        "cells.h5ad#raw/X",
        "cells.zarr",
        "group.zarr#sharded",
        "old.zarr",
    ] {
        let file = fixture(name);
        let file = file.to_str().unwrap();
        place.succeed(&format!(
            "fit {file} -k 2 --solver cd --max-iter 20 -o a -q"
        ));
        let said = place.succeed(&format!("convert {file} -o v.pws"));
        assert!(!said.contains("through memory"), "{said}");
        place.succeed("fit v.pws -k 2 --solver cd --max-iter 20 -o b -q");
        let (a, b) = (place.model("a/model.npz"), place.model("b/model.npz"));
        assert_eq!(
            (&a.row_names, &a.col_names),
            (&b.row_names, &b.col_names),
            "{name}"
        );
        let close = |a: &serde_json::Value, b: &serde_json::Value| {
            (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 1e-4
        };
        assert!(close(&a.meta["objective"], &b.meta["objective"]), "{name}");
        place.succeed(&format!("transform a/model.npz {file} -o w.csv -q"));
        let said = place.succeed(&format!("info {file}"));
        assert!(said.contains("can be factored"), "{said}");
    }
}

#[test]
fn names_of_cells_and_genes_are_kept() {
    let place = Place::new();
    let file = fixture("cells.h5ad#layers/counts");
    let said = place.succeed(&format!("info {}", file.display()));
    for words in [
        "hdf5, sparse",
        "40 × 7",
        "int64",
        "cell0, cell1",
        "gene0, gene1",
    ] {
        assert!(said.contains(words), "{said}");
    }
    place.succeed(&format!("fit {} -k 2 -o out -q", file.display()));
    let model = place.model("out/model.npz");
    assert_eq!(model.row_names.unwrap()[39], "cell39");
    assert_eq!(model.col_names.unwrap()[6], "gene6");
}

/// Runs a command with `--memory 5M`, which must be too little, and then with what it says would do; again where it is another part of
/// the work that says so. How often it was refused.
fn refusals(place: &Place, command: &str) -> usize {
    let mut memory = "5M".to_owned();
    for refused in 0..4 {
        let output = place.run(&format!("{command} --memory {memory}"));
        if output.status.success() {
            assert!(refused > 0, "{command}: 5M were enough");
            return refused;
        }
        let too_little = format!("{memory} is too little");
        failed(&output, command, 2, &["needs --memory ", &too_little]);
        let complaint = String::from_utf8(output.stderr).unwrap();
        let named = complaint.split("--memory ").nth(1).unwrap();
        memory = named.split(';').next().unwrap().to_owned();
    }
    panic!("{command}: {memory} is too little again");
}

#[test]
fn a_limit_that_is_too_small_says_what_would_do_whatever_the_format() {
    let place = Place::new();
    let (rows, cols) = (2_000, 100);
    let values: Vec<f64> = (0..rows * cols).map(entry).collect();
    let lines = |separator: &str| -> String {
        let rows = values.chunks(cols).map(|row| {
            let row: Vec<String> = row.iter().map(f64::to_string).collect();
            row.join(separator) + "\n"
        });
        rows.collect()
    };
    let places = (0..values.len()).map(|i| {
        // In no order.
        let i = i * 7_919 % values.len();
        format!("{} {} {}\n", i / cols + 1, i % cols + 1, values[i])
    });
    let market = "%%MatrixMarket matrix coordinate real general".to_owned();
    let market =
        format!("{market}\n{rows} {cols} {}\n", values.len()) + &places.collect::<String>();
    place
        .file("v.npy", npy_f64(rows, cols, &values))
        .file("v.npz", scipy_npz(rows, cols, &values))
        .file("v.csv", lines(","))
        .file("v.txt", lines(" "))
        .file("v.mtx", market);
    place.succeed("convert v.mtx -o v.pws -q");
    zarr_sparse(&place.path("csr.zarr"), "csr_matrix", (rows, cols), 50);
    zarr_sparse(&place.path("csc.zarr"), "csc_matrix", (rows, cols), 1_000);
    let made = |name: &str| (name.to_owned(), true);
    let held = |name: &str| (name.to_owned(), false);
    let there = |name: &str| (fixture(name).display().to_string(), true);
    for (file, stays) in [
        made("v.npy"),
        made("v.pws"),
        made("csr.zarr"),
        there("index.parquet"),
        there("zstd.feather"),
        there("category.arrows"),
        there("cells.h5ad"),
        there("cells.zarr"),
        held("v.npz"),
        held("v.csv"),
        held("v.txt"),
        held("v.mtx"),
        held("csc.zarr"),
    ] {
        let refused = refusals(&place, &format!("fit {file} -k 2 --max-iter 2 -o out -q"));
        assert!(refused == 1 || !stays, "{file}: refused {refused} times");
        refusals(&place, &format!("convert {file} -o out.pws -q"));
    }
}

/// A sparse matrix by columns does not stay on disk, and what does is named.
#[test]
fn columns_that_are_too_large_for_memory_are_to_be_converted() {
    let place = Place::new();
    zarr_sparse(&place.path("v.zarr"), "csc_matrix", (3_000, 200), 1_500);
    let words = [
        "reading v.zarr needs --memory",
        "18M is too little",
        "partwise convert v.zarr -o v.pws",
    ];
    place.refused("fit v.zarr -k 2 -o out --memory 18M", &words);
    place.succeed("fit v.zarr -k 2 -o held -q");
    place.refused(
        "transform held/model.npz v.zarr -o w.npy --memory 18M",
        &words,
    );
    place.succeed("convert v.zarr -o v.pws -q --memory 40M");
    place.succeed("fit v.pws -k 2 -o out -q --memory 60M");
    assert_eq!(place.json("out/run.json")["on_disk"], true);
}

#[test]
fn what_cannot_be_read_is_one_line() {
    let place = Place::new();
    for (name, words) in [
        (
            "cells.h5ad#layers/count",
            &["holds no array 'layers/count'; it holds X, layers/counts, layers/dense"][..],
        ),
        ("chunked.h5", &["holds several arrays", "chunked.h5#grown"]),
        (
            "bad_latest.h5",
            &["is HDF5 of a kind that cannot be read here", "libver"],
        ),
        ("bad_truncated.h5", &["bad_truncated.h5"]),
        (
            "bad_truncated_index.parquet",
            &["damaged or not what it seems"],
        ),
        ("bad_truncated_every.feather", &["it was cut off"]),
        (
            "bad_null.parquet",
            &["column 'gap' has no value (null) in row 2"],
        ),
        ("bad_text.parquet", &["column 'kind' is of type Utf8"]),
        ("cells.zarr#layers/count", &["it holds X, layers/counts"]),
        (
            "only.zarr#X",
            &["holds no array 'X'; it is one array, without a name"],
        ),
    ] {
        let file = fixture(name);
        for command in ["fit -k 2 -o out", "convert -o v.pws", "info"] {
            place.refused(&format!("{command} {}", file.display()), words);
        }
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
#[cfg(target_os = "linux")]
fn a_zarr_larger_than_the_memory_is_fitted_where_it_lies() {
    let place = Place::new();
    // 64 MB.
    zarr(&place.path("v.zarr"), (20_000, 400, 250));
    let fit = "fit v.zarr -k 5 --solver cd --init random --max-iter 3 -q";
    let held = place.peak(&format!("{fit} -o held"));
    let peak = place.peak(&format!("{fit} --memory 60M -o left"));
    assert!(
        peak < 60_000_000 && held > 64_000_000,
        "{peak} and {held} bytes"
    );
    let (held, left) = (place.model("held/model.npz"), place.model("left/model.npz"));
    assert!(held.w == left.w && held.h == left.h, "other factors");
    let peak = place.peak("convert v.zarr --memory 40M -o v.pws -q");
    assert!(peak < 40_000_000, "{peak} bytes");
}

/// A table of one group, each column in Zstandard.
#[cfg(target_os = "linux")]
fn wide_parquet(path: &Path, rows: usize, cols: usize) {
    use parquet::basic::{Compression, Repetition, Type as Physical};
    use parquet::data_type::DoubleType;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::types::Type;

    let column = |col: usize| {
        let column = Type::primitive_type_builder(&format!("c{col}"), Physical::DOUBLE)
            .with_repetition(Repetition::REQUIRED)
            .build();
        Arc::new(column.unwrap())
    };
    let columns = (0..cols).map(column).collect();
    let schema = Type::group_type_builder("v").with_fields(columns).build();
    let how = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut file =
        SerializedFileWriter::new(file, Arc::new(schema.unwrap()), Arc::new(how)).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut col = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let values: Vec<f64> = (0..rows).map(|row| entry(row * cols + col)).collect();
        let writer = column.typed::<DoubleType>();
        writer.write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        col += 1;
    }
    group.close().unwrap();
    file.close().unwrap();
}

/// Each column of a Parquet file has a decompressor of its own.
#[test]
#[cfg(target_os = "linux")]
fn a_wide_table_takes_the_memory_that_is_said() {
    let place = Place::new();
    wide_parquet(&place.path("v.parquet"), 2_000, 1_500);
    for command in [
        "fit v.parquet -k 2 --solver cd --init random --max-iter 3 -q -o out",
        "convert v.parquet -q -o v.pws",
    ] {
        // The least is said in the end, though not at once.
        let mut limit = "1M".to_owned();
        for _ in 0..4 {
            let output = place
                .command(&format!("{command} --memory {limit}"))
                .output();
            let said = String::from_utf8(output.unwrap().stderr).unwrap();
            let Some((_, said)) = said.split_once("needs --memory ") else {
                break;
            };
            limit = said.split(';').next().unwrap().to_owned();
        }
        let most: u64 = limit.strip_suffix('M').unwrap().parse().unwrap();
        let peak = place.peak(&format!("{command} --memory {limit}"));
        assert!(
            most > 60 && peak < most * 1_000_000,
            "{command}: {peak} bytes of {limit}"
        );
    }
}

/// Rows enough for several bands of an array, and several runs and chunks of a sparse one: 1.6 million and a million numbers.
#[test]
#[cfg(target_os = "linux")]
fn what_crosses_bands_and_runs_has_the_bits_of_memory() {
    let place = Place::new();
    zarr(&place.path("dense.zarr"), (40_000, 40, 1_000));
    zarr_sparse(&place.path("sparse.zarr"), "csr_matrix", (40_000, 400), 25);
    for (file, options) in [
        ("dense.zarr", "--solver hals --init random --max-iter 4"),
        ("dense.zarr", "--max-iter 10"),
        ("sparse.zarr", "--solver hals --init random --max-iter 4"),
        (
            "sparse.zarr",
            "--loss kl --solver mu --init random --max-iter 3",
        ),
    ] {
        let fit = format!("fit {file} -k 4 --tol 0 --threads 2 {options} -q");
        place.succeed(&format!("{fit} -o held"));
        let peak = place.peak(&format!("{fit} --memory 80M -o left"));
        assert!(peak < 80_000_000, "{file} {options}: {peak} bytes");
        let runs = ["held", "left"].map(|folder| place.json(&format!("{folder}/run.json")));
        assert_eq!(runs[0]["on_disk"], serde_json::Value::Null, "{file}");
        assert_eq!(runs[1]["on_disk"], true, "{file}");
        let (held, left) = (place.model("held/model.npz"), place.model("left/model.npz"));
        assert!(held.w == left.w, "{file} {options}: another W");
        assert!(held.h == left.h, "{file} {options}: another H");
        assert_eq!(held.meta["objective"], left.meta["objective"], "{file}");
    }
}

/// As a matrix and as a picture: on white where it is transparent, and turned as it says.
#[test]
fn a_picture_is_the_same_to_every_command() {
    let place = Place::new();
    let exif = [
        b"MM\0*\0\0\0\x08".as_slice(),
        &[0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let pixels: Vec<u8> = (0..4 * 3 * 5).map(|i| (i * 37 % 256) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif).unwrap();
    let kind = image::ExtendedColorType::Rgba8;
    image::ImageEncoder::write_image(encoder, &pixels, 3, 5, kind).unwrap();
    place.file("a.png", file);
    let read = partwise_io::read(place.path("a.png"), &Default::default()).unwrap();
    let partwise_io::AnyMatrix::F64(partwise_io::Matrix::Dense(read)) = read.matrix else {
        panic!("no dense matrix of double precision");
    };
    let channels = partwise_apps::image::Channels::Grey;
    let shown = partwise_apps::image::load(&place.path("a.png"), channels, 1 << 20).unwrap();
    assert_eq!(((read.rows, read.cols), shown.shape()), ((3, 5), (3, 5)));
    for (read, shown) in read.data.iter().zip(shown.values()) {
        assert!((read - f64::from(*shown)).abs() < 1e-6, "{read} {shown}");
    }
}
