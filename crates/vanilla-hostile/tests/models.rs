//! Whole models that are hostile, through `Model::load`. Every fixture is made here from one good file;
//! memory and time are watched; the messages are kept as a snapshot, and each names file and field.

use serde_json::{Value, json};
use std::fmt::Write as _;
use vanilla::layers::{Dense, Dropout};
use vanilla::{Model, Sequential, layers};
use vanilla_formats::hdf5::{self, Group, Node};
use vanilla_formats::{Array, Data};
use vanilla_hostile::containers::{Member, pack, unpack};
use vanilla_hostile::watch::guard;
use vanilla_hostile::{check, format};

/// A model of 4 inputs, 3 hidden units and 2 outputs.
fn good() -> Vec<u8> {
    let layers = layers![
        Dense::new(3).activation("relu").input_dim(4).name("hidden"),
        Dropout::new(0.1),
        Dense::new(2).activation("softmax").name("out")
    ];
    let mut model = Sequential::new(layers).unwrap().with_name("m");
    model.compile("sparse_categorical_crossentropy", "sgd", ["acc"]).unwrap();
    model.to_keras().unwrap()
}

fn members() -> Vec<Member> {
    unpack(&good()).unwrap()
}

/// The good file with its members changed.
fn with(change: impl FnOnce(&mut Vec<Member>)) -> Vec<u8> {
    let mut members = members();
    change(&mut members);
    pack(&members)
}

fn member<'a>(members: &'a mut [Member], name: &str) -> &'a mut Member {
    members.iter_mut().find(|member| member.name == name.as_bytes()).unwrap()
}

/// The good file with this text as its description.
fn described(text: impl Into<Vec<u8>>) -> Vec<u8> {
    with(|members| member(members, "config.json").content = text.into())
}

/// The good file with its description changed.
fn config(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut members = members();
    let text = &mut member(&mut members, "config.json").content;
    let mut value = serde_json::from_slice(text).unwrap();
    change(&mut value);
    *text = value.to_string().into_bytes();
    pack(&members)
}

/// The good file with a key of its first Dense layer changed.
fn dense(key: &str, value: Value) -> Vec<u8> {
    config(|config| config["config"]["layers"][1]["config"][key] = value)
}

/// The good file with its first Dense layer's node changed.
fn node(key: &str, value: Value) -> Vec<u8> {
    config(|config| config["config"]["layers"][1][key] = value)
}

/// The good file with its weights changed.
fn weights(change: impl FnOnce(&mut Group)) -> Vec<u8> {
    let mut members = members();
    let bytes = &mut member(&mut members, "model.weights.h5").content;
    let mut tree = hdf5::read(bytes).unwrap();
    change(&mut tree);
    *bytes = hdf5::write(&tree).unwrap();
    pack(&members)
}

fn children<'a>(tree: &'a mut Group, path: &str) -> &'a mut Vec<(String, Node)> {
    let mut group = tree;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let (_, node) = group.children.iter_mut().find(|(child, _)| child == name).unwrap();
        let Node::Group(next) = node else { panic!("{path} is no group") };
        group = next;
    }
    &mut group.children
}

fn floats(shape: &[usize]) -> Node {
    Node::Dataset(Array::new(shape.to_vec(), Data::F32(vec![0.0; shape.iter().product()])).unwrap())
}

/// A functional model's description, x -> a -> b.
fn functional(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let tensor = |from: &str| json!([{ "args": [{ "class_name": "__keras_tensor__", "config": { "shape": [null, 4], "dtype": "float32", "keras_history": [from, 0, 0] } }], "kwargs": {} }]);
    let layer = |name: &str, from: &str| json!({ "module": "keras.layers", "class_name": "Dense", "config": { "name": name, "units": 4 }, "name": name, "inbound_nodes": tensor(from) });
    let mut value = json!({ "module": "keras", "class_name": "Functional", "config": {
        "name": "f",
        "layers": [
            { "module": "keras.layers", "class_name": "InputLayer", "config": { "batch_shape": [null, 4], "name": "x" }, "name": "x", "inbound_nodes": [] },
            layer("a", "x"),
            layer("b", "a"),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["b", 0, 0]],
    } });
    change(&mut value);
    described(value.to_string())
}

/// Where `needle` stands for the `n`-th time, counted from 0.
fn find(bytes: &[u8], needle: &[u8], n: usize) -> usize {
    bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).nth(n).expect("needle").0
}

fn patch(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = good();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

/// Item, what is wrong, and the file.
fn archives() -> Vec<(u32, String, Vec<u8>)> {
    let good = good();
    let (local, central) = (find(&good, b"PK\x03\x04", 1), find(&good, b"PK\x01\x02", 1));
    let end = good.len() - 22;
    let mut cases: Vec<(u32, String, Vec<u8>)> = Vec::new();
    let mut case = |item: u32, name: &str, bytes: Vec<u8>| cases.push((item, name.to_owned(), bytes));
    case(38, "an empty file", vec![]);
    case(38, "a pickle", b"\x80\x04\x95\x10\0\0\0".to_vec());
    case(38, "a web page", b"<!DOCTYPE html><title>404</title>".to_vec());
    case(38, "an HDF5 file", members()[2].content.clone());
    case(38, "a JSON text", b"{\"class_name\": \"Sequential\"}".to_vec());
    case(38, "a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:1".to_vec());
    case(39, "half a download", good[..good.len() / 2].to_vec());
    case(39, "without its last byte", good[..good.len() - 1].to_vec());
    case(40, "overlapping entries", {
        let offset = u32::from_le_bytes(good[central + 42..central + 46].try_into().unwrap());
        patch(central + 42, &(offset - 1).to_le_bytes())
    });
    case(41, "another name in the member than in the directory", patch(local + 30, b"CONFIG"));
    case(41, "another size in the member than in the directory", patch(local + 22, &[9]));
    case(42, "65534 entries", patch(end + 8, &[0xFE, 0xFF, 0xFE, 0xFF]));
    case(42, "zip64", patch(end + 16, &[0xFF; 4]));
    case(43, "config.json twice", with(|members| members.push(members[1].clone())));
    for name in
        ["/config.json", "../config.json", "a\\config.json", "config.json\0", "C:config.json", "\u{1b}[2Jconfig"]
    {
        case(44, &format!("a member named {name:?}"), with(|members| members[1].name = name.into()));
    }
    case(45, "a symbolic link", patch(central + 38, &(0o120_777u32 << 16).to_le_bytes()));
    case(46, "encryption", {
        let mut bytes = patch(central + 8, &[1]);
        bytes[local + 6] = 1;
        bytes
    });
    case(46, "compression method 93", {
        let mut bytes = patch(central + 10, &[93]);
        bytes[local + 8] = 93;
        bytes
    });
    case(47, "a script in front", [b"#!/bin/sh\n", &good[..]].concat());
    case(47, "a web page behind", [&good[..], b"<html>"].concat());
    case(48, "a changed byte in the weights", patch(find(&good, b"\x89HDF", 0) + 700, b"!!!!"));
    case(
        49,
        "65 MiB of spaces as description",
        with(|members| {
            members[1].content = vec![b' '; 65 << 20];
            members[1].deflated = true;
        }),
    );
    case(49, "a description of 10^6 open brackets", described("[".repeat(1_000_000)));
    case(49, "a description of 10^6 objects in each other", described("{\"a\":".repeat(1_000_000)));
    case(
        49,
        "a list of 8 million numbers, deflated",
        with(|members| {
            members[1].content = format!("[{}0]", "0,".repeat(8 << 20)).into_bytes();
            members[1].deflated = true;
        }),
    );
    case(49, "a key twice", described("{\"class_name\": \"Sequential\", \"class_name\": \"Functional\"}"));
    case(49, "something behind the description", described("{} {}"));
    cases
}

fn descriptions() -> Vec<(u32, String, Vec<u8>)> {
    let mut cases: Vec<(u32, String, Vec<u8>)> = Vec::new();
    let mut case = |item: u32, name: &str, bytes: Vec<u8>| cases.push((item, name.to_owned(), bytes));
    for class in [
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
        "FlaxLayer",
        "os.system",
        "__import__('os')",
        "\u{202e}esneD",
    ] {
        case(50, &format!("class {class:?}"), node("class_name", json!(class)));
    }
    case(50, "a class that is no text", node("class_name", json!(["Dense"])));
    case(50, "a registered name of another package", node("registered_name", json!("evil>Dense")));
    case(50, "a module that is not Keras", node("module", json!("os")));
    case(
        50,
        "a Lambda as activation",
        dense("activation", json!({ "class_name": "__lambda__", "config": { "value": ["4wEAAAA="] } })),
    );
    case(
        50,
        "a function as initializer",
        dense(
            "kernel_initializer",
            json!({ "class_name": "function", "config": "os.system", "registered_name": "function" }),
        ),
    );
    let loss = |loss: Value| config(|config| config["compile_config"]["loss"] = loss);
    case(50, "a function as loss", loss(json!({ "class_name": "function", "config": "os.system" })));
    case(
        50,
        "a function with an escape sequence as loss",
        loss(json!({ "class_name": "function", "config": "\u{1b}[2J\n" })),
    );
    case(50, "a class as loss", loss(json!({ "module": "os", "class_name": "os.system", "config": {} })));
    case(50, "a list as compile_config", config(|config| config["compile_config"] = json!(["mse"])));
    for value in [
        json!(-1),
        json!(0),
        json!(1e308),
        json!("10"),
        json!(null),
        json!([3]),
        json!({}),
        json!(3.0),
        json!(true),
    ] {
        case(51, &format!("units = {value}"), dense("units", value));
    }
    for text in ["9223372036854775808", "18446744073709551616", "NaN", "Infinity", "1e999", "0x10"] {
        let config = String::from_utf8(members()[1].content.clone()).unwrap();
        case(
            51,
            &format!("units = {text}"),
            described(config.replacen("\"units\":3", &format!("\"units\":{text}"), 1)),
        );
    }
    case(52, "a million units", dense("units", json!(1_000_000)));
    case(52, "2^62 units", dense("units", json!(1u64 << 62)));
    let inputs = |shape: Value| config(|config| config["config"]["layers"][0]["config"]["batch_shape"] = shape);
    case(52, "a million inputs", inputs(json!([null, 1_000_000])));
    case(52, "an input of 2^40 x 2^40", inputs(json!([null, 1u64 << 40, 1u64 << 40])));
    case(52, "an input of no axis", inputs(json!([null])));
    case(52, "an input of 100000 axes", inputs(json!(vec![1; 100_000])));
    case(53, "float16", dense("dtype", json!("float16")));
    case(
        53,
        "mixed_bfloat16",
        dense("dtype", json!({ "class_name": "DTypePolicy", "config": { "name": "mixed_bfloat16" } })),
    );
    case(53, "an unknown policy", dense("dtype", json!({ "class_name": "EvilPolicy", "config": {} })));
    case(
        54,
        "a kernel of another shape",
        weights(|tree| children(tree, "layers/dense/vars")[0].1 = floats(&[3, 4])),
    );
    case(
        54,
        "a kernel of other elements",
        weights(|tree| {
            let bytes = Array::new(vec![4, 3], Data::U8(vec![0; 12])).unwrap();
            children(tree, "layers/dense/vars")[0].1 = Node::Dataset(bytes);
        }),
    );
    case(
        54,
        "a layer without its weights",
        weights(|tree| children(tree, "layers").retain(|(name, _)| name != "dense")),
    );
    case(
        54,
        "weights without the layer",
        config(|config| drop(config["config"]["layers"].as_array_mut().unwrap().pop())),
    );
    case(
        54,
        "a group instead of a kernel",
        weights(|tree| children(tree, "layers/dense/vars")[0].1 = Node::Group(Group::new())),
    );
    case(
        54,
        "a kernel of NaN",
        weights(|tree| {
            let array = Array::new(vec![4, 3], Data::F32(vec![f32::NAN; 12])).unwrap();
            children(tree, "layers/dense/vars")[0].1 = Node::Dataset(array);
        }),
    );
    for shape in [json!(null), json!([null, "4"]), json!([null, 1u64 << 40]), json!({ "items": [null, 5] })] {
        case(
            54,
            &format!("no input, built for {shape}"),
            config(|config| {
                config["config"]["layers"].as_array_mut().unwrap().remove(0);
                config["config"]["build_input_shape"] = shape;
            }),
        );
    }
    case(55, "two layers of one name", dense("name", json!("out")));
    case(
        55,
        "a ring",
        functional(|f| {
            f["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = json!(["b", 0, 0])
        }),
    );
    case(
        55,
        "an input that is not there",
        functional(|f| {
            f["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = json!(["y", 0, 0])
        }),
    );
    case(55, "a call that is not there", functional(|f| f["config"]["output_layers"] = json!([["b", 7, 0]])));
    case(
        55,
        "an output of a layer that is not there",
        functional(|f| f["config"]["output_layers"] = json!([["b", 0, 7]])),
    );
    case(55, "no outputs", functional(|f| f["config"]["output_layers"] = json!([])));
    case(55, "no inputs", functional(|f| f["config"]["input_layers"] = json!(null)));
    case(
        55,
        "two inputs of one name",
        functional(|f| f["config"]["layers"][1] = f["config"]["layers"][0].clone()),
    );
    case(55, "a model in itself, 100 deep", {
        let mut inner = json!({ "class_name": "Dense", "config": { "units": 1 } });
        for _ in 0..30 {
            inner = json!({ "class_name": "Sequential", "config": { "name": "s", "layers": [inner] } });
        }
        config(|config| config["config"]["layers"][1] = inner)
    });
    for name in ["a/b", "../../etc/passwd", "", "a\0b", "a\u{1b}[2J", "\u{202e}txt", "tab\there"] {
        case(56, &format!("a layer named {name:?}"), dense("name", json!(name)));
    }
    case(56, "a layer's name of 1 MB", dense("name", json!("x".repeat(1 << 20))));
    case(56, "a model's name of 1 MB", config(|config| config["config"]["name"] = json!("x".repeat(1 << 20))));
    case(
        56,
        "a model named with an escape sequence",
        config(|config| config["config"]["name"] = json!("m\u{1b}[31m")),
    );
    case(57, "a bias is missing", weights(|tree| drop(children(tree, "layers/dense/vars").pop())));
    case(
        57,
        "a weight too many in a layer",
        weights(|tree| children(tree, "layers/dense/vars").push(("2".into(), floats(&[3])))),
    );
    case(
        57,
        "a layer too many",
        weights(|tree| {
            let vars = Group { attrs: vec![], children: vec![("0".into(), floats(&[3]))] };
            let layer = Group { attrs: vec![], children: vec![("vars".into(), Node::Group(vars))] };
            children(tree, "layers").push(("dense_2".into(), Node::Group(layer)));
        }),
    );
    case(
        57,
        "a slot too many in the optimizer",
        weights(|tree| {
            children(tree, "optimizer/vars").extend([("2".into(), floats(&[3])), ("3".into(), floats(&[3]))])
        }),
    );
    case(58, "no metadata", with(|members| drop(members.remove(0))));
    case(58, "garbage as metadata", with(|members| members[0].content = b"\xff\x00{{".to_vec()));
    case(58, "1 MiB of metadata and more", with(|members| members[0].content = vec![b' '; (1 << 20) + 1]));
    cases
}

#[test]
fn hostile_models() {
    let format = format("keras_model").unwrap();
    assert!(check(format, &good()).unwrap().accepted);
    let mut text = String::new();
    for (item, name, bytes) in archives().into_iter().chain(descriptions()) {
        let _guard = guard(|| name.clone(), bytes.len());
        if let Err(problem) = check(format, &bytes) {
            panic!("{item}, {name}: {problem}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.keras");
        std::fs::write(&path, &bytes).unwrap();
        let said = match Model::load(&path) {
            Ok(model) => {
                let remarks: String = model.remarks().iter().map(|remark| format!("; {remark}")).collect();
                format!("loads: {:?}{remarks}", model.layer_names())
            }
            Err(error) => {
                assert!(error.is_bad_input(), "{item}, {name}: {error}");
                let error = error.to_string();
                error.strip_prefix(&format!("{}: ", path.display())).expect("names the file").to_owned()
            }
        };
        let end = said.char_indices().nth(240).map_or(said.len(), |(at, _)| at);
        let dots = if end < said.len() { "…" } else { "" };
        writeln!(text, "{item} {}\n   {}{dots}", name.escape_debug(), &said[..end]).unwrap();
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["model.keras"], "{item}, {name}: something was written");
    }
    insta::assert_snapshot!("hostile_models", text);
}
