//! [`Model::lr_find`]: the loss over learning rates that rise from step to step, to choose one by.
//!
//! L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3, with exponentially
//! rising rates. The losses of mini-batches are noisy, so each is shown as the mean of all so far with weights
//! that decay by [`DECAY`] a step, divided by the sum of the weights.

use crate::arrays::Arrays;
use crate::data::{Prepared, Weights};
use crate::error::{Error, Result};
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::on_batch::OnBatch;
use std::sync::Arc;
use vanilla_plot::curves::{Along, Figure, Marker, Panel, Series};

/// How fast the smoothed loss forgets: a mean over about 20 steps.
const DECAY: f64 = 0.95;

/// A smoothed loss of this many times the least so far has diverged.
const DIVERGED: f64 = 4.0;

/// Points on each side that a slope is taken from: less than the mean's 20, more than its noise.
const REACH: usize = 3;

/// How to look for a learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrFind {
    min: f64,
    max: f64,
    steps: usize,
    batch_size: usize,
}

impl Default for LrFind {
    fn default() -> Self {
        Self::new()
    }
}

impl LrFind {
    /// From 1e-6 to 10 in 100 steps of 32 rows.
    pub fn new() -> Self {
        Self { min: 1e-6, max: 10.0, steps: 100, batch_size: 32 }
    }

    /// The first rate.
    pub fn min(mut self, rate: f64) -> Self {
        self.min = rate;
        self
    }

    /// The last rate.
    pub fn max(mut self, rate: f64) -> Self {
        self.max = rate;
        self
    }

    /// Steps, each with the same multiple of the rate before.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Rows of a step.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = rows;
        self
    }

    fn check(&self) -> Result<()> {
        let wrong = |problem: String| Err(Error::data("lr_find", problem));
        let Self { min, max, steps, batch_size } = *self;
        if !(min > 0.0 && max > min && max <= f64::from(f32::MAX)) {
            return wrong(format!("rates from {min} to {max}, expected numbers above 0, the second one larger"));
        }
        if steps < 2 {
            return wrong(format!("steps = {steps}, expected at least 2"));
        }
        if batch_size == 0 {
            return wrong("batch_size = 0, expected at least 1 row a step".into());
        }
        Ok(())
    }

    fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps - 1) as f64;
        self.min * libm::pow(self.max / self.min, share)
    }
}

/// The loss at each learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct LrCurve {
    /// The rates, rising.
    pub rates: Vec<f64>,
    /// The loss of each step's batch, before the step.
    pub losses: Vec<f64>,
    /// The same, smoothed.
    pub smoothed: Vec<f64>,
    /// Whether it ended because the loss did not stay finite or rose to four times its least value.
    pub diverged: bool,
}

impl LrCurve {
    /// The rate at which the smoothed loss falls most steeply over the logarithm of the rate, before it is least;
    /// `None` where it never falls. A rate for the beginning of a training, with SGD as it is; whoever is careful
    /// takes less.
    pub fn suggestion(&self) -> Option<f64> {
        let least = (0..self.smoothed.len()).min_by(|a, b| self.smoothed[*a].total_cmp(&self.smoothed[*b]))?;
        let slope = |i: usize| {
            let (from, to) = (i.saturating_sub(REACH), (i + REACH).min(least));
            (self.smoothed[to] - self.smoothed[from]) / (to - from).max(1) as f64
        };
        let steepest = (0..=least).min_by(|a, b| slope(*a).total_cmp(&slope(*b)))?;
        (slope(steepest) < 0.0).then(|| self.rates[steepest])
    }

    /// The loss over the rates, which are on a logarithmic axis. A batch's loss above all smoothed ones is left
    /// out: it would press everything else into a line.
    pub fn figure(&self) -> Figure {
        let most = self.smoothed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let losses: Vec<f64> =
            self.losses.iter().map(|loss| if *loss > most { f64::NAN } else { *loss }).collect();
        let series = |label: &str, marker: Marker, values: &[f64]| Series {
            label: label.into(),
            marker,
            values: values.to_vec(),
        };
        let title = match self.suggestion() {
            Some(rate) => format!("Loss over learning rates; steepest at {rate:.1e}"),
            None => "Loss over learning rates".into(),
        };
        let ends = self.rates.first().zip(self.rates.last());
        let along = ends.map(|(first, last)| Along::Geometric { first: *first, last: *last });
        let panel = Panel {
            title,
            x_label: "Learning rate".into(),
            along: along.unwrap_or_default(),
            y_label: "Loss".into(),
            series: vec![
                series("Loss of a batch", Marker::Cross, &losses),
                series("Smoothed", Marker::Circle, &self.smoothed),
            ],
        };
        Figure { panels: vec![panel] }
    }
}

impl Model {
    /// The loss over learning rates that rise exponentially from step to step, until it diverges. Afterwards the
    /// model is as it was: weights, optimizer, rate, steps and the order of the rows to come.
    ///
    /// ```
    /// use vanilla::prelude::*;
    /// use vanilla::LrFind;
    /// let x: Vec<f32> = (0..256).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    /// let y: Vec<f32> = x.chunks(2).map(|x| 3.0 * x[0] - x[1]).collect();
    /// let (x, y) = (Tensor::new(x, [128, 2])?, Tensor::new(y, [128, 1])?);
    /// let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)])?;
    /// model.compile("mse", "sgd", ["mae"])?;
    /// let curve = model.lr_find(&x, &y, LrFind::new().min(1e-6).max(10.0).steps(100).batch_size(64))?;
    /// assert!(curve.diverged);
    /// let rate = curve.suggestion().expect("the loss falls");
    /// assert!(rate > 1e-3 && rate < 1.0);
    /// println!("{}", curve.figure().to_terminal(80, false));
    /// model.set_learning_rate(rate as f32)?;
    /// # Ok::<(), vanilla::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::fit`], and when the options make no sense. A loss that is not finite is none: it ends the
    /// search.
    pub fn lr_find(&mut self, x: impl Into<Arrays>, y: impl Into<Arrays>, options: LrFind) -> Result<LrCurve> {
        options.check()?;
        let (x, y) = (x.into(), y.into());
        self.build_for(&x)?;
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let data = Prepared::new("lr_find", built, compiled, &x, &y, Weights::default())?;
        let (params, engine, attached) = (built.params.clone(), compiled.optimizer.clone(), compiled.attached);
        let curve = self.rise(&data, options);
        // Whatever became of it.
        *self.params_mut()? = params;
        let compiled = self.compiled.as_mut().ok_or(NOT_COMPILED)?;
        (compiled.optimizer, compiled.attached) = (engine, attached);
        self.on_batch = OnBatch::default();
        curve
    }

    /// Trains with the rates, and leaves the model where that leads.
    fn rise(&mut self, data: &Prepared, options: LrFind) -> Result<LrCurve> {
        let batch_size = options.batch_size.min(data.rows);
        self.attach_optimizer();
        let kernels = self.kernels(batch_size, true)?;
        let mut plan = self.training_plan(batch_size)?;
        let view = data.view();
        let batches = data.rows.div_ceil(batch_size);
        let mut order = Vec::new();
        let mut curve = LrCurve { rates: Vec::new(), losses: Vec::new(), smoothed: Vec::new(), diverged: false };
        let (mut sum, mut weight, mut least) = (0.0, 0.0, f64::INFINITY);
        for step in 0..options.steps {
            if step % batches == 0 {
                order = self.order(self.epochs_done + (step / batches) as u64, data.rows, true);
            }
            let rate = options.rate(step);
            let built = self.built.as_ref().ok_or(NOT_BUILT)?;
            let engine = &self.compiled.as_ref().ok_or(NOT_COMPILED)?.optimizer;
            plan.set_optimizer(Arc::new(engine.with_learning_rate(rate as f32).bind(&built.variables)));
            let start = step % batches * batch_size;
            let rows = &order[start..(start + batch_size).min(data.rows)];
            let Ok(loss) = plan.run(&kernels, self.params_mut()?, view.batch(rows, &[])) else {
                curve.diverged = true;
                break;
            };
            sum = DECAY * sum + (1.0 - DECAY) * f64::from(loss);
            weight = DECAY * weight + (1.0 - DECAY);
            let smoothed = sum / weight;
            least = smoothed.min(least);
            curve.rates.push(rate);
            curve.losses.push(f64::from(loss));
            curve.smoothed.push(smoothed);
            if smoothed > DIVERGED * least {
                curve.diverged = true;
                break;
            }
        }
        Ok(curve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Dense, Dropout};
    use crate::optimizers::Adam;
    use crate::{Fit, Sequential, Tensor};

    fn data() -> (Tensor, Tensor) {
        let x: Vec<f32> = (0..60).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let y: Vec<f32> = x.chunks(3).map(|x| x[0] - 2.0 * x[1] + x[2] * x[0]).collect();
        (Tensor::new(x, [20, 3]).unwrap(), Tensor::new(y, [20, 1]).unwrap())
    }

    fn model() -> Model {
        let layers =
            crate::layers![Dense::new(8).activation("tanh").input_dim(3), Dropout::new(0.2), Dense::new(1)];
        let mut model = Sequential::new(layers).unwrap().with_seed(4).unwrap();
        model.compile("mse", Adam::new(0.01).ema(0.9), ["mae"]).unwrap();
        model
    }

    #[test]
    fn nothing_is_left_of_it() {
        let (x, y) = data();
        let fit = |model: &mut Model| {
            let history = model.fit(&x, &y, Fit::new().epochs(2).batch_size(6).verbose(0)).unwrap();
            (history.history, model.to_keras().unwrap())
        };
        let (mut with, mut without) = (model(), model());
        let find = |model: &mut Model| model.lr_find(&x, &y, LrFind::new().batch_size(6)).unwrap();
        // Before the first step, and between two trainings.
        for _ in 0..2 {
            let first = find(&mut with);
            assert_eq!(first, find(&mut with));
            assert!(fit(&mut with) == fit(&mut without));
        }
        // Where it fails, too.
        let error = with.lr_find(&x, &x, LrFind::new()).unwrap_err().to_string();
        assert!(error.starts_with("lr_find: y has the shape [20, 3]"), "{error}");
        assert!(with.to_keras().unwrap() == without.to_keras().unwrap());
    }

    #[test]
    fn the_curve() {
        let (x, y) = data();
        let curve = model().lr_find(&x, &y, LrFind::new().max(1e6).steps(200)).unwrap();
        assert!(curve.diverged && curve.rates.len() < 200);
        assert_eq!((curve.rates.len(), curve.rates.len()), (curve.losses.len(), curve.smoothed.len()));
        assert!((curve.rates[1] / curve.rates[0] - curve.rates[50] / curve.rates[49]).abs() < 1e-12);
        assert_eq!(curve.smoothed[0], curve.losses[0]);
        let mean = (0.95 * curve.losses[0] + curve.losses[1]) / 1.95;
        assert!((curve.smoothed[1] - mean).abs() < 1e-12);
        let rate = curve.suggestion().unwrap();
        assert!((1e-3..1.0).contains(&rate), "{rate}");
        assert!(curve.figure().to_svg().contains("Learning rate"));
    }

    /// A loss that falls along a straight line only between two rates.
    #[test]
    fn the_steepest_descent() {
        let rates: Vec<f64> = (0..40).map(f64::from).collect();
        let loss = |i: usize| match i {
            0..20 => 5.0 - 0.01 * i as f64,
            20..30 => 5.0 - 0.4 * (i - 20) as f64,
            _ => 1.0 + (i - 29) as f64,
        };
        let smoothed: Vec<f64> = (0..40).map(loss).collect();
        let curve = LrCurve { rates, losses: smoothed.clone(), smoothed, diverged: true };
        assert!((23.0..=26.0).contains(&curve.suggestion().unwrap()), "{:?}", curve.suggestion());
        let flat = LrCurve { losses: vec![1.0; 40], smoothed: vec![1.0; 40], ..curve };
        assert_eq!(flat.suggestion(), None);
    }

    #[test]
    fn options_that_make_no_sense() {
        let (x, y) = data();
        for (options, want) in [
            (LrFind::new().min(0.0), "rates from 0 to 10, expected numbers above 0"),
            (LrFind::new().min(1.0).max(f64::NAN), "rates from 1 to NaN"),
            (LrFind::new().steps(1), "steps = 1, expected at least 2"),
            (LrFind::new().batch_size(0), "batch_size = 0"),
        ] {
            let error = model().lr_find(&x, &y, options).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
