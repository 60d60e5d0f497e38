//! Every interleaving of a team's threads, with at most so many preemptions as each test states:
//! `RUSTFLAGS="--cfg loom" cargo test -p vanilla-kernels --release --test loom_team`.
//!
//! Loom fails a run where two threads touch a cell without an order between them, where all threads sleep, where a
//! thread is never joined, and where an assertion does not hold.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use vanilla_kernels::Team;

/// All schedules with at most this many preemptions, which is what finds nearly every bug (Musuvathi and Qadeer
/// 2007, "Iterative context bounding for systematic testing of multithreaded programs").
fn explore(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&runs);
    model.check(move || {
        count.fetch_add(1, Relaxed);
        test();
    });
    println!("{} interleavings", runs.load(Relaxed));
}

/// One number a share, written without any protection of its own: the team has to order all that happens.
struct Cells(Vec<UnsafeCell<usize>>);

// SAFETY: none. Loom reports every pair of accesses that is not ordered.
unsafe impl Sync for Cells {}
// SAFETY: as above.
unsafe impl Send for Cells {}

impl Cells {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| UnsafeCell::new(0)).collect())
    }
    fn add(&self, index: usize, what: usize) {
        // SAFETY: see `Cells`.
        self.0[index].with_mut(|cell| unsafe { *cell += what });
    }
    fn all(&self) -> Vec<usize> {
        // SAFETY: see `Cells`.
        self.0.iter().map(|cell| cell.with(|cell| unsafe { *cell })).collect()
    }
}

/// Two jobs in a row: every share runs exactly once a job, the second job sees what the first wrote, also in
/// shares of other threads, and the caller sees all of it. Then the team is dropped, and its threads end.
fn two_jobs(threads: usize) {
    let team = Team::new(threads);
    let (first, second) = (Cells::new(threads), Cells::new(threads));
    team.run(&|index| first.add(index, 1));
    assert_eq!(first.all(), vec![1; threads]);
    team.run(&|index| {
        let sum: usize = first.all().iter().sum();
        second.add(index, 10 * sum + index);
    });
    let want: Vec<usize> = (0..threads).map(|index| 10 * threads + index).collect();
    assert_eq!(second.all(), want);
}

#[test]
fn two_jobs_on_two_threads() {
    explore(4, || two_jobs(2));
}

#[test]
fn two_jobs_on_three_threads() {
    explore(2, || two_jobs(3));
}

#[test]
fn a_team_without_a_job_ends() {
    explore(4, || drop(Team::new(2)));
    explore(2, || drop(Team::new(3)));
}

/// A panic of either thread reaches the caller after the other share has run, and the next job runs as ever.
#[test]
fn a_panic_reaches_the_caller() {
    for culprit in 0..2 {
        explore(3, move || {
            let team = Team::new(2);
            let cells = Cells::new(2);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                team.run(&|index| {
                    cells.add(index, 1);
                    if index == culprit {
                        // Not `panic!`, whose message would be printed for every interleaving.
                        std::panic::resume_unwind(Box::new(culprit));
                    }
                });
            }));
            assert_eq!(*caught.unwrap_err().downcast::<usize>().unwrap(), culprit);
            assert_eq!(cells.all(), [1, 1]);
            team.run(&|index| cells.add(index, 1));
            assert_eq!(cells.all(), [2, 2]);
        });
    }
}

/// Two callers at a time: one of them may have to do its shares alone; all are done, each once.
#[test]
fn two_callers() {
    explore(2, || {
        let team = Arc::new(Team::new(2));
        let mine = Cells::new(2);
        let other = thread::spawn({
            let team = Arc::clone(&team);
            move || {
                let cells = Cells::new(2);
                team.run(&|index| cells.add(index, 1));
                assert_eq!(cells.all(), [1, 1]);
            }
        });
        team.run(&|index| mine.add(index, 1));
        assert_eq!(mine.all(), [1, 1]);
        other.join().unwrap();
    });
}

/// A job that calls `run` itself does those shares alone.
#[test]
fn a_job_inside_a_job() {
    explore(3, || {
        let team = Team::new(2);
        let count = AtomicUsize::new(0);
        team.run(&|_| {
            team.run(&|_| {
                count.fetch_add(1, Relaxed);
            })
        });
        assert_eq!(count.load(Relaxed), 4);
    });
}
