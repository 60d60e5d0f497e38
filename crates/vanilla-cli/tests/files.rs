//! What files are, and from one format to another.

mod common;

use common::*;
use vanilla::formats::{idx, npy, safetensors};

/// A folder with a trained run of the tiny experiment, its data and other files.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    folder.write("e.toml", tiny_experiment());
    folder.good(&["train", "e.toml", "--out", "run", "--quiet"]);
    folder
}

#[test]
fn inspect_says_what_a_file_is() {
    let folder = folder();
    let inspect = |name: &str| -> serde_json::Value {
        serde_json::from_str(&folder.good(&["inspect", name, "--json"]).stdout).unwrap()
    };
    let model = inspect("run/model.keras");
    assert_eq!(model["kind"], "a Keras 3 model (.keras)");
    assert_eq!(model["about"]["weights_sha256"], folder.json("run/metrics.json")["weights_sha256"]);
    assert_eq!(model["about"]["optimizer"], "Adam");
    assert_eq!(model["layers"][0]["params"], 40);
    assert_eq!(model["tensors"][0]["name"], "layers/dense/vars/0");
    assert_eq!(model["tensors"][0]["shape"], serde_json::json!([4, 8]));
    assert_eq!(model["unusual"], serde_json::json!([]));

    let data = inspect("data.npz");
    assert_eq!(data["kind"], "numpy arrays (npz)");
    assert_eq!(data["tensors"][1]["counts"], serde_json::json!([[0, 10], [1, 10], [2, 10]]));

    folder.write("x.npy", npy::write(&floats(&[2, 2], |i| if i == 3 { f32::NAN } else { 0.5 })));
    assert_eq!(
        inspect("x.npy")["unusual"],
        serde_json::json!([
            "x: 1 of 4 elements are NaN or infinite: fill or drop them before training",
            "x: all 4 elements are 0.5"
        ])
    );
    folder.write("labels", idx::write(&bytes(&[3], |i| i as u8)));
    assert_eq!(inspect("labels")["kind"], "an IDX file");
    let zeros = safetensors::Tensor {
        name: "kernel".into(),
        shape: vec![2, 3],
        values: safetensors::Values::F32(vec![0.0; 6]),
    };
    folder.write("w.bin", safetensors::write(&[], &[zeros]).unwrap());
    assert_eq!(
        inspect("w.bin")["unusual"],
        serde_json::json!([
            "kernel: all 6 elements are 0: nothing passes through",
            "the name ends in .bin, and such files usually in .safetensors"
        ])
    );

    let text = folder.good(&["inspect", "run/model.keras"]).stdout;
    for part in
        ["run/model.keras: a Keras 3 model (.keras), ", "dense (Dense)", "layers/dense/vars/0", "Nothing unusual."]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn inspect_refuses_what_it_does_not_know() {
    let folder = Folder::new();
    for (bytes, want) in [
        (&b""[..], "an empty file: expected one of "),
        (b"hello, world", "bytes 68 65 6c 6c: expected one of "),
        (b"\x80\x04pickle", "a Python pickle: expected one of "),
        (b"PK\x03\x04", "npz, end of archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        folder.write("file", bytes);
        let ran = folder.run(&["inspect", "file"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stderr.starts_with(&format!("error: file: {want}")), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1);
    }
}

#[test]
fn plan_says_where_the_time_goes() {
    let folder = folder();
    for args in [&["plan", "run/model.keras", "--time"][..], &["plan", "e.toml", "--time", "--batch-size", "8"]] {
        let text = folder.good(args).stdout;
        assert!(text.contains("grad_w     V0 <- adam(V0, x0' d1)"), "{text}");
        assert!(text.contains(" 100.0%  a step of "), "{text}");
        let shares = text
            .lines()
            .filter_map(|line| line.split_once("%  "))
            .map(|(head, _)| head.split_whitespace().next_back().unwrap().parse::<f64>().unwrap());
        // All lines and their sum.
        let total: f64 = shares.sum();
        assert!((total - 200.0).abs() < 1.5, "{total}: {text}");
    }
}
