//! [`Network`]: what is to be computed, as a graph of facts over values and variables.

use crate::{Constraint, Fact, Regularizer, Value};
use std::sync::Arc;

/// The matrix of a value: with b samples in a batch it has `b groups` rows. The rows of a sample stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Rows of a sample: 1 where a sample is a vector.
    pub groups: usize,
    /// Columns.
    pub cols: usize,
}

/// A fact at its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub fact: Fact,
    /// The values that it reads.
    pub inputs: Vec<Value>,
    /// Numbers of its variables.
    pub variables: Vec<usize>,
}

/// A variable, before it has a value.
#[derive(Clone, Debug)]
pub struct VariableFacts {
    /// Rows of its matrix.
    pub rows: usize,
    /// Columns of its matrix.
    pub cols: usize,
    /// Whether the optimizer moves it.
    pub trainable: bool,
    /// The shape that regularizers and constraints see; its elements are those of the matrix, row-major.
    pub shape: Vec<usize>,
    /// Its penalty.
    pub regularizer: Option<Arc<dyn Regularizer>>,
    /// What holds after each step.
    pub constraint: Option<Arc<dyn Constraint>>,
    /// Before each training step it is divided by its largest singular value.
    pub spectral: Option<Spectral>,
}

/// How a largest singular value is found: Miyato et al. 2018, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spectral {
    /// Number of the variable that holds the estimate of the right singular vector.
    pub vector: usize,
    /// Power iterations a step.
    pub iterations: usize,
}

impl VariableFacts {
    /// A trainable matrix of this shape, without penalty or constraint.
    pub fn matrix(rows: usize, cols: usize) -> Self {
        let shape = vec![rows, cols];
        Self { rows, cols, trainable: true, shape, regularizer: None, constraint: None, spectral: None }
    }
}

/// A network: values 0, 1, … are its inputs, the next ones what its nodes give, in their order.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Columns of each input.
    pub inputs: Vec<usize>,
    /// Each reads only inputs and what earlier nodes give.
    pub nodes: Vec<Node>,
    /// The values that are the network's outputs.
    pub outputs: Vec<Value>,
    /// For each output, the value that says which of its rows count: those where it is not 0. Empty where all do.
    pub masks: Vec<Option<Value>>,
    /// All variables.
    pub variables: Vec<VariableFacts>,
    /// Whether training computes the gradients by the inputs, too; otherwise nobody does.
    pub input_gradients: bool,
    /// The form of every value.
    forms: Vec<Form>,
}

impl Network {
    /// A network with inputs of these widths, and nothing else yet.
    pub fn new(inputs: impl Into<Vec<usize>>) -> Self {
        let inputs = inputs.into();
        let forms = inputs.iter().map(|&cols| Form { groups: 1, cols }).collect();
        Self { inputs, forms, ..Self::default() }
    }

    /// A network with one input and one output: the facts one after the other, each with variables of its own.
    pub fn chain(inputs: usize, facts: Vec<Fact>) -> Self {
        let mut network = Self::new([inputs]);
        let mut value = 0;
        for fact in facts {
            let first = network.variables.len();
            let shapes = fact.variables(&[network.form(value)]);
            network.variables.extend(shapes.iter().map(|&(rows, cols)| VariableFacts::matrix(rows, cols)));
            if let Fact::BatchNorm(norm) = &fact {
                for statistic in &mut network.variables[first + norm.first_statistic()..] {
                    statistic.trainable = false;
                }
            }
            let variables: Vec<usize> = (first..network.variables.len()).collect();
            value = network.push(fact, vec![value], variables);
        }
        network.outputs = vec![value];
        network
    }

    /// Shapes `(rows, cols)` of the variables of facts that are put one after the other behind these values.
    pub fn shapes(&self, inputs: &[Value], facts: &[Fact]) -> Vec<(usize, usize)> {
        let mut forms: Vec<Form> = inputs.iter().map(|value| self.form(*value)).collect();
        let mut shapes = Vec::new();
        for fact in facts {
            if let Fact::Regroup { .. } = fact {
                forms.iter_mut().for_each(|form| *form = fact.form(&[*form]));
            } else {
                shapes.extend(fact.variables(&forms));
                forms = vec![fact.form(&forms)];
            }
        }
        shapes
    }

    /// Puts facts one after the other behind these values; the first reads all of them, and so does a regrouping before
    /// it. A fact takes as many of the variables as it has. Returns the last value.
    ///
    /// # Panics
    /// If there is no value, or there are fewer variables than the facts have.
    pub fn extend(&mut self, inputs: &[Value], facts: &[Fact], variables: &[usize]) -> Value {
        let mut values = inputs.to_vec();
        let mut variables = variables.iter().copied();
        for fact in facts {
            if let Fact::Regroup { groups } = *fact {
                values.iter_mut().for_each(|value| *value = self.regroup(*value, groups));
                continue;
            }
            let forms: Vec<Form> = values.iter().map(|value| self.form(*value)).collect();
            let count = fact.variables(&forms).len();
            let mine: Vec<usize> = variables.by_ref().take(count).collect();
            assert_eq!(mine.len(), count, "variables of {fact:?}");
            values = vec![self.push(fact.clone(), values, mine)];
        }
        values[0]
    }

    /// Numbers the variables anew: the first is then the one that `order` names first.
    ///
    /// # Panics
    /// If `order` does not name each variable once.
    pub fn order_variables(&mut self, order: &[usize]) {
        assert_eq!(order.len(), self.variables.len(), "an order of all variables");
        let mut number = vec![usize::MAX; order.len()];
        order.iter().enumerate().for_each(|(new, old)| number[*old] = new);
        self.variables = order.iter().map(|old| self.variables[*old].clone()).collect();
        for spectral in self.variables.iter_mut().filter_map(|variable| variable.spectral.as_mut()) {
            spectral.vector = number[spectral.vector];
        }
        for variable in self.nodes.iter_mut().flat_map(|node| &mut node.variables) {
            *variable = number[*variable];
        }
    }

    /// The value with this many rows a sample.
    pub fn regroup(&mut self, value: Value, groups: usize) -> Value {
        if self.form(value).groups == groups {
            return value;
        }
        self.push(Fact::Regroup { groups }, vec![value], Vec::new())
    }

    /// Appends a node; returns its value.
    pub fn push(&mut self, fact: Fact, inputs: Vec<Value>, variables: Vec<usize>) -> Value {
        let forms: Vec<Form> = inputs.iter().map(|value| self.forms[*value]).collect();
        self.forms.push(fact.form(&forms));
        self.nodes.push(Node { fact, inputs, variables });
        self.inputs.len() + self.nodes.len() - 1
    }

    /// The node that gives this value; none gives an input.
    pub fn node(&self, value: Value) -> Option<&Node> {
        self.nodes.get(value.checked_sub(self.inputs.len())?)
    }

    /// The value that this node gives.
    pub fn value(&self, node: usize) -> Value {
        self.inputs.len() + node
    }

    /// The form of every value.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// The form of this value.
    pub fn form(&self, value: Value) -> Form {
        self.forms[value]
    }

    /// Floating-point operations of the matrix products of one training step with this many rows.
    pub fn flop(&self, rows: usize) -> u64 {
        let affine = self.nodes.iter().filter_map(|node| match node.fact {
            Fact::Affine { units, .. } => {
                let x = self.form(node.inputs[0]);
                Some((rows * x.groups * x.cols * units) as u64)
            }
            _ => None,
        });
        // Forward, weight gradient, and (but for the first) input gradient.
        affine.enumerate().map(|(i, products)| products * if i == 0 { 4 } else { 6 }).sum()
    }

    /// Threads worth using for steps of this many rows, at most `available`: below a few million operations waking a
    /// second thread costs more than it brings (a step of 1.2 MFLOP takes 21 us with one, 26 us with two). In training
    /// the update of a weight counts as 32 operations: it takes as long.
    pub fn threads(&self, rows: usize, training: bool, available: usize) -> usize {
        let weights: usize = self.variables.iter().map(|v| v.rows * v.cols).sum();
        let updates = if training { 32 * weights as u64 } else { 0 };
        if self.flop(rows) + updates < 4_000_000 { 1 } else { available.max(1) }
    }
}
