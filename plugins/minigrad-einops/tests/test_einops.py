"""einops on Tensors: values are those on NumPy, gradients pass the check by differences; layers are modules."""

from __future__ import annotations

import pickle

import einops
import numpy as np
import pytest

import minigrad as mg
import minigrad_einops
from minigrad import nn

PATTERNS = [
    ("b (h p) (w q) c -> (b h w) (p q) c", "rearrange", {"p": 2, "q": 3}, (2, 4, 6, 3)),
    ("... a b -> ... b a", "rearrange", {}, (2, 3, 4)),
    ("b c (h p) -> b c h", "min", {"p": 2}, (2, 3, 4)),
    ("a b c -> b", "max", {}, (2, 3, 4)),
    ("... c -> ...", "sum", {}, (2, 3, 4)),
    ("a b -> 1 b", "mean", {}, (4, 3)),
    ("a b ->", "prod", {}, (2, 3)),
    ("h w -> (h p) (w q)", "repeat", {"p": 2, "q": 3}, (2, 3)),
]


@pytest.mark.parametrize(("pattern", "how", "lengths", "shape"), PATTERNS)
def test_values_and_gradients(pattern: str, how: str, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) / 7.0 + 0.5
    y = einops.reduce(mg.tensor(x), pattern, how, **lengths)
    np.testing.assert_allclose(y.numpy(), einops.reduce(x, pattern, how, **lengths), rtol=1e-14)
    weights = np.random.default_rng(1).normal(size=y.shape)
    assert mg.gradcheck(lambda t: (einops.reduce(t, pattern, how, **lengths) * weights).sum(), x)


def test_whole_numbers_and_truth_values() -> None:
    x = mg.tensor(np.arange(24).reshape(2, 3, 4))
    y = einops.reduce(x, "a b c -> a c", "max")
    np.testing.assert_array_equal(y.numpy(), x.numpy().max(axis=1))
    assert y.dtype == x.dtype
    z = einops.reduce(x > 5, "a b c -> a", "any")
    np.testing.assert_array_equal(z.numpy(), (x.numpy() > 5).any(axis=(1, 2)))


def test_einops_errors_pass_through() -> None:
    with pytest.raises(einops.EinopsError):
        einops.rearrange(mg.tensor(np.zeros((2, 3))), "a b c -> c b a")


def test_a_model_of_layers_trains_and_is_pickled() -> None:
    model = nn.Sequential(
        minigrad_einops.Rearrange("b (h w) -> b h w", h=4),
        minigrad_einops.Reduce("b (h 2) w -> b h w", "mean"),
        minigrad_einops.EinMix("b h w -> b o", weight_shape="h w o", bias_shape="o", h=2, w=4, o=2, rng=0),
    )
    names = [n for n, _ in model.named_parameters()]
    assert names == ["layers.2.weight", "layers.2.bias"]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 16)).astype("f4"), rng.integers(0, 2, 64)
    optimizer = mg.optimizer("adam", model.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = mg.cross_entropy(model(mg.tensor(x)), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin(mg.tensor(x)).detach().numpy(), model(mg.tensor(x)).detach().numpy())


def test_layers_run_in_programs() -> None:
    layer = minigrad_einops.Reduce("b (h 2) -> b h", "max")
    x = mg.tensor(np.random.default_rng(3).normal(size=(3, 6)), requires_grad=True)

    @mg.define
    def step(t: mg.Tensor) -> mg.Tensor:
        return (layer(t) ** 2).sum()

    assert step(x).item() == pytest.approx((layer(x) ** 2).sum().item(), rel=1e-12)
