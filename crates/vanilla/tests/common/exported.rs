//! Models that are exported, and data for them: the recorded layers that read numbers, every activation, and networks of
//! several inputs, outputs and parts.

use serde_json::{Value, json};
use vanilla::activations;
use vanilla::layers::UnitNormalization;
use vanilla::prelude::*;

/// A model, and data for it.
pub struct Case {
    pub name: String,
    pub model: Model,
    pub x: Vec<Tensor>,
}

impl Case {
    fn new(name: impl Into<String>, model: Model, x: Vec<Tensor>) -> Self {
        Self { name: name.into(), model, x }
    }

    /// With random rows, and weights that are not those of a model that never learned.
    fn random(name: impl Into<String>, model: Model, shapes: &[&[usize]]) -> Self {
        let mut model = model;
        let weights: Vec<Tensor> =
            model.get_weights().iter().enumerate().map(|(number, w)| shaken(w, number)).collect();
        model.set_weights(&weights).unwrap();
        let x = shapes.iter().enumerate().map(|(number, shape)| rows(3, shape, number as u64));
        Self::new(name, model, x.collect())
    }

    pub fn rows(&self) -> usize {
        self.x[0].shape()[0]
    }
}

/// Numbers between -2 and 2 that repeat late.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn rows(rows: usize, shape: &[usize], seed: u64) -> Tensor {
    let count = rows * shape.iter().product::<usize>();
    Tensor::new(numbers(count, seed + 1), [&[rows], shape].concat()).unwrap()
}

/// Weights with something added; variances stay above zero.
fn shaken(w: &Tensor, number: usize) -> Tensor {
    let shifts = numbers(w.len(), number as u64 + 77);
    let values = w.to_f32().iter().zip(shifts).map(|(w, shift)| w + 0.1 * shift.abs()).collect();
    Tensor::new(values, w.shape()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn floats(value: &Value) -> Vec<f32> {
    list(value).iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn shape(value: &Value) -> Vec<usize> {
    list(value).iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// The models of the recorded layers that read numbers.
fn recorded() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/layers.json")).unwrap();
    list(&cases).iter().filter_map(recorded_case).collect()
}

fn recorded_case(case: &Value) -> Option<Case> {
    let kind = if case.get("inputs_int").is_some() { "int64" } else { "float32" };
    let batch = |shape: &Value| [&[Value::Null], list(shape)].concat();
    let shapes = list(&case["input_shapes"]);
    let name = |number: usize| format!("input_{number}");
    let mut layers: Vec<Value> = shapes
        .iter()
        .enumerate()
        .map(|(number, shape)| {
            let config = json!({ "batch_shape": batch(shape), "dtype": kind, "name": name(number) });
            json!({ "class_name": "InputLayer", "config": config, "name": name(number), "inbound_nodes": [] })
        })
        .collect();
    let tensors: Vec<Value> = shapes
        .iter()
        .enumerate()
        .map(|(number, shape)| {
            let config = json!({ "shape": batch(shape), "dtype": kind, "keras_history": [name(number), 0, 0] });
            json!({ "class_name": "__keras_tensor__", "config": config })
        })
        .collect();
    let inputs: Vec<Value> = layers.iter().map(|layer| json!([layer["name"], 0, 0])).collect();
    let args = if tensors.len() == 1 { json!(tensors) } else { json!([tensors]) };
    let mut layer = case["layer"].clone();
    layer["name"] = "layer".into();
    layer["config"]["name"] = "layer".into();
    layer["inbound_nodes"] = json!([{ "args": args, "kwargs": {} }]);
    layers.push(layer);
    let mut model = Model::from_json(&json!({
        "class_name": "Functional",
        "config": {
            "name": "one_layer", "layers": layers, "input_layers": inputs, "output_layers": [["layer", 0, 0]],
        },
    }))
    .ok()?;
    let weights = list(&case["weights"]).iter();
    let weights: Vec<Tensor> =
        weights.map(|w| Tensor::new(floats(&w["values"]), shape(&w["shape"])).unwrap()).collect();
    model.set_weights(&weights).ok()?;
    let rows = case["rows"].as_u64().unwrap() as usize;
    let tensor = |sample: &Value| [vec![rows], shape(sample)].concat();
    let x: Vec<Tensor> = match case.get("inputs_int") {
        Some(x) => {
            let whole: Vec<i64> = list(&x[0]).iter().filter_map(Value::as_i64).collect();
            vec![Tensor::new(whole, tensor(&shapes[0])).ok()?]
        }
        None => {
            let pairs = list(&case["inputs"]).iter().zip(shapes);
            pairs.map(|(x, sample)| Tensor::new(floats(x), tensor(sample))).collect::<Result<_>>().ok()?
        }
    };
    // What has no answer (a token that is not known, say) is not to be exported.
    let answers = !x.is_empty() && model.predict_all(&x).is_ok() && case.get("inputs_text").is_none();
    answers.then(|| Case::new(case["name"].as_str().unwrap(), model, x))
}

/// Every activation, and networks that are more than a layer.
pub fn composed() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in activations::names() {
        let layers = layers![Dense::new(6).activation(name).input_dim(4), Dense::new(2)];
        cases.push(Case::random(format!("activation {name}"), Sequential::new(layers).unwrap(), &[&[4]]));
    }
    // The tutorial's, with fewer units.
    let tutorial = layers![Dense::new(40).activation("relu").input_dim(784), Dense::new(10).activation("softmax")];
    let pixels = numbers(3 * 784, 5).iter().map(|x| x.max(0.0) / 2.0).collect();
    let pixels = Tensor::new(pixels, [3, 784]).unwrap();
    cases.push(Case::new("tutorial", Sequential::new(tutorial).unwrap(), vec![pixels]));
    // Trained until it is sure of itself: which of ten pieces of a row is the lightest?
    let learned = layers![Dense::new(32).activation("relu").input_dim(80), Dense::new(10).activation("softmax")];
    let mut learned = Sequential::new(learned).unwrap();
    learned.compile("sparse_categorical_crossentropy", Adam::default().learning_rate(0.01), ["acc"]).unwrap();
    let pixels: Vec<f32> = numbers(80 * 600, 31).iter().map(|x| x.abs() / 2.0).collect();
    let lightest = |row: &[f32]| {
        let sums: Vec<f32> = row.chunks(8).map(|piece| piece.iter().sum()).collect();
        (0..10).min_by(|a, b| sums[*a as usize].total_cmp(&sums[*b as usize])).unwrap()
    };
    let labels: Vec<i64> = pixels.chunks(80).map(lightest).collect();
    let (x, y) = (Tensor::new(pixels, [600, 80]).unwrap(), Tensor::new(labels, [600]).unwrap());
    let history = learned.fit(&x, &y, Fit::new().epochs(40).verbose(0)).unwrap();
    assert!(history["acc"].last().unwrap() > &0.8, "{:?}", &history["acc"]);
    cases.push(Case::new("trained", learned, vec![x.slice(0..20).unwrap()]));
    let deep = layers![
        Normalization::new().mean([1.0, -1.0, 100.0, 0.5]).variance([4.0, 1.0, 9.0, 0.25]),
        Dense::new(16).activation("selu"),
        AlphaDropout::new(0.1),
        BatchNormalization::new(),
        GaussianNoise::new(0.3),
        Dense::new(12).activation("mish").use_bias(false),
        Dropout::new(0.5),
        LayerNormalization::new(),
        Dense::new(9).activation("tanh"),
        GroupNormalization::new(3),
        Dense::new(5).activation("sigmoid")
    ];
    let mut deep = Sequential::new(deep).unwrap();
    deep.build(&[4]).unwrap();
    cases.push(Case::random("deep", deep, &[&[4]]));

    let x = Input::new([8]).tensor();
    let h = Dense::new(8).activation("relu").call(&x);
    let h = Add::new().call([&h, &x]);
    let y = Dense::new(3).call(&ReLU::new().call(&Dense::new(8).call(&h)));
    cases.push(Case::random("residual", Model::new(&x, &y).unwrap(), &[&[8]]));

    let (a, b) = (Input::new([3]).name("left side").tensor(), Input::new([2, 2]).name("9").tensor());
    let (flat, shared) = (Flatten::new().call(&b), Shared::new(Dense::new(4).activation("tanh")));
    let both = Concatenate::new().call([&shared.call(&a), &Dense::new(3).call(&flat), &a]);
    let other = shared.call(&Dense::new(3).activation("gelu").call(&flat));
    let sum = Dense::new(2).activation("softmax").name("class").call(&both);
    let model = Model::new([&a, &b], [&sum, &other]).unwrap();
    cases.push(Case::random("two inputs, two outputs, a shared layer", model, &[&[3], &[2, 2]]));

    let encoder = Sequential::new(layers![Dense::new(5).activation("elu").input_dim(6), Dense::new(2)]).unwrap();
    let decoder = Sequential::new(layers![Dense::new(5).activation("elu").input_dim(2), Dense::new(6)]).unwrap();
    let (x, z) = (Input::new([6]).tensor(), Input::new([6]).tensor());
    let y = decoder.call(&encoder.call(&x));
    let twice = Multiply::new().call([&y, &decoder.call(&encoder.call(&z))]);
    cases.push(Case::random("nested, called twice", Model::new([&x, &z], &twice).unwrap(), &[&[6], &[6]]));

    let words = Input::new([4]).tensor();
    let y = Embedding::new(7, 3).call(&words);
    let y = Dense::new(3).activation("softmax").call(&Flatten::new().call(&LayerNormalization::new().call(&y)));
    let words = Model::new(&words, &y).unwrap();
    let x = Tensor::new(vec![0i64, 1, 2, 6, 5, 4, 3, 3], [2, 4]).unwrap();
    cases.push(Case { x: vec![x], ..Case::random("embedding", words, &[]) });

    let x = Input::new([3, 4]).tensor();
    let masked = Masking::new().call(&x);
    let y = Dense::new(3).activation("log_softmax").call(&Dense::new(6).activation("glu").call(&masked));
    let mut values = numbers(24, 9);
    values[4..8].fill(0.0);
    let sequence = Model::new(&x, &y).unwrap();
    let x = Tensor::new(values, [2, 3, 4]).unwrap();
    cases.push(Case { x: vec![x], ..Case::random("masked sequence", sequence, &[]) });

    let x = Input::new([2, 3]).tensor();
    let turned = Permute::new([2, 1]).call(&x);
    let unit = UnitNormalization::new().axis(1).call(&turned);
    let similar = Dot::new([2, 1]).normalize(true).call([&x, &turned]);
    let model = Model::new(&x, [&turned, &x, &turned, &unit, &similar]).unwrap();
    cases.push(Case::random("values that are several outputs, and an input", model, &[&[2, 3]]));

    let x = Input::new([3]).tensor();
    let rows = RepeatVector::new(4).call(&x);
    let summed = Maximum::new().call([&Dense::new(3).call(&rows), &x]);
    let y = Average::new().call([&summed, &Rescaling::new([0.5, 2.0, 1.0]).call(&rows), &rows]);
    cases.push(Case::random("merged with broadcasting", Model::new(&x, &y).unwrap(), &[&[3]]));

    let (age, job) = (Input::new([1]).name("age").tensor(), Input::new([1]).name("job").dtype("int64").tensor());
    let bins = Discretization::new().bin_boundaries([-1.0, 0.0, 1.0]).output_mode("one_hot").call(&age);
    let jobs = IntegerLookup::new().vocabulary([10, 20, 40]).output_mode("multi_hot").call(&job);
    let y = Dense::new(2).call(&Concatenate::new().call([&bins, &jobs, &age]));
    let x = vec![
        Tensor::new(vec![-2.0f32, -1.0, 0.25, 1.0], [4, 1]).unwrap(),
        Tensor::new(vec![20i64, 40, 30, 10], [4, 1]).unwrap(),
    ];
    let columns = Model::new([&age, &job], &y).unwrap();
    cases.push(Case { x, ..Case::random("columns, looked up", columns, &[]) });
    cases
}

/// All that can be said in rows of floats.
pub fn cases() -> Vec<Case> {
    let mut cases = recorded();
    cases.extend(composed());
    let (exported, refused): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| case.model.program().unwrap().of_numbers().is_ok());
    let hash = |case: &Case| ["hashing", "integerlookup"].iter().any(|word| case.name.starts_with(word));
    let other: Vec<&String> = refused.iter().filter(|case| !hash(case)).map(|case| &case.name).collect();
    assert!(other.is_empty(), "refused: {other:?}");
    assert_eq!((exported.len(), refused.len()), (347, 18), "cases, and what hashes or inverts");
    exported
}
