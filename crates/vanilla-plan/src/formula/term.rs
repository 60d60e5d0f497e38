//! [`Term`]: how a [`Formula`] is written.

use super::{Binary, Compare, Formula, Op, Reduce, Unary};
use crate::MAX_ROW_WEIGHTS;
use std::cell::RefCell;
use std::ops;

/// A vector in a formula that is being written: numbers and terms are added, multiplied and so on, and each operation
/// is noted down.
#[derive(Clone, Copy)]
pub struct Term<'a> {
    list: &'a RefCell<Formula>,
    number: usize,
}

/// A term or a number.
pub trait Operand<'a> {
    /// The term of it, in the formula that this term belongs to.
    fn beside(self, term: Term<'a>) -> Term<'a>;
}

impl<'a> Operand<'a> for Term<'a> {
    fn beside(self, _: Term<'a>) -> Term<'a> {
        self
    }
}

impl<'a> Operand<'a> for f64 {
    fn beside(self, term: Term<'a>) -> Term<'a> {
        term.note(Op::Constant(self), 1)
    }
}

impl<'a> Term<'a> {
    /// The first operation of this list.
    pub(super) fn first(list: &'a RefCell<Formula>) -> Self {
        Self { list, number: 0 }
    }

    /// The number of its operation.
    pub(super) fn number(self) -> usize {
        self.number
    }

    /// Notes an operation down, once.
    fn note(self, op: Op, length: usize) -> Self {
        let mut list = self.list.borrow_mut();
        let number = list.ops.iter().position(|known| *known == op).unwrap_or_else(|| {
            list.ops.push(op);
            list.lengths.push(length);
            list.ops.len() - 1
        });
        Self { number, ..self }
    }

    /// Its length.
    pub fn length(self) -> usize {
        self.list.borrow().lengths[self.number]
    }

    /// The length of a vector made of these, element by element.
    fn joint(terms: &[Self]) -> usize {
        let lengths = || terms.iter().map(|term| term.length());
        let length = lengths().max().unwrap_or(1);
        assert!(lengths().all(|other| other == length || other == 1), "vectors of one length, or of length 1");
        length
    }

    fn unary(self, unary: Unary) -> Self {
        self.note(Op::Unary(unary, self.number), self.length())
    }

    fn binary(self, binary: Binary, other: impl Operand<'a>) -> Self {
        let other = other.beside(self);
        self.note(Op::Binary(binary, self.number, other.number), Self::joint(&[self, other]))
    }

    /// The weight with this number and length of the row function.
    ///
    /// # Panics
    /// If a row function cannot have so many weights.
    pub fn weight(self, number: usize, length: usize) -> Self {
        assert!(number < MAX_ROW_WEIGHTS, "the number of a weight");
        self.note(Op::Weight(number), length)
    }

    /// These numbers.
    pub fn table(self, values: &[f64]) -> Self {
        self.note(Op::Table(values.to_vec()), values.len())
    }

    /// `|a|`
    pub fn abs(self) -> Self {
        self.unary(Unary::Abs)
    }
    /// The largest integer that is not above it.
    pub fn floor(self) -> Self {
        self.unary(Unary::Floor)
    }
    /// The square root.
    pub fn sqrt(self) -> Self {
        self.unary(Unary::Sqrt)
    }
    /// e to this power.
    pub fn exp(self) -> Self {
        self.unary(Unary::Exp)
    }
    /// e to this power, less 1.
    pub fn exp_m1(self) -> Self {
        self.unary(Unary::ExpM1)
    }
    /// The natural logarithm.
    pub fn ln(self) -> Self {
        self.unary(Unary::Ln)
    }
    /// The natural logarithm of 1 more.
    pub fn ln_1p(self) -> Self {
        self.unary(Unary::Ln1p)
    }
    /// The hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.unary(Unary::Tanh)
    }
    /// 1 less the error function.
    pub fn erfc(self) -> Self {
        self.unary(Unary::Erfc)
    }
    /// The larger of the two, element by element.
    pub fn max(self, other: impl Operand<'a>) -> Self {
        self.binary(Binary::Max, other)
    }
    /// The smaller of the two, element by element.
    pub fn min(self, other: impl Operand<'a>) -> Self {
        self.binary(Binary::Min, other)
    }
    /// Not below `least`, not above `most`.
    pub fn clamp(self, least: f64, most: f64) -> Self {
        self.max(least).min(most)
    }

    /// `then` where `self` compared with `other` holds, else `otherwise`.
    pub fn select(
        self,
        compare: Compare,
        other: impl Operand<'a>,
        then: impl Operand<'a>,
        otherwise: impl Operand<'a>,
    ) -> Self {
        let [right, then, otherwise] = [other.beside(self), then.beside(self), otherwise.beside(self)];
        let length = Self::joint(&[self, right, then, otherwise]);
        let [right, then, otherwise] = [right, then, otherwise].map(|term| term.number);
        self.note(Op::Select { compare, left: self.number, right, then, otherwise }, length)
    }

    fn reduce(self, reduce: Reduce, groups: usize) -> Self {
        assert!(groups > 0 && self.length().is_multiple_of(groups), "pieces of equal length");
        if self.length() == groups {
            return self;
        }
        self.note(Op::Reduce { reduce, of: self.number, groups }, groups)
    }

    /// The sum of all elements.
    pub fn sum(self) -> Self {
        self.reduce(Reduce::Sum, 1)
    }
    /// The sum of each of so many pieces of equal length.
    ///
    /// # Panics
    /// If there are no such pieces.
    pub fn sums(self, groups: usize) -> Self {
        self.reduce(Reduce::Sum, groups)
    }
    /// The mean of all elements.
    pub fn mean(self) -> Self {
        let count = self.length() as f64;
        self.sum() / count
    }
    /// The largest element.
    pub fn largest(self) -> Self {
        self.reduce(Reduce::Max, 1)
    }

    /// The elements at these places. An element may be read several times.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn gather(self, from: &[usize]) -> Self {
        assert!(from.iter().all(|from| *from < self.length()), "places of elements");
        if from.iter().copied().eq(0..self.length()) {
            return self;
        }
        self.note(Op::Gather { of: self.number, from: from.to_vec() }, from.len())
    }

    /// The elements from this place on, so many of them.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn slice(self, start: usize, length: usize) -> Self {
        self.gather(&(start..start + length).collect::<Vec<_>>())
    }
}

impl<'a> ops::Neg for Term<'a> {
    type Output = Term<'a>;
    fn neg(self) -> Self {
        self.unary(Unary::Neg)
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident;)*) => {
        $(impl<'a, O: Operand<'a>> ops::$operator<O> for Term<'a> {
            type Output = Term<'a>;
            fn $method(self, other: O) -> Term<'a> {
                self.binary(Binary::$operator, other)
            }
        }

        impl<'a> ops::$operator<Term<'a>> for f64 {
            type Output = Term<'a>;
            fn $method(self, other: Term<'a>) -> Term<'a> {
                self.beside(other).binary(Binary::$operator, other)
            }
        })*
    };
}

operators! { Add add; Sub sub; Mul mul; Div div; }
