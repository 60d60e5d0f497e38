//! A [`Program`] as a C99 header: weights as constants, `NAME_predict`, and nothing else. C++ reads it, too.
//!
//! ```text
//! file    = /* head */ guard, #include <math.h>, sizes, weights, functions, NAME_predict
//! predict = static inline void NAME_predict(const float *x, float *y)
//! ```
//!
//! NAME is made of the letters and digits of the model's name, and every name in the file begins with it. Arguments and
//! results are arrays of the lengths that the sizes state; they must not overlap. Values between the layers lie in a few
//! arrays on the stack, whose size the head states. Products are summed in `float` in the order of the inputs, sums
//! along a row in `double`. Names of layers appear only as letters and digits, and quoted in the lists of names.

use super::body::{Body, Language, merged};
use super::head;
use super::layout::{Layout, Place};
use super::names::{Names, identifier, plain};
use super::parts;
use super::program::{Program, Step, Work};
use std::collections::BTreeSet;
use std::fmt::Write;
use vanilla_plan::formula::{Formula, Op, Reduce, Unary};

/// The header.
pub(super) fn print(program: &Program) -> String {
    let mut file = File::new(program);
    for weights in &program.weights {
        let name = file.own(&identifier(&weights.name, "weights"));
        let doc = format!("{}, {} x {}", plain(&weights.name), weights.rows, weights.cols);
        file.constants.push(array(&name, &doc, &weights.values));
        file.weights.push(name);
    }
    let mut lines = Vec::new();
    for (title, step, value) in program.walk() {
        lines.extend(title.map(|title| format!("/* {title} */")));
        file.step(step, value, &mut lines);
    }
    for (number, value) in file.layout.copies.clone() {
        let (x, y) = (file.at(value), file.results[number].clone());
        lines.push(format!("for (int i = 0; i < {}; i++) {{", program.elements(value)));
        lines.push(format!("    {y}[i] = {x}[i];"));
        lines.push("}".into());
    }
    file.finish(&lines)
}

/// The file under way.
struct File<'a> {
    program: &'a Program,
    layout: Layout,
    /// What every name begins with.
    prefix: String,
    names: Names,
    arguments: Vec<String>,
    results: Vec<String>,
    weights: Vec<String>,
    constants: Vec<String>,
    functions: Vec<String>,
    known: Vec<(Formula, String)>,
    /// Functions that steps call.
    helpers: BTreeSet<&'static str>,
    /// Whether the larger and the smaller of two are needed.
    binary: [bool; 2],
}

impl<'a> File<'a> {
    fn new(program: &'a Program) -> Self {
        let prefix = identifier(&program.name, "model");
        let mut names = Names::default();
        for taken in ["predict", "max", "min"].into_iter().chain(parts::C.map(|(name, _)| name)) {
            names.unique(format!("{prefix}_{taken}"));
        }
        // Where NAME is x or y, arguments and functions begin alike.
        let mut port = |letter: &str, count: usize, name: &str| match count {
            1 => letter.to_owned(),
            _ => names
                .unique(format!("{letter}_{}", identifier(name, if letter == "x" { "input" } else { "output" }))),
        };
        let inputs = program.fronts.iter().map(|front| &program.inputs[front.input].name);
        let arguments = inputs.map(|name| port("x", program.fronts.len(), name)).collect();
        let outputs = program.outputs.iter();
        let results = outputs.map(|output| port("y", program.outputs.len(), &output.name)).collect();
        Self {
            program,
            layout: Layout::new(program),
            prefix,
            names,
            arguments,
            results,
            weights: Vec::new(),
            constants: Vec::new(),
            functions: Vec::new(),
            known: Vec::new(),
            helpers: BTreeSet::new(),
            binary: [false; 2],
        }
    }

    /// A name of the file.
    fn own(&mut self, name: &str) -> String {
        self.names.unique(format!("{}_{name}", self.prefix))
    }

    /// The array that a value lies in.
    fn at(&self, value: usize) -> String {
        match self.layout.places[value] {
            Place::Argument(number) => self.arguments[number].clone(),
            Place::Buffer(number) => format!("b{number}"),
            Place::Result(number) => self.results[number].clone(),
        }
    }

    /// The lines of a step.
    fn step(&mut self, step: &Step, value: usize, lines: &mut Vec<String>) {
        let program = self.program;
        let (x, y) = (self.at(step.reads[0]), self.at(value));
        let (from, form) = (program.form(step.reads[0]), program.form(value));
        let (inputs, cols, groups) = (from.cols, form.cols, form.groups);
        let elements = groups * cols;
        let mut write = |text: String| lines.extend(text.lines().map(str::to_owned));
        match &step.work {
            Work::Affine { kernel, bias } => {
                let bias = bias.map_or("0".to_owned(), |bias| self.weights[bias].clone());
                let call = self.call("affine");
                write(format!("{call}({x}, {groups}, {inputs}, {}, {bias}, {cols}, {y});", self.weights[*kernel]));
            }
            Work::Embed { table } => {
                let (call, rows) = (self.call("embed"), program.weights[*table].rows);
                let numbers = elements / cols;
                write(format!("{call}({x}, {numbers}, {}, {rows}, {cols}, {y});", self.weights[*table]));
            }
            Work::ShiftScale { mean, scale, shift } => {
                let [mean, scale, shift] =
                    [("mean", mean), ("scale", scale), ("shift", shift)].map(|(what, values)| {
                        let name = self.own(&format!("{}_{what}", identifier(&step.layer, "layer")));
                        self.constants.push(array(&name, &format!("{}, {what}", plain(&step.layer)), values));
                        name
                    });
                let call = self.call("shift_scale");
                write(format!("{call}({x}, {groups}, {cols}, {mean}, {scale}, {shift}, {y});"));
            }
            Work::Merge(merge) => {
                let xs: Vec<String> = step.reads.iter().map(|value| format!("{}[i]", self.at(*value))).collect();
                let (value, binary) = merged(self, *merge, &xs);
                self.note(binary);
                write(format!("for (int i = 0; i < {elements}; i++) {{\n    {y}[i] = {value};\n}}"));
            }
            Work::Concatenate => {
                let mut start = 0;
                for read in &step.reads {
                    let (x, inputs) = (self.at(*read), program.form(*read).cols);
                    let call = self.call("place");
                    write(format!("{call}({x}, {groups}, {inputs}, {y}, {cols}, {start});"));
                    start += inputs;
                }
            }
            Work::Curve { name, formula } => {
                let function = self.curve(name, formula);
                write(format!("for (int i = 0; i < {elements}; i++) {{\n    {y}[i] = {function}({x}[i]);\n}}"));
            }
            Work::Rows { name, formula } => write(self.rows(name, formula, [&x, &y], inputs, groups)),
            Work::Softmax => write(self.rows("softmax", &Formula::softmax(cols), [&x, &y], inputs, groups)),
            Work::Regroup => {}
        }
    }

    /// The name of a function that steps call.
    fn call(&mut self, helper: &'static str) -> String {
        self.helpers.insert(helper);
        format!("{}_{helper}", self.prefix)
    }

    fn rows(&mut self, name: &str, formula: &Formula, [x, y]: [&str; 2], inputs: usize, groups: usize) -> String {
        let function = self.row(name, formula);
        if groups == 1 {
            return format!("{function}({x}, {y});");
        }
        let outputs = formula.outputs();
        format!(
            "for (int r = 0; r < {groups}; r++) {{\n    {function}({x} + r * {inputs}, {y} + r * {outputs});\n}}"
        )
    }

    /// The name of the function of an element.
    fn curve(&mut self, name: &str, formula: &Formula) -> String {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == formula) {
            return known.clone();
        }
        let function = self.own(&format!("f_{}", identifier(name, "curve")));
        let (mut lines, value, body) = Body::new(self, formula).of_element();
        let binary = body.binary;
        self.note(binary);
        lines.push(format!("return {value};"));
        lines.splice(0..0, (!formula.ops().contains(&Op::X)).then(|| "(void)x;".to_owned()));
        self.functions.push(function_of(&format!("static inline float {function}(float x)"), &lines));
        self.known.push((formula.clone(), function.clone()));
        function
    }

    /// The name of the function of a row.
    fn row(&mut self, name: &str, formula: &Formula) -> String {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == formula) {
            return known.clone();
        }
        let function = self.own(&format!("row_{}", identifier(name, "row")));
        let (mut lines, body) = Body::new(self, formula).of_row();
        let binary = body.binary;
        self.note(binary);
        lines.splice(0..0, (!formula.ops().contains(&Op::X)).then(|| "(void)x;".to_owned()));
        let head = format!("static inline void {function}(const float *x, float *y)");
        self.functions.push(function_of(&head, &lines));
        self.known.push((formula.clone(), function.clone()));
        function
    }

    fn note(&mut self, binary: [bool; 2]) {
        (0..2).for_each(|which| self.binary[which] |= binary[which]);
    }

    /// The text of it all.
    fn finish(self, lines: &[String]) -> String {
        let (program, prefix) = (self.program, &self.prefix);
        let upper = prefix.to_uppercase();
        let mut text = String::from("/*\n");
        // The fence around the layers is for Rust's documentation.
        let fence = |line: &String| line.starts_with("```");
        for line in head::lines(program, self.layout.bytes()).iter().filter(|line| !fence(line)) {
            text += format!(" * {line}").trim_end();
            text += "\n";
        }
        // The sizes: name, array, length.
        let size = |what: &str, many: bool, name: &str| match many {
            false => format!("{upper}_{what}"),
            true => format!("{upper}_{what}_{}", name[2..].to_uppercase()),
        };
        let inputs = self.arguments.iter().zip(program.fronts.iter().map(|front| front.width));
        let outputs = self.results.iter().zip(program.outputs.iter().map(|output| program.elements(output.value)));
        let many = [self.arguments.len() > 1, self.results.len() > 1];
        let inputs: Vec<_> = inputs.map(|(name, length)| (size("INPUTS", many[0], name), name, length)).collect();
        let outputs: Vec<_> =
            outputs.map(|(name, length)| (size("OUTPUTS", many[1], name), name, length)).collect();
        let _ = writeln!(text, " *\n *     #include \"{prefix}.h\"");
        for (size, name, _) in &outputs {
            let _ = writeln!(text, " *     float {name}[{size}];");
        }
        let all: Vec<String> = self.arguments.iter().chain(&self.results).cloned().collect();
        let _ = writeln!(text, " *     {prefix}_predict({});\n */\n", all.join(", "));
        let _ = writeln!(text, "#ifndef {upper}_H\n#define {upper}_H\n\n#include <math.h>\n");
        for (size, name, length) in inputs.iter().chain(&outputs) {
            let _ = writeln!(text, "/* Numbers in {name}. */\n#define {size} {length}");
        }
        for (name, what, names) in head::names(program) {
            let _ = writeln!(text, "/* {what}. */\n#define {upper}_{name} {{ {} }}", names.join(", "));
        }
        for constant in &self.constants {
            let _ = write!(text, "\n{constant}");
        }
        for (needed, name, sign, which) in
            [(self.binary[0], "max", '<', "larger"), (self.binary[1], "min", '>', "smaller")]
        {
            if needed {
                let _ = write!(
                    text,
                    "\n/* The {which} of the two; NaN if one is. */\n\
                     static inline float {prefix}_{name}(float a, float b) {{\n    \
                     return a {sign} b || b != b ? b : a;\n}}\n"
                );
            }
        }
        for (name, helper) in parts::C {
            if self.helpers.contains(name) {
                text += "\n";
                text += &helper.replace("NAME", prefix);
            }
        }
        for function in &self.functions {
            text += "\n";
            text += function;
        }
        let arguments = self.arguments.iter().map(|name| format!("const float *{name}"));
        let parameters: Vec<String> =
            arguments.chain(self.results.iter().map(|name| format!("float *{name}"))).collect();
        let buffers = self.layout.buffers.iter().enumerate();
        let mut body: Vec<String> =
            buffers.map(|(number, length)| format!("float b{number}[{length}];")).collect();
        body.extend_from_slice(lines);
        let head = format!("static inline void {prefix}_predict({})", parameters.join(", "));
        text += "\n/* What the model makes of one row. */\n";
        text += &function_of(&head, &body);
        text + "\n#endif\n"
    }
}

impl Language for File<'_> {
    fn number(&self, x: f32) -> String {
        number(x)
    }
    fn unary(&self, unary: Unary) -> &'static str {
        match unary {
            Unary::Neg => "-",
            Unary::Abs => "fabsf",
            Unary::Floor => "floorf",
            Unary::Sqrt => "sqrtf",
            Unary::Exp => "expf",
            Unary::ExpM1 => "expm1f",
            Unary::Ln => "logf",
            Unary::Ln1p => "log1pf",
            Unary::Tanh => "tanhf",
            Unary::Erfc => "erfcf",
        }
    }
    fn larger(&self) -> String {
        format!("{}_max", self.prefix)
    }
    fn smaller(&self) -> String {
        format!("{}_min", self.prefix)
    }
    fn select(&self, condition: &str, then: &str, otherwise: &str) -> String {
        format!("{condition} ? ({then}) : ({otherwise})")
    }
    fn name(&self, name: &str, value: &str) -> String {
        format!("const float {name} = {value};")
    }
    fn reduce(&mut self, reduce: Reduce, name: &str, index: &str, count: usize) -> Vec<String> {
        let start = match reduce {
            Reduce::Sum => format!("double {name}_sum = 0.0;"),
            Reduce::Max => format!("float {name} = -INFINITY;"),
        };
        vec![start, format!("for (int {index} = 0; {index} < {count}; {index}++) {{")]
    }
    fn reduced(&self, reduce: Reduce, name: &str, value: &str) -> Vec<String> {
        match reduce {
            Reduce::Sum => vec![
                format!("{name}_sum += (double)({value});"),
                "}".into(),
                format!("const float {name} = (float){name}_sum;"),
            ],
            Reduce::Max => vec![format!("{name} = {}({name}, {value});", self.larger()), "}".into()],
        }
    }
    fn each(&self, count: usize) -> String {
        format!("for (int i = 0; i < {count}; i++) {{")
    }
    fn set(&self, value: &str) -> String {
        format!("y[i] = {value};")
    }
    fn set_only(&self, value: &str) -> String {
        format!("y[0] = {value};")
    }
    fn table(&mut self, values: Vec<f32>) -> String {
        let name = self.own("table");
        self.constants.push(array(&name, "Numbers of a function", &values));
        name
    }
    fn places(&mut self, places: Vec<usize>) -> String {
        let name = self.own("places");
        let words = head::wrapped(4, places.iter().map(usize::to_string));
        let doc = "/* What each element reads. */\n";
        self.constants.push(format!("{doc}static const int {name}[{}] = {{\n{words}}};\n", places.len()));
        name
    }
    fn element(&mut self, array: &str, index: &str) -> String {
        format!("{array}[{index}]")
    }
    fn place(&self, list: &str, index: &str) -> String {
        format!("{list}[{index}]")
    }
}

/// A literal that is read as exactly this number.
fn number(x: f32) -> String {
    match x {
        _ if x.is_nan() => "NAN".into(),
        f32::INFINITY => "INFINITY".into(),
        f32::NEG_INFINITY => "-INFINITY".into(),
        _ => format!("{x:?}f"),
    }
}

fn array(name: &str, doc: &str, values: &[f32]) -> String {
    let words = head::wrapped(4, values.iter().map(|x| number(*x)));
    format!("/* {doc}. */\nstatic const float {name}[{}] = {{\n{words}}};\n", values.len())
}

fn function_of(head: &str, lines: &[String]) -> String {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{head} {{\n{body}}}\n")
}
