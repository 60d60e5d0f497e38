//! `Adam`: steps of about the learning rate, whatever the gradient's scale.
//!
//! **Formula** `m += (g - m)(1 - beta_1)`, `v += (g^2 - v)(1 - beta_2)`,
//! `w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)`, t counted from 1.
//! Epsilon is added to the uncorrected root, as Keras does and PyTorch does not.
//! Moments and gradients below 1e-30 count as 0: they move no weight, and as subnormals they cost a hundred cycles.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7; `amsgrad`, clipping,
//! decay, EMA and accumulation are refused
//! **Slots** m, v
//! **Reference** `keras.optimizers.Adam`; Kingma and Ba 2015, algorithm 1

use super::{Optimizer, learning_rate, share};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::{AdamStep, Kernels, MAX_SLOTS};

/// Adam, with Keras's defaults.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    learning_rate: f32,
    // In f64, as Python has them: 1 - beta_2 is 0.001 then, and not the 0.0010000467 that f32 makes of it.
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Adam {
    /// Adam with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self { learning_rate, ..Self::default() }
    }

    /// Decay of the mean gradient, 0.9 unless set.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// Decay of the mean square, 0.999 unless set.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// Added to the root, 1e-7 unless set.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            learning_rate: learning_rate(config, default.learning_rate)?,
            beta_1: share(config, "beta_1", default.beta_1)?,
            beta_2: share(config, "beta_2", default.beta_2)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
        })
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 0.001, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl vanilla_plan::Optimizer for Adam {
    fn name(&self) -> &str {
        "adam"
    }
    fn slots(&self) -> usize {
        2
    }
    fn coefficients(&self, iteration: u64) -> [f32; 4] {
        // In f32 throughout, as Keras computes it: with f64 here, a network on raw pixels is 7e-4 away from Keras
        // after 16 steps, because rounding in the first steps is what grows.
        let t = iteration as f32;
        let root = (1.0 - libm::powf(self.beta_2 as f32, t)).sqrt();
        let alpha = self.learning_rate * root / (1.0 - libm::powf(self.beta_1 as f32, t));
        [(1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32, alpha, self.epsilon as f32]
    }
    fn update(&self, kernels: &Kernels, c: &[f32; 4], w: &mut [f32], g: &[f32], slots: &mut [&mut [f32]; MAX_SLOTS]) {
        let [one_minus_beta_1, one_minus_beta_2, alpha, epsilon] = *c;
        let [m, v, ..] = slots;
        kernels.adam(&AdamStep { one_minus_beta_1, one_minus_beta_2, alpha, epsilon }, w, m, v, g);
    }
}

impl Optimizer for Adam {
    fn class_name(&self) -> &'static str {
        "Adam"
    }
    fn config(&self) -> Keys {
        keys! { "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "amsgrad": false }
    }
    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }
    fn with_learning_rate(&self, learning_rate: f32) -> Arc<dyn Optimizer> {
        Arc::new(Self { learning_rate, ..*self })
    }
}
