//! The numbers of a file at their places in a model. All of them are looked at before one is moved, so a model whose
//! file does not fit stays as it was.

use crate::build::Built;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::on_batch::OnBatch;
use crate::optimizers::{Engine, LearningRate};
use std::borrow::Cow;
use vanilla_formats::{Array, Data};

/// What a file has for a model.
#[derive(Default)]
pub(super) struct Numbers<'a> {
    /// Number of the variable, its elements row-major.
    pub weights: Vec<(usize, Cow<'a, [f32]>)>,
    /// Where the optimizer was; none where the file does not say.
    pub state: Option<State<'a>>,
}

/// Where an optimizer was.
pub(super) struct State<'a> {
    /// Steps done.
    pub iterations: u64,
    /// The learning rate, where it is a number and the file has it.
    pub rate: Option<f32>,
    /// Variable, slot and its elements, row-major.
    pub slots: Vec<(usize, usize, Cow<'a, [f32]>)>,
}

/// What a list of numbers is to an optimizer.
pub(super) enum Stored<'a> {
    /// There is none, or it was saved before its first step.
    Nothing,
    State(State<'a>),
    /// They are of another one: why.
    Other(String),
}

impl<'a> Stored<'a> {
    /// For a model that is opened, whose optimizer begins anew where the numbers do not fit it, with a remark.
    pub fn or_remark(self, place: &str, remarks: &mut Vec<String>) -> Option<State<'a>> {
        match self {
            Self::Nothing => None,
            Self::State(state) => Some(state),
            Self::Other(why) => {
                remarks.push(format!("{place}: {why}: the optimizer begins anew"));
                None
            }
        }
    }

    /// For a model that has an optimizer at work, which stays as it is where the numbers do not fit it.
    pub fn or_error(self, place: &str) -> Result<Option<State<'a>>> {
        match self {
            Self::Nothing => Ok(None),
            Self::State(state) => Ok(Some(state)),
            Self::Other(why) => Err(Error::data(place, why)),
        }
    }
}

/// What a file has for a model that no shape is known of: no numbers, the first of which would be here.
pub(super) fn unbuilt(first: Option<String>) -> Result<Numbers<'static>> {
    let problem = "numbers of a model whose description has no input shape: build it in Keras and save it again, or \
                   describe it with an input shape and call load_weights";
    first.map_or_else(|| Ok(Numbers::default()), |place| Err(Error::data(place, problem)))
}

impl Model {
    /// Moves the numbers to their places.
    pub(super) fn take_in(&mut self, numbers: Numbers<'_>) {
        self.inside.take();
        self.on_batch = OnBatch::default();
        let Some(built) = &mut self.built else { return };
        for (variable, elements) in numbers.weights {
            built.params.variables[variable].weights.copy_from_row_major(&elements);
        }
        let (Some(compiled), Some(state)) = (&mut self.compiled, numbers.state) else { return };
        built.params.attach(&compiled.optimizer.bind(&built.variables));
        for (variable, slot, elements) in state.slots {
            built.params.variables[variable].slots[slot].copy_from_row_major(&elements);
        }
        if let Some(rate) = state.rate.filter(|_| compiled.optimizer.rate_is_constant()) {
            compiled.optimizer = compiled.optimizer.with_learning_rate(rate);
        }
        built.params.iterations = state.iterations;
        compiled.attached = true;
    }
}

/// Slot, variable and shape in the order of a Keras file, of the variables that are trained: averages and sums of
/// gradients first, then the rule's own, part by part.
pub(super) fn slot_order(built: &Built, engine: &Engine) -> Vec<(usize, usize, Vec<usize>)> {
    use vanilla_plan::Optimizer;
    let bound = engine.bind(&built.variables);
    let mut found = Vec::new();
    for (number, variable) in built.variables.iter().enumerate().filter(|(_, variable)| variable.trainable) {
        let slots = bound.slots(number, &variable.spec.shape);
        let count = slots.len();
        for (slot, about) in slots.into_iter().enumerate() {
            found.push((engine.file_part(slot, count), number, slot, about.shape));
        }
    }
    found.sort_by_key(|(part, ..)| *part);
    found.into_iter().map(|(_, number, slot, shape)| (slot, number, shape)).collect()
}

/// The state in a list of arrays, each with its place:
///
/// ```text
/// list   = count [rate] slot* number*      Keras 3: the rate where it is no schedule; numbers such as Nadam's product
///        | count slot*                     Keras 2.11 to 2.15; slots that are single numbers are left out
///        | count momentum*                 the same, of an SGD without momentum: nobody reads them
/// ```
///
/// # Errors
/// When an element is no number, or what should be a count is none.
pub(super) fn state_of_list<'a>(
    built: &Built,
    engine: &Engine,
    list: &[(String, &'a Array)],
) -> Result<Stored<'a>> {
    let order = slot_order(built, engine);
    let first = 1 + usize::from(engine.rate_is_constant());
    let scalars = engine.rule.scalars(0).len();
    let expected = first + order.len() + scalars;
    let without_rate: Vec<_> = order.iter().filter(|(.., shape)| !shape.is_empty()).cloned().collect();
    let is_scalar = |at: usize| list.get(at).is_some_and(|(_, array)| array.shape.is_empty());
    // Saved before its first step, an optimizer has its count and its rate and nothing else.
    if list.is_empty() || !order.is_empty() && (list.len() == 1 || list.len() == 2 && first == 2 && is_scalar(1)) {
        return Ok(Stored::Nothing);
    }
    let trained = built.variables.iter().filter(|variable| variable.trainable).count();
    let (order, first) = if list.len() == expected {
        (order, first)
    } else if order.is_empty() && scalars == 0 && list.len() == 1 + trained && !is_scalar(1) {
        (order, 1)
    } else if list.len() == 1 + without_rate.len() && !is_scalar(1) {
        (without_rate, 1)
    } else {
        let name = engine.rule.name();
        return Ok(Stored::Other(format!("{} variables, expected {expected} for {name}", list.len())));
    };
    let mut stored = order.iter().zip(&list[first..]).zip(first..);
    if let Some(why) = stored.find_map(|(((.., shape), (_, array)), at)| misshapen(at, array, shape)) {
        return Ok(Stored::Other(why));
    }
    let iterations = count(list[0].1, &list[0].0)?;
    let rate = if first == 2 { Some(rate(list[1].1, &list[1].0)?) } else { None };
    let mut slots = Vec::new();
    for ((slot, variable, shape), (place, array)) in order.into_iter().zip(&list[first..]) {
        slots.push((variable, slot, floats(array, place, &shape)?));
    }
    Ok(Stored::State(State { iterations, rate, slots }))
}

/// Why this is not the variable with this number, if its shape says so: other weights were trained.
pub(super) fn misshapen(number: usize, array: &Array, shape: &[usize]) -> Option<String> {
    (array.shape != shape).then(|| format!("variable {number} of shape {:?}, expected {shape:?}", array.shape))
}

/// A number of steps.
pub(super) fn count(array: &Array, place: &str) -> Result<u64> {
    match &array.data {
        Data::I64(count) if count.len() == 1 && count[0] >= 0 => Ok(count[0] as u64),
        _ => Err(Error::data(place, "expected a count of steps")),
    }
}

/// A learning rate: what no description could state would not be read again.
pub(super) fn rate(array: &Array, place: &str) -> Result<f32> {
    let rate = floats(array, place, &[])?[0];
    LearningRate::Constant(rate).check().map_err(|problem| Error::data(place, problem))?;
    Ok(rate)
}

/// Floats of exactly this shape, all finite.
pub(super) fn floats<'a>(array: &'a Array, place: &str, shape: &[usize]) -> Result<Cow<'a, [f32]>> {
    if array.shape != shape {
        return Err(Error::data(place, format!("shape {:?}, expected {shape:?}", array.shape)));
    }
    let elements: Cow<'a, [f32]> = match &array.data {
        Data::F32(elements) => elements.as_slice().into(),
        // Keras keeps a count of samples as an integer.
        Data::I64(count) if shape.is_empty() => count.iter().map(|count| *count as f32).collect::<Vec<_>>().into(),
        _ => return Err(Error::data(place, format!("type {}, expected float32", array.dtype()))),
    };
    match elements.iter().position(|x| !x.is_finite()) {
        Some(index) => {
            Err(Error::data(place, format!("element {index} is {}, not a finite number", elements[index])))
        }
        None => Ok(elements),
    }
}
