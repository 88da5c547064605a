//! Single bits with probabilities, to a range coder and from one.
//!
//! What a file holds is written down once, generic over [`Bits`]: a writer takes the bits that it is given, a reader
//! gives back what it finds, so that both walk the same models through the same states. The range coder is
//! `constriction`'s (Martin 1979), with probabilities of 16 bits.

use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};

use super::damage::Damage;

/// Bits of a probability.
pub(super) const PRECISION: usize = 16;
const WHOLE: u32 = 1 << PRECISION;

/// A place that bits go to, or come from.
pub(super) trait Bits {
    /// Writes `bit` and returns it, or reads one and returns that; `one` is the probability of a set bit, in
    /// 1..65536 of 65536.
    fn bit(&mut self, bit: bool, one: u32) -> Result<bool, Damage>;
}

/// The probability of a set bit, for the range coder.
#[derive(Clone, Copy)]
struct Binary(u32);

impl Binary {
    /// Where the interval of a bit begins, and how long it is. Clear bits lie first.
    fn interval(self, bit: bool) -> (u32, NonZeroU32) {
        // Both are at least 1: probabilities lie in 1..65536.
        let length = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        if bit {
            (WHOLE - self.0, length(self.0))
        } else {
            (0, length(WHOLE - self.0))
        }
    }
}

impl EntropyModel<PRECISION> for Binary {
    type Symbol = bool;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Binary {
    fn left_cumulative_and_probability(&self, bit: impl Borrow<bool>) -> Option<(u32, NonZeroU32)> {
        Some(self.interval(*bit.borrow()))
    }
}

impl DecoderModel<PRECISION> for Binary {
    fn quantile_function(&self, quantile: u32) -> (bool, u32, NonZeroU32) {
        let bit = quantile >= WHOLE - self.0;
        let (start, length) = self.interval(bit);
        (bit, start, length)
    }
}

/// Writes bits.
#[derive(Debug, Default)]
pub(super) struct Writer(DefaultRangeEncoder);

impl Writer {
    /// The bytes of all bits. Zeros at the end go without saying.
    pub(super) fn finish(self) -> Vec<u8> {
        let Ok(words) = self.0.into_compressed();
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes
    }
}

impl Bits for Writer {
    fn bit(&mut self, bit: bool, one: u32) -> Result<bool, Damage> {
        self.0
            .encode_symbol(bit, Binary(one))
            .map_err(|_| Damage("a bit cannot be coded"))?;
        Ok(bit)
    }
}

/// Reads bits.
pub(super) struct Reader(DefaultRangeDecoder);

impl Reader {
    /// Reads what a [`Writer`] has made.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8]| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_be_bytes(word)
        };
        let words: Vec<u32> = bytes.chunks(4).map(word).collect();
        let Ok(decoder) = DefaultRangeDecoder::from_compressed(words);
        Self(decoder)
    }
}

impl Bits for Reader {
    fn bit(&mut self, _: bool, one: u32) -> Result<bool, Damage> {
        self.0
            .decode_symbol(Binary(one))
            .map_err(|_| Damage("the coded numbers are not ones that the format can make"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_at_any_probability() {
        let bits: Vec<(bool, u32)> = (0..5000_u32)
            .map(|i| (i % 7 == 0, [1, 300, 32768, 65000, 65535][i as usize % 5]))
            .collect();
        let mut writer = Writer::default();
        for &(bit, one) in &bits {
            assert_eq!(writer.bit(bit, one).unwrap(), bit);
        }
        let mut reader = Reader::new(&writer.finish());
        for &(bit, one) in &bits {
            assert_eq!(reader.bit(false, one).unwrap(), bit);
        }
    }
}
