//! Tables: the experiment that a careful person would begin with, and what was decided about the columns.

use crate::section::Section;
use crate::ui::{note, usage};
use anyhow::Result;
use std::fmt::Write;
use std::path::Path;
use toml::Value;
use vanilla::datasets::{Missing, Prepare, Prepared, Table, Task};
use vanilla::formats::csv::Options;

/// What `[data]` says about a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The column to predict.
    pub target: String,
    /// What becomes of missing values, as `--missing` says it.
    pub missing: String,
    /// `classification` or `regression`, where it is not as the values suggest.
    pub task: Option<String>,
    /// The share of the rows that is held out.
    pub test_split: f64,
    /// Whether the first row names the columns, where it is not as it looks.
    pub header: Option<bool>,
}

/// The keys of `[data]` that are about tables.
pub const KEYS: [&str; 5] = ["target", "missing", "task", "test_split", "header"];

impl Columns {
    /// A column to predict, with nothing else said.
    pub fn new(target: &str) -> Self {
        Self { target: target.to_owned(), missing: "refuse".into(), task: None, test_split: 0.2, header: None }
    }

    /// What `[data]` says; `None` where it names no target.
    pub fn take(data: &mut Section) -> Result<Option<Self>> {
        let Some(target) = data.string("target")? else {
            return match KEYS.iter().find(|key| data.table.contains_key(**key)) {
                Some(key) => {
                    Err(usage(format!("[data] {key} is for tables: name the column to predict, target = \"…\"")))
                }
                None => Ok(None),
            };
        };
        let mut columns = Self::new(&target);
        columns.missing = data.string("missing")?.unwrap_or(columns.missing);
        if let Some(task) = data.string("task")? {
            task.parse::<Task>().map_err(|expected| usage(format!("[data] task = {task:?}: {expected}")))?;
            columns.task = Some(task);
        }
        match data.take("test_split") {
            None => {}
            Some(Value::Float(share)) if (0.0..1.0).contains(&share) => columns.test_split = share,
            Some(Value::Integer(0)) => columns.test_split = 0.0,
            Some(other) => return Err(data.wrong("test_split", &other, "a share from 0 to below 1, such as 0.2")),
        }
        columns.header = data.flag("header")?;
        Ok(Some(columns))
    }

    /// The lines of `[data]`, with what they are about.
    pub fn lines(&self) -> Vec<(String, &'static str)> {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut lines = vec![(format!("target = {}", quoted(&self.target)), "the column to predict")];
        let about = "or drop, mean, median, most_frequent, a value";
        lines.push((format!("missing = {}", quoted(&self.missing)), about));
        if let Some(task) = &self.task {
            lines.push((format!("task = {}", quoted(task)), ""));
        }
        let about = "rows held out by chance, of every class its share";
        lines.push((format!("test_split = {}", Value::from(self.test_split)), about));
        if let Some(header) = self.header {
            lines.push((format!("header = {header}"), "whether the first row names the columns"));
        }
        lines
    }

    /// Reads the table and decides what its columns are.
    pub fn prepare(&self, source: &str, seed: u64) -> Result<Prepared> {
        let table = Table::read_with(source, &Options { header: self.header, ..Options::default() })?;
        let task = self.task.as_deref().and_then(|task| task.parse().ok()).unwrap_or_default();
        let missing = self.missing.parse().unwrap_or(Missing::Refuse);
        let options =
            Prepare::new(&*self.target).missing(missing).task(task).test_split(self.test_split).seed(seed);
        Ok(table.prepare(&options)?)
    }
}

/// The experiment for a table, as TOML: two hidden layers with dropout, AdamW, and an end where the rows held out do
/// not gain any more.
pub fn experiment(source: &Path, columns: &Columns) -> Result<String> {
    let absolute = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
    let source = absolute.to_string_lossy().into_owned();
    let prepared = columns.prepare(&source, 0)?;
    let rows = prepared.dataset.train.rows();
    let classes = prepared.schema.classes.len();
    // Small tables want many steps an epoch, large ones wide steps; what is held out ends either.
    let batch_size = if rows < 10_000 {
        32
    } else if rows < 100_000 {
        128
    } else {
        512
    };
    let (units, activation, loss, metrics) = if classes > 0 {
        (classes, "softmax", "sparse_categorical_crossentropy", "[\"accuracy\"]")
    } else {
        (1, "linear", "mse", "[\"mae\", \"r2_score\"]")
    };
    let (validation, monitor) =
        if columns.test_split > 0.0 { ("validation = \"test\", ", "val_loss") } else { ("", "loss") };
    let mut text = format!(
        "name = {}\n[data]\nsource = {}\n",
        Value::from(prepared.dataset.name.as_str()),
        Value::from(source)
    );
    for (line, _) in columns.lines() {
        let _ = writeln!(text, "{line}");
    }
    let _ = write!(
        text,
        "[compile]\nloss = \"{loss}\"\n\
         optimizer = {{ class = \"AdamW\", learning_rate = 0.001, weight_decay = 0.01 }}\n\
         metrics = {metrics}\n\
         [fit]\nepochs = 300\nbatch_size = {batch_size}\n{}\
         callbacks = [{{ class = \"EarlyStopping\", monitor = \"{monitor}\", patience = 30, restore_best_weights = true }}]\n\
         [model]\nclass = \"Sequential\"\n\
         [[model.layers]]\nclass = \"Dense\"\nunits = 64\nactivation = \"relu\"\n\
         [[model.layers]]\nclass = \"Dropout\"\nrate = 0.1\n\
         [[model.layers]]\nclass = \"Dense\"\nunits = 64\nactivation = \"relu\"\n\
         [[model.layers]]\nclass = \"Dropout\"\nrate = 0.1\n\
         [[model.layers]]\nclass = \"Dense\"\nunits = {units}\nactivation = \"{activation}\"\n",
        validation.replace(", ", "\n"),
    );
    Ok(text)
}

/// Tells what was decided about the columns.
pub fn tell(prepared: &Prepared) {
    // A wide table may leave out a thousand columns.
    const MOST: usize = 12;
    for about in prepared.decisions.chunk_by(|a, b| a.0 == b.0) {
        about.iter().take(MOST).for_each(|(about, decision)| note(&format!("{about:<9} {decision}")));
        if about.len() > MOST {
            note(&format!("{:<9} … ({} in all)", about[0].0, about.len()));
        }
    }
}
