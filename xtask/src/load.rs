//! What other processes take of the machine while an engine is measured: figures of a busy machine are marked.

use std::time::Instant;

/// More than this share of one core for others, and an epoch counts as disturbed.
pub const DISTURBED: f64 = 0.1;

/// The kernel counts in hundredths of a second (`USER_HZ`), whatever the machine.
const TICKS: f64 = 100.0;

/// Counters at one moment.
pub struct Load {
    start: Instant,
    machine: f64,
    engine: f64,
}

impl Load {
    /// `None` where `/proc` does not tell.
    pub fn now(pid: u32) -> Option<Self> {
        let machine = busy(&std::fs::read_to_string("/proc/stat").ok()?)?;
        let engine = own(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { start: Instant::now(), machine, engine })
    }

    /// How much of one core others have taken from then to `now`; NaN for less than half a second, which ticks do
    /// not resolve.
    pub fn others_since(&self, now: &Self) -> f64 {
        let seconds = (now.start - self.start).as_secs_f64();
        let taken = (now.machine - self.machine) - (now.engine - self.engine);
        if seconds < 0.5 { f64::NAN } else { (taken / TICKS / seconds).max(0.0) }
    }
}

/// Ticks of all cores that were not idle: user, nice, system, (idle, iowait,) irq, softirq, steal.
fn busy(stat: &str) -> Option<f64> {
    let fields: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    (fields.len() >= 8).then(|| fields[..3].iter().chain(&fields[5..8]).sum())
}

/// Ticks of one process: fields 14 and 15, user and system. Field 2, its name, may hold spaces and ends with `)`.
fn own(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn counters_are_read() {
        assert_eq!(busy("cpu  1 2 3 100 200 4 5 6 7 8\ncpu0 1\n"), Some(21.0));
        assert_eq!(own("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14"), Some(23.0));
        assert_eq!(busy("cpu 1"), None);
    }

    #[test]
    fn others_are_what_the_engine_did_not_take() {
        let start = Instant::now();
        let before = Load { start, machine: 100.0, engine: 50.0 };
        let after = Load { start: start + Duration::from_secs(2), machine: 500.0, engine: 350.0 };
        assert_eq!(before.others_since(&after), 0.5);
    }
}
