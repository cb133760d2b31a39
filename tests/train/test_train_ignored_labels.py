"""Labels that a loss ignores, classes that it weighs: what batches, epochs and updates are means over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import minigrad as mg
from minigrad import nn
from minigrad.nn import Loss, Targets
from minigrad.train import TrainError, evaluate, fit
from minigrad.train.evaluation import count_correct, outputs_of
from minigrad.train.label_weights import loss_terms

RNG = np.random.default_rng(11)
X = RNG.normal(size=(61, 4))
Y: NDArray[np.int64] = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 1)
SOME = np.where(np.arange(61) % 4 == 1, -100, Y)
XS = RNG.normal(size=(29, 5, 4))
YS = np.where(np.arange(5) < RNG.integers(1, 6, size=(29, 1)), (XS[..., 0] > 0).astype(np.int64), -100)
WEIGHT = [1.0, 5.0, 0.25]


def by_function(outputs: mg.Tensor, labels: Targets) -> mg.Tensor:
    return nn.cross_entropy(outputs, labels, ignore_index=-100)


def model(seed: int = 3) -> nn.Module:
    rng = np.random.default_rng(seed)
    layer = nn.Linear(4, 3).astype(np.float64)
    layer.load_state_dict({name: rng.normal(size=t.shape) for name, t in layer.named_parameters()})
    return layer


def weights_after(x: Any, y: Any, loss: Loss, **options: object) -> NDArray[np.float64]:
    net = model()
    options = {"epochs": 2, "batch_size": 16, "optimizer": "sgd", "lr": 0.1} | options
    fit(net, (x, y), loss=loss, checks=False, quiet=True, restore_best=False, **options)  # type: ignore[arg-type]
    return np.concatenate([t.numpy().ravel() for t in net.parameters()])


@pytest.mark.parametrize("loss", [by_function, nn.CrossEntropyLoss(), nn.SoftmaxCrossEntropy(ignore_index=-100)])
def test_rows_that_the_loss_ignores_change_nothing(loss: Loss) -> None:
    kept = SOME != -100
    assert np.array_equal(weights_after(X, SOME, loss), weights_after(X[kept], Y[kept], loss))
    weights = np.linspace(0.5, 2.0, 61)
    if loss is not by_function:  # a function does not say what a row contributes
        weighed = weights_after(X, SOME, loss, sample_weight=weights)
        assert np.array_equal(weighed, weights_after(X[kept], Y[kept], loss, sample_weight=weights[kept]))
        assert not np.allclose(weighed, weights_after(X, SOME, loss))


def test_a_class_that_a_function_ignores_is_left_out() -> None:
    kept = Y != 2
    ignoring = weights_after(X, Y, lambda o, y: nn.cross_entropy(o, y, ignore_index=2), batch_size=1)
    assert np.array_equal(ignoring, weights_after(X[kept], Y[kept], nn.CrossEntropyLoss(), batch_size=1))


def test_two_batches_of_unequal_labels_make_the_update_of_one() -> None:
    one = weights_after(XS, YS, by_function, batch_size=16)
    two = weights_after(XS, YS, by_function, batch_size=8, accumulate=2)
    assert np.allclose(one, two, rtol=1e-9, atol=0.0)
    assert np.allclose(two, weights_after(XS, YS, by_function, batch_size=8, accumulate=2, eager=True), rtol=1e-9)


@pytest.mark.parametrize(
    "loss",
    [
        by_function,
        nn.CrossEntropyLoss(weight=WEIGHT),
        nn.SoftmaxCrossEntropy(weight=WEIGHT),
        lambda outputs, labels: nn.cross_entropy(outputs, labels, weight=WEIGHT),
        lambda outputs, labels: nn.cross_entropy(outputs, labels, ignore_index=1),
        nn.CrossEntropyLoss(ignore_index=0, weight=WEIGHT),
    ],
)
def test_the_loss_of_an_epoch_is_that_of_all_rows_at_once(loss: Loss) -> None:
    labels = SOME if loss is by_function else Y
    whole = loss(mg.Tensor(outputs_of(model(), X)), labels).item()
    for size in (7, 32, 250):
        assert evaluate(model(), (X, labels), loss, batch_size=size).loss == pytest.approx(whole, rel=1e-9)


def test_the_loss_of_an_epoch_is_a_mean_where_the_loss_is_a_sum() -> None:
    mean = evaluate(model(), (X, Y), nn.CrossEntropyLoss()).loss
    for loss in (nn.CrossEntropyLoss(reduction="sum"), lambda o, y: nn.cross_entropy(o, y, reduction="sum")):
        assert evaluate(model(), (X, Y), loss, batch_size=7).loss == pytest.approx(mean, rel=1e-9)
    targets: Any = RNG.normal(size=(61, 3))
    whole = float(np.square(outputs_of(model(), X) - targets).sum()) / 61
    for square in (nn.MSELoss(reduction="sum"), lambda o, y: ((o - mg.tensor(y)) ** 2).sum()):
        assert evaluate(model(), (X, targets), square, batch_size=9).loss == pytest.approx(whole)


@pytest.mark.parametrize("ignored", [-100, -1, 0, 2])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_a_function_is_found_to_weigh_what_its_fields_would_say(ignored: int, weight: list[float] | None) -> None:
    labels = np.where(np.arange(61) % 3 == 0, ignored, Y)
    terms = loss_terms(lambda o, y: nn.cross_entropy(o, y, ignore_index=ignored, weight=weight), (61, 3), labels)
    named = loss_terms(nn.CrossEntropyLoss(ignore_index=ignored, weight=weight), (61, 3), labels)
    assert terms.ignored == named.ignored == ignored
    first = labels[labels != ignored][:1]  # of a function only the ratios are known
    one, other = terms.total(first), named.total(first)
    assert terms.total(labels) / one == pytest.approx(named.total(labels) / other, rel=1e-6)


def test_rows_of_sequences_count_by_their_labels_and_weights() -> None:
    weights = RNG.uniform(0.5, 2.0, size=29)
    net = model()
    history = fit(
        net, (XS, YS), loss=nn.SoftmaxCrossEntropy(ignore_index=-100), sample_weight=weights, optimizer="sgd", lr=1e-30,
        epochs=1, batch_size=29, checks=False, quiet=True,
    )  # fmt: skip
    scores = outputs_of(model(), XS)
    logs = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    counted = YS != -100
    each = -np.take_along_axis(logs, np.where(counted, YS, 0)[..., None], axis=-1)[..., 0] * counted
    expected = (each * (weights / weights.mean())[:, None]).sum() / counted.sum()
    assert history.batch_losses[0] == pytest.approx(expected, rel=1e-9)


def test_classes_on_axis_1_are_counted_as_those_on_the_last() -> None:
    scores: Any = RNG.normal(size=(6, 5, 3))
    labels: Any = RNG.integers(0, 3, size=(6, 5))
    assert count_correct(scores, labels) == count_correct(np.moveaxis(scores, -1, 1), labels)
    ignored = np.where(labels == 1, -100, labels)
    assert count_correct(scores, ignored, -100) == int(((scores.argmax(-1) == labels) & (labels != 1)).sum())


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(TrainError, match="every training label is -100"):
        weights_after(X, np.full(61, -100), by_function)
    with pytest.raises(TrainError, match="leave out its weight"):
        weights_after(X, Y, nn.CrossEntropyLoss(weight=WEIGHT), class_weight="balanced")
    with pytest.raises(Exception, match="ignore_index=-100"):
        weights_after(X, SOME, nn.SoftmaxCrossEntropy())
