//! `Nadam`: Adam that looks ahead by one step of its momentum.
//!
//! **Formula** `u_t = beta_1 (1 - 0.96^t / 2)`, `P_t = u_1 u_2 .. u_t`, `m += (g - m)(1 - beta_1)`,
//! `v += (g^2 - v)(1 - beta_2)`, `m_hat = u_{t+1} m / (1 - P_{t+1}) + (1 - u_t) g / (1 - P_t)`,
//! `v_hat = v / (1 - beta_2^t)`, `w -= learning_rate m_hat / (sqrt(v_hat) + epsilon)`, t counted from 1. Slots
//! below 1e-30 count as 0.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7, and what all optimizers
//! have
//! **Slots** m (`momentum`), v (`velocity`); in files one number for all, P
//! **Reference** `keras.optimizers.Nadam`; Dozat 2016

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Nadam, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Nadam {
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    product: Arc<Mutex<Product>>,
}

/// P of one step, kept because the next one is a single factor away. It has the `beta_1` that it was made with, so
/// that nothing can be wrong about it.
#[derive(Clone, Copy, Debug, Default)]
struct Product {
    beta_1: f64,
    step: u64,
    value: f64,
}

impl Nadam {
    /// Nadam with this learning rate (Keras's default is 0.001).
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
            product: default.product,
        })
    }

    /// u of this step.
    fn momentum(&self, step: u64) -> f64 {
        self.beta_1 * (1.0 - 0.5 * libm::pow(0.96, step as f64))
    }

    /// P of this step: one multiplication where the step follows the last one that was asked for.
    fn product(&self, step: u64) -> f64 {
        let mut kept = self.product.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.beta_1 != self.beta_1 || kept.step > step || kept.step == 0 {
            *kept = Product { beta_1: self.beta_1, step: 0, value: 1.0 };
        }
        while kept.step < step && kept.value > 0.0 {
            kept.step += 1;
            kept.value *= self.momentum(kept.step);
            // Then it stays 0, and a training that is taken up after many steps does not count through them all.
            // The smallest subnormal would be rounded to itself forever.
            if kept.value < f64::MIN_POSITIVE {
                kept.value = 0.0;
            }
        }
        kept.step = step;
        kept.value
    }
}

common!(Nadam);

settings!(Nadam {
    /// Decay of the mean gradient, 0.9 unless set.
    beta_1(beta_1): f64;
    /// Decay of the mean square, 0.999 unless set.
    beta_2(beta_2): f64;
    /// Added to the root, 1e-7 unless set.
    epsilon(epsilon): f64;
});

impl Default for Nadam {
    fn default() -> Self {
        Self {
            common: Common::new(0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            product: Arc::default(),
        }
    }
}

impl Optimizer for Nadam {
    fn class_name(&self) -> &str {
        "Nadam"
    }
    fn name(&self) -> &str {
        "nadam"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        vec![zeros("momentum", shape), zeros("velocity", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let product = self.product(step.number);
        let (now, next) = (self.momentum(step.number), self.momentum(step.number + 1));
        let by_mean = (next / (1.0 - product * next)) as f32;
        let by_gradient = ((1.0 - now) / (1.0 - product)) as f32;
        // Keras takes 1 - beta in f32 here, unlike in Adam.
        let (beta_1, beta_2) = (self.beta_1 as f32, self.beta_2 as f32);
        let correction = 1.0 - libm::powf(beta_2, step.number as f32);
        [step.learning_rate, 1.0 - beta_1, 1.0 - beta_2, by_mean, by_gradient, correction, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, one_minus_beta_1, one_minus_beta_2, by_mean, by_gradient, correction, ..] = *c;
        let epsilon = self.epsilon as f32;
        let [m, v, ..] = slots;
        for (((w, m), v), g) in w.iter_mut().zip(&mut **m).zip(&mut **v).zip(g) {
            *m += (g - *m) * one_minus_beta_1;
            *v += (g * g - *v) * one_minus_beta_2;
            let mean = by_mean * *m + by_gradient * g;
            *w -= mean * rate / ((*v / correction).sqrt() + epsilon);
        }
        kernels.flush(m);
        kernels.flush(v);
    }
    fn scalars(&self, steps: u64) -> Vec<f32> {
        let moved = steps / self.common.gradient_accumulation_steps.unwrap_or(1).max(1);
        vec![self.product(moved) as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_does_not_depend_on_what_was_asked_before() {
        let plain = |steps: u64| {
            let fresh = Nadam::default();
            (1..=steps).map(|step| fresh.momentum(step)).product::<f64>()
        };
        let nadam = Nadam::default();
        for steps in [0, 1, 2, 2, 7, 3, 40, 41, 0, 12] {
            assert_eq!(nadam.product(steps), plain(steps), "{steps}");
        }
        let other = nadam.clone().beta_1(0.5);
        assert!(other.product(3) < nadam.product(3) / 4.0);
        assert_eq!(nadam.product(3), plain(3));
        // As fast for a number of steps that nobody can count to.
        assert_eq!(nadam.product(u64::MAX - 1), 0.0);
        assert_eq!(nadam.scalars(0), [1.0]);
        let accumulates = Nadam::default().gradient_accumulation_steps(4);
        assert_eq!(accumulates.scalars(11), nadam.scalars(2));
    }
}
