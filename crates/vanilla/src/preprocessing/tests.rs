//! The words against recordings of real Keras (`interop/record_preprocessing.py`), and their messages.

use super::fingerprint::bin;
use super::*;
use crate::layers::Common;
use crate::tensor::{I64, U8};
use serde_json::{Value, json};

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/preprocessing.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// A recorded tensor.
fn tensor(recorded: &Value) -> Tensor {
    let shape: Vec<usize> = list(&recorded["shape"]).iter().map(|axis| axis.as_u64().unwrap() as usize).collect();
    let data = list(&recorded["data"]);
    let integers = || data.iter().map(|x| x.as_i64().unwrap()).collect::<Vec<i64>>();
    match recorded["dtype"].as_str().unwrap() {
        "string" => Tensor::new(data.iter().map(|x| x.as_str().unwrap().to_owned()).collect(), shape),
        "int64" => Tensor::new(integers(), shape),
        "uint8" => Tensor::new(integers(), shape).map(|x| x.astype(U8)),
        _ => Tensor::new(data.iter().map(|x| number(x) as f32).collect(), shape),
    }
    .unwrap()
}

/// Equal, floats to within two units of the last place, integers and floats being equal numbers.
fn same(ours: &Tensor, keras: &Tensor, of: &str) {
    assert_eq!(ours.shape(), keras.shape(), "{of}");
    if keras.dtype() == STR {
        assert_eq!(ours, keras, "{of}");
        return;
    }
    for (a, b) in ours.to_f32().iter().zip(keras.to_f32()) {
        assert!((a - b).abs() <= 2.4e-7 * b.abs(), "{of}: {a}, in Keras {b}");
    }
}

fn word(class: &str, keys: &Keys) -> Result<Box<dyn Preprocessor>> {
    let mut config = Config::new(class, keys.clone());
    let common = config.common()?;
    let word: Box<dyn Preprocessor> = match class {
        CategoryEncoding::CLASS => Box::new(CategoryEncoding::from_config(common, &mut config)?),
        Discretization::CLASS => Box::new(Discretization::from_config(common, &mut config)?),
        Hashing::CLASS => Box::new(Hashing::from_config(common, &mut config)?),
        IntegerLookup::CLASS => Box::new(IntegerLookup::from_config(common, &mut config)?),
        StringLookup::CLASS => Box::new(StringLookup::from_config(common, &mut config)?),
        _ => panic!("{class}"),
    };
    config.finish()?;
    Ok(word)
}

#[test]
fn words_give_what_keras_gives() {
    let recorded = recorded();
    let cases = list(&recorded["words"]);
    assert!(cases.len() > 70);
    for case in cases {
        let class = case["class_name"].as_str().unwrap();
        let mut keys = case["config"].as_object().unwrap().clone();
        let of = serde_json::to_string(&keys).unwrap();
        let mut word = word(class, &keys).unwrap();
        for key in ["name", "trainable"] {
            keys.shift_remove(key);
        }
        let dtype = keys.shift_remove("dtype").unwrap();
        assert!(dtype == word.dtype() || dtype["config"]["name"] == word.dtype(), "{of}");
        let (ours, keras) = (word.config(), &keys);
        assert_eq!(
            serde_json::to_string(&ours).unwrap(),
            serde_json::to_string(keras).unwrap(),
            "keys in their order"
        );
        if let Some(column) = case.get("adapt") {
            word.adapt("adapt", &tensor(column)).unwrap();
        }
        if let Some(boundaries) = case.get("bin_boundaries") {
            assert_eq!(word.config()["bin_boundaries"], *boundaries, "{of}");
        }
        // What was learned is in the configuration, so a copy by its keys is as good.
        let copy = self::word(class, &word.config()).unwrap();
        for call in list(&case["calls"]) {
            let (input, output) = (tensor(&call["input"]), tensor(&call["output"]));
            for word in [&word, &copy] {
                let ours = word.apply("x", &input).unwrap();
                same(&ours, &output, &of);
                assert_eq!(ours.shape()[1..], word.output_shape("x", &input.shape()[1..]).unwrap(), "{of}");
                let encoded = word.config().get("output_mode").is_some_and(|mode| mode != "int");
                assert_eq!(ours.dtype() == F32, encoded, "{of}");
            }
        }
    }
}

#[test]
fn vocabularies_are_those_of_keras() {
    let recorded = recorded();
    let mut seen = 0;
    for case in list(&recorded["words"]).iter().filter(|case| case.get("vocabulary").is_some()) {
        let mut config = Config::new("x", case["config"].as_object().unwrap().clone());
        let adapt = case.get("adapt").map(tensor);
        let vocabulary: Vec<Value> = if case["class_name"] == StringLookup::CLASS {
            let mut word = StringLookup::from_config(Common::PLAIN, &mut config).unwrap();
            adapt.iter().for_each(|column| word.adapt("adapt", column).unwrap());
            word.get_vocabulary(true).into_iter().map(Value::from).collect()
        } else {
            let mut word = IntegerLookup::from_config(Common::PLAIN, &mut config).unwrap();
            adapt.iter().for_each(|column| word.adapt("adapt", column).unwrap());
            word.get_vocabulary(true).into_iter().map(Value::from).collect()
        };
        assert_eq!(Value::Array(vocabulary), case["vocabulary"], "{}", case["config"]);
        seen += 1;
    }
    assert!(seen > 35);
}

#[test]
fn boundaries_of_a_column_in_parts() {
    let recorded = &recorded()["batches"][0];
    let mut word = Discretization::new().num_bins(6).epsilon(0.05);
    for part in list(&recorded["parts"]) {
        word.update_state("x", &tensor(part)).unwrap();
    }
    word.finalize_state("x").unwrap();
    assert_eq!(word.config()["bin_boundaries"], recorded["bin_boundaries"]);
}

#[test]
fn hashes_of_all_lengths() {
    let recorded = recorded();
    for case in list(&recorded["hashes"]) {
        let text = case[0].as_str().unwrap();
        let bins = [bin(text, None, 1 << 62), bin(text, Some([3, -9]), 1 << 62)];
        assert_eq!(bins.map(Some), [case[1].as_u64(), case[2].as_u64()], "{} bytes", text.len());
    }
}

#[test]
fn moments_and_norms() {
    let recorded = recorded();
    for case in list(&recorded["moments"]) {
        let axis: Vec<isize> = list(&case["axis"]).iter().map(|axis| axis.as_i64().unwrap() as isize).collect();
        let (mean, variance, count) = moments("adapt", &tensor(&case["x"]), &axis).unwrap();
        assert_eq!(count as usize * mean.len(), 72);
        for (ours, keras) in [(&mean, &case["mean"]), (&variance, &case["variance"])] {
            let keras = tensor(keras);
            assert_eq!(ours.shape(), keras.shape());
            // Keras sums floats.
            let near = |(a, b): (&f32, f32)| (a - b).abs() <= 1e-5 * b.abs();
            assert!(ours.to_f32().iter().zip(keras.to_f32()).all(near), "{axis:?}: {ours:?}");
        }
    }
    for case in list(&recorded["normalize"]) {
        let order: f64 = case["order"].as_str().unwrap().parse().unwrap();
        let ours = crate::utils::normalize(&tensor(&case["x"]), case["axis"].as_i64().unwrap() as isize, order);
        same(&ours.unwrap(), &tensor(&case["y"]), &format!("order {order}"));
    }
}

#[test]
fn any_rank_and_no_rows() {
    let x = Tensor::new(vec![0i64, 1, 1, 2, 2, 2, 0, 0], [1, 2, 4]).unwrap();
    let count = CategoryEncoding::new(3).output_mode("count");
    assert_eq!(count.apply("x", &x).unwrap(), Tensor::new(vec![1f32, 2., 1., 2., 0., 2.], [1, 2, 3]).unwrap());
    // A vector is a column: a row for every sample, whatever the mode.
    let column = Tensor::new(vec![2i64, 0], [2]).unwrap();
    assert_eq!(count.apply("x", &column).unwrap(), Tensor::new(vec![0f32, 0., 1., 1., 0., 0.], [2, 3]).unwrap());
    for shape in [vec![0, 2], vec![0], vec![2, 0]] {
        let none = Tensor::new(Vec::<i64>::new(), shape.clone()).unwrap();
        assert_eq!(count.apply("x", &none).unwrap().shape(), [shape[0], 3]);
        assert!(IntegerLookup::new().adapt("x", &none).is_err());
        assert!(moments("x", &none, &[-1]).is_err());
    }
    let weights = Tensor::new(vec![0.25f32, 0.5, 2.0, 3.0], [2, 2]).unwrap();
    let pairs = Tensor::new(vec![0i64, 1, 1, 1], [2, 2]).unwrap();
    assert_eq!(count.count("x", &pairs, &weights).unwrap().to_f32(), [0.25, 0.5, 0.0, 0.0, 5.0, 0.0]);
}

#[test]
fn a_vocabulary_from_elsewhere_must_be_the_announced_one() {
    let keys = json!({ "vocabulary": null, "vocabulary_size": 3, "output_mode": "one_hot" });
    let mut config = Config::new("x", keys.as_object().unwrap().clone());
    let mut lookup = StringLookup::from_config(Common::PLAIN, &mut config).unwrap();
    assert_eq!(lookup.output_shape("x", &[1]).unwrap(), [3]);
    let error = lookup.set_vocabulary("x", vec!["a".into()], None).unwrap_err();
    let want = "x: vocabulary_size = 3, but the vocabulary has 2 tokens with the special ones";
    assert_eq!(error.to_string(), want);
    lookup.set_vocabulary("x", vec!["a".into(), "b".into()], None).unwrap();
    assert_eq!(lookup.vocabulary_size(), Some(3));
}

#[test]
fn what_makes_no_sense_is_named_with_a_way_out() {
    let texts = Tensor::new(vec!["a", "q"], [2]).unwrap();
    let numbers = Tensor::new(vec![1i64, 5], [2]).unwrap();
    let error = |result: Result<Tensor>| result.unwrap_err().to_string();
    let config = |class: &str, keys: Value| word(class, keys.as_object().unwrap()).unwrap_err().to_string();
    let abc = || StringLookup::new().vocabulary(["a", "b"]);
    let cases = [
        (
            error(CategoryEncoding::new(4).apply("x", &numbers)),
            "x: x is 5 in row 1, expected whole numbers from 0 to 3: raise num_tokens, or use an IntegerLookup",
        ),
        (
            error(CategoryEncoding::new(4).apply("x", &Tensor::new(vec![-1i64], [1]).unwrap())),
            "x: x is -1 in row 0, expected whole numbers from 0 to 3: raise num_tokens, or use an IntegerLookup",
        ),
        (
            error(CategoryEncoding::new(4).apply("x", &(numbers.astype(F32) / 2.0))),
            "x: x is 0.5 in row 0, expected whole numbers: put a Discretization first",
        ),
        (
            error(CategoryEncoding::new(4).apply("x", &texts)),
            "x: x holds strings, expected numbers: put a StringLookup or Hashing first",
        ),
        (
            error(CategoryEncoding::new(4).output_mode("int").apply("x", &numbers)),
            "x: output_mode = \"int\", expected one of one_hot, multi_hot, count",
        ),
        (
            error(CategoryEncoding::new(1 << 60).apply("x", &numbers)),
            "x: an encoding of the shape [2, 1152921504606846976] does not fit into memory: encode fewer rows \
             at once",
        ),
        (
            error(abc().apply("x", &numbers)),
            "x: x holds int64, expected strings: call astype(STR) on it, or use an IntegerLookup",
        ),
        (
            error(abc().num_oov_indices(0).apply("colour", &texts)),
            "colour: x is \"q\" in row 1, expected one of the vocabulary's 2 tokens: num_oov_indices = 1 makes a \
             place for unknown ones",
        ),
        (
            error(StringLookup::new().apply("x", &texts)),
            "x: there is no vocabulary yet: call adapt on a column, or give one",
        ),
        (
            error(StringLookup::new().vocabulary(["[UNK]"]).apply("x", &texts)),
            "x: the vocabulary is empty, expected at least one token",
        ),
        (
            abc().adapt("x", &texts).unwrap_err().to_string(),
            "x: the vocabulary was given, so none can be learned: leave it out, or do not call adapt",
        ),
        (
            StringLookup::new().mask_token("a").oov_token("q").adapt("x", &texts).unwrap_err().to_string(),
            "x: x has the shape [2] and no token but special ones: nothing to learn",
        ),
        (
            config("StringLookup", json!({ "vocabulary": "/etc/passwd" })),
            "StringLookup: vocabulary = \"/etc/passwd\" is a path, and a model may not name files to read: expected \
             the list of tokens itself",
        ),
        (
            config("StringLookup", json!({ "vocabulary": [] })),
            "StringLookup: the vocabulary is empty, expected at least one token",
        ),
        (
            config("IntegerLookup", json!({ "vocabulary": [1, 2, 1] })),
            "IntegerLookup: the vocabulary has 1 more than once: drop repeated tokens",
        ),
        (
            config("IntegerLookup", json!({ "vocabulary": [1, "2"] })),
            "IntegerLookup: vocabulary has \"2\", expected whole numbers",
        ),
        (
            config("StringLookup", json!({ "vocabulary": ["a", "", "b"], "mask_token": "" })),
            "StringLookup: the vocabulary has \"\" at place 1: special tokens stand in front, all 2 of them, or are \
             left out",
        ),
        (
            config("StringLookup", json!({ "vocabulary": ["a", "b"], "max_tokens": 2 })),
            "StringLookup: the vocabulary has 3 tokens with the special ones, and max_tokens = 2",
        ),
        (
            config("StringLookup", json!({ "invert": true, "output_mode": "count" })),
            "StringLookup: invert = true with output_mode = \"count\", expected \"int\"",
        ),
        (
            config("StringLookup", json!({ "output_mode": "tf_idf", "vocabulary": ["a"], "idf_weights": [1, 2] })),
            "StringLookup: 2 idf_weights, expected 1: one for every token",
        ),
        (
            config("StringLookup", json!({ "output_mode": "onehot" })),
            "StringLookup: output_mode = \"onehot\", expected one of int, one_hot, multi_hot, count, tf_idf",
        ),
        (
            config("StringLookup", json!({ "sparse": true, "output_mode": "count" })),
            "StringLookup: sparse = true is not supported, outputs are dense: leave it out",
        ),
        (
            config("StringLookup", json!({ "encoding": "latin-1" })),
            "StringLookup: encoding = \"latin-1\" is not supported, expected \"utf-8\"",
        ),
        (
            config("IntegerLookup", json!({ "salt": 3 })),
            "IntegerLookup: salt with oov_method = \"floormod\", expected \"farmhash\": there is no hash to be \
             salted",
        ),
        (
            config("IntegerLookup", json!({ "max_tokens": 1 })),
            "IntegerLookup: max_tokens = 1, expected more than 1",
        ),
        (config("Hashing", json!({ "num_bins": 0 })), "Hashing: num_bins = 0, expected at least 1"),
        (
            config("Hashing", json!({ "num_bins": 3, "salt": [1, 2, 3] })),
            "Hashing: salt = [1,2,3], expected a whole number or two, such as [133, 137]",
        ),
        (
            error(Hashing::new(3).mask_value("").apply("x", &numbers)),
            "x: mask_value = \"\", and x holds int64: expected a value of that type",
        ),
        (
            error(Discretization::new().num_bins(3).apply("age", &numbers)),
            "age: there are no bin_boundaries yet: call adapt on a column, or give them",
        ),
        (
            error(Discretization::new().bin_boundaries([1.0, 0.5]).apply("age", &numbers)),
            "age: bin_boundaries has 1 before 0.5, expected rising numbers: sort them",
        ),
        (
            error(Discretization::new().bin_boundaries([1.0]).apply("age", &(numbers.astype(F32) * f32::NAN))),
            "age: x is NaN in row 0: fill or drop such values first",
        ),
        (
            config("Discretization", json!({})),
            "Discretization: neither bin_boundaries nor num_bins: give one of them",
        ),
        (
            Discretization::new().bin_boundaries([1.0]).adapt("age", &numbers).unwrap_err().to_string(),
            "age: bin_boundaries were given, so none can be learned: give num_bins instead, or do not call adapt",
        ),
        (
            Hashing::new(3).adapt("x", &texts).unwrap_err().to_string(),
            "x: Hashing has nothing to learn: call it without adapt",
        ),
        (
            error(Hashing::new(3).apply("x", &Tensor::new(vec!["a"], []).unwrap())),
            "x: x is a scalar, expected one sample a row: reshape it to [1]",
        ),
        (
            moments("x", &numbers, &[1]).unwrap_err().to_string(),
            "x: axis = 1, and x has 1 axes (shape [2]): expected -1 to 0",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
    assert_eq!(IntegerLookup::new().vocabulary([5]).apply("x", &numbers).unwrap().dtype(), I64);
}
