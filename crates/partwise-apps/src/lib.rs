//! Real things as non-negative matrices, and the factors as real things again.
//!
//! Each module is one kind of thing. It reads a file into a plain matrix (values and
//! shape), turns a reconstruction or a single component back into that kind of thing, and says how
//! good a reconstruction is in the figures that its field uses. The factorisation itself happens
//! elsewhere: nothing here knows a solver.
//!
//! | module | a file becomes | a component is |
//! |---|---|---|
//! | [`image`] | a picture's rows × columns | one rank-one layer, itself a picture |
//! | [`compress`] | a picture's blocks × pixels, or its rows × columns | what a small file keeps |
//! | [`parts`] | a folder's pictures × pixels | a part, itself a picture |
//! | [`text`] | documents × terms | a topic: terms that come together |
//! | [`audio`] | a sound's spectrogram, frames × bins | a template and its activations, itself a sound |
//!
//! Short programs in `examples/`, each run by `cargo run --release -p partwise-apps --example NAME`: `layers` (a picture), `compressed` (a
//! `.pwz` file), `parts` (many pictures), `topics` and `sounds`.

pub mod audio;
pub mod compress;
mod error;
mod guard;
pub mod image;
pub mod parts;
pub mod text;

pub use error::AppError;
pub use guard::panics_are_errors;
