//! The elements of a sample in another order, and functions of a row along axes that are not the last ones.

use super::by_sample;
use std::sync::Arc;
use vanilla_plan::{Fact, Formula, MAX_ROW_WEIGHTS, RowFunction};

/// `y[i] = x[from[i]]` for rows that are whole samples. An element may be read several times.
#[derive(Debug)]
pub(super) struct Reorder {
    name: &'static str,
    from: Vec<usize>,
}

impl Reorder {
    /// The function, under this name in a printed plan.
    pub fn new(name: &'static str, from: Vec<usize>) -> Self {
        Self { name, from }
    }

    /// Axis i of y is axis `order[i]` of x, whose samples have the shape `sample`. `order` names each axis once.
    pub fn axes(sample: &[usize], order: &[usize]) -> Self {
        let stride = |axis: usize| sample[axis + 1..].iter().product::<usize>();
        let from = order.iter().fold(vec![0], |from, &axis| {
            let steps = |start: usize| (0..sample[axis]).map(move |i| start + i * stride(axis));
            from.into_iter().flat_map(steps).collect()
        });
        Self::new("permute", from)
    }

    /// What undoes it, if each element is read once.
    pub fn inverse(&self) -> Self {
        let mut from = vec![0; self.from.len()];
        self.from.iter().enumerate().for_each(|(to, x)| from[*x] = to);
        Self::new(self.name, from)
    }

    /// The fact of it; wants [`by_sample`] before it.
    pub fn fact(self) -> Fact {
        Fact::Rows(Arc::new(self))
    }
}

impl RowFunction for Reorder {
    fn name(&self) -> &str {
        self.name
    }
    fn outputs(&self, _: &[usize]) -> usize {
        self.from.len()
    }
    fn forward(&self, x: &[f32], _: &[&[f32]; MAX_ROW_WEIGHTS], y: &mut [f32]) {
        y.iter_mut().zip(&self.from).for_each(|(y, from)| *y = x[*from]);
    }
    fn backward(
        &self,
        _: &[f32],
        _: &[&[f32]; MAX_ROW_WEIGHTS],
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut [&mut [f32]; MAX_ROW_WEIGHTS],
    ) {
        dy.iter().zip(&self.from).for_each(|(dy, from)| dx[*from] += dy);
    }
    fn reference(&self, x: &[f64], _: &[&[f64]; MAX_ROW_WEIGHTS], y: &mut [f64]) -> bool {
        y.iter_mut().zip(&self.from).for_each(|(y, from)| *y = x[*from]);
        true
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        Some(Formula::row(inputs.iter().sum(), |x| x.gather(&self.from)))
    }
}

/// The facts before and behind functions of rows that are to work along these axes of a sample (places, each
/// once). Between them a row holds one element after the other along the axes, the last axis fastest; each keeps
/// the number of columns.
pub(super) fn along(sample: &[usize], axes: &[usize]) -> (Vec<Fact>, Vec<Fact>) {
    let rest: Vec<usize> = (0..sample.len()).filter(|axis| !axes.contains(axis)).collect();
    let groups = Fact::Regroup { groups: rest.iter().map(|axis| sample[*axis]).product() };
    let order = [&rest[..], axes].concat();
    if order.is_sorted() {
        return (vec![groups], Vec::new());
    }
    let reorder = Reorder::axes(sample, &order);
    let back = reorder.inverse().fact();
    (vec![by_sample(), reorder.fact(), groups], vec![by_sample(), back])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places_and_come_back() {
        let reorder = Reorder::axes(&[2, 3], &[1, 0]);
        assert_eq!(reorder.from, [0, 3, 1, 4, 2, 5]);
        assert_eq!(reorder.inverse().from, [0, 2, 4, 1, 3, 5]);
        assert_eq!(Reorder::axes(&[2, 3, 2], &[2, 0, 1]).from, [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    }

    #[test]
    fn last_axes_stay_where_they_are() {
        let (before, behind) = along(&[2, 3, 4], &[1, 2]);
        assert!(matches!(before[..], [Fact::Regroup { groups: 2 }]) && behind.is_empty());
        let (before, behind) = along(&[2, 3, 4], &[1]);
        assert!(matches!(before[..], [Fact::Regroup { groups: 1 }, Fact::Rows(_), Fact::Regroup { groups: 8 }]));
        assert!(matches!(behind[..], [Fact::Regroup { groups: 1 }, Fact::Rows(_)]));
    }
}
