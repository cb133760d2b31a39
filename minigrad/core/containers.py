"""Values inside lists, tuples, dicts and attrs classes, taken out and put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.core.tensor import Tensor

Rebuild = Callable[[Sequence[object]], object]


def flatten(tree: object) -> tuple[list[object], Rebuild]:
    """The numeric leaves of a container, in a fixed order, and a function that rebuilds it from new leaves.

    Numbers, arrays and Tensors are leaves. Containers are lists, tuples (named ones too), dicts (by sorted key) and
    attrs classes; anything else (None, strings, flags) is kept as it is.
    """
    leaves: list[object] = []
    rebuild = _take(tree, leaves)
    return leaves, rebuild


def is_leaf(x: object) -> bool:
    """Whether `x` is a number, an array or a Tensor; truth values are flags and no numbers."""
    if isinstance(x, bool):
        return False
    return isinstance(x, Tensor | int | float | np.ndarray | np.generic)


def _take(tree: object, leaves: list[object]) -> Rebuild:
    if is_leaf(tree):
        position = len(leaves)
        leaves.append(tree)
        return lambda new: new[position]
    if isinstance(tree, dict):
        keys = sorted(tree, key=repr)
        parts = [_take(tree[k], leaves) for k in keys]
        return lambda new: {k: p(new) for k, p in zip(keys, parts, strict=True)}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        kind: Callable[..., object] = type(tree)
        parts = [_take(v, leaves) for v in tree]
        return lambda new: kind(*(p(new) for p in parts))
    if isinstance(tree, list | tuple):
        parts = [_take(v, leaves) for v in tree]
        if isinstance(tree, list):
            return lambda new: [p(new) for p in parts]
        return lambda new: tuple([p(new) for p in parts])
    made: type = type(tree)
    if attrs.has(made):
        fields = [a for a in attrs.fields(made) if a.init]
        parts = [_take(getattr(tree, a.name), leaves) for a in fields]
        aliases = [a.alias or a.name for a in fields]
        return lambda new: made(**{a: p(new) for a, p in zip(aliases, parts, strict=True)})
    return lambda new: tree
