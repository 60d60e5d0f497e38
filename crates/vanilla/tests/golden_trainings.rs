//! Whole trainings recorded with Keras 3.15.1 (`interop/record_trainings.py`): the same description, the same initial
//! weights, the same data and arguments.

#[path = "common/trainings.rs"]
mod trainings;

use trainings::{compare, recorded_in};
use vanilla::Model;

/// Trainings whose layers do more in Keras than they do here, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("activations_5", "sparsemax of Keras on TensorFlow is wrong where more than one output is above 0"),
    ("embedding", SPARSE),
    ("embedding_beside_numbers", SPARSE),
    ("hashing", SPARSE),
    ("string_lookup", SPARSE),
];

/// See the head of the layer `Embedding`; with a penalty on the table, as in `embedding_regularized`, they agree.
const SPARSE: &str =
    "Keras on TensorFlow gives Adam the gradient of an embedding row by row, and squares each part";

#[test]
fn whole_trainings_equal_keras() {
    let trainings = recorded_in("trainings.json");
    let mut wrong = Vec::new();
    let mut compared = 0;
    for training in &trainings {
        let name = training["name"].as_str().unwrap();
        if DIFFERENT.iter().any(|(different, _)| *different == name) {
            continue;
        }
        compared += 1;
        let model = Model::from_json(&training["model"]).map_err(|error| error.to_string());
        if let Err(problem) = model.and_then(|model| compare(training, model)) {
            wrong.push(format!("{name}: {problem}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared + DIFFERENT.len(), trainings.len());
    assert!(compared >= 80, "{compared} trainings");
}
