//! `ActivityRegularization`: a penalty on what passes through.
//!
//! **Formula** `y = x`; the loss grows by `(l1 sum|x| + l2 sum x^2) / rows of the batch`
//! **Shapes** any, unchanged
//! **Config** `l1` = 0, `l2` = 0
//! **Gradient** `dx = dy + (l1 sign(x) + 2 l2 x) / rows`
//! **Reference** `keras.layers.ActivityRegularization`

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::regularizers::Regularizer;
use std::sync::Arc;
use vanilla_plan::Fact;

/// Adds a penalty on its input to the loss, and passes it on.
#[derive(Clone, Debug, Default)]
pub struct ActivityRegularization {
    common: Common,
    l1: f64,
    l2: f64,
}

impl ActivityRegularization {
    pub(super) const CLASS: &'static str = "ActivityRegularization";

    /// A penalty of `l1 sum|x| + l2 sum x^2`, divided by the rows of the batch.
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { common: Common::PLAIN, l1, l2 }
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        // Keras writes the same penalty a second time.
        config.take("activity_regularizer");
        let mut weight = |key| config.float(key).map(|weight| weight.unwrap_or(0.0));
        Ok(Self { common, l1: weight("l1")?, l2: weight("l2")? })
    }
}

common!(ActivityRegularization);

impl Layer for ActivityRegularization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "l1": self.l1, "l2": self.l2 }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        for (key, weight) in [("l1", self.l1), ("l2", self.l2)] {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(bad_value(place, key, weight, "a weight of the penalty, at least 0"));
            }
        }
        let shape = one_input(place, inputs)?;
        Ok(Built::new(shape, vec![Fact::Activity { l1: self.l1 as f32, l2: self.l2 as f32 }]))
    }
}

/// The fact of a layer's `activity_regularizer`.
pub(super) fn activity(place: &str, regularizer: &Option<Arc<dyn Regularizer>>) -> Result<Option<Fact>> {
    let Some(regularizer) = regularizer else { return Ok(None) };
    let config = regularizer.config();
    let weight = |key: &str| config.get(key).and_then(serde_json::Value::as_f64).unwrap_or(0.0) as f32;
    match regularizer.class_name() {
        "L1" | "L2" | "L1L2" => Ok(Some(Fact::Activity { l1: weight("l1"), l2: weight("l2") })),
        other => Err(Error::config(
            place,
            format!("activity_regularizer = {other}, expected L1, L2 or L1L2: others work on variables only"),
        )),
    }
}
