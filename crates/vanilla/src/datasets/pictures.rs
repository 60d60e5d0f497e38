//! A folder of pictures with a subfolder for each class.
//!
//! ```text
//! folder = class/ …            the classes are the names of the subfolders, sorted by their bytes
//!        | train/ test/        each with the same classes in it: a training and a test part
//! class  = picture …           PNG or JPEG, in the order of their names, all of one size
//! ```
//!
//! Files and folders whose names begin with a dot are passed over, other files beside the classes are named in a
//! warning. A symbolic link, a folder in a class and a file that is no picture are refused: nothing outside of the
//! folder is read, and nothing in it is left out silently. Gray pictures stay gray where all are gray, and become
//! colours where any has them.

use super::table::{listed, shown};
use super::{Dataset, Part, hex};
use crate::error::{Error, Result};
use crate::memory::refuse_too_much;
use crate::model::Model;
use crate::saving::read_file;
use crate::tensor::{I64, Tensor};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use vanilla_formats::picture::{self, Pixels, brightness};

/// The most classes, and the most pictures of one.
const MAX_ENTRIES: usize = 1 << 20;

/// Whether a folder has subfolders: then it is one of pictures.
pub(super) fn is_one(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let mut folders = false;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("train-images") {
            // MNIST's files.
            return false;
        }
        folders |= !name.starts_with('.') && entry.path().is_dir();
    }
    folders
}

/// The error about a folder that has none.
pub(super) fn no_classes(folder: &Path) -> Error {
    let is_picture = |(name, _): &(String, PathBuf)| {
        let name = name.to_ascii_lowercase();
        [".png", ".jpg", ".jpeg"].iter().any(|ending| name.ends_with(ending))
    };
    let problem = match entries(folder) {
        Ok((_, files)) if files.iter().any(is_picture) => {
            "pictures without classes: put those of each class into a subfolder of its name; `vanilla predict MODEL \
             PICTURE…` answers for single ones"
        }
        Ok(_) => {
            "a folder without data, expected a subfolder of pictures for each class, or MNIST's four IDX files"
        }
        Err(error) => return error,
    };
    Error::file(folder, problem)
}

/// Reads the folder.
pub(super) fn read(folder: &Path) -> Result<Dataset> {
    let (folders, files) = entries(folder)?;
    let names: Vec<&str> = folders.iter().map(|(name, _)| name.as_str()).collect();
    let parts: Vec<(&str, &Path)> = if names == ["test", "train"] && is_one(&folders[1].1) {
        vec![("train", &folders[1].1), ("test", &folders[0].1)]
    } else {
        vec![("", folder)]
    };
    let mut hash = Sha256::new();
    let mut pictures = Pictures::default();
    let mut classes: Option<Vec<String>> = None;
    let mut labels = Vec::new();
    for (part, place) in &parts {
        let (folders, _) = entries(place)?;
        let names: Vec<String> = folders.iter().map(|(name, _)| name.clone()).collect();
        if let Some(known) = classes.as_ref().filter(|known| **known != names) {
            let problem = format!(
                "the classes of {part} are {}, those of train {}: both parts need the same folders",
                listed(names.iter().map(String::as_str)),
                listed(known.iter().map(String::as_str))
            );
            return Err(Error::file(folder, problem));
        }
        let mut of_part = Vec::new();
        for (class, (name, path)) in folders.iter().enumerate() {
            let (nested, files) = entries(path)?;
            if let Some((nested, _)) = nested.first() {
                let problem =
                    format!("the folder {} in a class, expected pictures alone: move it out", shown(nested));
                return Err(Error::file(path, problem));
            }
            if files.is_empty() {
                return Err(Error::file(path, "no picture in this class: add some, or remove the folder"));
            }
            for (file, path) in files {
                for text in [*part, name.as_str(), file.as_str()] {
                    hash.update((text.len() as u64).to_le_bytes());
                    hash.update(text);
                }
                let bytes = read_file(&path)?;
                hash.update(Sha256::digest(&bytes));
                pictures.push(path, &bytes)?;
                of_part.push(class as i64);
            }
        }
        classes = Some(names);
        labels.push(of_part);
    }
    let rows: usize = labels.iter().map(Vec::len).sum();
    let all = pictures.tensor(rows)?;
    let mut begin = 0;
    let mut cut = |labels: Vec<i64>| -> Result<Part> {
        let (from, count) = (begin, labels.len());
        begin += count;
        Ok(Part::new(all.slice(from..from + count)?, Some(Tensor::new(labels, [count])?.astype(I64))))
    };
    let mut labels = labels.into_iter();
    let train = cut(labels.next().unwrap_or_default())?;
    let test = labels.next().map(cut).transpose()?;
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut dataset = Dataset::new(name, folder.display().to_string(), hex(&hash.finalize()), train);
    dataset.test = test;
    dataset.class_names = classes.unwrap_or_default();
    if !files.is_empty() {
        let names = listed(files.iter().map(|(name, _)| name.as_str()));
        dataset.warnings.push(format!("{}: files beside the classes are not read: {names}", folder.display()));
    }
    Ok(dataset)
}

/// Numbers the labels of a folder as a model does that has classes of these names, also where only some of them are
/// there.
pub(super) fn number(dataset: &mut Dataset, model: &Model) -> Result<()> {
    let known: Vec<String> = match model.class_names() {
        // Without names classes have numbers; one output tells two apart.
        [] => (0..model.outputs().unwrap_or(0).max(2)).map(|class| class.to_string()).collect(),
        names => names.to_vec(),
    };
    let place = |name: &String| known.iter().position(|class| class == name);
    let Some(numbers) = dataset.class_names.iter().map(place).collect::<Option<Vec<_>>>() else {
        let unknown = dataset.class_names.iter().filter(|name| place(name).is_none());
        let unknown = listed(unknown.map(String::as_str));
        if !model.class_names().is_empty() {
            let problem = format!(
                "the folders {unknown} are none of the model's classes, which are {}: call them so, or move them out",
                listed(known.iter().map(String::as_str))
            );
            return Err(Error::data(&dataset.source, problem));
        }
        if model.outputs().is_some() && known.len() != dataset.class_names.len() {
            let names = listed(dataset.class_names.iter().map(String::as_str));
            let problem =
                format!("the model tells {} classes apart and names none: {names} are taken for", known.len());
            dataset.warnings.push(format!("{}: {problem} the first ones", dataset.source));
        }
        return Ok(());
    };
    for y in
        [Some(&mut dataset.train), dataset.test.as_mut()].into_iter().flatten().filter_map(|part| part.y.as_mut())
    {
        let labels: Vec<i64> = y.to_i64().into_iter().map(|label| numbers[label as usize] as i64).collect();
        *y = Tensor::new(labels, [y.rows()])?;
    }
    dataset.class_names = known;
    Ok(())
}

/// Makes the pictures of a folder gray or coloured, as a model's samples are; its shape decides, and where that is no
/// picture of their size they stay as they are.
pub(super) fn recolour(dataset: &mut Dataset, model: &Model) -> Result<()> {
    let sample = model.input_shape().unwrap_or_default();
    for part in [Some(&mut dataset.train), dataset.test.as_mut()].into_iter().flatten() {
        if let Some(x) = part.x.single() {
            part.x = recoloured(x, sample)?.into();
        }
    }
    Ok(())
}

fn recoloured(x: &Tensor, sample: &[usize]) -> Result<Tensor> {
    let bytes = x.as_u8().unwrap_or_default();
    match (x.shape(), sample) {
        ([rows, height, width, 3], [h, w] | [h, w, 1]) if (h, w) == (height, width) => {
            Tensor::new(bytes.chunks_exact(3).map(brightness).collect::<Vec<u8>>(), [*rows, *height, *width])
        }
        ([rows, height, width], [h, w, 3]) if (h, w) == (height, width) => {
            refuse_too_much("pictures", 4 * bytes.len() as u64, "the pictures in colours: take fewer")?;
            Tensor::new(coloured(bytes), [*rows, *height, *width, 3])
        }
        _ => Ok(x.clone()),
    }
}

/// A picture as samples of this shape take it: `(height, width)` and `(height, width, 1)` gray, `(height, width, 3)`
/// in colours.
///
/// # Errors
/// When the file is no picture, has another size, or samples are no pictures.
pub fn picture(path: impl AsRef<Path>, sample: &[usize]) -> Result<Tensor> {
    let path = path.as_ref();
    let (height, width, channels) = match *sample {
        [height, width] => (height, width, 1),
        [height, width, channels @ (1 | 3)] => (height, width, channels),
        _ => {
            let problem =
                format!("a picture for samples of shape {sample:?}, expected (height, width) with 1 or 3 colours");
            return Err(Error::file(path, problem));
        }
    };
    let pixels = picture::read(&read_file(path)?).map_err(|error| Error::file(path, error))?;
    if (pixels.height as usize, pixels.width as usize) != (height, width) {
        let problem =
            format!("{} x {} pixels, expected {width} x {height}: resize it", pixels.width, pixels.height);
        return Err(Error::file(path, problem));
    }
    let bytes = match channels {
        1 => pixels.into_gray(),
        _ if pixels.channels == 1 => coloured(&pixels.bytes),
        _ => pixels.bytes,
    };
    Tensor::new(bytes, [&[1], sample].concat())
}

/// Gray pixels with three equal colours.
fn coloured(gray: &[u8]) -> Vec<u8> {
    gray.iter().flat_map(|value| [*value; 3]).collect()
}

/// Subfolders and files of a folder, each with its name, sorted by it.
type Entries = (Vec<(String, PathBuf)>, Vec<(String, PathBuf)>);

fn entries(folder: &Path) -> Result<Entries> {
    let io = |error| Error::io(folder, error);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            let problem =
                format!("the name {} is no UTF-8: rename it", shown(&entry.file_name().to_string_lossy()));
            return Err(Error::file(folder, problem));
        };
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(io)?;
        if kind.is_symlink() || !(kind.is_dir() || kind.is_file()) {
            let what = if kind.is_symlink() { "a symbolic link" } else { "neither a file nor a folder" };
            return Err(Error::file(folder, format!("{} is {what}: put the picture itself there", shown(&name))));
        }
        let list = if kind.is_dir() { &mut folders } else { &mut files };
        if list.len() == MAX_ENTRIES {
            return Err(Error::file(folder, format!("more than {MAX_ENTRIES} entries")));
        }
        list.push((name, entry.path()));
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

/// Pictures of one size, gray until the first one with colours.
#[derive(Default)]
struct Pictures {
    first: Option<(PathBuf, u32, u32)>,
    channels: usize,
    bytes: Vec<u8>,
}

impl Pictures {
    fn push(&mut self, path: PathBuf, file: &[u8]) -> Result<()> {
        let Pixels { width, height, channels, bytes } =
            picture::read(file).map_err(|error| Error::file(&path, error))?;
        match &self.first {
            None => {
                self.channels = channels;
                self.first = Some((path, width, height));
            }
            Some((first, w, h)) if (*w, *h) != (width, height) => {
                let problem = format!(
                    "{width} x {height} pixels, and {} has {w} x {h}: all pictures need one size, so resize them",
                    first.display()
                );
                return Err(Error::file(&path, problem));
            }
            Some(_) => {}
        }
        if self.channels < channels {
            refuse_too_much("pictures", 4 * self.bytes.len() as u64, "the pictures in colours: take fewer")?;
            self.bytes = coloured(&self.bytes);
            self.channels = channels;
        }
        let bytes = if self.channels > channels { coloured(&bytes) } else { bytes };
        let all = (self.bytes.len() + bytes.len()) as u64;
        if self.bytes.len() + bytes.len() > self.bytes.capacity() {
            refuse_too_much("pictures", all, "all pictures as bytes: take fewer or smaller ones")?;
        }
        self.bytes.extend(bytes);
        Ok(())
    }

    fn tensor(self, rows: usize) -> Result<Tensor> {
        let (_, width, height) = self.first.ok_or_else(|| Error::data("pictures", "the data set is empty"))?;
        let mut shape = vec![rows, height as usize, width as usize];
        if self.channels > 1 {
            shape.push(self.channels);
        }
        Tensor::new(self.bytes, shape)
    }
}
