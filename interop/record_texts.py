"""Records what real Keras prints into crates/vanilla/tests/golden/texts: `summaries.json` and `evaluate.txt`.

`summaries.json` is a list, one case a line:

    name, model     the model as Keras serializes it
    options         the arguments of `summary`
    built           "optimizer" where the optimizer has its variables, as after `fit`; absent otherwise
    text            what `summary` hands to `print_fn` on 80 columns, which has no colours

`evaluate.txt` has `evaluate` and `predict` with verbose 1 and 2, in the form of `progress.txt` beside it and by
the clock of its script: @bar, @start, @update and @finish state the call, what follows are Keras's bytes.
"""

import contextlib
import io
import os
import re
import sys

import golden
import keras
import numpy as np
from keras import layers as L

TEXTS = golden.FOLDER / "texts"
sys.path.insert(0, str(TEXTS))
import record_progress  # noqa: E402  (replaces Keras's clock and bar)


def two_inputs():
    a, b = L.Input((16,), name="left"), L.Input((8,), name="right")
    shared = L.Dense(4, activation="relu", name="shared")
    joined = L.Concatenate()([shared(L.Dense(8)(a)), shared(b), a])
    return keras.Model(
        [a, b], [L.Dense(1, name="price")(joined), L.Dense(3, activation="softmax", name="kind")(joined)]
    )


def residual():
    inputs = L.Input((6,))
    flow = L.Dense(8, activation="relu")(inputs)
    for _ in range(2):
        flow = L.Add()([flow, L.Dense(8)(L.BatchNormalization()(L.Dense(8, use_bias=False)(flow)))])
    return keras.Model(inputs, L.Dense(3)(flow), name="residual")


def nested():
    """A sequential and a functional network inside a functional one, and one inside one of these."""
    core = keras.Sequential([L.Input((4,)), L.Dense(3), L.BatchNormalization()], name="core")
    encoder = keras.Sequential([L.Input((4,)), core, L.ReLU()], name="encoder")
    inner = L.Input((3,))
    skip = keras.Model(inner, L.Add()([inner, L.Dense(3)(inner)]), name="skip")
    inputs = L.Input((4,))
    return keras.Model(inputs, L.Dense(1)(skip(encoder(inputs))), name="whole")


def nested_sequential():
    encoder = keras.Sequential([L.Input((4,)), L.Dense(3), L.Dropout(0.1)], name="encoder")
    return keras.Sequential([L.Input((4,)), encoder, L.Dense(1)], name="whole")


def frozen():
    layers = [L.Dense(8, trainable=False), L.BatchNormalization(trainable=False), L.Dropout(0.2), L.Dense(2)]
    return keras.Sequential([L.Input((5,)), *layers])


def frozen_nested():
    model = nested()
    model.get_layer("encoder").trainable = False
    return model


def batchnorm():
    return keras.Sequential(
        [L.Input((20,)), L.Dense(64, use_bias=False), L.BatchNormalization(), L.ReLU(), L.Dense(10)]
    )


def unbuilt():
    return keras.Sequential([L.Dense(8, activation="relu"), L.BatchNormalization(), L.Dense(2)])


def many_kinds():
    words = L.Input((2,), dtype="string", name="words")
    numbers = L.Input((3,), name="numbers")
    looked_up = L.StringLookup(vocabulary=["red", "green", "blue"])(words)
    flow = L.Concatenate()([L.Flatten()(L.Embedding(4, 5)(looked_up)), L.Normalization()(numbers)])
    flow = L.SpectralNormalization(L.Dense(6))(flow)
    flow = L.PReLU()(L.GroupNormalization(groups=2)(flow))
    return keras.Model([words, numbers], L.Dense(2, name="a_layer_with_a_very_long_name_indeed")(flow))


def rank_3():
    layers = [
        L.Masking(),
        L.Dense(4),
        L.LayerNormalization(),
        L.Permute((2, 1)),
        L.Flatten(),
        L.Dense(1),
        L.RepeatVector(2),
    ]
    return keras.Sequential([L.Input((3, 2)), *layers])


SUMMARIES = [
    (two_inputs, {}),
    (two_inputs, {"show_trainable": True}),
    (two_inputs, {"line_length": 64}),
    (residual, {}),
    (residual, {"layer_range": ["dense_1", "add"]}),
    (nested, {}),
    (nested, {"expand_nested": True}),
    (nested, {"expand_nested": True, "show_trainable": True}),
    (nested_sequential, {}),
    (nested_sequential, {"expand_nested": True}),
    (frozen, {"show_trainable": True}),
    (frozen_nested, {"show_trainable": True}),
    (frozen_nested, {"expand_nested": True, "show_trainable": True}),
    (batchnorm, {}),
    (batchnorm, {"line_length": 60}),
    (unbuilt, {}),
    (unbuilt, {"show_trainable": True}),
    (many_kinds, {}),
    (rank_3, {}),
]


def summary(build, options, optimizer=None):
    keras.utils.clear_session(free_memory=False)
    model = build()
    words = [
        f"{key}_{value}" if isinstance(value, int) and value is not True else key for key, value in options.items()
    ]
    case = {"name": " ".join([build.__name__, *words, *([optimizer] if optimizer else [])])}
    if optimizer:
        model.compile(optimizer, "mse")
        model.optimizer.build(model.trainable_variables)
    case |= {"model": keras.saving.serialize_keras_object(model), "options": options}
    if optimizer:
        case["built"] = "optimizer"
    parts = []
    model.summary(print_fn=parts.append, **options)
    case["text"] = "\n".join(parts)
    if "\x1b" in case["text"]:
        raise ValueError(f"{case['name']}: colours")
    return case


def evaluations():
    """`evaluate` and `predict` of one output and of two, of many batches and of one."""
    keras.utils.set_random_seed(3)
    source = golden.random("evaluations")
    x = source.random((203, 5), np.float32)
    one = keras.Sequential([L.Input((5,)), L.Dense(4, activation="relu"), L.Dense(3, activation="softmax")])
    one.compile("sgd", "categorical_crossentropy", metrics=["acc", "mse"])
    kinds = np.eye(3, dtype=np.float32)[source.integers(0, 3, 203)]
    bare = keras.Sequential([L.Input((5,)), L.Dense(1)])
    bare.compile("sgd", "mae")
    inputs = L.Input((5,))
    two = keras.Model(
        inputs, [L.Dense(1, name="price")(inputs), L.Dense(3, activation="softmax", name="kind")(inputs)]
    )
    two.compile("sgd", ["mse", "categorical_crossentropy"], metrics={"price": ["mae"], "kind": ["acc"]})
    numbers = source.normal(0, 1000, (203, 1)).astype(np.float32)
    for verbose in (1, 2):
        for model, y in ((one, kinds), (bare, numbers), (two, [numbers, kinds])):
            for size in (29, 256):
                for step in (1 / 64, 1 / 4096):
                    record_progress.Clock.step = step
                    steps = -(-203 // size)
                    record_progress.bar(steps, verbose, 1)
                    model.evaluate(x, y, batch_size=size, verbose=verbose)
                    record_progress.bar(steps, verbose, 1)
                    model.predict(x, batch_size=size, verbose=verbose)


def printed(function):
    """What the function prints into a pipe, with the signs of `progress.txt`."""
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    with contextlib.redirect_stdout(pipe):
        function()
    pipe.flush()
    text = pipe.buffer.getvalue().decode().replace("\x1b", "␛").replace("\r", "␍")
    return re.sub("\b+", lambda run: f"␈{len(run[0])}", text).lstrip("\n")


def main():
    os.environ["COLUMNS"] = "80"
    cases = [summary(build, options) for build, options in SUMMARIES]
    cases += [summary(batchnorm, {}, "adam"), summary(two_inputs, {}, "rmsprop"), summary(frozen, {}, "sgd")]
    golden.write("texts/summaries.json", cases)
    (TEXTS / "evaluate.txt").write_text(printed(evaluations))
    print(f"texts/evaluate.txt: {(TEXTS / 'evaluate.txt').stat().st_size} bytes")


if __name__ == "__main__":
    main()
