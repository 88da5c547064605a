//! The file: a header of fixed length, the coded numbers, and a checksum. docs/pwz.md describes every byte.

use super::bits::{Reader, Writer};
use super::damage::Damage;
use super::patches::{Patches, SIDES};
use super::planes::Form;
use super::whole::Whole;
use crate::AppError;
use crate::image::{Channels, Depth, Photo, PictureMatrix};

const MAGIC: [u8; 4] = [0x89, b'P', b'W', b'Z'];
const VERSION: u8 = 1;
/// Magic, version, way, flags, width, height, step, length of the coded numbers.
const HEADER: usize = 4 + 1 + 1 + 1 + 4 + 4 + 4 + 4;
const CHECKSUM: usize = 4;

const COLOUR: u8 = 1;
const SIXTEEN: u8 = 2;
const HALVED: u8 = 4;
const SIGNED: u8 = 8;

/// Bytes that decoding takes for each sample: planes, codes, the picture and its file.
const BYTES_PER_SAMPLE: u64 = 20;
/// Steps of a file lie from 2⁻¹⁶ to 2⁴.
pub(super) const STEPS: std::ops::RangeInclusive<f32> = 1.525_878_9e-5..=16.0;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Patches(Patches),
    Whole(Whole),
}

impl Content {
    /// The picture that every reader sees.
    pub(super) fn picture(&self, depth: Depth) -> Result<PictureMatrix, Damage> {
        let peak = depth.peak();
        match self {
            Self::Patches(patches) => patches.form.join(&patches.planes(), peak),
            Self::Whole(whole) => {
                let channels = if whole.channels == 1 {
                    Channels::Grey
                } else {
                    Channels::Colour
                };
                let width = whole.columns / whole.channels;
                PictureMatrix::new(whole.height, width, channels, whole.values(peak))
                    .map_err(|_| Damage("the factors do not fit the picture"))
            }
        }
    }

    fn step(&self) -> f32 {
        match self {
            Self::Patches(patches) => patches.step,
            Self::Whole(whole) => whole.step,
        }
    }

    /// The whole file.
    pub(super) fn write(&mut self, depth: Depth) -> Result<Vec<u8>, Damage> {
        let mut writer = Writer::default();
        let (way, form, signed) = match self {
            Self::Patches(patches) => {
                patches.code(&mut writer)?;
                let way = SIDES.iter().position(|&side| side == patches.side);
                (1 + way.unwrap_or(0), patches.form, false)
            }
            Self::Whole(whole) => {
                whole.code(&mut writer)?;
                let form = Form {
                    width: whole.columns / whole.channels,
                    height: whole.height,
                    channels: if whole.channels == 1 {
                        Channels::Grey
                    } else {
                        Channels::Colour
                    },
                    halved: false,
                };
                (0, form, whole.signed)
            }
        };
        let body = writer.finish();
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(form.channels == Channels::Colour, COLOUR)
            | flag(depth == Depth::Sixteen, SIXTEEN)
            | flag(form.halved, HALVED)
            | flag(signed, SIGNED);
        let length =
            |length: usize| u32::try_from(length).map_err(|_| Damage("a side is too long"));
        let mut file = MAGIC.to_vec();
        file.extend([VERSION, way as u8, flags]);
        file.extend(length(form.width)?.to_le_bytes());
        file.extend(length(form.height)?.to_le_bytes());
        file.extend(self.step().to_le_bytes());
        file.extend(length(body.len())?.to_le_bytes());
        file.extend(body);
        file.extend(crc32fast::hash(&file).to_le_bytes());
        Ok(file)
    }
}

/// Reads a file back into a picture; `name` stands for it in errors.
///
/// `limit_bytes` bounds the memory that decoding takes; it is checked against the header, before anything is allocated.
/// The same bytes give the same picture on every machine.
///
/// # Errors
///
/// [`AppError::NotCompressed`], [`AppError::CompressedVersion`], [`AppError::Torn`], [`AppError::Checksum`],
/// [`AppError::TooLarge`] or [`AppError::Damaged`].
pub fn decompress(bytes: &[u8], name: &str, limit_bytes: u64) -> Result<Photo, AppError> {
    let name = || name.to_owned();
    let damaged = |damage: Damage| AppError::Damaged {
        name: name(),
        what: damage.0,
    };
    if !bytes.starts_with(&MAGIC) {
        // A file that ends within the first bytes may have been one.
        return Err(if !bytes.is_empty() && MAGIC.starts_with(bytes) {
            torn(name(), HEADER + CHECKSUM, bytes.len())
        } else {
            AppError::NotCompressed { name: name() }
        });
    }
    if let Some(&version) = bytes.get(4)
        && version != VERSION
    {
        return Err(AppError::CompressedVersion {
            name: name(),
            version,
            known: VERSION,
        });
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Err(torn(name(), HEADER + CHECKSUM, bytes.len()));
    };
    let word = |at: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&header[at..at + 4]);
        word
    };
    let length = u32::from_le_bytes(word(19)) as usize;
    if rest.len() != length.saturating_add(CHECKSUM) {
        let expected = (HEADER + CHECKSUM).saturating_add(length);
        return Err(torn(name(), expected, bytes.len()));
    }
    let (body, checksum) = rest.split_at(length);
    if crc32fast::hash(&bytes[..HEADER + length]).to_le_bytes() != checksum {
        return Err(AppError::Checksum { name: name() });
    }

    let (way, flags) = (usize::from(header[5]), header[6]);
    let (width, height) = (u32::from_le_bytes(word(7)), u32::from_le_bytes(word(11)));
    let step = f32::from_le_bytes(word(15));
    if width == 0 || height == 0 {
        return Err(AppError::Empty {
            name: name(),
            width,
            height,
        });
    }
    if way > SIDES.len() || flags > (COLOUR | SIXTEEN | HALVED | SIGNED) {
        return Err(damaged(Damage("it is kept in an unknown way")));
    }
    if !STEPS.contains(&step) {
        return Err(damaged(Damage("its step is out of range")));
    }
    let has = |flag: u8| flags & flag != 0;
    let (channels, depth) = (
        if has(COLOUR) {
            Channels::Colour
        } else {
            Channels::Grey
        },
        if has(SIXTEEN) {
            Depth::Sixteen
        } else {
            Depth::Eight
        },
    );
    // Blocks at the edges are as large as any: a picture of one row is as many of them as one of sixteen.
    let side = way.checked_sub(1).map_or(1, |way| SIDES[way]) as u64;
    let padded = |length: u32| u64::from(length).next_multiple_of(side);
    let samples = padded(width).saturating_mul(padded(height));
    let needed_bytes = samples
        .saturating_mul(channels.count() as u64)
        .saturating_mul(BYTES_PER_SAMPLE);
    if needed_bytes > limit_bytes {
        return Err(AppError::TooLarge {
            name: name(),
            width: width.into(),
            height: height.into(),
            needed_bytes,
            limit_bytes,
        });
    }
    let (width, height) = (width as usize, height as usize);
    let mut reader = Reader::new(body);
    let content = match way.checked_sub(1) {
        Some(side) => {
            let form = Form {
                width,
                height,
                channels,
                halved: has(HALVED),
            };
            let mut patches = Patches::empty(form, SIDES[side], step);
            patches.code(&mut reader).map_err(damaged)?;
            Content::Patches(patches)
        }
        None => {
            let shape = (height, width * channels.count());
            let mut whole = Whole::empty(shape, channels.count(), step, has(SIGNED));
            whole.code(&mut reader).map_err(damaged)?;
            Content::Whole(whole)
        }
    };
    let picture = content.picture(depth).map_err(damaged)?;
    Ok(Photo { picture, depth })
}

fn torn(name: String, expected: usize, found: usize) -> AppError {
    AppError::Torn {
        name,
        expected,
        found,
    }
}
