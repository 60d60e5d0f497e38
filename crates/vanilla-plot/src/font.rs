//! The bundled font: DejaVu Sans, cut down to Latin-1 (see `assets/README.md`).

use resvg::usvg::fontdb::Database;

/// CSS font family of all text: the bundled font, then whatever the viewer has.
pub(crate) const FAMILY: &str = "DejaVu Sans, sans-serif";

static SUBSET: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");

const UNITS_PER_EM: f64 = 2048.0;

/// Advance widths of U+0020..=U+007E, from the font's `hmtx` table, in font units.
#[rustfmt::skip]
const ASCII_ADVANCE: [u16; 95] = [
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690,
    1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 690, 690, 1716, 1716, 1716, 1087,
    2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604, 604, 1343, 1141, 1767, 1532, 1612,
    1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799, 690, 799, 1716, 1024,
    1024, 1255, 1300, 1126, 1300, 1260, 721, 1300, 1298, 569, 569, 1186, 569, 1995, 1298, 1253,
    1300, 1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690, 1303, 1716,
];

/// A database that holds the bundled font and nothing else, also under the name `sans-serif`.
pub(crate) fn database() -> Database {
    let mut fonts = Database::new();
    fonts.load_font_data(SUBSET.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts
}

/// Width of `text` at `size` units per em, without kerning: exact for ASCII, a fair guess for the rest.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let advance = |c: char| match u32::from(c) {
        code @ 0x20..=0x7e => f64::from(ASCII_ADVANCE[code as usize - 0x20]),
        0x2212 => 1716.0,
        0x2026 => 2048.0,
        // Letters of other alphabets are about as wide as `n`, Chinese ones a full square.
        code if code >= 0x2e80 => 2048.0,
        _ => 1298.0,
    };
    text.chars().map(advance).sum::<f64>() * size / UNITS_PER_EM
}

/// `text`, cut and ended with `…` where it would be wider than `room`.
pub(crate) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = width("…", size);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size);
        if used > room {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::escape;
    use resvg::usvg::{Options, Tree};
    use std::sync::Arc;

    /// Width that the renderer gives to `text` at 100 units per em.
    fn rendered(text: &str) -> f64 {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text font-size="100" font-family="{FAMILY}" style="font-kerning:none">{}</text></svg>"#,
            escape(text)
        );
        let options = Options { fontdb: Arc::new(database()), ..Options::default() };
        let tree = Tree::from_str(&svg, &options).unwrap();
        f64::from(tree.root().bounding_box().width())
    }

    #[test]
    fn the_table_is_the_font() {
        // A space at either end would not count in the rendered box, so every character stands between two bars.
        for c in ('\u{20}'..='\u{7e}').chain(['−', '…']) {
            let text = format!("|{c}|");
            let (ours, theirs) = (width(&text, 100.0), rendered(&text));
            assert!((ours - theirs).abs() < 0.1, "{text}: {ours} by the table, {theirs} as rendered");
        }
    }

    #[test]
    fn the_database_holds_one_face() {
        let fonts = database();
        let families: Vec<_> = fonts.faces().map(|face| face.families[0].0.clone()).collect();
        assert_eq!(families, ["DejaVu Sans"]);
    }

    #[test]
    fn long_text_ends_with_an_ellipsis() {
        assert_eq!(fit("short", 10.0, 100.0), "short");
        let cut = fit("a caption that is far too long", 10.0, 60.0);
        assert_eq!(cut, "a caption…");
        assert!(width(&cut, 10.0) <= 60.0);
    }
}
