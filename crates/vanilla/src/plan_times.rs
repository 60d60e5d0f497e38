//! Where the microseconds of a training step go.

use crate::arrays::Arrays;
use crate::data::{Prepared, Weights};
use crate::error::Result;
use crate::losses::Targets;
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use std::fmt::Write as _;
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
    ) -> Result<String> {
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
        let (mut steps, mut start) = (0, Instant::now());
        for index in 0.. {
            if index == WARM_UP {
                plan.measure();
                (steps, start) = (0, Instant::now());
            }
            if index >= WARM_UP + 10 && start.elapsed() >= MEASURED {
                break;
            }
            let (now, next) = (batches[index % batches.len()], batches[(index + 1) % batches.len()]);
            let batch = match &view {
                Some(view) => view.batch(now, next),
                None => Batch { x: &x, y: &y, weights: &[], rows: now, next },
            };
            plan.run(&kernels, &mut params, batch).map_err(|trouble| {
                let cause = "give data that the model can learn".to_owned();
                crate::Error::Diverged { trouble, epoch: 1, batch: index + 1, cause }
            })?;
            steps += 1;
        }
        let all = start.elapsed();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / steps as f64;
        let times = plan.times().unwrap_or_default();
        let text = plan.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let head = lines.len() - plan.steps().len();
        let mut out = format!("{}   {}\n", lines[0], self.machine(batch_size)?);
        lines[1..head].iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
        let _ = writeln!(out, "{:>9} {:>9} {:>6}", "us", "GFLOP/s", "share");
        let (mut total, mut work) = (0.0, 0.0);
        for ((step, time), line) in plan.steps().iter().zip(times).zip(&lines[head..]) {
            let (micros, flops) = (each(*time), flops(step, &built.network, batch_size));
            let speed = if flops > 0.0 { format!("{:.1}", flops / micros.max(1e-3) / 1e3) } else { String::new() };
            let share = 100.0 * time.as_secs_f64() / all.as_secs_f64();
            let _ = writeln!(out, "{micros:>9.1} {speed:>9} {share:>5.1}%  {line}");
            (total, work) = (total + micros, work + flops);
        }
        let between = each(all) - total;
        let _ = writeln!(out, "{between:>9.1} {:>9} {:>5.1}%  between the steps", "", 100.0 * between / each(all));
        let speed = work / each(all) / 1e3;
        let _ = writeln!(out, "{:>9.1} {speed:>9.1}  100%   a step of {batch_size} rows", each(all));
        Ok(out)
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
