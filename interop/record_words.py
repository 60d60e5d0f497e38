"""Records what real Keras makes of small words (activations, initializers, regularizers, constraints) into
crates/vanilla/tests/golden/words.json.

    record_words.py

Keras computes in float64 here, on numbers that are f32 exactly, so that its own rounding is not in the record:
`exponential(80)` has all its digits. Configurations and regularizers are float32, because OrthogonalRegularizer
multiplies by a float32 factor.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras.src.activations import ALL_OBJECTS_DICT as ACTIVATIONS
from keras.src.initializers.random_initializers import compute_fans

OUTPUT = pathlib.Path(__file__).parent.parent / "crates/vanilla/tests/golden/words.json"

GRID = [
    -100, -80, -20, -9, -6, -3.5, -3, -2.25, -1.5, -1, -0.75, -0.5, -0.25, -0.125, -0.0009765625, 0,
    0.0009765625, 0.125, 0.25, 0.5, 0.75, 1, 1.5, 2.25, 3, 3.5, 6, 9, 20, 80,
]  # fmt: skip

ROWS = [
    [0.5, -1.25, 2.0, 0.125],
    [1.0, 1.0, 1.0, -3.0, 1.5, 0.75],
    [-2.0, 0.25],
    [100.0, 99.5, 99.75, -100.0],
]

MATRIX = [[0.5, -1.25, 0.0], [2.0, 0.125, -0.375], [-0.75, 1.5, 3.0], [0.25, -2.5, 1.0]]
TENSOR = [[[0.5, -1.25], [2.0, 0.125]], [[-0.75, 1.5], [3.0, 0.25]], [[-2.5, 1.0], [0.0, 4.0]]]

REGULARIZERS = [
    ("l1", {}, MATRIX),
    ("L1", {"l1": 0.25}, MATRIX[0]),
    ("l2", {}, MATRIX),
    ("L2", {"l2": 0.5}, TENSOR),
    ("L1L2", {"l1": 0.125, "l2": 0.5}, MATRIX),
    ("l1l2", {}, MATRIX),
    ("OrthogonalRegularizer", {}, MATRIX),
    ("orthogonal_regularizer", {"factor": 0.5, "mode": "columns"}, MATRIX),
    ("OrthogonalRegularizer", {"factor": 1.0}, [[0.0, 0.0], [1.0, 2.0], [-1.0, 1.0]]),
]

CONSTRAINTS = [
    ("max_norm", {}, MATRIX),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}, MATRIX),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}, MATRIX),
    ("MaxNorm", {"max_value": 1.0, "axis": -1}, TENSOR),
    ("MaxNorm", {"max_value": 1.0, "axis": [0, 2]}, TENSOR),
    ("MaxNorm", {"max_value": 1.0}, MATRIX[1]),
    ("NonNeg", {}, MATRIX),
    ("unit_norm", {}, MATRIX),
    ("UnitNorm", {"axis": [0, 1]}, TENSOR),
    ("UnitNorm", {}, [0.0, 0.0, 0.0]),
    ("min_max_norm", {}, MATRIX),
    ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.25, "axis": 1}, MATRIX),
    ("MinMaxNorm", {"min_value": 4.0, "max_value": 5.0}, MATRIX[3]),
]

INITIALIZERS = [
    ("zeros", {}, [2]),
    ("one", {}, [2]),
    ("Constant", {"value": -0.25}, [2, 2]),
    ("identity", {}, [2, 3]),
    ("IdentityInitializer", {"gain": 2.5}, [3, 2]),
]

NODES = {
    "regularizers": [
        ("l1", {}),
        ("L2", {}),
        ("l1l2", {"l1": 0.5}),
        ("orthogonal_regularizer", {"mode": "columns"}),
    ],
    "constraints": [
        ("max_norm", {}),
        ("non_neg", {}),
        ("UnitNorm", {"axis": [0, 1]}),
        ("MinMaxNorm", {"rate": 0.5}),
    ],
    "initializers": [
        ("zero", {}),
        ("Ones", {}),
        ("constant", {"value": 0.5}),
        ("normal", {}),
        ("uniform", {}),
        ("truncated_normal", {}),
        ("OrthogonalInitializer", {"gain": 2.0}),
        ("variance_scaling", {"scale": 2.0, "mode": "fan_out", "distribution": "normal"}),
        ("he_normal", {}),
    ],
}

FANS = [[], [7], [3, 5], [2, 3, 5], [2, 4, 3, 5]]


def word(module, name, keys):
    return module.deserialize({"class_name": name, "config": keys})


def floats(tensor):
    return np.asarray(tensor, np.float64).ravel().tolist()


def activations():
    record = {"x": [float(x) for x in GRID]}
    for name in sorted(set(ACTIVATIONS) - {"glu", "log_softmax", "softmax", "sparsemax", "threshold"}):
        x = tf.constant(record["x"], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = keras.activations.get(name)(x)
        record[name] = {"y": floats(y), "slope": floats(tape.gradient(y, x))}
    return record


def rows():
    record = {}
    for name in ["glu", "log_softmax", "softmax", "sparsemax"]:
        record[name] = []
        for row in ROWS:
            x = tf.constant([row], tf.float64)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = keras.activations.get(name)(x)
                weights = [0.5 * i - 0.75 for i in range(y.shape[1])]
                total = tf.reduce_sum(y * tf.constant([weights], tf.float64))
            dx = floats(tape.gradient(total, x))
            record[name].append({"x": row, "weights": weights, "y": floats(y), "dx": dx})
    return record


def regularizers():
    record = []
    for name, keys, w in REGULARIZERS:
        variable = tf.constant(w, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            penalty = tf.convert_to_tensor(word(keras.regularizers, name, keys)(variable))
        gradient = tape.gradient(penalty, variable)
        gradient = np.zeros(variable.shape) if gradient is None else gradient
        case = {"word": name, "keys": keys, "shape": variable.shape.as_list(), "w": floats(w)}
        record.append({**case, "penalty": float(penalty), "gradient": floats(gradient)})
    return record


def constraints():
    record = []
    for name, keys, w in CONSTRAINTS:
        after = word(keras.constraints, name, keys)(tf.constant(w, tf.float64))
        case = {"word": name, "keys": keys, "shape": list(after.shape), "w": floats(w)}
        record.append({**case, "after": floats(after)})
    return record


def initializers():
    record = []
    for name, keys, shape in INITIALIZERS:
        w = word(keras.initializers, name, keys)(shape)
        record.append({"word": name, "keys": keys, "shape": shape, "w": floats(w)})
    return record


def nodes():
    record = {}
    for kind, words in NODES.items():
        module = getattr(keras, kind)
        record[kind] = [
            {"word": name, "keys": keys, "node": module.serialize(word(module, name, keys))}
            for name, keys in words
        ]
    return record


if __name__ == "__main__":
    record = {"keras": keras.__version__, "nodes": nodes(), "regularizers": regularizers()}
    keras.config.set_floatx("float64")
    record["activations"] = activations()
    record["rows"] = rows()
    record["constraints"] = constraints()
    record["initializers"] = initializers()
    record["fans"] = [{"shape": shape, "fans": list(compute_fans(shape))} for shape in FANS]
    OUTPUT.write_text(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")
