//! Figures as SVG, PNG and text: snapshots, ink where it belongs, and data at its worst.

use vanilla_plot::curves::{Along, Figure, Marker, Panel, Series};

const BLUE: [u8; 3] = [0x00, 0x72, 0xb2];
const ORANGE: [u8; 3] = [0xd5, 0x5e, 0x00];

fn series(label: &str, marker: Marker, values: &[f64]) -> Series {
    Series { label: label.into(), marker, values: values.to_vec() }
}

fn panel(title: &str, y_label: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), x_label: "Epochs".into(), along: Along::Epochs, y_label: y_label.into(), series }
}

/// Two panels of six epochs, as the tutorial has them.
fn tutorial() -> Figure {
    let loss = vec![
        series("Training loss", Marker::Cross, &[0.26, 0.11, 0.07, 0.05, 0.04, 0.03]),
        series("Test loss", Marker::Circle, &[0.14, 0.10, 0.08, 0.08, 0.085, 0.09]),
    ];
    let accuracy = vec![
        series("Training accuracy", Marker::Cross, &[0.92, 0.966, 0.978, 0.984, 0.988, 0.991]),
        series("Test accuracy", Marker::Circle, &[0.957, 0.969, 0.975, 0.976, 0.977, 0.978]),
    ];
    let panels = vec![
        panel("Training and test loss", "Loss", loss),
        panel("Training and test accuracy", "Accuracy", accuracy),
    ];
    Figure { panels }
}

fn one(values: &[f64]) -> Figure {
    Figure { panels: vec![panel("Title", "y", vec![series("s", Marker::Cross, values)])] }
}

struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

impl Picture {
    fn decode(png: &[u8]) -> Picture {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        let rgb = bytes.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
        Picture { width: info.width as usize, height: info.height as usize, rgb }
    }

    /// Number of pixels in the columns and rows given that satisfy `is`.
    fn count(
        &self,
        columns: std::ops::Range<usize>,
        rows: std::ops::Range<usize>,
        is: impl Fn([u8; 3]) -> bool,
    ) -> usize {
        let pixels = rows.flat_map(|row| columns.clone().map(move |column| self.rgb[row * self.width + column]));
        pixels.filter(|&pixel| is(pixel)).count()
    }
}

fn dark(pixel: [u8; 3]) -> bool {
    pixel.iter().all(|&channel| channel < 0x60)
}

/// Coordinates after `M` in the path that is drawn with the given colour and the width of markers.
fn marker_starts(svg: &str, color: &str) -> Vec<(f64, f64)> {
    let line = svg.lines().find(|line| line.contains(color) && line.contains("stroke-width=\"1.4\"")).unwrap();
    let path = line.split('"').nth(1).unwrap();
    let number = |text: &str| {
        let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().unwrap()
    };
    path.split('M')
        .skip(1)
        .map(|part| {
            let (x, y) = part.split_once(' ').unwrap();
            (number(x), number(y))
        })
        .collect()
}

#[test]
fn small_svg() {
    let values = [0.5, 0.25, f64::NAN, 0.125];
    let loss = panel("Loss <& \"more\">", "Loss", vec![series("Training 'loss'", Marker::Cross, &values)]);
    insta::assert_snapshot!(Figure { panels: vec![loss] }.to_svg());
}

#[test]
fn terminal_80_columns() {
    insta::assert_snapshot!(tutorial().to_terminal(80, false));
}

#[test]
fn terminal_60_columns() {
    let mut figure = tutorial();
    figure.panels.truncate(1);
    figure.panels[0].series[0].values[0] = 3.1;
    insta::assert_snapshot!(figure.to_terminal(60, false));
}

#[test]
fn terminal_lines_fit_and_do_not_trail() {
    for columns in [40, 60, 80, 133, 200] {
        let text = tutorial().to_terminal(columns, false);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert_eq!(widest, columns);
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
    assert_eq!(tutorial().to_terminal(0, false), tutorial().to_terminal(40, false));
}

#[test]
fn terminal_colours_only_on_request() {
    let plain = tutorial().to_terminal(80, false);
    let colored = tutorial().to_terminal(80, true);
    assert!(!plain.contains('\x1b'));
    for code in ["\x1b[38;5;32m", "\x1b[38;5;166m"] {
        assert!(colored.contains(code), "{code:?}");
    }
    // Without its escapes the coloured text is the plain one, and no line leaves the terminal coloured.
    let mut stripped = String::new();
    for line in colored.lines() {
        let last = line.rfind("\x1b[").map(|at| &line[at..]);
        assert!(last.is_none_or(|escape| escape.starts_with("\x1b[0m")), "{line:?}");
        let mut parts = line.split('\x1b');
        stripped.push_str(parts.next().unwrap());
        parts.for_each(|part| stripped.push_str(part.split_once('m').unwrap().1));
        stripped.push('\n');
    }
    assert_eq!(stripped, plain);
}

#[test]
fn png_has_ink_where_it_belongs() {
    let png = tutorial().to_png().unwrap();
    let picture = Picture::decode(&png);
    assert_eq!((picture.width, picture.height), (1120, 1128));
    let all = || 0..picture.width;
    for top in [0, 564] {
        // The title is text in the middle of its band, which is white at both ends.
        assert!(picture.count(400..800, top + 20..top + 60, dark) > 300);
        assert_eq!(picture.count(0..300, top + 4..top + 66, |pixel| pixel != [255; 3]), 0);
        // The x label, below the tick labels.
        assert!(picture.count(500..700, top + 510..top + 540, dark) > 100);
        // The y label, turned, at the left.
        assert!(picture.count(10..50, top + 100..top + 450, dark) > 80);
        for color in [BLUE, ORANGE] {
            assert!(picture.count(all(), top + 74..top + 460, |pixel| pixel == color) > 100);
            assert_eq!(picture.count(all(), top..top + 70, |pixel| pixel == color), 0);
        }
    }
}

#[test]
fn markers_are_drawn_at_their_points() {
    let figure = tutorial();
    let picture = Picture::decode(&figure.to_png().unwrap());
    let crosses = marker_starts(&figure.to_svg(), "#0072b2");
    // A cross starts each of its two strokes with M or m; one M for each epoch.
    assert_eq!(crosses.len(), 6);
    for (x, y) in crosses {
        // The centre is 3 units to the right and below; twice as many pixels.
        let (column, row) = ((2.0 * (x + 3.0)) as usize, (2.0 * (y + 3.0)) as usize);
        let ink = picture.count(column - 2..column + 2, row - 2..row + 2, |pixel| pixel == BLUE);
        assert!(ink >= 4, "{ink} blue pixels around column {column}, row {row}");
    }
}

#[test]
fn the_same_figure_gives_the_same_bytes() {
    assert_eq!(tutorial().to_svg(), tutorial().to_svg());
    assert_eq!(tutorial().to_png().unwrap(), tutorial().to_png().unwrap());
}

#[test]
fn text_is_escaped() {
    let mut figure = one(&[1.0, 2.0]);
    figure.panels[0].title = "</text><script>alert('&')</script>\u{1b}[2J\u{0}".into();
    figure.panels[0].series[0].label = "a<b & \"c\"".into();
    let svg = figure.to_svg();
    assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{0}'));
    assert!(svg.contains("a&lt;b &amp; &quot;c&quot;"));
    assert!(figure.to_png().is_ok());
    assert!(!figure.to_terminal(80, false).contains('\u{1b}'));
}

#[test]
fn awkward_data_is_drawn() {
    let nan = f64::NAN;
    let long: Vec<f64> = (0..5000).map(|i| f64::from(i).sin()).collect();
    for values in [
        &[][..],
        &[0.5],
        &[0.0],
        &[nan],
        &[nan, f64::INFINITY, f64::NEG_INFINITY, nan, nan, nan],
        &[nan, 1.0, nan, 2.0, nan],
        &[1e300, -1e300, f64::MAX, 0.0, 1.0, 2.0],
        &[1e-320, 0.0, -1e-320, 5e-324, 0.0],
        &[-5.0, -4.0, -1e9, -3.0, -3.5, -3.2],
        &[1.0; 30],
        &long,
    ] {
        let figure = one(values);
        let svg = figure.to_svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let picture = Picture::decode(&figure.to_png().unwrap());
        assert_eq!((picture.width, picture.height), (1120, 564));
        let blue = picture.count(100..1120, 74..460, |pixel| pixel == BLUE);
        assert!(blue > 10, "the legend at least is blue: {values:?}");
        let drawable = values.iter().any(|value| value.abs() <= 1e300);
        let text = figure.to_terminal(80, false);
        assert_eq!(text.contains("no data"), !drawable, "{values:?}\n{text}");
        assert_eq!(svg.contains("no data"), !drawable, "{values:?}");
    }
}

#[test]
fn a_single_point_between_gaps_keeps_its_marker() {
    // So many epochs that most markers are left out.
    let mut values = vec![f64::NAN; 1000];
    values[500] = 1.0;
    values[501] = 2.0;
    values[777] = 3.0;
    let svg = one(&values).to_svg();
    let crosses = marker_starts(&svg, "#0072b2");
    assert_eq!(crosses.len(), 1, "777 only, since 500 and 501 have a line: {crosses:?}");
}

#[test]
fn an_extreme_is_a_note_at_the_edge() {
    let figure = one(&[3.1, 0.1, 0.09, 0.08, 0.07, 0.06]);
    let svg = figure.to_svg();
    assert!(svg.contains(">3.1</text>"));
    // The axis belongs to the others.
    assert!(svg.contains(">0.06</text>") && svg.contains(">0.10</text>"), "{svg}");
    assert!(figure.to_terminal(80, false).contains("▲ 3.1"));
    assert_eq!(marker_starts(&svg, "#0072b2").len(), 5);
    let low = one(&[0.1, 0.97, 0.975, 0.98, 0.982, 0.985]);
    assert!(low.to_terminal(80, false).contains("▼ 0.1"));
}

#[test]
fn no_panels_no_series() {
    let nothing = Figure { panels: Vec::new() };
    assert_eq!(nothing.to_terminal(80, true), "");
    let picture = Picture::decode(&nothing.to_png().unwrap());
    assert!(picture.rgb.iter().all(|&pixel| pixel == [255; 3]));

    let bare = Figure { panels: vec![panel("Bare", "y", Vec::new())] };
    assert!(bare.to_svg().contains("no data"));
    assert!(bare.to_terminal(80, true).contains("no data"));
}

#[test]
fn the_legend_leaves_rising_curves_alone() {
    let rising: Vec<f64> = (0..50).map(f64::from).collect();
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    // The legend's frame is the only rectangle with a grey border.
    let frame_y = |values: &[f64]| -> (f64, f64) {
        let svg = one(values).to_svg();
        let line = svg.lines().find(|line| line.contains("stroke=\"#ccc\"")).unwrap().to_owned();
        let of = |name: &str| line.split(name).nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        (of(" x=\""), of(" y=\""))
    };
    let (x, y) = frame_y(&falling);
    assert!(x > 280.0 && y < 100.0, "upper right of a falling curve: {x}, {y}");
    let (x, y) = frame_y(&rising);
    assert!(x > 280.0 && y > 150.0, "lower right of a rising curve: {x}, {y}");
}

#[test]
fn a_hundred_series_are_only_ugly() {
    let many = (0..100).map(|i| series(&format!("series {i}"), Marker::Circle, &[f64::from(i), 1.0])).collect();
    let figure = Figure { panels: vec![panel("Many", "y", many)] };
    assert!(figure.to_png().is_ok());
    assert!(figure.to_terminal(60, true).contains("series 99"));
}

#[test]
fn too_many_panels_are_an_error() {
    let figure = Figure { panels: vec![panel("p", "y", Vec::new()); 200] };
    let error = figure.to_png().unwrap_err();
    insta::assert_snapshot!(error, @"picture: received a layout of 1120 x 112800 pixels, expected at most 67108864 pixels in all; draw fewer or smaller parts");
}
