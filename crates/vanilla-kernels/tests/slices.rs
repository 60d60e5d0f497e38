//! Functions of slices and rows, and the optimizers' steps, against their formulas, for every instruction set that the
//! machine has.

mod common;

use common::{machines, numbers};
use vanilla_kernels::{AdamStep, FLUSH, Kernels, LANES, MomentumStep, Panels, RmsPropStep};

#[test]
fn functions_at_the_edges_and_with_a_remainder() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 1).unwrap();
        let mut y = [0.0, -0.0, 1.0, -200.0, 200.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 88.0, -87.0, 5.0];
        let x = y;
        kernels.exp(&mut y);
        assert_eq!(y[..2], [1.0, 1.0]);
        assert_eq!(y[3..7], [0.0, f32::INFINITY, f32::INFINITY, 0.0]);
        assert!(y[7].is_nan() && y[8].is_finite() && y[9] > 0.0);
        y = x;
        kernels.sigmoid(&mut y);
        assert!(y[3] < 1e-37 && y[4] == 1.0 && y[5] == 1.0 && y[6] == 0.0 && y[7].is_nan());
        y = x;
        kernels.tanh(&mut y);
        assert!(y[3] == -1.0 && y[4] == 1.0 && y[5] == 1.0 && y[6] == -1.0 && y[7].is_nan());
        y = x;
        kernels.relu(&mut y);
        assert!(y[3] == 0.0 && y[4] == 200.0 && y[7].is_nan());
        type Case = fn(&Kernels, &mut [f32]);
        let like_relu: [Case; 3] = [|k, y| k.gelu(y), |k, y| k.silu(y), |k, y| k.softplus(y)];
        for function in like_relu {
            y = x;
            function(&kernels, &mut y);
            assert_eq!(y[3..7], [0.0, 200.0, f32::INFINITY, 0.0]);
            assert!(y[7].is_nan());
        }
        y = x;
        kernels.elu(1.0, 2.0, &mut y);
        assert_eq!(y[3..7], [-2.0, 200.0, f32::INFINITY, -2.0]);
        assert!(y[7].is_nan());
    }
}

#[test]
fn derivatives() {
    /// `d = d f'`, the slope in f64, and the range of what it is computed from.
    type Case = (fn(&Kernels, &mut [f32], &[f32]), fn(f64) -> f64, f32);
    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    let cases: [Case; 7] = [
        (|k, d, y| k.relu_gradient(d, y), |y| f64::from(u8::from(y > 0.0)), 1.0),
        (|k, d, y| k.sigmoid_gradient(d, y), |y| y * (1.0 - y), 1.0),
        (|k, d, y| k.tanh_gradient(d, y), |y| 1.0 - y * y, 1.0),
        (|k, d, y| k.softplus_gradient(d, y), |y| 1.0 - (-y.max(0.0)).exp(), 1.0),
        (|k, d, y| k.elu_gradient(1.5, 2.0, d, y), |y| if y < 0.0 { y + 2.0 } else { 1.5 }, 1.0),
        (|k, d, x| k.silu_gradient(d, x), |x| sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))), 20.0),
        (
            |k, d, x| k.gelu_gradient(d, x),
            |x| {
                let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
                0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) + x * density
            },
            20.0,
        ),
    ];
    for isa in machines() {
        let kernels = Kernels::new(isa, 1).unwrap();
        for (function, slope, range) in cases {
            let n = 3001;
            let saved: Vec<f32> = numbers(n, 5).iter().map(|x| x * range).collect();
            let upstream = numbers(n, 6);
            let mut d = upstream.clone();
            d[3] = FLUSH / 2.0;
            function(&kernels, &mut d, &saved);
            assert_eq!(d[3], 0.0);
            for i in (0..n).filter(|&i| i != 3) {
                let want = f64::from(upstream[i]) * slope(f64::from(saved[i]));
                let error = (f64::from(d[i]) - want).abs();
                assert!(error < 4e-7, "{isa:?}: {} of {} instead of {want}", d[i], saved[i]);
            }
        }
    }
}

#[test]
fn optimizer_steps_follow_their_formulas() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 1).unwrap();
        let n = 37;
        let (g, w0, m0) = (numbers(n, 1), numbers(n, 2), numbers(n, 3));
        let v0: Vec<f32> = numbers(n, 4).iter().map(|v| v * v).collect();
        let f = |x: f32| f64::from(x);
        let check = |name: &str, got: &[f32], want: &dyn Fn(usize) -> f64| {
            for (i, &got) in got.iter().enumerate() {
                assert!((f(got) - want(i)).abs() < 3e-7, "{isa:?} {name}[{i}]: {got} instead of {}", want(i));
            }
        };

        let (mut w, mut m, mut v) = (w0.clone(), m0.clone(), v0.clone());
        let s = AdamStep { one_minus_beta_1: 0.1, one_minus_beta_2: 0.001, alpha: 0.01, epsilon: 1e-7 };
        kernels.adam(&s, &mut w, &mut m, &mut v, &g);
        let m1 = |i: usize| f(m0[i]) + (f(g[i]) - f(m0[i])) * 0.1;
        let v1 = |i: usize| f(v0[i]) + (f(g[i]).powi(2) - f(v0[i])) * 0.001;
        check("adam m", &m, &m1);
        check("adam v", &v, &v1);
        check("adam w", &w, &|i| f(w0[i]) - 0.01 * m1(i) / (v1(i).sqrt() + 1e-7));

        for nesterov in [false, true] {
            let (mut w, mut m) = (w0.clone(), m0.clone());
            kernels.momentum(&MomentumStep { rate: 0.1, momentum: 0.9, nesterov }, &mut w, &mut m, &g);
            let m1 = |i: usize| 0.9 * f(m0[i]) - 0.1 * f(g[i]);
            check("momentum m", &m, &m1);
            check("momentum w", &w, &|i| f(w0[i]) + if nesterov { 0.9 * m1(i) - 0.1 * f(g[i]) } else { m1(i) });
        }

        let (mut w, mut v) = (w0.clone(), v0.clone());
        kernels.rmsprop(
            &RmsPropStep { rate: 0.1, rho: 0.9, one_minus_rho: 0.1, epsilon: 1e-7 },
            &mut w,
            &mut v,
            &g,
        );
        let v1 = |i: usize| 0.9 * f(v0[i]) + 0.1 * f(g[i]).powi(2);
        check("rmsprop v", &v, &v1);
        check("rmsprop w", &w, &|i| f(w0[i]) - 0.1 * f(g[i]) / (v1(i) + 1e-7).sqrt());

        let mut w = w0.clone();
        kernels.sgd(0.1, &mut w, &g);
        check("sgd", &w, &|i| f(w0[i]) - 0.1 * f(g[i]));
    }
}

/// A dead unit's moments must reach zero, not settle among the subnormals.
#[test]
fn moments_die_out_instead_of_turning_subnormal() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 1).unwrap();
        let (mut w, mut m, mut v) = (vec![0.5; 16], vec![1e-3; 16], vec![1e-6; 16]);
        let s = AdamStep { one_minus_beta_1: 0.1, one_minus_beta_2: 0.1, alpha: 1e-3, epsilon: 1e-7 };
        for _ in 0..2000 {
            kernels.adam(&s, &mut w, &mut m, &mut v, &[1e-38; 16]);
            assert!(m.iter().chain(&v).all(|x| *x == 0.0 || x.is_normal()));
        }
        assert!(m.iter().chain(&v).all(|x| *x == 0.0));
    }
}

/// Rows in lines, sixteen at a time, and long ones through a row: as each alone, bit for bit. Padding stays as it was.
#[test]
fn softmax_of_rows_is_that_of_each_row() {
    for kernels in machines().flat_map(|isa| [Kernels::new(isa, 1), Kernels::portable(isa, 1)]) {
        let kernels = kernels.unwrap();
        for (rows, cols) in [(0, 3), (3, 0), (1, 1), (5, 2), (16, 10), (17, 16), (40, 7), (3, 17), (20, 100)] {
            let mut elements: Vec<f32> = numbers(rows * cols, 5).iter().map(|x| 30.0 * x).collect();
            for (i, strange) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38].into_iter().enumerate() {
                if let Some(x) = elements.get_mut(7 * i + 3) {
                    *x = strange;
                }
            }
            let mut x = Panels::from_row_major(&elements, rows, cols);
            let padding = |x: &Panels| -> Vec<u32> {
                let lines = x.flat().chunks_exact(LANES).skip(cols / LANES * rows);
                lines.flat_map(|line| line[cols % LANES..].iter().map(|x| x.to_bits())).collect()
            };
            if cols % LANES > 0 {
                let first = cols / LANES * rows * LANES;
                for line in x.flat_mut()[first..].chunks_exact_mut(LANES) {
                    line[cols % LANES..].fill(f32::NAN);
                }
            }
            let (before, mut log_sums) = (padding(&x), Vec::new());
            kernels.softmax_rows(&mut x, &mut Vec::new(), &mut log_sums);
            assert_eq!(padding(&x), before);
            assert_eq!(log_sums.len(), rows);
            for (r, log_sum) in log_sums.iter().enumerate() {
                let mut row = elements[r * cols..(r + 1) * cols].to_vec();
                let expected = kernels.softmax(&mut row);
                let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(same(*log_sum, expected), "{kernels:?} {rows} x {cols}, row {r}: {log_sum}, {expected}");
                for (c, expected) in row.iter().enumerate() {
                    assert!(same(x.get(r, c), *expected), "{kernels:?} {rows} x {cols}: ({r}, {c})");
                }
            }
        }
    }
}

#[test]
fn the_largest_magnitude_sees_what_is_not_finite() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        for (rows, cols) in [(1, 1), (3, 5), (4, 40)] {
            let mut elements = numbers(rows * cols, 6);
            let most = |elements: &[f32]| kernels.largest(&Panels::from_row_major(elements, rows, cols));
            assert_eq!(most(&elements), elements.iter().fold(0.0f32, |most, x| most.max(x.abs())));
            for at in [0, rows * cols / 2, rows * cols - 1] {
                for strange in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let before = std::mem::replace(&mut elements[at], strange);
                    assert_eq!(most(&elements), f32::INFINITY, "{isa:?} {strange} at {at}");
                    elements[at] = before;
                }
                let before = std::mem::replace(&mut elements[at], -3e38);
                assert_eq!(most(&elements), 3e38, "{isa:?}");
                elements[at] = before;
            }
        }
    }
}
