//! `sparsemax`: probabilities, most of them 0.
//!
//! **Formula** `y = max(x - t, 0)` along the last axis, with the t that makes the sum 1
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `dx = dy - (mean of dy over the y that are not 0)` where y is not 0, else 0
//! **Reference** `keras.activations.sparsemax` (axis = -1); Martins and Astudillo 2016
//!
//! Keras's own numbers are right only where a single y is above 0: on TensorFlow it sums the running sums of all
//! elements above t where it wants the last one, so `[1, 1]` becomes `[0, 0]` and not `[0.5, 0.5]`. Here the sum
//! is always 1. The largest x is subtracted first, so that large numbers do not lose that 1. t comes without
//! sorting: the elements below the mean excess are left out until none is.

use super::{Activation, largest};
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::{Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// The nearest point of the probability simplex, along the last axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sparsemax;

impl RowFunction for Sparsemax {
    fn name(&self) -> &str {
        "sparsemax"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        sparsemax(x, y);
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
        let (mut count, mut sum) = (0.0, 0.0);
        for (_, dy) in y.iter().zip(dy).filter(|(y, _)| **y != 0.0) {
            count += 1.0;
            sum += dy;
        }
        let mean = sum / count;
        dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx = if *y == 0.0 { 0.0 } else { dy - mean });
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        sparsemax(x, y);
        true
    }
    /// Which elements are above t is found by counting, with every pair of elements in a table (section 2 of the paper):
    /// z is, if `1 + k z > (sum of the k that are at least z)`.
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let length: usize = inputs.iter().sum();
        let pairs = || (0..length).flat_map(|i| (0..length).map(move |j| (i, j)));
        let [first, second]: [Vec<usize>; 2] = [pairs().map(|(i, _)| i).collect(), pairs().map(|(_, j)| j).collect()];
        (length <= LARGEST_FORMULA).then(|| {
            Formula::row(length, |x| {
                let z = x - x.largest();
                let (own, other) = (z.gather(&first), z.gather(&second));
                let count = own.select(Compare::LessEqual, other, 1.0, 0.0).sums(length);
                let sum = own.select(Compare::LessEqual, other, other, 0.0).sums(length);
                let above = (sum - 1.0).select(Compare::Less, count * z, 1.0, 0.0);
                let t = ((above * z).sum() - 1.0) / above.sum();
                (z - t).max(0.0)
            })
        })
    }
}

impl From<Sparsemax> for Activation {
    fn from(row: Sparsemax) -> Self {
        Self::Row(Arc::new(row))
    }
}

/// Columns up to which there is a formula: its tables have the square of this.
const LARGEST_FORMULA: usize = 256;

fn sparsemax<R: Real>(x: &[R], y: &mut [R]) {
    let Some((top, _)) = largest(x) else { return };
    let (zero, one) = (R::of(0.0), R::of(1.0));
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x - top);
    // Each round leaves elements out or is the last. (NaN is never left out, and so stays.)
    let (mut threshold, mut kept) = (R::of(f64::NEG_INFINITY), usize::MAX);
    loop {
        let (mut count, mut many, mut sum) = (0, zero, zero);
        for z in y.iter() {
            if *z <= threshold {
                continue;
            }
            (count, many, sum) = (count + 1, many + one, sum + *z);
        }
        threshold = (sum - one) / many;
        if count >= kept {
            break;
        }
        kept = count;
    }
    y.iter_mut().for_each(|y| *y = if *y <= threshold { zero } else { *y - threshold });
}
