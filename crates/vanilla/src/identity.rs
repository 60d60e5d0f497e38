//! [`Identity`]: everything that decides the bits of a training, so that it is taken up only as what it was.

use crate::config::Keys;
use crate::data::Prepared;
use crate::error::Result;
use crate::graph::{Content, Graph};
use crate::losses::Reduction;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::options::Fit;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vanilla_plan::Params;

/// Keys with plain values, such as `batch_size` or `layer 'dense' units`. The number of epochs is not among them: more
/// of them extend a training. Neither is the number of threads, on which no bit depends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity(Keys);

/// The state that a training began in; no key that a user could give.
const START: &str = "weights at the beginning";

/// What a rollback changes on the way.
pub(crate) const LEARNING_RATE: &str = "learning_rate";

impl Identity {
    /// Of this training, which begins with the model as it is.
    pub fn of(model: &Model, options: &Fit, train: &Prepared, validation: Option<&Prepared>) -> Result<Self> {
        let built = model.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = model.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let mut keys = Keys::new();
        match &built.input_shapes[..] {
            [only] => flatten(&mut keys, "input_shape", &json!(only)),
            all => flatten(&mut keys, "input_shapes", &json!(all)),
        }
        graph(&mut keys, "", &model.graph);
        let names = model.output_names();
        for (output, loss) in compiled.losses.iter().enumerate() {
            let Some(loss) = loss else { continue };
            let place = if names.len() > 1 { format!("loss of '{}'", names[output]) } else { "loss".to_owned() };
            flatten(&mut keys, &place, &loss.loss.class_name().into());
            flatten(&mut keys, &place, &Value::Object(loss.loss.config()));
            if loss.reduction != Reduction::Mean {
                flatten(&mut keys, &format!("{place} reduction"), &format!("{:?}", loss.reduction).into());
            }
            if loss.weight != 1.0 {
                flatten(&mut keys, &format!("{place} weight"), &shortest(loss.weight));
            }
        }
        let metrics: Vec<_> = compiled.metrics.iter().map(|metric| &metric.key).collect();
        flatten(&mut keys, "metrics", &json!(metrics));
        let engine = &compiled.optimizer;
        flatten(&mut keys, "optimizer", &engine.rule.class_name().into());
        flatten(&mut keys, "optimizer", &Value::Object(engine.rule.config()));
        for (key, value) in engine.common.to_config("") {
            // What is at its default decides nothing, and is not in checkpoints of earlier versions.
            let usual = value.is_null() || value == false || matches!(&*key, "name" | "ema_momentum");
            match &*key {
                "learning_rate" if !engine.rate_is_constant() => flatten(&mut keys, LEARNING_RATE, &value),
                "learning_rate" => flatten(&mut keys, LEARNING_RATE, &shortest(engine.learning_rate(0))),
                _ if usual && !engine.common.use_ema => {}
                _ => flatten(&mut keys, &format!("optimizer {key}"), &value),
            }
        }
        for (layer, factor) in &engine.common.multipliers {
            flatten(&mut keys, &format!("learning_rate of layer '{layer}'"), &shortest(*factor));
        }
        if !engine.common.no_decay.is_empty() {
            flatten(&mut keys, "no weight_decay", &json!(engine.common.no_decay));
        }
        flatten(&mut keys, "batch_size", &json!(options.batch_rows(train.rows)));
        if options.steps(train.rows) != train.rows.div_ceil(options.batch_rows(train.rows)) {
            flatten(&mut keys, "steps_per_epoch", &json!(options.steps_per_epoch));
        }
        flatten(&mut keys, "shuffle", &json!(options.shuffles()));
        flatten(&mut keys, "seed", &json!(model.seed));
        flatten(&mut keys, "on_nan", &options.on_nan.name().into());
        for (name, config) in options.callbacks.deciding() {
            flatten(&mut keys, &format!("callback {name}"), &json!(true));
            flatten(&mut keys, &format!("callback {name}"), &Value::Object(config));
        }
        flatten(&mut keys, "rows", &json!(train.rows));
        flatten(&mut keys, "data", &train.sha256().into());
        flatten(&mut keys, "validation data", &validation.map(Prepared::sha256).into());
        flatten(&mut keys, "arithmetic", &model.arithmetic()?.into());
        flatten(&mut keys, "version of Vanilla", &env!("CARGO_PKG_VERSION").into());
        flatten(&mut keys, START, &state_sha256(&built.params).into());
        Ok(Self(keys))
    }

    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    pub fn from_json(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    /// Takes the beginning of another training for its own: the model is where that one was left, with the learning
    /// rate that it then had.
    pub fn begins_like(&mut self, other: &Self, learning_rate: f32) {
        let same_rate = self.0.get(LEARNING_RATE) == Some(&shortest(learning_rate));
        for key in [START, LEARNING_RATE].into_iter().take(if same_rate { 2 } else { 1 }) {
            if let Some(value) = other.0.get(key) {
                self.0.insert(key.to_owned(), value.clone());
            }
        }
    }

    /// SHA-256 of the state that the training began in.
    pub fn start(&self) -> &str {
        self.0.get(START).and_then(Value::as_str).unwrap_or_default()
    }

    /// What is another one now, as `batch_size was 64 and is 32 now`.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let keys = self.0.keys().chain(now.0.keys().filter(|key| !self.0.contains_key(*key)));
        let differs = |key: &&String| self.0.get(*key) != now.0.get(*key);
        let shown = |value: Option<&Value>| match value {
            None | Some(Value::Null) => "not there".to_owned(),
            Some(Value::String(text)) if text.len() == 64 => format!("{}…", &text[..12]),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let mut differences = Vec::new();
        for key in keys.filter(differs) {
            // Another seed or layer begins elsewhere: no news.
            if key == START && !differences.is_empty() {
                continue;
            }
            let (before, now) = (shown(self.0.get(key)), shown(now.0.get(key)));
            differences.push(format!("{key}: {before} in the checkpoint, {now} now"));
        }
        differences
    }
}

/// Every layer's keys, and what it reads where that is not the layer before it.
fn graph(keys: &mut Keys, around: &str, description: &Graph) {
    let layers = description.visible();
    let names: Vec<&str> = layers.iter().map(|entry| &*entry.name).collect();
    flatten(keys, &format!("{around}layers"), &json!(names));
    for entry in layers {
        let place = format!("{around}layer '{}'", entry.name);
        flatten(keys, &format!("{place} class"), &entry.content.class_name().into());
        if !entry.trainable {
            flatten(keys, &format!("{place} trainable"), &json!(false));
        }
        match &entry.content {
            Content::Layer(layer) => flatten(keys, &place, &Value::Object(layer.config())),
            Content::Input(input) => flatten(keys, &format!("{place} shape"), &json!(input.shape)),
            Content::Model(nested) => graph(keys, &format!("{place} "), &nested.graph),
        }
    }
    if !description.is_sequential() {
        let calls = description.calls.iter().map(|call| {
            let from = call.inputs.iter().map(|place| format!("{}:{}", place.call, place.index));
            json!([call.layer, from.collect::<Vec<_>>()])
        });
        flatten(keys, &format!("{around}connections"), &calls.collect());
    }
}

/// 0.001 for the float that is 0.0010000000474974513.
fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Puts `value` in, an object key by key.
fn flatten(keys: &mut Keys, place: &str, value: &Value) {
    match value {
        Value::Object(inside) => {
            inside.iter().for_each(|(key, value)| flatten(keys, &format!("{place} {key}"), value))
        }
        plain => {
            keys.insert(place.to_owned(), plain.clone());
        }
    }
}

/// SHA-256 over weights, slots and the count of steps: where a training begins, or was left.
pub(crate) fn state_sha256(params: &Params) -> String {
    let mut hash = Sha256::new();
    for variable in &params.variables {
        for panels in std::iter::once(&variable.weights).chain(&variable.slots) {
            hash_floats(&mut hash, &panels.to_row_major());
        }
    }
    hash.update(params.iterations.to_le_bytes());
    crate::datasets::hex(&hash.finalize())
}

/// Feeds floats as little-endian bytes.
pub(crate) fn hash_floats(hash: &mut Sha256, floats: &[f32]) {
    let mut bytes = [0u8; 4096];
    for chunk in floats.chunks(bytes.len() / 4) {
        for (four, float) in bytes.chunks_exact_mut(4).zip(chunk) {
            four.copy_from_slice(&float.to_le_bytes());
        }
        hash.update(&bytes[..4 * chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_key_and_both_values() {
        let identity = |value: Value| {
            let mut keys = Keys::new();
            value.as_object().unwrap().iter().for_each(|(key, value)| flatten(&mut keys, key, value));
            Identity(keys)
        };
        let data = "ab".repeat(32);
        let before = identity(json!({ "a": { "units": 3, "bias": true }, "data": data, START: "x" }));
        assert!(before.differences(&before).is_empty());
        let now =
            identity(json!({ "a": { "units": 4, "bias": true }, "data": Value::Null, "new": [1], START: "y" }));
        assert_eq!(
            before.differences(&now),
            [
                "a units: 3 in the checkpoint, 4 now",
                "data: abababababab… in the checkpoint, not there now",
                "new: not there in the checkpoint, [1] now"
            ]
        );
        let elsewhere = identity(json!({ "a": { "units": 3, "bias": true }, "data": data, START: "y" }));
        assert_eq!(before.differences(&elsewhere), ["weights at the beginning: x in the checkpoint, y now"]);
    }
}
