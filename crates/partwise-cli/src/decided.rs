//! What a commit of several files has decided. A system gives them their names one by one, and a kill may come between two of them: so
//! the names are written down first, and the next command of the same user that reads or writes there finishes what is left.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Begins the names of folders of what is only there while we work.
pub(crate) const STAGE: &str = ".partwise-";
/// Among the staged files: the names that the others are to have, each with the [`mark`] of what had it, all closed by what no name has in
/// it, and an end.
const FILE: &str = ".decided";
const CLOSE: &str = "\0";
const END: &str = ".\0";

/// The names that the files of a stage are getting; nobody else touches the stage meanwhile.
#[derive(Debug)]
pub(crate) struct Decided(File);

impl Decided {
    /// Writes the names down: from here on the files get them, whatever comes. Where the system cannot hold files nothing is decided, and
    /// a kill leaves what it leaves.
    ///
    /// # Errors
    /// If the system refuses; nothing is decided then.
    pub(crate) fn write(folder: &Path, stage: &Path, names: &[String]) -> io::Result<Self> {
        let decided = Self(File::create_new(stage.join(FILE))?);
        if !hold(&decided.0) {
            return Ok(decided);
        }
        let line = |name: &String| [name, CLOSE, &mark(&folder.join(name)), CLOSE].concat();
        let lines = names.iter().map(line);
        let text: String = lines.chain([END.to_owned()]).collect();
        let write = || {
            (&decided.0).write_all(text.as_bytes())?;
            decided.0.sync_all()
        };
        match write() {
            Ok(()) => Ok(decided),
            Err(error) => {
                decided.withdraw();
                Err(error)
            }
        }
    }

    /// Nobody is to finish this any more. (Who waits for the file has it open, so it must not only lose its name.)
    pub(crate) fn withdraw(&self) {
        let _ = self.0.set_len(0);
    }
}

/// Whether a file could be held. Whoever else does has little to do with it.
fn hold(file: &File) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_millis(10);
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            Err(_) => return false,
        }
    }
}

/// What tells whether something is still what it was, whatever the clock says; nothing of what is not there.
fn mark(path: &Path) -> String {
    let Ok(found) = path.symlink_metadata() else {
        return String::new();
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        format!("{} {} {}", found.ino(), found.mtime(), found.mtime_nsec())
    }
    #[cfg(not(unix))]
    format!("{} {:?}", found.len(), found.modified().ok())
}

/// Gives the files of commands that were killed among them their names, where it had come to that.
pub(crate) fn finish(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(STAGE.as_bytes()) {
            // What cannot be finished now stays for later.
            let _ = finish_stage(folder, &entry.path());
        }
    }
}

fn finish_stage(folder: &Path, stage: &Path) -> io::Result<()> {
    let path = stage.join(FILE);
    if !is_ours(stage) || !fs::symlink_metadata(&path)?.is_file() {
        return Ok(());
    }
    // For both, since some file systems let nobody hold a file that is open for reading alone.
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    if !hold(&file) {
        return Ok(());
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let Some(lines) = text.strip_suffix(END) else {
        return Ok(());
    };
    let mut words = lines.split_terminator(CLOSE);
    let lines = std::iter::from_fn(|| words.next().zip(words.next()));
    let is_result =
        |name: &str| !name.starts_with('.') && Path::new(name).file_name() == Some(name.as_ref());
    let left: Vec<_> = lines
        .filter(|(name, _)| is_result(name) && is_there(&stage.join(name)))
        .collect();
    let as_it_was = |(name, was): &(&str, &str)| {
        let now = mark(&folder.join(name));
        now.is_empty() || now == *was
    };
    // Nothing takes the place of what came after it.
    let goes_on = left.iter().all(as_it_was);
    for (name, _) in left {
        let (place, target) = (stage.join(name), folder.join(name));
        let aside = stage.join(format!("{name}.old"));
        match goes_on {
            true => {
                if place.is_dir() && is_there(&target) {
                    fs::rename(&target, &aside)?;
                }
                fs::rename(&place, &target)?;
            }
            false if !is_there(&target) && is_there(&aside) => fs::rename(&aside, &target)?,
            false => {}
        }
    }
    // What is removed bit by bit is no longer decided.
    file.set_len(0)?;
    drop(file);
    fs::remove_dir_all(stage)
}

/// Whether something has that name, if only a link to nothing.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether nobody but this user can have put anything there. Other users' folders may say anything.
#[cfg(unix)]
fn is_ours(stage: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(found) = fs::symlink_metadata(stage) else {
        return false;
    };
    // Only its owner can look into a private folder, and root, which asks Linux who it is.
    let owner = fs::metadata("/proc/self").map(|process| process.uid());
    found.is_dir() && found.mode() & 0o077 == 0 && owner.is_ok_and(|owner| owner == found.uid())
}

#[cfg(not(unix))]
fn is_ours(stage: &Path) -> bool {
    fs::symlink_metadata(stage).is_ok_and(|found| found.is_dir())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A folder with what was there, and a stage of these files.
    struct Left(tempfile::TempDir);

    const NEW: &[(&str, &str)] = &[("model", "new"), ("W/part", "new")];

    impl Left {
        fn new(files: &[(&str, &str)]) -> Self {
            let left = Self(tempfile::tempdir().unwrap());
            for (name, text) in [("model", "old"), ("W/part", "old"), ("W/more", "old")] {
                left.put(name, text);
            }
            for (name, text) in files {
                left.put(&format!("{STAGE}1/{name}"), text);
            }
            left.open_to(0o700);
            left
        }

        /// One of new files whose names have been written down by a command that was killed then.
        fn decided() -> Self {
            let left = Self::new(NEW);
            left.decide();
            left
        }

        fn decide(&self) -> Decided {
            let names = ["run", "W", "model"].map(str::to_owned);
            Decided::write(self.0.path(), &self.stage(), &names).unwrap()
        }

        fn stage(&self) -> PathBuf {
            self.0.path().join(format!("{STAGE}1"))
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn open_to(&self, mode: u32) {
            fs::set_permissions(self.stage(), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn text(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.path().join(name)).ok()
        }

        /// Whether everything is as it was.
        fn is_untouched(&self) -> bool {
            let old = Some("old".to_owned());
            self.text("model") == old && self.text("W/part") == old && self.text("W/more") == old
        }

        fn is_new(&self) -> bool {
            let new = Some("new".to_owned());
            self.text("model") == new && self.text("W/part") == new && self.text("W/more").is_none()
        }

        fn count(&self) -> usize {
            fs::read_dir(self.0.path()).unwrap().count()
        }
    }

    #[test]
    fn what_was_decided_is_finished() {
        let left = Left::decided();
        finish(left.0.path());
        assert!(left.is_new() && left.count() == 2);
        // Of a folder that stood aside, too.
        let left = Left::decided();
        fs::rename(left.0.path().join("W"), left.stage().join("W.old")).unwrap();
        finish(left.0.path());
        assert!(left.is_new() && left.count() == 2);
    }

    #[test]
    fn what_was_not_decided_stays() {
        for decided in [
            None,
            Some(""),
            Some("model\0\0W\0"),
            Some("model\0\0W\0\0."),
        ] {
            let decided = decided.map(|text| (FILE, text));
            let files: Vec<_> = NEW.iter().copied().chain(decided).collect();
            let left = Left::new(&files);
            finish(left.0.path());
            assert!(left.is_untouched(), "{decided:?}");
        }
    }

    #[test]
    fn nobody_else_decides_here_nor_about_more_than_results() {
        let left = Left::decided();
        left.open_to(0o755);
        finish(left.0.path());
        assert!(left.is_untouched());

        let names = "../model\0\0W/part\0\0.x\0\0.\0";
        let left = Left::new(&[("model", "new"), (FILE, names), (".x", "1")]);
        finish(left.0.path());
        assert!(left.is_untouched() && left.text(".x").is_none());

        let left = Left::new(NEW);
        let fifo = left.stage().join(FILE);
        let made = std::process::Command::new("mkfifo").arg(fifo).status();
        assert!(made.unwrap().success());
        finish(left.0.path());
        assert!(left.is_untouched());
    }

    #[test]
    fn what_came_later_stays() {
        let left = Left::decided();
        fs::rename(left.0.path().join("W"), left.stage().join("W.old")).unwrap();
        let later = left.0.path().join("later");
        fs::write(&later, "later").unwrap();
        fs::rename(later, left.0.path().join("model")).unwrap();
        finish(left.0.path());
        assert_eq!(left.text("model").as_deref(), Some("later"));
        assert_eq!(left.text("W/more").as_deref(), Some("old"));
        assert_eq!(left.count(), 2);
    }

    #[test]
    fn a_commit_under_way_is_waited_for() {
        for withdrawn in [false, true] {
            let left = Left::new(NEW);
            let decided = left.decide();
            std::thread::scope(|scope| {
                scope.spawn(|| finish(left.0.path()));
                std::thread::sleep(Duration::from_millis(50));
                assert!(left.is_untouched());
                if withdrawn {
                    decided.withdraw();
                }
                drop(decided);
            });
            assert_eq!(left.is_untouched(), withdrawn);
            assert_eq!(left.is_new(), !withdrawn);
        }
    }
}
