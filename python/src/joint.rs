//! Several matrices with one W.

use numpy::PyReadonlyArray2;
use partwise::{JointModel, JointNmf};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::to_python;
use crate::fit::{Fit, Options, Road, configured};
use crate::watch::{self, Watcher};

/// What a matrix has of its own: H, what its divergence counts for, that divergence, the relative error and what the matrix was
/// multiplied by.
type Part<'py> = (Bound<'py, PyAny>, f64, f64, f64, f64);

/// Whether matrices count alike, and what each counts for beside that.
type Counting = (bool, Vec<f64>);

fn joint(
    options: &Bound<'_, PyAny>,
    (balanced, weights): Counting,
) -> PyResult<(JointNmf, Options)> {
    let (common, road): (Options, Road) = (options.extract()?, options.extract()?);
    let nmf = configured(&common, &road).map_err(to_python)?;
    Ok((
        JointNmf::new(nmf).balanced(balanced).weights(weights),
        common,
    ))
}

/// Factors X_p ≈ W H_p, all X_p of one type.
#[pyfunction]
#[pyo3(signature = (xs, options, counting, callback=None, keep_best=false))]
pub(crate) fn fit_joint<'py>(
    py: Python<'py>,
    xs: Vec<Bound<'py, PyAny>>,
    options: &Bound<'py, PyAny>,
    counting: Counting,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
) -> PyResult<(Fit<'py>, Vec<Part<'py>>)> {
    let (joint, common) = joint(options, counting)?;
    let watcher = Watcher {
        callback,
        keep_best,
    };
    match xs.first().map(AnyStored::of).transpose()? {
        Some(AnyStored::F32(_)) => fit_stored::<f32>(py, &xs, (&joint, &common), watcher),
        _ => fit_stored::<f64>(py, &xs, (&joint, &common), watcher),
    }
}

fn fit_stored<'py, T: Number>(
    py: Python<'py>,
    xs: &[Bound<'py, PyAny>],
    (joint, common): (&JointNmf, &Options),
    watcher: Watcher,
) -> PyResult<(Fit<'py>, Vec<Part<'py>>)> {
    let stored: Vec<_> = xs.iter().map(Stored::<T>::of).collect::<PyResult<_>>()?;
    let views: Vec<_> = stored.iter().map(Stored::view).collect::<PyResult<_>>()?;
    let model: JointModel<T> = watch::run(py, watcher, |observer| {
        let matrices = views.into_iter().map(|view| view.matrix());
        joint.fit_with(&matrices.collect::<Result<Vec<_>, _>>()?, observer)
    })?;
    let part = |part: partwise::JointPart<T>| {
        let figures = (part.weight, part.divergence, part.relative_error);
        let scale = part.scale();
        let h = arrays::to_numpy(py, part.h)?;
        Ok((h, figures.0, figures.1, figures.2, scale))
    };
    let parts = model.parts.into_iter().map(part).collect::<PyResult<_>>()?;
    let flaws = model.fit.flaws();
    Ok((Fit::with(py, model.fit, &flaws, &common.penalty())?, parts))
}

/// Finds W for new samples of some of the matrices, by each H and what its matrix was multiplied by. Ctrl-C raises.
#[pyfunction]
pub(crate) fn transform_joint<'py>(
    py: Python<'py>,
    xs: Vec<Option<Bound<'py, PyAny>>>,
    options: &Bound<'py, PyAny>,
    parts: Vec<(Bound<'py, PyAny>, f64)>,
) -> PyResult<Bound<'py, PyAny>> {
    let (joint, _) = joint(options, (true, Vec::new()))?;
    let single = parts
        .first()
        .is_some_and(|(h, _)| h.extract::<PyReadonlyArray2<'_, f32>>().is_ok());
    if single {
        transform_stored::<f32>(py, &xs, &joint, &parts)
    } else {
        transform_stored::<f64>(py, &xs, &joint, &parts)
    }
}

fn transform_stored<'py, T: Number>(
    py: Python<'py>,
    xs: &[Option<Bound<'py, PyAny>>],
    joint: &JointNmf,
    parts: &[(Bound<'py, PyAny>, f64)],
) -> PyResult<Bound<'py, PyAny>> {
    let stored = xs
        .iter()
        .map(|x| x.as_ref().map(Stored::<T>::of).transpose());
    let stored: Vec<_> = stored.collect::<PyResult<_>>()?;
    let views = stored
        .iter()
        .map(|x| x.as_ref().map(Stored::view).transpose());
    let views: Vec<_> = views.collect::<PyResult<_>>()?;
    let hs = parts.iter().map(|(h, _)| arrays::factor::<T>(Some(h)));
    let hs: Vec<_> = hs.collect::<PyResult<_>>()?;
    let scales: Vec<f64> = parts.iter().map(|(_, scale)| *scale).collect();
    let w = watch::run(py, Watcher::nobody(), |observer| {
        let matrices = views
            .into_iter()
            .map(|view| view.map(|view| view.matrix()).transpose());
        let matrices = matrices.collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<_> = hs.iter().flatten().zip(scales).collect();
        joint.transform_by(&matrices, &parts, observer)
    })?;
    arrays::to_numpy(py, w)
}
