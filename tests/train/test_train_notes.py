"""What the course notes say about curves, seen in runs: learning rates, the wiggle, the gap."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.core.types import Array
from minigrad.train import History, Split, as_split, fit


@pytest.fixture(scope="module")
def digits() -> Split:
    return as_split(data.load("digits").scaled(normalize="unit"), np.dtype(np.float32))


def trained(split: Split, **settings: float) -> History:
    rate, size, epochs = settings.get("lr", 0.1), int(settings.get("batch_size", 64)), int(settings.get("epochs", 6))
    model = nn.mlp(64, [32], 10, rng=0)
    return fit(model, split, optimizer="sgd", lr=rate, batch_size=size, epochs=epochs, checks=False, quiet=True, seed=1)


def test_low_learning_rates_improve_linearly_and_high_ones_get_stuck_at_worse_losses(digits: Split) -> None:
    low, good, high = (np.array([e.train_loss for e in trained(digits, lr=lr).epochs]) for lr in (0.003, 0.3, 2.0))
    line = np.polyval(np.polyfit(np.arange(len(low)), low, 1), np.arange(len(low)))
    assert np.abs(low - line).max() < 0.1 * (low[0] - low[-1]), "the blue line of the notes is straight"
    assert np.ptp(np.diff(good)) > 5.0 * np.ptp(np.diff(low))
    assert good[-1] < 0.5 * low[-1]
    assert good[-1] < 0.5 * high[-1], "the green line of the notes gets stuck"


def test_the_wiggle_shrinks_with_the_batch(digits: Split) -> None:
    def wiggle(size: int) -> float:
        losses: Array = np.array(trained(digits, lr=0.03, batch_size=size, epochs=8).batch_losses)
        late = losses[len(losses) // 2 :]
        return float(np.std(late - np.polyval(np.polyfit(np.arange(len(late)), late, 2), np.arange(len(late)))))

    small, middle, large = wiggle(8), wiggle(32), wiggle(128)
    assert small > 1.4 * middle > 1.4**2 * large, "about the square root of 4 each"


def test_the_gap_between_training_and_validation_tells_overfitting(digits: Split) -> None:
    def gap(rows: int) -> float:
        few = digits.train.take(np.arange(rows))
        assert digits.val is not None
        last = trained(as_split((few.x, few.y, digits.val.x, digits.val.y), np.dtype(np.float32)), epochs=40).last
        assert last is not None
        assert last.train_accuracy is not None
        assert last.val_accuracy is not None
        return last.train_accuracy - last.val_accuracy

    assert gap(60) > 0.08 > 0.05 > gap(1400)
