//! Documents: JSON lines, tables and plain lines, counted and read again.

#![no_main]

use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use partwise_apps::text::{Analysis, Corpus, CorpusFormat, Fields, count};
use partwise_fuzz::{checked, file, split};

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let format = match choice[0] & 3 {
        1 => CorpusFormat::Csv,
        2 => CorpusFormat::Tsv,
        3 => CorpusFormat::Lines,
        _ => CorpusFormat::JsonLines,
    };
    let fields = Fields {
        label: (choice[0] & 4 != 0 && format.has_fields()).then(|| "label".to_owned()),
        ..Fields::default()
    };
    let path = file("texts", bytes);
    let Some(corpus) = checked(Corpus::open(&path, Some(format), fields)) else {
        return;
    };
    let analysis = Analysis {
        ngrams: (1, 1 + usize::from(choice[0] >> 3 & 1)),
        stem: (choice[0] & 16 != 0).then(|| "english".to_owned()),
        ..Analysis::default()
    };
    let Some(counts) = checked(count(&corpus, &analysis, Some(NonZeroUsize::MIN))) else {
        return;
    };
    let documents = counts.ids.len();
    assert!(documents > 0);
    let openings = checked(corpus.openings(&[0, documents - 1][..documents.min(2)], 20));
    let openings = openings.expect("it was read before");
    assert_eq!(openings.len(), documents.min(2));
    assert!(openings.iter().all(|opening| !opening.contains('\n')));
});
