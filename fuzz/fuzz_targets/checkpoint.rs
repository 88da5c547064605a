//! Checkpoints: the container as it is, or with the right checksum around any content, and the state of a fit in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise_fuzz::fits::{observer, small_fit, small_matrix, small_v};
use partwise_fuzz::{checked, file, split};
use partwise_io::read_checkpoint;

const MAGIC_AND_VERSION: &[u8] = b"partwise\x01\0\0\0";

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let whole = match choice[0] & 1 {
        0 => wrapped(bytes),
        _ => bytes.to_vec(),
    };
    let Some(Some(mut state)) = checked(read_checkpoint(file("fit.checkpoint", &whole))) else {
        return;
    };
    let values = small_matrix();
    let v = small_v(&values, choice[0] >> 1);
    let nmf = small_fit(choice[0] >> 1);
    let went_on = nmf.resume(&[v], Default::default(), &mut state, &mut observer);
    if let Some(model) = checked(went_on) {
        assert_eq!((model.w.rows(), model.h.cols()), (6, 5));
    }
});

/// A checkpoint with this content.
fn wrapped(content: &[u8]) -> Vec<u8> {
    let mut whole = MAGIC_AND_VERSION.to_vec();
    whole.extend(content);
    whole.extend((content.len() as u64).to_le_bytes());
    whole.extend(crc32fast::hash(content).to_le_bytes());
    whole
}
