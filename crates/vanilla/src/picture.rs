//! A gray picture of any size into a 28 x 28 digit, made the way MNIST was made.
//!
//! **Steps**: the ground (light or dark, unevenly lit, noisy) is fitted and subtracted; specks are dropped; the ink's
//! bounding box is scaled, aspect ratio kept, until its longer side is 20 pixels; the result is stretched to 255 and
//! moved by whole pixels until its centre of mass lies on pixel (14, 14).
//! **Reference**: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
//! recognition", Proc. IEEE 86 (1998), section III.A.

/// Side of an MNIST picture, pixels.
const SIDE: usize = 28;
/// Longer side of the box that holds the ink, pixels.
const BOX: usize = 20;
/// The pixel that the centre of mass comes to lie on. All 10 000 MNIST test images have it within 13.5 .. 14.5.
const CENTRE: f64 = 14.0;
/// Ink stands out from the ground by more than this many standard deviations of the ground's noise: by chance, fewer
/// than 4 pixels in a million do.
const NOISE_FACTOR: f64 = 4.5;
/// Paler than this share of the full ink is ground: shadows, halos of JPEG compression.
const PALEST_INK: f64 = 0.1;
/// Least contrast of ink against ground, gray levels.
const LEAST_CONTRAST: f64 = 16.0;
/// A connected piece of ink of less than 1/100 of the largest piece is a speck.
const SPECK: usize = 100;
/// The ground is fitted to about this many pixels, taken from a regular grid.
const SAMPLES: usize = 20_000;

/// Turns a gray picture (`height` rows x `width` pixels, row-major, 0 black .. 255 white) into a digit of 28 x 28
/// pixels as in MNIST: light ink on 0, fitted into 20 x 20 pixels, centred by its centre of mass.
///
/// Ink may be dark on light or light on dark: whatever differs from the ground at the picture's border is ink. A
/// picture that is an MNIST image already comes back byte for byte.
///
/// # Errors
/// One line of text if the picture is empty, if `gray.len()` is not `width * height`, or if nothing is drawn on it.
pub fn to_mnist(gray: &[u8], width: usize, height: usize) -> Result<[u8; SIDE * SIDE], String> {
    if gray.is_empty() || width == 0 || height == 0 {
        return Err(format!(
            "picture: received {width} x {height} pixels and {} bytes, expected at least 1 x 1; \
             check that the file was decoded",
            gray.len()
        ));
    }
    if width.checked_mul(height) != Some(gray.len()) {
        return Err(format!(
            "picture: received {} bytes for {width} x {height} pixels, expected one byte for each pixel; \
             convert the picture to 8-bit gray first",
            gray.len()
        ));
    }
    if let Ok(digit) = <&[u8; SIDE * SIDE]>::try_from(gray)
        && width == SIDE
        && is_mnist(digit)
    {
        return Ok(*digit);
    }
    let ground = Ground::fit(gray, width, height);
    let mut ink = ground.subtract_from(gray, width, height);
    let full = full_ink(&ink, NOISE_FACTOR * ground.noise);
    let least = LEAST_CONTRAST.max((NOISE_FACTOR + 1.0) * ground.noise);
    if full < least {
        return Err(format!(
            "picture: received a contrast of {full:.0} gray levels between ink and ground, expected at least {least:.0}: \
             nothing seems to be drawn on it; draw one digit with a darker or thicker pen, or use a sharper picture"
        ));
    }
    ink.iter_mut().for_each(|value| *value = value.min(full as f32));
    let area = drop_specks(&mut ink, width, (NOISE_FACTOR * ground.noise).max(PALEST_INK * full) as f32);
    Ok(place(&scale_to_box(&ink, width, &area)))
}

/// Whether a picture of 28 x 28 pixels is one of MNIST's kind already: ink on 0 that fills its box and is centred.
fn is_mnist(digit: &[u8; SIDE * SIDE]) -> bool {
    let mut area = Area::EMPTY;
    (0..digit.len()).filter(|&i| digit[i] > 0).for_each(|i| area.include(i % SIDE, i / SIDE));
    let values: Vec<f32> = digit.iter().map(|&value| value.into()).collect();
    let (x, y) = centre_of_mass(&values, SIDE);
    digit.iter().any(|&value| value >= 250)
        && (BOX - 1..=BOX).contains(&area.width().max(area.height()))
        && (x - CENTRE).abs() <= 1.0
        && (y - CENTRE).abs() <= 1.0
}

/// A rectangle of pixels; the ends are exclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Area {
    const EMPTY: Self = Self { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0 };

    fn include(&mut self, x: usize, y: usize) {
        self.left = self.left.min(x);
        self.top = self.top.min(y);
        self.right = self.right.max(x + 1);
        self.bottom = self.bottom.max(y + 1);
    }

    fn width(&self) -> usize {
        self.right.saturating_sub(self.left)
    }

    fn height(&self) -> usize {
        self.bottom.saturating_sub(self.top)
    }
}

/// Number of coefficients of a quadratic surface.
const TERMS: usize = 6;

/// The empty picture: a quadratic surface, which follows a lamp's gradient and a lens's vignette, and its noise.
struct Ground {
    surface: [f64; TERMS],
    /// Standard deviation of the ground's pixels around the surface, gray levels.
    noise: f64,
}

/// The terms of the surface at a pixel, coordinates scaled to -1 .. 1.
fn terms(x: usize, y: usize, width: usize, height: usize) -> [f64; TERMS] {
    let scaled = |at: usize, length: usize| (2 * at + 1) as f64 / length as f64 - 1.0;
    let (x, y) = (scaled(x, width), scaled(y, height));
    [1.0, x, y, x * x, x * y, y * y]
}

fn dot(a: &[f64; TERMS], b: &[f64; TERMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Ground {
    /// Starts from the median of the border; then fits again and again to those pixels that the last fit explains,
    /// first of the border, then of the whole picture, so that ink falls out as an outlier.
    fn fit(gray: &[u8], width: usize, height: usize) -> Self {
        let step = ((gray.len() as f64 / SAMPLES as f64).sqrt() as usize).max(1);
        let sample = |x: usize, y: usize| (terms(x, y, width, height), f64::from(gray[y * width + x]));
        let (last_x, last_y) = (width - 1, height - 1);
        let mut border: Vec<_> = (0..width).flat_map(|x| [sample(x, 0), sample(x, last_y)]).collect();
        border.extend((0..height).flat_map(|y| [sample(0, y), sample(last_x, y)]));
        let all: Vec<_> = (0..height)
            .step_by(step)
            .flat_map(|y| (0..width).step_by(step).map(move |x| (x, y)))
            .map(|(x, y)| sample(x, y))
            .collect();

        let mut surface = [0.0; TERMS];
        surface[0] = median(border.iter().map(|(_, level)| *level).collect());
        let mut noise = 0.0;
        for samples in [&border, &border, &border, &all, &all, &all] {
            let error = |(terms, level): &([f64; TERMS], f64)| (level - dot(terms, &surface)).abs();
            // The median of the errors, made comparable with a standard deviation; of the border, as ink is rare there.
            let near = (3.0 * 1.4826 * median(border.iter().map(error).collect())).max(8.0);
            let explained: Vec<_> = samples.iter().filter(|sample| error(sample) <= near).copied().collect();
            surface = least_squares(&explained);
            let squares = explained.iter().map(|(terms, level)| (level - dot(terms, &surface)).powi(2));
            noise = (squares.sum::<f64>() / explained.len().max(1) as f64).sqrt();
        }
        Self { surface, noise }
    }

    /// How far each pixel stands out from the ground, gray levels; ink is positive, whichever way it differs.
    fn subtract_from(&self, gray: &[u8], width: usize, height: usize) -> Vec<f32> {
        let mut ink = Vec::with_capacity(gray.len());
        let mut skew = 0.0;
        for (y, row) in gray.chunks_exact(width).enumerate() {
            for (x, &level) in row.iter().enumerate() {
                let difference = f64::from(level) - dot(&terms(x, y, width, height), &self.surface);
                // Noise is symmetric and cancels, ink lies on one side.
                skew += difference.powi(3);
                ink.push(difference as f32);
            }
        }
        if skew < 0.0 {
            ink.iter_mut().for_each(|value| *value = -*value);
        }
        ink
    }
}

/// The surface through (terms, level) samples by the normal equations. A trace of ridge keeps them solvable for
/// pictures of one row or column; it leaves the constant term alone.
fn least_squares(samples: &[([f64; TERMS], f64)]) -> [f64; TERMS] {
    let mut equations = [[0.0; TERMS + 1]; TERMS];
    for (terms, level) in samples {
        for (row, term) in equations.iter_mut().zip(terms) {
            row.iter_mut().zip(terms).for_each(|(sum, other)| *sum += term * other);
            row[TERMS] += term * level;
        }
    }
    for (i, row) in equations.iter_mut().enumerate().skip(1) {
        row[i] += 1e-6 * samples.len() as f64 + f64::MIN_POSITIVE;
    }
    // Gauss-Jordan elimination; a positive definite matrix needs no pivoting.
    for pivot in 0..TERMS {
        let divisor = equations[pivot][pivot];
        equations[pivot].iter_mut().for_each(|value| *value /= divisor);
        let above = equations[pivot];
        for (_, row) in equations.iter_mut().enumerate().filter(|(i, _)| *i != pivot) {
            let factor = row[pivot];
            row.iter_mut().zip(above).for_each(|(value, other)| *value -= factor * other);
        }
    }
    equations.map(|row| row[TERMS])
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The contrast that the darkest tenth of all pixels above `floor` reaches; 0 if there are none.
fn full_ink(ink: &[f32], floor: f64) -> f64 {
    let mut above: Vec<f32> = ink.iter().copied().filter(|&value| f64::from(value) > floor).collect();
    if above.is_empty() {
        return 0.0;
    }
    let tenth = above.len() * 9 / 10;
    f64::from(*above.select_nth_unstable_by(tenth, f32::total_cmp).1)
}

/// Finds the connected pieces of pixels above `floor`, sets the specks among them to 0, and returns the bounding box
/// of the others.
fn drop_specks(ink: &mut [f32], width: usize, floor: f32) -> Area {
    let height = ink.len() / width;
    let mut pieces: Vec<Vec<usize>> = Vec::new();
    let mut new: Vec<bool> = ink.iter().map(|&value| value > floor).collect();
    for start in 0..ink.len() {
        if !std::mem::take(&mut new[start]) {
            continue;
        }
        let mut piece = vec![start];
        let mut done = 0;
        while let Some(&pixel) = piece.get(done) {
            done += 1;
            let (x, y) = (pixel % width, pixel / width);
            for near_y in y.saturating_sub(1)..(y + 2).min(height) {
                for near_x in x.saturating_sub(1)..(x + 2).min(width) {
                    if std::mem::take(&mut new[near_y * width + near_x]) {
                        piece.push(near_y * width + near_x);
                    }
                }
            }
        }
        pieces.push(piece);
    }
    let largest = pieces.iter().map(Vec::len).max().unwrap_or(0);
    let mut area = Area::EMPTY;
    for piece in pieces {
        if piece.len() * SPECK < largest {
            piece.iter().for_each(|&pixel| ink[pixel] = 0.0);
        } else {
            piece.iter().for_each(|&pixel| area.include(pixel % width, pixel / width));
        }
    }
    area
}

/// Scales a part of a picture so that its longer side is 20 pixels. Returns the pixels and their width.
fn scale_to_box(ink: &[f32], width: usize, area: &Area) -> (Vec<f32>, usize) {
    let longer = area.width().max(area.height());
    let scaled = |length: usize| ((2 * length * BOX + longer) / (2 * longer)).max(1);
    let columns = weights(area.width(), scaled(area.width()));
    let rows = weights(area.height(), scaled(area.height()));
    let mut digit = vec![0.0; rows.len() * columns.len()];
    for (line, row) in digit.chunks_exact_mut(columns.len()).zip(&rows) {
        for (pixel, column) in line.iter_mut().zip(&columns) {
            for (y, vertical) in row {
                let from = (area.top + y) * width + area.left;
                *pixel += vertical * column.iter().map(|(x, weight)| weight * ink[from + x]).sum::<f32>();
            }
        }
    }
    (digit, columns.len())
}

/// For each of `to` pixels the pixels it is made of, out of `from`, and their weights, which sum to 1: the share of
/// each pixel's area if the line gets shorter, linear interpolation between the two nearest centres if it gets longer.
fn weights(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let ratio = from as f64 / to as f64;
    let width = ratio.max(1.0);
    let one = |i: usize| {
        // A window of at least one pixel around the new pixel's centre: for a longer line, this is interpolation.
        let start = (((i as f64 + 0.5) * ratio) - width / 2.0).clamp(0.0, from as f64 - width);
        let end = start + width;
        let overlap = |pixel: usize| (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)).max(0.0);
        (start as usize..from.min(end.ceil() as usize))
            .map(|pixel| (pixel, (overlap(pixel) / width) as f32))
            .collect()
    };
    (0..to).map(one).collect()
}

/// The centre of mass (x, y) of a picture of `width` pixels a row, in pixels, 0 being the centre of the first pixel.
fn centre_of_mass(values: &[f32], width: usize) -> (f64, f64) {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for (i, &value) in values.iter().enumerate() {
        let value = f64::from(value);
        mass += value;
        x += value * (i % width) as f64;
        y += value * (i / width) as f64;
    }
    (x / mass, y / mass)
}

/// Stretches a digit (pixels and their width) so that it reaches 255, and puts its centre of mass on the centre.
fn place((digit, width): &(Vec<f32>, usize)) -> [u8; SIDE * SIDE] {
    let brightest = digit.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let digit: Vec<f32> = digit.iter().map(|value| (255.0 * value / brightest).round().max(0.0)).collect();
    let (x, y) = centre_of_mass(&digit, *width);
    let start = |centre: f64, length: usize| ((CENTRE - centre).round().max(0.0) as usize).min(SIDE - length);
    let (left, top) = (start(x, *width), start(y, digit.len() / width));
    let mut picture = [0; SIDE * SIDE];
    for (i, value) in digit.iter().enumerate() {
        picture[(top + i / width) * SIDE + left + i % width] = *value as u8;
    }
    picture
}
