//! Known sets of images: from IDX files, from CIFAR's binary version, or from an `.npz` as Keras writes it.
//!
//! ```text
//! IDX      four files, see `vanilla_formats::idx`; plain or in gzip
//! CIFAR    file = record*      record = label:u8 red:1024 green:1024 blue:1024      row by row
//!          six files, in a folder, in its folder `cifar-10-batches-bin`, or in a tar of that in gzip
//! npz      x_train, y_train, x_test, y_test
//! ```
//!
//! Source of CIFAR's: A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version". Its Python version consists of
//! pickles, which are never opened.
//!
//! Whatever they came from, the hashes are those of the plain files: so one copy is compared with another.

use super::known::{Form, Found, Known, Samples};
use super::{Part, hex};
use crate::error::{Error, Result};
use crate::saving::read_file;
use crate::tensor::Tensor;
use sha2::Digest;
use std::path::{Path, PathBuf};
use vanilla_formats::{Array, Data, FormatError, idx, npz, tar};

/// Training images and labels, test images and labels.
pub(super) type Parts = [Vec<u8>; 4];

/// The folder in CIFAR's archive.
const CIFAR_FOLDER: &str = "cifar-10-batches-bin";

/// Reads the images at `path`.
pub(super) fn read(known: &Known, path: &Path) -> Result<Found> {
    let parts = match known.form {
        _ if !path.is_dir() && !is_tar(path) => from_npz(known, path)?,
        Form::Cifar => return from_cifar(known, path),
        _ => from_idx(known, path)?,
    };
    let hashes = hashes(known, &parts);
    found(known, parts, hashes)
}

/// Parts that are known to be good, such as the embedded ones.
pub(super) fn found(known: &Known, parts: Parts, hashes: Vec<String>) -> Result<Found> {
    let (shape, column) = (shape(known), known.form == Form::Cifar);
    let [x_train, y_train, x_test, y_test] = parts;
    let part = |x: Vec<u8>, y: Vec<u8>| -> Result<Part> {
        let rows = y.len();
        // Keras's labels of CIFAR are a column.
        let labels = if column { vec![rows, 1] } else { vec![rows] };
        Ok(Part::new(Tensor::new(x, [&[rows], shape].concat())?, Some(Tensor::new(y, labels)?)))
    };
    Ok(Found { train: part(x_train, y_train)?, test: part(x_test, y_test)?, hashes, whole: None })
}

fn shape(known: &Known) -> &'static [usize] {
    match known.samples {
        Samples::Images { shape, .. } => shape,
        Samples::Table { .. } => unreachable!("only images have these forms"),
    }
}

fn is_tar(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".tar", ".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

fn from_idx(known: &Known, folder: &Path) -> Result<Parts> {
    let mut parts = Vec::new();
    for (i, known_file) in known.files.iter().enumerate() {
        let name = known_file.name;
        let file = file_in(folder, name).ok_or_else(|| {
            Error::file(folder, format!("no {name} (plain or .gz), one of the four files of {}", known.name))
        })?;
        let bytes = read_file(&file)?;
        let read = if i % 2 == 0 { idx::read_images } else { idx::read_labels };
        parts.push((file.clone(), read(&bytes).map_err(|error| Error::file(&file, error))?));
    }
    checked(known, folder, parts)
}

fn from_npz(known: &Known, path: &Path) -> Result<Parts> {
    let bytes = read_file(path)?;
    let arrays = npz::read(&bytes).map_err(|error| Error::file(path, error))?;
    let get = |key| npz::get(&arrays, key).cloned().map_err(|error: FormatError| Error::file(path, error));
    let keys = ["x_train", "y_train", "x_test", "y_test"];
    let parts = keys.into_iter().map(|key| Ok((path.to_owned(), get(key)?))).collect::<Result<Vec<_>>>()?;
    checked(known, path, parts)
}

/// Images and labels that belong together, as bytes.
fn checked(known: &Known, path: &Path, parts: Vec<(PathBuf, Array)>) -> Result<Parts> {
    let (sample, classes) = (shape(known), known.classes().unwrap_or(0));
    let mut rows = [0; 2];
    let mut out = Vec::new();
    for (i, (file, array)) in parts.into_iter().enumerate() {
        let shape = array.shape.clone();
        let Data::U8(bytes) = array.data else {
            return Err(Error::file(&file, format!("elements of type {}, expected uint8", array.dtype())));
        };
        let (images, part) = (i % 2 == 0, i / 2);
        if images && shape.get(1..) != Some(sample) {
            let sample: String = sample.iter().map(|size| format!(", {size}")).collect();
            return Err(Error::file(&file, format!("shape {shape:?}, expected (N{sample})")));
        }
        if bytes.is_empty() {
            return Err(Error::file(&file, "the data set is empty"));
        }
        if images {
            rows[part] = shape[0];
        } else if shape != [rows[part]] && shape != [rows[part], 1] {
            let problem =
                format!("{} labels for {} images: these files do not belong together", bytes.len(), rows[part]);
            return Err(Error::file(&file, problem));
        } else if let Some(row) = bytes.iter().position(|label| usize::from(*label) >= classes) {
            let problem = format!("label {} in row {row}, expected 0 to {}", bytes[row], classes - 1);
            return Err(Error::file(&file, problem));
        }
        out.push(bytes);
    }
    out.try_into().map_err(|_| Error::file(path, "expected four parts"))
}

/// The batches of CIFAR's binary version, turned from planes of colours to pixels one by one.
fn from_cifar(known: &Known, path: &Path) -> Result<Found> {
    let folder = [path.to_owned(), path.join(CIFAR_FOLDER)]
        .into_iter()
        .find(|folder| known.files.iter().any(|file| folder.join(file.name).is_file()));
    let archive = if path.is_dir() { archive_in(known, path) } else { Some(path.to_owned()) };
    let batches: Vec<(PathBuf, Vec<u8>)> = match (folder, archive) {
        (Some(folder), _) => {
            let read = |file: &super::KnownFile| {
                let path = folder.join(file.name);
                Ok((path.clone(), read_file(&path)?))
            };
            known.files.iter().map(read).collect::<Result<_>>()?
        }
        (None, Some(archive)) => {
            let file = std::fs::File::open(&archive).map_err(|error| Error::io(&archive, error))?;
            let names: Vec<String> =
                known.files.iter().map(|file| format!("{CIFAR_FOLDER}/{}", file.name)).collect();
            let wanted: Vec<(&str, u64)> =
                names.iter().zip(known.files).map(|(name, file)| (&**name, file.bytes)).collect();
            let members = tar::read_members(std::io::BufReader::new(file), &wanted);
            let members = members.map_err(|error| Error::file(&archive, error))?;
            names.into_iter().map(|name| archive.join(name)).zip(members).collect()
        }
        (None, None) => {
            let problem = format!("no {}, one of the six files of {}", known.files[0].name, known.name);
            return Err(Error::file(path, problem));
        }
    };
    let pixels: usize = shape(known)[..2].iter().product();
    let (record, classes) = (1 + 3 * pixels, known.classes().unwrap_or(0));
    let (mut parts, mut hashes) = (Parts::default(), Vec::new());
    let last = batches.len() - 1;
    for (i, (file, bytes)) in batches.into_iter().enumerate() {
        if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
            let problem = format!("{} bytes, expected records of {record}: a label and 3 colours", bytes.len());
            return Err(Error::file(&file, problem));
        }
        hashes.push(hex(&sha2::Sha256::digest(&bytes)));
        let (x, y) = parts.split_at_mut(if i == last { 3 } else { 1 });
        let (x, y) = (&mut x[if i == last { 2 } else { 0 }], &mut y[0]);
        for (row, record) in bytes.chunks_exact(record).enumerate() {
            if usize::from(record[0]) >= classes {
                let problem = format!("label {} in row {row}, expected 0 to {}", record[0], classes - 1);
                return Err(Error::file(&file, problem));
            }
            y.push(record[0]);
            let (red, others) = record[1..].split_at(pixels);
            let (green, blue) = others.split_at(pixels);
            x.extend(red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]));
        }
    }
    found(known, parts, hashes)
}

/// SHA-256 of each of the files that would hold these parts.
pub(super) fn hashes(known: &Known, parts: &Parts) -> Vec<String> {
    if known.form == Form::Cifar { cifar_hashes(known, parts) } else { idx_hashes(known, parts) }
}

fn idx_hashes(known: &Known, parts: &Parts) -> Vec<String> {
    let sample = shape(known);
    let count = |n: usize| (n as u32).to_be_bytes();
    let hash = |(i, part): (usize, &Vec<u8>)| {
        let sample = if i % 2 == 0 { sample } else { &[] };
        let mut hash = sha2::Sha256::new();
        hash.update([0, 0, 8, 1 + sample.len() as u8]);
        hash.update(count(part.len() / sample.iter().product::<usize>()));
        sample.iter().for_each(|size| hash.update(count(*size)));
        hash.update(part);
        hex(&hash.finalize())
    };
    parts.iter().enumerate().map(hash).collect()
}

fn cifar_hashes(known: &Known, parts: &Parts) -> Vec<String> {
    let pixels: usize = shape(known)[..2].iter().product();
    let rows = (known.files[0].bytes as usize / (1 + 3 * pixels)).max(1);
    let mut hashes = Vec::new();
    for (x, y) in [(&parts[0], &parts[1]), (&parts[2], &parts[3])] {
        for (x, y) in x.chunks(rows * 3 * pixels).zip(y.chunks(rows)) {
            let mut hash = sha2::Sha256::new();
            for (image, label) in x.chunks_exact(3 * pixels).zip(y) {
                let plane = |colour: usize| image.iter().copied().skip(colour).step_by(3);
                let record: Vec<u8> = [*label].into_iter().chain((0..3).flat_map(plane)).collect();
                hash.update(record);
            }
            hashes.push(hex(&hash.finalize()));
        }
    }
    hashes
}

/// An IDX file of this name, plain or compressed; `train-images.idx3-ubyte` is about as common as the original name.
fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    names.into_iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// The archive as it is downloaded.
fn archive_in(known: &Known, folder: &Path) -> Option<PathBuf> {
    known.downloads.iter().map(|remote| folder.join(remote.name)).find(|file| file.is_file())
}

/// Whether one of the files is in this folder.
pub(super) fn is_in(known: &Known, folder: &Path) -> bool {
    known.files.iter().any(|file| match known.form {
        Form::Cifar => folder.join(file.name).is_file() || folder.join(CIFAR_FOLDER).join(file.name).is_file(),
        _ => file_in(folder, file.name).is_some(),
    }) || known.form == Form::Cifar && archive_in(known, folder).is_some()
}
