//! What metrics of outputs above thresholds have in common.
//!
//! **Formula** an output is positive where it is above the threshold, a label where it is not 0. Where three or more
//! thresholds are evenly spread over `[0, 1]`, Keras looks at `ceil(p (n - 1)) - 1` in f32, the number of the last threshold
//! that p is above; so does this
//! **Config** `thresholds`, one or a list, each from 0 to 1; `class_id`, the only output that is looked at
//! **Reference** `keras.src.metrics.metrics_utils`

use super::{Row, ratio, same_width};
use crate::config::Config;
use crate::error::Result;
use serde_json::{Value, json};

/// Thresholds as they were given, and as they are compared.
#[derive(Clone, Debug)]
pub(super) struct Thresholds {
    given: Option<Vec<f64>>,
    values: Vec<f32>,
    even: bool,
}

impl Thresholds {
    /// These, or the usual one.
    pub fn new(given: Option<Vec<f64>>, usual: f64) -> Self {
        let values = given.clone().unwrap_or_else(|| vec![usual]);
        Self { even: evenly_spread(&values), values: values.iter().map(|t| *t as f32).collect(), given }
    }

    /// This many from `low` to `high`, those between spread evenly over `[0, 1]`.
    pub fn even(count: usize, low: f64, high: f64) -> Self {
        let between = (1..count.saturating_sub(1)).map(|i| i as f64 / (count - 1) as f64);
        let values: Vec<f32> = [low].into_iter().chain(between).chain([high]).map(|t| t as f32).collect();
        Self { given: None, values, even: true }
    }

    /// These in order, between `low` and `high`.
    pub fn between(given: &[f64], low: f64, high: f64) -> Self {
        let mut sorted = given.to_vec();
        sorted.sort_by(f64::total_cmp);
        let even = evenly_spread(&[&[0.0], &sorted[..], &[1.0]].concat());
        let values = [&[low], &sorted[..], &[high]].concat().iter().map(|t| *t as f32).collect();
        Self { given: None, values, even }
    }

    /// Takes `thresholds`.
    pub fn from_config(config: &mut Config, usual: f64) -> Result<Self> {
        Ok(Self::new(shares(config)?, usual))
    }

    /// As Keras writes them: null, a number or a list.
    pub fn written(&self) -> Value {
        match self.given.as_deref() {
            Some([one]) => json!(one),
            given => json!(given),
        }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// How many thresholds, from the first, p is above; only for thresholds in order.
    pub fn level(&self, p: f32) -> usize {
        if !self.even {
            return self.values.iter().filter(|threshold| p > **threshold).count();
        }
        let last = (self.values.len() - 1) as f32;
        // The first threshold below 0 lies below every number.
        let least = f32::from(u8::from(self.values[0] < 0.0));
        (p.clamp(0.0, 1.0) * last).ceil().max(least) as usize
    }

    /// Whether p is above the threshold with this number.
    fn above(&self, p: f32, number: usize) -> bool {
        if self.even { self.level(p) > number } else { p > self.values[number] }
    }

    /// Calls `add` with the threshold's number, the label and the answer, for every output that is looked at.
    pub fn each(&self, row: &Row<'_>, of: Of, mut add: impl FnMut(usize, bool, bool)) {
        for (column, (t, p)) in row.target.iter().zip(row.output).enumerate() {
            if of.class_id.is_some_and(|class| class != column) {
                continue;
            }
            let p = if of.top_k.is_some_and(|k| !among_first(row.output, column, k)) { LEAST } else { *p };
            for number in 0..self.values.len() {
                add(number, *t != 0.0, self.above(p, number));
            }
        }
    }
}

/// Which outputs count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Of {
    /// Only this one.
    pub class_id: Option<usize>,
    /// Only the largest ones can be positive.
    pub top_k: Option<usize>,
}

impl Of {
    /// Takes `class_id`, and `top_k`.
    pub fn from_config(config: &mut Config) -> Result<Self> {
        let top_k = config.integer("top_k")?;
        if top_k == Some(0) {
            return Err(config.error("top_k = 0, expected at least 1, the number of outputs that may be positive"));
        }
        Ok(Self { class_id: config.integer("class_id")?, top_k })
    }

    pub fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
        if let Some(class) = self.class_id.filter(|class| *class >= outputs) {
            return Err(format!("has class_id = {class}, and the outputs are 0 to {}", outputs.saturating_sub(1)));
        }
        if let Some(k) = self.top_k.filter(|k| *k > outputs) {
            return Err(format!("has top_k = {k}, and there are {outputs} outputs"));
        }
        same_width(target, outputs)
    }
}

/// What an output that is not among the largest counts as, and the usual threshold with `top_k`.
pub(super) const LEAST: f32 = -1e10;

/// Whether this output is among the k largest, of equals the first.
fn among_first(output: &[f32], column: usize, k: usize) -> bool {
    let own = output[column];
    let before = |(other, y): (usize, &f32)| *y > own || *y == own && other < column;
    output.iter().enumerate().filter(|pair| before(*pair)).count() < k
}

/// Takes `thresholds`, shares from 0 to 1.
pub(super) fn shares(config: &mut Config) -> Result<Option<Vec<f64>>> {
    let given = config.float_list("thresholds")?;
    let bad = given.as_ref().map(|list| list.iter().find(|t| !(0.0..=1.0).contains(*t)));
    match (bad, &given) {
        (Some(Some(bad)), _) => Err(config.error(format!("thresholds has {bad}, expected numbers from 0 to 1"))),
        (_, Some(list)) if list.is_empty() => {
            Err(config.error("thresholds = [], expected at least one, such as 0.5"))
        }
        _ => Ok(given),
    }
}

/// Keras's rule: three at least, and close to `i / (n - 1)`.
fn evenly_spread(values: &[f64]) -> bool {
    let even = |i: usize| f64::from(i as f32 / (values.len() - 1) as f32);
    values.len() >= 3 && values.iter().enumerate().all(|(i, t)| (t - even(i)).abs() <= 1e-7 + 1e-5 * even(i))
}

/// Positives and negatives by how many thresholds their outputs are above, and what follows from that.
pub(super) struct Levels<'a> {
    positives: &'a [f64],
    negatives: &'a [f64],
}

/// At one threshold: outputs that are positive rightly and wrongly, and negative wrongly and rightly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub tp: f64,
    pub fp: f64,
    pub fn_: f64,
    pub tn: f64,
}

impl Counts {
    pub fn recall(&self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }
    pub fn precision(&self) -> f64 {
        ratio(self.tp, self.tp + self.fp)
    }
    pub fn specificity(&self) -> f64 {
        ratio(self.tn, self.tn + self.fp)
    }
}

impl<'a> Levels<'a> {
    /// Sums that it takes for so many thresholds.
    pub fn sums(thresholds: usize) -> usize {
        2 * (thresholds + 1)
    }

    /// Adds an output.
    pub fn add(sums: &mut [f64], positive: bool, level: usize, weight: f64) {
        let half = sums.len() / 2;
        sums[if positive { level } else { half + level }] += weight;
    }

    pub fn of(sums: &'a [f64]) -> Self {
        let (positives, negatives) = sums.split_at(sums.len() / 2);
        Self { positives, negatives }
    }

    /// At each threshold.
    pub fn counts(&self) -> Vec<Counts> {
        let (mut counts, mut below) = (Vec::new(), [0.0; 2]);
        let all = [self.positives, self.negatives].map(|list| list.iter().sum::<f64>());
        for (positives, negatives) in self.positives.iter().zip(self.negatives) {
            below[0] += positives;
            below[1] += negatives;
            let [tp, fp] = [0, 1].map(|i| all[i] - below[i]);
            counts.push(Counts { tp, fp, fn_: below[0], tn: below[1] });
        }
        // Behind the last threshold there is no further one.
        counts.pop();
        counts
    }
}

/// A count of outputs above or below thresholds: its type, its name, label and answer that are counted.
macro_rules! count_above {
    ($(#[$doc:meta])* $word:ident $name:literal $label:literal $answer:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $word {
            thresholds: $crate::metrics::thresholds::Thresholds,
        }

        impl Default for $word {
            fn default() -> Self {
                Self { thresholds: $crate::metrics::thresholds::Thresholds::new(None, 0.5) }
            }
        }

        impl $word {
            /// Above one half.
            pub fn new() -> Self {
                Self::default()
            }

            /// Above each of these, from 0 to 1.
            pub fn thresholds(mut self, thresholds: &[f64]) -> Self {
                self.thresholds = $crate::metrics::thresholds::Thresholds::new(Some(thresholds.to_vec()), 0.5);
                self
            }

            pub(super) fn from_config(config: &mut $crate::config::Config) -> $crate::error::Result<Self> {
                Ok(Self { thresholds: $crate::metrics::thresholds::Thresholds::from_config(config, 0.5)? })
            }
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn config(&self) -> $crate::config::Keys {
                $crate::config::keys! { "thresholds": self.thresholds.written() }
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::same_width(target, outputs)
            }
            fn sums(&self, _target: usize, _outputs: usize) -> usize {
                self.thresholds.len()
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                self.thresholds.each(row, Default::default(), |number, label, answer| {
                    if label == $label && answer == $answer {
                        sums[number] += weight;
                    }
                });
            }
            fn result(&self, sums: &[f64]) -> f64 {
                sums[0]
            }
            fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
                $crate::metrics::numbered(sums.iter().copied())
            }
        }
    };
}
pub(super) use count_above;

/// True positives over these and what the label or the answer is wrong about: its type, its name, label and answer of the
/// others.
macro_rules! share_of_true {
    ($(#[$doc:meta])* $word:ident $name:literal $label:literal $answer:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $word {
            thresholds: $crate::metrics::thresholds::Thresholds,
            of: $crate::metrics::thresholds::Of,
        }

        impl Default for $word {
            fn default() -> Self {
                Self {
                    thresholds: $crate::metrics::thresholds::Thresholds::new(None, 0.5),
                    of: Default::default(),
                }
            }
        }

        impl $word {
            /// Of all outputs, above one half.
            pub fn new() -> Self {
                Self::default()
            }

            /// Above each of these, from 0 to 1.
            pub fn thresholds(mut self, thresholds: &[f64]) -> Self {
                self.thresholds = $crate::metrics::thresholds::Thresholds::new(Some(thresholds.to_vec()), 0.5);
                self
            }

            /// Of this output only.
            pub fn class_id(mut self, class: usize) -> Self {
                self.of.class_id = Some(class);
                self
            }

            /// The k largest outputs of a row are positive.
            pub fn top_k(mut self, k: usize) -> Self {
                use $crate::metrics::thresholds::{LEAST, Thresholds};
                self.of.top_k = Some(k);
                if self.thresholds.written().is_null() {
                    self.thresholds = Thresholds::new(None, f64::from(LEAST));
                }
                self
            }

            pub(super) fn from_config(config: &mut $crate::config::Config) -> $crate::error::Result<Self> {
                use $crate::metrics::thresholds::{LEAST, Of, Thresholds};
                let of = Of::from_config(config)?;
                let usual = if of.top_k.is_some() { f64::from(LEAST) } else { 0.5 };
                Ok(Self { thresholds: Thresholds::from_config(config, usual)?, of })
            }
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn config(&self) -> $crate::config::Keys {
                let (top_k, class_id) = (self.of.top_k, self.of.class_id);
                let thresholds = self.thresholds.written();
                $crate::config::keys! { "thresholds": thresholds, "top_k": top_k, "class_id": class_id }
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::Up)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                self.of.check(target, outputs)
            }
            fn sums(&self, _target: usize, _outputs: usize) -> usize {
                2 * self.thresholds.len()
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                self.thresholds.each(row, self.of, |number, label, answer| {
                    if label && answer {
                        sums[2 * number] += weight;
                    } else if label == $label && answer == $answer {
                        sums[2 * number + 1] += weight;
                    }
                });
            }
            fn result(&self, sums: &[f64]) -> f64 {
                $crate::metrics::ratio(sums[0], sums[0] + sums[1])
            }
            fn results(&self, sums: &[f64]) -> Vec<(String, f64)> {
                $crate::metrics::numbered(sums.chunks_exact(2).map(|pair| self.result(pair)))
            }
        }
    };
}
pub(super) use share_of_true;

/// The best of one share where another is large enough, over many thresholds: its type, its names, the key of what is
/// asked for, the two shares.
macro_rules! best_where {
    ($(#[$doc:meta])* $word:ident $name:literal $key:literal $asked:ident $best:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $word {
            asked: f64,
            class_id: Option<usize>,
            thresholds: $crate::metrics::thresholds::Thresholds,
        }

        impl $word {
            /// Where that is at least so large, from 0 to 1; 200 thresholds.
            pub fn new(asked: f64) -> Self {
                let thresholds = $crate::metrics::thresholds::Thresholds::even(200, 0.0, 1.0);
                Self { asked, class_id: None, thresholds }
            }

            /// This many thresholds.
            pub fn num_thresholds(mut self, count: usize) -> Self {
                use $crate::metrics::thresholds::Thresholds;
                let one = || Thresholds::new(None, 0.5);
                self.thresholds = if count > 1 { Thresholds::even(count, 0.0, 1.0) } else { one() };
                self
            }

            /// Of this output only.
            pub fn class_id(mut self, class: usize) -> Self {
                self.class_id = Some(class);
                self
            }

            pub(super) fn from_config(config: &mut $crate::config::Config) -> $crate::error::Result<Self> {
                if !config.has($key) {
                    return Err(config.error(concat!("no ", $key, ": say how large it must be, from 0 to 1")));
                }
                let asked = config.share($key, 0.5)?;
                let count = config.integer("num_thresholds")?.unwrap_or(200);
                if count == 0 {
                    return Err(config.error("num_thresholds = 0, expected at least 1, such as 200"));
                }
                let class_id = config.integer("class_id")?;
                Ok(Self { class_id, ..Self::new(asked).num_thresholds(count) })
            }
        }

        impl $crate::metrics::Metric for $word {
            fn class_name(&self) -> &str {
                stringify!($word)
            }
            fn name(&self) -> &str {
                $name
            }
            fn config(&self) -> $crate::config::Keys {
                let (count, class_id) = (self.thresholds.len(), self.class_id);
                $crate::config::keys! { "class_id": class_id, "num_thresholds": count, $key: self.asked }
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                Some($crate::metrics::Direction::Up)
            }
            fn check(&self, target: usize, outputs: usize) -> std::result::Result<(), String> {
                $crate::metrics::thresholds::Of { class_id: self.class_id, top_k: None }.check(target, outputs)
            }
            fn sums(&self, _target: usize, _outputs: usize) -> usize {
                $crate::metrics::thresholds::Levels::sums(self.thresholds.len())
            }
            fn observe(&self, row: &$crate::metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
                for (column, (t, p)) in row.target.iter().zip(row.output).enumerate() {
                    if self.class_id.is_none_or(|class| class == column) {
                        let level = self.thresholds.level(*p);
                        $crate::metrics::thresholds::Levels::add(sums, *t != 0.0, level, weight);
                    }
                }
            }
            fn result(&self, sums: &[f64]) -> f64 {
                let counts = $crate::metrics::thresholds::Levels::of(sums).counts();
                // Keras compares f32.
                let enough = counts.iter().filter(|at| at.$asked() as f32 >= self.asked as f32);
                enough.map(|at| at.$best()).fold(0.0, f64::max)
            }
        }
    };
}
pub(super) use best_where;
