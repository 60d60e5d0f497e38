//! What the tests of kernels have in common.

use vanilla_kernels::Isa;

/// The instruction sets that this machine has.
pub fn machines() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// Numbers in -1..1 that differ with `salt`.
pub fn numbers(count: usize, salt: u64) -> Vec<f32> {
    let mut random = vanilla_kernels::random::Stream::new(salt, 0);
    (0..count).map(|_| (random.uniform() * 2.0 - 1.0) as f32).collect()
}
