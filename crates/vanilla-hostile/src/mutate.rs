//! Changed files. A number decides all of a change, so a case is found again by its number.
//!
//! Half of the changes know nothing: bits, bytes, numbers that are often wrong, lengths, blocks that go, come twice,
//! change places or come from another file. The others know how a format hangs together, and mend what would
//! give them away: CRCs and sizes of zip and PNG, checksums of HDF5, the length of a safetensors header, the hash of a
//! checkpoint. In JSON and in npy's headers they change numbers, words and brackets.

use crate::seeds;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

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
    /// PNG: chunks with CRCs.
    Png,
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
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A piece of `0..length` of at most `most` bytes.
    fn piece(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
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
        Shape::Png => png(bytes, other, random),
        Shape::Safetensors => safetensors(bytes, other, random),
        Shape::Checkpoint => hashed(safetensors(bytes, other, random)),
    }
}

/// Changes that know nothing of the format.
fn blind(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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
fn number(bytes: &mut [u8], random: &mut Random) {
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
fn text(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

fn gzip(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let unzip = |bytes: &[u8]| {
        let mut out = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).take(1 << 20).read_to_end(&mut out).ok().map(|_| out)
    };
    match unzip(&bytes) {
        Some(inside) => {
            let inside = blind(inside, &unzip(other).unwrap_or_else(|| other.to_vec()), random);
            seeds::zipped(&inside)
        }
        None => {
            let bytes = blind(bytes, other, random);
            if random.one_in(3) { seeds::zipped(&bytes) } else { bytes }
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A member of a zip archive: name, content, and how it is stored.
#[derive(Clone)]
pub struct Member {
    /// The name, as it is in the file.
    pub name: Vec<u8>,
    /// The content, not compressed.
    pub content: Vec<u8>,
    /// Whether it is compressed in the file.
    pub deflated: bool,
}

/// The members of a good archive, whose sizes are in its local headers.
pub fn unpack(mut bytes: &[u8]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    while let Some(head) = bytes.get(..30).filter(|head| head.starts_with(b"PK\x03\x04")) {
        let half = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let packed = u32::from_le_bytes([head[18], head[19], head[20], head[21]]) as usize;
        let (name, extra, method) = (half(26), half(28), half(8));
        let data = bytes.get(30 + name + extra..30 + name + extra + packed)?;
        let mut content = Vec::new();
        match method {
            8 => drop(flate2::read::DeflateDecoder::new(data).take(8 << 20).read_to_end(&mut content).ok()?),
            _ => content.extend_from_slice(data),
        }
        members.push(Member { name: bytes[30..30 + name].to_vec(), content, deflated: method == 8 });
        bytes = &bytes[30 + name + extra + packed..];
        if members.len() > 2000 {
            return None;
        }
    }
    Some(members)
}

/// An archive of these members; sizes and CRCs are right.
pub fn pack(members: &[Member]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for Member { name, content, deflated } in members {
        let offset = out.len() as u32;
        let data = match deflated {
            true => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory is written to")
            }
            false => content.clone(),
        };
        let mut common = Vec::new();
        for half in [20u16, 0, if *deflated { 8 } else { 0 }, 0, 0x21] {
            common.extend(half.to_le_bytes());
        }
        for word in [crc(content), data.len() as u32, content.len() as u32] {
            common.extend(word.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend([b"PK\x03\x04", &common[..], name, &data].concat());
        directory.extend([b"PK\x01\x02\x14\x03", &common[..], &[0; 10], &offset.to_le_bytes(), name].concat());
    }
    let (start, length, count) = (out.len() as u32, directory.len() as u32, members.len() as u16);
    out.extend([&directory, &b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
    out.extend([&length.to_le_bytes()[..], &start.to_le_bytes(), &[0, 0]].concat());
    out
}

fn zip(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let (Some(mut members), Some(others)) = (unpack(&bytes), unpack(other)) else {
        return blind(bytes, other, random);
    };
    if members.is_empty() {
        return blind(bytes, other, random);
    }
    let at = random.below(members.len());
    match random.below(16) {
        0 => drop(members.remove(at)),
        1 => members.push(members[at].clone()),
        2 => members.swap(0, at),
        3 => members[at].name = blind(members[at].name.clone(), b"../config.json", random),
        4 => members[at].deflated ^= true,
        5 if !others.is_empty() => members[at] = random.pick(&others).clone(),
        _ => {
            let member = &mut members[at];
            let twin = others.iter().find(|other| other.name == member.name);
            let twin = twin.map_or(&b"{}"[..], |twin| &twin.content);
            let shape = match member.name.rsplit(|&byte| byte == b'.').next() {
                Some(b"json" | b"npy") => Shape::Text,
                Some(b"h5") => Shape::Hdf5,
                _ => Shape::Bytes,
            };
            member.content = changed(shape, std::mem::take(&mut member.content), twin, random);
        }
    }
    pack(&members)
}

/// A chunk of a PNG picture.
pub fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
}

fn png(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
    let chunks = |bytes: &[u8]| {
        let mut rest = bytes.strip_prefix(SIGNATURE)?;
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            found.push((tail.get(..4)?.to_vec(), tail.get(4..4usize.checked_add(length)?)?.to_vec()));
            rest = tail.get(8 + length..)?;
        }
        (!found.is_empty()).then_some(found)
    };
    let Some(mut found) = chunks(&bytes) else { return blind(bytes, other, random) };
    let at = random.below(found.len());
    match random.below(10) {
        0 => drop(found.remove(at)),
        1 => found.push(found[at].clone()),
        2 => {
            let to = random.below(found.len());
            found.swap(at, to);
        }
        3 => {
            let kinds: [&[u8]; 12] = [
                b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"zTXt", b"iCCP", b"gAMA",
                b"eXIf",
            ];
            found[at].0 = random.pick(&kinds).to_vec();
        }
        4 => {
            if let Some(taken) = chunks(other).map(|others| random.pick(&others).clone()) {
                found.insert(at, taken);
            }
        }
        _ if found[at].0 == b"IDAT" => {
            let mut rows = Vec::new();
            let inflated = flate2::read::ZlibDecoder::new(&found[at].1[..]).take(1 << 20).read_to_end(&mut rows);
            if inflated.is_ok() {
                found[at].1 = seeds::deflated(&blind(rows, other, random));
            }
        }
        _ => found[at].1 = blind(std::mem::take(&mut found[at].1), other, random),
    }
    let parts = found.iter().map(|(kind, data)| chunk(kind, data));
    [SIGNATURE.to_vec()].into_iter().chain(parts).collect::<Vec<_>>().concat()
}

fn safetensors(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let split = |bytes: &[u8]| {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (header, data) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
        Some((header.to_vec(), data.to_vec()))
    };
    let (Some((header, data)), Some((header_2, data_2))) = (split(&bytes), split(other)) else {
        return blind(bytes, other, random);
    };
    let (header, data) = match random.below(5) {
        0 => (header, blind(data, &data_2, random)),
        _ => (text(header, &header_2, random), data),
    };
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A checkpoint with the hash that its content has.
pub fn hashed(mut bytes: Vec<u8>) -> Vec<u8> {
    let key = b"\"content_sha256\":\"";
    let found = bytes.windows(key.len()).take(4096).position(|window| window == key);
    let Some(at) = found.map(|at| at + key.len()).filter(|at| at + 64 <= bytes.len()) else { return bytes };
    bytes[at..at + 64].fill(b'0');
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    bytes[at..at + 64].copy_from_slice(hash.as_bytes());
    bytes
}

/// A change inside of structures, of a length that stays; then the checksums of superblock and headers fit again.
fn hdf5(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let sealed = sealed(&bytes);
    // Where something is described, not where numbers lie: behind signatures, and in blocks with checksums.
    let signs: [&[u8]; 5] = [b"OHDR", b"TREE", b"SNOD", b"HEAP", b"GCOL"];
    let places: Vec<usize> = (0..bytes.len().saturating_sub(4))
        .filter(|&at| signs.contains(&&bytes[at..at + 4]))
        .chain(headers_of_version_1(&bytes))
        .collect();
    for _ in 0..=random.below(3) {
        let Some(begin) = (!places.is_empty()).then(|| *random.pick(&places)) else { break };
        let end = bytes.len().min(begin + 200);
        let begin = if random.one_in(8) { 0 } else { begin };
        let end = if begin == 0 { bytes.len().min(100) } else { end };
        match random.below(4) {
            0 => {
                let at = begin + random.below(end - begin);
                bytes[at] ^= 1 << random.below(8);
            }
            1 => {
                // An address of something else.
                let (at, to) = (begin + random.below(end - begin), *random.pick(&places) as u64);
                if let Some(place) = bytes.get_mut(at..at + 8) {
                    place.copy_from_slice(&to.to_le_bytes());
                }
            }
            _ => number(&mut bytes[begin..end], random),
        }
    }
    if random.one_in(16) {
        bytes = blind(bytes, other, random);
    }
    for (begin, end) in sealed {
        if let Some(block) = bytes.get_mut(begin..end)
            && let Some((body, sum)) = block.split_last_chunk_mut::<4>()
        {
            *sum = lookup3(body).to_le_bytes();
        }
    }
    bytes
}

/// Where headers of version 1 may begin: at multiples of 8, 1, 0, a small count, 0, one reference.
fn headers_of_version_1(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let heads = bytes.chunks_exact(8).enumerate();
    heads
        .filter(|(_, head)| head[0] == 1 && head[1] == 0 && head[3] == 0 && head[4..] == [1, 0, 0, 0])
        .map(|(i, _)| 8 * i)
}

/// Blocks that end in a checksum: the superblock of version 2 and 3, and headers of version 2.
fn sealed(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    if matches!(bytes.get(8), Some(2 | 3)) {
        found.push((0, 48));
    }
    for begin in (0..bytes.len().saturating_sub(16)).filter(|&at| &bytes[at..at + 4] == b"OHDR") {
        let flags = bytes[begin + 5];
        let at = begin + 6 + if flags & 32 != 0 { 16 } else { 0 } + if flags & 16 != 0 { 4 } else { 0 };
        let width = 1 << (flags & 3);
        let Some(size) = bytes.get(at..at + width) else { continue };
        let size = size.iter().rev().fold(0usize, |value, &byte| value << 8 | usize::from(byte));
        if let Some(end) = (at + width + 4).checked_add(size).filter(|&end| end <= bytes.len()) {
            found.push((begin, end));
        }
    }
    found
}

/// Bob Jenkins's `hashlittle` with a start value of 0, as HDF5 uses it.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xDEAD_BEEF_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let blocks = bytes.len().div_ceil(12);
    for (i, block) in bytes.chunks(12).enumerate() {
        let mut full = [0; 12];
        full[..block.len()].copy_from_slice(block);
        let word = |at: usize| u32::from_le_bytes([full[at], full[at + 1], full[at + 2], full[at + 3]]);
        a = a.wrapping_add(word(0));
        b = b.wrapping_add(word(4));
        c = c.wrapping_add(word(8));
        if i + 1 == blocks {
            let [mut x, mut y, mut z] = [c, b, a];
            for turn in [14, 11, 25, 16, 4, 14, 24] {
                x = (x ^ y).wrapping_sub(y.rotate_left(turn));
                [x, y, z] = [z, x, y];
            }
            c = y;
        } else {
            for turn in [4, 6, 8, 16, 19, 4] {
                a = a.wrapping_sub(c) ^ c.rotate_left(turn);
                c = c.wrapping_add(b);
                [a, b, c] = [b, c, a];
            }
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_a_real_file() {
        let ours = &seeds::hdf5()[1];
        let blocks = sealed(ours);
        assert!(blocks.len() > 10, "{} blocks", blocks.len());
        for (begin, end) in blocks {
            let sum = lookup3(&ours[begin..end - 4]).to_le_bytes();
            assert_eq!(sum, ours[end - 4..end], "block at {begin} of {} bytes", end - begin);
        }
    }

    #[test]
    fn what_is_packed_is_read() {
        for good in seeds::keras() {
            let mut members = unpack(&good).unwrap();
            members[1].deflated = true;
            let read = vanilla_formats::keras_zip::read(&pack(&members)).unwrap();
            assert_eq!(read, vanilla_formats::keras_zip::read(&good).unwrap());
        }
    }

    #[test]
    fn a_mended_checkpoint_is_accepted() {
        for good in seeds::checkpoint() {
            assert_eq!(hashed(good.clone()), good);
        }
    }
}
