//! Pictures: as photographs, as matrices of grey or colour, and by the reader of matrices.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise_apps::image::{Channels, decode, decode_photo};
use partwise_fuzz::{LIMIT, checked, matrix, split};

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let picture = match choice[0] & 3 {
        0 => checked(decode_photo(bytes, "picture", LIMIT)).map(|loaded| loaded.photo.picture),
        1 => checked(decode(bytes, "picture", Channels::Grey, LIMIT)),
        2 => checked(decode(bytes, "picture", Channels::Colour, LIMIT)),
        _ => return matrix(&["image"], "png", bytes),
    };
    if let Some(picture) = picture {
        assert!(picture.values().iter().all(|value| (0.0..=1.0).contains(value)));
    }
});
