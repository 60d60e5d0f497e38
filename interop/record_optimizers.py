"""Records steps of Keras's optimizers, one run a line of crates/vanilla/tests/golden/optimizers.json.

    record_optimizers.py

The first line, `data`, has the kernel (3 x 4) and the bias that all runs start with, and the gradients of 30 steps:
a kernel's 12 and a bias's 4 numbers each. Every other line is a run over the first 8 of them, or 30:

    name       of the run; what stands before the first `/` is the class
    config     `get_config()` without `name`; all keys in the run `CLASS/default`, else those that differ from there
    exclude    what `exclude_from_weight_decay(var_names=...)` was given, where it was
    steps      kernel and bias after each step
    variables  the optimizer's at the end, in its order, which is that of files: path, shape, values
"""

import golden
import keras
import numpy as np
from golden import normal
from keras import optimizers as K
from keras.optimizers import schedules as S

SHAPES = [("kernel", (3, 4)), ("bias", (4,))]

# Class, a learning rate that moves weights visibly, and what is said besides.
RATES = {
    "Adadelta": 1.0,
    "Adafactor": 0.1,
    "Adagrad": 0.1,
    "Adam": 0.01,
    "AdamW": 0.01,
    "Adamax": 0.01,
    "Ftrl": 0.1,
    "Lamb": 0.01,
    "Lion": 0.01,
    "Muon": 0.02,
    "Nadam": 0.01,
    "RMSprop": 0.01,
    "SGD": 0.05,
    "ScheduleFreeAdamW": 0.02,
}

OWN = {
    "Adadelta": {"rho": {"rho": 0.8, "epsilon": 1e-4}},
    "Adafactor": {
        "absolute": {"relative_step": False},
        "clipped": {"clip_threshold": 0.5, "beta_2_decay": -0.5},
        "epsilons": {"epsilon_1": 1e-3, "epsilon_2": 0.7},
    },
    "Adagrad": {"start": {"initial_accumulator_value": 0.0, "epsilon": 1e-3}},
    "Adam": {"amsgrad": {"amsgrad": True}, "betas": {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}},
    "AdamW": {"amsgrad": {"amsgrad": True, "beta_2": 0.6}, "decay": {"weight_decay": 0.3}},
    "Adamax": {"betas": {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}},
    "Ftrl": {
        "shrinkage": {"l2_shrinkage_regularization_strength": 0.3},
        "strengths": {"l1_regularization_strength": 0.2, "l2_regularization_strength": 0.1, "beta": 0.4},
        "power": {"learning_rate_power": -0.7, "initial_accumulator_value": 0.5},
        "constant": {"learning_rate_power": 0.0},
    },
    "Lamb": {"betas": {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}},
    "Lion": {"betas": {"beta_1": 0.5, "beta_2": 0.7}, "last": {"beta_1": 1.0}},
    "Muon": {
        "plain": {"nesterov": False, "momentum": 0.8},
        "short": {"ns_steps": 2, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 2.0},
        "excluded": {"exclude_layers": ["none", "ense/ker"], "adam_lr_ratio": 0.5},
        "adam": {"adam_beta_1": 0.5, "adam_beta_2": 0.7, "epsilon": 1e-3},
        "decays": {"weight_decay": 0.3, "adam_weight_decay": 0.6},
        "no_decay": {"weight_decay": None, "adam_weight_decay": None},
        "half_decay": {"weight_decay": None, "adam_weight_decay": 0.5},
        "no_rate": {"rms_rate": None},
    },
    "Nadam": {"betas": {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}, "30": {}},
    "RMSprop": {
        "centered": {"centered": True},
        "momentum": {"momentum": 0.7, "rho": 0.8},
        "both": {"centered": True, "momentum": 0.7, "epsilon": 1e-3},
    },
    "SGD": {"momentum": {"momentum": 0.8}, "nesterov": {"momentum": 0.8, "nesterov": True}},
    "ScheduleFreeAdamW": {"warmup": {"warmup_steps": 5}, "betas": {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-3}},
}

COMMON = {
    "clipnorm": {"clipnorm": 0.7},
    "global_clipnorm": {"global_clipnorm": 0.9},
    "clipvalue": {"clipvalue": 0.3},
    "weight_decay": {"weight_decay": 0.2},
    "ema": {"use_ema": True, "ema_momentum": 0.7},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "accumulation_ema": {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
    },
    "schedule": {},
    "all": {
        "clipvalue": 0.5,
        "weight_decay": 0.1,
        "use_ema": True,
        "ema_momentum": 0.6,
        "ema_overwrite_frequency": 4,
        "gradient_accumulation_steps": 2,
    },
}


def data():
    source = golden.random("optimizers")
    start = [normal(source, shape) for _, shape in SHAPES]
    gradients = []
    for _ in range(30):
        # Of changing size; one weight has no gradient at all.
        size = source.choice([0.1, 0.5, 2.0])
        kernel, bias = (normal(source, shape, size) for _, shape in SHAPES)
        kernel[1, 2] = 0
        gradients.append([kernel, bias])
    return start, gradients


START, GRADIENTS = data()


def plain(config):
    return {key: value for key, value in config.items() if key != "name"}


def record(word, run, said):
    keras.utils.clear_session(free_memory=False)
    exclude = ["bias"] if run in ("weight_decay", "all") else None
    rate = S.PolynomialDecay(4 * RATES[word], 6, RATES[word], 2.0) if run in ("schedule", "all") else RATES[word]
    make = getattr(K, word)
    default = plain(make().get_config())
    optimizer = make() if run == "default" else make(rate, **said)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=exclude)
    with keras.name_scope("dense"):
        variables = [keras.Variable(value, name=name) for value, (name, _) in zip(START, SHAPES)]
    config = plain(optimizer.get_config())
    if run != "default":
        config = {key: value for key, value in config.items() if value != default[key]}
    case = {"name": f"{word}/{run}", "config": config}
    if exclude:
        case["exclude"] = exclude
    case["steps"] = []
    for gradient in GRADIENTS[: 30 if run == "30" else 8]:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradient], variables)
        case["steps"].append([np.asarray(variable) for variable in variables])
    case["variables"] = [
        {"path": variable.path, **golden.tensor(np.asarray(variable))} for variable in optimizer.variables
    ]
    return case


def main():
    cases = [{"name": "data", "start": START, "gradients": GRADIENTS}]
    for word in RATES:
        cases.append(record(word, "default", {}))
        # Of ScheduleFreeAdamW, whose formula Keras misses on TensorFlow, no more than shows it.
        common = {} if word == "ScheduleFreeAdamW" else COMMON
        cases += [record(word, run, said) for run, said in {**OWN[word], **common}.items()]
    golden.write("optimizers.json", cases)


if __name__ == "__main__":
    main()
