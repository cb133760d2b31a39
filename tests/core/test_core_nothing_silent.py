"""Values and gradients at singular places: documented, finite where a subgradient exists, never a surprise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import gradients
from minigrad.typing import Array, Tensor

INF = np.inf


def value_and_slope(f: Callable[[Tensor], Tensor], x: object) -> tuple[Array, Array]:
    """f(x) summed, and its gradient, with NumPy's warnings off."""
    with np.errstate(all="ignore"):
        value, slope = mg.value_and_grad(lambda t: mg.sum(f(t)))(np.asarray(x, dtype=float))
    return np.asarray(value), np.asarray(slope)


def inner(x: object) -> Tensor:
    """What a derivative of a Tensor hands back."""
    assert isinstance(x, Tensor)
    return x


# function, place, value, gradient. Infinite where the function or its slope is: that is what IEEE 754 says.
SINGULAR: list[tuple[str, Callable[[Tensor], Tensor], float, float, float]] = [
    ("1/x at 0", lambda x: 1.0 / x, 0.0, INF, -INF),
    ("log at 0", mg.log, 0.0, -INF, INF),
    ("sqrt at 0", mg.sqrt, 0.0, 0.0, INF),
    ("log1p at -1", mg.log1p, -1.0, -INF, INF),
    ("x**0.5 at 0", lambda x: x**0.5, 0.0, 0.0, INF),
    ("abs at 0", mg.abs, 0.0, 0.0, 0.0),
    ("relu at 0", mg.relu, 0.0, 0.0, 0.0),
    ("maximum of equals", lambda x: mg.maximum(x, 1.0), 1.0, 1.0, 0.5),
    ("minimum of equals", lambda x: mg.minimum(x, 1.0), 1.0, 1.0, 0.5),
    ("x**2 at 0", lambda x: x**2, 0.0, 0.0, 0.0),
    ("x**0 at 0", lambda x: x**0, 0.0, 1.0, 0.0),
    ("2**x at -inf", lambda x: 2.0**x, -INF, 0.0, 0.0),
    ("exp at -inf", mg.exp, -INF, 0.0, 0.0),
    ("tanh at inf", mg.tanh, INF, 1.0, 0.0),
    ("sigmoid at 1000", mg.sigmoid, 1000.0, 1.0, 0.0),
    ("softplus at 1000", mg.softplus, 1000.0, 1000.0, 1.0),
    ("where picks 0 beside log", lambda x: mg.where(x > 0, mg.log(mg.where(x > 0, x, 1.0)), 0.0), 0.0, 0.0, 0.0),
    (
        "where picks 0 beside 1/x, guarded",
        lambda x: mg.where(x != 0, 1.0 / mg.where(x != 0, x, 1.0), 0.0),
        0.0,
        0.0,
        0.0,
    ),
    ("xlogy at 0, 0", lambda x: inner(mg.xlogy(mg.relu(x), mg.tensor(2.0))), 0.0, 0.0, 0.0),
    ("clip at the bound", lambda x: mg.clip(x, 0.0, 1.0), 0.5, 0.5, 1.0),
]


@pytest.mark.parametrize(("f", "x", "value", "slope"), [c[1:] for c in SINGULAR], ids=[c[0] for c in SINGULAR])
def test_singular_places(f: Callable[[Tensor], Tensor], x: float, value: float, slope: float) -> None:
    found, gradient = value_and_slope(f, x)
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(gradient, slope)


def test_where_beside_an_infinite_slope() -> None:
    """No gradient arrives at the branch not taken, and 0 * inf is 0 there for log, sqrt and norm (NaN in PyTorch)."""

    def unguarded(x: Tensor) -> Tensor:
        return mg.where(x > 0, mg.log(x) + mg.sqrt(x), 0.0)

    value, slope = value_and_slope(unguarded, [0.0, 4.0])
    assert value == np.log(4.0) + 2.0
    np.testing.assert_array_equal(slope, [0.0, 0.5])
    _, second = value_and_slope(lambda x: inner(mg.grad(lambda t: mg.sum(unguarded(t)))(x)), [0.0, 4.0])
    np.testing.assert_array_equal(second, [0.0, -1 / 16 - 1 / 32])
    with pytest.raises(mg.NonFiniteValue, match=r"'log' gave -inf.*\n.*test_core_nothing_silent"), mg.debug():
        mg.grad(lambda t: mg.sum(unguarded(t)))(np.array([0.0, 4.0]))


@pytest.mark.parametrize("keepdims", [False, True])
def test_norm_at_zero_has_the_subgradient_zero(keepdims: bool) -> None:
    value, slope = value_and_slope(lambda x: mg.norm(x, axis=-1, keepdims=keepdims), [[0.0, 0.0], [3.0, 4.0]])
    assert value == 5.0
    np.testing.assert_allclose(slope, [[0.0, 0.0], [0.6, 0.8]])
    value, slope = value_and_slope(lambda x: np.linalg.norm(x), np.zeros(3))  # type: ignore[arg-type,return-value]
    np.testing.assert_array_equal(slope, np.zeros(3))


def test_std_of_equal_entries_and_softmax_of_infinities() -> None:
    _, slope = value_and_slope(lambda x: mg.softmax(x) * np.array([1.0, 2.0, 3.0]), [0.0, -INF, 0.0])
    assert np.isfinite(slope).all()
    value, slope = value_and_slope(lambda x: mg.logsumexp(x), [-INF, 0.0, -INF])
    assert value == 0.0
    np.testing.assert_array_equal(slope, [0.0, 1.0, 0.0])


def test_an_overflow_is_not_silent_in_debug() -> None:
    with pytest.raises(mg.NonFiniteValue, match="'exp' gave inf"), mg.debug():
        mg.exp(mg.tensor([1000.0]))


def test_tasks_do_not_disturb_each_other() -> None:
    """no_grad, debug and derivatives are local to an asyncio task, also when tasks take turns inside them."""
    shared = mg.tensor(np.linspace(0.1, 1.0, 5), requires_grad=True)

    async def quiet() -> bool:
        with mg.no_grad():
            for _ in range(20):
                await asyncio.sleep(0)
                if (shared * 2.0).requires_grad:
                    return False
        return (shared * 2.0).requires_grad

    async def loud() -> bool:
        for _ in range(20):
            y = mg.sum(mg.exp(shared) * shared)
            await asyncio.sleep(0)
            found = gradients([y], [np.ones(())], [shared], False)[0]
            x = shared.numpy()
            if not y.requires_grad or not np.allclose(np.asarray(found), np.exp(x) * (1 + x)):
                return False
        return True

    async def checked() -> bool:
        with mg.debug():
            for _ in range(20):
                await asyncio.sleep(0)
                mg.sum(mg.exp(shared)).item()
        return True

    async def infinite() -> bool:
        with np.errstate(all="ignore"):
            for _ in range(20):
                await asyncio.sleep(0)
                if mg.log(mg.tensor([0.0])).item() != -INF:  # would raise in somebody else's debug()
                    return False
        return True

    async def everybody() -> tuple[bool, ...]:
        return await asyncio.gather(quiet(), loud(), checked(), infinite(), quiet(), loud())

    assert all(asyncio.run(everybody()))


def test_ctrl_c_inside_a_derivative_leaves_no_trace() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)

    def f(t: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mg.grad(f)(x)
    assert x.grad is None
    assert type(mg.grad(lambda t: mg.sum(t * t))(np.ones(2))) is np.ndarray
    assert (x * 1.0).requires_grad


def test_diamonds_of_2_to_the_1000_paths_at_second_order_and_wide_leaves() -> None:
    def diamond(x: Tensor) -> Tensor:
        y = x * x
        for _ in range(1000):
            y = (y + y) * 0.5
        return y

    assert float(np.asarray(mg.grad(mg.grad(diamond))(3.0))) == 2.0
    x = mg.tensor(2.0, requires_grad=True)
    total = x * 0.0
    for _ in range(20_000):
        total = total + x
    total.backward()
    assert x.grad is not None
    assert x.grad.item() == 20_000.0
