//! Known data sets, by name.
//!
//! One is looked for in this order: an explicit folder or file, the folder `VANILLA_DATA`, the copy inside the
//! program, Vanilla's cache folder, Keras's own. What is found outside of the program is compared with the known
//! SHA-256 of every part; a copy that differs is named in a warning and passed over.

use super::{Dataset, Part, hex};
use crate::error::{Error, Result};
use crate::saving::read_file;
use crate::tensor::Tensor;
use sha2::Digest;
use std::path::{Path, PathBuf};
use vanilla_formats::{FormatError, idx, npz};

/// A known data set.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Shape of one image.
    pub image: [usize; 2],
    /// Number of training and test samples.
    pub rows: [usize; 2],
    /// Number of classes.
    pub classes: usize,
    /// IDX files and the SHA-256 of their uncompressed bytes: training images and labels, test images and labels.
    pub files: [(&'static str, &'static str); 4],
    embedded: Option<fn() -> Parts>,
}

/// Training images and labels, test images and labels.
type Parts = [Vec<u8>; 4];

/// All known data sets.
pub const KNOWN: &[Known] = &[Known {
    name: "mnist",
    about: "handwritten digits: 60,000 + 10,000 images of 28 x 28, 10 classes",
    image: [28, 28],
    rows: [60_000, 10_000],
    classes: 10,
    files: [
        ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
    #[cfg(feature = "mnist")]
    embedded: Some(|| {
        let mnist = vanilla_mnist::load();
        [mnist.train_images, mnist.train_labels, mnist.test_images, mnist.test_labels]
    }),
    #[cfg(not(feature = "mnist"))]
    embedded: None,
}];

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
    fn places(&self, name: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let npz = format!("{name}.npz");
        let before = self.data.iter().flat_map(|data| [data.join(name), data.join(&npz), data.clone()]);
        let keras = self.keras.iter().map(|keras| keras.join("datasets"));
        let keras = keras.flat_map(|datasets| [datasets.join(&npz), datasets.join(name.replace('_', "-"))]);
        (before.collect(), self.cache.iter().map(|cache| cache.join(name)).chain(keras).collect())
    }
}

/// A known data set, by name; from `path` (a folder with its IDX files, or an `.npz`) if one is given.
///
/// # Errors
/// When the name is unknown, `path` does not hold a data set of this form, or the data set is nowhere.
pub fn find(name: &str, path: Option<&Path>) -> Result<Dataset> {
    let canonical = name.replace('-', "_");
    let Some(known) = KNOWN.iter().find(|known| known.name == canonical) else {
        return Err(Error::unknown("data set", name, KNOWN.iter().map(|known| known.name)));
    };
    if let Some(path) = path {
        let parts = known.read(path)?;
        let sha256 = known.sha256_of(&parts);
        return known.dataset(parts, path.display().to_string(), Vec::new(), sha256);
    }
    known.find(&Folders::of_this_machine())
}

impl Known {
    /// The first good copy, as the head of this file says.
    fn find(&self, folders: &Folders) -> Result<Dataset> {
        let (before, after) = folders.places(self.name);
        let mut warnings = Vec::new();
        let mut tried = Vec::new();
        let mut look = |places: Vec<PathBuf>| -> Option<Result<Dataset>> {
            for place in places {
                tried.push(place.display().to_string());
                if !self.is_at(&place) {
                    continue;
                }
                match self.read(&place).and_then(|parts| self.verify(&place, &parts).map(|()| parts)) {
                    Ok(parts) => {
                        let known_hash = combined(self.files.iter().map(|(_, hash)| (*hash).to_owned()));
                        return Some(self.dataset(
                            parts,
                            place.display().to_string(),
                            warnings.clone(),
                            known_hash,
                        ));
                    }
                    Err(error) => warnings.push(format!("{error}; passed over")),
                }
            }
            None
        };
        if let Some(found) = look(before) {
            return found;
        }
        if let Some(embedded) = self.embedded {
            let known_hash = combined(self.files.iter().map(|(_, hash)| (*hash).to_owned()));
            return self.dataset(embedded(), "inside the program".into(), warnings, known_hash);
        }
        if let Some(found) = look(after) {
            return found;
        }
        let passed_over = warnings.iter().fold(String::new(), |text, warning| format!("{text}; {warning}"));
        Err(Error::data(
            self.name,
            format!(
                "not found; tried {}{passed_over}; put the four IDX files (plain or .gz) into one of these folders, or name \
             one with VANILLA_DATA or --data",
                tried.join(", ")
            ),
        ))
    }

    /// Whether there is a file, or a folder with at least one of the four.
    fn is_at(&self, place: &Path) -> bool {
        place.is_file() || self.files.iter().any(|(name, _)| file_in(place, name).is_some())
    }

    /// The four parts, from a folder of IDX files or from an `.npz`.
    fn read(&self, path: &Path) -> Result<Parts> {
        let parts = if path.is_dir() {
            let mut parts = Vec::new();
            for (i, (name, _)) in self.files.iter().enumerate() {
                let file = file_in(path, name).ok_or_else(|| {
                    Error::file(path, format!("no {name} (plain or .gz), one of the four files of {}", self.name))
                })?;
                let bytes = read_file(&file)?;
                let read = if i % 2 == 0 { idx::read_images } else { idx::read_labels };
                parts.push((file.clone(), read(&bytes).map_err(|error| Error::file(&file, error))?));
            }
            parts
        } else {
            let bytes = read_file(path)?;
            let arrays = npz::read(&bytes).map_err(|error| Error::file(path, error))?;
            let get = |key| npz::get(&arrays, key).cloned().map_err(|error: FormatError| Error::file(path, error));
            let keys = ["x_train", "y_train", "x_test", "y_test"];
            keys.into_iter().map(|key| Ok((path.to_owned(), get(key)?))).collect::<Result<Vec<_>>>()?
        };
        let mut rows = [0; 2];
        let mut out = Vec::new();
        for (i, (file, array)) in parts.into_iter().enumerate() {
            let shape = array.shape.clone();
            let vanilla_formats::Data::U8(bytes) = array.data else {
                return Err(Error::file(&file, format!("elements of type {}, expected uint8", array.dtype())));
            };
            let (images, part) = (i % 2 == 0, i / 2);
            if images && (shape.len() != 3 || shape[1..] != self.image) {
                let [height, width] = self.image;
                return Err(Error::file(&file, format!("shape {shape:?}, expected (N, {height}, {width})")));
            }
            if bytes.is_empty() {
                return Err(Error::file(&file, "the data set is empty"));
            }
            if images {
                rows[part] = shape[0];
            } else if shape != [rows[part]] {
                let problem = format!(
                    "{} labels for {} images: these files do not belong together",
                    bytes.len(),
                    rows[part]
                );
                return Err(Error::file(&file, problem));
            } else if let Some(row) = bytes.iter().position(|label| usize::from(*label) >= self.classes) {
                let problem = format!("label {} in row {row}, expected 0 to {}", bytes[row], self.classes - 1);
                return Err(Error::file(&file, problem));
            }
            out.push(bytes);
        }
        out.try_into().map_err(|_| Error::file(path, "expected four parts"))
    }

    /// SHA-256 of each part as an IDX file.
    fn hashes(&self, parts: &Parts) -> [String; 4] {
        std::array::from_fn(|i| {
            let count = |n: usize| (n as u32).to_be_bytes();
            let mut hash = sha2::Sha256::new();
            if i % 2 == 0 {
                let [height, width] = self.image;
                hash.update([0, 0, 8, 3]);
                hash.update(count(parts[i].len() / (height * width)));
                hash.update(count(height));
                hash.update(count(width));
            } else {
                hash.update([0, 0, 8, 1]);
                hash.update(count(parts[i].len()));
            }
            hash.update(&parts[i]);
            hex(&hash.finalize())
        })
    }

    fn sha256_of(&self, parts: &Parts) -> String {
        combined(self.hashes(parts))
    }

    fn verify(&self, place: &Path, parts: &Parts) -> Result<()> {
        for ((name, want), got) in self.files.iter().zip(self.hashes(parts)) {
            if got != *want {
                let problem = format!("{name} has SHA-256 {got}, expected {want}: not {}", self.name);
                return Err(Error::file(place, problem));
            }
        }
        Ok(())
    }

    fn dataset(&self, parts: Parts, source: String, warnings: Vec<String>, sha256: String) -> Result<Dataset> {
        let [height, width] = self.image;
        let [x_train, y_train, x_test, y_test] = parts;
        let part = |x: Vec<u8>, y: Vec<u8>| -> Result<Part> {
            let rows = y.len();
            Ok(Part::new(Tensor::new(x, [rows, height, width])?, Some(Tensor::new(y, [rows])?)))
        };
        let dataset = Dataset::new(self.name, source, sha256, part(x_train, y_train)?);
        Ok(Dataset { warnings, test: Some(part(x_test, y_test)?), known: true, ..dataset })
    }

    /// Every place where it would be looked for, in order, with what is there.
    pub fn locations(&self) -> Vec<(String, bool)> {
        let (before, after) = Folders::of_this_machine().places(self.name);
        let outside = |places: Vec<PathBuf>| {
            places.into_iter().map(|place| (place.display().to_string(), self.is_at(&place)))
        };
        let inside = self.embedded.map(|_| ("inside the program".to_owned(), true));
        outside(before).chain(inside).chain(outside(after)).collect()
    }
}

/// An IDX file of this name, plain or compressed; `train-images.idx3-ubyte` is about as common as the original name.
fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    names.into_iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// One hash of several.
fn combined(hashes: impl IntoIterator<Item = String>) -> String {
    let mut all = sha2::Sha256::new();
    hashes.into_iter().for_each(|hash| all.update(hash));
    hex(&all.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vanilla_formats::{Array, Data};

    /// A data set of 3 + 2 images of 1 x 2.
    const PARTS: [(&[usize], &[u8]); 4] =
        [(&[3, 1, 2], &[1, 2, 3, 4, 5, 6]), (&[3], &[0, 1, 0]), (&[2, 1, 2], &[7, 8, 9, 10]), (&[2], &[1, 1])];

    fn parts() -> Parts {
        PARTS.map(|(_, bytes)| bytes.to_vec())
    }

    fn tiny(embedded: Option<fn() -> Parts>) -> Known {
        let mut tiny = Known { name: "tiny_set", image: [1, 2], rows: [3, 2], classes: 2, embedded, ..KNOWN[0] };
        let hashes = tiny.hashes(&parts());
        tiny.files.iter_mut().zip(hashes).for_each(|(file, hash)| file.1 = hash.leak());
        tiny
    }

    fn write(folder: &Path, change: impl Fn(usize, &mut Vec<u8>)) {
        std::fs::create_dir_all(folder).unwrap();
        for (i, ((shape, bytes), (name, _))) in PARTS.into_iter().zip(KNOWN[0].files).enumerate() {
            let array = Array { shape: shape.to_vec(), data: Data::U8(bytes.to_vec()) };
            let mut file = idx::write(&array);
            change(i, &mut file);
            std::fs::write(folder.join(name), file).unwrap();
        }
    }

    #[test]
    fn the_order_of_places_and_copies_that_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let folders = Folders { data: Some(at("data")), cache: Some(at("cache")), keras: Some(at("keras")) };

        // Nowhere: every place is named, and what to do.
        let error = tiny(None).find(&folders).unwrap_err().to_string();
        for place in
            ["data/tiny_set", "data/tiny_set.npz", "cache/tiny_set", "keras/datasets/tiny_set.npz", "VANILLA_DATA"]
        {
            assert!(error.contains(place), "{error}");
        }
        // From last to first, each found place goes before the ones found so far.
        let arrays: Vec<Array> = PARTS
            .iter()
            .map(|(shape, bytes)| Array { shape: shape.to_vec(), data: Data::U8(bytes.to_vec()) })
            .collect();
        let keys = ["x_train", "y_train", "x_test", "y_test"];
        let named: Vec<_> = keys.into_iter().zip(&arrays).collect();
        std::fs::create_dir_all(at("keras/datasets")).unwrap();
        std::fs::write(at("keras/datasets/tiny_set.npz"), npz::write(&named).unwrap()).unwrap();
        assert!(tiny(None).find(&folders).unwrap().source.ends_with("keras/datasets/tiny_set.npz"));
        write(&at("cache/tiny_set"), |_, _| ());
        assert!(tiny(None).find(&folders).unwrap().source.ends_with("cache/tiny_set"));
        let embedded = tiny(Some(parts));
        assert_eq!(embedded.find(&folders).unwrap().source, "inside the program");
        write(&at("data/tiny_set"), |_, _| ());
        let found = embedded.find(&folders).unwrap();
        assert!(found.source.ends_with("data/tiny_set") && found.warnings.is_empty());
        assert_eq!(found.train.x.tensors()[0].shape(), [3, 1, 2]);
        assert_eq!(found.test.unwrap().y.unwrap().to_i64(), [1, 1]);

        // A copy that differs in one byte is named and passed over.
        write(&at("data/tiny_set"), |i, file| *file.last_mut().unwrap() ^= u8::from(i == 2));
        let found = embedded.find(&folders).unwrap();
        assert_eq!(found.source, "inside the program");
        assert_eq!(found.warnings.len(), 1);
        assert!(
            found.warnings[0].contains("data/tiny_set: t10k-images-idx3-ubyte has SHA-256"),
            "{:?}",
            found.warnings
        );
        assert_eq!(found.sha256, embedded.sha256_of(&parts()));
    }

    #[test]
    fn an_explicit_folder_that_is_wrong_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let read = |change: fn(usize, &mut Vec<u8>)| {
            write(root.path(), change);
            tiny(None).read(root.path()).unwrap_err().to_string()
        };
        let truncated = read(|i, file| file.truncate(file.len() - usize::from(i == 0)));
        assert!(truncated.contains("train-images-idx3-ubyte: "), "{truncated}");
        let label = read(|i, file| {
            if i == 1 {
                file[9] = 2
            }
        });
        assert!(label.ends_with("label 2 in row 1, expected 0 to 1"), "{label}");
        let fewer = read(|i, file| {
            if i == 3 {
                file.truncate(9);
                file[7] = 1;
            }
        });
        assert!(fewer.ends_with("1 labels for 2 images: these files do not belong together"), "{fewer}");
        write(root.path(), |_, _| ());
        std::fs::rename(root.path().join(KNOWN[0].files[1].0), root.path().join(KNOWN[0].files[0].0)).unwrap();
        let swapped = tiny(None).read(root.path()).unwrap_err().to_string();
        assert!(swapped.contains("swap"), "{swapped}");
        std::fs::remove_file(root.path().join(KNOWN[0].files[0].0)).unwrap();
        let missing = tiny(None).read(root.path()).unwrap_err().to_string();
        assert!(missing.contains("no train-images-idx3-ubyte (plain or .gz)"), "{missing}");
    }

    #[cfg(feature = "mnist")]
    #[test]
    fn the_embedded_mnist_is_mnist() {
        let mnist = &KNOWN[0];
        mnist.verify(Path::new("embedded"), &mnist.embedded.unwrap()()).unwrap();
    }
}
