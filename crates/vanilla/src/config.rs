//! [`Config`]: the keys of one word, read with errors that name word and key.

use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// A word's configuration: Keras's keys and values.
pub type Keys = Map<String, Value>;

/// The configuration of one word while it is read. Every key that means something must be taken; what is left at the
/// end is an error unless it is null, false or otherwise without effect.
#[derive(Debug)]
pub struct Config {
    place: String,
    keys: Keys,
}

impl Config {
    /// The configuration `keys` of the word described by `place`, for instance `Dense 'dense_1'`.
    pub fn new(place: impl Into<String>, keys: Keys) -> Self {
        Self { place: place.into(), keys }
    }

    /// An error about this word.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        Error::config(self.place.clone(), problem)
    }

    /// Takes a key; null counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.keys.shift_remove(key).filter(|value| !value.is_null())
    }

    fn typed<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let problem = || self.error(format!("{key} = {value}, expected {what}"));
        read(&value).ok_or_else(problem).map(Some)
    }

    /// A string.
    pub fn string(&mut self, key: &str) -> Result<Option<String>> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A finite number.
    pub fn float(&mut self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", |value| value.as_f64().filter(|x| x.is_finite()))
    }

    /// A whole number, at least 0.
    pub fn integer(&mut self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a whole number", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    /// True or false.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// Takes the keys that every Keras layer has and that must say nothing unusual here; returns the layer's name.
    pub fn layer_name(&mut self) -> Result<Option<String>> {
        if self.boolean("trainable")? == Some(false) {
            return Err(self
                .error("trainable = false is not supported yet: train the whole network, or leave the key out"));
        }
        self.float32()?;
        self.string("name")
    }

    /// Takes `dtype`, which must be float32.
    pub fn float32(&mut self) -> Result<()> {
        match self.take("dtype") {
            None => Ok(()),
            Some(dtype) if dtype == "float32" || dtype["config"]["name"] == "float32" => Ok(()),
            Some(dtype) => {
                let name = if dtype["config"]["name"].is_null() { &dtype } else { &dtype["config"]["name"] };
                Err(self.error(format!("dtype {name}, expected float32: Vanilla computes in float32 only")))
            }
        }
    }

    /// Ends the reading. What nobody took must be without effect.
    ///
    /// # Errors
    /// When a key is left that has a value.
    pub fn finish(self) -> Result<()> {
        match self.keys.iter().find(|(_, value)| !value.is_null() && **value != json!(false)) {
            Some((key, value)) => {
                Err(self.error(format!("{key} = {value} is not supported: leave it out, or check its spelling")))
            }
            None => Ok(()),
        }
    }
}

/// A word given by name ("relu") or as Keras's node `{"class_name": .., "config": {..}}` or, in TOML, as a table with
/// `class` beside its keys: the class or name, and its keys.
pub(crate) fn name_and_keys(value: &Value) -> Option<(String, Keys)> {
    match value {
        Value::String(name) => Some((name.clone(), Keys::new())),
        Value::Object(node) if node.contains_key("class_name") => {
            let keys = node.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
            Some((node["class_name"].as_str()?.to_owned(), keys))
        }
        Value::Object(table) => {
            let mut keys = table.clone();
            let class = keys.shift_remove("class")?;
            Some((class.as_str()?.to_owned(), keys))
        }
        _ => None,
    }
}

/// Keras's node for an object of its own.
pub(crate) fn node(module: &str, class_name: &str, config: Keys) -> Value {
    json!({ "module": module, "class_name": class_name, "config": config, "registered_name": null })
}

/// `{"key": value, ...}` as [`Keys`].
macro_rules! keys {
    ($($key:literal : $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut keys = $crate::config::Keys::new();
        $(keys.insert($key.to_owned(), serde_json::json!($value));)*
        keys
    }};
}
pub(crate) use keys;
