"""A Tensor's memory for other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.core.types import Array

__all__ = ["export_memory"]


def export_memory(array: Array, memory: Array, copy: bool | None, options: Mapping[str, Any]) -> object:
    """The DLPack capsule of a value: of a copy, as some libraries write into read-only memory.

    Args:
        array: the value in a form that can be handed out.
        memory: the value itself.
        copy: False shares the memory, marked read-only, and must not be written into.
        options: those of NumPy's arrays.

    Raises:
        BufferError: no copy is wanted, and the memory belongs to an optimizer or another library.
    """
    if copy is not False:
        return array.copy().__dlpack__(**options)
    if array.size and not np.shares_memory(array, memory):
        raise BufferError("this Tensor's memory has another owner, such as an optimizer: leave out copy=False")
    return array.__dlpack__(copy=False, **options)
