//! [`BackgroundSaver`]: checkpoints are written while training goes on.

use super::{Checkpoint, CheckpointError, Store};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A thread that writes checkpoints, one at a time. The caller copies the state and goes on; how it went is told
/// at the next [`BackgroundSaver::poll`]. Dropping it waits for the checkpoint that is being written.
#[derive(Debug)]
pub struct BackgroundSaver {
    /// `None` only while dropping.
    jobs: Option<SyncSender<(u64, Checkpoint)>>,
    results: Receiver<Saved>,
    thread: Option<JoinHandle<()>>,
    in_flight: bool,
    cost: Option<Duration>,
}

/// How a save went.
#[derive(Debug)]
pub struct Saved {
    /// The step.
    pub step: u64,
    /// The file, or why there is none.
    pub result: Result<PathBuf, CheckpointError>,
    /// What hashing, writing and syncing took.
    pub cost: Duration,
    /// The snapshot, given back so that its memory can be used for the next.
    pub checkpoint: Checkpoint,
}

impl BackgroundSaver {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn new(mut store: Store) -> std::io::Result<Self> {
        let (jobs, work) = sync_channel::<(u64, Checkpoint)>(1);
        let (done, results) = sync_channel(1);
        let thread = std::thread::Builder::new().name("vanilla-checkpoints".into()).spawn(move || {
            for (step, checkpoint) in work {
                let start = Instant::now();
                let result = store.save(step, &checkpoint);
                let saved = Saved { step, result, cost: start.elapsed(), checkpoint };
                if done.send(saved).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), results, thread: Some(thread), in_flight: false, cost: None })
    }

    /// Whether a checkpoint is being written; what came of it, [`BackgroundSaver::poll`] says. Worth asking before
    /// the state is copied.
    pub fn is_busy(&self) -> bool {
        self.in_flight
    }

    /// Starts to write, unless one is being written: then nothing happens and the checkpoint comes back. (Poll
    /// first.)
    ///
    /// # Errors
    /// The checkpoint, if there is one in flight or the thread has ended.
    pub fn request(&mut self, step: u64, checkpoint: Checkpoint) -> Result<(), Box<Checkpoint>> {
        if self.in_flight {
            return Err(Box::new(checkpoint));
        }
        let jobs = self.jobs.as_ref().expect("only dropping takes it");
        jobs.send((step, checkpoint)).map_err(|unsent| Box::new(unsent.0.1))?;
        self.in_flight = true;
        Ok(())
    }

    /// How the last request went, once and as soon as it is known; does not wait.
    pub fn poll(&mut self) -> Option<Saved> {
        match self.results.try_recv() {
            Ok(saved) => Some(self.arrived(saved)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => self.died(),
        }
    }

    /// How the last request went; waits for it. `None` if there is none that was not reported yet.
    pub fn wait(&mut self) -> Option<Saved> {
        if !self.in_flight {
            return None;
        }
        match self.results.recv() {
            Ok(saved) => Some(self.arrived(saved)),
            Err(_) => self.died(),
        }
    }

    /// Waits for the one in flight, then writes this one and waits for it: first what came of the earlier one (if
    /// it was not reported yet), then of this one.
    pub fn save_and_wait(&mut self, step: u64, checkpoint: Checkpoint) -> (Option<Saved>, Saved) {
        let earlier = self.wait();
        if let Err(checkpoint) = self.request(step, checkpoint) {
            return (earlier, Saved::lost(step, *checkpoint));
        }
        let saved = self.wait().unwrap_or_else(|| Saved::lost(step, Checkpoint::default()));
        (earlier, saved)
    }

    /// What the last finished save took, failed or not; `None` before the first.
    pub fn cost(&self) -> Option<Duration> {
        self.cost
    }

    fn arrived(&mut self, saved: Saved) -> Saved {
        self.in_flight = false;
        self.cost = Some(saved.cost);
        saved
    }

    /// The thread panicked while it wrote: told once, as a save that failed.
    fn died(&mut self) -> Option<Saved> {
        std::mem::take(&mut self.in_flight).then(|| Saved::lost(0, Checkpoint::default()))
    }
}

impl Saved {
    fn lost(step: u64, checkpoint: Checkpoint) -> Self {
        Self { step, result: Err(CheckpointError::NoThread), cost: Duration::ZERO, checkpoint }
    }
}

impl Drop for BackgroundSaver {
    fn drop(&mut self) {
        // Without jobs the thread ends after the one that it has. Its result fits into the channel.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
