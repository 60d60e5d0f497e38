//! npy, one numpy array.
//!
//! ```text
//! file    = 93 "NUMPY" version length header data            exact length
//! version = 01 00 (length:u16)  |  02 00 or 03 00 (length:u32)       little-endian
//! header  = "{" pair ("," pair)* [","] "}" space* "\n"       length bytes, ASCII
//! pair    = "'descr':" string | "'fortran_order':" ("True" | "False") | "'shape':" "(" [int ("," int)* [","]] ")"
//! ```
//!
//! Source: NumPy Enhancement Proposal 1 and `numpy.lib.format`. The header is a Python literal there; here it
//! is the grammar above and nothing else. Objects (pickles), records, strings, complex numbers and float16 are refused.
//! Python 2 wrote lengths as `60000L`; that is read too.

mod rows;

pub use rows::Rows;

use crate::array::checked_count;
use crate::error::{Errors, Result, show};
use crate::scalar::{self, Kind};
use crate::{Array, Data, FormatError, sniff};

const ERRORS: Errors = Errors("npy");
const MAGIC: &[u8] = b"\x93NUMPY";
const MAX_HEADER: usize = 64 << 10;
const MAX_RANK: usize = 32;
/// numpy aligns the data to this many bytes, and leaves room for the first dimension to grow to so many digits.
const ALIGN: usize = 64;
const GROWTH_DIGITS: usize = 21;

/// Reads one array; Fortran order is transposed into row-major order.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let (begin, length) = prefix(bytes)?;
    let there = bytes.len() - begin;
    if length > there {
        return Err(ERRORS.truncated("header", length as u64, there as u64));
    }
    if length > MAX_HEADER {
        return Err(ERRORS.limit("header", MAX_HEADER as u64, format!("{length} bytes")));
    }
    let (header, data) = bytes[begin..].split_at(length);
    Header::parse(header, begin)?.read_data(data)
}

/// Where the header begins, and its length, from the first twelve bytes.
fn prefix(bytes: &[u8]) -> Result<(usize, usize)> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(FormatError::NotThisFormat {
            expected: "an npy file",
            found: sniff::describe(bytes),
            hint: "",
        });
    };
    let (begin, length) = match *rest {
        [1, 0, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
        [2 | 3, 0, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        [1, 0, ..] | [2 | 3, 0, ..] | [] | [_] => {
            return Err(ERRORS.truncated("header length", 12, bytes.len() as u64));
        }
        [major, minor, ..] => {
            let found = format!("{major}.{minor}");
            return Err(ERRORS.malformed("version at byte 6", "1.0, 2.0 or 3.0", found));
        }
    };
    Ok((begin, length))
}

/// Writes what `numpy.save` writes for `|u1`, `<i8` and `<f4`, byte for byte.
pub fn write(array: &Array) -> Vec<u8> {
    let descr = match array.data {
        Data::U8(_) => "|u1",
        Data::I64(_) => "<i8",
        Data::F32(_) => "<f4",
    };
    let dims = array.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let comma = if array.shape.len() == 1 { "," } else { "" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}{comma}), }}");
    if let Some(first) = array.shape.first() {
        header.push_str(&" ".repeat(GROWTH_DIGITS.saturating_sub(first.to_string().len())));
    }
    // Padded so that the data begins aligned; an aligned header still gets a whole block, as in numpy.
    let padded = |prefix: usize| header.len() + 1 + ALIGN - (prefix + header.len() + 1) % ALIGN;
    let mut out = MAGIC.to_vec();
    let length = if let Ok(length) = u16::try_from(padded(10)) {
        out.extend_from_slice(&[1, 0]);
        out.extend_from_slice(&length.to_le_bytes());
        usize::from(length)
    } else {
        let length = u32::try_from(padded(12)).expect("an array has fewer than 2^27 axes");
        out.extend_from_slice(&[2, 0]);
        out.extend_from_slice(&length.to_le_bytes());
        length as usize
    };
    out.extend_from_slice(header.as_bytes());
    out.resize(out.len() + length - header.len() - 1, b' ');
    out.push(b'\n');
    match &array.data {
        Data::U8(values) => out.extend_from_slice(values),
        Data::I64(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Data::F32(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
    }
    out
}

/// The three entries of the header.
struct Header {
    kind: Kind,
    big_endian: bool,
    fortran: bool,
    shape: Vec<usize>,
    count: usize,
}

impl Header {
    /// Parses the header, which begins at byte `begin` of the file.
    fn parse(header: &[u8], begin: usize) -> Result<Self> {
        if header.last() != Some(&b'\n') {
            return Err(ERRORS.malformed("end of header", "a newline", "none"));
        }
        let mut parser = Parser { text: header, at: 0, begin };
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        parser.expect(b'{')?;
        while !parser.accept(b'}') {
            let at = parser.begin + parser.at;
            let key = parser.string()?;
            parser.expect(b':')?;
            let twice = match key {
                "descr" => descr.replace(parser.descr()?).is_some(),
                "fortran_order" => fortran.replace(parser.boolean()?).is_some(),
                "shape" => shape.replace(parser.shape()?).is_some(),
                _ => {
                    let expected = "the keys `descr`, `fortran_order` and `shape`";
                    return Err(ERRORS.malformed(format!("header at byte {at}"), expected, show(key)));
                }
            };
            if twice {
                return Err(ERRORS.malformed(format!("header at byte {at}"), "every key once", show(key)));
            }
            if !parser.accept(b',') {
                parser.expect(b'}')?;
                break;
            }
        }
        parser.skip_space();
        if parser.at != header.len() {
            return Err(parser.unexpected("nothing behind the `}`"));
        }
        let (Some((kind, big_endian)), Some(fortran), Some(dims)) = (descr, fortran, shape) else {
            return Err(ERRORS.malformed(
                "header",
                "the keys `descr`, `fortran_order` and `shape`",
                "only some of them",
            ));
        };
        let sizes = checked_count(&dims).filter(|&(_, count)| count.checked_mul(kind.size()).is_some());
        let Some((shape, count)) = sizes else {
            return Err(ERRORS.malformed(
                "shape",
                "a product of dimensions below 2^64 bytes",
                format!("{dims:?}"),
            ));
        };
        Ok(Self { kind, big_endian, fortran, shape, count })
    }

    /// Whether there are as many bytes of data as the shape says.
    fn check_length(&self, found: u64) -> Result<()> {
        let expected = (self.count * self.kind.size()) as u64;
        if found < expected {
            return Err(ERRORS.truncated(format!("data of shape {:?}", self.shape), expected, found));
        }
        if found > expected {
            return Err(ERRORS.malformed(
                "end of file",
                format!("{expected} bytes of data and nothing behind them"),
                format!("{} bytes behind them", found - expected),
            ));
        }
        Ok(())
    }

    fn read_data(self, data: &[u8]) -> Result<Array> {
        self.check_length(data.len() as u64)?;
        let data = scalar::decode(self.kind, self.big_endian, data, ERRORS, "data")?;
        let data = if self.fortran && self.shape.len() > 1 {
            match data {
                Data::U8(values) => Data::U8(to_row_major(&self.shape, &values)?),
                Data::I64(values) => Data::I64(to_row_major(&self.shape, &values)?),
                Data::F32(values) => Data::F32(to_row_major(&self.shape, &values)?),
            }
        } else {
            data
        };
        Array::new(self.shape, data)
    }
}

/// Column-major values of `shape` in row-major order.
fn to_row_major<T: Copy>(shape: &[usize], values: &[T]) -> Result<Vec<T>> {
    let mut out = scalar::reserve(values.len(), ERRORS, "data")?;
    // Column-major strides: axis 0 is the fastest. Products of axes behind a zero axis are never used.
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1usize;
    for &dim in shape {
        strides.push(stride);
        stride = stride.saturating_mul(dim);
    }
    let mut index = vec![0usize; shape.len()];
    let mut at = 0;
    for _ in 0..values.len() {
        out.push(values[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    Ok(out)
}

/// The header's text and how far it is read. No recursion: nothing in the grammar nests.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the text begins in the file.
    begin: usize,
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.accept(byte) { Ok(()) } else { Err(self.unexpected(format!("`{}`", char::from(byte)))) }
    }

    fn unexpected(&mut self, expected: impl Into<String>) -> FormatError {
        let found = match self.peek() {
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(byte)),
            Some(byte) => format!("byte {byte:02x}"),
            None => "the end of the header".to_owned(),
        };
        ERRORS.malformed(format!("header at byte {}", self.begin + self.at), expected, found)
    }

    /// A quoted ASCII string without escapes.
    fn string(&mut self) -> Result<&'a str> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return Err(self.unexpected("a quoted string")),
        };
        let body = &self.text[self.at + 1..];
        let end = body.iter().position(|&byte| byte == quote || byte == b'\\' || !(b' '..=b'~').contains(&byte));
        match end {
            Some(end) if body[end] == quote => {
                self.at += end + 2;
                Ok(core::str::from_utf8(&body[..end]).unwrap_or_default())
            }
            _ => Err(self.unexpected("a quoted ASCII string without escapes")),
        }
    }

    fn descr(&mut self) -> Result<(Kind, bool)> {
        if self.peek() == Some(b'[') {
            return Err(ERRORS.unsupported("dtype", "structured arrays"));
        }
        let descr = self.string()?;
        let (order, name) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), name @ ..] => (*order, name),
            name => (b'|', name),
        };
        let kind = match name {
            b"b1" => Kind::Bool,
            b"u1" => Kind::Int { bytes: 1, signed: false },
            b"u2" => Kind::Int { bytes: 2, signed: false },
            b"u4" => Kind::Int { bytes: 4, signed: false },
            b"u8" => Kind::Int { bytes: 8, signed: false },
            b"i1" => Kind::Int { bytes: 1, signed: true },
            b"i2" => Kind::Int { bytes: 2, signed: true },
            b"i4" => Kind::Int { bytes: 4, signed: true },
            b"i8" => Kind::Int { bytes: 8, signed: true },
            b"f4" => Kind::F32,
            b"f8" => Kind::F64,
            [b'O', ..] => {
                let error =
                    ERRORS.unsupported("dtype", "object arrays refused: they are pickles, which are programs");
                return Err(error.with_hint("save numbers: np.save(path, np.asarray(a, dtype=\"float32\"))"));
            }
            _ => {
                let feature = format!("dtype {}", show(descr));
                return Err(ERRORS
                    .unsupported("dtype", feature)
                    .with_hint("save it as uint8, int64 or float32: np.save(path, a.astype(\"float32\"))"));
            }
        };
        if kind.size() > 1 && order != b'<' && order != b'>' {
            return Err(ERRORS.malformed("dtype", "a byte order `<` or `>`", show(descr)));
        }
        Ok((kind, order == b'>'))
    }

    fn boolean(&mut self) -> Result<bool> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let (word, value) = if rest.starts_with(b"True") { (4, true) } else { (5, false) };
        if !value && !rest.starts_with(b"False") {
            return Err(self.unexpected("True or False"));
        }
        self.at += word;
        Ok(value)
    }

    fn shape(&mut self) -> Result<Vec<u64>> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while !self.accept(b')') {
            if shape.len() == MAX_RANK {
                return Err(ERRORS.limit("shape", MAX_RANK as u64, "more axes"));
            }
            shape.push(self.dimension()?);
            if !self.accept(b',') {
                if shape.len() == 1 {
                    return Err(self.unexpected("`,` as in (3,)"));
                }
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn dimension(&mut self) -> Result<u64> {
        let mut value = 0u64;
        let mut digits = 0;
        self.skip_space();
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            let next = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
            let Some(next) = next else {
                return Err(self.unexpected("a dimension below 2^64"));
            };
            value = next;
            digits += 1;
            self.at += 1;
        }
        if digits == 0 {
            return Err(self.unexpected("a dimension: an integer of 0 or more"));
        }
        if self.text.get(self.at) == Some(&b'L') {
            self.at += 1;
        }
        Ok(value)
    }
}
