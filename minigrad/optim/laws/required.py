"""The laws that every optimizer must keep, C1 to C14.

Each check raises LawViolated with a counter-example, or returns.
A check that cannot say anything about a rule returns the reason as a string.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import StateError
from minigrad.optim.gradient_transforms import with_weight_decay
from minigrad.optim.laws.landscape import Environment, landscape, tape
from minigrad.optim.laws.report import LawViolated
from minigrad.optim.laws.rule_under_test import STEPS, RuleUnderTest, differ, show
from minigrad.optim.objective import Objective, read_only
from minigrad.optim.protocol import Need, needs_of
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import Leaf, State, check_fits, copied, leaves, rebuild, same

__all__ = ["CORE", "Check"]

Check = Callable[[RuleUnderTest, int], str | None]
_GROUNDS = 4


def purity(s: RuleUnderTest, n: int) -> None:
    """C1, C2, C3, C5 on runs in which every step is proposed twice and every input guarded."""
    _pure_run(s, s.rule(), n, STEPS, s.ground(n).environment(s.needs))


def long_purity(s: RuleUnderTest, n: int) -> None:
    """Check C1, C2, C3, C5 where they break late or seldom.

    Many steps, many parameters, float32, one-sided and sparse gradients.
    """
    if s.needs != Need.GRAD:
        _pure_run(s, s.rule(), n, 8, s.ground(n).environment(s.needs))
        return
    many = s.gradients(4, 130)
    sparse = many * (np.arange(130) % 7 == 0)
    _pure_run(s, s.rule(), 130, 4, tape(-np.abs(many)))
    _pure_run(s, s.rule(), 130, 4, tape(sparse.astype(np.float32)), np.float32)
    if s.is_thorough:
        for size in (1000, 10_000):
            _pure_run(s, s.rule(), size, 2, tape(s.gradients(2, size)))
    _pure_run(s, s.rule(), 3, s.horizon, tape(np.resize(s.gradients(17, 3), (s.horizon, 3))))


def options(s: RuleUnderTest, n: int) -> None:
    """Check C1, C2, C3, C5 with each option at another value than its default.

    As far as the rule can be built with it.
    """
    for name, value, rule in s.variants():
        needs = needs_of(rule, rule.needs)
        try:
            _pure_run(s, rule, n, 3, s.ground(n).environment(needs))
        except LawViolated as broken:
            raise LawViolated(f"with {name}={value!r}: {broken}", broken.law) from None


def _pure_run(
    s: RuleUnderTest,
    rule: UpdateRule,
    n: int,
    steps: int,
    environment: Environment,
    dtype: type[np.floating] = np.float64,
) -> None:
    runner = s.runner(s.start(n, dtype), rule)
    form = leaves(runner.state)
    for t in range(1, steps + 1):
        f = environment(runner.w.copy(), t)
        own = leaves(runner.state)
        _guard(own)
        before = {k: copied(v) for k, v in own.items()}
        here, g = runner.w.copy(), f.grad.copy()
        w, state = _tried(lambda: runner.propose(f, t), t)  # noqa: B023  # called at once
        again, twin = runner.propose(f, t)
        if not np.array_equal(runner.w, here):
            raise LawViolated(f"update wrote into its parameters at step {t}", "C2")
        if not np.array_equal(f.grad, g) or not all(same(v, before[k]) for k, v in leaves(runner.state).items()):
            raise LawViolated(f"update wrote into its gradient or state at step {t}", "C2")
        new = leaves(state)
        _require_same(w, again, new, leaves(twin), n, t)
        for name, leaf in new.items():
            if isinstance(leaf, np.ndarray) and (np.shares_memory(leaf, f.grad) or np.shares_memory(leaf, runner.w)):
                raise LawViolated(
                    f"at step {t}, state {name!r} shares memory with the gradient or the parameters", "C3"
                )
        try:
            check_fits(s.plugin, new, form)
        except StateError as error:
            raise LawViolated(f"the state changes its form at step {t}: {error}", "C5") from None
        if not np.isfinite(w).all():
            worst = show(w[~np.isfinite(w)][0])
            raise LawViolated(f"at step {t} a parameter became {worst} on a tame convex function", "C13")
        runner.commit(w, state)


def overwritten(s: RuleUnderTest, n: int) -> None:
    """C3: what the caller does to his arrays after the step is no concern of the rule."""
    environment = s.ground(n).environment(s.needs)
    runner = s.runner(s.start(n))
    iterates = [s.start(n)]
    for t in range(1, STEPS + 1):
        f = environment(runner.w.copy(), t)
        lent = f.grad.copy()
        f._grad = read_only(lent)
        w, state = runner.propose(f, t)
        lent[...] = math.nan
        iterates.append(w.copy())
        runner.commit(w, state)
    differ(np.array(iterates), s.plain(n), "the caller reused the gradient's memory after each step")


def round_trip(s: RuleUnderTest, n: int) -> None:
    """C4: a state saved as bytes and rebuilt continues to the last bit."""
    environment = s.ground(n).environment(s.needs)
    straight = s.run(s.start(n), environment, s.run_length)
    runner = s.runner(s.start(n))
    for t in range(1, s.run_length + 1):
        runner.step(environment(runner.w.copy(), t), t)
        resumed = s.runner(runner.w)
        resumed.state = rebuild(resumed.state, {k: _reread(v) for k, v in leaves(runner.state).items()})
        runner = resumed
        differ(np.array([runner.w]), straight[t : t + 1], "the state was saved and reloaded before each step", since=t)


def single_precision(s: RuleUnderTest, n: int) -> None:
    """C5: float32 parameters stay float32, in the state too."""
    runner = s.runner(s.start(n, np.float32))
    environment = s.ground(n, "float32").environment(s.needs)
    for t in range(1, 4):
        runner.step(environment(runner.w.copy(), t), t)
        for name, leaf in leaves(runner.state).items():
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" and leaf.dtype != np.float32:
                raise LawViolated(f"with float32 parameters, state {name!r} is {leaf.dtype} after step {t}")


def zero_rate(s: RuleUnderTest, n: int) -> str | None:
    """C6: lr=0 stands still, apart from what one other hyperparameter turns off, as in C8."""
    if "lr" not in s.fields:
        return "it has no field lr"
    w = s.start(n)
    environment, expected = s.ground(n).environment(s.needs), np.array([w] * 4)
    moved = s.run(w, environment, 3, s.rule(lr=0.0))
    if not np.array_equal(moved, expected) and not any(
        np.array_equal(s.run(w, environment, 3, rule), expected) for rule in s.without_extras({"lr": 0.0}, w)
    ):
        differ(moved, expected, "lr=0")
    return None


def maximising(s: RuleUnderTest, n: int) -> str | None:
    """C7: maximising -f is minimising f."""
    if Need.RESIDUAL in s.needs:
        return "a sum of squares cannot be maximised"
    ground = s.ground(n)
    up = ground.scaled(-1.0).environment(s.needs)
    w = s.start(n)
    climbed = s.run(w, lambda y, t: with_weight_decay(up(y, t), y, -1.0, 0.0), s.run_length)
    straight = s.run(w, ground.environment(s.needs), s.run_length)
    differ(climbed, straight, "maximising -f")
    return None


def rest(s: RuleUnderTest, n: int) -> None:
    """C8: with a gradient of 0 from the start nothing moves.

    Weight decay apart, and whatever else one hyperparameter turns off while the rule still descends: the radius of a
    ball, the weight of a penalty, a temperature.
    """
    hyper = {name: 0.0 for name in ("weight_decay",) if name in s.fields}
    w = s.start(n)
    flat = Objective(
        np.zeros(n),
        value=lambda: 0.0,
        at=lambda there: flat,
        hvp=lambda v: v,
        hessian=lambda: np.eye(n),
        residual=lambda: np.zeros(n),
        jacobian=lambda: np.eye(n),
    )
    expected = np.array([w] * 4)
    moved = s.run(w, lambda y, t: flat, 3, s.rule(**hyper))
    if not np.array_equal(moved, expected) and not any(
        np.array_equal(s.run(w, lambda y, t: flat, 3, rule), expected) for rule in s.without_extras(hyper, w)
    ):
        differ(moved, expected, "the gradient is 0")


def descent(s: RuleUnderTest, n: int) -> None:
    """C9: on a tame convex function, 60 steps lower it noticeably; slow rules get up to 3,000.

    A thorough trial takes several functions, and looks again where its long runs end.
    """
    for seed in range(s.seed, s.seed + (_GROUNDS if s.is_thorough else 1)):
        ground = landscape(n, seed, quartic=0.0)
        floor = ground.value(ground.minimum())
        environment, runner = ground.environment(s.needs), s.runner(s.start(n))
        first = ground.value(runner.w) - floor
        # Rules that search are done within a few steps, and costly ever after.
        checkpoints = (4, 60, 300, 1000, 3000) if s.needs != Need.GRAD else (20, 60, 300, 1000, 3000)
        since = 0
        for t in range(1, 3001):
            runner.step(environment(runner.w.copy(), t), t)
            if t in checkpoints and not since and ground.value(runner.w) - floor < 0.98 * first:
                since = t
            if since and (t >= s.horizon or not s.is_thorough):
                break
        left = ground.value(runner.w) - floor
        if not since or not left < first:
            again = f" and, after {since} steps had lowered it, rose again" if since else ""
            raise LawViolated(
                f"on a convex function of {n} parameters the distance to the minimum went from {show(first)} to "
                f"{show(left)} in {t} steps{again}; if it needs other hyperparameters to descend, "
                "say so in a class attribute `trial`"
            )


def interruption(s: RuleUnderTest, n: int) -> None:
    """C10: a step whose result was thrown away leaves no trace.

    The optimizer throws a proposal away when it, or that of another group, is not finite. A rule may refuse numbers
    that are not finite by an error of arithmetic, as NumPy's eigenvalues do: the optimizer never begins a step there.
    """
    environment = s.ground(n).environment(s.needs)
    elsewhere = landscape(n, s.seed + 2, quartic=0.0 if Need.RESIDUAL in s.needs else 0.05).environment(s.needs)
    runner = s.runner(s.start(n))
    iterates = [s.start(n)]
    for t in range(1, STEPS + 1):
        f = environment(runner.w.copy(), t)
        runner.propose(elsewhere(runner.w.copy(), t), t)
        spoilt = environment(runner.w.copy(), t)
        spoilt._grad = np.full(n, math.nan)
        with np.errstate(all="ignore"):
            try:
                runner.propose(spoilt, t)
            except (ArithmeticError, ValueError):  # LinAlgError is a ValueError
                pass
            except Exception as error:
                if "NaN" not in str(error) and "finite" not in str(error):
                    raise LawViolated(f"a gradient of NaN at step {t} raised {type(error).__name__}: {error}") from None
        runner.step(f, t)
        iterates.append(runner.w.copy())
    differ(np.array(iterates), s.plain(n), "after steps that were discarded")


def independence(s: RuleUnderTest, n: int) -> None:
    """C11: init is pure, and two runs at once do not see each other."""
    w = s.start(n)
    first, second = s.runner(w), s.runner(w)
    for name, leaf in leaves(first.state).items():
        twin = leaves(second.state)[name]
        if not same(leaf, twin):
            a, b = (np.ravel(x)[0] for x in (leaf, twin))
            raise LawViolated(
                f"init gave {name!r} starting with {show(a)}, then with {show(b)}, for the same parameters"
            )
    here = s.ground(n).environment(s.needs)
    there = landscape(n, s.seed + 1).environment(s.needs)
    iterates = [w]
    for t in range(1, STEPS + 1):
        first.step(here(first.w.copy(), t), t)
        second.step(there(second.w.copy(), t), t)
        iterates.append(first.w.copy())
    differ(np.array(iterates), s.plain(n), "two runs interleaved")


def views(s: RuleUnderTest, n: int) -> None:
    """C12: parameters and gradients may be slices of a larger buffer."""
    environment = s.ground(n).environment(s.needs)
    alone = s.run(s.start(n), environment, 3)
    large = np.full(n + 3, 7.0)
    large[1 : n + 1] = s.start(n)
    runner = s.runner(s.start(n))
    runner.w = large[1 : n + 1]
    iterates = [s.start(n)]
    for t in range(1, 4):
        f = environment(runner.w.copy(), t)
        lent = np.full(n + 3, 7.0)
        lent[2 : n + 2] = f.grad
        f._grad = read_only(lent[2 : n + 2])
        runner.step(f, t)
        iterates.append(runner.w.copy())
    differ(np.array(iterates), alone, "parameters and gradients as slices of larger buffers")


CORE: dict[str, tuple[str, Check]] = {
    "C1": ("pure: same inputs, same bits; inputs unwritten, unaliased, form and dtype kept (C1 C2 C3 C5 C13)", purity),
    "C3": ("the caller may reuse the gradient's memory", overwritten),
    "C4": ("state survives saving to the last bit", round_trip),
    "C5": ("float32 stays float32", single_precision),
    "C6": ("lr=0 stands still", zero_rate),
    "C7": ("maximising -f is minimising f", maximising),
    "C8": ("no gradient, no movement", rest),
    "C9": ("descends", descent),
    "C10": ("a discarded step leaves no trace", interruption),
    "C11": ("init is pure and runs are independent", independence),
    "C12": ("works on slices of buffers", views),
    "C15": ("pure with each of its options", options),
    "C16": ("pure over many steps and parameters, in float32, with one-sided and sparse gradients", long_purity),
}


def _guard(state: dict[str, Leaf]) -> None:
    for leaf in state.values():
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False


def _tried(step: Callable[[], tuple[Array, State]], t: int) -> tuple[Array, State]:
    try:
        return step()
    except ValueError as error:
        if "read-only" in str(error):
            raise LawViolated(
                f"update wrote into its parameters, gradient or state at step {t}: {error}", "C2"
            ) from None
        raise


def _require_same(w: Array, again: Array, a: dict[str, Leaf], b: dict[str, Leaf], n: int, t: int) -> None:
    if w.tobytes() != again.tobytes():
        i = int(np.argmax(w != again))
        raise LawViolated(
            f"update called twice with the same arguments at step {t} gave {show(w[i])}, then {show(again[i])} "
            f"for entry {i} of {n}: it remembers or draws something outside its state"
        )
    for name, leaf in a.items():
        if name not in b or not same(leaf, b[name]):
            raise LawViolated(
                f"update called twice with the same arguments at step {t} gave two states: {name!r} differs"
            )


def _reread(leaf: Leaf) -> Leaf:
    if isinstance(leaf, np.ndarray):
        return np.frombuffer(leaf.tobytes(), leaf.dtype).reshape(leaf.shape).copy()
    return type(leaf)(repr(leaf) == "True") if isinstance(leaf, bool) else type(leaf)(repr(leaf))
