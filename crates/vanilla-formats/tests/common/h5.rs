//! Puts HDF5 files together from single structures, good and bad ones. The grammar is in `src/hdf5`.

pub const UNDEFINED: u64 = u64::MAX;

/// A file of superblock version 0 under construction.
pub struct File(pub Vec<u8>);

/// A message of a version 1 object header: type, flags, body.
pub type Message = (u16, u8, Vec<u8>);

pub fn le(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub fn space(dims: &[u64]) -> Vec<u8> {
    [&[1, dims.len() as u8, 0, 0, 0, 0, 0, 0], &le(dims)[..]].concat()
}

pub const F32: &[u8] = b"\x11\x20\x1f\0\x04\0\0\0\0\0\x20\0\x17\x08\0\x17\x7f\0\0\0";
pub const F64: &[u8] = b"\x11\x20\x3f\0\x08\0\0\0\0\0\x40\0\x34\x0b\0\x34\xff\x03\0\0";
pub const I8: &[u8] = b"\x10\x08\0\0\x01\0\0\0\0\0\x08\0";
pub const VARIABLE_TEXT: &[u8] = b"\x19\x01\x01\0\x10\0\0\0\x13\0\0\0\x01\0\0\0";

pub fn contiguous(address: u64, size: u64) -> Vec<u8> {
    [&[3, 1][..], &le(&[address, size])].concat()
}

pub fn compact(data: &[u8]) -> Vec<u8> {
    [&[3, 0][..], &(data.len() as u16).to_le_bytes(), data].concat()
}

pub fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(8), 0);
    out
}

pub fn attribute(name: &str, kind: &[u8], space: &[u8], value: &[u8]) -> Message {
    let name = [name.as_bytes(), b"\0"].concat();
    let sizes = [name.len(), kind.len(), space.len()].map(|size| (size as u16).to_le_bytes());
    let head = [&[1, 0][..], &sizes.concat()].concat();
    (0x0C, 0, [head, padded(&name), padded(kind), padded(space), value.to_vec()].concat())
}

pub fn link(kind: u8, name: &str, rest: &[u8]) -> Message {
    (0x06, 0, [&[1, 8, kind, name.len() as u8][..], name.as_bytes(), rest].concat())
}

impl File {
    pub fn new() -> Self {
        Self(vec![0; 96])
    }

    /// Appends a structure and gives its address.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.0.len() as u64;
        self.0.extend(padded(bytes));
        at
    }

    pub fn header(&mut self, messages: &[Message]) -> u64 {
        let mut body = Vec::new();
        for (kind, flags, message) in messages {
            let message = padded(message);
            body.extend(kind.to_le_bytes());
            body.extend((message.len() as u16).to_le_bytes());
            body.extend([*flags, 0, 0, 0]);
            body.extend(message);
        }
        let count = (messages.len() as u16).to_le_bytes();
        let size = (body.len() as u32).to_le_bytes();
        self.put(&[&[1, 0], &count[..], &[1, 0, 0, 0], &size, &[0; 4], &body].concat())
    }

    pub fn object(&mut self, kind: &[u8], space: Vec<u8>, layout: Vec<u8>) -> u64 {
        self.header(&[(0x01, 0, space), (0x03, 0, kind.to_vec()), (0x08, 0, layout)])
    }

    pub fn floats(&mut self, values: &[f32]) -> u64 {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let at = self.put(&data);
        self.object(F32, space(&[values.len() as u64]), contiguous(at, data.len() as u64))
    }

    /// The local heap with these names, and the offset of each.
    pub fn heap(&mut self, names: &[&[u8]]) -> (u64, Vec<u64>) {
        let mut segment = vec![0; 8];
        let mut offsets = Vec::new();
        for name in names {
            offsets.push(segment.len() as u64);
            segment.extend(padded(&[name, &b"\0"[..]].concat()));
        }
        let at = self.put(&segment);
        let heap = [b"HEAP\0\0\0\0", &le(&[segment.len() as u64, UNDEFINED, at])[..]].concat();
        (self.put(&heap), offsets)
    }

    pub fn symbols(&mut self, entries: &[(u64, u64, u32)]) -> u64 {
        let mut node = [b"SNOD\x01\0", &(entries.len() as u16).to_le_bytes()[..]].concat();
        for &(name, header, cache) in entries {
            node.extend([le(&[name, header]), cache.to_le_bytes().to_vec(), vec![0; 20]].concat());
        }
        self.put(&node)
    }

    pub fn tree(&mut self, level: u8, children: &[u64]) -> u64 {
        let count = (children.len() as u16).to_le_bytes();
        let keys: Vec<u64> = [0].into_iter().chain(children.iter().flat_map(|&child| [child, 0])).collect();
        self.put(&[b"TREE\0", &[level][..], &count, &le(&[UNDEFINED, UNDEFINED]), &le(&keys)].concat())
    }

    /// The message of a group with these members.
    pub fn members(&mut self, members: &[(&[u8], u64)]) -> Message {
        let names: Vec<&[u8]> = members.iter().map(|&(name, _)| name).collect();
        let (heap, offsets) = self.heap(&names);
        let entries: Vec<_> = offsets.iter().zip(members).map(|(&offset, &(_, at))| (offset, at, 0)).collect();
        let symbols = self.symbols(&entries);
        let tree = self.tree(0, &[symbols]);
        (0x11, 0, le(&[tree, heap]))
    }

    pub fn group(&mut self, members: &[(&[u8], u64)]) -> u64 {
        let message = self.members(members);
        self.header(&[message])
    }

    /// The file with this root group.
    pub fn finish(mut self, root: u64) -> Vec<u8> {
        let end = self.0.len() as u64;
        let head = [
            b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0",
            &le(&[0, UNDEFINED, end, UNDEFINED, 0, root])[..],
        ];
        let head = head.concat();
        self.0[..head.len()].copy_from_slice(&head);
        self.0
    }

    /// The file with one object, called `x`.
    pub fn only(mut self, object: u64) -> Vec<u8> {
        let root = self.group(&[(b"x", object)]);
        self.finish(root)
    }
}

/// A file whose dataset `x` has this type, shape and layout.
pub fn dataset(kind: &[u8], space: Vec<u8>, layout: Vec<u8>) -> Vec<u8> {
    let mut file = File::new();
    let object = file.object(kind, space, layout);
    file.only(object)
}

/// A file whose root group has these messages.
pub fn root(messages: &[Message]) -> Vec<u8> {
    let mut file = File::new();
    let at = file.header(&[&[(0x02, 0, [&[0, 0][..], &le(&[UNDEFINED; 2])].concat())], messages].concat());
    file.finish(at)
}

pub fn good() -> Vec<u8> {
    let mut file = File::new();
    let object = file.floats(&[1.0, 2.0]);
    file.only(object)
}
