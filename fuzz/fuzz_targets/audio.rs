//! Sounds of every kind that is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise_apps::audio::load;
use partwise_fuzz::{LIMIT, checked, file};

/// Bytes for samples: decoding takes time in proportion to them, and half a second is as good as a minute.
const SAMPLES: u64 = LIMIT / 4;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    // No extension: the content says what it is.
    if let Some(sound) = checked(load(&file("sound", data), SAMPLES)) {
        assert!(sound.rate() > 0);
        let lengths = sound.channels().iter().map(Vec::len);
        assert!(lengths.into_iter().all(|length| length == sound.length()));
        let bytes = (sound.length() * sound.channels().len() * size_of::<f32>()) as u64;
        assert!(bytes <= SAMPLES, "{bytes} bytes of samples");
        assert!(sound.channels().iter().flatten().all(|sample| sample.is_finite()));
    }
});
