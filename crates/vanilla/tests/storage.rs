//! Writing files on the real disk: what is replaced and how, what is refused and with which words.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use vanilla::storage::{Disk, Fs, Stat, TEMPORARY, make_folder, remove_left_overs, write_atomically};

fn save(path: &Path, bytes: &[u8]) -> Result<(), String> {
    write_atomically(&Disk, path, bytes).map_err(|error| error.to_string())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_file_has_the_permissions_that_the_umask_leaves_and_a_replaced_one_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, plain) = (folder.path().join("model"), folder.path().join("plain"));
    File::create(&plain).unwrap();
    save(&path, b"1").unwrap();
    assert_eq!(mode(&path), mode(&plain));
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    save(&path, b"2").unwrap();
    assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"2".to_vec()));
    assert_eq!(names(folder.path()), ["model", "plain"]);
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    fs::write(&path, b"precious").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let want =
        format!("{}: cannot be written (the file there is read-only): choose another place", path.display());
    assert_eq!(save(&path, b"new").unwrap_err(), want);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["model"]);
}

/// Bug class 6: a temporary file on another file system than its destination cannot be renamed to it.
#[test]
fn a_link_stays_a_link_also_to_another_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let mut targets = vec![tempfile::tempdir().unwrap()];
    match tempfile::tempdir_in("/dev/shm") {
        Ok(other) if fs::metadata(&other).unwrap().dev() != fs::metadata(&folder).unwrap().dev() => {
            targets.push(other);
        }
        _ => eprintln!("SKIPPED: /dev/shm is no file system of its own here"),
    }
    for (i, target) in targets.iter().enumerate() {
        let (link, file) = (folder.path().join(format!("link-{i}")), target.path().join("file"));
        symlink(&file, &link).unwrap();
        // First a link to nothing, then one to a file.
        for content in [b"first", b"later"] {
            save(&link, content).unwrap();
            assert_eq!(Disk.stat(&link).unwrap(), Stat::Link(file.clone()));
            assert_eq!(fs::read(&file).unwrap(), content);
            assert_eq!(names(target.path()), ["file"]);
        }
    }
    // Relative ones count from where they stand, chains are followed, circles are refused.
    symlink("link-0", folder.path().join("chain")).unwrap();
    save(&folder.path().join("chain"), b"chain").unwrap();
    assert_eq!(fs::read(targets[0].path().join("file")).unwrap(), b"chain");
    symlink("circle", folder.path().join("circle")).unwrap();
    let error = save(&folder.path().join("circle"), b"x").unwrap_err();
    assert!(error.contains("circle: cannot be written (symbolic links that lead to themselves)"), "{error}");
    let expected: &[&str] =
        if targets.len() == 2 { &["chain", "circle", "link-0", "link-1"] } else { &["chain", "circle", "link-0"] };
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn places_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| save(path, b"x").unwrap_err().replace(&*folder.path().to_string_lossy(), "F");
    let os = "(os error 2)";
    assert_eq!(
        error(&folder.path().join("no/model")),
        format!("F/no/model: cannot be written (No such file or directory {os}): make its folder first")
    );
    fs::create_dir(folder.path().join("taken")).unwrap();
    let taken = "F/taken: cannot be written (it is a folder): choose another place";
    assert_eq!(error(&folder.path().join("taken")), taken);
    fs::write(folder.path().join("file"), b"").unwrap();
    let inside =
        "F/file/model: cannot be written (Not a directory (os error 20)): what was there before is unchanged";
    assert_eq!(error(&folder.path().join("file/model")), inside);
    let long = folder.path().join("x".repeat(256));
    assert!(error(&long).contains("cannot be written (File name too long"), "{}", error(&long));
    assert_eq!(names(folder.path()), ["file", "taken"]);
    // A name of the greatest length is fine: temporary names do not grow with it.
    save(&folder.path().join("y".repeat(255)), b"").unwrap();
}

#[test]
fn a_device_is_written_and_not_replaced() {
    if !cfg!(target_os = "linux") {
        eprintln!("SKIPPED: /dev/full is Linux's");
        return;
    }
    let before = fs::symlink_metadata("/dev/full").unwrap().ino();
    let full = "/dev/full: cannot be written (No space left on device (os error 28)): what was there before is \
                unchanged; make room and save again";
    assert_eq!(save(Path::new("/dev/full"), b"x").unwrap_err(), full);
    save(Path::new("/dev/null"), b"x").unwrap();
    assert_eq!(fs::symlink_metadata("/dev/full").unwrap().ino(), before);
}

/// Bug class 7: saving over a file that is in use. Who has the old one open, or mapped, keeps it whole.
#[test]
fn who_reads_the_old_file_goes_on_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (old, new) = (vec![1u8; 100_000], vec![2u8; 100]);
    save(&path, &old).unwrap();
    let mut reader = File::open(&path).unwrap();
    let mut begun = vec![0; 1000];
    reader.read_exact(&mut begun).unwrap();
    save(&path, &new).unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!([begun, rest].concat(), old);
    assert_eq!(fs::read(&path).unwrap(), new);
}

#[test]
fn left_overs_of_the_dead_go_and_files_that_are_being_written_stay() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(format!("{TEMPORARY}{name}"));
    // A process that was killed while it wrote leaves an unlocked file, perhaps with this process's own number.
    let dead =
        [at("4194304-0"), at(&format!("{}-0", std::process::id())), at(&format!("{}-1", std::process::id()))];
    for path in &dead {
        fs::write(path, b"half a checkp").unwrap();
    }
    fs::write(at("1-0"), b"").unwrap();
    let mut writing = Disk.create_new(&at("3-0"), None).unwrap();
    writing.write_all(b"half").unwrap();
    fs::write(folder.path().join("notes"), b"of somebody else").unwrap();

    remove_left_overs(&Disk, folder.path());
    assert_eq!(names(folder.path()), [".vanilla-tmp-3-0", "notes"]);
    drop(writing);
    save(&folder.path().join("model"), b"x").unwrap();
    assert_eq!(names(folder.path()), ["model", "notes"]);
}

#[test]
fn many_threads_that_save_the_same_file_leave_one_of_their_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let path = &path;
            scope.spawn(move || {
                for i in 0..25usize {
                    save(path, &vec![thread; 1000 + i]).unwrap();
                }
            });
        }
    });
    let content = fs::read(&path).unwrap();
    assert!(content.len() >= 1000 && content.iter().all(|byte| *byte == content[0]));
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
fn folders_are_made_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_eq!(make_folder(&at("a/b/c")).unwrap(), [at("a/b/c"), at("a/b"), at("a")]);
    assert_eq!(make_folder(&at("a/b/c")).unwrap(), [""; 0].map(std::path::PathBuf::from));
    fs::write(at("a/file"), b"").unwrap();
    for path in ["a/file", "a/file/b", "a/file/b/c"] {
        assert!(make_folder(&at(path)).is_err(), "{path}");
    }
    // The first can be made, the second has a name that is too long.
    let long = format!("new/{}/x", "y".repeat(256));
    assert!(make_folder(&at(&long)).is_err());
    assert_eq!(names(folder.path()), ["a"]);
}
