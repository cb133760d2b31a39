"""What large gradients are multiplied by is computed early: the same answers, and less kept for the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program import Program
from minigrad.program.graph import FusedCall
from support.program_steps import with_gradients

ROWS, COLUMNS = 256, 260
LARGE = (ROWS, COLUMNS)
ROW = np.linspace(0.5, 1.5, COLUMNS)
FACTOR = np.random.default_rng(1).standard_normal(LARGE)


def arrays(*more: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(s) for s in ((ROWS, 30), (30, COLUMNS), (COLUMNS, 20), *more)]


def check(value: Any, given: list[Array]) -> Program[Any, Any]:
    """A program's loss and gradients are eager's, with the pass and without it."""
    step = with_gradients(value, len(given))
    expected = [t.numpy() for t in step(*map(mg.tensor, given))]
    for disable in ((), ("precompute_local_grads",)):
        program = mg.define(step, disable=disable)
        for got, right in zip(program(*given), expected, strict=True):
            np.testing.assert_allclose(got.numpy(), right, rtol=1e-10, atol=1e-12)
    made = mg.define(step)
    made(*given)
    return made


def gelu(x: Any, w: Any, v: Any) -> Any:
    y = mg.gelu(x @ w, approximate="tanh") @ v
    return (y * y).sum()


def kept(program: Program[Any, Any]) -> int:
    """How many large arrays leave groups."""
    graph = program.graph
    return sum(graph.values[k].shape == LARGE for s in graph.steps if isinstance(s, FusedCall) for k in s.defs)


def test_the_slope_of_gelu_is_one_array() -> None:
    program = check(gelu, arrays())
    plain = mg.define(with_gradients(gelu, 3), disable=("precompute_local_grads",))
    plain(*arrays())
    assert kept(program) == 2  # the value and the slope
    assert kept(plain) > 2


def a_swish_of_the_layer(x: Any, w: Any, v: Any) -> Any:
    h = x @ w
    return mg.tanh((h * mg.sigmoid(h) * h) @ v).sum()


def with_rows_for_all(x: Any, w: Any, v: Any) -> Any:
    """The gradient is multiplied by rows only: small factors together stay small."""
    h = (x @ w) * ROW * ROW * ROW * ROW
    return (h @ v).sum() + (h * h).sum()


def beside_itself(x: Any, w: Any, v: Any) -> Any:
    """The gradient is added to a multiple of itself."""
    h = (x @ w) * FACTOR * FACTOR * FACTOR
    return mg.tanh((h + h * FACTOR) @ v).sum()


def not_linear(x: Any, w: Any, v: Any) -> Any:
    """A product with a function of itself, in the forward pass."""
    h = x @ w
    return (((h * FACTOR) * mg.tanh(h)) * FACTOR * FACTOR * FACTOR @ v).sum()


def read_on_the_way(x: Any, w: Any, v: Any, bias: Any) -> Any:
    """A sum of the gradient halfway: the chain has two ends."""
    h = x @ w
    return mg.exp((mg.tanh(mg.gelu(h, approximate="tanh") * 0.5 + bias) * 2.0) @ v).sum()


def two_layers(x: Any, w: Any, v: Any) -> Any:
    h = mg.gelu(x @ w, approximate="tanh")
    return mg.gelu((h @ mg.transpose(h)) @ x @ w, approximate="tanh").sum() + (h @ v).sum()


@pytest.mark.parametrize("value", [a_swish_of_the_layer, two_layers, with_rows_for_all, beside_itself, not_linear])
def test_other_chains(value: Any) -> None:
    check(value, arrays())


def test_a_chain_with_two_ends_stays() -> None:
    check(read_on_the_way, arrays((COLUMNS,)))


def test_factors_that_change_between_two_updates_are_not_computed_early() -> None:
    """Two steps of training in one program: a weight is a factor itself, and moves in between."""

    def trained(disable: tuple[str, ...] | None) -> list[Array]:
        x, w, v = map(mg.tensor, arrays())
        scale = mg.tensor(np.full(LARGE, 0.5), requires_grad=True)
        inner = mg.tensor(w.numpy(), requires_grad=True)
        opt = mg.optimizer("sgd", [scale, inner], lr=0.05)

        def once(x: Any) -> Any:
            opt.zero_grad()
            h = x @ inner
            factor = scale.detach()
            loss = mg.square((h * factor * factor * factor * factor) @ v).sum() + (scale * scale).sum()
            loss.backward()
            opt.step()
            return loss

        def step(x: Any) -> list[Any]:
            return [once(x), once(x), scale.detach() * 1.0, inner.detach() * 1.0]

        run = step if disable is None else mg.define(step, disable=disable)
        return [t.numpy() for _ in range(2) for t in run(x)]

    for got, plain, right in zip(trained(()), trained(("precompute_local_grads",)), trained(None), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-10)
        np.testing.assert_allclose(plain, right, rtol=1e-10)
