//! `Lamb`: Adam's direction, as long as a share of the variable that it moves. For large batches.
//!
//! **Formula** `m += (g - m)(1 - beta_1)`, `v += (g^2 - v)(1 - beta_2)`,
//! `u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)`, `w -= learning_rate u |w| / |u|`, t counted
//! from 1; the lengths are those of whole variables, and where one of them is 0, `w -= learning_rate u`. Slots
//! below 1e-30 count as 0. The paper's decay is part of u; here as in Keras weights decay before, as with all
//! optimizers.
//! **Config** `learning_rate` = 0.001, `beta_1` = 0.9, `beta_2` = 0.999, `epsilon` = 1e-7, and what all optimizers
//! have. The name "lamb" means this one; Keras 3.15 has the class but not the name.
//! **Slots** m (`momentum`), v (`velocity`)
//! **Reference** `keras.optimizers.Lamb`; You et al. 2020, algorithm 2

use super::{Common, Optimizer, Slot, Slots, Step, Whole, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Lamb, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Lamb {
    common: Common,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Lamb {
    /// Lamb with this learning rate (Keras's default is 0.001).
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
        })
    }
}

common!(Lamb);

settings!(Lamb {
    /// Decay of the mean gradient, 0.9 unless set.
    beta_1(beta_1): f64;
    /// Decay of the mean square, 0.999 unless set.
    beta_2(beta_2): f64;
    /// Added to the root, 1e-7 unless set.
    epsilon(epsilon): f64;
});

impl Default for Lamb {
    fn default() -> Self {
        Self { common: Common::new(0.001), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Optimizer for Lamb {
    fn class_name(&self) -> &str {
        "Lamb"
    }
    fn name(&self) -> &str {
        "lamb"
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
        let t = step.number as f32;
        let mean = 1.0 - libm::powf(self.beta_1 as f32, t);
        let square = 1.0 - libm::powf(self.beta_2 as f32, t);
        let rest = [(1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32];
        [step.learning_rate, rest[0], rest[1], mean, square, self.epsilon as f32, 0.0, 0.0]
    }
    /// What a weight does without the others of its variable: the direction, as long as it is.
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [m, v, ..] = slots;
        for ((m, v), g) in m.iter_mut().zip(&mut **v).zip(g) {
            *m += (g - *m) * c[1];
            *v += (g * g - *v) * c[2];
        }
        kernels.flush(m);
        kernels.flush(v);
        for ((w, m), v) in w.iter_mut().zip(&**m).zip(&**v) {
            *w -= c[0] * direction(c, *m, *v);
        }
    }
    fn whole(&self) -> bool {
        true
    }
    fn update_variable(&self, variable: Whole<'_>) {
        let Whole { kernels, coefficients: c, w, g, mut slots, .. } = variable;
        let lengths = {
            let [m, v, ..] = &slots;
            let moments = m.iter().zip(&**v).zip(&*g);
            let ahead = moments.map(|((m, v), g)| {
                let (m, v) = (m + (g - m) * c[1], v + (g * g - v) * c[2]);
                square(direction(c, m, v))
            });
            [libm::sqrt(w.iter().map(|w| square(*w)).sum()) as f32, libm::sqrt(ahead.sum()) as f32]
        };
        let mut c = *c;
        if lengths[0] > 0.0 && lengths[1] > 0.0 {
            c[0] *= lengths[0] / lengths[1];
        }
        self.update(kernels, &c, w, g, &mut slots);
    }
}

/// u of one weight.
fn direction(c: &Coefficients, m: f32, v: f32) -> f32 {
    m / c[3] / ((v / c[4]).sqrt() + c[5])
}

/// Summed up in f64: variables have many weights.
fn square(x: f32) -> f64 {
    f64::from(x) * f64::from(x)
}
