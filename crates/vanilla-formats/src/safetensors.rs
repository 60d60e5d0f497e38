//! safetensors: named arrays and a few texts in one file, without expansion.
//!
//! ```text
//! file     = length:u64 header data                little-endian; nothing behind the data
//! header   = object 20*                     `length` bytes: JSON in UTF-8, begins with `{`, padded with spaces
//! object   = { ["__metadata__": {name: text, …},] name: tensor, … }
//! tensor   = {"dtype": D, "shape": [n, …], "data_offsets": [begin, end]}      these three keys, in any order
//! data     = the tensors' elements, row-major, little-endian; offsets count from the end of the header,
//!            begin at 0, follow one another without a hole or an overlap, and end at the end of the file
//! D        = "U8" | "I64" | "U64" | "F32" | "F64"  (known but refused: BOOL, I8 … I32, U16, U32, F16, BF16, F8_…)
//! ```
//!
//! Source: huggingface/safetensors, README, "Format". Narrower than that: no name twice, also not in
//! `__metadata__` (the reference reader lets the last one win, so two readers could see two models in one file);
//! at most 16 MiB of header, 10 000 tensors and as many texts, 16 axes; names of 1 to 512 bytes without control
//! characters.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::array::checked_count;
use crate::error::{Errors, Result, show};
use crate::{FormatError, scalar, sniff};

const ERRORS: Errors = Errors("safetensors");
const MAX_HEADER: usize = 16 << 20;
const MAX_TENSORS: usize = 10_000;
const MAX_TEXTS: usize = 10_000;
const MAX_RANK: usize = 16;
const MAX_NAME: usize = 512;
const METADATA: &str = "__metadata__";
/// The data begin at a multiple of this many bytes of the file, as in files of the reference writer.
const ALIGN: usize = 8;

/// A whole file: texts and arrays, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// Names and texts of `__metadata__`.
    pub metadata: Vec<(String, String)>,
    /// The arrays, in the order of their data.
    pub tensors: Vec<Tensor>,
}

/// A named array.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name: a label, never a path.
    pub name: String,
    /// The length of every axis, outermost first; a scalar has none.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub values: Values,
}

/// The elements of a [`Tensor`], as they are in the file: nothing is rounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `U8`
    U8(Vec<u8>),
    /// `I64`
    I64(Vec<i64>),
    /// `U64`
    U64(Vec<u64>),
    /// `F32`
    F32(Vec<f32>),
    /// `F64`
    F64(Vec<f64>),
}

impl Values {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type as the format writes it.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::U8(_) => "U8",
            Self::I64(_) => "I64",
            Self::U64(_) => "U64",
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
        }
    }

    /// The first element that is NaN or infinite, with its place. Integers always are numbers.
    pub fn first_non_finite(&self) -> Option<(usize, f64)> {
        match self {
            Self::F32(values) => values.iter().position(|x| !x.is_finite()).map(|at| (at, f64::from(values[at]))),
            Self::F64(values) => values.iter().position(|x| !x.is_finite()).map(|at| (at, values[at])),
            Self::U8(_) | Self::I64(_) | Self::U64(_) => None,
        }
    }

    fn size_bytes(&self) -> usize {
        let each = match self {
            Self::U8(_) => 1,
            Self::F32(_) => 4,
            Self::I64(_) | Self::U64(_) | Self::F64(_) => 8,
        };
        self.len() * each
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::U8(values) => out.extend_from_slice(values),
            Self::I64(values) => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            Self::U64(values) => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            Self::F32(values) => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            Self::F64(values) => out.extend(values.iter().flat_map(|x| x.to_le_bytes())),
        }
    }
}

/// Reads a whole file. Takes memory for what the bytes hold and not for what they claim. Floats may be NaN or
/// infinite: whether that makes sense, the caller knows ([`Values::first_non_finite`]).
pub fn read(bytes: &[u8]) -> Result<File> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(ERRORS.truncated("header length", 8, bytes.len() as u64));
    };
    if rest.first() != Some(&b'{') && !rest.is_empty() {
        // A file of another format has no `{` at byte 8; its first eight bytes are no length worth a message.
        return Err(FormatError::NotThisFormat {
            expected: "a safetensors file (`{` at byte 8)",
            found: sniff::describe(bytes),
            hint: "",
        });
    }
    let length = u64::from_le_bytes(*length);
    if length > rest.len() as u64 {
        return Err(ERRORS.truncated("header", length, rest.len() as u64));
    }
    if length > MAX_HEADER as u64 {
        return Err(ERRORS.limit("header", MAX_HEADER as u64, format!("{length} bytes")));
    }
    let (header, data) = rest.split_at(length as usize);
    let unpadded = header.trim_suffix_spaces();
    if unpadded.last() != Some(&b'}') {
        let found = unpadded.last().map_or("nothing".to_owned(), |byte| format!("byte {byte:02x}"));
        return Err(ERRORS.malformed("end of header", "`}` and spaces", found));
    }
    let Header { metadata, mut entries } = serde_json::from_slice(unpadded).map_err(|error| {
        // One line of text, so the column is the offset in the header; files may have more, then it is in their
        // line.
        let place = format!("header, line {} column {}", error.line(), error.column());
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
        ERRORS.malformed(place, "JSON as the format has it", show(text))
    })?;
    entries.sort_by_key(|entry| (entry.begin, entry.end));
    let mut tensors = scalar::reserve(entries.len(), ERRORS, "tensors")?;
    let mut end = 0;
    for entry in entries {
        let place = format!("tensor {}", show(&entry.name));
        if entry.begin != end {
            let problem = if entry.begin > end { "a hole" } else { "an overlap" };
            let found = format!("begin {}: {problem} in the data", entry.begin);
            return Err(ERRORS.malformed(place, format!("begin {end}"), found));
        }
        end = entry.end;
        tensors.push(entry.read(data, &place)?);
    }
    if end != data.len() as u64 {
        let found = format!("{} bytes", data.len());
        return Err(ERRORS.malformed("end of file", format!("{end} bytes of data, as the header says"), found));
    }
    Ok(File { metadata, tensors })
}

/// Writes a file that [`read`] takes: texts first in the header, tensors in the given order. The same values give
/// the same bytes. An error for names that the format, or [`read`], would refuse.
pub fn write(metadata: &[(&str, &str)], tensors: &[Tensor]) -> Result<Vec<u8>> {
    let mut header = String::from("{");
    let mut names = HashSet::new();
    if !metadata.is_empty() {
        let mut texts = String::new();
        for (name, text) in metadata {
            check_name(name).map_err(|problem| ERRORS.malformed(METADATA, problem, show(name)))?;
            if !names.insert(*name) {
                return Err(ERRORS.malformed(METADATA, "every name once", show(name)));
            }
            let comma = if texts.is_empty() { "" } else { "," };
            write!(texts, "{comma}{}:{}", quoted(name), quoted(text)).expect("a string takes everything");
        }
        write!(header, "{}:{{{texts}}}", quoted(METADATA)).expect("a string takes everything");
    }
    if metadata.len() > MAX_TEXTS {
        return Err(ERRORS.limit(METADATA, MAX_TEXTS as u64, format!("{} texts", metadata.len())));
    }
    if tensors.len() > MAX_TENSORS {
        return Err(ERRORS.limit("tensors", MAX_TENSORS as u64, tensors.len().to_string()));
    }
    names.clear();
    let mut begin = 0;
    for Tensor { name, shape, values } in tensors {
        let place = || format!("tensor {}", show(name));
        check_name(name).map_err(|problem| ERRORS.malformed("tensor", problem, show(name)))?;
        if name == METADATA || !names.insert(name) {
            return Err(ERRORS.malformed(place(), "every name once", "it twice"));
        }
        if shape.len() > MAX_RANK {
            return Err(ERRORS.limit(place(), MAX_RANK as u64, format!("{} axes", shape.len())));
        }
        let wide: Vec<u64> = shape.iter().map(|&dim| dim as u64).collect();
        if checked_count(&wide).map(|(_, count)| count) != Some(values.len()) {
            return Err(ERRORS.malformed(
                place(),
                format!("as many elements as shape {shape:?} has"),
                format!("{}", values.len()),
            ));
        }
        let end = begin + values.size_bytes();
        let comma = if header.len() == 1 { "" } else { "," };
        let dtype = values.dtype();
        let name = quoted(name);
        write!(
            header,
            "{comma}{name}:{{\"dtype\":\"{dtype}\",\"shape\":{},\"data_offsets\":[{begin},{end}]}}",
            serde_json::to_string(shape).expect("numbers are JSON")
        )
        .expect("a string takes everything");
        begin = end;
    }
    header.push('}');
    header.push_str(&" ".repeat(header.len().next_multiple_of(ALIGN) - header.len()));
    if header.len() > MAX_HEADER {
        return Err(ERRORS.limit("header", MAX_HEADER as u64, format!("{} bytes", header.len())));
    }
    let mut out = scalar::reserve(8 + header.len() + begin, ERRORS, "file")?;
    out.extend_from_slice(&(header.len() as u64).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    tensors.iter().for_each(|tensor| tensor.values.append_to(&mut out));
    Ok(out)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

/// What is wrong with a name, as an expectation.
fn check_name(name: &str) -> std::result::Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("a name of 1 to {MAX_NAME} bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name without control characters".to_owned());
    }
    Ok(())
}

trait TrimSpaces {
    fn trim_suffix_spaces(&self) -> &[u8];
}

impl TrimSpaces for [u8] {
    fn trim_suffix_spaces(&self) -> &[u8] {
        let end = self.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        &self[..end]
    }
}

/// The header, every name in it seen once.
struct Header {
    metadata: Vec<(String, String)>,
    entries: Vec<Entry>,
}

/// One tensor's line of the header.
struct Entry {
    name: String,
    dtype: String,
    shape: Vec<u64>,
    begin: u64,
    end: u64,
}

impl Entry {
    fn read(self, data: &[u8], place: &str) -> Result<Tensor> {
        let size: u64 = match &*self.dtype {
            "U8" => 1,
            "F32" => 4,
            "I64" | "U64" | "F64" => 8,
            other => {
                let error = ERRORS.unsupported(place, format!("dtype {}", show(other)));
                return Err(error.with_hint("expected one of U8, I64, U64, F32, F64"));
            }
        };
        let sizes =
            checked_count(&self.shape).and_then(|(shape, count)| Some((shape, (count as u64).checked_mul(size)?)));
        let Some((shape, bytes)) = sizes else {
            let expected = "a product of dimensions below 2^64 bytes";
            return Err(ERRORS.malformed(place, expected, format!("shape {:?}", self.shape)));
        };
        if self.end.checked_sub(self.begin) != Some(bytes) {
            return Err(ERRORS.malformed(
                place,
                format!("{bytes} bytes for {} of shape {shape:?}", self.dtype),
                format!("data_offsets [{}, {}]", self.begin, self.end),
            ));
        }
        let there = data.get(self.begin as usize..self.end as usize);
        let elements = there.ok_or_else(|| ERRORS.truncated(place, self.end, data.len() as u64))?;
        let values = match &*self.dtype {
            "U8" => Values::U8(decoded(elements, place, |[byte]: [u8; 1]| byte)?),
            "I64" => Values::I64(decoded(elements, place, i64::from_le_bytes)?),
            "U64" => Values::U64(decoded(elements, place, u64::from_le_bytes)?),
            "F64" => Values::F64(decoded(elements, place, f64::from_le_bytes)?),
            _ => Values::F32(decoded(elements, place, f32::from_le_bytes)?),
        };
        Ok(Tensor { name: self.name, shape, values })
    }
}

fn decoded<T, const N: usize>(bytes: &[u8], place: &str, from: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let mut out = scalar::reserve(chunks.len(), ERRORS, place)?;
    out.extend(chunks.iter().map(|chunk| from(*chunk)));
    Ok(out)
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
        let mut names = HashSet::new();
        let mut header = Header { metadata: Vec::new(), entries: Vec::new() };
        while let Some(name) = map.next_key::<String>()? {
            check_name(&name).map_err(de::Error::custom)?;
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format_args!("the name {} twice", show(&name))));
            }
            if name == METADATA {
                header.metadata = map.next_value_seed(Texts)?;
            } else if header.entries.len() == MAX_TENSORS {
                return Err(de::Error::custom(format_args!("more than {MAX_TENSORS} tensors")));
            } else {
                header.entries.push(map.next_value_seed(EntryOf(name))?);
            }
        }
        Ok(header)
    }
}

/// `__metadata__`: names and texts.
struct Texts;

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = Vec<(String, String)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut names = HashSet::new();
        let mut texts = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            check_name(&name).map_err(de::Error::custom)?;
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format_args!("the name {} twice in {METADATA}", show(&name))));
            }
            if texts.len() == MAX_TEXTS {
                return Err(de::Error::custom(format_args!("more than {MAX_TEXTS} texts in {METADATA}")));
            }
            texts.push((name, map.next_value::<String>()?));
        }
        Ok(texts)
    }
}

/// The value of a tensor's name. Only an object will do: serde's own structs would take a list as well.
struct EntryOf(String);

impl<'de> DeserializeSeed<'de> for EntryOf {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntryOf {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entry, A::Error> {
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let twice = match &*key {
                "dtype" => dtype.replace(map.next_value::<String>()?).is_some(),
                "shape" => shape.replace(map.next_value::<Shape>()?.0).is_some(),
                "data_offsets" => offsets.replace(map.next_value::<(u64, u64)>()?).is_some(),
                _ => return Err(de::Error::custom(format_args!("the unknown key {}", show(&key)))),
            };
            if twice {
                return Err(de::Error::custom(format_args!("the key {} twice", show(&key))));
            }
        }
        let missing = |key: &str| de::Error::custom(format_args!("tensor {} without {key}", show(&self.0)));
        let dtype = dtype.ok_or_else(|| missing("dtype"))?;
        let shape = shape.ok_or_else(|| missing("shape"))?;
        let (begin, end) = offsets.ok_or_else(|| missing("data_offsets"))?;
        Ok(Entry { name: self.0, dtype, shape, begin, end })
    }
}

/// A list of at most [`MAX_RANK`] whole numbers.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Dims;
        impl<'de> Visitor<'de> for Dims {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of whole numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = list.next_element::<u64>()? {
                    if dims.len() == MAX_RANK {
                        return Err(de::Error::custom(format_args!("more than {MAX_RANK} axes")));
                    }
                    dims.push(dim);
                }
                Ok(Shape(dims))
            }
        }
        deserializer.deserialize_seq(Dims)
    }
}
