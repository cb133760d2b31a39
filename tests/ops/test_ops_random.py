"""Dropout, and functions whose results are plain."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg


def test_dropout_keeps_the_mean_and_passes_the_gradient_through_its_mask() -> None:
    x = mg.tensor(np.ones(20_000), requires_grad=True)
    y = mg.dropout(x, 0.25, rng=np.random.default_rng(0))
    assert set(np.unique(y.data)) == {0.0, 1.0 / 0.75}
    assert abs(float(y.data.mean()) - 1.0) < 0.02
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_dropout_does_nothing_outside_training_and_checks_its_probability() -> None:
    x = mg.tensor(np.ones(3, dtype=np.float32))
    rng = np.random.default_rng(0)
    assert mg.dropout(x, 0.5, rng=rng, training=False) is x
    assert mg.dropout(x, 0.0, rng=rng) is x
    assert mg.dropout(x, 0.5, rng=rng).dtype == np.float32
    assert not mg.dropout_mask((2,), 1.0, rng).any()
    with pytest.raises(ValueError, match=r"p = 1\.1"):
        mg.dropout_mask((2,), 1.1, rng)


def test_argsort_and_topk_give_positions() -> None:
    x = mg.tensor([[3.0, 1.0, 2.0]])
    np.testing.assert_array_equal(mg.argsort(x), [[1, 2, 0]])
    np.testing.assert_array_equal(mg.argsort(x, descending=True), [[0, 2, 1]])
    values, positions = mg.topk(x, 2)
    np.testing.assert_array_equal(values.data, [[3.0, 2.0]])
    np.testing.assert_array_equal(positions.data, [[0, 2]])
    with pytest.raises(ValueError, match="k = 4"):
        mg.topk(x, 4)


def test_comparisons_that_a_trace_can_see() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), 2.0
    np.testing.assert_array_equal(mg.greater(x, y), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(mg.prefer(x, y), [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(mg.equal(x, y), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(mg.one_hot(np.array([2, 0]), 3), [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
