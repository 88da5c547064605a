//! Whole numbers as bits: how many binary digits one has, its sign, and the digits below the first.

use super::bits::Bits;
use super::damage::Damage;
use super::model::Decisions;

/// No number that is coded has more binary digits, so that all sums of them stay within 32 bits.
pub(super) const MOST_DIGITS: usize = 22;
/// No number that is coded is larger.
pub(super) const LARGEST: i32 = (1 << MOST_DIGITS) - 1;
/// Digits below the first that are learned; those below are as good as random.
const LEARNED: usize = 2;
/// Levels that [`level`] gives.
pub(super) const LEVELS: usize = 16;

/// A coarse logarithm of a magnitude: 0, 1, 2, 3, 4-5, 6-7, 8-11, … up to 15.
pub(super) fn level(magnitude: u32) -> usize {
    if magnitude < 3 {
        return magnitude as usize;
    }
    let digits = (32 - magnitude.leading_zeros()) as usize;
    let second = (magnitude >> (digits - 2)) as usize & 1;
    (2 * digits + second - 2).min(LEVELS - 1)
}

/// The binary digits of a magnitude: 0 for 0, 1 for 1, 2 for 2 and 3, …
pub(super) fn digits(magnitude: u32) -> usize {
    (32 - magnitude.leading_zeros()) as usize
}

/// Numbers of one kind, with `N` contexts each.
#[derive(Debug)]
pub(super) struct Numbers<const N: usize> {
    lengths: Decisions<N>,
    signs: Decisions<2>,
    below: Decisions<1>,
    signed: bool,
}

impl<const N: usize> Numbers<N> {
    /// Numbers whose context i takes values below `sizes[i]`; those of the sign below `sign_sizes`. Without a sign, none
    /// is below zero.
    pub(super) fn new(sizes: [usize; N], sign_sizes: [usize; 2], signed: bool) -> Self {
        Self {
            lengths: Decisions::new(sizes.map(|size| size * (MOST_DIGITS + 1))),
            signs: Decisions::new(sign_sizes),
            below: Decisions::new([(MOST_DIGITS + 1) << LEARNED]),
            signed,
        }
    }

    /// Codes a number of at most [`LARGEST`] in magnitude.
    pub(super) fn code<B: Bits>(
        &mut self,
        bits: &mut B,
        number: i32,
        contexts: [usize; N],
        sign_contexts: [usize; 2],
    ) -> Result<i32, Damage> {
        let magnitude = number.unsigned_abs();
        let wanted = digits(magnitude);
        let mut length = 0;
        while length < MOST_DIGITS {
            let contexts = contexts.map(|context| context * (MOST_DIGITS + 1) + length);
            if !self.lengths.code(bits, wanted > length, contexts)? {
                break;
            }
            length += 1;
        }
        if length == 0 {
            return Ok(0);
        }
        let negative = self.signed && self.signs.code(bits, number < 0, sign_contexts)?;
        let mut found = 1_u32;
        for place in (0..length - 1).rev() {
            let bit = magnitude >> place & 1 == 1;
            let bit = if place + 1 + LEARNED >= length {
                let prefix = found as usize & ((1 << LEARNED) - 1);
                self.below.code(bits, bit, [(length << LEARNED) | prefix])?
            } else {
                bits.bit(bit, 1 << 15)?
            };
            found = found << 1 | u32::from(bit);
        }
        let found = found as i32;
        Ok(if negative { -found } else { found })
    }
}

/// Codes a parameter of no particular likelihood, below 2³².
pub(super) fn parameter<B: Bits>(bits: &mut B, value: u32) -> Result<u32, Damage> {
    let mut found = 0;
    let mut shift = 0;
    loop {
        let group = value >> shift & 7;
        let more = (value >> shift) >> 3 != 0;
        for place in (0..3).rev() {
            let bit = bits.bit(group >> place & 1 == 1, 1 << 15)?;
            found |= u32::from(bit) << (shift + place);
        }
        if !bits.bit(more, 1 << 15)? {
            return Ok(found);
        }
        shift += 3;
        if shift > 27 {
            return Err(Damage("a parameter has too many digits"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::bits::{Reader, Writer};

    #[test]
    fn numbers_come_back() {
        let numbers: Vec<i32> = (0..3000)
            .map(|i| match i % 11 {
                0 => LARGEST,
                1 => -LARGEST,
                2 => 1 << (i % 22),
                rest => rest - 6,
            })
            .collect();
        let mut writer = Writer::default();
        let model = || Numbers::new([4, 1], [2, 1], true);
        let mut numbers_model = model();
        for (i, &number) in numbers.iter().enumerate() {
            parameter(&mut writer, number.unsigned_abs() << 7).unwrap();
            numbers_model
                .code(&mut writer, number, [i % 4, 0], [i % 2, 0])
                .unwrap();
        }
        let mut reader = Reader::new(&writer.finish());
        let mut numbers_model = model();
        for (i, &number) in numbers.iter().enumerate() {
            assert_eq!(
                parameter(&mut reader, 0).unwrap(),
                number.unsigned_abs() << 7
            );
            let found = numbers_model
                .code(&mut reader, 0, [i % 4, 0], [i % 2, 0])
                .unwrap();
            assert_eq!(found, number);
        }
    }

    #[test]
    fn levels_rise_with_magnitudes() {
        let levels: Vec<usize> = (0..4096).map(level).collect();
        assert_eq!(levels[..13], [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7]);
        assert!(levels.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(levels.iter().all(|&level| level < LEVELS));
    }
}
