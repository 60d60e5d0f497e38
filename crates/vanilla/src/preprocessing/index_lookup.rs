//! [`IndexLookup`]: tokens to their places in a vocabulary; `StringLookup` and `IntegerLookup` are this for one
//! type each.
//!
//! **Formula** The vocabulary is `mask_token` (if there is one, and only in the mode `int`), `num_oov_indices`
//! times `oov_token`, then the tokens. A token's index is its place; an unknown token has the index of an
//! `oov_token`: with several of them the one at `token mod num_oov_indices` (integers, `floormod`) or `hash(token)
//! mod num_oov_indices`. Outside of `int` the mask is dropped, and `tf_idf` multiplies counts by weights
//! **Learns** the tokens by falling frequency, equal ones by falling order, `max_tokens` with the special ones at
//! most; for `tf_idf`, a row being a document, `ln(1 + rows / (1 + rows with the token))`, and for unknown tokens
//! their mean
//! **Shapes** `int` and `invert` keep them; else those of the output mode, with the vocabulary's size (or
//! `max_tokens` with `pad_to_max_tokens`) as depth
//! **Reference** `keras.src.layers.preprocessing.index_lookup`
//!
//! Different from Keras: `oov_token` = null is read as its default (in Keras it only makes `invert` fail); the
//! mean weight is rounded once, from f64; unknown tokens without any `oov_token` are named with their row.

use super::fingerprint::bin;
use super::output_mode::{OutputMode, current_name};
use super::{MOST_ENTRIES, Preprocessor, common_keys, integers, row_of, salt};
use crate::config::{Config, Keys, keys};
use crate::error::{Error, Result};
use crate::layers::Common;
use crate::tensor::{Element, Tensor};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::OnceLock;
use vanilla_plan::Formula;
use vanilla_plan::formula::Compare;

/// A type of tokens: `String` or `i64`.
pub trait Token: Element + Clone + Debug + Eq + Ord + Hash + Send + Sync + Into<Value> + 'static {
    /// Keras's class name of the lookup.
    const CLASS: &'static str;
    /// `a string`.
    const WHAT: &'static str;
    /// What stands for unknown tokens.
    fn default_oov() -> Self;
    /// The token that a configuration holds.
    fn from_json(value: &Value) -> Option<Self>;
    /// The number, where a token is one.
    fn number(&self) -> Option<i64>;
    /// What is hashed.
    fn text(&self) -> Cow<'_, str>;
    /// The tokens of a column.
    ///
    /// # Errors
    /// When it holds another type.
    fn column<'a>(place: &str, x: &'a Tensor) -> Result<Cow<'a, [Self]>>;
}

/// More special tokens than this are a mistake, and their names would fill the memory.
const MOST_OOV_INDICES: usize = 1 << 24;

/// Tokens to their places in a vocabulary.
#[derive(Clone, Debug)]
pub struct IndexLookup<T: Token> {
    common: Common,
    max_tokens: Option<usize>,
    num_oov_indices: usize,
    mask_token: Option<T>,
    oov_token: T,
    /// As it was given, with or without the special tokens; or as it was learned, without.
    vocabulary: Option<Vec<T>>,
    /// Whether the description holds the vocabulary, so that none is to be learned.
    given: bool,
    /// As many as there are in the vocabulary.
    idf_weights: Option<Vec<f64>>,
    /// `vocabulary_size` of a description whose vocabulary is kept elsewhere.
    announced: Option<usize>,
    invert: bool,
    output_mode: String,
    pad_to_max_tokens: bool,
    oov_method: String,
    salt: Option<[i64; 2]>,
    ready: OnceLock<std::result::Result<Ready<T>, String>>,
}

/// A vocabulary that was checked.
#[derive(Clone, Debug)]
struct Ready<T> {
    mode: OutputMode,
    /// Where the tokens start in the vocabulary.
    from: usize,
    indices: HashMap<T, usize>,
    /// Special tokens and tokens.
    size: usize,
    depth: usize,
    /// One for every column.
    weights: Vec<f32>,
}

/// Builder functions, which check nothing: what makes no sense is an error of the first use.
impl<T: Token> IndexLookup<T> {
    /// Keras's class name.
    pub const CLASS: &'static str = T::CLASS;

    /// A lookup whose vocabulary is yet to be given or learned.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            common: Common::PLAIN,
            max_tokens: None,
            num_oov_indices: 1,
            mask_token: None,
            oov_token: T::default_oov(),
            vocabulary: None,
            given: false,
            idf_weights: None,
            announced: None,
            invert: false,
            output_mode: "int".into(),
            pad_to_max_tokens: false,
            oov_method: "floormod".into(),
            salt: None,
            ready: OnceLock::new(),
        }
    }

    /// Names the layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.common.name = Some(name.into());
        self
    }

    /// The most tokens of the vocabulary, special ones included.
    pub fn max_tokens(self, most: usize) -> Self {
        Self { max_tokens: Some(most), ..self }.changed()
    }

    /// How many indices unknown tokens share; without any they are errors.
    pub fn num_oov_indices(self, count: usize) -> Self {
        Self { num_oov_indices: count, ..self }.changed()
    }

    /// The token of what is missing.
    pub fn mask_token(self, token: impl Into<T>) -> Self {
        Self { mask_token: Some(token.into()), ..self }.changed()
    }

    /// What stands for unknown tokens where indices are turned back.
    pub fn oov_token(self, token: impl Into<T>) -> Self {
        Self { oov_token: token.into(), ..self }.changed()
    }

    /// The tokens in their order, with all special ones in front or without any. None are learned then.
    pub fn vocabulary(self, tokens: impl IntoIterator<Item = impl Into<T>>) -> Self {
        let tokens = tokens.into_iter().map(Into::into).collect();
        Self { vocabulary: Some(tokens), given: true, announced: None, ..self }.changed()
    }

    /// The weights of the vocabulary, for the mode `tf_idf`.
    pub fn idf_weights(self, weights: impl Into<Vec<f64>>) -> Self {
        Self { idf_weights: Some(weights.into()), ..self }.changed()
    }

    /// Turns indices into tokens.
    pub fn invert(self, invert: bool) -> Self {
        Self { invert, ..self }.changed()
    }

    /// `int`, `one_hot`, `multi_hot`, `count` or `tf_idf`.
    pub fn output_mode(self, mode: &str) -> Self {
        Self { output_mode: current_name(mode).into(), ..self }.changed()
    }

    /// Makes an encoding `max_tokens` wide in any case.
    pub fn pad_to_max_tokens(self, pad: bool) -> Self {
        Self { pad_to_max_tokens: pad, ..self }.changed()
    }

    /// How unknown integers share several indices: `floormod` or `farmhash`.
    pub fn oov_method(self, method: &str) -> Self {
        Self { oov_method: method.into(), ..self }.changed()
    }

    /// A key, by which unknown tokens share several indices.
    pub fn salt(self, salt: [i64; 2]) -> Self {
        Self { salt: Some(salt), ..self }.changed()
    }

    /// Forgets what was prepared.
    fn changed(mut self) -> Self {
        self.ready = OnceLock::new();
        self
    }
}

impl<T: Token> IndexLookup<T> {
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// Reads Keras's keys.
    ///
    /// # Errors
    /// When a key makes no sense, above all a vocabulary that is a path.
    pub fn from_config(common: Common, config: &mut Config) -> Result<Self> {
        common_keys(config, &["float32", "string", "int64"])?;
        let mut word = Self { common, ..Self::new() };
        word.invert = config.boolean("invert")?.unwrap_or(false);
        word.max_tokens = config.integer("max_tokens")?;
        word.num_oov_indices = config.integer("num_oov_indices")?.unwrap_or(1);
        word.oov_token = token(config, "oov_token")?.unwrap_or_else(T::default_oov);
        word.mask_token = token(config, "mask_token")?;
        if let Some(mode) = config.string("output_mode")? {
            word.output_mode = current_name(&mode).into();
        }
        word.pad_to_max_tokens = config.boolean("pad_to_max_tokens")?.unwrap_or(false);
        only(config, "vocabulary_dtype", if T::CLASS == i64::CLASS { "int64" } else { "string" })?;
        only(config, "encoding", "utf-8")?;
        word.idf_weights = list(config, "idf_weights", "numbers", Value::as_f64)?;
        let what = if T::CLASS == i64::CLASS { "whole numbers" } else { "strings" };
        word.vocabulary = list(config, "vocabulary", what, T::from_json)?;
        word.given = word.vocabulary.is_some();
        word.announced = config.integer("vocabulary_size")?;
        word.oov_method = config.string("oov_method")?.unwrap_or(word.oov_method);
        word.salt = salt(config)?;
        word.described().map_err(|problem| config.error(problem))?;
        if word.given {
            word.prepare().map_err(|problem| config.error(problem))?;
        }
        Ok(word)
    }

    /// Replaces the vocabulary, and for the mode `tf_idf` its weights, by data that are kept elsewhere.
    ///
    /// # Errors
    /// As where a vocabulary is described.
    pub fn set_vocabulary(&mut self, place: &str, tokens: Vec<T>, idf_weights: Option<Vec<f64>>) -> Result<()> {
        let changed = Self { vocabulary: Some(tokens), idf_weights, ..self.clone() }.changed();
        changed.ready(place)?;
        *self = changed;
        Ok(())
    }

    /// The vocabulary: a token's index is its place in it. Without the special tokens where they are not wanted;
    /// empty where there is none yet.
    pub fn get_vocabulary(&self, include_special_tokens: bool) -> Vec<T> {
        let Ok(ready) = self.ready("") else { return Vec::new() };
        let mut all = Vec::new();
        if include_special_tokens {
            all.extend(self.mask_token.clone().filter(|_| ready.mode == OutputMode::Int));
            all.extend(std::iter::repeat_n(self.oov_token.clone(), self.num_oov_indices));
        }
        all.extend_from_slice(&self.vocabulary.as_deref().unwrap_or_default()[ready.from..]);
        all
    }

    /// Tokens and special tokens, once the vocabulary is known.
    pub fn vocabulary_size(&self) -> Option<usize> {
        self.ready("").map(|ready| ready.size).ok().or(self.announced)
    }

    /// The place of the first special token that is no mask.
    fn oov_start(&self, mode: OutputMode) -> usize {
        usize::from(self.mask_token.is_some() && mode == OutputMode::Int)
    }

    /// Checks everything but the vocabulary.
    fn described(&self) -> std::result::Result<OutputMode, String> {
        let mode = OutputMode::named(&self.output_mode, &OutputMode::ALL)?;
        let special = self.oov_start(mode) + self.num_oov_indices.min(MOST_OOV_INDICES);
        if self.num_oov_indices > MOST_OOV_INDICES {
            return Err(format!(
                "num_oov_indices = {}, expected at most {MOST_OOV_INDICES}",
                self.num_oov_indices
            ));
        }
        match self.max_tokens {
            Some(most) if most <= 1 => return Err(format!("max_tokens = {most}, expected more than 1")),
            Some(most) if most <= special => {
                return Err(format!("max_tokens = {most}, expected more than the {special} special tokens"));
            }
            None if self.pad_to_max_tokens => {
                return Err("pad_to_max_tokens = true without max_tokens: set max_tokens, or leave it out".into());
            }
            _ => {}
        }
        if !["floormod", "farmhash"].contains(&self.oov_method.as_str()) {
            return Err(format!("oov_method = \"{}\", expected floormod or farmhash", self.oov_method));
        }
        if self.salt.is_some() && T::default_oov().number().is_some() && self.oov_method != "farmhash" {
            return Err(
                "salt with oov_method = \"floormod\", expected \"farmhash\": there is no hash to be salted".into(),
            );
        }
        if self.invert && mode != OutputMode::Int {
            return Err(format!("invert = true with output_mode = \"{}\", expected \"int\"", self.output_mode));
        }
        match (&self.idf_weights, mode) {
            (Some(_), OutputMode::TfIdf) | (None, _) => Ok(mode),
            _ => Err(format!("idf_weights with output_mode = \"{}\", expected \"tf_idf\"", self.output_mode)),
        }
    }

    /// The vocabulary, checked once.
    fn ready(&self, place: &str) -> Result<&Ready<T>> {
        self.ready.get_or_init(|| self.prepare()).as_ref().map_err(|problem| Error::config(place, problem.clone()))
    }

    fn prepare(&self) -> std::result::Result<Ready<T>, String> {
        let mode = self.described()?;
        let Some(vocabulary) = &self.vocabulary else {
            return Err("there is no vocabulary yet: call adapt on a column, or give one".into());
        };
        let oov_start = self.oov_start(mode);
        let special = oov_start + self.num_oov_indices;
        let is_special = |(place, token): (usize, &T)| {
            if place < oov_start { Some(token) == self.mask_token.as_ref() } else { *token == self.oov_token }
        };
        let found = vocabulary.len() >= special && vocabulary[..special].iter().enumerate().all(is_special);
        let from = if found { special } else { 0 };
        let tokens = &vocabulary[from..];
        if tokens.is_empty() {
            return Err("the vocabulary is empty, expected at least one token".into());
        }
        let mut indices = HashMap::with_capacity(tokens.len());
        for (place, token) in tokens.iter().enumerate() {
            if indices.insert(token.clone(), special + place).is_some() {
                return Err(format!("the vocabulary has {token:?} more than once: drop repeated tokens"));
            }
        }
        let misplaced = |token: &T| {
            let place = vocabulary.iter().rposition(|other| other == token).unwrap_or(0);
            format!(
                "the vocabulary has {token:?} at place {place}: special tokens stand in front, all {special} of them, \
                 or are left out"
            )
        };
        if let Some(mask) = self.mask_token.as_ref().filter(|mask| indices.contains_key(mask)) {
            return Err(misplaced(mask));
        }
        if self.invert && indices.contains_key(&self.oov_token) {
            return Err(misplaced(&self.oov_token));
        }
        let size = special + tokens.len();
        if let Some(most) = self.max_tokens.filter(|most| size > *most) {
            return Err(format!(
                "the vocabulary has {size} tokens with the special ones, and max_tokens = {most}"
            ));
        }
        if let Some(announced) = self.announced.filter(|announced| *announced != size) {
            return Err(format!(
                "vocabulary_size = {announced}, but the vocabulary has {size} tokens with the special ones"
            ));
        }
        let depth = self.max_tokens.filter(|_| self.pad_to_max_tokens).unwrap_or(size);
        let weights =
            if mode == OutputMode::TfIdf { self.weights(vocabulary.len(), found, special)? } else { Vec::new() };
        Ok(Ready { mode, from, indices, size, depth, weights })
    }

    /// The weights of all columns but the padding: special tokens without weights of their own have the mean.
    fn weights(&self, tokens: usize, found: bool, special: usize) -> std::result::Result<Vec<f32>, String> {
        let Some(weights) = &self.idf_weights else {
            return Err("output_mode = \"tf_idf\" needs idf_weights beside the vocabulary".into());
        };
        if weights.len() != tokens {
            return Err(format!("{} idf_weights, expected {tokens}: one for every token", weights.len()));
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let front = std::iter::repeat_n(mean, if found { 0 } else { special });
        Ok(front.chain(weights.iter().copied()).map(|weight| weight as f32).collect())
    }

    /// Which of several indices an unknown token has.
    fn oov_bin(&self, token: &T) -> usize {
        match token.number() {
            Some(number) if self.oov_method == "floormod" => {
                number.rem_euclid(self.num_oov_indices as i64) as usize
            }
            _ => bin(&token.text(), self.salt, self.num_oov_indices as u64) as usize,
        }
    }

    fn tokens_of(&self, place: &str, x: &Tensor, ready: &Ready<T>) -> Result<Tensor> {
        super::has_rows(place, x)?;
        let tokens = &self.vocabulary.as_deref().unwrap_or_default()[ready.from..];
        let special = ready.size - tokens.len();
        let token = |index: i64| match (&self.mask_token, usize::try_from(index)) {
            (Some(mask), Ok(0)) => mask.clone(),
            (_, Ok(index)) if index >= special && index < ready.size => tokens[index - special].clone(),
            _ => self.oov_token.clone(),
        };
        Tensor::new(integers(place, x)?.into_iter().map(token).collect(), x.shape())
    }
}

impl<T: Token> Preprocessor for IndexLookup<T> {
    fn class_name(&self) -> &'static str {
        T::CLASS
    }

    fn config(&self) -> Keys {
        let mut keys = keys! {
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token.clone().into(),
            "mask_token": self.mask_token.clone().map(Into::<Value>::into),
            "output_mode": self.output_mode,
            "sparse": false,
            "pad_to_max_tokens": self.pad_to_max_tokens,
        };
        let integers = T::CLASS == i64::CLASS;
        if integers {
            keys.insert("vocabulary_dtype".into(), json!("int64"));
        }
        let vocabulary = self.vocabulary.as_ref().map(|tokens| tokens.iter().cloned().map(Into::into).collect());
        keys.extend(keys! {
            "idf_weights": self.idf_weights,
            "vocabulary": vocabulary.map_or(Value::Null, Value::Array),
            "vocabulary_size": self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": self.salt,
        });
        if !integers {
            keys.insert("encoding".into(), json!("utf-8"));
        }
        keys
    }

    fn idf_weights(&self) -> Option<Vec<f32>> {
        let ready = self.ready("").ok().filter(|ready| ready.mode == OutputMode::TfIdf)?;
        Some(ready.weights.iter().copied().chain(std::iter::repeat(0.0)).take(ready.depth).collect())
    }
    fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        let mode = self.described().map_err(|problem| Error::config(place, problem))?;
        let padded = self.max_tokens.filter(|_| self.pad_to_max_tokens);
        let depth = match padded.or(self.announced) {
            _ if mode == OutputMode::Int => 0,
            Some(depth) => depth,
            None => self.ready(place)?.depth,
        };
        Ok(mode.shape(input, depth))
    }

    fn apply(&self, place: &str, x: &Tensor) -> Result<Tensor> {
        super::has_rows(place, x)?;
        let ready = self.ready(place)?;
        if self.invert {
            return self.tokens_of(place, x, ready);
        }
        let oov_start = self.oov_start(ready.mode);
        let tokens = T::column(place, x)?;
        let mut indices = Vec::with_capacity(tokens.len());
        for (position, token) in tokens.iter().enumerate() {
            indices.push(if self.mask_token.as_ref() == Some(token) {
                (ready.mode == OutputMode::Int).then_some(0)
            } else if let Some(index) = ready.indices.get(token) {
                Some(*index)
            } else {
                match self.num_oov_indices {
                    0 => {
                        let problem = format!(
                            "x is {token:?} in row {}, expected one of the vocabulary's {} tokens: num_oov_indices = \
                             1 makes a place for unknown ones",
                            row_of(x, position),
                            ready.indices.len()
                        );
                        return Err(Error::data(place, problem));
                    }
                    1 => Some(oov_start),
                    _ => Some(oov_start + self.oov_bin(token)),
                }
            });
        }
        if ready.mode == OutputMode::Int {
            // Every index is there: only an encoding drops the mask.
            return Tensor::new(indices.into_iter().map(|index| index.unwrap_or(0) as i64).collect(), x.shape());
        }
        let encoded = ready.mode.encode(place, &indices, x.shape(), ready.depth, None)?;
        if ready.mode != OutputMode::TfIdf {
            return Ok(encoded);
        }
        let mut values = encoded.to_f32();
        for row in values.chunks_exact_mut(ready.depth) {
            row.iter_mut().zip(&ready.weights).for_each(|(value, weight)| *value *= weight);
        }
        Tensor::new(values, encoded.shape())
    }

    fn formula(&self, input: &[usize]) -> Option<Formula> {
        let ready = self.ready("formula").ok()?;
        let length: usize = input.iter().product();
        if self.invert || self.num_oov_indices > 1 || length.saturating_mul(ready.size) > MOST_ENTRIES {
            return None;
        }
        // Tokens and their indices; f32 holds the tokens up to 2^24. The mask is no place of an encoding.
        let masked = if ready.mode == OutputMode::Int { 0.0 } else { -1.0 };
        let mask = self.mask_token.as_ref().map(|mask| (mask.number(), masked));
        let known = ready.indices.iter().map(|(token, index)| (token.number(), *index as f64));
        let known = mask.into_iter().chain(known).map(|(token, index)| token.map(|token| (token, index)));
        let mut known = known.collect::<Option<Vec<(i64, f64)>>>()?;
        known.sort_by_key(|(token, _)| *token);
        if known.iter().any(|(token, _)| token.unsigned_abs() > 1 << 24) {
            return None;
        }
        let unknown = self.oov_start(ready.mode) as f64;
        let tokens: Vec<f64> = known.iter().map(|(token, _)| *token as f64).collect();
        let indices: Vec<f64> = known.iter().map(|(_, index)| index - unknown).collect();
        Some(Formula::row(length, |x| {
            let pairs: Vec<usize> = (0..length).flat_map(|i| std::iter::repeat_n(i, known.len())).collect();
            let (tokens, indices) = (x.table(&tokens.repeat(length)), x.table(&indices.repeat(length)));
            let found = tokens.select(Compare::Equal, x.gather(&pairs), indices, 0.0).sums(length) + unknown;
            let y = ready.mode.formula(found, input, ready.depth);
            if ready.mode != OutputMode::TfIdf {
                return y;
            }
            let mut weights: Vec<f64> = ready.weights.iter().map(|weight| f64::from(*weight)).collect();
            weights.resize(ready.depth, 0.0);
            y * y.table(&weights.repeat(y.length() / ready.depth))
        }))
    }

    fn adapt(&mut self, place: &str, x: &Tensor) -> Result<()> {
        super::has_rows(place, x)?;
        let mode = self.described().map_err(|problem| Error::config(place, problem))?;
        if self.given {
            let problem = "the vocabulary was given, so none can be learned: leave it out, or do not call adapt";
            return Err(Error::config(place, problem));
        }
        let tokens = T::column(place, x)?;
        // How often, and in how many rows.
        let mut counts: HashMap<&T, (u64, u64)> = HashMap::new();
        let mut row: HashSet<&T> = HashSet::new();
        for (position, token) in tokens.iter().enumerate() {
            if position % x.width() == 0 {
                row.clear();
            }
            let count = counts.entry(token).or_default();
            count.0 += 1;
            count.1 += u64::from(row.insert(token));
        }
        counts.remove(&self.oov_token);
        self.mask_token.as_ref().map(|mask| counts.remove(mask));
        let mut learned: Vec<_> = counts.into_iter().collect();
        learned.sort_unstable_by(|(a, (count_a, _)), (b, (count_b, _))| (count_b, b).cmp(&(count_a, a)));
        if let Some(most) = self.max_tokens {
            learned.truncate(most - self.oov_start(mode) - self.num_oov_indices);
        }
        if learned.is_empty() {
            let problem =
                format!("x has the shape {:?} and no token but special ones: nothing to learn", x.shape());
            return Err(Error::data(place, problem));
        }
        let weight = |rows: u64| libm::log(1.0 + x.rows() as f64 / (1 + rows) as f64) as f32;
        let weights = learned.iter().map(|(_, (_, rows))| f64::from(weight(*rows))).collect();
        self.vocabulary = Some(learned.into_iter().map(|(token, _)| token.clone()).collect());
        self.idf_weights = (mode == OutputMode::TfIdf).then_some(weights);
        self.announced = None;
        self.ready = OnceLock::new();
        self.ready(place).map(|_| ())
    }
}

/// Takes a token.
fn token<T: Token>(config: &mut Config, key: &str) -> Result<Option<T>> {
    let Some(value) = config.take(key) else { return Ok(None) };
    let problem = || config.error(format!("{key} = {value}, expected {}", T::WHAT));
    T::from_json(&value).ok_or_else(problem).map(Some)
}

/// Takes a key that has one meaning here.
fn only(config: &mut Config, key: &str, meaning: &str) -> Result<()> {
    match config.string(key)? {
        Some(value) if value != meaning => {
            Err(config.error(format!("{key} = \"{value}\" is not supported, expected \"{meaning}\"")))
        }
        _ => Ok(()),
    }
}

/// Takes a list.
fn list<E>(
    config: &mut Config,
    key: &str,
    what: &str,
    read: impl Fn(&Value) -> Option<E>,
) -> Result<Option<Vec<E>>> {
    let Some(value) = config.take(key) else { return Ok(None) };
    let values = match &value {
        Value::Array(values) => values,
        Value::String(path) if key == "vocabulary" => {
            let problem = format!(
                "vocabulary = {path:?} is a path, and a model may not name files to read: expected the list of \
                 tokens itself"
            );
            return Err(config.error(problem));
        }
        _ => return Err(config.error(format!("{key} = {value}, expected a list of {what}"))),
    };
    let read_one = |value| read(value).ok_or_else(|| config.error(format!("{key} has {value}, expected {what}")));
    values.iter().map(read_one).collect::<Result<Vec<E>>>().map(Some)
}
