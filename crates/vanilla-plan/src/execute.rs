//! What each step does, on one batch.

use crate::noise::Draw;
use crate::run::{Batch, NotFinite};
use crate::step::Step;
use crate::{
    Coefficients, Curve, Joined, Link, Loss, Network, Optimizer, Params, Reads, Reduction, WholeStep, merge, norm,
    rows,
};
use std::mem::take;
use std::ops::Range;
use vanilla_kernels::{GradX, Kernels, Live, Panels, Source, Target, Update};

/// What a plan works in. A matrix that no step writes stays empty.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// `x_i`, where a step writes it; else empty.
    pub values: Vec<Panels>,
    /// `d_i`.
    pub gradients: Vec<Panels>,
    /// Where `x_i` and where `d_i` is not zero, if a step looks.
    pub live: [Vec<Option<Live>>; 2],
    /// What each step needs to turn matrices, if it does.
    pub grad_x: Vec<Option<GradX>>,
    /// What a normalisation knows of its columns, by its output.
    pub statistics: Vec<Panels>,
    /// `g_v`, gradients of whole variables, where no update is fused.
    pub variables: Vec<Panels>,
    /// By output.
    pub targets: Vec<Panels>,
    /// Loss of each row of the last batch, by output.
    pub losses: Vec<Vec<f32>>,
    /// Logarithms of the sums of softmaxes, by row.
    pub log_sums: Vec<f32>,
    /// Rows that a mask leaves out, by output; empty where there is none.
    pub masked: Vec<Vec<bool>>,
    /// What they became, by output.
    pub reduced: Vec<f32>,
    /// Whether every row counted, by output.
    pub all_count: Vec<bool>,
    /// Targets, predictions and gradient of a loss of the whole batch.
    pub whole_batch: [Vec<f32>; 3],
    /// Sample numbers of the last batch: masks depend on them, not on places in the batch.
    pub samples: Vec<usize>,
    /// Number of the sample in the tables' first row.
    pub first: usize,
    /// Single rows.
    pub row: [Vec<f32>; 4],
    /// The optimizer's.
    pub spare: Vec<Vec<f32>>,
    /// A variable and its gradient in row-major order.
    pub whole: [Vec<f32>; 2],
    /// All penalties of the last batch.
    pub penalty: f32,
    /// Variables that are changed before the loss is known, as they were.
    pub before: Vec<(usize, Panels)>,
}

/// Which loss it is.
#[derive(Clone, Copy)]
struct Of {
    x: usize,
    output: usize,
    number: usize,
    link: Option<Link>,
    reduction: Reduction,
}

/// The circumstances of one run over the steps.
pub(crate) struct Context<'a> {
    pub kernels: &'a Kernels,
    pub network: &'a Network,
    pub batch: Batch<'a>,
    pub seed: u64,
    pub iteration: u64,
    /// The step that fetches the next batch's rows meanwhile.
    pub fetches: Option<usize>,
}

impl Context<'_> {
    /// Does a step that moves no weight; what it adds to the loss. A matrix that is written is taken out of its place
    /// meanwhile, so that the others can be read.
    pub fn compute(&self, index: usize, step: &Step, s: &mut Scratch, params: &Params) -> f32 {
        let kernels = self.kernels;
        let samples = self.batch.rows.len();
        match step {
            Step::Load { input } => self.load(*input, s),
            // The gather has looked already.
            Step::Look { value, gradient: false } if *value < self.network.inputs.len() => {}
            Step::Look { value, gradient } => {
                let matrices = if *gradient { &s.gradients } else { &s.values };
                let live = s.live[usize::from(*gradient)][*value].as_mut().expect("made with the step");
                kernels.look(&matrices[*value], live);
            }
            Step::Affine { x, y, kernel, bias, curve } => {
                let mut out = take(&mut s.values[*y]);
                let w = &params.variables[*kernel].weights;
                out.resize(s.values[*x].rows(), w.cols());
                let bias = bias.map(|bias| &params.variables[bias].weights);
                let live = s.live[0][*x].as_ref();
                let all = out.flat().len();
                kernels.forward(&s.values[*x], live, w, bias, &mut out, &|start, tile| {
                    if self.fetches == Some(index) {
                        self.fetch(start..start + tile.len(), all);
                    }
                    if let Some(curve) = curve {
                        curve.forward(kernels, tile);
                    }
                });
                s.values[*y] = out;
            }
            Step::Apply { x, y, curve } => {
                copy(&mut s.values, *x, *y);
                kernels.each(&mut s.values[*y], &|_, chunk| curve.forward(kernels, chunk));
            }
            Step::Copy { x, y, backward } => {
                copy(if *backward { &mut s.gradients } else { &mut s.values }, *x, *y)
            }
            Step::Mask { x, y, rate, stream, backward } => {
                let matrix = copied(s, *x, *y, *backward);
                let draw = Draw::new(&s.samples, &matrix, *stream);
                let matrix = self.each(matrix, |start, chunk| self.mask(&draw, *rate, start, chunk));
                put(s, *y, *backward, matrix);
            }
            Step::Noise { x, y, noise, stream, backward } => {
                let matrix = copied(s, *x, *y, *backward);
                let draw = Draw::new(&s.samples, &matrix, *stream);
                let matrix = self.each(matrix, |start, chunk| self.noise(&draw, *noise, *backward, start, chunk));
                put(s, *y, *backward, matrix);
            }
            Step::Regroup { x, y, backward } => {
                // A gradient has the form of the value that was regrouped.
                let value = if *backward { self.network.node(*x).map_or(*x, |node| node.inputs[0]) } else { *y };
                let matrices = if *backward { &mut s.gradients } else { &mut s.values };
                rows::regroup(matrices, &mut s.row, *x, *y, samples, self.network.form(value));
            }
            Step::Merge { xs, y, merge } => merge::forward(kernels, s, xs, *y, *merge),
            Step::MergeGrad { xs, y, at, dx, merge } => {
                merge::backward(kernels, s, xs, *y, *at, *dx, *merge);
            }
            Step::Rows { xs, y, function, weights } => {
                rows::forward(s, params, xs, (*y, self.network.form(*y).cols), &**function, weights);
            }
            Step::RowsGrad { xs, y, dxs, function, weights } => {
                rows::backward(s, params, xs, *y, dxs, &**function, weights);
            }
            Step::BatchNorm { x, y, norm, variables, batch } => {
                norm::forward(kernels, s, params, (*x, *y), norm, variables, *batch);
            }
            Step::BatchNormGrad { x, y, dx, norm, variables, batch, trainable } => {
                norm::backward(kernels, s, params, (*x, *y, *dx), norm, variables, *batch, *trainable);
            }
            Step::Embed { x, y, table } => rows::embed(s, params, *x, *y, *table),
            Step::EmbedGrad { x, y, table } => rows::embed_backward(s, *x, *y, *table),
            Step::Softmax { x, y } => {
                copy(&mut s.values, *x, *y);
                kernels.softmax_rows(&mut s.values[*y], &mut s.row[1], &mut s.log_sums);
            }
            Step::Activity { x, l1, l2 } => {
                let row = &mut s.row[0];
                row.resize(s.values[*x].cols(), 0.0);
                let mut sums = [0.0f64; 2];
                for r in 0..s.values[*x].rows() {
                    s.values[*x].read_row(r, row);
                    sums[0] += row.iter().map(|x| f64::from(x.abs())).sum::<f64>();
                    sums[1] += row.iter().map(|x| f64::from(x * x)).sum::<f64>();
                }
                let sum = f64::from(*l1) * sums[0] + f64::from(*l2) * sums[1];
                let penalty = (sum / samples.max(1) as f64) as f32;
                s.penalty += penalty;
                return penalty;
            }
            Step::ActivityGrad { x, y, dx, l1, l2 } => {
                copy(&mut s.gradients, *y, *dx);
                let (x, scale) = (s.values[*x].flat(), 1.0 / samples as f32);
                kernels.each(&mut s.gradients[*dx], &|start, chunk| {
                    for (d, x) in chunk.iter_mut().zip(&x[start..]) {
                        let sign = if *x == 0.0 { 0.0 } else { x.signum() };
                        *d += (l1 * sign + 2.0 * l2 * x) * scale;
                    }
                });
            }
            Step::Penalty { variable, gradient, .. } => {
                let facts = &self.network.variables[*variable];
                let [w, g] = &mut s.whole;
                w.resize(facts.rows * facts.cols, 0.0);
                g.resize(w.len(), 0.0);
                g.fill(0.0);
                params.variables[*variable].weights.copy_to_row_major(w);
                let penalty = facts.regularizer.as_ref().expect("lowered from it").penalty(w, &facts.shape, g);
                if *gradient {
                    s.variables[*variable].copy_from_row_major(g);
                }
                s.penalty += penalty;
                return penalty;
            }
            Step::Clear { variable } => s.variables[*variable].flat_mut().fill(0.0),
            Step::Loss { x, output, number, loss, weight, reduction, link, dx } => {
                let of = Of { x: *x, output: *output, number: *number, link: *link, reduction: *reduction };
                return weight * self.loss(s, &**loss, of, dx.map(|dx| (dx, *weight)));
            }
            Step::Sum { value, parts } => {
                let mut sum = take(&mut s.gradients[*value]);
                for part in parts.iter().filter(|part| *part != value) {
                    let part = s.gradients[*part].flat();
                    kernels.each(&mut sum, &|start, chunk| {
                        chunk.iter_mut().zip(&part[start..]).for_each(|(sum, d)| *sum += d);
                    });
                }
                s.gradients[*value] = sum;
            }
            Step::GradX { y, x, kernel, curve } => {
                let mut out = take(&mut s.gradients[*x]);
                let w = &params.variables[*kernel].weights;
                out.resize(s.gradients[*y].rows(), w.rows());
                let scratch = s.grad_x[index].as_mut().expect("made with the step");
                let live = s.live[1][*y].as_ref();
                // Where the output is zero; a curve that reads its input may live where that is zero.
                let dies = |curve: &dyn Curve| curve.dies_at_zero() && curve.reads() == Reads::Output;
                let wanted = curve.as_ref().filter(|(curve, _)| dies(&**curve));
                let wanted = wanted.and_then(|(_, saved)| s.live[0][*saved].as_ref());
                kernels.grad_x(&s.gradients[*y], live, w, wanted, &mut out, scratch, &|start, tile| match curve {
                    Some((curve, saved)) => {
                        let saved = &s.values[*saved].flat()[start..start + tile.len()];
                        curve.gradient(kernels, tile, saved);
                    }
                    None => kernels.flush(tile),
                });
                s.gradients[*x] = out;
            }
            Step::ApplyGrad { y, x, curve, saved } => {
                copy(&mut s.gradients, *y, *x);
                let saved = s.values[*saved].flat();
                kernels.each(&mut s.gradients[*x], &|start, chunk| {
                    curve.gradient(kernels, chunk, &saved[start..start + chunk.len()]);
                });
            }
            Step::SoftmaxGrad { y, x } => {
                copy(&mut s.gradients, *y, *x);
                let [_, p, d, _] = &mut s.row;
                p.resize(s.values[*y].cols(), 0.0);
                d.resize(p.len(), 0.0);
                for r in 0..s.values[*y].rows() {
                    s.values[*y].read_row(r, p);
                    s.gradients[*x].read_row(r, d);
                    let dot: f32 = d.iter().zip(&*p).map(|(d, p)| d * p).sum();
                    d.iter_mut().zip(&*p).for_each(|(d, p)| *d = p * (*d - dot));
                    kernels.flush(d);
                    s.gradients[*x].write_row(r, d);
                }
            }
            Step::Spectral { .. }
            | Step::GradW { .. }
            | Step::Update { .. }
            | Step::UpdateAll { .. }
            | Step::MoveStatistics { .. }
            | Step::Constrain { .. } => unreachable!("moves weights: see `learn`"),
        }
        0.0
    }

    fn load(&self, input: usize, s: &mut Scratch) {
        let (kernels, batch) = (self.kernels, self.batch);
        kernels.gather(batch.x[input], batch.rows, &mut s.values[input], s.live[0][input].as_mut());
        if input > 0 {
            return;
        }
        s.penalty = 0.0;
        s.samples.clear();
        s.samples.extend(batch.rows.iter().map(|row| s.first + row));
    }

    /// Asks for its share of the next batch, where this part of all elements of a product was computed. Under a product
    /// that costs nothing; all in one place, it would take as long as gathering the rows.
    fn fetch(&self, part: Range<usize>, all: usize) {
        for (source, width) in self.batch.x.iter().zip(&self.network.inputs) {
            self.kernels.expect(*source, *width, self.batch.next, part.clone(), all);
        }
    }

    /// The function of every element, on all threads.
    fn each(&self, mut matrix: Panels, f: impl Fn(usize, &mut [f32]) + Sync) -> Panels {
        self.kernels.each(&mut matrix, &f);
        matrix
    }

    /// The losses of all rows, made one number. With `dx`, a gradient and what it is multiplied by.
    fn loss(&self, s: &mut Scratch, loss: &dyn Loss, of: Of, dx: Option<(usize, f32)>) -> f32 {
        let kernels = self.kernels;
        let Of { x, output, number, link, reduction } = of;
        match link {
            None => {}
            Some(Link::Softmax) => {
                copy(&mut s.values, x, output);
                kernels.softmax_rows(&mut s.values[output], &mut s.row[1], &mut s.log_sums);
            }
            Some(Link::Sigmoid) => {
                copy(&mut s.values, x, output);
                kernels.each(&mut s.values[output], &|_, chunk| kernels.sigmoid(chunk));
            }
        }
        let targets = self.batch.y[number];
        let weights = self.batch.weights.get(number).copied().flatten();
        let (rows, cols) = (s.values[output].rows(), s.values[output].cols());
        let groups = self.network.form(output).groups;
        let width = s.targets[number].cols();
        s.targets[number].resize(rows, width);
        s.losses[number].clear();
        // All at once: one after the other, each would be waited for.
        kernels.expect(Source::F32(targets), groups * width, self.batch.rows, 0..1, 1);
        let mut d_out = dx.map(|(dx, _)| take(&mut s.gradients[dx])).unwrap_or_default();
        d_out.resize(rows, if dx.is_some() { cols } else { 0 });
        // A division takes as long as a short row.
        let sample = |row: usize| match groups {
            1 => (self.batch.rows[row], 0),
            _ => (self.batch.rows[row / groups], row % groups),
        };
        let target_of = |row: usize| {
            let (sample, group) = sample(row);
            &targets[(sample * groups + group) * width..][..width]
        };
        let weight_of = |row: usize| weights.map_or(1.0, |weights| weights[sample(row).0]);
        let mask = self.network.masks.get(number).copied().flatten();
        s.masked[number].clear();
        if let Some(mask) = mask {
            let mask = &s.values[mask];
            s.masked[number].extend((0..rows).map(|row| mask.get(row, 0) == 0.0));
        }
        let (outputs, logits) = (&s.values[output], &s.values[x]);
        if loss.whole() {
            let [t, p, d] = &mut s.whole_batch;
            t.resize(rows * width, 0.0);
            for (row, t) in t.chunks_exact_mut(width.max(1)).enumerate() {
                t.copy_from_slice(target_of(row));
                s.targets[number].write_row(row, t);
            }
            p.resize(rows * cols, 0.0);
            d.resize(rows * cols, 0.0);
            outputs.copy_to_row_major(p);
            let value = loss.batch(t, p, cols, d);
            // One number has one weight: the mean of the samples'.
            let mean = (0..rows).map(|row| f64::from(weight_of(row))).sum::<f64>() / rows.max(1) as f64;
            s.losses[number].resize(rows, value * mean as f32);
            s.reduced[number] = value * mean as f32;
            if let Some((dx, weight)) = dx {
                d_out.copy_from_row_major(d);
                let scale = weight * mean as f32;
                d_out.flat_mut().iter_mut().for_each(|d| *d *= scale);
                kernels.flush(d_out.flat_mut());
                s.gradients[dx] = d_out;
            }
            return s.reduced[number];
        }
        let [z, p, d, _] = &mut s.row;
        for row in [&mut *z, &mut *p, &mut *d] {
            row.resize(cols, 0.0);
        }
        let (mut sum, mut counted, mut weighed) = (0.0f64, 0usize, 0.0f64);
        for r in 0..rows {
            let target = target_of(r);
            s.targets[number].write_row(r, target);
            // A narrow row lies in one piece.
            let (logits, prediction) = match (logits.row(r), outputs.row(r)) {
                (Some(logits), Some(prediction)) => (logits, prediction),
                _ => {
                    logits.read_row(r, z);
                    outputs.read_row(r, p);
                    (&**z, &**p)
                }
            };
            let log_sum = if link == Some(Link::Softmax) { s.log_sums[r] } else { 0.0 };
            let one = |d: &mut [f32]| match link {
                Some(link) => loss.row_from_logits(&Joined { link, logits, prediction, log_sum }, target, d),
                None => loss.row(kernels, target, prediction, d),
            };
            let mut value = match d_out.row_mut(r) {
                Some(d) => one(d),
                None => {
                    let value = one(d);
                    if dx.is_some() {
                        d_out.write_row(r, d);
                    }
                    value
                }
            };
            let counts = loss.counts(target) && !s.masked[number].get(r).is_some_and(|masked| *masked);
            let weight = if counts { weight_of(r) } else { 0.0 };
            if weight != 1.0 {
                value *= weight;
                if dx.is_some() {
                    d_out.read_row(r, d);
                    d.iter_mut().for_each(|d| *d *= weight);
                    d_out.write_row(r, d);
                }
            }
            counted += usize::from(counts);
            weighed += f64::from(weight);
            s.losses[number].push(value);
            sum += f64::from(value);
        }
        let over = match reduction {
            Reduction::Mean => counted as f64,
            Reduction::Sum => 1.0,
            Reduction::WeightedMean => weighed,
        };
        // Nothing divided by nothing is nothing, as in Keras.
        let share = if over > 0.0 { 1.0 / over } else { 0.0 };
        if let Some((dx, weight)) = dx {
            let scale = weight * share as f32;
            d_out.flat_mut().iter_mut().for_each(|d| *d *= scale);
            kernels.flush(d_out.flat_mut());
            s.gradients[dx] = d_out;
        }
        s.all_count[number] = counted == rows;
        s.reduced[number] = (if over > 0.0 { sum / over } else { 0.0 }) as f32;
        s.reduced[number]
    }

    /// Whether all gradients of these steps will be finite, and their squares: elements of `x' d` are at most
    /// `rows max|x| max|d|`. Looking at x and d takes half a percent of the tutorial's step. Gradients that code has
    /// computed are looked at themselves.
    pub fn check(&self, steps: &[Step], s: &Scratch) -> Result<(), NotFinite> {
        for step in steps {
            match step {
                Step::GradW { x, y, kernel, .. } => {
                    let rows = s.values[*x].rows() as f32;
                    let x = match self.batch.x.get(*x) {
                        // What a byte can become is known, and no row of bytes has to be looked at.
                        Some(Source::U8(_, table)) if table.iter().all(|x| x.is_finite()) => {
                            table.iter().fold(0.0f32, |most, x| most.max(x.abs()))
                        }
                        Some(Source::U8(..)) => f32::INFINITY,
                        _ => self.kernels.largest(&s.values[*x]),
                    };
                    let d = self.kernels.largest(&s.gradients[*y]);
                    // Infinity times zero is NaN, which is not below either.
                    if !(rows * x * d < f32::MAX.sqrt() && d < f32::INFINITY) {
                        return Err(NotFinite::Gradient { variable: *kernel });
                    }
                }
                // A product that is still to come was looked at before; what stands here meanwhile was finite.
                Step::Update { variable } => self.check_stored(std::slice::from_ref(variable), s)?,
                Step::UpdateAll { variables } => self.check_stored(variables, s)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the gradients of these variables are finite, as they stand. (Of what is not, the largest is infinite.)
    fn check_stored(&self, variables: &[usize], s: &Scratch) -> Result<(), NotFinite> {
        let large = |variable: &&usize| self.kernels.largest(&s.variables[**variable]) >= f32::MAX.sqrt();
        match variables.iter().find(large) {
            Some(&variable) => Err(NotFinite::Gradient { variable }),
            None => Ok(()),
        }
    }

    /// Does a step that moves weights; false if this is none.
    pub fn learn(
        &self,
        step: &Step,
        s: &mut Scratch,
        params: &mut Params,
        optimizer: &dyn Optimizer,
        coefficients: &Coefficients,
    ) -> bool {
        let kernels = self.kernels;
        match step {
            Step::Spectral { kernel, spectral } => {
                for (variable, before) in &mut s.before {
                    if [*kernel, spectral.vector].contains(variable) {
                        before.flat_mut().copy_from_slice(params.variables[*variable].weights.flat());
                    }
                }
                norm::spectral(s, params, *kernel, spectral);
            }
            Step::GradW { x, y, kernel, bias, update: true, .. } => {
                let live = [s.live[0][*x].as_ref(), s.live[1][*y].as_ref()];
                let numbers = (*kernel, bias.unwrap_or(*kernel));
                let (kernel, bias) = two(&mut params.variables, *kernel, *bias);
                let bias = bias.map(|bias| bias.target());
                let of_kernel: Update<'_> =
                    &|g, w, slots| optimizer.update(kernels, coefficients, numbers.0, w, g, slots);
                let of_bias: Update<'_> =
                    &|g, w, slots| optimizer.update(kernels, coefficients, numbers.1, w, g, slots);
                let updates = [of_kernel, of_bias];
                kernels.grad_w(&s.values[*x], &s.gradients[*y], live, kernel.target(), bias, updates);
            }
            Step::GradW { x, y, kernel, bias, update: false, add } => {
                let live = [s.live[0][*x].as_ref(), s.live[1][*y].as_ref()];
                let (kernel, bias) = two(&mut s.variables, *kernel, *bias);
                let bias = bias.map(|bias| Target { weights: bias, slots: &mut [] });
                let kernel = Target { weights: kernel, slots: &mut [] };
                let keep: Update<'_> = &|g, w, _| {
                    if *add {
                        w.iter_mut().zip(g).for_each(|(sum, g)| *sum += *g);
                    } else {
                        w.copy_from_slice(g);
                    }
                };
                kernels.grad_w(&s.values[*x], &s.gradients[*y], live, kernel, bias, [keep, keep]);
            }
            Step::Update { variable } => {
                let target = &mut params.variables[*variable];
                let gradient = s.variables[*variable].flat();
                let mut slots = target.slots.iter_mut();
                let mut slots = std::array::from_fn(|_| slots.next().map_or(&mut [][..], Panels::flat_mut));
                let w = target.weights.flat_mut();
                optimizer.update(kernels, coefficients, *variable, w, gradient, &mut slots);
            }
            Step::UpdateAll { variables } => optimizer.update_all(WholeStep {
                kernels,
                iteration: self.iteration,
                variables: &mut params.variables,
                gradients: &mut s.variables,
                trained: variables,
                spare: &mut s.spare,
            }),
            Step::MoveStatistics { y, momentum, mean, variance } => {
                norm::move_statistics(s, params, *y, *momentum, (*mean, *variance));
            }
            Step::Constrain { variable, .. } => {
                let facts = &self.network.variables[*variable];
                let w = &mut s.whole[0];
                w.resize(facts.rows * facts.cols, 0.0);
                params.variables[*variable].weights.copy_to_row_major(w);
                facts.constraint.as_ref().expect("lowered from it").apply(w, &facts.shape);
                params.variables[*variable].weights.copy_from_row_major(w);
            }
            _ => return false,
        }
        true
    }
}

/// A kernel and its bias, both to be changed.
fn two<T>(all: &mut [T], kernel: usize, bias: Option<usize>) -> (&mut T, Option<&mut T>) {
    match bias {
        None => (&mut all[kernel], None),
        Some(bias) if bias > kernel => {
            let (before, after) = all.split_at_mut(bias);
            (&mut before[kernel], Some(&mut after[0]))
        }
        Some(bias) => {
            let (before, after) = all.split_at_mut(kernel);
            (&mut after[0], Some(&mut before[bias]))
        }
    }
}

/// `m[to] = m[from]`.
fn copy(matrices: &mut [Panels], from: usize, to: usize) {
    let mut out = take(&mut matrices[to]);
    out.resize(matrices[from].rows(), matrices[from].cols());
    out.flat_mut().copy_from_slice(matrices[from].flat());
    matrices[to] = out;
}

/// `m[to]` as a copy of `m[from]`, taken out; `m` are values or gradients.
fn copied(s: &mut Scratch, from: usize, to: usize, gradients: bool) -> Panels {
    let matrices = if gradients { &mut s.gradients } else { &mut s.values };
    copy(matrices, from, to);
    take(&mut matrices[to])
}

/// Puts back what [`copied`] took out.
fn put(s: &mut Scratch, to: usize, gradients: bool, matrix: Panels) {
    let matrices = if gradients { &mut s.gradients } else { &mut s.values };
    matrices[to] = matrix;
}
