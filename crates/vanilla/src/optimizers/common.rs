//! What every optimizer has: a learning rate, clipping, weight decay, an average of the weights, accumulation.
//!
//! The order within a step is Keras's: gradients of several steps are summed, then clipped; weights decay; the
//! rule moves them; the average follows; constraints come last.

use crate::config::{Config, Keys};
use crate::error::Result;
use crate::schedules::{self, Schedule};
use serde_json::Value;
use std::sync::Arc;

/// A number, or a [`Schedule`] that gives one for each step.
#[derive(Clone, Debug)]
pub enum LearningRate {
    /// The same for all steps.
    Constant(f32),
    /// By the number of the step.
    Schedule(Arc<dyn Schedule>),
}

impl LearningRate {
    /// The rate of the step with this number, counted from 0.
    pub fn at(&self, step: u64) -> f32 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Schedule(schedule) => schedule.at(step),
        }
    }

    /// Whether it makes sense; else what does not.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::Constant(rate) if !(rate.is_finite() && *rate >= 0.0) => {
                Err(format!("learning_rate = {rate}, expected a number, at least 0"))
            }
            Self::Constant(_) => Ok(()),
            Self::Schedule(schedule) => {
                schedule.check().map_err(|problem| format!("learning_rate: {}: {problem}", schedule.class_name()))
            }
        }
    }

    /// The number, or Keras's node of the schedule.
    pub(crate) fn to_config(&self) -> Value {
        match self {
            Self::Constant(rate) => f64::from(*rate).into(),
            Self::Schedule(schedule) => schedules::to_config(&**schedule),
        }
    }
}

impl From<f32> for LearningRate {
    fn from(rate: f32) -> Self {
        Self::Constant(rate)
    }
}

impl<S: Schedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        Self::Schedule(Arc::new(schedule))
    }
}

/// Keras's arguments that all optimizers take.
#[derive(Clone, Debug)]
pub struct Common {
    /// The learning rate.
    pub learning_rate: LearningRate,
    /// Share of the learning rate by which weights shrink in each step, apart from the gradient.
    pub weight_decay: Option<f64>,
    /// The longest gradient of a variable.
    pub clipnorm: Option<f64>,
    /// The longest gradient of all variables together.
    pub global_clipnorm: Option<f64>,
    /// The largest element of a gradient.
    pub clipvalue: Option<f64>,
    /// Keeps a moving average of the weights, which a training ends with.
    pub use_ema: bool,
    /// Share of the average that stays in a step.
    pub ema_momentum: f64,
    /// Steps after which the weights become their average; none: only at the end.
    pub ema_overwrite_frequency: Option<u64>,
    /// Steps whose gradients are averaged before weights move.
    pub gradient_accumulation_steps: Option<u64>,
    /// Names, or parts of names, of variables that do not decay. Keras's files do not keep them.
    pub no_decay: Vec<String>,
    /// Layers that learn at another pace: name and factor. Not Keras's, and so not in its files.
    pub multipliers: Vec<(String, f32)>,
}

impl Common {
    /// Nothing but a learning rate.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self {
            learning_rate: learning_rate.into(),
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            gradient_accumulation_steps: None,
            no_decay: Vec::new(),
            multipliers: Vec::new(),
        }
    }

    /// With this decay unless set otherwise.
    pub fn decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = Some(weight_decay);
        self
    }

    /// Takes Keras's keys; `self` has the defaults.
    ///
    /// # Errors
    /// When a number is out of its range, or two kinds of clipping are wanted.
    pub fn from_config(mut self, config: &mut Config) -> Result<Self> {
        config.take("name");
        if let Some(rate) = config.take("learning_rate") {
            self.learning_rate = match rate.as_f64() {
                Some(rate) if rate.is_finite() && rate >= 0.0 => LearningRate::Constant(rate as f32),
                Some(rate) => {
                    return Err(config.error(format!("learning_rate = {rate}, expected a number, at least 0")));
                }
                None => LearningRate::Schedule(
                    schedules::from_value(&rate, config.registry())
                        .map_err(|error| config.error(format!("learning_rate: {error}")))?,
                ),
            };
        }
        // Null is absent, so a decay that an optimizer has anyway is turned off by 0.
        self.weight_decay = positive(config, "weight_decay", true)?.or(self.weight_decay);
        self.clipnorm = positive(config, "clipnorm", false)?;
        self.global_clipnorm = positive(config, "global_clipnorm", false)?;
        self.clipvalue = positive(config, "clipvalue", false)?;
        self.use_ema = config.boolean("use_ema")?.unwrap_or(false);
        self.ema_momentum = config.share("ema_momentum", 0.99)?;
        self.ema_overwrite_frequency = count(config, "ema_overwrite_frequency", 1)?;
        self.gradient_accumulation_steps = count(config, "gradient_accumulation_steps", 2)?;
        if let Some(scale) = config.float("loss_scale_factor")? {
            return Err(config.error(format!(
                "loss_scale_factor = {scale} is not supported: it is for half-precision training; leave it out"
            )));
        }
        self.check().map_err(|problem| config.error(problem))?;
        Ok(self)
    }

    /// Whether it makes sense; else what does not.
    pub fn check(&self) -> std::result::Result<(), String> {
        let clips = [
            ("clipnorm", self.clipnorm),
            ("global_clipnorm", self.global_clipnorm),
            ("clipvalue", self.clipvalue),
        ];
        let set: Vec<&str> = clips.iter().filter(|(_, clip)| clip.is_some()).map(|(name, _)| *name).collect();
        if set.len() > 1 {
            return Err(format!(
                "{}: gradients are clipped in one way only, so leave out the others",
                set.join(" and ")
            ));
        }
        for (name, clip) in clips.into_iter().chain([("weight_decay", self.weight_decay)]) {
            if let Some(clip) = clip.filter(|clip| !(clip.is_finite() && *clip >= 0.0)) {
                return Err(format!("{name} = {clip}, expected a number, at least 0"));
            }
        }
        self.learning_rate.check()
    }

    /// Keras's keys.
    pub fn to_config(&self, name: &str) -> Keys {
        crate::config::keys! {
            "name": name,
            "learning_rate": self.learning_rate.to_config(),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": Value::Null,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
    }

    /// Whether weights are moved by the rule alone.
    pub fn is_plain(&self) -> bool {
        self.weight_decay.is_none() && self.clipvalue.is_none() && !self.use_ema && self.fuses()
    }

    /// Whether no element needs to know of another.
    pub fn fuses(&self) -> bool {
        self.clipnorm.is_none()
            && self.global_clipnorm.is_none()
            && self.gradient_accumulation_steps.is_none()
            && self.multipliers.is_empty()
    }
}

/// A number that is not negative.
fn positive(config: &mut Config, key: &str, zero: bool) -> Result<Option<f64>> {
    match config.float(key)? {
        Some(x) if x < 0.0 || x == 0.0 && !zero => {
            let least = if zero { "at least" } else { "above" };
            Err(config.error(format!("{key} = {x}, expected a number {least} 0")))
        }
        other => Ok(other),
    }
}

fn count(config: &mut Config, key: &str, least: usize) -> Result<Option<u64>> {
    match config.integer(key)? {
        Some(n) if n < least => {
            Err(config.error(format!("{key} = {n}, expected a number of steps, at least {least}")))
        }
        other => Ok(other.map(|n| n as u64)),
    }
}

/// Gives an optimizer with a field `common` Keras's common arguments as methods.
macro_rules! common {
    ($optimizer:ident) => {
        impl $optimizer {
            /// The learning rate: a number, or a schedule.
            pub fn learning_rate(mut self, rate: impl Into<$crate::optimizers::LearningRate>) -> Self {
                self.common.learning_rate = rate.into();
                self
            }

            /// Weights shrink by this share of the learning rate in each step, apart from the gradient.
            pub fn weight_decay(mut self, decay: f64) -> Self {
                self.common.weight_decay = Some(decay);
                self
            }

            /// Variables whose name (`dense/bias`) has one of these parts do not decay.
            pub fn exclude_from_weight_decay<S: Into<String>>(
                mut self,
                names: impl IntoIterator<Item = S>,
            ) -> Self {
                self.common.no_decay.extend(names.into_iter().map(Into::into));
                self
            }

            /// Shortens the gradient of each variable to this norm.
            pub fn clipnorm(mut self, norm: f64) -> Self {
                self.common.clipnorm = Some(norm);
                self
            }

            /// Shortens the gradient of all variables together to this norm.
            pub fn global_clipnorm(mut self, norm: f64) -> Self {
                self.common.global_clipnorm = Some(norm);
                self
            }

            /// Keeps every element of a gradient within this distance of 0.
            pub fn clipvalue(mut self, value: f64) -> Self {
                self.common.clipvalue = Some(value);
                self
            }

            /// Keeps a moving average of the weights with this momentum; a training ends with it.
            pub fn ema(mut self, momentum: f64) -> Self {
                self.common.use_ema = true;
                self.common.ema_momentum = momentum;
                self
            }

            /// The weights become their average after every so many steps.
            pub fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
                self.common.ema_overwrite_frequency = Some(steps);
                self
            }

            /// Moves the weights after every so many steps, by the mean of their gradients.
            pub fn gradient_accumulation_steps(mut self, steps: u64) -> Self {
                self.common.gradient_accumulation_steps = Some(steps);
                self
            }

            /// The layer with this name learns at this multiple of the learning rate.
            pub fn learning_rate_multiplier(mut self, layer: impl Into<String>, factor: f32) -> Self {
                self.common.multipliers.push((layer.into(), factor));
                self
            }
        }
    };
}
pub(crate) use common;

/// Gives an optimizer a method for each key of its own: its name, in brackets the field, and the type.
macro_rules! settings {
    ($optimizer:ident { $($(#[$doc:meta])+ $name:ident($($field:ident).+): $type:ty;)+ }) => {
        impl $optimizer {
            $($(#[$doc])+
            pub fn $name(mut self, $name: $type) -> Self {
                self.$($field).+ = $name;
                self
            })+
        }
    };
}
pub(crate) use settings;
