//! What a layer may be made of: a closed list that the planner understands.

use crate::Curve;
use std::sync::Arc;

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
}

impl Fact {
    /// Columns of y for `inputs` columns of x.
    pub fn outputs(&self, inputs: usize) -> usize {
        match self {
            Self::Affine { units, .. } => *units,
            Self::Elementwise(_) | Self::Softmax | Self::Mask { .. } => inputs,
        }
    }

    /// The function that a cross-entropy can be joined with.
    pub fn link(&self) -> Option<Link> {
        match self {
            Self::Softmax => Some(Link::Softmax),
            Self::Elementwise(curve) => curve.link(),
            Self::Affine { .. } | Self::Mask { .. } => None,
        }
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

/// A network: the width of its input and its facts, first to last.
#[derive(Clone, Debug)]
pub struct Network {
    /// Columns of the input.
    pub inputs: usize,
    /// Every layer's facts, one after the other.
    pub facts: Vec<Fact>,
}

impl Network {
    /// Columns of every value: the input, then the output of each fact.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths = vec![self.inputs];
        for fact in &self.facts {
            widths.push(fact.outputs(widths[widths.len() - 1]));
        }
        widths
    }

    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        self.widths()[self.facts.len()]
    }

    /// Shapes `(rows, cols)` of the variables: for each affine fact the kernel, then the bias as a single row.
    pub fn variables(&self) -> Vec<(usize, usize)> {
        let mut shapes = Vec::new();
        for (fact, inputs) in self.facts.iter().zip(self.widths()) {
            if let Fact::Affine { units, bias } = fact {
                shapes.push((inputs, *units));
                shapes.extend(bias.then_some((1, *units)));
            }
        }
        shapes
    }

    /// Floating-point operations of the matrix products of one training step with this many rows.
    pub fn flop(&self, rows: usize) -> u64 {
        let affine = self.facts.iter().zip(self.widths()).filter_map(|(fact, inputs)| match fact {
            Fact::Affine { units, .. } => Some((rows * inputs * units) as u64),
            _ => None,
        });
        // Forward, weight gradient, and (but for the first) input gradient.
        affine.enumerate().map(|(i, products)| products * if i == 0 { 4 } else { 6 }).sum()
    }

    /// Threads worth using for steps of this many rows, at most `available`: below a few million operations waking a
    /// second thread costs more than it brings (a step of 1.2 MFLOP takes 21 us with one, 26 us with two). In training
    /// the update of a weight counts as 32 operations: it takes as long.
    pub fn threads(&self, rows: usize, training: bool, available: usize) -> usize {
        let weights: usize = self.variables().iter().map(|(rows, cols)| rows * cols).sum();
        let updates = if training { 32 * weights as u64 } else { 0 };
        if self.flop(rows) + updates < 4_000_000 { 1 } else { available.max(1) }
    }
}
