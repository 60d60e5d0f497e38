//! The weights of a [`Model`], all or a layer's, and their moving averages.

use crate::config::Keys;
use crate::error::{Error, Result};
use crate::graph::Content;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::tensor::Tensor;
use vanilla_plan::kernels::Panels;

impl Model {
    /// All weights in the order of Keras's `model.weights`: every layer's kernel, then its bias.
    pub fn get_weights(&self) -> Vec<Tensor> {
        let Some(built) = &self.built else { return Vec::new() };
        let pairs = built.variables.iter().zip(&built.params.variables);
        pairs
            .map(|(variable, value)| {
                Tensor::new(value.weights.to_row_major(), variable.spec.shape.clone())
                    .expect("a variable fills its shape")
            })
            .collect()
    }

    /// Replaces all weights, in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// When there are too many, too few, or one of another shape or with values that are not finite. Then nothing is
    /// replaced.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        let built = self.built.as_mut().ok_or(NOT_BUILT)?;
        if weights.len() != built.variables.len() {
            let (given, wanted) = (weights.len(), built.variables.len());
            let problem = format!("{given} arrays, expected {wanted}: as many as get_weights gives, in its order");
            return Err(Error::data("set_weights", problem));
        }
        for (new, variable) in weights.iter().zip(&built.variables) {
            let place = || format!("set_weights: {} of layer '{}'", variable.spec.name, variable.layer);
            let shape = &variable.spec.shape;
            if new.shape() != shape {
                let problem = format!("shape {:?}, expected {shape:?}: reshape it", new.shape());
                return Err(Error::data(place(), problem));
            }
            if let Some(index) = new.first_non_finite() {
                let problem = format!("element {index} is {}, expected a finite number", new.to_f32()[index]);
                return Err(Error::data(place(), problem));
            }
        }
        for (new, variable) in weights.iter().zip(&mut built.params.variables) {
            variable.weights.copy_from_row_major(&new.to_f32());
        }
        self.inside.take();
        Ok(())
    }

    /// What is known of the layer with this name.
    ///
    /// # Errors
    /// When there is no such layer.
    pub fn get_layer(&self, name: &str) -> Result<LayerView> {
        let index = self.graph.entries.iter().position(|entry| entry.name == name);
        let Some(index) = index else {
            let known = self.layer_names();
            return Err(Error::unknown("layer of the model", name, known));
        };
        let entry = &self.graph.entries[index];
        let weights = self.built.iter().flat_map(|built| {
            let pairs = built.variables.iter().zip(&built.params.variables);
            pairs.filter(|(variable, _)| variable.path[0] == index).map(|(variable, value)| {
                Tensor::new(value.weights.to_row_major(), variable.spec.shape.clone())
                    .expect("a variable fills its shape")
            })
        });
        let shapes = self.built.as_ref().and_then(|built| built.shapes.get(&(vec![index], 0)));
        Ok(LayerView {
            name: entry.name.clone(),
            class_name: entry.content.class_name().to_owned(),
            config: match &entry.content {
                Content::Layer(layer) => layer.config(),
                _ => Keys::new(),
            },
            trainable: entry.trainable,
            output_shape: shapes.and_then(|shapes| shapes.first()).cloned(),
            weights: weights.collect(),
        })
    }

    /// Exchanges the weights and their moving average, which the optimizer keeps (`ema`).
    ///
    /// # Errors
    /// When it keeps none.
    pub fn swap_ema_weights(&mut self) -> Result<()> {
        self.with_averages(std::mem::swap)
    }

    /// The weights become their moving average, if the optimizer keeps one: how a training ends. Where the two are
    /// exchanged, the average goes back to its place too.
    pub(crate) fn finalize_weights(&mut self, exchanged: bool) -> Result<()> {
        if self.compiled.as_ref().is_some_and(|compiled| compiled.attached && compiled.optimizer.common.use_ema) {
            self.with_averages(|weights, average| match exchanged {
                true => average.flat_mut().copy_from_slice(weights.flat()),
                false => weights.flat_mut().copy_from_slice(average.flat()),
            })?;
        }
        Ok(())
    }

    fn with_averages(&mut self, change: impl Fn(&mut Panels, &mut Panels)) -> Result<()> {
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let engine = &compiled.optimizer;
        if !engine.common.use_ema || !compiled.attached {
            let problem = "keeps no average of the weights: compile it with ema, and train";
            return Err(Error::config(engine.rule.class_name(), problem));
        }
        let extra = engine.extra_slots();
        for variable in &mut self.params_mut()?.variables {
            // The average is the first slot that is not the rule's own.
            if let Some(average) = variable.slots.len().checked_sub(extra).filter(|_| variable.trainable) {
                change(&mut variable.weights, &mut variable.slots[average]);
            }
        }
        Ok(())
    }
}

/// A layer of a model, as it is now.
#[derive(Clone, Debug)]
pub struct LayerView {
    /// Its name.
    pub name: String,
    /// Keras's class name.
    pub class_name: String,
    /// Its configuration, without name.
    pub config: Keys,
    /// Whether it is trained.
    pub trainable: bool,
    /// Shape of one sample of what it gives, once it is known.
    pub output_shape: Option<Vec<usize>>,
    /// Its weights.
    pub weights: Vec<Tensor>,
}
