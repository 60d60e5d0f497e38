//! Mistakes that other libraries made in public, each with the test that Vanilla does not make it. The numbers are those
//! of the table in `docs/reliability.md`; what is tested elsewhere is named there.

use std::sync::{Arc, Mutex};
use vanilla::metrics::{Metric, Row};
use vanilla::prelude::*;

fn floats(values: &[f32], shape: impl Into<Vec<usize>>) -> Tensor {
    Tensor::new(values.to_vec(), shape).unwrap()
}

fn compiled(outputs: usize, last: &str, loss: &str) -> Model {
    let mut model = Sequential::new(layers![Dense::new(outputs).activation(last).input_dim(2)]).unwrap();
    model.compile(loss, "adam", ["acc"]).unwrap();
    model
}

fn refusal(model: &mut Model, x: &Tensor, y: &Tensor) -> String {
    let before = model.weights_sha256();
    let evaluated = model.evaluate(x, y).unwrap_err().to_string();
    let error = model.fit(x, y, Fit::new().verbose(0)).unwrap_err();
    assert!(error.is_bad_input());
    assert_eq!(error.to_string().replacen("fit", "evaluate", 1), evaluated);
    assert_eq!(model.weights_sha256(), before);
    error.to_string()
}

/// bug class 12: a target of (N,) and an output of (N, 1) compared as (N, N).
#[test]
fn targets_are_never_broadcast() {
    let x = floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [3, 2]);
    let mut one = compiled(1, "linear", "mse");
    // (N,) and (N, 1) are the same column here, and give the same loss, that of the rows.
    let flat = one.evaluate(&x, floats(&[1.0, 2.0, 4.0], [3])).unwrap()["loss"];
    let column = one.evaluate(&x, floats(&[1.0, 2.0, 4.0], [3, 1])).unwrap()["loss"];
    let predicted = one.predict(&x).unwrap().to_f32();
    let by_hand =
        predicted.iter().zip([1.0, 2.0, 4.0]).map(|(p, y)| f64::from((p - y) * (p - y))).sum::<f64>() / 3.0;
    assert_eq!(flat, column);
    assert!((flat - by_hand).abs() < 1e-6 * by_hand.max(1.0), "{flat} {by_hand}");
    let broadcast = "and nothing is broadcast";
    assert!(refusal(&mut one, &x, &floats(&[0.0; 9], [3, 3])).ends_with(broadcast));
    let mut three = compiled(3, "softmax", "mse");
    for shape in [vec![3], vec![3, 1], vec![1, 3]] {
        let text = refusal(&mut three, &x, &floats(&[0.5; 3], shape.clone()));
        assert!(
            text.ends_with(broadcast) || text.ends_with("one target for every row is needed"),
            "{shape:?}: {text}"
        );
    }
}

/// bug class 13: a label out of range becomes NaN, or nothing at all.
#[test]
fn labels_out_of_range_are_refused_with_their_row() {
    let x = floats(&[0.0; 6], [3, 2]);
    let mut model = compiled(3, "softmax", "sparse_categorical_crossentropy");
    for (label, shown) in
        [(3.0, "3"), (-1.0, "-1"), (0.5, "0.5"), (f32::NAN, "NaN"), (1e30, "1000000000000000000000000000000")]
    {
        let text = refusal(&mut model, &x, &floats(&[0.0, label, 2.0], [3]));
        assert!(text.starts_with(&format!("fit: y is {shown} in row 1: ")), "{text}");
    }
}

/// bug class 15: one-hot vectors for a sparse loss, class numbers for a categorical one.
#[test]
fn the_two_kinds_of_labels_are_not_mixed_up() {
    let x = floats(&[0.0; 6], [3, 2]);
    let text = refusal(
        &mut compiled(3, "softmax", "sparse_categorical_crossentropy"),
        &x,
        &to_categorical(&floats(&[0.0, 1.0, 2.0], [3]), 3).unwrap(),
    );
    assert!(text.ends_with("for one-hot vectors use categorical_crossentropy"), "{text}");
    let text =
        refusal(&mut compiled(3, "softmax", "categorical_crossentropy"), &x, &floats(&[0.0, 1.0, 2.0], [3]));
    assert!(text.ends_with("use sparse_categorical_crossentropy, or to_categorical(&y, 3)"), "{text}");
}

/// bug class 14: the mean of batch means, in which the rows of a short last batch weigh more.
#[test]
fn a_row_of_a_short_batch_weighs_no_more_than_any_other() {
    let x: Vec<f32> = (0..14).map(|i| i as f32).collect();
    let (x, y) = (floats(&x, [7, 2]), floats(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0], [7]));
    let run = |batch: usize| {
        let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
        model.compile("mse", SGD::new(0.0), ["mae"]).unwrap();
        let options = Fit::new().batch_size(batch).verbose(0).shuffle(false).validation_data(&x, &y);
        let history = model.fit(&x, &y, options).unwrap();
        ["loss", "mae", "val_loss", "val_mae"].map(|key| history[key][0])
    };
    let whole = run(7);
    assert_eq!([whole[0], whole[1]], [whole[2], whole[3]]);
    for batch in [2, 3, 4, 6] {
        for (got, want) in run(batch).iter().zip(whole) {
            assert!((got - want).abs() <= 1e-6 * want, "{batch}: {got} {want}");
        }
    }
}

/// bug class 18: a gradient that grows with the number of rows: it is a mean, so a row twice moves like a row once.
#[test]
fn a_gradient_is_a_mean_over_rows() {
    let run = |rows: usize| {
        let x = floats(&[0.5, -1.0].repeat(rows), [rows, 2]);
        let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
        model.compile("mse", SGD::new(0.1), ["mae"]).unwrap();
        model.fit(&x, floats(&vec![3.0; rows], [rows]), Fit::new().batch_size(64).verbose(0)).unwrap();
        model.get_weights().iter().flat_map(Tensor::to_f32).collect::<Vec<_>>()
    };
    for rows in [2, 4, 64] {
        for (got, want) in run(rows).iter().zip(run(1)) {
            assert!((got - want).abs() < 1e-6, "{rows} rows: {got} {want}");
        }
    }
}

/// Remembers what it is given.
#[derive(Clone, Debug, Default)]
struct Witness(Arc<Mutex<Vec<(f32, f32)>>>);

impl Metric for Witness {
    fn class_name(&self) -> &str {
        "Witness"
    }
    fn name(&self) -> &str {
        "witness"
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        let (target, output) = (row.target, row.output);
        self.0.lock().unwrap().push((target[0], output[0]));
        0.0
    }
}

/// bug class 19: batches in which rows are lost, doubled, or joined with another row's target.
#[test]
fn every_row_comes_once_an_epoch_and_with_its_own_target() {
    for (rows, batch) in [(1, 32), (10, 3), (64, 64), (65, 64), (300, 7)] {
        let ids: Vec<f32> = (0..rows).map(|i| i as f32).collect();
        for as_bytes in [false, rows < 256] {
            let x = floats(&ids, [rows, 1]);
            let x = if as_bytes { x.astype(U8).astype(F32) } else { x };
            let witness = Witness::default();
            let layers = layers![Dense::new(1).use_bias(false).input_dim(1)];
            let mut model = Sequential::new(layers).unwrap();
            model.set_weights(&[floats(&[1.0], [1, 1])]).unwrap();
            model.compile(MeanSquaredError, SGD::new(0.0), [witness.clone()]).unwrap();
            model.fit(&x, floats(&ids, [rows]), Fit::new().epochs(2).batch_size(batch).verbose(0)).unwrap();
            let seen = std::mem::take(&mut *witness.0.lock().unwrap());
            assert!(seen.iter().all(|(target, output)| target == output));
            let (first, second) = seen.split_at(rows);
            for epoch in [first, second] {
                let mut targets: Vec<f32> = epoch.iter().map(|(target, _)| *target).collect();
                targets.sort_by(f32::total_cmp);
                assert_eq!(targets, ids, "{rows} rows in batches of {batch}");
            }
            assert!(rows < 10 || first != second, "two epochs in the same order");
        }
    }
}

/// bug class 21: seeds beyond 32 bits overflow, or are cut to the same one.
#[test]
fn every_bit_of_a_seed_counts() {
    let weights = |seed: u64| {
        let layers = layers![Dense::new(4).input_dim(3), Dropout::new(0.5), Dense::new(1)];
        let mut model = Sequential::new(layers).unwrap().with_seed(seed).unwrap();
        let first = model.weights_sha256();
        model.compile("mse", "adam", ["mae"]).unwrap();
        let x = floats(&(0..60).map(|i| i as f32 / 60.0).collect::<Vec<_>>(), [20, 3]);
        model.fit(&x, floats(&[1.0; 20], [20]), Fit::new().batch_size(3).verbose(0)).unwrap();
        (first, model.weights_sha256())
    };
    let seeds = [0, 1, 1 << 31, 1 << 32, (1 << 32) + 1, 1 << 63, i64::MAX as u64, u64::MAX - 1, u64::MAX];
    let all: Vec<_> = seeds.iter().map(|seed| weights(*seed)).collect();
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other.0 != one.0 && other.1 != one.1), "seed {}", seeds[i]);
        assert_eq!(*one, weights(seeds[i]));
    }
}
