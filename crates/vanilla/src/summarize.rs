//! What [`Summary`] says about a [`Model`].

use crate::build::Built;
use crate::graph::{Content, Graph, Kind};
use crate::layers::shape;
use crate::model::Model;
use crate::summary::{Summary, SummaryRow};
use std::collections::HashSet;

/// Keras's arguments of `summary`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SummaryOptions {
    expand_nested: bool,
    show_trainable: bool,
}

impl SummaryOptions {
    /// A row for each layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// With rows for the layers of models inside the model.
    pub fn expand_nested(mut self, expand: bool) -> Self {
        self.expand_nested = expand;
        self
    }

    /// With a column that tells which layers are trained.
    pub fn show_trainable(mut self, show: bool) -> Self {
        self.show_trainable = show;
        self
    }
}

impl Model {
    /// The layer table: print it, or [`render`](Summary::render) it in another layout.
    pub fn summary(&self) -> Summary {
        self.summary_with(SummaryOptions::new())
    }

    /// [`Model::summary`] with more rows or columns.
    pub fn summary_with(&self, options: SummaryOptions) -> Summary {
        let built = self.built.as_ref();
        let mut rows = Vec::new();
        table(&self.graph, built, &[], 0, options, &mut rows);
        let (trained, fixed) = built.map_or((0, 0), |built| (built.count(true) as u64, built.count(false) as u64));
        let attached = self.compiled.as_ref().filter(|compiled| compiled.attached);
        Summary {
            model_name: self.graph.name.clone(),
            rows,
            trainable_params: trained,
            non_trainable_params: fixed,
            // The slots, the step count and the learning rate.
            optimizer_params: attached.map(|compiled| {
                let rate = u64::from(compiled.optimizer.rate_is_constant());
                let slots = built.iter().flat_map(|built| &built.params.variables).flat_map(|v| &v.slots);
                slots.map(|slot| (slot.rows() * slot.cols()) as u64).sum::<u64>() + 1 + rate
            }),
            connected_to: !is_chain(&self.graph),
            show_trainable: options.show_trainable,
        }
    }
}

/// Whether each layer is called once, on what the one before it gives.
fn is_chain(graph: &Graph) -> bool {
    let mut layers = HashSet::new();
    let mut read = HashSet::new();
    graph.kind == Kind::Sequential
        || graph.inputs.len() == 1
            && graph.calls.iter().all(|call| {
                layers.insert(call.layer)
                    && call.inputs.len() <= 1
                    && call.inputs.iter().all(|place| read.insert(place.call))
            })
}

fn table(
    graph: &Graph,
    built: Option<&Built>,
    path: &[usize],
    depth: usize,
    options: SummaryOptions,
    rows: &mut Vec<SummaryRow>,
) {
    let hidden = graph.entries.len() - graph.visible().len();
    let prefix = match depth {
        0 => String::new(),
        depth => format!("{}└ ", "   ".repeat(depth)),
    };
    for (i, entry) in graph.visible().iter().enumerate() {
        let layer = i + hidden;
        let path = [path, &[layer]].concat();
        let variables = || {
            let all = built.iter().flat_map(|built| &built.variables);
            all.filter(|variable| variable.path.starts_with(&path))
        };
        let params: usize = variables().map(|variable| variable.spec.shape.iter().product::<usize>()).sum();
        let shapes = built.and_then(|built| built.shapes.get(&(path.clone(), 0)));
        let output_shape = shapes.map_or("?".to_owned(), |shapes| match &shapes[..] {
            [only] => shape(only),
            several => {
                let several: Vec<String> = several.iter().map(|one| shape(one)).collect();
                format!("[{}]", several.join(", "))
            }
        });
        let calls = graph.calls.iter().filter(|call| call.layer == layer);
        let connections = calls.flat_map(|call| &call.inputs).map(|place| {
            let name = &graph.entries[graph.calls[place.call].layer].name;
            format!("{name}[{}][{}]", graph.node_index(place.call), place.index)
        });
        let weights = variables().next().is_some();
        rows.push(SummaryRow {
            name: format!("{prefix}{}", entry.name),
            class: entry.content.class_name().into(),
            output_shape,
            params: params as u64,
            connections: if graph.kind == Kind::Functional { connections.collect() } else { Vec::new() },
            trainable: weights.then_some(entry.trainable),
        });
        if let Content::Model(nested) = &entry.content
            && options.expand_nested
        {
            table(&nested.graph, built, &path, depth + 1, options, rows);
        }
    }
}
