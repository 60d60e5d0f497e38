//! Gradients by every weight, for who wants to look at them: the plans of a training never hold them all.

use crate::error::Result;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::tensor::Tensor;
use std::sync::Arc;
use vanilla_plan::kernels::{Kernels, MAX_SLOTS};
use vanilla_plan::{Batch, Coefficients, Optimizer, Passes, Plan, Slot, Start};

impl Model {
    /// The gradient of the loss on this batch by each weight, in the order of [`Model::get_weights`]; zeros where
    /// a weight is not trained, nothing where the loss is not finite.
    pub(crate) fn gradients(
        &self,
        kernels: &Kernels,
        batch: Batch<'_>,
        first_sample: usize,
    ) -> Result<Vec<Tensor>> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let losses = self.compiled.as_ref().ok_or(NOT_COMPILED)?.output_losses();
        let keeps: Arc<dyn Optimizer> = Arc::new(Keeps);
        let mut plan = Plan::train(&built.network, &losses, &keeps, batch.rows.len(), self.seed, Passes::ALL);
        plan.number_samples_from(first_sample);
        let mut params = built.params.clone();
        params.attach(&Keeps);
        // The step whose noise the last step of the training had.
        params.iterations = built.params.iterations.saturating_sub(1);
        if plan.run(kernels, &mut params, batch).is_err() {
            return Ok(Vec::new());
        }
        let pairs = built.variables.iter().zip(&params.variables);
        let gradients = pairs.map(|(about, variable)| {
            let zeros = || vec![0.0; variable.weights.rows() * variable.weights.cols()];
            let values = variable.slots.first().map_or_else(zeros, |slot| slot.to_row_major());
            Tensor::new(values, about.spec.shape.clone())
        });
        gradients.collect()
    }
}

/// An optimizer that moves nothing and keeps the gradient.
#[derive(Debug)]
struct Keeps;

impl Optimizer for Keeps {
    fn name(&self) -> &str {
        "gradient"
    }

    fn slots(&self, _variable: usize, shape: &[usize]) -> Vec<Slot> {
        vec![Slot { name: "gradient", shape: shape.to_vec(), start: Start::At(0.0) }]
    }

    fn coefficients(&self, _iteration: u64) -> Coefficients {
        Coefficients::default()
    }

    fn update(
        &self,
        _kernels: &Kernels,
        _coefficients: &Coefficients,
        _variable: usize,
        _w: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        slots[0].copy_from_slice(g);
    }
}
