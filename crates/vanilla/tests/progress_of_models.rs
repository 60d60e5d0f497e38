//! What `fit`, `evaluate` and `predict` print, and in whose style. The bytes of the bar itself are compared with
//! recordings in `progress.rs`; here the clock is real, so times are left out.

use std::io::Write;
use std::sync::{Arc, Mutex};
use vanilla::prelude::*;
use vanilla::progress::Flavor;
use vanilla::{Evaluate, Predict, Terminal};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// What stays visible, times as `T`.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let time = |word: &str| {
            let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let unit = digits.split('/').next().unwrap_or("");
            digits.len() < word.len() && ["s", "ms", "us"].contains(&unit)
        };
        let visible = |line: &str| {
            let line = line.rsplit('\r').next().unwrap_or("").trim_end().to_owned();
            let words = line.split(' ').map(|word| match word.split_once('/') {
                Some((_, per)) if time(word) => format!("T/{per}"),
                None if time(word) => "T".to_owned(),
                _ => word.to_owned(),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        text.lines().map(visible).collect()
    }
}

const SCREEN: Terminal = Terminal { redraw: true, color: false, columns: 0 };
const FULL: &str = "━━━━━━━━━━━━━━━━━━━━";
const FULL_2: &str = "[==============================]";

/// A model whose weights and numbers are zeros and ones, 70 rows.
fn model() -> (Model, Tensor, Tensor) {
    let mut model = Sequential::new(layers![Dense::new(1).input_dim(2)]).unwrap();
    model.compile("mse", SGD::new(0.0), ["mae"]).unwrap();
    let zeros = [Tensor::new(vec![0.0f32; 2], [2, 1]).unwrap(), Tensor::new(vec![0.0f32], [1]).unwrap()];
    model.set_weights(&zeros).unwrap();
    let x = Tensor::new(vec![1.0f32; 140], [70, 2]).unwrap();
    (model, x, Tensor::new(vec![0.5f32; 70], [70]).unwrap())
}

fn evaluated(options: Evaluate, terminal: Terminal) -> Vec<String> {
    let ((model, x, y), paper) = (model(), Paper::default());
    let logs = model.evaluate_with_output(&x, &y, options, Box::new(paper.clone()), terminal).unwrap();
    assert_eq!((logs["loss"], logs["mae"]), (0.25, 0.5));
    paper.lines()
}

fn predicted(options: Predict, terminal: Terminal) -> (Vec<String>, usize) {
    let ((model, x, _), paper) = (model(), Paper::default());
    let outputs = model.predict_with_output(&x, options, Box::new(paper.clone()), terminal).unwrap();
    assert_eq!(outputs.len(), 1);
    (paper.lines(), outputs[0].rows())
}

#[test]
fn evaluate_is_silent_unless_asked() {
    let verbose = |verbose| Evaluate::new().verbose(verbose);
    assert!(evaluated(Evaluate::new(), SCREEN).is_empty());
    let bar = format!("3/3 {FULL} T T/step - loss: 0.2500 - mae: 0.5000");
    assert_eq!(evaluated(verbose(1), SCREEN), [bar]);
    let line = "3/3 - T - T/step - loss: 0.2500 - mae: 0.5000";
    assert_eq!(evaluated(verbose(2), SCREEN), [line]);
    assert_eq!(evaluated(verbose(1), Terminal::PLAIN), [line]);
    let some = evaluated(verbose(2).batch_size(10).steps(2), SCREEN);
    assert_eq!(some, ["2/2 - T - T/step - loss: 0.2500 - mae: 0.5000"]);
}

#[test]
fn predict_is_silent_unless_asked() {
    let verbose = |verbose| Predict::new().verbose(verbose);
    assert_eq!(predicted(Predict::new(), SCREEN), (vec![], 70));
    assert_eq!(predicted(verbose(1), SCREEN), (vec![format!("3/3 {FULL} T T/step")], 70));
    assert_eq!(predicted(verbose(2), SCREEN), (vec!["3/3 - T - T/step".into()], 70));
    // The first batches only.
    assert_eq!(predicted(verbose(2).batch_size(16).steps(2), SCREEN), (vec!["2/2 - T - T/step".into()], 32));
    assert_eq!(predicted(Predict::new().batch_size(64).steps(9), SCREEN).1, 70);
}

#[test]
fn earlier_styles_of_evaluate_and_predict() {
    let evaluate = |flavor, verbose| evaluated(Evaluate::new().verbose(verbose).flavor(flavor), SCREEN);
    let bar = format!("3/3 {FULL_2} - T T/step - loss: 0.2500 - mae: 0.5000");
    assert_eq!(evaluate(Flavor::TfKeras, 1), [bar]);
    // Keras 2 counts samples here, and tells no metrics.
    assert_eq!(evaluate(Flavor::Keras2, 1), [format!("70/70 {FULL_2} - T T/step")]);
    assert!(evaluate(Flavor::Keras2, 2).is_empty());
    let predict = |flavor| predicted(Predict::new().verbose(1).flavor(flavor), SCREEN).0;
    assert_eq!(predict(Flavor::TfKeras), [format!("3/3 {FULL_2} - T T/step")]);
    assert_eq!(predict(Flavor::Keras2), [format!("70/70 {FULL_2} - T T/step")]);
}

#[test]
fn fit_in_every_style() {
    let fitted = |flavor, terminal| {
        let ((mut model, x, y), paper) = (model(), Paper::default());
        let options = Fit::new().epochs(2).flavor(flavor).validation_data(&x, &y);
        model.fit_with_output(&x, &y, options, Box::new(paper.clone()), terminal).unwrap();
        paper.lines()
    };
    let values = "loss: 0.2500 - mae: 0.5000 - val_loss: 0.2500 - val_mae: 0.5000";
    let bar = format!("3/3 {FULL} T T/step - {values}");
    assert_eq!(fitted(Flavor::Keras3, SCREEN), ["Epoch 1/2", &bar, "Epoch 2/2", &bar]);
    let bar = format!("3/3 {FULL_2} - T T/step - {values}");
    assert_eq!(fitted(Flavor::TfKeras, SCREEN), ["Epoch 1/2", &bar, "Epoch 2/2", &bar]);
    let bar = format!("70/70 {FULL_2} - T T/step - {values}");
    let header = "Train on 70 samples, validate on 70 samples";
    assert_eq!(fitted(Flavor::Keras2, SCREEN), [header, "Epoch 1/2", &bar, "Epoch 2/2", &bar]);
    let line = |epoch| format!("Epoch {epoch}/2 - T - {values}");
    assert_eq!(fitted(Flavor::Keras2, Terminal::PLAIN), [header.to_owned(), line(1), line(2)]);
}

#[test]
fn metrics_stand_as_compiled_before_keras_3() {
    let last = |flavor| {
        let ((mut model, x, y), paper) = (model(), Paper::default());
        model.compile("mse", "sgd", ["mse", "mae", "acc"]).unwrap();
        let options = Evaluate::new().verbose(2).flavor(flavor);
        model.evaluate_with_output(&x, &y, options, Box::new(paper.clone()), SCREEN).unwrap();
        paper.lines().remove(0)
    };
    let names = |line: String| {
        let names = line.split(" - ").filter_map(|part| part.split_once(": ").map(|(name, _)| name.to_owned()));
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(last(Flavor::Keras3)), ["acc", "loss", "mae", "mse"]);
    assert_eq!(names(last(Flavor::TfKeras)), ["loss", "mse", "mae", "acc"]);
}
