//! Recorded steps of every optimizer, round trips, errors.

use super::*;
use crate::config::keys;
use vanilla_plan::kernels::{Isa, Panels};
use vanilla_plan::{Network, Params, VariableFacts, WholeStep};

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// A kernel of 3 x 2 and a bias of 2, moved as a plan moves them.
fn trained(class: &str, recorded: &Value, golden: &Value) -> Vec<[Vec<f32>; 2]> {
    let kernels = Kernels::new(Isa::best(), 1).unwrap();
    let engine = Engine::new(from_config(class, recorded["config"].as_object().unwrap().clone()).unwrap());
    let mut network = Network::new([3]);
    network.variables =
        vec![VariableFacts::matrix(3, 2), VariableFacts { shape: vec![2], ..VariableFacts::matrix(1, 2) }];
    let mut params = Params::zeros(&network);
    params.variables[0].weights.copy_from_row_major(&floats(&golden["w0"]));
    params.variables[1].weights.copy_from_row_major(&floats(&golden["b0"]));
    let optimizer: &dyn vanilla_plan::Optimizer = &engine;
    params.attach(optimizer);
    let mut after = Vec::new();
    for (i, grads) in golden["grads"].as_array().unwrap().iter().enumerate() {
        let mut gradients = vec![
            Panels::from_row_major(&floats(&grads["w"]), 3, 2),
            Panels::from_row_major(&floats(&grads["b"]), 1, 2),
        ];
        let iteration = i as u64 + 1;
        if optimizer.fuses() {
            let c = optimizer.coefficients(iteration);
            for (number, variable) in params.variables.iter_mut().enumerate() {
                let mut slots = variable.slots.iter_mut();
                let mut slots = std::array::from_fn(|_| slots.next().map_or(&mut [][..], Panels::flat_mut));
                let w = variable.weights.flat_mut();
                optimizer.update(&kernels, &c, number, w, gradients[number].flat(), &mut slots);
            }
        } else {
            optimizer.update_all(WholeStep {
                kernels: &kernels,
                iteration,
                variables: &mut params.variables,
                gradients: &mut gradients,
                trained: &[0, 1],
                spare: &mut Vec::new(),
            });
        }
        after.push([0, 1].map(|number: usize| params.variables[number].weights.to_row_major()));
    }
    after
}

/// Six recorded steps of each optimizer.
#[test]
fn recorded_steps() {
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
    let golden = &golden["optimizers"];
    let mut compared = 0;
    for (run, recorded) in golden["runs"].as_object().unwrap() {
        let class = run.split('_').next().unwrap();
        if !names().contains(&class.to_lowercase().as_str()) {
            continue;
        }
        compared += 1;
        // With a schedule the recording itself is less sure: contract, section 1.9.
        let tolerance = if run.contains("decay") { 5e-6 } else { 1e-6 };
        for (i, (got, want)) in
            trained(class, recorded, golden).iter().zip(recorded["steps"].as_array().unwrap()).enumerate()
        {
            for (got, variable) in got.iter().zip(["w", "b"]) {
                let want = floats(&want[variable]);
                let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                for (got, want) in got.iter().zip(want) {
                    let near = (got - want).abs() <= tolerance * largest;
                    assert!(near, "{run} step {i} {variable}: {got} not {want}");
                }
            }
        }
    }
    assert!(compared >= 14, "{compared} runs");
}

#[test]
fn round_trip_and_errors() {
    for name in names() {
        let node = to_config(&Engine::new(from_config(name, Keys::new()).unwrap()));
        let again = from_config(node["class_name"].as_str().unwrap(), node["config"].as_object().unwrap().clone());
        assert_eq!(to_config(&Engine::new(again.unwrap())), node);
    }
    let error = |word: &str, keys: Keys| from_config(word, keys).unwrap_err().to_string();
    assert!(error("adm", Keys::new()).contains("did you mean 'adam'?"));
    assert!(error("adam", keys! { "learning_rate": -1.0 }).contains("expected a number, at least 0"));
    assert!(error("adam", keys! { "beta_1": 1.0 }).contains("beta_1 = 1, expected a number from 0 to below 1"));
    assert!(error("sgd", keys! { "momentun": 0.9 }).contains("momentun = 0.9 is not supported"));
    let two = keys! { "clipnorm": 1.0, "clipvalue": 0.5 };
    assert!(error("sgd", two).contains("clipnorm and clipvalue: gradients are clipped in one way only"));
    let schedule = keys! { "learning_rate": serde_json::json!({ "class_name": "CosineDecy", "config": {} }) };
    assert!(error("sgd", schedule).contains("unknown schedule 'CosineDecy'"));
}
