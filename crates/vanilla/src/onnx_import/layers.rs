//! Nodes to layers: products, normalisations, several values to one. Functions of a value stand in `functions.rs`,
//! shapes in `shapes.rs`.

use super::constants::{floats_of, transposed};
use super::{At, Flow, Importer, MAX_INPUTS, Made, Value, quoted};
use crate::error::Result;
use crate::layers::words::*;
use crate::layers::{Numbers, shape};
use crate::tensor::Tensor;
use vanilla_formats::onnx::{self, DType, Node};

/// Every operator that is read, as messages name them.
const KNOWN: &str = "Add, ArgMax, BatchNormalization, Cast, Celu, Clip, Concat, Constant, Div, Dropout, Elu, Erf (in \
gelu), Exp, Flatten, Gather, Gelu, Gemm, HardSigmoid, HardSwish, Identity, LayerNormalization, LeakyRelu, LogSoftmax, \
LpNormalization, MatMul, Max, Mean, Min, Mish, Mul, Neg, PRelu, RMSNormalization, Relu, Reshape, Scaler, Selu, Shrink, \
Sigmoid, Softmax, Softplus, Softsign, Squeeze, Sub, Sum, Swish, Tanh, ThresholdedRelu, Transpose, Unsqueeze";

impl Importer {
    /// What a node makes.
    pub fn node(&mut self, number: usize, node: &Node, nodes: &[Node]) -> Result<()> {
        let at = At { number, node, bias: None };
        let Some(output) = node.outputs.first().filter(|name| !name.is_empty()) else {
            return Err(at.error("no output"));
        };
        if self.joined.contains(output) {
            return Ok(());
        }
        if node.inputs.len() > MAX_INPUTS {
            return Err(at.error(format!("{} inputs, expected at most {MAX_INPUTS}", node.inputs.len())));
        }
        for other in node.outputs[1..].iter().filter(|name| !name.is_empty()) {
            if self.readers.contains_key(other) {
                return Err(at.error(format!("its output {} is read, expected only the first", quoted(other))));
            }
        }
        let value = match &*node.domain {
            "" => match self.fold(&at)? {
                Some(value) => value,
                None => self.standard(&at, nodes)?,
            },
            "ai.onnx.ml" => self.machine_learning(&at)?,
            // Of ONNX Runtime, with the meaning that standard operators got later.
            "com.microsoft" if matches!(&*node.op_type, "Gelu") => self.standard(&at, nodes)?,
            _ => return Err(self.unknown(&at)),
        };
        self.values.insert(output.clone(), value);
        Ok(())
    }

    fn unknown(&self, at: &At<'_>) -> crate::Error {
        at.error(format!("there is no layer for this operator; known are: {KNOWN}"))
    }

    fn standard(&mut self, at: &At<'_>, nodes: &[Node]) -> Result<Value> {
        let op = &*at.node.op_type;
        if matches!(self.given(at, 0), Some(Value::Labels)) {
            return match op {
                "Cast" | "Reshape" | "Identity" | "Squeeze" | "Unsqueeze" | "Flatten" => Ok(Value::Labels),
                _ => Err(at.error("reads labels, expected what the network computes")),
            };
        }
        let flow = match op {
            "Gemm" => self.gemm(at)?,
            "MatMul" => self.mat_mul(at, nodes)?,
            "BatchNormalization" => self.batch_normalization(at)?,
            "LayerNormalization" => self.layer_normalization(at)?,
            "RMSNormalization" | "SimplifiedLayerNormalization" => self.rms_normalization(at)?,
            "LpNormalization" => self.lp_normalization(at)?,
            "Gather" => self.gather(at)?,
            "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" | "Mean" | "Sum" => return self.merge(at),
            "Concat" => self.concat(at)?,
            "Identity" | "Dropout" | "Cast" => self.pass(at)?,
            "ArgMax" => {
                self.any_flow(at, 0)?;
                return Ok(Value::Labels);
            }
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => self.reshaped(at)?,
            "Erf" => return self.erf(at),
            _ => match self.function(at)? {
                Some(flow) => flow,
                None => return Err(self.unknown(at)),
            },
        };
        Ok(Value::Flow(flow))
    }

    /// Operators of scikit-learn's world.
    fn machine_learning(&mut self, at: &At<'_>) -> Result<Value> {
        match &*at.node.op_type {
            "Scaler" => {
                at.only(&["offset", "scale"])?;
                // It makes floats of integers.
                let x = Flow { dtype: DType::Float, ..self.any_flow(at, 0)? };
                let list = |name: &str, otherwise: f64| match at.node.attribute(name) {
                    None => Ok(vec![otherwise]),
                    Some(onnx::Attribute::Floats(values)) if values.iter().all(|x| x.is_finite()) => {
                        Ok(values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
                    }
                    Some(_) => Err(at.error(format!("{name} is no list of finite numbers"))),
                };
                let (offset, scale) = (list("offset", 0.0)?, list("scale", 1.0)?);
                let columns = x.shape.last().copied().unwrap_or(1);
                let stretch = |mut values: Vec<f64>| {
                    if values.len() == 1 {
                        values = vec![values[0]; columns];
                    }
                    if values.len() == columns {
                        return Ok(values);
                    }
                    Err(at.error(format!("{} numbers for {columns} columns", values.len())))
                };
                let (offset, scale) = (stretch(offset)?, stretch(scale)?);
                // (x - offset) scale, in this order: the columns may lie far from zero.
                // A normalization takes deviations of at least 1e-7.
                let fits = |scale: &f64| 1.0 / scale > 1e-7 && (1.0 / (scale * scale)).is_finite();
                if scale.iter().all(fits) {
                    let variance: Vec<f64> = scale.iter().map(|scale| 1.0 / (scale * scale)).collect();
                    return Ok(Value::Flow(self.normalization(at, &x, offset, variance)?));
                }
                let negative: Vec<f64> = offset.iter().map(|x| -x).collect();
                let moved = self.put(at, &[&x], x.shape.clone(), vec![], |name| {
                    Rescaling::new(1.0).offset(negative).name(name)
                })?;
                let flow =
                    self.put(at, &[&moved], x.shape.clone(), vec![], |name| Rescaling::new(scale).name(name))?;
                Ok(Value::Flow(flow))
            }
            "ArrayFeatureExtractor" | "LabelEncoder" => match (self.given(at, 0), self.given(at, 1)) {
                (Some(Value::Constant(names)), Some(Value::Labels)) => {
                    self.classes = match &names.values {
                        onnx::Values::Text(texts) => Some(texts.clone()),
                        onnx::Values::I64(numbers) => Some(numbers.iter().map(i64::to_string).collect()),
                        _ => None,
                    };
                    Ok(Value::Labels)
                }
                (Some(Value::Labels), _) | (_, Some(Value::Labels)) => Ok(Value::Labels),
                _ => Err(at.error("reads something else than labels, expected only what names classes")),
            },
            _ => Err(self.unknown(at)),
        }
    }

    fn normalization(&mut self, at: &At<'_>, x: &Flow, mean: Vec<f64>, variance: Vec<f64>) -> Result<Flow> {
        self.put(at, &[x], x.shape.clone(), vec![], |name| {
            Normalization::new().axis([-1]).mean(mean).variance(variance).name(name)
        })
    }

    /// `y = alpha x B + beta C`
    fn gemm(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["alpha", "beta", "transA", "transB", "broadcast"])?;
        let x = self.flow(at, 0)?;
        if at.int("transA", 0)? != 0 {
            return Err(at.error("transA = 1, expected 0: the batch is the first axis"));
        }
        if x.shape.len() != 1 {
            return Err(at.error(format!("reads a value of shape {}, expected (None, columns)", shape(&x.shape))));
        }
        let (dims, mut kernel) = self.matrix(at, 1)?;
        let [mut inputs, mut units] = dims;
        if at.int("transB", 0)? != 0 {
            kernel = transposed(&kernel, inputs, units);
            (inputs, units) = (units, inputs);
        }
        let (alpha, beta) = (at.float("alpha", 1.0)?, at.float("beta", 1.0)?);
        kernel.iter_mut().for_each(|w| *w *= alpha);
        let bias = match self.constant(at, 2)? {
            None => None,
            Some(tensor) => {
                let mut bias = self.bias(at, 2, &tensor, units)?;
                bias.iter_mut().for_each(|b| *b *= beta);
                Some(bias)
            }
        };
        self.dense(at, &x, inputs, units, kernel, bias)
    }

    /// A product with a constant, and the addition behind it if that is one of a bias.
    fn mat_mul(&mut self, at: &At<'_>, nodes: &[Node]) -> Result<Flow> {
        at.only(&[])?;
        if let (Some(Value::Flow(_)), Some(Value::Flow(_))) = (self.given(at, 0), self.given(at, 1)) {
            return Err(at.error("a product of two computed values, expected a constant as the second one"));
        }
        let x = self.flow(at, 0)?;
        let ([inputs, units], kernel) = self.matrix(at, 1)?;
        let output = &at.node.outputs[0];
        let mut bias = None;
        if let Some((1, Some(reader))) = self.readers.get(output)
            && let Some(add) = nodes.get(*reader).filter(|node| node.op_type == "Add" && node.domain.is_empty())
            && let Some(name) = match &add.inputs[..] {
                [a, b] if a == output => Some(b),
                [a, b] if b == output => Some(a),
                _ => None,
            }
            && let Some(Value::Constant(tensor)) = self.values.get(name)
            && (tensor.dims.len() == 1 || tensor.dims.len() == 2 && tensor.dims[0] == 1)
            && tensor.dims.last() == Some(&units)
            && let [sum] = &add.outputs[..]
        {
            bias = Some((name, floats_of(at, 1, tensor)?, sum.clone()));
        }
        let Some((name, bias, sum)) = bias else { return self.dense(at, &x, inputs, units, kernel, None) };
        let at = At { bias: Some(name), ..*at };
        let flow = self.dense(&at, &x, inputs, units, kernel, Some(bias))?;
        self.joined.insert(sum.clone());
        self.values.insert(sum, Value::Flow(flow.clone()));
        Ok(flow)
    }

    fn dense(
        &mut self,
        at: &At<'_>,
        x: &Flow,
        inputs: usize,
        units: usize,
        kernel: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Flow> {
        if x.shape.last() != Some(&inputs) || inputs == 0 || units == 0 {
            let problem = format!(
                "weights for {inputs} columns and {units} units behind a value of shape {}",
                shape(&x.shape)
            );
            return Err(at.error(problem));
        }
        let use_bias = bias.is_some();
        let mut weights = vec![Tensor::new(kernel, [inputs, units])?];
        if let Some(bias) = bias {
            weights.push(Tensor::new(bias, [units])?);
        }
        let mut output = x.shape.clone();
        output.pop();
        output.push(units);
        self.put(at, &[x], output, weights, |name| Dense::new(units).use_bias(use_bias).name(name))
    }

    /// A constant with two axes. What nobody else reads is moved and not copied.
    fn matrix(&mut self, at: &At<'_>, index: usize) -> Result<([usize; 2], Vec<f32>)> {
        match self.take_floats(at, index)? {
            Some((dims, values)) => match dims[..] {
                [rows, columns] => Ok(([rows, columns], values)),
                _ => Err(at.error(format!("weights of shape {dims:?}, expected two axes"))),
            },
            None => Err(at.error("no weights")),
        }
    }

    /// A constant of one number a unit, or one for all.
    fn bias(&self, at: &At<'_>, index: usize, tensor: &onnx::Tensor, units: usize) -> Result<Vec<f32>> {
        let values = floats_of(at, index, tensor)?;
        let row = tensor.dims.iter().rev().skip(1).all(|length| *length == 1);
        match values.len() {
            1 => Ok(vec![values[0]; units]),
            count if count == units && row && tensor.dims.last() == Some(&units) => Ok(values),
            _ => Err(at.error(format!("a bias of shape {:?} for {units} units", tensor.dims))),
        }
    }

    /// A constant of one number a feature.
    fn features(&self, at: &At<'_>, index: usize, count: usize) -> Result<Tensor> {
        match self.floats(at, index)? {
            Some((dims, values)) if dims == [count] => Tensor::new(values, [count]),
            Some((dims, _)) => Err(at.error(format!("input {index} has shape {dims:?}, expected [{count}]"))),
            None => Err(at.error(format!("input {index} is missing"))),
        }
    }

    fn batch_normalization(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["epsilon", "momentum", "training_mode", "spatial", "is_test", "consumed_inputs"])?;
        if at.int("training_mode", 0)? != 0 || at.int("spatial", 1)? != 1 {
            return Err(
                at.error("training_mode = 1 or spatial = 0, expected a model that is exported for inference")
            );
        }
        // Its version 14 has the setting.
        if self.opset < 14 && at.node.outputs[1..].iter().any(|name| !name.is_empty()) {
            let problem = "its outputs behind the first say that it is trained, expected a model that is exported for \
                           inference";
            return Err(at.error(problem));
        }
        let x = self.flow(at, 0)?;
        let channels = x.shape[0];
        // gamma, beta, mean, variance: the order is Keras's.
        let weights = (1..5).map(|index| self.features(at, index, channels)).collect::<Result<Vec<_>>>()?;
        let (epsilon, momentum) = (at.float("epsilon", 1e-5)?, at.float("momentum", 0.9)?);
        let axis = if x.shape.len() == 1 { -1 } else { 1 };
        self.put(at, &[&x], x.shape.clone(), weights, |name| {
            let layer = BatchNormalization::new().axis(axis).epsilon(epsilon.into());
            layer.momentum(momentum.into()).name(name)
        })
    }

    /// The axes of a sample from the setting `axis` on, in Keras's numbers, and their lengths.
    fn trailing_axes(&self, at: &At<'_>, x: &Flow) -> Result<(Vec<i64>, Vec<usize>)> {
        let rank = x.shape.len() as i64 + 1;
        let axis = at.int("axis", -1)?;
        let from = if axis < 0 { axis + rank } else { axis };
        if !(1..rank).contains(&from) {
            return Err(at.error(format!("axis = {axis} of a value of shape {}", shape(&x.shape))));
        }
        Ok(((from..rank).collect(), x.shape[from as usize - 1..].to_vec()))
    }

    fn layer_normalization(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["axis", "epsilon", "stash_type"])?;
        let x = self.flow(at, 0)?;
        let (axes, lengths) = self.trailing_axes(at, &x)?;
        let mut weights = Vec::new();
        for index in [1, 2] {
            match self.floats(at, index)? {
                Some((dims, values)) if dims == lengths => weights.push(Tensor::new(values, dims)?),
                Some((dims, _)) => {
                    let problem = format!("input {index} has shape {dims:?}, expected {lengths:?}");
                    return Err(at.error(problem));
                }
                None if index == 2 => {}
                None => return Err(at.error("no scale")),
            }
        }
        let (epsilon, center) = (at.float("epsilon", 1e-5)?, weights.len() == 2);
        self.put(at, &[&x], x.shape.clone(), weights, |name| {
            LayerNormalization::new().axis(axes).epsilon(epsilon.into()).center(center).name(name)
        })
    }

    fn rms_normalization(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["axis", "epsilon", "stash_type"])?;
        let x = self.flow(at, 0)?;
        let (axes, lengths) = self.trailing_axes(at, &x)?;
        let weights = match self.floats(at, 1)? {
            Some((dims, values)) if dims == lengths => vec![Tensor::new(values, dims)?],
            other => {
                let dims = other.map(|(dims, _)| dims);
                return Err(at.error(format!("a scale of shape {dims:?}, expected {lengths:?}")));
            }
        };
        let epsilon = at.float("epsilon", 1e-5)?;
        self.put(at, &[&x], x.shape.clone(), weights, |name| {
            RMSNormalization::new().axis(axes).epsilon(epsilon.into()).name(name)
        })
    }

    fn lp_normalization(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["axis", "p"])?;
        let x = self.flow(at, 0)?;
        if at.int("p", 2)? != 2 {
            return Err(at.error("p = 1, expected 2"));
        }
        let axis = at.int("axis", -1)?;
        self.put(at, &[&x], x.shape.clone(), vec![], |name| UnitNormalization::new().axis(axis).name(name))
    }

    /// Rows of a table.
    fn gather(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["axis"])?;
        let ([rows, columns], table) = match self.given(at, 0) {
            Some(Value::Constant(_)) => self.matrix(at, 0)?,
            _ => return Err(at.error("picks from a computed value, expected from a constant table")),
        };
        let x = self.any_flow(at, 1)?;
        if at.int("axis", 0)? != 0 || rows == 0 || columns == 0 {
            return Err(at.error("expected rows (axis = 0) of a table that has some"));
        }
        if !matches!(x.made, Made::Input | Made::Cut) {
            return Err(at.error("picks by computed numbers, expected an input"));
        }
        let output = [&x.shape[..], &[columns]].concat();
        let weights = vec![Tensor::new(table, [rows, columns])?];
        let flow = self.put(at, &[&x], output, weights, |name| Embedding::new(rows, columns).name(name))?;
        Ok(Flow { dtype: DType::Float, made: Made::Somehow, ..flow })
    }

    /// Several values to one; or a value and a constant.
    fn merge(&mut self, at: &At<'_>) -> Result<Value> {
        at.only(&["axis", "broadcast"])?;
        let op = &*at.node.op_type;
        let given = (0..at.node.inputs.len()).map(|index| self.wanted(at, index)).collect::<Result<Vec<_>>>()?;
        if given.iter().any(|value| matches!(value, Value::Erf(_))) {
            return self.erf_step(at, &given);
        }
        if let [Value::Flow(x), Value::Flow(y)] = &given[..]
            && op == "Mul"
            && (x.made == Made::Sigmoid { of: y.id } || y.made == Made::Sigmoid { of: x.id })
        {
            let first = y.made == (Made::Sigmoid { of: x.id });
            let x = if first { x } else { y };
            self.forget(at, usize::from(first));
            return Ok(Value::Flow(
                self.put(at, &[x], x.shape.clone(), vec![], |name| ActivationLayer::new("silu").name(name))?,
            ));
        }
        let mut flows = Vec::new();
        for value in &given {
            if let Value::Flow(flow) = value {
                at.floats_only(flow)?;
                flows.push(flow.clone());
            }
        }
        match (&given[..], op) {
            ([Value::Flow(x)], "Max" | "Min" | "Mean" | "Sum") => return Ok(Value::Flow(x.clone())),
            ([Value::Flow(x), Value::Constant(c)], _) => return self.with_constant(at, x, c, false),
            ([Value::Constant(c), Value::Flow(x)], _) => return self.with_constant(at, x, c, true),
            _ if flows.len() == given.len() && flows.len() >= 2 => {}
            _ => return Err(at.error("expected computed values, or one and a constant")),
        }
        let rank = flows[0].shape.len();
        let mut output = vec![1; rank];
        for flow in &flows {
            if flow.shape.len() != rank {
                let shapes: Vec<String> = flows.iter().map(|flow| shape(&flow.shape)).collect();
                return Err(at.error(format!("values of different rank: {}", shapes.join(" and "))));
            }
            output.iter_mut().zip(&flow.shape).for_each(|(longest, length)| *longest = (*longest).max(*length));
        }
        let all: Vec<&Flow> = flows.iter().collect();
        let flow = match op {
            "Add" | "Sum" => self.put(at, &all, output, vec![], |name| Add::new().name(name))?,
            "Sub" => self.put(at, &all, output, vec![], |name| Subtract::new().name(name))?,
            "Mul" => self.put(at, &all, output, vec![], |name| Multiply::new().name(name))?,
            "Max" => self.put(at, &all, output, vec![], |name| Maximum::new().name(name))?,
            "Min" => self.put(at, &all, output, vec![], |name| Minimum::new().name(name))?,
            "Mean" => self.put(at, &all, output, vec![], |name| Average::new().name(name))?,
            _ => return Err(at.error("a quotient of two computed values: there is no layer for it")),
        };
        Ok(Value::Flow(flow))
    }

    /// A value and a constant: `reversed` with the constant first.
    fn with_constant(&mut self, at: &At<'_>, x: &Flow, c: &onnx::Tensor, reversed: bool) -> Result<Value> {
        let op = &*at.node.op_type;
        let numbers = self.along(at, c, usize::from(!reversed), &x.shape)?;
        let of = |f: &dyn Fn(f64) -> f64| numbers.map(f);
        let (scale, offset) = match (op, reversed) {
            ("Add" | "Sum", _) => (1.0.into(), numbers.clone()),
            ("Sub", false) => (1.0.into(), of(&|c| -c)),
            ("Sub", true) => ((-1.0).into(), numbers.clone()),
            ("Mul", _) => (numbers.clone(), 0.0.into()),
            ("Div", false) if !numbers.values().contains(&0.0) => (of(&|c| 1.0 / c), 0.0.into()),
            ("Max", _) if numbers.values().iter().all(|c| *c == 0.0) => {
                let flow = self.put(at, &[x], x.shape.clone(), vec![], |name| ReLU::new().name(name))?;
                return Ok(Value::Flow(flow));
            }
            ("Max", _) => return Ok(Value::Flow(self.bounded(at, x, [Some(numbers), None])?)),
            ("Min", _) => return Ok(Value::Flow(self.bounded(at, x, [None, Some(numbers)])?)),
            ("Mean", _) => (0.5.into(), of(&|c| c / 2.0)),
            _ => {
                let way = "expected x / constant, the constant not 0";
                return Err(at.error(format!("a constant by a value, or by 0: there is no layer for it; {way}")));
            }
        };
        let made = match (op, numbers.values()) {
            ("Mul" | "Div", [_]) => Made::Times { of: x.id, by: scale.values()[0] as f32 },
            _ => Made::Somehow,
        };
        let flow =
            self.put(at, &[x], x.shape.clone(), vec![], |name| Rescaling::new(scale).offset(offset).name(name))?;
        Ok(Value::Flow(Flow { made, ..flow }))
    }

    /// A value not below the one bound and not above the other. A bound c is `0 h + c` of h, x cut to -1..1: exact, a
    /// layer, and NaN for NaN alone; 0 times infinity would be one, too.
    pub fn bounded(&mut self, at: &At<'_>, x: &Flow, [least, most]: [Option<Numbers>; 2]) -> Result<Flow> {
        let shape = || x.shape.clone();
        let unit = self.activation(at, x, "hard_tanh")?;
        let bound = |importer: &mut Self, c: Numbers| {
            importer.put(at, &[&unit], shape(), vec![], |name| Rescaling::new(0.0).offset(c).name(name))
        };
        let mut flow = x.clone();
        if let Some(least) = least {
            let least = bound(self, least)?;
            flow = self.put(at, &[&flow, &least], shape(), vec![], |name| Maximum::new().name(name))?;
        }
        if let Some(most) = most {
            let most = bound(self, most)?;
            flow = self.put(at, &[&flow, &most], shape(), vec![], |name| Minimum::new().name(name))?;
        }
        Ok(flow)
    }

    fn concat(&mut self, at: &At<'_>) -> Result<Flow> {
        at.only(&["axis"])?;
        let flows = (0..at.node.inputs.len()).map(|index| self.any_flow(at, index)).collect::<Result<Vec<_>>>()?;
        let Some(first) = flows.first() else { return Err(at.error("no inputs")) };
        if flows.len() == 1 {
            return Ok(first.clone());
        }
        let axis = self.sample_axis(at, "axis", at.int("axis", 1)?, first)?;
        let mut output = first.shape.clone();
        for flow in &flows[1..] {
            let same = flow.shape.len() == output.len()
                && (0..output.len()).all(|i| i == axis || flow.shape[i] == output[i]);
            if !same {
                let (a, b) = (shape(&output), shape(&flow.shape));
                return Err(at.error(format!("values of shapes {a} and {b} along axis {}", axis + 1)));
            }
            output[axis] += flow.shape[axis];
        }
        let all: Vec<&Flow> = flows.iter().collect();
        self.put(at, &all, output, vec![], |name| Concatenate::new().axis(axis as i64 + 1).name(name))
    }

    /// An axis as ONNX counts it: its place in a sample.
    pub fn sample_axis(&self, at: &At<'_>, name: &str, axis: i64, x: &Flow) -> Result<usize> {
        let rank = x.shape.len() as i64 + 1;
        let from = if axis < 0 { axis + rank } else { axis };
        match (1..rank).contains(&from) {
            true => Ok(from as usize - 1),
            false => Err(at.error(format!(
                "{name} = {axis} of a value of shape {}, expected an axis behind the batch",
                shape(&x.shape)
            ))),
        }
    }

    /// What changes nothing while a model is not trained.
    fn pass(&mut self, at: &At<'_>) -> Result<Flow> {
        let x = self.any_flow(at, 0)?;
        match &*at.node.op_type {
            "Cast" => {
                let to = at.target()?;
                match to {
                    DType::Float | DType::Double if x.made == Made::Cut => {
                        let problem =
                            "what a Cast to integers cut off is lost, expected only a Gather to read them";
                        return Err(at.error(problem));
                    }
                    DType::Float | DType::Double => {}
                    // Numbers of rows for a Gather.
                    DType::Int64 | DType::Int32 if matches!(x.made, Made::Input | Made::Cut) => {}
                    _ => {
                        let problem = format!("a computed value to {}, expected float32 or float64", to.name());
                        return Err(at.error(problem));
                    }
                }
                let (from, into) = (x.dtype.whole(), to.whole());
                let cut = into.is_some_and(|into| {
                    from.is_none_or(|from| from.start() < into.start() || from.end() > into.end())
                });
                Ok(Flow { dtype: to, made: if cut { Made::Cut } else { x.made }, ..x })
            }
            "Dropout" => {
                at.only(&["ratio", "seed", "is_test"])?;
                if let Some(training) = self.number(at, 2)?
                    && training != 0.0
                {
                    return Err(at.error("training_mode = true, expected a model that is exported for inference"));
                }
                let ratio = match self.number(at, 1)? {
                    Some(ratio) => ratio,
                    None => at.float("ratio", 0.5)?,
                };
                if !(0.0..1.0).contains(&ratio) {
                    return Err(at.error(format!("ratio = {ratio}, expected from 0 to below 1")));
                }
                self.put(at, &[&x], x.shape.clone(), vec![], |name| Dropout::new(ratio.into()).name(name))
            }
            _ => Ok(x),
        }
    }
}
