//! Every file that a fuzzer found worth keeping, and every one that once was a defect.

use std::path::Path;
use vanilla_hostile::watch::guard;
use vanilla_hostile::{FORMATS, check};

#[test]
fn corpora_and_regressions() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut failures = Vec::new();
    for folder in ["corpus", "regressions"] {
        let mut sizes = 0;
        for format in FORMATS {
            let Ok(files) = fuzz.join(folder).join(format.name).read_dir() else { continue };
            let mut files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
            files.sort();
            for path in &files {
                let bytes = std::fs::read(path).expect("a file");
                let _guard = guard(|| path.display().to_string(), bytes.len());
                sizes += bytes.len();
                if let Err(problem) = check(format, &bytes) {
                    failures.push(format!("{}: {problem}", path.display()));
                }
            }
            println!("{folder}/{}: {} files", format.name, files.len());
        }
        println!("{folder}: {sizes} bytes");
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Who adds a format adds its target, and the other way round.
#[test]
fn every_format_has_a_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    let files = folder.read_dir().expect("fuzz targets").map(|entry| entry.expect("an entry").path());
    let mut targets: Vec<_> =
        files.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    targets.retain(|name| cfg!(feature = "columnar") || !["arrow", "parquet"].contains(&name.as_str()));
    let mut formats: Vec<_> = FORMATS.iter().map(|format| format.name.to_owned()).collect();
    targets.sort();
    formats.sort();
    assert_eq!(targets, formats);
}
