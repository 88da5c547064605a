//! Bad use and bad input: one line that names the place, the right exit code, nothing left behind.

use std::process::Command;

use crate::common::{
    Place, failed, npy, npy_f32, npy_f64, plain_text, plain_values, png, program, scipy_npz,
};

/// A folder with a good matrix.
fn place() -> Place {
    let place = Place::new();
    place
        .file("v.txt", plain_text())
        .file("square.txt", "0 1\n1 0\n")
        .file("two.txt", "a\nb\n")
        .file("blank.txt", "\n\n")
        .file("v.npy", npy_f64(6, 4, &plain_values()));
    place
}

/// That a fit of a file of these bytes is refused with these words.
fn refused(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) {
    let place = Place::new();
    place.file(name, bytes);
    let words = [&[name], words].concat();
    place.refused(&format!("fit {name} -k 1 -o out"), &words);
}

/// Before any work, and whatever the command.
#[test]
fn nothing_that_is_read_is_replaced() {
    let place = place();
    place.every_use();
    place.succeed("fit v.npy -k 2 --split-w --pieces 2 -o out");
    std::fs::copy(place.path("photo.png"), place.path("components.png")).unwrap();
    std::fs::copy(place.path("texts.txt"), place.path("topics.csv")).unwrap();
    std::fs::copy(place.path("tone.wav"), place.path("component-1.wav")).unwrap();
    for (arguments, name) in [
        ("fit out/model.npz#h -k 2 -o out", "out/model.npz"),
        ("fit out/W -k 1 --split-w --pieces 2 -o out", "out/W"),
        ("rank out/model.npz#h --ranks 1..2 -o out", "out/model.npz"),
        ("consensus out/model.npz#h -k 2 -o out", "out/model.npz"),
        ("tree out/model.npz#h --leaves 2 -o out", "out/model.npz"),
        ("image components.png -k 2 -o .", "./components.png"),
        ("topics topics.csv -k 1 -o .", "./topics.csv"),
        ("audio component-1.wav -k 2 -o .", "./component-1.wav"),
        ("transform out/model.npz v.npy -o v.npy", "v.npy"),
        ("compress photo.png -o photo.png", "photo.png"),
        ("parts faces -k 2 -o faces", "faces"),
    ] {
        place.refused(arguments, &[name]);
    }
    // What is beside it does no harm, nor a name that is not written this time.
    place.succeed("fit v.npy -k 2 -o .");
    std::fs::rename(place.path("component-1.wav"), place.path("rest.wav")).unwrap();
    place.succeed("audio rest.wav -k 2 -o . -q");
    place.succeed("topics texts.txt -k 2 -o found -q");
    place.succeed("topics texts.txt --apply found/model.npz -o found -q");
}

#[test]
fn a_negative_entry() {
    refused("v.txt", "1 2\n3 -4\n", &["-4", "row 1, column 1"]);
}

#[test]
fn entries_that_are_not_finite() {
    refused("v.txt", "1 2\nnan 4\n", &["NaN", "row 1, column 0"]);
    refused(
        "v.npy",
        npy_f64(1, 2, &[1.0, f64::INFINITY]),
        &["inf", "row 0, column 1"],
    );
}

#[test]
fn a_ragged_line() {
    refused(
        "v.txt",
        "1 2 3\n4 5 6\n7 8\n",
        &["line 3", "2 columns", "expected 3"],
    );
}

#[test]
fn an_empty_file() {
    refused("v.txt", "", &["no numbers"]);
    refused("v.csv", "", &["no numbers"]);
}

#[test]
fn text_that_is_no_number() {
    refused("v.txt", "1 2\n3 four\n", &["line 2", "column 2", "four"]);
}

#[test]
fn truncated_files() {
    let whole = npy_f64(6, 4, &plain_values());
    refused("v.npy", &whole[..whole.len() - 8], &["truncated"]);
    let whole = scipy_npz(6, 4, &plain_values());
    refused("v.npz", &whole[..whole.len() / 2], &[]);
    let whole = png(40, 30, true);
    refused("v.png", &whole[..whole.len() / 2], &[]);
    let place = Place::new();
    place.file("photo.png", &whole[..whole.len() / 2]);
    place.refused("image photo.png -k 2 -o out", &["photo.png"]);
}

#[test]
fn what_another_command_reads() {
    let place = place();
    for (name, words) in [
        ("song.flac", "'partwise audio'"),
        ("Song.MP3", "'partwise audio'"),
        ("corpus.jsonl", "'partwise topics'"),
        ("corpus.jsonl.gz", "'partwise topics'"),
        ("photo.pwz", "'partwise decompress'"),
    ] {
        place.file(name, [0u8, 159, 146, 150]);
        for command in ["fit -k 2 -o out", "rank --ranks 2..3 -o out", "info"] {
            let arguments = format!("{command} {name}");
            place.refused(&arguments, &[name, "unknown format", words]);
        }
    }
}

#[test]
fn what_is_likely_to_be_typed() {
    let place = place();
    place.succeed("fit v.txt -k 2 -o done");
    place.file("photo.png", png(8, 8, false));
    for (arguments, words) in [
        ("fit v.txt -k -3 -o out", &["--rank", "whole number"][..]),
        (
            "fit v.txt -k 1 --threads 0 -o out",
            &["--threads", "from 1"],
        ),
        (
            "transform done v.txt -o w.npy",
            &["done: is a folder", "model.npz"],
        ),
        ("report photo.png", &["photo.png", "not a run.json"]),
    ] {
        place.refused(arguments, words);
    }
}

#[test]
fn an_npy_of_objects() {
    refused("v.npy", npy("|O", "(2, 2)", b"cos\nsystem\n"), &["object"]);
}

#[test]
fn matrix_market_indices() {
    let market = |entries: &str| {
        let count = entries.lines().count();
        format!("%%MatrixMarket matrix coordinate real general\n2 2 {count}\n{entries}")
    };
    refused("v.mtx", market("1 1 1\n3 1 5\n"), &["line 4", "3"]);
    refused(
        "v.mtx",
        market("1 1 1\n2 1 1\n1 1 5\n"),
        &["line 5", "second entry"],
    );
}

#[test]
fn ranks() {
    let place = place();
    place.refused("fit v.txt -k 0 -o out", &["rank = 0"]);
    place.refused(
        "fit v.txt -k 5 --init nndsvd -o out",
        &["rank = 5", "nndsvd", "= 4"],
    );
    place.refused("fit v.txt -k many -o out", &["many", "--rank"]);
    place.refused(
        "fit v.txt -k 1000000000000 -o out",
        &["needs", "memory", "has"],
    );
    place.refused("image v.npy -k 0 -o out", &["rank = 0"]);
}

#[test]
fn starts_that_do_not_fit() {
    let place = place();
    place
        .file("w.npy", npy_f64(5, 2, &[1.0; 10]))
        .file("single.npy", npy_f32(6, 2, &[1.0; 12]))
        .file("negative.npy", npy_f64(6, 2, &[-1.0; 12]))
        .file("objects.npy", npy("|O", "(6, 2)", b""));
    place.refused(
        "fit v.npy -k 2 -o out --start-w w.npy",
        &["w.npy", "5 × 2", "6 × 2"],
    );
    place.refused(
        "fit v.npy -k 2 -o out --start-w single.npy",
        &["single.npy", "float32", "float64", "--dtype"],
    );
    place.refused(
        "fit v.npy -k 2 -o out --start-w negative.npy",
        &["negative.npy", "-1", "row 0"],
    );
    place.refused(
        "fit v.npy -k 2 -o out --start-w objects.npy",
        &["objects.npy", "object"],
    );
    place.refused(
        "fit v.npy -k 2 -o out --start-h none.npy",
        &["none.npy", "no such file"],
    );
    place.refused("fit v.npy -k 2 -o out --hold h", &["--hold h", "--start-h"]);
}

#[test]
fn losses_that_do_not_fit() {
    let place = place();
    place.file("zeros.txt", "1 2\n0 3\n");
    place.refused(
        "fit zeros.txt -k 1 -o out --loss is",
        &["zeros.txt", "row 1, column 0"],
    );
    place.refused(
        "fit zeros.txt -k 1 -o out --loss -1",
        &["zeros.txt", "row 1, column 0"],
    );
    place.refused(
        "fit v.txt -k 1 -o out --solver cd --loss kl",
        &["cd", "kullback-leibler", "mu"],
    );
    place.refused("fit v.txt -k 1 -o out --loss 99", &["99", "10"]);
    place.refused(
        "fit v.txt -k 1 -o out --loss huber",
        &["huber", "frobenius"],
    );
}

#[test]
fn parameters_out_of_range() {
    let place = place();
    for (flags, words) in [
        ("--solver sgd", ["sgd", "cd"]),
        ("--init magic", ["magic", "nndsvd"]),
        ("--tol -1", ["tol", "-1"]),
        ("--max-iter 0", ["--max-iter = 0", "at least 1"]),
        ("--alpha-w -2", ["--alpha-w = -2", "at least 0"]),
        ("--l1-ratio 1.5", ["--l1-ratio = 1.5", "0 to 1"]),
        ("--threads 0", ["--threads", "0"]),
        ("--constraint magic", ["magic", "min-volume"]),
        ("--constraint hoyer=2", ["h:hoyer=2", "0 to 1"]),
        ("--constraint w:separable", ["w:separable", "H only"]),
        (
            "--constraint hoyer --loss kl",
            ["h:hoyer=0.8", "kullback-leibler"],
        ),
        ("--constraint hoyer --solver mu", ["h:hoyer=0.8", "'mu'"]),
        (
            "--constraint hoyer --constraint h:orthogonal",
            ["h:hoyer=0.8", "h:orthogonal"],
        ),
        (
            "--constraint graph --graph v.txt",
            ["v.txt", "expected a row and a column"],
        ),
        (
            "--constraint hoyer --graph square.txt",
            ["graph", "without the constraint"],
        ),
        (
            "--constraint graph --graph square.txt",
            ["square.txt", "graph"],
        ),
        (
            "--constraint labels --labels none.txt",
            ["none.txt", "--labels"],
        ),
        (
            "--constraint labels --labels two.txt",
            ["two.txt: labels", "6 rows of V"],
        ),
        (
            "--constraint labels --labels blank.txt",
            ["blank.txt", "none of the 2 rows"],
        ),
        ("--constraint labels", ["w:labels=1", "6 rows of V"]),
        ("--labels two.txt", ["required", "--constraint"]),
        ("--constraint convex --n-init 3", ["h:convex", "n_init"]),
        (
            "--constraint semi --constraint w:simplex",
            ["h:semi", "w:simplex"],
        ),
        ("--graph v.txt", ["required", "--constraint"]),
        ("--constraint symmetric", ["w:symmetric=0.3", "6 × 4"]),
        ("--format xls", ["xls", "csv"]),
        ("--frobnicate", ["--frobnicate", "unexpected"]),
        ("--threads 99999", ["'99999'", "from 1 to 1024"]),
    ] {
        place.refused(&format!("fit v.txt -k 2 -o out {flags}"), &words);
    }
}

#[test]
fn wrong_use() {
    let place = place();
    place.refused("", &["--help"]);
    place.refused("factor v.txt", &["factor"]);
    place.refused("fit v.txt -k 2", &["--output"]);
    place.refused("fit v.txt -k 2 -o out --sovler cd", &["--solver"]);
    place.refused(
        "consensus v.txt -k 2 -o out --threshold -1",
        &["threshold", "-1"],
    );
    place.refused(
        "fit v.txt -k 2 --stream -o out --half-life -1",
        &["rows above 0"],
    );
    place.refused("fit v.txt out -k 2", &["'out'", "by -o"]);
    place.refused("convert v.txt v.pws", &["'v.pws'", "by -o"]);
}

#[test]
fn input_that_cannot_be_read() {
    let place = place();
    place.refused("fit none.csv -k 2 -o out", &["none.csv", "no such file"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refused("info empty", &["empty: is a folder without .npy files"]);
    place.refused("image none.png -k 2 -o out", &["none.png"]);
    place.refused("info none.csv", &["none.csv"]);
    place.refused("transform v.npy v.npy -o w.npy", &["v.npy", "no model"]);
    place.refused("reconstruct v.npy -o w.npy", &["v.npy", "no model"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = place();
    place.succeed("fit v.txt -k 2 -o done");
    // Below a file there can be no folder, whoever asks.
    place.refused(
        "fit v.txt -k 2 -o v.npy/out",
        &["v.npy/out", "cannot write"],
    );
    place.refused("fit v.txt -k 2 -o v.npy", &["v.npy", "cannot write"]);
    place.refused("image photo.png -k 2 -o v.npy/out", &["v.npy/out"]);
    place.refused("transform done/model.npz v.txt -o v.npy/w.npy", &["v.npy"]);
    place.refused("transform done/model.npz v.txt -o done", &["done"]);
    place.refused(
        "transform done/model.npz v.txt -o w.xls",
        &["w.xls", ".npy"],
    );
    place.refused("reconstruct done/model.npz -o w.png", &["w.png", ".npy"]);
}

#[test]
fn other_columns_than_the_model_has() {
    let place = place();
    place.succeed("fit v.txt -k 2 -o done");
    place.file("wide.txt", "1 2 3 4 5\n");
    place.refused(
        "transform done/model.npz wide.txt -o w.npy",
        &["wide.txt", "5 columns", "4"],
    );
    place.file("negative.txt", "1 2 -3 4\n");
    place.refused(
        "transform done/model.npz negative.txt -o w.npy",
        &["negative.txt", "-3"],
    );
}

#[test]
fn a_picture_that_claims_to_be_enormous() {
    let mut file = png(8, 8, false);
    // IHDR: length, type, width, height, five bytes, checksum.
    file[16..20].copy_from_slice(&65_000_u32.to_be_bytes());
    file[20..24].copy_from_slice(&65_000_u32.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    let place = Place::new();
    place.file("huge.png", file);
    place.refused("image huge.png -k 2 -o out", &["huge.png"]);
    place.refused("fit huge.png -k 2 -o out", &["huge.png"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let place = place();
    place.succeed("fit v.txt -k 2 -o done");
    std::os::unix::fs::symlink("/dev/full", place.path("full.npy")).unwrap();
    place.fails(
        "transform done/model.npz v.txt -o full.npy",
        1,
        &["full.npy", "No space left"],
    );
    place.fails(
        "reconstruct done/model.npz -o full.npy",
        1,
        &["full.npy", "No space left"],
    );
}

/// A limit on the size of files fails in the middle of writing, as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn files_that_do_not_fit() {
    let place = place();
    place.succeed("fit v.txt -k 2 -o done");
    place.file("photo.png", png(32, 32, false));
    let earlier = std::fs::read(place.path("done/run.json")).unwrap();
    for arguments in [
        "fit v.txt -k 2 -o a/b",
        "fit v.txt -k 1 -o done",
        "image photo.png -k 2 -o c",
    ] {
        let before = place.names();
        let script = format!(
            "trap '' XFSZ; ulimit -f 1; exec {} {arguments}",
            program().display()
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(place.path(""))
            .output()
            .unwrap();
        failed(&output, arguments, 1, &["cannot write", "File too large"]);
        assert_eq!(place.names(), before, "{arguments}: left something");
    }
    assert_eq!(std::fs::read(place.path("done/run.json")).unwrap(), earlier);
}
