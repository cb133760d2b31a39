"""Values inside containers, taken out and put back.

Lists, tuples, dicts, attrs classes and dataclasses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.core.tensor import Tensor

Unflatten = Callable[[Sequence[object]], object]


@attrs.frozen
class FlatTree:
    """The numeric leaves of a container in a fixed order, and the way back.

    With where each was found.

    `paths` are in Python's notation (`.layers[0]['w']`; an empty string when the container is a leaf itself);
    `rebuild` makes the same container around new leaves.
    """

    leaves: list[object]
    paths: list[str]
    rebuild: Unflatten


def flatten(tree: object) -> tuple[list[object], Unflatten]:
    """Flatten a container into its numeric leaves, in a fixed order.

    Returns them and a function that rebuilds the container from new leaves.

    Numbers, arrays and Tensors are leaves. Containers are lists, tuples (named ones too), dicts (leaves by sorted key,
    so that equal dicts match however they were filled), attrs classes and dataclasses; anything else (None, strings,
    truth values) is kept as it is.

    Classes are rebuilt without converters and validators, which know arrays and not gradients; a class with a
    post-init method or with fields outside `__init__` is rebuilt through `__init__`, so that these follow.
    """
    flat = tree_flatten_with_path(tree)
    return flat.leaves, flat.rebuild


def tree_flatten_with_path(tree: object) -> FlatTree:
    """`flatten`, with the path to each leaf."""
    leaves: list[object] = []
    paths: list[str] = []
    rebuild = _flatten_into(tree, "", leaves, paths)
    return FlatTree(leaves, paths, rebuild)


def is_leaf(x: object) -> bool:
    """Whether `x` is a number, an array or a Tensor; truth values are flags and no numbers."""
    if isinstance(x, np.generic):
        return x.dtype.kind in "fiuc"
    return isinstance(x, Tensor | int | float | np.ndarray) and not isinstance(x, bool)


def _flatten_into(tree: object, path: str, leaves: list[object], paths: list[str]) -> Unflatten:
    if is_leaf(tree):
        position = len(leaves)
        leaves.append(tree)
        paths.append(path)
        return lambda new: new[position]
    if isinstance(tree, dict):
        subtrees = {k: _flatten_into(tree[k], f"{path}[{k!r}]", leaves, paths) for k in sorted(tree, key=repr)}
        order = list(tree)
        return lambda new: {k: subtrees[k](new) for k in order}
    if isinstance(tree, list | tuple):
        parts = [_flatten_into(v, f"{path}[{i}]", leaves, paths) for i, v in enumerate(tree)]
        if isinstance(tree, list):
            return lambda new: [p(new) for p in parts]
        if hasattr(tree, "_fields"):
            kind: Callable[..., object] = type(tree)
            return lambda new: kind(*(p(new) for p in parts))
        return lambda new: tuple([p(new) for p in parts])
    fields = _fields(type(tree))
    if fields is None or isinstance(tree, type):
        return lambda new: tree
    inside = {name: _flatten_into(getattr(tree, name), f"{path}.{name}", leaves, paths) for name in fields}
    return _maker(type(tree), fields, inside)


def _fields(cls: type) -> dict[str, str] | None:
    """List fields that `__init__` takes, with the names it takes them by.

    None for a class of another kind.
    """
    if attrs.has(cls):
        return {a.name: a.alias or a.name for a in attrs.fields(cls) if a.init}
    if dataclasses.is_dataclass(cls):
        return {f.name: f.name for f in dataclasses.fields(cls) if f.init}
    return None


def _maker(cls: type, fields: dict[str, str], parts: dict[str, Unflatten]) -> Unflatten:
    if _follows_init(cls, fields):
        return lambda new: cls(**{fields[name]: part(new) for name, part in parts.items()})

    def plain(new: Sequence[object]) -> object:
        instance: object = object.__new__(cls)
        for name, part in parts.items():
            object.__setattr__(instance, name, part(new))
        return instance

    return plain


def _follows_init(cls: type, fields: dict[str, str]) -> bool:
    if any(hasattr(cls, name) for name in ("__attrs_post_init__", "__post_init__")):
        return True
    total = len(attrs.fields(cls)) if attrs.has(cls) else len(dataclasses.fields(cls))
    return total != len(fields)
