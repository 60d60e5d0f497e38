//! `IntegerLookup`: integers to their places in a vocabulary, or back.
//!
//! **Formula**, **Shapes** those of [`IndexLookup`]
//! **Config** `max_tokens` = null, `num_oov_indices` = 1, `mask_token` = null, `oov_token` = -1, `vocabulary` =
//! null, `vocabulary_dtype` = int64 (no other), `idf_weights` = null, `invert` = false, `output_mode` = int,
//! `pad_to_max_tokens` = false, `sparse` = false (no other), `oov_method` = floormod or farmhash, `salt` = null
//! (only with farmhash)
//! **Gradient** none: it runs before the network
//! **Reference** `keras.layers.IntegerLookup`
//!
//! Different from Keras: floats must be whole (Keras cuts fractions off), a path as vocabulary is refused in any
//! case, and a vocabulary that was learned stands in the configuration.

use super::index_lookup::{IndexLookup, Token};
use super::integers;
use crate::error::Result;
use crate::tensor::Tensor;
use serde_json::Value;
use std::borrow::Cow;

/// Integers to their places in a vocabulary.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::preprocessing::{IntegerLookup, Preprocessor};
/// let lookup = IntegerLookup::new().vocabulary([12, 36, 1138, 42]);
/// let x = Tensor::new(vec![12i64, 1138, 42, 42, 1000, 36], [2, 3])?;
/// assert_eq!(lookup.apply("x", &x)?.to_i64(), [1, 3, 4, 4, 0, 2]);
/// # Ok::<(), vanilla::Error>(())
/// ```
pub type IntegerLookup = IndexLookup<i64>;

impl Token for i64 {
    const CLASS: &'static str = "IntegerLookup";
    const WHAT: &'static str = "a whole number";

    fn default_oov() -> Self {
        -1
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_i64()
    }
    fn number(&self) -> Option<i64> {
        Some(*self)
    }
    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
    fn column<'a>(place: &str, x: &'a Tensor) -> Result<Cow<'a, [Self]>> {
        integers(place, x).map(Cow::Owned)
    }
}
