"""What a saved state holds, and every way in which one may not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import Ema, Group, Need, Objective, Segment, StateError, StatefulOptimizer
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import check_fits, copied, leaves, rebuild, same, state_version
from minigrad.optim.stateful.buckets import named_parameters
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup
from minigrad.typing import Array
from support.optim_lawful import Descent

State = dict[str, Any]
SHAPES = {"a": (2, 3), "b": (3,), "c": ()}


@attrs.frozen
class Everything:
    """A state with a leaf of each kind."""

    flat: Array
    square: Array
    parts: tuple[Array, ...]
    number: float
    steps: int
    nothing: Array | None = None


@attrs.frozen
class Keeper(Descent):
    """Keeps sums of gradients in every form that a state may have; which entry is whose shows in all of them."""

    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Any:
        parts = tuple(np.zeros(len(s.shape) + 1) for s in self.layout)
        return Everything(np.zeros_like(w), np.zeros((w.size, w.size)), parts, 0.0, 0)

    def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
        g = f.grad
        parts = tuple(p + s.of(g).sum() for p, s in zip(state.parts, self.layout, strict=True))
        moved = w - 0.1 * g - 0.01 * (state.flat + state.square @ g) - 0.001 * state.number
        for part, s in zip(parts, self.layout, strict=True):
            s.of(moved)[...] -= 0.01 * part.mean()
        new = Everything(state.flat + g, state.square + np.outer(g, w), parts, state.number + 0.5, state.steps + 1)
        return moved, new


def keeper(order: str = "abc", names: dict[str, str] | None = None, seed: int = 0) -> tuple[State, StatefulOptimizer]:
    rng = np.random.default_rng(seed)
    values = {n: rng.standard_normal(SHAPES[n]) for n in SHAPES}
    tensors = {(names or {}).get(n, n): mg.tensor(np.asarray(values[n]), requires_grad=True) for n in order}
    group = ParamGroup(named_parameters(tensors), cast(UpdateRule, Keeper()), {})
    return tensors, StatefulOptimizer("keeper (tests 1.0)", [group], OptimizerOptions())


def walk(tensors: State, opt: StatefulOptimizer, steps: int, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        grads = [rng.standard_normal(SHAPES[n]) for n in "abc"]
        opt.zero_grad()
        for t, g in zip([tensors.get(n, tensors.get(n.upper())) for n in "abc"], grads, strict=True):
            if t is not None:
                (t * 1.0).backward(mg.tensor(np.asarray(g)))
        opt.step()


def test_a_state_is_flat_named_and_shares_nothing() -> None:
    tensors, opt = keeper()
    walk(tensors, opt, 2)
    saved = opt.state_dict()
    state: Any = opt._transaction.runners[0].state
    assert {k: np.shape(v) for k, v in saved.items() if k.startswith("state/")} == {
        "state/a/flat": (2, 3), "state/b/flat": (3,), "state/c/flat": (), "state/a/parts": (3,),
        "state/b/parts": (2,), "state/c/parts": (1,),
    }  # fmt: skip
    rest = {k: v for k, v in saved.items() if not k.startswith(("state/", "shared/0.float64/square"))}
    assert rest == {
        "optimizer": "keeper (tests 1.0)", "t": 2, "micro": 0, "averaged": 0, "average_weight": 0.0, "format": 1,
        "state_version": 1, "order/0.float64": '["a", "b", "c"]', "shared/0.float64/number": 1.0,
        "shared/0.float64/steps": 2, "hyper/0/weight_decay": 0.0, "hyper/0/lr": 0.01,
    }  # fmt: skip
    np.testing.assert_array_equal(np.ravel(cast(Array, saved["state/b/flat"])), state.flat[6:9])
    for value in saved.values():
        if isinstance(value, np.ndarray):
            assert not np.shares_memory(value, state.flat)
            value[...] = 9.0
    assert not (state.flat == 9.0).any()


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
@pytest.mark.parametrize("rename", [False, True])
def test_every_leaf_goes_to_the_parameter_it_is_of(order: str, rename: bool) -> None:
    straight, one = keeper()
    walk(straight, one, 3)
    names = {"a": "A", "c": "C"} if rename else {}
    tensors, other = keeper(order, names, seed=5)
    for n, t in tensors.items():
        mg.runtime.parameters.assign(t, straight[n.lower()].numpy())
    saved = one.state_dict()
    before = {k: np.copy(v) for k, v in saved.items()}
    other.load_state_dict(saved, rename=names)
    assert all(np.array_equal(before[k], saved[k]) for k in saved)
    walk(straight, one, 3, seed=2)
    walk(tensors, other, 3, seed=2)
    for n, t in tensors.items():
        np.testing.assert_allclose(t.numpy(), straight[n.lower()].numpy(), rtol=1e-12, err_msg=n)
    assert other.t == 6


Change = Callable[[State], object]
DAMAGED: list[tuple[Change, str]] = [
    (lambda s: s.update(format=2), "not an optimizer state of format 1: format is 2"),
    (lambda s: s.pop("format"), "of format 1: format is None"),
    (lambda s: s.update(optimizer="adam (minigrad 0.1.0)"), r"this state was saved by 'adam \(minigrad 0.1.0\)'"),
    (lambda s: s.update(t=-1), "'t' should be a whole number, the saved state has -1"),
    (lambda s: s.update(t=1.5), "'t' should be a whole number, the saved state has 1.5"),
    (lambda s: s.pop("micro"), "'micro' should be a whole number, the saved state has None"),
    (lambda s: s.update(averaged="2"), "'averaged' should be a whole number, the saved state has '2'"),
    (lambda s: s.update(state_version=None), "'state_version' should be a whole number"),
    (lambda s: s.update(state_version=7), r"the state has version 7, this plugin 1 and no migrate\(\)"),
    (lambda s: s.update({"order/0.float64": "[1]"}), r"damaged: order/0.float64 is '\[1\]', not a list of names"),
    (lambda s: s.update({"order/0.float64": '"abc"'}), "not a list of names"),
    (lambda s: s.update({"order/0.float64": "{"}), "not a list of names"),
    (lambda s: s.pop("state/b/flat"), r"'flat' of parameter 'b' should be float64\[3\], the saved state has nothing"),
    (lambda s: s.update({"state/b/flat": np.ones(4)}), r"should be float64\[3\], the saved state has float64\[4\]"),
    (lambda s: s.update({"state/b/flat": np.ones(3, np.float32)}), r"the saved state has float32\[3\]"),
    (lambda s: s.pop("state/c/parts"), "the saved state has no 'parts' of parameter 'c'"),
    (lambda s: s.update({"state/c/parts": np.ones(2)}), r"'parts.2' is float64\[2\], expected float64\[1\]"),
    (lambda s: s.pop("shared/0.float64/number"), "missing 'number'"),
    (lambda s: s.update({"shared/0.float64/numbre": 1.0}), r"unexpected 'numbre'.* Did you mean 'number'\?"),
    (lambda s: s.update({"shared/0.float64/number": 1}), "'number' is int, expected float"),
    (
        lambda s: s.update({"shared/0.float64/square": np.ones(3)}),
        r"'square' is float64\[3\], expected float64\[10, 10\]",
    ),
    (
        lambda s: s.update({"state/a/driver.slow": np.ones((2, 3))}),
        r"'driver.slow' of parameter '[bc]' should be \[.*\], the",
    ),
    (lambda s: s.update({"state/d/flat": np.ones(2)}), "it has 'd', which are no parameters here"),
    (
        lambda s: s.update({"order/0.float64": json.dumps(list("abdefg"))}),
        r"it has 'd', 'e', 'f', 'g', which are no parameters here\. ",
    ),
    (
        lambda s: s.update({"order/0.float64": json.dumps(list("abdefgh"))}),
        r"it has 'd', 'e', 'f', 'g' and 1 more, which are no parameters here\. ",
    ),
]


@pytest.mark.parametrize("k", range(len(DAMAGED)))
def test_a_state_that_does_not_fit_changes_nothing_and_says_why(k: int) -> None:
    change, words = DAMAGED[k]
    tensors, opt = keeper()
    walk(tensors, opt, 2)
    saved: State = dict(opt.state_dict())
    walk(tensors, opt, 1)
    change(saved)
    before = opt.state_dict()
    with pytest.raises(StateError, match=words) as error:
        opt.load_state_dict(saved)
    assert str(error.value).startswith("keeper (tests 1.0)")
    after = opt.state_dict()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_in_part_and_of_several_groups() -> None:
    def make(split: bool, names: str = "abc") -> tuple[State, StatefulOptimizer]:
        tensors = {n: mg.tensor(np.full(SHAPES[n], 1.0 + k), requires_grad=True) for k, n in enumerate(names)}
        groups = [Group("b", lr=0.5)] if split else []
        return tensors, mg.optimizer("adam", tensors, lr=0.1, groups=groups, average=Ema(0.5))

    one, opt = make(True)
    walk(one, opt, 3)
    saved = opt.state_dict()
    assert {k: v for k, v in saved.items() if k.startswith("order/")} == {
        "order/0.float64": '["a", "c"]', "order/1.float64": '["b"]',
    }  # fmt: skip
    two, joined = make(False)
    joined.load_state_dict(saved)
    after = joined.state_dict()
    for n in "abc":
        for leaf in ("m.total", "v.total", "driver.average"):
            np.testing.assert_array_equal(
                np.asarray(after[f"state/{n}/{leaf}"]), np.asarray(saved[f"state/{n}/{leaf}"])
            )
    three, wider = make(False, "abc")
    partial: State = {k: v for k, v in saved.items() if not k.startswith(("state/b", "order/1", "shared/1"))}
    with pytest.raises(StateError, match="it has nothing for 'b'"):
        wider.load_state_dict(partial)
    wider.load_state_dict(partial, strict=False)
    got = wider.state_dict()
    assert not np.asarray(got["state/b/m.total"]).any()
    np.testing.assert_array_equal(np.asarray(got["state/a/m.total"]), np.asarray(saved["state/a/m.total"]))
    with pytest.raises(StateError, match=re.escape("rename= gives 'b' the states of several parameters")):
        wider.load_state_dict(saved, strict=False, rename={"a": "b"})
    assert len(two) == len(three) == 3


def test_parameters_that_began_late_go_on_as_late_as_they_were() -> None:
    def make() -> tuple[State, StatefulOptimizer]:
        tensors = {n: mg.tensor(np.full(SHAPES[n], 1.0), requires_grad=True) for n in "abc"}
        return tensors, mg.optimizer("adam", tensors, lr=0.1, missing="zero")

    def step(tensors: State, opt: StatefulOptimizer, t: int) -> None:
        opt.zero_grad()
        for n in "abc" if t > 3 else "ab":
            (tensors[n] * float(t)).backward(mg.tensor(np.full(SHAPES[n], 0.5)))
        opt.step()

    one, opt = make()
    for t in range(1, 6):
        step(one, opt, t)
    saved = opt.state_dict()
    assert {k: v for k, v in saved.items() if k.startswith("age/")} == {"age/c": 2}
    two, other = make()
    for n in "abc":
        mg.runtime.parameters.assign(two[n], one[n].numpy())
    other.load_state_dict(saved)
    assert other.state_dict()["age/c"] == 2
    for t in range(6, 9):
        step(one, opt, t)
        step(two, other, t)
        assert all(np.array_equal(one[n].numpy(), two[n].numpy()) for n in "abc")


# -- leaves ------------------------------------------------------------------------------------------------------------
def test_leaves_are_named_copied_and_put_together_again() -> None:
    state: Any = Everything(np.ones(2), np.eye(2), (np.ones(1), np.zeros(3)), 0.5, 3)
    named = leaves(state)
    assert list(named) == ["flat", "square", "parts.0", "parts.1", "number", "steps"]
    again: Any = rebuild(state, {k: copied(v) for k, v in named.items()})
    assert all(same(named[k], v) for k, v in leaves(again).items())
    assert not any(
        np.shares_memory(a, b) for a, b in zip((again.flat, *again.parts), (state.flat, *state.parts), strict=True)
    )
    assert again.nothing is None
    pairs: list[tuple[Any, Any, bool]] = [
        (0.0, -0.0, False), (1, 1.0, False), (True, 1, False), (2, 2, True), (np.nan, np.nan, True),
        (np.ones(2), np.ones(2), True), (np.ones(2), np.ones(2, np.float32), False),
        (np.ones(2), np.ones((2, 1)), False), (np.zeros(2), -np.zeros(2), False), (np.ones(1), 1.0, False),
    ]  # fmt: skip
    assert [same(a, b) for a, b, _ in pairs] == [right for *_, right in pairs]
    wrong: Any
    for wrong in ([1], "x", (1.0, 2.0), {"a": 1}):
        with pytest.raises(StateError, match=f"Everything.number is a {type(wrong).__name__}: a state may hold arrays"):
            leaves(attrs.evolve(state, number=wrong))
    with pytest.raises(StateError) as error:
        check_fits("mine", {"a": 1, "c": np.ones(2)}, {"b": 1.0, "c": np.ones((2, 1))})
    assert str(error.value) == (
        "mine: the saved state does not fit: unexpected 'a'.; missing 'b'; 'c' is float64[2], expected float64[2, 1]"
    )
    assert [state_version(r) for r in (Descent(), type("V", (), {"state_version": 3})())] == [1, 3]
    assert state_version(type("V", (), {"state_version": "3"})()) == 1
    assert Need.GRAD in Keeper.needs
