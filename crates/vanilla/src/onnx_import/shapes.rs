//! Nodes that change a shape and no number.

use super::{At, Flow, Importer, Made};
use crate::error::Result;
use crate::layers::shape;
use crate::layers::words::*;

impl Importer {
    /// Another shape; the batch stays the first axis.
    pub fn reshaped(&mut self, at: &At<'_>) -> Result<Flow> {
        let x = self.any_flow(at, 0)?;
        let target = match &*at.node.op_type {
            "Flatten" => {
                at.only(&["axis"])?;
                let axis = at.int("axis", 1)?;
                if axis != 1 && axis != -(x.shape.len() as i64) {
                    return Err(at.error(format!("axis = {axis}, expected 1: the batch stays apart")));
                }
                vec![x.shape.iter().product()]
            }
            "Squeeze" => {
                at.only(&["axes"])?;
                let axes = self.axes(at, "axes", 1)?;
                let axes: Vec<usize> = match &axes {
                    Some(axes) => axes
                        .iter()
                        .map(|axis| self.sample_axis(at, "axes", *axis, &x))
                        .collect::<Result<Vec<_>>>()?,
                    None => return Err(at.error("no axes, expected which ones: not the batch")),
                };
                if let Some(axis) = axes.iter().find(|axis| x.shape[**axis] != 1) {
                    let problem = format!("axis {} of {} is not 1", axis + 1, shape(&x.shape));
                    return Err(at.error(problem));
                }
                let kept = (0..x.shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| x.shape[axis]);
                kept.collect()
            }
            "Unsqueeze" => {
                at.only(&["axes"])?;
                let axes = self.axes(at, "axes", 1)?.unwrap_or_default();
                let rank = x.shape.len() + 1 + axes.len();
                if rank > 16 {
                    return Err(at.error(format!("a value of {rank} axes, expected at most 16")));
                }
                let mut is_new = vec![false; rank];
                for axis in &axes {
                    let from = if *axis < 0 { axis + rank as i64 } else { *axis };
                    match usize::try_from(from).ok().filter(|from| (1..rank).contains(from) && !is_new[*from]) {
                        Some(from) => is_new[from] = true,
                        None => {
                            return Err(at.error(format!("axes = {axes:?}, expected new axes behind the batch")));
                        }
                    }
                }
                let mut old = x.shape.iter().copied();
                is_new[1..].iter().map(|is_new| if *is_new { 1 } else { old.next().unwrap_or(1) }).collect()
            }
            "Transpose" => return self.transposed_value(at, &x),
            _ => self.reshape_target(at, &x)?,
        };
        if target == x.shape {
            return Ok(x);
        }
        if target.is_empty() {
            return Err(
                at.error("one axis, the batch alone, expected (batch, columns): leave the last axis in place")
            );
        }
        let flow = if target.len() == 1 {
            self.put(at, &[&x], target, vec![], |name| Flatten::new().name(name))?
        } else {
            let keras: Vec<i64> = target.iter().map(|length| *length as i64).collect();
            self.put(at, &[&x], target, vec![], |name| Reshape::new(keras).name(name))?
        };
        // Numbers of rows stay numbers of rows.
        Ok(if x.made == Made::Input { Flow { made: x.made, ..flow } } else { flow })
    }

    /// The shape of a sample that Reshape asks for.
    fn reshape_target(&self, at: &At<'_>, x: &Flow) -> Result<Vec<usize>> {
        at.only(&["allowzero", "shape"])?;
        if at.int("allowzero", 0)? != 0 {
            return Err(at.error("allowzero = 1: a value without elements"));
        }
        let target: Vec<Option<i64>> = match at.ints("shape")? {
            Some(shape) => shape.iter().map(|n| Some(*n)).collect(),
            None => match self.sizes(at, 1)? {
                Some(sizes) => sizes.sizes,
                None => return Err(at.error("no shape")),
            },
        };
        let elements: usize = x.shape.iter().product();
        let problem = || {
            let names: Vec<String> =
                target.iter().map(|n| n.map_or("rows".to_owned(), |n| n.to_string())).collect();
            let from = shape(&x.shape);
            at.error(format!(
                "{from} to [{}], expected a first axis of the batch alone (0 or -1): export with a batch of any size",
                names.join(", ")
            ))
        };
        let Some((rows, rest)) = target.split_first() else { return Err(problem()) };
        let rows_are_open = match rows {
            None | Some(0) => false,
            Some(-1) => true,
            Some(n) => {
                if Some(*n) != self.rows {
                    return Err(problem());
                }
                false
            }
        };
        let mut known = 1usize;
        let mut open = None;
        let mut sample = Vec::new();
        for (axis, length) in rest.iter().enumerate() {
            let length = match length {
                Some(0) => *x.shape.get(axis).ok_or_else(problem)?,
                Some(-1) if open.is_none() && !rows_are_open => {
                    open = Some(axis);
                    1
                }
                Some(n) if *n > 0 => usize::try_from(*n).map_err(|_| problem())?,
                _ => return Err(problem()),
            };
            known = known.checked_mul(length).ok_or_else(problem)?;
            sample.push(length);
        }
        if let Some(axis) = open {
            if known == 0 || !elements.is_multiple_of(known) {
                return Err(problem());
            }
            sample[axis] = elements / known;
            known = elements;
        }
        if known == elements { Ok(sample) } else { Err(problem()) }
    }

    fn transposed_value(&mut self, at: &At<'_>, x: &Flow) -> Result<Flow> {
        at.only(&["perm"])?;
        let rank = x.shape.len() as i64 + 1;
        let perm = at.ints("perm")?.unwrap_or_default();
        let mut seen = vec![false; rank as usize];
        for axis in perm {
            if let Some(seen) = usize::try_from(*axis).ok().and_then(|axis| seen.get_mut(axis)) {
                *seen = true;
            }
        }
        if perm.first() != Some(&0) || perm.len() as i64 != rank || seen.contains(&false) {
            return Err(at.error(format!(
                "perm = {perm:?}, expected an order of {rank} axes in which the batch stays first"
            )));
        }
        if perm.is_sorted() {
            return Ok(x.clone());
        }
        let output = perm[1..].iter().map(|axis| x.shape[*axis as usize - 1]).collect();
        let dims = perm[1..].to_vec();
        self.put(at, &[x], output, vec![], |name| Permute::new(dims).name(name))
    }
}
