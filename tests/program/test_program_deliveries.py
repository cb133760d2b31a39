"""How gradients reach parameters in programs, and what engines are told of the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.engines.plan import PlannedCall
from minigrad.program.compile import executable
from minigrad.program.graph import AccumulateGrad, HostCall
from minigrad.runtime.parameters import assign

_mg: Any = mg
"""minigrad without its types."""


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch, linked_at_once: None) -> None:
    """One run call by call, then linked ones, whatever the engine."""
    monkeypatch.setattr(executable, "_TIMED", 1)


@attrs.define
class Setting:
    """Two parameters, of one shape, and an optimizer of the first or of both."""

    w: Any
    v: Any
    opt: Any


def fresh_then_step(s: Setting, x: Any) -> Any:
    s.opt.zero_grad()
    loss = mg.sum(mg.tanh(s.w * x) @ s.v)
    loss.backward()
    s.opt.step()
    return loss


def adding_up(s: Setting, x: Any) -> Any:
    loss = mg.sum(mg.tanh(s.w * x) * s.v)
    loss.backward()
    return loss


def two_deliveries(s: Setting, x: Any) -> Any:
    s.opt.zero_grad()
    mg.sum(mg.tanh(s.w * x) * s.v).backward()
    mg.sum(mg.exp(s.w * 0.1) * x + s.v * s.v).backward()
    s.opt.step()
    return mg.sum(s.w)


def one_gradient_for_both(s: Setting, x: Any) -> Any:
    s.opt.zero_grad()
    mg.sum(mg.tanh((s.w + s.v) * x)).backward()
    s.opt.step()
    return mg.sum(s.w * x)


def constant_gradient(s: Setting, x: Any) -> Any:
    s.opt.zero_grad()
    (mg.sum(s.w) + mg.sum(s.v * x)).backward()
    s.opt.step()
    return mg.sum(s.w)


def update_in_between(s: Setting, x: Any) -> Any:
    """The gradient is computed before an update that still wants the old one."""
    slope = mg.tanh(s.w.detach() * x)
    s.opt.zero_grad()
    mg.sum(mg.exp(s.w * x) + s.v).backward()
    s.opt.step()
    s.opt.zero_grad()
    mg.sum(s.w * slope + s.v * slope).backward()
    s.opt.step()
    return mg.sum(s.w)


def update_first(s: Setting, x: Any) -> Any:
    """The update wants the gradients of the call before; the new ones are known earlier."""
    slope = x @ x
    s.opt.step()
    s.opt.zero_grad()
    (s.w + x).backward(slope)
    mg.sum(s.v * (slope @ x)).backward()
    return mg.sum(s.w)


def left_at_zero(s: Setting, x: Any) -> Any:
    mg.sum(mg.tanh(s.w * x) * s.v).backward()
    s.opt.step()
    s.opt.zero_grad()
    return mg.sum(s.w)


def zero_and_nothing(s: Setting, x: Any) -> Any:
    s.w.zero_grad()
    return mg.sum(s.w * x)


def cleared_by_hand(s: Setting, x: Any) -> Any:
    for p in (s.w, s.v):
        p.zero_grad()
    loss = mg.sum(mg.tanh(s.w * x) @ s.v)
    loss.backward()
    return loss


def cleared_after(s: Setting, x: Any) -> Any:
    """And before: nothing is left of the gradients."""
    for p in (s.w, s.v):
        p.zero_grad()
    loss = mg.sum(mg.tanh(s.w * x) @ s.v)
    loss.backward()
    for p in (s.v, s.w):
        p.zero_grad()
    return loss


def allocated(s: Setting, x: Any) -> Any:
    """A gradient in memory that is new at each run."""
    s.opt.zero_grad()
    loss = mg.sum(_mg.cumsum(s.w, axis=0) * x) + mg.sum(s.v * x)
    loss.backward()
    return loss


DIRECT: dict[Callable[..., Any], tuple[int, int, int]] = {
    fresh_then_step: (2, 1, 0), adding_up: (0, 0, 0), two_deliveries: (0, 0, 0), one_gradient_for_both: (0, 0, 0),
    constant_gradient: (1, 0, 0), update_in_between: (0, 0, 0), update_first: (1, 0, 0), left_at_zero: (0, 0, 0),
    zero_and_nothing: (0, 0, 0), cleared_by_hand: (2, 2, 2), cleared_after: (2, 2, 2),
    allocated: (1, 0, 0),
}  # fmt: skip
"""How many gradients are computed where they are wanted, where an optimizer owns both parameters, one, and none."""


def setting(owns: str, before: bool) -> Setting:
    """Parameters alike at every call; the optimizer owns `owns`, and gradients are there `before`."""
    rng = np.random.default_rng(5)
    w, v = (mg.tensor(0.3 * rng.standard_normal((4, 4)), requires_grad=True) for _ in "wv")
    opt = mg.optimizer("momentum", {"w": w, "v": v} if owns == "both" else {"w": w}, lr=0.1) if owns else _Nobody()
    if before:
        (mg.sum(w * w) + mg.sum(v * 3.0)).backward(create_graph=owns == "w")
    return Setting(w, v, opt)


class _Nobody:
    """No optimizer."""

    def zero_grad(self) -> None:
        """Leave the gradients."""

    def step(self) -> None:
        """Leave the parameters."""


def grads(s: Setting) -> list[Array | None]:
    return [None if p.grad is None else p.grad.numpy() for p in (s.w, s.v)]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("owns", ["both", "w", ""])
@pytest.mark.parametrize("case", DIRECT)
def test_gradients_arrive_as_in_eager(case: Callable[..., Any], owns: str, before: bool) -> None:
    if case in (update_first, left_at_zero) and not before:
        return  # the first update would have no gradients
    for disable in ((), ("direct",)):
        eager, mine = setting(owns, before), setting(owns, before)
        program = _mg.define(lambda x, s=mine: case(s, x), engine="numpy", disable=disable)
        read: list[tuple[Any, Array]] = []
        for k in range(3):
            x = np.random.default_rng(k).standard_normal((4, 4))
            expected = case(eager, mg.tensor(x))
            np.testing.assert_allclose(program(x).numpy(), expected.numpy(), rtol=1e-11)
            for now, right in zip(grads(mine), grads(eager), strict=True):
                assert (now is None) == (right is None)
                if now is not None and right is not None:
                    np.testing.assert_allclose(now, right, rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(mine.w.numpy(), eager.w.numpy(), rtol=1e-11, atol=1e-13)
            assert all(np.array_equal(tensor.numpy(), then) for tensor, then in read)
            assert not any(p.grad.numpy().flags.writeable for p in (mine.w, mine.v) if p.grad is not None)
            read += [(p.grad, p.grad.numpy().copy()) for p in (mine.w, mine.v) if p.grad is not None]
        made = program._last().executable
        direct = [s for s in program.graph.steps if isinstance(s, AccumulateGrad) and s.sink.buffer is not None
                  and np.shares_memory(made.registers[s.value], s.sink.buffer)]  # fmt: skip
        assert made.n_direct == len(direct) == (0 if disable else DIRECT[case][("both", "w", "").index(owns)])
        for i, step in enumerate(program.graph.steps):
            if isinstance(step, AccumulateGrad) and step not in direct and case not in (update_in_between, allocated):
                planned = made.code[made.spans[i]]
                buffer = step.sink.buffer
                assert (planned.call is not None) == (step.fresh and buffer is not None)
                assert planned.call is None or (planned.call.name, planned.call.out) == ("copy", buffer)
        assert program.traces == 1


def test_a_run_that_fails_leaves_gradients_that_are_there() -> None:
    """A buffer of the program's own takes over the gradient that it finds."""
    w, table = mg.tensor(np.ones(3), requires_grad=True), mg.tensor(np.eye(4))

    def step(ids: Any) -> Any:
        looked_up = mg.sum(mg.embedding(ids, table))
        w.zero_grad()
        mg.sum(mg.tanh(w) * looked_up).backward()
        return looked_up

    program: Any = mg.define(step, engine="numpy")
    for first in (True, False):
        if first:
            mg.sum(w * 2.0).backward()
        with pytest.raises(IndexError):
            program(np.array([7]))
        if not first or w.grad is None:
            continue
        assert w.grad.numpy().tolist() == [2.0] * 3
        mg.sum(w * 5.0).backward()
        assert w.grad.numpy().tolist() == [7.0] * 3
        program(np.array([1]))
        np.testing.assert_allclose(w.grad.numpy(), 1.0 - np.tanh(1.0) ** 2, rtol=1e-13)


def updates(program: Any) -> list[PlannedCall]:
    """The calls of the optimizers' steps, as engines are told of them."""
    steps, made = program.graph.steps, program._last().executable
    return [made.code[made.spans[i]] for i, s in enumerate(steps) if isinstance(s, HostCall)]


@pytest.mark.parametrize(
    ("name", "options", "calls", "is_owned", "uses_threads"),
    [
        ("adam", {}, 1, True, False),
        ("muon", {}, 1, True, True),
        ("adam", {}, 2, False, False),
        ("adam", {"missing": "zero"}, 1, False, False),
    ],
)
def test_an_update_is_the_engines_if_all_its_gradients_are_there(
    name: str, options: dict[str, Any], calls: int, is_owned: bool, uses_threads: bool
) -> None:
    w, v = (mg.tensor(np.ones((4, 4)), requires_grad=True) for _ in "wv")
    opt = mg.optimizer(name, {"w": w, "v": v}, **options)

    def step(x: Any) -> Any:
        for _ in range(calls):
            opt.zero_grad()
            loss = mg.sum(mg.tanh(w * x) * (2.0 if options else v))
            loss.backward()
            opt.step()
        return loss

    program: Any = mg.define(step, engine="numpy")
    program(np.ones((4, 4)))
    planned = updates(program)
    assert [call.owner is opt for call in planned] == [is_owned] * calls
    assert [call.uses_blas_threads for call in planned] == [uses_threads] * calls


def test_an_update_that_evaluates_the_loss_is_no_engines() -> None:
    w = mg.tensor(np.ones(3), requires_grad=True)
    opt = mg.optimizer("newton", [w])
    program: Any = mg.define(lambda x: (opt.step(lambda: mg.sum((w - x) ** 2)), mg.sum(w))[1], engine="numpy")
    assert program(np.arange(3.0)).item() == pytest.approx(3.0)
    (planned,) = updates(program)
    assert (planned.owner, planned.uses_blas_threads) == (None, True)


def test_two_optimizers_each_have_their_own_step() -> None:
    w, v = (mg.tensor(np.ones((4, 4)), requires_grad=True) for _ in "wv")
    first, second = mg.optimizer("adam", {"w": w}), mg.optimizer("sgd", {"v": v}, lr=0.1)

    def step(x: Any) -> Any:
        first.zero_grad()
        second.zero_grad()
        loss = mg.sum(mg.tanh(w * x) * v)
        loss.backward()
        first.step()
        second.step()
        return loss

    program: Any = mg.define(step, engine="numpy")
    program(np.ones((4, 4)))
    assert [call.owner for call in updates(program)] == [first, second]


def test_code_is_bound_anew_only_where_memory_has_moved() -> None:
    held = mg.tensor(np.ones(3))
    w = mg.tensor(np.ones(3), requires_grad=True)

    def step(x: Any) -> Any:
        w.zero_grad()
        mg.sum(mg.tanh(w * x) * held).backward()
        return mg.sum(w * held)

    program: Any = mg.define(step, engine="numpy")
    program(np.ones(3))
    made = program._last().executable
    held[...] = np.full(3, 2.0)
    assert program(np.ones(3)).item() == 6.0
    assert program._last().executable is made  # what is held is looked up at each run
    moves: list[tuple[Callable[[], object], float]] = [
        (lambda: assign(w, np.full(3, 0.5)), 3.0),
        (lambda: setattr(w._sink, "buffer", None), 3.0),
        (lambda: mg.optimizer("sgd", [w], lr=0.1), 3.0),
    ]
    for move, value in moves:
        assert made.valid()
        move()
        assert made.valid() is False
        assert program(np.ones(3)).item() == value
        before, made = made, program._last().executable
        assert made is not before
    assert program.traces == 1
