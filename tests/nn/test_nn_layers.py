"""Layers against plain NumPy; initial weights against the moments they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import ShapeError
from minigrad.nn import ModuleError
from minigrad.ops.elementwise.transcendental import tanh


def batch(*shape: int, seed: int = 0) -> Tensor:
    return tensor(np.random.default_rng(seed).normal(size=shape), dtype=np.float32)


def test_linear_is_the_affine_map() -> None:
    layer = nn.Linear(5, 3, rng=0)
    x = batch(7, 5)
    assert layer.bias is not None
    expected = np.einsum("ni,io->no", x.numpy(), layer.weight.numpy()) + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert layer(x).dtype == np.float32
    assert layer(batch(2, 4, 5)).shape == (2, 4, 3)
    assert nn.Linear(5, 3, use_bias=False).bias is None


def test_linear_gradients_are_those_of_the_formula() -> None:
    layer = nn.Linear(4, 3, rng=1).astype(np.float64)
    rng = np.random.default_rng(2)
    x, g = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    layer(tensor(x)).backward(g)
    assert layer.bias is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    np.testing.assert_allclose(layer.weight.grad.numpy(), x.T @ g, rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 300), ("xavier", 2 / 700)])
def test_initial_weights_have_the_promised_moments(init: str, variance: float) -> None:
    w = nn.Linear(300, 400, weight_init=init, rng=3).weight.numpy().astype(np.float64)
    n = w.size
    # A normal sample: mean and variance within five standard errors, and tails of a normal, not of a uniform.
    assert abs(w.mean()) < 5 * math.sqrt(variance / n)
    assert abs(w.var() / variance - 1) < 5 * math.sqrt(2 / n)
    assert 0.03 < np.mean(np.abs(w) > 2 * math.sqrt(variance)) < 0.06


def test_bias_starts_at_zero_and_gain_scales_the_weight() -> None:
    plain, small = nn.Linear(10, 10, rng=4), nn.Linear(10, 10, rng=4, gain=0.1)
    assert plain.bias is not None
    assert not plain.bias.numpy().any()
    np.testing.assert_allclose(small.weight.numpy(), 0.1 * plain.weight.numpy(), rtol=1e-6)


def test_seeds_decide_the_weights() -> None:
    def weights(model: nn.Module) -> list[np.ndarray]:
        return [p.numpy() for p in model.parameters()]

    def build() -> nn.Sequential:
        return nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))

    with nn.seeded(5):
        a = weights(build())
    with nn.seeded(5):
        b = weights(build())
    c, d = weights(build()), weights(build())
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(a[0], a[2]), "two layers of one model must not start equal"
    assert not np.array_equal(c[0], d[0]), "outside seeded() nothing is predictable"
    np.testing.assert_array_equal(nn.Linear(3, 3, rng=7).weight.numpy(), nn.Linear(3, 3, rng=7).weight.numpy())


def test_activations() -> None:
    x = batch(4, 5)
    for layer, expected in (
        (nn.ReLU(), np.where(x.numpy() > 0, x.numpy(), 0)),
        (nn.Tanh(), np.tanh(x.numpy())),
        (nn.Sigmoid(), 1 / (1 + np.exp(-x.numpy()))),
    ):
        np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-6)
    assert nn.Flatten()(batch(2, 3, 4)).shape == (2, 12)
    assert nn.Flatten()(batch(0, 3, 4)).shape == (0, 12)
    assert nn.Flatten()(batch(5)).shape == (5, 1)


def test_sequential_takes_functions_and_says_where_shapes_clash() -> None:
    model = nn.Sequential(nn.Linear(4, 8, rng=0), tanh, nn.Linear(9, 2, rng=0))
    with pytest.raises(
        ShapeError, match=r"layers\.2: Linear\(9, 2\) needs an input of shape \(\.\.\., 9\), got \(3, 8\)"
    ):
        model(batch(3, 4))
    assert len(model) == 3
    assert model[0].weight.shape == (4, 8)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_sizes_are_checked(wrong: int) -> None:
    with pytest.raises(ModuleError, match=r"Linear\.out_features must be an integer >= 1"):
        nn.Linear(3, wrong)


def test_unknown_names_are_corrected() -> None:
    with pytest.raises(ModuleError, match=r"no initializer 'xaver'. Did you mean 'xavier'\?"):
        nn.Linear(2, 2, weight_init="xaver")
    with pytest.raises(ModuleError, match=r"no activation 'rely'. Did you mean 'relu'\?"):
        nn.mlp(2, [2], 2, activation="rely")
    with pytest.raises(ModuleError, match=r"layers\.0 is a int"):
        nn.Sequential(3)  # type: ignore[arg-type]
    with pytest.raises(ModuleError, match="expected a numpy Generator"):
        nn.Linear(2, 2, rng=-1)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("hidden", [[], [32], [64, 32]])
def test_an_mlp_starts_at_chance(activation: str, hidden: list[int]) -> None:
    """Course notes: the first loss is ln C for softmax and C - 1 for the SVM loss, here within 5 %."""
    labels = np.arange(500) % 10
    for seed in range(3):
        model = nn.mlp(100, hidden, 10, activation=activation, rng=seed)
        scores = model(batch(500, 100, seed=seed))
        assert nn.cross_entropy(scores, labels).item() == pytest.approx(math.log(10), rel=0.05)
        assert nn.weston_watkins(scores, labels).item() == pytest.approx(9.0, rel=0.05)
