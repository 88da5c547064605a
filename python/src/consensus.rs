//! A consensus of many fits, with the parameters by name and the results by name.

use numpy::PyArray1;
use partwise::{ConsensusModel, ConsensusNmf, ConsensusPart, ConsensusRun};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::to_python;
use crate::fit::{Fit, Options};
use crate::watch::{self, Watcher};

/// The parameters of a consensus: further items of the dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked {
    n_runs: usize,
    threshold: f64,
    neighbours: f64,
    bootstrap: usize,
    polish: bool,
    solver: String,
    seed: u64,
}

type Figures<'py> = Bound<'py, PyArray1<f64>>;

/// What comes back: a dictionary. Figures of components, then of runs, then of the components of all runs.
#[derive(IntoPyObject)]
pub(crate) struct Found<'py> {
    fit: Fit<'py>,
    share: Figures<'py>,
    members: Bound<'py, PyArray1<usize>>,
    found: Figures<'py>,
    silhouette: Figures<'py>,
    cosine: Figures<'py>,
    rival: Figures<'py>,
    objective: Figures<'py>,
    as_good: Bound<'py, PyArray1<bool>>,
    distance: Figures<'py>,
    part: Bound<'py, PyArray1<usize>>,
    kept: Bound<'py, PyArray1<bool>>,
    /// (fits, lower, upper, cosine, lower shares, upper shares) of the bootstrap.
    intervals: Option<Bootstrap<'py>>,
    complete: bool,
}

type Bootstrap<'py> = (
    usize,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Figures<'py>,
    Figures<'py>,
    Figures<'py>,
);

fn configured(common: &Options, asked: &Asked) -> Result<ConsensusNmf, partwise::Error> {
    let nmf = common
        .common()?
        .solver(asked.solver.parse()?)
        .seed(asked.seed);
    let consensus = ConsensusNmf::new(nmf)
        .runs(asked.n_runs)
        .threshold(asked.threshold)
        .neighbours(asked.neighbours)
        .bootstrap(asked.bootstrap)
        .polish(asked.polish);
    consensus.check()?;
    Ok(consensus)
}

/// What many fits of X agree on; None if the callback ended it before two were done.
#[pyfunction]
#[pyo3(signature = (x, options, callback=None, keep_best=false))]
pub(crate) fn fit_consensus<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
) -> PyResult<Option<Found<'py>>> {
    let watcher = Watcher {
        callback,
        keep_best,
    };
    let (common, asked): (Options, Asked) = (options.extract()?, options.extract()?);
    let asked = configured(&common, &asked).map_err(to_python)?;
    match AnyStored::of(x)? {
        AnyStored::F32(x) => fit_stored(py, &x, &asked, watcher),
        AnyStored::F64(x) => fit_stored(py, &x, &asked, watcher),
    }
}

fn fit_stored<'py, T: Number>(
    py: Python<'py>,
    x: &Stored<'py, T>,
    asked: &ConsensusNmf,
    watcher: Watcher,
) -> PyResult<Option<Found<'py>>> {
    let view = x.view()?;
    let found = watch::run_survey(py, watcher, |observer| asked.run(&view.matrix()?, observer))?;
    found.map(|found| Found::of(py, found)).transpose()
}

impl<'py> Found<'py> {
    fn of<T: Number>(py: Python<'py>, model: ConsensusModel<T>) -> PyResult<Self> {
        let of_parts = |figure: fn(&ConsensusPart) -> f64| {
            PyArray1::from_iter(py, model.parts.iter().map(figure))
        };
        let members = model.members.iter();
        let intervals = model.intervals.map(|found| {
            let (low, high): (Vec<f64>, Vec<f64>) = found.share.into_iter().unzip();
            PyResult::Ok((
                found.fits,
                arrays::to_numpy(py, found.lower)?,
                arrays::to_numpy(py, found.upper)?,
                PyArray1::from_vec(py, found.cosine),
                PyArray1::from_vec(py, low),
                PyArray1::from_vec(py, high),
            ))
        });
        let objective = |run: &ConsensusRun| run.objective;
        Ok(Self {
            share: of_parts(|part| part.share),
            members: PyArray1::from_iter(py, model.parts.iter().map(|part| part.members)),
            found: of_parts(|part| part.found),
            silhouette: of_parts(|part| part.silhouette),
            cosine: of_parts(|part| part.cosine),
            rival: of_parts(|part| part.rival),
            objective: PyArray1::from_iter(py, model.runs.iter().map(objective)),
            as_good: PyArray1::from_iter(py, model.runs.iter().map(|run| run.as_good)),
            distance: PyArray1::from_iter(py, members.clone().map(|member| member.distance)),
            part: PyArray1::from_iter(py, members.clone().map(|member| member.part)),
            kept: PyArray1::from_iter(py, members.map(|member| member.kept)),
            intervals: intervals.transpose()?,
            complete: model.complete,
            fit: Fit::of(py, model.fit)?,
        })
    }
}
