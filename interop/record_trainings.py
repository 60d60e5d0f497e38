"""Records whole trainings in real Keras, one a line of crates/vanilla/tests/golden/trainings.json.

    record_trainings.py [NAME...]     prints the named ones and writes nothing; without names, writes all of them

    name           of the training
    model          config.json of the `.keras` file saved before `fit`, with compile_config; each shared_object_id,
                   an address in Python's memory, is a small number instead
    initial        weights before, as `get_weights()` orders them: path, shape, values, and dtype unless float32
    x, y           lists, one for each input and output: shape and values, dtype unless float32, text for strings
    fit            the arguments; data among them in the same form: validation_data {x, y, w}, sample_weight [..];
                   shuffle is False throughout, and what is absent is not given
    history        of `fit`; epochs: the numbers in `History.epoch`
    again          fit, history and epochs of a second `fit` that continues, where there is one
    final          values of the weights after all of it
    predictions    on x, one for each output: shape and values
    evaluate       on x and y, without weights, `return_dict=True`, in batches of `fit`'s size

Weights that Keras starts as constants (biases, gammas, moving moments) start at random here, so that none hides.
Stochastic layers have rate 0. A training whose loss does not fall is refused.
"""

import json
import re
import sys
import tempfile
import zipfile
import zlib

import golden
import keras
import numpy as np
import trainings
import trainings_layers  # noqa: F401  (the import registers them)
import trainings_graphs  # noqa: F401, I001
from golden import normal


def start(source, model):
    """Random values for weights that Keras starts as constants; all with few digits."""
    for variable in model.weights:
        kind, shape = variable.path.split("/")[-1], variable.shape
        if kind in ("gamma", "scale"):
            value = normal(source, shape, 0.1, 1.0)
        elif kind in ("bias", "beta", "moving_mean"):
            value = normal(source, shape, 0.1)
        elif kind == "moving_variance":
            value = np.round(source.uniform(0.5, 2.0, shape), 3).astype(np.float32)
        elif kind == "alpha":
            value = normal(source, shape, 0.1, 0.25)
        elif kind == "vector_u":
            value = normal(source, shape, 0.6)
        elif kind in ("kernel", "embeddings"):
            value = np.round(np.asarray(variable), 3)
        elif kind in ("mean", "variance", "count"):  # of Normalization, which was adapted
            continue
        else:
            raise ValueError(f"no start for {variable.path}")
        variable.assign(value)


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def tensors(value):
    return [golden.tensor(part) for part in listed(value)]


def arguments(fit):
    """The arguments of `fit` as they are recorded."""
    fit = dict(fit)
    if "validation_data" in fit:
        fit["validation_data"] = {key: tensors(part) for key, part in zip("xyw", fit["validation_data"])}
    if "sample_weight" in fit:
        fit["sample_weight"] = tensors(fit["sample_weight"])
    return fit


def config(model):
    with tempfile.NamedTemporaryFile(suffix=".keras") as file:
        model.save(file.name)
        text = zipfile.ZipFile(file.name).read("config.json").decode()
    numbers = {}
    shared = re.compile(r'("shared_object_id": )(\d+)')
    return json.loads(
        shared.sub(lambda found: found[1] + str(numbers.setdefault(found[2], len(numbers) + 1)), text)
    )


def record(name, function, falls=True):
    """The case of this name; its loss falls, unless it need not."""
    source = golden.random(name)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(zlib.crc32(name.encode()) % 2**31)
    said = function(source)
    model, x, y, fit = (said.pop(key) for key in ("model", "x", "y", "fit"))
    again = said.pop("again", None)
    start(source, model)
    model.compile(**said)
    case = {"name": name, "model": config(model)}
    case["initial"] = [{"path": w.path, **golden.tensor(np.asarray(w))} for w in model.weights]
    case |= {"x": tensors(x), "y": tensors(y), "fit": arguments(fit)}

    def run(fit):
        history = model.fit(x, y, shuffle=False, verbose=0, **fit)
        logs = {key: np.asarray(values, np.float32) for key, values in history.history.items()}
        return {"history": logs, "epochs": history.epoch}

    case |= run(fit)
    losses = case["history"]["loss"]
    if again:
        case["again"] = {"fit": arguments(again), **run(again)}
        losses = np.concatenate([losses, case["again"]["history"]["loss"]])
    if falls and not losses[-1] < losses[0]:
        raise ValueError(f"{name}: the loss does not fall: {losses}")
    size = {"batch_size": fit.get("batch_size"), "verbose": 0}
    case["final"] = [np.asarray(w) for w in model.weights]
    case["predictions"] = tensors(model.predict(x, **size))
    case["evaluate"] = {
        key: np.float32(value) for key, value in model.evaluate(x, y, return_dict=True, **size).items()
    }
    return case


def main():
    names = sys.argv[1:]
    cases = [record(name, trainings.TRAININGS[name]) for name in names or trainings.TRAININGS]
    if not names:
        golden.write("trainings.json", cases)
    for case in cases if names else ():
        print(golden.text(case))


if __name__ == "__main__":
    main()
