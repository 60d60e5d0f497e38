//! `log_softmax`: logarithms of probabilities.
//!
//! **Formula** `y = x - ln(sum(e^x))` along the last axis, the largest x subtracted first
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `dx = dy - e^y sum(dy)`
//! **Reference** `keras.activations.log_softmax` (axis = -1)

use super::{Activation, largest};
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::{Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// `x - ln(sum(e^x))` along the last axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSoftmax;

impl RowFunction for LogSoftmax {
    fn name(&self) -> &str {
        "log_softmax"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        log_softmax(x, y);
    }
    fn backward(
        &self,
        _: &[f32],
        _: &[&[f32]; MAX_ROW_WEIGHTS],
        y: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        let sum: f32 = dy.iter().sum();
        dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx = dy - libm::expf(*y) * sum);
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        log_softmax(x, y);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        Some(Formula::row(inputs.iter().sum(), |x| {
            let down = x - x.largest();
            // The largest one's power is 1. Apart from it, the rest keeps its digits however small it is.
            let rest = down.select(Compare::Equal, 0.0, 0.0, down.exp()).sum();
            let others = down.select(Compare::Equal, 0.0, 1.0, 0.0).sum() - 1.0;
            down - (rest + others).ln_1p()
        }))
    }
}

impl From<LogSoftmax> for Activation {
    fn from(row: LogSoftmax) -> Self {
        Self::Row(Arc::new(row))
    }
}

fn log_softmax<R: Real>(x: &[R], y: &mut [R]) {
    let Some((top, at)) = largest(x) else { return };
    // The largest one's power is 1. Apart from it, the rest keeps its digits however small it is.
    let rest: R = x.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, x)| (*x - top).exp()).sum();
    let log_sum = ln_1p(rest);
    y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - top) - log_sum);
}

/// `ln(1 + x)` for x >= 0, exact for small ones too (Goldberg 1991, "What every computer scientist should know
/// about floating-point arithmetic", theorem 4).
fn ln_1p<R: Real>(x: R) -> R {
    let one = R::of(1.0);
    let sum = one + x;
    if sum == one { x } else { sum.ln() * x / (sum - one) }
}
