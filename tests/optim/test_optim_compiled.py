"""Elementwise rules: recorded once, run as compiled groups from then on, and the same to the last bit."""

from __future__ import annotations

import math
from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.core import tensor
from minigrad.engines import CompiledGroup, EngineWithFallback, FusionGroup, NumpyEngine
from minigrad.optim import Ema, Moment, Need, Objective, available, load, number, optimizer
from minigrad.optim.compiled.compiled_runner import LARGE, CompiledRunner, is_compilable
from minigrad.optim.compiled.traced_scalar import ScalarProgram
from minigrad.optim.compiled.traced_vector import NotElementwise, UpdateTracer
from minigrad.optim.protocol import NoState
from minigrad.optim.runner import RuleRunner, UpdateRule, resolve, scheduled
from minigrad.optim.schedule import Schedule
from minigrad.optim.schedules import Cosine, WarmUp
from minigrad.optim.state import leaves
from minigrad.typing import Array

N = LARGE + 4321
ELEMENTWISE = sorted(n for n in available() if "elementwise" in load(n).laws)


def pair(
    rule: UpdateRule, dtype: type = np.float32, n: int = N, schedules: dict[str, Schedule] | None = None
) -> tuple[RuleRunner, CompiledRunner]:
    w: Array = np.random.default_rng(0).standard_normal(n).astype(dtype)
    tiles = EngineWithFallback("small tiles", NumpyEngine(tile_bytes=40_028))  # several, and an odd one at the end
    return RuleRunner("whole", rule, w.copy(), schedules), CompiledRunner("c", rule, w.copy(), schedules, binder=tiles)


def compare(
    whole: RuleRunner,
    made: CompiledRunner,
    steps: int = 4,
    decay: float = 0.0,
    shrink: float = 1.0,
    compiled: bool = True,
) -> None:
    """Both runners, side by side; with `compiled` the second must take the compiled path once it has warmed up."""
    rng = np.random.default_rng(1)
    for t in range(1, steps + 1):
        g = rng.standard_normal(whole.w.size).astype(whole.w.dtype)
        kept = g.copy()
        for runner in (whole, made):
            if isinstance(runner, CompiledRunner) and runner.prepare(g, t, decay, shrink):
                runner.execute(t)
                continue
            assert runner is whole or not compiled or t <= 2
            w = runner.w if shrink == 1.0 else shrink * runner.w
            runner.commit(*runner.propose(Objective(g + decay * runner.w if decay else g), t, w))
        assert np.array_equal(g, kept)
        assert whole.w.tobytes() == made.w.tobytes()
        for name, leaf in leaves(whole.state).items():
            np.testing.assert_array_equal(leaf, leaves(made.state)[name], err_msg=name)
            assert type(leaf) is type(leaves(made.state)[name])


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [17, N])
def test_every_elementwise_rule_gives_the_same_bits(name: str, dtype: type, n: int) -> None:
    rule = load(name)()
    assert is_compilable(rule)
    compare(*pair(rule, dtype, n), steps=5 if n == N else 60)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("n", [17, N])
def test_schedules(name: str, n: int) -> None:
    schedules: dict[str, Schedule] = {"lr": WarmUp(Cosine(1e-2, 40), 3)}
    if name.startswith("adam"):
        schedules["beta1"] = Cosine(0.9, 50, 0.5)
    rule = resolve(load(name)(), schedules, 1)
    compare(*pair(rule, np.float32, n, schedules), steps=5 if n == N else 60)
    compare(*pair(rule, np.float64, 9, schedules), steps=9, decay=0.1)
    compare(*pair(rule, np.float64, 9, schedules), steps=9, shrink=0.9)


def test_it_is_compiled_once() -> None:
    """200 steps of Adam make one recording; momentum, whose first step differs, makes two."""
    for name, variants in (("adam", 1), ("momentum", 2)):
        _, made = pair(load(name)(dampening=0.5) if name == "momentum" else load(name)(), n=N)
        for t in range(1, 20):
            assert made.prepare(np.ones(N, np.float32), t, 0.0, 1.0)
            made.execute(t)
        assert len(made.notes) == variants


@attrs.frozen
class Elementwise:
    """What the rules below declare."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(0.1, ge=0.0)


@attrs.frozen
class Rooted(Elementwise):
    """Hands a number to math.sqrt, which cannot be recorded."""

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr / math.sqrt(t) * f.grad, state


def test_what_cannot_be_repeated_is_recorded_at_each_step_and_gives_the_same_bits() -> None:
    compare(*pair(cast(UpdateRule, Rooted())), steps=6)
    compare(*pair(cast(UpdateRule, Rooted()), n=17), steps=6, compiled=False)


def test_numbers_of_a_recording_made_at_each_step_are_no_constants_and_stay_apart() -> None:
    _, made = pair(cast(UpdateRule, Rooted()), n=N)
    counts = []
    for t in range(1, 9):
        assert made.prepare(np.ones(N, np.float32), t, 0.0, 1.0)
        made.execute(t)
        counts.append(len(made.notes))
    assert counts == [1] * 8
    assert not any(i.constant for i in made._specializations[0].trace.group.inputs)


def test_a_state_that_is_loaded_goes_to_where_the_compiled_calls_look() -> None:
    a, b = (tensor(np.linspace(-1, 1, 50), requires_grad=True) for _ in range(2))
    one, two = (optimizer("adam", {"w": x}, lr=0.1) for x in (a, b))

    def steps(x: Any, opt: Any, numbers: tuple[float, ...]) -> None:
        for k in numbers:
            opt.zero_grad()
            x.backward(np.full(50, k))
            opt.step()

    steps(a, one, (1.0, -2.0, 3.0, 1.0, 0.5))
    saved = {k: np.copy(v) if isinstance(v, np.ndarray) else v for k, v in one.state_dict().items()}
    steps(b, two, (5.0, 5.0, 5.0, 5.0, 5.0))
    two.load_state_dict(saved)
    np.copyto(two._buckets[0].params, one._buckets[0].params)
    steps(a, one, (2.0, 2.0))
    steps(b, two, (2.0, 2.0))
    assert a.numpy().tobytes() == b.numpy().tobytes()


def test_what_a_tape_repeats() -> None:
    def formula(t: Any, x: Any) -> Any:
        y = (2.0 - x) ** t / (1 + t % 3) // 0.001 * -x + abs(x - 3) - (+x)
        return y if t > 2 else np.sqrt(y * y) - 1.0 / t

    for first in (1, 5):
        tape = ScalarProgram([first, 0.25])
        made = formula(*tape.inputs)
        assert tape.exact
        for t, x in ((1, 0.5), (2, 0.25), (3, 0.125), (9, 1.5)):
            holds = tape.replay([t, x])
            assert holds == ((t > 2) == (first > 2))
            if holds:
                assert tape.cells[made.index] == formula(t, x)
    fixed = ScalarProgram([4, 0.5])
    assert float(fixed.inputs[1]) == 0.5
    assert not fixed.exact
    assert fixed.replay([9, 0.5])
    assert not fixed.replay([9, 0.75])


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


def test_what_has_no_licence() -> None:
    assert not is_compilable(load("newton")())
    assert not is_compilable(load("nesterov")(form="lookahead"))


@attrs.frozen
class Odd(Elementwise):
    """Swaps its vectors, hands the gradient on, and uses where and clip."""

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
    compare(*pair(cast(UpdateRule, Odd())))


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
    compare(*pair(cast(UpdateRule, Twin())))


@attrs.frozen
class Branching(Elementwise):
    """Elementwise, but decides in Python what each coordinate does."""

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        g = f.grad.astype(w.dtype)
        return w - self.lr * g, state


def test_rules_that_cannot_be_recorded_run_untiled() -> None:
    _, tiled = pair(cast(UpdateRule, Branching()))
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
    np.testing.assert_allclose(np.asarray(straight.state_dict()["state/w/m.total"]), m.total, rtol=1e-13)


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
    traced_w = UpdateTracer([np.zeros(3)]).traced[0]
    with pytest.raises(NotElementwise):
        misuse(traced_w)  # type: ignore[operator]


def test_another_engine_takes_over_the_next_step() -> None:
    _, made = pair(load("sgd")(), n=N)
    bound: list[int] = []

    class Counting(NumpyEngine):
        def bind(self, group: FusionGroup) -> CompiledGroup:
            bound.append(group.size)
            return super().bind(group)

    for t in range(1, 9):
        if t == 6:
            assert not bound
            made.use(EngineWithFallback("counting", Counting()))
        assert made.prepare(np.ones(N, np.float32), t, 0.0, 1.0)
        made.execute(t)
    assert bound == [N]


@attrs.frozen
class Fickle(Rooted):
    """Depends on something that no recording can know of."""

    mood: list[float] = attrs.field(factory=lambda: [1.0], eq=False)

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.mood[0] * f.grad, state


def test_the_first_steps_are_compared_with_the_rule_itself() -> None:
    rule = Fickle()
    _, made = pair(cast(UpdateRule, rule), n=N)
    prepared = []
    for t in range(1, 5):
        rule.mood[0] = 1.0 if t < 3 else 2.0
        prepared.append(made.prepare(np.ones(N, np.float32), t, 0.0, 1.0))
        if prepared[-1]:
            made.execute(t)
    assert prepared == [True, True, False, False]


@attrs.frozen
class Converting(Rooted):
    """Its fields are made by attrs itself, one with a converter that is no function."""

    lr: float = attrs.field(default=0.1, converter=attrs.converters.optional(float))
    push: float = attrs.field(default=0.5, converter=float)

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * (f.grad + self.push), state


@pytest.mark.parametrize("names", [("lr",), ("push",), ("lr", "push")])
def test_scheduled_numbers_are_those_of_the_rule_as_it_stands(names: tuple[str, ...]) -> None:
    schedules: dict[str, Schedule] = {name: Cosine(0.5, 40) for name in names}
    rule = cast(UpdateRule, Converting())
    for t in (1, 7):
        there = resolve(rule, schedules, t)
        assert scheduled(rule, schedules, t) == [getattr(there, name) for name in names]
    compare(*pair(rule, np.float64, 17, schedules), steps=9)


class Whole(Schedule):
    """Whole numbers, which become floats as in the rule's own field."""

    def __call__(self, t: int) -> float:
        return 1


def test_scheduled_numbers_are_converted() -> None:
    (found,) = scheduled(load("sgd")(), {"lr": Whole()}, 1)
    assert type(found) is float
