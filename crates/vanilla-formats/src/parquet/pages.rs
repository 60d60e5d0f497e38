//! The pages of a column chunk, each decompressed to no more than its header says, and that to no more than it may.
//!
//! ```text
//! chunk    = dictionary? page*
//! page     = header bytes            header: PageHeader in Thrift's compact protocol
//! V1 bytes = compressed (levels values)
//! V2 bytes = levels compressed (values)
//! ```

use super::ERRORS;
use super::thrift::Thrift;
use crate::columnar::Budget;
use crate::error::{FormatError, Result};
use crate::gzip;
use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::ParquetError;
use bytes::Bytes;
use std::io::Read;
use std::sync::{Arc, Mutex};

/// The most that three bytes of Snappy's can become.
const SNAPPY_EXPANSION: usize = 64;

/// The most values of a dictionary; writers stop at a megabyte or so.
const MAX_DICTIONARY: u32 = 1 << 22;

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Snappy,
    Gzip,
    Zstd,
}

/// Reads pages one after another.
pub(super) struct Pages {
    /// What is left of the chunk.
    pub(super) chunk: Bytes,
    pub(super) codec: Codec,
    /// Values that the pages to come may have.
    pub(super) values_left: u64,
    /// Where the chunk is, for people.
    pub(super) place: String,
    pub(super) budget: Arc<Mutex<Budget>>,
    pub(super) had_dictionary: bool,
    /// Whether values may be null, so that pages hold levels.
    pub(super) nullable: bool,
    /// Whether values are texts, which have their lengths ahead.
    pub(super) texts: bool,
}

impl Pages {
    fn next_page(&mut self) -> Result<Option<Page>> {
        while self.values_left > 0 {
            if self.chunk.is_empty() {
                let found = format!("{} values fewer", self.values_left);
                return Err(ERRORS.malformed(&*self.place, "a value for every row", found));
            }
            if let Some(page) = self.page()? {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// The page that comes next; `None` where it holds an index.
    fn page(&mut self) -> Result<Option<Page>> {
        let wrong = |expected: &str, found: String| ERRORS.malformed(&*self.place, expected, found);
        let mut kept: [Option<[Option<i64>; 12]>; 9] = [None; 9];
        let mut numbers = [0_i64; 4];
        let mut thrift = Thrift::new(&self.chunk);
        let read = thrift.fields(0, &mut |thrift, id, kind| {
            match (id, kind) {
                (1..=3, 5) => numbers[id as usize] = thrift.zigzag()?,
                (5 | 7 | 8, 12) => kept[id as usize] = Some(thrift.numbers(1)?),
                _ => return Some(false),
            }
            Some(true)
        });
        let begin = thrift.position();
        read.ok_or_else(|| wrong("a page header", "none".into()))?;
        let [_, kind, unpacked, packed] = numbers;
        let there = self.chunk.len() - begin;
        let (Ok(unpacked), Ok(packed)) = (usize::try_from(unpacked), usize::try_from(packed)) else {
            return Err(wrong("sizes of a page", format!("{packed} and {unpacked}")));
        };
        if packed > there {
            return Err(ERRORS.truncated(format!("{}, page", self.place), packed as u64, there as u64));
        }
        let packed = self.chunk.slice(begin..begin + packed);
        self.chunk = self.chunk.slice(begin + packed.len()..);
        if kind == 1 {
            return Ok(None);
        }
        let wrong = |expected: &str, found: String| ERRORS.malformed(&*self.place, expected, found);
        let (place, kept) = match kind {
            0 => (5, kept[5]),
            2 => (7, kept[7]),
            3 => (8, kept[8]),
            other => return Err(wrong("a page of type 0 to 3", other.to_string())),
        };
        let kept = kept.ok_or_else(|| wrong("a page header", format!("none for type {kind}")))?;
        let number = |id: usize| -> Result<u32> {
            let value = kept[id].unwrap_or(-1);
            u32::try_from(value).map_err(|_| wrong("a count in a page header", value.to_string()))
        };
        let count = number(1)?;
        if place != 7 {
            let left = self.values_left.checked_sub(count.into());
            self.values_left =
                left.ok_or_else(|| wrong("no more values than rows", format!("a page with {count}")))?;
        }
        let encoding = self.encoding(kept[if place == 8 { 4 } else { 2 }])?;
        if place != 7
            && !self.had_dictionary
            && matches!(encoding, Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY)
        {
            return Err(wrong("a dictionary ahead of the page", "none".into()));
        }
        match place {
            5 => {
                // The encoding of levels that are not there may be any.
                if self.nullable && kept[3] != Some(3) {
                    let error = ERRORS.unsupported(&*self.place, "levels in another encoding than RLE");
                    return Err(error.with_hint(AGAIN));
                }
                let buf = self.unpack(&packed, unpacked)?;
                let (levels, present) = match self.nullable {
                    true => self.measured(&buf, "levels", count)?,
                    false => (0, count),
                };
                let buf = self.values(buf, levels, encoding, present)?;
                Ok(Some(Page::DataPage {
                    buf,
                    num_values: count,
                    encoding,
                    def_level_encoding: Encoding::RLE,
                    rep_level_encoding: Encoding::RLE,
                    statistics: None,
                }))
            }
            7 => {
                let buf = self.unpack(&packed, unpacked)?;
                // A number takes four bytes at least, and a text's length as many.
                if count > MAX_DICTIONARY {
                    let place = format!("{}, dictionary", self.place);
                    return Err(ERRORS.limit(place, MAX_DICTIONARY.into(), count.to_string()));
                }
                if self.had_dictionary || u64::from(count) * 4 > buf.len() as u64 {
                    let found = format!("one more with {count} values in {} bytes", buf.len());
                    return Err(wrong("one dictionary", found));
                }
                if self.texts {
                    self.texts(&buf, count)?;
                }
                self.had_dictionary = true;
                Ok(Some(Page::DictionaryPage { buf, num_values: count, encoding, is_sorted: false }))
            }
            _ => {
                let (nulls, rows, definitions, repetitions) = (number(2)?, number(3)?, number(5)?, number(6)?);
                let levels = u64::from(definitions) + u64::from(repetitions);
                if nulls > count || rows != count || levels > packed.len().min(unpacked) as u64 {
                    let found = format!("{nulls} nulls, {rows} rows, {levels} bytes of levels");
                    return Err(wrong(&format!("a page of {count} values"), found));
                }
                let is_compressed = kept[7] != Some(0) && self.codec != Codec::None;
                let buf = if is_compressed {
                    let levels = levels as usize;
                    let values = self.unpack(&packed.slice(levels..), unpacked - levels)?;
                    [&packed[..levels], &values].concat().into()
                } else {
                    packed
                };
                let present = match self.nullable {
                    true => self.bits(&buf[repetitions as usize..levels as usize], count)?,
                    false => count,
                };
                if present != count - nulls {
                    return Err(wrong(&format!("{nulls} nulls"), format!("{} in the levels", count - present)));
                }
                let buf = self.values(buf, levels as usize, encoding, present)?;
                Ok(Some(Page::DataPageV2 {
                    buf,
                    num_values: count,
                    encoding,
                    num_nulls: nulls,
                    num_rows: rows,
                    def_levels_byte_len: definitions,
                    rep_levels_byte_len: repetitions,
                    is_compressed: false,
                    statistics: None,
                }))
            }
        }
    }

    /// The length of a part that has its length ahead, with it, and how many ones are among its bits.
    fn measured(&self, bytes: &[u8], part: &str, count: u32) -> Result<(usize, u32)> {
        let place = || format!("{}, {part} of a page", self.place);
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(ERRORS.truncated(place(), 4, bytes.len() as u64));
        };
        let length = u32::from_le_bytes(*length) as usize;
        let runs =
            rest.get(..length).ok_or_else(|| ERRORS.truncated(place(), length as u64, rest.len() as u64))?;
        Ok((4 + length, self.bits(runs, count)?))
    }

    /// A page whose `count` values, from a byte on, are there as far as the crate's decoders trust it.
    fn values(&self, page: Bytes, from: usize, encoding: Encoding, count: u32) -> Result<Bytes> {
        let values = &page[from..];
        match encoding {
            Encoding::RLE => _ = self.measured(values, "values", count)?,
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY if !values.is_empty() => {
                if values[0] > 32 {
                    let found = format!("{} bits", values[0]);
                    return Err(ERRORS.malformed(&*self.place, "indices of at most 32 bits", found));
                }
                let missing = self.runs(&values[1..], values[0].into(), |_, _| {})?;
                if missing > 0 {
                    return Ok([&page[..], &vec![0; missing]].concat().into());
                }
            }
            Encoding::PLAIN if self.texts => self.texts(values, count)?,
            _ => {}
        }
        Ok(page)
    }

    /// Whether so many texts are there, each with its length ahead in four bytes.
    fn texts(&self, bytes: &[u8], count: u32) -> Result<()> {
        let mut left = bytes;
        for _ in 0..count {
            let rest = left
                .split_first_chunk::<4>()
                .and_then(|(length, rest)| rest.get(u32::from_le_bytes(*length) as usize..));
            left = rest.ok_or_else(|| {
                let found = format!("{} bytes at the end", left.len());
                ERRORS.malformed(&*self.place, format!("{count} texts with their lengths"), found)
            })?;
        }
        Ok(())
    }

    /// How many ones are among the first `count` bits in runs, of which there must be as many.
    fn bits(&self, bytes: &[u8], count: u32) -> Result<u32> {
        let (mut left, mut ones) = (u64::from(count), 0_u64);
        let missing = self.runs(bytes, 1, |run, part| match run {
            Some(run) => {
                let run = run.min(left);
                left -= run;
                ones += if part[0] & 1 == 1 { run } else { 0 };
            }
            None => {
                for byte in part {
                    let bits = left.min(8) as u32;
                    left -= u64::from(bits);
                    ones += u64::from((u32::from(*byte) & ((1 << bits) - 1)).count_ones());
                }
            }
        })?;
        if missing > 0 || left > 0 {
            let found = format!("{} fewer", left.max(missing as u64));
            return Err(ERRORS.malformed(&*self.place, format!("{count} levels or booleans"), found));
        }
        Ok(ones as u32)
    }

    /// Walks through runs of numbers of so many bits, each given to `see` as its length, where one value is repeated,
    /// and its bytes. Says how many bytes are missing at the end: less than a group of eight numbers may be, since
    /// some writers leave out of the last one what no value needs.
    ///
    /// ```text
    /// runs = run*
    /// run  = varint(count << 1) value  |  varint(groups << 1 | 1) bytes     eight numbers in `bits` bytes a group
    /// ```
    fn runs(&self, bytes: &[u8], bits: usize, mut see: impl FnMut(Option<u64>, &[u8])) -> Result<usize> {
        let mut left = bytes;
        while !left.is_empty() {
            let mut thrift = Thrift::new(left);
            let head = thrift.varint().filter(|head| *head <= u64::from(u32::MAX)).ok_or_else(|| {
                ERRORS.malformed(&*self.place, "runs of values", format!("{} other bytes", left.len()))
            })?;
            left = &left[thrift.position()..];
            let (run, takes) = match head & 1 {
                0 => (Some(head >> 1), bits.div_ceil(8) as u64),
                _ => (None, (head >> 1) * bits as u64),
            };
            let there = left.len() as u64;
            if takes <= there {
                let (part, rest) = left.split_at(takes as usize);
                see(run, part);
                left = rest;
            } else if run.is_none() && takes - there < bits as u64 {
                return Ok((takes - there) as usize);
            } else {
                return Err(ERRORS.truncated(format!("{}, run of values", self.place), takes, there));
            }
        }
        Ok(0)
    }

    fn encoding(&self, number: Option<i64>) -> Result<Encoding> {
        let refuse = |name: &str| {
            let error = ERRORS.unsupported(&*self.place, format!("values in the encoding {name}"));
            Err(error.with_hint(AGAIN))
        };
        Ok(match number {
            Some(0) => Encoding::PLAIN,
            Some(2) => Encoding::PLAIN_DICTIONARY,
            Some(3) => Encoding::RLE,
            Some(8) => Encoding::RLE_DICTIONARY,
            // The crate's decoders of these trust the counts and lengths in them; few writers use them unasked.
            Some(5) => return refuse("DELTA_BINARY_PACKED"),
            Some(6) => return refuse("DELTA_LENGTH_BYTE_ARRAY"),
            Some(7) => return refuse("DELTA_BYTE_ARRAY"),
            Some(9) => return refuse("BYTE_STREAM_SPLIT"),
            other => {
                let other = other.map_or("none".into(), |other| other.to_string());
                return Err(ERRORS.malformed(&*self.place, "an encoding", other));
            }
        })
    }

    /// Bytes of a page as they were before they were compressed.
    fn unpack(&self, packed: &Bytes, size: usize) -> Result<Bytes> {
        let wrong = |found: String| ERRORS.malformed(&*self.place, format!("a page of {size} bytes"), found);
        if self.codec == Codec::None {
            return if packed.len() == size {
                Ok(packed.clone())
            } else {
                Err(wrong(format!("{} bytes", packed.len())))
            };
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.budget.lock() {
            Ok(mut budget) => budget.unpack(&self.place, size as u64)?,
            Err(_) => return Err(wrong("an earlier error".into())),
        }
        let out = match self.codec {
            Codec::None => packed.to_vec(),
            Codec::Snappy => {
                let says = snap::raw::decompress_len(packed).map_err(|error| wrong(error.to_string()))?;
                if says != size || size > packed.len().saturating_mul(SNAPPY_EXPANSION) {
                    return Err(wrong(format!("{says} bytes from {} of Snappy's", packed.len())));
                }
                snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| wrong(error.to_string()))?
            }
            Codec::Gzip => gzip::decompress(packed, size).map_err(|error| error.inside(&self.place))?,
            Codec::Zstd => {
                let mut out = Vec::new();
                let mut decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(
                    &packed[..],
                    (size as u64).next_power_of_two().max(1 << 23),
                )
                .map_err(|error| wrong(error.to_string()))?;
                let limit = size as u64 + 1;
                decoder.by_ref().take(limit).read_to_end(&mut out).map_err(|error| wrong(error.to_string()))?;
                out
            }
        };
        if out.len() == size { Ok(out.into()) } else { Err(wrong(format!("{} bytes", out.len()))) }
    }
}

/// The way out where a file is written as few programs write it.
pub(super) const AGAIN: &str = "write it again with the writer's defaults, as pandas' to_parquet has them";

impl Iterator for Pages {
    type Item = ::parquet::errors::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ::parquet::errors::Result<Option<Page>> {
        self.next_page().map_err(|error: FormatError| ParquetError::External(Box::new(error)))
    }

    fn peek_next_page(&mut self) -> ::parquet::errors::Result<Option<PageMetadata>> {
        Ok(None)
    }

    fn skip_next_page(&mut self) -> ::parquet::errors::Result<()> {
        Err(ParquetError::NYI("pages are not skipped".into()))
    }
}
