//! [`Job`]: an experiment with its data, ready to be trained. What `train` and `reproduce` have in common.

use crate::data;
use crate::experiment::{Experiment, Validation};
use crate::ui::usage;
use anyhow::Result;
use vanilla::datasets::{Dataset, Part};
use vanilla::{Arrays, Fit, Model, Tensor};

/// Tensors as the model takes them.
pub struct Job<'a> {
    pub x: Arrays,
    pub y: Tensor,
    /// The test part, where there is one with targets.
    pub test: Option<(&'a Part, Arrays, Tensor)>,
    /// Rows that an epoch trains on.
    pub rows: usize,
    /// How to train, as the experiment says.
    pub options: Fit,
}

impl<'a> Job<'a> {
    /// Brings experiment, data and model together; builds the model where it is not.
    pub fn new(experiment: &Experiment, dataset: &'a Dataset, model: &mut Model) -> Result<Self> {
        data::build(model, &dataset.train.x)?;
        data::adapt(model, &dataset.train.x)?;
        data::name(dataset, model)?;
        let x = data::inputs(dataset, &dataset.train, model)?;
        let Some(y) = data::targets(dataset, &dataset.train, model)? else {
            let problem = "has x but no targets: training needs an .npz with x and y";
            return Err(usage(format!("{}: {problem}", experiment.source)));
        };
        let test = match &dataset.test {
            Some(part) => {
                let x = data::inputs(dataset, part, model)?;
                data::targets(dataset, part, model)?.map(|y| (part, x, y))
            }
            None => None,
        };
        let mut options =
            Fit::new().epochs(experiment.epochs).batch_size(experiment.batch_size).on_nan(experiment.on_nan);
        if let Some(weights) = &dataset.train.sample_weight {
            options = options.sample_weight(weights);
        }
        for callback in experiment.callbacks()? {
            options = options.callback(callback);
        }
        let mut rows = x.rows();
        match (experiment.validation, &test) {
            (Validation::None, _) => {}
            (Validation::Test, Some((_, x, y))) => options = options.validation_data(x, y),
            (Validation::Test, None) => {
                return Err(usage(format!(
                    "[fit] validation = \"test\", but {} has no x_test and y_test: give a fraction, such as 0.2",
                    experiment.source
                )));
            }
            (Validation::Fraction(share), _) => {
                options = options.validation_split(share);
                // As fit splits.
                rows = (rows as f64 * (1.0 - share)).floor() as usize;
            }
        }
        Ok(Self { x, y, test, rows, options })
    }
}
