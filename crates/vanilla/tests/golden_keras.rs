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

fn model() -> Sequential {
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

fn fit(model: &mut Sequential, scale: f32, rows: usize, epochs: usize) -> History {
    let data = data();
    let x = data.x.slice(0..rows).unwrap() / scale;
    let y = data.y.slice(0..rows).unwrap();
    let (x_val, y_val) = (data.x_test.slice(0..1000).unwrap() / scale, data.y_test.slice(0..1000).unwrap());
    let options = Fit::new().epochs(epochs).batch_size(64).shuffle(false).verbose(0).validation_data(&x_val, &y_val);
    model.fit(&x, &y, options).unwrap()
}
