//! `Ftrl`: follow the regularised leader, for weights that are to be exactly zero where they are of little use.
//!
//! **Formula** `g' = g + 2 l2_shrinkage w`, `n = a + g^2`, `s = (n^p - a^p) / learning_rate`, `z += g' - s w`,
//! `w = (clip(z, -l1, l1) - z) / (n^p / learning_rate + 2 l2 + beta / learning_rate)`, `a = n`; p is
//! `-learning_rate_power`. The first step forgets the initial weights but for a share of `(n^p - a^p) / n^p`.
//! Where the learning rate is 0, as at the start of a schedule that rises, nothing moves; Keras divides by it.
//! **Config** `learning_rate` = 0.001, `learning_rate_power` = -0.5, `initial_accumulator_value` = 0.1,
//! `l1_regularization_strength` = 0, `l2_regularization_strength` = 0, `l2_shrinkage_regularization_strength` = 0,
//! `beta` = 0, and what all optimizers have
//! **Slots** a (`accumulator`), which starts with `initial_accumulator_value`, z (`linear`)
//! **Reference** `keras.optimizers.Ftrl`; McMahan et al. 2013, algorithm 1

use super::{Common, Optimizer, Slot, Slots, Start, Step, common, not_negative, settings, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Ftrl, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Ftrl {
    common: Common,
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1_regularization_strength: f64,
    l2_regularization_strength: f64,
    l2_shrinkage_regularization_strength: f64,
    beta: f64,
}

impl Ftrl {
    /// Ftrl with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        let common = default.common.from_config(config)?;
        let learning_rate_power = match config.float("learning_rate_power")? {
            Some(power) if power > 0.0 => {
                return Err(config.error(format!("learning_rate_power = {power}, expected a number, at most 0")));
            }
            power => power.unwrap_or(default.learning_rate_power),
        };
        Ok(Self {
            common,
            learning_rate_power,
            initial_accumulator_value: not_negative(
                config,
                "initial_accumulator_value",
                default.initial_accumulator_value,
            )?,
            l1_regularization_strength: not_negative(config, "l1_regularization_strength", 0.0)?,
            l2_regularization_strength: not_negative(config, "l2_regularization_strength", 0.0)?,
            l2_shrinkage_regularization_strength: not_negative(
                config,
                "l2_shrinkage_regularization_strength",
                0.0,
            )?,
            beta: not_negative(config, "beta", 0.0)?,
        })
    }
}

common!(Ftrl);

settings!(Ftrl {
    /// How fast steps shrink with the sum of squares; 0 is not at all, -0.5 unless set.
    learning_rate_power(learning_rate_power): f64;
    /// What the sum of squares starts with, 0.1 unless set.
    initial_accumulator_value(initial_accumulator_value): f64;
    /// Weights whose gradients do not add up to more than this are zero.
    l1_regularization_strength(l1_regularization_strength): f64;
    /// Keeps weights small.
    l2_regularization_strength(l2_regularization_strength): f64;
    /// A penalty on the weights as they are, through the gradient.
    l2_shrinkage_regularization_strength(l2_shrinkage_regularization_strength): f64;
    /// As the paper has it: makes the first steps shorter.
    beta(beta): f64;
});

impl Default for Ftrl {
    fn default() -> Self {
        Self {
            common: Common::new(0.001),
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }
}

impl Optimizer for Ftrl {
    fn class_name(&self) -> &str {
        "Ftrl"
    }
    fn name(&self) -> &str {
        "ftrl"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        let start = Start::At(self.initial_accumulator_value as f32);
        vec![Slot { name: "accumulator", shape: shape.to_vec(), start }, zeros("linear", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let rate = step.learning_rate;
        let l2 = self.l2_regularization_strength as f32 + self.beta as f32 / (2.0 * rate);
        let shrinkage = (2.0 * self.l2_shrinkage_regularization_strength) as f32;
        let power = -self.learning_rate_power as f32;
        [rate, power, self.l1_regularization_strength as f32, 2.0 * l2, shrinkage, 0.0, 0.0, 0.0]
    }
    fn update(&self, _kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, power, l1, twice_l2, shrinkage, ..] = *c;
        if rate == 0.0 {
            return;
        }
        let raised = |a: f32| if power == 0.5 { a.sqrt() } else { libm::powf(a, power) };
        let [sums, linear, ..] = slots;
        for (((w, a), z), g) in w.iter_mut().zip(&mut **sums).zip(&mut **linear).zip(g) {
            let new = *a + g * g;
            let new_raised = raised(new);
            *z += g + shrinkage * *w - (new_raised - raised(*a)) / rate * *w;
            let quadratic = new_raised / rate + twice_l2;
            // Without a gradient so far there is nothing to divide, nor by.
            if quadratic != 0.0 {
                *w = (z.max(-l1).min(l1) - *z) / quadratic;
            }
            *a = new;
        }
    }
}
