//! What can be wrong with a request, found before any work is done; and what can end the work.

use std::fmt;
use std::sync::Arc;

/// Why rows of V could not be read: the reader's own error.
#[derive(Debug, Clone)]
pub struct ReadError(Arc<dyn std::error::Error + Send + Sync>);

impl ReadError {
    pub(crate) fn new(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self(error.into())
    }
}

impl PartialEq for ReadError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Why a factorisation was refused, or ended without an answer. Each says what was found, where, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of a matrix is below zero.
    #[error(
        "{matrix} has the negative value {value} at row {row}, column {col} (counted from 0); every entry must be zero or more"
    )]
    Negative {
        /// Which matrix: `V`, `W`, `H`, or in words, as `the weights of rows`.
        matrix: &'static str,
        /// The value found.
        value: f64,
        /// Its row, counted from 0.
        row: usize,
        /// Its column, counted from 0.
        col: usize,
    },
    /// An entry of a matrix is NaN or infinite.
    #[error(
        "{matrix} has the value {value} at row {row}, column {col} (counted from 0); every entry must be a finite number"
    )]
    NotFinite {
        /// Which matrix: `V`, `W`, `H`, or in words, as `the weights of rows`.
        matrix: &'static str,
        /// The value found.
        value: f64,
        /// Its row, counted from 0.
        row: usize,
        /// Its column, counted from 0.
        col: usize,
    },
    /// A matrix has no row or no column.
    #[error("V is empty: its shape is {rows} × {cols}; at least one row and one column are needed")]
    Empty {
        /// Rows of V.
        rows: usize,
        /// Columns of V.
        cols: usize,
    },
    /// No entry of V is known and has a weight above zero.
    #[error("no entry of V counts: each is missing or has weight zero; at least one is needed")]
    NothingCounts,
    /// The values of a matrix are so large or small that the objective leaves the range of numbers.
    #[error(
        "{matrix} has the value {value:e}: {what} leaves the range of numbers; divide {matrix} by a constant first"
    )]
    Scale {
        /// Which matrix: `V`, `W`, `H`, or in words, as `the weights of rows`.
        matrix: &'static str,
        /// The largest or the smallest entry.
        value: f64,
        /// The figure that would leave the range.
        what: &'static str,
    },
    /// The arrays of a sparse matrix or of a strided view do not fit together.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// The kind of matrix.
        what: &'static str,
        /// What is wrong and where.
        reason: String,
    },
    /// A parameter is outside its range.
    #[error("{name} = {value}: {legal}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        legal: String,
    },
    /// The solver cannot minimise the loss.
    #[error("solver '{solver}' does not handle the loss {loss}; solvers that do: {choices}")]
    SolverLoss {
        /// The solver's name.
        solver: &'static str,
        /// The loss.
        loss: String,
        /// Names of the solvers that can.
        choices: String,
    },
    /// The loss is not defined for a matrix with zeros.
    #[error(
        "the loss {loss} needs every entry of V above zero, but row {row}, column {col} (counted from 0) is zero; use a loss with beta > 0 or add a small constant to V"
    )]
    ZeroEntry {
        /// The loss.
        loss: String,
        /// Row of the first zero, counted from 0.
        row: usize,
        /// Its column, counted from 0.
        col: usize,
    },
    /// A matrix has another shape than the one needed.
    #[error("{matrix} has the shape {rows} × {cols}; expected {expected_rows} × {expected_cols}")]
    Shape {
        /// Which matrix.
        matrix: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
        /// The rows needed.
        expected_rows: usize,
        /// The columns needed.
        expected_cols: usize,
    },
    /// The observer's flag was set; see [`crate::Observer::interrupt`].
    #[error("interrupted before the end of an iteration; nothing of the fit was kept")]
    Interrupted,
    /// A state cannot be gone on from; see [`crate::Nmf::resume`].
    #[error("the fit cannot go on from this state: {reason}")]
    State {
        /// What is wrong with it.
        reason: String,
    },
    /// A V that is read while it is walked could not be read; see [`crate::RowBlocks::read`].
    #[error("V cannot be read any further: {source}")]
    Read {
        /// The reader's reason.
        source: ReadError,
    },
    /// A transport could not ask the partitions.
    #[error("the partitions of V could not be asked ({question}): {reason}")]
    Transport {
        /// What they were to be asked.
        question: String,
        /// What the transport says.
        reason: String,
    },
    /// What is wrong with one of several matrices.
    #[error("matrix {number}: {error}")]
    OfMatrix {
        /// Its number, counted from 1.
        number: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A factor is held, or some of its components, but no value was given for it.
    #[error("{factor} is held, or some of its components are, but no start was given for it")]
    HeldWithoutStart {
        /// `W` or `H`.
        factor: &'static str,
    },
}

/// Refuses a parameter: its value, and what would be right.
pub(crate) fn refuse<R>(
    name: &'static str,
    value: impl ToString,
    legal: impl Into<String>,
) -> Result<R, Error> {
    Err(Error::Parameter {
        name,
        value: value.to_string(),
        legal: legal.into(),
    })
}

impl Error {
    /// The same error about an entry of another matrix.
    pub(crate) fn of_matrix(self, name: &'static str) -> Self {
        match self {
            Self::Negative {
                value, row, col, ..
            } => Self::Negative {
                matrix: name,
                value,
                row,
                col,
            },
            Self::NotFinite {
                value, row, col, ..
            } => Self::NotFinite {
                matrix: name,
                value,
                row,
                col,
            },
            Self::Scale { value, what, .. } => Self::Scale {
                matrix: name,
                value,
                what,
            },
            other => other,
        }
    }
}
