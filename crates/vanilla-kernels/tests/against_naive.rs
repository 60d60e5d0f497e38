//! Every kernel against a naive reference in f64, on odd shapes, for every instruction set that the machine has,
//! with NaN in all padding; and the same bits for every number of threads.

mod common;

use common::{machines, numbers};
use vanilla_kernels::{GradX, Isa, Kernels, LANES, Live, Panels, Source, Target, Update};

const SIZES: [usize; 12] = [1, 2, 3, 5, 6, 7, 15, 16, 17, 33, 64, 70];

/// A matrix whose padding is NaN: whatever leaks into a real element shows.
fn poisoned(elements: &[f32], rows: usize, cols: usize) -> Panels {
    let mut panels = Panels::from_row_major(elements, rows, cols);
    if !cols.is_multiple_of(LANES) && rows > 0 {
        let last = panels.flat().len() - rows * LANES;
        for line in panels.flat_mut()[last..].chunks_exact_mut(LANES) {
            line[cols % LANES..].fill(f32::NAN);
        }
    }
    panels
}

/// `a` (m x k) times `b` (k x n) in f64.
fn product(a: &[f32], b: &[f32], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                c[i * n + j] += f64::from(a[i * k + l]) * f64::from(b[l * n + j]);
            }
        }
    }
    c
}

fn transposed(a: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..rows * cols).map(|i| a[i % rows * cols + i / rows]).collect()
}

/// Rounding of a chain of `k` sums of products below 1.
fn assert_close(got: &[f32], want: &[f64], k: usize, what: &str) {
    assert_eq!(got.len(), want.len());
    let tolerance = (k as f64 + 2.0) * f64::from(f32::EPSILON) / 2.0 * 1.5;
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(g) - w).abs() <= tolerance, "{what}: element {i}: {g} instead of {w}");
    }
}

/// Numbers of which about one in `one_in` is not zero; whole rows and whole columns are zero, too.
fn thin_numbers(rows: usize, cols: usize, salt: u64, one_in: u64) -> Vec<f32> {
    let mut random = vanilla_kernels::random::Stream::new(salt, 1);
    let mut elements = numbers(rows * cols, salt);
    let dead_row: Vec<bool> = (0..rows).map(|_| random.below(4) == 0).collect();
    let dead_col: Vec<bool> = (0..cols).map(|_| random.below(3) == 0).collect();
    for (i, x) in elements.iter_mut().enumerate() {
        if dead_row[i / cols] || dead_col[i % cols] || random.below(one_in) != 0 {
            *x = 0.0;
        }
    }
    elements
}

/// Floats as bits: `==` takes -0 for 0.
fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|x| x.to_bits()).collect()
}

fn look(kernels: &Kernels, x: &Panels) -> Live {
    let mut live = Live::new(0, 0);
    kernels.look(x, &mut live);
    live
}

fn forward(kernels: &Kernels, x: &Panels, live: Option<&Live>, w: &Panels, bias: Option<&Panels>) -> Panels {
    let mut y = Panels::zeros(x.rows(), w.cols());
    kernels.forward(x, live, w, bias, &mut y, &|_, _| ());
    y
}

#[test]
fn forward_product() {
    for isa in machines() {
        let (one, three) = (Kernels::new(isa, 1).unwrap(), Kernels::new(isa, 3).unwrap());
        for rows in SIZES {
            for inputs in [1, 2, 15, 16, 17, 300, 529] {
                for units in [1, 2, 3, 4, 10, 16, 17, 70] {
                    let what = format!("{isa:?} {rows} x {inputs} x {units}");
                    let (w, b) = (numbers(inputs * units, 2), numbers(units, 3));
                    let (pw, pb) = (poisoned(&w, inputs, units), poisoned(&b, 1, units));
                    for x in [numbers(rows * inputs, 1), thin_numbers(rows, inputs, 1, 4)] {
                        let px = poisoned(&x, rows, inputs);
                        let live = look(&three, &px);
                        let y = forward(&one, &px, None, &pw, Some(&pb)).to_row_major();
                        let mut want = product(&x, &w, rows, inputs, units);
                        want.iter_mut().enumerate().for_each(|(i, y)| *y += f64::from(b[i % units]));
                        assert_close(&y, &want, inputs + 1, &what);
                        for kernels in [&one, &three] {
                            for live in [None, Some(&live)] {
                                let again = forward(kernels, &px, live, &pw, Some(&pb)).to_row_major();
                                assert_eq!(bits(&y), bits(&again), "{what}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn long_products_go_on_from_block_to_block() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        let (rows, inputs, units) = (130, 2500, 35);
        let (x, w) = (numbers(rows * inputs, 1), numbers(inputs * units, 2));
        let y = forward(&kernels, &poisoned(&x, rows, inputs), None, &poisoned(&w, inputs, units), None);
        assert_close(&y.to_row_major(), &product(&x, &w, rows, inputs, units), inputs, "long");
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_batch() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        let x = numbers(64 * 300, 1);
        for units in [1, 3, 40] {
            let w = poisoned(&numbers(300 * units, 2), 300, units);
            let whole = forward(&kernels, &Panels::from_row_major(&x, 64, 300), None, &w, None).to_row_major();
            for row in [0, 5, 6, 63] {
                let alone = Panels::from_row_major(&x[row * 300..(row + 1) * 300], 1, 300);
                let alone = forward(&kernels, &alone, None, &w, None).to_row_major();
                assert_eq!(bits(&alone), bits(&whole[row * units..(row + 1) * units]), "{isa:?} {units}");
            }
        }
    }
}

#[test]
fn products_have_the_same_bits_with_avx2_and_avx512() {
    let (x, w) = (numbers(70 * 529, 1), numbers(529 * 40, 2));
    let results: Vec<Vec<f32>> = machines()
        .filter(|isa| *isa != Isa::Scalar)
        .map(|isa| {
            let kernels = Kernels::new(isa, 1).unwrap();
            let (x, w) = (Panels::from_row_major(&x, 70, 529), Panels::from_row_major(&w, 529, 40));
            forward(&kernels, &x, None, &w, None).to_row_major()
        })
        .collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn gradient_of_the_input() {
    for isa in machines() {
        let (one, three) = (Kernels::new(isa, 1).unwrap(), Kernels::new(isa, 3).unwrap());
        for rows in SIZES {
            for inputs in SIZES {
                for units in [1, 10, 16, 17, 300] {
                    let what = format!("{isa:?} {rows} x {inputs} x {units}");
                    let w = numbers(inputs * units, 2);
                    let pw = poisoned(&w, inputs, units);
                    let saved = poisoned(&thin_numbers(rows, inputs, 5, 3), rows, inputs);
                    for dy in [numbers(rows * units, 1), thin_numbers(rows, units, 1, 4)] {
                        let pdy = poisoned(&dy, rows, units);
                        let want = product(&dy, &transposed(&w, inputs, units), rows, units, inputs);
                        let (live, wanted) = (look(&one, &pdy), look(&one, &saved));
                        let gradient = |kernels: &Kernels, live: Option<&Live>, wanted: Option<&Live>| {
                            let mut dx = Panels::zeros(rows, inputs);
                            let mut scratch = GradX::new(rows, inputs, units);
                            kernels.grad_x(&pdy, live, &pw, wanted, &mut dx, &mut scratch, &|_, _| ());
                            // Lanes past the inputs are nobody's gradient: zero, or moments would grow there.
                            let real: f32 = dx.to_row_major().iter().map(|x| x.abs()).sum();
                            let all: f32 = dx.flat().iter().map(|x| x.abs()).sum();
                            assert!((real - all).abs() <= 1e-4 * all, "{what}: {real} of {all}");
                            dx.to_row_major()
                        };
                        let dx = gradient(&one, None, None);
                        assert_close(&dx, &want, units, &what);
                        assert_eq!(dx, gradient(&three, None, None), "{what}");
                        assert_eq!(dx, gradient(&three, Some(&live), None), "{what}");
                        let saved = saved.to_row_major();
                        for live in [None, Some(&live)] {
                            let some = gradient(&three, live, Some(&wanted));
                            for ((some, all), saved) in some.iter().zip(&dx).zip(&saved) {
                                assert!(some == all || *some == 0.0 && *saved == 0.0, "{what}");
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Weights, a slot and a bias after an update that adds, subtracts and replaces.
fn grad_w(kernels: &Kernels, x: &Panels, dy: &Panels, live: [Option<&Live>; 2], start: &[f32]) -> [Vec<f32>; 3] {
    let (inputs, units) = (x.cols(), dy.cols());
    let mut w = Panels::from_row_major(start, inputs, units);
    let mut slots = vec![Panels::from_row_major(start, inputs, units)];
    let mut bias = Panels::zeros(1, units);
    let kernel = Target { weights: &mut w, slots: &mut slots };
    let bias_target = Target { weights: &mut bias, slots: &mut [] };
    let update: Update<'_> = &|g, w, s| {
        for (i, &g) in g.iter().enumerate() {
            w[i] += g;
            if let Some(s) = s[0].get_mut(i) {
                *s -= g;
            }
        }
        assert!(s[1].is_empty());
    };
    kernels.grad_w(x, dy, live, kernel, Some(bias_target), [update, update]);
    [w.to_row_major(), slots[0].to_row_major(), bias.to_row_major()]
}

#[test]
fn gradient_of_weights_and_bias_reaches_the_update_with_its_own_weights_and_slots() {
    for isa in machines() {
        let (one, three) = (Kernels::new(isa, 1).unwrap(), Kernels::new(isa, 3).unwrap());
        for rows in SIZES {
            for inputs in SIZES {
                for units in [1, 2, 3, 4, 10, 16, 17, 70] {
                    let what = format!("{isa:?} {rows} x {inputs} x {units}");
                    let start = numbers(inputs * units, 3);
                    for one_in in [1, 5] {
                        let (x, dy) = match one_in {
                            1 => (numbers(rows * inputs, 1), numbers(rows * units, 2)),
                            _ => (thin_numbers(rows, inputs, 1, one_in), thin_numbers(rows, units, 2, one_in)),
                        };
                        let (px, pdy) = (poisoned(&x, rows, inputs), poisoned(&dy, rows, units));
                        let result = grad_w(&one, &px, &pdy, [None, None], &start);
                        let gradient = product(&transposed(&x, rows, inputs), &dy, inputs, rows, units);
                        let sum: Vec<f64> = gradient.iter().zip(&start).map(|(g, &w)| g + f64::from(w)).collect();
                        let difference: Vec<f64> =
                            gradient.iter().zip(&start).map(|(g, &w)| f64::from(w) - g).collect();
                        assert_close(&result[0], &sum, rows + 1, &what);
                        assert_close(&result[1], &difference, rows + 1, &what);
                        let sums = product(&vec![1.0; rows], &dy, 1, rows, units);
                        assert_close(&result[2], &sums, rows, &what);
                        let (live_x, live_dy) = (look(&one, &px), look(&three, &pdy));
                        for x in [None, Some(&live_x)] {
                            for dy in [None, Some(&live_dy)] {
                                let again = grad_w(&three, &px, &pdy, [x, dy], &start);
                                assert_eq!(
                                    result.each_ref().map(|x| bits(x)),
                                    again.each_ref().map(|x| bits(x)),
                                    "{what}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// More panels than a slab has, and more than threads have to share; more columns than a block.
#[test]
fn wide_products_are_the_same_whatever_is_left_out() {
    let (rows, inputs, units) = (70, 700, 400);
    let w = Panels::from_row_major(&numbers(inputs * units, 2), inputs, units);
    let b = Panels::from_row_major(&numbers(units, 3), 1, units);
    for isa in machines() {
        for one_in in [2, 9] {
            let x = poisoned(&thin_numbers(rows, inputs, 1, one_in), rows, inputs);
            let one = Kernels::new(isa, 1).unwrap();
            let live = look(&one, &x);
            let want = forward(&one, &x, None, &w, Some(&b)).to_row_major();
            let naive = product(&x.to_row_major(), &w.to_row_major(), rows, inputs, units);
            let naive: Vec<f64> =
                naive.iter().enumerate().map(|(i, y)| y + f64::from(b.get(0, i % units))).collect();
            assert_close(&want, &naive, inputs + 1, "wide");
            for threads in [1, 2, 3, 5] {
                let kernels = Kernels::new(isa, threads).unwrap();
                for live in [None, Some(&live)] {
                    let y = forward(&kernels, &x, live, &w, Some(&b)).to_row_major();
                    assert_eq!(bits(&want), bits(&y), "{isa:?}, {threads} threads");
                }
            }
        }
    }
}

/// Where W is too large to be turned: sixteen rows at a time, only inputs that are wanted.
#[test]
fn gradient_of_the_input_of_large_weights() {
    let (inputs, units) = (1030, 520);
    let w = numbers(inputs * units, 2);
    let pw = poisoned(&w, inputs, units);
    for isa in machines() {
        for rows in [17, 33] {
            let dy = thin_numbers(rows, units, 1, 12);
            let (pdy, saved) =
                (poisoned(&dy, rows, units), poisoned(&thin_numbers(rows, inputs, 5, 6), rows, inputs));
            let one = Kernels::new(isa, 1).unwrap();
            let (live, wanted) = (look(&one, &pdy), look(&one, &saved));
            let gradient = |threads: usize, live: Option<&Live>, wanted: Option<&Live>| {
                let mut dx = Panels::zeros(rows, inputs);
                let mut scratch = GradX::new(rows, inputs, units);
                let kernels = Kernels::new(isa, threads).unwrap();
                kernels.grad_x(&pdy, live, &pw, wanted, &mut dx, &mut scratch, &|_, _| ());
                dx.to_row_major()
            };
            let want = gradient(1, None, None);
            assert_close(
                &want,
                &product(&dy, &transposed(&w, inputs, units), rows, units, inputs),
                units,
                "large",
            );
            let saved = saved.to_row_major();
            for threads in [1, 3] {
                assert_eq!(bits(&want), bits(&gradient(threads, Some(&live), None)), "{isa:?}");
                let some = gradient(threads, Some(&live), Some(&wanted));
                let left_out = some.iter().zip(&want).filter(|(some, all)| some.to_bits() != all.to_bits());
                assert!(left_out.clone().count() > rows * inputs / 10, "nothing was left out");
                for ((some, all), saved) in some.iter().zip(&want).zip(&saved) {
                    assert!(some.to_bits() == all.to_bits() || *some == 0.0 && *saved == 0.0, "{isa:?}");
                }
            }
        }
    }
}

/// Products that are too small for a float round to zeros of both signs.
#[test]
fn sums_of_vanishing_products_are_plus_zero() {
    let (rows, inputs, units) = (70, 130, 40);
    let tiny = |elements: Vec<f32>| elements.into_iter().map(|x| x * 1e-30).collect::<Vec<f32>>();
    let (x, dy) = (tiny(thin_numbers(rows, inputs, 1, 3)), tiny(thin_numbers(rows, units, 2, 3)));
    let (x, dy) = (poisoned(&x, rows, inputs), poisoned(&dy, rows, units));
    let w = Panels::from_row_major(&tiny(numbers(inputs * units, 3)), inputs, units);
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        let (live_x, live_dy) = (look(&kernels, &x), look(&kernels, &dy));
        for live in [None, Some(&live_x)] {
            let y = forward(&kernels, &x, live, &w, None).to_row_major();
            assert!(y.iter().all(|y| y.to_bits() == 0), "{isa:?}");
        }
        for live in [[None, None], [Some(&live_x), None], [None, Some(&live_dy)]] {
            let [gradient, ..] = grad_w(&kernels, &x, &dy, live, &vec![-0.0; inputs * units]);
            assert!(gradient.iter().all(|g| g.to_bits() == 0), "{isa:?}");
        }
    }
}

/// More panels than wait for an update together, more rows than a word has bits.
#[test]
fn large_gradients_are_the_same_whatever_is_left_out() {
    let (rows, inputs, units) = (130, 1100, 70);
    let start = numbers(inputs * units, 3);
    for isa in machines() {
        for one_in in [3, 40] {
            let x = poisoned(&thin_numbers(rows, inputs, 1, one_in), rows, inputs);
            let dy = poisoned(&thin_numbers(rows, units, 2, one_in), rows, units);
            let one = Kernels::new(isa, 1).unwrap();
            let (live_x, live_dy) = (look(&one, &x), look(&one, &dy));
            let want = grad_w(&one, &x, &dy, [None, None], &start);
            for threads in [1, 2, 3] {
                let kernels = Kernels::new(isa, threads).unwrap();
                for live in [[None, None], [Some(&live_x), None], [None, Some(&live_dy)]] {
                    let again = grad_w(&kernels, &x, &dy, live, &start);
                    assert_eq!(want.each_ref().map(|x| bits(x)), again.each_ref().map(|x| bits(x)), "{isa:?}");
                }
            }
        }
    }
}

#[test]
fn a_large_product_agrees_with_matrixmultiply() {
    let (m, k, n) = (130, 1000, 210);
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let mut c = vec![0.0f32; m * n];
    let (k_, n_) = (k as isize, n as isize);
    // SAFETY: row-major matrices of exactly these sizes.
    unsafe {
        matrixmultiply::sgemm(m, k, n, 1.0, a.as_ptr(), k_, 1, b.as_ptr(), n_, 1, 0.0, c.as_mut_ptr(), n_, 1);
    }
    let want: Vec<f64> = c.into_iter().map(f64::from).collect();
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        let y =
            forward(&kernels, &Panels::from_row_major(&a, m, k), None, &Panels::from_row_major(&b, k, n), None);
        assert_close(&y.to_row_major(), &want, 2 * k, "matrixmultiply");
    }
}

#[test]
fn epilogues_see_every_element_exactly_once() {
    for isa in machines() {
        let kernels = Kernels::new(isa, 2).unwrap();
        for (rows, inputs, units) in [(64, 300, 40), (7, 5, 17), (1, 600, 1)] {
            let x = Panels::from_row_major(&numbers(rows * inputs, 1), rows, inputs);
            let w = Panels::from_row_major(&numbers(inputs * units, 2), inputs, units);
            let plain = forward(&kernels, &x, None, &w, None);
            let mut y = Panels::zeros(rows, units);
            kernels.forward(&x, None, &w, None, &mut y, &|start, chunk| {
                chunk.iter_mut().enumerate().for_each(|(i, y)| *y += (start + i) as f32 * 1000.0);
            });
            for (i, (got, before)) in y.flat().iter().zip(plain.flat()).enumerate() {
                assert_eq!(*got, before + i as f32 * 1000.0);
            }
        }
    }
}

#[test]
fn gather_casts_and_pads() {
    let table: [f32; 256] = std::array::from_fn(|i| i as f32 / 255.0);
    let kernels = Kernels::new(Isa::best(), 2).unwrap();
    for width in [1, 16, 17, 784] {
        let bytes: Vec<u8> = (0..5 * width).map(|i| (i * 7 % 256) as u8).collect();
        let rows = [4, 0, 4];
        let mut x = Panels::zeros(0, width);
        let mut live = Live::new(0, 0);
        kernels.gather(Source::U8(&bytes, &table), &rows, &mut x, Some(&mut live));
        // What the gather saw is what a look sees.
        assert_eq!(format!("{live:?}"), format!("{:?}", look(&kernels, &x)));
        let plain: [f32; 256] = std::array::from_fn(|i| i as f32);
        let mut whole = Panels::zeros(0, width);
        kernels.gather(Source::U8(&bytes, &plain), &rows, &mut whole, None);
        let want: Vec<f32> =
            rows.iter().flat_map(|&r| &bytes[r * width..(r + 1) * width]).map(|&b| b.into()).collect();
        assert_eq!(whole.to_row_major(), want);
        let cast: Vec<f32> = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();
        let want: Vec<f32> = rows.iter().flat_map(|&r| cast[r * width..(r + 1) * width].to_vec()).collect();
        assert_eq!(x.to_row_major(), want);
        kernels.gather(Source::F32(&cast), &rows, &mut x, None);
        assert_eq!(x.to_row_major(), want);
        let live = |x: &[f32]| x.iter().filter(|x| **x != 0.0).count();
        assert_eq!(live(x.flat()), live(&want), "padding stays zero");
    }
}
