//! ONNX files: round trips, files of other tools, hostile ones, damage.

mod common;

use common::refused;
use proptest::prelude::*;
use vanilla_formats::onnx::{self, Attribute, DType, Dim, Graph, Info, Model, Node, Tensor, Values};

/// Written by skl2onnx 1.20 and by the reference implementation (onnx 1.23).
const SKLEARN: &[u8] = include_bytes!("../../vanilla/tests/golden/onnx/sklearn_classifier.onnx");
const EXPORTER: &[u8] = include_bytes!("../../vanilla/tests/golden/onnx/torch_block.onnx");

/// A message of protobuf, field by field.
#[derive(Clone, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn varint(mut self, mut n: u64) -> Self {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
        self
    }
    fn int(self, field: u64, n: u64) -> Self {
        self.varint(field << 3).varint(n)
    }
    fn bytes(self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let mut out = self.varint(field << 3 | 2).varint(bytes.as_ref().len() as u64);
        out.0.extend_from_slice(bytes.as_ref());
        out
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn new() -> Bytes {
    Bytes::default()
}

/// A file around a graph.
fn file(graph: impl AsRef<[u8]>) -> Vec<u8> {
    new().int(1, 8).bytes(2, "test").bytes(7, graph).bytes(8, new().int(2, 17)).0
}

/// A file around an initializer.
fn initializer(tensor: impl AsRef<[u8]>) -> Vec<u8> {
    file(new().bytes(5, tensor))
}

/// A file around a node.
fn node(node: impl AsRef<[u8]>) -> Vec<u8> {
    file(new().bytes(1, node))
}

/// A file around an attribute `a` with these fields.
fn attribute(fields: Bytes) -> Vec<u8> {
    node(new().bytes(2, "y").bytes(3, "n").bytes(4, "Op").bytes(5, [new().bytes(1, "a").0, fields.0].concat()))
}

/// A file around an input `x` of this type.
fn input(kind: impl AsRef<[u8]>) -> Vec<u8> {
    file(new().bytes(11, new().bytes(1, "x").bytes(2, kind)))
}

/// The head of an initializer `w` of this type and shape.
fn tensor(dtype: u64, dims: &[u64]) -> Bytes {
    dims.iter().fold(new(), |tensor, dim| tensor.int(1, *dim)).int(2, dtype).bytes(8, "w")
}

fn hostile(name: &str, bytes: &[u8], fragment: &str) {
    refused(name, onnx::read(bytes), fragment);
}

fn example() -> Model {
    let named =
        |name: &str, dims: &[Dim]| Info { name: name.into(), dtype: DType::Float, dims: Some(dims.to_vec()) };
    let w = Tensor::f32("w", [2, 3], vec![0.5, -1.0, f32::MIN_POSITIVE, 3e38, -0.0, 7.25]);
    let attributes = vec![
        ("alpha".to_owned(), Attribute::Float(0.25)),
        ("axis".to_owned(), Attribute::Int(-1)),
        ("text".to_owned(), Attribute::Text("ä".into())),
        ("floats".to_owned(), Attribute::Floats(vec![1.0, -2.5])),
        ("ints".to_owned(), Attribute::Ints(vec![i64::MIN, 0, i64::MAX])),
        ("texts".to_owned(), Attribute::Texts(vec![String::new(), "b".into()])),
        ("tensor".to_owned(), Attribute::Tensor(Tensor::f32("", [], vec![1.5]))),
    ];
    let node = |name: &str, op: &str, inputs: &[&str], output: &str, attributes: &[(String, Attribute)]| Node {
        name: name.into(),
        op_type: op.into(),
        domain: String::new(),
        inputs: inputs.iter().map(|name| (*name).into()).collect(),
        outputs: vec![output.into()],
        attributes: attributes.to_vec(),
    };
    Model {
        ir_version: 9,
        opsets: vec![(String::new(), 20), ("ai.onnx.ml".into(), 3)],
        producer: "test".into(),
        producer_version: "1".into(),
        metadata: vec![("k".into(), "v".into()), ("empty".into(), String::new())],
        graph: Graph {
            name: "g".into(),
            inputs: vec![named("x", &[Dim::Named("batch".into()), Dim::Is(2)])],
            outputs: vec![named("y", &[Dim::Named(String::new()), Dim::Is(3)])],
            initializers: vec![
                w,
                Tensor::i64("n", vec![-1, 0, i64::MAX]),
                Tensor { name: "d".into(), dims: vec![1], values: Values::F64(vec![0.1]) },
                Tensor { name: "b".into(), dims: vec![2, 1], values: Values::Bool(vec![true, false]) },
                Tensor { name: "t".into(), dims: vec![2], values: Values::Text(vec!["a".into(), String::new()]) },
                Tensor::f32("none", [0, 4], vec![]),
            ],
            nodes: vec![
                node("product", "MatMul", &["x", "w"], "h", &[]),
                node("", "Op", &["h", "", "n"], "y", &attributes),
            ],
        },
    }
}

#[test]
fn what_is_written_is_read() {
    let model = example();
    let bytes = onnx::write(&model).unwrap();
    assert_eq!(onnx::read(&bytes).unwrap(), model);
    assert_eq!(onnx::write(&onnx::read(&bytes).unwrap()).unwrap(), bytes);
}

#[test]
fn files_of_other_tools_make_the_round() {
    for (name, bytes, nodes) in [("skl2onnx", SKLEARN, 16), ("onnx", EXPORTER, 25)] {
        let model = onnx::read(bytes).unwrap();
        assert_eq!(model.graph.nodes.len(), nodes, "{name}");
        assert_eq!(onnx::read(&onnx::write(&model).unwrap()).unwrap(), model, "{name}");
    }
    let model = onnx::read(EXPORTER).unwrap();
    assert_eq!((&*model.producer, model.ir_version), ("pytorch", 8));
    assert_eq!(model.graph.inputs[0].dims.as_ref().unwrap()[0], Dim::Named("n".into()));
    assert_eq!(model.graph.nodes[0].attribute("epsilon"), Some(&Attribute::Float(1e-5)));
    assert_eq!(model.graph.nodes[3].op_type, "Constant");
}

#[test]
fn numbers_in_the_field_of_their_type() {
    let values = |bytes: Vec<u8>| onnx::read(&bytes).unwrap().graph.initializers.remove(0).values;
    let le = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(values(initializer(tensor(1, &[2]).bytes(4, le(&[1.5, -2.0])))), Values::F32(vec![1.5, -2.0]));
    assert_eq!(values(initializer(tensor(7, &[2]).bytes(7, [3, 4]))), Values::I64(vec![3, 4]));
    assert_eq!(values(initializer(tensor(7, &[2]).int(7, u64::MAX).int(7, 5))), Values::I64(vec![-1, 5]));
    assert_eq!(values(initializer(tensor(6, &[]).int(5, 9))), Values::I64(vec![9]));
    assert_eq!(values(initializer(tensor(9, &[2]).bytes(5, [1, 0]))), Values::Bool(vec![true, false]));
    assert_eq!(values(initializer(tensor(10, &[1]).int(5, 0xc000))), Values::F32(vec![-2.0]));
    assert_eq!(values(initializer(tensor(10, &[1]).bytes(9, [0x00, 0x3c]))), Values::F32(vec![1.0]));
    assert_eq!(values(initializer(tensor(16, &[1]).bytes(9, [0x40, 0xc0]))), Values::F32(vec![-3.0]));
    assert_eq!(values(initializer(tensor(3, &[2]).bytes(9, [0xff, 1]))), Values::I64(vec![-1, 1]));
    assert_eq!(values(initializer(tensor(11, &[1]).bytes(10, 0.1f64.to_le_bytes()))), Values::F64(vec![0.1]));
    assert_eq!(values(initializer(tensor(13, &[1]).bytes(11, [7]))), Values::I64(vec![7]));
    let texts = Values::Text(vec!["a".into(), "ä".into()]);
    assert_eq!(values(initializer(tensor(8, &[2]).bytes(6, "a").bytes(6, "ä"))), texts);
    assert_eq!(values(initializer(tensor(1, &[0, 7]))), Values::F32(vec![]));
    // Old files have no type of an attribute, and inputs for initializers.
    let old = onnx::read(&attribute(new().int(3, 5))).unwrap();
    assert_eq!(old.graph.nodes[0].attributes, [("a".to_owned(), Attribute::Int(5))]);
    let float = new().bytes(1, new().int(1, 1));
    let twice = new().bytes(5, tensor(1, &[0])).bytes(11, new().bytes(1, "w").bytes(2, float));
    assert_eq!(onnx::read(&file(twice)).unwrap().graph.inputs, []);
}

#[test]
fn other_formats_are_named() {
    hostile("nothing", b"", "not an ONNX file (byte 08 first): found an empty file");
    hostile("zip", b"PK\x03\x04 and so on", "found a zip archive");
    hostile("HDF5", b"\x89HDF\r\n\x1a\n....", "found an HDF5 file");
    hostile("JSON", b"{\"a\": 1}", "found JSON text");
    hostile("TensorFlow Lite", b"\x1c\0\0\0TFL3....", "found a TensorFlow Lite model");
    hostile("Git LFS", b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer");
    refused("ONNX as safetensors", vanilla_formats::safetensors::read(&file(new())), "found an ONNX model");
}

#[test]
fn what_is_missing_or_there_twice() {
    let graph = new();
    hostile("only a version", &new().int(1, 8).0, "ONNX, model: expected a graph, found none");
    hostile("no opset", &new().int(1, 8).bytes(7, &graph).0, "model: expected opset_import, found none");
    hostile(
        "version 2",
        &new().int(1, 2).bytes(7, &graph).0,
        "ir_version: unsupported: version 2, known are 3 to 14",
    );
    hostile("version 99", &new().int(1, 99).bytes(7, &graph).0, "ir_version: unsupported: version 99");
    hostile(
        "two graphs",
        &new().int(1, 8).bytes(7, &graph).bytes(7, &graph).0,
        "graph: expected every field once",
    );
    hostile(
        "two versions",
        &new().int(1, 8).int(1, 9).0,
        "ir_version: expected every field once, found one twice",
    );
    let opset = new().int(2, 17);
    let two = new().int(1, 8).bytes(7, &graph).bytes(8, &opset).bytes(8, new().bytes(1, "ai.onnx").int(2, 9));
    hostile("two opsets", &two.0, "opset_import: expected every domain once, found ``");
    let pair = new().bytes(1, "k").bytes(2, "v");
    let twice = new().int(1, 8).bytes(14, &pair).bytes(14, &pair);
    hostile("metadata twice", &twice.0, "metadata_props: expected every name once, found `k`");
    let w = tensor(1, &[0]);
    hostile(
        "an initializer twice",
        &file(new().bytes(5, &w).bytes(5, &w)),
        "initializer: expected every name once",
    );
    hostile("no name", &initializer(new().int(1, 0).int(2, 1)), "initializer: expected a name of 1 to 1024 bytes");
    let y = new().bytes(2, "y").bytes(4, "Relu");
    hostile(
        "an output twice",
        &file(new().bytes(1, &y).bytes(1, &y)),
        "node 1 `` (`Relu`): expected every name once",
    );
    let before = new().bytes(1, new().bytes(1, "y").bytes(2, "z").bytes(3, "first").bytes(4, "Relu")).bytes(1, &y);
    hostile("read before it is made", &file(before), "node 0 `first` (`Relu`): expected inputs that are there");
    hostile("a cycle", &node(y.clone().bytes(1, "y")), "found `y`, which no earlier node makes");
    hostile(
        "no operator",
        &node(new().bytes(2, "y").bytes(3, "n")),
        "node 0 `n`: expected an operator, found none",
    );
    let float = new().bytes(1, new().int(1, 1));
    let output = new().bytes(12, new().bytes(1, "z").bytes(2, &float));
    hostile("an output that nobody makes", &file(output), "output `z`: expected a value that a node makes");
    hostile("two settings", &attribute(new().int(3, 1).int(3, 2)), "attribute `a`: expected every field once");
    let same = new().bytes(2, "y").bytes(5, new().bytes(1, "a").int(3, 1)).bytes(5, new().bytes(1, "a").int(3, 1));
    hostile("an attribute twice", &node(same), "node 0: expected every attribute once, found `a`");
}

#[test]
fn what_is_refused_by_name() {
    let external = tensor(1, &[1]).bytes(13, new().bytes(1, "location").bytes(2, "../../etc/passwd"));
    hostile(
        "external data",
        &initializer(external),
        "initializer 0 `w`: unsupported: data in another file (save the",
    );
    hostile("data_location", &initializer(tensor(1, &[1]).int(14, 1)), "unsupported: data in another file");
    let inside = attribute(new().bytes(5, tensor(1, &[1]).int(14, 1)).int(20, 4));
    hostile("external data inside", &inside, "node 0 `n`, attribute `a` `w`: unsupported: data in another file");
    hostile("functions", &new().int(1, 8).bytes(25, "").0, "model: unsupported: functions (inline them first");
    hostile("training", &new().int(1, 8).bytes(20, "").0, "unsupported: a training graph");
    hostile("sparse", &file(new().bytes(15, "")), "graph: unsupported: sparse tensors");
    hostile("quantised", &file(new().bytes(14, "")), "graph: unsupported: quantisation");
    hostile("subgraph", &attribute(new().bytes(6, "")), "attribute `a`: unsupported: a graph inside the graph");
    hostile(
        "reference",
        &attribute(new().bytes(21, "x")),
        "unsupported: a reference to an attribute of a function",
    );
    hostile("tensors", &attribute(new().bytes(10, "")), "unsupported: a list of tensors");
    hostile("type 99", &attribute(new().int(20, 99)), "unsupported: an attribute of type 99");
    hostile("no value", &attribute(new()), "attribute `a`: expected a value, found none");
    hostile(
        "sequence",
        &input(new().bytes(4, "")),
        "input 0 `x`: unsupported: a sequence, expected a tensor (of skl2o",
    );
    hostile("map", &input(new().bytes(5, "")), "unsupported: a map, expected a tensor");
    hostile("no type", &input(new()), "input 0 `x`: expected the type of a tensor, found none");
    hostile("complex", &initializer(tensor(14, &[1])), "unsupported: elements of type complex64");
    hostile("float8", &initializer(tensor(17, &[1])), "unsupported: elements of type float8e4m3fn");
    hostile("int4", &initializer(tensor(22, &[1])), "unsupported: elements of type int4");
    hostile("type 0", &initializer(tensor(0, &[1])), "expected a type of elements from 1 to 28, found 0");
    hostile("segment", &initializer(tensor(1, &[1]).bytes(3, "")), "unsupported: a segment of a tensor");
}

#[test]
fn sizes_that_lie() {
    let floats = tensor(1, &[2]).bytes(9, [0; 4]);
    hostile(
        "too little",
        &initializer(floats),
        "initializer 0 `w`: expected 8 bytes of float32 for dims [2], found 4",
    );
    hostile("too much", &initializer(tensor(1, &[1]).bytes(9, [0; 8])), "expected 4 bytes of float32");
    let huge = [1 << 31, 1 << 31, 4];
    hostile("2^64", &initializer(tensor(1, &huge)), "expected a product of dims below 2^64, found dims");
    let large = [1 << 40];
    hostile("a terabyte", &initializer(tensor(1, &large).bytes(9, "")), "expected 4398046511104 bytes of float32");
    hostile("a terabyte of numbers", &initializer(tensor(7, &large)), "expected 1099511627776 elements of int64");
    hostile(
        "hidden by 0",
        &initializer(tensor(1, &[0, 1 << 40, 1 << 40])),
        "expected a product of dims below 2^64",
    );
    hostile("negative", &initializer(tensor(1, &[u64::MAX])), "expected dims from 0 on, found -1");
    hostile("17 axes", &initializer(tensor(1, &[1; 17])), "limit: expected at most 16, found more axes");
    let both = tensor(1, &[1]).bytes(9, [0; 4]).bytes(4, [0; 4]);
    hostile("two places", &initializer(both), "expected elements in one field, found raw_data and field 4");
    hostile(
        "another field",
        &initializer(tensor(1, &[1]).bytes(7, [1])),
        "expected elements of float32 in field 4",
    );
    let fields = tensor(1, &[1]).bytes(4, [0; 4]).bytes(7, [1]);
    hostile("two fields", &initializer(fields), "expected elements in one field, found fields 4 and 7");
    hostile(
        "half a float",
        &initializer(tensor(1, &[1]).bytes(4, [0; 6])),
        "expected a multiple of 4 bytes, found 6",
    );
    hostile(
        "too few",
        &initializer(tensor(7, &[3]).bytes(7, [1, 2])),
        "expected 3 elements of int64 for dims [3]",
    );
    hostile(
        "too many",
        &initializer(tensor(7, &[1]).bytes(7, [1, 2])),
        "expected 1 elements of int64 for dims [1]",
    );
    let wide = tensor(7, &[2]).bytes(7, [0x80, 0x01]);
    hostile("fewer than bytes", &initializer(wide), "expected 2 elements of int64 for dims [2], found 1");
    hostile("bool 2", &initializer(tensor(9, &[1]).bytes(9, [2])), "expected booleans 0 or 1, found 2");
    hostile("int8 of 300", &initializer(tensor(3, &[1]).int(5, 300)), "expected int8 from -128 to 127, found 300");
    hostile(
        "text as raw",
        &initializer(tensor(8, &[1]).bytes(9, "a")),
        "expected texts in string_data, found raw_data",
    );
    let text = tensor(8, &[1]).bytes(6, [0xff]);
    hostile("no UTF-8", &initializer(text), "initializer 0 `w`: expected text in UTF-8, found other bytes at 0");
    let many = tensor(7, &[1 << 21]).bytes(9, vec![0; 8 << 21]);
    hostile("two million integers", &initializer(many), "limit: expected at most 1048576");
    let nodes = (0..50_001).fold(new(), |graph, _| graph.bytes(1, ""));
    hostile("50 001 nodes", &file(nodes), "node 50000: limit: expected at most 50000");
    let attributes = (0..65).fold(new(), |node, n| node.bytes(5, new().bytes(1, format!("a{n}")).int(3, n)));
    hostile("65 attributes", &node(attributes), "node 0: limit: expected at most 64, found more attributes");
}

#[test]
fn names_and_wires() {
    let long = "x".repeat(1025);
    hostile(
        "a long name",
        &node(new().bytes(3, long)),
        "limit: expected at most 1024, found a name of 1025 bytes",
    );
    hostile(
        "a newline",
        &node(new().bytes(4, "a\nb")),
        "expected a name without control characters, found `a\\nb`",
    );
    hostile("no text", &node(new().bytes(2, [0xc3])), "node 0: expected text in UTF-8");
    hostile("a number as a name", &node(new().int(3, 7)), "node 0: expected a message or bytes, found a field of");
    hostile("a graph as a number", &new().int(1, 8).int(7, 1).0, "graph: expected a message or bytes");
    hostile("a text as a number", &new().int(1, 8).bytes(1, "x").0, "ir_version: expected a whole number");
    hostile("a group", b"\x08\x08\x3b", "model: expected a field of type 0, 1, 2 or 5, found type 3 of field 7");
    hostile("a length beyond", b"\x08\x08\x3a\x05ab", "model, field 7: truncated: expected 5 bytes, found 2");
    let endless = [0x08u8, 0x08, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    hostile("an endless length", &endless, "expected a number below 2^64 in at most 10 bytes");
    // Unknown fields are passed over, whatever they hold.
    let unknown = [file(new()), new().int(99, 5).bytes(1000, "x").0, vec![0xfd, 0x3e, 1, 2, 3, 4]].concat();
    assert_eq!(onnx::read(&unknown).unwrap(), onnx::read(&file(new())).unwrap());
}

#[test]
fn what_cannot_be_written() {
    let wrong = |change: &dyn Fn(&mut Model)| {
        let mut model = example();
        change(&mut model);
        onnx::write(&model)
    };
    refused("no opset", wrong(&|model| model.opsets.clear()), "opset_import: expected at least one set");
    refused("version", wrong(&|model| model.ir_version = 2), "ir_version: expected 3 to 14, found 2");
    refused(
        "dims",
        wrong(&|model| model.graph.initializers[0].dims[0] = 5),
        "as many elements as shape [5, 3] has",
    );
    refused("twice", wrong(&|model| model.graph.nodes[1].outputs[0] = "h".into()), "found `h` twice");
    refused(
        "name",
        wrong(&|model| model.graph.inputs[0].name = "a\0".into()),
        "a name without control characters",
    );
    refused(
        "metadata",
        wrong(&|model| model.metadata[1].0 = "k".into()),
        "metadata_props: expected every name once",
    );
}

/// Truncations and flips of a real file give a value or an error.
#[test]
fn damage() {
    for (name, file) in [("skl2onnx", SKLEARN), ("onnx", EXPORTER)] {
        let whole = onnx::read(file).unwrap();
        for length in 0..file.len() {
            // Between the graph and what follows it a file may end; nothing of the graph may be lost.
            if let Ok(model) = onnx::read(&file[..length]) {
                assert_eq!(model.graph, whole.graph, "{name}, {length} bytes");
            }
        }
        let mut flipped = file.to_vec();
        for at in 0..file.len() {
            for mask in [0x01, 0x80, 0xff] {
                flipped[at] ^= mask;
                let _ = onnx::read(&flipped);
                flipped[at] ^= mask;
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = onnx::read(&bytes);
        let _ = onnx::read(&[&[8, 8, 58], &bytes[..]].concat());
        let _ = onnx::read(&file(&bytes));
        let _ = onnx::read(&node(&bytes));
        let _ = onnx::read(&initializer(&bytes));
    }
}
