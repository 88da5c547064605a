//! Pictures as grey matrices: height × width, black 0, white 1.
//!
//! Colours become luminance, 0.2126 R + 0.7152 G + 0.0722 B (Rec. 709) of the stored values, in full precision; what is
//! transparent is on white paper, and the picture as its Exif data turns it.

use std::io::BufReader;

use exr::meta::BlockDescription;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{FileFormat, ReadOptions, looks_binary};
use crate::error::Error;
use crate::matrix::{Dense, Matrix, Order, Table};
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::rows::guarded;
use crate::source::{Source, read_error};

/// Most bytes of a decoded picture and its matrix, whatever memory there is: a few bytes of file can claim any size.
const MOST_BYTES: u64 = 4 << 30;

/// Rec. 709, as for sRGB.
const LUMINANCE: [f64; 3] = [0.2126, 0.7152, 0.0722];

pub(crate) struct Image;

impl FileFormat for Image {
    fn name(&self) -> &'static str {
        "image"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm",
            "tga", "qoi", "ico", "dds", "hdr", "exr", "ff",
        ]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        // A table may well begin with "BMI" or "P1"; only a picture has control characters near its beginning.
        image::guess_format(head).is_ok() && looks_binary(head)
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        guarded(&budget.file, || decode(source, budget, options))
    }
}

fn decode(source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
    let format = image::guess_format(&source.head).ok();
    let format = format.or_else(|| ImageFormat::from_extension(&source.extension));
    let format = format.ok_or_else(|| Error::Unsupported {
        file: budget.file.clone(),
        problem: "is no picture of a known kind".into(),
    })?;
    let refused = |image_error| decode_error(&budget.file, image_error);
    let (file, _) = source.into_seekable()?;
    let decoder_of = |file| ImageReader::with_format(BufReader::new(file), format);

    // First the size alone, so that nothing is allocated for a picture that is too large.
    let header = file
        .try_clone()
        .map_err(|error| read_error(&budget.file, error))?;
    let mut reader = decoder_of(header);
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    // Damaged Exif data must not cost the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // What is turned on its side is there twice for a moment.
    let copies = match orientation {
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => 1,
        _ => 2,
    };
    let decoded = decoder.total_bytes();
    let pixels = u64::from(width) * u64::from(height);
    let precision = options.dtype.resolve(false);
    let an_entry = at_precision!(precision, T => size_of::<T>() as u64);
    let needed = decoded
        .saturating_mul(copies)
        .saturating_add(pixels.saturating_mul(an_entry));
    drop(decoder);
    let block = match format {
        ImageFormat::OpenExr => {
            rewind(&file, &budget.file)?;
            largest_block(BufReader::new(&file))
        }
        _ => 0,
    };
    let limit = budget
        .limit
        .map_or(MOST_BYTES, |limit| limit.min(MOST_BYTES));
    Budget {
        file: budget.file.clone(),
        limit: Some(limit),
    }
    .check(needed.saturating_add(block))?;

    rewind(&file, &budget.file)?;
    let mut reader = decoder_of(file);
    let mut limits = Limits::no_limits();
    // What a decoder takes beside the picture; that of TIFF leaves room for the picture itself.
    let taken = if format == ImageFormat::Tiff {
        0
    } else {
        decoded
    };
    limits.max_alloc = Some(limit.saturating_sub(taken));
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(refused)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    picture.apply_orientation(orientation);
    let stored_as = format!("{:?} image", picture.color());
    at_precision!(precision, T => Ok(Table::unnamed(T::any(Matrix::Dense(grey::<T>(&picture, budget)?)), stored_as)))
}

fn rewind(mut file: &std::fs::File, name: &str) -> Result<(), Error> {
    std::io::Seek::rewind(&mut file).map_err(|error| read_error(name, error))
}

/// Bytes of the largest block that the header of an OpenEXR picture claims. Its decoder reserves them before it looks whether the file has
/// them, and they have nothing to do with the picture's size. Of what is no such header the decoder says what is wrong.
fn largest_block(picture: impl std::io::Read) -> u64 {
    let bytes = |header: &exr::meta::header::Header| {
        let (columns, rows) = match header.blocks {
            BlockDescription::Tiles(tiles) => (tiles.tile_size.0, tiles.tile_size.1),
            BlockDescription::ScanLines => (
                header.layer_size.0,
                header.compression.scan_lines_per_block(),
            ),
        };
        let pixels = (columns as u64).saturating_mul(rows as u64);
        pixels.saturating_mul(header.channels.bytes_per_pixel as u64)
    };
    let header = exr::meta::MetaData::read_from_buffered(picture, false);
    header.map_or(0, |found| {
        found.headers.iter().map(bytes).max().unwrap_or(0)
    })
}

/// Luminance of each pixel, divided by the largest value that a channel can hold.
fn grey<T: Real>(picture: &DynamicImage, budget: &Budget) -> Result<Dense<T>, Error> {
    let (cols, rows) = (picture.width() as usize, picture.height() as usize);
    let mut data = budget.take::<T>((rows * cols) as u64)?;
    macro_rules! channels {
        ($picture:expr, $channels:literal, $most:expr) => {
            data.extend($picture.as_raw().chunks_exact($channels).map(|pixel| {
                let value = if $channels < 3 {
                    f64::from(pixel[0])
                } else {
                    LUMINANCE
                        .iter()
                        .zip(pixel)
                        .map(|(weight, &channel)| weight * f64::from(channel))
                        .sum()
                };
                let alpha = match $channels {
                    2 | 4 => (f64::from(pixel[$channels - 1]) / $most).clamp(0.0, 1.0),
                    _ => 1.0,
                };
                T::from_f64(value / $most * alpha + (1.0 - alpha))
            }))
        };
    }
    match picture {
        DynamicImage::ImageLuma8(picture) => channels!(picture, 1, 255.0),
        DynamicImage::ImageLumaA8(picture) => channels!(picture, 2, 255.0),
        DynamicImage::ImageRgb8(picture) => channels!(picture, 3, 255.0),
        DynamicImage::ImageRgba8(picture) => channels!(picture, 4, 255.0),
        DynamicImage::ImageLuma16(picture) => channels!(picture, 1, 65535.0),
        DynamicImage::ImageLumaA16(picture) => channels!(picture, 2, 65535.0),
        DynamicImage::ImageRgb16(picture) => channels!(picture, 3, 65535.0),
        DynamicImage::ImageRgba16(picture) => channels!(picture, 4, 65535.0),
        DynamicImage::ImageRgb32F(picture) => channels!(picture, 3, 1.0),
        DynamicImage::ImageRgba32F(picture) => channels!(picture, 4, 1.0),
        other => {
            return Err(Error::Unsupported {
                file: budget.file.clone(),
                problem: format!("pixels of kind {:?} are not known", other.color()),
            });
        }
    }
    Ok(Dense {
        rows,
        cols,
        order: Order::RowMajor,
        data,
    })
}

fn decode_error(file: &str, error: image::ImageError) -> Error {
    match error {
        image::ImageError::IoError(source) => read_error(file, source),
        image::ImageError::Unsupported(problem) => Error::Unsupported {
            file: file.to_owned(),
            problem: problem.to_string(),
        },
        other => Error::Malformed {
            file: file.to_owned(),
            problem: format!("the picture cannot be decoded, perhaps truncated ({other})"),
        },
    }
}
