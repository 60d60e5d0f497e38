"""Records trained models as `.h5` files of Keras 2 and 3, with the optimizers of three generations, and lookups in a
`.keras` file, into crates/vanilla/tests/golden/legacy/.

    record_legacy.py FLAVOUR     old   tf-keras 2.15 with the optimizers of before 2.11 (`keras.optimizers.legacy`)
                                 2.15  tf-keras 2.15 with its own
                                 3.15  Keras 3.15.1
                                 `versions.sh 2.15` makes the environment of the first two, `venv.sh` that of the last

    FLAVOUR-NAME.h5 (.keras)  after two epochs
    FLAVOUR.json  for each NAME: x and y (a list, one for each input and output), batch_size, predictions of the saved
                  model on x, and after one more epoch: its loss, and the predictions then

Nothing in these models is random once they have been made: Dropout has rate 0, and rows are not shuffled.
"""

import json
import os
import pathlib
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
FLAVOUR = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
if FLAVOUR == "3.15":
    import keras
else:
    import tf_keras as keras

import numpy as np  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/vanilla/tests/golden/legacy"
ROWS, BATCH = 16, 8
L = keras.layers
optimizers = keras.optimizers.legacy if FLAVOUR == "old" else keras.optimizers
source = np.random.default_rng(1)


def numbers(*shape):
    return np.round(source.normal(0, 1, shape), 2).astype(np.float32)


def row(optimizer, loss="categorical_crossentropy", metrics=("accuracy",)):
    layers = [
        L.Dense(5, activation="relu"),
        L.BatchNormalization(),
        L.Dropout(0.0),
        L.LeakyReLU(0.1),
        L.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.l2(0.01)),
    ]
    # Keras 2 states the shape in the first layer, whose place is then part of the file.
    model = keras.Sequential([L.Input((4,)), *layers] if FLAVOUR == "3.15" else layers, name="row")
    if FLAVOUR != "3.15":
        model.build((None, 4))
    model.compile(optimizer, loss, metrics=list(metrics))
    return model, [numbers(ROWS, 4)], [np.eye(3, dtype=np.float32)[source.integers(0, 3, ROWS)]]


def graph():
    """Two inputs, two outputs, and a model inside whose normalization stands between two kernels."""
    a, b = L.Input((4,), name="a"), L.Input((2,), name="b")
    hidden = L.ReLU(max_value=6.0)(L.BatchNormalization()(L.Dense(5, name="h")(a)))
    inner = keras.Sequential([L.Input((5,)), L.Dense(4, "tanh"), L.BatchNormalization(), L.Dense(3)], name="inner")
    joined = L.Dense(5)(L.Concatenate()([inner(hidden), b]))
    both = L.Add()([joined, hidden])
    outputs = [L.Dense(1, name="y")(both), L.Dense(3, activation="softmax", name="z")(both)]
    model = keras.Model([a, b], outputs, name="graph")
    model.compile(
        optimizers.SGD(0.05, momentum=0.9),
        loss={"y": "mse", "z": "sparse_categorical_crossentropy"},
        loss_weights={"y": 1.0, "z": 0.5},
        metrics={"y": ["mae"], "z": ["acc"]},
    )
    classes = source.integers(0, 3, (ROWS, 1)).astype(np.float32)
    return model, [numbers(ROWS, 4), numbers(ROWS, 2)], [numbers(ROWS, 1), classes]


def lookups():
    """Vocabularies that were learned: they are not in the description, but beside it."""
    word, number, x = L.Input((1,), dtype="string"), L.Input((1,), dtype="int64"), L.Input((3,))
    words = L.StringLookup(output_mode="one_hot")
    weighed = L.StringLookup(output_mode="tf_idf")
    whole = L.IntegerLookup(output_mode="multi_hot", num_oov_indices=2)
    scaled = L.Normalization()
    words.adapt(np.array(["a", "b", "ü", "a"]))
    weighed.adapt(np.array([["a"], ["b"], ["a"]]))
    whole.adapt(np.array([5, 7, 7, -2]))
    scaled.adapt(numbers(50, 3))
    joined = L.Concatenate()([words(word), whole(number), scaled(x), weighed(word)])
    model = keras.Model([word, number, x], L.Dense(2)(joined), name="lookups")
    model.compile(optimizers.SGD(0.01), "mse")
    words = np.array(["a", "b", "ü", "other"] * (ROWS // 4))[:, None]
    return model, [words, np.arange(ROWS, dtype=np.int64)[:, None] - 4, numbers(ROWS, 3)], [numbers(ROWS, 2)]


def listed(values):
    return [np.asarray(value).tolist() for value in (values if isinstance(values, (list, tuple)) else [values])]


def record(name, made, ending=".h5"):
    model, x, y = made
    keys = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    given = [keras.ops.convert_to_tensor(v) if v.dtype.kind == "U" else v for v in x] if FLAVOUR == "3.15" else x
    given, wanted = (given, y) if len(x) > 1 else (given[0], y[0])
    wanted = wanted if len(y) > 1 else y[0]
    model.fit(given, wanted, epochs=2, **keys)
    predictions = listed(model.predict(given, verbose=0))
    model.save(FOLDER / f"{FLAVOUR}-{name}{ending}")
    loss = model.fit(given, wanted, **keys).history["loss"][0]
    return {
        "x": listed(x),
        "y": listed(y),
        "batch_size": BATCH,
        "predictions": predictions,
        "loss": loss,
        "continued": listed(model.predict(given, verbose=0)),
    }


def main():
    FOLDER.mkdir(exist_ok=True)
    cases = {"graph": record("graph", graph())}
    if FLAVOUR == "old":
        cases["amsgrad"] = record("amsgrad", row(optimizers.Adam(0.01, amsgrad=True)))
        cases["decay"] = record("decay", row(optimizers.SGD(0.1, momentum=0.9, decay=0.01)))
        cases["nadam"] = record("nadam", row(optimizers.Nadam(0.01)))
    elif FLAVOUR == "2.15":
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
        metrics = [keras.metrics.CategoricalAccuracy(), keras.metrics.TopKCategoricalAccuracy(k=2)]
        cases["adafactor"] = record("adafactor", row(optimizers.Adafactor(0.01), loss, metrics))
        cases["sgd"] = record("sgd", row(optimizers.SGD(0.1)))
        cases["average"] = record("average", row(optimizers.AdamW(0.01, use_ema=True)))
    else:
        cases["lookups"] = record("lookups", lookups(), ".keras")
        schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
        cases["schedule"] = record("schedule", row(optimizers.RMSprop(schedule, momentum=0.5, centered=True)))
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(case, ensure_ascii=False)}" for name, case in cases.items())
    (FOLDER / f"{FLAVOUR}.json").write_text(f"{{\n{text}\n}}\n")


main()
