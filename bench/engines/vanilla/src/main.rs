//! Vanilla as an engine of the benchmark: the public library in a plain release build.
//!
//! Talks with the driver as `../engine.py` says. An epoch's time is what `fit` says of it plus an equal share of
//! everything else in that call (shuffling, checking the data, compiling the plan): nothing is left out. With
//! `"task": "predict"` an epoch is one call of `predict` on all rows, and its loss the share of wrong answers.

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use vanilla::formats::{Data, npy};
use vanilla::layers::AnyLayer;
use vanilla::prelude::*;

type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let path = std::env::args_os().nth(1).ok_or("usage: vanilla-engine DEFINITION.json")?;
    let path = Path::new(&path);
    let definition: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let x = array(&folder.join(word(&definition, "x")?))?;
    let y = array(&folder.join(word(&definition, "y")?))?;
    let threads = count(&definition, "threads")?;
    let ready = json!({"ready": {"version": env!("CARGO_PKG_VERSION"), "threads": threads}});
    if definition["task"] == "predict" {
        let model = Model::load(folder.join(word(&definition, "model")?))?.with_threads(threads);
        let x = x.astype(F32);
        return serve(&ready, |calls| predict(&model, &x, &y, calls));
    }
    let batch = count(&definition, "batch")?;
    let mut model = network(&definition)?.with_threads(threads);
    serve(&ready, |epochs| {
        let start = Instant::now();
        let history = model.fit(&x, &y, Fit::new().epochs(epochs).batch_size(batch).verbose(0))?;
        let inside: f64 = history.epoch_seconds.iter().sum();
        let share = (start.elapsed().as_secs_f64() - inside) / epochs as f64;
        Ok(history.epoch_seconds.iter().map(|seconds| seconds + share).zip(history["loss"].to_vec()).collect())
    })
}

/// `predict` on all rows, `calls` times.
fn predict(model: &Model, x: &Tensor, y: &Tensor, calls: usize) -> Outcome<Vec<(f64, f64)>> {
    let mut answers = Vec::with_capacity(calls);
    for _ in 0..calls {
        let start = Instant::now();
        let outputs = model.predict(x)?;
        let seconds = start.elapsed().as_secs_f64();
        let (given, wanted) = (outputs.argmax()?.to_i64(), y.to_i64());
        let wrong = given.iter().zip(&wanted).filter(|(given, wanted)| given != wanted).count();
        answers.push((seconds, wrong as f64 / wanted.len() as f64));
    }
    Ok(answers)
}

/// The network of the definition, compiled.
fn network(definition: &Value) -> Outcome<Model> {
    let sizes = definition["layers"].as_array().ok_or("the definition has no list `layers`")?;
    let sizes: Vec<usize> = sizes.iter().filter_map(|size| Some(size.as_u64()? as usize)).collect();
    let activation = word(definition, "activation")?;
    let mut layers: Vec<AnyLayer> = Vec::new();
    for (i, &units) in sizes.iter().enumerate().skip(1) {
        let dense = Dense::new(units).activation(if i + 1 == sizes.len() { "softmax" } else { activation });
        layers.push(if i == 1 { dense.input_dim(sizes[0]) } else { dense }.into());
    }
    let rate = definition["learning_rate"].as_f64().ok_or("the definition has no number `learning_rate`")?;
    let mut model = Sequential::new(layers)?;
    let loss = "sparse_categorical_crossentropy";
    match word(definition, "optimizer")? {
        "adam" => model.compile(loss, Adam::new(rate as f32), NO_METRICS)?,
        "sgd" => model.compile(loss, SGD::new(rate as f32).momentum(0.9), NO_METRICS)?,
        "rmsprop" => model.compile(loss, RMSprop::new(rate as f32), NO_METRICS)?,
        other => return Err(format!("optimizer {other}, expected adam, sgd or rmsprop").into()),
    }
    Ok(model)
}

/// Nobody else in the benchmark counts right answers while training.
const NO_METRICS: [&str; 0] = [];

/// Says `ready`, then answers each `run N` with N lines, until stdin ends.
fn serve(ready: &Value, mut run: impl FnMut(usize) -> Outcome<Vec<(f64, f64)>>) -> Outcome<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{ready}")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count = line.trim().strip_prefix("run ").and_then(|count| count.parse().ok());
        for (seconds, loss) in run(count.ok_or(format!("received {line:?}, expected `run N`"))?)? {
            writeln!(out, "{}", json!({"seconds": seconds, "loss": loss}))?;
        }
        out.flush()?;
    }
    Ok(())
}

fn array(path: &Path) -> Outcome<Tensor> {
    let array = npy::read(&std::fs::read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(match array.data {
        Data::U8(bytes) => Tensor::new(bytes, array.shape)?,
        Data::I64(integers) => Tensor::new(integers, array.shape)?,
        Data::F32(floats) => Tensor::new(floats, array.shape)?,
    })
}

fn word<'a>(definition: &'a Value, key: &str) -> Outcome<&'a str> {
    Ok(definition[key].as_str().ok_or(format!("the definition has no text `{key}`"))?)
}

fn count(definition: &Value, key: &str) -> Outcome<usize> {
    let count = definition[key].as_u64().ok_or(format!("the definition has no count `{key}`"))?;
    Ok(count as usize)
}
