//! Every metric against what Keras makes of it (`interop/record_metrics.py`, whose head states the form of a case, and the
//! older `golden.json`), with weights and without; what Keras lacks against closed forms.

use serde_json::{Value, json};
use std::sync::Arc;
use vanilla::config::Keys;
use vanilla::metrics::{self, Metric, Row};
use vanilla::plan::Link;
use vanilla::prelude::*;

/// Cases of `metrics.json`.
const CASES: usize = 202;

/// Results may differ by this share of themselves, or of this floor: Keras keeps its sums in f32.
const TOLERANCE: f64 = 1e-6;
const FLOOR: f64 = 0.2;

/// Cases where Keras's f32 is off by more, and how much more is let through: it takes a variance as the difference of a
/// mean of squares and a square.
const COARSER: [(&str, f64); 1] = [("r2_regressors", 10.0)];

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().expect("nan or inf"),
        None => value.as_f64().expect("a number"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        one => vec![number(one)],
    }
}

fn floats(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::new(values.iter().map(|x| *x as f32).collect::<Vec<_>>(), shape).unwrap()
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> = numbers(&value["shape"]).iter().map(|n| *n as usize).collect();
    floats(&numbers(&value["values"]), &shape)
}

fn metric(word: &str, keys: Value) -> Arc<dyn Metric> {
    let keys: Keys = keys.as_object().unwrap().clone();
    metrics::from_config(word, keys, &Registry::default()).unwrap_or_else(|error| panic!("{error}")).0
}

fn compute(metric: &dyn Metric, targets: &Tensor, outputs: &Tensor, weights: Option<&Tensor>) -> Vec<f64> {
    let results = metrics::compute(metric, targets, outputs, weights).unwrap_or_else(|error| panic!("{error}"));
    results.into_iter().map(|(_, value)| value).collect()
}

fn close(name: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (got, want) in got.iter().zip(want) {
        let more =
            COARSER.iter().find(|(case, _)| name.split(',').next() == Some(case)).map_or(1.0, |(_, more)| *more);
        let near = (got - want).abs() <= more * TOLERANCE * want.abs().max(FLOOR);
        assert!(near || got.is_nan() && want.is_nan(), "{name}: {got} instead of {want}");
    }
}

#[test]
fn every_case() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    assert_eq!(cases.len(), CASES);
    for case in &cases {
        let (name, node) = (case["name"].as_str().unwrap(), &case["metric"]);
        let class = node["class_name"].as_str().unwrap();
        let metric = metric(class, node["config"].clone());
        assert_eq!(metric.class_name(), class);
        assert_eq!(metric.name(), node["config"]["name"], "{name}");
        let (targets, outputs) = (tensor(&case["y_true"]), tensor(&case["y_pred"]));
        close(name, &compute(&*metric, &targets, &outputs, None), &numbers(&case["plain"]));
        if !case["weighted"].is_null() {
            let weights = numbers(&case["sample_weight"]);
            let weights = floats(&weights, &[weights.len()]);
            let got = compute(&*metric, &targets, &outputs, Some(&weights));
            close(&format!("{name}, weighted"), &got, &numbers(&case["weighted"]));
        }
    }
}

/// Keys and values that are written are Keras's, and are read again.
#[test]
fn configurations_are_keras_s() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    for case in &cases {
        let (name, node) = (&case["name"], &case["metric"]);
        let class = node["class_name"].as_str().unwrap();
        let metric = metric(class, node["config"].clone());
        let written = metric.config();
        let again = metrics::from_config(class, written.clone(), &Registry::default()).unwrap().0;
        assert_eq!(format!("{again:?}"), format!("{metric:?}"), "{name}");
        for (key, want) in node["config"].as_object().unwrap() {
            // CosineSimilarity forgets its axis, and a label weight is one of its arguments.
            if ["name", "dtype"].contains(&key.as_str()) || class == "CosineSimilarity" {
                continue;
            }
            let got = written.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
            let same = got == want
                || !got.is_null() && !want.is_null() && !got.is_string() && !got.is_boolean() && {
                    let (got, want) = (numbers(got), numbers(want));
                    got.len() == want.len() && got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-7)
                };
            assert!(same, "{name}: {key} = {got} instead of {want}");
        }
        assert!(written.keys().all(|key| node["config"].get(key).is_some()), "{name}: {written:?}");
    }
}

/// The metrics of `golden.json`.
#[test]
fn the_older_recordings() {
    let golden: Value = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    let recorded = golden["metrics"].as_object().unwrap();
    let words = [
        ("acc_cat", "categorical_accuracy", json!({})),
        ("acc_sparse", "sparse_categorical_accuracy", json!({})),
        ("acc_bin", "binary_accuracy", json!({})),
        ("top2", "top_k_categorical_accuracy", json!({ "k": 2 })),
        ("auc", "auc", json!({})),
        ("auc_pr", "AUC", json!({ "curve": "PR" })),
        ("precision", "precision", json!({})),
        ("recall", "recall", json!({})),
        ("f1_macro", "f1_score", json!({ "average": "macro" })),
        ("f1_micro_thr", "f1_score", json!({ "average": "micro", "threshold": 0.5 })),
        ("r2", "r2_score", json!({})),
        ("rmse", "root_mean_squared_error", json!({})),
        ("mse", "mse", json!({})),
        ("cos", "cosine_similarity", json!({})),
        ("cce", "categorical_crossentropy", json!({})),
        ("tp", "true_positives", json!({})),
    ];
    assert_eq!(words.len(), recorded.len());
    for (name, word, keys) in words {
        let (case, metric) = (&recorded[name], metric(word, keys));
        let table = |key: &str| {
            let values = numbers(&case[key]);
            let shape = if values.len() > 5 { vec![5, values.len() / 5] } else { vec![values.len()] };
            floats(&values, &shape)
        };
        let (targets, outputs, weights) = (table("y_true"), table("y_pred"), table("sample_weight"));
        close(name, &compute(&*metric, &targets, &outputs, None), &[number(&case["result"])]);
        let weighted = compute(&*metric, &targets, &outputs, Some(&weights));
        close(&format!("{name}, weighted"), &weighted, &[number(&case["weighted"])]);
    }
}

/// Class numbers and probabilities of six samples.
///
/// | class | predicted |
/// | --- | --- |
/// | 0 | 0, 0, 1 |
/// | 1 | 1 |
/// | 2 | 1, 2 |
fn six() -> (Tensor, Tensor) {
    let labels = floats(&[0.0, 0.0, 0.0, 1.0, 2.0, 2.0], &[6]);
    let outputs =
        [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]];
    (labels, floats(&outputs.concat(), &[6, 3]))
}

#[test]
fn confusion_matrix_and_what_follows_from_it() {
    let (labels, outputs) = six();
    let one_hot = to_categorical(&labels, 3).unwrap();
    for targets in [&labels, &one_hot] {
        let cells = metrics::compute(&ConfusionMatrix, targets, &outputs, None).unwrap();
        assert_eq!(cells[1], ("confusion_matrix_0_1".to_owned(), 1.0));
        let sums: Vec<f64> = cells.iter().map(|(_, value)| *value).collect();
        let matrix = ConfusionMatrix.matrix(&sums);
        assert_eq!(matrix, [[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]);
        let of_classes = metrics::compute(&metrics::PerClass, targets, &outputs, None).unwrap();
        let names = ["per_class_precision_0", "per_class_recall_0", "per_class_f1_0", "per_class_precision_1"];
        assert_eq!(of_classes.iter().take(4).map(|(name, _)| &**name).collect::<Vec<_>>(), names);
        let values: Vec<f64> = of_classes.iter().map(|(_, value)| *value).collect();
        close("per_class", &values, &[1.0, 2.0 / 3.0, 0.8, 1.0 / 3.0, 1.0, 0.5, 1.0, 0.5, 2.0 / 3.0]);
        let balanced = compute(&metrics::BalancedAccuracy, targets, &outputs, None);
        close("balanced_accuracy", &balanced, &[(2.0 / 3.0 + 1.0 + 0.5) / 3.0]);
        // c = 4, s = 6, t = (3, 1, 2), p = (2, 3, 1): (24 - 11) / sqrt((36 - 14) (36 - 14)).
        close("matthews", &compute(&metrics::MatthewsCorrelation, targets, &outputs, None), &[13.0 / 22.0]);
    }
    let weights = floats(&[1.0, 2.0, 3.0, 1.0, 0.0, 1.0], &[6]);
    let cells = compute(&ConfusionMatrix, &labels, &outputs, Some(&weights));
    assert_eq!(cells, [3.0, 3.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
}

/// Of two classes Matthews's formula is `(TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))`.
#[test]
fn a_single_output_has_two_classes() {
    let labels = floats(&[1.0, 1.0, 1.0, 0.0, 0.0, 1.0], &[6, 1]);
    let outputs = floats(&[0.9, 0.8, 0.4, 0.7, 0.1, 0.6], &[6, 1]);
    assert_eq!(compute(&ConfusionMatrix, &labels, &outputs, None), [1.0, 1.0, 1.0, 3.0]);
    let want = (3.0 - 1.0) / (4.0f64 * 4.0 * 2.0 * 2.0).sqrt();
    close("matthews", &compute(&metrics::MatthewsCorrelation, &labels, &outputs, None), &[want]);
    close("balanced", &compute(&metrics::BalancedAccuracy, &labels, &outputs, None), &[(0.5 + 0.75) / 2.0]);
}

#[test]
fn classes_that_never_occur_and_constant_guesses() {
    let labels = floats(&[0.0, 0.0], &[2]);
    let outputs = floats(&[0.9, 0.1, 0.0, 0.8, 0.2, 0.0], &[2, 3]);
    assert_eq!(compute(&metrics::BalancedAccuracy, &labels, &outputs, None), [1.0]);
    assert_eq!(compute(&metrics::MatthewsCorrelation, &labels, &outputs, None), [0.0]);
    let none = floats(&[0.0, 0.0], &[2]);
    for word in ["balanced_accuracy", "expected_calibration_error", "auc", "precision", "mse", "r2_score"] {
        let binary = floats(&[0.3, 0.6], &[2]);
        let result = compute(&*metric(word, json!({})), &binary, &binary, Some(&none));
        assert_eq!(result, [0.0], "{word}");
    }
}

#[test]
fn calibration() {
    let (labels, outputs) = six();
    // Twenty intervals: confidences 0.8, 0.6, 0.7 (wrong), 0.9, 0.5 (wrong), 1: each in one of its own.
    let want = (0.2 + 0.4 + 0.7 + 0.1 + 0.5 + 0.0) / 6.0;
    let error = metrics::ExpectedCalibrationError::new(20);
    close("apart", &compute(&error, &labels, &outputs, None), &[want]);
    // One interval: mean confidence 0.75, and 4 of 6 right.
    close(
        "one",
        &compute(&metrics::ExpectedCalibrationError::new(1), &labels, &outputs, None),
        &[0.75 - 4.0 / 6.0],
    );
    // A single output: 0.2 is a no of confidence 0.8.
    let (labels, outputs) = (floats(&[0.0, 1.0], &[2]), floats(&[0.2, 0.7], &[2]));
    close("binary", &compute(&metrics::ExpectedCalibrationError::default(), &labels, &outputs, None), &[0.25]);
}

/// What Keras gets wrong, as the headers say.
#[test]
fn where_keras_is_not_followed() {
    // Targets without variance: NaN there.
    let (same, near) = (floats(&[0.1; 4], &[4, 1]), floats(&[0.1, 0.2, 0.1, 0.1], &[4, 1]));
    assert_eq!(compute(&metrics::R2Score::new(), &same, &same, None), [1.0]);
    assert_eq!(compute(&metrics::R2Score::new(), &same, &near, None), [0.0]);
    // The number of samples, not of numbers: n = 4, p = 1.
    let (t, p) = (floats(&[1.0, 2.0, 3.0, 5.0], &[4, 1]), floats(&[1.0, 2.0, 3.0, 4.0], &[4, 1]));
    let twice =
        |x: &Tensor| floats(&x.to_f32().iter().flat_map(|x| [f64::from(*x); 2]).collect::<Vec<_>>(), &[4, 2]);
    let adjusted = metrics::R2Score::new().num_regressors(1);
    assert_eq!(compute(&adjusted, &t, &p, None), compute(&adjusted, &twice(&t), &twice(&p), None));
    // Rows without variance: NaN there.
    let flat = floats(&[1.0, 1.0, 1.0, 2.0], &[2, 2]);
    close("pearson", &compute(&metrics::PearsonCorrelation::new(), &flat, &flat, None), &[0.5]);
    // Over all samples, whatever the batches; far from zero.
    let far = |x: &Tensor| floats(&x.to_f32().iter().map(|x| f64::from(*x) + 4096.0).collect::<Vec<_>>(), &[4, 1]);
    let pearson = metrics::PearsonCorrelation::new().over_samples();
    close("far", &compute(&pearson, &far(&t), &far(&p), None), &compute(&pearson, &t, &p, None));
    // Samples of the ignored class do not count, with weights or without.
    let ignoring = metric("SparseCategoricalCrossentropy", json!({ "ignore_class": -1 }));
    let outputs = floats(&[0.5, 0.5, 0.9, 0.1], &[2, 2]);
    let got = compute(&*ignoring, &floats(&[0.0, -1.0], &[2]), &outputs, None);
    close("ignored", &got, &[std::f64::consts::LN_2]);
    // Labels that are no class are not class 0.
    let outputs = floats(&[1.0, 0.0], &[1, 2]);
    assert_eq!(compute(&SparseCategoricalAccuracy, &floats(&[-1.0], &[1]), &outputs, None), [0.0]);
    // Weights of intersections are not cut to whole numbers.
    let (t, p) = (floats(&[0.0, 0.0, 1.0], &[3]), floats(&[0.0, 1.0, 1.0], &[3]));
    let weights = floats(&[0.5, 0.5, 0.5], &[3]);
    let iou = metrics::MeanIoU::new(2);
    close("iou", &compute(&iou, &t, &p, Some(&weights)), &compute(&iou, &t, &p, None));
}

/// What a saturated softmax has rounded away is in the logits still.
#[test]
fn cross_entropies_see_the_logits() {
    let (target, logits) = ([1.0, 0.0], [-200.0, 0.0]);
    let row = Row { target: &target, output: &[0.0, 1.0], logits: Some((Link::Softmax, &logits)) };
    let metric = metric("categorical_crossentropy", json!({}));
    assert!(metric.wants_logits());
    assert_eq!(metric.sample(&row), 200.0);
    assert!((metric.sample(&Row::new(&target, &[0.0, 1.0])) - 16.118_095).abs() < 1e-5);
}

/// Sums may stop and go on anywhere: that of parts is that of the whole.
#[test]
fn sums_go_on() {
    let (labels, outputs) = six();
    let one_hot = to_categorical(&labels, 3).unwrap();
    for word in metrics::names() {
        let keys = match word {
            "acc" => continue,
            "io_u" | "one_hot_io_u" => {
                json!({ "num_classes": 3, "target_class_ids": [1], "sparse_y_pred": false })
            }
            "mean_io_u" | "one_hot_mean_io_u" => json!({ "num_classes": 3, "sparse_y_pred": false }),
            "sensitivity_at_specificity" => json!({ "specificity": 0.5 }),
            "specificity_at_sensitivity" => json!({ "sensitivity": 0.5 }),
            "precision_at_recall" => json!({ "recall": 0.5 }),
            "recall_at_precision" => json!({ "precision": 0.5 }),
            _ => json!({}),
        };
        let metric = metric(word, keys);
        let targets = if metric.check(1, 3).is_ok() { &labels } else { &one_hot };
        metric.check(targets.width(), 3).unwrap_or_else(|problem| panic!("{word} {problem}"));
        let (t, y) = (targets.to_f32(), outputs.to_f32());
        let mut sums = vec![0.0; metric.sums(targets.width(), 3)];
        for (target, output) in t.chunks(targets.width()).zip(y.chunks(3)) {
            let mut part = vec![0.0; sums.len()];
            part.copy_from_slice(&sums);
            metric.observe(&Row::new(target, output), 1.0, &mut part);
            sums = part;
        }
        let want = compute(&*metric, targets, &outputs, None);
        assert_eq!(metric.results(&sums).into_iter().map(|(_, value)| value).collect::<Vec<_>>(), want, "{word}");
        assert!(want.iter().all(|value| value.is_finite()), "{word}: {want:?}");
        assert_eq!(metric.result(&sums), want[0], "{word}");
    }
}

/// One word twice, under two names; one of several results; in a training and in its history.
#[test]
fn names_in_a_training() {
    let (labels, _) = six();
    let y = to_categorical(&labels, 3).unwrap();
    let x = y.clone();
    let mut model = Sequential::new(layers![Dense::new(3).activation("softmax").input_dim(3)]).unwrap();
    let recall = |class: usize| Recall::new().class_id(class).named(format!("recall_of_{class}"));
    model.compile("categorical_crossentropy", "adam", [recall(0), recall(2)]).unwrap();
    let history = model.fit(&x, &y, Fit::new().epochs(1).verbose(0)).unwrap();
    assert!(history["recall_of_0"].len() == 1 && history["recall_of_2"].len() == 1);
    model.compile("categorical_crossentropy", "adam", ["f1_score"]).unwrap();
    let logs = model.evaluate(&x, &y).unwrap();
    let of_model = [logs["f1_score_0"], logs["f1_score_1"], logs["f1_score_2"]];
    let outputs = model.predict(&x).unwrap();
    assert_eq!(compute(&F1Score::new(), &y, &outputs, None), of_model);
}
