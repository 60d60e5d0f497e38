//! Thrift's compact protocol, as far as Parquet's headers need it: walked through with every length checked.
//!
//! ```text
//! struct = field* 0x00
//! field  = (delta << 4 | type) value  |  (0 << 4 | type) zigzag(id) value
//! type   = 1 true | 2 false | 3 i8 | 4 i16 | 5 i32 | 6 i64 | 7 double | 8 binary | 9 list | 10 set | 11 map
//!        | 12 struct | 13 uuid
//! i16, i32, i64 = varint, zigzag      binary = varint byte*      i8 = byte      double = 8 bytes
//! list, set     = (size << 4 | type) value*  |  (15 << 4 | type) varint value*
//! map           = 0x00  |  varint (type << 4 | type) (value value)*
//! ```
//!
//! Source: `thrift-compact-protocol.md` of Apache Thrift.

/// How deep structs may lie in one another; Parquet's own go six deep.
const MAX_DEPTH: usize = 16;
/// Fields of a struct of numbers that are kept.
const KEPT: usize = 12;

/// A place in bytes. Everything answers `None` where the bytes end or contradict the protocol.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count.try_into().ok()?)?;
        let part = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(part)
    }

    /// A whole number, seven bits a byte.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A signed whole number.
    pub(super) fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Bytes with their length ahead.
    pub(super) fn binary(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }

    /// The type and number of a list's elements, of which each takes a byte at least, a struct of any use three.
    pub(super) fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let size = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        let least = if head & 15 == 12 { 3 } else { 1 };
        (size.checked_mul(least)? <= self.left() as u64).then_some((head & 15, size as usize))
    }

    /// Every field of a struct. `each` reads a field's value, or says with `false` that it has not.
    pub(super) fn fields(
        &mut self,
        depth: usize,
        each: &mut dyn FnMut(&mut Self, i64, u8) -> Option<bool>,
    ) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = if head >> 4 == 0 { self.zigzag()? } else { id + i64::from(head >> 4) };
            if !(i16::MIN.into()..=i16::MAX.into()).contains(&id) {
                return None;
            }
            if !each(self, id, head & 15)? {
                self.skip(head & 15, depth, false)?;
            }
        }
    }

    /// Passes over a value.
    fn skip(&mut self, kind: u8, depth: usize, in_list: bool) -> Option<()> {
        match kind {
            // A boolean outside lists is its type.
            1 | 2 if !in_list => {}
            1..=3 => _ = self.byte()?,
            4..=6 => _ = self.varint()?,
            7 => _ = self.take(8)?,
            8 => _ = self.binary()?,
            9 | 10 => {
                if depth > MAX_DEPTH {
                    return None;
                }
                let (kind, size) = self.list()?;
                for _ in 0..size {
                    self.skip(kind, depth + 1, true)?;
                }
            }
            11 => {
                let size = self.varint()?;
                if depth > MAX_DEPTH || size > self.left() as u64 {
                    return None;
                }
                let kinds = if size == 0 { 0 } else { self.byte()? };
                for _ in 0..size {
                    self.skip(kinds >> 4, depth + 1, true)?;
                    self.skip(kinds & 15, depth + 1, true)?;
                }
            }
            12 => self.fields(depth + 1, &mut |_, _, _| Some(false))?,
            13 => _ = self.take(16)?,
            _ => return None,
        }
        Some(())
    }

    /// A struct whose numbers and booleans are kept by their ids; the rest is passed over.
    pub(super) fn numbers(&mut self, depth: usize) -> Option<[Option<i64>; KEPT]> {
        let mut kept = [None; KEPT];
        self.fields(depth, &mut |thrift, id, kind| {
            let value = match kind {
                1 | 2 => (kind == 1).into(),
                4..=6 => thrift.zigzag()?,
                _ => return Some(false),
            };
            if let Some(place) = usize::try_from(id).ok().and_then(|id| kept.get_mut(id)) {
                *place = Some(value);
            }
            Some(true)
        })?;
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_struct() {
        // 1: i32 = -2, 3: true, 4: binary "ab", 5: list of two i32, 6: struct { 1: i64 = 3 }, 300: i16 = 1.
        let bytes = [0x15, 3, 0x21, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x1c, 0x16, 6, 0, 0x04, 0xd8, 4, 2, 0];
        let mut thrift = Thrift::new(&bytes);
        let kept = thrift.numbers(0).unwrap();
        assert_eq!((kept[1], kept[3], kept[4], kept[6], thrift.position()), (Some(-2), Some(1), None, None, 20));
        assert!((0..bytes.len()).all(|end| Thrift::new(&bytes[..end]).numbers(0).is_none()));
    }

    #[test]
    fn what_lies_is_refused() {
        let refused = |bytes: &[u8]| Thrift::new(bytes).numbers(0).is_none();
        assert!(refused(&[0x1c; 100]), "structs without end");
        assert!(refused(&[0x19; 100]), "lists without end");
        assert!(refused(&[0x19, 0xf3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), "a long list");
        assert!(refused(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), "a long text");
        assert!(refused(&[0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), "a long number");
        assert!(refused(&[0x1e, 0]), "an unknown type");
        assert!(!refused(&[0x1b, 0, 0]) && refused(&[0x1b, 9, 0x33, 1, 0]), "maps");
    }
}
