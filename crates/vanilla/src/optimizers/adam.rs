//! `Adam`: steps of about the learning rate, whatever the gradient's scale.
//!
//! **Formula** `m += (g - m)(1 - beta_1)`, `v += (g^2 - v)(1 - beta_2)`,
//! `w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)`, t counted from 1; with
//! amsgrad the largest v so far takes v's place. Epsilon is added to the uncorrected root, as Keras does and
//! PyTorch does not. Gradients and the largest v below 1e-30
//! count as 0, and moments move towards 0 by 1e-30 a step (above 3e-23 that
//! changes no bit): they move no weight, and as subnormals they cost a hundred cycles.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7, `amsgrad` = false, and
//! what all optimizers have
//! **Slots** m (`momentum`), v (`velocity`), with amsgrad the largest v (`velocity_hat`)
//! **Reference** `keras.optimizers.Adam`; Kingma and Ba 2015, algorithm 1; Reddi et al. 2018

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::{AdamStep, Kernels};

/// Adam, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Adam {
    common: Common,
    moments: Moments,
}

impl Adam {
    /// Adam with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self { common: default.common.from_config(config)?, moments: Moments::from_config(config)? })
    }
}

common!(Adam);

settings!(Adam {
    /// Decay of the mean gradient, 0.9 unless set.
    beta_1(moments.beta_1): f64;
    /// Decay of the mean square, 0.999 unless set.
    beta_2(moments.beta_2): f64;
    /// Added to the root, 1e-7 unless set.
    epsilon(moments.epsilon): f64;
    /// Takes the largest mean square so far.
    amsgrad(moments.amsgrad): bool;
});

impl Default for Adam {
    fn default() -> Self {
        Self { common: Common::new(0.001), moments: Moments::default() }
    }
}

impl Optimizer for Adam {
    fn class_name(&self) -> &str {
        "Adam"
    }
    fn name(&self) -> &str {
        "adam"
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
    fn update(
        &self,
        kernels: &Kernels,
        c: &Coefficients,
        w: &mut [f32],
        g: &[f32],
        slots: &mut Slots<'_>,
    ) {
        self.moments.update(kernels, c, w, g, slots);
    }
    fn file_part(&self, slot: usize) -> usize {
        usize::from(slot == 2)
    }
}

/// Adam's rule, which others share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    // In f64, as Python has them: 1 - beta_2 is 0.001 then, and not the 0.0010000467 that f32 makes of it.
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
}

impl Default for Moments {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }
}

impl Moments {
    pub fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            beta_1: share(config, "beta_1", default.beta_1)?,
            beta_2: share(config, "beta_2", default.beta_2)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
            amsgrad: config.boolean("amsgrad")?.unwrap_or(false),
        })
    }

    pub fn config(&self) -> Keys {
        keys! {
            "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "amsgrad": self.amsgrad,
        }
    }

    pub fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = vec![zeros("momentum", shape), zeros("velocity", shape)];
        slots.extend(self.amsgrad.then(|| zeros("velocity_hat", shape)));
        slots
    }

    pub fn coefficients(&self, step: Step) -> Coefficients {
        let t = step.number as f32;
        let root = (1.0 - libm::powf(self.beta_2 as f32, t)).sqrt();
        let alpha = step.learning_rate * root / (1.0 - libm::powf(self.beta_1 as f32, t));
        [(1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32, alpha, self.epsilon as f32, 0.0, 0.0, 0.0, 0.0]
    }

    pub fn update(
        &self,
        kernels: &Kernels,
        c: &Coefficients,
        w: &mut [f32],
        g: &[f32],
        slots: &mut Slots<'_>,
    ) {
        let [one_minus_beta_1, one_minus_beta_2, alpha, epsilon, ..] = *c;
        let [m, v, largest, ..] = slots;
        if !self.amsgrad {
            let step = AdamStep { one_minus_beta_1, one_minus_beta_2, alpha, epsilon };
            return kernels.adam(&step, w, m, v, g);
        }
        for ((((w, m), v), largest), g) in w.iter_mut().zip(&mut **m).zip(&mut **v).zip(&mut **largest).zip(g) {
            *m += (g - *m) * one_minus_beta_1;
            *v += (g * g - *v) * one_minus_beta_2;
            *largest = largest.max(*v);
            *w -= *m * alpha / (largest.sqrt() + epsilon);
        }
        for slot in [m, v, largest] {
            kernels.flush(slot);
        }
    }
}
