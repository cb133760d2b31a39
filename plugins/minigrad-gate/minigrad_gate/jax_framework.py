"""JAX as the gate meets it: arrays in, arrays out.

Gradients are functions that can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from minigrad import GradientError
from minigrad.typing import Array
from minigrad_gate.foreign import Call, ForeignTensor, Options


class JaxFramework:
    """Calls functions of JAX on arrays, compiled where that is possible.

    JAX compiles even single operations for every shape anew, and that is what the check of a function takes its time
    for: so they are compiled together. JAX itself is imported when this is made.

    Attributes:
        compiles: whether functions are compiled; those that branch on numbers cannot be.
    """

    rule_word = "rule"
    joint = True

    def __init__(self) -> None:
        self.jax = import_module("jax")
        self.numpy = import_module("jax.numpy")
        self.compiles = True
        self._compiled: dict[tuple[Call, str], Any] = {}

    @contextmanager
    def double(self) -> Iterator[None]:
        """float64 switched on for the time of the check."""
        enable: Any = getattr(self.jax, "enable_x64", None)
        if enable is None:
            enable = import_module("jax.experimental").enable_x64
        with enable(True):
            yield

    def is_tensor(self, value: object) -> bool:
        """Whether `value` is examined; numbers of Python and random keys are options."""
        if isinstance(value, self.jax.Array):
            return not self.numpy.issubdtype(value.dtype, self.jax.dtypes.prng_key)
        return isinstance(value, np.ndarray)

    def numbers(self, value: ForeignTensor, name: str) -> Array:
        """The numbers of a sample.

        Raises:
            GradientError: it is complex, or being traced.
        """
        if isinstance(value, self.jax.core.Tracer):
            raise GradientError(f"argument {name!r} is being traced: call check_jax outside of jit, grad and vmap")
        if self.numpy.issubdtype(value.dtype, self.numpy.complexfloating):
            raise GradientError(
                f"argument {name!r} is of {value.dtype}: the gate compares real numbers. Pass its real and imaginary "
                "parts, in a function that joins them"
            )
        if self.numpy.issubdtype(value.dtype, self.numpy.floating):
            return np.asarray(value).astype(np.float64)
        return np.asarray(value)

    def tensor(self, a: Array) -> ForeignTensor:
        """An array of JAX."""
        return self.numpy.asarray(a)

    def array(self, t: ForeignTensor) -> Array:
        """The numbers of an array of JAX."""
        return np.asarray(t)

    def values(self, call: Call, arrays: Sequence[Array], options: Options) -> tuple[Array, ...]:
        """The outputs of `call`."""
        if not self.compiles:
            return tuple(self.array(y) for y in call([self.tensor(a) for a in arrays], options))
        key = call, repr(sorted(options.items()))
        if key not in self._compiled:
            self._compiled[key] = self.jax.jit(lambda *tensors: call(tensors, options))
        return tuple(self.array(y) for y in self._compiled[key](*map(self.tensor, arrays)))

    def pulled(
        self, call: Call, wanted: Sequence[int], tensors: Sequence[ForeignTensor], options: Options
    ) -> tuple[tuple[ForeignTensor, ...], Any]:
        """Outputs, and the function that takes their gradients to those of the arguments `wanted`."""

        def part(*moved: ForeignTensor) -> tuple[ForeignTensor, ...]:
            replaced = dict(zip(wanted, moved, strict=True))
            return call([replaced.get(i, t) for i, t in enumerate(tensors)], options)

        ys, pull = self.jax.vjp(part, *(tensors[i] for i in wanted))

        def pulled_back(cotangents: Sequence[ForeignTensor]) -> tuple[ForeignTensor, ...]:
            pairs = zip(ys, cotangents, strict=True)
            found: tuple[ForeignTensor, ...] = pull(tuple(self._cotangent(y, g) for y, g in pairs))
            return found

        return ys, pulled_back

    def _cotangent(self, y: ForeignTensor, g: ForeignTensor) -> ForeignTensor:
        if self.numpy.issubdtype(y.dtype, self.numpy.floating):
            return g
        return np.zeros(y.shape, dtype=self.jax.dtypes.float0)

    def broadcast(self, tensors: Sequence[ForeignTensor]) -> Sequence[ForeignTensor]:
        """The arrays, broadcast against each other."""
        broadcast: Sequence[ForeignTensor] = self.numpy.broadcast_arrays(*tensors)
        return broadcast

    def gradient(self, call: Call, wanted: tuple[int, ...], outputs: int) -> Call:
        """The gradients for some arguments, the others being constants."""

        def pulled(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            _, pull = self.pulled(call, wanted, tensors[outputs:], options)
            return tuple(pull(tensors[:outputs]))

        return pulled
