"""Python's operators on Tensors. Each finds its op in the registry, so that the core knows no formula.

When `minigrad.runtime.fastpath` admits one of the everyday ops, it puts that op's own way of being applied in the place
of the operator, which saves half of a small op's overhead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from minigrad.core.registry import REGISTRY

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor, TensorLike

_OPS = REGISTRY.ops


class Operators:
    """Arithmetic."""

    __slots__ = ()

    def __add__(self, other: TensorLike) -> Tensor:
        return _OPS["add"].apply(self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return _OPS["add"].apply(other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return _OPS["subtract"].apply(self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return _OPS["subtract"].apply(other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return _OPS["multiply"].apply(self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return _OPS["multiply"].apply(other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return _OPS["divide"].apply(self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return _OPS["divide"].apply(other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return _OPS["power"].apply(self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return _OPS["power"].apply(other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return _OPS["matmul"].apply(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return _OPS["matmul"].apply(other, self)

    def __neg__(self) -> Tensor:
        return _OPS["negative"].apply(self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Tensor:
        return _OPS["abs"].apply(self)
