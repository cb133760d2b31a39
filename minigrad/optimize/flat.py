"""Functions of containers as functions of one vector, run as programs."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, Shape
from minigrad.ops.functions import concatenate, reshape
from minigrad.ops.functions import sum as total
from minigrad.ops.index import getitem
from minigrad.optimize.errors import ProblemError
from minigrad.program.define import define
from minigrad.program.errors import TraceError
from minigrad.transforms.grad import hessian, hvp, jacobian, value_and_grad
from minigrad.transforms.pytree import flatten

__all__ = ["FlatFunction", "FlatSpace"]


class FlatSpace:
    """Containers of one structure as float64 vectors.

    Attributes:
        start: the vector of the container it was made from.
        size: its length.
    """

    def __init__(self, start: object) -> None:
        leaves, self._rebuild = flatten(start)
        arrays = [np.asarray(as_array(leaf), np.float64) for leaf in leaves]
        self._plain = [not isinstance(leaf, np.ndarray | Tensor) for leaf in leaves]
        self._shapes: list[Shape] = [a.shape for a in arrays]
        self.size = sum(a.size for a in arrays)
        if not self.size:
            raise ProblemError("the start holds no numbers: give a number, an array, or a container of them")
        self.start: Array = np.concatenate([a.reshape(-1) for a in arrays])
        if not np.all(np.isfinite(self.start)):
            raise ProblemError("the start holds NaN or infinity")

    def tree(self, vector: Any) -> Any:
        """The container of a vector: of arrays for an array, of Tensors for a Tensor."""
        parts: list[object] = []
        at = 0
        for shape in self._shapes:
            count = prod(shape)
            part = (
                getitem(vector, key=(slice(at, at + count),)) if isinstance(vector, Tensor) else vector[at : at + count]
            )
            parts.append(reshape(part, shape))
            at += count
        return self._rebuild(parts)

    def result(self, vector: Array) -> Any:
        """The container of a vector, with plain numbers where the start has them."""
        leaves, rebuild = flatten(self.tree(np.array(vector)))
        plain = [float(np.asarray(p)) if number else np.array(p) for p, number in zip(leaves, self._plain, strict=True)]
        return rebuild(plain)

    def vector(self, tree: object, what: str) -> Array:
        """The vector of a container of the same structure, or of one number for all entries.

        Raises:
            ProblemError: it has another structure or other shapes.
        """
        leaves: list[Any] = flatten(tree)[0]
        if len(leaves) == 1 and np.ndim(leaves[0]) == 0:
            return np.full(self.size, float(np.asarray(leaves[0])))
        shapes = [np.shape(leaf) for leaf in leaves]
        if shapes != self._shapes:
            raise ProblemError(f"{what} has arrays of shapes {shapes}, the start has {self._shapes}"[:299])
        return np.concatenate([np.asarray(as_array(leaf), np.float64).reshape(-1) for leaf in leaves])


class FlatFunction:
    """A function of a container and its derivatives, as functions of a vector.

    Each is traced once and repeated as a program; a function that looks at numbers while it runs, which no program can
    hold, runs on Tensors.

    Attributes:
        space: of its argument.
        eager_because: why it does not run as a program; empty where it does.
    """

    def __init__(self, function: Callable[[Any], Any], space: FlatSpace, args: tuple[Any, ...] = ()) -> None:
        self.space = space
        self.eager_because = ""
        self._function, self._args = function, args
        self.value = self._run(self._flat)
        self.value_and_grad = self._run(value_and_grad(self._number))
        self.hessian = self._run(hessian(self._number))
        self.hessian_product = self._run(lambda x, v: hvp(self._number, (x,), (v,)))
        self.jacobian = self._run(jacobian(self._flat))
        self.weighted_hessian = self._run(hessian(lambda x, v: total(reshape(self._flat(x), (-1,)) * v)))

    def grad(self, x: Array) -> Array:
        """The gradient at a vector."""
        slope: Array = self.value_and_grad(x)[1]
        return slope

    def _flat(self, x: Any) -> Any:
        """All numbers of the result in one vector; one number as it is."""
        leaves: list[Any] = flatten(self._function(self.space.tree(x), *self._args))[0]
        if not leaves:
            raise ProblemError("the function returned no numbers: it needs a return")
        if len(leaves) == 1 and np.ndim(leaves[0]) <= 1:
            return leaves[0]
        return concatenate([reshape(leaf, (-1,)) for leaf in leaves])

    def _number(self, x: Any) -> Any:
        y = self._flat(x)
        if np.size(y) != 1:
            raise ProblemError(f"a function to minimize returns one number; this one returned shape {np.shape(y)}")
        return reshape(y, ())

    def _run(self, function: Callable[..., Any]) -> Callable[..., Any]:
        program: Callable[..., Any] = define(lambda *xs: function(*xs))

        def run(*xs: Array) -> Any:
            xs = tuple(np.array(x, np.float64) for x in xs)
            if not self.eager_because:
                try:
                    return _as_arrays(program(*xs))
                except TraceError as error:
                    self.eager_because = str(error).splitlines()[0]
            return _as_arrays(function(*map(Tensor, xs)))

        return run


def _as_arrays(y: Any) -> Any:
    if isinstance(y, tuple):
        return tuple(map(_as_arrays, y))
    return np.array(as_array(y), np.float64)
