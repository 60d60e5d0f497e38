//! A description with its input shapes to a network: shapes, facts and variables of every layer at its place.

use crate::error::{Error, Result};
use crate::graph::{Content, Graph, Place};
use crate::layers::{self, Layer, Masks, VariableSpec, shape};
use crate::model::MAX_WIDTH;
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::sync::Arc;
use vanilla_plan::kernels::random::Stream;
use vanilla_plan::{Fact, Network, Params, Spectral, VariableFacts};

/// A model whose input shapes are known.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// Shapes of one sample of the model's inputs.
    pub input_shapes: Vec<Vec<usize>>,
    /// Shapes of one sample of the model's outputs.
    pub output_shapes: Vec<Vec<usize>>,
    /// Where each input of the network comes from.
    pub fronts: Vec<Front>,
    pub network: Network,
    /// Every variable, in Keras's order of weights.
    pub variables: Vec<BuiltVariable>,
    /// Shapes of what each call gives, by the path of its layer and the number of the call.
    pub shapes: HashMap<(Vec<usize>, usize), Vec<Vec<usize>>>,
    pub params: Params,
    /// Name and class of the layer that each node of the network belongs to.
    pub origins: Vec<(String, String)>,
}

/// An input of the network: an input of the model, behind preprocessing layers.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    /// Number of the model's input.
    pub input: usize,
    pub chain: Vec<Arc<dyn Layer>>,
    /// Names of the preprocessing layers, for messages.
    pub place: String,
    /// Columns.
    pub width: usize,
    /// The numbers are rows of a table: less than this.
    pub below: Option<(usize, String)>,
}

/// A variable at its place.
#[derive(Clone, Debug)]
pub(crate) struct BuiltVariable {
    /// Numbers of the layer, and of those around it, outermost first.
    pub path: Vec<usize>,
    /// Their names, with `/` between them.
    pub layer: String,
    pub spec: VariableSpec,
    /// Moved by the optimizer.
    pub trainable: bool,
}

/// What a place in the graph holds.
#[derive(Clone, Debug)]
enum Flow {
    /// Data as they come, perhaps to be looked up first.
    Raw { input: usize, chain: Vec<Arc<dyn Layer>>, place: String, shape: Vec<usize> },
    /// A value of the network. `direct` is its input, if only the shape was changed on the way; `mask` the value that
    /// says which rows count, and the layer that made it.
    Value { value: usize, shape: Vec<usize>, direct: Option<usize>, mask: Option<(usize, String)> },
}

impl Flow {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Raw { shape, .. } | Self::Value { shape, .. } => shape,
        }
    }
}

/// Weights of a model: 4 GiB, and as much for each slot of the optimizer.
const MAX_WEIGHTS: usize = 1 << 30;

/// Axes of an input; numpy has 64.
const MAX_RANK: usize = 64;

/// Models in models in models.
const MAX_DEPTH: usize = 16;

impl Built {
    /// The network of this description, if it has at most this many weights. They are drawn from `seed`; without one
    /// they are 0, for whoever has their values.
    pub fn new(graph: &Graph, input_shapes: &[Vec<usize>], seed: Option<u64>, max_weights: usize) -> Result<Self> {
        let model = format!("model '{}'", graph.name);
        for shape in input_shapes {
            if shape.is_empty() || shape.contains(&0) {
                let problem = format!(
                    "input of shape {}, expected one axis or more, each at least 1: [1] for a single number",
                    layers::shape(shape)
                );
                return Err(Error::config(model, problem));
            }
            if shape.len() > MAX_RANK {
                let problem = format!("an input of {} axes, expected at most {MAX_RANK}", shape.len());
                return Err(Error::config(model, problem));
            }
            let values = shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
            if values.is_none_or(|values| values > MAX_WIDTH) {
                let problem = format!(
                    "input of shape {}, more than {MAX_WIDTH} values: give it fewer",
                    layers::shape(shape)
                );
                return Err(Error::config(model, problem));
            }
        }
        let raw = |(input, shape): (usize, &Vec<usize>)| Flow::Raw {
            input,
            chain: Vec::new(),
            place: String::new(),
            shape: shape.clone(),
        };
        let flows: Vec<Flow> = input_shapes.iter().enumerate().map(raw).collect();
        // Which inputs the network has is known only when every layer has been asked; then they get their numbers.
        let mut fronts = Vec::new();
        loop {
            let known = fronts.len();
            let mut builder = Builder::new(graph, fronts, max_weights.min(MAX_WEIGHTS));
            let outputs = builder.graph(graph, flows.clone(), &[], "", graph.trainable, 0)?;
            let mask = |flow: &Flow| match flow {
                Flow::Value { mask, .. } => mask.as_ref().map(|(mask, _)| *mask),
                Flow::Raw { .. } => None,
            };
            let masks = outputs.iter().map(mask).collect();
            let mut outputs: Vec<(usize, Vec<usize>)> =
                outputs.into_iter().map(|flow| builder.value(flow)).collect();
            if builder.fronts.len() > known {
                fronts = builder.fronts;
                continue;
            }
            for (value, shape) in &mut outputs {
                *value = builder.network.regroup(*value, layers::last_axis(shape).0);
            }
            let last = builder.origins.last().cloned().unwrap_or_default();
            builder.origins.resize(builder.network.nodes.len(), last);
            builder.network.masks = masks;
            builder.network.outputs = outputs.iter().map(|(value, _)| *value).collect();
            return builder.finish(input_shapes, outputs.into_iter().map(|(_, shape)| shape).collect(), seed);
        }
    }

    /// Number of weights.
    pub fn count(&self, trainable: bool) -> usize {
        let counted = self.variables.iter().filter(|variable| variable.trainable == trainable);
        counted.map(|variable| variable.spec.shape.iter().product::<usize>()).sum()
    }
}

struct Builder {
    network: Network,
    fronts: Vec<Front>,
    variables: Vec<BuiltVariable>,
    /// Numbers of the variables of layers that were built.
    of_layer: HashMap<Vec<usize>, Vec<usize>>,
    /// Weights that nested models bring along, by the path of the model.
    brought: Vec<(Vec<usize>, Vec<Tensor>)>,
    shapes: HashMap<(Vec<usize>, usize), Vec<Vec<usize>>>,
    model: String,
    /// Inputs of the model that hold strings.
    strings: Vec<usize>,
    origins: Vec<(String, String)>,
    weights: usize,
    max_weights: usize,
}

impl Builder {
    fn new(graph: &Graph, fronts: Vec<Front>, max_weights: usize) -> Self {
        Self {
            network: Network::new(fronts.iter().map(|front: &Front| front.width).collect::<Vec<_>>()),
            fronts,
            variables: Vec::new(),
            of_layer: HashMap::new(),
            brought: Vec::new(),
            shapes: HashMap::new(),
            model: format!("model '{}'", graph.name),
            strings: (0..graph.inputs.len())
                .filter(|at| graph.input(graph.inputs[*at]).is_some_and(|input| input.dtype == "string"))
                .collect(),
            origins: Vec::new(),
            weights: 0,
            max_weights,
        }
    }

    /// The outputs of a graph for these inputs.
    fn graph(
        &mut self,
        graph: &Graph,
        inputs: Vec<Flow>,
        path: &[usize],
        around: &str,
        trainable: bool,
        depth: usize,
    ) -> Result<Vec<Flow>> {
        if depth > MAX_DEPTH {
            return Err(Error::config(
                &self.model,
                format!(
                    "more than {MAX_DEPTH} models inside each other: call one model on what another gives instead"
                ),
            ));
        }
        let around_place = if around.is_empty() {
            format!("model '{}'", graph.name)
        } else {
            format!("layer '{around}' ({})", graph.class_name())
        };
        if inputs.len() != graph.inputs.len() {
            let problem =
                format!("{} inputs, expected {}: one for each of its inputs", inputs.len(), graph.inputs.len());
            return Err(Error::config(around_place, problem));
        }
        let mut flows: Vec<Vec<Flow>> = Vec::new();
        for (number, call) in graph.calls.iter().enumerate() {
            let entry = &graph.entries[call.layer];
            let path = [path, &[call.layer]].concat();
            let name = if around.is_empty() { entry.name.clone() } else { format!("{around}/{}", entry.name) };
            let place = format!("layer '{name}' ({})", entry.content.class_name());
            let mut given: Vec<Flow> = Vec::new();
            for input in &call.inputs {
                given.push(flows[input.call].get(input.index).cloned().ok_or_else(|| {
                    Error::config(
                        &place,
                        format!(
                            "reads output {} of a layer that has fewer: outputs are counted from 0",
                            input.index
                        ),
                    )
                })?);
            }
            let outputs = match &entry.content {
                Content::Input(_) => {
                    let at = graph
                        .inputs
                        .iter()
                        .position(|place| place.call == number)
                        .ok_or_else(|| Error::config(&place, "is not among the inputs of the model"))?;
                    let flow = inputs[at].clone();
                    let stated = graph.input(graph.inputs[at]);
                    if let Some(problem) = stated.and_then(|input| input.dtype_problem()) {
                        return Err(Error::config(&place, problem));
                    }
                    if let Some(stated) = stated.and_then(|input| input.shape.as_ref())
                        && flow.shape() != *stated
                    {
                        return Err(stated_shape(&around_place, stated, flow.shape()));
                    }
                    vec![flow]
                }
                Content::Layer(layer) => {
                    vec![self.layer(layer, &given, path.clone(), &name, &place, trainable && entry.trainable)?]
                }
                Content::Model(nested) => {
                    let wanted = nested.graph.inputs.len();
                    if given.len() != wanted {
                        let problem =
                            format!("is called on {} values, expected {wanted}: one for each input", given.len());
                        return Err(Error::config(place, problem));
                    }
                    let given = given.into_iter().zip(nested.graph.input_shapes()).map(|(flow, stated)| {
                        match stated.filter(|stated| flow.shape() != *stated) {
                            Some(stated) => Err(stated_shape(&place, &stated, flow.shape())),
                            None => Ok(flow),
                        }
                    });
                    let given = given.collect::<Result<Vec<_>>>()?;
                    if let Some(weights) = &nested.weights
                        && !self.brought.iter().any(|(known, _)| *known == path)
                    {
                        self.brought.push((path.clone(), weights.clone()));
                    }
                    // As in Keras 3, `trainable` of a model inside was handed on to its layers when it was set.
                    self.graph(&nested.graph, given, &path, &name, trainable, depth + 1)?
                }
            };
            let shapes = outputs.iter().map(|flow| flow.shape().to_vec()).collect();
            self.shapes.insert((path, graph.node_index(number)), shapes);
            flows.push(outputs);
        }
        let output = |place: &Place| {
            flows[place.call].get(place.index).cloned().ok_or_else(|| {
                Error::config(
                    &self.model,
                    format!(
                        "an output is output {} of a layer that has fewer: they are counted from 0",
                        place.index
                    ),
                )
            })
        };
        graph.outputs.iter().map(output).collect()
    }

    /// What a layer makes of these inputs.
    fn layer(
        &mut self,
        layer: &Arc<dyn Layer>,
        given: &[Flow],
        path: Vec<usize>,
        name: &str,
        place: &str,
        trainable: bool,
    ) -> Result<Flow> {
        if given.is_empty() {
            return Err(Error::config(place, "is called on nothing, expected a value: .call(&x)"));
        }
        if let Some(preprocessor) = layer.preprocessor() {
            return match given {
                [Flow::Raw { input, chain, place: before, shape }] => {
                    let output = preprocessor.output_shape(place, shape)?;
                    let chain = chain.iter().chain([layer]).cloned().collect();
                    let joined = if before.is_empty() { name.to_owned() } else { format!("{before}, {name}") };
                    Ok(Flow::Raw { input: *input, chain, place: joined, shape: output })
                }
                _ => Err(Error::config(
                    place,
                    "stands behind a layer that computes: it works on the data themselves, so put it directly behind \
                     an input",
                )),
            };
        }
        for flow in given {
            if let Flow::Raw { input, chain, .. } = flow
                && chain.is_empty()
                && self.strings.contains(input)
            {
                return Err(Error::config(
                    place,
                    "reads strings, expected numbers: put a StringLookup or Hashing between it and its input",
                ));
            }
        }
        let shapes: Vec<Vec<usize>> = given.iter().map(|flow| flow.shape().to_vec()).collect();
        if let (Some(stated), [given]) = (layer.input_shape(), &shapes[..])
            && stated != *given
        {
            return Err(stated_shape(place, &stated, given));
        }
        let mut built = layer.build(place, &shapes)?;
        let width = built.output_shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
        if width.is_none_or(|width| width > MAX_WIDTH) {
            let problem = format!(
                "output of shape {}, more than {MAX_WIDTH} values: make it smaller",
                shape(&built.output_shape)
            );
            return Err(Error::config(place, problem));
        }
        if !trainable {
            for fact in &mut built.facts {
                if let Fact::BatchNorm(norm) = fact {
                    norm.frozen = true;
                }
            }
        }
        let direct = given.iter().map(|flow| self.direct(flow)).collect::<Vec<_>>();
        let values: Vec<usize> = given.iter().map(|flow| self.value(flow.clone()).0).collect();
        if let Some(Fact::Embed { vocabulary, .. }) =
            built.facts.iter().find(|fact| !matches!(fact, Fact::Regroup { .. }))
        {
            let Some(front) = direct[0] else {
                return Err(Error::config(
                    place,
                    "stands behind a layer that computes: it reads numbers of rows, so put it behind an input",
                ));
            };
            let below = &mut self.fronts[front].below;
            if below.as_ref().is_none_or(|(least, _)| vocabulary < least) {
                *below = Some((*vocabulary, name.to_owned()));
            }
        }
        let numbers = self.variables(&built, &values, path, name, place, trainable)?;
        let read = numbers.iter().zip(&built.variables).filter(|(_, spec)| !spec.apart).map(|(number, _)| *number);
        let value = self.network.extend(&values, &built.facts, &read.collect::<Vec<_>>());
        let form = self.network.form(value);
        if width != Some(form.groups * form.cols) {
            let (stated, given) = (shape(&built.output_shape), form.groups * form.cols);
            let problem = format!("states an output of shape {stated}, but computes {given} values a sample");
            return Err(Error::config(place, problem));
        }
        let keeps = built.facts.iter().all(|fact| matches!(fact, Fact::Regroup { .. }));
        let mask = if built.mask.is_empty() {
            mask_of(place, &**layer, given)?
        } else {
            Some((self.network.extend(&values, &built.mask, &[]), name.to_owned()))
        };
        self.origins.resize(self.network.nodes.len(), (name.to_owned(), layer.class_name().to_owned()));
        Ok(Flow::Value { value, shape: built.output_shape, direct: direct[0].filter(|_| keeps), mask })
    }

    /// The variables of a layer: new ones, or those of its earlier calls.
    fn variables(
        &mut self,
        built: &layers::Built,
        values: &[usize],
        path: Vec<usize>,
        name: &str,
        place: &str,
        trainable: bool,
    ) -> Result<Vec<usize>> {
        if let Some(numbers) = self.of_layer.get(&path) {
            let before = numbers.iter().map(|number| &self.variables[*number].spec.shape);
            let now = built.variables.iter().map(|spec| &spec.shape);
            if before.clone().eq(now.clone()) {
                return Ok(numbers.clone());
            }
            let problem = format!(
                "is shared, and its variables would have the shapes {:?} here and {:?} elsewhere: share it between \
                 inputs of one shape",
                now.collect::<Vec<_>>(),
                before.collect::<Vec<_>>()
            );
            return Err(Error::config(place, problem));
        }
        let mut shapes = self.network.shapes(values, &built.facts).into_iter();
        let mut numbers = Vec::new();
        for spec in &built.variables {
            let count = spec.shape.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis));
            self.weights = self.weights.saturating_add(count.unwrap_or(usize::MAX));
            let (rows, cols) = if spec.apart { (1, count.unwrap_or(0)) } else { shapes.next().unwrap_or((0, 0)) };
            if rows * cols != count.unwrap_or(0) {
                let problem =
                    format!("variable {} of shape {:?} where {rows} x {cols} is read", spec.name, spec.shape);
                return Err(Error::config(place, problem));
            }
            if let Some(regularizer) = &spec.regularizer {
                regularizer.check(&spec.shape).map_err(|error| Error::config(place, error.to_string()))?;
            }
            if let Some(constraint) = &spec.constraint {
                constraint.check(&spec.shape).map_err(|error| Error::config(place, error.to_string()))?;
            }
            let number = self.variables.len();
            self.network.variables.push(VariableFacts {
                rows,
                cols,
                trainable: trainable && spec.trainable,
                shape: spec.shape.clone(),
                regularizer: spec.regularizer.clone().map(|regularizer| regularizer as _),
                constraint: spec.constraint.clone().map(|constraint| constraint as _),
                spectral: spec.spectral.map(|iterations| Spectral { vector: number + 1, iterations }),
            });
            self.variables.push(BuiltVariable {
                path: path.clone(),
                layer: name.to_owned(),
                spec: spec.clone(),
                trainable: trainable && spec.trainable,
            });
            numbers.push(number);
        }
        if shapes.next().is_some() {
            return Err(Error::config(place, "has fewer variables than its facts read"));
        }
        self.of_layer.insert(path, numbers.clone());
        Ok(numbers)
    }

    /// The input of the network that only had its shape changed on the way here.
    fn direct(&mut self, flow: &Flow) -> Option<usize> {
        match flow {
            Flow::Raw { .. } => Some(self.front(flow)),
            Flow::Value { direct, .. } => *direct,
        }
    }

    /// The number of this input of the network.
    fn front(&mut self, flow: &Flow) -> usize {
        let Flow::Raw { input, chain, place, shape } = flow else { return 0 };
        let same = |front: &Front| {
            front.input == *input
                && front.chain.len() == chain.len()
                && front.chain.iter().zip(chain).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        self.fronts.iter().position(same).unwrap_or_else(|| {
            let width = shape.iter().product();
            self.fronts.push(Front {
                input: *input,
                chain: chain.clone(),
                place: place.clone(),
                width,
                below: None,
            });
            self.fronts.len() - 1
        })
    }

    /// The value of the network at this place, and its shape.
    fn value(&mut self, flow: Flow) -> (usize, Vec<usize>) {
        if let Flow::Value { value, shape, .. } = flow {
            return (value, shape);
        }
        let number = self.front(&flow);
        // Not one of the network's yet: any value of this width does until all are known.
        let known = number < self.network.inputs.len();
        let value = if known { number } else { self.stand_in(self.fronts[number].width) };
        (value, flow.shape().to_vec())
    }

    /// A value of this width, in a network that will not be used.
    fn stand_in(&mut self, width: usize) -> usize {
        if self.network.inputs.is_empty() {
            self.network = Network::new([width]);
            return 0;
        }
        self.network.push(Fact::Affine { units: width, bias: false }, vec![0], Vec::new())
    }

    fn finish(
        mut self,
        input_shapes: &[Vec<usize>],
        output_shapes: Vec<Vec<usize>>,
        seed: Option<u64>,
    ) -> Result<Built> {
        // Keras's order: layer by layer, whatever was called first.
        let mut order: Vec<usize> = (0..self.variables.len()).collect();
        order.sort_by(|a, b| self.variables[*a].path.cmp(&self.variables[*b].path));
        self.network.order_variables(&order);
        let variables: Vec<BuiltVariable> = order.iter().map(|old| self.variables[*old].clone()).collect();
        if self.weights > self.max_weights {
            let (weights, most) = (self.weights, self.max_weights);
            let problem = if most < MAX_WEIGHTS {
                format!("describes {weights} weights, more than the {most} that its file can hold")
            } else {
                format!("{weights} weights, more than the {MAX_WEIGHTS} that are supported: use fewer units")
            };
            return Err(Error::config(self.model, problem));
        }
        // The weights, and the largest variable once more while it is drawn.
        crate::memory::refuse_too_much(&self.model, 8 * self.weights as u64, "use fewer units")?;
        let mut params = Params::zeros(&self.network);
        let drawn = seed.into_iter().flat_map(|seed| (0..variables.len()).map(move |number| (seed, number)));
        for (seed, number) in drawn {
            let (built, variable) = (&variables[number], &mut params.variables[number]);
            let place = || format!("{} of layer '{}'", built.spec.name, built.layer);
            let stream = &mut Stream::new(seed, number as u64);
            let elements = built.spec.initializer.fill(&built.spec.shape, stream);
            let elements = elements.map_err(|error| Error::config(place(), error.to_string()))?;
            variable.weights.copy_from_row_major(&elements);
        }
        for (path, weights) in &self.brought {
            let inside = variables.iter().zip(&mut params.variables);
            let inside = inside.filter(|(variable, _)| variable.path.starts_with(path));
            for ((_, variable), weights) in inside.zip(weights) {
                variable.weights.copy_from_row_major(&weights.to_f32());
            }
        }
        Ok(Built {
            input_shapes: input_shapes.to_vec(),
            output_shapes,
            fronts: self.fronts,
            network: self.network,
            variables,
            shapes: self.shapes,
            params,
            origins: self.origins,
        })
    }
}

/// The mask that goes on behind a layer.
fn mask_of(place: &str, layer: &dyn Layer, given: &[Flow]) -> Result<Option<(usize, String)>> {
    let mut masks = given.iter().filter_map(|flow| match flow {
        Flow::Value { mask, .. } => mask.as_ref(),
        Flow::Raw { .. } => None,
    });
    let Some(mask) = masks.next() else { return Ok(None) };
    let other = masks.find(|other| other.0 != mask.0);
    match (layer.masks(), other) {
        (Masks::Drop, _) => Ok(None),
        (Masks::Pass, None) => Ok(Some(mask.clone())),
        (Masks::Refuse, _) | (_, Some(_)) => {
            let made = &mask.1;
            let problem = format!(
                "gets a mask of layer '{made}' that it would have to heed, which is not supported: put a Flatten between \
                 them, or leave out '{made}'"
            );
            Err(Error::config(place, problem))
        }
    }
}

/// A layer or model that states another input than it is given.
fn stated_shape(place: &str, stated: &[usize], given: &[usize]) -> Error {
    let (stated, given) = (shape(stated), shape(given));
    Error::config(place, format!("states an input of shape {stated}, but is given {given}: change one of them"))
}
