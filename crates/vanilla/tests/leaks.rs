//! Nothing grows: memory and open files over ten thousand steps, predictions and a few hundred checkpoints. One test in
//! a program of its own, because it looks at the whole process.
#![cfg(target_os = "linux")]

use std::time::Duration;
use vanilla::prelude::*;

/// Bytes of memory that are really there.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// What a hundredth of a kilobyte lost in each of 10,000 rounds would exceed.
const SLACK: usize = 1 << 20;

#[test]
fn nothing_grows() {
    let rows = 1000;
    let x = Tensor::new((0..rows * 8).map(|i| (i % 17) as f32 / 17.0).collect::<Vec<_>>(), [rows, 8]).unwrap();
    let y = Tensor::new((0..rows).map(|i| (i % 3) as i64).collect::<Vec<_>>(), [rows]).unwrap();
    let layers = layers![
        Dense::new(16).activation("relu").input_dim(8),
        Dropout::new(0.1),
        Dense::new(3).activation("softmax")
    ];
    let mut model = Sequential::new(layers).unwrap();
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    let folder = tempfile::tempdir().unwrap();

    let measure = |name: &str, round: &mut dyn FnMut()| {
        (0..20).for_each(|_| round());
        let before = (resident(), open_files(), threads());
        (0..100).for_each(|_| round());
        let after = (resident(), open_files(), threads());
        assert!(after.0 <= before.0 + SLACK, "{name}: from {} to {} bytes", before.0, after.0);
        assert_eq!((after.1, after.2), (before.1, before.2), "{name}: open files, threads");
    };
    // 100 steps each.
    let options = || Fit::new().batch_size(10).verbose(0);
    measure("steps in one fit after another", &mut || drop(model.fit(&x, &y, options()).unwrap()));
    assert_eq!(model.iterations(), 120 * 100);
    let one = x.slice(0..1).unwrap();
    measure("predictions of a row", &mut || (0..100).for_each(|_| drop(model.predict(&one).unwrap())));
    measure("evaluations", &mut || drop(model.evaluate(&x, &y).unwrap()));
    measure("trainings with checkpoints", &mut || {
        let checkpoints =
            Checkpoints::new(folder.path().join("c")).every(Every::Time(Duration::ZERO)).replace(true);
        drop(model.fit(&x, &y, options().checkpoints(checkpoints)).unwrap());
    });
    // And in a single fit.
    let before = std::sync::Mutex::new(None);
    let before = std::sync::Arc::new(before);
    let seen = std::sync::Arc::clone(&before);
    let options = options().epochs(120).stop_when(move |done| {
        if done.epochs == 20 && done.batches == 0 {
            *seen.lock().unwrap() = Some((resident(), open_files()));
        }
        false
    });
    model.fit(&x, &y, options).unwrap();
    let (memory, files) = before.lock().unwrap().unwrap();
    assert!(resident() <= memory + SLACK, "10,000 steps of one fit: from {memory} to {} bytes", resident());
    assert_eq!(open_files(), files);
}
