//! Fits in several processes of MPI: the same bits for any number of them, and what happens when one is lost.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use partwise_io::{AnyDense, AnyMatrix, Matrix, ReadOptions};

use crate::common::{Place, npy_f64, program};

/// A launcher of processes, in a machine with fewer processors, as whoever runs the tests.
fn mpirun(place: &Place) -> Command {
    // One of its own: launchers that begin and end at once remove each other's from the common one.
    let folder = place.path("of-mpirun");
    fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("mpirun");
    command
        .args([
            "--allow-run-as-root",
            "--oversubscribe",
            "--bind-to",
            "none",
        ])
        // Containers forbid it, and Open MPI says so at length.
        .env("OMPI_MCA_btl_vader_single_copy_mechanism", "none")
        .env("OMPI_MCA_orte_tmpdir_base", folder)
        .current_dir(place.path("."));
    command
}

/// The program in so many processes.
fn processes(place: &Place, count: usize, arguments: &str) -> Command {
    let mut command = mpirun(place);
    command
        .args(["-n", &count.to_string()])
        .arg(program())
        .args(arguments.split_whitespace());
    command
}

fn succeed(place: &Place, count: usize, arguments: &str) {
    let output = processes(place, count, arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{count} × {arguments}: {complaint}"
    );
}

/// That the job ended with code 2 and one line of the program, which holds all of `words`.
fn refused(output: &Output, words: &[&str]) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    let lines = complaint.lines();
    let lines: Vec<_> = lines
        .filter(|line| line.starts_with("partwise: error: "))
        .collect();
    assert_eq!(lines.len(), 1, "{complaint}");
    for word in words {
        assert!(lines[0].contains(word), "no '{word}' in {complaint}");
    }
}

/// A dense v.npy and a sparse v.pws of 230 × 40.
fn place() -> Place {
    let place = Place::new();
    let (rows, cols) = (230, 40);
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4;
    let dense: Vec<f64> = (0..rows * cols).map(|i| 0.05 + value(i)).collect();
    place.file("v.npy", npy_f64(rows, cols, &dense));
    let mut entries = String::new();
    let places = (0..rows * cols).filter(|&i| value(i * 7 + 3) < 0.15);
    let places: Vec<_> = places.collect();
    for &i in &places {
        entries += &format!("{} {} {}\n", i / cols + 1, i % cols + 1, 0.1 + value(i));
    }
    let count = places.len();
    place.file(
        "v.mtx",
        format!("%%MatrixMarket matrix coordinate real general\n{rows} {cols} {count}\n{entries}"),
    );
    place.succeed("convert v.mtx -o v.pws -q");
    place
}

/// The factors, and the trace without its seconds.
fn outcome(
    place: &Place,
    folder: &str,
) -> (partwise_io::AnyDense, partwise_io::AnyDense, Vec<String>) {
    let model = place.model(&format!("{folder}/model.npz"));
    let run = place.json(&format!("{folder}/run.json"));
    let trace = run["trace"].as_array().unwrap().iter();
    let trace = trace.map(|point| format!("{} {}", point["iteration"], point["objective"]));
    (model.w, model.h, trace.collect())
}

/// Fits in one process and in several.
fn alike(place: &Place, flags: &str, counts: &[usize]) {
    place.succeed(&format!("fit {flags} -o one -q"));
    let one = outcome(place, "one");
    for &count in counts {
        succeed(place, count, &format!("fit {flags} -o several -q"));
        let run = place.json("several/run.json");
        assert_eq!(run["mpi"]["processes"], count, "{flags}");
        let sent = run["mpi"]["bytes_sent"].as_array().unwrap();
        assert_eq!(sent.len(), count);
        assert!(sent[0].as_u64().unwrap() > 0 || count == 1);
        let several = outcome(place, "several");
        assert!(one == several, "{flags}: other bits in {count} processes");
        fs::remove_dir_all(place.path("several")).unwrap();
    }
    fs::remove_dir_all(place.path("one")).unwrap();
}

#[test]
fn any_number_of_processes_gives_the_bits_of_one() {
    let place = place();
    // More pieces than a node of the tree has, and no equal shares of them.
    for flags in [
        "v.npy -k 4 --solver cd --init random --pieces 10 --max-iter 30",
        "v.pws -k 4 --loss kl --init random --pieces 10 --max-iter 20",
    ] {
        alike(&place, flags, &[1, 2, 4]);
    }
    // Files of unequal lengths in a folder, and what is read by chunks or columns.
    let value = |i: usize| 0.05 + (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4;
    let mut first = 0;
    fs::create_dir(place.path("big")).unwrap();
    for (name, rows) in [("a", 100), ("b", 7), ("c", 123)] {
        let values: Vec<f64> = (first * 40..(first + rows) * 40).map(value).collect();
        place.file(&format!("big/{name}.npy"), npy_f64(rows, 40, &values));
        first += rows;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../partwise-io/tests/formats");
    for input in ["only.h5", "only.zarr", "zstd.parquet", "zstd.feather"] {
        let input = fixtures.join(input).display().to_string();
        alike(
            &place,
            &format!("{input} -k 2 --solver cd --init random --pieces 5 --max-iter 10"),
            &[2, 3],
        );
    }
    alike(
        &place,
        "big -k 4 --solver cd --init random --pieces 10 --max-iter 30",
        &[1, 2, 4],
    );
    // One piece is a fit like any other.
    alike(&place, "v.npy -k 3 --solver cd --init random", &[2]);
}

#[test]
fn every_kind_of_fit_gives_the_bits_of_one_process() {
    let place = place();
    for flags in [
        "v.npy --max-iter 30",
        "v.pws --max-iter 30",
        "v.npy --solver anls --init random --alpha-w 0.01",
        "v.pws --solver mu --init random --max-iter 30",
        "v.npy --solver mu --loss kl --init random --max-iter 20",
        "v.npy --loss kl --init random --alpha-w 0.01 --l1-ratio 1 --max-iter 20",
        "v.npy --solver cd --init random --dtype f32 --max-iter 20",
        "v.pws --solver cd --init random --n-init 3 --seed 5 --max-iter 30",
        "v.pws --constraint h:simplex --max-iter 20",
    ] {
        alike(&place, &format!("{flags} -k 4 --pieces 9"), &[4]);
    }
}

#[test]
fn starts_by_singular_vectors_and_sketches_give_the_bits_of_one_process() {
    let place = place();
    for flags in [
        "v.npy -k 4 --init nndsvda --solver cd --max-iter 10 --pieces 10",
        "v.pws -k 4 --init nndsvdar --n-init 2 --max-iter 15 --pieces 9",
        "v.npy -k 4 --solver sketched --max-iter 30 --pieces 10",
        "v.npy -k 4 --solver sketched --init random --n-init 3 --dtype f32 --max-iter 30 --pieces 3",
    ] {
        alike(&place, flags, &[1, 2, 4]);
    }
    // What `auto` stands for is the same here and there, too.
    for flags in ["v.npy -k 2", "v.pws -k 4", "v.npy -k 3 --loss kl"] {
        alike(&place, &format!("{flags} --max-iter 40 --pieces 9"), &[3]);
    }
    succeed(&place, 2, "fit v.npy -k 2 --pieces 4 -o out -q");
    let run = place.json("out/run.json");
    assert_eq!(run["solver"], "sketched", "{run}");
    assert_eq!(run["trace"][0]["sketched"], true, "{run}");
}

#[test]
fn an_h_in_slices_has_the_bits_of_one_process() {
    let place = Place::new();
    let (rows, cols) = (60, 4400);
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4;
    let wide: Vec<f64> = (0..rows * cols).map(|i| 0.05 + value(i)).collect();
    place.file("wide.npy", npy_f64(rows, cols, &wide));
    // No equal shares of the pieces, a process without any, and more processes than slices.
    for flags in [
        "--solver hals --init random --max-iter 4 --pieces 9",
        "--loss kl --init random --max-iter 3 --pieces 5",
    ] {
        alike(&place, &format!("wide.npy -k 30 {flags}"), &[2, 3, 6]);
    }
    succeed(
        &place,
        2,
        "fit wide.npy -k 30 --max-iter 2 --pieces 4 -o out -q",
    );
    let run = place.json("out/run.json");
    assert_eq!(run["mpi"]["slices"], 2, "{run}");
}

#[test]
fn each_process_writes_its_rows_of_w() {
    let place = place();
    for flags in [
        "v.npy -k 4 --solver cd --init random --max-iter 10 --pieces 7",
        "v.pws -k 4 --n-init 2 --dtype f32 --max-iter 20 --pieces 12",
    ] {
        place.succeed(&format!("fit {flags} -o whole -q"));
        let (w, h, trace) = outcome(&place, "whole");
        // More pieces than the next, of which nothing may stay.
        place.succeed("fit v.npy -k 4 --max-iter 1 --pieces 20 --split-w -o out -q");
        for count in [0, 1, 3] {
            let fit = format!("fit {flags} --split-w -o out -q");
            match count {
                0 => drop(place.succeed(&fit)),
                _ => succeed(&place, count, &fit),
            }
            let (none, same_h, same_trace) = outcome(&place, "out");
            assert_eq!(none.shape(), (0, 4), "{flags}");
            assert!((&h, &trace) == (&same_h, &same_trace), "{flags}");
            // The folder is a matrix like any other.
            place.succeed("convert out/W -o w.pws -q");
            let read = partwise_io::read(place.path("w.pws"), &ReadOptions::default());
            let dense = match read.unwrap().matrix {
                AnyMatrix::F32(Matrix::Dense(dense)) => AnyDense::F32(dense),
                AnyMatrix::F64(Matrix::Dense(dense)) => AnyDense::F64(dense),
                _ => panic!("W is dense"),
            };
            assert!(dense == w, "{flags}");
            fs::remove_file(place.path("w.pws")).unwrap();
        }
        // The components are a model for new samples.
        place.succeed("transform out/model.npz v.npy -o new.npy -q");
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    let refuses = |arguments: &str, words: &[&str]| {
        refused(&processes(&place, 2, arguments).output().unwrap(), words);
    };
    place.file("taken", "a file");
    refuses("fit v.npy -k 2 --split-w -o taken -q", &["taken"]);
    assert_eq!(fs::read(place.path("taken")).unwrap(), b"a file");
}

#[test]
fn names_come_with_the_model() {
    let place = Place::new();
    place.file("v.csv", crate::common::NAMED_CSV);
    place.succeed("convert v.csv -o v.pws -q");
    succeed(&place, 2, "fit v.pws -k 2 --pieces 3 -o out -q");
    let model = place.model("out/model.npz");
    assert_eq!(model.row_names.unwrap()[5], "s6");
    assert_eq!(model.col_names.unwrap(), ["a", "b", "c", "d"]);
}

/// The process of a rank among those that a launcher started, once it is there.
fn process_of(launcher: &Child, rank: usize) -> u32 {
    let (parent, wanted) = (
        launcher.id().to_string(),
        format!("OMPI_COMM_WORLD_RANK={rank}"),
    );
    let is_it = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let mut lines = status.lines().filter_map(|line| line.strip_prefix("PPid:"));
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let mut variables = environment.split(|&byte| byte == 0);
        lines.any(|id| id.trim() == parent) && variables.any(|found| found == wanted.as_bytes())
    };
    let begun = Instant::now();
    loop {
        let ids = fs::read_dir("/proc").unwrap();
        let ids = ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        if let Some(found) = ids.into_iter().find(|&id| is_it(id)) {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no process of rank {rank}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_process_that_dies_ends_the_job_and_leaves_a_checkpoint() {
    let place = place();
    for lost in [1, 0] {
        let fit = "fit v.npy -k 4 --solver cd --init random --pieces 10 --tol 0 --max-iter 3000";
        place.succeed(&format!("{fit} -o whole -q"));
        let job = processes(
            &place,
            3,
            &format!("{fit} -o out -q --checkpoint kept --every 0"),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let victim = process_of(&job, lost);
        let begun = Instant::now();
        while !place.path("kept/fit.checkpoint").exists() {
            assert!(begun.elapsed() < Duration::from_secs(120), "no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
        let killed = Command::new("kill")
            .args(["-9", &victim.to_string()])
            .status();
        assert!(killed.unwrap().success(), "it was done already");
        let output = job.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{complaint}");
        assert!(complaint.contains("signal 9"), "{complaint}");
        assert!(!place.path("out/model.npz").exists());
        // Another number of processes goes on, and so would one without MPI.
        let resumed = format!("{fit} -o out -q --checkpoint kept --every 1h --resume");
        match lost {
            0 => succeed(&place, 2, &resumed),
            _ => drop(place.succeed(&resumed)),
        }
        assert!(outcome(&place, "whole") == outcome(&place, "out"));
        assert!(!place.path("kept/fit.checkpoint").exists());
        for folder in ["whole", "out", "kept"] {
            let _ = fs::remove_dir_all(place.path(folder));
        }
    }
}

#[test]
fn what_does_not_fit_together_is_refused_with_one_line() {
    let place = place();
    let refuses = |arguments: &str, words: &[&str]| {
        let output = processes(&place, 3, arguments).output().unwrap();
        refused(&output, words);
    };
    refuses(
        "fit nowhere.npy -k 3 -o out",
        &["nowhere.npy", "no such file"],
    );
    refuses(
        "fit v.mtx -k 3 -o out",
        &["v.mtx", "partwise convert v.mtx"],
    );
    refuses("fit v.npy -k 0 -o out", &["rank"]);
    refuses(
        "fit v.npy -k 3 --pieces 231 -o out",
        &["--pieces 231", "230 rows"],
    );
    refuses("fit v.npy -k 3 --init spa -o out", &["init", "nndsvda"]);
    // What each process needs, with fewer pieces than processes, too.
    let little = ["needs --memory ", "17M is too little"];
    refuses("fit v.npy -k 3 -o out --memory 17M", &little);
    refuses("fit v.pws -k 3 -o out --pieces 2 --memory 17M", &little);
    refuses(
        "fit v.npy -k 3 --constraint w:simplex -o out",
        &["w:simplex", "on H"],
    );
    refuses("fit v.npy -k 3 --stream -o out", &["--stream"]);
    // Parts of one V that differ in width.
    fs::create_dir(place.path("parts")).unwrap();
    place.file("parts/part-0.npy", npy_f64(4, 3, &[1.0; 12]));
    place.file("parts/part-1.npy", npy_f64(4, 2, &[1.0; 8]));
    refuses("fit parts -k 2 -o out", &["part-1.npy", "columns"]);
    // Row 229 is with the last process.
    let mut values = vec![1.0; 230 * 3];
    values[229 * 3 + 1] = -2.0;
    place.file("bad.npy", npy_f64(230, 3, &values));
    refuses(
        "fit bad.npy -k 2 --pieces 6 -o out",
        &["bad.npy", "-2", "229"],
    );
    // Processes that were not given the same.
    let two = |first: &str, second: &str| {
        let mut command = mpirun(&place);
        command
            .args(["-n", "1"])
            .arg(program())
            .args(first.split(' '));
        command
            .args([":", "-n", "2"])
            .arg(program())
            .args(second.split(' '));
        command.output().unwrap()
    };
    let output = two("fit v.npy -k 3 -o out", "fit bad.npy -k 3 -o out");
    refused(&output, &["rank 1", "230 × 3", "230 × 40"]);
    let output = two("fit v.npy -k 3 -o out", "fit v.npy -k 3 --seed 1 -o out");
    refused(&output, &["rank 1", "seed 1", "seed 0"]);
    let output = two("fit v.npy -k 3 -o out", "fit v.npy -k 3 --dtype f32 -o out");
    refused(&output, &["rank 1", "F32", "F64"]);
    let output = two(
        "fit v.npy -k 3 --pieces 3 -o out",
        "fit v.npy -k 3 --pieces 3 -o out --memory 17M",
    );
    refused(&output, &["rank 1", "needs --memory ", "17M is too little"]);
    let output = two("fit v.npy -k 3 -o out", "fit nowhere.npy -k 3 -o out");
    refused(&output, &["rank 1", "failed", "nowhere.npy"]);
    assert!(!place.path("out").exists());
}
