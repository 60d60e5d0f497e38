//! Recorded steps of every optimizer, round trips, errors.

use super::*;
use crate::build::BuiltVariable;
use crate::config::keys;
use crate::initializers::Initializer;
use crate::layers::VariableSpec;
use vanilla_plan::kernels::{Isa, Panels};
use vanilla_plan::{Network, Params, VariableFacts, WholeStep};

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// An optimizer with a kernel `dense/kernel` and a bias, moved as a plan moves them.
struct Bench {
    kernels: Kernels,
    engine: Engine,
    params: Params,
    shapes: [Vec<usize>; 2],
}

impl Bench {
    fn new(
        rule: Arc<dyn Optimizer>,
        [rows, columns]: [usize; 2],
        start: [Vec<f32>; 2],
        excluded: Vec<String>,
    ) -> Self {
        let shapes = [vec![rows, columns], vec![columns]];
        let built = |name: &'static str, shape: &Vec<usize>| BuiltVariable {
            path: Vec::new(),
            layer: "dense".to_owned(),
            spec: VariableSpec::new(name, shape.clone(), Initializer::Zeros),
            trainable: true,
        };
        let mut engine = Engine::new(rule);
        engine.common.no_decay = excluded;
        let engine = engine.bind(&[built("kernel", &shapes[0]), built("bias", &shapes[1])]);
        let mut network = Network::new([rows]);
        let bias = VariableFacts { shape: vec![columns], ..VariableFacts::matrix(1, columns) };
        network.variables = vec![VariableFacts::matrix(rows, columns), bias];
        let mut params = Params::zeros(&network);
        for (variable, start) in params.variables.iter_mut().zip(&start) {
            variable.weights.copy_from_row_major(start);
        }
        params.attach(&engine);
        Self { kernels: Kernels::new(Isa::best(), 1).unwrap(), engine, params, shapes }
    }

    fn step(&mut self, iteration: u64, gradients: [Vec<f32>; 2]) {
        let columns = self.shapes[1][0];
        let mut gradients = gradients.map(|g| Panels::from_row_major(&g, g.len() / columns, columns)).to_vec();
        let (optimizer, kernels): (&dyn vanilla_plan::Optimizer, _) = (&self.engine, &self.kernels);
        if !optimizer.fuses() {
            return optimizer.update_all(WholeStep {
                kernels,
                iteration,
                variables: &mut self.params.variables,
                gradients: &mut gradients,
                trained: &[0, 1],
                spare: &mut Vec::new(),
            });
        }
        let c = optimizer.coefficients(iteration);
        for (number, variable) in self.params.variables.iter_mut().enumerate() {
            let mut slots = variable.slots.iter_mut();
            let mut slots = std::array::from_fn(|_| slots.next().map_or(&mut [][..], Panels::flat_mut));
            let w = variable.weights.flat_mut();
            optimizer.update(kernels, &c, number, w, gradients[number].flat(), &mut slots);
        }
    }

    fn weights(&self) -> [Vec<f32>; 2] {
        [0, 1].map(|number: usize| self.params.variables[number].weights.to_row_major())
    }

    /// The optimizer's variables as Keras orders them: shape and values.
    fn slots(&self, steps: u64) -> Vec<(Vec<usize>, Vec<f32>)> {
        use vanilla_plan::Optimizer;
        let mut found = Vec::new();
        for (number, shape) in self.shapes.iter().enumerate() {
            let slots = self.engine.slots(number, shape);
            let count = slots.len();
            for (slot, about) in slots.into_iter().enumerate() {
                let part = self.engine.file_part(slot, count);
                let values = self.params.variables[number].slots[slot].to_row_major();
                found.push((part, (about.shape, values)));
            }
        }
        found.sort_by_key(|(part, _)| *part);
        let scalars = self.engine.rule.scalars(steps).into_iter().map(|value| (Vec::new(), vec![value]));
        found.into_iter().map(|(_, slot)| slot).chain(scalars).collect()
    }
}

/// What is further away than this share of the largest value.
fn difference(got: &[f32], want: &[f32], tolerance: f32) -> Option<String> {
    let largest = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert_eq!(got.len(), want.len());
    let mut pairs = got.iter().zip(want);
    let far = pairs.find(|(got, want)| (*got - *want).abs() > tolerance * largest || got.is_nan());
    far.map(|(got, want)| format!("{got} not {want}"))
}

fn near(place: &str, got: &[f32], want: &[f32], tolerance: f32) {
    if let Some(problem) = difference(got, want, tolerance) {
        panic!("{place}: {problem}");
    }
}

/// Six recorded steps of each optimizer; that of ScheduleFreeAdamW: [`schedule_free_is_the_formula`].
#[test]
fn recorded_steps() {
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
    let golden = &golden["optimizers"];
    let mut compared = 0;
    for (run, recorded) in golden["runs"].as_object().unwrap() {
        let class = run.split('_').next().unwrap();
        if class == "ScheduleFreeAdamW" {
            continue;
        }
        compared += 1;
        // With a schedule the recording itself is less sure: contract, section 1.9.
        let tolerance = if run.contains("decay") { 5e-6 } else { 1e-6 };
        let rule = from_config(class, recorded["config"].as_object().unwrap().clone()).unwrap();
        let mut bench = Bench::new(rule, [3, 2], [floats(&golden["w0"]), floats(&golden["b0"])], Vec::new());
        for (i, grads) in golden["grads"].as_array().unwrap().iter().enumerate() {
            bench.step(i as u64 + 1, [floats(&grads["w"]), floats(&grads["b"])]);
            for (got, variable) in bench.weights().iter().zip(["w", "b"]) {
                near(
                    &format!("{run} step {i} {variable}"),
                    got,
                    &floats(&recorded["steps"][i][variable]),
                    tolerance,
                );
            }
        }
    }
    assert_eq!(compared, 24);
}

fn recorded() -> (Value, Vec<Value>) {
    let mut runs: Vec<Value> = serde_json::from_str(include_str!("../../tests/golden/optimizers.json")).unwrap();
    (runs.remove(0), runs)
}

fn bench_of(data: &Value, run: &Value) -> Bench {
    let class = run["name"].as_str().unwrap().split('/').next().unwrap();
    let rule = from_config(class, run["config"].as_object().unwrap().clone()).unwrap();
    let start = [0, 1].map(|variable| floats(&data["start"][variable]));
    let excluded = run.get("exclude").map_or(Vec::new(), |_| vec!["bias".to_owned()]);
    Bench::new(rule, [3, 4], start, excluded)
}

/// All steps of the runs in `optimizers.json`, and the optimizer's variables at the end.
#[test]
fn recorded_runs() {
    let (data, runs) = recorded();
    let mut wrong = Vec::new();
    for run in runs.iter().filter(|run| !run["name"].as_str().unwrap().starts_with("ScheduleFree")) {
        let name = run["name"].as_str().unwrap();
        let mut bench = bench_of(&data, run);
        let steps = run["steps"].as_array().unwrap();
        let tolerance = if name.ends_with("/schedule") || name.ends_with("/all") { 5e-6 } else { 1e-6 };
        let mut compare = |place: String, got: &[f32], want: &[f32], tolerance: f32| {
            wrong.extend(difference(got, want, tolerance).map(|problem| format!("{name} {place}: {problem}")));
        };
        for (i, (step, gradient)) in steps.iter().zip(data["gradients"].as_array().unwrap()).enumerate() {
            bench.step(i as u64 + 1, [floats(&gradient[0]), floats(&gradient[1])]);
            for (variable, got) in bench.weights().iter().enumerate() {
                compare(format!("step {i} variable {variable}"), got, &floats(&step[variable]), tolerance);
            }
        }
        // The count of steps and a constant rate come first.
        let variables = run["variables"].as_array().unwrap();
        let slots = bench.slots(steps.len() as u64);
        let wanted = &variables[1 + usize::from(bench.engine.rate_is_constant())..];
        assert_eq!(slots.len(), wanted.len(), "{name}");
        for ((shape, got), wanted) in slots.iter().zip(wanted) {
            let path = wanted["path"].as_str().unwrap();
            assert_eq!(floats(&wanted["shape"]), shape.iter().map(|n| *n as f32).collect::<Vec<_>>(), "{path}");
            compare(path.to_owned(), got, &floats(&wanted["values"]), 5e-6);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(runs.len(), 178);
}

/// Keras's keys and defaults, all of them.
#[test]
fn recorded_defaults() {
    let (_, runs) = recorded();
    let mut compared = 0;
    for run in &runs {
        let Some(class) = run["name"].as_str().unwrap().strip_suffix("/default") else { continue };
        let node = to_config(&Engine::new(from_config(class, Keys::new()).unwrap()));
        let mut keys = node["config"].as_object().unwrap().clone();
        keys.shift_remove("name");
        let wanted = run["config"].as_object().unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{class}");
        for (key, value) in wanted {
            let same = match (keys[key].as_f64(), value.as_f64()) {
                (Some(got), Some(want)) => got == want,
                _ => keys[key] == *value,
            };
            assert!(same, "{class} {key}: {} not {value}", keys[key]);
        }
        compared += 1;
    }
    assert_eq!(compared, names().len());
}

/// The formula of `ScheduleFreeAdamW` in f64. Keras takes the `late` z, the one after the step, for the one before
/// it.
struct ScheduleFree {
    w: Vec<f64>,
    z: Vec<f64>,
    v: Vec<f64>,
    t: f64,
}

impl ScheduleFree {
    fn new(w: &[f32]) -> Self {
        let w: Vec<f64> = w.iter().map(|w| f64::from(*w)).collect();
        Self { z: w.clone(), v: vec![0.0; w.len()], w, t: 0.0 }
    }

    fn step(&mut self, rate: f64, [beta_1, beta_2, epsilon]: [f64; 3], g: &[f32], late: bool) {
        self.t += 1.0;
        for (i, g) in g.iter().map(|g| f64::from(*g)).enumerate() {
            let before = self.z[i];
            self.v[i] = beta_2 * self.v[i] + (1.0 - beta_2) * g * g;
            self.z[i] -= rate * g / ((self.v[i] / (1.0 - beta_2.powf(self.t))).sqrt() + epsilon);
            let z = if late { self.z[i] } else { before };
            let x = (self.w[i] - (1.0 - beta_1) * z) / beta_1;
            let x = (1.0 - 1.0 / self.t) * x + self.z[i] / self.t;
            self.w[i] = (1.0 - beta_1) * self.z[i] + beta_1 * x;
        }
    }

    fn weights(&self) -> Vec<f32> {
        self.w.iter().map(|w| *w as f32).collect()
    }
}

/// What is computed is the paper's formula; what Keras records is the one with z taken too late, which is apart
/// from it.
#[test]
fn schedule_free_is_the_formula() {
    let (data, runs) = recorded();
    for (run, betas, warmup) in [
        ("default", [0.9, 0.999, 1e-8], 0.0),
        ("betas", [0.5, 0.7, 1e-3], 0.0),
        ("warmup", [0.9, 0.999, 1e-8], 5.0),
    ] {
        let name = format!("ScheduleFreeAdamW/{run}");
        let run = runs.iter().find(|run| run["name"] == name.as_str()).unwrap();
        let mut bench = bench_of(&data, run);
        let rate = f64::from(bench.engine.learning_rate(0));
        let mut formulas = bench.weights().map(|w| [ScheduleFree::new(&w), ScheduleFree::new(&w)]);
        let mut apart = 0.0f32;
        for (i, step) in run["steps"].as_array().unwrap().iter().enumerate() {
            let gradient = [0, 1].map(|variable| floats(&data["gradients"][i][variable]));
            let warmth = if warmup > 0.0 { ((i + 1) as f64 / warmup).min(1.0) } else { 1.0 };
            bench.step(i as u64 + 1, gradient.clone());
            for (variable, got) in bench.weights().iter().enumerate() {
                let [formula, keras] = &mut formulas[variable];
                formula.step(rate * warmth, betas, &gradient[variable], false);
                keras.step(rate * warmth, betas, &gradient[variable], true);
                let want = floats(&step[variable]);
                near(&format!("{name} step {i}"), got, &formula.weights(), 1e-6);
                near(&format!("{name} recorded step {i}"), &want, &keras.weights(), 1e-6);
                let distances = got.iter().zip(&want).map(|(got, want)| (got - want).abs());
                apart = distances.fold(apart, f32::max);
            }
        }
        // The bug moves weights by a fraction of what the steps do.
        let step = rate as f32;
        assert!(apart > 0.02 * step && apart < 8.0 * step, "{name}: {apart} of {step}");
    }
}

/// A dead unit on a dead pixel, a variable of zeros, no gradient at all: nothing becomes NaN.
#[test]
fn nothing_to_learn_is_no_trouble() {
    for name in names() {
        let start = [vec![0.5, 0.25, 0.0, 0.0, 1.0, -1.0], vec![0.0, 0.0]];
        let mut bench = Bench::new(from_config(name, Keys::new()).unwrap(), [3, 2], start, Vec::new());
        for step in 1..=50 {
            let live = if step < 3 { 0.3 } else { 0.0 };
            bench.step(step, [vec![live, 0.0, 0.0, 0.0, 0.0, 0.0], vec![0.0, 0.0]]);
        }
        for weights in bench.weights() {
            assert!(weights.iter().all(|w| w.is_finite()), "{name}: {weights:?}");
        }
        for (shape, values) in bench.slots(50) {
            assert!(values.iter().all(|x| x.is_finite()), "{name} {shape:?}: {values:?}");
        }
    }
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
    assert!(error("sgd", keys! { "momentun": 0.9 }).contains("momentun = 0.9 is not supported"));
    let two = keys! { "clipnorm": 1.0, "clipvalue": 0.5 };
    assert!(error("sgd", two).contains("clipnorm and clipvalue: gradients are clipped in one way only"));
    let schedule = keys! { "learning_rate": serde_json::json!({ "class_name": "CosineDecy", "config": {} }) };
    assert!(error("sgd", schedule).contains("unknown schedule 'CosineDecy'"));
    for (word, key, value, expected) in [
        ("adam", "beta_1", 1.0, "a number from 0 to below 1"),
        ("adamw", "weight_decay", -1.0, "a number at least 0"),
        ("adamax", "beta_2", 1.5, "a number from 0 to below 1"),
        ("nadam", "beta_1", -0.5, "a number from 0 to below 1"),
        ("adagrad", "initial_accumulator_value", -0.5, "a number, at least 0"),
        ("adadelta", "rho", 1.0, "a number from 0 to below 1"),
        ("ftrl", "learning_rate_power", 0.5, "a number, at most 0"),
        ("ftrl", "l1_regularization_strength", -0.5, "a number, at least 0"),
        ("lion", "beta_1", 0.0, "a number above 0, at most 1"),
        ("lamb", "beta_2", 1.0, "a number from 0 to below 1"),
        ("adafactor", "clip_threshold", 0.0, "a number above 0"),
        ("muon", "momentum", 1.0, "a number from 0 to below 1"),
        ("muon", "adam_weight_decay", -1.0, "a number, at least 0"),
        ("muon", "ns_steps", 1.5, "a whole number"),
        ("muon", "exclude_layers", 1.5, "a list of parts of names"),
        ("schedulefreeadamw", "warmup_steps", 1.5, "a whole number"),
    ] {
        let error = error(word, Keys::from_iter([(key.to_owned(), value.into())]));
        let wanted = format!("{key} = {value}, expected {expected}");
        assert!(error.contains(&wanted), "{error}");
    }
    let pattern = keys! { "exclude_layers": ["dense_[12]"] };
    assert!(error("muon", pattern).contains("regular expressions such as 'dense_[12]' are not supported"));
}

/// What methods set is checked by `compile` as what files say.
#[test]
fn methods_are_checked_too() {
    let registry = Registry::default();
    let error = |optimizer: OptimizerArg| optimizer.resolve(&registry).unwrap_err().to_string();
    assert!(error(Lion::new(0.1).beta_1(0.0).into()).contains("beta_1 = 0, expected a number above 0"));
    assert!(error(Ftrl::new(0.1).l1_regularization_strength(-1.0).into()).contains("l1_regularization_strength"));
    let never = crate::schedules::CosineDecay::new(0.1, 0);
    let wanted = "learning_rate: CosineDecay: decay_steps = 0, expected a number of steps, above 0";
    assert!(error(Adam::default().learning_rate(never).into()).contains(wanted));
    assert!(OptimizerArg::from(Muon::new(0.1).rms_rate(None)).resolve(&registry).is_ok());
}
