//! HDF5: files of Keras and h5py, our own files, paths. Expected values were printed by h5py 3 from the same files.

mod common;

use common::{f32s, i64s, refused, u8s};
use proptest::prelude::*;
use vanilla_formats::hdf5::{Attr, Group, Node, read, write};
use vanilla_formats::{Array, Data, keras_zip};

const MINI: &[u8] = include_bytes!("data/mini.keras");
const TINY_WEIGHTS: &[u8] = include_bytes!("data/tiny.weights.h5");
const TINY: &[u8] = include_bytes!("data/tiny.h5");

fn names(group: &Group) -> Vec<&str> {
    group.children.iter().map(|(name, _)| name.as_str()).collect()
}

fn text(text: &str) -> Attr {
    Attr::Str(text.to_owned())
}

fn texts(texts: &[&str]) -> Attr {
    Attr::StrList(texts.iter().map(|&text| text.to_owned()).collect())
}

fn group(attrs: Vec<(&str, Attr)>, children: Vec<(&str, Node)>) -> Group {
    Group {
        attrs: attrs.into_iter().map(|(name, attr)| (name.to_owned(), attr)).collect(),
        children: children.into_iter().map(|(name, node)| (name.to_owned(), node)).collect(),
    }
}

#[test]
fn weights_of_keras() {
    let root = read(TINY_WEIGHTS).unwrap();
    assert_eq!(names(&root), ["layers", "optimizer", "vars"]);
    assert_eq!(names(root.group("layers").unwrap()), ["batch_normalization", "dense", "dense_1", "dropout"]);
    let kernel = root.dataset("layers/dense/vars/0").unwrap();
    assert_eq!(kernel.shape, [4, 3]);
    let Data::F32(values) = &kernel.data else { panic!("{}", kernel.dtype()) };
    assert_eq!(values[..4], [0.028394345, -0.35254863, 0.62652904, -0.7274531]);
    let head = f32s(&[3, 2], &[0.34883928, -0.9161102, 0.9165898, 1.0537937, 0.33946452, -0.38071463]);
    assert_eq!(root.dataset("layers/dense_1/vars/0").unwrap(), &head);
    let variance = f32s(&[3], &[0.99, 0.9908012, 0.9903978]);
    assert_eq!(root.dataset("/layers/batch_normalization/vars/3").unwrap(), &variance);
    assert_eq!(
        root.group("layers/batch_normalization/vars").unwrap().attr("name"),
        Some(&text("batch_normalization"))
    );
    // A layer without weights has an empty group.
    assert_eq!(root.group("layers/dropout/vars").unwrap(), &group(vec![("name", text("dropout"))], vec![]));
    let optimizer = root.group("optimizer/vars").unwrap();
    assert_eq!(names(optimizer), ["0", "1", "10", "11", "12", "13", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(optimizer.dataset("0").unwrap(), &i64s(&[], &[1]));
    assert_eq!(optimizer.dataset("1").unwrap(), &f32s(&[], &[0.001]));
    assert_eq!(optimizer.dataset("13").unwrap(), &f32s(&[2], &[2.208868e-5, 2.2088674e-5]));
    assert_eq!(root.group("vars").unwrap().attr("name"), Some(&text("tiny")));
}

#[test]
fn weights_in_a_keras_archive() {
    let root = read(&keras_zip::read(MINI).unwrap().weights).unwrap();
    let kernel = [0.5801766, 0.5460768, -0.8033905, 0.11255026, 0.5686743, -0.17834187, 0.84208703, -0.1809771];
    assert_eq!(root.dataset("layers/dense/vars/0").unwrap(), &f32s(&[4, 2], &kernel));
    assert_eq!(root.dataset("layers/dense/vars/1").unwrap(), &f32s(&[2], &[0.0, 0.0]));
    assert_eq!(root.dataset("optimizer/vars/0").unwrap(), &i64s(&[], &[0]));
    assert_eq!(root.group("layers/dense/vars").unwrap().attr("name"), Some(&text("out")));
}

#[test]
fn whole_model_of_keras() {
    let root = read(TINY).unwrap();
    assert_eq!(root.attr("keras_version"), Some(&text("3.15.1")));
    let Some(Attr::Str(config)) = root.attr("model_config") else { panic!("model_config") };
    assert!(
        config.starts_with(r#"{"class_name": "Sequential", "config": {"name": "tiny""#) && config.ends_with('}')
    );
    let weights = root.group("model_weights").unwrap();
    assert_eq!(weights.attr("layer_names"), Some(&texts(&["dense", "batch_normalization", "dropout", "dense_1"])));
    let dense = weights.group("dense").unwrap();
    assert_eq!(dense.attr("weight_names"), Some(&texts(&["tiny/dense/kernel", "tiny/dense/bias"])));
    assert_eq!(dense.dataset("tiny/dense/kernel").unwrap().shape, [4, 3]);
    // Without weights, the names are an empty array of float64.
    let none = Attr::Numbers(f32s(&[0], &[]));
    assert_eq!(weights.group("dropout").unwrap().attr("weight_names"), Some(&none));
    assert_eq!(root.dataset("optimizer_weights/adam/iteration").unwrap(), &i64s(&[], &[1]));
}

#[test]
fn what_is_missing_and_what_is_there() {
    let root = read(TINY_WEIGHTS).unwrap();
    let missing = |path: &str, fragment: &str| refused(path, root.dataset(path), fragment);
    missing(
        "layers/dense/vars/2",
        "no dataset `layers/dense/vars/2`: the group `/layers/dense/vars` holds `0`, `1`",
    );
    missing("layer/dense", "the group `/` holds `layers`, `optimizer`, `vars`");
    missing("layers", "the group `/layers` holds `batch_normalization`, `dense`, `dense_1`, `dropout`");
    missing("layers/dense/vars/1/x", "`/layers/dense/vars/1` is a dataset of shape [3]");
    missing("layers/dropout/vars/0", "the group `/layers/dropout/vars` holds nothing");
    missing("optimizer/vars/14", "`7`, … (14 in all)");
    missing("", "no dataset ``");
    refused("a dataset as group", root.group("vars/x"), "no group `vars/x`: the group `/vars` holds nothing");
    assert_eq!(root.get("nowhere"), None);
    assert_eq!(root.get(""), None);
    assert_eq!(root.get("layers//dense/"), root.get("layers/dense"));
}

#[test]
fn golden_files_survive_our_writer() {
    for (name, file) in
        [("weights", TINY_WEIGHTS), ("model", TINY), ("mini", &keras_zip::read(MINI).unwrap().weights)]
    {
        let root = read(file).unwrap();
        let ours = write(&root).unwrap();
        assert_eq!(read(&ours).unwrap(), root, "{name}");
        assert_eq!(write(&root).unwrap(), ours, "{name}: the same input gives the same bytes");
    }
}

#[test]
fn every_kind_of_value_survives() {
    let long = "{\"config\": \"".to_owned() + &"grüße ".repeat(60_000) + "\"}";
    let everything = group(
        vec![
            ("text", text("x")),
            ("empty", text("")),
            ("long", text(&long)),
            ("list", texts(&["a", "", "ü", &long])),
            ("no texts", texts(&[])),
            ("number", Attr::Numbers(i64s(&[], &[-5]))),
            ("numbers", Attr::Numbers(f32s(&[2], &[1.5, -0.0]))),
            ("none", Attr::Numbers(u8s(&[0], &[]))),
        ],
        vec![
            ("scalar", Node::Dataset(i64s(&[], &[i64::MIN]))),
            ("bytes", Node::Dataset(u8s(&[2, 1, 2], &[0, 1, 254, 255]))),
            ("empty", Node::Dataset(f32s(&[0, 3], &[]))),
            ("ünï ✓", Node::Dataset(f32s(&[1], &[f32::MIN_POSITIVE]))),
            ("vars", Node::Group(Group::new())),
            ("deep", Node::Group(group(vec![("a/b", text("c"))], vec![("deeper", Node::Group(Group::new()))]))),
        ],
    );
    let file = write(&everything).unwrap();
    assert_eq!(read(&file).unwrap(), everything);
    // hdf5-pure reads its own file to the same values.
    let theirs = hdf5_pure::File::from_bytes(file).unwrap();
    assert_eq!(theirs.dataset("bytes").unwrap().read_u8().unwrap(), [0, 1, 254, 255]);
    assert_eq!(theirs.root().attrs().unwrap()["long"].as_str(), Some(long.as_str()));
}

#[test]
fn many_members_and_deep_groups() {
    let members = (0..5000).map(|n| (n.to_string(), Node::Dataset(f32s(&[], &[n as f32])))).collect();
    let many = Group { attrs: vec![], children: members };
    assert_eq!(read(&write(&many).unwrap()).unwrap(), many);
    let nest =
        |depth: usize| (0..depth).fold(Group::new(), |inner, _| group(vec![], vec![("g", Node::Group(inner))]));
    assert_eq!(read(&write(&nest(16)).unwrap()).unwrap(), nest(16));
    refused("17 deep", write(&nest(17)), "limit: expected at most 16, found deeper groups");
}

#[test]
fn what_we_would_not_read_is_not_written() {
    let one = |attrs, children| write(&group(attrs, children));
    let zero = || Node::Dataset(u8s(&[], &[0]));
    let wrong = Array { shape: vec![3], data: Data::U8(vec![0]) };
    let cases = [
        ("slash", one(vec![], vec![("a/b", zero())]), "a name without `/` and NUL"),
        ("empty name", one(vec![], vec![("", zero())]), "a name without `/` and NUL"),
        ("dot", one(vec![], vec![(".", zero())]), "a name without `/` and NUL"),
        ("NUL in name", one(vec![], vec![("a\0", zero())]), "a name without `/` and NUL"),
        ("name twice", one(vec![], vec![("a", zero()), ("a", zero())]), "`/a`: expected every name once"),
        ("long name", one(vec![], vec![(&"n".repeat(1025), zero())]), "at most 1024, found a name of 1025 bytes"),
        ("attribute twice", one(vec![("a", text("")), ("a", text(""))], vec![]), "every name once"),
        ("NUL in text", one(vec![("a", text("x\0y"))], vec![]), "`/`, attribute `a`: expected text without NUL"),
        (
            "9 attributes",
            one((0..9).map(|n| (["a", "b", "c", "d", "e", "f", "g", "h", "i"][n], text(""))).collect(), vec![]),
            "at most 8, found 9 attributes",
        ),
        (
            "matrix attribute",
            one(vec![("a", Attr::Numbers(u8s(&[1, 1], &[0])))], vec![]),
            "an attribute of 2 or more axes",
        ),
        ("big attribute", one(vec![("a", texts(&[""; 4000]))], vec![]), "at most 60000, found 64000 bytes"),
        (
            "wrong shape",
            one(vec![], vec![("a", Node::Dataset(wrong.clone()))]),
            "as many elements as shape [3] has, found 1",
        ),
        (
            "wrong shape of attribute",
            one(vec![("a", Attr::Numbers(wrong))], vec![]),
            "as many elements as shape [3] has",
        ),
        ("33 axes", one(vec![], vec![("a", Node::Dataset(u8s(&[1; 33], &[0])))]), "at most 32, found 33 axes"),
    ];
    for (name, result, fragment) in cases {
        refused(name, result, fragment);
    }
}

#[test]
fn what_hdf5_pure_can_write_and_we_do_not_read() {
    use hdf5_pure::{AttrValue, FileBuilder};
    let file = |build: fn(&mut FileBuilder)| {
        let mut builder = FileBuilder::new();
        build(&mut builder);
        builder.finish().unwrap()
    };
    let plain = file(|f| discard(f.create_dataset("a").with_f64_data(&[0.1, 2.0])));
    assert_eq!(read(&plain).unwrap().dataset("a").unwrap(), &f32s(&[2], &[0.1, 2.0]));
    let narrow = file(|f| discard(f.create_dataset("a").with_i16_data(&[-1, 2])));
    assert_eq!(read(&narrow).unwrap().dataset("a").unwrap(), &i64s(&[2], &[-1, 2]));
    let fixed = file(|f| f.set_attr("a", AttrValue::StringArray(vec!["x".into(), "yz".into()])));
    assert_eq!(read(&fixed).unwrap().attr("a"), Some(&texts(&["x", "yz"])));
    let chunked = file(|f| discard(f.create_dataset("a").with_f32_data(&[0.0; 4]).with_chunks(&[2])));
    refused("chunked", read(&chunked), "HDF5, `/a`, layout: unsupported: a chunked dataset");
    let shuffled =
        file(|f| discard(f.create_dataset("a").with_f32_data(&[0.0; 4]).with_chunks(&[2]).with_shuffle()));
    refused("shuffle", read(&shuffled), "HDF5, `/a`: unsupported: the filter shuffle");
    let strings = file(|f| discard(f.create_dataset("a").with_vlen_strings(&["x"])));
    refused("texts", read(&strings), "HDF5, `/a`: unsupported: a dataset of texts");
    let references = file(|f| discard(f.create_dataset("a").with_reference_data(&[0])));
    refused("references", read(&references), "HDF5, `/a`, datatype: unsupported: references");
    let dense = file(|f| (0..9).for_each(|n| f.set_attr(&n.to_string(), AttrValue::I64(n))));
    refused("dense attributes", read(&dense), "HDF5, `/`: unsupported: dense attributes");
    let user_block = file(|f| discard(f.with_userblock(512)));
    refused("user block", read(&user_block), "superblock: unsupported: a user block");
}

/// Ends a chain of builder calls.
fn discard<T>(_: T) {}

fn any_array() -> impl Strategy<Value = Array> {
    (prop::collection::vec(0usize..4, 0..4), 0..3, any::<u64>()).prop_map(|(shape, kind, seed)| {
        let count: u64 = shape.iter().product::<usize>() as u64;
        let words = (0..count).map(|at| seed.wrapping_mul(2 * at + 1));
        let data = match kind {
            0 => Data::U8(words.map(|word| word as u8).collect()),
            1 => Data::I64(words.map(u64::cast_signed).collect()),
            _ => Data::F32(words.map(|word| word as f32 / 7.0).collect()),
        };
        Array::new(shape, data).unwrap()
    })
}

/// The order that `write` promises.
fn datasets_first(children: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let (datasets, groups): (Vec<_>, Vec<_>) =
        children.into_iter().partition(|(_, node)| matches!(node, Node::Dataset(_)));
    [datasets, groups].concat()
}

fn any_group() -> impl Strategy<Value = Group> {
    let name = || "[a-zA-Z0-9_ äß✓.]{2,12}";
    let attr = prop_oneof![
        "\\PC{0,20}".prop_map(Attr::Str),
        prop::collection::vec("\\PC{0,9}", 0..4).prop_map(Attr::StrList),
        any_array().prop_filter("at most one axis", |array| array.shape.len() < 2).prop_map(Attr::Numbers),
    ];
    let attrs = prop::collection::btree_map(name(), attr, 0..4);
    let leaf = attrs.clone().prop_map(|attrs| Group { attrs: attrs.into_iter().collect(), children: vec![] });
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let node = prop_oneof![inner.prop_map(Node::Group), any_array().prop_map(Node::Dataset)];
        (attrs.clone(), prop::collection::btree_map(name(), node, 0..5)).prop_map(|(attrs, children)| Group {
            attrs: attrs.into_iter().collect(),
            children: datasets_first(children.into_iter().collect()),
        })
    })
}

proptest! {
    #[test]
    fn round_trip(root in any_group()) {
        prop_assert_eq!(read(&write(&root).unwrap()).unwrap(), root);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[b"\x89HDF\r\n\x1a\n\0", &bytes[..]].concat());
    }
}
