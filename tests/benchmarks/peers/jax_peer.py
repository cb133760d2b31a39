"""JAX: variant "jit", the whole step compiled into one kernel."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.protocol import Batch, Numbers, Step, Training, parameters

Parameters = list[jax.Array]
State = tuple[Parameters, Parameters, Parameters, Parameters]
"""Weights, both moments, and the count of steps."""
Scores = Callable[[Parameters, jax.Array], jax.Array]
Loss = Callable[[Parameters, jax.Array, jax.Array], jax.Array]


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind in ("chain", "elementwise"):
        return _gradient(_chain if kind == "chain" else _elementwise, numbers)
    if kind == "hessian":
        return _hessian(numbers)
    weights = [jnp.asarray(p) for p in parameters(numbers)]
    if kind == "adam":
        grads = [jnp.asarray(numbers[f"g{k}"]) for k in range(len(weights))]
        return _stepped(jax.jit(lambda s: (jnp.zeros(()), _adam(s, grads, 0.0))), weights)
    x, y = jnp.asarray(numbers["x"]), jnp.asarray(numbers["y"])
    update = _update(kind)
    return _stepped(jax.jit(lambda state: update(state, x, y)), weights)


def build_training(case: str, numbers: Numbers, variant: str) -> Training:
    """The training of a net."""
    kind = case.split()[0]
    weights = [jnp.asarray(p) for p in parameters(numbers)]
    update, scores = jax.jit(_update(kind)), jax.jit(SCORES[kind])
    state = [_start(weights)]

    def step(x: Batch, y: Batch) -> None:
        _, state[0] = update(state[0], x, y)

    return Training(step, lambda x: np.asarray(scores(state[0][0], x)))


def _update(kind: str) -> Callable[..., tuple[jax.Array, State]]:
    loss: Loss = lambda p, x, y: _cross_entropy(SCORES[kind](p, x), y)  # noqa: E731

    def update(state: State, x: jax.Array, y: jax.Array) -> tuple[jax.Array, State]:
        value, grads = jax.value_and_grad(loss)(state[0], x, y)
        if kind == "conv":
            return value, ([p - 0.05 * g for p, g in zip(state[0], grads, strict=True)], *state[1:])
        return value, _adam(state, grads, 0.01 if kind == "transformer" else 0.0)

    return update


def _start(weights: Parameters) -> State:
    zeros = [jnp.zeros_like(w) for w in weights]
    return weights, zeros, zeros, [jnp.zeros(())]


def _stepped(step: Callable[[object], tuple[jax.Array, object]], weights: Parameters) -> Step:
    state: list[object] = [_start(weights)]

    def run() -> float:
        value, state[0] = step(state[0])
        jax.block_until_ready(state[0])
        return float(value)

    return run


def _adam(state: State, grads: Parameters, decay: float) -> State:
    p, m, v, (t,) = state
    t = t + 1.0
    m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
    root = jnp.sqrt(1.0 - 0.999**t)
    rate = 1e-3 / (1.0 - 0.9**t)
    p = [w * (1 - 1e-3 * decay) - rate * a / (jnp.sqrt(b) / root + 1e-8) for w, a, b in zip(p, m, v, strict=True)]
    return p, m, v, [t]


def _cross_entropy(scores: jax.Array, y: jax.Array) -> jax.Array:
    logs = jax.nn.log_softmax(scores.reshape(-1, scores.shape[-1]))
    return -jnp.take_along_axis(logs, y.reshape(-1, 1), axis=1).mean()


def _mlp(p: Parameters, x: jax.Array) -> jax.Array:
    for k in range(0, len(p), 2):
        x = x @ p[k] + p[k + 1]
        x = jax.nn.relu(x) if k + 2 < len(p) else x
    return x


def _conv(p: Parameters, x: jax.Array) -> jax.Array:
    for k in (0, 2):
        x = jax.lax.conv_general_dilated(x, p[k], (1, 1), "SAME") + p[k + 1][:, None, None]
        x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return x.reshape(len(x), -1) @ p[4] + p[5]


def _norm(x: jax.Array, gain: jax.Array, bias: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias


def _transformer(p: Parameters, x: jax.Array) -> jax.Array:
    rows, time, d = x.shape
    joint = (_norm(x, p[0], p[1]) @ p[2] + p[3]).reshape(rows, time, 3, 4, d // 4).transpose(2, 0, 3, 1, 4)
    scores = joint[0] @ joint[1].swapaxes(-1, -2) / (d // 4) ** 0.5
    seen = jax.nn.softmax(jnp.where(jnp.tril(jnp.ones((time, time), bool)), scores, -jnp.inf)) @ joint[2]
    x = x + seen.transpose(0, 2, 1, 3).reshape(rows, time, d) @ p[4] + p[5]
    x = x + jax.nn.gelu(_norm(x, p[6], p[7]) @ p[8] + p[9], approximate=True) @ p[10] + p[11]
    return x @ p[12] + p[13]


def _lstm(p: Parameters, x: jax.Array) -> jax.Array:
    inputs = p[0][x] @ p[1] + p[3]
    zeros = jnp.zeros((len(x), 128))

    def cell(state: tuple[jax.Array, jax.Array], now: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        h, c = state
        i, f, g, o = jnp.split(now + h @ p[2], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    _, found = jax.lax.scan(cell, (zeros, zeros), inputs.transpose(1, 0, 2))
    return found.transpose(1, 0, 2) @ p[4] + p[5]


SCORES: dict[str, Scores] = {"mlp": _mlp, "conv": _conv, "transformer": _transformer, "char-lstm": _lstm}


def _chain(x: jax.Array, w: jax.Array) -> jax.Array:
    for _ in range(500):
        x = x * 0.999 + 0.001
    return (x * w).sum()


def _elementwise(x: jax.Array, w: jax.Array) -> jax.Array:
    return (jax.nn.gelu(jax.nn.softplus(x), approximate=True) * w).sum()


def _gradient(loss: Callable[[jax.Array, jax.Array], jax.Array], numbers: Numbers) -> Step:
    run = jax.jit(jax.value_and_grad(loss))
    x, w = jnp.asarray(numbers["x"]), jnp.asarray(numbers["w"])
    return lambda: float(jax.block_until_ready(run(x, w))[0])


def _hessian(numbers: Numbers) -> Step:
    x, y = jnp.asarray(numbers["x"]), jnp.asarray(numbers["y"])

    def loss(p: jax.Array) -> jax.Array:
        h = jnp.tanh((x * p[195:200].mean()) @ p[:128].reshape(8, 16) + p[128:144])
        return _cross_entropy(h @ p[144:192].reshape(16, 3) + p[192:195], y)

    run, point = jax.jit(jax.hessian(loss)), jnp.asarray(numbers["p0"])
    return lambda: float(jnp.abs(run(point)).sum())
