//! Activations, by Keras's names.

use crate::error::{Error, Result};
use std::sync::Arc;
use vanilla_plan::kernels::Kernels;
use vanilla_plan::{Curve, Fact, Link, Reads};

/// What a layer applies to its result.
#[derive(Clone, Debug)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// `e^x / sum(e^x)` along the last axis.
    Softmax,
    /// A function of every element.
    Curve(Arc<dyn Curve>),
}

/// An activation of your own: any [`Curve`].
impl<C: Curve + 'static> From<C> for Activation {
    fn from(curve: C) -> Self {
        Self::Curve(Arc::new(curve))
    }
}

impl Activation {
    /// The activation of this name.
    ///
    /// # Errors
    /// When there is none; the message names the nearest one.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "linear" => Ok(Self::Linear),
            "softmax" => Ok(Self::Softmax),
            "relu" => Ok(Relu.into()),
            "sigmoid" => Ok(Sigmoid.into()),
            "tanh" => Ok(Tanh.into()),
            _ => match SIMPLE.iter().find(|simple| simple.name == name || simple.alias == Some(name)) {
                Some(simple) => Ok((*simple).into()),
                None => Err(Error::UnknownWord { kind: "activation", name: name.into(), known: names() }),
            },
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear => "linear",
            Self::Softmax => "softmax",
            Self::Curve(curve) => curve.name(),
        }
    }

    /// What the planner sees.
    pub fn facts(&self) -> Vec<Fact> {
        match self {
            Self::Linear => Vec::new(),
            Self::Softmax => vec![Fact::Softmax],
            Self::Curve(curve) => vec![Fact::Elementwise(Arc::clone(curve))],
        }
    }
}

/// All names, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names = vec!["linear", "softmax", "relu", "sigmoid", "tanh"];
    names.extend(SIMPLE.iter().map(|simple| simple.name));
    names.extend(SIMPLE.iter().filter_map(|simple| simple.alias));
    names.sort_unstable();
    names
}

/// `max(x, 0)`; the slope at 0 is 0.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Curve for Relu {
    fn name(&self) -> &str {
        "relu"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn dies_at_zero(&self) -> bool {
        true
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.relu(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.relu_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }
}

/// `1 / (1 + e^-x)`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Curve for Sigmoid {
    fn name(&self) -> &str {
        "sigmoid"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.sigmoid(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.sigmoid_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn link(&self) -> Option<Link> {
        Some(Link::Sigmoid)
    }
}

/// `tanh x`.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Curve for Tanh {
    fn name(&self) -> &str {
        "tanh"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        kernels.tanh(y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], y: &[f32]) {
        kernels.tanh_gradient(d, y);
    }
    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }
}

/// A curve written as two formulas in f64: exact to f32, not fast.
#[derive(Clone, Copy, Debug)]
struct Simple {
    name: &'static str,
    alias: Option<&'static str>,
    reads: Reads,
    value: fn(f64) -> f64,
    /// The derivative, of the output or of the input.
    slope: fn(f64) -> f64,
}

impl Curve for Simple {
    fn name(&self) -> &str {
        self.name
    }
    fn reads(&self) -> Reads {
        self.reads
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = (self.value)(f64::from(*y)) as f32);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], saved: &[f32]) {
        d.iter_mut().zip(saved).for_each(|(d, x)| *d = (f64::from(*d) * (self.slope)(f64::from(*x))) as f32);
        kernels.flush(d);
    }
    fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }
}

/// Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

fn step(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

const SIMPLE: &[Simple] = &[
    Simple {
        name: "elu",
        alias: None,
        reads: Reads::Output,
        value: |x| if x > 0.0 { x } else { x.exp_m1() },
        slope: |y| if y > 0.0 { 1.0 } else { y + 1.0 },
    },
    Simple { name: "exponential", alias: None, reads: Reads::Output, value: f64::exp, slope: |y| y },
    Simple {
        name: "hard_sigmoid",
        alias: None,
        reads: Reads::Output,
        value: |x| (x / 6.0 + 0.5).clamp(0.0, 1.0),
        slope: |y| step(y > 0.0 && y < 1.0) / 6.0,
    },
    Simple {
        name: "leaky_relu",
        alias: None,
        reads: Reads::Output,
        value: |x| if x > 0.0 { x } else { 0.2 * x },
        slope: |y| if y > 0.0 { 1.0 } else { 0.2 },
    },
    Simple {
        name: "relu6",
        alias: None,
        reads: Reads::Output,
        value: |x| x.clamp(0.0, 6.0),
        slope: |y| step(y > 0.0 && y < 6.0),
    },
    Simple {
        name: "selu",
        alias: None,
        reads: Reads::Output,
        value: |x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
        slope: |y| if y >= 0.0 { SELU_SCALE } else { y + SELU_SCALE * SELU_ALPHA },
    },
    Simple {
        name: "silu",
        alias: Some("swish"),
        reads: Reads::Input,
        value: |x| x * logistic(x),
        slope: |x| logistic(x) * (1.0 + x * (1.0 - logistic(x))),
    },
    Simple {
        name: "softplus",
        alias: None,
        reads: Reads::Output,
        value: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        slope: |y| -(-y).exp_m1(),
    },
    Simple {
        name: "softsign",
        alias: None,
        reads: Reads::Input,
        value: |x| x / (1.0 + x.abs()),
        slope: |x| (1.0 + x.abs()).powi(-2),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use vanilla_plan::kernels::Isa;

    /// Keras's recorded values and gradients, and the f64 truth of every curve against its fast form.
    #[test]
    fn recorded_values_and_gradients() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../tests/golden/golden.json")).unwrap();
        let floats = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        let recorded = &golden["activations"];
        let xs = floats(&recorded["x"]);
        let kernels = Kernels::new(Isa::best(), 1).unwrap();
        let mut seen = 0;
        for name in names() {
            let Ok(Activation::Curve(curve)) = Activation::named(name) else { continue };
            let Some(want) = recorded.get(curve.name()) else { continue };
            seen += 1;
            let (ys, slopes) = (floats(&want["y"]), floats(&want["dy_sum"]));
            let x32: Vec<f32> = xs.iter().map(|x| *x as f32).collect();
            let mut y32 = x32.clone();
            curve.forward(&kernels, &mut y32);
            let mut d32 = vec![1.0; xs.len()];
            curve.gradient(&kernels, &mut d32, if curve.reads() == Reads::Output { &y32 } else { &x32 });
            let near = |got: f64, want: f64| (got - want).abs() <= 1e-6 * want.abs().max(1e-1);
            for i in 0..xs.len() {
                assert!(near(f64::from(y32[i]), ys[i]), "{name}({}) = {} instead of {}", xs[i], y32[i], ys[i]);
                // A slope computed from an output near 1 carries that output's rounding, in Keras as here.
                let slope = f64::from(d32[i]);
                assert!(
                    near(slope, slopes[i]) || (slope - slopes[i]).abs() < 2.5e-7,
                    "{name}'({}) = {} instead of {}",
                    xs[i],
                    d32[i],
                    slopes[i]
                );
                assert!(near(curve.value(xs[i]), ys[i]), "{name}: the truth at {}", xs[i]);
            }
        }
        assert_eq!(seen, 13, "curves with a recorded value");
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        let error = Activation::named("rleu").unwrap_err().to_string();
        assert!(
            error.starts_with("unknown activation 'rleu'; did you mean 'relu'?; known are: elu, exponential"),
            "{error}"
        );
    }
}
