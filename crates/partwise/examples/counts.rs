//! Topics of word counts: a sparse matrix and the Kullback-Leibler divergence, which is the loss of counts.
//!
//! `cargo run --release -p partwise --example counts`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use partwise::{Loss, Matrix, Nmf};

const WORDS: [&str; 9] = [
    "river", "bank", "water", "loan", "money", "interest", "violin", "string", "concert",
];
/// How often each word comes in a text of each topic; a bank may be that of a river.
const TOPICS: [[usize; 9]; 3] = [
    [6, 3, 5, 0, 0, 0, 0, 0, 0],
    [0, 4, 0, 5, 6, 3, 0, 0, 0],
    [0, 0, 0, 0, 0, 1, 5, 4, 5],
];

fn main() -> Result<(), partwise::Error> {
    // Rows compressed: where each begins, and the column and the value of each entry that is not zero.
    let (mut offsets, mut indices, mut values) = (vec![0i64], Vec::new(), Vec::new());
    for text in 0..90 {
        for (word, &often) in TOPICS[text % 3].iter().enumerate() {
            // Texts are never the same twice.
            let count = often * (1 + text * 7 % 3) / 2 + (text + word) % 3 * usize::from(often > 0);
            if count > 0 {
                indices.push(word as i32);
                values.push(count as f64);
            }
        }
        offsets.push(values.len() as i64);
    }
    let v = Matrix::csr(90, WORDS.len(), &offsets[..], &indices[..], &values)?;
    let model = Nmf::new(3).loss(Loss::KULLBACK_LEIBLER).fit(&v)?;

    for t in 0..3 {
        let mut order: Vec<usize> = (0..WORDS.len()).collect();
        order.sort_by(|&a, &b| model.h.get(t, b).total_cmp(&model.h.get(t, a)));
        let top: Vec<&str> = order.iter().take(3).map(|&word| WORDS[word]).collect();
        println!("topic {t}: {}", top.join(", "));
    }
    let topic =
        |text: usize| (0..3).max_by(|&a, &b| model.w.get(text, a).total_cmp(&model.w.get(text, b)));
    let right = (3..90)
        .filter(|&text| topic(text) == topic(text % 3))
        .count();
    println!("{right} of 87 texts are with the first one of their topic");
    assert_eq!(right, 87, "the topics share two words at most");
    Ok(())
}
