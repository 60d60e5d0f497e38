//! What [`Summary`] says about a [`Model`].

use crate::build::Built;
use crate::error::{Error, Result};
use crate::graph::{Content, Graph, Kind};
use crate::layers::shape;
use crate::model::Model;
use crate::summary::{Summary, SummaryRow};
use std::collections::HashSet;
use std::ops::Range;

/// Keras's arguments of `summary`, with Keras's defaults. (`print_fn` is [`Summary::render`], and `positions` are
/// Keras's.)
#[derive(Clone, Debug, Default)]
pub struct SummaryOptions {
    expand_nested: bool,
    show_trainable: bool,
    line_length: Option<usize>,
    layer_range: Option<(String, String)>,
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

    /// A table of this many columns, however wide the terminal is.
    pub fn line_length(mut self, columns: usize) -> Self {
        self.line_length = Some(columns);
        self
    }

    /// Only the layers from the first whose name begins with `first` to the last whose name begins with `last`, or
    /// the other way round. (In Keras these are regular expressions, which match beginnings as well; here they are
    /// plain text.)
    pub fn layer_range(mut self, first: impl Into<String>, last: impl Into<String>) -> Self {
        self.layer_range = Some((first.into(), last.into()));
        self
    }
}

impl Model {
    /// The layer table: print it, or [`render`](Summary::render) it in another layout.
    pub fn summary(&self) -> Summary {
        self.table(&SummaryOptions::new(), 0..usize::MAX)
    }

    /// [`Model::summary`] with more or fewer rows or columns.
    ///
    /// # Errors
    /// When no layer's name begins as `layer_range` says.
    pub fn summary_with(&self, options: SummaryOptions) -> Result<Summary> {
        let range = match &options.layer_range {
            Some((first, last)) => layer_range(&self.layer_names(), first, last)?,
            None => 0..usize::MAX,
        };
        Ok(self.table(&options, range))
    }

    fn table(&self, options: &SummaryOptions, range: Range<usize>) -> Summary {
        let built = self.built.as_ref();
        let mut table = Table { built, options, rows: Vec::new() };
        table.add(&self.graph, range, &[], self.graph.trainable);
        let (trained, fixed) = built.map_or((0, 0), |built| (built.count(true) as u64, built.count(false) as u64));
        let attached = self.compiled.as_ref().filter(|compiled| compiled.attached);
        let wide = built.iter().flat_map(|built| &built.variables).filter(|variable| {
            // The only whole number among Keras's variables of layers.
            variable.spec.apart && variable.spec.name == "count"
        });
        Summary {
            model_name: self.graph.name.clone(),
            rows: table.rows,
            trainable_params: trained,
            non_trainable_params: fixed,
            // The slots, the step count, the learning rate, and what the rule keeps beside them.
            optimizer_params: attached.map(|compiled| {
                let rate = u64::from(compiled.optimizer.rate_is_constant());
                let scalars = compiled.optimizer.rule.scalars(0).len() as u64;
                let slots = built.iter().flat_map(|built| &built.params.variables).flat_map(|v| &v.slots);
                slots.map(|slot| (slot.rows() * slot.cols()) as u64).sum::<u64>() + 1 + rate + scalars
            }),
            connected_to: !is_chain(&self.graph),
            show_trainable: options.show_trainable,
            wide_params: wide.count() as u64,
            line_length: options.line_length,
        }
    }
}

/// Positions of the layers between two names, both included.
fn layer_range(names: &[String], first: &str, last: &str) -> Result<Range<usize>> {
    let matching = |beginning: &str| {
        let mut found = (0..names.len()).filter(|i| names[*i].starts_with(beginning));
        let low = found.next();
        let pair = low.map(|low| (low, found.next_back().unwrap_or(low)));
        pair.ok_or_else(|| Error::unknown("layer in layer_range", beginning, names.iter().cloned()))
    };
    let ((first_low, first_high), (last_low, last_high)) = (matching(first)?, matching(last)?);
    Ok(if first_low > last_high { last_low..first_high + 1 } else { first_low..last_high + 1 })
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

/// The rows, while they are made.
struct Table<'a> {
    built: Option<&'a Built>,
    options: &'a SummaryOptions,
    rows: Vec<SummaryRow>,
}

impl Table<'_> {
    /// The layers of a graph at this path, those in the range.
    fn add(&mut self, graph: &Graph, range: Range<usize>, path: &[usize], trainable: bool) {
        let hidden = graph.entries.len() - graph.visible().len();
        let prefix = match path.len() {
            0 => String::new(),
            depth => format!("{}└ ", "   ".repeat(depth)),
        };
        for (i, entry) in graph.visible().iter().enumerate().filter(|(i, _)| range.contains(i)) {
            let layer = i + hidden;
            let path = [path, &[layer]].concat();
            let trainable = trainable && entry.trainable;
            let variables: Vec<_> = self.built.iter().flat_map(|built| &built.variables).collect();
            let own = variables.into_iter().filter(|variable| variable.path.starts_with(&path));
            let counts: Vec<usize> = own.map(|variable| variable.spec.shape.iter().product()).collect();
            let calls: Vec<_> = graph.calls.iter().filter(|call| call.layer == layer).collect();
            let connections = calls.iter().flat_map(|call| &call.inputs).map(|place| {
                let name = &graph.entries[graph.calls[place.call].layer].name;
                format!("{name}[{}][{}]", graph.node_index(place.call), place.index)
            });
            // Keras tells of the calls in the model itself only.
            let shown = graph.kind == Kind::Functional && path.len() == 1;
            self.rows.push(SummaryRow {
                name: format!("{prefix}{}", entry.name),
                class: entry.content.class_name().into(),
                output_shape: self.output_shape(&path),
                params: counts.iter().sum::<usize>() as u64,
                connections: if shown { connections.collect() } else { Vec::new() },
                trainable: (!counts.is_empty()).then_some(trainable),
            });
            if let Content::Model(nested) = &entry.content
                && self.options.expand_nested
            {
                self.add(&nested.graph, 0..usize::MAX, &path, trainable);
            }
        }
    }

    /// What the last call of a layer gives.
    fn output_shape(&self, path: &[usize]) -> String {
        let shapes_of = |built: &&Built| {
            let calls = (0..).map_while(|call| built.shapes.get(&(path.to_vec(), call)).cloned());
            calls.last()
        };
        match self.built.as_ref().and_then(shapes_of).as_deref() {
            None => "?".to_owned(),
            Some([only]) => shape(only),
            Some(several) => {
                let several: Vec<String> = several.iter().map(|one| shape(one)).collect();
                format!("[{}]", several.join(", "))
            }
        }
    }
}
