//! [`write_atomically`]: files that appear whole or not at all, [`write_together`]: several that belong together,
//! and [`Fs`], the few operations that it takes.
//!
//! A file is written beside its destination, synced, renamed, and its folder synced. Whatever fails or dies on the
//! way, the destination is the earlier file or the new one. What that means in detail:
//!
//! - The temporary file `.vanilla-tmp-PID-N` stands in the destination's folder, so the rename never crosses a
//!   file system. It is locked while it is written: a left-over that nobody has locked belongs to a dead process,
//!   and the next file that is written into this folder removes it.
//! - After a failed write or sync the temporary file is removed and never renamed: a second sync of the same file
//!   may report success for data that the first one lost.
//! - A destination that is a symbolic link stays one; what it points to is replaced.
//! - Permissions are those of the file that is replaced; without one, the umask decides. A read-only file is
//!   refused.
//! - What is no regular file (`/dev/stdout`, a pipe) is written to directly, for there is nothing to replace.

pub mod lock;

use std::fs::Permissions;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What every temporary file's name begins with.
pub const TEMPORARY: &str = ".vanilla-tmp-";

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// A file system, as far as saving and finding files needs one: [`Disk`], or one that fails on purpose in a test.
pub trait Fs: std::fmt::Debug + Send + Sync {
    /// What this name is; a link is not followed.
    ///
    /// # Errors
    /// When there is nothing, or it cannot be seen.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Makes a file that was not there, for writing, and locks it until it is dropped.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<Box<dyn FsFile>>;

    /// Opens what is there for writing, as it is.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;

    /// Gives a file another name, replacing the file that had it, in one step.
    ///
    /// # Errors
    /// When it cannot be renamed; then nothing changed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes names in this folder survive a power cut.
    ///
    /// # Errors
    /// When the disk says so.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it is not there or cannot be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a temporary file if nobody is writing it; whether it did.
    ///
    /// # Errors
    /// When it cannot be opened or removed.
    fn remove_abandoned(&self, path: &Path) -> io::Result<bool>;

    /// A whole file.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than the memory.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Names in a folder, in any order. Names that are no text are left out: none of ours is.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
}

/// A file open for writing.
pub trait FsFile: Write + Send {
    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// When the disk says so; the file is then of no use.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// A regular file, with its permissions where there are any.
    File(Option<Permissions>),
    /// A folder.
    Folder,
    /// A symbolic link to this path.
    Link(PathBuf),
    /// A device, a pipe, a socket.
    Other,
}

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {} ({source}){}", path.display(), step.failed(), step.way_out(source.kind()))]
pub struct StorageError {
    /// The file that was to be written or read (not a temporary one).
    pub path: PathBuf,
    /// What was being done.
    pub step: Step,
    /// What the system said.
    pub source: io::Error,
}

/// A step of saving or loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Before anything was renamed: an earlier file is as it was.
    Write,
    /// The file is new and whole, but it is not known whether its name survives a power cut.
    SyncFolder,
    /// Reading a file or a folder.
    Read,
}

impl Step {
    fn failed(self) -> &'static str {
        match self {
            Self::Write => "cannot be written",
            Self::SyncFolder => "was written, but its folder cannot be synced",
            Self::Read => "cannot be read",
        }
    }

    fn way_out(self, kind: ErrorKind) -> &'static str {
        match (self, kind) {
            (Self::SyncFolder, _) => ": after a power cut the earlier file may be back",
            (Self::Read, _) => "",
            (_, ErrorKind::NotFound) => ": make its folder first",
            (_, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                ": what was there before is unchanged; make room and save again"
            }
            (_, ErrorKind::ResourceBusy) => ": is it mounted by itself? mount its folder instead",
            (_, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::IsADirectory) => {
                ": choose another place"
            }
            _ => ": what was there before is unchanged",
        }
    }
}

impl StorageError {
    pub(crate) fn new(path: &Path, step: Step, source: io::Error) -> Self {
        Self { path: path.to_owned(), step, source }
    }
}

/// Writes a file that appears whole or not at all.
///
/// # Errors
/// When the folder or the file cannot be written. Then an earlier file of this name is as it was, except after
/// [`Step::SyncFolder`], when the new file is there.
pub fn write_atomically(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    match Staged::new(fs, path, bytes)? {
        Some(staged) => staged.commit(),
        None => Ok(()),
    }
}

/// Writes files that belong together. The last one is the seal: it goes before any other is replaced, and comes
/// when all others are there, so whoever finds it finds the others of the same set.
///
/// # Errors
/// As [`write_atomically`]. What lacks room or rights is found before anything is replaced, and then all is as it
/// was.
pub fn write_together(fs: &dyn Fs, files: &[(PathBuf, &[u8])]) -> Result<(), StorageError> {
    let staged = files.iter().map(|(path, bytes)| Staged::new(fs, path, bytes));
    let mut staged = staged.collect::<Result<Vec<_>, _>>()?;
    let Some((Some(seal), others)) = staged.pop().map(|seal| (seal, staged)) else { return Ok(()) };
    match fs.remove(&seal.destination).and_then(|()| fs.sync_folder(folder_of(&seal.destination))) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StorageError::new(&seal.path, Step::Write, error));
        }
        _ => {}
    }
    others.into_iter().flatten().chain([seal]).try_for_each(Staged::commit)
}

/// A file that is whole and on the disk, under a temporary name. Dropping it removes it.
struct Staged<'a> {
    fs: &'a dyn Fs,
    /// As the caller says it.
    path: PathBuf,
    destination: PathBuf,
    temporary: PathBuf,
    /// Locked as long as it is open.
    file: Option<Box<dyn FsFile>>,
}

impl<'a> Staged<'a> {
    /// `None` for what has no earlier content to keep, a device: it is written at once.
    fn new(fs: &'a dyn Fs, path: &Path, bytes: &[u8]) -> Result<Option<Self>, StorageError> {
        let failed = |source| StorageError::new(path, Step::Write, source);
        let (destination, found) = follow(fs, path).map_err(failed)?;
        let permissions = match found {
            Some(Stat::File(permissions)) => permissions,
            Some(Stat::Folder) => return Err(failed(io::Error::new(ErrorKind::IsADirectory, "it is a folder"))),
            Some(Stat::Link(_) | Stat::Other) => {
                let mut device = fs.open(&destination).map_err(failed)?;
                return device.write_all(bytes).and_then(|()| device.flush()).map(|()| None).map_err(failed);
            }
            None => None,
        };
        // Renaming asks only for rights on the folder; who protected a file means the file.
        if permissions.as_ref().is_some_and(Permissions::readonly) {
            return Err(failed(io::Error::new(ErrorKind::PermissionDenied, "the file there is read-only")));
        }
        let folder = folder_of(&destination);
        remove_left_overs(fs, folder);
        let (temporary, file) = create_temporary(fs, folder, permissions.as_ref()).map_err(failed)?;
        let path = path.to_owned();
        let mut staged = Self { fs, path, destination, temporary, file: Some(file) };
        let file = staged.file.as_mut().expect("set above");
        let written = file.write_all(bytes).and_then(|()| file.flush()).and_then(|()| file.sync());
        written.map_err(|source| StorageError::new(&staged.path, Step::Write, source))?;
        Ok(Some(staged))
    }

    fn commit(mut self) -> Result<(), StorageError> {
        let renamed = self.fs.rename(&self.temporary, &self.destination);
        renamed.map_err(|source| StorageError::new(&self.path, Step::Write, source))?;
        // Its name is gone, and so is what dropping would remove. The lock goes with the file, so only now.
        self.file = None;
        let synced = self.fs.sync_folder(folder_of(&self.destination));
        synced.map_err(|source| StorageError::new(&self.path, Step::SyncFolder, source))
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Best effort: where this fails too, it is a left-over for the next one.
            let _ = self.fs.remove(&self.temporary);
        }
    }
}

/// Makes a folder and those above it that are missing, so that they survive a power cut; gives those that it made,
/// deepest first.
///
/// # Errors
/// When one cannot be made; then none of them stays.
pub fn make_folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    let make = |folder: &PathBuf| {
        match std::fs::create_dir(folder) {
            // Somebody else was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            result => result?,
        }
        // Where that cannot be, so be it: no file is in there yet that could be lost.
        let _ = Disk.sync_folder(folder_of(folder));
        Ok(())
    };
    if let Err(error) = missing.iter().rev().try_for_each(make) {
        for folder in &missing {
            let _ = std::fs::remove_dir(folder);
        }
        return Err(error);
    }
    // As `create_dir_all` does: a file in this place is no folder.
    if path.is_dir() { Ok(missing) } else { Err(ErrorKind::NotADirectory.into()) }
}

/// Removes temporary files that dead processes left in this folder. What cannot be removed stays: a left-over is
/// no reason to fail.
pub fn remove_left_overs(fs: &dyn Fs, folder: &Path) {
    let names = fs.list(folder).unwrap_or_default();
    for name in names.iter().filter(|name| name.starts_with(TEMPORARY)) {
        let _ = fs.remove_abandoned(&folder.join(name));
    }
}

/// Where a chain of symbolic links ends, and what is there.
fn follow(fs: &dyn Fs, path: &Path) -> io::Result<(PathBuf, Option<Stat>)> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs.stat(&path) {
            Ok(Stat::Link(target)) => path = folder_of(&path).join(target),
            Ok(found) => return Ok((path, Some(found))),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((path, None)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("symbolic links that lead to themselves"))
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create_temporary(
    fs: &dyn Fs,
    folder: &Path,
    permissions: Option<&Permissions>,
) -> io::Result<(PathBuf, Box<dyn FsFile>)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        match fs.create_new(&path, permissions) {
            // A dead process had the same number (in a container they all do): the next one is free.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((path, file)),
        }
    }
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Fs for Disk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let found = std::fs::symlink_metadata(path)?;
        let kind = found.file_type();
        Ok(if kind.is_symlink() {
            Stat::Link(std::fs::read_link(path)?)
        } else if kind.is_dir() {
            Stat::Folder
        } else if kind.is_file() {
            Stat::File(Some(found.permissions()))
        } else {
            Stat::Other
        })
    }

    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<Box<dyn FsFile>> {
        let file = std::fs::File::options().write(true).create_new(true).open(path)?;
        // It waits where somebody looks this very moment whether the file is a left-over. Where the file system
        // has no locks, left-overs stay; the file itself does not need one.
        while matches!(file.lock(), Err(error) if error.kind() == ErrorKind::Interrupted) {}
        // Whoever looked may have come before the lock and removed it: then another name is as good.
        if !lock::same_file(&file, path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if let Some(permissions) = permissions
            && let Err(error) = file.set_permissions(permissions.clone())
        {
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(std::fs::File::options().write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            // Folders cannot be opened like files there.
            return Ok(());
        }
        match std::fs::File::open(folder)?.sync_all() {
            // Some network file systems have nothing to sync a folder with; their names are safe without.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            result => result,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_abandoned(&self, path: &Path) -> io::Result<bool> {
        let file = std::fs::File::open(path)?;
        if file.try_lock().is_err() {
            return Ok(false);
        }
        std::fs::remove_file(path).map(|()| true)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if !std::fs::metadata(path)?.is_file() {
            // A pipe would wait for ever.
            return Err(io::Error::other("it is no regular file"));
        }
        std::fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }
}

impl FsFile for std::fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
