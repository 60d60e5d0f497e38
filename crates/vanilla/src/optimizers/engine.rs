//! [`Engine`]: a rule with everything that is common to all optimizers, as a plan runs it.

use super::{Common, LearningRate, Optimizer, Step, Whole};
use crate::build::BuiltVariable;
use std::sync::Arc;
use vanilla_plan::kernels::{Kernels, MAX_SLOTS, Panels};
use vanilla_plan::{Coefficients, Slot, Start, WholeStep};

/// An optimizer, ready for the variables of a model.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub rule: Arc<dyn Optimizer>,
    pub common: Common,
    /// One a variable; empty before there is a model, when nothing is moved.
    variables: Arc<Vec<About>>,
}

/// What the optimizer needs to know of a variable.
#[derive(Clone, Debug)]
struct About {
    /// `dense/kernel`.
    name: String,
    /// Share of the learning rate by which it shrinks in each step.
    decay: Option<f64>,
    factor: f32,
    /// The rule's own slots.
    slots: usize,
}

/// Floats of a piece of a gradient that is changed before it is used.
const PIECE: usize = 256;

/// The first step: the average is the weights.
const FIRST: u8 = 1;
/// The weights become their average.
const OVERWRITES: u8 = 2;

impl Engine {
    pub fn new(rule: Arc<dyn Optimizer>) -> Self {
        Self { common: rule.common().clone(), rule, variables: Arc::default() }
    }

    /// The same for these variables.
    pub fn bind(&self, variables: &[BuiltVariable]) -> Self {
        let about = |variable: &BuiltVariable| {
            let name = format!("{}/{}", variable.layer, variable.spec.name);
            let excluded = self.common.no_decay.iter().any(|part| name.contains(part.as_str()));
            let decay = self.rule.weight_decay(&name, &variable.spec.shape).filter(|_| !excluded);
            let factor = self.common.multipliers.iter().find(|(layer, _)| *layer == variable.layer);
            let slots = self.rule.slots(&name, &variable.spec.shape).len();
            About { name, decay, factor: factor.map_or(1.0, |(_, factor)| *factor), slots }
        };
        Self { variables: Arc::new(variables.iter().map(about).collect()), ..self.clone() }
    }

    pub fn with_learning_rate(&self, rate: f32) -> Self {
        let common = Common { learning_rate: LearningRate::Constant(rate), ..self.common.clone() };
        Self { common, ..self.clone() }
    }

    /// The learning rate of the next step, when this many are done.
    pub fn learning_rate(&self, done: u64) -> f32 {
        self.common.learning_rate.at(done)
    }

    /// Whether the rate is a number that may be set.
    pub fn rate_is_constant(&self) -> bool {
        matches!(self.common.learning_rate, LearningRate::Constant(_))
    }

    /// What is kept for the optimizer before the rule's own slots, in Keras's files: averages, sums of gradients.
    pub fn extra_slots(&self) -> usize {
        usize::from(self.common.use_ema) + usize::from(self.accumulates().is_some())
    }

    /// The part of a Keras file that holds the slot with this number, of the so many that a variable has: averages
    /// and sums of gradients, two slots at most, then the rule's own.
    pub fn file_part(&self, slot: usize, slots: usize) -> usize {
        let own = slots - self.extra_slots();
        if slot < own { 2 + self.rule.file_part(slot) } else { slot - own }
    }

    fn accumulates(&self) -> Option<u64> {
        self.common.gradient_accumulation_steps.filter(|steps| *steps > 1)
    }

    /// The number of the slot with the average of the weights.
    fn average(&self, own: usize) -> usize {
        own
    }

    /// The number of the slot with the sum of gradients.
    fn sum(&self, own: usize) -> usize {
        own + usize::from(self.common.use_ema)
    }

    /// Weights move towards nothing, apart from the gradient.
    fn decay(&self, variable: usize, rate: f32) -> Option<f32> {
        self.variables[variable].decay.map(|decay| decay as f32 * rate)
    }

    /// What happens to the average in this step: nothing remarkable, [`FIRST`], [`OVERWRITES`] or both. With
    /// accumulation it follows in every step, but counts only steps that moved the weights before, as in Keras.
    fn average_mode(&self, iteration: u64) -> u8 {
        let moved = (iteration - 1) / self.accumulates().unwrap_or(1);
        let overwrites =
            self.common.ema_overwrite_frequency.is_some_and(|steps| (moved + 1).is_multiple_of(steps));
        FIRST * u8::from(moved == 0) + OVERWRITES * u8::from(overwrites)
    }

    /// The average follows the weights; now and then the weights become it.
    fn follow(&self, mode: u8, average: &mut [f32], w: &mut [f32]) {
        let momentum = if mode & FIRST > 0 { 0.0 } else { self.common.ema_momentum };
        let (stay, come) = (momentum as f32, (1.0 - momentum) as f32);
        average.iter_mut().zip(&*w).for_each(|(average, w)| *average = stay * *average + come * w);
        if mode & OVERWRITES > 0 {
            w.copy_from_slice(average);
        }
    }

    /// The factor that shortens a gradient of this length to at most `most`.
    fn shorten(length: f64, most: f64) -> f32 {
        (most / length.max(most)) as f32
    }
}

/// The length of a gradient; padding is not part of it.
fn length(g: &Panels, row: &mut Vec<f32>) -> f64 {
    row.resize(g.cols(), 0.0);
    let mut sum = 0.0;
    for r in 0..g.rows() {
        g.read_row(r, row);
        sum += row.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>();
    }
    libm::sqrt(sum)
}

fn slices(slots: &mut [Panels]) -> [&mut [f32]; MAX_SLOTS] {
    let mut slots = slots.iter_mut();
    std::array::from_fn(|_| slots.next().map_or(&mut [][..], Panels::flat_mut))
}

impl vanilla_plan::Optimizer for Engine {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn slots(&self, variable: usize, shape: &[usize]) -> Vec<Slot> {
        let mut slots = self.rule.slots(&self.variables[variable].name, shape);
        let mut add = |wanted: bool, name| {
            if wanted {
                slots.push(Slot { name, shape: shape.to_vec(), start: Start::At(0.0) });
            }
        };
        add(self.common.use_ema, "average");
        add(self.accumulates().is_some(), "gradient_accumulator");
        slots
    }

    fn fuses(&self) -> bool {
        self.common.fuses() && !self.rule.whole()
    }

    fn coefficients(&self, iteration: u64) -> Coefficients {
        let learning_rate = self.common.learning_rate.at(iteration - 1);
        let mut c = self.rule.coefficients(Step { number: iteration, learning_rate });
        // The last two places are the engine's: what decay and average need.
        c[6] = f32::from(self.average_mode(iteration));
        c[7] = learning_rate;
        c
    }

    fn update(
        &self,
        kernels: &Kernels,
        c: &Coefficients,
        variable: usize,
        w: &mut [f32],
        g: &[f32],
        slots: &mut [&mut [f32]; MAX_SLOTS],
    ) {
        if self.common.is_plain() {
            return self.rule.update(kernels, c, w, g, slots);
        }
        if let Some(decay) = self.decay(variable, c[7]) {
            w.iter_mut().for_each(|w| *w -= *w * decay);
        }
        match self.common.clipvalue {
            None => self.rule.update(kernels, c, w, g, slots),
            Some(most) => {
                let most = most as f32;
                let mut piece = [0.0; PIECE];
                for start in (0..g.len()).step_by(PIECE) {
                    let range = start..(start + PIECE).min(g.len());
                    let piece = &mut piece[..range.len()];
                    piece.iter_mut().zip(&g[range.clone()]).for_each(|(piece, g)| *piece = g.clamp(-most, most));
                    let mut parts = slots.each_mut().map(|slot| match slot.is_empty() {
                        true => &mut [][..],
                        false => &mut slot[range.clone()],
                    });
                    self.rule.update(kernels, c, &mut w[range], piece, &mut parts);
                }
            }
        }
        if self.common.use_ema {
            let own = slots.iter().filter(|slot| !slot.is_empty()).count() - 1;
            // Without accumulation the average is the last slot.
            self.follow(c[6] as u8, slots[self.average(own)], w);
        }
    }

    fn update_all(&self, step: WholeStep<'_>) {
        let WholeStep { kernels, iteration, variables, gradients, trained, spare } = step;
        spare.resize_with(spare.len().max(MAX_SLOTS + 3), Vec::new);
        let own = |number: usize| self.variables[number].slots;
        let mut moves = true;
        let mut number_of_step = iteration;
        if let Some(steps) = self.accumulates() {
            moves = iteration.is_multiple_of(steps);
            number_of_step = iteration.div_ceil(steps);
            for &number in trained {
                let sum = &mut variables[number].slots[self.sum(own(number))];
                let pairs = sum.flat_mut().iter_mut().zip(gradients[number].flat_mut());
                if moves {
                    pairs.for_each(|(sum, g)| {
                        *g = (*g + *sum) / steps as f32;
                        *sum = 0.0;
                    });
                } else {
                    pairs.for_each(|(sum, g)| *sum += *g);
                }
            }
        }
        if moves {
            if let Some(most) = self.common.global_clipnorm {
                let squares = trained.iter().map(|number| length(&gradients[*number], &mut spare[0]).powi(2));
                let factor = Self::shorten(libm::sqrt(squares.sum()), most);
                for &number in trained {
                    gradients[number].flat_mut().iter_mut().for_each(|g| *g *= factor);
                }
            }
            let rate = self.common.learning_rate.at(iteration - 1);
            for &number in trained {
                let g = &mut gradients[number];
                if let Some(most) = self.common.clipnorm {
                    let factor = Self::shorten(length(g, &mut spare[0]), most);
                    g.flat_mut().iter_mut().for_each(|g| *g *= factor);
                }
                if let Some(most) = self.common.clipvalue {
                    g.flat_mut().iter_mut().for_each(|g| *g = g.clamp(-most as f32, most as f32));
                }
                let factor = self.variables[number].factor;
                let variable = &mut variables[number];
                if let Some(decay) = self.decay(number, rate * factor) {
                    variable.weights.flat_mut().iter_mut().for_each(|w| *w -= *w * decay);
                }
                let c = self.rule.coefficients(Step { number: number_of_step, learning_rate: rate * factor });
                let (slots, shape) = (&mut variable.slots[..own(number)], &variable.shape);
                if !self.rule.whole() {
                    let w = variable.weights.flat_mut();
                    self.rule.update(kernels, &c, w, g.flat(), &mut slices(slots));
                    continue;
                }
                let (buffers, rest) = spare.split_at_mut(2 + MAX_SLOTS);
                for (buffer, panels) in buffers.iter_mut().zip([&variable.weights, &*g].into_iter().chain(&*slots))
                {
                    buffer.resize(panels.rows() * panels.cols(), 0.0);
                    panels.copy_to_row_major(buffer);
                }
                let [w, g, kept @ ..] = buffers else { unreachable!("more than two buffers") };
                let mut parts = kept.iter_mut();
                let name = &self.variables[number].name;
                self.rule.update_variable(Whole {
                    kernels,
                    coefficients: &c,
                    name,
                    shape,
                    w,
                    g,
                    slots: std::array::from_fn(|i| {
                        parts.next().filter(|_| i < slots.len()).map_or(&mut [][..], |part| &mut part[..])
                    }),
                    spare: &mut rest[0],
                });
                variable.weights.copy_from_row_major(w);
                for (slot, part) in slots.iter_mut().zip(kept) {
                    slot.copy_from_row_major(part);
                }
            }
        }
        if self.common.use_ema {
            for &number in trained {
                let average = self.average(own(number));
                let variable = &mut variables[number];
                let weights = variable.weights.flat_mut();
                self.follow(self.average_mode(iteration), variable.slots[average].flat_mut(), weights);
            }
        }
    }
}
