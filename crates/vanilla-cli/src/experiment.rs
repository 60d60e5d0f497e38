//! [`Experiment`]: data, model and training as TOML, read and written.

use crate::section::{Section, json};
use crate::table::{self, Columns};
use crate::ui::usage;
use crate::{data, downloads};
use anyhow::{Context, Result};
use std::path::Path;
use toml::{Table, Value};
use vanilla::callbacks::{self, Callback};
use vanilla::datasets::{Dataset, KNOWN, Known, Prepared, Samples};
use vanilla::{Model, OnNan, Registry};

/// Larger files than this are no experiments, bytes.
const MAX_FILE: u64 = 1 << 20;

/// Everything that decides what a run computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    pub name: String,
    /// A known data set's name, or an absolute path.
    pub source: String,
    /// Where a known data set is to be read from, if not from its usual place.
    pub path: Option<String>,
    /// What is to be predicted from a table.
    pub columns: Option<Columns>,
    model: Table,
    compile: Table,
    pub epochs: usize,
    pub batch_size: usize,
    pub validation: Validation,
    /// Keras's class names and config keys.
    callbacks: Vec<Value>,
    pub seed: u64,
    pub on_nan: OnNan,
    pub portable_math: bool,
}

/// What each epoch is validated on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    None,
    /// The data set's test part.
    Test,
    /// The last rows of the training part.
    Fraction(f64),
}

impl Validation {
    /// What `[fit]` says about it.
    fn take(fit: &mut Section) -> Result<Self> {
        match fit.take("validation") {
            None => Ok(Self::None),
            Some(Value::String(text)) if text == "test" => Ok(Self::Test),
            Some(Value::Float(share)) if share > 0.0 && share < 1.0 => Ok(Self::Fraction(share)),
            Some(other) => {
                Err(fit.wrong("validation", &other, "\"test\" or a fraction between 0 and 1, such as 0.2"))
            }
        }
    }
}

impl Experiment {
    /// Whether this names an experiment: a known data set's tutorial or a TOML file.
    pub fn is_one(spec: &Path) -> bool {
        spec.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
            || known(spec).is_some() && !spec.is_file()
    }

    /// The experiment for a table.
    pub fn of_table(source: &Path, columns: &Columns) -> Result<Self> {
        Self::parse(&table::experiment(source, columns)?, "table", Path::new("."))
    }

    /// The tutorial on a known data set, or a TOML file.
    pub fn open(spec: &Path) -> Result<Self> {
        if spec.exists() && !Self::is_one(spec) {
            let problem =
                "no experiment, which is a FILE.toml: if these are data, name them in one, as [data] source";
            return Err(usage(format!(
                "{}: {problem} (`vanilla train mnist --print-config` prints one to begin with)",
                spec.display()
            )));
        }
        if !Self::is_one(spec) {
            let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
            let problem = format!("no such experiment: expected {} or a FILE.toml", names.join(", "));
            return Err(usage(format!(
                "{}: {problem} (`vanilla train mnist --print-config` prints one)",
                spec.display()
            )));
        }
        if let Some(known) = known(spec).filter(|_| !spec.is_file()) {
            return Self::parse(&tutorial(known), known.name, Path::new("."));
        }
        let place = spec.display().to_string();
        let bytes = match std::fs::metadata(spec) {
            Ok(file) if file.len() > MAX_FILE => {
                Err(usage(format!("{} bytes: too large for an experiment", file.len())))
            }
            Ok(_) => std::fs::read(spec).map_err(|error| usage(error.to_string())),
            Err(error) => Err(usage(error.to_string())),
        };
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| usage("not a text file (UTF-8)")));
        let stem =
            spec.file_stem().map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned());
        let folder = spec.parent().unwrap_or(Path::new(""));
        text.and_then(|text| Self::parse(&text, &stem, folder)).context(place)
    }

    /// Reads TOML; `name` stands in for a missing name, relative paths are relative to `folder`.
    fn parse(text: &str, name: &str, folder: &Path) -> Result<Self> {
        let root: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            usage(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })?;
        let mut root = Section { name: "", table: root };
        let name = root.string("name")?.unwrap_or_else(|| name.to_owned());
        let mut part = |name: &'static str| root.section(name);
        let (mut data, model, compile) = (part("data")?, part("model")?, part("compile")?);
        let (mut fit, mut run) = (part("fit")?, part("run")?);
        part("provenance")?;
        root.finish(&["name", "[data]", "[model]", "[compile]", "[fit]", "[run]"])?;

        let absolute = |path: &str| {
            let path = folder.join(path);
            std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned()
        };
        let mut path = data.string("path")?;
        let source = match data.string("source")? {
            Some(source) if known(Path::new(&source)).is_some() => source,
            Some(_) if path.is_some() => {
                return Err(usage("[data] path is for known data sets: put the path of a file into source"));
            }
            Some(source) => absolute(&source),
            None => {
                return Err(usage(
                    "[data] source is missing: a data set's name or a path, such as source = \"mnist\"",
                ));
            }
        };
        path = path.map(|path| absolute(&path));
        let columns = Columns::take(&mut data)?;
        if columns.is_none() && vanilla::datasets::Table::is_one(Path::new(&source)) {
            return Err(usage(
                "[data] target is missing: the column of the table to predict, such as target = \"price\"",
            ));
        }
        if columns.is_some() && known(Path::new(&source)).is_some() {
            return Err(usage("[data] target is for tables: leave it out"));
        }
        data.finish(&[&["source", "path"][..], &table::KEYS].concat())?;

        if !model.table.contains_key("class") {
            return Err(usage("[model] class is missing: class = \"Sequential\""));
        }
        let callbacks = match fit.take("callbacks") {
            None => Vec::new(),
            Some(Value::Array(callbacks)) => callbacks,
            Some(other) => {
                let expected = "a list, such as [{ class = \"EarlyStopping\", patience = 5 }]";
                return Err(fit.wrong("callbacks", &other, expected));
            }
        };
        let experiment = Self {
            name,
            source,
            path,
            columns,
            model: model.table,
            compile: compile.table,
            epochs: fit.whole("epochs", 1)?.unwrap_or(1) as usize,
            batch_size: fit.whole("batch_size", 1)?.unwrap_or(32) as usize,
            validation: Validation::take(&mut fit)?,
            callbacks,
            seed: run.whole("seed", 0)?.unwrap_or(0),
            on_nan: match run.string("on_nan")? {
                None => OnNan::Stop,
                Some(name) => name
                    .parse()
                    .map_err(|_| run.wrong("on_nan", &name.into(), "\"stop\", \"skip\" or \"rollback\""))?,
            },
            portable_math: run.flag("portable_math")?.unwrap_or(false),
        };
        fit.finish(&["epochs", "batch_size", "validation", "callbacks"])?;
        run.finish(&["seed", "on_nan", "portable_math"])?;
        // What is wrong with them is told before anything is loaded.
        experiment.callbacks()?;
        Ok(experiment)
    }

    /// Reads the data from here instead.
    pub fn read_from(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        if known(Path::new(&self.source)).is_some() { self.path = Some(path) } else { self.source = path }
    }

    /// Holds this share of the rows out: of a table by chance, else the last ones.
    pub fn hold_out(&mut self, share: f64) {
        match &mut self.columns {
            Some(columns) => {
                columns.test_split = share;
                self.validation = if share > 0.0 { Validation::Test } else { Validation::None };
            }
            None => self.validation = if share > 0.0 { Validation::Fraction(share) } else { Validation::None },
        }
    }

    /// Trains with this learning rate instead of the optimizer's own.
    pub fn set_learning_rate(&mut self, rate: f64) {
        // Keras's optimizer where none is named.
        let optimizer = self.compile.entry("optimizer").or_insert_with(|| "rmsprop".into());
        if !optimizer.is_table() {
            *optimizer = Value::Table(Table::from_iter([("class".to_owned(), optimizer.clone())]));
        }
        let keys = match optimizer.get("config") {
            Some(Value::Table(_)) => &mut optimizer["config"],
            _ => optimizer,
        };
        if let Value::Table(keys) = keys {
            keys.insert("learning_rate".into(), rate.into());
        }
    }

    /// The model with its weights drawn from the seed, compiled.
    pub fn model(&self) -> Result<Model> {
        let section = |table: &Table, name: &str| json(&Value::Table(table.clone()), name);
        self.ready(Model::from_json(&section(&self.model, "[model]")?).context("[model]")?)
    }

    /// A model with this experiment's seed and arithmetic, compiled.
    fn ready(&self, model: Model) -> Result<Model> {
        let mut model = model.with_seed(self.seed)?.with_portable_math(self.portable_math);
        model.compile_from_json(&json(&Value::Table(self.compile.clone()), "[compile]")?).context("[compile]")?;
        Ok(model)
    }

    /// The callbacks, as they begin.
    pub fn callbacks(&self) -> Result<Vec<Box<dyn Callback>>> {
        let place = "[fit] callbacks";
        let make = |value: &Value| callbacks::from_value(&json(value, place)?, &Registry::new()).context(place);
        self.callbacks.iter().map(make).collect()
    }

    /// Leaves out the callbacks that no weight depends on: they write files.
    pub fn write_nothing(&mut self) -> Result<()> {
        let decide: Vec<bool> = self.callbacks()?.iter().map(|callback| callback.decides()).collect();
        let mut decide = decide.into_iter();
        self.callbacks.retain(|_| decide.next().unwrap_or(true));
        Ok(())
    }

    /// Finds and loads the data; for a table also the model, with what it has to know of the columns inside.
    pub fn load(&self, model: &mut Model) -> Result<(Dataset, Option<Prepared>)> {
        self.load_or_download(model, false, true)
    }

    /// As [`Experiment::load`]; where a data set is nowhere, and this is wanted, it is downloaded.
    pub fn load_or_download(
        &self,
        model: &mut Model,
        download: bool,
        quiet: bool,
    ) -> Result<(Dataset, Option<Prepared>)> {
        let Some(columns) = &self.columns else {
            let download = download && self.path.is_none();
            return Ok((downloads::open_or(&self.source, download, quiet, || self.dataset(model))?, None));
        };
        let prepared = columns.prepare(&self.source, self.seed)?;
        let whole = prepared.model_behind(model).context("[model]")?;
        let threads = model.threads(self.batch_size)?;
        *model = self.ready(whole)?.with_threads(threads);
        Ok((prepared.dataset.clone(), Some(prepared)))
    }

    /// Finds and loads the data.
    fn dataset(&self, model: &Model) -> Result<Dataset> {
        match &self.path {
            Some(path) => Ok(data::warned(vanilla::datasets::find(&self.source, Some(Path::new(path)))?)),
            None => data::open_for(&self.source, model, None),
        }
    }

    /// The experiment as TOML; what is read from it is this experiment again.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |line: &str, about: &str| {
            let line = if about.is_empty() { line.to_owned() } else { format!("{line:<32} # {about}") };
            text.push_str(&line);
            text.push('\n');
        };
        let quoted = |text: &str| Value::from(text).to_string();
        line(&format!("name = {}", quoted(&self.name)), "");
        line("\n[data]", "");
        line(&format!("source = {}", quoted(&self.source)), "a data set's name or a path");
        if let Some(path) = &self.path {
            line(&format!("path = {}", quoted(path)), "where it is read from");
        }
        for (text, about) in self.columns.iter().flat_map(Columns::lines) {
            line(&text, about);
        }
        line("\n[model]", "");
        let layers =
            self.model.get("layers").and_then(Value::as_array).filter(|list| list.iter().all(Value::is_table));
        for (key, value) in self.model.iter().filter(|(key, _)| layers.is_none() || *key != "layers") {
            line(&pair(key, value), "");
        }
        for (i, layer) in layers.into_iter().flatten().filter_map(Value::as_table).enumerate() {
            line("\n[[model.layers]]", "");
            for (key, value) in layer {
                let about = if i == 0 && key == "class" { "Keras's class names and config keys" } else { "" };
                line(&pair(key, value), about);
            }
        }
        line("\n[compile]", "");
        for (key, value) in &self.compile {
            let about = if key == "optimizer" && value.is_str() {
                "or a table: { class = \"Adam\", learning_rate = 0.001 }"
            } else {
                ""
            };
            line(&pair(key, value), about);
        }
        line("\n[fit]", "");
        line(&format!("epochs = {}", self.epochs), "");
        line(&format!("batch_size = {}", self.batch_size), "");
        match self.validation {
            Validation::None => {}
            Validation::Test => line("validation = \"test\"", "or a fraction"),
            Validation::Fraction(share) => line(&pair("validation", &share.into()), ""),
        }
        let about =
            if self.callbacks.is_empty() { "such as [{ class = \"EarlyStopping\", patience = 5 }]" } else { "" };
        line(&pair("callbacks", &Value::Array(self.callbacks.clone())), about);
        line("\n[run]", "");
        line(&format!("seed = {}", self.seed), "");
        // Only where they decide anything.
        if self.on_nan != OnNan::Stop {
            line(
                &format!("on_nan = {}", quoted(self.on_nan.name())),
                "what to do about a loss that is not finite",
            );
        }
        if self.portable_math {
            line("portable_math = true", "the same bits on every machine");
        }
        text
    }
}

fn known(name: &Path) -> Option<&'static Known> {
    let name = name.to_str()?.replace('-', "_");
    KNOWN.iter().find(|known| known.name == name)
}

/// The tutorial's network for a known data set; for a table one that predicts its target.
fn tutorial(known: &Known) -> String {
    let inputs: usize = known.sample_shape().iter().product();
    let dense = |units: usize, activation: &str| {
        format!("[[model.layers]]\nclass = \"Dense\"\nunits = {units}\nactivation = \"{activation}\"\n")
    };
    let (compile, fit, layers) = match known.samples {
        Samples::Table { unit, .. } => {
            let mut layers = format!(
                "[[model.layers]]\nclass = \"Normalization\"\n{0}{0}{1}",
                dense(64, "relu"),
                dense(1, "linear"),
            );
            if unit != 1.0 {
                layers += &format!("[[model.layers]]\nclass = \"Rescaling\"\nscale = {unit:?}\n");
            }
            // As many steps for a small table as for a large one.
            let epochs = if known.rows[0] < 1000 { 100 } else { 30 };
            let compile = "loss = \"mse\", optimizer = \"adam\", metrics = [\"mae\"]";
            (compile, format!("epochs = {epochs}, batch_size = 32"), layers)
        }
        _ => {
            let first = dense(1000, "relu") + &format!("input_dim = {inputs}\n");
            let layers = first + &dense(known.classes().unwrap_or(1), "softmax");
            let compile = "loss = \"categorical_crossentropy\", optimizer = \"adam\", metrics = [\"acc\"]";
            (compile, "epochs = 50, batch_size = 64".to_owned(), layers)
        }
    };
    format!(
        "name = \"{name}\"\n\
         data = {{ source = \"{name}\" }}\n\
         compile = {{ {compile} }}\n\
         fit = {{ {fit}, validation = \"test\" }}\n\
         [model]\nclass = \"Sequential\"\n{layers}",
        name = known.name,
    )
}

/// `key = value` on one line.
fn pair(key: &str, value: &Value) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key = if bare { key.to_owned() } else { Value::from(key).to_string() };
    format!("{key} = {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Experiment> {
        Experiment::parse(text, "test", Path::new("/base"))
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let mut experiment = parse(
            "data.source = 'some/\"file\".npz'\n[model]\nclass = 'Sequential'\n'odd key' = 1\n\
             layers = [{ class = 'Dense', units = 3, kernel_initializer = { class = 'GlorotUniform', seed = 1 } }, 'Flatten']\n\
             [compile]\nloss = 'mse'\n[fit]\nvalidation = 0.25\nepochs = 3\n\
             callbacks = ['TerminateOnNaN', { class = 'EarlyStopping', patience = 5, min_delta = 0.5 }]",
        )
        .unwrap();
        assert_eq!((&*experiment.source, experiment.batch_size), ("/base/some/\"file\".npz", 32));
        assert_eq!(parse(&experiment.to_toml()).unwrap(), experiment);
        experiment.set_learning_rate(0.1);
        experiment.read_from(Path::new("/elsewhere"));
        (experiment.on_nan, experiment.portable_math) = (OnNan::Rollback, true);
        assert_eq!(parse(&experiment.to_toml()).unwrap(), experiment);
        assert!(experiment.to_toml().contains("optimizer = { class = \"rmsprop\", learning_rate = 0.1 }"));
    }

    #[test]
    fn errors_name_section_and_key() {
        let good = "data.source = 'mnist'\nmodel.class = 'Sequential'\n";
        for (text, want) in [
            ("", "[data] source is missing: a data set's name or a path, such as source = \"mnist\""),
            ("data = 1", "data = 1, expected a section [data]"),
            ("[data]\nsource = 7", "[data] source = 7, expected a text in quotes"),
            (
                "[data]\nsource = 'mnist'\nrows = 7",
                "[data] rows is not a key: expected source, path, target, missing, task, test_split, header",
            ),
            ("data.source = 'mnist'", "[model] class is missing: class = \"Sequential\""),
            (
                &format!("{good}fit.epochs = 'five'"),
                "[fit] epochs = \"five\", expected a whole number, at least 1",
            ),
            (&format!("{good}fit.epochs = 0"), "[fit] epochs = 0, expected a whole number, at least 1"),
            (
                &format!("{good}fit.epoch = 5"),
                "[fit] epoch is not a key: expected epochs, batch_size, validation, callbacks",
            ),
            (
                &format!("{good}fit.validation = 1.5"),
                "[fit] validation = 1.5, expected \"test\" or a fraction between 0 and 1, such as 0.2",
            ),
            (
                &format!("{good}fit.callbacks = 'EarlyStopping'"),
                "[fit] callbacks = \"EarlyStopping\", expected a list, such as \
                 [{ class = \"EarlyStopping\", patience = 5 }]",
            ),
            (&format!("{good}run.seed = -1"), "[run] seed = -1, expected a whole number, at least 0"),
            (
                &format!("{good}run.on_nan = 'hope'"),
                "[run] on_nan = \"hope\", expected \"stop\", \"skip\" or \"rollback\"",
            ),
            (&format!("{good}run.portable_math = 1"), "[run] portable_math = 1, expected true or false"),
            (
                &format!("{good}fitt.epochs = 1"),
                "fitt is not a key: expected name, [data], [model], [compile], [fit], [run]",
            ),
            ("name = 'a'\nname = 'b'", "line 2: duplicate key"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want);
        }
        let error =
            parse(&format!("{good}[compile]\noptimizer = {{ class = 'adam', learning_rate = nan }}")).unwrap();
        let error = format!("{:#}", error.model().map(|_| ()).unwrap_err());
        assert!(error.starts_with("[model]: "), "{error}");
    }
}
