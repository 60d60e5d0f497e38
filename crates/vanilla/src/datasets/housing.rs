//! Tables as Keras keeps them: an `.npz` of `x` and `y`, shuffled and split when it is loaded.
//!
//! ```text
//! order = RandomState(seed).shuffle(0 .. n)         NumPy's legacy generator
//! train = order[.. floor(n (1 - test_split))]       test = the rest
//! ```
//!
//! Source: Keras 3, `datasets/boston_housing.py`; NumPy's legacy `RandomState`, which promises never to change: the
//! Mersenne Twister MT19937 (M. Matsumoto, T. Nishimura, 1998) seeded by its `init_genrand`, Fisher and Yates from the
//! last element down, and numbers up to a bound by masking and rejecting.

use super::Part;
use super::known::{Found, Known, Samples};
use crate::error::{Error, Result};
use crate::saving::read_file;
use crate::tensor::{DType, Tensor};
use sha2::Digest;
use std::path::Path;
use vanilla_formats::{FormatError, npz};

/// Keras's defaults.
const TEST_SPLIT: f64 = 0.2;
const SEED: u32 = 113;

/// Reads the table at `path`, an `.npz` or a folder with it; `first_rows` of it, if that is stated.
pub(super) fn read(known: &Known, path: &Path, first_rows: Option<usize>) -> Result<Found> {
    let Samples::Table { columns, .. } = known.samples else { unreachable!("only tables have this form") };
    let path = &if path.is_dir() { path.join(known.files[0].name) } else { path.to_owned() };
    let bytes = read_file(path)?;
    let wrong = |error: FormatError| Error::file(path, error);
    let arrays = npz::read(&bytes).map_err(wrong)?;
    let tensor = |key: &str| -> Result<Tensor> {
        Ok(Tensor::try_from(npz::get(&arrays, key).map_err(wrong)?.clone())?.astype(DType::F32))
    };
    let (mut x, mut y) = (tensor("x")?, tensor("y")?);
    if x.shape().len() != 2 || x.width() != columns.len() {
        return Err(Error::file(
            path,
            format!("x has the shape {:?}, expected (N, {})", x.shape(), columns.len()),
        ));
    }
    if y.shape() != [x.rows()] {
        let problem =
            format!("y has the shape {:?}, expected ({},): a target for each row of x", y.shape(), x.rows());
        return Err(Error::file(path, problem));
    }
    if let Some(rows) = first_rows {
        if x.rows() < rows {
            return Err(Error::file(path, format!("{} rows, expected at least {rows}", x.rows())));
        }
        (x, y) = (x.slice(0..rows)?, y.slice(0..rows)?);
    }
    let (train, test) = split(&x, &y, TEST_SPLIT, SEED)?;
    let hashes = vec![super::hex(&sha2::Sha256::digest(&bytes))];
    Ok(Found { train, test, hashes, whole: Some((x, y)) })
}

/// Training and test part, as Keras draws them. `x` is rows x columns, `y` one number a row.
pub(super) fn split(x: &Tensor, y: &Tensor, test_split: f64, seed: u32) -> Result<(Part, Part)> {
    let order = shuffled(x.rows(), seed);
    let (train, test) = order.split_at((order.len() as f64 * (1.0 - test_split)) as usize);
    let part = |rows: &[usize]| -> Result<Part> { Ok(Part::new(x.take(rows)?, Some(y.take(rows)?))) };
    Ok((part(train)?, part(test)?))
}

/// `indices = arange(n); RandomState(seed).shuffle(indices)`.
fn shuffled(n: usize, seed: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut random = RandomState::new(seed);
    for i in (1..n).rev() {
        // Tables are of less than 2^32 rows, so NumPy takes 32 bits a number.
        order.swap(i, random.up_to(i as u32) as usize);
    }
    order
}

/// MT19937.
struct RandomState {
    key: [u32; 624],
    at: usize,
}

impl RandomState {
    fn new(seed: u32) -> Self {
        let mut key = [seed; 624];
        for i in 1..key.len() {
            let before = key[i - 1];
            key[i] = 1_812_433_253u32.wrapping_mul(before ^ before >> 30).wrapping_add(i as u32);
        }
        Self { key, at: 624 }
    }

    fn next(&mut self) -> u32 {
        if self.at == self.key.len() {
            for i in 0..624 {
                let word = self.key[i] & 0x8000_0000 | self.key[(i + 1) % 624] & 0x7fff_ffff;
                self.key[i] = self.key[(i + 397) % 624] ^ (word >> 1) ^ ((word & 1) * 0x9908_b0df);
            }
            self.at = 0;
        }
        let mut word = self.key[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    /// A number from 0 to `most`.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let number = self.next() & mask;
            if number <= most {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded with NumPy 2.
    #[test]
    fn numpys_order() {
        assert_eq!(shuffled(5, 113), [1, 0, 3, 2, 4]);
        assert_eq!(shuffled(10, 0), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
        assert_eq!(shuffled(1000, u32::MAX)[..6], [94, 405, 819, 632, 217, 169]);
        for (rows, first, last, sum) in [
            (506, [22, 202, 368, 335, 461, 323, 382, 143], [74, 162, 220, 165], 215_456),
            (600, [568, 505, 59, 71, 298, 205, 29, 412], [253, 586, 162, 165], 494_591),
            (
                20_640,
                [4380, 8381, 15_859, 10_108, 9370, 19_830, 18_186, 11_254],
                [11_010, 16_236, 4828, 14_501],
                367_948,
            ),
        ] {
            let order = shuffled(rows, 113);
            assert_eq!((&order[..8], &order[rows - 4..]), (&first[..], &last[..]));
            let weighted: usize = order.iter().enumerate().map(|(i, row)| row * (i + 1)).sum();
            assert_eq!(weighted % 1_000_003, sum);
        }
        assert_eq!((shuffled(0, 113), shuffled(1, 113)), (vec![], vec![0]));
    }

    #[test]
    fn the_shares_are_keras_s() {
        for (rows, train) in [(506, 404), (600, 480), (20_640, 16_512)] {
            let x = Tensor::new(vec![0.0f32; rows], [rows, 1]).unwrap();
            let y = Tensor::new((0..rows).map(|i| i as f32).collect::<Vec<_>>(), [rows]).unwrap();
            let (first, second) = split(&x, &y, TEST_SPLIT, SEED).unwrap();
            assert_eq!((first.x.rows(), second.x.rows()), (train, rows - train));
            assert_eq!(first.y.unwrap().to_i64()[0], shuffled(rows, SEED)[0] as i64);
        }
    }
}
