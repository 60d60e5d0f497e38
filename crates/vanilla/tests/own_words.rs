//! Words of one's own: the example runs, and each of its words takes at most 30 lines.

#[path = "../examples/own_words.rs"]
mod own_words;

use vanilla::config::Keys;
use vanilla::initializers::Initializer;
use vanilla::layers::{Built, Layer, VariableSpec, last_axis, one_input};
use vanilla::plan::Fact;
use vanilla::prelude::*;

#[test]
fn the_example_runs() {
    own_words::main().unwrap();
}

/// Lines of code between the markers.
#[test]
fn each_word_takes_at_most_thirty_lines() {
    let example = include_str!("../examples/own_words.rs");
    for word in ["layer", "activation", "initializer"] {
        let part = example.split(&format!("// begin {word}\n")).nth(1).unwrap();
        let part = part.split(&format!("// end {word}\n")).next().unwrap();
        let count = part.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((5..=30).contains(&count), "{word}: {count} lines");
    }
}

/// A layer that has no place for a name.
#[derive(Debug)]
struct Mix;

impl Layer for Mix {
    fn class_name(&self) -> &str {
        "Mix"
    }
    fn config(&self) -> Keys {
        Keys::new()
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let (_, units) = last_axis(one_input(place, inputs)?);
        let kernel = VariableSpec::new("kernel", [units, units], Initializer::Ones);
        Ok(Built::new([units], vec![Fact::Affine { units, bias: false }]).variables(vec![kernel]))
    }
}

/// Names and `trainable` of a description hold for it, and connections find it under its name.
#[test]
fn a_layer_without_a_name_keeps_the_one_it_is_given() {
    let x = Input::new([3]).tensor();
    let inner = Mix.call(&x);
    let model = Model::new(&x, &Add::new().call([&Mix.call(&inner), &inner])).unwrap();
    assert_eq!(model.layer_names(), ["input_layer", "mix", "mix_1", "add"]);
    let description = model.to_json().unwrap().to_string();
    let description = description.replace("\"mix_1\"", "\"late\"").replace("\"mix\"", "\"early\"");
    let mut description: serde_json::Value = serde_json::from_str(&description).unwrap();
    description["config"]["layers"][1]["config"]["trainable"] = false.into();
    let registry = Registry::new().layer("Mix", |_, _| Ok(Mix));
    let read = Model::from_json_with(&description, &registry).unwrap();
    assert_eq!(read.layer_names(), ["input_layer", "early", "late", "add"]);
    assert!(!read.get_layer("early").unwrap().trainable && read.get_layer("late").unwrap().trainable);
    assert_eq!(read.to_json().unwrap(), description);
}
