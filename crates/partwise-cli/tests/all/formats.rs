//! Files of other programs: Parquet, Arrow, HDF5 and Zarr, in memory and where they lie.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::Place;

/// A file that scripts/make_store_fixtures.py made.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../partwise-io/tests/formats")
        .join(name)
}

#[cfg(target_os = "linux")]
/// A Zarr array of doubles, its rows in chunks that are not compressed.
fn zarr(folder: &Path, (rows, cols, chunk): (usize, usize, usize)) {
    fs::create_dir_all(folder.join("c")).unwrap();
    let meta = format!(
        r#"{{"zarr_format": 3, "node_type": "array", "shape": [{rows}, {cols}], "data_type": "float64",
        "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": [{chunk}, {cols}]}}}},
        "chunk_key_encoding": {{"name": "default", "configuration": {{"separator": "/"}}}},
        "fill_value": 0.0, "codecs": [{{"name": "bytes", "configuration": {{"endian": "little"}}}}], "attributes": {{}}}}"#
    );
    fs::write(folder.join("zarr.json"), meta).unwrap();
    for number in 0..rows.div_ceil(chunk) {
        let entries = (0..chunk * cols).map(|i| {
            0.05 + ((number * chunk * cols + i).wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4
        });
        let bytes: Vec<u8> = entries.flat_map(f64::to_le_bytes).collect();
        fs::create_dir_all(folder.join(format!("c/{number}"))).unwrap();
        fs::write(folder.join(format!("c/{number}/0")), bytes).unwrap();
    }
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
