//! [`Team`]: persistent threads that run one function side by side. Spin for a moment, yield, then sleep.
//!
//! `tests/loom_team.rs` explores the interleavings of everything here.

use crate::sync::{
    Arc, AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, UnsafeCell, cores, fence, spin_loop, thread,
};
use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::*;

/// Looks of a waiting thread with a pause between them, some 10 to 50 us: longer than the gaps inside a training
/// step. Under loom one look shows all there is to see.
const SPINS: usize = if cfg!(loom) { 1 } else { 1_000 };

/// Looks after those, each giving the core away first: on a loaded machine the thread waited for may need it.
/// After them the thread sleeps, within about 100 us on an idle machine.
const YIELDS: usize = if cfg!(loom) { 0 } else { 100 };

type F = dyn Fn(usize) + Sync;

/// What all threads run once.
#[derive(Clone, Copy)]
struct Job {
    f: *const F,
    /// What [`Reply::finished`] will be when all workers are through.
    finished: usize,
}

/// Written by the leader, watched by the workers.
struct Call {
    /// Counts the jobs handed out; a worker runs when it changes.
    generation: AtomicUsize,
    /// Written before `generation`, read after it.
    job: UnsafeCell<Option<Job>>,
    /// The team is dropped: no job comes with this generation.
    stop: AtomicBool,
}

/// Written by the workers, watched by the leader.
struct Reply {
    /// Counts the shares that workers have done, over all jobs: never reset, so the leader writes nothing here.
    finished: AtomicUsize,
    leader: Bell,
}

/// Two cache lines of its own (processors fetch them in pairs): who watches one field is not disturbed by writes
/// to another. This, and counters that nobody resets, took an empty job on two cores (EPYC, Zen 4) from 0.65 us
/// to 0.15.
#[repr(align(128))]
struct Apart<T>(T);

struct Shared {
    call: Apart<Call>,
    reply: Apart<Reply>,
    /// Where each worker sleeps.
    workers: Vec<Apart<Bell>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    spins: usize,
}

// SAFETY: `job` is written only by the thread that holds `Team::busy`, while no worker is between a change of
// `generation` and its own increment of `finished`, and read only by workers that are. Changes of both counters
// are `Release`, looks at them `Acquire`.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is only dereferenced while the leader keeps the closure alive (see `Team::run`).
unsafe impl Send for Shared {}

/// A fixed number of threads; the caller of [`Team::run`] is the first of them.
///
/// A team of one has no threads. When a second thread calls `run` while the team is busy, or a job calls `run`
/// itself, the caller does all shares alone: slower, never stuck, and with the same result.
pub struct Team {
    shared: Arc<Shared>,
    /// Somebody runs a job.
    busy: AtomicBool,
    workers: Vec<thread::JoinHandle<()>>,
}

impl Team {
    /// A team of `threads` (at least 1). Above the number of cores, waiting threads sleep at once.
    pub fn new(threads: usize) -> Self {
        let extra = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            call: Apart(Call {
                generation: AtomicUsize::new(0),
                job: UnsafeCell::new(None),
                stop: AtomicBool::new(false),
            }),
            reply: Apart(Reply { finished: AtomicUsize::new(0), leader: Bell::new() }),
            workers: (0..extra).map(|_| Apart(Bell::new())).collect(),
            panic: Mutex::new(None),
            spins: if threads > cores() { 0 } else { SPINS },
        });
        // A thread that cannot be had is done without: shares are cut by the number that exists.
        let workers = (0..extra)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                let name = format!("vanilla-{}", index + 1);
                thread::Builder::new().name(name).spawn(move || work(&shared, index)).ok()
            })
            .collect();
        Self { shared, busy: AtomicBool::new(false), workers }
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
        if self.workers.is_empty() {
            return f(0);
        }
        if self.busy.swap(true, Acquire) {
            return (0..self.threads()).for_each(f);
        }
        let Shared { call: Apart(call), reply: Apart(reply), .. } = &*self.shared;
        let finished = reply.finished.load(Relaxed).wrapping_add(self.workers.len());
        // SAFETY: only the lifetime is erased. Workers use the pointer before they count themselves finished, and
        // this function does not return (nor unwind) before all have.
        let f_erased = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const F>(f) };
        // SAFETY: this thread holds `busy`, and every worker has finished the job before.
        call.job.with_mut(|job| unsafe { *job = Some(Job { f: f_erased, finished }) });
        self.call_workers();
        let mine = catch_unwind(AssertUnwindSafe(|| f(0)));
        reply.leader.wait(self.shared.spins, || reply.finished.load(Acquire) == finished);
        let theirs = lock(&self.shared.panic).take();
        self.busy.store(false, Release);
        if let Some(payload) = mine.err().or(theirs) {
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

    /// Starts the next generation.
    fn call_workers(&self) {
        self.shared.call.0.generation.fetch_add(1, Release);
        Bell::ring(self.shared.workers.iter().map(|Apart(bell)| bell));
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.call.0.stop.store(true, Relaxed);
        self.call_workers();
        for worker in self.workers.drain(..) {
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

/// Where one thread waits for something that others do.
struct Bell {
    asleep: AtomicBool,
    lock: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    fn new() -> Self {
        Self { asleep: AtomicBool::new(false), lock: Mutex::new(()), rung: Condvar::new() }
    }

    /// Spins, then yields, then sleeps, until `done`.
    ///
    /// Who makes it done does that first and looks at `asleep` second (in [`Bell::ring`]); this side sets `asleep`
    /// first and looks at `done` second. Of the two fences between, one comes first, so one side sees the other.
    fn wait(&self, spins: usize, done: impl Fn() -> bool) {
        for _ in 0..spins {
            if done() {
                return;
            }
            spin_loop();
        }
        // Somebody with more threads than cores (no spins) sleeps at once.
        for _ in 0..if spins > 0 { YIELDS } else { 0 } {
            thread::yield_now();
            if done() {
                return;
            }
        }
        let mut guard = lock(&self.lock);
        self.asleep.store(true, Relaxed);
        fence(SeqCst);
        while !done() {
            guard = self.rung.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Relaxed);
    }

    /// Wakes the threads that wait at these bells, after what they wait for; a system call only if one sleeps.
    fn ring<'a>(bells: impl IntoIterator<Item = &'a Self>) {
        fence(SeqCst);
        for bell in bells {
            if bell.asleep.load(Relaxed) {
                // Between setting `asleep` and sleeping, the other side holds the lock.
                drop(lock(&bell.lock));
                bell.rung.notify_one();
            }
        }
    }
}

/// Nothing here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The life of a worker.
fn work(shared: &Shared, index: usize) {
    let Shared { call: Apart(call), reply: Apart(reply), .. } = shared;
    let (Apart(bell), spins) = (&shared.workers[index], shared.spins);
    let mut seen = 0;
    loop {
        bell.wait(spins, || call.generation.load(Acquire) != seen);
        seen = call.generation.load(Acquire);
        if call.stop.load(Relaxed) {
            return;
        }
        // SAFETY: written by the leader before `generation` changed; see `Shared`.
        let job = call.job.with(|job| unsafe { *job }).expect("a job");
        // SAFETY: the leader keeps the closure alive until all workers have finished.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| unsafe { (*job.f)(index + 1) })) {
            lock(&shared.panic).get_or_insert(payload);
        }
        if reply.finished.fetch_add(1, Release).wrapping_add(1) == job.finished {
            Bell::ring([&reply.leader]);
        }
    }
}

#[cfg(all(test, not(loom)))]
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
