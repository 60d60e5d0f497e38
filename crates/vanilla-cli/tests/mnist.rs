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
        text.contains("\n\nmnist   handwritten digits") && text.contains("used       inside the program"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&folder.good(&["datasets", "--json"]).stdout).unwrap();
    let mnist = json.as_array().unwrap().iter().find(|known| known["name"] == "mnist").unwrap();
    assert_eq!((&mnist["train_rows"], &mnist["classes"]), (&Value::from(60_000), &Value::from(10)));

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

#[test]
fn other_known_sets_train_with_networks_of_their_own() {
    let folder = Folder::new();
    small_mnist(&folder, "f");
    let args = ["train", "fashion-mnist", "--data", "f", "--epochs", "1", "--out", "run"];
    let ran = folder.good(&args);
    assert!(ran.stdout.contains("x_train[1]: Trouser") && ran.stdout.contains("795,010"), "{}", ran.stdout);
    assert!(folder.text("run/config.toml").starts_with("name = \"fashion_mnist\"\n"));
    // The names of the classes travel in the model.
    let predicted = folder.good(&["predict", "run/model.keras", "--data", "f"]).stdout;
    assert!(predicted.lines().next().is_some_and(|line| line.contains("Ankle boot")), "{predicted}");
    let toml = folder.good(&["train", "cifar10", "--print-config"]).stdout;
    assert!(toml.contains("input_dim = 3072"), "{toml}");

    // 60 rows of 13 numbers of which the second column is large, and a target near 22.
    let x = floats(&[60, 13], |i| (i * 37 % 101) as f32 * if i % 13 == 1 { 1000.0 } else { 0.1 });
    let y = floats(&[60], |row| 20.0 + (row * 13 * 37 % 101) as f32 * 0.04);
    folder.write("b.npz", arrays(&[("x", x), ("y", y)]));
    let args = ["train", "boston-housing", "--data", "b.npz", "--learning-rate", "0.01", "--out", "b", "--quiet"];
    folder.good(&args);
    let metrics = folder.json("b/metrics.json");
    assert!(metrics["test_loss"].as_f64().unwrap() < 50.0, "{metrics}");
    assert_eq!(metrics["test_accuracy"], Value::Null);
    // What it was normalised by is in the model, which takes rows as they are.
    let predicted = folder.good(&["evaluate", "b/model.keras", "--data", "b.npz", "--json"]).stdout;
    let evaluated: Value = serde_json::from_str(&predicted).unwrap();
    assert!(evaluated["mae"].as_f64().unwrap() < 7.0, "{predicted}");
    assert!(folder.good(&["reproduce", "b", "--quiet"]).stdout.starts_with("Reproduced: "));
    let toml = folder.good(&["train", "california-housing", "--print-config"]).stdout;
    let last = "[[model.layers]]\nclass = \"Rescaling\"\nscale = 100000.0\n\n[compile]\nloss = \"mse\"\n";
    assert!(toml.contains("class = \"Normalization\"") && toml.contains(last), "{toml}");
    assert!(toml.contains("\nmetrics = [\"mae\"]\n\n[fit]\nepochs = 30\nbatch_size = 32\n"), "{toml}");
}

#[test]
fn a_data_set_that_is_nowhere_and_downloads_that_fail() {
    let folder = Folder::new();
    let ran = folder.run(&["train", "cifar10", "--out", "run"]);
    assert_eq!(ran.code, Some(2));
    for part in [
        "error: cifar10: not found; tried ",
        "no-cache/vanilla/cifar10, ",
        "no-keras/datasets/cifar10.npz",
        "put cifar-10-binary.tar.gz (the binary version; pickles are never opened) into one of these folders",
        "or download 170.1 MB with `vanilla datasets download cifar10`, from https://www.cs.toronto.edu/~kriz/",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let ran = folder.run(&["datasets", "download", "cifar11"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.starts_with("error: unknown data set 'cifar11'; did you mean 'cifar10'?"),
        "{}",
        ran.stderr
    );
    assert_eq!(folder.run(&["datasets", "download"]).code, Some(2));

    // A mirror that has nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/sets", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 2000];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let want = format!(
        "Downloading data from {mirror}/boston_housing/boston_housing.npz\nwarning: \
         {mirror}/boston_housing/boston_housing.npz: answers 404 Not Found\nerror: {}: could not be downloaded: \
         {mirror}/boston_housing/boston_housing.npz: answers 404 Not Found; look at the network (and HTTPS_PROXY), or \
         put the file there yourself\n",
        folder.path().join("no-cache/vanilla/boston_housing/boston_housing.npz").display()
    );
    for args in [&["datasets", "download", "boston-housing"][..], &["train", "boston-housing", "--download"]] {
        let mut command = folder.command(args);
        command.env("VANILLA_MIRROR", &mirror).env("NO_PROXY", "127.0.0.1");
        let ran = Ran::of(command.output().unwrap());
        assert_eq!((ran.code, &*ran.stderr), (Some(1), &*want), "{args:?}");
    }
}
