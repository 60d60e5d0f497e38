//! Models as ONNX files. They are written to `onnx-exports` in cargo's folder for tests, with inputs and what Vanilla
//! predicts, for `interop/check_onnx.py` to compare with ONNX Runtime.

use crate::models::{self, Case};
use crate::near;
use serde_json::{Map, Value, json};
use std::path::Path;
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
