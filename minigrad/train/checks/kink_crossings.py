"""Kinks that lie between two points: which units of which layer change sides.

Source: course notes, gradient check, tip 5.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType

import attrs
import numpy as np

from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.nn import Module
from minigrad.runtime.observer import Observer
from minigrad.verify.declare import declaration_of

__all__ = ["ActivationPatterns", "Crossing", "activation_patterns", "crossings"]


_LIBRARY = ("minigrad.core", "minigrad.ops", "minigrad.runtime", "minigrad.train")


@attrs.frozen
class Crossing:
    """Entries of one op call that lie on different sides of a kink at two points.

    Attributes:
        layer: the module in whose `forward` the op was called, by name; the function, where it was called elsewhere.
        op: its name.
        crossed: how many entries change sides.
        entries: of how many.
        unit: index of the first of them; for layers after the first axis, which counts rows.
    """

    layer: str
    op: str
    crossed: int
    entries: int
    unit: tuple[int, ...]

    def __str__(self) -> str:
        which = (
            f"unit {list(self.unit[1:])} in row {self.unit[0]}" if len(self.unit) > 1 else f"entry {list(self.unit)}"
        )
        more = f" and {self.crossed - 1} more" if self.crossed > 1 else ""
        return f"{which}{more} of {self.entries} entries in {self.layer} ({self.op})"


@attrs.frozen(eq=False)
class ActivationPattern:
    """On which side of its kinks each entry of one op call lies, as numbers to be compared."""

    layer: str
    op: str
    pattern: Array


ActivationPatterns = list[ActivationPattern]


def activation_patterns(objective: Callable[[], object], modules: Mapping[int, str]) -> ActivationPatterns:
    """Run `objective` and note the sides of every kinked op in it.

    `modules`: id of a module -> its name.
    """
    observer = _PatternObserver(modules)
    with mode_override(grad=False, interceptor=observer):
        objective()
    return observer.patterns


def crossings(*points: ActivationPatterns) -> tuple[Crossing, ...]:
    """List what differs between runs of one computation at several points.

    Calls that do not correspond are left out.
    """
    different = []
    for calls in zip(*points, strict=False):
        first = calls[0]
        if any(c.op != first.op or c.pattern.shape != first.pattern.shape for c in calls):
            break
        differs = np.any([np.abs(c.pattern - first.pattern) > 0.05 for c in calls[1:]], axis=0)
        count = int(np.count_nonzero(differs))
        if count:
            where = np.unravel_index(int(np.argmax(differs)), differs.shape)
            unit = tuple(int(i) for i in where)
            different.append(Crossing(first.layer, first.op, count, differs.size, unit))
    return tuple(different)


class _PatternObserver(Observer):
    """Notes for every op with kinks on which side of them its arguments lie."""

    def __init__(self, modules: Mapping[int, str]) -> None:
        self.modules = modules
        self.patterns: ActivationPatterns = []

    def after(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: Tensor | tuple[Tensor, ...]
    ) -> None:
        pattern = _pattern(op, args, kwargs, result)
        if pattern is not None and pattern.size:
            self.patterns.append(ActivationPattern(self._place(sys._getframe(1)), op.name, pattern))

    def _place(self, frame: FrameType | None) -> str:
        """Name the module whose `forward` is running.

        Else the function outside the library that called the op.
        """
        caller = ""
        while frame is not None:
            name = self.modules.get(id(frame.f_locals.get("self")))
            if name is not None:
                return name
            module = str(frame.f_globals.get("__name__", ""))
            if not caller and not module.startswith(_LIBRARY):
                caller = frame.f_code.co_name
            frame = frame.f_back
        return caller or "the objective"


def _pattern(op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: object) -> Array | None:
    """Return numbers that tell on which side of a kink each entry lies.

    They change by 1 or so where an entry changes sides, and hardly otherwise; None for a smooth op.
    """
    if op.claims.piecewise_constant and isinstance(result, Tensor):
        return as_array(result).astype(np.float64)
    kinks = declaration_of(op).kinks
    if not callable(kinks) and not kinks:
        return None
    arrays = [as_array(a) if isinstance(a, Tensor) else np.asarray(a) for a in args]
    if not isinstance(kinks, str) and not callable(kinks):
        x = arrays[0].astype(np.float64)
        total: Array = sum((np.sign(x - k) for k in kinks), np.zeros(x.shape))
        return total
    if op.claims.elementwise and len(arrays) == 2:
        return np.sign(np.subtract(arrays[0], arrays[1], dtype=np.float64))
    return _slopes(op, arrays, kwargs, result)


def _slopes(op: Op, arrays: list[Array], kwargs: Mapping[str, object], result: object) -> Array | None:
    """Of any other kinked op the derivative: it jumps at a kink."""
    if not isinstance(result, Tensor) or not op.rules:
        return None
    y = as_array(result)
    g = 1.0 + (np.arange(y.size) % 7).reshape(y.shape)
    r = op.rules[0].function(g.astype(y.dtype), y, *arrays, **op.bind_kwargs(kwargs))
    first = r[0] if isinstance(r, tuple | list) else r
    return np.asarray(first, dtype=np.float64)


def module_names(model: Module) -> dict[int, str]:
    """id of every part -> its name and class, for `activation_patterns`."""
    return {id(part): f"{name or 'model'} ({type(part).__name__})" for name, part in model.named_modules()}
