//! Curves, digits and graphs as SVG and PNG, curves and digits as terminal text too.
//!
//! The crate knows no model: numbers, labels and gray pixels come in, a picture comes out, and the same input gives
//! the same bytes on every machine. A PNG of curves is a rendering of their SVG with the [bundled
//! font](https://dejavu-fonts.github.io); neither system fonts nor files nor the network are touched.
//!
//! ```
//! use vanilla_plot::curves::{Along, Figure, Marker, Panel, Series};
//!
//! let loss = Series { label: "Training loss".into(), marker: Marker::Cross, values: vec![0.31, 0.12, 0.08] };
//! let (title, x_label, y_label) = ("Loss".into(), "Epochs".into(), "Loss".into());
//! let panel = Panel { title, x_label, along: Along::Epochs, y_label, series: vec![loss] };
//! let figure = Figure { panels: vec![panel] };
//! assert!(figure.to_svg().starts_with("<svg"));
//! println!("{}", figure.to_terminal(80, false));
//! ```

pub mod curves;
pub mod digits;
pub mod graph;
pub mod terminal;

mod axis;
mod font;
mod legend;
mod raster;
mod svg;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// A grid of no digits has no size.
    #[error("digit grid: received no digits, expected at least one")]
    NoDigits,
    /// A digit's pixels do not fill its rectangle.
    #[error(
        "digit {index} ({caption:?}): received {received} pixels, expected {width} x {height} = {} and at least one; \
         give one byte per pixel, row by row",
        .width.saturating_mul(*.height)
    )]
    Pixels {
        /// Position among the digits, from 0.
        index: usize,
        /// The digit's caption.
        caption: String,
        /// Number of pixels given.
        received: usize,
        /// Columns of pixels announced.
        width: usize,
        /// Rows of pixels announced.
        height: usize,
    },
    /// An arrow leads to or from a box that is not there.
    #[error(
        "graph: received edge {index} from node {from} to node {to}, expected nodes below {nodes}; count nodes from 0"
    )]
    Edge {
        /// Position among the edges, from 0.
        index: usize,
        /// The box that it leaves.
        from: usize,
        /// The box that it reaches.
        to: usize,
        /// Number of boxes.
        nodes: usize,
    },
    /// A box or a frame stands in a frame that is not there or that lies within itself.
    #[error(
        "graph: received {place} in group {group}, expected one of {groups} groups, none within itself; \
         count groups from 0"
    )]
    Group {
        /// Which box or frame, such as `node 3`.
        place: String,
        /// The frame given.
        group: usize,
        /// Number of frames.
        groups: usize,
    },
    /// The picture would be too large to be useful.
    #[error(
        "picture: received a layout of {width} x {height} pixels, expected at most {} pixels in all; \
         draw fewer or smaller parts",
        raster::MAX_PIXELS
    )]
    TooLarge {
        /// Width of the picture, pixels.
        width: usize,
        /// Height of the picture, pixels.
        height: usize,
    },
    /// The SVG could not be rendered or the PNG not be written: a defect of this crate, not of the caller's data.
    #[error("PNG: the picture could not be rendered; please report this together with its data")]
    Render(#[source] Box<dyn std::error::Error + Send + Sync>),
}
