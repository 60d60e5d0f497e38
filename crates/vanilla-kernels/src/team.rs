//! [`Team`]: persistent threads that run one function side by side. Spin for a moment, yield, then park.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};

/// Looks of a waiting thread with a pause between them, some 10 to 50 us: longer than the gaps inside a training step.
const SPINS: usize = 1_000;

/// Looks after those, each giving the core away first: on a loaded machine the thread waited for may need this core.
/// After them the thread parks, within about 100 us on an idle machine.
const YIELDS: usize = 100;

type Job = *const (dyn Fn(usize) + Sync);

struct Shared {
    /// Counts the jobs handed out; a worker runs when it changes.
    generation: AtomicUsize,
    /// The current job; written by the leader before `generation`, read by workers after it.
    job: UnsafeCell<Option<Job>>,
    /// Workers that have not finished the current job.
    pending: AtomicUsize,
    leader: UnsafeCell<Option<Thread>>,
    leader_parked: AtomicBool,
    worker_parked: Vec<AtomicBool>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
    spins: usize,
}

// SAFETY: `job` and `leader` are written only by the thread that holds `Team::turn`, while `pending` is zero, and
// read only between the increment of `generation` and the decrement of `pending` that follow; both are `SeqCst`.
unsafe impl Sync for Shared {}
// SAFETY: the raw job pointer is only dereferenced while the leader keeps the closure alive (see `Team::run`).
unsafe impl Send for Shared {}

/// A fixed number of threads; the caller of [`Team::run`] is the first of them.
///
/// A team of one has no threads. When a second thread calls `run` while the team is busy, or a job calls `run`
/// itself, the caller does all shares alone: slower, never stuck, and with the same result.
pub struct Team {
    shared: Arc<Shared>,
    turn: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

impl Team {
    /// A team of `threads` (at least 1). Above the number of cores, waiting threads park at once.
    pub fn new(threads: usize) -> Self {
        let extra = threads.max(1) - 1;
        let cores = thread::available_parallelism().map_or(1, |n| n.get());
        let shared = Arc::new(Shared {
            generation: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            pending: AtomicUsize::new(0),
            leader: UnsafeCell::new(None),
            leader_parked: AtomicBool::new(false),
            worker_parked: (0..extra).map(|_| AtomicBool::new(false)).collect(),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
            spins: if threads > cores { 0 } else { SPINS },
        });
        // A thread that cannot be had is done without: shares are cut by the number that exists.
        let workers = (0..extra)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                let name = format!("vanilla-{}", index + 1);
                thread::Builder::new().name(name).spawn(move || work(&shared, index)).ok()
            })
            .collect();
        Self { shared, turn: Mutex::new(()), workers }
    }

    /// Number of threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `f(0)`, `f(1)`, … `f(threads - 1)` side by side and returns when all have returned.
    ///
    /// # Panics
    /// When one of them panics, with its payload, after all have ended.
    pub fn run(&self, f: &(dyn Fn(usize) + Sync)) {
        let Ok(_turn) = self.turn.try_lock() else {
            return (0..self.threads()).for_each(f);
        };
        if self.workers.is_empty() {
            return f(0);
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime is erased. Workers use the pointer before they decrement `pending`, and this
        // function does not return (nor unwind) before `pending` is zero.
        let job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Job>(f) };
        // SAFETY: this thread holds `turn` and no worker is between jobs: `pending` is zero.
        unsafe {
            *shared.job.get() = Some(job);
            *shared.leader.get() = Some(thread::current());
        }
        shared.pending.store(self.workers.len(), SeqCst);
        shared.generation.fetch_add(1, SeqCst);
        for (parked, worker) in shared.worker_parked.iter().zip(&self.workers) {
            if parked.load(SeqCst) {
                worker.thread().unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| f(0)));
        wait(shared.spins, &shared.leader_parked, || shared.pending.load(SeqCst) == 0);
        let theirs = shared.panic.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(payload) = mine.err().or(theirs) {
            drop(_turn);
            resume_unwind(payload);
        }
    }

    /// Runs `f` over `0..count` cut into one contiguous range a thread; empty ranges are not called.
    pub fn split(&self, count: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
        let threads = self.threads();
        if count <= 1 || threads == 1 {
            return if count > 0 {
                f(0..count)
            };
        }
        self.run(&|index| {
            let range = count * index / threads..count * (index + 1) / threads;
            if !range.is_empty() {
                f(range);
            }
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.generation.fetch_add(1, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches its job's panic, so it ends by itself.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team({} threads)", self.threads())
    }
}

/// Spins, then yields, then parks, until `done`. The other side sets its state first and looks at `parked` second; this side
/// sets `parked` first and looks at the state second, so one of them sees the other (all `SeqCst`).
fn wait(spins: usize, parked: &AtomicBool, done: impl Fn() -> bool) {
    for _ in 0..spins {
        if done() {
            return;
        }
        std::hint::spin_loop();
    }
    // Somebody with more threads than cores (no spins) parks at once.
    for _ in 0..if spins > 0 { YIELDS } else { 0 } {
        thread::yield_now();
        if done() {
            return;
        }
    }
    parked.store(true, SeqCst);
    while !done() {
        thread::park();
    }
    parked.store(false, SeqCst);
}

fn work(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        wait(shared.spins, &shared.worker_parked[index], || shared.generation.load(SeqCst) != seen);
        seen = shared.generation.load(SeqCst);
        if shared.stop.load(SeqCst) {
            return;
        }
        // SAFETY: written by the leader before `generation` changed; see `Shared`.
        let (job, leader) = unsafe { ((*shared.job.get()).expect("a job"), (*shared.leader.get()).clone()) };
        // SAFETY: the leader keeps the closure alive until `pending` is zero.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(index + 1) })) {
            shared.panic.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(payload);
        }
        if shared.pending.fetch_sub(1, SeqCst) == 1
            && shared.leader_parked.load(SeqCst)
            && let Some(leader) = leader
        {
            leader.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_index_runs_exactly_once_a_job() {
        for threads in [1, 2, 3, 8] {
            let team = Team::new(threads);
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..500 {
                team.run(&|i| {
                    counts[i].fetch_add(1, Relaxed);
                });
                if round == 250 {
                    thread::sleep(Duration::from_millis(20)); // long enough for everybody to park
                }
            }
            assert!(counts.iter().all(|c| c.load(Relaxed) == 500));
        }
    }

    #[test]
    fn split_covers_the_range_without_overlap() {
        let team = Team::new(3);
        for count in [0, 1, 2, 3, 7, 100] {
            let hits: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            team.split(count, &|range| {
                range.for_each(|i| {
                    hits[i].fetch_add(1, Relaxed);
                })
            });
            assert!(hits.iter().all(|h| h.load(Relaxed) == 1), "{count}");
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_lives_on() {
        let team = Team::new(2);
        for culprit in 0..2 {
            let caught = catch_unwind(AssertUnwindSafe(|| team.run(&|i| assert!(i != culprit, "worker {i}"))));
            assert!(caught.is_err());
        }
        let ran = AtomicUsize::new(0);
        team.run(&|_| {
            ran.fetch_add(1, Relaxed);
        });
        assert_eq!(ran.load(Relaxed), 2);
    }

    #[test]
    fn nested_and_concurrent_calls_do_all_the_work() {
        let team = Team::new(2);
        let ran = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        team.run(&|_| {
                            team.run(&|_| {
                                ran.fetch_add(1, Relaxed);
                            })
                        });
                    }
                });
            }
        });
        assert_eq!(ran.load(Relaxed), 4 * 50 * 2 * 2);
    }
}
