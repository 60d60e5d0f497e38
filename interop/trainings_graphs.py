"""Trainings for `record_trainings.py`, by their form: functional graphs, and the arguments of `fit`."""

import keras
import numpy as np
from keras import layers as L
from keras.optimizers import SGD, Adam, RMSprop
from trainings import bits, classification, labels, one_hot, regression, seq, table, target, training

FIT = {"epochs": 3, "batch_size": 8}


def of(source, inputs, outputs, x, y, **said):
    """A functional network, with mean squared error and Adam unless said otherwise."""
    said = {"optimizer": Adam(0.01), "loss": "mse", "fit": FIT, **said}
    return {"model": keras.Model(inputs, outputs), "x": x, "y": y, **said}


# Graphs.


@training
def residual_ten(source):
    """Ten dense layers, with eight of them in four blocks that their input skips."""
    x = table(source, 40, 6)
    inputs = L.Input((6,))
    flow = L.Dense(8, activation="relu")(inputs)
    for _ in range(4):
        inner = L.Dense(8, activation="relu")(flow)
        flow = L.Add()([flow, L.Dense(8, activation="relu")(inner)])
    outputs = L.Dense(3, activation="softmax")(flow)
    said = {"optimizer": Adam(0.003), "loss": "categorical_crossentropy", "metrics": ["acc"]}
    fit = {"epochs": 4, "batch_size": 12, "validation_split": 0.2}
    return of(source, inputs, outputs, x, one_hot(source, x, 3), fit=fit, **said)


@training
def two_in_two_out(source):
    left, right = table(source, 30, 4), table(source, 30, 2)
    a, b = L.Input((4,), name="left"), L.Input((2,), name="right")
    joined = L.Concatenate()([L.Dense(5, activation="relu")(a), L.Dense(3, activation="tanh")(b)])
    trunk = L.Dense(6, activation="relu")(joined)
    outputs = [L.Dense(1, name="price")(trunk), L.Dense(3, activation="softmax", name="kind")(trunk)]
    both = np.concatenate([left, right], 1)
    return of(
        source,
        [a, b],
        outputs,
        [left, right],
        [target(source, both, 1), one_hot(source, both, 3)],
        loss={"price": "mse", "kind": "categorical_crossentropy"},
        loss_weights={"price": 0.7, "kind": 1.5},
        metrics={"price": ["mae"], "kind": ["acc"]},
        fit={**FIT, "validation_split": 0.2},
    )


@training
def autoencoder(source):
    code = np.tanh(source.normal(0, 1, (36, 2)) @ source.normal(0, 1, (2, 6)))
    x = np.round(code, 3).astype(np.float32)
    layers = [
        L.Dense(5, activation="relu"),
        L.Dense(2, activation="tanh"),
        L.Dense(5, activation="relu"),
        L.Dense(6),
    ]
    return {
        "model": seq((6,), *layers),
        "x": x,
        "y": x,
        "optimizer": Adam(0.01),
        "loss": "mse",
        "fit": {**FIT, "epochs": 4},
    }


@training
def two_out_lists(source):
    x = table(source, 26, 3)
    inputs = L.Input((3,))
    trunk = L.Dense(6, activation="tanh")(inputs)
    outputs = [L.Dense(2)(trunk), L.Dense(1, activation="sigmoid")(trunk)]
    y = [target(source, x, 2), bits(source, x, 1)]
    said = {
        "loss": ["mae", "binary_crossentropy"],
        "loss_weights": [0.5, 2.0],
        "metrics": [["mse", "mae"], ["acc"]],
    }
    held = table(source, 11, 3)
    fit = {**FIT, "validation_data": (held, [target(source, held, 2), bits(source, held, 1)])}
    return of(source, inputs, outputs, x, y, fit=fit, **said)


@training
def two_out_one_loss(source):
    x = table(source, 22, 3)
    inputs = L.Input((3,))
    trunk = L.Dense(5, activation="tanh")(inputs)
    outputs = [L.Dense(2, name="first")(trunk), L.Dense(1, name="second", kernel_regularizer="l2")(trunk)]
    y = [target(source, x, 2), target(source, x, 1)]
    return of(source, inputs, outputs, x, y, loss=["mse", "mse"], optimizer=RMSprop(0.005))


@training
def two_out_sample_weights(source):
    x = table(source, 22, 3)
    inputs = L.Input((3,))
    trunk = L.Dense(5, activation="tanh")(inputs)
    outputs = [L.Dense(2, name="first")(trunk), L.Dense(1, name="second")(trunk)]
    weights = [np.round(source.uniform(0.2, 2, 22), 2).astype(np.float32) for _ in outputs]
    y = [target(source, x, 2), target(source, x, 1)]
    said = {"loss": ["mse", "mae"], "weighted_metrics": [["mae"], ["mse"]]}
    return of(source, inputs, outputs, x, y, fit={**FIT, "sample_weight": weights}, **said)


@training
def shared_layer(source):
    x = [table(source, 23, 3), table(source, 23, 3)]
    a, b = L.Input((3,)), L.Input((3,))
    shared = L.Dense(5, activation="tanh", kernel_regularizer="l2", activity_regularizer="l1")
    outputs = L.Dense(2)(L.Concatenate()([shared(a), shared(b)]))
    return of(source, [a, b], outputs, x, target(source, np.concatenate(x, 1), 2), metrics=["mae"])


@training
def shared_batchnorm(source):
    """One BatchNormalization sees two streams: its moments move twice a step."""
    x = [table(source, 24, 3), table(source, 24, 3)]
    a, b = L.Input((3,)), L.Input((3,))
    shared, norm = L.Dense(4, use_bias=False), L.BatchNormalization(momentum=0.8)
    outputs = L.Dense(2)(L.Add()([norm(shared(a)), norm(shared(b))]))
    return of(source, [a, b], outputs, x, target(source, np.concatenate(x, 1), 2))


@training
def layer_used_in_a_row(source):
    """The same weights three times, one behind the other."""
    x = table(source, 21, 4)
    inputs = L.Input((4,))
    step = L.Dense(4, activation="tanh")
    return of(source, inputs, L.Dense(2)(step(step(step(inputs)))), x, target(source, x, 2))


@training
def residual_batchnorm(source):
    x = table(source, 28, 5)
    inputs = L.Input((5,))
    flow = inputs
    for _ in range(2):
        inner = L.Activation("relu")(L.BatchNormalization()(L.Dense(5, use_bias=False)(flow)))
        flow = L.Add()([L.Dense(5)(inner), flow])
    outputs = L.Dense(1, activation="sigmoid")(L.LayerNormalization()(flow))
    said = {"loss": "binary_crossentropy", "metrics": ["acc"]}
    return of(source, inputs, outputs, x, bits(source, x, 1), fit={**FIT, "validation_split": 0.25}, **said)


@training
def merges(source):
    x = table(source, 25, 4)
    inputs = L.Input((4,))

    def branch():
        return L.Dense(4, activation="tanh")(inputs)

    flow = L.Add()([branch(), branch(), branch()])
    flow = L.Multiply()([flow, branch()])
    flow = L.Subtract()([flow, branch()])
    flow = L.Average()([flow, branch(), inputs])
    flow = L.Maximum()([flow, branch()])
    flow = L.Minimum()([flow, branch(), L.Dense(4)(flow)])
    return of(source, inputs, L.Dense(2)(flow), x, target(source, x, 2))


@training
def concatenate_rank_3(source):
    x = table(source, 22, 2, 3)
    inputs = L.Input((2, 3))
    longer = L.Concatenate(axis=1)([inputs, L.Dense(3, activation="tanh")(inputs)])
    wider = L.Concatenate()([longer, L.Dense(2, activation="tanh")(longer), longer])
    return of(source, inputs, L.Dense(2)(L.Flatten()(wider)), x, target(source, x, 2))


@training
def dot(source):
    x = [table(source, 24, 4), table(source, 24, 3)]
    a, b = L.Input((4,)), L.Input((3,))
    left, right = L.Dense(5, activation="tanh")(a), L.Dense(5, activation="tanh")(b)
    joined = L.Concatenate()([L.Dot(axes=1)([left, right]), L.Dot(axes=1, normalize=True)([left, L.Dense(5)(b)])])
    return of(source, [a, b], L.Dense(1)(joined), x, target(source, np.concatenate(x, 1), 1))


@training
def dot_rank_3(source):
    x = table(source, 20, 3, 2)
    inputs = L.Input((3, 2))
    left, right = L.Dense(4, activation="tanh")(inputs), L.Dense(4, activation="tanh")(inputs)
    products = L.Dot(axes=(2, 2))([left, right])
    mixed = L.Dot(axes=(2, 1))([L.Softmax()(products), inputs])
    return of(source, inputs, L.Dense(2)(L.Flatten()(mixed)), x, target(source, x, 2))


@training
def nested_sequential(source):
    x = table(source, 24, 4)
    encoder = keras.Sequential(
        [L.Input((4,)), L.Dense(6, use_bias=False), L.BatchNormalization(), L.ReLU()], name="encoder"
    )
    inputs = L.Input((4,))
    flow = L.Concatenate()([encoder(inputs), inputs])
    return of(source, inputs, L.Dense(2)(flow), x, target(source, x, 2), fit={**FIT, "validation_split": 0.2})


@training
def nested_functional(source):
    x = table(source, 24, 4)
    inner = L.Input((4,))
    block = keras.Model(
        inner, L.Add()([inner, L.Dense(4, activation="tanh", kernel_regularizer="l2")(inner)]), name="block"
    )
    model = seq((4,), L.Dense(4, activation="relu"), block, L.Dense(2))
    return {"model": model, "x": x, "y": target(source, x, 2), "optimizer": Adam(0.01), "loss": "mse", "fit": FIT}


@training
def nested_twice_shared(source):
    """A network of two outputs, used on two inputs, inside another."""
    inner = L.Input((3,))
    hidden = L.Dense(4, activation="tanh")(inner)
    twin = keras.Model(inner, [L.Dense(2)(hidden), L.Dense(3, activation="tanh")(hidden)], name="twin")
    a, b = L.Input((3,)), L.Input((3,))
    (one, two), (three, four) = twin(a), twin(b)
    outputs = L.Dense(2)(L.Concatenate()([L.Subtract()([one, three]), two, four]))
    x = [table(source, 22, 3), table(source, 22, 3)]
    return of(source, [a, b], outputs, x, target(source, np.concatenate(x, 1), 2))


@training
def nested_frozen(source):
    """A frozen network inside: its kernels, penalties and moments stand still."""
    x = table(source, 22, 4)
    layers = L.Dense(5, kernel_regularizer="l2"), L.BatchNormalization(), L.Activation("tanh")
    frozen = keras.Sequential([L.Input((4,)), *layers], name="frozen")
    frozen.trainable = False
    model = seq((4,), frozen, L.Dense(4, activation="relu"), L.Dense(2))
    return {"model": model, "x": x, "y": target(source, x, 2), "optimizer": SGD(0.05), "loss": "mse", "fit": FIT}


@training
def embedding_beside_numbers(source):
    words, numbers = source.integers(0, 5, (25, 2)).astype(np.int32), table(source, 25, 3)
    a, b = L.Input((2,), dtype="int32", name="words"), L.Input((3,), name="numbers")
    flow = L.Concatenate()([L.Flatten()(L.Embedding(5, 2)(a)), L.LayerNormalization()(b)])
    outputs = L.Dense(3, activation="softmax")(L.Dense(6, activation="relu")(flow))
    y = labels(source, np.concatenate([np.eye(5)[words].reshape(25, -1), numbers], 1), 3)
    said = {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"]}
    return of(source, [a, b], outputs, [words, numbers], y, **said)


# The arguments of `fit`.


def small(source, fit, rows=23, **said):
    return regression(source, L.Dense(5, activation="tanh"), L.Dense(2), rows=rows, fit=fit, **said)


def held_out(source, said, rows, weights=False):
    """Validation data beside a training's own."""
    x = table(source, rows, *said["x"].shape[1:])
    data = (x, target(source, x, *said["y"].shape[1:]))
    return (*data, np.round(source.uniform(0.2, 2, rows), 2).astype(np.float32)) if weights else data


@training
def validation_split(source):
    return small(source, {"validation_split": 0.3}, metrics=["mae"])


@training
def validation_data(source):
    said = small(source, {"validation_batch_size": 5}, metrics=["mae"])
    said["fit"]["validation_data"] = held_out(source, said, 12)
    return said


@training
def validation_data_before_split(source):
    """Where both are given, `validation_split` counts for nothing."""
    said = small(source, {"validation_split": 0.3})
    said["fit"]["validation_data"] = held_out(source, said, 9)
    return said


@training
def validation_steps(source):
    said = small(source, {"validation_steps": 1, "validation_batch_size": 4})
    said["fit"]["validation_data"] = held_out(source, said, 9)
    return said


@training
def validation_freq_2(source):
    return small(source, {"validation_split": 0.2, "validation_freq": 2, "epochs": 5})


@training
def validation_freq_list(source):
    return small(source, {"validation_split": 0.2, "validation_freq": [1, 4], "epochs": 4})


@training
def class_weight_one_hot(source):
    fit = {"class_weight": {0: 0.5, 1: 2.0, 2: 1.25}, "validation_split": 0.2}
    return classification(source, L.Dense(5, activation="relu"), rows=26, fit=fit)


@training
def class_weight_sparse(source):
    said = classification(source, L.Dense(5, activation="relu"), fit={"class_weight": {0: 3.0, 2: 0.25}})
    return said | {"y": labels(source, said["x"], 3), "loss": "sparse_categorical_crossentropy"}


@training
def class_weight_binary(source):
    layers = L.Dense(5, activation="relu"), L.Dense(1, activation="sigmoid")
    fit = {"class_weight": {0: 0.4, 1: 1.7}}
    said = regression(source, *layers, loss="binary_crossentropy", metrics=["acc"], fit=fit)
    return said | {"y": bits(source, said["x"], 1)}


@training
def sample_weight(source):
    """`metrics` leave the weights out, `weighted_metrics` take them; weights of 0 among them."""
    said = small(source, {}, metrics=["mae"], weighted_metrics=["mse"])
    weights = np.round(source.uniform(0, 3, 23), 2).astype(np.float32)
    weights[::7] = 0
    said["fit"] |= {"sample_weight": weights, "validation_data": held_out(source, said, 10, weights=True)}
    return said


@training
def sample_weight_with_split(source):
    said = classification(source, L.Dense(5, activation="relu"), rows=25, weighted_metrics=["acc"])
    said["fit"] |= {
        "sample_weight": np.round(source.uniform(0, 3, 25), 2).astype(np.float32),
        "validation_split": 0.3,
    }
    return said


@training
def sample_weight_with_penalties(source):
    layers = L.Dense(5, activation="tanh", kernel_regularizer="l2", activity_regularizer="l2"), L.Dense(2)
    said = regression(source, *layers, rows=22)
    said["fit"]["sample_weight"] = np.round(source.uniform(0.1, 2, 22), 2).astype(np.float32)
    return said


@training
def second_fit(source):
    again = {"epochs": 2, "batch_size": 6, "validation_split": 0.2}
    return small(source, {"epochs": 3}, metrics=["mae"]) | {"again": again}


@training
def second_fit_momentum(source):
    again = {"epochs": 5, "initial_epoch": 3, "batch_size": 8}
    return small(source, {"epochs": 3}, optimizer=SGD(0.02, momentum=0.9)) | {"again": again}


@training
def initial_epoch(source):
    return small(source, {"initial_epoch": 2, "epochs": 5, "validation_split": 0.2, "validation_freq": 2})


@training
def steps_per_epoch_alone(source):
    """The batch size follows: rows over steps, rounded up."""
    return small(source, {"steps_per_epoch": 3, "batch_size": None})


@training
def steps_per_epoch_of_few_batches(source):
    """Fewer steps than batches: what the next epoch begins with."""
    return small(source, {"steps_per_epoch": 2, "batch_size": 4, "epochs": 3}, rows=24)
