//! Saving with a disk that fails, writes short or loses power at every single operation: what is there afterwards
//! is the earlier file or the new one, and never anything else.

#[path = "common/faulty.rs"]
mod faulty;

use faulty::{Fault, Faulty};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use vanilla::checkpoint::{Checkpoint, CheckpointError, Store};
use vanilla::layers::Dense;
use vanilla::storage::{Fs, Step, StorageError, TEMPORARY, write_atomically, write_together};
use vanilla::{Fit, Sequential, Tensor, layers};

const PATH: &str = "run/model.keras";

const FAULTS: [Fault; 8] = [
    Fault::Once(ErrorKind::StorageFull),
    Fault::Once(ErrorKind::Other),
    Fault::Once(ErrorKind::Interrupted),
    Fault::FromHere(ErrorKind::StorageFull),
    Fault::FromHere(ErrorKind::Other),
    Fault::Short(ErrorKind::StorageFull),
    Fault::Short(ErrorKind::Interrupted),
    Fault::Crash,
];

/// The bytes of a real model file that was trained for this many epochs.
fn model_file(epochs: usize) -> Vec<u8> {
    let mut model = Sequential::new(layers![Dense::new(2).input_dim(3)]).unwrap();
    model.compile("mse", "sgd", ["mae"]).unwrap();
    let (x, y) = (Tensor::new(vec![0.5f32; 12], [4, 3]).unwrap(), Tensor::new(vec![1.0f32; 8], [4, 2]).unwrap());
    model.fit(&x, &y, Fit::new().epochs(epochs).verbose(0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path().join("model.keras")).unwrap();
    std::fs::read(folder.path().join("model.keras")).unwrap()
}

type Writer = fn(&dyn Fs, &Path, &[u8]) -> Result<(), StorageError>;

/// Saves over an earlier file with everything going wrong once, and gives the violations of the promise (whose
/// number is 0 for a good writer) and the number of faults.
fn violations(writer: Writer, old: &[u8], new: &[u8]) -> (usize, usize) {
    let (mut violations, mut faults, mut disks) = (0, 0, 0);
    for fault in FAULTS {
        for at in 0.. {
            let fs = Faulty::with(&[(PATH, old)]);
            fs.plan(at, fault);
            let result = writer(&fs, Path::new(PATH), new);
            if !fs.fired() {
                assert!(result.is_ok(), "nothing went wrong: {result:?}");
                break;
            }
            faults += 1;
            let is_whole = |disk: &Faulty, result: &Result<(), StorageError>| {
                let content = disk.content(PATH);
                let (is_old, is_new) = (content.as_deref() == Some(old), content.as_deref() == Some(new));
                // Who was told that it is saved finds the new one; who was told that it is not, the old one, but
                // for the moment between renaming and knowing that the name is safe.
                match result {
                    Ok(()) => is_new,
                    Err(error) if error.step == Step::Write && !fs.is_dead() => is_old,
                    Err(_) => is_old || is_new,
                }
            };
            if !fs.is_dead() {
                violations += usize::from(!is_whole(&fs, &result));
            }
            for disk in fs.after_power_cut() {
                disks += 1;
                violations += usize::from(!is_whole(&disk, &result));
                // Whoever saves next has room and no left-overs.
                writer(&disk, Path::new(PATH), b"next").unwrap();
                violations += usize::from(disk.names() != [PATH]);
            }
            if !fs.is_dead() {
                fs.heal();
                writer(&fs, Path::new(PATH), b"next").unwrap();
                violations += usize::from(fs.names() != [PATH] || fs.content(PATH).as_deref() != Some(b"next"));
            }
        }
    }
    println!("{faults} faults, {disks} disks after a power cut, {violations} violations");
    (violations, faults)
}

/// Bug classes 1 (not atomic), 3 (disk full) and 5 (a save that says it succeeded and did not).
#[test]
fn a_model_file_is_the_old_one_or_the_new_one_whatever_fails() {
    let (old, new) = (model_file(1), model_file(2));
    assert_ne!(old, new);
    let (violations, faults) = violations(write_atomically, &old, &new);
    assert_eq!(violations, 0);
    assert!(faults > 1000, "{faults} faults");
}

/// The harness sees what it is there for: each step of `write_atomically` left out is a violation.
#[test]
fn every_step_of_saving_is_needed() {
    fn temporary(fs: &dyn Fs) -> std::path::PathBuf {
        for name in fs.list(Path::new("run")).unwrap_or_default() {
            if name.starts_with(TEMPORARY) {
                let _ = fs.remove_abandoned(&Path::new("run").join(name));
            }
        }
        Path::new("run").join(format!("{TEMPORARY}test"))
    }
    fn run(
        fs: &dyn Fs,
        path: &Path,
        work: impl Fn(&Path) -> Result<(), (Step, std::io::Error)>,
    ) -> Result<(), StorageError> {
        let temporary = temporary(fs);
        work(&temporary).map_err(|(step, source)| {
            let _ = fs.remove(&temporary);
            StorageError { path: path.to_owned(), step, source }
        })
    }
    let in_place: Writer = |fs, path, bytes| {
        run(fs, path, |_| {
            let failed = |error| (Step::Write, error);
            let _ = fs.remove(path);
            let mut file = fs.create_new(path, None).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.sync()).map_err(failed)?;
            fs.sync_folder(Path::new("run")).map_err(|error| (Step::SyncFolder, error))
        })
    };
    let without_sync: Writer = |fs, path, bytes| {
        run(fs, path, |temporary| {
            let failed = |error| (Step::Write, error);
            let mut file = fs.create_new(temporary, None).map_err(failed)?;
            file.write_all(bytes).map_err(failed)?;
            fs.rename(temporary, path).map_err(failed)?;
            fs.sync_folder(Path::new("run")).map_err(|error| (Step::SyncFolder, error))
        })
    };
    let without_folder_sync: Writer = |fs, path, bytes| {
        run(fs, path, |temporary| {
            let failed = |error| (Step::Write, error);
            let mut file = fs.create_new(temporary, None).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.sync()).map_err(failed)?;
            fs.rename(temporary, path).map_err(failed)
        })
    };
    let second_sync_is_believed: Writer = |fs, path, bytes| {
        run(fs, path, |temporary| {
            let failed = |error| (Step::Write, error);
            let mut file = fs.create_new(temporary, None).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.sync().or_else(|_| file.sync())).map_err(failed)?;
            fs.rename(temporary, path).map_err(failed)?;
            fs.sync_folder(Path::new("run")).map_err(|error| (Step::SyncFolder, error))
        })
    };
    let errors_are_swallowed: Writer = |fs, path, bytes| {
        let _ = write_atomically(fs, path, bytes);
        Ok(())
    };
    let (old, new) = ([1; 500], [2; 700]);
    for (name, writer) in [
        ("in place", in_place),
        ("no sync", without_sync),
        ("no sync of the folder", without_folder_sync),
        ("a second sync", second_sync_is_believed),
        ("swallowed errors", errors_are_swallowed),
    ] {
        // What goes wrong may also be an error where this harness expects none.
        let caught = std::panic::catch_unwind(|| violations(writer, &old, &new).0);
        assert!(caught.is_err() || caught.is_ok_and(|violations| violations > 0), "{name} passes");
    }
}

/// Bug class 4 (two files that belong together, one new and one old): the folder of a run has several files, and the
/// last one is only there beside the others of its own run.
#[test]
fn files_that_belong_together_are_never_mixed_where_the_last_one_is_there() {
    let old: [(&str, &[u8]); 3] =
        [("run/model", b"old model"), ("run/history", b"old"), ("run/config", b"old config")];
    let new: [(&str, &[u8]); 3] =
        [("run/model", b"new model"), ("run/history", &[7; 300]), ("run/config", b"new config")];
    let files = new.map(|(path, bytes)| (std::path::PathBuf::from(path), bytes));
    let is = |fs: &Faulty, set: &[(&str, &[u8])]| {
        set.iter().all(|(path, bytes)| fs.content(path).as_deref() == Some(bytes))
    };
    let (mut faults, mut unsealed) = (0, 0);
    for fault in FAULTS {
        for at in 0.. {
            let fs = Faulty::with(&old);
            fs.plan(at, fault);
            let result = write_together(&fs, &files);
            if !fs.fired() {
                assert!(result.is_ok() && is(&fs, &new));
                break;
            }
            faults += 1;
            let check = |disk: &Faulty| {
                if disk.content("run/config").is_none() {
                    // Nobody says that this run is whole. What is there, is: a model, old or new.
                    let model = disk.content("run/model").unwrap();
                    assert!(model == old[0].1 || model == new[0].1, "{fault:?} at {at}");
                    assert!(result.is_err(), "{fault:?} at {at}");
                    return 1;
                }
                assert!(is(disk, &old) && result.is_err() || is(disk, &new), "{fault:?} at {at}");
                0
            };
            if !fs.is_dead() {
                unsealed += check(&fs);
                if result.is_err() && fs.content("run/config").is_some_and(|config| config == old[2].1) {
                    assert_eq!(fs.names().len(), 3, "{:?}", fs.names());
                }
            }
            fs.after_power_cut().iter().for_each(|disk| unsealed += check(disk));
        }
    }
    println!("{faults} faults, {unsealed} disks without the last file");
    assert!(faults > 100 && unsealed > 0, "{faults} faults, {unsealed}");
    // A lack of room is found before anything is touched.
    let fs = Faulty::with(&old);
    fs.plan(15, Fault::FromHere(ErrorKind::StorageFull));
    assert!(write_together(&fs, &files).is_err() && is(&fs, &old), "{:?}", fs.names());
    // Nothing there before, and nothing to write, are no special cases.
    let fs = Faulty::default();
    write_together(&fs, &files).unwrap();
    assert!(is(&fs, &new));
    write_together(&fs, &[]).unwrap();
}

/// A checkpoint whose every part says which step it is of.
fn checkpoint(step: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.push("model/0", [3, 7], (0..21).map(|i| (step * 100 + i) as f32).collect());
    checkpoint.push("opt/0/0", [3, 7], (0..21).map(|i| (step * 1000 + i) as f32).collect());
    checkpoint.put("state", format!("{{\"step\":{step}}}"));
    // Step 2 is the best.
    checkpoint.score = Some((step as f64 - 2.0).abs());
    checkpoint
}

const STEPS: u64 = 6;

/// Saves 6 checkpoints, going on after a failure as training does. Gives the last step that was reported as saved.
fn train(fs: &Faulty) -> Option<u64> {
    let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
    let mut acknowledged = None;
    for step in 1..=STEPS {
        if store.save(step, &checkpoint(step)).is_ok() {
            acknowledged = Some(step);
        }
    }
    acknowledged
}

/// The newest checkpoint of a disk; nothing damaged may be there, for nothing damaged it.
fn recovered(fs: &Faulty) -> Option<u64> {
    let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
    let found = store.newest().unwrap();
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let (path, loaded) = found.checkpoint?;
    let step = store.steps().unwrap().into_iter().max().unwrap();
    assert_eq!(path, store.path(step));
    assert_eq!(loaded, checkpoint(step), "a mixture");
    Some(step)
}

/// Bug classes 1 and 4 (two files that belong together, one new and one old): a checkpoint is one file.
#[test]
fn checkpoints_survive_whatever_fails_and_none_that_was_reported_is_lost() {
    let (mut faults, mut disks) = (0, 0);
    for fault in FAULTS {
        for at in 0.. {
            let fs = Faulty::default();
            fs.plan(at, fault);
            let acknowledged = train(&fs);
            if !fs.fired() {
                assert_eq!((acknowledged, fs.is_dead()), (Some(STEPS), false));
                break;
            }
            faults += 1;
            let context = format!("{fault:?} at {at}");
            for disk in fs.after_power_cut() {
                disks += 1;
                let step = recovered(&disk);
                assert!(step >= acknowledged, "{context}: {step:?} after {acknowledged:?} was reported");
                // The run goes on: the next save works and leaves the last two, and the best if it was ever saved.
                let mut store = Store::with_fs(Arc::new(disk.clone()), "run");
                store.save(STEPS + 1, &checkpoint(STEPS + 1)).unwrap();
                assert_eq!(recovered(&disk), Some(STEPS + 1), "{context}");
                assert!(disk.names().len() <= 3, "{context}: {:?}", disk.names());
            }
            fs.heal();
            if !fs.is_dead() {
                assert!(recovered(&fs) >= acknowledged, "{context}");
                let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
                store.save(STEPS + 1, &checkpoint(STEPS + 1)).unwrap();
                let names = fs.names();
                assert!(names.len() <= 3 && !names.iter().any(|name| name.contains(TEMPORARY)), "{names:?}");
            }
        }
    }
    println!("{faults} faults, {disks} disks after a power cut");
    assert!(faults > 500, "{faults} faults");
}

#[test]
fn the_last_two_and_the_best_are_kept() {
    let fs = Faulty::default();
    assert_eq!(train(&fs), Some(STEPS));
    let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
    assert_eq!(store.steps().unwrap(), [2, 5, 6]);
    assert_eq!(store.best().unwrap().unwrap().1, checkpoint(2));
    // A store that did not write them knows the best one as well: it reads it.
    store.save(7, &checkpoint(7)).unwrap();
    assert_eq!(store.steps().unwrap(), [2, 6, 7]);
    let mut store = store.keep_last(1);
    store.save(8, &checkpoint(8)).unwrap();
    assert_eq!(store.steps().unwrap(), [2, 8]);
    store.clear().unwrap();
    assert_eq!(fs.names(), [""; 0]);
    // Without scores there is no best one.
    for step in 1..=4 {
        store.save(step, &Checkpoint { score: None, ..checkpoint(step) }).unwrap();
    }
    assert_eq!(store.steps().unwrap(), [4]);
    assert!(store.best().unwrap().is_none());
}

/// Bug class 11: what is no number never replaces a good checkpoint.
#[test]
fn weights_that_are_no_numbers_are_not_saved() {
    let fs = Faulty::default();
    train(&fs);
    let before = fs.names();
    let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bad = checkpoint(7);
        bad.push("opt/1/0", [2], vec![0.0, value]);
        let error = store.save(7, &bad).unwrap_err();
        assert!(matches!(&error, CheckpointError::NotFinite { name, index: 1, .. } if name == "opt/1/0"));
        let want = format!(
            "run/checkpoint-000000000007.safetensors: not saved: element 1 of opt/1/0 is {value}; the earlier \
             checkpoint stays"
        );
        assert_eq!(error.to_string(), want);
    }
    assert_eq!(fs.names(), before);
    assert_eq!(recovered(&fs), Some(STEPS));
}

/// A file that cannot be read is passed over like a damaged one, and said.
#[test]
fn a_newest_file_that_cannot_be_read_is_skipped_and_named() {
    let fs = Faulty::default();
    train(&fs);
    let mut store = Store::with_fs(Arc::new(fs.clone()), "run");
    // The first operation lists the folder, the second reads the newest.
    fs.plan(1, Fault::Once(ErrorKind::Other));
    let found = store.newest().unwrap();
    assert_eq!(found.checkpoint.unwrap().1, checkpoint(STEPS - 1));
    let skipped: Vec<String> = found.skipped.iter().map(|skipped| skipped.reason.to_string()).collect();
    assert_eq!(skipped, ["run/checkpoint-000000000006.safetensors: cannot be read (other error)"]);
    fs.plan(0, Fault::Once(ErrorKind::PermissionDenied));
    assert_eq!(store.newest().unwrap_err().to_string(), "run: cannot be read (permission denied)");
}
