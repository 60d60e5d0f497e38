"""Lists Keras's public words for dense networks in crates/vanilla/tests/golden/keras_words.json: a list of names for each
kind, as `docs/keras.md` has them.

    list_words.py

Classes, and the functions beside them (`keras.losses.huber`), of a module; arguments of a method; methods and
attributes of a model. `get`, `serialize` and `deserialize`, which every module has, are left out.
"""

import inspect
import json
import pathlib

import keras

OUTPUT = pathlib.Path(__file__).parent.parent / "crates/vanilla/tests/golden/keras_words.json"

MODULES = [
    "layers", "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers",
    "schedules", "callbacks", "models", "utils",
]  # fmt: skip
METHODS = ["compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"]
IN_EVERY_MODULE = {"get", "serialize", "deserialize"}


def words(name):
    module = keras.optimizers.schedules if name == "schedules" else getattr(keras, name)
    public = {word for word in dir(module) if not word.startswith("_")} - IN_EVERY_MODULE
    return sorted(word for word in public if callable(getattr(module, word)))


def arguments(name):
    return sorted(set(inspect.signature(getattr(keras.Model, name)).parameters) - {"self", "kwargs"})


def members():
    return sorted(word for word in {*dir(keras.Model), *dir(keras.Sequential)} if not word.startswith("_"))


if __name__ == "__main__":
    kinds = {name: words(name) for name in MODULES}
    kinds |= {name: arguments(name) for name in METHODS}
    kinds["model"] = members()
    lines = [f'"{kind}":{json.dumps(names, separators=(",", ":"))}' for kind, names in kinds.items()]
    OUTPUT.write_text("{" + f'"keras":"{keras.__version__}",\n' + ",\n".join(lines) + "}\n")
    print(f"{OUTPUT}: {sum(map(len, kinds.values()))} names")
