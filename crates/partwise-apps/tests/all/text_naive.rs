//! Counts and coherence against slow, obvious versions, over more than one block of documents.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;

use crate::common::corpus_of;
use partwise_apps::text::{Analysis, Filters, TermRows, Vocabulary, count, npmi, select};

/// Lines of drawn words, about three blocks of them: few are common, many are rare.
fn lines() -> Vec<String> {
    let mut state = 7_u64;
    let mut draw = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    (0..30_000)
        .map(|_| {
            let words = 5 + (draw() * 30.0) as usize;
            let line: Vec<_> = (0..words)
                .map(|_| format!("w{}", (draw().powi(4) * 5000.0) as u32))
                .collect();
            line.join(" ")
        })
        .collect()
}

fn counted(lines: &[String], threads: usize) -> (TermRows<u32>, Vocabulary) {
    let (_folder, corpus) = corpus_of("lines.txt", lines.join("\n").as_bytes());
    let threads = NonZeroUsize::new(threads);
    let mut counts = count(&corpus, &Analysis::default(), threads).unwrap();
    let vocabulary = select(
        &mut counts.rows,
        counts.terms,
        &Filters::default(),
        "x",
        threads,
    )
    .unwrap();
    (counts.rows, vocabulary)
}

#[test]
fn counts_are_those_of_a_walk_word_by_word_for_any_number_of_threads() {
    let lines = lines();
    assert!(lines.iter().map(String::len).sum::<usize>() > 2_200_000);
    let (rows, vocabulary) = counted(&lines, 1);
    let terms: BTreeMap<&str, i32> = vocabulary.terms.iter().zip(0..).collect();
    assert_eq!(terms.len(), vocabulary.terms.len());
    assert!(vocabulary.terms.to_strings().is_sorted());
    for (row, line) in lines.iter().enumerate() {
        let mut wanted = BTreeMap::new();
        for word in line.split(' ') {
            *wanted.entry(terms[word]).or_insert(0) += 1;
        }
        let (columns, counts) = rows.row(row);
        let found: BTreeMap<_, _> = columns
            .iter()
            .copied()
            .zip(counts.iter().copied())
            .collect();
        assert_eq!(found, wanted, "line {row}");
        assert!(columns.is_sorted());
    }
    for threads in [2, 3] {
        assert!(
            (rows.clone(), vocabulary.clone()) == counted(&lines, threads),
            "{threads}"
        );
    }
}

#[test]
fn coherence_is_that_of_sets_of_documents() {
    let (rows, _) = counted(&lines()[..2000], 2);
    let topics: Vec<Vec<usize>> = (0..4)
        .map(|topic| (0..6).map(|t| topic * 5 + t).collect())
        .collect();
    let holding = |term: usize| -> HashSet<usize> {
        let holds = |row: &usize| rows.row(*row).0.contains(&(term as i32));
        (0..rows.rows()).filter(holds).collect()
    };
    let all = rows.rows() as f64;
    for (topic, found) in topics.iter().zip(npmi(&rows, &topics)) {
        let (mut sum, mut pairs) = (0.0, 0);
        for (index, a) in topic.iter().enumerate() {
            for b in &topic[index + 1..] {
                let (a, b) = (holding(*a), holding(*b));
                let both = a.intersection(&b).count() as f64 / all;
                let apart = a.len() as f64 / all * b.len() as f64 / all;
                sum += if both == 0.0 {
                    -1.0
                } else {
                    (both / apart).ln() / -both.ln()
                };
                pairs += 1;
            }
        }
        let wanted = sum / f64::from(pairs);
        assert!(
            (found.unwrap() - wanted).abs() < 1e-12,
            "{found:?} instead of {wanted}"
        );
    }
}

#[test]
fn beginnings_are_read_again_from_any_block() {
    let lines = lines();
    let (_folder, corpus) = corpus_of("lines.txt", lines.join("\r\n\r\n").as_bytes());
    let wanted = [0, 7, 9_999, 29_999];
    let found = corpus.openings(&wanted, 10_000).unwrap();
    let lines: Vec<_> = wanted.iter().map(|place| lines[*place].clone()).collect();
    assert_eq!(found, lines);
    let error = corpus.openings(&[30_000], 10).unwrap_err().to_string();
    assert!(error.contains("fewer documents"), "{error}");
}
