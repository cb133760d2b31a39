"""The range test: where the loss begins to fall and where it leaps, whatever NaN comes after."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.nn import Module
from minigrad.train import TrainError, as_split, fit
from minigrad.train.lr_find import _read_range, lr_find
from minigrad.train.splits import Split

RATES = [1e-6 * 10 ** (k / 15.0) for k in range(105)]


def valley(falls: float, best: float, leaps: float) -> list[float]:
    """2 before `falls`, down to 0.5 at `best`, and up from `leaps`."""
    made = []
    for r in RATES:
        down = np.clip(math.log(r / falls) / math.log(best / falls), 0.0, 1.0)
        made.append(float(2.0 - 1.5 * down + (20.0 * (r / leaps - 1.0) if r > leaps else 0.0)))
    return made


def test_a_valley_gives_the_range_before_its_floor() -> None:
    found = _read_range(RATES, valley(1e-4, 3e-2, 0.3), "")
    assert found.low is not None
    assert found.high is not None
    assert found.suggested is not None
    assert 1e-4 <= found.low < 2e-3
    assert 3e-3 < found.high < 0.1
    assert found.low <= found.suggested <= found.high
    assert found.confidence == "high"
    assert "climbs again" in found.reason


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_no_part_of_the_answer(bad: float) -> None:
    whole = valley(1e-4, 3e-2, 0.3)
    cut = next(i for i, r in enumerate(RATES) if r > 0.3)
    clean, dirty = _read_range(RATES[:cut], whole[:cut], "x"), _read_range(RATES[: cut + 1], [*whole[:cut], bad], "x")
    assert (clean.low, clean.high, clean.suggested) == (dirty.low, dirty.high, dirty.suggested)
    assert all(math.isfinite(v) for v in dirty.smoothed)


def test_a_flat_loss_gives_no_range_and_says_so() -> None:
    rng = np.random.default_rng(0)
    found = _read_range(RATES, (2.3 + 0.02 * rng.standard_normal(len(RATES))).tolist(), "")
    assert found.low is found.high is found.suggested is None
    assert "made the loss fall" in found.reason
    early = _read_range(RATES[:4], [2.0, 3.0, math.nan], "the loss is not finite")
    assert early.suggested is None
    assert "begin lower" in early.reason


@pytest.fixture(scope="module")
def digits() -> Split:
    return as_split(data.load("digits").scaled(), np.dtype(np.float32))


def model() -> Module:
    with nn.seeded(0):
        return nn.mlp(64, [24], 10)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_suggestion_trains_and_ten_times_the_top_is_worse(optimizer: str, digits: Split) -> None:
    net = model()
    before = net.state_dict()
    found = lr_find(net, digits, nn.find_loss("softmax"), optimizer=optimizer, steps=80)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert found.suggested is not None
    assert found.low is not None
    scores = []
    for lr in (found.suggested, found.low / 100.0):
        history = fit(model(), digits, optimizer=optimizer, lr=lr, epochs=3, checks=False, quiet=True)
        assert history.best is not None
        assert history.best.val_accuracy is not None
        scores.append(history.best.val_accuracy)
    assert scores[0] > 0.8
    assert scores[0] > scores[1] + 0.2


def test_a_run_into_infinity_is_survived(digits: Split) -> None:
    found = lr_find(model(), digits, nn.find_loss("softmax"), optimizer="sgd", high=1e30, steps=100)
    assert found.suggested is not None
    assert found.suggested < 10.0


def test_a_range_that_is_none_is_refused(digits: Split) -> None:
    with pytest.raises(TrainError, match="0 < low < high"):
        lr_find(model(), digits, nn.find_loss("softmax"), low=1.0, high=0.1)
