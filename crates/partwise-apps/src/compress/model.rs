//! What the next bit is likely to be, learned from the bits before it.
//!
//! Several contexts each keep a probability. Their logits are added with weights that are learned too (logistic mixing,
//! Mahoney 2005), so that a context which says little costs little. Everything is whole numbers, so that every machine
//! comes to the same probabilities.

use super::bits::Bits;
use super::damage::Damage;

/// The logistic function at −8, −7.5, … 8, times 65536.
const SQUASHED: [i32; 33] = [
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4972, 7812, 11947, 17625, 24743, 32768,
    40793, 47911, 53589, 57724, 60564, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438,
    65476, 65500, 65514,
];
/// Logits are whole numbers of 1/256 and end here.
const LARGEST_LOGIT: i32 = 2047;
/// A weight of one.
const UNIT: i32 = 1 << 16;
/// How fast weights follow an error.
const LEARNING: i32 = 10;
/// A context's probability follows the mean of its bits until it has seen this many, then forgets the oldest.
const MEMORY: u8 = 200;
/// Sets of weights: by how much the first context has seen.
const SETS: usize = 6;
/// Probabilities keep away from 0 and 65536 by this much.
const MARGIN: i32 = 24;

/// 65536 / (1 + exp(−logit/256)) of a logit within the largest, between known values along straight lines.
const fn squash(logit: i32) -> i32 {
    let logit = logit + 2048;
    let (place, rest) = ((logit >> 7) as usize, logit & 127);
    (SQUASHED[place] * (128 - rest) + SQUASHED[place + 1] * rest) >> 7
}

/// The logit of every probability, in steps of 16: the first that is squashed to it or beyond.
static LOGITS: [i16; 4096] = {
    let mut table = [LARGEST_LOGIT as i16; 4096];
    let (mut at, mut logit) = (0, -LARGEST_LOGIT);
    while at < table.len() - 1 && logit <= LARGEST_LOGIT {
        if (squash(logit) >> 4) as usize >= at {
            table[at] = logit as i16;
            at += 1;
        } else {
            logit += 1;
        }
    }
    table
};

fn logit_of(probability: u16) -> i32 {
    LOGITS[usize::from(probability >> 4)].into()
}

/// One context's probability of a set bit and how many bits it has seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    one: u16,
    count: u8,
}

impl Seen {
    const NOTHING: Self = Self {
        one: 1 << 15,
        count: 0,
    };

    fn learn(&mut self, bit: bool) {
        let target = if bit { 65535 } else { 0 };
        let distance = target - i32::from(self.one);
        // The first bit moves it by 2/3, as a mean with half a bit of doubt does.
        self.one = (i32::from(self.one) + 2 * distance / (2 * i32::from(self.count) + 3)) as u16;
        self.count = (self.count + 1).min(MEMORY);
    }
}

/// Decisions of one kind, with `N` contexts each.
#[derive(Debug)]
pub(super) struct Decisions<const N: usize> {
    seen: [Vec<Seen>; N],
    weights: [[i32; N]; SETS],
}

impl<const N: usize> Decisions<N> {
    /// Decisions whose context i takes values below `sizes[i]`.
    pub(super) fn new(sizes: [usize; N]) -> Self {
        Self {
            seen: sizes.map(|size| vec![Seen::NOTHING; size]),
            weights: [[UNIT * 4 / (3 * N as i32 + 1); N]; SETS],
        }
    }

    /// Codes a bit in these contexts, and learns it.
    pub(super) fn code<B: Bits>(
        &mut self,
        bits: &mut B,
        bit: bool,
        contexts: [usize; N],
    ) -> Result<bool, Damage> {
        let logits: [i32; N] = std::array::from_fn(|i| logit_of(self.seen[i][contexts[i]].one));
        let count = self.seen[0][contexts[0]].count;
        let set = (8 - count.leading_zeros() as usize).min(SETS - 1);
        let weights = &mut self.weights[set];
        let sum: i64 = (0..N)
            .map(|i| i64::from(logits[i]) * i64::from(weights[i]))
            .sum();
        let logit = (sum >> 16).clamp(-i64::from(LARGEST_LOGIT), i64::from(LARGEST_LOGIT));
        let one = squash(logit as i32).clamp(MARGIN, 65536 - MARGIN);
        let bit = bits.bit(bit, one as u32)?;

        let error = ((i32::from(bit) << 16) - one) >> 4;
        for (weight, logit) in weights.iter_mut().zip(logits) {
            let step = (logit * error * LEARNING + (1 << 13)) >> 14;
            *weight = (*weight + step).clamp(-(UNIT << 3), UNIT << 3);
        }
        for (seen, context) in self.seen.iter_mut().zip(contexts) {
            seen[context].learn(bit);
        }
        Ok(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::bits::{Reader, Writer};

    #[test]
    fn logits_are_the_inverse_of_probabilities() {
        for probability in (300..65_200_u16).step_by(97) {
            let back = squash(logit_of(probability));
            assert!(
                (back - i32::from(probability)).abs() < 200,
                "{probability}: {back}"
            );
        }
        assert_eq!(squash(0), 32768);
    }

    #[test]
    fn bits_that_follow_a_context_cost_almost_nothing() {
        let mut model = Decisions::new([2, 1]);
        let mut writer = Writer::default();
        let bits: Vec<usize> = (0..20_000_usize).map(|i| (i * i / 7) & 1).collect();
        for &bit in &bits {
            model.code(&mut writer, bit == 1, [bit, 0]).unwrap();
        }
        let bytes = writer.finish();
        assert!(bytes.len() < 40, "{}", bytes.len());
        let mut model = Decisions::new([2, 1]);
        let mut reader = Reader::new(&bytes);
        for &bit in &bits {
            assert_eq!(model.code(&mut reader, false, [bit, 0]).unwrap(), bit == 1);
        }
    }
}
