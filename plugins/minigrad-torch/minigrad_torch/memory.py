"""Tensors of both libraries over the same memory, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.core.tensor import from_array
from minigrad_torch.errors import UnreadableWeights, load_torch

__all__ = ["share_from_torch", "share_with_torch"]


def share_from_torch(x: Any) -> Tensor:
    """Make a constant Tensor of minigrad over the memory of a `torch.Tensor`, without a copy.

    Writing into `x` in place afterwards changes the Tensor: `minigrad.tensor(x)` copies instead.

    Args:
        x: on the CPU, strided, of a dtype that NumPy has; its gradient does not come along.

    Raises:
        UnreadableWeights: its memory cannot be shared.
    """
    try:
        array: Any = np.from_dlpack(x.detach())
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        kind = f"{getattr(x, 'dtype', type(x).__name__)} on {getattr(x, 'device', 'no device')}"
        raise UnreadableWeights(
            f"memory of {kind} cannot be shared: {str(error)[:120]}; minigrad.tensor copies"
        ) from error
    return from_array(array.view())


def share_with_torch(x: Tensor) -> Any:
    """Make a `torch.Tensor` over the memory of a Tensor of minigrad, without a copy.

    PyTorch knows no read-only memory: writing into the result in place changes a constant.
    `torch.from_dlpack(x)` copies, and is safe.

    Args:
        x: one that needs no gradient: `x.detach()` otherwise. Parameters that an optimizer holds are refused, as their
            memory changes with each step.

    Raises:
        BufferError: the memory cannot be shared.
        TypeError: `x` requires a gradient.
        MissingTorch: PyTorch is not installed.
    """
    return load_torch("share_with_torch").from_dlpack(x, copy=False)
