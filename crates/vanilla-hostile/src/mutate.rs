//! Changed files. A number decides all of a change, so a case is found again by its number.
//!
//! A third of the changes know nothing: bits, bytes, numbers that are often wrong, lengths, blocks that go, come
//! twice, change places or come from another file. The others know how a format hangs together, and mend what would
//! give them away (`containers.rs`). In JSON and in npy's headers they change numbers, words and brackets.

use crate::containers::{crc, gzip, hashed, hdf5, legacy_h5, png, protobuf, safetensors, tar, zip};

/// How the bytes of a format hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is known.
    Bytes,
    /// Bytes with text that holds numbers and brackets: JSON, npy.
    Text,
    /// Bytes, or the same in gzip.
    Gzip,
    /// A zip archive; its members are changed by the endings of their names.
    Zip,
    /// HDF5, with or without checksums.
    Hdf5,
    /// HDF5 with descriptions in attributes.
    LegacyH5,
    /// Any of the others, as the first bytes say.
    Any,
    /// protobuf: messages in messages, with lengths.
    Protobuf,
    /// PNG: chunks with CRCs.
    Png,
    /// tar, plain or in gzip: headers with sums.
    Tar,
    /// safetensors: the length of a header, JSON, data.
    Safetensors,
    /// safetensors with a hash of the whole file.
    Checkpoint,
}

/// SplitMix64 (Steele, Lea and Flood 2014): a stream of numbers from one.
pub struct Random(u64);

impl Random {
    /// The stream of this number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % (end.max(1) as u64)) as usize
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Whether one of `n` cases has come.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A piece of `0..length` of at most `most` bytes.
    pub fn piece(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let size = 1 + self.below(most.min(length).max(1));
        let begin = self.below(length.saturating_sub(size) + 1);
        begin..(begin + size).min(length)
    }
}

/// Numbers at which things often go wrong.
const NUMBERS: [u64; 28] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    31,
    32,
    64,
    127,
    128,
    255,
    256,
    1000,
    0x7FFF,
    0xFFFF,
    0x1_0000,
    0x0100_0000,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 32,
    1 << 40,
    (1 << 62) + 1,
    i64::MAX as u64,
    u64::MAX,
];

/// Numbers as JSON and npy write them, and things that are none.
const WORDS: [&str; 40] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "16",
    "17",
    "1.5",
    "-0.0",
    "1e308",
    "1e-400",
    "-1e999",
    "255",
    "256",
    "65536",
    "1000000",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "1e19",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "\"relu\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "NaN",
    "[[[[[[[[1]]]]]]]]",
    "[null, 3]",
    "{\"class_name\": \"Dense\"}",
    "\"float16\"",
    "[0, 4294967296, 4294967296]",
];

/// The `number`-th change of these good files.
pub fn mutated(shape: Shape, good: &[Vec<u8>], name: &str, number: u64) -> Vec<u8> {
    let mut random = Random::new(number ^ u64::from(crc(name.as_bytes())) << 32);
    let mut bytes = random.pick(good).clone();
    let other = random.pick(good).clone();
    for _ in 0..=random.below(3) {
        bytes = changed(shape, bytes, &other, &mut random);
    }
    bytes
}

/// The bytes with one change.
pub fn changed(shape: Shape, bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    if random.one_in(3) {
        return blind(bytes, other, random);
    }
    match shape {
        Shape::Bytes => blind(bytes, other, random),
        Shape::Text => text(bytes, other, random),
        Shape::Gzip => gzip(bytes, other, random),
        Shape::Zip => zip(bytes, other, random),
        Shape::Hdf5 => hdf5(bytes, other, random),
        Shape::LegacyH5 => legacy_h5(bytes, other, random),
        Shape::Any => {
            let shape = match &bytes[..] {
                [b'P', b'K', ..] => Shape::Zip,
                [0x89, b'H', ..] => Shape::LegacyH5,
                [0x89, b'P', ..] => Shape::Png,
                [0x93, ..] => Shape::Text,
                [_, _, _, _, _, _, _, _, b'{', ..] => Shape::Safetensors,
                _ => Shape::Bytes,
            };
            changed(shape, bytes, other, random)
        }
        Shape::Protobuf => protobuf(bytes, other, random),
        Shape::Png => png(bytes, other, random),
        Shape::Tar => tar(bytes, other, random),
        Shape::Safetensors => safetensors(bytes, other, random),
        Shape::Checkpoint => hashed(safetensors(bytes, other, random)),
    }
}

/// Changes that know nothing of the format.
pub(crate) fn blind(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    if bytes.is_empty() {
        return other.to_vec();
    }
    let length = bytes.len();
    match random.below(12) {
        0 => {
            let at = random.below(length);
            bytes[at] ^= 1 << random.below(8);
        }
        1 => {
            let at = random.below(length);
            bytes[at] = random.bits() as u8;
        }
        2..=4 => number(&mut bytes, random),
        5 => bytes.truncate(random.below(length)),
        6 => drop(bytes.drain(random.piece(length, 64))),
        7 => {
            let (piece, at) = (bytes[random.piece(length, 64)].to_vec(), random.below(length));
            bytes.splice(at..at, piece);
        }
        8 => {
            let (from, to) = (random.piece(length, 64), random.below(length));
            let piece = bytes[from].to_vec();
            let end = (to + piece.len()).min(length);
            bytes[to..end].copy_from_slice(&piece[..end - to]);
        }
        9 => {
            let piece = random.piece(length, 4096);
            bytes[piece].fill(*random.pick(&[0, 0xFF, b' ']));
        }
        10 => {
            let (at, from) = (random.below(length), random.below(other.len()));
            bytes.truncate(at);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
        _ => {
            let random_bytes: Vec<u8> = (0..=random.below(32)).map(|_| random.bits() as u8).collect();
            let at = if random.one_in(2) { length } else { random.below(length) };
            bytes.splice(at..at, random_bytes);
        }
    }
    bytes
}

/// Writes a number that is often wrong, of 1 to 8 bytes in either order, or adds to the one that is there.
pub(crate) fn number(bytes: &mut [u8], random: &mut Random) {
    let size = *random.pick(&[1, 2, 4, 8]);
    let Some(last) = bytes.len().checked_sub(size) else { return };
    // Sizes and counts are near the beginning more often than elsewhere.
    let at = if random.one_in(3) { random.below(last.min(128) + 1) } else { random.below(last + 1) };
    let place = &mut bytes[at..at + size];
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(place);
    let there = u64::from_le_bytes(wide);
    let new = match random.below(4) {
        0 => there.wrapping_add(1 + random.below(16) as u64),
        1 => there.wrapping_sub(1 + random.below(16) as u64),
        _ => *random.pick(&NUMBERS),
    };
    place.copy_from_slice(&new.to_le_bytes()[..size]);
    if random.one_in(3) {
        place.reverse();
    }
}

/// Changes of numbers, words and brackets.
pub(crate) fn text(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let tokens = tokens(&bytes);
    if tokens.is_empty() {
        return blind(bytes, other, random);
    }
    let token = random.pick(&tokens).clone();
    match random.below(6) {
        0 | 1 => drop(bytes.splice(token, random.pick(&WORDS).bytes())),
        2 => {
            let word = bytes[random.pick(&tokens).clone()].to_vec();
            bytes.splice(token, word);
        }
        3 => drop(bytes.drain(token)),
        4 => {
            let end = random.pick(&tokens).end;
            let piece = bytes[token.start.min(end)..token.end.max(end)].to_vec();
            // A part of the text twice; of a large one only a little.
            if piece.len() < 4096 {
                bytes.splice(end..end, piece);
            }
        }
        _ => {
            let depth = *random.pick(&[1, 20, 200, 20_000]);
            let (open, close) = *random.pick(&[("[", "]"), ("{\"a\":", "}"), ("(", ")")]);
            bytes.splice(token.end..token.end, close.repeat(depth).into_bytes());
            bytes.splice(token.start..token.start, open.repeat(depth).into_bytes());
        }
    }
    bytes
}

/// Where numbers, words and quoted texts are.
fn tokens(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() && found.len() < 20_000 {
        let rest = &bytes[at..];
        let length = match rest[0] {
            b'"' | b'\'' => rest[1..].iter().position(|&byte| byte == rest[0]).map_or(1, |end| end + 2),
            b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => rest
                .iter()
                .position(|byte| !byte.is_ascii_alphanumeric() && !b"-+.".contains(byte))
                .unwrap_or(rest.len()),
            _ => 0,
        };
        if length > 0 {
            found.push(at..at + length);
        }
        at += length.max(1);
    }
    found
}
