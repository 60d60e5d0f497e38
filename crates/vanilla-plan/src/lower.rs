//! Facts + loss -> the unfused steps: the reference plan. One step a line of the textbook, no cleverness.

use crate::step::{Step, Value};
use crate::{Fact, Loss, Network, Reads};
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

/// The reference plan. Cross-entropies start from the logits where the network ends in their link: that is part of
/// the meaning (the clipped form has no gradient outside its window), not an optimisation.
pub(crate) fn lower(network: &Network, loss: Option<&Arc<dyn Loss>>, purpose: Purpose) -> Vec<Step> {
    let output = network.facts.len();
    let training = purpose == Purpose::Train;
    let loss = if purpose == Purpose::Predict { None } else { loss };
    let link = network.facts.last().and_then(Fact::link).filter(|link| loss.is_some_and(|loss| loss.joins(*link)));
    // With a joined loss the last fact is computed by the loss itself, and the gradient starts at its input.
    let last: Value = if link.is_some() { output - 1 } else { output };

    let mut steps = vec![Step::Load];
    let mut variables = 0;
    let mut affines = Vec::new();
    for (x, fact) in network.facts[..last].iter().enumerate() {
        let y = x + 1;
        steps.push(match fact {
            Fact::Affine { bias, .. } => {
                let kernel = variables;
                let bias = bias.then_some(kernel + 1);
                variables += 1 + usize::from(bias.is_some());
                affines.push((x, y, kernel, bias));
                Step::Affine { x, y, kernel, bias, curve: None }
            }
            Fact::Elementwise(curve) => Step::Apply { x, y, curve: Arc::clone(curve) },
            Fact::Softmax => Step::Softmax { x, y },
            Fact::Mask { rate, .. } if training => Step::Mask { x, y, rate: *rate, stream: x, backward: false },
            Fact::Mask { .. } => Step::Copy { x, y },
        });
    }
    if let Some(loss) = loss {
        steps.push(Step::Loss { x: last, output, loss: Arc::clone(loss), link, gradient: training });
    }
    let Some(&(first, ..)) = affines.first().filter(|_| training) else {
        return steps;
    };

    // Phase one: all deltas, down to the output of the first affine fact. Nobody reads a gradient before that.
    let mut kernels = affines.iter().rev();
    for (x, fact) in network.facts[..last].iter().enumerate().skip(first + 1).rev() {
        let y = x + 1;
        match fact {
            Fact::Affine { .. } => {
                let &(.., kernel, _) = kernels.next().expect("as many affine facts as kernels");
                steps.push(Step::GradX { y, x, kernel, curve: None });
            }
            Fact::Elementwise(curve) => {
                let saved = if curve.reads() == Reads::Output { y } else { x };
                steps.push(Step::ApplyGrad { y, x, curve: Arc::clone(curve), saved });
            }
            Fact::Softmax => steps.push(Step::SoftmaxGrad { y, x }),
            Fact::Mask { rate, .. } => {
                steps.push(Step::Mask { x: y, y: x, rate: *rate, stream: x, backward: true })
            }
        }
    }
    // Phase two: all weight gradients, then all updates.
    for &(x, y, kernel, bias) in affines.iter().rev() {
        steps.push(Step::GradW { x, y, kernel, bias, update: false });
    }
    for &(.., kernel, bias) in affines.iter().rev() {
        steps.push(Step::Update { variable: kernel });
        steps.extend(bias.map(|variable| Step::Update { variable }));
    }
    steps
}
