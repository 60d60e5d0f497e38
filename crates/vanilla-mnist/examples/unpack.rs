//! Prints how long unpacking takes: `cargo run --release -p vanilla-mnist --example unpack`.

use std::time::Instant;

fn main() {
    for _ in 0..5 {
        let start = Instant::now();
        let mnist = vanilla_mnist::load();
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        println!("{milliseconds:.0} ms, first digit {}", mnist.train_labels[0]);
    }
}
