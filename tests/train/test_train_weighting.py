"""Weights of rows, ignored labels, accumulated batches: each row counts what it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn
from minigrad.core.types import Array
from minigrad.nn import Loss
from minigrad.train import History, TrainError, as_split, evaluate, fit
from minigrad.train.weighting import row_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float64)
LABELS, NUMBERS, SHARES = RNG.integers(0, 3, 50), RNG.normal(size=(50, 2)), (RNG.random((50, 2)) < 0.5).astype(float)
WEIGHTS = RNG.integers(0, 4, 50).astype(float)
KINDS: dict[str, tuple[Loss, Array, int]] = {
    "softmax": (nn.SoftmaxCrossEntropy(), LABELS, 3),  # type: ignore[dict-item]
    "smoothed": (nn.SoftmaxCrossEntropy(0.1), LABELS, 3),  # type: ignore[dict-item]
    "mse": (nn.MeanSquaredError(), NUMBERS, 2),
    "mae": (nn.MeanAbsoluteError(), NUMBERS, 2),
    "huber": (nn.Huber(0.5), NUMBERS, 2),
    "bce": (nn.BinaryCrossEntropy(), SHARES, 2),
}


def net(outputs: int) -> nn.Module:
    return nn.mlp(4, [5], outputs, rng=0).astype(np.float64)


def run(model: nn.Module, rows: Any, loss: Loss, **options: object) -> History:
    whole = len(rows[0]) if isinstance(rows, tuple) else 1
    settings: dict[str, object] = {"optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": whole, **options}
    return fit(model, rows, loss=loss, checks=False, quiet=True, restore_best=False, **settings)  # type: ignore[arg-type]


def weights_of(model: nn.Module) -> Array:
    return np.concatenate([p.numpy().ravel() for p in model.parameters()])


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_k_is_k_rows(kind: str, eager: bool) -> None:
    loss, y, outputs = KINDS[kind]
    copies = np.repeat(np.arange(50), WEIGHTS.astype(int))
    heavy, many = net(outputs), net(outputs)
    run(heavy, (X, y), loss, sample_weight=WEIGHTS, eager=eager)
    # One step on all rows: the mean over copies, whose number is the sum of the weights.
    run(many, (X[copies], y[copies]), loss, eager=eager)
    np.testing.assert_allclose(weights_of(heavy), weights_of(many), rtol=0, atol=1e-12)
    plain = net(outputs)
    run(plain, (X, y), loss, eager=eager)
    assert np.abs(weights_of(heavy) - weights_of(plain)).max() > 1e-6


def test_balanced_classes_count_alike() -> None:
    labels = np.repeat([0, 1, 2], [30, 15, 5])
    weights = row_weights(as_split((X, labels), np.dtype(np.float64)), "balanced", None)
    assert weights is not None
    assert [weights[labels == k].sum() for k in range(3)] == pytest.approx([50 / 3] * 3)
    assert weights.mean() == pytest.approx(1.0)
    again = row_weights(as_split((X, labels), np.dtype(np.float64)), {"0": 1.0, 1: 2.0, 2: 6.0}, None)
    np.testing.assert_allclose(weights, again if again is not None else 0.0)


def test_the_loss_of_an_epoch_does_not_depend_on_the_batch_size_with_weights() -> None:
    losses = []
    for size in (7, 50):
        model = net(3)
        history = run(model, (X, LABELS), nn.SoftmaxCrossEntropy(), class_weight="balanced", batch_size=size, lr=0.0)
        assert history.last is not None
        rows = np.full(len(history.batch_losses), size)
        rows[-1] = 50 - rows[:-1].sum()
        losses.append((history.last.train_loss, float(np.average(history.batch_losses, weights=rows))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_a_function_with_a_third_argument_gets_the_weights() -> None:
    def own(outputs: mg.Tensor, targets: Array, weights: mg.Tensor | None = None) -> mg.Tensor:
        squares = (outputs - targets) ** 2.0
        return squares.mean() if weights is None else (squares * weights.reshape(-1, 1)).mean()

    mine, theirs = net(2), net(2)
    run(mine, (X, NUMBERS), own, sample_weight=WEIGHTS)  # type: ignore[arg-type]
    run(theirs, (X, NUMBERS), nn.MeanSquaredError(), sample_weight=WEIGHTS)
    np.testing.assert_allclose(weights_of(mine), weights_of(theirs), atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weight": "balance"}, "give 'balanced'"),
        ({"class_weight": {"7": 1.0}}, "there is no class '7'"),
        ({"class_weight": [1.0, 2.0]}, "2 weights for 3 classes"),
        ({"sample_weight": [1.0]}, r"shape \(1,\), and there are 50 training rows"),
        ({"sample_weight": -WEIGHTS}, "the weight of training row"),
        ({"sample_weight": 0 * WEIGHTS}, "all weights are 0"),
        ({"sample_weight": WEIGHTS, "loss": nn.WestonWatkins()}, "rows cannot be weighed: choose softmax"),
    ],
)
def test_weights_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(TrainError, match=message):
        run(net(3), (X, LABELS), **{"loss": nn.SoftmaxCrossEntropy(), **options})  # type: ignore[arg-type]


# -- labels that count for nothing -----------------------------------------------------------------------------------
def test_ignored_labels_count_for_nothing_in_the_figures_of_an_epoch() -> None:
    labels = LABELS.copy()
    labels[20:] = -1  # batches of 10: three of them hold ignored labels only
    loss = nn.SoftmaxCrossEntropy(ignore_index=-1)
    model = net(3)
    both = [
        evaluate(model, as_split((X[:k], labels[:k]), np.dtype(np.float64)).train, loss, batch_size=10)
        for k in (20, 50)
    ]
    assert both[0] == both[1]
    history = run(model, (X, labels), loss, batch_size=10, epochs=2)
    assert history.last is not None
    assert np.isfinite(history.last.train_loss)
    assert history.last.train_accuracy == np.mean(model(mg.tensor(X[:20])).numpy().argmax(axis=1) == labels[:20])


# -- accumulation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("rows", "size", "group"), [(50, 10, 2), (50, 7, 3), (47, 16, 3), (50, 8, 7), (20, 6, 2)])
def test_accumulated_batches_are_one_large_batch(rows: int, size: int, group: int, eager: bool) -> None:
    """The oracle: the same rows, in the same order, in batches as large as the groups."""
    x, y = X[:rows], NUMBERS[:rows]
    parts, whole = net(2), net(2)
    term = nn.L2(0.01)
    loader = data.Loader(x, y, size, shuffle=False)
    large = data.Loader(x, y, size * group, shuffle=False)
    common: dict[str, object] = {"regularization": term, "epochs": 3, "batch_size": 1}
    run(parts, loader, nn.MeanSquaredError(), accumulate=group, eager=eager, **common)
    run(whole, large, nn.MeanSquaredError(), eager=eager, **common)
    np.testing.assert_allclose(weights_of(parts), weights_of(whole), rtol=0, atol=1e-12)
    moved: Callable[[nn.Module], float] = lambda m: float(np.abs(weights_of(m) - weights_of(net(2))).max())  # noqa: E731
    assert moved(parts) > 1e-3
