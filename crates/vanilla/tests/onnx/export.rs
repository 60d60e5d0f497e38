//! Models as ONNX files. They are written to `onnx-exports` in cargo's folder for tests, with inputs and what Vanilla
//! predicts, for `interop/check_onnx.py` to compare with ONNX Runtime.

use crate::models::{self, Case};
use crate::near;
use serde_json::{Map, Value, json};
use std::path::Path;
use vanilla::formats::onnx;
use vanilla::prelude::*;

fn all() -> Vec<Case> {
    [models::activations(), models::layers(), models::networks(), models::lookups()]
        .into_iter()
        .flatten()
        .collect()
}

fn case_of(tensor: &Tensor) -> Value {
    let values = match (tensor.as_strings(), tensor.dtype()) {
        (Some(texts), _) => json!(texts),
        (None, F32) => json!(tensor.to_f32()),
        _ => json!(tensor.to_i64()),
    };
    json!({ "shape": tensor.shape(), "values": values })
}

#[test]
fn exports_are_written_and_come_back() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx-exports");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut wrong = Vec::new();
    for Case { name, model, inputs, comes_back } in all() {
        let bytes = model.to_onnx().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bytes, model.to_onnx().unwrap(), "{name}: the same model gives the same bytes");
        let outputs = model.predict_all(inputs.clone()).unwrap();
        let names = |names: Vec<String>, tensors: &[Tensor]| -> Map<String, Value> {
            names.into_iter().zip(tensors.iter().map(case_of)).collect()
        };
        let text = json!({
            "inputs": names(model.input_names(), &inputs),
            "outputs": outputs.iter().map(case_of).collect::<Vec<_>>(),
        });
        let file = name.replace(' ', "_");
        std::fs::write(folder.join(format!("{file}.onnx")), &bytes).unwrap();
        std::fs::write(folder.join(format!("{file}.json")), text.to_string()).unwrap();
        match Model::from_onnx(&bytes) {
            Ok(again) => {
                if !comes_back {
                    wrong.push(format!("{name} comes back: say so in its table"));
                }
                assert_eq!(again.input_names(), model.input_names(), "{name}");
                for (got, wanted) in again.predict_all(inputs).unwrap().iter().zip(&outputs) {
                    assert_eq!(got.shape(), wanted.shape(), "{name}");
                    near(&name, &got.to_f32(), &wanted.to_f32());
                }
            }
            Err(error) if comes_back => wrong.push(format!("{name}: {error}")),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// So that a new layer gets a case.
#[test]
fn every_layer_of_the_registry_is_exported() {
    let cases = all();
    for class in layers::class_names() {
        // Refused: see `what_onnx_cannot_say_is_refused`.
        let covered = cases.iter().any(|case| case.name.split(' ').next() == Some(class));
        assert!(covered || class == "Hashing", "{class}");
    }
}

/// A graph as text, a node a line.
fn printed(bytes: &[u8]) -> String {
    let file = onnx::read(bytes).unwrap();
    let info = |info: &onnx::Info| {
        let dims = info.dims.iter().flatten().map(|dim| match dim {
            onnx::Dim::Is(length) => length.to_string(),
            onnx::Dim::Named(name) => name.clone(),
        });
        format!("{} {} [{}]", info.name, info.dtype.name(), dims.collect::<Vec<_>>().join(", "))
    };
    let mut lines = vec![format!("ir {} opsets {:?}", file.ir_version, file.opsets)];
    lines.extend(file.graph.inputs.iter().map(|one| format!("input {}", info(one))));
    lines.extend(file.graph.initializers.iter().map(|one| format!("constant {} {:?}", one.name, one.dims)));
    for node in &file.graph.nodes {
        let settings: Vec<String> =
            node.attributes.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        let inputs = node.inputs.join(", ");
        lines.push(format!("{} = {}({inputs}){}", node.outputs.join(", "), node.op_type, settings.concat()));
    }
    lines.extend(file.graph.outputs.iter().map(|one| format!("output {}", info(one))));
    lines.join("\n") + "\n"
}

#[test]
fn the_tutorials_graph() {
    let model = Sequential::new(layers![
        Dense::new(1000).activation("relu").input_dim(784),
        Dense::new(10).activation("softmax"),
    ]);
    let expected = r#"ir 9 opsets [("", 20)]
input input_layer float32 [batch, 784]
constant dense/kernel [784, 1000]
constant dense/bias [1000]
constant dense_1/kernel [1000, 10]
constant dense_1/bias [10]
dense/Gemm = Gemm(input_layer, dense/kernel, dense/bias)
dense/Relu = Relu(dense/Gemm)
dense_1/Gemm = Gemm(dense/Relu, dense_1/kernel, dense_1/bias)
dense_1 = Softmax(dense_1/Gemm) axis=Int(-1)
output dense_1 float32 [batch, 10]
"#;
    assert_eq!(printed(&model.unwrap().to_onnx().unwrap()), expected);
}

/// A function is an operator where it has the operator's values everywhere, far out, too.
#[test]
fn functions_that_are_operators() {
    let operators = |layer: ReLU| -> Vec<String> {
        let x = Input::new([2]).name("x").tensor();
        let model = Model::new(&x, &layer.call(&x)).unwrap();
        let file = onnx::read(&model.to_onnx().unwrap()).unwrap();
        file.graph.nodes.into_iter().map(|node| node.op_type).collect()
    };
    for (layer, operator) in [
        (ReLU::new(), "Relu"),
        (ReLU::new().negative_slope(0.5), "LeakyRelu"),
        (ReLU::new().max_value(6.0), "Clip"),
        (ReLU::new().max_value(1e4), "Clip"),
        (ReLU::new().max_value(2e4), "Clip"),
        (ReLU::new().max_value(1e30), "Clip"),
        (ReLU::new().threshold(2e4), "ThresholdedRelu"),
    ] {
        assert_eq!(operators(layer.clone()), [operator], "{layer:?}");
    }
    for (threshold, ceiling) in [(2e4, 3e4), (1.0, 2e4), (1e10, 2e10)] {
        let found = operators(ReLU::new().threshold(threshold).max_value(ceiling));
        assert!(found.iter().any(|op| op == "Where"), "{threshold} {ceiling}: {found:?}");
    }
}

#[test]
fn a_table_with_a_column_of_strings() {
    let Case { model, .. } = models::lookups().pop().unwrap();
    let expected = r#"ir 9 opsets [("", 20), ("ai.onnx.ml", 3)]
input colour string [batch, 1]
input size float32 [batch, 2]
"#;
    let text = printed(&model.to_onnx().unwrap());
    assert!(text.starts_with(expected), "{text}");
    let encoder = r#"LabelEncoder(colour) keys_strings=Texts(["red", "blue"]) values_int64s=Ints([0, 1]) default_int64=Int(-1)"#;
    assert!(text.contains(encoder), "{text}");
    assert!(text.ends_with("output class float32 [batch, 3]\n"), "{text}");
}
