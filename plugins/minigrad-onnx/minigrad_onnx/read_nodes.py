"""What a node of ONNX computes, in minigrad's functions on Tensors and NumPy's on shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.ops.network.convolution import convolve_input
from minigrad.ops.network.pooling import window_sum
from minigrad_onnx.errors import OnnxImportError

__all__ = ["READERS", "Options", "ReadNode"]

Options: TypeAlias = Mapping[str, Any]
ReadNode: TypeAlias = Callable[[Sequence[Any], Options], Any]
"""Inputs and attributes -> the output.

Inputs are Tensors, arrays of integers such as shapes, or None where left out.
"""


def _numbers(x: Any) -> np.ndarray[Any, Any]:
    """The numbers of an input that says how, not what: axes, shapes, bounds."""
    return np.asarray(x.detach().numpy() if isinstance(x, mg.Tensor) else x)


def _list(x: Any) -> list[int]:
    return [int(n) for n in _numbers(x).reshape(-1)]


def _plain(function: Callable[..., Any]) -> ReadNode:
    return lambda xs, _: function(*xs)


def _either(on_tensors: Callable[..., Any], on_arrays: Callable[..., Any]) -> ReadNode:
    """A function of Tensors, which is NumPy's where all inputs are integers such as lengths."""

    def read(xs: Sequence[Any], _: Options) -> Any:
        return (on_tensors if any(isinstance(x, mg.Tensor) for x in xs) else on_arrays)(*xs)

    return read


def _axes(xs: Sequence[Any], options: Options) -> tuple[int, ...] | None:
    axes = xs[1] if len(xs) > 1 and xs[1] is not None else options.get("axes")
    return None if axes is None or not len(_list(axes)) else tuple(_list(axes))


def _reduce(function: Callable[..., Any]) -> ReadNode:
    return lambda xs, o: function(xs[0], axis=_axes(xs, o), keepdims=bool(o.get("keepdims", 1)))


def _length(x: Any, axis: Any, keepdims: bool) -> Any:
    return mg.sqrt(mg.sum(x * x, axis=axis, keepdims=keepdims))


def _softmax(function: Callable[..., Any]) -> ReadNode:
    return lambda xs, o: function(xs[0], o.get("axis", -1))


def _gemm(xs: Sequence[Any], o: Options) -> Any:
    a, b = (x.T if o.get(f"trans{side}") else x for x, side in zip(xs[:2], "AB", strict=True))
    y = mg.matmul(a, b)
    y = y if o.get("alpha", 1.0) == 1.0 else y * o["alpha"]
    if len(xs) < 3 or xs[2] is None:
        return y
    return y + (xs[2] if o.get("beta", 1.0) == 1.0 else xs[2] * o["beta"])


# -- images ------------------------------------------------------------------------------------------------------------
def _pads(o: Options, n: int) -> list[tuple[int, int]]:
    if o.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise OnnxImportError(f"auto_pad={o['auto_pad'].decode()} is not read: write the pads out")
    pads = list(o.get("pads", [0] * 2 * n))
    return list(zip(pads[:n], pads[n:], strict=True))


def _padded(x: Any, pads: Sequence[tuple[int, int]], value: float) -> Any:
    return mg.pad(x, [(0, 0), (0, 0), *pads], constant_values=value) if any(map(any, pads)) else x


def _conv(xs: Sequence[Any], o: Options) -> Any:
    x, w = xs[0], xs[1]
    n = x.ndim - 2
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n - 1](
        x.shape[1],
        w.shape[0],
        w.shape[2:],
        stride=tuple(o.get("strides", [1] * n)),
        dilation=tuple(o.get("dilations", [1] * n)),
        groups=o.get("group", 1),
        use_bias=False,
        weight_init=lambda shape, rng: np.zeros(shape),
    )
    layer.weight = w
    y = layer(_padded(x, _pads(o, n), 0.0))
    return y if len(xs) < 3 or xs[2] is None else y + xs[2].reshape((-1,) + (1,) * n)


def _conv_transpose(xs: Sequence[Any], o: Options) -> Any:
    g, w = xs[0], xs[1]
    n, group = g.ndim - 2, o.get("group", 1)
    stride, dilation = o.get("strides", [1] * n), o.get("dilations", [1] * n)
    further, pads = o.get("output_padding", [0] * n), _pads(o, n)
    size = [
        s * (m - 1) + f + (k - 1) * d + 1 - b - a
        for s, m, f, k, d, (b, a) in zip(stride, g.shape[2:], further, w.shape[2:], dilation, pads, strict=True)
    ]
    y = convolve_input(
        g, w, shape=(w.shape[1] * group, *size), stride=tuple(stride), padding=tuple(pads), dilation=tuple(dilation)
    )
    return y if len(xs) < 3 or xs[2] is None else y + xs[2].reshape((-1,) + (1,) * n)


def _max_pool(xs: Sequence[Any], o: Options) -> Any:
    n = xs[0].ndim - 2
    _refuse_ceil(o)
    x = _padded(xs[0], _pads(o, n), -np.inf)
    return mg.max_pool(x, o["kernel_shape"], o.get("strides", [1] * n), dilation=o.get("dilations", [1] * n))


def _average_pool(xs: Sequence[Any], o: Options) -> Any:
    n, kernel = xs[0].ndim - 2, o["kernel_shape"]
    _refuse_ceil(o)
    pads, window = _pads(o, n), {"kernel": tuple(kernel), "stride": tuple(o.get("strides", [1] * n))}
    window["dilation"] = tuple(o.get("dilations", [1] * n))
    total = window_sum(_padded(xs[0], pads, 0.0), **window)
    if o.get("count_include_pad", 0) or not any(map(any, pads)):
        return total / float(np.prod(kernel))
    inside = mg.tensor(np.ones((1, 1, *xs[0].shape[2:]), xs[0].dtype))
    return total / window_sum(_padded(inside, pads, 0.0), **window)


def _refuse_ceil(o: Options) -> None:
    if o.get("ceil_mode", 0):
        raise OnnxImportError("pools with ceil_mode are not read: pad the input instead")


def _global_pool(function: Callable[..., Any]) -> ReadNode:
    return lambda xs, _: function(xs[0], axis=tuple(range(2, xs[0].ndim)), keepdims=True)


def _batch_norm(xs: Sequence[Any], o: Options) -> Any:
    x, scale, bias, mean, var = xs[:5]
    shape = (-1,) + (1,) * (x.ndim - 2)
    factor = scale / mg.sqrt(var + o.get("epsilon", 1e-5))
    return (x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)


def _layer_norm(xs: Sequence[Any], o: Options) -> Any:
    axis = o.get("axis", -1) % xs[0].ndim
    y = mg.layer_norm(xs[0], xs[0].shape[axis:], None, None, o.get("epsilon", 1e-5)) * xs[1]
    return y if len(xs) < 3 or xs[2] is None else y + xs[2]


# -- moves -------------------------------------------------------------------------------------------------------------
def _reshape(xs: Sequence[Any], o: Options) -> Any:
    target = _list(xs[1])
    if not o.get("allowzero", 0):
        target = [xs[0].shape[i] if n == 0 else n for i, n in enumerate(target)]
    return xs[0].reshape(tuple(target))


def _flatten(xs: Sequence[Any], o: Options) -> Any:
    axis = o.get("axis", 1)
    return xs[0].reshape((int(np.prod(xs[0].shape[:axis])), -1))


def _transpose(xs: Sequence[Any], o: Options) -> Any:
    return xs[0].transpose(o.get("perm", list(range(np.ndim(xs[0])))[::-1]))


def _concat(xs: Sequence[Any], o: Options) -> Any:
    join = mg.concatenate if any(isinstance(x, mg.Tensor) for x in xs) else np.concatenate
    return join(list(xs), axis=o["axis"])


def _unsqueeze(xs: Sequence[Any], o: Options) -> Any:
    axes = _axes(xs, o) or ()
    n = np.ndim(xs[0]) + len(axes)
    new = {a % n for a in axes}
    lengths = iter(xs[0].shape)
    return xs[0].reshape(tuple(1 if i in new else next(lengths) for i in range(n)))


def _squeeze(xs: Sequence[Any], o: Options) -> Any:
    axes, shape = _axes(xs, o), xs[0].shape
    gone = {a % len(shape) for a in axes} if axes else {i for i, n in enumerate(shape) if n == 1}
    return xs[0].reshape(tuple(n for i, n in enumerate(shape) if i not in gone))


def _expand(xs: Sequence[Any], _: Options) -> Any:
    shape = np.broadcast_shapes(xs[0].shape, tuple(_list(xs[1])))
    return mg.broadcast_to(xs[0], shape) if isinstance(xs[0], mg.Tensor) else np.broadcast_to(xs[0], shape)


def _slice(xs: Sequence[Any], _: Options) -> Any:
    starts, ends = _list(xs[1]), _list(xs[2])
    axes = _list(xs[3]) if len(xs) > 3 and xs[3] is not None else range(len(starts))
    steps = _list(xs[4]) if len(xs) > 4 and xs[4] is not None else [1] * len(starts)
    key: list[Any] = [slice(None)] * np.ndim(xs[0])
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        length = xs[0].shape[axis]
        stop = None if step < 0 and end < -length else end
        key[axis] = slice(start, stop, step)
    return xs[0][tuple(key)]


def _gather(xs: Sequence[Any], o: Options) -> Any:
    axis, indices = o.get("axis", 0), _numbers(xs[1])
    if not isinstance(xs[0], mg.Tensor):
        return np.take(xs[0], indices, axis=axis)
    if indices.ndim == 0:
        key: list[Any] = [slice(None)] * xs[0].ndim
        key[axis] = int(indices)
        return xs[0][tuple(key)]
    return mg.take(xs[0], indices, axis=axis)


def _pad(xs: Sequence[Any], o: Options) -> Any:
    mode = o.get("mode", b"constant").decode()
    if mode != "constant":
        raise OnnxImportError(f"Pad with mode={mode} is not read")
    pads, n = _list(xs[1]), xs[0].ndim
    axes = _list(xs[3]) if len(xs) > 3 and xs[3] is not None else range(n)
    widths = [(0, 0)] * n
    for i, axis in enumerate(axes):
        widths[axis] = (pads[i], pads[i + len(pads) // 2])
    value = float(_numbers(xs[2])) if len(xs) > 2 and xs[2] is not None else 0.0
    cut = tuple(slice(max(0, -b), n - max(0, -a)) for (b, a), n in zip(widths, xs[0].shape, strict=True))
    return mg.pad(xs[0][cut], [(max(0, b), max(0, a)) for b, a in widths], constant_values=value)


def _shape(xs: Sequence[Any], o: Options) -> Any:
    return np.array(xs[0].shape[o.get("start", 0) : o.get("end")], np.int64)


def _clip(xs: Sequence[Any], o: Options) -> Any:
    low, high = (None if len(xs) <= i or xs[i] is None else float(_numbers(xs[i])) for i in (1, 2))
    return mg.clip(xs[0], o.get("min", low), o.get("max", high))


def _gather_elements(xs: Sequence[Any], o: Options) -> Any:
    indices, axis = _numbers(xs[1]), o.get("axis", 0)
    if not isinstance(xs[0], mg.Tensor):
        return np.take_along_axis(xs[0], indices, axis=axis)
    return mg.take_along_axis(xs[0], indices, axis=axis)


def _argmax(xs: Sequence[Any], o: Options) -> Any:
    if o.get("select_last_index", 0):
        raise OnnxImportError("ArgMax with select_last_index is not read")
    return np.argmax(_numbers(xs[0]), axis=o.get("axis", 0), keepdims=bool(o.get("keepdims", 1)))


def _mod(xs: Sequence[Any], o: Options) -> Any:
    if any(isinstance(x, mg.Tensor) for x in xs):
        return mg.fmod(*xs)
    return (np.fmod if o.get("fmod", 0) else np.mod)(*xs)


def _is_infinite(xs: Sequence[Any], o: Options) -> Any:
    x = _numbers(xs[0])
    signs = (o.get("detect_positive", 1), o.get("detect_negative", 1))
    return np.isinf(x) & np.where(x > 0, *map(bool, signs))


def _where(xs: Sequence[Any], _: Options) -> Any:
    return mg.where(*xs) if any(isinstance(x, mg.Tensor) for x in xs) else np.where(*xs)


def _elu(xs: Sequence[Any], o: Options) -> Any:
    return nn.ELU(o.get("alpha", 1.0))(xs[0])


def _gelu(xs: Sequence[Any], o: Options) -> Any:
    return nn.GELU(o.get("approximate", b"none").decode())(xs[0])


def _hard_sigmoid(xs: Sequence[Any], o: Options) -> Any:
    return mg.clip(xs[0] * o.get("alpha", 0.2) + o.get("beta", 0.5), 0.0, 1.0)


_SAME = {
    "Abs": mg.abs, "Neg": mg.negative, "Exp": mg.exp, "Log": mg.log, "Sin": mg.sin, "Cos": mg.cos, "Tan": mg.tan,
    "Asin": mg.arcsin, "Acos": mg.arccos, "Atan": mg.arctan, "Sinh": mg.sinh, "Cosh": mg.cosh, "Asinh": mg.arcsinh,
    "Acosh": mg.arccosh, "Atanh": mg.arctanh, "Tanh": mg.tanh, "Sigmoid": mg.sigmoid, "Relu": mg.relu,
    "Softplus": mg.softplus, "Softsign": mg.softsign, "Erf": mg.erf, "Floor": mg.floor, "Ceil": mg.ceil,
    "Round": mg.rint, "Sign": mg.sign, "Reciprocal": mg.reciprocal, "Sqrt": mg.sqrt, "MatMul": mg.matmul,
}  # fmt: skip

READERS: Mapping[str, ReadNode] = MappingProxyType({
    **{kind: _plain(function) for kind, function in _SAME.items()},
    "Add": _either(mg.add, np.add),
    "Sub": _either(mg.subtract, np.subtract),
    "Mul": _either(mg.multiply, np.multiply),
    "Div": _either(mg.divide, np.floor_divide),
    "Pow": _either(mg.power, np.power),
    "Mod": _mod,
    "Max": _either(mg.maximum, np.maximum),
    "Min": _either(mg.minimum, np.minimum),
    "Equal": lambda xs, _: xs[0] == xs[1],
    "Greater": lambda xs, _: xs[0] > xs[1],
    "GreaterOrEqual": lambda xs, _: xs[0] >= xs[1],
    "Less": lambda xs, _: xs[0] < xs[1],
    "LessOrEqual": lambda xs, _: xs[0] <= xs[1],
    "IsNaN": lambda xs, _: np.isnan(_numbers(xs[0])),
    "IsInf": _is_infinite,
    "Not": lambda xs, _: np.logical_not(xs[0]),
    "And": lambda xs, _: np.logical_and(xs[0], xs[1]),
    "Or": lambda xs, _: np.logical_or(xs[0], xs[1]),
    "Where": _where,
    "ArgMax": _argmax,
    "Clip": _clip,
    "Det": lambda xs, _: mg.linalg.det(xs[0]),
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": lambda xs, o: nn.LeakyReLU(o.get("alpha", 0.01))(xs[0]),
    "Gemm": _gemm,
    "ReduceSum": _reduce(mg.sum),
    "ReduceMean": _reduce(mg.mean),
    "ReduceMax": _reduce(mg.max),
    "ReduceMin": _reduce(mg.min),
    "ReduceL2": _reduce(_length),
    "ReduceLogSumExp": _reduce(mg.logsumexp),
    "CumSum": lambda xs, o: mg.cumsum(xs[0], axis=int(_numbers(xs[1]))),
    "Softmax": _softmax(mg.softmax),
    "LogSoftmax": _softmax(mg.log_softmax),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_pool(mg.mean),
    "GlobalMaxPool": _global_pool(mg.max),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Expand": _expand,
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Pad": _pad,
    "Shape": _shape,
    "Range": lambda xs, _: np.arange(*(_numbers(x).item() for x in xs)),
    "Identity": lambda xs, _: xs[0],
    "Dropout": lambda xs, _: xs[0],
})  # fmt: skip
