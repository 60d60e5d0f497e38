//! Where the microseconds of a training step go.

use crate::arrays::Arrays;
use crate::data::{Prepared, Weights};
use crate::error::Result;
use crate::losses::Targets;
use crate::machine::Machine;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use std::fmt;
use std::time::{Duration, Instant};
use vanilla_plan::kernels::Source;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::{Batch, Network, Passes, Step};

/// Steps before the first that is measured: caches and moments fill.
const WARM_UP: usize = 50;
/// Then for so long, but at least ten steps.
const MEASURED: Duration = Duration::from_millis(1000);

/// Rows of numbers, as a plan reads them.
struct Tables {
    x: Vec<Vec<f32>>,
    y: Vec<Vec<f32>>,
    rows: usize,
}

/// A training step and how long its parts take.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlanTimes {
    /// The head of the plan: what is trained, and its weights.
    pub head: String,
    /// Rows of a batch.
    pub rows: usize,
    /// The steps of the plan.
    pub steps: Vec<StepTime>,
    /// Seconds of every whole step that was measured, in their order.
    pub seconds: Vec<f64>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepTime {
    /// As the plan prints it.
    pub text: String,
    /// Mean seconds.
    pub seconds: f64,
    /// Floating-point operations of its products as if nothing were zero, a multiply-add counted as 2.
    pub flops: f64,
}

impl Model {
    /// As [`Model::plan`], with the time that each step takes in training, its GFLOP/s (products counted as if nothing
    /// were zero, 2 a multiply-add) and its share. It trains a copy of the weights for about a second: on these
    /// samples if there are any, else on made-up ones. Where products pass over zeros, real data tell more.
    ///
    /// # Errors
    /// When the model is not built or not compiled, the data do not fit, or the loss is not finite.
    pub fn plan_with_times(
        &self,
        batch_size: usize,
        reference: bool,
        data: Option<(&Arrays, &Arrays)>,
    ) -> Result<PlanTimes> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let passes = if reference { Passes::NONE } else { Passes::ALL };
        let mut plan = self.plan_of_a_step(batch_size, passes)?;
        let kernels = self.kernels(batch_size, true)?;
        let mut params = built.params.clone();
        if !compiled.attached {
            params.attach(&compiled.optimizer.bind(&built.variables));
        }
        let prepared = match data {
            Some((x, y)) => Some(Prepared::new("plan", built, compiled, x, y, Weights::default())?),
            None => None,
        };
        let made_up = self.made_up(batch_size * 16)?;
        let rows = prepared.as_ref().map_or(made_up.rows, |prepared| prepared.rows);
        let batch_size = batch_size.min(rows);
        let view = prepared.as_ref().map(Prepared::view);
        let (x, y): (Vec<Source<'_>>, Vec<&[f32]>) =
            (made_up.x.iter().map(|x| Source::F32(x)).collect(), made_up.y.iter().map(Vec::as_slice).collect());
        let order = self.order(0, rows, true);
        let batches: Vec<&[usize]> = order.chunks_exact(batch_size).collect();
        let (mut seconds, mut begin) = (Vec::new(), Instant::now());
        for index in 0.. {
            if index == WARM_UP {
                plan.measure();
                seconds.clear();
                begin = Instant::now();
            }
            if index >= WARM_UP + 10 && begin.elapsed() >= MEASURED {
                break;
            }
            let (now, next) = (batches[index % batches.len()], batches[(index + 1) % batches.len()]);
            let batch = match &view {
                Some(view) => view.batch(now, next),
                None => Batch { x: &x, y: &y, weights: &[], rows: now, next },
            };
            let start = Instant::now();
            plan.run(&kernels, &mut params, batch).map_err(|trouble| {
                let cause = "give data that the model can learn".to_owned();
                crate::Error::Diverged { trouble, epoch: 1, batch: index + 1, cause }
            })?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        let text = plan.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let (head, steps) = lines.split_at(lines.len() - plan.steps().len());
        let mut head = head.join("\n");
        head.insert_str(lines[0].len(), &format!("   {}", self.machine(batch_size)?));
        let steps = plan.steps().iter().zip(plan.times().unwrap_or_default()).zip(steps);
        let steps = steps.map(|((step, time), text)| StepTime {
            text: (*text).to_owned(),
            seconds: time.as_secs_f64() / seconds.len() as f64,
            flops: flops(step, &built.network, batch_size),
        });
        Ok(PlanTimes { head, rows: batch_size, steps: steps.collect(), seconds })
    }

    /// Samples that this model takes: even noise, and targets of its losses.
    fn made_up(&self, rows: usize) -> Result<Tables> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let mut random = Stream::new(0, 0);
        let mut x = Vec::new();
        for front in &built.fronts {
            let mut one = || match &front.below {
                Some((below, _)) => random.below((*below).max(1) as u64) as f32,
                None => random.uniform() as f32,
            };
            x.push((0..rows * front.width).map(|_| one()).collect());
        }
        let mut y = Vec::new();
        for (output, loss) in built.network.outputs.iter().zip(&compiled.losses) {
            let form = built.network.form(*output);
            let Some(loss) = loss else {
                y.push(Vec::new());
                continue;
            };
            let width = loss.loss.target_width(form.cols);
            let mut table = vec![0.0; rows * form.groups * width];
            for row in table.chunks_mut(width.max(1)) {
                match loss.loss.targets() {
                    Targets::ClassNumber => row[0] = random.below(form.cols.max(1) as u64) as f32,
                    Targets::OneHot => row[random.below(width as u64) as usize] = 1.0,
                    _ => row.iter_mut().for_each(|y| *y = random.uniform() as f32),
                }
            }
            loss.loss.prepare(&mut table);
            y.push(table);
        }
        Ok(Tables { x, y, rows })
    }
}

impl PlanTimes {
    /// Seconds of the fastest whole step.
    pub fn best_seconds(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Seconds of the median step.
    pub fn median_seconds(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Floating-point operations of all products a second, in the median step.
    pub fn flops(&self) -> f64 {
        self.steps.iter().map(|step| step.flops).sum::<f64>() / self.median_seconds()
    }

    /// [`PlanTimes::flops`] as a share of what this machine can do in registers. Products with zeros count, though they
    /// are passed over.
    pub fn share_of_peak(&self, machine: &Machine) -> f64 {
        self.flops() / machine.fma_peak
    }
}

impl fmt::Display for PlanTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
        writeln!(f, "{:>9} {:>9} {:>6}", "us", "GFLOP/s", "share")?;
        let whole = self.seconds.iter().sum::<f64>() / self.seconds.len().max(1) as f64;
        let speed = |flops: f64, seconds: f64| match flops {
            0.0 => String::new(),
            flops => format!("{:.1}", flops / seconds.max(1e-9) / 1e9),
        };
        let mut line = |seconds: f64, flops: f64, text: &str| {
            let (us, speed, share) = (seconds * 1e6, speed(flops, seconds), 100.0 * seconds / whole);
            writeln!(f, "{us:>9.1} {speed:>9} {share:>5.1}%  {text}")
        };
        let (mut sum, mut flops) = (0.0, 0.0);
        let mut lines = Vec::new();
        for step in &self.steps {
            lines.push((step.seconds, step.flops, step.text.as_str()));
            (sum, flops) = (sum + step.seconds, flops + step.flops);
        }
        lines.push((whole - sum, 0.0, "between the steps"));
        let last = format!("a step of {} rows, on average", self.rows);
        lines.push((whole, flops, &last));
        lines.into_iter().try_for_each(|(seconds, flops, text)| line(seconds, flops, text))?;
        let (best, median) = (self.best_seconds() * 1e6, self.median_seconds() * 1e6);
        writeln!(f, "of {} steps the best took {best:.1} us, the median one {median:.1} us", self.seconds.len())
    }
}

/// Floating-point operations of a step's products.
fn flops(step: &Step, network: &Network, samples: usize) -> f64 {
    let product = |value: usize, kernel: usize| {
        let kernel = &network.variables[kernel];
        2.0 * (samples * network.form(value).groups * kernel.rows * kernel.cols) as f64
    };
    match step {
        Step::Affine { x, kernel, .. } | Step::GradW { x, kernel, .. } => product(*x, *kernel),
        Step::GradX { y, kernel, .. } => product(*y, *kernel),
        _ => 0.0,
    }
}
