//! Functions that stand in exported files as they stand here, by their names.

/// Rust: functions that steps call.
pub(super) const RUST: [(&str, &str); 10] = [
    (
        "affine",
        "/// `y = x W + b` for every row of x.
fn affine<const INPUTS: usize, const UNITS: usize>(
    x: &[f32],
    kernel: &[[f32; UNITS]; INPUTS],
    bias: &[[f32; UNITS]; 1],
    y: &mut [f32],
) {
    for (x, y) in x.chunks_exact(INPUTS).zip(y.chunks_exact_mut(UNITS)) {
        y.iter_mut().zip(&bias[0]).for_each(|(y, b)| *y = *b);
        for (x, row) in x.iter().zip(kernel) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
    }
}
",
    ),
    (
        "embed",
        "/// The rows of a table that x names. A number that names none is taken for the nearest.
fn embed<const ROWS: usize, const UNITS: usize>(x: &[f32], table: &[[f32; UNITS]; ROWS], y: &mut [f32]) {
    for (x, y) in x.iter().zip(y.chunks_exact_mut(UNITS)) {
        if let Some(row) = table.get(*x as usize).or(table.last()) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y = *w);
        }
    }
}
",
    ),
    (
        "shift_scale",
        "/// `y = (y - mean) scale + shift` for every row.
fn shift_scale<const COLS: usize>(y: &mut [f32], mean: &[f32; COLS], scale: &[f32; COLS], shift: &[f32; COLS]) {
    for y in y.chunks_exact_mut(COLS) {
        for (((y, mean), scale), shift) in y.iter_mut().zip(mean).zip(scale).zip(shift) {
            *y = (*y - mean) * scale + shift;
        }
    }
}
",
    ),
    (
        "place",
        "/// The rows of x become a part of the rows of y, from column `start` on.
fn place<const COLS: usize, const TOTAL: usize>(x: &[f32], start: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(COLS).zip(y.chunks_exact_mut(TOTAL)) {
        y.iter_mut().skip(start).zip(x).for_each(|(y, x)| *y = *x);
    }
}
",
    ),
    (
        "rows",
        "/// A function of every row of x.
fn rows<const INPUTS: usize, const OUTPUTS: usize>(
    x: &[f32],
    f: fn(&[f32; INPUTS], &mut [f32; OUTPUTS]),
    y: &mut [f32],
) {
    for (x, y) in x.chunks_exact(INPUTS).zip(y.chunks_exact_mut(OUTPUTS)) {
        if let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) {
            f(x, y);
        }
    }
}
",
    ),
    (
        "at",
        "/// The number at a place.
fn at(numbers: &[f32], place: usize) -> f32 {
    numbers.get(place).copied().unwrap_or(0.0)
}
",
    ),
    (
        "wide",
        "/// A term of a sum.
fn wide(x: f32) -> f64 {
    f64::from(x)
}
",
    ),
    (
        "copy",
        "/// `y = x`.
fn copy(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
}
",
    ),
    (
        "larger",
        "/// The larger of the two; NaN if one is.
fn larger(a: f32, b: f32) -> f32 {
    if a < b || b.is_nan() { b } else { a }
}
",
    ),
    (
        "smaller",
        "/// The smaller of the two; NaN if one is.
fn smaller(a: f32, b: f32) -> f32 {
    if a > b || b.is_nan() { b } else { a }
}
",
    ),
];

/// Rust: functions of one number.
pub(super) const RUST_MATH: [(&str, &str); 9] = [
    ("abs", "fn abs(x: f32) -> f32 {\n    x.abs()\n}\n"),
    ("floor", "fn floor(x: f32) -> f32 {\n    x.floor()\n}\n"),
    ("sqrt", "fn sqrt(x: f32) -> f32 {\n    x.sqrt()\n}\n"),
    ("exp", "fn exp(x: f32) -> f32 {\n    x.exp()\n}\n"),
    ("exp_m1", "fn exp_m1(x: f32) -> f32 {\n    x.exp_m1()\n}\n"),
    ("ln", "fn ln(x: f32) -> f32 {\n    x.ln()\n}\n"),
    ("ln_1p", "fn ln_1p(x: f32) -> f32 {\n    x.ln_1p()\n}\n"),
    ("tanh", "fn tanh(x: f32) -> f32 {\n    x.tanh()\n}\n"),
    ("erfc", ERFC),
];

/// Least squares over z in 0..10, weighted until the largest relative error stood still, and that is 2e-8; in f32 the
/// function is within 7e-7 of its value up to z = 4.
const ERFC: &str = "/// 1 less the error function: `e^(-z^2) t P(t)` with `z = |x|` and `t = 1 / (1 + z / 2)`.
fn erfc(x: f32) -> f32 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let powers: [f32; 10] = [
        0.012283235, -0.12325098, 0.4289193, -0.6700099, 0.42126364, -0.09831191, 0.2255399, 0.23864524, 0.282857,
        0.2820645,
    ];
    let tail = exp(-z * z) * t * powers.iter().fold(0.0, |sum, c| sum * t + c);
    if x < 0.0 { 2.0 - tail } else { tail }
}
";

/// C: functions that steps call; NAME stands for the prefix.
pub(super) const C: [(&str, &str); 4] = [
    (
        "affine",
        "/* y = x W + b for every row of x; b may be missing. */
static inline void NAME_affine(const float *x, int rows, int inputs, const float *kernel, const float *bias, int units,
                               float *y) {
    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < units; j++) {
            y[r * units + j] = bias ? bias[j] : 0.0f;
        }
        for (int i = 0; i < inputs; i++) {
            const float a = x[r * inputs + i];
            for (int j = 0; j < units; j++) {
                y[r * units + j] += a * kernel[i * units + j];
            }
        }
    }
}
",
    ),
    // A comparison comes first: a float that no int holds must not become one.
    (
        "embed",
        "/* The rows of a table that x names. A number that names none is taken for the nearest. */
static inline void NAME_embed(const float *x, int numbers, const float *table, int rows, int units, float *y) {
    for (int r = 0; r < numbers; r++) {
        const int row = x[r] >= (float)(rows - 1) ? rows - 1 : x[r] > 0.0f ? (int)x[r] : 0;
        for (int j = 0; j < units; j++) {
            y[r * units + j] = table[row * units + j];
        }
    }
}
",
    ),
    (
        "shift_scale",
        "/* y = (x - mean) scale + shift for every row. */
static inline void NAME_shift_scale(const float *x, int rows, int cols, const float *mean, const float *scale,
                                    const float *shift, float *y) {
    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < cols; j++) {
            y[r * cols + j] = (x[r * cols + j] - mean[j]) * scale[j] + shift[j];
        }
    }
}
",
    ),
    (
        "place",
        "/* The rows of x become a part of the rows of y, from column `start` on. */
static inline void NAME_place(const float *x, int rows, int cols, float *y, int total, int start) {
    for (int r = 0; r < rows; r++) {
        for (int j = 0; j < cols; j++) {
            y[r * total + start + j] = x[r * cols + j];
        }
    }
}
",
    ),
];
