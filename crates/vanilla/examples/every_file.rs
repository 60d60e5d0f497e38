//! A model with everything that files have to carry, in every format: for `interop/check_files.py`, which opens them in
//! Python. `cargo run --example every_file FOLDER`
use serde_json::{Value, json};
use std::path::Path;
use vanilla::prelude::*;

/// Optimizers whose states differ in kind: names of files, and Keras's nodes.
fn optimizers() -> Vec<(&'static str, Value)> {
    let node = |class: &str, keys: Value| json!({ "class_name": class, "config": keys });
    let decay = json!({ "initial_learning_rate": 0.01, "decay_steps": 3, "decay_rate": 0.5 });
    vec![
        ("adam", node("Adam", json!({ "learning_rate": 0.01, "amsgrad": true, "use_ema": true }))),
        ("sgd", node("SGD", json!({ "learning_rate": 0.01, "momentum": 0.9, "nesterov": true }))),
        ("rmsprop", node("RMSprop", json!({ "momentum": 0.5, "centered": true, "clipnorm": 1.0 }))),
        ("nadam", node("Nadam", json!({ "learning_rate": node("ExponentialDecay", decay) }))),
        ("ftrl", node("Ftrl", json!({ "learning_rate": 0.01 }))),
        ("adafactor", node("Adafactor", json!({ "learning_rate": 0.01 }))),
        ("plain", node("SGD", json!({ "learning_rate": 0.01 }))),
    ]
}

/// Two inputs; a model inside, whose normalization stands between two kernels; a layer that is not trained.
fn model(optimizer: &Value) -> Result<Model> {
    let (left, right) = (Input::new([5]).name("left").tensor(), Input::new([3]).name("right").tensor());
    let inner = Sequential::new(layers![
        // A bias ahead of a normalization has no gradient, and rounding would be all that moves it.
        Dense::new(6).use_bias(false).input_dim(5),
        BatchNormalization::new(),
        PReLU::new(),
        SpectralNormalization::new(Dense::new(4)),
        Dense::new(4).activation("tanh").kernel_regularizer(L2::new(0.01)),
    ])?
    .with_name("inner");
    let still = Dense::new(3).activation("relu").name("still").call(&right);
    let both = Concatenate::new().call([&inner.call(&left), &LayerNormalization::new().call(&still)]);
    let y = Dense::new(3).activation("softmax").name("kind").call(&both);
    let mut model = Model::new([&left, &right], &y)?.with_name("every").with_seed(5)?;
    model.set_trainable("still", false)?;
    model.compile_from_json(&json!({
        "loss": {
            "module": "keras.losses", "class_name": "SparseCategoricalCrossentropy", "registered_name": null,
            "config": { "from_logits": false, "name": "of_kinds", "reduction": "sum_over_batch_size" },
        },
        "optimizer": optimizer,
        "metrics": ["acc"],
    }))?;
    model.set_class_names(["small", "middle", "large"])?;
    model.set_feature_names(1, ["a", "b", "c"])?;
    model.set_note("source", "every_file")?;
    Ok(model)
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "every-file".into());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
    let numbers = |count: usize, step: usize| -> Vec<f32> {
        (0..count).map(|i| (i * step % 101) as f32 / 50.0 - 1.0).collect()
    };
    let x = vec![Tensor::new(numbers(120, 37), [24, 5])?, Tensor::new(numbers(72, 29), [24, 3])?];
    let y = Tensor::new((0..24).map(|i| i * 7 % 3).collect::<Vec<i64>>(), [24])?;
    let fit = |epochs| Fit::new().epochs(epochs).batch_size(8).shuffle(false).verbose(0);
    for (name, optimizer) in optimizers() {
        let mut model = model(&optimizer)?;
        model.fit(&x, &y, fit(2))?;
        for ending in ["keras", "h5", "safetensors"] {
            model.save(folder.join(format!("{name}.{ending}")))?;
        }
        for ending in ["weights.h5", "weights.npz"] {
            model.save_weights(folder.join(format!("{name}.{ending}")))?;
        }
        let lists = |tensors: &[Tensor]| -> Vec<Value> {
            tensors.iter().map(|x| json!({ "shape": x.shape(), "values": x.to_f32() })).collect()
        };
        let predictions = lists(&model.predict_all(&x)?);
        let loss = model.fit(&x, &y, fit(1))?["loss"][0];
        let told = json!({
            "x": lists(&x), "y": lists(std::slice::from_ref(&y)), "predictions": predictions,
            "loss": loss, "continued": lists(&model.predict_all(&x)?),
        });
        vanilla::write_file(&folder.join(format!("{name}.json")), told.to_string().as_bytes())?;
    }
    Ok(())
}
