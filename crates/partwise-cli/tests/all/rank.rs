//! `rank` on small matrices.

use crate::common::{Place, npy_f64, three_kinds};

#[test]
fn a_survey_writes_its_figures_and_the_model_of_the_rank_it_chooses() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    let table = place.succeed("rank v.npy --ranks 5,1..4 --starts 4 -o out");
    assert!(table.contains("rank by cv"), "{table}");
    assert!(table.contains("a weak guide"), "{table}");
    for name in ["rank.png", "consensus.png", "convergence.png"] {
        let picture = image::open(place.path(&format!("out/{name}"))).unwrap();
        assert!(picture.width() > 400 && picture.height() > 300, "{name}");
    }
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("Which rank?") && page.len() < 5_000_000);
    let run = place.json("out/run.json");
    let chosen = run["rank"].as_u64().unwrap();
    let survey = &run["survey"];
    assert_eq!(survey["ranks"], serde_json::json!([1, 2, 3, 4, 5]));
    assert_eq!(survey["decided_by"], "cv");
    assert!(
        survey["reason"]
            .as_str()
            .unwrap()
            .starts_with(&format!("Rank {chosen} by cv"))
    );
    assert_eq!(
        place.model("out/model.npz").h.shape(),
        (chosen as usize, 15)
    );
    let text = std::fs::read_to_string(place.path("out/survey.csv")).unwrap();
    for method in partwise::RankMethod::all() {
        let name = method.name();
        let criteria = survey["criteria"].as_array().unwrap();
        let criterion = criteria.iter().find(|one| one["method"] == name).unwrap();
        let all = text.lines().filter(|line| {
            line.starts_with(&format!("{name},")) && line.split(',').nth(3) == Some("all")
        });
        assert_eq!(
            all.count(),
            criterion["points"].as_array().unwrap().len(),
            "{name}"
        );
        let repeats = text
            .lines()
            .filter(|line| line.starts_with(&format!("{name},")))
            .count();
        assert!(repeats >= 3, "{name}");
    }
    assert!(text.starts_with("method,measure,rank,repeat,value,standard_error,proposed\n"));
    assert!(text.lines().all(|line| line.split(',').count() == 7));
}

#[test]
fn methods_are_chosen_and_the_first_decides() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    let json = place.succeed("rank v.npy --ranks 2..3 --methods bcv,bic -o out --json");
    let run: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(run["survey"]["methods"], serde_json::json!(["bcv", "bic"]));
    assert_eq!(run["survey"]["decided_by"], "bcv");
    let help = place.succeed("rank --help");
    for method in partwise::RankMethod::all() {
        assert!(
            help.contains(&format!("- {}:", method.name())),
            "no {method}"
        );
    }
}

#[test]
fn bad_ranks_and_methods_are_refused() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    place.file("row.txt", "1 2 3 4\n");
    for (arguments, words) in [
        ("--ranks 0..3", "ranks = 0: expected ranks of at least 1"),
        ("--ranks 5..2", "the range 5..2 is empty"),
        ("--ranks 2..x", "'x' is no rank"),
        ("--ranks 2..16", "ranks = 16: expected ranks of at most 15"),
        (
            "--ranks 2 --methods nonsense",
            "method = nonsense: expected one of cv, bcv",
        ),
        (
            "--ranks 2 --methods cv,cv",
            "methods = cv: expected each method once",
        ),
        (
            "--ranks 2 --loss 0.5 --methods bic",
            "has no figure for the loss beta=0.5",
        ),
        ("--ranks 2 --folds 16", "folds = 16: expected at most 15"),
        ("--ranks 2 --starts 1", "starts = 1: expected at least 2"),
        ("--ranks 2 -k 2", "-k belongs to a fit of one rank"),
        ("--ranks 2 --hold w", "--hold belongs to one fit"),
        ("--ranks 2 --init spa", "--init belongs to one fit"),
        ("--ranks 2 --n-init 3", "--n-init belongs to one fit"),
        ("", "--ranks"),
    ] {
        place.refused(&format!("rank v.npy -o out {arguments}"), &[words]);
    }
    place.refused(
        "rank row.txt --ranks 1 -o out",
        &["folds = 5: expected at most 1"],
    );
    place.refused(
        "rank row.txt --ranks 1 --methods bcv -o out",
        &["at least 3 rows and 3 columns"],
    );
    place.file("negative.txt", "1 2 3\n4 -5 6\n7 8 9\n");
    place.refused(
        "rank negative.txt --ranks 1 --folds 3 -o out",
        &["negative.txt", "-5", "row 1, column 1"],
    );
}

/// A kill, the same command again, and the figures of a survey that was never killed; and no other command takes what is kept.
#[test]
fn a_survey_that_is_killed_goes_on() {
    let place = Place::new();
    let values: Vec<f64> = (0..30 * 20).map(|i| f64::from(i * 7919 % 1009)).collect();
    place.file("v.npy", npy_f64(30, 20, &values));
    let survey = |output: &str| format!("rank v.npy --ranks 1..4 --methods bcv,elbow -o {output}");
    place.succeed(&survey("whole"));
    let mut child = place.command(&survey("out")).spawn().unwrap();
    let kept = place.path("out/survey.part");
    // The head and some fits.
    while std::fs::metadata(&kept).map_or(0, |file| file.len()) < 2000 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "done before it was killed"
        );
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(kept.exists() && !place.path("out/survey.csv").exists());
    place.refused(
        "rank v.npy --ranks 1..3 --methods bcv,elbow -o out",
        &[
            "out/survey.part",
            "remove it",
            "[1, 2, 3, 4], and this one has [1, 2, 3]",
        ],
    );
    let output = place.command(&survey("out")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("going on from"),
        "{said}"
    );
    let figures =
        |folder: &str| std::fs::read(place.path(&format!("{folder}/survey.csv"))).unwrap();
    assert_eq!(figures("out"), figures("whole"));
    assert_eq!(
        place.model("out/model.npz").h,
        place.model("whole/model.npz").h
    );
    assert!(!kept.exists());
}

#[test]
fn a_survey_that_chooses_no_rank_leaves_its_figures() {
    let place = Place::new();
    place.file("v.npy", three_kinds());
    let table = place.succeed("rank v.npy --ranks 2..3 --methods elbow -o out");
    assert!(table.contains("survey.csv"), "{table}");
    let run = place.json("out/run.json");
    assert_eq!(run["survey"]["complete"], true);
    assert_eq!(run["survey"]["decided_by"], serde_json::Value::Null);
    assert!(!place.path("out/model.npz").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_ranks_that_are_done() {
    let place = Place::new();
    let values: Vec<f64> = (0..60 * 40).map(|i| f64::from(i * 7919 % 1009)).collect();
    place.file("v.npy", npy_f64(60, 40, &values));
    for seconds in [2, 4, 8, 16, 32] {
        let arguments = "rank v.npy --ranks 1..40 --methods elbow --starts 2000 -o out --json -q";
        let child = place
            .command(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{complaint}");
        if place.path("out/survey.csv").is_file() {
            assert!(place.path("out/rank.png").is_file());
            assert!(!place.path("out/model.npz").exists());
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(told["survey"]["complete"], false);
            return;
        }
    }
    panic!("no rank was done within 32 seconds");
}
