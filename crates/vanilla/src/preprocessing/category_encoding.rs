//! `CategoryEncoding`: whole numbers below `num_tokens` as vectors.
//!
//! **Formula** `one_hot`: 1 at the place of each number; `multi_hot`: 1 at the place of every number of a sample;
//! `count`: how often each number occurs in a sample
//! **Shapes** `(None, k)` to `(None, num_tokens)`; `one_hot`: to `(None, k, num_tokens)`, without the `k` where it
//! is 1
//! **Config** `num_tokens`, `output_mode` = multi_hot, `sparse` = false (no other)
//! **Gradient** none: it runs before the network
//! **Reference** `keras.layers.CategoryEncoding`
//!
//! Different from Keras, which announces an error for a number outside of `0..num_tokens` and then drops it
//! without a word (and only sometimes fails at a negative one): it is always an error here. So is a fraction,
//! which Keras cuts off.

use super::output_mode::{OutputMode, current_name};
use super::{MOST_ENTRIES, Preprocessor, common_keys, integers, row_of};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::layers::Common;
use crate::tensor::Tensor;
use vanilla_plan::Formula;

const MODES: [OutputMode; 3] = [OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count];

/// Whole numbers as vectors of `num_tokens` columns.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::preprocessing::{CategoryEncoding, Preprocessor};
/// let topics = Tensor::new(vec![0i64, 1, 2, 2], [2, 2])?;
/// let encoded = CategoryEncoding::new(3).output_mode("count").apply("topics", &topics)?;
/// assert_eq!(encoded.to_f32(), [1., 1., 0., 0., 0., 2.]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CategoryEncoding {
    common: Common,
    num_tokens: usize,
    output_mode: String,
}

impl CategoryEncoding {
    /// Keras's class name.
    pub const CLASS: &'static str = "CategoryEncoding";

    /// Numbers in `0..num_tokens`.
    pub fn new(num_tokens: usize) -> Self {
        Self { common: Common::PLAIN, num_tokens, output_mode: "multi_hot".into() }
    }

    /// `one_hot`, `multi_hot` or `count`.
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
    /// When `num_tokens` is missing or a key makes no sense.
    pub fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        common_keys(config, &["float32"])?;
        let Some(num_tokens) = config.integer("num_tokens")? else {
            return Err(
                config.error("num_tokens is missing: the number of categories; IntegerLookup counts them itself")
            );
        };
        let mode = config.string("output_mode")?.unwrap_or("multi_hot".into());
        let word = Self { common, num_tokens, output_mode: current_name(&mode).into() };
        word.mode().map_err(|problem| config.error(problem))?;
        Ok(word)
    }

    /// `count` with a weight for each number instead of 1: Keras's `count_weights`. Both tensors have one shape.
    ///
    /// # Errors
    /// As [`Preprocessor::apply`]; when the mode is another one or the shapes differ.
    pub fn count(&self, place: &str, x: &Tensor, count_weights: &Tensor) -> Result<Tensor> {
        if self.output_mode != "count" {
            let problem = format!("count_weights with output_mode = \"{}\", expected \"count\"", self.output_mode);
            return Err(Error::config(place, problem));
        }
        if count_weights.shape() != x.shape() {
            let problem = format!(
                "count_weights has the shape {:?}, expected {:?}: one weight for every number of x",
                count_weights.shape(),
                x.shape()
            );
            return Err(Error::data(place, problem));
        }
        self.encode(place, x, Some(&super::floats(place, count_weights)?))
    }

    fn mode(&self) -> std::result::Result<OutputMode, String> {
        if self.num_tokens == 0 {
            return Err("num_tokens = 0, expected at least 1".into());
        }
        OutputMode::named(&self.output_mode, &MODES)
    }

    fn encode(&self, place: &str, x: &Tensor, weights: Option<&[f32]>) -> Result<Tensor> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        let tokens = integers(place, x)?;
        let inside = |token: &i64| usize::try_from(*token).ok().filter(|token| *token < self.num_tokens);
        let indices: Vec<Option<usize>> = tokens.iter().map(inside).collect();
        if let Some(outside) = indices.iter().position(Option::is_none) {
            let problem = format!(
                "x is {} in row {}, expected whole numbers from 0 to {}: raise num_tokens, or use an \
                 IntegerLookup",
                tokens[outside],
                row_of(x, outside),
                self.num_tokens - 1
            );
            return Err(Error::data(place, problem));
        }
        mode.encode(place, &indices, x.shape(), self.num_tokens, weights)
    }
}

impl Preprocessor for CategoryEncoding {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! { "num_tokens": self.num_tokens, "output_mode": self.output_mode }
    }
    fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        Ok(mode.shape(input, self.num_tokens))
    }
    fn apply(&self, place: &str, x: &Tensor) -> Result<Tensor> {
        self.encode(place, x, None)
    }
    fn formula(&self, input: &[usize]) -> Option<Formula> {
        let (mode, length) = (self.mode().ok()?, input.iter().product::<usize>());
        let small = length.saturating_mul(self.num_tokens) <= MOST_ENTRIES;
        small.then(|| Formula::row(length, |x| mode.formula(x, input, self.num_tokens)))
    }
}
