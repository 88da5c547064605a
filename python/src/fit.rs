//! A fit, with the parameters by name and the results by name.

use std::num::NonZeroUsize;

use numpy::PyReadonlyArray1;
use partwise::{
    Factor, Factorization, FitQuality, Flaws, Graph, Labels, Loss, Matrix, Missing, Nmf, Penalty,
    Start, Weighting,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::{caught, to_python};
use crate::watch::{self, Watcher};
use crate::whole;

/// The parameters of a fit: the items of a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    n_components: usize,
    beta_loss: f64,
    tol: f64,
    max_iter: usize,
    #[pyo3(item("alpha_W"))]
    alpha_w: f64,
    #[pyo3(item("alpha_H"))]
    alpha_h: f64,
    l1_ratio: f64,
    n_threads: Option<usize>,
}

impl Options {
    /// The loss, penalties, limits and threads, whatever the solver and the start.
    pub(crate) fn common(&self) -> Result<Nmf, partwise::Error> {
        Ok(Nmf::new(self.n_components)
            .loss(Loss::beta_divergence(self.beta_loss)?)
            .tol(self.tol)
            .max_iter(self.max_iter)
            .penalty(self.penalty())
            .threads(self.threads()))
    }

    pub(crate) fn penalty(&self) -> Penalty {
        Penalty {
            alpha_w: self.alpha_w,
            alpha_h: self.alpha_h,
            l1_ratio: self.l1_ratio,
        }
    }

    fn threads(&self) -> Option<NonZeroUsize> {
        self.n_threads.and_then(NonZeroUsize::new)
    }
}

/// How a fit is minimised, and where it begins: further items of the dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Road {
    solver: String,
    init: String,
    seed: u64,
    /// Components whose columns of W, and whose rows of H, stay as they are given.
    #[pyo3(item("fixed_W"))]
    fixed_w: Vec<usize>,
    #[pyo3(item("fixed_H"))]
    fixed_h: Vec<usize>,
    /// As the engine writes them: `w:hoyer=0.7`.
    constraint: Vec<String>,
    /// Orders of the components, for each half-step; none to go from the first to the last.
    orders: Vec<Vec<usize>>,
}

/// What comes back: a dictionary.
#[derive(IntoPyObject)]
pub(crate) struct Fit<'py> {
    #[pyo3(item("W"))]
    w: Bound<'py, PyAny>,
    #[pyo3(item("H"))]
    h: Bound<'py, PyAny>,
    divergence: f64,
    objective: f64,
    relative_error: f64,
    residual: f64,
    n_iter: usize,
    stop: String,
    solver: &'static str,
    seconds: f64,
    /// The rows of X that the components are, where a constraint says so.
    picked: Vec<usize>,
    /// C (k × m) with H = C X, where a constraint says so.
    mixture: Option<Bound<'py, PyAny>>,
    /// B (k × classes) where a constraint takes labels: W B tells them.
    class_parts: Option<Bound<'py, PyAny>>,
    /// Iterations in single precision.
    n_iter_single: usize,
    /// Iterations for the squared loss that took the start near X.
    n_iter_approach: usize,
    /// The objectives of all starts after their tries, where the engine tried several.
    starts: Vec<f64>,
    /// (iteration, seconds, objective, residual or NaN, whether on a sketch) after each iteration.
    trace: Vec<(usize, f64, f64, f64, bool)>,
    /// Components without weight; (first, second) of those that are alike; and what of both says something, in words.
    dead: Vec<usize>,
    duplicates: Vec<(usize, usize)>,
    telling: Option<String>,
    /// (loss, bound, relative error, least relative error), where they were asked for.
    quality: Option<(f64, f64, f64, f64)>,
}

/// What the entries of X count for: which are missing ("nan", "unstored" or None), the weights of rows and those of entries,
/// of X's type.
#[derive(FromPyObject)]
pub(crate) struct Weights<'py>(
    Option<String>,
    Option<Bound<'py, PyAny>>,
    Option<Bound<'py, PyAny>>,
);

impl Weights<'_> {
    fn missing(&self) -> PyResult<Missing> {
        match self.0.as_deref() {
            None => Ok(Missing::None),
            Some("nan") => Ok(Missing::Nan),
            Some("unstored") => Ok(Missing::Unstored),
            Some(other) => Err(PyValueError::new_err(format!(
                "missing = {other:?}: expected 'nan', 'unstored' or None"
            ))),
        }
    }
}

/// Factors X ≈ W H. `labels` are numbers of classes, or None where that is not known. `hold` is "W", "H" or None; W and H are starts, or held. `lean` makes no copy of a sparse X.
/// `quality` compares with the least error of the rank.
#[pyfunction]
#[pyo3(signature = (x, options, w=None, h=None, hold=None, callback=None, keep_best=false, weights=None, graph=None, labels=None, lean=false, quality=false))]
#[expect(clippy::too_many_arguments, reason = "Python's arguments by name")]
pub(crate) fn fit<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    w: Option<&Bound<'py, PyAny>>,
    h: Option<&Bound<'py, PyAny>>,
    hold: Option<&str>,
    callback: Option<Py<PyAny>>,
    keep_best: bool,
    weights: Option<Weights<'py>>,
    graph: Option<&Bound<'py, PyAny>>,
    labels: Option<Vec<Option<usize>>>,
    lean: bool,
    quality: bool,
) -> PyResult<Fit<'py>> {
    let hold = match hold {
        None => None,
        Some("W") => Some(Factor::W),
        Some("H") => Some(Factor::H),
        Some(other) => {
            let text = format!("hold = {other:?}: expected 'W', 'H' or None");
            return Err(PyValueError::new_err(text));
        }
    };
    let watcher = Watcher {
        callback,
        keep_best,
    };
    let (common, road): (Options, Road) = (options.extract()?, options.extract()?);
    let mut nmf = configured(&common, &road).map_err(to_python)?;
    if let Some(graph) = graph {
        nmf = nmf.graph(graph_of(graph)?);
    }
    if let Some(labels) = labels {
        nmf = nmf.labels(Labels::new(&labels).map_err(to_python)?);
    }
    if hold == Some(Factor::H) {
        nmf = nmf.for_new_samples();
    }
    let asked = Asked {
        nmf: &nmf,
        common: &common,
        road: &road,
        given: (w, h, hold),
        weights,
        quality,
    };
    if whole::is_whole(x) {
        return whole::with_matrix(x, lean, |matrix| {
            fit_matrix(py, || Ok(matrix), asked, watcher)
        });
    }
    match AnyStored::of(x)? {
        AnyStored::F32(x) => fit_stored(py, (&x, lean), asked, watcher),
        AnyStored::F64(x) => fit_stored(py, (&x, lean), asked, watcher),
    }
}

/// All that a fit is asked for, but X.
struct Asked<'a, 'py> {
    nmf: &'a Nmf,
    common: &'a Options,
    road: &'a Road,
    given: Given<'a, 'py>,
    weights: Option<Weights<'py>>,
    quality: bool,
}

pub(crate) fn configured(common: &Options, road: &Road) -> Result<Nmf, partwise::Error> {
    let nmf = common
        .common()?
        .solver(road.solver.parse()?)
        .init(road.init.parse()?)
        .seed(road.seed);
    let nmf = match road.orders.is_empty() {
        true => nmf,
        false => nmf.orders(road.orders.clone()),
    };
    let mut texts = road.constraint.iter();
    texts.try_fold(nmf, |nmf, text| Ok(nmf.constraint(text.parse()?)))
}

/// A graph from its matrix of weights.
fn graph_of(weights: &Bound<'_, PyAny>) -> PyResult<Graph> {
    caught(|| {
        match AnyStored::of(weights)? {
            AnyStored::F32(weights) => weights.view()?.matrix().and_then(|x| Graph::new(&x)),
            AnyStored::F64(weights) => weights.view()?.matrix().and_then(|x| Graph::new(&x)),
        }
        .map_err(to_python)
    })
}

/// W and H if given, and which of them is held.
type Given<'a, 'py> = (
    Option<&'a Bound<'py, PyAny>>,
    Option<&'a Bound<'py, PyAny>>,
    Option<Factor>,
);

fn fit_stored<'py, T: Number>(
    py: Python<'py>,
    (x, lean): (&Stored<'py, T>, bool),
    asked: Asked<'_, 'py>,
    watcher: Watcher,
) -> PyResult<Fit<'py>> {
    let view = x.view()?;
    let matrix = || {
        let matrix = view.matrix();
        matrix.map(|matrix| if lean { matrix.lean() } else { matrix })
    };
    fit_matrix(py, matrix, asked, watcher)
}

/// As [`fit_stored`], with what makes the matrix on the fit's own thread.
fn fit_matrix<'py, 'a, T: Number>(
    py: Python<'py>,
    matrix: impl FnOnce() -> Result<Matrix<'a, T>, partwise::Error> + Send,
    asked: Asked<'_, 'py>,
    watcher: Watcher,
) -> PyResult<Fit<'py>> {
    let Asked {
        nmf,
        common,
        road,
        given: (w, h, hold),
        weights,
        quality,
    } = asked;
    let (w, h) = (arrays::factor(w)?, arrays::factor(h)?);
    let Weights(_, of_rows, of_entries) = weights.as_ref().unwrap_or(&Weights(None, None, None));
    let missing = weights
        .as_ref()
        .map_or(Ok(Missing::None), Weights::missing)?;
    let of_rows: Option<PyReadonlyArray1<'_, T>> =
        of_rows.as_ref().map(|x| x.extract()).transpose()?;
    let of_rows = of_rows.as_ref().map(|x| x.as_slice()).transpose()?;
    let of_entries = of_entries.as_ref().map(Stored::<T>::of).transpose()?;
    let of_entries = of_entries.as_ref().map(Stored::view).transpose()?;
    type Judged<T> = (Factorization<T>, Option<Flaws>, Option<FitQuality>);
    let judged: Judged<T> = watch::run(py, watcher, |observer| {
        let start = Start {
            w: w.as_ref(),
            h: h.as_ref(),
            hold,
            held_w: &road.fixed_w,
            held_h: &road.fixed_h,
        };
        let weighting = Weighting {
            missing,
            rows: of_rows,
            entries: of_entries.map(|view| view.matrix()).transpose()?,
        };
        let matrix = matrix()?;
        let fitted = nmf.fit_weighted(&matrix, &weighting, start, observer)?;
        // New samples leave the components as they are.
        let flaws = hold.is_none().then(|| fitted.flaws());
        let quality =
            quality.then(|| fitted.quality(&matrix, common.threads(), observer.interrupt()));
        let quality = quality.transpose()?;
        Ok((fitted, flaws, quality))
    })?;
    let (fitted, flaws, quality) = judged;
    let quality = quality.map(|found| {
        (
            found.loss,
            found.bound,
            found.relative_error,
            found.least_relative_error,
        )
    });
    let fit = match flaws {
        Some(flaws) => Fit::with(py, fitted, &flaws, &common.penalty())?,
        None => Fit::of(py, fitted)?,
    };
    Ok(Fit { quality, ..fit })
}

impl<'py> Fit<'py> {
    /// With what is wrong with the components of a fit with this penalty.
    pub(crate) fn with<T: Number>(
        py: Python<'py>,
        fitted: Factorization<T>,
        flaws: &Flaws,
        penalty: &Penalty,
    ) -> PyResult<Self> {
        caught(|| {
            let telling = fitted.telling(flaws, penalty);
            let pairs = flaws.duplicates.iter();
            Ok(Self {
                dead: flaws.dead.clone(),
                duplicates: pairs.map(|pair| (pair.first, pair.second)).collect(),
                telling: (!telling.is_empty()).then(|| telling.to_string()),
                ..Self::of(py, fitted)?
            })
        })
    }

    pub(crate) fn of<T: Number>(py: Python<'py>, fitted: Factorization<T>) -> PyResult<Self> {
        let trace = fitted.trace.iter().map(|point| {
            let residual = point.residual.unwrap_or(f64::NAN);
            let at = (point.iteration, point.seconds, point.objective);
            (at.0, at.1, at.2, residual, point.sketched)
        });
        Ok(Self {
            trace: trace.collect(),
            divergence: fitted.divergence,
            objective: fitted.objective,
            relative_error: fitted.relative_error,
            residual: fitted.residual,
            n_iter: fitted.iterations,
            n_iter_single: fitted.single_iterations,
            n_iter_approach: fitted.approach_iterations,
            stop: fitted.stop.to_string(),
            solver: fitted.solver.name(),
            seconds: fitted.seconds,
            picked: fitted.picked,
            starts: fitted.starts,
            class_parts: (fitted.class_parts)
                .map(|parts| arrays::to_numpy(py, parts))
                .transpose()?,
            mixture: (fitted.mixture)
                .map(|mixture| arrays::to_numpy(py, mixture))
                .transpose()?,
            dead: Vec::new(),
            duplicates: Vec::new(),
            telling: None,
            quality: None,
            w: arrays::to_numpy(py, fitted.w)?,
            h: arrays::to_numpy(py, fitted.h)?,
        })
    }
}
