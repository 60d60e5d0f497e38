//! What files are, and from one format to another.

mod common;

use common::*;
use vanilla::formats::keras_zip::{self, KerasArchive};
use vanilla::formats::{idx, npy, safetensors};

/// A folder with a trained run of the tiny experiment, its data and other files.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    folder
}

#[test]
fn inspect_says_what_a_file_is() {
    let folder = folder();
    let inspect = |name: &str| -> serde_json::Value {
        serde_json::from_str(&folder.good(&["inspect", name, "--json"]).stdout).unwrap()
    };
    let model = inspect("run/model.keras");
    assert_eq!(model["kind"], "a Keras 3 model (.keras)");
    assert_eq!(model["about"]["weights_sha256"], folder.json("run/metrics.json")["weights_sha256"]);
    assert_eq!(model["about"]["optimizer"], "Adam");
    assert_eq!(model["layers"][0]["params"], 40);
    assert_eq!(model["tensors"][0]["name"], "layers/dense/vars/0");
    assert_eq!(model["tensors"][0]["shape"], serde_json::json!([4, 8]));
    assert_eq!(model["unusual"], serde_json::json!([]));

    let data = inspect("data.npz");
    assert_eq!(data["kind"], "numpy arrays (npz)");
    assert_eq!(data["tensors"][1]["counts"], serde_json::json!([[0, 10], [1, 10], [2, 10]]));

    folder.write("x.npy", npy::write(&floats(&[2, 2], |i| if i == 3 { f32::NAN } else { 0.5 })));
    assert_eq!(
        inspect("x.npy")["unusual"],
        serde_json::json!([
            "x: 1 of 4 elements are NaN or infinite: fill or drop them before training",
            "x: all 4 elements are 0.5"
        ])
    );
    folder.write("labels", idx::write(&bytes(&[3], |i| i as u8)));
    assert_eq!(inspect("labels")["kind"], "an IDX file");
    let zeros = safetensors::Tensor {
        name: "kernel".into(),
        shape: vec![2, 3],
        values: safetensors::Values::F32(vec![0.0; 6]),
    };
    folder.write("w.bin", safetensors::write(&[], &[zeros]).unwrap());
    assert_eq!(
        inspect("w.bin")["unusual"],
        serde_json::json!([
            "kernel: all 6 elements are 0: nothing passes through",
            "the name ends in .bin, and such files usually in .safetensors"
        ])
    );

    let text = folder.good(&["inspect", "run/model.keras"]).stdout;
    for part in
        ["run/model.keras: a Keras 3 model (.keras), ", "dense (Dense)", "layers/dense/vars/0", "Nothing unusual."]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn inspect_refuses_what_it_does_not_know() {
    let folder = Folder::new();
    for (bytes, want) in [
        (&b""[..], "an empty file: expected one of "),
        (b"hello, world", "bytes 68 65 6c 6c: expected one of "),
        (b"\x80\x04pickle", "a Python pickle: expected one of "),
        (b"PK\x03\x04", "npz, end of archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        folder.write("file", bytes);
        let ran = folder.run(&["inspect", "file"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stderr.starts_with(&format!("error: file: {want}")), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1);
    }
}

#[test]
fn plan_says_where_the_time_goes() {
    let folder = folder();
    for args in [&["plan", "run/model.keras", "--time"][..], &["plan", "e.toml", "--time", "--batch-size", "8"]] {
        let text = folder.good(args).stdout;
        assert!(text.contains("grad_w     V0 <- adam(V0, x0' d1)"), "{text}");
        assert!(text.contains(" 100.0%  a step of "), "{text}");
        let shares = text
            .lines()
            .filter_map(|line| line.split_once("%  "))
            .map(|(head, _)| head.split_whitespace().next_back().unwrap().parse::<f64>().unwrap());
        // All lines and their sum.
        let total: f64 = shares.sum();
        assert!((total - 200.0).abs() < 1.5, "{total}: {text}");
    }
}

/// An ONNX file has no loss: what the model answers and the targets decide.
#[test]
fn evaluate_onnx() {
    let folder = folder();
    folder.good(&["convert", "run/model.keras", "a.onnx", "--quiet"]);
    let evaluate = |model: &str| folder.good(&["evaluate", model, "--data", "data.npz"]);
    let (want, ran) = (evaluate("run/model.keras").stdout, evaluate("a.onnx"));
    assert_eq!(
        ran.stderr,
        "note: a.onnx: holds no loss; sparse_categorical_crossentropy is taken, as the outputs are probabilities and \
         the targets are class numbers\n"
    );
    let loss = |line: &str| line.split(" - ").next().map(str::to_owned);
    assert!(want.starts_with("loss: "), "{want}");
    assert_eq!(loss(&ran.stdout), loss(&want));
    assert!(ran.stdout.contains(" - accuracy: "), "{}", ran.stdout);
}

/// All outputs, by their names.
#[test]
fn predict_several_outputs() {
    use vanilla::prelude::*;
    let folder = Folder::new();
    let x = Input::new([2]).name("x").tensor();
    let (a, b) = (Dense::new(1).name("a").call(&x), Dense::new(2).name("b").call(&x));
    let mut model = Model::new([&x], [&a, &b]).unwrap();
    let weights = [&[1.0f32, 2.0][..], &[0.5], &[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0]];
    let shapes = [&[2usize, 1][..], &[1], &[2, 2], &[2]];
    let weights = weights.iter().zip(shapes).map(|(w, shape)| Tensor::new(w.to_vec(), shape).unwrap());
    model.set_weights(&weights.collect::<Vec<_>>()).unwrap();
    model.save(folder.path().join("m.keras")).unwrap();
    folder.write("x.npy", npy::write(&floats(&[2, 2], |i| i as f32)));
    let predict = |rest: &[&str]| folder.run(&[&["predict", "m.keras", "--data", "x.npy"], rest].concat());
    assert_eq!(predict(&[]).stdout, "a,b 0,b 1\n2.5,0.0,1.0\n8.5,2.0,3.0\n");
    assert_eq!(predict(&["--json"]).stdout, "{\"a\":[[2.5],[8.5]],\"b\":[[0.0,1.0],[2.0,3.0]]}\n");
    assert_eq!(predict(&["--out", "p.npz"]).code, Some(0));
    let arrays = vanilla::formats::npz::read(&folder.read("p.npz")).unwrap();
    assert_eq!(
        arrays.iter().map(|(name, array)| (&**name, &*array.shape)).collect::<Vec<_>>(),
        [("a", &[2, 1][..]), ("b", &[2, 2])]
    );
    let refused = predict(&["--out", "p.npy"]);
    let want = "error: --out p.npy: the model has the outputs a, b, and .npy holds one array: take .npz or .csv\n";
    assert_eq!((refused.code, &*refused.stderr), (Some(2), want));
}

/// Every format that a model can be in, and what is left of it.
#[test]
fn convert_keeps_the_predictions() {
    let folder = folder();
    let (x, _) = tiny(7, 4);
    folder.write("x.npz", arrays(&[("x", x)]));
    let predict = |model: &str| folder.good(&["predict", model, "--data", "x.npz", "--quiet"]).stdout;
    let want = predict("run/model.keras");
    assert_eq!(want.lines().count(), 7);
    for ending in ["keras", "h5", "safetensors"] {
        let (there, back) = (format!("a.{ending}"), format!("b-{ending}.keras"));
        folder.good(&["convert", "run/model.keras", &there]);
        folder.good(&["convert", &there, &back]);
        assert_eq!(folder.read(&back), folder.read("run/model.keras"), "{ending}: to the byte, optimizer and all");
        assert_eq!(predict(&there), want, "{ending}");
    }
    for ending in ["weights.h5", "weights.npz"] {
        let (there, back) = (format!("a.{ending}"), format!("b-{ending}.keras"));
        folder.good(&["convert", "run/model.keras", &there]);
        folder.good(&["convert", &there, &back, "--model", "run/model.keras"]);
        assert_eq!(folder.read(&back), folder.read("run/model.keras"), "{ending}");
    }
    let ran = folder.good(&["convert", "run/model.keras", "a.onnx"]);
    assert!(ran.stderr.starts_with("note: such a file predicts; "), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("a.onnx: 2 layers, 67 parameters\n"), "{}", ran.stderr);
    assert_eq!(predict("a.onnx"), want);
    for (name, part) in [
        ("a.rs", "pub fn predict(x: &[f32; INPUTS]) -> [f32; OUTPUTS]"),
        ("a.h", "_predict(const float *x, float *y)"),
    ] {
        folder.good(&["convert", "run/model.keras", name, "--quiet"]);
        assert!(folder.text(name).contains(part), "{name}");
    }
    // Endings in any case.
    for name in ["B.ONNX", "B.Keras", "B.H5"] {
        folder.good(&["convert", "run/model.keras", name, "--quiet"]);
        assert_eq!(predict(name), want, "{name}");
    }
    for name in ["B.RS", "B.H"] {
        folder.good(&["convert", "run/model.keras", name, "--quiet"]);
        assert_eq!(folder.text(name), folder.text(&name.to_lowercase().replace('b', "a")), "{name}");
    }
    let inspected = folder.good(&["inspect", "a.onnx", "--json"]).stdout;
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["about"]["operators"], "2 Gemm, 1 Relu, 1 Softmax");
    assert!(inspected["layers"].as_array().unwrap().len() >= 2);
}

/// What Keras compiled with a function of one's own predicts here, and does not train.
#[test]
fn a_model_with_a_loss_of_its_own() {
    let folder = folder();
    folder.write("x.npz", arrays(&[("x", tiny(7, 4).0)]));
    let bytes = folder.read("run/model.keras");
    let archive = keras_zip::read(&bytes).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&archive.config).unwrap();
    config["compile_config"]["loss"] = serde_json::json!({ "class_name": "function", "config": "my_loss" });
    let changed = keras_zip::write(&KerasArchive { config: config.to_string(), ..archive }).unwrap();
    folder.write("own.keras", changed);
    let predict = |model: &str| folder.good(&["predict", model, "--data", "x.npz"]);
    let (want, ran) = (predict("run/model.keras"), predict("own.keras"));
    assert_eq!(ran.stdout, want.stdout);
    let note = "note: own.keras: not compiled: loss: 'my_loss' is a Python function: load with a Registry that has \
                'my_loss': it predicts; compile it to train\n";
    assert_eq!(ran.stderr, note);
    let ran = folder.run(&["fit", "own.keras", "--data", "data.npz", "--out", "b.keras"]);
    let error = "error: own.keras: the model has no loss and no optimizer: compile it in Keras, with Keras's own words, \
                 or with the library, and save it again\n";
    assert_eq!((ran.code, ran.stderr), (Some(2), format!("{note}{error}")));
    let inspected = folder.good(&["inspect", "own.keras"]).stdout;
    assert!(inspected.contains("'my_loss' is a Python function"), "{inspected}");
    folder.good(&["summary", "own.keras"]);
    let ran = folder.good(&["convert", "own.keras", "own.h5"]);
    assert!(ran.stderr.starts_with(note), "{}", ran.stderr);
    // Weights without an optimizer, for a model that has one.
    folder.good(&["convert", "own.h5", "b.keras", "--model", "run/model.keras"]);
    assert_eq!(folder.read("b.keras"), bytes);
}

#[test]
fn convert_refuses_with_a_way_out() {
    let folder = folder();
    folder.good(&["convert", "run/model.keras", "a.weights.h5", "--quiet"]);
    folder.write("a.rs", "// a program");
    for (args, want) in [
        (
            &["run/model.keras", "a.pb"][..],
            "a.pb: expected a name that ends in .keras, .h5, .safetensors, .weights.h5, .weights.npz, .onnx, .rs or .h",
        ),
        (&["a.weights.h5", "b.keras"], "a.weights.h5: holds weights alone: name their model with --model MODEL"),
        (
            &["a.rs", "b.keras"],
            "a.rs: .rs and .h files are written and not read: convert from the model that it was made of",
        ),
        (&["none.keras", "b.keras"], "none.keras: No such file or directory (os error 2)"),
    ] {
        let ran = folder.run(&[&["convert"], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert_eq!(ran.stderr, format!("error: {want}\n"));
        assert!(!folder.path().join("b.keras").exists());
    }
}
