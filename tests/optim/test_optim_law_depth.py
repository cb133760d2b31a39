"""How deep each examination looks: faults that only a thorough one sees, what is skipped, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.optim import Need, Objective, flag, number
from minigrad.optim.laws import CORE, DECLARED, check_law, examine, fingerprint, keeps_law, laws_of
from minigrad.optim.laws.report import Outcome, Report
from minigrad.optim.runner import UpdateRule
from minigrad.typing import Array
from support.optim_lawful import Descent, Rolling

Bend = Callable[[Array, Objective, int], Array]


def rule(bend: Bend, needs: Need = Need.GRAD, laws: tuple[str, ...] = ()) -> type[UpdateRule]:
    """Descent along another direction."""
    cls = type("Bent", (Descent,), {"direction": lambda self, w, f, t: bend(w, f, t)})
    cls.needs, cls.laws = needs, frozenset(laws)  # type: ignore[attr-defined]
    return cast("type[UpdateRule]", cls)


def drawn() -> float:
    return float(np.random.default_rng().random())


def broken(cls: type, **options: Any) -> list[str]:
    return [o.law for o in examine(cast("type[UpdateRule]", cls), **options).broken]


LATE: dict[str, tuple[Bend, bool, str]] = {
    "at the first step": (lambda w, f, t: f.grad * (drawn() if t == 1 else 1.0), True, "C1"),
    "at step 3 of single numbers": (lambda w, f, t: f.grad * (drawn() if t == 3 and w.size == 3 else 1.0), True, "C16"),
    "at step 14": (lambda w, f, t: f.grad * (drawn() if t == 14 else 1.0), True, "C16"),
    "at step 15": (lambda w, f, t: f.grad * (drawn() if t == 15 and w.size == 3 else 1.0), False, "C16"),
    "at step 200": (lambda w, f, t: f.grad * (drawn() if t == 200 and w.size == 3 else 1.0), False, "C16"),
    "with 130 parameters": (lambda w, f, t: f.grad * (drawn() if w.size == 130 and t == 4 else 1.0), True, "C16"),
    "with 1000 parameters": (lambda w, f, t: f.grad * (drawn() if w.size == 1000 else 1.0), False, "C16"),
    "with 10,000 parameters": (lambda w, f, t: f.grad * (drawn() if w.size == 10_000 else 1.0), False, "C16"),
    "in float32": (lambda w, f, t: f.grad * np.float32(drawn() if w.dtype == np.float32 else 1.0), True, "C16"),
    "where most gradients are zero": (
        lambda w, f, t: f.grad * (drawn() if w.size == 130 and np.mean(f.grad == 0.0) > 0.8 else 1.0), True, "C16",
    ),
    "where all are negative": (
        lambda w, f, t: f.grad * (drawn() if w.size == 130 and (f.grad < 0.0).all() else 1.0), True, "C16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LATE)
def test_what_each_examination_reaches(name: str) -> None:
    bend, is_quick, law = LATE[name]
    cls = rule(bend)
    assert broken(cls) == ([law] if is_quick else [])
    assert law in broken(cls, everything=True)


def test_rules_that_look_at_more_than_gradients_are_run_longer_too() -> None:
    for t_bad, reached in ((8, True), (9, False)):
        cls = rule(lambda w, f, t, at=t_bad: f.grad * (drawn() if t == at and f.value() else 1.0),  # type: ignore[misc]
                   Need.GRAD | Need.VALUE)  # fmt: skip
        assert (check_law(cls, "C16").verdict == "broken") == reached


@attrs.frozen
class Scaled(Descent):
    """Draws numbers where the factor is not its default, or the switch is on."""

    factor: float = number(1.0, ge=0.0)
    noisy: bool = flag(False)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (drawn() if self.factor in (0.5, 2.0) or self.noisy else 1.0)


def test_options_at_other_values_and_numbers_in_a_thorough_trial_only() -> None:
    (outcome,) = examine(cast("type[UpdateRule]", Scaled)).broken
    assert outcome.law == "C15"
    assert outcome.detail.startswith("with noisy=True: update called twice")
    quiet = attrs.make_class("Quiet", [], bases=(Scaled,), frozen=True)
    quiet.direction = lambda self, w, f, t: f.grad * (drawn() if self.factor in (0.5, 2.0) else 1.0)  # type: ignore[attr-defined]
    assert broken(quiet) == []
    details = [o.detail for o in examine(cast("type[UpdateRule]", quiet), everything=True).broken]
    assert any(d.startswith("with factor=0.5: ") for d in details)


def test_the_first_broken_law_ends_it_unless_all_are_asked_for() -> None:
    cls = rule(lambda w, f, t: f.grad + 1.0, laws=("negation",))
    quick, thorough = examine(cls), examine(cls, everything=True)
    assert [o.law for o in quick.outcomes] == ["C1", "C3", "C4", "C5", "C6", "C7", "C8", "C14"]
    assert [o.verdict for o in quick.outcomes] == ["held"] * 6 + ["broken", "skipped"]
    assert quick.outcomes[-1].detail == "another law broke first, which may make noise of its own"
    assert {o.law for o in thorough.outcomes if o.claimed} == {*CORE, "D3", "C14"}
    assert {o.law for o in thorough.outcomes if not o.claimed} == {k for k, *_ in DECLARED.values()} - {"D3"}
    assert all(o in thorough.outcomes for o in quick.outcomes[:6])
    assert laws_of(cls) == (*CORE, "D3")
    assert laws_of(cast("type[UpdateRule]", Descent)) == tuple(CORE)
    assert quick.seconds > 0.0


def test_a_report_in_words() -> None:
    outcomes = (
        Outcome("C1", "pure", "held"), Outcome("C2", "cold", "broken", "at 3"),
        Outcome("D1", "apart: alone", "held", "", False), Outcome("D2", "moved: same", "broken", "at 4", False),
        Outcome("C6", "still", "skipped", "no lr"),
    )  # fmt: skip
    report = Report("mine", outcomes, 0.0123)
    assert report.broken == outcomes[1:2]
    assert report.hints == ("apart",)
    assert str(report).split("\n") == [
        "mine: 1 held, 1 broken, 1 skipped, 12.3 ms", "C1 held     pure", "C2 broken   cold: at 3",
        "C6 skipped  still: no lr", "holds too, and could be claimed: apart",
    ]  # fmt: skip
    assert "could be" not in str(Report("mine", outcomes[:1], 0.0))


def test_verdicts_of_single_laws() -> None:
    rates = {
        "C6": (lambda w, f, t: f.grad, "held"),
        "C9": (lambda w, f, t: 0.0 * w, "broken"),
        "C8": (lambda w, f, t: f.grad + 0.5, "broken"),
        "C12": (lambda w, f, t: f.grad * (w.base is None or w.base.size == w.size), "broken"),
        "C3": (lambda w, f, t: f.grad, "held"),
    }  # fmt: skip
    for key, (bend, verdict) in rates.items():
        outcome = check_law(rule(bend), key)
        assert (outcome.law, outcome.verdict) == (key, verdict), outcome
        assert (outcome.title, outcome.claimed) == (CORE[key][0], True)
    outcome = check_law(rule(lambda w, f, t: f.grad), "D3")
    assert (outcome.title, outcome.verdict) == ("negation: mirrored function, mirrored path", "held")
    rate_free = attrs.make_class("RateFree", [], bases=(_RateFree,), frozen=True)
    assert check_law(cast("type[UpdateRule]", rate_free), "C6").detail == "it has no field lr"
    squares = rule(lambda w, f, t: f.grad, Need.GRAD | Need.RESIDUAL)
    assert check_law(squares, "C7").detail == "a sum of squares cannot be maximised"


@attrs.frozen
class _RateFree:
    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()

    def init(self, w: Array) -> Any:
        return Descent().init(w)

    def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
        return w - 0.1 * f.grad, state


def test_counter_examples_are_tried_with_fewer_parameters() -> None:
    for least, shown in ((1, "1 parameter,"), (2, "2 parameters"), (3, "3 parameters"), (5, "8 parameters")):
        cls = rule(lambda w, f, t, n=least: f.grad + float(w.size >= n))  # type: ignore[misc]
        assert f"with {shown}" in check_law(cls, "C8").detail


def test_what_a_rule_raises_is_told_and_an_interrupt_is_not_swallowed() -> None:
    def fail(error: BaseException) -> Bend:
        def bend(w: Array, f: Objective, t: int) -> Array:
            raise error

        return bend

    assert (
        "with 1 parameters it raised ZeroDivisionError: oh"
        in check_law(rule(fail(ZeroDivisionError("oh"))), "C4").detail
    )
    assert "ValueError: odd" in check_law(rule(fail(ValueError("odd"))), "C1").detail
    readonly = check_law(rule(fail(ValueError("assignment destination is read-only"))), "C1")
    assert readonly.law == "C2"
    assert readonly.detail.startswith("update wrote into its parameters, gradient or state at step 1: ")
    assert "SystemExit" in check_law(rule(fail(SystemExit(3))), "C4").detail
    with pytest.raises(KeyboardInterrupt):
        check_law(rule(fail(KeyboardInterrupt())), "C4")


def test_fingerprints_are_of_two_runs() -> None:
    plain = fingerprint(cast("type[UpdateRule]", Descent))
    assert plain == fingerprint(rule(lambda w, f, t: f.grad))
    others = [
        rule(lambda w, f, t: f.grad * (1.0 + 1e-12 * (w.size == 8))),
        rule(lambda w, f, t: f.grad * (1.0 + 1e-12 * (w.size == 130 and t == 4))),
    ]
    prints = [plain, *map(fingerprint, others), fingerprint(cast("type[UpdateRule]", Rolling))]
    assert len(set(prints)) == 4
    assert fingerprint(rule(lambda w, f, t: f.grad * (1.0 + (w.size == 130 and t == 5)))) == plain
    looks = rule(lambda w, f, t: f.grad * (1.0 + (w.size == 130)), Need.GRAD | Need.VALUE)
    assert fingerprint(looks) == fingerprint(rule(lambda w, f, t: f.grad, Need.GRAD | Need.VALUE))


def test_one_law_of_one_configured_rule() -> None:
    assert keeps_law(cast(UpdateRule, Descent(lr=0.3)), "negation")
    assert not keeps_law(cast(UpdateRule, Scaled(noisy=True)), "negation")
    assert keeps_law(cast(UpdateRule, Scaled(noisy=False)), "negation")


class _Remembers(Rolling):
    """Knows a state again by its identity."""

    seen: ClassVar[list[object]] = []  # kept, so that no other state takes the place of one in memory

    def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
        known = t == 1 or any(state is other for other in self.seen)
        moved, new = super().update(w, f, state, t)
        self.seen.append(new)
        return (moved if known else moved - 1e-9), new


def test_a_state_that_does_not_say_all_breaks_the_round_trip() -> None:
    outcome = check_law(cast("type[UpdateRule]", _Remembers), "C4")
    assert outcome.detail.startswith(
        "the state was saved and reloaded before each step: with 1 parameter, after step 2,"
    )
    assert check_law(cast("type[UpdateRule]", Rolling), "C4").verdict == "held"


class _Borrows(Rolling):
    """Writes into its state, and puts back what was there."""

    def update(self, w: Array, f: Objective, state: Any, t: int) -> tuple[Array, Any]:
        state.v[...] += 1.0
        moved, new = super().update(w, f, attrs.evolve(state, v=state.v - 1.0), t)
        state.v[...] -= 1.0
        return moved, new


def test_a_state_that_is_written_to_for_a_moment_is_written_to() -> None:
    outcome = check_law(cast("type[UpdateRule]", _Borrows), "C1")
    assert (outcome.law, outcome.verdict) == ("C2", "broken")
