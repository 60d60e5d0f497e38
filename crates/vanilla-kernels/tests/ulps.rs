//! How exact the functions of one variable are: every 64th float between -20 and 20, on every instruction set.

use std::sync::Mutex;
use std::thread;
use vanilla_kernels::{Isa, Kernels};

/// What each function promises, in units of the last place.
const BOUND: f64 = 2.0;

/// Floats looked at: one of 64.
const STEP: usize = 64;

/// Floats a call: their values and the truth stay in the second-level cache.
const SLICE: usize = 4096;

/// Distance in units of the last place of the rounded true value; subnormal ones count like the smallest.
fn ulps(got: f32, want: f64) -> f64 {
    let rounded = (want as f32).abs();
    let unit = f64::from(rounded.next_up()) - f64::from(rounded);
    (f64::from(got) - want).abs() / unit
}

/// Prints the largest error of `function` on every instruction set and where it is, and asserts [`BOUND`].
fn check(name: &str, function: fn(&Kernels, &mut [f32]), truth: fn(f64) -> f64) {
    let machines: Vec<Isa> = Isa::ALL.into_iter().filter(|isa| isa.available()).collect();
    let worst = Mutex::new(vec![(0.0, 0.0); machines.len()]);
    let last = 20f32.to_bits() as usize / STEP;
    thread::scope(|scope| {
        // Two threads, one a sign.
        for sign in [1.0, -1.0] {
            let (machines, worst) = (&machines, &worst);
            scope.spawn(move || {
                let kernels: Vec<Kernels> = machines.iter().map(|isa| Kernels::new(*isa, 1).unwrap()).collect();
                let mut mine = vec![(0.0, 0.0); machines.len()];
                let (mut x, mut want, mut got) = (Vec::new(), Vec::new(), Vec::new());
                for first in (0..=last).step_by(SLICE) {
                    let bits = (first..(first + SLICE).min(last + 1)).map(|i| (i * STEP) as u32);
                    x.clear();
                    x.extend(bits.map(|bits| sign * f32::from_bits(bits)));
                    want.clear();
                    want.extend(x.iter().map(|&x| truth(f64::from(x))));
                    for (kernels, mine) in kernels.iter().zip(&mut mine) {
                        got.clone_from(&x);
                        function(kernels, &mut got);
                        for ((&x, &got), &want) in x.iter().zip(&got).zip(&want) {
                            let error = ulps(got, want);
                            if error > mine.0 || error.is_nan() {
                                *mine = (error, x);
                            }
                        }
                    }
                }
                for (all, mine) in worst.lock().unwrap().iter_mut().zip(mine) {
                    if mine.0 > all.0 || mine.0.is_nan() {
                        *all = mine;
                    }
                }
            });
        }
    });
    let worst = worst.into_inner().unwrap();
    for (isa, (error, x)) in machines.iter().zip(&worst) {
        println!("{name:>8} {:>7}: {error:.3} ulp at {x:e}", isa.name());
    }
    assert!(worst.iter().all(|(error, _)| *error <= BOUND), "{name} on {machines:?}: {worst:?}");
}

#[test]
fn exp() {
    check("exp", |k, y| k.exp(y), f64::exp);
}

#[test]
fn sigmoid() {
    check("sigmoid", |k, y| k.sigmoid(y), |x| 1.0 / (1.0 + (-x).exp()));
}

#[test]
fn tanh() {
    check("tanh", |k, y| k.tanh(y), f64::tanh);
}

#[test]
fn gelu() {
    check("gelu", |k, y| k.gelu(y), |x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2));
}

#[test]
fn silu() {
    check("silu", |k, y| k.silu(y), |x| x / (1.0 + (-x).exp()));
}

#[test]
fn softplus() {
    check("softplus", |k, y| k.softplus(y), |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
}

#[test]
fn elu() {
    check("elu", |k, y| k.elu(1.0, 1.0, y), |x| if x > 0.0 { x } else { x.exp_m1() });
}

/// With selu's constants, rounded to f32.
#[test]
fn selu() {
    const ABOVE: f32 = 1.050_701;
    const BELOW: f32 = 1.758_099_3;
    let truth = |x: f64| if x > 0.0 { f64::from(ABOVE) * x } else { f64::from(BELOW) * x.exp_m1() };
    check("selu", |k, y| k.elu(ABOVE, BELOW, y), truth);
}
