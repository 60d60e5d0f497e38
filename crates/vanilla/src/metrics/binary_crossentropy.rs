//! `BinaryCrossentropy`.
//!
//! **Formula** mean over samples of the loss of this name: the mean over the outputs of `-(t ln p + (1 - t) ln(1 - p))`. Computed from the logits where the model's loss is a
//! cross-entropy joined with the last activation
//! **Shapes** target and output `(None, k)`
//! **Config** `from_logits` = false, `label_smoothing` = 0
//! **Reference** `keras.metrics.BinaryCrossentropy`

use super::mean_of_loss::value;
use super::{Direction, Metric, Row, same_width};
use crate::config::{Config, Keys};
use crate::error::Result;
use crate::losses;

/// Mean of the loss of this name.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryCrossentropy {
    loss: losses::BinaryCrossentropy,
}

impl BinaryCrossentropy {
    /// With the arguments of this loss.
    pub fn new(loss: losses::BinaryCrossentropy) -> Self {
        Self { loss }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { loss: losses::BinaryCrossentropy::from_config(config)? })
    }
}

impl Metric for BinaryCrossentropy {
    fn class_name(&self) -> &str {
        "BinaryCrossentropy"
    }
    fn name(&self) -> &str {
        "binary_crossentropy"
    }
    fn config(&self) -> Keys {
        let mut keys = losses::Loss::config(&self.loss);
        // Keras's metric has none.
        keys.shift_remove("axis");
        keys
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
