"""What is left of a function where there is nothing, something infinite, something equal, or something wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import linalg
from minigrad.core.errors import ShapeError
from minigrad.nn.errors import LabelError

mg: Any = minigrad  # called with arrays of any kind and with Tensors alike
la: Any = linalg
INF, NAN = np.inf, np.nan


def slope(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of sum f at x."""
    with np.errstate(all="ignore"):
        return mg.grad(lambda t: mg.sum(f(t)))(np.asarray(x))


# -- losses
def test_the_loss_of_certain_scores() -> None:
    right = 4.248354255291589e-18
    for x, t in ((40.0, 1.0), (-40.0, 0.0)):
        scores, targets = np.array([x]), np.array([t])
        np.testing.assert_allclose(mg.binary_cross_entropy_with_logits(scores, targets), right, rtol=1e-12)
        slopes = slope(partial(mg.binary_cross_entropy_with_logits, target=targets), scores)
        np.testing.assert_allclose(slopes, [-np.sign(x) * right], rtol=1e-12)
    assert mg.binary_cross_entropy_with_logits(np.array([INF]), np.array([1.0])) == 0.0
    np.testing.assert_allclose(mg.binary_cross_entropy(np.array([1e-20]), np.array([0.0])), 1e-20, rtol=1e-12)


def test_what_has_no_weight_costs_nothing() -> None:
    scores = np.array([[-INF, 1.0, 2.0], [-INF, 0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(mg.cross_entropy(scores, np.array([1, -100]), ignore_index=-100), 1.3132616875182228)
        assert mg.kl_div(np.array([-INF, 0.0]), np.array([0.0, 1.0]), reduction="sum") == 0.0
        assert mg.nll_loss(np.array([[-INF, 0.0]]), np.array([0]), "sum", np.array([0.0, 1.0])) == 0.0
    np.testing.assert_allclose(slope(lambda p: mg.kl_div(np.array([-3.0]), p), [0.0]), [3.0])


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss", "multiclass_hinge", "focal_loss", "softmax_focal_loss"])
def test_labels_that_are_no_class_are_refused(loss: str, label: int) -> None:
    with pytest.raises(LabelError, match="out of range"):
        getattr(mg, loss)(np.full((2, 3), 0.5), np.array([0, label]))


@pytest.mark.parametrize("loss", [
    "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "kl_div", "hinge_embedding_loss", "soft_margin_loss", "poisson_nll_loss",
])  # fmt: skip
def test_losses_do_not_broadcast(loss: str) -> None:
    with pytest.raises(ShapeError, match="one shape"):
        getattr(mg, loss)(np.full((3, 1), 0.5), np.full(3, 0.5))


def test_corners_of_losses() -> None:
    assert mg.smooth_l1_loss(np.array([-2.0]), np.array([0.0]), beta=0.0) == 2.0
    with pytest.raises(ValueError, match="at least 0"):
        mg.smooth_l1_loss(np.zeros(1), np.zeros(1), beta=-1.0)
    with pytest.raises(ValueError, match="above 0"):
        mg.huber_loss(np.zeros(1), np.zeros(1), delta=0.0)


# -- equal numbers, and few
@pytest.mark.parametrize("n", range(2, 120, 7))
def test_equal_numbers_have_no_spread(n: int) -> None:
    for x in (np.full((1, n), 100000.1, np.float32), np.full((1, n), 0.1)):
        assert not np.any(mg.layer_norm(x))
        assert mg.var(x) == mg.std(x) == 0.0
        assert not np.any(slope(mg.std, x))


def test_norms_of_very_large_numbers() -> None:
    x = np.asarray([[1e20, 3e20]], np.float32)
    np.testing.assert_allclose(mg.layer_norm(x), [[-1.0, 1.0]], rtol=1e-6)
    weights = np.asarray([1.0, 3.0], np.float32)
    np.testing.assert_allclose(mg.cosine_similarity(x, weights[None] * 1e30), [1.0], rtol=1e-6)


def test_variance_of_too_few() -> None:
    with np.errstate(all="ignore"):
        for n, ddof in ((0, 1), (1, 1), (1, 2)):
            assert np.isnan(mg.var(np.zeros(n), ddof=ddof))
            assert np.isnan(mg.std(np.zeros(n), ddof=ddof))


def test_order_statistics_see_nan_and_infinity() -> None:
    for f in (mg.median, lambda x: mg.quantile(x, 0.25), lambda x: np.median(mg.tensor(x)).numpy()):
        assert np.isnan(f(np.array([1.0, NAN, 3.0])))
    np.testing.assert_array_equal(mg.median(np.array([[1.0, NAN], [2.0, 4.0]]), axis=1), [NAN, 3.0])
    assert mg.quantile(np.array([1.0, 2.0, INF]), 0.5) == 2.0
    assert mg.quantile(np.array([-INF, 2.0, 3.0]), 1.0) == 3.0
    np.testing.assert_array_equal(mg.topk(np.array([1.0, NAN, 3.0]), 2)[0], [NAN, 3.0])
    assert np.isnan(mg.nanmax(np.array([NAN, NAN])))


# -- products
def test_products_of_all_but_one() -> None:
    large = np.asarray([1e13, 0, 0, 1e13, 1e13, 0, 1e13, 1e13, 1e13], np.float32)
    assert not np.any(slope(mg.prod, large))
    np.testing.assert_allclose(slope(mg.prod, [1e200, 1e200, 1e-200, 1e-200]), [1e-200, 1e-200, 1e200, 1e200])
    np.testing.assert_allclose(slope(mg.prod, [0.0, 2.0, 3.0]), [6.0, 0.0, 0.0])
    np.testing.assert_allclose(mg.hessian(mg.prod)(np.array([0.0, 2.0, 0.0]))[0], [0.0, 0.0, 2.0])
    np.testing.assert_allclose(slope(lambda t: la.norm(t, ord=0.5), [0.0, 4.0]), [0.0, 1.0])


# -- matrices
def test_second_derivatives_of_singular_determinants() -> None:
    hessian = mg.hessian(la.det)(np.array([[5.0, 0.0], [0.0, 0.0]]))
    assert hessian[0, 0, 1, 1] == pytest.approx(1.0)
    assert hessian[0, 1, 1, 0] == pytest.approx(-1.0)
    assert mg.hessian(la.det)(np.diag([2.0, 3.0, 0.0]))[0, 0, 2, 2] == pytest.approx(3.0)
    assert not np.any(mg.hessian(la.det)(np.zeros((3, 3))))


def test_equal_eigenvalues() -> None:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    a = q @ np.diag([1.0, 1.0, 2.0]) @ q.T
    a = (a + a.T) / 2

    def of_matrix(m: Any) -> Any:  # trace of m^2, through whatever vectors there are
        w, v = la.eigh(m)
        return mg.sum((v * w**2) @ v.T * np.eye(3))

    np.testing.assert_allclose(mg.grad(of_matrix)(a), 2 * a, atol=1e-12)

    def coupled(m: Any) -> Any:  # needs f' between the equal values, which the rule cannot know
        w, v = la.eigh(m)
        return mg.sum((v * w**2) @ v.T * np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))

    assert np.isnan(mg.grad(coupled)(np.eye(3))).any()


def test_equal_singular_values() -> None:
    m = np.random.default_rng(0).normal(size=(3, 3))

    def polar(a: Any) -> Any:
        u, _, vt = la.svd(a)
        return mg.sum(u @ vt * m)

    found = mg.grad(polar)(2.0 * np.eye(3))
    np.testing.assert_allclose(found, (m - m.T) / 4.0, atol=1e-12)
    assert np.isfinite(mg.grad(lambda a: mg.sum(la.svdvals(a)))(np.ones((3, 2)))).all()


# -- integers, positions, surplus arguments
def test_integers_pass_no_gradient() -> None:
    np.testing.assert_array_equal(slope(lambda t: t.astype(int) * t, [1.5, 2.5]), [1.0, 2.0])


def test_nothing_is_picked() -> None:
    nothing = np.zeros(0, int)
    np.testing.assert_array_equal(slope(lambda t: mg.take(t, nothing), [1.0, 2.0]), [0.0, 0.0])
    np.testing.assert_array_equal(slope(lambda t: mg.take(t, nothing, axis=0), np.ones((2, 3))), np.zeros((2, 3)))


def test_gradients_on_uneven_grids() -> None:
    x = np.array([1.0, 2.0, 4.0, 4.5])
    np.testing.assert_allclose(mg.gradient(x**2, x), np.gradient(x**2, x))
    grid = np.outer(x, x)
    np.testing.assert_allclose(mg.gradient(grid, x, axis=1), np.gradient(grid, x, axis=1))


def test_a_surplus_array_is_not_written_to() -> None:
    untouched = np.zeros(1)
    with pytest.raises(TypeError, match="2 positional"):
        mg.exp(np.array([1.0]), untouched)
    assert untouched == 0.0


def test_a_row_of_attention_without_keys_is_0() -> None:
    q = np.random.default_rng(0).normal(size=(1, 2, 4))
    mask = np.array([[True, True], [False, False]])
    attend = mg.scaled_dot_product_attention
    assert not np.any(attend(q, q, q, mask)[0, 1])
    assert np.isfinite(slope(lambda t: attend(q, t, t, mask)[0, 0], q)).all()
