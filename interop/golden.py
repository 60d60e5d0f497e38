"""What the recordings beside this file have in common: Keras set up for them, and JSON that is compact and exact.

One case is one line. A float32 array is written with as few digits as give the same float32 back; everything else,
such as Keras's own configs, as `json` writes it.
"""

import json
import os
import pathlib
import zlib

# Keras on TensorFlow, without oneDNN, whose sums depend more on the machine. Before the first import of either.
os.environ.update(
    KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0"
)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

# One thread, so that another recording on the same machine gives the same file.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/vanilla/tests/golden"


def random(name):
    """Numbers that depend on the case's name alone, so that a new case changes no other."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def normal(source, shape, scale=1.0, mean=0.0, digits=3):
    """float32 normal numbers, rounded to a few digits to keep the file small."""
    return np.round(source.normal(mean, scale, shape), digits).astype(np.float32)


def number(value):
    """The shortest text that reads back as this float32."""
    if not np.isfinite(value):
        raise ValueError(f"{value} cannot be recorded")
    text = str(np.float32(value))
    return text[:-2] if text.endswith(".0") and text != "-0.0" else text


def text(value):
    """Compact JSON of a case: float32 arrays and scalars exact and short, other arrays as lists."""
    if isinstance(value, np.ndarray):
        if value.dtype == np.float32:
            return "[" + ",".join(number(v) for v in value.ravel()) + "]"
        return text(value.ravel().tolist())
    if isinstance(value, np.float32):
        return number(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(str(key)) + ":" + text(v) for key, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(text(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def tensor(array):
    """Shape, flat values and, unless it is float32, the type; for strings `text` instead of values."""
    array = np.asarray(array)
    if array.dtype.kind in "UO":
        words = [word.decode() if isinstance(word, bytes) else str(word) for word in array.ravel()]
        return {"shape": list(array.shape), "text": words}
    described = {"shape": list(array.shape), "values": array}
    return described if array.dtype == np.float32 else {**described, "dtype": array.dtype.name}


def write(name, cases):
    """A list, one case a line, read back and compared."""
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"{name}: a name is used twice")
    path = FOLDER / name
    path.write_text("[\n" + ",\n".join(text(case) for case in cases) + "\n]\n")
    again = json.loads(path.read_text())
    if [text(case) for case in again] != [text(json.loads(text(case))) for case in cases]:
        raise ValueError(f"{name} does not read back as it was written")
    print(
        f"{path.relative_to(FOLDER.parent.parent.parent.parent)}: {len(cases)} cases, {path.stat().st_size} bytes"
    )
