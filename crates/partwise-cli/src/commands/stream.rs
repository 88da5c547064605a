//! `partwise fit --stream`: components from rows as they come, none of which are kept.
//!
//! The first batch makes a start; every batch then moves H by one step of mini-batch NMF, in which what older rows said may count
//! less and less. What there is at the end of the rows, or on Ctrl-C, is the model: H, and a W without rows.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use partwise::{
    Dense, Error, Matrix, MiniBatchMemory, MiniBatchNmf, Nmf, Solver, StopReason, TracePoint,
};
use partwise_io::{Batch, Model, ReadOptions, for_each_batch};
use partwise_report::{Run, decimal, duration};
use serde_json::json;

use crate::arguments::{FitArguments, MAX_ITER, Precision as Wanted};
use crate::interrupt::{self, Ending};
use crate::memory::Limit;
use crate::number::{Number, to_file};
use crate::outputs::{self, Committed, Staged};
use crate::progress::Progress;
use crate::table::{Table, counted};
use crate::{factor, input, record, terminal};

/// Iterations on the first batch, which make the start.
const FIRST: usize = 30;
/// What the start is lifted by, in shares of a flat one: multiplicative steps never leave zero, and the first rows need not have
/// everything that later ones have.
const LIFT: f64 = 0.1;
/// How long a request to end waits for rows that do not come.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) fn run(arguments: &FitArguments) -> anyhow::Result<Ending> {
    let solving = &arguments.solving;
    let nmf = solving.nmf()?;
    for (flag, given) in [
        ("--solver", solving.solver != Solver::auto()),
        ("--start-w", solving.start_w.is_some()),
        ("--start-h", solving.start_h.is_some()),
        ("--hold", solving.hold.is_some()),
        ("--max-iter", solving.max_iter != MAX_ITER),
        ("--constraint", !solving.constraint.is_empty()),
        ("--checkpoint", arguments.keeping.checkpoint.is_some()),
    ] {
        if given {
            bail!(
                "{flag} cannot be used with --stream, which takes one step for each batch of rows"
            );
        }
    }
    outputs::check_results(&arguments.output, [])?;
    match arguments.reading.dtype {
        Wanted::F32 => learn::<f32>(arguments, nmf),
        Wanted::Auto | Wanted::F64 => learn::<f64>(arguments, nmf),
    }
}

fn learn<T: Number>(arguments: &FitArguments, nmf: Nmf) -> anyhow::Result<Ending> {
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let mut learner = Learner::<T> {
        half_life: arguments.streaming.half_life,
        memory: None,
        rows: 0,
        cols: 0,
        nonzeros: 0,
        trace: Vec::new(),
        clock: Instant::now(),
        col_names: None,
        nmf,
    };
    // From now on there are results that a request must not lose.
    interrupt::keep_results();
    let limit = Limit::from(arguments.memory);
    let (dtype, format) = (T::DTYPE, arguments.reading.format.as_deref());
    let options = input::options_within(limit, dtype, format);
    let (batches, reader) = read_ahead::<T>(
        arguments.input.clone(),
        options,
        arguments.streaming.batch_size.get(),
    )?;
    let mut stop = "the end of the rows";
    loop {
        match batches.recv_timeout(PATIENCE) {
            Ok(rows) => {
                let learnt = learner.step(rows, limit);
                learnt.with_context(|| name.clone())?;
                progress.doing(format!(
                    "learning from {name}: {}, cost {} a row",
                    counted(learner.rows, "row"),
                    learner
                        .trace
                        .last()
                        .map_or_else(|| "0".into(), |point| decimal(point.objective, 4)),
                ));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let read = reader.join();
                read.unwrap_or_else(|panic| resume_unwind(panic))?;
                break;
            }
        }
        if interrupt::requested() {
            stop = "stopped";
            break;
        }
    }
    learner.finish(arguments, name, stop, progress)
}

/// Some rows as they came.
struct Rows<T> {
    rows: usize,
    cols: usize,
    values: Vec<T>,
    /// Of sparse rows: where each begins, and the column of each entry.
    sparse: Option<(Vec<i64>, Vec<u32>)>,
    /// Σ v.
    sum: f64,
    nonzeros: u64,
    col_names: Option<Vec<String>>,
}

impl<T: Number> Rows<T> {
    fn of(batch: &Batch<'_>) -> Self {
        let sparse = batch.sparse.map(|(lengths, columns)| {
            let mut end = 0;
            let ends = lengths.iter().map(|&length| {
                end += length as i64;
                end
            });
            ([0].into_iter().chain(ends).collect(), columns.to_vec())
        });
        Self {
            rows: batch.rows,
            cols: batch.cols,
            values: batch.values.iter().map(|&v| T::from_f64(v)).collect(),
            sparse,
            sum: batch.values.iter().sum(),
            nonzeros: batch.values.iter().filter(|v| **v != 0.0).count() as u64,
            col_names: batch.col_names.map(<[String]>::to_vec),
        }
    }
}

/// Reads batches of so many rows in a thread of its own, one ahead of those that are learnt from, so that a request to end is
/// heard while a pipe is silent. The thread ends with the rows, when nobody takes them any more, or with the program.
fn read_ahead<T: Number>(
    input: PathBuf,
    options: ReadOptions,
    rows: usize,
) -> anyhow::Result<(Receiver<Rows<T>>, Reader)> {
    let (sender, batches) = sync_channel(1);
    let reader = thread::Builder::new().spawn(move || {
        let mut send = |batch: Batch<'_>| sender.send(Rows::of(&batch)).is_ok();
        for_each_batch(&input, &options, rows, &mut send)
    });
    Ok((batches, reader.context("cannot start a thread")?))
}

type Reader = JoinHandle<Result<(), partwise_io::Error>>;

/// What has been learnt.
struct Learner<T> {
    nmf: Nmf,
    /// Rows after which what was learnt counts half.
    half_life: Option<f64>,
    /// Nothing before the first row that is not zero.
    memory: Option<MiniBatchMemory<T>>,
    rows: u64,
    cols: usize,
    nonzeros: u64,
    /// The cost of a row in each batch, when it came.
    trace: Vec<TracePoint>,
    clock: Instant,
    col_names: Option<Vec<String>>,
}

impl<T: Number> Learner<T> {
    /// Batches that something was learnt from.
    fn steps(&self) -> usize {
        self.trace.last().map_or(0, |point| point.iteration)
    }

    fn step(&mut self, batch: Rows<T>, limit: Limit) -> anyhow::Result<()> {
        let v = match &batch.sparse {
            Some((offsets, columns)) => {
                let (offsets, columns) = (&offsets[..], &columns[..]);
                Matrix::csr(batch.rows, batch.cols, offsets, columns, &batch.values)?
            }
            None => Matrix::row_major(&batch.values, batch.rows, batch.cols)?,
        };
        if self.cols == 0 {
            self.cols = batch.cols;
            self.col_names.clone_from(&batch.col_names);
            limit.require("learning from these rows", self.nmf.memory_needed(&v))?;
        }
        let first = self.rows;
        let placed = |error| match error {
            Error::Negative {
                value, row, col, ..
            }
            | Error::NotFinite {
                value, row, col, ..
            } => {
                anyhow::anyhow!(
                    "row {} (counted from 0), column {col}: {value}; every entry must be a finite number of zero or more",
                    first + row as u64
                )
            }
            other => other.into(),
        };
        if self.memory.is_none() && batch.sum != 0.0 {
            let start = self.nmf.clone().max_iter(FIRST).fit(&v).map_err(placed)?;
            let mean = batch.sum / (batch.rows as f64 * batch.cols as f64);
            let lift = T::from_f64(LIFT * (mean / start.h.rows() as f64).sqrt());
            let mut h = start.h;
            h.as_mut_slice().iter_mut().for_each(|x| *x += lift);
            self.memory = Some(MiniBatchMemory::new(&h));
        }
        if let Some(memory) = &mut self.memory {
            let keep = self
                .half_life
                .map_or(1.0, |rows| 0.5f64.powf(batch.rows as f64 / rows));
            let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
            let cost = MiniBatchNmf::new(self.nmf.clone())
                .partial_fit(&v, memory, keep, &mut go_on)
                .map_err(placed)?;
            let point = TracePoint {
                iteration: self.steps() + 1,
                seconds: self.clock.elapsed().as_secs_f64(),
                objective: cost,
                residual: None,
                sketched: false,
            };
            point.join(&mut self.trace);
        }
        self.rows += batch.rows as u64;
        self.nonzeros += batch.nonzeros;
        Ok(())
    }

    fn finish(
        self,
        arguments: &FitArguments,
        input: String,
        stop: &str,
        progress: Progress,
    ) -> anyhow::Result<Ending> {
        let FitArguments {
            solving,
            reporting,
            output,
            ..
        } = arguments;
        let steps = self.steps() as u64;
        let Some(memory) = self.memory else {
            if stop == "stopped" {
                return Ok(Ending::Stopped);
            }
            bail!(
                "{input}: {} with nothing but zeros; expected something to learn from",
                counted(self.rows, "row")
            );
        };
        progress.doing("writing the results");
        let mut parameters = record::parameters(solving);
        parameters.insert(
            "batch_size".into(),
            json!(arguments.streaming.batch_size.get()),
        );
        parameters.insert("half_life".into(), json!(self.half_life));
        let mut run = Run {
            batches: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: record::command(),
            parameters,
            shape: [self.rows, self.cols as u64],
            nonzeros: self.nonzeros,
            rank: solving.rank as u64,
            loss: solving.loss.to_string(),
            solver: "mini-batches".to_owned(),
            objective: self.trace.last().map_or(0.0, |point| point.objective),
            relative_error: None,
            iterations: steps,
            converged: false,
            stop_reason: stop.to_owned(),
            seconds: self.clock.elapsed().as_secs_f64(),
            trace: record::trace(&self.trace),
            extra: serde_json::Map::new(),
        };
        run.extra.insert("input".to_owned(), json!(input));
        run.extra.insert("seed".to_owned(), json!(solving.seed));
        run.extra.insert("dtype".to_owned(), json!(T::NAME));
        // What a transform takes.
        run.extra
            .insert("init".to_owned(), json!(solving.init.name()));
        let mut meta = record::meta(&run, &input);
        meta["solver"] = json!(solving.solver.resolve(solving.loss)?.name());
        let model = Model {
            w: to_file(Dense::<T>::zeros(0, solving.rank)),
            h: to_file(memory.h()),
            c: None,
            classes: None,
            meta,
            row_names: None,
            col_names: self.col_names,
        };
        let mut staged = Staged::begin(output)?;
        record::stage(&mut staged, &run, &model)?;
        let written = staged.commit()?;
        drop(progress);
        if reporting.json {
            terminal::print(&run.to_json()?)?;
        } else if !reporting.quiet {
            terminal::print(&table(&run, &written).render())?;
        }
        let reason = if stop == "stopped" {
            StopReason::Stopped
        } else {
            StopReason::MaxIterations
        };
        Ok(factor::ending(reason, steps, output, reporting.quiet))
    }
}

fn table(run: &Run, written: &Committed) -> Table {
    let mut table = Table::default();
    let text = |name: &str| run.extra[name].as_str().unwrap_or_default().to_owned();
    table.row("input", text("input"));
    table.row(
        "rows",
        format!(
            "{} of {} columns, {}",
            run.shape[0],
            run.shape[1],
            text("dtype")
        ),
    );
    table.row("components", run.rank.to_string());
    table.row("loss", run.loss.clone());
    table.row(
        "cost of a row",
        format!("{} in the last batch", decimal(run.objective, 6)),
    );
    table.row(
        "batches",
        format!("{} ({})", run.iterations, run.stop_reason),
    );
    table.row("time", duration(run.seconds));
    table.row("written", written.to_string());
    table
}
