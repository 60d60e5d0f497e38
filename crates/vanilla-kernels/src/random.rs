//! Counter-based randomness: a random word is a function of a key and a position, never of what was drawn before.
//!
//! Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Masks,
//! permutations and initial weights made with it depend neither on the number of threads nor on where a run resumed.

/// Four random words for a 128-bit position under a 64-bit key.
pub fn philox(key: u64, counter: [u32; 4]) -> [u32; 4] {
    let mut c = counter;
    let mut k = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xD251_1F53;
        let b = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

/// A stream of random numbers: one key, one stream number, positions counted from 0.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    stream: u64,
    position: u64,
    /// Those of the last even position and the one behind it.
    words: [u32; 4],
}

impl Stream {
    /// The stream of this seed and number. Different numbers give independent streams.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: seed, stream, position: 0, words: [0; 4] }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let at = self.position / 2;
        let half = 2 * (self.position % 2) as usize;
        if half == 0 {
            let stream = [self.stream as u32, (self.stream >> 32) as u32];
            self.words = philox(self.key, [at as u32, (at >> 32) as u32, stream[0], stream[1]]);
        }
        self.position += 1;
        u64::from(self.words[half]) | u64::from(self.words[half + 1]) << 32
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..bound`, without bias (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range");
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            // The second condition alone decides; the first spares the division.
            if wide as u64 >= bound || wide as u64 >= bound.wrapping_neg() % bound {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }
}

/// A random permutation of `0..count` (Fisher and Yates), a function of its arguments alone.
pub fn permutation(seed: u64, stream: u64, count: usize) -> Vec<usize> {
    let mut random = Stream::new(seed, stream);
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the Random123 distribution.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox(0, [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox(u64::MAX, [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox(0x299f_31d0_a409_3822, [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_permutation_holds_everything_once_and_changes_with_seed_and_stream() {
        let mut a = permutation(1, 0, 1000);
        assert_eq!(a, permutation(1, 0, 1000));
        assert_ne!(a, permutation(1, 1, 1000));
        assert_ne!(a, permutation(2, 0, 1000));
        a.sort_unstable();
        assert!(a.iter().enumerate().all(|(i, &x)| i == x));
    }

    #[test]
    fn moments_of_the_samplers() {
        let mut random = Stream::new(7, 3);
        let n = 100_000;
        let (mut mean, mut square, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = random.normal();
            mean += x / f64::from(n);
            square += x * x / f64::from(n);
            uniform += random.uniform() / f64::from(n);
        }
        // Four standard errors.
        assert!(mean.abs() < 0.013 && (square - 1.0).abs() < 0.018 && (uniform - 0.5).abs() < 0.004);
    }
}
