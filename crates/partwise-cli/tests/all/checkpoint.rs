//! Fits that are killed and go on: to the same factors, bit by bit, or refused with a reason.

#![allow(clippy::print_stdout, reason = "the seed of the moments is to be read")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::common::{NO_CHECKPOINT, Place, failed, kills, npy_f64, program};

/// Times that the longest of the fits is killed.
const KILLS: u32 = 50;

/// What the moments of the kills are drawn from: others in every run of the tests, unless the variable names those of an earlier one.
fn seed() -> u64 {
    let asked = std::env::var("PARTWISE_SEED").ok();
    let clock = || {
        SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(1, |time| time.as_nanos() as u64)
    };
    asked
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(clock)
}

fn place() -> Place {
    let place = Place::new();
    let value = |i: usize| 0.05 + (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4;
    let values: Vec<f64> = (0..400 * 300).map(value).collect();
    place.file("v.npy", npy_f64(400, 300, &values));
    place
}

/// The factors, and the trace without its seconds.
fn outcome(place: &Place, folder: &str) -> (partwise_io::Model, Vec<String>) {
    let model = place.model(&format!("{folder}/model.npz"));
    let run = place.json(&format!("{folder}/run.json"));
    let trace = run["trace"].as_array().unwrap().iter();
    let trace = trace.map(|point| {
        let part = |name: &str| point[name].to_string();
        ["iteration", "objective", "residual", "sketched"]
            .map(part)
            .join(" ")
    });
    (model, trace.collect())
}

/// Kills a fit at random moments, so many times, and lets it end: as one that was never killed.
fn killed(place: &Place, flags: &str, kills: u32) {
    let mut draw = seed();
    println!("PARTWISE_SEED={draw} for {kills} kills of {flags}");
    let fit = format!("fit v.npy -k 6 {flags} -q");
    let clock = Instant::now();
    place.succeed(&format!("{fit} -o whole"));
    // All moments together are about half of the fit, which takes longer where it keeps its state: so it does not end in them.
    let mut most = (clock.elapsed() / kills).max(Duration::from_millis(100));
    let whole = outcome(place, "whole");
    let ended = || {
        let out = outcome(place, "out");
        assert_eq!(whole.1, out.1, "{flags}");
        assert!(whole.0 == out.0, "{flags}: another model");
        assert!(
            !place.path("kept/fit.checkpoint").exists(),
            "{flags}: a checkpoint of a fit that is done"
        );
    };
    let (mut hits, mut met) = (0, 0);
    while hits < kills || met == 0 {
        let mut child = place
            .command(&format!(
                "{fit} -o out --checkpoint kept --every 0 --resume"
            ))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(most.mul_f64((draw >> 32) as f64 / 2f64.powi(32)));
        // SIGKILL: nothing can be tidied up.
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.signal() == Some(9) {
            hits += 1;
            met += u32::from(place.path("kept/fit.checkpoint").exists());
            if met == 0 {
                // This machine takes longer to come to the first one.
                most = most.mul_f64(1.2);
            }
        } else {
            // It was done before, as a short one may be, and begins anew.
            assert!(status.success(), "{flags}: {status}");
            ended();
        }
    }
    place.succeed(&format!(
        "{fit} -o out --checkpoint kept --every 10s --resume"
    ));
    ended();
    for folder in ["whole", "out", "kept"] {
        let _ = fs::remove_dir_all(place.path(folder));
    }
}

#[test]
fn a_fit_that_is_killed_goes_on_to_the_same_bits() {
    // Long enough to be killed in the middle, every time.
    let flags = "--solver hals --init random --tol 0 --max-iter 6000";
    killed(&place(), flags, kills(KILLS));
}

#[test]
fn every_kind_of_fit_goes_on_to_the_same_bits() {
    let place = place();
    for flags in [
        "--tol 0 --max-iter 300",
        "--solver cd --tol 0 --max-iter 200",
        "--loss kl --tol 0 --max-iter 60",
        "--loss kl --solver mu --tol 0 --max-iter 100",
        "--loss is --tol 0 --max-iter 40",
        "--solver hals --init random --n-init 3 --tol 0 --max-iter 200",
        "--n-init 2 --max-iter 200 --memory 60M",
        "--solver als --init random --max-iter 100 --tol 0 --dtype f32",
    ] {
        killed(&place, flags, kills(KILLS).div_ceil(16));
    }
}

/// A limit on the size of a file fails in the middle of writing, as a full disk does.
#[test]
fn a_full_disk_leaves_the_checkpoint_before_and_even_the_quiet_hear_of_it() {
    let place = place();
    let fit = "fit v.npy -k 6 --solver hals --init random --tol 0 --max-iter 1000 -q";
    place.succeed(&format!("{fit} -o whole"));
    let kept = format!("{fit} -o out --checkpoint kept --resume");
    let file = place.path("kept/fit.checkpoint");
    let mut child = place.command(&format!("{kept} --every 0")).spawn().unwrap();
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = fs::read(&file).unwrap();
    // In blocks of 512 bytes: less than the state of the fit, and than its results.
    let full = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} {kept} --every 0",
        program().display()
    );
    let output = Command::new("sh")
        .args(["-c", &full])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    failed(&output, &kept, 1, &["File too large"]);
    let complaint = String::from_utf8(output.stderr).unwrap();
    let mut warnings = complaint
        .lines()
        .filter(|line| line.starts_with(NO_CHECKPOINT));
    let warning = warnings.next().expect("a word about the checkpoint");
    assert!(
        warning.contains("kept/fit.checkpoint") && warning.contains("File too large"),
        "{warning}"
    );
    assert!(fs::read(&file).unwrap() == before, "another checkpoint");
    assert!(partwise_io::read_checkpoint(&file).unwrap().is_some());
    place.succeed(&format!("{kept} --every 1h"));
    assert!(outcome(&place, "whole") == outcome(&place, "out"));
}

#[test]
fn a_fit_that_is_stopped_goes_on() {
    let place = place();
    place.succeed("fit v.npy -k 6 -o whole --tol 0 --max-iter 2000 --solver cd -q");
    for milliseconds in [50, 100, 200, 400, 800, 1600, 3200] {
        let child = place
            .command("fit v.npy -k 6 -o out --tol 0 --max-iter 2000 --solver cd --checkpoint kept")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let signal = ["-INT".to_owned(), child.id().to_string()];
        Command::new("kill").args(signal).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "done before it could be stopped");
        if place.path("out").exists() {
            assert!(complaint.contains("--resume"), "{complaint}");
            place.succeed("fit v.npy -k 6 -o out --tol 0 --max-iter 2000 --solver cd --checkpoint kept --resume -q");
            assert!(outcome(&place, "whole") == outcome(&place, "out"));
            return;
        }
    }
    panic!("no fit had begun within 4 seconds");
}

#[test]
fn a_checkpoint_that_cannot_be_gone_on_from_is_refused_with_the_reason() {
    let place = place();
    place.file("other.npy", npy_f64(400, 300, &vec![1.5; 400 * 300]));
    let fit = "-k 6 --solver hals --init random --tol 0 -o out --checkpoint kept --every 0";
    let mut child = place
        .command(&format!("fit v.npy {fit} --max-iter 100000000"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = place.path("kept/fit.checkpoint");
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    child.kill().unwrap();
    child.wait().unwrap();
    // What was being written when the fit was killed is not the checkpoint.
    let _ = fs::remove_file(place.path("kept/fit.checkpoint.new"));
    let good = format!("fit v.npy {fit} --resume --max-iter 100000000");
    let refused = |arguments: &str, words: &[&str]| {
        let words = [&["kept/fit.checkpoint"], words].concat();
        place.refused(arguments, &words);
    };
    refused(&good.replace("--resume ", ""), &["earlier fit", "--resume"]);
    refused(&good.replace("-k 6", "-k 7"), &["rank 6", "7"]);
    refused(
        &good.replace("100000000", "100"),
        &["max_iter 100000000", "100"],
    );
    refused(&good.replace("-k 6", "-k 6 --seed 4"), &["seed 0", "4"]);
    refused(&good.replace("v.npy", "other.npy"), &["sum of V"]);
    refused(
        &good.replace("-k 6", "-k 6 --dtype f32"),
        &["type float64", "float32"],
    );
    let whole = fs::read(&file).unwrap();
    for length in [0, 10, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        refused(&good, &["damaged"]);
    }
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(&file, &changed).unwrap();
    refused(&good, &["damaged", "checksum"]);
    let mut newer = whole.clone();
    newer[8] = 2;
    fs::write(&file, &newer).unwrap();
    refused(&good, &["version 2", "known is 1"]);
    place.refused("fit v.npy -k 6 -o out --resume", &["--checkpoint"]);
    place.refused(
        "fit v.npy -k 6 -o out --checkpoint new --every soon",
        &["soon", "60s"],
    );
}
