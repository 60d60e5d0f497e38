//! The body of a function that computes a [`Formula`], for languages with braces.
//!
//! Single numbers (constants, sums over a row) come first, each once; then one loop computes y, element by element, so
//! that no vector between x and y is ever stored. Sums over pieces are loops inside it. What is read more than once in a
//! loop gets a name, everything else stands where it is read.

use std::collections::{BTreeSet, HashMap};
use vanilla_plan::Merge;
use vanilla_plan::formula::{Binary, Compare, Formula, Op, Reduce, Unary};

/// What a language with braces says in its own way.
pub(super) trait Language {
    /// A number.
    fn number(&self, x: f32) -> String;
    /// A call of a function of one number, by its name here; negation is a sign everywhere.
    fn unary(&self, unary: Unary) -> &'static str;
    /// The function of two numbers that propagates NaN.
    fn larger(&self) -> String;
    /// Its counterpart.
    fn smaller(&self) -> String;
    /// `then` or `otherwise`.
    fn select(&self, condition: &str, then: &str, otherwise: &str) -> String;
    /// A name for a number.
    fn name(&self, name: &str, value: &str) -> String;
    /// The beginning of a loop that ends in `reduced`.
    fn reduce(&mut self, reduce: Reduce, name: &str, index: &str, count: usize) -> Vec<String>;
    /// The last lines of that loop, `value` being what it adds.
    fn reduced(&self, reduce: Reduce, name: &str, value: &str) -> Vec<String>;
    /// The beginning of the loop over all elements of y.
    fn each(&self, count: usize) -> String;
    /// What sets y in it.
    fn set(&self, value: &str) -> String;
    /// What sets the only element of y.
    fn set_only(&self, value: &str) -> String;
    /// A table that becomes a constant of the file: its name.
    fn table(&mut self, values: Vec<f32>) -> String;
    /// A list of places that becomes a constant of the file: its name.
    fn places(&mut self, places: Vec<usize>) -> String;
    /// An element of the row x or of a table.
    fn element(&mut self, array: &str, index: &str) -> String;
    /// An element of a list of places, as an index.
    fn place(&self, list: &str, index: &str) -> String;
}

/// How tightly an expression holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// A choice.
    Choice,
    /// A sum or a difference.
    Sum,
    /// A product or a quotient.
    Product,
    /// A minus sign before something.
    Sign,
    /// A name, a number, a call.
    Whole,
}

/// An expression.
#[derive(Clone)]
struct Text {
    text: String,
    level: Level,
}

impl Text {
    fn new(level: Level, text: impl Into<String>) -> Self {
        Self { text: text.into(), level }
    }

    fn whole(text: impl Into<String>) -> Self {
        Self::new(Level::Whole, text)
    }

    /// In an expression that wants at least this much.
    fn within(&self, level: Level) -> String {
        if self.level >= level { self.text.clone() } else { format!("({})", self.text) }
    }
}

/// A function under way.
pub(super) struct Body<'a, L> {
    language: &'a mut L,
    formula: &'a Formula,
    /// How often each operation is read.
    reads: Vec<usize>,
    /// Names of tables and of lists of places, by operation.
    constants: HashMap<usize, String>,
    /// Names in each block around the current line, by operation and index.
    known: Vec<HashMap<(usize, String), Text>>,
    lines: Vec<String>,
    count: usize,
    /// Functions of one number that are called.
    pub unary: BTreeSet<&'static str>,
    /// Whether the functions of two numbers are called: the larger, the smaller.
    pub binary: [bool; 2],
}

impl<'a, L: Language> Body<'a, L> {
    pub fn new(language: &'a mut L, formula: &'a Formula) -> Self {
        let mut reads = vec![0; formula.ops().len()];
        formula.ops().iter().flat_map(Op::reads).for_each(|read| reads[read] += 1);
        Self {
            language,
            formula,
            reads,
            constants: HashMap::new(),
            known: vec![HashMap::new()],
            lines: Vec::new(),
            count: 0,
            unary: BTreeSet::new(),
            binary: [false; 2],
        }
    }

    /// The lines of a function of one number x: names, then the value.
    pub fn of_element(mut self) -> (Vec<String>, String, Self) {
        if let Some(at) = self.formula.ops().iter().position(|op| *op == Op::X) {
            self.known[0].insert((at, "0".into()), Text::whole("x"));
        }
        let y = self.term(self.formula.ops().len() - 1, "0").text;
        (std::mem::take(&mut self.lines), y, self)
    }

    /// The lines of a function of a row x that sets y.
    pub fn of_row(mut self) -> (Vec<String>, Self) {
        let last = self.formula.ops().len() - 1;
        // Before any loop, whatever reads them.
        for op in 0..last {
            if self.formula.length(op) == 1 && !self.formula.ops()[op].reads().is_empty() {
                let value = self.term(op, "0");
                self.named(op, "0", value);
            }
        }
        if self.formula.outputs() == 1 {
            let value = self.term(last, "0").text;
            let line = self.language.set_only(&value);
            self.lines.push(line);
        } else {
            let line = self.language.each(self.formula.outputs());
            self.open(line);
            let value = self.term(last, "i").text;
            let line = self.language.set(&value);
            self.line(line);
            self.close();
            self.lines.push("}".into());
        }
        (std::mem::take(&mut self.lines), self)
    }

    fn line(&mut self, line: impl Into<String>) {
        let indent = "    ".repeat(self.known.len() - 1);
        self.lines.push(format!("{indent}{}", line.into()));
    }

    fn open(&mut self, line: String) {
        self.line(line);
        self.known.push(HashMap::new());
    }

    fn close(&mut self) {
        self.known.pop();
    }

    /// A number for a name.
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// Gives a value a name in this block, if it has none.
    fn named(&mut self, op: usize, index: &str, value: Text) -> Text {
        let key = (op, index.to_owned());
        if let Some(known) = self.known.iter().rev().find_map(|block| block.get(&key)) {
            return known.clone();
        }
        let name = format!("t{}", self.next());
        let line = self.language.name(&name, &value.text);
        self.line(line);
        let name = Text::whole(name);
        self.known.last_mut().expect("the function").insert(key, name.clone());
        name
    }

    /// The element of an operation at this index.
    fn term(&mut self, op: usize, index: &str) -> Text {
        let index = if self.formula.length(op) == 1 { "0" } else { index };
        let key = (op, index.to_owned());
        if let Some(known) = self.known.iter().rev().find_map(|block| block.get(&key)) {
            return known.clone();
        }
        let formula = self.formula;
        let value = match &formula.ops()[op] {
            Op::X => return Text::whole(self.language.element("x", index)),
            // Programs have none of them.
            Op::Weight(number) => return Text::whole(self.language.element(&format!("w{number}"), index)),
            Op::Constant(value) => {
                let number = self.language.number(*value as f32);
                let level = if number.starts_with('-') { Level::Sign } else { Level::Whole };
                return Text::new(level, number);
            }
            Op::Table(values) => {
                let name = match self.constants.get(&op) {
                    Some(name) => name.clone(),
                    None => self.language.table(values.iter().map(|x| *x as f32).collect()),
                };
                self.constants.insert(op, name.clone());
                return Text::whole(self.language.element(&name, index));
            }
            Op::Gather { of, .. } if formula.length(*of) == 1 => return self.term(*of, "0"),
            Op::Gather { of, from } => {
                let place = self.place(op, from, index);
                let value = self.term(*of, &place);
                return value;
            }
            Op::Unary(Unary::Neg, a) => {
                Text::new(Level::Sign, format!("-{}", self.term(*a, index).within(Level::Whole)))
            }
            Op::Unary(unary, a) => {
                let name = self.language.unary(*unary);
                self.unary.insert(name);
                Text::whole(format!("{name}({})", self.term(*a, index).text))
            }
            Op::Binary(binary, a, b) => {
                let (a, b) = (self.term(*a, index), self.term(*b, index));
                self.pair(*binary, &a, &b)
            }
            Op::Select { compare, left, right, then, otherwise } => {
                let sign = match compare {
                    Compare::Less => "<",
                    Compare::LessEqual => "<=",
                    Compare::Equal => "==",
                };
                let [left, right] = [left, right].map(|side| self.term(*side, index).within(Level::Sum));
                let [then, otherwise] = [then, otherwise].map(|side| self.term(*side, index).text);
                Text::new(
                    Level::Choice,
                    self.language.select(&format!("{left} {sign} {right}"), &then, &otherwise),
                )
            }
            Op::Reduce { reduce, of, groups } => {
                let piece = formula.length(*of) / groups;
                self.binary[0] |= *reduce == Reduce::Max;
                let number = self.next();
                let (name, inner) = (format!("t{number}"), format!("j{number}"));
                for line in self.language.reduce(*reduce, &name, &inner, piece) {
                    self.line(line);
                }
                self.known.push(HashMap::new());
                let at = if *groups == 1 { inner } else { format!("{piece} * {} + {inner}", factor(index)) };
                let value = self.term(*of, &at).text;
                let mut last = self.language.reduced(*reduce, &name, &value).into_iter();
                let adds = last.next().unwrap_or_default();
                self.line(adds);
                self.known.pop();
                last.for_each(|line| self.line(line));
                let name = Text::whole(name);
                self.known.last_mut().expect("the function").insert(key, name.clone());
                return name;
            }
        };
        // What is written again would be computed again.
        if self.reads[op] > 1 { self.named(op, index, value) } else { value }
    }

    fn pair(&mut self, binary: Binary, a: &Text, b: &Text) -> Text {
        let (sign, level) = match binary {
            Binary::Add => ("+", Level::Sum),
            Binary::Sub => ("-", Level::Sum),
            Binary::Mul => ("*", Level::Product),
            Binary::Div => ("/", Level::Product),
            Binary::Max => {
                self.binary[0] = true;
                return Text::whole(format!("{}({}, {})", self.language.larger(), a.text, b.text));
            }
            Binary::Min => {
                self.binary[1] = true;
                return Text::whole(format!("{}({}, {})", self.language.smaller(), a.text, b.text));
            }
        };
        // From the left; what stands on the right holds together more tightly.
        let right = if level == Level::Sum { Level::Product } else { Level::Whole };
        let right = if b.level == Level::Sign { Level::Whole } else { right };
        Text::new(level, format!("{} {sign} {}", a.within(level), b.within(right)))
    }

    /// The place that an element reads: a run of places needs no list.
    fn place(&mut self, op: usize, from: &[usize], index: &str) -> String {
        let start = from.first().copied().unwrap_or(0);
        if from.len() == 1 {
            return start.to_string();
        }
        if from.windows(2).all(|pair| pair[1] == pair[0] + 1) {
            return if start == 0 { index.to_owned() } else { format!("{index} + {start}") };
        }
        let name = match self.constants.get(&op) {
            Some(name) => name.clone(),
            None => self.language.places(from.to_vec()),
        };
        self.constants.insert(op, name.clone());
        self.language.place(&name, index)
    }
}

/// What a merge makes of these elements, and whether it calls the functions of two numbers: the larger, the smaller.
pub(super) fn merged(language: &impl Language, merge: Merge, xs: &[String]) -> (String, [bool; 2]) {
    let chain = |function: String| {
        let (first, rest) = xs.split_first().expect("values to merge");
        rest.iter().fold(first.clone(), |y, x| format!("{function}({y}, {x})"))
    };
    let made = match merge {
        Merge::Add => xs.join(" + "),
        Merge::Subtract => xs.join(" - "),
        Merge::Multiply => xs.join(" * "),
        Merge::Average => format!("({}) / {}", xs.join(" + "), language.number(xs.len() as f32)),
        Merge::Maximum => chain(language.larger()),
        Merge::Minimum => chain(language.smaller()),
    };
    (made, [merge == Merge::Maximum, merge == Merge::Minimum])
}

/// An index in a product.
fn factor(index: &str) -> String {
    if index.chars().all(|c| c.is_ascii_alphanumeric()) { index.to_owned() } else { format!("({index})") }
}
