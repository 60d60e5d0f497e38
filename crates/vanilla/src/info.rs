//! [`ModelInfo`]: what travels with a model besides its layers and numbers: names of classes and of columns, notes.
//!
//! ```text
//! info = {"class_names": [text, …], "feature_names": [[text, …], …], "notes": {text: text, …}}
//! ```
//!
//! Every key may be missing. In a `.keras` file it is the key `vanilla` of `metadata.json`, which Keras does not look
//! at; in a `.h5` file the attribute `vanilla_info` of the root group; in a safetensors file the text `info`.

use crate::error::{Error, Result};
use crate::model::Model;
use serde_json::{Map, Value};

/// Names in one list.
const MAX_NAMES: usize = 65_536;
/// Bytes of a name, of a class, a column or a note.
const MAX_NAME: usize = 1024;
const MAX_NOTES: usize = 1024;
/// Bytes of everything together, as JSON: half of what `metadata.json` may have.
const MAX_BYTES: usize = 512 << 10;

/// Names of classes and columns and free notes. A file keeps them; nothing is computed from them.
///
/// ```
/// use vanilla::prelude::*;
/// let mut model = Sequential::new(layers![Dense::new(3).activation("softmax").input_dim(4)])?;
/// model.set_class_names(["setosa", "versicolor", "virginica"])?;
/// model.set_feature_names(0, ["sepal length", "sepal width", "petal length", "petal width"])?;
/// model.set_note("source", "iris.csv")?;
/// assert_eq!(model.class_names()[2], "virginica");
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelInfo {
    /// Names of the classes that the first output tells apart, in the order of its values; of an output with one
    /// value two names, that of 0 first. Empty where none are known.
    pub class_names: Vec<String>,
    /// Names of the columns of each input, in the order of the inputs. Empty where none are known.
    pub feature_names: Vec<Vec<String>>,
    /// Names and texts, in the order in which they were set.
    pub notes: Vec<(String, String)>,
}

impl ModelInfo {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.class_names.is_empty() && self.feature_names.iter().all(Vec::is_empty) && self.notes.is_empty()
    }

    /// The note of this name.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.notes.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// As files have it; what is empty is left out.
    pub fn to_json(&self) -> Value {
        let mut info = Map::new();
        if !self.class_names.is_empty() {
            info.insert("class_names".into(), self.class_names.clone().into());
        }
        if self.feature_names.iter().any(|names| !names.is_empty()) {
            let lists: Vec<Value> = self.feature_names.iter().map(|names| names.clone().into()).collect();
            info.insert("feature_names".into(), lists.into());
        }
        if !self.notes.is_empty() {
            let notes = self.notes.iter().map(|(name, text)| (name.clone(), Value::from(text.clone())));
            info.insert("notes".into(), Value::Object(notes.collect()));
        }
        Value::Object(info)
    }

    /// From a file. Keys that are not known are left alone: another version may have written them.
    ///
    /// # Errors
    /// When a value is of another kind than this version writes, or there is too much of it.
    pub fn from_json(value: &Value) -> Result<Self> {
        let wrong = |what: &str, expected: &str| {
            Err(Error::data(format!("info: {what}"), format!("expected {expected}: leave it out")))
        };
        let Some(table) = value.as_object() else { return wrong("vanilla", "a table") };
        let texts = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let mut info = Self::default();
        if let Some(names) = table.get("class_names") {
            let Some(names) = texts(names) else { return wrong("class_names", "a list of texts") };
            info.class_names = names;
        }
        if let Some(lists) = table.get("feature_names") {
            let lists = lists.as_array().and_then(|lists| lists.iter().map(texts).collect());
            let Some(lists) = lists else { return wrong("feature_names", "a list of texts for each input") };
            info.feature_names = lists;
        }
        if let Some(notes) = table.get("notes") {
            let note = |(name, text): (&String, &Value)| Some((name.clone(), text.as_str()?.to_owned()));
            let notes = notes.as_object().and_then(|notes| notes.iter().map(note).collect());
            let Some(notes) = notes else { return wrong("notes", "a table of texts") };
            info.notes = notes;
        }
        info.check()?;
        Ok(info)
    }

    /// Whether it may stand in a file.
    fn check(&self) -> Result<()> {
        let list = |what: &str, names: &[String]| {
            let wrong = |problem: String| Err(Error::data(format!("info: {what}"), problem));
            if names.len() > MAX_NAMES {
                return wrong(format!("{} names, expected at most {MAX_NAMES}", names.len()));
            }
            if let Some(at) = names.iter().position(|name| bad_name(name)) {
                return wrong(format!(
                    "name {at} is {}, expected 1 to {MAX_NAME} bytes without control characters: rename it",
                    shown(&names[at])
                ));
            }
            let mut seen = std::collections::HashSet::new();
            match names.iter().find(|name| !seen.insert(*name)) {
                Some(twice) => wrong(format!("{} is there twice: give each its own name", shown(twice))),
                None => Ok(()),
            }
        };
        list("class_names", &self.class_names)?;
        for (input, names) in self.feature_names.iter().enumerate() {
            list(&format!("feature_names of input {input}"), names)?;
        }
        if self.notes.len() > MAX_NOTES {
            let problem = format!("{} notes, expected at most {MAX_NOTES}: leave some out", self.notes.len());
            return Err(Error::data("info: notes", problem));
        }
        let names: Vec<String> = self.notes.iter().map(|(name, _)| name.clone()).collect();
        list("notes", &names)?;
        // A NUL ends a text in HDF5.
        if let Some((name, _)) = self.notes.iter().find(|(_, text)| text.contains('\0')) {
            let problem = format!("the text of {} has a NUL, which files do not keep: leave it out", shown(name));
            return Err(Error::data("info: notes", problem));
        }
        let bytes = self.to_json().to_string().len();
        if bytes > MAX_BYTES {
            let problem = format!("{bytes} bytes as JSON, expected at most {MAX_BYTES}: shorten names or notes");
            return Err(Error::data("info", problem));
        }
        Ok(())
    }
}

fn bad_name(name: &str) -> bool {
    name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control)
}

/// A text as it may be printed.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    format!("{short:?}{}", if short.len() < text.len() { "…" } else { "" })
}

impl Model {
    /// What travels with the model besides its layers and numbers.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Replaces all of it.
    ///
    /// # Errors
    /// When there are other numbers of names than the model has values, a name twice, or too much of anything. Then
    /// nothing is replaced.
    pub fn set_info(&mut self, info: ModelInfo) -> Result<()> {
        info.check()?;
        let inputs = self.graph.inputs.len();
        if info.feature_names.len() > inputs {
            let problem = format!("of {} inputs, and the model has {inputs}", info.feature_names.len());
            return Err(Error::data("info: feature_names", problem));
        }
        if let Some(built) = &self.built {
            let wanted = match built.output_shapes.first().and_then(|shape| shape.last()) {
                Some(1) => 2,
                Some(classes) => *classes,
                None => info.class_names.len(),
            };
            if !info.class_names.is_empty() && info.class_names.len() != wanted {
                let output = self.output_names().swap_remove(0);
                let problem = format!(
                    "{} names, expected {wanted}: the output '{output}' tells so many apart",
                    info.class_names.len()
                );
                return Err(Error::data("info: class_names", problem));
            }
            for (input, (names, shape)) in info.feature_names.iter().zip(&built.input_shapes).enumerate() {
                let columns = shape.last().copied().unwrap_or(1);
                if !names.is_empty() && names.len() != columns {
                    let problem = format!("{} names, expected {columns}: one for each column", names.len());
                    return Err(Error::data(format!("info: feature_names of input {input}"), problem));
                }
            }
        }
        self.info = info;
        Ok(())
    }

    /// Names of the classes that the first output tells apart; of an output with one value two, that of 0 first.
    /// Empty where none are known.
    pub fn class_names(&self) -> &[String] {
        &self.info.class_names
    }

    /// Names the classes that the first output tells apart; no names forget them.
    ///
    /// # Errors
    /// As [`Model::set_info`].
    pub fn set_class_names<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) -> Result<()> {
        let class_names = names.into_iter().map(Into::into).collect();
        self.set_info(ModelInfo { class_names, ..self.info.clone() })
    }

    /// Names of the columns of the input with this number. Empty where none are known.
    pub fn feature_names(&self, input: usize) -> &[String] {
        self.info.feature_names.get(input).map_or(&[], Vec::as_slice)
    }

    /// Names the columns of the input with this number; no names forget them.
    ///
    /// # Errors
    /// As [`Model::set_info`].
    pub fn set_feature_names<S: Into<String>>(
        &mut self,
        input: usize,
        names: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        let inputs = self.graph.inputs.len();
        if input >= inputs {
            let problem = format!("input {input}, and the model has {inputs}: they are counted from 0");
            return Err(Error::data("info: feature_names", problem));
        }
        let mut info = self.info.clone();
        info.feature_names.resize(info.feature_names.len().max(input + 1), Vec::new());
        info.feature_names[input] = names.into_iter().map(Into::into).collect();
        self.set_info(info)
    }

    /// The note of this name.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.info.note(name)
    }

    /// Keeps a text under this name; an earlier one of the name is replaced, an empty one forgets it.
    ///
    /// # Errors
    /// As [`Model::set_info`].
    pub fn set_note(&mut self, name: impl Into<String>, text: impl Into<String>) -> Result<()> {
        let (name, text) = (name.into(), text.into());
        let mut info = self.info.clone();
        match info.notes.iter().position(|(known, _)| *known == name) {
            Some(at) if text.is_empty() => drop(info.notes.remove(at)),
            Some(at) => info.notes[at].1 = text,
            None if text.is_empty() => {}
            None => info.notes.push((name, text)),
        }
        self.set_info(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use serde_json::json;

    fn model(units: usize) -> Model {
        Sequential::new(crate::layers![Dense::new(units).input_dim(2)]).unwrap()
    }

    #[test]
    fn names_and_notes_survive_json() {
        let mut model = model(3);
        assert!(model.info().is_empty());
        assert_eq!(model.info().to_json(), json!({}));
        model.set_class_names(["a", "b", "ü"]).unwrap();
        model.set_feature_names(0, ["x", "y"]).unwrap();
        model.set_note("b", "1").unwrap();
        model.set_note("a", "2\n3").unwrap();
        model.set_note("b", "4").unwrap();
        let info = model.info().clone();
        assert_eq!(ModelInfo::from_json(&info.to_json()).unwrap(), info);
        assert_eq!(info.notes, [("b".into(), "4".into()), ("a".into(), "2\n3".into())]);
        model.set_note("b", "").unwrap();
        assert_eq!((model.note("b"), model.note("a")), (None, Some("2\n3")));
        model.set_class_names([""; 0]).unwrap();
        assert!(model.class_names().is_empty());
    }

    #[test]
    fn two_names_for_an_output_of_one_value() {
        model(1).set_class_names(["no", "yes"]).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut model = model(3);
        model.set_class_names(["a", "b", "c"]).unwrap();
        let long = "x".repeat(MAX_NAME + 1);
        let errors = [
            model.set_class_names(["a", "b"]),
            model.set_class_names(["a", "a", "b"]),
            model.set_class_names(["a", "", "b"]),
            model.set_class_names(["a", &long, "b"]),
            model.set_class_names(["a", "\u{1b}[2J", "b"]),
            model.set_feature_names(0, ["x", "y", "z"]),
            model.set_feature_names(1, ["x", "y"]),
            model.set_note("", "x"),
            model.set_note("x", "\0"),
            model.set_note("x", "y".repeat(MAX_BYTES)),
            model.set_info(ModelInfo { feature_names: vec![vec![], vec![]], ..ModelInfo::default() }),
        ];
        let texts: Vec<String> = errors.into_iter().map(|error| error.unwrap_err().to_string()).collect();
        let shortened = "x".repeat(100);
        assert_eq!(
            texts,
            [
                "info: class_names: 2 names, expected 3: the output 'dense' tells so many apart",
                "info: class_names: \"a\" is there twice: give each its own name",
                "info: class_names: name 1 is \"\", expected 1 to 1024 bytes without control characters: rename it",
                &format!(
                    "info: class_names: name 1 is \"{shortened}\"…, expected 1 to 1024 bytes without control \
                     characters: rename it"
                ),
                "info: class_names: name 1 is \"\\u{1b}[2J\", expected 1 to 1024 bytes without control characters: \
                 rename it",
                "info: feature_names of input 0: 3 names, expected 2: one for each column",
                "info: feature_names: input 1, and the model has 1: they are counted from 0",
                "info: notes: name 0 is \"\", expected 1 to 1024 bytes without control characters: rename it",
                "info: notes: the text of \"x\" has a NUL, which files do not keep: leave it out",
                "info: 524334 bytes as JSON, expected at most 524288: shorten names or notes",
                "info: feature_names: of 2 inputs, and the model has 1",
            ]
        );
        assert_eq!(model.class_names(), ["a", "b", "c"]);
    }

    #[test]
    fn tables_of_another_kind_are_refused() {
        for (table, text) in [
            (json!([]), "info: vanilla: expected a table: leave it out"),
            (json!({ "class_names": "a" }), "info: class_names: expected a list of texts: leave it out"),
            (json!({ "class_names": [1] }), "info: class_names: expected a list of texts: leave it out"),
            (
                json!({ "feature_names": ["x"] }),
                "info: feature_names: expected a list of texts for each input: leave it out",
            ),
            (json!({ "notes": { "a": 1 } }), "info: notes: expected a table of texts: leave it out"),
        ] {
            assert_eq!(ModelInfo::from_json(&table).unwrap_err().to_string(), text);
        }
        assert!(ModelInfo::from_json(&json!({ "later": 1 })).unwrap().is_empty());
    }
}
