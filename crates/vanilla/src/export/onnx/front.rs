//! Preprocessing layers on typed columns: lookups are label encoders, encodings comparisons with `0 .. depth - 1`.
//!
//! What Vanilla refuses in data (a number outside of the categories, an unknown token where there is no place for
//! one) has no column here: ONNX has no errors.

use super::super::program::Front;
use super::{Wire, Writer, int};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::layers::{Common, Layer};
use crate::preprocessing::{IndexLookup, IntegerLookup, Preprocessor, StringLookup, Token};
use crate::tensor::{Element, Tensor as Data};
use vanilla_formats::onnx::{Attribute, DType};

/// Entries of a vocabulary; a file of more would be one of texts.
const MOST_TOKENS: usize = 1 << 18;

/// A column on its way.
struct Column {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
}

impl Writer {
    /// An input of the network behind its preprocessing layers.
    pub(super) fn front(&mut self, front: &Front, input: &(String, DType, Vec<usize>)) -> Result<Wire> {
        let mut column = Column { name: input.0.clone(), dtype: input.1, shape: input.2.clone() };
        let names: Vec<&str> = front.place.split(", ").collect();
        for (number, layer) in front.chain.iter().enumerate() {
            let name = names.get(number).copied().unwrap_or_default();
            let place = format!("layer '{name}' ({})", layer.class_name());
            column = self.preprocess(name, &place, layer.as_ref(), column)?;
        }
        let last = names.last().copied().filter(|name| !name.is_empty()).unwrap_or(&input.0);
        let wire = match column.dtype {
            DType::Float => Wire { name: column.name, ints: false, shape: column.shape },
            DType::Int64 => Wire { name: column.name, ints: true, shape: column.shape },
            DType::String => {
                let problem = "cannot be exported: its strings reach the network";
                return Err(Error::config(format!("input '{}'", input.0), problem));
            }
            _ => {
                let name = self.cast(&column.name, DType::Int64, last);
                Wire { name, ints: true, shape: column.shape }
            }
        };
        Ok(wire)
    }

    fn preprocess(&mut self, layer: &str, place: &str, word: &dyn Layer, x: Column) -> Result<Column> {
        let no = |problem: &str| {
            let way = "Export the model behind it, and look up before it is called";
            Err(Error::config(place, format!("cannot be exported to ONNX: {problem}. {way}")))
        };
        let Some(word) = word.preprocessor() else { return no("it has no operators there") };
        let keys = word.config();
        let text = |key: &str| keys.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        let mode = if text("output_mode").is_empty() { "int" } else { text("output_mode") }.to_owned();
        let output = word.output_shape(place, &x.shape)?;
        let depth = output.last().copied().unwrap_or(1);
        let class = word.class_name();
        let (indices, weights) = match class {
            "StringLookup" | "IntegerLookup" => {
                if keys.get("invert") == Some(&true.into()) {
                    return no("it turns numbers into tokens (invert)");
                }
                let oov = keys.get("num_oov_indices").and_then(|value| value.as_u64()).unwrap_or(1);
                if oov > 1 {
                    return no("unknown tokens share several places by a hash (num_oov_indices above 1)");
                }
                if oov == 0 && mode == "int" {
                    return no("it has no place for unknown tokens (num_oov_indices = 0)");
                }
                let unknown = if oov == 0 { -1 } else { self.oov_place(&keys, &mode) };
                if class == "StringLookup" {
                    let lookup = StringLookup::from_config(Common::PLAIN, &mut Config::new(place, keys.clone()))?;
                    self.lookup(layer, place, &lookup, &keys, &mode, unknown, &x, "keys_strings")?
                } else {
                    let lookup = IntegerLookup::from_config(Common::PLAIN, &mut Config::new(place, keys.clone()))?;
                    let name = if x.dtype == DType::Int64 {
                        x.name.clone()
                    } else {
                        self.cast(&x.name, DType::Int64, layer)
                    };
                    let x = Column { name, dtype: DType::Int64, shape: x.shape.clone() };
                    self.lookup(layer, place, &lookup, &keys, &mode, unknown, &x, "keys_int64s")?
                }
            }
            "CategoryEncoding" => {
                let name =
                    if x.dtype == DType::Int64 { x.name.clone() } else { self.cast(&x.name, DType::Int64, layer) };
                (name, None)
            }
            "Discretization" => {
                let list = keys.get("bin_boundaries").and_then(|value| value.as_array());
                let numbers = list.map(|list| list.iter().map(|value| value.as_f64().map(|x| x as f32)).collect());
                let Some(Some(boundaries)) = numbers else { return no("it has no boundaries yet") };
                let boundaries: Vec<f32> = boundaries;
                let name =
                    if x.dtype == DType::Float { x.name.clone() } else { self.cast(&x.name, DType::Float, layer) };
                let last = self.whole_numbers(&[-1]);
                let wide = self.node(layer, "Unsqueeze", vec![name, last.clone()], vec![]);
                let row = self.initializer(&format!("{layer}/boundaries"), vec![boundaries.len()], boundaries);
                let below = self.node(layer, "LessOrEqual", vec![row, wide], vec![]);
                let ones = self.cast(&below, DType::Int64, layer);
                (self.node(layer, "ReduceSum", vec![ones, last], vec![int("keepdims", 0)]), None)
            }
            "Hashing" => return no("there is no operator for its hash"),
            _ => return no("it has no operators there"),
        };
        if mode == "int" {
            return Ok(Column { name: indices, dtype: DType::Int64, shape: output });
        }
        // A column for each place: 1 where the index is its number.
        let mut places = indices;
        let last = self.whole_numbers(&[-1]);
        let alone = x.shape.last() == Some(&1);
        if !(mode == "one_hot" && alone) {
            places = self.node(layer, "Unsqueeze", vec![places, last.clone()], vec![]);
        }
        let numbers: Vec<i64> = (0..depth as i64).collect();
        let numbers = self.whole_numbers(&numbers);
        let hits = self.node(layer, "Equal", vec![places, numbers], vec![]);
        let mut name = self.cast(&hits, DType::Float, layer);
        if mode != "one_hot" {
            let samples = self.whole_numbers(&[-2]);
            let op = if mode == "multi_hot" { "ReduceMax" } else { "ReduceSum" };
            name = self.node(layer, op, vec![name, samples], vec![int("keepdims", 0)]);
        }
        if let Some(weights) = weights {
            let weights = self.initializer(&format!("{layer}/idf_weights"), vec![weights.len()], weights);
            name = self.node(layer, "Mul", vec![name, weights], vec![]);
        }
        Ok(Column { name, dtype: DType::Float, shape: output })
    }

    /// The place of unknown tokens: behind the mask, which has one in the mode `int` only.
    fn oov_place(&self, keys: &Keys, mode: &str) -> i64 {
        i64::from(mode == "int" && keys.get("mask_token").is_some_and(|token| !token.is_null()))
    }

    /// Tokens to places, and the weights of all places in the mode `tf_idf`.
    #[expect(clippy::too_many_arguments, reason = "all of it describes one node")]
    fn lookup<T>(
        &mut self,
        layer: &str,
        place: &str,
        lookup: &IndexLookup<T>,
        keys: &Keys,
        mode: &str,
        unknown: i64,
        x: &Column,
        keys_name: &str,
    ) -> Result<(String, Option<Vec<f32>>)>
    where
        Vec<T>: Into<KeysOf>,
        T: Token + Element,
    {
        // The place of a token is its place here; special tokens stand in front.
        let all = lookup.get_vocabulary(true);
        if all.is_empty() || all.len() > MOST_TOKENS {
            let problem = format!("cannot be exported: {} tokens, expected 1 to {MOST_TOKENS}", all.len());
            return Err(Error::config(place, problem));
        }
        let special = all.len() - lookup.get_vocabulary(false).len();
        let mask = keys.get("mask_token").and_then(T::from_json);
        let (mut tokens, mut places) = (Vec::new(), Vec::new());
        if let Some(mask) = mask {
            // Outside of the mode `int` it has no column.
            places.push(if mode == "int" { 0 } else { -1 });
            tokens.push(mask);
        }
        for (at, token) in all.iter().enumerate().skip(special) {
            tokens.push(token.clone());
            places.push(at as i64);
        }
        let weights = match mode {
            "tf_idf" => {
                // One sample in which every token occurs once.
                let sample = Data::new(all.clone(), [1, all.len()])?;
                Some(lookup.apply(place, &sample)?.to_f32())
            }
            _ => None,
        };
        let settings = vec![
            (keys_name.to_owned(), tokens.into().0),
            ("values_int64s".to_owned(), Attribute::Ints(places)),
            int("default_int64", unknown),
        ];
        Ok((self.node(layer, "LabelEncoder", vec![x.name.clone()], settings), weights))
    }
}

/// The setting that holds the keys of a label encoder.
pub(super) struct KeysOf(Attribute);

impl From<Vec<String>> for KeysOf {
    fn from(tokens: Vec<String>) -> Self {
        Self(Attribute::Texts(tokens))
    }
}

impl From<Vec<i64>> for KeysOf {
    fn from(tokens: Vec<i64>) -> Self {
        Self(Attribute::Ints(tokens))
    }
}
