//! `Rescaling`: brings inputs into another range, inside the model.
//!
//! **Formula** `y = x scale + offset`
//! **Shapes** any, unchanged
//! **Config** `scale`, `offset` = 0 (numbers, or lists that are stretched over a sample from its last axis on)
//! **Gradient** `dx = dy scale`
//! **Reference** `keras.layers.Rescaling`
//!
//! Different from Keras: lists that would make a sample larger are refused. Keras makes it larger and announces
//! the shape that it had.

use super::numbers::Numbers;
use super::{Built, Common, Layer, bad_value, by_last_axis, by_sample, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Formula, MAX_ROW_WEIGHTS, Reads, Real, RowFunction};

/// Multiplies by `scale` and adds `offset`: `Rescaling::new(1.0 / 255.0)` brings pixels into 0..1.
#[derive(Clone, Debug)]
pub struct Rescaling {
    common: Common,
    scale: Numbers,
    offset: Numbers,
}

impl Rescaling {
    pub(super) const CLASS: &'static str = "Rescaling";

    /// Multiplies by `scale`: a number, or one for every feature.
    pub fn new(scale: impl Into<Numbers>) -> Self {
        Self { common: Common::PLAIN, scale: scale.into(), offset: 0.0.into() }
    }

    /// With this name and whether it is trained.
    pub fn with_common(mut self, common: Common) -> Self {
        self.common = common;
        self
    }

    /// Adds this after the multiplication.
    pub fn offset(mut self, offset: impl Into<Numbers>) -> Self {
        self.offset = offset.into();
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(scale) = Numbers::take(config, "scale")? else {
            return Err(config.error("scale is missing: a number, such as scale = 0.00392156862745098 for 1/255"));
        };
        Ok(Self { common, scale, offset: Numbers::take(config, "offset")?.unwrap_or(0.0.into()) })
    }
}

common!(Rescaling);

impl Layer for Rescaling {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "scale": self.scale.to_value(), "offset": self.offset.to_value() }
    }
    fn trial_shape(&self) -> Vec<usize> {
        let (a, b) = (self.scale.shape(), self.offset.shape());
        let rank = a.len().max(b.len()).max(1);
        let length =
            |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
        (0..rank).map(|axis| length(a, axis).max(length(b, axis))).collect()
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let sample = one_input(place, inputs)?;
        for (key, numbers) in [("scale", &self.scale), ("offset", &self.offset)] {
            if let Some(value) = numbers.values().iter().find(|value| !value.is_finite()) {
                return Err(bad_value(place, key, value, "a finite number"));
            }
        }
        if let (Some(scale), Some(offset)) = (self.scale.single(), self.offset.single()) {
            let curve = Line { scale: scale as f32, offset: offset as f32 };
            return Ok(Built::new(sample, vec![Fact::Elementwise(Arc::new(curve))]));
        }
        // Over the last axis, if that is all that they know; else over the sample.
        let features = self.scale.shape().len().max(self.offset.shape().len()) <= 1 && !sample.is_empty();
        let (rows, axes) = if features {
            (by_last_axis(sample), &sample[sample.len() - 1..])
        } else {
            (by_sample(), sample)
        };
        let over = |numbers: &Numbers, key: &str| numbers.over_sample(place, key, axes);
        let lines = Lines { scale: over(&self.scale, "scale")?, offset: over(&self.offset, "offset")? };
        Ok(Built::new(sample, vec![rows, Fact::Rows(Arc::new(lines))]))
    }
}

#[derive(Debug)]
struct Line {
    scale: f32,
    offset: f32,
}

impl Curve for Line {
    fn name(&self) -> &str {
        "rescale"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = *y * self.scale + self.offset);
    }
    fn gradient(&self, _: &Kernels, d: &mut [f32], _: &[f32]) {
        d.iter_mut().for_each(|d| *d *= self.scale);
    }
    fn value(&self, x: f64) -> f64 {
        x * f64::from(self.scale) + f64::from(self.offset)
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| x * f64::from(self.scale) + f64::from(self.offset)))
    }
}

/// Another line for every element of a row.
#[derive(Debug)]
struct Lines {
    scale: Vec<f64>,
    offset: Vec<f64>,
}

impl Lines {
    fn apply<R: Real>(&self, x: &[R], y: &mut [R]) {
        for (y, (x, (scale, offset))) in y.iter_mut().zip(x.iter().zip(self.scale.iter().zip(&self.offset))) {
            *y = *x * R::of(*scale) + R::of(*offset);
        }
    }
}

impl RowFunction for Lines {
    fn name(&self) -> &str {
        "rescale"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs[0]
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.apply(x, y);
    }
    fn backward(
        &self,
        _: &[f32],
        _: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        dx.iter_mut().zip(dy.iter().zip(&self.scale)).for_each(|(dx, (dy, scale))| *dx = dy * *scale as f32);
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.apply(x, y);
        true
    }
    fn formula(&self, _: &[usize]) -> Option<Formula> {
        Some(Formula::row(self.scale.len(), |x| x * x.table(&self.scale) + x.table(&self.offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, from_keys, gradient_check, numbers, round_trip, row_function};
    use super::*;
    use crate::model::Sequential;

    #[test]
    fn lists_are_stretched() {
        let layer = Rescaling::new([[2.0], [3.0]]).offset([1.0, 0.0, -1.0]);
        round_trip(&layer);
        round_trip(&Rescaling::new(0.5).offset(1.0));
        assert_eq!(apply(&layer, &[(&[2, 3], &[1.0; 6])]), [3.0, 2.0, 1.0, 4.0, 3.0, 2.0]);
        assert_eq!(apply(&Rescaling::new([2.0, 3.0]), &[(&[2, 2], &[1.0; 4])]), [2.0, 3.0, 2.0, 3.0]);
        gradient_check(&*row_function(&layer, &[&[2, 3]]), &[6], &numbers(6));
        let mut model = Sequential::new(crate::layers![layer]).unwrap();
        model.build(&[2, 3]).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(
            build_error(&Rescaling::new([1.0, 2.0]), &[&[4, 3]]),
            "Rescaling: scale has the shape [2], expected one that can be stretched over [3], a sample of (None, 3)"
        );
        assert_eq!(
            from_keys("Rescaling", Keys::new()).unwrap_err().to_string(),
            "Rescaling: scale is missing: a number, such as scale = 0.00392156862745098 for 1/255"
        );
    }
}
