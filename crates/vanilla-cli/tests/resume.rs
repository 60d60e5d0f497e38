//! `--resume`, signals and `reproduce`: a run that is stopped at any time ends with the files that it would have had.
#![cfg(unix)]

mod common;

use common::*;
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::Duration;
use vanilla::storage::lock::RunLock;

/// Some thousand steps, with dropout, a short last batch and validation.
const LONG: &str = "epochs = 250\nbatch_size = 8\nvalidation = \"test\"";

fn long_experiment(fit: &str) -> String {
    let layers = "{ class = \"Dense\", units = 8, activation = \"relu\", input_dim = 4 }, \
                  { class = \"Dropout\", rate = 0.2 }, { class = \"Dense\", units = 3, activation = \"softmax\" }";
    experiment(layers, "sparse_categorical_crossentropy", fit)
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", long_experiment(LONG));
    folder
}

/// All files of a run, without what is measured.
fn files(folder: &Folder, run: &str) -> Vec<(String, Vec<u8>)> {
    let names = folder.files(run).into_iter().filter(|name| name != "checkpoint");
    names
        .map(|name| {
            let mut bytes = folder.read(&format!("{run}/{name}"));
            if name == "metrics.json" {
                let mut metrics: Value = serde_json::from_slice(&bytes).unwrap();
                for key in ["seconds", "epoch_seconds", "rows_per_second", "peak_memory_bytes"] {
                    assert!(!metrics[key].is_null(), "{key}");
                    metrics[key] = Value::Null;
                }
                bytes = metrics.to_string().into_bytes();
            }
            (name, bytes)
        })
        .collect()
}

fn signal(child: &Child, name: &str) {
    let kill = std::process::Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(kill.unwrap().success());
}

fn start(folder: &Folder, args: &[&str]) -> Child {
    folder.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Signals at times that nobody chose, until the run gets through.
#[test]
fn stopped_by_signals_at_any_time() {
    let folder = folder();
    folder.good(&["train", "e.toml", "--out", "whole", "--quiet"]);
    let whole = files(&folder, "whole");
    for (name, code, every) in [("INT", 130, "0"), ("TERM", 143, "epoch")] {
        // A run may get through between two signals: then another one, a millisecond later each time.
        let stopped = (0..30).any(|attempt| {
            let out = format!("{name}{attempt}");
            let args = ["train", "e.toml", "--out", &out, "--quiet", "--resume", "--checkpoint-every", every];
            let stops = stopped_again_and_again(&folder, &args, name, code, attempt);
            assert!(files(&folder, &out) == whole, "{out}");
            stops > 0
        });
        assert!(stopped, "no signal came in time");
    }
}

/// How often the run was stopped by a signal before it got through.
fn stopped_again_and_again(folder: &Folder, args: &[&str], name: &str, code: i32, later: u64) -> usize {
    let mut stops = 0;
    for pause in [0, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181, 6765, 10946, 17711] {
        let child = start(folder, args);
        std::thread::sleep(Duration::from_millis(pause + later));
        signal(&child, name);
        let ran = Ran::of(child.wait_with_output().unwrap());
        match ran.code {
            Some(0) => break,
            // So early that nobody listened yet: the system's own end, without a code.
            None => {}
            stopped => {
                assert_eq!(stopped, Some(code), "{}", ran.stderr);
                let last = ran.stderr.lines().last().unwrap();
                assert!(
                    last.starts_with("stopped after ") && last.ends_with("resume goes on from there"),
                    "{last}"
                );
                stops += 1;
            }
        }
    }
    stops
}

#[test]
fn a_second_signal_leaves_at_once_and_harms_nothing() {
    let folder = folder();
    folder.good(&["train", "e.toml", "--out", "whole", "--quiet"]);
    for pause in [10, 40, 90] {
        let out = format!("run{pause}");
        let child = start(&folder, &["train", "e.toml", "--out", &out, "--quiet", "--checkpoint-every", "0"]);
        std::thread::sleep(Duration::from_millis(pause));
        signal(&child, "INT");
        signal(&child, "INT");
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert!(matches!(ran.code, Some(130 | 0) | None), "{:?} {}", ran.code, ran.stderr);
        folder.good(&["train", "e.toml", "--out", &out, "--quiet", "--resume"]);
        assert!(files(&folder, &out) == files(&folder, "whole"));
    }
}

#[test]
fn killed_at_any_time() {
    let folder = folder();
    folder.good(&["train", "e.toml", "--out", "whole", "--quiet"]);
    let args = ["train", "e.toml", "--out", "run", "--quiet", "--resume", "--checkpoint-every", "0"];
    for pause in [0, 10, 20, 30, 40, 50, 60, 70] {
        let mut child = start(&folder, &args);
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    folder.good(&args);
    assert!(files(&folder, "run") == files(&folder, "whole"));
    assert!(folder.files("run").iter().all(|name| !name.starts_with('.')), "{:?}", folder.files("run"));
}

#[test]
fn a_finished_run_tells_its_metrics_and_more_epochs_extend_it() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    let ran = folder.good(&["train", "e.toml", "--out", "run", "--resume"]);
    assert!(ran.stderr.contains("no checkpoint, starting afresh"), "{}", ran.stderr);
    let before = files(&folder, "run");
    let metrics = folder.read("run/metrics.json");
    let again = folder.good(&["train", "e.toml", "--out", "run", "--resume"]);
    assert_eq!(again.stdout.lines().last(), ran.stdout.lines().last());
    assert_eq!(again.stderr, "The run in run is finished\n");
    let json = folder.good(&["train", "e.toml", "--out", "run", "--resume", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap(), folder.json("run/metrics.json"));
    assert_eq!(folder.read("run/metrics.json"), metrics, "nothing was trained, and nothing measured anew");
    // Files that a kill took away come back.
    for name in ["metrics.json", "config.toml", "model.keras", "history.svg"] {
        std::fs::remove_file(folder.path().join("run").join(name)).unwrap();
    }
    folder.good(&["train", "e.toml", "--out", "run", "--resume"]);
    assert!(files(&folder, "run") == before);
    // Longer.
    folder.good(&["train", "e.toml", "--out", "whole", "--epochs", "5"]);
    folder.good(&["train", "e.toml", "--out", "run", "--epochs", "5", "--resume"]);
    assert!(files(&folder, "run") == files(&folder, "whole"));
    let ran = folder.run(&["train", "e.toml", "--out", "run", "--epochs", "4", "--resume"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("the checkpoint is after 5 epochs, and 4 epochs are wanted: ask for more"));
}

#[test]
fn the_newest_run_is_resumed_where_none_is_named() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", format!("name = \"a b\"\n{}", tiny_experiment()));
    let old = "runs/a-b-20200101-000000";
    folder.good(&["train", "e.toml", "--out", old, "--quiet", "--seed", "5"]);
    for name in ["a-b-20991231-2359", "a-b-c-20991231-235959", "a-b-x0991231-235959"] {
        folder.write(&format!("runs/{name}/notes.txt"), "no run of this name");
    }
    let ran = folder.good(&["train", "e.toml", "--resume", "--epochs", "3", "--seed", "5"]);
    assert!(ran.stderr.contains(&format!("The run is in {old}")), "{}", ran.stderr);
    assert_eq!(folder.json(&format!("{old}/metrics.json"))["epochs"], 3);
    folder.good(&["train", "e.toml", "--quiet"]);
    let ran = folder.run(&["train", "e.toml", "--resume", "--seed", "5", "--epochs", "3"]);
    assert_eq!(ran.code, Some(2), "the newest one has the seed 0");
    assert!(ran.stderr.contains("(seed: 0 in the checkpoint, 5 now)"), "{}", ran.stderr);
}

#[test]
fn what_has_changed_is_refused_or_taken_over_and_then_not_reproducible() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    folder.good(&["reproduce", "run"]);
    let longer = ["train", "e.toml", "--out", "run", "--quiet", "--epochs", "4"];
    let with = |more: &[&'static str]| folder.run(&[&longer[..], more].concat());
    for (more, want) in [
        (["--batch-size", "6"], "(batch_size: 8 in the checkpoint, 6 now)"),
        (["--learning-rate", "0.5"], "(learning_rate: 0.001 in the checkpoint, 0.5 now)"),
        (["--seed", "3"], "(seed: 0 in the checkpoint, 3 now)"),
        (["--on-nan", "skip"], "(on_nan: stop in the checkpoint, skip now)"),
    ] {
        let ran = with(&[&["--resume"], &more[..]].concat());
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""));
        assert!(ran.stderr.contains(want) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
    // Other data under the same name.
    let ((x_train, y_train), (x_test, y_test)) = (tiny(30, 4), tiny(9, 4));
    let x_train = floats(&[30, 4], |i| if i == 17 { 0.2 } else { vanilla_value(&x_train, i) });
    folder.write(
        "data.npz",
        arrays(&[("x_train", x_train), ("y_train", y_train), ("x_test", x_test), ("y_test", y_test)]),
    );
    let ran = with(&["--resume"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("(data: "), "{}", ran.stderr);
    let ran = folder.run(&["reproduce", "run"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("put the same data there"), "{}", ran.stderr);
    folder.write("data.npz", tiny_npz());

    let ran = with(&["--resume-changed", "--learning-rate", "0.5"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: taken over although it has changed: learning_rate: 0.001 in the"));
    assert!(
        folder
            .text("run/config.toml")
            .contains("changed_on_the_way = [\"learning_rate: 0.001 in the checkpoint, 0.5 now\"]")
    );
    let ran = folder.run(&["reproduce", "run"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("was changed on the way (--resume-changed)"), "{}", ran.stderr);
}

fn vanilla_value(array: &vanilla::formats::Array, i: usize) -> f32 {
    match &array.data {
        vanilla::formats::Data::F32(values) => values[i],
        _ => panic!("floats"),
    }
}

#[test]
fn a_run_can_be_proved() {
    let folder = folder();
    let options = ["--epochs", "7", "--seed", "9", "--on-nan", "rollback", "--batch-size", "5"];
    folder.good(&[&["train", "e.toml", "--out", "run", "--quiet"], &options[..]].concat());
    let recorded = folder.json("run/metrics.json")["weights_sha256"].as_str().unwrap().to_owned();
    let ran = folder.good(&["reproduce", "run", "--quiet", "--threads", "3"]);
    assert_eq!(ran.stdout, format!("Reproduced: {recorded}\n"));
    let ran = folder.good(&["reproduce", "run", "--quiet", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["reproduced"], &report["epochs"]), (&Value::Bool(true), &Value::from(7)));
    // A recorded hash that is another one, and one that is none.
    let metrics = folder.text("run/metrics.json");
    folder.write("run/metrics.json", metrics.replace(&recorded, &"0".repeat(64)));
    let ran = folder.run(&["reproduce", "run", "--quiet"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(
        ran.stderr.contains(&recorded) && ran.stderr.contains("error: run: not reproduced: "),
        "{}",
        ran.stderr
    );
    folder.write("run/metrics.json", "{}");
    assert_eq!(folder.run(&["reproduce", "run"]).code, Some(2));
    assert_eq!(folder.run(&["reproduce", "nowhere"]).code, Some(2));
    assert_eq!(folder.files(""), ["data.npz", "e.toml", "run"]);
}

/// Two runs in one folder.
#[test]
fn a_folder_that_another_run_writes_is_refused() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let lock = RunLock::acquire(&folder.path().join("run")).unwrap();
    for more in [&[][..], &["--resume"], &["--force"], &["--checkpoint-every", "never"]] {
        let ran = folder.run(&[&["train", "e.toml", "--out", "run"], more].concat());
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
        let want = format!(
            "error: run: process {} is writing a run there: wait until it ends, or choose another folder\n",
            std::process::id()
        );
        assert_eq!(ran.stderr, want);
    }
    drop(lock);
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    assert!(!folder.files("run").contains(&".vanilla-lock".to_owned()));
}

#[test]
fn without_checkpoints() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    let never = ["train", "e.toml", "--out", "run", "--quiet", "--checkpoint-every", "never"];
    folder.good(&never);
    assert!(!folder.files("run").contains(&"checkpoint".to_owned()));
    // The finished run is still known; another one cannot go on from it.
    assert_eq!(folder.good(&[&never[..], &["--resume"]].concat()).stderr, "The run in run is finished\n");
    let ran = folder.run(&[&never[..], &["--resume", "--epochs", "9"]].concat());
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no checkpoint to go on from"), "{}", ran.stderr);
}

#[test]
fn a_diverged_run_keeps_its_checkpoint_and_ends_with_1() {
    let folder = folder();
    folder.good(&["train", "e.toml", "--out", "run", "--quiet", "--epochs", "2"]);
    let checkpoint = |folder: &Folder| {
        let name = folder.files("run/checkpoint").remove(0);
        (name.clone(), folder.read(&format!("run/checkpoint/{name}")))
    };
    let before = checkpoint(&folder);
    let args = [
        "train",
        "e.toml",
        "--out",
        "run",
        "--quiet",
        "--epochs",
        "9",
        "--resume-changed",
        "--learning-rate",
        "1e30",
    ];
    let ran = folder.run(&args);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("error: training diverged: the loss is ") && last.contains("in epoch 3, batch "),
        "{last}"
    );
    assert!(last.ends_with("is the likely cause: try 0.001"), "{last}");
    assert!(checkpoint(&folder) == before);
    // A policy that goes on is at its end, too.
    let ran = folder.run(&[&args[..], &["--on-nan", "rollback"]].concat());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("10 times back with half the learning rate did not help"), "{}", ran.stderr);
}

/// Limits of the process stand for a full disk and a small machine.
#[test]
fn too_little_disk_or_memory() {
    let folder = folder();
    let limited = |limit: &str, args: &[&str]| {
        let mut shell = std::process::Command::new("sh");
        let program = env!("CARGO_BIN_EXE_vanilla");
        shell.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\"")).arg(program).args(args);
        Ran::of(shell.current_dir(folder.path()).output().unwrap())
    };
    // The checkpoint is larger than a file may be.
    let ran = limited("ulimit -f 4", &["train", "e.toml", "--out", "run", "--epochs", "3", "--quiet"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("warning: CHECKPOINT NOT SAVED: "), "{}", ran.stderr);
    // A network that is refused, with the numbers, before it is made.
    let layers = "{ class = \"Dense\", units = 8000, input_dim = 4 }, { class = \"Dense\", units = 8000 }, \
                  { class = \"Dense\", units = 3, activation = \"softmax\" }";
    folder.write("wide.toml", experiment(layers, "sparse_categorical_crossentropy", ""));
    let ran = limited("ulimit -v 400000", &["train", "wide.toml", "--out", "wide", "--threads", "1"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{}", ran.stderr);
    let want = "error: wide.toml: [model]: model 'sequential': needs 488.8 MiB of memory, and there are ";
    assert!(ran.stderr.starts_with(want) && ran.stderr.ends_with(" MiB: use fewer units\n"), "{}", ran.stderr);
    assert!(!folder.path().join("wide").exists());
    // On request it is told before.
    let told = folder.good(&["plan", "e.toml", "--memory"]).stdout;
    assert!(
        told.starts_with("weights ") && told.contains(", together ") && told.contains("; this machine has "),
        "{told}"
    );
}
