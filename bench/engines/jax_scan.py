"""JAX: an epoch is one jitted program, a scan over the batches of a permutation that it draws itself.

The data stay on the device, weights and optimizer state are donated, nothing returns to Python within an epoch.
The short last batch is one more step behind the scan. The inputs are floats from the start: quicker than casting
bytes in each step; gathering all rows before the scan changes nothing (all measured). XLA flushes denormals in its
threads by itself. The optimizers are Keras's formulas.
"""

import engine

wanted = engine.definition()
import jax
import jax.numpy as jnp
import numpy as np

X, Y = (jnp.asarray(array) for array in wanted.data())
X = X.astype(jnp.float32)
ROWS, BATCH = X.shape[0], wanted.batch
FULL = ROWS // BATCH
CURVE = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
}[wanted.activation]
RATE = wanted.learning_rate


def weights():
    """Glorot's uniform weights and zero biases, as Keras starts."""
    random = np.random.default_rng(1)
    for inputs, units in zip(wanted.layers, wanted.layers[1:]):
        limit = np.sqrt(6 / (inputs + units))
        yield jnp.asarray(random.uniform(-limit, limit, (inputs, units)), jnp.float32)
        yield jnp.zeros(units, jnp.float32)


def mean_loss(params, x, y):
    for i in range(0, len(params) - 2, 2):
        x = CURVE(x @ params[i] + params[i + 1])
    logits = x @ params[-2] + params[-1]
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))


def adam(w, g, slots, step):
    m, v = slots
    m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
    alpha = RATE * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return w - alpha * m / (jnp.sqrt(v) + 1e-7), (m, v)


def sgd(w, g, slots, step):
    speed = 0.9 * slots[0] - RATE * g
    return w + speed, (speed,)


def rmsprop(w, g, slots, step):
    v = 0.9 * slots[0] + 0.1 * g * g
    return w - RATE * g / jnp.sqrt(v + 1e-7), (v,)


UPDATE, SLOTS = {"adam": (adam, 2), "sgd": (sgd, 1), "rmsprop": (rmsprop, 1)}[wanted.optimizer]


def step(state, rows):
    params, slots, count = state
    loss, gradients = jax.value_and_grad(mean_loss)(params, X[rows], Y[rows])
    count += 1
    pairs = [UPDATE(w, g, s, count) for w, g, s in zip(params, gradients, slots)]
    return ([w for w, _ in pairs], [s for _, s in pairs], count), loss * len(rows)


def epoch(state, key):
    order = jax.random.permutation(key, ROWS)
    state, losses = jax.lax.scan(step, state, order[: FULL * BATCH].reshape(FULL, BATCH))
    total = losses.sum()
    if FULL * BATCH < ROWS:
        state, rest = step(state, order[FULL * BATCH :])
        total += rest
    return state, total / ROWS


PARAMS = list(weights())
STATE = (PARAMS, [tuple(jnp.zeros_like(w) for _ in range(SLOTS)) for w in PARAMS], jnp.float32(0))
EPOCH = jax.jit(epoch, donate_argnums=0).lower(STATE, jax.random.key(0)).compile()


def one():
    global STATE
    one.count += 1
    STATE, loss = EPOCH(STATE, jax.random.key(one.count))
    return float(loss)


one.count = 0
engine.serve(wanted, jax.__version__, engine.timed(one))
