"""Images in a layout of their own: the same answers as without it, and the graph that one would write by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.types import Array
from minigrad.program.graph import Call
from support.program_steps import with_gradients

PASSES = ("conv_layout", "pool_before_relu", "max_pool_grad")
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((16, 2, 8, 8), (4, 2, 3, 3), {"padding": 1}),
    ((16, 2, 8, 8), (4, 2, 3, 3), {}),
    ((16, 2, 7, 9), (4, 2, 2, 3), {"padding": (1, 2)}),
    ((16, 3, 8, 8), (4, 3, 1, 1), {}),
    ((16, 2, 9, 8), (4, 2, 3, 2), {"stride": (2, 1), "padding": 1}),
    ((16, 2, 9, 9), (4, 2, 3, 2), {"stride": (1, 2), "dilation": (1, 2), "padding": 2}),
    ((16, 2, 9, 8), (4, 2, 3, 2), {"dilation": 2, "padding": 1}),
    ((16, 2, 5, 8), (4, 2, 2, 3), {"padding": 3}),
    ((16, 4, 6, 6), (4, 2, 3, 3), {"padding": 1}),
    ((64, 3, 12), (5, 3, 4), {"padding": 2}),
    ((16, 2, 4, 5, 6), (3, 2, 3, 2, 2), {"padding": 1}),
    ((2, 2, 8, 8), (4, 2, 3, 3), {"padding": 1}),
]


def answers(step: Any, arrays: list[Array], *disable: str) -> list[Array]:
    """Loss and gradients of a step, from a program's second run."""
    program = mg.define(step, disable=disable)
    program(*arrays)
    return [t.numpy() for t in program(*arrays)]


def eager(step: Any, arrays: list[Array]) -> list[Array]:
    return [t.numpy() for t in step(*map(mg.tensor, arrays))]


def stack(options: dict[str, Any], pooled: tuple[int, int] | None = None, twice: bool = False) -> Any:
    """A step: convolution, bias and relu, pooling; value and gradients."""

    def value(x: Any, w: Any, b: Any, v: Any) -> Any:
        y = mg.relu(mg.conv(x, w, b, **options))
        if pooled:
            y = mg.max_pool(y, pooled[0], pooled[1])
        if twice:
            y = mg.relu(mg.conv(y, v, None, padding=1))
        return (y * y).sum() * 0.5 + y.sum()

    return with_gradients(value, 4 if twice else 3)


def svg_of(x: tuple[int, ...], w: tuple[int, ...], seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    second = rng.standard_normal((5, w[0], *(3,) * (len(w) - 2)))
    return [rng.standard_normal(x), rng.standard_normal(w), rng.standard_normal(w[0]), second]


@pytest.mark.parametrize(("x", "w", "options"), CONVOLUTIONS)
def test_convolutions_in_the_layout_are_eager_s(
    x: tuple[int, ...], w: tuple[int, ...], options: dict[str, Any]
) -> None:
    step, arrays = stack(options), svg_of(x, w)
    for got, plain, expected in zip(
        answers(step, arrays), answers(step, arrays, *PASSES), eager(step, arrays), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(plain, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("disable", [(), *((name,) for name in PASSES)])
@pytest.mark.parametrize("pooled", [(2, 2), (3, 3), (3, 2), (2, 3)])
def test_pooling_between_convolutions(pooled: tuple[int, int], disable: tuple[str, ...]) -> None:
    step, arrays = stack({"padding": 1}, pooled, twice=True), svg_of((16, 2, 8, 8), (4, 2, 3, 3))
    for got, expected in zip(answers(step, arrays, *disable), eager(step, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)


def test_ties_share_as_they_do_in_eager() -> None:
    """Images with plain areas: whole windows are equal, before relu or only after it."""
    x, w, b, v = svg_of((16, 1, 8, 8), (3, 1, 3, 3))
    x[:, :, 2:] = 0.0
    step, b[0] = stack({"padding": 1}, (2, 2), twice=True), 0.5
    x[0, 0, 4, 4] = np.nan
    for got, expected in zip(answers(step, [x, w, b, v]), eager(step, [x, w, b, v]), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)


def test_a_bias_that_differs_within_windows_stays_before_pooling() -> None:
    def value(x: Any, w: Any, b: Any) -> Any:
        return mg.max_pool(mg.relu(mg.conv(x, w, padding=1) + b), 2).sum()

    step = with_gradients(value, 3)
    x, w, *_ = svg_of((16, 2, 8, 8), (4, 2, 3, 3))
    arrays = [x, w, np.random.default_rng(1).standard_normal((8, 8))]
    for got, expected in zip(answers(step, arrays), eager(step, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)


def test_a_net_has_one_transpose_at_each_end() -> None:
    """Between convolutions nothing is turned around or rectified that pooling throws away."""
    program = mg.define(stack({"padding": 1}, (2, 2), twice=True))
    program(*svg_of((16, 2, 8, 8), (4, 2, 3, 3)))
    graph = program.graph
    shapes = [v.shape for v in graph.values]
    names = {c.op.name for c in graph.calls}
    assert "max_pool_backward" in names
    assert "window_winners" not in names
    assert [shapes[c.outs[0]] for c in graph.calls if c.op.name == "relu"] == [(4, 4, 4, 16), (4, 5, 4, 16)]
    turned = [[shapes[k].index(16) for k in (*c.args, *c.outs)] for c in graph.calls if _turns_images(c, shapes)]
    assert sorted(turned) == [[0, 3], [3, 0]]  # images in, their gradient out


def _turns_images(call: Call, shapes: list[tuple[int, ...]]) -> bool:
    return call.op.name == "transpose" and len(shapes[call.args[0]]) == 4 and 16 in shapes[call.args[0]]


def test_normalised_images_and_their_means_in_the_layout() -> None:
    """Norms of batches and of images, average pooling and the mean over places take the layout as it is."""

    def value(x: Any, w: Any) -> Any:
        y = mg.relu(mg.instance_norm(mg.batch_norm(mg.conv(x, w, padding=1))))
        return (mg.avg_pool(y, 2).mean(axis=(2, 3)) * np.arange(4.0)).sum() + y.max(axis=(1, 2), keepdims=True).sum()

    step = with_gradients(value, 2)
    arrays = svg_of((16, 2, 8, 8), (4, 2, 3, 3))[:2]
    for got, expected in zip(answers(step, arrays), eager(step, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)


def test_a_result_that_is_read_elsewhere_stays() -> None:
    """The relu's own result is returned too, so that pooling may not go before it."""

    def step(x: Any, w: Any, b: Any) -> list[Any]:
        y = mg.relu(mg.conv(x, w, b, padding=1))
        return [mg.max_pool(y, 2), y]

    arrays = svg_of((8, 2, 8, 8), (4, 2, 3, 3))[:3]
    for got, expected in zip(answers(step, arrays), eager(step, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
