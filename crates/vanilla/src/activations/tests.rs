//! Every word against Keras, against its truth in f64, and against differences.

use super::*;
use serde_json::Value;
use vanilla_plan::kernels::Isa;
use vanilla_plan::{MAX_ROW_WEIGHTS, Reads};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/words.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

fn kernels() -> Kernels {
    Kernels::new(Isa::best(), 1).unwrap()
}

fn run(curve: &dyn Curve, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut y, mut d) = (x.to_vec(), vec![1.0; x.len()]);
    curve.forward(&kernels(), &mut y);
    curve.gradient(&kernels(), &mut d, if curve.reads() == Reads::Output { &y } else { x });
    (y, d)
}

fn curves() -> Vec<(&'static str, Arc<dyn Curve>)> {
    let curve = |name| match Activation::named(name).unwrap() {
        Activation::Curve(curve) => Some((name, curve)),
        _ => None,
    };
    names().into_iter().filter_map(curve).collect()
}

/// Keras computed in f64, so its own rounding is not in the way: 1e-6 of the value, or 1e-30. A slope seen from an
/// output has that output's rounding in it: 2.5e-7.
#[test]
fn recorded_values_and_slopes() {
    let golden = golden();
    let recorded = &golden["activations"];
    let xs = floats(&recorded["x"]);
    let mut seen = 0;
    for (name, curve) in curves() {
        let want = &recorded[name];
        seen += 1;
        let (ys, slopes) = (floats(&want["y"]), floats(&want["slope"]));
        let (y, slope) = run(&*curve, &narrow(&xs));
        for i in 0..xs.len() {
            let near = |got: f32, want: f64, floor: f64| {
                let want = if want > f64::from(f32::MAX) { f64::INFINITY } else { want };
                f64::from(got) == want || (f64::from(got) - want).abs() <= (1e-6 * want.abs()).max(floor)
            };
            // TensorFlow's gelu is 1.4e-6 of the value off at -9; ours is tested against erfc below.
            let floor = if name == "gelu" { 1e-20 } else { 1e-30 };
            assert!(near(y[i], ys[i], floor), "{name}({}) = {} instead of {}", xs[i], y[i], ys[i]);
            // Where Keras is wrong; see the header of celu.
            let want = if name == "celu" && xs[i] == 0.0 { 1.0 } else { slopes[i] };
            assert!(near(slope[i], want, 2.5e-7), "{name}'({}) = {} instead of {want}", xs[i], slope[i]);
        }
    }
    assert_eq!(seen, 26, "curves with recorded values (two aliases among them)");
}

/// Units of the last place between the fast form and its truth, for many x; kernels promise two.
#[test]
fn curves_follow_their_truth() {
    let x: Vec<f32> = (-20_000i16..=20_000).map(|i| f32::from(i) * 1e-3 + 1.3e-5).collect();
    for (name, curve) in curves() {
        let (y, _) = run(&*curve, &x);
        let mut worst = (0.0, 0.0);
        for (&x, &y) in x.iter().zip(&y) {
            let want = curve.value(f64::from(x));
            let rounded = (want as f32).abs();
            let unit = f64::from(rounded.next_up()) - f64::from(rounded);
            let error = (f64::from(y) - want).abs() / unit;
            if error > worst.0 || error.is_nan() {
                worst = (error, x);
            }
        }
        let bound = match name {
            "mish" | "tanh_shrink" => 4.0,
            "hard_silu" | "hard_swish" | "squareplus" => 3.0,
            _ => 2.0,
        };
        assert!(worst.0 <= bound, "{name}({}) is {} units of the last place off", worst.1, worst.0);
    }
}

/// Slopes are differences of the truth, away from the kinks (which lie at multiples of one half).
#[test]
fn slopes_are_differences() {
    let x: Vec<f32> = (-90..=90).map(|i| i as f32 * 0.1 + 0.037).collect();
    let mut all = curves();
    all.push(("threshold", Arc::new(Threshold::new(0.5, 2.0))));
    for (name, curve) in all {
        let (_, slope) = run(&*curve, &x);
        for (&x, &slope) in x.iter().zip(&slope) {
            let x = f64::from(x);
            let want = (curve.value(x + 1e-5) - curve.value(x - 1e-5)) / 2e-5;
            let tolerance = 1e-6 * want.abs().max(0.5);
            assert!((f64::from(slope) - want).abs() <= tolerance, "{name}'({x}) = {slope} instead of {want}");
        }
    }
}

/// What `dies_at_zero` promises, and that nobody who could promise it forgot to.
#[test]
fn who_dies_at_zero() {
    let x: Vec<f32> = (-80..=80).map(|i| i as f32 * 0.125).collect();
    let dead = |curve: &dyn Curve| {
        let (y, slope) = run(curve, &x);
        let mut zeros = y.iter().zip(&slope).filter(|(y, _)| **y == 0.0).peekable();
        zeros.peek().is_some() && zeros.all(|(_, slope)| *slope == 0.0)
    };
    for (name, curve) in curves() {
        // The slope of tanh_shrink is 0 at its only zero, which is worth nothing.
        assert_eq!(curve.dies_at_zero(), dead(&*curve) && name != "tanh_shrink", "{name}");
    }
    for (threshold, value) in [(0.5, 0.0), (0.0, 0.0), (-0.5, 0.0), (-0.5, 1.0), (1.0, 2.0)] {
        let curve = Threshold::new(threshold, value);
        assert_eq!(curve.dies_at_zero(), dead(&curve), "threshold {threshold}, {value}");
    }
}

#[test]
fn large_numbers_and_nan() {
    let x = [-1e30, -1e10, -200.0, 200.0, 1e10, 1e30, f32::NAN];
    for (name, curve) in curves() {
        let (y, slope) = run(&*curve, &x);
        assert!(y[6].is_nan(), "{name}(NaN) = {}", y[6]);
        for i in 0..6 {
            let fine = y[i].is_finite() || (name == "exponential" && x[i] > 0.0);
            let flat = slope[i].is_finite() || (name == "exponential" && x[i] > 0.0);
            assert!(fine && flat, "{name}({}) = {}, slope {}", x[i], y[i], slope[i]);
        }
    }
}

type Rows<'a> = [&'a [f32]; MAX_ROW_WEIGHTS];

/// Value and gradient of `sum(y weights)` as Keras has them in f64: 1e-6 of the value, at least 1e-7.
#[test]
fn recorded_rows() {
    let golden = golden();
    for name in ["glu", "log_softmax", "sparsemax"] {
        let activation = Activation::named(name).unwrap();
        let row = activation.row().unwrap();
        for case in golden["rows"][name].as_array().unwrap() {
            // Keras errs where more than one y is above 0; see the header of sparsemax.
            if name == "sparsemax" && floats(&case["y"]).iter().sum::<f64>() != 1.0 {
                continue;
            }
            let (x, dy) = (narrow(&floats(&case["x"])), narrow(&floats(&case["weights"])));
            let (mut y, mut dx) = (vec![0.0; activation.outputs(x.len()).unwrap()], vec![0.0; x.len()]);
            row.forward(&x, &Rows::default(), &mut y);
            row.backward(&x, &Rows::default(), &y, &dy, &mut dx, &mut Default::default());
            let mut truth = vec![0.0; y.len()];
            assert!(row.reference(&floats(&case["x"]), &Default::default(), &mut truth));
            for (got, want) in [(&y, &case["y"]), (&dx, &case["dx"])] {
                let want = floats(want);
                assert_eq!(got.len(), want.len());
                for (got, want) in got.iter().zip(&want) {
                    let tolerance = 1e-6 * want.abs().max(0.1);
                    assert!((f64::from(*got) - want).abs() <= tolerance, "{name} {case}: {got} instead of {want}");
                }
            }
            for (got, want) in truth.iter().zip(floats(&case["y"])) {
                assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{name}: the truth {got}, not {want}");
            }
        }
    }
}

/// y of one row.
fn row(name: &str, x: &[f32]) -> Vec<f32> {
    let activation = Activation::named(name).unwrap();
    let mut y = vec![0.0; activation.outputs(x.len()).unwrap()];
    activation.row().unwrap().forward(x, &Rows::default(), &mut y);
    y
}

/// The nearest point of the simplex, worked out by hand: t is (1 + 1 + 1 + 1.5 - 1) / 4.
#[test]
fn sparsemax_by_hand() {
    assert_eq!(row("sparsemax", &[1.0, 1.0, 1.0, -3.0, 1.5, 0.75]), [0.125, 0.125, 0.125, 0.0, 0.625, 0.0]);
    assert_eq!(row("sparsemax", &[0.25, 0.5, 0.25]), [0.25, 0.5, 0.25]);
}

/// The gradient of `sum(y weights)` is a difference of it.
#[test]
fn row_gradients_are_differences() {
    let x: Vec<f64> = (0..12).map(|i| libm::sin(f64::from(i) * 1.3)).collect();
    for name in ["glu", "log_softmax", "sparsemax"] {
        let activation = Activation::named(name).unwrap();
        let function = activation.row().unwrap();
        let dy: Vec<f32> = (0..activation.outputs(x.len()).unwrap()).map(|i| libm::cosf(i as f32)).collect();
        let total = |x: &[f64]| {
            let mut y = vec![0.0; dy.len()];
            assert!(function.reference(x, &Default::default(), &mut y));
            y.iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
        };
        let (x32, mut dx) = (narrow(&x), vec![0.0; x.len()]);
        let y = row(name, &x32);
        function.backward(&x32, &Rows::default(), &y, &dy, &mut dx, &mut Default::default());
        for i in 0..x.len() {
            let at = |step: f64| {
                let mut x = x.clone();
                x[i] += step;
                total(&x)
            };
            let want = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((f64::from(dx[i]) - want).abs() < 1e-6, "{name}, element {i}: {} instead of {want}", dx[i]);
        }
    }
}

#[test]
fn rows_of_large_numbers() {
    // Keras on TensorFlow gives infinity here.
    assert_eq!(row("sparsemax", &[1e20, 1e20, -3.0]), [0.5, 0.5, 0.0]);
    assert_eq!(row("sparsemax", &[7.0]), [1.0]);
    assert_eq!(row("log_softmax", &[1e20, 0.0]), [0.0, -1e20]);
    // A certain class still has a logarithm: -e^-20, where `ln(1 + e^-20)` in f32 is 0.
    let certain = row("log_softmax", &[20.0, 0.0])[0];
    assert!((certain / -2.061_153_6e-9 - 1.0).abs() < 1e-6, "{certain}");
    assert_eq!(row("glu", &[3.0, 4.0, -200.0, 200.0]), [0.0, 4.0]);
    assert!(row("sparsemax", &[1.0, f32::NAN, 2.0]).iter().any(|y| y.is_nan()));
    assert!(row("log_softmax", &[1.0, f32::NAN, 2.0]).iter().all(|y| y.is_nan()));
}

#[test]
fn names_and_errors() {
    for name in names() {
        let activation = Activation::named(name).unwrap();
        let own = match name {
            "swish" => "silu",
            "hard_swish" => "hard_silu",
            _ => name,
        };
        assert_eq!(activation.name(), own);
        assert_eq!(activation.outputs(6).unwrap(), if name == "glu" { 3 } else { 6 }, "{name}");
    }
    let error = Activation::named("rleu").unwrap_err().to_string();
    assert!(
        error.starts_with("unknown activation 'rleu'; did you mean 'relu'?; known are: celu, elu, exponential"),
        "{error}"
    );
    assert_eq!(
        Activation::named("threshold").unwrap_err().to_string(),
        "activation 'threshold': a name without its two numbers, \
         expected Activation::from(Threshold::new(threshold, default_value))"
    );
    assert_eq!(
        Activation::named("glu").unwrap().outputs(3).unwrap_err().to_string(),
        "activation 'glu': 3 columns, of which it makes none: give it another number (glu: an even one)"
    );
}

/// Every word can be exported, and its formula is its truth: to the last digits of f64 (where its numbers are not f32's), and
/// at large numbers. It is also what `forward` gives.
#[test]
fn every_word_has_a_formula() {
    let mut x: Vec<f64> = (-2000..=2000).map(|i| f64::from(i) * 1e-2 + 1.3e-4).collect();
    x.extend([0.0, 1e-6, -1e-6, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0]);
    let large: [f64; 6] = [-1e30, -1e10, -200.0, 200.0, 1e10, 1e30];
    let rounded = ["selu", "tanh_shrink"];
    for name in names() {
        let near = |got: f64, want: f64, tolerance: f64, at: &str| {
            let fine = (got - want).abs() <= tolerance * want.abs().max(1e-30) || got == want;
            assert!(fine, "{name}{at}: {got} instead of {want}");
        };
        match Activation::named(name).unwrap() {
            Activation::Linear | Activation::Softmax => {}
            Activation::Curve(curve) => {
                let formula = curve.formula().unwrap_or_else(|| panic!("{name} has no formula"));
                assert!(formula.is_curve(), "{name}");
                let (exact, narrow_x) = (if rounded.contains(&name) { 1e-7 } else { 1e-11 }, narrow(&x));
                let (y, _) = run(&*curve, &narrow_x);
                for (&x, &y) in narrow_x.iter().zip(&y) {
                    let got = formula.value(&[f64::from(x)], &[])[0];
                    // Near -20, where next to nothing is left, this truth of squareplus and mish has cancelled.
                    let truth = curve.value(f64::from(x));
                    let loose = ["squareplus", "mish"].contains(&name) && x < -1.0;
                    near(got, truth, if loose { 1e-6 } else { exact }, &format!("({x})"));
                    near(got, f64::from(y), 1e-6, &format!("({x})"));
                }
                for x in large {
                    let y = formula.value(&[x], &[])[0];
                    assert!(y.is_finite() || name == "exponential", "{name}({x}) = {y}");
                }
                assert!(formula.value(&[f64::NAN], &[])[0].is_nan(), "{name}(NaN)");
            }
            Activation::Row(row) => {
                for length in [2, 6, 10] {
                    let formula = row.formula(&[length]).unwrap_or_else(|| panic!("{name} has no formula"));
                    for start in (0..400).step_by(7) {
                        // Some rows have equal elements.
                        let x: Vec<f64> = (0..length).map(|i| x[(start + i / 2 * 997) % 4000] * 0.3).collect();
                        let mut truth = vec![0.0; formula.outputs()];
                        row.reference(&x, &[&[]; MAX_ROW_WEIGHTS], &mut truth);
                        let got = formula.value(&x, &[]);
                        got.iter().zip(truth).for_each(|(got, want)| near(*got, want, 1e-11, &format!("{x:?}")));
                    }
                    let x: Vec<f64> = (0..length).map(|i| large[i % 6]).collect();
                    assert!(formula.value(&x, &[]).iter().all(|y| y.is_finite()), "{name}, large numbers");
                }
            }
        }
    }
    let threshold = Threshold::new(0.5, -2.0).formula().unwrap();
    assert_eq!([0.5, 0.75].map(|x| threshold.value(&[x], &[])[0]), [-2.0, 0.75]);
}
