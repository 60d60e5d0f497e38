//! `StringLookup`: strings to their places in a vocabulary, or back.
//!
//! **Formula**, **Shapes** those of [`IndexLookup`]
//! **Config** `max_tokens` = null, `num_oov_indices` = 1, `mask_token` = null, `oov_token` = "[UNK]", `vocabulary`
//! = null, `idf_weights` = null, `invert` = false, `output_mode` = int, `pad_to_max_tokens` = false, `sparse` =
//! false (no other), `encoding` = utf-8 (no other), `oov_method` = floormod (without effect on strings), `salt` =
//! null
//! **Gradient** none: it runs before the network
//! **Reference** `keras.layers.StringLookup`
//!
//! Different from Keras: a vocabulary that is a string, a path to read, is refused in any case (CVE-2025-12058),
//! and a vocabulary that was learned stands in the configuration (in Keras in a file of its own beside it).

use super::index_lookup::{IndexLookup, Token};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use serde_json::Value;
use std::borrow::Cow;

/// Strings to their places in a vocabulary.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::preprocessing::{Preprocessor, StringLookup};
/// let lookup = StringLookup::new().vocabulary(["a", "b"]);
/// let x = Tensor::new(vec!["b", "q", "a"], [3])?;
/// assert_eq!(lookup.apply("x", &x)?.to_i64(), [2, 0, 1]);
/// # Ok::<(), vanilla::Error>(())
/// ```
pub type StringLookup = IndexLookup<String>;

impl Token for String {
    const CLASS: &'static str = "StringLookup";
    const WHAT: &'static str = "a string";

    fn default_oov() -> Self {
        "[UNK]".into()
    }
    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
    fn number(&self) -> Option<i64> {
        None
    }
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
    fn column<'a>(place: &str, x: &'a Tensor) -> Result<Cow<'a, [Self]>> {
        let problem =
            || format!("x holds {}, expected strings: call astype(STR) on it, or use an IntegerLookup", x.dtype());
        x.as_strings().map(Cow::Borrowed).ok_or_else(|| Error::data(place, problem()))
    }
}
