//! Models over every layer and activation, with inputs.

use vanilla::activations::{self, Activation, Threshold};
use vanilla::layers::*;
use vanilla::plan::kernels::random::Stream;
use vanilla::prelude::*;

/// A model and rows for it.
pub struct Case {
    pub name: String,
    pub model: Model,
    pub inputs: Vec<Tensor>,
    /// Whether the file comes back: `Model::from_onnx` has a layer for all that it holds.
    pub comes_back: bool,
}

const ROWS: usize = 5;

/// Numbers that are normally distributed, around 0.
fn numbers(seed: u64, shape: &[usize], scale: f32) -> Tensor {
    let mut stream = Stream::new(seed, 0);
    let count = shape.iter().product();
    let values = (0..count).map(|_| stream.normal() as f32);
    Tensor::new(values.map(|x| x * scale).collect::<Vec<_>>(), shape).unwrap()
}

/// The model with weights of which none is 0 or 1, and variances above 0.
fn trained(mut model: Model) -> Model {
    let weights = model.get_weights();
    let weights: Vec<Tensor> = weights
        .iter()
        .enumerate()
        .map(|(number, weights)| {
            let drawn = numbers(100 + number as u64, weights.shape(), 0.5);
            // A weight that starts as ones is a gamma or a variance.
            let ones = weights.to_f32().iter().all(|x| *x == 1.0);
            let values =
                drawn.to_f32().into_iter().map(|x| if ones { x.abs() + 0.5 } else { x }).collect::<Vec<_>>();
            Tensor::new(values, weights.shape()).unwrap()
        })
        .collect();
    model.set_weights(&weights).unwrap();
    model
}

fn case(name: &str, model: Model, inputs: Vec<Tensor>, comes_back: bool) -> Case {
    Case { name: name.to_owned(), model: trained(model), inputs, comes_back }
}

/// A layer between two others, on a sample of this shape.
fn between(layer: impl Layer + 'static, shape: &[usize]) -> (Model, Vec<Tensor>) {
    let x = Input::new(shape).name("x").tensor();
    let y = Dense::new(2).name("after").call(&layer.call(&x));
    (Model::new(&x, &y).unwrap(), vec![numbers(3, &[&[ROWS], shape].concat(), 1.5)])
}

/// A layer on several inputs of these shapes.
fn several<const N: usize>(layer: impl Layer + 'static, shapes: [&[usize]; N]) -> (Model, Vec<Tensor>) {
    let inputs: Vec<KerasTensor> =
        shapes.iter().enumerate().map(|(i, shape)| Input::new(*shape).name(format!("x{i}")).tensor()).collect();
    let y = layer.call(&inputs);
    let data = shapes.iter().enumerate().map(|(i, shape)| numbers(i as u64, &[&[ROWS], *shape].concat(), 1.0));
    (Model::new(&inputs, &y).unwrap(), data.collect())
}

use vanilla::KerasTensor;

/// Activations that come back as themselves.
const BACK: [&str; 21] = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "tanh",
];
const BACK_TOO: [&str; 5] = ["hard_swish", "swish", "softplus", "softsign", "sparse_sigmoid"];

pub fn activations() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in activations::names() {
        // It has no formula.
        if name == "sparsemax" {
            continue;
        }
        let model = Sequential::new(layers![
            Dense::new(6).activation(name).input_dim(4).name("hidden"),
            Dense::new(2).name("out"),
        ]);
        let back = BACK.contains(&name) || BACK_TOO.contains(&name);
        cases.push(case(&format!("activation_{name}"), model.unwrap(), vec![numbers(1, &[ROWS, 4], 2.0)], back));
        // Far out, alone, nothing overflows.
        let x = Input::new([8]).name("x").tensor();
        let y = ActivationLayer::new(name).name("y").call(&x);
        let far = [-1e4, -90.0, -30.0, -1e-3, 1e-4, 8.0, 30.0, if name == "exponential" { 60.0 } else { 1e4 }];
        let far = Tensor::new(far.to_vec(), [1, 8]).unwrap();
        cases.push(case(&format!("far_{name}"), Model::new(&x, &y).unwrap(), vec![far], back));
    }
    let (model, inputs) = between(ActivationLayer::new(Activation::from(Threshold::new(0.3, -7.0))), &[5]);
    cases.push(case("activation_threshold", model, inputs, false));
    // Kinks may lie far out, too.
    for (name, layer, back) in [
        ("ReLU_far_max", ReLU::new().max_value(2e4), true),
        ("ReLU_far_threshold", ReLU::new().threshold(2e4), true),
        ("ReLU_far_threshold_and_max", ReLU::new().threshold(2e4).max_value(3e4), false),
        ("ReLU_farther_max", ReLU::new().max_value(5e6), true),
        ("ReLU_far_slope", ReLU::new().negative_slope(0.25).threshold(2e4), false),
    ] {
        let x = Input::new([8]).name("x").tensor();
        let model = Model::new(&x, &layer.name("y").call(&x)).unwrap();
        let far = vec![-6e4, -2e4, 1.0, 19_999.0, 20_001.0, 29_999.0, 7e4, 1e7];
        cases.push(case(name, model, vec![Tensor::new(far, [1, 8]).unwrap()], back));
    }
    cases
}

/// Every layer of the registry that computes, at least once.
pub fn layers() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, (model, inputs): (Model, Vec<Tensor>), back: bool| {
        cases.push(case(name, model, inputs, back));
    };
    add("Activation", between(ActivationLayer::new("tanh"), &[5]), true);
    add("Activation 3d", between(ActivationLayer::new("softmax"), &[2, 5]), true);
    add("ActivityRegularization", between(ActivityRegularization::new(0.1, 0.2), &[2, 3]), true);
    add("Add", several(Add::new(), [&[4], &[4], &[4]]), true);
    add("Add broadcast", several(Add::new(), [&[2, 3], &[1, 3]]), false);
    add("AlphaDropout", between(AlphaDropout::new(0.3), &[5]), true);
    add("Average", several(Average::new(), [&[4], &[4], &[4]]), true);
    add("BatchNormalization", between(BatchNormalization::new(), &[4]), true);
    add("BatchNormalization 3d", between(BatchNormalization::new(), &[2, 4]), true);
    add("BatchNormalization axis", between(BatchNormalization::new().axis(1).epsilon(0.1), &[3, 2]), false);
    add("BatchNormalization bare", between(BatchNormalization::new().center(false).scale(false), &[4]), true);
    add("Concatenate", several(Concatenate::new(), [&[3], &[1], &[4]]), true);
    add("Concatenate axis", several(Concatenate::new().axis(1), [&[2, 3], &[4, 3]]), true);
    add("Dense", between(Dense::new(19).activation("relu"), &[21]), true);
    add("Dense 3d", between(Dense::new(3).use_bias(false), &[2, 3]), true);
    add("Dense 4d", between(Dense::new(3).activation("gelu"), &[2, 3, 4]), true);
    add("Dense glu", between(Dense::new(4).activation("glu"), &[3]), false);
    add("Dot", several(Dot::new(1), [&[4], &[4]]), false);
    add("Dot matrix", several(Dot::new([2, 1]), [&[3, 2], &[2, 4]]), false);
    add("Dot normalize", several(Dot::new(1).normalize(true), [&[4], &[4]]), false);
    add("Dropout", between(Dropout::new(0.4), &[2, 5]), true);
    add("ELU", between(ELU::new().alpha(0.7), &[5]), true);
    add("Flatten", between(Flatten::new(), &[2, 3]), true);
    add("GaussianDropout", between(GaussianDropout::new(0.2), &[5]), true);
    add("GaussianNoise", between(GaussianNoise::new(0.5), &[5]), true);
    add("GroupNormalization", between(GroupNormalization::new(2), &[4]), true);
    add("GroupNormalization 3d", between(GroupNormalization::new(-1), &[2, 3]), false);
    add("Identity", between(Identity::new(), &[2, 3]), true);
    add("LayerNormalization", between(LayerNormalization::new(), &[5]), true);
    add("LayerNormalization 3d", between(LayerNormalization::new().epsilon(0.1), &[3, 5]), true);
    add("LayerNormalization bare", between(LayerNormalization::new().center(false).scale(false), &[5]), true);
    add("LayerNormalization axes", between(LayerNormalization::new().axis([1, 2]), &[2, 3]), true);
    add("LayerNormalization axis 1", between(LayerNormalization::new().axis([1]), &[2, 3]), false);
    add("LeakyReLU", between(LeakyReLU::new().negative_slope(0.2), &[5]), true);
    let masked =
        Tensor::new(vec![5f32, 5.0, 5.0, 1.0, 0.0, 0.0, -5.0, 5.0, 2.0, 3.0, 5.0, 5.0], [2, 3, 2]).unwrap();
    add("Masking", (between(Masking::new().mask_value(5.0), &[3, 2]).0, vec![masked]), false);
    add("Maximum", several(Maximum::new(), [&[4], &[4], &[4]]), true);
    add("Minimum", several(Minimum::new(), [&[4], &[4]]), true);
    add("Multiply", several(Multiply::new(), [&[4], &[4], &[4]]), true);
    add("Normalization", between(Normalization::new().mean([1.0, 2.0]).variance([2.0, 0.5]), &[2]), true);
    add(
        "Normalization invert",
        between(Normalization::new().mean([1.0, 2.0]).variance([2.0, 0.5]).invert(true), &[2]),
        true,
    );
    add("PReLU", between(PReLU::new(), &[6]), true);
    add("PReLU 3d", between(PReLU::new(), &[2, 3]), true);
    add("PReLU shared", between(PReLU::new().shared_axes([1]), &[2, 3]), true);
    add("Permute", between(Permute::new([2, 1]), &[2, 3]), false);
    add("RMSNormalization", between(RMSNormalization::new(), &[5]), false);
    add("ReLU", between(ReLU::new().max_value(1.5).negative_slope(0.1).threshold(0.3), &[5]), false);
    add("ReLU max", between(ReLU::new().max_value(1.5), &[5]), true);
    add("ReLU threshold", between(ReLU::new().threshold(0.4), &[5]), true);
    add("RepeatVector", between(RepeatVector::new(3), &[4]), false);
    add("Rescaling", between(Rescaling::new(0.5).offset(-1.0), &[4]), true);
    add("Rescaling list", between(Rescaling::new([0.5, 2.0]).offset([-1.0, 0.25]), &[2]), true);
    add("Reshape", between(Reshape::new([3, -1]), &[6]), true);
    add("Softmax", between(Softmax::new(), &[5]), true);
    add("Softmax axis", between(Softmax::new().axis(1), &[3, 2]), false);
    add("SpectralNormalization", between(SpectralNormalization::new(Dense::new(3)), &[4]), true);
    add("Subtract", several(Subtract::new(), [&[4], &[4]]), true);
    add("UnitNormalization", between(UnitNormalization::new(), &[4]), false);
    let ids = Tensor::new(vec![0i64, 4, 2, 2, 1, 3, 0, 0, 4, 4], [ROWS, 2]).unwrap();
    for (name, dtype) in [("Embedding", "int64"), ("Embedding of floats", "float32"), ("Embedding int32", "int32")]
    {
        let x = Input::new([2]).name("ids").dtype(dtype).tensor();
        let y = Flatten::new().call(&Embedding::new(5, 3).name("table").call(&x));
        add(name, (Model::new(&x, &Dense::new(2).call(&y)).unwrap(), vec![ids.clone()]), true);
    }
    cases
}

/// Whole networks.
pub fn networks() -> Vec<Case> {
    let mut cases = Vec::new();
    let tutorial = Sequential::new(layers![
        Dense::new(16).activation("relu").input_dim(12),
        Dense::new(10).activation("softmax"),
    ]);
    cases.push(case("tutorial", tutorial.unwrap(), vec![numbers(1, &[ROWS, 12], 1.0)], true));
    let x = Input::new([8]).name("x").tensor();
    let mut h = x.clone();
    for _ in 0..3 {
        let inner = Dropout::new(0.2).call(&Dense::new(8).activation("gelu").call(&h));
        h = LayerNormalization::new().call(&Add::new().call([&h, &inner]));
    }
    let model = Model::new(&x, &Dense::new(1).activation("sigmoid").name("yes or no").call(&h)).unwrap();
    cases.push(case("residual", model, vec![numbers(2, &[ROWS, 8], 1.0)], true));

    let (a, b) = (Input::new([3]).name("a").tensor(), Input::new([2, 2]).name("b").tensor());
    let shared = Shared::new(Dense::new(4).activation("tanh").name("shared"));
    let left = shared.call(&a);
    let right = Dense::new(3).call(&Flatten::new().call(&b));
    let both = Concatenate::new().call([&left, &shared.call(&right), &a]);
    let (y, z) = (Dense::new(2).name("y").call(&both), Dense::new(1).name("z").call(&left));
    let model = Model::new([&a, &b], [&y, &z, &left, &a]).unwrap();
    let inputs = vec![numbers(3, &[ROWS, 3], 1.0), numbers(4, &[ROWS, 2, 2], 1.0)];
    // The weights of `shared` are there twice then.
    cases.push(case("two in four out", model, inputs, true));

    let inner = Sequential::new(layers![Dense::new(5).activation("elu").input_dim(4), Dense::new(4)]).unwrap();
    let inner = inner.with_name("block");
    let x = Input::new([4]).name("x").tensor();
    let twice = inner.call(&inner.call(&x));
    let model = Model::new(&x, &Dense::new(2).call(&twice)).unwrap();
    cases.push(case("nested", model, vec![numbers(5, &[ROWS, 4], 1.0)], true));
    cases
}

/// Columns of strings and integers.
pub fn lookups() -> Vec<Case> {
    let texts = |values: &[&str], shape: &[usize]| {
        Tensor::new(values.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>(), shape).unwrap()
    };
    let mut cases = Vec::new();
    let colours = texts(&["red", "blue", "", "grün", "red", "pink", "", "blue", "red", "red"], &[ROWS, 2]);
    let numbers_of = Tensor::new(vec![7i64, -3, 0, 7, 9, 1 << 40, 7, 7, -3, 0], [ROWS, 2]).unwrap();
    for mode in ["one_hot", "multi_hot", "count", "tf_idf", "int"] {
        for mask in [false, true] {
            let mut lookup =
                StringLookup::new().vocabulary(["red", "grün", "blue"]).output_mode(mode).name("colour");
            if mode == "tf_idf" {
                lookup = lookup.idf_weights([0.5, 1.25, 2.0]);
            }
            if mask {
                lookup = lookup.mask_token("");
            }
            let x = Input::new([2]).name("colours").dtype("string").tensor();
            let mut h = lookup.call(&x);
            if mode == "int" {
                h = Embedding::new(5, 3).call(&h);
            }
            let y = Dense::new(2).call(&Flatten::new().call(&h));
            let name = format!("StringLookup {mode}{}", if mask { " mask" } else { "" });
            cases.push(case(&name, Model::new(&x, &y).unwrap(), vec![colours.clone()], false));

            let mut lookup = IntegerLookup::new().vocabulary([7i64, -3, 1 << 40]).output_mode(mode);
            if mode == "tf_idf" {
                lookup = lookup.idf_weights([0.5, 1.25, 2.0]);
            }
            if mask {
                lookup = lookup.mask_token(0);
            }
            let x = Input::new([2]).name("numbers").dtype("int64").tensor();
            let mut h = lookup.call(&x);
            if mode == "int" {
                h = Embedding::new(5, 3).call(&h);
            }
            let y = Dense::new(2).call(&Flatten::new().call(&h));
            let name = format!("IntegerLookup {mode}{}", if mask { " mask" } else { "" });
            cases.push(case(&name, Model::new(&x, &y).unwrap(), vec![numbers_of.clone()], false));
        }
        if mode == "tf_idf" {
            continue;
        }
        let x = Input::new([3]).name("x").tensor();
        let bins = Discretization::new().bin_boundaries([-1.0, 0.0, 0.5]).output_mode(mode).call(&x);
        let y = Dense::new(2).call(&Flatten::new().call(&bins));
        let inputs = vec![Tensor::new(vec![-1.0f32, 0.0, 0.5, -2.0, 0.1, 0.49, 9.0, -0.5, 0.5], [3, 3]).unwrap()];
        cases.push(case(&format!("Discretization {mode}"), Model::new(&x, &y).unwrap(), inputs, false));
        if mode == "int" {
            continue;
        }
        let x = Input::new([2]).name("x").dtype("int64").tensor();
        let y = Dense::new(2).call(&Flatten::new().call(&CategoryEncoding::new(4).output_mode(mode).call(&x)));
        let inputs = vec![Tensor::new(vec![0i64, 3, 1, 1, 2, 0], [3, 2]).unwrap()];
        cases.push(case(&format!("CategoryEncoding {mode}"), Model::new(&x, &y).unwrap(), inputs, false));
    }
    // A column alone, beside numbers: a row of a table.
    let (colour, size) =
        (Input::new([1]).name("colour").dtype("string").tensor(), Input::new([2]).name("size").tensor());
    let one_hot =
        StringLookup::new().vocabulary(["red", "blue"]).num_oov_indices(0).output_mode("one_hot").call(&colour);
    let scaled = Normalization::new().mean([3.0, 100.0]).variance([2.0, 50.0]).call(&size);
    let y = Dense::new(3).activation("softmax").name("class").call(&Concatenate::new().call([&one_hot, &scaled]));
    let mut model = Model::new([&colour, &size], &y).unwrap();
    model.set_class_names(["small", "medium", "large"]).unwrap();
    model.set_feature_names(1, ["width", "height"]).unwrap();
    model.set_note("source", "made up").unwrap();
    let inputs = vec![
        texts(&["red", "blue", "red"], &[3, 1]),
        Tensor::new(vec![1f32, 90.0, 3.0, 120.0, 5.0, 100.0], [3, 2]).unwrap(),
    ];
    cases.push(case("table", model, inputs, false));
    cases
}
