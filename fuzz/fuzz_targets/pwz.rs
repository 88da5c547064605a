//! Pictures in .pwz files: as they are, or with the length and the checksum that the content should have.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise_apps::compress::decompress;
use partwise_fuzz::{LIMIT, checked, split};

/// Bytes for a picture: decoding takes time in proportion to what the header says.
const PICTURE: u64 = LIMIT / 32;
/// Where the length of the coded numbers is, at the end of the header.
const LENGTH: std::ops::Range<usize> = 19..23;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let mut whole = bytes.to_vec();
    if choice[0] & 1 == 0 && whole.len() >= LENGTH.end {
        let length = (whole.len() - LENGTH.end) as u32;
        whole[LENGTH].copy_from_slice(&length.to_le_bytes());
        whole.extend(crc32fast::hash(&whole).to_le_bytes());
    }
    if let Some(photo) = checked(decompress(&whole, "picture.pwz", PICTURE)) {
        let values = photo.picture.values();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
    }
});
