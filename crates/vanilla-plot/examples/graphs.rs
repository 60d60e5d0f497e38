//! Draws sample graphs: `graphs DIRECTORY`.
//!
//! For looking at: the tests know whether boxes overlap, not whether it is a pleasure to read.

use std::path::PathBuf;
use std::time::Instant;
use vanilla_plot::graph::{Accent, Direction, Graph, GraphGroup, GraphNode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or("graphs: received no directory; usage: graphs DIRECTORY")?;
    std::fs::create_dir_all(&directory)?;
    for (name, mut graph) in graphs() {
        for (suffix, direction) in [("tb", Direction::TopToBottom), ("lr", Direction::LeftToRight)] {
            graph.direction = direction;
            let start = Instant::now();
            let png = graph.to_png()?;
            println!(
                "{name}_{suffix}: {} bytes of PNG in {:.1} ms",
                png.len(),
                start.elapsed().as_secs_f64() * 1e3
            );
            std::fs::write(directory.join(format!("{name}_{suffix}.png")), png)?;
            std::fs::write(directory.join(format!("{name}_{suffix}.svg")), graph.to_svg()?)?;
        }
    }
    Ok(())
}

fn graphs() -> Vec<(&'static str, Graph)> {
    vec![
        ("residual", residual()),
        ("two_by_two", two_by_two()),
        ("autoencoder", autoencoder()),
        ("shared", shared()),
        ("dense_connections", dense_connections()),
        ("plain", plain()),
        ("tangle", tangle()),
        ("empty", Graph::default()),
    ]
}

/// Adds boxes one by one and answers their positions.
#[derive(Default)]
struct Builder {
    graph: Graph,
    group: Option<usize>,
}

impl Builder {
    fn layer(&mut self, class: &str, name: &str, shapes: [&str; 2], params: &str, inputs: &[usize]) -> usize {
        let accent = match class {
            "InputLayer" => Accent::Green,
            "Dense" => Accent::Blue,
            "Activation" | "ReLU" => Accent::Orange,
            "Add" | "Concatenate" | "Subtract" => Accent::Purple,
            "Dropout" => Accent::Yellow,
            "Flatten" | "BatchNormalization" => Accent::Sky,
            _ => Accent::Gray,
        };
        let mut lines = vec![("output shape", shapes[1]), ("params", params)];
        if class != "InputLayer" {
            lines.insert(0, ("input shape", shapes[0]));
        }
        let lines = lines.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        self.graph.nodes.push(GraphNode { title: format!("{name} ({class})"), lines, group: self.group, accent });
        let node = self.graph.nodes.len() - 1;
        self.graph.edges.extend(inputs.iter().map(|&input| (input, node)));
        node
    }

    fn group(&mut self, title: &str, parent: Option<usize>) -> usize {
        self.graph.groups.push(GraphGroup { title: title.into(), parent });
        self.group = Some(self.graph.groups.len() - 1);
        self.graph.groups.len() - 1
    }
}

fn residual() -> Graph {
    let mut b = Builder::default();
    let wide = "(None, 256)";
    let input = b.layer("InputLayer", "images", ["", "(None, 784)"], "0", &[]);
    let mut x = b.layer("Dense", "stem", ["(None, 784)", wide], "200,960", &[input]);
    for block in 1..=3 {
        let first = b.layer("Dense", &format!("block{block}_a"), [wide, wide], "65,792", &[x]);
        let second = b.layer("Dense", &format!("block{block}_b"), [wide, wide], "65,792", &[first]);
        x = b.layer("Add", &format!("add_{block}"), ["[(None, 256), (None, 256)]", wide], "0", &[second, x]);
    }
    let drop = b.layer("Dropout", "dropout", [wide, wide], "0", &[x]);
    b.layer("Dense", "logits", [wide, "(None, 10)"], "2,570", &[drop]);
    b.graph
}

fn two_by_two() -> Graph {
    let mut b = Builder::default();
    let title = b.layer("InputLayer", "title", ["", "(None, 10000)"], "0", &[]);
    let tags = b.layer("InputLayer", "tags", ["", "(None, 12)"], "0", &[]);
    let a = b.layer("Dense", "title_features", ["(None, 10000)", "(None, 64)"], "640,064", &[title]);
    let c = b.layer("Dropout", "title_dropout", ["(None, 64)", "(None, 64)"], "0", &[a]);
    let d = b.layer("Dense", "tag_features", ["(None, 12)", "(None, 8)"], "104", &[tags]);
    let both = b.layer("Concatenate", "concatenate", ["[(None, 64), (None, 8)]", "(None, 72)"], "0", &[c, d]);
    b.layer("Dense", "priority", ["(None, 72)", "(None, 1)"], "73", &[both]);
    b.layer("Dense", "department", ["(None, 72)", "(None, 4)"], "292", &[both]);
    b.graph
}

fn autoencoder() -> Graph {
    let mut b = Builder::default();
    let image = b.layer("InputLayer", "image", ["", "(None, 28, 28)"], "0", &[]);
    b.group("encoder (Functional)", None);
    let pixels = b.layer("InputLayer", "pixels", ["", "(None, 28, 28)"], "0", &[image]);
    let flat = b.layer("Flatten", "flatten", ["(None, 28, 28)", "(None, 784)"], "0", &[pixels]);
    let hidden = b.layer("Dense", "dense", ["(None, 784)", "(None, 128)"], "100,480", &[flat]);
    let code = b.layer("Dense", "code", ["(None, 128)", "(None, 32)"], "4,128", &[hidden]);
    let decoder = b.group("decoder (Functional)", None);
    let start = b.layer("InputLayer", "start", ["", "(None, 32)"], "0", &[code]);
    b.group("expand (Sequential)", Some(decoder));
    let wide = b.layer("Dense", "dense_1", ["(None, 32)", "(None, 128)"], "4,224", &[start]);
    let norm = b.layer("BatchNormalization", "norm", ["(None, 128)", "(None, 128)"], "512", &[wide]);
    b.group = Some(decoder);
    let sum = b.layer("Dense", "pixels_out", ["(None, 128)", "(None, 784)"], "101,136", &[norm]);
    b.group = None;
    b.layer("Subtract", "error", ["[(None, 784), (None, 784)]", "(None, 784)"], "0", &[sum, flat]);
    b.graph
}

/// Two inputs through the same layer, which also follows itself, and a frame that is entered twice.
fn shared() -> Graph {
    let mut b = Builder::default();
    let left = b.layer("InputLayer", "left", ["", "(None, 20)"], "0", &[]);
    let right = b.layer("InputLayer", "right", ["", "(None, 20)"], "0", &[]);
    b.group("tower (Sequential)", None);
    let one = b.layer("Dense", "dense", ["(None, 20)", "(None, 20)"], "420", &[left, right]);
    let two = b.layer("Dense", "dense_1", ["(None, 20)", "(None, 20)"], "420", &[one]);
    b.group = None;
    let recur = b.layer("Dense", "recur", ["(None, 20)", "(None, 20)"], "420", &[two]);
    b.graph.edges.push((recur, recur));
    b.layer("Subtract", "subtract", ["[(None, 20), (None, 20)]", "(None, 20)"], "0", &[recur, recur]);
    b.graph.edges.push((two, one));
    b.graph
}

/// Every layer sees all before it.
fn dense_connections() -> Graph {
    let mut b = Builder::default();
    let mut all = vec![b.layer("InputLayer", "input", ["", "(None, 16)"], "0", &[])];
    for i in 0..5 {
        let joined = match &all[..] {
            [input] => *input,
            _ => b.layer("Concatenate", &format!("concatenate_{i}"), ["[...]", "(None, 48)"], "0", &all.clone()),
        };
        all.push(b.layer("Dense", &format!("dense_{i}"), ["(None, 48)", "(None, 16)"], "784", &[joined]));
    }
    b.graph
}

/// Titles only.
fn plain() -> Graph {
    let mut graph = two_by_two();
    graph.nodes.iter_mut().for_each(|node| node.lines.clear());
    graph
}

/// Thirty boxes with edges by a small generator of random numbers, some in frames.
fn tangle() -> Graph {
    let mut b = Builder::default();
    let outer = b.group("outer", None);
    b.group("inner", Some(outer));
    let mut state = 7u32;
    let mut random = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % n
    };
    for i in 0..30 {
        b.group = [None, None, None, Some(0), Some(1)][random(5)];
        let inputs: Vec<usize> = (0..[0, 1, 1, 1, 2, 3][random(6)].min(i)).map(|_| random(i)).collect();
        let class = ["Dense", "Add", "Dropout"][random(3)];
        b.layer(class, &format!("n{i}"), ["(None, 20)", "(None, 20)"], "420", &inputs);
    }
    b.graph
}
