//! [`LayerCheck`]: the contract of a layer.

use super::Problems;
use super::bench::Bench;
use crate::config::keys;
use crate::error::Result;
use crate::graph::{Content, InputLayer, KerasTensor, Tensors};
use crate::layers::{self, Layer, shape};
use crate::model::Model;
use crate::registry::Registry;
use crate::tensor::Tensor;
use std::sync::Arc;

/// The contract of a layer, to be checked on inputs of given shapes.
///
/// - The description reads the keys that it writes, refuses others, and gives a layer that computes the same.
/// - Outputs have the shape that was stated, and equal the truth in f64 (1e-5 of the largest).
/// - Formulas, if all functions of it state one, give these outputs.
/// - Gradients by all trained weights and all inputs equal differences of the loss in f64 (5e-5 of the largest,
///   step 1e-5). Where a [`RowFunction`](crate::plan::RowFunction) has no `reference` in f64, or the layer is
///   random in training, differences are taken in f32 (5e-3, step 1/64). At a kink anything between both slopes
///   will do.
/// - The bits do not depend on the number of threads, nor on the other samples of a batch.
/// - A batch of one sample works, an empty one is an error, and whatever the layer is called on, nothing panics.
///
/// Of a layer that works on the data before the network only the description is checked, and that nothing panics.
///
/// ```
/// use vanilla::prelude::*;
/// use vanilla::testing::LayerCheck;
/// LayerCheck::new(Dense::new(3).activation("relu")).inputs([[4]]).run().unwrap();
/// LayerCheck::new(Add::new()).inputs([[2, 3], [2, 3]]).run().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct LayerCheck {
    layer: Arc<dyn Layer>,
    inputs: Vec<Vec<usize>>,
    registry: Registry,
}

impl LayerCheck {
    /// This layer, on one input of 6 columns unless told otherwise.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Self { layer: Arc::new(layer), inputs: vec![vec![6]], registry: Registry::new() }
    }

    /// On inputs of these shapes of one sample: `[[4]]` is one input of four columns.
    pub fn inputs<S: Into<Vec<usize>>>(mut self, shapes: impl IntoIterator<Item = S>) -> Self {
        self.inputs = shapes.into_iter().map(Into::into).collect();
        self
    }

    /// With words of your own; the layer is among them, if it is one.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = registry.clone();
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// What is wrong, a line each.
    pub fn run(self) -> std::result::Result<(), Problems> {
        let mut problems = Problems::of(self.layer.class_name());
        self.description(&mut problems);
        if self.layer.preprocessor().is_some() {
            self.preprocessing(&mut problems);
            return problems.end();
        }
        let shapes: Vec<String> = self.inputs.iter().map(|input| shape(input)).collect();
        match problems.calm("the layer on its inputs", || self.model(&self.inputs)) {
            None => {}
            Some(Err(error)) => problems.push(format!("on {}: {error}; expected a layer", shapes.join(" and "))),
            Some(Ok(model)) => {
                let built = model.built.as_ref().expect("all inputs have a shape");
                // What panics in here is the layer's own code.
                let mut found = Problems::of("");
                problems.calm("running the layer", || Bench::new(built).check(&mut found));
                found.lines.into_iter().for_each(|line| problems.push(line));
                problems
                    .calm("reading the model again", || self.again(&model))
                    .into_iter()
                    .flatten()
                    .for_each(|line| problems.push(line));
                problems
                    .calm("the formula of the layer", || self.formula(&model))
                    .into_iter()
                    .flatten()
                    .for_each(|line| problems.push(line));
                self.empty(&model, &mut problems);
            }
        }
        self.strange(&mut problems);
        problems.end()
    }

    /// The layer alone, called on inputs of these shapes.
    fn model(&self, shapes: &[Vec<usize>]) -> Result<Model> {
        let inputs: Vec<KerasTensor> =
            shapes.iter().map(|shape| InputLayer::new(shape.clone()).tensor()).collect();
        let output = KerasTensor::of(Content::Layer(Arc::clone(&self.layer)), Tensors(inputs.clone()), 0);
        Model::new(&inputs, &output)
    }

    /// The keys that it writes, as it reads them.
    fn description(&self, problems: &mut Problems) {
        let class = self.layer.class_name();
        let mut keys = keys! { "name": "some_name", "trainable": false };
        keys.extend(self.layer.config());
        let read = |keys| layers::from_config(class, keys, &self.registry);
        match problems.calm("reading its own keys", || read(keys.clone())) {
            None => {}
            Some(Err(error)) => {
                let written = serde_json::Value::from(self.layer.config());
                problems.push(format!("reading its own keys {written}: {error}; expected the same layer"));
            }
            Some(Ok(again)) => {
                if again.class_name() != class {
                    problems.push(format!("reads as {}, expected its own class name", again.class_name()));
                }
                let [got, want] = [again.config(), self.layer.config()].map(serde_json::Value::from);
                if got != want {
                    problems.push(format!("reads its keys as {got}, expected {want}"));
                }
                if again.common().name.as_deref() != Some("some_name") || again.common().trainable {
                    problems.push("loses name or trainable when read, expected what was written");
                }
            }
        }
        keys.insert("no_such_key".into(), 1.into());
        match problems.calm("reading a key that it does not know", || read(keys)) {
            Some(Ok(_)) => problems.push("takes the key no_such_key = 1, expected an error"),
            Some(Err(error)) => problems.one_line("a key that it does not know", &error),
            None => {}
        }
    }

    /// The whole model, written and read: the same description, the same weights, the same numbers.
    fn again(&self, model: &Model) -> Vec<String> {
        let compare = || -> Result<Vec<String>> {
            let description = model.to_json()?;
            let mut again = Model::from_json_with(&description, &self.registry)?;
            let mut lines = Vec::new();
            let (got, want) = (again.to_json()?, description);
            if got != want {
                lines.push(format!("a model of it is written again as {got}, expected {want}"));
            }
            let [got, want] = [&again, model].map(|model| {
                let variables = model.built.iter().flat_map(|built| &built.variables);
                variables.map(|v| format!("{}{:?} {}", v.spec.name, v.spec.shape, v.trainable)).collect::<Vec<_>>()
            });
            if got != want {
                lines.push(format!("has the variables {got:?} when read, expected {want:?}"));
                return Ok(lines);
            }
            again.set_weights(&model.get_weights())?;
            let x = self.samples(3)?;
            if again.predict(x.clone())?.to_f32() != model.predict(x)?.to_f32() {
                lines.push("computes other numbers when read, expected the same: is a key missing?".into());
            }
            Ok(lines)
        };
        compare().unwrap_or_else(|error| vec![format!("a model of it, written and read: {error}")])
    }

    /// The formulas, where all of the layer has one, give the numbers of the layer.
    fn formula(&self, model: &Model) -> Option<String> {
        let program = model.program().ok()?;
        let x = self.samples(3).ok()?;
        let predicted = model.predict(x.clone()).ok()?.to_f32();
        let wide = |x: &Tensor| x.to_f32().into_iter().map(f64::from).collect::<Vec<f64>>();
        let row = |row: usize| -> Result<Vec<Vec<f64>>> {
            let of = |front: &crate::export::Front| Ok(wide(&x[front.input].slice(row..row + 1)?));
            program.fronts.iter().map(of).collect()
        };
        let computed: Vec<f64> = (0..3)
            .map(|number| Some(program.run(&row(number).ok()?)[0].clone()))
            .collect::<Option<Vec<_>>>()?
            .concat();
        let largest = predicted.iter().fold(1.0f32, |largest, y| largest.max(y.abs()));
        let wrong = computed
            .iter()
            .zip(&predicted)
            .position(|(got, want)| !super::near(*want, *got, 1e-5 * f64::from(largest)));
        wrong.map(|at| format!("formula gives {} for output {at}, expected {}", computed[at], predicted[at]))
    }

    /// An empty batch is an error.
    fn empty(&self, model: &Model, problems: &mut Problems) {
        match problems.calm("an empty batch", || model.predict(self.samples(0)?)) {
            Some(Ok(_)) => problems.push("takes an empty batch, expected an error"),
            Some(Err(error)) => problems.one_line("an empty batch", &error),
            None => {}
        }
    }

    /// Inputs that it may refuse, in one line, or take; then it computes something.
    fn strange(&self, problems: &mut Problems) {
        let shapes: [&[usize]; 6] = [&[], &[1], &[3], &[2, 3], &[3, 2], &[2, 1, 3]];
        for sample in shapes {
            for count in 1..=3 {
                let inputs = vec![sample.to_vec(); count];
                let what = format!("{count} inputs of shape {}", shape(sample));
                let run = || -> Result<Tensor> {
                    // A model refuses inputs without axes; a layer may still hand them on to this one.
                    self.layer.build("layer", &inputs)?;
                    let x = inputs.iter().map(|shape| zeros(1, shape)).collect::<Result<Vec<_>>>()?;
                    self.model(&inputs)?.predict(x)
                };
                if let Some(Err(error)) = problems.calm(&what, run) {
                    problems.one_line(&what, &error);
                }
            }
        }
    }

    /// A layer that works on the data: strange shapes, and an empty column.
    fn preprocessing(&self, problems: &mut Problems) {
        let Some(word) = self.layer.preprocessor() else { return };
        for sample in [&[][..], &[1], &[3], &[2, 3]] {
            let what = format!("input of shape {}", shape(sample));
            if let Some(Err(error)) = problems.calm(&what, || word.output_shape("layer", sample)) {
                problems.one_line(&what, &error);
            }
            for rows in [0, 2] {
                let what = format!("{rows} rows of shape {}", shape(sample));
                if let Some(Err(error)) = problems.calm(&what, || word.apply("layer", &zeros(rows, sample)?)) {
                    problems.one_line(&what, &error);
                }
            }
        }
    }

    /// So many samples for every input; whole numbers, which suit a table of rows as well.
    fn samples(&self, rows: usize) -> Result<Vec<Tensor>> {
        let input = |sample: &Vec<usize>| {
            let count = rows * sample.iter().product::<usize>();
            Tensor::new((0..count).map(|i| (i % 2) as f32).collect::<Vec<_>>(), [&[rows], &sample[..]].concat())
        };
        self.inputs.iter().map(input).collect()
    }
}

fn zeros(rows: usize, sample: &[usize]) -> Result<Tensor> {
    Tensor::new(vec![0.0f32; rows * sample.iter().product::<usize>()], [&[rows], sample].concat())
}
