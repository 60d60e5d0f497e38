//! [`Config`]: the keys of one word, read with errors that name word and key.

use crate::activations::Activation;
use crate::constraints::{self, Constraint};
use crate::error::{Error, Result, nearest};
use crate::initializers::Initializer;
use crate::layers::{ActivationArg, Common};
use crate::registry::Registry;
use crate::regularizers::{self, Regularizer};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A word's configuration: Keras's keys and values.
pub type Keys = Map<String, Value>;

/// The configuration of one word while it is read. Every key that means something must be taken; what is left at the
/// end is an error unless it is null, false or otherwise without effect.
#[derive(Debug)]
pub struct Config {
    place: String,
    keys: Keys,
    /// Every key that was looked for.
    known: Vec<String>,
    registry: Registry,
}

impl Config {
    /// The configuration `keys` of the word described by `place`, for instance `Dense 'dense_1'`.
    pub fn new(place: impl Into<String>, keys: Keys) -> Self {
        Self { place: place.into(), keys, known: Vec::new(), registry: Registry::default() }
    }

    /// As [`Config::new`], with words of one's own beside Keras's.
    pub fn with_registry(place: impl Into<String>, keys: Keys, registry: &Registry) -> Self {
        Self { place: place.into(), keys, known: Vec::new(), registry: registry.clone() }
    }

    /// The words of one's own.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What this is the configuration of.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// An error about this word.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        Error::config(self.place.clone(), problem)
    }

    /// Puts a key back, or nothing.
    pub(crate) fn put(&mut self, key: &str, value: Option<Value>) {
        self.keys.extend(value.map(|value| (key.to_owned(), value)));
    }

    /// Whether a key is there, be it null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Takes a key; null counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.keys.shift_remove(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there and null. To most words that is as good as absent; some of Keras's have a default that null
    /// turns off.
    pub fn is_null(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(Value::is_null)
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
        self.typed(key, "a whole number, at least 0", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    /// True or false.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A whole number, negative ones too.
    pub fn signed(&mut self, key: &str) -> Result<Option<i64>> {
        self.typed(key, "a whole number", Value::as_i64)
    }

    /// A list of whole numbers, or one of them.
    pub fn signed_list(&mut self, key: &str) -> Result<Option<Vec<i64>>> {
        self.typed(key, "a whole number or a list of them", |value| match value {
            Value::Array(items) => items.iter().map(Value::as_i64).collect(),
            one => one.as_i64().map(|one| vec![one]),
        })
    }

    /// A list of finite numbers, or one of them.
    pub fn float_list(&mut self, key: &str) -> Result<Option<Vec<f64>>> {
        fn flat(value: &Value) -> Option<Vec<f64>> {
            match value {
                Value::Array(items) => {
                    items.iter().map(flat).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
                }
                one => one.as_f64().filter(|x| x.is_finite()).map(|one| vec![one]),
            }
        }
        self.typed(key, "a number or a list of them", flat)
    }

    /// A share from 0 to 1.
    pub fn share(&mut self, key: &str, default: f64) -> Result<f64> {
        match self.float(key)?.unwrap_or(default) {
            share if (0.0..=1.0).contains(&share) => Ok(share),
            share => Err(self.error(format!("{key} = {share}, expected a share from 0 to 1"))),
        }
    }

    /// An activation by name, linear where there is none.
    pub fn activation(&mut self, key: &str) -> Result<ActivationArg> {
        let name = match self.take(key) {
            None => return Ok(ActivationArg::Is(Activation::Linear)),
            Some(value) => {
                let Some((name, keys)) = name_and_keys(&value) else {
                    let problem = format!("{key} = {value}, expected the name of an activation, such as \"relu\"");
                    return Err(self.error(problem));
                };
                // An object that Keras knows is written by its name as well; with a layer, its arguments would be lost.
                if value.is_object() && crate::layers::class_names().contains(&&*name) {
                    let problem =
                        format!("{key} is the layer {name}: put it behind this one, as a layer of its own");
                    return Err(self.error(problem));
                }
                if let Some((argument, _)) = keys.iter().next()
                    && crate::activations::names().contains(&&*name)
                {
                    let problem = format!(
                        "{key} '{name}' has the argument '{argument}', and activations are known by their names alone: \
                         put a layer that takes it behind this one"
                    );
                    return Err(self.error(problem));
                }
                name
            }
        };
        Ok(self.registry.find_activation(&name).map_or(ActivationArg::Name(name), ActivationArg::Is))
    }

    /// An initializer by name or node.
    pub fn initializer(&mut self, key: &str, default: Initializer) -> Result<Initializer> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let Some((word, keys)) = name_and_keys(&value) else {
            return Err(
                self.error(format!("{key} = {value}, expected the name of an initializer, such as \"he_normal\""))
            );
        };
        match self.registry.find_initializer(&word) {
            Some(make) => {
                let mut config = Self::with_registry(word, keys, &self.registry);
                let own = make(&mut config)?;
                config.finish()?;
                Ok(Initializer::Custom(own))
            }
            None => Initializer::from_config(&word, keys).map_err(|error| self.error(error.to_string())),
        }
    }

    /// A regularizer by name or node.
    pub fn regularizer(&mut self, key: &str) -> Result<Option<Arc<dyn Regularizer>>> {
        let value = self.take(key);
        let read = value.map(|value| regularizers::from_value(&value)).transpose();
        read.map_err(|error| self.error(format!("{key}: {error}")))
    }

    /// A constraint by name or node.
    pub fn constraint(&mut self, key: &str) -> Result<Option<Arc<dyn Constraint>>> {
        let value = self.take(key);
        let read = value.map(|value| constraints::from_value(&value)).transpose();
        read.map_err(|error| self.error(format!("{key}: {error}")))
    }

    /// Takes the keys that every Keras layer has but for `dtype`, which lookups have of their own.
    pub fn common(&mut self) -> Result<Common> {
        let trainable = self.boolean("trainable")?.unwrap_or(true);
        Ok(Common { name: self.string("name")?, trainable })
    }

    /// Takes `dtype`, which must be float32.
    pub fn float32(&mut self) -> Result<()> {
        match self.take("dtype") {
            None => Ok(()),
            Some(dtype) if dtype == "float32" || dtype["config"]["name"] == "float32" => Ok(()),
            Some(dtype) => {
                let name = if dtype["config"]["name"].is_null() { &dtype } else { &dtype["config"]["name"] };
                Err(self.error(format!("dtype = {name}, expected float32: Vanilla computes in float32 only")))
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
                let way_out = match nearest(key, &self.known, key.chars().count() / 3) {
                    Some(known) => format!("; did you mean '{known}'?"),
                    None => ": leave it out, or check its spelling".to_owned(),
                };
                Err(self.error(format!("{key} = {value} is not supported{way_out}")))
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
        function if function_name(function).is_some() => Some((function_name(function)?.to_owned(), Keys::new())),
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

/// The name of a Python function, all that Keras writes of one: `{"class_name": "function", "config": "my_loss"}`. Of
/// those of Keras itself it is the word.
fn function_name(value: &Value) -> Option<&str> {
    value.get("config")?.as_str().filter(|_| value.get("class_name").is_some_and(|class| class == "function"))
}

/// The error about the word that stands here; of an unknown function no spelling would help.
pub(crate) fn unknown_function(value: &Value, error: Error) -> Error {
    match (function_name(value), error) {
        (Some(name), Error::UnknownWord { kind, .. }) => {
            Error::config(kind, format!("'{name}' is a Python function: load with a Registry that has '{name}'"))
        }
        (_, error) => error,
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
