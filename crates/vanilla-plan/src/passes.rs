//! Named rewrites of the reference plan. Each is a function from steps to steps, on or off by a flag.

use crate::Reads;
use crate::step::Step;

/// Which passes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// [`absorb_curve`].
    pub absorb_curve: bool,
    /// [`absorb_derivative`].
    pub absorb_derivative: bool,
    /// [`fuse_update`].
    pub fuse_update: bool,
}

impl Passes {
    /// All passes: what runs unless somebody asks otherwise.
    pub const ALL: Self = Self { absorb_curve: true, absorb_derivative: true, fuse_update: true };
    /// No pass: the reference plan.
    pub const NONE: Self = Self { absorb_curve: false, absorb_derivative: false, fuse_update: false };

    pub(crate) fn apply(self, mut steps: Vec<Step>, training: bool) -> Vec<Step> {
        if self.absorb_curve {
            steps = absorb_curve(steps, training);
        }
        if self.absorb_derivative {
            steps = absorb_derivative(steps);
        }
        if self.fuse_update {
            steps = fuse_update(steps);
        }
        steps
    }
}

/// `x1 = x0 W + b; x2 = f(x1)` becomes `x2 = f(x0 W + b)`: the curve runs on the hot tile.
/// In training only where the derivative reads the output, else x1 is needed later.
pub fn absorb_curve(steps: Vec<Step>, training: bool) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        if let Step::Apply { x, y, curve } = &step
            && (!training || curve.reads() == Reads::Output)
            && let Some(Step::Affine { y: affine, curve: slot @ None, .. }) = out.last_mut()
            && affine == x
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

/// `g = x' d; W <- optimizer(W, g)` becomes `W <- optimizer(W, x' d)`: no gradient is ever stored.
pub fn fuse_update(steps: Vec<Step>) -> Vec<Step> {
    let fused = |step: Step| match step {
        Step::Update { .. } => None,
        Step::GradW { x, y, kernel, bias, .. } => Some(Step::GradW { x, y, kernel, bias, update: true }),
        other => Some(other),
    };
    steps.into_iter().filter_map(fused).collect()
}
