//! [`Plan`]: compiled steps with their scratch; the only hot loop.

use crate::execute::{Context, Scratch};
use crate::lower::{Purpose, lower};
use crate::step::{Shown, Step, Value};
use crate::{Loss, Network, Optimizer, Params, Passes};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vanilla_kernels::{GradX, Kernels, Live, Panels, Source};

/// The rows of one step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The table of inputs, rows of the network's input width.
    pub x: Source<'a>,
    /// The table of targets, rows of the loss's target width; `None` where there is no loss.
    pub y: Option<&'a [f32]>,
    /// The rows of both tables that this batch holds.
    pub rows: &'a [usize],
    /// The rows of the batch after this one, if they are known: they are fetched meanwhile.
    pub next: &'a [usize],
}

/// What is not finite in a batch. No weight was touched.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotFinite {
    /// The loss.
    #[error("the loss is {0}")]
    Loss(f32),
    /// The gradient of a kernel, by its number among the variables.
    #[error("the gradient of variable {kernel}, a kernel, is not finite")]
    Gradient {
        /// Number of the kernel among the variables.
        kernel: usize,
    },
}

/// A compiled network: steps, and the scratch that they run in. Weights stay with their [`Params`].
///
/// Compiling is the last thing that allocates: running a batch of at most as many rows as an earlier one does not.
#[derive(Debug)]
pub struct Plan {
    network: Network,
    optimizer: Option<Arc<dyn Optimizer>>,
    steps: Vec<Step>,
    /// The first step that needs all deltas: before it they are checked.
    checked: usize,
    max_rows: usize,
    seed: u64,
    scratch: Scratch,
    /// Time spent in each step so far, once somebody asked.
    times: Option<Vec<Duration>>,
}

impl Plan {
    /// A training plan.
    pub fn train(
        network: &Network,
        loss: &Arc<dyn Loss>,
        optimizer: &Arc<dyn Optimizer>,
        max_rows: usize,
        seed: u64,
        passes: Passes,
    ) -> Self {
        let steps = passes.apply(lower(network, Some(loss), Purpose::Train), network, max_rows, true);
        Self::with(network, Some(loss), Some(optimizer), steps, max_rows, seed)
    }

    /// A plan that computes outputs and the loss, and trains nothing.
    pub fn evaluate(network: &Network, loss: &Arc<dyn Loss>, max_rows: usize, passes: Passes) -> Self {
        let steps = passes.apply(lower(network, Some(loss), Purpose::Evaluate), network, max_rows, false);
        Self::with(network, Some(loss), None, steps, max_rows, 0)
    }

    /// A plan that computes outputs.
    pub fn predict(network: &Network, max_rows: usize, passes: Passes) -> Self {
        let steps = passes.apply(lower(network, None, Purpose::Predict), network, max_rows, false);
        Self::with(network, None, None, steps, max_rows, 0)
    }

    fn with(
        network: &Network,
        loss: Option<&Arc<dyn Loss>>,
        optimizer: Option<&Arc<dyn Optimizer>>,
        steps: Vec<Step>,
        max_rows: usize,
        seed: u64,
    ) -> Self {
        let widths = network.widths();
        let count = widths.len();
        let empty = || (0..count).map(|_| Panels::default()).collect::<Vec<_>>();
        let target = loss.map_or(0, |loss| loss.target_width(network.outputs()));
        let mut scratch = Scratch {
            values: empty(),
            gradients: empty(),
            live: [(); 2].map(|()| (0..count).map(|_| None).collect()),
            targets: Panels::zeros(max_rows, target),
            losses: Vec::with_capacity(max_rows),
            samples: Vec::with_capacity(max_rows),
            row: [target, network.outputs(), network.outputs()].map(|width| vec![0.0; width]),
            ..Scratch::default()
        };
        for step in &steps {
            let (values, gradients) = written(step);
            for value in values {
                scratch.values[value] = Panels::zeros(max_rows, widths[value]);
            }
            for value in gradients {
                scratch.gradients[value] = Panels::zeros(max_rows, widths[value]);
            }
            if let Step::Look { value, gradient } = step {
                scratch.live[usize::from(*gradient)][*value] = Some(Live::new(max_rows, widths[*value]));
            }
            scratch.grad_x.push(match step {
                Step::GradX { x, y, .. } => Some(GradX::new(max_rows, widths[*x], widths[*y])),
                _ => None,
            });
        }
        if steps.iter().any(|step| matches!(step, Step::Update { .. })) {
            scratch.variables =
                network.variables().iter().map(|&(rows, cols)| Panels::zeros(rows, cols)).collect();
        }
        let gradients = steps.iter().position(|step| matches!(step, Step::GradW { .. }));
        let checked = gradients.unwrap_or(steps.len());
        Self {
            network: network.clone(),
            optimizer: optimizer.cloned(),
            steps,
            checked,
            max_rows,
            seed,
            scratch,
            times: None,
        }
    }

    /// From now on, adds up the time that each step takes.
    pub fn measure(&mut self) {
        self.times = Some(vec![Duration::ZERO; self.steps.len()]);
    }

    /// The time spent in each of [`Plan::steps`] since [`Plan::measure`], if that was called.
    pub fn times(&self) -> Option<&[Duration]> {
        self.times.as_deref()
    }

    /// The network that was compiled.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The outputs of the last batch, `rows x outputs`.
    pub fn outputs(&self) -> &Panels {
        &self.scratch.values[self.network.facts.len()]
    }

    /// The targets of the last batch, `rows x target width`.
    pub fn targets(&self) -> &Panels {
        &self.scratch.targets
    }

    /// The loss of each row of the last batch.
    pub fn losses(&self) -> &[f32] {
        &self.scratch.losses
    }

    /// Bytes of scratch.
    pub fn scratch_bytes(&self) -> usize {
        let s = &self.scratch;
        let matrices = s.values.iter().chain(&s.gradients).chain(&s.variables).chain([&s.targets]);
        let matrices: usize = matrices.map(|panels| size_of_val(panels.flat())).sum();
        let live: usize = s.live.iter().flatten().flatten().map(Live::bytes).sum();
        matrices + live + s.grad_x.iter().flatten().map(GradX::bytes).sum::<usize>()
    }

    /// Runs all steps on one batch and returns the mean loss over its rows (0 without a loss).
    ///
    /// # Errors
    /// When the loss or a gradient is not finite. Nothing was updated then.
    ///
    /// # Panics
    /// If tables, variables and slots do not have the network's and the optimizer's shapes; the caller checks data
    /// once, before the first step.
    pub fn run(&mut self, kernels: &Kernels, params: &mut Params, batch: Batch<'_>) -> Result<f32, NotFinite> {
        let iteration = params.iterations + 1;
        let coefficients = self.optimizer.as_deref().map(|optimizer| optimizer.coefficients(iteration));
        let context = Context { kernels, batch, seed: self.seed, iteration };
        let mut loss = 0.0;
        for (index, step) in self.steps.iter().enumerate() {
            if index == self.checked {
                context.check(&self.steps[index..], &self.scratch)?;
            }
            let start = self.times.as_ref().map(|_| Instant::now());
            if let (Some(optimizer), Some(coefficients)) = (&self.optimizer, &coefficients)
                && context.learn(step, &mut self.scratch, params, &**optimizer, coefficients)
            {
            } else if let Some(value) = context.compute(index, step, &mut self.scratch, params) {
                if !value.is_finite() {
                    return Err(NotFinite::Loss(value));
                }
                loss = value;
            }
            if let (Some(times), Some(start)) = (&mut self.times, start) {
                times[index] += start.elapsed();
            }
        }
        if self.optimizer.is_some() {
            params.iterations = iteration;
        }
        Ok(loss)
    }

    /// As [`Plan::run`] for a plan without updates, whose weights are only read. A loss that is not finite is
    /// returned as it is.
    ///
    /// # Panics
    /// As [`Plan::run`], and if the plan trains.
    pub fn run_frozen(&mut self, kernels: &Kernels, params: &Params, batch: Batch<'_>) -> f32 {
        assert!(self.optimizer.is_none(), "a training plan moves its weights");
        let context = Context { kernels, batch, seed: self.seed, iteration: 0 };
        let mut loss = 0.0;
        for (index, step) in self.steps.iter().enumerate() {
            loss = context.compute(index, step, &mut self.scratch, params).unwrap_or(loss);
        }
        loss
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.network.widths();
        let affine = |w: &[(usize, &crate::Fact)]| w.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>();
        let units: Vec<_> = widths[1..]
            .iter()
            .copied()
            .zip(&self.network.facts)
            .filter(|(_, fact)| matches!(fact, crate::Fact::Affine { .. }))
            .collect();
        let shape = [vec![self.network.inputs.to_string()], affine(&units)].concat().join("-");
        let optimizer = self.optimizer.as_ref().map_or("", |o| o.name());
        write!(f, "{shape}   rows <= {}", self.max_rows)?;
        if !optimizer.is_empty() {
            write!(f, "   {optimizer}")?;
        }
        writeln!(f, "   scratch {:.1} MiB", self.scratch_bytes() as f64 / (1 << 20) as f64)?;
        for (variable, (rows, cols)) in self.network.variables().iter().enumerate() {
            writeln!(
                f,
                "{} V{variable} {rows} x {cols}",
                if variable == 0 { "weights   " } else { "          " }
            )?;
        }
        for step in &self.steps {
            writeln!(f, "{}", Shown(step, optimizer))?;
        }
        Ok(())
    }
}

/// The values and gradients that a step writes.
fn written(step: &Step) -> (Vec<Value>, Vec<Value>) {
    match step {
        Step::Load => (vec![0], vec![]),
        Step::Affine { y, .. } | Step::Apply { y, .. } | Step::Softmax { y, .. } | Step::Copy { y, .. } => {
            (vec![*y], vec![])
        }
        Step::Mask { y, backward: false, .. } => (vec![*y], vec![]),
        Step::Mask { y, .. } => (vec![], vec![*y]),
        Step::Loss { x, output, link, gradient, .. } => {
            (link.map(|_| *output).into_iter().collect(), gradient.then_some(*x).into_iter().collect())
        }
        Step::GradX { x, .. } | Step::ApplyGrad { x, .. } | Step::SoftmaxGrad { x, .. } => (vec![], vec![*x]),
        Step::Look { .. } | Step::GradW { .. } | Step::Update { .. } => (vec![], vec![]),
    }
}
