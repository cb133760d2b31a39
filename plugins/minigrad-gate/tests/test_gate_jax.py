"""`check_jax`: what it catches, what it accepts, what it says."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad_gate import check_jax

jax = pytest.importorskip("jax", reason="jax is not installed")

cases = pytest.importorskip("support.everybody_jax")
check_grads = pytest.importorskip("jax.test_util").check_grads
jnp = jax.numpy
numbers = cases.numbers


def name_of(case):
    return case[0].__name__


SLOW = {"gather_set", "sum_and_product", "gather_add", "two_layers", "log_sum_exp"}
"""Functions of many shapes, which JAX compiles for ten seconds and more."""


def split(listed):
    """The cases, those that take long marked for a soak."""
    return [pytest.param(c, id=name_of(c), marks=[pytest.mark.soak] * (name_of(c) in SLOW)) for c in listed]


def on_real_arguments(function, sample):
    """The function of those arguments that have a gradient, as check_grads asks for."""
    real = [i for i, a in enumerate(sample) if getattr(a, "dtype", np.dtype(int)).kind == "f"]

    def part(*xs):
        replaced = dict(zip(real, xs, strict=True))
        return function(*(replaced.get(i, a) for i, a in enumerate(sample)))

    return part, tuple(sample[i] for i in real)


@pytest.mark.parametrize("case", split(cases.WRONG))
def test_what_check_grads_accepts_and_the_gate_refuses(case):
    function, sample, _ = case
    with jax.enable_x64(True):
        check_grads(*on_real_arguments(function, sample), order=2, modes=["rev"])
    with pytest.raises(mg.RegistrationError) as caught:
        check_jax(function, *sample)
    text = str(caught.value)
    assert len(text) < 300
    assert function.__name__ in text
    assert caught.value.finding is not None


@pytest.mark.parametrize("case", split(cases.RIGHT))
def test_what_is_right_is_accepted(case):
    function, sample = case
    certificate = check_jax(function, *sample)
    assert certificate
    assert certificate.cases > 1
    assert certificate.resolution < 1e-5
    assert certificate.second_order == "checked"


def test_float64_is_switched_off_again():
    check_jax(cases.log_sum_exp, numbers(3), derive=False)
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_a_value_that_changes_with_differentiation_is_refused():
    @jax.custom_vjp
    def doubled(x):
        return 2 * x

    doubled.defvjp(lambda x: (2 * x + 1, None), lambda _, g: (2 * g,))
    with pytest.raises(mg.InvalidRule, match=r"output 0 is another one where it is differentiated"):
        check_jax(doubled, numbers(3), derive=False)


def test_a_batch_gives_what_its_members_give():
    @jax.custom_batching.custom_vmap
    def summed(x):
        return jnp.cumsum(x)

    @summed.def_vmap
    def _(size, batched, x):
        return jnp.cumsum(x, axis=0), True  # the axis of the batch

    cumulative = jax.custom_vjp(lambda x: summed(x))
    cumulative.defvjp(lambda x: (summed(x), None), lambda _, g: (jnp.cumsum(g[::-1])[::-1],))
    with pytest.raises(mg.InvalidRule, match=r"under jax\.vmap \(all arguments\) its outputs"):
        check_jax(cumulative, numbers(3), second_order=False, derive=False)


def test_a_wrong_jvp_is_a_wrong_gradient():
    @jax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    sine.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), -jnp.cos(primals[0]) * tangents[0]))
    with pytest.raises(mg.GradientMismatch, match="disagrees"):
        check_jax(sine, numbers(3), derive=False)


def test_branches_on_numbers_are_checked_uncompiled():
    @jax.custom_vjp
    def branching(x):
        return x**2 if float(jnp.sum(x)) > -100 else x

    branching.defvjp(lambda x: (branching(x), x), lambda x, g: (2 * g * x,))
    certificate = check_jax(branching, numbers(3), derive=False)
    assert any(note.startswith("jit: refused aloud") for note in certificate.left_out)


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ((2.0,), "a number of Python is an option"),
        ((np.array([1, 2]),), "of int64"),
        ((np.array([1j, 2.0]),), "real and imaginary parts"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_examined_are_refused_with_a_hint(sample, words):
    with pytest.raises(mg.GradientError, match=words) as caught:
        check_jax(cases.cube_clipped, *sample)
    assert len(str(caught.value)) < 300


def test_missing_samples_are_asked_for():
    with pytest.raises(mg.InconclusiveCheck, match=r"check_jax\(product\) has no sample"):
        check_jax(cases.product)


def test_inside_jit_the_check_says_where_it_belongs():
    with pytest.raises(mg.GradientError, match="outside of jit"):
        jax.jit(lambda x: check_jax(cases.product, x, x))(numbers(2, 2))


def test_the_fixture(gate):
    assert gate.jax(cases.log_sum_exp, numbers(3), derive=False)
