//! `fit`, `transform`, `reconstruct` and `info` on good input.

use std::io::Write;
use std::process::Stdio;

use crate::common::{NAMED_CSV, Place, npy_f32, npy_f64, plain_text, plain_values, scipy_npz};
use serde_json::Value;

/// The keys that every run.json has.
const KEYS: [&str; 23] = [
    "version",
    "command",
    "parameters",
    "shape",
    "nonzeros",
    "rank",
    "loss",
    "solver",
    "objective",
    "relative_error",
    "iterations",
    "converged",
    "stop_reason",
    "seconds",
    "trace",
    "input",
    "init",
    "seed",
    "dtype",
    "residual",
    "divergence",
    "flaws",
    "command",
];

/// That a fit left its three files, and that they tell of the 6 × 4 matrix.
fn check_fit(place: &Place, folder: &str) -> Value {
    let run = place.json(&format!("{folder}/run.json"));
    for key in KEYS {
        assert!(run.get(key).is_some(), "{folder}: no {key}");
    }
    assert_eq!(run["shape"], serde_json::json!([6, 4]));
    assert_eq!(run["nonzeros"], 24);
    assert_eq!(run["rank"], 2);
    assert!(run["relative_error"].as_f64().unwrap() < 0.05, "{run}");
    let trace = run["trace"].as_array().unwrap();
    let last = trace.last().unwrap();
    assert_eq!(last["iteration"], run["iterations"]);
    assert_eq!(last["objective"], run["objective"]);
    for key in ["iteration", "seconds", "objective", "residual"] {
        assert!(last.get(key).is_some(), "{folder}: no {key} in the trace");
    }
    let model = place.model(&format!("{folder}/model.npz"));
    assert_eq!((model.w.shape(), model.h.shape()), ((6, 2), (2, 4)));
    let picture = image::open(place.path(&format!("{folder}/convergence.png"))).unwrap();
    assert!(picture.width() > 400 && picture.height() > 300);
    run
}

#[test]
fn every_format_gives_a_run_and_a_model() {
    let place = Place::new();
    let values = plain_values();
    let mut market = "%%MatrixMarket matrix coordinate real general\n6 4 24\n".to_owned();
    for (place, value) in values.iter().enumerate() {
        market += &format!("{} {} {value}\n", place / 4 + 1, place % 4 + 1);
    }
    place
        .file("v.txt", plain_text())
        .file("v.csv", NAMED_CSV)
        .file("v.npy", npy_f64(6, 4, &values))
        .file("v.npz", scipy_npz(6, 4, &values))
        .file("v.mtx", market);
    for extension in ["txt", "csv", "npy", "npz", "mtx"] {
        let table = place.succeed(&format!("fit v.{extension} -k 2 -o {extension}"));
        assert!(table.contains("relative error"), "{table}");
        assert!(table.contains("6 × 4, float64"), "{table}");
        let run = check_fit(&place, extension);
        assert_eq!(run["dtype"], "float64");
        assert_eq!(run["input"], format!("v.{extension}"));
        assert_eq!(run["command"][1], "fit");
        assert_eq!(run["parameters"]["max_iter"], 200);
    }
}

#[test]
fn standard_input_is_read() {
    let place = Place::new();
    let mut child = place
        .command("fit - --format text -k 2 -o out")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(plain_text().as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(check_fit(&place, "out")["input"], "standard input");
}

#[test]
fn a_start_that_was_taken_near_the_data_is_said_to_be() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    for (flags, near) in [
        ("--loss kl", true),
        ("--loss kl --solver newton", false),
        ("", false),
    ] {
        let table = place.succeed(&format!("fit v.txt -k 2 --init random {flags} -o out"));
        assert_eq!(
            table.contains("random, seed 0, taken near the data by "),
            near,
            "{table}"
        );
        let run = check_fit(&place, "out");
        let steps = run.get("approach_iterations").and_then(Value::as_u64);
        assert_eq!(steps.is_some_and(|steps| steps > 0), near, "{run}");
    }
}

#[test]
fn the_precision_is_that_of_the_file_or_of_the_flag() {
    let place = Place::new();
    place.file("v.npy", npy_f32(6, 4, &plain_values()));
    place.succeed("fit v.npy -k 2 -o single");
    assert_eq!(check_fit(&place, "single")["dtype"], "float32");
    assert_eq!(
        place.model("single/model.npz").w.precision().name(),
        "float32"
    );
    place.succeed("fit v.npy -k 2 -o double --dtype f64");
    assert_eq!(check_fit(&place, "double")["dtype"], "float64");
}

#[test]
fn names_travel_and_the_model_gives_back_its_data() {
    let place = Place::new();
    place.file("v.csv", NAMED_CSV);
    place.succeed("fit v.csv -k 2 -o out --tol 1e-10 --max-iter 5000");
    let model = place.model("out/model.npz");
    let rows = ["s1", "s2", "s3", "s4", "s5", "s6"];
    assert_eq!(model.row_names.as_deref().unwrap(), rows);
    assert_eq!(model.col_names.as_deref().unwrap(), ["a", "b", "c", "d"]);

    place.succeed("transform out/model.npz v.csv -o w.csv");
    let w = place.matrix("w.csv");
    assert_eq!(w.row_names, rows);
    assert_eq!(w.col_names, ["1", "2"]);
    let partwise_io::AnyDense::F64(fitted) = &model.w else {
        panic!("w is not float64");
    };
    for (found, wanted) in w.values.iter().zip(&fitted.data) {
        assert!((found - wanted).abs() < 1e-3, "{found} instead of {wanted}");
    }

    place.succeed("reconstruct out/model.npz -o again.csv");
    let again = place.matrix("again.csv");
    assert_eq!(
        (again.shape, &again.row_names[..]),
        ((6, 4), &rows.map(String::from)[..])
    );
    assert_eq!(again.col_names, ["a", "b", "c", "d"]);
    for (found, wanted) in again.values.iter().zip(plain_values()) {
        assert!((found - wanted).abs() < 0.2, "{found} instead of {wanted}");
    }
}

#[test]
fn factors_are_constrained_and_so_are_those_of_new_samples() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    let table = place.succeed(
        "fit v.txt -k 2 --constraint simplex --constraint h:hoyer=0.3 --max-iter 30 -o out",
    );
    assert!(table.contains("w:simplex, h:hoyer=0.3"), "{table}");
    let run = place.json("out/run.json");
    let constraints = &run["parameters"]["constraint"];
    assert_eq!(
        constraints,
        &serde_json::json!(["w:simplex", "h:hoyer=0.3"])
    );
    place.succeed("transform out/model.npz v.txt -o w.npy");
    let w = place.matrix("w.npy");
    for row in w.values.chunks_exact(2) {
        assert!((row[0] + row[1] - 1.0).abs() < 1e-12, "{row:?}");
    }
    let table = place.succeed("fit v.txt -k 2 --constraint separable -o pure");
    assert!(table.contains("rows of V taken"), "{table}");
    let picked = place.json("pure/run.json")["picked"].clone();
    let values = plain_values();
    let partwise_io::AnyDense::F64(h) = place.model("pure/model.npz").h else {
        panic!("h is not float64");
    };
    for t in 0..2 {
        let i = usize::try_from(picked[t].as_u64().unwrap()).unwrap();
        assert_eq!(h.data[t * 4..t * 4 + 4], values[i * 4..i * 4 + 4]);
    }
    place.succeed("transform pure/model.npz v.txt -o w.npy");
}

#[test]
fn entries_of_any_sign_are_factored_where_a_constraint_allows_them() {
    let place = Place::new();
    // Samples around two centres of both signs.
    let line = |i: usize| {
        let centre = [[2.0, -1.0, 0.5], [-1.0, 1.5, -2.0]][i % 2];
        let entry = |j: usize| (1.0 + i as f64 / 9.0) * centre[j] + (i * j % 4) as f64 / 50.0;
        (0..3)
            .map(|j| entry(j).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let rows: Vec<_> = (0..12).map(line).collect();
    place.file("v.txt", rows.join("\n"));
    place.refused(
        "fit v.txt -k 2 -o out",
        &["v.txt", "row 0, column 1", "negative"],
    );
    for text in ["semi", "convex"] {
        let table = place.succeed(&format!(
            "fit v.txt -k 2 --constraint {text} -o {text} --max-iter 500"
        ));
        assert!(table.contains(&format!("h:{text}")), "{table}");
        let error = place.json(&format!("{text}/run.json"))["relative_error"].as_f64();
        assert!(error.is_some_and(|error| error < 0.1), "{table}");
        place.succeed(&format!("transform {text}/model.npz v.txt -o {text}.npy"));
        let (w, v) = (place.matrix(&format!("{text}.npy")), place.matrix("v.txt"));
        let model = place.model(&format!("{text}/model.npz"));
        let partwise_io::AnyDense::F64(h) = model.h else {
            panic!("h is not float64");
        };
        assert!(h.data.iter().any(|x| *x < 0.0) && w.values.iter().all(|x| *x >= 0.0));
        assert_eq!(model.c.is_some(), text == "convex");
        if let Some(partwise_io::AnyDense::F64(c)) = model.c {
            assert!(table.contains("rows in a mixture"), "{table}");
            for t in 0..2 {
                let shares = &c.data[t * 12..(t + 1) * 12];
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                for j in 0..3 {
                    let mixed: f64 = (0..12).map(|i| shares[i] * v.values[i * 3 + j]).sum();
                    assert!((mixed - h.data[t * 3 + j]).abs() < 1e-12);
                }
            }
        }
        place.refused(
            &format!("parts v.txt --shape 1x3 -k 2 --constraint w:{text} -o x"),
            &[text],
        );
    }
    place.refused(
        "topics v.txt -k 2 --constraint semi -o x",
        &["h:semi", "below zero"],
    );
}

#[test]
fn a_graph_comes_from_a_file_or_from_the_matrix() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    // A chain of the six samples.
    let line = |i: usize| {
        let weight = |j: usize| usize::from(i.abs_diff(j) == 1).to_string();
        (0..6).map(weight).collect::<Vec<_>>().join(" ")
    };
    let chain: Vec<_> = (0..6).map(line).collect();
    place.file("chain.txt", chain.join("\n"));
    let table = place.succeed("fit v.txt -k 2 --constraint graph=50 --graph chain.txt -o out");
    assert!(table.contains("w:graph=50"), "{table}");
    let run = place.json("out/run.json");
    assert_eq!(run["parameters"]["graph"], "chain.txt");
    place.succeed("transform out/model.npz v.txt -o w.npy");
    place.succeed("fit v.txt -k 2 --constraint h:graph -o made");
}

#[test]
fn labels_come_from_a_file_and_new_samples_get_theirs() {
    let place = Place::new();
    place.file("v.csv", NAMED_CSV);
    let rows = NAMED_CSV.lines().count() - 1;
    let label = |i: usize| if i == 1 { "" } else { ["10", "9"][i % 2] };
    let labels: Vec<_> = (0..rows).map(label).collect();
    place.file("labels.txt", labels.join("\n") + "\n");
    let fit = "fit v.csv -k 2 --constraint labels=1000 --labels labels.txt --max-iter 2000 -o out";
    let table = place.succeed(fit);
    assert!(table.contains("classes told right"), "{table}");
    assert!(table.contains("w:labels=1000"), "{table}");
    let run = place.json("out/run.json");
    // Numbers by size.
    assert_eq!(run["classes"]["names"], serde_json::json!(["9", "10"]));
    assert_eq!(run["classes"]["known"], rows - 1);
    let model = place.model("out/model.npz");
    let names = model.row_names.as_ref().unwrap();
    let classes = model.classes.unwrap();
    assert_eq!(classes.parts.shape(), (2, 2));
    assert_eq!(classes.names, ["9", "10"]);
    let told = std::fs::read_to_string(place.path("out/classes.csv")).unwrap();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!((lines[0], lines.len()), ("sample,known,told", rows + 1));
    assert!(lines[1].starts_with(&format!("{},10,", names[0])), "{told}");
    assert!(lines[2].starts_with(&format!("{},,", names[1])), "{told}");
    let right = lines[1..].iter().filter(|line| {
        let fields: Vec<_> = line.split(',').collect();
        fields[1] == fields[2]
    });
    assert_eq!(run["classes"]["told_right"], right.count());
    place.succeed("transform out/model.npz v.csv -o w.npy --classes told.csv");
    let told = std::fs::read_to_string(place.path("told.csv")).unwrap();
    assert_eq!(told.lines().count(), rows + 1);
    let line = told.lines().nth(1).unwrap();
    assert!(
        line.starts_with(&format!("{},", names[0]))
            && (line.ends_with(",9") || line.ends_with(",10")),
        "{told}"
    );
    let table = place.succeed("info out/model.npz");
    assert!(
        table.contains("2 × 2") && table.contains("9, 10"),
        "{table}"
    );
    place.succeed("fit v.csv -k 2 -o plain");
    place.refused(
        "transform plain/model.npz v.csv -o x.npy --classes y.csv",
        &["plain/model.npz", "no classes", "--constraint labels"],
    );
}

#[test]
fn a_graph_is_factored_into_its_groups() {
    let place = Place::new();
    // Two triangles with an edge between them.
    let edges = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)];
    let line = |i: usize| {
        let weight = |j| usize::from(edges.contains(&(i, j)) || edges.contains(&(j, i)));
        let weights: Vec<_> = (0..6).map(|j| weight(j).to_string()).collect();
        weights.join(" ")
    };
    place.file("graph.txt", (0..6).map(line).collect::<Vec<_>>().join("\n"));
    place.succeed("fit graph.txt -k 2 --constraint symmetric -o out");
    let model = place.model("out/model.npz");
    let (partwise_io::AnyDense::F64(w), partwise_io::AnyDense::F64(h)) = (model.w, model.h) else {
        panic!("not float64");
    };
    let first = |i: usize| w.data[i * 2] > w.data[i * 2 + 1];
    for i in 0..6 {
        assert_eq!(first(i) == first(0), i < 3, "node {i}");
        assert_eq!(w.data[i * 2..i * 2 + 2], [h.data[i], h.data[6 + i]]);
    }
}

#[test]
fn a_transform_uses_the_loss_and_penalty_of_the_model() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    place.succeed("fit v.txt -k 2 -o out --loss 1.5 --alpha-w 0.1 --l1-ratio 1 --max-iter 2000");
    let meta = place.model("out/model.npz").meta;
    assert_eq!(
        (&meta["loss"], &meta["solver"]),
        (&"beta=1.5".into(), &"mu".into())
    );
    assert_eq!(
        (&meta["alpha_w"], &meta["alpha_h"]),
        (&0.1.into(), &0.1.into())
    );
    place.succeed("transform out/model.npz v.txt -o penalised.npy");
    place.succeed(
        "fit v.txt -k 2 -o plain --loss 1.5 --start-h h.npy --hold h --max-iter 2000"
            .replace("h.npy", &{
                let model = place.model("out/model.npz");
                let partwise_io::AnyDense::F64(h) = model.h else {
                    panic!("h is not float64");
                };
                place.file("h.npy", npy_f64(2, 4, &h.data));
                "h.npy".to_owned()
            })
            .as_str(),
    );
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let partwise_io::AnyDense::F64(plain) = place.model("plain/model.npz").w else {
        panic!("w is not float64");
    };
    let penalised = place.matrix("penalised.npy");
    assert!(sum(&penalised.values) < 0.999 * sum(&plain.data));
}

#[test]
fn a_held_factor_stays_as_it_is_given() {
    let place = Place::new();
    let h = [1.0, 2.0, 0.5, 0.1, 0.5, 0.1, 3.0, 2.0];
    place
        .file("v.txt", plain_text())
        .file("h.npy", npy_f64(2, 4, &h));
    place.succeed("fit v.txt -k 2 -o out --start-h h.npy --hold h");
    let partwise_io::AnyDense::F64(held) = place.model("out/model.npz").h else {
        panic!("h is not float64");
    };
    assert_eq!(held.data, h);
}

#[test]
fn starts_come_from_text_for_single_precision_too() {
    let place = Place::new();
    place
        .file("v.npy", npy_f32(6, 4, &plain_values()))
        .file("h.txt", "1 2 0.5 0.1\n0.5 0.1 3 2\n")
        .file("w.npy", npy_f64(6, 2, &[0.5; 12]));
    place.succeed("fit v.npy -k 2 -o out --start-h h.txt --init random");
    place.succeed("fit v.npy -k 2 -o both --start-h h.txt --start-w w.npy --dtype f32");
    assert_eq!(place.json("both/run.json")["init"], Value::Null);
    assert_eq!(place.json("both/run.json")["dtype"], "float32");
}

#[test]
fn one_seed_gives_one_answer_for_any_number_of_threads() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    for (folder, flags) in [
        ("a", "--threads 1"),
        ("b", "--threads 2"),
        ("c", "--seed 8"),
    ] {
        place.succeed(
            &format!("fit v.txt -k 2 --init random -o {folder} --seed 7 {flags}")
                .replace("--seed 7 --seed 8", "--seed 8"),
        );
    }
    let objective = |folder: &str| place.json(&format!("{folder}/run.json"))["objective"].clone();
    assert_eq!(objective("a"), objective("b"));
    assert_ne!(objective("a"), objective("c"));
}

#[test]
fn json_is_all_that_is_printed_when_asked_for() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    let output = place.run("fit v.txt -k 2 -o out --json");
    assert!(output.stderr.is_empty());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, place.json("out/run.json"));
}

#[test]
fn quiet_is_silent_and_warnings_are_for_stderr() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    let output = place.run("fit v.txt -k 2 -o out --solver mu --init nndsvd");
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(warning.starts_with("partwise: warning: "), "{warning}");
    assert!(
        warning.contains("nndsvd") && warning.lines().count() == 1,
        "{warning}"
    );
    let output = place.run("fit v.txt -k 2 -o als --solver als");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("may rise")
    );
    let output = place.run("fit v.txt -k 5 -o many");
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(
        warning.contains("5 components for 6 × 4: 4 would"),
        "{warning}"
    );
    for arguments in [
        "fit v.txt -k 2 -o out --solver als --quiet",
        "transform out/model.npz v.txt -o w.npy --quiet",
        "reconstruct out/model.npz -o again.npy --quiet",
    ] {
        let output = place.run(arguments);
        assert!(output.status.success(), "{arguments}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments}"
        );
    }
}

#[test]
fn info_tells_of_matrices_and_models() {
    let place = Place::new();
    place
        .file("v.csv", NAMED_CSV)
        .file("bad.txt", "1 -2\nnan 4\n");
    let table = place.succeed("info v.csv");
    assert!(
        table.contains("6 × 4") && table.contains("a, b, c, d"),
        "{table}"
    );
    let json: Value = serde_json::from_str(&place.succeed("info v.csv --json")).unwrap();
    assert_eq!(
        (&json["kind"], &json["max"]),
        (&"matrix".into(), &7.0.into())
    );
    let table = place.succeed("info bad.txt");
    assert!(table.contains("no: 1 negative, 1 NaN"), "{table}");
    for (text, flag, found) in [
        ("1 2 3\nnan 4 1\n2 2 5\n", "--missing-values nan", "1 NaN"),
        ("1 -2 3\n2 4 1\n2 2 5\n", "--constraint semi", "1 negative"),
    ] {
        place.file("odd.txt", text);
        let table = place.succeed("info odd.txt");
        assert!(table.contains(flag) && table.contains(found), "{table}");
        place.refused("fit odd.txt -k 1 -o none", &["odd.txt", "row", flag]);
        place.succeed(&format!("fit odd.txt -k 1 {flag} -o odd"));
    }
    place.succeed("fit odd.txt -k 1 --constraint convex -o mixed");
    let table = place.succeed("info mixed/model.npz");
    assert!(table.lines().any(|line| line.starts_with("C ")), "{table}");

    place.succeed("fit v.csv -k 2 -o out");
    let table = place.succeed("info out/model.npz");
    assert!(
        table.contains("6 × 2") && table.contains("frobenius"),
        "{table}"
    );
    let json: Value = serde_json::from_str(&place.succeed("info out/model.npz --json")).unwrap();
    assert_eq!((&json["kind"], &json["rank"]), (&"model".into(), &2.into()));
    assert_eq!(json["meta"]["solver"], "hals");
}

#[test]
fn an_earlier_result_is_replaced_whole() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    place.succeed("fit v.txt -k 2 -o out");
    place.succeed("fit v.txt -k 1 -o out");
    assert_eq!(place.json("out/run.json")["rank"], 1);
    assert_eq!(place.model("out/model.npz").h.shape(), (1, 4));
    let inside = place
        .names()
        .into_iter()
        .filter(|path| path.starts_with(place.path("out/")));
    assert_eq!(inside.count(), 4, "the folder and three files");
}
