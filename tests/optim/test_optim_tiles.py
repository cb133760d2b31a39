"""Elementwise rules on large vectors: recorded, cut into tiles, run in threads, and the same to the last bit."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.core import tensor
from minigrad.optim import Ema, Moment, Need, Objective, available, load, number, optimizer
from minigrad.optim.engine import Rule, Runner
from minigrad.optim.lanes import NotElementwise, Recorder
from minigrad.optim.protocol import NoState
from minigrad.optim.registers import compiled
from minigrad.optim.state import leaves
from minigrad.optim.tiles import SMALLEST, TiledRunner, licensed
from minigrad.typing import Array

N = SMALLEST + 4321
ELEMENTWISE = sorted(n for n in available() if "elementwise" in load(n).laws)


def pair(rule: Rule, dtype: type = np.float32, n: int = N) -> tuple[Runner, TiledRunner]:
    w: Array = np.random.default_rng(0).standard_normal(n).astype(dtype)
    tiled = TiledRunner("tiled", rule, w.copy())
    tiled.tile = 10_007  # several tiles for each thread, and an odd one at the end
    return Runner("whole", rule, w.copy()), tiled


def compare(whole: Runner, tiled: TiledRunner, steps: int = 4, decay: float = 0.0, shrink: float = 1.0) -> None:
    rng = np.random.default_rng(1)
    for t in range(1, steps + 1):
        g = rng.standard_normal(whole.w.size).astype(whole.w.dtype)
        kept = g.copy()
        w = whole.w if shrink == 1.0 else shrink * whole.w
        whole.commit(*whole.propose(Objective(g + decay * whole.w if decay else g), t, w))
        assert tiled.prepare(g, t, decay, shrink)
        tiled.execute(t)
        assert np.array_equal(g, kept)
        assert whole.w.tobytes() == tiled.w.tobytes()
        for name, leaf in leaves(whole.state).items():
            np.testing.assert_array_equal(leaf, leaves(tiled.state)[name], err_msg=name)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_elementwise_rule_gives_the_same_bits(name: str, dtype: type) -> None:
    rule = load(name)()
    assert licensed(rule, np.zeros(N))
    compare(*pair(rule, dtype))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"amsgrad": True}),
        ("adam", {"bias_correction": False}),
        ("rmsprop", {"centred": True, "momentum": 0.9}),
        ("nesterov", {"lr_inside": True}),
    ],
)
def test_options_too_and_weight_decay(name: str, options: dict[str, object]) -> None:
    compare(*pair(load(name)(**options)), decay=0.1)
    compare(*pair(load(name)(**options)), shrink=0.99)


def test_what_has_no_licence_is_not_tiled() -> None:
    assert not licensed(load("newton")(), np.zeros(N))
    assert not licensed(load("nesterov")(form="lookahead"), np.zeros(N))
    assert not licensed(load("adam")(), np.zeros(SMALLEST - 1))


@attrs.frozen
class Odd:
    """Swaps its vectors, hands the gradient on, and uses where and clip."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> OddState:
        return OddState(np.zeros_like(w), np.ones_like(w), np.full_like(w, 2.0), np.zeros_like(w), 0)

    def update(self, w: Array, f: Objective, state: OddState, t: int) -> tuple[Array, OddState]:
        g = np.where(f.grad > state.a, f.grad, np.clip(state.b, -0.5, 0.5))
        rooted = np.sqrt(np.abs(g) ** 0.5)
        return w - self.lr * rooted, OddState(state.b, state.a, state.c, f.grad.copy(), state.count + 1)


@attrs.frozen
class OddState:
    a: Array
    b: Array
    c: Array
    last: Array
    count: int


def test_swapped_and_handed_on_vectors() -> None:
    compare(*pair(cast(Rule, Odd())))


@attrs.frozen
class Twin(Odd):
    """Starts with one array under two names, which must not become one memory."""

    def init(self, w: Array) -> OddState:
        z = np.zeros_like(w)
        return OddState(z, z, np.ones_like(w), z, 0)

    def update(self, w: Array, f: Objective, state: OddState, t: int) -> tuple[Array, OddState]:
        a, b = 0.5 * state.a + f.grad, 0.9 * state.b + f.grad
        return w - self.lr * (a - b), OddState(a, b, state.c, state.last, state.count)


def test_one_array_under_two_names() -> None:
    compare(*pair(cast(Rule, Twin())))


@attrs.frozen
class Branching:
    """Elementwise, but decides in Python what each coordinate does."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        g = f.grad.astype(w.dtype)
        return w - self.lr * g, state


def test_rules_that_cannot_be_recorded_run_untiled() -> None:
    _, tiled = pair(cast(Rule, Branching()))
    before = tiled.w.copy()
    assert not tiled.prepare(np.ones(N, np.float32), 1, 0.0, 1.0)
    assert np.array_equal(tiled.w, before)
    tiled.step(Objective(np.ones(N, np.float32)), 1)
    np.testing.assert_allclose(tiled.w, before - 0.1, rtol=1e-6)


def test_through_the_driver_with_followers_and_saving() -> None:
    rng = np.random.default_rng(5)
    start, gradients = rng.standard_normal(N), rng.standard_normal((6, N))
    a, b = tensor(start, requires_grad=True), tensor(start, requires_grad=True)
    straight, broken_off = (optimizer("adam", {"w": x}, lr=0.1, average=Ema(rate=0.9)) for x in (a, b))
    for g in gradients[:3]:
        for x, opt in ((a, straight), (b, broken_off)):
            opt.zero_grad()
            x.backward(g)
            opt.step()
    c = tensor(b.numpy(), requires_grad=True)
    resumed = optimizer("adam", {"w": c}, lr=0.1, average=Ema(rate=0.9))
    resumed.load_state_dict(broken_off.state_dict())
    for g in gradients[3:]:
        for x, opt in ((a, straight), (c, resumed)):
            opt.zero_grad()
            x.backward(g)
            opt.step()
    assert a.numpy().tobytes() == c.numpy().tobytes()
    m = Moment.zeros(np.zeros(N))
    for g in gradients:
        m = m.update(g, 0.9)
    np.testing.assert_allclose(np.asarray(straight.state_dict()["state/w/m.biased"]), m.biased, rtol=1e-13)


UNARY = [np.negative, np.square, np.abs, np.sign, np.exp]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_register_allocation_on_random_programs(data: st.DataObject) -> None:
    """Any program of calls, any choice of results: the tiles hold what NumPy computes on whole vectors."""
    inputs = data.draw(st.integers(1, 4))
    dtypes = tuple(np.dtype(np.float64) for _ in range(inputs))
    recorder = Recorder(dtypes)
    lanes: list[Any] = list(recorder.inputs)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    vectors = [rng.uniform(-1, 1, 23) for _ in range(inputs)]
    values: list[Array] = [v.copy() for v in vectors]
    for _ in range(data.draw(st.integers(0, 12))):
        i, j, k = (data.draw(st.integers(0, len(lanes) - 1)) for _ in range(3))
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            f = data.draw(st.sampled_from(UNARY))
            lanes.append(f(np.clip(lanes[i], -3.0, 3.0)))
            values.append(f(np.clip(values[i], -3.0, 3.0)))
        elif kind == 1:
            g = data.draw(st.sampled_from(BINARY))
            lanes.append(g(lanes[i], lanes[j]))
            values.append(g(values[i], values[j]))
        else:
            lanes.append(np.where(lanes[i] > 0.25, lanes[j], lanes[k]))
            values.append(np.where(values[i] > 0.25, values[j], values[k]))
    chosen = [data.draw(st.integers(0, len(lanes) - 1)) for _ in range(data.draw(st.integers(1, inputs)))]
    program = compiled(recorder.calls, dtypes, [lanes[c].index for c in chosen])
    kept = [v.copy() for v in vectors]
    with np.errstate(all="ignore"):
        program.run(vectors, 0, 23, 7)
    for k, c in enumerate(chosen):
        np.testing.assert_array_equal(vectors[k], values[c])
    for k in range(len(chosen), inputs):
        np.testing.assert_array_equal(vectors[k], kept[k])


@pytest.mark.parametrize(
    "misuse",
    [
        lambda x: np.sum(x),
        lambda x: bool(x),
        lambda x: x[0],
        lambda x: len(x),
        lambda x: np.asarray(x),
        lambda x: x + np.arange(3.0),
        lambda x: np.add.reduce(x),
        lambda x: np.modf(x),
        lambda x: np.linalg.norm(x),
    ],
)
def test_what_a_part_cannot_do_is_refused(misuse: object) -> None:
    lane = Recorder((np.dtype(np.float64),)).inputs[0]
    with pytest.raises(NotElementwise):
        misuse(lane)  # type: ignore[operator]
