//! `Huber`: squares up to `delta`, absolute values beyond.
//!
//! **Formula** mean over the outputs of `e^2 / 2` where `|e| <= delta`, else `delta |e| - delta^2 / 2`; `e = p - t`
//! **Shapes** target and output `(None, k)`; `(None,)` counts as `(None, 1)`
//! **Config** `delta` = 1. Keras 3.15 forgets it when it saves a model, and takes 1 when it loads it; here it is written
//! **Gradient** `e / k` where `|e| <= delta`, else `delta sign(e) / k`
//! **Reference** `keras.losses.Huber`

use super::{Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// Squared error up to a distance, absolute error beyond.
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    delta: f32,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl Huber {
    /// With this distance, above which errors count linearly.
    pub fn new(delta: f32) -> Self {
        Self { delta }
    }

    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        match config.float("delta")?.unwrap_or(1.0) {
            delta if delta > 0.0 => Ok(Self { delta: delta as f32 }),
            delta => Err(config.error(format!("delta = {delta}, expected a distance above 0, such as 1"))),
        }
    }
}

impl vanilla_plan::Loss for Huber {
    // Keras's name of an object; of the function it is `huber`.
    fn name(&self) -> &str {
        "huber_loss"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let (scale, delta) = (1.0 / prediction.len() as f32, self.delta);
        let mut sum = 0.0;
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let e = p - t;
            let near = e.abs() <= delta;
            sum += if near { 0.5 * e * e } else { delta * e.abs() - 0.5 * delta * delta };
            *d = if near { e } else { delta * e.signum() } * scale;
        }
        sum * scale
    }
}

impl Loss for Huber {
    fn class_name(&self) -> &str {
        "Huber"
    }
    fn config(&self) -> Keys {
        keys! { "delta": self.delta }
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
