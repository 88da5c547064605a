//! X in partitions in other processes: the driver's fit, whose questions Python carries, and the partition that answers.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use partwise::remote::{self, Transport};
use partwise::{Dense, Factorization, Float, Nmf, Progress, Start};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::arrays::{self, AnyStored, Number, Stored};
use crate::errors::{caught, to_python};
use crate::fit::{self, Fit, Options, Road};
use crate::watch;

/// A partition of either number type.
enum Either {
    F32(remote::Partition<f32>),
    F64(remote::Partition<f64>),
}

/// Runs `$body` with `$partition` bound to the partition of whichever type.
macro_rules! either {
    ($either:expr, $partition:ident => $body:expr) => {
        match $either {
            Either::F32($partition) => $body,
            Either::F64($partition) => $body,
        }
    };
}

/// What a block of X remembers and answers: `Partition(index, dtype, n_threads)`.
#[pyclass(module = "partwise._partwise")]
pub(crate) struct Partition(Mutex<Either>);

/// The partition of a type, if it is of that one.
type Pick<T> = fn(&mut Either) -> Option<&mut remote::Partition<T>>;

impl Partition {
    /// Works with the partition, and lets the interpreter go on meanwhile.
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Either) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        let either = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        py.detach(|| caught(|| work(&mut either())))
    }

    fn ask<T: Number>(
        &self,
        py: Python<'_>,
        x: &Stored<'_, T>,
        question: &[u8],
        pick: Pick<T>,
    ) -> PyResult<Vec<u8>> {
        let view = x.view()?;
        self.with(py, |either| {
            let partition = pick(either).ok_or_else(|| {
                PyTypeError::new_err(format!(
                    "a block of {} for a partition of another type",
                    T::NAME
                ))
            })?;
            let answer = view.matrix().and_then(|v| partition.answer(&v, question));
            answer.map_err(to_python)
        })
    }
}

#[pymethods]
impl Partition {
    #[new]
    fn new(index: usize, dtype: &str, n_threads: Option<usize>) -> PyResult<Self> {
        let threads = n_threads.and_then(NonZeroUsize::new);
        let either = match dtype {
            f32::NAME => Either::F32(remote::Partition::new(index, threads)),
            f64::NAME => Either::F64(remote::Partition::new(index, threads)),
            other => return Err(no_such_type(other)),
        };
        Ok(Self(Mutex::new(either)))
    }

    /// Answers a question about the block, which must be the same each time.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        question: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let answer = match AnyStored::of(x)? {
            AnyStored::F32(x) => self.ask(py, &x, question, |either| match either {
                Either::F32(partition) => Some(partition),
                Either::F64(_) => None,
            }),
            AnyStored::F64(x) => self.ask(py, &x, question, |either| match either {
                Either::F64(partition) => Some(partition),
                Either::F32(_) => None,
            }),
        };
        Ok(PyBytes::new(py, &answer?))
    }

    /// The rows of W as a fit left them; None where there are none of this version.
    fn rows<'py>(&self, py: Python<'py>, version: u64) -> PyResult<Option<Bound<'py, PyAny>>> {
        enum Rows {
            F32(Dense<f32>),
            F64(Dense<f64>),
        }
        let rows = self.with(py, |either| {
            Ok(match either {
                Either::F32(partition) => partition.rows_of(version).cloned().map(Rows::F32),
                Either::F64(partition) => partition.rows_of(version).cloned().map(Rows::F64),
            })
        })?;
        let array = |rows| match rows {
            Rows::F32(rows) => arrays::to_numpy(py, rows),
            Rows::F64(rows) => arrays::to_numpy(py, rows),
        };
        rows.map(array).transpose()
    }

    /// The rows with what is remembered of them, for `load`; None where there are none.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let saved = self.with(py, |either| {
            Ok(either!(either, partition => partition.save()))
        })?;
        Ok(saved.map(|saved| PyBytes::new(py, &saved)))
    }

    /// Goes on from what `save` gave.
    fn load(&self, py: Python<'_>, saved: &[u8]) -> PyResult<()> {
        self.with(py, |either| {
            either!(either, partition => partition.load(saved)).map_err(to_python)
        })
    }
}

fn no_such_type(dtype: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "dtype = {dtype:?}: expected 'float32' or 'float64'"
    ))
}

/// Adds the answers of up to `FAN_IN` partitions in a row.
#[pyfunction]
pub(crate) fn add_answers<'py>(
    py: Python<'py>,
    answers: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let sum = py.detach(|| {
        let answers: Vec<_> = answers.iter().map(|answer| &answer[..]).collect();
        caught(|| remote::add(&answers).map_err(to_python))
    })?;
    Ok(PyBytes::new(py, &sum))
}

/// What Python raised while it was asked for something; what came first is raised in the end.
#[derive(Clone, Default)]
struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PyErr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of a call, or what it raised kept for later.
    fn note<R>(&self, result: PyResult<R>) -> Option<R> {
        let keep = |error| {
            self.lock().get_or_insert(error);
        };
        result.map_err(keep).ok()
    }
}

/// An object of Python that carries questions: `n_partitions`, `checkpoint`, `ask(name, question)` and
/// `ask_each(name, questions)`. It is given the `version` of the rows that a fit ends with.
struct Carrier {
    object: Py<PyAny>,
    partitions: usize,
    checkpoint: Option<usize>,
    raised: Raised,
}

impl Carrier {
    fn call<R>(&self, work: impl FnOnce(Python<'_>) -> PyResult<R>) -> Result<R, String> {
        let failed = self.raised.lock().is_some();
        let result = (!failed).then(|| Python::attach(|py| self.raised.note(work(py))));
        result
            .flatten()
            .ok_or_else(|| "an error was raised".to_owned())
    }
}

impl Transport for Carrier {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn ask_each(&mut self, name: &str, questions: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
        self.call(|py| {
            let questions: Vec<_> = questions.iter().map(|q| PyBytes::new(py, q)).collect();
            let answers = self
                .object
                .bind(py)
                .call_method1("ask_each", (name, questions))?;
            let answers: Vec<PyBackedBytes> = answers.extract()?;
            Ok(answers.iter().map(|answer| answer.to_vec()).collect())
        })
    }

    fn ask(&mut self, name: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        self.call(|py| {
            let question = PyBytes::new(py, question);
            let answer = self.object.bind(py).call_method1("ask", (name, question))?;
            Ok(answer.extract::<PyBackedBytes>()?.to_vec())
        })
    }

    fn checkpoint(&self) -> Option<usize> {
        self.checkpoint
    }

    fn ended(&mut self, version: u64) {
        // Python cannot fail to keep a number; if it did, that is raised as what else it raises.
        let _ = self.call(|py| self.object.bind(py).setattr("version", version));
    }
}

/// Factors an X of a dtype in partitions, which `transport` asks. W and H are starts; W is not returned. Of `n_init` starts the best is
/// carried on.
///
/// The fit takes place on the calling thread, so that Ctrl-C reaches Python while it waits for answers.
#[pyfunction]
#[pyo3(signature = (dtype, transport, options, w=None, h=None, callback=None, n_init=None))]
#[expect(clippy::too_many_arguments, reason = "Python's arguments by name")]
pub(crate) fn fit_remote<'py>(
    py: Python<'py>,
    dtype: &str,
    transport: &Bound<'py, PyAny>,
    options: Bound<'py, PyAny>,
    w: Option<&Bound<'py, PyAny>>,
    h: Option<&Bound<'py, PyAny>>,
    callback: Option<Py<PyAny>>,
    n_init: Option<NonZeroUsize>,
) -> PyResult<Fit<'py>> {
    let (common, road): (Options, Road) = (options.extract()?, options.extract()?);
    let nmf = fit::configured(&common, &road).map_err(to_python)?;
    let nmf = nmf.n_init(n_init.unwrap_or(NonZeroUsize::MIN));
    let carrier = Carrier {
        object: transport.clone().unbind(),
        partitions: transport.getattr("n_partitions")?.extract()?,
        checkpoint: transport.getattr("checkpoint")?.extract()?,
        raised: Raised::default(),
    };
    match dtype {
        f32::NAME => run::<f32>(py, (&nmf, &common), carrier, (w, h), callback.as_ref()),
        f64::NAME => run::<f64>(py, (&nmf, &common), carrier, (w, h), callback.as_ref()),
        other => Err(no_such_type(other)),
    }
}

fn run<'py, T: Number>(
    py: Python<'py>,
    (nmf, common): (&Nmf, &Options),
    mut carrier: Carrier,
    (w, h): (Option<&Bound<'py, PyAny>>, Option<&Bound<'py, PyAny>>),
    callback: Option<&Py<PyAny>>,
) -> PyResult<Fit<'py>> {
    let (w, h) = (arrays::factor(w)?, arrays::factor(h)?);
    let raised = carrier.raised.clone();
    let fitted: PyResult<Factorization<T>> = py.detach(|| {
        let start = Start {
            w: w.as_ref(),
            h: h.as_ref(),
            ..Start::default()
        };
        let mut observer = |progress: &Progress| {
            let asked = Python::attach(|py| watch::ask(py, callback, progress));
            match raised.note(asked) {
                Some(true) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        caught(|| {
            nmf.fit_remote(&mut carrier, start, &mut observer)
                .map_err(to_python)
        })
    });
    if let Some(error) = raised.lock().take() {
        return Err(error);
    }
    let fitted = fitted?;
    let flaws = py.detach(|| fitted.flaws());
    Fit::with(py, fitted, &flaws, &common.penalty())
}
