//! An array in blocks of rows: for files that are larger than memory. What is held is the rows of a block.

use super::{ERRORS, Header, MAX_HEADER, prefix};
use crate::{Array, BlockError, scalar};
use std::io::Read;

/// Reads an array block by block, along its first axis.
pub struct Rows<R> {
    reader: R,
    header: Header,
    /// How many rows were read.
    at: usize,
}

impl<R: Read> Rows<R> {
    /// An array of `length` bytes that is read from here on.
    ///
    /// # Errors
    /// As [`super::read`], when there is no axis of rows, when the rows do not lie one after the other, and when the
    /// file cannot be read.
    pub fn new(mut reader: R, length: u64) -> Result<Self, BlockError> {
        let mut head = Vec::new();
        reader.by_ref().take(12).read_to_end(&mut head)?;
        let (begin, size) = prefix(&head)?;
        if size > MAX_HEADER {
            return Err(ERRORS.limit("header", MAX_HEADER as u64, format!("{size} bytes")).into());
        }
        let end = begin + size;
        reader.by_ref().take(end.saturating_sub(head.len()) as u64).read_to_end(&mut head)?;
        let Some(text) = head.get(begin..end) else {
            return Err(ERRORS.truncated("header", size as u64, (head.len() - begin) as u64).into());
        };
        let header = Header::parse(text, begin)?;
        header.check_length(length.saturating_sub(end as u64))?;
        if header.shape.is_empty() {
            return Err(ERRORS.malformed("shape", "an axis of rows", "a single number").into());
        }
        if header.fortran && header.shape.len() > 1 {
            let error = ERRORS.unsupported("fortran_order", "columns that lie one after the other");
            return Err(error.with_hint("save it with its rows together: np.ascontiguousarray").into());
        }
        Ok(Self { reader, header, at: 0 })
    }

    /// The whole array's shape, rows first.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The next rows, `most` of them or what is left; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or an element is none of its type.
    pub fn next_rows(&mut self, most: usize) -> Result<Option<Array>, BlockError> {
        let Header { kind, big_endian, shape, .. } = &self.header;
        let rows = most.max(1).min(shape[0] - self.at);
        if rows == 0 {
            return Ok(None);
        }
        let shape = [&[rows], &shape[1..]].concat();
        // No more than the file has, which was compared with its header.
        let mut bytes = vec![0; shape.iter().product::<usize>() * kind.size()];
        self.reader.read_exact(&mut bytes)?;
        let data = scalar::decode(*kind, *big_endian, &bytes, ERRORS, &format!("data from row {}", self.at))?;
        self.at += rows;
        Ok(Some(Array::new(shape, data)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, npy};

    fn rows(bytes: &[u8]) -> Result<Rows<&[u8]>, BlockError> {
        Rows::new(bytes, bytes.len() as u64)
    }

    #[test]
    fn the_same_elements_in_blocks() {
        let array = Array::new(vec![7, 2, 3], Data::F32((0..42).map(|i| i as f32).collect())).unwrap();
        let file = npy::write(&array);
        for most in [1, 2, 3, 7, 100] {
            let (mut rows, mut all, mut blocks) = (rows(&file).unwrap(), Vec::new(), Vec::new());
            assert_eq!(rows.shape(), [7, 2, 3]);
            while let Some(block) = rows.next_rows(most).unwrap() {
                assert_eq!(block.shape[1..], [2, 3]);
                blocks.push(block.shape[0]);
                let Data::F32(values) = block.data else { panic!("{:?}", block.data) };
                all.extend(values);
            }
            assert_eq!(Data::F32(all), array.data);
            assert_eq!(blocks.len(), 7usize.div_ceil(most), "{blocks:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        let file = |header: &str, data: &[u8]| {
            let header = format!("{header}\n");
            [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
        };
        let refusal = |bytes: &[u8]| rows(bytes).err().expect("it is refused").to_string();
        let good = file("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", &[1, 2, 3]);
        for length in 0..good.len() {
            refusal(&good[..length]);
        }
        assert_eq!(
            refusal(&file("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 2), }", &[1, 2])),
            "npy, fortran_order: unsupported: columns that lie one after the other (save it with its rows together: \
             np.ascontiguousarray)"
        );
        assert_eq!(
            refusal(&file("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", &[1])),
            "npy, shape: expected an axis of rows, found a single number"
        );
        assert_eq!(
            refusal(&file("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 99999999999), }", &[1])),
            "npy, data of shape [3, 99999999999]: truncated: expected 299999999997 bytes, found 1"
        );
        let bad = file("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", &[1, 0, 2]);
        let mut bad = rows(&bad).unwrap();
        bad.next_rows(2).unwrap();
        assert_eq!(
            bad.next_rows(2).unwrap_err().to_string(),
            "npy, data from row 2, element 0: expected a boolean 0 or 1, found 2"
        );
    }
}
