"""What every Python engine of the benchmark shares: the definition, the data, and the talk with the driver.

An engine is started as `python NAME.py DEFINITION.json`, sets up, and says on stdout, one JSON value a line:

    {"ready": {"version": "...", "threads": 2}}

It then reads commands from stdin. `run N` trains N more epochs, and each answers

    {"seconds": 1.23, "loss": 0.45}

with the wall time of the epoch, shuffling included, and its mean training loss. Training goes on from run to run.
The end of stdin ends the engine. Libraries may print to stderr, never to stdout.
"""

import json
import os
import pathlib
import sys
import time


class Definition:
    """One network, its data and how it is trained; written by the driver."""

    def __init__(self, path):
        path = pathlib.Path(path)
        self.fields = json.loads(path.read_text())
        self.folder = path.parent

    def __getattr__(self, name):
        try:
            return self.fields[name]
        except KeyError:
            raise SystemExit(f"engine: the definition has no `{name}`; it has {sorted(self.fields)}") from None

    def data(self):
        """(x, y): x as it is on disk, u8 or f32, (rows, inputs); y the class of each row, int32."""
        import numpy as np

        x, y = np.load(self.folder / self.x), np.load(self.folder / self.y).astype(np.int32)
        if x.shape != (self.rows, self.layers[0]) or y.shape != (self.rows,):
            raise SystemExit(f"engine: data {x.shape} and {y.shape}, expected ({self.rows}, {self.layers[0]})")
        return x, y


def definition():
    """The definition named on the command line. Call it before a library is imported: it sets their threads."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} DEFINITION.json")
    made = Definition(sys.argv[1])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(made.threads)
    # Results are the only thing on stdout; whatever else a library writes there goes to stderr.
    made.out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return made


def serve(definition, version, epochs, note=None):
    """Answers the driver. `epochs(n)` trains n epochs and yields (seconds, mean loss) of each."""
    ready = {"version": version, "threads": definition.threads}
    if note:
        ready["note"] = note

    def say(value):
        print(json.dumps(value), file=definition.out, flush=True)

    say({"ready": ready})
    for line in sys.stdin:
        word, _, count = line.strip().partition(" ")
        if word != "run" or not count.isdigit():
            raise SystemExit(f"engine: received {line!r}, expected `run N`")
        for seconds, loss in epochs(int(count)):
            say({"seconds": seconds, "loss": loss})


def timed(epoch):
    """`epochs` for `serve` from a function that trains one epoch and returns its loss when all of it is done."""

    def epochs(count):
        for _ in range(count):
            start = time.perf_counter()
            loss = epoch()
            yield time.perf_counter() - start, loss

    return epochs
