//! `ELU`: exponential linear unit.
//!
//! **Formula** `y = x` where x > 0, else `alpha (e^x - 1)`
//! **Shapes** any, unchanged
//! **Config** `alpha` = 1. A negative one is refused: the gradient is computed from y, which would not tell the
//! sides.
//! **Gradient** 1 where x > 0, else `y + alpha`
//! **Reference** `keras.layers.ELU`; Clevert et al. 2016

use super::{Built, Common, Layer, bad_value, one_input};
use crate::activations::Elu;
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Formula, Reads};

/// Exponential linear unit.
#[derive(Clone, Debug)]
pub struct ELU {
    common: Common,
    alpha: f64,
}

impl Default for ELU {
    fn default() -> Self {
        Self { common: Common::PLAIN, alpha: 1.0 }
    }
}

impl ELU {
    pub(super) const CLASS: &'static str = "ELU";

    /// With `alpha = 1`.
    pub fn new() -> Self {
        Self::default()
    }

    /// What y tends to far below zero, with the sign changed.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self { common, alpha: config.float("alpha")?.unwrap_or(1.0) })
    }
}

common!(ELU);

impl Layer for ELU {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "alpha": self.alpha }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !(self.alpha >= 0.0 && self.alpha.is_finite()) {
            return Err(bad_value(place, "alpha", self.alpha, "a number, at least 0"));
        }
        let alpha = self.alpha as f32;
        let curve: Arc<dyn Curve> = if alpha == 1.0 { Arc::new(Elu) } else { Arc::new(Scaled { alpha }) };
        Ok(Built::new(input_shape, vec![Fact::Elementwise(curve)]))
    }
}

/// With an alpha that is not 1, and therefore with a kink at 0.
#[derive(Debug)]
struct Scaled {
    alpha: f32,
}

impl Curve for Scaled {
    fn name(&self) -> &str {
        "elu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.elu(1.0, self.alpha, y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        // Not the kernel's: at y = 0, which for small alphas is a wide range of x, Keras has the slope alpha.
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= if *y > 0.0 { 1.0 } else { *y + self.alpha });
        kernels.flush(d);
    }
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { f64::from(self.alpha) * libm::expm1(x) }
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.max(0.0) + f64::from(self.alpha) * x.min(0.0).exp_m1()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, kernels, round_trip};
    use super::*;

    #[test]
    fn alpha_makes_the_round_and_is_not_negative() {
        round_trip(&ELU::new().alpha(0.5));
        assert_eq!(
            build_error(&ELU::new().alpha(-1.0), &[&[2]]),
            "ELU: alpha = -1, expected a number, at least 0"
        );
    }

    /// Recorded from `keras.layers.ELU(alpha=0.4)` at 0 and 1; with alpha = 0 it is a relu.
    #[test]
    fn the_slope_at_zero_is_alpha() {
        let kernels = kernels();
        for alpha in [0.4, 0.0] {
            let mut d = [1.0; 2];
            Scaled { alpha }.gradient(&kernels, &mut d, &[0.0, 1.0]);
            assert_eq!(d, [alpha, 1.0]);
        }
    }
}
