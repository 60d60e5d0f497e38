//! From a table to a model that answers with names: what is decided, what is refused, what travels.

use vanilla::datasets::{self, Missing, Prepare, Prepared, Schema, Table, Task};
use vanilla::prelude::*;

/// 60 rows: an id, a number, a number with gaps, a town with gaps, a constant, and a class that follows the number.
fn pets() -> String {
    let row = |i: usize| {
        let size = if i % 7 == 3 { String::new() } else { format!("{}", (i * 13) % 40) };
        let town = ["Bern", "Chur", "?", "Basel"][i % 4];
        let kind = if (i * 7) % 60 < 30 { "cat" } else { "dog" };
        format!("{i},{}.5,{size},{town},1,{kind}\n", (i * 7) % 60)
    };
    format!("id,weight,size,town,one,kind\n{}", (0..60).map(row).collect::<String>())
}

fn table(text: &str) -> Table {
    Table::from_csv("pets.csv", text.as_bytes(), &Default::default()).unwrap()
}

fn prepared(missing: &str) -> Prepared {
    let missing: Missing = missing.parse().unwrap();
    table(&pets()).prepare(&Prepare::new("kind").missing(missing)).unwrap()
}

fn words(prepared: &Prepared) -> String {
    prepared.decisions.iter().map(|(about, decision)| format!("{about}: {decision}\n")).collect()
}

#[test]
fn what_is_decided_is_said() {
    insta::assert_snapshot!(words(&prepared("median")), @r"
    table: 60 rows, 6 columns (`,` between fields, with a header)
    target: 'kind': 2 classes: 'cat' 30, 'dog' 30
    numbers: 2: 'weight', 'size'
    texts: 1: 'town'
    left out: 'id' numbers the rows
    left out: 'one' has one value alone
    missing: 'size': 9, filled with '22'
    missing: 'town': 15, filled with 'Bern'
    held out: 12 of 60 rows, by chance, of every class its share (seed 0)
    ");
    insta::assert_snapshot!(words(&prepared("drop")), @r"
    table: 60 rows, 6 columns (`,` between fields, with a header)
    target: 'kind': 2 classes: 'cat' 20, 'dog' 18
    numbers: 2: 'weight', 'size'
    texts: 1: 'town'
    left out: 'id' numbers the rows
    left out: 'one' has one value alone
    missing: 22 of 60 rows are left out
    held out: 8 of 38 rows, by chance, of every class its share (seed 0)
    ");
    let numbers: String = (0..40).map(|i| format!("{},{},x\n", i * i, (i * 17) % 11)).collect();
    let table = table(&format!("area,b,c\n{numbers}"));
    insta::assert_snapshot!(words(&table.prepare(&Prepare::new("area").test_split(0.0)).unwrap()), @r"
    table: 40 rows, 3 columns (`,` between fields, with a header)
    target: 'area': a number from 0 to 1521
    numbers: 1: 'b'
    left out: 'c' has one value alone
    ");
    // The same column, as classes.
    let few = table.prepare(&Prepare::new("1").task(Task::Classification).test_split(0.5)).unwrap();
    assert_eq!(few.schema.classes, (0..11).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!((few.dataset.train.rows(), few.dataset.test.as_ref().unwrap().rows()), (20, 20));
}

#[test]
fn what_stands_in_for_missing_values() {
    let table = table("a,b,c,y\n1,x,9,0.5\n2,y,8,1.5\n2,y,9,2.5\n9,,7,0.25\n,z,9,0.125\n");
    for (how, a, b) in [("mean", "3.5", "y"), ("median", "2", "y"), ("most_frequent", "2", "y"), ("7", "7", "7")] {
        let prepared = table.prepare(&Prepare::new("y").missing(how.parse().unwrap()).test_split(0.0)).unwrap();
        let (fill, x) = (&prepared.schema.fill, prepared.dataset.train.x.tensors());
        assert_eq!((fill["a"].as_str(), fill["b"].as_str()), (a, b), "{how}");
        assert_eq!((x[0].to_f32()[8], x[1].as_strings().unwrap()[3].as_str()), (a.parse().unwrap(), b), "{how}");
    }
}

#[test]
fn what_is_suspicious_is_said() {
    let rows: String = (0..30).map(|i| format!("{},{},{}\n", i % 7, i % 2, ["no", "yes"][i % 2])).collect();
    let leak = table(&format!("a,copy,answer\n{rows}")).prepare(&Prepare::new("answer")).unwrap();
    assert!(words(&leak).contains("warning: 'copy' alone decides the target: is it known before the target is?"));
    let rows: String = (0..30).map(|i| format!("{},{},{}.5\n", i % 7, 2 * i + 7, i)).collect();
    let leak = table(&format!("a,double,answer\n{rows}")).prepare(&Prepare::new("answer")).unwrap();
    assert!(words(&leak).contains("warning: 'double' alone decides the target"), "{}", words(&leak));
    // Seconds of a minute: one number as 32-bit floats.
    let rows: String = (0..30).map(|i| format!("{},{},{}\n", i % 7, 1_700_000_000 + i, i % 2)).collect();
    let seconds = table(&format!("a,ts,answer\n{rows}")).prepare(&Prepare::new("answer")).unwrap();
    let why = "left out: 'ts' is one number alone as a 32-bit float, which holds 7 digits: subtract an offset";
    assert!(words(&seconds).contains(why), "{}", words(&seconds));
    assert!(words(&seconds).contains("warning: column `ts`: 29 whole numbers are rounded"), "{}", words(&seconds));
    let names: String = (0..30).map(|i| format!("{},name {i},{}\n", i % 7, i % 3)).collect();
    let id = table(&format!("a,name,answer\n{names}")).prepare(&Prepare::new("answer")).unwrap();
    assert!(words(&id).contains("left out: 'name' has another text almost everywhere"), "{}", words(&id));
}

#[test]
fn what_cannot_be_is_refused() {
    let error = |text: &str, options: Prepare| match Table::from_csv("t.csv", text.as_bytes(), &Default::default())
    {
        Ok(table) => table.prepare(&options).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    let of = |target: &str| Prepare::new(target);
    let pets = pets();
    for (got, want) in [
        (
            error(&pets, of("colour")),
            "t.csv: no column 'colour'; there are 'id', 'weight', 'size', 'town', 'one', 'kind' (`,` between fields, with a header)",
        ),
        (error(&pets, of("6")), "t.csv: no column '6'; there are 'id'"),
        // All of them, whichever rows are held out.
        (
            error(&pets, of("kind")),
            "t.csv: values are missing, by column: 'size' 9, 'town' 15; fill them, or train",
        ),
        (error(&pets, of("kind").seed(7)), "t.csv: values are missing, by column: 'size' 9, 'town' 15; "),
        (error("a,y\n1,x\n", of("y")), "t.csv: 1 row, expected at least 2, and many more to learn from"),
        (
            error("a,y\n1,x\n2,w\n", of("y")),
            "t.csv: 1 of 2 rows held out leave 1 to train on: add rows, or hold fewer out, or none (--validation-split 0)",
        ),
        (
            error("a,y\n1,0.5\n2,1.5\n", of("y")),
            "t.csv: 1 of 2 rows held out leave 1 to train on: add rows, or hold fewer out, or none",
        ),
        (
            error("a,y\n1,x\n2,w\n3,x\n4,w\n5,v\n6,v\n", of("y").test_split(0.8)),
            "t.csv: 5 of 6 rows held out leave 1 to train on",
        ),
        (
            error("a,y\n1,x\n2,w\n", of("y").test_split(0.0).task(Task::Regression)),
            "t.csv: the target 'y' holds texts, expected numbers for a regression",
        ),
        (
            error("a,y\n1,x\n2,\n3,z\n", of("y")),
            "t.csv: the target 'y' is missing in 1 of 3 rows: a target cannot be made up; leave these rows out with --missing drop",
        ),
        (
            error("a,y\n1,x\n2,x\n3,x\n", of("y")),
            "t.csv: the target 'y' is 'x' in every row: there is nothing to tell apart",
        ),
        (
            error("a,y\n1,1700000001\n2,1700000002\n3,1700000003\n", of("y")),
            "t.csv: the target 'y' is 1700000000 in every row once it is a 32-bit float, which holds 7 digits: subtract an offset",
        ),
        (
            error("a,y\n1,x\n2,w\n3,z\n", of("y")),
            "t.csv: the target 'y' has 3 different values in 3 rows: these are no classes; is it the right column?",
        ),
        (
            error("a,y\n1,x\n2,w\n3,x\n", of("y").task(Task::Regression)),
            "t.csv: the target 'y' holds texts, expected numbers for a regression",
        ),
        (
            error("a,y\n1,x\n1,w\n1,x\n1,w\n", of("-1").test_split(0.5)),
            "t.csv: no column is left to predict 'y' from: 'a' has one value alone",
        ),
        (
            error("a,b,y\n1,,x\n,2,w\n", of("y").missing(Missing::Drop)),
            "t.csv: 0 rows are left, expected at least 2: fill missing values instead",
        ),
        (
            error(&pets, of("kind").missing(Missing::Value("none".into()))),
            "t.csv: 'none' cannot stand in for the missing values of column 'size', which holds numbers: fill with a number, mean, median or most_frequent",
        ),
        (
            error(&pets, of("weight").missing(Missing::Mean).test_split(1.0)),
            "t.csv: 1 of the rows held out, expected a share between 0 and 1, such as 0.2",
        ),
        (error("", of("y")), "t.csv: not a CSV table: found an empty file"),
        (error("a,\u{1b}[31m\n1,2\n", of("\u{1b}x")), "t.csv: no column '\\u{1b}x'; there are 'a', '\\u{1b}[31m'"),
    ] {
        assert!(got.starts_with(want), "{got}\nexpected {want}");
        assert!(!got.contains(char::is_control));
    }
}

#[test]
fn the_split_is_stratified_and_follows_the_seed() {
    let rows: String = (0..101)
        .map(|i| format!("{i}.5,{}\n", if i == 50 { "rare" } else { ["a", "b", "b", "b"][i % 4] }))
        .collect();
    let table = table(&format!("x,y\n{rows}"));
    let of_seed = |seed| table.prepare(&Prepare::new("y").seed(seed).test_split(0.25)).unwrap().dataset;
    let one = of_seed(1);
    let test = one.test.as_ref().unwrap();
    let labels = test.y.as_ref().unwrap().to_i64();
    // A quarter of 100 rows; the class with one row trains.
    assert_eq!((labels.len(), labels.iter().filter(|label| **label == 0).count()), (25, 7));
    assert_eq!(one.train.y.as_ref().unwrap().to_i64().iter().filter(|label| **label == 2).count(), 1);
    let x = |dataset: &datasets::Dataset| dataset.train.x.tensors()[0].to_f32();
    assert_eq!(x(&one), x(&of_seed(1)));
    assert_ne!(x(&one), x(&of_seed(2)));
    // No row is in both parts, none is lost.
    let mut all = [x(&one), test.x.tensors()[0].to_f32()].concat();
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..101).map(|i| i as f32 + 0.5).collect::<Vec<_>>());
}

/// The encodings, by hand: mean and deviation of the training rows, a column for each town and one for unknown ones.
#[test]
fn the_model_reads_raw_rows() {
    let prepared = prepared("mean");
    let model =
        prepared.model(layers![Dense::new(2).kernel_initializer(Initializer::Ones).activation("linear")]).unwrap();
    assert_eq!(
        (model.class_names(), model.feature_names(0)),
        (&["cat".into(), "dog".into()][..], &["weight".into(), "size".to_string()][..])
    );
    let numbers = prepared.dataset.train.x.tensors()[0].to_f32();
    let rows = numbers.len() / 2;
    let moments = |column: usize| {
        let values = || numbers.iter().skip(column).step_by(2).map(|value| f64::from(*value));
        let mean = values().sum::<f64>() / rows as f64;
        (mean, (values().map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64).sqrt())
    };
    let got = model.predict(&prepared.dataset.test.as_ref().unwrap().x).unwrap().to_f32();
    let test = prepared.dataset.test.as_ref().unwrap().x.tensors()[0].to_f32();
    for (row, got) in test.chunks(2).zip(got.chunks(2)) {
        let scaled = |column: usize| (f64::from(row[column]) - moments(column).0) / moments(column).1;
        // With a kernel of ones the one-hot columns add 1, whatever the town.
        assert!((f64::from(got[0]) - (scaled(0) + scaled(1) + 1.0)).abs() < 1e-5);
    }

    // Whatever is inside is in the file, too; columns are found by their names, others are said to be ignored.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    model.save(path("model.keras")).unwrap();
    let model = Model::load(path("model.keras")).unwrap();
    assert_eq!(Schema::of(&model).unwrap().unwrap(), prepared.schema);
    std::fs::write(path("new.csv"), "kind,town,more,size,weight\ndog,Bern,1,,20.5\ncat,Rome,2,7,3\n").unwrap();
    let new = datasets::inputs_for(&path("new.csv"), &model).unwrap();
    assert!(
        new.warnings[0].ends_with("new.csv: columns that the model does not read: 'more'"),
        "{:?}",
        new.warnings
    );
    let answers = model.predict(&new.train.x).unwrap().to_f32();
    let fill: f32 = prepared.schema.fill["size"].parse().unwrap();
    let scaled = |value: f32, column: usize| (f64::from(value) - moments(column).0) / moments(column).1;
    for (answer, row) in answers.chunks(2).zip([[20.5, fill], [3.0, 7.0]]) {
        assert!((f64::from(answer[0]) - (scaled(row[0], 0) + scaled(row[1], 1) + 1.0)).abs() < 1e-5);
    }
    let tested = datasets::open_for(&path("new.csv"), &model, None).unwrap();
    assert_eq!(tested.train.y.unwrap().to_i64(), [1, 0]);

    let refused = |text: &str, target: Option<&str>| {
        std::fs::write(path("bad.csv"), text).unwrap();
        let error = datasets::open_for(&path("bad.csv"), &model, target).unwrap_err().to_string();
        error.split_once("bad.csv: ").map(|(_, error)| error.to_owned()).unwrap_or(error)
    };
    for (got, want) in [
        (
            refused("weight,kind\n1,cat\n", None),
            "no column 'size', 'town'; there are 'weight', 'kind': name the columns as in the table that the model was trained on",
        ),
        (
            refused("weight,size,town,kind\n1,2,Bern,cow\n", None),
            "the target 'kind' is 'cow' in row 0, expected one of 'cat', 'dog': the model knows no other class",
        ),
        (
            refused("weight,size,town,kind\n1,2,Bern,cat\nheavy,3,Bern,cat\n", None),
            "CSV, line 3, column `weight`: expected a number, found `heavy`",
        ),
        (
            refused("weight,size,town,kind\n1,2,Bern,\n", None),
            "1 of 1 rows have no target 'kind': no row is left, so fill some in",
        ),
        (refused("weight,size,town,kind\n1,2,Bern,cat\n", Some("sort")), "no column 'sort'; there are 'weight'"),
    ] {
        assert!(got.starts_with(want), "{got}\nexpected {want}");
    }
}

/// A model evaluates the table that it was trained on, whatever is missing there.
#[test]
fn rows_that_were_left_out_are_left_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // The targets of the first two rows are missing; so is the size of the fourth.
    let text = pets().replacen("cat\n", "\n", 2);
    std::fs::write(path("pets.csv"), &text).unwrap();
    for (missing, rows, why) in [
        (
            "drop",
            36,
            "2 of 60 rows have no target 'kind', and 22 of 60 rows have missing values, as in the training (--missing drop): passed over",
        ),
        ("mean", 58, "2 of 60 rows have no target 'kind': passed over"),
    ] {
        let prepared = table(&text).prepare(&Prepare::new("kind").missing(missing.parse().unwrap())).unwrap();
        assert_eq!(prepared.dataset.rows(), rows, "{missing}");
        let model = prepared.model(layers![Dense::new(2).activation("softmax")]).unwrap();
        model.save(path("model.keras")).unwrap();
        let model = Model::load(path("model.keras")).unwrap();
        assert_eq!(Schema::of(&model).unwrap().unwrap(), prepared.schema);
        let dataset = datasets::open_for(&path("pets.csv"), &model, None).unwrap();
        assert_eq!(dataset.train.rows(), rows, "{missing}");
        assert!(dataset.warnings.iter().any(|warning| warning.ends_with(why)), "{:?}", dataset.warnings);
        // Every row is to be answered: one that cannot be is refused.
        match (missing, datasets::inputs_for(&path("pets.csv"), &model)) {
            ("mean", inputs) => assert_eq!(inputs.unwrap().train.rows(), 60),
            (_, inputs) => assert!(inputs.unwrap_err().to_string().ends_with(
                "values are missing, by column: 'size' 9, 'town' 15; the model was trained without such rows (--missing \
                 drop) and has nothing to fill them with: fill them, or train with --missing mean (median, \
                 most_frequent, a value), whose model does"
            )),
        }
    }
}

#[test]
fn a_number_is_predicted_in_its_own_units() {
    let rows: String = (0..200).map(|i| format!("{},{}\n", i % 50, 5000.0 + 300.0 * (i % 50) as f32)).collect();
    let table = table(&format!("rooms,rent\n{rows}"));
    let prepared = table.prepare(&Prepare::new("rent")).unwrap();
    let mut model = prepared.model(layers![Dense::new(1)]).unwrap();
    model.compile("mse", Adam::new(0.05), ["mae"]).unwrap();
    // Before any training the answers have the target's mean and size already.
    let train = &prepared.dataset.train;
    let first = model.evaluate(&train.x, train.y.as_ref().unwrap()).unwrap().get("mae").unwrap();
    assert!(first < 10_000.0, "{first}");
    model.fit(&train.x, train.y.as_ref().unwrap(), Fit::new().epochs(40).verbose(0)).unwrap();
    let test = prepared.dataset.test.as_ref().unwrap();
    let mae = model.evaluate(&test.x, test.y.as_ref().unwrap()).unwrap().get("mae").unwrap();
    assert!(mae < 20.0, "{mae}");
    assert!(model.class_names().is_empty());
    assert_eq!(Schema::of(&model).unwrap().unwrap().target.as_deref(), Some("rent"));
}

#[test]
fn tables_for_models_that_know_no_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.csv").display().to_string();
    std::fs::write(&path, "a,b,y\n1,2,0\n3,4.5,1\n").unwrap();
    let mut model = Sequential::new(layers![Dense::new(2).activation("softmax").input_dim(2)]).unwrap();
    model.compile("sparse_categorical_crossentropy", "sgd", ["acc"]).unwrap();
    let dataset = datasets::open_for(&path, &model, Some("y")).unwrap();
    assert_eq!(dataset.train.x.tensors()[0].to_f32(), [1.0, 2.0, 3.0, 4.5]);
    assert_eq!(
        (dataset.train.y.unwrap().to_i64(), dataset.feature_names),
        (vec![0, 1], vec![vec!["a".to_owned(), "b".into()]])
    );
    assert_eq!(datasets::open(&path).unwrap().train.x.tensors()[0].shape(), [2, 3]);
    let error = datasets::open_for(&path, &model, None).unwrap_err().to_string();
    assert!(error.ends_with("plain.csv: which column is the target? Name it: --target COLUMN"), "{error}");
    std::fs::write(&path, "a,b,y\n1,x,0\n3,y,1\n").unwrap();
    let error = datasets::open_for(&path, &model, Some("y")).unwrap_err().to_string();
    assert!(
        error.contains("column 'b' holds texts, and the model says nothing about columns: train one with"),
        "{error}"
    );
}
