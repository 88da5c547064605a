//! Pictures as matrices: one row of the matrix is one row of pixels.
//!
//! A grey picture of height m and width w is the m × w matrix of its samples in 0..1. A colour
//! picture is one m × 3w matrix: the red, the green and the blue channel stand side by side, so
//! that a component describes all three with one column of W.
//!
//! The room has four parts: [`load`] and [`decode`] read a picture ([`load_photo`] in its own channels and
//! depth), [`PictureMatrix`] turns a matrix back into one, [`psnr_db`], [`ssim`] and [`stored_values_ratio`] say how good and how
//! small a reconstruction is, and [`Layers`] shows the factors' rank-one layers as pictures.
//!
//! What happens to a pixel when it is read, in this order:
//!
//! - 8- and 16-bit samples are divided by 255 and 65535. Floating-point samples (OpenEXR, Radiance)
//!   are clipped to 0..1. No gamma is removed and no colour profile applied: the matrix holds the
//!   samples as they are stored, as the usual figures (PSNR, SSIM) expect.
//! - Transparent pixels are composited over white: sample · alpha + (1 − alpha).
//! - Grey from colour is luma with the weights of ITU-R BT.709, 0.2126 R + 0.7152 G + 0.0722 B, taken
//!   in full precision, without rounding to 8 bits in between.
//! - A photo that says in its Exif data how it was held is turned upright.
//!
//! Of an animation the first frame is read; palettes are resolved.

mod layers;
mod load;
mod matrix;
mod photo;
mod quality;

pub use layers::{Layer, Layers};
pub use load::{DEFAULT_LIMIT_BYTES, Loaded, decode, decode_photo, load, load_photo};
pub use matrix::{Channels, PictureMatrix};
pub use photo::{Depth, Photo};
pub use quality::{psnr_db, ssim, stored_values_ratio};
