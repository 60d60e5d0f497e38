//! Functions of a value to activations.

use super::{At, Erf, Flow, Importer, Made, Value};
use crate::error::Result;
use crate::layers::shape;
use crate::layers::words::*;
use crate::tensor::Tensor;

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

impl Importer {
    pub fn activation(&mut self, at: &At<'_>, x: &Flow, name: &str) -> Result<Flow> {
        self.put(at, &[x], x.shape.clone(), vec![], |layer| ActivationLayer::new(name).name(layer))
    }

    fn rescaling(&mut self, at: &At<'_>, x: &Flow, scale: f32, offset: f32) -> Result<Flow> {
        self.put(at, &[x], x.shape.clone(), vec![], |name| {
            Rescaling::new(f64::from(scale)).offset(f64::from(offset)).name(name)
        })
    }

    /// The layer of an operator that reads one value, or `None` for operators that are not known.
    pub fn function(&mut self, at: &At<'_>) -> Result<Option<Flow>> {
        let plain = match &*at.node.op_type {
            "Relu" => "relu",
            "Sigmoid" => "sigmoid",
            "Tanh" => "tanh",
            "Softplus" => "softplus",
            "Softsign" => "softsign",
            "Exp" => "exponential",
            "Mish" => "mish",
            "HardSwish" => "hard_silu",
            _ => "",
        };
        if !plain.is_empty() {
            at.only(&["consumed_inputs"])?;
            let x = self.flow(at, 0)?;
            let flow = self.activation(at, &x, plain)?;
            let made = if plain == "sigmoid" { Made::Sigmoid { of: x.id } } else { Made::Somehow };
            return Ok(Some(Flow { made, ..flow }));
        }
        let x = match &*at.node.op_type {
            "Celu" | "Clip" | "Elu" | "Gelu" | "HardSigmoid" | "LeakyRelu" | "LogSoftmax" | "Neg" | "PRelu"
            | "Selu" | "Shrink" | "Softmax" | "Swish" | "ThresholdedRelu" => self.flow(at, 0)?,
            _ => return Ok(None),
        };
        let sample = x.shape.clone();
        let only_default = |name: &str, value: f32, default: f32| match (value - default).abs() <= 1e-6 {
            true => Ok(()),
            false => {
                Err(at.error(format!("{name} = {value}, expected {default}: there is no layer for another one")))
            }
        };
        Ok(Some(match &*at.node.op_type {
            "LeakyRelu" => {
                at.only(&["alpha"])?;
                let alpha = at.float("alpha", 0.01)?;
                if alpha < 0.0 {
                    return Err(at.error(format!("alpha = {alpha}, expected at least 0")));
                }
                self.put(at, &[&x], sample, vec![], |name| {
                    LeakyReLU::new().negative_slope(alpha.into()).name(name)
                })?
            }
            "Elu" => {
                at.only(&["alpha"])?;
                let alpha = at.float("alpha", 1.0)?;
                if alpha < 0.0 {
                    return Err(at.error(format!("alpha = {alpha}, expected at least 0")));
                }
                self.put(at, &[&x], sample, vec![], |name| ELU::new().alpha(alpha.into()).name(name))?
            }
            "Celu" => {
                at.only(&["alpha"])?;
                only_default("alpha", at.float("alpha", 1.0)?, 1.0)?;
                self.activation(at, &x, "celu")?
            }
            "Selu" => {
                at.only(&["alpha", "gamma"])?;
                only_default("alpha", at.float("alpha", SELU_ALPHA)?, SELU_ALPHA)?;
                only_default("gamma", at.float("gamma", SELU_SCALE)?, SELU_SCALE)?;
                self.activation(at, &x, "selu")?
            }
            "Swish" => {
                at.only(&["alpha"])?;
                only_default("alpha", at.float("alpha", 1.0)?, 1.0)?;
                self.activation(at, &x, "silu")?
            }
            "Gelu" => {
                at.only(&["approximate"])?;
                if at.text("approximate", "none")? != "none" {
                    return Err(at.error("approximate = tanh, expected none: there is no layer for it"));
                }
                self.activation(at, &x, "gelu")?
            }
            "ThresholdedRelu" => {
                at.only(&["alpha"])?;
                let alpha = at.float("alpha", 1.0)?;
                if alpha < 0.0 {
                    return Err(at.error(format!("alpha = {alpha}, expected at least 0")));
                }
                self.put(at, &[&x], sample, vec![], |name| ReLU::new().threshold(alpha.into()).name(name))?
            }
            "HardSigmoid" => {
                at.only(&["alpha", "beta"])?;
                let (alpha, beta) = (at.float("alpha", 0.2)?, at.float("beta", 0.5)?);
                if (alpha - 1.0 / 6.0).abs() < 1e-7 && beta == 0.5 {
                    return Ok(Some(self.activation(at, &x, "hard_sigmoid")?));
                }
                let line = self.rescaling(at, &x, alpha, beta)?;
                self.put(at, &[&line], sample, vec![], |name| ReLU::new().max_value(1.0).name(name))?
            }
            "Shrink" => {
                at.only(&["lambd", "bias"])?;
                only_default("lambd", at.float("lambd", 0.5)?, 0.5)?;
                let bias = at.float("bias", 0.0)?;
                if bias == 0.0 {
                    return Ok(Some(self.activation(at, &x, "hard_shrink")?));
                }
                only_default("bias", bias, 0.5)?;
                self.activation(at, &x, "soft_shrink")?
            }
            "Clip" => self.clip(at, &x)?,
            "Neg" => {
                at.only(&[])?;
                let flow = self.rescaling(at, &x, -1.0, 0.0)?;
                Flow { made: Made::Times { of: x.id, by: -1.0 }, ..flow }
            }
            "PRelu" => {
                at.only(&["consumed_inputs"])?;
                self.p_relu(at, &x)?
            }
            "Softmax" | "LogSoftmax" => {
                at.only(&["axis"])?;
                // Before version 13 all axes from this one on were one.
                let axis =
                    self.sample_axis(at, "axis", at.int("axis", if self.opset < 13 { 1 } else { -1 })?, &x)?;
                let last = axis + 1 == sample.len();
                match &*at.node.op_type {
                    "Softmax" if self.opset < 13 && !last => {
                        let axes: Vec<i64> = (axis as i64 + 1..=sample.len() as i64).collect();
                        self.put(at, &[&x], sample, vec![], |name| Softmax::new().axis(axes).name(name))?
                    }
                    "Softmax" if last => self.activation(at, &x, "softmax")?,
                    "Softmax" => self
                        .put(at, &[&x], sample, vec![], |name| Softmax::new().axis(axis as i64 + 1).name(name))?,
                    _ if last => self.activation(at, &x, "log_softmax")?,
                    _ => {
                        return Err(at.error(format!(
                            "along axis {} of {}, expected the last one",
                            axis + 1,
                            shape(&sample)
                        )));
                    }
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Between two numbers.
    fn clip(&mut self, at: &At<'_>, x: &Flow) -> Result<Flow> {
        at.only(&["min", "max", "consumed_inputs"])?;
        let bound = |index: usize, name: &str| -> Result<Option<f32>> {
            // The largest number stands for no bound.
            let setting = at.node.attribute(name).map(|_| at.float(name, 0.0)).transpose()?;
            let bound = if setting.is_some() { setting } else { self.number(at, index)? };
            Ok(bound.filter(|bound| bound.abs() < f32::MAX))
        };
        let (min, max) = (bound(1, "min")?, bound(2, "max")?);
        match (min, max) {
            (None, None) => Ok(x.clone()),
            (Some(0.0), None) => self.put(at, &[x], x.shape.clone(), vec![], |name| ReLU::new().name(name)),
            (Some(0.0), Some(max)) if max > 0.0 => {
                self.put(at, &[x], x.shape.clone(), vec![], |name| ReLU::new().max_value(max.into()).name(name))
            }
            (Some(-1.0), Some(1.0)) => self.activation(at, x, "hard_tanh"),
            (min, max) => {
                let numbers = |bound: Option<f32>| bound.map(|bound| f64::from(bound).into());
                self.bounded(at, x, [numbers(min), numbers(max)])
            }
        }
    }

    /// A slope below zero for each place, for some axes or for all.
    fn p_relu(&mut self, at: &At<'_>, x: &Flow) -> Result<Flow> {
        let Some((mut dims, slopes)) = self.floats(at, 1)? else { return Err(at.error("no slope")) };
        // Aligned from the last axis; the batch's own is 1 if it is there.
        if dims.len() == x.shape.len() + 1 && dims[0] == 1 {
            dims.remove(0);
        }
        while dims.len() < x.shape.len() {
            dims.insert(0, 1);
        }
        let fits = dims.len() == x.shape.len() && dims.iter().zip(&x.shape).all(|(d, s)| *d == 1 || d == s);
        if !fits {
            return Err(at.error(format!("slopes of shape {dims:?} for a value of shape {}", shape(&x.shape))));
        }
        let shared: Vec<i64> =
            (0..dims.len()).filter(|axis| dims[*axis] != x.shape[*axis]).map(|axis| axis as i64 + 1).collect();
        let weights = vec![Tensor::new(slopes, dims)?];
        self.put(at, &[x], x.shape.clone(), weights, |name| {
            let layer = PReLU::new().name(name);
            if shared.is_empty() { layer } else { layer.shared_axes(shared) }
        })
    }

    /// `erf(x / sqrt 2)`, the beginning of a gelu.
    pub fn erf(&mut self, at: &At<'_>) -> Result<Value> {
        at.only(&[])?;
        let flow = self.flow(at, 0)?;
        if let Made::Times { of, by } = flow.made
            && (by - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-4
            && let Some(x) = self.values.values().find_map(|value| match value {
                Value::Flow(flow) if flow.id == of => Some(flow.clone()),
                _ => None,
            })
        {
            self.forget(at, 0);
            return Ok(Value::Erf(Erf { x, factor: 1.0, plus_one: false, times_x: false }));
        }
        Err(at.error("of something else than x / sqrt 2, expected a part of gelu, x / 2 (1 + erf(x / sqrt 2))"))
    }

    /// The next step of a gelu: + 1, times x, times a half, in any order that means the same.
    pub fn erf_step(&mut self, at: &At<'_>, given: &[Value]) -> Result<Value> {
        let op = &*at.node.op_type;
        let ((Value::Erf(erf), other) | (other, Value::Erf(erf))) = (match given {
            [a, b] => (a, b),
            _ => return Err(at.error("erf(x) and more than one value")),
        }) else {
            return Err(at.error("erf(x) and nothing else"));
        };
        let mut erf = erf.clone();
        match (op, other) {
            ("Add", Value::Constant(one))
                if !erf.plus_one && super::constants::floats_of(at, 1, one)? == [1.0] =>
            {
                erf.plus_one = true;
            }
            ("Mul", Value::Constant(c)) if erf.plus_one => match super::constants::floats_of(at, 1, c)?[..] {
                [c] => erf.factor *= c,
                _ => return Err(at.error("a gelu with several factors")),
            },
            ("Mul", Value::Flow(flow)) if erf.plus_one && !erf.times_x => {
                erf.times_x = true;
                match flow.made {
                    _ if flow.id == erf.x.id => {}
                    Made::Times { of, by } if of == erf.x.id => erf.factor *= by,
                    _ => return Err(at.error("erf(x) times another value than x")),
                }
            }
            _ => return Err(at.error("erf(x) is read only as a part of gelu, x / 2 (1 + erf(x / sqrt 2))")),
        }
        if erf.times_x && (erf.factor - 0.5).abs() < 1e-6 {
            let x = erf.x;
            return Ok(Value::Flow(self.activation(at, &x, "gelu")?));
        }
        Ok(Value::Erf(erf))
    }
}
