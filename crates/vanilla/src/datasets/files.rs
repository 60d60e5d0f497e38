//! Data sets from files: arrays.

use super::{Dataset, KNOWN, Part, find, hex};
use crate::error::{Error, Result};
use crate::saving::read_file;
use crate::tensor::Tensor;
use sha2::Digest;
use std::path::Path;
use vanilla_formats::{FormatError, idx, npy, npz};

/// A data set by name or path: a known name, `.npz` (arrays `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`),
/// `.npy` or IDX (x alone).
///
/// # Errors
/// When it is no known name and no readable file of these kinds.
pub fn open(spec: &str) -> Result<Dataset> {
    let path = Path::new(spec);
    if KNOWN.iter().any(|known| known.name == spec.replace('-', "_")) && !path.is_file() {
        return find(spec, None);
    }
    if !path.exists() {
        let known: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        let problem = format!("no such file, and no known data set (those are: {})", known.join(", "));
        return Err(Error::data(spec, problem));
    }
    if path.is_dir() {
        return find("mnist", Some(path));
    }
    let bytes = read_file(path)?;
    let wrong = |error: FormatError| Error::file(path, error);
    let (train, test) = if bytes.starts_with(b"PK") {
        let arrays = npz::read(&bytes).map_err(wrong)?;
        let tensor = |key: &str| -> Result<Option<Tensor>> {
            arrays.iter().find(|(name, _)| name == key).map(|(_, array)| array.clone().try_into()).transpose()
        };
        let part = |x: &str, y: &str| -> Result<Option<Part>> {
            let y = tensor(y)?;
            Ok(tensor(x)?.map(|x| Part::new(x, y)))
        };
        match part("x", "y")? {
            Some(all) => (all, None),
            None => match part("x_train", "y_train")? {
                Some(train) => (train, part("x_test", "y_test")?),
                None => return Err(wrong(npz::get(&arrays, "x").expect_err("there is no x"))),
            },
        }
    } else {
        let read = if bytes.starts_with(b"\x93NUMPY") { npy::read } else { idx::read };
        (Part::new(Tensor::try_from(read(&bytes).map_err(wrong)?)?, None), None)
    };
    let name = path.file_stem().map_or_else(|| spec.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let sha256 = hex(&sha2::Sha256::digest(&bytes));
    Ok(Dataset { test, ..Dataset::new(name, spec, sha256, train) })
}
