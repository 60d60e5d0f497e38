//! The formats: one entry each.

use crate::mutate::Shape;
use crate::seeds;
use crate::watch::{CONSTANT, Outcome};
use std::any::Any;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use vanilla::checkpoint::Checkpoint;
use vanilla::{Fit, Model, Registry, Tensor, inspect};
#[cfg(feature = "columnar")]
use vanilla_formats::columnar;
use vanilla_formats::{csv, gzip, hdf5, idx, keras_zip, npy, npz, onnx, picture, png, safetensors, tar};

/// A format under attack.
pub struct Format {
    /// Its name, also of its fuzz target and of its folders in `fuzz/`.
    pub name: &'static str,
    /// Its reader.
    pub read: fn(&[u8]) -> Outcome,
    /// What has to hold for bytes that the reader accepts, besides; memory is not counted.
    pub law: fn(&[u8]) -> Result<(), String>,
    /// Good files, to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How its bytes hang together.
    pub shape: Shape,
    /// Bytes of memory for a byte of the file, at most and all at one time.
    pub slope: u64,
    /// Bytes of memory for any file.
    pub constant: u64,
    /// Bytes of memory for what is in this one.
    pub content: fn(&[u8]) -> u64,
    /// Mutations in a normal run of the tests.
    pub cases: u64,
}

impl Format {
    const fn new(
        name: &'static str,
        read: fn(&[u8]) -> Outcome,
        seeds: fn() -> Vec<Vec<u8>>,
        shape: Shape,
    ) -> Self {
        Self { name, read, law: none, seeds, shape, slope: 2, constant: CONSTANT, content: |_| 0, cases: 20_000 }
    }

    const fn law(self, law: fn(&[u8]) -> Result<(), String>) -> Self {
        Self { law, ..self }
    }

    const fn memory(self, slope: u64) -> Self {
        Self { slope, ..self }
    }

    const fn constant(self, constant: u64) -> Self {
        Self { constant, ..self }
    }

    const fn content(self, content: fn(&[u8]) -> u64) -> Self {
        Self { content, ..self }
    }

    const fn cases(self, cases: u64) -> Self {
        Self { cases, ..self }
    }

    /// The memory that this file may take, in bytes.
    pub fn allowed(&self, bytes: &[u8]) -> u64 {
        self.constant + self.slope * bytes.len() as u64 + (self.content)(bytes)
    }
}

/// The most that deflate expands.
const INFLATED: u64 = 1032;

/// Every format. How each slope comes about stands beside it; `tests/amplification.rs` comes close.
#[rustfmt::skip]
pub const FORMATS: &[Format] = &[
    // i8 becomes i64; and the bytes.
    Format::new("idx", |b| kept(idx::read(b)), seeds::idx, Shape::Gzip)
        .memory(9 * INFLATED).law(idx_law).cases(40_000),
    // A vector that grows counts three times.
    Format::new("gzip", |b| kept(gzip::decompress(b, 1 << 20)), seeds::gzip, Shape::Gzip).memory(3 * INFLATED),
    // i1 becomes i64, and is turned into row-major order.
    Format::new("npy", |b| kept(npy::read(b)), seeds::npy, Shape::Text).memory(16).law(npy_law).cases(50_000),
    Format::new("npz", |b| kept(npz::read(b)), seeds::npz, Shape::Zip)
        .memory(19 * INFLATED).law(npz_law).cases(20_000),
    // Text deflates to a hundredth at most, above a size that is always
    // taken; a vector that grows counts three times.
    Format::new("keras_zip", |b| kept(keras_zip::read(b).map(|archive| (archive.config, archive.assets))), seeds::keras, Shape::Zip)
        .memory(300).constant(3 << 20).law(keras_zip_law).cases(10_000),
    // i8 becomes i64; names and small objects take more than their bytes.
    Format::new("hdf5", |b| kept(hdf5::read(b)), seeds::hdf5, Shape::Hdf5).memory(16).law(hdf5_law).cases(20_000),
    // Names are kept twice while they are compared.
    Format::new("safetensors", |b| kept(safetensors::read(b)), seeds::safetensors, Shape::Safetensors)
        .memory(16).law(safetensors_law).cases(40_000),
    // Eight pixels from a byte of rows, for each four bytes of colour and one of gray; and the rows.
    Format::new("png", |b| kept(png::read(b)), seeds::png, Shape::Png).memory(44 * INFLATED).cases(20_000),
    // Blocks of 64 pixels of three bytes from a bit, and the coefficients of a progressive picture.
    Format::new("jpeg", |b| kept(picture::read(b)), seeds::jpeg, Shape::Bytes)
        .memory(8 * 64 * 3 * 4).constant(4 << 20),
    // A value takes 72 bytes and more from two of text; files of models have at most a million of them.
    Format::new("json_config", json_config, seeds::json, Shape::Text).memory(512).constant(4 << 20).cases(5_000),
    // As keras_zip; columns of weights are padded to sixteen; and the description.
    Format::new("keras_model", model, seeds::keras, Shape::Zip)
        .memory(400).constant(6 << 20).law(model_law).cases(3_000),
    Format::new("legacy_h5", model, seeds::legacy, Shape::LegacyH5)
        .memory(400).constant(6 << 20).law(model_law).cases(3_000),
    Format::new("safetensors_model", model, seeds::safetensors_models, Shape::Safetensors)
        .memory(400).constant(6 << 20).law(model_law).cases(4_000),
    // int8 becomes i64, and names take more than their bytes.
    Format::new("onnx", |b| kept(onnx::read(b)), seeds::onnx, Shape::Protobuf)
        .memory(32).law(onnx_law).cases(20_000),
    // And numbers are padded to sixteen columns.
    Format::new("onnx_model", |b| kept(Model::from_onnx(b)), seeds::onnx, Shape::Protobuf)
        .memory(100).constant(1 << 20).law(onnx_model_law).cases(5_000),
    // As the worst of the formats that weights come in; and the model.
    Format::new("load_weights", load_weights, seeds::weights, Shape::Any)
        .memory(19 * INFLATED).constant(6 << 20).cases(3_000),
    // As the worst of the others.
    Format::new("inspect", |b| kept(inspect(on_disk(b))), seeds::any, Shape::Any)
        .memory(44 * INFLATED).constant(6 << 20).cases(5_000),
    // Numbers of one digit become eight bytes; each column and each text of its own takes more than its bytes.
    Format::new("csv", |b| kept(csv::read(b, &csv::Options::default())), seeds::csv, Shape::Text)
        .memory(64).content(columns),
    Format::new("tar", |b| kept(tar::read_members(b, seeds::MEMBERS)), seeds::tar, Shape::Tar)
        .memory(4 * INFLATED),
    // A page of a small file may inflate to 64 MiB, and a run of equal values be 16 million rows.
    #[cfg(feature = "columnar")]
    Format::new("parquet", table, seeds::parquet, Shape::Bytes).constant(160 << 20).cases(5_000),
    #[cfg(feature = "columnar")]
    Format::new("arrow", table, seeds::arrow, Shape::Bytes).constant(160 << 20).cases(5_000),
    Format::new("checkpoint", checkpoint, seeds::checkpoint, Shape::Checkpoint).memory(16).cases(20_000),
];

/// Of a description alone; a file of a model cannot have more than its bytes.
const MOST_WEIGHTS: usize = 20_000;

/// What a model may take to be tried.
const SMALL_ENOUGH: u64 = 64 << 20;

/// The format of this name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A column takes a quarter of a kilobyte, also where it is a byte long: what was seen in it, its name, its values.
fn columns(csv: &[u8]) -> u64 {
    let mut quoted = false;
    let line = csv.iter().take_while(|&&byte| {
        quoted ^= byte == b'"';
        quoted || !b"\r\n".contains(&byte)
    });
    let most = vanilla_formats::table::MAX_COLUMNS;
    256 * (line.filter(|byte| b",;|\t".contains(byte)).take(most).count() as u64 + 1)
}

/// A value that is kept until its memory was counted, or the error's text.
fn kept<T: Any, E: ToString>(result: Result<T, E>) -> Outcome {
    match result {
        Ok(value) => Ok(Box::new(value)),
        Err(error) => Err(error.to_string()),
    }
}

fn none(_: &[u8]) -> Result<(), String> {
    Ok(())
}

/// What was read and written is read and written to the same bytes again.
fn same_again<E: ToString>(first: Vec<u8>, again: impl Fn(&[u8]) -> Result<Vec<u8>, E>) -> Result<(), String> {
    match again(&first) {
        Ok(second) if second == first => Ok(()),
        Ok(_) => Err("what was written reads as something else".to_owned()),
        Err(error) => Err(format!("what was written cannot be read: {}", error.to_string())),
    }
}

fn idx_law(bytes: &[u8]) -> Result<(), String> {
    match idx::read(bytes) {
        Ok(array) if array.dtype() != "int64" => {
            same_again(idx::write(&array), |b| idx::read(b).map(|a| idx::write(&a)))
        }
        _ => Ok(()),
    }
}

fn npy_law(bytes: &[u8]) -> Result<(), String> {
    let Ok(array) = npy::read(bytes) else { return Ok(()) };
    same_again(npy::write(&array), |b| npy::read(b).map(|a| npy::write(&a)))
}

fn npz_law(bytes: &[u8]) -> Result<(), String> {
    let write = |arrays: &[(String, vanilla_formats::Array)]| {
        npz::write(&arrays.iter().map(|(name, array)| (name.as_str(), array)).collect::<Vec<_>>())
    };
    let Ok(arrays) = npz::read(bytes) else { return Ok(()) };
    let written = write(&arrays).map_err(|error| format!("what was read cannot be written: {error}"))?;
    same_again(written, |b| write(&npz::read(b)?))
}

fn keras_zip_law(bytes: &[u8]) -> Result<(), String> {
    let Ok(archive) = keras_zip::read(bytes) else { return Ok(()) };
    let written =
        keras_zip::write(&archive).map_err(|error| format!("what was read cannot be written: {error}"))?;
    same_again(written, |b| keras_zip::write(&keras_zip::read(b)?))
}

fn hdf5_law(bytes: &[u8]) -> Result<(), String> {
    let Ok(root) = hdf5::read(bytes) else { return Ok(()) };
    // The writer takes less than the reader: few attributes, of one axis.
    let Ok(written) = hdf5::write(&root) else { return Ok(()) };
    same_again(written, |b| hdf5::write(&hdf5::read(b)?))
}

fn safetensors_law(bytes: &[u8]) -> Result<(), String> {
    let write = |file: &safetensors::File| {
        let texts: Vec<_> = file.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        safetensors::write(&texts, &file.tensors)
    };
    let Ok(file) = safetensors::read(bytes) else { return Ok(()) };
    let written = write(&file).map_err(|error| format!("what was read cannot be written: {error}"))?;
    same_again(written, |b| write(&safetensors::read(b)?))
}

fn onnx_law(bytes: &[u8]) -> Result<(), String> {
    let Ok(file) = onnx::read(bytes) else { return Ok(()) };
    let Ok(written) = onnx::write(&file) else { return Ok(()) };
    same_again(written, |b| onnx::write(&onnx::read(b)?))
}

fn json_config(bytes: &[u8]) -> Outcome {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    kept(Model::from_json_within(&value, &Registry::default(), MOST_WEIGHTS))
}

fn checkpoint(bytes: &[u8]) -> Outcome {
    kept(Checkpoint::from_bytes(bytes, Path::new("x.safetensors")))
}

#[cfg(feature = "columnar")]
fn table(bytes: &[u8]) -> Outcome {
    let form = columnar::Form::of(bytes).ok_or_else(|| "no table with types".to_owned())?;
    kept(columnar::read(form, bytes, &[]))
}

/// Weights are taken whole or not at all.
fn load_weights(bytes: &[u8]) -> Outcome {
    thread_local!(static MODEL: RefCell<Model> = RefCell::new(seeds::model()));
    MODEL.with_borrow_mut(|model| {
        let before = model.weights_sha256();
        let loaded = model.load_weights(on_disk(bytes));
        if let Err(error) = &loaded {
            assert_eq!(model.weights_sha256(), before, "weights of a file that was refused: {error}");
        }
        kept(loaded)
    })
}

/// A path whose file has these bytes; its ending says no more than that they are arrays.
fn on_disk(bytes: &[u8]) -> PathBuf {
    use std::sync::OnceLock;
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder for temporary files"));
    let thread = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_ascii_digit(), "");
    let path = folder.path().join(format!("{thread}.npz"));
    std::fs::write(&path, bytes).expect("room for temporary files");
    path
}

fn model(bytes: &[u8]) -> Outcome {
    kept(Model::from_bytes(bytes, &Registry::default()))
}

fn model_law(bytes: &[u8]) -> Result<(), String> {
    Model::from_bytes(bytes, &Registry::default()).map_or(Ok(()), law_of_models)
}

fn onnx_model_law(bytes: &[u8]) -> Result<(), String> {
    Model::from_onnx(bytes).map_or(Ok(()), law_of_models)
}

/// A model that was loaded has a summary, predicts or says why not, and is saved and loaded again as the same
/// file.
fn law_of_models(model: Model) -> Result<(), String> {
    let _ = model.summary().to_string();
    let model = model.with_threads(1);
    if let (Some(sample), Ok(need)) = (model.input_shape(), model.memory_need(&Fit::new().batch_size(2), 2))
        && need.total() < SMALL_ENOUGH
    {
        let shape: Vec<usize> = [&[2], sample].concat();
        let x = Tensor::new(vec![0.5f32; shape.iter().product()], shape);
        let _ = x.and_then(|x| model.predict(&x));
    }
    let Ok(written) = model.to_keras() else { return Ok(()) };
    same_again(written, |b| Model::from_bytes(b, &Registry::default())?.to_keras())
}
