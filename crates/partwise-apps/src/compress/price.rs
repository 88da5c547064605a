//! What codes will cost in bits, learned from the codes of the last sweep.
//!
//! The coder's own models learn as they go and see more; to choose between two codes it is enough to know how often a
//! component's codes have so many digits where their neighbours are zero, small or large.

use super::numbers::{MOST_DIGITS, digits};

/// Neighbourhoods that are told apart.
const CLASSES: usize = 4;
const LENGTHS: usize = MOST_DIGITS + 1;
/// Codes of each length that are believed in before any is seen.
const DOUBT: f32 = 0.4;

/// Bits a code of each component, in each neighbourhood.
#[derive(Debug)]
pub(super) struct Prices {
    bits: Vec<f32>,
    counts: Vec<u32>,
}

/// The neighbourhood of a component's code, by the rows of codes left and above; empty rows are none.
pub(super) fn class(neighbours: [&[i32]; 2], component: usize) -> usize {
    let magnitude = |row: &[i32]| row.get(component).map_or(0, |code| code.unsigned_abs());
    match neighbours.map(magnitude).iter().sum() {
        0 => 0,
        1 => 1,
        2 | 3 => 2,
        _ => 3,
    }
}

impl Prices {
    /// Prices that know nothing yet.
    pub(super) fn new(components: usize) -> Self {
        let counts = vec![0; components * CLASSES * LENGTHS];
        let mut prices = Self {
            bits: vec![0.0; counts.len()],
            counts,
        };
        prices.learn();
        prices
    }

    /// Notes that a code was taken.
    pub(super) fn note(&mut self, component: usize, class: usize, code: i32) {
        let length = digits(code.unsigned_abs());
        self.counts[(component * CLASSES + class) * LENGTHS + length] += 1;
    }

    /// Takes the prices from the codes noted since the last time.
    pub(super) fn learn(&mut self) {
        let rows = self.counts.chunks_exact_mut(LENGTHS);
        for (counts, bits) in rows.zip(self.bits.chunks_exact_mut(LENGTHS)) {
            let total: f32 = counts.iter().map(|&count| count as f32).sum();
            for (length, (bits, count)) in bits.iter_mut().zip(counts.iter_mut()).enumerate() {
                // Longer codes are believed in less.
                let doubt = DOUBT / (1 << length) as f32;
                let share = (*count as f32 + doubt) / (total + 2.0 * DOUBT);
                // The sign, and the digits below the first.
                *bits = length as f32 - share.log2();
                *count = 0;
            }
        }
    }

    /// What a code costs.
    pub(super) fn of(&self, component: usize, class: usize, code: i32) -> f32 {
        let length = digits(code.unsigned_abs());
        self.bits[(component * CLASSES + class) * LENGTHS + length]
    }
}
