//! Models and weights as plain lists of named arrays: safetensors and npz.
//!
//! ```text
//! array    = LAYER/NAME                          a weight: dense/kernel, inner/dense/bias
//!          | optimizer/iterations                steps done, an integer
//!          | optimizer/learning_rate             where it is a number
//!          | optimizer/LAYER/NAME/SLOT           optimizer/dense/kernel/momentum
//! metadata = {"format": "vanilla", "format_version": "1", "keras_version": V, ["config": JSON, ["info": JSON]]}
//! ```
//!
//! A safetensors file with `config`, Keras's description with what the model was compiled with, is a whole model. In
//! an npz file, and in a safetensors file of another program, there are arrays alone. They are found by name if every
//! name is a weight's (the model's name may stand before it, `:0` behind it). If every name is the same but for a
//! number (`arr_0`, `arr_1`, as `numpy.savez(file, *model.get_weights())` has them), the numbers are the order of
//! `get_weights`. Anything else is refused: an order that is guessed loads a square kernel the wrong way round.

use super::numbers::{Numbers, State, count, floats, rate, unbuilt};
use super::tree::array;
use super::{KERAS_VERSION, unreadable};
use crate::build::Built;
use crate::error::{Error, Result};
use crate::info::ModelInfo;
use crate::json::compile_config;
use crate::json_text;
use crate::model::{Model, NOT_BUILT};
use crate::registry::Registry;
use std::collections::HashMap;
use vanilla_formats::safetensors::{self, Tensor, Values};
use vanilla_formats::{Array, Data, npz};
use vanilla_plan::Optimizer;

const FORMAT: &str = "vanilla";
const FORMAT_VERSION: &str = "1";
const OPTIMIZER: &str = "optimizer/";

impl Model {
    /// The bytes of the `.safetensors` file that [`Model::save`] writes: the whole model.
    ///
    /// # Errors
    /// When the input shape is not known, or a name has no place in the format.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let (config, info) = (self.to_json()?.to_string(), self.info.to_json().to_string());
        let mut metadata = vec![("config", &*config)];
        metadata.extend((!self.info.is_empty()).then_some(("info", &*info)));
        self.safetensors_with(metadata)
    }

    pub(super) fn weights_to_safetensors(&self) -> Result<Vec<u8>> {
        self.safetensors_with(Vec::new())
    }

    fn safetensors_with(&self, more: Vec<(&str, &str)>) -> Result<Vec<u8>> {
        let mut metadata =
            vec![("format", FORMAT), ("format_version", FORMAT_VERSION), ("keras_version", KERAS_VERSION)];
        metadata.extend(more);
        let tensor = |(name, array): (String, Array)| {
            let values = match array.data {
                Data::U8(values) => Values::U8(values),
                Data::I64(values) => Values::I64(values),
                Data::F32(values) => Values::F32(values),
            };
            Tensor { name, shape: array.shape, values }
        };
        let tensors: Vec<Tensor> = self.arrays()?.into_iter().map(tensor).collect();
        safetensors::write(&metadata, &tensors).map_err(|error| Error::data("model", error.to_string()))
    }

    pub(super) fn weights_to_npz(&self) -> Result<Vec<u8>> {
        let arrays = self.arrays()?;
        let named: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
        npz::write(&named).map_err(|error| Error::data("model", error.to_string()))
    }

    /// Weights and the optimizer's state, by name.
    fn arrays(&self) -> Result<Vec<(String, Array)>> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let names = names(built);
        let scalar = |data| Array { shape: Vec::new(), data };
        let mut arrays: Vec<(String, Array)> = Vec::new();
        for ((name, variable), value) in names.iter().zip(&built.variables).zip(&built.params.variables) {
            arrays.push((name.clone(), array(&value.weights, &variable.spec.shape)));
        }
        let Some(compiled) = self.compiled.as_ref().filter(|compiled| compiled.attached) else {
            return Ok(arrays);
        };
        let engine = &compiled.optimizer;
        let iterations = scalar(Data::I64(vec![built.params.iterations as i64]));
        arrays.push((format!("{OPTIMIZER}iterations"), iterations));
        if engine.rate_is_constant() {
            let rate = scalar(Data::F32(vec![engine.learning_rate(0)]));
            arrays.push((format!("{OPTIMIZER}learning_rate"), rate));
        }
        let bound = engine.bind(&built.variables);
        for (number, variable) in built.variables.iter().enumerate().filter(|(_, variable)| variable.trainable) {
            let slots = bound.slots(number, &variable.spec.shape);
            for (about, value) in slots.into_iter().zip(&built.params.variables[number].slots) {
                arrays.push((slot_name(&names[number], about.name), array(value, &about.shape)));
            }
        }
        Ok(arrays)
    }

    pub(super) fn from_safetensors(bytes: &[u8], registry: &Registry) -> Result<Self> {
        let file = safetensors::read(bytes).map_err(unreadable)?;
        let text = |name: &str| file.metadata.iter().find(|(known, _)| known == name).map(|(_, text)| &**text);
        if text("content_sha256").is_some() {
            let problem = "a checkpoint of a training, not a model: go on with the training, or save its model";
            return Err(Error::data("safetensors", problem));
        }
        let Some(config) = text("config") else {
            let problem = "no config in its metadata: the file holds weights alone, so describe the model and call \
                           load_weights";
            return Err(Error::data("safetensors", problem));
        };
        check_version(text("format"), text("format_version"))?;
        let in_config = |error: &dyn std::fmt::Display| Error::data("config", error.to_string());
        let config = json_text::parse(config).map_err(|error| in_config(&error))?;
        let most = bytes.len() / size_of::<f32>();
        let mut model = Self::without_weights(&config, registry, most).map_err(|error| in_config(&error))?;
        if let Some(compile) = compile_config(&config) {
            model.compile_as_saved(compile.clone(), false, registry).map_err(|error| in_config(&error))?;
        }
        let info = text("info").map(str::to_owned);
        let arrays = arrays_of(file.tensors)?;
        let numbers = model.numbers_of_arrays(&arrays)?;
        model.take_in(numbers);
        if let Some(info) = info {
            let info = json_text::parse(&info).map_err(|error| Error::data("info", error))?;
            model.set_info(ModelInfo::from_json(&info)?)?;
        }
        Ok(model)
    }

    pub(super) fn weights_from_safetensors(&mut self, bytes: &[u8]) -> Result<()> {
        self.built.as_ref().ok_or(NOT_BUILT)?;
        let file = safetensors::read(bytes).map_err(unreadable)?;
        let text = |name: &str| file.metadata.iter().find(|(known, _)| known == name).map(|(_, text)| &**text);
        if text("format") == Some(FORMAT) {
            check_version(text("format"), text("format_version"))?;
        }
        let arrays = arrays_of(file.tensors)?;
        let numbers = self.numbers_of_arrays(&arrays)?;
        self.take_in(numbers);
        Ok(())
    }

    /// Weights of a zip archive: arrays, or those of a whole model.
    pub(super) fn weights_from_zip(&mut self, bytes: &[u8], ending: &str) -> Result<()> {
        self.built.as_ref().ok_or(NOT_BUILT)?;
        if ending != ".npz" && ending != ".weights.npz" {
            let archive = vanilla_formats::keras_zip::read(bytes).map_err(unreadable)?;
            let tree = vanilla_formats::hdf5::read(&archive.weights)
                .map_err(|error| Error::data(super::tree::FILE, error.to_string()))?;
            let numbers = self.weights_of_tree(&tree)?;
            self.take_in(numbers);
            return Ok(());
        }
        let arrays = npz::read(bytes).map_err(|error| match &error {
            vanilla_formats::FormatError::Unsupported { feature, .. } if feature.contains("object") => {
                let hint = "Keras's own npz weights are pickles: save them as .weights.h5";
                unreadable(error.with_hint(hint))
            }
            _ => unreadable(error),
        })?;
        let numbers = self.numbers_of_arrays(&arrays)?;
        self.take_in(numbers);
        Ok(())
    }

    /// What the arrays are to the model, all of the right shape.
    fn numbers_of_arrays<'a>(&self, arrays: &'a [(String, Array)]) -> Result<Numbers<'a>> {
        let Some(built) = &self.built else {
            return unbuilt(arrays.first().map(|(name, _)| format!("array {name:?}")));
        };
        let names = names(built);
        let number: HashMap<&str, usize> =
            names.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
        let prefix = format!("{}/", self.graph.name);
        let known = |name: &str| {
            let name = name.strip_suffix(":0").unwrap_or(name);
            number.get(name).or_else(|| number.get(name.strip_prefix(&prefix)?)).copied()
        };
        let is_state = |name: &str| name.starts_with(OPTIMIZER) && known(name).is_none();
        let weights: Vec<(&str, &Array)> = arrays
            .iter()
            .map(|(name, array)| (name.as_str(), array))
            .filter(|(name, _)| !is_state(name))
            .collect();
        let places = match weights.iter().map(|(name, _)| known(name)).collect::<Option<Vec<_>>>() {
            Some(places) => places,
            None => match numbered(&weights) {
                Some(places) => places,
                None => return Err(unknown(&weights, &names, &known)),
            },
        };
        let mut found: Vec<Option<usize>> = vec![None; names.len()];
        for (at, &place) in places.iter().enumerate() {
            match found.get_mut(place) {
                Some(free @ None) => *free = Some(at),
                Some(Some(other)) => {
                    let problem =
                        format!("is the same weight as {:?}: leave out one of the two", weights[*other].0);
                    return Err(Error::data(format!("array {:?}", weights[at].0), problem));
                }
                None => {
                    let problem = format!("{} arrays, expected {}", weights.len(), names.len());
                    return Err(Error::data("weights", problem));
                }
            }
        }
        let mut numbers = Numbers::default();
        for (number, (at, name)) in found.into_iter().zip(&names).enumerate() {
            let Some(at) = at else {
                let problem = format!("no array {name:?}: {} arrays, expected {}", weights.len(), names.len());
                return Err(Error::data("weights", problem));
            };
            let (stored, array) = weights[at];
            let shape = &built.variables[number].spec.shape;
            numbers.weights.push((number, floats(array, &format!("array {stored:?}"), shape)?));
        }
        numbers.state = self.state_of_arrays(built, &names, arrays)?;
        Ok(numbers)
    }

    /// The optimizer's state, if the model is compiled and the arrays have one.
    fn state_of_arrays<'a>(
        &self,
        built: &Built,
        names: &[String],
        arrays: &'a [(String, Array)],
    ) -> Result<Option<State<'a>>> {
        let by_name: HashMap<&str, &Array> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
        let iterations = format!("{OPTIMIZER}iterations");
        let (Some(compiled), Some(steps)) = (&self.compiled, by_name.get(&*iterations)) else { return Ok(None) };
        let engine = &compiled.optimizer;
        let mut state = State { iterations: count(steps, &iterations)?, rate: None, slots: Vec::new() };
        let mut read = 1;
        let place = format!("{OPTIMIZER}learning_rate");
        if let Some(array) = by_name.get(&*place) {
            state.rate = Some(rate(array, &place)?);
            read += 1;
        }
        let bound = engine.bind(&built.variables);
        for (number, variable) in built.variables.iter().enumerate().filter(|(_, variable)| variable.trainable) {
            for (slot, about) in bound.slots(number, &variable.spec.shape).into_iter().enumerate() {
                let name = slot_name(&names[number], about.name);
                let Some(array) = by_name.get(&*name) else {
                    let problem = format!("is not there, expected for {}", engine.rule.name());
                    return Err(Error::data(name, problem));
                };
                state.slots.push((number, slot, floats(array, &name, &about.shape)?));
                read += 1;
            }
        }
        let stored = arrays.len() - names.len();
        if stored != read {
            let problem = format!("{stored} arrays, expected {read} for {}", engine.rule.name());
            return Err(Error::data(OPTIMIZER, problem));
        }
        Ok(Some(state))
    }
}

/// Name of every variable.
fn names(built: &Built) -> Vec<String> {
    let name = |variable: &crate::build::BuiltVariable| match variable.spec.inside {
        "" => format!("{}/{}", variable.layer, variable.spec.name),
        inside => format!("{}/{inside}/{}", variable.layer, variable.spec.name),
    };
    built.variables.iter().map(name).collect()
}

fn slot_name(variable: &str, slot: &str) -> String {
    format!("{OPTIMIZER}{variable}/{slot}")
}

fn check_version(format: Option<&str>, version: Option<&str>) -> Result<()> {
    match (format, version) {
        (Some(FORMAT), Some(FORMAT_VERSION)) => Ok(()),
        (Some(FORMAT), version) => {
            let problem =
                format!("{:?}, expected \"{FORMAT_VERSION}\": use a newer Vanilla", version.unwrap_or(""));
            Err(Error::data("format_version", problem))
        }
        (format, _) => {
            let problem = format!(
                "{:?}, expected \"{FORMAT}\": describe the model and call load_weights",
                format.unwrap_or("")
            );
            Err(Error::data("format", problem))
        }
    }
}

/// The place of each array, if all names are one text with a number behind it.
fn numbered(arrays: &[(&str, &Array)]) -> Option<Vec<usize>> {
    let mut text = None;
    let mut numbers = Vec::new();
    for (name, _) in arrays {
        let head = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if *text.get_or_insert(head) != head {
            return None;
        }
        numbers.push(name[head.len()..].parse::<usize>().ok()?);
    }
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_key(|at| numbers[*at]);
    if order.windows(2).any(|pair| numbers[pair[0]] == numbers[pair[1]]) {
        return None;
    }
    let mut places = vec![0; order.len()];
    order.into_iter().enumerate().for_each(|(place, at)| places[at] = place);
    Some(places)
}

/// The error for names that are not the model's.
fn unknown(arrays: &[(&str, &Array)], names: &[String], known: &dyn Fn(&str) -> Option<usize>) -> Error {
    let stranger = arrays.iter().map(|(name, _)| *name).find(|name| known(name).is_none()).unwrap_or_default();
    let shown: String = stranger.chars().take(100).collect();
    let mut expected: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    if names.len() > 8 {
        expected.push("…");
    }
    let problem = format!(
        "is no weight of the model, expected {}; or arrays named by numbers, in the order of get_weights (kernels are \
         inputs x outputs: those of PyTorch have to be transposed)",
        expected.join(", ")
    );
    Error::data(format!("array {shown:?}"), problem)
}

/// Tensors as arrays of the types that weights have.
fn arrays_of(tensors: Vec<Tensor>) -> Result<Vec<(String, Array)>> {
    let array = |Tensor { name, shape, values }: Tensor| {
        let data = match values {
            Values::U8(values) => Data::U8(values),
            Values::I64(values) => Data::I64(values),
            Values::F32(values) => Data::F32(values),
            Values::F64(values) => Data::F32(values.into_iter().map(|x| x as f32).collect()),
            Values::U64(values) => {
                let whole = values.into_iter().map(|x| i64::try_from(x).ok()).collect::<Option<Vec<i64>>>();
                let Some(whole) = whole else {
                    return Err(Error::data(format!("array {name:?}"), "has an integer of 2^63 or more"));
                };
                Data::I64(whole)
            }
        };
        Ok((name, Array { shape, data }))
    };
    tensors.into_iter().map(array).collect()
}
