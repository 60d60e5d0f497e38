//! `RMSprop`: the gradient divided by its recent root mean square. `compile`'s default, as in Keras.
//!
//! **Formula** `v = rho v + (1 - rho) g^2`, `step = learning_rate g / sqrt(v + epsilon)`, `w -= step`: epsilon
//! stands under the root. Centered, v is less the square of a, `a = rho a + (1 - rho) g`; with momentum
//! `b = momentum b + step`, `w -= b`
//! **Config** `learning_rate` = 0.001, `rho` = 0.9, `momentum` = 0, `epsilon` = 1e-7, `centered` = false, and what
//! all optimizers have
//! **Slots** v (`velocity`), with momentum b (`momentum`), centered a (`average_gradient`)
//! **Reference** `keras.optimizers.RMSprop`; Hinton 2012, lecture 6

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::{Kernels, RmsPropStep};

/// RMSprop, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct RMSprop {
    common: Common,
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl RMSprop {
    /// RMSprop with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            common: default.common.from_config(config)?,
            rho: share(config, "rho", default.rho)?,
            momentum: share(config, "momentum", default.momentum)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
            centered: config.boolean("centered")?.unwrap_or(false),
        })
    }
}

common!(RMSprop);

settings!(RMSprop {
    /// Decay of the mean square, 0.9 unless set.
    rho(rho): f64;
    /// Share of the last step that is kept.
    momentum(momentum): f64;
    /// Added under the root, 1e-7 unless set.
    epsilon(epsilon): f64;
    /// Divides by the deviation from the mean gradient.
    centered(centered): bool;
});

impl Default for RMSprop {
    fn default() -> Self {
        Self { common: Common::new(0.001), rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl Optimizer for RMSprop {
    fn class_name(&self) -> &str {
        "RMSprop"
    }
    fn name(&self) -> &str {
        "rmsprop"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered,
        }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        let mut slots = vec![zeros("velocity", shape)];
        slots.extend((self.momentum > 0.0).then(|| zeros("momentum", shape)));
        slots.extend(self.centered.then(|| zeros("average_gradient", shape)));
        slots
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let (rho, rest) = (self.rho as f32, (1.0 - self.rho) as f32);
        [step.learning_rate, rho, rest, self.epsilon as f32, self.momentum as f32, 0.0, 0.0, 0.0]
    }
    fn update(
        &self,
        kernels: &Kernels,
        c: &Coefficients,
        w: &mut [f32],
        g: &[f32],
        slots: &mut Slots<'_>,
    ) {
        let [rate, rho, one_minus_rho, epsilon, momentum, ..] = *c;
        if self.momentum == 0.0 && !self.centered {
            return kernels.rmsprop(&RmsPropStep { rate, rho, one_minus_rho, epsilon }, w, slots[0], g);
        }
        let (velocity, rest) = slots.split_at_mut(1);
        let (moving, rest) = rest.split_at_mut(usize::from(self.momentum > 0.0));
        for i in 0..w.len() {
            let v = &mut velocity[0][i];
            *v = rho * *v + one_minus_rho * g[i] * g[i];
            let mut spread = *v;
            if self.centered {
                let average = &mut rest[0][i];
                *average = rho * *average + one_minus_rho * g[i];
                spread -= *average * *average;
            }
            let mut step = rate * g[i] / (spread + epsilon).sqrt();
            if let Some(moving) = moving.first_mut() {
                moving[i] = momentum * moving[i] + step;
                step = moving[i];
            }
            w[i] -= step;
        }
        slots.iter_mut().for_each(|slot| kernels.flush(slot));
    }
    fn file_part(&self, slot: usize) -> usize {
        slot
    }
}
