"""Records losses of real Keras into crates/vanilla/tests/golden/losses.json: a list of cases, one a line.

name           of the case
loss           as Keras serializes it, with the keys that Keras 3.15.1 forgets (`delta` of Huber, `axis` of
               CosineSimilarity and SparseCategoricalCrossentropy) put back
y_true, y_pred     shape and values
sample_weight  values, where samples have weights
value          of the loss
gradient       of the value by y_pred, flat
per_sample     values with `reduction=None`, flat; absent where the loss is one number or samples have weights

The last cases are of several outputs: `outputs`, a list of loss, y_true and y_pred, with `loss_weights`; `value` is
`loss` of `evaluate`, `each` the losses of the outputs.
"""

import golden
import keras
import numpy as np
import tensorflow as tf
from golden import normal
from keras import losses as K

CASES = []


def serialized(loss, keys):
    node = keras.saving.serialize_keras_object(loss)
    node["config"].update({key: keys[key] for key in ("delta", "axis") if key in keys})
    return node


def reals(source, shape):
    return normal(source, shape, 1.5), normal(source, shape, 1.5)


def positive(source, shape):
    return tuple(np.round(source.uniform(0.05, 3.0, shape), 3).astype(np.float32) for _ in range(2))


def counts(source, shape):
    t, p = positive(source, shape)
    return np.floor(t), p


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


def one_hot(source, shape):
    return np.eye(shape[-1], dtype=np.float32)[source.integers(0, shape[-1], shape[:-1])]


def classes(source, shape):
    return one_hot(source, shape), softmax(normal(source, shape, 1.5))


def class_logits(source, shape):
    return one_hot(source, shape), normal(source, shape, 1.5)


def numbers(source, shape):
    return source.integers(0, shape[-1], shape[:-1]).astype(np.float32), softmax(normal(source, shape, 1.5))


def number_logits(source, shape):
    t, _ = numbers(source, shape)
    return t, normal(source, shape, 1.5)


def bits(source, shape):
    t = source.integers(0, 2, shape).astype(np.float32)
    return t, np.round(source.uniform(0.02, 0.98, shape), 3).astype(np.float32)


def bit_logits(source, shape):
    t, _ = bits(source, shape)
    return t, normal(source, shape, 2.0)


def signs(source, shape):
    t, p = bit_logits(source, shape)
    return 2 * t - 1, p


def ignored(data, label):
    def make(source, shape):
        t, p = data(source, shape)
        t.ravel()[1::3] = label
        return t, p

    return make


def column(weights):
    return None if weights is None else weights[:, None]


def case(name, make, data, shape=(5, 4), weighted=False, **keys):
    source = golden.random(name)
    t, p = data(source, shape)
    weights = np.round(source.uniform(0.0, 2.0, shape[:1]), 2).astype(np.float32) if weighted else None
    loss = make(**keys)
    variable = tf.Variable(p)
    with tf.GradientTape() as tape:
        # Of a rank above 2 Keras wants weights of a rank above 1.
        value = loss(t, tf.convert_to_tensor(variable), weights if len(shape) == 2 else column(weights))
    record = {"name": name, "loss": serialized(loss, keys), "y_true": golden.tensor(t), "y_pred": golden.tensor(p)}
    if weighted:
        record["sample_weight"] = weights
    record["value"] = np.float32(value)
    record["gradient"] = tape.gradient(value, variable).numpy()
    if not weighted and keys.get("reduction") is None:
        each = np.asarray(make(**{**keys, "reduction": None})(t, p), np.float32)
        if each.shape:
            record["per_sample"] = each
    CASES.append(record)


def all_cases():
    usual = [
        ("mse", K.MeanSquaredError, reals), ("mae", K.MeanAbsoluteError, reals),
        ("mape", K.MeanAbsolutePercentageError, reals), ("msle", K.MeanSquaredLogarithmicError, reals),
        ("huber", K.Huber, reals), ("log_cosh", K.LogCosh, reals), ("cosine", K.CosineSimilarity, reals),
        ("kld", K.KLDivergence, classes), ("poisson", K.Poisson, counts), ("hinge", K.Hinge, bit_logits),
        ("hinge_signs", K.Hinge, signs), ("hinge_reals", K.Hinge, reals),
        ("squared_hinge", K.SquaredHinge, bit_logits), ("squared_hinge_signs", K.SquaredHinge, signs),
        ("categorical_hinge", K.CategoricalHinge, class_logits), ("bce", K.BinaryCrossentropy, bits),
        ("bfce", K.BinaryFocalCrossentropy, bits), ("cce", K.CategoricalCrossentropy, classes),
        ("cfce", K.CategoricalFocalCrossentropy, classes), ("scce", K.SparseCategoricalCrossentropy, numbers),
        ("gce", K.CategoricalGeneralizedCrossEntropy, numbers), ("dice", K.Dice, bits),
        ("tversky", K.Tversky, bits),
    ]  # fmt: skip
    for name, make, data in usual:
        case(name, make, data)
        case(f"{name}_weighted", make, data, weighted=True)
        case(f"{name}_rank_3", make, data, shape=(3, 2, 4))
        if name not in ("dice", "tversky"):
            case(f"{name}_rank_3_weighted", make, data, shape=(3, 2, 4), weighted=True)
    for reduction in ["sum", "mean", "mean_with_sample_weight"]:
        for weighted in [False, True]:
            end = f"{reduction}{'_weighted' if weighted else ''}"
            case(f"mse_{end}", K.MeanSquaredError, reals, reduction=reduction, weighted=weighted)
            case(f"cce_{end}", K.CategoricalCrossentropy, classes, reduction=reduction, weighted=weighted)
            # Keras divides the sum over all rows of the samples by the sum of the samples' weights: no mean.
            if end != "mean_with_sample_weight_weighted":
                case(f"poisson_rank_3_{end}", K.Poisson, counts, (3, 2, 4), reduction=reduction, weighted=weighted)
    case("huber_delta", K.Huber, reals, delta=0.3)
    case("huber_delta_large", K.Huber, reals, delta=2.5)
    case("log_cosh_far", K.LogCosh, lambda s, shape: (normal(s, shape), normal(s, shape, 60.0)))
    case("cosine_axis", K.CosineSimilarity, reals, axis=-1)
    case("cosine_zero_target", K.CosineSimilarity, lambda s, shape: (np.zeros(shape, np.float32), normal(s, shape)))
    case("kld_zeros", K.KLDivergence, lambda s, shape: (one_hot(s, shape), one_hot(s, shape)))
    case("msle_negative", K.MeanSquaredLogarithmicError, lambda s, shape: (normal(s, shape), normal(s, shape)))
    case("mape_zero_target", K.MeanAbsolutePercentageError, lambda s, shape: (one_hot(s, shape), normal(s, shape)))
    case("cce_smooth", K.CategoricalCrossentropy, classes, label_smoothing=0.2)
    case("cce_logits", K.CategoricalCrossentropy, class_logits, from_logits=True)
    case("cce_logits_smooth", K.CategoricalCrossentropy, class_logits, from_logits=True, label_smoothing=0.1)
    case("cce_not_normal", K.CategoricalCrossentropy, lambda s, shape: (one_hot(s, shape), positive(s, shape)[0]))
    case("scce_logits", K.SparseCategoricalCrossentropy, number_logits, from_logits=True)
    case("scce_not_normal", K.SparseCategoricalCrossentropy, lambda s, h: (numbers(s, h)[0], bits(s, h)[1]))
    for label in [-1, 2, 255]:
        for data, logits in [(numbers, False), (number_logits, True)]:
            keys = {"from_logits": logits, "ignore_class": label}
            name = f"scce_ignore_{label}{'_logits' if logits else ''}"
            case(name, K.SparseCategoricalCrossentropy, ignored(data, label), **keys)
            case(f"{name}_weighted", K.SparseCategoricalCrossentropy, ignored(data, label), weighted=True, **keys)
    case("scce_ignore_sum", K.SparseCategoricalCrossentropy, ignored(numbers, 2), ignore_class=2, reduction="sum")
    case("scce_ignore_rank_3", K.SparseCategoricalCrossentropy, ignored(numbers, 2), (3, 2, 4), ignore_class=2)
    case("bce_smooth", K.BinaryCrossentropy, bits, label_smoothing=0.2)
    case("bce_logits", K.BinaryCrossentropy, bit_logits, from_logits=True)
    case("bce_logits_smooth", K.BinaryCrossentropy, bit_logits, from_logits=True, label_smoothing=0.1)
    case("bce_one_output", K.BinaryCrossentropy, bits, shape=(6, 1))
    case("bfce_gamma", K.BinaryFocalCrossentropy, bits, gamma=0.5)
    case("bfce_gamma_0", K.BinaryFocalCrossentropy, bits, gamma=0.0)
    case("bfce_balanced", K.BinaryFocalCrossentropy, bits, apply_class_balancing=True, alpha=0.7, gamma=3.0)
    case("bfce_smooth", K.BinaryFocalCrossentropy, bits, label_smoothing=0.1)
    case("bfce_logits", K.BinaryFocalCrossentropy, bit_logits, from_logits=True, label_smoothing=0.1)
    case("cfce_gamma", K.CategoricalFocalCrossentropy, classes, gamma=0.5, alpha=0.6)
    case("cfce_gamma_0", K.CategoricalFocalCrossentropy, classes, gamma=0.0, alpha=1.0)
    case("cfce_smooth", K.CategoricalFocalCrossentropy, classes, label_smoothing=0.1)
    case("cfce_logits", K.CategoricalFocalCrossentropy, class_logits, from_logits=True)
    case("gce_q", K.CategoricalGeneralizedCrossEntropy, numbers, q=0.8)
    case("gce_q_small", K.CategoricalGeneralizedCrossEntropy, numbers, q=0.1)
    case("dice_rows", K.Dice, bits, axis=-1)
    case("dice_rows_weighted", K.Dice, bits, axis=-1, weighted=True)
    case("tversky_prices", K.Tversky, bits, alpha=0.3, beta=0.9)
    case("tversky_rows", K.Tversky, bits, alpha=0.3, beta=0.9, axis=-1)


def outputs_case(name, weights, *parts):
    """A network without weights whose outputs are its inputs, so that y_pred is what it is given."""
    source = golden.random(name)
    data = [data(source, (5, 4)) for _, data in parts]
    inputs = [keras.Input((4,), name=f"x_{i}") for i in range(len(parts))]
    outputs = [keras.layers.Activation("linear", name=f"y_{i}")(x) for i, x in enumerate(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", [loss for loss, _ in parts], loss_weights=weights)
    values = model.evaluate([p for _, p in data], [t for t, _ in data], batch_size=2, verbose=0, return_dict=True)
    CASES.append({
        "name": name,
        "outputs": [
            {"loss": serialized(loss, {}), "y_true": golden.tensor(t), "y_pred": golden.tensor(p)}
            for (loss, _), (t, p) in zip(parts, data)
        ],
        "loss_weights": weights,
        "value": np.float32(values["loss"]),
        "each": [np.float32(values[f"y_{i}_loss"]) for i in range(len(parts))],
    })  # fmt: skip


if __name__ == "__main__":
    all_cases()
    outputs_case("outputs_2", [0.25, 2.0], (K.MeanSquaredError(), reals), (K.Poisson(), counts))
    outputs_case("outputs_3", [1.0, 0.5, 3.0], (K.Hinge(), bit_logits), (K.KLDivergence(), classes), (K.Huber(), reals))
    golden.write("losses.json", CASES)
