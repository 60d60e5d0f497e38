"""Does `vanilla train TABLE.csv --target COLUMN` reach what scikit-learn's MLP reaches on the same rows?

    check_tables.py VANILLA [--tables iris,wine] [--seeds 5]

VANILLA is the program. The tables come out of scikit-learn's wheel: iris, wine,
breast_cancer (two classes), diabetes (a number), and `mixed`, made here: texts, missing values, a class that follows
from three of the columns. For each seed a fifth of the rows is set aside by scikit-learn, stratified. Both sides see
the others: Vanilla with one command and nothing else said (it holds a part of them out by itself), scikit-learn with
scaled columns (one-hot texts, medians for missing values) and MLPClassifier or MLPRegressor as they are.

Prints the mean over the seeds of both, the accuracy or the R2 of the rows set aside; exit code 1 where Vanilla's is
the lower one.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def mixed():
    """600 rows: two numbers with gaps, two texts, and a class that three of the columns decide, one time in twenty not."""
    random = np.random.default_rng(7)
    rows = 600
    size, age = random.gamma(2.0, 3.0, rows), random.integers(1, 80, rows)
    town, colour = random.choice(["Bern", "Chur", "Basel"], rows), random.choice(["red", "blue"], rows)
    score = size / 3 - age / 30 + np.where(town == "Chur", 2.0, 0.0) + random.normal(0, 0.3, rows)
    label = np.where(score > np.median(score), "yes", "no")
    flip = random.random(rows) < 0.05
    label[flip] = np.where(label[flip] == "yes", "no", "yes")
    x = np.array([size.round(2), age, town, colour], dtype=object).T
    for column in (0, 1):
        x[random.random(rows) < 0.1, column] = None
    return x, label, ["size", "age", "town", "colour"]


def table(name):
    """Rows of values, targets, names of the columns, and whether the target is a number."""
    if name == "mixed":
        return *mixed(), False
    bunch = getattr(datasets, f"load_{name}")()
    numbers = name == "diabetes"
    y = bunch.target if numbers else bunch.target_names[bunch.target]
    return bunch.data.astype(object), y, list(bunch.feature_names), numbers


def write(path, names, x, y):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*names, "target"])
        out.writerows([*("" if v is None else v for v in row), label] for row, label in zip(x, y))


def of_vanilla(program, folder, parts, names, numbers, seed):
    (x_train, y_train), (x_test, y_test) = parts
    write(folder / "train.csv", names, x_train, y_train)
    write(folder / "test.csv", names, x_test, y_test)
    quiet = ["--quiet", "--verbose", "0"]
    missing = ["--missing", "median"] if any(value is None for row in x_train for value in row) else []
    command = [program, "train", folder / "train.csv", "--target", "target", "--seed", seed, "--force", "--json"]
    run = lambda *args: subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True).stdout
    run(*command, *quiet, *missing, "--out", folder / "run")
    logs = json.loads(run(program, "evaluate", folder / "run/model.keras", "--data", folder / "test.csv", "--json"))
    return logs["r2_score" if numbers else "accuracy"]


def of_scikit_learn(parts, numbers, seed):
    (x_train, y_train), (x_test, y_test) = parts
    texts = [i for i in range(x_train.shape[1]) if any(isinstance(v, str) for v in x_train[:, i])]
    others = [i for i in range(x_train.shape[1]) if i not in texts]
    floats = FunctionTransformer(lambda columns: columns.astype(float))
    scaled = make_pipeline(floats, SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("numbers", scaled, others), ("texts", one_hot, texts)])
    network = (MLPRegressor if numbers else MLPClassifier)(random_state=seed)
    with warnings.catch_warnings():
        # It says that its iterations are too few; they are its default.
        warnings.simplefilter("ignore")
        return make_pipeline(columns, network).fit(x_train, y_train).score(x_test, y_test)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("vanilla")
    arguments.add_argument("--tables", default="iris,wine,breast_cancer,diabetes,mixed")
    arguments.add_argument("--seeds", type=int, default=5)
    options = arguments.parse_args()
    worse = []
    for name in options.tables.split(","):
        x, y, names, numbers = table(name)
        results = []
        for seed in range(options.seeds):
            x_train, x_test, y_train, y_test = train_test_split(
                x, y, test_size=0.2, random_state=seed, stratify=None if numbers else y
            )
            parts = (x_train, y_train), (x_test, y_test)
            with tempfile.TemporaryDirectory() as folder:
                ours = of_vanilla(options.vanilla, Path(folder), parts, names, numbers, seed)
            results.append((ours, of_scikit_learn(parts, numbers, seed)))
        ours, theirs = np.mean(results, axis=0)
        what = "R2      " if numbers else "accuracy"
        print(f"{name:14} {what}  vanilla {ours:.4f}   scikit-learn {theirs:.4f}", flush=True)
        if ours < theirs - 1e-9:
            worse.append(name)
    sys.exit(f"check_tables: lower than scikit-learn on {', '.join(worse)}" if worse else 0)


if __name__ == "__main__":
    main()
