//! `Adadelta`: steps as long as the recent ones, in the gradient's own unit.
//!
//! **Formula** `a = rho a + (1 - rho) g^2`, `d = -g sqrt(D + epsilon) / sqrt(a + epsilon)`,
//! `D = rho D + (1 - rho) d^2`, `w += learning_rate d`. Slots below 1e-30 count as 0.
//! **Config** `learning_rate` = 0.001, `rho` = 0.95, `epsilon` = 1e-7, and what all optimizers have. The paper has
//! no learning rate: that is 1.
//! **Slots** a (`accumulated_grad`), D (`accumulated_delta_var`)
//! **Reference** `keras.optimizers.Adadelta`; Zeiler 2012, algorithm 1

use super::{Common, Optimizer, Slot, Slots, Step, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::Kernels;

/// Adadelta, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Adadelta {
    common: Common,
    rho: f64,
    epsilon: f64,
}

impl Adadelta {
    /// Adadelta with this learning rate (Keras's default is 0.001, the paper's 1).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            common: default.common.from_config(config)?,
            rho: share(config, "rho", default.rho)?,
            epsilon: config.float("epsilon")?.unwrap_or(default.epsilon),
        })
    }
}

common!(Adadelta);

settings!(Adadelta {
    /// Decay of both mean squares, 0.95 unless set.
    rho(rho): f64;
    /// Added under both roots, 1e-7 unless set.
    epsilon(epsilon): f64;
});

impl Default for Adadelta {
    fn default() -> Self {
        Self { common: Common::new(0.001), rho: 0.95, epsilon: 1e-7 }
    }
}

impl Optimizer for Adadelta {
    fn class_name(&self) -> &str {
        "Adadelta"
    }
    fn name(&self) -> &str {
        "adadelta"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "rho": self.rho, "epsilon": self.epsilon }
    }
    fn slots(&self, _variable: &str, shape: &[usize]) -> Vec<Slot> {
        vec![zeros("accumulated_grad", shape), zeros("accumulated_delta_var", shape)]
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let rest = (1.0 - self.rho) as f32;
        [step.learning_rate, self.rho as f32, rest, self.epsilon as f32, 0.0, 0.0, 0.0, 0.0]
    }
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        let [rate, rho, one_minus_rho, epsilon, ..] = *c;
        let [squares, steps, ..] = slots;
        for (((w, a), d2), g) in w.iter_mut().zip(&mut **squares).zip(&mut **steps).zip(g) {
            *a = rho * *a + one_minus_rho * g * g;
            let d = (*d2 + epsilon).sqrt() * g / (*a + epsilon).sqrt();
            *d2 = rho * *d2 + one_minus_rho * d * d;
            *w -= rate * d;
        }
        kernels.flush(squares);
        kernels.flush(steps);
    }
}
