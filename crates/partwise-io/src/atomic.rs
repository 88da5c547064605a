//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// Temporary files that are being written.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of whatever is being written: for a program that ends at once, by a signal.
pub fn remove_unfinished() {
    for path in unfinished().drain(..) {
        // There is nobody left to tell.
        let _ = fs::remove_file(path);
    }
}

/// A temporary file, while it is one.
struct Unfinished(PathBuf);

impl Unfinished {
    fn note(path: &Path) -> Self {
        unfinished().push(path.to_path_buf());
        Self(path.to_path_buf())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().retain(|path| *path != self.0);
    }
}

/// Writes a file whole or not at all: into a temporary file of the same folder, which is flushed to the disk and then
/// takes the name. If `write` fails, or the disk is full, nothing new is left and an older file of that name stays as it
/// was. Its permissions are kept; a symbolic link is followed. Devices and pipes are written directly.
///
/// # Errors
///
/// Whatever `write` returns; [`Error::Write`] (as `E`) if the system refuses.
pub fn write_atomically<E: From<Error>>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let given = path.as_ref();
    let file = given.display().to_string();
    let refused = |source| {
        E::from(Error::Write {
            file: file.clone(),
            source,
        })
    };
    let target = fs::canonicalize(given).unwrap_or_else(|_| given.to_path_buf());
    let existing = fs::metadata(&target).ok();
    if let Some(metadata) = &existing {
        if metadata.is_dir() {
            return Err(Error::IsFolder { file }.into());
        }
        if !metadata.is_file() {
            let device = fs::OpenOptions::new()
                .write(true)
                .open(&target)
                .map_err(refused)?;
            let mut out = BufWriter::new(device);
            write(&mut out)?;
            return out.flush().map_err(refused);
        }
    }
    let folder = folder_of(&target);
    if !folder.exists() {
        return Err(refused(io::Error::new(
            io::ErrorKind::NotFound,
            "the folder does not exist",
        )));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partwise-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the user's umask leaves of this.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(&folder).map_err(refused)?;
    let (handle, temporary_path) = temporary.into_parts();
    let _noted = Unfinished::note(&temporary_path);
    let mut out = BufWriter::with_capacity(1 << 16, handle);
    write(&mut out)?;
    let handle = out
        .into_inner()
        .map_err(|error| refused(error.into_error()))?;
    if let Some(metadata) = existing {
        fs::set_permissions(&temporary_path, metadata.permissions()).map_err(refused)?;
    }
    handle.sync_all().map_err(refused)?;
    drop(handle);
    // By the call that everything else here is renamed by, which tests can let fail.
    fs::rename(&temporary_path, &target).map_err(refused)?;
    // It is no longer there.
    let _ = temporary_path.keep();
    // The new name itself must survive a power cut; folders cannot be opened so on every system.
    #[cfg(unix)]
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(refused)?;
    Ok(())
}

pub(crate) fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
