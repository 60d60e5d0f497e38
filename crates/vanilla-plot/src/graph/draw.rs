//! A graph that is laid out, as SVG.

use super::scopes::Wire;
use super::sheet::{self, BETWEEN, HEAD, Kind, LABEL_ROOM, LINE, LINE_SIZE, LOOP, Layout, PAD, STUB};
use super::sheet::{TITLE_ROOM, TITLE_SIZE};
use super::{Accent, Direction, Graph, GraphNode};
use crate::svg::{self, COLORS, n};
use crate::{font, legend::Rect};

const MARGIN: f64 = 16.0;
const LINES: &str = "#5b6470";
/// Titles of frames, and labels.
const FAINT: &str = "#68717c";
/// Length and half the width of an arrow's head.
const ARROW: (f64, f64) = (8.0, 3.6);
/// Radius of the corners of boxes.
const CORNER: f64 = 6.0;

/// A place along and across.
type Point = (f64, f64);

/// A piece of a line: straight, or bent such that it begins and ends along.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: Point,
    to: Point,
}

/// The whole graph.
pub(crate) fn graph(graph: &Graph, layout: &Layout) -> String {
    let page = &layout.sheets[0];
    let mut drawing = Drawing { graph, layout, origins: origins(layout), boxes: Vec::new(), out: String::new() };
    drawing.find_boxes();
    let (mut width, mut height) = drawing.turn((page.along, page.across));
    if graph.nodes.is_empty() && graph.groups.is_empty() {
        (width, height) = (140.0, 40.0);
        drawing.out =
            svg::text((width / 2.0 + MARGIN, height / 2.0 + MARGIN + 4.0), LINE_SIZE, "middle", "#999", "empty");
    }
    drawing.frames();
    drawing.edges();
    for (node, &at) in graph.nodes.iter().zip(&drawing.boxes.clone()) {
        drawing.node(node, at);
    }
    let (boxes, edges) = (graph.nodes.len(), graph.edges.len());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"graph of {boxes} boxes and {edges} arrows\" font-family=\"{}\" font-size=\"{LINE_SIZE}\" \
         fill=\"#222\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n{}</svg>\n",
        font::FAMILY,
        drawing.out,
        w = n(width + 2.0 * MARGIN),
        h = n(height + 2.0 * MARGIN),
    )
}

/// Where the upper edge and the middle of each scope are on the page.
fn origins(layout: &Layout) -> Vec<Point> {
    let mut origins = vec![(0.0, 0.0); layout.sheets.len()];
    // Half a unit off the whole numbers a line of width 1 fills its pixels exactly.
    origins[0] = (MARGIN + 0.5, MARGIN + layout.sheets[0].across / 2.0 + 0.5);
    for scope in layout.scopes.inside_out().into_iter().rev() {
        for vertex in &layout.sheets[scope].vertices {
            if let Kind::Frame(inner) = vertex.kind {
                origins[inner] = (origins[scope].0 + vertex.top, origins[scope].1 + vertex.at);
            }
        }
    }
    origins
}

struct Drawing<'a> {
    graph: &'a Graph,
    layout: &'a Layout,
    origins: Vec<Point>,
    boxes: Vec<Rect>,
    out: String,
}

impl Drawing<'_> {
    /// Along and across as x and y.
    fn turn(&self, (along, across): Point) -> Point {
        match self.graph.direction {
            Direction::TopToBottom => (across, along),
            Direction::LeftToRight => (along, across),
        }
    }

    /// The rectangle of a box of these sizes whose upper edge and middle are given.
    fn rect(&self, (top, middle): Point, (along, across): Point) -> Rect {
        let ((x, y), (width, height)) = (self.turn((top, middle - across / 2.0)), self.turn((along, across)));
        Rect { x, y, width, height }
    }

    fn find_boxes(&mut self) {
        self.boxes = vec![Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 }; self.graph.nodes.len()];
        for (sheet, origin) in self.layout.sheets.iter().zip(&self.origins) {
            for vertex in &sheet.vertices {
                if let Kind::Node(node) = vertex.kind {
                    let size = self.turn(sheet::size(&self.graph.nodes[node]));
                    self.boxes[node] = self.rect((origin.0 + vertex.top, origin.1 + vertex.at), size);
                }
            }
        }
    }

    fn frames(&mut self) {
        for scope in self.layout.scopes.inside_out().into_iter().rev().filter(|&scope| scope > 0) {
            let sheet = &self.layout.sheets[scope];
            let at = self.rect(self.origins[scope], (sheet.along, sheet.across));
            let style = "fill=\"#5b6470\" fill-opacity=\"0.06\" stroke=\"#aab2bd\" stroke-dasharray=\"4 3\"";
            self.rectangle(at, 9.0, format_args!("{style}"));
            let title = font::fit(&self.graph.groups[scope - 1].title, TITLE_SIZE, TITLE_ROOM);
            let place = (at.x + PAD, at.y + 18.0);
            self.out.push_str(&svg::text(place, TITLE_SIZE, "start", FAINT, &title));
        }
    }

    fn edges(&mut self) {
        for edge in 0..self.graph.edges.len() {
            let mut pieces = self.pieces(edge);
            if pieces.is_empty() {
                self.own_loop(self.graph.edges[edge].0);
                continue;
            }
            if self.layout.scopes.edges[edge].reversed {
                pieces.reverse();
                pieces.iter_mut().for_each(|piece| (piece.from, piece.to) = (piece.to, piece.from));
            }
            self.line(&pieces);
        }
    }

    /// The pieces of an edge, from above.
    fn pieces(&self, edge: usize) -> Vec<Piece> {
        let mut points = Vec::new();
        for &(scope, index) in &self.layout.scopes.parts[edge] {
            let (sheet, origin) = (&self.layout.sheets[scope], self.origins[scope]);
            let Wire { from, to, .. } = self.layout.scopes.wires[scope][index];
            let (route, ends) = (&sheet.routes[index], sheet.ends[index]);
            for (k, &vertex) in route.iter().enumerate() {
                let vertex = &sheet.vertices[vertex];
                let band = sheet.bands[vertex.layer];
                let (first, last) = (k == 0, k + 1 == route.len());
                let across = vertex.at
                    + if first {
                        ends.0
                    } else if last {
                        ends.1
                    } else {
                        0.0
                    };
                // Straight through the layer, or the part of it that is not the box itself; bent in between.
                let top = match from {
                    _ if !first => band.0 - STUB,
                    Some(_) => vertex.top + vertex.along,
                    None => 0.0,
                };
                let bottom = match to {
                    _ if !last => band.1 + STUB,
                    Some(_) => vertex.top,
                    None => sheet.along,
                };
                points.extend([(origin.0 + top, origin.1 + across), (origin.0 + bottom, origin.1 + across)]);
            }
        }
        let pieces = points.windows(2).map(|pair| Piece { from: pair[0], to: pair[1] });
        pieces.filter(|piece| piece.from != piece.to).collect()
    }

    /// Draws pieces with an arrow at their end.
    fn line(&mut self, pieces: &[Piece]) {
        let Some(last) = pieces.last() else { return };
        let (tip, sign) = (last.to, if last.to.0 > last.from.0 { 1.0 } else { -1.0 });
        let mut path = String::new();
        let show = |point: Point| {
            let (x, y) = self.turn(point);
            format!("{} {}", n(x), n(y))
        };
        svg::push(&mut path, format_args!("M{}", show(pieces[0].from)));
        for (i, &Piece { from, mut to }) in pieces.iter().enumerate() {
            if i + 1 == pieces.len() {
                to.0 -= sign * (ARROW.0 - 1.0);
            }
            let straight = from.1 == to.1;
            if straight && pieces.get(i + 1).is_some_and(|next| next.from.1 == next.to.1) {
                continue;
            }
            if straight {
                svg::push(&mut path, format_args!("L{}", show(to)));
            } else {
                let middle = (from.0 + to.0) / 2.0;
                let (start, end) = (show((middle, from.1)), show((middle, to.1)));
                svg::push(&mut path, format_args!("C{start} {end} {}", show(to)));
            }
        }
        let back = tip.0 - sign * ARROW.0;
        let (left, right) = (show((back, tip.1 - ARROW.1)), show((back, tip.1 + ARROW.1)));
        let head = format!("M{}L{left}L{right}Z", show(tip));
        self.push(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{LINES}\" stroke-width=\"1.3\"/>\n"));
        self.push(format_args!("<path d=\"{head}\" fill=\"{LINES}\"/>\n"));
    }

    /// The line from a box to itself, beside it.
    fn own_loop(&mut self, node: usize) {
        let Rect { x, y, width, height } = self.boxes[node];
        let (x, y, out) = match self.graph.direction {
            Direction::TopToBottom => (x + width, y + height / 2.0, (1.0, 0.0)),
            Direction::LeftToRight => (x + width / 2.0, y + height, (0.0, 1.0)),
        };
        // `u` out of the box and `v` along its side.
        let show = |u: f64, v: f64| format!("{} {}", n(x + u * out.0 + v * out.1), n(y + u * out.1 + v * out.0));
        let reach = LOOP * 4.0 / 3.0 - 2.0;
        let path = format!("M{}C{} {} {}", show(0.0, 7.0), show(reach, 9.0), show(reach, -9.0), show(5.0, -6.0));
        let head = format!("M{}L{}L{}Z", show(0.5, -5.0), show(8.5, -9.5), show(8.0, -2.5));
        self.push(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{LINES}\" stroke-width=\"1.3\"/>\n"));
        self.push(format_args!("<path d=\"{head}\" fill=\"{LINES}\"/>\n"));
    }

    fn node(&mut self, node: &GraphNode, at: Rect) {
        let Rect { x, y, width, .. } = at;
        let color = color(node.accent);
        self.rectangle(at, CORNER, format_args!("fill=\"#fff\" stroke=\"{color}\""));
        if node.lines.is_empty() {
            self.rectangle(at, CORNER, format_args!("fill=\"{color}\" fill-opacity=\"0.17\""));
        } else {
            // The heading, round where the box is.
            let (r, side) = (CORNER, HEAD - CORNER);
            self.push(format_args!(
                "<path d=\"M{} {}v-{side}a{r} {r} 0 0 1 {r}-{r}h{}a{r} {r} 0 0 1 {r} {r}v{side}z\" fill=\"{color}\" \
                 fill-opacity=\"0.17\"/>\n",
                n(x),
                n(y + HEAD),
                n(width - 2.0 * r)
            ));
        }
        let title = font::fit(&node.title, TITLE_SIZE, TITLE_ROOM);
        self.out.push_str(&svg::text((x + width / 2.0, y + 17.5), TITLE_SIZE, "middle", "", &title));
        let (labels, _) = sheet::columns(node);
        for (i, (label, value)) in node.lines.iter().enumerate() {
            let line = y + HEAD + LINE * (i as f64 + 0.5) + 6.5;
            let (label, value) =
                (font::fit(label, LINE_SIZE, LABEL_ROOM), font::fit(value, LINE_SIZE, TITLE_ROOM));
            self.out.push_str(&svg::text((x + PAD, line), LINE_SIZE, "start", FAINT, &label));
            self.out.push_str(&svg::text((x + PAD + labels + BETWEEN, line), LINE_SIZE, "start", "", &value));
        }
    }

    fn rectangle(&mut self, at: Rect, radius: f64, more: std::fmt::Arguments) {
        let Rect { x, y, width, height } = at;
        let (x, y, width, height) = (n(x), n(y), n(width), n(height));
        self.push(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\" {more}/>\n"
        ));
    }

    fn push(&mut self, text: std::fmt::Arguments) {
        svg::push(&mut self.out, text);
    }
}

fn color(accent: Accent) -> &'static str {
    match accent {
        Accent::Gray => "#7a828c",
        Accent::Blue => COLORS[0],
        Accent::Orange => COLORS[1],
        Accent::Green => COLORS[2],
        Accent::Purple => COLORS[3],
        Accent::Yellow => COLORS[4],
        Accent::Sky => COLORS[5],
    }
}
