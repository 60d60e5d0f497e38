//! Pictures of models: which boxes, arrows and frames there are, and files by their ending.

use vanilla::layers::{Add, Concatenate, Dropout};
use vanilla::plot::graph::{Direction, Graph};
use vanilla::prelude::*;
use vanilla::{PlotModel, plot_model};

fn residual() -> Model {
    let x = Input::new([8]).name("x").tensor();
    let hidden = Dense::new(8).activation("relu").call(&x);
    let hidden = Dense::new(8).trainable(false).call(&Dropout::new(0.1).call(&hidden));
    let y = Dense::new(3).activation("softmax").call(&Add::new().call([&x, &hidden]));
    Model::new(&x, &y).unwrap()
}

/// A model of two inputs and two outputs in a model, and a Sequential in a Sequential.
fn nested() -> Model {
    let (a, b) = (Input::new([4]).name("a").tensor(), Input::new([4]).name("b").tensor());
    let (left, right) = (Input::new([4]).name("left").tensor(), Input::new([3]).name("right").tensor());
    let both = Concatenate::new().call([&left, &right]);
    let inner = Model::new([&left, &right], [&Dense::new(2).call(&both), &Dense::new(1).call(&both)]).unwrap();
    let core = Sequential::new(layers![Dense::new(5).input_dim(4), Dense::new(3)]).unwrap().with_name("core");
    let encoder = Sequential::new(layers![core.as_layer(), Dropout::new(0.5)]).unwrap().with_name("encoder");
    let ends = inner.with_name("heads").call_all([&a, &encoder.call(&b)]);
    Model::new([&a, &b], &Concatenate::new().call([&ends[0], &ends[1]])).unwrap()
}

fn two_by_two() -> Model {
    let (a, b) = (Input::new([4]).name("age").tensor(), Input::new([2]).name("place").tensor());
    let shared = Shared::new(Dense::new(3).name("shared"));
    let (x, y) = (shared.call(&Dense::new(2).call(&a)), shared.call(&b));
    let both = Concatenate::new().call([&x, &y]);
    let price = Dense::new(1).name("price").call(&both);
    let kind = Dense::new(3).activation("softmax").name("kind").call(&both);
    Model::new([&a, &b], [&price, &kind]).unwrap()
}

fn everything() -> PlotModel {
    let options = PlotModel::new().show_shapes(true).show_layer_names(true).expand_nested(true);
    options.show_layer_activations(true).show_trainable(true)
}

/// A line for each box, with the boxes that it points to.
fn described(graph: &Graph) -> String {
    let frame =
        |group: Option<usize>| group.map_or(String::new(), |group| format!("{}: ", graph.groups[group].title));
    let mut text = String::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = node.lines.iter().map(|(label, value)| format!("{label} {value}")).collect();
        let to = graph.edges.iter().filter(|(from, _)| *from == i).map(|(_, to)| graph.nodes[*to].title.as_str());
        let to: Vec<&str> = to.collect();
        text += &format!("{}{} | {} -> {}\n", frame(node.group), node.title, lines.join(" | "), to.join(", "));
    }
    for group in &graph.groups {
        text += &format!("frame {}{}\n", frame(group.parent), group.title);
    }
    text
}

#[test]
fn boxes_arrows_and_frames() {
    let text = [residual(), nested(), two_by_two()].map(|model| described(&model.plot(everything()).unwrap()));
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn keras_s_defaults_are_class_names() {
    let graph = nested().plot(PlotModel::new()).unwrap();
    let titles: Vec<&str> = graph.nodes.iter().map(|node| &*node.title).collect();
    assert_eq!(titles, ["InputLayer", "InputLayer", "Sequential", "Functional", "Concatenate"]);
    assert!(graph.groups.is_empty() && graph.nodes.iter().all(|node| node.lines.is_empty()));
    // Two outputs go to the same box: one arrow.
    assert_eq!(graph.edges, [(0, 2), (1, 3), (2, 3), (3, 4)]);
    assert_eq!(graph.direction, Direction::TopToBottom);
    let flat = nested().plot(PlotModel::new().rankdir(Direction::LeftToRight)).unwrap();
    assert_eq!(flat.direction, Direction::LeftToRight);
}

#[test]
fn files_by_their_ending() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("m.svg", &b"<svg"[..]), ("m.png", b"\x89PNG"), ("M.PNG", b"\x89PNG")] {
        let path = folder.path().join(name);
        plot_model(&two_by_two(), &path, everything()).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(start), "{name}");
    }
    for name in ["m.pdf", "m", "png"] {
        let path = folder.path().join(name);
        let error = plot_model(&two_by_two(), &path, PlotModel::new()).unwrap_err().to_string();
        assert_eq!(error, format!("{}: plot_model: expected a name that ends in .svg or .png", path.display()));
        assert!(!path.exists());
    }
    let unbuilt = Sequential::new(layers![Dense::new(2)]).unwrap();
    let error = plot_model(&unbuilt, folder.path().join("u.svg"), PlotModel::new()).unwrap_err();
    assert!(error.to_string().contains("input shape is not known yet"), "{error}");
}
