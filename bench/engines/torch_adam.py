"""PyTorch with its fused optimizers, and denormals flushed; eager, or with VANILLA_BENCH_COMPILE=1 torch.compile.

No DataLoader: an epoch is a permutation, a step an `index_select`. The loss is summed in a tensor and read once an
epoch. Weights start as Keras's do (Glorot's uniform).
"""

import os

import engine

wanted = engine.definition()
import torch
from torch.nn.functional import cross_entropy

torch.set_num_threads(wanted.threads)
torch.manual_seed(1)
FLUSHED = torch.set_flush_denormal(True)
COMPILED = os.environ.get("VANILLA_BENCH_COMPILE") == "1"

X, Y = (torch.from_numpy(array) for array in wanted.data())
X, Y = X.to(torch.float32), Y.to(torch.int64)


def network():
    curve = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU}[wanted.activation]
    layers = []
    for inputs, units in zip(wanted.layers, wanted.layers[1:]):
        layer = torch.nn.Linear(inputs, units)
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        layers += [layer, curve()]
    return torch.nn.Sequential(*layers[:-1])


model = network()
rate = wanted.learning_rate
optimizer = {
    "adam": lambda w: torch.optim.Adam(w, lr=rate, eps=1e-7, fused=True),
    "sgd": lambda w: torch.optim.SGD(w, lr=rate, momentum=0.9, fused=True),
    "rmsprop": lambda w: torch.optim.RMSprop(w, lr=rate, alpha=0.9, eps=1e-7, foreach=True),
}[wanted.optimizer](model.parameters())


def loss_of(x, y):
    return cross_entropy(model(x), y)


if COMPILED:
    loss_of = torch.compile(loss_of)


def epoch():
    order = torch.randperm(len(X))
    total = torch.zeros(())
    for rows in order.split(wanted.batch):
        loss = loss_of(X.index_select(0, rows), Y.index_select(0, rows))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total += loss.detach() * len(rows)
    return total.item() / len(X)


note = "" if FLUSHED else "this processor cannot flush denormals"
engine.serve(wanted, torch.__version__, engine.timed(epoch), note)
