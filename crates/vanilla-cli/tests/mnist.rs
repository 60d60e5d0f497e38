//! The tutorial on the real MNIST, one epoch, trained once; and what its model can do afterwards.

mod common;

use common::*;
use serde_json::Value;
use std::sync::OnceLock;
use vanilla::formats::{npy, png};

fn tutorial() -> &'static (Folder, Ran) {
    static TUTORIAL: OnceLock<(Folder, Ran)> = OnceLock::new();
    TUTORIAL.get_or_init(|| {
        let folder = Folder::new();
        let ran = folder.good(&["train", "mnist", "--epochs", "1", "--out", "run"]);
        (folder, ran)
    })
}

#[test]
fn the_tutorial_is_whole() {
    let (folder, ran) = tutorial();
    let at = |text: &str| ran.stdout.find(text).unwrap_or_else(|| panic!("no {text} in {}", ran.stdout));
    let order = [
        "x_train[0]: 5",
        "x_train[1]: 0",
        "x_test[0]: 7",
        "x_test[1]: 2",
        "Model: \"sequential\"",
        "Total params: 795,010 (3.03 MB)",
        "Training and test loss",
        "Training and test accuracy",
        "Test accuracy: ",
    ];
    assert!(order.map(at).is_sorted());
    assert!(ran.stderr.starts_with("938/938 - "), "{}", ran.stderr);
    assert!(!ran.stdout.contains('\x1b'));
    assert!(folder.read("run/samples.png").starts_with(b"\x89PNG"));

    let metrics = folder.json("run/metrics.json");
    assert!(metrics["test_accuracy"].as_f64().unwrap() > 0.9);
    let evaluated = folder.good(&["evaluate", "run/model.keras", "--data", "mnist", "--json"]).stdout;
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    assert_eq!((&evaluated["loss"], &evaluated["acc"]), (&metrics["test_loss"], &metrics["test_accuracy"]));
    let text = folder.good(&["evaluate", "run/model.keras", "--data", "mnist"]).stdout;
    assert!(text.starts_with("loss: 0.") && text.contains(" - acc: 0.9"), "{text}");
}

#[test]
fn pictures_of_digits() {
    let (folder, _) = tutorial();
    let ((_, _), (x, y)) = vanilla::datasets::mnist::load_data().unwrap();
    let mut names = Vec::new();
    for row in 0..2 {
        let pixels = x.get(row).unwrap();
        let name = format!("digit-{row}.png");
        folder.write(&name, png::write_gray(28, 28, pixels.as_u8().unwrap()).unwrap());
        names.push(name);
    }
    let one = folder.good(&["predict", "run/model.keras", &names[0]]).stdout;
    let parts: Vec<&str> = one.split_whitespace().collect();
    assert_eq!((parts.len(), parts[0]), (6, "7"), "{one}");
    assert!(parts[1].parse::<f64>().unwrap() > 0.5 && parts[2].starts_with('(') && parts[5].ends_with(')'));
    let two = folder.good(&["predict", "run/model.keras", &names[0], &names[1]]).stdout;
    assert!(two.starts_with("digit-0.png: 7 ") && two.contains("\ndigit-1.png: 2 "), "{two}");

    let json = folder.good(&["predict", "run/model.keras", &names[0], &names[1], "--json"]).stdout;
    let json: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!((&json[0]["file"], &json[1]["name"]), (&Value::from("digit-0.png"), &Value::from("2")));
    assert_eq!((json[0]["class"].as_i64(), y.get(0).unwrap().to_i64()[0]), (Some(7), 7));
    assert_eq!(json[0]["probabilities"][7], json[0]["probability"]);

    // The same pixels as an array give the same probabilities.
    let x = x.slice(0..2).unwrap();
    folder.write("x.npy", npy::write(&(&x).into()));
    folder.good(&["predict", "run/model.keras", "--data", "x.npy", "--out", "p.npy"]);
    let array = npy::read(&folder.read("p.npy")).unwrap();
    assert_eq!(array.shape, [2, 10]);
    let csv = folder.good(&["predict", "run/model.keras", "--data", "x.npy"]).stdout;
    let rows: Vec<Vec<f32>> =
        csv.lines().map(|line| line.split(',').map(|value| value.parse().unwrap()).collect()).collect();
    assert_eq!(array.data, vanilla::formats::Data::F32(rows.concat()));
    let seven: Vec<f32> = serde_json::from_value(json[0]["probabilities"].clone()).unwrap();
    assert_eq!(rows[0], seven);
}

#[test]
fn the_model_and_its_plan_as_text() {
    let (folder, _) = tutorial();
    let keras3 = folder.good(&["summary", "run/model.keras"]).stdout;
    assert!(
        keras3.contains("│ dense (Dense) ") && keras3.contains(" Optimizer params: 1,590,022 (6.07 MB)"),
        "{keras3}"
    );
    let keras2 = folder.good(&["summary", "mnist", "--layout", "keras2"]).stdout;
    assert!(keras2.contains("Total params: 795,010"), "{keras2}");
    let plan = folder.good(&["plan", "run/model.keras", "--batch-size", "64"]).stdout;
    assert_eq!(plan, folder.good(&["plan", "mnist"]).stdout);
    assert!(plan.starts_with("784-1000-10   rows <= 64   adam ") && plan.contains("relu(x0 V0 + V1)"), "{plan}");
    let reference = folder.good(&["plan", "mnist", "--reference"]).stdout;
    assert!(reference.lines().count() > plan.lines().count());
}

#[test]
fn what_is_known_about_it() {
    let folder = Folder::new();
    let text = folder.good(&["datasets"]).stdout;
    assert!(
        text.starts_with("mnist   handwritten digits") && text.contains("used       inside the program"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&folder.good(&["datasets", "--json"]).stdout).unwrap();
    assert_eq!((&json[0]["name"], &json[0]["train_rows"]), (&Value::from("mnist"), &Value::from(60_000)));

    let shown = folder.good(&["show", "mnist", "--out", "digits.png"]).stdout;
    assert!(shown.contains("x_test[1]: 2") && !shown.contains('\x1b'));
    assert!(folder.read("digits.png").starts_with(b"\x89PNG"));
    assert_eq!(folder.good(&["show", "mnist", "--quiet"]).stdout, "");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = Folder::new();
    for args in [&["show", "mnist"][..], &["datasets"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(folder.command(args).stdout(writer).output().unwrap());
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    }
}

#[test]
fn a_small_copy_of_mnist_trains_whole() {
    let folder = Folder::new();
    small_mnist(&folder, "m");
    let ran = folder.good(&["train", "mnist", "--data", "m", "--epochs", "2", "--out", "run"]);
    assert!(ran.stdout.contains("x_train[1]: 1") && ran.stdout.contains("x_test[1]: 1"));
    assert_eq!(folder.files("run").len(), 9);
    // The config remembers where the data were.
    folder.good(&["train", "run/config.toml", "--out", "again", "--quiet"]);
    let hash = |run: &str| folder.json(&format!("{run}/metrics.json"))["weights_sha256"].clone();
    assert_eq!(hash("run"), hash("again"));
    // A model that starts with Flatten takes images as they are; mse compares with one-hot vectors, too.
    let toml = "[data]\nsource = \"mnist\"\npath = \"m\"\n[model]\nclass = \"Sequential\"\nlayers = [{ class = \"Flatten\" }, \
                { class = \"Dense\", units = 10 }]\n[compile]\nloss = \"mse\"\noptimizer = \"adam\"\n[fit]\nvalidation = 0.5";
    folder.write("flat.toml", toml);
    let ran = folder.good(&["train", "flat.toml", "--out", "flat"]);
    assert!(ran.stdout.contains("(None, 784)"), "{}", ran.stdout);
}
