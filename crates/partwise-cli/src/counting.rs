//! What the entries of V count for: from flags, files and models to the engine, and into the record of a run.

use std::path::Path;

use anyhow::bail;
use partwise::{Error, Matrix, Missing, Weighting};
use serde_json::{Map, Value, json};

use crate::arguments::{CountingArguments, MissingArguments, MissingValue, Zeros};
use crate::input;
use crate::number::Number;

/// The weights that the flags name, read.
pub(crate) struct Counting<'a, T> {
    arguments: &'a CountingArguments,
    missing: Missing,
    entries: Option<partwise_io::Matrix<T>>,
    rows: Option<Vec<T>>,
}

impl<'a, T: Number> Counting<'a, T> {
    /// Reads the weights of V, which messages call `name`.
    ///
    /// # Errors
    /// Files that cannot be read, or hold another number of weights; a dense V that is said to store only what is known.
    pub(crate) fn read(
        arguments: &'a CountingArguments,
        v: &Matrix<'_, T>,
        name: &str,
    ) -> anyhow::Result<Self> {
        let missing = missing(arguments.missing, v, name)?;
        let entries = arguments.entry_weights.as_deref().map(|path| {
            let weights = input::read_as::<T>(path, None)?.matrix;
            let (rows, cols) = weights.shape();
            anyhow::ensure!(
                (rows, cols) == (v.rows(), v.cols()),
                "{}: has {rows} × {cols} weights; expected the shape of {name}, {} × {}",
                input::name(path),
                v.rows(),
                v.cols()
            );
            Ok(weights)
        });
        let rows = arguments
            .row_weights
            .as_deref()
            .map(|path| input::read_numbers::<T>(path, v.rows(), &format!("rows of {name}")));
        Ok(Self {
            arguments,
            missing,
            entries: entries.transpose()?,
            rows: rows.transpose()?,
        })
    }

    /// As the engine takes it.
    ///
    /// # Errors
    /// Weights that are no matrix.
    pub(crate) fn weighting(&self) -> anyhow::Result<Weighting<'_, T>> {
        let entries = self.entries.as_ref().map(partwise_io::Matrix::view);
        Ok(Weighting {
            missing: self.missing,
            rows: self.rows.as_deref(),
            entries: entries.transpose()?,
        })
    }

    /// Bytes of the weights.
    pub(crate) fn bytes(&self) -> u64 {
        let rows = self.rows.as_deref().map_or(0, size_of_val) as u64;
        self.entries.as_ref().map_or(0, input::bytes_of) + rows
    }

    /// An error with the file of weights that it is about, if it is about one.
    pub(crate) fn placed(&self, error: anyhow::Error) -> anyhow::Error {
        let matrix = match error.downcast_ref::<Error>() {
            Some(Error::Negative { matrix, .. } | Error::NotFinite { matrix, .. }) => *matrix,
            _ => "",
        };
        let path = match matrix {
            "the weights of rows" => self.arguments.row_weights.as_deref(),
            "the weights of entries" => self.arguments.entry_weights.as_deref(),
            _ => None,
        };
        match path {
            Some(path) => error.context(input::name(path)),
            None => error,
        }
    }
}

/// Which entries of V are not known, for the engine.
///
/// # Errors
/// A dense V that is said to store only what is known.
pub(crate) fn missing<T: Number>(
    asked: MissingArguments,
    v: &Matrix<'_, T>,
    name: &str,
) -> anyhow::Result<Missing> {
    Ok(match (asked.zeros, asked.missing_values) {
        (Zeros::Missing, _) if !v.is_sparse() => bail!(
            "--zeros missing is for a sparse V, which does not store what is not known, but {name} is dense; \
             put nan there and give --missing-values nan"
        ),
        (Zeros::Missing, _) => Missing::Unstored,
        (Zeros::Data, Some(MissingValue::Nan)) => Missing::Nan,
        (Zeros::Data, None) => Missing::None,
    })
}

/// The flags and their values for run.json.
pub(crate) fn parameters(arguments: &CountingArguments) -> Map<String, Value> {
    let mut found = remembered(arguments.missing);
    let path = |path: &Option<std::path::PathBuf>| {
        json!(path.as_deref().map(Path::display).map(|x| x.to_string()))
    };
    found.insert("entry_weights".to_owned(), path(&arguments.entry_weights));
    found.insert("row_weights".to_owned(), path(&arguments.row_weights));
    found
}

/// What a model remembers, so that new samples are read as those that it was fitted on.
pub(crate) fn remembered(missing: MissingArguments) -> Map<String, Value> {
    let value = missing.missing_values.map(|MissingValue::Nan| "nan");
    let zeros = match missing.zeros {
        Zeros::Data => "data",
        Zeros::Missing => "missing",
    };
    let pairs = [("missing_values", json!(value)), ("zeros", json!(zeros))];
    pairs
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// The flags of a transform, and what its model remembers where they are not given.
///
/// # Errors
/// A model that remembers something else.
pub(crate) fn recalled(asked: MissingArguments, meta: &Value) -> anyhow::Result<MissingArguments> {
    let missing_values = match (asked.missing_values, &meta["missing_values"]) {
        (Some(asked), _) => Some(asked),
        (None, Value::Null) => None,
        (None, Value::String(text)) if text == "nan" => Some(MissingValue::Nan),
        (None, other) => bail!("meta has missing_values = {other}; expected \"nan\" or null"),
    };
    let zeros = match &meta["zeros"] {
        Value::Null => asked.zeros,
        Value::String(text) if text == "data" => asked.zeros,
        Value::String(text) if text == "missing" => Zeros::Missing,
        other => bail!("meta has zeros = {other}; expected \"data\" or \"missing\""),
    };
    Ok(MissingArguments {
        missing_values,
        zeros,
    })
}

/// The line for people: what does not count, or counts otherwise.
pub(crate) fn in_words(arguments: &CountingArguments) -> String {
    let missing = arguments.missing;
    let nan = missing
        .missing_values
        .map(|_| "NaN is not known".to_owned());
    let unstored =
        (missing.zeros == Zeros::Missing).then(|| "what is not stored is not known".to_owned());
    let weights = |path: &Option<std::path::PathBuf>, of: &str| {
        path.as_deref()
            .map(|path| format!("{of} weighted by {}", input::name(path)))
    };
    let parts = [
        nan,
        unstored,
        weights(&arguments.entry_weights, "entries"),
        weights(&arguments.row_weights, "rows"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
