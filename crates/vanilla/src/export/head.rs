//! What stands above an exported program, and how lists of numbers are broken into lines.

use super::names::{plain, shape};
use super::program::{Program, Work};

/// The head: what it is, inputs, outputs, layers, and how to tell whether it is the one that one thinks it is.
pub(super) fn lines(program: &Program, scratch_bytes: usize) -> Vec<String> {
    let mut lines = vec![
        format!("Model '{}', exported by Vanilla {}.", plain(&program.name), env!("CARGO_PKG_VERSION")),
        String::new(),
    ];
    for front in &program.fronts {
        let input = &program.inputs[front.input];
        let (name, of) = (plain(&input.name), shape(&input.shape));
        lines.push(format!("Input '{name}': {} numbers, shape {of}.", front.width));
    }
    for output in &program.outputs {
        let (name, of) = (plain(&output.name), shape(&output.shape));
        lines.push(format!("Output '{name}': {} numbers, shape {of}.", program.elements(output.value)));
    }
    lines.extend([String::new(), "```text".to_owned()]);
    let mut rows: Vec<[String; 3]> = Vec::new();
    for (number, step) in program.steps.iter().enumerate() {
        if let Work::Regroup = step.work {
            continue;
        }
        let form = program.form(program.value(number));
        let row = [plain(&step.layer), plain(&step.class), format!("{} x {}", form.groups, form.cols)];
        // A layer is one line, with what its last step gives.
        match rows.last_mut() {
            Some(last) if last[..2] == row[..2] => *last = row,
            _ => rows.push(row),
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1)];
    lines.extend(rows.iter().map(|[layer, class, form]| {
        let [first, second] = widths;
        format!("{layer:first$}  {class:second$}  {form}")
    }));
    lines.extend(["```".to_owned(), String::new()]);
    lines.push(format!("{} weights, SHA-256 {}.", program.parameters, program.weights_sha256));
    lines.push(format!("Buffers on the stack: {scratch_bytes} bytes."));
    lines
}

/// Words with commas behind them, in lines of up to 100 signs.
pub(super) fn wrapped(words: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut line = String::from("       ");
    for word in words {
        if line.len() + word.len() > 100 {
            text += &line;
            text.push('\n');
            line.truncate(7);
        }
        line.push(' ');
        line += &word;
        line.push(',');
    }
    text + &line + "\n"
}
