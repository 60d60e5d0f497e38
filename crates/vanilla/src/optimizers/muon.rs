//! `Muon`: momentum, made orthogonal, for matrices; Adam for everything else.
//!
//! **Formula** For a variable of two dimensions `m += g - (1 - momentum) m`, `x = g + momentum m`, without
//! nesterov `x = m`; then `x = x / (|x| + 1e-7)` and `ns_steps` times `A = x x'`,
//! `x = muon_a x + (muon_b A + muon_c A A) x`, with x transposed where it has more rows than columns;
//! `w -= learning_rate x rms_rate sqrt(larger dimension)`. Without `rms_rate` the last two factors are 1. Others,
//! and those that are excluded, are moved by [`Adam`](super::Adam) with `learning_rate adam_lr_ratio`,
//! `adam_beta_1`, `adam_beta_2` and `epsilon`. Variables are excluded whose name (`dense/kernel`) has a part
//! listed in `exclude_layers`, or, with `exclude_embeddings`, the part `embedding`. Keras looks for regular
//! expressions, and in the model's name too; here what is more than letters is refused.
//! **Config** `learning_rate` = 0.001, `adam_beta_1` = 0.9, `adam_beta_2` = 0.999, `adam_weight_decay` = 0.004,
//! `epsilon` = 1e-7, `weight_decay` = 0.004, `exclude_layers` = [], `exclude_embeddings` = true, `muon_a` =
//! 3.4445, `muon_b` = -4.775, `muon_c` = 2.0315, `adam_lr_ratio` = 1, `momentum` = 0.95, `ns_steps` = 5,
//! `nesterov` = true, `rms_rate` = 0.2, and what all optimizers have. The decays and `rms_rate` may be null, which
//! is none.
//! **Slots** m (`momentum`); of variables that Adam moves also v (`velocity`)
//! **Reference** `keras.optimizers.Muon`; Jordan et al. 2024; Liu et al. 2025, equation 4, for the length of the
//! step

use super::adam::Moments;
use super::{Common, Optimizer, Slot, Slots, Step, Whole, common, settings, share, zeros};
use crate::config::{Config, Keys, keys};
use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};
use vanilla_plan::Coefficients;
use vanilla_plan::kernels::{GradX, Kernels, Panels};

/// Muon, with Keras's defaults.
#[derive(Clone, Debug)]
pub struct Muon {
    common: Common,
    adam: Moments,
    adam_weight_decay: Option<f64>,
    adam_lr_ratio: f64,
    exclude_layers: Vec<String>,
    exclude_embeddings: bool,
    muon_a: f64,
    muon_b: f64,
    muon_c: f64,
    momentum: f64,
    ns_steps: u64,
    nesterov: bool,
    rms_rate: Option<f64>,
    benches: Arc<Mutex<Vec<Bench>>>,
}

/// What matrices of one shape are made orthogonal in, kept from step to step.
#[derive(Debug)]
struct Bench {
    x: Panels,
    product: Panels,
    square: Panels,
    change: Panels,
    transposing: GradX,
}

impl Muon {
    /// Muon with this learning rate (Keras's default is 0.001).
    pub fn new(learning_rate: f32) -> Self {
        Self::default().learning_rate(learning_rate)
    }

    /// Variables whose name (`dense/kernel`) has one of these parts are moved by Adam.
    pub fn exclude_layers<S: Into<String>>(mut self, parts: impl IntoIterator<Item = S>) -> Self {
        self.exclude_layers.extend(parts.into_iter().map(Into::into));
        self
    }

    /// Decay of variables that Adam moves, 0.004 unless set; none is `None`.
    pub fn adam_weight_decay(mut self, decay: impl Into<Option<f64>>) -> Self {
        self.adam_weight_decay = decay.into();
        self
    }

    /// The root mean square of a step of learning rate 1, 0.2 unless set; with `None` steps are as Newton and
    /// Schulz leave them.
    pub fn rms_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.rms_rate = rate.into();
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        let nothing = ["weight_decay", "adam_weight_decay", "rms_rate"].map(|key| config.is_null(key));
        let mut common = default.common.from_config(config)?;
        common.weight_decay = common.weight_decay.filter(|_| !nothing[0]);
        let adam_weight_decay = config.float("adam_weight_decay")?.or(default.adam_weight_decay);
        if let Some(decay) = adam_weight_decay.filter(|decay| *decay < 0.0) {
            return Err(config.error(format!("adam_weight_decay = {decay}, expected a number, at least 0")));
        }
        let mut number = |key, default| config.float(key).map(|x| x.unwrap_or(default));
        let [muon_a, muon_b, muon_c] = [
            number("muon_a", default.muon_a)?,
            number("muon_b", default.muon_b)?,
            number("muon_c", default.muon_c)?,
        ];
        let (adam_lr_ratio, epsilon) =
            (number("adam_lr_ratio", default.adam_lr_ratio)?, number("epsilon", default.adam.epsilon)?);
        let rms_rate = config.float("rms_rate")?.or(default.rms_rate).filter(|_| !nothing[2]);
        Ok(Self {
            common,
            adam: Moments {
                beta_1: share(config, "adam_beta_1", default.adam.beta_1)?,
                beta_2: share(config, "adam_beta_2", default.adam.beta_2)?,
                epsilon,
                amsgrad: false,
            },
            adam_weight_decay: adam_weight_decay.filter(|_| !nothing[1]),
            adam_lr_ratio,
            exclude_layers: excluded(config)?,
            exclude_embeddings: config.boolean("exclude_embeddings")?.unwrap_or(default.exclude_embeddings),
            muon_a,
            muon_b,
            muon_c,
            momentum: share(config, "momentum", default.momentum)?,
            ns_steps: config.integer("ns_steps")?.map_or(default.ns_steps, |steps| steps as u64),
            nesterov: config.boolean("nesterov")?.unwrap_or(default.nesterov),
            rms_rate,
            benches: Arc::default(),
        })
    }

    /// Whether a variable of this name and shape is moved by Adam.
    fn by_adam(&self, name: &str, shape: &[usize]) -> bool {
        shape.len() != 2
            || self.exclude_embeddings && name.to_lowercase().contains("embedding")
            || self.exclude_layers.iter().any(|part| name.contains(part.as_str()))
    }

    /// All singular values of x, row-major of this shape, become about 1, its singular vectors stay.
    fn orthogonalize(&self, kernels: &Kernels, shape: [usize; 2], x: &mut [f32], turned: &mut Vec<f32>) {
        let [rows, columns] = shape;
        let (short, long) = (rows.min(columns), rows.max(columns));
        let length: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let length = libm::sqrt(length) as f32 + 1e-7;
        x.iter_mut().for_each(|x| *x /= length);
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        let known = benches.iter().position(|bench| (bench.x.rows(), bench.x.cols()) == (short, long));
        let number = known.unwrap_or_else(|| {
            benches.push(Bench::new(short, long));
            benches.len() - 1
        });
        let bench = &mut benches[number];
        if rows > columns {
            turned.resize(x.len(), 0.0);
            transpose(x, columns, turned);
            bench.x.copy_from_row_major(turned);
        } else {
            bench.x.copy_from_row_major(x);
        }
        let [a, b, c] = [self.muon_a, self.muon_b, self.muon_c].map(|factor| factor as f32);
        for _ in 0..self.ns_steps {
            bench.step(kernels, a, b, c);
        }
        if rows > columns {
            bench.x.copy_to_row_major(turned);
            transpose(turned, rows, x);
        } else {
            bench.x.copy_to_row_major(x);
        }
    }
}

common!(Muon);

settings!(Muon {
    /// Adam's decay of the mean gradient, 0.9 unless set.
    adam_beta_1(adam.beta_1): f64;
    /// Adam's decay of the mean square, 0.999 unless set.
    adam_beta_2(adam.beta_2): f64;
    /// Added to Adam's root, 1e-7 unless set.
    epsilon(adam.epsilon): f64;
    /// Adam's learning rate as a multiple of the learning rate, 1 unless set.
    adam_lr_ratio(adam_lr_ratio): f64;
    /// Whether embeddings are moved by Adam, true unless set.
    exclude_embeddings(exclude_embeddings): bool;
    /// First factor of a step of Newton and Schulz, 3.4445 unless set.
    muon_a(muon_a): f64;
    /// Second factor of a step of Newton and Schulz, -4.775 unless set.
    muon_b(muon_b): f64;
    /// Third factor of a step of Newton and Schulz, 2.0315 unless set.
    muon_c(muon_c): f64;
    /// Share of the momentum that stays in a step, 0.95 unless set.
    momentum(momentum): f64;
    /// Steps of Newton and Schulz, 5 unless set.
    ns_steps(ns_steps): u64;
    /// Whether to look ahead by one step of the momentum, true unless set.
    nesterov(nesterov): bool;
});

impl Default for Muon {
    fn default() -> Self {
        Self {
            common: Common::new(0.001).decay(0.004),
            adam: Moments::default(),
            adam_weight_decay: Some(0.004),
            adam_lr_ratio: 1.0,
            exclude_layers: Vec::new(),
            exclude_embeddings: true,
            muon_a: 3.4445,
            muon_b: -4.775,
            muon_c: 2.0315,
            momentum: 0.95,
            ns_steps: 5,
            nesterov: true,
            rms_rate: Some(0.2),
            benches: Arc::default(),
        }
    }
}

impl Optimizer for Muon {
    fn class_name(&self) -> &str {
        "Muon"
    }
    fn name(&self) -> &str {
        "muon"
    }
    fn common(&self) -> &Common {
        &self.common
    }
    fn config(&self) -> Keys {
        keys! {
            "adam_beta_1": self.adam.beta_1,
            "adam_beta_2": self.adam.beta_2,
            "epsilon": self.adam.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
    }
    fn slots(&self, variable: &str, shape: &[usize]) -> Vec<Slot> {
        let mut slots = vec![zeros("momentum", shape)];
        slots.extend(self.by_adam(variable, shape).then(|| zeros("velocity", shape)));
        slots
    }
    fn coefficients(&self, step: Step) -> Coefficients {
        let slower = Step { learning_rate: step.learning_rate * self.adam_lr_ratio as f32, ..step };
        let mut c = self.adam.coefficients(slower);
        c[4] = step.learning_rate;
        c
    }
    /// What a weight does without the others of its variable: Adam's step.
    fn update(&self, kernels: &Kernels, c: &Coefficients, w: &mut [f32], g: &[f32], slots: &mut Slots<'_>) {
        self.adam.update(kernels, c, w, g, slots);
    }
    fn whole(&self) -> bool {
        true
    }
    fn update_variable(&self, variable: Whole<'_>) {
        let Whole { kernels, coefficients: c, name, shape, w, g, mut slots, spare } = variable;
        let [rows, columns] = *shape else { return self.update(kernels, c, w, g, &mut slots) };
        if self.by_adam(name, shape) {
            return self.update(kernels, c, w, g, &mut slots);
        }
        let (momentum, less) = (self.momentum as f32, (self.momentum - 1.0) as f32);
        for (m, g) in slots[0].iter_mut().zip(&mut *g) {
            *m += *g + *m * less;
            *g = if self.nesterov { *g + momentum * *m } else { *m };
        }
        kernels.flush(slots[0]);
        self.orthogonalize(kernels, [rows, columns], g, spare);
        let larger = (rows.max(columns) as f32).sqrt();
        let rate = c[4] * self.rms_rate.map_or(1.0, |rate| larger * rate as f32);
        w.iter_mut().zip(&*g).for_each(|(w, x)| *w -= rate * x);
    }
    fn weight_decay(&self, variable: &str, shape: &[usize]) -> Option<f64> {
        if self.by_adam(variable, shape) { self.adam_weight_decay } else { self.common.weight_decay }
    }
}

impl Bench {
    fn new(short: usize, long: usize) -> Self {
        let square = Panels::zeros(short, short);
        Self {
            x: Panels::zeros(short, long),
            product: square.clone(),
            square,
            change: Panels::zeros(short, long),
            transposing: GradX::new(short, short, long),
        }
    }

    /// `A = x x'`, `x = a x + (b A + c A A) x`.
    fn step(&mut self, kernels: &Kernels, a: f32, b: f32, c: f32) {
        let Self { x, product, square, change, transposing } = self;
        kernels.grad_x(x, None, x, None, product, transposing, &|_, _| {});
        kernels.forward(product, None, product, None, square, &|_, _| {});
        let pairs = product.flat_mut().iter_mut().zip(square.flat());
        pairs.for_each(|(product, square)| *product = b * *product + c * square);
        kernels.forward(product, None, x, None, change, &|_, _| {});
        x.flat_mut().iter_mut().zip(change.flat()).for_each(|(x, change)| *x = a * *x + change);
    }
}

/// `to` is the transpose of `from`, which has rows of this width; both row-major.
fn transpose(from: &[f32], width: usize, to: &mut [f32]) {
    let height = from.len() / width.max(1);
    for (row, values) in from.chunks_exact(width.max(1)).enumerate() {
        for (column, value) in values.iter().enumerate() {
            to[column * height + row] = *value;
        }
    }
}

/// The list `exclude_layers`.
fn excluded(config: &mut Config) -> Result<Vec<String>> {
    let Some(value) = config.take("exclude_layers") else { return Ok(Vec::new()) };
    let parts: Option<Vec<String>> =
        value.as_array().and_then(|list| list.iter().map(|part| part.as_str().map(str::to_owned)).collect());
    let Some(parts) = parts else {
        return Err(config.error(format!("exclude_layers = {value}, expected a list of parts of names")));
    };
    match parts.iter().find(|part| part.contains(|letter| r"\^$.|?*+()[]{}".contains(letter))) {
        Some(part) => Err(config.error(format!(
            "exclude_layers = {value}: regular expressions such as '{part}' are not supported; write plain parts"
        ))),
        None => Ok(parts),
    }
}
