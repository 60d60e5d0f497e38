//! Tables on the command line: one command trains, and the model answers with names.

mod common;

use common::*;

/// Two numbers, a town, and a class that follows from them; enough rows to learn it.
fn flowers() -> String {
    let row = |i: usize| {
        let (a, b, town) = (i % 10, (i * 7) % 13, ["Bern", "Chur", "Basel"][i % 3]);
        let class = if a + b > 11 { "tall, \"very\"" } else { "=short" };
        format!("{a},{b}.5,{town},\"{}\"\n", class.replace('"', "\"\""))
    };
    format!("a,b,town,class\n{}", (0..130).map(row).collect::<String>())
}

const SHORT: [&str; 4] = ["--epochs", "40", "--verbose", "0"];

#[test]
fn one_command_from_a_table_to_answers() {
    let folder = Folder::new();
    folder.write("flowers.csv", flowers());
    let ran = folder.good(&[&["train", "flowers.csv", "--target", "class", "--out", "run"][..], &SHORT].concat());
    for line in [
        "table     130 rows, 4 columns (`,` between fields, with a header)",
        "target    'class': 2 classes: '=short' ",
        "numbers   2: 'a', 'b'",
        "texts     1: 'town'",
        "held out  26 of 130 rows, by chance, of every class its share (seed 0)",
    ] {
        assert!(ran.stderr.contains(line), "{line}\n{}", ran.stderr);
    }
    assert!(
        ran.stdout.contains("The 26 rows held out, which also decided when to stop: loss: "),
        "{}",
        ran.stdout
    );
    let metrics = folder.json("run/metrics.json");
    assert_eq!(metrics["test_rows"], 26);
    let accuracy = metrics["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.8 && metrics["test_metrics"]["accuracy"] == accuracy, "{metrics}");
    let config = folder.text("run/config.toml");
    assert!(config.contains("target = \"class\"") && config.contains("test_split = 0.2"), "{config}");
    folder.good(&["reproduce", "run", "--verbose", "0"]);
    folder.good(&["summary", "run/model.keras"]);

    // The columns in another order, one more, and none of the target.
    let rows = "town,extra,b,a\nBern,x,12.5,9\nUnknown,y,0.5,0\n";
    folder.write("new.csv", rows);
    let ran = folder.good(&["predict", "run/model.keras", "--data", "new.csv"]);
    assert!(
        ran.stderr.contains("warning: new.csv: columns that the model does not read: 'extra'"),
        "{}",
        ran.stderr
    );
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "class,probability,probability of =short,\"probability of tall, \"\"very\"\"\"");
    assert!(lines[1].starts_with("\"tall, \"\"very\"\"\",0.") && lines[2].starts_with("'=short,0."), "{lines:?}");
    folder.good(&["predict", "run/model.keras", "--data", "new.csv", "--out", "p.csv"]);
    assert_eq!(folder.text("p.csv"), ran.stdout);
    let json = folder.good(&["predict", "run/model.keras", "--data", "new.csv", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json[0]["name"], &json[1]["class"]), (&"tall, \"very\"".into(), &0.into()));

    let ran = folder.good(&["evaluate", "run/model.keras", "--data", "flowers.csv", "--json"]);
    let logs: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(logs["accuracy"].as_f64().unwrap() > 0.8, "{logs}");
    folder.good(&["fit", "run/model.keras", "--data", "flowers.csv", "--out", "more.keras", "--verbose", "0"]);
    // Names are still there.
    let more = folder.good(&["predict", "more.keras", "--data", "new.csv"]);
    assert_eq!(more.stdout.lines().next(), Some(lines[0]));
}

#[test]
fn numbers_and_missing_values() {
    let folder = Folder::new();
    let row = |i: usize| {
        let b = if i.is_multiple_of(5) { String::new() } else { format!("{}", i % 17) };
        format!("{},{b},{}\n", i % 23, 1000 + 10 * (i % 23))
    };
    folder.write(
        "rents.csv",
        format!("rooms;age;rent\n{}", (0..200).map(row).collect::<String>()).replace(',', ";"),
    );
    let train = ["train", "rents.csv", "--target", "rent", "--out", "run", "--epochs", "60", "--verbose", "0"];
    let ran = folder.run(&train);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("rents.csv: values are missing, by column: 'age' "), "{}", ran.stderr);
    let ran = folder.good(&[&train[..], &["--missing", "median"]].concat());
    assert!(ran.stderr.contains("target    'rent': a number from 1000 to 1220"), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing   'age': 40, filled with '7'"), "{}", ran.stderr);
    assert!(ran.stdout.contains("r2_score: 0.9"), "{}", ran.stdout);
    folder.write("new.csv", "age,rooms\nNA,3\n4,20\n");
    let ran = folder.good(&["predict", "run/model.keras", "--data", "new.csv"]);
    let rents: Vec<f64> = ran.stdout.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(ran.stdout.lines().next(), Some("rent"));
    assert!((900.0..1150.0).contains(&rents[0]) && (1100.0..1400.0).contains(&rents[1]), "{rents:?}");
    let config =
        folder.good(&["train", "rents.csv", "--target", "rent", "--missing", "drop", "--print-config"]).stdout;
    assert!(config.contains("missing = \"drop\"") && config.contains("r2_score"), "{config}");
    folder.write("mine.toml", config.replace("units = 64", "units = 4"));
    folder.good(&[&["train", "mine.toml", "--out", "mine"][..], &SHORT].concat());
}

#[test]
fn what_is_wrong_with_tables() {
    let folder = Folder::new();
    folder.write("flowers.csv", flowers());
    folder.write("bad.csv", "a,b\n1,2\n3\n");
    folder.write("toml.toml", "data.source = 'flowers.csv'\nmodel.class = 'Sequential'\n");
    folder.write(
        "split.toml",
        "data = { source = 'f.csv', target = 'a', test_split = 1.5 }\nmodel.class = 'Sequential'\n",
    );
    folder.write("tiny.toml", tiny_experiment());
    for (args, want) in [
        (
            &["train", "flowers.csv"][..],
            "error: flowers.csv: a table: name the column to predict with --target COLUMN",
        ),
        (
            &["train", "bad.csv", "--target", "b"],
            "bad.csv: CSV, line 3: expected 2 fields, as in the first line, found 1 field",
        ),
        (&["train", "nowhere.csv", "--target", "b"], "nowhere.csv: No such file or directory"),
        (
            &["train", "flowers.csv", "--target", "klass"],
            "flowers.csv: no column 'klass'; there are 'a', 'b', 'town', 'class'",
        ),
        (&["train", "mnist", "--target", "b"], "error: mnist: --target is for tables (TABLE.csv)"),
        (
            &["train", "flowers.csv", "--target", "class", "--task", "magic"],
            "expected classification or regression",
        ),
        (
            &["train", "flowers.csv", "--target", "class", "--validation-split", "1"],
            "expected a share from 0 to below 1",
        ),
        (&["train", "flowers.csv", "--target", "class", "--task", "regression"], "the target 'class' holds texts"),
        (
            &["train", "toml.toml"],
            "error: toml.toml: [data] target is missing: the column of the table to predict",
        ),
        (
            &["train", "split.toml"],
            "split.toml: [data] test_split = 1.5, expected a share from 0 to below 1, such as 0.2",
        ),
        (
            &["evaluate", "run/model.keras", "--data", "x.npz", "--target", "a"],
            "no table, so it has no target column",
        ),
    ] {
        if args[0] == "evaluate" && folder.run(&["summary", "run/model.keras"]).code != Some(0) {
            folder.good(
                &[&["train", "flowers.csv", "--target", "-1", "--out", "run"][..], &["--epochs", "1"]].concat(),
            );
        }
        let ran = folder.run(args);
        assert!(ran.code == Some(2) && ran.stderr.contains(want), "{args:?}: {}\nexpected {want}", ran.stderr);
        // Nothing is left of a run that never began.
        assert!(!folder.path().join("runs").exists() || folder.files("runs").is_empty());
    }
}

/// A folder of pictures with a subfolder for each class, in one format and another.
#[test]
fn pictures_have_the_names_of_their_folders() {
    let folder = Folder::new();
    for i in 0..20u8 {
        for (class, value) in [("dark", i), ("light", 200 + i)] {
            let path = folder.path().join("shades").join(class);
            std::fs::create_dir_all(&path).unwrap();
            let png = vanilla::formats::png::write_gray(4, 4, &[value; 16]).unwrap();
            std::fs::write(path.join(format!("{i}.png")), png).unwrap();
        }
    }
    folder.write(
        "shades.toml",
        "data.source = 'shades'\nfit = { epochs = 30, batch_size = 8 }\n\
         compile = { loss = 'categorical_crossentropy', optimizer = { class = 'Adam', learning_rate = 0.01 }, \
         metrics = ['acc'] }\n\
         [model]\nclass = 'Sequential'\nlayers = [{ class = 'Rescaling', scale = 0.01, offset = -1.0 }, 'Flatten', \
         { class = 'Dense', units = 2, activation = 'softmax' }]\n",
    );
    folder.good(&["train", "shades.toml", "--out", "run", "--verbose", "0"]);
    let ran = folder.good(&["predict", "run/model.keras", "shades/dark/3.png", "shades/light/3.png"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("shades/dark/3.png: dark 0.9") && lines[1].contains(": light 0.9"), "{lines:?}");
    let ran = folder.good(&["predict", "run/model.keras", "--data", "shades"]);
    assert_eq!(ran.stdout.lines().next(), Some("class,probability,probability of dark,probability of light"));
    assert!(folder.good(&["evaluate", "run/model.keras", "--data", "shades"]).stdout.contains("acc: 1.0000"));
    // Some of the classes, in colours: the labels are the model's, and so is the gray.
    let rgba = vanilla::formats::png::write_rgba(4, 4, &[[210, 210, 210, 255]; 16].concat()).unwrap();
    folder.write("some/light/1.png", &rgba);
    assert!(folder.good(&["evaluate", "run/model.keras", "--data", "some"]).stdout.contains("acc: 1.0000"));
    assert!(folder.good(&["predict", "run/model.keras", "--data", "some"]).stdout.contains("\nlight,0.9"));
    folder.write("some/grey/1.png", rgba);
    for args in [&["evaluate", "run/model.keras"][..], &["fit", "run/model.keras", "--out", "o.keras"]] {
        let ran = folder.run(&[args, &["--data", "some"]].concat());
        let want = "error: some: the folders 'grey' are none of the model's classes, which are 'dark', 'light': ";
        assert!(ran.code == Some(2) && ran.stderr.starts_with(want), "{}", ran.stderr);
    }
    folder.good(&["predict", "run/model.keras", "--data", "some"]);
    let small = vanilla::formats::png::write_gray(2, 2, &[0; 4]).unwrap();
    folder.write("small.png", small);
    let ran = folder.run(&["predict", "run/model.keras", "small.png"]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("small.png: 2 x 2 pixels, expected 4 x 4: resize it"),
        "{}",
        ran.stderr
    );
}

/// The first row: found to be names, or said to be, also for tables that come later.
#[test]
fn years_as_names() {
    let folder = Folder::new();
    let row = |i: usize| format!("{},{},{}\n", i % 7, (i * 3) % 11, if i % 7 > 3 { 20 } else { 10 });
    let rows: String = (0..60).map(row).collect();
    folder.write("years.csv", format!("2019,2020,2021\n{rows}"));
    let ran = folder.run(&["train", "years.csv", "--target", "sales"]);
    let want = "(`,` between fields, without a header: columns have numbers); if the first row names them, write header = \
                true into [data] of an experiment, as `vanilla train TABLE.csv --target -1 --print-config` prints one";
    assert!(ran.code == Some(2) && ran.stderr.contains(want), "{}", ran.stderr);
    let config =
        folder.good(&["train", "years.csv", "--target", "-1", "--task", "regression", "--print-config"]).stdout;
    folder.write("e.toml", config.replace("target = \"-1\"", "header = true\ntarget = \"2021\""));
    let ran = folder.good(&[&["train", "e.toml", "--out", "run"][..], &SHORT].concat());
    assert!(ran.stderr.contains("numbers   2: '2019', '2020'"), "{}", ran.stderr);
    assert!(folder.text("run/config.toml").contains("\nheader = true "), "{}", folder.text("run/config.toml"));
    folder.good(&["evaluate", "run/model.keras", "--data", "years.csv"]);
    folder.write("new.csv", "2020,2019\n3,4\n");
    assert_eq!(folder.good(&["predict", "run/model.keras", "--data", "new.csv"]).stdout.lines().count(), 2);
    folder.write("sales.csv", format!("2019,2020,sales\n{rows}"));
    folder.good(&[&["train", "sales.csv", "--target", "sales", "--out", "sales"][..], &SHORT].concat());
}

/// A JPEG of a digit is read as its pixels are in a PNG, and a transparent PNG as it is on white.
#[test]
fn digits_in_any_picture() {
    use vanilla::formats::{picture, png};
    let folder = Folder::new();
    let layers = vanilla::layers![vanilla::layers::Dense::new(10).activation("softmax").input_dim(784)];
    vanilla::Sequential::new(layers).unwrap().save(folder.path().join("digits.keras")).unwrap();
    let predict = |name: &str, bytes: &[u8]| {
        folder.write(name, bytes);
        let ran = folder.run(&["predict", "digits.keras", name]);
        (ran.code, ran.stdout, ran.stderr.replace(name, ""))
    };
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vanilla/tests/golden/pictures");
    for name in ["gray.jpg", "colours.jpg"] {
        let jpeg = std::fs::read(golden.join(name)).unwrap();
        let pixels = picture::read(&jpeg).unwrap();
        let png = png::write_gray(pixels.width, pixels.height, &pixels.into_gray()).unwrap();
        assert_eq!(predict(name, &jpeg), predict("same.png", &png));
    }
    // A dark bar on nothing.
    let ink = |i: usize| (8..12).contains(&(i % 20)) && (4..16).contains(&(i / 20));
    let rgba: Vec<u8> = (0..400).flat_map(|i| [10, 20, 30, if ink(i) { 255 } else { 0 }]).collect();
    let gray: Vec<u8> = (0..400).map(|i| if ink(i) { picture::brightness(&[10, 20, 30]) } else { 255 }).collect();
    let transparent = predict("transparent.png", &png::write_rgba(20, 20, &rgba).unwrap());
    assert_eq!(transparent, predict("white.png", &png::write_gray(20, 20, &gray).unwrap()));
    assert_eq!(transparent.0, Some(0), "{}", transparent.2);
}

/// The same rows as CSV, Parquet and Arrow.
fn golden(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vanilla-formats/tests/golden/tables");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn tables_of_other_programs() {
    let folder = Folder::new();
    folder.write("pets.csv", golden("pets.csv"));
    let train = |table: &str, run: &str| {
        let options = ["--target", "single", "--missing", "median", "--epochs", "3", "--verbose", "0"];
        folder.run(&[&["train", table, "--out", run][..], &options].concat())
    };
    let ran = train("pets.csv", "csv");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let predict = |table: &str| folder.good(&["predict", "csv/model.keras", "--data", table]).stdout;
    let evaluate = |table: &str| folder.good(&["evaluate", "csv/model.keras", "--data", table]).stdout;
    for (name, feature, is_built_in) in [
        ("pets.parquet", "parquet", cfg!(feature = "parquet")),
        ("pets.arrow", "arrow", cfg!(feature = "arrow")),
        ("pets.feather", "arrow", cfg!(feature = "arrow")),
    ] {
        folder.write(name, golden(name));
        let ran = train(name, &name.replace(".", "-"));
        if !is_built_in {
            let way_out = format!("convert it to CSV, or build with the cargo feature `{feature}`");
            assert!(ran.code == Some(2) && ran.stderr.contains(&way_out), "{}", ran.stderr);
            continue;
        }
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(predict(name), predict("pets.csv"), "{name}");
        assert_eq!(evaluate(name).replace(name, "pets.csv"), evaluate("pets.csv"), "{name}");
        let found = folder.good(&["inspect", name]).stdout;
        assert!(found.contains("a table (") && !found.contains("CSV"), "{found}");
    }
}
