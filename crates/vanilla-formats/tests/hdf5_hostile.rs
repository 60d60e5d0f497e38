//! HDF5: hostile files (links, external storage, virtual datasets, filters, rings, heaps, shapes), put together
//! from single structures.

mod common;

use std::time::{Duration, Instant};

use common::h5::{
    F32, F64, File, I8, Message, UNDEFINED, VARIABLE_TEXT, attribute, compact, contiguous, dataset, good, le,
    link, root, space,
};
use common::{f32s, i64s, patch, refused, refused_file, u8s};
use vanilla_formats::hdf5::{Attr, read};

#[test]
fn the_builder_makes_good_files() {
    assert_eq!(read(&good()).unwrap().dataset("x").unwrap(), &f32s(&[2], &[1.0, 2.0]));
    let read_x = |file: Vec<u8>| read(&file).unwrap().dataset("x").unwrap().clone();
    assert_eq!(read_x(dataset(I8, space(&[2]), compact(&[1, 255]))), i64s(&[2], &[1, -1]));
    assert_eq!(read_x(dataset(F64, space(&[]), compact(&0.1f64.to_le_bytes()))), f32s(&[], &[0.1]));
    let mut big_endian = F32.to_vec();
    big_endian[1] |= 1;
    assert_eq!(read_x(dataset(&big_endian, space(&[]), compact(&1.5f32.to_be_bytes()))), f32s(&[], &[1.5]));
    // h5py's boolean, in both spellings of its names.
    let old = [b"\x18\x02\0\0\x01\0\0\0", I8, b"FALSE\0\0\0TRUE\0\0\0\0\0\x01"].concat();
    let new = [b"\x38\x02\0\0\x01\0\0\0", I8, b"FALSE\0TRUE\0\0\x01"].concat();
    for kind in [old, new] {
        assert_eq!(read_x(dataset(&kind, space(&[2]), compact(&[1, 0]))), u8s(&[2], &[1, 0]));
    }
    // Layouts of HDF5 1.6: version, rank, class, reserved, [address], dimensions, [size, data].
    let old_compact = [&[1, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0][..], &[7, 8]].concat();
    assert_eq!(read_x(dataset(I8, space(&[2]), old_compact)), i64s(&[2], &[7, 8]));
    let mut file = File::new();
    let at = file.put(&[1, 2]);
    let old_contiguous = [&[2, 1, 1, 0, 0, 0, 0, 0][..], &le(&[at]), &[2, 0, 0, 0]].concat();
    let object = file.object(I8, space(&[2]), old_contiguous);
    assert_eq!(read_x(file.only(object)), i64s(&[2], &[1, 2]));
    for (padding, expected) in [(0, "cd  "), (1, "cd  "), (2, "cd")] {
        let kind = [0x13, padding, 0, 0, 4, 0, 0, 0];
        let texts = Attr::StrList(vec!["ab".to_owned(), expected.to_owned()]);
        let file = root(&[attribute("a", &kind, &space(&[2]), b"ab\0\0cd  ")]);
        assert_eq!(read(&file).unwrap().attr("a"), Some(&texts), "padding {padding}");
    }
}

#[test]
fn hostile_superblocks_are_refused() {
    let good = good();
    let at = |at: usize, with: &[u8]| patch(&good, at, with);
    let length = good.len() as u64;
    let ours = vanilla_formats::hdf5::write(&read(&good).unwrap()).unwrap();
    let open = {
        // Version 2 with a flag set: the checksum fails first, as it should for any change.
        patch(&ours, 11, &[1])
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "not an HDF5 file: found an empty file"),
        ("zip", b"PK\x03\x04".to_vec(), "not an HDF5 file: found a zip archive"),
        ("text", vec![b'x'; 5000], "not an HDF5 file: found bytes 78 78 78 78"),
        ("user block", [vec![0; 1024], good.clone()].concat(), "superblock: unsupported: a user block"),
        ("signature only", good[..8].to_vec(), "superblock: truncated: expected 1 bytes, found 0"),
        ("half a superblock", good[..50].to_vec(), "superblock: truncated: expected 96 bytes, found 50"),
        ("version 9", at(8, &[9]), "version at byte 8: expected 0 to 3, found 9"),
        ("4-byte addresses", at(13, &[4]), "addresses and lengths of 4 and 8 bytes"),
        ("base address", at(24, &[1]), "superblock, base address: unsupported: a user block"),
        ("driver", at(48, &le(&[96])), "a driver block or a superblock extension"),
        (
            "truncated",
            good[..good.len() - 1].to_vec(),
            &format!("file: truncated: expected {length} bytes, found {}", length - 1),
        ),
        ("trailing", [&good[..], b"<html>"].concat(), "6 bytes behind them"),
        ("root outside", at(64, &le(&[u64::MAX - 3])), "object header at byte 18446744073709551612"),
        ("root in the superblock", at(64, &le(&[0])), "a header of version 1 or 2, found bytes \\x89HDF"),
        ("flag of ours", open, "superblock: expected the checksum"),
        ("end of ours", patch(&ours, 28, &[0]), "superblock: expected the checksum"),
    ]
    .into_iter()
    .map(|(name, file, fragment)| (name, file, Box::leak(fragment.to_owned().into_boxed_str()) as &str))
    .collect();
    for (name, file, fragment) in cases {
        refused_file(name, &file, read, fragment);
    }
}

#[test]
fn hostile_groups_are_refused() {
    let with_name = |name: &[u8]| {
        let mut file = File::new();
        let object = file.floats(&[1.0]);
        let root = file.group(&[(name, object)]);
        file.finish(root)
    };
    let cyclic = {
        // The group's only member is the group.
        let mut file = File::new();
        let (heap, offsets) = file.heap(&[b"x"]);
        let symbols = file.0.len() as u64;
        // 48 bytes of symbols and 48 of the tree, then the header.
        let header = symbols + 96;
        file.symbols(&[(offsets[0], header, 0)]);
        let tree = file.tree(0, &[symbols]);
        assert_eq!(file.header(&[(0x11, 0, le(&[tree, heap]))]), header);
        file.finish(header)
    };
    let tree_cycle = |level: u8| {
        let mut file = File::new();
        let (heap, _) = file.heap(&[b"x"]);
        // Room in the budget, so that it is not the budget that notices.
        file.put(&[0; 4096]);
        let at = file.0.len() as u64;
        let tree = file.tree(level, &[at]);
        let root = file.header(&[(0x11, 0, le(&[tree, heap]))]);
        file.finish(root)
    };
    let shared_subtree = {
        // 30 levels, each of which names the level below it twice: 2^30 visits without a budget.
        let mut file = File::new();
        let (heap, _) = file.heap(&[b"x"]);
        let symbols = file.symbols(&[]);
        let mut tree = file.tree(0, &[symbols, symbols]);
        for level in 1..30 {
            tree = file.tree(level, &[tree, tree]);
        }
        let root = file.header(&[(0x11, 0, le(&[tree, heap]))]);
        file.finish(root)
    };
    let two_names = {
        let mut file = File::new();
        let object = file.floats(&[1.0]);
        let root = file.group(&[(b"a", object), (b"b", object)]);
        file.finish(root)
    };
    let same_name = {
        let mut file = File::new();
        let (a, b) = (file.floats(&[1.0]), file.floats(&[2.0]));
        let root = file.group(&[(b"a", a), (b"a", b)]);
        file.finish(root)
    };
    let soft = {
        let mut file = File::new();
        let (heap, offsets) = file.heap(&[b"loop"]);
        let symbols = file.symbols(&[(offsets[0], UNDEFINED, 2)]);
        let tree = file.tree(0, &[symbols]);
        let root = file.header(&[(0x11, 0, le(&[tree, heap]))]);
        file.finish(root)
    };
    let heap = |change: fn(&mut Vec<u8>, usize)| {
        let mut bytes = good();
        let at = common::find(&bytes, b"HEAP", 0);
        change(&mut bytes, at);
        bytes
    };
    let deep = |depth: usize| {
        let mut file = File::new();
        let mut at = file.floats(&[1.0]);
        for _ in 0..depth {
            at = file.group(&[(b"g", at)]);
        }
        file.finish(at)
    };
    assert!(read(&deep(16)).is_ok());
    let external = [&[0, 0, 0][..], b"/etc/passwd\0/x\0"].concat();
    let patched = |needle: &[u8], offset: usize, with: &[u8]| {
        let bytes = good();
        let at = common::find(&bytes, needle, 0);
        patch(&bytes, at + offset, with)
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("external link", root(&[link(64, "e", &external)]), "`/`, link: unsupported: an external link"),
        ("soft link message", root(&[link(1, "s", b"\x02\0/s")]), "`/`, link: unsupported: a soft link, `s`"),
        ("user link", root(&[link(200, "u", b"\0\0")]), "a user-defined link, `u`"),
        ("soft link", soft, "unsupported: a soft link, `loop`"),
        ("cycle", cyclic, "`/x`: unsupported: a hard link or cycle"),
        ("tree cycle", tree_cycle(0), "expected signature and version SNOD\\x01, found TREE\\x00"),
        ("inner tree cycle", tree_cycle(1), "expected level 0, found 1"),
        ("tree of 200 levels", tree_cycle(200), "a level of at most 32, found 200"),
        ("shared subtree", shared_subtree, "structures that share no bytes"),
        ("hard link", two_names, "`/b`: unsupported: a hard link or cycle"),
        ("same name", same_name, "`/a`: expected every name once, found it twice"),
        ("17 deep", deep(17), "limit: expected at most 16, found deeper groups"),
        ("slash", with_name(b"../x"), "a name without `/` and NUL that is neither empty nor `.`, found `../x`"),
        ("empty name", with_name(b""), "a name without `/` and NUL"),
        ("not UTF-8", with_name(b"\xff\xfe"), "name of a member: expected UTF-8 text"),
        ("terminal escape", with_name(b"\x1b]0;/"), "found `\\u{1b}]0;/`"),
        ("long name", with_name(&[b'n'; 1025]), "a name of at most 1024 bytes in the local heap"),
        ("heap signature", heap(|bytes, at| bytes[at] = b'X'), "expected signature and version HEAP"),
        ("heap outside", heap(|bytes, at| bytes[at + 30] = 0xFF), "`/`, local heap at byte"),
        (
            "heap of 2^64",
            heap(|bytes, at| bytes[at + 8..at + 16].fill(0xFF)),
            "expected 18446744073709551615 bytes",
        ),
        (
            "heap over all",
            heap(|bytes, at| {
                let all = bytes.len() as u64;
                bytes[at + 8..at + 16].copy_from_slice(&all.to_le_bytes());
                bytes[at + 24..at + 32].fill(0);
            }),
            "structures that share no bytes",
        ),
        ("name outside the heap", patched(b"SNOD", 8, &[0, 1]), "found none at its byte 256"),
        ("member outside", patched(b"SNOD", 16, &[0xFF; 7]), "`/x`, object header at byte"),
        ("too many symbols", patched(b"SNOD", 6, &[9, 0]), "symbols at byte"),
        ("too many children", patched(b"TREE", 6, &[0xFF, 0xFF]), "tree at byte"),
        ("tree of chunks", patched(b"TREE", 4, &[1]), "expected signature and type TREE\\x00, found TREE\\x01"),
        ("dense group", root(&[(0x02, 0, [&[0, 0][..], &le(&[96, 96])].concat())]), "a dense group"),
        ("dense attributes", root(&[(0x15, 0, [&[0, 0][..], &le(&[96, 96])].concat())]), "dense attributes"),
        (
            "link name of 2^64",
            root(&[(0x06, 0, [&[1, 3][..], &le(&[u64::MAX])].concat())]),
            "a name of 18446744073709551615 bytes",
        ),
        (
            "root is a dataset",
            {
                let mut file = File::new();
                let at = file.floats(&[1.0]);
                file.finish(at)
            },
            "`/`: expected a group, found a dataset",
        ),
    ];
    for (name, file, fragment) in cases {
        let start = Instant::now();
        refused_file(name, &file, read, fragment);
        assert!(start.elapsed() < Duration::from_millis(200), "{name}");
    }
}

#[test]
fn too_many_groups_are_refused() {
    let mut file = File::new();
    let names: Vec<Vec<u8>> = (0..100_001).map(|n: u32| n.to_string().into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let (heap, offsets) = file.heap(&names);
    let empty = (0x02, 0, [&[0, 0][..], &le(&[UNDEFINED; 2])].concat());
    let entries: Vec<_> =
        offsets.iter().map(|&offset| (offset, file.header(std::slice::from_ref(&empty)), 0)).collect();
    let symbols: Vec<u64> = entries.chunks(60_000).map(|chunk| file.symbols(chunk)).collect();
    let tree = file.tree(0, &symbols);
    let root = file.header(&[(0x11, 0, le(&[tree, heap]))]);
    refused("100001 groups", read(&file.finish(root)), "limit: expected at most 100000, found more groups");
}

#[test]
fn hostile_datasets_are_refused() {
    let floats = |space: Vec<u8>, layout: Vec<u8>| dataset(F32, space, layout);
    let kind = |kind: &[u8]| dataset(kind, space(&[1]), compact(&[0]));
    let object = |messages: &[Message]| {
        let mut file = File::new();
        let at = file.header(messages);
        file.only(at)
    };
    let three = || vec![(0x01, 0, space(&[1])), (0x03, 0, I8.to_vec()), (0x08, 0, compact(&[5]))];
    let and = |message: Message| object(&[three(), vec![message]].concat());
    let filter = |id: u16| and((0x0B, 0, [&[2, 1][..], &id.to_le_bytes(), &[0; 8]].concat()));
    let shared_data = {
        // 100 datasets that are all the same 4000 bytes.
        let mut file = File::new();
        let at = file.put(&[0; 4000]);
        let objects: Vec<u64> = (0..100).map(|_| file.object(F32, space(&[1000]), contiguous(at, 4000))).collect();
        let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let members: Vec<(&[u8], u64)> = names.iter().map(String::as_bytes).zip(objects).collect();
        let root = file.group(&members);
        file.finish(root)
    };
    let chunked = [&[3, 2, 3][..], &le(&[UNDEFINED]), &[0; 12]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "external storage",
            and((0x07, 0, vec![1; 24])),
            "`/x`: unsupported: external storage (data in other files)",
        ),
        (
            "virtual",
            floats(space(&[1]), vec![4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            "`/x`, layout: unsupported: a virtual dataset",
        ),
        (
            "chunked",
            floats(space(&[50_000_000, 50_000_000]), chunked.clone()),
            "`/x`, layout: unsupported: a chunked dataset",
        ),
        ("chunked, zero dimension", floats(space(&[5]), [&chunked[..10], &[0; 12]].concat()), "a chunked dataset"),
        (
            "shape bomb",
            floats(space(&[50_000_000, 50_000_000]), contiguous(96, 8)),
            "expected 10000000000000000 bytes for shape",
        ),
        (
            "agreeing shape bomb",
            floats(space(&[1 << 40]), contiguous(96, 4 << 40)),
            "`/x`, data at byte 96: truncated",
        ),
        (
            "overflow",
            floats(space(&[1 << 32, 1 << 32, 1 << 32]), contiguous(96, 0)),
            "a product of dimensions below 2^64",
        ),
        (
            "overflow beside a zero",
            floats(space(&[0, 1 << 32, 1 << 32]), contiguous(96, 0)),
            "a product of dimensions",
        ),
        ("overflow in bytes", floats(space(&[1 << 63]), contiguous(96, 0)), "a size below 2^64 bytes"),
        ("size differs", floats(space(&[2]), contiguous(96, 4)), "expected 8 bytes for shape [2], found 4"),
        ("compact size differs", floats(space(&[2]), compact(&[0; 4])), "expected 8 bytes for shape [2], found 4"),
        ("compact beyond the message", floats(space(&[1]), vec![3, 0, 0xFF, 0xFF]), "`/x`, layout: truncated"),
        (
            "data outside",
            floats(space(&[2]), contiguous(u64::MAX - 4, 8)),
            "`/x`, data at byte 18446744073709551611",
        ),
        ("shared data", shared_data, "structures that share no bytes"),
        ("only a fill value", floats(space(&[2]), contiguous(UNDEFINED, 8)), "a dataset without stored values"),
        ("33 axes", floats(space(&[1; 33]), compact(&[0; 4])), "limit: expected at most 32, found 33 axes"),
        ("null space", floats(vec![2, 0, 0, 2], compact(&[])), "a null dataspace"),
        ("permuted", floats(vec![1, 0, 2, 0, 0, 0, 0, 0], compact(&[0; 4])), "permuted dimensions"),
        ("deflate", filter(1), "`/x`: unsupported: the filter deflate"),
        ("szip", filter(4), "the filter szip"),
        ("lzf", filter(32000), "the filter lzf"),
        ("plugin", filter(32015), "the filter number 32015"),
        ("float16", kind(b"\x11\x20\x0f\0\x02\0\0\0\0\0\x10\0\x0a\x05\0\x0a\x0f\0\0\0"), "16-bit floats"),
        (
            "VAX float",
            kind(b"\x11\x61\x1f\0\x04\0\0\0\0\0\x20\0\x17\x08\0\x17\x7f\0\0\0"),
            "32-bit floats that are not IEEE",
        ),
        ("3-byte integers", kind(b"\x10\x08\0\0\x03\0\0\0\0\0\x18\0"), "3-byte integers"),
        ("padded integers", kind(b"\x10\x08\0\0\x04\0\0\0\0\0\x18\0"), "integers with padding"),
        ("compound", kind(b"\x16\x01\0\0\x04\0\0\0"), "`/x`, datatype: unsupported: compound types"),
        ("opaque", kind(b"\x15\0\0\0\x02\0\0\0"), "opaque bytes (bfloat16"),
        ("reference", kind(b"\x17\0\0\0\x08\0\0\0"), "references"),
        ("array", kind(b"\x3a\0\0\0\x08\0\0\0"), "array types"),
        ("sequence", kind(b"\x19\0\0\0\x10\0\0\0"), "variable-length sequences"),
        (
            "enumeration",
            kind(&[b"\x18\x02\0\0\x01\0\0\0", I8, b"RED\0\0\0\0\0GREEN\0\0\0\0\x01"].concat()),
            "enumerations",
        ),
        ("text", kind(b"\x13\0\0\0\x04\0\0\0"), "`/x`: unsupported: a dataset of texts"),
        ("class 15", kind(b"\x1f\0\0\0\x04\0\0\0"), "class 0 to 10, found 15"),
        ("type version 9", kind(b"\x90\0\0\0\x04\0\0\0"), "version 1 to 4, found 9"),
        (
            "no type",
            object(&[(0x01, 0, space(&[1])), (0x08, 0, compact(&[0]))]),
            "`/x`: expected a datatype, found none",
        ),
        ("two types", and((0x03, 0, I8.to_vec())), "`/x`: expected one datatype, found several"),
        ("named type", object(&[(0x03, 0, I8.to_vec())]), "`/x`: unsupported: a named datatype"),
        ("nothing", object(&[]), "`/x`: expected a group or a dataset"),
        (
            "shared type",
            object(&[(0x01, 0, space(&[1])), (0x03, 2, vec![0; 16]), (0x08, 0, compact(&[0]))]),
            "a shared message",
        ),
        ("unknown message", and((0x99, 0, vec![])), "a message of type 0x0099"),
        ("driver message", and((0x14, 0, vec![])), "driver information"),
        (
            "bool of 2",
            dataset(&[b"\x38\x02\0\0\x01\0\0\0", I8, b"FALSE\0TRUE\0\0\x01"].concat(), space(&[1]), compact(&[2])),
            "`/x`, element 0: expected a boolean 0 or 1, found 2",
        ),
        (
            "f64 above f32",
            dataset(F64, space(&[1]), compact(&1e300f64.to_le_bytes())),
            "`/x`, element 0: expected a float64",
        ),
    ];
    for (name, file, fragment) in cases {
        refused_file(name, &file, read, fragment);
    }
}

#[test]
fn hostile_object_headers_are_refused() {
    let with_continuation = |make: fn(&mut File) -> Message| {
        let mut file = File::new();
        let message = make(&mut file);
        let at = file.header(&[message]);
        file.finish(at)
    };
    let header = common::find(&good(), b"\x01\0\x01\0\x01\0\0\0", 0);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "continuation of itself",
            with_continuation(|file| {
                let at = file.0.len() as u64;
                (0x10, 0, le(&[at + 16, 24]))
            }),
            "structures that share no bytes",
        ),
        (
            "continuation outside",
            with_continuation(|_| (0x10, 0, le(&[1 << 40, 24]))),
            "object header at byte 96, continuation at byte 1099511627776",
        ),
        (
            "continuation of 2^64",
            with_continuation(|_| (0x10, 0, le(&[96, u64::MAX]))),
            "expected 18446744073709551615 bytes",
        ),
        (
            "continuation without end",
            with_continuation(|_| (0x10, 0, vec![0; 8])),
            "`/`, object header at byte 96: truncated",
        ),
        ("more messages than counted", patch(&good(), header + 2, &[0]), "expected 0 messages, found more"),
        ("fewer messages than counted", patch(&good(), header + 2, &[9]), "expected 9 messages, found 1"),
        ("a message beyond the block", patch(&good(), header + 18, &[0xFF]), "truncated: expected 255 bytes"),
        ("a block beyond the file", patch(&good(), header + 11, &[0xFF]), "truncated"),
        ("version 7", patch(&good(), header, &[7]), "a header of version 1 or 2"),
    ];
    for (name, file, fragment) in cases {
        refused_file(name, &file, read, fragment);
    }
}

#[test]
fn hostile_attributes_are_refused() {
    let heap = |objects: &[u8], reference: &[u8]| {
        let mut file = File::new();
        let size = 16 + objects.len().next_multiple_of(8) as u64;
        let at = file.put(&[b"GCOL\x01\0\0\0", &le(&[size])[..], objects].concat());
        assert_eq!(at, 96);
        let link_info = (0x02, 0, [&[0, 0][..], &le(&[UNDEFINED; 2])].concat());
        let at = file.header(&[link_info, attribute("a", VARIABLE_TEXT, &space(&[]), reference)]);
        file.finish(at)
    };
    let object = [&[1, 0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0][..], b"hello\0\0\0"].concat();
    let reference =
        |length: u32, at: u64, index: u32| [&length.to_le_bytes()[..], &le(&[at]), &index.to_le_bytes()].concat();
    assert_eq!(
        read(&heap(&object, &reference(5, 96, 1))).unwrap().attr("a"),
        Some(&Attr::Str("hello".to_owned()))
    );
    assert_eq!(read(&heap(&object, &reference(0, 0, 0))).unwrap().attr("a"), Some(&Attr::Str(String::new())));
    let amplified = {
        // 200 references to one text of 8000 bytes.
        let mut file = File::new();
        let text = [&[1, 0, 1, 0, 0, 0, 0, 0][..], &le(&[8000]), &[b'x'; 8000]].concat();
        file.put(&[b"GCOL\x01\0\0\0", &le(&[16 + 16 + 8000])[..], &text].concat());
        let link_info = (0x02, 0, [&[0, 0][..], &le(&[UNDEFINED; 2])].concat());
        let value = reference(8000, 96, 1).repeat(200);
        let at = file.header(&[link_info, attribute("a", VARIABLE_TEXT, &space(&[200]), &value)]);
        file.finish(at)
    };
    let number = |space: &[u8], value: &[u8]| root(&[attribute("a", F32, space, value)]);
    let changed = |at: usize, byte: u8| {
        let (kind, flags, mut body) = attribute("a", F32, &space(&[]), &[0; 4]);
        body[at] = byte;
        root(&[(kind, flags, body)])
    };
    let invalid = [&object[..16], b"he\xffl\xff\0\0\0"].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "text of 2^32",
            heap(&object, &reference(u32::MAX, 96, 1)),
            "object 1: truncated: expected 4294967295 bytes, found 5",
        ),
        (
            "heap outside",
            heap(&object, &reference(5, 1 << 50, 1)),
            "`/`, attribute `a`, global heap at byte 1125899906842624",
        ),
        ("heap in a header", heap(&object, &reference(5, 0, 1)), "expected signature and version GCOL"),
        ("no such object", heap(&object, &reference(5, 96, 7)), "expected an object 7, found none"),
        (
            "object of 2^64",
            heap(&patch(&object, 8, &[0xFF; 8]), &reference(5, 96, 1)),
            "expected 18446744073709551615 bytes",
        ),
        ("object twice", heap(&object.repeat(2), &reference(5, 96, 1)), "object 1: expected every index once"),
        ("not UTF-8", heap(&invalid, &reference(5, 96, 1)), "attribute `a`: expected UTF-8 text"),
        ("amplified text", amplified, "found more text than the file is long"),
        ("value too short", number(&space(&[9]), &[0; 4]), "attribute `a`: truncated: expected 36 bytes, found"),
        (
            "shape bomb",
            number(&space(&[1 << 40]), &[0; 4]),
            "attribute `a`: truncated: expected 4398046511104 bytes",
        ),
        ("version 9", changed(0, 9), "`/`, attribute: expected version 1, 2 or 3, found 9"),
        ("sizes beyond the message", changed(5, 0xFF), "`/`: truncated"),
        (
            "shared type",
            {
                let (kind, flags, mut body) = attribute("a", F32, &space(&[]), &[0; 4]);
                (body[0], body[1]) = (3, 1);
                root(&[(kind, flags, body)])
            },
            "`/`, attribute: unsupported: a shared datatype or dataspace",
        ),
        (
            "twice",
            root(&[attribute("a", F32, &space(&[]), &[0; 4]), attribute("a", F32, &space(&[]), &[0; 4])]),
            "every name once",
        ),
        (
            "texts on 2 axes",
            root(&[attribute("a", b"\x13\0\0\0\x01\0\0\0", &space(&[1, 1]), b"x")]),
            "texts on 2 axes",
        ),
        (
            "text of 0 bytes",
            root(&[attribute("a", b"\x13\0\0\0\0\0\0\0", &space(&[1]), b"")]),
            "a text of 1 byte or more",
        ),
        (
            "compound",
            root(&[attribute("a", b"\x16\x01\0\0\x04\0\0\0", &space(&[]), &[0; 4])]),
            "attribute `a`, datatype: unsupported: compound",
        ),
    ];
    for (name, file, fragment) in cases {
        refused_file(name, &file, read, fragment);
    }
}
