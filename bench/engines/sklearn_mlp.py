"""scikit-learn's MLPClassifier: `partial_fit` is one epoch over shuffled batches, and keeps weights and optimizer.

Inputs are floats, so that it computes in f32. No weight decay. With two classes it has one logistic output and not
two: a network that is smaller by a few weights. It knows no GELU and no RMSprop: such cells are refused by name.
"""

import engine

wanted = engine.definition()
import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

if wanted.optimizer == "rmsprop" or wanted.activation not in ("relu", "tanh"):
    raise SystemExit(f"scikit-learn has no {wanted.optimizer} with {wanted.activation}")
x, y = wanted.data()
x, classes = x.astype(np.float32), np.arange(wanted.layers[-1])
model = MLPClassifier(
    hidden_layer_sizes=wanted.layers[1:-1],
    activation=wanted.activation,
    solver=wanted.optimizer,
    alpha=0.0,
    batch_size=wanted.batch,
    learning_rate_init=wanted.learning_rate,
    epsilon=1e-7,
    momentum=0.9,
    nesterovs_momentum=False,
    random_state=1,
)


def epoch():
    model.partial_fit(x, y, classes=classes)
    return float(model.loss_)


engine.serve(wanted, sklearn.__version__, engine.timed(epoch))
