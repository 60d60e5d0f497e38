"""Records trainings with every optimizer into crates/vanilla/tests/golden/optimizer_trainings.json.

    record_optimizer_trainings.py [NAME...]     prints the named ones and writes nothing; without names, writes all

The form of a line is that of `record_trainings.py`. Every name has six parts (optimizer, schedule, clipping, decay,
average, accumulation), and every two values of two parts occur together in some training. ScheduleFreeAdamW is not
among them: on TensorFlow Keras misses its formula. Twelve steps with clipped gradients are few, so the loss need not fall.
"""

import itertools
import sys

import golden
import record_trainings
from keras import layers as L
from keras import optimizers as K
from keras.optimizers import schedules as S
from trainings import regression

RATES = {
    "Adadelta": 2.0,
    "Adafactor": 0.1,
    "Adagrad": 0.1,
    "Adam": 0.02,
    "AdamW": 0.02,
    "Adamax": 0.02,
    "Ftrl": 0.2,
    "Lamb": 0.02,
    "Lion": 0.01,
    "Muon": 0.1,
    "Nadam": 0.02,
    "RMSprop": 0.01,
    "SGD": 0.1,
}

# Of a few steps; a training has twelve.
SCHEDULES = {
    "constant": lambda rate: rate,
    "polynomial": lambda rate: S.PolynomialDecay(rate, 5, rate / 4, power=2.0, cycle=True),
    "piecewise": lambda rate: S.PiecewiseConstantDecay([3, 8], [rate, rate / 2, rate / 5]),
    "cosine": lambda rate: S.CosineDecay(rate / 3, 8, alpha=0.1, warmup_target=rate, warmup_steps=3),
    "restarts": lambda rate: S.CosineDecayRestarts(rate, 3, t_mul=1.5, m_mul=0.8, alpha=0.2),
}

CLIPPING = {
    "unclipped": {},
    "clipnorm": {"clipnorm": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.4},
    "clipvalue": {"clipvalue": 0.1},
}
DECAY = {"undecayed": {}, "decay": {"weight_decay": 0.1}}
AVERAGE = {
    "last": {},
    "ema": {"use_ema": True, "ema_momentum": 0.6},
    "overwrite": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
}
ACCUMULATION = {"1": {}, "2": {"gradient_accumulation_steps": 2}, "3": {"gradient_accumulation_steps": 3}}

PARTS = [RATES, SCHEDULES, CLIPPING, DECAY, AVERAGE, ACCUMULATION]

# What is said besides, of one optimizer in two.
OWN = {
    "Adafactor": {"clip_threshold": 0.7},
    "Adam": {"amsgrad": True},
    "Ftrl": {"l1_regularization_strength": 0.01, "beta": 0.1},
    "Muon": {"nesterov": False},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "SGD": {"momentum": 0.7, "nesterov": True},
}


def pairs(names):
    return set(itertools.combinations(enumerate(names), 2))


def design():
    """Every optimizer with every schedule; the other parts so that the most pairs are new, the first where equal."""
    missing = set().union(*(pairs(names) for names in itertools.product(*PARTS)))
    chosen = []
    for first in itertools.product(*PARTS[:2]):
        rest = max(itertools.product(*PARTS[2:]), key=lambda rest: len(pairs(first + rest) & missing))
        chosen.append(first + rest)
        missing -= pairs(first + rest)
    if missing:
        raise ValueError(f"pairs that do not occur: {missing}")
    return chosen


def training(number, names):
    word, schedule, *others = names
    said = {key: value for part, name in zip(PARTS[2:], others) for key, value in part[name].items()}
    if number % 2:
        said |= OWN.get(word, {})

    def function(source):
        optimizer = getattr(K, word)(SCHEDULES[schedule](RATES[word]), **said)
        layers = [L.Dense(5, activation="tanh"), L.Dense(2)]
        fit = {"epochs": 2, "batch_size": 4}
        return regression(source, *layers, shape=(3,), rows=22, optimizer=optimizer, fit=fit)

    return function


def main():
    trainings = {"/".join(names): training(number, names) for number, names in enumerate(design())}
    names = sys.argv[1:]
    cases = [record_trainings.record(name, trainings[name], falls=False) for name in names or trainings]
    if not names:
        golden.write("optimizer_trainings.json", cases)
    for case in cases if names else ():
        print(golden.text(case))


if __name__ == "__main__":
    main()
