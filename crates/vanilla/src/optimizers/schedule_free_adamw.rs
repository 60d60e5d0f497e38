//! `ScheduleFreeAdamW`: Adam's steps, averaged as they go, so that no schedule has to know when the training ends.
//!
//! **Formula** `v += (g^2 - v)(1 - beta_2)`, `z -= learning_rate g / (sqrt(v / (1 - beta_2^t)) + epsilon)`,
//! `x = (1 - 1/t) x + z / t`, `w = (1 - beta_1) z + beta_1 x`, t counted from 1. The average x is not kept: it is
//! `(w - (1 - beta_1) z) / beta_1`, z being the one before the step. The learning rate rises over `warmup_steps`,
//! as `min(t / warmup_steps, 1)`. Predictions are made with w, as in Keras; v below 1e-30 counts as 0. Keras 3.15
//! on TensorFlow takes the z after the step for the one before it (its `momentum_old` is the variable itself, not
//! a copy), and so departs from its own formula by up to `(1 - beta_1)` of each step. This is not copied.
//! **Config** `learning_rate` = 0.0025, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-8, `warmup_steps` = 0,
//! and what all optimizers have; `weight_decay` is none, in spite of the name
//! **Slots** z (`momentum`), which starts as the weights, v (`velocity`)
//! **Reference** `keras.optimizers.ScheduleFreeAdamW`; Defazio et al. 2024, algorithm 1

use super::{Common, Optimizer, Slot, Slots, Start, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Schedule-free AdamW, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct ScheduleFreeAdamW {
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    warmup_steps: u64,
}

impl ScheduleFreeAdamW {
    /// With this learning rate (Keras's default is 0.0025).
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
            warmup_steps: config.integer("warmup_steps")?.unwrap_or(0) as u64,
        })
    }
}

common!(ScheduleFreeAdamW);

settings!(ScheduleFreeAdamW {
    /// Share of the average in the weights, 0.9 unless set.
    beta_1(beta_1): f64;
    /// Decay of the mean square, 0.999 unless set.
    beta_2(beta_2): f64;
    /// Added to the root, 1e-8 unless set.
    epsilon(epsilon): f64;
    /// Steps in which the learning rate rises, 0 unless set.
    warmup_steps(warmup_steps): u64;
});

impl Default for ScheduleFreeAdamW {
    fn default() -> Self {
        Self { common: Common::new(0.0025), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, warmup_steps: 0 }
    }
}

impl Optimizer for ScheduleFreeAdamW {
    fn class_name(&self) -> &str {
        "ScheduleFreeAdamW"
    }
    fn name(&self) -> &str {
        "schedulefreeadamw"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        let z = Slot { name: "momentum", shape: shape.to_vec(), start: Start::Weights };
        vec![z, zeros("velocity", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let t = step.number as f32;
        let warmth = if self.warmup_steps > 0 { (t / self.warmup_steps as f32).min(1.0) } else { 1.0 };
        // Keras takes 1 - beta in f32 here, unlike in Adam.
        let (beta_1, beta_2) = (self.beta_1 as f32, self.beta_2 as f32);
        let correction = 1.0 - libm::powf(beta_2, t);
        [step.learning_rate * warmth, beta_1, 1.0 - beta_2, correction, self.epsilon as f32, 1.0 / t, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, beta_1, one_minus_beta_2, correction, epsilon, share, ..] = *c;
        let [z, v, ..] = slots;
        for (((w, z), v), g) in w.iter_mut().zip(&mut **z).zip(&mut **v).zip(g) {
            *v += (g * g - *v) * one_minus_beta_2;
            // beta_1 x, which needs no division by beta_1.
            let average = *w - (1.0 - beta_1) * *z;
            *z -= rate * g / ((*v / correction).sqrt() + epsilon);
            *w = (1.0 - beta_1) * *z + (1.0 - share) * average + beta_1 * share * *z;
        }
        kernels.flush(v);
    }
}
