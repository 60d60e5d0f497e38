//! npz, several named numpy arrays: a zip archive of `<name>.npy` members, stored or deflated.
//!
//! ```text
//! npz    = zip(member*)          the archive's own grammar is in `archive.rs`
//! member = name ".npy" : npy     see `npy.rs`
//! ```
//!
//! Source: `numpy.savez`. At most 1024 members. Names are keys, never paths: `../x` is an error.

use crate::archive::{Archive, Kind, MAX_TOTAL, Writer};
use crate::error::{Errors, Result, show, show_names};
use crate::{Array, FormatError, npy};

const ERRORS: Errors = Errors("npz");
const KIND: Kind = Kind { errors: ERRORS, expected: "an npz archive", max_members: 1024 };

/// Reads every array, in the archive's order, without the `.npy` of its name.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    let archive = Archive::open(bytes, KIND)?;
    let mut arrays = Vec::with_capacity(archive.members.len());
    for member in &archive.members {
        let place = format!("member {}", show(&member.name));
        let Some(name) = member.name.strip_suffix(".npy").filter(|name| !name.is_empty()) else {
            return Err(ERRORS.malformed(place, "a name that ends in .npy", "another"));
        };
        let array = npy::read(&archive.read(member)?).map_err(|error| error.inside(&place))?;
        arrays.push((name.to_owned(), array));
    }
    Ok(arrays)
}

/// The array of that name; the error lists the names that are there.
pub fn get<'a>(arrays: &'a [(String, Array)], key: &str) -> Result<&'a Array> {
    arrays.iter().find(|(name, _)| name == key).map(|(_, array)| array).ok_or_else(|| FormatError::Missing {
        format: "npz",
        wanted: format!("array {}", show(key)),
        present: format!("it holds {}", show_names(arrays.iter().map(|(name, _)| name.as_str()))),
        hint: "",
    })
}

/// Writes the arrays as `numpy.savez` does, stored and in the given order; the same arrays give the same bytes.
pub fn write(arrays: &[(&str, &Array)]) -> Result<Vec<u8>> {
    if arrays.len() > KIND.max_members {
        let found = format!("{} arrays", arrays.len());
        return Err(ERRORS.limit("archive", KIND.max_members as u64, found));
    }
    let mut writer = Writer::new(ERRORS);
    for (index, (name, array)) in arrays.iter().enumerate() {
        if arrays[..index].iter().any(|(before, _)| before == name) {
            return Err(ERRORS.malformed(format!("array {}", show(name)), "every name once", "it twice"));
        }
        if array.len() as u64 > MAX_TOTAL {
            return Err(ERRORS.limit(
                format!("array {}", show(name)),
                MAX_TOTAL,
                format!("{} elements", array.len()),
            ));
        }
        writer.store(&format!("{name}.npy"), &npy::write(array))?;
    }
    Ok(writer.finish())
}
