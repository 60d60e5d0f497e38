//! `PReLU`: a relu whose slope below zero is learned.
//!
//! **Formula** `y = x` where x > 0, else `alpha x`
//! **Shapes** any, unchanged; alpha has the shape of a sample, with 1 in place of the shared axes
//! **Config** `alpha_initializer` = zeros, `alpha_regularizer`, `alpha_constraint` = none, `shared_axes` = null
//! (axes along which all have one alpha, from 1). Negative axes are refused: Keras reads them as the ones before.
//! **Gradient** `dx = dy` where x > 0, `alpha dy` where x < 0, 0 at 0; `dalpha` = sum of `x dy` where x < 0
//! **Reference** `keras.layers.PReLU`; He et al. 2015

use super::{Built, Common, Layer, VariableSpec, by_sample, one_input, shape};
use crate::config::{Config, Keys, keys};
use crate::constraints::{self, Constraint};
use crate::error::{Error, Result};
use crate::initializers::Initializer;
use crate::regularizers::{self, Regularizer};
use std::sync::Arc;
use vanilla_plan::formula::Compare;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, Real, RowFunction};

/// A relu whose slope below zero is learned, for each element of a sample.
#[derive(Clone, Debug)]
pub struct PReLU {
    common: Common,
    alpha_initializer: Initializer,
    alpha_regularizer: Option<Arc<dyn Regularizer>>,
    alpha_constraint: Option<Arc<dyn Constraint>>,
    shared_axes: Option<Vec<i64>>,
}

impl Default for PReLU {
    fn default() -> Self {
        Self {
            common: Common::PLAIN,
            alpha_initializer: Initializer::Zeros,
            alpha_regularizer: None,
            alpha_constraint: None,
            shared_axes: None,
        }
    }
}

impl PReLU {
    pub(super) const CLASS: &'static str = "PReLU";

    /// An alpha for each element of a sample, 0 at first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where alpha starts.
    pub fn alpha_initializer(mut self, initializer: impl Into<Initializer>) -> Self {
        self.alpha_initializer = initializer.into();
        self
    }

    /// A penalty on alpha.
    pub fn alpha_regularizer(mut self, regularizer: impl Regularizer + 'static) -> Self {
        self.alpha_regularizer = Some(Arc::new(regularizer));
        self
    }

    /// What alpha satisfies after each step.
    pub fn alpha_constraint(mut self, constraint: impl Constraint + 'static) -> Self {
        self.alpha_constraint = Some(Arc::new(constraint));
        self
    }

    /// Axes along which all elements have one alpha; the batch is axis 0.
    pub fn shared_axes(mut self, axes: impl Into<Vec<i64>>) -> Self {
        self.shared_axes = Some(axes.into());
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        Ok(Self {
            common,
            alpha_initializer: config.initializer("alpha_initializer", Initializer::Zeros)?,
            alpha_regularizer: config.regularizer("alpha_regularizer")?,
            alpha_constraint: config.constraint("alpha_constraint")?,
            shared_axes: config.signed_list("shared_axes")?,
        })
    }
}

common!(PReLU);

impl Layer for PReLU {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "alpha_initializer": self.alpha_initializer.to_config(),
            "alpha_regularizer": regularizers::to_value(&self.alpha_regularizer),
            "alpha_constraint": constraints::to_value(&self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let input_shape = one_input(place, inputs)?;
        let mut alpha_shape = input_shape.to_vec();
        for axis in self.shared_axes.iter().flatten() {
            let at = usize::try_from(axis.saturating_sub(1))
                .ok()
                .filter(|at| *at < alpha_shape.len())
                .ok_or_else(|| {
                    let (rank, of) = (alpha_shape.len(), shape(input_shape));
                    Error::config(place, format!("shared_axes has {axis}, expected axes from 1 to {rank} of {of}"))
                })?;
            alpha_shape[at] = 1;
        }
        let alpha = VariableSpec::new("alpha", alpha_shape.clone(), self.alpha_initializer.clone())
            .regularizer(&self.alpha_regularizer)
            .constraint(&self.alpha_constraint);
        let slopes = Slopes::new(input_shape, &alpha_shape);
        Ok(Built::new(input_shape, vec![by_sample(), Fact::Rows(Arc::new(slopes))]).variables(vec![alpha]))
    }
}

/// The function of a whole sample.
#[derive(Debug)]
struct Slopes {
    /// Number of alphas.
    count: usize,
    /// The alpha of each element.
    of: Vec<usize>,
}

impl Slopes {
    fn new(sample: &[usize], alpha: &[usize]) -> Self {
        let stride = |axis: usize| alpha[axis + 1..].iter().product::<usize>();
        let of = (0..sample.len()).fold(vec![0], |of, axis| {
            let step = if alpha[axis] == 1 { 0 } else { stride(axis) };
            of.into_iter().flat_map(|start| (0..sample[axis]).map(move |i| start + i * step)).collect()
        });
        Self { count: alpha.iter().product(), of }
    }

    fn value<R: Real>(&self, x: &[R], alpha: &[R], y: &mut [R]) {
        let zero = R::of(0.0);
        for ((y, x), of) in y.iter_mut().zip(x).zip(&self.of) {
            *y = if *x > zero { *x } else { alpha[*of] * *x };
        }
    }
}

impl RowFunction for Slopes {
    fn name(&self) -> &str {
        "prelu"
    }
    fn outputs(&self, inputs: &[usize]) -> usize {
        inputs.iter().sum()
    }
    fn weights(&self, _: &[usize]) -> Vec<usize> {
        vec![self.count]
    }
    fn forward(&self, x: &[f32], w: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        self.value(x, w[0], y);
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
        let (alpha, dalpha) = (w[0], &mut *dw[0]);
        for (((dx, x), dy), of) in dx.iter_mut().zip(x).zip(dy).zip(&self.of) {
            if *x > 0.0 {
                *dx = *dy;
            } else if *x < 0.0 {
                *dx = alpha[*of] * dy;
                if let Some(dalpha) = dalpha.get_mut(*of) {
                    *dalpha += x * dy;
                }
            }
        }
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        self.value(x, w[0], y);
        true
    }
    fn formula(&self, _: &[usize]) -> Option<Formula> {
        Some(Formula::row(self.of.len(), |x| {
            let alpha = x.weight(0, self.count).gather(&self.of);
            x.select(Compare::LessEqual, 0.0, alpha * x, x)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, round_trip};
    use super::*;
    use crate::constraints::NonNeg;
    use crate::regularizers::L2;

    #[test]
    fn keys_make_the_round() {
        round_trip(&PReLU::new());
        let layer = PReLU::new().alpha_initializer(Initializer::Ones).alpha_regularizer(L2::new(0.1));
        round_trip(&layer.alpha_constraint(NonNeg).shared_axes([1, 2]));
    }

    #[test]
    fn shared_axes_are_axes_of_a_sample() {
        for axis in [0, -1, 3, i64::MIN] {
            assert_eq!(
                build_error(&PReLU::new().shared_axes([axis]), &[&[2, 3]]),
                format!("PReLU: shared_axes has {axis}, expected axes from 1 to 2 of (None, 2, 3)")
            );
        }
    }
}
