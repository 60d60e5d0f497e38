//! What a layer may bring along as code where no [`Fact`](crate::Fact) says it: a function of one row, a penalty on a
//! variable, a constraint on it.

use crate::Formula;
use std::fmt::Debug;

/// Weights of a [`RowFunction`], at most this many.
pub const MAX_ROW_WEIGHTS: usize = 4;

/// The weights of a [`RowFunction`], each row-major.
pub type RowWeights<'a> = [&'a [f32]; MAX_ROW_WEIGHTS];

/// The gradients by the weights of a [`RowFunction`], to be added to.
pub type RowGradients<'a> = [&'a mut [f32]; MAX_ROW_WEIGHTS];

/// A function of one row, with or without weights: what a layer of your own is made of.
///
/// With several inputs, a row is the row of the first, then that of the second, and so on. Weights come as slices in
/// the order in which the layer lists its variables, row-major; where there are fewer than [`MAX_ROW_WEIGHTS`], the
/// others are empty.
pub trait RowFunction: Debug + Send + Sync {
    /// Its name in a printed plan, such as `layer_norm`.
    fn name(&self) -> &str;
    /// Length of y for inputs of these lengths: that of all of them, unless said otherwise.
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    /// Lengths of the weights for inputs of these lengths.
    fn weights(&self, _inputs: &[usize]) -> Vec<usize> {
        Vec::new()
    }
    /// `y = f(x; w)`; y comes zeroed.
    fn forward(&self, x: &[f32], w: &RowWeights<'_>, y: &mut [f32]);
    /// From `dy`, the gradient by y: the gradient by x is written to `dx`, which comes zeroed, and the gradient by
    /// each weight is added to `dw`. An empty slice in `dw` means that nobody wants to know.
    fn backward(
        &self,
        x: &[f32],
        w: &RowWeights<'_>,
        y: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut RowGradients<'_>,
    );
    /// The readable truth in f64, for tests: writes y and returns true. False, as here, where there is none; then
    /// tests round to f32 and are less strict.
    fn reference(&self, _x: &[f64], _w: &[&[f64]; MAX_ROW_WEIGHTS], _y: &mut [f64]) -> bool {
        false
    }
    /// Whether the gradient by x is wanted at all; false where f is a step function, such as a lookup.
    fn differentiable(&self) -> bool {
        true
    }
    /// f as a formula for inputs of these lengths, for the exports to other languages; without one, a model with this
    /// function is not exported.
    fn formula(&self, _inputs: &[usize]) -> Option<Formula> {
        None
    }
}

/// A penalty on a variable, added to the loss.
pub trait Regularizer: Debug + Send + Sync {
    /// Its name in a printed plan, such as `l2`.
    fn name(&self) -> &str;
    /// The penalty of `w`, row-major of this shape; its gradient is added to `dw`.
    fn penalty(&self, w: &[f32], shape: &[usize], dw: &mut [f32]) -> f32;
}

/// What a variable has to satisfy after each step.
pub trait Constraint: Debug + Send + Sync {
    /// Its name in a printed plan, such as `max_norm`.
    fn name(&self) -> &str;
    /// Changes `w`, row-major of this shape, so that it satisfies the constraint.
    fn apply(&self, w: &mut [f32], shape: &[usize]);
}

/// f32 or f64: lets a formula be written once, for the program and for its truth.
pub trait Real:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::iter::Sum
{
    /// This number, rounded if need be.
    fn of(x: f64) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// e to this power.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The larger of the two.
    fn largest(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

macro_rules! real {
    ($float:ident $sqrt:ident $exp:ident $ln:ident) => {
        impl Real for $float {
            fn of(x: f64) -> Self {
                x as $float
            }
            // Not the system's: its last bits differ between machines.
            fn sqrt(self) -> Self {
                libm::$sqrt(self)
            }
            fn exp(self) -> Self {
                libm::$exp(self)
            }
            fn ln(self) -> Self {
                libm::$ln(self)
            }
        }
    };
}

real!(f32 sqrtf expf logf);
real!(f64 sqrt exp log);
