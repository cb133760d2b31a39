"""What a refusal says: somebody who did not write the op must know what to mend."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from minigrad.verify import GateFinding, verify
from minigrad.verify.checks.directional_check import refuse_unusable, undecided
from minigrad.verify.checks.entrywise_check import same
from minigrad.verify.finite_differences import INCONCLUSIVE, Verdict
from minigrad.verify.refusal import CheckCase, WorstEntry, told_apart
from minigrad.verify.register import _second_order_later
from minigrad.verify.subject import OpUnderTest
from support import gate_wrong_contract as contract
from support import gate_wrong_elementwise as elementwise
from support import gate_wrong_linalg as linalg
from support import gate_wrong_linearity as linearity
from support import gate_wrong_reduce as reduce
from support import gate_wrong_region as region
from support import gate_wrong_second_order as second_order
from support.gate_case import REAL, UNIT, Wrong, made, plain, unary
from support.gate_corpus import WRONG

TYPICAL: list[tuple[Wrong, str, str]] = [
    (elementwise.cos_without_minus, "x", "sign"),
    (elementwise.square_without_two, "x", "half"),
    (elementwise.power_log_of_exponent, "b", ""),
    (reduce.mean_without_count, "x", ""),
    (linalg.matmul_square_untransposed, "a", ""),
    (region.elu_without_exp, "x", "negative"),
]


def refused(case: Wrong, seed: int = 0) -> tuple[str, GateFinding]:
    """The message and the finding of a refusal."""
    with pytest.raises(mg.RegistrationError) as caught:
        verify(case.op(), seed=seed)
    finding = caught.value.finding
    assert isinstance(finding, GateFinding)
    return str(caught.value), finding


@pytest.mark.parametrize(("case", "argument", "hint"), TYPICAL, ids=lambda v: v.name if isinstance(v, Wrong) else None)
def test_mismatch_names_everything_and_a_remedy(case: Wrong, argument: str, hint: str) -> None:
    message, finding = refused(case)
    worst = finding.worst
    assert worst is not None
    assert repr(case.op().name) in message
    assert f"argument {argument!r}" in message
    for word in ("float64", "seed 0", "the rule gives", "differences give", "+-", "relative error", "next:"):
        assert word in message
    for number in (worst.analytic, worst.numeric):
        assert f"{number:.8g}" in message
    assert f"{worst.error:.1e}" in message
    assert hint in message
    assert (finding.op, finding.kind, finding.argument) == (case.op().name, "GradientMismatch", argument)
    assert finding.case in message


@pytest.mark.parametrize(("case", "argument", "hint"), TYPICAL, ids=lambda v: v.name if isinstance(v, Wrong) else None)
def test_numbers_of_the_finding_are_consistent(case: Wrong, argument: str, hint: str) -> None:
    _, finding = refused(case)
    worst = finding.worst
    assert worst is not None
    assert worst.argument == argument
    assert abs(worst.analytic - worst.numeric) > worst.error >= 0.0
    largest = max(abs(worst.analytic), abs(worst.numeric))
    assert math.isclose(worst.relative, abs(worst.analytic - worst.numeric) / largest, rel_tol=1e-12)


def test_the_entry_that_is_named_is_one_that_differences_know() -> None:
    """Of 633 entries some have slopes below round-off, about which differences say nothing."""
    _, finding = refused(next(case for case in WRONG if case.name == "last_block_of_a_scan"), seed=12)
    worst = finding.worst
    assert worst is not None
    assert abs(worst.analytic - worst.numeric) > worst.error > 0.0


@pytest.mark.parametrize("seed", range(5))
def test_worst_entry_holds_the_true_derivative(seed: int) -> None:
    """cos without its minus: rule and differences at the named entry are v sin(x) and -v sin(x) for one cotangent v."""
    _, finding = refused(elementwise.cos_without_minus, seed)
    worst = finding.worst
    assert worst is not None
    v = worst.analytic / math.sin(worst.x)
    assert math.isclose(worst.numeric, -v * math.sin(worst.x), rel_tol=1e-6)
    assert worst.relative == pytest.approx(2.0, rel=1e-6)


def test_only_the_guilty_argument_is_blamed() -> None:
    message, finding = refused(linalg.outer_second_uses_first_gradient)
    assert finding.argument == "b"
    assert "argument 'a'" not in message


def test_the_guilty_entry_is_found() -> None:
    """One entry of 12 is wrong by 1e-4; the finding points at it."""
    _, finding = refused(region.corner_of_product)
    assert finding.worst is not None
    assert finding.worst.argument == "a"
    assert finding.worst.index == (0, 0)


def test_shape_of_a_gradient_is_named() -> None:
    message, finding = refused(reduce.sum_gradient_not_spread)
    assert finding.kind == "InvalidRule"
    assert "shape ()" in message
    assert "(2, 3, 4)" in message
    assert "next:" in message


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (contract.returns_none, "NoneType"),
        (contract.returns_one_for_two, "2 gradients in a tuple"),
        (contract.rule_raises, "NotImplementedError: later"),
        (contract.writes_into_gradient, "writes into"),
        (linearity.absolute_gradient, "linear in the output gradient"),
        (contract.rule_missing_for_second, "has no rule"),
        (contract.forward_writes_into_argument, "forward function writes into"),
    ],
    ids=lambda v: v.name if isinstance(v, Wrong) else None,
)
def test_breach_of_contract_is_named(case: Wrong, word: str) -> None:
    message, finding = refused(case)
    assert word in message
    assert finding.kind == "InvalidRule"


def test_second_order_says_that_the_first_is_right() -> None:
    message, finding = refused(second_order.output_detached)
    assert "second derivative" in message
    assert "+-" in message
    assert ".data" in message
    assert finding.kind == "GradientMismatch"


@pytest.mark.parametrize(
    ("analytic", "hint"),
    [
        (-2.0, ": the sign is wrong"),
        (4.0, ": twice too large"),
        (1.0, ": half of what it should be"),
        (-4.0, ": wrong sign and twice too large"),
        (0.0, ", the rule gives no gradient at all"),
        (4.0 + 1e-7, ": twice too large"),
        (4.0 + 1e-5, ""),
        (3.0, ""),
        (-1.0, ""),
    ],
)
def test_a_usual_mistake_is_guessed_from_two_numbers(analytic: float, hint: str) -> None:
    worst = WorstEntry("x", (1, 2), 0.5, analytic, 2.0, 1e-9)
    gap = abs(analytic - 2.0) / max(abs(analytic), 2.0)
    assert str(worst).startswith("x[1, 2] = 0.5: the rule gives ")
    assert str(worst).endswith(f"+- 1.0e-09 (relative error {gap:.2g}{hint})")
    assert worst.relative == gap
    assert WorstEntry("x", (), 0.5, 0.0, 0.0, 1e-9).relative == 0.0


def test_numbers_are_told_apart_by_as_many_digits_as_it_takes() -> None:
    assert told_apart(1.0, 2.0) == ("1", "2")
    assert told_apart(1.23456789012, 1.2345679) == ("1.2345678901", "1.2345679")
    assert told_apart(1.0, 1.0 + 1e-9) == ("1", "1.000000001")
    assert told_apart(1.0, 1.0) == ("1", "1")


def test_a_check_that_was_put_off_is_made_again_after_it_has_failed() -> None:
    op = second_order.output_detached.op()
    check = _second_order_later(op, 0)
    op.check_second_order = check
    for _ in range(2):
        with pytest.raises(mg.GradientMismatch, match="second derivative"):
            op.check_second_order()
        assert op.check_second_order is check


def test_a_gap_of_a_few_error_bars_shows_both_numbers() -> None:
    op, case = unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x)), CheckCase((np.ones(1),), {}, "base", 0)
    state, analytic, numeric, error, scale, h = (np.array([n]) for n in (INCONCLUSIVE, 2.0, 2.0 + 3e-9, 1e-9, 2.0, 0.1))
    message = str(undecided(op, case, Verdict(state, analytic, numeric, error, scale, h)))
    assert "the rule gives 2 and differences 2.000000003 +- 1.0e-09: too far apart to pass" in message
    wide = str(undecided(op, case, Verdict(state, analytic, numeric, np.array([1.0]), scale, h)))
    assert "differences are inconclusive (value 2 +- 1.0e+00, needed 1e-6 of 2)" in wide
    small, bar = np.array([1e-3]), np.array([5e-9])
    assert "inconclusive" in str(undecided(op, case, Verdict(state, small, small + 1e-8, bar, small, h)))


def test_a_gradient_that_is_not_a_number_at_a_corner_is_noted() -> None:
    def rule(g: V, y: V, x: V) -> V:
        return mg.expand_dims(g / y, axis=-1) * x

    length = made(lambda x: np.sqrt(np.sum(x * x, axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((2, 3),)])
    notes = verify(length, 0).refused
    assert "x of zeros: the gradient is not a number" in notes
    assert "x with a row of zeros: the gradient is not a number" in notes


def test_outputs_of_samples_are_numbers_of_the_arguments_type() -> None:
    subject = OpUnderTest(unary(lambda x: x * 1.0, lambda g, y, x: g * 1.0))
    case = CheckCase((np.ones(2),), {}, "base", 0)
    whole, narrow = np.array([1, 2]), np.ones(2, np.float32)
    refuse_unusable(subject, case, (whole, np.ones(2)))
    for bad, word in ((np.array([1.0, np.nan]), "NaN or infinity"), (narrow, "turns float64 into float32")):
        with pytest.raises(mg.RegistrationError, match=word):
            refuse_unusable(subject, case, (whole, bad))  # type: ignore[arg-type]


def test_domain_violations_suggest_a_domain() -> None:
    def op() -> mg.Op:
        return unary(lambda x: np.log(x), lambda g, y, x: g / x)

    with pytest.raises(mg.InconclusiveCheck, match=r"positive\(\)"):
        verify(op(), seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_right_rule_of_a_function_full_of_corners_is_not_called_wrong(seed: int) -> None:
    """A zigzag of period 1/1000: its rule may be refused as undecidable, but never as a mismatch."""

    def rule(g, y, x):
        return g * np.sign(np.sin(2000.0 * np.pi * plain(x))).astype(x.dtype)

    def forward(x):
        period = (x * 1000.0) % 1.0
        return np.minimum(period, 1.0 - period) / 1000.0

    with suppress(mg.InconclusiveCheck):
        verify(made(forward, {"x": rule}, {"x": mg.real((3,))}), seed=seed)


def test_message_repeats_the_case_that_reproduces_it() -> None:
    """Seed and metadata of the message are those of the failing case."""
    message, finding = refused(reduce.sum_axis_one_doubled, seed=17)
    assert re.search(r"axis=1\b", finding.case)
    assert "seed 17" in finding.case
    assert finding.case in message


def test_nearly_right_rule_reports_the_size_of_the_error() -> None:
    """A relative error of 1e-4 is reported as 1e-4."""
    _, finding = refused(elementwise.exp_off_by_1e4)
    assert finding.worst is not None
    assert finding.worst.relative == pytest.approx(1e-4, rel=1e-3)


def test_unlike_domains_are_checked_inside_their_domain() -> None:
    """No forward call of the gate leaves the open interval (-1, 1)."""
    reach: list[float] = []

    def forward(x):
        reach.append(float(np.max(np.abs(x), initial=0.0)))
        return np.arctanh(x)

    verify(made(forward, {"x": lambda g, y, x: g / ((1.0 - x) * (1.0 + x))}, {"x": UNIT}), seed=0)
    verify(unary(forward, lambda g, y, x: g / ((1.0 - x) * (1.0 + x)), UNIT), seed=0)
    assert max(reach) < 1.0


def test_real_samples_reach_both_signs_and_several_octaves() -> None:
    seen: list[float] = []

    def forward(x):
        seen.extend(np.ravel(x).tolist())
        return x * 2.0

    verify(unary(forward, lambda g, y, x: g * 2.0, REAL), seed=0)
    values = np.array(seen)
    assert np.any(values > 4.0)
    assert np.any(values < -4.0)
    assert np.any((np.abs(values) < 0.06) & (values != 0.0))


def lower_triangle() -> Op:
    """Right for every square matrix; for a column the gradient is as wide as the square."""

    @mg.op(x=mg.real(), shapes=[((3, 3),)], linear=True, name="lower_of_three")
    def op(x: Array) -> Array:
        return np.tril(x)

    @op.vjp("x")
    def _(g: V, y: V, x: V) -> V:
        return g * np.tril(np.ones((3, 3), dtype=x.dtype))

    return op


def test_a_gradient_wider_than_the_only_argument_is_refused_not_summed() -> None:
    op = lower_triangle()
    assert any("WrongShape" in why for why in verify(op).refused)
    mg.register(op)
    assert op.check_second_order is None  # which was not put off
    x = mg.tensor(np.ones((3, 1)), requires_grad=True)
    loss = op(x).sum()
    with pytest.raises(mg.InvalidRule, match=r"\(3, 3\) for an argument of shape \(3, 1\)"):
        loss.backward()


def test_gradients_of_broadcast_arguments_are_summed() -> None:
    a, b = mg.tensor(np.ones((3, 1)), requires_grad=True), mg.tensor(np.ones((3, 4)))
    (a * b).sum().backward()
    assert a.grad is not None
    assert np.array_equal(a.grad.numpy(), np.full((3, 1), 4.0))


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (lambda x: x - np.mean(x), "its output at an entry changes with the other entries or with its place"),
        (lambda x: x * np.linspace(1.0, 2.0, x.size).reshape(x.shape), "with the other entries or with its place"),
        (lambda x: x[::-1] * 1.0, "with the other entries or with its place"),
        (lambda x: x[:1] * 1.0, r"its output has shape \(1,\) for 1-d arguments"),
        (lambda x: np.sum(x), r"its output has shape \(\) for 1-d arguments"),
        (lambda x: x * np.ones(x.shape[0]), "it cannot take 2-d arguments|it cannot take these shapes|has shape"),
        (lambda x: (x * 1.0, x * 2.0), "its output has shape"),
    ],
)
def test_a_false_claim_to_be_elementwise(forward: Callable[..., object], why: str) -> None:
    for thorough in (True, False):
        op = made(
            forward, {"x": lambda g, y, x: g[0] if isinstance(g, tuple) else g * 1.0}, {"x": REAL}, elementwise=True
        )
        with pytest.raises(mg.RegistrationError, match=f"elementwise=True, but .*({why})|for this layout, but"):
            verify(op, 0, thorough=thorough)


def test_what_has_to_be_the_same_in_another_layout() -> None:
    subject = OpUnderTest(unary(lambda x: x * 1.0, lambda g, y, x: g * 1.0))
    case = CheckCase((np.array([1.0, 2.0, 3.0]),), {}, "3 x 3", 0)
    due = np.array([1.0, 100.0, np.nan])

    def said(actual: Array, index: int | None = 0, expected: Array = due) -> str:
        try:
            same(subject, case, "gradient", actual, expected, index)
        except mg.RegistrationError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    assert not said(due.copy())
    assert not said(due + np.array([5e-11, 5e-8, 0.0]))  # 1e-9 of each, and 1e-12 of the largest
    assert not said(due + np.array([1e-9, 9e-8, 0.0]))
    assert "at x = 2 is 100.0000003 for this layout, but 100 for the same numbers" in said(
        due + np.array([0.0, 3e-7, 0.0])
    )
    assert "GradientMismatch" in said(due + np.array([3e-9, 0.0, 0.0]))
    assert "InvalidRule" in said(due + np.array([3e-9, 0.0, 0.0]), None)
    assert said(np.array([1.0, 100.0, 5.0]))
    assert "at x = 1 is nan" in said(np.array([np.nan, 100.0, np.nan]))
    infinite = np.array([np.inf, 1.0, 1.0])
    assert not said(infinite.copy(), 0, infinite)
    assert said(-infinite, 0, infinite)
    assert "its gradient is (3, 1) float64 where (3,) float64 is due" in said(due[:, None])
    assert "its gradient is (3,) float32 where (3,) float64 is due" in said(due.astype(np.float32))
