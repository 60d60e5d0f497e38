//! What the tests of several layers do: the round of the keys, messages, values in f64, gradients by differences.

use super::{Layer, from_config};
use crate::config::Keys;
use crate::error::Result;
use crate::registry::Registry;
use std::sync::Arc;
use vanilla_plan::kernels::{Isa, Kernels};
use vanilla_plan::reference::{Matrix, values};
use vanilla_plan::{Fact, MAX_ROW_WEIGHTS, Network, RowFunction};

/// The layer of this class with these keys.
pub(super) fn from_keys(class: &str, keys: Keys) -> Result<Arc<dyn Layer>> {
    from_config(class, keys, &Registry::new())
}

/// Kernels on one thread.
pub(super) fn kernels() -> Kernels {
    Kernels::new(Isa::best(), 1).unwrap()
}

/// `from_config(config())` has the same `config()`.
pub(super) fn round_trip(layer: &dyn Layer) {
    let read = from_keys(layer.class_name(), layer.config()).unwrap();
    assert_eq!(read.config(), layer.config());
}

/// The message of a layer that refuses these inputs.
pub(super) fn build_error(layer: &dyn Layer, inputs: &[&[usize]]) -> String {
    let inputs: Vec<Vec<usize>> = inputs.iter().map(|shape| shape.to_vec()).collect();
    layer.build(layer.class_name(), &inputs).unwrap_err().to_string()
}

/// What a layer without variables makes of one sample, each input with its shape.
pub(super) fn apply(layer: &dyn Layer, inputs: &[(&[usize], &[f64])]) -> Vec<f64> {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|(shape, _)| shape.to_vec()).collect();
    let built = layer.build(layer.class_name(), &shapes).unwrap();
    let mut network = Network::new(inputs.iter().map(|(_, x)| x.len()).collect::<Vec<_>>());
    let places: Vec<usize> = (0..inputs.len()).collect();
    let output = network.extend(&places, &built.facts, &[]);
    let xs = inputs.iter().map(|(_, x)| Matrix::new(1, x.len(), x.iter().copied())).collect();
    let y = values(&network, &[], xs, false).swap_remove(output).elements;
    assert_eq!(y.len(), built.output_shape.iter().product::<usize>());
    y
}

/// The row function among the facts of a layer for these inputs.
pub(super) fn row_function(layer: &dyn Layer, inputs: &[&[usize]]) -> Arc<dyn RowFunction> {
    let inputs: Vec<Vec<usize>> = inputs.iter().map(|shape| shape.to_vec()).collect();
    let facts = layer.build(layer.class_name(), &inputs).unwrap().facts;
    let function = facts.into_iter().find_map(|fact| match fact {
        Fact::Rows(function) => Some(function),
        _ => None,
    });
    function.unwrap()
}

/// The gradient by x against differences of the truth at a row without kinks nearby, and the value against the
/// truth.
pub(super) fn gradient_check(function: &dyn RowFunction, lengths: &[usize], x: &[f64]) {
    let outputs = function.outputs(lengths);
    let narrow: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let truth = |x: &[f64]| {
        let mut y = vec![0.0; outputs];
        assert!(function.reference(x, &[&[]; MAX_ROW_WEIGHTS], &mut y));
        y
    };
    let mut y = vec![0.0; outputs];
    function.forward(&narrow, &[&[]; MAX_ROW_WEIGHTS], &mut y);
    for (got, want) in y.iter().zip(truth(x)) {
        assert!((f64::from(*got) - want).abs() <= 1e-6 * want.abs().max(1.0), "{got} instead of {want}");
    }
    let dy: Vec<f32> = (0..outputs).map(|i| 0.25 + (i % 5) as f32 * 0.5).collect();
    let mut dx = vec![0.0; x.len()];
    let mut none: [&mut [f32]; MAX_ROW_WEIGHTS] = Default::default();
    function.backward(&narrow, &[&[]; MAX_ROW_WEIGHTS], &y, &dy, &mut dx, &mut none);
    for i in 0..x.len() {
        let moved = |by: f64| {
            let mut x = x.to_vec();
            x[i] += by;
            truth(&x).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
        };
        let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let got = f64::from(dx[i]);
        assert!((got - want).abs() <= 1e-5 * want.abs().max(1.0), "d by element {i}: {got} instead of {want}");
    }
}

/// Numbers that are all different and none of which is 0.
pub(super) fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 37 + 11) % 97) as f64 / 32.0 - 1.5 + 1.0 / 128.0).collect()
}
