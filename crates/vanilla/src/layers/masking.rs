//! `Masking`: zeroes what was filled up.
//!
//! **Formula** `y = 0` where all elements along the last axis are `mask_value`, else `y = x`
//! **Shapes** any, unchanged
//! **Config** `mask_value` = 0
//! **Gradient** `dx = dy` where x was kept, else 0
//! **Reference** `keras.layers.Masking`
//!
//! The mask goes on with the rows that it belongs to, through layers that keep them, and the loss and the metrics of an
//! output that it reaches leave those rows out, as in Keras. A Flatten drops it, as there; a BatchNormalization, a
//! Softmax, a Concatenate or a Dot behind it, which would have to heed it, is refused.

use super::{Built, Common, Layer, bad_value, by_last_axis, one_input};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, RowFunction};

/// Zeroes what was filled up.
#[derive(Clone, Debug, Default)]
pub struct Masking {
    common: Common,
    mask_value: f64,
}

impl Masking {
    pub(super) const CLASS: &'static str = "Masking";

    /// Looks for zeros.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that was filled in.
    pub fn mask_value(mut self, mask_value: f64) -> Self {
        self.mask_value = mask_value;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self { common, mask_value: config.float("mask_value")?.unwrap_or(0.0) })
    }
}

common!(Masking);

impl Layer for Masking {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "mask_value": self.mask_value }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        if !self.mask_value.is_finite() {
            return Err(bad_value(place, "mask_value", self.mask_value, "a finite number"));
        }
        let zeroing = Zeroing { mask_value: self.mask_value as f32 };
        let rows = by_last_axis(input_shape);
        let mask = vec![rows.clone(), Fact::Rows(Arc::new(Kept(zeroing)))];
        let facts = vec![rows, Fact::Rows(Arc::new(zeroing))];
        Ok(Built { mask, ..Built::new(input_shape, facts) })
    }
}

/// 1 for the rows that are kept, else 0.
#[derive(Debug)]
struct Kept(Zeroing);

impl RowFunction for Kept {
    fn name(&self) -> &str {
        "kept"
    }
    fn outputs(&self, _inputs: &[usize]) -> usize {
        1
    }
    fn forward(&self, x: &[f32], _w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        y[0] = f32::from(u8::from(self.0.keeps(x)));
    }
    fn backward(
        &self,
        _x: &[f32],
        _w: &[&[f32]; MAX_ROW_WEIGHTS],
        _y: &[f32],
        _dy: &[f32],
        _dx: &mut [f32],
        _dw: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let mask_value = f64::from(self.0.mask_value);
        Some(Formula::row(inputs.iter().sum(), |x| {
            x.select(Compare::Equal, mask_value, 0.0, 1.0).largest()
        }))
    }
}

#[derive(Clone, Copy, Debug)]
struct Zeroing {
    mask_value: f32,
}

impl Zeroing {
    fn keeps(&self, x: &[f32]) -> bool {
        x.iter().any(|x| *x != self.mask_value)
    }
}

impl RowFunction for Zeroing {
    fn name(&self) -> &str {
        "masking"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        if self.keeps(x) {
            y.copy_from_slice(x);
        }
    }
    fn backward(
        &self,
        x: &[f32],
        _: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        if self.keeps(x) {
            dx.copy_from_slice(dy);
        }
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        if x.iter().any(|x| *x != f64::from(self.mask_value)) {
            y.copy_from_slice(x);
        }
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let mask_value = f64::from(self.mask_value);
        Some(Formula::row(inputs.iter().sum(), |x| {
            let kept = x.select(Compare::Equal, mask_value, 0.0, 1.0).largest();
            kept.select(Compare::Equal, 0.0, 0.0, x)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, round_trip};
    use super::*;

    #[test]
    fn keys() {
        round_trip(&Masking::new().mask_value(-1.0));
        assert_eq!(
            build_error(&Masking::new().mask_value(f64::NAN), &[&[2]]),
            "Masking: mask_value = NaN, expected a finite number"
        );
    }
}
