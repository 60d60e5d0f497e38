//! [`Evaluate`], [`Predict`]: how to evaluate and to predict. Keras's arguments, with Keras's defaults but for
//! `verbose`, which is 0 here: a library is silent unless it is asked to speak.

use crate::arrays::Arrays;
use crate::error::{Error, Result};
use crate::progress::Flavor;
use crate::report::{Report, Terminal, Work};
use std::io::Write;

/// Keras's arguments of `evaluate`.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::Evaluate;
/// # let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)])?;
/// # model.compile("mse", "sgd", ["mae"])?;
/// # let (x, y) = (Tensor::new(vec![0.0f32, 1.0], [1, 2])?, Tensor::new(vec![1.0f32], [1])?);
/// // 1/1 ━━━━━━━━━━━━━━━━━━━━ 0s 95us/step - loss: 0.4118 - mae: 0.6417
/// let logs = model.evaluate_with(&x, &y, Evaluate::new().verbose(1))?;
/// # assert!(logs["loss"] > 0.0);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Evaluate {
    pub(crate) sample_weight: Option<Arrays>,
    pub(crate) how: How,
}

/// Keras's arguments of `predict`.
#[derive(Clone, Debug, Default)]
pub struct Predict {
    pub(crate) how: How,
}

/// What both have.
#[derive(Clone, Debug, Default)]
pub(crate) struct How {
    batch_size: Option<usize>,
    pub steps: Option<usize>,
    verbose: u8,
    flavor: Flavor,
}

impl Evaluate {
    /// All rows, each counts the same, in silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// What each sample counts in the loss and in weighted metrics.
    pub fn sample_weight(mut self, weights: impl Into<Arrays>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }
}

impl Predict {
    /// All rows, in silence.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What both are told in the same words.
macro_rules! how {
    ($options:ident) => {
        impl $options {
            /// Rows of a step, 32 unless set (more where nobody sees it). Results depend on it only where `steps` leaves
            /// rows out, and in the losses of one of several outputs, which are means over batches, as in Keras.
            pub fn batch_size(mut self, rows: usize) -> Self {
                self.how.batch_size = Some(rows);
                self
            }

            /// The first batches only.
            pub fn steps(mut self, steps: usize) -> Self {
                self.how.steps = Some(steps);
                self
            }

            /// 0, the default, is silent; 1 draws a bar (on a terminal; a line elsewhere), 2 writes a line. Keras's
            /// default is 1. All of it goes to stderr.
            pub fn verbose(mut self, verbose: u8) -> Self {
                self.how.verbose = verbose;
                self
            }

            /// Whose progress it imitates; Keras 3's unless set.
            pub fn flavor(mut self, flavor: Flavor) -> Self {
                self.how.flavor = flavor;
                self
            }
        }
    };
}

how!(Evaluate);
how!(Predict);

impl How {
    pub fn check(&self, place: &str) -> Result<()> {
        for (key, value, what) in [("batch_size", self.batch_size, "row a step"), ("steps", self.steps, "step")] {
            if value == Some(0) {
                return Err(Error::data(
                    place,
                    format!("{key} = 0, expected at least 1 {what}: leave it out for all rows"),
                ));
            }
        }
        Ok(())
    }

    /// Rows of a step. `visible`: the results depend on it.
    pub fn rows_of_a_step(&self, visible: bool) -> usize {
        let usual = if visible || self.verbose > 0 { 32 } else { INFERENCE_ROWS };
        self.batch_size.unwrap_or(usual)
    }

    pub fn report(&self, out: Box<dyn Write>, terminal: Terminal, batch_size: usize, rows: usize) -> Report {
        let all = rows.div_ceil(batch_size.max(1));
        let steps = self.steps.map_or(all, |steps| steps.min(all));
        let work = Work { steps: Some(steps), samples: self.steps.is_none().then_some(rows) };
        Report::of_inference(out, terminal, self.verbose, self.flavor, work)
    }
}

/// Rows of a step that nobody sees: enough to use every core, little enough to stay in the caches.
const INFERENCE_ROWS: usize = 256;
