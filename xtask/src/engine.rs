//! An engine: a process that trains on command, and stands still while another is measured.

use crate::load::Load;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long an engine may take to start, or for one answer. torch.compile needs half a minute for its first epoch.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a peer is started with.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// How it stands in the table.
    pub title: &'static str,
    pub program: Program,
    pub environment: &'static [(&'static str, &'static str)],
    /// Others get less time in the first round, and come back only if they are among the quickest.
    pub contender: bool,
}

/// Where the program comes from.
#[derive(Clone, Copy)]
pub enum Program {
    /// A script in `bench/engines`, run by the Python of the bench.
    Python(&'static str),
    /// A program of the workspace `bench/engines/rust`.
    Rust(&'static str),
    /// Our own, of the main workspace.
    Ours(&'static str),
}

/// glibc gives large blocks back to the system when they are freed, so each step pays for fresh pages again. Where
/// they are kept, eager libraries are up to three times as fast on T (`bench/README.md`); JAX and Keras are not.
const KEEP_MEMORY: &[(&str, &str)] = &[
    ("MALLOC_MMAP_THRESHOLD_", "2000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "8000000000"),
    ("MALLOC_TOP_PAD_", "268435456"),
];

/// [`KEEP_MEMORY`], the step compiled, and no helper processes that would go on while the engine stands still.
const COMPILE: &[(&str, &str)] = &[
    ("MALLOC_MMAP_THRESHOLD_", "2000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "8000000000"),
    ("MALLOC_TOP_PAD_", "268435456"),
    ("VANILLA_BENCH_COMPILE", "1"),
    ("TORCHINDUCTOR_COMPILE_THREADS", "1"),
];

/// Ourselves, first; then Keras as it comes; then everybody else.
pub const ENGINES: &[Kind] = &[
    Kind {
        name: "vanilla",
        title: "**Vanilla**",
        program: Program::Ours("vanilla-engine"),
        environment: &[],
        contender: true,
    },
    Kind {
        name: "keras-tf",
        title: "Keras on TensorFlow",
        program: Program::Python("keras_tf.py"),
        environment: &[],
        contender: true,
    },
    Kind {
        name: "keras-tf-xla",
        title: "the same, `jit_compile=True`",
        program: Program::Python("keras_tf.py"),
        environment: &[("VANILLA_BENCH_JIT", "1")],
        contender: false,
    },
    Kind {
        name: "jax",
        title: "JAX, one jitted scan an epoch",
        program: Program::Python("jax_scan.py"),
        environment: &[],
        contender: true,
    },
    Kind {
        name: "torch",
        title: "PyTorch, fused Adam",
        program: Program::Python("torch_adam.py"),
        environment: KEEP_MEMORY,
        contender: true,
    },
    Kind {
        name: "torch-compile",
        title: "PyTorch, torch.compile",
        program: Program::Python("torch_adam.py"),
        environment: COMPILE,
        contender: true,
    },
    Kind {
        name: "sklearn",
        title: "scikit-learn",
        program: Program::Python("sklearn_mlp.py"),
        environment: KEEP_MEMORY,
        contender: false,
    },
    Kind {
        name: "burn-flex",
        title: "burn, flex",
        program: Program::Rust("burn-flex-engine"),
        environment: KEEP_MEMORY,
        contender: false,
    },
    Kind {
        name: "candle",
        title: "candle",
        program: Program::Rust("candle-engine"),
        environment: KEEP_MEMORY,
        contender: false,
    },
    Kind {
        name: "rustyml",
        title: "rustyml",
        program: Program::Rust("rustyml-engine"),
        environment: KEEP_MEMORY,
        contender: false,
    },
];

/// The title of an engine in tables; its name, if it is not in [`ENGINES`].
pub fn title(name: &str) -> &str {
    ENGINES.iter().find(|kind| kind.name == name).map_or(name, |kind| kind.title)
}

/// One answer: an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    pub seconds: f64,
    pub loss: f64,
    /// What others took of one core meanwhile, over all epochs of the command; NaN if nobody knows.
    pub others: f64,
}

/// A running engine. It stands still except inside [`Engine::train`].
pub struct Engine {
    pub version: String,
    pub note: String,
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Engine {
    /// Starts the engine and waits until it is ready. Its stderr goes into `log`.
    pub fn start(name: &str, mut command: Command, definition: &Path, threads: usize, log: &Path) -> Result<Self> {
        let stderr = File::create(log).with_context(|| format!("{}: cannot be written", log.display()))?;
        // Some environments force kernels for older processors on OpenBLAS; nobody should be slowed down by that.
        for forced in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "RUSTFLAGS"] {
            command.env_remove(forced);
        }
        for threads_of in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "VANILLA_THREADS"] {
            command.env(threads_of, threads.to_string());
        }
        command.arg(definition).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| {
            let program = command.get_program().to_string_lossy().into_owned();
            format!("{name}: cannot start {program}; `cargo xtask bench --setup-only` makes it")
        })?;
        let stdout = child.stdout.take().context("an engine without stdout")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut engine =
            Self { version: String::new(), note: String::new(), name: name.to_owned(), child, stdin, lines };
        let answer = engine.answer().with_context(|| format!("see {}", log.display()))?;
        let ready = &answer["ready"];
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        (engine.version, engine.note) = (text("version"), text("note"));
        engine.signal("-STOP")?;
        Ok(engine)
    }

    /// Wakes the engine, trains so many epochs and stops it again.
    pub fn train(&mut self, epochs: usize) -> Result<Vec<Epoch>> {
        let before = Load::now(self.child.id());
        self.signal("-CONT")?;
        let stdin = self.stdin.as_mut().context("an engine without stdin")?;
        writeln!(stdin, "run {epochs}").and_then(|()| stdin.flush()).with_context(|| self.name.clone())?;
        let mut answers = Vec::with_capacity(epochs);
        for _ in 0..epochs {
            let answer = self.answer()?;
            let number = |key: &str| {
                answer[key].as_f64().ok_or(anyhow!("{}: {answer}, expected a number `{key}`", self.name))
            };
            // JSON has no NaN, so a loss that is none is `NaN` to Python and null to Rust.
            answers.push(Epoch {
                seconds: number("seconds")?,
                loss: number("loss").unwrap_or(f64::NAN),
                others: f64::NAN,
            });
        }
        let after = Load::now(self.child.id());
        let others = before.zip(after).map_or(f64::NAN, |(before, after)| before.others_since(&after));
        answers.iter_mut().for_each(|answer| answer.others = others);
        self.signal("-STOP")?;
        Ok(answers)
    }

    fn answer(&mut self) -> Result<Value> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line.replace("NaN", "null"))
                .with_context(|| format!("{}: answered {line:?}, expected one JSON value", self.name)),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{}: no answer within {} s", self.name, PATIENCE.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("{}: ended without an answer", self.name),
        }
    }

    /// `kill`, the program: a signal needs no unsafe code and no dependency that way.
    fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        let status = status.with_context(|| format!("{}: cannot start `kill`", self.name))?;
        if !status.success() {
            bail!("{}: `kill {signal}` failed: the engine has ended", self.name);
        }
        Ok(())
    }
}

impl Drop for Engine {
    /// The end of stdin ends an engine; one that stands still has to be woken first.
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.signal("-CONT");
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Engine> {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]);
        let log = std::env::temp_dir().join(format!("vanilla-xtask-{}.log", std::process::id()));
        Engine::start("fake", command, Path::new("definition.json"), 2, &log)
    }

    #[test]
    fn an_engine_answers_for_each_epoch() {
        let ready = r#"echo '{"ready": {"version": "7", "note": "n"}}'"#;
        let epoch = r#"echo '{"seconds": 0.5, "loss": NaN}'"#;
        let mut engine = shell(&format!("{ready}; while read line; do {epoch}; {epoch}; done")).unwrap();
        assert_eq!((&*engine.version, &*engine.note), ("7", "n"));
        let epochs = engine.train(2).unwrap();
        assert!(epochs.len() == 2 && epochs[0].seconds == 0.5 && epochs[1].loss.is_nan());
    }

    #[test]
    fn an_engine_that_ends_is_an_error_with_its_name() {
        let error = format!("{:#}", shell("exit 1").err().unwrap());
        assert!(error.contains("fake: ended without an answer"), "{error}");
    }
}
