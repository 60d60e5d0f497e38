//! `cargo xtask fuzz`: every format's reader under libFuzzer, on the stable toolchain.
//!
//! ```text
//! target/fuzz/seeds/T        good files, made anew
//! target/fuzz/corpus/T       what the fuzzer found to go on from; stays from run to run
//! target/fuzz/findings/T     what broke a promise, as found
//! fuzz/corpus/T              the smallest of what reaches new code; replayed by the tests; written by --keep
//! fuzz/regressions/T         findings, minimised; replayed by the tests
//! ```
//!
//! A target runs for ten minutes of processor time, or as `--minutes` says; the targets of HDF5, of `.keras` files and of
//! ONNX share an hour each. A busy machine only makes it take longer. A finding is minimised and the run goes on, for at
//! most ten of them. Without cargo-fuzz, that is installed first, into the target folder.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The version of cargo-fuzz that is installed.
const CARGO_FUZZ: &str = "0.13.2";
/// Minutes of a target.
const MINUTES: f64 = 10.0;
/// Minutes of the targets of a format that has an hour: HDF5, `.keras`, ONNX.
const LONG: [(&str, f64); 8] = [
    ("hdf5", 30.0),
    ("legacy_h5", 20.0),
    ("load_weights", 10.0),
    ("keras_model", 40.0),
    ("keras_zip", 10.0),
    ("json_config", 10.0),
    ("onnx_model", 35.0),
    ("onnx", 25.0),
];
/// Where there are more, something is known to be wrong.
const MOST_FINDINGS: usize = 10;
/// Longer inputs are slower, and reach nothing that shorter ones do not.
const LONGEST: u64 = 64 << 10;
/// The committed corpus of a target, in bytes.
const KEPT: u64 = 48 << 10;
const KEPT_FILE: u64 = 4 << 10;
const KEPT_FILES: usize = 48;
/// Clock ticks a second of `/proc/self/stat`.
const TICKS: f64 = 100.0;

/// What is fuzzed, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// The formats, all of them without a name: see fuzz/fuzz_targets
    targets: Vec<String>,
    /// Minutes of processor time for each target
    #[arg(long)]
    minutes: Option<f64>,
    /// Write the smallest inputs that reach new code into fuzz/corpus afterwards
    #[arg(long)]
    keep: bool,
}

/// What a run of a target gave.
#[derive(Default)]
struct Figures {
    executions: u64,
    coverage: u64,
    features: u64,
    seconds: f64,
    findings: Vec<PathBuf>,
}

/// Fuzzes, prints a table, and fails when anything was found.
///
/// # Errors
/// When a tool is missing, a target does not build, or there was a finding.
pub fn run(options: &Options) -> Result<()> {
    let fuzzer = Fuzzer::new()?;
    let all = fuzzer.targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("no target '{unknown}', expected one of {}", all.join(", "));
    }
    let chosen = if options.targets.is_empty() { all } else { options.targets.clone() };
    fuzzer.seeds()?;
    fuzzer.cargo("build", &[])?;
    let mut table = String::from(
        "| target | executions | edges | features | seconds | findings |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let mut findings = Vec::new();
    for name in &chosen {
        let long = LONG.iter().find(|(long, _)| long == name).map(|(_, minutes)| *minutes);
        let minutes = options.minutes.or(long).unwrap_or(MINUTES);
        let figures = fuzzer.fuzz(name, Duration::from_secs_f64(minutes * 60.0))?;
        if options.keep {
            fuzzer.keep(name)?;
        }
        let Figures { executions, coverage, features, seconds, .. } = figures;
        let line = format!(
            "| {name} | {executions} | {coverage} | {features} | {seconds:.0} | {} |\n",
            figures.findings.len()
        );
        print!("{line}");
        table.push_str(&line);
        findings.extend(figures.findings);
    }
    println!("\n{table}");
    match findings.first() {
        None => Ok(()),
        Some(first) => bail!("{} findings, the first one {}", findings.len(), first.display()),
    }
}

struct Fuzzer {
    root: PathBuf,
    /// What may be thrown away.
    work: PathBuf,
    /// `PATH` with the folder of the installed cargo-fuzz in front.
    path: std::ffi::OsString,
}

impl Fuzzer {
    fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the repository")?;
        let program = std::env::current_exe().context("the path of this program")?;
        let target = program.ancestors().nth(2).context("cargo's target folder")?;
        let (work, tools) = (target.join("fuzz"), target.join("tools"));
        let before = std::env::var_os("PATH").unwrap_or_default();
        let folders = [tools.join("bin")].into_iter().chain(std::env::split_paths(&before));
        let fuzzer = Self { root, work, path: std::env::join_paths(folders).context("PATH")? };
        let known = fuzzer.command("fuzz").arg("--version").stderr(Stdio::null()).stdout(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            let mut install = fuzzer.command("install");
            install.args(["cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]).arg(&tools);
            done(&mut install, "cargo install cargo-fuzz")?;
        }
        Ok(fuzzer)
    }

    /// A command of cargo in the repository; the sanitizer's flags are taken by the stable compiler with this variable.
    fn command(&self, word: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg(word).current_dir(&self.root).env("PATH", &self.path).env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_DIR", self.work.join("build"));
        command
    }

    fn cargo(&self, word: &str, rest: &[&std::ffi::OsStr]) -> Result<()> {
        done(self.command("fuzz").arg(word).args(rest), &format!("cargo fuzz {word}"))
    }

    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.root.join("fuzz/fuzz_targets");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    fn seeds(&self) -> Result<()> {
        let mut command = self.command("run");
        command.args(["--package", "vanilla-hostile", "--features", "columnar", "--example", "seeds", "--"]);
        command.arg(self.work.join("seeds"));
        done(&mut command, "the seeds")
    }

    /// Folders of inputs, the one that the fuzzer writes to first.
    fn corpora(&self, name: &str) -> Result<Vec<PathBuf>> {
        let fuzz = self.root.join("fuzz");
        let own = self.work.join("corpus").join(name);
        fs::create_dir_all(&own).with_context(|| own.display().to_string())?;
        let more = [self.work.join("seeds"), fuzz.join("corpus"), fuzz.join("regressions")]
            .map(|folder| folder.join(name));
        Ok([own].into_iter().chain(more.into_iter().filter(|folder| folder.is_dir())).collect())
    }

    /// Runs one target until its time is over; every finding ends libFuzzer, which is then started again, and so it is
    /// when others had the processor meanwhile.
    fn fuzz(&self, name: &str, time: Duration) -> Result<Figures> {
        let found = self.work.join("findings").join(name);
        fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let (mut figures, clock) = (Figures::default(), Clock::start());
        while figures.findings.len() < MOST_FINDINGS {
            let left = time.saturating_sub(clock.elapsed()).as_secs();
            if left < 2 {
                break;
            }
            let log = self.work.join(format!("{name}.log"));
            let output = fs::File::create(&log).with_context(|| log.display().to_string())?;
            let before = files(&found)?;
            let mut command = self.command("fuzz");
            // What was found now is still wrong, and would end the next run at its start.
            let mut corpora = self.corpora(name)?;
            corpora.retain(|folder| figures.findings.iter().all(|finding| !finding.starts_with(folder)));
            command.args(["run", name]).args(corpora).arg("--");
            command.arg(format!("-artifact_prefix={}/", found.display())).arg(format!("-max_total_time={left}"));
            command.arg(format!("-max_len={LONGEST}"));
            // The readers' own limits are far lower; these only protect the machine.
            command.args(["-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=1"]);
            command.stdout(Stdio::null()).stderr(output);
            let status = command.status().context("cargo fuzz")?;
            let text = fs::read(&log).with_context(|| log.display().to_string())?;
            figures.add(&String::from_utf8_lossy(&text));
            let new: Vec<PathBuf> = files(&found)?.into_iter().filter(|path| !before.contains(path)).collect();
            if new.is_empty() && !status.success() {
                bail!("{name} ended by itself: see {}", log.display());
            }
            for finding in new.into_iter().filter(|path| !path.to_string_lossy().contains("/slow-unit-")) {
                figures.findings.push(self.minimised(name, &finding)?);
            }
        }
        figures.seconds = clock.elapsed().as_secs_f64();
        Ok(figures)
    }

    /// The regression that comes of a finding.
    fn minimised(&self, name: &str, finding: &Path) -> Result<PathBuf> {
        let folder = self.root.join("fuzz/regressions").join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let to = folder.join(finding.file_name().context("a file's name")?);
        let mut command = self.command("fuzz");
        command.args(["run", name]).arg(finding).arg("--");
        command.args(["-minimize_crash=1", "-max_total_time=60", "-timeout=30", "-rss_limit_mb=4096"]);
        command.arg(format!("-exact_artifact_path={}", to.display()));
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !to.is_file() {
            fs::copy(finding, &to).with_context(|| to.display().to_string())?;
        }
        Ok(to)
    }

    /// Few small inputs that together reach the most, into the committed corpus.
    fn keep(&self, name: &str) -> Result<()> {
        let to = self.root.join("fuzz/corpus").join(name);
        let chosen = self.work.join("chosen").join(name);
        if chosen.is_dir() {
            fs::remove_dir_all(&chosen).with_context(|| chosen.display().to_string())?;
        }
        for folder in [&to, &chosen] {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut command = self.command("fuzz");
        command.args(["run", name]).arg(&chosen).args(self.corpora(name)?);
        command.args(["--", "-set_cover_merge=1"]).arg(format!("-max_len={KEPT_FILE}"));
        done(command.stdout(Stdio::null()).stderr(Stdio::null()), "the merging of the corpus")?;
        let mut all = Vec::new();
        for path in files(&chosen)? {
            all.push((fs::metadata(&path)?.len(), path));
        }
        all.sort();
        for path in files(&to)? {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        // From the shortest to the longest evenly: the short ones alone would be errors of the first bytes.
        let step = all.len().div_ceil(KEPT_FILES).max(1);
        let mut kept = 0;
        for (length, path) in all.iter().step_by(step) {
            kept += length;
            if kept > KEPT {
                break;
            }
            let to = to.join(path.file_name().context("a file's name")?);
            fs::copy(path, &to).with_context(|| to.display().to_string())?;
        }
        Ok(())
    }
}

/// The processor time of the programs that were run meanwhile; where the system does not tell it, the time.
struct Clock {
    start: Instant,
    before: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), before: Self::children() }
    }

    fn elapsed(&self) -> Duration {
        match (self.before, Self::children()) {
            (Some(before), Some(now)) => Duration::from_secs_f64((now - before).max(0.0)),
            _ => self.start.elapsed(),
        }
    }

    /// Seconds of the children that have ended, and of theirs: `cutime` and `cstime` of Linux's `proc(5)`.
    fn children() -> Option<f64> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let ticks: Vec<u64> =
            text.rsplit_once(')')?.1.split_whitespace().skip(13).take(2).map_while(|t| t.parse().ok()).collect();
        (ticks.len() == 2).then(|| ticks.iter().sum::<u64>() as f64 / TICKS)
    }
}

impl Figures {
    /// Adds what libFuzzer printed: `#123 NEW cov: 45 ft: 67 …` and `stat::number_of_executed_units: 123`.
    fn add(&mut self, log: &str) {
        let after = |line: &str, key: &str| -> Option<u64> {
            line.split_once(key)?.1.split_whitespace().next()?.parse().ok()
        };
        for line in log.lines() {
            self.executions += after(line, "stat::number_of_executed_units:").unwrap_or(0);
            self.coverage = self.coverage.max(after(line, " cov: ").unwrap_or(0));
            self.features = self.features.max(after(line, " ft: ").unwrap_or(0));
        }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

fn done(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| what.to_owned())?;
    if !status.success() {
        bail!("{what} ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_libfuzzer() {
        let mut figures = Figures::default();
        for (cov, runs) in [(45, 1000), (44, 234)] {
            figures.add(&format!(
                "#2\tINITED cov: 40 ft: 60 corp: 3/99b exec/s: 0 rss: 40Mb\n\
                 #9\tNEW    cov: {cov} ft: 67 corp: 4/100b lim: 4 exec/s: 0 rss: 40Mb L: 2/9 MS: 1\n\
                 stat::number_of_executed_units: {runs}\nstat::peak_rss_mb: 40\n"
            ));
        }
        assert_eq!((figures.executions, figures.coverage, figures.features), (1234, 45, 67));
    }
}
