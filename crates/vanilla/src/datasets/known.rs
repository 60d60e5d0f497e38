//! Known data sets, by name.
//!
//! One is looked for in this order: an explicit folder or file, the folder `VANILLA_DATA`, the copy inside the
//! program, Vanilla's cache folder, Keras's own, and where Debian's packages put it. What is found outside of the
//! program is compared with the known SHA-256 of every part; a copy that differs is named in a warning and passed over.
//! Nothing is downloaded here: [`download`](super::download) puts files into the cache folder, where it is asked to.

use super::images::{self, Parts};
use super::{Dataset, Part, hex, housing};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use sha2::Digest;
use std::path::{Path, PathBuf};

pub use super::sets::KNOWN;

/// A known data set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Known {
    /// Its name, Keras's.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Number of training and test samples.
    pub rows: [usize; 2],
    /// What a sample is.
    pub samples: Samples,
    /// The files that it consists of, uncompressed.
    pub files: &'static [KnownFile],
    /// The files that are downloaded for it.
    pub downloads: &'static [Remote],
    /// Its licence, and who has to be named.
    pub licence: &'static str,
    /// Where it is described.
    pub homepage: &'static str,
    /// Its folder in the cache; versions of one data set share it.
    pub(super) folder: &'static str,
    /// Folders of this system's packages.
    pub(super) system: &'static [&'static str],
    pub(super) form: Form,
    pub(super) embedded: Option<fn() -> Parts>,
}

/// What a sample of a known data set is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Samples {
    /// An image of bytes, and the number of a class.
    Images {
        /// Shape of one image: height, width, and colours where there are any.
        shape: &'static [usize],
        /// What the class numbers mean.
        class_names: &'static [&'static str],
    },
    /// A row of numbers, and a number to be predicted.
    Table {
        /// What the numbers are.
        columns: &'static [&'static str],
        /// What is to be predicted.
        target: &'static str,
        /// What it is well counted in, so that a network's numbers stay near 1.
        unit: f64,
    },
}

/// A file that a known data set consists of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownFile {
    /// Its name.
    pub name: &'static str,
    /// Its size, bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: &'static str,
}

/// A file that can be downloaded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Remote {
    /// Its name.
    pub name: &'static str,
    /// Its size, bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: &'static str,
    /// Addresses that its name is put behind, in the order in which they are tried.
    pub mirrors: &'static [&'static str],
}

impl Remote {
    /// The addresses of the file.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        self.mirrors.iter().map(|mirror| format!("{mirror}{}", self.name))
    }
}

/// How a data set lies in its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Four IDX files, or an `.npz`.
    Idx,
    /// CIFAR's binary version, or an `.npz`.
    Cifar,
    /// An `.npz` of `x` and `y`, of which so many rows are meant.
    Table { first_rows: Option<usize> },
}

/// A copy that was read.
pub(super) struct Found {
    pub train: Part,
    pub test: Part,
    /// SHA-256 of each of its files.
    pub hashes: Vec<String>,
    /// All rows of a table, not shuffled.
    pub whole: Option<(Tensor, Tensor)>,
}

/// A data set that was found, with what only this module knows about it.
pub(super) struct FoundSet {
    pub dataset: Dataset,
    pub whole: Option<(Tensor, Tensor)>,
}

/// The folders of this machine that may hold data sets.
#[derive(Clone, Debug, Default)]
struct Folders {
    /// `VANILLA_DATA`.
    data: Option<PathBuf>,
    /// Vanilla's folder among the user's caches.
    cache: Option<PathBuf>,
    /// Keras's folder: `KERAS_HOME`, else `~/.keras`.
    keras: Option<PathBuf>,
}

impl Folders {
    fn of_this_machine() -> Self {
        use etcetera::BaseStrategy;
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = etcetera::choose_base_strategy().ok();
        Self {
            data: variable("VANILLA_DATA"),
            cache: base.as_ref().map(|base| base.cache_dir().join("vanilla")),
            keras: variable("KERAS_HOME").or_else(|| base.map(|base| base.home_dir().join(".keras"))),
        }
    }

    /// Places that are looked at before and after the embedded copy.
    fn places(&self, known: &Known) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (name, npz, dashed) = (known.folder, format!("{}.npz", known.folder), known.folder.replace('_', "-"));
        let before = self.data.iter().flat_map(|data| {
            [
                Some(data.join(name)),
                (dashed != name).then(|| data.join(&dashed)),
                Some(data.join(&npz)),
                Some(data.clone()),
            ]
        });
        let keras = self.keras.iter().map(|keras| keras.join("datasets"));
        let keras = keras.flat_map(|datasets| [datasets.join(&npz), datasets.join(&dashed)]);
        let cache = self.cache.iter().map(|cache| cache.join(name));
        let after = cache.chain(keras).chain(known.system.iter().map(PathBuf::from));
        (before.flatten().collect(), after.collect())
    }
}

/// The known data set of this name; `-` is as good as `_`.
///
/// # Errors
/// When there is none; the message names all.
pub fn known(name: &str) -> Result<&'static Known> {
    let canonical = name.replace('-', "_");
    let found = KNOWN.iter().find(|known| known.name == canonical);
    found.ok_or_else(|| Error::unknown("data set", name, KNOWN.iter().map(|known| known.name)))
}

/// A known data set, by name; from `path` (a folder with its files, or an `.npz`) if one is given.
///
/// # Errors
/// When the name is unknown, `path` does not hold a data set of this form, or the data set is nowhere.
pub fn find(name: &str, path: Option<&Path>) -> Result<Dataset> {
    let known = known(name)?;
    match path {
        Some(path) => Ok(known.set(known.read(path)?, path.display().to_string(), Vec::new()).dataset),
        None => Ok(known.find_here()?.dataset),
    }
}

impl Known {
    /// Number of classes, where samples have one.
    pub const fn classes(&self) -> Option<usize> {
        match self.samples {
            Samples::Images { class_names, .. } => Some(class_names.len()),
            Samples::Table { .. } => None,
        }
    }

    /// What the class numbers mean; empty where samples have no class.
    pub const fn class_names(&self) -> &'static [&'static str] {
        match self.samples {
            Samples::Images { class_names, .. } => class_names,
            Samples::Table { .. } => &[],
        }
    }

    /// Shape of one sample.
    pub fn sample_shape(&self) -> Vec<usize> {
        match self.samples {
            Samples::Images { shape, .. } => shape.to_vec(),
            Samples::Table { columns, .. } => vec![columns.len()],
        }
    }

    /// Bytes that are downloaded for it.
    pub fn download_bytes(&self) -> u64 {
        self.downloads.iter().map(|remote| remote.bytes).sum()
    }

    /// The folder that its files are downloaded to.
    ///
    /// # Errors
    /// When the user has no folder for caches.
    pub fn cache_folder(&self) -> Result<PathBuf> {
        let cache = Folders::of_this_machine().cache.map(|cache| cache.join(self.folder));
        cache.ok_or_else(|| Error::data(self.name, "no folder for caches: set XDG_CACHE_HOME or HOME"))
    }

    /// The first good copy on this machine.
    pub(super) fn find_here(&self) -> Result<FoundSet> {
        self.find(&Folders::of_this_machine())
    }

    /// The first good copy, as the head of this file says.
    fn find(&self, folders: &Folders) -> Result<FoundSet> {
        let (before, after) = folders.places(self);
        let mut warnings = Vec::new();
        let mut tried = Vec::new();
        let mut look = |places: Vec<PathBuf>| -> Option<FoundSet> {
            for place in places {
                tried.push(place.display().to_string());
                if !self.is_at(&place) {
                    continue;
                }
                match self.read(&place).and_then(|found| self.verify(&place, &found.hashes).map(|()| found)) {
                    Ok(found) => return Some(self.set(found, place.display().to_string(), warnings.clone())),
                    Err(error) => warnings.push(format!("{error}; passed over")),
                }
            }
            None
        };
        if let Some(found) = look(before) {
            return Ok(found);
        }
        if let Some(embedded) = self.embedded {
            let hashes = self.files.iter().map(|file| file.sha256.to_owned()).collect();
            return Ok(self.set(images::found(self, embedded(), hashes)?, "inside the program".into(), warnings));
        }
        if let Some(found) = look(after) {
            return Ok(found);
        }
        let passed_over = warnings.iter().fold(String::new(), |text, warning| format!("{text}; {warning}"));
        Err(Error::data(
            self.name,
            format!("not found; tried {}{passed_over}; {}", tried.join(", "), self.way_out()),
        ))
    }

    /// How to get it.
    fn way_out(&self) -> String {
        let what = match self.form {
            Form::Idx => "the four IDX files (plain or .gz)".to_owned(),
            Form::Cifar => format!("{} (the binary version; pickles are never opened)", self.downloads[0].name),
            Form::Table { .. } => self.files[0].name.to_owned(),
        };
        let urls: Vec<String> = self.downloads.iter().filter_map(|remote| remote.urls().next()).collect();
        let urls = urls.join(" ");
        let download = if cfg!(feature = "download") {
            let (name, megabytes) = (self.name, self.download_bytes() as f64 / 1e6);
            format!("or download {megabytes:.1} MB with `vanilla datasets download {name}`, from {urls}")
        } else {
            format!("they are at {urls}")
        };
        format!("put {what} into one of these folders, or name one with VANILLA_DATA or --data; {download}")
    }

    /// Whether there is a file, or a folder with at least one of its files.
    pub(super) fn is_at(&self, place: &Path) -> bool {
        place.is_file()
            || match self.form {
                Form::Table { .. } => self.files.iter().any(|file| place.join(file.name).is_file()),
                _ => images::is_in(self, place),
            }
    }

    /// What is at this path, whether it is the known one or not.
    fn read(&self, path: &Path) -> Result<Found> {
        match self.form {
            Form::Table { first_rows } => housing::read(self, path, first_rows),
            _ => images::read(self, path),
        }
    }

    fn verify(&self, place: &Path, hashes: &[String]) -> Result<()> {
        if hashes.len() != self.files.len() {
            let problem = format!("{} parts, expected {}: not {}", hashes.len(), self.files.len(), self.name);
            return Err(Error::file(place, problem));
        }
        for (file, got) in self.files.iter().zip(hashes) {
            if got != file.sha256 {
                let problem =
                    format!("{} has SHA-256 {got}, expected {}: not {}", file.name, file.sha256, self.name);
                return Err(Error::file(place, problem));
            }
        }
        Ok(())
    }

    fn set(&self, found: Found, source: String, warnings: Vec<String>) -> FoundSet {
        let mut hashes = found.hashes;
        if let Form::Table { first_rows: Some(rows) } = self.form {
            hashes.push(format!("first {rows} rows"));
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let feature_names = match self.samples {
            Samples::Images { .. } => Vec::new(),
            Samples::Table { columns, .. } => vec![names(columns)],
        };
        let dataset = Dataset {
            warnings,
            test: Some(found.test),
            known: true,
            feature_names,
            class_names: names(self.class_names()),
            ..Dataset::new(self.name, source, combined(hashes), found.train)
        };
        FoundSet { dataset, whole: found.whole }
    }

    /// Every place where it would be looked for, in order, with what is there.
    pub fn locations(&self) -> Vec<(String, bool)> {
        let (before, after) = Folders::of_this_machine().places(self);
        let outside = |places: Vec<PathBuf>| {
            places.into_iter().map(|place| (place.display().to_string(), self.is_at(&place)))
        };
        let inside = self.embedded.map(|_| ("inside the program".to_owned(), true));
        outside(before).chain(inside).chain(outside(after)).collect()
    }
}

/// One hash of several.
fn combined(hashes: impl IntoIterator<Item = String>) -> String {
    let mut all = sha2::Sha256::new();
    hashes.into_iter().for_each(|hash| all.update(hash));
    hex(&all.finalize())
}

#[cfg(test)]
mod tests;
