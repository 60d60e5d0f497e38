//! Graphs made by hand.

use vanilla::formats::onnx::{self, Attribute, DType, Dim, Graph, Info, Model as File, Node, Tensor as Constant};
use vanilla::prelude::*;

fn info(name: &str, dtype: DType, dims: &[Dim]) -> Info {
    Info { name: name.into(), dtype, dims: Some(dims.to_vec()) }
}

pub fn open() -> Dim {
    Dim::Named("batch".into())
}

pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> Node {
    Node {
        name: format!("/{op}"),
        op_type: op.into(),
        domain: String::new(),
        inputs: inputs.iter().map(|name| (*name).into()).collect(),
        outputs: vec![output.into()],
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
    }
}

/// A file with an input `x` of (batch, 4), some constants, and these nodes, which make `y`.
pub fn file(nodes: Vec<Node>) -> File {
    File {
        ir_version: 8,
        opsets: vec![(String::new(), 17)],
        graph: Graph {
            name: "g".into(),
            inputs: vec![info("x", DType::Float, &[open(), Dim::Is(4)])],
            outputs: vec![info("y", DType::Float, &[open(), Dim::Is(4)])],
            initializers: vec![
                Constant::f32("w", [4, 3], vec![0.5; 12]),
                Constant::f32("square", [4, 4], vec![0.5; 16]),
                Constant::f32("row", [4], vec![1.0, 2.0, 3.0, 4.0]),
                Constant::f32("three", [3], vec![1.0; 3]),
                Constant::f32("nan", [4, 1], vec![1.0, f32::NAN, 1.0, 1.0]),
                Constant::f32("zero", [], vec![0.0]),
                Constant::f32("cube", [2, 2, 2], vec![1.0; 8]),
                Constant::i64("minus", vec![-1]),
                Constant::i64("two_by_two", vec![0, 2, 2]),
                Constant::i64("twelve", vec![12, -1]),
            ],
            nodes,
        },
        ..File::default()
    }
}

pub fn import(file: &File) -> Result<Model> {
    Model::from_onnx(&onnx::write(file).unwrap())
}
