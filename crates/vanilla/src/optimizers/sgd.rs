//! `SGD`: down the gradient, with or without momentum.
//!
//! **Formula** `w -= learning_rate g`; with momentum `m = momentum m - learning_rate g`, `w += m`, or with
//! nesterov `w += momentum m - learning_rate g`
//! **Config** `learning_rate` = 0.01, `momentum` = 0, `nesterov` = false, and what all optimizers have
//! **Slots** m (`momentum`), where momentum is not 0
//! **Reference** `keras.optimizers.SGD`

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::{Kernels, MomentumStep};

/// Stochastic gradient descent, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct SGD {
    common: Common,
    momentum: f64,
    nesterov: bool,
}

impl SGD {
    /// Descent with this learning rate (Keras's default is 0.01), without momentum.
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            common: default.common.from_config(config)?,
            momentum: share(config, "momentum", default.momentum)?,
            nesterov: config.boolean("nesterov")?.unwrap_or(false),
        })
    }
}

common!(SGD);

settings!(SGD {
    /// Share of the last step that is kept.
    momentum(momentum): f64;
    /// Looks ahead by one step of the momentum.
    nesterov(nesterov): bool;
});

impl Default for SGD {
    fn default() -> Self {
        Self { common: Common::new(0.01), momentum: 0.0, nesterov: false }
    }
}

impl Optimizer for SGD {
    fn class_name(&self) -> &str {
        "SGD"
    }
    fn name(&self) -> &str {
        "sgd"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "momentum": self.momentum, "nesterov": self.nesterov }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        if self.momentum == 0.0 { Vec::new() } else { vec![zeros("momentum", shape)] }
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        [step.learning_rate, self.momentum as f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }
    fn update(
        &self,
        kernels: &Kernels,
        c: &Coefficients,
        w: &mut [f32],
        g: &[f32],
        slots: &mut Slots<'_>,
    ) {
        let [rate, momentum, ..] = *c;
        if self.momentum == 0.0 {
            kernels.sgd(rate, w, g);
        } else {
            kernels.momentum(&MomentumStep { rate, momentum, nesterov: self.nesterov }, w, slots[0], g);
        }
    }
}
