//! `vanilla train` on tiny data: what it prints, what it writes, what it refuses.

mod common;

use common::*;
use serde_json::{Value, json};

#[test]
fn a_run_writes_all_its_files() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("tiny.toml", tiny_experiment());
    let ran = folder.good(&["train", "tiny.toml", "--out", "run"]);
    assert_eq!(
        folder.files("run"),
        [
            "checkpoint",
            "config.toml",
            "history.csv",
            "history.json",
            "history.png",
            "history.svg",
            "metrics.json",
            "model.keras"
        ]
    );
    let metrics = folder.json("run/metrics.json");
    let keys: Vec<_> = metrics.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "test_loss",
        "test_accuracy",
        "epochs",
        "seconds",
        "epoch_seconds",
        "rows_per_second",
        "peak_memory_bytes",
        "parameters",
        "seed",
        "threads",
        "weights_sha256",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&metrics["epochs"], &metrics["parameters"], &metrics["seed"]), (&json!(2), &json!(67), &json!(0)));
    assert_eq!(metrics["epoch_seconds"].as_array().unwrap().len(), 2);
    assert_eq!(metrics["weights_sha256"].as_str().unwrap().len(), 64);
    assert!(metrics["rows_per_second"].as_f64().unwrap() > 0.0);

    let history = folder.json("run/history.json");
    assert_eq!((&history["epoch"], &history["params"]["steps"]), (&json!([0, 1]), &json!(4)));
    let keys: Vec<_> = history["history"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["acc", "loss", "val_acc", "val_loss"]);
    assert!(folder.text("run/history.csv").starts_with("epoch,acc,loss,val_acc,val_loss\r\n0,"));
    assert!(folder.text("run/history.svg").starts_with("<svg"));
    assert!(folder.read("run/history.png").starts_with(b"\x89PNG"));

    // The table and the curves, then the accuracy; a plain line an epoch on stderr.
    assert!(ran.stdout.starts_with("Model: \"sequential\"\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Training and test loss"));
    let accuracy = 100.0 * metrics["test_accuracy"].as_f64().unwrap();
    assert_eq!(ran.stdout.lines().last(), Some(&*format!("Test accuracy: {accuracy:.4}%")));
    assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b') && !ran.stderr.contains('\r'));
    assert_eq!(ran.stderr.lines().count(), 3, "{}", ran.stderr);

    // evaluate gives the same numbers.
    let evaluated = folder.good(&["evaluate", "run/model.keras", "--data", "data.npz", "--json"]);
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    assert_eq!((&evaluated["loss"], &evaluated["acc"]), (&metrics["test_loss"], &metrics["test_accuracy"]));

    // plot draws the files again.
    std::fs::remove_file(folder.path().join("run/history.svg")).unwrap();
    assert!(folder.good(&["plot", "run"]).stdout.contains("Training and test accuracy"));
    assert!(folder.text("run/history.svg").starts_with("<svg"));
}

#[test]
fn json_is_one_value_and_quiet_is_one_line() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("tiny.toml", tiny_experiment());
    let ran = folder.good(&["train", "tiny.toml", "--out", "a", "--json"]);
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), folder.json("a/metrics.json"));
    let ran = folder.good(&["train", "tiny.toml", "--out", "b", "--quiet"]);
    assert_eq!((ran.stdout.lines().count(), &*ran.stderr), (1, ""));
    assert!(ran.stdout.starts_with("Test accuracy: "));
    // Whatever is shown, and on however many threads, the weights are the same.
    folder.good(&["train", "tiny.toml", "--out", "c", "--verbose", "2", "--threads", "3"]);
    let hash = |run: &str| folder.json(&format!("{run}/metrics.json"))["weights_sha256"].clone();
    assert_eq!((hash("a"), hash("a")), (hash("b"), hash("c")));
}

#[test]
fn the_printed_config_trains_identically() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("deep/tiny.toml", tiny_experiment().replace("data.npz", "../data.npz"));
    let options = ["--seed", "7", "--epochs", "3", "--batch-size", "5", "--learning-rate", "0.02"];
    let printed = folder.good(&[&["train", "deep/tiny.toml", "--print-config"], &options[..]].concat()).stdout;
    folder.write("elsewhere/again.toml", &printed);
    assert_eq!(folder.good(&["train", "elsewhere/again.toml", "--print-config"]).stdout, printed);
    folder.good(&[&["train", "deep/tiny.toml", "--out", "a", "--quiet"], &options[..]].concat());
    folder.good(&["train", "elsewhere/again.toml", "--out", "b", "--quiet"]);
    folder.good(&["train", "a/config.toml", "--out", "c", "--quiet"]);
    let hash = |run: &str| folder.json(&format!("{run}/metrics.json"))["weights_sha256"].clone();
    assert_eq!((hash("a"), hash("a")), (hash("b"), hash("c")));
    assert!(folder.text("a/config.toml").starts_with(&printed));
}

#[test]
fn the_tutorial_as_toml() {
    let folder = Folder::new();
    let printed = folder.good(&["train", "mnist", "--print-config"]).stdout;
    let plain: Vec<&str> = printed.lines().map(|line| line.split(" #").next().unwrap().trim_end()).collect();
    assert_eq!(
        plain.join("\n"),
        "name = \"mnist\"\n\n[data]\nsource = \"mnist\"\n\n[model]\nclass = \"Sequential\"\n\n\
         [[model.layers]]\nclass = \"Dense\"\nunits = 1000\nactivation = \"relu\"\ninput_dim = 784\n\n\
         [[model.layers]]\nclass = \"Dense\"\nunits = 10\nactivation = \"softmax\"\n\n\
         [compile]\nloss = \"categorical_crossentropy\"\noptimizer = \"adam\"\nmetrics = [\"acc\"]\n\n\
         [fit]\nepochs = 50\nbatch_size = 64\nvalidation = \"test\"\ncallbacks = []\n\n[run]\nseed = 0"
    );
    folder.write("mine.toml", &printed);
    assert_eq!(folder.good(&["train", "mine.toml", "--print-config"]).stdout, printed);
    assert_eq!(folder.files(""), ["mine.toml"]);
}

#[test]
fn an_earlier_run_is_kept_unless_forced() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("tiny.toml", tiny_experiment());
    folder.good(&["train", "tiny.toml", "--out", "run", "--quiet"]);
    let before = folder.read("run/model.keras");
    folder.write("run/notes.txt", "mine");
    folder.write("run/samples.png", "of an earlier run");
    let ran = folder.run(&["train", "tiny.toml", "--out", "run", "--seed", "1"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        "error: run: holds a run already (config.toml): go on with it with --resume, replace it with --force, or choose \
         another --out\n"
    );
    assert_eq!(folder.read("run/model.keras"), before);
    // A run that fails leaves the earlier one as it was.
    let diverges = ["train", "tiny.toml", "--out", "run", "--force", "--learning-rate", "1e30"];
    let ran = folder.run(&diverges);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: training diverged: the loss is "), "{}", ran.stderr);
    assert_eq!(folder.read("run/model.keras"), before);
    assert_eq!(folder.run(&["train", "tiny.toml", "--out", "new/run", "--learning-rate", "1e30"]).code, Some(1));
    assert!(!folder.path().join("new").exists());
    folder.good(&["train", "tiny.toml", "--out", "run", "--force", "--quiet", "--seed", "1"]);
    assert_ne!(folder.read("run/model.keras"), before);
    assert_eq!(folder.text("run/notes.txt"), "mine");
    assert!(!folder.path().join("run/samples.png").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_at_once() {
    let folder = Folder::new();
    folder.write("file", "a file");
    for out in ["file", "file/run"] {
        // The data do not exist: the folder is looked at first.
        let ran = folder.run(&["train", "mnist", "--data", "nowhere", "--out", out]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.starts_with(&format!("error: --out {out}: cannot be written (")), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1);
    }
    assert_eq!(folder.text("file"), "a file");
}

#[test]
fn runs_get_a_folder_of_their_own() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("tiny.toml", format!("name = \"a/b c\"\n{}", tiny_experiment()));
    for _ in 0..2 {
        folder.good(&["train", "tiny.toml", "--quiet"]);
    }
    let runs = folder.files("runs");
    assert_eq!(runs.len(), 2);
    assert!(runs[0].starts_with("a-b-c-2") && runs[0].len() >= "a-b-c-YYYYMMDD-HHMMSS".len(), "{runs:?}");
}

#[test]
fn a_share_is_held_out_where_there_is_no_test_part() {
    let folder = Folder::new();
    let (x, y) = tiny(30, 4);
    folder.write("data.npz", arrays(&[("x", x), ("y", y)]));
    let toml = |fit: &str| experiment(TINY_LAYERS, "sparse_categorical_crossentropy", fit);
    folder.write("a.toml", toml("validation = 0.2"));
    folder.write("b.toml", toml("validation = \"test\""));
    let ran = folder.good(&["train", "a.toml", "--out", "run"]);
    assert!(ran.stdout.lines().last().unwrap().starts_with("Validation loss: "), "{}", ran.stdout);
    let metrics = folder.json("run/metrics.json");
    assert_eq!((&metrics["test_loss"], &metrics["test_accuracy"]), (&Value::Null, &Value::Null));
    let ran = folder.run(&["train", "b.toml", "--out", "other"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("has no x_test and y_test: give a fraction, such as 0.2"), "{}", ran.stderr);
    assert!(!folder.path().join("other").exists());
}

/// Callbacks of an experiment: printed as they are, at work, the same after an interruption, and reproduced.
#[test]
fn callbacks() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    let stopping = "{ class = \"EarlyStopping\", monitor = \"loss\", mode = \"max\", patience = 2 }";
    let logger = "{ class = \"CSVLogger\", filename = \"log.csv\" }";
    let write = |callbacks: &str| {
        let fit = format!("epochs = 9\nbatch_size = 8\nvalidation = \"test\"\ncallbacks = [{callbacks}]");
        folder.write("e.toml", experiment(TINY_LAYERS, "sparse_categorical_crossentropy", &fit));
    };
    write(&format!("{stopping}, {logger}"));
    let printed = folder.good(&["train", "e.toml", "--print-config"]).stdout;
    assert!(printed.contains(&format!("\ncallbacks = [{stopping}, {logger}]\n")), "{printed}");
    folder.write("again.toml", &printed);
    assert_eq!(folder.good(&["train", "again.toml", "--print-config"]).stdout, printed);

    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    assert_eq!(folder.json("run/history.json")["epoch"], json!([0, 1, 2]));
    assert_eq!(folder.text("log.csv"), folder.text("run/history.csv"));
    assert!(folder.text("run/config.toml").starts_with(&printed));
    let ran = folder.good(&["train", "e.toml", "--out", "run", "--resume"]);
    assert!(ran.stderr.contains("The run in run is finished"), "{}", ran.stderr);
    // Nothing is written again.
    folder.write("log.csv", "mine");
    folder.good(&["reproduce", "run", "--quiet"]);
    assert_eq!(folder.text("log.csv"), "mine");

    // What decides the training may not be another one; what only writes may.
    write(&stopping.replace('2', "3"));
    let ran = folder.run(&["train", "e.toml", "--out", "run", "--resume"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("callback EarlyStopping patience: 2 in the checkpoint, 3 now"), "{}", ran.stderr);
    write(stopping);
    folder.good(&["train", "e.toml", "--out", "run", "--resume", "--quiet"]);

    for (callback, want) in [
        ("{ class = \"EarlyStoping\" }", "unknown callback 'EarlyStoping'; did you mean 'EarlyStopping'?"),
        ("{ class = \"EarlyStopping\", patiens = 3 }", "EarlyStopping: patiens = 3 is not supported"),
        ("{ class = \"LambdaCallback\" }", "LambdaCallback: it is made of functions"),
        ("7", "callbacks: 7, expected a table such as { class = \"EarlyStopping\" }"),
    ] {
        write(callback);
        let ran = folder.run(&["train", "e.toml", "--print-config"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{callback}");
        assert!(ran.stderr.contains("e.toml: [fit] callbacks") && ran.stderr.contains(want), "{}", ran.stderr);
    }
}
