//! `LeakyReLU`: a part of x below zero.
//!
//! **Formula** `y = x` where x > 0, else `negative_slope x`
//! **Shapes** any, unchanged
//! **Config** `negative_slope` = 0.3, at least 0; its older name `alpha` is read, too
//! **Gradient** 1 where x > 0, else `negative_slope`
//! **Reference** `keras.layers.LeakyReLU` (the activation `leaky_relu` has a slope of 0.2)

use super::{Built, Common, Layer, bad_value, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Formula, Reads};

/// A part of x below zero.
#[derive(Clone, Debug)]
pub struct LeakyReLU {
    common: Common,
    negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        Self { common: Common::PLAIN, negative_slope: 0.3 }
    }
}

impl LeakyReLU {
    pub(super) const CLASS: &'static str = "LeakyReLU";

    /// With a slope of 0.3 below zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slope below zero.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let older = config.float("alpha")?;
        let negative_slope = config.float("negative_slope")?;
        Ok(Self { common, negative_slope: older.or(negative_slope).unwrap_or(0.3) })
    }
}

common!(LeakyReLU);

impl Layer for LeakyReLU {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "negative_slope": self.negative_slope }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !(self.negative_slope >= 0.0 && self.negative_slope.is_finite()) {
            return Err(bad_value(place, "negative_slope", self.negative_slope, "a number, at least 0"));
        }
        let curve = Leaky { slope: self.negative_slope as f32 };
        Ok(Built::new(input_shape, vec![Fact::Elementwise(Arc::new(curve))]))
    }
}

/// `y = x` where x > 0, else `slope x`, the slope being at least 0.
#[derive(Debug)]
pub(super) struct Leaky {
    pub slope: f32,
}

impl Curve for Leaky {
    fn name(&self) -> &str {
        "leaky_relu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = if *y > 0.0 { *y } else { self.slope * *y });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= if *y > 0.0 { 1.0 } else { self.slope });
        kernels.flush(d);
    }
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { f64::from(self.slope) * x }
    }
    fn dies_at_zero(&self) -> bool {
        self.slope == 0.0
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x.select(Compare::LessEqual, 0.0, f64::from(self.slope) * x, x)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::*;

    #[test]
    fn the_older_name_of_the_slope_is_read() {
        let layer = from_keys("LeakyReLU", keys! { "alpha": 0.25 }).unwrap();
        assert_eq!(layer.config(), keys! { "negative_slope": 0.25 });
        round_trip(&LeakyReLU::new().negative_slope(0.25));
    }

    #[test]
    fn a_negative_slope_is_refused() {
        assert_eq!(
            build_error(&LeakyReLU::new().negative_slope(-1.0), &[&[2]]),
            "LeakyReLU: negative_slope = -1, expected a number, at least 0"
        );
    }
}
