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
