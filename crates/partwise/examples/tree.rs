//! A tree of topics: documents are split in two by a factorisation with two components, again and again.
//!
//! Run with `cargo run --release -p partwise --example tree`.
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Matrix, NmfTree, Tree};

/// Words, and the documents that are made of each line.
const TOPICS: [&[&str]; 4] = [
    &["match", "team", "goal", "league", "striker"],
    &["match", "team", "serve", "court", "racket"],
    &["recipe", "oven", "flour", "dough", "bread"],
    &["recipe", "oven", "roast", "sauce", "lamb"],
];
const DOCUMENTS: usize = 80;

fn main() -> Result<(), partwise::Error> {
    let mut words: Vec<&str> = TOPICS.concat();
    words.sort_unstable();
    words.dedup();
    let mut values = Vec::new();
    for document in 0..DOCUMENTS {
        let topic = TOPICS[document % TOPICS.len()];
        for (j, word) in words.iter().enumerate() {
            let count = (document * 31 + j * 17) % 4;
            values.push(if topic.contains(word) {
                count as f64
            } else {
                0.0
            });
        }
    }
    let v = Matrix::row_major(&values, DOCUMENTS, words.len())?;
    let grown = NmfTree::new(4).run(&v, &mut ())?;
    if let Some(model) = grown {
        show(&model.tree, 0, 0, &words);
        println!("document 0 is in leaf {:?}", model.labels[0]);
        let labels = &model.labels;
        let topics: std::collections::HashSet<_> = labels[..TOPICS.len()].iter().collect();
        assert_eq!(topics.len(), TOPICS.len(), "each topic has a leaf");
        assert!((0..DOCUMENTS).all(|i| labels[i] == labels[i % TOPICS.len()]));
    }
    Ok(())
}

/// Prints a node and all below it: its documents, and the words that stand for it.
fn show(tree: &Tree<f64>, node: usize, depth: usize, words: &[&str]) {
    let component = tree.components.row(node);
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by(|&a, &b| component[b].total_cmp(&component[a]));
    let top: Vec<&str> = order.iter().take(4).map(|&j| words[j]).collect();
    let rows = tree.nodes[node].rows;
    println!(
        "{}{rows} documents: {}",
        "    ".repeat(depth),
        top.join(", ")
    );
    for child in tree.nodes[node].children.into_iter().flatten() {
        show(tree, child, depth + 1, words);
    }
}
