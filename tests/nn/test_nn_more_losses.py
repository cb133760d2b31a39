"""Binary, margin, regression and distribution losses against NumPy formulas and differences; L1 beside L2."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import ShapeError
from minigrad.nn import LabelError, ModuleError

Array: TypeAlias = np.ndarray

N, C = 6, 5
RNG = np.random.default_rng(0)
SCORES = 2.0 * RNG.normal(size=(N, C))
LABELS = RNG.integers(0, C, N)
BITS = RNG.integers(0, 2, (N, C))
P = RNG.dirichlet(np.ones(C), N)
P[0] = np.eye(C)[2]
Y = RNG.normal(size=(N, C))


def log_softmax(s: Array) -> Array:
    top = s.max(axis=-1, keepdims=True)
    logs: Array = s - top - np.log(np.exp(s - top).sum(axis=-1, keepdims=True))
    return logs


def smoothed(s: Array, labels: Array) -> float:
    target = 0.8 * np.eye(C)[labels] + 0.2 / C
    return float(-np.mean(np.sum(target * log_softmax(s), axis=1)))


def crammer(s: Array, labels: Array) -> float:
    total = 0.0
    for row, y in zip(s, labels, strict=True):
        total += max(0.0, max(v for j, v in enumerate(row) if j != y) - row[y] + 0.7)
    return total / len(s)


def bce(s: Array, t: Array) -> float:
    p = 1.0 / (1.0 + np.exp(-s))
    return float(-np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)))


def huber(x: Array, y: Array) -> float:
    d = np.abs(x - y)
    return float(np.mean(np.where(d <= 0.5, d**2 / 2, 0.5 * (d - 0.25))))


def kl(s: Array, p: Array) -> float:
    terms = [a * (np.log(a) - b) for a, b in zip(p.ravel(), log_softmax(s).ravel(), strict=True) if a]
    return float(sum(terms)) / len(p)


CASES: dict[str, tuple[nn.LossWithBaseline, Array, Callable[[Array, Array], float]]] = {
    "smoothed softmax": (nn.SoftmaxCrossEntropy(label_smoothing=0.2), LABELS, smoothed),
    "Crammer-Singer": (nn.CrammerSinger(margin=0.7), LABELS, crammer),
    "binary": (nn.BinaryCrossEntropy(), BITS, bce),
    "soft binary": (nn.BinaryCrossEntropy(), P, bce),
    "hinge": (nn.Hinge(margin=0.7), 2 * BITS - 1, lambda s, t: float(np.mean(np.maximum(0, 0.7 - t * s)))),
    "MAE": (nn.MeanAbsoluteError(), Y, lambda x, y: float(np.mean(np.abs(x - y)))),
    "MSE": (nn.MeanSquaredError(), Y, lambda x, y: float(np.mean((x - y) ** 2))),
    "Huber": (nn.Huber(delta=0.5), Y, huber),
    "KL": (nn.KLDivergence(), P, kl),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name: str) -> None:
    loss, targets, formula = CASES[name]
    assert loss(tensor(SCORES), targets).item() == pytest.approx(formula(SCORES, targets), rel=1e-12)
    assert mg.gradcheck(lambda s: loss(s, targets), SCORES).relative_error < 1e-7
    single = loss(tensor(SCORES, dtype=np.float32), targets)
    assert single.dtype == np.float32
    assert single.shape == ()


@pytest.mark.parametrize("name", CASES)
def test_chance_is_the_loss_of_zero_scores(name: str) -> None:
    loss, targets, _ = CASES[name]
    chance = loss.uninformed_loss(C, targets)
    assert loss(tensor(np.zeros((N, C))), targets).item() == pytest.approx(chance.value, rel=1e-12)
    assert chance.formula
    assert 0.0 < loss.fit_threshold(targets) < chance.value
    assert isinstance(loss, nn.LossWithBaseline)


def test_chance_levels_of_the_course_notes() -> None:
    assert nn.BinaryCrossEntropy().uninformed_loss(1, BITS).value == pytest.approx(0.693147, abs=1e-6)
    assert nn.SoftmaxCrossEntropy(0.1).uninformed_loss(10, LABELS).value == pytest.approx(2.302585, abs=1e-6)
    assert nn.CrammerSinger().uninformed_loss(10, LABELS).value == 1.0
    assert nn.Hinge().uninformed_loss(1, BITS).value == 1.0


def test_learnt_targets_are_solved() -> None:
    """The best scores there are score below `fit_threshold`, and clearly worse ones do not."""
    sure = 20.0 * np.eye(C)[LABELS]
    logs = np.log(np.maximum(P, 1e-9))
    best: dict[str, tuple[Array, Array]] = {
        "Crammer-Singer": (sure, SCORES),
        "binary": (20.0 * (2 * BITS - 1), 0.1 * (2 * BITS - 1)),
        "soft binary": (np.log(np.clip(P, 1e-9, 1 - 1e-9) / (1 - np.clip(P, 1e-9, 1 - 1e-9))), SCORES),
        "hinge": (2.0 * (2 * BITS - 1), 0.1 * (2 * BITS - 1)),
        "MAE": (Y + 0.01, Y + 0.2),
        "MSE": (Y + 0.01, Y + 0.2),
        "Huber": (Y + 0.01, Y + 0.2),
        "KL": (logs, SCORES),
        "smoothed softmax": (np.log(0.8 * np.eye(C)[LABELS] + 0.2 / C), 0.3 * sure / 20.0),
    }
    for name, (good, bad) in best.items():
        loss, targets, _ = CASES[name]
        assert loss(tensor(good), targets).item() < loss.fit_threshold(targets), name
        assert loss(tensor(bad), targets).item() > loss.fit_threshold(targets), name


def test_scores_of_any_size_are_safe() -> None:
    s = tensor(np.array([[1e4, -1e4], [-1e4, 1e4]]), requires_grad=True)
    for loss, targets in (
        (nn.BinaryCrossEntropy(), np.array([[0, 0], [1, 1]])),
        (nn.KLDivergence(), np.array([[0.5, 0.5], [1.0, 0.0]])),
        (nn.SoftmaxCrossEntropy(0.1), np.array([1, 1])),
    ):
        s.zero_grad()
        value = loss(s, targets)
        value.backward()
        assert s.grad is not None
        assert np.isfinite(value.item())
        assert np.isfinite(s.grad.numpy()).all()


def test_columns_fit_vectors_and_nothing_else_is_broadcast() -> None:
    column, t = tensor(RNG.normal(size=(4, 1))), np.array([1.0, -1.0, 1.0, -1.0])
    for loss in (nn.hinge, nn.mean_absolute_error, nn.huber):
        assert loss(column, t).item() == loss(column.reshape(4), t).item()
        with pytest.raises(ShapeError, match=r"outputs have shape \(4, 1\), targets \(3,\)"):
            loss(column, t[:3])


def test_targets_that_do_not_fit_are_named() -> None:
    s = tensor(np.zeros((2, 2)))
    with pytest.raises(LabelError, match=r"in \[0, 1\]; the one at \[1, 0\] is 2.0"):
        nn.binary_cross_entropy(s, np.array([[0, 1], [2, 0]]))
    with pytest.raises(LabelError, match=r"of -1 or \+1; the one at \[0, 1\] is 0.0"):
        nn.hinge(s, np.array([[1, 0], [-1, 1]]))
    with pytest.raises(LabelError, match=r"row \[1\] of the targets is no distribution"):
        nn.kl_divergence(s, np.array([[0.5, 0.5], [0.5, 0.6]]))
    with pytest.raises(LabelError, match="no distribution"):
        nn.kl_divergence(s, np.array([[0.5, 0.5], [-0.5, 1.5]]))
    with pytest.raises(LabelError, match="label 2 in row 1"):
        nn.crammer_singer(s, np.array([0, 2]))
    with pytest.raises(ModuleError, match=r"SoftmaxCrossEntropy.label_smoothing must be in \[0, 1\), got 1.0"):
        nn.SoftmaxCrossEntropy(1.0)
    with pytest.raises(ModuleError, match=r"Huber.delta must be a finite number > 0"):
        nn.Huber(0.0)


@pytest.mark.parametrize("name", nn.LOSSES)
def test_every_named_loss_is_calibrated(name: str) -> None:
    assert isinstance(nn.find_loss(name), nn.LossWithBaseline)


def test_l1_value_gradient_and_linearity() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.LayerNorm(3), nn.Conv1d(3, 2, 1, rng=0)).astype(np.float64)
    term = nn.L1(0.3)(model)
    term.backward()
    weights = [p for p in model.parameters() if p.ndim >= 2]
    assert term.item() == pytest.approx(0.3 * sum(np.sum(np.abs(w.numpy())) for w in weights), rel=1e-13)
    for p in model.parameters():
        if p.ndim < 2:
            assert p.grad is None
        else:
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.numpy(), 0.3 * np.sign(p.numpy()), rtol=1e-13)
    for kind in (nn.L1, nn.L2):
        assert kind(0.5)(model).item() == pytest.approx(5 * kind(0.1)(model).item(), rel=1e-13)
        with pytest.raises(ModuleError, match=rf"{kind.__name__}\.strength must be a finite number >= 0"):
            kind(-1.0)


def test_a_tie_of_rivals_shares_the_gradient() -> None:
    s: Tensor = tensor(np.array([[0.0, 1.0, 1.0]]), requires_grad=True)
    nn.crammer_singer(s, np.array([0])).backward()
    assert s.grad is not None
    assert s.grad.numpy().tolist() == [[-1.0, 0.5, 0.5]]
