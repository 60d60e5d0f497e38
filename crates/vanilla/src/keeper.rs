//! [`Keeper`]: when the state of a training is saved, and what is known about how that went.

use crate::checkpoint::{BackgroundSaver, Checkpoint, Saved as Written, Store};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::model::Model;
use crate::options::{Checkpoints, Every};
use crate::report::Report;
use crate::run_state::RunState;
use crate::snapshot::{self, Snapshot};
use crate::storage::lock::RunLock;
use crate::storage::make_folder;
use crate::tensor::Tensor;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The least time between two checkpoints that nobody asked for.
const SECOND: Duration = Duration::from_secs(1);

/// Between two checkpoints there is this many times what the last one cost: saving takes less than a hundredth of the
/// time, on any disk.
const SHARE: u32 = 100;

/// Saves the state of a training in a folder that it alone writes.
pub(crate) struct Keeper {
    // First, so that it is dropped first: a save in flight ends before the folder is let go.
    saver: BackgroundSaver,
    store: Store,
    identity: Identity,
    every: Every,
    /// Number of the first file of this training; those below are of an earlier one and go with the first save.
    first: u64,
    due: Instant,
    /// When the copy was made that is being written, and how long that took.
    copied: (Instant, Duration),
    spare: Checkpoint,
    failure: Option<String>,
    lock: Option<RunLock>,
    made: Vec<PathBuf>,
}

/// A checkpoint that was found.
pub(crate) struct Found {
    pub path: PathBuf,
    pub checkpoint: Checkpoint,
    pub state: RunState,
    pub identity: Identity,
}

impl Keeper {
    /// Takes the folder, and what is in it if the options want that.
    ///
    /// # Errors
    /// When the folder cannot be written, another process has it, it holds what should not be replaced, or there is
    /// no room for `bytes` a checkpoint.
    pub fn open(
        options: &Checkpoints,
        identity: Identity,
        bytes: u64,
        report: &mut Report,
    ) -> Result<(Self, Option<Found>)> {
        let folder = &options.folder;
        let made = make_folder(folder).map_err(|error| Error::io(folder, error))?;
        let mut store = Store::new(folder);
        // From here on what was made is removed again where nothing came into it.
        let mut keeper = Self {
            saver: BackgroundSaver::new(store.clone()).map_err(|error| Error::io(folder, error))?,
            store: store.clone(),
            identity,
            every: options.every,
            first: 0,
            due: Instant::now() + if let Every::Time(time) = options.every { time } else { SECOND },
            copied: (Instant::now(), Duration::ZERO),
            spare: Checkpoint::default(),
            failure: None,
            lock: None,
            made,
        };
        // Whoever can lock can also write.
        keeper.lock = Some(RunLock::acquire(folder)?);
        refuse_a_full_disk(folder, bytes)?;
        let steps = store.steps()?;
        let Some(highest) = steps.last() else {
            if options.resume {
                report.warn(&format!("{}: no checkpoint, starting afresh", folder.display()));
            }
            return Ok((keeper, None));
        };
        keeper.first = highest + 1;
        if !options.resume {
            if options.replace {
                return Ok((keeper, None));
            }
            let problem = "holds checkpoints of a training already: go on with it (--resume, in a program resume), \
                           replace it (--force, replace), or choose another folder";
            return Err(Error::Resume { folder: folder.clone(), problem: problem.into() });
        }
        let found = store.newest()?;
        for skipped in &found.skipped {
            report.warn(&format!("{}; passed over", skipped.reason));
        }
        let Some((path, checkpoint)) = found.checkpoint else {
            let problem = format!(
                "none of its {} checkpoints is whole: start afresh (--force, in a program replace), or choose another folder",
                steps.len()
            );
            return Err(Error::Resume { folder: folder.clone(), problem });
        };
        let (state, identity) = snapshot::texts(&checkpoint, &path)?;
        Ok((keeper, Some(Found { path, checkpoint, state, identity })))
    }

    /// Goes on in the files of this checkpoint.
    pub fn go_on(&mut self, found: &Found) {
        let step = self
            .store
            .steps()
            .ok()
            .and_then(|steps| steps.into_iter().find(|s| self.store.path(*s) == found.path));
        self.first = step.unwrap_or(0).saturating_sub(found.state.worked);
    }

    pub fn folder(&self) -> &Path {
        self.store.folder()
    }

    pub fn identity(&mut self) -> &mut Identity {
        &mut self.identity
    }

    /// Why the last checkpoint could not be written, if so.
    pub fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    /// Whether to save at this end of a batch; costs a look at the clock.
    pub fn is_due(&mut self, report: &mut Report) -> bool {
        if self.every == Every::Epoch {
            return false;
        }
        if self.saver.is_busy() {
            match self.saver.poll() {
                Some(written) => self.learn(written, report),
                None => return false,
            }
        }
        Instant::now() >= self.due
    }

    /// Whether to save at this end of an epoch.
    pub fn is_due_after_an_epoch(&mut self, report: &mut Report) -> bool {
        self.every == Every::Epoch || self.is_due(report)
    }

    /// Copies the state, with the tensors that callbacks keep; it is written while the training goes on, or before this returns if `wait`.
    pub fn save(
        &mut self,
        model: &Model,
        state: &RunState,
        epoch_start: Option<&Snapshot>,
        callbacks: &[(String, Tensor)],
        wait: bool,
        report: &mut Report,
    ) -> Result<()> {
        // At the end of an epoch the one before may still be on its way.
        if let Some(written) = self.saver.wait() {
            self.learn(written, report);
        }
        let start = Instant::now();
        let spare = std::mem::take(&mut self.spare);
        let checkpoint = snapshot::encode(model, state, &self.identity, epoch_start, callbacks, spare)?;
        self.copied = (start, start.elapsed());
        self.due = start + SECOND;
        let step = self.first + state.worked;
        if wait {
            let (_, written) = self.saver.save_and_wait(step, checkpoint);
            self.learn(written, report);
        } else if self.saver.request(step, checkpoint).is_err() {
            self.failed("the thread that writes checkpoints has ended".to_owned(), report);
        }
        Ok(())
    }

    /// Takes in how a save went.
    fn learn(&mut self, written: Written, report: &mut Report) {
        let (start, copying) = self.copied;
        let pause = match self.every {
            Every::Auto | Every::Epoch => SECOND.max((copying + written.cost) * SHARE),
            Every::Time(time) => time,
        };
        self.due = start + pause;
        self.spare = written.checkpoint;
        match written.result {
            Ok(_) => {
                self.failure = None;
                self.remove_earlier();
            }
            Err(error) => self.failed(error.to_string(), report),
        }
    }

    fn failed(&mut self, problem: String, report: &mut Report) {
        report.warn(&format!("CHECKPOINT NOT SAVED: {problem}. The training goes on in memory."));
        self.failure = Some(problem);
    }

    /// Files of the training that this one replaces. What cannot be removed stays; it is older than every file of this.
    fn remove_earlier(&mut self) {
        for step in self.store.steps().unwrap_or_default().into_iter().filter(|step| *step < self.first) {
            let _ = std::fs::remove_file(self.store.path(step));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.saver.wait();
        // The lock's file would keep the folder from being empty.
        self.lock = None;
        for folder in &self.made {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// The last two stay while the next is written.
fn refuse_a_full_disk(folder: &Path, bytes: u64) -> Result<()> {
    let needed = bytes.saturating_mul(3);
    match free_bytes(folder) {
        Some(free) if free < needed => {
            let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let problem = format!(
                "three checkpoints take {:.1} MiB, and {:.1} MiB are free: make room, choose another folder, or train \
                 without checkpoints (--checkpoint-every never)",
                mebibytes(needed),
                mebibytes(free)
            );
            Err(Error::io(folder, io::Error::new(ErrorKind::StorageFull, problem)))
        }
        _ => Ok(()),
    }
}

/// What this process may still write there; `None` where the system does not tell.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    // Some network and virtual file systems say 0 blocks in all: they do not know.
    (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
