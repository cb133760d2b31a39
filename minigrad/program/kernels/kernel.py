"""What a kernel is: a NumPy call that writes an op's result into an array that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from minigrad.core.types import Array, Shape
from minigrad.program.graph import Call, Value

__all__ = ["Kernel", "Make"]


@attrs.frozen(eq=False)
class Kernel:
    """`function(*operands, *more, out=out, **options)`.

    Attributes:
        more: constant operands after the op's own.
        shape: what to view the output as, where it is not the op's own shape.
        in_place: whether the output may be an operand of the same shape.
        routine: name under which engines know what it does (see `minigrad.engines`), or "".
        details: options of that routine.
    """

    function: Callable[..., object]
    more: tuple[Array, ...] = ()
    options: Mapping[str, object] = attrs.field(factory=dict)
    shape: Shape | None = None
    in_place: bool = False
    routine: str = ""
    details: Mapping[str, object] = attrs.field(factory=dict)


Make: TypeAlias = Callable[[Call, list[Value], Value], Kernel | None]
"""Type of a function that makes the kernel of a call, or None where there is none.

It sees what is known of the call's operands and its result.
"""
