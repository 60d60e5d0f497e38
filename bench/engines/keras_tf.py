"""Keras 3 on TensorFlow: `fit` on numpy arrays, as everybody writes it; epochs timed by a callback.

The inputs stay as they are on disk: bytes, cast batch by batch, are quicker than floats made before the first
epoch (both were measured). `jit_compile` is left at "auto", which on a machine without GPU compiles nothing; with
VANILLA_BENCH_JIT=1 it is True, and XLA compiles the training step.
"""

import os
import time

import engine

wanted = engine.definition()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(wanted.threads)
tf.config.threading.set_inter_op_parallelism_threads(wanted.threads)
keras.utils.set_random_seed(1)

x, y = wanted.data()
inputs, *hidden, classes = wanted.layers
model = keras.Sequential(
    [keras.Input((inputs,))]
    + [keras.layers.Dense(units, activation=wanted.activation) for units in hidden]
    + [keras.layers.Dense(classes, activation="softmax")]
)
optimizer = {
    "adam": lambda: keras.optimizers.Adam(wanted.learning_rate),
    "sgd": lambda: keras.optimizers.SGD(wanted.learning_rate, momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(wanted.learning_rate),
}[wanted.optimizer]()
jit = True if os.environ.get("VANILLA_BENCH_JIT") == "1" else "auto"
model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", jit_compile=jit)


class Clock(keras.callbacks.Callback):
    """The wall time of each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.answers.append((time.perf_counter() - self.began, logs["loss"]))


def epochs(count):
    clock = Clock()
    clock.answers = []
    model.fit(x, y, epochs=count, batch_size=wanted.batch, verbose=0, callbacks=[clock])
    return clock.answers


engine.serve(wanted, f"{keras.__version__} on TF {tf.__version__}", epochs)
