"""debug() names the op and the line where the first NaN or infinity was born; checkpointed() changes no number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import gradients
from minigrad.typing import Tensor


def test_forward_names_op_entry_and_line() -> None:
    x = mg.tensor([[1.0, 0.0], [2.0, 3.0]], requires_grad=True)
    y = mg.exp(x)
    with pytest.raises(mg.NonFiniteValue) as caught, mg.debug():
        mg.log(y - 1.0)  # this very line
    text = str(caught.value)
    for part in ("'log'", "-inf at [0, 1] (1 of 4 entries)", "x = 0", "this very line", "test_core_debug.py"):
        assert part in text


def test_backward_names_the_rule_and_the_forward_line() -> None:
    x = mg.tensor([4.0, 0.0], requires_grad=True)

    def run() -> None:
        root = mg.sqrt(x)  # the root of the evil
        (root * 2.0).sum().backward()

    with pytest.raises(mg.NonFiniteValue) as caught, mg.debug():
        run()
    for part in ("backward", "rule of op 'sqrt'", "inf at [1]", "the root of the evil"):
        assert part in str(caught.value)
    assert x.grad is None


def test_finite_programs_give_the_same_numbers_and_the_mode_ends() -> None:
    def run() -> tuple[float, list[float]]:
        x = mg.tensor([0.3, -0.2], requires_grad=True)
        loss = mg.sum(mg.tanh(x) * x)
        loss.backward()
        assert x.grad is not None
        return loss.item(), list(x.grad.numpy())

    plain = run()
    with mg.debug():
        assert run() == plain
        with mg.no_grad():
            assert not (mg.tensor([1.0], requires_grad=True) * 2.0).requires_grad
    with np.errstate(all="ignore"):
        assert mg.log(mg.tensor([0.0])).item() == -np.inf


def test_infinities_that_were_given_are_no_birth() -> None:
    with mg.debug():
        assert mg.exp(mg.tensor([-np.inf])).item() == 0.0
        assert np.isinf(mg.add(mg.tensor([np.inf]), 1.0).item())


W = mg.tensor(np.random.default_rng(0).normal(size=(3, 3)), requires_grad=True)


def block(x: Tensor) -> Tensor:
    return mg.tanh(x @ W) * x


def everything(f: Callable[[Tensor], Tensor]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    x = mg.tensor([[0.1, -0.4, 0.7]], requires_grad=True)
    W.zero_grad()
    y = f(mg.exp(x) * 0.3)
    first = [g for g in gradients([y], [np.ones(y.shape)], [x, W], create_graph=True) if isinstance(g, Tensor)]
    assert len(first) == 2
    total = mg.sum(first[0] * first[0]) + mg.sum(first[1] * first[1])
    second = gradients([total], [np.ones(())], [x, W], create_graph=False)
    return [first[0].detach().numpy(), first[1].detach().numpy(), *(np.asarray(g) for g in second)]


def test_checkpointed_gives_the_gradients_of_both_orders() -> None:
    for plain, kept in zip(everything(block), everything(mg.checkpointed(block)), strict=True):
        np.testing.assert_allclose(kept, plain, rtol=1e-13)


def test_checkpointed_runs_again_and_keeps_nothing() -> None:
    runs: list[int] = []

    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        runs.append(1)
        y = mg.exp(x)
        return y, y * 2.0

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    a, b = mg.checkpointed(f)(x)
    assert len(runs) == 1
    x[0] = 9.0  # the handle moves on; the second run must see the old value
    (a + b).sum().backward()
    assert len(runs) == 2
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.exp([1.0, 2.0]))


def test_checkpointed_notices_what_does_not_repeat() -> None:
    rng = np.random.default_rng(0)
    x = mg.tensor([1.0], requires_grad=True)
    y = mg.checkpointed(lambda t: t * float(rng.normal()))(x)
    with pytest.raises(mg.GradientError, match="seed"):
        y.backward()
    w = mg.tensor([1.0], requires_grad=True)
    z = mg.checkpointed(lambda t: t * w)(x)
    from minigrad.runtime.parameters import assign

    assign(w, np.array([2.0]))
    with pytest.raises(mg.StaleGraphError):
        z.backward()
