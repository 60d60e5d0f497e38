//! Graphs whose answers follow from the definitions of their operators: the corners that no recorded file has. What no
//! layer computes as the operator does is refused.

use crate::graphs::{file, import, node};
use crate::refused::refused;
use vanilla::formats::onnx::{Attribute, Model as File, Node, Tensor as Constant, Values};
use vanilla::prelude::*;

/// What a graph makes of a row `x`.
#[track_caller]
fn computes(name: &str, file: &File, x: [f32; 4], wanted: [f32; 4]) {
    let model = import(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let got = model.predict(Tensor::new(x.to_vec(), [1, 4]).unwrap()).unwrap().to_f32();
    let near = |(got, wanted): (&f32, &f32)| {
        got == wanted || got.is_nan() && wanted.is_nan() || (got - wanted).abs() <= 1e-6 * wanted.abs()
    };
    assert!(got.len() == 4 && got.iter().zip(&wanted).all(near), "{name}: {got:?}, expected {wanted:?}");
}

/// With one more constant, `k`.
fn with(values: Values, nodes: Vec<Node>) -> File {
    let mut file = file(nodes);
    let dims = if values.len() == 1 { vec![] } else { vec![values.len()] };
    file.graph.initializers.push(Constant { name: "k".into(), dims, values });
    file
}

/// Only the node that reads a product is the addition of its bias.
#[test]
fn a_bias_is_added_to_the_product() {
    let product = || node("MatMul", &["h", "square"], "y", &[]);
    for inputs in [["row", "x"], ["x", "row"]] {
        let graph = file(vec![node("Add", &inputs, "h", &[]), product()]);
        computes("an addition before", &graph, [1.0; 4], [7.0; 4]);
    }
    for inputs in [["row", "h"], ["h", "row"]] {
        let graph = file(vec![node("MatMul", &["x", "square"], "h", &[]), node("Add", &inputs, "y", &[])]);
        computes("a bias", &graph, [1.0; 4], [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(import(&graph).unwrap().count_params(), 20);
    }
    let mut both = file(vec![node("MatMul", &["x", "square"], "h", &[]), node("Add", &["h", "row"], "y", &[])]);
    both.graph.outputs[0].name = "h".into();
    computes("the product is an output", &both, [1.0; 4], [2.0; 4]);
}

#[test]
fn scales_of_any_size() {
    for (offset, scale, x, wanted) in [
        (0.5, [2.0, 0.5, 1.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 0.75, 2.5, 14.0]),
        (0.5, [-1.0, 1e7, 0.0, 1.0], [1.5; 4], [-1.0, 1e7, 0.0, 1.0]),
        (0.0, [1e8, 1e12, 1e30, 1.0], [3e-8, 3e-12, 3e-30, 3.0], [3.0; 4]),
    ] {
        let settings = [("offset", Attribute::Floats(vec![offset])), ("scale", Attribute::Floats(scale.to_vec()))];
        let mut graph = file(vec![node("Scaler", &["x"], "y", &settings)]);
        graph.graph.nodes[0].domain = "ai.onnx.ml".into();
        computes(&format!("{scale:?}"), &graph, x, wanted);
    }
}

/// A bound is one for infinite numbers, too, and none for NaN.
#[test]
fn bounds_of_numbers_that_are_not_finite() {
    let x = [-1000.0, 0.0, 1000.0, 1000.0];
    let half = || Values::F32(vec![0.5]);
    let (infinite, nan) = (f32::INFINITY, f32::NAN);
    // Infinity times 0 is NaN.
    let last = || Constant::f32("last", [4], vec![1.0, 1.0, 1.0, 0.0]);
    let odd = || vec![node("Exp", &["x"], "infinite", &[]), node("Mul", &["infinite", "last"], "e", &[])];
    for (op, wanted) in [("Min", [0.0, 0.5, 0.5, nan]), ("Max", [0.5, 1.0, infinite, nan])] {
        let mut graph = with(half(), [odd(), vec![node(op, &["e", "k"], "y", &[])]].concat());
        graph.graph.initializers.push(last());
        computes(op, &graph, x, wanted);
    }
    let clip = |min: f32, max: f32| {
        let bounds = [("min", Attribute::Float(min)), ("max", Attribute::Float(max))];
        let mut graph = file([odd(), vec![node("Clip", &["e"], "y", &bounds)]].concat());
        graph.graph.initializers.push(last());
        graph.opsets[0].1 = 10;
        graph
    };
    computes("Clip", &clip(0.5, 5.0), x, [0.5, 1.0, 5.0, nan]);
    computes("Clip from below", &clip(0.5, f32::MAX), x, [0.5, 1.0, infinite, nan]);
    computes("Clip the wrong way round", &clip(5.0, 0.5), x, [0.5, 0.5, 0.5, nan]);
}

/// Before version 14 the moments of the batch are outputs in training and nowhere else.
#[test]
fn batch_normalization_in_training() {
    let graph = |version: i64, outputs: &[&str]| {
        let mut graph = file(vec![node("BatchNormalization", &["x", "row", "row", "row", "row"], "y", &[])]);
        graph.opsets[0].1 = version;
        graph.graph.nodes[0].outputs.extend(outputs.iter().map(|name| (*name).to_owned()));
        graph
    };
    for version in [7, 9, 13] {
        let expected =
            "its outputs behind the first say that it is trained, expected a model that is exported for inference";
        refused("trained", &graph(version, &["mean", "var"]), expected);
        refused("trained", &graph(version, &["", "", "saved_mean", "saved_var"]), expected);
        let x = [1.0, 2.0, 3.0, 4.0];
        computes("inference", &graph(version, &["", ""]), x, x);
    }
}
