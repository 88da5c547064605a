//! Reading a picture of any common kind into a [`PictureMatrix`].

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Seek},
    path::Path,
};

use ::image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    error::{DecodingError, ImageFormatHint, LimitErrorKind},
    metadata::Orientation,
};
use exr::meta::BlockDescription;

use super::{Channels, Depth, Photo, PictureMatrix};
use crate::AppError;
use crate::guard::guarded;

/// Memory that reading a picture may take unless the caller says otherwise: 4 GiB, enough for
/// 250 megapixels in 8-bit colour.
pub const DEFAULT_LIMIT_BYTES: u64 = 4 << 30;

/// Weights of red, green and blue in luma, ITU-R BT.709.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Reads the picture in the file `path`; its kind is told from its content, else from its name.
///
/// `limit_bytes` bounds the memory for the decoded pixels and the matrix together; it is checked
/// against the header, before either is allocated. [`DEFAULT_LIMIT_BYTES`] is a sensible value.
///
/// # Errors
///
/// [`AppError::Read`], [`AppError::Decode`], [`AppError::TooLarge`], [`AppError::Empty`] or
/// [`AppError::NotANumber`].
pub fn load(path: &Path, channels: Channels, limit_bytes: u64) -> Result<PictureMatrix, AppError> {
    let name = path.display().to_string();
    let picture = read(open(path)?, &name, channels, limit_bytes)?;
    to_matrix(&picture, &name, channels)
}

/// A picture as its file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The picture, in the file's channels and depth; floating-point samples count as 16 bits.
    pub photo: Photo,
    /// Whether the file has an alpha channel, which was composited over white.
    pub has_alpha: bool,
}

/// Reads the picture in the file `path` in its own channels, grey or colour, and depth. Otherwise as [`load`].
///
/// # Errors
///
/// As [`load`].
pub fn load_photo(path: &Path, limit_bytes: u64) -> Result<Loaded, AppError> {
    let name = path.display().to_string();
    let picture = read(open(path)?, &name, Channels::Colour, limit_bytes)?;
    to_photo(&picture, &name)
}

/// As [`load_photo`], from the bytes of a file; `name` stands for it in errors.
///
/// # Errors
///
/// As [`load`].
pub fn decode_photo(bytes: &[u8], name: &str, limit_bytes: u64) -> Result<Loaded, AppError> {
    let picture = read(in_memory(bytes, name)?, name, Channels::Colour, limit_bytes)?;
    to_photo(&picture, name)
}

fn open(path: &Path) -> Result<ImageReader<BufReader<File>>, AppError> {
    let read_error = |source| AppError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read_error)?;
    let mut reader = ImageReader::new(BufReader::new(file));
    if let Ok(format) = ImageFormat::from_path(path) {
        reader.set_format(format);
    }
    reader.with_guessed_format().map_err(read_error)
}

fn in_memory<'a>(bytes: &'a [u8], name: &str) -> Result<ImageReader<Cursor<&'a [u8]>>, AppError> {
    ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| decode_error(name, ImageError::IoError(source)))
}

/// Reads a picture from the bytes of a file; `name` stands for it in errors. Otherwise as
/// [`load`].
///
/// # Errors
///
/// As [`load`].
pub fn decode(
    bytes: &[u8],
    name: &str,
    channels: Channels,
    limit_bytes: u64,
) -> Result<PictureMatrix, AppError> {
    let picture = read(in_memory(bytes, name)?, name, channels, limit_bytes)?;
    to_matrix(&picture, name, channels)
}

fn decode_error(name: &str, source: ImageError) -> AppError {
    AppError::Decode {
        name: name.to_owned(),
        source,
    }
}

fn read<R: BufRead + Seek>(
    reader: ImageReader<R>,
    name: &str,
    channels: Channels,
    limit_bytes: u64,
) -> Result<DynamicImage, AppError> {
    guarded(
        || read_by_decoder(reader, name, channels, limit_bytes),
        |problem| {
            let problem = DecodingError::new(ImageFormatHint::Unknown, problem);
            decode_error(name, ImageError::Decoding(problem))
        },
    )
}

fn read_by_decoder<R: BufRead + Seek>(
    mut reader: ImageReader<R>,
    name: &str,
    channels: Channels,
    limit_bytes: u64,
) -> Result<DynamicImage, AppError> {
    let mut block = 0;
    if reader.format() == Some(ImageFormat::OpenExr) {
        let mut source = reader.into_inner();
        block = largest_block(&mut source);
        let rewound = source.rewind();
        rewound.map_err(|source| decode_error(name, ImageError::IoError(source)))?;
        reader = ImageReader::with_format(source, ImageFormat::OpenExr);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(limit_bytes);
    reader.limits(limits);
    let mut decoder = reader
        .into_decoder()
        .map_err(|source| decode_error(name, source))?;

    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(AppError::Empty {
            name: name.to_owned(),
            width,
            height,
        });
    }
    let too_large = |needed_bytes| AppError::TooLarge {
        name: name.to_owned(),
        width: width.into(),
        height: height.into(),
        needed_bytes,
        limit_bytes,
    };
    let matrix_bytes = u64::from(width)
        .saturating_mul(height.into())
        .saturating_mul((channels.count() * size_of::<f32>()) as u64);
    let needed_bytes = matrix_bytes
        .saturating_add(decoder.total_bytes())
        .saturating_add(block);
    if needed_bytes > limit_bytes {
        return Err(too_large(needed_bytes));
    }

    // Damaged Exif data must not cost the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|source| match source {
        ImageError::Limits(ref limit)
            if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) =>
        {
            too_large(needed_bytes)
        }
        source => decode_error(name, source),
    })?;
    picture.apply_orientation(orientation);
    Ok(picture)
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

fn to_photo(picture: &DynamicImage, name: &str) -> Result<Loaded, AppError> {
    let colour = picture.color();
    let channels = if colour.has_color() {
        Channels::Colour
    } else {
        Channels::Grey
    };
    let eight = colour.bytes_per_pixel() == colour.channel_count();
    let depth = if eight { Depth::Eight } else { Depth::Sixteen };
    let picture = to_matrix(picture, name, channels)?;
    Ok(Loaded {
        photo: Photo { picture, depth },
        has_alpha: colour.has_alpha(),
    })
}

fn to_matrix(
    picture: &DynamicImage,
    name: &str,
    channels: Channels,
) -> Result<PictureMatrix, AppError> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let fill = Fill {
        name,
        width,
        height,
        channels,
    };
    let byte = |sample: u8| f32::from(sample) / 255.0;
    let word = |sample: u16| f32::from(sample) / 65535.0;
    let real = |sample: f32| sample;
    match picture {
        DynamicImage::ImageLuma8(pixels) => fill.from::<_, 1>(pixels.as_raw(), byte),
        DynamicImage::ImageLumaA8(pixels) => fill.from::<_, 2>(pixels.as_raw(), byte),
        DynamicImage::ImageRgb8(pixels) => fill.from::<_, 3>(pixels.as_raw(), byte),
        DynamicImage::ImageRgba8(pixels) => fill.from::<_, 4>(pixels.as_raw(), byte),
        DynamicImage::ImageLuma16(pixels) => fill.from::<_, 1>(pixels.as_raw(), word),
        DynamicImage::ImageLumaA16(pixels) => fill.from::<_, 2>(pixels.as_raw(), word),
        DynamicImage::ImageRgb16(pixels) => fill.from::<_, 3>(pixels.as_raw(), word),
        DynamicImage::ImageRgba16(pixels) => fill.from::<_, 4>(pixels.as_raw(), word),
        DynamicImage::ImageRgb32F(pixels) => fill.from::<_, 3>(pixels.as_raw(), real),
        // The one kind left, and any that the decoder may learn.
        _ => fill.from::<_, 4>(picture.to_rgba32f().as_raw(), real),
    }
}

/// Where the pixels go.
struct Fill<'a> {
    name: &'a str,
    width: usize,
    height: usize,
    channels: Channels,
}

impl Fill<'_> {
    /// Lays out pixels of `SAMPLES` samples: luma, luma and alpha, RGB, or RGB and alpha.
    fn from<S: Copy, const SAMPLES: usize>(
        &self,
        samples: &[S],
        scale: impl Fn(S) -> f32,
    ) -> Result<PictureMatrix, AppError> {
        let (width, columns) = (self.width, self.width * self.channels.count());
        let mut values = vec![0.0; self.height * columns];
        let (pixels, _) = samples.as_chunks::<SAMPLES>();
        let rows = values
            .chunks_exact_mut(columns)
            .zip(pixels.chunks_exact(width));
        for (row, (target, source)) in rows.enumerate() {
            for (column, pixel) in source.iter().enumerate() {
                let pixel = pixel.map(&scale);
                if let Some(&value) = pixel.iter().find(|value| value.is_nan()) {
                    return Err(AppError::NotANumber {
                        name: self.name.to_owned(),
                        value,
                        row,
                        column,
                    });
                }
                let rgb = over_white(pixel);
                match self.channels {
                    Channels::Grey if SAMPLES < 3 => target[column] = rgb[0],
                    Channels::Grey => {
                        let luma: f32 = LUMA.iter().zip(rgb).map(|(weight, c)| weight * c).sum();
                        // The weights' rounding must not push white over 1.
                        target[column] = luma.min(1.0);
                    }
                    Channels::Colour => {
                        for (channel, sample) in rgb.into_iter().enumerate() {
                            target[channel * width + column] = sample;
                        }
                    }
                }
            }
        }
        PictureMatrix::new(self.height, width, self.channels, values)
    }
}

/// Red, green and blue of a pixel on white paper, each in 0..1.
fn over_white<const SAMPLES: usize>(pixel: [f32; SAMPLES]) -> [f32; 3] {
    let sample = |index: usize| pixel[index].clamp(0.0, 1.0);
    let (rgb, alpha) = match SAMPLES {
        1 => ([sample(0); 3], 1.0),
        2 => ([sample(0); 3], sample(1)),
        3 => ([sample(0), sample(1), sample(2)], 1.0),
        _ => ([sample(0), sample(1), sample(2)], sample(3)),
    };
    rgb.map(|sample| sample * alpha + (1.0 - alpha))
}
