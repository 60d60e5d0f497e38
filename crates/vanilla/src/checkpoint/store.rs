//! [`Store`]: the checkpoints of a run in its folder.
//!
//! A checkpoint is named after its step, `checkpoint-000000001234.safetensors`. Which one is the newest is found
//! by reading and checking, beginning with the highest step; there is no file that says so, and so none that could
//! say something else.

use super::{Checkpoint, CheckpointError};
use crate::storage::{Disk, Fs, Step, StorageError, write_atomically};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".safetensors";

/// Checkpoints in a folder: the last ones and the best one stay, older ones go.
#[derive(Clone, Debug)]
pub struct Store {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    keep_last: usize,
    /// Scores of checkpoints that were written or read; `None` for one without.
    scores: BTreeMap<u64, Option<f64>>,
    /// Steps whose files are damaged.
    damaged: BTreeSet<u64>,
}

/// What [`Store::newest`] found.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest checkpoint that is whole, with its file.
    pub checkpoint: Option<(PathBuf, Checkpoint)>,
    /// Newer files that are not, newest first. A caller names them; where there is no checkpoint but these, a run
    /// that starts from nothing is not what anybody asked for.
    pub skipped: Vec<Skipped>,
}

/// A file that could have been a checkpoint.
#[derive(Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why it is none; with the path in its text.
    pub reason: CheckpointError,
}

impl Store {
    /// The checkpoints in this folder, which [`Store::save`] expects to exist. Keeps the last 2.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self::with_fs(Arc::new(Disk), folder)
    }

    /// The same on another file system.
    pub fn with_fs(fs: Arc<dyn Fs>, folder: impl Into<PathBuf>) -> Self {
        Self { fs, folder: folder.into(), keep_last: 2, scores: BTreeMap::new(), damaged: BTreeSet::new() }
    }

    /// Keeps this many, at least 1; and the one with the lowest score, if they have scores.
    pub fn keep_last(mut self, count: usize) -> Self {
        self.keep_last = count.max(1);
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of this step.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:012}{SUFFIX}"))
    }

    /// Writes the checkpoint of this step; then older ones that are not kept go. When this returns `Ok`, the
    /// checkpoint survives a power cut.
    ///
    /// # Errors
    /// When it cannot be written or is not fit to be; every earlier checkpoint is then still there.
    pub fn save(&mut self, step: u64, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
        let path = self.path(step);
        let bytes = checkpoint.to_bytes(step, &path)?;
        write_atomically(&*self.fs, &path, &bytes)?;
        self.damaged.remove(&step);
        self.scores.insert(step, checkpoint.score);
        self.remove_old(step);
        Ok(path)
    }

    /// The newest checkpoint that is whole, found by reading: the highest step first.
    ///
    /// # Errors
    /// When the folder is there but cannot be read. A missing folder has no checkpoints.
    pub fn newest(&mut self) -> Result<Found, StorageError> {
        let mut found = Found::default();
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match self.load(step) {
                Ok(checkpoint) => {
                    found.checkpoint = Some((path, checkpoint));
                    break;
                }
                Err(reason) => found.skipped.push(Skipped { path, reason }),
            }
        }
        Ok(found)
    }

    /// The checkpoint with the lowest score, if any has one.
    ///
    /// # Errors
    /// When the folder, or the best one's file, cannot be read.
    pub fn best(&mut self) -> Result<Option<(PathBuf, Checkpoint)>, CheckpointError> {
        let steps = self.steps()?;
        match self.best_step(&steps) {
            Some(step) => Ok(Some((self.path(step), self.load(step)?))),
            None => Ok(None),
        }
    }

    /// Removes every checkpoint: for a run that begins anew in the folder of another.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&mut self) -> Result<(), StorageError> {
        for step in self.steps()? {
            let path = self.path(step);
            self.fs.remove(&path).map_err(|source| StorageError::new(&path, Step::Write, source))?;
        }
        self.scores.clear();
        self.damaged.clear();
        Ok(())
    }

    /// Steps of all files that are named like checkpoints, lowest first.
    ///
    /// # Errors
    /// When the folder is there but cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, StorageError> {
        let names = match self.fs.list(&self.folder) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(StorageError::new(&self.folder, Step::Read, source)),
        };
        let step = |name: &String| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse::<u64>().ok();
        // Only names that this store would give: `checkpoint-+1` and `checkpoint-1` are somebody else's.
        let ours = |step: &u64| names.contains(&format!("{PREFIX}{step:012}{SUFFIX}"));
        let mut steps: Vec<u64> = names.iter().filter_map(step).filter(ours).collect();
        steps.sort_unstable();
        steps.dedup();
        Ok(steps)
    }

    fn load(&mut self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let path = self.path(step);
        let bytes = self.fs.read(&path).map_err(|source| StorageError::new(&path, Step::Read, source))?;
        let checked = match Checkpoint::from_bytes(&bytes, &path) {
            // A file under another one's name would take the run back, or forward to where it never was.
            Ok((there, _)) if there != step => {
                Err(CheckpointError::damaged(&path, format!("holds step {there}: it was renamed or copied")))
            }
            result => result,
        };
        match checked {
            Ok((_, checkpoint)) => {
                self.scores.insert(step, checkpoint.score);
                Ok(checkpoint)
            }
            Err(error) => {
                self.damaged.insert(step);
                Err(error)
            }
        }
    }

    /// Of equally good ones the earliest.
    fn best_step(&mut self, steps: &[u64]) -> Option<u64> {
        let mut best: Option<(u64, f64)> = None;
        for &step in steps {
            if !self.scores.contains_key(&step) && !self.damaged.contains(&step) && self.load(step).is_err() {
                continue;
            }
            if let Some(Some(score)) = self.scores.get(&step)
                && best.is_none_or(|(_, least)| *score < least)
            {
                best = Some((step, *score));
            }
        }
        best.map(|(step, _)| step)
    }

    /// Only after the new one is safe, and only files of steps up to it: a damaged file of a later step is
    /// replaced when training comes there again. What cannot be removed stays and is tried again after the next
    /// save.
    fn remove_old(&mut self, newest: u64) {
        let Ok(mut steps) = self.steps() else { return };
        steps.retain(|step| *step <= newest);
        let whole: Vec<u64> = steps.iter().copied().filter(|step| !self.damaged.contains(step)).collect();
        let last = &whole[whole.len().saturating_sub(self.keep_last)..];
        let old: Vec<u64> = steps.into_iter().filter(|step| !last.contains(step)).collect();
        if old.is_empty() {
            return;
        }
        let best = self.best_step(&whole);
        for step in old.into_iter().filter(|step| Some(*step) != best) {
            if self.fs.remove(&self.path(step)).is_ok() {
                self.scores.remove(&step);
                self.damaged.remove(&step);
            }
        }
    }
}
