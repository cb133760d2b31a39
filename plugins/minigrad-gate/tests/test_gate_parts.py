"""The parts that need no framework: samples taken apart, ranges, messages, and the engine on a toy framework."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import pytest

import minigrad as mg
import minigrad_gate
from minigrad.typing import Array
from minigrad_gate.examination import CheckRequest, examine
from minigrad_gate.foreign import Call, ForeignFunction, Options, as_op
from minigrad_gate.messages import fitted, reworded
from minigrad_gate.ranges import SampledRange, judged
from minigrad_gate.refusal import Refusals, gap_of
from minigrad_gate.samples import SampledCalls, calls_of, identifier, parameter_names, raw_samples


def is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def as_it_is(value: Array, name: str) -> Array:
    return value


def test_what_is_public_needs_no_framework() -> None:
    assert set(minigrad_gate.__all__) == {"ForeignCertificate", "check_autograd", "check_jax", "check_torch"}


def test_all_ways_to_pass_samples() -> None:
    x, y = np.ones(2), np.ones(3)
    for samples, expected in (
        (x, [((x,), {})]),
        ((x, 2), [((x, 2), {})]),
        ([(x, 2), (y, 3)], [((x, 2), {}), ((y, 3), {})]),
        ([x, y], [((x,), {}), ((y,), {})]),
        (lambda rng: [(x, 2)], [((x, 2), {})]),
    ):
        assert repr(raw_samples((), samples, is_array, "check(f)")) == repr(expected)
    assert len(raw_samples((x, 1), [(y, 2)], is_array, "check(f)")) == 2
    with pytest.raises(mg.InconclusiveCheck, match=r"check\(f\) has no sample.*check\(f, x\)"):
        raw_samples((), None, is_array, "check(f)")
    with pytest.raises(mg.InvalidRule, match="not int"):
        raw_samples((), 3, is_array, "check(f)")


def test_calls_are_sorted_by_pattern_and_put_together_again() -> None:
    def function(x: Array, parts: list[Array], axis: int, b: Array | None) -> None: ...

    x = np.ones(2)
    raw: list[tuple[tuple[object, ...], dict[str, object]]]
    raw = [((x, [x, x], 1, None), {}), ((x, [x, x], 0, None), {}), ((x, [x, x], 0, x), {})]
    patterns = calls_of(raw, parameter_names(function), is_array, as_it_is)
    assert [p.pattern.tensors for p in patterns] == [("x", "parts_0", "parts_1"), ("x", "parts_0", "parts_1", "b")]
    assert [p.pattern.options for p in patterns] == [("axis", "b"), ("axis",)]
    assert len(patterns[0].arrays) == 2
    assert patterns[0].pattern.arguments(["a", "b", "c"], {"axis": 5, "b": None}) == (["a", ["b", "c"], 5, None], {})


def test_names_are_those_of_the_function() -> None:
    assert parameter_names(lambda ctx, a, *rest: None, skip=1) == (["a"], "rest")
    assert identifier("<lambda>") == "function"
    assert identifier("two-words") == "two_words"


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([-2.0, 3.0], "real"),
        ([0.5, 3.0], "positive"),
        ([0.1, 0.9], "range"),
        ([-0.5, 0.9], "unit"),
        ([-3.0, -1.0], "range"),
        ([0.0, 0.0], "real"),
        ([0, 3], "integer_index"),
        ([-100, 3], "seen"),
        ([True, False], "boolean"),
    ],
)
def test_numbers_suggest_a_range(numbers: list[float], kind: str) -> None:
    wide, narrow = judged([np.array(numbers)])
    assert wide.kind == kind
    assert narrow.differentiable == wide.differentiable


def test_symmetric_positive_matrices_are_recognised() -> None:
    assert judged([np.array([[2.0, 0.5], [0.5, 1.0]])])[0].kind == "spd"
    assert judged([np.array([[2.0, 0.5], [0.4, 1.0]])])[0].kind == "positive"


class Chance:
    """NumPy's generator as the gate's."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def uniform(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng.random(shape))

    def signed_magnitudes(self, shape: tuple[int, ...]) -> Array:
        signs: Array = self.rng.choice(np.array([-1.0, 1.0]), shape)
        return self.rng.uniform(0.5, 1.5, shape) * signs

    def choice(self, values: Array, shape: tuple[int, ...]) -> Array:
        drawn: Array = self.rng.choice(values, shape)
        return drawn


@pytest.mark.parametrize(("low", "high"), [(0.25, 0.75), (-2.0, -1.0), (-1e-3, 5.0), (1e3, 1e6)])
def test_no_step_leaves_a_range(low: float, high: float) -> None:
    domain = SampledRange(low, high)
    x = domain.draw(Chance(), (1000,))
    assert ((x > low) & (x < high) & (x != 0.0)).all()
    for t in (-0.5, 0.5):
        moved = x + t * domain.direction(Chance(), x)
        assert ((moved >= low) & (moved <= high) & (np.sign(moved) == np.sign(x))).all()


@pytest.mark.parametrize("length", [50, 150, 250, 400, 2000])
def test_messages_are_short_and_keep_what_matters(length: int) -> None:
    parts = [
        "torch Function 'F', argument 'x' is refused: its backward disagrees with finite differences",
        "  worst entry: x[1] = 2: backward gives 1, differences give 2 +- 1e-9 (relative error 0.5: half of it)",
        f"  case: {'long ' * (length // 5)}: (3, 4) float64; seed 7",
        f"  next: mend backward, {'or this ' * (length // 8)}",
    ]
    text = fitted(parts)
    assert len(text) < 300
    assert text.startswith(parts[0])
    assert "backward gives 1, differences give 2" in text
    assert "half of it" in text


def test_refusals_keep_class_and_finding() -> None:
    refusals = Refusals("F", ["x"], [np.ones(2)], {"dim": 1})
    error = refusals.mismatch(0, np.array([1.0, 3.0]), np.array([1.0, 2.0]), "its rule is off", "mend the rule for 'x'")
    again = reworded(error, "torch Function", "F", "backward", "torch", "or once")
    assert type(again) is mg.InvalidRule
    assert again.finding is error.finding
    assert "torch Function 'F', argument 'x' is refused: its backward is off" in str(again)
    assert "x[1] = 1: backward gives 3, due is 2" in str(again)


def test_gaps_are_round_off_or_not() -> None:
    due = np.array([1.0, 1e-14, np.nan, np.inf])
    assert gap_of(due.copy(), due) is None
    assert gap_of(due + np.array([0.0, 1e-16, 0.0, 0.0]), due) is None
    assert gap_of(due + np.array([1e-6, 0.0, 0.0, 0.0]), due) is not None
    assert gap_of(np.zeros(3), due) is not None


@attrs.frozen(eq=False)
class ToyFramework:
    """A framework whose tensors are arrays and whose only function is a power with a rule of its own.

    Attributes:
        factor: of the gradient; 1 is right.
        joint: as the protocol has it.
    """

    factor: float = 1.0
    joint: bool = False
    rule_word: str = "rule"

    def values(self, call: Call, arrays: Sequence[Array], options: Options) -> tuple[Array, ...]:
        return call(arrays, options)

    def broadcast(self, tensors: Sequence[Array]) -> Sequence[Array]:
        return np.broadcast_arrays(*tensors)

    def gradient(self, call: Call, wanted: tuple[int, ...], outputs: int) -> Call:
        assert isinstance(call, Power)
        return call.differentiated(self.factor)


class Power:
    """c g h ... x^n, with as many output gradients as it has been differentiated; in the last argument only."""

    def __init__(self, exponent: int, scale: float = 1.0) -> None:
        self.exponent, self.scale = exponent, scale

    def __call__(self, tensors: Sequence[Array], options: Options) -> tuple[Array, ...]:
        *gs, x = tensors
        if x.size and float(np.abs(x).max()) > 900.0:
            raise ValueError("too large")
        product = np.asarray(self.scale, dtype=x.dtype) * x**self.exponent
        for g in gs:
            product = product * g
        return (np.asarray(product),)

    def differentiated(self, factor: float) -> Power:
        return Power(self.exponent - 1, self.scale * self.exponent * factor)


def of_pattern(template: ForeignFunction, calls: SampledCalls) -> ForeignFunction:
    return attrs.evolve(template, arguments=calls.pattern.tensors)


def no_contract(function: ForeignFunction, calls: SampledCalls) -> tuple[int, list[str]]:
    return 1, ["a contract of the framework"]


def examine_power(framework: ToyFramework) -> object:
    function = ForeignFunction(framework, "power", (), (), Power(3))
    calls = calls_of([((np.array([0.5, -2.0, 3.0]),), {})], (["x"], ""), is_array, as_it_is)
    asked = CheckRequest(kind="toy", framework="toys", first_order="or not", second_order=False)
    return examine(function, calls, asked, no_contract, of_pattern)


def test_the_engine_accepts_a_right_rule_of_any_framework() -> None:
    certificate = examine_power(ToyFramework())
    assert isinstance(certificate, minigrad_gate.ForeignCertificate)
    assert certificate
    assert certificate.left_out[0] == "a contract of the framework"
    assert "not asked for" in str(certificate)
    assert str(certificate).startswith("toy power: ")


@pytest.mark.parametrize("factor", [-1.0, 1.0 + 1e-6, 2.0])
def test_the_engine_refuses_a_wrong_one(factor: float) -> None:
    with pytest.raises(mg.GradientMismatch, match="toy 'power', argument 'x' is refused") as caught:
        examine_power(ToyFramework(factor))
    assert len(str(caught.value)) < 300


def test_derivatives_of_any_order_are_functions_too() -> None:
    function = ForeignFunction(ToyFramework(), "power", ("x",), (), Power(3))
    second = function.gradient((0,), 1)
    assert second.arguments == ("output_gradient_0_0", "x")
    assert second.gradient((1,), 1).arguments == ("output_gradient_1_0", "output_gradient_0_0", "x")
    for order in range(3, 6):
        second = second.gradient((0,), 1)
        assert second.order == order - 1
        assert len(set(second.arguments)) == order
    op = as_op(function, False, x=mg.real())
    assert [a.name for a in op.arguments] == ["x"]
    assert float(op(np.array(2.0))) == 8.0
