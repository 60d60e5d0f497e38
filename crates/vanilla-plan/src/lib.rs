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
pub mod formula;
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
pub use facts::{BatchNorm, Fact, Joined, Link, Merge, Noise};
pub use formula::Formula;
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
    /// f as a formula, for the exports to other languages; without one, a model with this function is not exported.
    fn formula(&self) -> Option<Formula> {
        None
    }
}

/// How the losses of the rows of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum over the number of rows that count.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the sum of what the samples count.
    WeightedMean,
}

/// A loss that is a sum over rows, or one number for a whole batch.
pub trait Loss: Debug + Send + Sync {
    /// Its name in a printed plan.
    fn name(&self) -> &str;
    /// Columns of the target for an output of `outputs` columns.
    fn target_width(&self, outputs: usize) -> usize {
        outputs
    }
    /// The loss of one row, and its gradient by the prediction into `d` (of `prediction`'s length).
    fn row(&self, kernels: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32;
    /// Whether a row with this target counts; where not, it has no loss and no gradient, and the mean leaves it out.
    fn counts(&self, _target: &[f32]) -> bool {
        true
    }
    /// Whether it is one number for a whole batch: then [`Loss::batch`] is called instead of [`Loss::row`].
    fn whole(&self) -> bool {
        false
    }
    /// The loss of a batch, whose targets and predictions are rows of `cols`, row-major, and its gradient by the
    /// predictions. Called only where [`Loss::whole`].
    fn batch(&self, _targets: &[f32], _predictions: &[f32], _cols: usize, _d: &mut [f32]) -> f32 {
        unreachable!("{} is a sum over rows", self.name())
    }
    /// Whether [`Loss::row_from_logits`] covers this function as the network's last.
    fn joins(&self, _link: Link) -> bool {
        false
    }
    /// As [`Loss::row`], but `d` gets the gradient by the logits. Called only where [`Loss::joins`].
    fn row_from_logits(&self, _row: &Joined<'_>, _target: &[f32], _d: &mut [f32]) -> f32 {
        unreachable!("{} joins nothing", self.name())
    }
}

/// Numbers that are the same for all weights of a step.
pub type Coefficients = [f32; 8];

/// A value that an optimizer keeps for a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name, such as `momentum`.
    pub name: &'static str,
    /// Its shape: that of the variable, where updates are fused.
    pub shape: Vec<usize>,
    /// Where it starts.
    pub start: Start,
}

/// Where a [`Slot`] starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// With this value.
    At(f32),
    /// With the weights.
    Weights,
}

/// How weights are moved.
pub trait Optimizer: Debug + Send + Sync {
    /// Its name in a printed plan.
    fn name(&self) -> &str;
    /// What it keeps for the variable with this number and shape; at most [`MAX_SLOTS`] where updates are fused.
    fn slots(&self, variable: usize, shape: &[usize]) -> Vec<Slot>;
    /// Whether every weight is moved by its own gradient and slots alone: then no gradient is ever stored.
    fn fuses(&self) -> bool {
        true
    }
    /// What [`Optimizer::update`] needs of this step; `iteration` counts from 1.
    fn coefficients(&self, iteration: u64) -> Coefficients;
    /// Moves weights `w` of the variable with this number against their gradients `g`; all slices have one length.
    fn update(
        &self,
        kernels: &Kernels,
        coefficients: &Coefficients,
        variable: usize,
        w: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    );
    /// Moves all variables that are trained, once all their gradients are known. Called instead of
    /// [`Optimizer::update`] where nothing is fused.
    fn update_all(&self, _step: WholeStep<'_>) {
        unreachable!("{} fuses", self.name())
    }
}

/// All gradients of a step, and what they move.
#[derive(Debug)]
pub struct WholeStep<'a> {
    /// What it runs on.
    pub kernels: &'a Kernels,
    /// Counted from 1.
    pub iteration: u64,
    /// All variables.
    pub variables: &'a mut [Variable],
    /// The gradient of each, empty where there is none.
    pub gradients: &'a mut [kernels::Panels],
    /// Numbers of the variables that are trained.
    pub trained: &'a [usize],
    /// Memory that is kept from step to step.
    pub spare: &'a mut Vec<Vec<f32>>,
}
