//! What `team.rs` takes from the standard library; with `--cfg loom` from loom, which runs a test under every
//! interleaving of its threads (`tests/loom_team.rs`).

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, fence},
    },
    thread,
};
#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, fence},
    },
    thread,
};

/// The standard cell with loom's methods, which frame each access so that loom can see two that overlap.
#[cfg(not(loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Threads that can run at a time.
pub(crate) fn cores() -> usize {
    if cfg!(loom) {
        // A team of two spins, a team of three sleeps at once: both ways are explored.
        return 2;
    }
    std::thread::available_parallelism().map_or(1, |n| n.get())
}
