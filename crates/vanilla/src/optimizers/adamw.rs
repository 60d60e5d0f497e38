//! `AdamW`: Adam, and weights that shrink apart from the gradient.
//!
//! **Formula** `w -= weight_decay learning_rate w`, then the step of [`Adam`](super::Adam). The decay is part of
//! every optimizer; here it is on unless it is turned off by 0.
//! **Config** `learning_rate` = 0.001, `weight_decay` = 0.004, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7,
//! `amsgrad` = false, and what all optimizers have
//! **Slots** m (`momentum`), v (`velocity`), with amsgrad the largest v (`velocity_hat`)
//! **Reference** `keras.optimizers.AdamW`; Loshchilov and Hutter 2019, algorithm 2

use super::adam::Moments;
use super::{Common, Optimizer, Slot, Slots, Step, common, settings};
use crate::config::{Config, Keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Adam with weight decay, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct AdamW {
    common: Common,
    moments: Moments,
}

impl AdamW {
    /// AdamW with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self { common: default.common.from_config(config)?, moments: Moments::from_config(config)? })
    }
}

common!(AdamW);

settings!(AdamW {
    /// Decay of the mean gradient, 0.9 unless set.
    beta_1(moments.beta_1): f64;
    /// Decay of the mean square, 0.999 unless set.
    beta_2(moments.beta_2): f64;
    /// Added to the root, 1e-7 unless set.
    epsilon(moments.epsilon): f64;
    /// Takes the largest mean square so far.
    amsgrad(moments.amsgrad): bool;
});

impl Default for AdamW {
    fn default() -> Self {
        Self { common: Common::new(0.001).decay(0.004), moments: Moments::default() }
    }
}

impl Optimizer for AdamW {
    fn class_name(&self) -> &str {
        "AdamW"
    }
    fn name(&self) -> &str {
        "adamw"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        self.moments.config()
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        self.moments.slots(shape)
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        self.moments.coefficients(step)
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        self.moments.update(kernels, c, w, g, slots);
    }
    fn file_part(&self, slot: usize) -> usize {
        usize::from(slot == 2)
    }
}
