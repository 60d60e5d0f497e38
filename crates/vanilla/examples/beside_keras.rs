//! Trains models that Keras made, for `interop/random_models.py` to compare: three epochs of 32 rows, in their order.
//! `cargo run --example beside_keras FOLDER...`
//!
//! A folder holds `made.keras` and its data: `data.npz` with x0, x1, .. and y0, .., and `words.json` with inputs that are
//! strings (`{"x0": {"shape": [..], "text": [..]}}`). What is written there: `continued.keras`, the same model three epochs
//! later; `born.keras`, a model of the same description that began here, after two epochs, and `born_continued.keras`,
//! three epochs later; `.npz` beside each with its weights w0, .. and predictions p0, .. on the data (and r0, .. on
//! their first row alone); `here.json` with histories, evaluations, the summary, or the error.
use serde_json::{Value, json};
use std::path::Path;
use vanilla::Evaluate;
use vanilla::formats::{Array, Data, npz};
use vanilla::prelude::*;

type Anything<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn options(epochs: usize) -> Fit {
    Fit::new().epochs(epochs).batch_size(32).shuffle(false).verbose(0)
}

/// The arrays `x0`, `x1`, .. of a folder.
fn arrays(folder: &Path, letter: char) -> Anything<Vec<Tensor>> {
    let stored = npz::read(&std::fs::read(folder.join("data.npz"))?)?;
    let words: Value = match std::fs::read_to_string(folder.join("words.json")) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => json!({}),
    };
    let mut found: Vec<Tensor> = Vec::new();
    loop {
        let name = format!("{letter}{}", found.len());
        if let Some(words) = words.get(&name) {
            let shape: Vec<usize> = serde_json::from_value(words["shape"].clone())?;
            let text: Vec<String> = serde_json::from_value(words["text"].clone())?;
            found.push(Tensor::new(text, shape)?);
        } else if let Some((_, array)) = stored.iter().find(|(stored, _)| *stored == name) {
            found.push(array.clone().try_into()?);
        } else {
            return Ok(found);
        }
    }
}

/// Weights and predictions beside a model's file.
fn write(folder: &Path, name: &str, model: &Model, x: &[Tensor]) -> Anything<()> {
    model.save(folder.join(name).with_extension("keras"))?;
    let first = x.iter().map(|x| x.slice(0..1)).collect::<Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for (letter, tensors) in
        [("w", model.get_weights()), ("p", model.predict_all(x.to_vec())?), ("r", model.predict_all(first)?)]
    {
        for (i, tensor) in tensors.iter().enumerate() {
            let array = Array { shape: tensor.shape().to_vec(), data: Data::F32(tensor.to_f32()) };
            found.push((format!("{letter}{i}"), array));
        }
    }
    let named: Vec<_> = found.iter().map(|(name, array)| (name.as_str(), array)).collect();
    std::fs::write(folder.join(name).with_extension("npz"), npz::write(&named)?)?;
    Ok(())
}

fn evaluated(model: &Model, x: &[Tensor], y: &[Tensor]) -> Result<Value> {
    let logs = model.evaluate_with(x, y, Evaluate::new().batch_size(32))?;
    Ok(logs.0.into_iter().map(|(key, value)| (key, json!(value))).collect::<serde_json::Map<_, _>>().into())
}

fn beside(folder: &Path) -> Anything<Value> {
    let (x, y) = (arrays(folder, 'x')?, arrays(folder, 'y')?);
    let mut model = Model::load(folder.join("made.keras"))?;
    write(folder, "made_here", &model, &x)?;
    let before = evaluated(&model, &x, &y)?;
    let summary = model.summary().to_string();
    let history = model.fit(&x, &y, options(3))?;
    write(folder, "continued", &model, &x)?;
    let after = evaluated(&model, &x, &y)?;

    let description = std::fs::read_to_string(folder.join("config.json"))?;
    let mut born = Model::from_json(&serde_json::from_str(&description)?)?;
    born.set_seed(1);
    born.fit(&x, &y, options(2))?;
    write(folder, "born", &born, &x)?;
    let born_history = born.fit(&x, &y, options(3))?;
    write(folder, "born_continued", &born, &x)?;
    Ok(json!({
        "before": before,
        "summary": summary,
        "history": history.to_json(),
        "after": after,
        "born_history": born_history.to_json(),
    }))
}

fn main() -> Anything<()> {
    for folder in std::env::args().skip(1) {
        let folder = Path::new(&folder);
        let told = beside(folder).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        std::fs::write(folder.join("here.json"), told.to_string())?;
    }
    Ok(())
}
