//! The one error type of this crate.

use std::path::PathBuf;

/// Why a thing could not be turned into a matrix, or a matrix into a thing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The file could not be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The file's content is not a picture that can be decoded.
    #[error("{name} is not a readable picture")]
    Decode {
        /// The file, or a name for the bytes.
        name: String,
        /// What the decoder said.
        source: ::image::ImageError,
    },

    /// The picture's header announces more pixels than the memory limit allows.
    #[error(
        "{name} is {width}×{height} pixels, which takes {needed_bytes} bytes to read; \
         the limit is {limit_bytes} bytes"
    )]
    TooLarge {
        /// The file, or a name for the bytes.
        name: String,
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// Bytes that decoding and the matrix would take.
        needed_bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },

    /// The picture has no pixels.
    #[error("{name} is {width}×{height} pixels; a matrix needs at least one row and one column")]
    Empty {
        /// The file, or a name for the bytes.
        name: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },

    /// A floating-point picture holds a sample that is not a number.
    #[error("{name} holds {value} at row {row}, column {column}; every sample must be a number")]
    NotANumber {
        /// The file, or a name for the bytes.
        name: String,
        /// The sample.
        value: f32,
        /// Row of the pixel, from 0.
        row: usize,
        /// Column of the pixel, from 0.
        column: usize,
    },

    /// Values and shape do not belong together.
    #[error("{what} has {found} values, but {rows}×{columns} needs {}", rows * columns)]
    Shape {
        /// What was handed over.
        what: &'static str,
        /// Number of values handed over.
        found: usize,
        /// Rows of the shape asked for.
        rows: usize,
        /// Columns of the shape asked for.
        columns: usize,
    },

    /// A component was asked for that the factors do not have.
    #[error("component {component} was asked for, but the factors have {rank}, numbered from 0")]
    NoSuchComponent {
        /// The number asked for.
        component: usize,
        /// Number of components.
        rank: usize,
    },

    /// The picture could not be encoded.
    #[error("cannot encode a {width}×{height} picture")]
    Encode {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// What the encoder said.
        source: ::image::ImageError,
    },
}
