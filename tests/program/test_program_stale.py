"""A state machine changes at random what a step reads without being given it: the program always answers as eager."""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.program import TraceError

X = np.array([1.0, -2.0, 3.0])
SCALE = 1.0
TABLE: dict[str, Any] = {"inner": {"w": np.ones(3)}, "k": 1.0}
numbers = st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0])
arrays = st.lists(numbers, min_size=3, max_size=3).map(np.array)


class Config:
    """Settings of a step: of the class, of objects, behind a property, by position."""

    shared = 1.0

    def __init__(self) -> None:
        self.k = 1.0
        self.w: Array = np.ones(3)
        self.items: list[Any] = [1.0, np.ones(3)]
        self._hidden = 1.0

    @property
    def hidden(self) -> float:
        return self._hidden

    def __getitem__(self, i: int) -> Any:
        return self.items[i]


class Changes(RuleBasedStateMachine):
    """Everything in reach of `step` may change between two calls; `step` reads all of it, or some."""

    def __init__(self) -> None:
        super().__init__()
        global SCALE, TABLE
        SCALE, TABLE = 1.0, {"inner": {"w": np.ones(3)}, "k": 1.0}
        Config.shared = 1.0
        config, module = Config(), types.SimpleNamespace(k=1.0)
        cell: Array = np.ones(3)
        places, mask = np.array([0, 1, 2]), np.array([True, True, False])
        weight = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
        held = {"t": mg.tensor([1.0, 1.0, 1.0]), "w": weight}
        layer = nn.Sequential(nn.LeakyReLU(0.5), nn.Linear(3, 3, rng=0).astype(np.float64))

        def step(x: Any, default: Array = cell) -> Any:
            y = x * cell * SCALE + TABLE["inner"]["w"] * TABLE["k"] + default
            y = y * config.k + config.w * config.hidden + config[1] * config[0] + config.shared * module.k
            y = y + y[places] + mg.sum(y[mask]) * held["t"] + held["w"] + getattr(config, "extra", 0.0)
            return mg.where(places > 0, y, -y) * layer(y)

        def rebind_cell(a: Array) -> None:
            nonlocal cell
            cell = a

        def fill_cell(a: Array) -> None:
            cell[:] = a

        self.step, self.program = step, mg.define(step)
        self.changes: list[Callable[[Any, Any], None]] = [
            lambda n, a: rebind_cell(a),
            lambda n, a: fill_cell(a),
            lambda n, a: globals().update(SCALE=n),
            lambda n, a: TABLE.update(k=n),
            lambda n, a: TABLE["inner"].update(w=a),
            lambda n, a: TABLE.update(inner={"w": a}),
            lambda n, a: np.copyto(TABLE["inner"]["w"], a),
            lambda n, a: setattr(config, "k", n),
            lambda n, a: setattr(config, "w", a),
            lambda n, a: np.copyto(config.w, a),
            lambda n, a: setattr(config, "_hidden", n),
            lambda n, a: setattr(config, "extra", n),
            lambda n, a: setattr(Config, "shared", n),
            lambda n, a: setattr(module, "k", n),
            lambda n, a: config.items.__setitem__(0, n),
            lambda n, a: config.items.__setitem__(1, a),
            lambda n, a: np.copyto(config.items[1], a),
            lambda n, a: np.copyto(places, [int(abs(n)) % 3, 1, 0]),
            lambda n, a: np.copyto(mask, a > 0.0),
            lambda n, a: held.update(t=mg.tensor(a)),
            lambda n, a: held["t"].__setitem__(0, n),
            lambda n, a: held.update(w=mg.tensor(a, requires_grad=True)),
            lambda n, a: setattr(layer.layers[0], "negative_slope", abs(n) / 4.0),
            lambda n, a: setattr(layer.layers[1], "bias", mg.tensor(a, requires_grad=True)),
        ]

    @rule(which=st.integers(0, 23), number=numbers, array=arrays)
    def change(self, which: int, number: float, array: Array) -> None:
        self.changes[which](number, array)

    @invariant()
    def answers_as_eager(self) -> None:
        for x in (X, -X):
            got, expected = self.program(x).numpy(), self.step(mg.tensor(x)).numpy()
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


Changes.TestCase.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
TestChanges = pytest.mark.filterwarnings("ignore::minigrad.program.RetraceWarning")(Changes.TestCase)


def test_the_sign_of_zero_is_read() -> None:
    numbers = {"k": 0.0}
    program: Any = mg.define(lambda x, k=1.0: x * numbers["k"] * k)
    for inside, given in ((0.0, 1.0), (-0.0, 1.0), (0.0, -0.0), (0.0, 0.0)):
        numbers["k"] = inside
        assert np.signbit(program(np.ones(2), k=given).numpy()).all() == np.signbit(inside * given)


@pytest.mark.parametrize("made", [lambda: (k for k in (1.0, 2.0)), lambda: iter([1.0, 2.0]), lambda: map(abs, [1.0])])
def test_iterators_are_refused(made: Callable[[], Any]) -> None:
    it = made()
    with pytest.raises(TraceError, match="iterator"):
        mg.define(lambda x: x * next(it))(X)


def test_what_only_the_loop_knows_makes_no_other_program() -> None:
    loop = types.SimpleNamespace(k=1.0, epoch=0, losses=[])
    program: Any = mg.define(partial(lambda settings, x: x * settings.k, loop))
    for _ in range(5):
        loop.epoch += 1
        loop.losses.append(program(X))
    assert program.traces == 1


@pytest.mark.parametrize("options", [{"ignore_index": -100}, {"ignore_index": -100, "label_smoothing": 0.2}])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.5])])
def test_ignored_labels_and_class_weights(options: dict[str, Any], weight: Array | None) -> None:
    scores: Any = mg.tensor(np.arange(12.0).reshape(4, 3) % 5.0, requires_grad=True)

    def step(labels: Any) -> Any:
        scores.zero_grad()
        loss: Any = mg.cross_entropy(scores * 1.0, labels, weight=weight, **options)
        loss.backward()
        return loss, scores.grad

    program: Any = mg.define(step)
    for labels in ([0, 1, 2, -100], [-100, -100, 1, 2], [0, 0, 0, 0]):
        for got, expected in zip(program(np.array(labels)), step(np.array(labels)), strict=True):
            np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-13, atol=1e-15)
    assert program.traces == 1


def test_least_squares_inside_a_program() -> None:
    from minigrad.linalg import lstsq

    rng = np.random.default_rng(0)
    program: Any = mg.define(lambda a, b: mg.grad(lambda u: mg.sum(mg.square(lstsq(u, b)[0])))(a))
    for _ in range(3):
        a, b = rng.normal(size=(5, 3)), rng.normal(size=5)
        expected = mg.grad(lambda u, b=b: mg.sum(mg.square(lstsq(u, mg.tensor(b))[0])))(a)
        np.testing.assert_allclose(program(a, b).numpy(), np.asarray(expected), rtol=1e-9)
    assert program.traces == 1


@pytest.mark.parametrize("space", [{}, {"__name__": "__main__"}], ids=["nameless", "main"])
def test_code_run_by_exec_is_the_users(space: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file of `__main__` is that of an installed tool, as in a notebook or under `python -m pytest`."""
    monkeypatch.setattr("__main__.__file__", "/usr/lib/python3/site-packages/tool/__main__.py", raising=False)
    space.update(mg=mg, w=mg.tensor(X, requires_grad=True), scale=2.0)
    exec("step = mg.define(lambda x: (scale * w * x).sum())", space)
    assert float(space["step"](X).item()) == 2.0 * float((X * X).sum())
    space["scale"] = 3.0
    assert float(space["step"](X).item()) == 3.0 * float((X * X).sum())
