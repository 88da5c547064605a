//! The engine as a Python module, `partwise._partwise`: arrays in and out, errors, signals. No algorithm lives here; what
//! users see is in `partwise/`.

mod arrays;
mod consensus;
mod errors;
mod fit;
mod joint;
mod minibatch;
mod rank;
mod remote;
mod tree;
mod watch;
mod whole;

use partwise::{Constraint, Init, Loss, Solver};
use pyo3::prelude::*;

/// The engine's solvers as (name, what it does), `auto` first.
#[pyfunction]
fn solvers() -> Vec<(&'static str, &'static str)> {
    Solver::all().map(|s| (s.name(), s.title())).collect()
}

/// The engine's starts as (name, what it does, whether it has at most as many components as X has rows or columns), `auto` first.
#[pyfunction]
fn inits() -> Vec<(&'static str, &'static str, bool)> {
    let row = |init: Init| (init.name(), init.title(), init.is_limited());
    Init::all().map(row).collect()
}

/// The engine's constraints as (name, what it says, the papers, the factors it may be on, its number or None).
type Line = (
    &'static str,
    &'static str,
    &'static str,
    Vec<String>,
    Option<f64>,
);

/// The engine's constraints.
#[pyfunction]
fn constraints() -> Vec<Line> {
    let line = |c: Constraint| {
        let factors = c.factors().iter().map(|factor| format!("{factor:?}"));
        (
            c.name(),
            c.title(),
            c.source(),
            factors.collect(),
            c.value(),
        )
    };
    Constraint::all().map(line).collect()
}

/// The factor, "W" or "H", that may have entries of any sign under some constraints, as X then may.
#[pyfunction]
fn signed_factor(constraints: Vec<String>) -> PyResult<Option<String>> {
    for text in constraints {
        let constraint: Constraint = text.parse().map_err(errors::to_python)?;
        if constraint.is_signed() {
            return Ok(Some(format!("{:?}", constraint.factor())));
        }
    }
    Ok(None)
}

/// Whether a solver minimises the beta-divergence.
#[pyfunction]
fn handles(solver: &str, beta_loss: f64) -> PyResult<bool> {
    errors::caught(|| {
        let solver: Solver = solver.parse().map_err(errors::to_python)?;
        let loss = Loss::beta_divergence(beta_loss).map_err(errors::to_python)?;
        Ok(solver.handles(loss))
    })
}

/// Refuses the parts of a sparse matrix that do not fit together.
#[pyfunction]
fn check(py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<()> {
    errors::caught(|| {
        if whole::is_whole(x) {
            return whole::with_matrix(x, false, |_| Ok(()));
        }
        let checked = match arrays::AnyStored::of(x)? {
            arrays::AnyStored::F32(x) => {
                let view = x.view()?;
                py.detach(|| view.matrix().map(drop))
            }
            arrays::AnyStored::F64(x) => {
                let view = x.view()?;
                py.detach(|| view.matrix().map(drop))
            }
        };
        checked.map_err(errors::to_python)
    })
}

#[pymodule]
fn _partwise(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(solvers, module)?)?;
    module.add_function(wrap_pyfunction!(inits, module)?)?;
    module.add_function(wrap_pyfunction!(constraints, module)?)?;
    module.add_function(wrap_pyfunction!(signed_factor, module)?)?;
    module.add_function(wrap_pyfunction!(handles, module)?)?;
    module.add_function(wrap_pyfunction!(check, module)?)?;
    module.add_function(wrap_pyfunction!(fit::fit, module)?)?;
    module.add_function(wrap_pyfunction!(joint::fit_joint, module)?)?;
    module.add_function(wrap_pyfunction!(joint::transform_joint, module)?)?;
    module.add_function(wrap_pyfunction!(consensus::fit_consensus, module)?)?;
    module.add_function(wrap_pyfunction!(tree::split_rules, module)?)?;
    module.add_function(wrap_pyfunction!(tree::fit_tree, module)?)?;
    module.add_function(wrap_pyfunction!(tree::predict_tree, module)?)?;
    module.add_function(wrap_pyfunction!(rank::rank_methods, module)?)?;
    module.add_function(wrap_pyfunction!(rank::survey, module)?)?;
    module.add_function(wrap_pyfunction!(rank::consensus, module)?)?;
    module.add("FAN_IN", partwise::remote::FAN_IN)?;
    module.add_class::<remote::Partition>()?;
    module.add_function(wrap_pyfunction!(remote::add_answers, module)?)?;
    module.add_function(wrap_pyfunction!(remote::fit_remote, module)?)?;
    module.add_function(wrap_pyfunction!(minibatch::fit_batches, module)?)?;
    module.add_function(wrap_pyfunction!(minibatch::fit_batch, module)?)?;
    module.add_function(wrap_pyfunction!(minibatch::transform_batches, module)?)?;
    Ok(())
}
