//! `docs/keras.md` beside Keras's own lists (`interop/list_words.py`) and Vanilla's registries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vanilla::config::Keys;
use vanilla::initializers::Initializer;

/// Kind in the recorded lists, heading in the document, folder of the registries.
const KINDS: [(&str, &str, &[&str]); 20] = [
    ("layers", "Layers", &["layers", "preprocessing"]),
    ("activations", "Activations", &["activations"]),
    ("initializers", "Initializers", &["initializers"]),
    ("regularizers", "Regularizers", &["regularizers"]),
    ("constraints", "Constraints", &["constraints"]),
    ("losses", "Losses", &["losses"]),
    ("metrics", "Metrics", &["metrics"]),
    ("optimizers", "Optimizers", &["optimizers"]),
    ("schedules", "Schedules", &["schedules"]),
    ("callbacks", "Callbacks", &["callbacks"]),
    ("compile", "`compile`", &[]),
    ("fit", "`fit`", &[]),
    ("evaluate", "`evaluate`", &[]),
    ("predict", "`predict`", &[]),
    ("train_on_batch", "`train_on_batch`", &[]),
    ("test_on_batch", "`test_on_batch`", &[]),
    ("predict_on_batch", "`predict_on_batch`", &[]),
    ("models", "Models", &[]),
    ("model", "Methods of a model", &[]),
    ("utils", "Utilities", &[]),
];

/// Words that no registry needs: graphs begin with them.
const OF_GRAPHS: [&str; 2] = ["Input", "InputLayer"];
/// A word that is known only to be refused with its reason.
const REFUSED: &str = "BackupAndRestore";
/// Arguments that are those of a function and not a method of its options, and types.
const WITHOUT_A_METHOD: [&str; 8] =
    ["x", "y", "loss", "optimizer", "callbacks", "Model", "Sequential", "load_model"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The parts of a text between backticks or quotes.
fn between(text: &str, mark: char) -> Vec<String> {
    text.split(mark).skip(1).step_by(2).map(str::to_owned).collect()
}

/// A line of a table: its words, as they are linked, and the answer.
struct Row {
    words: Vec<String>,
    links: Vec<String>,
    answer: String,
}

/// The rows below a heading.
fn rows(document: &str, heading: &str) -> Vec<Row> {
    let below =
        document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    let below = below.split("\n## ").next().unwrap();
    let lines = below.lines().filter_map(|line| line.strip_prefix("| ")).skip(2);
    lines
        .map(|line| {
            let (words, answer) = line.trim_end_matches(" |").split_once(" | ").unwrap();
            let links = words.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned());
            Row { words: between(words, '`'), links: links.collect(), answer: answer.to_owned() }
        })
        .collect()
}

/// The registry of a folder: each word by its class, with all of its names.
fn registry(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = read(&format!("crates/vanilla/src/{folder}/mod.rs"));
    let lines = text.lines().skip_while(|line| *line != "registry! {").skip(1).take_while(|line| *line != "}");
    let mut words = BTreeMap::<String, BTreeSet<String>>::new();
    let mut class = String::new();
    for line in lines {
        // An entry may go on in a second line, further in.
        if !line.starts_with("     ") {
            let word = line.split_whitespace().nth(1).unwrap().trim_end_matches(';');
            class = match folder {
                "activations" => between(line, '"')[0].clone(),
                _ => word.replace("ActivationLayer", "Activation"),
            };
        }
        let names = words.entry(class.clone()).or_default();
        names.insert(class.clone());
        names.extend(between(line, '"'));
    }
    if folder == "activations" {
        words.insert("threshold".into(), BTreeSet::from(["threshold".into()]));
    }
    words
}

/// What the library can be asked for by this name.
fn methods() -> String {
    let folders = ["", "saving", "export"].map(|folder| root().join("crates/vanilla/src").join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

fn keras() -> BTreeMap<String, Vec<String>> {
    let lists: serde_json::Value = serde_json::from_str(include_str!("golden/keras_words.json")).unwrap();
    let lists = lists.as_object().unwrap().iter().filter_map(|(kind, names)| Some((kind, names.as_array()?)));
    let strings =
        |names: &Vec<serde_json::Value>| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    lists.map(|(kind, names)| (kind.clone(), strings(names))).collect()
}

#[test]
fn every_word_of_keras_has_one_answer() {
    let (document, lists) = (read("docs/keras.md"), keras());
    assert_eq!(lists.len(), KINDS.len());
    for (kind, heading, folders) in KINDS {
        let keras: BTreeSet<&String> = lists[kind].iter().collect();
        let mut seen = BTreeSet::new();
        for row in &rows(&document, heading) {
            let kinds_of_answer = ["yes", "yes: ", "no: ", "other: "];
            let said = kinds_of_answer.iter().any(|begin| match *begin {
                "yes" => row.answer == "yes",
                begin => row.answer.starts_with(begin) && row.answer.len() > begin.len(),
            });
            assert!(said, "{kind}: {:?} has the answer {:?}", row.words, row.answer);
            for word in &row.words {
                assert!(seen.insert(word.clone()), "{kind}: {word} stands there twice");
                let own = row.answer == "yes: Vanilla's own" && !folders.is_empty();
                assert!(keras.contains(word) != own, "{kind}: {word} is {}Keras's", if own { "" } else { "not " });
            }
        }
        let missing: Vec<_> = keras.iter().filter(|word| !seen.contains(**word)).collect();
        assert!(missing.is_empty(), "docs/keras.md, {kind}: no word of {missing:?}");
    }
}

#[test]
fn yes_is_what_the_registries_have() {
    let document = read("docs/keras.md");
    for (kind, heading, folders) in KINDS.into_iter().filter(|(.., folders)| !folders.is_empty()) {
        let registered: BTreeMap<_, _> = folders.iter().flat_map(|folder| registry(folder)).collect();
        let rows = rows(&document, heading);
        let yes: BTreeSet<&String> =
            rows.iter().filter(|row| row.answer.starts_with("yes")).flat_map(|row| &row.words).collect();
        for word in &yes {
            let known = registered.values().any(|names| names.contains(*word))
                || kind == "initializers" && Initializer::from_config(word, Keys::new()).is_ok()
                || kind == "layers" && OF_GRAPHS.contains(&word.as_str());
            assert!(known, "{kind}: docs/keras.md says yes to {word}, which no registry has");
        }
        for class in registered.keys().filter(|class| *class != REFUSED) {
            assert!(
                yes.contains(class),
                "{kind}: {class} is registered, and docs/keras.md does not say yes to it"
            );
        }
        // Links lead to an entry of the manual.
        for link in rows.iter().flat_map(|row| &row.links) {
            let (page, anchor) = link.split_once('#').unwrap();
            let page = read(&format!("docs/{page}"));
            let entries = page.lines().filter_map(|line| line.strip_prefix("## "));
            let found = entries.map(str::to_lowercase).any(|entry| entry == anchor);
            assert!(found, "{link} leads nowhere: write the manual with `cargo xtask reference`");
        }
    }
}

#[test]
fn yes_to_an_argument_is_a_method() {
    let (document, methods) = (read("docs/keras.md"), methods());
    for (kind, heading, _) in KINDS.into_iter().filter(|(.., folders)| folders.is_empty()) {
        let rows = rows(&document, heading);
        let yes = rows.iter().filter(|row| row.answer.starts_with("yes")).flat_map(|row| &row.words);
        for word in yes.filter(|word| !WITHOUT_A_METHOD.contains(&word.as_str())) {
            let found = ["(", "<"].iter().any(|next| methods.contains(&format!("pub fn {word}{next}")));
            assert!(found, "{kind}: docs/keras.md says yes to {word}, and there is no such function");
        }
    }
}
