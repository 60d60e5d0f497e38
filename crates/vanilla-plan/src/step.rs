//! [`Step`]: the kinds of work that a plan is made of, and how they print.

use crate::facts::{BatchNorm, Merge, Noise};
use crate::{Curve, Link, Loss, Reduction, RowFunction, Spectral};
use std::fmt;
use std::sync::Arc;

/// Number of a value: first the inputs, then the outputs of the nodes in their order.
pub type Value = usize;

/// Number of a gradient: `d_i` is the gradient of the loss by value i. Where a value has several readers, each of them
/// writes a gradient of its own, with numbers behind those of the values, and `d_i` is their sum.
pub type Gradient = usize;

/// One step of a plan.
#[derive(Clone, Debug)]
pub enum Step {
    /// `x[input] = gather(batch)`.
    Load {
        /// Number of the input.
        input: usize,
    },
    /// Divides a kernel by its largest singular value, before anybody reads it.
    Spectral {
        /// Number of the kernel among the variables.
        kernel: usize,
        /// How.
        spectral: Spectral,
    },
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
        x: usize,
        /// Output.
        y: usize,
        /// Probability of a zero.
        rate: f32,
        /// Number of the node: masks of different nodes are independent.
        stream: usize,
        /// Works on gradients instead of values.
        backward: bool,
    },
    /// `x[y] = x[x] a + b` with random a and b; also a gradient's way back, which is times a.
    Noise {
        /// Input.
        x: usize,
        /// Output.
        y: usize,
        /// What is drawn.
        noise: Noise,
        /// Number of the node.
        stream: usize,
        /// Works on gradients instead of values.
        backward: bool,
    },
    /// `x[y] = x[x]`: a mask outside of training; with `backward` `d[y] = d[x]`.
    Copy {
        /// Input.
        x: usize,
        /// Output.
        y: usize,
        /// Works on gradients instead of values.
        backward: bool,
    },
    /// The same numbers in another number of rows a sample; with `backward` of gradients.
    Regroup {
        /// Input.
        x: usize,
        /// Output.
        y: usize,
        /// Works on gradients instead of values.
        backward: bool,
    },
    /// `x[y] = merge(x[xs])`.
    Merge {
        /// Inputs.
        xs: Vec<Value>,
        /// Output.
        y: Value,
        /// How.
        merge: Merge,
    },
    /// `d[dx]`, the gradient by input `at` of a merge.
    MergeGrad {
        /// The merge's inputs.
        xs: Vec<Value>,
        /// Its output.
        y: Value,
        /// Which input's gradient is written.
        at: usize,
        /// Where to.
        dx: Gradient,
        /// How the inputs were merged.
        merge: Merge,
    },
    /// `x[y] = f(row of x[xs])` for each row.
    Rows {
        /// Inputs.
        xs: Vec<Value>,
        /// Output.
        y: Value,
        /// f.
        function: Arc<dyn RowFunction>,
        /// Its weights.
        weights: Vec<usize>,
    },
    /// Gradients by the inputs of a row function, where somebody wants them, and by its weights.
    RowsGrad {
        /// Inputs.
        xs: Vec<Value>,
        /// Output.
        y: Value,
        /// Where the gradient by each input goes.
        dxs: Vec<Option<Gradient>>,
        /// f.
        function: Arc<dyn RowFunction>,
        /// Its weights, and whether the gradient by each is added to its `g`.
        weights: Vec<(usize, bool)>,
    },
    /// `x[y] = gamma (x[x] - mean) / sqrt(variance + epsilon) + beta`.
    BatchNorm {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// How.
        norm: BatchNorm,
        /// Its variables.
        variables: Vec<usize>,
        /// Takes mean and variance from the batch.
        batch: bool,
    },
    /// Gradients by the input and by gamma and beta.
    BatchNormGrad {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// Where the gradient by the input goes.
        dx: Option<Gradient>,
        /// How.
        norm: BatchNorm,
        /// Its variables.
        variables: Vec<usize>,
        /// Mean and variance came from the batch.
        batch: bool,
        /// Whether gamma and beta are trained.
        trainable: bool,
    },
    /// Moves the moving mean and variance towards those of the batch.
    MoveStatistics {
        /// The output of the normalisation.
        y: Value,
        /// Share that stays.
        momentum: f64,
        /// Number of the moving mean.
        mean: usize,
        /// Number of the moving variance.
        variance: usize,
    },
    /// `x[y] = V[x[x]]`.
    Embed {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// Number of V.
        table: usize,
    },
    /// `g[table][x[x]] += d[y]`.
    EmbedGrad {
        /// Input.
        x: Value,
        /// Output.
        y: Value,
        /// Number of V.
        table: usize,
    },
    /// `(l1 sum|x| + l2 sum x^2) / rows` is added to the loss.
    Activity {
        /// The value.
        x: Value,
        /// Weight of the magnitudes.
        l1: f32,
        /// Weight of the squares.
        l2: f32,
    },
    /// `d[dx] = d[y] + (l1 sign(x) + 2 l2 x) / rows`.
    ActivityGrad {
        /// The value.
        x: Value,
        /// What it became.
        y: Value,
        /// Where the gradient goes.
        dx: Gradient,
        /// Weight of the magnitudes.
        l1: f32,
        /// Weight of the squares.
        l2: f32,
    },
    /// Adds the penalty of a variable to the loss; with `gradient` `g[variable]` becomes its gradient.
    Penalty {
        /// Number of the variable.
        variable: usize,
        /// Name of the penalty.
        name: String,
        /// Whether the gradient is wanted.
        gradient: bool,
    },
    /// `g[variable] = 0`: several steps will add to it.
    Clear {
        /// Number of the variable.
        variable: usize,
    },
    /// Loss and, in training, its gradient; joined with a link, x is its input and the output is written too.
    Loss {
        /// What the gradient is taken by.
        x: Value,
        /// The network's output.
        output: Value,
        /// Number of the output.
        number: usize,
        /// The loss.
        loss: Arc<dyn Loss>,
        /// What the loss counts in the sum over outputs.
        weight: f32,
        /// How rows become one number.
        reduction: Reduction,
        /// The last function, if the loss starts from its input.
        link: Option<Link>,
        /// Where the gradient goes, if it is wanted.
        dx: Option<Gradient>,
    },
    /// `d[value] = sum of the others`.
    Sum {
        /// The value.
        value: Value,
        /// The gradients that its readers wrote.
        parts: Vec<Gradient>,
    },
    /// `d[x] = d[y] W'`, then times the curve's derivative.
    GradX {
        /// The value whose gradient is read.
        y: Value,
        /// The gradient that is written.
        x: Gradient,
        /// Number of the kernel.
        kernel: usize,
        /// The curve, and the value that its derivative reads.
        curve: Option<(Arc<dyn Curve>, Value)>,
    },
    /// `d[x] = d[y] f'(saved)`.
    ApplyGrad {
        /// The value whose gradient is read.
        y: Value,
        /// The gradient that is written.
        x: Gradient,
        /// f.
        curve: Arc<dyn Curve>,
        /// The value that f' reads.
        saved: Value,
    },
    /// `d[x] = s (d[y] - sum(d[y] s))` with `s = x[y]`.
    SoftmaxGrad {
        /// The softmax's output.
        y: Value,
        /// The gradient that is written.
        x: Gradient,
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
        /// Added to what g holds.
        add: bool,
    },
    /// `W = optimizer(W, g)`.
    Update {
        /// Number of the variable.
        variable: usize,
    },
    /// All variables that are trained, by an optimizer that wants to see all gradients.
    UpdateAll {
        /// Numbers of the variables.
        variables: Vec<usize>,
    },
    /// Makes a variable satisfy its constraint.
    Constrain {
        /// Number of the variable.
        variable: usize,
        /// Name of the constraint.
        name: String,
    },
}

/// A step with the name of the optimizer, which only the plan knows.
pub(crate) struct Shown<'a>(pub &'a Step, pub &'a str);

/// `x1, x2`.
fn list(letter: char, numbers: &[usize]) -> String {
    numbers.iter().map(|number| format!("{letter}{number}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(step, optimizer) = self;
        let wb = |kernel: &usize, bias: &Option<usize>| match bias {
            Some(bias) => (format!("V{kernel}"), format!(" + V{bias}")),
            None => (format!("V{kernel}"), String::new()),
        };
        let letter = |backward: &bool| if *backward { 'd' } else { 'x' };
        match step {
            Step::Load { input } => write!(f, "load       x{input} = gather(batch)"),
            Step::Spectral { kernel, spectral } => {
                write!(f, "spectral   V{kernel} <- V{kernel} / sigma(V{kernel}, V{})", spectral.vector)
            }
            Step::Look { value, gradient } => write!(f, "look       where {}{value} is not 0", letter(gradient)),
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
                write!(f, "mask       {0}{y} = mask{stream}({0}{x}, {rate})", letter(backward))
            }
            Step::Noise { x, y, noise, stream, backward } => {
                write!(f, "noise      {0}{y} = {1}{stream}({0}{x})", letter(backward), noise.name())
            }
            Step::Copy { x, y, backward } => write!(f, "copy       {0}{y} = {0}{x}", letter(backward)),
            Step::Regroup { x, y, backward } => {
                write!(f, "regroup    {0}{y} = {0}{x}, in other rows", letter(backward))
            }
            Step::Merge { xs, y, merge } => write!(f, "merge      x{y} = {}({})", merge.name(), list('x', xs)),
            Step::MergeGrad { xs, y, at, dx, merge } => {
                write!(f, "merge'     d{dx} = d{y} d{}({}) / dx{}", merge.name(), list('x', xs), xs[*at])
            }
            Step::Rows { xs, y, function, weights } => {
                let all = [list('x', xs), list('V', weights)];
                let all: Vec<_> = all.into_iter().filter(|text| !text.is_empty()).collect();
                write!(f, "rows       x{y} = {}({})", function.name(), all.join(", "))
            }
            Step::RowsGrad { y, dxs, function, weights, .. } => {
                let dxs: Vec<usize> = dxs.iter().flatten().copied().collect();
                let gs: Vec<usize> = weights.iter().filter(|(_, add)| *add).map(|(v, _)| *v).collect();
                let all = [list('d', &dxs), list('g', &gs)];
                let all: Vec<_> = all.into_iter().filter(|text| !text.is_empty()).collect();
                write!(f, "rows'      {} = {}'(d{y})", all.join(", "), function.name())
            }
            Step::BatchNorm { x, y, batch, .. } => {
                write!(f, "norm       x{y} = batch_norm(x{x})")?;
                write!(f, "{}", if *batch { "" } else { "   with the moving mean and variance" })
            }
            Step::BatchNormGrad { y, dx, variables, trainable, norm, .. } => {
                let gs = if *trainable { &variables[..norm.first_statistic()] } else { &[] };
                let all = [dx.map_or(String::new(), |dx| format!("d{dx}")), list('g', gs)];
                let all: Vec<_> = all.into_iter().filter(|text| !text.is_empty()).collect();
                write!(f, "norm'      {} = batch_norm'(d{y})", all.join(", "))
            }
            Step::MoveStatistics { y, momentum, mean, variance } => {
                write!(f, "move       V{mean}, V{variance} <- {momentum} of them and the batch's at x{y}")
            }
            Step::Embed { x, y, table } => write!(f, "embed      x{y} = V{table}[x{x}]"),
            Step::EmbedGrad { x, y, table } => write!(f, "embed'     g{table}[x{x}] += d{y}"),
            Step::Activity { x, l1, l2 } => write!(f, "penalty    loss += ({l1} |x{x}| + {l2} x{x}^2) / rows"),
            Step::ActivityGrad { x, y, dx, l1, l2 } => {
                write!(f, "penalty'   d{dx} = d{y} + ({l1} sign(x{x}) + {} x{x}) / rows", 2.0 * l2)
            }
            Step::Penalty { variable, name, gradient } => {
                write!(f, "penalty    loss += {name}(V{variable})")?;
                if *gradient { write!(f, ", g{variable} = {name}'(V{variable})") } else { Ok(()) }
            }
            Step::Clear { variable } => write!(f, "clear      g{variable} = 0"),
            Step::Loss { x, output, loss, weight, reduction, link, dx, .. } => {
                let d = dx.map_or(String::new(), |dx| format!("d{dx}, "));
                match link {
                    Some(Link::Softmax) => write!(f, "loss       {d}x{output} = softmax(x{x})")?,
                    Some(Link::Sigmoid) => write!(f, "loss       {d}x{output} = sigmoid(x{x})")?,
                    None => match dx {
                        Some(dx) => write!(f, "loss       d{dx} by x{x}")?,
                        None => write!(f, "loss       of x{x}")?,
                    },
                }
                write!(f, "   {}{}", loss.name(), if link.is_some() { ", from logits" } else { "" })?;
                match reduction {
                    Reduction::Mean => {}
                    Reduction::Sum => write!(f, ", summed")?,
                    Reduction::WeightedMean => write!(f, ", over the weights of samples")?,
                }
                if *weight == 1.0 { Ok(()) } else { write!(f, ", times {weight}") }
            }
            Step::Sum { value, parts } => {
                let parts: Vec<_> = parts.iter().map(|part| format!("d{part}")).collect();
                write!(f, "sum        d{value} = {}", parts.join(" + "))
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
            Step::GradW { x, y, kernel, bias, update, add } => {
                let g = |v: usize, product: String| match (update, add) {
                    (true, _) => format!("V{v} <- {optimizer}(V{v}, {product})"),
                    (false, false) => format!("g{v} = {product}"),
                    (false, true) => format!("g{v} += {product}"),
                };
                write!(f, "grad_w     {}", g(*kernel, format!("x{x}' d{y}")))?;
                bias.map_or(Ok(()), |bias| write!(f, ", {}", g(bias, format!("sum d{y}"))))
            }
            Step::Update { variable: v } => write!(f, "update     V{v} <- {optimizer}(V{v}, g{v})"),
            Step::UpdateAll { variables } => {
                write!(f, "update     {} <- {optimizer}({})", list('V', variables), list('g', variables))
            }
            Step::Constrain { variable: v, name } => write!(f, "constrain  V{v} <- {name}(V{v})"),
        }
    }
}

impl Merge {
    /// Its name in a printed plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Average => "average",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
        }
    }
}

impl Noise {
    /// Its name in a printed plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlphaDropout { .. } => "alpha_dropout",
            Self::Times { .. } => "gaussian_times",
            Self::Plus { .. } => "gaussian_plus",
        }
    }
}
