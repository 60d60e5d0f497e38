//! `Hashing`: strings and integers to a fixed number of bins, without a vocabulary.
//!
//! **Formula** `bin = hash(x) mod num_bins`; with a `mask_value` (and more than one bin) bin 0 is the mask's, and
//! the others are `1 + hash(x) mod (num_bins - 1)`. The hash is FarmHash's Fingerprint64 of the text; with a
//! `salt` SipHash-2-4 under this key. Integers are hashed as their decimal digits, floats after their fraction was
//! cut off
//! **Shapes** `int` keeps them; else those of the output mode, with `num_bins` as depth
//! **Config** `num_bins`, `salt` = null (a number or two), `mask_value` = null, `output_mode` = int, `sparse` =
//! false (no other); `dtype` is int64 in the mode `int`
//! **Gradient** none: it runs before the network
//! **Reference** `keras.layers.Hashing`, on TensorFlow
//!
//! Different from Keras: a `mask_value` of another type than the column is an error with its reason, and floats
//! that are not finite have no bin.

use super::fingerprint::bin;
use super::output_mode::{OutputMode, current_name};
use super::{Preprocessor, common_keys, has_rows, row_of, salt};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::layers::Common;
use crate::tensor::{F32, Tensor};
use serde_json::Value;

/// The value that stands for what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskValue {
    /// In a column of numbers.
    Integer(i64),
    /// In a column of strings.
    String(String),
}

impl From<i64> for MaskValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<&str> for MaskValue {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

/// Strings and integers to `num_bins` bins.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::preprocessing::{Hashing, Preprocessor};
/// let x = Tensor::new(vec!["A", "B", "C", "D", "E"], [5, 1])?;
/// assert_eq!(Hashing::new(3).apply("x", &x)?.to_i64(), [1, 0, 1, 1, 2]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hashing {
    common: Common,
    num_bins: usize,
    mask_value: Option<MaskValue>,
    salt: Option<[i64; 2]>,
    output_mode: String,
}

impl Hashing {
    /// Keras's class name.
    pub const CLASS: &'static str = "Hashing";

    /// This many bins, the mask's included.
    pub fn new(num_bins: usize) -> Self {
        Self { common: Common::PLAIN, num_bins, mask_value: None, salt: None, output_mode: "int".into() }
    }

    /// Gives this value bin 0 for itself.
    pub fn mask_value(mut self, value: impl Into<MaskValue>) -> Self {
        self.mask_value = Some(value.into());
        self
    }

    /// A key: who does not know it cannot foresee the bins.
    pub fn salt(mut self, salt: [i64; 2]) -> Self {
        self.salt = Some(salt);
        self
    }

    /// `int`, `one_hot`, `multi_hot` or `count`.
    pub fn output_mode(mut self, mode: &str) -> Self {
        self.output_mode = current_name(mode).into();
        self
    }

    /// Names the layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.common.name = Some(name.into());
        self
    }

    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Reads Keras's keys.
    ///
    /// # Errors
    /// When `num_bins` is missing or a key makes no sense.
    pub fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        common_keys(config, &["int64", "int32", "float32"])?;
        let Some(num_bins) = config.integer("num_bins")? else {
            return Err(config.error("num_bins is missing: the number of bins, such as 1000"));
        };
        let salt = salt(config)?;
        let mask_value = match config.take("mask_value") {
            None => None,
            Some(Value::String(text)) => Some(MaskValue::String(text)),
            Some(value) => match value.as_i64() {
                Some(number) => Some(MaskValue::Integer(number)),
                None => {
                    return Err(config.error(format!("mask_value = {value}, expected a string or a whole number")));
                }
            },
        };
        let mode = config.string("output_mode")?.unwrap_or("int".into());
        let word = Self { common, num_bins, mask_value, salt, output_mode: current_name(&mode).into() };
        word.mode().map_err(|problem| config.error(problem))?;
        Ok(word)
    }

    fn mode(&self) -> std::result::Result<OutputMode, String> {
        if self.num_bins == 0 {
            return Err("num_bins = 0, expected at least 1".into());
        }
        OutputMode::named(&self.output_mode, &OutputMode::ENCODINGS)
    }

    /// Text and whether it is the mask, for every element.
    fn texts(&self, place: &str, x: &Tensor) -> Result<Vec<(String, bool)>> {
        let mask = self.mask_value.as_ref().filter(|_| self.num_bins > 1);
        let other_type = |mask: &dyn std::fmt::Debug| {
            let problem =
                format!("mask_value = {mask:?}, and x holds {}: expected a value of that type", x.dtype());
            Err(Error::config(place, problem))
        };
        if let Some(strings) = x.as_strings() {
            let mask = match mask {
                Some(MaskValue::Integer(mask)) => return other_type(mask),
                Some(MaskValue::String(mask)) => Some(mask),
                None => None,
            };
            return Ok(strings.iter().map(|text| (text.clone(), Some(text) == mask)).collect());
        }
        let mask = match mask {
            Some(MaskValue::String(mask)) => return other_type(mask),
            Some(MaskValue::Integer(mask)) => Some(*mask),
            None => None,
        };
        if x.dtype() != F32 {
            return Ok(x.to_i64().into_iter().map(|value| (value.to_string(), Some(value) == mask)).collect());
        }
        let values = x.to_f32();
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let row = row_of(x, index);
            let problem = format!("x is {} in row {row}: fill or drop such values first", values[index]);
            return Err(Error::data(place, problem));
        }
        let mask = mask.map(|mask| mask as f32);
        Ok(values.into_iter().map(|value| ((value as i64).to_string(), Some(value) == mask)).collect())
    }
}

impl Preprocessor for Hashing {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }
    fn dtype(&self) -> &'static str {
        if self.output_mode == "int" { "int64" } else { "float32" }
    }
    fn config(&self) -> Keys {
        let mask = match &self.mask_value {
            None => Value::Null,
            Some(MaskValue::Integer(number)) => (*number).into(),
            Some(MaskValue::String(text)) => text.as_str().into(),
        };
        keys! {
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": mask,
            "output_mode": self.output_mode,
            "sparse": false,
        }
    }
    fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        Ok(mode.shape(input, self.num_bins))
    }
    fn apply(&self, place: &str, x: &Tensor) -> Result<Tensor> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        has_rows(place, x)?;
        let masked = self.mask_value.is_some() && self.num_bins > 1;
        let bins = self.num_bins as u64 - u64::from(masked);
        let bin_of = |(text, is_mask): (String, bool)| match is_mask {
            true => 0,
            false => bin(&text, self.salt, bins) + u64::from(masked),
        };
        let found = self.texts(place, x)?.into_iter().map(bin_of);
        if mode == OutputMode::Int {
            return Tensor::new(found.map(|bin| bin as i64).collect(), x.shape());
        }
        let indices: Vec<Option<usize>> = found.map(|bin| Some(bin as usize)).collect();
        mode.encode(place, &indices, x.shape(), self.num_bins, None)
    }
}
