//! `Adafactor`: Adam's scaling from the mean squares of rows and columns, steps relative to the weights.
//!
//! **Formula** `rho = min(learning_rate, 1 / sqrt(t))`, `alpha = rho max(epsilon_2, rms(w))`,
//! `b = 1 - t^beta_2_decay`, t counted from 1, `s = g^2 + epsilon_1`. With two dimensions or more
//! `r = b r + (1 - b) mean of s over the last`, `c = b c + (1 - b) mean of s over the one before`,
//! `v = (r / mean of r over its last) c`; with fewer `v = b v + (1 - b) s`. `u = g / sqrt(v)`,
//! `w -= alpha u / max(1, rms(u) / clip_threshold)`. Where v is 0, u is 0; Keras divides 0 by 0 there,
//! as for the weight of a dead unit on a pixel that is never set: r and c are both small, and v is rounded to 0.
//! `relative_step` changes nothing, as in Keras 3.15, where rho is the smaller of the two in any case.
//! **Config** `learning_rate` = 0.001, `beta_2_decay` = -0.8, `epsilon_1` = 1e-30, `epsilon_2` = 1e-3,
//! `clip_threshold` = 1, `relative_step` = true, and what all optimizers have
//! **Slots** r and c, which have no names in Keras, one number each (without use) for less than two dimensions;
//! v (`velocity`)
//! **Reference** `keras.optimizers.Adafactor`; Shazeer and Stern 2018, algorithms 4 and 5

use super::{Common, Optimizer, Slot, Slots, Step, Whole, common, settings, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Adafactor, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Adafactor {
    common: Common,
    beta_2_decay: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip_threshold: f64,
    relative_step: bool,
}

impl Adafactor {
    /// Adafactor with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        let common = default.common.from_config(config)?;
        let clip_threshold = config.float("clip_threshold")?.unwrap_or(default.clip_threshold);
        if clip_threshold <= 0.0 {
            return Err(config.error(format!("clip_threshold = {clip_threshold}, expected a number above 0")));
        }
        Ok(Self {
            common,
            beta_2_decay: config.float("beta_2_decay")?.unwrap_or(default.beta_2_decay),
            epsilon_1: config.float("epsilon_1")?.unwrap_or(default.epsilon_1),
            epsilon_2: config.float("epsilon_2")?.unwrap_or(default.epsilon_2),
            clip_threshold,
            relative_step: config.boolean("relative_step")?.unwrap_or(default.relative_step),
        })
    }
}

common!(Adafactor);

settings!(Adafactor {
    /// Power of the step's number that the mean squares forget by, -0.8 unless set.
    beta_2_decay(beta_2_decay): f64;
    /// Added to squares of gradients, 1e-30 unless set.
    epsilon_1(epsilon_1): f64;
    /// The least root mean square of a variable that its steps are measured by, 1e-3 unless set.
    epsilon_2(epsilon_2): f64;
    /// The largest root mean square of a step, 1 unless set.
    clip_threshold(clip_threshold): f64;
    /// Kept for Keras's files; it changes nothing.
    relative_step(relative_step): bool;
});

impl Default for Adafactor {
    fn default() -> Self {
        Self {
            common: Common::new(0.001),
            beta_2_decay: -0.8,
            epsilon_1: 1e-30,
            epsilon_2: 1e-3,
            clip_threshold: 1.0,
            relative_step: true,
        }
    }
}

impl Optimizer for Adafactor {
    fn class_name(&self) -> &str {
        "Adafactor"
    }
    fn name(&self) -> &str {
        "adafactor"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        let (r, c) = match shape {
            [outer @ .., rows, columns] => ([outer, &[*rows]].concat(), [outer, &[*columns]].concat()),
            _ => (Vec::new(), Vec::new()),
        };
        vec![zeros("r", &r), zeros("c", &c), zeros("velocity", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let t = step.number as f32;
        let beta_2 = 1.0 - libm::powf(t, self.beta_2_decay as f32);
        [step.learning_rate.min(1.0 / t.sqrt()), beta_2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }
    fn update(&self, _: &Kernels, _: &Coefficients, _: &mut [f32], _: &[f32], _: &mut Slots<'_>) {
        unreachable!("adafactor moves whole variables")
    }
    fn whole(&self) -> bool {
        true
    }
    fn update_variable(&self, variable: Whole<'_>) {
        let Whole { coefficients: [rho, beta_2, ..], shape, w, g, slots: [r, c, v, ..], .. } = variable;
        let epsilon_1 = self.epsilon_1 as f32;
        if w.is_empty() {
            return;
        }
        match shape {
            [.., rows, columns] => {
                let matrices = g.chunks_exact(rows * columns).zip(v.chunks_exact_mut(rows * columns));
                let sides = r.chunks_exact_mut(*rows).zip(c.chunks_exact_mut(*columns));
                for ((g, v), (r, c)) in matrices.zip(sides) {
                    let square = |i: usize| f64::from(g[i] * g[i] + epsilon_1);
                    for (row, r) in r.iter_mut().enumerate() {
                        let sum: f64 = (0..*columns).map(|column| square(row * columns + column)).sum();
                        *r = beta_2 * *r + (1.0 - beta_2) * (sum / *columns as f64) as f32;
                    }
                    for (column, c) in c.iter_mut().enumerate() {
                        let sum: f64 = (0..*rows).map(|row| square(row * columns + column)).sum();
                        *c = beta_2 * *c + (1.0 - beta_2) * (sum / *rows as f64) as f32;
                    }
                    let mean = (r.iter().map(|r| f64::from(*r)).sum::<f64>() / *rows as f64) as f32;
                    for (row, r) in r.iter().enumerate() {
                        // The mean is 0 only where all of r is.
                        let share = if mean == 0.0 { 0.0 } else { r / mean };
                        for (v, c) in v[row * columns..].iter_mut().zip(&*c) {
                            *v = share * c;
                        }
                    }
                }
            }
            _ => {
                for (v, g) in v.iter_mut().zip(&*g) {
                    *v = beta_2 * *v + (1.0 - beta_2) * (g * g + epsilon_1);
                }
            }
        }
        let alpha = rho * rms(w).max(self.epsilon_2 as f32);
        for (g, v) in g.iter_mut().zip(&*v) {
            *g = if *v == 0.0 { 0.0 } else { *g / v.sqrt() };
        }
        let step = alpha / (rms(g) / self.clip_threshold as f32).max(1.0);
        w.iter_mut().zip(&*g).for_each(|(w, u)| *w -= step * u);
    }
}

/// The root of the mean square, summed up in f64: variables have many weights.
fn rms(x: &[f32]) -> f32 {
    let sum: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    libm::sqrt(sum / x.len() as f64) as f32
}
