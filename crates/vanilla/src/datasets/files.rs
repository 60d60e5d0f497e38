//! Data sets from files: arrays, tables, folders of pictures.

use super::table::listed;
use super::{Dataset, KNOWN, Part, Schema, Table, find, hex, known};
use super::{pictures, schema};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::saving::read_file;
use crate::tensor::Tensor;
use sha2::Digest;
use std::path::Path;
use vanilla_formats::csv::Options;
use vanilla_formats::{FormatError, idx, npy, npz};

/// A data set by name or path: a known name, `.npz` (arrays `x`, `y` and perhaps `sample_weight`, or `x_train`, `y_train`,
/// `x_test`, `y_test`), `.npy` or IDX (x alone), a table of numbers (x alone; [`open_for`] knows more), or a folder of
/// pictures with a subfolder for each class.
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
    if path.is_dir() && pictures::is_one(path) {
        return pictures::read(path);
    }
    if path.is_dir() {
        return match known("mnist")?.is_at(path) {
            true => find("mnist", Some(path)),
            false => Err(pictures::no_classes(path)),
        };
    }
    if Table::is_one(path) {
        let table = Table::read(path)?;
        return Schema::plain(&table, None)?.dataset(&table);
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
        let sample_weight = tensor("sample_weight")?;
        match part("x", "y")? {
            Some(all) => (Part { sample_weight, ..all }, None),
            None if sample_weight.is_some() => {
                let problem = "sample_weight belongs to x and y, which are not there: call the arrays so";
                return Err(Error::file(path, problem));
            }
            None => match part("x_train", "y_train")? {
                Some(train) => (train, part("x_test", "y_test")?),
                None => {
                    let names = listed(arrays.iter().map(|(name, _)| name.as_str()));
                    let problem = format!(
                        "holds {names}, expected x and y (and perhaps sample_weight), or x_train, y_train, x_test and \
                         y_test: save the arrays under these names"
                    );
                    return Err(Error::file(path, problem));
                }
            },
        }
    } else {
        let read = if bytes.starts_with(b"\x93NUMPY") { npy::read(&bytes) } else { idx::read(&bytes) };
        let array = read.map_err(|error| match error {
            FormatError::NotThisFormat { found, .. } => Error::file(path, no_data(&bytes, &found)),
            error => wrong(error),
        })?;
        (Part::new(Tensor::try_from(array)?, None), None)
    };
    let name = path.file_stem().map_or_else(|| spec.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let sha256 = hex(&sha2::Sha256::digest(&bytes));
    Ok(Dataset { test, ..Dataset::new(name, spec, sha256, train) })
}

/// What a file is that is no data set, and the way out.
fn no_data(bytes: &[u8], found: &str) -> String {
    if bytes.starts_with(b"\x1f\x8b") {
        return format!("{found}, compressed by gzip: only IDX files are read so; unpack it with gunzip");
    }
    if found.ends_with(" picture") {
        return format!(
            "{found}: pictures as data are a folder with a subfolder for each class; one alone is for `vanilla predict \
             MODEL PICTURE`"
        );
    }
    format!(
        "{found}: expected arrays (.npz, .npy or IDX), a table, whose name ends in .csv, .tsv or .txt, or a folder of \
         pictures"
    )
}

/// A data set for a model, by name or path as in [`open`]. The columns of a table are found by the names that the
/// model knows, in any order; a model that knows none gets all numbers in the table's order. `target` is the column
/// with the targets, if it is not the one that the model was trained on. A folder of pictures may hold some of the
/// model's classes, which are found by their names, and becomes gray or coloured as the model's input is.
///
/// # Errors
/// As [`open`]; when a column is not there, a table does not say what its target is, or a folder is called like none
/// of the model's classes.
pub fn open_for(spec: &str, model: &Model, target: Option<&str>) -> Result<Dataset> {
    if !Table::is_one(Path::new(spec)) {
        return match target {
            Some(_) => Err(Error::data(spec, "no table, so it has no target column: leave the target out")),
            None => {
                let mut dataset = open_as(spec, model)?;
                if is_pictures(&dataset) {
                    pictures::number(&mut dataset, model)?;
                }
                Ok(dataset)
            }
        };
    }
    let Some(mut schema) = Schema::of(model)? else {
        let table = Table::read(spec)?;
        let Some(target) = target else {
            return Err(Error::data(spec, "which column is the target? Name it: --target COLUMN"));
        };
        let mut schema = Schema::plain(&table, Some(target))?;
        if !schema.classes.is_empty() && model.class_names().is_empty() {
            let problem =
                "the target holds texts, and the model does not know names of classes: number them from 0";
            return Err(Error::data(spec, problem));
        }
        schema.classes = model.class_names().to_vec();
        return schema.dataset(&table);
    };
    let table = read_table(spec, &schema)?;
    match (target, &schema.target) {
        (Some(target), _) => schema.target = Some(table.columns[table.position(target)?].name.clone()),
        (None, None) => {
            return Err(Error::data(spec, "which column is the target? Name it: --target COLUMN"));
        }
        (None, Some(_)) => {}
    }
    read_as(&schema, &table, &[])
}

/// The inputs of a data set for a model, without targets: as [`open_for`], for predictions.
///
/// # Errors
/// As [`open_for`], but for the target.
pub fn inputs_for(spec: &str, model: &Model) -> Result<Dataset> {
    if !Table::is_one(Path::new(spec)) {
        return open_as(spec, model);
    }
    let Some(mut schema) = Schema::of(model)? else { return open(spec) };
    let table = read_table(spec, &schema)?;
    let target = schema.target.take();
    read_as(&schema, &table, target.as_slice())
}

/// A data set with its pictures, if it holds any, as a model takes them.
fn open_as(spec: &str, model: &Model) -> Result<Dataset> {
    let mut dataset = open(spec)?;
    if is_pictures(&dataset) {
        pictures::recolour(&mut dataset, model)?;
    }
    Ok(dataset)
}

/// Whether it was a folder of them.
fn is_pictures(dataset: &Dataset) -> bool {
    !dataset.known && !dataset.class_names.is_empty()
}

/// A table in which the columns of a schema are. Where the first row looks like names and is data, or the other way
/// round, they tell.
fn read_table(spec: &str, schema: &Schema) -> Result<Table> {
    let has_all = |table: &Table| {
        let names = schema::places(table);
        schema.numbers.iter().chain(&schema.texts).all(|name| names.contains_key(name.as_str()))
    };
    let table = Table::read_with(spec, &schema.options())?;
    if has_all(&table) {
        return Ok(table);
    }
    let read = |header| Table::read_with(spec, &Options { header: Some(header), ..schema.options() });
    Ok([true, false].into_iter().filter_map(|header| read(header).ok()).find(has_all).unwrap_or(table))
}

/// A table as a schema says; what it does not read is said, but for what is `expected`.
fn read_as(schema: &Schema, table: &Table, expected: &[String]) -> Result<Dataset> {
    let mut dataset = schema.dataset(table)?;
    let unread: Vec<&str> =
        schema.unread(table).into_iter().filter(|name| expected.iter().all(|known| known != name)).collect();
    if !unread.is_empty() {
        dataset.warnings.push(format!(
            "{}: columns that the model does not read: {}",
            table.source,
            listed(unread)
        ));
    }
    Ok(dataset)
}
