//! [`Params`]: the packed weights and optimizer slots, their only owner.

use crate::{Network, Optimizer, Slot, Start};
use vanilla_kernels::{Panels, Target};

/// One kernel or bias with its optimizer slots.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The weights; a bias is a single row.
    pub weights: Panels,
    /// The optimizer's values for each weight; empty until an optimizer was attached, and where it moves nothing.
    pub slots: Vec<Panels>,
    /// Whether the optimizer moves it.
    pub trainable: bool,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Variable {
    /// A slot as it starts.
    fn start(&self, slot: &Slot) -> Panels {
        if let Start::Weights = slot.start {
            return self.weights.clone();
        }
        let cols = slot.shape.last().copied().unwrap_or(1);
        // A slot of the variable's shape lies as the variable does.
        let (rows, cols) = if slot.shape == self.shape {
            (self.weights.rows(), self.weights.cols())
        } else {
            (slot.shape.iter().product::<usize>() / cols.max(1), cols)
        };
        let mut panels = Panels::zeros(rows, cols);
        if let Start::At(value) = slot.start
            && value != 0.0
        {
            panels.flat_mut().fill(value);
        }
        panels
    }

    /// All of it, to be updated.
    pub(crate) fn target(&mut self) -> Target<'_> {
        Target { weights: &mut self.weights, slots: &mut self.slots }
    }
}

/// All variables of a network, in its order.
///
/// Params belong to the model. Plans borrow them and own only scratch, so training, evaluation and prediction see
/// the same weights and nothing is kept twice.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The variables.
    pub variables: Vec<Variable>,
    /// Optimizer steps done so far.
    pub iterations: u64,
}

impl Params {
    /// Zero weights for this network, without slots.
    pub fn zeros(network: &Network) -> Self {
        let variables = network.variables.iter().map(|facts| Variable {
            weights: Panels::zeros(facts.rows, facts.cols),
            slots: Vec::new(),
            trainable: facts.trainable,
            shape: facts.shape.clone(),
        });
        Self { variables: variables.collect(), iterations: 0 }
    }

    /// Gives every trainable variable the slots that this optimizer keeps, as they start, and starts its count at zero.
    pub fn attach(&mut self, optimizer: &dyn Optimizer) {
        self.iterations = 0;
        for (number, variable) in self.variables.iter_mut().enumerate() {
            let slots = if variable.trainable { optimizer.slots(number, &variable.shape) } else { Vec::new() };
            variable.slots = slots.into_iter().map(|slot| variable.start(&slot)).collect();
        }
    }

    /// Number of weights.
    pub fn count(&self) -> usize {
        self.variables.iter().map(|v| v.weights.rows() * v.weights.cols()).sum()
    }
}
