//! tar, named members of it, plain or in gzip, read as a stream.
//!
//! ```text
//! archive = entry* zeros:512 zeros:512 zeros*            in blocks of 512 bytes
//! entry   = header:512 data{size} zeros                  up to the next block
//! header  = name:100 mode:8 uid:8 gid:8 size:12 mtime:12 checksum:8 type:1 link:100
//!           magic:6 version:2 user:32 group:32 major:8 minor:8 prefix:155 pad:12
//! number  = spaces octal-digit+ (space | NUL)*
//! type    = '0' or NUL file | '1' .. '6' links, devices, folders | 'x', 'g' pax records | others
//! record  = length " " key "=" value "\n"                length counts itself
//! ```
//!
//! Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format".
//! Narrower than that: only regular files are given, by their exact names and sizes; everything else is passed over
//! unread. Names are compared and never used as paths. Whatever changes the name or the size of another entry (a pax
//! record `path` or `size`, GNU's long names, sizes in base 256) is refused: two readers could see two archives.
//! At most 1024 entries.

use std::io::{BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use crate::FormatError;
use crate::error::{Errors, Result, show, show_names};

const ERRORS: Errors = Errors("tar");
const BLOCK: usize = 512;
const MAX_ENTRIES: usize = 1024;
/// Of the pax records of one entry, bytes.
const MAX_RECORDS: u64 = 1 << 16;
/// What may lie in an archive beside the wanted members: headers, folders, a page about them.
const MAX_OTHERS: u64 = 1 << 20;
const DAMAGED: &str = "the file is truncated or damaged: download or copy it again";

/// The members of these names and sizes in bytes, in this order, whatever their order in the archive.
/// `reader` may be compressed with gzip. Reading stops where more comes than such an archive holds.
///
/// # Errors
/// When the bytes are no tar archive, one of the members is missing, twice there or of another size, or `reader`
/// fails.
pub fn read_members(mut reader: impl BufRead, wanted: &[(&str, u64)]) -> Result<Vec<Vec<u8>>> {
    let head = reader.fill_buf().map_err(|error| failed("header 0", &error))?;
    let gzip = crate::gzip::is_gzip(head);
    let limit = wanted.iter().fold(MAX_OTHERS, |sum, (_, bytes)| sum.saturating_add(*bytes));
    // Padding of each member included.
    let limit = limit.saturating_add((wanted.len() * 2 * BLOCK) as u64);
    if gzip {
        Reader { inner: MultiGzDecoder::new(reader).take(limit), at: 0, limit }.members(wanted)
    } else {
        Reader { inner: reader.take(limit), at: 0, limit }.members(wanted)
    }
}

struct Reader<R> {
    inner: std::io::Take<R>,
    /// Bytes that were read.
    at: u64,
    limit: u64,
}

/// What a header says.
struct Header {
    name: String,
    bytes: u64,
    kind: u8,
}

impl<R: Read> Reader<R> {
    fn members(&mut self, wanted: &[(&str, u64)]) -> Result<Vec<Vec<u8>>> {
        let mut found: Vec<Option<Vec<u8>>> = wanted.iter().map(|_| None).collect();
        let mut names = Vec::new();
        loop {
            let place = format!("header at {}", self.at);
            let block = self.block(&place)?;
            if block.iter().all(|&byte| byte == 0) {
                self.end()?;
                break;
            }
            if names.len() == MAX_ENTRIES {
                return Err(ERRORS.limit("archive", MAX_ENTRIES as u64, "more entries"));
            }
            let header = Header::parse(&block, &place)?;
            let place = format!("member {}", show(&header.name));
            let index = wanted.iter().position(|(name, _)| *name == header.name);
            match (header.kind, index) {
                (b'x' | b'g', _) => self.records(header.bytes, &place)?,
                (b'L' | b'K' | b'S' | b'M', _) => {
                    let feature = format!("an extension of GNU tar (type `{}`)", char::from(header.kind));
                    return Err(ERRORS.unsupported(place, feature));
                }
                (b'0' | 0, Some(index)) => {
                    let (expected, slot) = (wanted[index].1, &mut found[index]);
                    if slot.is_some() {
                        return Err(ERRORS.malformed(place, "every name once", "it twice"));
                    }
                    if header.bytes != expected {
                        let found = format!("{} bytes", header.bytes);
                        return Err(ERRORS.malformed(place, format!("{expected} bytes"), found));
                    }
                    *slot = Some(self.data(expected, &place)?);
                }
                (kind, Some(_)) => {
                    let found = format!("type `{}`", char::from(kind).escape_default());
                    return Err(ERRORS.malformed(place, "a regular file", found));
                }
                (_, None) => self.skip(header.bytes, &place)?,
            }
            names.push(header.name);
        }
        let all = wanted.iter().zip(found).map(|((name, _), found)| {
            found.ok_or_else(|| FormatError::Missing {
                format: "tar",
                wanted: format!("member {}", show(name)),
                present: format!("it holds {}", show_names(names.iter().map(String::as_str))),
                hint: "",
            })
        });
        all.collect()
    }

    fn fill(&mut self, into: &mut [u8], place: &str) -> Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            match self.inner.read(&mut into[filled..]) {
                Ok(0) if self.inner.limit() == 0 => {
                    let found = "more bytes than its members and their headers have";
                    return Err(ERRORS.limit(place, self.limit, found));
                }
                Ok(0) => {
                    let error = ERRORS.truncated(place, into.len() as u64, filled as u64);
                    return Err(error.with_hint(DAMAGED));
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(place, &error)),
            }
        }
        self.at += into.len() as u64;
        Ok(())
    }

    fn block(&mut self, place: &str) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.fill(&mut block, place)?;
        Ok(block)
    }

    /// `bytes` and what fills their last block. Memory is taken as they arrive, for nobody has seen them yet.
    fn data(&mut self, bytes: u64, place: &str) -> Result<Vec<u8>> {
        let mut data: Vec<u8> = Vec::new();
        let mut left = bytes;
        let mut piece = vec![0; 1 << 16];
        while left > 0 {
            let count = left.min(piece.len() as u64) as usize;
            self.fill(&mut piece[..count], place)?;
            if data.capacity() - data.len() < count {
                // Twice as much, but never more than there will be.
                let more = (data.len().max(piece.len()) as u64).min(left) as usize;
                if data.try_reserve_exact(more).is_err() {
                    return Err(ERRORS.malformed(place, format!("memory for {bytes} bytes"), "less"));
                }
            }
            data.extend_from_slice(&piece[..count]);
            left -= count as u64;
        }
        self.padding(bytes, place)?;
        Ok(data)
    }

    fn skip(&mut self, bytes: u64, place: &str) -> Result<()> {
        let mut left = bytes;
        let mut piece = [0; BLOCK];
        while left > 0 {
            let count = left.min(BLOCK as u64) as usize;
            self.fill(&mut piece[..count], place)?;
            left -= count as u64;
        }
        self.padding(bytes, place)
    }

    fn padding(&mut self, bytes: u64, place: &str) -> Result<()> {
        let past = (bytes % BLOCK as u64) as usize;
        if past == 0 {
            return Ok(());
        }
        let mut padding = [0; BLOCK];
        self.fill(&mut padding[..BLOCK - past], place)
    }

    /// pax records, none of which may change the name or the size of an entry.
    fn records(&mut self, bytes: u64, place: &str) -> Result<()> {
        if bytes > MAX_RECORDS {
            return Err(ERRORS.limit(place, MAX_RECORDS, format!("{bytes} bytes of pax records")));
        }
        let data = self.data(bytes, place)?;
        let mut rest = &data[..];
        while !rest.is_empty() {
            let (key, after) = record(rest).ok_or_else(|| {
                let found = show(&String::from_utf8_lossy(&rest[..rest.len().min(40)]));
                ERRORS.malformed(place, "pax records, `length key=value`", found)
            })?;
            if matches!(key, b"path" | b"size" | b"linkpath") || key.starts_with(b"GNU.sparse.") {
                let key = String::from_utf8_lossy(key).into_owned();
                return Err(ERRORS.unsupported(place, format!("the pax record {}", show(&key))));
            }
            rest = after;
        }
        Ok(())
    }

    /// A second block of zeros, and nothing but zeros after it.
    fn end(&mut self) -> Result<()> {
        let place = "end of the archive";
        let mut zeros = 1;
        let mut piece = [0; BLOCK];
        loop {
            match self.inner.read(&mut piece) {
                Ok(0) if self.inner.limit() == 0 => {
                    return Err(ERRORS.limit(
                        place,
                        self.limit,
                        "more bytes than its members and their headers have",
                    ));
                }
                Ok(0) if zeros < 2 * BLOCK as u64 => {
                    return Err(ERRORS
                        .truncated(place, 2 * BLOCK as u64, zeros.max(BLOCK as u64))
                        .with_hint(DAMAGED));
                }
                Ok(0) => return Ok(()),
                Ok(count) if piece[..count].iter().any(|&byte| byte != 0) => {
                    return Err(ERRORS.malformed(place, "zeros", "other bytes"));
                }
                Ok(count) => zeros = zeros.max(BLOCK as u64) + count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(place, &error)),
            }
        }
    }
}

impl Header {
    fn parse(block: &[u8; BLOCK], place: &str) -> Result<Self> {
        let sum: u64 =
            block.iter().enumerate().map(|(i, &byte)| u64::from(if in_checksum(i) { b' ' } else { byte })).sum();
        let stated = number(&block[148..156]);
        if stated != Some(sum) {
            let found = stated.map_or("no number".to_owned(), |stated| stated.to_string());
            let error = ERRORS.malformed(format!("{place}, checksum"), sum.to_string(), found);
            return Err(error.with_hint("this is no tar archive, or a damaged one: download or copy it again"));
        }
        let text = |from: usize, to: usize| {
            let field = &block[from..to];
            let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
            String::from_utf8(field[..end].to_vec())
                .map_err(|_| ERRORS.malformed(format!("{place}, name"), "UTF-8", "other bytes"))
        };
        let (name, prefix) =
            (text(0, 100)?, if &block[257..263] == b"ustar\0" { text(345, 500)? } else { String::new() });
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let bytes = number(&block[124..136]).ok_or_else(|| {
            let found = show(&String::from_utf8_lossy(&block[124..136]));
            ERRORS.malformed(format!("{place}, size"), "an octal number", found)
        })?;
        Ok(Self { name, bytes, kind: block[156] })
    }
}

fn in_checksum(at: usize) -> bool {
    (148..156).contains(&at)
}

/// An octal number as headers have them.
fn number(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let digits = field.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if digits == 0 || field[digits..].iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    field[..digits]
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(8)?.checked_add(u64::from(digit - b'0')))
}

/// The key of the first record, and what follows the record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(8).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let whole = bytes.get(..length)?;
    let inner = whole.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = inner.iter().position(|&byte| byte == b'=')?;
    Some((&inner[..equals], &bytes[length..]))
}

fn failed(place: &str, error: &std::io::Error) -> FormatError {
    ERRORS.malformed(place, "readable bytes", error.to_string()).with_hint(DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// One entry, its checksum right.
    fn entry(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
        entry_with(name, kind, data, |_| ())
    }

    fn entry_with(name: &str, kind: u8, data: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut block);
        seal(&mut block);
        block.extend_from_slice(data);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    /// Makes the checksum of a header right.
    fn seal(block: &mut [u8]) {
        let sum: u64 =
            block.iter().enumerate().map(|(i, &byte)| if in_checksum(i) { 32 } else { u64::from(byte) }).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = entries.concat();
        bytes.resize((bytes.len() + 2 * BLOCK).next_multiple_of(20 * BLOCK), 0);
        bytes
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const WANTED: [(&str, u64); 2] = [("d/a.bin", 3), ("d/b.bin", 700)];

    fn good() -> Vec<Vec<u8>> {
        vec![
            entry("d/", b'5', b""),
            entry("d/readme", b'0', b"hello"),
            entry("d/b.bin", b'0', &[7; 700]),
            entry("d/link", b'2', b""),
            entry("d/a.bin", 0, b"abc"),
        ]
    }

    #[test]
    fn members_by_name_in_the_order_asked_for() {
        let bytes = archive(&good());
        let want = vec![b"abc".to_vec(), vec![7; 700]];
        assert_eq!(read_members(&bytes[..], &WANTED).unwrap(), want);
        assert_eq!(read_members(&gzipped(&bytes)[..], &WANTED).unwrap(), want);
        // pax records of times and owners say nothing about names and sizes.
        let mut entries = good();
        entries.insert(0, entry("pax", b'g', b"18 comment=a b c=\n"));
        entries.insert(3, entry("pax", b'x', b"30 mtime=1234567890.123456789\n12 uid=1234\n"));
        assert_eq!(read_members(&archive(&entries)[..], &WANTED).unwrap(), want);
        // A long name in two parts.
        let split = entry_with("a.bin", b'0', b"abc", |block| block[345] = b'd');
        let entries = [split, entry("d/b.bin", b'0', &[7; 700])];
        assert_eq!(read_members(&archive(&entries)[..], &WANTED).unwrap(), want);
    }

    #[test]
    fn hostile_archives() {
        let with = |at: usize, entry: Vec<u8>| {
            let mut entries = good();
            entries.insert(at, entry);
            archive(&entries)
        };
        let without = |at: usize| {
            let mut entries = good();
            entries.remove(at);
            archive(&entries)
        };
        let mut damaged = archive(&good());
        damaged[1] ^= 1;
        let mut tail = archive(&good());
        *tail.last_mut().unwrap() = 1;
        let whole = good().concat();
        let many: Vec<Vec<u8>> = (0..=MAX_ENTRIES).map(|_| entry("e", b'0', b"")).collect();
        let huge = entry_with("x", b'0', b"", |block| block[124..136].copy_from_slice(b"77777777777\0"));
        let binary =
            entry_with("x", b'0', b"", |block| block[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x01"));
        let signed = entry_with("x", b'0', b"", |block| block[124..136].copy_from_slice(b"-0000000001\0"));
        let lie = entry_with("d/c", b'0', b"", |block| block[124..136].copy_from_slice(b"00000001000\0"));
        let latin = entry_with("x", b'0', b"", |block| block[0] = 0xe9);
        let mut bomb = good().concat();
        bomb.resize(bomb.len() + (50 << 20), 0);
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (Vec::new(), "tar, header at 0: truncated: expected 512 bytes, found 0 (the file is truncated"),
            (b"PK\x03\x04".to_vec(), "tar, header at 0: truncated: expected 512 bytes, found 4"),
            (
                vec![b'x'; 2000],
                "tar, header at 0, checksum: expected 60736, found no number (this is no tar archive",
            ),
            (damaged, "tar, header at 0, checksum: expected"),
            (without(4), "tar: no member `d/a.bin`: it holds `d/`, `d/readme`, `d/b.bin`, `d/link`"),
            (
                with(0, entry("d/a.bin", b'0', b"abc")),
                "tar, member `d/a.bin`: expected every name once, found it twice",
            ),
            (with(0, entry("d/a.bin", b'0', b"abcd")), "tar, member `d/a.bin`: expected 3 bytes, found 4 bytes"),
            (
                with(0, entry("d/a.bin", b'2', b"")),
                "tar, member `d/a.bin`: expected a regular file, found type `2`",
            ),
            (
                with(0, entry("d/a.bin", b'5', b"")),
                "tar, member `d/a.bin`: expected a regular file, found type `5`",
            ),
            (
                with(0, entry("././@LongLink", b'L', b"d/a.bin\0")),
                "unsupported: an extension of GNU tar (type `L`)",
            ),
            (with(0, entry("pax", b'x', b"16 path=d/a.bin\n")), "unsupported: the pax record `path`"),
            (with(0, entry("pax", b'g', b"10 size=9\n")), "unsupported: the pax record `size`"),
            (
                with(0, entry("pax", b'x', b"99 mtime=1\n")),
                "expected pax records, `length key=value`, found `99 mtime=1\\n`",
            ),
            (with(0, entry("pax", b'x', b"0 a=b\n")), "expected pax records"),
            (
                with(0, entry("pax", b'x', &[b'1'; 70_000])),
                "tar, member `pax`: limit: expected at most 65536, found 70000",
            ),
            (with(0, huge), "tar, member `x`: truncated: expected 512 bytes, found 0"),
            (with(0, binary), "tar, header at 0, size: expected an octal number"),
            (with(0, signed), "tar, header at 0, size: expected an octal number, found `-0000000001\\0`"),
            (with(0, latin), "tar, header at 0, name: expected UTF-8, found other bytes"),
            (with(4, lie), "checksum: expected"),
            (whole.clone(), "truncated: expected 512 bytes, found 0"),
            (
                [whole.clone(), vec![0; BLOCK]].concat(),
                "tar, end of the archive: truncated: expected 1024 bytes, found 512",
            ),
            (whole[..whole.len() - 600].to_vec(), "truncated: expected 512 bytes, found 424"),
            (tail, "tar, end of the archive: expected zeros, found other bytes"),
            (archive(&many), "tar, archive: limit: expected at most 1024, found more entries"),
            (bomb, "tar, end of the archive: limit: expected at most 1051327"),
        ];
        for (i, (bytes, want)) in cases.into_iter().enumerate() {
            for (form, bytes) in [("plain", bytes.clone()), ("gzip", gzipped(&bytes))] {
                let error = read_members(&bytes[..], &WANTED).unwrap_err().to_string();
                assert!(error.contains(want), "{i} {form}: {error}");
            }
        }
        let mut cut = gzipped(&archive(&good()));
        cut.truncate(cut.len() - 9);
        let error = read_members(&cut[..], &WANTED).unwrap_err().to_string();
        assert!(error.contains("(the file is truncated or damaged: download or copy it again)"), "{error}");
    }

    #[test]
    fn any_bytes() {
        let bytes = archive(&good());
        let mut state = 1u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..6000 {
            let mut bytes = bytes[..next(bytes.len()) + 1].to_vec();
            for _ in 0..next(6) {
                let at =
                    if round % 3 == 0 { next(bytes.len()) } else { (next(8) * BLOCK + next(BLOCK)) % bytes.len() };
                bytes[at] = next(256) as u8;
            }
            // Behind the checksums, too.
            for block in
                bytes.chunks_exact_mut(BLOCK).filter(|block| round % 2 == 0 && block[257..262] == *b"ustar")
            {
                seal(block);
            }
            let _ = read_members(&bytes[..], &WANTED);
        }
    }
}
