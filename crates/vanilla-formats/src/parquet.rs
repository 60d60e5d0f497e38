//! Parquet: flat tables, read column by column.
//!
//! ```text
//! file   = "PAR1" chunk* footer length "PAR1"      length: u32, little-endian, of the footer
//! footer = FileMetaData                            in Thrift's compact protocol
//! chunk  = the pages of one column in one row group
//! ```
//!
//! Source: `parquet.thrift` and `README.md` of Apache Parquet's format. Whole numbers of up to 64 bits, floats,
//! booleans and texts are read, each value or null; compressed with nothing, Snappy, gzip or zstd. Nested, binary and
//! encrypted columns, decimals, dates and times are refused.
//!
//! The footer is walked here before the `parquet` crate parses it, so that its schema is flat and every list as long
//! as it says; the pages are cut and decompressed here (`pages.rs`), and only the values in them are decoded by the
//! crate's column readers.

mod pages;
mod thrift;

use crate::FormatError;
use crate::columnar::{Budget, Builder, Columnar, LEAVE_OUT, Native, finish};
use crate::error::{Errors, Result, show};
use crate::sniff;
use crate::table::Kind;
use ::parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader};
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;
use pages::{AGAIN, Codec, Pages};
use std::sync::{Arc, Mutex};
use thrift::Thrift;

const ERRORS: Errors = Errors("Parquet");
const MAGIC: &[u8] = b"PAR1";
/// The most bytes of a footer: that of 100 columns in 100 row groups has about a megabyte.
const MAX_FOOTER: usize = 16 << 20;
/// The most row groups.
const MAX_GROUPS: usize = 1 << 16;
/// Values that are decoded at once.
const STEP: usize = 4096;

/// Reads a whole table; `kinds` are columns that must hold this, whatever type they have.
///
/// # Errors
/// When the bytes are no Parquet file, have no row, a column of a type that is not read, or numbers that are none.
pub fn read(bytes: &[u8], kinds: &[(String, Kind)]) -> Result<Columnar> {
    let footer = footer(bytes)?;
    check_footer(footer)?;
    let metadata = ParquetMetaDataReader::decode_metadata(footer).map_err(|error| of_crate(error, "footer"))?;
    let schema = metadata.file_metadata().schema_descr();
    let rows = metadata.file_metadata().num_rows();
    let in_groups = metadata.row_groups().iter().try_fold(0_i64, |sum, group| sum.checked_add(group.num_rows()));
    if rows < 0 || in_groups != Some(rows) || metadata.row_groups().iter().any(|group| group.num_rows() < 0) {
        let found = in_groups.map_or("another number".into(), |sum| sum.to_string());
        return Err(ERRORS.malformed("row groups", format!("{rows} rows"), found));
    }
    let budget = Budget::of(ERRORS, bytes.len());
    budget.check_size(schema.num_columns(), rows as u64)?;
    let budget = Arc::new(Mutex::new(budget));
    let mut builders = Vec::with_capacity(schema.num_columns());
    // Chunks do not overlap, so that no bytes are read again and again.
    let mut left = bytes.len();
    for (i, column) in schema.columns().iter().enumerate() {
        let native = native(column)?;
        let mut builder = Builder::new(ERRORS, column.name(), native, kinds)?;
        for (g, group) in metadata.row_groups().iter().enumerate() {
            let place = format!("row group {g}, column {}", show(column.name()));
            let chunk = group
                .columns()
                .get(i)
                .ok_or_else(|| ERRORS.malformed(&*place, "a chunk for every column", "none"))?;
            let part = chunk_bytes(bytes, chunk, &place)?;
            left = left.checked_sub(part.len()).ok_or_else(|| {
                let found = format!("{} bytes more", part.len());
                ERRORS.malformed(&*place, "chunks that do not overlap", found)
            })?;
            let pages = Pages {
                chunk: Bytes::copy_from_slice(part),
                codec: codec(chunk, &place)?,
                values_left: group.num_rows() as u64,
                place: place.clone(),
                budget: budget.clone(),
                had_dictionary: false,
                nullable: column.max_def_level() > 0,
                texts: column.physical_type() == Type::BYTE_ARRAY,
            };
            if chunk.num_values() != group.num_rows() {
                let found = chunk.num_values().to_string();
                return Err(ERRORS.malformed(place, format!("{} values", group.num_rows()), found));
            }
            let before = builder.rows();
            let reader = get_column_reader(column.clone(), Box::new(pages));
            let nullable = column.max_def_level() > 0;
            read_chunk(reader, native, nullable, is_unsigned(column), &budget, &mut builder, &place)?;
            let found = builder.rows() - before;
            if found as i64 != group.num_rows() {
                return Err(ERRORS.malformed(place, format!("{} values", group.num_rows()), found.to_string()));
            }
        }
        builders.push(builder);
    }
    finish(ERRORS, builders, rows as usize)
}

/// The footer's bytes.
fn footer(bytes: &[u8]) -> Result<&[u8]> {
    if !bytes.starts_with(MAGIC) {
        let found = sniff::describe(bytes);
        return Err(FormatError::NotThisFormat { expected: "a Parquet file", found, hint: "" });
    }
    let Some((rest, end)) = bytes.split_at_checked(bytes.len().saturating_sub(8)).filter(|_| bytes.len() >= 12)
    else {
        return Err(ERRORS.truncated("file", 12, bytes.len() as u64));
    };
    if &end[4..] != MAGIC {
        let found = show(&String::from_utf8_lossy(&end[4..]));
        let error = ERRORS.malformed("end of the file", "`PAR1`", found);
        return Err(error.with_hint("the file is incomplete: fetch or write it again"));
    }
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    if length > MAX_FOOTER {
        return Err(ERRORS.limit("footer", MAX_FOOTER as u64, format!("{length} bytes")));
    }
    let there = rest.len() - MAGIC.len();
    if length > there {
        return Err(ERRORS.truncated("footer", length as u64, there as u64));
    }
    Ok(&rest[rest.len() - length..])
}

/// Whether the footer is a struct whose schema is a list of columns.
fn check_footer(footer: &[u8]) -> Result<()> {
    let mut wrong = None;
    let mut elements = 0_usize;
    let read = Thrift::new(footer).fields(0, &mut |thrift, id, kind| {
        match (id, kind) {
            (2, 9) => {
                let (12, size) = thrift.list()? else { return None };
                for element in 0..size {
                    let (mut name, mut repeated, mut children) = (&[][..], false, 0);
                    thrift.fields(1, &mut |thrift, id, kind| {
                        match (id, kind) {
                            (3, 5) => repeated = thrift.zigzag()? == 2,
                            (4, 8) => name = thrift.binary()?,
                            (5, 5) => children = thrift.zigzag()?,
                            _ => return Some(false),
                        }
                        Some(true)
                    })?;
                    let nested = element > 0 && (children != 0 || repeated);
                    if nested && wrong.is_none() {
                        let column = format!("column {}", show(&String::from_utf8_lossy(name)));
                        let feature = "a nested column (a list, a map or a struct)";
                        wrong = Some(ERRORS.unsupported(column, feature).with_hint(LEAVE_OUT));
                    }
                }
                elements += size;
            }
            (4, 9) => {
                let (12, size) = thrift.list()? else { return None };
                if size > MAX_GROUPS && wrong.is_none() {
                    wrong = Some(ERRORS.limit("row groups", MAX_GROUPS as u64, size.to_string()));
                }
                for _ in 0..size {
                    thrift.fields(1, &mut |_, _, _| Some(false))?;
                }
            }
            _ => return Some(false),
        }
        Some(true)
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    match read {
        Some(()) if elements > 1 => Ok(()),
        Some(()) => Err(ERRORS.malformed("schema", "at least one column", "none")),
        None => Err(ERRORS.malformed("footer", "FileMetaData in Thrift's compact protocol", "other bytes")),
    }
}

/// The bytes of a chunk.
fn chunk_bytes<'a>(bytes: &'a [u8], chunk: &ColumnChunkMetaData, place: &str) -> Result<&'a [u8]> {
    if chunk.file_path().is_some() {
        return Err(ERRORS.unsupported(place, "values in another file").with_hint(AGAIN));
    }
    let data = chunk.data_page_offset();
    let begin = chunk.dictionary_page_offset().filter(|offset| (1..data).contains(offset)).unwrap_or(data);
    let size = chunk.compressed_size();
    let part = usize::try_from(begin)
        .ok()
        .zip(usize::try_from(size).ok())
        .and_then(|(begin, size)| bytes.get(begin.max(MAGIC.len())..begin.checked_add(size)?.max(MAGIC.len())));
    part.ok_or_else(|| {
        let found = format!("{size} bytes at byte {begin}");
        ERRORS.malformed(place, format!("a part of the file's {} bytes", bytes.len()), found)
    })
}

fn codec(chunk: &ColumnChunkMetaData, place: &str) -> Result<Codec> {
    Ok(match chunk.compression() {
        Compression::UNCOMPRESSED => Codec::None,
        Compression::SNAPPY => Codec::Snappy,
        Compression::GZIP(_) => Codec::Gzip,
        Compression::ZSTD(_) => Codec::Zstd,
        other => {
            let name = format!("{other:?}");
            let name = name.split('(').next().unwrap_or_default();
            let error = ERRORS.unsupported(place, format!("{name} compression"));
            return Err(error.with_hint("write it with compression=\"snappy\", \"gzip\" or \"zstd\""));
        }
    })
}

/// What a column holds.
fn native(column: &ColumnDescriptor) -> Result<Native> {
    let refuse = |what: String| {
        let place = format!("column {}", show(column.name()));
        Err(ERRORS.unsupported(place, what).with_hint(LEAVE_OUT))
    };
    let (kind, logical) = (column.physical_type(), column.logical_type_ref());
    match logical {
        Some(LogicalType::Unknown) => return Ok(Native::Nothing),
        None | Some(LogicalType::Integer(_) | LogicalType::String | LogicalType::Enum | LogicalType::Json) => {}
        Some(other) => {
            let name = format!("{other:?}");
            return refuse(format!("a column of type {}", name.split(['(', ' ', '{']).next().unwrap_or_default()));
        }
    }
    let converted = column.converted_type();
    match converted {
        ConvertedType::DECIMAL
        | ConvertedType::DATE
        | ConvertedType::TIME_MILLIS
        | ConvertedType::TIME_MICROS
        | ConvertedType::TIMESTAMP_MILLIS
        | ConvertedType::TIMESTAMP_MICROS
        | ConvertedType::INTERVAL
        | ConvertedType::BSON => return refuse(format!("a column of type {converted:?}")),
        _ => {}
    }
    let is_text =
        logical.is_some() || matches!(converted, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON);
    match kind {
        Type::BOOLEAN => Ok(Native::Boolean),
        Type::INT32 | Type::INT64 => Ok(Native::Integer),
        Type::FLOAT | Type::DOUBLE => Ok(Native::Float),
        Type::BYTE_ARRAY if is_text => Ok(Native::Text),
        Type::BYTE_ARRAY => refuse("a column of bytes that are not said to be text".into()),
        _ => refuse(format!("a column of type {kind:?}")),
    }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(integer)) if !integer.is_signed)
        || matches!(
            column.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        )
}

/// All values of a chunk.
fn read_chunk(
    reader: ColumnReader,
    native: Native,
    nullable: bool,
    unsigned: bool,
    budget: &Mutex<Budget>,
    builder: &mut Builder,
    place: &str,
) -> Result<()> {
    if native == Native::Nothing {
        // Whatever its physical type is, the values are null.
        return match reader {
            ColumnReader::Int32ColumnReader(reader) => each(reader, nullable, builder, place, not_null),
            ColumnReader::ByteArrayColumnReader(reader) => each(reader, nullable, builder, place, not_null),
            _ => Err(ERRORS.unsupported(place, "a column of nulls of this type").with_hint(LEAVE_OUT)),
        };
    }
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &bool| builder.push_boolean(*value))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &i32| {
                builder.push_integer(if unsigned { i128::from(*value as u32) } else { i128::from(*value) })
            })
        }
        ColumnReader::Int64ColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &i64| {
                builder.push_integer(if unsigned { i128::from(*value as u64) } else { i128::from(*value) })
            })
        }
        ColumnReader::FloatColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &f32| builder.push_float(f64::from(*value)))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &f64| builder.push_float(*value))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            each(reader, nullable, builder, place, |builder, value: &ByteArray| {
                let locked = budget.lock();
                let mut budget = locked.map_err(|_| ERRORS.malformed(place, "texts", "an earlier error"))?;
                builder.push_text(&mut budget, value.data())
            })
        }
        _ => Err(ERRORS.unsupported(place, "a column of this type").with_hint(LEAVE_OUT)),
    }
}

fn not_null<T>(builder: &mut Builder, _: &T) -> Result<()> {
    Err(ERRORS.malformed(builder.place(), "a null", "a value"))
}

/// Gives every value of a chunk to `push`, and the nulls between them to the builder.
fn each<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    nullable: bool,
    builder: &mut Builder,
    place: &str,
    mut push: impl FnMut(&mut Builder, &T::T) -> Result<()>,
) -> Result<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (records, _, _) = reader
            .read_records(STEP, Some(&mut levels), None, &mut values)
            .map_err(|error| of_crate(error, place))?;
        if records == 0 {
            return Ok(());
        }
        if !nullable {
            values.iter().try_for_each(|value| push(builder, value))?;
            continue;
        }
        let mut values = values.iter();
        for level in &levels {
            match (level, values.len()) {
                (0, _) => builder.push_missing(),
                (_, 0) => return Err(ERRORS.malformed(place, "a value for every row that has one", "fewer")),
                _ => values.next().map_or(Ok(()), |value| push(builder, value))?,
            }
        }
    }
}

/// What the crate says, in one line; an error that went through it comes out as it was.
fn of_crate(error: ParquetError, place: &str) -> FormatError {
    match error {
        ParquetError::External(error) => match error.downcast::<FormatError>() {
            Ok(error) => *error,
            Err(error) => ERRORS.malformed(place, "values of the column", show(&error.to_string())),
        },
        error => ERRORS.malformed(place, "what Parquet describes", show(&error.to_string())),
    }
}
