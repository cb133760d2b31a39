"""einops on Tensors beside einops on PyTorch, in float64: every function, random patterns, layers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import einops
import numpy as np
import pytest

import minigrad as mg
import minigrad_einops
from minigrad import nn

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
theirs_of = pytest.importorskip("einops.layers.torch")

Function = Callable[..., Any]

REARRANGE = [
    ("b c h w -> b (c h w)", {}, (2, 3, 4, 6)),
    ("b (h p) (w q) c -> (b h w) (p q) c", {"p": 2, "q": 3}, (2, 4, 6, 3)),
    ("... a b -> ... b a", {}, (2, 3, 4)),
    ("a b -> b 1 a", {}, (3, 2)),
    ("a 1 b -> (b a)", {}, (3, 1, 2)),
    ("(a b) ... -> b (...) a", {"a": 2}, (6, 2, 3)),
    ("->", {}, ()),
]
REDUCE = [
    ("b c (h p) (w q) -> b c h w", {"p": 2, "q": 2}, (2, 3, 4, 6)),
    ("... c -> ...", {}, (2, 3, 4)),
    ("a b c -> b", {}, (2, 3, 4)),
    ("a b -> 1 b", {}, (4, 3)),
    ("a b ->", {}, (4, 3)),
]
REPEAT = [
    ("h w -> h w c", {"c": 3}, (2, 3)),
    ("h w -> (h p) (w q)", {"p": 2, "q": 3}, (2, 3)),
    ("... -> k ... j", {"k": 2, "j": 3}, (4, 2)),
    ("a -> a 2", {}, (3,)),
]


def _same(function: Function, *shapes: tuple[int, ...]) -> None:
    """Values, and gradients of a sum with random weights, are PyTorch's to 1e-12."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in shapes]
    ours = [mg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = function(*ours), function(*theirs)
    assert isinstance(y, mg.Tensor)
    assert y.shape == tuple(z.shape)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12, atol=1e-12)
    weights = rng.normal(size=y.shape)
    (y * weights).sum().backward()
    (z * torch.tensor(weights)).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("pattern", "lengths", "shape"), REARRANGE)
def test_rearrange(pattern: str, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    _same(lambda x: einops.rearrange(x, pattern, **lengths), shape)


@pytest.mark.parametrize("reduction", ["min", "max", "sum", "mean", "prod"])
@pytest.mark.parametrize(("pattern", "lengths", "shape"), REDUCE)
def test_reduce(pattern: str, lengths: dict[str, int], shape: tuple[int, ...], reduction: str) -> None:
    _same(lambda x: einops.reduce(x, pattern, reduction, **lengths), shape)


@pytest.mark.parametrize(("pattern", "lengths", "shape"), REPEAT)
def test_repeat(pattern: str, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    _same(lambda x: einops.repeat(x, pattern, **lengths), shape)


@pytest.mark.parametrize(
    ("pattern", "shapes"),
    [
        ("b i, i o -> b o", [(3, 4), (4, 2)]),
        ("batch head q d, batch head k d -> batch head q k", [(2, 2, 3, 4), (2, 2, 5, 4)]),
        ("... a, a b -> ... b", [(2, 3, 4), (4, 5)]),
        ("i i -> i", [(3, 3)]),
        ("a b, b c, c d -> a d", [(2, 3), (3, 4), (4, 2)]),
    ],
)
def test_einsum(pattern: str, shapes: list[tuple[int, ...]]) -> None:
    contract: Function = einops.einsum
    _same(lambda *x: contract(*x, pattern), *shapes)


def test_pack_and_unpack() -> None:
    _same(lambda a, b, c: einops.pack([a, b, c], "b * w")[0], (2, 3, 4), (2, 4), (2, 2, 5, 4))
    _same(lambda x: einops.unpack(x, [(3,), (), (2, 2)], "b * w")[2], (2, 8, 4))


def test_list_of_tensors_is_stacked() -> None:
    _same(lambda a, b: einops.rearrange([a, b], "k h w -> h (w k)"), (2, 3), (2, 3))


def test_random_patterns() -> None:
    """Axes in random order, grouped at random on both sides, some reduced or repeated."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        names = [f"x{i}" for i in range(rng.integers(1, 5))]
        lengths = {n: int(rng.integers(1, 4)) for n in names}
        kept = [str(n) for n in rng.permutation(names)[: rng.integers(0, len(names) + 1)]]
        left, right = _grouped(names, rng), _grouped(kept, rng)
        shape = tuple(int(np.prod([lengths[n] for n in group])) for group in left)
        pattern = f"{_written(left)} -> {_written(right)}"
        how = "sum" if rng.random() < 0.5 else "mean"
        _same(lambda x, p=pattern, n=lengths, h=how: einops.reduce(x, p, h, **n), shape)


def _grouped(names: list[str], rng: np.random.Generator) -> list[list[str]]:
    cuts = [i for i in range(1, len(names)) if rng.random() < 0.5]
    return [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True) if names[a:b]]


def _written(groups: list[list[str]]) -> str:
    return " ".join(g[0] if len(g) == 1 else f"({' '.join(g)})" for g in groups)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (minigrad_einops.Rearrange("b c h w -> b (c h w)"), theirs_of.Rearrange("b c h w -> b (c h w)")),
        (
            minigrad_einops.Reduce("b c (h 2) (w 2) -> b c h w", "max"),
            theirs_of.Reduce("b c (h 2) (w 2) -> b c h w", "max"),
        ),
    ],
)
def test_layers_without_weights(ours: nn.Module, theirs: Any) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 6))
    t, u = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(t), theirs(u)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    (y * y).sum().backward()
    (z * z).sum().backward()
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=1e-12)
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again(t).detach().numpy(), y.detach().numpy())
    assert ours.parameters() == []


@pytest.mark.parametrize(
    ("pattern", "weight", "bias", "lengths", "shape"),
    [
        ("t b i -> t b o", "i o", "o", {"i": 4, "o": 3}, (2, 5, 4)),
        ("b (h i) -> b (h o)", "h i o", "h o", {"h": 2, "i": 3, "o": 2}, (4, 6)),
        ("h w c -> v w c", "h v", None, {"h": 3, "v": 2}, (3, 4, 2)),
        ("... i -> ... o", "i o", "o", {"i": 3, "o": 2}, (2, 4, 3)),
    ],
)
def test_einmix(pattern: str, weight: str, bias: str | None, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    ours = minigrad_einops.EinMix(pattern, weight, bias, rng=0, **lengths).astype(float)
    theirs = theirs_of.EinMix(pattern, weight, bias, **lengths).double()
    for name, p in ours.named_parameters():
        getattr(theirs, name).data = torch.tensor(p.detach().numpy().copy())
    x = np.random.default_rng(2).normal(size=shape)
    y, z = ours(mg.tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12, atol=1e-12)
    (y * y).sum().backward()
    (z * z).sum().backward()
    for name, p in ours.named_parameters():
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), getattr(theirs, name).grad.numpy(), rtol=1e-11, atol=1e-12)
