//! Changes inside of what holds parts together: gzip, zip, tar, PNG, safetensors, HDF5,
//! protobuf. Afterwards CRCs, sizes, hashes and
//! checksums fit again, so that the changes get behind them.

use crate::mutate::{Random, Shape, blind, changed, number, text};
use crate::seeds;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

pub(crate) fn gzip(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

pub(crate) fn crc(bytes: &[u8]) -> u32 {
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

pub(crate) fn zip(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

/// A field of a protobuf message: its key, and what stands behind it.
struct Wire {
    key: u64,
    /// A varint, or the bytes of a fixed or length-delimited field.
    value: u64,
    bytes: Vec<u8>,
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message, if all of the bytes are some.
fn fields(mut bytes: &[u8]) -> Option<Vec<Wire>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let (value, length) = match key & 7 {
            0 => (varint(&mut bytes)?, 0),
            1 => (0, 8),
            2 => (0, usize::try_from(varint(&mut bytes)?).ok()?),
            5 => (0, 4),
            _ => return None,
        };
        let (field, rest) = bytes.split_at_checked(length)?;
        found.push(Wire { key, value, bytes: field.to_vec() });
        bytes = rest;
    }
    (!found.is_empty()).then_some(found)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A change in a message or in one inside it; the lengths around it fit again.
pub(crate) fn protobuf(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let Some(mut all) = fields(&bytes) else { return blind(bytes, other, random) };
    let at = random.below(all.len());
    match (random.below(12), all[at].key & 7) {
        (0, _) => drop(all.remove(at)),
        (1, _) => {
            let Wire { key, value, ref bytes } = all[at];
            let twin = Wire { key, value, bytes: bytes.clone() };
            all.push(twin);
        }
        (2, _) => all[at].key = all[at].key & 7 | (1 + random.below(24) as u64) << 3,
        (3, _) => {
            let to = random.below(all.len());
            all.swap(at, to);
        }
        (_, 0) => {
            let mut eight = all[at].value.to_le_bytes();
            number(&mut eight, random);
            all[at].value = u64::from_le_bytes(eight);
        }
        _ => {
            let field = std::mem::take(&mut all[at].bytes);
            let inside = fields(&field).is_some() && random.below(8) > 0;
            all[at].bytes = if inside { protobuf(field, other, random) } else { blind(field, other, random) };
            // A fixed field has its length.
            let fixed = [None, Some(8), None, None, None, Some(4), None, None][(all[at].key & 7) as usize];
            if let Some(length) = fixed {
                all[at].bytes.resize(length, 0);
            }
        }
    }
    let mut out = Vec::new();
    for Wire { key, value, bytes } in all {
        put_varint(&mut out, key);
        match key & 7 {
            0 => put_varint(&mut out, value),
            2 => put_varint(&mut out, bytes.len() as u64),
            _ => {}
        }
        out.extend(bytes);
    }
    out
}

/// A chunk of a PNG picture.
pub fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
}

pub(crate) fn png(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

pub(crate) fn safetensors(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

pub(crate) fn tar(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut inside = Vec::new();
    let zipped = bytes.starts_with(&[0x1F, 0x8B]);
    if zipped && flate2::read::MultiGzDecoder::new(&bytes[..]).take(1 << 20).read_to_end(&mut inside).is_err() {
        return blind(bytes, other, random);
    }
    let mut inside = if zipped { inside } else { bytes };
    match (random.below(4), inside.len() / 512) {
        (0, blocks @ 1..) => {
            // A block that goes, or comes twice.
            let (from, to) = (512 * random.below(blocks), 512 * random.below(blocks));
            let block: Vec<u8> = inside.drain(from..from + 512).collect();
            for _ in 0..random.below(3) {
                inside.splice(to.min(inside.len())..to.min(inside.len()), block.iter().copied());
            }
        }
        (1, blocks @ 1..) => {
            // Size and kind of an entry.
            let at = 512 * random.below(blocks);
            let sizes = ["00000000000", "00000000001", "77777777777", "-0000000001", "           ", "00000001130"];
            inside[at + 124..at + 135].copy_from_slice(random.pick(&sizes).as_bytes());
            inside[at + 156] = *random.pick(b"01235xgLKSM\0\xff");
        }
        _ => inside = blind(inside, other, random),
    }
    let inside = summed(inside);
    if zipped { seeds::zipped(&inside) } else { inside }
}

/// A tar archive whose headers have the sums that they should have.
pub(crate) fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
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
pub(crate) fn hdf5(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
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

/// A change of a description in an attribute of the root, or one as in any HDF5 file.
pub(crate) fn legacy_h5(bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    use vanilla_formats::hdf5::{Attr, read, write};
    if random.below(3) == 0 {
        return hdf5(bytes, other, random);
    }
    let Ok(mut tree) = read(&bytes) else { return hdf5(bytes, other, random) };
    let mut texts: Vec<&mut String> = tree
        .attrs
        .iter_mut()
        .filter_map(|(_, attr)| if let Attr::Str(text) = attr { Some(text) } else { None })
        .collect();
    let at = random.below(texts.len());
    if let Some(attr) = texts.get_mut(at) {
        let changed = text(attr.clone().into_bytes(), b"{}", random);
        **attr = String::from_utf8_lossy(&changed).into_owned();
    }
    write(&tree).unwrap_or(bytes)
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
            let packed = pack(&members);
            let read = vanilla_formats::keras_zip::read(&packed).unwrap();
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
