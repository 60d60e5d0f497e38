//! A gray picture of any size into a 28 x 28 digit, made the way MNIST was made.
//!
//! **Steps**: the ground (light or dark, unevenly lit, noisy) and specks are taken away; the ink's bounding box is
//! scaled, aspect ratio kept, until its longer side is 20 pixels; the result is stretched to 255 and moved by whole
//! pixels until its centre of mass lies on pixel (14, 14).
//! **Reference**: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
//! recognition", Proc. IEEE 86 (1998), section III.A.

use std::ops::Range;

/// Side of an MNIST picture, pixels.
const SIDE: usize = 28;
/// Longer side of the box that holds the ink, pixels.
const BOX: usize = 20;
/// The pixel that the centre of mass comes to lie on: all 10 000 MNIST test images have it within 13.5 .. 14.5.
const CENTRE: f64 = 14.0;
/// Ink stands out by more than this many standard deviations of the ground's noise, as 3 pixels in a million do.
const NOISE_FACTOR: f64 = 4.5;
/// Paler than this share of the full ink is ground: soft shadows, halos of JPEG compression.
const PALEST_INK: f64 = 0.1;
/// Least contrast of ink against ground, gray levels.
const LEAST_CONTRAST: f64 = 16.0;
/// A connected piece of ink is a speck if it has less than 1/100 of the pixels of the largest piece.
const SPECK: usize = 100;
/// More pieces than this are no digit, but the texture of the ground.
const MOST_PIECES: usize = 30;

/// Turns a gray picture (`height` rows x `width` pixels, row-major, 0 black .. 255 white) into a digit of 28 x 28
/// pixels as in MNIST: light ink on 0, fitted into 20 x 20 pixels, centred by its centre of mass.
///
/// Ink may be dark on light or light on dark: whatever differs from the ground at the picture's border is ink. A
/// picture that is such a digit already comes back byte for byte.
///
/// # Errors
/// One line of text if the picture is empty, if `gray.len()` is not `width * height`, or if nothing is drawn on it.
pub fn to_mnist(gray: &[u8], width: usize, height: usize) -> Result<[u8; SIDE * SIDE], String> {
    let bytes = gray.len();
    if gray.is_empty() || width.checked_mul(height) != Some(bytes) {
        return Err(format!(
            "picture: received {bytes} bytes for {width} x {height} pixels, expected one for each of at least 1 x 1; \
             convert the picture to 8-bit gray first"
        ));
    }
    if let Some(digit) = already_mnist(gray, width) {
        return Ok(digit);
    }
    let (mut ink, noise) = remove_ground(gray, width, height);
    let floor = NOISE_FACTOR * noise;
    // What the strongest tenth of the ink reaches: single pixels that are stronger still do not count.
    let full = quantile(ink.iter().copied().map(f64::from).filter(|&value| value > floor).collect(), 0.9);
    ink.iter_mut().for_each(|value| *value = value.min(full as f32));
    let (digit, pieces) = largest_pieces(&ink, width, floor.max(PALEST_INK * full) as f32);
    let least = LEAST_CONTRAST.max(floor + noise);
    if full < least || pieces > MOST_PIECES {
        return Err(format!(
            "picture: received {pieces} pieces of ink that differ from the ground by {full:.0} gray levels, expected \
             1 .. {MOST_PIECES} pieces and at least {least:.0} levels; draw one digit on plain ground, with a dark pen"
        ));
    }
    let (digit, width) = scale_to_box(&digit, width);
    Ok(centre(&digit, width))
}

/// The picture itself if it is one of MNIST's kind: ink on 0 that fills its box and is centred. In the 10 000 test
/// images, the brightest pixel is at least 254, and the longer side 20, but 19 in 3 of them.
fn already_mnist(gray: &[u8], width: usize) -> Option<[u8; SIDE * SIDE]> {
    let digit: [u8; SIDE * SIDE] = gray.try_into().ok().filter(|_| width == SIDE)?;
    let (columns, rows) = bounding_box(&digit.map(f32::from), SIDE);
    let (x, y) = centre_of_mass(&digit.map(f32::from), SIDE);
    let fills =
        (BOX - 1..=BOX).contains(&columns.len().max(rows.len())) && digit.iter().any(|&value| value >= 250);
    (fills && (x - CENTRE).abs() <= 1.0 && (y - CENTRE).abs() <= 1.0).then_some(digit)
}

/// Terms of a quadratic surface at one pixel, or their coefficients.
type Terms = [f64; 6];

/// 1, x, y, xx, xy, yy with coordinates of -1 .. 1.
fn terms(x: usize, y: usize, width: usize, height: usize) -> Terms {
    let scaled = |at: usize, length: usize| (2 * at + 1) as f64 / length as f64 - 1.0;
    let (x, y) = (scaled(x, width), scaled(y, height));
    [1.0, x, y, x * x, x * y, y * y]
}

fn dot(a: &Terms, b: &Terms) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The ground: a quadratic surface, which follows the fall of the light, and the standard deviation of its noise.
/// Starts from the median of the border, then fits again and again to the border's pixels that the last fit explains:
/// ink that touches the border falls out as an outlier.
fn fit_ground(gray: &[u8], width: usize, height: usize) -> (Terms, f64) {
    let sample = |(x, y): (usize, usize)| (terms(x, y, width, height), f64::from(gray[y * width + x]));
    let mut border: Vec<_> = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).map(sample).collect();
    border.extend((0..height).flat_map(|y| [(0, y), (width - 1, y)]).map(sample));

    let mut surface = [quantile(border.iter().map(|sample| sample.1).collect(), 0.5), 0.0, 0.0, 0.0, 0.0, 0.0];
    let mut noise = 0.0;
    for _ in 0..4 {
        let error = |(terms, level): &(Terms, f64)| (level - dot(terms, &surface)).abs();
        // 1.4826 times the median error is a standard deviation that ink, rare at the border, cannot move.
        let near = (3.0 * 1.4826 * quantile(border.iter().map(error).collect(), 0.5)).max(LEAST_CONTRAST / 2.0);
        let explained: Vec<_> = border.iter().filter(|sample| error(sample) <= near).copied().collect();
        surface = least_squares(&explained);
        let squares = explained.iter().map(|(terms, level)| (level - dot(terms, &surface)).powi(2));
        noise = (squares.sum::<f64>() / explained.len() as f64).sqrt();
    }
    (surface, noise)
}

/// How far each pixel stands out from the ground, gray levels, ink being positive; and the ground's noise.
fn remove_ground(gray: &[u8], width: usize, height: usize) -> (Vec<f32>, f64) {
    let (surface, noise) = fit_ground(gray, width, height);
    let mut ground = Vec::with_capacity(gray.len());
    for y in 0..height {
        ground.extend((0..width).map(|x| dot(&terms(x, y, width, height), &surface) as f32));
    }
    let mut ink: Vec<f32> = gray.iter().zip(&ground).map(|(&level, ground)| f32::from(level) - ground).collect();
    // Noise is symmetric and its cubes cancel; ink lies on one side.
    if ink.iter().map(|&value| f64::from(value * value * value)).sum::<f64>() < 0.0 {
        // Dark ink takes the same share of the light everywhere, hence fewer gray levels where there is less light.
        let light = |pixel: usize| ground[pixel].max(LEAST_CONTRAST as f32);
        let middle = light(height / 2 * width + width / 2);
        ink.iter_mut().enumerate().for_each(|(pixel, value)| *value *= -middle / light(pixel));
    }
    (ink, noise)
}

/// The surface nearest to (terms, level) samples, by the normal equations. A trace of ridge keeps them solvable for a
/// picture of one row or column; it leaves the constant term alone.
fn least_squares(samples: &[(Terms, f64)]) -> Terms {
    let mut equations = [[0.0; 7]; 6];
    for (terms, level) in samples {
        for (row, term) in equations.iter_mut().zip(terms) {
            row.iter_mut().zip(terms.iter().chain([level])).for_each(|(sum, other)| *sum += term * other);
        }
    }
    (1..6).for_each(|i| equations[i][i] += 1e-6 * samples.len() as f64);
    // Gauss-Jordan elimination; a positive definite matrix needs no pivoting.
    for pivot in 0..6 {
        let divisor = equations[pivot][pivot];
        let unit = equations[pivot].map(|value| value / divisor);
        for row in &mut equations {
            let factor = row[pivot];
            row.iter_mut().zip(unit).for_each(|(value, other)| *value -= factor * other);
        }
        equations[pivot] = unit;
    }
    equations.map(|row| row[6])
}

/// The value that the given share of all values stays below; 0 if there are none.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    let place = (values.len() as f64 * share) as usize;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(place, f64::total_cmp).1 }
}

/// The connected pieces of pixels above `floor`, and their number; specks and everything paler become 0.
fn largest_pieces(ink: &[f32], width: usize, floor: f32) -> (Vec<f32>, usize) {
    let mut new: Vec<bool> = ink.iter().map(|&value| value > floor).collect();
    let mut pieces: Vec<Vec<usize>> = Vec::new();
    let mut next = 0;
    while let Some(start) = (next..ink.len()).find(|&pixel| new[pixel]) {
        next = start;
        new[start] = false;
        let (mut piece, mut done) = (vec![start], 0);
        while let Some(&pixel) = piece.get(done) {
            done += 1;
            let (x, y) = (pixel % width, pixel / width);
            for y in y.saturating_sub(1)..(y + 2).min(ink.len() / width) {
                let near = (x.saturating_sub(1)..(x + 2).min(width)).map(|x| y * width + x);
                piece.extend(near.filter(|&pixel| std::mem::take(&mut new[pixel])));
            }
        }
        pieces.push(piece);
    }
    let largest = pieces.iter().map(Vec::len).max().unwrap_or(0);
    pieces.retain(|piece| piece.len() * SPECK >= largest);
    let mut kept = vec![0.0; ink.len()];
    pieces.iter().flatten().for_each(|&pixel| kept[pixel] = ink[pixel]);
    (kept, pieces.len())
}

/// The columns and rows of the smallest rectangle that holds every pixel above 0.
fn bounding_box(values: &[f32], width: usize) -> (Range<usize>, Range<usize>) {
    let grow = |range: Range<usize>, at: usize| range.start.min(at)..range.end.max(at + 1);
    let inked = (0..values.len()).filter(|&i| values[i] > 0.0);
    inked.fold((width..0, values.len()..0), |(columns, rows), i| (grow(columns, i % width), grow(rows, i / width)))
}

/// Scales the ink's bounding box so that its longer side is 20 pixels. Returns the pixels and their number in a row.
fn scale_to_box(ink: &[f32], width: usize) -> (Vec<f32>, usize) {
    let (columns, rows) = bounding_box(ink, width);
    let longer = columns.len().max(rows.len());
    let weights = |length: usize| weights(length, ((2 * length * BOX + longer) / (2 * longer)).max(1));
    let (across, down) = (weights(columns.len()), weights(rows.len()));
    let mut digit = Vec::with_capacity(BOX * BOX);
    for row in &down {
        for column in &across {
            let line = |y: usize| &ink[(rows.start + y) * width + columns.start..];
            let sum = |y: usize| column.iter().map(|(x, weight)| weight * line(y)[*x]).sum::<f32>();
            digit.push(row.iter().map(|(y, weight)| weight * sum(*y)).sum());
        }
    }
    (digit, across.len())
}

/// For each of `to` pixels in a line, which of `from` pixels it is made of, and their weights, which sum to 1: their
/// overlap with a window around the new pixel's centre. The window is as long as the new pixel, but at least as long
/// as an old one; so a line gets shorter by averaging, longer by linear interpolation.
fn weights(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let ratio = from as f64 / to as f64;
    let window = ratio.max(1.0);
    let weights_of = |i: usize| {
        let start = ((i as f64 + 0.5) * ratio - window / 2.0).clamp(0.0, from as f64 - window);
        let overlap = |old: usize| (start + window).min(old as f64 + 1.0) - start.max(old as f64);
        let end = from.min((start + window).ceil() as usize);
        (start as usize..end).map(|old| (old, (overlap(old) / window).max(0.0) as f32)).collect()
    };
    (0..to).map(weights_of).collect()
}

/// The centre of mass (x, y), in pixels from the first pixel's centre.
fn centre_of_mass(values: &[f32], width: usize) -> (f64, f64) {
    let moment = |of: &dyn Fn(usize) -> usize| -> f64 {
        values.iter().enumerate().map(|(i, &value)| f64::from(value) * of(i) as f64).sum()
    };
    let mass = moment(&|_| 1);
    (moment(&|i| i % width) / mass, moment(&|i| i / width) / mass)
}

/// Stretches a digit of `width` pixels a row so that it reaches 255, and puts its centre of mass on the centre.
fn centre(digit: &[f32], width: usize) -> [u8; SIDE * SIDE] {
    let brightest = digit.iter().copied().fold(0.0, f32::max);
    let (x, y) = centre_of_mass(digit, width);
    let start = |centre: f64, length: usize| ((CENTRE - centre).round().max(0.0) as usize).min(SIDE - length);
    let (left, top) = (start(x, width), start(y, digit.len() / width));
    let mut picture = [0; SIDE * SIDE];
    for (i, value) in digit.iter().enumerate() {
        picture[(top + i / width) * SIDE + left + i % width] = (255.0 * value / brightest).round() as u8;
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first image of MNIST's test set from column 6 and row 7 on, 16 pixels in each of 20 rows, hexadecimal.
    const SEVEN: &str = "\
      54b99f973c2400000000000000000000defefefefef1c6c6c6c6c6c6c6c6aa3443724872a3e3fee1fefefefae5fefe8c000000000011\
      420e4343433b15ecfe6a00000000000000000000000053fdd112000000000000000000000016e9ff5300000000000000000000000081\
      feee2c00000000000000000000003bf9fe3e00000000000000000000000085febb05000000000000000000000009cdf83a0000000000\
      000000000000007efeb60000000000000000000000004bfbf039000000000000000000000013ddfea6000000000000000000000003cb\
      fedb23000000000000000000000026fefe4d00000000000000000000001fe0fe7301000000000000000000000085fefe340000000000\
      0000000000003df2fefe34000000000000000000000079fefedb28000000000000000000000079fecf120000000000000000";

    fn seven(x: usize, y: usize) -> u8 {
        let inside = (6..22).contains(&x) && (7..27).contains(&y);
        let at = if inside { 2 * (x - 6 + 16 * (y - 7)) } else { return 0 };
        u8::from_str_radix(&SEVEN[at..at + 2], 16).unwrap()
    }

    /// `to_mnist` of a picture drawn by a function of (x, y).
    fn digit(width: usize, height: usize, level: impl Fn(usize, usize) -> u8) -> Result<[u8; 784], String> {
        let gray: Vec<u8> = (0..width * height).map(|i| level(i % width, i / width)).collect();
        to_mnist(&gray, width, height)
    }

    /// Columns and rows of the box, and the centre of mass.
    fn measure(digit: &[u8; 784]) -> (Range<usize>, Range<usize>, (f64, f64)) {
        let (columns, rows) = bounding_box(&digit.map(f32::from), SIDE);
        (columns, rows, centre_of_mass(&digit.map(f32::from), SIDE))
    }

    fn mean_difference(a: &[u8; 784], b: &[u8; 784]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / 784.0
    }

    #[test]
    fn an_mnist_image_passes_unchanged_and_comes_back_from_paper() {
        let original = std::array::from_fn(|i| seven(i % 28, i / 28));
        assert_eq!(to_mnist(&original, 28, 28), Ok(original));
        // Moved, so that it goes through all steps: as it is, dark on light, and faint on gray.
        let moved = |x, y| seven((x + 3) % 50, (y + 5) % 40);
        let light = digit(50, 40, moved).unwrap();
        assert!(light != original && mean_difference(&light, &original) < 1.0);
        assert!(mean_difference(&digit(50, 40, |x, y| 255 - moved(x, y)).unwrap(), &light) < 0.1);
        assert!(mean_difference(&digit(50, 40, |x, y| 150 - moved(x, y) / 5).unwrap(), &light) < 2.0);
        // Ten times as large, dark on paper lit from one side, with noise of -6 .. 6.
        let photo = digit(400, 300, |x, y| {
            let noise = ((x * 7919 + y * 104_729) ^ (x * y * 31)) % 13;
            let light = (40 + x / 2) as f64 * (1.0 - 0.7 * f64::from(seven(x / 10, y / 10)) / 255.0);
            light as u8 + noise as u8 - 6
        });
        assert!(mean_difference(&photo.unwrap(), &original) < 4.0);
    }

    #[test]
    fn the_longer_side_becomes_20_and_the_centre_of_mass_14() {
        let near = |(x, y): (f64, f64)| (x - 14.0).abs() <= 0.5 && (y - 14.0).abs() <= 0.5;
        // Bars and their boxes, columns x rows; the third is a thin 1 that fills a picture of 3 x 200 but its edges.
        for (bar, size) in [((60, 30), (20, 10)), ((30, 60), (10, 20)), ((1, 198), (1, 20)), ((5, 7), (14, 20))] {
            let inked = |x, y| (1..=bar.0).contains(&x) && (1..=bar.1).contains(&y);
            let drawn = digit(bar.0 + 2, bar.1 + 2, |x, y| if inked(x, y) { 20 } else { 230 }).unwrap();
            let (columns, rows, mass) = measure(&drawn);
            assert_eq!((columns.len(), rows.len()), size, "{bar:?}");
            assert!(near(mass) && drawn.contains(&255), "{bar:?} {mass:?}");
        }
        assert_eq!(
            (&weights(2, 4)[1], &weights(4, 2)[1]),
            (&vec![(0, 0.75), (1, 0.25)], &vec![(2, 0.5), (3, 0.5)])
        );
        // A triangle is heavier at its right angle.
        let (columns, _, mass) = measure(&digit(90, 80, |x, y| if x < 60 && y < x { 255 } else { 0 }).unwrap());
        assert!(near(mass) && columns.end < 23, "{columns:?} {mass:?}");
        // A club: full centring would push its thin end out of the picture.
        let club = |x: usize, y: usize| (10..110).contains(&x) && y.abs_diff(50) < if x < 90 { 2 } else { 20 };
        let (columns, _, mass) = measure(&digit(120, 100, |x, y| if club(x, y) { 255 } else { 0 }).unwrap());
        assert!(columns == (0..20) && mass.0 > 14.5, "{columns:?} {mass:?}");
    }

    #[test]
    fn specks_are_dropped_and_parts_of_the_digit_kept() {
        let bars = |x: usize, y: usize| (20..60).contains(&x) && ((20..30).contains(&y) || (50..52).contains(&y));
        let clean = digit(100, 100, |x, y| if bars(x, y) { 0 } else { 255 }).unwrap();
        let specks = |x, y| bars(x, y) || [(90, 90), (91, 91), (3, 97), (40, 40)].contains(&(x, y));
        let dusty = digit(100, 100, |x, y| if specks(x, y) { 0 } else { 255 }).unwrap();
        assert!(mean_difference(&dusty, &clean) < 0.1 && measure(&clean).1.len() == 16);
    }

    #[test]
    fn a_huge_picture_is_read_and_what_is_no_digit_is_refused() {
        let huge = digit(4000, 3000, |x, y| if x / 50 == 40 && y > 900 { 90 } else { 180 }).unwrap();
        assert_eq!(measure(&huge).1.len(), 20);
        let blank = "picture: received 0 pieces of ink that differ from the ground by 0 gray levels, expected \
             1 .. 30 pieces and at least 16 levels; draw one digit on plain ground, with a dark pen";
        assert_eq!(digit(1, 1, |_, _| 7).unwrap_err(), blank);
        assert_eq!(digit(28, 28, |_, _| 0).unwrap_err(), blank);
        assert!(digit(300, 200, |x, y| (50 + x / 3 + y / 4) as u8).unwrap_err().contains("at least 16 levels"));
        let dots = digit(90, 90, |x, y| if x / 5 % 3 == 1 && y / 5 % 3 == 1 { 90 } else { 200 });
        assert!(dots.unwrap_err().starts_with("picture: received 36 pieces of ink"));
        let wrong = "picture: received 5 bytes for 2 x 3 pixels, expected one for each of at least 1 x 1; \
             convert the picture to 8-bit gray first";
        assert_eq!(to_mnist(&[0; 5], 2, 3).unwrap_err(), wrong);
        assert!(to_mnist(&[], 0, 3).unwrap_err().contains("0 bytes for 0 x 3"));
    }
}
