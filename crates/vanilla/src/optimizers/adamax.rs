//! `Adamax`: Adam with the largest gradient of late in place of the root mean square.
//!
//! **Formula** `m += (g - m)(1 - beta_1)`, `u = max(beta_2 u, |g|)`,
//! `w -= learning_rate m / ((1 - beta_1^t)(u + epsilon))`, t counted from 1. Slots below 1e-30 count as 0.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7, and what all optimizers
//! have
//! **Slots** m (`momentum`), u (`norm`)
//! **Reference** `keras.optimizers.Adamax`; Kingma and Ba 2015, algorithm 2

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Adamax, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Adamax {
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Adamax {
    /// Adamax with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            common: default.common.from_config(config)?,
            beta_1: share(config, "beta_1", default.beta_1)?,
            beta_2: share(config, "beta_2", default.beta_2)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
        })
    }
}

common!(Adamax);

settings!(Adamax {
    /// Decay of the mean gradient, 0.9 unless set.
    beta_1(beta_1): f64;
    /// Decay of the largest gradient, 0.999 unless set.
    beta_2(beta_2): f64;
    /// Added to the largest gradient, 1e-7 unless set.
    epsilon(epsilon): f64;
});

impl Default for Adamax {
    fn default() -> Self {
        Self { common: Common::new(0.001), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Optimizer for Adamax {
    fn class_name(&self) -> &str {
        "Adamax"
    }
    fn name(&self) -> &str {
        "adamax"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        vec![zeros("momentum", shape), zeros("norm", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let correction = 1.0 - libm::powf(self.beta_1 as f32, step.number as f32);
        let rest = (1.0 - self.beta_1) as f32;
        [step.learning_rate, rest, self.beta_2 as f32, correction, self.epsilon as f32, 0.0, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, one_minus_beta_1, beta_2, correction, epsilon, ..] = *c;
        let [m, u, ..] = slots;
        for (((w, m), u), g) in w.iter_mut().zip(&mut **m).zip(&mut **u).zip(g) {
            *m += (g - *m) * one_minus_beta_1;
            *u = (beta_2 * *u).max(g.abs());
            *w -= rate * *m / (correction * (*u + epsilon));
        }
        kernels.flush(m);
        kernels.flush(u);
    }
}
