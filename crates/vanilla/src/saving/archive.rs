//! `.keras` files: description, weights, optimizer and vocabularies in one archive (see
//! [`keras_zip`](vanilla_formats::keras_zip)), of Keras 3 and of 2.12 and later.
//!
//! A vocabulary that a lookup has learned stands beside the description, as lines of `assets/layers/NAME/vocabulary.txt`,
//! NAME as in the tree of weights (`tree.rs`), which may hold `vars/idf_weights` of it. It is put into the description, where the layer reads it. What Vanilla
//! writes has it there from the beginning, which Keras reads as well.

use super::numbers::floats;
use super::{KERAS_VERSION, keras2, tree, unreadable};
use crate::error::{Error, Result};
use crate::info::ModelInfo;
use crate::json::compile_config;
use crate::json_text;
use crate::model::Model;
use crate::registry::Registry;
use serde_json::{Value, json};
use vanilla_formats::hdf5::{self, Group, Node};
use vanilla_formats::keras_zip::{self, KerasArchive};

const CONFIG: &str = "config.json";
const NAMELESS: &str = "config.json has the state of an optimizer and not its name, as Keras writes a model that was \
                        saved as .h5 before: rmsprop, Keras's default, begins anew";

impl Model {
    /// The bytes of the `.keras` file that [`Model::save`] writes.
    ///
    /// # Errors
    /// When the input shape is not known, or a name has no place in the format.
    pub fn to_keras(&self) -> Result<Vec<u8>> {
        let unfit = |error: vanilla_formats::FormatError| Error::data("model", error.to_string());
        // Without a date: the same model gives the same bytes.
        let mut metadata = json!({ "keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00" });
        if !self.info.is_empty() {
            metadata["vanilla"] = self.info.to_json();
        }
        let archive = KerasArchive {
            metadata: Some(metadata.to_string()),
            config: self.to_json()?.to_string(),
            weights: hdf5::write(&self.weights_tree()?).map_err(unfit)?.into(),
            assets: Vec::new(),
        };
        keras_zip::write(&archive).map_err(unfit)
    }

    pub(super) fn from_keras(bytes: &[u8], registry: &Registry) -> Result<Self> {
        let archive = keras_zip::read(bytes).map_err(unreadable)?;
        let in_config = |error: Error| Error::data(CONFIG, error.to_string());
        let mut config: Value = json_text::parse(&archive.config).map_err(|error| Error::data(CONFIG, error))?;
        // What is no JSON in it was not written by Keras, and nothing depends on it.
        let metadata: Value = archive.metadata.and_then(|text| json_text::parse(&text).ok()).unwrap_or_default();
        let version = metadata.get("keras_version").and_then(Value::as_str);
        let old = keras2::is_old(Some(version.unwrap_or(KERAS_VERSION)));
        if old {
            keras2::model(&mut config).map_err(in_config)?;
        }
        let tree = hdf5::read(&archive.weights).map_err(|error| Error::data(tree::FILE, error.to_string()))?;
        for (name, text) in &archive.assets {
            put_vocabulary(&mut config, name, text, &tree)?;
        }
        // A description of more weights than the file can hold ends here.
        let most = archive.weights.len() / size_of::<f32>();
        let mut model = Self::without_weights(&config, registry, most).map_err(in_config)?;
        let compile = compile_config(&config);
        if let Some(compile) = compile {
            model.compile_as_saved(compile.clone(), old, registry).map_err(in_config)?;
        }
        let mut numbers = model.numbers_of_tree(&tree)?;
        if model.is_compiled() && compile.is_some_and(|compile| compile.get("optimizer").is_none()) {
            model.remarks.push(NAMELESS.to_owned());
        } else if model.is_compiled() && tree.get(tree::OPTIMIZER).is_none() {
            model.remarks.push("the file has no state of the optimizer, which begins anew".into());
        } else {
            numbers.state = model.state_of_tree(&tree)?.or_remark(tree::OPTIMIZER, &mut model.remarks);
        }
        model.take_in(numbers);
        if let Some(info) = metadata.get("vanilla") {
            let info = ModelInfo::from_json(info).and_then(|info| model.set_info(info));
            info.map_err(|error| Error::data("metadata.json", error.to_string()))?;
        }
        Ok(model)
    }
}

/// Puts the lines of an asset into the description of the lookup that they belong to, and the weights of the words, if
/// the tree has some, beside them.
fn put_vocabulary(config: &mut Value, name: &str, text: &str, tree: &Group) -> Result<()> {
    let wrong =
        |expected: &str| Err(Error::data(format!("member {name:?}"), format!("{expected}: save the model again")));
    let Some(path) = name.strip_prefix("assets/").and_then(|name| name.strip_suffix("/vocabulary.txt")) else {
        return wrong("expected assets/LAYER/vocabulary.txt, the only kind of asset that is read");
    };
    let mut node = config;
    let mut parts = path.split('/').filter(|part| *part != "_layer_checkpoint_dependencies");
    while let Some(part) = parts.next() {
        let group = if part == "layers" { parts.next().unwrap_or_default() } else { part };
        let Some(layer) = tree::layer_of_group(node, group) else {
            return wrong("expected the place of a layer of the model");
        };
        node = layer;
    }
    let class = node.get("class_name").and_then(Value::as_str).unwrap_or_default().to_owned();
    // As texts in a description they take up to fifty times their bytes.
    if text.split('\n').count() > json_text::MAX_VALUES {
        return wrong(&format!("has more words than the {} that are read", json_text::MAX_VALUES));
    }
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let vocabulary: Option<Vec<Value>> = match &*class {
        "StringLookup" => Some(lines.map(Value::from).collect()),
        "IntegerLookup" => lines.map(|line| line.parse::<i64>().ok().map(Value::from)).collect(),
        _ => return wrong(&format!("is a vocabulary of a layer of the class {class}, expected a lookup")),
    };
    let Some(vocabulary) = vocabulary else { return wrong("expected a whole number in each line") };
    match node.get_mut("config").and_then(Value::as_object_mut) {
        Some(keys) if keys.get("vocabulary").is_none_or(Value::is_null) => {
            let tokens = vocabulary.len();
            keys.insert("vocabulary".into(), vocabulary.into());
            if let Some(Node::Dataset(weights)) = tree.get(&format!("{path}/vars/{}", tree::IDF_WEIGHTS)) {
                let place = format!("{}: {path}/vars/{}", tree::FILE, tree::IDF_WEIGHTS);
                let mut weights = floats(weights, &place, &weights.shape)?.to_vec();
                // Behind them are columns that no token has.
                weights.truncate(tokens);
                keys.insert(tree::IDF_WEIGHTS.into(), json!(weights));
            }
            Ok(())
        }
        _ => wrong("is beside a vocabulary in the description, expected one of the two"),
    }
}
