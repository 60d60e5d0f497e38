"""Does Python open what Vanilla writes, and go on where it was?

    check_files.py FOLDER      what `cargo run --example every_file FOLDER` wrote

Keras loads every `.keras` and `.h5`, predicts the same, and makes of one more epoch what Vanilla made of it. It gives
the optimizer of a `.h5` file its state only in part (Keras 3.15.1 builds it for the variables that the model has beside
those of its layers, which are none, and cannot train on, with its own files too), so that one is built here, from the
arrays in their order, which is what Keras tries. It loads `.weights.h5` into a model that was made anew; numpy opens `.weights.npz`, and
safetensors the whole model, with Keras's description in its metadata. Exit code 0 if everything holds, 1 with the
reasons if not.
"""

import json
import os
import pathlib
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import safetensors  # noqa: E402

PREDICTIONS = 1e-6
# After an epoch of another program's arithmetic.
CONTINUED = 5e-6
problems = []


def check(holds, *otherwise):
    if not holds:
        problems.append(" ".join(str(part) for part in otherwise))


def tensors(told):
    return [np.array(one["values"], np.float32).reshape(one["shape"]) for one in told]


def apart(a, b):
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


def with_its_optimizer(model, path):
    """The model of a `.h5` file, its optimizer built for its variables and set to the arrays in the file."""
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        optimizer.set_weights([group[name][()] for name in group.attrs["weight_names"]])
    model.compile(optimizer, model.loss, metrics=["acc"])
    return model


def case(folder, name):
    told = json.loads((folder / f"{name}.json").read_text())
    x, [y] = tensors(told["x"]), tensors(told["y"])
    [predictions], [continued] = tensors(told["predictions"]), tensors(told["continued"])
    whole = {}
    for ending in ("keras", "h5"):
        model = whole[ending] = keras.saving.load_model(folder / f"{name}.{ending}")
        difference = apart(model.predict(x, verbose=0), predictions)
        check(difference <= PREDICTIONS, name, ending, "predictions differ by", difference)
        frozen = [layer.name for layer in model.layers if not layer.trainable]
        check(frozen == ["still"], name, ending, "frozen are", frozen)
    check(int(whole["h5"].optimizer.iterations) == 6, name, "h5: steps", int(whole["h5"].optimizer.iterations))
    with_its_optimizer(whole["h5"], folder / f"{name}.h5")
    pairs = [[np.asarray(v) for v in model.optimizer.variables] for model in whole.values()]
    same = len(pairs[0]) == len(pairs[1]) and all(np.array_equal(a, b) for a, b in zip(*pairs))
    check(same, name, "the optimizers of .keras and .h5 differ")
    check(int(pairs[0][0]) == 6, name, "steps", int(pairs[0][0]))
    weights = {w.path: np.asarray(w) for w in whole["keras"].weights}

    made_anew = keras.models.clone_model(whole["keras"])
    made_anew.load_weights(folder / f"{name}.weights.h5")
    difference = apart(made_anew.predict(x, verbose=0), predictions)
    check(difference <= PREDICTIONS, name, "weights.h5: predictions differ by", difference)

    with np.load(folder / f"{name}.weights.npz", allow_pickle=False) as arrays:
        stored = {key: arrays[key] for key in arrays.files}
    with safetensors.safe_open(folder / f"{name}.safetensors", "numpy") as file:
        metadata, tensor = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}
    check(set(stored) == set(tensor), name, "npz and safetensors hold", set(stored) ^ set(tensor))
    check(all(np.array_equal(stored[key], tensor[key]) for key in tensor), name, "npz and safetensors differ")
    kept = [key for key in tensor if not key.startswith("optimizer/")]
    check(len(kept) == len(weights), name, "safetensors has", kept, "and Keras", sorted(weights))
    for path in weights:
        # Keras leaves out the name of a model inside that it has loaded; spectral normalization is named otherwise.
        same = [key for key in kept if key.removeprefix("inner/") == path.removeprefix("inner/")]
        check(same or "spectral" in path, name, "safetensors has no", path)
        check(all(np.array_equal(tensor[key], weights[path]) for key in same), name, "safetensors has another", path)
    check(metadata["format"] == "vanilla" and metadata["format_version"] == "1", name, "metadata", metadata)
    check(json.loads(metadata["info"])["class_names"][2] == "large", name, "info", metadata.get("info"))
    config = json.loads(metadata["config"])
    check(config["compile_config"]["optimizer"]["class_name"], name, "no optimizer in the description")
    described = keras.saving.deserialize_keras_object(config)
    check(described.count_params() == whole["keras"].count_params(), name, "the description is of another model")

    for ending, model in whole.items():
        loss = model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history["loss"][0]
        check(abs(loss - told["loss"]) <= CONTINUED, name, ending, "loss", loss, "and not", told["loss"])
        difference = apart(model.predict(x, verbose=0), continued)
        check(difference <= CONTINUED, name, ending, "after one more epoch predictions differ by", difference)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__))
    names = sorted(path.stem for path in folder.glob("*.json"))
    for name in names:
        case(folder, name)
    for problem in problems:
        print(f"check_files: {problem}")
    print(f"{len(names)} models in five formats, {len(problems)} problems")
    sys.exit(1 if problems or not names else 0)


main()
