//! The contracts of activations and initializers.

use super::{LayerCheck, Problems, near, slope_agrees};
use crate::activations::Activation;
use crate::config::{Config, keys};
use crate::initializers::Initializer;
use crate::layers::ActivationLayer;
use crate::registry::Registry;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::kernels::{Isa, Kernels};
use vanilla_plan::{Curve, Reads};

/// Values may differ from f64 by this share of them, or by the smallest difference below.
const VALUE: f64 = 1e-5;
const LEAST: f64 = 1e-7;

/// Slopes may differ from differences of f64 by this much, or by so much of them: one that is taken from an output
/// sees its rounding.
const SLOPE: f64 = 1e-4;

/// Lengths of slices that are tried: shorter and longer than every register and pair of registers.
const LENGTHS: usize = 40;

/// The contract of an activation.
///
/// - Values equal [`Curve::value`] in f64 (1e-5 of them), from -20 to 20; not a number stays not a number, or a
///   training that diverges would go on unseen.
/// - The formula, if there is one, has these values.
/// - The gradient equals differences of it, and is proportional to what it is given.
/// - What [`Curve::dies_at_zero`] promises is true.
/// - Slices of all lengths from 0 to 40 have the bits of a longer one.
/// - As a layer it does what [`LayerCheck`] says; of a function of a row that is all.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_activation(activation: impl Into<Activation>) -> Result<(), Problems> {
    let activation = activation.into();
    let mut problems = Problems::of(activation.name());
    if activation.name().is_empty() || activation.name().contains(char::is_whitespace) {
        problems.push(format!("the name {:?}, expected a word", activation.name()));
    }
    if let Activation::Curve(curve) = &activation {
        let kernels = Kernels::new(Isa::best(), 1).expect("the best instruction set is there");
        let mut found = Problems::of("");
        problems.calm("running the curve", || {
            check_values(&**curve, &kernels, &mut found);
            check_slopes(&**curve, &kernels, &mut found);
            check_lengths(&**curve, &kernels, &mut found);
        });
        found.lines.into_iter().for_each(|line| problems.push(line));
    }
    // No description says "linear": it is what a layer does without an activation.
    if !matches!(activation, Activation::Linear) {
        let registry = Registry::new().activation(activation.clone());
        let layer = LayerCheck::new(ActivationLayer::new(activation)).registry(&registry);
        if let Err(found) = layer.inputs([[6]]).run() {
            found.lines.into_iter().for_each(|line| problems.push(line));
        }
    }
    problems.end()
}

/// From -20 to 20, off the round numbers where kinks are.
fn places() -> Vec<f32> {
    (-400i16..=400).map(|i| f32::from(i) * 0.05 + 0.003).collect()
}

fn check_values(curve: &dyn Curve, kernels: &Kernels, problems: &mut Problems) {
    let x = places();
    let mut y = x.clone();
    curve.forward(kernels, &mut y);
    let wrong = x.iter().zip(&y).find(|(x, y)| {
        let want = curve.value(f64::from(**x));
        !near(**y, want, VALUE * want.abs() + LEAST)
    });
    if let Some((x, y)) = wrong {
        problems.push(format!("value {y} at {x}, expected {} as in f64", curve.value(f64::from(*x))));
    }
    if let Some(formula) = curve.formula() {
        let value = |x: f64| formula.value(&[x], &[]).first().copied().unwrap_or(f64::NAN);
        let wrong = x.iter().map(|x| f64::from(*x)).find(|x| {
            let want = curve.value(*x);
            (value(*x) - want).abs() > VALUE * want.abs() + LEAST
        });
        if !formula.is_curve() {
            problems.push("formula is one of a row, expected one of an element: without sums and places");
        } else if let Some(x) = wrong {
            problems.push(format!("formula {} at {x}, expected {} as in f64", value(x), curve.value(x)));
        }
    }
    let mut unknown = [f32::NAN];
    curve.forward(kernels, &mut unknown);
    if !unknown[0].is_nan() {
        problems.push(format!("value {} at NaN, expected NaN: a diverged training must be seen", unknown[0]));
    }
}

fn check_slopes(curve: &dyn Curve, kernels: &Kernels, problems: &mut Problems) {
    let x = places();
    let slopes = |x: &[f32], d: &[f32]| {
        let (mut y, mut d) = (x.to_vec(), d.to_vec());
        curve.forward(kernels, &mut y);
        curve.gradient(kernels, &mut d, if curve.reads() == Reads::Output { &y } else { x });
        (y, d)
    };
    let d: Vec<f32> = (0..x.len()).map(|i| [1.0, -0.5, 2.0, 0.0][i % 4]).collect();
    let (_, got) = slopes(&x, &d);
    let step = 1e-6;
    for ((x, got), d) in x.iter().zip(&got).zip(&d) {
        let (at, d) = (f64::from(*x), f64::from(*d));
        let here = curve.value(at);
        let (left, right) = ((here - curve.value(at - step)) / step, (curve.value(at + step) - here) / step);
        let tolerance = SLOPE * left.abs().max(1.0) * d.abs();
        if !slope_agrees(f64::from(*got), d * left, d * right, tolerance) {
            let want = d * (left + right) / 2.0;
            problems.push(format!("gradient {got} at {x} for {d} from above, expected {want:.6}"));
            break;
        }
    }
    if curve.dies_at_zero() {
        // Kinks, too.
        let x: Vec<f32> = (-160i16..=160).map(|i| f32::from(i) * 0.125).collect();
        let (y, slope) = slopes(&x, &vec![1.0; x.len()]);
        if let Some(i) = (0..x.len()).find(|i| y[*i] == 0.0 && slope[*i] != 0.0) {
            let (x, slope) = (x[i], slope[i]);
            problems.push(format!("dies_at_zero, but at {x} the value is 0 and the gradient {slope}, expected 0"));
        }
    }
}

fn check_lengths(curve: &dyn Curve, kernels: &Kernels, problems: &mut Problems) {
    let x: Vec<f32> = places().into_iter().step_by(9).take(LENGTHS).collect();
    let run = |x: &[f32]| {
        let (mut y, mut d) = (x.to_vec(), vec![1.0; x.len()]);
        curve.forward(kernels, &mut y);
        curve.gradient(kernels, &mut d, if curve.reads() == Reads::Output { &y } else { x });
        let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        [bits(y), bits(d)]
    };
    let [y, d] = run(&x);
    let wrong = (0..=LENGTHS).find(|&length| run(&x[..length]) != [y[..length].to_vec(), d[..length].to_vec()]);
    if let Some(length) = wrong {
        problems.push(format!("a slice of {length} has other bits than the same numbers in one of {LENGTHS}"));
    }
}

/// The contract of an initializer.
///
/// - The same stream gives the same numbers, as many as the shape has elements, all finite.
/// - A shape that it has none for is an error in one line; nothing panics.
/// - The description reads the keys that it writes, and then gives the same numbers. `registry` has it, if it is
///   one of your own.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_initializer(initializer: impl Into<Initializer>, registry: &Registry) -> Result<(), Problems> {
    let initializer = initializer.into();
    let node = initializer.to_config();
    let mut problems = Problems::of(node["class_name"].as_str().unwrap_or_default());
    let again = problems.calm("reading its own keys", || {
        let mut config = Config::with_registry("layer", keys! { "initializer": node }, registry);
        config.initializer("initializer", Initializer::Zeros)
    });
    match &again {
        Some(Ok(again)) if again.to_config() != node => {
            problems.push(format!("reads its keys as {}, expected {node}", again.to_config()));
        }
        Some(Err(error)) => problems.push(format!("reading its own keys {node}: {error}")),
        _ => {}
    }
    let again = again.and_then(Result::ok);
    let shapes: [&[usize]; 10] = [&[5, 4], &[4, 5], &[7], &[1, 1], &[2, 3, 4], &[], &[0], &[0, 3], &[3, 0], &[1]];
    let mut filled = 0;
    for shape in shapes {
        let fill = |initializer: &Initializer| initializer.fill(shape, &mut Stream::new(11, 2));
        match problems.calm(&format!("shape {shape:?}"), || fill(&initializer)) {
            None => {}
            Some(Err(error)) => problems.one_line(&format!("shape {shape:?}"), &error),
            Some(Ok(elements)) => {
                filled += 1;
                let count: usize = shape.iter().product();
                if elements.len() != count {
                    let given = elements.len();
                    problems.push(format!("shape {shape:?}: {given} numbers, expected {count}"));
                }
                if let Some(x) = elements.iter().find(|x| !x.is_finite()) {
                    problems.push(format!("shape {shape:?}: {x}, expected finite numbers"));
                }
                if !fill(&initializer).is_ok_and(|again| again == elements) {
                    problems
                        .push(format!("shape {shape:?}: the same stream gives other numbers, expected the same"));
                }
                if again.as_ref().is_some_and(|read| fill(read).map_or(true, |read| read != elements)) {
                    problems.push(format!("shape {shape:?}: gives other numbers when read, expected the same"));
                }
            }
        }
    }
    if filled == 0 {
        problems.push("has no numbers for any shape, expected some for [5, 4] or [7]");
    }
    problems.end()
}
