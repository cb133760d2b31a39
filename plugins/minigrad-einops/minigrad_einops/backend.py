"""What einops asks of a library, answered by the functions of the array API."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from einops._backends import AbstractBackend

import minigrad as mg
from minigrad import Tensor, array_api

__all__ = ["MinigradBackend"]


class MinigradBackend(AbstractBackend):
    """Tensors for einops, which finds this class among the subclasses of its base."""

    framework_name = "minigrad"

    def is_appropriate_type(self, tensor: object) -> bool:
        """Whether this is a Tensor of minigrad."""
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: np.ndarray) -> Tensor:
        """A Tensor of a copy, which requires a gradient if it holds floats."""
        return mg.tensor(x, requires_grad=x.dtype.kind == "f")

    def to_numpy(self, x: Tensor) -> np.ndarray:
        """The value as a read-only array."""
        return x.detach().numpy()

    def arange(self, start: int, stop: int) -> Tensor:
        """The integers from `start` to below `stop`."""
        return array_api.arange(start, stop)

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The entries in another shape."""
        return array_api.reshape(x, tuple(shape))

    def transpose(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Axes in another order."""
        return array_api.permute_dims(x, tuple(axes))

    def reduce(self, x: Tensor, operation: str, axes: tuple[int, ...]) -> Tensor:
        """Take the min, max, sum, mean, prod, any or all over axes."""
        reduction: Tensor = getattr(array_api, operation)(x, axis=tuple(axes))
        return reduction

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        """Tensors of one shape along a new first axis."""
        return array_api.stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        """Put in an axis of length one."""
        return array_api.expand_dims(x, axis=new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        """Put in new axes, along which the entries repeat."""
        for position in pos2len:
            x = array_api.expand_dims(x, axis=position)
        return array_api.broadcast_to(x, tuple(pos2len.get(a, n) for a, n in enumerate(x.shape)))

    def tile(self, x: Tensor, repeats: tuple[int, ...]) -> Tensor:
        """Entries several times along each axis."""
        return array_api.tile(x, tuple(repeats))

    def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
        """Tensors behind one another along an axis."""
        return array_api.concat(tensors, axis=axis)

    def is_float_type(self, x: Tensor) -> bool:
        """Whether the entries are floats."""
        return x.dtype.kind == "f"

    def layers(self) -> ModuleType:
        """The module of layers for minigrad."""
        from minigrad_einops import layers

        return layers

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        """Sums of products by the letters of `pattern`."""
        return mg.einsum(pattern, *x)
