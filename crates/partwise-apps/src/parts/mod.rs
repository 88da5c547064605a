//! Many equally large pictures as one matrix: one row a picture, one column a pixel.
//!
//! A component is then a picture itself, a part, and each picture is the sum of parts with its own weights (Lee & Seung
//! 1999). [`Album`] reads a folder; [`Parts`] says which parts make up most of the pictures, or of one of them;
//! [`hoyer_sparseness`] how much of a part or a code is near zero.

mod album;
mod figures;

pub use album::{Album, load_folder};
pub use figures::{Parts, Share, hoyer_sparseness};
