//! Small tools for arrays: Keras's `keras.utils`, and scikit-learn's words where Keras has none.

use crate::error::{Error, Result};
use crate::preprocessing::{floats, integers};
use crate::tensor::{STR, Tensor};
use std::collections::BTreeMap;
use vanilla_plan::kernels::random::permutation;

/// The random stream of splits; far from those of epochs, which count from 2^32.
const SPLIT_STREAM: u64 = 1 << 48;

/// Every vector along an axis divided by its norm: Keras's `normalize`, whose defaults are `axis` = -1 and `order`
/// = 2. The norm is `(sum |x|^order)^(1 / order)`, for infinity the largest size, for minus infinity the smallest,
/// for 0 the number of elements that are not 0. A norm of 0 counts as 1.
///
/// ```
/// use vanilla::prelude::*;
/// let x = Tensor::new(vec![3f32, 4., 0., 0.], [2, 2])?;
/// assert_eq!(vanilla::normalize(&x, -1, 2.0)?.to_f32(), [0.6, 0.8, 0., 0.]);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// Different from Keras, which for `axis` = 0 divides along the last axis, by norms of the first: axis 0 is axis
/// 0.
///
/// # Errors
/// When there is no such axis, the order is NaN, or `x` holds strings or NaN.
pub fn normalize(x: &Tensor, axis: isize, order: f64) -> Result<Tensor> {
    let values = floats("normalize", x)?;
    let (shape, rank) = (x.shape(), x.shape().len());
    let counted = if axis < 0 { axis + rank as isize } else { axis };
    let Some(axis) = usize::try_from(counted).ok().filter(|axis| *axis < rank) else {
        let problem =
            format!("axis = {axis}, and x has {rank} axes (shape {shape:?}): expected -{rank} to {}", rank - 1);
        return Err(Error::data("normalize", problem));
    };
    if order.is_nan() {
        return Err(Error::data("normalize", "order = NaN, expected a number such as 2"));
    }
    let (length, stride) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut result = values.clone();
    // Every first element of a vector: all places inside a stride, once for every block of whole vectors.
    let block = length * stride;
    for first in (0..values.len()).filter(|first| first % block < stride) {
        let vector = || (0..length).map(|step| first + step * stride);
        let norm = norm(vector().map(|place| f64::from(values[place]).abs()), order);
        for place in vector() {
            result[place] = (f64::from(values[place]) / if norm == 0.0 { 1.0 } else { norm }) as f32;
        }
    }
    Tensor::new(result, shape)
}

/// The norm of elements that are given by their sizes.
fn norm(sizes: impl Iterator<Item = f64>, order: f64) -> f64 {
    match order {
        f64::INFINITY => sizes.fold(0.0, f64::max),
        f64::NEG_INFINITY => sizes.fold(f64::INFINITY, f64::min),
        0.0 => sizes.filter(|size| *size != 0.0).count() as f64,
        1.0 => sizes.sum(),
        2.0 => libm::sqrt(sizes.map(|size| size * size).sum()),
        _ => libm::pow(sizes.map(|size| libm::pow(size, order)).sum(), 1.0 / order),
    }
}

/// Rows for training and rows for a test, by chance: `x_train, x_test, y_train, y_test`, as scikit-learn's
/// `train_test_split` gives them. `test_share` of the rows, rounded up, are for the test. The same seed gives the
/// same rows, on every machine.
///
/// With `stratify`, one label for every row (mostly `y` itself), every class has its share of both parts, to
/// within one row.
///
/// ```
/// use vanilla::prelude::*;
/// let x = Tensor::new((0..20u8).collect(), [10, 2])?;
/// let y = Tensor::new(vec![0i64, 0, 0, 0, 0, 0, 0, 0, 1, 1], [10])?;
/// let (x_train, x_test, y_train, y_test) = vanilla::train_test_split(&x, &y, 0.5, 42, Some(&y))?;
/// assert_eq!((x_train.shape(), x_test.shape()), (&[5, 2][..], &[5, 2][..]));
/// assert_eq!(y_test.to_i64().iter().sum::<i64>(), 1);
/// assert_eq!(y_train.to_i64().iter().sum::<i64>(), 1);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When there are not as many targets (or labels) as rows, one of the parts would be empty, or a class has a
/// single row.
pub fn train_test_split(
    x: &Tensor,
    y: &Tensor,
    test_share: f64,
    seed: u64,
    stratify: Option<&Tensor>,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let error = |problem: String| Error::data("train_test_split", problem);
    crate::data::same_rows("train_test_split", x.rows(), y)?;
    let rows = x.rows();
    if !(test_share > 0.0 && test_share < 1.0) {
        return Err(error(format!("test_share = {test_share}, expected a share between 0 and 1, such as 0.2")));
    }
    let test = (test_share * rows as f64).ceil() as usize;
    if rows < 2 || test >= rows {
        return Err(error(format!(
            "x has {rows} rows, and test_share = {test_share} takes {test}: both parts need at least one row"
        )));
    }
    let (class_of, mut places) = match stratify {
        None => (vec![0; rows], vec![test]),
        Some(labels) if labels.rows() != rows || labels.len() != rows || labels.shape().is_empty() => {
            return Err(error(format!(
                "stratify has the shape {:?}, expected ({rows},): one label for every row (argmax makes labels of \
                 one-hot vectors)",
                labels.shape()
            )));
        }
        Some(labels) => {
            let (class_of, classes) = classes("train_test_split", labels)?;
            if let Some((name, _)) = classes.iter().find(|(_, count)| *count < 2) {
                return Err(error(format!(
                    "stratify has the class {name} in a single row, expected at least 2 of each class: drop that \
                     row, or split without stratify"
                )));
            }
            let counts: Vec<usize> = classes.into_iter().map(|(_, count)| count).collect();
            (class_of, quotas(&counts, test))
        }
    };
    let (mut train_rows, mut test_rows) = (Vec::with_capacity(rows - test), Vec::with_capacity(test));
    for row in permutation(seed, SPLIT_STREAM, rows) {
        let left = &mut places[class_of[row]];
        if *left > 0 {
            *left -= 1;
            test_rows.push(row);
        } else {
            train_rows.push(row);
        }
    }
    Ok((x.take(&train_rows)?, x.take(&test_rows)?, y.take(&train_rows)?, y.take(&test_rows)?))
}

/// `all` places for classes of these sizes, by their shares: whole ones first, the rest to the largest fractions.
fn quotas(counts: &[usize], all: usize) -> Vec<usize> {
    let rows: u128 = counts.iter().map(|count| *count as u128).sum();
    let exact = |count: usize| (count as u128 * all as u128 / rows, count as u128 * all as u128 % rows);
    let mut quotas: Vec<usize> = counts.iter().map(|count| exact(*count).0 as usize).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(exact(counts[*class]).1));
    let rest = all - quotas.iter().sum::<usize>();
    order.iter().take(rest).for_each(|class| quotas[*class] += 1);
    quotas
}

/// The class of every row, classes in rising order, and the name and the size of every class.
type Classes = (Vec<usize>, Vec<(String, usize)>);

fn classes(place: &str, labels: &Tensor) -> Result<Classes> {
    fn number<K: Ord + std::fmt::Debug>(labels: &[K]) -> Classes {
        let mut sizes: BTreeMap<&K, usize> = BTreeMap::new();
        labels.iter().for_each(|label| *sizes.entry(label).or_default() += 1);
        let numbers: BTreeMap<&K, usize> =
            sizes.keys().enumerate().map(|(number, label)| (*label, number)).collect();
        let names = sizes.iter().map(|(label, size)| (format!("{label:?}"), *size)).collect();
        (labels.iter().map(|label| numbers[label]).collect(), names)
    }
    match labels.as_strings() {
        Some(strings) => Ok(number(strings)),
        None => Ok(number(&integers(place, labels)?)),
    }
}

/// Weights that make classes equally heavy: scikit-learn's `compute_class_weight("balanced")`, for `class_weight`
/// of a training. A class of `count` rows among `n`, with `classes` classes, has `n / (classes count)`.
///
/// ```
/// use vanilla::prelude::*;
/// let labels = Tensor::new(vec![0i64, 0, 0, 1], [4])?;
/// let weights = vanilla::compute_class_weight(&labels)?;
/// assert_eq!((weights[&0], weights[&1]), (4.0 / 6.0, 2.0));
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When the labels are not whole numbers, one a row, or there is none.
pub fn compute_class_weight(labels: &Tensor) -> Result<BTreeMap<i64, f64>> {
    let error = |problem: String| Error::data("compute_class_weight", problem);
    if labels.dtype() == STR {
        return Err(error("the labels are strings, expected class numbers: put a StringLookup first".into()));
    }
    if labels.is_empty() || labels.shape().is_empty() || labels.width() != 1 {
        return Err(error(format!(
            "the labels have the shape {:?}, expected one class number a row (argmax makes them of one-hot \
             vectors)",
            labels.shape()
        )));
    }
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    let values = integers("compute_class_weight", labels)?;
    values.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
    let (rows, classes) = (values.len() as f64, counts.len() as f64);
    Ok(counts.into_iter().map(|(label, count)| (label, rows / (classes * count as f64))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::F32;

    fn labels(values: &[i64]) -> Tensor {
        Tensor::new(values.to_vec(), [values.len()]).unwrap()
    }

    #[test]
    fn norms_of_every_order_and_axis() {
        let x = Tensor::new(vec![3f32, -4., 0., 0., 0., 5.], [2, 3]).unwrap();
        for (axis, order, want) in [
            (1, f64::INFINITY, [0.75, -1., 0., 0., 0., 1.]),
            (-1, 1.0, [3. / 7., -4. / 7., 0., 0., 0., 1.]),
            (0, 2.0, [1., -1., 0., 0., 0., 1.]),
            (-1, 0.0, [1.5, -2., 0., 0., 0., 5.]),
            (-1, f64::NEG_INFINITY, [3., -4., 0., 0., 0., 5.]),
        ] {
            assert_eq!(normalize(&x, axis, order).unwrap().to_f32(), want, "{axis} {order}");
        }
        assert_eq!(normalize(&Tensor::new(Vec::<f32>::new(), [2, 0]).unwrap(), -1, 2.0).unwrap().shape(), [2, 0]);
    }

    #[test]
    fn a_split_is_a_partition_and_the_seed_decides_it() {
        let x = Tensor::new((0..100i64).collect(), [50, 2]).unwrap();
        let y = Tensor::new((0..50i64).collect(), [50]).unwrap();
        let split = |seed| train_test_split(&x, &y, 0.21, seed, None).unwrap();
        let (x_train, x_test, y_train, y_test) = split(7);
        assert_eq!((x_train.shape(), x_test.shape()), (&[39, 2][..], &[11, 2][..]));
        let mut all = [y_train.to_i64(), y_test.to_i64()].concat();
        assert_ne!(all, (0..50).collect::<Vec<_>>());
        let firsts: Vec<i64> =
            [x_train.to_i64(), x_test.to_i64()].concat().iter().step_by(2).map(|x| x / 2).collect();
        assert_eq!(firsts, all, "targets go with their rows");
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!(split(7).3, y_test);
        assert_ne!(split(8).3, y_test);
    }

    #[test]
    fn strata_keep_their_shares_to_within_a_row() {
        for counts in [vec![2, 2, 96], vec![33, 33, 34], vec![5, 10, 40, 3], vec![7; 9]] {
            let y: Vec<i64> =
                counts.iter().enumerate().flat_map(|(class, count)| vec![class as i64; *count]).collect();
            let y = labels(&y);
            for share in [0.1, 0.25, 0.5, 0.77] {
                let (_, _, train, test) = train_test_split(&y, &y, share, 3, Some(&y)).unwrap();
                assert_eq!(test.rows(), (share * y.rows() as f64).ceil() as usize);
                assert_eq!(train.rows() + test.rows(), y.rows());
                for (class, count) in counts.iter().enumerate() {
                    let found = test.to_i64().iter().filter(|label| **label == class as i64).count() as f64;
                    let want = test.rows() as f64 * *count as f64 / y.rows() as f64;
                    assert!((found - want).abs() < 1.0, "{counts:?} {share} class {class}: {found} of {want}");
                }
            }
        }
        let words = Tensor::new(vec!["a", "b", "a", "b"], [4]).unwrap();
        let (_, _, train, test) = train_test_split(&words, &words, 0.5, 0, Some(&words)).unwrap();
        for part in [train, test] {
            let mut part = part.as_strings().unwrap().to_vec();
            part.sort();
            assert_eq!(part, ["a", "b"]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let y = labels(&[0, 0, 1]);
        let split = |x: &Tensor, share, stratify: Option<&Tensor>| {
            train_test_split(x, &y, share, 0, stratify).unwrap_err().to_string()
        };
        let cases = [
            (
                split(&labels(&[1]), 0.5, None),
                "train_test_split: x has 1 rows and y has 3: one target for every row is needed",
            ),
            (
                split(&y, 1.5, None),
                "train_test_split: test_share = 1.5, expected a share between 0 and 1, such as 0.2",
            ),
            (
                split(&y, 0.9, None),
                "train_test_split: x has 3 rows, and test_share = 0.9 takes 3: both parts need at least one row",
            ),
            (
                split(&y, 0.5, Some(&y)),
                "train_test_split: stratify has the class 1 in a single row, expected at least 2 of each class: \
                 drop that row, or split without stratify",
            ),
            (
                split(&y, 0.5, Some(&Tensor::new(vec![0u8; 6], [3, 2]).unwrap())),
                "train_test_split: stratify has the shape [3, 2], expected (3,): one label for every row (argmax \
                 makes labels of one-hot vectors)",
            ),
            (
                compute_class_weight(&(y.astype(F32) / 2.0)).unwrap_err().to_string(),
                "compute_class_weight: x is 0.5 in row 2, expected whole numbers: put a Discretization first",
            ),
            (
                compute_class_weight(&labels(&[])).unwrap_err().to_string(),
                "compute_class_weight: the labels have the shape [0], expected one class number a row (argmax \
                 makes them of one-hot vectors)",
            ),
            (
                normalize(&y, 1, 2.0).unwrap_err().to_string(),
                "normalize: axis = 1, and x has 1 axes (shape [3]): expected -1 to 0",
            ),
        ];
        for (got, want) in cases {
            assert_eq!(got, want);
        }
    }
}
