"""What the fields of layers and losses must be: attrs validators that name both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError

V = TypeVar("V")

__all__ = ["finite", "images", "not_negative", "positive", "probability", "share", "size", "sizes"]


def _refuse(owner: object, field: attrs.Attribute[V], expected: str, value: object) -> ModuleError:
    return ModuleError(f"{type(owner).__name__}.{field.name} must be {expected}, got {value!r}")


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def size(owner: object, field: attrs.Attribute[int], value: object) -> None:
    """An integer of 1 or more."""
    if not _whole(value, 1):
        raise _refuse(owner, field, "an integer >= 1", value)


def positive(owner: object, field: attrs.Attribute[float], value: float) -> None:
    """A finite number above 0."""
    if not 0.0 < value < math.inf:
        raise _refuse(owner, field, "a finite number > 0", value)


def not_negative(owner: object, field: attrs.Attribute[float], value: float) -> None:
    """A finite number of 0 or more."""
    if not 0.0 <= value < math.inf:
        raise _refuse(owner, field, "a finite number >= 0", value)


def finite(owner: object, field: attrs.Attribute[float], value: float) -> None:
    """Neither NaN nor infinite."""
    if not math.isfinite(value):
        raise _refuse(owner, field, "a finite number", value)


def probability(owner: object, field: attrs.Attribute[float], value: float) -> None:
    """A number in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise _refuse(owner, field, "in [0, 1)", value)


def share(owner: object, field: attrs.Attribute[float], value: float) -> None:
    """A number in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise _refuse(owner, field, "in [0, 1]", value)


def sizes(layer: str, field: str, value: int | Sequence[int], count: int, least: int = 1) -> Shape:
    """One integer for each of `count` axes, from one number or one for each.

    Raises:
        ModuleError: the number of values is another, or one is below `least`.
    """
    lengths = (value,) * count if isinstance(value, int) else tuple(value)
    if len(lengths) != count or not all(_whole(v, least) for v in lengths):
        many = "an integer" if count == 1 else f"an integer, or {count} of them,"
        raise ModuleError(f"{layer}.{field} must be {many} >= {least}, got {value!r}")
    return lengths


def images(layer: object, x: Tensor, channels: int | None, axes: int) -> None:
    """Check that x is `(N, channels, *size)` with `axes` axes of size.

    Args:
        layer: whose input x is.
        x: the input.
        channels: how many there must be; None fits any number.
        axes: number of axes behind the channels.

    Raises:
        ShapeError: x has other axes or channels.
    """
    if x.ndim != axes + 2 or (channels is not None and x.shape[1] != channels):
        names = ", ".join(("length",) if axes == 1 else ("height", "width", "depth")[:axes])
        last = x.ndim == axes + 2 and x.shape[-1] == channels
        hint = f": channels come first, x.transpose(0, {axes + 1}, {', '.join(map(str, range(1, axes + 1)))})"
        raise ShapeError(
            f"{layer!r} needs an input of shape (N, {channels or 'channels'}, {names}), got {x.shape}"
            f"{hint if last else ''}"
        )
