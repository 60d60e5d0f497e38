//! A real process that saves checkpoints and models, killed by SIGKILL at every single system call, and with every
//! system call that touches files failing once: afterwards there is the earlier file or the new one.
//!
//! A program of its own (`harness = false`), so that the process that is killed has one thread and does nothing
//! else. It needs Linux and strace, and says so loudly where it is skipped.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use vanilla::checkpoint::{Checkpoint, Store};
use vanilla::storage::{Disk, TEMPORARY, write_atomically};

const CHILD: &str = "VANILLA_TEST_SAVES_INTO";
const STEPS: u64 = 3;

/// Calls that touch files: each of them also fails once with each error. (Not `close`: the standard library panics
/// where a folder cannot be closed.)
const ON_FILES: [&str; 11] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "unlink",
    "flock",
    "statx",
    "getdents64",
    "fchmod",
    "read",
    "newfstatat",
];

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(CHILD) {
        child(Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| "killed".contains(&**filter)) {
        return ExitCode::SUCCESS;
    }
    match strace(&["-o", "/dev/null"], tempfile::tempdir().unwrap().path()) {
        Ok(ran) if ran.status.success() => {}
        Ok(ran) => {
            eprintln!("SKIPPED: strace is not allowed to trace here: {}", String::from_utf8_lossy(&ran.stderr));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("SKIPPED: no strace ({error}): install it to kill a save at each of its system calls");
            return ExitCode::SUCCESS;
        }
    }
    parent();
    ExitCode::SUCCESS
}

fn checkpoint(step: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.push("model/0", [1000], (0..1000).map(|i| (step * 1000 + i) as f32).collect());
    checkpoint.put("state", step.to_string());
    checkpoint
}

fn model(step: u64) -> Vec<u8> {
    vec![step as u8; 3000]
}

/// Saves and says what is safe. It goes on after a failure, as training does.
fn child(folder: &Path) {
    let mut store = Store::new(folder);
    let mut out = std::io::stdout();
    for step in 1..=STEPS {
        if store.save(step, &checkpoint(step)).is_ok() {
            let _ = writeln!(out, "checkpoint {step}");
        }
        if write_atomically(&Disk, &folder.join("model.keras"), &model(step)).is_ok() {
            let _ = writeln!(out, "model {step}");
        }
    }
}

fn strace(args: &[&str], folder: &Path) -> std::io::Result<Output> {
    let own = std::env::current_exe()?;
    Command::new("strace").args(args).arg("--").arg(own).env(CHILD, folder).stdin(Stdio::null()).output()
}

/// What the process said is safe, is there; what is there, is whole; and the next save works.
fn check(folder: &Path, ran: &Output, what: &str) {
    let said = String::from_utf8_lossy(&ran.stdout);
    let last = |kind: &str| -> u64 {
        said.lines().rev().find_map(|line| line.strip_prefix(kind)?.trim().parse().ok()).unwrap_or(0)
    };
    let mut store = Store::new(folder);
    let found = store.newest().unwrap();
    assert!(found.skipped.is_empty(), "{what}: {:?}", found.skipped);
    let newest = found.checkpoint.map_or(0, |(_, loaded)| {
        let step = loaded.get("state").unwrap().parse().unwrap();
        assert_eq!(loaded, checkpoint(step), "{what}");
        step
    });
    assert!(newest >= last("checkpoint "), "{what}: checkpoint {newest} after\n{said}");
    let path = folder.join("model.keras");
    let saved = last("model ");
    match std::fs::read(&path) {
        Ok(bytes) => assert!((saved.max(1)..=STEPS).any(|step| bytes == model(step)), "{what}: a mixture"),
        Err(_) => assert_eq!(saved, 0, "{what}: the model is gone"),
    }
    store.save(STEPS + 1, &checkpoint(STEPS + 1)).unwrap();
    assert_eq!(store.newest().unwrap().checkpoint.unwrap().1, checkpoint(STEPS + 1), "{what}");
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let left = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        assert!(!left, "{what}: {:?} stays", entry.file_name());
    }
}

fn parent() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let saves = folder.path().join("saves");
    std::fs::create_dir(&saves).unwrap();
    assert!(strace(&["-o", &log.to_string_lossy()], &saves).unwrap().status.success());
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        if let Some((name, _)) = line.split_once('(').filter(|(name, _)| !name.contains(' ')) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    for needed in ["openat", "write", "fsync", "rename", "unlink"] {
        assert!(calls.contains_key(needed), "{needed} is not in {calls:?}");
    }
    let (mut kills, mut failures, mut unreached) = (0, 0, 0);
    let run = |call: &str, fault: &str, number: usize| -> bool {
        let folder = tempfile::tempdir().unwrap();
        let trace = format!("trace={call}");
        let inject = format!("inject={call}:{fault}:when={number}");
        let ran = strace(&["-o", "/dev/null", "-e", &trace, "-e", &inject], folder.path()).unwrap();
        let what = format!("{call} number {number}, {fault}");
        // A panic is no way out of an error.
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(!stderr.contains("panicked"), "{what}: {stderr}");
        check(folder.path(), &ran, &what);
        !ran.status.success()
    };
    for (call, count) in calls.iter().filter(|(call, _)| *call != "execve") {
        for number in 1..=*count {
            // Memory is asked for a little more or less often each time.
            if run(call, "signal=SIGKILL", number) { kills += 1 } else { unreached += 1 }
        }
    }
    for call in ON_FILES {
        for number in 1..=calls.get(call).copied().unwrap_or(0) {
            for error in ["EIO", "ENOSPC"] {
                run(call, &format!("error={error}"), number);
                failures += 1;
            }
        }
    }
    let total: usize = calls.values().sum();
    println!("{total} system calls: {kills} kills ({unreached} not reached), {failures} failures; nothing lost");
    assert!(kills > total / 2, "{kills} kills in {total} calls");
}
