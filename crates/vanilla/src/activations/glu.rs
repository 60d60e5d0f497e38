//! `glu`: gated linear unit; one half of x decides how much of the other half passes.
//!
//! **Formula** `y = a / (1 + e^-b)`, a and b being the halves of the last axis
//! **Shapes** `(.., 2 n)` to `(.., n)`; an odd number of columns is refused
//! **Config** none
//! **Gradient** `da = dy s`, `db = dy a s (1 - s)` with `s = 1 / (1 + e^-b)`
//! **Reference** `keras.activations.glu` (axis = -1); Dauphin et al. 2017
//!
//! After `Dense(4, activation="glu")` there are two columns. Keras believes that there are four, and fails at the
//! next layer; here the shape is the true one.

use super::Activation;
use std::sync::Arc;
use vanilla_plan::{Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// `a / (1 + e^-b)`, a and b being the halves of the last axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glu;

impl RowFunction for Glu {
    fn name(&self) -> &str {
        "glu"
    }
    /// Half as many; 0 where they cannot be halved, which [`Activation::outputs`] refuses.
    fn outputs(&self, inputs: &[usize]) -> usize {
        let inputs: usize = inputs.iter().sum();
        if inputs.is_multiple_of(2) { inputs / 2 } else { 0 }
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        glu(x, y);
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
        let (a, b) = x.split_at(dy.len());
        let (da, db) = dx.split_at_mut(dy.len());
        for (i, dy) in dy.iter().enumerate() {
            let passed = dy * sigmoid(b[i]);
            da[i] = passed;
            db[i] = passed * a[i] * sigmoid(-b[i]);
        }
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        glu(x, y);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let half = self.outputs(inputs);
        Some(Formula::row(2 * half, |x| x.slice(0, half) / (1.0 + (-x.slice(half, half)).exp())))
    }
}

impl From<Glu> for Activation {
    fn from(row: Glu) -> Self {
        Self::Row(Arc::new(row))
    }
}

fn glu<R: Real>(x: &[R], y: &mut [R]) {
    let (a, b) = x.split_at(y.len());
    y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = *a * sigmoid(*b));
}

fn sigmoid<R: Real>(x: R) -> R {
    let one = R::of(1.0);
    one / (one + (-x).exp())
}
