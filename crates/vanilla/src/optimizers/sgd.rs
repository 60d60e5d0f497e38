//! `SGD`: down the gradient, with or without momentum.
//!
//! **Formula** `w -= learning_rate g`; with momentum `m = momentum m - learning_rate g`, `w += m`, or with nesterov
//! `w += momentum m - learning_rate g`
//! **Config** `learning_rate` = 0.01, `momentum` = 0, `nesterov` = false; clipping, decay, EMA and accumulation are
//! refused
//! **Slots** m, where momentum is not 0
//! **Reference** `keras.optimizers.SGD`

use super::{Optimizer, learning_rate, share};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::{Kernels, MAX_SLOTS, MomentumStep};

/// Stochastic gradient descent, with Keras's defaults.
#[derive(Clone, Copy, Debug)]
pub struct SGD {
    learning_rate: f32,
    momentum: f64,
    nesterov: bool,
}

impl SGD {
    /// Descent with this learning rate (Keras's default is 0.01), without momentum.
    pub fn new(learning_rate: f32) -> Self {
        Self { learning_rate, ..Self::default() }
    }

    /// Share of the last step that is kept.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Looks ahead by one step of the momentum.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            learning_rate: learning_rate(config, default.learning_rate)?,
            momentum: share(config, "momentum", default.momentum)?,
            nesterov: config.boolean("nesterov")?.unwrap_or(false),
        })
    }
}

impl Default for SGD {
    fn default() -> Self {
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false }
    }
}

impl vanilla_plan::Optimizer for SGD {
    fn name(&self) -> &str {
        "sgd"
    }
    fn slots(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }
    fn coefficients(&self, _iteration: u64) -> [f32; 4] {
        [self.learning_rate, self.momentum as f32, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &[f32; 4], w: &mut [f32], g: &[f32], slots: &mut [&mut [f32]; MAX_SLOTS]) {
        let [rate, momentum, ..] = *c;
        if self.momentum == 0.0 {
            kernels.sgd(rate, w, g);
        } else {
            kernels.momentum(&MomentumStep { rate, momentum, nesterov: self.nesterov }, w, slots[0], g);
        }
    }
}

impl Optimizer for SGD {
    fn class_name(&self) -> &'static str {
        "SGD"
    }
    fn config(&self) -> Keys {
        keys! { "momentum": self.momentum, "nesterov": self.nesterov }
    }
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }
    fn with_learning_rate(&self, learning_rate: f32) -> Arc<dyn Optimizer> {
        Arc::new(Self { learning_rate, ..*self })
    }
}
