//! Places, copies and their forms.

use super::super::sets::{BOSTON_HOUSING, CALIFORNIA_HOUSING_SMALL, CIFAR10, FASHION_MNIST, MNIST};
use super::*;
use vanilla_formats::{Array, Data, idx, npz};

/// A data set of 3 + 2 images of 1 x 2.
const PARTS: [(&[usize], &[u8]); 4] =
    [(&[3, 1, 2], &[1, 2, 3, 4, 5, 6]), (&[3], &[0, 1, 0]), (&[2, 1, 2], &[7, 8, 9, 10]), (&[2], &[1, 1])];

fn parts() -> Parts {
    PARTS.map(|(_, bytes)| bytes.to_vec())
}

/// With these hashes in the place of its own, and these sizes where they are stated.
fn with_hashes(known: Known, hashes: Vec<String>, bytes: Option<u64>) -> Known {
    let files = known.files.iter().zip(hashes).map(|(file, hash)| KnownFile {
        sha256: hash.leak(),
        bytes: bytes.unwrap_or(file.bytes),
        ..*file
    });
    Known { files: files.collect::<Vec<_>>().leak(), ..known }
}

fn tiny(embedded: Option<fn() -> Parts>) -> Known {
    let samples = Samples::Images { shape: &[1, 2], class_names: &["no", "yes"] };
    let tiny = Known { name: "tiny_set", folder: "tiny_set", samples, rows: [3, 2], embedded, ..MNIST };
    with_hashes(tiny, images::hashes(&tiny, &parts()), None)
}

impl Known {
    fn found(&self, folders: &Folders) -> Dataset {
        self.find(folders).unwrap_or_else(|error| panic!("{error}")).dataset
    }

    fn refused(&self, path: &Path) -> String {
        self.read(path).map(|_| ()).unwrap_err().to_string()
    }
}

fn write(folder: &Path, change: impl Fn(usize, &mut Vec<u8>)) {
    std::fs::create_dir_all(folder).unwrap();
    for (i, ((shape, bytes), known_file)) in PARTS.into_iter().zip(MNIST.files).enumerate() {
        let array = Array { shape: shape.to_vec(), data: Data::U8(bytes.to_vec()) };
        let mut file = idx::write(&array);
        change(i, &mut file);
        std::fs::write(folder.join(known_file.name), file).unwrap();
    }
}

#[test]
fn the_order_of_places_and_copies_that_are_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let folders = Folders { data: Some(at("data")), cache: Some(at("cache")), keras: Some(at("keras")) };

    // Nowhere: every place is named, and what to do.
    let error = tiny(None).find(&folders).map(|_| ()).unwrap_err().to_string();
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
    assert!(tiny(None).found(&folders).source.ends_with("keras/datasets/tiny_set.npz"));
    write(&at("cache/tiny_set"), |_, _| ());
    assert!(tiny(None).found(&folders).source.ends_with("cache/tiny_set"));
    let embedded = tiny(Some(parts));
    assert_eq!(embedded.found(&folders).source, "inside the program");
    write(&at("data/tiny_set"), |_, _| ());
    let found = embedded.found(&folders);
    assert!(found.source.ends_with("data/tiny_set") && found.warnings.is_empty());
    assert_eq!(found.train.x.single().unwrap().shape(), [3, 1, 2]);
    assert_eq!(found.class_names, ["no", "yes"]);
    assert_eq!(found.test.unwrap().y.unwrap().to_i64(), [1, 1]);

    // A copy that differs in one byte is named and passed over.
    write(&at("data/tiny_set"), |i, file| *file.last_mut().unwrap() ^= u8::from(i == 2));
    let found = embedded.found(&folders);
    assert_eq!(found.source, "inside the program");
    assert_eq!(found.warnings.len(), 1);
    assert!(
        found.warnings[0].contains("data/tiny_set: t10k-images-idx3-ubyte has SHA-256"),
        "{:?}",
        found.warnings
    );
    assert_eq!(found.sha256, combined(images::hashes(&embedded, &parts())));
}

#[test]
fn an_explicit_folder_that_is_wrong_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let read = |change: fn(usize, &mut Vec<u8>)| {
        write(root.path(), change);
        tiny(None).refused(root.path())
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
    std::fs::rename(root.path().join(MNIST.files[1].name), root.path().join(MNIST.files[0].name)).unwrap();
    let swapped = tiny(None).refused(root.path());
    assert!(swapped.contains("swap"), "{swapped}");
    std::fs::remove_file(root.path().join(MNIST.files[0].name)).unwrap();
    let missing = tiny(None).refused(root.path());
    assert!(missing.contains("no train-images-idx3-ubyte (plain or .gz)"), "{missing}");
}

#[cfg(feature = "mnist")]
#[test]
fn the_embedded_mnist_is_mnist() {
    let hashes = images::hashes(&MNIST, &MNIST.embedded.unwrap()());
    MNIST.verify(Path::new("embedded"), &hashes).unwrap();
}

/// 2 x 2 pixels of 3 colours, two batches of two records and one of tests.
fn tiny_cifar() -> (Known, Vec<Vec<u8>>) {
    let samples = Samples::Images { shape: &[2, 2, 3], class_names: &["no", "yes"] };
    let files = [CIFAR10.files[0], CIFAR10.files[1], CIFAR10.files[5]].to_vec().leak();
    let record = |label: u8, first: u8| -> Vec<u8> { [label].into_iter().chain(first..first + 12).collect() };
    let batches = vec![
        [record(0, 0), record(1, 20)].concat(),
        [record(1, 40), record(1, 60)].concat(),
        [record(0, 80), record(1, 100)].concat(),
    ];
    let known = Known { name: "tiny_cifar", folder: "tiny_cifar", samples, rows: [4, 2], files, ..CIFAR10 };
    let hashes = batches.iter().map(|batch| hex(&sha2::Sha256::digest(batch))).collect();
    (with_hashes(known, hashes, Some(26)), batches)
}

#[test]
fn cifar_from_batches_archives_and_arrays() {
    let (known, batches) = tiny_cifar();
    let root = tempfile::tempdir().unwrap();
    let folders = Folders { cache: Some(root.path().to_owned()), ..Folders::default() };
    let place = root.path().join("tiny_cifar");
    let inner = place.join("cifar-10-batches-bin");
    std::fs::create_dir_all(&inner).unwrap();
    for (file, batch) in known.files.iter().zip(&batches) {
        std::fs::write(inner.join(file.name), batch).unwrap();
    }
    let check = || {
        let found = known.found(&folders);
        let x = found.train.x.single().unwrap();
        assert_eq!((x.shape(), found.train.y.as_ref().unwrap().shape()), (&[4, 2, 2, 3][..], &[4, 1][..]));
        // Of the first image red is 0 to 3, green 4 to 7, blue 8 to 11.
        assert_eq!(x.get(0).unwrap().to_i64(), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert_eq!(x.get(3).unwrap().to_i64()[..3], [60, 64, 68]);
        assert_eq!(found.train.y.as_ref().unwrap().to_i64(), [0, 1, 1, 1]);
        let test = found.test.clone().unwrap();
        assert_eq!((test.x.rows(), test.y.unwrap().to_i64()), (2, vec![0, 1]));
        found
    };
    let sha256 = check().sha256;
    // Broken ones are named.
    std::fs::write(inner.join("test_batch.bin"), [7; 26]).unwrap();
    assert!(known.refused(&place).ends_with("test_batch.bin: label 7 in row 0, expected 0 to 1"));
    std::fs::write(inner.join("test_batch.bin"), [0; 27]).unwrap();
    let error = known.refused(&place);
    assert!(error.ends_with("27 bytes, expected records of 13: a label and 3 colours"), "{error}");
    std::fs::remove_dir_all(&inner).unwrap();
    // The archive as it is downloaded: made by Python's tarfile.
    let archive = include_bytes!("../../../tests/golden/tiny-cifar.tar.gz");
    std::fs::write(place.join("cifar-10-binary.tar.gz"), archive).unwrap();
    assert_eq!(check().sha256, sha256);
    std::fs::write(place.join("cifar-10-binary.tar.gz"), &archive[..100]).unwrap();
    let error = known.refused(&place);
    assert!(error.contains("cifar-10-binary.tar.gz: tar, "), "{error}");
    std::fs::remove_file(place.join("cifar-10-binary.tar.gz")).unwrap();

    // Arrays as Keras gives them.
    let pixels = |batches: &[Vec<u8>]| -> Vec<u8> {
        let images = batches.iter().flat_map(|batch| batch.chunks(13));
        images.flat_map(|record| (0..4).flat_map(move |i| [record[1 + i], record[5 + i], record[9 + i]])).collect()
    };
    let array = |shape: &[usize], bytes: Vec<u8>| Array { shape: shape.to_vec(), data: Data::U8(bytes) };
    let arrays = [
        ("x_train", array(&[4, 2, 2, 3], pixels(&batches[..2]))),
        ("y_train", array(&[4, 1], vec![0, 1, 1, 1])),
        ("x_test", array(&[2, 2, 2, 3], pixels(&batches[2..]))),
        ("y_test", array(&[2], vec![0, 1])),
    ];
    let named: Vec<_> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    let folders = Folders { keras: Some(root.path().to_owned()), ..Folders::default() };
    std::fs::create_dir_all(root.path().join("datasets")).unwrap();
    std::fs::write(root.path().join("datasets/tiny_cifar.npz"), npz::write(&named).unwrap()).unwrap();
    assert_eq!(known.found(&folders).sha256, sha256);
}

#[test]
fn tables_are_split_as_keras_splits_them() {
    let root = tempfile::tempdir().unwrap();
    let rows = 650;
    let x: Vec<f32> = (0..rows * 8).map(|i| i as f32).collect();
    let y: Vec<f32> = (0..rows).map(|i| i as f32).collect();
    let (x, y) =
        (Array { shape: vec![rows, 8], data: Data::F32(x) }, Array { shape: vec![rows], data: Data::F32(y) });
    let bytes = npz::write(&[("x", &x), ("y", &y)]).unwrap();
    let path = root.path().join("california_housing.npz");
    std::fs::write(&path, &bytes).unwrap();
    let hash = vec![hex(&sha2::Sha256::digest(&bytes))];
    let small = with_hashes(CALIFORNIA_HOUSING_SMALL, hash, None);
    let folders = Folders { data: Some(root.path().to_owned()), ..Folders::default() };
    let found = small.find(&folders).unwrap();
    let dataset = found.dataset;
    // RandomState(113) begins the order of 600 rows with these.
    assert_eq!(dataset.train.y.as_ref().unwrap().to_i64()[..4], [568, 505, 59, 71]);
    assert_eq!(dataset.train.x.single().unwrap().get(2).unwrap().to_i64(), (59 * 8..60 * 8).collect::<Vec<i64>>());
    let test = dataset.test.unwrap();
    assert_eq!((dataset.train.x.rows(), test.x.rows()), (480, 120));
    assert_eq!(test.y.unwrap().to_i64()[116..], [253, 586, 162, 165]);
    assert_eq!(found.whole.unwrap().0.shape(), [600, 8]);
    // The same file is another data set where all rows are meant.
    let large = with_hashes(super::super::sets::CALIFORNIA_HOUSING, vec![small.files[0].sha256.into()], None);
    assert_ne!(large.found(&folders).sha256, dataset.sha256);
    // An explicit one may be any table of that form.
    let find = |name: &str| find(name, Some(&path)).map(|found| found.train.x.rows());
    assert_eq!(find("california-housing").unwrap(), 520);
    let error = find("boston_housing").unwrap_err().to_string();
    assert!(error.ends_with("x has the shape [650, 8], expected (N, 13)"), "{error}");
    let y = Array { shape: vec![rows, 1], ..y };
    std::fs::write(&path, npz::write(&[("x", &x), ("y", &y)]).unwrap()).unwrap();
    let error = find("california_housing").unwrap_err().to_string();
    assert!(error.ends_with("y has the shape [650, 1], expected (650,): a target for each row of x"), "{error}");
    // And the wrong bytes are passed over where nobody named them.
    let error = small.find(&folders).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("y has the shape [650, 1], expected (650,): a target for each row of x; passed over"));
}

#[test]
fn every_known_set_says_what_it_is() {
    let at = |name: &str| Some(PathBuf::from(name));
    let folders = Folders { data: at("/none/data"), cache: at("/none/cache"), keras: at("/none/keras") };
    let nowhere = |known: &Known| {
        let known = Known { system: &[], embedded: None, ..*known };
        known.find(&folders).map(|_| ()).unwrap_err().to_string()
    };
    for known in KNOWN {
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        assert!(known.files.iter().all(|file| hex(file.sha256) && file.bytes > 0), "{}", known.name);
        for remote in known.downloads {
            assert!(hex(remote.sha256) && remote.urls().all(|url| url.ends_with(remote.name)), "{}", known.name);
            // One that needs no TLS.
            assert!(remote.urls().any(|url| url.starts_with("http://")), "{}", known.name);
        }
        let error = nowhere(known);
        assert!(error.starts_with(&format!("{}: not found; tried /none/data/", known.name)), "{error}");
        assert!(error.contains("/none/cache/") && error.contains("https://"), "{error}");
        assert_eq!(super::known(&known.name.replace('_', "-")).unwrap().name, known.name);
    }
    let error = nowhere(&FASHION_MNIST);
    assert!(error.contains("/none/data/fashion-mnist, ") && error.contains("/none/keras/datasets/fashion-mnist"));
    assert!(
        nowhere(&CIFAR10).contains("put cifar-10-binary.tar.gz (the binary version; pickles are never opened)")
    );
    assert!(nowhere(&BOSTON_HOUSING).contains("; put boston_housing.npz into one of these folders, or name one"));
    if cfg!(feature = "download") {
        assert!(
            nowhere(&CIFAR10).contains("; or download 170.1 MB with `vanilla datasets download cifar10`, from")
        );
    }
    let error = known("fashon-mnist").unwrap_err().to_string();
    assert!(error.starts_with("unknown data set 'fashon-mnist'; did you mean 'fashion_mnist'?; known are:"));
}

/// Where Debian's package is installed.
#[test]
fn fashion_mnist_of_debian_is_fashion_mnist() {
    if !Path::new(FASHION_MNIST.system[0]).is_dir() {
        eprintln!("SKIPPED: the package dataset-fashion-mnist is not installed");
        return;
    }
    let found = FASHION_MNIST.find(&Folders::default()).unwrap().dataset;
    assert_eq!((found.train.x.rows(), found.warnings.len()), (60_000, 0));
    assert_eq!(found.train.y.unwrap().to_i64()[..3], [9, 0, 0]);
}
