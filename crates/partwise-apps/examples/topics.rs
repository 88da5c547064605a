//! Topics of a corpus: documents become counts of terms, the factors become topics.
//!
//! `cargo run --release -p partwise-apps --example topics -- corpus.jsonl`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use partwise::{Matrix, Nmf};
use partwise_apps::text::{
    Analysis, Bound, COHERENCE_TERMS, Corpus, Fields, Filters, Language, Topics, Weighting,
    by_share, count, name, npmi, select,
};

const TOPICS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let ours = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/descriptions.jsonl.gz"
    );
    let path = std::env::args().nth(1).unwrap_or_else(|| ours.to_owned());
    let corpus = Corpus::open(path.as_ref(), None, Fields::default())?;
    let english = Language::to_stop("english")?
        .stop_words()
        .unwrap_or_default();
    let analysis = Analysis {
        stop_words: english.iter().map(|word| (*word).to_owned()).collect(),
        ..Analysis::default()
    };
    let mut counts = count(&corpus, &analysis, None)?;
    let filters = Filters {
        min_df: Bound::Documents(5),
        max_df: Bound::Share(0.3),
        ..Filters::default()
    };
    let kept = select(&mut counts.rows, counts.terms, &filters, &path, None)?;
    let v = Weighting::default().apply::<_, f64>(
        counts.rows,
        &kept.frequencies,
        kept.documents,
        None,
    )?;
    println!(
        "{path}: {} documents, {} terms",
        kept.documents,
        kept.terms.len()
    );

    let matrix = Matrix::csr(v.rows(), v.cols, &v.offsets, &v.indices, &v.values)?;
    let fit = Nmf::new(TOPICS).fit(&matrix)?;
    let topics = Topics::new(fit.w.as_slice(), fit.h.as_slice(), TOPICS);
    let sizes = topics.sizes();
    let strongest = |topic| topics.terms(topic, COHERENCE_TERMS);
    let ids = |topic| strongest(topic).into_iter().map(|(term, _)| term).collect();
    let coherence = npmi(&v, &(0..TOPICS).map(ids).collect::<Vec<_>>());
    for topic in by_share(&sizes) {
        println!(
            "{:4.1} %  coherence {:5.2}  {}",
            100.0 * sizes.shares[topic],
            coherence[topic].unwrap_or(f64::NAN),
            name(&strongest(topic), &kept.terms, 6)
        );
    }
    let whole: f64 = sizes.shares.iter().sum();
    assert!((whole - 1.0).abs() < 1e-9, "shares are of the whole");
    let together = coherence.iter().flatten().filter(|npmi| **npmi > 0.0);
    assert!(
        together.count() > TOPICS / 2,
        "the terms of a topic come together"
    );
    Ok(())
}
