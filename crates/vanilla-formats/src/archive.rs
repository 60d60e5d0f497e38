//! The zip archives around npz and `.keras`: a strict reader and a writer of stored members.
//!
//! ```text
//! archive    = member* central* end                         nothing before, between or behind
//! member     = "PK" 03 04 version:2 flags:2 method:2 time:2 date:2 crc:4 packed:4 size:4
//!              name-length:2 extra-length:2 name extra data [descriptor if flags bit 3]
//! descriptor = ["PK" 07 08] crc:4 (packed:4 size:4 | packed:8 size:8)
//! central    = "PK" 01 02 made-by:2 version:2 flags:2 method:2 time:2 date:2 crc:4 packed:4 size:4
//!              name-length:2 extra-length:2 comment-length:2 disk:2 internal:2 external:4 offset:4 name extra comment
//! end        = "PK" 05 06 disk:2 disk:2 count:2 count:2 central-size:4 central-offset:4 comment-length:2
//! method     = 0 stored | 8 deflate                         all little-endian
//! ```
//!
//! Source: PKWARE APPNOTE 6.3.10. Narrower than that, because two readers of one archive must never see two
//! contents: the members tile the file from byte 0 to the directory, the local headers repeat the directory, names
//! are unique, there is no comment. So neither overlapping members (zip bombs) nor hidden bytes can exist. No
//! encryption, no links, no folders with content, no archive above 2 GiB; zip64 only in the sizes of a member.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::error::{Errors, Result, show};
use crate::gzip::MAX_EXPANSION;
use crate::{FormatError, scalar, sniff};

/// The most that one archive may hold, decompressed.
pub(crate) const MAX_TOTAL: u64 = 2 << 30;
const MAX_NAME: usize = 256;
const END_LEN: usize = 22;
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
/// Deflate's two level bits, the descriptor and UTF-8 names.
const KNOWN_FLAGS: u16 = 0b110 | FLAG_DESCRIPTOR | FLAG_UTF8;
const DAMAGED: &str = "the file is truncated or damaged: download or copy it again";

/// What differs between the formats that are archives.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// The name for messages: "npz".
    pub(crate) errors: Errors,
    /// The same with its article: "an npz archive".
    pub(crate) expected: &'static str,
    /// How many members are accepted.
    pub(crate) max_members: usize,
}

/// A checked archive: everything but the content of the members is known to be consistent.
pub(crate) struct Archive<'a> {
    kind: Kind,
    /// In the order of the directory.
    pub(crate) members: Vec<Member<'a>>,
}

/// One member; `data` lies inside the file.
pub(crate) struct Member<'a> {
    pub(crate) name: String,
    pub(crate) size: u64,
    crc: u32,
    flags: u16,
    method: u16,
    offset: u64,
    pub(crate) packed: u64,
    data: &'a [u8],
}

impl<'a> Archive<'a> {
    /// Checks the structure of the archive and decompresses nothing.
    pub(crate) fn open(bytes: &'a [u8], kind: Kind) -> Result<Self> {
        let errors = kind.errors;
        if !bytes.starts_with(b"PK\x03\x04") && !bytes.starts_with(b"PK\x05\x06") {
            return Err(FormatError::NotThisFormat {
                expected: kind.expected,
                found: sniff::describe(bytes),
                hint: "",
            });
        }
        let end = match bytes.len().checked_sub(END_LEN).and_then(|at| bytes.get(at..)) {
            Some(end) if end.starts_with(b"PK\x05\x06") => end,
            _ => return Err(no_end(bytes, kind)),
        };
        if u16_at(end, 20) != 0 {
            return Err(errors.unsupported("end of archive", "an archive comment"));
        }
        let (count, start) = (usize::from(u16_at(end, 10)), u32_at(end, 16) as usize);
        if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || usize::from(u16_at(end, 8)) != count {
            return Err(errors.unsupported("end of archive", "an archive in several parts"));
        }
        if count == 0xFFFF || start == 0xFFFF_FFFF || u32_at(end, 12) == 0xFFFF_FFFF {
            return Err(errors.unsupported("end of archive", "a zip64 archive"));
        }
        if count > kind.max_members {
            return Err(errors.limit("end of archive", kind.max_members as u64, format!("{count} members")));
        }
        let before = &bytes[..bytes.len() - END_LEN];
        let (body, directory) = before.split_at_checked(start).unwrap_or((before, &[]));
        if start > before.len()
            || directory.len() as u64 != u64::from(u32_at(end, 12))
            || directory.is_empty() != (count == 0)
        {
            let expected = format!("{} bytes at byte {start}", u32_at(end, 12));
            let found = format!("{} bytes up to the end", directory.len());
            return Err(errors.malformed("central directory", expected, found).with_hint(DAMAGED));
        }
        let mut members = read_directory(directory, count, kind)?;
        locate(&mut members, body, kind)?;
        Ok(Self { kind, members })
    }

    /// The content of a member, its length and CRC checked. Memory grows with what really arrives.
    pub(crate) fn read(&self, member: &Member<'a>) -> Result<Cow<'a, [u8]>> {
        let errors = self.kind.errors;
        let place = || format!("member {}", show(&member.name));
        let content = if member.method == 0 {
            Cow::Borrowed(member.data)
        } else {
            let capacity = member.size.min(member.data.len() as u64 * 4) as usize;
            let mut out = scalar::reserve(capacity, errors, "member")?;
            let mut decoder = DeflateDecoder::new(member.data);
            if let Err(error) = decoder.by_ref().take(member.size + 1).read_to_end(&mut out) {
                let error = errors.malformed(place(), "a valid deflate stream", error.to_string());
                return Err(error.with_hint(DAMAGED));
            }
            if out.len() as u64 != member.size || decoder.total_in() != member.packed {
                let expected = format!("{} bytes from {} packed bytes", member.size, member.packed);
                let more = if out.len() as u64 > member.size { "more" } else { "other lengths" };
                return Err(errors.malformed(place(), expected, more).with_hint(DAMAGED));
            }
            Cow::Owned(out)
        };
        let mut crc = Crc::new();
        crc.update(&content);
        if crc.sum() != member.crc {
            let (expected, found) = (format!("CRC {:08x}", member.crc), format!("{:08x}", crc.sum()));
            return Err(errors.malformed(place(), expected, found).with_hint(DAMAGED));
        }
        Ok(content)
    }
}

/// The error for an archive whose last 22 bytes are not its end.
fn no_end(bytes: &[u8], kind: Kind) -> FormatError {
    let tail = &bytes[bytes.len().saturating_sub(END_LEN + 0xFFFF)..];
    let behind = tail.windows(4).rposition(|four| four == b"PK\x05\x06").map(|at| tail.len() - at);
    match behind {
        Some(behind) if behind > END_LEN => {
            let found = format!("{} more", behind - END_LEN);
            kind.errors.malformed(
                "end of archive",
                "nothing behind the directory (no comment, no other file)",
                found,
            )
        }
        _ => kind
            .errors
            .malformed("end of archive", "an end record", "none: the archive is truncated")
            .with_hint("download or copy it again"),
    }
}

/// Reads the headers of the central directory, which they must fill.
fn read_directory<'a>(directory: &[u8], count: usize, kind: Kind) -> Result<Vec<Member<'a>>> {
    let errors = kind.errors;
    let mut members: Vec<Member<'_>> = Vec::with_capacity(count);
    let mut names = HashSet::new();
    let mut rest = directory;
    let mut total = 0u64;
    for index in 0..count {
        let place = || format!("central directory, member {index}");
        let lengths = |head: &[u8]| [28, 30, 32].map(|at| usize::from(u16_at(head, at)));
        let head = rest.get(..CENTRAL_LEN).filter(|head| head.starts_with(b"PK\x01\x02"));
        let Some((head, [name_len, extra_len, comment_len])) = head.map(|head| (head, lengths(head))) else {
            return Err(errors.malformed(place(), "a header", "other bytes").with_hint(DAMAGED));
        };
        let length = CENTRAL_LEN + name_len + extra_len + comment_len;
        if rest.len() < length {
            return Err(errors.truncated(place(), length as u64, rest.len() as u64));
        }
        let flags = u16_at(head, 8);
        let name = member_name(&rest[CENTRAL_LEN..CENTRAL_LEN + name_len], flags, &place(), errors)?;
        let place = || format!("member {}", show(&name));
        let extra = &rest[CENTRAL_LEN + name_len..length - comment_len];
        let [size, packed, offset] =
            widen(extra, [u32_at(head, 24), u32_at(head, 20), u32_at(head, 42)], &place(), errors)?;
        let method = u16_at(head, 10);
        if flags & 1 != 0 {
            return Err(errors.unsupported(place(), "encryption"));
        }
        if flags & !KNOWN_FLAGS != 0 {
            return Err(errors.unsupported(place(), format!("flags {flags:#06x}")));
        }
        if method != 0 && method != 8 {
            let feature = format!("compression method {method}");
            return Err(errors.unsupported(place(), feature).with_hint("store it, or compress it with deflate"));
        }
        // The file type of Unix lies in the upper half of the external attributes: A is a symbolic link.
        let file_type = u32_at(head, 38) >> 28;
        if file_type != 0 && file_type != 0x8 && file_type != 0x4 {
            return Err(
                errors.unsupported(place(), if file_type == 0xA { "a symbolic link" } else { "a special file" })
            );
        }
        if u16_at(head, 34) != 0 {
            return Err(errors.unsupported(place(), "an archive in several parts"));
        }
        if method == 0 && packed != size {
            let expected = format!("{size} stored bytes");
            return Err(errors.malformed(place(), expected, packed.to_string()));
        }
        if size > packed.saturating_mul(MAX_EXPANSION) {
            let expected =
                format!("at most {} bytes from {packed} packed bytes", packed.saturating_mul(MAX_EXPANSION));
            return Err(errors.malformed(place(), expected, format!("{size} declared")));
        }
        total = total.saturating_add(size);
        if total > MAX_TOTAL {
            return Err(errors.limit(place(), MAX_TOTAL, format!("{total} bytes, with all members before it")));
        }
        if !names.insert(name.clone()) {
            return Err(errors.malformed(place(), "every name once", "it twice"));
        }
        members.push(Member { name, size, crc: u32_at(head, 16), flags, method, offset, packed, data: &[] });
        rest = &rest[length..];
    }
    if !rest.is_empty() {
        let found = format!("{} bytes behind the last", rest.len());
        return Err(errors.malformed("central directory", format!("{count} headers"), found));
    }
    Ok(members)
}

/// A name that is a plain relative path with forward slashes. It is only ever compared, never opened.
fn member_name(raw: &[u8], flags: u16, place: &str, errors: Errors) -> Result<String> {
    let name = match core::str::from_utf8(raw) {
        Ok(name) if name.is_ascii() || flags & FLAG_UTF8 != 0 => name,
        _ => return Err(errors.malformed(place, "a name in UTF-8", show(&String::from_utf8_lossy(raw)))),
    };
    if name.len() > MAX_NAME {
        return Err(errors.limit(place, MAX_NAME as u64, format!("a name of {} bytes", name.len())));
    }
    let plain = name.strip_suffix('/').unwrap_or(name);
    let parts_fit = plain.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !parts_fit || name.contains(['\\', ':']) || name.contains(char::is_control) {
        return Err(errors.malformed(place, "a plain relative name", show(name)));
    }
    Ok(name.to_owned())
}

/// The three 32-bit numbers [size, packed size, offset], each replaced by its zip64 value if it is all ones.
fn widen(mut extra: &[u8], fields: [u32; 3], place: &str, errors: Errors) -> Result<[u64; 3]> {
    let bad = || errors.malformed(place, "well-formed extra fields", "others").with_hint(DAMAGED);
    let mut wide = fields.map(u64::from);
    let mut missing = fields.contains(&u32::MAX);
    while !extra.is_empty() {
        if extra.len() < 4 {
            return Err(bad());
        }
        let length = usize::from(u16_at(extra, 2));
        let mut body = extra.get(4..4 + length).ok_or_else(bad)?;
        if u16_at(extra, 0) == 1 && missing {
            for value in wide.iter_mut().filter(|value| **value == u64::from(u32::MAX)) {
                let (head, tail) = body.split_first_chunk::<8>().ok_or_else(bad)?;
                *value = u64::from_le_bytes(*head);
                body = tail;
            }
            missing = false;
        }
        extra = &extra[4 + length..];
    }
    if missing { Err(bad()) } else { Ok(wide) }
}

/// Finds every member's data and checks that the members tile `body`, all bytes before the directory.
fn locate<'a>(members: &mut [Member<'a>], body: &'a [u8], kind: Kind) -> Result<()> {
    let errors = kind.errors;
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| members[index].offset);
    let mut at = 0usize;
    for index in order {
        let member = &mut members[index];
        let place = || format!("member {}", show(&member.name));
        if member.offset != at as u64 {
            let expected = format!("its header at byte {at}, behind the bytes before it");
            let what =
                if member.offset < at as u64 { "overlapping members" } else { "bytes that belong to no member" };
            return Err(errors.malformed(place(), expected, format!("byte {}: {what}", member.offset)));
        }
        let differs = |expected: &str| {
            errors
                .malformed(place(), format!("a local header at byte {at} {expected}"), "another")
                .with_hint(DAMAGED)
        };
        let rest = &body[at..];
        let Some(head) = rest.get(..LOCAL_LEN).filter(|head| head.starts_with(b"PK\x03\x04")) else {
            return Err(differs("with its signature"));
        };
        let (name_len, extra_len) = (usize::from(u16_at(head, 26)), usize::from(u16_at(head, 28)));
        let data_at = LOCAL_LEN + name_len + extra_len;
        if rest.len() < data_at {
            return Err(errors.truncated(place(), data_at as u64, rest.len() as u64));
        }
        if &rest[LOCAL_LEN..LOCAL_LEN + name_len] != member.name.as_bytes() {
            return Err(differs("with the name of the directory"));
        }
        if u16_at(head, 6) != member.flags || u16_at(head, 8) != member.method {
            return Err(differs("with the flags and method of the directory"));
        }
        let extra = &rest[LOCAL_LEN + name_len..data_at];
        let [size, packed, _] = widen(extra, [u32_at(head, 22), u32_at(head, 18), 0], &place(), errors)?;
        let declared = (u32_at(head, 14), packed, size);
        let described = member.flags & FLAG_DESCRIPTOR != 0;
        if declared != (member.crc, member.packed, member.size) && !(described && declared == (0, 0, 0)) {
            return Err(differs("with the CRC and sizes of the directory"));
        }
        let there = (rest.len() - data_at) as u64;
        if member.packed > there {
            return Err(errors.truncated(place(), member.packed, there));
        }
        let data_end = data_at + member.packed as usize;
        let descriptor = if described { descriptor_len(&rest[data_end..], member) } else { Some(0) };
        let Some(descriptor) = descriptor else {
            return Err(errors.malformed(place(), "a data descriptor behind the data", "other bytes"));
        };
        member.data = &rest[data_at..data_end];
        at += data_end + descriptor;
    }
    if at != body.len() {
        let expected = format!("the directory at byte {at}, behind the last member");
        let found = format!("byte {}: bytes that belong to no member", body.len());
        return Err(errors.malformed("central directory", expected, found));
    }
    Ok(())
}

/// The length of the data descriptor at the beginning of `rest`, in any of its four forms.
fn descriptor_len(rest: &[u8], member: &Member<'_>) -> Option<usize> {
    let body = rest.strip_prefix(b"PK\x07\x08").unwrap_or(rest);
    let signature = rest.len() - body.len();
    let mut long = member.crc.to_le_bytes().to_vec();
    long.extend_from_slice(&member.packed.to_le_bytes());
    long.extend_from_slice(&member.size.to_le_bytes());
    // Sizes are below 2^32 here: the archive holds at most 2 GiB.
    let short: Vec<u8> = [&long[..8], &long[12..16]].concat();
    if body.starts_with(&long) {
        Some(signature + long.len())
    } else if body.starts_with(&short) {
        Some(signature + short.len())
    } else {
        None
    }
}

/// Writes stored members; the same members give the same bytes.
pub(crate) struct Writer {
    errors: Errors,
    out: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Writer {
    pub(crate) fn new(errors: Errors) -> Self {
        Self { errors, out: Vec::new(), directory: Vec::new(), count: 0 }
    }

    /// Appends a member dated 1980-01-01, readable and writable by its owner, as Python's zipfile does.
    pub(crate) fn store(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let place = || format!("member {}", show(name));
        let flags = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        member_name(name.as_bytes(), flags, &place(), self.errors)?;
        let after = self.out.len() as u64 + content.len() as u64;
        if after > MAX_TOTAL {
            return Err(self.errors.limit(place(), MAX_TOTAL, format!("{after} bytes")));
        }
        let Some(count) = self.count.checked_add(1) else {
            return Err(self.errors.limit(place(), 0xFFFF, "more members"));
        };
        let mut crc = Crc::new();
        crc.update(content);
        // The two casts are below 2^31 by the check above.
        let (offset, size, name_len) = (self.out.len() as u32, content.len() as u32, name.len() as u16);
        // From the version to the extra length both headers are the same 26 bytes.
        let mut common = Vec::with_capacity(26);
        for half in [20, flags, 0, 0, DATE_1980_01_01] {
            common.extend_from_slice(&half.to_le_bytes());
        }
        for word in [crc.sum(), size, size] {
            common.extend_from_slice(&word.to_le_bytes());
        }
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        self.out.extend_from_slice(b"PK\x03\x04");
        self.out.extend_from_slice(&common);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(content);
        self.directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        self.directory.extend_from_slice(&common);
        self.directory.extend_from_slice(&[0; 6]);
        self.directory.extend_from_slice(&(0o600u32 << 16).to_le_bytes());
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.count = count;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        // Both casts are below 2^32: the members by the check in store(), the directory by 65535 names of 256 bytes.
        let (start, length) = (self.out.len() as u32, self.directory.len() as u32);
        self.out.append(&mut self.directory);
        self.out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.out.extend_from_slice(&self.count.to_le_bytes());
        self.out.extend_from_slice(&self.count.to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&start.to_le_bytes());
        self.out.extend_from_slice(&[0, 0]);
        self.out
    }
}

/// MS-DOS date: years since 1980 in bits 9 and up, month in bits 5 to 8, day in bits 0 to 4.
const DATE_1980_01_01: u16 = 1 << 5 | 1;

/// The little-endian number at `at`, which the caller has checked to be there.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The little-endian number at `at`, which the caller has checked to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}
