//! [`Step`]: the dozen kinds of work that a plan is made of, and how they print.

use crate::{Curve, Link, Loss};
use std::fmt;
use std::sync::Arc;

/// Number of a value: 0 is the input, i + 1 the output of fact i.
pub type Value = usize;

/// One step of a plan. `x_i` is value i, `d_i` the gradient of the loss by it.
#[derive(Clone, Debug)]
pub enum Step {
    /// `x0 = gather(batch)`.
    Load,
    /// Finds out where `x[value]` or `d[value]` is not zero: products pass over the rest.
    Look {
        /// The value.
        value: Value,
        /// Looks at its gradient.
        gradient: bool,
    },
    /// `x[y] = x[x] W + b`, then the curve.
    Affine {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// Number of the kernel among the variables.
        kernel: usize,
        /// Number of the bias.
        bias: Option<usize>,
        /// Applied to each finished tile.
        curve: Option<Arc<dyn Curve>>,
    },
    /// `x[y] = f(x[x])`.
    Apply {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// f.
        curve: Arc<dyn Curve>,
    },
    /// `x[y] = softmax(x[x])`.
    Softmax {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
    },
    /// `x[y] = mask x[x] / (1 - rate)`; also a gradient's way back, where x and y are those of the gradient.
    Mask {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// Probability of a zero.
        rate: f32,
        /// Number of the fact: masks of different facts are independent.
        stream: usize,
        /// Works on gradients instead of values.
        backward: bool,
    },
    /// `x[y] = x[x]`: a mask outside of training.
    Copy {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
    },
    /// Loss and, in training, `d[x]`; joined with a link, x is its input and the output is written too.
    Loss {
        /// What the gradient is taken by.
        x: Value,
        /// The network's output.
        output: Value,
        /// The loss.
        loss: Arc<dyn Loss>,
        /// The last function, if the loss starts from its input.
        link: Option<Link>,
        /// Whether the gradient is wanted.
        gradient: bool,
    },
    /// `d[x] = d[y] W'`, then times the curve's derivative.
    GradX {
        /// The value whose gradient is read.
        y: Value,
        /// The value whose gradient is written.
        x: Value,
        /// Number of the kernel.
        kernel: usize,
        /// The curve, and the value that its derivative reads.
        curve: Option<(Arc<dyn Curve>, Value)>,
    },
    /// `d[x] = d[y] f'(saved)`.
    ApplyGrad {
        /// The value whose gradient is read.
        y: Value,
        /// The value whose gradient is written.
        x: Value,
        /// f.
        curve: Arc<dyn Curve>,
        /// The value that f' reads.
        saved: Value,
    },
    /// `d[x] = s (d[y] - sum(d[y] s))` with `s = x[y]`.
    SoftmaxGrad {
        /// The softmax's output.
        y: Value,
        /// Its input.
        x: Value,
    },
    /// `g[kernel] = x[x]' d[y]`, `g[bias] = sum d[y]`; with `update`, consumed by the optimizer tile by tile.
    GradW {
        /// The affine's input.
        x: Value,
        /// The affine's output.
        y: Value,
        /// Number of the kernel.
        kernel: usize,
        /// Number of the bias.
        bias: Option<usize>,
        /// Whether the optimizer's update is its epilogue.
        update: bool,
    },
    /// `W = optimizer(W, g)`.
    Update {
        /// Number of the variable.
        variable: usize,
    },
}

/// A step with the name of the optimizer, which only the plan knows.
pub(crate) struct Shown<'a>(pub &'a Step, pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(step, optimizer) = self;
        let wb = |kernel: &usize, bias: &Option<usize>| match bias {
            Some(bias) => (format!("V{kernel}"), format!(" + V{bias}")),
            None => (format!("V{kernel}"), String::new()),
        };
        match step {
            Step::Load => write!(f, "load       x0 = gather(batch)"),
            Step::Look { value, gradient } => {
                write!(f, "look       where {}{value} is not 0", if *gradient { 'd' } else { 'x' })
            }
            Step::Affine { x, y, kernel, bias, curve } => {
                let (w, b) = wb(kernel, bias);
                match curve {
                    Some(curve) => write!(f, "affine     x{y} = {}(x{x} {w}{b})", curve.name()),
                    None => write!(f, "affine     x{y} = x{x} {w}{b}"),
                }
            }
            Step::Apply { x, y, curve } => write!(f, "apply      x{y} = {}(x{x})", curve.name()),
            Step::Softmax { x, y } => write!(f, "softmax    x{y} = softmax(x{x})"),
            Step::Mask { x, y, rate, stream, backward } => {
                let name = if *backward { 'd' } else { 'x' };
                write!(f, "mask       {name}{y} = mask{stream}({name}{x}, {rate})")
            }
            Step::Copy { x, y } => write!(f, "copy       x{y} = x{x}"),
            Step::Loss { x, output, loss, link, gradient } => {
                let d = if *gradient { format!("d{x}, ") } else { String::new() };
                match link {
                    Some(Link::Softmax) => write!(f, "loss       {d}x{output} = softmax(x{x})")?,
                    Some(Link::Sigmoid) => write!(f, "loss       {d}x{output} = sigmoid(x{x})")?,
                    None if *gradient => write!(f, "loss       d{x} by x{x}")?,
                    None => write!(f, "loss       of x{x}")?,
                }
                write!(f, "   {}{}", loss.name(), if link.is_some() { ", from logits" } else { "" })
            }
            Step::GradX { y, x, kernel, curve } => {
                write!(f, "grad_x     d{x} = d{y} V{kernel}'")?;
                curve.as_ref().map_or(Ok(()), |(curve, saved)| write!(f, " * {}'(x{saved})", curve.name()))
            }
            Step::ApplyGrad { y, x, curve, saved } => {
                write!(f, "apply'     d{x} = d{y} * {}'(x{saved})", curve.name())
            }
            Step::SoftmaxGrad { y, x } => {
                write!(f, "softmax'   d{x} = x{y} * (d{y} - sum(d{y} x{y}))")
            }
            Step::GradW { x, y, kernel, bias, update } => {
                let g = |v: usize, product: String| match update {
                    true => format!("V{v} <- {optimizer}(V{v}, {product})"),
                    false => format!("g{v} = {product}"),
                };
                write!(f, "grad_w     {}", g(*kernel, format!("x{x}' d{y}")))?;
                bias.map_or(Ok(()), |bias| write!(f, ", {}", g(bias, format!("sum d{y}"))))
            }
            Step::Update { variable: v } => write!(f, "update     V{v} <- {optimizer}(V{v}, g{v})"),
        }
    }
}
