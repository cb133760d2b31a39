"""HIPS autograd as the gate meets it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import numpy as np

from minigrad import GradientError
from minigrad.typing import Array
from minigrad_gate.foreign import Call, ForeignTensor, Options


class AutogradFramework:
    """Calls functions of HIPS autograd on arrays.

    autograd itself is imported when this is made.
    """

    rule_word = "rule"
    joint = False

    def __init__(self) -> None:
        self.core = import_module("autograd.core")
        self.tracer = import_module("autograd.tracer")
        self.builtins = import_module("autograd.builtins")
        self.numpy = import_module("autograd.numpy")

    def is_tensor(self, value: object) -> bool:
        """Whether `value` is examined; numbers of Python are options."""
        return isinstance(value, np.ndarray)

    def numbers(self, value: ForeignTensor, name: str) -> Array:
        """The numbers of a sample.

        Raises:
            GradientError: it is complex.
        """
        a = np.array(value)
        if a.dtype.kind == "c":
            raise GradientError(
                f"argument {name!r} is of {a.dtype}: the gate compares real numbers. Pass its real and imaginary "
                "parts, in a function that joins them"
            )
        return a

    def values(self, call: Call, arrays: Sequence[Array], options: Options) -> tuple[Array, ...]:
        """The outputs of `call`."""
        return tuple(np.asarray(y) for y in call(arrays, options))

    def gradients(
        self, call: Call, wanted: Sequence[int], tensors: Sequence[ForeignTensor], options: Options,
        cotangents: Sequence[ForeignTensor],
    ) -> tuple[ForeignTensor, ...]:  # fmt: skip
        """Gradients of <cotangents, outputs> for the arguments `wanted`, in one call."""

        def projected(moved: ForeignTensor) -> ForeignTensor:
            replaced = {i: moved[k] for k, i in enumerate(wanted)}
            ys = call([replaced.get(i, t) for i, t in enumerate(tensors)], options)
            total = 0.0
            for y, g in zip(ys, cotangents, strict=True):
                if np.asarray(self._plain(y)).dtype.kind == "f":
                    total = total + self.numpy.sum(y * g)
            return total

        pull, _ = self.core.make_vjp(projected, self.builtins.tuple([tensors[i] for i in wanted]))
        found = pull(1.0)
        return tuple(found[k] for k in range(len(wanted)))

    def _plain(self, value: ForeignTensor) -> Array:
        while self.tracer.isbox(value):
            value = value._value
        return np.asarray(value)

    def broadcast(self, tensors: Sequence[ForeignTensor]) -> Sequence[ForeignTensor]:
        """The arrays, broadcast against each other: autograd differentiates an addition of zeros."""
        shape = np.broadcast_shapes(*(self._plain(t).shape for t in tensors))
        return [t if self._plain(t).shape == shape else t + np.zeros(shape, self._plain(t).dtype) for t in tensors]

    def gradient(self, call: Call, wanted: tuple[int, ...], outputs: int) -> Call:
        """The gradients for some arguments, the others being constants."""

        def pulled(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            return self.gradients(call, wanted, tensors[outputs:], options, tensors[:outputs])

        return pulled
