"""Losses and their gradients against closed forms and loops in plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import nn
from minigrad.core import tensor
from minigrad.core.errors import ShapeError
from minigrad.nn import LabelError, ModuleError, UnknownLoss


def svm_by_loops(scores: np.ndarray, labels: np.ndarray, margin: float) -> tuple[float, np.ndarray]:
    """The course notes' loss and gradient, one row and one class after the other."""
    loss, grad = 0.0, np.zeros_like(scores)
    for i, y in enumerate(labels):
        for j in range(scores.shape[1]):
            miss = scores[i, j] - scores[i, y] + margin
            if j != y and miss > 0:
                loss += miss
                grad[i, j] += 1
                grad[i, y] -= 1
    return loss / len(labels), grad / len(labels)


shapes = st.tuples(st.integers(1, 7), st.integers(2, 6), st.integers(0, 10_000), st.floats(0.1, 30.0))


@settings(max_examples=40, deadline=None)
@given(shapes)
def test_softmax_cross_entropy(case: tuple[int, int, int, float]) -> None:
    n, c, seed, scale = case
    rng = np.random.default_rng(seed)
    scores, labels = scale * rng.normal(size=(n, c)), rng.integers(0, c, n)
    t = tensor(scores, requires_grad=True)
    loss = nn.cross_entropy(t, labels)
    loss.backward()
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    assert loss.item() == pytest.approx(-np.mean(logs[np.arange(n), labels]), rel=1e-12)
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.numpy(), (np.exp(logs) - np.eye(c)[labels]) / n, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(shapes, st.sampled_from([0.5, 1.0, 0.1, 3.0]))
def test_weston_watkins(case: tuple[int, int, int, float], margin: float) -> None:
    n, c, seed, scale = case
    rng = np.random.default_rng(seed)
    scores, labels = scale * rng.normal(size=(n, c)), rng.integers(0, c, n)
    t = tensor(scores, requires_grad=True)
    loss = nn.weston_watkins(t, labels, margin)
    loss.backward()
    expected, grad = svm_by_loops(scores, labels, margin)
    assert loss.item() == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.numpy(), grad, atol=1e-14)


def test_svm_loss_is_exactly_zero_once_margins_are_kept() -> None:
    scores = np.where(np.eye(5, dtype=bool), 10.0, 0.1 * np.arange(5.0))
    for margin in (1.0, 0.1, 0.3):
        assert nn.weston_watkins(tensor(scores, dtype=np.float32), np.arange(5), margin).item() == 0.0


def test_mean_squared_error() -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(6, 1)), rng.normal(size=6)
    t = tensor(outputs, requires_grad=True)
    loss = nn.mean_squared_error(t, targets)
    loss.backward()
    assert loss.item() == pytest.approx(np.mean((outputs[:, 0] - targets) ** 2), rel=1e-14)
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.numpy()[:, 0], 2 * (outputs[:, 0] - targets) / 6, rtol=1e-13)
    with pytest.raises(ShapeError, match=r"outputs have shape \(6, 1\), targets \(5,\)"):
        nn.mean_squared_error(t, targets[:5])


def test_scores_of_any_size_are_safe() -> None:
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    t = tensor(scores, requires_grad=True)
    loss = nn.cross_entropy(t, np.array([0, 0]))
    loss.backward()
    assert loss.item() == 1e4
    assert t.grad is not None
    assert np.isfinite(t.grad.numpy()).all()


def test_leading_axes_are_rows() -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))
    for loss in (nn.cross_entropy, nn.weston_watkins):
        whole = loss(tensor(scores), labels).item()
        assert whole == loss(tensor(scores.reshape(6, 4)), labels.reshape(6)).item()


def test_losses_keep_the_dtype() -> None:
    scores = tensor(np.zeros((2, 3)), dtype=np.float32)
    labels = np.array([0, 1])
    assert nn.cross_entropy(scores, labels).dtype == np.float32
    assert nn.weston_watkins(scores, labels).dtype == np.float32
    assert nn.mean_squared_error(scores, np.zeros((2, 3))).dtype == np.float32


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.weston_watkins])
def test_bad_labels_name_the_row(loss: nn.Loss) -> None:
    scores = tensor(np.zeros((4, 3)))
    with pytest.raises(LabelError, match=r"label 3 in row 2 is out of range; 3 scores allow 0 to 2"):
        loss(scores, np.array([0, 2, 3, 1]))
    with pytest.raises(LabelError, match=r"label -1 in row 0"):
        loss(scores, np.array([-1, 2, 0, 1]))
    with pytest.raises(LabelError, match=r"integer labels.*float64"):
        loss(scores, np.zeros(4))
    with pytest.raises(ShapeError, match=r"scores of shape \(4, 3\) need labels of shape \(4,\), got \(3,\)"):
        loss(scores, np.zeros(3, dtype=int))
    with pytest.raises(ShapeError, match="empty batch"):
        loss(tensor(np.zeros((0, 3))), np.zeros(0, dtype=int))


def test_unsigned_labels_are_welcome() -> None:
    scores = tensor(np.random.default_rng(0).normal(size=(3, 300)))
    labels = np.array([255, 0, 7], dtype=np.uint8)
    assert nn.cross_entropy(scores, labels).item() == nn.cross_entropy(scores, labels.astype(int)).item()


def test_chance_is_the_loss_of_equal_scores() -> None:
    labels = np.array([0, 3, 1])
    zero = tensor(np.zeros((3, 5)))
    for loss in (nn.SoftmaxCrossEntropy(), nn.WestonWatkins(), nn.WestonWatkins(margin=0.25)):
        assert loss(zero, labels).item() == pytest.approx(loss.uninformed_loss(5, labels).value, rel=1e-12)
    assert nn.SoftmaxCrossEntropy().uninformed_loss(10, labels).value == pytest.approx(2.302585, abs=1e-6)
    assert nn.WestonWatkins().uninformed_loss(10, labels).value == 9.0
    y = np.random.default_rng(0).normal(size=50)
    assert nn.MeanSquaredError().uninformed_loss(1, y).value == pytest.approx(np.mean(y**2))


def test_l2_value_and_gradient() -> None:
    model = nn.mlp(4, [3], 2, rng=0).astype(np.float64)
    term = nn.L2(0.3)(model)
    term.backward()
    weights = [p for p in model.parameters() if p.ndim == 2]
    assert term.item() == pytest.approx(0.15 * sum(np.sum(w.numpy() ** 2) for w in weights), rel=1e-13)
    for p in model.parameters():
        if p.ndim == 2:
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.numpy(), 0.3 * p.numpy(), rtol=1e-13)
        else:
            assert p.grad is None


@pytest.mark.parametrize("wrong", [-1.0, math.inf, math.nan])
def test_settings_are_checked(wrong: float) -> None:
    with pytest.raises(ModuleError, match=r"L2\.strength must be a finite number >= 0"):
        nn.L2(wrong)
    with pytest.raises(ModuleError, match=r"WestonWatkins\.margin must be a finite number > 0"):
        nn.WestonWatkins(wrong)


def test_losses_by_name() -> None:
    assert nn.find_loss("svm") == nn.WestonWatkins()
    assert nn.find_loss(nn.cross_entropy) is nn.cross_entropy
    with pytest.raises(UnknownLoss, match=r"no loss 'sofmax'. Did you mean 'softmax'\? Known: .*huber, kl"):
        nn.find_loss("sofmax")


CLASSES = np.array([0, 2, 1])
ROWS = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (nn.cross_entropy, CLASSES),
        (nn.weston_watkins, CLASSES),
        (nn.crammer_singer, CLASSES),
        (nn.kl_divergence, ROWS),
        (nn.mean_squared_error, ROWS),
        (nn.mean_absolute_error, ROWS),
        (nn.huber, ROWS),
        (nn.binary_cross_entropy, ROWS),
        (nn.hinge, np.sign(ROWS - 0.4)),
    ],
)
def test_targets_in_an_array_may_be_changed_before_backward(loss: nn.Loss, targets: np.ndarray) -> None:
    found = []
    for change in (False, True):
        scores = tensor(np.arange(9.0).reshape(3, 3) / 7.0, requires_grad=True)
        given = targets.copy()
        value = loss(scores, given)
        if change:
            given[...] = given[::-1].copy()
        value.backward()
        assert scores.grad is not None
        found.append(scores.grad.numpy())
    np.testing.assert_array_equal(found[0], found[1])
