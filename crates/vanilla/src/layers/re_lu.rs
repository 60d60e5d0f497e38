//! `ReLU`: rectified linear unit with a ceiling, a slope below and a threshold.
//!
//! **Formula** `y = min(x, max_value)` where x > threshold, else `negative_slope (x - threshold)`
//! **Shapes** any, unchanged
//! **Config** `max_value` = null (no ceiling), `negative_slope` = 0, `threshold` = 0; each at least 0
//! **Gradient** 1 where `threshold < x <= max_value`, `negative_slope` where x < threshold, else 0. As in Keras
//! there are two exceptions: without ceiling and threshold it is `negative_slope` at x = 0, and with a ceiling of
//! 6 and no threshold it is 0 at x = 6.
//! **Reference** `keras.layers.ReLU`

use super::leaky_re_lu::Leaky;
use super::{Built, Common, Layer, bad_value, one_input};
use crate::activations::Relu;
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Formula, Reads};

/// Rectified linear unit with a ceiling, a slope below and a threshold.
#[derive(Clone, Debug, Default)]
pub struct ReLU {
    common: Common,
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl ReLU {
    pub(super) const CLASS: &'static str = "ReLU";

    /// `y = max(x, 0)`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The largest y.
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(max_value);
        self
    }

    /// The slope below the threshold.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }

    /// Where x begins to pass.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self {
            common,
            max_value: config.float("max_value")?,
            negative_slope: config.float("negative_slope")?.unwrap_or(0.0),
            threshold: config.float("threshold")?.unwrap_or(0.0),
        })
    }

    fn curve(&self) -> Arc<dyn Curve> {
        let (slope, threshold) = (self.negative_slope as f32, self.threshold as f32);
        match (self.max_value, slope == 0.0, threshold == 0.0) {
            (None, true, true) => Arc::new(Relu),
            (None, false, true) => Arc::new(Leaky { slope }),
            (max_value, ..) => Arc::new(Pieces {
                ceiling: max_value.map_or(f32::INFINITY, |ceiling| ceiling as f32),
                slope,
                threshold,
            }),
        }
    }
}

common!(ReLU);

impl Layer for ReLU {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let max_value = self.max_value.unwrap_or(0.0);
        let keys =
            [("max_value", max_value), ("negative_slope", self.negative_slope), ("threshold", self.threshold)];
        for (key, value) in keys {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(bad_value(place, key, value, "a number, at least 0"));
            }
        }
        Ok(Built::new(input_shape, vec![Fact::Elementwise(self.curve())]))
    }
}

/// All that is neither plain nor only leaky.
#[derive(Debug)]
struct Pieces {
    ceiling: f32,
    slope: f32,
    threshold: f32,
}

impl Curve for Pieces {
    fn name(&self) -> &str {
        "relu"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        // A NaN stays.
        y.iter_mut().for_each(|y| {
            if *y <= self.threshold {
                *y = self.slope * (*y - self.threshold);
            } else if *y > self.ceiling {
                *y = self.ceiling;
            }
        });
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        // Keras takes another function for this ceiling, whose slope at the ceiling is 0.
        let open = self.threshold == 0.0 && self.ceiling == 6.0;
        d.iter_mut().zip(x).for_each(|(d, &x)| {
            if x < self.threshold {
                *d *= self.slope;
            } else if x == self.threshold || x > self.ceiling || open && x == self.ceiling {
                *d = 0.0;
            }
        });
        kernels.flush(d);
    }
    fn value(&self, x: f64) -> f64 {
        let [ceiling, slope, threshold] = [self.ceiling, self.slope, self.threshold].map(f64::from);
        if x > threshold { x.min(ceiling) } else { slope * (x - threshold) }
    }
    fn dies_at_zero(&self) -> bool {
        self.slope == 0.0
    }
    fn formula(&self) -> Option<Formula> {
        let [ceiling, slope, threshold] = [self.ceiling, self.slope, self.threshold].map(f64::from);
        Some(Formula::curve(|x| {
            let above = if ceiling.is_finite() { x.min(ceiling) } else { x };
            x.select(Compare::LessEqual, threshold, slope * (x - threshold), above)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, kernels, round_trip};
    use super::*;

    #[test]
    fn keys_make_the_round() {
        round_trip(&ReLU::new().max_value(6.0).negative_slope(0.1).threshold(1.0));
        round_trip(&ReLU::new());
    }

    #[test]
    fn negative_numbers_are_refused() {
        let error = |layer: ReLU| build_error(&layer, &[&[2]]);
        assert_eq!(error(ReLU::new().max_value(-1.0)), "ReLU: max_value = -1, expected a number, at least 0");
        assert_eq!(
            error(ReLU::new().negative_slope(-0.5)),
            "ReLU: negative_slope = -0.5, expected a number, at least 0"
        );
        assert_eq!(error(ReLU::new().threshold(f64::NAN)), "ReLU: threshold = NaN, expected a number, at least 0");
    }

    /// Recorded from `keras.layers.ReLU(6)`, `(6, 0.5)`, `(6, threshold=1)`: the slopes at 6.
    #[test]
    fn the_slope_at_a_ceiling_of_six_is_zero_without_threshold() {
        let kernels = kernels();
        for (slope, threshold, at_six) in [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 1.0, 1.0)] {
            let mut d = [1.0; 2];
            Pieces { ceiling: 6.0, slope, threshold }.gradient(&kernels, &mut d, &[5.5, 6.0]);
            assert_eq!(d, [1.0, at_six], "{slope} {threshold}");
        }
    }

    #[test]
    fn zero_and_no_gradient_go_together_where_it_is_said() {
        let kernels = kernels();
        for (ceiling, threshold) in [(6.0, 0.0), (f32::INFINITY, 1.5), (0.5, 1.0), (0.0, 0.0)] {
            let curve = Pieces { ceiling, slope: 0.0, threshold };
            assert!(curve.dies_at_zero());
            let x: Vec<f32> = (-40..=40).map(|i| i as f32 / 4.0).collect();
            let (mut y, mut d) = (x.clone(), vec![1.0; x.len()]);
            curve.forward(&kernels, &mut y);
            curve.gradient(&kernels, &mut d, &x);
            assert!(y.iter().zip(d).all(|(y, d)| *y != 0.0 || d == 0.0), "{curve:?}");
        }
    }
}
