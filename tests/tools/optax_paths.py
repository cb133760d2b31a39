"""Twenty float64 steps of optax's rules on a matrix and a vector, for `tests/data/optimizer_zoo.json`.

    python tests/tools/optax_paths.py > tests/data/optimizer_zoo.json     # with an interpreter that has JAX and optax

Names of the zoo (`tests/support/optim_zoo.py`) or of installed rules, with the hyperparameters under which minigrad's
rule is the same.
"""

from __future__ import annotations

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax import contrib

A = np.array([[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 0.25, -0.75], [-2.0, 1.0, 1.0], [0.125, -0.5, 4.0]])
B = np.array([[1.0, 0.5], [-2.0, 1.0], [0.5, -0.25], [3.0, 2.0], [-1.5, 0.75]])
CASES = {
    "lamb": ({"lr": 0.05, "weight_decay": 0.02}, lambda: optax.lamb(0.05, weight_decay=0.02)),
    "ademamix": (
        {"lr": 0.05, "beta3": 0.99, "alpha": 3.0, "weight_decay": 0.1},
        lambda: contrib.ademamix(0.05, b3=0.99, alpha=3.0, weight_decay=0.1),
    ),
    "schedule-free": ({"lr": 0.02, "beta": 0.8}, lambda: contrib.schedule_free_sgd(0.02, b1=0.8)),
    "Fromage": ({"lr": 0.01}, lambda: optax.fromage(0.01)),
    "COCOB": ({}, contrib.cocob),
    "DoWG": ({"initial": 0.1}, lambda: contrib.dowg(init_estim_sq_dist=1e-2)),
    "SM3": ({"lr": 0.1, "eps": 1e-8}, lambda: optax.sm3(0.1, momentum=0.0)),
    "PolyakStep": ({"most": 0.01, "least": 0.5}, lambda: optax.polyak_sgd(max_learning_rate=0.01, f_min=0.5)),
    "Signum": ({}, lambda: optax.chain(optax.ema(0.9, debias=False), optax.scale_by_sign(), optax.scale(-0.01))),
    "Centralised": ({}, lambda: optax.chain(optax.centralize(), optax.scale(-0.01))),
    "SGDW": ({}, lambda: optax.chain(optax.trace(0.9), optax.add_decayed_weights(0.01), optax.scale(-0.01))),
}


def loss(p: dict[str, jax.Array]) -> jax.Array:
    """Least squares with a quartic part."""
    return 0.5 * jnp.sum((A @ p["m"] + p["b"] - B) ** 2) + 0.1 * jnp.sum(p["m"] ** 4)


def path(rule: optax.GradientTransformation) -> list[list[float]]:
    """The parameters after each of twenty steps, the matrix first."""
    rule = optax.with_extra_args_support(rule)
    p = {"m": jnp.array([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.25]]), "b": jnp.array([0.1, -0.2])}
    state, points = rule.init(p), []
    for _ in range(20):
        value, gradient = jax.value_and_grad(loss)(p)
        changes, state = rule.update(gradient, state, p, value=value)
        p = optax.apply_updates(p, changes)
        points.append([float(x) for x in (*np.ravel(p["m"]), *np.ravel(p["b"]))])
    return points


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    json.dump({name: {"hyper": hyper, "path": path(rule())} for name, (hyper, rule) in CASES.items()}, sys.stdout)
    print()
