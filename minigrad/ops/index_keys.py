"""Indices as part of a graph: private copies, checked."""

from __future__ import annotations

from operator import index

import numpy as np

from minigrad.core.memory import is_immutable
from minigrad.core.tensor import Tensor
from minigrad.core.types import Key, KeyPart


def immutable_index(key: object) -> Key:
    """An index with private copies of the arrays in it. Raises TypeError for a Tensor that requires a gradient."""
    if isinstance(key, tuple):
        return tuple(_frozen_part(k) for k in key)
    return _frozen_part(key)


def _frozen_part(key: object) -> KeyPart:
    if isinstance(key, Tensor):
        if key._node.requires_grad:
            raise TypeError("an index has no gradient: use .detach() on the Tensor inside the brackets")
        key = key._node.value
    if isinstance(key, list | bool | np.bool_):
        key = np.asarray(key, dtype=np.intp if isinstance(key, list) and not key else None)
    if isinstance(key, np.ndarray):
        if key.dtype.kind not in "iub":
            raise IndexError(f"an index array must hold integers or booleans, not {key.dtype}")
        if not is_immutable(key):
            key = key.copy()
            key.flags.writeable = False
        return key
    if key is None or key is Ellipsis or isinstance(key, slice):
        return key
    try:
        return index(key)  # type: ignore[arg-type]
    except TypeError:
        raise IndexError(
            f"a Tensor is indexed by integers, slices, ..., None, integer or boolean arrays, not {type(key).__name__}"
        ) from None


def is_basic(key: object) -> bool:
    """Whether a key holds integers, slices, None and Ellipsis only, so that no entry is met twice."""
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice or type(part) is int or part is None or part is Ellipsis:
            continue
        if not isinstance(part, np.integer):
            return False
    return True
