"""The tutorial's data and network in real Keras, for the scripts beside this file."""

import os
import pathlib
import sys

# Keras on TensorFlow, without TensorFlow's greetings. Before the first import of either.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "crates/vanilla-mnist/data"))
from make import PIXELS, idx_files  # noqa: E402

CLASSES = 10


def mnist(folder=None):
    """((x_train, y_train), (x_test, y_test)): u8 pixels (rows, 784) and integer labels (rows,).

    From the four IDX files in `folder`, or from the npm package that holds them.
    """
    files = idx_files(folder)

    def pair(name):
        images = np.frombuffer(files[f"{name}-images-idx3-ubyte"], np.uint8, offset=16)
        return images.reshape(-1, PIXELS), np.frombuffer(files[f"{name}-labels-idx1-ubyte"], np.uint8, offset=8)

    return pair("train"), pair("t10k")


def one_hot(labels):
    """(rows, 10) f32."""
    return keras.utils.to_categorical(labels, CLASSES)


def network():
    """784-1000-10 as in the tutorial, compiled."""
    model = keras.Sequential(
        [
            keras.Input((PIXELS,)),
            keras.layers.Dense(1000, activation="relu"),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["acc"])
    return model
