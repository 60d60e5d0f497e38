"""Does real Keras see in a model for a table what Vanilla sees?

    check_table_model.py MODEL.keras TABLE.csv PREDICTIONS.csv

MODEL is what `vanilla train TABLE.csv --target COLUMN` saved, PREDICTIONS what `vanilla predict MODEL --data TABLE.csv
--out PREDICTIONS.csv` wrote. Keras gets the raw columns of TABLE, without missing values, in the order that the file
names. Exit code 0 if its answers are the same to 1e-5, 1 with the reason if not.
"""

import csv
import json
import sys
import zipfile

import keras
import numpy as np
import tensorflow as tf

path, table, predictions = sys.argv[1:]
with zipfile.ZipFile(path) as archive:
    info = json.loads(archive.read("metadata.json"))["vanilla"]
with open(table, newline="") as file:
    rows = list(csv.DictReader(file))
model = keras.saving.load_model(path)
inputs = []
for names, tensor in zip(info["feature_names"], model.inputs):
    columns = [[row[name] for name in names] for row in rows]
    inputs.append(tf.constant(columns) if tensor.dtype == "string" else tf.constant(np.array(columns, "float32")))
answers = np.asarray(model(inputs if len(inputs) > 1 else inputs[0], training=False))
with open(predictions, newline="") as file:
    expected = np.array([row[2 if "class_names" in info else 0 :] for row in list(csv.reader(file))[1:]], "float32")
size = np.maximum(np.abs(expected), 1.0)
if answers.shape != expected.shape or not np.all(np.abs(answers - expected) <= 1e-5 * size):
    sys.exit(f"check_table_model: Keras answers {answers[:3]}, Vanilla {expected[:3]}")
print(f"check_table_model: {len(rows)} rows alike, {', '.join(info.get('class_names', ['a number']))}")
