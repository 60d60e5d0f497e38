//! What the documents show is what there is.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust blocks of a document.
fn rust(document: &str) -> Vec<String> {
    let text = read(document);
    let blocks = text.split("```rust").skip(1);
    blocks.map(|block| block.split_once('\n').unwrap().1.split("```").next().unwrap().to_owned()).collect()
}

/// Lines without their indentation, empty ones left out.
fn lines(code: &str) -> Vec<&str> {
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("#[rustfmt")).collect()
}

#[test]
fn the_readme_shows_the_example_whole() {
    let example = read("crates/vanilla/examples/mnist.rs");
    assert!(example.lines().count() <= 40, "{} lines", example.lines().count());
    for readme in ["README.md", "README.zh-CN.md"] {
        assert_eq!(rust(readme)[0], example, "{readme}");
    }
    assert_eq!(rust("README.md"), rust("README.zh-CN.md"));
}

#[test]
fn the_tutorial_shows_lines_of_examples_that_compile() {
    let examples = ["tutorial", "forward_pass"].map(|name| read(&format!("crates/vanilla/examples/{name}.rs")));
    let examples = examples.each_ref().map(|example| lines(example));
    let blocks = rust("docs/tutorial.md");
    assert!(blocks.len() >= 12);
    for block in &blocks {
        let block = lines(block);
        let shown = examples.iter().any(|example| example.windows(block.len()).any(|window| window == block));
        assert!(shown, "in no example:\n{}", block.join("\n"));
    }
    assert_eq!(blocks, rust("docs/tutorial.zh-CN.md"));
}

/// The guide's code, and that of the runs, runs as documentation of the library.
#[test]
fn both_languages_show_the_same() {
    let blocks = |document: &str| -> Vec<String> {
        read(document).split("```").skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert!(rust("docs/guide.md").len() >= 8);
    for document in ["formats", "guide", "keras", "reliability", "runs"] {
        let (english, chinese) = (format!("docs/{document}.md"), format!("docs/{document}.zh-CN.md"));
        assert_eq!(blocks(&english), blocks(&chinese), "{document}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in [
        "README.md",
        "README.zh-CN.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/formats.md",
        "docs/formats.zh-CN.md",
        "docs/guide.md",
        "docs/guide.zh-CN.md",
        "docs/tutorial.md",
        "docs/tutorial.zh-CN.md",
        "docs/keras.md",
        "docs/keras.zh-CN.md",
        "docs/reference/README.md",
        "docs/reliability.md",
        "docs/reliability.zh-CN.md",
        "docs/runs.md",
        "docs/runs.zh-CN.md",
    ] {
        let folder = root().join(document).parent().unwrap().to_owned();
        for link in read(document).split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(folder.join(target).exists(), "{document}: {link}");
            }
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn house_rules() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    assert!(files.len() > 50);
    for file in files {
        let (name, text) = (file.display().to_string(), std::fs::read_to_string(&file).unwrap());
        assert!(text.lines().count() <= 600, "{name} has more than 600 lines");
        assert!(text.starts_with("//!"), "{name} has no header");
    }
}

/// Names of the modules in a kind's registry.
fn registered(kind: &str) -> Vec<String> {
    let text = read(&format!("crates/vanilla/src/{kind}/mod.rs"));
    let lines = text.lines().skip_while(|line| *line != "registry! {").skip(1).take_while(|line| *line != "}");
    // An entry may go on in a second line, further in.
    let entries = lines.filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    entries.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// A word's file states what it promises.
#[test]
fn headers_of_words() {
    for (kind, at_least) in [
        ("activations", 25),
        ("callbacks", 11),
        ("constraints", 4),
        ("initializers", 9),
        ("layers", 35),
        ("losses", 5),
        ("metrics", 5),
        ("optimizers", 14),
        ("preprocessing", 5),
        ("regularizers", 4),
        ("schedules", 8),
    ] {
        let words = registered(kind);
        assert!(words.len() >= at_least, "{kind}: {words:?}");
        for word in words {
            let text = read(&format!("crates/vanilla/src/{kind}/{word}.rs"));
            let parts: &[&str] = match kind {
                "callbacks" => &["**Config**", "**Reference**"],
                _ => &["**Formula**", "**Config**", "**Reference**"],
            };
            for part in parts {
                assert!(text.contains(part), "{kind}/{word}.rs has no {part}");
            }
        }
    }
}
