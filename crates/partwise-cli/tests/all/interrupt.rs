//! Ctrl-C: what there is, is kept.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use partwise_apps::audio::{SampleFormat, WaveFile};

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
fn a_second_request_leaves_nothing_half_done() {
    let place = Place::new();
    // Long enough for its sounds to take a while, after the fit.
    let mut state = 1_u32;
    let noise: Vec<f32> = (0..40 * 44_100)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect();
    let path = place.path("noise.wav");
    let mut file = WaveFile::create(&path, 2, 44_100, SampleFormat::Pcm16).unwrap();
    file.append(&[noise.clone(), noise]).unwrap();
    file.finish().unwrap();
    let before = place.names();
    let mut child = place
        .command("audio noise.wav -k 4 -o deep/out --max-iter 2 --tol 0 -q")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let writes = || {
        let entries = std::fs::read_dir(place.path("deep/out"))
            .into_iter()
            .flatten();
        let mut folders = entries.flatten().map(|entry| entry.path());
        folders.any(|folder| folder.join("component-1.wav").is_file())
    };
    while !writes() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it wrote"
        );
        sleep(Duration::from_millis(1));
    }
    signal(&child, "-INT");
    sleep(Duration::from_millis(20));
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(place.names(), before);
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
