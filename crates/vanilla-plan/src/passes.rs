//! Named rewrites of the reference plan. Each is a function from steps to steps, on or off by a flag.

use crate::step::{Gradient, Step, Value};
use crate::{Network, Reads};

/// Which passes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// [`absorb_curve`].
    pub absorb_curve: bool,
    /// [`absorb_derivative`].
    pub absorb_derivative: bool,
    /// [`fuse_update`].
    pub fuse_update: bool,
    /// [`pass_over_zeros`], for products of at least this many multiply-adds.
    pub pass_over_zeros: Option<usize>,
}

impl Passes {
    /// All passes: what runs unless somebody asks otherwise.
    pub const ALL: Self = Self {
        absorb_curve: true,
        absorb_derivative: true,
        fuse_update: true,
        pass_over_zeros: Some(WORTH_A_LOOK),
    };
    /// No pass: the reference plan.
    pub const NONE: Self =
        Self { absorb_curve: false, absorb_derivative: false, fuse_update: false, pass_over_zeros: None };

    pub(crate) fn apply(self, mut steps: Vec<Step>, network: &Network, rows: usize, training: bool) -> Vec<Step> {
        if self.absorb_curve {
            steps = absorb_curve(steps, network, training);
        }
        if self.absorb_derivative {
            steps = absorb_derivative(steps);
        }
        if self.fuse_update {
            steps = fuse_update(steps);
        }
        if let Some(least) = self.pass_over_zeros {
            steps = pass_over_zeros(steps, network, rows, least);
        }
        steps
    }
}

/// `x1 = x0 W + b; x2 = f(x1)` becomes `x2 = f(x0 W + b)`: the curve runs on the hot tile.
/// Only where nobody else reads x1; in training only where the derivative reads the output, else x1 is needed later.
pub fn absorb_curve(steps: Vec<Step>, network: &Network, training: bool) -> Vec<Step> {
    let alone = |x: &Value| {
        let readers = network.nodes.iter().flat_map(|node| &node.inputs).chain(&network.outputs);
        readers.filter(|value| *value == x).count() == 1
    };
    let mut out: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        if let Step::Apply { x, y, curve } = &step
            && (!training || curve.reads() == Reads::Output)
            && let Some(Step::Affine { y: affine, curve: slot @ None, .. }) = out.last_mut()
            && affine == x
            && alone(x)
        {
            *affine = *y;
            *slot = Some(curve.clone());
            continue;
        }
        out.push(step);
    }
    out
}

/// `d2 = d3 W'; d1 = d2 f'(x2)` becomes `d1 = (d3 W') f'(x2)`.
pub fn absorb_derivative(steps: Vec<Step>) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        if let Step::ApplyGrad { y, x, curve, saved } = &step
            && let Some(Step::GradX { x: target, curve: slot @ None, .. }) = out.last_mut()
            && target == y
        {
            *target = *x;
            *slot = Some((curve.clone(), *saved));
            continue;
        }
        out.push(step);
    }
    out
}

/// `g = x' d; W <- optimizer(W, g)` becomes `W <- optimizer(W, x' d)`: no gradient is ever stored. Only where the
/// gradient is a single product and the optimizer moves each variable on its own.
pub fn fuse_update(steps: Vec<Step>) -> Vec<Step> {
    if steps.iter().any(|step| matches!(step, Step::UpdateAll { .. })) {
        return steps;
    }
    let fused: Vec<usize> = steps
        .iter()
        .filter_map(|step| match step {
            Step::GradW { kernel, bias, add: false, .. } => Some(std::iter::once(*kernel).chain(*bias)),
            _ => None,
        })
        .flatten()
        .collect();
    let fuse = |step: Step| match step {
        Step::Update { variable } if fused.contains(&variable) => None,
        Step::GradW { x, y, kernel, bias, add: false, .. } => {
            Some(Step::GradW { x, y, kernel, bias, add: false, update: true })
        }
        other => Some(other),
    };
    steps.into_iter().filter_map(fuse).collect()
}

/// Products of fewer multiply-adds are done before it is known what to leave out: a hundred thousand take 2 us, looking
/// at the 32 x 64 floats of one of their operands 0.3.
const WORTH_A_LOOK: usize = 100_000;

/// `x1 = relu(…); x2 = x1 W` becomes `x1 = relu(…); look where x1 is not 0; x2 = x1 W`: products leave out what is
/// zero in the input, behind a curve that dies at zero, and behind a mask; and in the gradients there. Only for
/// products of at least `least` multiply-adds in a batch of this many rows.
pub fn pass_over_zeros(steps: Vec<Step>, network: &Network, rows: usize, least: usize) -> Vec<Step> {
    let large = |x: Value, y: Value| {
        let (x, y) = (network.form(x), network.form(y));
        rows.saturating_mul(x.groups).saturating_mul(x.cols).saturating_mul(y.cols) >= least
    };
    // A gradient that others are added to is not what the first of them wrote.
    let summed = |d: Gradient| {
        d >= network.forms().len()
            || steps.iter().any(|step| matches!(step, Step::Sum { value, .. } if *value == d))
    };
    let read = |value: Value, gradient: bool| {
        steps.iter().any(|step| match *step {
            Step::Affine { x, y, .. } => !gradient && x == value && large(x, y),
            Step::GradW { x, y, .. } => gradient && y == value && large(x, y),
            _ => false,
        })
    };
    let mut out = Vec::with_capacity(steps.len());
    for step in &steps {
        out.push(step.clone());
        let written = match step {
            Step::Load { input } => Some((*input, false)),
            Step::Affine { y, curve: Some(curve), .. } | Step::Apply { y, curve, .. } if curve.dies_at_zero() => {
                Some((*y, false))
            }
            Step::GradX { x, curve: Some((curve, _)), .. } | Step::ApplyGrad { x, curve, .. }
                if curve.dies_at_zero() =>
            {
                Some((*x, true))
            }
            Step::Mask { y, backward, .. } => Some((*y, *backward)),
            _ => None,
        };
        out.extend(
            written
                .filter(|&(value, gradient)| read(value, gradient) && !(gradient && summed(value)))
                .map(|(value, gradient)| Step::Look { value, gradient }),
        );
    }
    out
}
