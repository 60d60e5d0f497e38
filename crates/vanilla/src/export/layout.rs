//! Where the values of a [`Program`] lie while it runs: arguments, results, and a few buffers that are used again.

use super::program::{Program, Work};

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the argument with this number.
    Argument(usize),
    /// In the buffer with this number.
    Buffer(usize),
    /// In the result with this number.
    Result(usize),
}

/// The places of all values.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of each value.
    pub places: Vec<Place>,
    /// Elements of each buffer.
    pub buffers: Vec<usize>,
    /// Results whose value lies elsewhere: number and value.
    pub copies: Vec<(usize, usize)>,
}

impl Layout {
    /// Values that are outputs lie in the results; a function of every element stays in the buffer of its argument, if
    /// nobody reads that later; a regrouping is nothing.
    pub fn new(program: &Program) -> Self {
        let first = program.fronts.len();
        let count = first + program.steps.len();
        // The value whose elements these are.
        let mut root: Vec<usize> = (0..count).collect();
        for (number, step) in program.steps.iter().enumerate() {
            if let Work::Regroup = step.work {
                root[first + number] = root[step.reads[0]];
            }
        }
        let mut last_read = vec![0; count];
        for (number, step) in program.steps.iter().enumerate() {
            step.reads.iter().for_each(|value| last_read[root[*value]] = number);
        }
        let mut result = vec![None; count];
        let mut copies = Vec::new();
        for (number, output) in program.outputs.iter().enumerate() {
            let root = root[output.value];
            if root >= first && result[root].is_none() {
                result[root] = Some(number);
            } else {
                copies.push((number, output.value));
            }
        }
        let mut places: Vec<Place> = (0..first).map(Place::Argument).collect();
        let mut buffers: Vec<usize> = Vec::new();
        // The value in each buffer.
        let mut holds: Vec<usize> = Vec::new();
        for (number, step) in program.steps.iter().enumerate() {
            let value = first + number;
            let place = if root[value] != value {
                places[root[value]]
            } else if let Some(result) = result[value] {
                Place::Result(result)
            } else {
                let elements = program.elements(value);
                let x = root[step.reads[0]];
                let stays =
                    matches!(step.work, Work::Curve { .. } | Work::ShiftScale { .. }) && last_read[x] == number;
                let buffer = match places[x] {
                    Place::Buffer(buffer) if stays => buffer,
                    _ => {
                        let free = (0..buffers.len()).filter(|buffer| last_read[holds[*buffer]] < number);
                        let nearest = free.min_by_key(|buffer| buffers[*buffer].abs_diff(elements));
                        nearest.unwrap_or_else(|| {
                            buffers.push(0);
                            holds.push(0);
                            buffers.len() - 1
                        })
                    }
                };
                buffers[buffer] = buffers[buffer].max(elements);
                holds[buffer] = value;
                Place::Buffer(buffer)
            };
            places.push(place);
        }
        Self { places, buffers, copies }
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        4 * self.buffers.iter().sum::<usize>()
    }
}
