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
        "{name} is {width} × {height} pixels, which takes {needed_bytes} bytes to read; \
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
    #[error("{name} is {width} × {height} pixels; a matrix needs at least one row and one column")]
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
    #[error("{what} has {found} values, but {rows} × {columns} needs {}", rows * columns)]
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
    #[error("cannot encode a {width} × {height} picture")]
    Encode {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// What the encoder said.
        source: ::image::ImageError,
    },

    /// One line of a file of documents is at fault.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// A corpus as a whole is at fault.
    #[error("{name}: {problem}")]
    Corpus {
        /// The corpus.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },

    /// No term of a corpus is left.
    #[error("{name}: no terms are left of {terms}: {reason}")]
    EmptyVocabulary {
        /// The corpus.
        name: String,
        /// Terms before the filters.
        terms: usize,
        /// Which filter took how many.
        reason: String,
    },

    /// A language without what is asked for.
    #[error("no {what} are known for '{name}'; known are {known}")]
    UnknownLanguage {
        /// The language asked for.
        name: String,
        /// Stop words or stems.
        what: &'static str,
        /// The languages that have them.
        known: String,
    },

    /// A parameter out of its range.
    #[error("{name} is {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: String,
    },

    /// The file is no sound of a kind that is known.
    #[error("{name} is not a readable sound; WAV, FLAC, Ogg Vorbis, MP3, AAC and ALAC are")]
    UnknownSound {
        /// The file.
        name: String,
    },

    /// The file's content is not a sound that can be decoded.
    #[error("{name} cannot be decoded as a sound")]
    DecodeSound {
        /// The file.
        name: String,
        /// What the decoder said.
        source: symphonia::core::errors::Error,
    },

    /// The sound holds, or announces, more samples than the memory limit allows.
    #[error(
        "{name} has {samples} samples in {channels} channels, which take {needed_bytes} bytes; \
         the limit is {limit_bytes} bytes"
    )]
    SoundTooLarge {
        /// The file.
        name: String,
        /// Samples of a channel.
        samples: u64,
        /// Number of channels.
        channels: usize,
        /// Bytes that the samples would take.
        needed_bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },

    /// The sound has nothing in it.
    #[error("{name} has no samples; a sound needs at least one")]
    NoSamples {
        /// The file, or a name for the samples.
        name: String,
    },

    /// Channels differ in length.
    #[error(
        "channel {channel} of {name} has {found} samples, the first has {expected}; they must agree"
    )]
    UnequalChannels {
        /// A name for the samples.
        name: String,
        /// The channel, from 1.
        channel: usize,
        /// Its samples.
        found: usize,
        /// Those of the first channel.
        expected: usize,
    },

    /// A floating-point sound holds a sample that is not a finite number.
    #[error(
        "{name} holds {value} at {seconds:.6} s (sample {sample}), channel {channel}; \
         every sample must be a finite number"
    )]
    SampleNotANumber {
        /// The file, or a name for the samples.
        name: String,
        /// The sample's value.
        value: f32,
        /// The sample, from 0.
        sample: usize,
        /// The same in seconds.
        seconds: f64,
        /// The channel, from 1.
        channel: usize,
    },

    /// A channel was asked for that the sound does not have.
    #[error("{name}: has no channel {channel}; expected 1 to {channels}")]
    NoSuchChannel {
        /// The file, or a name for the samples.
        name: String,
        /// The number asked for.
        channel: usize,
        /// Number of channels.
        channels: usize,
    },

    /// The sound is shorter than a frame.
    #[error(
        "{name} has {samples} samples ({seconds:.3} s), less than one frame of {frame}; \
         a longer sound or a shorter frame is needed"
    )]
    TooShort {
        /// The file, or a name for the samples.
        name: String,
        /// Its samples.
        samples: usize,
        /// The same in seconds.
        seconds: f64,
        /// Samples a frame.
        frame: usize,
    },

    /// No sample differs from zero.
    #[error("{name} is silent: every sample is 0, so there is nothing to take apart")]
    Silent {
        /// The file, or a name for the samples.
        name: String,
    },

    /// Sublinear weights are of whole occurrences.
    #[error(
        "the entry in row {row}, column {column} (counted from 0) is {value}; sublinear weights need counts of at least 1"
    )]
    PartOfACount {
        /// The entry.
        value: f64,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
    },

    /// A sound file could not be written.
    #[error("{}: cannot write", path.display())]
    WriteSound {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The file is no compressed picture.
    #[error("{name} is no .pwz file")]
    NotCompressed {
        /// The file, or a name for the bytes.
        name: String,
    },

    /// The compressed picture has a version that this program does not know.
    #[error("{name} is a .pwz file of version {version}; this program reads version {known}")]
    CompressedVersion {
        /// The file, or a name for the bytes.
        name: String,
        /// The file's version.
        version: u8,
        /// The version that can be read.
        known: u8,
    },

    /// The compressed picture is shorter or longer than it says.
    #[error("{name} has {found} bytes where {expected} are announced; it is torn")]
    Torn {
        /// The file, or a name for the bytes.
        name: String,
        /// Bytes that it should have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },

    /// The compressed picture is not what was written.
    #[error("{name} does not match its checksum; it is damaged")]
    Checksum {
        /// The file, or a name for the bytes.
        name: String,
    },

    /// The compressed picture holds what no writer makes.
    #[error("{name} is damaged: {what}")]
    Damaged {
        /// The file, or a name for the bytes.
        name: String,
        /// What is wrong.
        what: &'static str,
    },

    /// The goal of a compression is out of its range.
    #[error("{what} is {value}; expected {legal}")]
    Target {
        /// What was asked for.
        what: &'static str,
        /// The value.
        value: String,
        /// What would be right.
        legal: &'static str,
    },

    /// The picture cannot be made as small, or kept as good, as was asked for.
    #[error("{asked} cannot be met for this picture; {nearest} is as far as it goes")]
    Unreachable {
        /// What was asked for.
        asked: String,
        /// What can be had.
        nearest: String,
    },

    /// A factorisation that was asked for failed.
    #[error("the picture cannot be factored")]
    Factorisation {
        /// What the solver said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A folder holds no picture.
    #[error("{} holds no picture of a kind that can be read", folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },

    /// Pictures that are to be rows of one matrix differ in size.
    #[error(
        "{} is {first_size} pixels, but {} is {other_size}; all pictures must be equally large",
        first.display(), other.display()
    )]
    DifferentSizes {
        /// The first picture.
        first: PathBuf,
        /// Its width and height.
        first_size: String,
        /// The first that differs.
        other: PathBuf,
        /// Its width and height.
        other_size: String,
    },

    /// The pictures of a folder take more memory than allowed.
    #[error(
        "{} holds {pictures} pictures, which take {needed_bytes} bytes; the limit is {limit_bytes} bytes",
        folder.display()
    )]
    AlbumTooLarge {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        pictures: usize,
        /// Bytes of the matrix.
        needed_bytes: u64,
        /// Bytes allowed.
        limit_bytes: u64,
    },

    /// Rows of a matrix are no pictures of the given shape.
    #[error("rows of {columns} entries are no pictures of {height} × {width} pixels")]
    RowLength {
        /// Entries of a row.
        columns: usize,
        /// Height asked for.
        height: usize,
        /// Width asked for.
        width: usize,
    },

    /// The system gives no threads to work with.
    #[error("cannot make threads")]
    Threads {
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}
