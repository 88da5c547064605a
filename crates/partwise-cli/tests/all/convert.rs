//! `partwise convert`, and fits of what it makes: the results of memory, within a limit.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::common::{Place, npy_f64};

/// Something too small for any of the matrices here to be held, and large enough to read them.
const LITTLE: &str = "--memory 70M";

/// Entries of a matrix of counts, as Matrix Market has them, in no order.
fn market(rows: usize, cols: usize, per_row: usize) -> String {
    let mut text = String::new();
    let mut count = 0;
    for step in 0..rows {
        // Every row once, in another order; some of them are empty.
        let row = (step * 7_919) % rows;
        if row % 11 == 4 {
            continue;
        }
        let gap = cols / per_row;
        for place in 0..per_row {
            let col = place * gap + (row * 31 + place * 17) % gap;
            writeln!(text, "{} {} {}", row + 1, col + 1, 1 + (row * place) % 9).unwrap();
            count += 1;
        }
    }
    format!("%%MatrixMarket matrix coordinate real general\n{rows} {cols} {count}\n{text}")
}

fn same_model(place: &Place, a: &str, b: &str) {
    let (a, b) = (
        place.model(&format!("{a}/model.npz")),
        place.model(&format!("{b}/model.npz")),
    );
    assert!(a.w == b.w && a.h == b.h, "other factors");
    assert_eq!(a.meta["objective"], b.meta["objective"]);
    assert_eq!(a.meta["iterations"], b.meta["iterations"]);
    assert_eq!((a.row_names, a.col_names), (b.row_names, b.col_names));
}

#[test]
fn a_sparse_store_gives_the_factors_of_memory() {
    let place = Place::new();
    place.file("v.mtx", market(3_000, 1_200, 120));
    let said = place.succeed("convert v.mtx -o v.pws");
    assert!(said.contains("327240 of real, sparse"), "{said}");
    assert!(
        said.contains("v.mtx (mtx)") && !said.contains("through memory"),
        "{said}"
    );
    // Rows in order in memory, too.
    place.succeed("convert v.mtx -o plain.pws --no-compression -q");
    let bytes = |name: &str| fs::metadata(place.path(name)).unwrap().len();
    assert!(bytes("v.pws") < bytes("plain.pws"));
    for (name, options) in [
        ("auto", ""),
        ("cd", "--solver cd"),
        ("anls", "--solver anls --dtype f32"),
        ("mu", "--solver mu --loss kl"),
        ("sketched", "--solver sketched"),
        ("spa", "--init spa"),
    ] {
        let options = format!("-k 4 --max-iter 5 --tol 0 -q {options}");
        place.succeed(&format!("fit plain.pws -o held-{name} {options}"));
        place.succeed(&format!("fit v.pws -o read-{name} {options} {LITTLE}"));
        same_model(&place, &format!("held-{name}"), &format!("read-{name}"));
        let run = |folder: &str| place.json(&format!("{folder}-{name}/run.json"));
        assert_eq!(run("read")["nonzeros"], run("held")["nonzeros"]);
    }
    // Newton's steps need columns: it is said where there are none, and what would be the same.
    let said = |options: &str| {
        let output = place.run(&format!("fit {options} -k 4 --loss kl --max-iter 4"));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        text
    };
    let warning = "v.pws: on disk, or without room for its columns";
    assert!(!said("plain.pws -o held").contains("--solver mu"));
    let text = said(&format!("v.pws -o read {LITTLE}"));
    assert!(
        text.contains(warning) && text.contains("'newton'") && text.contains("--solver mu"),
        "{text}"
    );
    for same in ["--solver mu", "--start-h read/model.npz#h --hold h"] {
        let text = said(&format!("v.pws -o other {same} {LITTLE}"));
        assert!(!text.contains(warning), "{same}: {text}");
    }
    let objective =
        |name: &str| place.model(&format!("{name}/model.npz")).meta["objective"].as_f64();
    let (held, read) = (objective("held").unwrap(), objective("read").unwrap());
    assert!((held - read).abs() < 0.1 * held, "{held} and {read}");
}

#[test]
fn a_dense_store_gives_the_factors_and_names_of_its_table() {
    let place = Place::new();
    let mut csv = "name,red,green,blue\n".to_owned();
    for row in 0..700 {
        writeln!(csv, "r{row},{},{}.5,{}", row % 7, row % 5, (row * row) % 13).unwrap();
    }
    place.file("v.csv", &csv);
    place.succeed("convert v.csv -o v.pws -q");
    place.succeed("fit v.csv -o held -k 2 -q");
    place.succeed(&format!("fit v.pws -o read -k 2 -q {LITTLE}"));
    same_model(&place, "held", "read");
    assert_eq!(
        place.model("read/model.npz").col_names.unwrap(),
        ["red", "green", "blue"]
    );
    // From a pipe, and back into a table.
    place.succeed("transform held/model.npz v.csv -o held.csv -q");
    place.succeed(&format!(
        "transform held/model.npz v.pws -o read.csv -q {LITTLE}"
    ));
    let text = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(text("held.csv"), text("read.csv"));
    assert!(text("read.csv").contains("r699,"));
}

#[test]
fn rows_of_arrays_become_a_store() {
    let place = Place::new();
    fs::create_dir(place.path("parts")).unwrap();
    let all: Vec<f64> = (0..900 * 30)
        .map(|i| f64::from(i * 7_919 % 1_009))
        .collect();
    place
        .file("whole.npy", npy_f64(900, 30, &all))
        .file("parts/v-2.npy", npy_f64(400, 30, &all[..400 * 30]))
        .file("parts/v-10.npy", npy_f64(500, 30, &all[400 * 30..]));
    place.succeed("convert parts -o v.pws -q");
    place.succeed("fit whole.npy -o held -k 3 -q");
    place.succeed(&format!("fit v.pws -o read -k 3 -q {LITTLE}"));
    same_model(&place, "held", "read");
}

#[test]
fn info_says_what_a_store_holds() {
    let place = Place::new();
    place.file("v.mtx", market(1_000, 50, 5));
    place.succeed("convert v.mtx -o v.pws -q");
    let said = place.succeed("info v.pws");
    for words in [
        "pws, sparse",
        "1000 × 50",
        "real, read as float64",
        "can be factored",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let json = |name: &str| -> serde_json::Value {
        let mut value: serde_json::Value =
            serde_json::from_str(&place.succeed(&format!("info {name} --json"))).unwrap();
        value.as_object_mut().unwrap().remove("file");
        value.as_object_mut().unwrap().remove("format");
        value
    };
    assert_eq!(json("v.pws"), json("v.mtx"));
}

#[test]
fn what_cannot_be_converted_is_refused_and_leaves_nothing() {
    let place = Place::new();
    place
        .file("v.mtx", market(300, 50, 5))
        .file("bad.csv", "a,b\n1,2\n3,x\n")
        .file("noise.bin", [0u8, 1, 2, 3, 255, 254]);
    place.succeed("convert v.mtx -o v.pws -q");
    place.refused("convert v.mtx -o v.npz", &["v.npz", ".pws"]);
    place.refused("convert v.pws -o v.pws", &["v.pws", "reads", "replaced"]);
    place.refused("convert none.mtx -o out.pws", &["none.mtx", "no such file"]);
    place.refused("convert bad.csv -o out.pws", &["bad.csv", "line 3", "'x'"]);
    place.refused(
        "convert noise.bin -o out.pws",
        &["noise.bin", "unknown format"],
    );
    place.refused("convert bad.csv -o new/out.pws", &["bad.csv", "line 3"]);
    assert!(!place.path("out.pws").exists() && !place.path("new").exists());
    place.succeed("convert v.mtx -o new/deep/out.pws -q");
    assert_eq!(
        fs::read(place.path("new/deep/out.pws")).unwrap(),
        fs::read(place.path("v.pws")).unwrap()
    );
    // Stores that are torn, changed or none.
    let whole = fs::read(place.path("v.pws")).unwrap();
    place.file("torn.pws", &whole[..whole.len() - 9]);
    let mut changed = whole.clone();
    changed[40] ^= 1;
    place.file("changed.pws", &changed);
    place.file("other.pws", "1 2\n3 4\n");
    for command in ["fit", "info", "fit --memory 70M", "convert"] {
        let (command, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = match command {
            "fit" => format!("-k 2 -o out {rest}"),
            "convert" => "-o out.pws".to_owned(),
            _ => String::new(),
        };
        let refused = |name: &str, words: &[&str]| {
            let words: Vec<_> = [name].iter().chain(words).copied().collect();
            place.refused(&format!("{command} {name} {rest}"), &words);
        };
        refused("torn.pws", &["damaged", "cut off"]);
        refused("changed.pws", &["damaged", "block 0", "checksum"]);
        refused("other.pws", &["damaged", "does not begin as a store"]);
    }
    let left = fs::read_dir(place.path(".")).unwrap().count();
    assert_eq!(left, 8, "something is left");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_of_a_store() {
    use std::io::Write;
    let place = Place::new();
    let mut child = place
        .command("convert - --format csv -o v.pws")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let line = "1,2,3,4,5,6,7,8,9,10\n".repeat(1_000);
    let mut ended = None;
    for round in 0..1_000_000 {
        // It ends by itself, and the pipe with it.
        if input.write_all(line.as_bytes()).is_err() {
            break;
        }
        if round == 100 {
            let id = child.id().to_string();
            let kill = std::process::Command::new("kill")
                .args(["-INT", &id])
                .status();
            assert!(kill.unwrap().success());
        }
        ended = child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
    }
    drop(input);
    let status = ended.unwrap_or_else(|| child.wait().unwrap());
    assert_eq!(status.code(), Some(130));
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), 0);
}

/// A store has the names of its rows in memory while a fit reads it.
#[cfg(target_os = "linux")]
#[test]
fn the_names_of_a_store_count_as_memory() {
    const ROWS: usize = 200_000;
    const NAME: usize = 60;
    let place = Place::new();
    let row = |i: usize, name: &str| format!("{name}{},{}\n", 1 + i % 7, 1 + i % 11);
    let plain: String = (0..ROWS).map(|i| row(i, "")).collect();
    let named: String = (0..ROWS).map(|i| row(i, &format!("r{i:0>59},"))).collect();
    place.file("plain.csv", plain).file("named.csv", named);
    let fit = |file: &str| format!("fit {file}.pws -k 1 --init random --max-iter 3 -o {file} -q");
    let least = |file: &str| -> u64 {
        place.succeed(&format!("convert {file}.csv -o {file}.pws -q"));
        let fit = format!("{} --memory 5M", fit(file));
        place.refused(&fit, &["needs --memory ", "5M is too little"]);
        let complaint = String::from_utf8(place.run(&fit).stderr).unwrap();
        let named = complaint.split("--memory ").nth(1).unwrap();
        named.split('M').next().unwrap().parse().unwrap()
    };
    let (plain, named) = (least("plain"), least("named"));
    let names = (2 * ROWS * (NAME + size_of::<String>())) as u64;
    assert!(
        (named - plain) * 1_000_000 > names,
        "{plain}M without names and {named}M with them"
    );
    let peak = |file, memory| place.peak(&format!("{} --memory {memory}M", fit(file)));
    let (without, with) = (peak("plain", plain), peak("named", named));
    assert!(
        // A peak that is short may be seen late.
        with.saturating_sub(without) < (named - plain) * 1_000_000 + 10_000_000,
        "{without} bytes within {plain}M without names, {with} within {named}M with them"
    );
    let model = place.model("named/model.npz");
    assert_eq!(model.row_names.unwrap()[7], format!("r{:0>59}", 7));
}

/// A matrix of 100 MB with its other axis, converted and fitted in a part of that.
#[cfg(target_os = "linux")]
#[test]
fn the_peak_of_memory_is_below_the_limit() {
    let place = Place::new();
    place.file("v.mtx", market(50_000, 2_000, 90));
    let converting = place.peak("convert v.mtx -o v.pws --memory 40M");
    assert!(
        converting < 40_000_000,
        "{converting} bytes at the most to convert"
    );
    let fit = "fit v.pws -k 5 -o out --memory 64M --max-iter 6 --tol 0 --threads 2 --init random";
    let fitting = place.peak(fit);
    assert!(fitting < 64_000_000, "{fitting} bytes at the most to fit");
    assert_eq!(place.json("out/run.json")["iterations"], 6);
    place.refused(
        &fit.replace("64M", "60M"),
        &["needs --memory", "60M is too little"],
    );
    let held = place.peak("fit v.pws -k 5 -o held --max-iter 1 --init random");
    assert!(
        held > 100_000_000,
        "{held} bytes in memory: nothing was shown"
    );
}
