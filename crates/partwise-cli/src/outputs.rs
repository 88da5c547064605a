//! Files that appear together or not at all.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use tempfile::TempDir;

use crate::decided::{self, Decided, STAGE, is_there};
use crate::failure::printable;

/// What every fit may write.
const OF_FITS: [&str; 5] = [
    "convergence.png",
    "model.npz",
    "page.json.gz",
    "report.html",
    "run.json",
];
/// Files and folders that this command reads, which nothing of its own may replace.
static INPUTS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// Folders of what is only there while we work, and those that were made for them.
static STAGES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn locked(paths: &Mutex<Vec<PathBuf>>) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
    paths.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a file or folder that is read, if there is one of that name; as [`settle`].
pub(crate) fn spare(path: &Path) {
    if let Some(path) = settle(path) {
        locked(&INPUTS).push(path);
    }
}

/// Lets what an earlier command has left undone where a file or folder is be done. That file or folder, if there is one of that name.
pub(crate) fn settle(path: &Path) -> Option<PathBuf> {
    /// Where that has been done.
    static SETTLED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let finish = |folder: &Path| {
        let mut settled = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(folder) = fs::canonicalize(folder)
            && settled.insert(folder.clone())
        {
            decided::finish(&folder);
        }
    };
    // A number is no file, nor is a word; a file may be there only afterwards.
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_file_like = extension.contains(char::is_alphabetic) || path.components().count() > 1;
    if is_file_like || is_there(path) {
        finish(folder_of(path));
    }
    let path = fs::canonicalize(path).ok()?;
    finish(folder_of(&path));
    if path.is_dir() {
        finish(&path);
    }
    Some(path)
}

/// Checks, before any work, that results can be written into a folder: those of every fit, and others of these names.
///
/// # Errors
/// As [`check_folder`]; if one would replace what is read.
pub(crate) fn check_results<'a>(
    folder: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<()> {
    check_spared(folder, OF_FITS.into_iter().chain(names))?;
    check_folder(folder)
}

/// Checks, before any work, that files of these names would replace none that is read.
///
/// # Errors
/// The first that would.
pub(crate) fn check_spared<'a>(
    folder: &Path,
    names: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let mut names = names.into_iter();
    names.try_for_each(|name| refuse_input(&folder.join(name)))
}

fn refuse_input(target: &Path) -> anyhow::Result<()> {
    // A folder takes the place of one of its name with all that is in there.
    let read = fs::canonicalize(target)
        .is_ok_and(|path| locked(&INPUTS).iter().any(|input| input.starts_with(&path)));
    anyhow::ensure!(
        !read,
        "{}: is what this command reads, and would be replaced; another name for its output is needed",
        target.display()
    );
    Ok(())
}

/// Removes what is only there while we work, for a program that ends at once.
pub(crate) fn remove_unfinished() {
    partwise_io::remove_unfinished();
    // The last ones first: they may be in those before.
    for folder in locked(&STAGES).drain(..).rev() {
        let is_stage = folder
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(STAGE.as_bytes()));
        // There is nobody left to tell; someone else's file in a folder is a reason to leave it.
        let _ = match is_stage {
            true => fs::remove_dir_all(folder),
            false => fs::remove_dir(folder),
        };
    }
}

/// Checks, before any work, that files can be made in a folder; leaves nothing behind.
///
/// # Errors
/// If the folder neither exists nor can be made, or takes no file.
pub(crate) fn check_folder(folder: &Path) -> anyhow::Result<()> {
    Staged::begin(folder).map(drop)
}

/// Checks, before any work, that a file can be made; leaves nothing behind.
///
/// # Errors
/// As [`check_folder`]; if a folder has that name.
pub(crate) fn check_file(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        anyhow::bail!(
            "{}: is a folder; expected the name of a file",
            path.display()
        );
    }
    if path.file_name().is_none() {
        anyhow::bail!("{}: expected the name of a file", path.display());
    }
    refuse_input(path)?;
    check_folder(folder_of(path))
}

/// As [`check_file`], for a file of one format, whose name must end as such names do.
///
/// # Errors
/// As [`check_file`]; another extension.
pub(crate) fn check_named(path: &Path, extension: &str) -> anyhow::Result<()> {
    let found = path.extension().unwrap_or_default();
    anyhow::ensure!(
        found.eq_ignore_ascii_case(extension),
        "{}: expected the name of a .{extension} file",
        path.display()
    );
    check_file(path)
}

/// As [`check_file`], for a matrix; its extension must be that of a format that can be written.
///
/// # Errors
/// As [`check_file`]; another extension.
pub(crate) fn check_matrix_file(path: &Path) -> anyhow::Result<()> {
    partwise_io::check_writable(path)?;
    check_file(path)
}

/// Writes a file, which appears as a whole or not at all.
///
/// # Errors
/// If the system refuses.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path
        .file_name()
        .with_context(|| format!("{}: expected the name of a file", path.display()))?;
    let mut staged = Staged::begin(folder_of(path))?;
    staged.write(&name.to_string_lossy(), bytes)?;
    staged.commit().map(drop)
}

/// Lets a writer of `partwise_io` write a file, which it does as a whole or not at all, in a folder that is made if need be.
///
/// # Errors
/// If the system refuses, and what the writer meets; no folder is left then.
pub(crate) fn write_by<R>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<R, partwise_io::Error>,
) -> anyhow::Result<R> {
    let mut made = NewFolders::make(folder_of(path))?;
    let written = write(path)?;
    made.keep();
    Ok(written)
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Files that are written beside their place and moved there together.
#[derive(Debug)]
pub(crate) struct Staged {
    folder: PathBuf,
    /// Dropped before `made`, since it lies in there.
    stage: TempDir,
    names: Vec<String>,
    made: NewFolders,
}

impl Staged {
    /// Makes the folder if need be, and room for the files.
    ///
    /// # Errors
    /// If the system refuses; nothing is left then.
    pub(crate) fn begin(folder: &Path) -> anyhow::Result<Self> {
        let refused = || format!("{}: cannot write into this folder", folder.display());
        let made = NewFolders::make(folder)?;
        decided::finish(folder);
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What is decided in there is this user's alone.
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let stage = builder
            .prefix(STAGE)
            .tempdir_in(folder)
            .map_err(without_path)
            .with_context(refused)?;
        locked(&STAGES).push(stage.path().to_path_buf());
        Ok(Self {
            folder: folder.to_path_buf(),
            stage,
            names: Vec::new(),
            made,
        })
    }

    /// Where to write the file `name` for now, before the commit.
    pub(crate) fn place(&mut self, name: &str) -> PathBuf {
        self.names.push(name.to_owned());
        self.stage.path().join(name)
    }

    /// Makes a folder to write files into, before the commit.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn folder(&mut self, name: &str) -> anyhow::Result<PathBuf> {
        let place = self.place(name);
        fs::create_dir(&place).with_context(|| self.refused(name))?;
        Ok(place)
    }

    /// Lets a writer of `partwise_io` write a file.
    ///
    /// # Errors
    /// If the system refuses, with the place where the file was to be.
    pub(crate) fn write_with(
        &mut self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<(), partwise_io::Error>,
    ) -> anyhow::Result<()> {
        let place = self.place(name);
        write(&place).map_err(|error| match error {
            partwise_io::Error::Write { source, .. } => {
                anyhow::Error::new(source).context(self.refused(name))
            }
            error => error.into(),
        })
    }

    /// Writes a file's bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let place = self.place(name);
        let write = || {
            fs::write(&place, bytes)?;
            File::open(&place)?.sync_all()
        };
        write().with_context(|| self.refused(name))
    }

    /// Gives all files and folders their names. A folder takes the place of one of that name with all that is in there.
    ///
    /// # Errors
    /// If the system refuses; what was there before is there again.
    pub(crate) fn commit(mut self) -> anyhow::Result<Committed> {
        check_spared(&self.folder, self.names.iter().map(String::as_str))?;
        // Of a command that was killed meanwhile: it came first.
        decided::finish(&self.folder);
        // Held until all is in its place: a request to end must not take away what stands aside for a moment.
        let noted = locked(&STAGES);
        let decided = Decided::write(&self.folder, self.stage.path(), &self.names)
            .with_context(|| format!("{}: cannot write into this folder", self.folder.display()))?;
        let mut taken: Vec<(&str, bool)> = Vec::new();
        for name in &self.names {
            let (place, target) = (self.stage.path().join(name), self.folder.join(name));
            let is_new = !is_there(&target);
            taken.push((name, is_new));
            let aside = match place.is_dir() && !is_new {
                true => fs::rename(&target, self.old(name)),
                false => {
                    // A file is replaced in one step. Where it cannot have a second name it cannot come back.
                    let _ = fs::hard_link(&target, self.old(name));
                    Ok(())
                }
            };
            if let Err(error) = aside.and_then(|()| fs::rename(&place, &target)) {
                // The first failure is the one to report.
                decided.withdraw();
                taken.into_iter().for_each(|taken| self.take_back(taken));
                return Err(error).with_context(|| self.refused(name));
            }
        }
        drop((noted, decided));
        self.made.keep();
        Ok(Committed {
            names: std::mem::take(&mut self.names),
            folder: std::mem::take(&mut self.folder),
        })
    }

    /// Where something stands aside until all is in its place.
    fn old(&self, name: &str) -> PathBuf {
        self.stage.path().join(format!("{name}.old"))
    }

    /// Puts what was there before back, as far as the system lets it.
    fn take_back(&self, (name, is_new): (&str, bool)) {
        let (target, old) = (self.folder.join(name), self.old(name));
        let (is_folder, comes_back) = (target.is_dir(), !is_new && is_there(&old));
        if is_new || (is_folder && comes_back) {
            let _ = match is_folder {
                true => fs::remove_dir_all(&target),
                false => fs::remove_file(&target),
            };
        }
        if comes_back {
            let _ = fs::rename(old, target);
        }
    }

    /// The place that a file which could not be written was to have.
    pub(crate) fn refused(&self, name: &str) -> String {
        format!("{}: cannot write", self.folder.join(name).display())
    }
}

/// Files and folders that have their names: in words, with what was there before and stays.
#[derive(Debug)]
pub(crate) struct Committed {
    names: Vec<String>,
    folder: PathBuf,
}

impl Committed {
    /// What else is in the folder, but for what the command reads, and what it removes at its end.
    fn others(&self) -> Vec<String> {
        let goes = |name: &str| {
            name.starts_with('.') || name.ends_with(".checkpoint") || name.ends_with(".part")
        };
        let is_read = |name: &str| {
            fs::canonicalize(self.folder.join(name))
                .is_ok_and(|path| locked(&INPUTS).contains(&path))
        };
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut others: Vec<_> = names
            .filter(|name| !goes(name) && !self.names.contains(name) && !is_read(name))
            .collect();
        others.sort();
        others
    }
}

impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        write!(f, "{} in {}", self.names.join(", "), self.folder.display())?;
        let others = self.others();
        let shown = others.iter().take(SHOWN).map(|name| printable(name));
        let shown = shown.collect::<Vec<_>>().join(", ");
        match others.len() {
            0 => Ok(()),
            1..=SHOWN => write!(f, ", beside {shown} from before"),
            count => write!(f, ", beside {shown} and {} more from before", count - SHOWN),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        locked(&STAGES).retain(|folder| folder != self.stage.path());
    }
}

/// Folders that were made, innermost last; removed when dropped unless they are to be kept.
#[derive(Debug)]
struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let mut missing: Vec<&Path> = Vec::new();
        for ancestor in folder.ancestors() {
            if ancestor.as_os_str().is_empty() || ancestor.is_dir() {
                break;
            }
            missing.push(ancestor);
        }
        let mut made = Self(Vec::new());
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => made.0.push(path.to_path_buf()),
                Err(_) if path.is_dir() => {}
                Err(error) => {
                    let folder = folder.display();
                    return Err(error)
                        .with_context(|| format!("{folder}: cannot write into this folder"));
                }
            }
        }
        locked(&STAGES).extend(made.0.iter().cloned());
        Ok(made)
    }

    fn keep(&mut self) {
        self.forget();
        self.0.clear();
    }

    fn forget(&self) {
        locked(&STAGES).retain(|folder| !self.0.contains(folder));
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        self.forget();
        for path in self.0.iter().rev() {
            // Someone else's file in there is a reason to leave the folder.
            let _ = fs::remove_dir(path);
        }
    }
}

/// The system's reason alone: `tempfile` adds a random name that tells nobody anything.
fn without_path(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.source()) {
        Some(source) => match source
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error,
        },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_without_a_commit() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        check_folder(&folder).unwrap();
        let mut staged = Staged::begin(&folder).unwrap();
        staged.write("x", b"1").unwrap();
        drop(staged);
        assert!(!root.path().join("a").exists());
    }

    #[test]
    fn a_commit_moves_all_files_and_nothing_else_remains() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let mut staged = Staged::begin(&folder).unwrap();
        staged.write("x", b"1").unwrap();
        staged.write("y", b"2").unwrap();
        let written = staged.commit().unwrap();
        assert_eq!(written.to_string(), format!("x, y in {}", folder.display()));
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["x", "y"]);
    }

    #[test]
    fn what_was_there_stays_and_is_named() {
        let root = tempfile::tempdir().unwrap();
        let commit = |names: &[&str]| {
            let mut staged = Staged::begin(root.path()).unwrap();
            names
                .iter()
                .for_each(|name| staged.write(name, b"1").unwrap());
            staged.commit().unwrap().to_string()
        };
        let all = commit(&["model.npz", "run.json"]);
        assert!(all.ends_with(&format!("in {}", root.path().display())));
        let few = commit(&["run.json", "rank.png"]);
        assert!(few.ends_with(", beside model.npz from before"), "{few}");
        assert!(root.path().join("model.npz").exists());
        let data = |name: &str| fs::write(root.path().join(name), b"1").unwrap();
        ["a.wav", "b.wav", "c.wav"].into_iter().for_each(data);
        spare(&root.path().join("a.wav"));
        let few = commit(&["run.json", "rank.png"]);
        assert!(
            few.ends_with(", beside b.wav, c.wav, model.npz from before"),
            "{few}"
        );
        data("a.csv");
        let few = commit(&["run.json", "rank.png"]);
        assert!(
            few.ends_with(", beside a.csv, b.wav, c.wav and 1 more from before"),
            "{few}"
        );
    }

    #[test]
    fn a_folder_takes_the_place_of_an_older_one() {
        let root = tempfile::tempdir().unwrap();
        for files in [&["a", "b"][..], &["c"]] {
            let mut staged = Staged::begin(root.path()).unwrap();
            let folder = staged.folder("W").unwrap();
            files
                .iter()
                .for_each(|file| fs::write(folder.join(file), b"1").unwrap());
            staged.commit().unwrap();
            let names = |folder: &Path| {
                let entries = fs::read_dir(folder).unwrap();
                let names = entries.map(|entry| entry.unwrap().file_name());
                let mut names: Vec<_> = names.collect();
                names.sort();
                names
            };
            assert_eq!(names(root.path()), ["W"]);
            assert_eq!(names(&root.path().join("W")), files);
        }
    }

    #[test]
    fn a_failing_commit_takes_back_what_it_moved() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("y/full")).unwrap();
        let mut staged = Staged::begin(root.path()).unwrap();
        staged.write("x", b"1").unwrap();
        staged.write("y", b"2").unwrap();
        staged.commit().unwrap_err();
        assert!(!root.path().join("x").exists());
    }
}
