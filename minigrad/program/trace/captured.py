"""Arrays that a step uses without being given them: a program must notice when they change."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import attrs

from minigrad.core.types import Array
from minigrad.program.errors import TraceError

__all__ = ["Captured"]


@attrs.frozen(eq=False)
class Captured:
    """An array that somebody else may write to, and the bytes it held when the program was traced.

    An array that owns its memory is followed weakly: once nobody else holds it, nobody can change it.
    """

    find: Callable[[], Array | None]
    content: bytes

    @classmethod
    def of(cls, array: Array) -> Captured:
        """Follow `array`."""
        find: Callable[[], Array | None] = weakref.ref(array) if array.base is None else lambda: array
        return cls(find, array.tobytes())

    def check(self) -> None:
        """Raise TraceError if the array has changed."""
        array = self.find()
        if array is not None and array.tobytes() != self.content:
            raise TraceError(
                f"an array of shape {array.shape} that the step uses has been changed since the program was traced, "
                "which a program would not notice: pass it to the step as an argument"
            )
