"""What a step does besides ops.

It looks at its data, draws random numbers, updates parameters.

In the everyday mode these things simply happen. A `Tracer`, which records a step in order to repeat it, takes them
over: they happen at the same place in every repetition, and not while the step is being recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

import attrs
import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.graph import Leaf, Node
from minigrad.core.mode import MODE, Interceptor
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, Shape

if TYPE_CHECKING:
    from minigrad.core.op import Op

__all__ = [
    "Check",
    "IntegersWithin",
    "Tracer",
    "current_tracer",
    "random_array",
    "refuse_inside_program",
    "runtime_check",
]

Check = Callable[[Array], None]
"""Looks at an array and raises what is to be raised."""


@attrs.frozen(eq=False)
class IntegersWithin:
    """A check that integers are at least 0 and below `high`, or equal to `ignored`.

    Who runs a program may look for itself, and call this only where one is not.

    Attributes:
        check: looks too, and says what is wrong.
    """

    check: Check
    high: int
    ignored: int | None = None

    def __call__(self, array: Array) -> None:
        self.check(array)


class Tracer(Interceptor, ABC):
    """An `Interceptor` that writes a step down.

    Backward runs the rules on Tensors, so they pass through `call`.
    """

    records_backward = True

    @abstractmethod
    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply `op` (see `minigrad.core.mode.Interceptor`)."""

    @abstractmethod
    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Look at a gradient (see `minigrad.core.mode.Interceptor`)."""

    @abstractmethod
    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        """A gradient arrives at a leaf."""

    @abstractmethod
    def runtime_check(self, value: Array, check: Check) -> None:
        """Let `check` look at the numbers of `value` whenever the step has got here."""

    @abstractmethod
    def concrete_value(self, value: Array) -> Array:
        """Return the numbers that `value` has in the run that is recorded.

        For a look that repetitions need not take again.
        """

    @abstractmethod
    def random_array(self, fill: Callable[[Array], object], shape: Shape, dtype: np.dtype[np.float64]) -> Tensor:
        """Make a value that `fill` writes anew whenever the step has got here.

        It is an array of that shape and dtype.
        """

    @abstractmethod
    def refuse(self, what: str) -> NoReturn:
        """Say that `what` happens in a step, which a repetition would not do again."""

    @abstractmethod
    def record_effect(self, owner: object, name: str, run: Callable[[], object]) -> None:
        """Do something with parameters and gradients that is no op.

        `owner` and `name` say whose doing it is.
        """

    @abstractmethod
    def record_effect_with_closure(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        """Record an effect that evaluates a loss as often as it likes.

        It gets an equal of `closure`, one that replays the recorded calls.
        """


def current_tracer() -> Tracer | None:
    """The tracer at work here, if there is one."""
    mode = MODE.get()
    if mode is None or not isinstance(mode.interceptor, Tracer):
        return None
    return mode.interceptor


def refuse_inside_program(what: str) -> None:
    """Refuse in a defined program what happens, or is read, while it is recorded only.

    Elsewhere nothing happens.

    Args:
        what: as a user writes it, "opt.set(...)" say.
    """
    tracer = current_tracer()
    if tracer is not None:
        tracer.refuse(what)


def runtime_check(value: object, check: Check) -> None:
    """Let `check` look at the numbers of `value` and raise where they are wrong.

    `value` is a Tensor or array.

    In a defined program it looks at each run. What `check` computes goes nowhere else.
    """
    array = as_array(value)
    tracer = current_tracer()
    if tracer is None:
        check(array)
    else:
        tracer.runtime_check(array, check)


def random_array(fill: Callable[[Array], object], shape: Shape, dtype: DTypeLike = np.float64) -> Array | Tensor:
    """Make random numbers that `fill` writes into an array of this shape and dtype.

    Fresh ones at each run of a program.

    Returns an array; inside a defined program a Tensor.
    """
    tracer = current_tracer()
    if tracer is not None:
        return tracer.random_array(fill, shape, np.dtype(dtype))  # type: ignore[arg-type]
    out: Array = np.empty(shape, dtype)
    fill(out)
    return out
