//! `Dice`: how much of two sets they do not have in common.
//!
//! **Formula** `1 - 2 sum(t p) / (sum(t) + sum(p) + 1e-7)`
//! **Shapes** target and output of one shape. With `axis` = null all of a batch is one set, so the value of data depends on
//! the batches; with -1 every row is
//! **Config** `axis` = null (or -1, no other)
//! **Gradient** `2 (I / S - t) / S`, I being the sum in the numerator, S the denominator
//! **Reference** `keras.losses.Dice`

use super::tversky::{axis, by_row};
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// One minus Dice's coefficient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dice {
    by_row: bool,
}

impl Dice {
    /// Of all of a batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every row is a set of its own: Keras's `axis=-1`.
    pub fn by_row(mut self) -> Self {
        self.by_row = true;
        self
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { by_row: by_row(config)? })
    }
}

fn of(targets: &[f32], predictions: &[f32], d: &mut [f32]) -> f32 {
    let (mut common, mut all) = (0.0, f64::from(EPSILON));
    for (&t, &p) in targets.iter().zip(predictions) {
        let (t, p) = (f64::from(t), f64::from(p));
        common += t * p;
        all += t + p;
    }
    for (d, &t) in d.iter_mut().zip(targets) {
        *d = (2.0 * (common / all - f64::from(t)) / all) as f32;
    }
    (1.0 - 2.0 * common / all) as f32
}

impl vanilla_plan::Loss for Dice {
    fn name(&self) -> &str {
        "dice"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        of(target, prediction, d)
    }
    fn whole(&self) -> bool {
        !self.by_row
    }
    fn batch(&self, targets: &[f32], predictions: &[f32], _cols: usize, d: &mut [f32]) -> f32 {
        of(targets, predictions, d)
    }
}

impl Loss for Dice {
    fn class_name(&self) -> &str {
        "Dice"
    }
    fn config(&self) -> Keys {
        keys! { "axis": axis(self.by_row) }
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
