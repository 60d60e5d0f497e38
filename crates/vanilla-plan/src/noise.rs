//! Random numbers in training: masks and noise. Each is a function of seed, node, training step, sample and unit:
//! neither threads nor batches nor an interruption change it.

use crate::execute::Context;
use crate::facts::Noise;
use vanilla_kernels::{LANES, Panels, random::philox};

/// Where random numbers are wanted: the matrix and how its rows belong to samples.
pub(crate) struct Draw<'a> {
    pub samples: &'a [usize],
    /// Rows of the matrix.
    pub rows: usize,
    /// Its columns.
    pub cols: usize,
    pub stream: usize,
}

impl<'a> Draw<'a> {
    pub fn new(samples: &'a [usize], matrix: &Panels, stream: usize) -> Self {
        Self { samples, rows: matrix.rows(), cols: matrix.cols(), stream }
    }
}

/// Dropout at which selu keeps mean and variance: Klambauer et al. 2017, section "New dropout technique".
const ALPHA_DROPPED: f64 = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;

impl Context<'_> {
    /// Calls `f` with every four elements of a chunk, whose first is at `start` of the matrix, and four random words.
    fn with_words(&self, draw: &Draw<'_>, start: usize, chunk: &mut [f32], f: impl Fn(&mut [f32], [u32; 4])) {
        let groups = draw.rows / draw.samples.len().max(1);
        let quads = draw.cols.div_ceil(4);
        for (i, line) in chunk.chunks_exact_mut(LANES).enumerate() {
            let at = start / LANES + i;
            let (panel, row) = (at / draw.rows, at % draw.rows);
            let (sample, group) = (draw.samples[row / groups], row % groups);
            for (quad, four) in line.chunks_exact_mut(4).enumerate() {
                let unit = (group * quads + panel * LANES / 4 + quad) as u32;
                let counter = [sample as u32, unit, self.iteration as u32, draw.stream as u32];
                f(four, philox(self.seed, counter));
            }
        }
    }

    /// Zeroes each element with probability `rate` and scales the others by `1 / (1 - rate)`.
    pub fn mask(&self, draw: &Draw<'_>, rate: f32, start: usize, chunk: &mut [f32]) {
        let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        let bound = bound(rate);
        self.with_words(draw, start, chunk, |four, words| {
            for (x, word) in four.iter_mut().zip(words) {
                *x = if u64::from(word) < bound { 0.0 } else { *x * scale };
            }
        });
    }

    /// `x = x a + b`, or on the way back `d = d a`.
    pub fn noise(&self, draw: &Draw<'_>, noise: Noise, backward: bool, start: usize, chunk: &mut [f32]) {
        match noise {
            Noise::AlphaDropout { rate } => {
                let (bound, rate) = (bound(rate), f64::from(rate));
                let a = 1.0 / libm::sqrt((1.0 - rate) * (1.0 + rate * ALPHA_DROPPED * ALPHA_DROPPED));
                let b = -a * ALPHA_DROPPED * rate;
                let dropped = (a * ALPHA_DROPPED + b) as f32;
                let (a, b) = (a as f32, b as f32);
                self.with_words(draw, start, chunk, |four, words| {
                    for (x, word) in four.iter_mut().zip(words) {
                        let keep = u64::from(word) >= bound;
                        *x = match (keep, backward) {
                            (true, false) => a * *x + b,
                            (true, true) => a * *x,
                            (false, false) => dropped,
                            (false, true) => 0.0,
                        };
                    }
                });
            }
            Noise::Times { stddev } => self.with_words(draw, start, chunk, |four, words| {
                for (x, normal) in four.iter_mut().zip(normals(words)) {
                    *x *= 1.0 + stddev * normal;
                }
            }),
            Noise::Plus { stddev } if !backward => self.with_words(draw, start, chunk, |four, words| {
                for (x, normal) in four.iter_mut().zip(normals(words)) {
                    *x += stddev * normal;
                }
            }),
            Noise::Plus { .. } => {}
        }
    }
}

/// `u < rate` for u of 32 bits.
fn bound(rate: f32) -> u64 {
    (f64::from(rate) * 4_294_967_296.0) as u64
}

/// Four standard normal numbers of four words (Box and Muller 1958).
fn normals(words: [u32; 4]) -> [f32; 4] {
    let pair = |a: u32, b: u32| {
        // In (0, 1]: the logarithm of 0 is not wanted.
        let u = (f64::from(a) + 1.0) / 4_294_967_296.0;
        let radius = libm::sqrt(-2.0 * libm::log(u));
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * f64::from(b) / 4_294_967_296.0);
        [(radius * cos) as f32, (radius * sin) as f32]
    };
    let ([a, b], [c, d]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}
