//! `joint`: several matrices, one W.

use crate::common::{NAMED_CSV, Place, npy_f32, npy_f64, plain_text, plain_values};
use serde_json::json;

fn place() -> Place {
    let place = Place::new();
    let halves: Vec<f64> = plain_values().iter().map(|v| v / 200.0).collect();
    place
        .file("v.txt", plain_text())
        .file("w.npy", npy_f64(6, 4, &halves))
        .file("single.npy", npy_f32(6, 4, &halves))
        .file("short.npy", npy_f64(4, 6, &halves))
        .file("named.csv", NAMED_CSV);
    std::fs::create_dir(place.path("other")).unwrap();
    place.file("other/v.txt", plain_text());
    place
}

#[test]
fn matrices_get_a_model_each_and_share_w() {
    let place = place();
    let table = place.succeed("joint v.txt w.npy other/v.txt -k 2 --weights 1,2,1 -o out");
    for words in ["v.txt", "w.npy", "relative error", "weight "] {
        assert!(table.contains(words), "no {words}: {table}");
    }
    let run = place.json("out/run.json");
    assert_eq!(run["shape"], json!([6, 12]));
    let matrices = run["matrices"].as_array().unwrap();
    let files: Vec<_> = matrices.iter().map(|line| &line["model"]).collect();
    assert_eq!(files, ["v.npz", "w.npz", "v-2.npz"]);
    let sum = matrices.iter().map(|line| {
        let number = |key: &str| line[key].as_f64().unwrap();
        assert!(number("relative_error") < 0.05, "{line}");
        number("weight") * number("divergence")
    });
    let (sum, objective) = (sum.sum::<f64>(), run["objective"].as_f64().unwrap());
    assert!((sum / objective - 1.0).abs() < 1e-6, "{sum} {objective}");
    let models = ["out/v.npz", "out/w.npz", "out/v-2.npz"].map(|name| place.model(name));
    assert!(models.iter().all(|model| model.w == models[0].w));
    assert!(models.iter().all(|model| model.h.shape() == (2, 4)));
    image::open(place.path("out/convergence.png")).unwrap();
    place.succeed("transform out/w.npz w.npy -o new.npy");
    place.succeed("reconstruct out/v.npz -o again.npy");
    let table = place.succeed("joint v.txt w.npy -k 2 --unbalanced -o plain");
    assert!(table.contains("weight 1"), "{table}");
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let place = place();
    for (arguments, words) in [
        ("joint -k 2 -o out", ["<V>", "required"]),
        (
            "joint v.txt short.npy -k 2 -o out",
            ["short.npy", "expected 6"],
        ),
        (
            "joint v.txt none.npy -k 2 -o out",
            ["none.npy", "no such file"],
        ),
        (
            "joint w.npy single.npy -k 2 -o out",
            ["single.npy holds float32", "--dtype"],
        ),
        (
            "joint v.txt w.npy -k 2 --weights 1 -o out",
            ["1 given", "2 matrices"],
        ),
        (
            "joint v.txt w.npy -k 2 --weights 1,-1 -o out",
            ["matrix 2: --weights = -1", "above 0"],
        ),
        (
            "joint v.txt w.npy -k 2 --constraint simplex -o out",
            ["--constraint", "several"],
        ),
        ("joint v.txt w.npy -k 0 -o out", ["rank = 0", "at least 1"]),
    ] {
        place.refused(arguments, &words);
    }
    place.succeed("joint w.npy single.npy -k 2 --dtype f32 -o single");
    // The models are named as the matrices are.
    place.succeed("fit w.npy -k 2 -o w");
    std::fs::rename(place.path("w/model.npz"), place.path("w.npz")).unwrap();
    std::fs::remove_dir_all(place.path("w")).unwrap();
    let before = std::fs::read(place.path("w.npz")).unwrap();
    place.refused("joint w.npz w.npy -k 2 -o .", &["w.npz", "reads"]);
    assert_eq!(std::fs::read(place.path("w.npz")).unwrap(), before);
}
