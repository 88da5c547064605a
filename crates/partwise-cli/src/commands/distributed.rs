//! `mpirun partwise fit`: each process reads its own rows, and that of rank 0 leads the fit.

use partwise_mpi::launched;

use crate::arguments::FitArguments;
use crate::interrupt::Ending;

/// Takes part in the fit of several processes, if a launcher of MPI started this one; `None` if it is on its own.
///
/// # Errors
/// As a fit in one process; whatever keeps another process from taking part.
pub(super) fn run(arguments: &FitArguments) -> anyhow::Result<Option<Ending>> {
    match launched() {
        None => Ok(None),
        Some(processes) => together(arguments, processes),
    }
}

#[cfg(not(feature = "mpi"))]
fn together(_: &FitArguments, processes: usize) -> anyhow::Result<Option<Ending>> {
    anyhow::ensure!(
        processes == 1,
        "{processes} processes were started together, but this program was built without MPI; build it with --features mpi"
    );
    Ok(None)
}

#[cfg(feature = "mpi")]
use with_mpi::together;

#[cfg(feature = "mpi")]
mod with_mpi {
    use std::collections::hash_map::DefaultHasher;
    use std::hash::{Hash, Hasher};

    use anyhow::{Context, anyhow, bail};
    use partwise::remote::{Partition, Slices};
    use partwise::{Held, Matrix, Nmf};
    use partwise_io::Precision;
    use partwise_mpi::{self as mpi, Job, Lead, serve, share};
    use serde_json::json;

    use crate::arguments::FitArguments;
    use crate::checkpoint::{Checkpoint, Kept};
    use crate::commands::pieces::{self, Cut};
    use crate::commands::{fit, rows_of_w};
    use crate::failure::one_line;
    use crate::interrupt::{self, Ending};
    use crate::memory::Limit;
    use crate::number::Number;
    use crate::outputs::{self, Staged};
    use crate::progress::Progress;
    use crate::record;
    use crate::terminal;

    /// Names and values that all processes must share.
    type Facts = Vec<(String, String)>;

    pub(super) fn together(
        arguments: &FitArguments,
        processes: usize,
    ) -> anyhow::Result<Option<Ending>> {
        let cut = ready(arguments);
        // What cannot be cut is no less welcome in one process than without MPI.
        if processes == 1 && matches!(cut, Ok(None)) {
            return Ok(None);
        }
        let cut = cut.and_then(|cut| cut.ok_or_else(|| Cut::refusal(arguments)));
        let job = Job::begin().map_err(anyhow::Error::msg)?;
        if !job.leads() {
            // A request to end comes to all processes. The lead sees to it.
            interrupt::keep_results();
        }
        let kept = leading(arguments, &job);
        let mine = cut.and_then(|cut| Ok((facts(arguments, &cut), (cut, kept?))));
        let Some((cut, kept)) = agreed(&job, mine)? else {
            return Ok(Some(Ending::Done));
        };
        let ending = match cut.stored.precision() {
            Precision::F32 => fit_pieces::<f32>(arguments, &job, &cut, kept),
            Precision::F64 => fit_pieces::<f64>(arguments, &job, &cut, kept),
        };
        ending.map(Some)
    }

    /// What every process checks for itself.
    fn ready(arguments: &FitArguments) -> anyhow::Result<Option<Cut>> {
        if arguments.streaming.stream {
            bail!("--stream reads rows as they come, in one process; start it without mpirun");
        }
        if arguments.quality {
            bail!("--quality looks at all of V, in one process; start it without mpirun");
        }
        let counting = &arguments.counting;
        counting.check_even("a fit in several processes adds sums over all entries")?;
        arguments.solving.nmf()?;
        Cut::open(arguments)
    }

    /// What the process that writes checks.
    fn leading(arguments: &FitArguments, job: &Job) -> anyhow::Result<Option<Kept>> {
        if !job.leads() {
            return Ok(None);
        }
        outputs::check_results(
            &arguments.output,
            arguments.split_w.then_some(rows_of_w::FOLDER),
        )?;
        Checkpoint::of(&arguments.keeping, arguments.reporting.quiet)
    }

    fn facts(arguments: &FitArguments, cut: &Cut) -> Facts {
        let (rows, cols) = cut.stored.shape();
        let sparse = cut.stored.is_sparse();
        let names = |names: Option<&[String]>| match names {
            None => "no names".to_owned(),
            Some(names) => {
                let mut digest = DefaultHasher::new();
                names.hash(&mut digest);
                format!("{} names ({:016x})", names.len(), digest.finish())
            }
        };
        let (row_names, col_names) = cut.stored.names();
        let facts = [
            ("partwise", env!("CARGO_PKG_VERSION").to_owned()),
            ("a matrix of", format!("{rows} × {cols}")),
            ("entries of type", format!("{:?}", cut.stored.precision())),
            (
                "storage",
                if sparse { "sparse" } else { "dense" }.to_owned(),
            ),
            ("rows with", names(row_names)),
            ("columns with", names(col_names)),
            ("pieces", cut.pieces.to_string()),
            ("results in", arguments.output.display().to_string()),
            ("--split-w", arguments.split_w.to_string()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value));
        let flags = record::parameters(&arguments.solving).into_iter();
        // Each process may have the threads of its machine.
        let flags = flags.filter(|(name, _)| name != "threads");
        let flags = flags.map(|(name, value)| (name, value.to_string()));
        facts.into_iter().chain(flags).collect()
    }

    /// What this process made ready, if all are ready; `None` where another process says why not.
    fn agreed<R>(job: &Job, mine: anyhow::Result<(Facts, R)>) -> anyhow::Result<Option<R>> {
        let said = mine.as_ref().map(|(facts, _)| &facts[..]);
        let agreed = job.agree(said.map_err(one_line).as_deref().map_err(String::as_str));
        match (mine, agreed) {
            (Ok((_, ready)), Ok(())) => Ok(Some(ready)),
            (Err(error), _) if job.leads() => Err(error),
            (_, Err(why)) if job.leads() => Err(anyhow!(why)),
            _ => Ok(None),
        }
    }

    fn fit_pieces<T: Number>(
        arguments: &FitArguments,
        job: &Job,
        cut: &Cut,
        kept: Option<Kept>,
    ) -> anyhow::Result<Ending> {
        let quiet = arguments.reporting.quiet || !job.leads();
        let progress = Progress::begin(format!("reading {}", cut.name), quiet);
        let (size, pieces) = (job.size(), cut.pieces);
        if size > pieces && !quiet {
            terminal::warning(&format!(
                "only {pieces} of {size} processes have rows; --pieces {size} gives each some, and other last digits"
            ));
        }
        let share = share(job.rank(), size, pieces);
        let limit = Limit::from(arguments.memory).less(cut.stored.memory());
        let held = cut.held::<T>(share.clone(), limit);
        let ready = held.and_then(|held| {
            let room = room(arguments, cut, (job.leads(), limit), &held)?;
            Ok((Facts::new(), (held, room)))
        });
        let Some((held, (memory, needed))) = agreed(job, ready)? else {
            return Ok(Ending::Done);
        };
        let blocks: Vec<_> = held.iter().map(Held::matrix).collect();
        let threads = arguments.solving.threads;
        let partitions = share
            .clone()
            .map(|piece| Partition::<T>::new(piece, threads));
        let mut partitions: Vec<_> = partitions.collect();
        let mut answers = |piece: usize, question: &[u8]| {
            let at = piece - share.start;
            let answer = partitions[at].answer(&blocks[at], question);
            answer.map_err(|error| error.to_string())
        };
        let part = mpi::Held {
            pieces,
            threads,
            answers: &mut answers,
        };
        if !job.leads() {
            serve(job, part);
            job.figures();
            if arguments.split_w {
                write_rows(arguments, job, "", (share.start, &partitions))?;
            }
            return Ok(Ending::Done);
        }
        let fitted = fit::job(arguments, &cut.name, memory, &progress);
        let mut kept = kept;
        let mut lead = Lead::new(job, part, !arguments.split_w);
        let fit = fitted.run_by::<T>(
            (cut.stored.shape(), needed),
            kept.as_mut(),
            |nmf, start, state, observer| match state {
                Some(state) => nmf.resume_remote(&mut lead, start, state, observer),
                None => nmf.fit_remote(&mut lead, start, observer),
            },
        );
        drop(lead);
        let figures = job.figures();
        let ready = fit.and_then(|fit| Ok((fit, Staged::begin(&arguments.output)?)));
        let ready = ready.and_then(|(fit, mut staged)| {
            let folder = arguments
                .split_w
                .then(|| staged.folder(rows_of_w::FOLDER))
                .transpose()?;
            Ok((fit, staged, folder))
        });
        if arguments.split_w {
            let folder = ready
                .as_ref()
                .ok()
                .and_then(|(_, _, folder)| folder.as_ref());
            // Each process may have another path to it.
            let stage = folder.and_then(|folder| folder.parent()?.file_name()?.to_str());
            let stage = stage.unwrap_or_default();
            write_rows(arguments, job, stage, (share.start, &partitions))?;
        }
        let (fit, staged, _) = ready?;
        let sent: Vec<_> = figures.iter().map(|figures| figures.sent).collect();
        let working: Vec<_> = figures.iter().map(|figures| figures.working).collect();
        let processes = json!({
            "processes": size,
            "pieces": pieces,
            "slices": Slices::of(cut.stored.shape().1, arguments.solving.rank, size).map_or(1, |slices| slices.count()),
            "bytes_sent": sent,
            "working_seconds": working,
        });
        let data = cut.data(fit.nonzeros, arguments.split_w);
        let solved = (fit, kept.map(|kept| kept.0));
        let processes = Some(("mpi".to_owned(), processes));
        fit::finish(arguments, data, solved, (staged, progress), processes)
    }

    /// The memory that the pieces of this process leave, and what a fit needs of it here.
    ///
    /// # Errors
    /// Too little memory.
    fn room<T: Number>(
        arguments: &FitArguments,
        cut: &Cut,
        (leads, limit): (bool, Limit),
        held: &[Held<T>],
    ) -> anyhow::Result<(Limit, u64)> {
        let (nmf, rank) = (arguments.solving.nmf()?, arguments.solving.rank);
        let blocks: Vec<_> = held.iter().map(Held::matrix).collect();
        let needed = match leads && !arguments.split_w {
            // All rows of W come here.
            true => cut.needed(&nmf, &blocks),
            false => needed_here(cut, (&nmf, rank), &blocks),
        };
        let memory = limit.less(pieces::bytes_of(&blocks));
        let (rows, cols) = cut.stored.shape();
        let what = format!("a fit of {rows} × {cols} with {rank} components");
        memory.require(&what, needed)?;
        Ok((memory, needed))
    }

    /// Bytes that a fit needs beside the pieces, where the rows of a W of `rank` columns stay with those of V and `blocks` are some of
    /// all pieces.
    fn needed_here<T: Number>(
        cut: &Cut,
        (nmf, rank): (&Nmf, usize),
        blocks: &[Matrix<'_, T>],
    ) -> u64 {
        /// Copies of a factor that [`Nmf::memory_needed`] counts.
        const COPIES: u64 = 4;
        let here: usize = blocks.iter().map(Matrix::rows).sum();
        let elsewhere = cut.stored.shape().0.saturating_sub(here) as u64;
        let row = (rank * size_of::<T>()) as u64;
        let rows = elsewhere.saturating_mul(row).saturating_mul(COPIES);
        cut.needed(nmf, blocks).saturating_sub(rows)
    }

    /// Writes the rows of W that are here, as every process does, into what rank 0 has `made` in the folder of the results ("": it
    /// has failed).
    fn write_rows<T: Number>(
        arguments: &FitArguments,
        job: &Job,
        made: &str,
        (first, partitions): (usize, &[Partition<T>]),
    ) -> anyhow::Result<()> {
        let made = job.announce(made);
        if made.is_empty() {
            return Ok(());
        }
        let folder = arguments.output.join(made).join(rows_of_w::FOLDER);
        let mut rows = partitions.iter().map(Partition::rows).enumerate();
        let written = rows.try_for_each(|(index, rows)| {
            let rows = rows.context("rows of W are gone")?;
            rows_of_w::write(&folder, first + index, rows.as_slice(), rows.cols())
        });
        agreed(job, written.map(|()| (Facts::new(), ()))).map(drop)
    }
}
