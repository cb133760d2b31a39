"""Who owns the memory of a value.

What may be handed out as it is, and what only as a copy.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import NumberTooLarge
from minigrad.core.types import Array, TensorBase

_OURS = (TensorBase, bool, int, float)


def is_immutable(value: Array) -> bool:
    """Tell whether the memory of `value` is read-only.

    True when the array and all arrays it is a view of are read-only.
    """
    owner: object = value
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None


def readonly(value: Array) -> Array:
    """Return `value` in a form that can be handed out.

    It is read-only down to the array that owns the memory.

    Results of ops stay writeable until they are read, which keeps the flag off the hot path. Memory that no
    array owns belongs to an optimizer's flat buffer (or a file), whose owner goes on writing to it: hand out a copy.
    Else a view: shape and dtype of an array can be set even where its numbers cannot.
    """
    if value.base is None:
        value.flags.writeable = False
        return value.view()
    chain: list[Array] = []
    owner: object = value
    while isinstance(owner, np.ndarray):
        chain.append(owner)
        owner = owner.base
    if owner is not None:
        value = value.copy()
        value.flags.writeable = False
        return value
    for a in chain:
        a.flags.writeable = False
    return value.view()


def copy_writable_args(
    args: tuple[object, ...], values: tuple[Array, ...], y: Array | tuple[Array, ...]
) -> tuple[tuple[Array, ...], Array | tuple[Array, ...]]:
    """Copy the arrays among the arguments: the caller could write to them, or open them.

    A rule must see what `forward` saw.
    """
    foreign = [i for i, a in enumerate(args) if not isinstance(a, _OURS)]
    if not foreign:
        return values, y
    owned = list(values)
    for i in foreign:
        owned[i] = values[i].copy()
        owned[i].flags.writeable = False
    if type(y) is np.ndarray and any(
        y is values[i] or (y.base is not None and np.may_share_memory(y, values[i])) for i in foreign
    ):
        y = y.copy()
    return tuple(owned), y


def weak_scalar(value: bool | int | float, dtype: np.dtype[np.generic]) -> Array:
    """Turn a Python number into a read-only 0-d array of its partner's dtype.

    This is NumPy's rule for weak scalars.

    Raises:
        NumberTooLarge: an integer does not fit its partner's dtype.
    """
    weak = dtype.kind in ("f" if isinstance(value, float) else "fiu")
    try:
        return readonly(np.asarray(value, dtype=dtype if weak else np.result_type(dtype, type(value))))
    except OverflowError as error:
        raise NumberTooLarge(f"a whole number that does not fit {dtype}, which it stands beside ({error})") from None
