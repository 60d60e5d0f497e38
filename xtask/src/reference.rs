//! `cargo xtask reference`: the manual of the words, `docs/reference/`, from the heads of their files.
//!
//! A kind has a page, a word of its registry an entry on it. The fixed parts of the head (**Formula**, **Shapes**,
//! **Config**, **Gradient**, **Reference**, and whatever else begins a line in bold) become the lines of a table;
//! other paragraphs follow below. Words that have a file but no line in the registry come last.

use crate::registry::{self, Entry};
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folder and title of each kind, in the order of the index.
const KINDS: [(&str, &str); 11] = [
    ("layers", "Layers"),
    ("preprocessing", "Preprocessing layers"),
    ("activations", "Activations"),
    ("initializers", "Initializers"),
    ("regularizers", "Regularizers"),
    ("constraints", "Constraints"),
    ("losses", "Losses"),
    ("metrics", "Metrics"),
    ("optimizers", "Optimizers"),
    ("schedules", "Schedules"),
    ("callbacks", "Callbacks"),
];

/// How to make pages anew.
const WAY_OUT: &str = "write them with `cargo xtask reference`";

/// The lines of a difference that are shown, of each side.
const SHOWN: usize = 12;

/// Writes the pages, or with `check` compares them with what is there.
pub fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the repository")?;
    let pages = pages(&root)?;
    let folder = root.join("docs/reference");
    let found = committed(&folder)?;
    let differences = differences(&pages, &found);
    if check {
        ensure!(differences.is_empty(), "docs/reference is stale; {WAY_OUT}\n\n{}", differences.join("\n"));
        return Ok(());
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for name in found.keys().filter(|name| !pages.contains_key(*name)) {
        let path = folder.join(name);
        std::fs::remove_file(&path).with_context(|| format!("{}: cannot be removed", path.display()))?;
    }
    for (name, text) in &pages {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    eprintln!("reference: {} pages in docs/reference, {} of them changed", pages.len(), differences.len());
    Ok(())
}

/// The pages by file name. A kind without a registry has none.
pub fn pages(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    let mut index =
        "# Reference\n\nEvery word that Vanilla knows, with its formula, its keys and where it differs \
                     from Keras. The pages are written by `cargo xtask reference` from the heads of the words' \
                     files.\n\n| | words |\n| --- | --- |\n"
            .to_owned();
    for (folder, title) in KINDS {
        let path = root.join("crates/vanilla/src").join(folder);
        if !path.join("mod.rs").exists() {
            continue;
        }
        let words = words(&path).with_context(|| format!("crates/vanilla/src/{folder}"))?;
        let links = |page: &str| {
            let links = words.iter().map(|word| format!("[{}]({page}#{})", word.title, slug(&word.title)));
            links.collect::<Vec<_>>().join(", ")
        };
        let page = format!("{folder}.md");
        let _ = writeln!(index, "| [{title}]({page}) | {} |", links(&page));
        let mut text = format!(
            "# {title}\n\nEach entry is the head of a file in \
             [`crates/vanilla/src/{folder}`](../../crates/vanilla/src/{folder}); `cargo xtask reference` writes \
             this page.\n\n{}\n",
            links("")
        );
        words.iter().for_each(|word| text.push_str(&word.show(folder)));
        pages.insert(page, text);
    }
    pages.insert("README.md".to_owned(), index);
    Ok(pages)
}

/// The words of a kind in the order of its registry, then those that have none of its lines.
fn words(folder: &Path) -> Result<Vec<Word>> {
    let read =
        |path: &Path| std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()));
    let (entries, _) = registry::entries(&read(&folder.join("mod.rs"))?).context("mod.rs")?;
    let mut words = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        if !seen.insert(entry.module.clone()) {
            continue;
        }
        let inner = PathBuf::from(&entry.module).join("mod.rs");
        let file = if folder.join(&inner).exists() { inner } else { format!("{}.rs", entry.module).into() };
        let text = read(&folder.join(&file))?;
        words.push(Word::read(&text, file, &entry).with_context(|| format!("{}.rs", entry.module))?);
    }
    let mut others = Vec::new();
    for file in std::fs::read_dir(folder).context("cannot be listed")? {
        let path = file.context("cannot be listed")?.path();
        let module = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || module == "mod" || seen.contains(&module)
        {
            continue;
        }
        let text = read(&path)?;
        if text.lines().any(|line| line.starts_with("//! **Formula**")) {
            others.push((module, text));
        }
    }
    others.sort();
    for (module, text) in others {
        let file = PathBuf::from(format!("{module}.rs"));
        let entry = Entry { module, word: None, names: Vec::new(), place: 0..0 };
        words.push(Word::read(&text, file, &entry).with_context(|| format!("{}.rs", entry.module))?);
    }
    Ok(words)
}

/// A word as its head describes it.
#[derive(Debug)]
struct Word {
    title: String,
    file: PathBuf,
    /// The Rust type.
    rust: Option<String>,
    other_names: Vec<String>,
    summary: String,
    parts: Vec<(String, String)>,
    /// Lines below the parts.
    more: Vec<String>,
}

impl Word {
    fn read(text: &str, file: PathBuf, entry: &Entry) -> Result<Word> {
        let head = text.lines().take_while(|line| line.starts_with("//!"));
        let head: Vec<&str> = head.map(|line| line[3..].strip_prefix(' ').unwrap_or(&line[3..])).collect();
        let mut paragraph: Vec<&str> = head.iter().copied().take_while(|line| !line.is_empty()).collect();
        if paragraph.is_empty() {
            bail!("received no header, expected `//!` lines: a line with the word, then **Formula** and so on");
        }
        let rest = &head[paragraph.len()..];
        let (mut title, mut first) = (entry.word.as_ref().unwrap_or(&entry.module).clone(), paragraph[0]);
        if let Some((name, after)) = first.strip_prefix('`').and_then(|name| name.split_once('`')) {
            title = name.to_owned();
            first = after.trim_start_matches(['.', ':', ' ']);
        }
        paragraph[0] = first;
        let mut word = Word {
            other_names: entry.names.iter().filter(|name| **name != title).cloned().collect(),
            title,
            file,
            rust: entry.word.clone(),
            summary: plain(&capital(paragraph.join(" ").trim())),
            parts: Vec::new(),
            more: Vec::new(),
        };
        let mut in_part = false;
        for line in rest {
            if let Some((name, text)) = line.strip_prefix("**").and_then(|line| line.split_once("**")) {
                word.parts.push((name.to_owned(), text.trim().to_owned()));
                in_part = true;
            } else if let (true, false, Some((_, text))) = (in_part, line.is_empty(), word.parts.last_mut()) {
                text.push(' ');
                text.push_str(line.trim());
            } else {
                in_part = false;
                word.more.push(plain(line));
            }
        }
        word.parts.iter_mut().for_each(|(_, text)| *text = plain(text));
        Ok(word)
    }

    fn show(&self, folder: &str) -> String {
        let mut text = format!("\n## {}\n", self.title);
        if !self.summary.is_empty() {
            let _ = write!(text, "\n{}\n", self.summary);
        }
        let quoted = |name: &String| format!("`\"{name}\"`");
        let names = self.other_names.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let path = self.file.display().to_string().replace('\\', "/");
        let link = format!("../../crates/vanilla/src/{folder}/{path}");
        let rust = match &self.rust {
            Some(rust) => format!("[`vanilla::{folder}::{rust}`]({link})"),
            None => format!("[`{folder}/{path}`]({link})"),
        };
        let mut rows = self.parts.clone();
        if !names.is_empty() {
            rows.push(("Other names".to_owned(), names));
        }
        rows.push(("In Rust".to_owned(), rust));
        text.push_str("\n| | |\n| --- | --- |\n");
        for (name, value) in rows {
            // A bar would end the cell, in code too.
            let _ = writeln!(text, "| **{name}** | {} |", value.replace('|', "\\|"));
        }
        let more = self.more.join("\n");
        if !more.trim().is_empty() {
            let _ = write!(text, "\n{}\n", more.trim());
        }
        text
    }
}

/// A sentence with a capital letter, unless it begins with a variable.
fn capital(text: &str) -> String {
    let variable = text.split(' ').next().is_some_and(|word| word.chars().count() == 1 && word != "a");
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !variable => first.to_uppercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// GitHub's name for the place of a heading.
fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

/// Text without rustdoc's links to items, which lead nowhere in a document; links to pages stay.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("[`") {
        let Some(end) = rest[start..].find("`]").map(|end| start + end) else { break };
        let (code, after) = (&rest[start + 1..=end], &rest[end + 2..]);
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        out.push_str(&rest[..start]);
        match target {
            Some((target, after)) if target.contains("://") => {
                let _ = write!(out, "[{code}]({target})");
                rest = after;
            }
            Some((_, after)) => {
                out.push_str(code);
                rest = after;
            }
            None => {
                out.push_str(code);
                rest = after;
            }
        }
    }
    out + rest
}

/// The Markdown files in a folder; none where the folder is missing.
fn committed(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if !folder.exists() {
        return Ok(found);
    }
    for file in std::fs::read_dir(folder).with_context(|| format!("{}: cannot be listed", folder.display()))? {
        let path = file.with_context(|| format!("{}: cannot be listed", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.ends_with(".md") {
            let text = std::fs::read_to_string(&path);
            found.insert(name, text.with_context(|| format!("{}: cannot be read", path.display()))?);
        }
    }
    Ok(found)
}

/// What would change in each page: the lines between the first and the last that differ.
fn differences(pages: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = pages.keys().chain(found.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        let lines = |pages: &BTreeMap<String, String>| -> Vec<String> {
            pages.get(name).map_or(Vec::new(), |text| text.split('\n').map(str::to_owned).collect())
        };
        let (old, new) = (lines(found), lines(pages));
        if old == new {
            continue;
        }
        let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let rest = old.len().min(new.len()) - same;
        let behind = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
        let mut text = format!("--- docs/reference/{name}, line {}\n", same + 1);
        for (sign, lines) in [('-', &old), ('+', &new)] {
            let changed = &lines[same..lines.len() - behind];
            changed.iter().take(SHOWN).for_each(|line| {
                let _ = writeln!(text, "{sign} {line}");
            });
            if changed.len() > SHOWN {
                let _ = writeln!(text, "{sign} and {} lines more", changed.len() - SHOWN);
            }
        }
        differences.push(text);
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(module: &str, word: &str, names: &[&str]) -> Entry {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Entry { module: module.into(), word: Some(word.into()), names, place: 0..0 }
    }

    #[test]
    fn the_committed_pages_are_those_of_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let differences = differences(&pages(&root).unwrap(), &committed(&root.join("docs/reference")).unwrap());
        assert!(differences.is_empty(), "docs/reference is stale; {WAY_OUT}\n\n{}", differences.join("\n"));
    }

    #[test]
    fn a_head_becomes_an_entry() {
        let head = "//! `MeanAbsoluteError`: how far off, on the\n//! average.\n//!\n//! **Formula** `|p - t|`,\n\
                    //! the mean\n//! **Config** none\n//! **Reference** [`Loss`](super::Loss), \
                    [`Keras`](https://keras.io)\n//!\n//! Differs from [`Other`].\n\nuse a;\n//! not the head\n";
        let entry = entry("mae", "MeanAbsoluteError", &["MeanAbsoluteError", "mae"]);
        let word = Word::read(head, "mae.rs".into(), &entry).unwrap();
        let expected = "\n## MeanAbsoluteError\n\nHow far off, on the average.\n\n| | |\n| --- | --- |\n\
                        | **Formula** | `\\|p - t\\|`, the mean |\n| **Config** | none |\n\
                        | **Reference** | `Loss`, [`Keras`](https://keras.io) |\n\
                        | **Other names** | `\"mae\"` |\n\
                        | **In Rust** | \
                        [`vanilla::losses::MeanAbsoluteError`](../../crates/vanilla/src/losses/mae.rs) |\n\n\
                        Differs from `Other`.\n";
        assert_eq!(word.show("losses"), expected);
        let error = Word::read("use a;\n", "mae.rs".into(), &entry).unwrap_err().to_string();
        assert!(error.contains("received no header"), "{error}");
    }

    #[test]
    fn a_difference_shows_both_sides() {
        let page = |text: &str| BTreeMap::from([("a.md".to_owned(), text.to_owned())]);
        assert_eq!(differences(&page("1\n2\n3"), &page("1\n2\n3")), [""; 0]);
        let shown = "--- docs/reference/a.md, line 2\n- two\n- two and a half\n+ 2\n";
        assert_eq!(differences(&page("1\n2\n3"), &page("1\ntwo\ntwo and a half\n3")), [shown]);
        let gone = differences(&BTreeMap::new(), &page("1"));
        assert_eq!(gone, ["--- docs/reference/a.md, line 1\n- 1\n"]);
        let long = differences(&page(&"x\n".repeat(40)), &BTreeMap::new());
        assert!(long[0].ends_with("+ and 29 lines more\n"), "{}", long[0]);
    }

    #[test]
    fn capitals_and_places_of_headings() {
        let sentences = ["a relu.", "x where it is large.", "älter.", ""].map(capital);
        assert_eq!(sentences, ["A relu.", "x where it is large.", "Älter.", ""]);
        assert_eq!(["Dense", "hard_silu", "A b-c!"].map(slug), ["dense", "hard_silu", "a-b-c"]);
    }
}
