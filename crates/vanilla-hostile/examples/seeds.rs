//! Writes the good files of every format into a folder, for the fuzzers to begin from: `seeds FOLDER`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds FOLDER");
        std::process::exit(2);
    };
    for format in vanilla_hostile::FORMATS {
        let folder = folder.join(format.name);
        std::fs::create_dir_all(&folder)?;
        for (i, seed) in (format.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i}")), seed)?;
        }
    }
    Ok(())
}
