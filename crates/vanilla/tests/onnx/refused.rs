//! Graphs that are no dense network, each with its message; damage; what is refused on the way out.

use crate::graphs::{file, import, node, open};
use crate::models::Case;
use vanilla::formats::onnx::{self, Attribute, DType, Dim, Model as File, Node, Tensor as Constant};
use vanilla::plan::{Curve, Reads};
use vanilla::prelude::*;

#[track_caller]
pub fn refused(name: &str, file: &File, expected: &str) {
    let error = import(file).map(|_| ()).expect_err(name);
    let text = error.to_string();
    assert!(text.contains(expected), "{name}: {expected:?} is not in {text:?}");
    assert!(!text.contains(char::is_control) && text.len() < 1000, "{name}: {text:?}");
    assert!(error.is_bad_input(), "{name}");
}

#[test]
fn graphs_that_are_no_dense_network() {
    let one = |op: &str, inputs: &[&str], attributes: &[(&str, Attribute)]| {
        file(vec![node(op, inputs, "y", attributes)])
    };
    let int = Attribute::Int;
    let float = Attribute::Float;
    refused(
        "convolution",
        &one("Conv", &["x", "cube"], &[]),
        "onnx: node 0 '/Conv' of 'Conv': there is no layer for thi",
    );
    refused("what is known", &one("LSTM", &["x"], &[]), "known are: Add, ArgMax, BatchNormalization");
    let mut other = one("FusedMatMul", &["x", "w"], &[]);
    other.graph.nodes[0].domain = "com.microsoft".into();
    refused("another domain", &other, "node 0 '/FusedMatMul' of 'com.microsoft.FusedMatMul': there is no layer");
    let gemm = |attributes: &[(&str, Attribute)]| one("Gemm", &["x", "w", "three"], attributes);
    refused("transA", &gemm(&[("transA", int(1))]), "transA = 1, expected 0: the batch is the first axis");
    refused(
        "an unknown setting",
        &gemm(&[("gamma", float(1.0))]),
        "unknown setting 'gamma'; known are: alpha, beta,",
    );
    refused("a wrong type", &gemm(&[("transB", float(1.0))]), "'Gemm': transB is no whole number");
    refused("not finite", &gemm(&[("alpha", float(f32::NAN))]), "alpha = NaN, expected a finite number");
    refused(
        "turned",
        &one("Gemm", &["x", "w"], &[("transB", int(1))]),
        "weights for 3 columns and 4 units behind a value of shape (None, 4)",
    );
    refused("a bias", &one("Gemm", &["x", "w", "row"], &[]), "a bias of shape [4] for 3 units");
    refused(
        "weights of three axes",
        &one("Gemm", &["x", "cube"], &[]),
        "weights of shape [2, 2, 2], expected two axes",
    );
    refused("NaN", &one("MatMul", &["x", "nan"], &[]), "input 1: element 1 is NaN, expected a finite number");
    refused(
        "from the left",
        &one("MatMul", &["square", "x"], &[]),
        "input 0 is a constant, expected what the network",
    );
    refused("computed weights", &one("MatMul", &["x", "x"], &[]), "a product of two computed values");
    refused("a missing input", &one("MatMul", &["x"], &[]), "no weights");
    refused(
        "a quotient",
        &one("Div", &["row", "x"], &[]),
        "a constant by a value, or by 0: there is no layer for it",
    );
    refused("by zero", &one("Div", &["x", "zero"], &[]), "a constant by a value, or by 0");
    refused("two values", &one("Div", &["x", "x"], &[]), "a quotient of two computed values");
    refused(
        "a wide constant",
        &one("Add", &["x", "cube"], &[]),
        "a constant of shape [2, 2, 2] beside a value of shape",
    );
    refused("the batch", &one("Softmax", &["x"], &[("axis", int(0))]), "axis = 0 of a value of shape (None, 4)");
    refused(
        "the batch as well",
        &one("Concat", &["x", "x"], &[("axis", int(0))]),
        "expected an axis behind the batch",
    );
    refused(
        "a gelu",
        &one("Gelu", &["x"], &[("approximate", Attribute::Text("tanh".into()))]),
        "approximate = tanh",
    );
    refused("erf", &one("Erf", &["x"], &[]), "of something else than x / sqrt 2, expected a part of gelu");
    refused("celu", &one("Celu", &["x"], &[("alpha", float(2.0))]), "alpha = 2, expected 1");
    refused("a slope", &one("LeakyRelu", &["x"], &[("alpha", float(-1.0))]), "alpha = -1, expected at least 0");
    refused("slopes", &one("PRelu", &["x", "three"], &[]), "slopes of shape [3] for a value of shape (None, 4)");
    refused(
        "training",
        &one("BatchNormalization", &["x", "row", "row", "row", "row"], &[("training_mode", int(1))]),
        "export",
    );
    refused(
        "features",
        &one("BatchNormalization", &["x", "row", "row", "row", "three"], &[]),
        "input 4 has shape [3], ex",
    );
    refused(
        "reshape of rows",
        &one("Reshape", &["x", "twelve"], &[]),
        "(None, 4) to [12, -1], expected a first axis of t",
    );
    refused(
        "flatten all",
        &one("Flatten", &["x"], &[("axis", int(0))]),
        "axis = 0, expected 1: the batch stays apart",
    );
    refused(
        "squeeze",
        &one("Squeeze", &["x"], &[("axes", Attribute::Ints(vec![1]))]),
        "axis 1 of (None, 4) is not 1",
    );
    refused(
        "turn the batch",
        &one("Transpose", &["x"], &[]),
        "expected an order of 2 axes in which the batch stays first",
    );
    refused(
        "cast",
        &one("Cast", &["x"], &[("to", int(9))]),
        "a computed value to bool, expected float32 or float64",
    );
    refused(
        "embedding of numbers",
        &file(vec![node("Relu", &["x"], "h", &[]), node("Gather", &["square", "h"], "y", &[])]),
        "picks by computed numbers, expected an input",
    );
    refused("only labels", &one("ArgMax", &["x"], &[]), "no output that the network computes: only labels");
    refused(
        "labels",
        &file(vec![node("ArgMax", &["x"], "l", &[]), node("Relu", &["l"], "y", &[])]),
        "'Relu': reads labels, expected what the network computes",
    );
    refused(
        "ranks",
        &file(vec![node("Reshape", &["x", "two_by_two"], "h", &[]), node("Add", &["x", "h"], "y", &[])]),
        "values of different rank: (None, 4) and (None, 2, 2)",
    );
    let mut constant = one("Relu", &["x"], &[]);
    constant.graph.outputs[0].name = "row".into();
    refused("a constant as output", &constant, "onnx: output 'row': depends on no input");
}

#[test]
fn inputs_and_versions() {
    let relu = || file(vec![node("Relu", &["x"], "y", &[])]);
    let with = |change: &dyn Fn(&mut File)| {
        let mut file = relu();
        change(&mut file);
        file
    };
    refused("version 6", &with(&|file| file.opsets[0].1 = 6), "operators of version 6, known are 7 to 26");
    refused("no version", &with(&|file| file.opsets[0].0 = "x".into()), "no version of the standard operators");
    let dims = |dims: &[Dim]| {
        let dims = dims.to_vec();
        with(&move |file| file.graph.inputs[0].dims = Some(dims.clone()))
    };
    refused(
        "open",
        &dims(&[open(), Dim::Named("n".into())]),
        "onnx: input 'x': axis 1 is named 'n', expected a number",
    );
    refused(
        "unknown",
        &dims(&[open(), Dim::Named(String::new())]),
        "axis 1 is unknown, expected a number: only the first",
    );
    refused("one axis", &dims(&[open()]), "has one axis, expected (batch, columns)");
    refused("huge", &dims(&[open(), Dim::Is(1 << 40)]), "axis 1 is 1099511627776, expected a number");
    refused("large", &dims(&[open(), Dim::Is(1 << 20), Dim::Is(1 << 20)]), "more than 16777216 values");
    refused(
        "no shape",
        &with(&|file| file.graph.inputs[0].dims = None),
        "has no shape, expected (batch, columns)",
    );
    refused(
        "strings",
        &with(&|file| file.graph.inputs[0].dtype = DType::String),
        "holds strings, expected numbers",
    );
    let many: Vec<Node> = (0..10_001).map(|n| node("Identity", &["x"], &format!("i{n}"), &[])).collect();
    refused(
        "many nodes",
        &with(&|file| file.graph.nodes.extend(many.clone())),
        "10002 nodes, expected at most 10000",
    );
    let inputs = vec!["x"; 1025];
    refused("many inputs", &file(vec![node("Sum", &inputs, "y", &[])]), "1025 inputs, expected at most 1024");
    let name = "a'\u{202e}\n".repeat(200);
    let strange = with(&|file| file.graph.nodes[0].op_type = name.replace('\n', ""));
    refused("a hostile name", &strange, "…': there is no layer");
}

/// A constant that many nodes read would become many times its size.
#[test]
fn small_files_stay_small_models() {
    let big = Constant::f32("big", [1000, 1000], vec![0.5; 1_000_000]);
    let mut nodes = Vec::new();
    let mut biases = Vec::new();
    let mut last = "x".to_owned();
    for n in 0..50 {
        nodes.push(node("Gemm", &[&last, "big", &format!("b{n}")], &format!("h{n}"), &[]));
        biases.push(Constant::f32(format!("b{n}"), [1], vec![n as f32]));
        last = format!("h{n}");
    }
    nodes.push(node("Relu", &[&last], "y", &[]));
    let mut hostile = file(nodes);
    hostile.graph.inputs[0].dims = Some(vec![open(), Dim::Is(1000)]);
    hostile.graph.initializers.extend(biases);
    hostile.graph.initializers.push(big);
    refused("fifty times", &hostile, "constants are read again and again: layers would have more than 4 times");
    // With the same bias it is the same layer, fifty times.
    for node in &mut hostile.graph.nodes[..50] {
        node.inputs[2] = "b1".into();
    }
    let model = import(&hostile).unwrap();
    assert_eq!((model.count_params(), model.layer_names().len()), (1_001_000, 3));
}

/// Ten thousand nodes of one name, one behind the other.
#[test]
fn many_nodes_do_not_take_long() {
    let mut nodes: Vec<Node> = Vec::new();
    for n in 0..4000 {
        let before = if n == 0 { "x".to_owned() } else { format!("h{}", n - 1) };
        nodes.push(Node { name: "same".into(), ..node("Tanh", &[&before], &format!("h{n}"), &[]) });
    }
    nodes.push(node("Relu", &["h3999"], "y", &[]));
    let start = std::time::Instant::now();
    let model = import(&file(nodes)).unwrap();
    assert_eq!(model.layer_names().len(), 4002);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn damaged_files_are_models_or_errors() {
    let bytes = include_bytes!("../golden/onnx/torch_classifier.onnx");
    let mut flipped = bytes.to_vec();
    // Every byte of the names and numbers between the weights; some of the weights.
    for at in (0..bytes.len()).filter(|at| *at < 900 || at % 7 == 0) {
        for mask in [0x01, 0x10, 0xff] {
            flipped[at] ^= mask;
            let _ = Model::from_onnx(&flipped);
            flipped[at] ^= mask;
        }
    }
    for length in (0..bytes.len()).step_by(5) {
        assert!(Model::from_onnx(&bytes[..length]).is_err(), "{length} bytes");
    }
}

/// A word of somebody's own, without a formula.
#[derive(Clone, Debug)]
struct Odd;

impl Curve for Odd {
    fn name(&self) -> &str {
        "odd"
    }
    fn reads(&self) -> Reads {
        Reads::Output
    }
    fn forward(&self, _: &vanilla::plan::kernels::Kernels, y: &mut [f32]) {
        y.iter_mut().for_each(|y| *y = y.cbrt());
    }
    fn gradient(&self, _: &vanilla::plan::kernels::Kernels, _: &mut [f32], _: &[f32]) {}
    fn value(&self, x: f64) -> f64 {
        x.cbrt()
    }
}

#[test]
fn what_onnx_cannot_say_is_refused() {
    use vanilla::activations::Activation;
    let column = |dtype: &str| Input::new([1]).name("x").dtype(dtype).tensor();
    let text = column("string");
    let lookup = |layer: StringLookup| {
        let y = Dense::new(2).call(&layer.call(&text));
        Model::new(&text, &y).unwrap().to_onnx().unwrap_err().to_string()
    };
    let words = || StringLookup::new().vocabulary(["a", "b"]).name("words");
    assert_eq!(
        lookup(words().output_mode("one_hot").num_oov_indices(3)),
        "layer 'words' (StringLookup): cannot be exported to ONNX: unknown tokens share several places by a hash \
         (num_oov_indices above 1). Export the model behind it, and look up before it is called"
    );
    assert!(
        lookup(words().num_oov_indices(0)).contains("it has no place for unknown tokens (num_oov_indices = 0)")
    );
    let y = Dense::new(2).call(&Hashing::new(5).name("hash").call(&text));
    let error = Model::new(&text, &y).unwrap().to_onnx().unwrap_err().to_string();
    assert!(
        error.starts_with("layer 'hash' (Hashing): cannot be exported to ONNX: there is no operator for its hash")
    );
    let model =
        Sequential::new(layers![Dense::new(2).activation(Activation::from(Odd)).input_dim(2).name("mine")]);
    let error = model.unwrap().to_onnx().unwrap_err().to_string();
    assert!(
        error.starts_with("layer 'mine' (Dense): cannot be exported: its function 'odd' states no formula"),
        "{error}"
    );
    let model = Sequential::new(layers![Dense::new(2)]).unwrap();
    assert!(model.to_onnx().unwrap_err().to_string().contains("input shape"), "not built");
}

/// Names of layers and notes may hold anything; names in the file are names.
#[test]
fn strange_names() {
    let x = Input::new([2]).name("a b/ü\"").tensor();
    let hidden = Dense::new(2).name("a b/ü\"/Gemm").call(&x);
    let y = Dense::new(2).name("a b".repeat(80)).call(&hidden);
    let mut model = Model::new(&x, &y).unwrap();
    model.set_note("weights_sha256", "mine").unwrap();
    model.set_note("ünote", "a\nb").unwrap();
    let bytes = model.to_onnx().unwrap();
    let file = onnx::read(&bytes).unwrap();
    assert_eq!(file.graph.inputs[0].name, "a b/ü\"");
    let again = Model::from_onnx(&bytes).unwrap();
    assert_eq!(again.info(), model.info());
}

#[test]
fn metadata_travel_along() {
    let Case { model, .. } = crate::models::lookups().pop().unwrap();
    let file = onnx::read(&model.to_onnx().unwrap()).unwrap();
    assert_eq!((&*file.producer, &*file.producer_version), ("vanilla", env!("CARGO_PKG_VERSION")));
    let wanted = [
        ("vanilla_version", env!("CARGO_PKG_VERSION")),
        ("weights_sha256", &*model.weights_sha256()),
        ("class_names", r#"["small","medium","large"]"#),
        ("feature_names", r#"[[],["width","height"]]"#),
        ("source", "made up"),
    ];
    assert_eq!(file.metadata, wanted.map(|(key, text)| (key.to_owned(), text.to_owned())));
    // A table of numbers comes back with them.
    let mut model = Sequential::new(layers![Dense::new(3).input_dim(2)]).unwrap();
    model.set_class_names(["a", "b", "c"]).unwrap();
    model.set_feature_names(0, ["left", "right"]).unwrap();
    model.set_note("accuracy", "0.97").unwrap();
    let again = Model::from_onnx(&model.to_onnx().unwrap()).unwrap();
    assert_eq!(again.info(), model.info());
    let mut file = onnx::read(&model.to_onnx().unwrap()).unwrap();
    file.metadata[2].1 = "no list".into();
    refused("no JSON", &file, "onnx: metadata class_names: expected");
    file.metadata[2].1 = r#"["a"]"#.into();
    refused("too few", &file, "info: class_names: 1 names, expected 3");
}
