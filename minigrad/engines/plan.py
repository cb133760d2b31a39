"""Plans: what a program does at each run, in terms of memory.

So that an engine can make many calls at once.

An engine that has a method `link` (see `LinksPlans`) is given the calls of a program in order. What it does is its own
affair as long as memory holds the same bits afterwards; calls that it does not know it runs as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import attrs

from minigrad.core.types import Array
from minigrad.engines.protocol import Thunk

__all__ = ["ArrayCall", "LinksPlans", "Operand", "PlannedCall", "PlansUpdates", "UpdatePlan"]


@attrs.frozen(eq=False)
class Operand:
    """Memory that a call reads.

    Attributes:
        form: the array itself; or, where it is another one at each run, any array of its shape, dtype and strides.
        fetch: gives the array of this run in whose memory the operand lies, contiguous in C order; None where it is
            fixed. One function for all operands in the same memory.
        offset: bytes from the start of that memory to the operand's first entry.
    """

    form: Array
    fetch: Callable[[], Array] | None = None
    offset: int = 0


@attrs.frozen(eq=False)
class ArrayCall:
    """A call that is no group.

    Attributes:
        name: what is done: "matmul", "copy", "take", ...; README.md lists them with their options.
        operands: what it reads.
        out: where the result goes; of an elementwise call it may be the memory of an operand, else none shares it.
            None of a call that only looks.
        options: what else there is to know.
    """

    name: str
    operands: tuple[Operand, ...]
    out: Array | None = None
    options: Mapping[str, object] = MappingProxyType({})


@attrs.frozen
class PlannedCall:
    """One call of a plan.

    Attributes:
        run: makes it, with NumPy.
        call: what it does, if that can be said.
        is_effect: it touches no numbers, only what Python keeps (a flag, say), so that it may run after later calls.
        owner: of an optimizer's step: the optimizer.
        uses_blas_threads: with NumPy it may be a decomposition, say, which has the matrix library's threads to itself.
    """

    run: Thunk
    call: ArrayCall | None = None
    is_effect: bool = False
    owner: object = None
    uses_blas_threads: bool = False


@attrs.frozen(eq=False)
class UpdatePlan:
    """An optimizer's step in terms of memory.

    Attributes:
        begin: takes over the numbers of this step (its count, scheduled rates). False if this step is another one than
            was planned: then the optimizer makes it itself.
        calls: what happens to memory. Where a call refuses (a norm that is not finite, say), nothing has changed that
            the optimizer's own step would not do again.
        finish: tells the optimizer that the step has been made.
        holds: whether the plan is still that of the optimizer's latest step.
    """

    begin: Callable[[], bool]
    calls: tuple[PlannedCall, ...]
    finish: Thunk
    holds: Callable[[], bool]


@runtime_checkable
class PlansUpdates(Protocol):
    """An optimizer that can say what its step does."""

    @property
    def t(self) -> int:
        """Number of updates made."""
        ...

    @property
    def is_elementwise(self) -> bool:
        """Whether each update goes entry by entry."""
        ...

    def gradient_sinks(self) -> AbstractSet[object]:
        """Where the gradients that it needs arrive."""
        ...

    @property
    def gradient_norm(self) -> float:
        """Norm of the gradient of the latest step."""
        ...

    def plan_update(self) -> UpdatePlan | None:
        """Plan the step that was made last; None where it cannot be said, or not yet."""
        ...


@runtime_checkable
class LinksPlans(Protocol):
    """An engine that takes whole plans."""

    def single_threaded(self) -> AbstractContextManager[None]:
        """Inside the block the matrix library works as it will in plans.

        So that the first runs leave the same bits.
        """
        ...

    def link(self, plan: Sequence[PlannedCall]) -> Sequence[Thunk]:
        """Make fewer calls of a plan, with the same effect on memory, to the last bit."""
        ...
