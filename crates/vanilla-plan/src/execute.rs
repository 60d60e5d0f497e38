//! What each step does, on one batch.

use crate::run::{Batch, NotFinite};
use crate::step::Step;
use crate::{Optimizer, Params};
use std::mem::take;
use vanilla_kernels::{GradX, Kernels, LANES, Live, Panels, Source, Target, random::philox};

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
    /// `g_v`, gradients of whole variables, where no update is fused.
    pub variables: Vec<Panels>,
    pub targets: Panels,
    /// Loss of each row of the last batch.
    pub losses: Vec<f32>,
    /// Sample numbers of the last batch: masks depend on them, not on places in the batch.
    pub samples: Vec<usize>,
    /// One row each of target, prediction and gradient.
    pub row: [Vec<f32>; 3],
}

/// The circumstances of one run over the steps.
pub(crate) struct Context<'a> {
    pub kernels: &'a Kernels,
    pub batch: Batch<'a>,
    pub seed: u64,
    pub iteration: u64,
}

impl Context<'_> {
    /// Does a step that moves no weight; the mean loss if it was the loss. A matrix that is written is taken out of
    /// its place meanwhile, so that the others can be read.
    pub fn compute(&self, index: usize, step: &Step, s: &mut Scratch, params: &Params) -> Option<f32> {
        let kernels = self.kernels;
        let rows = self.batch.rows.len();
        match step {
            Step::Load => {
                kernels.gather(self.batch.x, self.batch.rows, &mut s.values[0], s.live[0][0].as_mut());
                s.samples.clear();
                s.samples.extend_from_slice(self.batch.rows);
                kernels.expect(self.batch.x, s.values[0].cols(), self.batch.next);
                if let Some(y) = self.batch.y {
                    kernels.expect(Source::F32(y), s.row[0].len(), self.batch.next);
                }
            }
            // The gather has looked already.
            Step::Look { value: 0, gradient: false } => {}
            Step::Look { value, gradient } => {
                let matrices = if *gradient { &s.gradients } else { &s.values };
                let live = s.live[usize::from(*gradient)][*value].as_mut().expect("made with the step");
                kernels.look(&matrices[*value], live);
            }
            Step::Affine { x, y, kernel, bias, curve } => {
                let mut out = take(&mut s.values[*y]);
                let w = &params.variables[*kernel].weights;
                out.resize(rows, w.cols());
                let bias = bias.map(|bias| &params.variables[bias].weights);
                let live = s.live[0][*x].as_ref();
                kernels.forward(&s.values[*x], live, w, bias, &mut out, &|_, tile| {
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
            Step::Copy { x, y } => copy(&mut s.values, *x, *y),
            Step::Mask { x, y, rate, stream, backward } => {
                let matrices = if *backward { &mut s.gradients } else { &mut s.values };
                copy(matrices, *x, *y);
                let samples = &s.samples;
                kernels.each(&mut matrices[*y], &|start, chunk| self.mask(samples, *rate, *stream, start, chunk));
            }
            Step::Softmax { x, y } => {
                copy(&mut s.values, *x, *y);
                let row = &mut s.row[1];
                row.resize(s.values[*y].cols(), 0.0);
                for r in 0..rows {
                    s.values[*y].read_row(r, row);
                    kernels.softmax(row);
                    s.values[*y].write_row(r, row);
                }
            }
            Step::Loss { x, output, loss, link, gradient } => {
                let targets = self.batch.y.expect("a plan with a loss gets targets");
                let width = s.row[0].len();
                s.targets.resize(rows, width);
                s.losses.clear();
                if link.is_some() {
                    copy(&mut s.values, *x, *output);
                }
                let cols = s.values[*output].cols();
                let mut dx = take(&mut s.gradients[*x]);
                dx.resize(rows, if *gradient { cols } else { 0 });
                let outputs = &mut s.values[*output];
                let [_, prediction, d] = &mut s.row;
                prediction.resize(cols, 0.0);
                d.resize(cols, 0.0);
                let one = |target: &[f32], prediction: &mut [f32], d: &mut [f32]| match link {
                    Some(link) => loss.row_from_logits(kernels, *link, target, prediction, d),
                    None => loss.row(kernels, target, prediction, d),
                };
                let mut sum = 0.0f64;
                for (r, &sample) in self.batch.rows.iter().enumerate() {
                    let target = &targets[sample * width..(sample + 1) * width];
                    s.targets.write_row(r, target);
                    let value =
                        if *gradient && let (Some(prediction), Some(d)) = (outputs.row_mut(r), dx.row_mut(r)) {
                            one(target, prediction, d)
                        } else {
                            outputs.read_row(r, prediction);
                            let value = one(target, prediction, d);
                            outputs.write_row(r, prediction);
                            if *gradient {
                                dx.write_row(r, d);
                            }
                            value
                        };
                    s.losses.push(value);
                    sum += f64::from(value);
                }
                let scale = 1.0 / rows as f32;
                dx.flat_mut().iter_mut().for_each(|d| *d *= scale);
                kernels.flush(dx.flat_mut());
                s.gradients[*x] = dx;
                return Some((sum / rows.max(1) as f64) as f32);
            }
            Step::GradX { y, x, kernel, curve } => {
                let mut out = take(&mut s.gradients[*x]);
                let w = &params.variables[*kernel].weights;
                out.resize(rows, w.rows());
                let scratch = s.grad_x[index].as_mut().expect("made with the step");
                let live = s.live[1][*y].as_ref();
                let wanted = curve.as_ref().filter(|(curve, _)| curve.dies_at_zero());
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
                let [_, p, d] = &mut s.row;
                p.resize(s.values[*y].cols(), 0.0);
                d.resize(p.len(), 0.0);
                for r in 0..rows {
                    s.values[*y].read_row(r, p);
                    s.gradients[*x].read_row(r, d);
                    let dot: f32 = d.iter().zip(&*p).map(|(d, p)| d * p).sum();
                    d.iter_mut().zip(&*p).for_each(|(d, p)| *d = p * (*d - dot));
                    kernels.flush(d);
                    s.gradients[*x].write_row(r, d);
                }
            }
            Step::GradW { .. } | Step::Update { .. } => unreachable!("moves weights: see `learn`"),
        }
        None
    }

    /// Whether all gradients of these steps will be finite, and their squares: elements of `x' d` are at most
    /// `rows max|x| max|d|`. Looking at x and d takes half a percent of the tutorial's step.
    pub fn check(&self, steps: &[Step], s: &Scratch) -> Result<(), NotFinite> {
        let rows = self.batch.rows.len() as f32;
        for step in steps {
            if let Step::GradW { x, y, kernel, .. } = step {
                let [x, d] = [&s.values[*x], &s.gradients[*y]].map(|panels| self.kernels.largest(panels));
                // Infinity times zero is NaN, which is not below either.
                if !(rows * x * d < f32::MAX.sqrt() && d < f32::INFINITY) {
                    return Err(NotFinite::Gradient { kernel: *kernel });
                }
            }
        }
        Ok(())
    }

    /// Does a step of the second phase; false if this is none.
    pub fn learn(
        &self,
        step: &Step,
        s: &mut Scratch,
        params: &mut Params,
        optimizer: &dyn Optimizer,
        coefficients: &[f32; 4],
    ) -> bool {
        let kernels = self.kernels;
        match step {
            Step::GradW { x, y, kernel, bias, update: true } => {
                let live = [s.live[0][*x].as_ref(), s.live[1][*y].as_ref()];
                let (before, after) = params.variables.split_at_mut(*kernel + 1);
                let bias = bias.map(|bias| after[bias - *kernel - 1].target());
                let kernel = before[*kernel].target();
                kernels.grad_w(&s.values[*x], &s.gradients[*y], live, kernel, bias, &|g, w, slots| {
                    optimizer.update(kernels, coefficients, w, g, slots);
                });
            }
            Step::GradW { x, y, kernel, bias, update: false } => {
                let live = [s.live[0][*x].as_ref(), s.live[1][*y].as_ref()];
                let (before, after) = s.variables.split_at_mut(*kernel + 1);
                let bias = bias.map(|bias| Target { weights: &mut after[bias - *kernel - 1], slots: &mut [] });
                let kernel = Target { weights: &mut before[*kernel], slots: &mut [] };
                kernels
                    .grad_w(&s.values[*x], &s.gradients[*y], live, kernel, bias, &|g, w, _| w.copy_from_slice(g));
            }
            Step::Update { variable } => {
                let target = &mut params.variables[*variable];
                let gradient = s.variables[*variable].flat();
                let mut slots = target.slots.iter_mut();
                let mut slots = std::array::from_fn(|_| slots.next().map_or(&mut [][..], Panels::flat_mut));
                optimizer.update(kernels, coefficients, target.weights.flat_mut(), gradient, &mut slots);
            }
            _ => return false,
        }
        true
    }

    /// Zeroes each element with probability `rate` and scales the others by `1 / (1 - rate)`. The mask is a function
    /// of seed, fact, training step, sample and unit: neither threads nor batches nor an interruption change it.
    fn mask(&self, samples: &[usize], rate: f32, stream: usize, start: usize, chunk: &mut [f32]) {
        let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        // u < rate for u of 32 bits.
        let bound = (f64::from(rate) * 4_294_967_296.0) as u64;
        for (i, line) in chunk.chunks_exact_mut(LANES).enumerate() {
            let at = start / LANES + i;
            let (panel, row) = (at / samples.len(), at % samples.len());
            for (quad, four) in line.chunks_exact_mut(4).enumerate() {
                let unit = (panel * LANES / 4 + quad) as u32;
                let counter = [samples[row] as u32, unit, self.iteration as u32, stream as u32];
                for (x, word) in four.iter_mut().zip(philox(self.seed, counter)) {
                    *x = if u64::from(word) < bound { 0.0 } else { *x * scale };
                }
            }
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
