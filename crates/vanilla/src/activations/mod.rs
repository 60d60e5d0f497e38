//! Activations, by Keras's names. One word a file, one line in the registry below.

use crate::error::{Error, Result};
use std::sync::Arc;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Real, RowFunction};

/// What a layer applies to its result.
#[derive(Clone, Debug)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// `e^x / sum(e^x)` along the last axis.
    Softmax,
    /// A function of every element.
    Curve(Arc<dyn Curve>),
    /// A function of every row, without weights.
    Row(Arc<dyn RowFunction>),
}

/// An activation of your own: any [`Curve`]. (A [`RowFunction`] goes into [`Activation::Row`].)
impl<C: Curve + 'static> From<C> for Activation {
    fn from(curve: C) -> Self {
        Self::Curve(Arc::new(curve))
    }
}

/// The registry: module, type, names; the first name is the word's own.
macro_rules! registry {
    ($($module:ident $word:ident [$name:literal $(, $alias:literal)*];)*) => {
        $(mod $module; pub use $module::$word;)*

        /// All names, sorted.
        pub fn names() -> Vec<&'static str> {
            let mut names = vec![$($name $(, $alias)*),*];
            names.sort_unstable();
            names
        }

        impl Activation {
            /// The activation of this name.
            ///
            /// # Errors
            /// When there is none; the message names the nearest one.
            pub fn named(name: &str) -> Result<Self> {
                match name {
                    $($name $(| $alias)* => Ok($word.into()),)*
                    "threshold" => Err(Error::config(
                        "activation 'threshold'",
                        "a name without its two numbers, \
                         expected Activation::from(Threshold::new(threshold, default_value))",
                    )),
                    _ => Err(Error::unknown("activation", name, names())),
                }
            }
        }
    };
}

registry! {
    celu Celu ["celu"];
    elu Elu ["elu"];
    exponential Exponential ["exponential"];
    gelu Gelu ["gelu"];
    glu Glu ["glu"];
    hard_shrink HardShrink ["hard_shrink"];
    hard_sigmoid HardSigmoid ["hard_sigmoid"];
    hard_silu HardSilu ["hard_silu", "hard_swish"];
    hard_tanh HardTanh ["hard_tanh"];
    leaky_relu LeakyRelu ["leaky_relu"];
    linear Linear ["linear"];
    log_sigmoid LogSigmoid ["log_sigmoid"];
    log_softmax LogSoftmax ["log_softmax"];
    mish Mish ["mish"];
    relu Relu ["relu"];
    relu6 Relu6 ["relu6"];
    selu Selu ["selu"];
    sigmoid Sigmoid ["sigmoid"];
    silu Silu ["silu", "swish"];
    soft_shrink SoftShrink ["soft_shrink"];
    softmax Softmax ["softmax"];
    softplus Softplus ["softplus"];
    softsign Softsign ["softsign"];
    sparse_plus SparsePlus ["sparse_plus"];
    sparse_sigmoid SparseSigmoid ["sparse_sigmoid"];
    sparsemax Sparsemax ["sparsemax"];
    squareplus Squareplus ["squareplus"];
    tanh Tanh ["tanh"];
    tanh_shrink TanhShrink ["tanh_shrink"];
}

// Not in the registry, because its name alone says too little.
mod threshold;
pub use threshold::Threshold;

impl Activation {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear => "linear",
            Self::Softmax => "softmax",
            Self::Curve(curve) => curve.name(),
            Self::Row(row) => row.name(),
        }
    }

    /// The function of a row, where it is one.
    pub fn row(&self) -> Option<&Arc<dyn RowFunction>> {
        match self {
            Self::Row(row) => Some(row),
            _ => None,
        }
    }

    /// Columns that it makes of this many.
    ///
    /// # Errors
    /// When it can make none of them, as `glu` of an odd number.
    pub fn outputs(&self, columns: usize) -> Result<usize> {
        match self.row().map(|row| row.outputs(&[columns])) {
            None => Ok(columns),
            Some(0) => Err(Error::config(
                format!("activation '{}'", self.name()),
                format!("{columns} columns, of which it makes none: give it another number (glu: an even one)"),
            )),
            Some(outputs) => Ok(outputs),
        }
    }

    /// What the planner sees.
    pub fn facts(&self) -> Vec<Fact> {
        match self {
            Self::Linear => Vec::new(),
            Self::Row(row) => vec![Fact::Rows(Arc::clone(row))],
            Self::Softmax => vec![Fact::Softmax],
            Self::Curve(curve) => vec![Fact::Elementwise(Arc::clone(curve))],
        }
    }
}

/// `y = f(y)`, for a function simple enough that the compiler vectorises it.
fn each(y: &mut [f32], f: impl Fn(f32) -> f32) {
    y.iter_mut().for_each(|y| *y = f(*y));
}

/// `d = d slope(saved)`, tiny values as 0.
fn scale(kernels: &Kernels, d: &mut [f32], saved: &[f32], slope: impl Fn(f32) -> f32) {
    d.iter_mut().zip(saved).for_each(|(d, x)| *d *= slope(*x));
    kernels.flush(d);
}

fn step(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}

/// Elements that are worked on at once where a copy of them is needed: two of these fit the first-level cache
/// beside everything else.
const PART: usize = 256;

/// Calls `f` with part after part of d and a copy of the same part of `saved`, which it may overwrite.
fn transformed(d: &mut [f32], saved: &[f32], mut f: impl FnMut(&mut [f32], &mut [f32])) {
    let mut copy = [0.0; PART];
    for (d, saved) in d.chunks_mut(PART).zip(saved.chunks(PART)) {
        let copy = &mut copy[..saved.len()];
        copy.copy_from_slice(saved);
        f(d, copy);
    }
}

/// The largest element and its place.
fn largest<R: Real>(x: &[R]) -> Option<(R, usize)> {
    let mut all = x.iter().copied().zip(0..);
    let first = all.next()?;
    Some(all.fold(first, |top, one| if one.0 > top.0 { one } else { top }))
}

#[cfg(test)]
mod tests;
