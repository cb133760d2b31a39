"""Closures of optimizers that evaluate the loss themselves.

The recorded calls, applied again to real Tensors.

Such a rule asks for the loss, its gradient or its Hessian wherever and as often as it likes. What it gets is the
closure as a graph that core can differentiate to any order: no faster than eager, and the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import attrs

from minigrad.core.tensor import Tensor, from_array
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import (
    AccumulateGrad,
    Assert,
    AssignBuffer,
    Call,
    FillRandom,
    HostCall,
    Instruction,
    Value,
    ZeroGrad,
    defs,
    uses,
)
from minigrad.program.trace.replay import operand, replay

__all__ = ["ClosureReplay"]


_EFFECTS: Mapping[type[Instruction], str] = MappingProxyType(
    {AccumulateGrad: "backward()", ZeroGrad: "zero_grad()", HostCall: "an update", AssignBuffer: "an assignment"}
)


@attrs.frozen(eq=False)
class ClosureReplay:
    """The recorded steps of a closure.

    Attributes:
        values: of the whole trace.
        steps: of the closure.
        output: number of the loss.
        feeds: the values it takes from outside, in the order in which `loss` is given them.
    """

    values: tuple[Value, ...]
    steps: tuple[Call | FillRandom | Assert, ...]
    output: int
    feeds: tuple[int, ...]

    @classmethod
    def of(cls, values: Sequence[Value], steps: Sequence[Instruction], output: int) -> ClosureReplay:
        """The replay of a closure that was traced as `steps`.

        Raises:
            TraceError: the closure has an effect.
        """
        kept: list[Call | FillRandom | Assert] = []
        defined: set[int] = set()
        feeds: dict[int, None] = {}
        for step in steps:
            if not isinstance(step, Call | FillRandom | Assert):
                raise TraceError(
                    f"a closure for opt.step() did more than compute the loss ({_EFFECTS[type(step)]}): leave "
                    "backward() and updates to the optimizer"
                )
            kept.append(step)
            feeds.update((k, None) for k in uses(step) if k not in defined and values[k].is_computed)
            defined.update(defs(step))
        if output not in defined and values[output].is_computed:
            feeds[output] = None
        return cls(tuple(values), tuple(kept), output, tuple(feeds))

    def loss(self, arrays: Sequence[Array]) -> Tensor:
        """What the closure returns, for these numbers and the parameters as they stand."""
        results = {k: from_array(a.copy()) for k, a in zip(self.feeds, arrays, strict=True)}
        return operand(self.output, self.values, replay(self.values, self.steps, results))
