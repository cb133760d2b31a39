"""The catalog against PyTorch in float64: value, gradient and second gradient to 1e-9."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.core.backward import gradients
from minigrad.typing import Array, Tensor
from support import (
    ops_contractions,
    ops_elementwise,
    ops_images,
    ops_linalg,
    ops_losses,
    ops_options,
    ops_reductions,
    ops_remaining,
    ops_shapes,
)
from support.ops_catalog import Entry

torch = pytest.importorskip("torch")

MODULES = (
    ops_elementwise, ops_reductions, ops_shapes, ops_contractions, ops_images, ops_losses, ops_linalg, ops_remaining,
    ops_options,
)  # fmt: skip
ENTRIES = [e for module in MODULES for e in module.ENTRIES if e.torch is not None]
EXAMPLES = settings(
    max_examples=int(os.environ.get("MINIGRAD_OPS_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def _agree(name: str, what: str, ours: object, theirs: object) -> None:
    a, b = np.asarray(ours), np.asarray(theirs)
    scale = float(np.max(np.abs(b), initial=1.0))
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10 * scale, err_msg=f"{name}: {what}")


def _theirs(entry: Entry, arrays: list[Array], fixed: tuple[object, ...], options: dict[str, object],
            v: Array, w: list[Array]) -> tuple[Array, list[Array], list[Array]]:  # fmt: skip
    assert entry.torch is not None
    xs = [torch.tensor(a.copy(), requires_grad=True) for a in arrays]
    y = entry.torch(torch, *xs, *fixed, **options)
    zeros = [np.zeros_like(a) for a in arrays]
    if not y.requires_grad:
        return y.detach().numpy(), zeros, zeros
    first = torch.autograd.grad(y, xs, torch.tensor(v), create_graph=True, allow_unused=True)
    live = [(g, d) for g, d in zip(first, w, strict=True) if g is not None and g.requires_grad]
    second = zeros
    if live:
        found = torch.autograd.grad([g for g, _ in live], xs, [torch.tensor(d) for _, d in live], allow_unused=True)
        second = [z if g is None else g.numpy(force=True) for g, z in zip(found, zeros, strict=True)]
    return (
        y.detach().numpy(),
        [z if g is None else g.numpy(force=True) for g, z in zip(first, zeros, strict=True)],
        second,
    )


def _ours(entry: Entry, arrays: list[Array], fixed: tuple[object, ...], options: dict[str, object],
          v: Array, w: list[Array]) -> tuple[Array, list[Array], list[Array]]:  # fmt: skip
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    y = entry.ours(*xs, *fixed, **options)
    zeros = [np.zeros_like(a) for a in arrays]
    if not y.requires_grad:
        return y.data, zeros, zeros
    first = gradients([y], [v], xs, create_graph=True)
    live = [(g, d) for g, d in zip(first, w, strict=True) if isinstance(g, Tensor) and g.requires_grad]
    second = gradients([g for g, _ in live], [d for _, d in live], xs, create_graph=False) if live else zeros
    plain = [z if g is None else g.data if isinstance(g, Tensor) else g for g, z in zip(first, zeros, strict=True)]
    return y.data, plain, [z if g is None else np.asarray(g) for g, z in zip(second, zeros, strict=True)]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(data=st.data())
@EXAMPLES
def test_function_agrees_with_torch(entry: Entry, data: st.DataObject) -> None:
    call = data.draw(entry.calls)
    arrays = [a.astype(np.float64) for a in call.arrays]
    shape = np.shape(entry.oracle(*arrays, *call.fixed, **call.options))
    rng = np.random.default_rng(5)
    v = rng.uniform(-1.0, 1.0, shape)
    w = [rng.uniform(-1.0, 1.0, a.shape) for a in arrays]
    ours = _ours(entry, arrays, call.fixed, call.options, v, w)
    theirs = _theirs(entry, arrays, call.fixed, call.options, v, w)
    _agree(entry.name, "value", ours[0], theirs[0])
    for a, b in zip(ours[1], theirs[1], strict=True):
        _agree(entry.name, "gradient", a, b)
    for a, b in zip(ours[2], theirs[2], strict=True):
        _agree(entry.name, "second gradient", a, b)
