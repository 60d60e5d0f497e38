//! Data as a model wants it: labels encoded, axes flattened, digits to draw.

use crate::ui;
use anyhow::Result;
use serde_json::json;
use vanilla::datasets::{Dataset, KNOWN, Known, Part};
use vanilla::formats::picture::brightness;
use vanilla::layers::Normalization;
use vanilla::losses::Targets;
use vanilla::plot::digits::Digit;
use vanilla::{Arrays, DType, Model, Sequential, Tensor, layers, to_categorical};

/// Opens a data set and passes its warnings on.
pub fn open(spec: &str) -> Result<Dataset> {
    Ok(warned(vanilla::datasets::open(spec)?))
}

/// Opens a data set for a model; of a table, `target` is the column with the targets.
pub fn open_for(spec: &str, model: &Model, target: Option<&str>) -> Result<Dataset> {
    Ok(warned(vanilla::datasets::open_for(spec, model, target)?))
}

/// Tells about copies that were passed over.
pub fn warned(dataset: Dataset) -> Dataset {
    dataset.warnings.iter().for_each(|warning| ui::note(&format!("warning: {warning}")));
    dataset
}

/// An error about arrays, with the file that they came from.
pub fn of_file(error: anyhow::Error, file: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(vanilla::Error::Data { .. }) => error.context(file.to_owned()),
        _ => error,
    }
}

/// What is known about this data set, if it is a known one.
pub fn known(dataset: &Dataset) -> Option<&'static Known> {
    KNOWN.iter().find(|known| dataset.known && known.name == dataset.name)
}

/// Builds a model that does not state its input for the samples of `x`: as they are, else flat.
pub fn build(model: &mut Model, x: &Arrays) -> Result<()> {
    if model.input_shape().is_none()
        && let Some(x) = x.single()
    {
        let sample = x.shape().get(1..).filter(|shape| !shape.is_empty()).unwrap_or(&[1]);
        if model.build(sample).is_err() {
            model.build(&[x.width()])?;
        }
    }
    Ok(())
}

/// Lets a `Normalization` at the beginning of the model learn from the samples of `x`, where it has learned nothing yet
/// and mean and variance were not given: what `adapt` does in Keras.
pub fn adapt(model: &mut Model, x: &Arrays) -> Result<()> {
    let layers = model.layer_names().into_iter().map(|name| model.get_layer(&name));
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    let first = layers.iter().find(|layer| layer.class_name != "InputLayer");
    let learns = first.is_some_and(|layer| {
        let all = |weight: usize, value: f32| layer.weights[weight].to_f32().iter().all(|found| *found == value);
        layer.class_name == "Normalization"
            && layer.weights.len() == 3
            && all(0, 0.0)
            && all(1, 1.0)
            && layer.config.get("axis") == Some(&json!([-1]))
    });
    let (true, Some(x)) = (learns, x.single()) else { return Ok(()) };
    let mut normalization = Normalization::new();
    normalization.adapt(x)?;
    let mut learned = Sequential::new(layers![normalization])?;
    learned.build(&x.shape()[1..])?;
    let mut weights = model.get_weights();
    for (weight, learned) in weights.iter_mut().zip(learned.get_weights()) {
        *weight = learned;
    }
    Ok(model.set_weights(&weights)?)
}

/// Names the model's classes and columns as the data set does, where they say more than their numbers.
pub fn name(dataset: &Dataset, model: &mut Model) -> Result<()> {
    let classes = &dataset.class_names;
    let told = classes.iter().enumerate().any(|(class, name)| *name != class.to_string());
    if told && model.class_names().is_empty() && model.outputs() == Some(classes.len()) {
        model.set_class_names(classes.clone())?;
        let images = dataset.train.x.single().is_some_and(|x| x.shape().len() >= 3 && x.as_u8().is_some());
        if images && !dataset.known {
            model.set_note(PICTURES, "as they are")?;
        }
    }
    let columns = dataset.feature_names.first().filter(|_| dataset.known && model.feature_names(0).is_empty());
    if let Some(columns) = columns.filter(|columns| model.input_shape() == Some(&[columns.len()])) {
        model.set_feature_names(0, columns.clone())?;
    }
    Ok(())
}

/// The note of a model that was trained on pictures from files.
pub const PICTURES: &str = "pictures";

/// `x` as this model takes it. Known data sets hold bytes; a model with a flat input gets them as flat floats.
pub fn inputs(dataset: &Dataset, part: &Part, model: &Model) -> Result<Arrays> {
    let flat = model.input_shape().is_some_and(|shape| shape.len() == 1);
    if let (true, Some(x)) = (dataset.known && flat, part.x.single()) {
        return Ok(x.reshape([x.rows(), x.width()])?.astype(DType::F32).into());
    }
    Ok(part.x.clone())
}

/// `y` as the model's loss takes it: labels of known data sets are encoded, those of files stay as they are.
pub fn targets(dataset: &Dataset, part: &Part, model: &Model) -> Result<Option<Tensor>> {
    let Some(y) = &part.y else { return Ok(None) };
    match known(dataset).and_then(Known::classes) {
        Some(classes) if compares_vectors(model, classes) => Ok(Some(to_categorical(y, classes)?)),
        // Pictures in folders: their labels are class numbers, too.
        None if !dataset.class_names.is_empty() && compares_vectors(model, dataset.class_names.len()) => {
            Ok(Some(to_categorical(y, dataset.class_names.len())?))
        }
        _ => Ok(Some(y.clone())),
    }
}

/// Whether the loss compares all outputs with a vector: one-hot losses do, and so do losses of numbers (such as `mse`)
/// where there is an output for every class.
fn compares_vectors(model: &Model, classes: usize) -> bool {
    match model.targets() {
        Some(Targets::OneHot) => true,
        // With one output a class the only way to train on numbers is towards the one-hot vectors.
        Some(Targets::Numbers) => model.outputs() == Some(classes),
        Some(Targets::ClassNumber) | None => false,
    }
}

/// The classes of `y`: class numbers as they are, the place of the 1 in one-hot vectors; `None` for other targets.
pub fn classes(dataset: &Dataset, part: &Part, model: &Model) -> Option<Tensor> {
    let (y, outputs) = (part.y.as_ref()?, model.outputs()?);
    if outputs < 2 || y.shape().is_empty() {
        return None;
    }
    if dataset.known || y.width() == 1 {
        return y.reshape([y.rows()]).ok();
    }
    if model.targets() == Some(Targets::OneHot) && y.shape().len() == 2 { y.argmax().ok() } else { None }
}

/// Up to two training and two test images with their labels; none where the samples are not images of bytes.
pub struct Samples(Vec<(Vec<u8>, [usize; 2], String)>);

impl Samples {
    /// The first ones.
    pub fn of(dataset: &Dataset) -> Self {
        let mut samples = Vec::new();
        let part_names = if dataset.test.is_some() { ["x_train", "x_test"] } else { ["x", ""] };
        let count = if dataset.test.is_some() { 2 } else { 4 };
        for (part, name) in [Some(&dataset.train), dataset.test.as_ref()].into_iter().flatten().zip(part_names) {
            let Some(x) = part.x.single() else { continue };
            for row in 0..count.min(x.rows()) {
                let Ok(image) = x.get(row) else { continue };
                let Some(pixels) = image.as_u8().filter(|pixels| !pixels.is_empty()) else { continue };
                let (pixels, size) = match *image.shape() {
                    [height, width] => (pixels.to_vec(), [height, width]),
                    [height, width, 3] => (pixels.chunks_exact(3).map(brightness).collect(), [height, width]),
                    _ => continue,
                };
                let caption = match part.y.as_ref().and_then(|y| label(y, row)) {
                    Some(label) => format!("{name}[{row}]: {}", class_name(dataset, label)),
                    None => format!("{name}[{row}]"),
                };
                samples.push((pixels, size, caption));
            }
        }
        Self(samples)
    }

    /// Ready to be drawn, two in a row.
    pub fn digits<'a>(&'a self) -> Vec<Digit<'a>> {
        let digit = |(pixels, [height, width], caption): &'a (Vec<u8>, [usize; 2], String)| Digit {
            pixels,
            width: *width,
            height: *height,
            caption: caption.clone(),
        };
        self.0.iter().map(digit).collect()
    }
}

/// The name of a class, where it has one.
fn class_name(dataset: &Dataset, label: i64) -> String {
    let name = usize::try_from(label).ok().and_then(|label| dataset.class_names.get(label));
    name.cloned().unwrap_or_else(|| label.to_string())
}

/// The label of a row, from class numbers or one-hot vectors.
fn label(y: &Tensor, row: usize) -> Option<i64> {
    let one = y.get(row).ok()?;
    let class = if one.len() > 1 { one.argmax().ok()? } else { one };
    class.to_i64().first().copied()
}
