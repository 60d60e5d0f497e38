//! `Lion`: every weight moves by the learning rate, to the side that the momentum says.
//!
//! **Formula** `w -= learning_rate sign(beta_1 m + (1 - beta_1) g)`, `m = beta_2 m + (1 - beta_2) g`; the sign of
//! 0 is 0. A momentum below 1e-30 counts as 0, so a weight whose gradient has died comes to rest after some
//! thousand steps; Keras moves it on until the momentum is below 1e-38.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9 (above 0, at most 1), `beta_2` = 0.99, and what all
//! optimizers have
//! **Slots** m (`momentum`)
//! **Reference** `keras.optimizers.Lion`; Chen et al. 2023, algorithm 2

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Lion, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Lion {
    common: Common,
    beta_1: f64,
    beta_2: f64,
}

impl Lion {
    /// Lion with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        let common = default.common.from_config(config)?;
        let beta_1 = config.float("beta_1")?.unwrap_or(default.beta_1);
        if !(beta_1 > 0.0 && beta_1 <= 1.0) {
            return Err(config.error(format!("beta_1 = {beta_1}, expected a number above 0, at most 1")));
        }
        Ok(Self { common, beta_1, beta_2: share(config, "beta_2", default.beta_2)? })
    }
}

common!(Lion);

settings!(Lion {
    /// Share of the momentum in the direction, 0.9 unless set.
    beta_1(beta_1): f64;
    /// Decay of the momentum, 0.99 unless set.
    beta_2(beta_2): f64;
});

impl Default for Lion {
    fn default() -> Self {
        Self { common: Common::new(0.001), beta_1: 0.9, beta_2: 0.99 }
    }
}

impl Optimizer for Lion {
    fn class_name(&self) -> &str {
        "Lion"
    }
    fn name(&self) -> &str {
        "lion"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "beta_1": self.beta_1, "beta_2": self.beta_2 }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        vec![zeros("momentum", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        // Keras takes 1 - beta in f32 here, unlike in Adam.
        let (beta_1, beta_2) = (self.beta_1 as f32, self.beta_2 as f32);
        [step.learning_rate, beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, 0.0, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, beta_1, one_minus_beta_1, beta_2, one_minus_beta_2, ..] = *c;
        for ((w, m), g) in w.iter_mut().zip(&mut *slots[0]).zip(g) {
            let direction = *m * beta_1 + g * one_minus_beta_1;
            // f32::signum(0.0) is 1.
            *w -= rate * if direction == 0.0 { 0.0 } else { direction.signum() };
            *m = *m * beta_2 + g * one_minus_beta_2;
        }
        kernels.flush(slots[0]);
    }
}
