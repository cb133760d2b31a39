"""Random graphs of registered ops: eager, a program with all passes, and one with none give the same numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, NumpyEngine
from minigrad.program.passes.pipeline import PASS_NAMES
from support.program_recipes import BINARY, UNARY, Recipe, loss_of

ALL = (*PASS_NAMES, "reuse", "in_place", "direct", "any_order")

SHAPE = (4, 3)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Ops by name, with the numbers of the earlier values they are applied to."""
    steps: Recipe = []
    for n in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from([*UNARY, *BINARY]))
        steps.append((name, draw(st.integers(0, n + 2)), draw(st.integers(0, n + 2))))
    return steps


def runs(recipe: Recipe, kind: str, data: list[Array], dtype: type) -> list[Array]:
    """Losses and gradients over the data: eager, or defined with or without passes."""
    rng = np.random.default_rng(1)
    w, b = (mg.tensor(rng.standard_normal(s), requires_grad=True, dtype=dtype) for s in (SHAPE, SHAPE[1:]))
    opt = mg.optimizer("sgd", [w, b], lr=1e-2)

    def step(x: Array | mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        given = x if isinstance(x, mg.Tensor) else mg.tensor(x)
        loss = loss_of(recipe, [given, w, given * b])
        loss.backward()
        opt.step()
        return loss

    call: Callable[[Array], mg.Tensor] = step
    if kind != "eager":
        program = mg.define(step, disable=() if kind in ("all", "tiles") else ALL)
        if kind == "tiles":
            program._engine = EngineWithFallback("tiny tiles", NumpyEngine(tile_bytes=16))
        call = program
    found: list[Array] = []
    with np.errstate(all="ignore"):
        for x in data:
            found.append(call(x).numpy())
            found += [p.grad.numpy() for p in (w, b) if p.grad is not None]
    return found


def require_agreement(recipe: Recipe, dtype: type, kind: str) -> None:
    """Eager, a program with no pass, and one with all of them, on whole arrays or on tiny tiles."""
    rng = np.random.default_rng(0)
    data: list[Array] = [rng.standard_normal(SHAPE).astype(dtype) for _ in range(3)]
    if not any(i >= 1 or (name in BINARY and j >= 1) for name, i, j in recipe):
        recipe = [*recipe, ("mul", 1, 2)]
    recipe = [*recipe, ("mul", 1, 2)]
    eager = runs(recipe, "eager", data, dtype)
    none = runs(recipe, "none", data, dtype)
    full = runs(recipe, kind, data, dtype)
    tolerance = 1e-11 if dtype is np.float64 else 2e-4
    for a, b, c in zip(eager, none, full, strict=True):
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(c, a, rtol=tolerance, atol=tolerance)


anything = given(recipes(), st.sampled_from([np.float64, np.float32]), st.sampled_from(["all", "tiles"]))


@settings(max_examples=20, deadline=None)
@anything
def test_all_passes_no_passes_and_eager_agree(recipe: Recipe, dtype: type, kind: str) -> None:
    require_agreement(recipe, dtype, kind)


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@anything
def test_all_passes_no_passes_and_eager_agree_on_many(recipe: Recipe, dtype: type, kind: str) -> None:
    require_agreement(recipe, dtype, kind)


@pytest.mark.soak
@settings(max_examples=3000, deadline=None)
@given(recipes())
def test_many_random_graphs(recipe: Recipe) -> None:
    recipe = [*recipe, ("mul", 1, 2)]
    rng = np.random.default_rng(0)
    data = [rng.standard_normal(SHAPE) for _ in range(3)]
    for a, b in zip(runs(recipe, "eager", data, np.float64), runs(recipe, "all", data, np.float64), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-11)
