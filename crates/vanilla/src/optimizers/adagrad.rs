//! `Adagrad`: every weight at its own pace, the slower the more it was moved.
//!
//! **Formula** `a += g^2`, `w -= learning_rate g / sqrt(a + epsilon)`: epsilon stands under the root
//! **Config** `learning_rate` = 0.001, `initial_accumulator_value` = 0.1, `epsilon` = 1e-7, and what all
//! optimizers have
//! **Slots** a (`accumulator`), which starts with `initial_accumulator_value`
//! **Reference** `keras.optimizers.Adagrad`; Duchi, Hazan and Singer 2011

use super::{Common, Optimizer, Slot, Slots, Start, Step, common, not_negative, settings};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Adagrad, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Adagrad {
    common: Common,
    initial_accumulator_value: f64,
    epsilon: f64,
}

impl Adagrad {
    /// Adagrad with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            common: default.common.from_config(config)?,
            initial_accumulator_value: not_negative(
                config,
                "initial_accumulator_value",
                default.initial_accumulator_value,
            )?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
        })
    }
}

common!(Adagrad);

settings!(Adagrad {
    /// What the sum of squares starts with, 0.1 unless set.
    initial_accumulator_value(initial_accumulator_value): f64;
    /// Added under the root, 1e-7 unless set.
    epsilon(epsilon): f64;
});

impl Default for Adagrad {
    fn default() -> Self {
        Self { common: Common::new(0.001), initial_accumulator_value: 0.1, epsilon: 1e-7 }
    }
}

impl Optimizer for Adagrad {
    fn class_name(&self) -> &str {
        "Adagrad"
    }
    fn name(&self) -> &str {
        "adagrad"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        let start = Start::At(self.initial_accumulator_value as f32);
        vec![Slot { name: "accumulator", shape: shape.to_vec(), start }]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        [step.learning_rate, self.epsilon as f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }
    fn update(&self, _kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, epsilon, ..] = *c;
        for ((w, a), g) in w.iter_mut().zip(&mut *slots[0]).zip(g) {
            *a += g * g;
            *w -= rate * g / (*a + epsilon).sqrt();
        }
    }
}
