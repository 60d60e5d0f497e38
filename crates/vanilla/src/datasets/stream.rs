//! [`stream`]: a table or an array that is larger than memory, as a source for
//! [`Model::fit_stream`](crate::Model::fit_stream).
//!
//! A file is read in blocks, in its own order, anew for every epoch. Rows that lie sorted by their class should be
//! mixed before: a stream cannot shuffle.

use super::schema::Schema;
use super::table::{Table, shown};
use crate::error::{Error, Result};
use crate::stream::{Stream, StreamBatch};
use std::fs::File;
use std::path::{Path, PathBuf};
use vanilla_formats::csv::{Blocks, Options};

/// Rows of a CSV file as batches, as a [`Schema`] reads them.
#[derive(Clone, Debug)]
pub struct CsvStream {
    path: PathBuf,
    schema: Schema,
    options: Options,
    batch_size: usize,
}

/// A CSV file as a source of batches of so many rows (the last one may have fewer). What the columns are says the
/// schema, mostly that of a model that was trained on a part of the file, or of a sample of its rows:
///
/// ```
/// use vanilla::datasets::{self, Prepare, Table};
/// use vanilla::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let (sample, path) = (folder.path().join("sample.csv"), folder.path().join("large.csv"));
/// # let rows: String = (0..100).map(|i| format!("{},{}\n", i % 10, i % 10 > 4)).collect();
/// # std::fs::write(&sample, format!("size,large\n{rows}")).unwrap();
/// # std::fs::write(&path, format!("size,large\n{rows}{rows}")).unwrap();
/// let prepared = Table::read(&sample)?.prepare(&Prepare::new("large").test_split(0.0))?;
/// let mut model = prepared.model(layers![Dense::new(8).activation("relu"), Dense::new(2).activation("softmax")])?;
/// model.compile("sparse_categorical_crossentropy", "adam", ["accuracy"])?;
/// let stream = datasets::stream(&path, &prepared.schema, 32)?;
/// model.fit_stream(stream, Fit::new().epochs(2).verbose(0))?;
/// assert_eq!(model.iterations(), 2 * 7);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When the file cannot be opened, is no CSV file by its ending, or the schema has no target. What is wrong with its
/// rows comes while it is read.
pub fn stream(path: impl AsRef<Path>, schema: &Schema, batch_size: usize) -> Result<CsvStream> {
    let path = path.as_ref();
    if !Table::is_text(path) {
        return Err(Error::file(path, "expected a table to stream, a name that ends in .csv, .tsv or .txt"));
    }
    if schema.target.is_none() {
        return Err(Error::file(path, "the schema names no target, and training needs one: prepare it with one"));
    }
    File::open(path).map_err(|error| Error::io(path, error))?;
    Ok(CsvStream {
        path: path.to_owned(),
        schema: schema.clone(),
        options: schema.options(),
        batch_size: batch_size.max(1),
    })
}

impl Stream for CsvStream {
    type Batches = CsvBatches;

    fn epoch(&mut self, _: usize) -> CsvBatches {
        let blocks = File::open(&self.path).map_err(|error| Error::io(&self.path, error));
        CsvBatches { blocks: Some(blocks.map(|file| Blocks::new(file, self.options.clone()))), of: self.clone() }
    }
}

/// The batches of one pass over a file.
#[derive(Debug)]
pub struct CsvBatches {
    /// None after the end, and after an error.
    blocks: Option<Result<Blocks<File>>>,
    of: CsvStream,
}

impl CsvBatches {
    fn batch(&mut self) -> Result<Option<StreamBatch>> {
        let blocks = match &mut self.blocks {
            None => return Ok(None),
            Some(Ok(blocks)) => blocks,
            Some(Err(_)) => {
                return match self.blocks.take() {
                    Some(Err(error)) => Err(error),
                    _ => Ok(None),
                };
            }
        };
        let path = &self.of.path;
        let block = match blocks.next_rows(self.of.batch_size) {
            Ok(Some(block)) => block,
            Ok(None) => return Ok(None),
            Err(vanilla_formats::csv::BlockError::Io(error)) => return Err(Error::io(path, error)),
            Err(vanilla_formats::csv::BlockError::Format(error)) => return Err(Error::file(path, error)),
        };
        let table = Table::of_csv(block, path);
        let rows: Vec<usize> = (0..table.rows).collect();
        let part = self.of.schema.part(&table, &rows)?;
        match part.y {
            Some(y) => Ok(Some((part.x, y).into())),
            None => {
                let target = self.of.schema.target.as_deref().unwrap_or_default();
                Err(Error::file(path, format!("no target {}", shown(target))))
            }
        }
    }
}

impl Iterator for CsvBatches {
    type Item = Result<StreamBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch().transpose();
        if !matches!(batch, Some(Ok(_))) {
            self.blocks = None;
        }
        batch
    }
}
