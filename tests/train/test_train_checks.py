"""Sanity checks: right on sound models, and each finds the fault it is there for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.core import Tensor
from minigrad.train import Check, Rows, as_split, overfit, sanity_checks
from minigrad.train.overfit import few

DIGITS = data.load("digits").scaled()
SPLIT = as_split(DIGITS, np.dtype(np.float32))


def checks(model: nn.Module, loss: nn.Loss, term: nn.L2 | None = None) -> dict[str, Check]:
    return {c.name: c for c in sanity_checks(model, SPLIT, loss, regularization=term)}


@pytest.mark.parametrize("loss", [nn.SoftmaxCrossEntropy(), nn.WestonWatkins()])
def test_a_sound_model_passes_within_two_seconds(loss: nn.Loss) -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), loss, nn.L2(1e-4))
    assert list(found) == ["data", "chance", "regularization", "gradients", "overfit"]
    assert {c.status for name, c in found.items() if name != "data"} == {"ok"}, found
    assert sum(c.seconds for c in found.values()) < 2.0
    chance = found["chance"]
    assert chance.expected == pytest.approx(math.log(10) if isinstance(loss, nn.SoftmaxCrossEntropy) else 9.0)
    assert chance.value == pytest.approx(chance.expected, rel=0.05)


def test_scores_that_start_far_apart_are_no_chance() -> None:
    found = checks(nn.Sequential(nn.Linear(64, 10, gain=10.0, rng=0)), nn.SoftmaxCrossEntropy())
    assert found["chance"].status == "fault"
    assert "gain=0.1" in found["chance"].message


def test_regularisation_that_overwhelms_the_data_is_a_fault() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), nn.SoftmaxCrossEntropy(), nn.L2(1.0))
    assert found["regularization"].status == "fault"
    assert "overwhelms" in found["regularization"].message


class Constant(nn.Module):
    """Answers the same whatever the input."""

    def __init__(self) -> None:
        self.bias = nn.parameter(np.zeros((1, 10)))

    def forward(self, x: Tensor) -> Tensor:
        return self.bias + 0.0 * x[:, :10]


def test_a_model_that_does_not_look_at_its_input_cannot_overfit() -> None:
    found = checks(Constant(), nn.SoftmaxCrossEntropy())
    assert found["overfit"].status == "fault"
    assert "wiring" in found["overfit"].message


def test_a_detached_layer_fails_the_gradient_check() -> None:
    model = nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU(), lambda h: h.detach(), nn.Linear(32, 10, gain=0.1, rng=1))
    found = checks(model, nn.SoftmaxCrossEntropy())
    assert found["gradients"].status == "fault"
    assert "layers.0.weight" in found["gradients"].message
    assert "detach" in found["gradients"].message


def test_a_plain_function_is_a_loss_too() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), nn.softmax_cross_entropy)
    assert found["chance"].status == "skipped"
    assert found["overfit"].status == "ok"


def test_overfit_leaves_the_model_alone_and_is_reproducible() -> None:
    model = nn.mlp(64, [16], 10, rng=0)
    before = model.state_dict()
    first, again = (overfit(model, SPLIT.train, nn.SoftmaxCrossEntropy(), seed=3) for _ in range(2))
    assert first == again
    assert first.solved
    assert first.accuracy == 1.0
    assert first.last <= first.target < first.first
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_few_rows_are_distinct_and_deal_the_classes_out() -> None:
    rows = few(SPLIT.train, 20, 0)
    assert np.array_equal(np.bincount(rows.y.astype(int)), np.full(10, 2))
    x = np.repeat(np.arange(5.0)[:, None], 8, axis=0)
    same = few(Rows(x, (np.arange(40) % 2).astype(np.intp)), 20, 0)
    assert sorted(same.x[:, 0].tolist()) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_regression_overfits_too() -> None:
    split = as_split(data.load("diabetes").scaled(), np.dtype(np.float32))
    assert overfit(nn.mlp(10, [64], 1, rng=0), split.train, nn.MeanSquaredError()).solved


def test_a_small_loss_with_wrong_answers_is_not_learning() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), lambda outputs, labels: (outputs * outputs).mean())
    assert found["overfit"].status == "fault"
