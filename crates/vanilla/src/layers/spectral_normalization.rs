//! `SpectralNormalization`: a layer whose kernel is divided by its largest singular value while training.
//!
//! **Formula** before each training step, `power_iterations` times `v = u W' / |u W'|`, `u = v W / |v W|`; then
//! `W = W / (v W u')`, and the layer's own formula. A kernel of zeros stays as it is, and so does u.
//! **Shapes** those of the layer; u is `(1, units)`
//! **Config** `layer` (a Dense or an Embedding, or another layer with a kernel), `power_iterations` = 1
//! **Gradient** that of the layer, by the divided kernel, which the optimizer then moves
//! **Reference** `keras.layers.SpectralNormalization`; Miyato et al. 2018, algorithm 1
//!
//! Different from Keras: a layer that is not trained keeps its kernel (Keras goes on dividing it in training), and
//! a normalised layer cannot be normalised again.

use super::{Built, Common, Layer, VariableSpec};
use crate::config::{Config, Keys, keys, name_and_keys, node};
use crate::error::{Error, Result};
use crate::graph::snake_case;
use crate::initializers::{Initializer, TruncatedNormal};
use serde_json::json;
use std::sync::Arc;

/// Divides the kernel of a layer by its largest singular value before each training step.
///
/// ```
/// use vanilla::layers::SpectralNormalization;
/// use vanilla::prelude::*;
/// let model = Sequential::new(layers![Input::new([4]), SpectralNormalization::new(Dense::new(3))])?;
/// assert_eq!(model.count_params(), 12 + 3 + 3);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectralNormalization {
    common: Common,
    layer: Arc<dyn Layer>,
    power_iterations: usize,
}

impl SpectralNormalization {
    pub(super) const CLASS: &'static str = "SpectralNormalization";

    /// This layer, with one power iteration a step.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Self { common: Common::PLAIN, layer: Arc::new(layer), power_iterations: 1 }
    }

    /// Power iterations a step.
    pub fn power_iterations(mut self, iterations: usize) -> Self {
        self.power_iterations = iterations;
        self
    }

    pub(super) fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        let Some(value) = config.take("layer") else {
            return Err(config.error("layer is missing: the layer whose kernel is normalised, such as a Dense"));
        };
        let Some((class, keys)) = name_and_keys(&value) else {
            let problem = format!("layer = {value}, expected a layer: a table with a class and its keys");
            return Err(config.error(problem));
        };
        // Wrappers in wrappers would be read without an end.
        if class == Self::CLASS {
            return Err(config.error(EXPECTED));
        }
        let layer = super::from_config(&class, keys, config.registry())?;
        Ok(Self { common, layer, power_iterations: config.integer("power_iterations")?.unwrap_or(1) })
    }
}

const EXPECTED: &str = "layer has no kernel of its own, expected a Dense, an Embedding or another layer with one";

common!(SpectralNormalization);

impl Layer for SpectralNormalization {
    fn class_name(&self) -> &str {
        Self::CLASS
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        let class = self.layer.class_name();
        let Common { name, trainable } = self.layer.common();
        let mut keys = keys! {
            "name": name.clone().unwrap_or_else(|| snake_case(class)),
            "trainable": trainable,
            "dtype": node("keras", "DTypePolicy", keys! { "name": "float32" }),
        };
        keys.extend(self.layer.config());
        let mut layer = node("keras.layers", class, keys);
        if !super::class_names().contains(&class) {
            // One of somebody's own.
            (layer["module"], layer["registered_name"]) = (json!(null), json!(class));
        }
        keys! { "layer": layer, "power_iterations": self.power_iterations }
    }
    fn input_shape(&self) -> Option<Vec<usize>> {
        self.layer.input_shape()
    }
    fn trial_shape(&self) -> Vec<usize> {
        self.layer.trial_shape()
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        if self.power_iterations == 0 {
            return Err(super::bad_value(place, "power_iterations", 0, "at least 1"));
        }
        let mut built = self.layer.build(place, inputs)?;
        let is_kernel =
            |spec: &VariableSpec| ["kernel", "embeddings"].contains(&spec.name) && spec.inside.is_empty();
        let Some(at) = built.variables.iter().position(is_kernel) else {
            return Err(Error::config(place, EXPECTED));
        };
        for spec in &mut built.variables {
            spec.inside = "layer";
            spec.trainable &= self.layer.common().trainable;
        }
        // Keras's order: the kernel belongs to both layers, u to the outer one, and then comes the inner one.
        let mut kernel = built.variables.remove(at);
        kernel.spectral = Some(self.power_iterations);
        let units = kernel.shape.last().copied().unwrap_or(0);
        let start = Initializer::TruncatedNormal(TruncatedNormal::new(0.0, 0.02));
        let vector = VariableSpec::new("vector_u", [1, units], start).fixed().apart();
        built.variables.splice(0..0, [kernel, vector]);
        Ok(built)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{build_error, from_keys, round_trip};
    use super::super::{Dense, Embedding, Flatten};
    use super::*;
    use crate::model::Sequential;

    #[test]
    fn the_layer_makes_the_round() {
        let layer = SpectralNormalization::new(Dense::new(3).name("inner").activation("relu").trainable(false));
        round_trip(&layer.power_iterations(4));
        round_trip(&SpectralNormalization::new(Embedding::new(5, 2)));
        let keys = SpectralNormalization::new(Dense::new(3)).config();
        assert_eq!(keys["layer"]["config"]["name"], "dense");
        assert_eq!(keys["layer"]["module"], "keras.layers");
    }

    #[test]
    fn variables_stand_in_the_order_of_keras() {
        let built = SpectralNormalization::new(Dense::new(3).trainable(false)).build("", &[vec![4]]).unwrap();
        let seen: Vec<_> =
            built.variables.iter().map(|spec| (spec.name, spec.inside, spec.trainable, spec.apart)).collect();
        let kernel = ("kernel", "layer", false, false);
        assert_eq!(seen, [kernel, ("vector_u", "", false, true), ("bias", "layer", false, false)]);
        assert_eq!(built.variables[1].shape, [1, 3]);
        let table = SpectralNormalization::new(Embedding::new(5, 2)).build("", &[vec![4]]).unwrap();
        assert_eq!((table.variables[0].name, &table.variables[1].shape[..]), ("embeddings", &[1, 2][..]));
    }

    #[test]
    fn what_has_no_kernel_is_refused() {
        let nested = SpectralNormalization::new(SpectralNormalization::new(Dense::new(3)));
        for layer in [SpectralNormalization::new(Flatten::new()), nested.clone()] {
            assert_eq!(build_error(&layer, &[&[4]]), format!("SpectralNormalization: {EXPECTED}"));
        }
        let read = from_keys("SpectralNormalization", nested.config()).unwrap_err().to_string();
        assert_eq!(read, format!("SpectralNormalization: {EXPECTED}"));
        assert_eq!(
            build_error(&SpectralNormalization::new(Dense::new(3)).power_iterations(0), &[&[4]]),
            "SpectralNormalization: power_iterations = 0, expected at least 1"
        );
        let missing = from_keys("SpectralNormalization", Keys::new()).unwrap_err().to_string();
        assert!(missing.contains("layer is missing"), "{missing}");
        let unknown = keys! { "layer": json!({ "class_name": "Dence", "config": {} }) };
        let error = from_keys("SpectralNormalization", unknown).unwrap_err().to_string();
        assert!(error.contains("did you mean 'Dense'"), "{error}");
    }

    /// The kernel is in the file twice, as Keras writes and wants it.
    #[test]
    fn files_hold_it_all() {
        let model =
            Sequential::new(crate::layers![SpectralNormalization::new(Dense::new(3)), Dense::new(2)]).unwrap();
        let mut model = model;
        model.build(&[4]).unwrap();
        let folder = std::env::temp_dir().join(format!("vanilla-spectral-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.keras");
        model.save(&path).unwrap();
        let loaded = crate::model::Model::load(&path).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(loaded.get_weights(), model.get_weights());
        assert_eq!(loaded.get_weights().len(), 5);
    }
}
