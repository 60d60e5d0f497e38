//! Every loss against what Keras makes of it (`interop/record_losses.py`, whose head states the form of a case, and the
//! older `golden.json`): value, values of samples, gradients, reductions, weights, several outputs; and every gradient
//! against differences of the values.

use serde_json::{Value, json};
use vanilla::config::Keys;
use vanilla::layers::{ActivationLayer, AnyLayer, Reshape};
use vanilla::losses::{self, Loss, Reduction, Targets};
use vanilla::plan::kernels::{Isa, Kernels};
use vanilla::plan::{Joined, Link};
use vanilla::prelude::*;
use vanilla::{Arrays, Evaluate};

/// Cases of `losses.json`.
const CASES: usize = 156;

/// Values may differ by this share of themselves, elements of a gradient by this share of the largest one.
const TOLERANCE: f64 = 1e-6;

/// What is smaller counts as this, where Keras computes in f32 from numbers around 1.
const FLOOR: f64 = 0.1;

fn kernels() -> Kernels {
    Kernels::new(Isa::best(), 1).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number") as f32],
    }
}

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> = numbers(&value["shape"]).iter().map(|n| *n as usize).collect();
    Tensor::new(numbers(&value["values"]), shape).unwrap()
}

fn cases() -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/losses.json")).unwrap();
    assert_eq!(cases.len(), CASES);
    cases
}

fn loss_of(node: &Value) -> (std::sync::Arc<dyn Loss>, Reduction) {
    let keys: Keys = node["config"].as_object().unwrap().clone();
    losses::from_config(node["class_name"].as_str().unwrap(), keys, &Registry::default()).unwrap()
}

fn close(name: &str, what: &str, got: f64, want: f64, largest: f64) {
    let tolerance = TOLERANCE * largest.abs().max(FLOOR);
    assert!((got - want).abs() <= tolerance, "{name}: {what} is {got} instead of {want}");
}

fn all_close(name: &str, what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{name}: {what}");
    let largest = want.iter().fold(0.0f64, |largest, x| largest.max(f64::from(x.abs())));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        close(name, &format!("{what}[{i}]"), f64::from(*got), f64::from(*want), largest);
    }
}

/// The losses of all rows and their gradients; of a loss of the whole batch the one.
fn rows(
    loss: &dyn Loss,
    link: Option<Link>,
    targets: &[f32],
    outputs: &[f32],
    cols: usize,
) -> (Vec<f32>, Vec<f32>) {
    let (mut targets, mut d) = (targets.to_vec(), vec![0.0; outputs.len()]);
    loss.prepare(&mut targets);
    if loss.whole() {
        return (vec![loss.batch(&targets, outputs, cols, &mut d)], d);
    }
    let (kernels, width, mut outputs) = (kernels(), loss.target_width(cols), outputs.to_vec());
    let each = targets.chunks_exact(width).zip(outputs.chunks_exact_mut(cols)).zip(d.chunks_exact_mut(cols));
    let value = |((target, output), d): ((&[f32], &mut [f32]), &mut [f32])| match link {
        Some(link) => {
            let logits = output.to_vec();
            loss.row_from_logits(&Joined::new(&kernels, link, &logits, output), target, d)
        }
        None => loss.row(&kernels, target, output, d),
    };
    (each.map(value).collect(), d)
}

/// The losses of `golden.json`, batches of five.
#[test]
fn the_older_recordings() {
    let golden: Value = serde_json::from_str(include_str!("golden/golden.json")).unwrap();
    let recorded = golden["losses"].as_object().unwrap();
    let mut compared = 0;
    for (name, class, keys, link) in [
        ("cce", "categorical_crossentropy", json!({}), None),
        ("cce_ls", "categorical_crossentropy", json!({ "label_smoothing": 0.1 }), None),
        ("cce_logits", "categorical_crossentropy", json!({ "from_logits": true }), None),
        ("cce_logits", "categorical_crossentropy", json!({}), Some(Link::Softmax)),
        ("scce", "sparse_categorical_crossentropy", json!({}), None),
        ("scce_logits", "sparse_categorical_crossentropy", json!({ "from_logits": true }), None),
        ("scce_logits", "sparse_categorical_crossentropy", json!({}), Some(Link::Softmax)),
        ("scce_logits", "sparse_categorical_crossentropy", json!({ "ignore_class": -1 }), Some(Link::Softmax)),
        ("bce", "bce", json!({}), None),
        ("bce_ls", "BCE", json!({ "label_smoothing": 0.1 }), None),
        ("bce_logits", "binary_crossentropy", json!({ "from_logits": true }), None),
        ("bce_logits", "binary_crossentropy", json!({}), Some(Link::Sigmoid)),
        ("bfce", "binary_focal_crossentropy", json!({ "apply_class_balancing": true }), None),
        ("cfce", "categorical_focal_crossentropy", json!({}), None),
        ("mse", "mse", json!({}), None),
        ("mae", "mae", json!({}), None),
        ("mape", "mape", json!({}), None),
        ("msle", "msle", json!({}), None),
        ("huber", "huber", json!({ "delta": 0.7 }), None),
        ("logcosh", "logcosh", json!({}), None),
        ("cosine", "cosine_similarity", json!({}), None),
        ("kld", "kld", json!({}), None),
        ("poisson", "poisson", json!({}), None),
        ("hinge", "hinge", json!({}), None),
        ("sqhinge", "squared_hinge", json!({}), None),
        ("cathinge", "categorical_hinge", json!({}), None),
        ("dice", "dice", json!({}), None),
        ("tversky", "tversky", json!({}), None),
        ("gce", "categorical_generalized_cross_entropy", json!({}), None),
    ] {
        let want = &recorded[name];
        let (loss, _) =
            losses::from_config(class, keys.as_object().unwrap().clone(), &Registry::default()).unwrap();
        let outputs = numbers(&want["y_pred"]);
        let cols = outputs.len() / 5;
        let (values, d) = rows(&*loss, link, &numbers(&want["y_true"]), &outputs, cols);
        let count = values.len() as f32;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / f64::from(count);
        let number = |key: &str| want[key].as_f64();
        close(name, "loss", mean, number("loss").unwrap(), number("loss").unwrap());
        all_close(name, "gradient", &d.iter().map(|d| d / count).collect::<Vec<_>>(), &numbers(&want["grad"]));
        if !want["per_sample"].is_null() {
            all_close(name, "per sample", &values, &numbers(&want["per_sample"]));
        }
        if let Some(weighted) = number("weighted") {
            let weights = numbers(&want["sample_weight"]);
            let sum: f64 = values.iter().zip(&weights).map(|(v, w)| f64::from(v * w)).sum();
            close(name, "weighted", sum / 5.0, weighted, weighted);
        }
        compared += usize::from(link.is_none());
    }
    assert_eq!(compared, recorded.len());
}

/// Values of rows, and gradients where nothing but the mean stands between.
#[test]
fn rows_of_every_case() {
    for case in cases().iter().filter(|case| case["loss"].is_object()) {
        let name = case["name"].as_str().unwrap();
        let (loss, reduction) = loss_of(&case["loss"]);
        let (targets, outputs) = (tensor(&case["y_true"]).to_f32(), tensor(&case["y_pred"]));
        let cols = *outputs.shape().last().unwrap();
        let (values, d) = rows(&*loss, None, &targets, &outputs.to_f32(), cols);
        if !case["per_sample"].is_null() {
            all_close(name, "per sample", &values, &numbers(&case["per_sample"]));
        }
        if reduction == Reduction::Mean && case["sample_weight"].is_null() {
            let width = loss.target_width(cols);
            let count = if loss.whole() { 1 } else { targets.chunks(width).filter(|t| loss.counts(t)).count() };
            let d: Vec<f32> = d.iter().map(|d| d / count as f32).collect();
            all_close(name, "gradient", &d, &numbers(&case["gradient"]));
        }
        // What is written is what was read.
        let again = losses::from_config(loss.class_name(), loss.config(), &Registry::default()).unwrap().0;
        assert_eq!(format!("{again:?}"), format!("{loss:?}"), "{name}");
        for (key, value) in loss.config() {
            let wanted = &case["loss"]["config"][&key];
            let same = value == *wanted
                || (value.as_f64()).zip(wanted.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-7);
            // Keras forgets some.
            assert!(
                same || wanted.is_null() && ["axis", "delta"].contains(&key.as_str()),
                "{name}: {key} = {value} instead of {wanted}"
            );
        }
    }
}

/// A model whose output for the one-hot inputs is `outputs`: its weights. So the step of a plain SGD is the gradient.
fn as_weights(case: &Value, outputs: &Tensor) -> (Model, Tensor) {
    let (samples, width) = (outputs.rows(), outputs.width());
    let mut layers: Vec<AnyLayer> = layers![Dense::new(width).use_bias(false).input_dim(samples)];
    if outputs.shape().len() > 2 {
        layers.extend(layers![Reshape::new(outputs.shape()[1..].iter().map(|n| *n as i64).collect::<Vec<_>>())]);
    } else if outputs.to_f32().iter().all(|p| *p > 0.0) {
        // Probabilities, which cannot come from a layer without an activation; relu changes none.
        layers.extend(layers![ActivationLayer::new("relu")]);
    }
    let mut model = Sequential::new(layers).unwrap();
    model.set_weights(&[outputs.reshape([samples, width]).unwrap()]).unwrap();
    let sgd = json!({ "class_name": "SGD", "config": { "learning_rate": 1.0 } });
    model.compile_from_json(&json!({ "loss": case["loss"], "optimizer": sgd })).unwrap();
    let mut one_hot = vec![0.0f32; samples * samples];
    (0..samples).for_each(|i| one_hot[i * (samples + 1)] = 1.0);
    (model, Tensor::new(one_hot, [samples, samples]).unwrap())
}

/// Reductions, weights and the higher rank, as a training has them.
#[test]
fn every_case_as_a_training() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case["loss"].is_object()) {
        let name = case["name"].as_str().unwrap();
        let (targets, outputs) = (tensor(&case["y_true"]), tensor(&case["y_pred"]));
        let (mut model, x) = as_weights(case, &outputs);
        let samples = outputs.rows();
        let weights = numbers(&case["sample_weight"].as_array().map_or(json!([]), |weights| json!(weights)));
        let (mut evaluate, mut fit) = (Evaluate::new(), Fit::new().batch_size(samples).shuffle(false).verbose(0));
        if !weights.is_empty() {
            let weights = Tensor::new(weights, [samples]).unwrap();
            (evaluate, fit) = (evaluate.sample_weight(&weights), fit.sample_weight(&weights));
        }
        let want = case["value"].as_f64().unwrap();
        let got = model.evaluate_with(&x, &targets, evaluate).unwrap_or_else(|error| panic!("{name}: {error}"));
        close(name, "evaluate", got["loss"], want, want);
        let history = model.fit(&x, &targets, fit).unwrap_or_else(|error| panic!("{name}: {error}"));
        close(name, "fit", history["loss"][0], want, want);
        let (before, after) = (outputs.to_f32(), model.get_weights()[0].to_f32());
        let want = numbers(&case["gradient"]);
        let largest = |x: &[f32]| x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        // The weight has rounded the gradient.
        let tolerance = 2e-6 * largest(&want).max(FLOOR as f32) + 1.2e-7 * largest(&before);
        for ((before, after), want) in before.iter().zip(&after).zip(&want) {
            let got = before - after;
            assert!((got - want).abs() <= tolerance, "{name}: a gradient of {got} instead of {want}");
        }
        compared += 1;
    }
    assert_eq!(compared, CASES - 2);
}

#[test]
fn several_outputs_with_loss_weights() {
    for case in cases().iter().filter(|case| case["outputs"].is_array()) {
        let name = case["name"].as_str().unwrap();
        let parts = case["outputs"].as_array().unwrap();
        let inputs: Vec<_> = parts.iter().map(|_| Input::new([4]).tensor()).collect();
        let output = |(i, x): (usize, _)| ActivationLayer::new("linear").name(format!("y_{i}")).call(x);
        let outputs: Vec<_> = inputs.iter().enumerate().map(output).collect();
        let mut model = Model::new(&inputs, &outputs).unwrap();
        let nodes: Vec<&Value> = parts.iter().map(|part| &part["loss"]).collect();
        let compile = json!({ "loss": nodes, "loss_weights": case["loss_weights"], "optimizer": "sgd" });
        model.compile_from_json(&compile).unwrap();
        let all = |key: &str| -> Arrays { parts.iter().map(|part| tensor(&part[key])).collect::<Vec<_>>().into() };
        let logs = model.evaluate_with(all("y_pred"), all("y_true"), Evaluate::new().batch_size(2)).unwrap();
        let want = case["value"].as_f64().unwrap();
        close(name, "loss", logs["loss"], want, want);
        for (i, want) in numbers(&case["each"]).into_iter().enumerate() {
            close(name, "a part", logs[&format!("y_{i}_loss")], f64::from(want), f64::from(want));
        }
    }
}

/// Targets and outputs that every loss of this kind can take, away from its corners.
fn data(loss: &dyn Loss, link: Option<Link>) -> (Vec<f32>, Vec<f32>) {
    let logits = link.is_some() || loss.config().get("from_logits") == Some(&json!(true));
    let outputs = if logits { [0.5, -1.25, 2.0, 0.75] } else { [0.15, 0.3, 0.2, 0.35] };
    let targets = match loss.targets() {
        Targets::ClassNumber => vec![2.0],
        Targets::OneHot => vec![0.0, 0.0, 1.0, 0.0],
        Targets::Numbers => vec![1.0, 0.0, 1.0, 0.0],
    };
    (targets, outputs.to_vec())
}

#[test]
fn gradients_are_those_of_differences() {
    let logits = json!({ "from_logits": true });
    for name in losses::names() {
        for keys in [&json!({}), &logits] {
            let Ok((loss, _)) = losses::from_config(name, keys.as_object().unwrap().clone(), &Registry::default())
            else {
                continue;
            };
            for link in [None, Some(Link::Softmax), Some(Link::Sigmoid)] {
                if link.is_some_and(|link| !loss.joins(link)) {
                    continue;
                }
                let (targets, outputs) = data(&*loss, link);
                let value = |outputs: &[f32]| f64::from(rows(&*loss, link, &targets, outputs, 4).0[0]);
                let d = rows(&*loss, link, &targets, &outputs, 4).1;
                for (i, d) in d.iter().enumerate() {
                    // The value is an f32: a smaller step would drown in its rounding.
                    let step = 2e-3f32;
                    let moved = |by: f32| {
                        let mut moved = outputs.clone();
                        moved[i] += by;
                        value(&moved)
                    };
                    let difference = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                    let (got, scale) = (f64::from(*d), value(&outputs).abs().max(1.0));
                    let tolerance = 5e-4 * scale + 2e-3 * difference.abs();
                    assert!(
                        (got - difference).abs() <= tolerance,
                        "{name} {keys} {link:?}: d[{i}] = {got} instead of {difference}"
                    );
                }
            }
        }
    }
}

/// Joined with the last function and not, the value is the same.
#[test]
fn joined_values_are_those_of_the_probabilities() {
    let kernels = kernels();
    for name in losses::names() {
        let (loss, _) = losses::from_config(name, Keys::new(), &Registry::default()).unwrap();
        for link in [Link::Softmax, Link::Sigmoid] {
            if !loss.joins(link) {
                continue;
            }
            let (targets, logits) = data(&*loss, Some(link));
            let mut p = logits.clone();
            match link {
                Link::Softmax => {
                    kernels.softmax(&mut p);
                }
                Link::Sigmoid => kernels.sigmoid(&mut p),
            }
            let joined = rows(&*loss, Some(link), &targets, &logits, 4).0[0];
            let apart = rows(&*loss, None, &targets, &p, 4).0[0];
            assert!((joined - apart).abs() < 1e-6, "{name}: {joined} {apart}");
        }
    }
}

/// Metrics see labels as they were given, also where the loss takes them as signs.
#[test]
fn metrics_see_labels_as_they_were_given() {
    let mut model = Sequential::new(layers![Dense::new(1).use_bias(false).input_dim(1)]).unwrap();
    model.set_weights(&[Tensor::new(vec![1.0f32], [1, 1]).unwrap()]).unwrap();
    model.compile("hinge", "sgd", ["acc", "hinge"]).unwrap();
    let x = Tensor::new(vec![2.0f32, -2.0, 0.25, 0.75], [4, 1]).unwrap();
    let y = Tensor::new(vec![1.0f32, 0.0, 0.0, 0.0], [4]).unwrap();
    let logs = model.evaluate(&x, &y).unwrap();
    assert_eq!((logs["loss"], logs["hinge"]), (0.75, 0.75));
    assert_eq!(logs["acc"], 0.75);
}

/// Where a prediction has no direction, Keras's gradient is NaN; so is that of a softmax whose probability is 0.
#[test]
fn gradients_are_finite_where_keras_has_none() {
    let (values, d) = rows(&CosineSimilarity, None, &[1.0, 2.0], &[0.0, 0.0], 2);
    assert_eq!((values[0], &d[..]), (0.0, &[0.0, 0.0][..]));
    let loss = CategoricalGeneralizedCrossEntropy::default();
    let (values, d) = rows(&loss, Some(Link::Softmax), &[1.0], &[0.0, -200.0], 2);
    assert_eq!((values[0], d.iter().all(|d| d.is_finite())), (2.0, true));
}
