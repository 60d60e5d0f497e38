//! The contracts of what a training is made of: losses, metrics, optimizers, schedules, callbacks.

use super::{Problems, near, slope_agrees};
use crate::callbacks::{self, Callback};
use crate::config::{Keys, keys, name_and_keys};
use crate::error::Error;
use crate::layers::Dense;
use crate::losses::{self, Loss, LossArg, Targets};
use crate::metrics::{self, Metric, MetricArg, Row};
use crate::model::{Model, Sequential};
use crate::optimizers::{self, Engine, OptimizerArg, SGD, Step, Whole};
use crate::options::Fit;
use crate::registry::Registry;
use crate::schedules::{self, Schedule};
use crate::tensor::Tensor;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::kernels::{Isa, Kernels, MAX_SLOTS};
use vanilla_plan::{Joined, Link, Start};

/// Gradients of losses may differ from differences in f32 by this share of the largest.
const SLOPE: f64 = 5e-3;

/// The step of those differences, of a prediction or of 1/8, whichever is larger.
const STEP: f32 = 1.0 / 1024.0;

fn kernels() -> Kernels {
    Kernels::new(Isa::best(), 1).expect("the best instruction set is there")
}

fn uniform(stream: &mut Stream, count: usize, from: f32, to: f32) -> Vec<f32> {
    (0..count).map(|_| from + (to - from) * stream.uniform() as f32).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Reads the keys that a word writes, which are the same again, and refuses others.
fn description(problems: &mut Problems, keys: &Keys, read: impl Fn(Keys) -> Result<Keys, Error>) {
    let written = serde_json::Value::from(keys.clone());
    match problems.calm("reading its own keys", || read(keys.clone())) {
        Some(Err(error)) => {
            problems.push(format!("reading its own keys {written}: {error}; expected the same word"))
        }
        Some(Ok(again)) if again != *keys => {
            let again = serde_json::Value::from(again);
            problems.push(format!("reads its keys as {again}, expected {written}"));
        }
        _ => {}
    }
    let strange = keys.clone().into_iter().chain(keys! { "no_such_key": 1 }).collect();
    match problems.calm("reading a key that it has not", || read(strange)) {
        Some(Ok(_)) => problems.push("accepts the key no_such_key, expected an error"),
        Some(Err(error)) => problems.one_line("a key that it has not", &error),
        None => {}
    }
}

/// The contract of a loss.
///
/// - The description reads the keys that it writes, and refuses others.
/// - Values and gradients are finite, the same each time, and not a number where a prediction is not a number, or a
///   training that diverges would go on unseen.
/// - Gradients equal differences (5e-3 of the largest, in f32), also those by logits where it
///   [joins](vanilla_plan::Loss::joins) a function; there the value is the one of [`row`](vanilla_plan::Loss::row).
///
/// # Errors
/// What is wrong, a line each.
pub fn check_loss(loss: impl Into<LossArg>, registry: &Registry) -> Result<(), Problems> {
    let loss = match loss.into().resolve(registry) {
        Ok((loss, ..)) => loss,
        Err(error) => return Err(Problems::no_word("loss", &error)),
    };
    let mut problems = Problems::of(loss.class_name());
    description(&mut problems, &loss.config(), |keys| {
        losses::from_config(loss.class_name(), keys, registry).map(|(again, _)| again.config())
    });
    let mut found = Problems::of("");
    problems.calm("running the loss", || {
        let kernels = kernels();
        for outputs in [1, 2, 5, 33].into_iter().skip(usize::from(loss.targets() != Targets::Numbers)) {
            let mut stream = Stream::new(5, outputs as u64);
            check_values(&*loss, &kernels, outputs, &mut stream, &mut found);
            for link in [Link::Softmax, Link::Sigmoid].into_iter().filter(|link| loss.joins(*link)) {
                check_joined(&*loss, &kernels, link, outputs, &mut stream, &mut found);
            }
        }
    });
    found.lines.into_iter().for_each(|line| problems.push(line));
    problems.end()
}

/// Targets of so many rows, as the loss takes them.
fn targets(loss: &dyn Loss, rows: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    let class = |stream: &mut Stream| stream.below(outputs as u64) as usize;
    let mut targets = match loss.targets() {
        Targets::ClassNumber => (0..rows).map(|_| class(stream) as f32).collect(),
        Targets::OneHot => {
            let mut targets = vec![0.0; rows * outputs];
            targets.chunks_mut(outputs).for_each(|row| row[class(stream)] = 1.0);
            targets
        }
        Targets::Numbers => (0..rows * outputs).map(|_| stream.below(2) as f32).collect(),
    };
    loss.prepare(&mut targets);
    targets
}

/// Predictions of so many rows that the loss makes sense for.
fn predictions(loss: &dyn Loss, rows: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    if loss.wants_logits() {
        return uniform(stream, rows * outputs, -2.0, 2.0);
    }
    let mut p = uniform(stream, rows * outputs, 0.1, 0.9);
    if loss.targets() != Targets::Numbers {
        for row in p.chunks_mut(outputs) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
    }
    p
}

/// A line for the first element whose gradient is not what the values say.
fn check_differences(x: &[f32], d: &[f32], what: &str, found: &mut Problems, value: impl Fn(&[f32]) -> f32) {
    let largest = d.iter().fold(0.0, |largest: f32, d| largest.max(d.abs()));
    let here = f64::from(value(x));
    for (i, got) in d.iter().enumerate() {
        let step = STEP * x[i].abs().max(0.125);
        let at = |shift: f32| {
            let mut moved = x.to_vec();
            moved[i] += shift;
            (f64::from(value(&moved)), f64::from(moved[i]) - f64::from(x[i]))
        };
        let ([low, back], [high, forth]) = (<[f64; 2]>::from(at(-step)), <[f64; 2]>::from(at(step)));
        let (left, right) = ((low - here) / back, (high - here) / forth);
        let rounding = 4.0 * f64::from(f32::EPSILON) * here.abs() / f64::from(step);
        if !slope_agrees(f64::from(*got), left, right, SLOPE * f64::from(largest) + rounding) {
            let want = f64::midpoint(left, right);
            found.push(format!("gradient by {what} {i} of {}: {got}, expected {want:.6}", x.len()));
            return;
        }
    }
}

fn check_values(loss: &dyn Loss, kernels: &Kernels, outputs: usize, stream: &mut Stream, found: &mut Problems) {
    let rows = if loss.whole() { 4 } else { 1 };
    let target = targets(loss, rows, outputs, stream);
    let p = predictions(loss, rows, outputs, stream);
    let run = |p: &[f32]| {
        let mut d = vec![f32::NAN; p.len()];
        let value = if loss.whole() {
            loss.batch(&target, p, outputs, &mut d)
        } else {
            loss.row(kernels, &target, p, &mut d)
        };
        (value, d)
    };
    let (value, d) = run(&p);
    if !value.is_finite() || d.iter().any(|d| !d.is_finite()) {
        found.push(format!("with {outputs} outputs the loss is {value} and its gradient {d:?}, expected numbers"));
        return;
    }
    let (again, d_again) = run(&p);
    if (again.to_bits(), bits(&d_again)) != (value.to_bits(), bits(&d)) {
        found.push("the same prediction has another loss or gradient the second time");
    }
    check_differences(&p, &d, "prediction", found, |p| run(p).0);
    let (nan, _) = run(&vec![f32::NAN; p.len()]);
    if !nan.is_nan() {
        found.push(format!("the loss of NaN is {nan}, expected NaN: a diverged training must be seen"));
    }
}

fn check_joined(
    loss: &dyn Loss,
    kernels: &Kernels,
    link: Link,
    outputs: usize,
    stream: &mut Stream,
    found: &mut Problems,
) {
    let target = targets(loss, 1, outputs, stream);
    let logits = uniform(stream, outputs, -2.0, 2.0);
    let run = |logits: &[f32]| {
        let (mut p, mut d) = (vec![f32::NAN; outputs], vec![f32::NAN; outputs]);
        let value = loss.row_from_logits(&Joined::new(kernels, link, logits, &mut p), &target, &mut d);
        (value, p, d)
    };
    let (value, p, d) = run(&logits);
    let apart = loss.row(kernels, &target, &p, &mut vec![0.0; outputs]);
    if !near(value, f64::from(apart), 1e-4 * f64::from(apart).abs().max(1.0)) {
        found.push(format!(
            "from logits of {link:?} the loss is {value}, expected that of the prediction: {apart}"
        ));
    }
    check_differences(&logits, &d, "logit", found, |logits| run(logits).0);
}

/// The contract of a metric.
///
/// - The description reads the keys that it writes, and refuses others.
/// - It takes targets and outputs of some widths, and keeps as many sums as it says.
/// - Results are finite, with names that differ, also before anything was seen.
/// - They do not depend on the order of the samples (1e-9); a sample that counts twice counts as two, and one that
///   counts nothing does not count.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_metric(metric: impl Into<MetricArg>, registry: &Registry) -> Result<(), Problems> {
    let metric = match metric.into() {
        MetricArg::Is(metric) => Ok(metric),
        MetricArg::Config(value) => match name_and_keys(&value) {
            Some((word, keys)) => metrics::from_config(&word, keys, registry).map(|(metric, _)| metric),
            None => Err(Error::config("metrics", format!("{value}, expected a name such as \"mae\""))),
        },
    };
    let metric = metric.map_err(|error| Problems::no_word("metric", &error))?;
    let mut problems = Problems::of(metric.class_name());
    if metric.name().is_empty() {
        problems.push("has an empty name, expected a word");
    }
    description(&mut problems, &metric.config(), |keys| {
        metrics::from_config(metric.class_name(), keys, registry).map(|(again, _)| again.config())
    });
    let mut found = Problems::of("");
    let mut taken = false;
    problems.calm("running the metric", || {
        for (target, outputs) in [(1, 1), (1, 2), (2, 2), (1, 4), (4, 4)] {
            if metric.check(target, outputs).is_ok() {
                taken = true;
                check_sums(&*metric, target, outputs, &mut found);
            }
        }
    });
    found.lines.into_iter().for_each(|line| problems.push(line));
    if !taken {
        problems.push("takes no targets and outputs, expected some: of 1 and 4 columns, or as many as outputs");
    }
    problems.end()
}

fn check_sums(metric: &dyn Metric, target: usize, outputs: usize, found: &mut Problems) {
    let mut stream = Stream::new(3, (10 * target + outputs) as u64);
    let samples: Vec<(Vec<f32>, Vec<f32>)> = (0..24)
        .map(|_| {
            let class = stream.below(outputs.max(2) as u64) as usize;
            let targets = if target == 1 {
                vec![class as f32]
            } else {
                (0..target).map(|i| f32::from(i == class)).collect()
            };
            let mut output = uniform(&mut stream, outputs, 0.05, 0.95);
            let sum: f32 = if outputs > 1 { output.iter().sum() } else { 1.0 };
            output.iter_mut().for_each(|p| *p /= sum);
            (targets, output)
        })
        .collect();
    let place = format!("with {target} targets and {outputs} outputs");
    let all: Vec<(usize, f64)> = (0..samples.len()).map(|i| (i, 1.0)).collect();
    let run = |order: &[(usize, f64)]| {
        let mut sums = vec![0.0; metric.sums(target, outputs)];
        for (i, weight) in order {
            metric.observe(&Row::new(&samples[*i].0, &samples[*i].1), *weight, &mut sums);
        }
        metric.results(&sums)
    };
    let want = run(&all);
    for (state, results) in [("before anything was seen", run(&[])), ("of 24 samples", want.clone())] {
        for (behind, value) in &results {
            if !value.is_finite() {
                found.push(format!("{place} the result{behind} {state} is {value}, expected a number"));
            }
        }
        let mut names: Vec<&String> = results.iter().map(|(behind, _)| behind).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) || names.is_empty() {
            found.push(format!("{place} the results {state} are called {names:?}, expected names that differ"));
        }
    }
    let reversed: Vec<(usize, f64)> = all.iter().rev().copied().collect();
    let nothing: Vec<(usize, f64)> = all.iter().copied().chain((0..8).map(|i| (i, 0.0))).collect();
    let first_twice: Vec<(usize, f64)> = all.iter().map(|(i, _)| (*i, if *i < 8 { 2.0 } else { 1.0 })).collect();
    let again: Vec<(usize, f64)> = all.iter().copied().chain(all[..8].iter().copied()).collect();
    let twice = run(&again);
    for (what, got, want) in [
        ("in the other order", run(&reversed), &want),
        ("with samples that count nothing", run(&nothing), &want),
        ("with samples that count twice", run(&first_twice), &twice),
    ] {
        let same = |((a, got), (b, want)): (&(String, f64), &(String, f64))| {
            a == b && (got - want).abs() <= 1e-9 * want.abs().max(1.0)
        };
        if got.len() != want.len() || !got.iter().zip(want).all(same) {
            found.push(format!("{place} the result is {got:?} {what}, expected {want:?}"));
        }
    }
}

/// The contract of an optimizer.
///
/// - The description reads the keys that it writes, with those that all optimizers have, and refuses others.
/// - It keeps at most [`MAX_SLOTS`] values a weight, of the variable's own shape, with names that differ; a rule for
///   [whole](optimizers::Optimizer::whole) variables may shape them as it likes.
/// - Steps are finite, go against gradients that stay the same, and have the same bits each time; unless the rule is
///   one for whole variables, also where a variable comes in pieces.
/// - Where a gradient is not a number, the weight is not one either, or a training that diverges would go on unseen.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_optimizer(optimizer: impl Into<OptimizerArg>, registry: &Registry) -> Result<(), Problems> {
    let rule = optimizer.into().resolve(registry).map_err(|error| Problems::no_word("optimizer", &error))?;
    let mut problems = Problems::of(rule.class_name());
    let keys_of =
        |engine: &Engine| optimizers::to_config(engine)["config"].as_object().cloned().unwrap_or_default();
    let engine = Engine::new(rule.clone());
    description(&mut problems, &keys_of(&engine), |keys| {
        optimizers::from_config_with(rule.class_name(), keys, registry).map(|again| keys_of(&Engine::new(again)))
    });
    let mut found = Problems::of("");
    problems.calm("running the optimizer", || {
        for shape in [&[6, 5][..], &[37]] {
            check_steps(&*rule, &engine, shape, &mut found);
        }
    });
    found.lines.into_iter().for_each(|line| problems.push(line));
    problems.end()
}

/// A variable and what is kept for it, after steps with these gradients.
fn moved(
    rule: &dyn optimizers::Optimizer,
    engine: &Engine,
    shape: &[usize],
    w: &[f32],
    gradients: &[Vec<f32>],
    piece: usize,
) -> Vec<f32> {
    let (kernels, mut w) = (kernels(), w.to_vec());
    let mut slots: Vec<Vec<f32>> = rule
        .slots("dense/kernel", shape)
        .into_iter()
        .map(|slot| match slot.start {
            Start::At(value) => vec![value; slot.shape.iter().product()],
            Start::Weights => w.clone(),
        })
        .collect();
    let mut spare = Vec::new();
    for (done, g) in gradients.iter().enumerate() {
        let step = Step { number: done as u64 + 1, learning_rate: engine.learning_rate(done as u64) };
        let coefficients = rule.coefficients(step);
        if rule.whole() {
            let mut slots = slots.iter_mut();
            rule.update_variable(Whole {
                kernels: &kernels,
                coefficients: &coefficients,
                name: "dense/kernel",
                shape,
                w: &mut w,
                g: &mut g.clone(),
                slots: std::array::from_fn(|_| slots.next().map_or(&mut [][..], |slot| &mut slot[..])),
                spare: &mut spare,
            });
            continue;
        }
        for start in (0..w.len()).step_by(piece) {
            let end = (start + piece).min(w.len());
            let mut slots = slots.iter_mut();
            let mut parts =
                std::array::from_fn(|_| slots.next().map_or(&mut [][..], |slot| &mut slot[start..end]));
            rule.update(&kernels, &coefficients, &mut w[start..end], &g[start..end], &mut parts);
        }
    }
    w
}

fn check_steps(rule: &dyn optimizers::Optimizer, engine: &Engine, shape: &[usize], found: &mut Problems) {
    let slots = rule.slots("dense/kernel", shape);
    if slots.len() > MAX_SLOTS {
        found.push(format!("keeps {} values a weight, expected at most {MAX_SLOTS}", slots.len()));
        return;
    }
    for (i, slot) in slots.iter().enumerate() {
        if !rule.whole() && slot.shape != shape {
            found.push(format!("the slot {} of a variable {shape:?} is {:?}", slot.name, slot.shape));
            return;
        }
        if slots[..i].iter().any(|before| before.name == slot.name) {
            found.push(format!("has two slots of the name {}, expected names that differ", slot.name));
        }
    }
    let mut stream = Stream::new(9, shape.len() as u64);
    let count: usize = shape.iter().product();
    let w = uniform(&mut stream, count, -1.0, 1.0);
    let run = |gradients: &[Vec<f32>], piece| moved(rule, engine, shape, &w, gradients, piece);
    let random: Vec<Vec<f32>> = (0..6).map(|_| uniform(&mut stream, count, -1.0, 1.0)).collect();
    let want = run(&random, count);
    for piece in [count, 16, 5, 1] {
        if bits(&run(&random, piece)) != bits(&want) {
            found.push(format!("a variable {shape:?} in pieces of {piece} has other bits, expected the same"));
            break;
        }
    }
    let same = vec![random[0].clone(); 20];
    for (what, gradients) in [("random", &random), ("the same", &same), ("zero", &vec![vec![0.0; count]; 4])] {
        if let Some(w) = run(gradients, count).iter().find(|w| !w.is_finite()) {
            found.push(format!("gradients that are {what} make a weight {w}, expected a number"));
        }
    }
    // From nothing: Ftrl's weights do not depend on where they were.
    let from_zero = moved(rule, engine, shape, &vec![0.0; count], &same, count);
    let along: f32 = from_zero.iter().zip(&same[0]).map(|(w, g)| w * g).sum();
    if along.is_nan() || along >= 0.0 {
        found.push(format!("20 steps go by {along} along a gradient that stays the same, expected against it"));
    }
    let mut nan = random[0].clone();
    nan[3] = f32::NAN;
    if !run(&[nan], count)[3].is_nan() {
        found.push("a gradient of NaN leaves a weight a number, expected NaN: a diverged training must be seen");
    }
}

/// The contract of a schedule.
///
/// - The description reads the keys that it writes, refuses others, and gives the same rates.
/// - Rates of steps up to the last possible are finite, and not below 0.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_schedule(schedule: &dyn Schedule, registry: &Registry) -> Result<(), Problems> {
    let mut problems = Problems::of(schedule.class_name());
    if let Err(problem) = schedule.check() {
        problems.push(format!("refuses itself: {problem}"));
        return problems.end();
    }
    let read = |keys| schedules::from_config(schedule.class_name(), keys, registry);
    description(&mut problems, &schedule.config(), |keys| read(keys).map(|again| again.config()));
    let again = read(schedule.config()).ok();
    for step in (0..200).chain([1_000, 123_457, 1_000_000, u64::from(u32::MAX), u64::MAX]) {
        let Some(rate) = problems.calm(&format!("step {step}"), || schedule.at(step)) else { break };
        if !(rate.is_finite() && rate >= 0.0) {
            problems.push(format!("the rate of step {step} is {rate}, expected a number that is not below 0"));
            break;
        }
        if again.as_ref().is_some_and(|again| again.at(step).to_bits() != rate.to_bits()) {
            problems.push(format!("has another rate at step {step} when read, expected {rate}"));
            break;
        }
    }
    problems.end()
}

/// The contract of a callback, of which `make` makes new ones.
///
/// - The description reads the keys that it writes, and refuses others. One that cannot stand in a file (functions
///   cannot) is checked with [`Registry::new`] without it, where it must be refused in one line.
/// - A training with it ends without an error or panic, and again with the same numbers.
/// - The state of one, given to a new one, is its state.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_callback<C: Callback + 'static>(make: impl Fn() -> C, registry: &Registry) -> Result<(), Problems> {
    let callback = make();
    let class = callback.class_name().to_owned();
    let mut problems = Problems::of(&class);
    let own = callback.config();
    let read = |keys| callbacks::from_config(&class, keys, registry);
    match problems.calm("reading its own keys", || read(own.clone())) {
        Some(Err(error)) => problems.one_line("it cannot stand in a file", &error),
        Some(Ok(_)) => description(&mut problems, &own, |keys| read(keys).map(|again| again.config())),
        None => {}
    }
    let trained = |problems: &mut Problems| {
        let fit = Fit::new().epochs(5).batch_size(4).verbose(0).callback(make());
        match problems.calm("a training", || train(&fit)) {
            Some(Ok(losses)) => Some((losses, fit)),
            Some(Err(error)) => {
                problems.push(format!("a training with it ends: {error}"));
                None
            }
            None => None,
        }
    };
    if let (Some((first, fit)), Some((second, _))) = (trained(&mut problems), trained(&mut problems)) {
        if first != second {
            problems.push(format!("a training has losses {first:?}, and again {second:?}, expected the same"));
        }
        let fresh = Fit::new().callback(make());
        let states = fit.callbacks.states();
        match problems.calm("restoring its state", || fresh.callbacks.restore(&states, &fit.callbacks.tensors())) {
            Some(Err(error)) => problems.push(format!("restoring its own state: {error}")),
            Some(Ok(())) if fresh.callbacks.states() != states => {
                let [got, want] = [fresh.callbacks.states(), states].map(serde_json::Value::from);
                problems.push(format!("has the state {got} when it is restored, expected {want}"));
            }
            _ => {}
        }
    }
    problems.end()
}

/// A small training, and its losses as bits.
fn train(fit: &Fit) -> Result<Vec<u64>, Error> {
    let x = Tensor::new((0..32).map(|i| (i % 7) as f32 / 7.0).collect::<Vec<f32>>(), [16, 2])?;
    let y = Tensor::new((0..16).map(|i| (i % 3) as f32).collect::<Vec<f32>>(), [16, 1])?;
    let mut model: Model = Sequential::new(crate::layers![Dense::new(3).input_dim(2), Dense::new(1)])?;
    let optimizer = SGD::new(0.05).ema(0.9);
    model.compile("mse", optimizer, ["mae"])?;
    let history = model.fit(&x, &y, fit.clone().validation_split(0.25))?;
    Ok(history["loss"].iter().map(|loss| loss.to_bits()).collect())
}
