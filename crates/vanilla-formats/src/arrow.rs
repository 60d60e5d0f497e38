//! Arrow IPC: flat tables as a file (which Feather is too) or as a stream.
//!
//! ```text
//! stream  = message* end?                      a schema, then dictionaries and batches of rows
//! message = ff ff ff ff length metadata body    length: i32, of the metadata with its padding, little-endian
//! end     = ff ff ff ff 00 00 00 00
//! file    = "ARROW1" 00 00 … message* … footer length "ARROW1"
//! footer  = the schema, and the places of dictionaries and batches
//! ```
//!
//! Metadata and footer are FlatBuffers (`Message.fbs`, `File.fbs`). Source: "Columnar Format", version 1.5, of Apache
//! Arrow. Whole numbers of up to 64 bits, floats, booleans and texts are read, also texts by a dictionary;
//! uncompressed or with LZ4 frames. What is nested, binary, a decimal, a date or a time is refused, and so are
//! big-endian files, those from before 0.15 (2019), and dictionaries that grow.
//!
//! Messages are cut here, and the places and sizes of their buffers compared with the bytes that are there; the
//! `arrow-ipc` crate verifies the FlatBuffers and makes arrays of the buffers, validated.

use crate::FormatError;
use crate::columnar::{Budget, Builder, Columnar, Form, LEAVE_OUT, Native, finish};
use crate::error::{Errors, Result, show};
use crate::sniff;
use crate::table::Kind;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{
    Block, CompressionType, Endianness, MessageHeader, MetadataVersion, Type, root_as_footer, root_as_message,
};
use arrow_schema::{ArrowError, DataType, Schema};
use std::collections::HashMap;
use std::sync::Arc;

const ERRORS: Errors = Errors("Arrow");
/// The first bytes of a file, and without the zeros its last ones.
const MAGIC: &[u8] = b"ARROW1\0\0";
/// The most that a byte of LZ4's can become.
const LZ4_EXPANSION: u64 = 255;
/// What the places of buffers are multiples of.
const ALIGNED: usize = 8;
/// The most bytes of a message's metadata.
const MAX_METADATA: usize = 64 << 20;
/// The way out where a file is written as few programs write it.
const AGAIN: &str = "write it again with the writer's defaults, as pyarrow has them";

/// Reads a whole table; `kinds` are columns that must hold this, whatever type they have.
///
/// # Errors
/// When the bytes are no Arrow file or stream, have no row, a column of a type that is not read, or numbers that are
/// none.
pub fn read(form: Form, bytes: &[u8], kinds: &[(String, Kind)]) -> Result<Columnar> {
    let footer = if form == Form::ArrowFile { Some(footer(bytes)?) } else { None };
    let mut reader = Reader {
        // Aligned as the format asks for, which the bytes need not be.
        bytes: Buffer::from(bytes),
        at: 0,
        budget: Budget::of(ERRORS, bytes.len()),
        dictionaries: HashMap::new(),
    };
    let Some(footer) = footer else { return stream(reader, kinds) };
    // Aligned, too.
    let footer = Buffer::from(footer);
    let footer = root_as_footer(&footer).map_err(|error| not_a_buffer("footer", &error.to_string()))?;
    let schema = footer.schema().ok_or_else(|| ERRORS.malformed("footer", "a schema", "none"))?;
    let mut table = Table::new(&mut reader, "footer", schema, footer.version(), kinds)?;
    let mut left = bytes.len() as u64;
    for block in footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten() {
        let found = || format!("byte {}", block.offset());
        let wrong = |expected: &str| ERRORS.malformed("footer, place of a message", expected, found());
        let at = usize::try_from(block.offset()).ok().filter(|at| *at < bytes.len() && at.is_multiple_of(ALIGNED));
        reader.at = at.ok_or_else(|| wrong("a multiple of 8 in the file"))?;
        let message = reader.message()?.ok_or_else(|| wrong("a message"))?;
        // So that no message is read again and again.
        left =
            left.checked_sub(message.bytes.len() as u64).ok_or_else(|| wrong("messages that do not overlap"))?;
        table.take(&mut reader, &message)?;
    }
    finish(ERRORS, table.builders, table.rows as usize)
}

/// The table in a stream.
fn stream(mut reader: Reader, kinds: &[(String, Kind)]) -> Result<Columnar> {
    let Some(first) = reader.message()? else {
        return Err(ERRORS.malformed("stream", "a schema", "nothing"));
    };
    let parsed = first.parsed()?;
    let Some(schema) = parsed.header_as_schema() else {
        let found = parsed.header_type().variant_name().unwrap_or("another message");
        return Err(ERRORS.malformed(&*first.place, "a schema", found));
    };
    let mut table = Table::new(&mut reader, &first.place, schema, parsed.version(), kinds)?;
    let mut ended = false;
    while !ended && reader.at < reader.bytes.len() {
        match reader.message()? {
            Some(message) => table.take(&mut reader, &message)?,
            None => ended = true,
        }
    }
    let mut table = finish(ERRORS, table.builders, table.rows as usize)?;
    if !ended {
        table.notes.push("the stream has no mark at its end: rows may be missing".into());
    }
    Ok(table)
}

/// A table that grows, message by message.
struct Table {
    schema: Arc<Schema>,
    decoder: FileDecoder,
    builders: Vec<Builder>,
    rows: u64,
}

impl Table {
    fn new(
        reader: &mut Reader,
        place: &str,
        schema: arrow_ipc::Schema<'_>,
        version: MetadataVersion,
        kinds: &[(String, Kind)],
    ) -> Result<Self> {
        if schema.endianness() != Endianness::Little {
            return Err(ERRORS.unsupported(place, "big-endian numbers").with_hint(AGAIN));
        }
        for field in schema.fields().into_iter().flatten() {
            if let Some(dictionary) = field.dictionary() {
                let width = if field.type_type() == Type::LargeUtf8 { 8 } else { 4 };
                reader.dictionaries.insert(dictionary.id(), width);
            }
        }
        let schema = Arc::new(try_fb_to_schema(schema).map_err(|error| of_crate(error, place))?);
        reader.budget.check_size(schema.fields().len(), 0)?;
        let mut builders = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            builders.push(Builder::new(ERRORS, field.name(), native(field.name(), field.data_type())?, kinds)?);
        }
        Ok(Self { decoder: FileDecoder::new(schema.clone(), version), schema, builders, rows: 0 })
    }

    /// Reads a dictionary, or a batch of rows.
    fn take(&mut self, reader: &mut Reader, message: &Message) -> Result<()> {
        let wrong = |error| of_crate(error, &message.place);
        match reader.check(message, &self.schema, self.rows)? {
            Content::Dictionary => self.decoder.read_dictionary(&message.block, &message.bytes).map_err(wrong),
            Content::Batch(rows) => {
                let batch = self.decoder.read_record_batch(&message.block, &message.bytes).map_err(wrong)?;
                let batch = batch.filter(|batch| batch.num_rows() as u64 == rows).ok_or_else(|| {
                    ERRORS.malformed(&*message.place, format!("a batch of {rows} rows"), "another number")
                })?;
                self.rows += rows;
                read_batch(&batch, &mut self.builders, &mut reader.budget)
            }
        }
    }
}

/// The footer of a file.
fn footer(bytes: &[u8]) -> Result<&[u8]> {
    if !bytes.starts_with(&MAGIC[..6]) {
        let found = sniff::describe(bytes);
        return Err(FormatError::NotThisFormat { expected: "an Arrow file", found, hint: "" });
    }
    const END: usize = 4 + 6;
    if bytes.len() < MAGIC.len() + END {
        return Err(ERRORS.truncated("file", (MAGIC.len() + END) as u64, bytes.len() as u64));
    }
    let (rest, end) = bytes.split_at(bytes.len() - END);
    if end[4..] != MAGIC[..6] {
        let found = show(&String::from_utf8_lossy(&end[4..]));
        let error = ERRORS.malformed("end of the file", "`ARROW1`", found);
        return Err(error.with_hint("the file is incomplete: fetch or write it again"));
    }
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    let there = rest.len() - MAGIC.len();
    if length > MAX_METADATA {
        return Err(ERRORS.limit("footer", MAX_METADATA as u64, format!("{length} bytes")));
    }
    if length > there {
        return Err(ERRORS.truncated("footer", length as u64, there as u64));
    }
    Ok(&rest[rest.len() - length..])
}

/// A message with its body.
struct Message {
    bytes: Buffer,
    block: Block,
    metadata: usize,
    place: String,
}

impl Message {
    fn parsed(&self) -> Result<arrow_ipc::Message<'_>> {
        let metadata = &self.bytes.as_slice()[8..self.metadata];
        root_as_message(metadata).map_err(|error| not_a_buffer(&self.place, &error.to_string()))
    }
}

/// What a message is, after the schema.
enum Content {
    Dictionary,
    /// Of so many rows.
    Batch(u64),
}

struct Reader {
    bytes: Buffer,
    at: usize,
    budget: Budget,
    /// The width of the offsets in a dictionary, by its number.
    dictionaries: HashMap<i64, usize>,
}

impl Reader {
    /// The message that comes next; `None` at the stream's end.
    fn message(&mut self) -> Result<Option<Message>> {
        let rest = &self.bytes.as_slice()[self.at..];
        let place = format!("message at byte {}", self.at);
        let Some((head, after)) = rest.split_first_chunk::<8>() else {
            return Err(ERRORS.truncated(place, 8, rest.len() as u64));
        };
        if head[..4] != [0xff; 4] {
            let found = sniff::describe(head);
            return Err(ERRORS.malformed(place, "bytes ff ff ff ff", found).with_hint(AGAIN));
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if length == 0 {
            self.at += 8;
            return Ok(None);
        }
        if length > MAX_METADATA {
            return Err(ERRORS.limit(place, MAX_METADATA as u64, format!("{length} bytes of metadata")));
        }
        let metadata =
            after.get(..length).ok_or_else(|| ERRORS.truncated(&*place, length as u64, after.len() as u64))?;
        let message = root_as_message(metadata).map_err(|error| not_a_buffer(&place, &error.to_string()))?;
        if !(self.at + length).is_multiple_of(ALIGNED) {
            return Err(ERRORS.malformed(place, "metadata padded to 8 bytes", format!("{length} bytes")));
        }
        let left = after.len() - length;
        let body = usize::try_from(message.bodyLength()).ok().filter(|body| *body <= left).ok_or_else(|| {
            let expected = message.bodyLength().max(0) as u64;
            ERRORS.truncated(format!("{place}, body"), expected, left as u64)
        })?;
        let (metadata, whole) = (8 + length, 8 + length + body);
        let found = Message {
            bytes: self.bytes.slice_with_length(self.at, whole),
            block: Block::new(0, metadata as i32, body as i64),
            metadata,
            place,
        };
        self.at += whole;
        Ok(Some(found))
    }

    /// Whether the buffers of a message lie in its body, and unfold to no more than they may.
    fn check(&mut self, message: &Message, schema: &Schema, rows: u64) -> Result<Content> {
        let place = &message.place;
        let body = &message.bytes.as_slice()[message.metadata..];
        let parsed = message.parsed()?;
        let dictionary = parsed.header_as_dictionary_batch();
        if dictionary.is_some_and(|dictionary| dictionary.isDelta()) {
            return Err(ERRORS.unsupported(place, "a dictionary that grows").with_hint(AGAIN));
        }
        let batch = match parsed.header_type() {
            MessageHeader::DictionaryBatch => dictionary.and_then(|dictionary| dictionary.data()),
            _ => parsed.header_as_record_batch(),
        };
        let Some(batch) = batch else {
            let found = parsed.header_type().variant_name().unwrap_or("another message");
            return Err(ERRORS.malformed(place, "a dictionary or a batch of rows", found));
        };
        let codec = batch.compression().map(|compression| compression.codec());
        if let Some(codec) = codec.filter(|codec| *codec != CompressionType::LZ4_FRAME) {
            let name = codec.variant_name().unwrap_or("an unknown").to_owned();
            let error = ERRORS.unsupported(place, format!("{name} compression"));
            return Err(error.with_hint("write it with compression=\"lz4\" or \"uncompressed\""));
        }
        let length = u64::try_from(batch.length())
            .map_err(|_| ERRORS.malformed(place, "a number of rows", batch.length().to_string()))?;
        match dictionary {
            Some(_) => self.budget.check_size(1, length)?,
            None => self.budget.check_size(schema.fields().len(), rows.saturating_add(length))?,
        }
        let widths = match dictionary {
            Some(dictionary) => {
                let width = self.dictionaries.get(&dictionary.id()).copied().ok_or_else(|| {
                    ERRORS.malformed(place, "a dictionary of the schema's", format!("number {}", dictionary.id()))
                })?;
                vec![1, width, 1]
            }
            None => widths(schema, batch.variadicBufferCounts().into_iter().flatten(), place)?,
        };
        let there = batch.buffers().map_or(0, |buffers| buffers.len());
        if there != widths.len() {
            return Err(ERRORS.malformed(place, format!("{} buffers", widths.len()), there.to_string()));
        }
        for (i, (buffer, width)) in batch.buffers().into_iter().flatten().zip(widths).enumerate() {
            let part = usize::try_from(buffer.offset())
                .ok()
                .zip(usize::try_from(buffer.length()).ok())
                .and_then(|(offset, length)| body.get(offset..offset.checked_add(length)?));
            let part = part.ok_or_else(|| {
                let found = format!("{} bytes at byte {}", buffer.length(), buffer.offset());
                let expected = format!("a part of the body's {} bytes", body.len());
                ERRORS.malformed(format!("{place}, buffer {i}"), expected, found)
            })?;
            if !(buffer.offset() as usize).is_multiple_of(ALIGNED) {
                let found = format!("byte {}", buffer.offset());
                return Err(ERRORS.malformed(format!("{place}, buffer {i}"), "a multiple of 8", found));
            }
            let mut unpacked = part.len() as u64;
            if let (Some(_), Some((size, packed))) = (codec, part.split_first_chunk::<8>()) {
                let size = i64::from_le_bytes(*size);
                // -1: it is not compressed.
                let says = u64::try_from(size).unwrap_or(0);
                if size < -1 || says > (packed.len() as u64).saturating_mul(LZ4_EXPANSION) {
                    let found = format!("{size} from {} bytes", packed.len());
                    let expected = "a size that LZ4 can reach";
                    return Err(ERRORS.malformed(format!("{place}, buffer {i}"), expected, found));
                }
                self.budget.unpack(place, says)?;
                unpacked = if size == -1 { packed.len() as u64 } else { says };
            }
            if !unpacked.is_multiple_of(width as u64) {
                let found = format!("{unpacked} bytes");
                return Err(ERRORS.malformed(
                    format!("{place}, buffer {i}"),
                    format!("values of {width} bytes"),
                    found,
                ));
            }
        }
        Ok(if dictionary.is_some() { Content::Dictionary } else { Content::Batch(length) })
    }
}

/// How many bytes the values take in each of a batch's buffers, 1 where that does not matter. The crate's arrays
/// trust that a buffer has no part of a value.
fn widths(schema: &Schema, mut variadic: impl Iterator<Item = i64>, place: &str) -> Result<Vec<usize>> {
    let mut widths = Vec::new();
    for field in schema.fields() {
        let kind = match field.data_type() {
            DataType::Null => continue,
            DataType::Dictionary(keys, _) => keys,
            other => other,
        };
        match kind {
            DataType::Utf8 => widths.extend([1, 4, 1]),
            DataType::LargeUtf8 => widths.extend([1, 8, 1]),
            DataType::Utf8View => {
                let more = variadic.next().unwrap_or(-1);
                let more = usize::try_from(more).ok().filter(|more| *more <= MAX_METADATA / 16);
                let more = more.ok_or_else(|| ERRORS.malformed(place, "a number of buffers for texts", "none"))?;
                widths.extend([1, 16]);
                widths.extend(std::iter::repeat_n(1, more));
            }
            other => widths.extend([1, other.primitive_width().unwrap_or(1)]),
        }
    }
    Ok(widths)
}

/// What a column holds.
fn native(name: &str, kind: &DataType) -> Result<Native> {
    use DataType::*;
    Ok(match kind {
        Null => Native::Nothing,
        Boolean => Native::Boolean,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Native::Integer,
        Float32 | Float64 => Native::Float,
        Utf8 | LargeUtf8 | Utf8View => Native::Text,
        Dictionary(_, values) if matches!(**values, Utf8 | LargeUtf8) => Native::Text,
        other => {
            let name_of_type = format!("{other:?}");
            let name_of_type = name_of_type.split(['(', ' ']).next().unwrap_or_default();
            let place = format!("column {}", show(name));
            let feature = format!("a column of type {name_of_type}");
            return Err(ERRORS.unsupported(place, feature).with_hint(LEAVE_OUT));
        }
    })
}

/// The rows of a batch.
fn read_batch(batch: &RecordBatch, builders: &mut [Builder], budget: &mut Budget) -> Result<()> {
    use DataType::*;
    for (array, builder) in batch.columns().iter().zip(builders) {
        macro_rules! numbers {
            ($kind:ty, $push:ident, $as:ty) => {{
                let array = array.as_primitive::<$kind>();
                for value in array.iter() {
                    match value {
                        Some(value) => builder.$push(<$as>::from(value))?,
                        None => builder.push_missing(),
                    }
                }
            }};
        }
        macro_rules! texts {
            ($texts:expr) => {
                for value in $texts {
                    match value {
                        Some(value) => builder.push_text(budget, value.as_bytes())?,
                        None => builder.push_missing(),
                    }
                }
            };
        }
        match array.data_type() {
            Null => (0..array.len()).for_each(|_| builder.push_missing()),
            Boolean => {
                for value in array.as_boolean() {
                    match value {
                        Some(value) => builder.push_boolean(value)?,
                        None => builder.push_missing(),
                    }
                }
            }
            Int8 => numbers!(Int8Type, push_integer, i128),
            Int16 => numbers!(Int16Type, push_integer, i128),
            Int32 => numbers!(Int32Type, push_integer, i128),
            Int64 => numbers!(Int64Type, push_integer, i128),
            UInt8 => numbers!(UInt8Type, push_integer, i128),
            UInt16 => numbers!(UInt16Type, push_integer, i128),
            UInt32 => numbers!(UInt32Type, push_integer, i128),
            UInt64 => numbers!(UInt64Type, push_integer, i128),
            Float32 => numbers!(Float32Type, push_float, f64),
            Float64 => numbers!(Float64Type, push_float, f64),
            Utf8 => texts!(array.as_string::<i32>()),
            LargeUtf8 => texts!(array.as_string::<i64>()),
            Utf8View => texts!(array.as_string_view()),
            Dictionary(keys, _) => {
                let dictionary = array.as_any_dictionary();
                let values = texts_of(dictionary.values().as_ref(), builder)?;
                macro_rules! by_key {
                    ($kind:ty) => {
                        for row in 0..array.len() {
                            let key = array.as_dictionary::<$kind>().key(row);
                            match key.map(|key| values.get(key)) {
                                None | Some(Some(None)) => builder.push_missing(),
                                Some(Some(Some(text))) => builder.push_text(budget, text.as_bytes())?,
                                Some(None) => {
                                    let expected = "a number of the dictionary's";
                                    return Err(ERRORS.malformed(builder.place(), expected, "a larger one"));
                                }
                            }
                        }
                    };
                }
                match **keys {
                    Int8 => by_key!(Int8Type),
                    Int16 => by_key!(Int16Type),
                    Int32 => by_key!(Int32Type),
                    Int64 => by_key!(Int64Type),
                    UInt8 => by_key!(UInt8Type),
                    UInt16 => by_key!(UInt16Type),
                    UInt32 => by_key!(UInt32Type),
                    UInt64 => by_key!(UInt64Type),
                    _ => return Err(ERRORS.malformed(builder.place(), "whole numbers as keys", "others")),
                }
            }
            other => return Err(ERRORS.malformed(builder.place(), "what the schema says", format!("{other:?}"))),
        }
    }
    Ok(())
}

/// The texts of a dictionary.
fn texts_of<'a>(values: &'a dyn Array, builder: &Builder) -> Result<Vec<Option<&'a str>>> {
    match values.data_type() {
        DataType::Utf8 => Ok(values.as_string::<i32>().iter().collect()),
        DataType::LargeUtf8 => Ok(values.as_string::<i64>().iter().collect()),
        other => Err(ERRORS.malformed(builder.place(), "texts in the dictionary", format!("{other:?}"))),
    }
}

fn not_a_buffer(place: &str, error: &str) -> FormatError {
    ERRORS.malformed(place, "a FlatBuffer", show(error))
}

/// What the crate says, in one line.
fn of_crate(error: ArrowError, place: &str) -> FormatError {
    ERRORS.malformed(place, "what Arrow describes", show(&error.to_string()))
}
