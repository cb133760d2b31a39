"""What the array API standard asks of a Tensor beside arithmetic.

Comparisons, logic, its namespace, its memory.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import partialmethod
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.ops.numpy.constants import apply_plain
from minigrad.ops.numpy.errors import NotProvided
from minigrad.ops.numpy.export import export_memory

if TYPE_CHECKING:
    from minigrad.core.tensor import TensorLike

LOGIC: Mapping[str, np.ufunc] = MappingProxyType({
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
})  # fmt: skip
"""Operators on truth values and integers, and the ufunc of each."""


VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
"""Editions of the standard that `minigrad.array_api` answers to."""


def install() -> None:
    """Put these methods on `Tensor`."""
    for name, ufunc in LOGIC.items():
        setattr(Tensor, f"__{name}__", partialmethod(_of_bits, ufunc))
        setattr(Tensor, f"__r{name}__", partialmethod(_of_bits_reflected, ufunc))
    for name, method in vars(StandardMethods).items():
        if callable(method) or isinstance(method, property):
            setattr(Tensor, name, method)


def _of_bits(self: Tensor, ufunc: np.ufunc, other: object) -> Tensor:
    return apply_plain(ufunc, self, other)


def _of_bits_reflected(self: Tensor, ufunc: np.ufunc, other: object) -> Tensor:
    return apply_plain(ufunc, other, self)


class StandardMethods(Tensor):
    """A namespace of the methods that `install` copies to `Tensor`; it has no instances."""

    __slots__ = ()

    # -- comparisons and logic, which have no gradient and give constant Tensors
    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return apply_plain(operator.eq, self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return apply_plain(operator.ne, self, other)

    def __lt__(self, other: TensorLike) -> Tensor:
        return apply_plain(np.less, self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return apply_plain(np.less_equal, self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return apply_plain(np.greater, self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return apply_plain(np.greater_equal, self, other)

    def __invert__(self) -> Tensor:
        return apply_plain(np.invert, self)

    # -- namespace, device and memory
    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """`minigrad.array_api`: the functions of the array API standard.

        Raises:
            NotProvided: an edition of the standard is asked for that it does not answer to.
        """
        if api_version is not None and api_version not in VERSIONS:
            raise NotProvided(f"minigrad.array_api is of edition {VERSIONS[-1]}, not {api_version!r}")
        return cast("ModuleType", lazy.load("minigrad", "array_api"))

    @property
    def device(self) -> str:
        """Always "cpu": there is no other device."""
        return "cpu"

    def to_device(self, device: object, /, *, stream: object = None) -> Self:
        """The Tensor itself, on the only device there is.

        Raises:
            NotProvided: `device` is another one, or a stream is given.
        """
        if device != "cpu" or stream is not None:
            raise NotProvided(f"there is one device, 'cpu', without streams: to_device({device!r}) cannot be had")
        return self

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """NumPy's export to other libraries, as `minigrad.ops.numpy.export.export_memory` says."""
        options = {"stream": stream, "max_version": max_version, "dl_device": dl_device}
        return export_memory(self.__array__(), self._node.value, copy, options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)
