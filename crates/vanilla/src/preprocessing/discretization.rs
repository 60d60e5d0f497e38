//! `Discretization`: numbers to the bins that they fall into.
//!
//! **Formula** `bin = number of boundaries b with b <= x`: the first bin reaches from below, the last one has no
//! end
//! **Learns** `num_bins - 1` boundaries between bins of about equal weight, by the summary of `quantiles.rs` with
//! the error `epsilon`; fewer where there are fewer numbers than bins
//! **Shapes** `int` keeps them; else those of the output mode, with the number of bins as depth
//! **Config** `bin_boundaries` = null, `num_bins` = null (one of the two; both after learning), `epsilon` = 0.01,
//! `output_mode` = int, `sparse` = false (no other)
//! **Gradient** none: it runs before the network
//! **Reference** `keras.layers.Discretization`
//!
//! Different from Keras: NaN is an error (there it falls into the last bin), and so are `num_bins` = 0, infinite
//! numbers to learn from, and boundaries that do not rise, before the first use.

use super::output_mode::{OutputMode, current_name};
use super::quantiles::Summary;
use super::{MOST_ENTRIES, Preprocessor, common_keys, floats, row_of};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::layers::Common;
use crate::tensor::Tensor;
use vanilla_plan::Formula;
use vanilla_plan::formula::Compare;

/// Numbers to the bins that they fall into.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::preprocessing::{Discretization, Preprocessor};
/// let x = Tensor::new(vec![-1.5f32, 1.0, 3.4, 0.5, 0.0, 3.0, 1.3, 0.0], [2, 4])?;
/// let word = Discretization::new().bin_boundaries([0., 1., 2.]);
/// assert_eq!(word.apply("x", &x)?.to_i64(), [0, 2, 3, 1, 1, 3, 2, 1]);
/// let mut word = Discretization::new().num_bins(4);
/// word.adapt("x", &x)?;
/// assert_eq!(word.apply("x", &x)?.to_i64(), [0, 2, 3, 2, 1, 3, 3, 1]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discretization {
    common: Common,
    bin_boundaries: Option<Vec<f64>>,
    num_bins: Option<usize>,
    epsilon: f64,
    output_mode: String,
    summary: Summary,
}

impl Discretization {
    /// Keras's class name.
    pub const CLASS: &'static str = "Discretization";

    /// Neither boundaries nor a number of bins yet: one of them must follow.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let (bin_boundaries, num_bins) = (None, None);
        let (output_mode, summary) = ("int".into(), Summary::default());
        Self { common: Common::PLAIN, bin_boundaries, num_bins, epsilon: 0.01, output_mode, summary }
    }

    /// Where bins end and the next ones begin.
    pub fn bin_boundaries(mut self, boundaries: impl Into<Vec<f64>>) -> Self {
        self.bin_boundaries = Some(boundaries.into());
        self
    }

    /// How many bins are to be learned.
    pub fn num_bins(mut self, bins: usize) -> Self {
        self.num_bins = Some(bins);
        self
    }

    /// How exact the learned boundaries are, as a share of the numbers.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// `int`, `one_hot`, `multi_hot` or `count`.
    pub fn output_mode(mut self, mode: &str) -> Self {
        self.output_mode = current_name(mode).into();
        self
    }

    /// Names the layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.common.name = Some(name.into());
        self
    }

    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Reads Keras's keys. With both `bin_boundaries` and `num_bins` the boundaries were learned.
    ///
    /// # Errors
    /// When a key makes no sense.
    pub fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        common_keys(config, &["float32"])?;
        let bin_boundaries = match config.take("bin_boundaries") {
            None => None,
            Some(value) => {
                let boundaries = value.as_array().and_then(|list| list.iter().map(|one| one.as_f64()).collect());
                let problem = || config.error(format!("bin_boundaries = {value}, expected numbers: [0.0, 1.0]"));
                Some(boundaries.ok_or_else(problem)?)
            }
        };
        let num_bins = config.integer("num_bins")?;
        let epsilon = config.float("epsilon")?.unwrap_or(0.01);
        let mode = config.string("output_mode")?.unwrap_or("int".into());
        let output_mode = current_name(&mode).into();
        let word = Self { common, bin_boundaries, num_bins, epsilon, output_mode, summary: Summary::default() };
        word.mode().map_err(|problem| config.error(problem))?;
        Ok(word)
    }

    /// Learns from one part of a column; [`Discretization::finalize_state`] ends it.
    ///
    /// # Errors
    /// When no bins are to be learned, or `x` holds something else than finite numbers.
    pub fn update_state(&mut self, place: &str, x: &Tensor) -> Result<()> {
        self.learns(place)?;
        let values = floats(place, x)?;
        if let Some(index) = values.iter().position(|value| value.is_infinite()) {
            let row = row_of(x, index);
            let problem = format!("x is {} in row {row}: fill or drop such values first", values[index]);
            return Err(Error::data(place, problem));
        }
        let part = Summary::of(values, self.epsilon);
        self.summary = part.merge(std::mem::take(&mut self.summary), self.epsilon);
        Ok(())
    }

    /// Makes boundaries of what was learned since the last [`Discretization::reset_state`].
    ///
    /// # Errors
    /// When no bins are to be learned.
    pub fn finalize_state(&mut self, place: &str) -> Result<()> {
        let bins = self.learns(place)?;
        let boundaries = self.summary.clone().boundaries(bins);
        self.bin_boundaries = Some(boundaries.into_iter().map(f64::from).collect());
        Ok(())
    }

    /// Forgets what was learned from, but not the boundaries.
    pub fn reset_state(&mut self) {
        self.summary = Summary::default();
    }

    fn learns(&self, place: &str) -> Result<usize> {
        self.mode().map_err(|problem| Error::config(place, problem))?;
        let problem =
            "bin_boundaries were given, so none can be learned: give num_bins instead, or do not call adapt";
        self.num_bins.ok_or_else(|| Error::config(place, problem))
    }

    fn mode(&self) -> std::result::Result<OutputMode, String> {
        match (&self.bin_boundaries, self.num_bins) {
            (None, None) => return Err("neither bin_boundaries nor num_bins: give one of them".into()),
            (_, Some(0)) => return Err("num_bins = 0, expected at least 1".into()),
            _ => {}
        }
        if !(self.epsilon > 0.0 && self.epsilon <= 1.0) {
            return Err(format!("epsilon = {}, expected a share above 0 and up to 1, such as 0.01", self.epsilon));
        }
        let boundaries = self.bin_boundaries.as_deref().unwrap_or_default();
        if let Some(place) = boundaries.windows(2).position(|pair| !matches!(pair, [a, b] if a <= b)) {
            let (a, b) = (boundaries[place], boundaries[place + 1]);
            return Err(format!("bin_boundaries has {a} before {b}, expected rising numbers: sort them"));
        }
        OutputMode::named(&self.output_mode, &OutputMode::ENCODINGS)
    }

    fn boundaries(&self, place: &str) -> Result<&[f64]> {
        let problem = "there are no bin_boundaries yet: call adapt on a column, or give them";
        self.bin_boundaries.as_deref().ok_or_else(|| Error::config(place, problem))
    }
}

impl Preprocessor for Discretization {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }
    fn config(&self) -> Keys {
        keys! {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": false,
        }
    }
    fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        let depth = match mode {
            OutputMode::Int => 0,
            _ => self.boundaries(place)?.len() + 1,
        };
        Ok(mode.shape(input, depth))
    }
    fn apply(&self, place: &str, x: &Tensor) -> Result<Tensor> {
        let mode = self.mode().map_err(|problem| Error::config(place, problem))?;
        // Rounded first: TensorFlow compares floats with floats.
        let boundaries: Vec<f32> = self.boundaries(place)?.iter().map(|boundary| *boundary as f32).collect();
        let bin = |value: f32| boundaries.partition_point(|boundary| *boundary <= value);
        let bins = floats(place, x)?.into_iter().map(bin);
        if mode == OutputMode::Int {
            return Tensor::new(bins.map(|bin| bin as i64).collect(), x.shape());
        }
        mode.encode(place, &bins.map(Some).collect::<Vec<_>>(), x.shape(), boundaries.len() + 1, None)
    }
    fn formula(&self, input: &[usize]) -> Option<Formula> {
        let (mode, boundaries) = (self.mode().ok()?, self.bin_boundaries.as_deref()?);
        let (length, bins) = (input.iter().product::<usize>(), boundaries.len());
        if length.saturating_mul(bins + 1) > MOST_ENTRIES {
            return None;
        }
        Some(Formula::row(length, |x| {
            // Every number beside every boundary, which is rounded as in `apply`.
            let pairs = (0..length).flat_map(|i| std::iter::repeat_n(i, bins)).collect::<Vec<_>>();
            let rounded: Vec<f64> = boundaries.iter().map(|boundary| f64::from(*boundary as f32)).collect();
            let bin = if bins == 0 {
                x * 0.0
            } else {
                let rounded = x.table(&rounded.repeat(length));
                rounded.select(Compare::LessEqual, x.gather(&pairs), 1.0, 0.0).sums(length)
            };
            mode.formula(bin, input, bins + 1)
        }))
    }
    fn adapt(&mut self, place: &str, x: &Tensor) -> Result<()> {
        self.learns(place)?;
        if x.is_empty() {
            return Err(Error::data(
                place,
                format!("x has the shape {:?}: there is nothing to learn from", x.shape()),
            ));
        }
        self.reset_state();
        self.update_state(place, x)?;
        self.finalize_state(place)
    }
}
