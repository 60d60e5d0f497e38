//! `mish`: a smooth relu that dips below zero.
//!
//! **Formula** `y = x tanh(ln(1 + e^x))`
//! **Shapes** any, unchanged
//! **Config** none
//! **Gradient** `t + x (1 - t^2) / (1 + e^-x)` with `t = y / x`
//! **Reference** `keras.activations.mish`; Misra 2019
//!
//! With `m = e^-|x|`, t is `(1 + 2 m) / (1 + 2 m + 2 m^2)` above zero and `(2 m + m^2) / (2 + 2 m + m^2)` below:
//! nothing overflows, and nothing cancels.

use super::{PART, each};
use vanilla_plan::formula::Compare;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Formula, Reads};

/// A smooth relu that dips below zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mish;

impl Curve for Mish {
    fn name(&self) -> &str {
        "mish"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        let mut x = [0.0; PART];
        for y in y.chunks_mut(PART) {
            let x = &mut x[..y.len()];
            x.copy_from_slice(y);
            power(kernels, y);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * tanh_softplus(*x, *y));
        }
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], x: &[f32]) {
        let mut m = [0.0; PART];
        for (d, x) in d.chunks_mut(PART).zip(x.chunks(PART)) {
            let m = &mut m[..x.len()];
            m.copy_from_slice(x);
            power(kernels, m);
            d.iter_mut().zip(x).zip(m).for_each(|((d, x), m)| *d *= slope(*x, *m));
            kernels.flush(d);
        }
    }
    fn value(&self, x: f64) -> f64 {
        x * libm::tanh(libm::log1p(libm::exp(x)))
    }
    fn formula(&self) -> Option<Formula> {
        Some(Formula::curve(|x| {
            let m = (-x.abs()).exp();
            let (above, below) = (1.0 + 2.0 * m, 2.0 * m + m * m);
            x * x.select(Compare::Less, 0.0, below / (below + 2.0), above / (above + 2.0 * m * m))
        }))
    }
}

/// `y = e^-|y|`.
fn power(kernels: &Kernels, y: &mut [f32]) {
    each(y, |x| -x.abs());
    kernels.exp(y);
}

/// `tanh(ln(1 + e^x))` from `m = e^-|x|`.
fn tanh_softplus(x: f32, m: f32) -> f32 {
    let (above, below) = (1.0 + 2.0 * m, 2.0 * m + m * m);
    if x >= 0.0 { above / (above + 2.0 * m * m) } else { below / (below + 2.0) }
}

/// `t + x (1 - t^2) / (1 + e^-x)`, where `(1 - t^2) / (1 + e^-x)` is `4 m^2 (1 + m) / D^2` above zero and
/// `4 m (1 + m) / D^2` below, D being the denominator of t.
fn slope(x: f32, m: f32) -> f32 {
    let above = x >= 0.0;
    let d = if above { 1.0 + 2.0 * m + 2.0 * m * m } else { 2.0 + 2.0 * m + m * m };
    let rest = 4.0 * m * (1.0 + m) / (d * d) * if above { m } else { 1.0 };
    tanh_softplus(x, m) + x * rest
}
