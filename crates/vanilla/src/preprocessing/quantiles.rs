//! [`Summary`]: the quantiles of a stream of numbers, to within a share `epsilon` of it.
//!
//! **Formula** A batch is sorted, and every `step`-th value of it kept with weight `step`, where `step` is the
//! batch's size times `epsilon`, at least 1. Two summaries are merged by value. A summary of `n` values with `n
//! epsilon >= 1` is compressed to the values at the shares `epsilon, 2 epsilon, …` of the whole weight, on the
//! line between neighbours. Boundaries of `b` bins are the values of the summary compressed with `1 / b`, but the
//! last
//! **Reference** `keras.src.layers.preprocessing.discretization`: `summarize`, `merge_summaries`,
//! `get_bin_boundaries`
//!
//! Values and weights are f32 and interpolation is f64, as NumPy has them there. Equal values keep their order
//! when summaries are merged (NumPy's does not say).

/// Values in rising order, and the weight of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Summary {
    /// The summary of these numbers, none of which is NaN.
    pub fn of(mut values: Vec<f32>, epsilon: f64) -> Self {
        values.sort_by(f32::total_cmp);
        let step = (values.len() as f64 / (1.0 / epsilon)).max(1.0);
        let kept = values.into_iter().skip((step - 1.0) as usize).step_by(step as usize);
        let values: Vec<f32> = kept.collect();
        Self { weights: vec![step as f32; values.len()], values }
    }

    /// Both together, compressed.
    pub fn merge(self, other: Self, epsilon: f64) -> Self {
        let values = self.values.into_iter().chain(other.values);
        let mut all: Vec<(f32, f32)> = values.zip(self.weights.into_iter().chain(other.weights)).collect();
        all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (values, weights) = all.into_iter().unzip();
        Self { values, weights }.compress(epsilon)
    }

    /// The boundaries between `bins` bins of about equal weight.
    pub fn boundaries(self, bins: usize) -> Vec<f32> {
        let mut values = self.compress(1.0 / bins as f64).values;
        values.pop();
        values
    }

    fn compress(self, epsilon: f64) -> Self {
        if (self.values.len() as f64) * epsilon < 1.0 {
            return self;
        }
        let mut sum = 0.0f32;
        let sums: Vec<f32> = self
            .weights
            .iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        let shares: Vec<f64> = sums.iter().map(|part| f64::from(part / sum)).collect();
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let (all_values, sums) = (wide(&self.values), wide(&sums));
        let mut summary = Self::default();
        let mut before = 0.0;
        for place in 0..(1.0 / epsilon).ceil() as usize {
            let share = epsilon + place as f64 * epsilon;
            let weight = on_the_line(share, &shares, &sums);
            summary.values.push(on_the_line(share, &shares, &all_values) as f32);
            summary.weights.push((weight - before) as f32);
            before = weight;
        }
        summary
    }
}

/// The value at `x` of the line through the points `(xs, ys)`, `xs` rising; beyond its ends that of the end.
fn on_the_line(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let right = xs.partition_point(|&other| other <= x);
    if right == 0 || right == xs.len() || xs[right - 1] == x {
        return ys[right.saturating_sub(1)];
    }
    let left = right - 1;
    (ys[right] - ys[left]) / (xs[right] - xs[left]) * (x - xs[left]) + ys[left]
}
