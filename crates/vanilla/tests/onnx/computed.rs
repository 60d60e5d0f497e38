//! Graphs whose answers follow from the definitions of their operators: the corners that no recorded file has. What no
//! layer computes as the operator does is refused.

use crate::graphs::{file, import, node};
use crate::refused::refused;
use vanilla::formats::onnx::{Attribute, DType, Model as File, Node, Tensor as Constant, Values};
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

fn cast(input: &str, output: &str, to: DType) -> Node {
    node("Cast", &[input], output, &[("to", Attribute::Int(to.number() as i64))])
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

/// A constant is what its casts make of it.
#[test]
fn casts_of_constants() {
    let through = |values: Values, to: DType| {
        let product = node("Mul", &["x", "g"], "y", &[]);
        with(values, vec![cast("k", "h", to), cast("h", "g", DType::Float), product])
    };
    let whole = || Values::I64(vec![5, 0, 2, -1]);
    let floats = || Values::F32(vec![1.9, -1.9, 0.0, 3.0]);
    for (values, to, wanted) in [
        (whole(), DType::Bool, [1.0, 0.0, 1.0, 1.0]),
        (whole(), DType::Int8, [5.0, 0.0, 2.0, -1.0]),
        (whole(), DType::Double, [5.0, 0.0, 2.0, -1.0]),
        (floats(), DType::Bool, [1.0, 1.0, 0.0, 1.0]),
        (floats(), DType::Int64, [1.0, -1.0, 0.0, 3.0]),
        (floats(), DType::Double, [1.9, -1.9, 0.0, 3.0]),
        (Values::F64(vec![0.1, 1e-9, 3.0, 1.0]), DType::Float, [0.1, 1e-9, 3.0, 1.0]),
        (Values::Bool(vec![true, false, true, false]), DType::Uint8, [1.0, 0.0, 1.0, 0.0]),
    ] {
        computes(to.name(), &through(values, to), [1.0; 4], wanted);
    }
    for (values, to, expected) in [
        (whole(), DType::Uint8, "a constant of int64 to uint8: element 3 is -1, expected from 0 to 255"),
        (Values::I64(vec![1, 300]), DType::Uint8, "element 1 is 300, expected from 0 to 255"),
        (Values::F32(vec![3e9]), DType::Int32, "element 0 is 3000000000, expected from -2147483648 to 2147483647"),
        (Values::F32(vec![f32::NAN]), DType::Int64, "element 0 is NaN, expected from -9223372036854775808 to"),
        (Values::F64(vec![2f64.powi(63)]), DType::Int64, "element 0 is 9223372036854776000, expected from"),
        (floats(), DType::Float16, "a constant of float32 to float16, expected float32, float64, integers or"),
        (whole(), DType::Bfloat16, "a constant of int64 to bfloat16, expected float32, float64, integers or"),
        (whole(), DType::String, "a constant of int64 to string"),
        (Values::Text(vec!["1".into()]), DType::Float, "a constant of string to float32"),
    ] {
        refused(to.name(), &through(values, to), expected);
    }
    // Lengths of axes as floats are floats.
    let length = |last: Node| {
        let axis = node("Gather", &["shape", "k"], "d", &[]);
        with(
            Values::I64(vec![1]),
            vec![node("Shape", &["x"], "shape", &[]), axis, cast("d", "f", DType::Float), last],
        )
    };
    let quotient = length(node("Div", &["x", "f"], "y", &[]));
    computes("by a length", &quotient, [1.0, 2.0, 3.0, 4.0], [0.25, 0.5, 0.75, 1.0]);
    let mut rows = quotient;
    rows.graph.initializers.last_mut().unwrap().values = Values::I64(vec![0]);
    refused("by the rows", &rows, "the number of rows to float32, expected only whole numbers to be made of it");
}

/// A thousand casts of a large constant, each the other way.
#[test]
fn casts_do_not_multiply_constants() {
    let mut nodes = Vec::new();
    for n in 0..1000 {
        let (to, from) = ([DType::Float, DType::Int64][n % 2], if n == 0 { "k".into() } else { format!("k{n}") });
        nodes.push(cast(&from, &format!("k{}", n + 1), to));
    }
    nodes.push(node("Relu", &["x"], "y", &[]));
    let graph = with(Values::I64(vec![1; 1 << 19]), nodes);
    refused("a thousand", &graph, "constants are read again and again");
}

/// The input `x` of this type.
fn of(dtype: DType, nodes: Vec<Node>) -> File {
    let mut file = with(Values::I64(vec![2]), nodes);
    file.graph.inputs[0].dtype = dtype;
    file
}

/// Integers divide without a rest, and wrap: there are no layers for that.
#[test]
fn integers_are_not_computed_with() {
    let way = "computes with integers, expected a Cast to float32 before it";
    for dtype in [DType::Int64, DType::Int32, DType::Uint8] {
        for first in [
            node("Div", &["x", "k"], "h", &[]),
            node("Sub", &["k", "x"], "h", &[]),
            node("Mul", &["x", "x"], "h", &[]),
            node("Relu", &["x"], "h", &[]),
            node("MatMul", &["x", "square"], "h", &[]),
            node("Clip", &["x", "k"], "h", &[]),
        ] {
            let name = format!("{} of {}", first.op_type, dtype.name());
            let op = format!("of '{}': {way}", first.op_type);
            refused(&name, &of(dtype, vec![first, cast("h", "y", DType::Float)]), &op);
        }
        let moved = vec![
            node("Identity", &["x"], "a", &[]),
            node("Reshape", &["a", "two_by_two"], "b", &[]),
            node("Transpose", &["b"], "c", &[("perm", Attribute::Ints(vec![0, 2, 1]))]),
            node("Flatten", &["c"], "d", &[]),
            node("Add", &["d", "k"], "y", &[]),
        ];
        refused("moved", &of(dtype, moved.clone()), way);
        let mut late = moved;
        late[4] = cast("d", "f", DType::Float);
        late.push(node("Div", &["f", "row"], "y", &[]));
        computes("moved, then floats", &of(dtype, late), [4.0, 5.0, 6.0, 7.0], [4.0, 3.0, 5.0 / 3.0, 1.75]);
    }
    let scaler = Node { domain: "ai.onnx.ml".into(), ..node("Scaler", &["x"], "y", &[]) };
    computes("a Scaler makes floats", &of(DType::Int64, vec![scaler]), [3.0; 4], [3.0; 4]);
    let pixels = vec![cast("x", "f", DType::Float), node("Div", &["f", "row"], "y", &[])];
    computes("pixels", &of(DType::Uint8, pixels), [3.0; 4], [3.0, 1.5, 1.0, 0.75]);
}

/// What a cast cuts off a value is seen nowhere but in the row of a table that it picks.
#[test]
fn casts_that_cut() {
    let cuts = |dtype: DType, nodes: Vec<Node>| of(dtype, [vec![cast("x", "i", DType::Int32)], nodes].concat());
    let floats = || cast("i", "f", DType::Float);
    for dtype in [DType::Float, DType::Int64, DType::Uint32] {
        let graph = cuts(dtype, vec![floats(), node("Relu", &["f"], "y", &[])]);
        refused("back", &graph, "what a Cast to integers cut off is lost, expected only a Gather to read them");
        let joined =
            vec![node("Concat", &["i", "i"], "j", &[("axis", Attribute::Int(1))]), cast("j", "y", DType::Float)];
        refused("joined", &cuts(dtype, joined), "what a Cast to integers cut off is lost");
        let output = cuts(dtype, vec![node("Identity", &["i"], "y", &[])]);
        refused("output", &output, "onnx: output 'y': integers that a Cast cut, expected a Gather to read them");
        let picks = vec![
            node("Gather", &["square", "i"], "rows", &[]),
            node("Squeeze", &["rows"], "y", &[("axes", Attribute::Ints(vec![1]))]),
        ];
        let mut graph = cuts(dtype, picks);
        graph.graph.inputs[0].dims.as_mut().unwrap()[1] = vanilla::formats::onnx::Dim::Is(1);
        let model = import(&graph).unwrap();
        let x = Tensor::new(vec![1f32, 3.0], [2, 1]).unwrap();
        assert_eq!(model.predict(&x).unwrap().to_f32(), [0.5; 8], "{}", dtype.name());
    }
    for dtype in [DType::Uint8, DType::Int16, DType::Int32, DType::Bool] {
        computes(
            "kept",
            &cuts(dtype, vec![cast("i", "y", DType::Float)]),
            [1.0, 0.0, 1.0, 1.0],
            [1.0, 0.0, 1.0, 1.0],
        );
    }
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
