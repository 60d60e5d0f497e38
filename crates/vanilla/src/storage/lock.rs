//! [`RunLock`]: one run in a folder at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file that is locked. It holds the number of the process that has the lock, for people.
const NAME: &str = ".vanilla-lock";

/// A folder that no other process writes a run into. The system lets go of it when the process ends, however it
/// ends; dropping it removes the file.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    file: File,
    exclusive: bool,
}

/// Why a folder could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process is writing a run there.
    #[error(
        "{}: {} is writing a run there: wait until it ends, or choose another folder",
        folder.display(),
        pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The process, where it can be known.
        pid: Option<u32>,
    },
    /// The lock's file could not be made.
    #[error("{}: cannot be locked ({source}): choose another folder", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the folder, which exists, or says who has it.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be made there.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(NAME);
        let failed = |source| LockError::Io { folder: folder.to_owned(), source };
        loop {
            let mut options = File::options();
            let mut file =
                options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
            let exclusive = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    // It may be empty for a moment; then nobody knows the number.
                    let _ = file.take(20).read_to_string(&mut text);
                    return Err(LockError::Held { folder: folder.to_owned(), pid: text.trim().parse().ok() });
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => false,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            };
            // Between opening and locking the last holder may have removed the file: then it is another one by
            // now.
            if !same_file(&file, &path) {
                continue;
            }
            let pid = format!("{}\n", std::process::id());
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(pid.as_bytes()))
                .map_err(failed)?;
            return Ok(Self { path, file, exclusive });
        }
    }

    /// Whether the file system really locks; a few network file systems do not.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Removed while it is still locked, so nobody else's is; and only if the folder was not exchanged
        // meanwhile.
        if same_file(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether this name still leads to the file that is open.
#[cfg(unix)]
pub(super) fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |found: std::fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

/// Where an open file cannot be removed, the name keeps its file.
#[cfg(not(unix))]
pub(super) fn same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_and_names_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunLock::acquire(folder.path()).unwrap();
        assert!(first.is_exclusive());
        let error = RunLock::acquire(folder.path()).unwrap_err();
        let own = std::process::id();
        assert!(matches!(error, LockError::Held { pid: Some(pid), .. } if pid == own), "{error:?}");
        let text = error.to_string();
        let want = format!(": process {own} is writing a run there: wait until it ends, or choose another folder");
        assert!(text.ends_with(&want), "{text}");
        drop(first);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file stays");
        RunLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn the_file_of_a_dead_process_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), "999999\n").unwrap();
        RunLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn one_of_many_gets_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let taken = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let Ok(lock) = RunLock::acquire(folder.path()) else { continue };
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                        taken.fetch_add(1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = RunLock::acquire(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none: cannot be locked (No such file"), "{error}");
    }
}
