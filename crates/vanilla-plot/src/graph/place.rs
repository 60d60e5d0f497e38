//! Coordinates across the layers: near to what a box is linked with, and never nearer to its neighbours than
//! allowed.

use super::sheet::{Kind, Link, Vertex};

/// Sweeps that look one way only, which spread the layers, and sweeps that look both ways, which settle them.
const SPREADING: usize = 8;
const SETTLING: usize = 24;

/// Sets `at` of every vertex; layers are ordered.
pub(crate) fn place(layers: &[Vec<usize>], vertices: &mut [Vertex], links: &[Link]) {
    let mut above = vec![Vec::new(); vertices.len()];
    let mut below = vec![Vec::new(); vertices.len()];
    for link in links {
        let weight = weight(vertices[link.upper].kind, vertices[link.lower].kind);
        let shift = link.upper_port - link.lower_port;
        above[link.lower].push((link.upper, shift, weight));
        below[link.upper].push((link.lower, -shift, weight));
    }
    let gaps: Vec<Vec<f64>> = layers.iter().map(|layer| gaps(layer, vertices)).collect();
    for (layer, gaps) in layers.iter().zip(&gaps) {
        let mut at = -gaps.iter().sum::<f64>() / 2.0;
        for (i, &vertex) in layer.iter().enumerate() {
            vertices[vertex].at = at;
            at += gaps.get(i).copied().unwrap_or(0.0);
        }
    }
    for sweep in 0..SPREADING + SETTLING {
        let down = sweep % 2 == 0;
        let leftmost = vertices.iter().filter(|vertex| vertex.kind != Kind::Title).map(Vertex::left);
        let leftmost = leftmost.fold(f64::INFINITY, f64::min);
        for step in 0..layers.len() {
            let layer = if down { step } else { layers.len() - 1 - step };
            let (mut wanted, mut weights) = (Vec::new(), Vec::new());
            for &vertex in &layers[layer] {
                let mut sums = (0.0, 0.0);
                let upwards = if sweep >= SPREADING || down { &*above[vertex] } else { &[] };
                let downwards = if sweep >= SPREADING || !down { &*below[vertex] } else { &[] };
                for &(other, shift, weight) in upwards.iter().chain(downwards) {
                    sums = (sums.0 + weight * (vertices[other].at + shift), sums.1 + weight);
                }
                let Vertex { kind, at, across, .. } = vertices[vertex];
                let (place, weight) = match kind {
                    Kind::Title => (if leftmost.is_finite() { leftmost + across / 2.0 } else { 0.0 }, FREE),
                    _ if sums.1 == 0.0 => (at, FREE),
                    _ => (sums.0 / sums.1, sums.1),
                };
                wanted.push(place);
                weights.push(weight);
            }
            let places = spread(&wanted, &weights, &gaps[layer]);
            layers[layer].iter().zip(places).for_each(|(&vertex, at)| vertices[vertex].at = at);
        }
    }
    straighten(layers, vertices, links);
    vertices.iter_mut().for_each(|vertex| vertex.at = vertex.at.round());
}

/// What stays where it is unless it is in the way.
const FREE: f64 = 0.01;

/// How strongly a link wants to be straight. Chains of boxes come first; long lines stand aside and are
/// straightened in the end.
fn weight(upper: Kind, lower: Kind) -> f64 {
    match (upper == Kind::Bend, lower == Kind::Bend) {
        (true, true) => 0.4,
        (false, false) => 2.0,
        _ => 0.1,
    }
}

/// Least distances between the centres of neighbours.
fn gaps(layer: &[usize], vertices: &[Vertex]) -> Vec<f64> {
    let air = |a: Kind, b: Kind| match (a, b) {
        (Kind::Title, _) => 6.0,
        (Kind::Bend | Kind::Port, Kind::Bend | Kind::Port) => 14.0,
        (Kind::Bend | Kind::Port, _) | (_, Kind::Bend | Kind::Port) => 18.0,
        _ => 28.0,
    };
    let pairs = layer.windows(2).map(|pair| (&vertices[pair[0]], &vertices[pair[1]]));
    pairs.map(|(a, b)| (a.across + b.across) / 2.0 + air(a.kind, b.kind)).collect()
}

/// The places nearest to those wanted, by weighted least squares, that keep the gaps between neighbours: isotonic
/// regression by pooling adjacent violators.
pub(crate) fn spread(wanted: &[f64], weights: &[f64], gaps: &[f64]) -> Vec<f64> {
    // Of each pool: sum of weighted places, sum of weights, members. Places are counted without the gaps before
    // them.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    let mut before = 0.0;
    for (i, (place, &weight)) in wanted.iter().zip(weights).enumerate() {
        before += if i == 0 { 0.0 } else { gaps[i - 1] };
        let mut pool = ((place - before) * weight, weight, 1);
        while let Some(last) = pools.pop_if(|last| last.0 / last.1 >= pool.0 / pool.1) {
            pool = (last.0 + pool.0, last.1 + pool.1, last.2 + pool.2);
        }
        pools.push(pool);
    }
    let mut places = Vec::with_capacity(wanted.len());
    let mut before = 0.0;
    for (sum, weight, members) in pools {
        for _ in 0..members {
            before += if places.is_empty() { 0.0 } else { gaps[places.len() - 1] };
            places.push(sum / weight + before);
        }
    }
    places
}

/// Puts the bends of a long line exactly below each other where their neighbours leave room for it, if possible in
/// line with one of its ends.
fn straighten(layers: &[Vec<usize>], vertices: &mut [Vertex], links: &[Link]) {
    let mut next = vec![None; vertices.len()];
    let mut inner = vec![false; vertices.len()];
    let mut ends = vec![Vec::new(); vertices.len()];
    for link in links {
        ends[link.upper].push((link.lower, link.lower_port));
        ends[link.lower].push((link.upper, link.upper_port));
        if vertices[link.upper].kind == Kind::Bend && vertices[link.lower].kind == Kind::Bend {
            next[link.upper] = Some(link.lower);
            inner[link.lower] = true;
        }
    }
    let mut index = vec![0; vertices.len()];
    layers.iter().for_each(|layer| layer.iter().enumerate().for_each(|(i, &vertex)| index[vertex] = i));
    let room = |vertex: usize, vertices: &[Vertex]| {
        let (layer, i) = (&layers[vertices[vertex].layer], index[vertex]);
        let gap = |a: usize| gaps(&layer[a..a + 2], vertices)[0];
        let low = if i == 0 { f64::NEG_INFINITY } else { vertices[layer[i - 1]].at + gap(i - 1) };
        let high = layer.get(i + 1).map_or(f64::INFINITY, |&right| vertices[right].at - gap(i));
        (low, high)
    };
    for start in 0..vertices.len() {
        if vertices[start].kind != Kind::Bend || inner[start] {
            continue;
        }
        let chain: Vec<usize> = std::iter::successors(Some(start), |&vertex| next[vertex]).collect();
        let (mut low, mut high, mut sum) = (f64::NEG_INFINITY, f64::INFINITY, 0.0);
        for &vertex in &chain {
            let (left, right) = room(vertex, vertices);
            (low, high, sum) = (low.max(left), high.min(right), sum + vertices[vertex].at);
        }
        if low <= high {
            let ends = chain.iter().flat_map(|&bend| &ends[bend]);
            let mut ends =
                ends.filter(|end| vertices[end.0].kind != Kind::Bend).map(|end| vertices[end.0].at + end.1);
            let in_line = ends.find(|end| (low..=high).contains(end));
            let at = in_line.unwrap_or((sum / chain.len() as f64).max(low).min(high));
            chain.iter().for_each(|&vertex| vertices[vertex].at = at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_gaps_and_come_as_near_as_they_can() {
        assert_eq!(spread(&[0.0, 100.0], &[1.0, 1.0], &[10.0]), [0.0, 100.0]);
        assert_eq!(spread(&[0.0, 0.0], &[1.0, 1.0], &[10.0]), [-5.0, 5.0]);
        assert_eq!(spread(&[0.0, 0.0], &[3.0, 1.0], &[8.0]), [-2.0, 6.0]);
        assert_eq!(spread(&[9.0, 0.0, 50.0], &[1.0; 3], &[3.0, 3.0]), [3.0, 6.0, 50.0]);
        assert_eq!(spread(&[], &[], &[]), [0.0; 0]);
    }
}
