//! Curves over epochs, or over numbers that rise geometrically: a figure of panels one above the other.

use crate::{PlotError, raster, svg, terminal};

/// The sign drawn at each point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// `x`, by custom the training data.
    Cross,
    /// `o`, by custom the test data.
    Circle,
}

/// What the points of a panel's series stand for along x, one after the other at equal distances.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Along {
    /// Epochs 1, 2, 3, …
    #[default]
    Epochs,
    /// Numbers from `first` to `last`, both above 0, each the same multiple of the one before: a logarithmic axis.
    Geometric {
        /// The number of the first point.
        first: f64,
        /// The number of the last point of the longest series.
        last: f64,
    },
}

/// One curve: `values[i]` belongs to the point i + 1 along x.
///
/// NaN and infinite values are gaps, and so are values beyond ±1e300, whose differences would overflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend; an empty one is left out.
    pub label: String,
    /// The sign at each point.
    pub marker: Marker,
    /// One value for each epoch, from epoch 1.
    pub values: Vec<f64>,
}

/// One pair of axes with its series.
///
/// The y axis spans the data. Where a few extreme points (say, the loss of the first epoch) would press all others
/// into a line, the axis spans the others, and the extremes stand at the edge as a triangle with their value.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The heading, centred above.
    pub title: String,
    /// What is counted along x.
    pub x_label: String,
    /// Where the points stand along x.
    pub along: Along,
    /// What is measured along y.
    pub y_label: String,
    /// The curves, told apart by colour and marker.
    pub series: Vec<Series>,
}

/// Panels one above the other, with their axes aligned.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

impl Figure {
    /// The figure as an SVG document, 560 units wide and 282 high for each panel.
    ///
    /// The text asks for DejaVu Sans and falls back to any sans-serif font.
    pub fn to_svg(&self) -> String {
        svg::figure(self)
    }

    /// The SVG rendered at twice its size: a PNG 1120 pixels wide.
    ///
    /// Characters outside Latin-1 are not in the bundled font and stay blank.
    ///
    /// # Errors
    ///
    /// [`PlotError::TooLarge`] for more than about a hundred panels.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        raster::png(&self.to_svg(), 2)
    }

    /// The figure as lines of text no wider than `columns` (at least 40 and at most 240 are used).
    ///
    /// The curves are braille dots, with the marker's letter `x` or `o` here and there, so that they can be told
    /// apart without colour too. With `color`, ANSI 256-colour escapes are added. Every line ends with a line
    /// feed.
    pub fn to_terminal(&self, columns: usize, color: bool) -> String {
        terminal::figure(self, columns, color)
    }
}
