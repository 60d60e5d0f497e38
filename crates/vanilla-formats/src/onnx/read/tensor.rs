//! Tensors: shape and type first, then the elements, which are there or the file is refused.

use super::{ERRORS, EXTERNAL, Reader, element_type, int, integers, message, name_or_nothing, numbers32, once};
use super::{text, with_name, wrong_type};
use crate::array::checked_count;
use crate::error::Result;
use crate::onnx::{DType, MAX_RANK, Tensor, Values};
use crate::protobuf::{Fields, Wire};
use crate::scalar;

impl Reader {
    pub(super) fn tensor(&mut self, bytes: &[u8], place: &str) -> Result<Tensor> {
        let place = &with_name(bytes, 8, place);
        let (mut name, mut dtype, mut raw) = (None, None, None);
        let mut dims = Vec::new();
        // The elements' field, and how many there are at most: they are read when shape and type are known.
        let mut elements: Option<(u64, usize)> = None;
        let mut fields = Fields::new(bytes, ERRORS);
        while let Some((field, wire)) = fields.next(place)? {
            match field {
                1 => match wire {
                    Wire::Bytes(packed) => {
                        let mut packed = Fields::new(packed, ERRORS);
                        while !packed.is_empty() {
                            dim(&mut dims, packed.varint(place)?, place)?;
                        }
                    }
                    wire => dim(&mut dims, int(wire, place)? as u64, place)?,
                },
                2 => once(&mut dtype, element_type(wire, place)?, place)?,
                3 => return Err(ERRORS.unsupported(place, "a segment of a tensor")),
                4 | 5 | 6 | 7 | 10 | 11 => {
                    let count = match (field, wire) {
                        (4, Wire::Bytes(packed)) => packed.len() / 4,
                        (10, Wire::Bytes(packed)) => packed.len() / 8,
                        (5 | 7 | 11, Wire::Bytes(packed)) => packed.len(),
                        _ => 1,
                    };
                    let (known, before) = elements.unwrap_or((field, 0));
                    if known != field {
                        let found = format!("fields {known} and {field}");
                        return Err(ERRORS.malformed(place, "elements in one field", found));
                    }
                    elements = Some((field, before + count));
                }
                8 => once(&mut name, name_or_nothing(wire, place)?, place)?,
                9 => once(&mut raw, message(wire, place)?, place)?,
                13 => return Err(ERRORS.unsupported(place, "data in another file").with_hint(EXTERNAL)),
                14 if int(wire, place)? != 0 => {
                    return Err(ERRORS.unsupported(place, "data in another file").with_hint(EXTERNAL));
                }
                _ => {}
            }
        }
        let dtype = dtype.ok_or_else(|| ERRORS.malformed(place, "a data_type", "none"))?;
        let Some((dims, count)) = checked_count(&dims) else {
            return Err(ERRORS.malformed(place, "a product of dims below 2^64", format!("dims {dims:?}")));
        };
        let values = match (raw, elements) {
            (Some(_), Some((field, _))) => {
                let found = format!("raw_data and field {field}");
                return Err(ERRORS.malformed(place, "elements in one field", found));
            }
            (Some(raw), None) => self.raw(dtype, raw, count, &dims, place)?,
            (None, elements) => self.typed(bytes, elements, dtype, count, &dims, place)?,
        };
        Ok(Tensor { name: name.unwrap_or_default(), dims, values })
    }

    /// Little-endian elements, one behind the other.
    fn raw(&mut self, dtype: DType, raw: &[u8], count: usize, dims: &[usize], place: &str) -> Result<Values> {
        let size: usize = match dtype {
            DType::Uint8 | DType::Int8 | DType::Bool => 1,
            DType::Uint16 | DType::Int16 | DType::Float16 | DType::Bfloat16 => 2,
            DType::Float | DType::Int32 | DType::Uint32 => 4,
            DType::Double | DType::Int64 | DType::Uint64 => 8,
            DType::String => {
                return Err(ERRORS.malformed(place, "texts in string_data", "raw_data"));
            }
        };
        if count.checked_mul(size) != Some(raw.len()) {
            let bytes = (count as u128) * size as u128;
            let expected = format!("{bytes} bytes of {} for dims {dims:?}", dtype.name());
            return Err(ERRORS.malformed(place, expected, raw.len().to_string()));
        }
        Ok(match dtype {
            DType::Float => Values::F32(decoded(raw, place, f32::from_le_bytes)?),
            DType::Double => Values::F64(decoded(raw, place, f64::from_le_bytes)?),
            DType::Float16 => Values::F32(decoded(raw, place, |bytes| f16(u16::from_le_bytes(bytes)))?),
            DType::Bfloat16 => Values::F32(decoded(raw, place, |bytes| bf16(u16::from_le_bytes(bytes)))?),
            DType::Bool => {
                self.elements(count, place)?;
                if let Some(odd) = raw.iter().find(|byte| **byte > 1) {
                    return Err(ERRORS.malformed(place, "booleans 0 or 1", odd.to_string()));
                }
                Values::Bool(decoded(raw, place, |[byte]: [u8; 1]| byte == 1)?)
            }
            _ => {
                self.elements(count, place)?;
                let signed = matches!(dtype, DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64);
                let kind = scalar::Kind::Int { bytes: size, signed };
                Values::I64(match scalar::decode(kind, false, raw, ERRORS, place)? {
                    crate::Data::I64(values) => values,
                    crate::Data::U8(values) => values.into_iter().map(i64::from).collect(),
                    crate::Data::F32(_) => return Err(ERRORS.malformed(place, "whole numbers", "floats")),
                })
            }
        })
    }

    /// Elements in the field of their type: `given` is which one is there, and at most how many they are.
    fn typed(
        &mut self,
        tensor: &[u8],
        given: Option<(u64, usize)>,
        dtype: DType,
        count: usize,
        dims: &[usize],
        place: &str,
    ) -> Result<Values> {
        let field = match dtype {
            DType::Float => 4,
            DType::String => 6,
            DType::Int64 => 7,
            DType::Double => 10,
            DType::Uint32 | DType::Uint64 => 11,
            _ => 5,
        };
        if let Some((other, _)) = given.filter(|(given, _)| *given != field) {
            let expected = format!("elements of {} in field {field} or in raw_data", dtype.name());
            return Err(ERRORS.malformed(place, expected, format!("field {other}")));
        }
        let wrong = |found: String| {
            Err(ERRORS.malformed(place, format!("{count} elements of {} for dims {dims:?}", dtype.name()), found))
        };
        let most = given.map_or(0, |(_, most)| most);
        if count > most {
            return wrong(format!("at most {most}"));
        }
        let mut found = Found::default();
        match field {
            4 => found.floats = scalar::reserve(count, ERRORS, place)?,
            10 => found.doubles = scalar::reserve(count, ERRORS, place)?,
            _ => self.elements(count, place)?,
        }
        let mut fields = Fields::new(tensor, ERRORS);
        while let Some((number, wire)) = fields.next(place)? {
            match number {
                other if other != field => {}
                4 => numbers32(wire, &mut found.floats, place)?,
                10 => numbers64(wire, &mut found.doubles, place)?,
                6 => found.texts.push(text(wire, place)?),
                _ => integers(wire, &mut found.integers, count, place)?,
            }
            if found.len() > count {
                return wrong("more".to_owned());
            }
        }
        if found.len() != count {
            return wrong(found.len().to_string());
        }
        found.values(dtype, place)
    }
}

/// Elements of a tensor, in the one of these that is their field's.
#[derive(Default)]
struct Found {
    floats: Vec<f32>,
    doubles: Vec<f64>,
    integers: Vec<i64>,
    texts: Vec<String>,
}

impl Found {
    fn len(&self) -> usize {
        self.floats.len() + self.doubles.len() + self.integers.len() + self.texts.len()
    }

    fn values(self, dtype: DType, place: &str) -> Result<Values> {
        let integers = self.integers;
        // 16-bit floats are given by their bits.
        let range = dtype.whole().unwrap_or(0..=0xffff);
        if let Some(odd) = integers.iter().find(|n| !range.contains(*n)) {
            let expected = format!("{} from {} to {}", dtype.name(), range.start(), range.end());
            return Err(ERRORS.malformed(place, expected, odd.to_string()));
        }
        let floats = |wide: fn(u16) -> f32| Values::F32(integers.iter().map(|n| wide(*n as u16)).collect());
        Ok(match dtype {
            DType::Float => Values::F32(self.floats),
            DType::Double => Values::F64(self.doubles),
            DType::String => Values::Text(self.texts),
            DType::Bool => Values::Bool(integers.into_iter().map(|n| n == 1).collect()),
            DType::Float16 => floats(f16),
            DType::Bfloat16 => floats(bf16),
            _ => Values::I64(integers),
        })
    }
}

fn dim(dims: &mut Vec<u64>, length: u64, place: &str) -> Result<()> {
    if dims.len() == MAX_RANK {
        return Err(ERRORS.limit(place, MAX_RANK as u64, "more axes"));
    }
    if length > i64::MAX as u64 {
        return Err(ERRORS.malformed(place, "dims from 0 on", length.cast_signed().to_string()));
    }
    dims.push(length);
    Ok(())
}

/// Doubles, packed or one.
fn numbers64(wire: Wire<'_>, out: &mut Vec<f64>, place: &str) -> Result<()> {
    match wire {
        Wire::Fixed64(bytes) => out.push(f64::from_le_bytes(bytes)),
        Wire::Bytes(packed) => match packed.as_chunks::<8>() {
            (chunks, []) => out.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk))),
            _ => return Err(ERRORS.malformed(place, "a multiple of 8 bytes", packed.len().to_string())),
        },
        _ => return Err(wrong_type(place, "doubles")),
    }
    Ok(())
}

fn decoded<T, const N: usize>(bytes: &[u8], place: &str, from: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let mut out = scalar::reserve(chunks.len(), ERRORS, place)?;
    out.extend(chunks.iter().map(|chunk| from(*chunk)));
    Ok(out)
}

/// binary16 of IEEE 754: 1 bit sign, 5 bits exponent, 10 bits fraction.
fn f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The upper half of a binary32.
fn bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
#[test]
fn half_precision() {
    for (bits, x) in [
        (0x0000, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x7bff, 65504.0),
        (0x0001, 5.960_464_5e-8),
        (0x0400, 6.103_515_6e-5),
        (0x3555, 0.333_251_95),
        (0x7c00, f32::INFINITY),
        (0xfc00, f32::NEG_INFINITY),
    ] {
        assert_eq!(f16(bits), x, "{bits:04x}");
    }
    assert!(f16(0x7e00).is_nan());
    assert_eq!((bf16(0x3f80), bf16(0xc040)), (1.0, -3.0));
}
