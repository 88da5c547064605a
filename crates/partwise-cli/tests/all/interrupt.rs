//! Ctrl-C: what there is, is kept.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::common::{Place, npy_f64, png};

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// What a command that would run for days says when it is interrupted, once it has begun: later and later until it had.
fn stopped(place: &Place, arguments: &str, signal_name: &str) -> String {
    for seconds in [1, 2, 4, 8, 16] {
        let child = place
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        sleep(Duration::from_secs(seconds));
        signal(&child, signal_name);
        let output = child.wait_with_output().unwrap();
        if output.status.code() == Some(130) && place.path("out").exists() {
            return String::from_utf8(output.stderr).unwrap();
        }
    }
    panic!("{arguments}: had not begun within 16 seconds");
}

fn interrupted(signal_name: &str) -> (Place, String) {
    let place = Place::new();
    let values: Vec<f64> = (0..60 * 40).map(|i| f64::from(i * 7919 % 1009)).collect();
    place.file("v.npy", npy_f64(60, 40, &values));
    let arguments = "fit v.npy -k 5 -o out --init random --tol 0 --max-iter 1000000000";
    let complaint = stopped(&place, arguments, signal_name);
    (place, complaint)
}

#[test]
fn ctrl_c_writes_the_best_so_far() {
    let (place, complaint) = interrupted("-INT");
    assert!(complaint.contains("stopped after "), "{complaint}");
    assert!(
        complaint.contains("the best so far is in out"),
        "{complaint}"
    );
    let run = place.json("out/run.json");
    assert_eq!(run["stop_reason"], "stopped");
    assert_eq!(run["converged"], false);
    assert!(run["iterations"].as_u64().unwrap() >= 1);
    assert_eq!(place.model("out/model.npz").w.shape(), (60, 5));
    assert!(place.path("out/convergence.png").is_file());
}

#[test]
fn a_request_to_terminate_does_the_same() {
    let (place, _) = interrupted("-TERM");
    assert_eq!(place.json("out/run.json")["stop_reason"], "stopped");
}

#[test]
fn before_there_is_anything_to_keep_it_ends_at_once() {
    let place = Place::new();
    let mut child = place
        .command("fit - -k 2 -o out")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Reads for ever: nobody writes to its standard input, nor closes it.
    let input = child.stdin.take();
    sleep(Duration::from_secs(2));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    drop(input);
    assert!(place.names().is_empty());
}

#[test]
fn every_use_keeps_the_best_so_far() {
    let place = Place::new();
    place.every_use();
    for (command, written) in [
        ("image photo.png", "reconstruction.png"),
        ("parts faces", "parts.png"),
        ("topics texts.txt", "topics.csv"),
        ("audio tone.wav", "activations.csv"),
    ] {
        let arguments = format!("{command} -k 2 -o out --tol 0 --max-iter 1000000000");
        let complaint = stopped(&place, &arguments, "-INT");
        assert!(
            complaint.contains("the best so far is in out"),
            "{complaint}"
        );
        assert_eq!(place.json("out/run.json")["stop_reason"], "stopped");
        for file in [written, "report.html", "model.npz"] {
            assert!(
                place.path(&format!("out/{file}")).is_file(),
                "{command}: {file}"
            );
        }
        std::fs::remove_dir_all(place.path("out")).unwrap();
    }
}

#[test]
fn a_compression_that_is_interrupted_leaves_nothing() {
    let place = Place::new();
    place.file("photo.png", png(3000, 2000, true));
    let before = place.names();
    let child = place
        .command("compress photo.png -o photo.pwz --psnr 40")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    sleep(Duration::from_secs(1));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(place.names(), before);
}
