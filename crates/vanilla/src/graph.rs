//! The layers of a model and how they are connected; and the way to say it: [`InputLayer`], [`Call`], [`KerasTensor`].

use crate::error::{Error, Result, harmful};
use crate::layers::{AnyLayer, Layer};
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What stands in the place of a layer.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Input(InputLayer),
    Layer(Arc<dyn Layer>),
    Model(Arc<Nested>),
}

/// A model inside a model: its description, and the weights that it had.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    pub graph: Graph,
    /// In the order of its variables; none where it had none yet.
    pub weights: Option<Vec<Tensor>>,
}

/// A layer with its name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub name: String,
    pub content: Content,
    pub trainable: bool,
}

impl Entry {
    /// A model hands it on: afterwards each of its layers decides for itself.
    pub fn set_trainable(&mut self, trainable: bool) {
        self.trainable = trainable;
        if let Content::Model(nested) = &mut self.content {
            Arc::make_mut(nested).graph.entries.iter_mut().for_each(|entry| entry.set_trainable(trainable));
        }
    }
}

/// A layer, called on something.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// Number of the layer among the entries.
    pub layer: usize,
    pub inputs: Vec<Place>,
}

/// An output of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub call: usize,
    pub index: usize,
}

/// Keras's two kinds of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sequential,
    Functional,
}

/// How several inputs or outputs are handed over. Keras's files keep it, and its `predict` answers in the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// A single one, by itself.
    One,
    /// In a list, which may hold a single one.
    List,
    /// By name, in the order of the names.
    Named(Vec<String>),
}

impl Ends {
    fn of(count: usize) -> Self {
        if count == 1 { Self::One } else { Self::List }
    }
}

/// The description of a model. Calls stand in an order in which each reads only earlier ones; entries in Keras's order
/// of layers, which is that of the weights.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub kind: Kind,
    pub name: String,
    pub trainable: bool,
    pub entries: Vec<Entry>,
    pub calls: Vec<Called>,
    pub inputs: Vec<Place>,
    pub outputs: Vec<Place>,
    /// Of the inputs and of the outputs.
    pub ends: [Ends; 2],
}

/// Types that inputs may have in Keras's files; all numbers become float32.
const DTYPES: [&str; 8] = ["float32", "string", "int64", "int32", "uint8", "float64", "float16", "int"];

/// `InputLayer`, in Keras also `Input`: where data come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputLayer {
    pub(crate) name: Option<String>,
    /// Shape of one sample; none where the first data decide.
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) dtype: String,
}

impl InputLayer {
    pub(crate) const CLASS: &'static str = "InputLayer";

    /// An input of samples of this shape.
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self { name: None, shape: Some(shape.into()), dtype: "float32".into() }
    }

    /// Names the input.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the data are: `"float32"`, or `"int64"` or `"string"` for a preprocessing layer to read.
    pub fn dtype(mut self, dtype: impl Into<String>) -> Self {
        self.dtype = dtype.into();
        self
    }

    /// What is wrong with its type, if it has none that data have.
    pub(crate) fn dtype_problem(&self) -> Option<String> {
        let known = DTYPES.contains(&&*self.dtype);
        (!known).then(|| format!("dtype = \"{}\", expected float32, int64 or string", self.dtype))
    }

    /// What layers are called on.
    pub fn tensor(self) -> KerasTensor {
        KerasTensor { origin: Arc::new(Origin { content: Content::Input(self), inputs: Vec::new() }), index: 0 }
    }
}

impl From<InputLayer> for AnyLayer {
    fn from(input: InputLayer) -> Self {
        Self(Content::Input(input))
    }
}

/// A value that a model will compute: an input, or what a layer gives. Layers are called on it.
#[derive(Clone, Debug)]
pub struct KerasTensor {
    origin: Arc<Origin>,
    index: usize,
}

#[derive(Debug)]
struct Origin {
    content: Content,
    inputs: Vec<KerasTensor>,
}

/// One value after the other: what stands behind a thousand calls would need a thousand frames of the stack.
impl Drop for Origin {
    fn drop(&mut self) {
        let mut waiting = std::mem::take(&mut self.inputs);
        while let Some(tensor) = waiting.pop() {
            if let Some(mut origin) = Arc::into_inner(tensor.origin) {
                waiting.append(&mut origin.inputs);
            }
        }
    }
}

impl KerasTensor {
    pub(crate) fn of(content: Content, inputs: Tensors, index: usize) -> Self {
        Self { origin: Arc::new(Origin { content, inputs: inputs.0 }), index }
    }

    /// All outputs of a call.
    pub(crate) fn all(content: Content, inputs: Tensors, count: usize) -> Vec<Self> {
        let origin = Arc::new(Origin { content, inputs: inputs.0 });
        (0..count).map(|index| Self { origin: Arc::clone(&origin), index }).collect()
    }

    fn id(&self) -> *const Origin {
        Arc::as_ptr(&self.origin)
    }
}

/// One [`KerasTensor`] or several.
#[derive(Clone, Debug)]
pub struct Tensors(pub(crate) Vec<KerasTensor>);

impl From<&KerasTensor> for Tensors {
    fn from(tensor: &KerasTensor) -> Self {
        Self(vec![tensor.clone()])
    }
}

impl<const N: usize> From<[&KerasTensor; N]> for Tensors {
    fn from(tensors: [&KerasTensor; N]) -> Self {
        Self(tensors.into_iter().cloned().collect())
    }
}

impl From<&[KerasTensor]> for Tensors {
    fn from(tensors: &[KerasTensor]) -> Self {
        Self(tensors.to_vec())
    }
}

impl From<&Vec<KerasTensor>> for Tensors {
    fn from(tensors: &Vec<KerasTensor>) -> Self {
        Self(tensors.clone())
    }
}

/// Calling a layer on values, as Keras's `layer(x)`.
///
/// ```
/// use vanilla::prelude::*;
/// let x = Input::new([8]).tensor();
/// let hidden = Dense::new(8).activation("relu").call(&x);
/// let y = Dense::new(1).call(&Add::new().call([&x, &hidden]));
/// let model = Model::new(&x, &y)?;
/// assert_eq!(model.count_params(), 72 + 9);
/// # Ok::<(), vanilla::Error>(())
/// ```
pub trait Call {
    /// What the layer makes of these values. What is wrong with it is an error of [`Model::new`](crate::Model::new).
    fn call(self, inputs: impl Into<Tensors>) -> KerasTensor;
}

impl<L: Layer + 'static> Call for L {
    fn call(self, inputs: impl Into<Tensors>) -> KerasTensor {
        KerasTensor::of(Content::Layer(Arc::new(self)), inputs.into(), 0)
    }
}

/// A layer that is called several times and has one set of weights.
///
/// ```
/// use vanilla::prelude::*;
/// let (a, b) = (Input::new([3]).tensor(), Input::new([3]).tensor());
/// let shared = Shared::new(Dense::new(4));
/// let distance = Subtract::new().call([&shared.call(&a), &shared.call(&b)]);
/// assert_eq!(Model::new([&a, &b], &distance)?.count_params(), 16);
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shared(Arc<dyn Layer>);

impl Shared {
    /// The layer, to be shared.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Self(Arc::new(layer))
    }

    /// As [`Call::call`], with the same weights each time.
    pub fn call(&self, inputs: impl Into<Tensors>) -> KerasTensor {
        KerasTensor::of(Content::Layer(Arc::clone(&self.0)), inputs.into(), 0)
    }
}

impl Content {
    pub fn class_name(&self) -> &str {
        match self {
            Self::Input(_) => InputLayer::CLASS,
            Self::Layer(layer) => layer.class_name(),
            Self::Model(nested) => nested.graph.class_name(),
        }
    }

    /// The name that it was given, if it was given one.
    fn given_name(&self) -> Option<&str> {
        match self {
            Self::Input(input) => input.name.as_deref(),
            Self::Layer(layer) => layer.common().name.as_deref(),
            // A model that nobody named is numbered like a layer.
            Self::Model(nested) => Some(&*nested.graph.name).filter(|name| *name != snake_case(self.class_name())),
        }
    }

    fn trainable(&self) -> bool {
        match self {
            Self::Input(_) => true,
            Self::Layer(layer) => layer.common().trainable,
            Self::Model(nested) => nested.graph.trainable,
        }
    }
}

impl Graph {
    /// The layer with this name; one of a model inside as `model/layer`.
    pub fn entry_mut(&mut self, path: &str) -> Option<&mut Entry> {
        if let Some(at) = self.entries.iter().position(|entry| entry.name == path) {
            return self.entries.get_mut(at);
        }
        let (model, layer) = path.split_once('/')?;
        let entry = self.entries.iter_mut().find(|entry| entry.name == model)?;
        match &mut entry.content {
            Content::Model(nested) => Arc::make_mut(nested).graph.entry_mut(layer),
            _ => None,
        }
    }

    pub fn class_name(&self) -> &'static str {
        match self.kind {
            Kind::Sequential => "Sequential",
            Kind::Functional => "Functional",
        }
    }

    /// Layers one after the other, behind an input that the first of them may state.
    pub fn sequential(name: &str, layers: Vec<AnyLayer>) -> Result<Self> {
        let mut contents: Vec<Content> = layers.into_iter().map(|layer| layer.0).collect();
        if !matches!(contents.first(), Some(Content::Input(_))) {
            let shape = match contents.first() {
                Some(Content::Layer(layer)) => layer.input_shape(),
                Some(Content::Model(nested)) => nested.graph.input_shapes().into_iter().next().flatten(),
                _ => None,
            };
            contents.insert(0, Content::Input(InputLayer { shape, ..InputLayer::new([]) }));
        }
        if contents.len() == 1 {
            return Err(Error::config("Sequential", "no layers, expected at least one, such as Dense::new(10)"));
        }
        if contents[1..].iter().any(|content| matches!(content, Content::Input(_))) {
            return Err(Error::config(
                "model",
                "an InputLayer can only be the first layer of a Sequential: connect several inputs with Model::new",
            ));
        }
        let calls = (0..contents.len()).map(|layer| {
            let inputs = if layer == 0 { vec![] } else { vec![Place { call: layer - 1, index: 0 }] };
            Called { layer, inputs }
        });
        let calls: Vec<Called> = calls.collect();
        let last = Place { call: calls.len() - 1, index: 0 };
        Ok(Self {
            kind: Kind::Sequential,
            name: name.to_owned(),
            trainable: true,
            entries: entries(contents)?,
            calls,
            inputs: vec![Place { call: 0, index: 0 }],
            outputs: vec![last],
            ends: [Ends::One, Ends::One],
        })
    }

    /// Everything between these inputs and outputs.
    pub fn functional(name: &str, inputs: &Tensors, outputs: &Tensors) -> Result<Self> {
        let wrong = |problem: String| Err(Error::config("Model", problem));
        for (i, input) in inputs.0.iter().enumerate() {
            if !matches!(input.origin.content, Content::Input(_)) {
                return wrong(format!(
                    "input {i} is what a layer gives: inputs come from Input::new(..).tensor()"
                ));
            }
        }
        if inputs.0.is_empty() || outputs.0.is_empty() {
            return wrong(format!(
                "{} inputs and {} outputs, expected at least one of each",
                inputs.0.len(),
                outputs.0.len()
            ));
        }
        for (i, input) in inputs.0.iter().enumerate() {
            if inputs.0[..i].iter().any(|earlier| earlier.id() == input.id()) {
                return wrong(format!("input {i} is among the inputs before it: name each input once"));
            }
        }
        let order = Order::of(inputs, outputs);
        if let Some(missing) = order.nodes.iter().find(|node| {
            matches!(node.content, Content::Input(_)) && !inputs.0.iter().any(|x| std::ptr::eq(x.id(), **node))
        }) {
            let name = missing.content.given_name().unwrap_or("without a name");
            return wrong(format!(
                "the outputs need an input ({name}) that is not among the inputs: add it to them"
            ));
        }
        let calls = order.calls();
        let place = |tensor: &KerasTensor| Place { call: order.number[&tensor.id()], index: tensor.index };
        let (inputs, outputs) = (inputs.0.iter().map(place).collect(), outputs.0.iter().map(place).collect());
        let entries = entries(order.layers.clone())?;
        let kind = Kind::Functional;
        let ends = [&inputs, &outputs].map(|places: &Vec<Place>| Ends::of(places.len()));
        Ok(Self { kind, name: name.to_owned(), trainable: true, entries, calls, inputs, outputs, ends })
    }

    /// Shapes of one sample of the inputs, where they are stated.
    pub fn input_shapes(&self) -> Vec<Option<Vec<usize>>> {
        self.inputs.iter().map(|place| self.input(*place).and_then(|input| input.shape.clone())).collect()
    }

    /// The input layer at this place.
    pub fn input(&self, place: Place) -> Option<&InputLayer> {
        match &self.entries[self.calls[place.call].layer].content {
            Content::Input(input) => Some(input),
            _ => None,
        }
    }

    /// How many times its layer was called before this call: Keras's number of the node.
    pub fn node_index(&self, call: usize) -> usize {
        self.calls[..call].iter().filter(|other| other.layer == self.calls[call].layer).count()
    }

    /// The layers that people see: without the input of a Sequential.
    pub fn visible(&self) -> &[Entry] {
        match self.kind {
            Kind::Sequential => &self.entries[1..],
            Kind::Functional => &self.entries,
        }
    }
}

/// Keras's order of layers: by the longest way to an output, layers of one length as a walk from the outputs meets
/// them.
struct Order<'a> {
    /// Each behind all that it reads.
    nodes: Vec<&'a Origin>,
    number: HashMap<*const Origin, usize>,
    layers: Vec<Content>,
    layer_of: Vec<usize>,
}

impl<'a> Order<'a> {
    fn of(inputs: &'a Tensors, outputs: &'a Tensors) -> Self {
        let mut nodes = Vec::new();
        let mut number = HashMap::new();
        // Identities of layers, in the order in which the walk meets them.
        let mut met: Vec<(*const (), &Content)> = Vec::new();
        let mut open: Vec<(&Origin, usize)> = Vec::new();
        let mut seen = HashSet::new();
        for tensor in outputs.0.iter().chain(&inputs.0) {
            open.push((&tensor.origin, 0));
            while let Some((node, next)) = open.pop() {
                if next == 0 {
                    if !seen.insert(std::ptr::from_ref(node)) {
                        continue;
                    }
                    if !met.iter().any(|(id, _)| *id == identity(node)) {
                        met.push((identity(node), &node.content));
                    }
                }
                match node.inputs.get(next) {
                    Some(input) => {
                        open.push((node, next + 1));
                        open.push((&input.origin, 0));
                    }
                    None => {
                        number.insert(std::ptr::from_ref(node), nodes.len());
                        nodes.push(node);
                    }
                }
            }
        }
        let mut depths = vec![0usize; nodes.len()];
        let mut layer_depths: HashMap<*const (), usize> = HashMap::new();
        for (i, node) in nodes.iter().enumerate().rev() {
            let of_layer = layer_depths.entry(identity(node)).or_default();
            *of_layer = depths[i].max(*of_layer);
            depths[i] = *of_layer;
            for input in &node.inputs {
                let before = number[&input.id()];
                depths[before] = depths[before].max(depths[i] + 1);
            }
        }
        // Stable: layers of one depth stay as they were met.
        met.sort_by_key(|(id, _)| std::cmp::Reverse(layer_depths[id]));
        let place = |node: &&Origin| met.iter().position(|(id, _)| *id == identity(node)).expect("met above");
        let layer_of = nodes.iter().map(place).collect();
        Self { layer_of, layers: met.iter().map(|(_, content)| (*content).clone()).collect(), nodes, number }
    }

    fn calls(&self) -> Vec<Called> {
        let place = |x: &KerasTensor| Place { call: self.number[&x.id()], index: x.index };
        let calls = self.nodes.iter().zip(&self.layer_of);
        calls
            .map(|(node, layer)| Called { layer: *layer, inputs: node.inputs.iter().map(place).collect() })
            .collect()
    }
}

/// What makes two calls calls of one layer.
fn identity(node: &Origin) -> *const () {
    match &node.content {
        Content::Input(_) => std::ptr::from_ref(node).cast(),
        Content::Layer(layer) => Arc::as_ptr(layer).cast(),
        Content::Model(nested) => Arc::as_ptr(nested).cast(),
    }
}

/// The layers with Keras's automatic names, unique inside this model: `dense`, `dense_1`, …
pub(crate) fn entries(contents: Vec<Content>) -> Result<Vec<Entry>> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    for name in contents.iter().filter_map(Content::given_name) {
        let length = name.chars().count();
        if name.is_empty() || length > 256 {
            let problem = format!(
                "the name of a layer has {length} characters, expected 1 to 256: shorten it, or give none"
            );
            return Err(Error::config("model", problem));
        }
        if name.chars().any(harmful) {
            let problem =
                format!("a layer is named '{name}', expected a name without control characters: rename it");
            return Err(Error::config("model", problem));
        }
        if !taken.insert(name.to_owned()) {
            let problem = format!(
                "two layers are named '{name}': names are unique in a model, so rename one, or call one Shared layer twice"
            );
            return Err(Error::config("model", problem));
        }
    }
    let mut automatic = |content: &Content| loop {
        let base = snake_case(content.class_name());
        let count = counts.entry(base.clone()).or_default();
        let name = if *count == 0 { base } else { format!("{base}_{count}") };
        *count += 1;
        if taken.insert(name.clone()) {
            return name;
        }
    };
    let entry = |content: Content| Entry {
        name: content.given_name().map_or_else(|| automatic(&content), str::to_owned),
        trainable: content.trainable(),
        content,
    };
    Ok(contents.into_iter().map(entry).collect())
}

/// Keras's rule: `_` before a capital that starts a lower-case run, and between lower and upper case.
pub(crate) fn snake_case(class_name: &str) -> String {
    let letters: Vec<char> = class_name.chars().collect();
    let mut name = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let after_lower = i > 0 && !letters[i - 1].is_uppercase();
        let before_lower = i > 0 && letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
