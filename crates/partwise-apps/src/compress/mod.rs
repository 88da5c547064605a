//! Pictures in small files: two non-negative factors, quantised, ordered and entropy coded.
//!
//! [`compress`] keeps a picture in one of two ways and takes the one that is better at the same step:
//!
//! - **whole**: the picture is one matrix, as in the textbook, V ≈ W H;
//! - **patches**: blocks of 8 × 8 or 16 × 16 pixels are the rows, luma apart from chroma. A block is its mean plus what
//!   lies above it (ON) minus what lies below it (OFF), both non-negative (Hoyer 2002, "Non-negative sparse coding").
//!
//! Codes (W) are whole multiples of one step; the error that a bit may save decides them, so most are zero. Components
//! (H) are rounded as finely as the codes that use them are large; after that the codes are sought again for the
//! components that the file holds. A range coder with learned probabilities writes both. [`decompress`] gives the same
//! picture on every machine. `docs/pwz.md` describes the format.
//!
//! [`Method::Singular`] stores the truncated singular value decomposition in the same container with the same
//! quantisers and coder, for comparison; [`jpeg_within`] is JPEG at equal bytes; [`rate_distortion`] draws all three.

mod bits;
mod container;
mod cosine;
mod curves;
mod cut;
mod damage;
mod encoder;
mod factors;
mod jpeg;
mod model;
mod numbers;
mod patches;
mod planes;
mod price;
mod rows;
mod search;
mod sparse;
mod whole;

pub use container::decompress;
pub use curves::{RateCurve, RatePoint, bytes_ratio, rate_distortion};
pub use encoder::Way;
pub use factors::{FactorError, Factoriser, Factors};
pub use jpeg::{Jpeg, jpeg_within};
pub use search::{Compressed, Target, compress};

/// Which factors are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Non-negative ones: components follow their codes.
    NonNegative,
    /// Those of the truncated singular value decomposition, stored the same way: to compare with.
    Singular,
}
