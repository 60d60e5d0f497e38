//! Every layer against what Keras makes of it (`interop/record_layers.py`, whose head states the form of a case):
//! output, gradients by inputs and weights, penalties, weights after the call, configuration.

use serde_json::{Value, json};
use std::sync::Arc;
use vanilla::config::{Config, Keys};
use vanilla::layers::{self, Common, Normalization};
use vanilla::plan::kernels::{Isa, Kernels, MAX_SLOTS, Source};
use vanilla::plan::reference::{self, Matrix};
use vanilla::plan::{
    Batch, Coefficients, Fact, Loss, Network, Noise, Optimizer, OutputLoss, Params, Passes, Plan, Reduction, Slot,
    Start,
};
use vanilla::prelude::*;
use vanilla::preprocessing::{
    CategoryEncoding, Discretization, Hashing, IntegerLookup, Preprocessor, StringLookup,
};

/// Cases of `layers.json`.
const CASES: usize = 376;

/// Cases that are not compared, and why.
const LEFT_OUT: [(&str, &str); 1] = [("embedding_mask_zero", "mask_zero is refused: no layer here skips places")];

/// What differs from Keras on purpose: case, what of it, why. The header of the word says so, too.
const DIFFERENT: [(&str, &[&str], &str); 3] = [
    ("activation_celu_kinks", &["dx[0]"], "Keras adds the slopes of two halves at 0"),
    ("activation_sparsemax", &["output", "output of a step", "dx[0]"], SPARSEMAX),
    ("activation_sparsemax_kinks", &["output", "output of a step", "dx[0]"], SPARSEMAX),
];
const SPARSEMAX: &str = "Keras's numbers are right only where a single one is above 0";

/// Cases in which Keras's f32 is off by more, and how much more is let through: it computes
/// `x inverse + (beta - mean inverse)` (the inverse deviation being 32 where the variance is 0), and the variance
/// of numbers around 100 from differences of large numbers; gradients of groups of two cancel out. Of outputs and
/// gradients only, and `compare_truth` shows that ours are right to the usual share.
const COARSER: [(&str, f64); 5] = [
    ("batchnorm_one_row_training", 2e-6),
    ("batchnorm_far_from_zero_training", 5e-6),
    ("layernorm_one_column", 3e-6),
    ("groupnorm_2", 2e-6),
    ("groupnorm_2_bare", 5e-6),
];

/// Elements may differ by this share of the largest one of their array.
const TOLERANCE: f64 = 1e-6;

/// The largest element counts as this at least: what Keras computes in f32 from numbers around 1 and what cancels
/// out is off by 1e-7.
const FLOOR: f64 = 0.2;

fn cases() -> Vec<Value> {
    let cases: Value = serde_json::from_str(include_str!("golden/layers.json")).unwrap();
    let Value::Array(cases) = cases else { panic!("a list") };
    assert_eq!(cases.len(), CASES);
    cases
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

fn class(case: &Value) -> &str {
    case["layer"]["class_name"].as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("a list, not {value}"))
}

fn floats(value: &Value) -> Vec<f32> {
    list(value).iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn shape(value: &Value) -> Vec<usize> {
    list(value).iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn is_preprocessing(case: &Value) -> bool {
    [CategoryEncoding::CLASS, Discretization::CLASS, Hashing::CLASS, IntegerLookup::CLASS, StringLookup::CLASS]
        .contains(&class(case))
}

/// How far apart two arrays are, as a share of the largest element of Keras's.
fn distance(ours: &[f32], keras: &[f32]) -> f64 {
    if ours.len() != keras.len() {
        return f64::INFINITY;
    }
    let largest = keras.iter().fold(FLOOR, |largest, x| largest.max(f64::from(x.abs())));
    let apart = ours.iter().zip(keras).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs() / largest);
    // NaN is as far as it gets.
    apart.fold(0.0, |most, apart| if apart.is_nan() { f64::INFINITY } else { most.max(apart) })
}

/// What is wrong with a case.
#[derive(Default)]
struct Findings {
    case: String,
    wrong: Vec<String>,
}

impl Findings {
    fn compare(&mut self, what: &str, ours: &[f32], keras: &[f32]) {
        let apart = distance(ours, keras);
        let proved = what.starts_with("output") || what.starts_with('d');
        let coarser = COARSER.iter().find(|(case, _)| *case == self.case && proved);
        let tolerance = coarser.map_or(TOLERANCE, |(_, tolerance)| *tolerance);
        if DIFFERENT.iter().any(|(case, parts, _)| *case == self.case && parts.contains(&what)) {
            // An exception that is none any more is to be taken out.
            assert!(apart > tolerance, "{} {what} is Keras's", self.case);
        } else if apart > tolerance {
            self.wrong.push(format!("{} {what}: {apart:.1e} apart: {ours:?} instead of {keras:?}", self.case));
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, keras: &T) {
        if ours != keras {
            self.wrong.push(format!("{} {what}: {ours:?} instead of {keras:?}", self.case));
        }
    }
}

/// The functional model of the layer, by way of its description.
fn model(case: &Value) -> Result<Model> {
    let mut layer = case["layer"].clone();
    let kind = match () {
        () if case.get("inputs_text").is_some() => "string",
        () if case.get("inputs_int").is_some() => "int64",
        () => "float32",
    };
    let batch = |shape: &Value| [&[Value::Null], list(shape)].concat();
    let mut layers = Vec::new();
    let mut tensors = Vec::new();
    for (number, shape) in list(&case["input_shapes"]).iter().enumerate() {
        let name = format!("input_{number}");
        tensors.push(json!({
            "class_name": "__keras_tensor__",
            "config": { "shape": batch(shape), "dtype": kind, "keras_history": [name, 0, 0] },
        }));
        layers.push(json!({
            "class_name": "InputLayer",
            "config": { "batch_shape": batch(shape), "dtype": kind, "name": name },
            "name": name,
            "inbound_nodes": [],
        }));
    }
    let inputs: Vec<Value> = layers.iter().map(|layer| json!([layer["name"], 0, 0])).collect();
    let args = if tensors.len() == 1 { json!(tensors) } else { json!([tensors]) };
    layer["name"] = "layer".into();
    layer["config"]["name"] = "layer".into();
    layer["inbound_nodes"] = json!([{ "args": args, "kwargs": {} }]);
    layers.push(layer);
    Model::from_json(&json!({
        "class_name": "Functional",
        "config": {
            "name": "one_layer", "layers": layers, "input_layers": inputs, "output_layers": [["layer", 0, 0]],
        },
    }))
}

/// The inputs of floats.
fn inputs(case: &Value) -> Vec<Tensor> {
    let rows = case["rows"].as_u64().unwrap() as usize;
    let pairs = list(&case["inputs"]).iter().zip(list(&case["input_shapes"]));
    pairs.map(|(x, sample)| Tensor::new(floats(x), [vec![rows], shape(sample)].concat()).unwrap()).collect()
}

fn weights(case: &Value) -> Vec<Tensor> {
    let weights = list(&case["weights"]).iter();
    weights.map(|w| Tensor::new(floats(&w["values"]), shape(&w["shape"])).unwrap()).collect()
}

/// `sum(y target)`: its gradient by y is the target, which is so what comes from behind.
#[derive(Debug)]
struct Product;

impl Loss for Product {
    fn name(&self) -> &str {
        "product"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        d.copy_from_slice(target);
        target.iter().zip(prediction).map(|(target, y)| target * y).sum()
    }
}

/// Moves nothing, and keeps the gradient.
#[derive(Debug)]
struct Keep;

impl Optimizer for Keep {
    fn name(&self) -> &str {
        "keep"
    }
    fn slots(&self, _: usize, shape: &[usize]) -> Vec<Slot> {
        vec![Slot { name: "gradient", shape: shape.to_vec(), start: Start::At(0.0) }]
    }
    fn coefficients(&self, _: u64) -> Coefficients {
        Coefficients::default()
    }
    fn update(
        &self,
        _: &Kernels,
        _: &Coefficients,
        _: usize,
        _: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        slots[0].copy_from_slice(g);
    }
}

/// The network as it is outside of training, so that a training step gives its gradients.
fn at_rest(network: &Network) -> Network {
    let mut network = network.clone();
    for node in &mut network.nodes {
        match &mut node.fact {
            Fact::BatchNorm(norm) => norm.frozen = true,
            Fact::Mask { rate } => *rate = 0.0,
            Fact::Noise(Noise::AlphaDropout { rate }) => *rate = 0.0,
            Fact::Noise(Noise::Times { stddev } | Noise::Plus { stddev }) => *stddev = 0.0,
            _ => {}
        }
    }
    network.variables.iter_mut().for_each(|variable| variable.spectral = None);
    network
}

/// Output, gradients, penalties and weights after the call, of a step of training with these passes.
fn compare_step(case: &Value, model: &Model, passes: Passes, findings: &mut Findings) {
    let mut network = model.network().unwrap().clone();
    if case["training"] == false {
        network = at_rest(&network);
    }
    network.input_gradients = case.get("dx").is_some();
    // The recording has no loss that could heed one.
    network.masks.clear();
    // Keras's optimizer applies them, and the recording has none.
    network.variables.iter_mut().for_each(|variable| variable.constraint = None);
    let rows = case["rows"].as_u64().unwrap() as usize;
    let groups = network.form(network.outputs[0]).groups;
    // The plan takes the mean over the rows of the output.
    let target: Vec<f32> = floats(&case["dy"]).iter().map(|dy| dy * (rows * groups) as f32).collect();
    let losses = [Some(OutputLoss { loss: Arc::new(Product), weight: 1.0, reduction: Reduction::Mean })];
    let optimizer: Arc<dyn Optimizer> = Arc::new(Keep);
    let mut plan = Plan::train(&network, &losses, &optimizer, rows, 0, passes);
    let mut params: Params = model.params().unwrap().clone();
    params.attach(&*optimizer);
    let x = inputs(case);
    let x: Vec<Source<'_>> = x.iter().map(|x| Source::F32(x.as_f32().unwrap())).collect();
    let numbers: Vec<usize> = (0..rows).collect();
    let batch = Batch { x: &x, y: &[&target], weights: &[], rows: &numbers, next: &[] };
    let kernels = Kernels::new(Isa::best(), 1).unwrap();
    if let Err(error) = plan.run(&kernels, &mut params, batch) {
        findings.wrong.push(format!("{} step: {error}", findings.case));
        return;
    }
    findings.compare("output of a step", &plan.output(0).to_row_major(), &floats(&case["output"]));
    if COARSER.iter().any(|(coarser, _)| *coarser == findings.case) {
        let dx = (0..x.len()).map(|number| plan.input_gradient(number).to_row_major());
        let dw = params.variables.iter().filter(|variable| variable.trainable);
        let dw = dw.map(|variable| variable.slots[0].to_row_major());
        let ours: Vec<Vec<f32>> = dx.chain(dw).collect();
        compare_truth(case, &network, model.params().unwrap(), &plan.output(0).to_row_major(), &ours, findings);
    }
    findings.compare("losses", &[plan.penalty()], &floats(&json!([case["losses"]])));
    if let Some(dx) = case.get("dx") {
        for (number, dx) in list(dx).iter().enumerate() {
            let what = format!("dx[{number}]");
            findings.compare(&what, &plan.input_gradient(number).to_row_major(), &floats(dx));
        }
    }
    let trained = params.variables.iter().filter(|variable| variable.trainable);
    let dw: Vec<Vec<f32>> = trained.map(|variable| variable.slots[0].to_row_major()).collect();
    findings.equal("number of dw", &dw.len(), &list(&case["dw"]).len());
    for (number, (ours, keras)) in dw.iter().zip(list(&case["dw"])).enumerate() {
        findings.compare(&format!("dw[{number}]"), ours, &floats(keras));
    }
    let unchanged: Vec<Vec<f32>> = weights(case).iter().map(Tensor::to_f32).collect();
    let after = case.get("new_weights").map_or(unchanged, |new| list(new).iter().map(floats).collect());
    for (number, (variable, keras)) in params.variables.iter().zip(&after).enumerate() {
        findings.compare(&format!("weight {number} after it"), &variable.weights.to_row_major(), keras);
    }
}

/// Output and gradients, by inputs and then by trained weights, against the truth in f64 (central differences): what
/// Keras is off by more than the tolerance, it is off from that, and not from us.
fn compare_truth(
    case: &Value,
    network: &Network,
    params: &Params,
    output: &[f32],
    gradients: &[Vec<f32>],
    findings: &mut Findings,
) {
    const STEP: f64 = 1e-5;
    let matrix = |x: &[f32], cols: usize| Matrix::new(x.len() / cols, cols, x.iter().map(|x| f64::from(*x)));
    let x = inputs(case);
    let x = x.iter().zip(&network.inputs).map(|(x, cols)| matrix(&x.to_f32(), *cols));
    let w = params.variables.iter().map(|v| matrix(&v.weights.to_row_major(), v.weights.cols()));
    let (count, mut numbers) = (network.inputs.len(), x.chain(w).collect::<Vec<Matrix>>());
    let run = |numbers: &[Matrix]| {
        reference::values(network, &numbers[count..], numbers[..count].to_vec(), true)
            .swap_remove(network.outputs[0])
            .elements
    };
    let mut near = |what: &str, ours: &[f32], truth: &[f64]| {
        let truth: Vec<f32> = truth.iter().map(|x| *x as f32).collect();
        let apart = distance(ours, &truth);
        if apart > TOLERANCE {
            let case = &findings.case;
            findings.wrong.push(format!("{case} {what}: {apart:.1e} from f64: {ours:?} instead of {truth:?}"));
        }
    };
    near("output", output, &run(&numbers));
    let dy = floats(&case["dy"]);
    let trained = (0..params.variables.len()).filter(|&w| params.variables[w].trainable).map(|w| count + w);
    for (ours, place) in gradients.iter().zip((0..count).chain(trained)) {
        let truth: Vec<f64> = (0..ours.len())
            .map(|i| {
                let mut at = |shift: f64| {
                    let before = numbers[place].elements[i];
                    numbers[place].elements[i] += shift;
                    let y = run(&numbers);
                    numbers[place].elements[i] = before;
                    y.iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
                };
                (at(STEP) - at(-STEP)) / (2.0 * STEP)
            })
            .collect();
        near(&format!("gradient {place}"), ours, &truth);
    }
}

/// What Keras writes and Vanilla does not, or the other way round, without a difference in what it means.
fn plain(node: &Value) -> Value {
    match node {
        Value::Object(keys) => {
            let left_out = ["name", "trainable", "dtype", "input_axes", "output_axes", "quantization_config"];
            let left_out = left_out.iter().chain(&["build_config", "vocabulary_size", "activity_regularizer"]);
            let left_out: Vec<&&str> = left_out.collect();
            let kept = keys.iter().filter(|(key, _)| !left_out.contains(&&&***key));
            kept.map(|(key, value)| (key.clone(), plain(value))).collect::<Keys>().into()
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        // 1 and 1.0
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

/// Keys, their order and their values.
fn compare_config(case: &Value, model: &Model, findings: &mut Findings) {
    let ours = plain(&Value::Object(model.get_layer("layer").unwrap().config));
    let keras = plain(&case["layer"]["config"]);
    findings.equal("config", &ours.to_string(), &keras.to_string());
}

/// A layer of floats.
fn compare_layer(case: &Value, findings: &mut Findings) {
    let mut model = match model(case) {
        Ok(model) => model,
        Err(error) => return findings.wrong.push(format!("{}: {error}", findings.case)),
    };
    compare_config(case, &model, findings);
    findings.equal("output shape", &model.output_shape().unwrap().to_vec(), &shape(&case["output_shape"]));
    if let Err(error) = model.set_weights(&weights(case)) {
        return findings.wrong.push(format!("{} weights: {error}", findings.case));
    }
    if case["training"] == false {
        match model.predict(inputs(case)) {
            Ok(y) => findings.compare("output", &y.to_f32(), &floats(&case["output"])),
            Err(error) => findings.wrong.push(format!("{} predict: {error}", findings.case)),
        }
    }
    let trainable: Vec<bool> = list(&case["weights"]).iter().map(|w| w["trainable"] == true).collect();
    let ours: Vec<bool> = model.params().unwrap().variables.iter().map(|variable| variable.trainable).collect();
    findings.equal("trainable", &ours, &trainable);
    for passes in [Passes::NONE, Passes::ALL] {
        compare_step(case, &model, passes, findings);
    }
}

#[test]
fn layers_are_those_of_keras() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| !is_preprocessing(case)) {
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name(case)) {
            assert!(model(case).is_err(), "{} is refused", name(case));
            continue;
        }
        let mut findings = Findings { case: name(case).to_owned(), ..Findings::default() };
        compare_layer(case, &mut findings);
        compared += 1;
        wrong.extend(findings.wrong);
    }
    assert!(wrong.is_empty(), "{} of {compared} cases:\n{}", wrong.len(), wrong.join("\n"));
    let early = cases().iter().filter(|case| is_preprocessing(case)).count();
    assert_eq!((compared, early), (CASES - early - LEFT_OUT.len(), 95));
}

/// What `adapt` learns, and what the layer then gives.
#[test]
fn normalization_learns_what_keras_learns() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| class(case) == "Normalization" && case.get("adapt_data").is_some()) {
        let mut findings = Findings { case: name(case).to_owned(), ..Findings::default() };
        let axis: Vec<i64> = list(&case["layer"]["config"]["axis"]).iter().map(|a| a.as_i64().unwrap()).collect();
        let mut layer =
            Normalization::new().axis(axis).invert(case["layer"]["config"]["invert"].as_bool().unwrap());
        let data = &case["adapt_data"];
        layer.adapt(&Tensor::new(floats(&data["values"]), shape(&data["shape"])).unwrap()).unwrap();
        let x = InputLayer::new(shape(&case["input_shapes"][0])).tensor();
        let model = Model::new(&x, &layer.call(&x)).unwrap();
        for (ours, keras) in model.get_weights().iter().zip(weights(case)) {
            findings.compare("learned", &ours.to_f32(), &keras.to_f32());
        }
        findings.compare("output", &model.predict(inputs(case)).unwrap().to_f32(), &floats(&case["output"]));
        assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// Strings or numbers of a case.
fn column(case: &Value) -> Tensor {
    let rows = case["rows"].as_u64().unwrap() as usize;
    let shape = [vec![rows], shape(&case["input_shapes"][0])].concat();
    typed(case.get("inputs_text"), case.get("inputs_int"), case.get("inputs"), shape)
}

fn typed(text: Option<&Value>, whole: Option<&Value>, float: Option<&Value>, shape: Vec<usize>) -> Tensor {
    let one = |value: &Value| if value[0].is_array() { value[0].clone() } else { value.clone() };
    match (text.map(one), whole.map(one), float.map(one)) {
        (Some(text), ..) => {
            let words: Vec<String> = list(&text).iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            Tensor::new(words, shape).unwrap()
        }
        (_, Some(whole), _) => {
            let numbers: Vec<i64> = list(&whole).iter().map(|number| number.as_i64().unwrap()).collect();
            Tensor::new(numbers, shape).unwrap()
        }
        (.., float) => Tensor::new(floats(&float.unwrap()), shape).unwrap(),
    }
}

/// The layer of this case, adapted where Keras adapted it, and what is behind it in a model.
fn early<W: Preprocessor + layers::Layer + 'static>(
    case: &Value,
    read: impl Fn(Common, &mut Config) -> Result<W>,
) -> (Tensor, Option<Result<Tensor>>) {
    let mut config = Config::new(class(case), case["layer"]["config"].as_object().unwrap().clone());
    let common = config.common().unwrap();
    let mut word = read(common, &mut config).unwrap();
    config.finish().unwrap();
    if let Some(data) = case.get("adapt_data") {
        let whole = data.get("values").filter(|_| case.get("inputs").is_none());
        word.adapt("adapt", &typed(data.get("text"), whole, data.get("values"), shape(&data["shape"]))).unwrap();
    }
    let x = column(case);
    let y = word.apply("x", &x).unwrap();
    // A model gives numbers.
    let numbers = case.get("output_text").is_none();
    let input = InputLayer::new(shape(&case["input_shapes"][0]));
    let input = input.dtype(if x.as_strings().is_some() { "string" } else { "int64" }).tensor();
    (y, numbers.then(|| Model::new(&input, &word.call(&input))?.predict(x)))
}

#[test]
fn layers_before_the_network_are_those_of_keras() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| is_preprocessing(case)) {
        let mut findings = Findings { case: name(case).to_owned(), ..Findings::default() };
        let (y, predicted) = match class(case) {
            CategoryEncoding::CLASS => early(case, CategoryEncoding::from_config),
            Discretization::CLASS => early(case, Discretization::from_config),
            Hashing::CLASS => early(case, Hashing::from_config),
            IntegerLookup::CLASS => early(case, IntegerLookup::from_config),
            _ => early(case, StringLookup::from_config),
        };
        findings.equal("output shape", &y.shape()[1..].to_vec(), &shape(&case["output_shape"]));
        match case.get("output_text") {
            Some(text) => {
                let words: Vec<&str> = list(text).iter().map(|word| word.as_str().unwrap()).collect();
                findings.equal("output", &y.as_strings().unwrap().iter().map(String::as_str).collect(), &words);
            }
            None => findings.compare("output", &y.to_f32(), &floats(&case["output"])),
        }
        match predicted {
            Some(Ok(predicted)) => findings.compare("predict", &predicted.to_f32(), &floats(&case["output"])),
            Some(Err(error)) => findings.wrong.push(format!("{}: {error}", findings.case)),
            None => {}
        }
        // From the description alone, where nothing was learned.
        if case.get("adapt_data").is_none() {
            match model(case) {
                Ok(model) => compare_config(case, &model, &mut findings),
                Err(error) => findings.wrong.push(format!("{}: {error}", findings.case)),
            }
        }
        wrong.extend(findings.wrong);
        compared += 1;
    }
    assert!(wrong.is_empty(), "{} of {compared} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, 95);
}
