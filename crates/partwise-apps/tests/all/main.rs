//! The tests of pictures, text and sound.
//!
//! One program, so that the engine is compiled into it once.

mod common;
mod compress;
mod image_figures;
mod image_pictures;
mod parts;
mod sounds;
mod text_naive;
mod text_sklearn;
