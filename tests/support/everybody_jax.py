"""Gradients for JAX: wrong ones that `check_grads` accepts in float64 at order 2, and right ones."""

# jax has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any, allow-any-generics
# mypy: allow-untyped-decorators, no-warn-return-any, no-warn-unused-ignores

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def numbers(*shape, seed=0):
    """Normal numbers in float64."""
    return np.random.default_rng(seed).standard_normal(shape)


def formula(name, value, slope):
    """A custom_vjp from a formula for the value and one for the slope."""

    def function(x):
        return value(x)

    function.__name__ = name
    wrapped = jax.custom_vjp(function)
    wrapped.defvjp(lambda x: (value(x), x), lambda x, g: (g * slope(x),))
    return wrapped


cube_clipped = formula("cube_clipped", lambda x: x**3, lambda x: 3 * jnp.clip(x, -5, 5) ** 2)
log_guarded = formula("log_guarded", lambda x: jnp.log(jnp.abs(x)), lambda x: x / (x * x + 1e-7))
softplus_overflow = formula("softplus_overflow", jax.nn.softplus, lambda x: jnp.exp(x) / (1 + jnp.exp(x)))
square_at_zero = formula("square_at_zero", lambda x: x * jnp.abs(x), lambda x: 2 * x * x / jnp.abs(x))
tanh_cut_off = formula("tanh_cut_off", jnp.tanh, lambda x: jnp.where(jnp.abs(x) < 6, 1 - jnp.tanh(x) ** 2, 1e-3))
sinh_near_zero = formula("sinh_near_zero", jnp.sinh, lambda x: jnp.where(jnp.abs(x) < 1e-2, x, jnp.cosh(x)))
slope_rounded = formula("slope_rounded", lambda x: jnp.exp(x), lambda x: jnp.exp(x) * 1.000002)
float32_only = formula("float32_only", jnp.sin, lambda x: jnp.cos(x) * (0.97 if x.dtype == jnp.float32 else 1.0))


@jax.custom_vjp
def hides_nan(x):
    """A loss that is NaN must show."""
    return jnp.exp(x)


hides_nan.defvjp(lambda x: (jnp.exp(x), x), lambda x, g: (jnp.nan_to_num(g) * jnp.exp(x),))


@jax.custom_vjp
def clipped_gradient(x):
    """Clips what comes in."""
    return jnp.sin(x)


clipped_gradient.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (jnp.clip(g, -50, 50) * jnp.cos(x),))


@jax.custom_vjp
def max_with_ties(x):
    """Every winner gets the whole gradient."""
    return jnp.max(x, axis=-1)


max_with_ties.defvjp(
    lambda x: (jnp.max(x, axis=-1), x), lambda x, g: (g[..., None] * (x == jnp.max(x, axis=-1, keepdims=True)),)
)


@jax.custom_vjp
def gather_set(x, index):
    """An index that occurs twice."""
    return x[index] ** 2


gather_set.defvjp(
    lambda x, index: (x[index] ** 2, (x, index)),
    lambda kept, g: (jnp.zeros_like(kept[0]).at[kept[1]].set(2 * g * kept[0][kept[1]]), None),
)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def sum_along(x, axis):
    """Right for the last axis, which is the one passed."""
    return jnp.sum(x * x, axis=axis)


sum_along.defvjp(
    lambda x, axis: (jnp.sum(x * x, axis=axis), x),
    lambda axis, x, g: (2 * x * (g[..., None] if x.shape[0] == x.shape[-1] else jnp.expand_dims(g, -1)),),
)


@jax.custom_vjp
def mean_of_square(x):
    """Divides by a length that happens to be the right one for square matrices."""
    return jnp.mean(x * x, axis=0)


mean_of_square.defvjp(lambda x: (jnp.mean(x * x, axis=0), x), lambda x, g: (2 * x * g / x.shape[-1],))


@jax.custom_vjp
def pool_pairs(x):
    """Gives the entry that is left over by an odd length a gradient."""
    half = x.shape[-1] // 2 * 2
    return (x[..., :half:2] + x[..., 1:half:2]) ** 2


def _pool_pairs_backward(x, g):
    half = x.shape[-1] // 2 * 2
    full = jnp.repeat(2 * g * (x[..., :half:2] + x[..., 1:half:2]), 2, axis=-1)
    return (jnp.concatenate([full, full[..., : x.shape[-1] - half]], -1),)


pool_pairs.defvjp(lambda x: (pool_pairs(x), x), _pool_pairs_backward)


@jax.custom_vjp
def kept_outside(x):
    """What fwd keeps in a dict, the next call overwrites."""
    return jnp.cos(x)


_KEPT: dict = {}


def _kept_outside_forward(x):
    _KEPT["x"] = x
    return jnp.cos(x), x


def _kept_outside_backward(x, g):
    kept = _KEPT["x"]
    return (-g * jnp.sin(x if isinstance(kept, jax.core.Tracer) else kept),)


kept_outside.defvjp(_kept_outside_forward, _kept_outside_backward)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def forgets_scale(x, scale):
    """An option whose value 1 was the only one tried."""
    return jnp.sin(scale * x)


forgets_scale.defvjp(lambda x, scale: (jnp.sin(scale * x), x), lambda scale, x, g: (g * jnp.cos(x),))


@jax.custom_vjp
def sum_and_product(a, b):
    """Equal arguments take a branch of their own."""
    return a * b


sum_and_product.defvjp(
    lambda a, b: (a * b, (a, b)),
    lambda kept, g: (jnp.where(kept[0] == kept[1], 2.0, 1.0) * g * kept[1], g * kept[0]),
)

WRONG = [
    (cube_clipped, (numbers(3, 4),), "a slope clipped at 5"),
    (log_guarded, (np.abs(numbers(3, 4)) + 0.5,), "an epsilon that the function has not"),
    (softplus_overflow, (numbers(3, 4),), "infinity / infinity from 710 on"),
    (square_at_zero, (numbers(3, 4),), "0 / 0 at 0"),
    (tanh_cut_off, (numbers(3, 4),), "a branch far out"),
    (sinh_near_zero, (numbers(3, 4) + 3.0,), "a branch near 0"),
    (slope_rounded, (numbers(3, 4),), "two parts in a million"),
    (float32_only, (numbers(3, 4),), "float32 only"),
    (hides_nan, (numbers(3, 4),), "hides NaN"),
    (clipped_gradient, (numbers(3, 4),), "clips the output gradient"),
    (max_with_ties, (numbers(3, 4),), "ties"),
    (gather_set, (numbers(4, 2), np.array([2, 0, 3])), "an index that repeats"),
    (sum_along, (numbers(3, 4), 1), "another axis"),
    (mean_of_square, (numbers(3, 3),), "a length of another axis"),
    (pool_pairs, (numbers(2, 4),), "an odd length"),
    (kept_outside, (numbers(3, 4),), "kept in a dict"),
    (forgets_scale, (numbers(3, 4), 1.0), "another value of an option"),
    (sum_and_product, (numbers(3), numbers(3, seed=1)), "equal numbers in two arguments"),
]
"""Function, sample, and what is wrong with it."""


@jax.custom_jvp
def log_sum_exp(x):
    """With a jvp."""
    return jax.scipy.special.logsumexp(x, axis=-1)


@log_sum_exp.defjvp
def _log_sum_exp_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return log_sum_exp(x), jnp.sum(jax.nn.softmax(x, axis=-1) * t, axis=-1)


@jax.custom_vjp
def product(a, b):
    """Two matrices."""
    return a @ b


product.defvjp(
    lambda a, b: (a @ b, (a, b)), lambda kept, g: (g @ jnp.swapaxes(kept[1], -1, -2), jnp.swapaxes(kept[0], -1, -2) @ g)
)


@jax.custom_vjp
def gather_add(x, index):
    """Repeated indices add up."""
    return x[index] ** 2


gather_add.defvjp(
    lambda x, index: (x[index] ** 2, (x, index)),
    lambda kept, g: (jnp.zeros_like(kept[0]).at[kept[1]].add(2 * g * kept[0][kept[1]]), None),
)


def two_layers(parameters, x):
    """A function of a dict of arrays."""
    return jnp.tanh(x @ parameters["first"]) @ parameters["second"]


RIGHT = [
    (formula("softplus", jax.nn.softplus, jax.nn.sigmoid), (numbers(3, 4),)),
    (formula("relu", jax.nn.relu, lambda x: (x > 0).astype(x.dtype)), (numbers(3, 4),)),
    (log_sum_exp, (numbers(3, 4),)),
    (product, (numbers(2, 3), numbers(3, 4))),
    (gather_add, (numbers(4, 2), np.array([2, 0, 3, 0]))),
    (two_layers, ({"first": numbers(3, 4), "second": numbers(4, 2)}, numbers(2, 3))),
]
"""Function and sample."""
