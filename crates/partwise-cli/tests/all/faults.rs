//! What a machine may do to a command that writes: a disk that fills up, a kill at any moment, memory that runs out. What was there
//! before stays as it was, what appears is whole, and there is a word about it.
//!
//! Calls of the system that fail one by one are in `calls.rs`, files that vanish or shrink while they are read in `large.rs`, kills of fits
//! with checkpoints in `checkpoint.rs`, errors in the middle of a stream in the tests of partwise-io.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Place, failed, kills, npy_f64, program};

/// Every command that writes, and the file or folder that it makes.
pub(crate) const WRITERS: &[(&str, &str)] = &[
    ("fit v.npy -k 2 -o fitted", "fitted"),
    (
        "fit v.npy -k 2 --stream --batch-size 20 -o streamed",
        "streamed",
    ),
    (
        "fit v.npy -k 2 -o kept-fit --checkpoint kept --every 0",
        "kept-fit",
    ),
    ("fit v.npy -k 2 --split-w --pieces 2 -o split", "split"),
    ("rank v.npy --ranks 1..3 --starts 2 -o ranks", "ranks"),
    ("consensus v.npy -k 2 --runs 3 -o agreed", "agreed"),
    ("tree v.npy --leaves 3 -o tree", "tree"),
    ("joint v.npy v.npy -k 2 -o joint", "joint"),
    ("image photo.png -k 2 -o layers", "layers"),
    ("parts faces -k 2 -o parts", "parts"),
    ("topics texts.txt -k 2 -o topics", "topics"),
    (
        "topics --apply known/model.npz texts.txt -o applied",
        "applied",
    ),
    ("audio tone.wav -k 2 -o sounds", "sounds"),
    ("compress photo.png -o photo.pwz --quality 50", "photo.pwz"),
    ("decompress made.pwz -o back.png", "back.png"),
    ("convert v.npy -o v.pws", "v.pws"),
    ("convert counts.mtx -o counts.pws", "counts.pws"),
    ("transform made/model.npz v.npy -o w.npy", "w.npy"),
    ("transform made/model.npz v.npy -o w.csv", "w.csv"),
    ("reconstruct made/model.npz -o wh.npy", "wh.npy"),
    ("report made/run.json -o page.html", "page.html"),
];

/// Begins the names of what is only there while a command works; a kill may leave such files.
const UNDER_WAY: &str = ".partwise-";

pub(crate) fn place() -> Place {
    let place = Place::new();
    place.every_use();
    let values: Vec<f64> = (0..60 * 40)
        .map(|i| f64::from(i * 7919 % 1009) / 100.0)
        .collect();
    place.file("v.npy", npy_f64(60, 40, &values));
    let entries: String = (0..400)
        .map(|i| format!("{} {} {}\n", i % 50 + 1, i * 7 % 41 + 1, i % 9 + 1))
        .collect();
    let header = "%%MatrixMarket matrix coordinate integer general\n50 41 400\n";
    place.file("counts.mtx", format!("{header}{entries}"));
    place.succeed("fit v.npy -k 2 -o made -q");
    place.succeed("topics texts.txt -k 2 -o known -q");
    place.succeed("compress photo.png -o made.pwz --quality 50 -q");
    place
}

#[test]
fn every_command_that_writes_is_tried() {
    let place = Place::new();
    let said = |arguments: &str| {
        let output = place.command(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let help = said("--help");
    let mut commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"fit"), "{commands:?}");
    for command in commands {
        let writes = command != "help" && said(&format!("{command} --help")).contains("--output");
        let tried = |(arguments, _): &(&str, &str)| arguments.split(' ').next() == Some(command);
        assert_eq!(WRITERS.iter().any(tried), writes, "{command}");
    }
}

/// Runs the program under what a shell can do to it first.
fn under(place: &Place, fault: &str, arguments: &str) -> Output {
    let script = format!("{fault}; exec {} {arguments}", program().display());
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(place.path(""))
        .output()
        .expect("a shell")
}

/// All files with their bytes, without those that are under way.
pub(crate) fn files(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let whole = |path: &PathBuf| path.is_file() && !is_under_way(path);
    let files = place.names().into_iter().filter(whole);
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// The same without checkpoints, and what is kept of many fits.
pub(crate) fn results(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(place);
    files.retain(|path, _| !path.ends_with("kept/fit.checkpoint") && !keeps_fits(path));
    files
}

fn keeps_fits(path: &Path) -> bool {
    path.extension().is_some_and(|is| is == "part")
}

fn is_under_way(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_string_lossy());
    names.any(|name| name.starts_with(UNDER_WAY) || name.ends_with(".checkpoint.new"))
}

/// Removes what a kill has left, which must go by its name.
pub(crate) fn sweep(place: &Place) {
    for path in place.names().into_iter().rev() {
        if is_under_way(&path) {
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).unwrap().len();
    };
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .max()
        .unwrap()
}

/// A limit on the size of a file fails in the middle of writing, as a full disk does, or kills there where nothing catches the signal.
#[test]
fn a_disk_that_fills_up_leaves_what_was_there() {
    let place = place();
    for (arguments, output) in WRITERS {
        place.succeed(&format!("{arguments} -q"));
        let before = results(&place);
        // In blocks of 512 bytes: at the first byte, and in the middle of the longest file.
        for blocks in [0, size(&place.path(output)) / 1024] {
            let limit = format!("ulimit -c 0; ulimit -f {blocks}");
            let trapped = format!("trap '' XFSZ; {limit}");
            let full = under(&place, &trapped, &format!("{arguments} -q"));
            let _ = fs::remove_dir_all(place.path("kept"));
            failed(&full, arguments, 1, &["File too large"]);
            assert!(
                results(&place) == before,
                "{arguments}: changed by {blocks} blocks"
            );
            assert!(
                !place.names().iter().any(|path| is_under_way(path)),
                "{arguments}: left something"
            );

            let killed = under(&place, &limit, arguments);
            assert!(killed.status.signal().is_some(), "{arguments}: {killed:?}");
            assert!(
                results(&place) == before,
                "{arguments}: changed by a kill at {blocks} blocks"
            );
            sweep(&place);
            // A fit that cannot write its results keeps its checkpoint.
            let _ = fs::remove_dir_all(place.path("kept"));
        }
    }
}

/// A file system in memory that is full, has room for half of what is written, or takes no new names; mounted in a namespace of its own,
/// which a system may refuse to users that are not root.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_an_error_and_stays_empty() {
    const PAGE: u64 = 4096;
    const SIZE: u64 = 16 << 20;
    let place = place();
    fs::create_dir(place.path("full")).unwrap();
    let mounted = |options: &str, fill: &str, arguments: &str| {
        let script = format!(
            "mount -t tmpfs -o {options} none full && {fill} || exit 77
            TMPDIR=full {} {arguments}; code=$?; rm -f full/filler
            find full -type f ! -name '*.part' ! -path '*/kept/*' >left; exit $code",
            program().display()
        );
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        command.current_dir(place.path("")).output()
    };
    let tried = mounted("size=64k", "true", "--version");
    if !tried.is_ok_and(|tried| tried.status.success()) {
        // A system that lets nobody mount anything: the limits on the size of a file above are what can be tried.
        assert!(std::env::var_os("CI").is_none(), "nothing can be mounted");
        return;
    }
    for (arguments, output) in WRITERS {
        place.succeed(&format!("{arguments} -q"));
        let pages: u64 = match fs::read_dir(place.path(output)) {
            Ok(entries) => entries
                .map(|entry| size(&entry.unwrap().path()).div_ceil(PAGE))
                .sum(),
            Err(_) => size(&place.path(output)).div_ceil(PAGE),
        };
        let there = arguments
            .replace("-o ", "-o full/")
            .replace("--checkpoint ", "--checkpoint full/");
        let but_for = |left: u64| format!("head -c {} /dev/zero >full/filler", SIZE - left);
        for (inodes, fill) in [
            ("nr_inodes=1", "true"),
            ("nr_inodes=0", &but_for(0)),
            // A page is the least that can be left.
            ("nr_inodes=0", &but_for(pages / 2 * PAGE)),
        ] {
            let options = format!("size={SIZE},{inodes}");
            let full = mounted(&options, fill, &format!("{there} -q")).unwrap();
            let left = fs::read_to_string(place.path("left")).unwrap();
            failed(&full, &there, 1, &["No space left"]);
            assert!(left.is_empty(), "{there}, {options}, {fill}: left {left}");
        }
    }
}

/// That a file is whole: as its readers see it.
pub(crate) fn assert_whole(place: &Place, path: &Path, what: &str) {
    let bytes = fs::read(path).unwrap();
    let is = |extension: &str| path.extension().is_some_and(|is| is == extension);
    let name = path.strip_prefix(place.path("")).unwrap().display();
    let whole = match () {
        () if is("json") => serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
        () if is("png") => image::load_from_memory(&bytes).is_ok(),
        () if is("html") => bytes.trim_ascii_end().ends_with(b"</html>"),
        () if is("csv") => bytes.ends_with(b"\n"),
        () if is("gz") => {
            let mut packed = flate2::read::GzDecoder::new(&bytes[..]);
            std::io::copy(&mut packed, &mut std::io::sink()).is_ok()
        }
        () if is("npz") => partwise_io::read_model(path).is_ok(),
        () if is("npy") | is("pws") => partwise_io::read(path, &Default::default()).is_ok(),
        () if is("pwz") => partwise_apps::compress::decompress(&bytes, "x", u64::MAX).is_ok(),
        () if is("wav") => partwise_apps::audio::load(path, u64::MAX).is_ok(),
        () if is("part") => partwise_io::RecordFile::open(path).is_ok(),
        () if is("checkpoint") => partwise_io::read_checkpoint(path).is_ok(),
        () => panic!("{name}: what is that?"),
    };
    assert!(whole, "{what}: {name} is torn");
}

#[test]
fn a_kill_at_any_moment_tears_nothing() {
    let moments = kills(4);
    let place = place();
    let before = files(&place);
    for (arguments, output) in WRITERS {
        let clock = Instant::now();
        place.succeed(&format!("{arguments} -q"));
        let whole = clock.elapsed();
        for moment in 1..=moments {
            for path in [*output, "kept"] {
                let path = place.path(path);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
            let mut child = place
                .command(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // From the beginning on; files are written at the end, so most of the moments are there.
            std::thread::sleep(whole.mul_f64((f64::from(moment) / f64::from(moments)).sqrt()));
            child.kill().unwrap();
            child.wait().unwrap();
            for (path, bytes) in files(&place) {
                match before.get(&path) {
                    Some(earlier) => {
                        assert!(*earlier == bytes, "{arguments}: changed {}", path.display())
                    }
                    None => assert_whole(&place, &path, arguments),
                }
            }
            sweep(&place);
        }
        let _ = fs::remove_dir_all(place.path("kept"));
        // The next command must find its way over what the kill has left.
        place.succeed(&format!("{arguments} -q"));
        let path = place.path(output);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
}

/// A shell's limit on memory, from one with which the program just begins: a command works, or says that it does not.
#[cfg(target_os = "linux")]
#[test]
fn memory_that_runs_out_is_said() {
    let place = place();
    let values: Vec<f64> = (0..3000 * 500)
        .map(|i| f64::from(i % 1009) / 100.0)
        .collect();
    place.file("large.npy", npy_f64(3000, 500, &values));
    let limited = |megabytes: u64, arguments: &str| {
        let limit = format!("ulimit -c 0; ulimit -v {}", megabytes * 1024);
        under(&place, &limit, arguments)
    };
    let begins = |megabytes: &u64| limited(*megabytes, "--version").status.success();
    let least = (8..4096).step_by(8).find(begins).expect("it begins");
    let large = [
        "fit large.npy -k 4 -o out --max-iter 3 --threads 2 -q",
        "convert large.npy -o large.pws -q",
        "image photo.png -k 2 -o drawn --max-iter 3 --threads 2 -q",
    ];
    let mut failed_once = 0;
    for arguments in large
        .into_iter()
        .chain(WRITERS.iter().map(|(arguments, _)| *arguments))
    {
        let before = results(&place);
        let mut failures = 0;
        for more in [0, 2, 4, 8, 16, 32, 64, 128] {
            let output = limited(least + more, arguments);
            if output.status.success() {
                break;
            }
            failures += 1;
            let text = String::from_utf8_lossy(&output.stderr);
            let what = format!("{arguments}: {least} + {more} MB: {text}");
            assert!(!text.trim().is_empty(), "{what}");
            assert!(!text.contains("panicked"), "{what}");
            assert!(results(&place) == before, "{what}");
            sweep(&place);
            let _ = fs::remove_dir_all(place.path("kept"));
        }
        let _ = fs::remove_dir_all(place.path("kept"));
        let is_small = !large.contains(&arguments);
        assert!(
            failures > 0 || is_small,
            "{arguments}: {least} MB are enough"
        );
        failed_once += usize::from(failures > 0);
        place.succeed(arguments);
        let _ = fs::remove_dir_all(place.path("kept"));
    }
    // The smallest of them can work with what it takes to begin.
    assert!(failed_once > WRITERS.len() / 2, "{failed_once}");
    // What is needed is compared with the limit before any work.
    let refused = limited(least + 64, "fit large.npy -k 400 -o never");
    failed(&refused, "fit", 2, &["needs", "memory"]);
    assert!(!place.path("never").exists());
}

/// A full disk behind standard output.
#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_printed_are_a_failure() {
    let place = place();
    for arguments in [
        "--help",
        "completions bash",
        "man",
        "info v.npy",
        "fit v.npy -k 2 -o out --json",
    ] {
        let output = under(&place, "exec >/dev/full", arguments);
        failed(&output, arguments, 1, &["standard output", "No space left"]);
    }
}

/// No input is mapped into memory, so that a file cut by another program is an error and not the end of this one.
#[cfg(target_os = "linux")]
#[test]
fn no_input_is_mapped() {
    let place = place();
    place.succeed("convert v.npy -o v.pws -q");
    for input in ["v.npy", "v.pws"] {
        let arguments = format!(
            "fit {input} -k 2 -o out --tol 0 --init random --solver hals --max-iter 1000000000 --memory 60M"
        );
        let mut child = place
            .command(&format!("{arguments} --checkpoint kept --every 0"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !place.path("kept/fit.checkpoint").exists() {
            assert!(child.try_wait().unwrap().is_none(), "{input}: ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        let maps = fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(maps.contains("partwise"), "these are its maps");
        assert!(!maps.contains(input), "{input} is mapped");
        fs::remove_dir_all(place.path("kept")).unwrap();
    }
}
