//! `cargo xtask new layer Foo`: the file of a new word, with its head and a test, and its line in the registry.
//!
//! The file is one of `xtask/templates`, in which `{{Foo}}` is the class and `{{foo}}` the word. The line looks
//! like the first of the registry: the kinds differ in what they want to know.

use crate::registry::{self, Tokens};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What to make.
#[derive(Args)]
pub struct Options {
    /// The kind of word
    kind: Kind,
    /// Keras's class name, such as `LeakyReLU`
    name: String,
    /// The word and the name of its file, where it is not the class name in snake case, such as `prelu` for
    /// `PReLU`
    #[arg(long, value_name = "WORD")]
    word: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Layer,
    Activation,
    Loss,
    Metric,
    Optimizer,
    Schedule,
    Callback,
}

impl Kind {
    /// Folder in `crates/vanilla/src`, template, and what is left to do.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Layer => (
                "layers",
                include_str!("../templates/layer.rs.txt"),
                "add it to the table of tests/contract.rs; compare with recorded Keras values",
            ),
            Kind::Activation => (
                "activations",
                include_str!("../templates/activation.rs.txt"),
                "record Keras's values and slopes under this name",
            ),
            Kind::Loss => (
                "losses",
                include_str!("../templates/loss.rs.txt"),
                "record Keras's value and gradient, and add the loss to every_loss_and_optimizer_learns_the_moons",
            ),
            Kind::Metric => ("metrics", include_str!("../templates/metric.rs.txt"), "record Keras's value"),
            Kind::Schedule => (
                "schedules",
                include_str!("../templates/schedule.rs.txt"),
                "record Keras's rates of thirty steps, and add a line to the table in tests/contract.rs",
            ),
            Kind::Callback => (
                "callbacks",
                include_str!("../templates/callback.rs.txt"),
                "compare the history of a training with Keras's, and add a line to the table in tests/contract.rs",
            ),
            Kind::Optimizer => (
                "optimizers",
                include_str!("../templates/optimizer.rs.txt"),
                "record Keras's steps, and add the optimizer to every_loss_and_optimizer_learns_the_moons",
            ),
        }
    }
}

/// Words that no module can have as its name, and `tests`, which means something else in a folder of words.
#[rustfmt::skip]
const RESERVED: [&str; 46] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "tests",
    "trait", "true", "try", "type", "unsafe", "use", "where", "while",
];

pub fn run(options: &Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the repository")?;
    let sources = root.join("crates/vanilla/src");
    let made = make(&sources, options.kind, &options.name, options.word.as_deref())?;
    let shown = made.strip_prefix(&root).unwrap_or(&made).display();
    let (folder, _, left) = options.kind.parts();
    println!("new: {shown} and its line in crates/vanilla/src/{folder}/mod.rs");
    println!("Write the head first, then the formula; {left}; then `cargo xtask reference`.");
    Ok(())
}

/// Writes the file and the registry's line below `sources`; answers the file's path.
fn make(sources: &Path, kind: Kind, class: &str, word: Option<&str>) -> Result<PathBuf> {
    let (folder, template, _) = kind.parts();
    let place = format!("new {kind:?}").to_lowercase();
    ensure!(
        class.len() <= 60
            && class.starts_with(|c: char| c.is_ascii_uppercase())
            && class.chars().all(|c| c.is_ascii_alphanumeric()),
        "{place}: received the name {class:?}, expected Keras's class name, letters and digits with a capital \
         first, such as LeakyReLU"
    );
    let word = word.map_or_else(|| snake(class), str::to_owned);
    ensure!(
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !RESERVED.contains(&&*word),
        "{place}: received the word {word:?}, expected small letters, digits and _, and no word of Rust; give \
         another one with --word"
    );
    let folder = sources.join(folder);
    let (registry, file) = (folder.join("mod.rs"), folder.join(format!("{word}.rs")));
    let text = std::fs::read_to_string(&registry)
        .with_context(|| format!("{place}: {} cannot be read", registry.display()))?;
    let text = with_line(&text, class, &word).map_err(|error| anyhow!("{place}: {error:#}"))?;
    if file.exists() || folder.join(&word).exists() {
        bail!(
            "{place}: received {class}, expected a new word, but {} is there; give another name",
            file.display()
        );
    }
    let content = template.replace("{{Foo}}", class).replace("{{foo}}", &word);
    std::fs::write(&file, content).with_context(|| format!("{place}: {} cannot be written", file.display()))?;
    std::fs::write(&registry, text)
        .with_context(|| format!("{place}: {} cannot be written", registry.display()))?;
    Ok(file)
}

/// The registry's text with a line for the word, in its place by the alphabet.
fn with_line(text: &str, class: &str, word: &str) -> Result<String> {
    let (entries, end) = registry::entries(text)?;
    let known = entries.iter().find(|entry| {
        let names = entry.names.iter().any(|name| name == class || name == word);
        names || entry.module == word || entry.word.as_deref() == Some(class)
    });
    if let Some(known) = known {
        let line = text[known.place.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        bail!("received {class} ({word}), expected a new word, but the registry has `{line}`; give another name");
    }
    let first =
        entries.first().context("received an empty registry, expected a line to go by; write the first one")?;
    let line = like(&text[first.place.clone()], class, word);
    let at = entries.iter().find(|entry| *entry.module > *word).map_or(end, |next| next.place.start);
    // The beginning of that line: comments may stand above, and belong to whatever they stand above.
    let at = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    Ok(format!("{}    {line};\n{}", &text[..at], &text[at..]))
}

/// A line for the word that looks like that of another one; of a list of names only the first is wanted.
fn like(line: &str, class: &str, word: &str) -> String {
    let mut out = String::new();
    let (mut first, mut in_list) = (true, false);
    for (token, _) in Tokens::new(line) {
        let capital = token.trim_start_matches('"').starts_with(|c: char| c.is_ascii_uppercase());
        let name = if capital { class } else { word };
        match token {
            "[" => {
                out.push_str(" [");
                (first, in_list) = (true, true);
                continue;
            }
            "]" => {
                out.push(']');
                in_list = false;
            }
            _ if in_list && !first => continue,
            _ => {
                let quote = if token.starts_with('"') { "\"" } else { "" };
                let space = if first { "" } else { " " };
                out.push_str(&format!("{space}{quote}{name}{quote}"));
            }
        }
        first = false;
    }
    out
}

/// Keras's way from a class name to a word: `_` before a capital behind a small letter or before one.
fn snake(class: &str) -> String {
    let chars: Vec<char> = class.chars().collect();
    let mut word = String::new();
    for (i, c) in chars.iter().enumerate() {
        let small = |c: Option<&char>| c.is_some_and(char::is_ascii_lowercase);
        if i > 0 && c.is_ascii_uppercase() && (small(chars.get(i - 1)) || small(chars.get(i + 1))) {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 5] = [Kind::Layer, Kind::Activation, Kind::Loss, Kind::Metric, Kind::Optimizer];

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// A copy of the kind's registry in a folder of its own, which is removed in the end.
    struct Copy(PathBuf, &'static str);

    impl Copy {
        fn new(kind: Kind, test: &str) -> Option<Copy> {
            let folder = kind.parts().0;
            let registry = root().join("crates/vanilla/src").join(folder).join("mod.rs");
            if !registry.exists() {
                return None;
            }
            let place = format!("vanilla-xtask-{}-{test}-{folder}", std::process::id());
            let copy = Copy(std::env::temp_dir().join(place), folder);
            std::fs::create_dir_all(copy.0.join(folder)).unwrap();
            std::fs::copy(registry, copy.0.join(folder).join("mod.rs")).unwrap();
            Some(copy)
        }
        fn read(&self, file: &str) -> String {
            std::fs::read_to_string(self.0.join(self.1).join(file)).unwrap()
        }
    }

    impl Drop for Copy {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_new_word_has_its_file_and_its_line() {
        let mut kinds = 0;
        for kind in KINDS {
            // Activations are one file without a registry as long as they are not split.
            let Some(copy) = Copy::new(kind, "line") else { continue };
            kinds += 1;
            let before = copy.read("mod.rs");
            let path = make(&copy.0, kind, "EarlyBird", None).unwrap();
            make(&copy.0, kind, "Zzz", None).unwrap();
            assert!(path.ends_with("early_bird.rs"));
            let after = copy.read("mod.rs");
            // Two lines more and nothing else, in the order of the alphabet.
            let added: Vec<&str> = after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
            assert_eq!(added.len(), 2, "{added:?}");
            assert!(added[0].starts_with("    early_bird EarlyBird") && added[0].ends_with(';'), "{added:?}");
            let rest: Vec<&str> = after.lines().filter(|line| !added.contains(line)).collect();
            assert_eq!(rest, before.lines().collect::<Vec<_>>());
            let modules = |text: &str| -> Vec<String> {
                registry::entries(text).unwrap().0.into_iter().map(|entry| entry.module).collect()
            };
            let mut expected = modules(&before);
            expected.extend(["early_bird".to_owned(), "zzz".to_owned()]);
            expected.sort();
            assert_eq!(modules(&after), expected);
        }
        assert!(kinds >= 4);
    }

    #[test]
    fn every_template_has_the_head_and_a_test() {
        for kind in KINDS {
            let (_, template, _) = kind.parts();
            let text = template.replace("{{Foo}}", "EarlyBird").replace("{{foo}}", "early_bird");
            assert!(!text.contains("{{") && !text.contains("}}}"), "{kind:?}");
            assert!(text.starts_with("//! `"), "{kind:?}");
            let mut parts = vec!["**Formula**", "**Config**", "**Reference**"];
            match kind {
                Kind::Optimizer => parts.push("**Slots**"),
                Kind::Metric => parts.push("**Shapes**"),
                _ => parts.extend(["**Shapes**", "**Gradient**"]),
            }
            for part in parts {
                assert!(text.lines().any(|line| line.starts_with(&format!("//! {part} "))), "{kind:?}: {part}");
            }
            let order = ["\npub struct EarlyBird", "\nimpl ", "\n#[cfg(test)]\nmod tests {", "    #[test]\n"];
            let places: Vec<Option<usize>> = order.iter().map(|mark| text.find(mark)).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{kind:?}: {places:?}");
            assert!(text.lines().all(|line| line.len() <= 115) && text.ends_with("}\n"), "{kind:?}");
        }
    }

    #[test]
    fn what_is_there_already_and_bad_names_are_refused() {
        let copy = Copy::new(Kind::Loss, "refused").unwrap();
        let before = copy.read("mod.rs");
        let error = |class: &str, word: Option<&str>| {
            let error = make(&copy.0, Kind::Loss, class, word).unwrap_err();
            format!("{error:#}")
        };
        for (class, word, message) in [
            ("MeanSquaredError", None, "but the registry has `mean_squared_error MeanSquaredError"),
            ("Mse", None, "but the registry has `mean_squared_error"),
            ("Other", Some("mae"), "but the registry has `mean_absolute_error"),
            ("lower", None, "new loss: received the name \"lower\", expected Keras's class name"),
            ("Two Words", None, "expected Keras's class name"),
            ("../Up", None, "expected Keras's class name"),
            ("", None, "expected Keras's class name"),
            ("Loop", None, "received the word \"loop\""),
            ("Fine", Some("../fine"), "received the word \"../fine\""),
            ("Fine", Some("Fine"), "received the word \"Fine\""),
        ] {
            let error = error(class, word);
            assert!(error.contains(message), "{class} {word:?}: {error}");
        }
        std::fs::write(copy.0.join("losses/fresh.rs"), "//! Somebody's.\n").unwrap();
        assert!(error("Fresh", None).contains("is there; give another name"));
        assert_eq!((copy.read("mod.rs"), copy.read("fresh.rs")), (before, "//! Somebody's.\n".to_owned()));
    }

    #[test]
    fn lines_look_like_those_of_their_kind() {
        for (line, expected) in [
            ("dense Dense", "foo_bar FooBar"),
            ("adam Adam \"Adam\" \"adam\"", "foo_bar FooBar \"FooBar\" \"foo_bar\""),
            ("mse Mse \"Mse\"\n  [\"mse\", \"MSE\"]", "foo_bar FooBar \"FooBar\" [\"foo_bar\"]"),
            ("silu Silu [\"silu\", \"swish\"]", "foo_bar FooBar [\"foo_bar\"]"),
        ] {
            assert_eq!(like(line, "FooBar", "foo_bar"), expected);
        }
    }

    #[test]
    fn words_of_classes() {
        let classes = ["Dense", "LeakyReLU", "PReLU", "ELU", "L1L2", "CategoricalCrossentropy", "Conv2DTranspose"];
        let words =
            ["dense", "leaky_re_lu", "p_re_lu", "elu", "l1l2", "categorical_crossentropy", "conv2d_transpose"];
        assert_eq!(classes.map(snake), words);
    }
}
