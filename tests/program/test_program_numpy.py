"""What NumPy computes from a traced value is recorded: the same numbers as in eager, without a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program import TraceError

W = mg.tensor([0.5, -2.0, 3.0], requires_grad=True)
X = np.array([-1.0, 0.0, 2.0])
BATCHES = [X, X[::-1].copy(), X * 0.0, X - 5.0, np.array([np.nan, 1.0, -1.0]), X]

STEPS: dict[str, Callable[[Any], Any]] = {
    "choice": lambda x: mg.where(x > 0, x, -0.5 * x),
    "mask as factor": lambda x: x * (x >= 0) * W,
    "two comparisons": lambda x: mg.where((x > -1) & ~(x == 2.0), x * x, x),
    "share": lambda x: (x < 0.5).mean() * x,
    "argmax": lambda x: x[x.argmax()] * W,
    "argmin of an op": lambda x: mg.sin(x)[mg.sin(x).argmin()],
    "argsort": lambda x: x[mg.argsort(x)] * W,
    "argsort along an axis": lambda x: mg.take_along_axis(x[None], x[None].argsort(axis=1), axis=1),
    "numbers": lambda x: x * x.numpy().max() + x.data[0],
    "arithmetic of numbers": lambda x: x * (np.abs(x.numpy()) * 2.0 + 1.0),
    "reduction": lambda x: mg.sum(x * W) / max_of(x),
    "weights": lambda x: x * W.numpy()[1],
    "as array": lambda x: x * np.asarray(x.numpy()),
    "isnan": lambda x: mg.where(np.isnan(x), 0.0, x),
    "joined": lambda x: x[np.concatenate([x.argsort()[1:], x.argsort()[:1]])],
    "several results": lambda x: x * np.divmod(x.numpy(), 2.0)[1],
    "nansum": lambda x: mg.nansum(x * W),
    "nanmean": lambda x: mg.nanmean(x),
    "nanmax": lambda x: mg.nanmax(x) * x,
    "nanvar": lambda x: mg.nanvar(x * 2.0),
    "nanstd": lambda x: mg.nanstd(x * 2.0),
    "transposed": lambda x: mg.matmul(x.reshape(1, 3), (x.reshape(1, 3).numpy() * 2).T),
}


def max_of(x: mg.Tensor) -> Any:
    """The largest entry, and 1 more."""
    return np.max(x.numpy()) + 1.0


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numpy_on_traced_values_is_repeated(name: str) -> None:
    step = STEPS[name]

    def with_gradient(x: Any) -> list[mg.Tensor]:
        leaf = mg.tensor(x, requires_grad=True)
        W.zero_grad()
        y = mg.sum(step(leaf) * 1.5)
        y.backward()
        return [y, *(t.grad for t in (leaf, W) if t.grad is not None)]

    program: Any = mg.define(with_gradient)
    with np.errstate(all="ignore"):
        for x in BATCHES:
            for got, expected in zip(program(x), with_gradient(mg.tensor(x)), strict=True):
                np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-14)
    assert program.traces == 1


@pytest.mark.parametrize("step", [lambda x: x[x > 0], lambda x: x[np.nonzero(x.numpy() > 0)]])
def test_a_number_of_entries_that_depends_on_numbers_is_refused(step: Callable[[Any], mg.Tensor]) -> None:
    program: Any = mg.define(lambda x: mg.sum(step(x) * 2.0))
    assert program(X).item() == 4.0
    assert program(np.array([0.0, 3.0, -1.0])).item() == 6.0
    with pytest.raises(TraceError, match=r"how many entries.*\n  at .*test_program_numpy"):
        program(np.array([1.0, 2.0, 3.0]))


def test_recomputation_inside_a_program() -> None:
    block = mg.checkpointed(lambda x: mg.tanh(x * W))

    @mg.define
    def step(x: Array | mg.Tensor) -> mg.Tensor:
        W.zero_grad()
        loss: mg.Tensor = mg.sum(block(x))
        loss.backward()
        return loss

    for x in BATCHES[:3]:
        step(x)
        assert W.grad is not None
        np.testing.assert_allclose(W.grad.numpy(), x / np.cosh(x * W.numpy()) ** 2, rtol=1e-13)
    assert step.traces == 1
