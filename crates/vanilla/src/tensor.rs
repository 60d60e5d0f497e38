//! [`Tensor`]: the one array type. Bytes, integers, floats or strings, with a shape; views and casts without
//! copies.

use crate::error::{Error, Result};
use std::fmt;
use std::ops::{Div, Mul, Range, Sub};
use std::sync::Arc;
use vanilla_plan::kernels::Source;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// Bytes, such as pixels.
    U8,
    /// Integers, such as labels.
    I64,
    /// Floats.
    F32,
    /// Strings, such as categories; the words of [`preprocessing`](crate::preprocessing) make numbers of them.
    Str,
}

/// Short names for [`Tensor::astype`].
pub use DType::{F32, I64, Str as STR, U8};

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            U8 => "uint8",
            I64 => "int64",
            F32 => "float32",
            STR => "string",
        })
    }
}

/// An array of bytes, integers, floats or strings with a shape, row-major, the first axis being the samples.
///
/// Cloning, [reshaping](Tensor::reshape) and [slicing](Tensor::slice) share the elements. So does
/// [`astype(F32)`](Tensor::astype) of bytes, and any arithmetic with a number after it: such a tensor keeps its
/// bytes and a table of 256 floats, and training converts batch by batch. That is why 60,000 MNIST images take 47
/// MB as floats, too.
///
/// ```
/// use vanilla::prelude::*;
/// let pixels = Tensor::new(vec![0u8, 51, 255, 102], [2, 2])?;
/// let scaled = pixels.astype(F32) / 255.0;
/// assert_eq!(scaled.to_f32(), [0.0, 0.2, 1.0, 0.4]);
/// assert_eq!(scaled.reshape([4])?.slice(1..3)?.to_f32(), [0.2, 1.0]);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    start: usize,
    storage: Storage,
}

#[derive(Clone)]
enum Storage {
    U8(Arc<Vec<u8>>),
    I64(Arc<Vec<i64>>),
    F32(Arc<Vec<f32>>),
    /// Floats that are functions of bytes.
    Cast(Arc<Vec<u8>>, Arc<[f32; 256]>),
    Str(Arc<Vec<String>>),
}

/// A type that tensors can hold.
pub trait Element: Sized {
    #[doc(hidden)]
    fn store(elements: Vec<Self>) -> Stored;
}

/// What an [`Element`] makes of its vector.
#[doc(hidden)]
pub struct Stored(Storage);

impl Element for u8 {
    fn store(elements: Vec<Self>) -> Stored {
        Stored(Storage::U8(Arc::new(elements)))
    }
}
impl Element for i64 {
    fn store(elements: Vec<Self>) -> Stored {
        Stored(Storage::I64(Arc::new(elements)))
    }
}
impl Element for f32 {
    fn store(elements: Vec<Self>) -> Stored {
        Stored(Storage::F32(Arc::new(elements)))
    }
}
impl Element for String {
    fn store(elements: Vec<Self>) -> Stored {
        Stored(Storage::Str(Arc::new(elements)))
    }
}
impl Element for &str {
    fn store(elements: Vec<Self>) -> Stored {
        String::store(elements.into_iter().map(str::to_owned).collect())
    }
}

static IDENTITY: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = i as f32;
        i += 1;
    }
    table
};

impl Tensor {
    /// A tensor of these elements.
    ///
    /// # Errors
    /// When the shape's product is not the number of elements.
    pub fn new<T: Element>(elements: Vec<T>, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if product(&shape) != Some(elements.len()) {
            return Err(Error::data(
                "Tensor",
                format!(
                    "{} elements do not fill the shape {shape:?}: give as many as its axes say",
                    elements.len()
                ),
            ));
        }
        Ok(Self { shape, start: 0, storage: T::store(elements).0 })
    }

    /// Length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of samples: the length of the first axis, 1 for a scalar.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Number of elements of one sample.
    pub fn width(&self) -> usize {
        // An empty tensor may have axes of any length.
        self.shape.iter().skip(1).fold(1, |width, axis| width.saturating_mul(*axis))
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        product(&self.shape).unwrap_or(0)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        match self.storage {
            Storage::U8(_) => U8,
            Storage::I64(_) => I64,
            Storage::F32(_) | Storage::Cast(..) => F32,
            Storage::Str(_) => STR,
        }
    }

    /// The same elements under another shape, shared.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if product(&shape) != Some(self.len()) {
            let problem = format!(
                "{} elements of shape {:?} do not fill the shape {shape:?}: keep their number",
                self.len(),
                self.shape
            );
            return Err(Error::data("reshape", problem));
        }
        Ok(Self { shape, ..self.clone() })
    }

    /// Some of the samples, shared.
    ///
    /// # Errors
    /// When the range reaches past the first axis.
    pub fn slice(&self, rows: Range<usize>) -> Result<Self> {
        if self.shape.is_empty() || rows.start > rows.end || rows.end > self.rows() {
            let problem = format!(
                "rows {rows:?} of a tensor of shape {:?}, expected rows within 0..{}",
                self.shape,
                self.rows()
            );
            return Err(Error::data("slice", problem));
        }
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        Ok(Self { shape, start: self.start + rows.start * self.width(), storage: self.storage.clone() })
    }

    /// One sample, without the first axis, shared: `x_train[0]` in Python.
    ///
    /// # Errors
    /// When there is no such sample.
    pub fn get(&self, row: usize) -> Result<Self> {
        self.check_row("get", row)?;
        let one = self.slice(row..row + 1)?;
        Ok(Self { shape: one.shape[1..].to_vec(), ..one })
    }

    /// These samples in this order, copied.
    ///
    /// # Errors
    /// When there is no such sample.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        rows.iter().try_for_each(|row| self.check_row("take", *row))?;
        let width = self.width();
        let gather = Gather { rows, start: self.start, width };
        let storage = match &self.storage {
            Storage::U8(bytes) => Storage::U8(gather.from(bytes)),
            Storage::I64(integers) => Storage::I64(gather.from(integers)),
            Storage::F32(floats) => Storage::F32(gather.from(floats)),
            Storage::Cast(bytes, table) => Storage::Cast(gather.from(bytes), table.clone()),
            Storage::Str(strings) => Storage::Str(gather.from(strings)),
        };
        let mut shape = self.shape.clone();
        shape.iter_mut().take(1).for_each(|axis| *axis = rows.len());
        Ok(Self { shape, start: 0, storage })
    }

    fn check_row(&self, place: &str, row: usize) -> Result<()> {
        if self.shape.is_empty() || row >= self.rows() {
            let problem = format!("row {row} of a tensor of shape {:?}: rows are counted from 0", self.shape);
            return Err(Error::data(place, problem));
        }
        Ok(())
    }

    /// The elements as another type. Bytes to floats shares the bytes; floats to integers cut the fraction off, as
    /// in NumPy, and what the target cannot hold becomes its nearest value. Strings become the numbers that they
    /// spell, and what spells none becomes NaN (as an integer 0); [`Tensor::parse`] makes an error of it.
    pub fn astype(&self, dtype: DType) -> Self {
        if dtype == self.dtype() {
            return self.clone();
        }
        let storage = match (&self.storage, dtype) {
            (Storage::U8(bytes), F32) => {
                return Self { storage: Storage::Cast(bytes.clone(), Arc::new(IDENTITY)), ..self.clone() };
            }
            (Storage::U8(_) | Storage::I64(_), STR) => {
                String::store(self.to_i64().iter().map(i64::to_string).collect())
            }
            (_, STR) => String::store(self.to_f32().iter().map(f32::to_string).collect()),
            (Storage::I64(_) | Storage::Str(_), U8) => {
                u8::store(self.to_i64().iter().map(|&x| x.clamp(0, 255) as u8).collect())
            }
            (_, U8) => u8::store(self.to_f32().iter().map(|&x| x as u8).collect()),
            (_, I64) => i64::store(self.to_i64()),
            (_, F32) => f32::store(self.to_f32()),
        };
        Self { shape: self.shape.clone(), start: 0, storage: storage.0 }
    }

    /// The numbers that strings spell, blanks around them aside. Other tensors are cast as by [`Tensor::astype`].
    ///
    /// # Errors
    /// When a string spells no number of that type; integers may not have a fraction, bytes end at 255.
    pub fn parse(&self, dtype: DType) -> Result<Self> {
        let (Some(strings), false) = (self.as_strings(), dtype == STR) else { return Ok(self.astype(dtype)) };
        let fits = |text: &str| match dtype {
            F32 => text.parse::<f32>().is_ok(),
            I64 => text.parse::<i64>().is_ok(),
            _ => text.parse::<u8>().is_ok(),
        };
        match strings.iter().position(|text| !fits(text.trim())) {
            None => Ok(self.astype(dtype)),
            Some(index) => Err(Error::data(
                "parse",
                format!(
                    "x is {:?} in row {}, expected a number of type {dtype}: fill or drop such rows, or put a \
                     StringLookup or Hashing first",
                    strings[index],
                    index / self.width().max(1)
                ),
            )),
        }
    }

    /// The strings of a tensor of strings.
    pub fn as_strings(&self) -> Option<&[String]> {
        match &self.storage {
            Storage::Str(strings) => Some(&strings[self.start..self.start + self.len()]),
            _ => None,
        }
    }

    /// The bytes of a tensor of bytes.
    pub fn as_u8(&self) -> Option<&[u8]> {
        matches!(self.storage, Storage::U8(_)).then(|| self.bytes())
    }

    /// The floats of a tensor that holds floats (and does not compute them from bytes; [`Tensor::to_f32`] always
    /// works).
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.storage {
            Storage::F32(floats) => Some(&floats[self.start..self.start + self.len()]),
            _ => None,
        }
    }

    /// All elements as floats, copied; a string that spells no number is NaN.
    pub fn to_f32(&self) -> Vec<f32> {
        let range = self.start..self.start + self.len();
        match &self.storage {
            Storage::U8(bytes) => bytes[range].iter().map(|&x| f32::from(x)).collect(),
            Storage::I64(integers) => integers[range].iter().map(|&x| x as f32).collect(),
            Storage::F32(floats) => floats[range].to_vec(),
            Storage::Cast(bytes, table) => bytes[range].iter().map(|&x| table[usize::from(x)]).collect(),
            Storage::Str(strings) => {
                strings[range].iter().map(|text| text.trim().parse().unwrap_or(f32::NAN)).collect()
            }
        }
    }

    /// All elements as integers, copied; fractions are cut off.
    pub fn to_i64(&self) -> Vec<i64> {
        let range = self.start..self.start + self.len();
        match &self.storage {
            Storage::U8(bytes) => bytes[range].iter().map(|&x| i64::from(x)).collect(),
            Storage::I64(integers) => integers[range].to_vec(),
            Storage::Str(strings) => strings[range]
                .iter()
                .map(|text| text.trim())
                .map(|text| text.parse().unwrap_or_else(|_| text.parse().unwrap_or(f64::NAN) as i64))
                .collect(),
            _ => self.to_f32().iter().map(|&x| x as i64).collect(),
        }
    }

    /// Place of the largest element along the last axis, the first one where several are equal; shape without that
    /// axis, dtype [`I64`].
    ///
    /// # Errors
    /// When there is no last axis or it is empty, or the elements are strings.
    pub fn argmax(&self) -> Result<Self> {
        if self.dtype() == STR {
            return Err(Error::data("argmax", "strings have no largest element: use numbers"));
        }
        let Some((&width, shape)) = self.shape.split_last().filter(|(width, _)| **width > 0) else {
            return Err(Error::data(
                "argmax",
                format!("no largest element along the last axis of {:?}", self.shape),
            ));
        };
        let largest = |row: &[f32]| crate::metrics::argmax(row) as i64;
        Self::new(self.to_f32().chunks_exact(width).map(largest).collect(), shape)
    }

    /// The table as the planner reads it. Integers are not among what it reads: cast them first. Nor are strings.
    pub(crate) fn source(&self) -> Option<Source<'_>> {
        match &self.storage {
            Storage::U8(_) => Some(Source::U8(self.bytes(), &IDENTITY)),
            Storage::Cast(_, table) => Some(Source::U8(self.bytes(), table)),
            Storage::F32(_) => self.as_f32().map(Source::F32),
            Storage::I64(_) | Storage::Str(_) => None,
        }
    }

    /// Index of the first element that is NaN or infinite.
    pub(crate) fn first_non_finite(&self) -> Option<usize> {
        match &self.storage {
            Storage::U8(_) | Storage::I64(_) | Storage::Str(_) => None,
            Storage::F32(_) => self.as_f32()?.iter().position(|x| !x.is_finite()),
            Storage::Cast(_, table) if table.iter().all(|x| x.is_finite()) => None,
            Storage::Cast(_, table) => self.bytes().iter().position(|&x| !table[usize::from(x)].is_finite()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.storage {
            Storage::U8(bytes) | Storage::Cast(bytes, _) => &bytes[self.start..self.start + self.len()],
            _ => &[],
        }
    }

    fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        match &self.storage {
            Storage::U8(_) => self.astype(F32).map(f),
            Storage::Cast(bytes, table) => {
                Self { storage: Storage::Cast(bytes.clone(), Arc::new(table.map(f))), ..self.clone() }
            }
            _ => {
                let floats = f32::store(self.to_f32().into_iter().map(f).collect());
                Self { shape: self.shape.clone(), start: 0, storage: floats.0 }
            }
        }
    }
}

/// Rows to be copied out of a storage.
struct Gather<'a> {
    rows: &'a [usize],
    start: usize,
    width: usize,
}

impl Gather<'_> {
    fn from<T: Clone>(&self, elements: &[T]) -> Arc<Vec<T>> {
        let row = |row: &usize| &elements[self.start + row * self.width..][..self.width];
        Arc::new(self.rows.iter().flat_map(row).cloned().collect())
    }
}

fn product(shape: &[usize]) -> Option<usize> {
    // Whatever the other axes are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis))
}

/// Arithmetic of every element with one number; the result is a tensor of floats.
macro_rules! with_number {
    ($($trait:ident $method:ident $op:tt;)*) => {
        $(impl $trait<f32> for Tensor {
            type Output = Self;
            fn $method(self, number: f32) -> Self {
                self.map(|x| x $op number)
            }
        })*
    };
}
with_number! {
    Div div /;
    Mul mul *;
    Sub sub -;
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?}, {})", self.shape, self.dtype())
    }
}

/// Equal shape, type and elements.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.dtype() == other.dtype()
            && match self.dtype() {
                F32 => self.to_f32() == other.to_f32(),
                STR => self.as_strings() == other.as_strings(),
                _ => self.to_i64() == other.to_i64(),
            }
    }
}

impl TryFrom<vanilla_formats::Array> for Tensor {
    type Error = Error;
    fn try_from(array: vanilla_formats::Array) -> Result<Self> {
        match array.data {
            vanilla_formats::Data::U8(x) => Self::new(x, array.shape),
            vanilla_formats::Data::I64(x) => Self::new(x, array.shape),
            vanilla_formats::Data::F32(x) => Self::new(x, array.shape),
        }
    }
}

/// Arrays hold no strings: they become floats, as by [`Tensor::astype`].
impl From<&Tensor> for vanilla_formats::Array {
    fn from(tensor: &Tensor) -> Self {
        let data = match tensor.dtype() {
            U8 => vanilla_formats::Data::U8(tensor.bytes().to_vec()),
            I64 => vanilla_formats::Data::I64(tensor.to_i64()),
            F32 | STR => vanilla_formats::Data::F32(tensor.to_f32()),
        };
        Self { shape: tensor.shape.clone(), data }
    }
}

#[cfg(feature = "ndarray")]
mod with_ndarray {
    use super::{Element, Tensor};
    use ndarray::{Array, ArrayD, Dimension, IxDyn};

    /// Shares nothing: elements are copied in standard order.
    impl<T: Element + Clone, D: Dimension> From<Array<T, D>> for Tensor {
        fn from(array: Array<T, D>) -> Self {
            let shape = array.shape().to_vec();
            Self { shape, start: 0, storage: T::store(array.iter().cloned().collect()).0 }
        }
    }

    impl From<&Tensor> for ArrayD<f32> {
        fn from(tensor: &Tensor) -> Self {
            Self::from_shape_vec(IxDyn(tensor.shape()), tensor.to_f32())
                .expect("a tensor's shape fits its elements")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_share_and_stay_inside() {
        let x = Tensor::new((0u8..24).collect(), [4, 3, 2]).unwrap();
        assert_eq!((x.rows(), x.width(), x.len()), (4, 6, 24));
        assert_eq!(x.slice(1..3).unwrap().to_i64(), (6..18).collect::<Vec<_>>());
        assert_eq!(x.slice(1..3).unwrap().get(1).unwrap().shape(), [3, 2]);
        assert_eq!(x.get(3).unwrap().as_u8(), Some(&[18, 19, 20, 21, 22, 23][..]));
        for error in
            [x.slice(3..5).err(), x.get(4).err(), x.reshape([5, 5]).err(), x.reshape([usize::MAX, 2]).err()]
        {
            assert!(matches!(error, Some(Error::Data { .. })));
        }
        assert_eq!(
            x.reshape([5, 5]).unwrap_err().to_string(),
            "reshape: 24 elements of shape [4, 3, 2] do not fill the shape [5, 5]: keep their number"
        );
    }

    #[test]
    fn rows_are_taken_in_any_order() {
        let x = Tensor::new((0u8..12).collect(), [6, 2]).unwrap().slice(1..6).unwrap();
        assert_eq!(x.take(&[4, 0, 0]).unwrap(), Tensor::new(vec![10u8, 11, 2, 3, 2, 3], [3, 2]).unwrap());
        assert_eq!((x.astype(F32) / 2.0).take(&[1]).unwrap().to_f32(), [2.0, 2.5]);
        let words = Tensor::new(vec!["a", "b", "c"], [3]).unwrap();
        assert_eq!(words.take(&[2, 1]).unwrap().as_strings().unwrap(), ["c", "b"]);
        assert_eq!(x.take(&[]).unwrap().shape(), [0, 2]);
        let error = x.take(&[5]).unwrap_err().to_string();
        assert_eq!(error, "take: row 5 of a tensor of shape [5, 2]: rows are counted from 0");
    }

    #[test]
    fn casts_of_bytes_are_lazy_and_exact() {
        let x = Tensor::new((0..=255u8).collect(), [256]).unwrap();
        let scaled = (x.astype(F32) - 1.0) / 255.0;
        let want: Vec<f32> = (0..256).map(|i| (i as f32 - 1.0) / 255.0).collect();
        assert_eq!((scaled.dtype(), scaled.to_f32()), (F32, want));
        assert!(matches!(scaled.source(), Some(Source::U8(bytes, _)) if bytes.as_ptr() == x.bytes().as_ptr()));
        assert_eq!((scaled.clone() * f32::NAN).first_non_finite(), Some(0));
        assert_eq!(x.astype(I64).astype(U8), x);
        assert_eq!(x.astype(F32).astype(U8), x);
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        let x = Tensor::new(vec![0.0f32, 2.0, 2.0, -1.0, -3.0, -2.0], [2, 3]).unwrap();
        assert_eq!(x.argmax().unwrap(), Tensor::new(vec![1i64, 0], [2]).unwrap());
        assert!(Tensor::new(Vec::<f32>::new(), [2, 0]).unwrap().argmax().is_err());
    }

    #[test]
    fn strings_are_viewed_and_parsed() {
        let x = Tensor::new(vec!["1", " 2.5", "nan", "9007199254740993"], [2, 2]).unwrap();
        assert_eq!(format!("{x:?}"), "Tensor([2, 2], string)");
        assert_eq!(x.slice(1..2).unwrap().as_strings().unwrap(), ["nan", "9007199254740993"]);
        assert_eq!(x.get(0).unwrap(), Tensor::new(vec!["1".to_owned(), " 2.5".to_owned()], [2]).unwrap());
        assert_ne!(x.get(0).unwrap(), x.get(1).unwrap());
        assert_eq!(x.reshape([4]).unwrap().to_i64(), [1, 2, 0, 9_007_199_254_740_993]);
        assert_eq!(x.parse(F32).unwrap().slice(0..1).unwrap().to_f32(), [1.0, 2.5]);
        assert_eq!(x.get(0).unwrap().astype(U8).to_i64(), [1, 2]);
        assert!(x.source().is_none() && x.as_u8().is_none() && x.argmax().is_err());
        assert_eq!(
            x.parse(I64).unwrap_err().to_string(),
            "parse: x is \" 2.5\" in row 0, expected a number of type int64: fill or drop such rows, or put a \
             StringLookup or Hashing first"
        );
        let numbers = Tensor::new(vec![1i64, -2], [2]).unwrap();
        assert_eq!(numbers.astype(STR).as_strings().unwrap(), ["1", "-2"]);
        assert_eq!(numbers.astype(STR).parse(I64).unwrap(), numbers);
        assert_eq!((numbers.astype(F32) / 4.0).astype(STR).as_strings().unwrap(), ["0.25", "-0.5"]);
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn ndarray_in_and_out() {
        let array = ndarray::array![[1.0f32, 2.0], [3.0, 4.0]];
        let tensor = Tensor::from(array.t().to_owned());
        assert_eq!(tensor.to_f32(), [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(ndarray::ArrayD::from(&tensor), array.t().to_owned().into_dyn());
    }
}
