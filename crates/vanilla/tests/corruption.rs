//! Damage to checkpoints: every changed, missing, added or moved byte is found, the older checkpoint is taken, and
//! it is said which file was passed over and why.

use std::path::{Path, PathBuf};
use vanilla::checkpoint::{Checkpoint, CheckpointError, Entry, Store, Values};

fn small(step: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.push("model/0", [2, 3], (0..6).map(|i| step as f32 + i as f32 / 7.0).collect());
    checkpoint.push("opt/0/0", [2, 3], vec![0.0; 6]);
    let sums = Values::F64(vec![0.1, f64::MIN_POSITIVE / 2.0, -0.0]);
    checkpoint.tensors.push(Entry { name: "meter/sums".into(), shape: vec![3], values: sums });
    checkpoint.tensors.push(Entry { name: "none".into(), shape: vec![0, 4], values: Values::U64(vec![]) });
    checkpoint.put("state", "{\"text\": \"ä\\n\"}");
    checkpoint.score = Some(0.1 + step as f64);
    checkpoint
}

fn bytes(step: u64) -> Vec<u8> {
    small(step).to_bytes(step, Path::new("x")).unwrap()
}

fn is_damaged(bytes: &[u8]) -> bool {
    match Checkpoint::from_bytes(bytes, Path::new("x")) {
        Ok(_) => false,
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, CheckpointError::Damaged { .. }), "{error:?}");
            assert!(text.starts_with("x: ") && !text.contains(char::is_control) && text.len() < 600, "{text:?}");
            true
        }
    }
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    let (step, loaded) = Checkpoint::from_bytes(&bytes(7), Path::new("x")).unwrap();
    assert_eq!((step, &loaded), (7, &small(7)));
    let Values::F64(sums) = &loaded.tensor("meter/sums").unwrap().values else { panic!("not F64") };
    assert_eq!(
        sums.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        [0.1, f64::MIN_POSITIVE / 2.0, -0.0].map(f64::to_bits)
    );
    assert_eq!(loaded.get("state"), Some("{\"text\": \"ä\\n\"}"));
    assert_eq!(loaded.floats("model/0", &[2, 3]).unwrap().len(), 6);
    let wrong = loaded.floats("model/0", &[3, 2]).unwrap_err();
    assert_eq!(wrong, "tensor 'model/0' is F32 of shape [2, 3], expected F32 of shape [3, 2]");
    assert_eq!(loaded.floats("model/1", &[]).unwrap_err(), "no tensor 'model/1'");
    assert_eq!(bytes(7), bytes(7), "the same checkpoint gives the same bytes");
    // Any reader of safetensors takes it.
    assert_eq!(vanilla::formats::safetensors::read(&bytes(7)).unwrap().tensors, small(7).tensors);
}

#[test]
fn every_byte_flipped_in_every_way() {
    let mut file = bytes(1);
    let mut flipped = 0;
    for at in 0..file.len() {
        for mask in 1..=255u8 {
            file[at] ^= mask;
            assert!(is_damaged(&file), "byte {at} ^ {mask:02x}");
            file[at] ^= mask;
            flipped += 1;
        }
    }
    assert!(!is_damaged(&file));
    println!("{} bytes, {flipped} flips, all found", file.len());
}

#[test]
fn every_length_and_every_addition() {
    let file = bytes(1);
    for length in 0..file.len() {
        assert!(is_damaged(&file[..length]), "truncated to {length}");
    }
    for more in [&[0u8][..], b" ", b"\n", &[0; 4096], &file] {
        assert!(is_damaged(&[&file, more].concat()), "{} bytes behind", more.len());
        assert!(is_damaged(&[more, &file].concat()), "{} bytes before", more.len());
    }
    for at in 0..file.len() {
        assert!(is_damaged(&[&file[..at], &[file[at]], &file[at..]].concat()), "byte {at} doubled");
        assert!(is_damaged(&[&file[..at], &file[at + 1..]].concat()), "byte {at} missing");
    }
}

#[test]
fn blocks_swapped_zeroed_repeated_or_of_an_older_file() {
    const BLOCK: usize = 4096;
    // Every block differs from every other, and from zero.
    let large = |step: u64| {
        let mut checkpoint = small(step);
        checkpoint.push("model/1", [20_000], (0..20_000).map(|i| (i as u64 * 3 + step) as f32 + 0.5).collect());
        checkpoint.to_bytes(step, Path::new("x")).unwrap()
    };
    let (file, older) = (large(2), large(1));
    assert_eq!(file.len(), older.len());
    let blocks = file.len() / BLOCK;
    assert!(blocks >= 18, "{blocks} blocks");
    let block = |i: usize| i * BLOCK..(i + 1) * BLOCK;
    for i in 0..blocks {
        let mut zeroed = file.clone();
        zeroed[block(i)].fill(0);
        assert!(is_damaged(&zeroed), "block {i} zeroed");
        let mut mixed = file.clone();
        mixed[block(i)].copy_from_slice(&older[block(i)]);
        assert!(is_damaged(&mixed), "block {i} of the older file");
        for j in 0..blocks {
            if i != j {
                let mut swapped = file.clone();
                swapped[block(i)].copy_from_slice(&file[block(j)]);
                assert!(is_damaged(&swapped), "block {i} is a copy of {j}");
                swapped[block(j)].copy_from_slice(&file[block(i)]);
                assert!(is_damaged(&swapped), "blocks {i} and {j} swapped");
            }
        }
    }
}

/// A folder with checkpoints of steps 1 and 2, and what the newest is after this was done to the file of step 2.
fn newest_after(harm: impl FnOnce(&Path)) -> (Option<Checkpoint>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::new(folder.path());
    store.save(1, &small(1)).unwrap();
    let newest = store.save(2, &small(2)).unwrap();
    harm(&newest);
    let found = Store::new(folder.path()).newest().unwrap();
    let reasons = found.skipped.iter().map(|skipped| {
        let reason = skipped.reason.to_string();
        let path = skipped.path.display().to_string();
        reason.strip_prefix(&path).expect("begins with the path").to_owned()
    });
    let reasons = reasons.collect();
    if let Some((path, checkpoint)) = &found.checkpoint {
        let step = if *checkpoint == small(2) { 2 } else { 1 };
        assert_eq!(*path, store.path(step));
    }
    (found.checkpoint.map(|(_, checkpoint)| checkpoint), reasons)
}

#[test]
fn the_older_one_is_taken_and_the_reason_is_said() {
    let write = |bytes: Vec<u8>| move |path: &Path| std::fs::write(path, bytes).unwrap();
    let good = bytes(2);
    assert_eq!(newest_after(|_| ()), (Some(small(2)), vec![]));
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let without_hash = vanilla::formats::safetensors::write(&[("a", "b")], &small(2).tensors).unwrap();
    for (name, file, reason) in [
        ("flipped", flipped, ": damaged: its content does not have the SHA-256 that it states"),
        ("truncated", good[..good.len() - 1].to_vec(), ": safetensors, tensor `meter/sums`: truncated: expected "),
        ("nothing", vec![], ": safetensors, header length: truncated: expected 8 bytes, found 0"),
        ("another format", b"<html>not found</html>".to_vec(), ": not a safetensors file"),
        ("no hash", without_hash, ": a safetensors file without content_sha256: not a checkpoint of Vanilla"),
        ("another step", bytes(1), ": holds step 1: it was renamed or copied"),
    ] {
        let (checkpoint, reasons) = newest_after(write(file));
        assert_eq!(checkpoint, Some(small(1)), "{name}");
        assert!(reasons.len() == 1 && reasons[0].starts_with(reason), "{name}: {reasons:?}");
    }
    let folder = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    };
    let (checkpoint, reasons) = newest_after(folder);
    assert_eq!(checkpoint, Some(small(1)));
    assert_eq!(reasons, [": cannot be read (it is no regular file)"]);
}

#[test]
fn a_later_format_is_refused_by_its_number() {
    use sha2::Digest;
    // A file that is whole, and of version 2: hashed as the header of checkpoint.rs says.
    let mut later = bytes(2);
    let after = |text: &str| {
        let at = bytes(2).windows(text.len()).position(|window| window == text.as_bytes());
        at.unwrap_or_else(|| panic!("no {text}")) + text.len()
    };
    let hash_at = after("{\"__metadata__\":{\"content_sha256\":\"");
    later[after("\",\"format_version\":\"")] = b'2';
    later[hash_at..hash_at + 64].fill(b'0');
    let hash: String = sha2::Sha256::digest(&later).iter().map(|byte| format!("{byte:02x}")).collect();
    later[hash_at..hash_at + 64].copy_from_slice(hash.as_bytes());
    let error = Checkpoint::from_bytes(&later, Path::new("x")).unwrap_err().to_string();
    assert_eq!(error, "x: format version 2, expected 1: use a newer Vanilla");
}

#[test]
fn with_every_file_damaged_there_is_none_and_all_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::new(folder.path());
    for step in [1, 2] {
        let path: PathBuf = store.save(step, &small(step)).unwrap();
        std::fs::write(path, b"{}").unwrap();
    }
    let found = store.newest().unwrap();
    assert!(found.checkpoint.is_none());
    let names: Vec<_> = found.skipped.iter().map(|skipped| skipped.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["checkpoint-000000000002.safetensors", "checkpoint-000000000001.safetensors"]);
    // The next save is taken, and the damaged ones make room for it.
    store.save(3, &small(3)).unwrap();
    assert_eq!(store.steps().unwrap(), [3]);
}

#[test]
fn other_files_in_the_folder_are_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::new(folder.path());
    store.save(5, &small(5)).unwrap();
    let newest = std::fs::read(store.path(5)).unwrap();
    for name in [
        "checkpoint-000000000009.safetensors.bak",
        "checkpoint-9.safetensors",
        "checkpoint-+00000000009.safetensors",
        "checkpoint-.safetensors",
        "Checkpoint-000000000009.safetensors",
        ".vanilla-tmp-1-1",
        "latest",
    ] {
        std::fs::write(folder.path().join(name), &newest).unwrap();
    }
    assert_eq!(store.steps().unwrap(), [5]);
    let found = store.newest().unwrap();
    assert_eq!((found.checkpoint.unwrap().1, found.skipped.len()), (small(5), 0));
    let gone = Store::new(folder.path().join("none")).newest().unwrap();
    assert!(gone.checkpoint.is_none() && gone.skipped.is_empty());
}

/// Bug classes 2 (HDF5 cut short) and 3 (a zip without its directory, after a full disk): interrupted downloads and
/// copies are found wherever they end, and the message says what they are.
#[test]
fn model_files_that_were_cut_short_are_refused() {
    use vanilla::formats::keras_zip::{self, KerasArchive};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    let mut model =
        vanilla::Sequential::new(vanilla::layers![vanilla::layers::Dense::new(2).input_dim(3)]).unwrap();
    model.compile("mse", "sgd", ["mae"]).unwrap();
    model.save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let refusal = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = vanilla::Model::load(&path).unwrap_err();
        assert!(error.is_bad_input());
        let text = error.to_string();
        text.strip_prefix(&format!("{}: ", path.display())).expect("names the file").to_owned()
    };
    for length in (0..good.len()).step_by(good.len() / 500) {
        let text = refusal(&good[..length]);
        assert!(!text.contains('\n') && text.len() < 600, "{length}: {text}");
    }
    let text = refusal(&good[..good.len() - 30]);
    assert!(text.contains("truncated"), "{text}");
    // Inside a whole archive.
    let archive = keras_zip::read(&good).unwrap();
    for length in (0..archive.weights.len()).step_by(archive.weights.len() / 200) {
        let cut = KerasArchive { weights: archive.weights[..length].to_vec().into(), ..archive.clone() };
        let text = refusal(&keras_zip::write(&cut).unwrap());
        let about = text.starts_with("model.weights.h5: ")
            || text.starts_with("config.json: model 'sequential': describes ");
        assert!(about, "{length}: {text}");
    }
    assert_eq!(vanilla::Model::load(&path).map(|_| ()).map_err(|_| ()), Err(()));
    std::fs::write(&path, &good).unwrap();
    vanilla::Model::load(&path).unwrap();
}
