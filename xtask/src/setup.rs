//! Where things are, and making the engines: a virtual environment, the Rust peers, and our own programs.

use crate::engine::{Kind, Program};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of the bench.
pub struct Places {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
    /// Everything that the bench makes and may be thrown away.
    pub work: PathBuf,
    /// The record of this machine.
    pub record: PathBuf,
}

impl Places {
    /// The target folder is two above this program, `target/release/xtask`.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the repository")?;
        let program = std::env::current_exe().context("the path of this program")?;
        let target = program.ancestors().nth(2).context("cargo's target folder")?.to_owned();
        let record = root.join("bench/record").join(Machine::read().folder);
        Ok(Self { work: target.join("bench"), root, target, record })
    }

    /// The command that starts an engine.
    pub fn command(&self, kind: &Kind) -> Command {
        let mut command = match kind.program {
            Program::Python(script) => {
                let mut python = Command::new(self.work.join("venv/bin/python"));
                python.arg(self.root.join("bench/engines").join(script));
                python
            }
            Program::Rust(name) => Command::new(self.work.join("rust/release").join(name)),
            Program::Ours(name) => Command::new(self.ours(name)),
        };
        command.envs(kind.environment.iter().copied());
        command
    }

    /// A released program of the main workspace.
    pub fn ours(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// Makes everything that is not there or is older than its description.
    ///
    /// # Errors
    /// Only when our own programs cannot be built: a peer that is not there is reported when it is started.
    pub fn set_up(&self) -> Result<()> {
        if let Err(error) = self.python() {
            eprintln!("bench: {error:#}");
        }
        // `--keep-going`: a peer that does not compile takes nobody else with it.
        let mut peers = cargo(&self.work.join("rust"));
        let manifest = self.root.join("bench/engines/rust/Cargo.toml");
        peers.args(["--locked", "--workspace", "--keep-going", "--manifest-path"]).arg(manifest);
        if let Err(error) = run(peers.env("RUSTFLAGS", "-C target-cpu=native")) {
            eprintln!("bench: {error:#}");
        }
        // Ours is what everybody gets: a plain release build, whatever the environment asks for.
        let mut build = cargo(&self.target);
        run(build
            .args(["-p", "vanilla-engine", "-p", "vanilla-cli"])
            .env_remove("RUSTFLAGS")
            .current_dir(&self.root))
    }

    /// The virtual environment, made anew when the requirements have changed.
    fn python(&self) -> Result<()> {
        let requirements = self.root.join("bench/engines/requirements.txt");
        let wanted = std::fs::read_to_string(&requirements).context("bench/engines/requirements.txt")?;
        let venv = self.work.join("venv");
        let stamp = venv.join("requirements.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
            return Ok(());
        }
        if venv.exists() {
            std::fs::remove_dir_all(&venv).with_context(|| format!("{}: cannot be removed", venv.display()))?;
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = || {
            let mut pip = Command::new(venv.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip
        };
        if run(pip().arg("-r").arg(&requirements)).is_err() {
            // One by one, so that what cannot be had takes nobody else with it.
            for package in wanted.lines().filter(|line| !line.is_empty()) {
                if let Err(error) = run(pip().arg(package)) {
                    eprintln!("bench: {error:#}");
                }
            }
        }
        std::fs::write(&stamp, wanted).with_context(|| format!("{}: cannot be written", stamp.display()))
    }
}

fn cargo(target: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--quiet", "--target-dir"]).arg(target);
    cargo
}

fn run(command: &mut Command) -> Result<()> {
    eprintln!("bench: {command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// What `/proc/cpuinfo` says of the processor.
#[derive(Debug, PartialEq)]
pub struct Machine {
    /// For people.
    pub name: String,
    /// For a path: hypervisors hide the name of the model, so family and model stand there too.
    pub folder: String,
}

impl Machine {
    pub fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
    }

    fn parse(cpuinfo: &str) -> Self {
        let value = |key: &str| {
            let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|left| left.trim() == key));
            line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
        };
        let (name, family, model) = (value("model name"), value("cpu family"), value("model"));
        let flags: Vec<&str> = value("flags").split(' ').collect();
        let best = ["avx512f", "avx2"].into_iter().find(|flag| flags.contains(flag));
        let isa = match best {
            Some("avx512f") => ", AVX-512",
            Some(_) => ", AVX2",
            None => "",
        };
        let slug = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let folder = format!("{name} {family} {model}").chars().map(slug).collect::<String>();
        let folder = folder.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        Self { name: format!("{name} (family {family}, model {model}{isa})"), folder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name_and_a_folder() {
        let cpuinfo = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC (R)\nflags\t\t: fpu avx2 avx512f\n";
        let machine = Machine::parse(cpuinfo);
        assert_eq!(machine.name, "AMD EPYC (R) (family 25, model 17, AVX-512)");
        assert_eq!(machine.folder, "amd-epyc-r-25-17");
        assert_eq!(Machine::parse("").folder, "unknown-unknown-unknown");
    }
}
