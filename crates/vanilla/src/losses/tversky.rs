//! `Tversky`: how much of two sets they do not have in common, with a price for each kind of error.
//!
//! **Formula** `1 - I / (I + alpha sum(t (1 - p)) + beta sum(p (1 - t)) + 1e-7)`, `I = sum(t p)`. Keras calls the first sum
//! false positives and the second false negatives, and they are the other way round; the numbers are Keras's
//! **Shapes** target and output of one shape. With `axis` = null all of a batch is one set, so the value of data depends on
//! the batches; with -1 every row is
//! **Config** `alpha` = 0.5, `beta` = 0.5, `axis` = null (or -1, no other)
//! **Gradient** `-(t D - I D') / D^2`, D being the denominator, `D' = t - alpha t + beta (1 - t)`
//! **Reference** `keras.losses.Tversky`

use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use serde_json::Value;
use vanilla_plan::kernels::Kernels;

/// One minus Tversky's index.
#[derive(Clone, Copy, Debug)]
pub struct Tversky {
    alpha: f32,
    beta: f32,
    by_row: bool,
}

impl Default for Tversky {
    fn default() -> Self {
        Self { alpha: 0.5, beta: 0.5, by_row: false }
    }
}

impl Tversky {
    /// With these prices: alpha of what is missed, beta of what is too much.
    pub fn new(alpha: f32, beta: f32) -> Self {
        Self { alpha, beta, by_row: false }
    }

    /// Every row is a set of its own: Keras's `axis=-1`.
    pub fn by_row(mut self) -> Self {
        self.by_row = true;
        self
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        let by_row = by_row(config)?;
        let mut price = |key: &str| match config.float(key)?.unwrap_or(0.5) {
            price if price >= 0.0 => Ok(price as f32),
            price => Err(config.error(format!("{key} = {price}, expected a price of at least 0, such as 0.5"))),
        };
        Ok(Self { alpha: price("alpha")?, beta: price("beta")?, by_row })
    }

    fn of(&self, targets: &[f32], predictions: &[f32], d: &mut [f32]) -> f32 {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        let (mut common, mut missed, mut too_much) = (0.0, 0.0, 0.0);
        for (&t, &p) in targets.iter().zip(predictions) {
            let (t, p) = (f64::from(t), f64::from(p));
            common += t * p;
            missed += t * (1.0 - p);
            too_much += p * (1.0 - t);
        }
        let all = common + alpha * missed + beta * too_much + f64::from(EPSILON);
        for (d, &t) in d.iter_mut().zip(targets) {
            let t = f64::from(t);
            let of_all = t - alpha * t + beta * (1.0 - t);
            *d = ((common * of_all - t * all) / (all * all)) as f32;
        }
        (1.0 - common / all) as f32
    }
}

impl vanilla_plan::Loss for Tversky {
    fn name(&self) -> &str {
        "tversky"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        self.of(target, prediction, d)
    }
    fn whole(&self) -> bool {
        !self.by_row
    }
    fn batch(&self, targets: &[f32], predictions: &[f32], _cols: usize, d: &mut [f32]) -> f32 {
        self.of(targets, predictions, d)
    }
}

impl Loss for Tversky {
    fn class_name(&self) -> &str {
        "Tversky"
    }
    fn config(&self) -> Keys {
        keys! { "alpha": self.alpha, "beta": self.beta, "axis": axis(self.by_row) }
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}

/// Takes `axis`: null for a whole batch, -1 for rows.
pub(super) fn by_row(config: &mut Config) -> Result<bool> {
    match config.take("axis") {
        None => Ok(false),
        Some(axis) if axis == -1 || axis == serde_json::json!([-1]) => Ok(true),
        Some(axis) => {
            let problem = format!("axis = {axis}, expected null, all of a batch, or -1, the last axis");
            Err(config.error(problem))
        }
    }
}

/// As Keras writes it.
pub(super) fn axis(by_row: bool) -> Value {
    if by_row { (-1).into() } else { Value::Null }
}
