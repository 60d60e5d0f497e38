//! Changed files of every format, a minute in all: each gives a value or one line of error, in time and within its
//! memory. `VANILLA_HOSTILE=20` runs twenty times as many. A case that failed is named, its bytes are kept in
//! `target/tmp`, and `VANILLA_HOSTILE_CASE=hdf5:1234 cargo test -p vanilla-hostile a_case_again` runs it alone.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use vanilla_hostile::mutate::mutated;
use vanilla_hostile::watch::guard;
use vanilla_hostile::{FORMATS, Format, check, format};

/// What stands in `src/formats.rs`; one test each, so that they run beside one another.
macro_rules! formats {
    ($($(#[$feature:meta])? $name:ident)*) => {
        const TESTED: &[&str] = &[$($(#[$feature])? stringify!($name)),*];
        $($(#[$feature])? #[test] fn $name() { attack(stringify!($name)); })*
    };
}

formats! {
    idx gzip npy npz keras_zip hdf5 safetensors png jpeg json_config keras_model legacy_h5 safetensors_model onnx
    onnx_model load_weights inspect csv tar
    #[cfg(feature = "columnar")] parquet
    #[cfg(feature = "columnar")] arrow
    checkpoint
}

#[test]
fn every_format_is_attacked() {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names, TESTED);
}

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn attack(name: &str) {
    let format = format(name).expect("a format");
    let good = (format.seeds)();
    for (i, seed) in good.iter().enumerate() {
        match check(format, seed) {
            Ok(taken) if taken.accepted => {}
            other => {
                panic!("{name}: seed {i} is not accepted: {other:?}, {:?}", (format.read)(seed).err())
            }
        }
    }
    let mut tally = Tally::new(format);
    every_length(&mut tally, &good);
    every_place(&mut tally, &good);
    let times: f64 = std::env::var("VANILLA_HOSTILE").ok().and_then(|times| times.parse().ok()).unwrap_or(1.0);
    for number in 0..(format.cases as f64 * times) as u64 {
        tally.run(&format!("{number}"), &mutated(format.shape, &good, name, number));
    }
    tally.finish();
}

/// Every length of a small file, and about a thousand of a large one.
fn every_length(tally: &mut Tally, good: &[Vec<u8>]) {
    for (i, seed) in good.iter().enumerate() {
        for length in (0..seed.len()).step_by(1 + seed.len() / 1000) {
            tally.run(&format!("seed {i} cut to {length}"), &seed[..length]);
        }
    }
}

/// Numbers at which things go wrong, at every place of the smallest file.
fn every_place(tally: &mut Tally, good: &[Vec<u8>]) {
    let Some(seed) = good.iter().filter(|seed| !seed.is_empty()).min_by_key(|seed| seed.len()) else { return };
    let mut bytes = seed.clone();
    for at in 0..seed.len().min(400) {
        for (width, number) in
            [(1, 0xFF), (2, 0x7FFF), (4, 0x7FFF_FFFF), (4, 0xFFFF_FFFF), (8, u64::MAX), (8, 1 << 62), (8, 0)]
        {
            let end = (at + width).min(seed.len());
            bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            tally.run(&format!("seed of {} bytes with {number:#x} at {at}", seed.len()), &bytes);
            bytes.copy_from_slice(seed);
        }
    }
}

struct Tally {
    format: &'static Format,
    /// The case that runs: what is in it when the process dies is what killed it.
    current: std::fs::File,
    run: usize,
    accepted: usize,
    /// The most memory in parts of a thousand of what is allowed.
    closest: u64,
    failures: Vec<String>,
}

impl Tally {
    fn new(format: &'static Format) -> Self {
        let current = std::fs::File::create(temporary(&format!("hostile-{}.case", format.name))).expect("a file");
        Self { format, current, run: 0, accepted: 0, closest: 0, failures: Vec::new() }
    }

    fn run(&mut self, case: &str, bytes: &[u8]) {
        if self.failures.len() >= 5 {
            return;
        }
        let name = self.format.name;
        self.current.write_all_at(format!("{case:<60}\n").as_bytes(), 0).expect("room for 61 bytes");
        let guard = guard(|| format!("{name}:{case}"), bytes.len());
        let result = check(self.format, bytes);
        drop(guard);
        self.run += 1;
        match result {
            Ok(taken) => {
                self.accepted += usize::from(taken.accepted);
                self.closest = self.closest.max(1000 * taken.peak / self.format.allowed(bytes));
            }
            Err(problem) => {
                let file = temporary(&format!("hostile-{name}-{}", case.replace(' ', "-")));
                std::fs::write(&file, bytes).expect("room for the file");
                self.failures.push(format!("{name}:{case}: {problem} ({})", file.display()));
            }
        }
    }

    fn finish(self) {
        println!(
            "{}: {} files, {} accepted, at most {} % of the memory that is allowed",
            self.format.name,
            self.run,
            self.accepted,
            self.closest.div_ceil(10)
        );
        assert!(self.failures.is_empty(), "\n{}\n", self.failures.join("\n"));
    }
}

#[test]
fn a_case_again() {
    let Ok(case) = std::env::var("VANILLA_HOSTILE_CASE") else { return };
    let (name, number) = case.split_once(':').expect("a format and a number, such as hdf5:1234");
    let format = format(name).expect("a format");
    let bytes = mutated(format.shape, &(format.seeds)(), name, number.parse().expect("a number"));
    std::fs::write(temporary("hostile-again"), &bytes).expect("room for the file");
    println!("{} bytes: {:?}", bytes.len(), (format.read)(&bytes).err());
    let _guard = guard(|| case.clone(), bytes.len());
    println!("{:?}", check(format, &bytes));
}
