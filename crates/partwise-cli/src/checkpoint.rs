//! `--checkpoint`: the state of a fit, kept in a folder every so often, from which a later run goes on.

use std::fs::{self, File};
use std::io::{BufReader, Take};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use partwise::{Observer, State};

use crate::arguments::CheckpointArguments;
use crate::factor::Watch;
use crate::quantity::number_and_unit;
use crate::{interrupt, outputs, terminal};

/// The file in the folder.
const FILE: &str = "fit.checkpoint";

/// A checkpoint, and the state to go on from, if there is one.
pub(crate) type Kept = (Checkpoint, Option<Take<BufReader<File>>>);

/// Where the state of a fit is kept.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
    every: Duration,
    /// When it was kept last, or the fit began.
    last: Instant,
}

impl Checkpoint {
    /// The checkpoint that was asked for, if one was, and the state to go on from, if there is one.
    ///
    /// # Errors
    /// A folder that takes no files; a checkpoint that is there and not to be gone on from, or that is damaged.
    pub(crate) fn of(arguments: &CheckpointArguments, quiet: bool) -> anyhow::Result<Option<Kept>> {
        let Some(folder) = &arguments.checkpoint else {
            return Ok(None);
        };
        outputs::check_folder(folder)?;
        let checkpoint = Self {
            folder: folder.clone(),
            every: arguments.every.0,
            last: Instant::now(),
        };
        let file = checkpoint.file();
        if !arguments.resume {
            if file.exists() {
                bail!(
                    "{}: is the checkpoint of an earlier fit; go on from it with --resume, or remove it",
                    file.display()
                );
            }
            return Ok(Some((checkpoint, None)));
        }
        let state = partwise_io::read_checkpoint(&file)?;
        if state.is_none() && !quiet {
            terminal::note(&format!(
                "{}: is not there yet; the fit begins anew",
                file.display()
            ));
        }
        Ok(Some((checkpoint, state)))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn write(&mut self, state: &mut State<'_>) {
        let file = self.file();
        let written = fs::create_dir_all(&self.folder)
            .with_context(|| format!("{}: cannot write", file.display()))
            .and_then(|()| {
                partwise_io::write_checkpoint(&file, |out| state.write(out))?;
                Ok(())
            });
        // A fit is worth more than its checkpoint: it goes on, and the next one may find room. That is said to whoever wants to hear
        // of errors alone, too: without a checkpoint a fit of days is lost when it is killed.
        if let Err(error) = written {
            terminal::warning(&format!("no checkpoint: {error:#}"));
        }
        self.last = Instant::now();
    }

    /// Removes the checkpoint of a fit whose results have been written.
    pub(crate) fn remove(&self) {
        // One that stays is refused or gone on from, to the same results.
        let _ = partwise_io::remove_checkpoint(self.file());
    }
}

/// Shows the progress of a fit, keeps its state, and ends it when the user asks.
pub(crate) struct Keeper<'a> {
    pub(crate) watch: Watch<'a>,
    pub(crate) checkpoint: &'a mut Checkpoint,
}

impl Observer for Keeper<'_> {
    fn observe(&mut self, progress: &partwise::Progress) -> ControlFlow<()> {
        self.watch.observe(progress)
    }

    fn approach(&mut self, done: usize, most: usize) -> ControlFlow<()> {
        self.watch.approach(done, most)
    }

    fn wants_state(&mut self) -> bool {
        self.checkpoint.last.elapsed() >= self.checkpoint.every || interrupt::requested()
    }

    fn keep(&mut self, state: &mut State<'_>) {
        self.checkpoint.write(state);
    }
}

/// A stretch of time as people write it: `60s`, `5min`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Every(Duration);

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is no time; expected one like 60s, 5min or 1h");
        let (number, unit) = number_and_unit(text).ok_or_else(refuse)?;
        let seconds = match unit {
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(refuse()),
        };
        let time = Duration::try_from_secs_f64(number * seconds).map_err(|_| refuse())?;
        Ok(Self(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let times = ["0", "90", "60s", "1.5 min", "2m", "1h", "250ms"]
            .map(|text| text.parse::<Every>().unwrap().0.as_millis());
        assert_eq!(times, [0, 90_000, 60_000, 90_000, 120_000, 3_600_000, 250]);
        for text in ["", "s", "-1s", "1d", "1e300h", "1.2.3s", "é"] {
            let error = text.parse::<Every>().unwrap_err();
            assert_eq!(
                error,
                format!("'{text}' is no time; expected one like 60s, 5min or 1h")
            );
        }
    }
}
