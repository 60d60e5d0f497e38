//! The layer table of a model as text, as `model.summary()` prints it.
//!
//! [`Layout::Keras3`] equals Keras 3.15 (which prints through rich 15) to the byte at every width that Keras accepts, plain and
//! coloured for 256 colours; [`Layout::Keras2`] equals Keras 2.3 and tf.keras up to 2.6 (65 wide, truncated, never coloured).
//! Recorded texts: `tests/golden/texts/summary.txt`.
//!
//! Different on purpose: a terminal too narrow for Keras (it raises below 20 columns) gets the narrowest table; control
//! characters in names, which may come from a stranger's file, are printed as `U+FFFD`, so that they cannot steer the terminal;
//! names are never read as rich's markup or emoji codes. Keras 2's table counts wide characters as 2 and cuts before, not
//! through, them. Sizes are those of TensorFlow: 4 bytes a parameter, 8 for the optimizer's step counter and for the
//! counts of `Normalization`.

mod keras2;
mod styled;

use std::fmt;
use std::str::FromStr;

use styled::{Align, Ink, Line, Printer, line};

/// Which Keras the table looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Box drawing, sizes, a width that follows the terminal (`keras3`).
    Keras3,
    /// The 65-wide table of Keras 2 with the `Model:` line (`keras2`).
    Keras2,
}

/// A layout's name that is neither `keras3` nor `keras2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLayout(pub String);

impl fmt::Display for UnknownLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "summary layout: received {:?}, expected \"keras3\" or \"keras2\"", self.0)
    }
}

impl std::error::Error for UnknownLayout {}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        match name {
            "keras3" => Ok(Self::Keras3),
            "keras2" => Ok(Self::Keras2),
            _ => Err(UnknownLayout(name.into())),
        }
    }
}

impl TryFrom<&str> for Layout {
    type Error = UnknownLayout;

    fn try_from(name: &str) -> Result<Self, UnknownLayout> {
        name.parse()
    }
}

/// One layer of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer's name; a nested layer's begins with 3 spaces a level and `└ `.
    pub name: String,
    /// Keras's class name, `Dense`.
    pub class: String,
    /// `(None, 1000)`; `?` before the layer is built.
    pub output_shape: String,
    /// Parameters of this layer.
    pub params: u64,
    /// `dense[0][0]`, one for each input; empty for Model and for inputs.
    pub connections: Vec<String>,
    /// `None` where the layer has no weights.
    pub trainable: Option<bool>,
}

/// Everything that the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub model_name: String,
    /// The layers, top to bottom.
    pub rows: Vec<SummaryRow>,
    /// Parameters that training changes.
    pub trainable_params: u64,
    /// All other parameters of the model.
    pub non_trainable_params: u64,
    /// The optimizer's variables with its step counter and learning rate; `Some` once the optimizer is built.
    pub optimizer_params: Option<u64>,
    /// With the column `Connected to` (models that are not a chain).
    pub connected_to: bool,
    /// With the column `Trainable`.
    pub show_trainable: bool,
    /// Those of the parameters that take 8 bytes and not 4: the counts of `Normalization`.
    pub wide_params: u64,
    /// Columns of the table, whatever the terminal has (Keras 3 only).
    pub line_length: Option<usize>,
}

impl Summary {
    /// The table and its totals, each line with its `\n`. `terminal_columns` 0 stands for 80; `color` is for Keras 3 only.
    pub fn render(&self, layout: Layout, terminal_columns: usize, color: bool) -> String {
        match layout {
            Layout::Keras3 => self.keras3(if terminal_columns == 0 { 80 } else { terminal_columns }, color),
            Layout::Keras2 => self.keras2(),
        }
    }

    fn keras3(&self, terminal: usize, color: bool) -> String {
        let (widths, terminal) = self.column_widths(terminal);
        let mut out = Printer::new(color);
        out.paragraph(&[("Model: \"", Ink::Bold), (&self.model_name, Ink::Bold), ("\"", Ink::Bold)], terminal);
        self.table(&mut out, &widths);
        let (trained, fixed) = (self.trainable_params, self.non_trainable_params);
        let state = self.optimizer_params;
        let state_bytes = state.map_or(0.0, |n| bytes(n) + if n > 0 { 4.0 } else { 0.0 });
        let mut total = |label: &str, count: u64, bytes: f64| {
            let size = format!(" ({})", readable(bytes));
            out.paragraph(&[(label, Ink::Bold), (&thousands(count), Ink::Number), (&size, Ink::Plain)], terminal);
        };
        let all = trained.saturating_add(fixed).saturating_add(state.unwrap_or(0));
        let fixed_bytes = bytes(fixed) + bytes(self.wide_params);
        total(" Total params: ", all, bytes(trained) + fixed_bytes + state_bytes);
        total(" Trainable params: ", trained, bytes(trained));
        total(" Non-trainable params: ", fixed, fixed_bytes);
        if let Some(n) = state {
            total(" Optimizer params: ", n, state_bytes);
        }
        out.into_text()
    }

    /// Widths of the cells with their padding of 1 on both sides. Keras sets split points at fractions of the line; rich then
    /// takes what its borders and padding need from every column in turn, each time the rounded share of what is left.
    /// Second, the columns of a terminal that the table fits: `terminal`, or more if that is too narrow.
    fn column_widths(&self, terminal: usize) -> (Vec<usize>, usize) {
        let mut points: Vec<f64> =
            if self.connected_to { vec![0.3, 0.56, 0.74, 1.0] } else { vec![0.45, 0.80, 1.0] };
        let mut length: usize = if self.connected_to { 108 } else { 88 };
        if self.show_trainable {
            length += 12;
            points.iter_mut().for_each(|p| *p *= 0.90);
            points.push(1.0);
        }
        length = self.line_length.unwrap_or_else(|| length.min(terminal.saturating_sub(4)));
        let mut widths: Vec<usize>;
        loop {
            let ends: Vec<usize> = points.iter().map(|p| (p * length as f64) as usize).collect();
            widths = ends.iter().enumerate().map(|(i, end)| end - if i > 0 { ends[i - 1] } else { 0 }).collect();
            if widths.iter().all(|&w| w >= 4) {
                break;
            }
            length += 1; // Keras: "Insufficient console width to print summary."
        }
        let mut excess = 3 * widths.len() + 1;
        for i in 0..widths.len() {
            let share = (excess as f64 / (widths.len() - i) as f64).round_ties_even() as usize;
            widths[i] = widths[i] + 2 - share;
            excess -= share;
        }
        (widths, terminal.max(length + 4))
    }

    /// The box: header, a row a layer, rules between them.
    fn table(&self, out: &mut Printer, widths: &[usize]) {
        let mut header = vec!["Layer (type)", "Output Shape", "Param #"];
        let mut align = vec![Align::Left, Align::Left, Align::Right];
        if self.connected_to {
            header.push("Connected to");
            align.push(Align::Left);
        }
        if self.show_trainable {
            header.push("Trainable");
            align.push(Align::Center);
        }
        let header: Vec<Line> = header.iter().map(|text| line(&[(text, Ink::Bold)])).collect();
        out.rule(widths, ['┏', '━', '┳', '┓']);
        out.row(&header, widths, &align, true);
        out.rule(widths, ['┡', '━', '╇', '┩']);
        for (i, row) in self.rows.iter().enumerate() {
            let mut cells = vec![
                line(&[(&row.name, Ink::Plain), (" (", Ink::Plain), (&row.class, Ink::Class), (")", Ink::Plain)]),
                shape(&row.output_shape),
                line(&[
                    (&thousands(row.params), Ink::Number),
                    (if row.unbuilt() { " (unbuilt)" } else { "" }, Ink::Plain),
                ]),
            ];
            if self.connected_to {
                cells.push(connections(&row.connections));
            }
            if self.show_trainable {
                cells.push(match row.trainable {
                    Some(true) => line(&[("Y", Ink::Yes)]),
                    Some(false) => line(&[("N", Ink::No)]),
                    None => line(&[("-", Ink::Bold)]),
                });
            }
            if i > 0 {
                out.rule(widths, ['├', '─', '┼', '┤']);
            }
            out.row(&cells, widths, &align, false);
        }
        out.rule(widths, ['└', '─', '┴', '┘']);
    }
}

/// Keras 3's layout, 80 columns wide, without colours.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Layout::Keras3, 80, false).trim_end_matches('\n'))
    }
}

impl SummaryRow {
    /// Keras marks a layer whose `build` has not run; layers without a `build` (measured on Keras 3.15.1) count as built.
    fn unbuilt(&self) -> bool {
        const BUILT_AT_ONCE: [&str; 15] = [
            "Activation",
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "ELU",
            "GaussianDropout",
            "GaussianNoise",
            "Identity",
            "InputLayer",
            "LeakyReLU",
            "Masking",
            "ReLU",
            "Reshape",
            "Softmax",
            "UnitNormalization",
        ];
        self.output_shape == "?" && self.params == 0 && !BUILT_AT_ONCE.contains(&self.class.as_str())
    }
}

fn bytes(params: u64) -> f64 {
    params as f64 * 4.0
}

/// A size in Keras's words: `3.03 MB`, `0.00 B`.
fn readable(mut bytes: f64) -> String {
    let mut unit = "B";
    for next in ["KB", "MB", "GB", "TB", "PB"] {
        if bytes < 1024.0 {
            break;
        }
        bytes /= 1024.0;
        unit = next;
    }
    format!("{bytes:.2} {unit}")
}

/// `1,590,022`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A shape with its numbers and `None` in colour.
fn shape(text: &str) -> Line {
    let mut out = Line::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| word(c) != word(first)).unwrap_or(rest.len());
        let ink = match &rest[..end] {
            "None" => Ink::Unknown,
            token if token.bytes().all(|b| b.is_ascii_digit()) => Ink::Number,
            _ => Ink::Plain,
        };
        out.extend(line(&[(&rest[..end], ink)]));
        rest = &rest[end..];
    }
    out
}

/// `a[0][0], b[0][1]` with the indices in colour; `-` if there are none.
fn connections(links: &[String]) -> Line {
    if links.is_empty() {
        return line(&[("-", Ink::Plain)]);
    }
    let mut out = Line::new();
    for (i, link) in links.iter().enumerate() {
        out.extend(line(&[(if i > 0 { ", " } else { "" }, Ink::Plain)]));
        let start = out.len();
        out.extend(line(&[(link, Ink::Plain)]));
        let mut brackets = 0;
        for (c, ink) in out[start..].iter_mut().rev() {
            match c {
                '[' => brackets += 1,
                '0'..='9' => *ink = Ink::Number,
                ']' => {}
                _ => break,
            }
            if brackets == 2 {
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const RECORDED: &str = include_str!("../tests/golden/texts/summary.txt");

    /// One recorded print: the summary, the columns, coloured, the text.
    pub(super) fn recorded(file: &str) -> Vec<(Summary, usize, bool, String)> {
        let (mut out, mut summary) = (Vec::new(), Summary::default());
        for block in file.replace('␛', "\x1b").split("\n@").map(|b| b.trim_start_matches('@')) {
            let (word, rest) = block.split_once(' ').unwrap_or((block, ""));
            let fields: Vec<&str> = rest.split(if word == "row" { '\t' } else { ' ' }).collect();
            match word {
                "case" => summary = Summary::default(),
                "model" => summary.model_name = rest.into(),
                "row" => summary.rows.push(SummaryRow {
                    name: fields[0].into(),
                    class: fields[1].into(),
                    output_shape: fields[2].into(),
                    params: fields[3].parse().unwrap(),
                    connections: fields[4].split(',').filter(|l| !l.is_empty()).map(String::from).collect(),
                    trainable: [None, Some(true), Some(false)]["-YN".find(fields[5]).unwrap()],
                }),
                "params" => {
                    summary.trainable_params = fields[0].parse().unwrap();
                    summary.non_trainable_params = fields[1].parse().unwrap();
                    summary.optimizer_params = fields[2].trim().parse().ok();
                }
                "table" => {
                    summary.connected_to = fields[0] == "connected";
                    summary.show_trainable = fields[1] == "trainable";
                }
                "print" => {
                    let (first, text) = rest.split_once('\n').unwrap_or((rest, ""));
                    let (columns, kind) = first.split_once(' ').unwrap();
                    let text = format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
                    out.push((summary.clone(), columns.parse().unwrap(), kind == "color", text));
                }
                "refused" => assert!(out.pop().is_some()),
                _ => panic!("{block}"),
            }
        }
        out
    }

    #[test]
    fn equals_keras_to_the_byte() {
        let prints = recorded(RECORDED);
        assert!(prints.len() > 50, "{}", prints.len());
        for (summary, columns, color, text) in prints {
            let ours = summary.render(Layout::Keras3, columns, color);
            assert_eq!(ours, text, "{} at {columns}, color {color}:\n{ours}", summary.model_name);
        }
    }
    pub(super) fn tutorial() -> Summary {
        recorded(RECORDED).swap_remove(0).0
    }

    #[test]
    fn layouts_have_names() {
        assert_eq!("keras3".parse(), Ok(Layout::Keras3));
        assert_eq!(Layout::try_from("keras2"), Ok(Layout::Keras2));
        let text = "Keras".parse::<Layout>().unwrap_err().to_string();
        assert_eq!(text, "summary layout: received \"Keras\", expected \"keras3\" or \"keras2\"");
    }

    #[test]
    fn any_terminal_gets_a_table() {
        let summary = tutorial();
        assert_eq!(summary.render(Layout::Keras3, 0, false), summary.render(Layout::Keras3, 80, false));
        let boxed = |columns| summary.render(Layout::Keras3, columns, false).lines().nth(1).unwrap().to_string();
        assert_eq!(boxed(1), boxed(20));
        assert_eq!(boxed(1), "┏━━━━━━┳━━━┳━━━┓");
        for (mut summary, ..) in recorded(RECORDED) {
            for columns in (0..30).chain([usize::MAX]) {
                summary.show_trainable ^= true;
                assert!(summary.render(Layout::Keras3, columns, columns % 2 == 0).contains("┩"));
            }
        }
    }

    #[test]
    fn no_models_and_huge_models() {
        let mut none = Summary::default();
        assert!(none.render(Layout::Keras2, 80, false).contains("Total params: 0\n"));
        none.trainable_params = u64::MAX;
        none.optimizer_params = Some(u64::MAX);
        assert!(none.render(Layout::Keras3, 80, false).contains(" Total params: 18,446,744,073,709,551,615 "));
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let mut summary = tutorial();
        summary.model_name = "\x1b[2J".into();
        summary.rows[0].name = "a\n\x1b]0;x\x07".into();
        summary.rows[1].class = "D\re".into();
        for layout in [Layout::Keras2, Layout::Keras3] {
            let text = summary.render(layout, 80, false);
            assert!(!text.contains(['\x1b', '\r', '\x07']) && text.contains("a\u{fffd}\u{fffd}]0;x\u{fffd}"));
        }
    }

    #[test]
    fn sizes_are_keras_s() {
        let recorded =
            [(0, "0.00 B"), (255, "1020.00 B"), (256, "1.00 KB"), (795_010, "3.03 MB"), (262_143, "1024.00 KB")];
        let more = [
            (288, "1.12 KB"),
            (352, "1.38 KB"),
            (1 << 28, "1.00 GB"),
            (1_000_000_000_000, "3.64 TB"),
            (1 << 48, "1.00 PB"),
        ];
        for (params, text) in recorded.into_iter().chain(more) {
            assert_eq!(readable(bytes(params)), text, "{params}");
        }
    }
}
