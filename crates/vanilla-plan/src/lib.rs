//! Described layers in, a flat list of steps out, and its execution.
//!
//! A network reaches this crate as a graph of [`Fact`]s, with a [`Loss`] an output and an [`Optimizer`]; nothing here
//! knows the name of a layer. [`Plan::train`] lowers them to unfused [`Step`]s (the reference plan), then named
//! [`passes`] rewrite the list, then [`Plan`] runs it, batch after batch, without allocating. A plan prints as
//! a page of algebra: that text is its test and its documentation.
//!
//! This page is the whole extension surface: [`Fact`], [`Curve`], [`Loss`], [`Optimizer`], and the code that a layer may
//! bring along: [`RowFunction`], [`Regularizer`], [`Constraint`].

mod code;
mod execute;
mod facts;
mod lower;
mod merge;
mod network;
mod noise;
mod norm;
mod params;
pub mod passes;
pub mod reference;
mod rows;
mod run;
mod step;

pub use code::{Constraint, MAX_ROW_WEIGHTS, Real, Regularizer, RowFunction, RowGradients, RowWeights};
pub use facts::{BatchNorm, Fact, Link, Merge, Noise};
pub use lower::OutputLoss;
pub use network::{Form, Network, Node, Spectral, VariableFacts};
pub use params::{Params, Variable};
pub use passes::Passes;
pub use run::{Batch, NotFinite, Plan};
pub use step::{Gradient, Step, Value};
pub use vanilla_kernels as kernels;

use std::fmt::Debug;
use vanilla_kernels::{Kernels, MAX_SLOTS};

/// What a derivative is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The output `y = f(x)`: the input need not be kept.
    Output,
    /// The input x.
    Input,
}

/// A function of one variable, applied to every element: an activation.
pub trait Curve: Debug + Send + Sync {
    /// Its name in a printed plan, such as `relu`.
    fn name(&self) -> &str;
    /// What [`Curve::gradient`] wants to see.
    fn reads(&self) -> Reads;
    /// `y = f(y)` on a slice of any length.
    fn forward(&self, kernels: &Kernels, y: &mut [f32]);
    /// `d = d f'`, `saved` being the output or the input as [`Curve::reads`] says, of d's length.
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], saved: &[f32]);
    /// f in f64: the readable truth that `forward` is tested against.
    fn value(&self, x: f64) -> f64;
    /// Whether `f' = 0` wherever `y = 0`, as for relu: no gradient is wanted there, and many y are zero.
    fn dies_at_zero(&self) -> bool {
        false
    }
    /// The function that a cross-entropy can be joined with.
    fn link(&self) -> Option<Link> {
        None
    }
}

/// A loss that is a sum over rows.
pub trait Loss: Debug + Send + Sync {
    /// Its name in a printed plan.
    fn name(&self) -> &str;
    /// Columns of the target for an output of `outputs` columns.
    fn target_width(&self, outputs: usize) -> usize {
        outputs
    }
    /// The loss of one row, and its gradient by the prediction into `d` (of `prediction`'s length).
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32;
    /// Whether [`Loss::row_from_logits`] covers this function as the network's last.
    fn joins(&self, _link: Link) -> bool {
        false
    }
    /// As [`Loss::row`] for `prediction = link(logits)`: `logits` is overwritten with the prediction, `d` gets the
    /// gradient by the logits. Called only where [`Loss::joins`].
    fn row_from_logits(
        &self,
        _kernels: &Kernels,
        _link: Link,
        _target: &[f32],
        _logits: &mut [f32],
        _d: &mut [f32],
    ) -> f32 {
        unreachable!("{} joins nothing", self.name())
    }
}

/// An update that treats every weight alike.
pub trait Optimizer: Debug + Send + Sync {
    /// Its name in a printed plan.
    fn name(&self) -> &str;
    /// Values kept for every weight, zero at first; at most [`MAX_SLOTS`].
    fn slots(&self) -> usize;
    /// What [`Optimizer::update`] needs of this step; `iteration` counts from 1.
    fn coefficients(&self, iteration: u64) -> [f32; 4];
    /// Moves the weights `w` against the gradients `g`; all slices have one length.
    fn update(
        &self,
        kernels: &Kernels,
        coefficients: &[f32; 4],
        w: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    );
}
