//! What is done of many fits, kept in the folder of their results while they are made: the same command goes on from there.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use partwise::{Error, SurveyObserver, SurveyProgress};
use partwise_io::RecordFile;

use crate::table::counted;
use crate::terminal;

/// Fits that are done, fit by fit.
#[derive(Debug)]
pub(crate) struct KeptFits {
    folder: PathBuf,
    made_folder: bool,
    file: PathBuf,
    /// Whether no earlier run has left the file.
    is_new: bool,
    out: RecordFile,
    /// Of an earlier run.
    records: Vec<Vec<u8>>,
    /// Fits among them that are still to be told of.
    untold: usize,
    quiet: bool,
    /// Whether the system has refused a record.
    refused: bool,
}

impl KeptFits {
    /// Those in the file `name` of a folder: none if it is not there, and it is made with the first fit that is done.
    ///
    /// # Errors
    /// A file that is no such one, or cannot be read.
    pub(crate) fn of(folder: &Path, name: &str, quiet: bool) -> anyhow::Result<Self> {
        let file = folder.join(name);
        let (out, records) = RecordFile::open(&file)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            made_folder: !folder.exists(),
            is_new: !file.exists(),
            file,
            out,
            // The first record is no fit.
            untold: records.len().saturating_sub(1),
            records,
            quiet,
            refused: false,
        })
    }

    /// The error of a command that goes on from here: a file of other work is named, with what to do; after any other error nothing
    /// is left of the command, and what an earlier one left stays.
    pub(crate) fn placed(&self, error: anyhow::Error) -> anyhow::Error {
        let of_state = matches!(error.downcast_ref(), Some(Error::State { .. }));
        if !of_state {
            // What fails here would fail again; what an earlier run has done may serve another one.
            if self.is_new {
                self.remove();
            }
            if self.made_folder {
                let _ = fs::remove_dir(&self.folder);
            }
            return error;
        }
        error.context(format!(
            "{}: is left of other work; remove it, or choose another folder",
            self.file.display()
        ))
    }

    /// Does the work with the records of an earlier run and an observer that keeps what is done, and asks another one whether to go on.
    pub(crate) fn watching<R>(
        &mut self,
        mut inner: impl SurveyObserver,
        work: impl FnOnce(&[Vec<u8>], &mut dyn SurveyObserver) -> R,
    ) -> R {
        let records = std::mem::take(&mut self.records);
        let inner = &mut inner;
        work(&records, &mut Keeping { kept: self, inner })
    }

    /// Removes the file, once the results are written.
    pub(crate) fn remove(&self) {
        // One that stays is gone on from, to the same results.
        let _ = fs::remove_file(&self.file);
    }

    fn keep(&mut self, record: &[u8]) {
        if self.refused {
            return;
        }
        let made = fs::create_dir_all(&self.folder).map_err(anyhow::Error::new);
        let added = made.and_then(|()| Ok(self.out.add(record)?));
        if let Err(error) = added {
            // The fits are worth more than what is kept of them: they go on. Who wants to hear of errors alone is told, too.
            self.refused = true;
            terminal::warning(&format!("what is done is no longer kept: {error:#}"));
        }
    }
}

/// See [`KeptFits::watching`].
struct Keeping<'a> {
    kept: &'a mut KeptFits,
    inner: &'a mut dyn SurveyObserver,
}

impl SurveyObserver for Keeping<'_> {
    fn observe(&mut self, progress: &SurveyProgress) -> ControlFlow<()> {
        // By now the engine has found that they belong here.
        let fits = std::mem::take(&mut self.kept.untold);
        if fits > 0 && !self.kept.quiet {
            let (file, fits) = (self.kept.file.display(), counted(fits as u64, "fit"));
            terminal::note(&format!("going on from {file}, with {fits} done"));
        }
        self.inner.observe(progress)
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.inner.interrupt()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep(&mut self, record: &[u8]) {
        self.kept.keep(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_takes_its_own_fits_away_and_no_earlier_ones() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("out");
        let begun = || {
            let mut kept = KeptFits::of(&folder, "fits.part", true).unwrap();
            kept.keep(b"a record");
            kept
        };
        let failed = |kept: &KeptFits| kept.placed(anyhow::anyhow!("no room"));
        assert_eq!(failed(&begun()).to_string(), "no room");
        assert!(!folder.exists());
        begun();
        let again = begun();
        assert_eq!(again.records.len(), 1);
        failed(&again);
        assert_eq!(begun().records.len(), 2);
    }
}
