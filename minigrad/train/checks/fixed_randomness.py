"""Random numbers held still: every evaluation of an objective draws the same ones.

So dropout masks stay put.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from types import CellType
from typing import TypeVar

import numpy as np

from minigrad.core import Tensor
from minigrad.nn import Module

__all__ = ["FixedRandomness", "generators"]

R = TypeVar("R")


def generators(*owners: object) -> list[np.random.Generator]:
    """Every random generator that modules, losses and functions can be seen to hold.

    Looked at: fields, lists and dicts below a module or an attrs class, and the closures and globals that their
    functions name.
    """
    generators: dict[int, np.random.Generator] = {}
    seen: set[int] = set()
    stack = list(owners)
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, Tensor | np.ndarray | str):
            continue
        seen.add(id(item))
        if isinstance(item, np.random.Generator):
            generators[id(item)] = item
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())
        else:
            stack.extend(_held(item))
    return list(generators.values())


def _held(item: object) -> Iterator[object]:
    code = getattr(item, "__code__", None)
    if code is not None:
        yield from (cell.cell_contents for cell in getattr(item, "__closure__", None) or () if _is_filled(cell))
        named = getattr(item, "__globals__", {})
        # Of globals the generators alone: following every name would walk through all of NumPy.
        yield from (named[n] for n in code.co_names if isinstance(named.get(n), np.random.Generator))
    elif isinstance(item, Module) or hasattr(type(item), "__attrs_attrs__"):
        for cls in type(item).__mro__:
            yield from (v for v in vars(cls).values() if hasattr(v, "__code__"))
            slots = cls.__dict__.get("__slots__", ())
            names = (slots,) if isinstance(slots, str) else slots
            yield from (getattr(item, n) for n in names if n != "__weakref__" and hasattr(item, n))
        yield from getattr(item, "__dict__", {}).values()
    elif hasattr(item, "__func__"):
        yield item.__func__
        yield getattr(item, "__self__", None)


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


class FixedRandomness:
    """Runs an objective from the same state of all random generators.

    Its own ones, and NumPy's and Python's global ones.
    """

    def __init__(self, *owners: object) -> None:
        self._own = generators(*owners)
        self._states = [g.bit_generator.state for g in self._own]
        self._numpy = np.random.get_state(legacy=False)
        self._python = random.getstate()

    def moved(self) -> int:
        """How many of them have drawn numbers since they were last put back."""
        own = sum(repr(g.bit_generator.state) != repr(state) for g, state in zip(self._own, self._states, strict=True))
        drawn = repr(np.random.get_state(legacy=False)) != repr(self._numpy)
        return own + drawn + (random.getstate() != self._python)

    def __call__(self, objective: Callable[[], R]) -> R:
        """What the objective gives when it begins with these states."""
        self.restore()
        return objective()

    def restore(self) -> None:
        """Put every generator back to where it was found."""
        for g, state in zip(self._own, self._states, strict=True):
            g.bit_generator.state = state
        np.random.set_state(self._numpy)
        random.setstate(self._python)
