//! Files of other tools become models that answer as ONNX Runtime does (`interop/record_onnx.py`).

use crate::near;
use serde_json::Value;
use vanilla::prelude::*;

macro_rules! recorded {
    ($($name:literal)*) => {
        /// Name, file, and what ONNX Runtime answers.
        const RECORDED: &[(&str, &[u8], &str)] = &[$((
            $name,
            include_bytes!(concat!("../golden/onnx/", $name, ".onnx")),
            include_str!(concat!("../golden/onnx/", $name, ".json")),
        )),*];
    };
}

recorded! {
    "keras_activations" "keras_classifier" "keras_graph" "operators" "sklearn_binary" "sklearn_classifier"
    "sklearn_regressor" "torch_block" "torch_classifier" "torch_embedding"
}

fn floats(case: &Value) -> (Vec<f32>, Vec<usize>) {
    let values = case["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    let shape = case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    (values, shape)
}

fn recorded(name: &str) -> (Model, Vec<Tensor>, Value) {
    let (_, bytes, text) = RECORDED.iter().find(|(known, ..)| *known == name).unwrap();
    let case: Value = serde_json::from_str(text).unwrap();
    let model = Model::from_onnx(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let inputs = model.input_names().into_iter().map(|input| {
        let (values, shape) = floats(&case["inputs"][&*input]);
        Tensor::new(values, shape).unwrap()
    });
    let inputs = inputs.collect();
    (model, inputs, case)
}

#[test]
fn files_of_other_tools_give_onnx_runtimes_answers() {
    for (name, ..) in RECORDED {
        let (model, inputs, case) = recorded(name);
        let outputs = model.predict_all(inputs).unwrap();
        let wanted = case["outputs"].as_array().unwrap();
        assert_eq!(outputs.len(), wanted.len(), "{name}");
        for (output, wanted) in outputs.iter().zip(wanted) {
            let (values, shape) = floats(wanted);
            assert_eq!(output.shape(), shape, "{name}");
            near(name, &output.to_f32(), &values);
        }
    }
}

#[test]
fn layers_have_the_names_of_the_nodes() {
    let (model, ..) = recorded("torch_classifier");
    let names = ["image", "flatten", "fc1", "bn", "relu", "fc2", "act", "fc3", "softmax"];
    assert_eq!(model.layer_names(), names);
    assert_eq!(
        (model.name(), model.input_shape(), model.count_params()),
        ("main_graph", Some(&[1, 4, 4][..]), 384)
    );
    let (model, ..) = recorded("torch_block");
    let names = ["x", "ln", "up", "act", "down", "Add", "silu", "Reshape", "head"];
    assert_eq!(model.layer_names(), names, "gelu and silu are one layer each, shapes none");
    let (model, ..) = recorded("keras_classifier");
    assert_eq!(model.layer_names()[..3], ["x", "hidden_1", "hidden_1_relu"]);
    let (model, ..) = recorded("sklearn_binary");
    assert_eq!(model.class_names(), ["other", "setosa"]);
}

/// An imported model is one like any other: it trains, and its file is Keras's.
#[test]
fn imported_models_train_and_are_saved() {
    let (mut model, inputs, _) = recorded("torch_classifier");
    let x = &inputs[0];
    let before = model.predict(x).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    model.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap().predict(x).unwrap().to_f32(), before.to_f32());
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).unwrap();
    let y = Tensor::new(vec![0i64, 1, 2, 0, 1], [5]).unwrap();
    let history = model.fit(x, &y, Fit::new().epochs(20).verbose(0)).unwrap();
    assert!(history["loss"][19] < 0.85 * history["loss"][0], "{:?}", &history["loss"]);
    // And trained it goes out again.
    let after = model.predict(x).unwrap().to_f32();
    let again = Model::from_onnx(&model.to_onnx().unwrap()).unwrap();
    near("trained", &again.predict(x).unwrap().to_f32(), &after);
}
