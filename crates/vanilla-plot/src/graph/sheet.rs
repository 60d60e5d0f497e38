//! The layout of one scope: boxes and lines on layers, along the direction of the arrows and across it.

use super::scopes::{Item, Key, Scopes};
use super::{Direction, Graph, GraphNode, layers, order, place};
use crate::{PlotError, font};
use std::collections::BTreeMap;

pub(crate) const TITLE_SIZE: f64 = 12.5;
pub(crate) const LINE_SIZE: f64 = 11.0;
/// Heights of a box's heading and of a line of text below it, and the air under the last one.
pub(crate) const HEAD: f64 = 26.0;
pub(crate) const LINE: f64 = 17.0;
pub(crate) const FOOT: f64 = 6.0;
/// Air at both sides of text in a box, and between label and value.
pub(crate) const PAD: f64 = 11.0;
pub(crate) const BETWEEN: f64 = 14.0;
/// Longer text is cut: titles and values, labels.
pub(crate) const TITLE_ROOM: f64 = 320.0;
pub(crate) const LABEL_ROOM: f64 = 140.0;
/// Height of the strip with a frame's title, and the air between a frame and what it holds.
pub(crate) const STRIP: f64 = 26.0;
pub(crate) const FRAME_PAD: f64 = 16.0;
/// Straight ends of every line: room for an arrow.
pub(crate) const STUB: f64 = 9.0;
/// Least distance between layers, and between a port and a layer.
const GAP: f64 = 42.0;
const PORT_GAP: f64 = 24.0;
/// A gap grows by this share of the widest step across it, up to a limit: steep lines are easier to follow.
const STEEPNESS: f64 = 0.14;
const LARGEST_GROWTH: f64 = 60.0;
/// Room for the line from a box to itself, beside it.
pub(crate) const LOOP: f64 = 20.0;
/// Distance between the points where arrows reach the same box.
const PORT_STEP: f64 = 12.0;

/// What a vertex stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node(usize),
    /// The frame around this scope.
    Frame(usize),
    /// A line passes the layer here.
    Bend,
    /// A line crosses the frame here.
    Port,
    /// The title of the frame.
    Title,
}

/// Something that has its place on a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertex {
    pub(crate) kind: Kind,
    pub(crate) layer: usize,
    /// Sizes in both directions.
    pub(crate) along: f64,
    pub(crate) across: f64,
    /// Its centre across.
    pub(crate) at: f64,
    /// Its upper end along, within the scope.
    pub(crate) top: f64,
}

impl Vertex {
    fn new(kind: Kind, layer: usize, along: f64, across: f64) -> Vertex {
        Vertex { kind, layer, along, across, at: 0.0, top: 0.0 }
    }

    pub(crate) fn left(&self) -> f64 {
        self.at - self.across / 2.0
    }

    pub(crate) fn right(&self) -> f64 {
        self.at + self.across / 2.0
    }
}

/// A line between vertices of neighbouring layers, from port to port: distances from the vertices' centres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    pub(crate) upper_port: f64,
    pub(crate) lower_port: f64,
}

/// A scope that is laid out, and counted along from its upper edge, across from its middle.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) vertices: Vec<Vertex>,
    /// The vertices that each wire of the scope passes, from above.
    pub(crate) routes: Vec<Vec<usize>>,
    /// Where each wire leaves its first vertex and reaches its last: distances from their centres.
    pub(crate) ends: Vec<(f64, f64)>,
    /// Where each layer begins and ends along.
    pub(crate) bands: Vec<(f64, f64)>,
    pub(crate) along: f64,
    pub(crate) across: f64,
    /// Where lines cross the frame, across.
    ports: BTreeMap<Key, f64>,
}

/// A graph that is laid out: a sheet for every scope.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) scopes: Scopes,
    pub(crate) sheets: Vec<Sheet>,
}

pub(crate) fn lay_out(graph: &Graph) -> Result<Layout, PlotError> {
    let scopes = Scopes::new(graph)?;
    let mut sheets: Vec<Sheet> = scopes.items.iter().map(|_| Sheet::default()).collect();
    for scope in scopes.inside_out() {
        sheets[scope] = Draft::new(graph, &scopes, &sheets, scope).finish();
    }
    Ok(Layout { scopes, sheets })
}

/// Width and height of a box.
pub(crate) fn size(node: &GraphNode) -> (f64, f64) {
    let (labels, values) = columns(node);
    let lines = if node.lines.is_empty() { 0.0 } else { labels + BETWEEN + values };
    let title = font::width(&node.title, TITLE_SIZE).min(TITLE_ROOM);
    let width = even(title.max(lines).max(44.0) + 2.0 * PAD);
    let height = if node.lines.is_empty() { HEAD } else { HEAD + LINE * node.lines.len() as f64 + FOOT };
    (width, even(height))
}

/// Widths of the labels and of the values in a box.
pub(crate) fn columns(node: &GraphNode) -> (f64, f64) {
    let widest = |texts: &mut dyn Iterator<Item = &String>, room: f64| {
        texts.map(|text| font::width(text, LINE_SIZE).min(room)).fold(0.0, f64::max)
    };
    (
        widest(&mut node.lines.iter().map(|line| &line.0), LABEL_ROOM),
        widest(&mut node.lines.iter().map(|line| &line.1), TITLE_ROOM),
    )
}

/// Width of a frame's title with the air around it.
pub(crate) fn title_width(title: &str) -> f64 {
    even(font::width(title, TITLE_SIZE).min(TITLE_ROOM) + 2.0 * PAD)
}

/// The next even number: halves of it are whole, so lines of one unit fill their pixels.
fn even(length: f64) -> f64 {
    2.0 * (length / 2.0).ceil()
}

/// A sheet on its way.
struct Draft<'a> {
    graph: &'a Graph,
    scopes: &'a Scopes,
    sheets: &'a [Sheet],
    scope: usize,
    sheet: Sheet,
    layers: Vec<Vec<usize>>,
    links: Vec<Link>,
}

impl<'a> Draft<'a> {
    fn new(graph: &'a Graph, scopes: &'a Scopes, sheets: &'a [Sheet], scope: usize) -> Draft<'a> {
        let sheet = Sheet::default();
        Draft { graph, scopes, sheets, scope, sheet, layers: Vec::new(), links: Vec::new() }
    }

    fn finish(mut self) -> Sheet {
        self.boxes();
        self.lines();
        order::arrange(&mut self.layers, &self.sheet.vertices, &self.links);
        self.title();
        place::place(&self.layers, &mut self.sheet.vertices, &self.links);
        self.extent();
        self.ends();
        self.sheet
    }

    /// Boxes on their layers. Layer 0 and the last one are for ports.
    fn boxes(&mut self) {
        let items = &self.scopes.items[self.scope];
        let index: BTreeMap<Item, usize> = items.iter().enumerate().map(|(i, &item)| (item, i)).collect();
        let mut edges = Vec::new();
        let mut held = vec![false; items.len()];
        for wire in &self.scopes.wires[self.scope] {
            match (wire.from, wire.to) {
                (Some(from), Some(to)) => edges.push((index[&from], index[&to])),
                (None, Some(to)) => held[index[&to]] = true,
                _ => {}
            }
        }
        let layers = layers::layers(items.len(), &edges, &held);
        self.layers = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1) + 2];
        let mut looped = vec![false; self.graph.nodes.len()];
        self.graph.edges.iter().filter(|(from, to)| from == to).for_each(|&(node, _)| looped[node] = true);
        for (&item, layer) in items.iter().zip(layers) {
            let (kind, (along, across)) = match item {
                Item::Node(node) => {
                    let (width, height) = size(&self.graph.nodes[node]);
                    let (along, across) = self.turn(width, height);
                    (Kind::Node(node), (along, across + if looped[node] { 2.0 * LOOP } else { 0.0 }))
                }
                Item::Frame(inner) => (Kind::Frame(inner), (self.sheets[inner].along, self.sheets[inner].across)),
            };
            self.add(Vertex::new(kind, layer + 1, along, across));
        }
    }

    /// Width and height as along and across, and the other way round.
    fn turn(&self, width: f64, height: f64) -> (f64, f64) {
        match self.graph.direction {
            Direction::TopToBottom => (height, width),
            Direction::LeftToRight => (width, height),
        }
    }

    fn add(&mut self, vertex: Vertex) -> usize {
        self.layers[vertex.layer].push(self.sheet.vertices.len());
        self.sheet.vertices.push(vertex);
        self.sheet.vertices.len() - 1
    }

    /// Ports, bends and the links through them. Wires of one key share them.
    fn lines(&mut self) {
        let items = self.scopes.items[self.scope].iter().enumerate().map(|(i, &item)| (item, i));
        let index: BTreeMap<Item, usize> = items.collect();
        let last = self.layers.len() - 1;
        let mut ports: BTreeMap<Key, usize> = BTreeMap::new();
        let mut bends: BTreeMap<(usize, Key, usize), usize> = BTreeMap::new();
        let mut links: BTreeMap<(usize, usize, Key), Link> = BTreeMap::new();
        for wire in &self.scopes.wires[self.scope] {
            let key = self.scopes.edges[wire.edge].key();
            let mut end = |item: Option<Item>, layer: usize, draft: &mut Self| match item {
                Some(item) => index[&item],
                None => *ports.entry(key).or_insert_with(|| draft.add(Vertex::new(Kind::Port, layer, 0.0, 0.0))),
            };
            let (from, to) = (end(wire.from, 0, self), end(wire.to, last, self));
            let mut route = vec![from];
            for layer in self.sheet.vertices[from].layer + 1..self.sheet.vertices[to].layer {
                let bend = || self.add(Vertex::new(Kind::Bend, layer, 0.0, 0.0));
                route.push(*bends.entry((from, key, layer)).or_insert_with(bend));
            }
            route.push(to);
            for pair in route.windows(2) {
                let (upper_port, lower_port) = (self.port(pair[0], key), self.port(pair[1], key));
                let link = Link { upper: pair[0], lower: pair[1], upper_port, lower_port };
                links.insert((pair[0], pair[1], key), link);
            }
            self.sheet.routes.push(route);
        }
        self.links = links.into_values().collect();
    }

    /// Where a line of this key meets a vertex, from its centre: a frame has its ports where the sheet within has
    /// them.
    fn port(&self, vertex: usize, key: Key) -> f64 {
        match self.sheet.vertices[vertex].kind {
            Kind::Frame(inner) => self.sheets[inner].ports.get(&key).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// The title of a frame, left of all ports where they come from above.
    fn title(&mut self) {
        if self.scope > 0 && self.graph.direction == Direction::TopToBottom {
            let width = title_width(&self.graph.groups[self.scope - 1].title);
            self.add(Vertex::new(Kind::Title, 0, STRIP, width));
            self.layers[0].rotate_right(1);
        }
    }

    /// The places along, the size, and ports and vertices counted from the middle.
    fn extent(&mut self) {
        let framed = self.scope > 0;
        let vertices = &mut self.sheet.vertices;
        let mut steps = vec![0.0; self.layers.len()];
        for link in &self.links {
            let step = vertices[link.upper].at + link.upper_port - vertices[link.lower].at - link.lower_port;
            let widest: &mut f64 = &mut steps[vertices[link.upper].layer];
            *widest = widest.max(step.abs());
        }
        let last = self.layers.len() - 1;
        let mut along = 0.0;
        for (i, layer) in self.layers.iter().enumerate() {
            let size = layer.iter().map(|&vertex| vertices[vertex].along).fold(0.0, f64::max);
            for &vertex in layer {
                vertices[vertex].top = along + ((size - vertices[vertex].along) / 2.0).floor();
            }
            self.sheet.bands.push((along, along + size));
            let ports = |layer: usize| self.layers[layer].iter().any(|&v| vertices[v].kind == Kind::Port);
            let gap = match i {
                _ if i == last => 0.0,
                0 if ports(0) => PORT_GAP,
                0 => [0.0, if size > 0.0 { 6.0 } else { FRAME_PAD }][usize::from(framed)],
                _ if i + 1 < last => GAP,
                _ if ports(last) => PORT_GAP,
                _ => [0.0, FRAME_PAD][usize::from(framed)],
            };
            along += size
                + gap
                + if gap > FRAME_PAD { (STEEPNESS * steps[i]).min(LARGEST_GROWTH).round() } else { 0.0 };
        }
        let mut left = vertices.iter().map(Vertex::left).fold(f64::INFINITY, f64::min);
        let mut right = vertices.iter().map(Vertex::right).fold(f64::NEG_INFINITY, f64::max);
        if left > right {
            (left, right) = (0.0, 0.0);
        }
        if framed {
            let title = title_width(&self.graph.groups[self.scope - 1].title);
            (left, right) = (left - FRAME_PAD, right + FRAME_PAD);
            match self.graph.direction {
                // The title is a vertex and needs no more air beside it than its own.
                Direction::TopToBottom => right = right.max(left + title),
                Direction::LeftToRight => {
                    left -= STRIP - FRAME_PAD / 2.0;
                    along = along.max(title);
                    self.sheet.bands[last] = (along, along);
                    self.layers[last].iter().for_each(|&port| vertices[port].top = along);
                }
            }
        }
        let middle = ((left + right) / 2.0).round();
        vertices.iter_mut().for_each(|vertex| vertex.at -= middle);
        self.sheet.along = even(along);
        self.sheet.across = even(2.0 * (right - middle).max(middle - left));
        self.sheet.bands[last].1 = self.sheet.along;
        for (wire, route) in self.scopes.wires[self.scope].iter().zip(&self.sheet.routes) {
            let port =
                if wire.from.is_none() { route.first() } else { route.last().filter(|_| wire.to.is_none()) };
            if let Some(&port) = port {
                self.sheet.ports.insert(self.scopes.edges[wire.edge].key(), vertices[port].at);
            }
        }
    }

    /// Spreads the ends of wires at boxes: those above one by one, those below by key, for they are the same line.
    fn ends(&mut self) {
        let scopes = self.scopes;
        let wires = &scopes.wires[self.scope];
        let mut above: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
        let mut below: BTreeMap<(usize, Key), Vec<(f64, usize)>> = BTreeMap::new();
        for (i, route) in self.sheet.routes.iter().enumerate() {
            let (from, to) = (route[0], route[route.len() - 1]);
            let key = scopes.edges[wires[i].edge].key();
            self.sheet.ends.push((self.port(from, key), self.port(to, key)));
            let at = |vertex: usize| self.sheet.vertices[vertex].at + self.port(vertex, key);
            if matches!(self.sheet.vertices[to].kind, Kind::Node(_)) {
                above.entry(to).or_default().push((at(route[route.len() - 2]), i));
            }
            if matches!(self.sheet.vertices[from].kind, Kind::Node(_)) {
                below.entry((from, key)).or_default().push((at(route[1]), i));
            }
        }
        for (to, mut wires) in above {
            wires.sort_by(|a, b| a.0.total_cmp(&b.0));
            let wanted: Vec<f64> = wires.iter().map(|wire| wire.0).collect();
            for ((_, wire), end) in wires.iter().zip(self.spread(to, &wanted)) {
                self.sheet.ends[*wire].1 = end;
            }
        }
        let mut groups: BTreeMap<usize, Vec<(f64, Vec<usize>)>> = BTreeMap::new();
        for ((from, _), wires) in below {
            let mean = wires.iter().map(|wire| wire.0).sum::<f64>() / wires.len() as f64;
            groups.entry(from).or_default().push((mean, wires.into_iter().map(|wire| wire.1).collect()));
        }
        for (from, mut keys) in groups.into_iter().filter(|(_, keys)| keys.len() > 1) {
            keys.sort_by(|a, b| a.0.total_cmp(&b.0));
            let wanted: Vec<f64> = keys.iter().map(|key| key.0).collect();
            for ((_, wires), end) in keys.iter().zip(self.spread(from, &wanted)) {
                wires.iter().for_each(|&wire| self.sheet.ends[wire].0 = end);
            }
        }
    }

    /// Ends on a box, from its centre: near to it, towards the places wanted, and apart.
    fn spread(&self, vertex: usize, wanted: &[f64]) -> Vec<f64> {
        let Vertex { kind, at, .. } = self.sheet.vertices[vertex];
        let across = match kind {
            Kind::Node(node) => {
                let (width, height) = size(&self.graph.nodes[node]);
                self.turn(width, height).1
            }
            _ => 0.0,
        };
        let half = across / 2.0 - 8.0;
        let others = (wanted.len() - 1) as f64;
        let step = PORT_STEP.min(2.0 * half / others.max(1.0));
        let reach = half.min(5.0 + PORT_STEP / 2.0 * others);
        let near: Vec<f64> = wanted.iter().map(|place| (place - at).clamp(-reach, reach)).collect();
        let places = place::spread(&near, &vec![1.0; near.len()], &vec![step; wanted.len() - 1]);
        let places = places.iter().enumerate().map(|(i, place)| {
            let (before, behind) = (step * i as f64, step * (others - i as f64));
            place.min(half - behind).max(before - half)
        });
        places.map(|place| (2.0 * place).round() / 2.0).collect()
    }
}
