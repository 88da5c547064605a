//! X in partitions in other processes: the driver's fit, whose questions Python carries, and the partition that answers.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use partwise::remote::{self, Transport};
use partwise::{Dense, Factorization, Float, Nmf, Observer, Progress, Start, State};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError};
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
    /// Whether a state of the fit is kept, which has all of W.
    gathers: bool,
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

    fn gathers(&self) -> bool {
        self.gathers
    }
}

/// An object of Python that keeps the state of a fit every so many seconds: `every`, `begun`, `read(count)`, `writing()`, a context that
/// gives what takes bytes, and `failed(error)`.
struct Kept {
    object: Py<PyAny>,
    every: Duration,
    /// When it was kept last, or the fit began.
    last: Instant,
    raised: Raised,
}

impl Kept {
    fn new(object: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let every: f64 = object.getattr("every")?.extract()?;
        Ok(Self {
            object: object.clone().unbind(),
            every: Duration::try_from_secs_f64(every).unwrap_or(Duration::MAX),
            last: Instant::now(),
            raised,
        })
    }

    fn write(&self, state: &mut State<'_>) -> PyResult<()> {
        let (opened, write) = Python::attach(|py| -> PyResult<_> {
            let context = self.object.bind(py).call_method0("writing")?;
            let write = context.call_method0("__enter__")?.unbind();
            Ok((Opened(Some(context.unbind())), write))
        })?;
        let mut failed = None;
        let taken = Taken {
            write: &write,
            failed: &mut failed,
        };
        let mut out = BufWriter::with_capacity(PIECE, taken);
        let written = state.write(&mut out).and_then(|()| out.flush());
        // What is left in there after a failure goes nowhere.
        drop(out.into_parts());
        match written {
            Ok(()) => opened.close(),
            Err(error) => Err(failed.unwrap_or_else(|| error.into())),
        }
    }

    fn keep(&mut self, state: &mut State<'_>) {
        let told = self.write(state).or_else(|error| {
            Python::attach(|py| match is_of_the_system(py, &error)? {
                true => {
                    let object = self.object.bind(py);
                    object.call_method1("failed", (error.value(py),)).map(drop)
                }
                false => Err(error),
            })
        });
        let _ = self.raised.note(told);
        self.last = Instant::now();
    }
}

/// Whether the system refused something. What a handler of signals raises, such as a TimeoutError, has no number.
fn is_of_the_system(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    let numbered = || Ok(!error.value(py).getattr("errno")?.is_none());
    match error.is_instance_of::<PyOSError>(py) {
        true => numbered(),
        false => Ok(false),
    }
}

/// A context of Python that was entered; left as by an error unless it is closed.
struct Opened(Option<Py<PyAny>>);

impl Opened {
    fn close(mut self) -> PyResult<()> {
        let context = self.0.take();
        Python::attach(|py| {
            let none = || py.None();
            let close = |context: Py<PyAny>| {
                let context = context.bind(py);
                context.call_method1("__exit__", (none(), none(), none()))
            };
            context.map_or(Ok(()), |context| close(context).map(drop))
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(context) = self.0.take() {
            Python::attach(|py| {
                let error = PyRuntimeError::new_err("no state");
                let parts = (error.get_type(py), error.value(py), py.None());
                // It raises what it is told.
                let _ = context.bind(py).call_method1("__exit__", parts);
            });
        }
    }
}

/// Bytes that go to Python, or come from there, at a time.
const PIECE: usize = 1 << 20;

/// A function of Python that takes bytes, and what it raised.
struct Taken<'a> {
    write: &'a Py<PyAny>,
    failed: &'a mut Option<PyErr>,
}

impl Write for Taken<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = Python::attach(|py| {
            let write = self.write.bind(py);
            write.call1((PyBytes::new(py, bytes),)).map(drop)
        });
        taken.map(|()| bytes.len()).map_err(|error| {
            self.failed.get_or_insert(error);
            io::Error::other("an error was raised")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state that a fit goes on from, which Python reads.
struct Given {
    object: Py<PyAny>,
    raised: Raised,
}

impl Read for Given {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(PIECE);
        let piece = Python::attach(|py| {
            let piece = self.object.bind(py).call_method1("read", (count,));
            self.raised
                .note(piece.and_then(|piece| Ok(piece.extract::<PyBackedBytes>()?)))
        });
        let piece = piece.ok_or_else(|| io::Error::other("an error was raised"))?;
        let piece = &piece[..piece.len().min(count)];
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// Asks Python after each iteration whether to go on, and keeps the state where that is wanted.
struct Watched<'a> {
    callback: Option<&'a Py<PyAny>>,
    kept: Option<Kept>,
    /// Whether the callback has ended the fit: what it comes to is kept, too.
    stopped: bool,
    raised: Raised,
}

impl Observer for Watched<'_> {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        let asked = Python::attach(|py| watch::ask(py, self.callback, progress));
        let asked = self.raised.note(asked);
        self.stopped = asked == Some(false);
        match asked {
            Some(true) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn wants_state(&mut self) -> bool {
        if self.raised.lock().is_some() {
            return false;
        }
        let stopped = self.stopped;
        let is_due = |kept: &Kept| stopped || kept.last.elapsed() >= kept.every;
        self.kept.as_ref().is_some_and(is_due)
    }

    fn keep(&mut self, state: &mut State<'_>) {
        if let Some(kept) = &mut self.kept {
            kept.keep(state);
        }
    }
}

/// Factors an X of a dtype in partitions, which `transport` asks. W and H are starts; W has no rows in the result. Of `n_init` starts the best is
/// carried on. `kept` keeps the state of the fit, and has the one to go on from, if there is one.
///
/// The fit takes place on the calling thread, so that Ctrl-C reaches Python while it waits for answers.
#[pyfunction]
#[pyo3(signature = (dtype, transport, options, w=None, h=None, callback=None, n_init=None, kept=None))]
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
    kept: Option<&Bound<'py, PyAny>>,
) -> PyResult<Fit<'py>> {
    let (common, road): (Options, Road) = (options.extract()?, options.extract()?);
    let nmf = fit::configured(&common, &road).map_err(to_python)?;
    let nmf = nmf.n_init(n_init.unwrap_or(NonZeroUsize::MIN));
    let raised = Raised::default();
    let carrier = Carrier {
        object: transport.clone().unbind(),
        partitions: transport.getattr("n_partitions")?.extract()?,
        checkpoint: transport.getattr("checkpoint")?.extract()?,
        gathers: kept.is_some(),
        raised: raised.clone(),
    };
    let begun = match kept {
        Some(kept) => kept.getattr("begun")?.is_truthy()?,
        None => false,
    };
    let state = kept.filter(|_| begun).map(|kept| {
        let given = Given {
            object: kept.clone().unbind(),
            raised: raised.clone(),
        };
        BufReader::with_capacity(PIECE, given)
    });
    let observer = Watched {
        callback: callback.as_ref(),
        kept: kept
            .map(|kept| Kept::new(kept, raised.clone()))
            .transpose()?,
        stopped: false,
        raised,
    };
    match dtype {
        f32::NAME => run::<f32>(py, (&nmf, &common), carrier, (w, h), (state, observer)),
        f64::NAME => run::<f64>(py, (&nmf, &common), carrier, (w, h), (state, observer)),
        other => Err(no_such_type(other)),
    }
}

fn run<'py, T: Number>(
    py: Python<'py>,
    (nmf, common): (&Nmf, &Options),
    mut carrier: Carrier,
    (w, h): (Option<&Bound<'py, PyAny>>, Option<&Bound<'py, PyAny>>),
    (state, mut observer): (Option<BufReader<Given>>, Watched<'_>),
) -> PyResult<Fit<'py>> {
    let (w, h) = (arrays::factor(w)?, arrays::factor(h)?);
    let raised = carrier.raised.clone();
    let fitted: PyResult<Factorization<T>> = py.detach(|| {
        let start = Start {
            w: w.as_ref(),
            h: h.as_ref(),
            ..Start::default()
        };
        caught(|| {
            let fitted = match state {
                Some(mut state) => {
                    nmf.resume_remote(&mut carrier, start, &mut state, &mut observer)
                }
                None => nmf.fit_remote(&mut carrier, start, &mut observer),
            };
            fitted.map_err(to_python)
        })
    });
    if let Some(error) = raised.lock().take() {
        return Err(error);
    }
    let mut fitted = fitted?;
    // Where a state is kept W came here. What is said of the components does not depend on that.
    fitted.w = Dense::zeros(0, fitted.w.cols());
    let flaws = py.detach(|| fitted.flaws());
    Fit::with(py, fitted, &flaws, &common.penalty())
}
