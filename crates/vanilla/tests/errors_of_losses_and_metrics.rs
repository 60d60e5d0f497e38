//! What is said of losses and metrics that make no sense, word for word.

use serde_json::{Value, json};
use vanilla::prelude::*;
use vanilla::{Losses, metrics};

fn model(outputs: usize, last: &str) -> Model {
    Sequential::new(layers![Dense::new(outputs).activation(last).input_dim(2)]).unwrap()
}

fn compile(outputs: usize, last: &str, loss: Value, metrics: Value) -> String {
    let mut model = model(outputs, last);
    let compiled = model.compile_from_json(&json!({ "loss": loss, "optimizer": "adam", "metrics": metrics }));
    let error = compiled.err().unwrap_or_else(|| panic!("{loss} {metrics} is fine"));
    assert!(error.is_bad_input());
    error.to_string()
}

fn loss(class: &str, keys: Value) -> String {
    compile(3, "softmax", json!({ "class_name": class, "config": keys }), json!([]))
}

fn metric(class: &str, keys: Value) -> String {
    compile(3, "softmax", json!("categorical_crossentropy"), json!([{ "class_name": class, "config": keys }]))
}

fn fit(outputs: usize, last: &str, loss: &str, y: &[f32], shape: &[usize]) -> String {
    let mut model = model(outputs, last);
    model.compile(loss, "adam", ["acc"]).unwrap();
    let x = Tensor::new(vec![0.5f32; 2 * shape[0]], [shape[0], 2]).unwrap();
    let y = Tensor::new(y.to_vec(), shape).unwrap();
    model.fit(&x, &y, Fit::new().verbose(0)).unwrap_err().to_string()
}

/// Without the list of all names, which is long and changes.
fn short(message: String) -> String {
    message.split("; known are").next().unwrap().to_owned()
}

#[test]
fn names() {
    let all = [
        short(compile(3, "softmax", json!("categorical_crossentopy"), json!([]))),
        short(compile(3, "softmax", json!("Hubert"), json!([]))),
        short(compile(3, "softmax", json!("circle"), json!([]))),
        short(compile(3, "softmax", json!("mse"), json!(["precison"]))),
        short(compile(3, "softmax", json!("mse"), json!(["iou"]))),
        short(compile(3, "softmax", json!("mse"), json!(["sum"]))),
        compile(3, "softmax", json!("mse"), json!(["mae", "mae"])),
        compile(
            3,
            "softmax",
            json!("mse"),
            json!(["mse", { "class_name": "MeanSquaredError", "config": { "name": "mse" } }]),
        ),
        compile(3, "softmax", json!("mse"), json!([7])),
        compile(3, "softmax", json!(7), json!([])),
        compile(3, "softmax", json!(null), json!([])),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn arguments_of_losses() {
    let all = [
        loss("Huber", json!({ "delta": 0.0 })),
        loss("Huber", json!({ "delta": "far" })),
        loss("Huber", json!({ "detla": 1.0 })),
        loss("CategoricalCrossentropy", json!({ "label_smoothing": 1.5 })),
        loss("CategoricalCrossentropy", json!({ "axis": 1 })),
        loss("CosineSimilarity", json!({ "axis": 0 })),
        loss("BinaryFocalCrossentropy", json!({ "gamma": -1.0 })),
        loss("BinaryFocalCrossentropy", json!({ "alpha": 2.0 })),
        loss("CategoricalFocalCrossentropy", json!({ "alpha": [0.25, 0.5, 0.25] })),
        loss("CategoricalGeneralizedCrossEntropy", json!({ "q": 1.0 })),
        loss("Dice", json!({ "axis": 0 })),
        loss("Tversky", json!({ "alpha": -0.5 })),
        loss("SparseCategoricalCrossentropy", json!({ "ignore_class": 0.5 })),
        loss("Poisson", json!({ "reduction": "none" })),
        loss("Poisson", json!({ "dtype": "float16" })),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn losses_behind_last_layers() {
    let from_logits = |class: &str| json!({ "class_name": class, "config": { "from_logits": true } });
    let all = [
        compile(1, "softmax", json!("binary_crossentropy"), json!([])),
        compile(1, "sigmoid", json!("categorical_crossentropy"), json!([])),
        compile(1, "sigmoid", json!("kl_divergence"), json!([])),
        compile(3, "linear", json!("categorical_crossentropy"), json!([])),
        compile(3, "linear", json!("categorical_generalized_cross_entropy"), json!([])),
        compile(3, "linear", json!("binary_focal_crossentropy"), json!([])),
        compile(3, "softmax", from_logits("CategoricalCrossentropy"), json!([])),
        compile(3, "sigmoid", from_logits("BinaryFocalCrossentropy"), json!([])),
        compile(3, "softmax", from_logits("SparseCategoricalCrossentropy"), json!([])),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn arguments_of_metrics() {
    let all = [
        metric("Precision", json!({ "thresholds": 1.5 })),
        metric("Recall", json!({ "thresholds": [] })),
        metric("Precision", json!({ "class_id": 3 })),
        metric("Recall", json!({ "top_k": 4 })),
        metric("Recall", json!({ "top_k": 0 })),
        metric("TruePositives", json!({ "class_id": 1 })),
        metric("TopKCategoricalAccuracy", json!({ "k": 0 })),
        metric("AUC", json!({ "curve": "PRC" })),
        metric("AUC", json!({ "num_thresholds": 1 })),
        metric("AUC", json!({ "summation_method": "trapezoid" })),
        metric("AUC", json!({ "num_labels": 3 })),
        metric("AUC", json!({ "num_labels": 4, "multi_label": true })),
        metric("AUC", json!({ "label_weights": [1.0, 2.0] })),
        metric("F1Score", json!({ "average": "mean" })),
        metric("F1Score", json!({ "beta": 2.0 })),
        metric("FBetaScore", json!({ "beta": 0.0 })),
        metric("FBetaScore", json!({ "threshold": 1.5 })),
        metric("R2Score", json!({ "class_aggregation": "mean" })),
        metric("R2Score", json!({ "num_regressors": -1 })),
        metric("SensitivityAtSpecificity", json!({})),
        metric("PrecisionAtRecall", json!({ "recall": 1.5 })),
        metric("RecallAtPrecision", json!({ "precision": 0.5, "num_thresholds": 0 })),
        metric("IoU", json!({ "num_classes": 3 })),
        metric("IoU", json!({ "num_classes": 3, "target_class_ids": [3] })),
        metric("MeanIoU", json!({})),
        metric("MeanIoU", json!({ "num_classes": 3, "dtype": "float16" })),
        metric("PearsonCorrelation", json!({ "axis": 1 })),
        metric("ExpectedCalibrationError", json!({ "bins": 0 })),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn metrics_at_outputs() {
    let sparse = || json!("sparse_categorical_crossentropy");
    let pearson = json!([{ "class_name": "PearsonCorrelation", "config": {} }]);
    let iou = |keys: Value| json!([{ "class_name": "MeanIoU", "config": keys }]);
    let two = {
        let x = Input::new([4]).tensor();
        let outputs = ["a", "b"].map(|name| Dense::new(1).name(name).call(&x));
        let mut model = Model::new(&x, [&outputs[0], &outputs[1]]).unwrap();
        let losses = Losses::named([("a", "mse")]);
        let refused = [
            model.compile("mse", "adam", ["mae"]).unwrap_err(),
            model.compile_with(Compile::new("mse", "adam").metrics_of("c", ["mae"])).unwrap_err(),
            model.compile_with(Compile::new(losses, "adam").metrics_of("b", ["mae"])).unwrap_err(),
        ];
        refused.map(|error| error.to_string()).join("\n")
    };
    let all = [
        compile(3, "softmax", sparse(), json!(["categorical_accuracy"])),
        compile(3, "softmax", sparse(), json!(["f1_score"])),
        compile(3, "softmax", json!("mse"), json!(["sparse_categorical_accuracy"])),
        compile(1, "linear", json!("mse"), pearson),
        compile(3, "softmax", sparse(), iou(json!({ "num_classes": 3 }))),
        compile(3, "softmax", json!("mse"), iou(json!({ "num_classes": 4, "sparse_y_true": false }))),
        two,
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn labels_of_the_wrong_kind() {
    let all = [
        fit(3, "softmax", "categorical_crossentropy", &[0.0, 2.0], &[2]),
        fit(3, "softmax", "kl_divergence", &[0.0, 2.0], &[2]),
        fit(3, "softmax", "sparse_categorical_crossentropy", &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0], &[2, 3]),
        fit(3, "softmax", "categorical_generalized_cross_entropy", &[0.0, 3.0], &[2]),
        fit(3, "softmax", "sparse_categorical_crossentropy", &[0.0, -1.0], &[2]),
        fit(3, "linear", "huber", &[0.0, 1.0], &[2]),
        fit(1, "linear", "poisson", &[0.0, f32::NAN], &[2]),
        fit(2, "linear", "hinge", &[0.0, 1.0, 1.0], &[1, 3]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn metrics_outside_of_a_training() {
    let tensor = |values: &[f32], shape: &[usize]| Tensor::new(values.to_vec(), shape).unwrap();
    let (two, three, table) = (tensor(&[0.0, 1.0], &[2]), tensor(&[0.0; 3], &[3]), tensor(&[0.5; 4], &[2, 2]));
    let text = Tensor::new(vec!["a".to_owned(), "b".to_owned()], [2]).unwrap();
    let bad = tensor(&[1.0, f32::NAN], &[2]);
    let negative = tensor(&[1.0, -1.0], &[2]);
    let refused = [
        metrics::compute(&AUC::new(), &three, &two, None),
        metrics::compute(&F1Score::new(), &two, &table, None),
        metrics::compute(&AUC::new(), &text, &two, None),
        metrics::compute(&AUC::new(), &bad, &two, None),
        metrics::compute(&AUC::new(), &two, &two, Some(&three)),
        metrics::compute(&AUC::new(), &two, &two, Some(&negative)),
        metrics::compute(&Precision::new().class_id(2), &table, &table, None),
    ];
    let all = refused.map(|result| result.unwrap_err().to_string());
    insta::assert_snapshot!(all.join("\n"));
}
