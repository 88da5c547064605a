//! Pictures as matrices: one row of the matrix is one row of pixels.
//!
//! A grey picture of height m and width w is the m × w matrix of its samples in 0..1. A colour
//! picture is one m × 3w matrix: the red, the green and the blue channel stand side by side, so
//! that a component describes all three with one column of W.
//!
//! The room has four parts: [`load`] and [`decode`] read a picture, [`PictureMatrix`] turns a
//! matrix back into one, [`psnr_db`], [`ssim`] and [`stored_values_ratio`] say how good and how
//! small a reconstruction is, and [`Layers`] shows the factors' rank-one layers as pictures.

mod layers;
mod load;
mod matrix;
mod quality;

pub use layers::{Layer, Layers};
pub use load::{DEFAULT_LIMIT_BYTES, decode, load};
pub use matrix::{Channels, PictureMatrix};
pub use quality::{psnr_db, ssim, stored_values_ratio};
