//! The matrix of a corpus is that of scikit-learn (the file is made by scripts/make_text_fixtures.py).

use std::num::NonZeroUsize;

use crate::common::corpus_of;
use partwise_apps::text::{Analysis, Bound, Filters, Weighting, count, select};
use serde_json::{Value, json};

/// What the rounding of a few operations may differ by.
const TOLERANCE: f64 = 1e-12;

fn bound(setting: &Value, usual: Bound) -> Bound {
    match setting {
        Value::Null => usual,
        Value::Number(number) => match number.as_u64() {
            Some(count) => Bound::Documents(count),
            None => Bound::Share(number.as_f64().unwrap()),
        },
        other => panic!("{other} is no bound"),
    }
}

#[test]
fn the_matrix_is_that_of_scikit_learn() {
    let expected: Value =
        serde_json::from_str(include_str!("../fixtures/text/tfidf.json")).unwrap();
    let documents: Vec<&str> = (expected["documents"].as_array().unwrap().iter())
        .map(|text| text.as_str().unwrap())
        .collect();
    let lines: String = documents
        .iter()
        .map(|text| format!("{}\n", json!({ "text": text })))
        .collect();
    let (_folder, corpus) = corpus_of("sample.jsonl", lines.as_bytes());
    let cases = expected["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let setting = &case["setting"];
        let list = |value: &Value| -> Vec<String> {
            let words = value.as_array().into_iter().flatten();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        let length = |index: usize| setting["ngram_range"][index].as_u64().unwrap_or(1) as usize;
        let analysis = Analysis {
            stop_words: list(&setting["stop_words"]),
            ngrams: (length(0), length(1)),
            ..Analysis::default()
        };
        let filters = Filters {
            min_df: bound(&setting["min_df"], Bound::Documents(1)),
            max_df: bound(&setting["max_df"], Bound::Share(1.0)),
            max_features: (setting["max_features"].as_u64())
                .and_then(|most| NonZeroUsize::new(most as usize)),
        };
        let weighting = Weighting {
            tfidf: setting["counts"].is_null(),
            sublinear: setting["sublinear_tf"] == true,
            binary: setting["binary"] == true,
        };
        let mut counts = count(&corpus, &analysis, None).unwrap();
        let vocabulary = select(&mut counts.rows, counts.terms, &filters, "x", None).unwrap();
        let (frequencies, all) = (&vocabulary.frequencies, vocabulary.documents);
        let found = weighting
            .apply::<_, f64>(counts.rows, frequencies, all, None)
            .unwrap();
        assert_eq!(
            vocabulary.terms.to_strings(),
            list(&case["terms"]),
            "{setting}"
        );
        assert_eq!(json!(found.offsets), case["offsets"], "{setting}");
        assert_eq!(json!(found.indices), case["columns"], "{setting}");
        let wanted = case["values"].as_array().unwrap();
        assert_eq!(found.values.len(), wanted.len());
        for (found, wanted) in found.values.iter().zip(wanted) {
            let wanted = wanted.as_f64().unwrap();
            assert!(
                (found - wanted).abs() <= TOLERANCE,
                "{setting}: {found} {wanted}"
            );
        }
    }
}
