//! Graphs as SVG and PNG: nothing overlaps, every arrow is there and runs where nothing stands, and input at its
//! worst.

use vanilla_plot::PlotError;
use vanilla_plot::graph::{Accent, Direction, Graph, GraphGroup, GraphNode};

const DIRECTIONS: [Direction; 2] = [Direction::TopToBottom, Direction::LeftToRight];

fn node(title: &str) -> GraphNode {
    GraphNode { title: title.into(), ..GraphNode::default() }
}

fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
    let nodes = (0..nodes).map(|i| node(&format!("n{i} (Dense)"))).collect();
    Graph { nodes, edges: edges.to_vec(), ..Graph::default() }
}

type Point = (f64, f64);

#[derive(Clone, Copy, Debug)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    fn meets(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
    fn holds(&self, other: &Rect) -> bool {
        self.left < other.left && other.right < self.right && self.top < other.top && other.bottom < self.bottom
    }
    /// Distance of a point from the outline; negative inside.
    fn distance(&self, (x, y): Point) -> f64 {
        let beside = (self.left - x).max(x - self.right);
        let above = (self.top - y).max(y - self.bottom);
        beside.max(above)
    }
}

/// What an SVG shows, read from its text.
struct Picture {
    page: Rect,
    boxes: Vec<Rect>,
    /// With their titles.
    frames: Vec<(Rect, String)>,
    /// Points along each line, and the tip of its arrow.
    lines: Vec<(Vec<Point>, Point)>,
}

fn number(line: &str, name: &str) -> f64 {
    line.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
}

fn rect(line: &str) -> Rect {
    let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(line, name));
    Rect { left: x, top: y, right: x + width, bottom: y + height }
}

/// The points of a path of M, L and C, with some along each curve.
fn points(line: &str) -> Vec<Point> {
    let path = line.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut points: Vec<Point> = Vec::new();
    let parts = ["M", "L", "C"].iter().fold(path.replace('Z', ""), |text, c| text.replace(c, &format!("|{c}")));
    for part in parts.split('|').skip(1) {
        let numbers: Vec<f64> = part[1..].split(' ').map(|text| text.parse().unwrap()).collect();
        match (&part[..1], &numbers[..]) {
            ("M" | "L", &[x, y]) => points.push((x, y)),
            ("C", &[ax, ay, bx, by, x, y]) => {
                let &(sx, sy) = points.last().unwrap();
                for k in 1..=20 {
                    let t = f64::from(k) / 20.0;
                    let at = |s: f64, a: f64, b: f64, e: f64| {
                        let u = 1.0 - t;
                        u * u * u * s + 3.0 * u * u * t * a + 3.0 * u * t * t * b + t * t * t * e
                    };
                    points.push((at(sx, ax, bx, x), at(sy, ay, by, y)));
                }
            }
            _ => panic!("{part} in {path}"),
        }
    }
    points
}

impl Picture {
    fn read(svg: &str) -> Picture {
        let lines: Vec<&str> = svg.lines().collect();
        let mut picture = Picture {
            page: Rect {
                left: 0.0,
                top: 0.0,
                right: number(lines[0], "width"),
                bottom: number(lines[0], "height"),
            },
            boxes: Vec::new(),
            frames: Vec::new(),
            lines: Vec::new(),
        };
        for (i, line) in lines.iter().enumerate() {
            if line.contains("stroke-dasharray") {
                let title = lines[i + 1].split('>').nth(1).unwrap().split('<').next().unwrap();
                picture.frames.push((rect(line), title.to_owned()));
            } else if line.contains("fill=\"#fff\" stroke=") {
                picture.boxes.push(rect(line));
            } else if line.contains("stroke-width=\"1.3\"") {
                picture.lines.push((points(line), points(lines[i + 1])[0]));
            }
        }
        picture
    }
}

/// Checks all that a picture of `graph` must fulfil.
fn check(graph: &Graph, context: &str) {
    let svg = graph.to_svg().unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{context}");
    let Picture { page, boxes, frames, lines } = Picture::read(&svg);
    assert_eq!((boxes.len(), lines.len()), (graph.nodes.len(), graph.edges.len()), "{context}");
    for (i, one) in boxes.iter().enumerate() {
        assert!(page.holds(one), "{context}: box {i} leaves the page");
        assert!(boxes[..i].iter().all(|other| !one.meets(other)), "{context}: box {i} overlaps");
    }
    // Frames hold what is theirs and nothing else.
    let around = |mut group: Option<usize>| {
        let mut around = Vec::new();
        while let Some(i) = group {
            around.push(i);
            group = graph.groups[i].parent;
        }
        around
    };
    assert_eq!(frames.len(), graph.groups.len(), "{context}");
    for (frame, title) in &frames {
        let group = graph.groups.iter().position(|group| group.title == *title).unwrap();
        assert!(page.holds(frame), "{context}: frame {title} leaves the page");
        for (i, one) in boxes.iter().enumerate() {
            let inside = around(graph.nodes[i].group).contains(&group);
            assert!(
                if inside { frame.holds(one) } else { !frame.meets(one) },
                "{context}: box {i}, frame {title}"
            );
        }
        for (other, name) in frames.iter().filter(|(_, name)| name != title) {
            let other_group = graph.groups.iter().position(|group| group.title == *name).unwrap();
            let apart = !frame.meets(other);
            let nested = if around(Some(other_group)).contains(&group) {
                frame.holds(other)
            } else {
                around(Some(group)).contains(&other_group) && other.holds(frame)
            };
            assert!(apart || nested, "{context}: frames {title} and {name}");
        }
    }
    for (&(from, to), (points, tip)) in graph.edges.iter().zip(&lines) {
        let context = format!("{context}: arrow from {from} to {to}");
        assert!(boxes[from].distance(points[0]).abs() < 0.01, "{context} leaves nowhere: {points:?}");
        assert!(boxes[to].distance(*tip).abs() < 0.51, "{context} arrives nowhere: {tip:?}");
        for pair in points.windows(2) {
            for k in 0..=8 {
                let t = f64::from(k) / 8.0;
                let at = (pair[0].0 + t * (pair[1].0 - pair[0].0), pair[0].1 + t * (pair[1].1 - pair[0].1));
                assert!(page.distance(at) < 0.0, "{context} leaves the page");
                for (i, one) in boxes.iter().enumerate() {
                    let limit = if i == from || i == to { -0.01 } else { 3.0 };
                    assert!(one.distance(at) >= limit, "{context} runs through box {i} at {at:?}");
                }
            }
        }
    }
}

/// A small generator of random numbers (Numerical Recipes' LCG, upper bits).
struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }
}

/// A graph of up to 24 boxes of different sizes, with frames in frames, perhaps with circles.
fn random_graph(seed: u32, circles: bool) -> Graph {
    let mut random = Random(seed);
    let count = 1 + random.below(24);
    let groups = random.below(4);
    let parent = |random: &mut Random, i: usize| (i > 0 && random.below(2) == 0).then(|| random.below(i));
    let groups: Vec<GraphGroup> =
        (0..groups).map(|i| GraphGroup { title: format!("group {i}"), parent: parent(&mut random, i) }).collect();
    let mut graph = Graph { groups, direction: DIRECTIONS[random.below(2)], ..Graph::default() };
    for i in 0..count {
        let line = |k: usize| (format!("label {k}"), "x".repeat(1 + 7 * k));
        let lines = (0..random.below(4)).map(line).collect();
        let group = if graph.groups.is_empty() || random.below(2) == 0 {
            None
        } else {
            Some(random.below(graph.groups.len()))
        };
        let accent = [Accent::Gray, Accent::Blue, Accent::Purple][random.below(3)];
        graph.nodes.push(GraphNode { title: format!("node {i}"), lines, group, accent });
        for _ in 0..random.below(4) {
            if circles {
                graph.edges.push((i, random.below(count)));
            } else if i > 0 {
                graph.edges.push((random.below(i), i));
            }
        }
    }
    graph
}

#[test]
fn nothing_overlaps_in_random_graphs() {
    let mut edges = 0;
    for seed in 0..150 {
        for circles in [false, true] {
            let graph = random_graph(seed, circles);
            edges += graph.edges.len();
            check(&graph, &format!("seed {seed}, circles {circles}"));
        }
    }
    assert!(edges > 3000, "{edges}");
}

#[test]
fn nothing_overlaps_in_common_shapes() {
    // Layers with a skip over every second one; every layer sees all before it; a fan; a loop; a layer shared
    // twice.
    let residual: Vec<_> = (0..9).map(|i| (i, i + 1)).chain((0..8).step_by(2).map(|i| (i, i + 2))).collect();
    let dense: Vec<_> = (0..8).flat_map(|to| (0..to).map(move |from| (from, to))).collect();
    let fan: Vec<_> = (1..40).flat_map(|i| [(0, i), (i, 40)]).collect();
    let shared = vec![(0, 2), (1, 2), (2, 2), (2, 3), (2, 3), (3, 2)];
    for direction in DIRECTIONS {
        for (nodes, edges) in [(10, &residual), (8, &dense), (41, &fan), (4, &shared)] {
            check(&Graph { direction, ..graph(nodes, edges) }, &format!("{nodes} boxes, {direction:?}"));
        }
    }
}

#[test]
fn layers_follow_the_direction() {
    let chain = graph(3, &[(2, 0), (0, 1), (2, 1)]);
    let boxes = Picture::read(&chain.to_svg().unwrap()).boxes;
    assert!(boxes[2].bottom < boxes[0].top && boxes[0].bottom < boxes[1].top, "{boxes:?}");
    let boxes = Picture::read(&Graph { direction: Direction::LeftToRight, ..chain }.to_svg().unwrap()).boxes;
    assert!(boxes[2].right < boxes[0].left && boxes[0].right < boxes[1].left, "{boxes:?}");
}

#[test]
fn a_chain_is_a_straight_line() {
    for (points, _) in Picture::read(&graph(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]).to_svg().unwrap()).lines {
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].0, points[1].0);
    }
}

#[test]
fn two_ways_that_need_not_cross_do_not() {
    // Crossing in the order of the boxes: 0 points to 3, and 1 to 2.
    let boxes = Picture::read(&graph(4, &[(0, 3), (1, 2)]).to_svg().unwrap()).boxes;
    assert_eq!(boxes[0].left < boxes[1].left, boxes[3].left < boxes[2].left, "{boxes:?}");
}

#[test]
fn small_svg() {
    let shapes =
        |lines: &[(&str, &str)]| lines.iter().map(|line| (line.0.to_owned(), line.1.to_owned())).collect();
    let nodes = vec![
        GraphNode {
            title: "images (InputLayer)".into(),
            lines: shapes(&[("output shape", "(None, 784)")]),
            group: None,
            accent: Accent::Green,
        },
        GraphNode {
            title: "dense <&> \"1\" (Dense)".into(),
            lines: shapes(&[("input shape", "(None, 784)"), ("output shape", "(None, 10)"), ("params", "7,850")]),
            group: Some(0),
            accent: Accent::Blue,
        },
        GraphNode { title: "add".into(), accent: Accent::Purple, ..GraphNode::default() },
    ];
    let groups = vec![GraphGroup { title: "head (Sequential)".into(), parent: None }];
    let edges = vec![(0, 1), (1, 2), (0, 2)];
    insta::assert_snapshot!(Graph { nodes, edges, groups, direction: Direction::TopToBottom }.to_svg().unwrap());
}

#[test]
fn the_same_graph_gives_the_same_bytes() {
    for seed in [3, 4, 5] {
        let graph = random_graph(seed, true);
        assert_eq!(graph.to_svg().unwrap(), graph.to_svg().unwrap());
        assert_eq!(graph.to_png().unwrap(), graph.clone().to_png().unwrap());
    }
}

#[test]
fn text_is_escaped_and_cut() {
    let mut one = graph(1, &[]);
    one.nodes[0].title = "</text><script>alert('&')</script>\u{1b}\u{0}".into();
    one.nodes[0].lines = vec![("a<b".into(), "\"c\" & 'd'".into()), ("l".repeat(200), "v".repeat(900))];
    one.nodes[0].group = Some(0);
    one.groups = vec![GraphGroup { title: "<g>".repeat(400), parent: None }];
    let svg = one.to_svg().unwrap();
    assert!(!svg.contains("<script") && !svg.contains("<g>") && !svg.contains('\u{1b}') && !svg.contains('\u{0}'));
    assert!(svg.contains("a&lt;b") && svg.contains("&quot;c&quot; &amp; &#39;d&#39;"));
    assert!(Picture::read(&svg).page.right < 640.0);
    assert!(one.to_png().is_ok());
}

#[test]
fn no_box_one_box_and_a_frame_without_a_box() {
    let nothing = Graph::default();
    assert!(nothing.to_svg().unwrap().contains(">empty</text>"));
    assert!(nothing.to_png().is_ok());
    let one = graph(1, &[]);
    check(&one, "one box");
    let svg = one.to_svg().unwrap();
    // The box, and a margin of 16 with half a unit each for the outline.
    let Picture { page, boxes, .. } = Picture::read(&svg);
    assert_eq!((page.right, page.bottom), (boxes[0].right - boxes[0].left + 32.0, 26.0 + 32.0));
    let frame = Graph { groups: vec![GraphGroup { title: "group 0".into(), parent: None }], ..Graph::default() };
    for direction in DIRECTIONS {
        check(&Graph { direction, ..frame.clone() }, "a frame alone");
    }
    assert!(frame.to_svg().unwrap().contains(">group 0</text>"));
}

#[test]
fn png_has_ink_where_it_belongs() {
    let mut pair = graph(2, &[(0, 1)]);
    pair.nodes[1].accent = Accent::Blue;
    let png = pair.to_png().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&png[..])).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    let Picture { page, boxes, lines, .. } = Picture::read(&pair.to_svg().unwrap());
    assert_eq!((f64::from(info.width), f64::from(info.height)), (2.0 * page.right, 2.0 * page.bottom));
    let pixel = |x: f64, y: f64| {
        let at = 3 * ((2.0 * y) as usize * info.width as usize + (2.0 * x) as usize);
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    };
    assert_eq!(pixel(4.0, 4.0), [255; 3]);
    // The outline of the second box, its tint, the arrow.
    assert_eq!(pixel(boxes[1].left, (boxes[1].top + boxes[1].bottom) / 2.0), [0x00, 0x72, 0xb2]);
    let [red, _, blue] = pixel(boxes[1].left + 5.0, boxes[1].top + 13.0);
    assert!(red < 230 && blue > 235, "{red}, {blue}");
    let (x, y) = lines[0].1;
    assert_eq!(pixel(x, y - 4.0), [0x5b, 0x64, 0x70]);
}

#[test]
fn what_is_not_there_is_an_error() {
    let message = |graph: Graph| graph.to_svg().unwrap_err().to_string();
    insta::assert_snapshot!(message(graph(2, &[(0, 1), (1, 2)])), @"graph: received edge 1 from node 1 to node 2, expected nodes below 2; count nodes from 0");
    let mut lost = graph(1, &[]);
    lost.nodes[0].group = Some(0);
    insta::assert_snapshot!(message(lost), @"graph: received node 0 in group 0, expected one of 0 groups, none within itself; count groups from 0");
    let ring = |parent| GraphGroup { title: "g".into(), parent };
    let groups = vec![ring(Some(1)), ring(Some(0)), ring(None)];
    insta::assert_snapshot!(message(Graph { groups, ..Graph::default() }), @"graph: received group 0 in group 1, expected one of 3 groups, none within itself; count groups from 0");
    assert!(matches!(graph(4000, &[]).to_png(), Err(PlotError::TooLarge { .. })));
}

#[test]
fn large_graphs_are_only_large() {
    let chain: Vec<_> = (1..3000).map(|i| (i - 1, i)).collect();
    assert!(graph(3000, &chain).to_svg().is_ok());
    let mut deep = graph(2, &[(0, 1), (1, 0), (1, 1)]);
    deep.groups =
        (0..1000).map(|i: usize| GraphGroup { title: format!("{i}"), parent: i.checked_sub(1) }).collect();
    deep.nodes[1].group = Some(999);
    assert_eq!(Picture::read(&deep.to_svg().unwrap()).frames.len(), 1000);
}
