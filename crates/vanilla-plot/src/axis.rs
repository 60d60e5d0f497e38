//! Axes: the range that shows the data, ticks in steps of 1, 2 or 5, and their labels.

use crate::curves::{Along, Panel};

/// Beyond this magnitude differences between values may overflow; such values are gaps.
const LARGEST: f64 = 1e300;
/// Below this magnitude powers of ten leave the range of f64; such values are drawn as 0.
const SMALLEST: f64 = 1e-200;
/// A range narrower than this, relative to its values, is drawn as constant: labels would need more than 7 digits,
/// and f32 measurements have no more.
const NARROWEST: f64 = 1e-6;
/// Extremes leave the axis if all other points get this many times more room. Measured on MNIST histories, where the
/// first epoch costs a factor of 2 to 4 and should stay in the picture; a loss of 3.1 before 0.1 costs 20 and more.
const SQUEEZED: f64 = 8.0;
/// At least this many points of the longest series, else nothing counts as extreme.
const FEWEST_POINTS: usize = 5;

/// A range of numbers with the ticks inside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    pub(crate) ticks: Vec<Tick>,
}

/// A marked number and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

impl Axis {
    /// The axis of epochs 1..=n, widened by the fraction `pad` at both ends, with at most `most` ticks.
    pub(crate) fn epochs(n: usize, pad: f64, most: usize) -> Axis {
        let n = n.max(1);
        let margin = if n == 1 { 0.5 } else { pad * (n - 1) as f64 };
        let ticks = epoch_ticks(n, most).into_iter();
        let ticks = ticks.map(|value| Tick { value: value as f64, label: value.to_string() });
        Axis { lo: 1.0 - margin, hi: n as f64 + margin, ticks: ticks.collect() }
    }

    /// The axis along a panel, widened by the fraction `pad` at both ends, with at most `most` ticks.
    pub(crate) fn along(panel: &Panel, pad: f64, most: usize) -> Axis {
        let n = epochs(panel);
        match panel.along {
            Along::Geometric { first, last } if n > 1 && first > 0.0 && last > first && drawable(last) => {
                let Axis { lo, hi, .. } = Axis::epochs(n, pad, 1);
                Axis { lo, hi, ticks: powers(first, last, n, most) }
            }
            _ => Axis::epochs(n, pad, most),
        }
    }

    /// The axis of a panel's values, widened by the fraction `pad` at both ends, with at most `most` ticks.
    pub(crate) fn values(panel: &Panel, pad: f64, most: usize) -> Axis {
        let (lo, hi) = bulk(panel).unwrap_or((0.0, 1.0));
        let magnitude = lo.abs().max(hi.abs());
        let (lo, hi) = if magnitude < SMALLEST {
            (-0.5, 0.5)
        } else if hi - lo <= NARROWEST * magnitude {
            (lo - 0.1 * magnitude, hi + 0.1 * magnitude)
        } else {
            (lo - pad * (hi - lo), hi + pad * (hi - lo))
        };
        Axis { lo, hi, ticks: ticks(lo, hi, most) }
    }

    /// Where `value` lies between the ends: 0 at `lo`, 1 at `hi`.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        (value - self.lo) / (self.hi - self.lo)
    }

    /// Whether `value` lies between the ends.
    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

/// Whether `value` can be drawn; all others are gaps.
pub(crate) fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Length of the longest series.
pub(crate) fn epochs(panel: &Panel) -> usize {
    panel.series.iter().map(|series| series.values.len()).max().unwrap_or(0)
}

/// Lowest and highest value that the axis must show: those of all points, or of all but a few extremes.
fn bulk(panel: &Panel) -> Option<(f64, f64)> {
    let all = panel.series.iter().flat_map(|series| series.values.iter().copied());
    let mut sorted: Vec<f64> = all.filter(|&value| drawable(value)).collect();
    sorted.sort_by(f64::total_cmp);
    let (&lo, &hi) = (sorted.first()?, sorted.last()?);
    if epochs(panel) < FEWEST_POINTS {
        return Some((lo, hi));
    }
    // One extreme for each series, or one in fifty, whichever is more.
    let extremes = panel.series.len().max(sorted.len() / 50).min(sorted.len() / 2);
    let kept = sorted.len() - extremes;
    let windows = sorted.windows(kept).map(|window| (window[0], window[kept - 1]));
    let (low, high) = windows.min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
    // What lies within half a window is no extreme and costs little room.
    let reach = 0.5 * (high - low);
    let near = |value: &&f64| (low - reach..=high + reach).contains(*value);
    let (low, high) = (*sorted.iter().find(near)?, *sorted.iter().rfind(near)?);
    let constant = high - low <= NARROWEST * low.abs().max(high.abs());
    let squeezed = hi - lo > SQUEEZED * (high - low);
    Some(if squeezed && !constant { (low, high) } else { (lo, hi) })
}

/// Ticks within `lo..=hi` at multiples of the smallest step of 1, 2 or 5 times a power of ten that gives at most
/// `most` of them, or of the step before where that leaves fewer than 3.
fn ticks(lo: f64, hi: f64, most: usize) -> Vec<Tick> {
    // Between one and two powers of ten finer than wanted, so that the first step is always too small.
    let finest = ((hi - lo) / most as f64).log10().floor() as i32 - 1;
    let mut steps = (finest..).flat_map(|exponent| [1, 2, 5].map(|mantissa| (mantissa, exponent)));
    let mut denser = (Vec::new(), finest);
    loop {
        let (mantissa, exponent) = steps.next().expect("the steps grow without end");
        let next = multiples(lo, hi, mantissa, exponent);
        if next.len() < 3 {
            return label(denser.0, denser.1);
        }
        if next.len() <= most {
            return label(next, exponent);
        }
        denser = (next, exponent);
    }
}

/// The multiples of `mantissa * 10^exponent` within `lo..=hi`, each also as a multiple of the power of ten.
fn multiples(lo: f64, hi: f64, mantissa: i64, exponent: i32) -> Vec<(i64, f64)> {
    // Dividing by a power of ten, not multiplying by its inverse, makes 3 steps of 0.1 the number 0.3.
    let number = |digits: i64| match exponent {
        ..0 => digits as f64 / 10f64.powi(-exponent),
        _ => digits as f64 * 10f64.powi(exponent),
    };
    let step = number(mantissa);
    let (first, last) = ((lo / step).ceil() as i64, (hi / step).floor() as i64);
    // The quotients are rounded, so the neighbours may be inside too.
    let all = (first - 1..=last + 1).map(|k| (k * mantissa, number(k * mantissa)));
    all.filter(|(_, value)| (lo..=hi).contains(value)).collect()
}

/// Writes ticks of `digits * 10^exponent`: all with the same decimals, or all in scientific notation where plain
/// numbers would be long.
fn label(ticks: Vec<(i64, f64)>, exponent: i32) -> Vec<Tick> {
    let largest = ticks.iter().fold(0.0, |largest: f64, (_, value)| largest.max(value.abs()));
    let plain = (1e-3..1e6).contains(&largest) || largest == 0.0;
    let decimals = (-exponent).max(0) as usize;
    let write = |(digits, value): (i64, f64)| {
        let label = if plain { format!("{value:.decimals$}") } else { scientific(digits, exponent) };
        Tick { value, label }
    };
    ticks.into_iter().map(write).collect()
}

/// `digits * 10^exponent` as `d.ddde±x`, without trailing zeros.
fn scientific(digits: i64, exponent: i32) -> String {
    if digits == 0 {
        return "0".to_owned();
    }
    let sign = if digits < 0 { "-" } else { "" };
    let text = digits.unsigned_abs().to_string();
    let power = exponent + text.len() as i32 - 1;
    let (head, tail) = text.split_at(1);
    match tail.trim_end_matches('0') {
        "" => format!("{sign}{head}e{power}"),
        tail => format!("{sign}{head}.{tail}e{power}"),
    }
}

/// At most `most` epochs out of 1..=n: multiples of a step, and epoch 1 where the step leaves room for it.
fn epoch_ticks(n: usize, most: usize) -> Vec<usize> {
    let steps =
        (0..).flat_map(|power| [1, 2, 5].map(|mantissa| 10usize.saturating_pow(power).saturating_mul(mantissa)));
    let with_step = |step: usize| {
        let one = (step >= 5).then_some(1);
        one.into_iter().chain((1..=n / step).map(move |k| k * step))
    };
    let step = steps.into_iter().find(|&step| with_step(step).count() <= most.max(1));
    with_step(step.unwrap_or(n)).collect()
}

/// Powers of ten from `first` to `last`, where they stand between point 1 and point `n`; every second, third, … one
/// where there are more than `most`.
fn powers(first: f64, last: f64, n: usize, most: usize) -> Vec<Tick> {
    let (low, high) = (first.log10(), last.log10());
    // A bound that is a power of ten itself belongs to it, however its logarithm is rounded.
    let (from, to) = ((low - 1e-9).ceil() as i32, (high + 1e-9).floor() as i32);
    let step = (1..).find(|step| (to - from) / step < most.max(1) as i32).unwrap_or(1);
    let powers = (from..=to).filter(|power| power % step == 0);
    let tick = |power: i32| Tick {
        value: 1.0 + (n - 1) as f64 * (f64::from(power) - low) / (high - low),
        label: short(10f64.powi(power)),
    };
    powers.map(tick).collect()
}

/// `value` with three digits, for a note beside a point.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        let text = format!("{value:.1e}");
        return text.replace(".0e", "e");
    }
    let decimals = if magnitude == 0.0 { 0 } else { (2 - magnitude.log10().floor() as i32).max(0) };
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The part of the segment from `a` to `b` with y within `top..=bottom`.
pub(crate) fn clip(a: (f64, f64), b: (f64, f64), top: f64, bottom: f64) -> Option<[(f64, f64); 2]> {
    if a.1.max(b.1) < top || a.1.min(b.1) > bottom {
        return None;
    }
    let cut = |from: (f64, f64), to: (f64, f64)| {
        let y = from.1.clamp(top, bottom);
        if y == from.1 { from } else { (from.0 + (to.0 - from.0) * (y - from.1) / (to.1 - from.1), y) }
    };
    Some([cut(a, b), cut(b, a)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::{Marker, Series};

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn panel(series: &[&[f64]]) -> Panel {
        let series = series.iter().map(|values| Series {
            label: "s".into(),
            marker: Marker::Cross,
            values: values.to_vec(),
        });
        Panel {
            title: String::new(),
            x_label: String::new(),
            along: Along::Epochs,
            y_label: String::new(),
            series: series.collect(),
        }
    }

    #[test]
    fn known_ticks() {
        for (lo, hi, expected) in [
            (0.0, 1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (0.0, 0.3, "0.00 0.05 0.10 0.15 0.20 0.25 0.30"),
            (0.918, 1.003, "0.92 0.94 0.96 0.98 1.00"),
            (-1.0, 1.0, "-1.0 -0.5 0.0 0.5 1.0"),
            (0.0, 100.0, "0 20 40 60 80 100"),
            (-37.0, -3.0, "-35 -30 -25 -20 -15 -10 -5"),
            (0.0, 3e9, "0 5e8 1e9 1.5e9 2e9 2.5e9 3e9"),
            (-4e-5, 5e-5, "-4e-5 -2e-5 0 2e-5 4e-5"),
            (99_990.0, 100_010.0, "99990 99995 100000 100005 100010"),
        ] {
            assert_eq!(labels(&ticks(lo, hi, 8)).join(" "), expected, "from {lo} to {hi}");
        }
    }

    #[test]
    fn three_to_ten_ticks_within_any_range() {
        let mut ranges = 0;
        for power in [-190, -40, -9, -3, -1, 0, 1, 4, 17, 120, 298] {
            for width in 1..=99 {
                for start in [-1000.0, -17.3, -1.0, -0.5, 0.0, 0.1, 3.3, 250.0] {
                    let scale = 10f64.powi(power);
                    let (lo, hi) = (start * scale, (start + f64::from(width) * 0.1) * scale);
                    for most in [6, 8, 10] {
                        let ticks = ticks(lo, hi, most);
                        let context = format!("{lo:e}..{hi:e}, at most {most}: {ticks:?}");
                        assert!((3..=10).contains(&ticks.len()), "{context}");
                        assert!(ticks.iter().all(|tick| (lo..=hi).contains(&tick.value)), "{context}");
                        assert!(ticks.is_sorted_by(|a, b| a.value < b.value && a.label != b.label), "{context}");
                        // What is written is what is marked. A step is never below 1e-8 of its range.
                        for Tick { value, label } in &ticks {
                            let read: f64 = label.parse().unwrap();
                            assert!((read - value).abs() <= 1e-9 * (hi - lo), "{label} for {value:e}; {context}");
                        }
                        ranges += 1;
                    }
                }
            }
        }
        assert_eq!(ranges, 11 * 99 * 8 * 3);
    }

    #[test]
    fn epochs_are_whole() {
        for (n, expected) in [
            (1, vec![1]),
            (2, vec![1, 2]),
            (3, vec![1, 2, 3]),
            (10, (1..=10).collect()),
            (11, vec![2, 4, 6, 8, 10]),
            (40, vec![1, 5, 10, 15, 20, 25, 30, 35, 40]),
            (50, vec![1, 10, 20, 30, 40, 50]),
            (5000, vec![1, 1000, 2000, 3000, 4000, 5000]),
        ] {
            assert_eq!(epoch_ticks(n, 10), expected, "{n} epochs");
        }
        for n in 3..3000 {
            let ticks = epoch_ticks(n, 10);
            assert!(
                (3..=10).contains(&ticks.len()) && ticks.iter().all(|tick| (1..=n).contains(tick)),
                "{n}: {ticks:?}"
            );
        }
        let one = Axis::epochs(1, 0.025, 10);
        assert_eq!((one.lo, one.hi, one.fraction(1.0)), (0.5, 1.5, 0.5));
    }

    #[test]
    fn constant_and_empty_panels_have_an_axis() {
        let range = |values: &[f64]| {
            let axis = Axis::values(&panel(&[values]), 0.0, 8);
            assert!((3..=10).contains(&axis.ticks.len()), "{values:?}: {axis:?}");
            (axis.lo, axis.hi)
        };
        assert_eq!(range(&[0.5; 9]), (0.45, 0.55));
        assert_eq!(range(&[-20.0]), (-22.0, -18.0));
        assert_eq!(range(&[0.0, 1e-250]), (-0.5, 0.5));
        assert_eq!(range(&[]), (0.0, 1.0));
        assert_eq!(range(&[f64::NAN, f64::INFINITY, f64::MAX]), (0.0, 1.0));
        assert_eq!(range(&[-1e300, 1e300, f64::NEG_INFINITY]), (-1e300, 1e300));
        // Equal but for the noise of f32.
        let (lo, hi) = range(&[1.0, 1.0 + 1e-7]);
        assert!((hi - lo - 0.2).abs() < 1e-6, "{lo}..{hi}");
    }

    #[test]
    fn extremes_leave_the_axis_and_slopes_stay() {
        let range = |values: &[&[f64]]| bulk(&panel(values)).unwrap();
        let fall: &[f64] = &[3.1, 0.1, 0.08, 0.06, 0.05, 0.05, 0.04];
        let flat: &[f64] = &[0.09, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08];
        assert_eq!(range(&[fall]), (0.04, 0.1));
        assert_eq!(range(&[fall, flat]), (0.04, 0.1));
        // Accuracy starts low.
        assert_eq!(range(&[&[0.1, 0.97, 0.975, 0.98, 0.98, 0.985]]), (0.97, 0.985));
        // The tutorial's first epoch is no extreme, nor is any of a geometric fall.
        assert_eq!(range(&[&[0.27, 0.11, 0.07, 0.05, 0.04, 0.03, 0.02]]), (0.02, 0.27));
        assert_eq!(range(&[&[64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0]]), (1.0, 64.0));
        // Too few points to call one an extreme, and a constant is no scale.
        assert_eq!(range(&[&[3.1, 0.1, 0.09, 0.08]]), (0.08, 3.1));
        assert_eq!(range(&[&[0.5, 1.0, 1.0, 1.0, 1.0, 1.0]]), (0.5, 1.0));
    }

    #[test]
    fn notes_have_three_digits() {
        for (value, expected) in [
            (3.1, "3.1"),
            (2.304, "2.3"),
            (12.345, "12.3"),
            (-0.012345, "-0.0123"),
            (1234.5, "1234"),
            (100.0, "100"),
            (0.0, "0"),
            (1e300, "1e300"),
            (-2.5e-7, "-2.5e-7"),
        ] {
            assert_eq!(short(value), expected);
        }
    }

    #[test]
    fn segments_end_at_the_edges() {
        let (a, b) = ((0.0, -10.0), (10.0, 10.0));
        assert_eq!(clip(a, b, 0.0, 5.0), Some([(5.0, 0.0), (7.5, 5.0)]));
        assert_eq!(clip(b, a, 0.0, 5.0), Some([(7.5, 5.0), (5.0, 0.0)]));
        assert_eq!(clip(a, b, -20.0, 20.0), Some([a, b]));
        assert_eq!(clip(a, b, 11.0, 20.0), None);
    }

    #[test]
    fn powers_of_ten_stand_where_they_belong() {
        let values = vec![0.0; 61];
        let series = vec![Series { label: String::new(), marker: Marker::Cross, values }];
        let along = |first, last| Along::Geometric { first, last };
        let panel = |along| Panel {
            title: String::new(),
            x_label: String::new(),
            along,
            y_label: String::new(),
            series: series.clone(),
        };
        let axis = Axis::along(&panel(along(1e-4, 100.0)), 0.0, 10);
        assert_eq!(labels(&axis.ticks), ["1e-4", "0.001", "0.01", "0.1", "1", "10", "100"]);
        let values: Vec<f64> = axis.ticks.iter().map(|tick| tick.value.round()).collect();
        assert_eq!(values, [1.0, 11.0, 21.0, 31.0, 41.0, 51.0, 61.0]);
        assert_eq!(labels(&Axis::along(&panel(along(1e-6, 10.0)), 0.0, 4).ticks), ["1e-6", "1e-4", "0.01", "1"]);
        // What is no such axis counts its points.
        assert_eq!(Axis::along(&panel(along(0.0, 1.0)), 0.0, 3), Axis::epochs(61, 0.0, 3));
    }
}
