//! Trainings with every optimizer, recorded with Keras 3.15.1 (`interop/record_optimizer_trainings.py`), and an
//! optimizer of one's own.

#[path = "../examples/own_optimizer.rs"]
mod own_optimizer;
#[path = "common/trainings.rs"]
mod trainings;

use std::collections::HashSet;
use trainings::{compare, recorded_in};
use vanilla::optimizers::{OptimizerArg, names};
use vanilla::prelude::*;

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

/// Averages, sums of gradients, slots of any shape and single numbers: a file has them all, at their places.
#[test]
fn every_optimizer_goes_on_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let x = Tensor::new((0..60).map(|i| (i % 7) as f32 / 7.0).collect::<Vec<_>>(), [20, 3]).unwrap();
    let y = Tensor::new((0..40).map(|i| (i % 5) as f32 / 5.0).collect::<Vec<_>>(), [20, 2]).unwrap();
    let fit = Fit::new().epochs(1).batch_size(4).shuffle(false).verbose(0);
    let common = serde_json::json!({ "learning_rate": 0.05, "use_ema": true, "gradient_accumulation_steps": 2 });
    for (name, config) in
        names().into_iter().flat_map(|name| [(name, serde_json::json!({})), (name, common.clone())])
    {
        let layers = layers![Dense::new(5).activation("tanh").input_dim(3), Dense::new(2)];
        let mut model = Sequential::new(layers).unwrap().with_seed(3).unwrap();
        let node = serde_json::json!({ "class_name": name, "config": config });
        let optimizer = OptimizerArg::Config(node);
        model.compile("mse", optimizer, Vec::<&str>::new()).unwrap();
        model.fit(&x, &y, fit.clone()).unwrap();
        let path = folder.path().join("model.keras");
        model.save(&path).unwrap();
        let mut loaded = Model::load(&path).unwrap();
        model.fit(&x, &y, fit.clone()).unwrap();
        loaded.fit(&x, &y, fit.clone()).unwrap();
        for (here, there) in model.get_weights().iter().zip(loaded.get_weights()) {
            assert_eq!(here.to_f32(), there.to_f32(), "{name} {config}");
        }
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
