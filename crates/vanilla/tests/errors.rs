//! What a mistake is answered with: `snapshots/errors__messages.snap` has what was typed, and below it the message.
//! Each message has place, received, expected and a way out; none of the mistakes panics.

// Typed as in a program, where tensors are used again.
#![allow(clippy::needless_borrows_for_generic_args)]

use serde_json::{Value, json};
use vanilla::constraints::{MaxNorm, MinMaxNorm, UnitNorm};
use vanilla::layers::*;
use vanilla::plot::graph::Direction;
use vanilla::prelude::*;
use vanilla::regularizers::{L1, L2, OrthogonalRegularizer};
use vanilla::{Evaluate, PlotModel, Predict, SummaryOptions, Terminal, plot_model};

/// A model of these layers, as an experiment or a file describes them.
fn described(layers: Value) -> Result<Model> {
    Model::from_json(&json!({ "class": "Sequential", "layers": layers }))
}

/// `Dense` behind two inputs, with these keys besides.
fn dense(keys: Value) -> Result<Model> {
    let mut node = json!({ "class": "Dense", "units": 2, "input_dim": 2 });
    node.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    described(json!([node]))
}

/// Ones.
fn ones(shape: &[usize]) -> Tensor {
    Tensor::new(vec![1.0f32; shape.iter().product()], shape).unwrap()
}

fn labels(values: &[i64]) -> Tensor {
    Tensor::new(values.to_vec(), [values.len()]).unwrap()
}

fn strings(values: &[&str]) -> Tensor {
    Tensor::new(values.iter().map(|text| text.to_string()).collect::<Vec<_>>(), [values.len()]).unwrap()
}

/// An input of this many numbers.
fn input(width: usize) -> vanilla::KerasTensor {
    Input::new([width]).tensor()
}

/// Three classes of four numbers.
fn classifier(loss: &str) -> Result<Model> {
    let mut model = Sequential::new(layers![Dense::new(3).activation("softmax").input_dim(4)])?;
    model.compile(loss, "sgd", ["acc"])?;
    Ok(model)
}

fn sparse() -> Model {
    classifier("sparse_categorical_crossentropy").unwrap()
}

/// One number of two.
fn regression() -> Model {
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
    model.compile("mse", "sgd", ["mae"]).unwrap();
    model
}

fn two_outputs() -> Model {
    let x = input(2);
    Model::new(&x, [&Dense::new(1).name("a").call(&x), &Dense::new(1).name("b").call(&x)]).unwrap()
}

fn compiled_two_outputs() -> Model {
    let mut model = two_outputs();
    model.compile("mse", "sgd", [""; 0]).unwrap();
    model
}

/// In silence.
fn fit(
    model: &mut Model,
    x: impl Into<vanilla::Arrays>,
    y: impl Into<vanilla::Arrays>,
    options: Fit,
) -> Result<()> {
    model.fit(x, y, options.verbose(0)).map(|_| ())
}

/// A model in a model in a model.
fn nested(depth: usize) -> Result<Model> {
    let mut model = Sequential::new(layers![Dense::new(2).input_dim(2)])?;
    for _ in 0..depth {
        model = Sequential::new(layers![model.as_layer()])?;
    }
    Ok(model)
}

/// A node of a functional model in a file.
fn node(class: &str, name: &str, keys: Value, from: &[&str]) -> Value {
    let tensor = |name: &&str| {
        json!({ "class_name": "__keras_tensor__", "config": { "shape": [null, 2],
        "keras_history": [name, 0, 0] } })
    };
    let args: Vec<Value> = from.iter().map(tensor).collect();
    let calls = if from.is_empty() { json!([]) } else { json!([{ "args": [args], "kwargs": {} }]) };
    let mut config = json!({ "name": name });
    config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    json!({ "class_name": class, "name": name, "config": config, "inbound_nodes": calls })
}

/// A model that ends in an operation of `keras.ops`.
fn operation(class: &str, keys: Value) -> Result<Model> {
    let mut operation = node(class, "op", keys, &["x"]);
    operation["module"] = "keras.src.ops.nn".into();
    functional(&[file_input(), operation], json!([["op", 0, 0]]))
}

fn functional(nodes: &[Value], outputs: Value) -> Result<Model> {
    Model::from_json(&json!({ "class_name": "Functional", "config": {
        "layers": nodes, "input_layers": [["x", 0, 0]], "output_layers": outputs,
    }}))
}

fn file_input() -> Value {
    node("InputLayer", "x", json!({ "batch_shape": [null, 2] }), &[])
}

/// What was typed, and what was answered.
macro_rules! typed {
    ($text:ident; $($tried:expr;)*) => {
        $({
            let result = std::panic::catch_unwind(|| ($tried).map(|_| ()).map_err(|error| error.to_string()));
            let answer = match result {
                // The lists of known words grow.
                Ok(Err(message)) => match message.split_once("known are: ") {
                    Some((message, known)) if known.len() > 20 => format!("{message}known are: …"),
                    _ => message,
                },
                Ok(Ok(())) => "NO ERROR".to_owned(),
                Err(_) => "PANIC".to_owned(),
            };
            let typed: Vec<&str> = stringify!($tried).split_whitespace().collect();
            $text += &format!("{}\n    {answer}\n", typed.join(" "));
        })*
    };
}

fn layers() -> String {
    let mut text = String::from("# Layers\n");
    typed! { text;
        Sequential::new(layers![]);
        Sequential::new(layers![Dense::new(0).input_dim(2)]);
        Sequential::new(layers![Dense::new(2).input_dim(0)]);
        Sequential::new(layers![Dense::new(usize::MAX).input_dim(2)]);
        Sequential::new(layers![Dense::new(2).input_dim(usize::MAX)]);
        Sequential::new(layers![Dense::new(1 << 24).input_dim(1 << 24)]);
        Sequential::new(layers![Dense::new(2), Dense::new(2).input_dim(3)])
            .and_then(|mut model| model.build(&[2]));
        Sequential::new(layers![Dense::new(2).input_dim(2), Dense::new(2).input_dim(3)]);
        Sequential::new(layers![Dense::new(2).activation("rleu").input_dim(2)]);
        Sequential::new(layers![Dense::new(2).activation("").input_dim(2)]);
        Sequential::new(layers![Dense::new(3).activation("glu").input_dim(2)]);
        Sequential::new(layers![Dense::new(2).name("a").input_dim(2), Dense::new(2).name("a")]);
        Sequential::new(layers![Dense::new(2).name("").input_dim(2)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), Input::new([2])]);
        Sequential::new(layers![Input::new([2, 0]), Dense::new(2)]);
        Sequential::new(layers![Input::new([]), Dense::new(2)]);
        Sequential::new(layers![Input::new([usize::MAX, usize::MAX]), Flatten::new()]);
        Sequential::new(layers![Input::new([2]).dtype("float8"), Dense::new(2)]);
        Sequential::new(layers![Input::new([2]).dtype("string"), Dense::new(2)]);
        Sequential::new(layers![Dropout::new(1.5), Dense::new(2).input_dim(2)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), Dropout::new(-0.1)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), Dropout::new(f64::NAN)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), AlphaDropout::new(2.0)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), GaussianDropout::new(f64::INFINITY)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), GaussianNoise::new(-1.0)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), ReLU::new().max_value(-1.0)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), ReLU::new().threshold(f64::NAN)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), LeakyReLU::new().negative_slope(f64::NAN)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), ELU::new().alpha(f64::INFINITY)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), Softmax::new().axis(7)]);
        Sequential::new(layers![Dense::new(2).input_dim(2), PReLU::new().shared_axes([4])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Reshape::new([4, -1])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Reshape::new([-1, -1])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Reshape::new([2, 2])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Reshape::new([0, 3])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Reshape::new([i64::MAX, i64::MAX])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Permute::new([2, 1])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Permute::new([i64::MIN])]);
        Sequential::new(layers![Dense::new(6).input_dim(2), RepeatVector::new(0)]);
        Sequential::new(layers![Dense::new(6).input_dim(2), RepeatVector::new(usize::MAX)]);
        Sequential::new(layers![Input::new([2, 3]), RepeatVector::new(2)]);
        Sequential::new(layers![Dense::new(6).input_dim(2), ActivityRegularization::new(-1.0, 0.0)]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Rescaling::new(f64::NAN)]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Concatenate::new()]);
        Sequential::new(layers![Dense::new(6).input_dim(2), Masking::new().mask_value(f64::NAN)]);
        nested(20);
        regression().build(&[]);
        regression().build(&[0]);
        regression().build(&[7]);
        two_outputs().build(&[]);
        two_outputs().build(&[7]);
        regression().get_layer("dence");
        regression().set_trainable("Dense", false);
        regression().set_weights(&[ones(&[2, 1])]);
        regression().set_weights(&[ones(&[1, 2]), ones(&[1])]);
        regression().set_weights(&[ones(&[2, 1]) * f32::NAN, ones(&[1])]);
    }
    text
}

fn connections() -> String {
    let mut text = String::from("\n# Connections\n");
    typed! { text;
        Model::new(&Vec::new(), &input(2));
        Model::new(&input(2), &Vec::new());
        Model::new(&input(2), &Dense::new(1).call(&input(2)));
        Model::new(&input(2), &Dense::new(1).call(&Input::new([2]).name("age").tensor()));
        Model::new(&Dense::new(1).call(&input(2)), &Dense::new(1).call(&input(2)));
        { let x = input(2); Model::new([&x, &x], &Dense::new(1).call(&x)) };
        { let x = input(2); Model::new(&x, &Dense::new(1).call([&x, &x])) };
        { let x = input(2); Model::new(&x, &Dense::new(1).call(&Vec::new())) };
        { let x = input(2); Model::new(&x, &Add::new().call(&x)) };
        { let x = input(2); let y = Dense::new(3).call(&x); Model::new(&x, &Add::new().call([&x, &y])) };
        { let x = input(2); let y = Dense::new(3).call(&x); Model::new(&x, &Subtract::new().call([&x, &y])) };
        { let x = input(2); Model::new(&x, &Subtract::new().call([&x, &x, &x])) };
        { let x = input(2); Model::new(&x, &Concatenate::new().axis(0).call([&x, &x])) };
        { let x = input(2); Model::new(&x, &Concatenate::new().axis(i64::MIN).call([&x, &x])) };
        { let x = input(2); let y = Reshape::new([2, 1]).call(&x); Model::new(&x,
            &Concatenate::new().call([&x, &y])) };
        { let x = input(2); let y = Dense::new(3).call(&x); Model::new(&x, &Dot::new(1).call([&x, &y])) };
        { let x = input(2); Model::new(&x, &Dot::new(5).call([&x, &x])) };
        { let (x, y) = (input(2), input(3)); let shared = Shared::new(Dense::new(1)); Model::new([&x, &y],
            [&shared.call(&x), &shared.call(&y)]) };
        { let x = input(2); Model::new(&x, &Dense::new(1).name("d").call(&Dense::new(1).name("d").call(&x))) };
        { let x = input(3); Model::new(&x, &regression().call(&x)) };
        { let x = input(2); Model::new(&x, &two_outputs().call([&x, &x])) };
        { let x = input(2); Model::new(&x, &two_outputs().call(&Vec::new())) };
        functional(&[], json!([["x", 0, 0]]));
        functional(&[file_input()], json!([["y", 0, 0]]));
        functional(&[file_input()], json!([["x", 3, 0]]));
        functional(&[file_input()], json!([["x", 0, 3]]));
        functional(&[file_input()], json!("x"));
        functional(&[file_input(), node("Dense", "a", json!({"units": 2}), &["b"]), node("Dense", "b",
            json!({"units": 2}), &["a"])], json!([["b", 0, 0]]));
        functional(&[file_input(), node("Dense", "a", json!({"units": 2}), &["a"])], json!([["a", 0, 0]]));
        functional(&[file_input(), node("Dense", "a", json!({"units": 2}), &["nobody"])], json!([["a", 0, 0]]));
        functional(&[file_input(), node("Dense", "a", json!({"units": 2}), &[])], json!([["a", 0, 0]]));
        functional(&[file_input(), node("Dense", "x", json!({"units": 2}), &["x"])], json!([["x", 0, 0]]));
        functional(&[node("InputLayer", "x", json!({ "batch_shape": [null] }), &[])], json!([["x", 0, 0]]));
        functional(&[node("InputLayer", "x", json!({ "batch_shape": [null, -2] }), &[])], json!([["x", 0, 0]]));
        functional(&[node("InputLayer", "x", json!({ "batch_shape": "all" }), &[])], json!([["x", 0, 0]]));
        functional(&[node("InputLayer", "x", json!({ "batch_shape": [null, 1e300] }), &[])], json!([["x", 0, 0]]));
        functional(&[node("InputLayer", "x", json!({ "batch_shape": [null, 18446744073709551615u64, 2] }),
            &[])], json!([["x", 0, 0]]));
    }
    text
}

fn descriptions() -> String {
    let mut text = String::from("\n# Descriptions\n");
    typed! { text;
        Model::from_json(&json!(null));
        Model::from_json(&json!([]));
        Model::from_json(&json!({}));
        Model::from_json(&json!({ "class": "Squential", "layers": [] }));
        Model::from_json(&json!({ "class": "Sequential" }));
        Model::from_json(&json!({ "class": "Sequential", "layers": "Dense" }));
        Model::from_json(&json!({ "class": "Sequential", "layers": [], "lyers": [1] }));
        described(json!([1]));
        described(json!([{ "units": 3 }]));
        described(json!([{ "class": "Dens", "units": 3 }]));
        described(json!([{ "class": "Conv2D", "filters": 3 }]));
        dense(json!({ "activation": { "class_name": "LeakyReLU", "config": { "negative_slope": 0.1 } } }));
        dense(json!({ "activation": { "class_name": "leaky_relu", "config": { "negative_slope": 0.1 } } }));
        operation("Softmax", json!({ "axis": null }));
        operation("Reshape", json!({ "newshape": [2] }));
        described(json!([{ "class": "dense", "units": 3 }]));
        described(json!([{ "class": "Dense" }]));
        described(json!([{ "class": "Dense", "units": 3, "input_dim": 2, "name": 5 }]));
        dense(json!({ "units": -1 }));
        dense(json!({ "units": 1.5 }));
        dense(json!({ "units": "ten" }));
        dense(json!({ "units": 1e30 }));
        dense(json!({ "input_dim": [2] }));
        dense(json!({ "activation": 3 }));
        dense(json!({ "activation": "Relu7" }));
        dense(json!({ "use_bias": "yes" }));
        dense(json!({ "trainable": 1 }));
        dense(json!({ "dtype": "float16" }));
        dense(json!({ "activaton": "relu" }));
        dense(json!({ "lora_rank": 4 }));
        dense(json!({ "kernel_initializer": "he_norml" }));
        dense(json!({ "kernel_initializer": 5 }));
        dense(json!({ "kernel_initializer": { "class": "RandomUniform", "minval": "a" } }));
        dense(json!({ "kernel_initializer": { "class": "VarianceScaling", "scale": 0.0 } }));
        dense(json!({ "kernel_initializer": { "class": "VarianceScaling", "mode": "fan" } }));
        dense(json!({ "kernel_initializer": { "class": "TruncatedNormal", "sigma": 1.0 } }));
        dense(json!({ "bias_initializer": "identity" }));
        dense(json!({ "bias_initializer": "orthogonal" }));
        dense(json!({ "kernel_regularizer": "l3" }));
        dense(json!({ "kernel_regularizer": 0.01 }));
        dense(json!({ "kernel_regularizer": { "class": "L2", "l2": -0.1 } }));
        dense(json!({ "kernel_regularizer": { "class": "L2", "l1": 0.1 } }));
        dense(json!({ "bias_regularizer": { "class": "OrthogonalRegularizer" } }));
        dense(json!({ "kernel_constraint": "max_nrm" }));
        dense(json!({ "kernel_constraint": { "class": "MaxNorm", "max_value": -1.0 } }));
        dense(json!({ "kernel_constraint": { "class": "MaxNorm", "axis": 5 } }));
        dense(json!({ "kernel_constraint": { "class": "MinMaxNorm", "min_value": 2.0, "max_value": 1.0 } }));
        dense(json!({ "kernel_constraint": { "class": "MinMaxNorm", "rate": 3.0 } }));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Dropout",
            "rate": "half" }]));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Dropout" }]));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Dropout", "rate": 0.5,
            "noise_shape": [1] }]));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Activation" }]));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Reshape",
            "target_shape": [1.5] }]));
        described(json!([{ "class": "Dense", "units": 2, "input_dim": 2 }, { "class": "Dense", "units": 2,
            "input_dim": 2, "name": "dense" }, { "class": "Dense", "units": 2, "name": "dense" }]));
        Model::load("Cargo.toml");
        regression().save("model.txt");
        Sequential::new(layers![Dense::new(2)]).unwrap().save("model.keras");
        plot_model(&regression(), "model.jpg", PlotModel::new().rankdir(Direction::LeftToRight));
        regression().summary_with(SummaryOptions::new().layer_range("dense", "dnse_1"));
    }
    text
}

fn more_layers() -> String {
    let mut text = String::from("\n# Layers that normalize, embed and look up\n");
    let behind = |node: Value| described(json!([{ "class": "InputLayer", "batch_shape": [null, 4] }, node]));
    let compiled = |model: Result<Model>| {
        let mut model = model?;
        model.compile("mse", "sgd", [""; 0])?;
        Ok::<_, Error>(model)
    };
    let embedded = || {
        let layers = layers![Input::new([2]), Embedding::new(3, 2), Flatten::new(), Dense::new(1)];
        compiled(Sequential::new(layers))
    };
    typed! { text;
        behind(json!({ "class": "BatchNormalization", "axis": 3 }));
        behind(json!({ "class": "BatchNormalization", "momentum": 1.5 }));
        behind(json!({ "class": "BatchNormalization", "epsilon": -1.0 }));
        behind(json!({ "class": "BatchNormalization", "renorm": true }));
        behind(json!({ "class": "LayerNormalization", "axis": [1, 1] }));
        behind(json!({ "class": "LayerNormalization", "epsilon": "small" }));
        behind(json!({ "class": "GroupNormalization", "groups": 3 }));
        behind(json!({ "class": "GroupNormalization", "groups": 0 }));
        behind(json!({ "class": "RMSNormalization", "axis": 9 }));
        behind(json!({ "class": "UnitNormalization", "axis": "last" }));
        behind(json!({ "class": "SpectralNormalization" }));
        behind(json!({ "class": "SpectralNormalization", "layer": { "class": "Dropout", "rate": 0.5 } }));
        behind(json!({ "class": "SpectralNormalization", "layer": { "class": "Dens", "units": 3 } }));
        behind(json!({ "class": "SpectralNormalization", "power_iterations": 0, "layer": { "class": "Dense",
            "units": 3 } }));
        behind(json!({ "class": "Normalization", "mean": [1.0, 2.0], "variance": [1.0, 2.0] }));
        behind(json!({ "class": "Normalization", "mean": 1.0 }));
        behind(json!({ "class": "Normalization", "mean": 1.0, "variance": -1.0 }));
        strings(&["a"]).reshape([1, 1]).and_then(|x| Normalization::new().adapt(&x));
        Normalization::new().adapt(&ones(&[0, 2]));
        Normalization::new().axis([7]).adapt(&ones(&[2, 2]));
        behind(json!({ "class": "Embedding", "input_dim": 0, "output_dim": 2 }));
        behind(json!({ "class": "Embedding", "input_dim": 1u64 << 40, "output_dim": 1u64 << 40 }));
        behind(json!({ "class": "Embedding", "output_dim": 2 }));
        behind(json!({ "class": "Embedding", "input_dim": 3, "output_dim": 2, "mask_zero": 5 }));
        Sequential::new(layers![Dense::new(2).input_dim(2), Embedding::new(3, 2)]);
        embedded().and_then(|mut model| fit(&mut model, &(ones(&[2, 2]) * 3.0), ones(&[2]), Fit::new()));
        embedded().and_then(|mut model| fit(&mut model, &(ones(&[2, 2]) * -1.0), ones(&[2]), Fit::new()));
        embedded().and_then(|mut model| fit(&mut model, &(ones(&[2, 2]) * 0.5), ones(&[2]), Fit::new()));
        behind(json!({ "class": "StringLookup", "vocabulary": ["a", "a"] }));
        behind(json!({ "class": "StringLookup", "vocabulary": [] }));
        behind(json!({ "class": "StringLookup", "vocabulary": "words.txt" }));
        behind(json!({ "class": "StringLookup", "vocabulary": ["a"], "num_oov_indices": -1 }));
        behind(json!({ "class": "StringLookup", "vocabulary": ["a"], "output_mode": "onehot" }));
        behind(json!({ "class": "StringLookup", "vocabulary": ["a"], "max_tokens": 1 }));
        behind(json!({ "class": "IntegerLookup", "vocabulary": [1.5] }));
        behind(json!({ "class": "CategoryEncoding", "num_tokens": 0 }));
        behind(json!({ "class": "CategoryEncoding", "num_tokens": 3, "output_mode": "int" }));
        behind(json!({ "class": "Hashing", "num_bins": 0 }));
        behind(json!({ "class": "Hashing", "num_bins": 3, "salt": "pepper" }));
        behind(json!({ "class": "Discretization", "bin_boundaries": [2.0, 1.0] }));
        behind(json!({ "class": "Discretization", "num_bins": 0 }));
        compiled(described(json!([{ "class": "InputLayer", "batch_shape": [null, 1], "dtype": "string" },
            { "class": "StringLookup", "vocabulary": ["a"], "num_oov_indices": 0 }, { "class": "Dense",
            "units": 1 }]))).and_then(|mut model| fit(&mut model, strings(&["a", "b"]), ones(&[2]), Fit::new()));
        compiled(described(json!([{ "class": "InputLayer", "batch_shape": [null, 1] },
            { "class": "CategoryEncoding", "num_tokens": 3 }, { "class": "Dense", "units": 1 }])))
            .and_then(|mut model| fit(&mut model, labels(&[1, 5]), ones(&[2]), Fit::new()));
    }
    text
}

fn words() -> String {
    let mut text = String::from("\n# Initializers, regularizers, constraints\n");
    let layer = |layer: Dense| Sequential::new(layers![layer.input_dim(2)]);
    typed! { text;
        layer(Dense::new(2).kernel_regularizer(L1::new(-1.0)));
        layer(Dense::new(2).kernel_regularizer(L2::new(f64::NAN)));
        layer(Dense::new(2).bias_regularizer(OrthogonalRegularizer::new(0.1)));
        layer(Dense::new(2).activity_regularizer(OrthogonalRegularizer::new(0.1)));
        layer(Dense::new(2).kernel_constraint(MaxNorm::new(-2.0)));
        layer(Dense::new(2).kernel_constraint(MaxNorm::new(f64::NAN)));
        layer(Dense::new(2).kernel_constraint(MinMaxNorm::new(2.0, 1.0)));
        layer(Dense::new(2).bias_constraint(UnitNorm::new().axis(1)));
    }
    text
}

fn compiling() -> String {
    let mut text = String::from("\n# Compiling\n");
    typed! { text;
        regression().compile("mean_sqared_error", "sgd", [""; 0]);
        regression().compile("mse", "adm", [""; 0]);
        regression().compile("mse", "sgd", ["accuracyy"]);
        regression().compile("mse", "sgd", ["mae", "mae"]);
        regression().compile("mse", "sgd", ["loss"]);
        regression().compile("", "sgd", [""; 0]);
        regression().compile("categorical_crossentropy", "sgd", [""; 0]);
        regression().compile("sparse_categorical_crossentropy", "sgd", [""; 0]);
        regression().compile("binary_crossentropy", "sgd", [""; 0]);
        regression().compile("mse", SGD::new(-1.0), [""; 0]);
        regression().compile("mse", SGD::new(f32::NAN), [""; 0]);
        sparse().set_learning_rate(-0.5);
        Sequential::new(layers![Dense::new(1).activation("softmax").input_dim(2)]).unwrap().compile("mse",
            "sgd", [""; 0]);
        two_outputs().compile(["mse"], "sgd", [""; 0]);
        two_outputs().compile(["mse", "mae", "mse"], "sgd", [""; 0]);
        two_outputs().compile(Losses::named([("c", "mse")]), "sgd", [""; 0]);
        two_outputs().compile("mse", "sgd", ["mae"]);
        two_outputs().compile_with(Compile::new("mse", "sgd").metrics_of("c", ["mae"]));
        two_outputs().compile_with(Compile::new("mse", "sgd").loss_weights([1.0]));
        two_outputs().compile_with(Compile::new("mse", "sgd").loss_weights([1.0, f64::NAN]));
        two_outputs().compile_with(Compile::new(Losses::named([("a", "mse"); 0]), "sgd"));
        regression().compile_from_json(&json!({}));
        regression().compile_from_json(&json!({ "loss": "mse", "optimizer": 3 }));
        regression().compile_from_json(&json!({ "loss": 3 }));
        regression().compile_from_json(&json!({ "loss": { "class_name": "function", "config": "my_loss" } }));
        regression().compile_from_json(&json!({ "loss": "mse", "metrics": 3 }));
        regression().compile_from_json(&json!({ "loss": "mse", "optimiser": "sgd" }));
        two_outputs().compile_from_json(&json!({ "loss": ["mse", "mse"], "metrics": ["mae"] }));
    }
    text
}

fn feeding() -> String {
    let mut text = String::from("\n# Data\n");
    let (x4, x2) = (ones(&[6, 4]), ones(&[6, 2]));
    let (y, six) = (ones(&[6]), labels(&[0, 1, 2, 0, 1, 2]));
    typed! { text;
        Sequential::new(layers![Dense::new(1).input_dim(2)]).and_then(|mut model| fit(&mut model, &x2, &y,
            Fit::new()));
        Sequential::new(layers![Dense::new(1)]).and_then(|model| model.predict(&x2));
        Sequential::new(layers![Dense::new(1).input_dim(2)]).and_then(|model| model.evaluate(&x2, &y));
        fit(&mut regression(), &x4, &y, Fit::new());
        fit(&mut regression(), ones(&[0, 2]), ones(&[0]), Fit::new());
        fit(&mut regression(), ones(&[]), ones(&[]), Fit::new());
        fit(&mut regression(), ones(&[6, 2, 0]), &y, Fit::new());
        fit(&mut regression(), &x2, ones(&[5]), Fit::new());
        fit(&mut regression(), &x2, ones(&[6, 2]), Fit::new());
        fit(&mut regression(), &x2, ones(&[6, 0]), Fit::new());
        fit(&mut regression(), &x2, &(ones(&[6]) * f32::NAN), Fit::new());
        fit(&mut regression(), &(ones(&[6, 2]) * f32::INFINITY), &y, Fit::new());
        fit(&mut regression(), strings(&["a", "b"]), ones(&[2]), Fit::new());
        fit(&mut Sequential::new(layers![Dense::new(1)]).and_then(|mut model| model.compile("mse", "sgd",
            [""; 0]).map(|()| model)).unwrap(), strings(&["a", "b"]), ones(&[2]), Fit::new());
        fit(&mut regression(), &x2, strings(&["a", "b", "c", "d", "e", "f"]), Fit::new());
        fit(&mut regression(), [&x2, &x2], &y, Fit::new());
        fit(&mut regression(), Vec::<Tensor>::new(), &y, Fit::new());
        fit(&mut regression(), &x2, Vec::<Tensor>::new(), Fit::new());
        fit(&mut Sequential::new(layers![Dense::new(1)]).and_then(|mut model| model.compile("mse", "sgd",
            [""; 0]).map(|()| model)).unwrap(), Vec::<Tensor>::new(), &y, Fit::new());
        fit(&mut sparse(), &x4, labels(&[0, 1, 2, 3, 0, 1]), Fit::new());
        fit(&mut sparse(), &x4, labels(&[0, 1, 2, -1, 0, 1]), Fit::new());
        fit(&mut sparse(), &x4, &(ones(&[6]) * 0.5), Fit::new());
        fit(&mut sparse(), &x4, ones(&[6, 3]), Fit::new());
        fit(&mut classifier("categorical_crossentropy").unwrap(), &x4, &six, Fit::new());
        fit(&mut compiled_two_outputs(), &x2, &y, Fit::new());
        fit(&mut compiled_two_outputs(), &x2, [&y, &y], Fit::new().class_weight([(0, 2.0)]));
        fit(&mut compiled_two_outputs(), &x2, [&y, &y], Fit::new().sample_weight([&y, &y, &y]));
        fit(&mut regression(), &x2, &y, Fit::new().batch_size(0));
        fit(&mut regression(), &x2, &y, Fit::new().steps_per_epoch(0));
        fit(&mut regression(), &x2, &y, Fit::new().validation_steps(0).validation_split(0.5));
        fit(&mut regression(), &x2, &y, Fit::new().validation_batch_size(0).validation_split(0.5));
        fit(&mut regression(), &x2, &y, Fit::new().validation_split(1.0));
        fit(&mut regression(), &x2, &y, Fit::new().validation_split(-0.1));
        fit(&mut regression(), &x2, &y, Fit::new().validation_split(f64::NAN));
        fit(&mut regression(), &x2, &y, Fit::new().validation_split(0.999));
        fit(&mut regression(), &x2, &y, Fit::new().validation_split(0.5).validation_freq(0));
        fit(&mut regression(), &x2, &y, Fit::new().validation_data(&x4, &y));
        fit(&mut regression(), &x2, &y, Fit::new().validation_data(&x2, ones(&[5])));
        fit(&mut regression(), &x2, &y, Fit::new().sample_weight(ones(&[5])));
        fit(&mut regression(), &x2, &y, Fit::new().sample_weight(ones(&[6, 2])));
        fit(&mut regression(), &x2, &y, Fit::new().sample_weight(&(ones(&[6]) * -1.0)));
        fit(&mut regression(), &x2, &y, Fit::new().sample_weight(strings(&["a", "b", "c", "d", "e", "f"])));
        fit(&mut regression(), &x2, &y, Fit::new().sample_weight(&y).class_weight([(0, 2.0)]));
        fit(&mut sparse(), &x4, &six, Fit::new().class_weight([(0, -2.0)]));
        fit(&mut sparse(), &x4, &six, Fit::new().class_weight([(0, f64::NAN)]));
        fit(&mut sparse(), &x4, &six, Fit::new().class_weight([(7, 1.0)]));
        fit(&mut regression(), &x2, &(ones(&[6]) * 1e30), Fit::new().epochs(50));
        regression().train_on_batch(&x4, &y);
        regression().evaluate(&x4, &y);
        regression().evaluate_with(&x2, &y, Evaluate::new().batch_size(0));
        regression().evaluate_with(&x2, &y, Evaluate::new().steps(0));
        regression().evaluate_with(&x2, &y, Evaluate::new().sample_weight(ones(&[3])));
        regression().predict(&x4);
        regression().predict(ones(&[0, 2]));
        regression().predict_with(&x2, Predict::new().steps(0));
        regression().predict_with_output(&x2, Predict::new().batch_size(0), Box::new(std::io::sink()),
            Terminal::PLAIN);
    }
    text
}

fn utilities() -> String {
    let mut text = String::from("\n# Tensors and utilities\n");
    typed! { text;
        Tensor::new(vec![1.0f32; 3], [2, 2]);
        Tensor::new(vec![1.0f32; 3], [usize::MAX, 2]);
        ones(&[6]).reshape([4, 2]);
        ones(&[6]).reshape([usize::MAX, usize::MAX]);
        ones(&[6]).slice(4..9);
        ones(&[6]).slice(std::ops::Range { start: 4, end: 2 });
        ones(&[6]).get(6);
        ones(&[6]).get(usize::MAX);
        Tensor::new(Vec::<f32>::new(), [0, usize::MAX, 2]).and_then(|x| regression().predict(&x));
        ones(&[6]).take(&[0, 9]);
        ones(&[]).argmax();
        ones(&[2, 0]).argmax();
        strings(&["a"]).argmax();
        strings(&["1", "x"]).parse(F32);
        to_categorical(&labels(&[0, 3]), 3);
        to_categorical(&labels(&[0, -3]), 3);
        to_categorical(&labels(&[0]), 0);
        to_categorical(&labels(&[0]), usize::MAX);
        to_categorical(&strings(&["a"]), 3);
        normalize(&ones(&[2, 2]), 5, 2.0);
        normalize(&ones(&[2, 2]), -1, f64::NAN);
        normalize(&strings(&["a"]), -1, 2.0);
        train_test_split(&ones(&[6, 2]), &ones(&[5]), 0.2, 0, None);
        train_test_split(&ones(&[6, 2]), &ones(&[6]), 1.0, 0, None);
        train_test_split(&ones(&[1, 2]), &ones(&[1]), 0.5, 0, None);
        train_test_split(&ones(&[6, 2]), &ones(&[6]), 0.5, 0, Some(&labels(&[1, 2])));
        train_test_split(&ones(&[3, 2]), &ones(&[3]), 0.5, 0, Some(&labels(&[1, 1, 2])));
        compute_class_weight(&ones(&[0]));
        compute_class_weight(&(ones(&[3]) * 0.5));
        compute_class_weight(&strings(&["a"]));
    }
    text
}

#[test]
fn a_long_chain_of_calls_ends_well() {
    let mut x = input(2);
    for _ in 0..100_000 {
        x = Identity::new().call(&x);
    }
    drop(x);
}

#[test]
fn a_compile_that_fails_leaves_the_model_as_it_was() {
    let mut model = regression();
    fit(&mut model, ones(&[6, 2]), ones(&[6]), Fit::new()).unwrap();
    let before = model.to_keras().unwrap();
    // Words that are known, of which a single output makes no sense.
    model.compile("categorical_crossentropy", "adam", [""; 0]).unwrap_err();
    assert!(model.to_keras().unwrap() == before);
    fit(&mut model, ones(&[6, 2]), ones(&[6]), Fit::new()).unwrap();
    let mut fresh = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
    fresh.compile("categorical_crossentropy", "adam", [""; 0]).unwrap_err();
    assert!(!fresh.is_compiled());
}

#[test]
fn messages() {
    let text =
        [layers(), connections(), descriptions(), more_layers(), words(), compiling(), feeding(), utilities()]
            .concat();
    for wrong in ["PANIC", "NO ERROR"] {
        assert!(!text.contains(&format!("    {wrong}\n")), "{text}");
    }
    assert!(text.lines().filter(|line| line.starts_with("    ")).count() > 150);
    insta::assert_snapshot!(text);
}
