//! What the cross-entropies have in common: whether outputs are logits, and targets that are not quite 0 and 1.

use crate::config::{Config, Keys, keys};
use crate::error::Result;

/// The arguments that every cross-entropy of vectors takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Common {
    /// The model's outputs are logits.
    pub from_logits: bool,
    /// The share of every target that goes to all classes alike.
    pub label_smoothing: f32,
}

impl Common {
    /// Takes `from_logits`, `label_smoothing` and `axis`.
    pub fn from_config(config: &mut Config) -> Result<Self> {
        last_axis(config)?;
        let from_logits = config.boolean("from_logits")?.unwrap_or(false);
        let label_smoothing = match config.float("label_smoothing")?.unwrap_or(0.0) {
            share if (0.0..=1.0).contains(&share) => share as f32,
            share => return Err(config.error(format!("label_smoothing = {share}, expected a share from 0 to 1"))),
        };
        Ok(Self { from_logits, label_smoothing })
    }

    /// Keras's configuration of these.
    pub fn config(self) -> Keys {
        keys! { "from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": -1 }
    }

    /// A target of one of so many classes; yes and no are two.
    pub fn smooth(self, t: f32, classes: usize) -> f32 {
        t * (1.0 - self.label_smoothing) + self.label_smoothing / classes as f32
    }
}

/// Takes `axis`, which must be the last.
pub(super) fn last_axis(config: &mut Config) -> Result<()> {
    match config.take("axis") {
        Some(axis) if axis != -1 => Err(config.error(format!("axis = {axis}, expected -1, the last axis"))),
        _ => Ok(()),
    }
}

/// Takes `gamma`, the exponent of the focal ones.
pub(super) fn gamma(config: &mut Config) -> Result<f32> {
    match config.float("gamma")?.unwrap_or(2.0) {
        gamma if gamma >= 0.0 => Ok(gamma as f32),
        gamma => Err(config.error(format!("gamma = {gamma}, expected an exponent of at least 0, such as 2"))),
    }
}
