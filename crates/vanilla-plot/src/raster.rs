//! SVG to PNG: resvg draws, png writes.

use crate::{PlotError, font};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::sync::Arc;

/// Largest picture, pixels: 256 MiB while it is drawn.
pub(crate) const MAX_PIXELS: usize = 1 << 26;

/// Pixels per metre on paper at scale 1, where a CSS pixel is 1/96 inch.
const CSS_PIXELS_PER_METRE: f64 = 96.0 / 0.0254;

/// Renders `svg` on white, `scale` pixels for each unit, as opaque RGB.
pub(crate) fn png(svg: &str, scale: u32) -> Result<Vec<u8>, PlotError> {
    let pixmap = render(svg, scale)?;
    let rgb: Vec<u8> = pixmap.data().chunks_exact(4).flat_map(|rgba| [rgba[0], rgba[1], rgba[2]]).collect();
    encode(&rgb, pixmap.width(), pixmap.height(), png::ColorType::Rgb, scale)
}

/// Renders `svg` on white, one pixel for each unit, as brightness; for drawings without colour.
pub(crate) fn gray(svg: &str) -> Result<Vec<u8>, PlotError> {
    Ok(render(svg, 1)?.data().chunks_exact(4).map(|rgba| rgba[1]).collect())
}

/// Writes 8-bit samples, row by row, as a PNG that is to be shown `scale` times smaller than its pixels.
pub(crate) fn encode(
    samples: &[u8],
    width: u32,
    height: u32,
    color: png::ColorType,
    scale: u32,
) -> Result<Vec<u8>, PlotError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    // Flat colour compresses best as it is: 69 kB for the tutorial's curves, 98 kB with adaptive filters.
    encoder.set_filter(png::Filter::NoFilter);
    let per_metre = (CSS_PIXELS_PER_METRE * f64::from(scale)).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(defect)?;
    writer.write_image_data(samples).map_err(defect)?;
    writer.finish().map_err(defect)?;
    Ok(bytes)
}

/// Refuses pictures of more than [`MAX_PIXELS`].
pub(crate) fn check_size(width: usize, height: usize) -> Result<(), PlotError> {
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(PlotError::TooLarge { width, height });
    }
    Ok(())
}

fn render(svg: &str, scale: u32) -> Result<Pixmap, PlotError> {
    let options = Options { fontdb: Arc::new(font::database()), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(defect)?;
    let side = |units: f32| (f64::from(units) * f64::from(scale)).round() as usize;
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    check_size(width, height)?;
    let mut pixmap = Pixmap::new(width as u32, height as u32).ok_or(PlotError::TooLarge { width, height })?;
    // An opaque ground makes premultiplied colours the plain ones.
    pixmap.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixmap.as_mut());
    Ok(pixmap)
}

fn defect(error: impl std::error::Error + Send + Sync + 'static) -> PlotError {
    PlotError::Render(Box::new(error))
}
