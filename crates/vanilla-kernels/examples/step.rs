//! Times the products of the tutorial's training step on this machine: `cargo run --release -p vanilla-kernels
//! --example step [threads]`. For tuning kernels; published figures come from whole epochs.

use std::time::Instant;
use vanilla_kernels::{AdamStep, Isa, Kernels, Panels};

fn main() {
    let threads = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let kernels = Kernels::new(isa, threads).expect("available");
        let (rows, inputs, units) = (64, 784, 1000);
        let x = Panels::from_row_major(&vec![0.5; rows * inputs], rows, inputs);
        let mut w = Panels::from_row_major(&vec![0.01; inputs * units], inputs, units);
        let mut slots = vec![Panels::zeros(inputs, units), Panels::zeros(inputs, units)];
        let mut y = Panels::zeros(rows, units);
        let mut dy_t = Panels::zeros(units, rows);
        let mut dx = Panels::zeros(rows, inputs);
        let bias = Panels::zeros(1, units);
        let flop = 2.0 * (rows * inputs * units) as f64;
        let time = |name: &str, work: &mut dyn FnMut()| {
            let mut best = f64::INFINITY;
            for _ in 0..300 {
                let start = Instant::now();
                work();
                best = best.min(start.elapsed().as_secs_f64());
            }
            println!("{:7} {name:8} {:7.1} us {:6.1} GFLOP/s", isa.name(), best * 1e6, flop / best / 1e9);
        };
        time("forward", &mut || kernels.forward(&x, &w, Some(&bias), &mut y, &|_, c| kernels.relu(c)));
        time("transp", &mut || kernels.transpose(&y, &mut dy_t));
        time("grad_x", &mut || kernels.grad_x(&dy_t, &w, &mut dx, &|_, _| ()));
        let step = AdamStep { one_minus_beta_1: 0.1, one_minus_beta_2: 0.001, alpha: 1e-3, epsilon: 1e-7 };
        time("grad_w", &mut || {
            kernels.grad_w(&x, &y, &mut w, &mut slots, &|g, w, [m, v, ..]| kernels.adam(&step, w, m, v, g));
        });
        time("grad_w -", &mut || kernels.grad_w(&x, &y, &mut w, &mut slots, &|_, _, _| ()));
    }
}
