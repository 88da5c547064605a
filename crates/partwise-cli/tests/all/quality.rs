//! What a run says of how good it is: the least loss of its rank, the spread of its starts, and flaws of its
//! components.

use serde_json::{Value, json};

use crate::common::{Place, npy_f64, plain_text};

/// A table's value.
fn value<'a>(table: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = table.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.trim()))
}

#[test]
fn the_least_loss_of_the_rank_is_told_on_demand() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    let table = place.succeed("fit v.txt -k 1 -o one --quality --tol 1e-12 --max-iter 2000");
    let error = value(&table, "best possible error").unwrap();
    assert!(error.ends_with("(truncated SVD)"), "{table}");
    let run = place.json("one/run.json");
    let figure = |run: &Value, name: &str| run[name].as_f64().unwrap();
    // Nothing has to be below zero in the best matrix of rank 1.
    let (bound, above) = (figure(&run, "loss_bound"), figure(&run, "loss_above_bound"));
    assert!(bound > 1.0 && above < 1e-6 * bound, "{run}");
    assert!((figure(&run, "divergence") - bound - above).abs() < 1e-9 * bound);
    let least = figure(&run, "svd_relative_error");
    assert!((least - figure(&run, "relative_error")).abs() < 1e-6);

    place.succeed("fit v.txt -k 3 -o three --loss kl --quality");
    let run = place.json("three/run.json");
    let (bound, above) = (figure(&run, "loss_bound"), figure(&run, "loss_above_bound"));
    assert!(bound > 0.0 && above > 0.0, "{run}");

    place.succeed("fit v.txt -k 4 -o all --quality");
    assert_eq!(place.json("all/run.json")["loss_bound"], 0.0);

    let table = place.succeed("fit v.txt -k 2 -o plain");
    assert_eq!(value(&table, "best possible error"), None);
    assert_eq!(place.json("plain/run.json").get("loss_bound"), None);
}

#[test]
fn a_matrix_on_disk_has_the_quality_of_one_in_memory() {
    let place = Place::new();
    let (rows, cols) = (1300, 700);
    let entry = |at: usize| 0.05 + (at.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4;
    let values: Vec<f64> = (0..rows * cols).map(entry).collect();
    place.file("v.npy", npy_f64(rows, cols, &values));
    let fit = |folder: &str, more: &str| {
        let flags = "-k 3 --solver hals --init random --max-iter 5 --quality";
        place.succeed(&format!("fit v.npy -o {folder} {flags} {more}"));
        let run = place.json(&format!("{folder}/run.json"));
        let names = ["svd_relative_error", "loss_bound", "loss_above_bound"];
        names.map(|name| run[name].as_f64().unwrap())
    };
    assert_eq!(fit("memory", ""), fit("disk", "--memory 60M"));
}

#[test]
fn quality_needs_every_entry_and_all_of_v() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    for (flags, words) in [
        ("--stream", ["--quality", "--stream"]),
        ("--pieces 2", ["--quality", "--pieces"]),
        ("--missing-values nan", ["--quality", "--missing-values"]),
        ("--entry-weights v.txt", ["--quality", "--entry-weights"]),
    ] {
        place.refused(&format!("fit v.txt -k 2 -o out --quality {flags}"), &words);
    }
}

#[test]
fn several_starts_say_how_far_apart_they_are() {
    let place = Place::new();
    place.file("v.txt", plain_text());
    let table = place.succeed("fit v.txt -k 2 -o out --init random --n-init 4");
    let starts = value(&table, "starts as tried").unwrap();
    assert!(starts.starts_with("objectives "), "{table}");
    let run = place.json("out/run.json");
    let list = run["starts"]["objectives"].as_array().unwrap();
    let mut sorted: Vec<f64> = list.iter().map(|x| x.as_f64().unwrap()).collect();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(sorted.len(), 4);
    assert_eq!(run["starts"]["least"], sorted[0]);
    assert_eq!(run["starts"]["median"], f64::midpoint(sorted[1], sorted[2]));
    assert_eq!(run["starts"]["most"], sorted[3]);
    // Whoever makes the page again finds them there.
    place.succeed("report out/run.json -o page.html");
    let page = std::fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("<dt>objectives of starts</dt>"));

    place.succeed("fit v.txt -k 2 -o one");
    assert_eq!(place.json("one/run.json").get("starts"), None);
}

#[test]
fn components_without_weight_and_alike_are_named() {
    let place = Place::new();
    place
        .file("v.txt", plain_text())
        .file("w.txt", "1 2 1\n".repeat(6))
        .file("same.txt", "1 2 0.5 0.1\n0.5 0.1 3 2\n1 2 0.5 0.1\n")
        .file("zero.txt", "1 2 0.5 0.1\n0.5 0.1 3 2\n0 0 0 0\n");
    let fit = "fit v.txt -k 3 --solver mu --max-iter 5000 --start-w w.txt";
    let flaws = |folder: &str| place.json(&format!("{folder}/run.json"))["flaws"].clone();

    let output = place.run(&format!("{fit} --start-h same.txt -o same"));
    let said = String::from_utf8(output.stderr).unwrap();
    let warned = said.lines().filter(|line| line.contains("warning"));
    let warned: Vec<&str> = warned.collect();
    assert_eq!(warned.len(), 1, "{said}");
    let words =
        "warning: components 1 and 3 (cosine 1.000) are alike (of the model, counted from 1)";
    assert!(warned[0].contains(words), "{said}");
    let found = flaws("same");
    assert_eq!(found["dead"], json!([]));
    assert_eq!(found["telling"], found["in_words"]);
    let pair = &found["duplicates"][0];
    assert_eq!((&pair["first"], &pair["second"]), (&json!(0), &json!(2)));
    assert!(pair["cosine"].as_f64().unwrap() > 0.999_999);
    assert!(pair["cost"].as_f64().unwrap() < 1e-6);

    // On request without a word, but in the data.
    let output = place.run(&format!("{fit} --start-h same.txt -o quiet --quiet"));
    assert!(output.stderr.is_empty() && output.stdout.is_empty());
    assert_eq!(flaws("quiet"), found);

    // Zeros of a start are warned of before the fit, with one line; what comes of them after it, with another.
    let output = place.run(&format!("{fit} --start-h zero.txt -o zero"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("component 3 has no weight"), "{said}");
    assert_eq!(flaws("zero")["dead"], json!([2]));
    let table = String::from_utf8(output.stdout).unwrap();
    let row = "component 3 has no weight (of the model, counted from 1)";
    assert_eq!(value(&table, "flaws"), Some(row));

    // A penalty may ask for them.
    let flags = "--alpha-w 1e-5";
    let output = place.run(&format!("{fit} --start-h zero.txt -o asked {flags}"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("no weight"), "{said}");
    assert_eq!(flaws("asked")["dead"], json!([2]));
    assert_eq!(flaws("asked")["telling"], json!(""));

    let table = place.succeed("fit v.txt -k 2 -o good");
    assert_eq!(value(&table, "flaws"), None);
    assert_eq!(flaws("good")["in_words"], json!(""));
}
