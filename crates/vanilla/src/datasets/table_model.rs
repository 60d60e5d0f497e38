//! [`Prepared::model`]: a network for a table, with everything that turns raw rows into numbers inside of it.
//!
//! ```text
//! numbers ─ Normalization ──────────┐
//! text    ─ StringLookup (one_hot) ─┼─ Concatenate ─ layers ─ (Rescaling)
//! text    ─ StringLookup (one_hot) ─┘
//! ```
//!
//! Normalization and lookups learn from the training rows alone. A target that is a number is predicted in its own
//! units: the last layer multiplies by its standard deviation and adds its mean, so that the layers before it work
//! on numbers of size 1. (For Adam, whose steps do not depend on the loss's scale, that is training on a
//! standardised target.) A table of numbers alone gives a Sequential.

use super::prepare::Prepared;
use crate::error::{Error, Result};
use crate::graph::{Call, Content, InputLayer, KerasTensor};
use crate::layers::{AnyLayer, Concatenate, Normalization, Rescaling};
use crate::model::{Model, Sequential};
use crate::preprocessing::{Preprocessor, StringLookup};

/// The most different texts of a column that a model tells apart, the unknown one among them; rarer ones are unknown.
pub const MOST_TEXTS: usize = 256;

impl Prepared {
    /// The model that `layers` make behind the encoded columns; it knows the names of columns and classes.
    ///
    /// ```
    /// use vanilla::datasets::{Prepare, Table};
    /// use vanilla::prelude::*;
    /// let rows: String = (0..40).map(|i| format!("{},{}\n", i % 20, if i % 20 < 10 { "low" } else { "high" })).collect();
    /// let table = Table::from_csv("sizes", format!("size,class\n{rows}").as_bytes(), &Default::default())?;
    /// let prepared = table.prepare(&Prepare::new("class"))?;
    /// let mut model = prepared.model(layers![
    ///     Dense::new(8).activation("relu"),
    ///     Dense::new(prepared.schema.classes.len()).activation("softmax"),
    /// ])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["accuracy"])?;
    /// let part = &prepared.dataset.train;
    /// model.fit(&part.x, part.y.as_ref().unwrap(), Fit::new().epochs(3).verbose(0))?;
    /// assert_eq!(model.class_names(), ["high", "low"]);
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a layer does not fit, the output has not one value for each class, or there are too many names.
    pub fn model(&self, layers: Vec<AnyLayer>) -> Result<Model> {
        let mut layers = layers;
        if let Some(rescaling) = self.target_units()? {
            layers.push(rescaling.into());
        }
        let tensors = self.dataset.train.x.tensors();
        let mut scaled = Normalization::new();
        let numbers = &self.schema.numbers;
        if !numbers.is_empty() {
            scaled.adapt(&tensors[0])?;
        }
        let mut model = if self.schema.texts.is_empty() {
            let front: [AnyLayer; 2] = [InputLayer::new([numbers.len()]).name("numbers").into(), scaled.into()];
            Sequential::new(front.into_iter().chain(layers).collect())?
        } else {
            let (mut inputs, mut columns) = (Vec::new(), Vec::new());
            let mut names = vec!["numbers".to_owned()];
            if !numbers.is_empty() {
                let input = InputLayer::new([numbers.len()]).name("numbers").tensor();
                columns.push(scaled.call(&input));
                inputs.push(input);
            }
            for (name, texts) in self.schema.texts.iter().zip(&tensors[inputs.len()..]) {
                let input = InputLayer::new([1]).dtype("string").name(unused(&mut names, name)).tensor();
                let mut lookup = StringLookup::new().output_mode("one_hot").max_tokens(MOST_TEXTS);
                lookup.adapt(name, texts)?;
                columns.push(lookup.call(&input));
                inputs.push(input);
            }
            let row = if columns.len() == 1 { columns.swap_remove(0) } else { Concatenate::new().call(&columns) };
            let behind = |x: KerasTensor, layer: AnyLayer| KerasTensor::of(layer.0, (&x).into(), 0);
            let layers = layers.into_iter().filter(|layer| !matches!(layer.0, Content::Input(_)));
            Model::new(&inputs, &layers.fold(row, behind))?
        };
        model.set_info(self.schema.info())?;
        Ok(model)
    }

    /// As [`Prepared::model`], with the layers of a described Sequential.
    ///
    /// # Errors
    /// As [`Prepared::model`]; when `head` is no Sequential.
    pub fn model_behind(&self, head: &Model) -> Result<Model> {
        if !head.graph.is_sequential() {
            let problem = "is a graph, expected a Sequential: the layers behind the columns of a table";
            return Err(Error::config(format!("model '{}'", head.name()), problem));
        }
        let contents = head.graph.entries.iter().map(|entry| entry.content.clone());
        self.model(contents.filter(|content| !matches!(content, Content::Input(_))).map(AnyLayer).collect())
    }

    /// What brings a prediction into the units of the target.
    fn target_units(&self) -> Result<Option<Rescaling>> {
        let Some(y) = self.dataset.train.y.as_ref().filter(|_| self.schema.classes.is_empty()) else {
            return Ok(None);
        };
        let values: Vec<f64> = y.to_f32().into_iter().map(f64::from).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        // As f32, in which the layer computes: then a file has the number that was computed with.
        let (scale, offset) = (f64::from(variance.sqrt() as f32), f64::from(mean as f32));
        if scale == 0.0 || !scale.is_finite() {
            let problem = "the target of the training rows has one value alone: there is nothing to learn";
            return Err(Error::data(&self.dataset.source, problem));
        }
        Ok(Some(Rescaling::new(scale).offset(offset).name("target_units")))
    }
}

/// A column's name as a layer may have it: letters, digits and `_.-`, another than those before.
fn unused(names: &mut Vec<String>, column: &str) -> String {
    let kept = |letter: char| if letter.is_ascii_alphanumeric() || "_.-".contains(letter) { letter } else { '_' };
    let name: String = column.chars().take(40).map(kept).collect();
    let name = if name.is_empty() { "column".to_owned() } else { name };
    let numbered = |i: usize| format!("{name}_{i}");
    let free = |name: &String| !names.contains(name);
    let found = std::iter::once(name.clone()).chain((1..).map(numbered)).find(free).unwrap_or(name);
    names.push(found.clone());
    found
}
