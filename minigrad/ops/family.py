"""Short forms for declaring the ops of a family.

A family then reads like a table of calculus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeAlias, TypeVar

import attrs
import numpy as np

from minigrad.core.op import Argument, Claims, Op
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.verify.declare import Declaration, Domain, Kinks, RandomSource
from minigrad.verify.domains import real
from minigrad.verify.register import register_builtin

UnaryRule: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
BinaryRule: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Kernel = TypeVar("Kernel", bound=Callable[..., Array])
_REAL = real()
_ELEMENTWISE = Claims(elementwise=True)
_CONSTANT = Claims(elementwise=True, piecewise_constant=True)


def of_floats(kernel: Kernel) -> Kernel:
    """Turn integers, numbers and lists into float arrays before a kernel.

    For kernels that keep the dtype of their argument. Whole numbers become float64.
    """

    @wraps(kernel)
    def call(x: Array, **options: object) -> Array:
        return kernel(x if hasattr(x, "dtype") and x.dtype.kind == "f" else _floats(x), **options)

    return call  # type: ignore[return-value]  # takes what the kernel takes


def _floats(x: object) -> Array:
    array = np.asarray(x)
    if array.dtype.kind not in "iub":
        return array
    return array.astype(np.float64)


@attrs.frozen
class Shifted:
    """The domain `base`, times `factor`, moved by `by`.

    `Shifted(positive(), 1.0)` holds the numbers above 1, `Shifted(unit(), 0.5, 0.5)` those between 0 and 1.
    """

    base: Domain
    by: float
    factor: float = 1.0
    shape: Shape | None = None
    matrix: bool = False
    differentiable: bool = True
    contains_zero: bool = False

    @property
    def kind(self) -> str:
        """For messages."""
        return f"{self.base.kind} * {self.factor:g} + {self.by:g}"

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """A sample of the base, moved."""
        return self.base.draw(rng, shape) * self.factor + self.by

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """A direction of the base at the place moved back."""
        return self.base.direction(rng, (x - self.by) / self.factor) * self.factor


class OpFamily:
    """Ops that are declared together and registered together.

    So their rules may use each other.

    A `lazy` family is registered when it is first used; NumPy functions reach it through `ops.numpy.signatures`.
    Rules are written with library ops, so the same text runs on arrays and on Tensors; mypy checks it on Tensors.
    """

    def __init__(self, lazy: bool = False) -> None:
        self.ops: list[Op] = []
        self._lazy = lazy

    def unary(
        self,
        name: str,
        forward: Callable[..., Array],
        doc: str,
        rule: UnaryRule,
        domain: Domain = _REAL,
        kinks: Kinks = (),
        numpy: Callable[..., object] | None = None,
    ) -> Op:
        """Declare an elementwise op of one argument, with `rule(g, y, x)`.

        `numpy` is the NumPy function where `forward` is not the ufunc itself.
        """
        op = Op(
            name, forward, (Argument("x", domain.differentiable),), {}, _ELEMENTWISE, doc,
            numpy=numpy or self._numpy(forward), declaration=Declaration((domain,), kinks=kinks),
        )  # fmt: skip
        op.add_rule(("x",), rule)
        return self.add(op)

    def binary(
        self,
        name: str,
        forward: Callable[..., Array],
        doc: str,
        x: BinaryRule,
        y: BinaryRule,
        domains: tuple[Domain, Domain] = (_REAL, _REAL),
        kinks: Kinks = (),
        linear: bool = False,
        numpy: Callable[..., object] | None = None,
    ) -> Op:
        """An elementwise op of two arguments that broadcast: a rule `(g, out, x, y)` for each."""
        arguments = tuple(Argument(n, d.differentiable) for n, d in zip(("x", "y"), domains, strict=True))
        claims = Claims(elementwise=True, linear=linear) if linear else _ELEMENTWISE
        op = Op(
            name, forward, arguments, {}, claims, doc,
            numpy=numpy or self._numpy(forward), declaration=Declaration(domains, kinks=kinks),
        )  # fmt: skip
        op.add_rule(("x",), x)
        op.add_rule(("y",), y)
        return self.add(op)

    def constant(
        self,
        name: str,
        forward: Callable[..., Array],
        doc: str,
        arguments: Sequence[str] = ("x",),
        domains: Sequence[Domain] = (),
    ) -> Op:
        """Declare an elementwise op whose derivative is zero wherever it exists.

        Samples come from `domains`, the real numbers by default.
        """
        op = Op(
            name, forward, tuple(Argument(a) for a in arguments), {}, _CONSTANT, doc,
            numpy=self._numpy(forward), declaration=Declaration(tuple(domains) or (_REAL,) * len(arguments)),
        )  # fmt: skip
        return self.add(op)

    def add(self, op: Op) -> Op:
        """Put an op that was declared with `minigrad.op` into the family."""
        self.ops.append(op)
        return op

    def register(self) -> None:
        """Verify all ops of the family and enter them."""
        register_builtin(self.ops)

    def _numpy(self, forward: Callable[..., Array]) -> Callable[..., object] | None:
        return forward if isinstance(forward, np.ufunc) and not self._lazy else None
