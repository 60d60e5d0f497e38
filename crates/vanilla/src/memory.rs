//! [`MemoryNeed`]: what a training takes of memory, computed before it starts, and what the machine has.

use crate::error::{Error, Result};
use crate::model::{Model, NOT_BUILT, NOT_COMPILED};
use crate::options::{Fit, OnNan};
use std::fmt;
use vanilla_plan::kernels::LANES;
use vanilla_plan::{Form, Network, VariableFacts};

/// Bytes that a training takes, an upper bound where the planner decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The weights.
    pub weights: u64,
    /// The optimizer's slots.
    pub optimizer: u64,
    /// Activations and gradients of a batch, in training and in validation, before any fusion.
    pub scratch: u64,
    /// Targets as the loss reads them, and the order of the rows.
    pub tables: u64,
    /// Copies of weights and slots: one that is written in the background and the bytes of its file, one to roll back
    /// to.
    pub copies: u64,
    rolls_back: bool,
}

impl MemoryNeed {
    /// All of it.
    pub fn total(&self) -> u64 {
        let parts = [self.weights, self.optimizer, self.scratch, self.tables, self.copies];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// The size of a checkpoint, but for some texts.
    pub fn checkpoint(&self) -> u64 {
        self.weights.saturating_add(self.optimizer).saturating_mul(if self.rolls_back { 2 } else { 1 })
    }

    /// What is not there yet when a model is built and its data are loaded.
    pub fn to_come(&self) -> u64 {
        self.total().saturating_sub(self.weights)
    }
}

/// `weights 3.0 MiB, optimizer 6.1 MiB, ...`.
impl fmt::Display for MemoryNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("weights", self.weights),
            ("optimizer", self.optimizer),
            ("scratch at most", self.scratch),
            ("tables", self.tables),
            ("copies", self.copies),
        ];
        let parts: Vec<_> = parts.iter().map(|(name, bytes)| format!("{name} {}", mebibytes(*bytes))).collect();
        write!(f, "{}, together {}", parts.join(", "), mebibytes(self.total()))
    }
}

impl Model {
    /// What training with these options on `rows` rows takes, besides the data themselves.
    ///
    /// # Errors
    /// When the model is not built or not compiled.
    pub fn memory_need(&self, options: &Fit, rows: usize) -> Result<MemoryNeed> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let compiled = self.compiled.as_ref().ok_or(NOT_COMPILED)?;
        let matrix = |rows: usize, cols: usize| {
            (cols.div_ceil(LANES) as u64).saturating_mul(rows as u64).saturating_mul(4 * LANES as u64)
        };
        let variables = &built.network.variables;
        let sum = |sum: u64, v: &VariableFacts| sum.saturating_add(matrix(v.rows, v.cols));
        let weights = variables.iter().fold(0, sum);
        let bound = self.optimizer()?;
        let trained = variables.iter().enumerate().filter(|(_, v)| v.trainable);
        let optimizer = trained.fold(0u64, |sum, (number, v)| {
            // A slot of another shape is smaller than its variable.
            sum.saturating_add(matrix(v.rows, v.cols).saturating_mul(bound.slots(number, &v.shape).len() as u64))
        });
        // A gradient that is not a single product is stored whole.
        let stored = variables.iter().filter(|v| v.regularizer.is_some() || !bound.fuses()).fold(0, sum);
        let target: usize = built
            .network
            .outputs
            .iter()
            .zip(&compiled.losses)
            .filter_map(|(output, loss)| {
                let form = built.network.form(*output);
                loss.as_ref().map(|loss| form.groups * loss.loss.target_width(form.cols))
            })
            .sum();
        let target = target as u64;
        let mut need = MemoryNeed {
            weights,
            optimizer,
            scratch: scratch(&built.network, options.batch_rows(rows), matrix).saturating_add(stored),
            tables: (rows as u64).saturating_mul(4 * target + size_of::<usize>() as u64),
            copies: 0,
            rolls_back: options.on_nan == OnNan::Rollback,
        };
        let written = if options.checkpoints.is_some() { need.checkpoint().saturating_mul(2) } else { 0 };
        let start = if need.rolls_back { need.checkpoint() / 2 } else { 0 };
        need.copies = written.saturating_add(start);
        Ok(need)
    }
}

/// Values of training and validation, gradients and their transposes; gradients of variables are never stored.
fn scratch(network: &Network, batch_size: usize, matrix: impl Fn(usize, usize) -> u64) -> u64 {
    let of_form = |form: &Form| {
        let rows = batch_size.saturating_mul(form.groups);
        let upright = matrix(rows, form.cols);
        upright.saturating_mul(3).saturating_add(matrix(form.cols, rows))
    };
    network.forms().iter().map(of_form).fold(0, u64::saturating_add)
}

/// Refuses what the machine cannot hold; `what` is what wants it.
pub(crate) fn refuse_too_much(what: &str, bytes: u64, detail: &str) -> Result<()> {
    // Asking takes 50 us; this much is always there.
    const ALWAYS: u64 = 16 << 20;
    match available().filter(|available| bytes > ALWAYS && bytes > *available) {
        Some(available) => Err(Error::Memory {
            what: what.to_owned(),
            needed: mebibytes(bytes),
            available: mebibytes(available),
            detail: detail.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Bytes that this process may still take: what the system has and what its limits leave. `None` where the system
/// does not tell.
pub fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let (meminfo, status, limits) = (read("/proc/meminfo")?, read("/proc/self/status"), read("/proc/self/limits"));
    let free = kibibytes(&meminfo, "MemAvailable:")?;
    let left = status.zip(limits).and_then(|(status, limits)| left_of_limits(&status, &limits));
    let group = read("/sys/fs/cgroup/memory.max").zip(read("/sys/fs/cgroup/memory.current"));
    let group = group.and_then(|(most, now)| {
        Some(most.trim().parse::<u64>().ok()?.saturating_sub(now.trim().parse::<u64>().ok()?))
    });
    [Some(free), left, group].into_iter().flatten().min()
}

/// What the limits of address space and data leave above what the process has.
fn left_of_limits(status: &str, limits: &str) -> Option<u64> {
    let left = |limit: &str, used: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let most: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(most.saturating_sub(kibibytes(status, used)?))
    };
    [left("Max address space", "VmSize:"), left("Max data size", "VmData:")].into_iter().flatten().min()
}

/// The bytes behind a name in the style of `/proc`: `MemAvailable:   1024 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

fn mebibytes(bytes: u64) -> String {
    if bytes >= 10 << 30 {
        format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::model::Sequential;
    use crate::options::Checkpoints;

    #[test]
    fn the_tutorials_need() {
        let layers = crate::layers![Dense::new(1000).activation("relu").input_dim(784), Dense::new(10)];
        let mut model = Sequential::new(layers).unwrap();
        let options = Fit::new().batch_size(64).checkpoints(Checkpoints::new("nowhere"));
        assert!(model.memory_need(&options, 60_000).is_err());
        model.compile("mse", "adam", ["mae"]).unwrap();
        let need = model.memory_need(&options, 60_000).unwrap();
        // 1000 units are 63 panels, 10 units one.
        assert_eq!(need.weights, 64 * (63 * 785 + 1001));
        assert_eq!((need.optimizer, need.copies), (2 * need.weights, 6 * need.weights));
        assert_eq!((need.tables, need.checkpoint()), (60_000 * 48, 3 * need.weights));
        let copies = |options: Fit| model.memory_need(&options, 60_000).unwrap().copies / need.weights;
        assert_eq!(copies(Fit::new()), 0);
        assert_eq!(copies(Fit::new().on_nan(OnNan::Rollback)), 3);
        assert_eq!(copies(options.on_nan(OnNan::Rollback)), 15);
        // The bound holds for what the planner lays out.
        let plan = crate::plan::Plan::train(
            &model.built.as_ref().unwrap().network,
            &model.compiled.as_ref().unwrap().output_losses(),
            &model.optimizer().unwrap(),
            64,
            0,
            crate::plan::Passes::ALL,
        );
        assert!(need.scratch >= plan.scratch_bytes() as u64, "{need}");
        assert!(need.to_string().starts_with("weights 3.1 MiB, optimizer 6.2 MiB, scratch at most "), "{need}");
    }

    #[test]
    fn limits_are_read() {
        let status = "Name: x\nVmSize:\t  2048 kB\nVmData:\t  1024 kB\n";
        let limits = |space: &str, data: &str| {
            format!("Max data size {data} unlimited bytes\nMax address space {space} unlimited bytes\n")
        };
        assert_eq!(left_of_limits(status, &limits("unlimited", "unlimited")), None);
        assert_eq!(left_of_limits(status, &limits("3145728", "unlimited")), Some(1 << 20));
        assert_eq!(left_of_limits(status, &limits("3145728", "1048580")), Some(4));
        assert_eq!(left_of_limits(status, &limits("1", "unlimited")), Some(0));
    }

    #[test]
    fn too_much_is_refused_with_the_numbers() {
        let error = refuse_too_much("fit", u64::MAX, "a smaller batch_size").unwrap_err();
        assert!(!error.is_bad_input());
        let text = error.to_string();
        assert!(text.starts_with("fit: needs 17179869184.0 GiB of memory, and there are "), "{text}");
        assert!(text.ends_with(": a smaller batch_size"), "{text}");
        assert!(refuse_too_much("fit", 1 << 20, "").is_ok());
    }
}
