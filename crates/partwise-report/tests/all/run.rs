//! run.json: written, read back, refused, drawn.

use partwise_report::{ReportError, Run, TracePoint, convergence};
use serde_json::{Map, Value, json};

fn run() -> Run {
    Run {
        batches: false,
        version: "0.1.0".to_owned(),
        command: ["partwise", "image", "photo.png", "-k", "20"]
            .map(str::to_owned)
            .to_vec(),
        parameters: [
            ("rank".to_owned(), json!(20)),
            ("tolerance".to_owned(), json!(1e-4)),
            ("seed".to_owned(), Value::Null),
        ]
        .into(),
        shape: [512, 768],
        nonzeros: 393_000,
        rank: 20,
        loss: "squared".to_owned(),
        solver: "auto".to_owned(),
        objective: 0.1 + 0.2,
        relative_error: Some(0.0812),
        iterations: 3,
        converged: true,
        stop_reason: "the residual fell below 0.0001".to_owned(),
        seconds: 2.314,
        trace: (0..4)
            .map(|iteration| TracePoint {
                iteration,
                seconds: iteration as f64 * 0.7,
                objective: 10_f64.powi(2 - iteration as i32),
                residual: (iteration > 0).then(|| 10_f64.powi(-(iteration as i32))),
                sketched: false,
            })
            .collect(),
        extra: Map::new(),
    }
}

#[test]
fn a_run_is_read_back_as_it_was() {
    let mut run = run();
    run.set_figure("psnr_db", f64::INFINITY).unwrap();
    run.set_figure("ssim", 0.71).unwrap();
    run.extra
        .insert("picture".to_owned(), json!({"colour": true}));
    let text = run.to_json().unwrap();
    let again = Run::from_json(&text).unwrap();
    assert_eq!(again, run);
    assert_eq!(again.figure("psnr_db"), Some(f64::INFINITY));
    assert_eq!(again.figure("ssim"), Some(0.71));
    assert_eq!(again.figure("picture"), None);
    assert_eq!(again.figure("missing"), None);
}

#[test]
fn the_file_is_flat_and_named_as_documented() {
    let mut run = run();
    run.set_figure("ssim", 0.71).unwrap();
    let value: Value = serde_json::from_str(&run.to_json().unwrap()).unwrap();
    assert_eq!(value["shape"], json!([512, 768]));
    assert_eq!(value["ssim"], json!(0.71));
    assert_eq!(value["parameters"]["rank"], json!(20));
    assert_eq!(
        value["trace"][0],
        json!({"iteration": 0, "seconds": 0.0, "objective": 100.0, "residual": null, "sketched": false})
    );
    assert!(value.get("extra").is_none());
}

#[test]
fn numbers_that_json_cannot_hold_are_refused_by_name() {
    let mut odd = run();
    odd.trace[2].objective = f64::NAN;
    let message = odd.to_json().unwrap_err().to_string();
    assert_eq!(
        message,
        "the run's trace[2].objective is NaN; it must be a finite number"
    );
    let mut odd = run();
    odd.relative_error = Some(f64::INFINITY);
    assert!(matches!(
        odd.to_json(),
        Err(ReportError::NotFinite { field, .. }) if field == "relative_error"
    ));
    assert!(run().set_figure("psnr_db", f64::NAN).is_err());
    assert!(run().set_figure("psnr_db", f64::NEG_INFINITY).is_err());
}

#[test]
fn extra_fields_cannot_shadow_fixed_ones() {
    for name in ["rank", "trace", "relative_error"] {
        let mut shadowed = run();
        shadowed.extra.insert(name.to_owned(), json!(1));
        assert!(matches!(
            shadowed.to_json(),
            Err(ReportError::ReservedName { name: found }) if found == name
        ));
    }
}

#[test]
fn what_is_no_run_is_refused_with_the_field() {
    let mut value: Value = serde_json::from_str(&run().to_json().unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("objective");
    let error = Run::from_json(&value.to_string()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("objective"), "{cause}");
    assert!(Run::from_json("").is_err());
    assert!(Run::from_json("[]").is_err());
}

#[test]
fn convergence_shows_the_course_and_how_it_ended() {
    let figure = convergence(&run());
    for words in [
        "Convergence at rank 20",
        "512 × 768 matrix",
        "3 iterations in 2.31\u{a0}s",
        ">objective<",
        ">KKT residual<",
        ">iteration<",
    ] {
        assert!(figure.svg().contains(words), "{words:?} is missing");
    }
    // One curve a panel, every point marked: four objectives and three residuals.
    assert_eq!(figure.svg().matches("<polyline").count(), 2);
    assert_eq!(figure.svg().matches("<circle").count(), 7);
    assert!(figure.to_png().unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn runs_without_a_course_or_a_residual_are_drawn() {
    let mut short = run();
    short.trace.clear();
    let empty = convergence(&short);
    assert!(!empty.svg().contains("<polyline"));
    assert!(!empty.svg().contains("residual<"));
    short.trace = vec![TracePoint {
        iteration: 0,
        seconds: 0.0,
        objective: 0.0,
        residual: None,
        sketched: false,
    }];
    let single = convergence(&short);
    assert_eq!(single.svg().matches("<circle").count(), 1);
    assert!(!single.svg().contains("NaN"));
}

#[test]
fn the_course_of_a_stream_is_one_of_batches() {
    let mut run = run();
    assert!(!run.to_json().unwrap().contains("batches"));
    run.batches = true;
    let drawn = convergence(&run);
    for words in [">cost of a row<", ">batch<", "3 batches in"] {
        assert!(drawn.svg().contains(words), "{words:?} is missing");
    }
    assert!(!drawn.svg().contains("iteration"));
    assert!(Run::from_json(&run.to_json().unwrap()).unwrap().batches);
}

#[test]
fn a_stretch_on_a_sketch_is_told_apart() {
    let mut run = run();
    assert!(!convergence(&run).svg().contains("sketch"));
    run.trace[1].sketched = true;
    run.trace[2].sketched = true;
    let drawn = convergence(&run);
    assert!(drawn.svg().contains("estimate on a sketch of the data"));
}
