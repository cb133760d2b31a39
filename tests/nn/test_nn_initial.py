"""Initialisers against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import tensor
from minigrad.nn import ModuleError
from minigrad.nn.initializers import fans

RNG = np.random.default_rng


@pytest.mark.parametrize(("name", "variance"), [("he_uniform", 2 / 300), ("xavier_uniform", 2 / 700)])
def test_uniform_weights(name: str, variance: float) -> None:
    w = nn.INITIALIZERS[name]((300, 400), RNG(0))
    assert abs(w.var() / variance - 1) < 5 * np.sqrt(0.8 / w.size)
    assert np.abs(w).max() <= np.sqrt(3 * variance)
    assert np.abs(w).max() > 0.99 * np.sqrt(3 * variance)


@pytest.mark.parametrize("shape", [(6, 6), (6, 4), (4, 6), (4, 3, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = nn.orthogonal(shape, RNG(0)).reshape(shape[0], -1)
    gram = w.T @ w if len(w) >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-13)


def test_orthogonal_is_uniform_over_rotations() -> None:
    """Without the signs of R's diagonal the first entry would be one-sided (Mezzadri 2007)."""
    first = np.array([nn.orthogonal((3, 3), RNG(k))[0, 0] for k in range(2000)])
    assert abs(first.mean()) < 5 * first.std() / np.sqrt(len(first))
    assert first.var() == pytest.approx(1 / 3, rel=0.1)


def test_fans_count_the_window() -> None:
    assert fans((5, 7)) == (5, 7)
    assert fans((8, 3, 5, 5)) == (75, 200)
    assert fans((4,)) == (4, 4)


@pytest.mark.parametrize("build", [lambda: nn.Conv2d(16, 32, 3, rng=0), lambda: nn.ConvTranspose2d(16, 32, 3, rng=0)])
def test_he_keeps_the_scale_through_convolutions(build: type[nn.Conv2d]) -> None:
    x = RNG(0).normal(size=(2, 16, 20, 20)).astype(np.float32)
    y = build()(tensor(x)).numpy()[:, :, 3:-3, 3:-3]  # type: ignore[call-arg]
    assert np.mean(y**2) == pytest.approx(2.0, rel=0.15), "twice the input's, since ReLU halves it"


def test_normal_and_forget_bias() -> None:
    assert nn.normal(0.01)((100, 100), RNG(0)).std() == pytest.approx(0.01, rel=0.05)
    assert nn.forget_bias(2, 3.0).tolist() == [0, 0, 3, 3, 0, 0, 0, 0]
    with pytest.raises(ModuleError, match="finite standard deviation"):
        nn.normal(-1.0)
    with pytest.raises(ModuleError, match=r"no initializer 'ortogonal'. Did you mean 'orthogonal'\?"):
        nn.Linear(2, 2, weight_init="ortogonal")
