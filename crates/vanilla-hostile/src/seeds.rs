//! Good files to begin from: small, of every kind that a reader knows, made by Keras, h5py and numpy where that
//! matters, and by our own writers.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;
use std::path::Path;
use vanilla::checkpoint::{Checkpoint, Values};
use vanilla::layers::{BatchNormalization, Dense, Dropout, Flatten};
use vanilla::{Model, Registry, Sequential, layers};
use vanilla_formats::{Array, Data, hdf5, idx, keras_zip, npy, npz, png as pictures, safetensors as tensors};

const MINI: &[u8] = include_bytes!("../../vanilla-formats/tests/data/mini.keras");
const TINY: &[u8] = include_bytes!("../../vanilla-formats/tests/data/tiny.h5");
const TINY_WEIGHTS: &[u8] = include_bytes!("../../vanilla-formats/tests/data/tiny.weights.h5");
const REFERENCE: &[u8] = include_bytes!("../../vanilla-formats/tests/data/reference.safetensors");
const TRAINED: &[u8] = include_bytes!("../../vanilla/tests/golden/traj.keras");
const OLD_CHECKPOINT: &[u8] = include_bytes!("../../vanilla/tests/golden/checkpoint-v1.safetensors");

fn array(shape: &[usize], data: Data) -> Array {
    Array::new(shape.to_vec(), data).expect("as many elements as the shape has")
}

fn bytes_3d() -> Array {
    array(&[3, 4, 5], Data::U8((0..60).collect()))
}

fn floats() -> Array {
    array(&[3, 7], Data::F32((0..21).map(|i| i as f32 / 8.0).collect()))
}

fn integers() -> Array {
    array(&[5], Data::I64((-2..3).collect()))
}

/// The bytes in gzip.
pub fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory is written to")
}

/// The bytes in a zlib stream.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory is written to")
}

/// IDX files, plain and in gzip, of every element type.
pub fn idx() -> Vec<Vec<u8>> {
    let labels = array(&[6], Data::U8(vec![0, 1, 2, 9, 3, 1]));
    let mut all: Vec<Vec<u8>> = [bytes_3d(), labels, floats()].iter().map(idx::write).collect();
    for (code, size) in [(0x09, 1), (0x0B, 2), (0x0C, 4), (0x0E, 8)] {
        all.push([&[0, 0, code, 1, 0, 0, 0, 3][..], &vec![1; 3 * size]].concat());
    }
    all.push(zipped(&all[0]));
    all
}

/// gzip files: of one member and of two, with a name, and of nothing.
pub fn gzip() -> Vec<Vec<u8>> {
    let mut named = flate2::GzBuilder::new()
        .filename("name")
        .comment("text")
        .extra("xy")
        .write(Vec::new(), Compression::best());
    named.write_all(&[7; 300]).expect("memory is written to");
    let two = [zipped(b"first"), zipped(b"second")].concat();
    vec![zipped(b"0123456789"), two, named.finish().expect("memory is written to"), zipped(b"")]
}

/// npy files of every type, of both orders and of all versions.
pub fn npy() -> Vec<Vec<u8>> {
    let file = |version: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = &(header.len() as u32).to_le_bytes()[..if version == 1 { 2 } else { 4 }];
        [b"\x93NUMPY", &[version, 0][..], length, header.as_bytes(), data].concat()
    };
    let mut all: Vec<Vec<u8>> = [bytes_3d(), floats(), integers()].iter().map(npy::write).collect();
    all.push(file(1, "|b1", "False", "(3,)", &[1, 0, 1]));
    all.push(file(2, ">i2", "True", "(2, 3)", &[0; 12]));
    all.push(file(3, "<f8", "True", "(2, 1, 2)", &[0; 32]));
    all.push(file(1, "<u8", "False", "()", &[1, 0, 0, 0, 0, 0, 0, 0]));
    all
}

/// npz archives.
pub fn npz() -> Vec<Vec<u8>> {
    let (x, y, z) = (bytes_3d(), floats(), integers());
    [vec![("x_train", &x), ("y_train", &y), ("z", &z)], vec![("a", &z)], vec![]]
        .iter()
        .map(|arrays| npz::write(arrays).expect("names that fit"))
        .collect()
}

/// HDF5 files of h5py (weights, a whole model) and of our own writer, which has checksums.
pub fn hdf5() -> Vec<Vec<u8>> {
    let ours = hdf5::read(TINY_WEIGHTS).and_then(|root| hdf5::write(&root)).expect("a golden file");
    vec![TINY_WEIGHTS.to_vec(), ours, TINY.to_vec(), keras_zip::read(MINI).expect("a golden file").weights.into()]
}

/// safetensors files, the first one of the reference writer.
pub fn safetensors() -> Vec<Vec<u8>> {
    let tensor =
        |name: &str, values: Values| tensors::Tensor { name: name.into(), shape: vec![values.len()], values };
    let all = [tensor("layers/dense/0", Values::F32(vec![0.5; 9])), tensor("n", Values::I64(vec![3]))];
    let file =
        |texts: &[(&str, &str)], all: &[tensors::Tensor]| tensors::write(texts, all).expect("names that fit");
    vec![REFERENCE.to_vec(), file(&[("config", "{\"a\": [1, 2]}")], &all), file(&[], &all[..1]), file(&[], &[])]
}

/// Tables: of numbers, texts and missing values, with quotes, and in other dialects.
pub fn csv() -> Vec<Vec<u8>> {
    [
        "a,b,c\n1,2.5,red\n2,,blue\n3,-1e3,\"gr\"\"een, or so\"\n",
        "\u{feff}x;y\r\n1;2\r\n3;4\r\n",
        "1\t2\t3\r4\tNA\t6\r7\t8\t?",
        "name|age\n\"multi\nline\"|30\nÄ|400000\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// What is looked for in the archives of [`tar`].
pub const MEMBERS: &[(&str, u64)] = &[("data/a.bin", 5), ("data/b.bin", 600)];

/// tar archives with the [`MEMBERS`] and others, plain and in gzip.
pub fn tar() -> Vec<Vec<u8>> {
    let entry = |name: &str, kind: u8, data: &[u8]| {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        for (at, text) in [(100, "0000644\0"), (108, "0000000\0"), (116, "0000000\0"), (136, "00000000000\0")] {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block.extend_from_slice(data);
        block.resize(block.len().next_multiple_of(512), 0);
        crate::containers::summed(block)
    };
    let parts = [
        entry("data/", b'5', b""),
        entry("data/a.bin", b'0', b"hello"),
        entry("pax", b'x', b"18 mtime=12345.67\n"),
        entry("data/b.bin", b'0', &[7; 600]),
        entry("README", b'0', b"text"),
    ];
    let plain = [parts.concat(), vec![0; 1024]].concat();
    vec![zipped(&plain), plain]
}

/// PNG pictures: of 28 x 28 gray and coloured, with a palette, interlaced, with texts.
pub fn png() -> Vec<Vec<u8>> {
    let pixels: Vec<u8> = (0..28 * 28 * 4).map(|at| (at * 7 % 251) as u8).collect();
    let write = "a picture of this size";
    let chunk = |kind: &[u8; 4], data: &[u8]| crate::containers::chunk(kind, data);
    let small = |header: [u8; 5], between: Vec<u8>, rows: &[u8]| {
        let size = [0, 0, 0, 2, 0, 0, 0, 2];
        let head = chunk(b"IHDR", &[&size[..], &header].concat());
        [&b"\x89PNG\r\n\x1a\n"[..], &head, &between, &chunk(b"IDAT", &deflated(rows)), &chunk(b"IEND", b"")]
            .concat()
    };
    let palette = [chunk(b"PLTE", &[255, 0, 0, 0, 0, 255]), chunk(b"tRNS", &[255, 0])].concat();
    let text = chunk(b"zTXt", &[b"name\0\0", &deflated(&[b'x'; 300])[..]].concat());
    vec![
        pictures::write_gray(28, 28, &pixels[..784]).expect(write),
        pictures::write_rgba(28, 28, &pixels).expect(write),
        small([1, 3, 0, 0, 0], palette, &[0, 0b0100_0000, 1, 0]),
        small([8, 0, 0, 0, 1], text, &[0, 1, 0, 2, 0, 3, 4]),
        small([16, 2, 0, 0, 0], vec![], &[1; 26]),
    ]
}

/// JPEG pictures: gray, in colours, with halved chroma, progressive.
pub fn jpeg() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../vanilla/tests/golden/pictures/gray.jpg").to_vec(),
        include_bytes!("../../vanilla/tests/golden/pictures/colours.jpg").to_vec(),
        include_bytes!("../../vanilla/tests/golden/pictures/halved.jpg").to_vec(),
        include_bytes!("../../vanilla/tests/golden/pictures/progressive.jpg").to_vec(),
    ]
}

/// Parquet files of pyarrow and Polars, with each compression.
#[cfg(feature = "columnar")]
pub fn parquet() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets.parquet").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-none.parquet").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-gzip.parquet").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-zstd.parquet").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-v2.parquet").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-polars.parquet").to_vec(),
    ]
}

/// Arrow IPC: files and a stream, of pyarrow and Polars.
#[cfg(feature = "columnar")]
pub fn arrow() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets.arrow").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets.arrows").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets.feather").to_vec(),
        include_bytes!("../../vanilla-formats/tests/golden/tables/pets-polars.arrow").to_vec(),
    ]
}

/// A model with several kinds of layers, compiled.
pub fn model() -> Model {
    let layers = layers![
        Flatten::new().input_shape([2, 3]),
        Dense::new(4).activation("relu"),
        BatchNormalization::new(),
        Dropout::new(0.25),
        Dense::new(3).activation("softmax"),
    ];
    let mut model = Sequential::new(layers).expect("layers that fit").with_seed(4).expect("layers that fit");
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"]).expect("known words");
    model
}

/// Whole models: a small one of Keras, one that was trained there, and one of ours.
pub fn keras() -> Vec<Vec<u8>> {
    vec![MINI.to_vec(), model().to_keras().expect("a built model"), TRAINED.to_vec()]
}

/// Weights of [`model`] as every kind of file.
pub fn weights() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    [".weights.h5", ".weights.npz", ".safetensors"]
        .map(|ending| {
            let path = folder.path().join(format!("w{ending}"));
            model().save_weights(&path).expect("room for temporary files");
            std::fs::read(&path).expect("what was written")
        })
        .to_vec()
}

/// Whole models as HDF5, of tf.keras 2.15 and of Keras 3.
pub fn legacy() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../vanilla/tests/golden/versions/2.15-tutorial.h5").to_vec(),
        include_bytes!("../../vanilla/tests/golden/versions/3.15-regression.h5").to_vec(),
        include_bytes!("../../vanilla/tests/golden/versions/3.5-graph.h5").to_vec(),
    ]
}

/// Whole models as safetensors files.
pub fn safetensors_models() -> Vec<Vec<u8>> {
    let trained = Model::from_bytes(TRAINED, &Registry::default()).expect("a golden file");
    [model(), trained].iter().map(|model| model.to_safetensors().expect("a built model")).collect()
}

/// ONNX files of Keras, PyTorch's graphs and scikit-learn, and one of ours.
pub fn onnx() -> Vec<Vec<u8>> {
    vec![
        model().to_onnx().expect("a built model"),
        include_bytes!("../../vanilla/tests/golden/onnx/torch_classifier.onnx").to_vec(),
        include_bytes!("../../vanilla/tests/golden/onnx/keras_graph.onnx").to_vec(),
        include_bytes!("../../vanilla/tests/golden/onnx/sklearn_binary.onnx").to_vec(),
        include_bytes!("../../vanilla/tests/golden/onnx/operators.onnx").to_vec(),
    ]
}

/// A file of every kind.
pub fn any() -> Vec<Vec<u8>> {
    [idx(), npy(), npz(), hdf5(), safetensors(), png(), keras(), legacy(), safetensors_models(), checkpoint()]
        .into_iter()
        .filter_map(|files| files.into_iter().next())
        .collect()
}

/// The descriptions in [`keras`], and one of a functional model with a preprocessing layer.
pub fn json() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        keras().iter().map(|file| keras_zip::read(file).expect("a golden file").config.into_bytes()).collect();
    all.push(include_bytes!("functional.json").to_vec());
    all
}

/// Checkpoints: the first format version's golden file and a small one.
pub fn checkpoint() -> Vec<Vec<u8>> {
    let mut small = Checkpoint::default();
    small.push("model/0", [2, 3], (0..6).map(|i| i as f32 / 7.0).collect());
    small.tensors.push(tensors::Tensor {
        name: "meter/sums".into(),
        shape: vec![2],
        values: Values::F64(vec![0.1, -0.0]),
    });
    small.put("state", "{\"epoch\": 3}");
    small.score = Some(0.25);
    vec![small.to_bytes(7, Path::new("x")).expect("names that fit"), OLD_CHECKPOINT.to_vec()]
}
