//! `RMSprop`: the gradient divided by its recent root mean square. `compile`'s default, as in Keras.
//!
//! **Formula** `v = rho v + (1 - rho) g^2`, `w -= learning_rate g / sqrt(v + epsilon)`: epsilon stands under the root
//! **Config** `learning_rate` = 0.001, `rho` = 0.9, `epsilon` = 1e-7; `momentum`, `centered`, clipping, decay, EMA and
//! accumulation are refused
//! **Slots** v
//! **Reference** `keras.optimizers.RMSprop`; Hinton 2012, lecture 6

use super::{Optimizer, learning_rate, share};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::{Kernels, MAX_SLOTS, RmsPropStep};

/// RMSprop, with Keras's defaults.
#[derive(Clone, Copy, Debug)]
pub struct RMSprop {
    learning_rate: f32,
    rho: f64,
    epsilon: f64,
}

impl RMSprop {
    /// RMSprop with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self { learning_rate, ..Self::default() }
    }

    /// Decay of the mean square, 0.9 unless set.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        if config.float("momentum")?.is_some_and(|momentum| momentum != 0.0) {
            return Err(config.error("momentum is not supported yet: leave it out"));
        }
        Ok(Self {
            learning_rate: learning_rate(config, default.learning_rate)?,
            rho: share(config, "rho", default.rho)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
        })
    }
}

impl Default for RMSprop {
    fn default() -> Self {
        Self { learning_rate: 0.001, rho: 0.9, epsilon: 1e-7 }
    }
}

impl vanilla_plan::Optimizer for RMSprop {
    fn name(&self) -> &str {
        "rmsprop"
    }
    fn slots(&self) -> usize {
        1
    }
    fn coefficients(&self, _iteration: u64) -> [f32; 4] {
        [self.learning_rate, self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32]
    }
    fn update(&self, kernels: &Kernels, c: &[f32; 4], w: &mut [f32], g: &[f32], slots: &mut [&mut [f32]; MAX_SLOTS]) {
        let [rate, rho, one_minus_rho, epsilon] = *c;
        kernels.rmsprop(&RmsPropStep { rate, rho, one_minus_rho, epsilon }, w, slots[0], g);
    }
}

impl Optimizer for RMSprop {
    fn class_name(&self) -> &'static str {
        "RMSprop"
    }
    fn config(&self) -> Keys {
        keys! {
            "rho": self.rho,
            "momentum": 0.0,
            "epsilon": self.epsilon,
            "centered": false,
        }
    }
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }
    fn with_learning_rate(&self, learning_rate: f32) -> Arc<dyn Optimizer> {
        Arc::new(Self { learning_rate, ..*self })
    }
}
