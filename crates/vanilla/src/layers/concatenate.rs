//! `Concatenate`: several values behind one another.
//!
//! **Formula** y is x1, then x2, and so on, along the axis
//! **Shapes** several that differ at most along the axis, to the sum of the lengths along it
//! **Config** `axis` = -1 (the batch is axis 0)
//! **Gradient** each input gets its part of dy
//! **Reference** `keras.layers.Concatenate`

use super::merging::{at_least_two, shapes};
use super::{Built, Common, Layer, Masks, sample_axis};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use std::sync::Arc;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, RowFunction};

/// Several values behind one another.
#[derive(Clone, Debug)]
pub struct Concatenate {
    common: Common,
    axis: i64,
}

impl Default for Concatenate {
    fn default() -> Self {
        Self { common: Common::PLAIN, axis: -1 }
    }
}

impl Concatenate {
    pub(super) const CLASS: &'static str = "Concatenate";

    /// Along the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Along this axis; the batch is axis 0.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self { common, axis: config.signed("axis")?.unwrap_or(-1) })
    }
}

common!(Concatenate);

impl Layer for Concatenate {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! { "axis": self.axis }
    }
    fn masks(&self) -> Masks {
        Masks::Refuse
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        at_least_two(place, inputs)?;
        let at = sample_axis(place, "axis", self.axis, &inputs[0])?;
        let (before, behind) = (&inputs[0][..at], &inputs[0][at + 1..]);
        if inputs.iter().any(|x| x.len() != inputs[0].len() || x[..at] != *before || x[at + 1..] != *behind) {
            let problem = format!(
                "inputs of shapes {}, expected shapes that differ along axis {} only: \
                 bring them to such shapes first",
                shapes(inputs),
                at + 1
            );
            return Err(Error::config(place, problem));
        }
        let length = inputs.iter().map(|x| x[at]).sum();
        // With the axes before this one in rows, each input is one piece of a row.
        let facts = vec![Fact::Regroup { groups: before.iter().product() }, Fact::Rows(Arc::new(Behind))];
        Ok(Built::new([before, &[length], behind].concat(), facts))
    }
}

/// Rows behind one another, which is how they come.
#[derive(Debug)]
struct Behind;

impl RowFunction for Behind {
    fn name(&self) -> &str {
        "concatenate"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        y.copy_from_slice(x);
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
        dx.copy_from_slice(dy);
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        y.copy_from_slice(x);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        Some(Formula::row(inputs.iter().sum(), |x| x))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{apply, build_error, round_trip};
    use super::*;

    #[test]
    fn along_an_axis_in_the_middle() {
        round_trip(&Concatenate::new().axis(2));
        let a = [0.0, 1.0, 2.0, 3.0];
        let b = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0];
        let y = apply(&Concatenate::new().axis(-2), &[(&[2, 1, 2], &a), (&[2, 2, 2], &b)]);
        assert_eq!(y, [0.0, 1.0, 10.0, 11.0, 12.0, 13.0, 2.0, 3.0, 14.0, 15.0, 16.0, 17.0]);
    }

    #[test]
    fn other_axes_have_to_be_equal() {
        assert_eq!(
            build_error(&Concatenate::new(), &[&[2, 3], &[1, 3]]),
            "Concatenate: inputs of shapes (None, 2, 3) and (None, 1, 3), expected shapes that differ along axis \
             2 only: bring them to such shapes first"
        );
        assert!(build_error(&Concatenate::new(), &[&[2, 3], &[3]]).contains("(None, 2, 3) and (None, 3)"));
        assert_eq!(
            build_error(&Concatenate::new().axis(0), &[&[2], &[3]]),
            "Concatenate: axis = 0, expected an axis of (None, 2), from 1 or from -1"
        );
        assert_eq!(
            build_error(&Concatenate::new(), &[&[2]]),
            "Concatenate: 1 input, expected at least 2: call it on several values, as .call([&a, &b])"
        );
    }
}
