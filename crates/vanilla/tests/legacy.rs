//! Every kind of model file: those that Keras 2 and 3 wrote, round trips between the formats, weights of other
//! programs, and files that are not what they should be.

use serde_json::Value;
use std::path::Path;
use vanilla::formats::hdf5::{self, Attr, Group, Node};
use vanilla::formats::safetensors::{self, Values};
use vanilla::formats::{Array, Data, keras_zip, npz};
use vanilla::prelude::*;

#[path = "common/groups.rs"]
mod groups;
#[path = "common/nested.rs"]
mod nested;

use groups::{attr, inner};
use nested::tensors;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/legacy");

/// The largest difference between two lists of tensors.
fn apart(a: &[Tensor], b: &[Tensor]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.shape(), b.shape());
        a.to_f32().into_iter().zip(b.to_f32())
    });
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn recorded(flavour: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("{GOLDEN}/{flavour}.json")).unwrap()).unwrap()
}

#[test]
fn models_of_keras_go_on_where_they_were() {
    for flavour in ["old", "2.15", "3.15"] {
        for (name, case) in recorded(flavour).as_object().unwrap() {
            let ending = if name == "lookups" { "keras" } else { "h5" };
            let mut model = Model::load(format!("{GOLDEN}/{flavour}-{name}.{ending}")).unwrap();
            let (x, y) = (tensors(&case["x"]), tensors(&case["y"]));
            let before = apart(&model.predict_all(&x).unwrap(), &tensors(&case["predictions"]));
            assert!(before < 1e-6, "{flavour} {name}: predictions {before}");
            let rows = case["batch_size"].as_u64().unwrap() as usize;
            let fit = Fit::new().batch_size(rows).shuffle(false).verbose(0);
            let loss = model.fit(&x, &y, fit).unwrap()["loss"][0];
            let after = apart(&model.predict_all(&x).unwrap(), &tensors(&case["continued"]));
            let change = apart(&tensors(&case["continued"]), &tensors(&case["predictions"]));
            if name == "nadam" {
                // A rule that Keras itself has changed since.
                assert!(model.remarks()[0].starts_with("Nadam: its momentum follows 0.96^step"));
                continue;
            }
            assert_eq!(model.remarks(), [""; 0], "{flavour} {name}");
            let wrong = (loss - case["loss"].as_f64().unwrap()).abs();
            assert!(wrong < 2e-6, "{flavour} {name}: loss {wrong}");
            assert!(after < 2e-6 && after < change / 100.0, "{flavour} {name}: after {after}, of {change}");
        }
    }
}

#[test]
fn weights_of_a_whole_model_go_into_a_described_one() {
    for file in ["old-decay.h5", "2.15-sgd.h5", "3.15-schedule.h5"] {
        let path = format!("{GOLDEN}/{file}");
        let whole = Model::load(&path).unwrap();
        let mut described = whole.clone_model().unwrap();
        described.load_weights(&path).unwrap();
        assert_eq!(described.weights_sha256(), whole.weights_sha256(), "{file}");
    }
}

#[test]
fn lists_of_names_in_parts_are_one_list() {
    let mut tree = hdf5::read(&std::fs::read(format!("{GOLDEN}/old-decay.h5")).unwrap()).unwrap();
    let whole = Model::load(format!("{GOLDEN}/old-decay.h5")).unwrap();
    for (path, name) in [("model_weights", "layer_names"), ("optimizer_weights", "weight_names")] {
        let group = inner(&mut tree, path);
        let at = group.attrs.iter().position(|(known, _)| known == name).unwrap();
        let Attr::StrList(names) = group.attrs.remove(at).1 else { panic!() };
        for (number, part) in names.chunks(2).enumerate() {
            group.attrs.push((format!("{name}{number}"), Attr::StrList(part.to_vec())));
        }
    }
    let parts = Model::from_bytes(&hdf5::write(&tree).unwrap(), &Registry::new()).unwrap();
    assert_eq!((parts.weights_sha256(), parts.iterations()), (whole.weights_sha256(), whole.iterations()));
    assert_eq!(parts.to_h5().unwrap(), whole.to_h5().unwrap());
}

#[test]
fn a_vocabulary_beside_the_description_is_kept_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let case = &recorded("3.15")["lookups"];
    let x = tensors(&case["x"]);
    let model = Model::load(format!("{GOLDEN}/3.15-lookups.keras")).unwrap();
    for ending in ["keras", "h5", "safetensors"] {
        let path = folder.path().join(format!("model.{ending}"));
        model.save(&path).unwrap();
        let again = Model::load(&path).unwrap();
        assert_eq!(again.predict_all(&x).unwrap(), model.predict_all(&x).unwrap(), "{ending}");
    }
}

fn data() -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..24 * 6).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let y: Vec<i64> = (0..24).map(|i| i * 7 % 3).collect();
    (Tensor::new(x, [24, 6]).unwrap(), Tensor::new(y, [24]).unwrap())
}

fn fit() -> Fit {
    Fit::new().epochs(2).batch_size(8).shuffle(false).verbose(0)
}

/// A functional model with another inside, a frozen layer, and every kind of variable.
fn model(optimizer: Value) -> Model {
    let x = Input::new([6]).tensor();
    let inner = Sequential::new(layers![
        InputLayer::new([6]),
        SpectralNormalization::new(Dense::new(5)),
        BatchNormalization::new(),
        PReLU::new(),
        Dense::new(4).activation("tanh").kernel_regularizer(L2::new(0.01)),
    ])
    .unwrap()
    .with_name("inner");
    let hidden = inner.call(&x);
    let wide = LayerNormalization::new().call(&Dense::new(4).name("frozen").call(&x));
    let y = Dense::new(3).activation("softmax").call(&Concatenate::new().call([&hidden, &wide]));
    let mut model = Model::new(&x, &y).unwrap().with_name("whole").with_seed(3).unwrap();
    model.set_trainable("frozen", false).unwrap();
    let compile = serde_json::json!({
        "loss": { "class_name": "SparseCategoricalCrossentropy", "config": { "from_logits": false } },
        "optimizer": optimizer,
        "metrics": ["acc", { "class_name": "SparseTopKCategoricalAccuracy", "config": { "k": 2, "name": "top" } }],
    });
    model.compile_from_json(&compile).unwrap();
    model
}

fn every_optimizer() -> Vec<Value> {
    let mut all: Vec<Value> = vanilla::optimizers::names().into_iter().map(Value::from).collect();
    let node = |class: &str, keys: Value| serde_json::json!({ "class_name": class, "config": keys });
    all.push(node("Adam", serde_json::json!({ "amsgrad": true, "use_ema": true, "clipnorm": 1.0 })));
    all.push(node("RMSprop", serde_json::json!({ "momentum": 0.5, "centered": true, "weight_decay": 0.01 })));
    all.push(node("SGD", serde_json::json!({ "momentum": 0.9, "gradient_accumulation_steps": 2 })));
    let schedule = node(
        "ExponentialDecay",
        serde_json::json!({ "initial_learning_rate": 0.01, "decay_steps": 3, "decay_rate": 0.5 }),
    );
    all.push(node("Nadam", serde_json::json!({ "learning_rate": schedule })));
    all
}

#[test]
fn every_optimizer_goes_through_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = data();
    for optimizer in every_optimizer() {
        let mut model = model(optimizer.clone());
        model.fit(&x, &y, fit()).unwrap();
        model.set_class_names(["a", "b", "c"]).unwrap();
        model.set_note("of", "everything").unwrap();
        let mut loaded: Vec<(String, Model)> = Vec::new();
        // From one format into the next, and at the end into the first again.
        let mut last: Option<Model> = None;
        for ending in ["keras", "h5", "safetensors", "keras"] {
            let path = folder.path().join(format!("model.{ending}"));
            last.as_ref().unwrap_or(&model).save(&path).unwrap();
            let now = Model::load(&path).unwrap();
            assert_eq!(now.remarks(), [""; 0]);
            loaded.push((ending.to_owned(), Model::load(&path).unwrap()));
            last = Some(now);
        }
        for ending in ["weights.h5", "weights.npz", "safetensors"] {
            let path = folder.path().join(format!("weights.{ending}"));
            model.save_weights(&path).unwrap();
            let mut now = self::model(optimizer.clone());
            now.load_weights(&path).unwrap();
            now.set_info(model.info().clone()).unwrap();
            loaded.push((ending.to_owned(), now));
        }
        let (p, h) = (model.predict(&x).unwrap(), model.fit(&x, &y, fit()).unwrap().history);
        for (ending, mut other) in loaded {
            assert_eq!(other.info(), model.info());
            assert_eq!(other.predict(&x).unwrap(), p, "{optimizer} {ending}");
            assert_eq!(other.fit(&x, &y, fit()).unwrap().history, h, "{optimizer} {ending}");
            assert_eq!(other.weights_sha256(), model.weights_sha256(), "{optimizer} {ending}");
        }
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let mut model = model("adam".into());
    let (x, y) = data();
    model.fit(&x, &y, fit()).unwrap();
    assert_eq!(
        model.to_h5().unwrap(),
        Model::from_bytes(&model.to_h5().unwrap(), &Registry::new()).unwrap().to_h5().unwrap()
    );
    assert_eq!(model.to_safetensors().unwrap(), model.to_safetensors().unwrap());
}

fn two() -> Model {
    let mut model = Sequential::new(layers![Dense::new(2).input_dim(3), Dense::new(1)]).unwrap().with_name("net");
    model.compile("mse", "adam", ["mae"]).unwrap();
    model
}

fn floats(shape: &[usize], from: f32) -> Array {
    let count: usize = shape.iter().product();
    Array { shape: shape.to_vec(), data: Data::F32((0..count).map(|i| from + i as f32).collect()) }
}

type Arrays = Vec<(String, Array)>;

/// The arrays of `two`, under these names.
fn arrays(names: [&str; 4]) -> Arrays {
    let shapes = [vec![3, 2], vec![2], vec![2, 1], vec![1]];
    let named = names.into_iter().zip(shapes).enumerate();
    named.map(|(i, (name, shape))| (name.to_owned(), floats(&shape, 10.0 * i as f32))).collect()
}

fn as_npz(arrays: &[(String, Array)]) -> Vec<u8> {
    npz::write(&arrays.iter().map(|(name, array)| (name.as_str(), array)).collect::<Vec<_>>()).unwrap()
}

fn as_safetensors(arrays: &[(String, Array)]) -> Vec<u8> {
    let tensor = |(name, array): &(String, Array)| {
        let Data::F32(values) = array.data.clone() else { panic!("{name}") };
        safetensors::Tensor { name: name.clone(), shape: array.shape.clone(), values: Values::F32(values) }
    };
    safetensors::write(&[("format", "pt")], &arrays.iter().map(tensor).collect::<Vec<_>>()).unwrap()
}

/// Loads bytes as a file of this name; the error is without the folder, and the model as it was.
fn weights_error(name: &str, bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut model = two();
    let before = (model.weights_sha256(), model.iterations());
    let error = model.load_weights(&path).err().map(|error| {
        assert_eq!((model.weights_sha256(), model.iterations()), before, "{name}: the model has changed");
        error.to_string().replace(&folder.path().join("").display().to_string(), "")
    });
    assert!(error.as_ref().is_none_or(|error| !error.contains('\n')));
    error
}

#[test]
fn arrays_are_found_by_name_or_by_number() {
    let wanted: Vec<Vec<f32>> = arrays([""; 4])
        .iter()
        .map(|(_, array)| {
            let Data::F32(values) = &array.data else { panic!() };
            values.clone()
        })
        .collect();
    for names in [
        ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"],
        ["net/dense/kernel:0", "net/dense/bias:0", "net/dense_1/kernel:0", "net/dense_1/bias:0"],
        ["arr_0", "arr_1", "arr_2", "arr_3"],
        ["8", "9", "10", "11"],
    ] {
        // In another order than the model's.
        let mut arrays = arrays(names);
        arrays.rotate_left(1);
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.npz", "a.safetensors"] {
            // A colon has no place in the names of an archive.
            let bytes = match file {
                "a.npz" if names[0].contains(':') => continue,
                "a.npz" => as_npz(&arrays),
                _ => as_safetensors(&arrays),
            };
            let path = folder.path().join(file);
            std::fs::write(&path, bytes).unwrap();
            let mut model = two();
            model.load_weights(&path).unwrap();
            let got: Vec<Vec<f32>> = model.get_weights().iter().map(Tensor::to_f32).collect();
            assert_eq!(got, wanted, "{names:?} {file}");
        }
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let good = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"];
    let with = |change: &dyn Fn(&mut Arrays)| {
        let mut arrays = arrays(good);
        change(&mut arrays);
        weights_error("w.safetensors", &as_safetensors(&arrays)).unwrap()
    };
    let torch = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"];
    let texts = [
        weights_error("w.npz", &as_npz(&arrays(torch))).unwrap(),
        with(&|arrays| drop(arrays.pop())),
        with(&|arrays| arrays.push(("more".into(), floats(&[1], 0.0)))),
        with(&|arrays| arrays[1].0 = "net/dense/kernel".into()),
        weights_error("w.npz", &as_npz(&arrays(["0", "1", "2", "3"])[..3])).unwrap(),
        with(&|arrays| arrays[0].1 = floats(&[2, 3], 0.0)),
        with(&|arrays| arrays[0].1 = floats(&[3, 2], f32::NAN)),
        with(&|arrays| arrays.push(("optimizer/iterations".into(), floats(&[], 0.0)))),
        weights_error("w.npz", &as_npz(&arrays(["0", "1", "2", "02"]))).unwrap(),
        weights_error("w.npz", &as_npz(&arrays(["a0", "a1", "b2", "b3"]))).unwrap(),
        weights_error("w.txt", b"").unwrap(),
        weights_error("w.npz", b"\x80\x04.").unwrap(),
        weights_error("w.weights.h5", b"<html>").unwrap(),
    ];
    insta::assert_snapshot!("arrays_that_do_not_fit", texts.join("\n"));
}

/// The tree of a `.h5` file of `two`, changed.
fn h5(change: impl FnOnce(&mut Group)) -> Vec<u8> {
    let mut tree = hdf5::read(&two().to_h5().unwrap()).unwrap();
    change(&mut tree);
    hdf5::write(&tree).unwrap()
}

fn load_error(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = Model::load(&path).err().unwrap_or_else(|| panic!("{name} was loaded"));
    assert!(error.is_bad_input());
    let text = error.to_string().replace(&folder.path().join("").display().to_string(), "");
    assert!(!text.contains('\n'), "{text}");
    text
}

/// A change of the description.
fn described(change: impl Fn(&mut Value)) -> String {
    load_error(
        "m.h5",
        &h5(|tree| {
            let Attr::Str(text) = attr(tree, "model_config") else { panic!() };
            let mut config = serde_json::from_str(text).unwrap();
            change(&mut config);
            *text = config.to_string();
        }),
    )
}

#[test]
fn hostile_h5_models_are_refused() {
    let text = |text: &str| Attr::Str(text.to_owned());
    let drop_attr = |name: &'static str| move |tree: &mut Group| tree.attrs.retain(|(known, _)| known != name);
    let first = "model_weights/dense/net/dense";
    let texts = [
        // Another kind of file, a broken one.
        load_error("m.h5", b""),
        load_error("m.h5", b"<html><body>404"),
        load_error("m.h5", b"\x80\x04\x95 pickle"),
        load_error("m.h5", &h5(|_| ())[..1000]),
        // Weights alone.
        load_error("m.h5", &h5(drop_attr("model_config"))),
        load_error(
            "m.h5",
            &hdf5::write(&inner(&mut hdf5::read(&h5(|_| ())).unwrap(), "model_weights").clone()).unwrap(),
        ),
        // Descriptions.
        load_error("m.h5", &h5(|tree| *attr(tree, "model_config") = text("{"))),
        load_error("m.h5", &h5(|tree| *attr(tree, "model_config") = text(&"[".repeat(2000)))),
        load_error("m.h5", &h5(|tree| *attr(tree, "model_config") = Attr::StrList(vec!["{}".into()]))),
        described(|config| config["config"]["layers"][1]["class_name"] = "Lambda".into()),
        described(|config| config["config"]["layers"][1]["config"]["units"] = (-1).into()),
        described(|config| config["config"]["layers"][1]["config"]["units"] = 1_000_000_000.into()),
        described(|config| config["config"]["layers"][1]["config"]["dtype"] = "bfloat16".into()),
        described(|config| config["config"]["layers"][2]["config"]["name"] = "dense".into()),
        described(|config| {
            config["config"]["layers"].as_array_mut().unwrap().remove(0);
            config["config"]["build_input_shape"] = Value::Null;
        }),
        load_error("m.h5", &h5(|tree| *attr(tree, "training_config") = text("[1, 2]"))),
        load_error("m.h5", &h5(|tree| *attr(tree, "training_config") = text("{"))),
        // Weights.
        load_error("m.h5", &h5(|tree| tree.children.retain(|(name, _)| name != "model_weights"))),
        load_error("m.h5", &h5(|tree| drop_attr("layer_names")(inner(tree, "model_weights")))),
        load_error("m.h5", &h5(|tree| drop_attr("weight_names")(inner(tree, "model_weights/dense")))),
        load_error(
            "m.h5",
            &h5(|tree| *attr(inner(tree, "model_weights"), "layer_names") = Attr::StrList(vec!["dense".into()])),
        ),
        load_error(
            "m.h5",
            &h5(|tree| {
                *attr(inner(tree, "model_weights"), "layer_names") =
                    Attr::StrList(vec!["dense".into(), "../x".into()])
            }),
        ),
        load_error(
            "m.h5",
            &h5(|tree| {
                *attr(inner(tree, "model_weights/dense"), "weight_names") =
                    Attr::StrList(vec!["net/dense/kernel".into()])
            }),
        ),
        load_error(
            "m.h5",
            &h5(|tree| {
                *attr(inner(tree, "model_weights/dense"), "weight_names") =
                    Attr::StrList(vec!["net/dense/kernel".into(); 2])
            }),
        ),
        load_error("m.h5", &h5(|tree| inner(tree, first).children[0].1 = Node::Dataset(floats(&[2, 3], 0.0)))),
        load_error(
            "m.h5",
            &h5(|tree| inner(tree, first).children[0].1 = Node::Dataset(floats(&[3, 2], f32::INFINITY))),
        ),
        load_error(
            "m.h5",
            &h5(|tree| {
                inner(tree, first).children[0].1 =
                    Node::Dataset(Array { shape: vec![3, 2], data: Data::I64(vec![0; 6]) })
            }),
        ),
        // What travels along.
        load_error(
            "m.h5",
            &h5(|tree| tree.attrs.push(("vanilla_info".into(), text("{\"class_names\": [\"a\"]}")))),
        ),
    ];
    insta::assert_snapshot!("hostile_h5_models", texts.join("\n"));
}

#[test]
fn a_name_that_says_something_else_is_remarked() {
    let folder = tempfile::tempdir().unwrap();
    let model = two();
    for (bytes, name, remark) in [
        (
            model.to_h5().unwrap(),
            "m.keras",
            "the name ends in .keras, and the file is an HDF5 file, as .h5 files are",
        ),
        (
            model.to_keras().unwrap(),
            "m.h5",
            "the name ends in .h5, and the file is a zip archive, as .keras files are",
        ),
        (
            model.to_safetensors().unwrap(),
            "m.keras",
            "the name ends in .keras, and the file is a safetensors file",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!(loaded.remarks(), [remark]);
        assert_eq!(loaded.weights_sha256(), model.weights_sha256());
    }
}

/// The safetensors file of `two`, its texts and tensors changed.
fn tensors_of(change: impl FnOnce(&mut safetensors::File)) -> String {
    let mut file = safetensors::read(&two().to_safetensors().unwrap()).unwrap();
    change(&mut file);
    let texts: Vec<(&str, &str)> =
        file.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    load_error("m.safetensors", &safetensors::write(&texts, &file.tensors).unwrap())
}

fn put(file: &mut safetensors::File, name: &str, text: &str) {
    file.metadata.retain(|(known, _)| known != name);
    file.metadata.push((name.into(), text.into()));
}

#[test]
fn hostile_safetensors_models_are_refused() {
    let texts = [
        load_error("m.safetensors", b""),
        load_error("m.safetensors", b"PK"),
        load_error("m.safetensors", &two().to_safetensors().unwrap()[..200]),
        tensors_of(|file| file.metadata.clear()),
        tensors_of(|file| put(file, "config", "{")),
        tensors_of(|file| put(file, "config", "{\"class_name\": \"TFSMLayer\", \"config\": {}}")),
        tensors_of(|file| put(file, "format", "pt")),
        tensors_of(|file| put(file, "format_version", "2")),
        tensors_of(|file| put(file, "content_sha256", "00")),
        tensors_of(|file| put(file, "info", "[]")),
        tensors_of(|file| file.tensors[0].values = Values::F32(vec![f32::NAN; 6])),
        tensors_of(|file| file.tensors[0].shape = vec![2, 3]),
        tensors_of(|file| file.tensors[0].values = Values::F64(vec![1e300; 6])),
        tensors_of(|file| drop(file.tensors.pop())),
        tensors_of(|file| file.tensors[0].name = "../../x".into()),
        tensors_of(|file| {
            let steps = safetensors::Tensor {
                name: "optimizer/iterations".into(),
                shape: vec![],
                values: Values::I64(vec![-1]),
            };
            file.tensors.push(steps);
        }),
    ];
    insta::assert_snapshot!("hostile_safetensors_models", texts.join("\n"));
}

#[test]
fn hostile_vocabularies_are_refused() {
    let file = std::fs::read(format!("{GOLDEN}/3.15-lookups.keras")).unwrap();
    let archive = keras_zip::read(&file).unwrap();
    let with = |name: &str, text: &str| {
        let mut archive = archive.clone();
        archive.assets = vec![(name.to_owned(), text.to_owned())];
        load_error("m.keras", &keras_zip::write(&archive).unwrap())
    };
    let texts = [
        with("assets/layers/string_lookup/other.txt", "a"),
        with("assets/layers/string_lookup_7/vocabulary.txt", "a"),
        with("assets/layers/string_lookup/layers/dense/vocabulary.txt", "a"),
        with("assets/layers/dense/vocabulary.txt", "a"),
        with("assets/vocabulary.txt", "a"),
        with("assets/layers/integer_lookup/vocabulary.txt", "1\nx"),
        with("assets/layers/string_lookup/vocabulary.txt", "[UNK]\na\na\nb"),
        with("assets/layers/string_lookup/vocabulary.txt", ""),
    ];
    insta::assert_snapshot!("hostile_vocabularies", texts.join("\n"));
}

/// Every file that differs in one byte, or ends early, is a model or an error, and never another kind of end.
fn damage(name: &str, good: &[u8], step: usize) {
    let registry = Registry::new();
    for length in (0..good.len()).step_by(step * 3 + 1) {
        assert!(Model::from_bytes(&good[..length], &registry).is_err(), "{name} cut at {length}");
    }
    let mut bytes = good.to_vec();
    let mut refused = 0;
    for at in (0..good.len()).step_by(step) {
        for change in [1, 0x80, 0xFF] {
            bytes[at] ^= change;
            match Model::from_bytes(&bytes, &registry) {
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "{name} at {at}: {error}");
                }
                Ok(model) => assert!(model.get_weights().iter().all(|w| w.to_f32().iter().all(|x| x.is_finite()))),
            }
            bytes[at] ^= change;
        }
    }
    assert!(refused > 0, "{name}");
}

#[test]
fn damaged_files_are_errors_or_models() {
    let mut model = two();
    model.set_class_names(["a", "b"]).unwrap();
    damage("ours.h5", &model.to_h5().unwrap(), 37);
    damage("ours.safetensors", &model.to_safetensors().unwrap(), 11);
    for file in ["old-decay.h5", "3.15-schedule.h5", "3.15-lookups.keras"] {
        damage(file, &std::fs::read(Path::new(GOLDEN).join(file)).unwrap(), 131);
    }
}
