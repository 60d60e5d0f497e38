//! [`stream`] and [`stream_arrays`]: a table, or two arrays, that are larger than memory, as a source for
//! [`Model::fit_stream`](crate::Model::fit_stream).
//!
//! A file is read in blocks, in its own order, anew for every epoch. Rows that lie sorted by their class should be
//! mixed before: a stream cannot shuffle.

use super::schema::Schema;
use super::table::{Table, shown};
use crate::error::{Error, Result};
use crate::stream::{Stream, StreamBatch};
use crate::tensor::Tensor;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use vanilla_formats::csv::{Blocks, Options};
use vanilla_formats::{BlockError, npy};

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
            Err(error) => return Err(of_block(path, error)),
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

/// Rows of two `.npy` files as batches.
#[derive(Clone, Debug)]
pub struct ArrayStream {
    x: PathBuf,
    y: PathBuf,
    batch_size: usize,
}

/// Two `.npy` files, samples and their targets, as a source of batches of so many rows (the last one may have fewer):
///
/// ```
/// use vanilla::datasets;
/// use vanilla::formats::{Array, Data, npy};
/// use vanilla::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
/// # std::fs::write(&x, npy::write(&Array::new(vec![100, 3], Data::F32(vec![0.5; 300])).unwrap())).unwrap();
/// # std::fs::write(&y, npy::write(&Array::new(vec![100], Data::I64(vec![1; 100])).unwrap())).unwrap();
/// let mut model = Sequential::new(layers![Dense::new(2).activation("softmax").input_dim(3)])?;
/// model.compile("sparse_categorical_crossentropy", "adam", ["accuracy"])?;
/// model.fit_stream(datasets::stream_arrays(&x, &y, 32)?, Fit::new().epochs(2).verbose(0))?;
/// assert_eq!(model.iterations(), 2 * 4);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When a file cannot be opened, is no npy file with an axis of rows that lie one after the other, or both have not as
/// many rows.
pub fn stream_arrays(x: impl AsRef<Path>, y: impl AsRef<Path>, batch_size: usize) -> Result<ArrayStream> {
    let (x, y) = (x.as_ref().to_owned(), y.as_ref().to_owned());
    let (samples, targets) = (rows(&x)?.shape()[0], rows(&y)?.shape()[0]);
    if samples != targets {
        let problem = format!("{targets} rows, expected {samples}, as many as {} has", x.display());
        return Err(Error::file(&y, problem));
    }
    Ok(ArrayStream { x, y, batch_size: batch_size.max(1) })
}

impl Stream for ArrayStream {
    type Batches = ArrayBatches;

    fn epoch(&mut self, _: usize) -> ArrayBatches {
        let files = rows(&self.x).and_then(|x| Ok([x, rows(&self.y)?]));
        ArrayBatches { files: Some(files), of: self.clone() }
    }
}

/// The batches of one pass over two files.
pub struct ArrayBatches {
    /// None after the end, and after an error.
    files: Option<Result<[Rows; 2]>>,
    of: ArrayStream,
}

type Rows = npy::Rows<BufReader<File>>;

/// An array that is read from its first row on.
fn rows(path: &Path) -> Result<Rows> {
    let io = |error| Error::io(path, error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    npy::Rows::new(BufReader::new(file), length).map_err(|error| of_block(path, error))
}

fn of_block(path: &Path, error: BlockError) -> Error {
    match error {
        BlockError::Io(error) => Error::io(path, error),
        BlockError::Format(error) => Error::file(path, error),
    }
}

impl ArrayBatches {
    fn batch(&self, [x, y]: &mut [Rows; 2]) -> Result<Option<StreamBatch>> {
        let next = |rows: &mut Rows, path: &Path| -> Result<Option<Tensor>> {
            let array = rows.next_rows(self.of.batch_size).map_err(|error| of_block(path, error))?;
            array.map(Tensor::try_from).transpose()
        };
        Ok(match (next(x, &self.of.x)?, next(y, &self.of.y)?) {
            (Some(x), Some(y)) => Some((x, y).into()),
            _ => None,
        })
    }
}

impl Iterator for ArrayBatches {
    type Item = Result<StreamBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut files = match self.files.take()? {
            Ok(files) => files,
            Err(error) => return Some(Err(error)),
        };
        let batch = self.batch(&mut files).transpose()?;
        self.files = batch.is_ok().then_some(Ok(files));
        Some(batch)
    }
}
