//! Matrices that stay on disk: the results of memory, within a limit, from one file or a folder of them.

use std::fs;
use std::process::Stdio;

use crate::common::{Place, npy, npy_f64};

/// Entries above zero that do not repeat soon.
fn values(count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(|i| 0.05 + (i.wrapping_mul(2_654_435_761) % 10_007) as f64 / 1e4)
}

/// Something too small for any of the matrices here to be held, and large enough to read them.
const LITTLE: &str = "--memory 60M";

fn same_model(place: &Place, a: &str, b: &str) {
    let (a, b) = (
        place.model(&format!("{a}/model.npz")),
        place.model(&format!("{b}/model.npz")),
    );
    assert!(a.w == b.w && a.h == b.h, "other factors");
    assert_eq!(a.meta["objective"], b.meta["objective"]);
    assert_eq!(a.meta["iterations"], b.meta["iterations"]);
}

/// The same numbers in Fortran order: another matrix of the same shape.
fn fortran(npy: &[u8]) -> Vec<u8> {
    let mut fortran = npy.to_vec();
    let place = npy.windows(5).position(|five| five == b"False");
    let place = place.expect("an array in C order");
    fortran[place..place + 5].copy_from_slice(b"True ");
    fortran
}

fn bytes<const N: usize>(
    values: impl Iterator<Item = f64>,
    encode: impl Fn(f64) -> [u8; N],
) -> Vec<u8> {
    values.flat_map(encode).collect()
}

#[test]
fn every_type_and_order_gives_the_factors_of_memory() {
    let (rows, cols) = (1300, 700);
    let all = || values(rows * cols);
    let files = [
        ("f8", npy_f64(rows, cols, &all().collect::<Vec<_>>())),
        (
            "f4",
            npy(
                "<f4",
                "(1300, 700)",
                &bytes(all(), |x| (x as f32).to_le_bytes()),
            ),
        ),
        (
            "big",
            npy(">f8", "(1300, 700)", &bytes(all(), f64::to_be_bytes)),
        ),
        (
            "u2",
            npy(
                "<u2",
                "(1300, 700)",
                &bytes(all(), |x| ((x * 1e4) as u16).to_le_bytes()),
            ),
        ),
        (
            "i1",
            npy("|i1", "(1300, 700)", &bytes(all(), |x| [(x * 100.0) as u8])),
        ),
    ];
    let place = Place::new();
    let options = "-k 3 --init random --max-iter 4 --tol 0 --solver hals -q";
    for (name, bytes) in files {
        place.file(&format!("{name}.npy"), &bytes);
        let fortran = fortran(&bytes);
        place.file(&format!("{name}-fortran.npy"), fortran);
        for name in [name.to_owned(), format!("{name}-fortran")] {
            place.succeed(&format!("fit {name}.npy -o held-{name} {options}"));
            place.succeed(&format!("fit {name}.npy -o read-{name} {options} {LITTLE}"));
            same_model(&place, &format!("held-{name}"), &format!("read-{name}"));
            let run = place.json(&format!("read-{name}/run.json"));
            assert_eq!(
                run["nonzeros"],
                place.json(&format!("held-{name}/run.json"))["nonzeros"]
            );
        }
    }
    let run = place.json("read-f8/run.json");
    // The first look, four iterations and the last look.
    assert_eq!(run["readings"], 6, "{run}");
    assert_eq!(run["on_disk"], true, "{run}");
    // What auto takes, with its start and its sketch: iterations on that read nothing.
    place.succeed("fit f8.npy -o held -k 3 -q");
    let said = place.succeed(&format!("fit f8.npy -o read -k 3 {LITTLE}"));
    same_model(&place, "held", "read");
    let run = place.json("read/run.json");
    assert_eq!(run["solver"], "sketched");
    let count = |name: &str| run[name].as_u64().unwrap();
    assert!(count("readings") < count("iterations"), "{run}");
    let read = format!("read {} times", count("readings"));
    assert!(said.contains("V on disk") && said.contains(&read), "{said}");
    assert!(place.json("held/run.json").get("readings").is_none());
}

#[test]
fn a_folder_is_read_in_the_natural_order_of_its_names() {
    let place = Place::new();
    let all: Vec<f64> = values(700 * 40).collect();
    place.file("whole.npy", npy_f64(700, 40, &all));
    fs::create_dir(place.path("parts")).unwrap();
    let mut from = 0;
    for (number, rows) in [(1, 100), (2, 1), (9, 299), (10, 0), (11, 300)] {
        let part = &all[from * 40..(from + rows) * 40];
        place.file(&format!("parts/v-{number}.npy"), npy_f64(rows, 40, part));
        from += rows;
    }
    place.file("parts/README", "not a part");
    place.file("parts/.v-3.npy", "hidden");
    place.succeed("fit whole.npy -o held -k 3 --solver cd -q");
    place.succeed("fit parts -o whole -k 3 --solver cd -q");
    place.succeed("fit parts -o read -k 3 --solver cd -q --memory 60M");
    for (folder, on_disk) in [("whole", false), ("read", true)] {
        same_model(&place, "held", folder);
        let run = place.json(&format!("{folder}/run.json"));
        assert_eq!(run["shape"], serde_json::json!([700, 40]));
        assert_eq!(run.get("on_disk").is_some(), on_disk, "{folder}");
    }
    let told = place.succeed("info parts");
    assert!(told.contains("700 × 40"), "{told}");
    place.succeed("rank parts -o rank --ranks 2..3 -q");
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let place = Place::new();
    for folder in ["none", "wide", "typed", "fortran", "negative"] {
        fs::create_dir(place.path(folder)).unwrap();
    }
    let two = npy_f64(2, 2, &[1.0, 2.0, 3.0, 4.0]);
    place
        .file("wide/a.npy", &two)
        .file("wide/b.npy", npy_f64(1, 3, &[1.0, 2.0, 3.0]))
        .file("typed/a.npy", &two)
        .file("typed/b.npy", npy("<u2", "(1, 2)", &[1, 0, 2, 0]))
        .file("negative/a.npy", &two)
        .file("negative/b.npy", npy_f64(2, 2, &[1.0, 2.0, 3.0, -4.0]));
    let fortran = fortran(&two);
    place
        .file("fortran/a.npy", &two)
        .file("fortran/b.npy", fortran);
    place.refused("fit none -k 1 -o out", &["none", "without .npy files"]);
    place.refused(
        "fit wide -k 1 -o out",
        &["wide/b.npy", "3 columns", "wide/a.npy has 2"],
    );
    place.refused(
        "fit typed -k 1 -o out",
        &["typed/b.npy", "uint16", "typed/a.npy", "float64"],
    );
    place.refused(
        "fit fortran -k 1 -o out",
        &["fortran/b.npy", "Fortran", "C order"],
    );
    place.refused(
        "fit negative -k 1 -o out",
        &["negative", "-4", "row 3, column 1"],
    );
}

#[test]
fn a_limit_that_is_too_small_says_what_would_do() {
    let place = Place::new();
    place.file(
        "v.npy",
        npy_f64(1300, 70, &values(1300 * 70).collect::<Vec<_>>()),
    );
    place.refused(
        "fit v.npy -k 3 -o out --memory 5M",
        &["needs --memory", "5M is too little"],
    );
    let output = place.run("fit v.npy -k 3 -o out --memory 5M");
    let text = String::from_utf8(output.stderr).unwrap();
    let least = text
        .split("--memory ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    place.succeed(&format!("fit v.npy -k 3 -o out --memory {least} -q"));
    place.refused(
        "fit v.npy -k 3 -o other --memory 5Q",
        &["5Q", "512M, 2G or 1.5GiB"],
    );
    place.refused("fit v.npy -k 3 -o other --memory 0", &["expected one like"]);
}

/// A fit of 200 MB, within a third of that.
#[cfg(target_os = "linux")]
#[test]
fn the_peak_of_memory_is_below_the_limit() {
    let place = Place::new();
    let (rows, cols) = (20_000, 1250);
    let data: Vec<u8> = bytes(values(rows * cols), f64::to_le_bytes);
    place.file("v.npy", npy("<f8", &format!("({rows}, {cols})"), &data));
    drop(data);
    // Long enough to be looked at while it is at its largest.
    let peak = place.peak("fit v.npy -k 5 -o out --memory 64M --max-iter 6 --tol 0 --threads 2");
    assert!(peak < 64_000_000, "{peak} bytes at the most");
    assert_eq!(place.json("out/run.json")["iterations"], 6);
}

/// One line, and what there is of the fit is kept: it goes on to the same bits once the file is back.
#[test]
fn a_file_that_shrinks_in_the_middle_ends_the_fit_until_it_is_back() {
    let place = Place::new();
    fs::create_dir(place.path("parts")).unwrap();
    for number in 0..3 {
        let rows: Vec<f64> = values(400 * 300).collect();
        place.file(&format!("parts/{number}.npy"), npy_f64(400, 300, &rows));
    }
    let fit = "fit parts -k 3 --init random --solver hals --tol 0 --max-iter 1000 --memory 60M";
    place.succeed(&format!("{fit} -o whole -q"));
    let kept = format!("{fit} -o out --checkpoint kept --resume");
    let part = fs::read(place.path("parts/1.npy")).unwrap();
    for (damage, words) in [("gone", "no such file"), ("cut", "truncated")] {
        let mut child = place
            .command(&format!("{kept} --every 0"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !place.path("kept/fit.checkpoint").exists() {
            assert!(child.try_wait().unwrap().is_none(), "{damage}: ended");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        match damage {
            "gone" => fs::remove_file(place.path("parts/1.npy")).unwrap(),
            _ => {
                place.file("parts/1.npy", &part[..1000]);
            }
        }
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.contains("parts/1.npy") && text.contains(words),
            "{text}"
        );
        assert_eq!(
            text.lines().filter(|line| line.contains("error")).count(),
            1,
            "{text}"
        );
        assert!(!text.contains("panicked"), "{text}");
        assert!(!place.path("out").exists());
        place.file("parts/1.npy", &part);
        assert!(place.path("kept/fit.checkpoint").exists());
        place.succeed(&format!("{kept} --every 1h -q"));
        same_model(&place, "whole", "out");
        assert!(!place.path("kept/fit.checkpoint").exists());
        fs::remove_dir_all(place.path("out")).unwrap();
    }
}
