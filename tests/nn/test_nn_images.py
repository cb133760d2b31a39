"""Convolution, pooling and normalisation against loops over single entries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import ShapeError
from minigrad.nn import ModuleError
from minigrad.runtime.parameters import assign
from support import nn_naive
from support.nn_naive import Pair

RNG = np.random.default_rng
IMAGES = (2, 4, 7, 6)


def value(t: Tensor | None) -> np.ndarray:
    assert t is not None
    return t.numpy()


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [((3, 3), (1, 1), (0, 0), (1, 1), 1), ((3, 2), (2, 1), (1, 2), (1, 2), 2), ((1, 1), (1, 1), (0, 0), (1, 1), 4)],
)
def test_conv2d(kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    layer = nn.Conv2d(4, 8, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, rng=0)
    layer = layer.astype(np.float64)
    assert layer.bias is not None
    assign(layer.bias, RNG(1).normal(size=8))
    x = RNG(0).normal(size=IMAGES)
    expected = nn_naive.convolved(x, value(layer.weight), value(layer.bias), stride, padding, dilation, groups)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, atol=1e-12)


def test_conv1d_is_conv2d_of_height_one_and_same_keeps_the_length() -> None:
    layer = nn.Conv1d(3, 2, 4, padding="same", rng=0).astype(np.float64)
    x = RNG(0).normal(size=(2, 3, 9))
    # PyTorch's convention: an odd number of zeros puts the extra one at the end.
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2)))[:, :, None]
    expected = nn_naive.convolved(padded, value(layer.weight)[:, :, None], None, (1, 1), (0, 0), (1, 1), 1)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected[:, :, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "extra", "groups"), [((1, 1), (0, 0), (0, 0), 1), ((2, 3), (1, 0), (1, 2), 2)]
)
def test_conv_transpose2d(stride: Pair, padding: Pair, extra: Pair, groups: int) -> None:
    layer = nn.ConvTranspose2d(4, 6, (3, 2), stride=stride, padding=padding, output_padding=extra, groups=groups, rng=0)
    layer = layer.astype(np.float64)
    assert layer.bias is not None
    assign(layer.bias, RNG(1).normal(size=6))
    x = RNG(0).normal(size=(2, 4, 3, 4))
    expected = nn_naive.spread(x, value(layer.weight), value(layer.bias), stride, padding, extra, groups)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 2), (1, 1))])
def test_pooling(kernel: Pair, stride: Pair, padding: Pair) -> None:
    x = RNG(0).normal(size=IMAGES) - 3.0  # below 0, so that a maximum over zero padding would show
    largest = nn.MaxPool2d(kernel, stride=stride, padding=padding)(tensor(x))
    mean = nn.AvgPool2d(kernel, stride=stride, padding=padding)(tensor(x))
    np.testing.assert_allclose(
        largest.numpy(), nn_naive.pooled(x, kernel, stride, padding, -np.inf, lambda a: float(a.max())), atol=1e-13
    )
    np.testing.assert_allclose(
        mean.numpy(), nn_naive.pooled(x, kernel, stride, padding, 0.0, lambda a: float(a.mean())), atol=1e-13
    )


def test_adaptive_pooling() -> None:
    x = RNG(0).normal(size=IMAGES)
    for output in ((3, 4), (1, 1), (7, 6), (2, 5)):
        for layer, of in ((nn.AdaptiveAvgPool2d(output), np.mean), (nn.AdaptiveMaxPool2d(output), np.max)):
            expected = nn_naive.binned(x, output, lambda a, of=of: float(of(a)))  # type: ignore[misc]
            np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, atol=1e-13)
    np.testing.assert_allclose(nn.GlobalAvgPool()(tensor(x)).numpy(), x.mean(axis=(2, 3)), atol=1e-13)


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5)])
def test_batch_norm(shape: tuple[int, ...]) -> None:
    layer = nn.BatchNorm1d(4, momentum=0.25).astype(np.float64)
    x = 3.0 + 2.0 * RNG(0).normal(size=shape)
    axes, n = (0, *range(2, len(shape))), x.size // 4
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    lined = (1, 4, *(1,) * (len(shape) - 2))
    expected = (x - mean.reshape(lined)) / np.sqrt(var.reshape(lined) + 1e-5)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, atol=1e-12)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * mean, atol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * var * n / (n - 1), atol=1e-12)
    for _ in range(80):
        layer(tensor(x))
    before = layer.state_dict()
    layer.eval()
    unbiased = var * n / (n - 1)
    expected = (x - mean.reshape(lined)) / np.sqrt(unbiased.reshape(lined) + 1e-5)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, rtol=1e-8, atol=1e-8)
    one_by_one = np.concatenate([layer(tensor(x[k : k + 1])).numpy() for k in range(len(x))])
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-8, atol=1e-8)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items()), "evaluation must not learn"


def test_running_figures_are_saved_and_not_trained() -> None:
    layer = nn.BatchNorm2d(3)
    layer(tensor(RNG(0).normal(size=(4, 3, 2, 2)), requires_grad=True, dtype=np.float32))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    other = nn.BatchNorm2d(3)
    other.load_state_dict(layer.state_dict())
    assert layer.running_mean is not None
    np.testing.assert_array_equal(other.state_dict()["running_var"], layer.state_dict()["running_var"])
    assert layer.running_mean.dtype == np.float32
    assert not layer.running_mean.requires_grad


def test_other_norms() -> None:
    x = RNG(0).normal(size=IMAGES)
    groups = x.reshape(2, 2, -1)
    by_group = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.GroupNorm(2, 4)(tensor(x)).numpy(), by_group.reshape(IMAGES), atol=1e-6)
    rows = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.LayerNorm((7, 6))(tensor(x)).numpy(), rows, atol=1e-6)
    np.testing.assert_allclose(nn.GroupNorm(4, 4)(tensor(x)).numpy(), rows, atol=1e-6)
    rms = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.RMSNorm(6)(tensor(x)).numpy(), rms, atol=1e-6)


def test_float32_stays_float32() -> None:
    x = tensor(RNG(0).normal(size=(2, 4, 6, 6)), dtype=np.float32)
    layers: list[nn.Module] = [nn.Conv2d(4, 2, 3), nn.ConvTranspose2d(4, 2, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4)]
    layers += [nn.MaxPool2d(2, padding=1), nn.AvgPool2d(2, padding=1), nn.AdaptiveAvgPool2d(4), nn.Dropout(0.5)]
    layers += [nn.GELU(), nn.LeakyReLU(), nn.SiLU(), nn.Softplus(), nn.Maxout(2), nn.LayerNorm(6), nn.RMSNorm(6)]
    layers += [nn.Sequential(nn.Flatten(), nn.Linear(144, 4))]
    for layer in layers:
        for mode in (True, False):
            assert layer.train(mode)(x).dtype == np.float32, layer


def test_wrong_inputs_and_settings_are_named() -> None:
    x = tensor(np.zeros((2, 3, 5)))
    with pytest.raises(ShapeError, match=r"Conv2d\(3, 4, .*\) needs .* \(N, 3, height, width\), got \(2, 3, 5\)"):
        nn.Conv2d(3, 4, 3)(x)
    with pytest.raises(ShapeError, match=r"\(N, 4, length\), got \(2, 3, 5\)"):
        nn.Conv1d(4, 4, 3)(x)
    with pytest.raises(ShapeError, match=r"BatchNorm1d\(4\) needs an input of shape \(N, 4\) or \(N, 4, L\)"):
        nn.BatchNorm1d(4)(x)
    with pytest.raises(ShapeError, match="more than one value per channel"):
        nn.BatchNorm1d(3)(tensor(np.zeros((1, 3))))
    with pytest.raises(ShapeError, match=r"LayerNorm\(\(4,\)\) needs an input of shape \(\.\.\., 4\)"):
        nn.LayerNorm(4)(x)
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "3 input and 4 output channels do not divide into groups=2"),
        (lambda: nn.Conv2d(3, 4, (3, 0)), r"Conv2d.kernel_size must be an integer, or 2 of them, >= 1, got \(3, 0\)"),
        (lambda: nn.Conv2d(3, 4, 3, padding="some"), "padding must be 'same', 'valid'"),
        (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), "padding='same' needs stride 1"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1), "output_padding 1 must be below the stride 1"),
        (lambda: nn.MaxPool2d(2, padding=2), "more than half of the window"),
        (lambda: nn.GroupNorm(2, 3), "3 channels do not divide into 2 groups"),
        (lambda: nn.BatchNorm2d(3, momentum=1.5), "momentum"),
        (lambda: nn.Dropout(1.1), r"Dropout.p must be in \[0, 1\], got 1.1"),
    ]
    for build, message in refused:
        with pytest.raises(ModuleError, match=message):
            build()
