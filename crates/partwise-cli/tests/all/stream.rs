//! `partwise fit --stream`: components from a pipe whose rows are not kept.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::process::{Child, Output, Stdio};

use crate::common::{Place, npy_f64};

const COLS: usize = 20;

/// Rows of a sum of three parts, each over some of the columns, and noise.
fn rows(count: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(count * COLS);
    for i in 0..count {
        for j in 0..COLS {
            let share = |part: usize| ((i * (part + 3) * 7_919) % 101) as f64 / 100.0;
            let part = j * 3 / COLS;
            let noise = ((i * 31 + j * 17 + i * j) % 97) as f64 / 97.0;
            values.push(
                share(part) * (1.0 + (j % 4) as f64) + 0.2 * share((part + 1) % 3) + 0.3 * noise,
            );
        }
    }
    values
}

fn csv(values: &[f64]) -> String {
    let mut text = String::new();
    for row in values.chunks(COLS) {
        let fields: Vec<_> = row.iter().map(ToString::to_string).collect();
        writeln!(text, "{}", fields.join(",")).unwrap();
    }
    text
}

fn start(place: &Place, command: &str) -> Child {
    place
        .command(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn piped(place: &Place, command: &str, bytes: &[u8]) -> Output {
    let mut child = start(place, command);
    // What is refused early closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn rows_from_a_pipe_give_components_that_explain_them() {
    let place = Place::new();
    let values = rows(8_000);
    place.file("v.npy", npy_f64(8_000, COLS, &values));
    for (loss, most) in [("frobenius", 1.5), ("kl", 1.5)] {
        let options = format!("-k 3 --loss {loss} -q");
        let command =
            format!("fit - --format csv --stream --batch-size 200 -o stream-{loss} {options}");
        let output = piped(&place, &command, csv(&values).as_bytes());
        assert!(output.status.success(), "{}", said(&output));
        let run = place.json(&format!("stream-{loss}/run.json"));
        assert_eq!(run["shape"], serde_json::json!([8_000, COLS]));
        assert_eq!(run["iterations"], 40);
        assert_eq!(run["stop_reason"], "the end of the rows");
        let cost = |at: usize| run["trace"][at]["objective"].as_f64().unwrap();
        assert!(cost(39) <= cost(0), "{} and {}", cost(0), cost(39));
        let model = place.model(&format!("stream-{loss}/model.npz"));
        assert_eq!((model.w.shape(), model.h.shape()), ((0, 3), (3, COLS)));
        // The rows in the components that were learnt, against those of a whole fit.
        place.succeed(&format!("fit v.npy -o whole-{loss} {options}"));
        let whole = place.json(&format!("whole-{loss}/run.json"))["objective"]
            .as_f64()
            .unwrap();
        let learnt = place.succeed(&format!(
            "transform stream-{loss}/model.npz v.npy -o w-{loss}.npy"
        ));
        let of_whole = place.succeed(&format!("transform whole-{loss}/model.npz v.npy -o w.npy"));
        let error = |text: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with("relative error"))
                .unwrap();
            let word = line.split_whitespace().nth(2).unwrap();
            word.trim_end_matches('%').parse().unwrap()
        };
        assert!(whole > 0.0);
        assert!(
            error(&learnt) <= most * error(&of_whole) + 0.5,
            "{learnt}\n{of_whole}"
        );
    }
}

#[test]
fn arrays_behind_each_other_are_the_rows_of_text() {
    let place = Place::new();
    let values = rows(1_000);
    let options = "--stream --batch-size 64 --half-life 500 -k 3 -q";
    let mut arrays = npy_f64(300, COLS, &values[..300 * COLS]);
    arrays.extend(npy_f64(700, COLS, &values[300 * COLS..]));
    let output = piped(&place, &format!("fit - -o arrays {options}"), &arrays);
    assert!(output.status.success(), "{}", said(&output));
    let text = csv(&values);
    let output = piped(
        &place,
        &format!("fit - --format csv -o text {options}"),
        text.as_bytes(),
    );
    assert!(output.status.success(), "{}", said(&output));
    place.file("v.csv", &text);
    place.succeed(&format!("fit v.csv -o file {options}"));
    place.succeed("convert v.csv -o v.pws -q");
    place.succeed(&format!("fit v.pws -o store {options} --threads 2"));
    let model = |name: &str| place.model(&format!("{name}/model.npz")).h;
    for name in ["text", "file", "store"] {
        assert!(
            model("arrays") == model(name),
            "{name} has other components"
        );
    }
    // What was long ago counts less.
    let other = piped(
        &place,
        "fit - -o other --stream --batch-size 64 -k 3 -q",
        &arrays,
    );
    assert!(other.status.success() && model("other") != model("arrays"));
}

#[test]
fn sparse_rows_and_rows_of_zeros_are_learnt_from() {
    let place = Place::new();
    let mut text = String::new();
    let mut count = 0;
    for i in 700..3_000 {
        for j in 0..5 {
            writeln!(text, "{} {} {}", i + 1, (i % 3) * 10 + j * 2 + 1, 1 + j).unwrap();
            count += 1;
        }
    }
    let head = format!("%%MatrixMarket matrix coordinate integer general\n3000 40 {count}\n");
    place.file("v.mtx", head + &text);
    place.succeed("fit v.mtx --stream --batch-size 256 -k 3 --loss kl -o out -q");
    // Of the rows nothing is kept.
    place.refused(
        "reconstruct out/model.npz -o again.npy",
        &["w has no rows", "transform"],
    );
    let run = place.json("out/run.json");
    assert_eq!(run["nonzeros"], count);
    // Three groups of rows, each with the same entries: exactly three components.
    let cost = run["objective"].as_f64().unwrap();
    assert!(cost < 0.2, "{cost} a row");
}

#[test]
fn a_batch_may_be_larger_than_all_there_is() {
    let place = Place::new();
    place.file("v.csv", "1,2\n3,4\n5,6\n");
    for batch in ["1000", "9223372036854775808"] {
        place.succeed(&format!(
            "fit v.csv --stream --batch-size {batch} -k 1 -o out-{batch} -q"
        ));
        assert_eq!(place.json(&format!("out-{batch}/run.json"))["shape"][0], 3);
    }
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let place = Place::new();
    let refused = |bytes: &[u8], options: &str, words: &[&str]| {
        let output = piped(
            &place,
            &format!("fit - --format csv -k 2 -o out {options}"),
            bytes,
        );
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!place.path("out").exists());
    };
    let stream = "--stream --batch-size 2";
    refused(
        b"1,2\n3,4\n5,6\n7,-8\n",
        stream,
        &["standard input", "row 3", "column 1", "-8"],
    );
    refused(
        b"1,2\n3,4\n5,6\n7,x\n",
        stream,
        &["standard input", "line 4", "'x'"],
    );
    refused(b"0,0\n0,0\n0,0\n", stream, &["standard input", "zeros"]);
    refused(b"1,2\n", "--stream --hold h", &["--hold", "--stream"]);
    refused(
        b"1,2\n",
        "--stream --half-life 0",
        &["half-life", "above 0"],
    );
    refused(b"1,2\n", "--batch-size 5", &["--stream"]);
    let mut arrays = npy_f64(2, 2, &[1.0, 2.0, 3.0, 4.0]);
    arrays.extend(npy_f64(1, 3, &[1.0, 2.0, 3.0]));
    let output = piped(&place, "fit - -k 1 -o out --stream", &arrays);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("3 columns behind one of 2"),
        "{}",
        said(&output)
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_what_was_learnt() {
    let place = Place::new();
    let text = csv(&rows(500));
    let mut child = start(
        &place,
        "fit - --format csv --stream --batch-size 100 -k 3 -o out",
    );
    let mut input = child.stdin.take().unwrap();
    // Far more than a pipe and the batches on the way hold: something has been learnt when all is written.
    for _ in 0..20 {
        input.write_all(text.as_bytes()).unwrap();
    }
    let id = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(kill.unwrap().success());
    // The pipe stays open and silent until the program has ended.
    child.wait().unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert_eq!(place.json("out/run.json")["stop_reason"], "stopped");
    assert_eq!(place.model("out/model.npz").h.shape(), (3, COLS));
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 3);
}
