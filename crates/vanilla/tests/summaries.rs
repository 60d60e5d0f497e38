//! Summaries of whole models equal those of Keras 3.15.1 to the byte: `tests/golden/texts/summaries.json` has a model,
//! the arguments of `summary` and what Keras printed on 80 columns.

use serde_json::Value;
use vanilla::{Layout, Model, SummaryOptions, Tensor};

/// Zeros for the layers with these names, two rows.
fn zeros(model: &Model, layers: &[String]) -> Vec<Tensor> {
    let zeros = |name: &String| {
        let shape = model.get_layer(name).unwrap().output_shape.unwrap();
        Tensor::new(vec![0.0f32; 2 * shape.iter().product::<usize>()], [&[2], &shape[..]].concat()).unwrap()
    };
    layers.iter().map(zeros).collect()
}

fn options(recorded: &Value) -> SummaryOptions {
    let mut options = SummaryOptions::new();
    for (key, value) in recorded.as_object().unwrap() {
        options = match &**key {
            "expand_nested" => options.expand_nested(value.as_bool().unwrap()),
            "show_trainable" => options.show_trainable(value.as_bool().unwrap()),
            "line_length" => options.line_length(value.as_u64().unwrap() as usize),
            "layer_range" => options.layer_range(value[0].as_str().unwrap(), value[1].as_str().unwrap()),
            other => panic!("{other}"),
        };
    }
    options
}

#[test]
fn equal_keras_to_the_byte() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/texts/summaries.json")).unwrap();
    assert!(cases.len() > 25, "{}", cases.len());
    let mut different = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let mut model = match Model::from_json(&case["model"]) {
            Ok(model) => model,
            Err(error) => {
                different.push(format!("{name}: {error}"));
                continue;
            }
        };
        if case["built"] == "optimizer" {
            // An optimizer has its variables from its first step on.
            let (x, y) = (zeros(&model, &model.input_names()), zeros(&model, &model.output_names()));
            model.train_on_batch(x, y).unwrap();
        }
        let ours = model.summary_with(options(&case["options"])).unwrap().render(Layout::Keras3, 80, false);
        if ours.trim_end() != case["text"].as_str().unwrap().trim_end() {
            different.push(format!("{name}:\n{ours}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_range_of_layers_that_are_not_there() {
    let model = Model::from_json(&serde_json::json!({ "class": "Sequential", "layers": [
        { "class": "Dense", "units": 2, "input_dim": 3, "name": "first" },
        { "class": "Dense", "units": 2, "name": "second" },
    ]}))
    .unwrap();
    let error = model.summary_with(SummaryOptions::new().layer_range("frist", "second")).unwrap_err().to_string();
    assert_eq!(error, "unknown layer in layer_range 'frist'; did you mean 'first'?; known are: first, second");
}
