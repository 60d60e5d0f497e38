//! `CategoricalCrossentropy`.
//!
//! **Formula** mean over samples of the loss of this name: `-sum(t ln p)`. Computed from the logits where the model's loss is a
//! cross-entropy joined with the last activation
//! **Shapes** target and output `(None, k)`
//! **Config** `from_logits` = false, `label_smoothing` = 0, `axis` = -1 (no other)
//! **Reference** `keras.metrics.CategoricalCrossentropy`

use super::mean_of_loss::value;
use super::{Direction, Metric, Row, same_width};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::losses;

/// Mean of the loss of this name.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalCrossentropy {
    loss: losses::CategoricalCrossentropy,
}

impl CategoricalCrossentropy {
    /// With the arguments of this loss.
    pub fn new(loss: losses::CategoricalCrossentropy) -> Self {
        Self { loss }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { loss: losses::CategoricalCrossentropy::from_config(config)? })
    }
}

impl Metric for CategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "CategoricalCrossentropy"
    }
    fn name(&self) -> &str {
        "categorical_crossentropy"
    }
    fn config(&self) -> Keys {
        losses::Loss::config(&self.loss)
    }
    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }
    fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        same_width(target, outputs)
    }
    fn wants_logits(&self) -> bool {
        true
    }
    fn sample(&self, row: &Row<'_>) -> f32 {
        value(&self.loss, row)
    }
}
