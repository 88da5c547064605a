//! How often each method finds a planted rank: the figures of `docs/rank.md`.
//!
//! `cargo run --release -p partwise --example rank -- 10 > curves.csv` takes ten seeds a case; the curves go to stdout and
//! the table to stderr. `-- matrix > counts.csv` writes the counts of its picture.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to its reader"
)]

use std::collections::BTreeMap;

use partwise::{Matrix, Nmf, RankMethod, RankSurvey};
use planted::{Noise, around, planted};

#[path = "../tests/all/common/planted.rs"]
mod planted;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|word| word == "matrix") {
        let counts = planted(60, 40, 5, Noise::Poisson(10.0), 0);
        for i in 0..counts.rows() {
            let row: Vec<String> = counts.row(i).iter().map(f64::to_string).collect();
            println!("{}", row.join(","));
        }
        return Ok(());
    }
    let seeds: u64 = arguments.next().map_or(Ok(10), |count| count.parse())?;
    let planted_ranks: Vec<usize> = match arguments.next() {
        Some(ranks) => ranks.split(',').map(str::parse).collect::<Result<_, _>>()?,
        None => vec![3, 5, 8, 12, 20],
    };
    let mut hits: BTreeMap<(String, &str), (usize, usize, usize)> = BTreeMap::new();
    println!("noise,planted,seed,method,rank,value,repeats");
    for &rank in &planted_ranks {
        for noise in Noise::ALL {
            for seed in 0..seeds {
                let v = planted(60, 40, rank, noise, seed);
                let survey = RankSurvey::new(around(rank)).nmf(Nmf::new(1).loss(noise.loss()));
                let survey = survey.run(&Matrix::from(&v), &mut ())?;
                for criterion in &survey.criteria {
                    let method = criterion.method.name();
                    for point in &criterion.points {
                        let repeats: Vec<String> =
                            point.repeats.iter().map(f64::to_string).collect();
                        let repeats = repeats.join(" ");
                        println!(
                            "{noise:?},{rank},{seed},{method},{},{},{repeats}",
                            point.rank, point.value
                        );
                    }
                    let found = criterion.proposal.as_ref().map(|proposal| proposal.rank);
                    let cell = hits.entry((format!("{noise:?}"), method)).or_default();
                    cell.0 += usize::from(found == Some(rank));
                    cell.1 += usize::from(found.is_some_and(|found| found.abs_diff(rank) <= 1));
                    cell.2 += 1;
                }
                eprintln!(
                    "rank {rank}, {noise:?}, seed {seed}: {:.1} s",
                    survey.seconds
                );
            }
        }
    }
    for method in RankMethod::all() {
        for noise in Noise::ALL {
            let (exact, near, all) = hits[&(format!("{noise:?}"), method.name())];
            eprintln!(
                "{:11} {noise:?}: {exact} exact, {near} within one, of {all}",
                method.name()
            );
        }
    }
    Ok(())
}
