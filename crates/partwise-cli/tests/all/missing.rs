//! What entries of V count for: missing ones, weights of entries and of rows.

use partwise_io::AnyDense;

use crate::common::{Place, npy, npy_f64};

const SHAPE: (usize, usize) = (6, 4);
/// Entries that are not known, or wrong.
const HOLES: [(usize, usize); 3] = [(0, 1), (3, 3), (5, 0)];

/// A matrix of rank 1.
fn entry(i: usize, j: usize) -> f64 {
    (i + 1) as f64 * (j + 2) as f64
}

/// Lines of text, with something else in the holes.
fn text(hole: &str) -> String {
    lines(|i, j| match HOLES.contains(&(i, j)) {
        true => hole.to_owned(),
        false => entry(i, j).to_string(),
    })
}

fn lines(cell: impl Fn(usize, usize) -> String) -> String {
    let line = |i| (0..SHAPE.1).map(|j| cell(i, j)).collect::<Vec<_>>();
    let lines = (0..SHAPE.0).map(|i| line(i).join(" ") + "\n");
    lines.collect()
}

/// The known entries alone.
fn market() -> String {
    let places = (0..SHAPE.0).flat_map(|i| (0..SHAPE.1).map(move |j| (i, j)));
    let known: Vec<_> = places.filter(|at| !HOLES.contains(at)).collect();
    let head = format!("6 4 {}", known.len());
    let entries = known
        .iter()
        .map(|&(i, j)| format!("{} {} {}\n", i + 1, j + 1, entry(i, j)));
    let entries: String = entries.collect();
    format!("%%MatrixMarket matrix coordinate real general\n{head}\n{entries}")
}

/// Weights that let the holes count nothing.
fn weights() -> String {
    lines(|i, j| u8::from(!HOLES.contains(&(i, j))).to_string())
}

/// The largest difference between W H of a model and the whole matrix.
fn off(place: &Place, folder: &str) -> f64 {
    let model = place.model(&format!("{folder}/model.npz"));
    let (AnyDense::F64(w), AnyDense::F64(h)) = (model.w, model.h) else {
        panic!("not float64");
    };
    let difference = |i: usize, j: usize| (w.get(i, 0) * h.get(0, j) - entry(i, j)).abs();
    let places = (0..SHAPE.0).flat_map(|i| (0..SHAPE.1).map(move |j| (i, j)));
    places.map(|(i, j)| difference(i, j)).fold(0.0, f64::max)
}

#[test]
fn what_is_missing_or_weighs_nothing_is_filled_in() {
    let place = Place::new();
    place
        .file("holes.txt", text("nan"))
        .file("wrong.txt", text("99"))
        .file("ratings.mtx", market())
        .file("weights.txt", weights());
    for (folder, flags) in [
        ("nan", "holes.txt --missing-values nan"),
        ("unstored", "ratings.mtx --zeros missing"),
        ("both", "ratings.mtx --zeros missing --missing-values nan"),
        ("weighted", "wrong.txt --entry-weights weights.txt"),
        ("divergence", "ratings.mtx --zeros missing --loss kl"),
    ] {
        let table = place.succeed(&format!(
            "fit {flags} -k 1 --tol 0 --max-iter 300 -o {folder}"
        ));
        assert!(table.contains("what counts"), "{table}");
        assert!(off(&place, folder) < 1e-4, "{folder}");
    }
    place.succeed("fit ratings.mtx -k 1 --zeros data -o zeros");
    assert!(off(&place, "zeros") > 1.0);
    let parameters = &place.json("both/run.json")["parameters"];
    assert_eq!(parameters["missing_values"], "nan");
    assert_eq!(parameters["zeros"], "missing");
    let parameters = &place.json("weighted/run.json")["parameters"];
    assert_eq!(parameters["entry_weights"], "weights.txt");
    assert_eq!(parameters["zeros"], "data");
}

#[test]
fn a_transform_takes_for_missing_what_its_model_did() {
    let place = Place::new();
    place
        .file("holes.txt", text("nan"))
        .file("ratings.mtx", market())
        .file("whole.txt", lines(|i, j| entry(i, j).to_string()));
    place.succeed("fit holes.txt -k 1 --missing-values nan --tol 0 --max-iter 300 -o nan");
    place.succeed("fit ratings.mtx -k 1 --zeros missing --tol 0 --max-iter 300 -o unstored");
    place.succeed("fit whole.txt -k 1 -o whole");
    for (model, new) in [
        ("nan", "holes.txt"),
        ("unstored", "ratings.mtx"),
        ("whole", "holes.txt --missing-values nan"),
        ("whole", "ratings.mtx --zeros missing"),
    ] {
        place.succeed(&format!("transform {model}/model.npz {new} -o w.npy"));
        let w = place.matrix("w.npy");
        for (i, x) in w.values.iter().enumerate() {
            let expected = w.values[0] * (i + 1) as f64;
            assert!((x - expected).abs() < 1e-4 * expected, "{model}: {x}");
        }
    }
    let words = ["holes.txt", "NaN", "row 0, column 1"];
    place.refused("transform whole/model.npz holes.txt -o x.npy", &words);
    let words = ["--zeros missing", "whole.txt is dense"];
    place.refused("transform unstored/model.npz whole.txt -o x.npy", &words);
}

#[test]
fn rows_have_weights() {
    let place = Place::new();
    let last_wrong = lines(|i, j| match i {
        5 => "7".to_owned(),
        _ => entry(i, j).to_string(),
    });
    let weights = [1.0, 2.0, 3.0, 1.0, 0.5, 0.0];
    place
        .file("v.txt", last_wrong)
        .file("row.txt", "1 2 3 1 0.5 0\n")
        .file("column.npy", npy_f64(6, 1, &weights))
        .file(
            "flat.npy",
            npy("<f8", "(6,)", &weights.map(f64::to_le_bytes).concat()),
        );
    let fit = "fit v.txt -k 1 --tol 0 --max-iter 300";
    place.succeed(&format!("{fit} --row-weights row.txt -o row"));
    place.succeed(&format!("{fit} --row-weights column.npy -o column"));
    place.succeed(&format!("{fit} --row-weights flat.npy -o flat"));
    let parts = |folder: &str| {
        let model = place.model(&format!("{folder}/model.npz"));
        let (AnyDense::F64(w), AnyDense::F64(h)) = (model.w, model.h) else {
            panic!("not float64");
        };
        (w.data, h.data)
    };
    let (w, h) = parts("row");
    // Of a row that counts nothing nothing is known.
    assert_eq!(w[5], 0.0);
    for (j, h) in h.iter().enumerate() {
        assert!((w[2] * h - entry(2, j)).abs() < 1e-4);
    }
    assert_eq!((w, h), parts("column"));
    assert_eq!(parts("column"), parts("flat"));
}

#[test]
fn refusals() {
    let place = Place::new();
    place
        .file("holes.txt", text("nan"))
        .file("v.txt", text("1"))
        .file("ratings.mtx", market())
        .file("short.txt", "1 2 3\n")
        .file("zeros.txt", "0 0 0 0 0 0\n")
        .file("negative.txt", text("-1"))
        .file("below.txt", "1 1 -2 1 1 1\n");
    for (flags, words) in [
        ("holes.txt", &["holes.txt", "NaN"][..]),
        (
            "holes.txt --missing-values 0",
            &["0", "--missing-values", "nan"],
        ),
        (
            "holes.txt --zeros missing",
            &["--zeros missing", "holes.txt is dense", "--missing-values"],
        ),
        ("ratings.mtx --zeros none", &["none", "--zeros", "missing"]),
        (
            "v.txt --entry-weights short.txt",
            &["short.txt", "1 × 3", "v.txt", "6 × 4"],
        ),
        (
            "v.txt --row-weights short.txt",
            &["short.txt", "1 × 3", "6 rows of v.txt"],
        ),
        ("v.txt --entry-weights none.npy", &["none.npy"]),
        (
            "v.txt --entry-weights negative.txt",
            &["negative.txt", "weights of entries", "-1"],
        ),
        (
            "v.txt --row-weights below.txt",
            &["below.txt", "weights of rows", "-2"],
        ),
        (
            "v.txt --row-weights zeros.txt",
            &["v.txt", "no entry of V counts"],
        ),
        (
            "holes.txt --missing-values nan --init nndsvd",
            &["nndsvd", "random"],
        ),
        (
            "holes.txt --missing-values nan --solver sketched",
            &["sketched"],
        ),
        (
            "holes.txt --missing-values nan --constraint hoyer",
            &["hoyer", "missing"],
        ),
        (
            "holes.txt --missing-values nan --stream",
            &["--stream", "--missing-values"],
        ),
        (
            "ratings.mtx --zeros missing --pieces 2",
            &["--pieces", "--zeros missing"],
        ),
        (
            "v.txt --row-weights zeros.txt --checkpoint kept",
            &["--checkpoint", "--row-weights"],
        ),
    ] {
        place.refused(&format!("fit {flags} -k 1 -o out"), words);
    }
}
