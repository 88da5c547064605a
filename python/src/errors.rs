//! The engine's errors as Python exceptions, in scikit-learn's words where it has them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use partwise::Error;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error of the engine.
pub(crate) fn to_python(error: Error) -> PyErr {
    let text = match &error {
        Error::Negative {
            matrix,
            value,
            row,
            col,
        } => {
            let name = name(matrix);
            format!(
                "Negative values in data passed to NMF (input {name}): {name}[{row}, {col}] = {value}; \
                 expected zero or more"
            )
        }
        Error::NotFinite {
            matrix,
            value,
            row,
            col,
        } => {
            let (name, what) = (
                name(matrix),
                if value.is_nan() { "NaN" } else { "infinity" },
            );
            format!("Input {name} contains {what}: {name}[{row}, {col}] = {value}")
        }
        Error::ZeroEntry { row, col, .. } => format!(
            "When beta_loss <= 0 and X contains zeros, the solver may diverge. Please add small values to X, or use a \
             positive beta_loss. The first zero is X[{row}, {col}]."
        ),
        Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
        other => in_python_names(&other.to_string()),
    };
    PyValueError::new_err(text)
}

/// The exception for a panic of the engine, which is a defect of it: it must not end the interpreter.
pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    // What the libraries of linear algebra and of deflate say where the system gives none.
    if text.is_some_and(|text| text.contains("AllocError") || text.contains("MemError")) {
        return PyMemoryError::new_err("the system gives no more memory");
    }
    PyRuntimeError::new_err(format!(
        "the engine failed: {}. This is a defect of partwise; please report it",
        text.unwrap_or("for an unknown reason")
    ))
}

/// The result of work on the calling thread, or the exception for a panic of the engine in it.
pub(crate) fn caught<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    outcome.unwrap_or_else(|payload| Err(from_panic(payload.as_ref())))
}

/// What Python calls a matrix of the engine.
fn name(matrix: &str) -> &str {
    if matrix == "V" { "X" } else { matrix }
}

/// A message with the engine's names replaced by Python's.
fn in_python_names(text: &str) -> String {
    let words = text.split(' ').enumerate().map(|(place, word)| match word {
        // As names of parameters they begin a message.
        "runs" if place == 0 => "n_runs",
        "leaves" if place == 0 => "n_leaves",
        "V" => "X",
        "rank" => "n_components",
        "alpha_w" => "alpha_W",
        "alpha_h" => "alpha_H",
        "beta" => "beta_loss",
        "patience" => "max_no_improvement",
        "fresh_iterations" => "fresh_restarts_max_iter",
        "solve_iterations" => "transform_max_iter",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}
