//! One fit from start to end: what every command that fits has in common.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use partwise::{
    Dense, Error, Factor, Factorization, Matrix, Missing, Nmf, Observer, Start, StopReason,
    Weighting,
};

use crate::arguments::SolvingArguments;
use crate::checkpoint::{Keeper, Kept};
use crate::interrupt::{self, Ending};
use crate::memory::Limit;
use crate::number::Number;
use crate::progress::Progress;
use crate::table::counted;
use crate::{input, terminal};

/// The solving flags at work on a matrix.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) solving: &'a SolvingArguments,
    /// What V is called in messages.
    pub(crate) input: &'a str,
    /// Whether starts of another precision than V are converted.
    pub(crate) convert_starts: bool,
    pub(crate) quiet: bool,
    /// The memory that V has left.
    pub(crate) memory: Limit,
    pub(crate) progress: &'a Progress,
}

impl Job<'_> {
    /// Factors V; on a request to end, as far as it came. With a checkpoint the state of the fit is kept, and one that is there
    /// gone on from.
    ///
    /// # Errors
    /// Too little memory; starts that cannot be read or do not fit; whatever the engine refuses; a state of another fit.
    pub(crate) fn run<T: Number>(
        &self,
        v: &Matrix<'_, T>,
        kept: Option<&mut Kept>,
    ) -> anyhow::Result<Factorization<T>> {
        let nmf = self.solving.nmf()?;
        // Without its other axis a sparse V takes less memory, and longer.
        let short = nmf.memory_needed(v) > self.memory.bytes();
        let v = match short && self.solving.constraint.is_empty() {
            true => v.lean(),
            false => *v,
        };
        let size = ((v.rows(), v.cols()), nmf.memory_needed(&v));
        let blocks = std::slice::from_ref(&v);
        self.run_by(size, kept, |nmf, start, state, observer| {
            if matches!(v, Matrix::Streamed(_)) {
                self.warn_without_columns()?;
            }
            match state {
                Some(state) => nmf.resume(blocks, start, state, observer),
                None => nmf.fit_with(blocks, start, observer),
            }
        })
    }

    /// As [`Self::run`], where some entries of V do not count, or count more.
    ///
    /// # Errors
    /// As [`Self::run`]; weights that the engine refuses.
    pub(crate) fn run_weighted<T: Number>(
        &self,
        v: &Matrix<'_, T>,
        weighting: &Weighting<'_, T>,
    ) -> anyhow::Result<Factorization<T>> {
        let needed = self.solving.nmf()?.memory_needed(v);
        let size = ((v.rows(), v.cols()), needed);
        self.run_by(size, None, |nmf, start, _, observer| {
            nmf.fit_weighted(v, weighting, start, observer)
        })
    }

    /// As [`Self::run`], for a V of a shape that lies elsewhere, with the bytes that it needs here, by `fit`, which may get a
    /// state to go on from.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_by<T: Number>(
        &self,
        ((rows, cols), needed): ((usize, usize), u64),
        kept: Option<&mut Kept>,
        fit: impl FnOnce(
            &Nmf,
            Start<'_, T>,
            Option<&mut dyn Read>,
            &mut dyn Observer,
        ) -> Result<Factorization<T>, Error>,
    ) -> anyhow::Result<Factorization<T>> {
        let solving = self.solving;
        let mut nmf = solving.nmf()?;
        if let Some(path) = &solving.graph {
            nmf = nmf.graph(input::graph(path)?);
            nmf.check()?;
        }
        if let Some(classes) = &solving.labels {
            nmf = nmf.labels(classes.labels.clone());
            nmf.check()?;
        }
        let what = format!("a fit of {rows} × {cols} with {} components", solving.rank);
        self.memory.require(&what, needed)?;
        let w = self.start(solving.start_w.as_deref())?;
        let h = self.start(solving.start_h.as_deref())?;
        self.warn((rows, cols), &w, &h)?;
        let start = Start {
            w: w.as_ref(),
            h: h.as_ref(),
            hold: solving.hold.map(Into::into),
            ..Start::default()
        };
        self.progress
            .doing(format!("looking at {} and making a start", self.input));
        interrupt::keep_results();
        let Some((checkpoint, state)) = kept else {
            let fit = fit(&nmf, start, None, &mut watch(self.progress));
            return fit.map_err(|error| self.placed(error));
        };
        let file = checkpoint.file();
        let mut keeper = Keeper {
            watch: watch(self.progress),
            checkpoint,
        };
        let state = state.as_mut().map(|state| state as &mut dyn Read);
        fit(&nmf, start, state, &mut keeper).map_err(|error| {
            let of_state = matches!(error, Error::State { .. });
            let error = self.placed(error);
            match of_state {
                true => error.context(file.display().to_string()),
                false => error,
            }
        })
    }

    fn start<T: Number>(&self, path: Option<&Path>) -> anyhow::Result<Option<Dense<T>>> {
        path.map(|path| input::start(path, self.convert_starts))
            .transpose()
    }

    /// Says what may surprise in this combination of flags and sizes.
    fn warn<T: Number>(
        &self,
        (rows, cols): (usize, usize),
        w: &Option<Dense<T>>,
        h: &Option<Dense<T>>,
    ) -> anyhow::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let solving = self.solving;
        let enough = rows.min(cols);
        // A start that is limited to that refuses more.
        if (1..solving.rank).contains(&enough) && !solving.init.is_limited() {
            terminal::warning(&format!(
                "{} components for {rows} × {cols}: {enough} would hold every such matrix exactly",
                solving.rank
            ));
        }
        let solver = solving.solver.resolve(solving.loss)?;
        if !solver.descends() {
            terminal::warning(&format!(
                "the objective may rise with the solver '{solver}'; the best factors met are kept"
            ));
        }
        if !solver.leaves_zero() {
            let has_zeros = |start: &Option<Dense<T>>| {
                start
                    .as_ref()
                    .is_some_and(|start| start.as_slice().contains(&T::ZERO))
            };
            let source = if solving.init.name() == "nndsvd" && (w.is_none() || h.is_none()) {
                Some("the init 'nndsvd' has zeros; 'nndsvda' and 'nndsvdar' fill them")
            } else if has_zeros(w) || has_zeros(h) {
                Some("the start has zeros")
            } else {
                None
            };
            if let Some(source) = source {
                terminal::warning(&format!(
                    "the solver '{solver}' cannot leave zeros, and {source}"
                ));
            }
        }
        Ok(())
    }

    /// Says where a V that is read by its rows alone has other factors than one that is all in memory.
    fn warn_without_columns(&self) -> Result<(), Error> {
        let solving = self.solving;
        let solver = solving.solver.resolve(solving.loss)?;
        let moves_h = solving.hold.map(Factor::from) != Some(Factor::H);
        if moves_h && !solver.alike_in_blocks() && !self.quiet {
            terminal::warning(&format!(
                "{}: on disk, or without room for its columns, H takes multiplicative steps in place of those of '{solver}', to other \
                 factors than in memory; --solver mu gives the same bits in both",
                self.input
            ));
        }
        Ok(())
    }

    /// An error of the engine with the file that it is about.
    pub(crate) fn placed(&self, error: Error) -> anyhow::Error {
        let of_v = match &error {
            Error::Empty { .. } | Error::Scale { .. } | Error::ZeroEntry { .. } => true,
            Error::Read { .. } | Error::NothingCounts => true,
            Error::Negative { matrix, .. } | Error::NotFinite { matrix, .. } => *matrix == "V",
            _ => false,
        };
        let start = match &error {
            Error::Negative { matrix, .. }
            | Error::NotFinite { matrix, .. }
            | Error::Shape { matrix, .. } => match *matrix {
                "W" => self.solving.start_w.as_deref(),
                "H" => self.solving.start_h.as_deref(),
                "the graph" => self.solving.graph.as_deref(),
                _ => None,
            },
            Error::Parameter { name: "labels", .. } => {
                let classes = self.solving.labels.as_ref();
                classes.map(|classes| classes.path.as_path())
            }
            _ => None,
        };
        if let Error::HeldWithoutStart { factor } = error {
            let letter = factor.to_lowercase();
            return anyhow::anyhow!("--hold {letter} needs --start-{letter}, the {factor} to hold");
        }
        match start
            .map(input::name)
            .or_else(|| of_v.then(|| self.input.to_owned()))
        {
            Some(place) => anyhow::Error::new(error).context(place),
            None => error.into(),
        }
    }
}

/// Runs the engine, shows its progress, and ends it when the user asks.
///
/// # Errors
/// The engine's.
pub(crate) fn fit<T: Number>(
    nmf: &Nmf,
    v: &Matrix<'_, T>,
    start: Start<'_, T>,
    progress: &Progress,
) -> Result<Factorization<T>, Error> {
    nmf.fit_with(std::slice::from_ref(v), start, &mut watch(progress))
}

/// Finds new samples in `what` of a model, the rows of `h`: the answer's W. `name` is what V is called in messages.
///
/// # Errors
/// Too little memory; the engine's.
pub(crate) fn transform<T: Number>(
    nmf: &Nmf,
    (v, name): (&Matrix<'_, T>, &str),
    (h, what): (&Dense<T>, &str),
    progress: &Progress,
) -> anyhow::Result<Factorization<T>> {
    let within = (Limit::default(), Missing::None);
    transform_within(within, nmf, (v, name), (h, what), progress)
}

/// As [`transform`], with a limit of memory and what is not known of V.
///
/// # Errors
/// As [`transform`].
pub(crate) fn transform_within<T: Number>(
    (limit, missing): (Limit, Missing),
    nmf: &Nmf,
    (v, name): (&Matrix<'_, T>, &str),
    (h, what): (&Dense<T>, &str),
    progress: &Progress,
) -> anyhow::Result<Factorization<T>> {
    let task = format!(
        "a transform of {} × {} into {} {what}",
        v.rows(),
        v.cols(),
        h.rows()
    );
    limit.require(&task, nmf.memory_needed(v))?;
    progress.doing("looking at the data");
    let start = Start {
        w: None,
        h: Some(h),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let weighting = Weighting {
        missing,
        ..Weighting::default()
    };
    let fit = nmf.fit_weighted(v, &weighting, start, &mut watch(progress));
    fit.with_context(|| name.to_owned())
}

/// Shows the progress of a fit, and ends it when the user asks.
pub(crate) struct Watch<'a>(&'a Progress);

/// A watch over a fit, of which what there is is kept when the user ends it.
pub(crate) fn watch(progress: &Progress) -> Watch<'_> {
    interrupt::keep_results();
    Watch(progress)
}

impl Observer for Watch<'_> {
    fn observe(&mut self, progress: &partwise::Progress) -> ControlFlow<()> {
        self.0.iteration(progress);
        interrupt::asked()
    }

    fn approach(&mut self, done: usize, most: usize) -> ControlFlow<()> {
        let step = format!("taking the start near the data, step {done} of at most {most}");
        self.0.doing(step);
        interrupt::asked()
    }
}

/// How a command ends after a fit, which is said if it was cut short.
pub(crate) fn ending(stop: StopReason, iterations: u64, written: &Path, quiet: bool) -> Ending {
    if stop != StopReason::Stopped {
        return Ending::Done;
    }
    if !quiet {
        terminal::note(&format!(
            "stopped after {}; the best so far is in {}",
            counted(iterations, "iteration"),
            written.display()
        ));
    }
    Ending::Stopped
}
