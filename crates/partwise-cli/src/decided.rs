//! What a commit of several files has decided. A system gives them their names one by one, and a kill may come between two of them: so
//! the names are written down first, and the next command of the same user that reads or writes there finishes what is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Begins the names of folders of what is only there while we work.
pub(crate) const STAGE: &str = ".partwise-";
/// Among the staged files: the names that the others are to have, each closed by what no name has in it, and an end.
const FILE: &str = ".decided";
const CLOSE: &str = "\0";
const END: &str = ".\0";

/// The names that the files of a stage are getting; nobody else touches the stage meanwhile.
#[derive(Debug)]
pub(crate) struct Decided(File);

impl Decided {
    /// Writes the names down: from here on the files get them, whatever comes.
    ///
    /// # Errors
    /// If the system refuses; nothing is decided then.
    pub(crate) fn write(stage: &Path, names: &[String]) -> io::Result<Self> {
        let mut file = File::create_new(stage.join(FILE))?;
        // Where files cannot be held nobody finishes anything.
        let _ = file.lock();
        let names = names.iter().flat_map(|name| [name, CLOSE]);
        let text: String = names.chain([END]).collect();
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(Self(file))
    }

    /// Nobody is to finish this any more. (Who waits for the file has it open, so it must not only lose its name.)
    pub(crate) fn withdraw(self) {
        let _ = self.0.set_len(0);
    }
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
    // Who works on it lets it go soon, and a kill at once.
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let Some(names) = text.strip_suffix(END) else {
        return Ok(());
    };
    let names = names.split_terminator(CLOSE);
    let is_result =
        |name: &str| !name.starts_with('.') && Path::new(name).file_name() == Some(name.as_ref());
    let left: Vec<_> = names
        .filter(|name| is_result(name) && is_there(&stage.join(name)))
        .collect();
    let decided = file.metadata()?.modified()?;
    let is_later = |name: &&str| {
        let found = fs::symlink_metadata(folder.join(name));
        let at = found.and_then(|found| found.modified());
        at.is_ok_and(|at| at > decided)
    };
    // Nothing takes the place of what came after it.
    if !left.iter().any(is_later) {
        for name in left {
            let (place, target) = (stage.join(name), folder.join(name));
            if place.is_dir() && is_there(&target) {
                fs::rename(&target, stage.join(format!("{name}.old")))?;
            }
            fs::rename(&place, &target)?;
        }
    }
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A folder with what was there, and a stage of these files.
    struct Left(tempfile::TempDir);

    impl Left {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            let left = Self(root);
            for (name, text) in [("model", "old"), ("W/part", "old"), ("W/more", "old")] {
                left.put(name, text);
            }
            for (name, text) in files {
                left.put(&format!("{STAGE}1/{name}"), text);
            }
            left.open_to(0o700);
            left
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn open_to(&self, mode: u32) {
            let stage = self.0.path().join(format!("{STAGE}1"));
            fs::set_permissions(stage, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn text(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.path().join(name)).ok()
        }

        /// Whether everything is as it was.
        fn is_untouched(&self) -> bool {
            let old = Some("old".to_owned());
            self.text("model") == old && self.text("W/part") == old && self.text("W/more") == old
        }
    }

    const NEW: &[(&str, &str)] = &[("model", "new"), ("W/part", "new")];

    #[test]
    fn what_was_decided_is_finished() {
        let left = Left::new(&[NEW, &[(FILE, "run\0W\0model\0.\0")]].concat());
        finish(left.0.path());
        assert_eq!(left.text("model").as_deref(), Some("new"));
        assert_eq!(left.text("W/part").as_deref(), Some("new"));
        assert_eq!(left.text("W/more"), None);
        assert_eq!(fs::read_dir(left.0.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_was_not_decided_stays() {
        for decided in [None, Some(""), Some("model\0W\0"), Some("model\0W\0.")] {
            let decided = decided.map(|text| (FILE, text));
            let files: Vec<_> = NEW.iter().copied().chain(decided).collect();
            let left = Left::new(&files);
            finish(left.0.path());
            assert!(left.is_untouched(), "{decided:?}");
        }
    }

    #[test]
    fn nobody_else_decides_here_nor_about_more_than_results() {
        let left = Left::new(&[NEW, &[(FILE, "model\0W\0.\0")]].concat());
        left.open_to(0o755);
        finish(left.0.path());
        assert!(left.is_untouched());

        let left = Left::new(&[
            ("model", "new"),
            (FILE, "../model\0W/part\0.x\0.\0"),
            (".x", "1"),
        ]);
        finish(left.0.path());
        assert!(left.is_untouched() && left.text(".x").is_none());

        let left = Left::new(NEW);
        let fifo = left.0.path().join(format!("{STAGE}1/{FILE}"));
        assert!(
            std::process::Command::new("mkfifo")
                .arg(fifo)
                .status()
                .unwrap()
                .success()
        );
        finish(left.0.path());
        assert!(left.is_untouched());
    }

    #[test]
    fn what_came_later_stays() {
        let left = Left::new(&[NEW, &[(FILE, "model\0W\0.\0")]].concat());
        let file = File::options()
            .write(true)
            .open(left.0.path().join("model"))
            .unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(5))
            .unwrap();
        finish(left.0.path());
        assert!(left.is_untouched());
        assert_eq!(fs::read_dir(left.0.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_commit_under_way_is_waited_for() {
        for withdrawn in [false, true] {
            let left = Left::new(NEW);
            let stage = left.0.path().join(format!("{STAGE}1"));
            let decided = Decided::write(&stage, &["model".into(), "W".into()]).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| finish(left.0.path()));
                std::thread::sleep(Duration::from_millis(50));
                assert!(left.is_untouched());
                match withdrawn {
                    true => decided.withdraw(),
                    false => drop(decided),
                }
            });
            assert_eq!(left.is_untouched(), withdrawn);
        }
    }
}
