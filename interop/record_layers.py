"""Records single layers of real Keras into crates/vanilla/tests/golden/layers.json: a list of cases, one a line.

name           of the case
layer          the layer as Keras serializes it, before `adapt`
input_shapes   of each input, without the batch axis
rows           the batch axis
inputs         flat, of each input; inputs_int and inputs_text instead of it for integers and strings
adapt_data     what the layer was adapted on: shape and values, dtype unless float32, text for strings
vocabulary, idf_weights, bin_boundaries     what `adapt` or the arguments led to: `get_vocabulary()` and so on
weights        in the order of `layer.weights`: shape, values, trainable, and dtype unless float32
training       the argument of the call
output_shape   without the batch axis, of the one output
output         flat, output_text for strings; output_dtype unless float32
dy             the gradient that comes from behind, flat
dx, dw         gradients of sum(output * dy) + sum(losses), flat: of each input, of each trainable weight.
               SpectralNormalization in training: of the kernel that it has put in place, as Keras does
losses         the sum of `layer.losses` after the call
new_weights    values of all weights after the call, where the call changed one
"""

import itertools

import golden
import keras
import numpy as np
import tensorflow as tf
from golden import normal
from keras import layers as L

CASES = []


def given(source, variable):
    """A value for a weight such that nothing cancels: no zeros, no ones, variances above zero."""
    kind, shape = variable.path.split("/")[-1], variable.shape
    if kind in ("gamma", "scale"):
        return normal(source, shape, 0.3, 1.0)
    if kind == "moving_variance":
        return np.round(source.uniform(0.5, 2.0, shape), 3).astype(np.float32)
    if kind == "alpha":
        return normal(source, shape, 0.1, 0.25)
    return normal(source, shape, 0.6)


def serialized(layer):
    return keras.saving.serialize_keras_object(layer)


def shape_of(array):
    return list(array.shape[1:])


def add(record):
    """Keeps a case; the next layer of its kind gets the first name again."""
    CASES.append(record)
    keras.utils.clear_session(free_memory=False)


def case(name, layer, *shapes, rows=4, training=False, inputs=None, adapt=None, after=None):
    """A layer of floats. `after` changes the built layer before its weights are recorded."""
    source = golden.random(name)
    if inputs is None:
        inputs = [normal(source, (rows, *shape)) for shape in shapes]
    inputs = [np.asarray(value, np.float32) for value in inputs]
    record = {"name": name, "layer": None, "input_shapes": [shape_of(value) for value in inputs]}
    record |= {"rows": len(inputs[0]), "inputs": inputs}
    if adapt is not None:
        layer.build((None, *shape_of(inputs[0])))
        record["layer"] = serialized(layer)
        layer.adapt(adapt)
        record["adapt_data"] = golden.tensor(adapt)
    else:
        symbols = [keras.Input(shape_of(value)) for value in inputs]
        layer(symbols if len(symbols) > 1 else symbols[0])
        for variable in layer.weights if not isinstance(layer, L.Normalization) else []:
            variable.assign(given(source, variable))
        if after:
            after(layer)
        record["layer"] = serialized(layer)

    trainable = layer.trainable_weights
    record["weights"] = [
        {**golden.tensor(np.asarray(w)), "trainable": any(w is t for t in trainable)} for w in layer.weights
    ]
    record["training"] = training
    before = [np.asarray(w) for w in layer.weights]
    tensors = [tf.constant(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = layer(tensors if len(tensors) > 1 else tensors[0], training=training)
        dy = normal(source, output.shape, digits=2)
        penalty = tf.add_n(layer.losses) if layer.losses else tf.constant(0.0)
        total = tf.reduce_sum(tf.cast(output, tf.float32) * dy) + penalty
    record |= {"output_shape": shape_of(output), "output": np.asarray(output)}
    if isinstance(layer, L.Discretization):
        record["bin_boundaries"] = layer.bin_boundaries
    if not output.dtype.is_floating:
        record["output_dtype"] = output.dtype.name
        add(record)
        return
    dx, dw = tape.gradient(total, [tensors, [w.value for w in trainable]])
    record["dy"] = dy
    if all(d is not None for d in dx):
        record["dx"] = [tf.convert_to_tensor(d).numpy() for d in dx]
    record["dw"] = [tf.convert_to_tensor(d).numpy() for d in dw]
    record["losses"] = penalty.numpy()
    after_call = [np.asarray(w) for w in layer.weights]
    if any(not np.array_equal(a, b) for a, b in zip(before, after_call)):
        record["new_weights"] = after_call
    add(record)


def lookup(name, layer, inputs, adapt=None, kind=None):
    """A layer of integers or strings: no gradients, and a state that is no weight."""
    inputs = np.asarray(inputs)
    words = inputs.dtype.kind in "UO"
    record = {"name": name, "layer": serialized(layer), "input_shapes": [shape_of(inputs)], "rows": len(inputs)}
    record["inputs_text" if words else "inputs_int"] = [inputs]
    if adapt is not None:
        record["adapt_data"] = golden.tensor(adapt)
        layer.adapt(tf.constant(adapt))
    if hasattr(layer, "get_vocabulary"):
        record["vocabulary"] = [word if isinstance(word, str) else int(word) for word in layer.get_vocabulary()]
    if getattr(layer, "output_mode", None) == "tf_idf":
        record["idf_weights"] = np.asarray(layer.idf_weights, np.float32)
    output = np.asarray(layer(tf.constant(inputs)))
    record |= {"weights": [], "training": False, "output_shape": shape_of(output)}
    if output.dtype.kind == "O":
        record["output_text"] = [word.decode() for word in output.ravel()]
    else:
        record["output"] = output
        if output.dtype != np.float32:
            record["output_dtype"] = output.dtype.name
    add(record)


ACTIVATIONS = (
    "linear relu relu6 leaky_relu elu selu celu softplus softsign softmax log_softmax sigmoid log_sigmoid tanh "
    "exponential silu swish gelu mish hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink "
    "tanh_shrink squareplus sparse_plus sparse_sigmoid sparsemax glu"
).split()

# Where pieces of activations meet, and far out.
KINKS = [[-20.0, -6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0], [20.0, 6.0, 3.0, 2.5, -0.0, -2.5, 1e-4, -1e-4]]


def dense():
    case("dense", L.Dense(3), [4])
    for name in ACTIVATIONS:
        case(f"dense_{name}", L.Dense(4, activation=name), [3], rows=3)
    case("dense_without_bias", L.Dense(3, use_bias=False), [4])
    case("dense_one_unit", L.Dense(1), [5], rows=3)
    case("dense_one_row", L.Dense(3, activation="tanh"), [2], rows=1)
    case("dense_rank_3", L.Dense(2, activation="sigmoid"), [3, 4], rows=2)
    case("dense_rank_4", L.Dense(3, activation="softmax"), [2, 2, 3], rows=2)
    case("dense_kernel_l2", L.Dense(3, kernel_regularizer=keras.regularizers.L2(0.03)), [4])
    case(
        "dense_kernel_l1_bias_l2",
        L.Dense(3, kernel_regularizer=keras.regularizers.L1(0.02), bias_regularizer="l2"),
        [4],
    )
    case("dense_kernel_l1l2", L.Dense(3, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02)), [4])
    for mode in ("rows", "columns"):
        regularizer = keras.regularizers.OrthogonalRegularizer(0.05, mode=mode)
        case(f"dense_kernel_orthogonal_{mode}", L.Dense(3, kernel_regularizer=regularizer), [4])
    case(
        "dense_activity_l2",
        L.Dense(3, activation="relu", activity_regularizer=keras.regularizers.L2(0.05)),
        [4],
        rows=5,
    )
    case("dense_activity_l1_rank_3", L.Dense(2, activity_regularizer=keras.regularizers.L1(0.05)), [3, 4], rows=2)
    both = {"kernel_regularizer": "l1", "activity_regularizer": keras.regularizers.L1L2(0.01, 0.02)}
    case("dense_kernel_and_activity", L.Dense(3, activation="softmax", **both), [4], training=True)
    case("dense_frozen", L.Dense(3, kernel_regularizer="l2", trainable=False), [4], training=True)


def activations():
    for name in ACTIVATIONS:
        case(f"activation_{name}", L.Activation(name), [6], rows=3)
        case(f"activation_{name}_kinks", L.Activation(name), inputs=[KINKS])
    case("activation_softmax_rank_3", L.Activation("softmax"), [2, 3], rows=2)

    kinks = [[-3.0, -1.5, -0.5, -0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]]
    for most, slope, threshold in itertools.product((None, 2.0, 0.5), (0.0, 0.25), (0.0, 0.5, 1.5)):
        layer = L.ReLU(max_value=most, negative_slope=slope, threshold=threshold)
        case(f"relu_{most}_{slope}_{threshold}", layer, inputs=[kinks])
    case("relu_rank_3", L.ReLU(), [2, 3])
    case("leaky_relu", L.LeakyReLU(), inputs=[kinks])
    case("leaky_relu_slope", L.LeakyReLU(negative_slope=0.1), [2, 3])
    case("elu", L.ELU(), inputs=[kinks])
    case("elu_alpha", L.ELU(alpha=0.4), [4])
    case("prelu", L.PReLU(), [5])
    case("prelu_kinks", L.PReLU(), inputs=[kinks])
    case("prelu_rank_3", L.PReLU(), [2, 3])
    case("prelu_shared_first", L.PReLU(shared_axes=[1]), [2, 3])
    case("prelu_shared_second", L.PReLU(shared_axes=[2]), [2, 3])
    case("prelu_shared_both", L.PReLU(shared_axes=[1, 2]), [2, 3])
    case("prelu_regularized", L.PReLU(alpha_regularizer="l2", alpha_constraint="non_neg"), [5])
    case("softmax", L.Softmax(), [5])
    case("softmax_far_out", L.Softmax(), inputs=[[[1000.0, 0.0, -1000.0], [88.0, 89.0, 90.0], [0.0, 0.0, 0.0]]])
    case("softmax_last_of_rank_3", L.Softmax(), [3, 2])
    case("softmax_axis_1_of_rank_3", L.Softmax(axis=1), [3, 2])


def reshaping():
    case("flatten", L.Flatten(), [2, 3])
    case("flatten_rank_2", L.Flatten(), [3], rows=2)
    case("flatten_rank_4", L.Flatten(), [2, 3, 2], rows=2)
    case("reshape", L.Reshape((3, 2)), [6], rows=2)
    case("reshape_rest", L.Reshape((-1, 2)), [2, 4], rows=2)
    case("reshape_flat", L.Reshape((-1,)), [2, 3], rows=2)
    case("permute_2_1", L.Permute((2, 1)), [2, 3], rows=2)
    case("permute_3_1_2", L.Permute((3, 1, 2)), [2, 3, 4], rows=2)
    case("permute_2_3_1", L.Permute((2, 3, 1)), [2, 3, 4], rows=2)
    case("repeat_vector", L.RepeatVector(3), [4], rows=2)
    case("identity", L.Identity(), [2, 3], rows=2)


def masking():
    source = golden.random("masking")
    x = normal(source, (3, 4, 2))
    x[0, 1], x[1, 3], x[2, :2] = 0, 0, 0
    x[2, 3, 0] = 0  # one zero alone masks nothing
    case("masking", L.Masking(), inputs=[x])
    x = normal(source, (2, 3, 2))
    x[0, 0], x[1, 2] = -1, -1
    case("masking_value", L.Masking(mask_value=-1.0), inputs=[x])


def regularization():
    for kind, word in (
        (L.Dropout, "rate"),
        (L.AlphaDropout, "rate"),
        (L.GaussianDropout, "rate"),
        (L.GaussianNoise, "stddev"),
    ):
        name = kind.__name__.lower()
        case(f"{name}_0_training", kind(**{word: 0.0}), [4], training=True)
        case(f"{name}_0.3_inference", kind(**{word: 0.3}), [4])
    case("dropout_1_training", L.Dropout(1.0), [4], training=True)
    for rows in (2, 5):
        case(f"activity_l1_{rows}_rows", L.ActivityRegularization(l1=0.1), [4], rows=rows)
        case(f"activity_l2_{rows}_rows", L.ActivityRegularization(l2=0.2), [4], rows=rows, training=True)
    case("activity_l1_l2_rank_3", L.ActivityRegularization(l1=0.1, l2=0.2), [3, 2], rows=3)


def normalization():
    for training in (False, True):

        def bn(name, shape, rows=5, training=training, **keys):
            when = "training" if training else "inference"
            layer = L.BatchNormalization(**keys)
            case(f"batchnorm_{name}{when}", layer, shape, rows=rows, training=training)

        bn("", [3])
        bn("momentum_epsilon_", [3], momentum=0.8, epsilon=0.01)
        bn("no_center_", [3], center=False)
        bn("no_scale_", [3], scale=False)
        bn("bare_", [3], center=False, scale=False)
        bn("rank_3_", [2, 3], rows=3)
        bn("axis_1_of_rank_3_", [2, 3], rows=3, axis=1)
        bn("rank_4_", [2, 2, 3], rows=2)
        bn("regularized_", [3], gamma_regularizer="l2", beta_regularizer="l1")
        bn("frozen_", [3], trainable=False)
    case("batchnorm_one_row_training", L.BatchNormalization(), [3], rows=1, training=True)
    far = normal(golden.random("far"), (6, 2)) + np.float32(100)
    case("batchnorm_far_from_zero_training", L.BatchNormalization(), inputs=[far], training=True)

    def ln(name, shape, rows=3, **keys):
        case(f"layernorm{name}", L.LayerNormalization(**keys), shape, rows=rows)

    ln("", [4])
    ln("_no_center", [4], center=False)
    ln("_no_scale", [4], scale=False)
    ln("_bare", [4], center=False, scale=False)
    ln("_epsilon", [4], epsilon=0.1)
    ln("_rank_3", [2, 3])
    ln("_axis_1", [3, 2], axis=1)
    ln("_axes_1_2", [2, 3], axis=[1, 2])
    ln("_one_column", [1])
    ln("_regularized", [4], gamma_regularizer="l1", beta_regularizer="l2")

    case("rmsnorm", L.RMSNormalization(), [4])
    case("rmsnorm_epsilon", L.RMSNormalization(epsilon=0.1), [4])
    case("rmsnorm_rank_3", L.RMSNormalization(), [2, 3], rows=2)
    # No axis but the last alone: Keras multiplies by the scale as if it stood there.
    case("rmsnorm_axes_1_2", L.RMSNormalization(axis=[1, 2]), [3, 2], rows=2)

    for groups in (1, 2, -1):
        case(f"groupnorm_{groups}", L.GroupNormalization(groups=groups), [4])
        case(f"groupnorm_{groups}_rank_3", L.GroupNormalization(groups=groups), [3, 4], rows=2)
    case("groupnorm_2_bare", L.GroupNormalization(groups=2, center=False, scale=False), [4])
    case("groupnorm_3_epsilon", L.GroupNormalization(groups=3, epsilon=0.05), [6])
    case("groupnorm_2_axis_1", L.GroupNormalization(groups=2, axis=1), [4, 3], rows=2)

    case("unitnorm", L.UnitNormalization(), [4])
    case("unitnorm_zero_row", L.UnitNormalization(), inputs=[[[0.0, 0.0, 0.0], [3.0, 0.0, -4.0]]])
    case("unitnorm_rank_3", L.UnitNormalization(), [2, 3], rows=2)
    case("unitnorm_axis_1", L.UnitNormalization(axis=1), [2, 3], rows=2)
    case("unitnorm_axes_1_2", L.UnitNormalization(axis=[1, 2]), [2, 3], rows=2)

    for power in (1, 3):
        for training in (False, True):
            name = f"spectral_{power}_{'training' if training else 'inference'}"
            case(name, L.SpectralNormalization(L.Dense(3), power_iterations=power), [4], training=training)
    inner = L.Dense(3, activation="tanh", use_bias=False, kernel_regularizer="l2")
    case("spectral_regularized_training", L.SpectralNormalization(inner), [4], training=True)

    def zero(layer):
        layer.kernel.assign(np.zeros((4, 3), np.float32))

    case("spectral_zero_kernel_training", L.SpectralNormalization(L.Dense(3)), [4], training=True, after=zero)


def merging():
    ties = [[[1.0, 2.0, -1.0, 0.0]], [[1.0, 1.0, -1.0, 0.5]], [[1.0, 2.0, -3.0, 0.5]]]
    for kind in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum):
        name = kind.__name__.lower()
        case(f"{name}_2", kind(), [3], [3], rows=3)
        case(f"{name}_rank_3", kind(), [2, 3], [2, 3], rows=2)
        case(f"{name}_broadcast", kind(), [2, 3], [1, 3], rows=2)
        if kind is not L.Subtract:
            case(f"{name}_3", kind(), [3], [3], [3], rows=3)
        if kind in (L.Maximum, L.Minimum):
            case(f"{name}_ties_2", kind(), inputs=ties[:2])
            case(f"{name}_ties_3", kind(), inputs=ties)
    case("concatenate_2", L.Concatenate(), [2], [3], rows=3)
    case("concatenate_3", L.Concatenate(), [2], [1], [3], rows=3)
    case("concatenate_rank_3", L.Concatenate(), [2, 2], [2, 3], rows=2)
    case("concatenate_axis_1", L.Concatenate(axis=1), [2, 3], [1, 3], rows=2)
    case("dot", L.Dot(axes=1), [4], [4])
    case("dot_normalized", L.Dot(axes=1, normalize=True), [4], [4])
    case("dot_1_1_rank_3", L.Dot(axes=1), [3, 2], [3, 4], rows=2)
    case("dot_2_1", L.Dot(axes=(2, 1)), [2, 3], [3, 4], rows=2)
    case("dot_1_2", L.Dot(axes=(1, 2)), [3, 2], [4, 3], rows=2)
    case("dot_2_2", L.Dot(axes=(2, 2)), [2, 3], [4, 3], rows=2)
    case("dot_2_2_normalized", L.Dot(axes=(2, 2), normalize=True), [2, 3], [4, 3], rows=2)
    case("dot_2_1_of_rank_3_and_2", L.Dot(axes=(2, 1)), [2, 3], [3], rows=2)


def embedding():
    words = [[0.0, 2.0, 2.0], [4.0, 1.0, 0.0]]
    case("embedding", L.Embedding(5, 2), inputs=[words])
    case("embedding_one_column", L.Embedding(5, 3), inputs=[[[1.0], [4.0]]])
    case("embedding_regularized", L.Embedding(5, 2, embeddings_regularizer="l2"), inputs=[words])
    case("embedding_mask_zero", L.Embedding(5, 2, mask_zero=True), inputs=[words])


def preprocessing():
    case("rescaling", L.Rescaling(1 / 255), [4])
    case("rescaling_offset", L.Rescaling(2.0, offset=-1.0), [2, 3], rows=2)
    case("rescaling_lists", L.Rescaling([0.5, 2.0, -1.0], offset=[1.0, 0.0, -2.0]), [3])

    source = golden.random("normalization data")
    data = normal(source, (9, 3), 2.0, 1.0)
    data[:, 1] = 0.5  # no variance
    case("normalization", L.Normalization(), [3], adapt=data)
    case("normalization_invert", L.Normalization(invert=True), [3], adapt=data)
    case("normalization_axis_none", L.Normalization(axis=None), [3], adapt=data)
    case("normalization_rank_3", L.Normalization(), [2, 3], adapt=normal(source, (5, 2, 3), 2.0, 1.0))
    case(
        "normalization_axis_1_of_rank_3",
        L.Normalization(axis=1),
        [2, 3],
        adapt=normal(source, (5, 2, 3), 2.0, 1.0),
    )
    case("normalization_axes_1_2", L.Normalization(axis=(1, 2)), [2, 3], adapt=normal(source, (5, 2, 3), 2.0, 1.0))
    moments = {"mean": [0.5, -1.0, 2.0], "variance": [4.0, 0.25, 0.0]}
    case("normalization_given", L.Normalization(**moments), [3])
    case("normalization_given_invert", L.Normalization(**moments, invert=True), [3])
    case("normalization_given_scalar", L.Normalization(axis=None, mean=0.5, variance=4.0), [3])

    bounds = [-1.0, 0.0, 0.5, 2.0]
    edges = [[-1.0, -1.5, 0.25], [0.0, 0.5, 2.0], [3.0, -0.5, 1.0]]
    for mode in ("int", "one_hot", "multi_hot", "count"):
        case(f"discretization_{mode}", L.Discretization(bin_boundaries=bounds, output_mode=mode), inputs=[edges])
    case(
        "discretization_one_hot_column",
        L.Discretization(bounds, output_mode="one_hot"),
        inputs=[[[-2.0], [0.0], [9.0]]],
    )
    data = normal(source, (50, 1), 2.0)
    case("discretization_adapted", L.Discretization(num_bins=4), [2], adapt=data)
    case("discretization_adapted_one_hot", L.Discretization(num_bins=3, output_mode="one_hot"), [1], adapt=data)
    case("discretization_adapted_coarse", L.Discretization(num_bins=5, epsilon=0.1), [2], adapt=data)
    case("discretization_adapted_few", L.Discretization(num_bins=4), [2], adapt=data[:3])


def integers_and_words():
    tokens = [[0, 2, 2], [4, 1, 0], [3, 3, 3]]
    for mode in ("one_hot", "multi_hot", "count"):
        lookup(f"category_{mode}", L.CategoryEncoding(5, output_mode=mode), tokens)
        lookup(f"category_{mode}_column", L.CategoryEncoding(5, output_mode=mode), [[0], [4], [2]])

    numbers, known = [[12, 36, 7], [1138, 12, 42], [0, -5, 36]], [12, 36, 1138, 42]
    words = [["cat", "dog", "newt"], ["", "owl", "cat"], ["bird", "dog", "köter"]]
    animals = ["cat", "dog", "bird", "owl"]
    document_weights = [0.5, 1.25, 2.0, 0.75]
    seen_numbers = [[5, 5, 9, 0], [9, 5, 7, 7], [7, 1, 0, 0]]
    seen_words = [["b", "b", "a", "d"], ["a", "c", "", "b"], ["c", "d", "x", "y"]]
    new_numbers, new_words = [[5, 7, 3], [0, 9, 100]], [["b", "a", "z"], ["", "c", "y"]]
    for kind, inputs, vocabulary, seen, new, mask in (
        (L.IntegerLookup, numbers, known, seen_numbers, new_numbers, 0),
        (L.StringLookup, words, animals, seen_words, new_words, ""),
    ):
        name = kind.__name__.lower()
        inputs = np.asarray(inputs)
        in_vocabulary = np.resize(np.asarray(vocabulary), (3, 2))
        for oov in (0, 1, 2, 3):
            lookup(
                f"{name}_oov_{oov}",
                kind(vocabulary=vocabulary, num_oov_indices=oov),
                inputs if oov else in_vocabulary,
            )
        for oov in (0, 1, 2):
            layer = kind(vocabulary=vocabulary, num_oov_indices=oov, mask_token=mask)
            lookup(f"{name}_mask_oov_{oov}", layer, inputs if oov else in_vocabulary)
        for mode in ("one_hot", "multi_hot", "count"):
            given = {"vocabulary": vocabulary, "output_mode": mode}
            lookup(f"{name}_{mode}", kind(**given), inputs)
            lookup(f"{name}_{mode}_column", kind(**given), inputs[:, :1])
            lookup(f"{name}_{mode}_mask_oov_2", kind(**given, mask_token=mask, num_oov_indices=2), inputs)
            lookup(f"{name}_{mode}_padded", kind(**given, max_tokens=7, pad_to_max_tokens=True), inputs)
        layer = kind(vocabulary=vocabulary, output_mode="tf_idf", idf_weights=document_weights)
        lookup(f"{name}_tf_idf", layer, inputs)
        lookup(
            f"{name}_salt",
            kind(vocabulary=vocabulary, num_oov_indices=3, oov_method="farmhash", salt=[3, 5]),
            inputs,
        )
        lookup(f"{name}_farmhash", kind(vocabulary=vocabulary, num_oov_indices=3, oov_method="farmhash"), inputs)

        lookup(f"{name}_adapted", kind(), new, adapt=seen)
        lookup(f"{name}_adapted_mask", kind(mask_token=mask), new, adapt=seen)
        lookup(f"{name}_adapted_oov_2", kind(num_oov_indices=2), new, adapt=seen)
        lookup(f"{name}_adapted_max_tokens", kind(max_tokens=4), new, adapt=seen)
        lookup(f"{name}_adapted_multi_hot", kind(output_mode="multi_hot"), new, adapt=seen)
        lookup(f"{name}_adapted_count_mask", kind(output_mode="count", mask_token=mask), new, adapt=seen)
        lookup(f"{name}_adapted_tf_idf", kind(output_mode="tf_idf"), new, adapt=seen)

        indices = np.array([[0, 1, 2], [4, 3, 9]])
        lookup(f"{name}_invert", kind(vocabulary=vocabulary, invert=True), indices)
        lookup(f"{name}_invert_mask", kind(vocabulary=vocabulary, invert=True, mask_token=mask), indices)

    for name, inputs, mask in ("ints", numbers, 12), ("words", words, ""):
        lookup(f"hashing_{name}", L.Hashing(num_bins=7), inputs)
        lookup(f"hashing_{name}_many_bins", L.Hashing(num_bins=1000003), inputs)
        lookup(f"hashing_{name}_mask", L.Hashing(num_bins=5, mask_value=mask), inputs)
        lookup(f"hashing_{name}_salt", L.Hashing(num_bins=7, salt=1337), inputs)
        lookup(f"hashing_{name}_salt_pair", L.Hashing(num_bins=1000003, salt=[133, 137]), inputs)
        for mode in ("one_hot", "multi_hot", "count"):
            lookup(f"hashing_{name}_{mode}", L.Hashing(num_bins=4, output_mode=mode), inputs)
    # One length for each branch of FarmHash, and one over each block of SipHash.
    sizes = (0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 129, 300)
    lengths = [[("Vanilla is fast and exact. " * 12)[:size]] for size in sizes]
    lookup("hashing_lengths", L.Hashing(num_bins=1000003), lengths)
    lookup("hashing_lengths_salt", L.Hashing(num_bins=1000003, salt=[7, 11]), lengths)


def main():
    parts = (dense, activations, reshaping, masking, regularization, normalization, merging, embedding)
    for part in (*parts, preprocessing, integers_and_words):
        part()
    golden.write("layers.json", CASES)


if __name__ == "__main__":
    main()
