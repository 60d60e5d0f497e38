"""Records three small trained models as files of one version of Keras, into crates/vanilla/tests/golden/versions/.

    record_versions.py VERSION       2.15 (tf-keras), 3.0, 3.5 or 3.15; `versions.sh` runs it in the right environment

    VERSION-MODEL.keras, .h5, .weights.h5   after two epochs
    VERSION-MODEL.json    version   of Keras, and its backend
                          x, y      lists, one for each input and output: shape and values
                          fit       arguments of the trainings
                          history   of the two epochs
                          predictions  of the saved model on x
                          continued history, weights, and predictions after one more epoch, as `fit` says
                          refused   kinds of file that this version does not write for this model, and its words

`tutorial` is a small cousin of the tutorial's network (Adam), `graph` a functional one with two inputs (SGD with
momentum, on a schedule), `regression` has penalties and RMSprop. The data are the same for all versions. Nothing in
these models is random once they have been made: Dropout has rate 0, and rows are not shuffled.
"""

import json
import os
import pathlib
import sys
import zlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
VERSION = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
if VERSION == "2.15":
    import tf_keras as keras
else:
    os.environ["KERAS_BACKEND"] = "tensorflow" if VERSION == "3.15" else "jax"
    import keras

import numpy as np  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/vanilla/tests/golden/versions"
FIT = {"epochs": 2, "batch_size": 8}
# Three whole batches: Keras 3.0 takes the mean of its losses over batches, later ones over rows.
ROWS = 24
L = keras.layers


def table(source, *shape):
    return np.round(source.normal(0, 1, shape), 2).astype(np.float32)


def target(source, x, columns):
    return np.round(np.tanh(x @ source.normal(0, x.shape[1] ** -0.5, (x.shape[1], columns))), 2).astype(np.float32)


def tutorial(source):
    model = keras.Sequential(
        [L.Input((9,)), L.Dense(12, activation="relu"), L.Dense(4, activation="softmax")], name="tutorial"
    )
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    x = table(source, ROWS, 9)
    return model, [x], np.eye(4, dtype=np.float32)[np.argmax(target(source, x, 4), 1)]


def graph(source):
    left, right = L.Input((5,), name="left"), L.Input((3,), name="right")
    # Without a bias: ahead of a normalization it has no gradient, and its rounding would be all that moves.
    a = L.Dense(6, use_bias=False, name="deep")(left)
    a = L.LeakyReLU(0.2)(L.BatchNormalization(momentum=0.9)(a))
    b = L.Dropout(0.0)(L.Dense(4, activation="tanh", use_bias=False)(right))
    out = L.Dense(2, activation="sigmoid", use_bias=False, name="out")(L.Concatenate()([a, b]))
    model = keras.Model([left, right], out, name="graph")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=4, decay_rate=0.9)
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True), "binary_crossentropy", metrics=["accuracy"])
    x = [table(source, ROWS, 5), table(source, ROWS, 3)]
    return model, x, (target(source, np.concatenate(x, 1), 2) > 0).astype(np.float32)


def regression(source):
    l2, l1_l2 = keras.regularizers.L2(0.01), keras.regularizers.L1L2(0.001, 0.002)
    model = keras.Sequential(name="regression")
    model.add(L.Input((6,)))
    model.add(L.Dense(7, activation="elu", kernel_regularizer=l2, kernel_initializer="he_normal"))
    model.add(L.Dense(5, activation="softplus", kernel_regularizer=l1_l2, kernel_constraint="max_norm"))
    model.add(L.Dense(1))
    model.compile(keras.optimizers.RMSprop(0.003), "mse", metrics=["mae"])
    x = table(source, ROWS, 6)
    return model, [x], target(source, x, 1)


def tensor(array):
    values = [float(str(value)) for value in np.asarray(array, np.float32).ravel()]
    return {"shape": list(np.shape(array)), "values": values}


def logs(history):
    return {key: [float(str(np.float32(value))) for value in values] for key, values in history.history.items()}


def record(make):
    name = make.__name__
    keras.utils.set_random_seed(zlib.crc32(name.encode()) % 2**31)
    model, x, y = make(np.random.default_rng(zlib.crc32(name.encode())))
    given = x if len(x) > 1 else x[0]
    backend = "tensorflow" if VERSION == "2.15" else keras.config.backend()
    case = {"version": keras.__version__, "backend": backend}
    case |= {"x": [tensor(part) for part in x], "y": [tensor(y)], "fit": FIT}
    case["history"] = logs(model.fit(given, y, shuffle=False, verbose=0, **FIT))
    case["predictions"] = tensor(model.predict(given, verbose=0))
    stem, refused = FOLDER / f"{VERSION}-{name}", {}
    for ending, write in ((".keras", model.save), (".h5", model.save), (".weights.h5", model.save_weights)):
        path = pathlib.Path(f"{stem}{ending}")
        path.unlink(missing_ok=True)
        try:
            write(str(path))
        except Exception as error:  # noqa: BLE001  (whatever this version says is what is recorded)
            path.unlink(missing_ok=True)
            refused[ending] = f"{type(error).__name__}: {error}"[:200]
            continue
        if path.stat().st_size >= 40_000:
            raise ValueError(f"{path.name} has {path.stat().st_size} bytes")
    history = model.fit(given, y, shuffle=False, verbose=0, **{**FIT, "epochs": 1})
    case["continued"] = {
        "history": logs(history),
        "weights": [tensor(weight) for weight in model.get_weights()],
        "predictions": tensor(model.predict(given, verbose=0)),
    }
    case["refused"] = refused
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in case.items())
    pathlib.Path(f"{stem}.json").write_text("{\n" + lines + "\n}\n")
    print(f"{stem.name}: {case['history']['loss']} then {case['continued']['history']['loss']}, refused {refused}")


def main():
    if not keras.__version__.startswith(VERSION + "."):
        sys.exit(f"this is Keras {keras.__version__}, not {VERSION}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for make in (tutorial, graph, regression):
        record(make)


if __name__ == "__main__":
    main()
