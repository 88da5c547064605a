//! The same faults as in `faults.rs`, at every place where they may come: each call of the system that reads or changes a file fails once,
//! or is the moment of a kill. (`common/calls.c` stands between the program and the system.)

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::common::{Place, failed, kills, npy_f64, program};
use crate::faults::{WRITERS, assert_whole, files, place, results, sweep};
use crate::formats::zarr;

/// What else reads, and of which kinds of files.
const READERS: &[&str] = &[
    "fit v.csv -k 2 -o read",
    "fit v.csv.gz -k 2 -o read",
    "fit v.mtx -k 2 -o read",
    "fit scipy_csr_matrix.npz -k 2 -o read",
    "fit index.parquet -k 2 -o read",
    "fit zstd.feather -k 2 -o read",
    "fit category.arrows -k 2 -o read",
    "fit chunked.h5#gzip -k 2 -o read",
    "fit cells.h5ad#raw/X -k 2 -o read",
    "fit cells.h5ad -k 2 -o read --memory 200M",
    "fit v.zarr -k 2 -o read",
    "fit v.zarr -k 2 -o read --memory 100M",
    "fit v.pws -k 2 -o read --memory 100M",
    "fit v.npy -k 2 -o read --memory 100M",
    "fit shards -k 2 -o read",
    "fit v.npy -k 2 -o read --start-h h.npy",
    "fit photo.png -k 2 -o read",
    "topics texts.txt.gz -k 2 -o read",
    "topics texts.jsonl -k 2 -o read",
    "joint v.csv v.mtx -k 2 -o read",
    "audio tone.wav -k 2 --like tone.wav -o read",
    "audio two-tones.flac -k 2 -o read",
    "audio two-tones.mp3 -k 2 -o read",
    "audio two-tones.ogg -k 2 -o read",
    "audio two-tones-aac.m4a -k 2 -o read",
    "consensus v.mtx -k 2 --runs 2 -o read",
];

const NO_SPACE: i64 = 28;
const IO_ERROR: i64 = 5;
const KILL: i64 = 0;

/// The library that stands in between.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/common/calls.c");
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("calls.so");
        let made = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()))
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source.into()])
            .arg("-ldl")
            .status();
        assert!(made.expect("a C compiler").success());
        library
    })
}

/// Reads and writes of a run that nothing hinders, where this is the error that would.
fn counts(place: &Place, arguments: &str, error: i64) -> [usize; 2] {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new(program())
        .args(arguments.split(' '))
        .arg("-q")
        .env("LD_PRELOAD", library())
        .env("PARTWISE_CALLS", place.path(""))
        .env("PARTWISE_FAIL", format!("read:0:{error}"))
        .env("PARTWISE_COUNTS", file.path())
        .current_dir(place.path(""))
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {complaint}");
    let text = fs::read_to_string(file.path()).unwrap();
    let counts: Vec<usize> = text
        .split_whitespace()
        .map(|x| x.parse().unwrap())
        .collect();
    counts.try_into().unwrap()
}

fn hindered(place: &Place, arguments: &str, (kind, number, error): (&str, usize, i64)) -> Output {
    place
        .command(&format!("{arguments} -q"))
        .env("LD_PRELOAD", library())
        .env("PARTWISE_CALLS", place.path(""))
        .env("PARTWISE_FAIL", format!("{kind}:{number}:{error}"))
        .output()
        .unwrap()
}

/// The first call and the last one, and some between.
fn some_of(count: usize) -> BTreeSet<usize> {
    let most = count.min(kills(8) as usize).max(1);
    (0..most)
        .map(|at| 1 + at * (count - 1) / (most - 1).max(1))
        .collect()
}

fn with_more() -> Place {
    let place = place();
    let text = "1,2,0\n0,3,1\n2,0,4\n5,1,0\n1,1,2\n0,2,3\n";
    place.file("v.csv", text);
    place.file("h.npy", npy_f64(2, 40, &[0.5; 80]));
    place.file(
        "v.mtx",
        "%%MatrixMarket matrix coordinate integer general\n6 3 5\n1 1 4\n2 2 1\n3 1 2\n4 3 7\n6 2 1\n",
    );
    for name in ["v.csv", "texts.txt"] {
        let out = fs::File::create(place.path(&format!("{name}.gz"))).unwrap();
        let mut out = flate2::write::GzEncoder::new(out, Default::default());
        let mut from = fs::File::open(place.path(name)).unwrap();
        std::io::copy(&mut from, &mut out).unwrap();
        out.finish().unwrap();
    }
    fs::create_dir(place.path("shards")).unwrap();
    for name in ["1.npy", "2.npy"] {
        fs::copy(place.path("v.npy"), place.path("shards").join(name)).unwrap();
    }
    let texts = fs::read_to_string(place.path("texts.txt")).unwrap();
    let records: String = texts
        .lines()
        .map(|text| format!("{{\"text\": \"{text}\"}}\n"))
        .collect();
    place.file("texts.jsonl", records);
    zarr(&place.path("v.zarr"), (60, 40, 25));
    for file in [
        "partwise-io/tests/data/scipy_csr_matrix.npz",
        "partwise-io/tests/formats/index.parquet",
        "partwise-io/tests/formats/zstd.feather",
        "partwise-io/tests/formats/category.arrows",
        "partwise-io/tests/formats/chunked.h5",
        "partwise-io/tests/formats/cells.h5ad",
        "partwise-apps/tests/fixtures/sound/two-tones.flac",
        "partwise-apps/tests/fixtures/sound/two-tones.mp3",
        "partwise-apps/tests/fixtures/sound/two-tones.ogg",
        "partwise-apps/tests/fixtures/sound/two-tones-aac.m4a",
    ] {
        let (_, name) = file.rsplit_once('/').unwrap();
        let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(path, place.path(name)).unwrap();
    }
    place.succeed("convert v.npy -o v.pws -q");
    place
}

#[test]
fn a_read_that_fails_is_an_error() {
    let place = with_more();
    let of_writers = WRITERS.iter().map(|(arguments, _)| *arguments);
    for arguments in of_writers.chain(READERS.iter().copied()) {
        let [reads, _] = counts(&place, arguments, IO_ERROR);
        let expected = outcome(&place, arguments);
        assert!(reads > 0, "{arguments}: reads nothing");
        let mut failures = 0;
        for number in some_of(reads) {
            let what = format!("{arguments}, read {number} of {reads}");
            let _ = fs::remove_dir_all(place.path("kept"));
            let before = results(&place);
            let output = hindered(&place, arguments, ("read", number, IO_ERROR));
            // Who asks what kind of file it is may take an error for a no, and the next one reads it.
            if output.status.success() {
                let found = outcome(&place, arguments);
                assert!(found == expected, "{what}: another outcome");
                continue;
            }
            let code = output.status.code().unwrap_or(-1);
            assert!([1, 2].contains(&code), "{what}: {output:?}");
            failed(&output, &what, code, &[]);
            assert!(results(&place) == before, "{what}: changed something");
            failures += 1;
        }
        assert!(failures > 0, "{arguments}: no read matters");
        sweep(&place);
        let _ = fs::remove_dir_all(place.path("kept"));
    }
}

/// What a command makes of its input: factors, or a file.
fn outcome(place: &Place, arguments: &str) -> (Option<partwise_io::Model>, Vec<u8>) {
    let output = arguments.split("-o ").nth(1).unwrap();
    let output = place.path(output.split(' ').next().unwrap());
    match output.is_dir() {
        true => {
            let model = partwise_io::read_model(output.join("model.npz")).ok();
            let model = model.map(|model| partwise_io::Model {
                meta: Default::default(),
                ..model
            });
            (model, Vec::new())
        }
        false => (None, fs::read(output).unwrap()),
    }
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let place = place();
    for (arguments, _) in WRITERS {
        // Once more, where the folder of the results is there.
        place.succeed(&format!("{arguments} -q"));
        let _ = fs::remove_dir_all(place.path("kept"));
        let [_, writes] = counts(&place, arguments, NO_SPACE);
        let expected = outcome(&place, arguments);
        let _ = fs::remove_dir_all(place.path("kept"));
        for number in some_of(writes) {
            let what = format!("{arguments}, write {number} of {writes}");
            let before = results(&place);
            let output = hindered(&place, arguments, ("write", number, NO_SPACE));
            // A fit goes on without its checkpoint, and says so. Where fits run beside each other the last calls may not be reached.
            let complaint = String::from_utf8_lossy(&output.stderr);
            let told = complaint.contains("No space left");
            if output.status.success() {
                let goes_on = ["--checkpoint", "rank ", "consensus "];
                let may = goes_on.iter().any(|word| arguments.contains(word));
                assert!(may && (told || number + 10 >= writes), "{what}: {output:?}");
                assert!(
                    outcome(&place, arguments) == expected,
                    "{what}: another outcome"
                );
                let _ = fs::remove_dir_all(place.path("kept"));
                continue;
            }
            failed(&output, &what, 1, &["No space left"]);
            assert!(results(&place) == before, "{what}: changed something");
            let _ = fs::remove_dir_all(place.path("kept"));
        }
        let _ = fs::remove_dir_all(place.path("kept"));
    }
}

/// Results of a command that takes the place of those of another: all are the old ones or all the new, at the latest when the next command
/// has looked there.
#[test]
fn a_kill_over_earlier_results_mixes_nothing() {
    /// Calls at the end, among which files get their names.
    const LAST: usize = 40;
    let place = place();
    let mut finished = 0;
    for (old, new, folder) in [
        ("", "fit v.npy -k 2", "fitted"),
        ("fit v.npy -k 2", "fit v.npy -k 3", "fitted"),
        (
            "fit v.npy -k 2 --split-w --pieces 3",
            "fit v.npy -k 3 --split-w --pieces 2",
            "split",
        ),
        (
            "rank v.npy --ranks 1..3 --starts 2",
            "rank v.npy --ranks 2..4 --starts 2",
            "ranks",
        ),
        ("image photo.png -k 2", "image photo.png -k 3", "layers"),
    ] {
        let new = format!("{new} -o {folder}");
        let of_folder = || {
            let mut files = results(&place);
            files.retain(|path, _| path.starts_with(place.path(folder)));
            files
        };
        let _ = fs::remove_dir_all(place.path(folder));
        if !old.is_empty() {
            place.succeed(&format!("{old} -o {folder} -q"));
        }
        let before = of_folder();
        let [_, writes] = counts(&place, &new, KILL);
        let after = of_folder();
        let replaced = |path: &&PathBuf| before.get(*path) != after.get(*path);
        let replaced: Vec<_> = after.keys().filter(replaced).collect();
        assert!(replaced.len() > 2, "{new}: is like {old}");
        let is_new = |files: &BTreeMap<PathBuf, Vec<u8>>| {
            let all = replaced
                .iter()
                .all(|path| files.get(*path) != before.get(*path));
            (all && files.keys().eq(after.keys())).then_some(true)
        };
        let last = LAST.min(writes);
        for number in some_of(last) {
            let number = writes - last + number;
            let _ = fs::remove_dir_all(place.path(folder));
            for (path, bytes) in &before {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            let what = format!("{new}, killed at write {number} of {writes}");
            let output = hindered(&place, &new, ("write", number, KILL));
            let killed = output.status.signal() == Some(9);
            assert!(killed || number + 10 >= writes, "{what}: {output:?}");
            let state = |files: &_| match *files == before {
                true => Some(false),
                false => is_new(files),
            };
            let left = state(&of_folder());
            // Who finishes may be killed as well.
            let reader = format!("transform {folder}/model.npz v.npy -o new.npy");
            hindered(&place, &reader, ("write", 1 + number % 3, KILL));
            place.run(&format!("info {folder}/run.json"));
            let found = of_folder();
            let is_new = state(&found);
            assert!(is_new.is_some(), "{what}: a mixture");
            assert!(
                left.is_none_or(|left| left == is_new.unwrap()),
                "{what}: changed"
            );
            finished += usize::from(left.is_none());
            found
                .keys()
                .for_each(|path| assert_whole(&place, path, &what));
            sweep(&place);
        }
    }
    assert!(finished > 0, "no kill came between two names");
}

#[test]
fn a_kill_at_any_call_tears_nothing() {
    let place = place();
    let before = files(&place);
    for (arguments, output) in WRITERS {
        let clear = || {
            for path in [*output, "kept"] {
                let path = place.path(path);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        };
        clear();
        let [_, writes] = counts(&place, arguments, KILL);
        for number in some_of(writes) {
            clear();
            let what = format!("{arguments}, killed at write {number} of {writes}");
            let output = hindered(&place, arguments, ("write", number, KILL));
            // Where fits run beside each other the last calls may not be reached.
            let reached = output.status.signal() == Some(9);
            assert!(reached || number + 10 >= writes, "{what}: {output:?}");
            for (path, bytes) in files(&place) {
                match before.get(&path) {
                    Some(earlier) => assert!(*earlier == bytes, "{what}: changed {path:?}"),
                    None => assert_whole(&place, &path, &what),
                }
            }
            sweep(&place);
        }
        // The next command finds its way over what the kill has left.
        let _ = fs::remove_dir_all(place.path("kept"));
        place.succeed(&format!("{arguments} -q"));
        clear();
    }
}
