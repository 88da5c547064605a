//! Readers of Parquet.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// What pages of two columns may say of their length, for which the reader reserves room before it looks at them.
const PAGES: usize = 2 * i32::MAX as usize;
/// Booleans that a list may claim to hold.
const BOOLEANS: u64 = 1 << 16;

fuzz_target!(init: partwise_fuzz::begin_with(PAGES), |data: &[u8]| {
    if !counts_for_long(data) {
        partwise_fuzz::matrix(&["parquet"], "parquet", data);
    }
});

/// Whether there may be a list or a map of very many booleans in Thrift's compact protocol. The crate `parquet` counts through such
/// a one where it does not know the field, and takes no byte of the file for an element, so that a few bytes take seconds.
fn counts_for_long(data: &[u8]) -> bool {
    (0..data.len()).any(|at| {
        let list = matches!(data[at], 0xf1 | 0xf2);
        let claims = |from: &[u8]| number(from).filter(|(count, _)| *count > BOOLEANS);
        list && claims(&data[at + 1..]).is_some()
            || claims(&data[at..])
                .is_some_and(|(_, kinds)| matches!(kinds, Some(0x11 | 0x12 | 0x21 | 0x22)))
    })
}

/// A number in base 128, and the byte behind it.
fn number(bytes: &[u8]) -> Option<(u64, Option<u8>)> {
    let length = bytes.iter().take(10).position(|byte| *byte < 0x80)?;
    let digits = bytes[..=length].iter().rev();
    let number = digits.fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    Some((number, bytes.get(length + 1).copied()))
}
