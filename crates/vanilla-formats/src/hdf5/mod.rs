//! HDF5, the part of it that Keras and h5py use for weights: groups, numeric datasets, text and number attributes.
//!
//! ```text
//! file      = superblock (object-header | tree | symbols | local-heap | global-heap | raw data)*
//! group     = object header with a symbol table (tree -> symbols -> names in the local heap), or with link messages
//! dataset   = object header with dataspace, datatype and layout; raw data in one piece, or in the header
//! attribute = message in the object header: name, datatype, dataspace, value; long text in the global heap
//! ```
//!
//! The fields are in the headers of `reader.rs`, `messages.rs` and `heaps.rs`. Source: The HDF Group, "HDF5 File
//! Format Specification Version 3.0". Read: superblocks 0 to 3, object headers 1 and 2, symbol tables, compact links,
//! contiguous and compact layouts, integers, IEEE floats, booleans of h5py, fixed and variable strings in attributes.
//! Refused by name: soft and external links, external storage, virtual and chunked datasets, filters, references,
//! compounds, shared messages, dense groups and attributes, hard links, user blocks.
//!
//! **Why reading is bounded.** In an honest file no byte belongs to two structures. So the reader charges every
//! structure that it parses to one budget of the file's length, and text that it copies out of heaps to a second one:
//! loops, overlaps and amplification run out of budget before they cost more than reading the file twice.

mod heaps;
mod messages;
mod reader;
mod writer;

pub use reader::read;
pub use writer::write;

use crate::error::{Errors, Result, show, show_names};
use crate::{Array, FormatError};

const ERRORS: Errors = Errors("HDF5");
/// How deep groups may nest.
const MAX_DEPTH: usize = 16;
/// How many groups and datasets one file may hold.
const MAX_NODES: usize = 100_000;
/// The longest name of a group, dataset or attribute, in bytes.
const MAX_NAME: usize = 1024;
/// How many axes a dataset may have; HDF5's own limit.
const MAX_RANK: usize = 32;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// One text.
    Str(String),
    /// A list of texts.
    StrList(Vec<String>),
    /// A number (shape `[]`) or an array of numbers.
    Numbers(Array),
}

/// A member of a group. Attributes of datasets are not kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A group of named nodes.
    Group(Group),
    /// An array; a scalar has shape `[]`.
    Dataset(Array),
}

/// Named attributes and named members, in the file's order. HDF5 sorts names as text (0, 1, 10, 11, 2), so
/// address members by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The attributes.
    pub attrs: Vec<(String, Attr)>,
    /// The members.
    pub children: Vec<(String, Node)>,
}

impl Group {
    /// A group without attributes and members.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attribute of that name.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The node at a path like `layers/dense/vars/0`; an empty path names no node.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let mut node = self.child(parts.next()?)?;
        for part in parts {
            let Node::Group(group) = node else { return None };
            node = group.child(part)?;
        }
        Some(node)
    }

    /// The dataset at a path; the error names what is missing and what is there instead.
    pub fn dataset(&self, path: &str) -> Result<&Array> {
        match self.get(path) {
            Some(Node::Dataset(array)) => Ok(array),
            _ => Err(self.missing("dataset", path)),
        }
    }

    /// The group at a path; the error names what is missing and what is there instead.
    pub fn group(&self, path: &str) -> Result<&Self> {
        match self.get(path) {
            Some(Node::Group(group)) => Ok(group),
            _ => Err(self.missing("group", path)),
        }
    }

    fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The error for a path: how far it leads, and what is there.
    fn missing(&self, kind: &'static str, path: &str) -> FormatError {
        let (mut group, mut reached) = (self, String::new());
        let mut present = None;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let next = group.child(part);
            if next.is_some() {
                reached = format!("{reached}/{part}");
            }
            match next {
                Some(Node::Group(inner)) => group = inner,
                Some(Node::Dataset(array)) => {
                    present = Some(format!("{} is a dataset of shape {:?}", show(&reached), array.shape));
                    break;
                }
                None => break,
            }
        }
        let present = present.unwrap_or_else(|| {
            let names = show_names(group.children.iter().map(|(name, _)| name.as_str()));
            format!("the group {} holds {names}", show(if reached.is_empty() { "/" } else { &reached }))
        });
        FormatError::Missing { format: "HDF5", wanted: format!("{kind} {}", show(path)), present, hint: "" }
    }
}
