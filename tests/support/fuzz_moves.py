"""Moves of the graph fuzzer on values of any shape: extents of 0 and 1, views, broadcasting, axes, assignment.

Each move has minigrad's form and PyTorch's (`t` is the torch module). Where PyTorch has no such indexing, its form
picks the same entries from the flat array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Shape
from support.ops_draw import Draw

Choice = tuple[tuple[int, ...], dict[str, Any]]
"""Which values a move takes, by number, and its options."""


@attrs.frozen
class Move:
    """A function of earlier values.

    Attributes:
        choose: picks values by their shapes, and options; None where there is none to pick.
    """

    name: str
    choose: Callable[[Draw, Sequence[Shape]], Choice | None]
    ours: Callable[..., Any]
    torch: Callable[..., Any]


def _any(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    return (draw.between(0, len(shapes) - 1),), {}


def _axis(draw: Draw, shapes: Sequence[Shape], least: int = 0) -> Choice | None:
    """A value with an axis of `least` entries or more."""
    options = [(k, a) for k, s in enumerate(shapes) for a, n in enumerate(s) if n >= least]
    if not options:
        return None
    k, axis = draw.among(options)
    return (k,), {"axis": axis - len(shapes[k]) if draw.flag() else axis}


def _filled_axis(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    return _axis(draw, shapes, 1)


def _filled(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    """An axis of a value that has entries."""
    choice = _filled_axis(draw, shapes)
    return choice if choice is not None and 0 not in shapes[choice[0][0]] else None


def _axes(draw: Draw, shapes: Sequence[Shape], least: int = 0) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    shape = shapes[k]
    axes = draw.some(len(shape)) if shape else ()
    if any(shape[a] < least for a in axes):
        return None
    return (k,), {"axis": axes, "keepdims": draw.flag()}


def _filled_axes(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    return _axes(draw, shapes, 1)


def _spread_axes(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    return _axes(draw, shapes, 2)


def _broadcast_pair(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    fitting = [j for j, s in enumerate(shapes) if _fits(shapes[k], s)]
    return (k, draw.among(fitting)), {}


def _fits(a: Shape, b: Shape) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def _key(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    """Slices of any step, empty ones too, whole numbers, new axes, an ellipsis."""
    k = draw.between(0, len(shapes) - 1)
    key: list[Any] = []
    for n in shapes[k][: draw.between(0, len(shapes[k]))]:
        low, high, step = draw.between(-n, n), draw.between(-n, n), draw.among([1, -1, 2, -2])
        options: list[Any] = [slice(low, high, step), slice(None, None, step), slice(None)]
        key.append(draw.among([*options, draw.between(-n, n - 1)] if n else options))
    key.insert(draw.between(0, len(key)), draw.among([None, np.newaxis, *key[:1]]) if draw.flag() else Ellipsis)
    try:
        np.empty(shapes[k])[tuple(key)]
    except IndexError:  # a number that was drawn for a longer axis, or too many
        return None
    return (k,), {"key": tuple(key)}


def _index_arrays(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    choice = _filled_axis(draw, shapes)
    if choice is None:
        return None
    (k,), options = choice
    n = shapes[k][options["axis"]]
    where_to = draw.among([(), (0,), (1,), (3,), (2, 2)])
    key = (*(slice(None),) * (options["axis"] % len(shapes[k])), draw.positions(-n, n, where_to))
    return (k,), {"key": key}


def _mask(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    return (k,), {"key": draw.rng.random(shapes[k]) < draw.among([0.5, 0.0, 1.0])}


def _order(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    return (k,), {"axes": tuple(draw.order(len(shapes[k])))}


def _new_shape(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    reordered = [shapes[k][a] for a in draw.order(len(shapes[k]))]
    reordered.insert(draw.between(0, len(reordered)), 1)
    if draw.flag() and len(reordered) > 1:
        reordered[:2] = [reordered[0] * reordered[1]]
    return (k,), {"shape": tuple(reordered)}


def _wider(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    k = draw.between(0, len(shapes) - 1)
    ones = tuple(draw.between(0, 3) if n == 1 else n for n in shapes[k])
    return (k,), {"shape": (*((draw.between(0, 2),) if draw.flag() else ()), *ones)}


def _products(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    pairs = [(i, j) for i, a in enumerate(shapes) for j, b in enumerate(shapes) if _multiplies(a, b)]
    return (draw.among(pairs), {}) if pairs else None


def _multiplies(a: Shape, b: Shape) -> bool:
    if not a or not b or a[-1] != b[max(len(b) - 2, 0)]:
        return False
    return _fits(a[:-2], b[:-2])


def _of_flat(t: Any, x: Any, key: Any) -> Any:
    positions = np.array(np.arange(x.numel()).reshape(tuple(x.shape))[key], order="C")
    return x.reshape(-1)[t.from_numpy(positions)]


def _assigned(x: Any, y: Any, key: Any) -> Any:
    copy = x + 0.0 if isinstance(x, mg.Tensor) else mg.tensor(x) if isinstance(y, mg.Tensor) else np.array(x)
    copy[key] = mg.sum(y)
    return copy


def _assigned_torch(t: Any, x: Any, y: Any, key: Any) -> Any:
    hit = np.zeros(tuple(x.shape), bool)
    hit[key] = True
    return t.where(t.from_numpy(hit), y.sum(), x)


def _assignment(draw: Draw, shapes: Sequence[Shape]) -> Choice | None:
    choice = _key(draw, shapes)
    if choice is None:
        return None
    return (*choice[0], draw.between(0, len(shapes) - 1)), choice[1]


def _dims(x: Any, axis: Any) -> Any:
    return tuple(a % x.ndim for a in axis)


def _over(name: str, **more: Any) -> Callable[..., Any]:
    """torch.<name> over several axes; none means that every entry is by itself."""

    def call(t: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        if not axis:
            return getattr(t, name)(x[..., None], -1, **more)
        return getattr(t, name)(x, _dims(x, axis), keepdim=keepdims, **more)

    return call


def _products_over(t: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    for a in sorted(_dims(x, axis), reverse=True):
        x = t.prod(x, a, keepdim=keepdims)
    return x


def _f(name: str, **options: Any) -> Callable[..., Any]:
    return lambda t, x: getattr(t.nn.functional, name)(x, **options)


def _along(name: str) -> Callable[..., Any]:
    return lambda t, x, axis: getattr(t, name)(x, axis)


def _self(name: str) -> Callable[..., Any]:
    return lambda t, *x: getattr(t, name)(*x)


def _normalized(x: Any) -> Any:
    return mg.layer_norm(x, eps=0.1)


MOVES = [
    *(Move(n, _any, getattr(mg, n), _self(n)) for n in ("tanh", "sigmoid", "sin", "cos", "arctan", "erf", "square",
                                                         "absolute", "relu", "arcsinh", "negative")),
    *(Move(n, _any, getattr(mg, n), _f(n)) for n in ("softplus", "gelu", "silu", "mish", "elu", "hardtanh", "softsign",
                                                     "tanhshrink", "selu", "leaky_relu")),
    Move("exp of tanh", _any, lambda x: mg.exp(mg.tanh(x)), lambda t, x: t.exp(t.tanh(x))),
    Move("sqrt of squares", _any, lambda x: mg.sqrt(x * x + 0.1), lambda t, x: t.sqrt(x * x + 0.1)),
    Move("gelu tanh", _any, lambda x: mg.gelu(x, approximate="tanh"), _f("gelu", approximate="tanh")),
    Move("cube", _any, lambda x: x**3, lambda t, x: x**3),
    Move("clip", _any, lambda x: mg.clip(x, -0.5, 0.8), lambda t, x: t.clamp(x, -0.5, 0.8)),
    Move("reverse divide", _any, lambda x: 2.0 / (3.0 + mg.tanh(x)), lambda t, x: 2.0 / (3.0 + t.tanh(x))),
    *(Move(n, _broadcast_pair, getattr(mg, n), _self(n)) for n in ("add", "subtract", "multiply", "maximum", "minimum",
                                                                   "logaddexp", "fmax", "fmin")),
    Move("divide", _broadcast_pair, lambda x, y: x / (1.0 + y * y), lambda t, x, y: x / (1.0 + y * y)),
    Move("arctan2", _broadcast_pair, lambda x, y: mg.arctan2(x, 1.0 + y * y), lambda t, x, y: t.arctan2(x, 1 + y * y)),
    Move("hypot", _broadcast_pair, lambda x, y: mg.hypot(x, 1.0 + y * y), lambda t, x, y: t.hypot(x, 1 + y * y)),
    Move("where", _broadcast_pair, lambda x, y: mg.where(mg.greater(x, 0.0), x, y * 2.0),
         lambda t, x, y: t.where(x > 0, x, y * 2.0)),
    Move("power", _broadcast_pair, lambda x, y: (1.5 + mg.tanh(x)) ** mg.tanh(y),
         lambda t, x, y: (1.5 + t.tanh(x)) ** t.tanh(y)),
    Move("assign", _assignment, _assigned, _assigned_torch),
    Move("sum", _axes, mg.sum, lambda t, x, axis, keepdims: x * 1.0 if not axis else t.sum(x, axis, keepdim=keepdims)),
    Move("mean", _filled_axes, mg.mean,
         lambda t, x, axis, keepdims: x * 1.0 if not axis else t.mean(x, axis, keepdim=keepdims)),
    Move("prod", _axes, mg.prod, _products_over),
    Move("max", _filled_axes, mg.max, _over("amax")),
    Move("min", _filled_axes, mg.min, _over("amin")),
    Move("var", _spread_axes, mg.var, _over("var", correction=0)),
    Move("logsumexp", _filled_axes, mg.logsumexp, _over("logsumexp")),
    *(Move(n, _filled_axis, getattr(mg, n), _along(n)) for n in ("softmax", "log_softmax")),
    *(Move(n, _axis, getattr(mg, n), _along(n)) for n in ("cumsum", "cumprod")),
    Move("cumlogsumexp", _filled_axis, mg.cumlogsumexp, _along("logcumsumexp")),
    Move("sort", _axis, mg.sort, lambda t, x, axis: t.sort(x, dim=axis, stable=True)[0]),
    Move("median", _filled, mg.median, lambda t, x, axis: t.quantile(x, 0.5, axis)),
    Move("diff", _filled_axis, mg.diff, lambda t, x, axis: t.diff(x, 1, axis)),
    Move("flip", _axis, mg.flip, lambda t, x, axis: t.flip(x, (axis,))),
    Move("roll", _filled_axis, lambda x, axis: mg.roll(x, 2, axis), lambda t, x, axis: t.roll(x, 2, axis)),
    Move("layer norm", _filled_axis, lambda x, axis: _normalized(mg.moveaxis(x, axis, -1)),
         lambda t, x, axis: t.nn.functional.layer_norm(t.movedim(x, axis, -1), (x.shape[axis],), eps=0.1)),
    Move("key", _key, lambda x, key: x[key], _of_flat),
    Move("index arrays", _index_arrays, lambda x, key: x[key], _of_flat),
    Move("mask", _mask, lambda x, key: x[key], _of_flat),
    Move("transpose", _order, lambda x, axes: mg.transpose(x, axes), lambda t, x, axes: x.permute(axes)),
    Move("reshape", _new_shape, lambda x, shape: mg.reshape(x, shape), lambda t, x, shape: x.reshape(shape)),
    Move("broadcast_to", _wider, lambda x, shape: mg.broadcast_to(x, shape), lambda t, x, shape: x.expand(shape)),
    Move("squeeze", _any, mg.squeeze, lambda t, x: x.squeeze()),
    Move("concatenate", _axis, lambda x, axis: mg.concatenate([x, mg.flip(x, axis), x * 2.0], axis=axis),
         lambda t, x, axis: t.cat([x, t.flip(x, (axis,)), x * 2.0], axis)),
    Move("stack", _any, lambda x: mg.stack([x, mg.tanh(x)], axis=-1), lambda t, x: t.stack([x, t.tanh(x)], -1)),
    Move("matmul", _products, mg.matmul, lambda t, x, y: x @ y),
    Move("gram", _axis, lambda x, axis: _gram(x, axis), lambda t, x, axis: t.tensordot(x, x, ([axis], [axis]))),
    Move("outer", _any, lambda x: mg.einsum("i,j->ij", mg.reshape(x, -1), mg.reshape(x, -1)[:3]),
         lambda t, x: t.outer(x.reshape(-1), x.reshape(-1)[:3])),
    Move("einsum", _axis, lambda x, axis: mg.einsum("i...,i...->...", mg.moveaxis(x, axis, 0), mg.moveaxis(x, axis, 0)),
         lambda t, x, axis: (x * x).sum(axis)),
    Move("fan", _any, lambda x: x * x + x, lambda t, x: x * x + x),
    Move("stopped", _any, lambda x: x * (x.detach() if isinstance(x, mg.Tensor) else x), lambda t, x: x * x.detach()),
]  # fmt: skip


def _gram(x: Any, axis: int) -> Any:
    return mg.tensordot(x, x, ((axis,), (axis,)))
