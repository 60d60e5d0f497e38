"""Records the progress bars of Keras 2, in the form of record_progress.py:

    record_progress_2.py tf_keras > progress_tf_keras.txt                  the package tf_keras: batches are counted
    record_progress_2.py generic_utils.py > progress_keras2.txt            keras/utils/generic_utils.py of Keras 2.2 or
                                                                           2.3, as a file: samples are counted

Keras 2.2's ProgbarLogger, which does not import any more, writes the epoch's header in any case and leaves the last
batch to the end of the epoch; that is done here. Values are those to be shown.
"""

import importlib.util
import io
import os
import re
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")

SAMPLES = sys.argv[1].endswith(".py")
if SAMPLES:
    spec = importlib.util.spec_from_file_location("generic_utils", sys.argv[1])
    generic_utils = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generic_utils)
else:
    import tf_keras.src.callbacks
    from tf_keras.src.utils import generic_utils


class Clock:
    now = 0.0

    def time(self):
        return Clock.now


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


generic_utils.time = Clock()


def run(total, epochs, verbose=1, of=None):
    """epochs: one list an epoch of (step or None at the end, time since the epoch's start, values)."""
    of = of or len(epochs)
    Clock.now = 0.0
    print(f"\n@bar {total} {verbose} {of}")
    for number, calls in enumerate(epochs, 1):
        print(f"\n@start {Clock.now!r}")
        origin = Clock.now
        if verbose and (SAMPLES or of > 1):
            print(f"Epoch {number}/{of}")
        names = {name for _, _, values in calls for name in values}
        bar = generic_utils.Progbar(total, verbose=verbose, stateful_metrics=names)
        bar._last_update = -1.0  # the clock starts at 0 here, not at 1.7e9
        seen = 0
        for step, now, values in calls:
            Clock.now = origin + round(now * 512) / 512  # exact in seconds and in nanoseconds
            last = step is None
            seen = seen if last else step
            word = "finish" if last else f"update {step}"
            print(f"\n@{word} {Clock.now!r}" + "".join(f" {k}={float(v)!r}" for k, v in values.items()))
            if last and total is None:
                bar.target = total = seen
            if not SAMPLES:
                bar.update(total if last else step, list(values.items()), finalize=last)
            elif last or step < total:
                bar.update(total if last else step, list(values.items()))


def main():
    batch = 64 if SAMPLES else 1
    total = 60000 if SAMPLES else 938
    end = {"loss": 3.1053, "acc": 0.9178, "val_loss": 0.5178, "val_acc": 0.9355}
    steps = [i for i in range(1, 939) if i < 4 or i % 67 == 0 or i > 935]
    fit = [(min(i * batch, total), i / 128, {"loss": 2.5 / i, "acc": i / 938}) for i in steps] + [(None, 9.5, end)]
    run(total, [fit, fit], of=50)
    run(total, [fit])
    for verbose in (0, 2):
        run(total, [fit[-1:]], verbose, of=50)
        run(total, [fit[-1:]], verbose)
    run(32 * batch, [[(i * batch, i / 64, {}) for i in range(1, 33)] + [(None, 0.53125, {})]])
    run(1, [[(1, 0.75, {"loss": 0.5}), (None, 0.75, {"loss": 0.5})]])
    for scale in (0.0, 0.03125, 1.0, 60.0, 72.0, 0.625, 1500.0):
        run(101, [[(i, i * scale, {}) for i in (1, 2, 41, 51, 100)] + [(None, 101 * scale, {})]])
        if scale:  # a clock that reads 0 counts as none
            run(101, [[(None, 101 * scale, {"loss": 1.0})]], verbose=2)
    odd = [0.0, 0.001, 0.00100001, -0.5, -0.0002, 1e-100, 12345678.5, float("nan"), float("inf")]
    run(30, [[(i + 1, i + 0.5, {"loss": v}) for i, v in enumerate(odd)] + [(None, 30.0, {"loss": 1.0})]])
    if not SAMPLES:
        run(None, [[(i, i * 1.5, {"loss": 1 / i}) for i in range(1, 6)] + [(None, 8.0, {"loss": 0.2})]] * 2)


if __name__ == "__main__":
    true = sys.stdout
    sys.stdout = Terminal(io.BytesIO(), encoding="utf-8", newline="\n")
    main()
    sys.stdout.flush()
    text = sys.stdout.buffer.getvalue().decode().replace("\r", "␍")
    text = re.sub("\b+", lambda run: f"␈{len(run[0])}", text)
    true.buffer.write(text.lstrip("\n").encode())
