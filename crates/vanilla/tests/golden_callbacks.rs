//! Callbacks against recordings of Keras 3.15.1 (`interop/record_callbacks.py`): the same network, data and order; the
//! same epochs, lines, files and, to 2e-3, numbers.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use vanilla::callbacks::{self, LearningRateScheduler};
use vanilla::prelude::*;
use vanilla::{Logs, Terminal};

const TOLERANCE: f64 = 2e-3;

fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/callbacks.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn tensor(value: &Value, columns: usize) -> Tensor {
    let values = numbers(value);
    let rows = values.len() / columns;
    Tensor::new(values, [rows, columns]).unwrap()
}

fn model(case: &Value, shared: &Value) -> Model {
    let mut model =
        Sequential::new(layers![Dense::new(4).activation("tanh").input_dim(3), Dense::new(1)]).unwrap();
    let mut optimizer = case["optimizer"].clone();
    optimizer["class"] = "SGD".into();
    let compile = serde_json::json!({ "loss": "mse", "metrics": ["mae"], "optimizer": optimizer });
    model.compile_from_json(&compile).unwrap();
    let shapes = [vec![3, 4], vec![4], vec![4, 1], vec![1]];
    let weights = shapes.into_iter().zip(shared["network"].as_array().unwrap());
    let weights = weights.map(|(shape, values)| Tensor::new(numbers(values), shape).unwrap());
    model.set_weights(&weights.collect::<Vec<_>>()).unwrap();
    model
}

/// The options with a recorded callback, whose files are in this folder.
fn with(options: Fit, callback: &Value, folder: &Path) -> Fit {
    let verbose = callback["verbose"] == 1;
    match callback["schedule"].as_str() {
        Some("halve_after_two") => options.callback(
            LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate * 0.5 }).verbose(verbose),
        ),
        Some("by_epoch") => {
            options.callback(LearningRateScheduler::new(|epoch, _| 0.1 / (epoch as f64 + 1.0)).verbose(verbose))
        }
        Some(other) => panic!("{other}"),
        None => {
            let text = callback.to_string().replace("DIR", folder.to_str().unwrap());
            let value = serde_json::from_str(&text).unwrap();
            options.callback(callbacks::from_value(&value, &Registry::new()).unwrap())
        }
    }
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// What is neither an epoch's header nor its line of values.
    fn lines(&self, folder: &Path) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let of_callbacks = text.lines().filter(|line| {
            let header =
                line.split(' ').nth(1).is_some_and(|word| line.starts_with("Epoch ") && word.contains('/'));
            !header && !line.contains("/step")
        });
        of_callbacks.map(|line| line.replace(folder.to_str().unwrap(), "DIR")).collect()
    }
}

fn close(found: f64, want: f64) -> bool {
    (found - want).abs() <= TOLERANCE * want.abs().max(1e-3)
}

/// Equal, but for numbers, which are close.
fn assert_like(found: &str, want: &str, between: &[char], place: &str) {
    let (found_words, want_words) = (found.split(between), want.split(between));
    let equal = |(a, b): (&str, &str)| match (a.parse(), b.parse()) {
        (Ok(a), Ok(b)) => close(a, b),
        _ => a == b,
    };
    let same = found_words.clone().count() == want_words.clone().count();
    assert!(same && found_words.zip(want_words).all(equal), "{place}:\n{found}\n{want}");
}

fn files(folder: &Path, inside: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder.join(inside)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { files(folder, &format!("{name}/"), found) } else { found.push(name) }
    }
    found.sort();
}

#[test]
fn every_recorded_case() {
    let recorded = recorded();
    let (shared, cases) = recorded.split_first().unwrap();
    assert!(cases.len() > 15);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut model = model(case, shared);
        let mut options =
            Fit::new().epochs(case["epochs"].as_u64().unwrap() as usize).batch_size(4).shuffle(false);
        if case["validation"] == true {
            options =
                options.validation_data(tensor(&shared["validation"][0], 3), tensor(&shared["validation"][1], 1));
        }
        for callback in case["callbacks"].as_array().unwrap() {
            options = with(options, callback, folder.path());
        }
        let y = tensor(case.get("y").unwrap_or(&shared["y"]), 1);
        let paper = Paper::default();
        let x = tensor(&shared["x"], 3);
        let out = Box::new(paper.clone());
        let history = model.fit_with_output(&x, &y, options, out, Terminal::PLAIN).unwrap();

        let epochs: Vec<usize> = numbers(&case["epoch"]).iter().map(|epoch| *epoch as usize).collect();
        assert_eq!(history.epoch, epochs, "{name}");
        let lines = paper.lines(folder.path());
        let want: Vec<&str> =
            case["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(lines.len(), want.len(), "{name}: {lines:?}");
        lines.iter().zip(want).for_each(|(found, want)| assert_like(found, want, &[' ', ','], name));

        let mut found = Vec::new();
        files(folder.path(), "", &mut found);
        let want = case["files"].as_object().unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{name}");
        for (file, text) in want.iter().filter_map(|(file, text)| Some((file, text.as_str()?))) {
            let found = std::fs::read_to_string(folder.path().join(file)).unwrap();
            assert_like(&found, text, &[',', ';', '\n', '\r'], name);
        }
        if name == "terminate" {
            // Keras has moved the weights by then.
            assert!(history["loss"][0].is_nan() && history["val_loss"][0].is_finite());
            continue;
        }
        let keys = case["history"].as_object().unwrap();
        assert_eq!(history.history.len(), keys.len(), "{name}");
        for (key, values) in keys {
            for (found, want) in history[key.as_str()].iter().zip(numbers(values)) {
                assert!(close(*found, f64::from(want)), "{name} {key}: {found} {want}");
            }
        }
        for (found, want) in model.get_weights().iter().zip(case["final"].as_array().unwrap()) {
            for (found, want) in found.to_f32().iter().zip(numbers(want)) {
                assert!((found - want).abs() < TOLERANCE as f32, "{name}: {found} {want}");
            }
        }
    }
}

/// A saved model is the trained one; weights go into a model of the same layers, with the optimizer.
#[test]
fn saved_files_load() {
    let recorded = recorded();
    let (case, shared) = (&recorded[1], &recorded[0]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut trained = model(case, shared);
    let options = Fit::new()
        .epochs(2)
        .batch_size(4)
        .verbose(0)
        .callback(ModelCheckpoint::new(path("whole.keras")))
        .callback(ModelCheckpoint::new(path("last.weights.h5")).save_weights_only(true));
    trained.fit(tensor(&shared["x"], 3), tensor(&shared["y"], 1), options).unwrap();
    assert_eq!(Model::load(path("whole.keras")).unwrap().weights_sha256(), trained.weights_sha256());
    let mut loaded = model(case, shared);
    loaded.load_weights(path("last.weights.h5")).unwrap();
    assert_eq!((loaded.weights_sha256(), loaded.iterations()), (trained.weights_sha256(), 6));
    // What does not fit leaves the model alone.
    let mut other = Sequential::new(layers![Dense::new(4).input_dim(3), Dense::new(2)]).unwrap();
    let before = other.weights_sha256();
    let error = other.load_weights(path("last.weights.h5")).unwrap_err().to_string();
    assert!(error.contains("last.weights.h5: model.weights.h5: layers/dense_1/vars/0: shape [4, 1]"), "{error}");
    assert_eq!(other.weights_sha256(), before);
    // Weights alone go into a model that is not compiled yet.
    let layers = layers![Dense::new(4).activation("tanh").input_dim(3), Dense::new(1)];
    let mut bare = Sequential::new(layers).unwrap();
    bare.load_weights(path("last.weights.h5")).unwrap();
    assert_eq!(bare.weights_sha256(), trained.weights_sha256());
    trained.compile("mse", "adam", ["mae"]).unwrap();
    trained.train_on_batch(tensor(&shared["x"], 3), tensor(&shared["y"], 1)).unwrap();
    trained.save_weights(path("adam.weights.h5")).unwrap();
    let error = loaded.load_weights(path("adam.weights.h5")).unwrap_err().to_string();
    assert!(error.ends_with("; where the file is of another optimizer, load it before compile"), "{error}");
    let error = other.save_weights(path("w.h5")).unwrap_err().to_string();
    assert!(error.ends_with("expected a name that ends in .weights.h5, .weights.npz or .safetensors"), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (value, want) in [
        (r#"{"class": "EarlyStoping"}"#, "unknown callback 'EarlyStoping'; did you mean 'EarlyStopping'"),
        (r#"{"class": "BackupAndRestore", "backup_dir": "b"}"#, "BackupAndRestore: it is not needed: checkpoints"),
        (r#"{"class": "LearningRateScheduler"}"#, "schedule is a function, which a file cannot hold"),
        (r#"{"class": "LambdaCallback"}"#, "it is made of functions"),
        (r#"{"class": "ReduceLROnPlateau", "factor": 1}"#, "factor = 1, expected a number at least 0 and below 1"),
        (r#"{"class": "ModelCheckpoint"}"#, "filepath is missing"),
        (r#"{"class": "ModelCheckpoint", "filepath": "m.h5"}"#, "expected a name that ends in .keras"),
        (r#"{"class": "ModelCheckpoint", "filepath": "{epoch.keras"}"#, "a { without its }"),
        (r#"{"class": "ModelCheckpoint", "filepath": "a.keras", "save_freq": "step"}"#, "save_freq = \"step\""),
        (
            r#"{"class": "ModelCheckpoint", "filepath": "a.keras", "min_delta": 1}"#,
            "min_delta = 1 is not supported",
        ),
        (
            r#"{"class": "CSVLogger", "filename": "a", "separator": ""}"#,
            "separator = \"\", expected one character",
        ),
        (r#"{"class": "TensorBoard", "update_freq": 0}"#, "update_freq = 0, expected \"epoch\", \"batch\""),
        (r#"{"class": "TensorBoard", "write_images": true}"#, "write_images = true is not supported"),
        (r#"{"class": "TensorBoard", "embeddings_freq": 1}"#, "embeddings_freq = 1 is not supported"),
    ] {
        let error = callbacks::from_value(&serde_json::from_str(value).unwrap(), &Registry::new());
        let error = error.err().unwrap_or_else(|| panic!("{value}")).to_string();
        assert!(error.contains(want), "{error}");
    }
}

/// A callback that is used twice begins anew.
#[test]
fn a_second_training_begins_anew() {
    let recorded = recorded();
    let (case, shared) = (&recorded[1], &recorded[0]);
    let (x, y) = (tensor(&shared["x"], 3), tensor(&shared["y"], 1));
    let stopping = Arc::new(Mutex::new(EarlyStopping::new().monitor("loss").mode("max").patience(1)));
    let train = || {
        let options =
            Fit::new().epochs(9).batch_size(4).shuffle(false).verbose(0).shared_callback(stopping.clone());
        model(case, shared).fit(&x, &y, options).unwrap()
    };
    let (first, second) = (train(), train());
    assert_eq!((&first.history, first.epoch.len()), (&second.history, 2));
    assert_eq!(stopping.lock().unwrap().stopped_epoch(), 1);
    let mut logs = Logs::default();
    logs.set("a", 1.0);
    logs.set("a", 2.0);
    assert_eq!(logs.0, [("a".to_owned(), 2.0)]);
}

/// The gradient at the end of the epoch is that of finite differences.
#[test]
fn gradients_of_the_last_batch() {
    let recorded = recorded();
    let (case, shared) = (&recorded[1], &recorded[0]);
    let (x, y) = (tensor(&shared["x"], 3), tensor(&shared["y"], 1));
    struct Looks(Arc<Mutex<Vec<Tensor>>>);
    impl callbacks::Callback for Looks {
        fn class_name(&self) -> &str {
            "Looks"
        }
        fn wants_gradients(&self, _epoch: usize) -> bool {
            true
        }
        fn on_epoch_end(
            &mut self,
            _epoch: usize,
            _logs: &mut Logs,
            training: &mut callbacks::Training<'_>,
        ) -> Result<()> {
            *self.0.lock().unwrap() = training.gradients().to_vec();
            Ok(())
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut model = model(case, shared);
    let options = Fit::new().batch_size(12).verbose(0).callback(Looks(seen.clone()));
    model.fit(&x, &y, options).unwrap();
    let weights = model.get_weights();
    let gradients = seen.lock().unwrap().clone();
    assert_eq!(gradients.len(), 4);
    for (number, gradient) in gradients.iter().enumerate() {
        for (i, gradient) in gradient.to_f32().iter().enumerate() {
            let mut loss = |by: f32| {
                let mut moved = weights.clone();
                let mut values = moved[number].to_f32();
                values[i] += by;
                moved[number] = Tensor::new(values, moved[number].shape().to_vec()).unwrap();
                model.set_weights(&moved).unwrap();
                model.evaluate(&x, &y).unwrap()["loss"]
            };
            let want = (loss(1e-2) - loss(-1e-2)) / 2e-2;
            assert!(
                (f64::from(*gradient) - want).abs() < 2e-3 * want.abs().max(1.0),
                "{number} {i}: {gradient} {want}"
            );
        }
    }
}
