//! Graphs: titled boxes with lines of text, arrows between them, and frames around those that belong together.
//!
//! The layout is that of Sugiyama, Tagawa and Toda 1981. A box stands one layer below the lowest box that points
//! to it; sweeps by barycenters take out crossings; least squares bring boxes near to their neighbours. An arrow
//! that spans several layers passes each of them in a gap of its own, so no arrow runs through a foreign box. A
//! frame is laid out first and is one box for whatever stands around it. Arrows that close a circle point against
//! the direction.

use crate::{PlotError, raster};

mod draw;
mod layers;
mod order;
mod place;
mod scopes;
mod sheet;

/// Where arrows point to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Down the page: Keras's `rankdir="TB"`.
    #[default]
    TopToBottom,
    /// Along the lines: Keras's `rankdir="LR"`.
    LeftToRight,
}

/// The colour of a box, which tells its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accent {
    /// By custom what has no kind of its own.
    #[default]
    Gray,
    /// By custom what has weights.
    Blue,
    /// By custom a function of every element.
    Orange,
    /// By custom inputs.
    Green,
    /// By custom what joins several inputs.
    Purple,
    /// By custom what is random while training.
    Yellow,
    /// By custom what normalizes or reshapes.
    Sky,
}

/// A box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphNode {
    /// The heading, such as `dense (Dense)`. Beyond 320 units it is cut.
    pub title: String,
    /// Label and value of each line below, such as `output shape` and `(None, 10)`.
    pub lines: Vec<(String, String)>,
    /// The frame that it stands in, a position in [`Graph::groups`].
    pub group: Option<usize>,
    /// Its colour.
    pub accent: Accent,
}

/// A frame around boxes, and perhaps around other frames: a model within the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphGroup {
    /// Stands in the frame's upper left corner.
    pub title: String,
    /// The frame that it stands in itself, a position in [`Graph::groups`].
    pub parent: Option<usize>,
}

/// Boxes, arrows and frames.
///
/// ```
/// use vanilla_plot::graph::{Accent, Graph, GraphNode};
///
/// let node = |title: &str, accent| GraphNode { title: title.into(), accent, ..GraphNode::default() };
/// let nodes = vec![node("images (InputLayer)", Accent::Green), node("dense (Dense)", Accent::Blue)];
/// let graph = Graph { nodes, edges: vec![(0, 1)], ..Graph::default() };
/// assert!(graph.to_svg()?.starts_with("<svg"));
/// # Ok::<(), vanilla_plot::PlotError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The boxes. Among equally good places, earlier ones stand further left or further up.
    pub nodes: Vec<GraphNode>,
    /// The arrows: positions of the boxes that they leave and reach. The same arrow may occur several times.
    pub edges: Vec<(usize, usize)>,
    /// The frames.
    pub groups: Vec<GraphGroup>,
    /// Where arrows point to.
    pub direction: Direction,
}

impl Graph {
    /// The graph as an SVG document, as large as it needs to be. The same graph gives the same bytes.
    ///
    /// The text asks for DejaVu Sans and falls back to any sans-serif font.
    ///
    /// # Errors
    ///
    /// [`PlotError::Edge`] for an arrow without a box at its end, [`PlotError::Group`] for a box or a frame in a
    /// frame that is not there or that lies within itself.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        Ok(draw::graph(self, &sheet::lay_out(self)?))
    }

    /// The SVG rendered at twice its size, as a PNG.
    ///
    /// Characters outside Latin-1 are not in the bundled font and stay blank.
    ///
    /// # Errors
    ///
    /// As [`to_svg`](Self::to_svg), and [`PlotError::TooLarge`], for instance for a chain of a thousand boxes.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        raster::png(&self.to_svg()?, 2)
    }
}
