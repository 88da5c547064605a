//! The one error type of this crate.

/// Why a figure could not be drawn or a run not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A picture's samples do not fit its size.
    #[error(
        "the picture has {found} samples, but {width} × {height} pixels of {channels} need {}",
        width * height * channels
    )]
    Samples {
        /// Number of samples handed over.
        found: usize,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Samples a pixel: 1 or 3.
        channels: usize,
    },

    /// Two pictures that belong side by side differ in size or channels.
    #[error(
        "the original is {} pixels of {} and the reconstruction {} of {}; they must agree",
        size(original), original.2, size(reconstruction), reconstruction.2
    )]
    DifferentPictures {
        /// Width, height and channels of the original.
        original: (usize, usize, usize),
        /// Width, height and channels of the reconstruction.
        reconstruction: (usize, usize, usize),
    },

    /// A figure needs at least one picture.
    #[error("the gallery has no pictures; it needs at least one")]
    NoPictures,

    /// The renderer refused the figure.
    #[error("cannot render a figure of {width} × {height} units: {reason}")]
    Render {
        /// Width in SVG units.
        width: f64,
        /// Height in SVG units.
        height: f64,
        /// What the renderer said.
        reason: String,
    },

    /// A run holds a number that JSON cannot hold.
    #[error("the run's {field} is {value}; it must be a finite number")]
    NotFinite {
        /// Name of the field, with the place in the trace.
        field: String,
        /// Its value.
        value: f64,
    },

    /// An extra field of a run has the name of a fixed one.
    #[error("the run's extra field {name:?} has the name of a field that every run has")]
    ReservedName {
        /// The name.
        name: String,
    },

    /// A list that a page is made from is too short or too long.
    #[error("{what} has {found} values; it needs {shape}")]
    Length {
        /// What it holds.
        what: &'static str,
        /// How many values were handed over.
        found: usize,
        /// How many are needed, and why.
        shape: String,
    },

    /// A value that a page is made from is out of its range.
    #[error("{place} is {value}; it must be {expected}")]
    Value {
        /// Which value.
        place: String,
        /// What it is.
        value: String,
        /// What would be right.
        expected: String,
    },

    /// The text is not a run.
    #[error("this is not a run.json")]
    Parse(#[from] serde_json::Error),
}

fn size((width, height, _): &(usize, usize, usize)) -> String {
    format!("{width} × {height}")
}
