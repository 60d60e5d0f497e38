//! Single steps: for loops of one's own.

use crate::arrays::Arrays;
use crate::data::{Prepared, Weights};
use crate::error::{Error, Result};
use crate::history::Logs;
use crate::meter::Meter;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::tensor::Tensor;
use vanilla_plan::Plan;

/// The plan of the last step, for the next one of at most as many rows.
#[derive(Debug, Default)]
pub(crate) struct OnBatch {
    train: Option<(usize, Plan)>,
}

impl Model {
    /// One step on these rows; the loss and the metrics of this batch, before the step.
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)])?;
    /// model.compile("mse", "sgd", ["mae"])?;
    /// let (x, y) = (Tensor::new(vec![0.0f32, 1.0], [1, 2])?, Tensor::new(vec![1.0f32], [1])?);
    /// let first = model.train_on_batch(&x, &y)?["loss"];
    /// assert!(model.test_on_batch(&x, &y)?["loss"] < first);
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::fit`]. (Keras hands out means over all steps so far; here each step speaks for itself.)
    pub fn train_on_batch(&mut self, x: impl Into<Arrays>, y: impl Into<Arrays>) -> Result<Logs> {
        self.step_on_batch(&x.into(), &y.into(), Weights::default())
    }

    /// As [`Model::train_on_batch`], with what each sample counts.
    ///
    /// # Errors
    /// As [`Model::train_on_batch`].
    pub fn train_on_weighted_batch(
        &mut self,
        x: impl Into<Arrays>,
        y: impl Into<Arrays>,
        sample_weight: impl Into<Arrays>,
    ) -> Result<Logs> {
        let sample = sample_weight.into();
        self.step_on_batch(&x.into(), &y.into(), Weights { sample: Some(&sample), class: None })
    }

    fn step_on_batch(&mut self, x: &Arrays, y: &Arrays, weights: Weights<'_>) -> Result<Logs> {
        self.build_for(x)?;
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let data = Prepared::new("train_on_batch", built, compiled, x, y, weights)?;
        let mut meter = Meter::new(self)?;
        self.attach_optimizer();
        let kernels = self.kernels(data.rows, true)?;
        let mut plan = match self.on_batch.train.take() {
            Some((rows, plan)) if rows >= data.rows => (rows, plan),
            _ => (data.rows, self.training_plan(data.rows)?),
        };
        let rows: Vec<usize> = (0..data.rows).collect();
        let done = plan.1.run(&kernels, self.params_mut()?, data.view().batch(&rows, &[]));
        if done.is_ok() {
            meter.observe(&plan.1, &rows, &data);
        }
        self.on_batch.train = Some(plan);
        match done {
            Ok(_) => Ok(Logs(meter.logs())),
            Err(trouble) => Err(Error::Diverged {
                trouble,
                epoch: 1,
                batch: self.iterations() as usize + 1,
                cause: "a smaller learning rate or inputs scaled to 0..1 usually help".into(),
            }),
        }
    }

    /// The loss and the metrics on these rows, without training.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn test_on_batch(&self, x: impl Into<Arrays>, y: impl Into<Arrays>) -> Result<Logs> {
        self.evaluate(x, y)
    }

    /// The outputs for these rows.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on_batch(&self, x: impl Into<Arrays>) -> Result<Tensor> {
        self.predict(x)
    }
}
