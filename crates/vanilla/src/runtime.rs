//! [`Runtime`]: the machine that a model runs on: an instruction set and threads.

use crate::error::{Error, Result};
use std::sync::{Arc, Mutex};
use vanilla_plan::kernels::{Isa, Kernels};

/// An instruction set, a number of threads, and the teams that were made for them.
#[derive(Debug)]
pub(crate) struct Runtime {
    isa: Isa,
    threads: usize,
    portable_math: bool,
    teams: Mutex<Vec<Arc<Kernels>>>,
}

/// More threads than any machine has cores are a mistake, and making them ends the process.
const MAX_THREADS: usize = 1024;

impl Runtime {
    /// `threads`, else `VANILLA_THREADS`, else one a core; `VANILLA_CPU`, else the best instruction set.
    /// With `portable_math`, arithmetic that has the same bits on every machine.
    pub fn new(threads: Option<usize>, portable_math: bool) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let threads = match (threads, variable("VANILLA_THREADS")) {
            (Some(threads), _) => threads,
            (None, Some(value)) => value.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                Error::config("VANILLA_THREADS", format!("'{value}', expected a number of threads, at least 1"))
            })?,
            (None, None) => std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        if threads > MAX_THREADS {
            return Err(Error::config("threads", format!("{threads}, expected at most {MAX_THREADS}")));
        }
        let isa = match variable("VANILLA_CPU") {
            None => Isa::best(),
            Some(name) => {
                let names = Isa::ALL.map(Isa::name).join(", ");
                let isa = Isa::from_name(&name)
                    .ok_or_else(|| Error::config("VANILLA_CPU", format!("'{name}', expected one of {names}")))?;
                if !isa.available() {
                    return Err(Error::config(
                        "VANILLA_CPU",
                        format!("this machine has no {name}: leave it unset"),
                    ));
                }
                isa
            }
        };
        Ok(Self { isa, threads: threads.max(1), portable_math, teams: Mutex::new(Vec::new()) })
    }

    /// What the bits of a result depend on, besides the experiment: the instruction set, or `portable`.
    pub fn arithmetic(&self) -> &'static str {
        if self.portable_math { "portable" } else { self.isa.arithmetic() }
    }

    pub fn isa(&self) -> Isa {
        self.isa
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Kernels on this many threads, made once.
    pub fn kernels(&self, threads: usize) -> Arc<Kernels> {
        let mut teams = self.teams.lock().unwrap_or_else(|error| error.into_inner());
        if let Some(kernels) = teams.iter().find(|kernels| kernels.team().threads() == threads) {
            return Arc::clone(kernels);
        }
        let make = if self.portable_math { Kernels::portable } else { Kernels::new };
        let kernels = Arc::new(make(self.isa, threads).expect("checked when the runtime was made"));
        teams.push(Arc::clone(&kernels));
        kernels
    }
}
