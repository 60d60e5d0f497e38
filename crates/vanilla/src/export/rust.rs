//! A [`Program`] as a Rust module: weights as constants, `predict`, and nothing else.
//!
//! ```text
//! file     = //! head, constants, fn predict, the functions that it calls, static weights
//! predict  = pub fn predict(x: &[f32; INPUTS]) -> [f32; OUTPUTS]
//! ```
//!
//! The module needs no crate, allocates nothing and does not panic: every index is below a length that stands in a
//! type. Values between the layers lie in a few buffers on the stack, whose size the head states. Products are summed in
//! f32 in the order of the inputs, sums along a row in f64. `exp` and its like are those of `std`; they stand together
//! in one place, for whoever has none. Names of layers appear only as letters and digits.

use super::body::{Body, Language, merged};
use super::head;
use super::layout::{Layout, Place};
use super::names::{Names, identifier, plain};
use super::parts;
use super::program::{Program, Step, Work};
use std::collections::BTreeSet;
use std::fmt::Write;
use vanilla_plan::formula::{Formula, Op, Reduce, Unary};

/// The module.
pub(super) fn print(program: &Program) -> String {
    let mut file = File::new(program);
    for weights in &program.weights {
        let name = file.names.unique(identifier(&weights.name, "weights").to_uppercase());
        let doc = format!("`{}`, {} x {}.", plain(&weights.name), weights.rows, weights.cols);
        file.statics.push(matrix(&name, &doc, weights.rows, weights.cols, &weights.values));
        file.weights.push(name);
    }
    let mut lines = Vec::new();
    for (title, step, value) in program.walk() {
        lines.extend(title.map(|title| format!("// {title}")));
        file.step(step, value, &mut lines);
    }
    for (number, value) in file.layout.copies.clone() {
        let (x, y) = (file.read(value), file.result(number));
        file.helpers.insert("copy");
        lines.push(format!("copy({x}, &mut {y});"));
    }
    file.finish(&lines)
}

/// The file under way.
struct File<'a> {
    program: &'a Program,
    layout: Layout,
    names: Names,
    /// Arguments of `predict`, and the names of their lengths.
    arguments: Vec<[String; 2]>,
    /// Results, and the names of their lengths.
    results: Vec<[String; 2]>,
    /// Names of the weights.
    weights: Vec<String>,
    statics: Vec<String>,
    functions: Vec<String>,
    /// Functions of formulas that were printed.
    known: Vec<(Formula, String)>,
    helpers: BTreeSet<&'static str>,
    unary: BTreeSet<&'static str>,
}

impl<'a> File<'a> {
    fn new(program: &'a Program) -> Self {
        let mut names = Names::default();
        let lists = head::names(program).into_iter().map(|(name, ..)| name);
        lists.for_each(|name| {
            names.unique(name);
        });
        let taken = ["INPUTS", "OUTPUTS", "x", "y", "predict"].into_iter();
        taken
            .chain(parts::RUST.iter().map(|(name, _)| *name))
            .chain(parts::RUST_MATH.iter().map(|(name, _)| *name))
            .for_each(|name| {
                names.unique(name.to_owned());
            });
        let mut ports = |which: [&str; 2], count: usize, name: &dyn Fn(usize) -> String| {
            let port = |number: usize| {
                let word = name(number);
                match count {
                    1 => which.map(str::to_owned),
                    _ => [
                        names.unique(format!("{}_{word}", which[0])),
                        names.unique(format!("{}_{}", which[1], word.to_uppercase())),
                    ],
                }
            };
            (0..count).map(port).collect::<Vec<_>>()
        };
        let fronts = &program.fronts;
        let input = |at: usize| identifier(&program.inputs[fronts[at].input].name, "input");
        let arguments = ports(["x", "INPUTS"], fronts.len(), &input);
        let output = |at: usize| identifier(&program.outputs[at].name, "output");
        let results = ports(["y", "OUTPUTS"], program.outputs.len(), &output);
        Self {
            program,
            layout: Layout::new(program),
            names,
            arguments,
            results,
            weights: Vec::new(),
            statics: Vec::new(),
            functions: Vec::new(),
            known: Vec::new(),
            helpers: BTreeSet::new(),
            unary: BTreeSet::new(),
        }
    }

    fn result(&self, number: usize) -> String {
        self.results[number][0].clone()
    }

    /// A value as a slice.
    fn slice(&self, value: usize) -> String {
        match self.layout.places[value] {
            Place::Argument(number) => format!("{}[..]", self.arguments[number][0]),
            Place::Buffer(number) => format!("b{number}[..{}]", self.program.elements(value)),
            Place::Result(number) => format!("{}[..]", self.results[number][0]),
        }
    }

    /// A value to be read.
    fn read(&self, value: usize) -> String {
        format!("&{}", self.slice(value))
    }

    fn call(&mut self, helper: &'static str, arguments: &str, lines: &mut Vec<String>) {
        self.helpers.insert(helper);
        lines.push(format!("{helper}({arguments});"));
    }

    /// The lines of a step.
    fn step(&mut self, step: &Step, value: usize, lines: &mut Vec<String>) {
        let program = self.program;
        let (x, y) = (self.read(step.reads[0]), format!("&mut {}", self.slice(value)));
        let form = program.form(value);
        match &step.work {
            Work::Affine { kernel, bias } => {
                let bias = bias
                    .map_or_else(|| format!("&[[0.0; {}]]", form.cols), |bias| format!("&{}", self.weights[bias]));
                let kernel = &self.weights[*kernel];
                let arguments = format!("{x}, &{kernel}, {bias}, {y}");
                self.call("affine", &arguments, lines);
            }
            Work::Embed { table } => {
                let arguments = format!("{x}, &{}, {y}", self.weights[*table]);
                self.call("embed", &arguments, lines);
            }
            Work::ShiftScale { mean, scale, shift } => {
                self.in_place(step.reads[0], value, lines);
                let vectors = [("mean", mean), ("scale", scale), ("shift", shift)].map(|(what, values)| {
                    let name =
                        self.names.unique(format!("{}_{what}", identifier(&step.layer, "layer")).to_uppercase());
                    let doc = format!("`{}`, {what}.", plain(&step.layer));
                    self.statics.push(vector(&name, &doc, values));
                    name
                });
                let arguments = format!("{y}, &{}, &{}, &{}", vectors[0], vectors[1], vectors[2]);
                self.call("shift_scale", &arguments, lines);
            }
            Work::Merge(merge) => {
                let others: Vec<String> = step.reads.iter().map(|value| self.read(*value)).collect();
                let names: Vec<String> = (0..others.len()).map(|number| format!("a{number}")).collect();
                let zip = others
                    .iter()
                    .fold(format!("{}.iter_mut()", self.slice(value)), |zip, x| format!("{zip}.zip({x})"));
                let pattern = names.iter().fold("y".to_owned(), |pattern, name| format!("({pattern}, {name})"));
                let elements: Vec<String> = names.iter().map(|name| format!("*{name}")).collect();
                let (made, binary) = merged(self, *merge, &elements);
                self.note(BTreeSet::new(), binary);
                lines.push(format!("for {pattern} in {zip} {{"));
                lines.push(format!("    *y = {made};"));
                lines.push("}".into());
            }
            Work::Concatenate => {
                let mut start = 0;
                for read in &step.reads {
                    let cols = program.form(*read).cols;
                    let x = self.read(*read);
                    self.helpers.insert("place");
                    lines.push(format!("place::<{cols}, {}>({x}, {start}, {y});", form.cols));
                    start += cols;
                }
            }
            Work::Curve { name, formula } => {
                self.in_place(step.reads[0], value, lines);
                let function = self.curve(name, formula);
                let y = self.slice(value);
                lines.push(format!("{y}.iter_mut().for_each(|y| *y = {function}(*y));"));
            }
            Work::Rows { name, formula } => {
                let function = self.row(name, formula, program.form(step.reads[0]).cols);
                self.call("rows", &format!("{x}, {function}, {y}"), lines);
            }
            Work::Softmax => {
                let function = self.row("softmax", &Formula::softmax(form.cols), form.cols);
                self.call("rows", &format!("{x}, {function}, {y}"), lines);
            }
            Work::Regroup => {}
        }
    }

    /// Sees that a value starts as a copy of another.
    fn in_place(&mut self, x: usize, y: usize, lines: &mut Vec<String>) {
        if self.layout.places[x] != self.layout.places[y] {
            let arguments = format!("{}, &mut {}", self.read(x), self.slice(y));
            self.call("copy", &arguments, lines);
        }
    }

    /// The name of the function of an element.
    fn curve(&mut self, name: &str, formula: &Formula) -> String {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == formula) {
            return known.clone();
        }
        let function = self.names.unique(format!("f_{}", identifier(name, "curve")));
        let (mut lines, value, body) = Body::new(self, formula).of_element();
        let (unary, binary) = (body.unary, body.binary);
        self.note(unary, binary);
        lines.push(value);
        let x = if formula.ops().contains(&Op::X) { "x" } else { "_" };
        self.functions.push(function_of(&format!("fn {function}({x}: f32) -> f32"), &lines));
        self.known.push((formula.clone(), function.clone()));
        function
    }

    /// The name of the function of a row.
    fn row(&mut self, name: &str, formula: &Formula, inputs: usize) -> String {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == formula) {
            return known.clone();
        }
        let function = self.names.unique(format!("row_{}", identifier(name, "row")));
        let (lines, body) = Body::new(self, formula).of_row();
        let (unary, binary) = (body.unary, body.binary);
        self.note(unary, binary);
        let x = if formula.ops().contains(&Op::X) { "x" } else { "_" };
        let outputs = formula.outputs();
        let head = format!("fn {function}({x}: &[f32; {inputs}], y: &mut [f32; {outputs}])");
        self.functions.push(function_of(&head, &lines));
        self.known.push((formula.clone(), function.clone()));
        function
    }

    fn note(&mut self, unary: BTreeSet<&'static str>, binary: [bool; 2]) {
        self.unary.extend(unary);
        self.helpers.extend(binary[0].then_some("larger"));
        self.helpers.extend(binary[1].then_some("smaller"));
    }

    /// The text of it all.
    fn finish(mut self, lines: &[String]) -> String {
        let program = self.program;
        let mut text = String::new();
        let module = identifier(&program.name, "model");
        for line in head::lines(program, self.layout.bytes()) {
            text += format!("//! {line}").trim_end();
            text += "\n";
        }
        let arguments: Vec<String> = self.arguments.iter().map(|[x, _]| format!("&{x}")).collect();
        let _ = writeln!(text, "//!\n//! ```ignore\n//! mod {module}; // this file, as {module}.rs");
        let result = if self.results.len() == 1 { "y" } else { "results" };
        let _ = writeln!(text, "//! let {result} = {module}::predict({});\n//! ```\n", arguments.join(", "));
        let ports = self.arguments.iter().zip(program.fronts.iter().map(|front| front.width));
        for ([name, length], width) in ports {
            let _ = writeln!(text, "/// Numbers in `{name}`.\npub const {length}: usize = {width};");
        }
        for ([name, length], output) in self.results.iter().zip(&program.outputs) {
            let elements = program.elements(output.value);
            let _ = writeln!(text, "/// Numbers in `{name}`.\npub const {length}: usize = {elements};");
        }
        for (name, what, names) in head::names(program) {
            let (count, words) = (names.len(), head::wrapped(4, names.into_iter()));
            let _ = writeln!(
                text,
                "/// {what}.\n#[allow(dead_code)]\npub const {name}: [&str; {count}] = [\n{words}];"
            );
        }
        let parameters: Vec<String> =
            self.arguments.iter().map(|[name, length]| format!("{name}: &[f32; {length}]")).collect();
        let types: Vec<String> = self.results.iter().map(|[_, length]| format!("[f32; {length}]")).collect();
        let (types, names): (String, String) = match self.results.len() {
            1 => (types.concat(), self.result(0)),
            _ => {
                let names: Vec<String> = self.results.iter().map(|[name, _]| name.clone()).collect();
                (format!("({})", types.join(", ")), format!("({})", names.join(", ")))
            }
        };
        let mut body: Vec<String> = Vec::new();
        for (number, elements) in self.layout.buffers.iter().enumerate() {
            body.push(format!("let mut b{number} = [0.0f32; {elements}];"));
        }
        for [name, length] in &self.results {
            body.push(format!("let mut {name} = [0.0f32; {length}];"));
        }
        body.extend_from_slice(lines);
        body.push(names);
        text += "\n/// What the model makes of one row.\n";
        text += &function_of(&format!("pub fn predict({}) -> {types}", parameters.join(", ")), &body);
        for function in &self.functions {
            text += "\n";
            text += function;
        }
        for (_, function) in parts::RUST.iter().filter(|(name, _)| self.helpers.contains(name)) {
            let _ = write!(text, "\n{function}");
        }
        if self.unary.contains("erfc") {
            self.unary.insert("exp");
        }
        if !self.unary.is_empty() {
            text += "\n// Without `std`, take these from a crate such as libm.\n";
        }
        for (_, function) in parts::RUST_MATH.iter().filter(|(name, _)| self.unary.contains(name)) {
            text += function;
        }
        for constant in &self.statics {
            let _ = write!(text, "\n{constant}");
        }
        text
    }
}

impl Language for File<'_> {
    fn number(&self, x: f32) -> String {
        number(x)
    }
    fn unary(&self, unary: Unary) -> &'static str {
        match unary {
            Unary::Neg => "-",
            Unary::Abs => "abs",
            Unary::Floor => "floor",
            Unary::Sqrt => "sqrt",
            Unary::Exp => "exp",
            Unary::ExpM1 => "exp_m1",
            Unary::Ln => "ln",
            Unary::Ln1p => "ln_1p",
            Unary::Tanh => "tanh",
            Unary::Erfc => "erfc",
        }
    }
    fn larger(&self) -> String {
        "larger".into()
    }
    fn smaller(&self) -> String {
        "smaller".into()
    }
    fn select(&self, condition: &str, then: &str, otherwise: &str) -> String {
        format!("if {condition} {{ {then} }} else {{ {otherwise} }}")
    }
    fn name(&self, name: &str, value: &str) -> String {
        format!("let {name}: f32 = {value};")
    }
    fn reduce(&mut self, reduce: Reduce, name: &str, index: &str, count: usize) -> Vec<String> {
        self.helpers.extend((reduce == Reduce::Sum).then_some("wide"));
        vec![format!("let {name} = (0..{count}).map(|{index}| {{")]
    }
    fn reduced(&self, reduce: Reduce, _: &str, value: &str) -> Vec<String> {
        match reduce {
            Reduce::Sum => vec![format!("wide({value})"), "}).sum::<f64>() as f32;".into()],
            Reduce::Max => vec![value.into(), "}).fold(f32::NEG_INFINITY, larger);".into()],
        }
    }
    fn each(&self, _: usize) -> String {
        "for (i, y) in y.iter_mut().enumerate() {".into()
    }
    fn set(&self, value: &str) -> String {
        format!("*y = {value};")
    }
    fn set_only(&self, value: &str) -> String {
        format!("y[0] = {value};")
    }
    fn table(&mut self, values: Vec<f32>) -> String {
        let name = self.names.unique("TABLE".into());
        self.statics.push(vector(&name, "Numbers of a function.", &values));
        name
    }
    fn places(&mut self, places: Vec<usize>) -> String {
        let name = self.names.unique("PLACES".into());
        let words = places.iter().map(usize::to_string);
        let doc = "/// What each element reads.\n";
        self.statics.push(format!(
            "{doc}static {name}: [u32; {}] = [\n{}];\n",
            places.len(),
            head::wrapped(4, words)
        ));
        name
    }
    fn element(&mut self, array: &str, index: &str) -> String {
        // That a place is one of the array is known here, and not to the compiler.
        if !index.contains(" as usize") {
            return format!("{array}[{index}]");
        }
        self.helpers.insert("at");
        let reference = if array == "x" { "" } else { "&" };
        format!("at({reference}{array}, {index})")
    }
    fn place(&self, list: &str, index: &str) -> String {
        format!("{list}[{index}] as usize")
    }
}

/// A literal that is read as exactly this number.
fn number(x: f32) -> String {
    match x {
        _ if x.is_nan() => "f32::NAN".into(),
        f32::INFINITY => "f32::INFINITY".into(),
        f32::NEG_INFINITY => "-f32::INFINITY".into(),
        // It has a name, and lints that ask for it.
        std::f32::consts::FRAC_1_SQRT_2 => "core::f32::consts::FRAC_1_SQRT_2".into(),
        _ => format!("{x:?}"),
    }
}

fn vector(name: &str, doc: &str, values: &[f32]) -> String {
    let words = values.iter().map(|x| number(*x));
    format!("/// {doc}\nstatic {name}: [f32; {}] = [\n{}];\n", values.len(), head::wrapped(4, words))
}

fn matrix(name: &str, doc: &str, rows: usize, cols: usize, values: &[f32]) -> String {
    let row = |row: &[f32]| format!("    [\n{}    ],\n", head::wrapped(8, row.iter().map(|x| number(*x))));
    let lines: String = values.chunks(cols.max(1)).map(row).collect();
    format!("/// {doc}\nstatic {name}: [[f32; {cols}]; {rows}] = [\n{lines}];\n")
}

fn function_of(head: &str, lines: &[String]) -> String {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{head} {{\n{body}}}\n")
}
