//! Rows brought to one scale: what the normalisations have in common that look at one sample only.

use super::reorder;
use vanilla_plan::formula::Compare;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// A fact whose rows go along these axes of a sample (places, from front to back), which keeps its shape.
pub(super) fn along(sample: &[usize], axes: &[usize], fact: Fact) -> Vec<Fact> {
    let (before, behind) = reorder::along(sample, axes);
    [before, vec![fact], behind].concat()
}

/// `y = n gamma + beta`, n being the row on the scale that `by` names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standardize {
    pub by: Scale,
    /// Whether gamma exists.
    pub gamma: bool,
    /// Whether beta exists.
    pub beta: bool,
}

/// What a row has afterwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Mean 0 and variance 1; epsilon is added to the variance.
    Moments { epsilon: f64 },
    /// A mean square of 1; epsilon is added to it.
    MeanSquare { epsilon: f64 },
    /// A length of 1; of shorter rows than this the length is taken for this.
    Length { shortest: f64 },
}

/// The row is `(x - shift) factor`.
#[derive(Clone, Copy)]
struct Measured {
    shift: f64,
    factor: f64,
    /// Whether the factor depends on the row.
    varies: bool,
}

impl Scale {
    fn of<R: Real + Into<f64>>(self, x: &[R]) -> Measured {
        let mean = |sum: f64| sum / x.len() as f64;
        let squares = |shift: f64| x.iter().map(|x| ((*x).into() - shift) * ((*x).into() - shift)).sum::<f64>();
        let (shift, length) = match self {
            Self::Moments { epsilon } => {
                let shift = mean(x.iter().map(|x| (*x).into()).sum());
                (shift, libm::sqrt(mean(squares(shift)) + epsilon))
            }
            Self::MeanSquare { epsilon } => (0.0, libm::sqrt(mean(squares(0.0)) + epsilon)),
            Self::Length { shortest } => match libm::sqrt(squares(0.0)) {
                length if length > shortest => (0.0, length),
                _ => return Measured { shift: 0.0, factor: 1.0 / shortest, varies: false },
            },
        };
        Measured { shift, factor: 1.0 / length, varies: true }
    }

    /// What the sum of products of a gradient and the row is divided by on the way back.
    fn divisor(self, length: usize) -> f64 {
        if matches!(self, Self::Length { .. }) { 1.0 } else { length as f64 }
    }
}

impl Standardize {
    /// Numbers of gamma and beta among the weights.
    fn places(&self) -> [Option<usize>; 2] {
        [self.gamma.then_some(0), self.beta.then_some(usize::from(self.gamma))]
    }

    fn apply<R: Real + Into<f64>>(&self, x: &[R], w: &[&[R]; MAX_ROW_WEIGHTS], y: &mut [R]) {
        let measured = self.by.of(x);
        let (shift, factor) = (R::of(measured.shift), R::of(measured.factor));
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - shift) * factor);
        let [gamma, beta] = self.places();
        if let Some(gamma) = gamma {
            y.iter_mut().zip(w[gamma]).for_each(|(y, gamma)| *y = *y * *gamma);
        }
        if let Some(beta) = beta {
            y.iter_mut().zip(w[beta]).for_each(|(y, beta)| *y = *y + *beta);
        }
    }
}

impl RowFunction for Standardize {
    fn name(&self) -> &str {
        match self.by {
            Scale::Moments { .. } => "layer_norm",
            Scale::MeanSquare { .. } => "rms_norm",
            Scale::Length { .. } => "unit_norm",
        }
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs[0]
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        vec![inputs[0]; usize::from(self.gamma) + usize::from(self.beta)]
    }
    fn forward(&self, x: &[f32], w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.apply(x, w, y);
    }
    fn backward(
        &self,
        x: &[f32],
        w: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        let Measured { shift, factor, varies } = self.by.of(x);
        let normal = |x: f32| (f64::from(x) - shift) * factor;
        let [gamma, beta] = self.places();
        if let Some(beta) = beta {
            dw[beta].iter_mut().zip(dy).for_each(|(dw, dy)| *dw += dy);
        }
        if let Some(gamma) = gamma {
            let terms = dy.iter().zip(x).map(|(dy, x)| (f64::from(*dy) * normal(*x)) as f32);
            dw[gamma].iter_mut().zip(terms).for_each(|(dw, term)| *dw += term);
        }
        // The gradient by n.
        dx.copy_from_slice(dy);
        if let Some(gamma) = gamma {
            dx.iter_mut().zip(w[gamma]).for_each(|(dn, gamma)| *dn *= gamma);
        }
        let mean = match self.by {
            Scale::Moments { .. } => dx.iter().map(|dn| f64::from(*dn)).sum::<f64>() / x.len() as f64,
            _ => 0.0,
        };
        let product = dx.iter().zip(x).map(|(dn, x)| f64::from(*dn) * normal(*x)).sum::<f64>();
        let product = if varies { product / self.by.divisor(x.len()) } else { 0.0 };
        for (d, x) in dx.iter_mut().zip(x) {
            *d = (factor * (f64::from(*d) - mean - normal(*x) * product)) as f32;
        }
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.apply(x, w, y);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let length = inputs[0];
        Some(Formula::row(length, |x| {
            let normal = match self.by {
                Scale::Moments { epsilon } => {
                    let centred = x - x.mean();
                    centred * (1.0 / ((centred * centred).mean() + epsilon).sqrt())
                }
                Scale::MeanSquare { epsilon } => x * (1.0 / ((x * x).mean() + epsilon).sqrt()),
                Scale::Length { shortest } => {
                    let of_row = (x * x).sum().sqrt();
                    x * of_row.select(Compare::LessEqual, shortest, 1.0 / shortest, 1.0 / of_row)
                }
            };
            let [gamma, beta] = self.places();
            let scaled = gamma.map_or(normal, |gamma| normal * x.weight(gamma, length));
            beta.map_or(scaled, |beta| scaled + x.weight(beta, length))
        }))
    }
}
