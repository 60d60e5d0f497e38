"""TensorBoard reads the event files that Vanilla's callback TensorBoard wrote, and finds the run's numbers in them.

    check_tensorboard.py LOG_DIR RUN

LOG_DIR is the callback's `log_dir`; RUN is the folder of the run, with history.json and model.keras. Every value of the
history has to be there, bit for bit; the last histogram of each weight has to count the weights of model.keras where the
last epoch has one.
"""

import argparse
import io
import json
import pathlib
import zipfile

import h5py
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def read(folder):
    """Tag to steps and arrays, of all event files of a folder."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    read = {}
    for tag in events.Tags()["tensors"]:
        found = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        read[tag] = ([step for step, _ in found], [array for _, array in found])
    plugins = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in read}
    return read, plugins


def same(name, found, expected):
    if list(found) != list(expected):
        raise SystemExit(f"{name}: found {found}, expected {expected}")


def weights(path):
    """All arrays that layers have in model.weights.h5."""
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        nodes = []
        file["layers"].visititems(lambda _, node: nodes.append(node))
        return [np.array(node) for node in nodes if isinstance(node, h5py.Dataset)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("log_dir", type=pathlib.Path)
    parser.add_argument("run", type=pathlib.Path)
    args = parser.parse_args()
    history = json.loads((args.run / "history.json").read_text())
    epochs = history["epoch"]
    train, plugins = read(args.log_dir / "train")
    validation, _ = read(args.log_dir / "validation")
    same("keras", train["keras"][0], [0])
    json.loads(train["keras"][1][0].item())
    compared = 0
    for key, values in history["history"].items():
        tags = train
        if key.startswith("val_"):
            key, tags = key[4:], validation
            same(f"evaluation of {key}", np.array(validation[f"evaluation_{key}_vs_iterations"][1]), np.float32(values))
        steps, found = tags[f"epoch_{key}"]
        same(f"steps of {key}", steps, epochs)
        same(key, np.array(found), np.float32(values))
        compared += len(values)
    same("epochs of the learning rate", train["epoch_learning_rate"][0], epochs)
    for tag, plugin in plugins.items():
        kind = {"keras": "graph_keras_model"}.get(tag, "histograms" if tag.endswith("/histogram") else "scalars")
        same(f"plugin of {tag}", [plugin], [kind])

    histograms = {tag: data for tag, data in train.items() if tag.endswith("/histogram") and "_grad/" not in tag}
    last = {tag: arrays[-1] for tag, (steps, arrays) in histograms.items() if steps[-1] == epochs[-1]}
    stored = sorted((array.size, float(array.min()), float(array.max())) for array in weights(args.run / "model.keras"))
    found = sorted((int(h[:, 2].sum()), float(h[0, 0]), float(h[-1, 1])) for h in last.values())
    if last:
        same("histograms", found, stored)
    tags = len(train) + len(validation)
    print(f"TensorBoard reads {tags} tags: {compared} values as in history.json, {len(last)} histograms of the last weights")


if __name__ == "__main__":
    main()
