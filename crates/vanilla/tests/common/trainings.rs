//! Whole trainings recorded with Keras, as the tests read and compare them: history to 2e-3 relative, weights and
//! predictions to 2e-3 of the largest value.

use serde_json::Value;
use vanilla::{Arrays, Evaluate, Fit, Model, Tensor};

/// What may differ, as a share.
const TOLERANCE: f64 = 2e-3;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// A recorded tensor: shape, values, and dtype unless it is float32.
fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> = numbers(&value["shape"]).iter().map(|n| *n as usize).collect();
    if let Some(texts) = value["text"].as_array() {
        let texts: Vec<String> = texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        return Tensor::new(texts, shape).unwrap();
    }
    let values = numbers(&value["values"]);
    match value["dtype"].as_str() {
        None | Some("float32") => {
            Tensor::new(values.iter().map(|x| *x as f32).collect::<Vec<_>>(), shape).unwrap()
        }
        Some(_) => Tensor::new(values.iter().map(|x| *x as i64).collect::<Vec<_>>(), shape).unwrap(),
    }
}

fn tensors(value: &Value) -> Arrays {
    value.as_array().unwrap().iter().map(tensor).collect::<Vec<_>>().into()
}

fn options(fit: &Value) -> Fit {
    let mut options = Fit::new().shuffle(false).verbose(0);
    for (key, value) in fit.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
        let count = || value.as_u64().unwrap_or_else(|| panic!("{key} = {value}")) as usize;
        options = match key.as_str() {
            "epochs" => options.epochs(count()),
            "initial_epoch" => options.initial_epoch(count()),
            "batch_size" => options.batch_size(count()),
            "steps_per_epoch" => options.steps_per_epoch(count()),
            "validation_split" => options.validation_split(value.as_f64().unwrap()),
            "validation_batch_size" => options.validation_batch_size(count()),
            "validation_steps" => options.validation_steps(count()),
            "validation_freq" if value.is_array() => {
                options.validation_freq(numbers(value).iter().map(|n| *n as usize).collect::<Vec<_>>())
            }
            "validation_freq" => options.validation_freq(count()),
            "validation_data" if value.get("w").is_some() => {
                options.weighted_validation_data(tensors(&value["x"]), tensors(&value["y"]), tensors(&value["w"]))
            }
            "validation_data" => options.validation_data(tensors(&value["x"]), tensors(&value["y"])),
            "sample_weight" => options.sample_weight(tensors(value)),
            "class_weight" => options.class_weight(
                value
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(class, weight)| (class.parse().unwrap(), weight.as_f64().unwrap())),
            ),
            other => panic!("argument {other} of fit"),
        };
    }
    options
}

/// All trainings in this file.
pub fn recorded_in(file: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What differs, if anything does, when this model is trained as it was recorded.
pub fn compare(training: &Value, mut model: Model) -> Result<(), String> {
    let initial = training["initial"].as_array().unwrap();
    let weights: Vec<Tensor> = initial
        .iter()
        .map(|weight| {
            let weight = tensor(weight);
            Tensor::new(weight.to_f32(), weight.shape()).unwrap()
        })
        .collect();
    model.set_weights(&weights).map_err(|error| error.to_string())?;
    let (x, y) = (tensors(&training["x"]), tensors(&training["y"]));
    for part in [Some(training), training.get("again")].into_iter().flatten() {
        let history = model.fit(x.clone(), y.clone(), options(&part["fit"])).map_err(|error| error.to_string())?;
        let epochs: Vec<usize> = numbers(&part["epochs"]).iter().map(|n| *n as usize).collect();
        if history.epoch != epochs {
            return Err(format!("epochs {:?} instead of {epochs:?}", history.epoch));
        }
        let want = part["history"].as_object().unwrap();
        let keys: Vec<&String> = history.history.iter().map(|(key, _)| key).collect();
        if keys != want.keys().collect::<Vec<_>>() {
            return Err(format!("keys {keys:?} instead of {:?}", want.keys().collect::<Vec<_>>()));
        }
        for (key, got) in &history.history {
            near(&format!("history {key}"), got, &numbers(&want[key]), |want| want.abs())?;
        }
    }
    let last = training["final"].as_array().unwrap();
    for (i, (got, want)) in model.get_weights().iter().zip(last).enumerate() {
        whole(&format!("weight {i} ({})", initial[i]["path"]), &got.to_f32(), want)?;
    }
    let predictions = model.predict_all(x.clone()).map_err(|error| error.to_string())?;
    for (i, (got, want)) in predictions.iter().zip(training["predictions"].as_array().unwrap()).enumerate() {
        whole(&format!("prediction {i}"), &got.to_f32(), &want["values"])?;
    }
    let batch_size = training["fit"]["batch_size"].as_u64().unwrap_or(32) as usize;
    let logs =
        model.evaluate_with(x, y, Evaluate::new().batch_size(batch_size)).map_err(|error| error.to_string())?;
    for (key, want) in training["evaluate"].as_object().unwrap() {
        let got = logs.get(key).ok_or_else(|| format!("evaluate without {key}: {logs:?}"))?;
        near(&format!("evaluate {key}"), &[got], &numbers(want), |want| want.abs())?;
    }
    Ok(())
}

/// Compared with the largest value of the whole array.
fn whole(what: &str, got: &[f32], want: &Value) -> Result<(), String> {
    let want = numbers(want);
    let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    near(what, &got.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), &want, |_| largest)
}

fn near(what: &str, got: &[f64], want: &[f64], scale: impl Fn(f64) -> f64) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{what}: {} values instead of {}", got.len(), want.len()));
    }
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        // Below this the recorded numbers are rounding.
        let scale = scale(*want).max(1e-4);
        // A NaN is not near.
        if (got - want).abs() > TOLERANCE * scale || got.is_nan() {
            return Err(format!("{what}[{i}] = {got} instead of {want}"));
        }
    }
    Ok(())
}
