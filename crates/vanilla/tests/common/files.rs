//! A small model with the data that it is trained on, and its `.keras` file with something changed in it.

use super::groups::inner;
use serde_json::Value;
use vanilla::formats::hdf5::{self, Group, Node};
use vanilla::formats::keras_zip::{self, KerasArchive};
use vanilla::prelude::*;

/// A classifier of 2 x 3 numbers, compiled, not trained.
pub fn model(optimizer: &str) -> Model {
    let layers = layers![
        Flatten::new().input_shape([2, 3]),
        Rescaling::new(0.5).offset(-1.0),
        Dense::new(7).activation("relu").name("hidden"),
        Dropout::new(0.25),
        Dense::new(5).activation("tanh").use_bias(false),
        ActivationLayer::new("sigmoid"),
        Dense::new(3).activation("softmax"),
    ];
    let mut model = Sequential::new(layers).unwrap().with_seed(4).unwrap();
    model.compile("sparse_categorical_crossentropy", optimizer, ["acc"]).unwrap();
    model
}

/// Forty rows for it.
pub fn data() -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..40 * 6).map(|i| (i * 37 % 101) as f32 / 50.0).collect();
    let y: Vec<i64> = (0..40).map(|i| i * 7 % 3).collect();
    (Tensor::new(x, [40, 2, 3]).unwrap(), Tensor::new(y, [40]).unwrap())
}

/// Six steps, the same in every run.
pub fn options() -> Fit {
    Fit::new().epochs(2).batch_size(16).verbose(0).shuffle(false)
}

/// The bytes of a file that differs from that of a model in its description or in its weights.
pub fn altered(model: &Model, config: impl FnOnce(&mut Value), weights: impl FnOnce(&mut Group)) -> Vec<u8> {
    let file = model.to_keras().unwrap();
    let archive = keras_zip::read(&file).unwrap();
    let mut description: Value = serde_json::from_str(&archive.config).unwrap();
    let mut tree = hdf5::read(&archive.weights).unwrap();
    config(&mut description);
    weights(&mut tree);
    let archive =
        KerasArchive { config: description.to_string(), weights: hdf5::write(&tree).unwrap().into(), ..archive };
    keras_zip::write(&archive).unwrap()
}

/// What is in the group at this path.
pub fn vars<'a>(tree: &'a mut Group, path: &str) -> &'a mut Vec<(String, Node)> {
    &mut inner(tree, path).children
}
