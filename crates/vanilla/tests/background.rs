//! Checkpoints that are written in the background: one at a time, nothing lost, every failure told.

#[path = "common/faulty.rs"]
mod faulty;

use faulty::{Fault, Faulty};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use vanilla::checkpoint::{BackgroundSaver, Checkpoint, CheckpointError, Store};
use vanilla::storage::{Fs, FsFile, Stat};

fn checkpoint(step: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.push("model/0", [4], vec![step as f32; 4]);
    checkpoint
}

/// A disk whose folder cannot be synced before somebody opens the gate; or that panics there.
#[derive(Debug, Default)]
struct Gated {
    disk: Faulty,
    open: Mutex<bool>,
    opened: Condvar,
    panics: bool,
}

impl Gated {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Fs for Gated {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.disk.stat(path)
    }
    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<Box<dyn FsFile>> {
        self.disk.create_new(path, permissions)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.disk.open(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        assert!(!self.panics, "a defect");
        let open = self.open.lock().unwrap();
        let (open, wait) = self.opened.wait_timeout_while(open, Duration::from_secs(60), |open| !*open).unwrap();
        assert!(!wait.timed_out());
        drop(open);
        self.disk.sync_folder(folder)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn remove_abandoned(&self, path: &Path) -> io::Result<bool> {
        self.disk.remove_abandoned(path)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
}

fn newest(disk: &Faulty) -> Option<Checkpoint> {
    Store::with_fs(Arc::new(disk.clone()), "run").newest().unwrap().checkpoint.map(|(_, checkpoint)| checkpoint)
}

#[test]
fn one_at_a_time_and_the_second_one_comes_back() {
    let fs = Arc::new(Gated::default());
    let mut saver = BackgroundSaver::new(Store::with_fs(fs.clone(), "run")).unwrap();
    assert!((saver.poll().is_none(), saver.wait().is_none(), saver.cost()) == (true, true, None));
    saver.request(1, checkpoint(1)).unwrap();
    // Nobody waited for the disk, which is stuck.
    assert!(saver.is_busy() && saver.poll().is_none());
    assert_eq!(*saver.request(2, checkpoint(2)).unwrap_err(), checkpoint(2));
    fs.open();
    let saved = saver.wait().unwrap();
    assert_eq!((saved.step, saved.checkpoint), (1, checkpoint(1)));
    assert_eq!(saved.result.unwrap(), Path::new("run/checkpoint-000000000001.safetensors"));
    assert_eq!(saver.cost(), Some(saved.cost));
    assert!(!saver.is_busy() && saver.poll().is_none() && saver.wait().is_none(), "told once");
    assert_eq!(newest(&fs.disk), Some(checkpoint(1)));
}

#[test]
fn the_last_one_waits_for_the_one_before_it() {
    let fs = Arc::new(Gated::default());
    let mut saver = BackgroundSaver::new(Store::with_fs(fs.clone(), "run")).unwrap();
    saver.request(1, checkpoint(1)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| fs.open());
        let (earlier, last) = saver.save_and_wait(2, checkpoint(2));
        assert_eq!((earlier.unwrap().step, last.step), (1, 2));
        assert!(last.result.is_ok());
    });
    assert_eq!(newest(&fs.disk), Some(checkpoint(2)));
}

#[test]
fn dropping_it_finishes_what_was_begun() {
    let fs = Arc::new(Gated::default());
    let mut saver = BackgroundSaver::new(Store::with_fs(fs.clone(), "run")).unwrap();
    saver.request(1, checkpoint(1)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| fs.open());
        drop(saver);
    });
    assert_eq!(newest(&fs.disk), Some(checkpoint(1)));
}

#[test]
fn a_full_disk_is_told_each_time_and_the_next_save_works() {
    let fs = Faulty::default();
    let mut saver = BackgroundSaver::new(Store::with_fs(Arc::new(fs.clone()), "run")).unwrap();
    saver.save_and_wait(1, checkpoint(1)).1.result.unwrap();
    fs.plan(0, Fault::FromHere(ErrorKind::StorageFull));
    for step in [2, 3] {
        let saved = saver.save_and_wait(step, checkpoint(step)).1;
        let error = saved.result.unwrap_err();
        assert!(matches!(error, CheckpointError::Storage(_)), "{error:?}");
        let text = format!("run/checkpoint-00000000000{step}.safetensors: cannot be written (no storage space)");
        assert!(error.to_string().starts_with(&text), "{error}");
        assert_eq!(newest(&fs), Some(checkpoint(1)));
        fs.plan(0, Fault::FromHere(ErrorKind::StorageFull));
    }
    fs.heal();
    assert_eq!(newest(&fs), Some(checkpoint(1)));
    saver.save_and_wait(4, checkpoint(4)).1.result.unwrap();
    assert_eq!(newest(&fs), Some(checkpoint(4)));
}

#[test]
fn a_defect_in_the_thread_is_a_failed_save_and_no_hang() {
    let fs = Arc::new(Gated { panics: true, ..Gated::default() });
    let mut saver = BackgroundSaver::new(Store::with_fs(fs, "run")).unwrap();
    let saved = saver.save_and_wait(1, checkpoint(1)).1;
    assert!(matches!(saved.result, Err(CheckpointError::NoThread)));
    let (earlier, saved) = saver.save_and_wait(2, checkpoint(2));
    assert!(earlier.is_none() && matches!(saved.result, Err(CheckpointError::NoThread)));
    assert_eq!(saved.checkpoint, checkpoint(2));
}
