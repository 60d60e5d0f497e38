//! Disks that are full, limited, read-only or not there: the message, the exit code, and what is there afterwards.
#![cfg(unix)]

mod common;

use common::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    folder
}

/// Every file of a run, those in folders as well.
fn contents(folder: &Folder, run: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in folder.files(run) {
        let inside = format!("{run}/{name}");
        if folder.path().join(&inside).is_dir() {
            found.extend(contents(folder, &inside));
        } else {
            let bytes = folder.read(&inside);
            found.push((inside, bytes));
        }
    }
    found
}

fn predict(out: &str) -> [&str; 6] {
    ["predict", "run/model.keras", "--data", "data.npz", "--out", out]
}

#[track_caller]
fn fails(folder: &Folder, args: &[&str], code: i32, line: &str) {
    let ran = folder.run(args);
    assert_eq!((ran.code, &*ran.stderr), (Some(code), &*format!("error: {line}\n")), "{args:?}");
}

#[test]
fn a_full_device() {
    if !cfg!(target_os = "linux") {
        eprintln!("SKIPPED: /dev/full is Linux's");
        return;
    }
    let folder = folder();
    symlink("/dev/full", folder.path().join("p.npy")).unwrap();
    let full = "p.npy: cannot be written (No space left on device (os error 28)): what was there before is unchanged; \
                make room and save again";
    fails(&folder, &predict("p.npy"), 1, full);
}

#[test]
fn places_that_are_none() {
    let folder = folder();
    let missing =
        "--out no/such/p.npy: cannot be written (No such file or directory (os error 2)): make its folder first";
    fails(&folder, &predict("no/such/p.npy"), 2, missing);
    std::fs::create_dir(folder.path().join("p.npy")).unwrap();
    fails(&folder, &predict("p.npy"), 2, "--out p.npy: cannot be written (it is a folder): choose another place");
    folder.write("r.npy", b"keep");
    let read_only = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(folder.path().join("r.npy"), read_only).unwrap();
    let kept = "r.npy: cannot be written (the file there is read-only): choose another place";
    fails(&folder, &predict("r.npy"), 1, kept);
    assert_eq!(folder.read("r.npy"), b"keep");
    // Where a run cannot be, is said before anything is computed.
    for out in ["e.toml", "e.toml/run"] {
        let ran = folder.run(&["train", "e.toml", "--out", out]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let start = format!("error: --out {out}: cannot be written (");
        assert!(ran.stderr.starts_with(&start), "{}", ran.stderr);
        assert!(ran.stderr.trim_end().ends_with("): choose another folder"), "{}", ran.stderr);
    }
    // A folder that is not there is made, with those above it.
    folder.good(&["train", "e.toml", "--out", "a/b/c", "--quiet"]);
    assert_eq!(folder.read("a/b/c/model.keras"), folder.read("run/model.keras"));
}

#[test]
fn a_folder_that_must_not_be_written() {
    let folder = folder();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), b"").is_ok() {
        eprintln!(
            "SKIPPED: this user may write everywhere; `cargo xtask reliability limits` mounts a read-only folder"
        );
        return;
    }
    let denied = "cannot be written (Permission denied (os error 13)): choose another";
    fails(&folder, &predict("locked/p.npy"), 1, &format!("locked/p.npy: {denied} place"));
    fails(&folder, &["train", "e.toml", "--out", "locked/run"], 2, &format!("--out locked/run: {denied} folder"));
}

#[test]
fn a_link_is_written_through() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    symlink("../elsewhere/m.keras", folder.path().join("run/link.keras")).unwrap();
    std::fs::rename(folder.path().join("run/model.keras"), folder.path().join("elsewhere/m.keras")).unwrap();
    std::fs::rename(folder.path().join("run/link.keras"), folder.path().join("run/model.keras")).unwrap();
    folder.good(&["train", "e.toml", "--out", "run", "--force", "--quiet", "--seed", "1"]);
    assert!(folder.path().join("run/model.keras").is_symlink());
    folder.good(&["train", "e.toml", "--out", "other", "--quiet", "--seed", "1"]);
    assert_eq!(folder.read("elsewhere/m.keras"), folder.read("other/model.keras"));
    assert_eq!(folder.files("elsewhere"), ["m.keras"]);
}

/// Bug class 5: a save that fails, and a program that says all is well.
#[test]
fn a_file_size_limit_fails_loudly_and_keeps_what_was_there() {
    let folder = folder();
    let before = contents(&folder, "run");
    let command = folder.command(&["train", "e.toml", "--out", "run", "--force", "--quiet", "--seed", "1"]);
    let mut limited = Command::new("prlimit");
    limited.arg("--fsize=1000").arg(command.get_program()).args(command.get_args()).current_dir(folder.path());
    let ran = match limited.output() {
        Ok(output) => Ran::of(output),
        Err(error) => {
            eprintln!("SKIPPED: no prlimit ({error})");
            return;
        }
    };
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let mut lines = ran.stderr.lines();
    let warning = lines.next().unwrap();
    assert!(warning.contains("CHECKPOINT NOT SAVED: "), "{warning}");
    assert!(warning.contains(": cannot be written (File too large (os error 27))"), "{warning}");
    let error = lines.next().unwrap();
    assert!(error.starts_with("error: run/model.keras: cannot be written (File too large"), "{error}");
    assert_eq!(lines.next(), None);
    assert!(contents(&folder, "run") == before, "{:?}", folder.files("run"));
    folder.good(&["evaluate", "run/model.keras", "--data", "data.npz"]);
}
