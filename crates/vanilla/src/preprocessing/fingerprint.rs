//! [`bin`]: texts to bins, by the two hashes of Keras on TensorFlow. Both are fixed for ever: models depend on
//! them.
//!
//! `fingerprint64` is FarmHash's Fingerprint64 (`farmhashna::Hash64`), the hash of TensorFlow's
//! `string_to_hash_bucket_fast`. It is written here because the only pure Rust crate of it, `farmhash` 1.1.5 of
//! 2018, is wrong for lengths of 128, 192, 256, … bytes: its loop takes the last block of 64 twice. Recorded
//! values of all lengths are in the tests.
//!
//! **Reference** Geoff Pike, FarmHash (MIT), `farmhash.cc`; Aumasson and Bernstein, "SipHash: a fast short-input
//! PRF", 2012

use siphasher::sip::SipHasher24;

// "Some primes between 2^63 and 2^64": FarmHash's constants.
const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
/// FarmHash's seed of texts longer than 64 bytes.
const SEED: u64 = 81;

/// The bin of a text, in `0..bins`: its fingerprint modulo `bins`, or with a salt its SipHash-2-4 under that key.
///
/// # Panics
/// When there are no bins.
pub(super) fn bin(text: &str, salt: Option<[i64; 2]>, bins: u64) -> u64 {
    let hash = match salt {
        None => fingerprint64(text.as_bytes()),
        // Keras's numbers are signed, the key's are not.
        Some([a, b]) => SipHasher24::new_with_keys(a as u64, b as u64).hash(text.as_bytes()),
    };
    hash % bins
}

/// FarmHash's Fingerprint64 of these bytes.
fn fingerprint64(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => up_to_16(bytes),
        17..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => longer(bytes),
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn shift_mix(x: u64) -> u64 {
    x ^ (x >> 47)
}

/// Mixes two words into one.
fn mix(u: u64, v: u64, mul: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(mul));
    shift_mix((v ^ a).wrapping_mul(mul)).wrapping_mul(mul)
}

/// The multiplier of short texts.
fn multiplier(len: usize) -> u64 {
    K2.wrapping_add(len as u64 * 2)
}

fn up_to_16(s: &[u8]) -> u64 {
    let len = s.len();
    let mul = multiplier(len);
    match len {
        8.. => {
            let a = word(s, 0).wrapping_add(K2);
            let b = word(s, len - 8);
            let c = b.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(mul);
            mix(c, d, mul)
        }
        4.. => mix((half_word(s, 0) << 3).wrapping_add(len as u64), half_word(s, len - 4), mul),
        1.. => {
            let (a, b, c) = (u64::from(s[0]), u64::from(s[len / 2]), u64::from(s[len - 1]));
            let (y, z) = (a + (b << 8), len as u64 + (c << 2));
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        0 => K2,
    }
}

fn up_to_32(s: &[u8]) -> u64 {
    let (len, mul) = (s.len(), multiplier(s.len()));
    let a = word(s, 0).wrapping_mul(K1);
    let b = word(s, 8);
    let c = word(s, len - 8).wrapping_mul(mul);
    let d = word(s, len - 16).wrapping_mul(K2);
    let u = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    mix(u, a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c), mul)
}

fn up_to_64(s: &[u8]) -> u64 {
    let (len, mul) = (s.len(), multiplier(s.len()));
    let a = word(s, 0).wrapping_mul(K2);
    let b = word(s, 8);
    let c = word(s, len - 8).wrapping_mul(mul);
    let d = word(s, len - 16).wrapping_mul(K2);
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = mix(y, a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c), mul);
    let e = word(s, 16).wrapping_mul(mul);
    let f = word(s, 24);
    let g = y.wrapping_add(word(s, len - 32)).wrapping_mul(mul);
    let h = z.wrapping_add(word(s, len - 24)).wrapping_mul(mul);
    let u = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    mix(u, e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g), mul)
}

/// 32 bytes of `s` and two seeds, as two words.
fn weak_pair(s: &[u8], a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (word(s, 0), word(s, 8), word(s, 16), word(s, 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    let a = a.wrapping_add(x).wrapping_add(y);
    let b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

/// The state of a text longer than 64 bytes.
struct State {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl State {
    /// Takes 64 bytes; `nine` is 9 for the last of them and 1 else.
    fn block(&mut self, s: &[u8], mul: u64, nine: u64) {
        let Self { x, y, z, v, w } = self;
        *x = x.wrapping_add(*y).wrapping_add(v.0).wrapping_add(word(s, 8)).rotate_right(37).wrapping_mul(mul);
        *y = y.wrapping_add(v.1).wrapping_add(word(s, 48)).rotate_right(42).wrapping_mul(mul);
        *x ^= w.1.wrapping_mul(nine);
        *y = y.wrapping_add(v.0.wrapping_mul(nine)).wrapping_add(word(s, 40));
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(mul);
        *v = weak_pair(s, v.1.wrapping_mul(mul), x.wrapping_add(w.0));
        *w = weak_pair(&s[32..], z.wrapping_add(w.1), y.wrapping_add(word(s, 16)));
        std::mem::swap(x, z);
    }
}

fn longer(s: &[u8]) -> u64 {
    let y = SEED.wrapping_mul(K1).wrapping_add(113);
    let z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let x = SEED.wrapping_mul(K2).wrapping_add(word(s, 0));
    let mut state = State { x, y, z, v: (0, 0), w: (0, 0) };
    // All whole blocks before the last byte; the last 64 bytes end the text once more.
    for block in s[..(s.len() - 1) / 64 * 64].chunks_exact(64) {
        state.block(block, K1, 1);
    }
    let mul = K1.wrapping_add((state.z & 0xff) << 1);
    state.w.0 = state.w.0.wrapping_add((s.len() as u64 - 1) & 63);
    state.v.0 = state.v.0.wrapping_add(state.w.0);
    state.w.0 = state.w.0.wrapping_add(state.v.0);
    state.block(&s[s.len() - 64..], mul, 9);
    let State { x, y, z, v, w } = state;
    let first = mix(v.0, w.0, mul).wrapping_add(shift_mix(y).wrapping_mul(K0)).wrapping_add(z);
    mix(first, mix(v.1, w.1, mul).wrapping_add(x), mul)
}
