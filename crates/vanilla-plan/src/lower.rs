//! A network, losses and an optimizer to the unfused steps: the reference plan. One step a line of the textbook, no
//! cleverness.

use crate::network::Node;
use crate::step::{Gradient, Step, Value};
use crate::{Fact, Link, Loss, Network, Reads, Reduction};
use std::sync::Arc;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Forward, loss, gradients, updates.
    Train,
    /// Forward without masks, and the loss.
    Evaluate,
    /// Forward without masks.
    Predict,
}

/// The loss of one output, and what it counts in the sum.
#[derive(Clone, Debug)]
pub struct OutputLoss {
    /// The loss.
    pub loss: Arc<dyn Loss>,
    /// Its weight.
    pub weight: f32,
    /// How rows become one number.
    pub reduction: Reduction,
}

/// The reference plan, and the number of gradients in it. `losses` has one entry an output, none where the output is
/// only looked at. Cross-entropies start from the logits where an output ends in their link: that is part of the
/// meaning (the clipped form has no gradient outside its window), not an optimisation.
pub(crate) fn lower(
    network: &Network,
    losses: &[Option<OutputLoss>],
    purpose: Purpose,
    fuses: bool,
) -> (Vec<Step>, Vec<Gradient>) {
    let mut lowering = Lowering {
        network,
        training: purpose == Purpose::Train,
        steps: Vec::new(),
        wanted: wanted(network),
        parts: vec![Vec::new(); network.forms().len()],
        of: (0..network.forms().len()).collect(),
        stored: stored(network),
        fuses,
    };
    lowering.forward(losses);
    if purpose != Purpose::Predict {
        lowering.losses(losses);
        lowering.penalties();
    }
    if lowering.training {
        lowering.deltas();
        lowering.updates();
    }
    (lowering.steps, lowering.of)
}

/// Whether somebody wants the gradient by each value: a trainable variable is moved by it.
fn wanted(network: &Network) -> Vec<bool> {
    let mut wanted = vec![network.input_gradients; network.inputs.len()];
    for node in &network.nodes {
        let differentiable = match &node.fact {
            Fact::Rows(function) => function.differentiable(),
            Fact::Embed { .. } => false,
            _ => true,
        };
        let above = differentiable && node.inputs.iter().any(|value| wanted[*value]);
        wanted.push(above || trains(network, node));
    }
    wanted
}

/// Whether the optimizer moves a variable of this node.
fn trains(network: &Network, node: &Node) -> bool {
    node.variables.iter().any(|variable| network.variables[*variable].trainable)
}

/// The variables whose gradient is stored and added to: by several nodes, by code, or by a penalty. The gradient of
/// any other is a single product.
fn stored(network: &Network) -> Vec<bool> {
    let mut uses = vec![0; network.variables.len()];
    for node in &network.nodes {
        let alone = matches!(node.fact, Fact::Affine { .. })
            && node.variables.iter().all(|v| network.variables[*v].trainable && penalty(network, *v).is_none());
        for variable in &node.variables {
            uses[*variable] += if alone { 1 } else { 2 };
        }
    }
    // A kernel and its bias are done in one step.
    let mut stored: Vec<bool> = uses.iter().map(|uses| *uses > 1).collect();
    for node in network.nodes.iter().filter(|node| matches!(node.fact, Fact::Affine { .. })) {
        if node.variables.iter().any(|variable| stored[*variable]) {
            node.variables.iter().for_each(|variable| stored[*variable] = true);
        }
    }
    stored
}

/// The penalty of a variable, if it counts: on trainable ones only, as in Keras.
fn penalty(network: &Network, variable: usize) -> Option<&str> {
    let facts = &network.variables[variable];
    facts.regularizer.as_ref().filter(|_| facts.trainable).map(|regularizer| regularizer.name())
}

struct Lowering<'a> {
    network: &'a Network,
    training: bool,
    steps: Vec<Step>,
    wanted: Vec<bool>,
    /// The gradients that readers of each value have written so far.
    parts: Vec<Vec<Gradient>>,
    /// The value that each gradient belongs to.
    of: Vec<Value>,
    stored: Vec<bool>,
    /// Whether the optimizer moves each variable on its own.
    fuses: bool,
}

impl Lowering<'_> {
    /// The input of the node that a loss computes itself, and which function that is.
    fn joined(&self, output: Value, loss: &Option<OutputLoss>) -> Option<(Value, Link)> {
        let node = self.network.node(output)?;
        let link = node.fact.link().filter(|link| loss.as_ref().is_some_and(|loss| loss.loss.joins(*link)))?;
        Some((node.inputs[0], link))
    }

    fn forward(&mut self, losses: &[Option<OutputLoss>]) {
        let network = self.network;
        self.steps.extend((0..network.inputs.len()).map(|input| Step::Load { input }));
        if self.training {
            for (kernel, facts) in network.variables.iter().enumerate().filter(|(_, facts)| facts.trainable) {
                self.steps.extend(facts.spectral.map(|spectral| Step::Spectral { kernel, spectral }));
            }
        }
        // What a loss computes itself, unless somebody else reads it before.
        let read = |value: Value| network.nodes.iter().any(|node| node.inputs.contains(&value));
        let by_loss: Vec<Value> = network
            .outputs
            .iter()
            .zip(losses)
            .filter(|(output, loss)| !read(**output) && self.joined(**output, loss).is_some())
            .map(|(output, _)| *output)
            .collect();
        for (i, node) in network.nodes.iter().enumerate() {
            let y = network.value(i);
            if !by_loss.contains(&y) {
                let step = self.step(i, node, y);
                self.steps.push(step);
                if let Fact::Activity { l1, l2 } = node.fact
                    && !losses.is_empty()
                {
                    self.steps.push(Step::Activity { x: node.inputs[0], l1, l2 });
                }
            }
        }
    }

    /// A node forward.
    fn step(&self, stream: usize, node: &Node, y: Value) -> Step {
        let x = node.inputs[0];
        match &node.fact {
            Fact::Affine { bias, .. } => {
                let bias = bias.then(|| node.variables[1]);
                Step::Affine { x, y, kernel: node.variables[0], bias, curve: None }
            }
            Fact::Elementwise(curve) => Step::Apply { x, y, curve: Arc::clone(curve) },
            Fact::Softmax => Step::Softmax { x, y },
            Fact::Mask { rate } if self.training => Step::Mask { x, y, rate: *rate, stream, backward: false },
            Fact::Noise(noise) if self.training => Step::Noise { x, y, noise: *noise, stream, backward: false },
            Fact::Mask { .. } | Fact::Noise(_) | Fact::Activity { .. } => Step::Copy { x, y, backward: false },
            Fact::Merge(merge) => Step::Merge { xs: node.inputs.clone(), y, merge: *merge },
            Fact::BatchNorm(norm) => {
                let batch = self.training && !norm.frozen;
                Step::BatchNorm { x, y, norm: *norm, variables: node.variables.clone(), batch }
            }
            Fact::Embed { .. } => Step::Embed { x, y, table: node.variables[0] },
            Fact::Rows(function) => Step::Rows {
                xs: node.inputs.clone(),
                y,
                function: Arc::clone(function),
                weights: node.variables.clone(),
            },
            Fact::Regroup { .. } => Step::Regroup { x, y, backward: false },
        }
    }

    fn losses(&mut self, losses: &[Option<OutputLoss>]) {
        for (number, (&output, loss)) in self.network.outputs.iter().zip(losses).enumerate() {
            let Some(OutputLoss { loss: function, weight, reduction }) = loss else { continue };
            // With a joined loss the last fact is computed by the loss, and the gradient starts at its input.
            let (x, link) = match self.joined(output, loss) {
                Some((x, link)) => (x, Some(link)),
                None => (output, None),
            };
            let dx = if self.training { self.into(x) } else { None };
            let loss = Arc::clone(function);
            let (weight, reduction) = (*weight, *reduction);
            self.steps.push(Step::Loss { x, output, number, loss, weight, reduction, link, dx });
        }
    }

    fn penalties(&mut self) {
        for variable in 0..self.network.variables.len() {
            if let Some(name) = penalty(self.network, variable) {
                let (name, gradient) = (name.to_owned(), self.training);
                self.steps.push(Step::Penalty { variable, name, gradient });
            } else if self.training && self.stored[variable] && self.network.variables[variable].trainable {
                self.steps.push(Step::Clear { variable });
            }
        }
    }

    /// A gradient for one more reader of this value to write: the first writes where the sum will be.
    fn part(&mut self, value: Value) -> Gradient {
        let number = if self.parts[value].is_empty() {
            value
        } else {
            self.of.push(value);
            self.of.len() - 1
        };
        self.parts[value].push(number);
        number
    }

    /// As [`Lowering::part`], if anybody wants it.
    fn into(&mut self, value: Value) -> Option<Gradient> {
        self.wanted[value].then(|| self.part(value))
    }

    /// Phase one: all deltas. Nobody reads the gradient of what no trainable variable has touched.
    fn deltas(&mut self) {
        let network = self.network;
        for (i, node) in network.nodes.iter().enumerate().rev() {
            let y = network.value(i);
            if !self.wanted[y] {
                continue;
            }
            match self.parts[y].as_slice() {
                // Nothing that reads it leads to a loss.
                [] => continue,
                [_] => {}
                parts => {
                    let parts = parts.to_vec();
                    self.steps.push(Step::Sum { value: y, parts });
                }
            }
            self.delta(i, node, y);
        }
        for input in 0..network.inputs.len() {
            if self.parts[input].len() > 1 {
                let parts = self.parts[input].clone();
                self.steps.push(Step::Sum { value: input, parts });
            }
        }
    }

    /// A node backward.
    fn delta(&mut self, stream: usize, node: &Node, y: Value) {
        let x = node.inputs[0];
        let trains = trains(self.network, node);
        let step = match &node.fact {
            Fact::Merge(merge) => {
                let xs = &node.inputs;
                for (at, &value) in xs.iter().enumerate() {
                    if let Some(dx) = self.into(value) {
                        self.steps.push(Step::MergeGrad { xs: xs.clone(), y, at, dx, merge: *merge });
                    }
                }
                return;
            }
            Fact::Rows(function) => {
                let differentiable = function.differentiable();
                let dxs: Vec<_> = node
                    .inputs
                    .iter()
                    .map(|value| if differentiable { self.into(*value) } else { None })
                    .collect();
                let weights = node.variables.iter().map(|v| (*v, self.network.variables[*v].trainable));
                let (xs, function) = (node.inputs.clone(), Arc::clone(function));
                Some(Step::RowsGrad { xs, y, dxs, function, weights: weights.collect() })
            }
            Fact::BatchNorm(norm) => {
                let (dx, variables, batch) = (self.into(x), node.variables.clone(), !norm.frozen);
                Some(Step::BatchNormGrad { x, y, dx, norm: *norm, variables, batch, trainable: trains })
            }
            Fact::Embed { .. } => Some(Step::EmbedGrad { x, y, table: node.variables[0] }),
            Fact::Affine { .. } => {
                self.into(x).map(|dx| Step::GradX { y, x: dx, kernel: node.variables[0], curve: None })
            }
            Fact::Elementwise(curve) => {
                let saved = if curve.reads() == Reads::Output { y } else { x };
                self.into(x).map(|dx| Step::ApplyGrad { y, x: dx, curve: Arc::clone(curve), saved })
            }
            Fact::Softmax => self.into(x).map(|dx| Step::SoftmaxGrad { y, x: dx }),
            Fact::Mask { rate } => {
                self.into(x).map(|dx| Step::Mask { x: y, y: dx, rate: *rate, stream, backward: true })
            }
            Fact::Noise(noise) => {
                self.into(x).map(|dx| Step::Noise { x: y, y: dx, noise: *noise, stream, backward: true })
            }
            Fact::Activity { l1, l2 } => self.into(x).map(|dx| Step::ActivityGrad { x, y, dx, l1: *l1, l2: *l2 }),
            Fact::Regroup { .. } => self.into(x).map(|dx| Step::Regroup { x: y, y: dx, backward: true }),
        };
        self.steps.extend(step);
    }

    /// Phase two: all weight gradients, then all updates.
    fn updates(&mut self) {
        let network = self.network;
        let reached = |i: usize| !self.parts[network.value(i)].is_empty();
        let nodes =
            network.nodes.iter().enumerate().rev().filter(|(i, node)| reached(*i) && trains(network, node));
        let nodes: Vec<(usize, &Node)> = nodes.collect();
        for (i, node) in &nodes {
            if let Fact::Affine { bias, .. } = node.fact {
                let (x, y, kernel) = (node.inputs[0], network.value(*i), node.variables[0]);
                let (bias, add) = (bias.then(|| node.variables[1]), self.stored[kernel]);
                self.steps.push(Step::GradW { x, y, kernel, bias, update: false, add });
            }
        }
        let mut done = Vec::new();
        for (_, node) in &nodes {
            for &variable in &node.variables {
                if network.variables[variable].trainable && !done.contains(&variable) {
                    done.push(variable);
                }
            }
        }
        if self.fuses {
            self.steps.extend(done.iter().map(|&variable| Step::Update { variable }));
        } else {
            // Sums over all gradients are taken in the order of the variables.
            let mut variables = done.clone();
            variables.sort_unstable();
            self.steps.push(Step::UpdateAll { variables });
        }
        for (i, node) in network.nodes.iter().enumerate() {
            if let Fact::BatchNorm(norm) = &node.fact
                && !norm.frozen
            {
                let first = norm.first_statistic();
                let (mean, variance) = (node.variables[first], node.variables[first + 1]);
                let y = network.value(i);
                self.steps.push(Step::MoveStatistics { y, momentum: norm.momentum, mean, variance });
            }
        }
        for variable in done {
            if let Some(constraint) = &network.variables[variable].constraint {
                self.steps.push(Step::Constrain { variable, name: constraint.name().to_owned() });
            }
        }
    }
}
