//! [`Program`]: what a trained model computes for a row, with its weights: steps that read earlier values.
//!
//! ```text
//! program = input* front* step* output*
//! front   = preprocessing layers between an input of the model and a value    typed columns to numbers
//! step    = affine | shift_scale | embed | merge | concatenate | curve | rows | softmax | regroup
//! ```
//!
//! Values are numbered: first those of the fronts, then what each step gives. A value is a matrix of `groups x cols`
//! for a row of data, row-major, and all rows of the matrix are treated alike. What only matters in training (dropout,
//! noise, masks, penalties) is gone, and so is what no output needs. [`Program::run`] computes it slowly and readably:
//! the exports are compared with it, and it with [`Model::predict`].

use super::names::plain;
use crate::build::Built;
use crate::error::{Error, Result};
use crate::info::ModelInfo;
use crate::layers::Layer;
use crate::model::{Model, NOT_BUILT};
use std::collections::HashMap;
use std::sync::Arc;
use vanilla_plan::{Fact, Form, Formula, Merge, Node};

/// What a trained model computes for one row of data.
#[derive(Clone, Debug)]
pub struct Program {
    /// The model's name.
    pub name: String,
    /// The inputs of the model.
    pub inputs: Vec<Input>,
    /// The first values.
    pub fronts: Vec<Front>,
    /// What is computed, each step of values that come earlier.
    pub steps: Vec<Step>,
    /// The outputs of the model.
    pub outputs: Vec<Output>,
    /// The weights that steps name by their place here. A layer that is called twice has them once.
    pub weights: Vec<Weights>,
    /// Names of classes and columns, and notes.
    pub info: ModelInfo,
    /// Number of weights of the model.
    pub parameters: usize,
    /// SHA-256 of all weights, as [`Model::weights_sha256`] has it.
    pub weights_sha256: String,
    /// The form of each value.
    pub(super) forms: Vec<Form>,
}

/// An input of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of its layer.
    pub name: String,
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// What the data are, as Keras calls it: `float32`, `int64`, `string`, …
    pub dtype: String,
}

/// Where a value comes from that no step gives: an input of the model, looked up by preprocessing layers.
#[derive(Clone, Debug)]
pub struct Front {
    /// Number of the input.
    pub input: usize,
    /// The preprocessing layers, in their order; mostly none. Each has a [`Layer::preprocessor`].
    pub chain: Vec<Arc<dyn Layer>>,
    /// Their names, for messages.
    pub place: String,
    /// Elements of a sample.
    pub width: usize,
    /// They are numbers of rows of a table that has so many; others are refused by `predict`.
    pub below: Option<usize>,
}

/// An output of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name of its layer.
    pub name: String,
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// Its value, whose elements are those of the sample, row-major.
    pub value: usize,
}

/// Something that is computed.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name of the layer that it belongs to; of a layer inside a model inside, the names with `/` between them.
    pub layer: String,
    /// Keras's name for that layer's class.
    pub class: String,
    /// The values that it reads.
    pub reads: Vec<usize>,
    /// What it does with them.
    pub work: Work,
}

/// What a [`Step`] does. Numbers of weights are places in [`Program::weights`].
#[derive(Clone, Debug)]
pub enum Work {
    /// `y = x W + b` for every row.
    Affine {
        /// W, `cols of x` x `cols of y`.
        kernel: usize,
        /// b, one row.
        bias: Option<usize>,
    },
    /// `y = (x - mean) scale + shift` for every row: a batch normalisation.
    ShiftScale {
        /// One number a column.
        mean: Vec<f32>,
        /// One number a column.
        scale: Vec<f32>,
        /// One number a column.
        shift: Vec<f32>,
    },
    /// Every number of x becomes the row of a table that it names.
    Embed {
        /// The table, `vocabulary` x `cols of y`.
        table: usize,
    },
    /// One of several values of one form, element by element.
    Merge(Merge),
    /// The rows of several values, one behind the other.
    Concatenate,
    /// A function of every element.
    Curve {
        /// Its name.
        name: String,
        /// f of one element.
        formula: Formula,
    },
    /// A function of every row, its weights in it.
    Rows {
        /// Its name.
        name: String,
        /// f of a row.
        formula: Formula,
    },
    /// `e^x / sum(e^x)` along every row; [`Formula::softmax`].
    Softmax,
    /// The same numbers, row-major, in another form.
    Regroup,
}

/// A matrix of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The layer, and what it is there: `dense/kernel`.
    pub name: String,
    /// Its rows; 1 for a bias.
    pub rows: usize,
    /// Its columns.
    pub cols: usize,
    /// Its elements, row-major.
    pub values: Vec<f32>,
}

impl Model {
    /// What the model computes, for whoever wants to say it in another language.
    ///
    /// # Errors
    /// When the model is not built, or has a function of somebody's own that does not say its formula; the message
    /// names the layer.
    pub fn program(&self) -> Result<Program> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let dtypes = self.graph.inputs.iter().map(|place| self.graph.input(*place));
        let dtypes = dtypes.map(|input| input.map_or_else(|| "float32".to_owned(), |input| input.dtype.clone()));
        let inputs = self.input_names().into_iter().zip(&built.input_shapes).zip(dtypes);
        let mut maker = Maker::new(built);
        let values = maker.network()?;
        let outputs = self.output_names().into_iter().zip(&built.output_shapes).zip(values);
        let mut program = Program {
            name: self.name().to_owned(),
            inputs: inputs.map(|((name, shape), dtype)| Input { name, shape: shape.clone(), dtype }).collect(),
            fronts: built.fronts.iter().map(Front::of).collect(),
            steps: maker.steps,
            outputs: outputs.map(|((name, shape), value)| Output { name, shape: shape.clone(), value }).collect(),
            weights: maker.weights,
            info: self.info().clone(),
            parameters: self.count_params(),
            weights_sha256: self.weights_sha256(),
            forms: maker.forms,
        };
        program.forget_what_nobody_reads();
        Ok(program)
    }
}

impl Front {
    fn of(front: &crate::build::Front) -> Self {
        Self {
            input: front.input,
            chain: front.chain.clone(),
            place: front.place.clone(),
            width: front.width,
            below: front.below.as_ref().map(|(below, _)| *below),
        }
    }
}

impl Program {
    /// The form of a value.
    pub fn form(&self, value: usize) -> Form {
        self.forms[value]
    }

    /// The value that a step gives.
    pub fn value(&self, step: usize) -> usize {
        self.fronts.len() + step
    }

    /// The steps that compute something, each with its value, and with a title where another layer begins.
    pub(super) fn walk(&self) -> impl Iterator<Item = (Option<String>, &Step, usize)> {
        let mut layer = String::new();
        let steps = self.steps.iter().enumerate().filter(|(_, step)| !matches!(step.work, Work::Regroup));
        steps.map(move |(number, step)| {
            let title = format!("{} ({})", plain(&step.layer), plain(&step.class));
            let begins = title != layer;
            layer.clone_from(&title);
            (begins.then_some(title), step, self.value(number))
        })
    }

    /// Elements of a value, for one row of data.
    pub fn elements(&self, value: usize) -> usize {
        self.forms[value].groups * self.forms[value].cols
    }

    /// The outputs for one row of data, in f64: the readable truth. `xs` are the values of the fronts.
    ///
    /// # Panics
    /// If `xs` are not those of the fronts, or a number names no row of a table.
    pub fn run(&self, xs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut values = xs.to_vec();
        for (number, step) in self.steps.iter().enumerate() {
            let (x, cols) = (&values[step.reads[0]], self.form(step.reads[0]).cols);
            let out = self.form(self.value(number));
            let y = match &step.work {
                Work::Affine { kernel, bias } => {
                    let bias = bias.map(|bias| &self.weights[bias].values);
                    let unit = |row: &[f64], unit: usize| {
                        let terms =
                            row.iter().zip(self.weights[*kernel].values.iter().skip(unit).step_by(out.cols));
                        let start = bias.map_or(0.0, |bias| f64::from(bias[unit]));
                        start + terms.map(|(x, w)| x * f64::from(*w)).sum::<f64>()
                    };
                    x.chunks(cols)
                        .flat_map(|row| (0..out.cols).map(|at| unit(row, at)).collect::<Vec<_>>())
                        .collect()
                }
                Work::ShiftScale { mean, scale, shift } => {
                    let at = |i: usize| [mean, scale, shift].map(|of| f64::from(of[i % cols]));
                    let element = |(i, x): (usize, &f64)| (x - at(i)[0]) * at(i)[1] + at(i)[2];
                    x.iter().enumerate().map(element).collect()
                }
                Work::Embed { table } => {
                    let rows = x.iter().map(|x| *x as usize * out.cols);
                    let row = |start: usize| &self.weights[*table].values[start..start + out.cols];
                    rows.flat_map(|start| row(start).iter().map(|x| f64::from(*x))).collect()
                }
                Work::Merge(merge) => {
                    let element = |i: usize| {
                        let xs = step.reads.iter().map(|value| values[*value][i]);
                        merged(*merge, xs, step.reads.len())
                    };
                    (0..x.len()).map(element).collect()
                }
                Work::Concatenate => {
                    let row = |group: usize| {
                        step.reads.iter().flat_map(move |value| {
                            let cols = self.form(*value).cols;
                            (group * cols..(group + 1) * cols).map(move |at| (*value, at))
                        })
                    };
                    (0..out.groups).flat_map(row).map(|(value, at)| values[value][at]).collect()
                }
                Work::Curve { formula, .. } => x.iter().map(|x| formula.value(&[*x], &[])[0]).collect(),
                Work::Rows { formula, .. } => x.chunks(cols).flat_map(|row| formula.value(row, &[])).collect(),
                Work::Softmax => x.chunks(cols).flat_map(|row| Formula::softmax(cols).value(row, &[])).collect(),
                Work::Regroup => x.clone(),
            };
            values.push(y);
        }
        self.outputs.iter().map(|output| values[output.value].clone()).collect()
    }

    /// Leaves out the steps that no output needs: those of masks.
    fn forget_what_nobody_reads(&mut self) {
        let first = self.fronts.len();
        let mut read = vec![false; self.forms.len()];
        self.outputs.iter().for_each(|output| read[output.value] = true);
        for (number, step) in self.steps.iter().enumerate().rev() {
            if read[first + number] {
                step.reads.iter().for_each(|value| read[*value] = true);
            }
        }
        // The numbers that are left.
        let kept = |value: usize| value < first || read[value];
        let mut new = vec![0; read.len()];
        for (number, value) in (0..read.len()).filter(|value| kept(*value)).enumerate() {
            new[value] = number;
        }
        let mut value = 0..;
        self.forms.retain(|_| value.next().is_some_and(kept));
        let mut value = first..;
        self.steps.retain(|_| value.next().is_some_and(kept));
        self.steps.iter_mut().flat_map(|step| &mut step.reads).for_each(|read| *read = new[*read]);
        self.outputs.iter_mut().for_each(|output| output.value = new[output.value]);
    }
}

/// One of several, as the planner's step does it.
fn merged(merge: Merge, xs: impl Iterator<Item = f64>, count: usize) -> f64 {
    let one = xs.reduce(|y, x| match merge {
        Merge::Add | Merge::Average => y + x,
        Merge::Subtract => y - x,
        Merge::Multiply => y * x,
        Merge::Maximum if x > y || x.is_nan() => x,
        Merge::Minimum if x < y || x.is_nan() => x,
        Merge::Maximum | Merge::Minimum => y,
    });
    let one = one.unwrap_or(0.0);
    if merge == Merge::Average { one / count as f64 } else { one }
}

/// A network on its way to a program.
struct Maker<'a> {
    built: &'a Built,
    steps: Vec<Step>,
    forms: Vec<Form>,
    weights: Vec<Weights>,
    /// The place among the weights of a variable of the network.
    of_variable: HashMap<usize, usize>,
}

impl<'a> Maker<'a> {
    fn new(built: &'a Built) -> Self {
        let forms = built.network.forms()[..built.network.inputs.len()].to_vec();
        Self { built, steps: Vec::new(), forms, weights: Vec::new(), of_variable: HashMap::new() }
    }

    /// All nodes. Returns the values of the outputs.
    fn network(&mut self) -> Result<Vec<usize>> {
        let network = &self.built.network;
        // The value of the program for each of the network's.
        let mut values: Vec<usize> = (0..network.inputs.len()).collect();
        for (number, node) in network.nodes.iter().enumerate() {
            let reads: Vec<usize> = node.inputs.iter().map(|value| values[*value]).collect();
            let form = network.form(network.value(number));
            values.push(self.node(number, node, reads, form)?);
        }
        Ok(network.outputs.iter().map(|value| values[*value]).collect())
    }

    /// The value that a node gives.
    fn node(&mut self, number: usize, node: &Node, mut reads: Vec<usize>, form: Form) -> Result<usize> {
        let work = match &node.fact {
            // Only training sees these.
            Fact::Mask { .. } | Fact::Noise(_) | Fact::Activity { .. } => return Ok(reads[0]),
            Fact::Affine { .. } => Work::Affine {
                kernel: self.weights(node.variables[0]),
                bias: node.variables.get(1).map(|bias| self.weights(*bias)),
            },
            Fact::Elementwise(curve) => {
                let formula = curve.formula().filter(Formula::is_curve);
                let formula = formula.ok_or_else(|| self.unknown(number, curve.name()))?;
                Work::Curve { name: curve.name().to_owned(), formula }
            }
            Fact::Softmax => Work::Softmax,
            Fact::Merge(merge) => Work::Merge(*merge),
            Fact::BatchNorm(norm) => {
                let vector = |variable: usize| self.row_major(node.variables[variable]);
                let ones = |there: bool| if there { vector(0) } else { vec![1.0; form.cols] };
                let statistic = norm.first_statistic();
                // In f64 and rounded once, as the planner's step has it.
                let inverse = |variance: f32| (1.0 / libm::sqrt(f64::from(variance) + norm.epsilon)) as f32;
                let inverses = vector(statistic + 1).into_iter().map(inverse);
                Work::ShiftScale {
                    mean: vector(statistic),
                    scale: inverses.zip(ones(norm.scale)).map(|(inverse, gamma)| inverse * gamma).collect(),
                    shift: if norm.center { vector(usize::from(norm.scale)) } else { vec![0.0; form.cols] },
                }
            }
            Fact::Embed { .. } => Work::Embed { table: self.weights(node.variables[0]) },
            Fact::Rows(function) => {
                let lengths: Vec<usize> = reads.iter().map(|value| self.forms[*value].cols).collect();
                let w: Vec<Vec<f64>> = node.variables.iter().map(|variable| self.wide(*variable)).collect();
                let w: Vec<&[f64]> = w.iter().map(Vec::as_slice).collect();
                let formula = function.formula(&lengths).filter(|formula| {
                    let weights: Vec<usize> = w.iter().map(|w| w.len()).collect();
                    formula.fits(lengths.iter().sum(), &weights, form.cols)
                });
                let formula = formula.ok_or_else(|| self.unknown(number, function.name()))?.bound(&w);
                if reads.len() > 1 {
                    let form = Form { cols: lengths.iter().sum(), ..form };
                    reads = vec![self.push(number, reads, form, Work::Concatenate)];
                }
                if formula.is_identity() {
                    return Ok(reads[0]);
                }
                Work::Rows { name: function.name().to_owned(), formula }
            }
            Fact::Regroup { .. } => Work::Regroup,
        };
        Ok(self.push(number, reads, form, work))
    }

    fn push(&mut self, node: usize, reads: Vec<usize>, form: Form, work: Work) -> usize {
        let (layer, class) = self.built.origins[node].clone();
        self.steps.push(Step { layer, class, reads, work });
        self.forms.push(form);
        self.forms.len() - 1
    }

    fn row_major(&self, variable: usize) -> Vec<f32> {
        self.built.params.variables[variable].weights.to_row_major()
    }

    fn wide(&self, variable: usize) -> Vec<f64> {
        self.row_major(variable).into_iter().map(f64::from).collect()
    }

    /// The place of a variable among the weights.
    fn weights(&mut self, variable: usize) -> usize {
        if let Some(known) = self.of_variable.get(&variable) {
            return *known;
        }
        let built = &self.built.variables[variable];
        let facts = &self.built.network.variables[variable];
        self.weights.push(Weights {
            name: format!("{}/{}", built.layer, built.spec.name),
            rows: facts.rows,
            cols: facts.cols,
            values: self.row_major(variable),
        });
        self.of_variable.insert(variable, self.weights.len() - 1);
        self.weights.len() - 1
    }

    fn unknown(&self, node: usize, function: &str) -> Error {
        let (layer, class) = &self.built.origins[node];
        Error::config(
            format!("layer '{layer}' ({class})"),
            format!(
                "cannot be exported: its function '{function}' states no formula for this shape. Implement `formula` for \
                 it, or leave the layer out"
            ),
        )
    }
}
