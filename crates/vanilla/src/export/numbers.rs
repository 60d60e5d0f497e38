//! A [`Program`] that takes numbers only: preprocessing layers become steps of it where they can.

use super::program::{Front, Program, Step, Work};
use crate::error::{Error, Result};
use vanilla_plan::Form;

impl Program {
    /// The same program with one front for each input of the model, in their order, and nothing before it: for
    /// languages that know rows of floats. Integers are floats then; up to 2^24 they are exact.
    ///
    /// # Errors
    /// When a preprocessing layer reads strings or hashes; the message names it and a way out.
    pub fn of_numbers(&self) -> Result<Self> {
        let mut program = self.clone();
        program.steps.clear();
        let widths: Vec<usize> = self.inputs.iter().map(|input| input.shape.iter().product()).collect();
        let front = |(input, width): (usize, &usize)| Front {
            input,
            chain: Vec::new(),
            place: String::new(),
            width: *width,
            below: self
                .fronts
                .iter()
                .filter(|front| front.input == input && front.chain.is_empty())
                .find_map(|f| f.below),
        };
        program.fronts = widths.iter().enumerate().map(front).collect();
        program.forms = widths.iter().map(|cols| Form { groups: 1, cols: *cols }).collect();
        // The new number of each value.
        let mut values = Vec::new();
        for front in &self.fronts {
            let mut value = front.input;
            let mut shape = self.inputs[front.input].shape.clone();
            let names: Vec<&str> = front.place.split(", ").collect();
            for (number, layer) in front.chain.iter().enumerate() {
                let name = names.get(number).copied().unwrap_or_default();
                let place = format!("layer '{name}' ({})", layer.class_name());
                let formula = layer.preprocessor().and_then(|word| word.formula(&shape));
                let formula = formula.ok_or_else(|| {
                    Error::config(
                        &place,
                        "cannot be exported: only what makes numbers of numbers can, without hashing, and in tables of up \
                         to a million entries. Export the model behind it, and look up before it is called",
                    )
                })?;
                if let Some(word) = layer.preprocessor() {
                    shape = word.output_shape(&place, &shape)?;
                }
                program.forms.push(Form { groups: 1, cols: formula.outputs() });
                let class = layer.class_name().to_owned();
                let work = Work::Rows { name: crate::graph::snake_case(&class), formula };
                program.steps.push(Step { layer: name.to_owned(), class, reads: vec![value], work });
                value = program.forms.len() - 1;
            }
            values.push(value);
        }
        for (number, step) in self.steps.iter().enumerate() {
            let reads = step.reads.iter().map(|value| values[*value]).collect();
            program.steps.push(Step { reads, ..step.clone() });
            program.forms.push(self.form(self.value(number)));
            values.push(program.forms.len() - 1);
        }
        program.outputs.iter_mut().for_each(|output| output.value = values[output.value]);
        Ok(program)
    }
}
