//! The same seed gives the same bits: for every number of threads, for every loss and optimizer, whatever else the
//! machine does. The long form, `cargo test --release --test determinism -- --ignored`, repeats all of it with every core
//! kept busy by something else.
//! bug class 16: results that depend on the number of threads.

use std::sync::atomic::{AtomicBool, Ordering};
use vanilla::prelude::*;

const THREADS: [usize; 5] = [1, 2, 3, 5, 8];

const LOSSES: [(&str, &str, usize); 5] = [
    ("categorical_crossentropy", "softmax", 10),
    ("sparse_categorical_crossentropy", "softmax", 10),
    ("binary_crossentropy", "sigmoid", 1),
    ("mse", "linear", 1),
    ("mae", "tanh", 1),
];

const OPTIMIZERS: [&str; 5] = ["adam", "rmsprop", "sgd", "momentum", "nesterov"];

/// A hash of everything that an epoch gives: weights, slots, history, outputs.
fn outcome(loss: (&str, &str, usize), optimizer: &str, threads: usize, rows: usize) -> String {
    let (loss, last, outputs) = loss;
    let inputs = 300;
    let x: Vec<f32> = (0..rows * inputs).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.4).collect();
    let labels: Vec<i64> = (0..rows).map(|row| (row * 31 % outputs.max(2)) as i64).collect();
    let x = Tensor::new(x, [rows, inputs]).unwrap();
    let y = Tensor::new(labels, [rows]).unwrap();
    let y = if loss == "categorical_crossentropy" { to_categorical(&y, 10).unwrap() } else { y.astype(F32) };
    let layers = layers![
        Dense::new(150).activation("relu").input_dim(inputs),
        Dropout::new(0.3),
        Dense::new(70).activation("sigmoid"),
        Dense::new(outputs).activation(last),
    ];
    let mut model = Sequential::new(layers).unwrap().with_threads(threads);
    match optimizer {
        "momentum" => model.compile(loss, SGD::new(0.01).momentum(0.9), ["acc"]).unwrap(),
        "nesterov" => model.compile(loss, SGD::new(0.01).momentum(0.9).nesterov(true), ["acc"]).unwrap(),
        name => model.compile(loss, name, ["acc"]).unwrap(),
    }
    let history = model.fit(&x, &y, Fit::new().batch_size(64).verbose(0).validation_split(0.3)).unwrap();
    assert_eq!(model.threads(64).unwrap(), threads, "too small a network to use them");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    model.save(&path).unwrap();
    let predicted = model.predict(&x).unwrap().to_f32();
    let bits: Vec<u64> =
        history.history.iter().flat_map(|(_, values)| values.iter().map(|v| v.to_bits())).collect();
    let bytes = std::fs::read(path).unwrap();
    format!("{bits:x?} {:x?} {}", predicted.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), vanilla_hash(&bytes))
}

/// FNV-1a: this compares runs of one program, it guards nothing.
fn vanilla_hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[test]
fn every_loss_with_some_optimizer() {
    for (loss, optimizer) in LOSSES.into_iter().zip(OPTIMIZERS) {
        let one = outcome(loss, optimizer, 1, 150);
        for threads in &THREADS[1..] {
            assert!(outcome(loss, optimizer, *threads, 150) == one, "{loss:?} {optimizer} on {threads} threads");
        }
    }
}

#[test]
#[ignore = "minutes: `cargo test --release --test determinism -- --ignored`"]
fn everything_with_everything_on_a_busy_machine() {
    let stop = AtomicBool::new(false);
    let mut runs = 0;
    std::thread::scope(|scope| {
        for load in 0..5 {
            // Alone first; then as many busy threads as cores, and more.
            let cores = std::thread::available_parallelism().map_or(2, |n| n.get());
            let busy = [0, 1, cores, cores, 2 * cores][load];
            stop.store(false, Ordering::Relaxed);
            let loads: Vec<_> = (0..busy)
                .map(|_| {
                    scope.spawn(|| {
                        while !stop.load(Ordering::Relaxed) {
                            std::hint::black_box((0..1000).sum::<u64>());
                        }
                    })
                })
                .collect();
            for loss in LOSSES {
                for optimizer in OPTIMIZERS {
                    let one = outcome(loss, optimizer, 1, 400);
                    for threads in THREADS {
                        assert!(
                            outcome(loss, optimizer, threads, 400) == one,
                            "{loss:?} {optimizer} {threads} {busy}"
                        );
                        runs += 1;
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
            loads.into_iter().for_each(|load| load.join().unwrap());
        }
    });
    println!("{runs} trainings, all equal to those on one thread");
    assert_eq!(runs, 5 * 25 * 5);
}
