//! [`Machine`]: what this machine can do, and how much of it a training step uses.

use crate::error::Result;
use crate::layers::Dense;
use crate::model::Sequential;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// How long the peak is measured, once on each thread and once on all.
const PEAK_TIME: Duration = Duration::from_millis(300);
const BANDWIDTH_PASSES: usize = 5;

/// What was measured; rates are of all threads together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Machine {
    /// The instruction set.
    pub isa: String,
    /// Threads that compute.
    pub threads: usize,
    /// Floating-point operations a second in registers, a multiply-add counted as 2.
    pub fma_peak: f64,
    /// The same of one thread alone.
    pub fma_peak_of_one: f64,
    /// Bytes a second from and to memory.
    pub memory_bandwidth: f64,
}

impl Machine {
    /// Measures for about two seconds. `threads` as in [`Model::with_threads`](crate::Model::with_threads).
    ///
    /// # Errors
    /// When an environment variable makes no sense.
    pub fn measure(threads: Option<usize>) -> Result<Self> {
        // Any model knows the machine.
        let model = Sequential::new(vec![Dense::new(1).input_dim(1).into()])?;
        let model = match threads {
            Some(threads) => model.with_threads(threads),
            None => model,
        };
        let runtime = model.runtime()?;
        let (all, one) = (runtime.kernels(runtime.threads()), runtime.kernels(1));
        Ok(Self {
            isa: runtime.isa().name().to_owned(),
            threads: runtime.threads(),
            fma_peak: all.fma_peak(PEAK_TIME),
            fma_peak_of_one: one.fma_peak(PEAK_TIME),
            memory_bandwidth: all.memory_bandwidth(BANDWIDTH_PASSES),
        })
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "isa": self.isa, "threads": self.threads, "fma_peak_flops": self.fma_peak,
            "fma_peak_of_one_thread_flops": self.fma_peak_of_one,
            "memory_bandwidth_bytes_per_second": self.memory_bandwidth,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine    {} x {} threads", self.isa, self.threads)?;
        let (all, one) = (self.fma_peak / 1e9, self.fma_peak_of_one / 1e9);
        writeln!(f, "fma peak   {all:.1} GFLOP/s, of one thread {one:.1}")?;
        writeln!(f, "memory     {:.1} GB/s", self.memory_bandwidth / 1e9)
    }
}
