//! Trainings with every optimizer, recorded with Keras 3.15.1 (`interop/record_optimizer_trainings.py`), and an optimizer
//! of one's own.

#[path = "../examples/own_optimizer.rs"]
mod own_optimizer;
#[path = "common/trainings.rs"]
mod trainings;

use std::collections::HashSet;
use trainings::{compare, recorded_in};
use vanilla::Model;

#[test]
fn trainings_with_every_optimizer_equal_keras() {
    let recorded = recorded_in("optimizer_trainings.json");
    let mut wrong = Vec::new();
    for training in &recorded {
        let model = Model::from_json(&training["model"]).map_err(|error| error.to_string());
        if let Err(problem) = model.and_then(|model| compare(training, model)) {
            wrong.push(format!("{}: {problem}", training["name"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recorded.len(), wrong.join("\n"));
}

/// Every optimizer, schedule, clipping, decay, average and accumulation together with every other.
#[test]
fn the_trainings_cover_every_pair() {
    let recorded = recorded_in("optimizer_trainings.json");
    let names: Vec<Vec<&str>> =
        recorded.iter().map(|training| training["name"].as_str().unwrap().split('/').collect()).collect();
    let kinds = |part: usize| names.iter().map(|name| name[part]).collect::<HashSet<_>>();
    assert_eq!([0, 1, 2, 3, 4, 5].map(|part| kinds(part).len()), [13, 5, 4, 2, 3, 3]);
    for (first, second) in (0..6).flat_map(|first| (0..first).map(move |second| (first, second))) {
        let pairs: HashSet<_> = names.iter().map(|name| (name[first], name[second])).collect();
        assert_eq!(pairs.len(), kinds(first).len() * kinds(second).len(), "parts {first} and {second}");
    }
}

#[test]
fn the_example_runs() {
    own_optimizer::main().unwrap();
}

/// Lines between the markers.
#[test]
fn a_word_of_ones_own_takes_at_most_thirty_lines() {
    let example = include_str!("../examples/own_optimizer.rs");
    for word in ["optimizer", "schedule"] {
        let part = example.split(&format!("// begin {word}\n")).nth(1).unwrap();
        let part = part.split(&format!("// end {word}\n")).next().unwrap();
        let count = part.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((5..=30).contains(&count), "{word}: {count} lines");
    }
}
