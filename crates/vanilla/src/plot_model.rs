//! [`PlotModel`], [`plot_model`]: a model as boxes and arrows, as Keras's `plot_model` draws it.
//!
//! Titles, lines and options are Keras's. Different on purpose: nothing has to be installed, arrows of a shared layer
//! are drawn once for each place that they connect (as in Keras with `concentrate`), the shapes of a layer that is
//! called several times are those of all its calls, and colours tell the kinds of layers apart. `dpi` and `splines`
//! are Graphviz's and do not exist; `show_dtype` neither, because everything is float32 behind the inputs.

use crate::build::Built;
use crate::error::{Error, Result};
use crate::graph::{Content, Entry, Graph as Layers, Kind, Place};
use crate::layers::shape;
use crate::model::{Model, NOT_BUILT};
use crate::saving::write_file;
use std::path::Path;
use vanilla_plot::graph::{Accent, Direction, Graph, GraphGroup, GraphNode};

/// Keras's arguments of `plot_model`, with Keras's defaults: class names only, from top to bottom.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::{PlotModel, plot_model};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.svg");
/// let layers = layers![Dense::new(8).activation("relu").input_dim(4), Dense::new(1)];
/// let model = Sequential::new(layers)?;
/// plot_model(&model, &path, PlotModel::new().show_shapes(true).show_layer_names(true))?;
/// # Ok::<(), vanilla::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PlotModel {
    show_shapes: bool,
    show_layer_names: bool,
    expand_nested: bool,
    show_layer_activations: bool,
    show_trainable: bool,
    rankdir: Direction,
}

impl PlotModel {
    /// Class names only, from top to bottom.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the shapes of what goes into each layer and of what comes out.
    pub fn show_shapes(mut self, show: bool) -> Self {
        self.show_shapes = show;
        self
    }

    /// With the layers' names before their classes.
    pub fn show_layer_names(mut self, show: bool) -> Self {
        self.show_layer_names = show;
        self
    }

    /// Where arrows point to: down (`TB`) or to the right (`LR`).
    pub fn rankdir(mut self, direction: Direction) -> Self {
        self.rankdir = direction;
        self
    }

    /// With the layers of models inside the model, in a frame.
    pub fn expand_nested(mut self, expand: bool) -> Self {
        self.expand_nested = expand;
        self
    }

    /// With the activations of layers that have one.
    pub fn show_layer_activations(mut self, show: bool) -> Self {
        self.show_layer_activations = show;
        self
    }

    /// With whether layers that have weights are trained.
    pub fn show_trainable(mut self, show: bool) -> Self {
        self.show_trainable = show;
        self
    }
}

impl Model {
    /// The model as boxes and arrows, to be drawn as SVG or PNG.
    ///
    /// # Errors
    /// When the model's input shape is not known yet.
    pub fn plot(&self, options: PlotModel) -> Result<Graph> {
        let built = self.built.as_ref().ok_or(NOT_BUILT)?;
        let graph = Graph { direction: options.rankdir, ..Graph::default() };
        let mut sheet = Sheet { built, options, graph };
        sheet.add(&self.graph, &[], None, self.graph.trainable);
        Ok(sheet.graph)
    }
}

/// Draws a model into a file, SVG or PNG by the ending of its name: Keras's `plot_model(model, to_file, ..)`.
///
/// # Errors
/// When the ending is neither `.svg` nor `.png`, the model's input shape is not known yet, the picture would be too
/// large, or the file cannot be written.
pub fn plot_model(model: &Model, to_file: impl AsRef<Path>, options: PlotModel) -> Result<()> {
    let path = to_file.as_ref();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let bytes = match ending.as_deref() {
        Some("svg") => model.plot(options)?.to_svg()?.into_bytes(),
        Some("png") => model.plot(options)?.to_png()?,
        _ => return Err(Error::file(path, "plot_model: expected a name that ends in .svg or .png")),
    };
    write_file(path, &bytes)
}

/// The boxes of a model that are drawn.
struct Drawn {
    /// Where an arrow to each of its inputs leads.
    inputs: Vec<Option<usize>>,
    /// Where an arrow from each of its outputs comes from.
    outputs: Vec<Option<usize>>,
}

/// The picture while it grows.
struct Sheet<'a> {
    built: &'a Built,
    options: PlotModel,
    graph: Graph,
}

impl Sheet<'_> {
    /// Draws the layers of a model at this path, in this frame.
    fn add(&mut self, layers: &Layers, path: &[usize], group: Option<usize>, trainable: bool) -> Drawn {
        let hidden = layers.entries.len() - layers.visible().len();
        let mut drawn: Vec<Drawn> =
            (0..hidden).map(|_| Drawn { inputs: Vec::new(), outputs: Vec::new() }).collect();
        for (i, entry) in layers.visible().iter().enumerate() {
            let path = [path, &[i + hidden]].concat();
            let trainable = trainable && entry.trainable;
            drawn.push(match &entry.content {
                Content::Model(nested) if self.options.expand_nested => {
                    self.graph.groups.push(GraphGroup { title: entry.name.clone(), parent: group });
                    let frame = self.graph.groups.len() - 1;
                    self.add(&nested.graph, &path, Some(frame), trainable)
                }
                _ => {
                    let node = self.node(layers, i + hidden, entry, &path, group, trainable);
                    self.graph.nodes.push(node);
                    let number = Some(self.graph.nodes.len() - 1);
                    let ends = |content: &Content| match content {
                        Content::Model(nested) => (nested.graph.inputs.len(), nested.graph.outputs.len()),
                        _ => (usize::MAX, 1),
                    };
                    let (inputs, outputs) = ends(&entry.content);
                    let most = layers.calls.iter().map(|call| call.inputs.len()).max().unwrap_or(1);
                    Drawn { inputs: vec![number; inputs.min(most)], outputs: vec![number; outputs] }
                }
            });
        }
        let from =
            |place: &Place| drawn[layers.calls[place.call].layer].outputs.get(place.index).copied().flatten();
        let mut arrows = Vec::new();
        for call in &layers.calls {
            for (number, place) in call.inputs.iter().enumerate() {
                let to = drawn[call.layer].inputs.get(number).copied().flatten();
                if let (Some(from), Some(to)) = (from(place), to)
                    && !self.graph.edges.contains(&(from, to))
                    && !arrows.contains(&(from, to))
                {
                    arrows.push((from, to));
                }
            }
        }
        self.graph.edges.extend(arrows);
        let inputs = match layers.kind {
            // Its input is hidden: arrows lead to its first layer.
            Kind::Sequential => drawn.get(hidden).map_or(Vec::new(), |first| first.inputs.clone()),
            Kind::Functional => {
                layers.inputs.iter().map(|place| drawn[layers.calls[place.call].layer].own()).collect()
            }
        };
        Drawn { inputs, outputs: layers.outputs.iter().map(from).collect() }
    }

    /// The box of a layer.
    fn node(
        &self,
        layers: &Layers,
        layer: usize,
        entry: &Entry,
        path: &[usize],
        group: Option<usize>,
        trainable: bool,
    ) -> GraphNode {
        let class = entry.content.class_name();
        let title =
            if self.options.show_layer_names { format!("{} ({class})", entry.name) } else { class.to_owned() };
        let mut lines = Vec::new();
        let mut line = |label: &str, value: String| lines.push((label.to_owned(), value));
        let activation = match &entry.content {
            Content::Layer(layer) => {
                layer.config().get("activation").and_then(|name| name.as_str().map(str::to_owned))
            }
            _ => None,
        };
        if let Some(activation) = activation.filter(|_| self.options.show_layer_activations) {
            line("Activation", activation);
        }
        if self.options.show_shapes {
            let calls: Vec<_> = layers.calls.iter().enumerate().filter(|(_, call)| call.layer == layer).collect();
            if !matches!(entry.content, Content::Input(_)) {
                let inputs = calls.iter().map(|(_, call)| {
                    let shapes = call.inputs.iter().filter_map(|place| self.shape_at(layers, path, *place));
                    shapes.collect::<Vec<_>>()
                });
                line("Input shape", together(inputs));
            }
            let outputs = calls.iter().filter_map(|(number, _)| {
                let key = (path.to_vec(), layers.node_index(*number));
                self.built.shapes.get(&key).map(|shapes| shapes.iter().map(|one| shape(one)).collect())
            });
            line("Output shape", together(outputs));
        }
        let weighted = self.built.variables.iter().any(|variable| variable.path.starts_with(path));
        if self.options.show_trainable && weighted {
            line("Trainable", if trainable { "yes" } else { "no" }.to_owned());
        }
        GraphNode { title, lines, group, accent: accent(&entry.content, weighted, layers, layer) }
    }

    fn shape_at(&self, layers: &Layers, path: &[usize], place: Place) -> Option<String> {
        let around = &path[..path.len() - 1];
        let key = ([around, &[layers.calls[place.call].layer]].concat(), layers.node_index(place.call));
        self.built.shapes.get(&key).and_then(|shapes| shapes.get(place.index)).map(|one| shape(one))
    }
}

impl Drawn {
    /// The box of a layer that is one box.
    fn own(&self) -> Option<usize> {
        self.outputs.first().copied().flatten()
    }
}

/// The shapes of the calls of a layer, each once: `(None, 4)`, of several tensors `[(None, 4), (None, 2)]`.
fn together(calls: impl Iterator<Item = Vec<String>>) -> String {
    let mut texts: Vec<String> = Vec::new();
    for shapes in calls {
        let text = match &shapes[..] {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(" or ")
}

/// What kind of layer it is.
fn accent(content: &Content, weighted: bool, layers: &Layers, layer: usize) -> Accent {
    let class = content.class_name();
    let joins = layers.calls.iter().any(|call| call.layer == layer && call.inputs.len() > 1);
    match content {
        Content::Input(_) => Accent::Green,
        Content::Model(_) => Accent::Gray,
        _ if joins => Accent::Purple,
        _ if class.contains("Dropout") || class.contains("Noise") => Accent::Yellow,
        _ if class.contains("Normalization") && class != "SpectralNormalization" => Accent::Sky,
        _ if weighted => Accent::Blue,
        _ => match class {
            "Activation" | "ReLU" | "LeakyReLU" | "ELU" | "Softmax" => Accent::Orange,
            "Flatten" | "Reshape" | "Permute" | "RepeatVector" | "Rescaling" => Accent::Sky,
            _ => Accent::Gray,
        },
    }
}
