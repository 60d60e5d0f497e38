//! Which edges close a circle, and on which layer a box stands.

/// Edges without which no boxes follow each other in a circle: those that lead back to a box that a walk through
/// the graph, earlier boxes first, has not left yet.
pub(crate) fn closing_edges(boxes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        Entered,
        Left,
    }
    let leaving = leaving(boxes, edges);
    let mut seen = vec![Seen::Never; boxes];
    let mut closing = Vec::new();
    for start in 0..boxes {
        if seen[start] != Seen::Never {
            continue;
        }
        seen[start] = Seen::Entered;
        // Boxes on the way here, with the number of their edges that were followed.
        let mut way = vec![(start, 0)];
        while let Some((at, followed)) = way.last_mut() {
            let at = *at;
            let Some(&edge) = leaving[at].get(*followed) else {
                seen[at] = Seen::Left;
                way.pop();
                continue;
            };
            *followed += 1;
            let to = edges[edge].1;
            match seen[to] {
                Seen::Never => {
                    seen[to] = Seen::Entered;
                    way.push((to, 0));
                }
                Seen::Entered => closing.push(edge),
                Seen::Left => {}
            }
        }
    }
    closing
}

/// The layer of each box: that of the longest way to it. A box that nothing points to, unless it is `held` where
/// it is, stands directly above the first that it points to. The edges close no circle.
pub(crate) fn layers(boxes: usize, edges: &[(usize, usize)], held: &[bool]) -> Vec<usize> {
    let leaving = leaving(boxes, edges);
    let mut missing = vec![0; boxes];
    edges.iter().for_each(|&(_, to)| missing[to] += 1);
    let first: Vec<usize> = (0..boxes).filter(|&i| missing[i] == 0).collect();
    let mut layer = vec![0; boxes];
    let mut ready = first.clone();
    while let Some(at) = ready.pop() {
        for &edge in &leaving[at] {
            let to = edges[edge].1;
            layer[to] = layer[to].max(layer[at] + 1);
            missing[to] -= 1;
            if missing[to] == 0 {
                ready.push(to);
            }
        }
    }
    for at in first.into_iter().filter(|&at| !held[at]) {
        let below = leaving[at].iter().map(|&edge| layer[edges[edge].1]).min();
        layer[at] = below.map_or(0, |below| below - 1);
    }
    layer
}

/// The edges that leave each box.
fn leaving(boxes: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut leaving = vec![Vec::new(); boxes];
    edges.iter().enumerate().for_each(|(i, &(from, _))| leaving[from].push(i));
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_decides() {
        let edges = [(0, 1), (1, 2), (0, 2), (3, 2)];
        assert_eq!(layers(4, &edges, &[false; 4]), [0, 1, 2, 1]);
        assert_eq!(layers(4, &edges, &[true; 4]), [0, 1, 2, 0]);
        assert_eq!(layers(2, &[], &[false; 2]), [0, 0]);
    }

    #[test]
    fn circles_are_opened_where_they_close() {
        assert_eq!(closing_edges(3, &[(0, 1), (1, 2), (2, 0), (0, 2)]), [2]);
        assert_eq!(closing_edges(3, &[(2, 1), (1, 0)]), [0; 0]);
        assert_eq!(closing_edges(2, &[(0, 1), (1, 0), (0, 1)]), [1]);
    }
}
