"""The models of `random_models.py`: from a number, a network of Keras with its data.

Every model takes the next words of each list below, which are shuffled once and dealt like cards, so that 60 models
have them all, in ever new company. Number and seed decide everything.
"""

import itertools

import golden  # noqa: F401  (sets Keras up)
import keras
import numpy as np
import tensorflow as tf
from keras import constraints as C
from keras import initializers as I
from keras import layers as L
from keras import losses as LO
from keras import metrics as M
from keras import optimizers as O
from keras import regularizers as R
from keras.optimizers import schedules as S

ROWS, BATCH, CLASSES = 80, 32, 4

# Left out, with the reason.
LEFT_OUT = {
    "sparsemax": "Keras on TensorFlow is wrong where more than one output is above 0",
    "threshold": "no word without arguments: Keras's files cannot say it",
}


def with_a_copy(update_step):
    """ScheduleFreeAdamW of Keras on TensorFlow takes the momentum after the step for the one before, which it means
    to keep: `.value`, which it reads first, is the variable itself. Here it is a copy, and Keras computes its own
    formula."""

    def corrected(self, gradient, weight, rate):
        momentum = self._momentums[self._get_variable_index(weight)]
        variable, reads = type(momentum), []
        kept = variable.value

        def value(read):
            if read is momentum and not reads:
                reads.append(read)
                return tf.identity(kept.fget(read))
            return kept.fget(read)

        variable.value = property(value)
        try:
            return update_step(self, gradient, weight, rate)
        finally:
            del variable.value

    return corrected


O.ScheduleFreeAdamW.update_step = with_a_copy(O.ScheduleFreeAdamW.update_step)

ACTIVATIONS = (
    "linear relu relu6 leaky_relu elu selu celu softplus softsign sigmoid log_sigmoid tanh exponential silu swish"
    " gelu mish hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink tanh_shrink squareplus sparse_plus"
    " sparse_sigmoid softmax log_softmax"
).split()

# Of these, a constant that is added before is a constant behind: a bias ahead of a normalization has no gradient.
SHIFTABLE = {"linear"}

INITIALIZERS = [
    lambda: "glorot_uniform",
    lambda: "glorot_normal",
    lambda: "he_uniform",
    lambda: "he_normal",
    lambda: "lecun_normal",
    lambda: "lecun_uniform",
    lambda: I.RandomNormal(0.0, 0.4),
    lambda: I.RandomUniform(-0.5, 0.5),
    lambda: I.TruncatedNormal(0.1, 0.4),
    lambda: I.VarianceScaling(1.5, "fan_out", "untruncated_normal"),
    lambda: I.Orthogonal(0.9),
    lambda: I.Identity(),
]
BIAS_INITIALIZERS = [lambda: "zeros", lambda: "ones", lambda: I.Constant(0.2), lambda: I.RandomNormal(0.0, 0.1)]

REGULARIZERS = [
    lambda: None,
    lambda: "l1",
    lambda: "l2",
    lambda: R.L1(0.002),
    lambda: R.L2(0.01),
    lambda: R.L1L2(0.001, 0.003),
    lambda: R.OrthogonalRegularizer(0.02),
    lambda: R.OrthogonalRegularizer(0.03, mode="columns"),
    lambda: None,
]

CONSTRAINTS = [
    lambda: None,
    lambda: C.MaxNorm(1.1),
    lambda: "non_neg",
    lambda: None,
    lambda: C.UnitNorm(axis=1),
    lambda: C.MinMaxNorm(0.4, 1.3, rate=0.8),
    lambda: "max_norm",
    lambda: None,
    lambda: C.MaxNorm(1.4, axis=[0, 1]),
    lambda: "unit_norm",
]

RATES = {
    "Adadelta": 1.0,
    "Adafactor": 0.02,
    "Adagrad": 0.03,
    "Adam": 0.005,
    "AdamW": 0.005,
    "Adamax": 0.006,
    "Ftrl": 0.05,
    "Lamb": 0.005,
    "Lion": 0.002,
    "Muon": 0.02,
    "Nadam": 0.005,
    "RMSprop": 0.003,
    "SGD": 0.03,
    "ScheduleFreeAdamW": 0.005,
}

# Their own keys, of one optimizer in two.
OWN = {
    "Adadelta": {"rho": 0.9},
    "Adafactor": {"clip_threshold": 0.7},
    "Adagrad": {"initial_accumulator_value": 0.2},
    "Adam": {"amsgrad": True},
    "AdamW": {"amsgrad": True, "beta_2": 0.98},
    "Adamax": {"beta_1": 0.8},
    "Ftrl": {"l1_regularization_strength": 0.01, "beta": 0.1},
    "Lamb": {"beta_1": 0.8},
    "Lion": {"beta_1": 0.8},
    "Muon": {"nesterov": False},
    "Nadam": {"beta_2": 0.99},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "SGD": {"momentum": 0.7, "nesterov": True},
    "ScheduleFreeAdamW": {"warmup_steps": 3},
}

# Of fifteen steps.
SCHEDULES = [
    lambda rate: rate,
    lambda rate: S.PolynomialDecay(rate, 5, rate / 4, power=2.0, cycle=True),
    lambda rate: S.PiecewiseConstantDecay([3, 8], [rate, rate / 2, rate / 5]),
    lambda rate: rate,
    lambda rate: S.CosineDecay(rate / 3, 12, alpha=0.1, warmup_target=rate, warmup_steps=4),
    lambda rate: S.CosineDecayRestarts(rate, 4, t_mul=1.5, m_mul=0.8, alpha=0.2),
    lambda rate: S.ExponentialDecay(rate, 6, 0.7),
    lambda rate: rate,
    lambda rate: S.InverseTimeDecay(rate, 4, 0.5, staircase=True),
]
CLIPPING = [{}, {"clipnorm": 0.3}, {}, {"global_clipnorm": 0.5}, {"clipvalue": 0.1}]
DECAYS = [{}, {"weight_decay": 0.05}, {}]
AVERAGES = [
    {},
    {"use_ema": True, "ema_momentum": 0.6},
    {},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 4},
]
# Two epochs are six steps: with four the file is written in the midst of a sum.
ACCUMULATIONS = [{}, {"gradient_accumulation_steps": 2}, {}, {"gradient_accumulation_steps": 4}, {}]


class Deck:
    """A list, shuffled once by its name, of which model `index` draws one card after the other."""

    def __init__(self, name, cards, hand):
        self.cards = list(cards)
        golden.random(name).shuffle(self.cards)
        self.hand = hand

    def draw(self, index):
        for i in range(10**6):
            yield self.cards[(index * self.hand + i) % len(self.cards)]


# The cards of a trunk's layers; `Trunk` has a method for each.
BLOCKS = (
    "dense dense dense activation re_lu leaky_re_lu elu p_re_lu softmax batch_norm layer_norm group_norm rms_norm"
    " unit_norm spectral dropout alpha_dropout gaussian_dropout gaussian_noise activity identity rescaling reshape"
    " repeat permute batch_norm_3 nest"
).split()
MERGES = "Add Subtract Multiply Average Maximum Minimum Concatenate Dot".split()
FRONTS = (
    "numbers numbers rank_3 tokens numbers masked lookup bins numbers encoding normalized hashing words numbers"
    " moments"
).split()

DECKS = {
    "activations": Deck("activations", ACTIVATIONS, 3),
    "initializers": Deck("initializers", INITIALIZERS, 3),
    "biases": Deck("biases", BIAS_INITIALIZERS, 3),
    "regularizers": Deck("regularizers", REGULARIZERS, 2),
    "constraints": Deck("constraints", CONSTRAINTS, 3),
    "optimizers": Deck("optimizers", RATES, 1),
    "schedules": Deck("schedules", SCHEDULES, 1),
    "clipping": Deck("clipping", CLIPPING, 1),
    "decays": Deck("decays", DECAYS, 1),
    "averages": Deck("averages", AVERAGES, 1),
    "accumulations": Deck("accumulations", ACCUMULATIONS, 1),
    "blocks": Deck("blocks", BLOCKS, 4),
    "merges": Deck("merges", MERGES, 1),
    "fronts": Deck("fronts", FRONTS, 1),
}


class Trunk:
    """Layers one behind the other, and what is known of the value behind them."""

    def __init__(self, deal, source, index):
        self.deal, self.source, self.index = deal, source, index
        self.layers, self.shape, self.shifted = [], (), False

    def put(self, layer, shape=None):
        self.layers.append(layer)
        self.shape = shape or self.shape

    def units(self):
        return int(self.source.integers(4, 9))

    def steady(self):
        """No bias straight ahead of what comes."""
        if self.shifted:
            self.put(L.Activation("tanh"))
            self.shifted = False

    def dense(self, plain=False, units=None, activation=None, **said):
        units = units or self.units()
        if not plain:
            said |= {"kernel_initializer": next(self.deal["initializers"])()}
            said |= {"kernel_regularizer": next(self.deal["regularizers"])()}
            said |= {"kernel_constraint": next(self.deal["constraints"])()}
            said |= {"bias_initializer": next(self.deal["biases"])()} if said.get("use_bias", True) else {}
            activation = activation or next(self.deal["activations"])
            if self.index % 5 == 2 and said.get("use_bias", True):
                said |= {"bias_regularizer": "l2", "activity_regularizer": R.L2(0.002)}
        self.put(L.Dense(units, activation=activation, **said), (*self.shape[:-1], units))
        self.shifted = (activation or "linear") in SHIFTABLE and (said.get("use_bias", True) or self.shifted)

    def activation(self):
        word = next(self.deal["activations"])
        self.put(L.Activation(word))
        self.shifted &= word in SHIFTABLE

    def curve(self, layer):
        self.put(layer)
        self.shifted = False

    def re_lu(self):
        self.curve(L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.05))

    def leaky_re_lu(self):
        self.curve(L.LeakyReLU(negative_slope=0.15))

    def elu(self):
        self.curve(L.ELU(alpha=0.7))

    def p_re_lu(self):
        self.curve(L.PReLU(alpha_initializer=I.Constant(0.2), alpha_regularizer="l2"))

    def softmax(self):
        self.curve(L.Softmax())
        self.dense(plain=True, activation="tanh")

    def batch_norm(self):
        self.steady()
        self.dense(use_bias=False, activation="linear")
        self.steady()
        said = [{}, {"center": False}, {"scale": False}, {"momentum": 0.7, "epsilon": 0.01}][self.index % 4]
        said |= {"gamma_regularizer": "l2"} if self.index % 4 == 3 else {}
        self.put(L.BatchNormalization(**said))
        self.shifted = True
        self.activation()

    def batch_norm_3(self):
        if len(self.shape) == 2:
            self.steady()
            self.put(L.BatchNormalization(axis=1, momentum=0.8))
            self.shifted = True

    def layer_norm(self):
        self.dense(activation="linear")
        said = [{}, {"center": False}, {"scale": False, "epsilon": 0.01}][self.index % 3]
        self.put(L.LayerNormalization(**said))
        self.shifted = True
        self.activation()

    def group_norm(self):
        self.dense(plain=True, units=8)
        self.put(L.GroupNormalization(groups=2))
        self.shifted = True

    def rms_norm(self):
        self.put(L.RMSNormalization())

    def unit_norm(self):
        self.put(L.UnitNormalization())

    def spectral(self):
        units = self.units()
        dense = L.Dense(units, activation=next(self.deal["activations"]))
        self.put(L.SpectralNormalization(dense, power_iterations=1 + self.index % 2), (*self.shape[:-1], units))
        self.shifted = True

    def dropout(self):
        self.put(L.Dropout(0.0))

    def alpha_dropout(self):
        self.put(L.AlphaDropout(0.0))

    def gaussian_dropout(self):
        self.put(L.GaussianDropout(0.0))

    def gaussian_noise(self):
        self.put(L.GaussianNoise(0.0))

    def activity(self):
        self.put(L.ActivityRegularization(l1=0.001, l2=0.002))

    def identity(self):
        self.put(L.Identity())

    def rescaling(self):
        self.put(L.Rescaling(0.8, offset=0.1))

    def reshape(self):
        if len(self.shape) == 1:
            self.dense(plain=True, units=8, activation="tanh")
            self.put(L.Reshape((2, -1)), (2, 4))

    def repeat(self):
        if len(self.shape) == 1:
            self.put(L.RepeatVector(2), (2, *self.shape))

    def permute(self):
        if len(self.shape) == 2:
            self.put(L.Permute((2, 1)), self.shape[::-1])

    def nest(self):
        """The next two layers as a model of their own."""
        before, self.layers, shape = self.layers, [], self.shape
        self.dense()
        self.dense(activation="tanh")
        name = f"nested_{len(before)}"
        if self.index % 2:
            nested = keras.Sequential([L.Input(shape), *self.layers], name=name)
        else:
            start = L.Input(shape)
            first = self.layers[0](start)
            nested = keras.Model(start, self.layers[1](first), name=name)
        self.layers = [*before, nested]

    def flatten(self):
        if len(self.shape) > 1:
            self.put(L.Flatten(), (int(np.prod(self.shape)),))


WORDS = ["red", "green", "blue", "grey", "pink"]


def front(kind, source, number):
    """An input, the layers that only it needs, and its data."""
    name = f"in_{number}"

    def drawn(*shape):
        return np.round(source.normal(0, 1, (ROWS, *shape)), 3).astype(np.float32)

    def table(inputs):
        """With a penalty: without one Keras on TensorFlow squares the parts of its gradient one by one."""
        return [L.Embedding(inputs, 3, embeddings_regularizer="l2"), L.Flatten()]

    if kind == "rank_3":
        return L.Input((3, 4), name=name), [], (3, 4), drawn(3, 4)
    if kind == "masked":
        x = drawn(3, 4)
        x[::3, 2] = 0
        return L.Input((3, 4), name=name), [L.Masking(), L.Dense(4, activation="tanh"), L.Flatten()], (12,), x
    if kind == "tokens":
        x = source.integers(0, 6, (ROWS, 2)).astype(np.int32)
        return L.Input((2,), dtype="int32", name=name), table(6), (6,), x
    if kind == "lookup":
        x = source.choice([12, 36, 7, 99, 1, 2], (ROWS, 3)).astype(np.int64)
        layer = L.IntegerLookup(vocabulary=[12, 36, 7, 99], output_mode="multi_hot")
        return L.Input((3,), dtype="int64", name=name), [layer], (5,), x
    if kind == "encoding":
        x = source.integers(0, 6, (ROWS, 3)).astype(np.int32)
        return L.Input((3,), dtype="int32", name=name), [L.CategoryEncoding(6, output_mode="count")], (6,), x
    if kind == "hashing":
        x = source.integers(0, 1000, (ROWS, 2)).astype(np.int64)
        return L.Input((2,), dtype="int64", name=name), [L.Hashing(5), *table(5)], (6,), x
    if kind == "words":
        layers = [L.StringLookup(vocabulary=WORDS[:4], num_oov_indices=2), *table(6)]
        x = source.choice(WORDS, (ROWS, 2)).astype(object)
        return L.Input((2,), dtype="string", name=name), layers, (6,), x
    if kind == "bins":
        layer = L.Discretization(bin_boundaries=[-1.0, -0.3, 0.2, 0.9], output_mode="multi_hot")
        return L.Input((2,), name=name), [layer], (5,), drawn(2)
    if kind == "normalized":
        x = np.round(source.uniform(0, 255, (ROWS, 4))).astype(np.float32)
        layer = L.Normalization()
        layer.adapt(x / np.float32(255))
        return L.Input((4,), name=name), [L.Rescaling(1 / 255), layer], (4,), x
    if kind == "moments":
        layer = L.Normalization(mean=[0.1, -0.2, 0.3], variance=[0.5, 1.5, 2.0])
        return L.Input((3,), name=name), [layer], (3,), drawn(3)
    return L.Input((5,), name=name), [], (5,), drawn(5)


def features(x):
    """Numbers that say what is in an input, whatever its type."""
    if x.dtype.kind in "OU":
        x = np.array([[WORDS.index(word) for word in row] for row in x])
    x = x.reshape(len(x), -1).astype(np.float64)
    return (x - x.mean(0)) / (x.std(0) + 1e-9)


def smooth(source, x, columns):
    kernel = source.normal(0, x.shape[1] ** -0.5, (x.shape[1], columns))
    return np.tanh(x @ kernel + source.normal(0, 0.3, (len(x), 1)))


# Losses by the kind of target: (loss, activation of the head, columns).
def numbers(loss, activation="linear", columns=3):
    return "numbers", loss, activation, columns


def counts(loss, activation, columns=2):
    return "counts", loss, activation, columns


def bits(loss, activation="sigmoid", columns=2):
    return "bits", loss, activation, columns


def hot(loss, activation="softmax"):
    return "hot", loss, activation, CLASSES


def labels(loss, activation="softmax"):
    return "labels", loss, activation, CLASSES


HEADS = [
    lambda: numbers("mse"),
    lambda: hot("categorical_crossentropy"),
    lambda: labels("sparse_categorical_crossentropy"),
    lambda: bits("binary_crossentropy"),
    lambda: numbers("mean_absolute_error", "tanh"),
    lambda: counts("poisson", "softplus"),
    lambda: hot(LO.CategoricalCrossentropy(label_smoothing=0.1)),
    lambda: bits(LO.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=1.5)),
    lambda: numbers(LO.Huber(delta=0.5), columns=1),
    lambda: bits("dice"),
    lambda: hot("kl_divergence"),
    lambda: numbers("log_cosh", "glu", 4),
    lambda: bits(LO.BinaryCrossentropy(from_logits=True, label_smoothing=0.05), "linear", 3),
    lambda: hot(LO.CategoricalFocalCrossentropy(alpha=0.4, gamma=1.5)),
    lambda: counts("msle", "exponential"),
    lambda: labels(LO.SparseCategoricalCrossentropy(from_logits=True), "linear"),
    lambda: numbers(LO.CosineSimilarity(), "tanh"),
    lambda: bits("hinge", "tanh", 1),
    lambda: labels(LO.CategoricalGeneralizedCrossEntropy(q=0.6)),
    lambda: counts("mape", "softplus"),
    lambda: bits(LO.Tversky(alpha=0.4, beta=0.7)),
    lambda: hot("categorical_hinge"),
    lambda: bits("squared_hinge", "tanh"),
    lambda: labels(LO.SparseCategoricalCrossentropy(ignore_class=1)),
    lambda: numbers(LO.MeanSquaredError(reduction="sum"), columns=1),
    lambda: hot(LO.CategoricalCrossentropy(from_logits=True), "linear"),
    lambda: bits("bce", "hard_sigmoid", 1),
    lambda: hot("mse", "sigmoid"),
    lambda: bits(LO.Dice(axis=-1)),
    lambda: bits(LO.Tversky(axis=-1)),
]

BY_VARIANCE = "variance_weighted_average"
METRICS = {
    "numbers": [
        lambda n: "mse",
        lambda n: "mae",
        lambda n: M.RootMeanSquaredError(),
        lambda n: M.R2Score(class_aggregation="uniform_average"),
        lambda n: "mape",
        lambda n: M.LogCoshError(),
        lambda n: M.CosineSimilarity() if n > 1 else "mae",
        lambda n: M.PearsonCorrelation() if n > 2 else "mae",
        lambda n: M.ConcordanceCorrelation() if n > 2 else "mae",
        # Of several outputs Keras counts each sample several times when it adjusts for regressors.
        lambda n: M.R2Score(**({"num_regressors": 2} if n == 1 else {"class_aggregation": BY_VARIANCE})),
        lambda n: M.Accuracy(),
    ],
    "counts": [lambda n: "msle", lambda n: M.Poisson(), lambda n: "mae", lambda n: "mse", lambda n: "mape"],
    "bits": [
        lambda n: "acc",
        lambda n: M.BinaryAccuracy(threshold=0.4),
        lambda n: M.AUC(num_thresholds=30),
        lambda n: M.AUC(curve="PR", summation_method="majoring"),
        lambda n: M.AUC(multi_label=True, num_labels=n),
        lambda n: M.Precision(),
        lambda n: M.Recall(thresholds=0.4),
        lambda n: M.TruePositives(),
        lambda n: M.TrueNegatives(),
        lambda n: M.FalsePositives(),
        lambda n: M.FalseNegatives(thresholds=0.6),
        lambda n: M.PrecisionAtRecall(0.6, num_thresholds=50),
        lambda n: M.RecallAtPrecision(0.5),
        lambda n: M.SensitivityAtSpecificity(0.5),
        lambda n: M.SpecificityAtSensitivity(0.4),
        lambda n: M.BinaryCrossentropy(label_smoothing=0.1),
        lambda n: M.BinaryIoU(target_class_ids=[0, 1], threshold=0.5),
        lambda n: M.F1Score(average="macro", threshold=0.5),
        lambda n: M.FBetaScore(average="micro", beta=2.0, threshold=0.4),
        lambda n: M.Hinge(),
        lambda n: M.SquaredHinge(),
    ],
    "hot": [
        lambda n: "accuracy",
        lambda n: M.CategoricalAccuracy(),
        lambda n: M.TopKCategoricalAccuracy(k=2),
        lambda n: M.CategoricalCrossentropy(label_smoothing=0.1),
        lambda n: M.CategoricalHinge(),
        lambda n: M.KLDivergence(),
        lambda n: M.OneHotIoU(num_classes=n, target_class_ids=[0, 2]),
        lambda n: M.OneHotMeanIoU(num_classes=n),
        lambda n: M.F1Score(average="weighted"),
        lambda n: M.FBetaScore(average="macro", beta=0.5),
        lambda n: M.Precision(class_id=1),
        lambda n: M.Recall(top_k=2),
        lambda n: M.AUC(from_logits=False),
    ],
    "labels": [
        lambda n: "acc",
        lambda n: M.SparseCategoricalAccuracy(),
        lambda n: M.SparseTopKCategoricalAccuracy(k=2),
        lambda n: M.SparseCategoricalCrossentropy(),
        lambda n: M.MeanIoU(num_classes=n, sparse_y_pred=False),
        lambda n: M.IoU(num_classes=n, target_class_ids=[0, 1], sparse_y_pred=False),
    ],
}
DECKS |= {f"metrics {kind}": Deck(f"metrics {kind}", cards, 5) for kind, cards in METRICS.items()}
DECKS["heads"] = Deck("heads", HEADS, 1)


def targets(kind, source, x, columns):
    said = smooth(source, x, columns)
    if kind == "numbers":
        return np.round(said, 3).astype(np.float32)
    if kind == "counts":
        return np.round(np.exp(said) + 0.3, 2).astype(np.float32)
    if kind == "bits":
        return (said > 0).astype(np.float32)
    best = np.argmax(said, 1)
    return best.astype(np.int32) if kind == "labels" else np.eye(columns, dtype=np.float32)[best]


# Metrics that do not need probabilities.
OF_ANY = {"acc", "accuracy", "Hinge", "SquaredHinge", "CategoricalAccuracy", "SparseCategoricalAccuracy"}


def metrics(deal, kind, activation, columns, many):
    """Some of this kind; those of probabilities only where there are any."""
    probable = activation in ("sigmoid", "softmax", "hard_sigmoid")
    found, names = [], set()
    for card in itertools.islice(deal[f"metrics {kind}"], len(METRICS[kind])):
        metric = card(columns)
        name = metric if isinstance(metric, str) else type(metric).__name__
        fits = probable or name in OF_ANY or kind in ("numbers", "counts")
        if fits and name not in names and len(found) < many:
            found.append(metric)
            names.add(name)
    return found


def head(deal, number, value, shape):
    kind, loss, activation, columns = next(deal["heads"])()
    units = columns * 2 if activation == "glu" else columns
    if len(shape) > 1:
        value = L.Flatten()(value)
    out = L.Dense(units, activation=activation, name=f"out_{number}")(value)
    return kind, loss, activation, columns, out


def optimizer(deal, index):
    word = next(deal["optimizers"])
    said = {}
    for name in ("clipping", "decays", "averages", "accumulations"):
        said |= next(deal[name])
    if (index // len(RATES)) % 2:
        said |= OWN[word]
    return word, getattr(O, word)(next(deal["schedules"])(RATES[word]), **said)


def make(index, seed=0):
    """The model with this number: compiled, with its data, and what is to be known when it is compared."""
    source = np.random.default_rng([index, seed])
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(index * 1000 + seed)
    deal = {name: deck.draw(index) for name, deck in DECKS.items()}
    kind = ("sequential", "functional", "functional")[index % 3]
    many_inputs = 2 if kind == "functional" and index % 2 else 1
    many_outputs = 2 if kind == "functional" and index % 4 > 1 else 1

    fronts = [front(next(deal["fronts"]), source, number) for number in range(many_inputs)]
    x = [data for *_, data in fronts]
    trunks = []
    for start, layers, shape, _ in fronts:
        trunk = Trunk(deal, source, index)
        trunk.layers, trunk.shape = list(layers), shape
        # A first layer that brings what follows into a usual range.
        trunk.dense(activation=None)
        for _ in range(4 if many_inputs == 1 else 2):
            getattr(trunk, next(deal["blocks"]))()
        if index % 7 == 3 and not any(layer.name == "frozen" for layer in trunk.layers):
            trunk.put(L.Dense(5, activation="tanh", trainable=False), (*trunk.shape[:-1], 5))
        trunk.flatten()
        trunks.append((start, trunk))

    if kind == "sequential":
        start, trunk = trunks[0]
        said = next(deal["heads"])()
        units = said[3] * 2 if said[2] == "glu" else said[3]
        model = keras.Sequential([start, *trunk.layers, L.Dense(units, activation=said[2], name="out_0")])
        heads = [said]
    else:
        values = []
        for start, trunk in trunks:
            value = start
            for layer in trunk.layers:
                value = layer(value)
            values.append(value)
        value = merged(next(deal["merges"]), values, index)
        joint = Trunk(deal, source, index)
        joint.shape = (value.shape[-1],)
        joint.dense()
        getattr(joint, next(deal["blocks"]))()
        joint.flatten()
        for layer in joint.layers:
            value = layer(value)
        found = [head(deal, number, value, joint.shape) for number in range(many_outputs)]
        heads = [one[:4] for one in found]
        starts, ends = [start for start, _ in trunks], [one[4] for one in found]
        if index % 24 == 11:
            # By names, of which Keras takes the order.
            model = keras.Model(dict(zip("ba", starts[::-1])), {"second": ends[1], "first": ends[0]})
        else:
            model = keras.Model(starts, ends)

    flat = np.concatenate([features(data) for data in x], 1)
    y = [targets(said[0], source, flat, said[3]) for said in heads]
    word, rule = optimizer(deal, index)
    chosen = [metrics(deal, said[0], said[2], said[3], 3) for said in heads]
    compile_with = {"optimizer": rule, "loss": heads[0][1], "metrics": chosen[0]}
    if many_outputs > 1:
        outs = ["first", "second"] if index % 24 == 11 else ["out_0", "out_1"]
        compile_with = {"optimizer": rule, "loss": [said[1] for said in heads], "metrics": chosen}
        if index % 8 > 3 or index % 24 == 11:
            compile_with["loss"] = dict(zip(outs, compile_with["loss"]))
            compile_with["metrics"] = dict(zip(outs, chosen))
        by_name = isinstance(compile_with["loss"], dict)
        compile_with["loss_weights"] = dict(zip(outs, [0.7, 1.3])) if by_name else [0.7, 1.3]
    elif heads[0][0] in ("numbers", "counts") and index % 2:
        compile_with["weighted_metrics"] = ["mae"]
    model.compile(**compile_with)
    return {"model": model, "x": x, "y": y, "optimizer": word, "compile": compile_with}


def merged(word, values, index):
    """The branches joined; of a single one, two branches are made."""
    if len(values) == 1:
        shared = L.Dense(5, activation="tanh", name="shared")
        left = L.Dense(5, activation="relu")(values[0])
        values = [shared(left), shared(L.Dense(5, activation="softsign")(values[0]))] if index % 2 else [
            left,
            L.Dense(5, activation="tanh")(values[0]),
        ]
    elif word != "Concatenate":
        values = [L.Dense(5, activation="tanh")(value) for value in values]
    if word == "Dot":
        return L.Dot(axes=1, normalize=index % 2 == 0)(values)
    return getattr(L, word)()(values)


def given(arrays, structure):
    """Inputs or targets as a model takes them: by names, in a list, or a single one without it. Strings are a
    tensor."""
    found = [tf.constant(data) if data.dtype.kind in "OU" else data for data in arrays]
    if isinstance(structure, dict):
        return dict(zip(sorted(structure), found))
    return found[0] if len(found) == 1 else found
