//! Who stands in which frame, and which parts of an edge run through which frame.
//!
//! Scope 0 is the page, scope g + 1 the inside of group g.

use super::{Graph, layers};
use crate::PlotError;
use std::collections::BTreeMap;

/// What stands in a scope as one box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    Node(usize),
    /// The frame around this scope.
    Frame(usize),
}

/// An edge as the layout sees it: it always runs down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    /// Whether the arrow points up, from `lower` to `upper`, because the edge closes a circle.
    pub(crate) reversed: bool,
}

impl Edge {
    /// Edges with the same key that leave the same box run side by side as one line as long as they can.
    pub(crate) fn key(&self) -> Key {
        (self.upper, self.reversed)
    }
}

/// See [`Edge::key`].
pub(crate) type Key = (usize, bool);

/// The part of an edge within one scope. An end outside is a port in the frame: above for `from`, below for `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    pub(crate) edge: usize,
    pub(crate) from: Option<Item>,
    pub(crate) to: Option<Item>,
}

/// The tree of scopes, with the wires in each.
#[derive(Debug)]
pub(crate) struct Scopes {
    /// The scope around each scope; of the page, itself.
    parent: Vec<usize>,
    depth: Vec<usize>,
    /// The scope of each node.
    of_node: Vec<usize>,
    /// What stands in each scope, frames where their first node would.
    pub(crate) items: Vec<Vec<Item>>,
    /// In the order of edges; edges from a box to itself have none.
    pub(crate) wires: Vec<Vec<Wire>>,
    pub(crate) edges: Vec<Edge>,
    /// Scope and place of the wires of each edge, from its upper end to its lower one.
    pub(crate) parts: Vec<Vec<(usize, usize)>>,
}

impl Scopes {
    pub(crate) fn new(graph: &Graph) -> Result<Scopes, PlotError> {
        let (nodes, groups) = (graph.nodes.len(), graph.groups.len());
        for (index, &(from, to)) in graph.edges.iter().enumerate() {
            if from.max(to) >= nodes {
                return Err(PlotError::Edge { index, from, to, nodes });
            }
        }
        let scope = |place: &str, index: usize, group: Option<usize>| match group {
            None => Ok(0),
            Some(group) if group < groups => Ok(group + 1),
            Some(group) => Err(PlotError::Group { place: format!("{place} {index}"), group, groups }),
        };
        let of_node = graph.nodes.iter().enumerate().map(|(i, node)| scope("node", i, node.group));
        let of_node = of_node.collect::<Result<Vec<_>, _>>()?;
        let parent = graph.groups.iter().enumerate().map(|(i, group)| scope("group", i, group.parent));
        let parent = [Ok(0)].into_iter().chain(parent).collect::<Result<Vec<_>, _>>()?;
        let depth = depths(&parent).map_err(|scope| {
            let place = format!("group {}", scope - 1);
            PlotError::Group { place, group: parent[scope] - 1, groups }
        })?;
        let edges = graph.edges.iter().map(|&(upper, lower)| Edge { upper, lower, reversed: false });
        let mut scopes = Scopes {
            items: items(&parent, &depth, &of_node),
            wires: vec![Vec::new(); parent.len()],
            edges: edges.collect(),
            parts: vec![Vec::new(); graph.edges.len()],
            parent,
            depth,
            of_node,
        };
        scopes.turn_circles();
        scopes.lay_wires();
        Ok(scopes)
    }

    /// All scopes, each behind those within it.
    pub(crate) fn inside_out(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.parent.len()).collect();
        order.sort_by_key(|&scope| std::cmp::Reverse(self.depth[scope]));
        order
    }

    /// The scopes that an edge runs through, and the place among them of the one that holds both its ends.
    fn way(&self, edge: &Edge) -> (Vec<usize>, usize) {
        let (mut up, mut down) = (self.of_node[edge.upper], self.of_node[edge.lower]);
        let (mut left, mut entered) = (Vec::new(), Vec::new());
        while up != down {
            if self.depth[up] >= self.depth[down] {
                left.push(up);
                up = self.parent[up];
            } else {
                entered.push(down);
                down = self.parent[down];
            }
        }
        let common = left.len();
        left.push(up);
        left.extend(entered.into_iter().rev());
        (left, common)
    }

    /// What holds a node in each scope from its own up to the page.
    fn holder(&self, scope: usize, node: usize) -> Item {
        let mut inner = self.of_node[node];
        if inner == scope {
            return Item::Node(node);
        }
        while self.parent[inner] != scope {
            inner = self.parent[inner];
        }
        Item::Frame(inner)
    }

    /// Turns edges such that in no scope boxes follow each other in a circle.
    fn turn_circles(&mut self) {
        let place = |items: &Vec<Item>| items.iter().enumerate().map(|(i, &item)| (item, i)).collect();
        let places: Vec<BTreeMap<Item, usize>> = self.items.iter().map(place).collect();
        let mut inside: Vec<Vec<(usize, (usize, usize))>> = vec![Vec::new(); self.parent.len()];
        for (i, edge) in self.edges.iter().enumerate().filter(|(_, edge)| edge.upper != edge.lower) {
            let (way, common) = self.way(edge);
            let scope = way[common];
            let place = |node: usize| places[scope][&self.holder(scope, node)];
            inside[scope].push((i, (place(edge.upper), place(edge.lower))));
        }
        for (edges, items) in inside.iter().zip(&self.items) {
            let pairs: Vec<(usize, usize)> = edges.iter().map(|&(_, pair)| pair).collect();
            for closing in layers::closing_edges(items.len(), &pairs) {
                let edge = &mut self.edges[edges[closing].0];
                (edge.upper, edge.lower, edge.reversed) = (edge.lower, edge.upper, true);
            }
        }
    }

    fn lay_wires(&mut self) {
        for i in 0..self.edges.len() {
            let edge = self.edges[i];
            if edge.upper == edge.lower {
                continue;
            }
            let (way, common) = self.way(&edge);
            for (k, scope) in way.into_iter().enumerate() {
                let from = (k <= common).then(|| self.holder(scope, edge.upper));
                let to = (k >= common).then(|| self.holder(scope, edge.lower));
                self.parts[i].push((scope, self.wires[scope].len()));
                self.wires[scope].push(Wire { edge: i, from, to });
            }
        }
    }
}

/// How many scopes lie around each; the scope that lies within itself where there is one.
fn depths(parent: &[usize]) -> Result<Vec<usize>, usize> {
    let mut depth = vec![None; parent.len()];
    depth[0] = Some(0);
    for start in 1..parent.len() {
        let (mut chain, mut scope) = (Vec::new(), start);
        while depth[scope].is_none() {
            if chain.len() > parent.len() {
                return Err(start);
            }
            chain.push(scope);
            scope = parent[scope];
        }
        let mut below = depth[scope].unwrap_or(0);
        for scope in chain.into_iter().rev() {
            below += 1;
            depth[scope] = Some(below);
        }
    }
    Ok(depth.into_iter().flatten().collect())
}

fn items(parent: &[usize], depth: &[usize], of_node: &[usize]) -> Vec<Vec<Item>> {
    let mut first = vec![usize::MAX; parent.len()];
    of_node.iter().enumerate().for_each(|(node, &scope)| first[scope] = first[scope].min(node));
    let mut deepest_first: Vec<usize> = (1..parent.len()).collect();
    deepest_first.sort_by_key(|&scope| std::cmp::Reverse(depth[scope]));
    for &scope in &deepest_first {
        first[parent[scope]] = first[parent[scope]].min(first[scope]);
    }
    let mut items: Vec<Vec<(usize, Item)>> = vec![Vec::new(); parent.len()];
    of_node.iter().enumerate().for_each(|(node, &scope)| items[scope].push((node, Item::Node(node))));
    (1..parent.len()).for_each(|scope| items[parent[scope]].push((first[scope], Item::Frame(scope))));
    let sorted = |mut items: Vec<(usize, Item)>| {
        items.sort();
        items.into_iter().map(|(_, item)| item).collect()
    };
    items.into_iter().map(sorted).collect()
}
