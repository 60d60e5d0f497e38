"""Trainings for `record_trainings.py`, by their words: optimizers, losses, activations, layers, penalties."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from keras import regularizers as R
from keras.optimizers import SGD, Adam, RMSprop
from trainings import TRAININGS, bits, classification, labels, one_hot, regression, seq, table, target, training

# Optimizers, losses, metrics.


@training
def sgd_mse(source):
    return regression(
        source, L.Dense(6, activation="tanh"), L.Dense(2), optimizer=SGD(0.05), metrics=["mse", "mae"]
    )


@training
def sgd_momentum_mae(source):
    layers = L.Dense(6, activation="tanh"), L.Dense(1)
    return regression(
        source, *layers, outputs=1, rows=23, optimizer=SGD(0.02, momentum=0.9), loss="mae", metrics=["mse"]
    )


@training
def sgd_nesterov_categorical(source):
    return classification(source, L.Dense(7, activation="relu"), optimizer=SGD(0.03, momentum=0.8, nesterov=True))


@training
def rmsprop_sparse(source):
    said = classification(
        source, L.Dense(6, activation="relu"), optimizer=RMSprop(0.01), loss="sparse_categorical_crossentropy"
    )
    return said | {"y": labels(source, said["x"], 3)}


@training
def rmsprop_rho_column_of_labels(source):
    optimizer = RMSprop(0.005, rho=0.8, epsilon=1e-5)
    said = classification(
        source, L.Dense(6, activation="tanh"), optimizer=optimizer, loss="sparse_categorical_crossentropy"
    )
    return said | {"y": labels(source, said["x"], 3)[:, None]}


@training
def adam_binary(source):
    layers = L.Dense(6, activation="relu"), L.Dense(1, activation="sigmoid")
    said = regression(source, *layers, rows=25, loss="binary_crossentropy", metrics=["acc"])
    return said | {"y": bits(source, said["x"], 1)}


@training
def adam_binary_flat_target(source):
    layers = L.Dense(5, activation="tanh"), L.Dense(1, activation="sigmoid")
    optimizer = Adam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-5)
    said = regression(source, *layers, loss="binary_crossentropy", metrics=["acc", "mse"], optimizer=optimizer)
    return said | {"y": bits(source, said["x"], 1)[:, 0]}


@training
def multi_label(source):
    layers = L.Dense(6, activation="relu"), L.Dense(3, activation="sigmoid")
    said = regression(source, *layers, loss="binary_crossentropy", metrics=["acc"])
    return said | {"y": bits(source, said["x"], 3)}


@training
def regression_flat_target(source):
    said = regression(source, L.Dense(5, activation="tanh"), L.Dense(1), metrics=["mae"])
    return said | {"y": target(source, said["x"], 1)[:, 0]}


@training
def softmax_layer_behind(source):
    x = table(source, 21, 4)
    model = seq((4,), L.Dense(5, activation="relu"), L.Dense(3), L.Softmax())
    said = {"optimizer": Adam(0.01), "loss": "categorical_crossentropy", "metrics": ["acc"]}
    return {"model": model, "x": x, "y": one_hot(source, x, 3), "fit": {"epochs": 3, "batch_size": 8}, **said}


@training
def probabilities_without_logits(source):
    """Behind the softmax stands another layer, so the loss sees probabilities alone."""
    layers = L.Dense(5, activation="relu"), L.Dense(3, activation="softmax"), L.Reshape((3,))
    said = regression(source, *layers, loss="categorical_crossentropy", metrics=["acc"])
    return said | {"y": one_hot(source, said["x"], 3)}


@training
def one_batch_larger_than_the_rows(source):
    return regression(
        source, L.Dense(5, activation="tanh"), L.Dense(2), rows=17, fit={"batch_size": 64, "epochs": 4}
    )


@training
def batches_without_rest(source):
    return regression(source, L.Dense(5, activation="tanh", use_bias=False), L.Dense(2, use_bias=False), rows=24)


@training
def default_batch_size(source):
    return regression(source, L.Dense(5, activation="tanh"), L.Dense(2), rows=40, fit={"batch_size": None})


# Activations.


def activations(names):
    def build(source):
        layers = [L.Dense(4, activation=name) for name in names]
        return regression(source, *layers, L.Dense(2), fit={"epochs": 3})

    return build


GROUPS = (
    "linear relu relu6 leaky_relu elu selu celu",
    "softplus softsign sigmoid log_sigmoid tanh exponential",
    "silu swish gelu mish hard_sigmoid hard_silu hard_swish hard_tanh",
    "hard_shrink soft_shrink tanh_shrink squareplus",
    "sparse_plus sparse_sigmoid softmax log_softmax sparsemax",
)
for group, names in enumerate(GROUPS, 1):
    TRAININGS[f"activations_{group}"] = activations(names.split())


@training
def glu_last(source):
    """Keras states the shape before glu halves it, so nothing can stand behind it."""
    return regression(source, L.Dense(5, activation="tanh"), L.Dense(4, activation="glu"))


@training
def activation_layers(source):
    layers = [L.Dense(5), L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.05), L.Dense(5), L.LeakyReLU()]
    layers += [L.Dense(4), L.PReLU(), L.Dense(4), L.ELU(alpha=0.7), L.Dense(4), L.Activation("tanh"), L.Dense(2)]
    return regression(source, *layers)


@training
def softmax_and_prelu_of_rank_3(source):
    layers = [
        L.Dense(4),
        L.PReLU(shared_axes=[1]),
        L.Dense(3, use_bias=False),
        L.Softmax(axis=1),
        L.Flatten(),
        L.Dense(2),
    ]
    return regression(source, *layers, shape=(2, 3))


# Penalties, constraints, frozen layers.


@training
def regularizers(source):
    layers = [
        L.Dense(6, activation="tanh", kernel_regularizer=R.L1(0.002), bias_regularizer=R.L2(0.01)),
        L.Dense(5, activation="tanh", kernel_regularizer=R.L1L2(0.001, 0.003)),
        L.Dense(4, activation="tanh", kernel_regularizer=R.OrthogonalRegularizer(0.02)),
        L.Dense(4, activation="tanh", kernel_regularizer=R.OrthogonalRegularizer(0.02, mode="columns")),
        L.Dense(2, kernel_regularizer="l2"),
    ]
    return regression(source, *layers, metrics=["mse"], fit={"validation_split": 0.2})


@training
def activity_regularizers(source):
    layers = [
        L.Dense(6, activation="relu", activity_regularizer=R.L1(0.01)),
        L.ActivityRegularization(l1=0.002, l2=0.003),
        L.Dense(2, activity_regularizer=R.L2(0.01)),
    ]
    return regression(source, *layers, metrics=["mse"], fit={"validation_split": 0.25})


@training
def constraints(source):
    C = keras.constraints
    layers = [
        L.Dense(6, activation="tanh", kernel_constraint=C.MaxNorm(0.9), bias_constraint=C.NonNeg()),
        L.Dense(5, activation="tanh", kernel_constraint=C.UnitNorm(axis=0)),
        L.Dense(4, activation="tanh", kernel_constraint=C.MinMaxNorm(0.5, 1.2, rate=0.7, axis=1)),
        L.Dense(2, kernel_constraint=C.MaxNorm(1.0, axis=[0, 1]), bias_constraint="max_norm"),
    ]
    return regression(source, *layers, optimizer=SGD(0.05, momentum=0.5))


@training
def constraint_non_negative_kernels(source):
    layers = (
        L.Dense(6, activation="sigmoid", kernel_constraint="non_neg"),
        L.Dense(2, kernel_constraint="min_max_norm"),
    )
    return regression(source, *layers)


@training
def frozen_layer(source):
    layers = [
        L.Dense(6, activation="tanh"),
        L.Dense(5, activation="tanh", trainable=False, kernel_regularizer="l2"),
        L.Dense(2),
    ]
    return regression(source, *layers, optimizer=RMSprop(0.01))


# Shapes.


@training
def reshaping(source):
    layers = [
        L.Permute((2, 1)),
        L.Dense(4, activation="tanh"),
        L.Flatten(),
        L.Dense(6),
        L.Reshape((-1, 2)),
        L.Identity(),
    ]
    return regression(source, *layers, L.Dense(3, activation="tanh"), L.Flatten(), L.Dense(2), shape=(2, 3))


@training
def repeat_vector(source):
    layers = (
        L.Dense(3, activation="tanh"),
        L.RepeatVector(2),
        L.Dense(4, activation="tanh"),
        L.Flatten(),
        L.Dense(2),
    )
    return regression(source, *layers)


@training
def rank_3_targets(source):
    x = table(source, 19, 3, 4)
    model = seq((3, 4), L.Dense(5, activation="tanh"), L.Dense(2))
    said = {"optimizer": Adam(0.01), "loss": "mse", "metrics": ["mae", "mse"]}
    return {"model": model, "x": x, "y": target(source, x, 3, 2), "fit": {"epochs": 3, "batch_size": 8}, **said}


@training
def rank_3_labels(source):
    x = table(source, 19, 2, 4)
    y = np.argmax(target(source, x, 2, 3), -1).astype(np.int32)
    model = seq((2, 4), L.Dense(5, activation="relu"), L.Dense(3, activation="softmax"))
    said = {"optimizer": Adam(0.01), "loss": "sparse_categorical_crossentropy", "metrics": ["acc"]}
    return {"model": model, "x": x, "y": y, "fit": {"epochs": 3, "batch_size": 8}, **said}


def with_gaps(source, rows):
    x = table(source, rows, 3, 2)
    x[::3, 2] = 0
    x[1::4, 0] = 0
    return x


@training
def masking_before_flatten(source):
    """Flatten drops the mask."""
    x = with_gaps(source, 20)
    model = seq((3, 2), L.Masking(), L.Dense(3, activation="tanh"), L.Flatten(), L.Dense(2))
    said = {"optimizer": Adam(0.01), "loss": "mse"}
    return {"model": model, "x": x, "y": target(source, x, 2), "fit": {"epochs": 3, "batch_size": 8}, **said}


@training
def masking_reaches_the_loss(source):
    """The mask goes on through Dense: loss and metrics leave masked steps out."""
    x = with_gaps(source, 20)
    model = seq((3, 2), L.Masking(), L.Dense(4, activation="tanh"), L.Dense(2))
    said = {"optimizer": Adam(0.01), "loss": "mse", "metrics": ["mae"]}
    return {"model": model, "x": x, "y": target(source, x, 3, 2), "fit": {"epochs": 3, "batch_size": 8}, **said}


# Normalization and noise.


@training
def noise_at_rate_0(source):
    layers = [
        L.GaussianNoise(0.0),
        L.Dense(6, activation="selu"),
        L.AlphaDropout(0.0),
        L.Dense(5, activation="relu"),
    ]
    return regression(
        source, *layers, L.Dropout(0.0), L.Dense(4, activation="tanh"), L.GaussianDropout(0.0), L.Dense(2)
    )


@training
def batchnorm(source):
    layers = [L.Dense(6, use_bias=False), L.BatchNormalization(), L.Activation("relu")]
    return classification(source, *layers, rows=29, fit={"validation_split": 0.25, "epochs": 4})


@training
def batchnorm_variants(source):
    layers = [
        L.Dense(5, use_bias=False),
        L.BatchNormalization(momentum=0.6, epsilon=0.01, center=False),
        L.Activation("tanh"),
    ]
    layers += [L.Dense(5, use_bias=False), L.BatchNormalization(momentum=0.9, scale=False), L.Activation("tanh")]
    layers += [L.Dense(4, use_bias=False), L.BatchNormalization(gamma_regularizer="l2", beta_constraint="non_neg")]
    return regression(source, *layers, L.Activation("tanh"), L.Dense(2), rows=26, optimizer=SGD(0.05))


@training
def batchnorm_rank_3(source):
    layers = [
        L.Dense(4, use_bias=False),
        L.BatchNormalization(momentum=0.7),
        L.Activation("tanh"),
        L.BatchNormalization(axis=1),
    ]
    return regression(source, *layers, L.Flatten(), L.Dense(2), shape=(2, 3))


@training
def batchnorm_frozen(source):
    layers = [L.Dense(6), L.BatchNormalization(trainable=False), L.Activation("tanh")]
    layers += [L.Dense(4, use_bias=False), L.BatchNormalization(momentum=0.5), L.Activation("tanh"), L.Dense(2)]
    return regression(source, *layers, fit={"validation_split": 0.2})


@training
def layernorm(source):
    layers = [L.Dense(6), L.LayerNormalization(), L.Activation("tanh"), L.Dense(4)]
    layers += [L.LayerNormalization(center=False, scale=False, epsilon=0.01), L.Activation("tanh"), L.Dense(2)]
    return regression(source, *layers)


@training
def layernorm_axes(source):
    layers = [L.Dense(4), L.LayerNormalization(axis=[1, 2]), L.Activation("tanh"), L.Flatten(), L.Dense(2)]
    return regression(source, *layers, shape=(2, 3))


@training
def rmsnorm_and_unitnorm(source):
    layers = L.Dense(6), L.RMSNormalization(), L.Activation("tanh"), L.Dense(5), L.UnitNormalization(), L.Dense(2)
    return regression(source, *layers)


@training
def groupnorm(source):
    layers = [
        L.Dense(6),
        L.GroupNormalization(groups=2),
        L.Activation("tanh"),
        L.Dense(4),
        L.GroupNormalization(groups=1),
    ]
    return regression(source, *layers, L.Activation("tanh"), L.Dense(2))


@training
def groupnorm_rank_3(source):
    layers = [L.Dense(4), L.GroupNormalization(groups=2), L.Activation("tanh"), L.GroupNormalization(groups=-1)]
    return regression(source, *layers, L.Flatten(), L.Dense(2), shape=(3, 3))


@training
def spectral_normalization(source):
    layers = [
        L.SpectralNormalization(L.Dense(6, activation="tanh")),
        L.SpectralNormalization(L.Dense(4), power_iterations=3),
    ]
    return regression(source, *layers, L.Activation("tanh"), L.Dense(2), fit={"validation_split": 0.2})


# The front of a network.


@training
def rescaling_and_normalization(source):
    x = np.round(source.uniform(0, 255, (27, 4))).astype(np.float32)
    normalization = L.Normalization()
    normalization.adapt(x / np.float32(255))
    model = seq((4,), L.Rescaling(1 / 255), normalization, L.Dense(5, activation="tanh"), L.Dense(2))
    said = {"optimizer": Adam(0.01), "loss": "mse"}
    return {"model": model, "x": x, "y": target(source, x / 255, 2), "fit": {"epochs": 3, "batch_size": 8}, **said}


@training
def normalization_with_given_moments(source):
    moments = {"mean": [0.1, -0.2, 0.3], "variance": [0.5, 1.5, 2.0]}
    return regression(source, L.Normalization(**moments), L.Dense(5, activation="tanh"), L.Dense(2), shape=(3,))


@training
def discretization(source):
    layer = L.Discretization(num_bins=5, output_mode="multi_hot")
    layer.adapt(table(source, 60, 1))
    return regression(source, layer, L.Dense(4, activation="tanh"), L.Dense(2), shape=(2,), rows=25)


def tokens(source, model, x):
    """A classification of rows by the tokens in them."""
    said = {"optimizer": Adam(0.02), "loss": "sparse_categorical_crossentropy", "metrics": ["acc"]}
    seen = (np.asarray(x)[:, :, None] == np.unique(x)).any(1).astype(np.float32)
    return {"model": model, "x": x, "y": labels(source, seen, 3), "fit": {"epochs": 3, "batch_size": 8}, **said}


@training
def category_encoding(source):
    layers = (
        L.CategoryEncoding(6, output_mode="count"),
        L.Dense(5, activation="relu"),
        L.Dense(3, activation="softmax"),
    )
    return tokens(source, seq((3,), *layers, dtype="int32"), source.integers(0, 6, (23, 3)).astype(np.int32))


@training
def embedding(source):
    layers = L.Embedding(7, 3), L.Flatten(), L.Dense(5, activation="relu"), L.Dense(3, activation="softmax")
    return tokens(source, seq((2,), *layers, dtype="int32"), source.integers(0, 7, (23, 2)).astype(np.int32))


@training
def embedding_regularized(source):
    embedding = L.Embedding(6, 3, embeddings_regularizer="l2", embeddings_constraint="unit_norm")
    layers = embedding, L.Flatten(), L.Dense(3, activation="softmax")
    return tokens(source, seq((2,), *layers), source.integers(0, 6, (20, 2)).astype(np.float32))


@training
def integer_lookup(source):
    known = [12, 36, 7, 99]
    layers = L.IntegerLookup(vocabulary=known, output_mode="multi_hot"), L.Dense(5, activation="relu")
    x = source.choice([*known, 1, 2], (25, 3)).astype(np.int64)
    return tokens(source, seq((3,), *layers, L.Dense(3, activation="softmax"), dtype="int64"), x)


WORDS = ["red", "green", "blue", "grey", "pink"]


def words(source):
    """A tensor: `fit` takes no arrays of strings."""
    return tf.constant(source.choice(WORDS, (25, 2)).astype(object))


@training
def string_lookup(source):
    layers = [L.StringLookup(vocabulary=WORDS[:4], num_oov_indices=2), L.Embedding(6, 3), L.Flatten()]
    return tokens(source, seq((2,), *layers, L.Dense(3, activation="softmax"), dtype="string"), words(source))


@training
def hashing(source):
    layers = [L.Hashing(5), L.Embedding(5, 3), L.Flatten(), L.Dense(3, activation="softmax")]
    return tokens(source, seq((2,), *layers, dtype="string"), words(source))
