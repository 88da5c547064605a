//! A survey of ranks, with the parameters by name and the results by name.

use numpy::{PyArray1, PyArray2, PyReadonlyArray2};
use partwise::{Consensus, Criterion, RankMethod, RankPoint, RankSurvey, Survey};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::{caught, to_python};
use crate::fit::Options;
use crate::watch::{self, Watcher};

/// The parameters of a survey: further items of the dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked {
    ranks: Vec<usize>,
    methods: Option<Vec<String>>,
    starts: usize,
    folds: usize,
    solver: String,
    seed: u64,
}

/// What one method says: a dictionary.
#[derive(IntoPyObject)]
struct Curve<'py> {
    method: &'static str,
    title: &'static str,
    source: &'static str,
    measure: &'static str,
    weak: bool,
    ranks: Bound<'py, PyArray1<usize>>,
    values: Bound<'py, PyArray1<f64>>,
    /// NaN where there is none.
    errors: Bound<'py, PyArray1<f64>>,
    /// A row for each rank.
    repeats: Bound<'py, PyArray2<f64>>,
    proposed: Option<usize>,
    reason: Option<String>,
}

/// What comes back: a dictionary.
#[derive(IntoPyObject)]
pub(crate) struct Found<'py> {
    ranks: Vec<usize>,
    curves: Vec<Curve<'py>>,
    rank: Option<usize>,
    reason: Option<String>,
    complete: bool,
    seconds: f64,
    samples: Bound<'py, PyArray1<usize>>,
    /// For each rank the group of each of the samples by each start, (starts, samples); None if no method compares starts.
    groups: Vec<Option<Bound<'py, PyArray2<u32>>>>,
}

fn configured(common: &Options, asked: &Asked) -> Result<RankSurvey, partwise::Error> {
    let nmf = common
        .common()?
        .solver(asked.solver.parse()?)
        .seed(asked.seed);
    let mut survey = RankSurvey::new(asked.ranks.iter().copied())
        .nmf(nmf)
        .starts(asked.starts)
        .folds(asked.folds);
    if let Some(methods) = &asked.methods {
        let methods = methods.iter().map(|name| name.parse());
        survey = survey.methods(methods.collect::<Result<Vec<RankMethod>, _>>()?);
    }
    survey.check()?;
    Ok(survey)
}

/// The methods as (name, title, source, measure, whether weak), the one that decides first.
#[pyfunction]
pub(crate) fn rank_methods() -> Vec<(&'static str, &'static str, &'static str, &'static str, bool)>
{
    let row = |m: RankMethod| (m.name(), m.title(), m.source(), m.measure(), m.is_weak());
    RankMethod::all().map(row).collect()
}

/// Looks at ranks by several methods.
#[pyfunction]
#[pyo3(signature = (x, options, callback=None, keep_best=false))]
pub(crate) fn survey<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
) -> PyResult<Found<'py>> {
    let watcher = Watcher {
        callback,
        keep_best,
    };
    let (common, asked): (Options, Asked) = (options.extract()?, options.extract()?);
    let survey = configured(&common, &asked).map_err(to_python)?;
    let found = match AnyStored::of(x)? {
        AnyStored::F32(x) => survey_stored(py, &x, &survey, watcher),
        AnyStored::F64(x) => survey_stored(py, &x, &survey, watcher),
    }?;
    Found::of(py, found)
}

fn survey_stored<T: Number>(
    py: Python<'_>,
    x: &Stored<'_, T>,
    survey: &RankSurvey,
    watcher: Watcher,
) -> PyResult<Survey> {
    let view = x.view()?;
    watch::run_survey(py, watcher, |observer| {
        survey.run(&view.matrix()?, observer)
    })
}

/// (samples, shares): which places come together most often, and how often each two are in one group of `groups`
/// (starts, samples), in that order.
#[pyfunction]
pub(crate) fn consensus<'py>(
    py: Python<'py>,
    groups: PyReadonlyArray2<'py, u32>,
) -> PyResult<(Bound<'py, PyArray1<usize>>, Bound<'py, PyAny>)> {
    let groups = groups.as_array();
    let rows: Vec<Vec<u32>> = groups.rows().into_iter().map(|row| row.to_vec()).collect();
    let places: Vec<usize> = (0..groups.ncols()).collect();
    let found = py.detach(|| caught(|| Ok(Consensus::of(&places, &rows))))?;
    let shares = arrays::to_numpy(py, found.shares)?;
    Ok((PyArray1::from_vec(py, found.samples), shares))
}

impl<'py> Found<'py> {
    fn of(py: Python<'py>, survey: Survey) -> PyResult<Self> {
        let square = |rows: &[Vec<u32>]| PyArray2::from_vec2(py, rows);
        let groups = survey.ranks.iter().map(|&rank| survey.groups(rank));
        let groups = groups.map(|groups| groups.map(square).transpose());
        let groups = groups
            .collect::<Result<_, _>>()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let curves = survey.criteria.iter().map(|one| Curve::of(py, one));
        let curves = curves.collect::<PyResult<_>>()?;
        let (rank, reason) = survey
            .choice
            .as_ref()
            .map(|choice| (choice.rank, choice.reason.clone()))
            .unzip();
        Ok(Self {
            curves,
            rank,
            reason,
            groups,
            samples: PyArray1::from_slice(py, survey.samples()),
            complete: survey.complete,
            seconds: survey.seconds,
            ranks: survey.ranks,
        })
    }
}

impl<'py> Curve<'py> {
    fn of(py: Python<'py>, criterion: &Criterion) -> PyResult<Self> {
        let (method, points) = (criterion.method, &criterion.points);
        let widest = points
            .iter()
            .map(|point| point.repeats.len())
            .max()
            .unwrap_or(0);
        let padded = |point: &RankPoint| {
            let mut repeats = point.repeats.clone();
            repeats.resize(widest, f64::NAN);
            repeats
        };
        let repeats: Vec<Vec<f64>> = points.iter().map(padded).collect();
        let errors = points.iter().map(|point| point.error.unwrap_or(f64::NAN));
        Ok(Self {
            method: method.name(),
            title: method.title(),
            source: method.source(),
            measure: method.measure(),
            weak: method.is_weak(),
            ranks: PyArray1::from_iter(py, points.iter().map(|point| point.rank)),
            values: PyArray1::from_iter(py, points.iter().map(|point| point.value)),
            errors: PyArray1::from_iter(py, errors),
            repeats: PyArray2::from_vec2(py, &repeats)
                .map_err(|error| PyValueError::new_err(error.to_string()))?,
            proposed: criterion.proposal.as_ref().map(|proposal| proposal.rank),
            reason: criterion
                .proposal
                .as_ref()
                .map(|proposal| proposal.reason.clone()),
        })
    }
}
