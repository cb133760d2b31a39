"""Losses that a rule evaluates itself: what it is given, how often, and what is as before afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import MissingGradient, Need, NeedError, NonFiniteGradient, NonFiniteWarning, Objective
from minigrad.optim.gradient_transforms import with_weight_decay
from minigrad.optim.stateful.closure import ClosureEvaluator
from minigrad.optim.stateful.hessian import (
    HessianOfLoss,
    hessian_by_differences,
    hvp_by_differences,
    jacobian,
)
from minigrad.typing import Array
from support.missing_plugins import needs
from support.optim_needs import check_offered

ALL = Need.GRAD | Need.VALUE | Need.REEVAL | Need.HVP | Need.HESSIAN
A = np.array([1.0, -2.0, 0.5])


class Setting:
    """A vector and a number of another dtype, and a loss that counts how often it is evaluated."""

    def __init__(self, **options: Any) -> None:
        self.w = mg.tensor(A, requires_grad=True)
        self.b = mg.tensor(np.array(0.5, np.float32), requires_grad=True)
        self.calls = 0
        self.opt = mg.optimizer("newton", {"w": self.w, "b": self.b}, **options)
        self.blocks = self.opt._transaction.blocks

    def loss(self) -> mg.Tensor:
        """sum(w^4) / 4 + b^2 sum(w)."""
        self.calls += 1
        return mg.sum(self.w**4) * 0.25 + self.b * self.b * mg.sum(self.w)

    def evaluator(self, closure: Any = None, **options: Any) -> ClosureEvaluator:
        return ClosureEvaluator(
            self.blocks, self.loss if closure is None else closure, options.pop("missing", "error"), **options
        )

    def values(self) -> list[Any]:
        return [*self.w.numpy().tolist(), self.b.item()]


def value(x: Array) -> float:
    return float(np.sum(x[:3] ** 4) / 4.0 + x[3] ** 2 * np.sum(x[:3]))


def slope(x: Array) -> Array:
    return np.array([*(x[:3] ** 3 + x[3] ** 2), 2.0 * x[3] * np.sum(x[:3])])


def curvature(x: Array) -> Array:
    h = np.diag([*(3.0 * x[:3] ** 2), 2.0 * np.sum(x[:3])])
    h[3, :3] = h[:3, 3] = 2.0 * x[3]
    return h


def test_an_objective_of_a_closure_is_the_function() -> None:
    s = Setting()
    before = s.values()
    e = s.evaluator()
    (block,) = s.blocks
    f, x = e.objective(block, ALL), np.array([*A, 0.5])
    assert e.start(block).tolist() == before == x.tolist()
    for at, there in ((f, x), (f.at(x + 0.25), x + 0.25), (f.at(x - 1.0).at(x * 2.0), x * 2.0), (f, x)):
        assert at.value() == pytest.approx(value(there), rel=1e-7)
        np.testing.assert_allclose(at.grad, slope(there), rtol=1e-6)
        np.testing.assert_allclose(at.hessian(), curvature(there), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(at.hvp(x), curvature(there) @ x, rtol=1e-6, atol=1e-5)
    assert e.loss == pytest.approx(value(x), rel=1e-7)
    e.restore()
    assert s.values() == before
    e.accept(block, x + 1.0)
    assert s.values() == e.start(block).tolist() == (x + 1.0).tolist()
    assert e.objective(block, ALL).value() == pytest.approx(value(x + 1.0), rel=1e-7)
    e.undo()
    assert s.values() == before


def test_a_loss_is_evaluated_once_at_each_point() -> None:
    s = Setting()
    (block,) = s.blocks
    f = s.evaluator().objective(block, ALL)
    for look in (lambda: f.grad, f.value, f.hessian, lambda: f.hvp(np.ones(4)), lambda: f.grad):
        look()
    assert s.calls == 1
    there = f.at(np.ones(4))
    there.value(), there.hessian()
    assert s.calls == 2
    f.hessian()
    assert s.calls == 3
    for name in ("adam", "newton", "sgd"):
        t = Setting()
        result = mg.optimizer(name, {"w": t.w, "b": t.b}).step(t.loss)
        assert t.calls == 1
        assert result.loss == pytest.approx(value(np.array([*A, 0.5])), rel=1e-7)


@pytest.mark.parametrize("need", [Need.VALUE, Need.REEVAL, Need.HVP, Need.HESSIAN])
def test_no_more_is_offered_than_the_rule_declares(need: Need) -> None:
    s = Setting()
    (block,) = s.blocks
    f = s.evaluator().objective(block, Need.GRAD | need)
    looks: dict[Need, Callable[[], object]] = {
        Need.VALUE: f.value, Need.REEVAL: lambda: f.at(np.ones(4)), Need.HVP: lambda: f.hvp(np.ones(4)),
        Need.HESSIAN: f.hessian,
    }  # fmt: skip
    check_offered(need, looks)
    for look in (f.residual, f.jacobian):
        with pytest.raises(NeedError, match="RESIDUAL"):
            look()


def test_residuals_and_their_slopes() -> None:
    s = Setting()
    e = s.evaluator(lambda: s.w * s.w - 1.0 * s.b, residuals=True)
    (block,) = s.blocks
    f = e.objective(block, Need.GRAD | Need.RESIDUAL)
    r = A**2 - 0.5
    np.testing.assert_allclose(f.residual(), r, rtol=1e-7)
    np.testing.assert_allclose(f.jacobian(), np.column_stack([np.diag(2.0 * A), -np.ones(3)]), rtol=1e-7)
    np.testing.assert_allclose(f.grad, f.jacobian().T @ r, rtol=1e-6)
    assert e.loss == pytest.approx(0.5 * r @ r, rel=1e-7)
    wrong: list[tuple[Any, str]] = [
        (lambda: mg.sum(s.w), r"the residuals as a Tensor of shape \(m,\), got a Tensor of shape \(\)"),
        (lambda: 3.0, r"residuals as a Tensor of shape \(m,\), got float"),
    ]
    for closure, words in wrong:
        with pytest.raises(NeedError, match=words):
            s.evaluator(closure, residuals=True).objective(block, ALL | Need.RESIDUAL).residual()
    with pytest.raises(NeedError, match="takes one closure, which returns those of all examples"):
        s.evaluator([s.loss, s.loss], residuals=True)
    with pytest.raises(NeedError, match="returns a loss, and the rule needs the residuals"):
        s.evaluator().objective(block, Need.GRAD | Need.RESIDUAL).residual()


def test_wrong_closures_and_what_they_leave() -> None:
    s = Setting()
    (block,) = s.blocks
    before = s.values()

    def backward() -> mg.Tensor:
        loss = s.loss()
        loss.backward()
        return loss

    wrong: list[tuple[Any, str]] = [
        (lambda: s.w, r"the loss as a Tensor with one element, got a Tensor of shape \(3,\)"),
        (lambda: None, "the loss as a Tensor with one element, got NoneType"),
        (backward, "leave backward"),
    ]
    for closure, words in wrong:
        with pytest.raises(NeedError, match=words):
            s.opt.step(closure)
        assert (s.values(), s.opt.t) == (before, 0)
        s.opt.zero_grad()
    for none in ([], [3], 3, [s.loss, None]):
        with pytest.raises(NeedError, match="takes a closure or a list of closures, one for each micro-batch, got"):
            s.evaluator(none)
    with pytest.raises(MissingGradient, match="no gradient has reached 'b'"):
        s.opt.step(lambda: mg.sum(s.w**2))
    assert s.values() == before
    f = s.evaluator(lambda: mg.sum(s.w**2), missing="zero").objective(block, ALL)
    assert f.grad.tolist() == [*(2.0 * A), 0.0]


def test_several_closures_are_their_mean() -> None:
    s = Setting()
    (block,) = s.blocks
    f = s.evaluator([s.loss, lambda: mg.sum(s.w) * 3.0 + s.b, s.loss]).objective(block, ALL)
    x = np.array([*A, 0.5])
    assert f.value() == pytest.approx((2.0 * value(x) + 3.0 * np.sum(A) + 0.5) / 3.0, rel=1e-6)
    np.testing.assert_allclose(f.grad, (2.0 * slope(x) + np.array([3.0, 3.0, 3.0, 1.0])) / 3.0, rtol=1e-6)
    assert s.calls == 2


def test_gradients_pass_through_the_hook_and_must_be_finite_at_the_start() -> None:
    s = Setting()
    (block,) = s.blocks
    f = s.evaluator(hook=lambda grads: [2.0 * g for g in grads]).objective(block, ALL)
    np.testing.assert_allclose(f.grad, 2.0 * slope(np.array([*A, 0.5])), rtol=1e-6)
    with np.errstate(all="ignore"):
        with pytest.raises(NonFiniteGradient, match=r"not finite at 'w' \(3 of 3 entries, first nan at \[0\]\)"):
            _ = s.evaluator(lambda: mg.sum(s.w * math.nan) + s.b).objective(block, ALL).grad
        spoilt = s.evaluator(lambda: mg.sum(mg.log(s.w + 3.0)) + s.b).objective(block, ALL)
        assert not np.isfinite(spoilt.at(np.full(4, -3.0)).grad).all()  # a rule that searches may look there
        s = Setting()
        with pytest.warns(NonFiniteWarning, match="newton .* skipped step 1: the gradient is not finite at 'w'"):
            result = s.opt.step(lambda: mg.sum(s.w * math.nan) + s.b)
    assert "not finite" in result.skipped
    assert s.values() == [*A, 0.5]


@needs("minigrad-newton")
def test_rules_that_differ_move_one_after_another_and_none_if_one_fails() -> None:
    w, v = (mg.tensor(A, requires_grad=True) for _ in "wv")
    groups = [mg.optim.Group("v", damping=1.0)]
    opt = mg.optimizer("newton", {"w": w, "v": v}, groups=groups)
    opt.step(lambda: mg.sum((w - 1.0) ** 2) + mg.sum((v - w) ** 2))
    np.testing.assert_allclose(w.numpy(), (A + 1.0) / 2.0, rtol=1e-12)  # while v stands still
    np.testing.assert_allclose(v.numpy(), A + (w.numpy() - A) * 2.0 / 3.0, rtol=1e-12)
    before = w.numpy().copy(), v.numpy().copy()
    with np.errstate(all="ignore"), pytest.warns(NonFiniteWarning, match="skipped step 2"):
        opt.step(lambda: mg.sum((w - 1.0) ** 2) + mg.sum(mg.sqrt(v - v.detach()) * v))
    np.testing.assert_array_equal(w.numpy(), before[0])
    np.testing.assert_array_equal(v.numpy(), before[1])
    assert opt.t == 1


def test_groups_that_differ_in_their_decay_are_moved_as_one() -> None:
    w, v = (mg.tensor(A, requires_grad=True) for _ in "wv")
    opt = mg.optimizer("newton", {"w": w, "v": v}, groups=[mg.optim.Group("v", weight_decay=1.0)], weight_decay=0.5)
    opt.step(lambda: mg.sum((w - 1.0) ** 2) + mg.sum((v - 1.0) ** 2))
    np.testing.assert_allclose(w.numpy(), 2.0 / 2.5, rtol=1e-12)
    np.testing.assert_allclose(v.numpy(), 2.0 / 3.0, rtol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("decay", [0.0, 0.5, [0.5, 0.25]])
def test_decay_and_sign_reach_all_that_is_seen_of_a_function(sign: float, decay: Any) -> None:
    a, k = np.array([[2.0, 1.0], [1.0, 3.0]]), np.asarray(decay) if isinstance(decay, list) else decay
    r = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])
    plain = Objective.of(
        np.array([1.0, -2.0]), lambda w: a @ w, value=lambda w: float(0.5 * w @ a @ w), hvp=lambda w, v: a @ v,
        hessian=lambda w: a, residual=lambda w: r @ w, jacobian=lambda w: r,
    )  # fmt: skip
    f = with_weight_decay(plain, np.array([1.0, -2.0]), sign, k)
    assert (f is plain) == (sign == 1.0 and decay == 0.0)
    d = np.diag(np.broadcast_to(k, 2))
    for w in (np.array([1.0, -2.0]), np.array([0.5, 3.0])):
        g, v = f.at(w) if w[0] != 1.0 else f, np.array([2.0, -1.0])
        np.testing.assert_allclose(g.grad, sign * a @ w + d @ w, rtol=1e-14)
        assert g.value() == pytest.approx(sign * 0.5 * w @ a @ w + 0.5 * w @ d @ w, rel=1e-14)
        np.testing.assert_allclose(g.hvp(v), sign * a @ v + d @ v, rtol=1e-14)
        np.testing.assert_allclose(g.hessian(), sign * a + d, rtol=1e-14)
        if sign == 1.0:
            assert 0.5 * g.residual() @ g.residual() == pytest.approx(0.5 * (w @ r.T @ r @ w + w @ d @ w), rel=1e-14)
            np.testing.assert_allclose(g.jacobian().T @ g.jacobian(), r.T @ r + d, rtol=1e-14)
        else:
            for look in (g.residual, g.jacobian):
                with pytest.raises(NeedError, match="RESIDUAL"):
                    look()


# -- second derivatives ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_with_a_hessian_are_those_of_the_matrix(dtype: type) -> None:
    w = mg.tensor(np.array([[1.0, 2.0], [-1.0, 0.5]], dtype), requires_grad=True)
    b = mg.tensor(np.array([0.5, -0.5]), requires_grad=True)
    idle = mg.tensor(np.ones(2), requires_grad=True)
    x = np.array([1.0, 2.0, -1.0, 0.5, 0.5, -0.5])
    # b0 times the sum of w^3, and b1^2: rows of w, then of b, then of what has no part in it
    right = np.zeros((8, 8))
    right[:4, :4] = np.diag(6.0 * x[:4] * x[4])
    right[4, :4] = right[:4, 4] = 3.0 * x[:4] ** 2
    right[5, 5] = 2.0
    loss = mg.sum(w**3) * b[0] + b[1] ** 2
    h = HessianOfLoss(loss, [w, b, idle], np.dtype(np.float64))
    np.testing.assert_allclose(h.hessian(), right, rtol=1e-6, atol=1e-12)
    for v in (np.arange(8.0), np.ones(8), np.eye(8)[5]):
        product = h.hvp(v)
        np.testing.assert_allclose(product, right @ v, rtol=1e-6, atol=1e-12)
        assert product.dtype == np.float64
    linear = HessianOfLoss(mg.sum(b * 2.0), [b, idle], np.dtype(np.float32))
    assert linear.hvp(np.ones(4, np.float32)).tolist() == [0.0] * 4
    assert linear.hessian().dtype == np.float32


def test_slopes_of_several_outputs() -> None:
    w, idle = mg.tensor(A, requires_grad=True), mg.tensor(np.ones((2, 1)), requires_grad=True)
    j = jacobian(mg.concatenate([w[:2] ** 2, w[2:] * w[0]], axis=0), [idle, w], np.dtype(np.float64))
    expected: Array = np.array([[0.0, 0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, -4.0, 0.0], [0.0, 0.0, 0.5, 0.0, 1.0]])
    np.testing.assert_allclose(j, expected, rtol=1e-12, atol=1e-12)
    assert jacobian((w * 2.0)[:0], [w], np.dtype(np.float64)).shape == (0, 3)


def test_differences_of_fourth_order() -> None:
    def slopes(w: Array) -> Array:
        return np.asarray(np.exp(w) + np.roll(w, 1) ** 2 + 2.0 * np.roll(w, -1) * w)

    w, v = np.array([0.3, -1.2, 100.0]), np.array([1.0, 2.0, -0.5])
    w[2] = 2.0
    right = np.diag(np.exp(w)) + np.zeros((3, 3))
    for k in range(3):
        right[k, (k - 1) % 3] += 2.0 * w[(k - 1) % 3]
        right[k, (k + 1) % 3] += 2.0 * w[k]
        right[k, k] += 2.0 * w[(k + 1) % 3]
    np.testing.assert_allclose(hvp_by_differences(slopes, w, v), right @ v, rtol=1e-10)
    np.testing.assert_allclose(hvp_by_differences(slopes, w, 1e8 * v), 1e8 * right @ v, rtol=1e-10)
    assert hvp_by_differences(slopes, w, 0.0 * v).tolist() == [0.0] * 3
    np.testing.assert_allclose(hessian_by_differences(slopes, w), 0.5 * (right + right.T), rtol=1e-9, atol=1e-9)
    single = hvp_by_differences(slopes, w.astype(np.float32), v.astype(np.float32))
    np.testing.assert_allclose(single, right @ v, rtol=1e-3)
    far = hvp_by_differences(lambda w: w**2, np.array([1e4, -3e4]), np.ones(2))
    np.testing.assert_allclose(far, [2e4, -6e4], rtol=1e-10)
