//! Mini-batch fits, with the parameters by name and the results by name.

use partwise::{Error, MiniBatchMemory, MiniBatchNmf};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::to_python;
use crate::fit::Options;
use crate::watch::{self, Watcher};

/// The parameters of the batches: further items of the dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Batches {
    batch_size: usize,
    forget_factor: f64,
    max_no_improvement: Option<usize>,
    fresh_restarts: bool,
    fresh_restarts_max_iter: usize,
    transform_max_iter: usize,
}

/// Hᵀ and the statistics behind it, (Hᵀ, Aᵀ, Bᵀ): n × k, so that nothing large is turned from batch to batch.
type Arrays<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// What comes back of a fit: a dictionary.
#[derive(IntoPyObject)]
pub(crate) struct Fit<'py> {
    #[pyo3(item("W"))]
    w: Bound<'py, PyAny>,
    memory: Arrays<'py>,
    divergence: f64,
    n_iter: usize,
    n_steps: usize,
    stop: String,
}

fn configured(options: &Bound<'_, PyAny>) -> PyResult<MiniBatchNmf> {
    let (common, batches): (Options, Batches) = (options.extract()?, options.extract()?);
    let nmf = common.common().map_err(to_python)?;
    Ok(MiniBatchNmf::new(nmf)
        .batch_size(batches.batch_size)
        .forget_factor(batches.forget_factor)
        .patience(batches.max_no_improvement)
        .fresh_restarts(batches.fresh_restarts)
        .fresh_iterations(batches.fresh_restarts_max_iter)
        .solve_iterations(batches.transform_max_iter))
}

/// A factor that must be there.
fn needed<T: Number>(x: &Bound<'_, PyAny>) -> PyResult<partwise::Dense<T>> {
    arrays::factor(Some(x))?.ok_or_else(|| PyValueError::new_err("a factor is missing"))
}

fn memory_of<T: Number>((ht, numerator, denominator): &Arrays<'_>) -> PyResult<MiniBatchMemory<T>> {
    Ok(MiniBatchMemory {
        ht: needed(ht)?,
        numerator: needed(numerator)?,
        denominator: needed(denominator)?,
    })
}

fn memory_to_numpy<T: Number>(py: Python<'_>, memory: MiniBatchMemory<T>) -> PyResult<Arrays<'_>> {
    Ok((
        arrays::to_numpy(py, memory.ht)?,
        arrays::to_numpy(py, memory.numerator)?,
        arrays::to_numpy(py, memory.denominator)?,
    ))
}

/// Factors X ≈ W H batch by batch from a start.
#[pyfunction]
#[pyo3(signature = (x, options, w, h, callback=None, keep_best=false))]
pub(crate) fn fit_batches<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: &Bound<'py, PyAny>,
    w: &Bound<'py, PyAny>,
    h: &Bound<'py, PyAny>,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
) -> PyResult<Fit<'py>> {
    fn typed<'py, T: Number>(
        py: Python<'py>,
        x: &Stored<'py, T>,
        model: &MiniBatchNmf,
        (w, h): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
        watcher: Watcher,
    ) -> PyResult<Fit<'py>> {
        let view = x.view()?;
        let (w, h) = (needed::<T>(w)?, needed::<T>(h)?);
        let fitted = watch::run(py, watcher, |observer| {
            model.fit(&view.matrix()?, w, h, observer)
        })?;
        Ok(Fit {
            w: arrays::to_numpy(py, fitted.w)?,
            memory: memory_to_numpy(py, fitted.memory)?,
            divergence: fitted.divergence,
            n_iter: fitted.iterations,
            n_steps: fitted.steps,
            stop: fitted.stop.to_string(),
        })
    }
    let model = configured(options)?;
    let watcher = Watcher {
        callback,
        keep_best,
    };
    match AnyStored::of(x)? {
        AnyStored::F32(x) => typed(py, &x, &model, (w, h), watcher),
        AnyStored::F64(x) => typed(py, &x, &model, (w, h), watcher),
    }
}

/// One step with the rows of X, from (Hᵀ, Aᵀ, Bᵀ) to new ones. `keep` is what is left of the old statistics.
#[pyfunction]
pub(crate) fn fit_batch<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: &Bound<'py, PyAny>,
    memory: Arrays<'py>,
    keep: f64,
) -> PyResult<(Arrays<'py>, f64)> {
    fn typed<'py, T: Number>(
        py: Python<'py>,
        x: &Stored<'py, T>,
        model: &MiniBatchNmf,
        memory: &Arrays<'py>,
        keep: f64,
    ) -> PyResult<(Arrays<'py>, f64)> {
        let view = x.view()?;
        let memory = memory_of::<T>(memory)?;
        let (memory, cost) = watch::run(py, Watcher::nobody(), move |observer| {
            let mut memory = memory;
            let cost = model.partial_fit(&view.matrix()?, &mut memory, keep, observer)?;
            Ok::<_, Error>((memory, cost))
        })?;
        Ok((memory_to_numpy(py, memory)?, cost))
    }
    let model = configured(options)?;
    match AnyStored::of(x)? {
        AnyStored::F32(x) => typed(py, &x, &model, &memory, keep),
        AnyStored::F64(x) => typed(py, &x, &model, &memory, keep),
    }
}

/// W for the rows of X while H is held.
#[pyfunction]
pub(crate) fn transform_batches<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: &Bound<'py, PyAny>,
    h: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    fn typed<'py, T: Number>(
        py: Python<'py>,
        x: &Stored<'py, T>,
        model: &MiniBatchNmf,
        h: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let view = x.view()?;
        let h = needed::<T>(h)?;
        let w = watch::run(py, Watcher::nobody(), |observer| {
            model.transform(&view.matrix()?, &h, observer)
        })?;
        arrays::to_numpy(py, w)
    }
    let model = configured(options)?;
    match AnyStored::of(x)? {
        AnyStored::F32(x) => typed(py, &x, &model, h),
        AnyStored::F64(x) => typed(py, &x, &model, h),
    }
}
