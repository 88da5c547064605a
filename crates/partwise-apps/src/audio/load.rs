//! Reading a sound file of any common kind.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream},
    meta::MetadataOptions,
};

use super::Sound;
use crate::AppError;
use crate::guard::guarded;

/// Reads the sound in the file `path`, all channels at the rate it has; the kind is told from the content.
///
/// `limit_bytes` bounds the memory for the samples; it is checked against the file's header, and again while decoding. A
/// piece that cannot be decoded is silent in the sound, as long as the file says, which counts such pieces ([`Sound::damaged`]).
///
/// # Errors
///
/// [`AppError::Read`], [`AppError::UnknownSound`] for what is no sound or has an unsupported codec, [`AppError::DecodeSound`],
/// [`AppError::SoundTooLarge`], and those of [`Sound::new`].
pub fn load(path: &Path, limit_bytes: u64) -> Result<Sound, AppError> {
    let failed = |source| AppError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let source = Watched {
        file,
        failure: Arc::default(),
    };
    let failure = Arc::clone(&source.failure);
    let decoded = guarded(
        || decode(source, path, limit_bytes),
        |problem| AppError::DecodeSound {
            name: path.display().to_string(),
            source: Error::DecodeError(problem),
        },
    );
    let failure = failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    failure.map_or(decoded, |source| Err(failed(source)))
}

/// A file whose first failure is remembered: readers that look for the next piece of a damaged file take one for damage, or for its end.
struct Watched {
    file: File,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.file.read(buffer);
        if let Err(error) = &outcome
            && error.kind() != ErrorKind::Interrupted
            && let Some(code) = error.raw_os_error()
        {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            // An error of the system can be told twice.
            failure.get_or_insert_with(|| io::Error::from_raw_os_error(code));
        }
        outcome
    }
}

impl Seek for Watched {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        // One before the beginning is the reader's mistake, of which it is told.
        self.file.seek(place)
    }
}

impl MediaSource for Watched {
    fn is_seekable(&self) -> bool {
        self.file.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.file.byte_len()
    }
}

fn decode(file: Watched, path: &Path, limit_bytes: u64) -> Result<Sound, AppError> {
    let name = path.display().to_string();
    let refused = |source| AppError::DecodeSound {
        name: name.clone(),
        source,
    };
    let unknown = || AppError::UnknownSound { name: name.clone() };
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|error| match error {
            // Every kind was tried to the end of the file.
            Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => unknown(),
            Error::Unsupported(_) => unknown(),
            error => refused(error),
        })?;
    let track = format.default_track(TrackType::Audio).ok_or_else(unknown)?;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or_else(unknown)?;
    let (track_id, time_base) = (track.id, track.time_base);
    // Lengths of pieces are in units of their own.
    let samples_in = |length: u64, rate: u32| match time_base {
        Some(unit) => {
            let length = u128::from(length) * u128::from(unit.numer.get());
            let samples = length.saturating_mul(rate.into()) / u128::from(unit.denom.get());
            u64::try_from(samples).unwrap_or(u64::MAX)
        }
        None => length,
    };
    let announced = track.num_frames.unwrap_or(0);
    let count = parameters
        .channels
        .as_ref()
        .map_or(1, |channels| channels.count());
    let within = |samples: u64, channels: usize| {
        let needed_bytes = samples.saturating_mul(channels as u64 * size_of::<f32>() as u64);
        if needed_bytes > limit_bytes {
            return Err(AppError::SoundTooLarge {
                name: name.clone(),
                samples,
                channels,
                needed_bytes,
                limit_bytes,
            });
        }
        Ok(())
    };
    within(announced, count)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| match error {
            Error::Unsupported(_) => unknown(),
            error => refused(error),
        })?;

    let mut rate = parameters.sample_rate.unwrap_or(0);
    let mut channels: Vec<Vec<f32>> = Vec::new();
    let mut packet_samples: Vec<Vec<f32>> = Vec::new();
    let mut damaged = 0;
    // The length of what was lost before the first piece that could be decoded.
    let mut lost = 0_u64;
    let mut good = 0_u64;
    let mut first_error = None;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file cut short is read as far as it goes.
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof && good > 0 => {
                damaged += 1;
                break;
            }
            Err(error) => return Err(refused(error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(buffer) => {
                good += 1;
                buffer.copy_to_vecs_planar::<f32>(&mut packet_samples);
                if channels.is_empty() {
                    rate = buffer.spec().rate();
                    // The header may name fewer channels than there are, and more samples than come.
                    let silent = samples_in(lost, rate);
                    within(announced.max(silent), packet_samples.len())?;
                    let room = usize::try_from(announced).unwrap_or(0);
                    channels = vec![Vec::new(); packet_samples.len()];
                    for channel in &mut channels {
                        let _ = channel.try_reserve_exact(room);
                        silence(channel, silent);
                    }
                }
                if buffer.spec().rate() != rate || packet_samples.len() != channels.len() {
                    return Err(refused(Error::Unsupported(
                        "the rate or the number of channels changes within the file",
                    )));
                }
                for (channel, samples) in channels.iter_mut().zip(&packet_samples) {
                    channel.extend_from_slice(samples);
                }
                within(channels[0].len() as u64, channels.len())?;
            }
            Err(error @ Error::DecodeError(_)) => {
                damaged += 1;
                // What comes before the beginning is no part of the sound: a coder's delay.
                let begin = packet.pts.get();
                let end = begin.saturating_add_unsigned(packet.dur.get());
                let length = end.saturating_sub(begin.max(0)).max(0).unsigned_abs();
                match channels.first() {
                    None => lost = lost.saturating_add(length),
                    Some(channel) => {
                        let silent = samples_in(length, rate);
                        let after = silent.saturating_add(channel.len() as u64);
                        within(after, channels.len())?;
                        for channel in &mut channels {
                            silence(channel, after);
                        }
                    }
                }
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(refused(error)),
        }
    }
    if good == 0
        && let Some(error) = first_error
    {
        return Err(refused(error));
    }
    Ok(Sound::new(name, rate, channels)?.with_damage(damaged))
}

/// Lengthens a channel to so many samples by silence.
fn silence(channel: &mut Vec<f32>, samples: u64) {
    channel.resize(usize::try_from(samples).unwrap_or(usize::MAX), 0.0);
}
