//! [`Plan`]: compiled steps with their scratch; the only hot loop.

use crate::execute::{Context, Scratch};
use crate::lower::{OutputLoss, Purpose, lower};
use crate::step::{Gradient, Shown, Step, Value};
use crate::{Form, Link, Network, Optimizer, Params, Passes};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vanilla_kernels::{GradX, Kernels, Live, Panels, Source};

/// The rows of one step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The tables of inputs, rows of each input's width.
    pub x: &'a [Source<'a>],
    /// The tables of targets, one an output, rows of the loss's target width for every row of the output; empty where
    /// there is no loss.
    pub y: &'a [&'a [f32]],
    /// What each sample counts, one table an output; empty, or `None`, where all count 1.
    pub weights: &'a [Option<&'a [f32]>],
    /// The rows of the tables that this batch holds.
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
    /// The gradient of a variable, by its number.
    #[error("the gradient of variable {variable} is not finite")]
    Gradient {
        /// Number of the variable.
        variable: usize,
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
    /// The first product of matrices, under which the next batch's rows are fetched.
    fetches: Option<usize>,
    max_rows: usize,
    seed: u64,
    scratch: Scratch,
    /// Time spent in each step so far, once somebody asked.
    times: Option<Vec<Duration>>,
}

impl Plan {
    /// A training plan; `losses` has one entry an output, none where nothing is learnt from it.
    pub fn train(
        network: &Network,
        losses: &[Option<OutputLoss>],
        optimizer: &Arc<dyn Optimizer>,
        max_rows: usize,
        seed: u64,
        passes: Passes,
    ) -> Self {
        Self::with(network, losses, Purpose::Train, Some(optimizer), max_rows, seed, passes)
    }

    /// A plan that computes outputs and losses, and trains nothing.
    pub fn evaluate(network: &Network, losses: &[Option<OutputLoss>], max_rows: usize, passes: Passes) -> Self {
        Self::with(network, losses, Purpose::Evaluate, None, max_rows, 0, passes)
    }

    /// A plan that computes outputs.
    pub fn predict(network: &Network, max_rows: usize, passes: Passes) -> Self {
        Self::with(network, &[], Purpose::Predict, None, max_rows, 0, passes)
    }

    fn with(
        network: &Network,
        losses: &[Option<OutputLoss>],
        purpose: Purpose,
        optimizer: Option<&Arc<dyn Optimizer>>,
        max_rows: usize,
        seed: u64,
        passes: Passes,
    ) -> Self {
        let fuses = optimizer.is_none_or(|optimizer| optimizer.fuses());
        let (steps, gradients) = lower(network, losses, purpose, fuses);
        let steps = passes.apply(steps, network, max_rows, purpose == Purpose::Train);
        let moves = |step: &Step| {
            use Step::{GradW, MoveStatistics, Update, UpdateAll};
            matches!(step, GradW { .. } | Update { .. } | UpdateAll { .. } | MoveStatistics { .. })
        };
        Self {
            checked: steps.iter().position(moves).unwrap_or(steps.len()),
            fetches: steps.iter().position(|step| matches!(step, Step::Affine { .. })),
            scratch: Scratch::new(network, losses, &steps, &gradients, max_rows),
            network: network.clone(),
            optimizer: optimizer.cloned(),
            steps,
            max_rows,
            seed,
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

    /// Goes on with another optimizer, which keeps the same slots: another learning rate.
    pub fn set_optimizer(&mut self, optimizer: Arc<dyn Optimizer>) {
        self.optimizer = Some(optimizer);
    }

    /// From now on, the first row of the tables is the sample with this number, 0 at first: masks and noise belong to
    /// samples by their numbers. For tables that are parts of larger ones.
    pub fn number_samples_from(&mut self, first: usize) {
        self.scratch.first = first;
    }

    /// The network that was compiled.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// An output of the last batch, `rows groups x cols` of its form.
    pub fn output(&self, number: usize) -> &Panels {
        &self.scratch.values[self.network.outputs[number]]
    }

    /// The targets of an output in the last batch.
    pub fn targets(&self, number: usize) -> &Panels {
        &self.scratch.targets[number]
    }

    /// The loss of each row of an output in the last batch, times the weight of its sample.
    pub fn losses(&self, number: usize) -> &[f32] {
        &self.scratch.losses[number]
    }

    /// Whether a mask leaves out this row of an output in the last batch.
    pub fn is_masked(&self, number: usize, row: usize) -> bool {
        self.scratch.masked[number].get(row).copied().unwrap_or(false)
    }

    /// Whether all rows of an output counted in the last batch.
    pub fn all_count(&self, number: usize) -> bool {
        self.scratch.all_count[number]
    }

    /// The loss of an output in the last batch, without its weight in the sum.
    pub fn reduced_loss(&self, number: usize) -> f32 {
        self.scratch.reduced[number]
    }

    /// What the last function of an output was computed from, if its loss was joined with it, and the function.
    pub fn logits(&self, number: usize) -> Option<(&Panels, Link)> {
        self.steps.iter().find_map(|step| match step {
            Step::Loss { x, number: of, link: Some(link), .. } if *of == number => {
                Some((&self.scratch.values[*x], *link))
            }
            _ => None,
        })
    }

    /// The gradient of the loss by an input in the last batch; empty unless the network asks for it.
    pub fn input_gradient(&self, number: usize) -> &Panels {
        &self.scratch.gradients[number]
    }

    /// All penalties of the last batch, on variables and on values.
    pub fn penalty(&self) -> f32 {
        self.scratch.penalty
    }

    /// Bytes of scratch.
    pub fn scratch_bytes(&self) -> usize {
        self.scratch.bytes()
    }

    /// Runs all steps on one batch and returns the loss: the weighted sum over the outputs of the mean over the rows,
    /// and all penalties (0 without a loss).
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
        let (seed, fetches) = (self.seed, self.fetches);
        let context = Context { kernels, network: &self.network, batch, seed, iteration, fetches };
        let mut loss = 0.0f32;
        for (index, step) in self.steps.iter().enumerate() {
            if index == self.checked {
                let found = if loss.is_finite() {
                    context.check(&self.steps[index..], &self.scratch)
                } else {
                    Err(NotFinite::Loss(loss))
                };
                if let Err(found) = found {
                    self.scratch.restore(params);
                    return Err(found);
                }
            }
            let start = self.times.as_ref().map(|_| Instant::now());
            if let (Some(optimizer), Some(coefficients)) = (&self.optimizer, &coefficients)
                && context.learn(step, &mut self.scratch, params, &**optimizer, coefficients)
            {
            } else {
                loss += context.compute(index, step, &mut self.scratch, params);
            }
            if let (Some(times), Some(start)) = (&mut self.times, start) {
                times[index] += start.elapsed();
            }
        }
        if !loss.is_finite() {
            self.scratch.restore(params);
            return Err(NotFinite::Loss(loss));
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
        let (seed, fetches) = (self.seed, self.fetches);
        let context = Context { kernels, network: &self.network, batch, seed, iteration: 0, fetches };
        let mut loss = 0.0;
        for (index, step) in self.steps.iter().enumerate() {
            loss += context.compute(index, step, &mut self.scratch, params);
        }
        loss
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self.network.inputs.iter().map(usize::to_string).collect();
        let units = self.network.nodes.iter().filter_map(|node| match node.fact {
            crate::Fact::Affine { units, .. } => Some(units.to_string()),
            _ => None,
        });
        let shape = [vec![inputs.join("+")], units.collect()].concat().join("-");
        let optimizer = self.optimizer.as_ref().map_or("", |o| o.name());
        write!(f, "{shape}   rows <= {}", self.max_rows)?;
        if !optimizer.is_empty() {
            write!(f, "   {optimizer}")?;
        }
        writeln!(f, "   scratch {:.1} MiB", self.scratch_bytes() as f64 / (1 << 20) as f64)?;
        for (number, variable) in self.network.variables.iter().enumerate() {
            let title = if number == 0 { "weights   " } else { "          " };
            let frozen = if variable.trainable { "" } else { "   not trained" };
            writeln!(f, "{title} V{number} {} x {}{frozen}", variable.rows, variable.cols)?;
        }
        for step in &self.steps {
            writeln!(f, "{}", Shown(step, optimizer))?;
        }
        Ok(())
    }
}

impl Scratch {
    fn new(
        network: &Network,
        losses: &[Option<OutputLoss>],
        steps: &[Step],
        gradients: &[Value],
        max_rows: usize,
    ) -> Self {
        let forms = network.forms();
        let empty = |count: usize| (0..count).map(|_| Panels::default()).collect::<Vec<_>>();
        let matrix = |value: Value| Panels::zeros(max_rows * forms[value].groups, forms[value].cols);
        let mut s = Self {
            values: empty(forms.len()),
            gradients: empty(gradients.len()),
            live: [(0..forms.len()).map(|_| None).collect(), (0..gradients.len()).map(|_| None).collect()],
            statistics: empty(forms.len()),
            variables: empty(network.variables.len()),
            samples: Vec::with_capacity(max_rows),
            log_sums: Vec::with_capacity(max_rows * forms.iter().map(|form| form.groups).max().unwrap_or(0)),
            ..Self::default()
        };
        for (output, loss) in network.outputs.iter().zip(losses) {
            let form = forms[*output];
            let rows = max_rows * form.groups;
            let width = loss.as_ref().map_or(0, |loss| loss.loss.target_width(form.cols));
            s.targets.push(Panels::zeros(if loss.is_some() { rows } else { 0 }, width));
            s.losses.push(Vec::with_capacity(rows));
            s.reduced.push(0.0);
            s.all_count.push(true);
            s.masked.push(Vec::with_capacity(rows));
        }
        // Rows, as they are handed to code, and variables in row-major order.
        let most = forms.iter().map(|form| form.groups * form.cols).max().unwrap_or(0);
        let joined = network.nodes.iter().map(|node| node.inputs.iter().map(|x| forms[*x].cols).sum());
        let most = joined.max().unwrap_or(0).max(most);
        s.row = [(); 4].map(|()| Vec::with_capacity(most));
        let seen = network.variables.iter().filter(|v| v.regularizer.is_some() || v.constraint.is_some());
        let largest = seen.map(|v| v.rows * v.cols).max().unwrap_or(0);
        s.whole = [(); 2].map(|()| Vec::with_capacity(largest));
        for step in steps {
            let (values, gradient) = written(step);
            if let Some(value) = values {
                s.values[value] = matrix(value);
            }
            if let Some(gradient) = gradient {
                s.gradients[gradient] = matrix(gradients[gradient]);
            }
            let mut turned = None;
            match step {
                Step::Look { value, gradient } => {
                    let Form { groups, cols } = forms[*value];
                    s.live[usize::from(*gradient)][*value] = Some(Live::new(max_rows * groups, cols));
                }
                Step::GradX { x, y, .. } => {
                    let (dx, dy) = (forms[gradients[*x]], forms[*y]);
                    turned = Some(GradX::new(max_rows * dy.groups, dx.cols, dy.cols));
                }
                Step::RowsGrad { dxs, .. } => {
                    for dx in dxs.iter().flatten() {
                        s.gradients[*dx] = matrix(gradients[*dx]);
                    }
                }
                Step::BatchNorm { y, .. } => {
                    s.statistics[*y] = Panels::zeros(crate::norm::STATISTICS, forms[*y].cols)
                }
                Step::Update { variable } => s.store(network, *variable),
                Step::UpdateAll { variables } => variables.iter().for_each(|v| s.store(network, *v)),
                // Also the gradient of one that is not trained, beside one that is.
                Step::GradW { kernel, bias, update: false, .. } => {
                    s.store(network, *kernel);
                    bias.iter().for_each(|bias| s.store(network, *bias));
                }
                Step::Spectral { kernel, spectral } => {
                    for variable in [*kernel, spectral.vector] {
                        let facts = &network.variables[variable];
                        s.before.push((variable, Panels::zeros(facts.rows, facts.cols)));
                    }
                }
                _ => {}
            }
            s.grad_x.push(turned);
        }
        s
    }

    /// A place for the gradient of this variable.
    fn store(&mut self, network: &Network, variable: usize) {
        let facts = &network.variables[variable];
        self.variables[variable] = Panels::zeros(facts.rows, facts.cols);
    }

    fn bytes(&self) -> usize {
        let matrices = self.values.iter().chain(&self.gradients).chain(&self.variables).chain(&self.targets);
        let matrices = matrices.chain(&self.statistics).chain(self.before.iter().map(|(_, panels)| panels));
        let matrices: usize = matrices.map(|panels| size_of_val(panels.flat())).sum();
        let live: usize = self.live.iter().flatten().flatten().map(Live::bytes).sum();
        matrices + live + self.grad_x.iter().flatten().map(GradX::bytes).sum::<usize>()
    }

    /// Puts back what was changed before the loss was known.
    fn restore(&self, params: &mut Params) {
        for (variable, before) in &self.before {
            params.variables[*variable].weights.flat_mut().copy_from_slice(before.flat());
        }
    }
}

/// The value and the gradient that a step writes; [`Step::RowsGrad`] may write several.
fn written(step: &Step) -> (Option<Value>, Option<Gradient>) {
    match step {
        Step::Load { input } => (Some(*input), None),
        Step::Mask { y, backward, .. }
        | Step::Noise { y, backward, .. }
        | Step::Copy { y, backward, .. }
        | Step::Regroup { y, backward, .. } => {
            if *backward {
                (None, Some(*y))
            } else {
                (Some(*y), None)
            }
        }
        Step::Affine { y, .. }
        | Step::Apply { y, .. }
        | Step::Softmax { y, .. }
        | Step::Merge { y, .. }
        | Step::Rows { y, .. }
        | Step::BatchNorm { y, .. }
        | Step::Embed { y, .. } => (Some(*y), None),
        Step::Loss { output, link, dx, .. } => (link.map(|_| *output), *dx),
        Step::MergeGrad { dx, .. } | Step::ActivityGrad { dx, .. } => (None, Some(*dx)),
        Step::BatchNormGrad { dx, .. } => (None, *dx),
        Step::GradX { x, .. } | Step::ApplyGrad { x, .. } | Step::SoftmaxGrad { x, .. } => (None, Some(*x)),
        Step::Spectral { .. }
        | Step::Look { .. }
        | Step::RowsGrad { .. }
        | Step::MoveStatistics { .. }
        | Step::EmbedGrad { .. }
        | Step::Activity { .. }
        | Step::Penalty { .. }
        | Step::Clear { .. }
        | Step::Sum { .. }
        | Step::GradW { .. }
        | Step::Update { .. }
        | Step::UpdateAll { .. }
        | Step::Constrain { .. } => (None, None),
    }
}
