"""What the trainings of `record_trainings.py` are made from: their list, their data, two usual forms."""

import golden  # noqa: F401  (sets Keras up)
import keras
import numpy as np
from golden import normal
from keras import layers as L
from keras.optimizers import Adam

TRAININGS = {}


def training(function):
    """Registers a function that takes a source of random numbers and returns model, x, y and what else is said."""
    TRAININGS[function.__name__] = function
    return function


# Data with something to learn in it.


def table(source, rows, *shape):
    return normal(source, (rows, *shape))


def target(source, x, *shape):
    """A smooth function of x."""
    flat = x.reshape(len(x), -1)
    kernel = source.normal(0, 1 / np.sqrt(flat.shape[1]), (flat.shape[1], int(np.prod(shape))))
    return np.round(np.tanh(flat @ kernel), 3).astype(np.float32).reshape(len(x), *shape)


def labels(source, x, classes):
    return np.argmax(target(source, x, classes), 1).astype(np.int32)


def one_hot(source, x, classes):
    return np.eye(classes, dtype=np.float32)[labels(source, x, classes)]


def bits(source, x, columns):
    return (target(source, x, columns) > 0).astype(np.float32)


def seq(shape, *layers, dtype=None):
    return keras.Sequential([L.Input(shape, dtype=dtype), *layers])


def regression(source, *layers, rows=20, shape=(4,), outputs=2, fit=None, **said):
    """A sequential network on a smooth function, with mean squared error and Adam unless said otherwise."""
    x = table(source, rows, *shape)
    said = {"optimizer": Adam(0.01), "loss": "mse", **said}
    fit = {"epochs": 3, "batch_size": 8, **(fit or {})}
    return {"model": seq(shape, *layers), "x": x, "y": target(source, x, outputs), "fit": fit, **said}


def classification(source, *layers, rows=21, shape=(4,), classes=3, fit=None, **said):
    """A sequential network that ends in softmax, with categorical crossentropy and accuracy."""
    x = table(source, rows, *shape)
    model = seq(shape, *layers, L.Dense(classes, activation="softmax"))
    said = {"optimizer": Adam(0.01), "loss": "categorical_crossentropy", "metrics": ["acc"], **said}
    fit = {"epochs": 3, "batch_size": 8, **(fit or {})}
    return {"model": model, "x": x, "y": one_hot(source, x, classes), "fit": fit, **said}
