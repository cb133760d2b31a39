"""Padding: entries added around the last axes, as PyTorch's padding layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.validators import finite
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.index import getitem

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


@attrs.define(eq=False)
class _Pad(Module):
    """Entries added before and after each of the last axes.

    Attributes:
        padding: one number for all ends; or two for each axis, before and after, the last axis first, as in PyTorch:
            (left, right, top, bottom). Negative numbers cut off.
    """

    axes: ClassVar[int]
    method: ClassVar[str]
    padding: int | Sequence[int]

    def __attrs_post_init__(self) -> None:
        ends = (self.padding,) * (2 * self.axes) if isinstance(self.padding, int) else tuple(self.padding)
        if len(ends) != 2 * self.axes or not all(isinstance(p, int) for p in ends):
            raise ModuleError(
                f"{type(self).__name__}.padding must be an integer or {2 * self.axes} of them, got {self.padding!r}"
            )
        self.padding = ends

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, channels, *size)` to the same with longer axes of size.

        The batch axis may be missing.

        Raises:
            ShapeError: x has another number of axes, or an axis is too short to be reflected or repeated so far.
        """
        assert not isinstance(self.padding, int)
        if x.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"{self!r} needs an input with {self.axes} axes of size behind (N, channels), got {x.shape}"
            )
        pairs = list(zip(self.padding[0::2], self.padding[1::2], strict=True))[::-1]
        sizes = x.shape[-self.axes :]
        for (before, after), length in zip(pairs, sizes, strict=True):
            reach = {"reflect": length - 1, "wrap": length}.get(self.method)
            if reach is not None and max(before, after) > reach:
                raise ShapeError(f"{self!r}: an axis of {length} can be padded by {reach} at most, in {x.shape}")
            if length + before + after < 0 or (self.method != "constant" and not length):
                raise ShapeError(f"{self!r}: an axis of {length} is too short, in {x.shape}")
        leading = ((0, 0),) * (x.ndim - self.axes)
        widths = [*leading, *((max(b, 0), max(a, 0)) for b, a in pairs)]
        padded = pad(x, widths, mode=self.method, **self._options())
        cuts = tuple(
            slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pairs, padded.shape[-self.axes :], strict=True)
        )
        return getitem(padded, key=(Ellipsis, *cuts)) if min(self.padding) < 0 else padded

    def _options(self) -> dict[str, float]:
        return {}


@attrs.define(eq=False)
class _ConstantPad(_Pad):
    __doc__ = f"""One number around the input. {_Pad.__doc__}
        value: the number.
    """

    method = "constant"
    value: float = attrs.field(validator=finite)

    def _options(self) -> dict[str, float]:
        return {"constant_values": self.value}


@attrs.define(eq=False)
class ConstantPad1d(_ConstantPad):
    __doc__ = f"For sequences. {_ConstantPad.__doc__}"
    axes = 1


@attrs.define(eq=False)
class ConstantPad2d(_ConstantPad):
    __doc__ = f"For images. {_ConstantPad.__doc__}"
    axes = 2


@attrs.define(eq=False)
class ConstantPad3d(_ConstantPad):
    __doc__ = f"For volumes. {_ConstantPad.__doc__}"
    axes = 3


@attrs.define(eq=False)
class ZeroPad1d(_Pad):
    __doc__ = f"Zeros around sequences. {_Pad.__doc__}"
    axes, method = 1, "constant"


@attrs.define(eq=False)
class ZeroPad2d(_Pad):
    __doc__ = f"Zeros around images. {_Pad.__doc__}"
    axes, method = 2, "constant"


@attrs.define(eq=False)
class ZeroPad3d(_Pad):
    __doc__ = f"Zeros around volumes. {_Pad.__doc__}"
    axes, method = 3, "constant"


@attrs.define(eq=False)
class ReflectionPad1d(_Pad):
    __doc__ = f"Sequences mirrored at their first and last entries. {_Pad.__doc__}"
    axes, method = 1, "reflect"


@attrs.define(eq=False)
class ReflectionPad2d(_Pad):
    __doc__ = f"Images mirrored at their outermost entries. {_Pad.__doc__}"
    axes, method = 2, "reflect"


@attrs.define(eq=False)
class ReflectionPad3d(_Pad):
    __doc__ = f"Volumes mirrored at their outermost entries. {_Pad.__doc__}"
    axes, method = 3, "reflect"


@attrs.define(eq=False)
class ReplicationPad1d(_Pad):
    __doc__ = f"The first and last entries of sequences repeated. {_Pad.__doc__}"
    axes, method = 1, "edge"


@attrs.define(eq=False)
class ReplicationPad2d(_Pad):
    __doc__ = f"The outermost entries of images repeated. {_Pad.__doc__}"
    axes, method = 2, "edge"


@attrs.define(eq=False)
class ReplicationPad3d(_Pad):
    __doc__ = f"The outermost entries of volumes repeated. {_Pad.__doc__}"
    axes, method = 3, "edge"


@attrs.define(eq=False)
class CircularPad1d(_Pad):
    __doc__ = f"Sequences continued from their other end. {_Pad.__doc__}"
    axes, method = 1, "wrap"


@attrs.define(eq=False)
class CircularPad2d(_Pad):
    __doc__ = f"Images continued from their other side. {_Pad.__doc__}"
    axes, method = 2, "wrap"


@attrs.define(eq=False)
class CircularPad3d(_Pad):
    __doc__ = f"Volumes continued from their other side. {_Pad.__doc__}"
    axes, method = 3, "wrap"
