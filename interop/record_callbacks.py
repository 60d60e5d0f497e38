"""Records what Keras's callbacks do and print, one case a line of crates/vanilla/tests/golden/callbacks.json.

The first line has what all of them share: `network`, the initial weights of Dense(4, tanh) on 3 inputs and Dense(1) as
`get_weights()` orders them; x, y and validation [x, y] as lists of rows. Each other line is a training:

    name           of the case
    epochs, validation, optimizer    arguments: whether it validates, keys of SGD
    y              another y, where it is not the common one
    callbacks      class beside its keys; `schedule` is the name of one of SCHEDULES, DIR a folder
    history, epoch of `fit` with batch_size=4, shuffle=False, verbose=0; what is not finite is a text
    lines          what was printed, without empty lines
    files          names; the text of those that are text, else null
    final          the weights afterwards, flat
"""

import contextlib
import io
import math
import pathlib
import tempfile

import golden
import keras
import numpy as np

SCHEDULES = {
    "halve_after_two": lambda epoch, rate: rate if epoch < 2 else rate * 0.5,
    "by_epoch": lambda epoch, rate: 0.1 / (epoch + 1),
}


def case(name, *callbacks, epochs=8, validation=True, y=None, **optimizer):
    keys = {"learning_rate": 0.2, **optimizer}
    case = {"name": name, "epochs": epochs, "validation": validation, "optimizer": keys, "callbacks": list(callbacks)}
    return case if y is None else {**case, "y": y}


def of(name, **keys):
    return {"class": name, **keys}


def cases(y):
    huge = y.copy()
    huge[9] = 1e30
    stopping = of("EarlyStopping", patience=1, min_delta=0.02, verbose=1, restore_best_weights=True)
    reducing = of("ReduceLROnPlateau", patience=1, factor=0.5, min_delta=0.02, verbose=1)
    return [
        case("early_stopping", stopping),
        case("early_stopping_baseline", of("EarlyStopping", patience=4, baseline=1.3, verbose=1)),
        case("early_stopping_late", of("EarlyStopping", monitor="loss", mode="max", start_from_epoch=3, verbose=1)),
        case("reduce_lr", reducing),
        case("reduce_lr_cooldown", {**reducing, "cooldown": 2, "min_lr": 0.03}, epochs=12),
        case("scheduler", of("LearningRateScheduler", schedule="halve_after_two", verbose=1), epochs=4),
        case("scheduler_by_epoch", of("LearningRateScheduler", schedule="by_epoch", verbose=1), epochs=4),
        case(
            "checkpoint",
            of("ModelCheckpoint", filepath="DIR/sub/{epoch:02d}-{val_loss:.2f}.keras", verbose=1),
            epochs=3,
        ),
        case(
            "checkpoint_best",
            of("ModelCheckpoint", filepath="DIR/best.keras", save_best_only=True, verbose=1, monitor="val_mae"),
        ),
        case(
            "checkpoint_threshold",
            of(
                "ModelCheckpoint",
                filepath="DIR/{epoch}.weights.h5",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=1.4,
                verbose=1,
            ),
        ),
        case(
            "checkpoint_batches",
            of(
                "ModelCheckpoint",
                filepath="DIR/{epoch:02d}-{batch:03d}-{loss:.3f}.weights.h5",
                save_weights_only=True,
                save_freq=2,
                verbose=1,
            ),
            epochs=3,
        ),
        case("terminate", of("TerminateOnNaN"), y=huge),
        case("csv", of("CSVLogger", filename="DIR/log.csv"), reducing, of("CSVLogger", filename="DIR/late.csv")),
        case("csv_alone", of("CSVLogger", filename="DIR/log.csv", separator=";"), epochs=2, validation=False),
        case(
            "csv_rates",
            of("LearningRateScheduler", schedule="by_epoch"),
            of("CSVLogger", filename="DIR/log.csv"),
            epochs=2,
            validation=False,
        ),
        case("ema", of("SwapEMAWeights"), epochs=3, use_ema=True, ema_momentum=0.8),
        case("ema_epochs", of("SwapEMAWeights", swap_on_epoch=True), epochs=3, use_ema=True, ema_momentum=0.8),
        case(
            "ema_checkpoint",
            of("SwapEMAWeights", swap_on_epoch=True),
            stopping,
            reducing,
            of("ModelCheckpoint", filepath="DIR/{epoch}.keras"),
            epochs=2,
            use_ema=True,
            ema_momentum=0.8,
        ),
    ]


def callback(description, folder):
    keys = {key: value for key, value in description.items() if key != "class"}
    for key in ("filepath", "filename"):
        if key in keys:
            keys[key] = keys[key].replace("DIR", folder)
    if "schedule" in keys:
        keys["schedule"] = SCHEDULES[keys["schedule"]]
    return getattr(keras.callbacks, description["class"])(**keys)


def number(value):
    value = float(value)
    return value if math.isfinite(value) else str(value)


def record(case, network, x, y, validation):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(**case["optimizer"]), "mse", metrics=["mae"])
    model.set_weights(network)
    target = case.get("y", y)
    with tempfile.TemporaryDirectory() as folder:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            history = model.fit(
                x,
                target,
                batch_size=4,
                epochs=case["epochs"],
                shuffle=False,
                verbose=0,
                validation_data=validation if case["validation"] else None,
                callbacks=[callback(description, folder) for description in case["callbacks"]],
            )
        files = {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file():
                text = path.read_bytes().decode() if path.suffix == ".csv" else None
                files[str(path.relative_to(folder))] = text
        lines = [line.replace(folder, "DIR") for line in printed.getvalue().split("\n") if line]
    return {
        **case,
        "history": {key: [number(value) for value in values] for key, values in history.history.items()},
        "epoch": history.epoch,
        "lines": lines,
        "files": files,
        "final": model.get_weights(),
    }


def main():
    source = golden.random("callbacks")
    x, y = golden.normal(source, (12, 3), digits=2), golden.normal(source, (12,), digits=2)
    validation = golden.normal(source, (6, 3), digits=2), golden.normal(source, (6,), digits=2)
    network = [golden.normal(source, shape, digits=2) for shape in [(3, 4), (4,), (4, 1), (1,)]]
    shared = {"name": "shared", "network": network, "x": x, "y": y, "validation": list(validation)}
    golden.write("callbacks.json", [shared, *(record(case, network, x, y, validation) for case in cases(y))])


if __name__ == "__main__":
    main()
