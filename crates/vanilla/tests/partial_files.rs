//! Files of which a part has no counterpart here, or is not there: what can be used is, and a remark names the rest.

use serde_json::{Value, json};
use vanilla::formats::hdf5::{self, Attr, Group, Node};
use vanilla::formats::keras_zip;
use vanilla::formats::{Array, Data, safetensors};
use vanilla::prelude::*;

#[path = "common/files.rs"]
mod files;
#[path = "common/groups.rs"]
mod groups;

use files::{altered, data, model, options, vars};
use groups::{attr, inner};

fn two() -> Model {
    let mut model = Sequential::new(layers![Dense::new(2).input_dim(3), Dense::new(1)]).unwrap().with_name("net");
    model.compile("mse", "adam", ["mae"]).unwrap();
    model
}

/// The tree of a `.h5` file of `two`, changed.
fn h5(change: impl FnOnce(&mut Group)) -> Vec<u8> {
    let mut tree = hdf5::read(&two().to_h5().unwrap()).unwrap();
    change(&mut tree);
    hdf5::write(&tree).unwrap()
}

/// As Keras writes a Sequential whose first layer does not state its input. Weights that nobody can place are no weights
/// to predict by.
#[test]
fn a_description_without_an_input_layer() {
    let (x, _) = data();
    let model = model("adam");
    let load = |shape: Value| {
        let bytes = altered(
            &model,
            |config| {
                config["config"]["layers"].as_array_mut().unwrap().remove(0);
                config["config"]["build_input_shape"] = shape;
            },
            |_| (),
        );
        Model::from_bytes(&bytes, &Registry::new()).map_err(|error| error.to_string())
    };
    for shape in
        [json!([null, 2, 3]), json!([16, 2, 3]), json!({"class_name": "TensorShape", "items": [null, 2, 3]})]
    {
        let loaded = load(shape).unwrap();
        assert_eq!(loaded.weights_sha256(), model.weights_sha256());
        assert_eq!(loaded.predict(&x).unwrap(), model.predict(&x).unwrap());
        assert_eq!(loaded.to_keras().unwrap(), model.to_keras().unwrap());
    }
    for shape in [json!(null), json!([null]), json!([null, null, 3]), json!("x"), json!({ "items": 2 })] {
        assert_eq!(
            load(shape).unwrap_err(),
            "model.weights.h5: layers: numbers of a model whose description has no input shape: build it in Keras and \
             save it again, or describe it with an input shape and call load_weights"
        );
    }
    assert!(load(json!([null, 2, 4])).unwrap_err().contains("layers/dense/vars/0: shape [6, 7], expected [8, 7]"));
    assert!(load(json!([null, 1u64 << 40, 3])).unwrap_err().contains("more than 16777216 values"));
    // Before it was built it had none, and the first data decide.
    let bytes = altered(
        &model,
        |config| {
            config["config"]["layers"].as_array_mut().unwrap().remove(0);
            config["config"]["build_input_shape"] = Value::Null;
        },
        |tree| {
            vars(tree, "layers").clear();
            vars(tree, "optimizer/vars").truncate(2);
        },
    );
    assert_eq!(Model::from_bytes(&bytes, &Registry::new()).unwrap().input_shape(), None);
}

/// TensorFlow 2.0 wrote `build_input_shape` as its own class, and no layer for the input.
#[test]
fn a_description_of_tensorflow_2_without_an_input_layer() {
    let model = two();
    let bytes = h5(|tree| {
        let Attr::Str(text) = attr(tree, "model_config") else { panic!() };
        let mut config: Value = serde_json::from_str(text).unwrap();
        config["config"]["layers"].as_array_mut().unwrap().remove(0);
        config["config"]["build_input_shape"] = json!({ "class_name": "TensorShape", "items": [null, 3] });
        *text = config.to_string();
        *attr(tree, "keras_version") = Attr::Str("2.2.4-tf".into());
    });
    let loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
    assert_eq!(loaded.weights_sha256(), model.weights_sha256());
}

/// Keras saves such a file where a layer was frozen, or its neighbour, after the training.
#[test]
fn an_optimizer_that_does_not_fit_begins_anew_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = data();
    let mut trained = model("adam");
    trained.fit(&x, &y, options()).unwrap();
    let frozen = |config: &mut Value| config["config"]["layers"][3]["config"]["trainable"] = json!(false);
    let array = |value: f32| Node::Dataset(Array { shape: vec![2, 3], data: Data::F32(vec![value; 6]) });
    let other = |tree: &mut Group| {
        vars(tree, "optimizer/vars").iter_mut().for_each(|(name, node)| {
            if name == "4" {
                *node = array(0.5);
            }
        })
    };
    for (bytes, why) in [
        (altered(&trained, frozen, |_| ()), "12 variables, expected 8 for adam"),
        (altered(&trained, |_| (), other), "variable 4 of shape [2, 3], expected [7]"),
    ] {
        let mut loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
        assert_eq!(loaded.remarks(), [format!("optimizer/vars: {why}: the optimizer begins anew")]);
        assert_eq!((loaded.weights_sha256(), loaded.iterations()), (trained.weights_sha256(), 0));
        let path = folder.path().join("model.keras");
        std::fs::write(&path, bytes).unwrap();
        let error = loaded.load_weights(&path).unwrap_err().to_string();
        let hint = "; where the file is of another optimizer, load it before compile";
        assert!(error.ends_with(&format!("model.weights.h5: optimizer/vars: {why}{hint}")), "{error}");
        loaded.fit(&x, &y, options()).unwrap();
    }
}

#[test]
fn an_optimizer_of_an_h5_that_does_not_fit_begins_anew_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.h5");
    let mut model = two();
    let x = Tensor::new((0..12).map(|i| i as f32 / 10.0).collect::<Vec<_>>(), [4, 3]).unwrap();
    let y = Tensor::new(vec![1.0f32, 2.0, 3.0, 4.0], [4, 1]).unwrap();
    model.fit(&x, &y, options()).unwrap();
    let mut tree = hdf5::read(&model.to_h5().unwrap()).unwrap();
    let Attr::StrList(names) = attr(inner(&mut tree, "optimizer_weights"), "weight_names") else { panic!() };
    names.pop();
    std::fs::write(&path, hdf5::write(&tree).unwrap()).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!((loaded.iterations(), loaded.weights_sha256()), (0, model.weights_sha256()));
    assert_eq!(
        loaded.remarks(),
        ["optimizer_weights: 9 variables, expected 10 for adam: the optimizer begins anew"]
    );
}

/// `save(.., include_optimizer=False)`, and `save_weights` of Keras 2.
#[test]
fn weights_without_an_optimizer_go_into_a_model_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.h5");
    let x = Tensor::new((0..12).map(|i| i as f32 / 10.0).collect::<Vec<_>>(), [4, 3]).unwrap();
    let y = Tensor::new(vec![1.0f32, 2.0, 3.0, 4.0], [4, 1]).unwrap();
    let mut source = two();
    source.fit(&x, &y, options()).unwrap();
    let mut tree = hdf5::read(&source.to_h5().unwrap()).unwrap();
    tree.children.retain(|(name, _)| name != "optimizer_weights");
    for tree in [&tree, &inner(&mut tree.clone(), "model_weights").clone()] {
        std::fs::write(&path, hdf5::write(tree).unwrap()).unwrap();
        for mut model in [two(), source.clone_model().unwrap()] {
            model.load_weights(&path).unwrap();
            assert_eq!((model.weights_sha256(), model.iterations()), (source.weights_sha256(), 0));
        }
        // As in Keras, and as with a .weights.h5 that has none.
        let mut trained = Model::from_bytes(&source.to_h5().unwrap(), &Registry::new()).unwrap();
        trained.load_weights(&path).unwrap();
        assert_eq!(trained.iterations(), source.iterations());
    }
    let opened = Model::from_bytes(&hdf5::write(&tree).unwrap(), &Registry::new()).unwrap();
    assert_eq!(opened.remarks(), ["optimizer_weights: the file has none: the optimizer begins anew"]);
}

/// Weights are as good without a loss: only what is no `compile_config` at all is an error.
#[test]
fn what_cannot_be_compiled_predicts() {
    let (x, y) = data();
    let function = |name: &str| json!({ "module": "builtins", "class_name": "function", "config": name, "registered_name": "function" });
    let wrapped = json!({ "class_name": "MeanMetricWrapper", "config": { "name": "w", "fn": function("mae") } });
    let mut trained = model("adam");
    trained.fit(&x, &y, options()).unwrap();
    let own = "is a Python function: load with a Registry that has";
    for (key, value, why) in [
        ("loss", Value::Null, "compile: no loss, such as \"categorical_crossentropy\"".to_owned()),
        ("loss", json!("hingge"), "unknown loss 'hingge'; did you mean 'hinge'?; known are: ".to_owned()),
        ("loss", json!(5), "compile: loss = 5, expected a name such as \"mse\"".to_owned()),
        ("loss", function("my_loss"), format!("loss: 'my_loss' {own} 'my_loss'")),
        ("metrics", json!([function("my_metric")]), format!("metric: 'my_metric' {own} 'my_metric'")),
        ("metrics", json!([wrapped]), "unknown metric 'MeanMetricWrapper'".to_owned()),
        ("optimizer", json!({ "class_name": "LossScaleOptimizer" }), "unknown optimizer 'LossScaleOpt".to_owned()),
        (
            "optimizer",
            json!({ "class_name": "Adam", "config": { "clipnorm": -1.0 } }),
            "Adam: clipnorm = -1".to_owned(),
        ),
    ] {
        let bytes = altered(&trained, |config| config["compile_config"][key] = value, |_| ());
        let mut loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
        let [remark] = loaded.remarks() else { panic!("{:?}", loaded.remarks()) };
        assert!(remark.starts_with(&format!("not compiled: {why}")), "{remark}\nis not\n{why}");
        assert!(remark.ends_with(": it predicts; compile it to train") && !remark.contains('\n'), "{remark}");
        assert_eq!(loaded.predict(&x).unwrap(), trained.predict(&x).unwrap());
        let error = loaded.fit(&x, &y, options()).unwrap_err().to_string();
        assert_eq!(error, "the model has no loss and no optimizer yet: call compile first");
        // The description by itself is one's own, and there is nothing else in it to use.
        let archive = keras_zip::read(&bytes).unwrap();
        assert!(Model::from_json(&serde_json::from_str(&archive.config).unwrap()).is_err());
    }
    // Of an output without a loss.
    let input = Input::new([3]).tensor();
    let outputs = ["a", "b"].map(|name| Dense::new(1).name(name).call(&input));
    let mut two = Model::new(&input, outputs.each_ref()).unwrap();
    two.compile("mse", "adam", [] as [&str; 0]).unwrap();
    let compile = json!({ "loss": ["mse", null], "optimizer": "adam", "metrics": [["mae"], ["mse"]] });
    let bytes = altered(&two, |config| config["compile_config"] = compile, |_| ());
    let loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
    let remark = "not compiled: compile: the metric 'b_mse' is of an output without a loss, whose targets nobody reads: it \
                  predicts; compile it to train";
    assert_eq!((loaded.is_compiled(), loaded.remarks()), (false, &[remark.to_owned()][..]));
    // Keras's own functions are its words.
    let words = json!({ "loss": function("mean_squared_error"), "optimizer": "adam", "metrics": [function("mean_absolute_error")] });
    let bytes = altered(&trained, |config| config["compile_config"] = words, |_| ());
    let mut loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
    assert_eq!((loaded.remarks(), loaded.iterations()), (&[][..], 6));
    let y = Tensor::new(vec![0.5f32; 120], [40, 3]).unwrap();
    let keys: Vec<String> =
        loaded.fit(&x, &y, options()).unwrap().history.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, ["loss", "mean_absolute_error"]);
}

#[test]
fn what_cannot_be_compiled_predicts_in_every_format() {
    let model = two();
    let bytes = h5(|tree| {
        *attr(tree, "training_config") = Attr::Str(
            "{\"loss\": \"mse\", \"optimizer_config\": {\"class_name\": \"os.system\", \"config\": {}}}".into(),
        );
    });
    let loaded = Model::from_bytes(&bytes, &Registry::new()).unwrap();
    assert_eq!((loaded.is_compiled(), loaded.weights_sha256()), (false, model.weights_sha256()));
    let [remark] = loaded.remarks() else { panic!("{:?}", loaded.remarks()) };
    assert!(remark.starts_with("not compiled: unknown optimizer 'os.system'; known are: adadelta, "), "{remark}");
    // Nadam of Keras 2 with a decay that there is no word for: what else it would have said is beside the point.
    let nadam =
        "{\"loss\": \"mse\", \"optimizer_config\": {\"class_name\": \"Nadam\", \"config\": {\"decay\": 0.5}}}";
    let bytes = h5(|tree| {
        *attr(tree, "training_config") = Attr::Str(nadam.into());
        *attr(tree, "keras_version") = Attr::Str("2.4.0".into());
    });
    assert_eq!(
        Model::from_bytes(&bytes, &Registry::new()).unwrap().remarks(),
        [
            "not compiled: Nadam: decay = 0.5, expected 0.004, the default: Keras 3 has no such key, so train it anew: it \
          predicts; compile it to train"
        ]
    );
    let mut file = safetensors::read(&model.to_safetensors().unwrap()).unwrap();
    for (name, text) in &mut file.metadata {
        if name == "config" {
            *text = text.replace("\"loss\":\"mse\"", "\"loss\":\"my_loss\"");
        }
    }
    let texts: Vec<(&str, &str)> =
        file.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let loaded = Model::from_bytes(&safetensors::write(&texts, &file.tensors).unwrap(), &Registry::new()).unwrap();
    assert_eq!((loaded.is_compiled(), loaded.weights_sha256()), (false, model.weights_sha256()));
    assert!(loaded.remarks()[0].starts_with("not compiled: unknown loss 'my_loss'"), "{:?}", loaded.remarks());
}
