//! Superblock, object headers and groups.
//!
//! ```text
//! superblock = 89 "HDF" 0d 0a 1a 0a, then
//!              00 or 01: 0 0 0 0 08 08 0 leaf-k:2 node-k:2 flags:4 [01: k:2 0:2] base:8 free:8 end:8 driver:8 entry
//!              02 or 03: 08 08 flags base:8 extension:8 end:8 root:8 checksum:4
//! entry      = name:8 header:8 cache:4 0:4 scratch:16                       40 bytes; cache 2 is a soft link
//! header 1   = 01 0 count:2 references:4 size:4 0:4 message*                messages: type:2 size:2 flags 0:3 body
//! header 2   = "OHDR" 02 flags [times:16] [phases:4] size:1|2|4|8 message* checksum:4     type size:2 flags [order:2] body
//! more       = message*  |  "OCHK" message* checksum:4                      where a continuation message points
//! tree       = "TREE" 00 level count:2 left:8 right:8 key:8 (child:8 key:8)*              version 1, groups only
//! symbols    = "SNOD" 01 0 count:2 entry*
//! link       = 01 flags [type] [order:8] [charset] length:1|2|4|8 name header:8           type 0 is a hard link
//! ```
//!
//! All little-endian; addresses and lengths of 8 bytes only. Source: HDF5 File Format Specification 3.0, II to IV;
//! the checksum is Bob Jenkins's lookup3 (`hashlittle`, 2006).

use std::collections::HashSet;

use super::heaps::{Cursor, Source, UNDEFINED};
use super::messages::{self, Layout, Type};
use super::writer::bad_name;
use super::{ERRORS, Group, MAX_DEPTH, MAX_NAME, MAX_NODES, Node};
use crate::error::{Result, show};
use crate::{Array, FormatError, sniff};

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// How many messages one object may have.
const MAX_MESSAGES: usize = 1 << 16;
/// A tree of 32 levels of at least 2 children would have more members than MAX_NODES.
const MAX_TREE_LEVEL: u8 = 32;
const NOT_DEFAULT: &str = "save it again with Keras, or with h5py's default libver=\"earliest\"";

/// Reads a whole file. Anything outside the grammar of this module is an error that names the object.
pub fn read(bytes: &[u8]) -> Result<Group> {
    let mut source = Source::new(bytes);
    let root = superblock(&mut source, bytes)?;
    let mut reader = Reader { source, objects: HashSet::from([root]) };
    match reader.object(root, "", 0)? {
        Node::Group(group) => Ok(group),
        Node::Dataset(_) => Err(ERRORS.malformed("`/`", "a group", "a dataset")),
    }
}

/// Checks the superblock and gives the address of the root group's object header.
fn superblock(source: &mut Source<'_>, bytes: &[u8]) -> Result<u64> {
    let place = "superblock";
    if !bytes.starts_with(SIGNATURE) {
        let user_block = (9..32).map(|power| 1usize << power).take_while(|&at| at < bytes.len());
        if user_block.clone().any(|at| bytes[at..].starts_with(SIGNATURE)) {
            return Err(ERRORS.unsupported(place, "a user block before the HDF5 data"));
        }
        return Err(FormatError::NotThisFormat {
            expected: "an HDF5 file",
            found: sniff::describe(bytes),
            hint: "",
        });
    }
    let version = source.peek(8, 1, place)?[0];
    let length = match version {
        0 => 96,
        1 => 100,
        2 | 3 => 48,
        _ => return Err(ERRORS.malformed("superblock, version at byte 8", "0 to 3", version.to_string())),
    };
    let block = source.take(0, length, place)?;
    let mut cursor = Cursor::new(&block[9..], place);
    let sizes;
    let (base, end, elsewhere, root);
    if version < 2 {
        let versions = cursor.take(4)?;
        if versions[0] != 0 || versions[1] != 0 || versions[3] != 0 {
            return Err(ERRORS.malformed(place, "version 0 of its parts", format!("{versions:?}")));
        }
        sizes = [cursor.u8()?, cursor.u8()?];
        cursor.take(if version == 0 { 9 } else { 13 })?;
        base = cursor.u64()?;
        cursor.u64()?;
        end = cursor.u64()?;
        elsewhere = cursor.u64()?;
        cursor.u64()?;
        root = cursor.u64()?;
    } else {
        check_sum(block, place)?;
        sizes = [cursor.u8()?, cursor.u8()?];
        if cursor.u8()? != 0 {
            let error =
                ERRORS.malformed("superblock, flags", "a closed file", "one that is still open for writing");
            return Err(error.with_hint("its writer was interrupted or still runs"));
        }
        base = cursor.u64()?;
        elsewhere = cursor.u64()?;
        end = cursor.u64()?;
        root = cursor.u64()?;
    }
    if sizes != [8, 8] {
        let feature = format!("addresses and lengths of {} and {} bytes", sizes[0], sizes[1]);
        return Err(ERRORS.unsupported(place, feature).with_hint("8 and 8 are supported"));
    }
    if base != 0 {
        return Err(ERRORS.unsupported("superblock, base address", "a user block before the HDF5 data"));
    }
    if elsewhere != UNDEFINED {
        return Err(ERRORS.unsupported(place, "a driver block or a superblock extension").with_hint(NOT_DEFAULT));
    }
    if end > source.len() {
        let error = ERRORS.truncated("file", end, source.len());
        return Err(error.with_hint("the download or the save was interrupted: get the file again"));
    }
    if end < source.len() {
        let found = format!("{} bytes behind them", source.len() - end);
        return Err(ERRORS.malformed("end of file", format!("{end} bytes"), found));
    }
    Ok(root)
}

/// A message of an object header.
struct Message<'a> {
    kind: u16,
    flags: u8,
    body: &'a [u8],
}

struct Reader<'a> {
    source: Source<'a>,
    /// Addresses of the object headers that have a name already.
    objects: HashSet<u64>,
}

impl<'a> Reader<'a> {
    /// Reads the group or dataset whose header is at `at`.
    fn object(&mut self, at: u64, path: &str, depth: usize) -> Result<Node> {
        let place = &show(if path.is_empty() { "/" } else { path });
        if depth > MAX_DEPTH {
            return Err(ERRORS.limit(place, MAX_DEPTH as u64, "deeper groups"));
        }
        let messages = self.header(at, place)?;
        for message in &messages {
            refuse(message, place)?;
        }
        let has = |kind: u16| messages.iter().any(|message| message.kind == kind);
        if has(SYMBOL_TABLE) || has(LINK_INFO) || has(LINK) {
            return self.group(&messages, path, place, depth).map(Node::Group);
        }
        if has(LAYOUT) {
            return self.dataset(&messages, place).map(Node::Dataset);
        }
        if has(DATATYPE) {
            return Err(ERRORS.unsupported(place, "a named datatype"));
        }
        Err(ERRORS.malformed(place, "a group or a dataset", "an object that is neither"))
    }

    fn dataset(&mut self, messages: &[Message<'a>], place: &str) -> Result<Array> {
        let only = |kind: u16, name: &str| {
            let mut bodies = messages.iter().filter(|message| message.kind == kind);
            match (bodies.next(), bodies.next()) {
                (Some(message), None) => Ok(message.body),
                (None, _) => Err(ERRORS.malformed(place, format!("a {name}"), "none")),
                _ => Err(ERRORS.malformed(place, format!("one {name}"), "several")),
            }
        };
        let kind = messages::datatype(only(DATATYPE, "datatype")?, place)?;
        let space = messages::space(only(DATASPACE, "dataspace")?, place)?;
        let layout = messages::layout(only(LAYOUT, "layout")?, place)?;
        let Type::Number { kind, big_endian } = kind else {
            return Err(ERRORS.unsupported(place, "a dataset of texts"));
        };
        let needed = messages::byte_len(space.count, kind.size(), place)? as u64;
        let differs = |found: u64| {
            let expected = format!("{needed} bytes for shape {:?}", space.shape);
            ERRORS.malformed(format!("{place}, layout"), expected, found.to_string())
        };
        let raw = match layout {
            Layout::Compact(raw) if raw.len() as u64 != needed => return Err(differs(raw.len() as u64)),
            Layout::Compact(raw) => raw,
            Layout::Contiguous { size: Some(size), .. } if size != needed => return Err(differs(size)),
            Layout::Contiguous { .. } if needed == 0 => &[],
            Layout::Contiguous { address: UNDEFINED, .. } => {
                return Err(ERRORS.unsupported(place, "a dataset without stored values (only a fill value)"));
            }
            Layout::Contiguous { address, .. } => {
                self.source.take(address, needed, &format!("{place}, data at byte {address}"))?
            }
        };
        messages::numbers(kind, big_endian, space, raw, place)
    }

    fn group(&mut self, messages: &[Message<'a>], path: &str, place: &str, depth: usize) -> Result<Group> {
        let mut group = Group::new();
        let mut links: Vec<(&'a [u8], u64)> = Vec::new();
        for message in messages {
            match message.kind {
                ATTRIBUTE => group.attrs.push(messages::attribute(&mut self.source, message.body, place)?),
                SYMBOL_TABLE => {
                    let mut cursor = Cursor::new(message.body, place);
                    let (tree, heap) = (cursor.u64()?, cursor.u64()?);
                    let names = self.source.local_heap(heap, place)?;
                    self.tree(tree, None, names, place, &mut links)?;
                }
                LINK => links.push(link(message.body, place)?),
                _ => {}
            }
        }
        let mut attrs = HashSet::new();
        if let Some((name, _)) = group.attrs.iter().find(|(name, _)| !attrs.insert(name.as_str())) {
            return Err(ERRORS.malformed(
                format!("{place}, attribute {}", show(name)),
                "every name once",
                "it twice",
            ));
        }
        let mut seen = HashSet::new();
        for (name, at) in links {
            let name = messages::text(name, &format!("{place}, name of a member"))?;
            let path = format!("{path}/{name}");
            let place = show(&path);
            if let Some(error) = bad_name(&name, false, &place) {
                return Err(error);
            }
            if !seen.insert(name.clone()) {
                return Err(ERRORS.malformed(place, "every name once", "it twice"));
            }
            if !self.objects.insert(at) {
                return Err(ERRORS.unsupported(place, "a hard link or cycle: the object has another name already"));
            }
            if self.objects.len() > MAX_NODES {
                return Err(ERRORS.limit(place, MAX_NODES as u64, "more groups and datasets"));
            }
            group.children.push((name, self.object(at, &path, depth + 1)?));
        }
        Ok(group)
    }

    /// Collects the members below a node of a version 1 tree. Levels fall by one, so that there is no cycle.
    fn tree(
        &mut self,
        at: u64,
        level: Option<u8>,
        names: &'a [u8],
        place: &str,
        links: &mut Vec<(&'a [u8], u64)>,
    ) -> Result<()> {
        let inner = &format!("{place}, tree at byte {at}");
        let mut head = Cursor::new(self.source.take(at, 24, inner)?, inner);
        head.expect(b"TREE\0", "signature and type")?;
        let (found, count) = (head.u8()?, head.u16()?);
        let fits = match level {
            None => found <= MAX_TREE_LEVEL,
            Some(level) => found == level,
        };
        if !fits {
            let expected =
                level.map_or(format!("a level of at most {MAX_TREE_LEVEL}"), |level| format!("level {level}"));
            return Err(ERRORS.malformed(inner, expected, found.to_string()));
        }
        if count == 0 {
            return Ok(());
        }
        // Key, then child and key for each.
        let mut body = Cursor::new(self.source.take(at + 24, 8 + 16 * u64::from(count), inner)?, inner);
        for _ in 0..count {
            body.u64()?;
            let child = body.u64()?;
            match found.checked_sub(1) {
                Some(below) => self.tree(child, Some(below), names, place, links)?,
                None => self.symbols(child, names, place, links)?,
            }
        }
        Ok(())
    }

    fn symbols(&mut self, at: u64, names: &'a [u8], place: &str, links: &mut Vec<(&'a [u8], u64)>) -> Result<()> {
        let place = &format!("{place}, symbols at byte {at}");
        let mut head = Cursor::new(self.source.take(at, 8, place)?, place);
        head.expect(b"SNOD\x01", "signature and version")?;
        head.u8()?;
        let count = u64::from(head.u16()?);
        let mut body = Cursor::new(self.source.take(at + 8, 40 * count, place)?, place);
        for _ in 0..count {
            let (name, header, cache) = (body.u64()?, body.u64()?, body.u32()?);
            body.take(20)?;
            let tail = usize::try_from(name).ok().and_then(|name| names.get(name..)).unwrap_or_default();
            let Some(end) = tail.iter().take(MAX_NAME + 1).position(|&byte| byte == 0) else {
                let expected = format!("a name of at most {MAX_NAME} bytes in the local heap");
                return Err(ERRORS.malformed(place, expected, format!("none at its byte {name}")));
            };
            if cache == 2 || header == UNDEFINED {
                let feature = format!("a soft link, {}", show(&String::from_utf8_lossy(&tail[..end])));
                return Err(ERRORS.unsupported(place, feature));
            }
            links.push((&tail[..end], header));
        }
        Ok(())
    }

    /// All messages of the object header at `at`, those of its continuations included.
    fn header(&mut self, at: u64, place: &str) -> Result<Vec<Message<'a>>> {
        let place = &format!("{place}, object header at byte {at}");
        match self.source.peek(at, 4, place)? {
            b"OHDR" => self.header_2(at, place),
            [1, 0, ..] => self.header_1(at, place),
            other => Err(ERRORS.malformed(
                place,
                "a header of version 1 or 2",
                format!("bytes {}", other.escape_ascii()),
            )),
        }
    }

    fn header_1(&mut self, at: u64, place: &str) -> Result<Vec<Message<'a>>> {
        let mut head = Cursor::new(self.source.take(at, 16, place)?, place);
        head.u16()?;
        let (count, _references, size) = (usize::from(head.u16()?), head.u32()?, head.u32()?);
        let mut messages = Vec::new();
        let mut blocks = vec![(at + 16, u64::from(size))];
        let (mut read, mut first) = (0, true);
        while let Some((at, size)) = blocks.pop() {
            let place = &block_place(place, at, first);
            first = false;
            let mut block = Cursor::new(self.source.take(at, size, place)?, place);
            // Up to 7 bytes too few for a message may remain.
            while block.rest().len() >= 8 {
                let (kind, size, flags) = (block.u16()?, usize::from(block.u16()?), block.u8()?);
                block.take(3)?;
                let message = Message { kind, flags, body: block.take(size)? };
                read += 1;
                if read > count {
                    return Err(ERRORS.malformed(place, format!("{count} messages"), "more"));
                }
                keep(message, &mut messages, &mut blocks, place)?;
            }
        }
        if read < count {
            return Err(ERRORS.malformed(place, format!("{count} messages"), read.to_string()));
        }
        Ok(messages)
    }

    fn header_2(&mut self, at: u64, place: &str) -> Result<Vec<Message<'a>>> {
        let mut head = Cursor::new(self.source.peek(at, 6, place)?, place);
        head.expect(b"OHDR\x02", "signature and version")?;
        let flags = head.u8()?;
        if flags & 0xC0 != 0 {
            return Err(ERRORS.malformed(place, "flags below 64", flags.to_string()));
        }
        let prefix = 6 + if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 };
        let width = 1u64 << (flags & 3);
        let mut sized = Cursor::new(self.source.peek(at.saturating_add(prefix), width, place)?, place);
        let size = sized.number(width as usize)?;
        let before = prefix + width;
        let mut messages = Vec::new();
        let mut blocks = vec![(at, size.saturating_add(before + 4))];
        let mut first = true;
        while let Some((at, size)) = blocks.pop() {
            let place = &block_place(place, at, first);
            let whole = self.source.take(at, size, place)?;
            let before = if first { before as usize } else { 4 };
            if !first && !whole.starts_with(b"OCHK") {
                return Err(ERRORS.malformed(place, "OCHK", "other bytes"));
            }
            let Some(body) = whole.len().checked_sub(4).and_then(|end| whole.get(before..end)) else {
                return Err(ERRORS.truncated(place, before as u64 + 4, size));
            };
            check_sum(whole, place)?;
            first = false;
            let mut block = Cursor::new(body, place);
            let head = if flags & 4 != 0 { 6 } else { 4 };
            while block.rest().len() >= head {
                let (kind, size, message_flags) = (block.u8()?, usize::from(block.u16()?), block.u8()?);
                block.take(head - 4)?;
                let message = Message { kind: u16::from(kind), flags: message_flags, body: block.take(size)? };
                keep(message, &mut messages, &mut blocks, place)?;
            }
        }
        Ok(messages)
    }
}

const NIL: u16 = 0x00;
const DATASPACE: u16 = 0x01;
const LINK_INFO: u16 = 0x02;
const DATATYPE: u16 = 0x03;
const LINK: u16 = 0x06;
const LAYOUT: u16 = 0x08;
const ATTRIBUTE: u16 = 0x0C;
const CONTINUATION: u16 = 0x10;
const SYMBOL_TABLE: u16 = 0x11;
const ATTRIBUTE_INFO: u16 = 0x15;

/// What errors call a block of messages: the header's first one is the header.
fn block_place(header: &str, at: u64, first: bool) -> String {
    if first { header.to_owned() } else { format!("{header}, continuation at byte {at}") }
}

/// Files a message: a continuation with the blocks to read, anything but padding with the messages.
fn keep<'a>(
    message: Message<'a>,
    messages: &mut Vec<Message<'a>>,
    blocks: &mut Vec<(u64, u64)>,
    place: &str,
) -> Result<()> {
    match message.kind {
        NIL => {}
        CONTINUATION => {
            let mut cursor = Cursor::new(message.body, place);
            blocks.push((cursor.u64()?, cursor.u64()?));
        }
        _ if messages.len() == MAX_MESSAGES => {
            return Err(ERRORS.limit(place, MAX_MESSAGES as u64, "more messages"));
        }
        _ => messages.push(message),
    }
    Ok(())
}

/// Refuses messages that change the meaning of an object in a way that is not supported.
fn refuse(message: &Message<'_>, place: &str) -> Result<()> {
    let feature = match message.kind {
        _ if message.flags & 2 != 0 => "a shared message".to_owned(),
        0x07 => return Err(ERRORS.unsupported(place, "external storage (data in other files)")),
        0x0B => return filters(message.body, place),
        0x0F => "a table of shared messages".to_owned(),
        0x14 => "driver information".to_owned(),
        LINK_INFO | ATTRIBUTE_INFO => return dense(message, place),
        // Fill values, group hints, comments, times, counts.
        0x00..=0x06 | 0x08 | 0x0A | 0x0C..=0x0E | 0x10..=0x13 | 0x16 | 0x17 => return Ok(()),
        kind => format!("a message of type {kind:#06x}"),
    };
    Err(ERRORS.unsupported(place, feature).with_hint(NOT_DEFAULT))
}

/// Refuses links and attributes in a fractal heap. Both messages are: version, flags, [counters], heap address, ...
fn dense(message: &Message<'_>, place: &str) -> Result<()> {
    let mut cursor = Cursor::new(message.body, place);
    let (version, flags) = (cursor.u8()?, cursor.u8()?);
    if version != 0 {
        return Err(ERRORS.malformed(place, "link or attribute information of version 0", version.to_string()));
    }
    let links = message.kind == LINK_INFO;
    if flags & 1 != 0 {
        cursor.take(if links { 8 } else { 2 })?;
    }
    if cursor.u64()? == UNDEFINED {
        return Ok(());
    }
    let feature = if links { "a dense group (many members, new format)" } else { "dense attributes (new format)" };
    Err(ERRORS.unsupported(place, feature).with_hint(NOT_DEFAULT))
}

/// Refuses compression and other filters by name. Pipeline: version, count, [1: 0:6], then id:2 of the first.
fn filters(body: &[u8], place: &str) -> Result<()> {
    let mut cursor = Cursor::new(body, place);
    let (version, count) = (cursor.u8()?, cursor.u8()?);
    if count == 0 {
        return Ok(());
    }
    cursor.take(if version == 1 { 6 } else { 0 })?;
    let name = match cursor.u16()? {
        1 => "deflate".to_owned(),
        2 => "shuffle".to_owned(),
        3 => "fletcher32".to_owned(),
        4 => "szip".to_owned(),
        5 => "nbit".to_owned(),
        6 => "scaleoffset".to_owned(),
        32000 => "lzf".to_owned(),
        32001 => "blosc".to_owned(),
        id => format!("number {id}"),
    };
    let error = ERRORS.unsupported(place, format!("the filter {name}"));
    Err(error.with_hint("save the dataset without compression"))
}

/// The name and the header's address of a link message.
fn link<'a>(body: &'a [u8], place: &str) -> Result<(&'a [u8], u64)> {
    let place = &format!("{place}, link");
    let mut cursor = Cursor::new(body, place);
    let (version, flags) = (cursor.u8()?, cursor.u8()?);
    if version != 1 || flags & 0xE0 != 0 {
        return Err(ERRORS.malformed(place, "version 1 and flags below 32", format!("{version} and {flags}")));
    }
    let kind = if flags & 8 != 0 { cursor.u8()? } else { 0 };
    cursor.take(if flags & 4 != 0 { 8 } else { 0 } + if flags & 16 != 0 { 1 } else { 0 })?;
    let length = cursor.number(1 << (flags & 3))?;
    if length > MAX_NAME as u64 {
        return Err(ERRORS.limit(place, MAX_NAME as u64, format!("a name of {length} bytes")));
    }
    let name = cursor.take(length as usize)?;
    let feature = match kind {
        0 => return Ok((name, cursor.u64()?)),
        1 => "a soft link",
        64 => "an external link (an object in another file)",
        _ => "a user-defined link",
    };
    Err(ERRORS.unsupported(place, format!("{feature}, {}", show(&String::from_utf8_lossy(name)))))
}

/// Compares the last 4 bytes with the checksum of those before them.
fn check_sum(block: &[u8], place: &str) -> Result<()> {
    let (body, stored) = block.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    let (stored, computed) = (u32::from_le_bytes(*stored), lookup3(body));
    if stored == computed {
        return Ok(());
    }
    let error = ERRORS.malformed(place, format!("the checksum {stored:08x}"), format!("{computed:08x}"));
    Err(error.with_hint("the file is damaged"))
}

/// Bob Jenkins's lookup3, `hashlittle` with a start value of 0.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xDEAD_BEEF_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let words = |block: &[u8; 12]| {
        let (words, _) = block.as_chunks::<4>();
        [words[0], words[1], words[2]].map(u32::from_le_bytes)
    };
    let mut rest = bytes;
    // The last block is of 1 to 12 bytes, filled up with zeros.
    while let Some((block, tail)) = rest.split_first_chunk::<12>()
        && !tail.is_empty()
    {
        let [x, y, z] = words(block);
        a = a.wrapping_add(x);
        b = b.wrapping_add(y);
        c = c.wrapping_add(z);
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        rest = tail;
    }
    if rest.is_empty() {
        return c;
    }
    let mut block = [0; 12];
    block[..rest.len()].copy_from_slice(rest);
    let [x, y, z] = words(&block);
    a = a.wrapping_add(x);
    b = b.wrapping_add(y);
    c = c.wrapping_add(z);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}
