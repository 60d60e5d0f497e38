//! Digits as PNG and text.

use vanilla_plot::digits::{Digit, grid_png, grid_terminal};

fn digit<'a>(pixels: &'a [u8], width: usize, height: usize, caption: &str) -> Digit<'a> {
    Digit { pixels, width, height, caption: caption.into() }
}

fn decode(png: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut gray = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut gray).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
    (info.width as usize, info.height as usize, gray)
}

/// A slope of brightness that no symmetry of the square maps to itself.
fn slope() -> Vec<u8> {
    (0..28 * 28).map(|i| (i % 28 * 5 + i / 28 * 4) as u8).collect()
}

#[test]
fn every_pixel_becomes_a_square() {
    let pixels = slope();
    let digits = vec![digit(&pixels, 28, 28, "Digit: 7"); 4];
    let (width, height, gray) = decode(&grid_png(&digits, 2).unwrap());
    assert_eq!((width, height), (660, 716));
    // Corners of the four pictures: margin 32, caption 34, side 280, gaps of 36 and 24.
    for (left, top) in [(32, 66), (348, 66), (32, 404), (348, 404)] {
        for y in 0..280 {
            for x in 0..280 {
                let expected = pixels[y / 10 * 28 + x / 10];
                assert_eq!(gray[(top + y) * width + left + x], expected, "{left}, {top}: {x}, {y}");
            }
        }
        // The caption above is dark on white.
        let caption = || (top - 34..top - 6).flat_map(|y| (left..left + 280).map(move |x| (x, y)));
        assert!(caption().filter(|&(x, y)| gray[y * width + x] < 0x60).count() > 100);
        assert!(caption().filter(|&(x, y)| gray[y * width + x] == 255).count() > 6000);
    }
    // The margin is white.
    assert!(gray[..20 * width].iter().all(|&pixel| pixel == 255));
}

#[test]
fn sizes_and_columns() {
    let pixels = slope();
    let size = |count: usize, columns: usize, caption: &str| {
        let (width, height, _) =
            decode(&grid_png(&vec![digit(&pixels, 28, 28, caption); count], columns).unwrap());
        (width, height)
    };
    assert_eq!(size(1, 1, ""), (344, 344));
    assert_eq!(size(1, 9, ""), (344, 344));
    assert_eq!(size(3, 2, ""), (660, 648));
    assert_eq!(size(3, 0, "c"), (344, 3 * 314 + 2 * 24 + 64));
    // 8 x 8 pixels grow 35 times, 1 x 2 pixels 140 times, an image of 600 x 2 not at all.
    let other = |w: usize, h: usize| {
        let (width, height, _) = decode(&grid_png(&[digit(&pixels.repeat(2)[..w * h], w, h, "")], 1).unwrap());
        (width - 64, height - 64)
    };
    assert_eq!(other(8, 8), (280, 280));
    assert_eq!(other(1, 2), (140, 280));
    assert_eq!(other(600, 2), (600, 2));
}

#[test]
fn long_captions_do_not_meet() {
    let pixels = slope();
    let digits = vec![digit(&pixels, 28, 28, &"predicted <8> & ".repeat(9)); 2];
    let (width, _, gray) = decode(&grid_png(&digits, 2).unwrap());
    // The gap between the two captions: a white stripe.
    let stripe = (36..62).flat_map(|y| (328..332).map(move |x| (x, y)));
    assert!(stripe.into_iter().all(|(x, y)| gray[y * width + x] == 255));
}

#[test]
fn wrong_sizes_are_errors() {
    let message = |digits: &[Digit]| grid_png(digits, 2).unwrap_err().to_string();
    insta::assert_snapshot!(message(&[]), @"digit grid: received no digits, expected at least one");
    insta::assert_snapshot!(message(&[digit(&[0; 4], 2, 2, "fine"), digit(&[0; 783], 28, 28, "short")]), @r#"digit 1 ("short"): received 783 pixels, expected 28 x 28 = 784 and at least one; give one byte per pixel, row by row"#);
    insta::assert_snapshot!(message(&[digit(&[], 0, 28, "thin")]), @r#"digit 0 ("thin"): received 0 pixels, expected 0 x 28 = 0 and at least one; give one byte per pixel, row by row"#);
    insta::assert_snapshot!(message(&[digit(&[0; 4], 1 << 31, 2, "wide")]), @r#"digit 0 ("wide"): received 4 pixels, expected 2147483648 x 2 = 4294967296 and at least one; give one byte per pixel, row by row"#);
    insta::assert_snapshot!(message(&vec![digit(&[0; 784], 28, 28, ""); 2000]), @"picture: received a layout of 660 x 304040 pixels, expected at most 67108864 pixels in all; draw fewer or smaller parts");
}

#[test]
fn plain_text() {
    // A ring with a grey and an odd last row.
    #[rustfmt::skip]
    let ring = [
        0, 255, 255, 255, 0,
        255, 0, 0, 0, 255,
        255, 0, 130, 0, 255,
        255, 0, 130, 0, 255,
        0, 255, 255, 255, 0,
    ];
    let digits = [digit(&ring, 5, 5, "0"), digit(&ring[..20], 5, 4, "cut, wide"), digit(&ring, 5, 5, "")];
    insta::assert_snapshot!(grid_terminal(&digits, 2, false));
}

#[test]
fn colored_text() {
    let text = grid_terminal(&[digit(&[0, 0, 255, 64, 64, 9], 2, 3, "")], 1, true);
    let upper = "\x1b[38;2;0;0;0;48;2;255;255;255m▀\x1b[38;2;0;0;0;48;2;64;64;64m▀\x1b[0m";
    let lower = "\x1b[38;2;64;64;64;49m▀\x1b[38;2;9;9;9;49m▀\x1b[0m";
    assert_eq!(text, format!("{upper}\n{lower}\n"));
    // Equal neighbours share one escape.
    let run = grid_terminal(&[digit(&[7; 8], 4, 2, "")], 1, true);
    assert_eq!(run, "\x1b[38;2;7;7;7;48;2;7;7;7m▀▀▀▀\x1b[0m\n");
}

#[test]
fn text_never_fails() {
    assert_eq!(grid_terminal(&[], 3, true), "");
    // Missing pixels are black, and what is not announced is not drawn.
    assert_eq!(grid_terminal(&[digit(&[255], 2, 2, "")], 0, false), "▀\n");
    assert_eq!(grid_terminal(&[digit(&[255; 9], 1, 2, "")], 1, false), "█\n");
    assert!(!grid_terminal(&[digit(&[0], 1, 1, "\x1b[31m")], 1, false).contains('\x1b'));
    // Chinese captions are two columns a character: both pictures start in the same column.
    let pair = [digit(&[255; 8], 4, 2, "数字"), digit(&[255; 8], 4, 2, "digit")];
    assert_eq!(grid_terminal(&pair, 2, false), "数字   digit\n████   ████\n");
}
