"""What people look for on a Tensor, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NoReturn

import numpy as np

from minigrad import lazy
from minigrad.core.errors import nearest
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.ops.numpy.dispatch import PLAIN_FUNCTIONS, PLAIN_UFUNCS

__all__ = ["ATTRIBUTE_HINTS", "count_entries", "suggest"]

_IN_PLACE = "Tensors do not change; "

# fmt: off
ATTRIBUTE_HINTS: Mapping[str, str] = MappingProxyType({
    # NumPy
    "sort": _IN_PLACE + "minigrad.sort(t) returns the sorted entries",
    "partition": _IN_PLACE + "minigrad.partition(t, kth) returns them",
    "fill": _IN_PLACE + "use minigrad.full(shape, value), or t[...] = value",
    "put": _IN_PLACE + "use t[indices] = values",
    "resize": _IN_PLACE + "use t.reshape(shape), or minigrad.pad(t, pad_width)",
    "itemset": _IN_PLACE + "use t[index] = value",
    "setflags": "its memory is read-only",
    "flags": "use t.data.flags",
    "flat": "use t.ravel()",
    "strides": "use t.data.strides",
    "base": "use t.data.base",
    "nbytes": "use t.data.nbytes",
    "itemsize": "use t.dtype.itemsize",
    "ctypes": "use t.data.ctypes",
    "tobytes": "use t.detach().numpy().tobytes()",
    "tofile": "use t.detach().numpy().tofile(path)",
    "dump": "save t.numpy(), or a model with minigrad.checkpoint",
    "choose": "use minigrad.where(condition, x, y), or minigrad.take_along_axis(t, indices, axis)",
    # PyTorch: memory and dtype
    "view": "use t.reshape(shape) for another shape, t.astype(dtype) for another dtype, t.copy() for another handle",
    "view_as": "use t.reshape(other.shape)",
    "reshape_as": "use t.reshape(other.shape)",
    "cpu": "it is in main memory already",
    "cuda": "it is in main memory, and there is no other device",
    "to": "use t.astype(dtype); there is one device, main memory",
    "type": "use t.astype(dtype), or read t.dtype",
    "double": "use t.astype(float)",
    "float": "use t.astype('float32')",
    "half": "use t.astype('float16')",
    "long": "use t.detach().numpy().astype(int)",
    "int": "use t.detach().numpy().astype(int)",
    "bool": "compare: t != 0 is an array of truth values",
    "contiguous": "its memory layout is minigrad's business; t.numpy().copy() is a contiguous array",
    "clone": "use t.copy(), or minigrad.copy(t)",
    "dim": "use t.ndim",
    "ndimension": "use t.ndim",
    "nelements": "use t.size",
    "is_cuda": "it is in main memory, and there is no other device",
    "pin_memory": "it is in main memory, and there is no other device",
    "bfloat16": "use t.astype('float16')",
    "scatter_": _IN_PLACE + "use minigrad.put_along_axis(t, indices, values, axis)",
    "scatter": "use minigrad.put_along_axis(t, indices, values, axis)",
    "index_select": "use minigrad.take(t, indices, axis)",
    "masked_select": "use t[mask]",
    "normal_": _IN_PLACE + "make one of drawn numbers: minigrad.tensor(rng.normal(size=t.shape))",
    "uniform_": _IN_PLACE + "make one of drawn numbers: minigrad.tensor(rng.random(t.shape))",
    "numel": "use t.size",
    "nelement": "use t.size",
    "is_leaf": "print(t) tells; a leaf is made by minigrad.tensor(data, requires_grad=True)",
    "grad_fn": "print(t) names the op that made it",
    "retain_grad": "differentiate for it: minigrad.grad(f)(value)",
    "register_hook": "minigrad.debug() looks at gradients as they flow",
    "requires_grad_": "pass requires_grad=True to minigrad.tensor(data)",
    "detach_": _IN_PLACE + "use t.detach()",
    "zero_": _IN_PLACE + "use t[...] = 0, or t.zero_grad() for the gradient",
    "fill_": _IN_PLACE + "use t[...] = value",
    "copy_": _IN_PLACE + "use t[...] = value",
    "add_": _IN_PLACE + "use t = t + other",
    "sub_": _IN_PLACE + "use t = t - other",
    "mul_": _IN_PLACE + "use t = t * other",
    "div_": _IN_PLACE + "use t = t / other",
    "new_zeros": "use minigrad.full(shape, 0.0)",
    "new_ones": "use minigrad.full(shape, 1.0)",
    # PyTorch: shape
    "unsqueeze": "use minigrad.expand_dims(t, axis), or t[None]",
    "permute": "use t.transpose(axes)",
    "t": "use t.T",
    "mH": "use t.mT",
    "H": "use t.T",
    "expand": "use minigrad.broadcast_to(t, shape)",
    "expand_as": "use minigrad.broadcast_to(t, other.shape)",
    "chunk": "use minigrad.array_split(t, sections, axis)",
    "unbind": "use minigrad.unstack(t, axis)",
    "narrow": "use a slice, t[start:stop]",
    "unflatten": "use t.reshape(shape)",
    # PyTorch: arithmetic under other names
    "pow": "use t ** p, or minigrad.power(t, p)",
    "sub": "use t - other, or minigrad.subtract(t, other)",
    "mul": "use t * other, or minigrad.multiply(t, other)",
    "div": "use t / other, or minigrad.divide(t, other)",
    "true_divide": "use t / other, or minigrad.divide(t, other)",
    "neg": "use -t, or minigrad.negative(t)",
    "abs": "use abs(t), or minigrad.absolute(t)",
    "mm": "use t @ other, or minigrad.matmul(t, other)",
    "bmm": "use t @ other, or minigrad.matmul(t, other)",
    "mv": "use t @ other, or minigrad.matvec(t, other)",
    "ger": "use minigrad.outer(t, other)",
    "clamp": "use t.clip(min, max)",
    "clamp_min": "use t.clip(min)",
    "clamp_max": "use t.clip(None, max)",
    "arctan2": "use minigrad.arctan2(t, other)",
    "atan2": "use minigrad.arctan2(t, other)",
    "asin": "use minigrad.arcsin(t)",
    "acos": "use minigrad.arccos(t)",
    "atan": "use minigrad.arctan(t)",
    "asinh": "use minigrad.arcsinh(t)",
    "acosh": "use minigrad.arccosh(t)",
    "atanh": "use minigrad.arctanh(t)",
    "sgn": "use minigrad.sign(t)",
    "fix": "use minigrad.trunc(t)",
    "cat": "use minigrad.concatenate(tensors, axis)",
    "concat": "use minigrad.concatenate(tensors, axis)",
    "gt": "use t > other",
    "lt": "use t < other",
    "ge": "use t >= other",
    "le": "use t <= other",
    "eq": "use t == other",
    "ne": "use t != other",
    "amax": "use t.max(axis)",
    "amin": "use t.min(axis)",
    "logical_not": "use numpy.logical_not(t)",
    # PyTorch: linear algebra
    "det": "use minigrad.linalg.det(t)",
    "logdet": "use minigrad.linalg.slogdet(t)",
    "inverse": "use minigrad.linalg.inv(t)",
    "pinverse": "use minigrad.linalg.pinv(t)",
    "cholesky": "use minigrad.linalg.cholesky(t)",
    "svd": "use minigrad.linalg.svd(t)",
    "qr": "use minigrad.linalg.qr(t)",
    "matrix_power": "use minigrad.linalg.matrix_power(t, n)",
})
# fmt: on


def suggest(name: str, attributes: Iterable[str]) -> str:
    """Say what to write instead of `t.name`, where a Tensor has no such attribute.

    The text begins with a colon or a full stop, and names only functions that exist: of minigrad first, then those of
    NumPy that work on Tensors.
    """
    if name in ATTRIBUTE_HINTS:
        return f": {ATTRIBUTE_HINTS[name]}"
    value = lazy.load("minigrad", name) if name in _functions() else None
    if callable(value) and not isinstance(value, type):
        return f": use minigrad.{name}(t, ...)"
    function = getattr(np, name, None)
    if callable(function) and (function in PLAIN_FUNCTIONS or function in PLAIN_UFUNCS):
        return f": use numpy.{name}(t, ...), which gives a plain array"
    if callable(function) and (REGISTRY.function(function) or REGISTRY.ufunc(function)):
        return f": use numpy.{name}(t, ...)"
    return "." + nearest(name, attributes)


def _functions() -> frozenset[str]:
    """Public names of minigrad that are functions of Tensors."""
    tables: Mapping[str, str] = lazy.load("minigrad.api", "PUBLIC")
    names = (row.split() for home, row in tables.items() if home.startswith("ops."))
    return frozenset(entry.partition("=")[0] for row in names for entry in row)


class EntryCount(int):
    """A number of entries, which says what `t.size(0)` should have been."""

    def __call__(self, *_: object) -> NoReturn:
        """Raise TypeError."""
        raise TypeError("t.size is the number of entries, and no method: use t.shape, or t.shape[0]")


def count_entries(self: Tensor) -> EntryCount:
    """Number of entries."""
    return EntryCount(self._node.value.size)
