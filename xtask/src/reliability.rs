//! `cargo xtask reliability`: the long forms of the tests of saving and resuming, on the real command line.
//!
//! - `kills N` ends a training by SIGKILL at N random moments, resumes it each time, and compares every file of
//!   the finished run with the files of one that nobody disturbed.
//! - `calls` ends it at each system call that touches files, and lets each of those that save fail once (strace).
//! - `limits` fills the disk, takes it away and makes it read-only (needs to be allowed to mount).
//!
//! Without a word all three run, with 1000 kills. What a machine cannot do is skipped, and said.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const USAGE: &str = "usage: cargo xtask reliability [kills N | calls | limits] [--vanilla PROGRAM] [--seed N]";

/// Runs what the arguments say.
///
/// # Errors
/// The first broken promise, or what kept a test from running.
pub fn run(args: &[String]) -> Result<(), String> {
    let (mut words, mut vanilla, mut seed) = (Vec::new(), None, 1);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or(USAGE);
        match &**arg {
            "--vanilla" => vanilla = Some(PathBuf::from(value()?)),
            "--seed" => seed = value()?.parse().map_err(|_| USAGE)?,
            word => words.push(word),
        }
    }
    let vanilla = match vanilla {
        Some(path) => fs::canonicalize(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => build()?,
    };
    let bench = Bench::new(vanilla)?;
    match words[..] {
        [] => {
            kills(&bench, 1000, seed)?;
            calls(&bench)?;
            limits(&bench)
        }
        ["kills", count] => kills(&bench, count.parse().map_err(|_| USAGE)?, seed),
        ["calls"] => calls(&bench),
        ["limits"] => limits(&bench),
        _ => Err(USAGE.to_owned()),
    }
}

/// The command line, optimised.
fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["build", "--release", "--package", "vanilla-cli", "--message-format", "json-render-diagnostics"];
    let built = Command::new(cargo).args(args).stderr(Stdio::inherit()).output();
    let built = built.map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&built.stdout);
    let path = text.lines().rev().find_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    path.filter(|_| built.status.success())
        .map(PathBuf::from)
        .ok_or_else(|| "the program does not build".to_owned())
}

/// A folder with data and experiments, and the program.
struct Bench {
    vanilla: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new(vanilla: PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("vanilla-reliability-{}", std::process::id()));
        let bench = Self { vanilla, folder };
        let digits = bench.folder.join("digits");
        fs::create_dir_all(&digits).map_err(told(&digits))?;
        for (part, rows) in [("train", 200u32), ("t10k", 50)] {
            let mut images = vec![0, 0, 8, 3];
            let mut labels = vec![0, 0, 8, 1];
            for number in [rows, 28, 28] {
                images.extend(number.to_be_bytes());
            }
            labels.extend(rows.to_be_bytes());
            let mut random = Random(u64::from(rows));
            for row in 0..rows {
                let label = row % 10;
                labels.push(label as u8);
                images
                    .extend((0..784).map(|pixel| if pixel / 78 == label { 220 } else { random.below(100) as u8 }));
            }
            for (kind, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
                let path = digits.join(format!("{part}-{kind}-ubyte"));
                fs::write(&path, bytes).map_err(told(&path))?;
            }
        }
        Ok(bench)
    }

    /// Writes an experiment that sees the data this often.
    fn experiment(&self, name: &str, epochs: usize) -> Result<(), String> {
        let text = format!(
            "[data]\nsource = \"digits\"\n[model]\nclass = \"Sequential\"\nlayers = [\n\
             {{ class = \"Flatten\", input_shape = [28, 28] }},\n\
             {{ class = \"Rescaling\", scale = 0.00390625 }},\n\
             {{ class = \"Dense\", units = 8, activation = \"relu\" }},\n\
             {{ class = \"Dropout\", rate = 0.2 }},\n\
             {{ class = \"Dense\", units = 10, activation = \"softmax\" }},\n]\n\
             [compile]\nloss = \"sparse_categorical_crossentropy\"\noptimizer = \"adam\"\nmetrics = [\"acc\"]\n\
             [fit]\nepochs = {epochs}\nbatch_size = 16\nvalidation = \"test\"\n"
        );
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(told(&path))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.vanilla);
        self.prepare(&mut command);
        command.args(args);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.folder).stdin(Stdio::null()).env_remove("VANILLA_THREADS");
    }

    fn train(&self, experiment: &str, out: &str, more: &[&str]) -> Command {
        let mut command = self.command(&["train", experiment, "--out", out, "--quiet"]);
        command.args(more);
        command
    }

    /// Starts a run that may have a lot to say: into a file, for a pipe that nobody reads would stop it.
    fn spawn(&self, experiment: &str, out: &str) -> Result<Child, String> {
        let path = self.folder.join("stderr");
        let errors = fs::File::create(&path).map_err(told(&path))?;
        let mut command = self.train(experiment, out, &RESUME);
        command.stdout(Stdio::null()).stderr(errors).spawn().map_err(|error| error.to_string())
    }

    /// Waits for it, and reads what it said.
    fn end(&self, mut child: Child) -> Result<Output, String> {
        let status = child.wait().map_err(|error| error.to_string())?;
        let path = self.folder.join("stderr");
        Ok(Output { status, stdout: Vec::new(), stderr: fs::read(&path).map_err(told(&path))? })
    }

    fn good(&self, command: &mut Command) -> Result<Output, String> {
        let ran = command.output().map_err(|error| format!("{}: {error}", self.vanilla.display()))?;
        if ran.status.success() { Ok(ran) } else { Err(format!("{command:?}: {}: {}", ran.status, stderr(&ran))) }
    }

    fn remove(&self, out: &str) -> Result<(), String> {
        let path = self.folder.join(out);
        fs::remove_dir_all(&path).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(told(&path)(error)),
        })
    }

    /// Every file of a run but its checkpoints, without what is measured.
    fn files(&self, out: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let folder = self.folder.join(out);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(told(&folder))? {
            let path = entry.map_err(told(&folder))?.path();
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
            if path.is_dir() {
                continue;
            }
            let mut bytes = fs::read(&path).map_err(told(&path))?;
            if name == "metrics.json" {
                let text = String::from_utf8_lossy(&bytes);
                let hash = text.lines().find(|line| line.contains("\"weights_sha256\""));
                bytes = hash.ok_or("metrics.json: no weights_sha256")?.trim().as_bytes().to_vec();
            }
            files.insert(name, bytes);
        }
        Ok(files)
    }

    /// Compares a finished run with one that nobody disturbed.
    fn compare(&self, out: &str, whole: &BTreeMap<String, Vec<u8>>, what: &str) -> Result<(), String> {
        let files = self.files(out)?;
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        if names(&files) != names(whole) {
            return Err(format!("{what}: files {:?}, expected {:?}", names(&files), names(whole)));
        }
        match files.iter().find(|(name, bytes)| whole[*name] != **bytes) {
            Some((name, _)) => Err(format!("{what}: {name} differs; kept in {}", self.folder.join(out).display())),
            None => Ok(()),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // After an error the files are evidence.
        if !std::thread::panicking() && !self.folder.join("evidence").exists() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn told(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn stderr(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).trim().to_owned()
}

/// Says what was done, at once: these tests are long.
fn say(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

/// xorshift64*: the moments of the kills, the same for the same seed as far as a clock allows.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end.max(1)
    }
}

/// What every disturbed run is started with: a checkpoint as often as the disk allows.
const RESUME: [&str; 3] = ["--resume", "--checkpoint-every", "0"];

/// SIGKILL at random moments.
fn kills(bench: &Bench, wanted: usize, seed: u64) -> Result<(), String> {
    bench.experiment("kills.toml", 400)?;
    bench.good(&mut bench.train("kills.toml", "whole", &["--checkpoint-every", "never"]))?;
    let whole = bench.files("whole")?;
    let start = Instant::now();
    bench.good(&mut bench.train("kills.toml", "warm", &RESUME))?;
    bench.compare("warm", &whole, "a run with checkpoints")?;
    let length = start.elapsed();
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (mut killed, mut finished, mut fresh) = (0, 0, 0);
    let begun = Instant::now();
    while killed < wanted {
        bench.remove("run")?;
        let mut of_this = 0;
        loop {
            let mut child = bench.spawn("kills.toml", "run")?;
            // Some moments near the start, some anywhere; the window grows, or a slow start would keep it from
            // getting on.
            let window = length.as_micros() as u64 * (1 + of_this / 8) / [16, 8, 4, 1][random.below(4) as usize];
            std::thread::sleep(Duration::from_micros(random.below(window)));
            let running = child.try_wait().map_err(|error| error.to_string())?.is_none();
            child.kill().map_err(|error| error.to_string())?;
            let ran = bench.end(child)?;
            let errors = stderr(&ran);
            // A kill damages nothing, so nothing is ever passed over.
            if errors.contains("passed over") || errors.contains("panicked") {
                return evidence(bench, &format!("after {of_this} kills: {errors}"));
            }
            fresh += usize::from(errors.contains("starting afresh"));
            match ran.status.code() {
                Some(0) => break,
                None if running => {}
                _ => return evidence(bench, &format!("after {of_this} kills: {}: {errors}", ran.status)),
            }
            of_this += 1;
            killed += 1;
            if killed % 100 == 0 {
                say(&format!("{killed} kills, {finished} runs finished, nothing lost"));
            }
        }
        finished += 1;
        if let Err(problem) = bench.compare("run", &whole, &format!("after {of_this} kills")) {
            return evidence(bench, &problem);
        }
        left_overs(bench, "run")?;
    }
    say(&format!(
        "kills: {killed} at random moments of {finished} runs ({fresh} starts without a checkpoint), in \
         {:.0} s: every run ended with the files of the undisturbed one",
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Temporary files that dead processes left.
fn left_overs(bench: &Bench, out: &str) -> Result<(), String> {
    let checkpoints = bench.folder.join(out).join("checkpoint");
    for entry in fs::read_dir(&checkpoints).map_err(told(&checkpoints))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".vanilla-tmp-") {
            return Err(format!("{}: stays", entry.path().display()));
        }
    }
    Ok(())
}

fn evidence(bench: &Bench, problem: &str) -> Result<(), String> {
    let _ = fs::write(bench.folder.join("evidence"), problem);
    Err(format!("{problem}; kept in {}", bench.folder.display()))
}

/// Calls that touch files.
const CALLS: [&str; 12] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "unlink",
    "flock",
    "mkdir",
    "close",
    "statx",
    "getdents64",
    "ftruncate",
    "futex",
];

/// SIGKILL, and errors, at each system call.
fn calls(bench: &Bench) -> Result<(), String> {
    bench.experiment("calls.toml", 2)?;
    bench.good(&mut bench.train("calls.toml", "calls-whole", &RESUME))?;
    let whole = bench.files("calls-whole")?;
    let traced = |args: &[String], out: &str| {
        let mut command = Command::new("strace");
        bench.prepare(&mut command);
        command.arg("-f").args(args).arg("--").arg(&bench.vanilla);
        command.args(["train", "calls.toml", "--out", out, "--quiet"]).args(RESUME);
        command.output()
    };
    let log = bench.folder.join("log");
    match traced(&["-o".to_owned(), log.display().to_string()], "traced") {
        Ok(ran) if ran.status.success() => {}
        Ok(ran) => {
            say(&format!("SKIPPED calls: strace is not allowed to trace here: {}", stderr(&ran)));
            return Ok(());
        }
        Err(error) => {
            say(&format!("SKIPPED calls: no strace ({error}): install it"));
            return Ok(());
        }
    }
    // strace counts the calls of each thread for itself.
    let mut of_threads: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in fs::read_to_string(&log).map_err(told(&log))?.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        *of_threads.entry((call.to_owned(), thread.to_owned())).or_default() += 1;
    }
    let most = |call: &str| of_threads.iter().filter(|((name, _), _)| name == call).map(|(_, n)| *n).max();
    let (mut killed, mut failed, mut refused) = (0, 0, 0);
    for call in CALLS {
        let count = most(call).unwrap_or(0);
        let faults: &[&str] = match call {
            "fsync" | "rename" | "flock" | "unlink" | "ftruncate" => {
                &["signal=SIGKILL", "error=EIO", "error=ENOSPC"]
            }
            _ => &["signal=SIGKILL"],
        };
        for fault in faults {
            for number in 1..=count {
                bench.remove("run")?;
                let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}:when={number}"));
                let args = ["-o", "/dev/null", "-e", &*trace, "-e", &*inject].map(str::to_owned);
                let ran = traced(&args, "run").map_err(|error| error.to_string())?;
                let what = format!("{call} number {number}, {fault}");
                if stderr(&ran).contains("panicked") {
                    return evidence(bench, &format!("{what}: {}", stderr(&ran)));
                }
                let is_kill = fault.starts_with("signal");
                match (is_kill, ran.status.code()) {
                    (true, None) => killed += 1,
                    (true, Some(137)) => killed += 1,
                    (false, Some(0)) => failed += 1,
                    // The error was told.
                    (false, Some(1 | 2)) if stderr(&ran).contains("error: ") => {
                        failed += 1;
                        refused += 1;
                    }
                    (true, Some(0)) => {}
                    (_, code) => return evidence(bench, &format!("{what}: {code:?}: {}", stderr(&ran))),
                }
                let resumed = bench.good(&mut bench.train("calls.toml", "run", &RESUME));
                let resumed = match resumed {
                    Ok(resumed) => resumed,
                    Err(problem) => return evidence(bench, &format!("{what}: {problem}")),
                };
                if stderr(&resumed).contains("passed over") {
                    return evidence(bench, &format!("{what}: {}", stderr(&resumed)));
                }
                if let Err(problem) = bench.compare("run", &whole, &what) {
                    return evidence(bench, &problem);
                }
            }
        }
        say(&format!("calls: {call}: each of up to {count} a thread"));
    }
    say(&format!(
        "calls: {killed} kills and {failed} errors at system calls ({refused} of them ended the run with a \
         message): every run was resumed and ended with the files of the undisturbed one"
    ));
    Ok(())
}

/// A disk that is mounted for a test; dropping it unmounts.
struct Mount(PathBuf);

impl Mount {
    /// `None` where mounting is not allowed, which is said.
    fn tmpfs(bench: &Bench, name: &str, size: &str) -> Result<Option<Self>, String> {
        let path = bench.folder.join(name);
        fs::create_dir_all(&path).map_err(told(&path))?;
        let options = format!("size={size}");
        let ran = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        match ran {
            Ok(ran) if ran.status.success() => Ok(Some(Self(path))),
            Ok(ran) => {
                say(&format!("SKIPPED {name}: a file system cannot be mounted here: {}", stderr(&ran)));
                Ok(None)
            }
            Err(error) => {
                say(&format!("SKIPPED {name}: no mount ({error})"));
                Ok(None)
            }
        }
    }

    fn read_only(&self) -> Result<(), String> {
        let ran = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).output();
        let ran = ran.map_err(|error| error.to_string())?;
        if ran.status.success() { Ok(()) } else { Err(stderr(&ran)) }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Exit code and the end of the error that is expected.
fn expect(ran: &Output, code: i32, parts: &[&str], what: &str) -> Result<(), String> {
    let errors = stderr(ran);
    match parts.iter().find(|part| !errors.contains(**part)) {
        _ if ran.status.code() != Some(code) => Err(format!("{what}: {}, expected {code}: {errors}", ran.status)),
        Some(part) => Err(format!("{what}: no '{part}' in: {errors}")),
        None => Ok(()),
    }
}

/// Disks that are full, become full, are read-only, go away.
fn limits(bench: &Bench) -> Result<(), String> {
    bench.experiment("limits.toml", 400)?;
    bench.good(&mut bench.train("limits.toml", "limits-whole", &RESUME))?;
    let whole = bench.files("limits-whole")?;
    let train = |out: &str, more: &[&str]| {
        let ran = bench.train("limits.toml", out, more).output();
        ran.map_err(|error| error.to_string())
    };
    if let Some(mount) = Mount::tmpfs(bench, "small", "64k")? {
        let ran = train("small/run", &[])?;
        expect(&ran, 1, &["error: ", "checkpoints take", "make room"], "a disk of 64 KiB")?;
        // Without checkpoints nobody looks before; the files at the end do not fit.
        let ran = train("small/run", &["--checkpoint-every", "never"])?;
        expect(&ran, 1, &["error: ", "No space left on device", "make room and save again"], "no checkpoints")?;
        drop(mount);
        say("limits: a disk of 64 KiB: refused before the start, and failed at the end, with exit code 1");
    }
    if let Some(mount) = Mount::tmpfs(bench, "filled", "1m")? {
        let child = bench.spawn("limits.toml", "filled/run")?;
        let checkpoints = mount.0.join("run/checkpoint");
        let start = Instant::now();
        let there = || fs::read_dir(&checkpoints).is_ok_and(|entries| entries.flatten().any(is_checkpoint));
        while !there() && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let filler = mount.0.join("filler");
        let mut file = fs::File::create(&filler).map_err(told(&filler))?;
        // As much as there is, again and again: the training frees what it removes.
        let mut child = child;
        while child.try_wait().map_err(|error| error.to_string())?.is_none() {
            let _ = file.write_all(&[7; 4096]);
        }
        let ran = bench.end(child)?;
        let parts =
            ["CHECKPOINT NOT SAVED: ", "No space left on device", "The training goes on in memory", "error: "];
        expect(&ran, 1, &parts, "a disk that becomes full")?;
        let warnings = stderr(&ran).lines().filter(|line| line.contains("CHECKPOINT NOT SAVED")).count();
        drop(file);
        fs::remove_file(&filler).map_err(told(&filler))?;
        // The disk is still small for the pictures of a run, so it goes on elsewhere.
        let copied =
            Command::new("cp").arg("-r").arg(mount.0.join("run")).arg(bench.folder.join("moved")).status();
        copied.map_err(|error| error.to_string())?;
        let ran = bench.good(&mut bench.train("limits.toml", "moved", &RESUME))?;
        if stderr(&ran).contains("passed over") {
            return evidence(bench, &format!("a disk that becomes full: {}", stderr(&ran)));
        }
        bench.compare("moved", &whole, "after a disk that became full")?;
        drop(mount);
        say(&format!(
            "limits: a disk that becomes full: {warnings} warnings, exit code 1; resumed from the checkpoint of \
             before, and ended with the files of the undisturbed run"
        ));
    }
    if let Some(mount) = Mount::tmpfs(bench, "read-only", "1m")? {
        match mount.read_only() {
            Ok(()) => {
                let ran = train("read-only/run", &[])?;
                let parts = ["error: --out read-only/run: cannot be written (Read-only file system"];
                expect(&ran, 2, &parts, "a read-only disk")?;
                say("limits: a read-only disk: refused before the start, with exit code 2");
            }
            Err(problem) => say(&format!("SKIPPED read-only: {problem}")),
        }
        drop(mount);
    }
    let child = bench.spawn("limits.toml", "gone")?;
    let checkpoints = bench.folder.join("gone/checkpoint");
    let start = Instant::now();
    while !fs::read_dir(&checkpoints).is_ok_and(|entries| entries.flatten().any(is_checkpoint)) {
        if start.elapsed() > Duration::from_secs(60) {
            return Err("no checkpoint came".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // The training may be writing into it this very moment: then it is not empty, and goes at the next try.
    while bench.folder.join("gone").exists() {
        let _ = fs::remove_dir_all(bench.folder.join("gone"));
    }
    let ran = bench.end(child)?;
    let parts = ["CHECKPOINT NOT SAVED: ", "No such file or directory", "error: "];
    expect(&ran, 1, &parts, "a folder that goes away")?;
    say("limits: a folder that goes away: warnings, exit code 1");
    Ok(())
}

fn is_checkpoint(entry: fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with("checkpoint-")
}
