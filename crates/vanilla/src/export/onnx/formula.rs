//! A [`Formula`] as nodes: a vector is the last axis, a single number an axis of length 1.

use super::{Wire, Writer, int};
use vanilla_plan::Formula;
use vanilla_plan::formula::{Binary, Compare, Op, Reduce, Unary};

/// An operation of the formula: a value of the graph, or numbers that are known.
#[derive(Clone)]
enum Part {
    Is(String),
    Constant(f64),
    Table(Vec<f64>),
}

impl Writer {
    /// The value of a formula for every row of x.
    pub(super) fn formula(&mut self, layer: &str, formula: &Formula, x: &Wire) -> String {
        let mut parts: Vec<Part> = Vec::new();
        for (number, op) in formula.ops().iter().enumerate() {
            let part = self.operation(layer, formula, op, number, &parts, x);
            parts.push(part);
        }
        match parts.last() {
            Some(Part::Is(name)) if !formula.is_identity() => name.clone(),
            // y depends on nothing: a value of the batch's length, times 0.
            Some(part) if !formula.is_identity() => {
                let zero = self.scalar(0.0);
                let nothing = self.node(layer, "Mul", vec![x.name.clone(), zero], vec![]);
                let last = self.whole_numbers(&[-1]);
                let nothing = self.node(layer, "ReduceSum", vec![nothing, last], vec![int("keepdims", 1)]);
                let part = self.part(layer, &part.clone());
                self.node(layer, "Add", vec![nothing, part], vec![])
            }
            _ => x.name.clone(),
        }
    }

    fn part(&mut self, layer: &str, part: &Part) -> String {
        match part {
            Part::Is(name) => name.clone(),
            Part::Constant(value) => self.scalar(*value as f32),
            Part::Table(values) => {
                let row: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                self.initializer(&format!("{layer}/table"), vec![row.len()], row)
            }
        }
    }

    fn operation(
        &mut self,
        layer: &str,
        formula: &Formula,
        op: &Op,
        number: usize,
        parts: &[Part],
        x: &Wire,
    ) -> Part {
        let name = match op {
            Op::X => x.name.clone(),
            Op::Constant(value) => return Part::Constant(*value),
            Op::Table(values) => return Part::Table(values.clone()),
            // Bound formulas have none; an unbound one is refused before it comes here.
            Op::Weight(_) => return Part::Constant(0.0),
            Op::Unary(unary, a) => {
                let a = self.part(layer, &parts[*a]);
                self.unary(layer, *unary, a)
            }
            Op::Binary(binary, a, b) => {
                if let Some(same) = neutral(*binary, &parts[*a], &parts[*b])
                    && formula.length(number) == formula.length(if same { *a } else { *b })
                {
                    return parts[if same { *a } else { *b }].clone();
                }
                let op = match binary {
                    Binary::Add => "Add",
                    Binary::Sub => "Sub",
                    Binary::Mul => "Mul",
                    Binary::Div => "Div",
                    Binary::Max => "Max",
                    Binary::Min => "Min",
                };
                let (a, b) = (self.part(layer, &parts[*a]), self.part(layer, &parts[*b]));
                self.node(layer, op, vec![a, b], vec![])
            }
            Op::Select { compare, left, right, then, otherwise } => {
                let op = match compare {
                    Compare::Less => "Less",
                    Compare::LessEqual => "LessOrEqual",
                    Compare::Equal => "Equal",
                };
                let [left, right, then, otherwise] =
                    [*left, *right, *then, *otherwise].map(|at| self.part(layer, &parts[at]));
                let holds = self.node(layer, op, vec![left, right], vec![]);
                self.node(layer, "Where", vec![holds, then, otherwise], vec![])
            }
            Op::Reduce { reduce, of, groups } => {
                let op = if *reduce == Reduce::Sum { "ReduceSum" } else { "ReduceMax" };
                let piece = formula.length(*of) / groups;
                let mut a = self.part(layer, &parts[*of]);
                let last = self.whole_numbers(&[-1]);
                if *groups == 1 {
                    self.node(layer, op, vec![a, last], vec![int("keepdims", 1)])
                } else {
                    let outer = &x.shape[..x.shape.len() - 1];
                    let target = [0].into_iter().chain(outer.iter().chain([groups, &piece]).map(|n| *n as i64));
                    let target = self.whole_numbers(&target.collect::<Vec<_>>());
                    a = self.node(layer, "Reshape", vec![a, target], vec![]);
                    self.node(layer, op, vec![a, last], vec![int("keepdims", 0)])
                }
            }
            Op::Gather { of, from } => {
                let a = self.part(layer, &parts[*of]);
                let from: Vec<i64> = from.iter().map(|from| *from as i64).collect();
                let from = self.whole_numbers(&from);
                self.node(layer, "Gather", vec![a, from], vec![int("axis", -1)])
            }
        };
        Part::Is(name)
    }

    fn unary(&mut self, layer: &str, unary: Unary, a: String) -> String {
        let mut node = |op: &str, inputs: &[&str]| {
            self.node(layer, op, inputs.iter().map(|name| (*name).to_owned()).collect(), vec![])
        };
        match unary {
            Unary::Neg => node("Neg", &[&a]),
            Unary::Abs => node("Abs", &[&a]),
            Unary::Floor => node("Floor", &[&a]),
            Unary::Sqrt => node("Sqrt", &[&a]),
            Unary::Exp => node("Exp", &[&a]),
            Unary::Ln => node("Log", &[&a]),
            Unary::Tanh => node("Tanh", &[&a]),
            Unary::ExpM1 => {
                // 2 t / (1 - t) with t = tanh(a / 2), which keeps its digits near 0; e^a - 1 far above it.
                let [half, one, two] = [0.5, 1.0, 2.0].map(|value| self.scalar(value));
                let mut node = |op: &str, inputs: &[&str]| {
                    self.node(layer, op, inputs.iter().map(|name| (*name).to_owned()).collect(), vec![])
                };
                let t = node("Mul", &[&a, &half]);
                let t = node("Tanh", &[&t]);
                let (above, below) = (node("Mul", &[&t, &two]), node("Sub", &[&one, &t]));
                let near = node("Div", &[&above, &below]);
                let power = node("Exp", &[&a]);
                let far = node("Sub", &[&power, &one]);
                let is_near = node("Less", &[&a, &one]);
                node("Where", &[&is_near, &near, &far])
            }
            Unary::Ln1p => {
                // a ln(u) / (u - 1) with u = 1 + a: what u loses of a, u - 1 has lost as well.
                let one = self.scalar(1.0);
                let mut node = |op: &str, inputs: &[&str]| {
                    self.node(layer, op, inputs.iter().map(|name| (*name).to_owned()).collect(), vec![])
                };
                let u = node("Add", &[&a, &one]);
                let (ln, less) = (node("Log", &[&u]), node("Sub", &[&u, &one]));
                let product = node("Mul", &[&ln, &a]);
                let quotient = node("Div", &[&product, &less]);
                let is_tiny = node("Equal", &[&u, &one]);
                node("Where", &[&is_tiny, &a, &quotient])
            }
            Unary::Erfc => {
                let one = self.scalar(1.0);
                let erf = self.node(layer, "Erf", vec![a], vec![]);
                self.node(layer, "Sub", vec![one, erf], vec![])
            }
        }
    }
}

/// Whether the result is the first operand (true) or the second (false), the other one changing nothing.
fn neutral(binary: Binary, a: &Part, b: &Part) -> Option<bool> {
    let is = |part: &Part, number: f64| match part {
        Part::Constant(value) => *value == number,
        Part::Table(values) => values.iter().all(|value| *value == number),
        Part::Is(_) => false,
    };
    match binary {
        Binary::Add if is(b, 0.0) => Some(true),
        Binary::Add if is(a, 0.0) => Some(false),
        Binary::Sub if is(b, 0.0) => Some(true),
        Binary::Mul | Binary::Div if is(b, 1.0) => Some(true),
        Binary::Mul if is(a, 1.0) => Some(false),
        _ => None,
    }
}
