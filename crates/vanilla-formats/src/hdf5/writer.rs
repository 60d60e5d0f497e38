//! Writing through `hdf5-pure`: superblock 2, object headers 2, compact links, contiguous little-endian data,
//! variable-length UTF-8 attributes as h5py writes them. HDF5 1.8 and later read it.

use std::collections::HashSet;

use hdf5_pure::{AttrValue, FileBuilder, FinishedGroup, GroupBuilder, LibVer};

use super::{Attr, ERRORS, Group, MAX_DEPTH, MAX_NAME, MAX_NODES, MAX_RANK, Node};
use crate::error::{Result, show};
use crate::{Array, Data, FormatError};

/// More attributes or larger ones would be stored in a heap that our reader refuses.
const MAX_ATTRS: usize = 8;
const MAX_ATTR_BYTES: usize = 60_000;

/// Writes a file with `root` as its root group; the same groups give the same bytes. Of every group the datasets
/// come first, then its groups. Refuses what [`read`](super::read) would refuse, and more than 8 attributes on a
/// group or 60000 bytes in one (a text counts 16).
pub fn write(root: &Group) -> Result<Vec<u8>> {
    check(root, "", 0, &mut 0)?;
    let mut file = FileBuilder::new();
    file.with_libver_bounds(LibVer::V18, LibVer::V18);
    for (name, attr) in &root.attrs {
        file.set_attr(name, attr_value(attr));
    }
    for (name, node) in &root.children {
        match node {
            Node::Group(group) => {
                let finished = finish(file.create_group(name), group);
                file.add_group(finished);
            }
            Node::Dataset(array) => fill(file.create_dataset(name), array),
        }
    }
    file.finish().map_err(|error| ERRORS.malformed("writer", "a file", error.to_string()))
}

fn finish(mut builder: GroupBuilder, group: &Group) -> FinishedGroup {
    for (name, attr) in &group.attrs {
        builder.set_attr(name, attr_value(attr));
    }
    for (name, node) in &group.children {
        match node {
            Node::Group(inner) => {
                let finished = finish(builder.create_group(name), inner);
                builder.add_group(finished);
            }
            Node::Dataset(array) => fill(builder.create_dataset(name), array),
        }
    }
    builder.finish()
}

fn fill(dataset: &mut hdf5_pure::DatasetBuilder, array: &Array) {
    let shape: Vec<u64> = array.shape.iter().map(|&dim| dim as u64).collect();
    match &array.data {
        Data::U8(values) => dataset.with_u8_data(values),
        Data::I64(values) => dataset.with_i64_data(values),
        Data::F32(values) => dataset.with_f32_data(values),
    }
    .with_shape(&shape);
}

/// The attribute for hdf5-pure; a shape of 2 or more axes was refused by `check`.
fn attr_value(attr: &Attr) -> AttrValue {
    match attr {
        Attr::Str(text) => AttrValue::VarLenString(text.clone()),
        Attr::StrList(texts) => AttrValue::VarLenStringArray(texts.clone()),
        Attr::Numbers(array) => match (&array.data, array.shape.is_empty()) {
            (Data::U8(values), true) => AttrValue::U8(values[0]),
            (Data::I64(values), true) => AttrValue::I64(values[0]),
            (Data::F32(values), true) => AttrValue::F32(values[0]),
            (Data::U8(values), false) => AttrValue::U8Array(values.clone()),
            (Data::I64(values), false) => AttrValue::I64Array(values.clone()),
            (Data::F32(values), false) => AttrValue::F32Array(values.clone()),
        },
    }
}

/// Refuses what our reader would not read again.
fn check(group: &Group, path: &str, depth: usize, nodes: &mut usize) -> Result<()> {
    let place = || show(if path.is_empty() { "/" } else { path });
    if depth > MAX_DEPTH {
        return Err(ERRORS.limit(place(), MAX_DEPTH as u64, "deeper groups"));
    }
    if group.attrs.len() > MAX_ATTRS {
        return Err(ERRORS.limit(place(), MAX_ATTRS as u64, format!("{} attributes", group.attrs.len())));
    }
    check_names(group.attrs.iter().map(|(name, _)| name), path, true)?;
    check_names(group.children.iter().map(|(name, _)| name), path, false)?;
    for (name, attr) in &group.attrs {
        let place = || format!("{}, attribute {}", place(), show(name));
        let bytes = match attr {
            Attr::Str(_) => 0,
            Attr::StrList(texts) => 16 * texts.len(),
            Attr::Numbers(array) => {
                check_array(array, &place())?;
                if array.shape.len() > 1 {
                    return Err(ERRORS.unsupported(place(), "an attribute of 2 or more axes"));
                }
                8 * array.len()
            }
        };
        if bytes > MAX_ATTR_BYTES {
            return Err(ERRORS.limit(place(), MAX_ATTR_BYTES as u64, format!("{bytes} bytes")));
        }
        let texts = match attr {
            Attr::Str(text) => core::slice::from_ref(text),
            Attr::StrList(texts) => texts,
            Attr::Numbers(_) => &[],
        };
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(ERRORS.malformed(place(), "text without NUL", "a NUL"));
        }
    }
    for (name, node) in &group.children {
        *nodes += 1;
        if *nodes > MAX_NODES {
            return Err(ERRORS.limit(place(), MAX_NODES as u64, "more groups and datasets"));
        }
        let path = format!("{path}/{name}");
        match node {
            Node::Group(inner) => check(inner, &path, depth + 1, nodes)?,
            Node::Dataset(array) => check_array(array, &show(&path))?,
        }
    }
    Ok(())
}

fn check_names<'a>(names: impl Iterator<Item = &'a String>, path: &str, slash_allowed: bool) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        let place = || show(&format!("{path}/{name}"));
        if let Some(error) = bad_name(name, slash_allowed, &place()) {
            return Err(error);
        }
        if !seen.insert(name) {
            return Err(ERRORS.malformed(place(), "every name once", "it twice"));
        }
    }
    Ok(())
}

/// The error for a name that HDF5 or this crate does not take.
pub(super) fn bad_name(name: &str, slash_allowed: bool, place: &str) -> Option<FormatError> {
    if name.is_empty() || name == "." || name.contains('\0') || (!slash_allowed && name.contains('/')) {
        let expected = "a name without `/` and NUL that is neither empty nor `.`";
        return Some(ERRORS.malformed(place, expected, show(name)));
    }
    (name.len() > MAX_NAME)
        .then(|| ERRORS.limit(place, MAX_NAME as u64, format!("a name of {} bytes", name.len())))
}

fn check_array(array: &Array, place: &str) -> Result<()> {
    if array.shape.len() > MAX_RANK {
        return Err(ERRORS.limit(place, MAX_RANK as u64, format!("{} axes", array.shape.len())));
    }
    let count = array.shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    if count == Some(array.len()) {
        return Ok(());
    }
    let expected = format!("as many elements as shape {:?} has", array.shape);
    Err(ERRORS.malformed(place, expected, array.len().to_string()))
}
