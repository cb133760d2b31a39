"""Batching and accumulation rules pass the gate like any other: right ones are certified, wrong ones refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.registry import REGISTRY
from minigrad.runtime.batch_rules import has_batch_rule
from minigrad.transforms import batching
from minigrad.typing import Array
from minigrad.verify.certificate import certificate_of
from minigrad.verify.gate import verify

Rule = Callable[..., Any]


def total(name: str, rule: Rule | None) -> mg.Op:
    """Sums over one axis, with a batching rule."""

    @mg.op(name=name, x=mg.real(), shapes=[((2, 3),), ((4, 3, 2),)], params=[{"axis": 0}, {"axis": 1}, {"axis": -1}])
    def op(x: Array, *, axis: int) -> Array:
        return np.asarray(np.sum(x, axis=axis, keepdims=True))

    @op.vjp("x")
    def _(g: Any, y: Any, x: Any, *, axis: int) -> Any:
        return mg.broadcast_to(g, x.shape)

    if rule is not None:
        op.batch(rule)
    return op


def spread_by(op: mg.Op) -> mg.Op:
    """Four copies of a column; its rule sums with `op`."""

    @mg.op(name=f"{op.name}_copies", x=mg.real(), shapes=[((3, 1),)])
    def copies(x: Array) -> Array:
        return np.repeat(x, 4, axis=1)

    @copies.vjp("x")
    def _(g: Any, y: Any, x: Any) -> Any:
        return op(g, axis=1)

    return copies


def product(name: str, rule: Rule) -> mg.Op:
    """Matrix products of two arguments, with a batching rule."""

    @mg.op(name=name, a=mg.real(), b=mg.real(), shapes=[((3, 4), (4, 2))])
    def op(a: Array, b: Array) -> Array:
        return np.asarray(a @ b)

    @op.vjp("a")
    def _(g: Any, y: Any, a: Any, b: Any) -> Any:
        return mg.matmul(g, mg.matrix_transpose(b))

    @op.vjp("b")
    def _(g: Any, y: Any, a: Any, b: Any) -> Any:
        return mg.matmul(mg.matrix_transpose(a), g)

    op.batch(rule)
    return op


def right(x: Any, *, axis: int) -> Any:
    return mg.sum(x, axis=axis + 1 if axis >= 0 else axis, keepdims=True)


def first_value_for_all(x: Any, *, axis: int) -> Any:
    return mg.broadcast_to(right(x, axis=axis)[:1], right(x, axis=axis).shape)


def in_reverse_order(x: Any, *, axis: int) -> Any:
    return right(x, axis=axis)[::-1]


def raises(x: Any, *, axis: int) -> Any:
    raise KeyError("axis")


def writes(x: Any, *, axis: int) -> Any:
    if isinstance(x, np.ndarray):
        x *= 1.0
    return right(x, axis=axis)


WRONG: dict[str, tuple[Rule, str]] = {
    "axis not moved behind the batch": (lambda x, *, axis: mg.sum(x, axis=axis, keepdims=True), "shape"),
    "axes of length one lost": (lambda x, *, axis: mg.sum(x, axis=axis + 1 if axis >= 0 else axis), "shape"),
    "mean in the place of the sum": (lambda x, *, axis: right(x, axis=axis) / x.shape[axis], "one value after"),
    "negative axes forgotten": (lambda x, *, axis: mg.sum(x, axis=axis + 1, keepdims=True), "shape"),
    "the first value for all": (first_value_for_all, "one value after"),
    "in reverse order": (in_reverse_order, "one value after"),
    "a little off": (lambda x, *, axis: right(x, axis=axis) * (1.0 + 1e-9), "one value after"),
    "in double precision": (lambda x, *, axis: right(x, axis=axis) * np.ones(1), "dtype"),
    "drops to arrays": (lambda x, *, axis: np.asarray(right(mg.tensor(x).data, axis=axis)), "for Tensors"),
    "a list": (lambda x, *, axis: list(right(x, axis=axis)), "not an array"),
    "two outputs": (lambda x, *, axis: (right(x, axis=axis),) * 2, "2 outputs"),
    "raises": (raises, "raises KeyError"),
    "writes into its argument": (writes, "read-only"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_batching_rule_is_refused(name: str) -> None:
    rule, words = WRONG[name]
    op = total(f"gate_batch_wrong_{list(WRONG).index(name)}", rule)
    with pytest.raises(mg.InvalidRule, match="batching rule") as refusal:
        mg.register(op, seed=0)
    assert words in str(refusal.value)
    assert len(str(refusal.value).splitlines()[0]) < 300
    assert op.name not in REGISTRY


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(lambda batched, a, b: mg.matmul(a, b[0] if batched[1] else b), id="one factor for all"),
        pytest.param(lambda batched, a, b: mg.matmul(b, a) if batched == (True, True) else None, id="swapped"),
        pytest.param(lambda batched, a, b: mg.matmul(a, b) * (1.0 + (batched == (False, True))), id="one pattern"),
    ],
)
def test_a_rule_of_two_arguments_is_met_with_every_choice_of_stacks(rule: Rule) -> None:
    with pytest.raises(mg.InvalidRule, match="batching rule"):
        verify(product("gate_batch_wrong_pair", rule), seed=0)


def test_a_right_rule_is_certified_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(x: Any, *, axis: int) -> Any:
        calls.append(1)
        return right(x, axis=axis)

    op = total("gate_batch_right", counted)
    mg.register(op)
    certificate = certificate_of(op)
    assert certificate.batching is not None
    assert certificate.batching >= 4
    assert f"batching rule: {certificate.batching} stacks against one by one" in str(certificate)
    copies = spread_by(op)
    mg.register(copies)
    calls.clear()
    x = np.random.default_rng(0).normal(size=(3, 1))
    jacobian = np.asarray(mg.jacobian(lambda t: mg.sin(copies(t * t)))(x))
    assert calls == [1], "twelve rows, one call"
    monkeypatch.setattr(batching, "call_batched", lambda *args: None)
    np.testing.assert_allclose(jacobian, np.asarray(mg.jacobian(lambda t: mg.sin(copies(t * t)))(x)), rtol=1e-12)


def test_a_rule_that_no_case_meets_is_inconclusive() -> None:
    with pytest.raises(mg.InconclusiveCheck, match="no case meets its batching rule"):
        verify(total("gate_batch_none", lambda x, *, axis: None), seed=0)


def test_the_trailing_claim_is_checked() -> None:
    def declared(name: str, axis: int) -> mg.Op:
        @mg.op(name=name, x=mg.real(), trailing=True, shapes=[((2, 3),)])
        def op(x: Array) -> Array:
            return np.flip(x, axis)

        @op.vjp("x")
        def _(g: Any, y: Any, x: Any) -> Any:
            return mg.flip(g, axis)

        return op

    certificate = verify(declared("gate_batch_trailing", -1), seed=0)
    assert certificate.batching
    with pytest.raises(mg.InvalidRule, match="batching rule"):
        verify(declared("gate_batch_leading", 0), seed=0)


def test_rules_that_samples_prescribe_are_met_by_samples_of_other_seeds() -> None:
    def declared(factor: float) -> mg.Op:
        @mg.op(name="gate_batch_samples", samples=lambda rng: [mg.Sample(rng.uniform(1.0, 2.0, (3, 2)))])
        def op(x: Array) -> Array:
            return np.asarray(np.sum(x * x, axis=0))

        @op.vjp("x")
        def _(g: Any, y: Any, x: Any) -> Any:
            return 2.0 * g * x

        @op.batch
        def _(x: Any) -> Any:
            return mg.sum(x * x, axis=1) * factor

        return op

    assert verify(declared(1.0), seed=0).batching
    with pytest.raises(mg.InvalidRule, match="one value after the other"):
        verify(declared(1.01), seed=0)


def test_a_rule_follows_from_a_claim_or_is_declared_once() -> None:
    op = total("gate_batch_twice", right)
    with pytest.raises(mg.InvalidRule, match="already"):
        op.batch(right)
    with pytest.raises(mg.InvalidRule, match="registered"):
        REGISTRY["sum"].batch(right)
    with pytest.raises(mg.InvalidRule, match="already"):
        _elementwise().batch(right)


def _elementwise() -> mg.Op:
    @mg.op(name="gate_batch_elementwise", x=mg.real(), elementwise=True)
    def op(x: Array) -> Array:
        return x + x

    return op


def test_the_library_s_own_rules_pass_when_they_are_first_needed() -> None:
    """At import they wait; here each is checked thoroughly."""
    ops = [op for op in REGISTRY if has_batch_rule(op) and op.module.startswith("minigrad.")]
    assert len(ops) >= 12
    for op in ops:
        assert verify(op).batching


def part(name: str, rule: Rule) -> mg.Op:
    """Reads the first row, with an accumulation rule."""

    @mg.op(name=name, x=mg.real(), shapes=[((3, 2),)])
    def op(x: Array) -> Array:
        return np.asarray(x[0])

    @op.vjp("x")
    def _(g: Any, y: Any, x: Any) -> Any:
        return mg.stack([g, *(g * 0.0 for _ in range(x.shape[0] - 1))])

    op.accumulate(rule)
    return op


def adds(total: Array, g: Array) -> bool:
    total[0] += g
    return True


def adds_twice(total: Array, g: Array) -> bool:
    total[0] += 2.0 * g
    return True


def adds_in_another_row(total: Array, g: Array) -> bool:
    total[1] += g
    return True


def replaces(total: Array, g: Array) -> bool:
    total[0] = g
    return True


def touches_and_denies(total: Array, g: Array) -> bool:
    total[0] += g
    return False


def says_nothing(total: Array, g: Array) -> None:
    total[0] += g


@pytest.mark.parametrize("rule", [adds_twice, adds_in_another_row, replaces, touches_and_denies, says_nothing])
def test_a_wrong_accumulation_rule_is_refused(rule: Rule) -> None:
    with pytest.raises(mg.InvalidRule, match="accumulation rule"):
        verify(part("gate_accumulate_wrong", rule), seed=0)


def test_a_right_accumulation_rule_is_used() -> None:
    op = part("gate_accumulate_right", adds)
    mg.register(op)
    x = mg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    (op(x) * op(x) + op(x) * x[0]).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [[0.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(mg.InconclusiveCheck, match="False in all cases"):
        verify(part("gate_accumulate_never", lambda total, g: False), seed=0)
