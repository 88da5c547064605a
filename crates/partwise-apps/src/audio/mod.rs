//! Sound as a matrix: its spectrogram, and the way back from parts of it to sounds.
//!
//! A spectrogram is V (frames × bins): each row says how strong every frequency is around one moment. Factored, V ≈ W H, it
//! falls into *templates* (rows of H, k × bins: what a component sounds like) and *activations* (columns of W, frames × k:
//! when it sounds). A component's share of the model at a point of the spectrogram, its Wiener mask, times the sound's own
//! complex spectrum gives back a sound; masks sum to one, so the sounds sum to the one that came in.
//!
//! | module | what it does |
//! |---|---|
//! | [`Sound`], [`load`] | WAV, FLAC, OGG, MP3, AAC and ALAC as samples; [`WaveFile`] writes WAV |
//! | [`Transform`] | short-time Fourier transform and its exact inverse |
//! | [`Spectrogram`] | V from a sound; [`Bands`] draws bins together on a mel or logarithmic axis |
//! | [`Model`], [`Separation`] | masks from templates and activations, and the sounds they leave |
//! | [`percussive_mask`] | what strikes against what sustains, by median filters |
//! | [`pitch`], [`notes`] | the pitch of a template; notes and their onsets from activations |
//! | [`group_by_similarity`] | components that belong together |
//! | [`decimated`] | fewer samples a second, for players on pages |

mod bands;
mod decimate;
mod group;
mod load;
mod notes;
mod percussive;
mod pitch;
mod separate;
mod sound;
mod spectrogram;
mod transform;
mod wave;

pub use bands::{Bands, Scale};
pub use decimate::{decimated, decimation};
pub use group::{group_by_similarity, similarity};
pub use load::load;
pub use notes::{Note, notes};
pub use percussive::{percussive_mask, percussive_reach};
pub use pitch::{Pitch, note_name, pitch};
pub use separate::{Model, Separation};
pub use sound::Sound;
pub use spectrogram::{FLOOR, Spectrogram};
pub use transform::{Framing, Transform, Window, Workspace};
pub use wave::{SampleFormat, WaveFile};
