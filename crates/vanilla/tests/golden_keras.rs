//! The tutorial's network against numbers recorded with real Keras (`interop/record_tutorial.py`).

use serde_json::Value;
use std::sync::OnceLock;
use vanilla::prelude::*;

/// The initial weights that the recording started from: SplitMix64 of the element's number.
fn weights() -> Vec<Tensor> {
    let element = |variable: u64, i: usize, limit: f64| {
        let mut z = (variable << 32).wrapping_add(i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let u = (z >> 40) as f64 / f64::from(1 << 24);
        ((2.0 * u - 1.0) * limit) as f32
    };
    let kernel = |variable: u64, inputs: usize, units: usize| {
        let limit = (6.0 / (inputs + units) as f64).sqrt();
        let elements: Vec<f32> = (0..inputs * units).map(|i| element(variable, i, limit)).collect();
        Tensor::new(elements, [inputs, units]).unwrap()
    };
    let bias = |units: usize| Tensor::new(vec![0.0f32; units], [units]).unwrap();
    vec![kernel(0, 784, 1000), bias(1000), kernel(2, 1000, 10), bias(10)]
}

fn model() -> Model {
    let layers = layers![Dense::new(1000).activation("relu").input_dim(784), Dense::new(10).activation("softmax")];
    let mut model = Sequential::new(layers).unwrap();
    model.set_weights(&weights()).unwrap();
    model.compile("categorical_crossentropy", "adam", ["acc"]).unwrap();
    model
}

struct Data {
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
}

fn data() -> &'static Data {
    static DATA: OnceLock<Data> = OnceLock::new();
    DATA.get_or_init(|| {
        let ((x, y), (x_test, y_test)) = mnist::load_data().unwrap();
        Data {
            x: x.reshape([60_000, 784]).unwrap().astype(F32),
            y: to_categorical(&y, 10).unwrap(),
            x_test: x_test.reshape([10_000, 784]).unwrap().astype(F32),
            y_test: to_categorical(&y_test, 10).unwrap(),
        }
    })
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/tutorial.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}")).iter().map(|x| x.as_f64().unwrap()).collect()
}

fn assert_near(got: f64, want: f64, relative: f64, what: &str) {
    assert!((got - want).abs() <= relative * want.abs(), "{what}: {got} instead of {want}");
}

fn fit(model: &mut Model, scale: f32, rows: usize, epochs: usize) -> History {
    let data = data();
    let x = data.x.slice(0..rows).unwrap() / scale;
    let y = data.y.slice(0..rows).unwrap();
    let (x_val, y_val) = (data.x_test.slice(0..1000).unwrap() / scale, data.y_test.slice(0..1000).unwrap());
    let options =
        Fit::new().epochs(epochs).batch_size(64).shuffle(false).verbose(0).validation_data(&x_val, &y_val);
    model.fit(&x, &y, options).unwrap()
}

#[test]
fn the_initial_weights_are_those_of_the_recording() {
    let golden = golden();
    assert_eq!(model().weights_sha256(), golden["initial_weights"]["sha256"].as_str().unwrap());
}

#[test]
fn scaled_pixels_two_epochs() {
    let golden = &golden()["pixels_over_255"];
    let mut model = model();
    let initial =
        model.evaluate(&(data().x_test.slice(0..1000).unwrap() / 255.0), data().y_test.slice(0..1000).unwrap());
    assert_near(initial.unwrap()["loss"], golden["initial"]["loss"].as_f64().unwrap(), 1e-6, "initial loss");
    let history = fit(&mut model, 255.0, 2000, 2);
    let want = &golden["two_epochs"]["history"];
    for (key, rows) in [("loss", 2000.0), ("acc", 2000.0), ("val_loss", 1000.0), ("val_acc", 1000.0)] {
        for (epoch, (got, want)) in history[key].iter().zip(floats(&want[key])).enumerate() {
            println!("{key} of epoch {}: {got} {want}", epoch + 1);
            if key.ends_with("loss") {
                assert_near(*got, want, 1e-5, &format!("{key} of epoch {}", epoch + 1));
            } else {
                assert!((got - want).abs() * rows <= 5.0, "{key} of epoch {}: {got} instead of {want}", epoch + 1);
            }
        }
    }
    let weights = model.get_weights();
    for (tensor, key) in weights.iter().zip(["kernel1", "bias1", "kernel2"]) {
        let elements = tensor.to_f32();
        for probe in golden["two_epochs"]["final_weights"][key].as_array().unwrap() {
            let probe = floats(probe);
            let index = match probe.len() {
                3 => probe[0] as usize * tensor.shape()[1] + probe[1] as usize,
                _ => probe[0] as usize,
            };
            let (got, want) = (f64::from(elements[index]), probe[probe.len() - 1]);
            assert!((got - want).abs() < 1e-5, "{key}[{index}]: {got} instead of {want}");
        }
    }
    let predictions = model.predict(&(data().x_test.slice(0..5).unwrap() / 255.0)).unwrap().to_f32();
    let want = golden["two_epochs"]["predictions"].as_array().unwrap();
    for (got, want) in predictions.iter().zip(want.iter().flat_map(floats)) {
        assert!((f64::from(*got) - want).abs() < 1e-5, "prediction {got} instead of {want}");
    }
}

#[test]
fn raw_pixels_step_by_step() {
    let golden = &golden()["raw_pixels"];
    let initial = model().evaluate(data().x_test.slice(0..1000).unwrap(), data().y_test.slice(0..1000).unwrap());
    assert_near(initial.unwrap()["loss"], golden["initial"]["loss"].as_f64().unwrap(), 1e-6, "initial loss");
    for (run, tolerance) in golden["one_epoch"].as_array().unwrap().iter().zip([1e-5, 1e-3]) {
        let steps = run["steps"].as_u64().unwrap() as usize;
        let history = fit(&mut model(), 1.0, 64 * steps, 1);
        println!("{steps} steps: {} {}", history["loss"][0], run["loss"]);
        assert_near(
            history["loss"][0],
            run["loss"].as_f64().unwrap(),
            tolerance,
            &format!("loss of {steps} steps"),
        );
    }
    // One step at a time: rounding grows by itself from step to step, in Keras as here.
    let mut model = model();
    for (step, want) in floats(&golden["batch_losses"]).into_iter().enumerate() {
        let rows = step * 64..(step + 1) * 64;
        let (x, y) = (data().x.slice(rows.clone()).unwrap(), data().y.slice(rows).unwrap());
        let options = Fit::new().batch_size(64).shuffle(false).verbose(0);
        let got = model.fit(&x, &y, options).unwrap()["loss"][0];
        println!("step {}: {got} {want}", step + 1);
        assert_near(got, want, if step < 4 { 1e-5 } else { 1e-3 }, &format!("loss of step {}", step + 1));
    }
}
