//! Places in the tree of an HDF5 file, to be changed.

use vanilla::formats::hdf5::{Attr, Group, Node};

/// An attribute of a group.
#[allow(dead_code, reason = "every test file is a crate of its own and uses a part")]
pub fn attr<'a>(group: &'a mut Group, name: &str) -> &'a mut Attr {
    &mut group.attrs.iter_mut().find(|(known, _)| known == name).unwrap().1
}

/// The group at this path, names with `/` between them.
pub fn inner<'a>(group: &'a mut Group, path: &str) -> &'a mut Group {
    path.split('/').fold(group, |group, part| {
        let (_, node) = group.children.iter_mut().find(|(name, _)| name == part).unwrap();
        let Node::Group(group) = node else { panic!("{path}") };
        group
    })
}
