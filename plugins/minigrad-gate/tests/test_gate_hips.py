"""`check_autograd`: what it catches, what it accepts, what it says."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad_gate import check_autograd

pytest.importorskip("autograd", reason="autograd is not installed")
anp = pytest.importorskip("autograd.numpy")
extend = pytest.importorskip("autograd.extend")
check_grads = pytest.importorskip("autograd.test_util").check_grads


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def primitive(name, value, *rules):
    """A primitive with one rule for each argument."""
    made = extend.primitive(value)
    made.__name__ = name
    extend.defvjp(made, *rules)
    return made


WRONG = [
    (primitive("cube", lambda x: x**3, lambda y, x: lambda g: 3 * g * anp.clip(x, -5, 5) ** 2), (numbers(3, 4),)),
    (primitive("exponential", np.exp, lambda y, x: lambda g: g * anp.exp(anp.clip(x, -9, 9))), (numbers(3, 4),)),
    (primitive("square", np.square, lambda y, x: lambda g: 2 * x * anp.clip(g, -50, 50)), (numbers(3, 4),)),
    (primitive("mean", lambda x: np.mean(x * x, 0), lambda y, x: lambda g: 2 * x * g / x.shape[-1]), (numbers(3, 3),)),
    (
        primitive(
            "largest",
            lambda x: np.max(x, -1),
            lambda y, x: lambda g: anp.expand_dims(g, -1) * (x == anp.expand_dims(y, -1)),
        ),
        (numbers(3, 4),),
    ),
    (primitive("sine", np.sin, lambda y, x: lambda g: anp.where(g == g, g, 0.0) * anp.cos(x)), (numbers(3, 4),)),
]  # fmt: skip
RIGHT = [
    (primitive("exp", np.exp, lambda y, x: lambda g: g * y), (numbers(3, 4),)),
    (
        primitive(
            "product", np.matmul, lambda y, a, b: lambda g: anp.dot(g, b.T), lambda y, a, b: lambda g: anp.dot(a.T, g)
        ),
        (numbers(2, 3), numbers(3, 4)),
    ),
    (
        primitive(
            "sum_along",
            lambda x, axis: np.sum(x * x, axis),
            lambda y, x, axis: lambda g: 2 * x * anp.expand_dims(g, axis),
        ),
        (numbers(3, 4), 1),
    ),
    (lambda x: anp.sin(x) * anp.sum(x), (numbers(3),)),
]  # fmt: skip


def name_of(case):
    return case[0].__name__


@pytest.mark.parametrize("case", WRONG, ids=name_of)
def test_what_check_grads_accepts_and_the_gate_refuses(case):
    function, sample = case
    np.random.seed(0)
    check_grads(function, modes=["rev"])(*sample)
    with pytest.raises(mg.RegistrationError) as caught:
        check_autograd(function, *sample)
    assert len(str(caught.value)) < 300
    assert function.__name__ in str(caught.value)


@pytest.mark.parametrize("case", RIGHT, ids=name_of)
def test_what_is_right_is_accepted(case):
    function, sample = case
    certificate = check_autograd(function, *sample)
    assert certificate.cases > 1
    assert certificate.second_order == "checked"


def test_forward_mode_must_agree():
    made = primitive("sine", np.sin, lambda y, x: lambda g: g * anp.cos(x))
    extend.defjvp(made, lambda t, y, x: -t * anp.cos(x))
    with pytest.raises(mg.InvalidRule, match="forward and reverse mode differ along x"):
        check_autograd(made, numbers(3))


def test_a_rule_that_writes_into_the_output_gradient_is_refused():
    def backward(y, x):
        def pull(g):
            g *= 2.0
            return g

        return pull

    with pytest.raises(mg.InvalidRule, match="its rule writes into the gradient of output 0"):
        check_autograd(primitive("doubled", lambda x: 2.0 * x, backward), numbers(3), second_order=False)


def test_samples_that_cannot_be_examined_are_refused_with_a_hint():
    with pytest.raises(mg.GradientError, match="a number of Python is an option"):
        check_autograd(RIGHT[0][0], 2.0)
    with pytest.raises(mg.GradientError, match="real and imaginary parts"):
        check_autograd(RIGHT[0][0], np.array([1j]))
    with pytest.raises(mg.InconclusiveCheck, match=r"check_autograd\(exp\) has no sample"):
        check_autograd(RIGHT[0][0])


def test_the_fixture(gate):
    assert gate.autograd(*RIGHT[0][:1], numbers(3), derive=False)
