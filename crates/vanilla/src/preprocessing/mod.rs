//! Words that run on typed columns before the network: strings and integers in, numbers out. One word a file.
//!
//! They are described with Keras's names, may learn from a column ([`Preprocessor::adapt`]), and turn columns into
//! what a network reads ([`Preprocessor::apply`]):
//!
//! ```
//! use vanilla::prelude::*;
//! use vanilla::preprocessing::{Preprocessor, StringLookup};
//!
//! let colours = Tensor::new(vec!["red", "blue", "red", "green"], [4])?;
//! let mut lookup = StringLookup::new().output_mode("one_hot");
//! lookup.adapt("colour", &colours)?;
//! assert_eq!(lookup.get_vocabulary(true), ["[UNK]", "red", "green", "blue"]);
//! let rows = lookup.apply("colour", &colours.slice(0..2)?)?;
//! assert_eq!(rows.to_f32(), [0., 1., 0., 0., 0., 0., 0., 1.]);
//! # Ok::<(), vanilla::Error>(())
//! ```
//!
//! A vocabulary is data inside the configuration, never a path: a model that names a file to read is refused.

mod fingerprint;
mod index_lookup;
mod moments;
mod output_mode;
mod quantiles;
#[cfg(test)]
mod tests;

pub use hashing::MaskValue;
pub use index_lookup::{IndexLookup, Token};
pub use moments::moments;

/// The registry: module, type. They are layers as well: `layers/preprocessed.rs` makes them so.
macro_rules! registry {
    ($($module:ident $word:ident;)*) => {
        $(mod $module; pub use $module::$word;)*

        /// The words alone.
        pub(crate) mod words {
            $(pub use super::$word;)*
        }
    };
}

registry! {
    category_encoding CategoryEncoding;
    discretization Discretization;
    hashing Hashing;
    integer_lookup IntegerLookup;
    string_lookup StringLookup;
}

use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::tensor::{F32, STR, Tensor};
use std::fmt::Debug;
use vanilla_plan::Formula;

/// A word that runs before the network. Shapes are those of one sample, without the batch.
///
/// A vector of N elements is N samples of one element each. (Keras takes a vector for a single sample in the modes
/// that gather a sample, and loses the batch axis.)
pub trait Preprocessor: Debug + Send + Sync {
    /// Keras's class name.
    fn class_name(&self) -> &'static str;
    /// Keras's configuration, without `name`, `trainable` and `dtype`. What was learned is in it.
    fn config(&self) -> Keys;
    /// The `dtype` that Keras writes into the configuration.
    fn dtype(&self) -> &'static str {
        "float32"
    }
    /// Shape of one sample of the output for this shape of one sample of the input.
    ///
    /// # Errors
    /// When the description makes no sense, or the shape depends on what is not learned yet.
    fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>>;
    /// The output for these samples, one a row. Indices are integers, encodings floats.
    ///
    /// # Errors
    /// When the description makes no sense, something is not learned yet, or `x` holds what the word cannot take.
    fn apply(&self, place: &str, x: &Tensor) -> Result<Tensor>;
    /// The weight of every column, where columns have weights: Keras has them among the numbers of a file as well.
    fn idf_weights(&self) -> Option<Vec<f32>> {
        None
    }
    /// What `apply` computes for a sample of this shape, as a formula for a row of floats, for the exports to other
    /// languages; none where it reads something else, or hashes.
    fn formula(&self, _input: &[usize]) -> Option<Formula> {
        None
    }
    /// Learns from these samples, anew each time.
    ///
    /// # Errors
    /// When there is nothing to learn, or nothing can be learned from this.
    fn adapt(&mut self, place: &str, _x: &Tensor) -> Result<()> {
        let class = self.class_name();
        Err(Error::config(place, format!("{class} has nothing to learn: call it without adapt")))
    }
}

/// Takes the keys that have one meaning here: `dtype`, where the place that reads layers left it, and `sparse`.
fn common_keys(config: &mut Config, dtypes: &[&str]) -> Result<()> {
    if let Some(dtype) = config.take("dtype") {
        let name = if dtype.is_string() { &dtype } else { &dtype["config"]["name"] };
        if !dtypes.iter().any(|known| name == known) {
            return Err(config.error(format!("dtype = {name}, expected {}: leave it out", dtypes.join(" or "))));
        }
    }
    if config.boolean("sparse")? == Some(true) {
        return Err(config.error("sparse = true is not supported, outputs are dense: leave it out"));
    }
    Ok(())
}

/// Takes `salt`: null, a number, or two of them. One number stands for both.
fn salt(config: &mut Config) -> Result<Option<[i64; 2]>> {
    let Some(value) = config.take("salt") else { return Ok(None) };
    let pair = match value.as_array().map(Vec::as_slice) {
        None => value.as_i64().map(|number| [number; 2]),
        Some([a, b]) => a.as_i64().zip(b.as_i64()).map(|(a, b)| [a, b]),
        Some(_) => None,
    };
    let problem = || config.error(format!("salt = {value}, expected a whole number or two, such as [133, 137]"));
    pair.ok_or_else(problem).map(Some)
}

/// Entries of the tables of a formula, at most: beyond, it would be longer than the program that it is for.
const MOST_ENTRIES: usize = 1 << 20;

/// A scalar has no rows.
fn has_rows(place: &str, x: &Tensor) -> Result<()> {
    if x.shape().is_empty() {
        return Err(Error::data(place, "x is a scalar, expected one sample a row: reshape it to [1]"));
    }
    Ok(())
}

/// The row that an element is in.
fn row_of(x: &Tensor, index: usize) -> usize {
    index / x.width().max(1)
}

/// The elements as floats that are numbers.
pub(crate) fn floats(place: &str, x: &Tensor) -> Result<Vec<f32>> {
    has_rows(place, x)?;
    if x.dtype() == STR {
        return Err(not_strings(place));
    }
    let values = x.to_f32();
    match values.iter().position(|value| value.is_nan()) {
        None => Ok(values),
        Some(index) => {
            let row = row_of(x, index);
            Err(Error::data(place, format!("x is NaN in row {row}: fill or drop such values first")))
        }
    }
}

/// The elements as whole numbers; floats may hold them, too.
pub(crate) fn integers(place: &str, x: &Tensor) -> Result<Vec<i64>> {
    has_rows(place, x)?;
    match x.dtype() {
        STR => Err(not_strings(place)),
        F32 => {
            let values = x.to_f32();
            let bad = |value: &f32| !value.is_finite() || value.fract() != 0.0;
            match values.iter().position(bad) {
                None => Ok(values.into_iter().map(|value| value as i64).collect()),
                Some(index) => Err(Error::data(
                    place,
                    format!(
                        "x is {} in row {}, expected whole numbers: put a Discretization first",
                        values[index],
                        row_of(x, index)
                    ),
                )),
            }
        }
        _ => Ok(x.to_i64()),
    }
}

fn not_strings(place: &str) -> Error {
    Error::data(place, "x holds strings, expected numbers: put a StringLookup or Hashing first")
}
