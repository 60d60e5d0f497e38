//! What a layer may be made of: a closed list that the planner understands.

use crate::{Curve, Form, RowFunction};
use std::sync::Arc;
use vanilla_kernels::Kernels;

/// One thing that a layer does. A layer is a list of these; the planner sees through layers to them.
#[derive(Clone, Debug)]
pub enum Fact {
    /// `y = x W + b`, W `inputs x units`, b `units`.
    Affine {
        /// Columns of y.
        units: usize,
        /// Whether b exists.
        bias: bool,
    },
    /// `y = f(x)` for every element.
    Elementwise(Arc<dyn Curve>),
    /// `y = softmax(x)` along each row.
    Softmax,
    /// In training `y = x / (1 - rate)` with probability `1 - rate`, else 0; otherwise `y = x`.
    Mask {
        /// Probability of a zero, `0..=1`.
        rate: f32,
    },
    /// In training `y = x a + b` with random a and b for every element; otherwise `y = x`.
    Noise(Noise),
    /// One matrix of several of one shape, element by element.
    Merge(Merge),
    /// Every column with mean 0 and variance 1, then `gamma x + beta`.
    BatchNorm(BatchNorm),
    /// `y = V[x]`: x holds numbers of rows of V, `vocabulary x units`; each becomes a row of y.
    Embed {
        /// Rows of V.
        vocabulary: usize,
        /// Columns of V and of y.
        units: usize,
    },
    /// A function of each row, given as code.
    Rows(Arc<dyn RowFunction>),
    /// `y = x`, and `(l1 sum|x| + l2 sum x^2) / rows` more of loss.
    Activity {
        /// Weight of the magnitudes.
        l1: f32,
        /// Weight of the squares.
        l2: f32,
    },
    /// The same numbers of a sample, row-major, in this many rows.
    Regroup {
        /// Rows of a sample.
        groups: usize,
    },
}

/// What [`Fact::Noise`] draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Keeps with probability `1 - rate`, else puts the value that selu tends to; then restores mean and variance.
    AlphaDropout {
        /// Probability of a drop.
        rate: f32,
    },
    /// Times a normal number of mean 1 and this standard deviation.
    Times {
        /// Standard deviation.
        stddev: f32,
    },
    /// Plus a normal number of mean 0 and this standard deviation.
    Plus {
        /// Standard deviation.
        stddev: f32,
    },
}

/// How [`Fact::Merge`] makes one of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The sum.
    Add,
    /// The first less the second.
    Subtract,
    /// The product.
    Multiply,
    /// The mean.
    Average,
    /// The largest; the gradient goes to the first of equal ones.
    Maximum,
    /// The smallest; the gradient goes to the first of equal ones.
    Minimum,
}

/// [`Fact::BatchNorm`]: its variables are gamma and beta, if there are any, then the moving mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Share of the moving mean and variance that stays in a step.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether beta exists.
    pub center: bool,
    /// Whether gamma exists.
    pub scale: bool,
    /// Uses the moving mean and variance in training, too, and leaves them.
    pub frozen: bool,
}

impl Fact {
    /// The form of y for inputs of these forms.
    pub fn form(&self, inputs: &[Form]) -> Form {
        let x = inputs[0];
        match self {
            Self::Affine { units, .. } => Form { cols: *units, ..x },
            Self::Embed { units, .. } => Form { groups: x.groups * x.cols, cols: *units },
            Self::Rows(function) => {
                let cols: Vec<usize> = inputs.iter().map(|x| x.cols).collect();
                Form { cols: function.outputs(&cols), ..x }
            }
            Self::Regroup { groups } => Form { groups: *groups, cols: x.groups * x.cols / groups },
            _ => x,
        }
    }

    /// Shapes `(rows, cols)` of the variables, in their order, for inputs of these forms.
    pub fn variables(&self, inputs: &[Form]) -> Vec<(usize, usize)> {
        let x = inputs[0];
        match self {
            Self::Affine { units, bias } => {
                let mut shapes = vec![(x.cols, *units)];
                shapes.extend(bias.then_some((1, *units)));
                shapes
            }
            Self::BatchNorm(norm) => vec![(1, x.cols); norm.first_statistic() + 2],
            Self::Embed { vocabulary, units } => vec![(*vocabulary, *units)],
            Self::Rows(function) => {
                let cols: Vec<usize> = inputs.iter().map(|x| x.cols).collect();
                function.weights(&cols).into_iter().map(|length| (1, length)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The function that a cross-entropy can be joined with.
    pub fn link(&self) -> Option<Link> {
        match self {
            Self::Softmax => Some(Link::Softmax),
            Self::Elementwise(curve) => curve.link(),
            _ => None,
        }
    }
}

impl BatchNorm {
    /// Place of the moving mean among the variables; the moving variance follows.
    pub fn first_statistic(&self) -> usize {
        usize::from(self.scale) + usize::from(self.center)
    }
}

/// A last function whose logarithm a cross-entropy takes, and which it therefore had better not see from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Along the row.
    Softmax,
    /// Of every element.
    Sigmoid,
}

/// A row of a network's output, and what its last function made it of.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// The last function.
    pub link: Link,
    /// What it was given.
    pub logits: &'a [f32],
    /// What it gave.
    pub prediction: &'a [f32],
    /// `ln(sum(e^logits))`; 0 where the last function is no softmax.
    pub log_sum: f32,
}

impl<'a> Joined<'a> {
    /// Of one row: writes the prediction.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn new(kernels: &Kernels, link: Link, logits: &'a [f32], prediction: &'a mut [f32]) -> Self {
        prediction.copy_from_slice(logits);
        let log_sum = link.apply(kernels, prediction);
        Self { link, logits, prediction, log_sum }
    }
}

impl Link {
    /// The function of one row, in place; the [`Joined::log_sum`].
    pub fn apply(self, kernels: &Kernels, row: &mut [f32]) -> f32 {
        match self {
            Self::Softmax => kernels.softmax(row),
            Self::Sigmoid => {
                kernels.sigmoid(row);
                0.0
            }
        }
    }
}
