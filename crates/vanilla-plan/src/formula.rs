//! [`Formula`]: what a [`Curve`](crate::Curve) or a [`RowFunction`](crate::RowFunction) computes, as something that can
//! be printed in another language. The exports to Rust, C and ONNX are made of it.
//!
//! A formula is a list of operations on vectors, each of which reads earlier ones; the last is y:
//!
//! ```text
//! op      = x                                the row, all inputs one behind the other
//!         | weight(number)                   a weight of the row function
//!         | constant | table                 one number; a vector of numbers
//!         | unary(a) | binary(a, b)          element by element
//!         | if a < b then c else d           element by element; also with <= and =
//!         | sum(a, groups) | max(a, groups)  over pieces of equal length, one behind the other: one number a piece
//!         | a[from]                          y[i] = a[from[i]]
//! ```
//!
//! Vectors of length 1 stand for as many equal numbers as the others have. The formula of a curve is that of a single
//! element. It has no sum, maximum or place in it, and so holds for a matrix of any shape.
//!
//! A formula is meant for f32: it overflows, cancels and divides by zero no sooner than the word's own code. NaN stays
//! NaN: where a maximum, a minimum or a comparison meets it, all printers do what [`Formula::value`] does.

mod term;

pub use term::{Operand, Term};

use std::cell::RefCell;

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `-a`
    Neg,
    /// `|a|`
    Abs,
    /// The largest integer that is not above a.
    Floor,
    /// The square root.
    Sqrt,
    /// `e^a`
    Exp,
    /// `e^a - 1`, exact near 0.
    ExpM1,
    /// The natural logarithm.
    Ln,
    /// `ln(1 + a)`, exact near 0.
    Ln1p,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 - erf(a)`, exact where it is small.
    Erfc,
}

/// A function of two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a b`
    Mul,
    /// `a / b`
    Div,
    /// The larger; NaN if one is.
    Max,
    /// The smaller; NaN if one is.
    Min,
}

/// A comparison, which is false where an element is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a = b`
    Equal,
}

/// What becomes of the elements of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Their sum.
    Sum,
    /// The largest; NaN if one is.
    Max,
}

/// An operation; the numbers are those of the operations that it reads, all of them earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The row.
    X,
    /// The weight with this number, row-major.
    Weight(usize),
    /// One number.
    Constant(f64),
    /// Several numbers.
    Table(Vec<f64>),
    /// A function of every element.
    Unary(Unary, usize),
    /// A function of every pair of elements.
    Binary(Binary, usize, usize),
    /// `then` where the comparison of left and right holds, else `otherwise`.
    Select {
        /// How they are compared.
        compare: Compare,
        /// Its left side.
        left: usize,
        /// Its right side.
        right: usize,
        /// y where it holds.
        then: usize,
        /// y elsewhere.
        otherwise: usize,
    },
    /// One number of each of `groups` pieces of equal length.
    Reduce {
        /// What becomes of a piece.
        reduce: Reduce,
        /// The pieces, one behind the other.
        of: usize,
        /// How many pieces.
        groups: usize,
    },
    /// `y[i] = of[from[i]]`.
    Gather {
        /// What is read.
        of: usize,
        /// The place that each element reads.
        from: Vec<usize>,
    },
}

impl Op {
    /// The operations that it reads.
    pub fn reads(&self) -> Vec<usize> {
        match *self {
            Self::X | Self::Weight(_) | Self::Constant(_) | Self::Table(_) => Vec::new(),
            Self::Unary(_, a) => vec![a],
            Self::Binary(_, a, b) => vec![a, b],
            Self::Select { left, right, then, otherwise, .. } => vec![left, right, then, otherwise],
            Self::Reduce { of, .. } | Self::Gather { of, .. } => vec![of],
        }
    }

    /// The same operation on operations with other numbers.
    fn renumbered(&self, number: impl Fn(usize) -> usize) -> Self {
        match self.clone() {
            Self::Unary(unary, a) => Self::Unary(unary, number(a)),
            Self::Binary(binary, a, b) => Self::Binary(binary, number(a), number(b)),
            Self::Select { compare, left, right, then, otherwise } => Self::Select {
                compare,
                left: number(left),
                right: number(right),
                then: number(then),
                otherwise: number(otherwise),
            },
            Self::Reduce { reduce, of, groups } => Self::Reduce { reduce, of: number(of), groups },
            Self::Gather { of, from } => Self::Gather { of: number(of), from },
            leaf => leaf,
        }
    }
}

/// y of a row, or of an element: a list of operations, the last of which is y.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    ops: Vec<Op>,
    lengths: Vec<usize>,
}

impl Formula {
    /// The formula of a function of one element.
    ///
    /// ```
    /// use vanilla_plan::formula::Formula;
    /// let relu = Formula::curve(|x| x.max(0.0));
    /// assert_eq!(relu.value(&[-2.0], &[]), [0.0]);
    /// ```
    pub fn curve(write: impl for<'a> FnOnce(Term<'a>) -> Term<'a>) -> Self {
        Self::row(1, write)
    }

    /// The formula of a function of a row of this length: that of all inputs together.
    ///
    /// ```
    /// use vanilla_plan::formula::Formula;
    /// let softmax = Formula::row(2, |x| {
    ///     let powers = (x - x.largest()).exp();
    ///     powers / powers.sum()
    /// });
    /// assert_eq!(softmax.value(&[1.0, 1.0], &[]), [0.5, 0.5]);
    /// ```
    pub fn row(length: usize, write: impl for<'a> FnOnce(Term<'a>) -> Term<'a>) -> Self {
        let list = RefCell::new(Self { ops: vec![Op::X], lengths: vec![length] });
        let y = write(Term::first(&list)).number();
        list.into_inner().only(y)
    }

    /// `e^x / sum(e^x)`, the largest x subtracted first.
    pub fn softmax(length: usize) -> Self {
        Self::row(length, |x| {
            let powers = (x - x.largest()).exp();
            powers / powers.sum()
        })
    }

    /// The operations. Each reads only earlier ones; the last is y.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The length of what the operation with this number gives.
    pub fn length(&self, op: usize) -> usize {
        self.lengths[op]
    }

    /// The length of y.
    pub fn outputs(&self) -> usize {
        self.lengths.last().copied().unwrap_or(0)
    }

    /// Whether `y = x`.
    pub fn is_identity(&self) -> bool {
        self.ops == [Op::X]
    }

    /// Whether every element of y depends on one element of x only, in the same way.
    pub fn is_curve(&self) -> bool {
        self.lengths.iter().all(|length| *length == 1)
            && !self.ops.iter().any(|op| matches!(op, Op::Reduce { .. } | Op::Gather { .. } | Op::Weight(_)))
    }

    /// Whether it is a formula for a row and weights of these lengths that gives a y of this length.
    pub fn fits(&self, x: usize, w: &[usize], y: usize) -> bool {
        let op_fits = |(op, length): (&Op, &usize)| match op {
            Op::X => *length == x,
            Op::Weight(number) => w.get(*number) == Some(length),
            _ => true,
        };
        self.outputs() == y && self.ops.iter().zip(&self.lengths).all(op_fits)
    }

    /// y, in f64: the readable truth of a formula.
    ///
    /// # Panics
    /// If there are fewer weights than the formula reads, or a vector is shorter than it says.
    pub fn value(&self, x: &[f64], w: &[&[f64]]) -> Vec<f64> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.ops.len());
        for (op, length) in self.ops.iter().zip(&self.lengths) {
            let y = evaluate(op, *length, &values, x, w);
            values.push(y);
        }
        values.pop().unwrap_or_default()
    }

    /// The same formula with these weights in it. What depends on nothing else is computed beforehand and becomes a
    /// table.
    ///
    /// # Panics
    /// If there are fewer weights than the formula reads, or other ones.
    pub fn bound(&self, w: &[&[f64]]) -> Self {
        let mut values: Vec<Option<Vec<f64>>> = Vec::with_capacity(self.ops.len());
        let mut bound = Self { ops: Vec::new(), lengths: self.lengths.clone() };
        for (op, length) in self.ops.iter().zip(&self.lengths) {
            let known = !matches!(op, Op::X) && op.reads().iter().all(|read| values[*read].is_some());
            let value = known.then(|| {
                let of: Vec<Vec<f64>> = values.iter().map(|value| value.clone().unwrap_or_default()).collect();
                evaluate(op, *length, &of, &[], w)
            });
            bound.ops.push(match &value {
                None => op.clone(),
                Some(value) if value.len() == 1 => Op::Constant(value[0]),
                Some(value) => Op::Table(value.clone()),
            });
            values.push(value);
        }
        let last = bound.ops.len() - 1;
        bound.only(last)
    }

    /// What y needs, y being the operation with this number.
    fn only(self, y: usize) -> Self {
        let mut wanted = vec![false; self.ops.len()];
        wanted[y] = true;
        for number in (0..=y).rev() {
            if wanted[number] {
                self.ops[number].reads().iter().for_each(|read| wanted[*read] = true);
            }
        }
        let mut new = vec![0; self.ops.len()];
        let mut formula = Self { ops: Vec::new(), lengths: Vec::new() };
        for number in (0..=y).filter(|number| wanted[*number]) {
            new[number] = formula.ops.len();
            formula.ops.push(self.ops[number].renumbered(|old| new[old]));
            formula.lengths.push(self.lengths[number]);
        }
        formula
    }
}

/// What an operation gives.
fn evaluate(op: &Op, length: usize, values: &[Vec<f64>], x: &[f64], w: &[&[f64]]) -> Vec<f64> {
    // A single number stands for many.
    let at = |of: usize, i: usize| if values[of].len() == 1 { values[of][0] } else { values[of][i] };
    let each = |f: &dyn Fn(usize) -> f64| (0..length).map(f).collect::<Vec<f64>>();
    match op {
        Op::X => x.to_vec(),
        Op::Weight(number) => w[*number].to_vec(),
        Op::Constant(value) => vec![*value],
        Op::Table(values) => values.clone(),
        Op::Unary(unary, a) => each(&|i| unary.value(at(*a, i))),
        Op::Binary(binary, a, b) => each(&|i| binary.value(at(*a, i), at(*b, i))),
        Op::Select { compare, left, right, then, otherwise } => each(&|i| {
            let holds = compare.holds(at(*left, i), at(*right, i));
            at(if holds { *then } else { *otherwise }, i)
        }),
        Op::Reduce { reduce, of, groups } => {
            let piece = values[*of].len() / groups;
            each(&|group| reduce.value(&values[*of][group * piece..(group + 1) * piece]))
        }
        Op::Gather { of, from } => from.iter().map(|from| values[*of][*from]).collect(),
    }
}

impl Unary {
    /// f(a).
    pub fn value(self, a: f64) -> f64 {
        match self {
            Self::Neg => -a,
            Self::Abs => a.abs(),
            Self::Floor => a.floor(),
            Self::Sqrt => libm::sqrt(a),
            Self::Exp => libm::exp(a),
            Self::ExpM1 => libm::expm1(a),
            Self::Ln => libm::log(a),
            Self::Ln1p => libm::log1p(a),
            Self::Tanh => libm::tanh(a),
            Self::Erfc => libm::erfc(a),
        }
    }
}

impl Binary {
    /// f(a, b).
    pub fn value(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Max => {
                if a < b || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            Self::Min => {
                if a > b || b.is_nan() {
                    b
                } else {
                    a
                }
            }
        }
    }
}

impl Compare {
    /// Whether it holds.
    pub fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Equal => a == b,
        }
    }
}

impl Reduce {
    fn value(self, piece: &[f64]) -> f64 {
        match self {
            Self::Sum => piece.iter().sum(),
            Self::Max => piece.iter().fold(f64::NEG_INFINITY, |a, b| Binary::Max.value(a, *b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_twice_is_noted_once_and_what_is_not_read_is_left_out() {
        let formula = Formula::row(3, |x| {
            let _ = x.exp();
            (x * x) + (x * x)
        });
        assert_eq!(formula.ops(), [Op::X, Op::Binary(Binary::Mul, 0, 0), Op::Binary(Binary::Add, 1, 1)]);
        assert_eq!(formula.value(&[1.0, 2.0, 3.0], &[]), [2.0, 8.0, 18.0]);
        assert!(!formula.is_curve() && Formula::curve(|x| 1.0 / (1.0 + (-x).exp())).is_curve());
    }

    #[test]
    fn pieces_places_and_single_numbers() {
        let formula = Formula::row(4, |x| x.sums(2) - x.largest() + x.table(&[0.5, 0.25]));
        assert_eq!(formula.value(&[1.0, 2.0, 3.0, 4.0], &[]), [-0.5, 3.25]);
        let turned = Formula::row(3, |x| x.gather(&[2, 1, 0, 0]));
        assert_eq!(turned.value(&[1.0, 2.0, 3.0], &[]), [3.0, 2.0, 1.0, 1.0]);
        assert!(Formula::row(3, |x| x.slice(0, 3)).is_identity());
    }

    #[test]
    fn nan_stays() {
        let nan = [f64::NAN];
        assert!(Formula::curve(|x| x.clamp(0.0, 6.0)).value(&nan, &[])[0].is_nan());
        assert!(Formula::row(2, |x| x.largest()).value(&[f64::NAN, 1.0], &[])[0].is_nan());
        assert_eq!(Formula::curve(|x| x.select(Compare::Less, 0.0, 1.0, 2.0)).value(&nan, &[]), [2.0]);
    }

    #[test]
    fn weights_become_tables_and_what_is_made_of_them_too() {
        let formula = Formula::row(2, |x| (x - x.weight(0, 2)) / x.weight(1, 2).sqrt().max(1e-7));
        let w: [&[f64]; 2] = [&[1.0, 2.0], &[4.0, 0.0]];
        let bound = formula.bound(&w);
        let tables: Vec<&Op> = bound.ops().iter().filter(|op| matches!(op, Op::Table(_))).collect();
        assert_eq!(tables, [&Op::Table(vec![1.0, 2.0]), &Op::Table(vec![2.0, 1e-7])]);
        assert_eq!(bound.ops().len(), 5);
        assert_eq!(bound.value(&[2.0, 2.0], &[]), formula.value(&[2.0, 2.0], &w));
    }
}
