//! Where the legend hides the least.

/// A rectangle in SVG units, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    /// Whether `point` lies inside, or outside by less than `margin`.
    fn holds(&self, point: (f64, f64), margin: f64) -> bool {
        (self.x - margin..=self.x + self.width + margin).contains(&point.0)
            && (self.y - margin..=self.y + self.height + margin).contains(&point.1)
    }
}

/// Distance between the legend and the frame.
const GAP: f64 = 8.0;
/// Points nearer than this count as covered: the radius of a marker and some air.
const MARGIN: f64 = 6.0;
/// Positions tried along each side where every corner and edge covers something.
const LATTICE: usize = 12;

/// The box of `width` x `height` inside `plot` that covers the fewest of `points`; among equals, the corners and edges
/// come first, from the upper right.
pub(crate) fn place(plot: Rect, width: f64, height: f64, points: &[(f64, f64)]) -> Rect {
    let room = ((plot.width - width - 2.0 * GAP).max(0.0), (plot.height - height - 2.0 * GAP).max(0.0));
    let at = |(right, down): (f64, f64)| Rect {
        x: plot.x + GAP + right * room.0,
        y: plot.y + GAP + down * room.1,
        width,
        height,
    };
    let corners = [(1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.0, 1.0)];
    let edges = [(1.0, 0.5), (0.5, 0.0), (0.5, 1.0), (0.0, 0.5)];
    let step = |i: usize| i as f64 / LATTICE as f64;
    let lattice = (0..=LATTICE).flat_map(|down| (0..=LATTICE).rev().map(move |right| (step(right), step(down))));
    let covered = |legend: &Rect| points.iter().filter(|&&point| legend.holds(point, MARGIN)).count();
    let mut best = (usize::MAX, at(corners[0]));
    for legend in corners.into_iter().chain(edges).chain(lattice).map(at) {
        let hidden = covered(&legend);
        if hidden < best.0 {
            best = (hidden, legend);
        }
        if hidden == 0 {
            break;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Rect = Rect { x: 0.0, y: 0.0, width: 200.0, height: 100.0 };

    fn corner(points: &[(f64, f64)]) -> (f64, f64) {
        let legend = place(PLOT, 60.0, 30.0, points);
        (legend.x, legend.y)
    }

    #[test]
    fn free_corners_are_taken_in_order() {
        let right = 200.0 - 60.0 - GAP;
        let bottom = 100.0 - 30.0 - GAP;
        assert_eq!(corner(&[]), (right, GAP));
        assert_eq!(corner(&[(150.0, 20.0)]), (right, bottom));
        assert_eq!(corner(&[(150.0, 20.0), (150.0, 80.0)]), (GAP, GAP));
    }

    #[test]
    fn a_crowded_plot_gives_the_emptiest_place() {
        // A dense field with one hole that is neither a corner nor an edge.
        let hole = Rect { x: 70.0, y: 30.0, width: 80.0, height: 50.0 };
        let field =
            (0..=200).step_by(4).flat_map(|x| (0..=100).step_by(4).map(move |y| (f64::from(x), f64::from(y))));
        let points: Vec<_> = field.filter(|&point| !hole.holds(point, 0.0)).collect();
        let legend = place(PLOT, 60.0, 30.0, &points);
        assert!(points.iter().all(|&point| !legend.holds(point, 0.0)), "{legend:?}");
    }

    #[test]
    fn a_legend_larger_than_the_plot_starts_at_its_corner() {
        let legend = place(PLOT, 500.0, 300.0, &[(50.0, 50.0)]);
        assert_eq!((legend.x, legend.y), (GAP, GAP));
    }
}
