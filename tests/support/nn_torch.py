"""The PyTorch twin of a layer, with the same numbers. `torch` comes from the caller, which may have skipped."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from minigrad import nn
from minigrad.core import Tensor

Torch: TypeAlias = Any
"""The module, its modules and its tensors: PyTorch is not installed where types are checked."""


def _set(torch: Torch, parameter: Torch, value: Tensor | None, transposed: bool = False) -> None:
    if value is None:
        assert parameter is None
        return
    numbers = value.numpy().T if transposed else value.numpy()
    with torch.no_grad():
        parameter.copy_(torch.tensor(numbers.copy()))


def _plain(torch: Torch, twin: Torch, layer: nn.Module, transposed: bool = False) -> Torch:
    twin = twin.double()
    for name in ("weight", "bias"):
        _set(torch, getattr(twin, name), getattr(layer, name), transposed and name == "weight")
    for name in ("running_mean", "running_var"):
        if hasattr(layer, name):
            _set(torch, getattr(twin, name), getattr(layer, name))
    return twin


def _recurrent(torch: Torch, twin: Torch, layer: nn.RNN | nn.GRU | nn.LSTM) -> Torch:
    twin = twin.double()
    _set(torch, twin.weight_ih_l0, layer.input_weight, True)
    _set(torch, twin.weight_hh_l0, layer.state_weight, True)
    _set(torch, twin.bias_ih_l0, layer.bias)
    with torch.no_grad():
        twin.bias_hh_l0.zero_()
        if isinstance(layer, nn.GRU) and layer.state_bias is not None:
            twin.bias_hh_l0[-layer.hidden_size :] = torch.tensor(layer.state_bias.numpy().copy())
    return twin


def _attention(torch: Torch, twin: Torch, layer: nn.MultiHeadAttention) -> Torch:
    twin = twin.double()
    _set(torch, twin.in_proj_weight, layer.input_weight, True)
    _set(torch, twin.in_proj_bias, layer.input_bias)
    _set(torch, twin.out_proj.weight, layer.output.weight, True)
    _set(torch, twin.out_proj.bias, layer.output.bias)
    return twin


def _block(torch: Torch, layer: nn.TransformerBlock) -> Torch:
    twin = torch.nn.TransformerEncoderLayer(
        layer.embed_dim, layer.num_heads, layer.widen.out_features, 0.0, "gelu", batch_first=True, norm_first=True
    ).double()
    _attention(torch, twin.self_attn, layer.attention)
    for theirs, ours in ((twin.norm1, layer.first_norm), (twin.norm2, layer.second_norm)):
        _plain(torch, theirs, ours)
    for linear, own in ((twin.linear1, layer.widen), (twin.linear2, layer.narrow)):
        _plain(torch, linear, own, True)
    return twin


def causal_mask(torch: Torch, length: int) -> Torch:
    """PyTorch's boolean mask: True is what may not be seen."""
    return torch.triu(torch.ones(length, length, dtype=torch.bool), 1)


def twin(torch: Torch, layer: nn.Module) -> Torch:
    """The module of `torch.nn` that computes the same, in float64, with the same parameters and buffers."""
    t = torch.nn
    match layer:
        case nn.Linear():
            return _plain(torch, t.Linear(layer.in_features, layer.out_features), layer, True)
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            kind = getattr(t, type(layer).__name__)
            options = {k: getattr(layer, k) for k in ("stride", "padding", "dilation", "groups", "padding_mode")}
            sizes = (layer.in_channels, layer.out_channels, layer.kernel_size)
            return _plain(torch, kind(*sizes, bias=layer.use_bias, **options), layer)
        case nn.ConvTranspose1d() | nn.ConvTranspose2d() | nn.ConvTranspose3d():
            kind = getattr(t, type(layer).__name__)
            options = {k: getattr(layer, k) for k in ("stride", "padding", "output_padding", "dilation", "groups")}
            return _plain(torch, kind(layer.in_channels, layer.out_channels, layer.kernel_size, **options), layer)
        case nn.MaxPool1d() | nn.MaxPool2d() | nn.MaxPool3d():
            kind = getattr(t, type(layer).__name__)
            return kind(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
        case nn.AvgPool1d() | nn.AvgPool2d() | nn.AvgPool3d():
            kind = getattr(t, type(layer).__name__)
            return kind(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad)
        case _ if type(layer).__name__.startswith("Adaptive"):
            size = getattr(layer, "output_size")  # noqa: B009
            assert isinstance(size, tuple)
            return getattr(t, type(layer).__name__)(size if len(size) > 1 else size[0])
        case nn.GlobalAvgPool():
            return t.Sequential(t.AdaptiveAvgPool2d(1), t.Flatten())
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d():
            made = getattr(t, type(layer).__name__)(layer.num_features, layer.eps, layer.momentum, layer.affine)
            return _plain(torch, made, layer)
        case nn.LayerNorm():
            return _plain(torch, t.LayerNorm(layer.normalized_shape, layer.eps, bias=layer.use_bias), layer)
        case nn.InstanceNorm1d() | nn.InstanceNorm2d() | nn.InstanceNorm3d():
            made = getattr(t, type(layer).__name__)(layer.num_features, layer.eps, affine=layer.affine)
            return _plain(torch, made, layer)
        case nn.GroupNorm():
            return _plain(torch, t.GroupNorm(layer.num_groups, layer.num_channels, layer.eps), layer)
        case nn.RMSNorm():
            made = t.RMSNorm(layer.normalized_shape, layer.eps).double()
            _set(torch, made.weight, layer.weight)
            return made
        case nn.Embedding():
            made = t.Embedding(layer.num_embeddings, layer.embedding_dim, layer.padding_idx).double()
            _set(torch, made.weight, layer.weight)
            return made
        case nn.RNN() | nn.GRU() | nn.LSTM():
            kind = getattr(t, type(layer).__name__)
            return _recurrent(torch, kind(layer.input_size, layer.hidden_size, batch_first=True), layer)
        case nn.MultiHeadAttention():
            return _attention(torch, t.MultiheadAttention(layer.embed_dim, layer.num_heads, batch_first=True), layer)
        case nn.TransformerBlock():
            return _block(torch, layer)
        case nn.Sequential():
            assert all(isinstance(part, nn.Module) for part in layer)
            return t.Sequential(*(twin(torch, part) for part in layer if isinstance(part, nn.Module)))
        case nn.LeakyReLU():
            return t.LeakyReLU(layer.negative_slope)
        case nn.Softmax() | nn.LogSoftmax() | nn.Softmin() | nn.GLU():
            return getattr(t, type(layer).__name__)(layer.axis)
        case nn.PReLU():
            made = t.PReLU(layer.num_parameters).double()
            _set(torch, made.weight, layer.weight)
            return made
        case nn.CELU():
            return t.CELU(layer.alpha)
        case nn.Hardtanh():
            return t.Hardtanh(layer.low, layer.high)
        case nn.Hardshrink() | nn.Softshrink():
            return getattr(t, type(layer).__name__)(layer.lambd)
        case nn.Threshold():
            return t.Threshold(layer.threshold, layer.value)
        case nn.ELU():
            return t.ELU(layer.alpha)
        case nn.GELU():
            return t.GELU(layer.approximate)
        case _:
            return getattr(t, type(layer).__name__)()


def call(torch: Torch, layer: nn.Module, made: Torch, x: Torch) -> Torch:
    """The twin's output for x, where its call differs from that of a plain module."""
    if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM):
        return made(x)[0]
    if isinstance(layer, nn.MultiHeadAttention):
        mask = causal_mask(torch, x.shape[1]) if layer.causal else None
        return made(x, x, x, attn_mask=mask, need_weights=False)[0]
    if isinstance(layer, nn.TransformerBlock) and layer.causal:
        return made(x, src_mask=causal_mask(torch, x.shape[1]))
    if isinstance(layer, nn.Maxout):
        rows = x.reshape(*x.shape[:-1], -1, layer.num_pieces)
        return rows.amax(-1)
    if isinstance(layer, nn.Residual):
        body, shortcut = layer.body, layer.shortcut
        assert isinstance(body, nn.Module)
        assert isinstance(shortcut, nn.Module)
        return call_twin(torch, body, x) + call_twin(torch, shortcut, x)
    return made(x)


def call_twin(torch: Torch, layer: nn.Module, x: Torch) -> Torch:
    """The output of the twin of `layer`."""
    return call(torch, layer, twin(torch, layer), x)


def gradients(layer: nn.Module, made: Torch) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(name, minigrad's gradient, PyTorch's in minigrad's layout) of every parameter of the layer."""
    theirs = {name: p.grad.numpy() for name, p in made.named_parameters() if p.grad is not None}
    found = []
    for name, p in layer.named_parameters():
        assert p.grad is not None, name
        found.append((name, p.grad.numpy(), _matching(layer, name, theirs)))
    return found


_NAMES = {
    "input_weight": "weight_ih_l0",
    "state_weight": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "first_norm": "norm1",
    "second_norm": "norm2",
    "widen": "linear1",
    "narrow": "linear2",
    "attention": "self_attn",
    "output": "out_proj",
}


def _matching(layer: nn.Module, name: str, theirs: dict[str, np.ndarray]) -> np.ndarray:
    if isinstance(layer, nn.GRU) and name == "state_bias":
        return theirs["bias_hh_l0"][-layer.hidden_size :]
    if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM):
        return theirs[_NAMES[name]].T
    if "input_" in name:
        key = name.replace("attention", "self_attn").replace("input_", "in_proj_")
        return theirs[key].T
    key = ".".join(_NAMES.get(part, part) for part in name.split(".")[:-1])
    last = name.split(".")[-1]
    g = theirs[f"{key}.{last}" if key else last]
    linear = isinstance(layer, nn.Linear) or key.rpartition(".")[2] in ("linear1", "linear2", "out_proj")
    return g.T if linear else g
