"""Records what real Keras makes of typed columns into crates/vanilla/tests/golden/preprocessing.json.

    record_preprocessing.py

Every case of `words` is a description (Keras's configuration as it writes it), optionally a column to adapt to, and
inputs with their outputs. `hashes` are bins of 2^62 for texts of all lengths that FarmHash
tells apart. `moments` are the statistics of Normalization, `normalize` those of keras.utils.normalize.
"""

import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

import tutorial

OUTPUT = tutorial.ROOT / "crates/vanilla/tests/golden/preprocessing.json"
layers = keras.layers


def table(values):
    """A tensor as JSON: its type, its shape, its elements in a row."""
    values = np.asarray(values)
    if values.dtype.kind in "UO":
        text = [value.decode() if isinstance(value, bytes) else str(value) for value in values.ravel()]
        return {"dtype": "string", "shape": list(values.shape), "data": text}
    if values.dtype.kind in "iu":
        dtype = "uint8" if values.dtype == np.uint8 else "int64"
        return {"dtype": dtype, "shape": list(values.shape), "data": values.ravel().tolist()}
    data = values.astype(np.float32).astype(float).ravel().tolist()
    data = [value if np.isfinite(value) else str(value) for value in data]
    return {"dtype": "float32", "shape": list(values.shape), "data": data}


def case(layer, *inputs, adapt=None):
    node = {"class_name": type(layer).__name__, "config": keras.saving.serialize_keras_object(layer)["config"]}
    if adapt is not None:
        layer.adapt(adapt)
        node["adapt"] = table(adapt)
        if isinstance(layer, layers.Discretization):
            node["bin_boundaries"] = layer.bin_boundaries
    if hasattr(layer, "get_vocabulary"):
        token = int if isinstance(layer, layers.IntegerLookup) else str
        node["vocabulary"] = [token(value) for value in layer.get_vocabulary()]
    node["calls"] = [{"input": table(x), "output": table(layer(x))} for x in inputs]
    return node


def words():
    numbers = np.array([[3, 1, 1], [2, 0, 0]])
    for mode in ("one_hot", "multi_hot", "count"):
        yield case(layers.CategoryEncoding(4, output_mode=mode), numbers, numbers[:, :1])
    yield case(layers.CategoryEncoding(4, output_mode="one_hot"), numbers[0], numbers[0].astype(np.uint8))

    texts = np.array([["a", "a", ""], ["c", "z", "b"], ["hello", "Ω", "a"]])
    for mode in ("int", "one_hot", "multi_hot", "count"):
        for mask in (None, ""):
            layer = layers.StringLookup(vocabulary=["a", "b", "c"], output_mode=mode, mask_token=mask)
            yield case(layer, texts, texts[:, 1:2])
    yield case(layers.StringLookup(vocabulary=["a", "b", "c"], mask_token="", num_oov_indices=3), texts)
    yield case(layers.StringLookup(vocabulary=["a", "b", "c"], num_oov_indices=3, salt=[7, 9]), texts)
    yield case(layers.StringLookup(vocabulary=["a", "b", "c", "hello", "z", "Ω", ""], num_oov_indices=0), texts)
    yield case(layers.StringLookup(vocabulary=["[UNK]", "a", "b"]), texts)
    yield case(layers.StringLookup(vocabulary=["a", "[UNK]"]), texts)
    padded = {"max_tokens": 6, "pad_to_max_tokens": True}
    for mode in ("one_hot", "multi_hot", "count"):
        yield case(layers.StringLookup(vocabulary=["a", "b"], output_mode=mode, **padded), texts)
    indices = np.array([[0, 1, 2], [3, 4, 9], [-5, 2, 3]])
    yield case(layers.StringLookup(vocabulary=["a", "b"], invert=True), indices)
    yield case(layers.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=2, invert=True), indices)
    weighted = {"output_mode": "tf_idf", "vocabulary": ["a", "b"], "idf_weights": [0.5, 0.25]}
    yield case(layers.StringLookup(**weighted), texts)
    yield case(layers.StringLookup(num_oov_indices=2, max_tokens=7, pad_to_max_tokens=True, **weighted), texts)
    weighted |= {"vocabulary": ["[UNK]", "a", "b"], "idf_weights": [0.9, 0.5, 0.25]}
    yield case(layers.StringLookup(**weighted), texts)

    column = np.array([["b", "a", "c"], ["b", "a", "a"], ["é", "Z", "é"], ["", "", ""]])
    for options in (
        {},
        {"max_tokens": 4},
        {"mask_token": ""},
        {"mask_token": "", "output_mode": "count"},
        {"num_oov_indices": 0, "max_tokens": 3},
        {"oov_token": "b"},
        {"output_mode": "tf_idf"},
        {"output_mode": "tf_idf", "max_tokens": 8, "pad_to_max_tokens": True, "num_oov_indices": 2},
        {"output_mode": "tf_idf", "max_tokens": 3},
        {"output_mode": "tf_idf", "mask_token": ""},
    ):
        known = np.array([["a", "", "a"]]) if options.get("num_oov_indices") == 0 else texts
        yield case(layers.StringLookup(**options), known, adapt=column)
    yield case(layers.StringLookup(output_mode="tf_idf"), column[0][:, None], adapt=column[0])

    integers = np.array([[12, -7, 36], [5, 6, -1]])
    yield case(layers.IntegerLookup(vocabulary=[12, 36]), integers, integers.astype(np.float32))
    yield case(layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=3), integers)
    yield case(layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=3, oov_method="farmhash"), integers)
    salted = {"oov_method": "farmhash", "salt": 133}
    yield case(layers.IntegerLookup(vocabulary=[12, 36], num_oov_indices=3, **salted), integers)
    yield case(layers.IntegerLookup(vocabulary=[12, 36], mask_token=-7, output_mode="count"), integers)
    yield case(layers.IntegerLookup(vocabulary=[0, -1, 5], mask_token=0), integers)
    yield case(layers.IntegerLookup(vocabulary=[12, 36], invert=True), indices)
    yield case(layers.IntegerLookup(), integers, adapt=np.array([5, -3, 5, 7, -3, 11, -1, -1, -1]))

    letters = np.array([["A"], ["B"], [""], ["C"], ["D"], ["ein längerer Text, 用来散列"]])
    salted = {"mask_value": "", "salt": [-1, 5]}
    for options in ({}, {"mask_value": ""}, {"salt": [133, 137]}, {"salt": 133}, salted):
        yield case(layers.Hashing(3, **options), letters)
        yield case(layers.Hashing(1000, **options), letters)
    yield case(layers.Hashing(1, mask_value=""), letters)
    for mode in ("one_hot", "multi_hot", "count"):
        yield case(layers.Hashing(4, output_mode=mode), letters, letters[:4].reshape(2, 2))
    whole = np.array([0, -5, 123456789012])
    floats = np.array([0.9, -5.7, 3.0], np.float32)
    yield case(layers.Hashing(1000), whole, floats, np.array([0, 3, 200], np.uint8))
    yield case(layers.Hashing(1000, mask_value=3), np.array([3, 4]), floats)

    values = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.1], [np.inf, -np.inf, 2.0, 0.1]], np.float32)
    for mode in ("int", "one_hot", "multi_hot", "count"):
        layer = layers.Discretization(bin_boundaries=[0.1, 1.0, 2.0], output_mode=mode)
        yield case(layer, values, values[:, :1], np.array([[1], [2]]))
    yield case(layers.Discretization(bin_boundaries=[]), values)
    random = np.random.RandomState(0)
    for bins, epsilon, data in (
        (4, 0.01, values[:2]),
        (3, 0.01, np.arange(1000)),
        (5, 0.01, random.randn(333)),
        (7, 0.03, random.randn(200, 4)),
        (4, 0.3, random.exponential(size=50)),
        (10, 0.01, random.randint(0, 6, 500)),
        (2, 0.01, [1, 2]),
        (10, 0.01, [1, 2, 3]),
        (1, 0.01, [1, 2, 3]),
    ):
        layer = layers.Discretization(num_bins=bins, epsilon=epsilon)
        yield case(layer, values, adapt=np.asarray(data, np.float32))


def batches():
    random = np.random.RandomState(1)
    parts = [random.randn(150).astype(np.float32), (random.randn(90) * 3).astype(np.float32), np.float32([7, 8])]
    layer = layers.Discretization(num_bins=6, epsilon=0.05)
    layer.adapt(parts)
    return {"parts": [table(x) for x in parts], "bin_boundaries": layer.bin_boundaries}


def hashes():
    for length in [*range(70), 95, 96, 97, 127, 128, 129, 191, 192, 193, 256, 300]:
        text = "".join(chr((i * 7 + length) % 95 + 32) for i in range(length))
        fast = tf.strings.to_hash_bucket_fast([text], 2**62).numpy()[0]
        strong = tf.strings.to_hash_bucket_strong([text], 2**62, key=[3, -9]).numpy()[0]
        yield [text, int(fast), int(strong)]


def moments():
    x = np.random.RandomState(2).gamma(2.0, size=(6, 3, 4)).astype(np.float32)
    for axis in (-1, None, 1, (1, 2), (-1, -2), 0):
        layer = layers.Normalization(axis=axis)
        layer.adapt(x)
        mean, variance = layer.adapt_mean.numpy(), layer.adapt_variance.numpy()
        yield {"axis": layer.axis, "x": table(x), "mean": table(mean), "variance": table(variance)}


def normalize():
    x = np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, -2.0]], np.float32)
    # Keras takes axis 0 for -1 where it divides; -2 is the same axis here and is not.
    for axis in (-1, 1, -2):
        for order in (1, 2, 3, 0.5, np.inf):
            y = keras.utils.normalize(x, axis=axis, order=order)
            yield {"x": table(x), "axis": axis, "order": str(order), "y": table(y)}


if __name__ == "__main__":
    record = {
        "keras": keras.__version__,
        "words": list(words()),
        "batches": batches(),
        "hashes": list(hashes()),
        "moments": list(moments()),
        "normalize": list(normalize()),
    }
    text = []
    for key, value in record.items():
        lines = [json.dumps(row, allow_nan=False) for row in (value if isinstance(value, list) else [value])]
        text.append(f"{json.dumps(key)}: [\n" + ",\n".join(lines) + "\n]")
    OUTPUT.write_text("{\n" + ",\n".join(text) + "\n}\n")
    print(f"{OUTPUT}: {len(record['words'])} words, {len(record['hashes'])} hashes")
