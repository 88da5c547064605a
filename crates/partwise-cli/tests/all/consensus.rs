//! `consensus` on small matrices.

use crate::common::{Place, npy_f64, three_kinds};

/// The fields of a file of CSV, without its head.
fn rows(place: &Place, name: &str, head: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(place.path(name)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(head), "{name}");
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

const PARTS: &str = "component,share,members,found,silhouette,cosine,rival";

#[test]
fn a_consensus_writes_how_sure_each_component_is_and_a_model() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    let table = place.succeed("consensus v.npy -k 3 --runs 12 --bootstrap 6 -o out");
    for words in [
        "12, ",
        "outliers",
        "silhouette",
        "6 fits of rows drawn anew",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let head = format!("{PARTS},share_low,share_high,bootstrap_cosine");
    let parts = rows(&place, "out/consensus.csv", &head);
    assert_eq!(parts.len(), 3);
    let number = |text: &String| text.parse::<f64>().unwrap();
    for part in &parts {
        assert!(
            number(&part[3]) > 0.5 && number(&part[5]) > 0.95,
            "{part:?}"
        );
        assert!(number(&part[7]) <= number(&part[8]));
    }
    let shares: f64 = parts.iter().map(|part| number(&part[1])).sum();
    assert!((shares - 1.0).abs() < 0.1, "{shares}");
    let head = "run,seed,objective,relative_error,iterations,kept,within_0.1_percent";
    let runs = rows(&place, "out/runs.csv", head);
    assert_eq!(runs.len(), 12);
    assert!(runs.iter().any(|run| run[6] == "yes"));
    let intervals = rows(
        &place,
        "out/intervals.csv",
        "component,feature,value,low,high",
    );
    assert_eq!(intervals.len(), 3 * 15);
    let run = place.json("out/run.json");
    assert_eq!(run["rank"], 3);
    assert_eq!(run["consensus"]["runs_done"], 12);
    assert_eq!(run["consensus"]["bootstrap"], 6);
    assert_eq!(run["consensus"]["parts"].as_array().unwrap().len(), 3);
    let picture = image::open(place.path("out/consensus.png")).unwrap();
    assert!(picture.width() > 1000 && picture.height() > 1000);
    assert!(!place.path("out/convergence.png").exists());
    // The model is one like any other.
    assert_eq!(place.model("out/model.npz").h.shape(), (3, 15));
    place.succeed("transform out/model.npz v.npy -o w.npy");
    place.succeed("reconstruct out/model.npz -o again.npy");
    let info = place.succeed("info out/model.npz");
    assert!(info.contains('3'), "{info}");
}

#[test]
fn names_of_columns_are_those_of_intervals_and_json_is_the_record() {
    let place = Place::new();
    let line = |i: usize| format!("{},{},{}\n", i % 3 + 1, 5 - i % 3, i * i % 7);
    let text: String = (0..12).map(line).collect();
    place.file("v.csv", format!("\"a, b\",second,third\n{text}"));
    let json = place
        .succeed("consensus v.csv -k 2 --runs 4 --bootstrap 2 --loss kl --polish -o out --json");
    let run: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(run["consensus"]["polish"], true);
    assert_eq!(run["loss"], "kullback-leibler");
    let text = std::fs::read_to_string(place.path("out/intervals.csv")).unwrap();
    assert!(
        text.contains("1,\"a, b\",") && text.contains("2,third,"),
        "{text}"
    );
    assert!(
        place
            .succeed("consensus v.csv -k 2 --runs 2 -o quiet -q")
            .is_empty()
    );
    assert!(!place.path("quiet/intervals.csv").exists());
}

#[test]
fn bad_requests_are_refused() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    let noise: Vec<f64> = (0..30 * 20).map(|i| f64::from(i * 7919 % 1009)).collect();
    place.file("noise.npy", npy_f64(30, 20, &noise));
    place.file("negative.txt", "1 2 3\n4 -5 6\n7 8 9\n");
    for (arguments, words) in [
        ("v.npy -k 3 --runs 1", "runs = 1: expected at least 2 runs"),
        ("v.npy -k 0", "rank = 0"),
        (
            "v.npy -k 16",
            "rank = 16: expected at most 15, the smaller side of 24 × 15",
        ),
        ("v.npy", "--rank"),
        (
            "v.npy -k 3 --threshold 0",
            "threshold = 0: expected a distance above 0",
        ),
        ("v.npy -k 3 --threshold x", "--threshold"),
        (
            "v.npy -k 3 --neighbours 2",
            "neighbours = 2: expected a share",
        ),
        (
            "v.npy -k 3 --bootstrap 1",
            "bootstrap = 1: expected 0, or at least 2",
        ),
        ("v.npy -k 3 --init spa", "--init belongs to one fit"),
        ("v.npy -k 3 --n-init 2", "--n-init belongs to one fit"),
        ("v.npy -k 3 --hold w", "--hold belongs to one fit"),
        (
            "noise.npy -k 8 --runs 3 --threshold 1e-9",
            "every one of 24 components is an outlier",
        ),
        ("negative.txt -k 2", "row 1, column 1"),
    ] {
        place.refused(&format!("consensus {arguments} -o out"), &[words]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_makes_the_consensus_of_the_runs_that_are_done() {
    let place = Place::new();
    let values: Vec<f64> = (0..60 * 40).map(|i| f64::from(i * 7919 % 1009)).collect();
    place.file("v.npy", npy_f64(60, 40, &values));
    for seconds in [2, 4, 8, 16, 32] {
        let child = place
            .command("consensus v.npy -k 4 --runs 100000 --threshold 2 -o out")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{complaint}");
        if complaint.contains("the consensus is that of the ") {
            let run = place.json("out/run.json");
            let done = run["consensus"]["runs_done"].as_u64().unwrap();
            assert!(done >= 2 && run["consensus"]["complete"] == false);
            assert!(place.path("out/model.npz").is_file());
            return;
        }
    }
    panic!("no two runs were done within 32 seconds");
}
