//! A file system in memory that fails, writes short or loses power at the operation it is told to.
//!
//! What a disk may do when the power goes, it does: names since the last sync of the folder are there or not, each
//! for itself, and a file that was not synced holds what it held at its last sync, or a part, or zeros, or all.
#![allow(dead_code, reason = "every test file is a crate of its own and uses a part")]

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use vanilla::storage::{Fs, FsFile, Stat};

/// A write takes at most this many bytes, so a small file takes several.
const WRITE_BYTES: usize = 96;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// This operation fails, later ones do not.
    Once(ErrorKind),
    /// This operation and all later ones that need room fail.
    FromHere(ErrorKind),
    /// This operation, if it is a write, takes one byte; the next operation fails.
    Short(ErrorKind),
    /// The power goes while this operation is done.
    Crash,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    content: Vec<u8>,
    /// What is known to be on the disk.
    synced: Vec<u8>,
}

#[derive(Clone, Debug)]
enum NameOp {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    /// Names on the disk, and what happened to them since.
    synced_names: BTreeMap<PathBuf, usize>,
    pending: Vec<NameOp>,
    locked: Vec<usize>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    fired: bool,
    dead: bool,
}

/// The file system; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Faulty(Arc<Mutex<State>>);

impl Faulty {
    /// A disk with these files.
    pub fn with(files: &[(&str, &[u8])]) -> Self {
        let mut state = State::default();
        for (name, bytes) in files {
            state.names.insert(PathBuf::from(name), state.inodes.len());
            state.inodes.push(Inode { content: bytes.to_vec(), synced: bytes.to_vec() });
        }
        state.synced_names = state.names.clone();
        Self(Arc::new(Mutex::new(state)))
    }

    /// Lets this go wrong at the operation of this number, counted from 0 and from now.
    pub fn plan(&self, at: usize, fault: Fault) {
        let mut state = self.state();
        state.operations = 0;
        state.fired = false;
        state.fault = Some((at, fault));
    }

    /// Whether the planned operation came.
    pub fn fired(&self) -> bool {
        self.state().fired
    }

    /// Whether the power is gone.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.state().fault = None;
    }

    /// Operations since the plan, or since the beginning.
    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// What a file holds now.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(Path::new(path)).map(|inode| state.inodes[*inode].content.clone())
    }

    /// All names now.
    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().map(|path| path.display().to_string()).collect()
    }

    /// Every disk that somebody may find who turns the power on again.
    pub fn after_power_cut(&self) -> Vec<Self> {
        let state = self.state().clone();
        assert!(state.pending.len() <= 10, "too many combinations");
        let mut found = Vec::new();
        for applied in 0..1usize << state.pending.len() {
            let mut names = state.synced_names.clone();
            for (i, op) in state.pending.iter().enumerate().filter(|(i, _)| applied & 1 << i != 0) {
                let _ = i;
                match op {
                    NameOp::Create(path, inode) => drop(names.insert(path.clone(), *inode)),
                    NameOp::Rename(from, to, inode) => {
                        names.remove(from);
                        names.insert(to.clone(), *inode);
                    }
                    NameOp::Remove(path) => drop(names.remove(path)),
                }
            }
            for variant in 0..4 {
                let mut inodes = state.inodes.clone();
                for inode in inodes.iter_mut().filter(|inode| inode.content != inode.synced) {
                    inode.content = match variant {
                        0 => inode.synced.clone(),
                        1 => inode.content[..inode.content.len() / 2].to_vec(),
                        2 => vec![0; inode.content.len()],
                        _ => inode.content.clone(),
                    };
                }
                for inode in &mut inodes {
                    inode.synced = inode.content.clone();
                }
                let (synced_names, names) = (names.clone(), names.clone());
                let disk = State { inodes, names, synced_names, ..State::default() };
                found.push(Self(Arc::new(Mutex::new(disk))));
            }
        }
        found
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts an operation. `Ok(true)`: it is done, and then the power goes.
    fn step(&self, needs_room: bool) -> io::Result<bool> {
        let mut state = self.state();
        let now = state.operations;
        state.operations += 1;
        if state.dead {
            return Err(io::Error::other("no power"));
        }
        let Some((at, fault)) = state.fault else { return Ok(false) };
        let hit = match fault {
            Fault::FromHere(_) => now == at || now > at && needs_room,
            Fault::Short(_) => now == at + 1,
            _ => now == at,
        };
        if !hit {
            return Ok(false);
        }
        state.fired = true;
        match fault {
            Fault::Crash => {
                state.dead = true;
                Ok(true)
            }
            Fault::Once(kind) | Fault::FromHere(kind) | Fault::Short(kind) => Err(kind.into()),
        }
    }

    /// Whether the operation that comes is to be cut short.
    fn is_short(&self) -> bool {
        let state = self.state();
        matches!(state.fault, Some((at, Fault::Short(_))) if at == state.operations)
    }

    /// What a done operation says, if the power went with it.
    fn end(crashed: bool) -> io::Result<()> {
        if crashed { Err(io::Error::other("no power")) } else { Ok(()) }
    }
}

struct Open {
    fs: Faulty,
    inode: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Ok(mut state) = self.fs.0.lock() {
            state.locked.retain(|inode| *inode != self.inode);
        }
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = if self.fs.is_short() { 1 } else { WRITE_BYTES };
        let crashed = self.fs.step(true)?;
        let taken = &bytes[..bytes.len().min(most)];
        self.fs.state().inodes[self.inode].content.extend_from_slice(taken);
        Faulty::end(crashed)?;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FsFile for Open {
    fn sync(&mut self) -> io::Result<()> {
        let crashed = self.fs.step(true);
        if let Err(error) = crashed {
            // What a failed sync had in hand is gone, and nobody is told again: the next sync would succeed.
            let mut state = self.fs.state();
            let inode = &mut state.inodes[self.inode];
            inode.content = inode.synced.clone();
            return Err(error);
        }
        if !self.fs.is_dead() {
            let mut state = self.fs.state();
            let inode = &mut state.inodes[self.inode];
            inode.synced = inode.content.clone();
        }
        Faulty::end(crashed?)
    }
}

impl Fs for Faulty {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Self::end(self.step(false)?)?;
        match self.state().names.get(path) {
            Some(_) => Ok(Stat::File(None)),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn create_new(&self, path: &Path, _: Option<&Permissions>) -> io::Result<Box<dyn FsFile>> {
        let crashed = self.step(true)?;
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(path.to_owned(), inode);
        state.pending.push(NameOp::Create(path.to_owned(), inode));
        state.locked.push(inode);
        drop(state);
        Self::end(crashed)?;
        Ok(Box::new(Open { fs: self.clone(), inode }))
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn FsFile>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let crashed = self.step(true)?;
        let mut state = self.state();
        let inode = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        state.pending.push(NameOp::Rename(from.to_owned(), to.to_owned(), inode));
        drop(state);
        Self::end(crashed)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Self::end(self.step(true)?)?;
        let mut state = self.state();
        state.synced_names = state.names.clone();
        state.pending.clear();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let crashed = self.step(false)?;
        let mut state = self.state();
        state.names.remove(path).ok_or(ErrorKind::NotFound)?;
        state.pending.push(NameOp::Remove(path.to_owned()));
        drop(state);
        Self::end(crashed)
    }

    fn remove_abandoned(&self, path: &Path) -> io::Result<bool> {
        let locked = {
            let state = self.state();
            state.names.get(path).is_some_and(|inode| state.locked.contains(inode))
        };
        if locked { Ok(false) } else { self.remove(path).map(|()| true) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Self::end(self.step(false)?)?;
        let state = self.state();
        let inode = state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(state.inodes[*inode].content.clone())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Self::end(self.step(false)?)?;
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }
}
