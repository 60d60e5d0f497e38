//! What stands above an exported program, and how lists of numbers are broken into lines.

use super::names::{plain, quoted, shape};
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
    lines.extend(program.info.notes.iter().map(|(name, text)| format!("{}: {}", plain(name), plain(text))));
    lines.push(format!("{} weights, SHA-256 {}.", program.parameters, program.weights_sha256));
    lines.push(format!("Buffers on the stack: {scratch_bytes} bytes."));
    lines
}

/// Words with commas behind them, in lines of up to 100 signs that begin with so many spaces.
pub(super) fn wrapped(indent: usize, words: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut line = " ".repeat(indent - 1);
    for word in words {
        if line.len() + word.len() > 100 {
            text += &line;
            text.push('\n');
            line.truncate(indent - 1);
        }
        line.push(' ');
        line += &word;
        line.push(',');
    }
    text + &line + "\n"
}

/// Lists of names that the file has: what it is called, what it says, the names.
pub(super) fn names(program: &Program) -> Vec<(String, String, Vec<String>)> {
    let inputs = program.fronts.iter().map(|front| quoted(&program.inputs[front.input].name)).collect();
    let outputs = program.outputs.iter().map(|output| quoted(&output.name)).collect();
    let mut lists = vec![
        ("INPUT_NAMES".to_owned(), "Names of the inputs in the model".to_owned(), inputs),
        ("OUTPUT_NAMES".to_owned(), "Names of the outputs in the model".to_owned(), outputs),
    ];
    let list = |names: &Vec<String>| names.iter().map(|name| quoted(name)).collect::<Vec<_>>();
    if !program.info.class_names.is_empty() {
        let what = "What the values of the first output stand for".to_owned();
        lists.push(("CLASS_NAMES".to_owned(), what, list(&program.info.class_names)));
    }
    let several = program.inputs.len() > 1;
    for (number, names) in program.info.feature_names.iter().enumerate().filter(|(_, names)| !names.is_empty()) {
        let name = if several { format!("FEATURE_NAMES_{number}") } else { "FEATURE_NAMES".to_owned() };
        lists.push((name, format!("What the numbers of input {number} stand for"), list(names)));
    }
    lists
}
