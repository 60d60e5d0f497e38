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
            _ => match CURVES.iter().find(|curve| curve.name == name || curve.alias == Some(name)) {
                Some(curve) => Ok((*curve).into()),
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
    let mut names = vec!["linear", "softmax"];
    names.extend(CURVES.iter().map(|curve| curve.name));
    names.extend(CURVES.iter().filter_map(|curve| curve.alias));
    names.sort_unstable();
    names
}

/// A row of [`CURVES`].
#[derive(Clone, Copy, Debug)]
struct Named {
    name: &'static str,
    alias: Option<&'static str>,
    link: Option<Link>,
    reads: Reads,
    dies_at_zero: bool,
    value: fn(f64) -> f64,
    forward: fn(&Kernels, &mut [f32]),
    gradient: fn(&Kernels, &mut [f32], &[f32]),
}

impl Curve for Named {
    fn name(&self) -> &str {
        self.name
    }
    fn reads(&self) -> Reads {
        self.reads
    }
    fn forward(&self, kernels: &Kernels, y: &mut [f32]) {
        (self.forward)(kernels, y);
    }
    fn gradient(&self, kernels: &Kernels, d: &mut [f32], saved: &[f32]) {
        (self.gradient)(kernels, d, saved);
    }
    fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }
    fn dies_at_zero(&self) -> bool {
        self.dies_at_zero
    }
    fn link(&self) -> Option<Link> {
        self.link
    }
}

/// `y = f(y)`, for a function simple enough that the compiler vectorises it.
fn each(y: &mut [f32], f: impl Fn(f32) -> f32) {
    y.iter_mut().for_each(|y| *y = f(*y));
}

/// `d = d slope(saved)`, tiny values as 0.
fn scale(kernels: &Kernels, d: &mut [f32], saved: &[f32], slope: impl Fn(f32) -> f32) {
    d.iter_mut().zip(saved).for_each(|(d, x)| *d *= slope(*x));
    kernels.flush(d);
}

fn step(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}

/// Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_ABOVE: f32 = SELU_SCALE as f32;
const SELU_BELOW: f32 = (SELU_SCALE * SELU_ALPHA) as f32;

/// What most rows have in common.
const LINEAR: Named = Named {
    name: "linear",
    alias: None,
    link: None,
    reads: Reads::Output,
    dies_at_zero: false,
    value: |x| x,
    forward: |_, _| (),
    gradient: |_, _, _| (),
};

/// A row a name: the function in f64, then as it runs, then its derivative from the output or the input.
const CURVES: &[Named] = &[
    Named {
        name: "elu",
        value: |x| if x > 0.0 { x } else { x.exp_m1() },
        forward: |k, y| k.elu(1.0, 1.0, y),
        gradient: |k, d, y| k.elu_gradient(1.0, 1.0, d, y),
        ..LINEAR
    },
    Named {
        name: "exponential",
        value: f64::exp,
        forward: |k, y| k.exp(y),
        gradient: |k, d, y| scale(k, d, y, |y| y),
        ..LINEAR
    },
    // The exact one, x Phi(x), as in Keras where nobody asks for `approximate`.
    Named {
        name: "gelu",
        reads: Reads::Input,
        value: |x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
        forward: |k, y| k.gelu(y),
        gradient: |k, d, x| k.gelu_gradient(d, x),
        ..LINEAR
    },
    Named {
        name: "hard_sigmoid",
        value: |x| (x / 6.0 + 0.5).clamp(0.0, 1.0),
        forward: |_, y| each(y, |x| (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        gradient: |k, d, y| scale(k, d, y, |y| step(y > 0.0 && y < 1.0) / 6.0),
        ..LINEAR
    },
    Named {
        name: "leaky_relu",
        value: |x| if x > 0.0 { x } else { 0.2 * x },
        forward: |_, y| each(y, |x| if x > 0.0 { x } else { 0.2 * x }),
        gradient: |k, d, y| scale(k, d, y, |y| if y > 0.0 { 1.0 } else { 0.2 }),
        ..LINEAR
    },
    Named {
        name: "relu",
        dies_at_zero: true,
        value: |x| x.max(0.0),
        forward: |k, y| k.relu(y),
        gradient: |k, d, y| k.relu_gradient(d, y),
        ..LINEAR
    },
    Named {
        name: "relu6",
        value: |x| x.clamp(0.0, 6.0),
        forward: |_, y| each(y, |x| x.clamp(0.0, 6.0)),
        gradient: |k, d, y| scale(k, d, y, |y| step(y > 0.0 && y < 6.0)),
        ..LINEAR
    },
    Named {
        name: "selu",
        value: |x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
        forward: |k, y| k.elu(SELU_ABOVE, SELU_BELOW, y),
        gradient: |k, d, y| k.elu_gradient(SELU_ABOVE, SELU_BELOW, d, y),
        ..LINEAR
    },
    Named {
        name: "sigmoid",
        link: Some(Link::Sigmoid),
        value: |x| 1.0 / (1.0 + (-x).exp()),
        forward: |k, y| k.sigmoid(y),
        gradient: |k, d, y| k.sigmoid_gradient(d, y),
        ..LINEAR
    },
    Named {
        name: "silu",
        alias: Some("swish"),
        reads: Reads::Input,
        value: |x| x / (1.0 + (-x).exp()),
        forward: |k, y| k.silu(y),
        gradient: |k, d, x| k.silu_gradient(d, x),
        ..LINEAR
    },
    Named {
        name: "softplus",
        value: |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        forward: |k, y| k.softplus(y),
        gradient: |k, d, y| k.softplus_gradient(d, y),
        ..LINEAR
    },
    Named {
        name: "softsign",
        reads: Reads::Input,
        value: |x| x / (1.0 + x.abs()),
        forward: |_, y| each(y, |x| x / (1.0 + x.abs())),
        gradient: |k, d, x| scale(k, d, x, |x| 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs()))),
        ..LINEAR
    },
    Named {
        name: "tanh",
        value: f64::tanh,
        forward: |k, y| k.tanh(y),
        gradient: |k, d, y| k.tanh_gradient(d, y),
        ..LINEAR
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
        assert_eq!(seen, 14, "curves with a recorded value");
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
