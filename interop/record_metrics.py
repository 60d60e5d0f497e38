"""Records metrics of real Keras into crates/vanilla/tests/golden/metrics.json: a list of cases, one a line.

name           of the case
metric         as Keras serializes it, with the `axis` that CosineSimilarity forgets
y_true, y_pred     shape and values; values that are not finite are strings
sample_weight  values; the metric saw the first rows and then the others, in two batches
plain          `result()` without weights, a number or a list; a string where Keras says NaN
weighted       with them, where Keras can
"""

import golden
import keras
import numpy as np
from golden import normal
from keras import metrics as K

CASES = []
ROWS = 9


def reals(source, shape):
    return normal(source, shape, 1.5), normal(source, shape, 1.5)


def related(source, shape):
    t = normal(source, shape, 1.5, 3.0)
    return t, np.round(0.8 * t + normal(source, shape, 0.4), 3).astype(np.float32)


def positive(source, shape):
    return tuple(np.round(source.uniform(0.05, 3.0, shape), 3).astype(np.float32) for _ in range(2))


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


def one_hot(source, shape, classes=None):
    return np.eye(shape[-1], dtype=np.float32)[source.integers(0, classes or shape[-1], shape[:-1])]


def classes(source, shape):
    return one_hot(source, shape), softmax(normal(source, shape, 1.5))


def class_logits(source, shape):
    return one_hot(source, shape), normal(source, shape, 1.5)


def without_last_class(source, shape):
    p = softmax(normal(source, shape, 1.5))
    p[:, -1] = 0
    return one_hot(source, shape, shape[-1] - 1), p


def numbers(source, shape):
    return source.integers(0, shape[-1], shape[:-1]).astype(np.float32), softmax(normal(source, shape, 1.5))


def number_logits(source, shape):
    return numbers(source, shape)[0], normal(source, shape, 1.5)


def bits(source, shape):
    return source.integers(0, 2, shape).astype(np.float32), source.uniform(0.0, 1.0, shape).astype(np.float32)


def useful_bits(source, shape):
    t = source.integers(0, 2, shape).astype(np.float32)
    return t, np.clip(0.3 + 0.4 * t + normal(source, shape, 0.2), 0, 1).astype(np.float32)


def ties(source, shape):
    """Outputs on the thresholds themselves, among them 0 and 1."""
    t = source.integers(0, 2, shape).astype(np.float32)
    return t, (source.integers(0, 5, shape) / 4).astype(np.float32)


def no_positives(source, shape):
    return np.zeros(shape, np.float32), bits(source, shape)[1]


def all_positives(source, shape):
    return np.ones(shape, np.float32), bits(source, shape)[1]


def bit_logits(source, shape):
    return bits(source, shape)[0], normal(source, shape, 2.0)


def signs(source, shape):
    t, p = bit_logits(source, shape)
    return 2 * t - 1, p


def labels(source, shape):
    return (source.integers(0, 3, shape).astype(np.float32) for _ in range(2))


def class_ties(source, shape):
    return numbers(source, shape)[0], source.integers(0, 3, shape).astype(np.float32)


def hot_ties(source, shape):
    return one_hot(source, shape), source.integers(0, 3, shape).astype(np.float32)


def not_finite(data):
    def make(source, shape):
        t, p = data(source, shape)
        p = np.array(p)
        p[1, 0], p[3, 2], p[5, -1] = np.nan, np.inf, -np.inf
        return t, p

    return make


def equal(source, shape):
    return np.full(shape, 0.3, np.float32), normal(source, shape)


def ids(source, shape):
    p = np.stack([source.permutation(shape[-1]) for _ in range(shape[0])]).astype(np.float32)
    return source.integers(0, shape[-1], shape[:-1]).astype(np.float32), p


def number(value):
    return float(np.float32(value)) if np.isfinite(value) else str(value)


def listed(value):
    value = np.asarray(value)
    return number(value) if value.shape == () else [number(v) for v in value.ravel()]


def tensor(array):
    if np.isfinite(array).all():
        return golden.tensor(array)
    return {"shape": list(array.shape), "values": [number(v) for v in array.ravel()]}


def result_of(make, keys, data, weights):
    metric = make(**keys)
    for rows in [slice(0, 5), slice(5, None)]:
        part = [None if a is None else a[rows] for a in (*data, weights)]
        if len(part[0]):
            metric.update_state(*part[:2], sample_weight=part[2])
    return np.asarray(metric.result())


def case(name, make, data, shape=(ROWS, 4), weighted=True, **keys):
    source = golden.random(name)
    t, p = (np.asarray(a, np.float32) for a in data(source, shape))
    weights = np.round(source.uniform(0.0, 2.0, shape[:1]), 2).astype(np.float32)
    node = keras.saving.serialize_keras_object(make(**keys))
    config = {k: [float(x) for x in v] if k == "thresholds" and np.ndim(v) else v for k, v in node["config"].items()}
    if "axis" in keys:
        config["axis"] = keys["axis"]
    if keys.get("label_weights"):
        config["label_weights"] = keys["label_weights"]
    record = {"name": name, "metric": {**node, "config": config}, "y_true": tensor(t), "y_pred": tensor(p)}
    record["sample_weight"] = weights
    record["plain"] = listed(result_of(make, keys, (t, p), None))
    if weighted:
        record["weighted"] = listed(result_of(make, keys, (t, p), weights))
    CASES.append(record)
    keras.utils.clear_session(free_memory=False)


def all_cases():
    usual = [
        ("accuracy", K.Accuracy, labels), ("binary_accuracy", K.BinaryAccuracy, bits),
        ("binary_accuracy_ties", K.BinaryAccuracy, ties), ("categorical_accuracy", K.CategoricalAccuracy, classes),
        ("categorical_accuracy_ties", K.CategoricalAccuracy, hot_ties),
        ("sparse_accuracy", K.SparseCategoricalAccuracy, numbers),
        ("sparse_accuracy_ties", K.SparseCategoricalAccuracy, class_ties),
        ("mse", K.MeanSquaredError, reals), ("mae", K.MeanAbsoluteError, reals),
        ("mape", K.MeanAbsolutePercentageError, reals), ("msle", K.MeanSquaredLogarithmicError, positive),
        ("logcosh", K.LogCoshError, reals), ("cosine", K.CosineSimilarity, reals), ("kld", K.KLDivergence, classes),
        ("poisson", K.Poisson, positive), ("hinge", K.Hinge, bit_logits), ("hinge_signs", K.Hinge, signs),
        ("hinge_reals", K.Hinge, reals), ("squared_hinge", K.SquaredHinge, bit_logits),
        ("categorical_hinge", K.CategoricalHinge, class_logits), ("bce", K.BinaryCrossentropy, bits),
        ("cce", K.CategoricalCrossentropy, classes), ("scce", K.SparseCategoricalCrossentropy, numbers),
        ("rmse", K.RootMeanSquaredError, reals), ("r2", K.R2Score, related), ("precision", K.Precision, bits),
        ("recall", K.Recall, bits), ("precision_none", K.Precision, no_positives),
        ("recall_none", K.Recall, no_positives), ("tp", K.TruePositives, bits), ("fp", K.FalsePositives, bits),
        ("tn", K.TrueNegatives, bits), ("fn", K.FalseNegatives, bits), ("f1", K.F1Score, classes),
        ("f1_empty_class", K.F1Score, without_last_class), ("f1_ties", K.F1Score, hot_ties),
        ("fbeta", K.FBetaScore, classes), ("auc", K.AUC, bits), ("auc_useful", K.AUC, useful_bits),
        ("auc_ties", K.AUC, ties), ("auc_none", K.AUC, no_positives), ("auc_all", K.AUC, all_positives),
        ("pearson", K.PearsonCorrelation, related), ("concordance", K.ConcordanceCorrelation, related),
    ]  # fmt: skip
    for name, make, data in usual:
        case(name, make, data)
    for name, make, data in usual[1:9] + [usual[25]]:
        weighted = name not in ("precision",)
        case(f"{name}_rank_3", make, data, (ROWS, 2, 3), weighted=weighted)
    case("one_output_auc", K.AUC, useful_bits, (ROWS, 1))
    case("one_output_accuracy", K.BinaryAccuracy, bits, (ROWS, 1))
    case("one_output_precision", K.Precision, bits, (ROWS, 1))
    case("binary_accuracy_threshold", K.BinaryAccuracy, bits, threshold=0.7)
    for k in [1, 2, 3]:
        case(f"top_{k}", K.TopKCategoricalAccuracy, classes, k=k)
        case(f"top_{k}_ties", K.TopKCategoricalAccuracy, hot_ties, k=k)
        case(f"sparse_top_{k}", K.SparseTopKCategoricalAccuracy, numbers, k=k)
        case(f"sparse_top_{k}_ties", K.SparseTopKCategoricalAccuracy, class_ties, k=k)
        case(f"sparse_top_{k}_not_finite", K.SparseTopKCategoricalAccuracy, not_finite(numbers), k=k)
        case(f"top_{k}_not_finite", K.TopKCategoricalAccuracy, not_finite(classes), k=k)
    case("sparse_top_ids", K.SparseTopKCategoricalAccuracy, ids, k=2, from_sorted_ids=True)
    case("bce_logits", K.BinaryCrossentropy, bit_logits, from_logits=True, label_smoothing=0.1)
    case("cce_logits", K.CategoricalCrossentropy, class_logits, from_logits=True, label_smoothing=0.1)
    case("scce_logits", K.SparseCategoricalCrossentropy, number_logits, from_logits=True)
    case("cosine_axis", K.CosineSimilarity, reals, axis=-1)
    case("r2_one", K.R2Score, related, (ROWS, 1))
    case("r2_bad", K.R2Score, reals)
    case("r2_each", K.R2Score, related, class_aggregation=None)
    case("r2_variance", K.R2Score, related, class_aggregation="variance_weighted_average")
    case("r2_regressors", K.R2Score, related, (ROWS, 1), num_regressors=2)
    case("r2_too_many_regressors", K.R2Score, related, (ROWS, 1), num_regressors=8)
    for make, name in [(K.Precision, "precision"), (K.Recall, "recall")]:
        case(f"{name}_threshold", make, bits, thresholds=0.3)
        case(f"{name}_thresholds", make, bits, thresholds=[0.7, 0.2])
        case(f"{name}_even_thresholds", make, ties, thresholds=[0.0, 0.25, 0.5, 0.75, 1.0])
        case(f"{name}_class", make, bits, class_id=2)
        case(f"{name}_top_2", make, bits, top_k=2)
        case(f"{name}_top_2_ties", make, ties, top_k=2)
        case(f"{name}_top_1_class", make, bits, top_k=1, class_id=1)
        case(f"{name}_top_2_threshold", make, bits, top_k=2, thresholds=0.6)
    counts = [(K.TruePositives, "tp"), (K.FalsePositives, "fp"), (K.TrueNegatives, "tn"), (K.FalseNegatives, "fn")]
    for make, name in counts:
        case(f"{name}_thresholds", make, bits, thresholds=[0.7, 0.2])
        case(f"{name}_even_thresholds", make, ties, thresholds=[0.0, 0.5, 1.0])
    for average in ["micro", "macro", "weighted"]:
        case(f"f1_{average}", K.F1Score, classes, average=average)
        case(f"f1_{average}_empty_class", K.F1Score, without_last_class, average=average)
        case(f"f1_{average}_threshold", K.F1Score, bits, average=average, threshold=0.4)
        case(f"fbeta_{average}", K.FBetaScore, classes, average=average, beta=2.0)
        case(f"fbeta_half_{average}", K.FBetaScore, bits, average=average, beta=0.5, threshold=0.6)
    for curve in ["ROC", "PR", "PRGAIN"]:
        for method in ["interpolation", "minoring", "majoring"]:
            case(f"auc_{curve}_{method}", K.AUC, useful_bits, (ROWS, 1), curve=curve, summation_method=method)
        case(f"auc_{curve}_none", K.AUC, no_positives, (ROWS, 1), curve=curve)
        case(f"auc_{curve}_labels", K.AUC, useful_bits, (ROWS, 3), curve=curve, multi_label=True)
        case(f"auc_{curve}_ties", K.AUC, ties, (ROWS, 1), curve=curve, num_thresholds=5)
    case("auc_few", K.AUC, bits, num_thresholds=3)
    case("auc_two", K.AUC, bits, num_thresholds=2)
    case("auc_own_thresholds", K.AUC, bits, thresholds=[0.8, 0.1, 0.45])
    case("auc_own_even_thresholds", K.AUC, ties, thresholds=[0.25, 0.5, 0.75])
    case("auc_labels_weights", K.AUC, bits, (ROWS, 3), multi_label=True, num_labels=3, label_weights=[1.0, 0.5, 3.0])
    case("auc_label_weights", K.AUC, bits, (ROWS, 3), label_weights=[1.0, 0.5, 3.0], weighted=False)
    case("auc_labels_own", K.AUC, bits, (ROWS, 3), multi_label=True, thresholds=[0.3, 0.6], weighted=False)
    case("auc_logits", K.AUC, bit_logits, (ROWS, 1), from_logits=True)
    kin = [
        (K.SensitivityAtSpecificity, "specificity"), (K.SpecificityAtSensitivity, "sensitivity"),
        (K.PrecisionAtRecall, "recall"), (K.RecallAtPrecision, "precision"),
    ]  # fmt: skip
    for make, key in kin:
        name = f"at_{key}"
        for asked in [0.0, 0.4, 0.8, 1.0]:
            case(f"{name}_{asked}", make, useful_bits, **{key: asked})
        case(f"{name}_class", make, bits, **{key: 0.5}, class_id=1)
        case(f"{name}_ties", make, ties, **{key: 0.5}, num_thresholds=5)
        case(f"{name}_one_threshold", make, bits, **{key: 0.3}, num_thresholds=1)
        case(f"{name}_two_thresholds", make, ties, **{key: 0.3}, num_thresholds=2)
        case(f"{name}_none", make, no_positives, **{key: 0.5})
    case("pearson_one_batch", K.PearsonCorrelation, related, (5, 3), weighted=False, axis=0)
    case("concordance_one_batch", K.ConcordanceCorrelation, related, (5, 3), weighted=False, axis=0)
    # Whole numbers as weights are the same in Keras, which cuts them; so `dtype` is a float here.
    floats = {"dtype": "float32"}
    case("iou", K.IoU, labels, (ROWS,), num_classes=3, target_class_ids=[0, 2], **floats)
    case("iou_whole_numbers", K.IoU, labels, (ROWS,), weighted=False, num_classes=3, target_class_ids=[1])
    case("iou_flat", K.IoU, labels, (ROWS, 2), weighted=False, num_classes=3, target_class_ids=[0], **floats)
    case("iou_ignored", K.IoU, labels, (ROWS,), num_classes=3, target_class_ids=[0, 1], ignore_class=1, **floats)
    case("iou_out_of_range", K.IoU, labels, (ROWS,), num_classes=2, target_class_ids=[0, 1], **floats)
    case("mean_iou", K.MeanIoU, labels, (ROWS,), num_classes=4, **floats)
    case("mean_iou_probabilities", K.MeanIoU, numbers, num_classes=4, sparse_y_pred=False, **floats)
    case("mean_iou_both", K.MeanIoU, classes, num_classes=4, sparse_y_pred=False, sparse_y_true=False, **floats)
    case("one_hot_iou", K.OneHotIoU, classes, num_classes=4, target_class_ids=[0, 3], **floats)
    case("one_hot_iou_ids", K.OneHotIoU, lambda s, h: (one_hot(s, h), numbers(s, h)[0]), num_classes=4,
         target_class_ids=[1, 2], sparse_y_pred=True, **floats)  # fmt: skip
    case("one_hot_mean_iou", K.OneHotMeanIoU, classes, num_classes=4, **floats)
    case("binary_iou", K.BinaryIoU, bits, (ROWS,), **floats)
    case("binary_iou_ties", K.BinaryIoU, ties, (ROWS,), target_class_ids=[1], threshold=0.25, **floats)


if __name__ == "__main__":
    all_cases()
    golden.write("metrics.json", CASES)
