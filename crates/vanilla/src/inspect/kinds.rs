//! One function a kind of file.

use super::{Inspection, TensorReport};
use crate::checkpoint::Checkpoint;
use crate::datasets::Table;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::registry::Registry;
use serde_json::Value;
use std::path::Path;
use vanilla_formats::columnar::Form;
use vanilla_formats::hdf5::{self, Attr, Group, Node};
use vanilla_formats::table::Values;
use vanilla_formats::{Array, Data, gzip, idx, keras_zip, npy, npz, onnx, png, safetensors};

/// Tells what the bytes are, by what they begin with.
pub(super) fn look(path: &Path, bytes: &[u8], found: &mut Inspection) -> Result<()> {
    let wrong = |error: vanilla_formats::FormatError| Error::file(path, error);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut usual: &[&str] = &[];
    if let Some(form) = Form::of(bytes) {
        usual = match form {
            Form::Parquet => &["parquet", "pq"],
            Form::ArrowFile => &["arrow", "feather", "ipc"],
            Form::ArrowStream => &["arrows", "arrow", "ipc"],
        };
        table(Table::from_bytes(bytes).map_err(wrong)?, found);
    } else if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        usual = &["h5", "hdf5"];
        hdf5_file(path, bytes, &hdf5::read(bytes).map_err(wrong)?, found);
    } else if bytes.starts_with(b"PK") {
        let is_keras = ending == "keras";
        match keras_zip::read(bytes) {
            Ok(archive) => {
                usual = &["keras"];
                keras_file(path, bytes, &archive, found);
            }
            Err(error) if is_keras => return Err(wrong(error)),
            Err(_) => {
                usual = &["npz"];
                npz_file(npz::read(bytes).map_err(wrong)?, found);
            }
        }
    } else if bytes.get(8) == Some(&b'{') && bytes.first() != Some(&b'{') {
        usual = &["safetensors", "ckpt"];
        safetensors_file(path, bytes, safetensors::read(bytes).map_err(wrong)?, found);
    } else if bytes.starts_with(b"\x93NUMPY") {
        usual = &["npy"];
        data(found, "a numpy array (npy)", vec![("x".into(), npy::read(bytes).map_err(wrong)?)]);
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        usual = &["png"];
        let picture = png::read(bytes).map_err(wrong)?;
        found.kind = "a PNG picture".into();
        found.about("size", format!("{} x {} pixels", picture.width, picture.height));
    } else if gzip::is_gzip(bytes) || bytes.starts_with(&[0, 0]) {
        let array = idx::read(bytes).map_err(wrong)?;
        let kind = if gzip::is_gzip(bytes) { "an IDX file, compressed (gzip)" } else { "an IDX file" };
        data(found, kind, vec![("x".into(), array)]);
    } else if ending == "onnx" {
        // The format has no first bytes of its own, and neither have tables.
        onnx_file(path, bytes, onnx::read(bytes).map_err(wrong)?, found);
    } else if Table::is_one(path) {
        table(Table::from_bytes(bytes).map_err(wrong)?, found);
    } else {
        return Err(Error::file(path, unknown(bytes)));
    }
    if !usual.is_empty() && !usual.contains(&ending.as_str()) {
        found.unusual.push(format!("the name ends in .{ending}, and such files usually in .{}", usual[0]));
    }
    Ok(())
}

/// What is said of a file of no kind that is read.
fn unknown(bytes: &[u8]) -> String {
    let known =
        "expected one of .keras, .h5, .weights.h5, .safetensors, .onnx, .npz, .npy, IDX (also .gz), .csv, PNG";
    match bytes {
        [] => format!("an empty file: {known}"),
        _ => format!("{}: {known}", vanilla_formats::describe(bytes)),
    }
}

fn keras_file(path: &Path, bytes: &[u8], archive: &keras_zip::KerasArchive<'_>, found: &mut Inspection) {
    found.kind = "a Keras 3 model (.keras)".into();
    match archive.metadata.as_deref().map(serde_json::from_str::<Value>) {
        Some(Ok(metadata)) => {
            for key in ["keras_version", "date_saved"] {
                if let Some(text) = metadata.get(key).and_then(Value::as_str) {
                    found.about(key, text);
                }
            }
        }
        Some(Err(error)) => found.unusual.push(format!("metadata.json is no JSON: {error}")),
        None => found.unusual.push("metadata.json is missing".into()),
    }
    model(path, bytes, found);
    match hdf5::read(&archive.weights) {
        Ok(tree) => weights(&tree, found),
        Err(error) => found.unusual.push(format!("model.weights.h5: {error}")),
    }
}

fn hdf5_file(path: &Path, bytes: &[u8], tree: &Group, found: &mut Inspection) {
    let text = |name: &str| match tree.attr(name) {
        Some(Attr::Str(text)) => Some(text.clone()),
        _ => None,
    };
    if tree.attr("model_config").is_some() {
        found.kind = "a Keras model in the legacy format (.h5)".into();
        for key in ["keras_version", "backend"] {
            if let Some(text) = text(key) {
                found.about(key, text);
            }
        }
        model(path, bytes, found);
    } else if matches!(tree.get("layers"), Some(Node::Group(_))) {
        found.kind = "weights of a Keras 3 model (.weights.h5)".into();
        found.about("hint", "weights alone: convert and load_weights need the model as well");
    } else {
        found.kind = "an HDF5 file".into();
    }
    weights(tree, found);
}

fn npz_file(arrays: Vec<(String, Array)>, found: &mut Inspection) {
    let rows = |name: &str| arrays.iter().find(|(key, _)| key == name).and_then(|(_, array)| array.shape.first());
    for (x, y) in [("x", "y"), ("x_train", "y_train"), ("x_test", "y_test")] {
        if let (Some(x_rows), Some(y_rows)) = (rows(x), rows(y))
            && x_rows != y_rows
        {
            found.unusual.push(format!("{x} has {x_rows} rows and {y} has {y_rows}"));
        }
    }
    if arrays.iter().any(|(name, _)| name.contains("/vars/")) {
        found.kind = "weights of a model (.weights.npz)".into();
        found.tensors = arrays.iter().map(|(name, array)| TensorReport::of_array(name, array)).collect();
        odd_weights(found);
        return;
    }
    if rows("x").is_none() && rows("x_train").is_none() {
        found.unusual.push("no array x or x_train: as data, x and y are expected".into());
    }
    data(found, "numpy arrays (npz)", arrays);
}

fn safetensors_file(path: &Path, bytes: &[u8], file: safetensors::File, found: &mut Inspection) {
    let text = |name: &str| file.metadata.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
    if text("content_sha256").is_some() {
        found.kind = "a checkpoint of a training".into();
        match Checkpoint::from_bytes(bytes, path) {
            Ok((step, _)) => found.about("step", step),
            Err(error) => found.unusual.push(error.to_string()),
        }
        if let Some(version) = text("version") {
            found.about("vanilla", version);
        }
    } else if text("config").is_some() {
        found.kind = "a model (.safetensors)".into();
        model(path, bytes, found);
    } else {
        found.kind = "arrays (.safetensors), without the description of a model".into();
        for (name, text) in &file.metadata {
            found.about.push((name.clone(), text.chars().take(100).collect()));
        }
    }
    let report =
        |tensor: &safetensors::Tensor| TensorReport::of_values(&tensor.name, &tensor.shape, &tensor.values);
    found.tensors = file.tensors.iter().map(report).collect();
    odd_weights(found);
}

fn onnx_file(path: &Path, bytes: &[u8], file: onnx::Model, found: &mut Inspection) {
    found.kind = "an ONNX model (.onnx)".into();
    found.about("ir_version", file.ir_version);
    for (domain, version) in &file.opsets {
        let domain = if domain.is_empty() { "ai.onnx" } else { domain };
        found.about("opset", format!("{domain} {version}"));
    }
    found.about("producer", format!("{} {}", file.producer, file.producer_version));
    let mut ops: Vec<(String, usize)> = Vec::new();
    for node in &file.graph.nodes {
        match ops.iter_mut().find(|(op, _)| *op == node.op_type) {
            Some((_, count)) => *count += 1,
            None => ops.push((node.op_type.clone(), 1)),
        }
    }
    let ops: Vec<String> = ops.into_iter().map(|(op, count)| format!("{count} {op}")).collect();
    found.about("operators", ops.join(", "));
    for (name, text) in &file.metadata {
        found.about(name, text.chars().take(100).collect::<String>());
    }
    model(path, bytes, found);
    for tensor in file.graph.initializers {
        let data = match tensor.values {
            onnx::Values::F32(values) => Data::F32(values),
            onnx::Values::F64(values) => Data::F32(values.into_iter().map(|x| x as f32).collect()),
            onnx::Values::I64(values) => Data::I64(values),
            onnx::Values::Bool(values) => Data::U8(values.into_iter().map(u8::from).collect()),
            onnx::Values::Text(_) => continue,
        };
        found.tensors.push(TensorReport::of_array(tensor.name, &Array { shape: tensor.dims, data }));
    }
    odd_weights(found);
}

fn table(table: Table, found: &mut Inspection) {
    if [Form::Parquet, Form::ArrowFile, Form::ArrowStream].iter().any(|form| form.name() == table.form) {
        found.kind = format!("a table ({})", table.form);
    } else {
        found.kind = "a table (CSV)".into();
        found.about("form", &table.form);
    }
    found.about("rows", table.rows);
    for column in &table.columns {
        let missing = match column.missing() {
            0 => String::new(),
            some => format!(", {some} missing"),
        };
        let kind = column.kind().name();
        match &column.values {
            Values::Text(texts) => {
                let texts = texts.dictionary();
                let (count, few) = (texts.len(), first(texts, 5));
                found.about(&column.name, format!("{kind}, {count} different{missing}: {few}"));
            }
            _ => {
                let numbers: Vec<f32> =
                    (0..table.rows).filter(|row| !column.is_missing(*row)).map(|row| column.number(row)).collect();
                let array = Array { shape: vec![numbers.len()], data: Data::F32(numbers) };
                found.tensors.push(TensorReport::of_array(column.name.clone(), &array));
                found.about(&column.name, format!("{kind}{missing}"));
            }
        }
    }
    let mut unusual = Vec::new();
    found.tensors.iter().for_each(|tensor| tensor.unusual_data(&mut unusual));
    found.unusual.extend(unusual);
    found.unusual.extend(table.notes);
}

/// The first of these names.
fn first(names: &[String], most: usize) -> String {
    let more = if names.len() > most { ", …" } else { "" };
    names[..names.len().min(most)].join(", ") + more
}

/// What the model in the file is, if it can be loaded.
fn model(path: &Path, bytes: &[u8], found: &mut Inspection) {
    let model = match Model::of_file(path, bytes, &Registry::default()) {
        Ok(model) => model,
        Err(error) => {
            let (text, file) = (error.to_string(), path.display().to_string());
            let text = text.strip_prefix(&format!("{file}: ")).unwrap_or(&text);
            found.unusual.push(format!("the model does not load: {text}"));
            return;
        }
    };
    found.about("model", format!("{} ({} layers)", model.name(), model.layer_names().len()));
    found.about("weights_sha256", model.weights_sha256());
    let info = model.info();
    if !info.class_names.is_empty() {
        found.about("classes", format!("{}: {}", info.class_names.len(), first(&info.class_names, 20)));
    }
    for (number, names) in info.feature_names.iter().enumerate().filter(|(_, names)| !names.is_empty()) {
        found.about(&format!("columns of input {number}"), first(names, 20));
    }
    info.notes.iter().for_each(|(name, text)| found.about(name, text));
    found.unusual.extend(model.remarks().iter().cloned());
    let description = model.to_json().unwrap_or_default();
    match description.get("compile_config") {
        Some(compile) => {
            let word = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Object(node) => node.get("class_name").and_then(Value::as_str).unwrap_or("?").to_owned(),
                other => other.to_string(),
            };
            found.about("optimizer", word(&compile["optimizer"]));
            found.about("loss", word(&compile["loss"]));
            let metrics = compile["metrics"].as_array().map(|list| list.iter().map(word).collect::<Vec<_>>());
            if let Some(metrics) = metrics.filter(|metrics| !metrics.is_empty()) {
                found.about("metrics", metrics.join(", "));
            }
            found.about("iterations", model.iterations());
            if model.iterations() == 0 {
                found.unusual.push("compiled, and no step of its optimizer was done".into());
            }
        }
        None => found.about("compiled", "no: it predicts; to train it, compile it first"),
    }
    found.summary = Some(model.summary());
}

/// All datasets of the tree, as weights.
fn weights(tree: &Group, found: &mut Inspection) {
    fn walk(group: &Group, at: &str, tensors: &mut Vec<TensorReport>) {
        for (name, node) in &group.children {
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            match node {
                Node::Group(group) => walk(group, &path, tensors),
                Node::Dataset(array) => tensors.push(TensorReport::of_array(path, array)),
            }
        }
    }
    walk(tree, "", &mut found.tensors);
    // HDF5 sorts numbers as texts: 10 before 2.
    let parts = |tensor: &TensorReport| -> Vec<(usize, String)> {
        tensor.name.split('/').map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    found.tensors.sort_by_cached_key(parts);
    odd_weights(found);
}

fn odd_weights(found: &mut Inspection) {
    // Moments of an optimizer are often 0, and counts of steps large.
    let own = |tensor: &&TensorReport| !["optimizer", "opt/"].iter().any(|part| tensor.name.contains(part));
    let mut unusual = Vec::new();
    found.tensors.iter().filter(own).for_each(|tensor| tensor.unusual_weights(&mut unusual));
    found.unusual.extend(unusual);
}

fn data(found: &mut Inspection, kind: &str, arrays: Vec<(String, Array)>) {
    found.kind = kind.into();
    found.tensors = arrays.iter().map(|(name, array)| TensorReport::of_array(name, array)).collect();
    let mut unusual = Vec::new();
    found.tensors.iter().for_each(|tensor| tensor.unusual_data(&mut unusual));
    found.unusual.extend(unusual);
}
