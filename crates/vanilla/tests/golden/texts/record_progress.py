"""Records Keras's progress bar: python record_progress.py > progress.txt  (keras 3, tensorflow, Linux).

Runs the real ProgbarLogger, in a pipe and with a clock of exact binary fractions. Each call of the bar is stated as @start,
@update or @finish with its time in seconds and its values; what Keras wrote follows. ESC, CR and BS are written as U+241B,
U+240D and U+2408 (a number after it counts them).
"""

import io
import os
import random
import re
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import numpy as np
import keras
from keras.src.callbacks.progbar_logger import ProgbarLogger
from keras.src.utils import progbar


class Clock:
    now, step = 0.0, 0.0

    def time(self):
        Clock.now += Clock.step
        return Clock.now


class Recorded(progbar.Progbar):
    """Says what it is told; the clock stands still during one call."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._last_update = -1.0  # the clock starts at 0 here, not at 1.7e9
        print(f"\n@start {self._start!r}")

    def update(self, current, values=None, finalize=None):
        Clock.now += Clock.step
        step, Clock.step = Clock.step, 0.0
        word = "finish" if finalize else f"update {current}"
        print(f"\n@{word} {Clock.now!r}" + "".join(f" {k}={(v if isinstance(v, float) else float(np.mean(v)))!r}" for k, v in values or []))
        super().update(current, values, finalize)
        Clock.step = step


progbar.time = Clock()
sys.modules["keras.src.callbacks.progbar_logger"].Progbar = Recorded


def bar(total, verbose, epochs):
    print(f"\n@bar {total} {verbose} {epochs}")


def run(total, calls, verbose=1, epochs=1):
    """calls: one list an epoch of (step or None at the end, time since the epoch's start, values)."""
    bar(total, verbose, epochs)
    Clock.now = 0.0
    logger = ProgbarLogger()
    logger.set_params({"verbose": verbose, "epochs": epochs, "steps": total})
    logger.on_train_begin()
    for epoch, steps in enumerate(calls):
        logger.on_epoch_begin(epoch)
        origin = Clock.now
        for step, now, values in steps:
            Clock.now = origin + round(now * 512) / 512  # exact in seconds and in nanoseconds
            logger.on_epoch_end(epoch, values) if step is None else logger.on_train_batch_end(step - 1, values)


def main():
    keras.utils.set_random_seed(0)
    fit = lambda i, n: {"acc": i / n, "loss": 2.5 / i}
    end = {"acc": 0.9178, "loss": 3.1053, "val_acc": 0.9355, "val_loss": 0.5178}
    epoch = [(i, i / 128, fit(i, 938)) for i in range(1, 939) if i < 12 or i % 47 == 0 or i > 930] + [(None, 9.5, end)]
    run(938, [epoch, epoch], epochs=50)
    run(938, [epoch[-1:]], verbose=2, epochs=50)
    run(938, [epoch[-1:]], verbose=0, epochs=50)
    run(32, [[(i, i / 64, {"acc": 0.147, "loss": 19.1432}) for i in range(1, 33)] + [(None, 0.53125, {"acc": 0.147, "loss": 19.1432})]])
    run(32, [[(i, i / 64, None) for i in range(1, 33)] + [(None, 0.53125, None)]])
    run(32, [[(None, 0.28125, None)]], verbose=2)
    run(1, [[(1, 0.75, {"loss": 0.5}), (None, 0.75, {"loss": 0.5})]])
    run(1, [[(None, 2.5, {"loss": 0.5})]], verbose=2)
    run(None, [[(i, i * 1.5, {"loss": 1 / i}) for i in range(1, 6)] + [(None, 8.0, {"loss": 0.2})]] * 2, epochs=2)
    run(0, [[(None, 1.5, {"loss": 0.5})]])
    run(0, [[(None, 1.5, {"loss": 0.5})]], verbose=2)
    # Remaining time: around a minute and an hour, over a day. Time a step: s, ms, us.
    run(101, [[(1, s, {}), (2, 2 * s, {}), (41, 41 * s, {}), (51, 51 * s, {}), (100, 100 * s, {}), (None, 101 * s, {})] for s in (1.0, 60.0, 72.0, 1.25, 0.625, 0.5, 1500.0)])
    run(100000, [[(i, i * s, {"loss": 1.0}) for i in (1, 2, 500, 50000, 99999)] + [(None, 1e5 * s, {"loss": 1.0})] for s in (2.0**-20, 2.0**-16, 2.0**-12, 2.0**-4, 1.0, 9.0)])
    # Values; a line that gets shorter.
    odd = [0.0, -0.0, 0.001, 0.00100001, 0.00099999, -0.5, -0.001, -0.0002, 1e-4, 1e-10, 1e-100, 12345678.5, 1e22, 0.00005, 0.12345, 2.00005, 0.03125, 0.09375, 1.40625, float("nan"), float("inf"), float("-inf")]
    run(len(odd), [[(i + 1, i + 0.5, {"loss": v}) for i, v in enumerate(odd)] + [(None, 30.0, {"loss": 1.0})]])
    run(10, [[(1, 1.0, {"a_long_metric_name": 1e22}), (2, 2.0, {"a_long_metric_name": 1.0}), (None, 10.0, {"a_long_metric_name": 1.0})]])
    run(10, [[(10, 1.0, {"x": 1.0}), (None, 10.0, {"x": 1.0})], [(3, 1.0, {"x": 1.0}), (4, 1.03125, {"x": 2.0}), (5, 1.0625, {"x": 3.0}), (None, 2.0, {"x": 4.0})]], epochs=2)
    # A real training.
    x, y = np.random.rand(200, 8).astype("float32"), np.eye(3)[np.random.randint(0, 3, 200)]
    m = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")])
    m.compile("adam", "categorical_crossentropy", metrics=["acc"])
    for verbose in (1, 2):
        Clock.step = 1 / 64
        bar(16, verbose, 2)
        m.fit(x, y, batch_size=13, epochs=2, verbose=verbose, validation_data=(x[:50], y[:50]))
        bar(7, verbose, 1)
        m.evaluate(x, y, verbose=verbose)
        bar(7, verbose, 1)
        m.predict(x, verbose=verbose)
    if sys.argv[1:] == ["random"]:
        Clock.step = 0.0
        for _ in range(3000):
            total, scale = random.choice([1, 2, 7, 99, 100, 938, 12345, None]), 2.0 ** random.randint(-14, 8)
            steps = sorted({random.randint(1, total or 50) for _ in range(12)})
            names = random.sample(["acc", "loss", "val_loss", "f1_score", "mean_absolute_error"], random.randint(0, 4))
            value = lambda: {n: random.choice([1, -1]) * random.random() * 10.0 ** random.randint(-6, 6) for n in names}
            run(total, [[(s, s * scale, value()) for s in steps] + [(None, (steps[-1] + 1) * scale, value())] for _ in range(2)], epochs=2)


if __name__ == "__main__":
    true = sys.stdout
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")  # as a pipe: not a terminal
    main()
    sys.stdout.flush()
    text = sys.stdout.buffer.getvalue().decode().replace("\x1b", "␛").replace("\r", "␍")
    text = re.sub("\b+", lambda run: f"␈{len(run[0])}", text)
    true.buffer.write(text.lstrip("\n").encode())
