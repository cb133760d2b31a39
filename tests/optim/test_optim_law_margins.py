"""The law kit's own arithmetic: its landscapes, its starting points, and how small a violation it sees."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.optim import Need, NeedError, Objective, choice, count, flag, number
from minigrad.optim.laws import check_law
from minigrad.optim.laws.claimed import _valley
from minigrad.optim.laws.landscape import landscape, tape
from minigrad.optim.laws.report import LawViolated
from minigrad.optim.laws.rule_under_test import RuleUnderTest, across, differ, layout_of, other_values
from minigrad.optim.runner import UpdateRule
from minigrad.typing import Array
from support.optim_lawful import Descent
from support.optim_needs import check_offered

ALL = Need.GRAD | Need.VALUE | Need.REEVAL | Need.HVP | Need.HESSIAN | Need.RESIDUAL


def subject(cls: type = Descent, **more: Any) -> RuleUnderTest:
    return RuleUnderTest("", cast("type[UpdateRule]", cls), **more)


# -- landscapes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quartic", [0.0, 0.05])
@pytest.mark.parametrize("form", ["plain", "scaled", "shifted", "mapped"])
def test_a_landscape_and_all_that_is_seen_of_it_agree(form: str, quartic: float) -> None:
    rng = np.random.default_rng(2)
    base, t, c = landscape(4, 7, quartic=quartic), rng.standard_normal((4, 4)), rng.standard_normal(4)
    f = {
        "plain": base,
        "scaled": base.scaled(3.0).scaled(2.0),
        "shifted": base.shifted(c),
        "mapped": base.mapped(t, c),
    }[form]
    y, v, h = rng.standard_normal(4), rng.standard_normal(4), 1e-5
    x = {"plain": y, "scaled": y, "shifted": y - c, "mapped": t @ y + c}[form]
    factor = 6.0 if form == "scaled" else 1.0
    expected = 0.5 * x @ base.h @ x - base.b @ x + 0.25 * quartic * np.sum((base.a @ x) ** 4)
    assert f.value(y) == pytest.approx(factor * expected, rel=1e-12)
    seen = f.environment(ALL)(y, 1)
    assert seen.value() == f.value(y)
    for i, e in enumerate(h * np.eye(4)):
        assert seen.grad[i] == pytest.approx((f.value(y + e) - f.value(y - e)) / (2 * h), rel=1e-6, abs=1e-7)
        np.testing.assert_allclose(seen.hessian()[i], (f.grad(y + e) - f.grad(y - e)) / (2 * h), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(seen.hvp(v), seen.hessian() @ v, rtol=1e-12)
    np.testing.assert_array_equal(seen.at(y + v).grad, f.grad(y + v))
    if not quartic:  # a sum of squares, up to a constant
        r, j = seen.residual(), seen.jacobian()
        other = seen.at(y + v).residual()
        assert f.value(y + v) - f.value(y) == pytest.approx(0.5 * (other @ other - r @ r), rel=1e-10)
        np.testing.assert_allclose(j.T @ r, f.grad(y), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(j @ v, other - r, rtol=1e-9, atol=1e-10)
        minimum = landscape(4, 7, quartic=0.0).minimum()
        np.testing.assert_allclose(base.grad(minimum), 0.0, atol=1e-12)
        np.testing.assert_allclose(base.target, base.root @ minimum, rtol=1e-10)
    np.testing.assert_allclose(np.linalg.eigvalsh(base.h), np.linspace(0.5, 4.0, 4), rtol=1e-10)


@pytest.mark.parametrize("need", list(Need))
def test_no_more_is_offered_than_was_asked_for(need: Need) -> None:
    seen = landscape(3, 0).environment(need)(np.ones(3), 1)
    looks: dict[Need, Callable[[], object]] = {
        Need.GRAD: lambda: seen.grad, Need.VALUE: seen.value, Need.REEVAL: lambda: seen.at(np.ones(3)),
        Need.HVP: lambda: seen.hvp(np.ones(3)), Need.HESSIAN: seen.hessian, Need.RESIDUAL: seen.jacobian,
    }  # fmt: skip
    check_offered(need, looks)
    with pytest.raises(NeedError) if need != Need.RESIDUAL else nullcontext():
        seen.residual()


class _nothing:  # as contextlib's are called
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_the_valley_is_that_of_rosenbrock() -> None:
    for w in (np.array([-1.2, 1.0]), np.array([0.3, -0.4])):
        f, h = _valley(w), 1e-6
        value = (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2
        r = f.residual()
        assert f.value() == pytest.approx(value, rel=1e-14)
        assert 0.5 * r @ r == pytest.approx(value, rel=1e-13)
        for i, e in enumerate(h * np.eye(2)):
            assert f.grad[i] == pytest.approx((f.at(w + e).value() - f.at(w - e).value()) / (2 * h), rel=1e-6)
            np.testing.assert_allclose(f.hessian()[i], (f.at(w + e).grad - f.at(w - e).grad) / (2 * h), rtol=1e-6)
            np.testing.assert_allclose(f.hvp(e / h), f.hessian()[i], rtol=1e-13)
            change = (f.at(w + e).residual() - f.at(w - e).residual()) / (2 * h)
            np.testing.assert_allclose(f.jacobian()[:, i], change, rtol=1e-7, atol=1e-8)


# -- where a trial begins ----------------------------------------------------------------------------------------------
def test_starting_points_and_gradients() -> None:
    s = subject()
    for n in (1, 8, 130):
        w, g = s.start(n), s.gradients(50, n)
        assert np.array_equal(w * 1024.0, np.round(w * 1024.0))
        assert np.abs(w).max() <= 1.0
        assert g.shape == (50, n)
        assert 0.1 <= np.abs(g).min() < 0.2
        assert 5.0 < np.abs(g).max() <= 10.0
        assert 0.3 < np.mean(g > 0) < 0.7
        assert np.array_equal(g, s.gradients(50, n))
        single = s.start(n, np.float32)
        assert single.dtype == np.float32
        assert np.array_equal(single, w)
        s.start(n)[:] = 7.0
        assert np.array_equal(s.start(n), w)
        assert not np.array_equal(subject(seed=1).start(n), w)
    assert len(set(s.start(8))) == 8
    assert np.array_equal(tape(g)(w, 3).grad, g[2])


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 130, 999, 1000, 10_000])
def test_layouts_cover_the_vector_once(n: int) -> None:
    layout = layout_of(n)
    places = np.concatenate([np.arange(s.start, s.stop) for s in layout])
    assert np.array_equal(places, np.arange(n))
    shapes = [s.shape for s in layout]
    assert shapes == ([(n,)] if n < 8 else [(2, n // 3) if n < 1000 else (20, 30), layout[1].shape, ()])
    assert len({s.name for s in layout}) == len(layout)
    if n < 1000:
        g = across(np.ones(n), subject().start(n))
        for part in layout:
            assert np.allclose(np.sum(part.of(g) * part.of(subject().start(n)), axis=0), 0.0, atol=1e-12)
        assert np.array_equal(across(np.ones(n), np.zeros(n)), np.ones(n))


@attrs.frozen
class Optional(Descent):
    """With an option of each kind."""

    half: float = number(0.4, ge=0.0)
    none: float = number(0.0)
    many: int = count(3)
    other: bool = flag(True)
    word: str = choice("a", ("a", "b", "c"))


def test_each_option_is_tried_at_another_value() -> None:
    fields = attrs.fields_dict(Optional)
    quick = {n: other_values(f) for n, f in fields.items()}
    assert quick == {"lr": [], "half": [], "none": [0.5], "many": [4], "other": [False], "word": ["b", "c"]}
    thorough = {n: other_values(f, True) for n, f in fields.items()}
    assert thorough == {**quick, "lr": [0.005, 0.02], "half": [0.2, 0.8]}
    assert [(n, v) for n, v, _ in subject(Optional).variants()] == [
        ("none", 0.5), ("many", 4), ("other", False), ("word", "b"), ("word", "c"),
    ]  # fmt: skip
    assert [getattr(r, n) for n, _, r in subject(Optional).variants()] == [0.5, 4, False, "b", "c"]
    assert len(subject(Optional, horizon=200).variants()) == 9
    assert [(subject(horizon=h).run_length, subject(horizon=h).is_thorough) for h in (14, 35, 100, 101, 200)] == [
        (6, False), (7, False), (20, False), (20, True), (40, True),
    ]  # fmt: skip
    trial = subject(Optional, hyper={"many": 9}).rule(none=1.5)
    assert (trial.many, trial.none, trial.half) == (9, 1.5, 0.4)  # type: ignore[attr-defined]


# -- margins -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("actual", "expected", "tolerances", "is_seen"),
    [
        (1.0, 1.0, (0.0, 0.0), False), (1.0, np.nextafter(1.0, 2.0), (0.0, 0.0), True),
        (math.nan, math.nan, (0.0, 0.0), False), (math.nan, 1.0, (0.0, 0.0), True), (math.nan, 1.0, (0.1, 0.1), True),
        (8.0, 10.0, (0.25, 0.0), False), (8.0, 10.0, (0.2, 0.0), False), (8.0, 10.0, (0.125, 0.0), True),
        (10.0, 8.0, (0.125, 0.0), True), (-8.0, 10.0, (0.25, 0.0), True), (1.0, 1.5, (0.0, 0.5), False),
        (1.0, 1.5, (0.0, 0.25), True), (1.0, 2.0, (0.25, 0.5), False), (1.0, 2.0, (0.25, 0.25), True),
    ],
)  # fmt: skip
def test_runs_are_as_close_as_required(
    actual: float, expected: float, tolerances: tuple[float, float], is_seen: bool
) -> None:
    a, b = np.ones((3, 2)), np.ones((3, 2))
    a[2, 1], b[2, 1] = actual, expected
    rtol, atol = tolerances
    if not is_seen:
        differ(a, b, "what", rtol, atol)
        return
    with pytest.raises(LawViolated) as seen:
        differ(a, b, "what", rtol, atol, since=4)
    assert (
        str(seen.value)
        == f"what: with 2 parameters, after step 6, entry 1 is {actual!r} instead of {float(expected)!r}"
    )
    with pytest.raises(LawViolated, match="with 1 parameter, after step 2, entry 0"):
        differ(a[:, 1:], b[:, 1:], "what", rtol, atol)


def bent(law: str, needs: Need, bend: Callable[[Array, Objective, int, float], Array]) -> Callable[[float], type]:
    """A rule for each size of its violation."""

    def make(size: float) -> type:
        @attrs.frozen
        class Bent(Descent):
            laws: ClassVar[frozenset[str]] = frozenset({law})

            def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
                return bend(w, f, t, size), state

        Bent.needs = needs
        return Bent

    return make


def newton_step(w: Array, f: Objective) -> Array:
    return np.asarray(np.linalg.solve(f.hessian(), f.grad))


SECOND = Need.GRAD | Need.HESSIAN
BENT: dict[str, tuple[Callable[[float], type], float, float]] = {
    "D1": (
        bent("elementwise", Need.GRAD,
             lambda w, f, t, e: w - 0.1 * f.grad * (1.0 + e * np.sum(f.grad**2) if e else 1.0)),
        1e-9, 0.0,
    ),
    "D2": (bent("translation", Need.GRAD, lambda w, f, t, e: w - 0.1 * f.grad * (1.0 + e * w)), 1e-6, 1e-13),
    "D3": (bent("negation", Need.GRAD, lambda w, f, t, e: w - 0.1 * (f.grad + e * f.grad**2)), 1e-8, 1e-15),
    "D4": (
        bent("scale-invariant", Need.GRAD,
             lambda w, f, t, e: w - 0.1 * np.sign(f.grad) * (1.0 + e * np.log(np.abs(f.grad) + 1e-300))),
        1e-3, 1e-8,
    ),
    "D5": (
        bent("homogeneous", Need.GRAD, lambda w, f, t, e: w - 0.1 * f.grad * (1.0 + e * np.abs(f.grad))), 1e-9, 1e-18
    ),
    "D6": (bent("constant-step", Need.GRAD, lambda w, f, t, e: w - 0.1 * f.grad * (1.0 + e * t)), 1e-8, 1e-13),
    "D7": (bent("affine", SECOND, lambda w, f, t, e: w - 0.5 * newton_step(w, f) - e * f.grad), 1e-4, 1e-11),
    "D8": (bent("one-step-quadratic", SECOND, lambda w, f, t, e: w - newton_step(w, f) * (1.0 + e)), 1e-6, 1e-12),
    "D9": (
        bent("monotone", Need.GRAD | Need.VALUE,
             lambda w, f, t, e: w + e * f.grad if t > 4 else w - 1e-5 * f.grad),
        1e-9, -1e-9,
    ),
    "D10": (bent("orthogonal", Need.GRAD, lambda w, f, t, e: w - 0.1 * (f.grad + e * f.grad**3)), 1e-5, 1e-12),
}  # fmt: skip
"""For each law a rule that breaks it by so much: a size that must be seen, and one that rounding would hide."""


@pytest.mark.parametrize("key", BENT)
def test_a_small_violation_is_seen_and_rounding_is_not(key: str) -> None:
    make, seen, hidden = BENT[key]
    for seed in range(2):
        outcome = check_law(cast("type[UpdateRule]", make(seen)), key, "bent", seed=seed)
        assert (outcome.law, outcome.verdict) == (key, "broken"), outcome
        assert "parameter" in outcome.detail or key == "D9"
        outcome = check_law(cast("type[UpdateRule]", make(hidden)), key, "bent", seed=seed)
        assert (outcome.law, outcome.verdict) == (key, "held"), outcome


@pytest.mark.parametrize(
    ("key", "needs", "said"),
    [
        ("D1", SECOND, "need gradients and nothing else"), ("D5", SECOND, "this rule needs more"),
        ("D6", SECOND, "this rule needs more"), ("D9", Need.GRAD, "never looks at the value"),
    ],
)  # fmt: skip
def test_a_law_that_is_not_about_a_rule_is_broken_by_it(key: str, needs: Need, said: str) -> None:
    cls = bent("", needs, lambda w, f, t, e: w - 0.1 * f.grad)(0.0)
    outcome = check_law(cast("type[UpdateRule]", cls), key)
    assert (outcome.verdict, said in outcome.detail) == ("broken", True)


def test_slow_descent_is_descent_and_slower_is_not() -> None:
    for lr, verdict in ((1e-2, "held"), (1e-4, "held"), (1e-7, "broken")):
        rule = bent("", Need.GRAD, lambda w, f, t, e: w - e * f.grad)(lr)
        assert check_law(cast("type[UpdateRule]", rule), "C9").verdict == verdict, lr
