//! `CosineSimilarity`: the direction of a vector, whatever its length.
//!
//! **Formula** `-sum(t p) / (|t| |p|)`, norms of at least 1e-7: from -1, the same direction, to 1
//! **Shapes** target and output `(None, k)`
//! **Config** `axis` = -1 (no other)
//! **Gradient** `-(t / |t| - c p / |p|) / |p|`, c being the cosine. Where `|p|` is below 1e-7 there is no direction, and
//! the gradient is 0; Keras's is NaN at 0
//! **Reference** `keras.losses.CosineSimilarity`

use super::crossentropy::last_axis;
use super::{EPSILON, Loss, Targets};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use vanilla_plan::kernels::Kernels;

/// The cosine of the angle between target and output, with a minus.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosineSimilarity;

impl CosineSimilarity {
    pub(crate) fn from_config(config: &mut Config) -> Result<Self> {
        last_axis(config)?;
        Ok(Self)
    }
}

/// `sum(a b)`: terms cancel where vectors are nearly at right angles.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

impl vanilla_plan::Loss for CosineSimilarity {
    fn name(&self) -> &str {
        "cosine_similarity"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let norm = |x: &[f32]| libm::sqrt(dot(x, x)).max(f64::from(EPSILON));
        let (of_t, of_p) = (norm(target), norm(prediction));
        let cosine = dot(target, prediction) / (of_t * of_p);
        for ((d, p), t) in d.iter_mut().zip(prediction).zip(target) {
            let gradient = (cosine * f64::from(*p) / of_p - f64::from(*t) / of_t) / of_p;
            *d = if of_p > f64::from(EPSILON) { gradient as f32 } else { 0.0 };
        }
        -cosine as f32
    }
}

impl Loss for CosineSimilarity {
    fn class_name(&self) -> &str {
        "CosineSimilarity"
    }
    fn config(&self) -> Keys {
        keys! { "axis": -1 }
    }
    fn targets(&self) -> Targets {
        Targets::Numbers
    }
}
